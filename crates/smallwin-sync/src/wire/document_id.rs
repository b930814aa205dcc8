//! Document ids as text: base58check without a version byte, as automerge-repo writes them.

/// The text of sixteen bytes.
pub(crate) fn encode(id: &[u8; 16]) -> String {
    bs58::encode(id).with_check().into_string()
}

/// The sixteen bytes behind a text; nothing when it is none.
pub(crate) fn decode(text: &str) -> Option<[u8; 16]> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    bs58::decode(text)
        .with_check(None)
        .into_vec()
        .ok()?
        .try_into()
        .ok()
}

/// Sixteen bytes and their check take at most 28 characters.
const TEXT_BYTES_MAX: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_protocol_holds() {
        let id: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap_or(0));
        assert_eq!(encode(&id), "1Bhh3pU9gLXZiNDL6PEa1Gs9fh");
        assert_eq!(decode("1Bhh3pU9gLXZiNDL6PEa1Gs9fh"), Some(id));
    }

    #[test]
    fn a_typo_or_another_length_is_no_id() {
        for text in [
            "",
            "1Bhh3pU9gLXZiNDL6PEa1Gs9fi",
            "1Bhh3pU9gLXZiNDL6PEa1Gs9f",
            "0",
            &"1".repeat(400),
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
