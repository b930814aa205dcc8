//! Base64url without padding, for keys in peer ids.

/// The text of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        for i in 0..3 {
            bits = (bits << 8) | u32::from(group.get(i).copied().unwrap_or(0));
        }
        for i in 0..=group.len() {
            let index = (bits >> (18 - 6 * i)) & 63;
            text.push(ALPHABET.get(index as usize).copied().unwrap_or(b'A') as char);
        }
    }
    text
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_texts() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"\xff\xfe\xfd", "__79"),
        ] {
            assert_eq!(encode(bytes), text);
        }
    }
}
