//! One CBOR item as a tree, read after the gate bounded the frame.

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

/// One CBOR item; text and bytes are borrowed from the frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'b> {
    /// `null` or `undefined`: the field is absent.
    Absent,
    Bool(bool),
    /// A whole number from 0, also when it came as a float (JavaScript writes large ones so).
    Number(u64),
    Text(&'b str),
    Bytes(&'b [u8]),
    Array(Vec<Value<'b>>),
    Map(Vec<(&'b str, Value<'b>)>),
    /// Anything else: kept only so that it can be skipped.
    Other,
}

impl<'b> Value<'b> {
    /// Reads one item and refuses bytes behind it.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Value<'b>, Error> {
        let mut decoder = Decoder::new(bytes);
        let value = item(&mut decoder, DEPTH_MAX)?;
        if decoder.position() != bytes.len() {
            return Err(Error::message("bytes after the item"));
        }
        Ok(value)
    }

    /// The field `name` of a map; absent when it is not one or has none.
    pub(crate) fn get(&self, name: &str) -> &Value<'b> {
        match self {
            Value::Map(entries) => entries
                .iter()
                .find(|(key, _)| *key == name)
                .map_or(&Value::Absent, |(_, value)| value),
            _ => &Value::Absent,
        }
    }

    pub(crate) fn text(&self) -> Option<&'b str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self) -> Option<&'b [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn fixed<const N: usize>(&self) -> Option<[u8; N]> {
        self.bytes()?.try_into().ok()
    }

    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Value<'b>]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }
}

fn item<'b>(decoder: &mut Decoder<'b>, depth: usize) -> Result<Value<'b>, Error> {
    if depth == 0 {
        return Err(Error::message("nested too deep"));
    }
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Value::Absent
        }
        Type::Undefined => {
            decoder.undefined()?;
            Value::Absent
        }
        Type::Bool => Value::Bool(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Value::Number(decoder.u64()?),
        Type::F16 => whole(f64::from(decoder.f16()?)),
        Type::F32 => whole(f64::from(decoder.f32()?)),
        Type::F64 => whole(decoder.f64()?),
        Type::String => Value::Text(decoder.str()?),
        Type::Bytes => Value::Bytes(decoder.bytes()?),
        Type::Array => {
            let count = decoder
                .array()?
                .ok_or_else(|| Error::message("indefinite array"))?;
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(item(decoder, depth - 1)?);
            }
            Value::Array(items)
        }
        Type::Map => {
            let count = decoder
                .map()?
                .ok_or_else(|| Error::message("indefinite map"))?;
            let mut entries = Vec::new();
            for _ in 0..count {
                let key = decoder.str()?;
                entries.push((key, item(decoder, depth - 1)?));
            }
            Value::Map(entries)
        }
        _ => {
            decoder.skip()?;
            Value::Other
        }
    })
}

/// A float that is a whole number JavaScript can count to, as that number.
fn whole(float: f64) -> Value<'static> {
    if (0.0..=9_007_199_254_740_991.0).contains(&float) && float.fract() == 0.0 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range was checked the line before"
        )]
        return Value::Number(float as u64);
    }
    Value::Other
}

/// Deeper than any frame of the protocol; the gate allows no more either.
const DEPTH_MAX: usize = 8;
