//! The index anew, a few rows at a time, while the old one is in use: places that a compaction moved are
//! written as they are now, and sled, which never shrinks, begins with an empty file.

use super::checkpoint::Digest;
use super::overlay::Base;
use super::sled_rows::SledRows;
use super::{
    DOCUMENT, Extent, Index, Place, ROW, RowValue, Trouble, bad_row, decode_extents, decode_row,
    document_key, encode_extents, encode_row, index_path, page_key, page_rows,
};
use crate::DocKey;
use crate::journal::{Moves, Now};

/// Sled's rows as they will be.
pub(crate) struct Renewal {
    rows: SledRows,
    generation: u32,
    digest: Digest,
    /// All rows up to this key are in it.
    after: Option<Vec<u8>>,
    moves: Moves,
}

/// Where the chunks of some documents lie.
pub(crate) struct Looked {
    /// As (segment, offset).
    pub(crate) places: Vec<(u32, u32)>,
    /// The last of the documents; without one there are no more.
    pub(crate) last: Option<DocKey>,
}

impl Index {
    /// Where the chunks of some documents behind `after` lie: reads about so many bytes of rows, or one
    /// document.
    pub(crate) fn look(&self, after: Option<&DocKey>, bytes: usize) -> Result<Looked, Trouble> {
        self.check_whole()?;
        let after = after.map(|doc| page_key(doc, usize::MAX));
        let mut documents: Vec<DocKey> = Vec::new();
        let mut bad = false;
        let limit = page_rows(bytes);
        self.rows()?.scan(
            &[DOCUMENT],
            after.as_deref(),
            limit,
            |key, _| match document_of(key) {
                Some(doc) if documents.last() != Some(&doc) => documents.push(doc),
                Some(_) => {}
                None => bad = true,
            },
        )?;
        if bad {
            return Err(bad_row());
        }
        let mut places = Vec::new();
        for doc in &documents {
            let extents = self.extents_now(doc)?;
            places.extend(
                extents
                    .iter()
                    .map(|extent| (extent.place.segment, extent.place.offset)),
            );
        }
        Ok(Looked {
            places,
            last: documents.last().copied(),
        })
    }

    /// Begins with no rows, beside those in use.
    pub(crate) fn begin_renewal(&mut self, moves: Moves) -> Result<(), Trouble> {
        self.renewal = None;
        let generation = self.checkpoint.generation + 1;
        let path = index_path(&self.dir, generation);
        self.disk.remove(&path)?;
        self.renewal = Some(Renewal {
            rows: SledRows::open(&path, self.cache_bytes)?,
            generation,
            digest: Digest::default(),
            after: None,
            moves,
        });
        Ok(())
    }

    /// Takes over about so many bytes of rows, and says whether more are left.
    pub(crate) fn renew(&mut self, bytes: usize) -> Result<bool, Trouble> {
        let Some(mut renewal) = self.renewal.take() else {
            return Ok(false);
        };
        let limit = page_rows(bytes);
        let mut rows = Vec::new();
        let after = renewal.after.as_deref();
        self.rows()?.scan(&[], after, limit, |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
        })?;
        for (key, value) in &rows {
            let outdated = self.is_outdated(key);
            renewal.insert(key, value, outdated)?;
        }
        renewal.rows.sync()?;
        let more = rows.len() == limit;
        renewal.after = rows.pop().map(|(key, _)| key).or(renewal.after);
        self.renewal = Some(renewal);
        Ok(more)
    }

    /// Puts the new rows in place of the old ones. The caller then lets the journal go on to its new files,
    /// and writes a checkpoint.
    pub(crate) fn finish_renewal(&mut self) -> Result<(), Trouble> {
        let Some(renewal) = self.renewal.take() else {
            return Ok(());
        };
        self.overlay
            .relocate(|place| renewal.moves.place(place))
            .ok_or_else(lost)?;
        self.checkpoint.digest = renewal.digest;
        self.checkpoint.generation = renewal.generation;
        if let Some(old) = self.rows.replace(renewal.rows) {
            old.discard();
        }
        Ok(())
    }

    /// Whether a row in sled stands for nothing any more, because the overlay says otherwise.
    fn is_outdated(&self, key: &[u8]) -> bool {
        match key.split_first() {
            Some((&DOCUMENT, _)) => document_of(key)
                .and_then(|doc| self.overlay.document(&doc))
                .is_some_and(|extents| matches!(extents.base, Base::Dropped { .. })),
            Some((&ROW, [table, key @ ..])) => self.overlay.row(*table, key).is_some(),
            _ => false,
        }
    }
}

impl Renewal {
    /// A row in use was written: here too, when its turn is over.
    pub(super) fn mirror(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Trouble> {
        if self.after.as_deref().is_none_or(|after| key > after) {
            return Ok(());
        }
        match value {
            Some(value) => self.insert(key, value, false),
            None => {
                let old = self.rows.remove(key)?;
                old.iter().for_each(|old| self.digest.remove(key, old));
                Ok(())
            }
        }
    }

    /// Sets a row with its places as they are now. What is outdated may name places that are gone.
    fn insert(&mut self, key: &[u8], value: &[u8], outdated: bool) -> Result<(), Trouble> {
        let value = self.moved(key, value, outdated)?;
        self.digest.add(key, &value);
        let old = self.rows.insert(key, value)?;
        old.iter().for_each(|old| self.digest.remove(key, old));
        Ok(())
    }

    fn moved(&self, key: &[u8], value: &[u8], outdated: bool) -> Result<Vec<u8>, Trouble> {
        let now = |place: &Place| match self.moves.place(place) {
            Some(place) => Ok(place),
            None if outdated => Ok(*place),
            None => Err(lost()),
        };
        match key.first() {
            Some(&DOCUMENT) => {
                let mut extents = Vec::new();
                decode_extents(value, &mut extents)?;
                for extent in &mut extents {
                    *extent = Extent {
                        place: now(&extent.place)?,
                        ..*extent
                    };
                }
                Ok(encode_extents(&extents))
            }
            _ => match decode_row(value).ok_or_else(bad_row)? {
                RowValue::Inline(_) => Ok(value.to_vec()),
                RowValue::InJournal(place) => Ok(encode_row(&RowValue::InJournal(now(&place)?))),
            },
        }
    }
}

impl Moves {
    /// A place as it is now; `None` when nothing is there any more.
    fn place(&self, place: &Place) -> Option<Place> {
        match self.find(place.segment, place.offset) {
            Now::Same => Some(*place),
            Now::At(segment, offset) => Some(Place {
                segment,
                offset,
                ..*place
            }),
            Now::Gone => None,
        }
    }
}

/// The document whose extents a row holds.
fn document_of(key: &[u8]) -> Option<DocKey> {
    let len = document_key(&DocKey::from_bytes([0; 17])).len();
    let doc = key.get(1..len)?.try_into().ok()?;
    Some(DocKey::from_bytes(doc))
}

fn lost() -> Trouble {
    Trouble::Engine("it names a place that compaction dropped".into())
}
