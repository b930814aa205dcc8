//! Random bytes from the system.

/// `N` random bytes.
///
/// # Panics
/// Panics when the system has no random source: no key or challenge would be safe then.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without chance nothing here is safe to do"
    )]
    getrandom::fill(&mut bytes).expect("the system has no random source");
    bytes
}

/// A fraction from 0 to below 1, for jitter.
#[must_use]
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_le_bytes(bytes())) / (f64::from(u32::MAX) + 1.0)
}
