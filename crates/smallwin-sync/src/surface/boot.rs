//! What storage held when the engine started.

use smallwin_circle::DeviceKey;

/// What storage held when the engine started; documents follow later, one by one, on
/// [`Effect::Load`](crate::Effect::Load).
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// The records of each circle (rows of [`Table::Record`](crate::Table::Record)), any order.
    pub circles: Vec<Vec<Vec<u8>>>,
    /// Values of [`Table::Card`](crate::Table::Card).
    pub cards: Vec<Vec<u8>>,
    /// Values of [`Table::Manifest`](crate::Table::Manifest).
    pub manifests: Vec<Vec<u8>>,
    /// Rows of [`Table::Paired`](crate::Table::Paired): the key and the value as it was kept.
    pub paired: Vec<(DeviceKey, Vec<u8>)>,
    /// Bytes that documents of the open space take in storage, for their total quota.
    pub open_bytes: u64,
}
