/// A stream of numbers from a seed, and mutants of texts.
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

/// Pieces that JSON parsers stumble over.
const PIECES: &[&str] = &[
    "\"", "\\", "{", "}", "[", "]", ",", ":", "1e999", "-0", "\\ud800", "null", "\"v\":1,", "  ",
    "=", "_", "\u{0}",
];

impl Dice {
    /// A number below `sides`; 0 when there are none.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 31)) >> 11) as usize % sides.max(1)
    }

    /// One of the corpus with up to three changes.
    pub fn mutate(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..self.below(4) {
            if bytes.is_empty() {
                bytes.push(b'{');
            }
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => bytes.truncate(at.max(1)),
                3 => drop(bytes.remove(at)),
                4 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    bytes.splice(at..at, piece.bytes());
                }
                _ => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len());
                    let piece = &other[from..(from + self.below(60)).min(other.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
            }
        }
        bytes
    }
}
