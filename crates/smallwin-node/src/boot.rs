//! Reads what the store holds when a node starts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use smallwin_circle::DeviceKey;
use smallwin_storage::{Store, StoreError};
use smallwin_sync::{Boot, DocKey, Space, Table};

use crate::dialer::Remembered;

/// What the store holds for the engine and for the dialer.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) boot: Boot,
    pub(crate) peers: Vec<Remembered>,
}

/// Reads all that is needed before the first event; documents follow one by one.
pub(crate) fn read(store: &dyn Store) -> Result<Stored, StoreError> {
    let mut stored = Stored::default();
    stored.boot.circles = circles(store)?;
    stored.boot.cards = values(store, Table::Card)?;
    stored.boot.manifests = values(store, Table::Manifest)?;
    stored.boot.paired = paired(store)?;
    stored.boot.open_bytes = open_bytes(store)?;
    stored.peers = values(store, Table::Peer)?
        .iter()
        .filter_map(|value| Remembered::parse(value))
        .collect();
    Ok(stored)
}

/// Record bytes by circle; the row key begins with the circle id.
fn circles(store: &dyn Store) -> Result<Vec<Vec<Vec<u8>>>, StoreError> {
    let mut circles: BTreeMap<[u8; 32], Vec<Vec<u8>>> = BTreeMap::new();
    store.scan(Table::Record.number(), &[], &mut |key, value| {
        if let Some(circle) = key.first_chunk() {
            circles.entry(*circle).or_default().push(value.to_vec());
        }
        ControlFlow::Continue(())
    })?;
    Ok(circles.into_values().collect())
}

fn values(store: &dyn Store, table: Table) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut values = Vec::new();
    store.scan(table.number(), &[], &mut |_, value| {
        values.push(value.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(values)
}

fn paired(store: &dyn Store) -> Result<Vec<(DeviceKey, Vec<u8>)>, StoreError> {
    let mut paired = Vec::new();
    store.scan(Table::Paired.number(), &[], &mut |key, value| {
        if let Some(key) = key
            .try_into()
            .ok()
            .and_then(|key| DeviceKey::from_bytes(key).ok())
        {
            paired.push((key, value.to_vec()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(paired)
}

/// Bytes that documents of the open space take.
fn open_bytes(store: &dyn Store) -> Result<u64, StoreError> {
    let mut bytes = 0_u64;
    for document in store.documents()? {
        let is_open =
            DocKey::from_bytes(document.as_bytes()).is_some_and(|key| key.space == Space::Open);
        if is_open {
            bytes += store
                .load(&document)?
                .iter()
                .map(|chunk| chunk.bytes.len() as u64)
                .sum::<u64>();
        }
    }
    Ok(bytes)
}
