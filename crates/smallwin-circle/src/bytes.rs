//! The newtypes over fixed bytes: one form in memory, in text and in JSON.

/// Why a text is not the id or key it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} should be {length} bytes in base64url without padding")]
pub struct BytesError {
    /// The name of the type.
    pub(crate) what: &'static str,
    /// Its length in bytes.
    pub(crate) length: usize,
}

/// Defines a newtype over `[u8; N]` whose text form is base64url and whose `Debug` is short.
macro_rules! bytes_type {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $length]);

        impl $name {
            /// Length in bytes.
            pub const LENGTH: usize = $length;

            /// Takes the bytes as they are.
            pub const fn from_bytes(bytes: [u8; $length]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        $crate::bytes::bytes_text!($name, $length, |bytes| Ok::<_, $crate::BytesError>($name(bytes)));
    };
}

/// Gives a type with `as_bytes` its text forms; `$make` turns checked-length bytes into the type.
macro_rules! bytes_text {
    ($name:ident, $length:literal, $make:expr) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::b64u::encode(self.as_bytes()))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let text = self.to_string();
                write!(
                    f,
                    "{}({}…)",
                    stringify!($name),
                    text.get(..8).unwrap_or(&text)
                )
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::BytesError;

            fn from_str(text: &str) -> Result<Self, $crate::BytesError> {
                let fault = $crate::BytesError {
                    what: stringify!($name),
                    length: $length,
                };
                let bytes: [u8; $length] = $crate::b64u::decode_array(text).ok_or(fault)?;
                let make: fn([u8; $length]) -> Result<Self, _> = $make;
                make(bytes).map_err(|_| fault)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text =
                    <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {bytes_text, bytes_type};
