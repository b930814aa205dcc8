/// A source of numbers: the given bytes first, then a stream from a seed.
#[derive(Debug, Clone)]
pub struct Dice<'a> {
    bytes: &'a [u8],
    state: u64,
}

impl Dice<'static> {
    pub fn seeded(seed: u64) -> Self {
        Dice {
            bytes: &[],
            state: seed,
        }
    }
}

impl<'a> Dice<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Dice { bytes, state: 7 }
    }

    /// A number of 64 bits (splitmix64).
    pub fn next(&mut self) -> u64 {
        if let Some((head, rest)) = self.bytes.split_at_checked(2) {
            self.bytes = rest;
            return u64::from(u16::from_le_bytes([head[0], head[1]]));
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`; 0 when there are none.
    pub fn below(&mut self, sides: usize) -> usize {
        (self.next() % sides.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }

    pub fn pick<'b, T>(&mut self, from: &'b [T]) -> Option<&'b T> {
        from.get(self.below(from.len()))
    }
}
