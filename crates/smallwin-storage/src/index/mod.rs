//! The index: where in the journal each document's chunks lie, and the small tables.
//!
//! It can always be made anew from the journal, and is whenever there is the least doubt. sled is written
//! to at checkpoints only; what came since lies in an [`overlay::Overlay`] in memory, and comes back by
//! replaying the journal. Around a checkpoint the file `CHECKPOINT` says that sled is being written to, so a
//! crash in the middle of it leads to a rebuild and never to trust in a half-written index.
//!
//! Each index that is made anew has a folder of its own, `index/00000001`, `index/00000002`, …; `CHECKPOINT`
//! names the one that counts.
//!
//! Rows in sled: `1 ‖ document ‖ page (u32, big-endian)` → up to [`EXTENTS_PER_ROW`] extents, and
//! `2 ‖ table ‖ key` → `0 ‖ value` or `1 ‖ place in the journal`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use crate::batch::Chunks;
use crate::disk::Disk;
use crate::journal::ops::{Reader, Stored, StoredChunk, StoredOp};
use crate::journal::{Mark, Record};
use crate::limits::{
    CHUNK_OVERHEAD_BYTES, EXTENTS_PER_ROW, OVERLAY_BYTES_MAX, ROW_INLINE_BYTES_MAX,
};
use crate::{ChunkHash, DocKey, StoreError};

pub(crate) mod checkpoint;
mod extent;
mod overlay;
mod renewal;
mod sled_rows;

pub(crate) use extent::{Extent, Place};
pub(crate) use overlay::RowValue;

use checkpoint::{Checkpoint, Digest, State};
use extent::EXTENT_BYTES;
use overlay::{Base, Extents, Known, Overlay, Stored as StoredExtents};
use renewal::Renewal;
use sled_rows::SledRows;

/// The folder of all indexes.
const INDEX: &str = "index";

const DOCUMENT: u8 = 1;
const ROW: u8 = 2;

pub(crate) struct Index {
    /// The store's folder.
    dir: PathBuf,
    disk: Disk,
    cache_bytes: u64,
    rows: Option<SledRows>,
    overlay: Overlay,
    checkpoint: Checkpoint,
    /// What will stand in sled's place, while it is made.
    renewal: Option<Renewal>,
    /// Whether it holds all that it should; not while it is being built.
    whole: bool,
    /// About how many bytes of the journal it names. Rows count from the next checkpoint on.
    live_bytes: u64,
}

/// What can go wrong here.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The engine failed in whatever way: the index is to be built anew.
    Engine(String),
    /// Something else failed.
    Store(StoreError),
}

/// A part of a scan.
pub(crate) struct RowPage {
    pub(crate) rows: Vec<(Vec<u8>, RowValue)>,
    /// Where to go on, unless this was the last part.
    pub(crate) next: Option<Vec<u8>>,
}

impl Index {
    /// An index without rows yet: call [`Index::resume`], and when that fails [`Index::begin_anew`].
    pub(crate) fn new(dir: &Path, disk: Disk, cache_bytes: u64, checkpoint: Checkpoint) -> Self {
        Self {
            dir: dir.to_owned(),
            disk,
            cache_bytes,
            rows: None,
            overlay: Overlay::default(),
            checkpoint,
            renewal: None,
            whole: false,
            live_bytes: 0,
        }
    }

    /// Opens sled's rows when they are exactly those of the checkpoint.
    pub(crate) fn resume(&mut self) -> Result<(), Trouble> {
        if self.checkpoint.state == State::Moving {
            return Err(Trouble::Engine(
                "it was being written to when the program stopped".into(),
            ));
        }
        let rows = SledRows::open(&self.path(), self.cache_bytes)?;
        let mut digest = Digest::default();
        let mut live_bytes = 0;
        rows.scan(&[], None, usize::MAX, |key, value| {
            digest.add(key, value);
            live_bytes += row_bytes(key, value) + extents_bytes(key, value);
        })?;
        if digest != self.checkpoint.digest {
            return Err(Trouble::Engine(
                "its rows are not those of the checkpoint".into(),
            ));
        }
        self.live_bytes = live_bytes;
        self.rows = Some(rows);
        self.whole = true;
        self.remove_others();
        Ok(())
    }

    /// Begins with no rows, in a new folder. Replay the whole journal into it, then call [`Index::rest`].
    pub(crate) fn begin_anew(&mut self) -> Result<(), Trouble> {
        self.move_on()?;
        self.rows = None;
        self.renewal = None;
        self.whole = false;
        self.live_bytes = 0;
        self.overlay = Overlay::default();
        self.checkpoint.digest = Digest::default();
        self.checkpoint.generation = self.checkpoint.generation.wrapping_add(1);
        let folder = self.dir.join(INDEX);
        if folder.is_file() {
            self.disk.remove(&folder)?;
        }
        self.disk.create_dir(&folder)?;
        self.disk.remove(&self.path())?;
        self.rows = Some(SledRows::open(&self.path(), self.cache_bytes)?);
        Ok(())
    }

    /// All that it should hold is in it: reads may begin.
    pub(crate) fn complete(&mut self) {
        self.whole = true;
    }

    /// Says so when it does not hold all that it should.
    fn check_whole(&self) -> Result<(), Trouble> {
        if self.whole {
            Ok(())
        } else {
            Err(Trouble::Engine("it was not built to its end".into()))
        }
    }

    /// What sled's rows are.
    pub(crate) fn digest(&self) -> Digest {
        self.checkpoint.digest
    }

    /// About how many bytes of the journal are still of use.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// Where all chunks lie, as (segment, offset), ascending.
    pub(crate) fn places(&self) -> Result<Vec<(u32, u32)>, Trouble> {
        let mut places = Vec::new();
        for doc in self.documents()? {
            let extents = self.extents(&doc)?;
            places.extend(
                extents
                    .iter()
                    .map(|extent| (extent.place.segment, extent.place.offset)),
            );
        }
        places.sort_unstable();
        Ok(places)
    }

    /// From where on the journal is to be replayed.
    pub(crate) fn mark(&self) -> Mark {
        self.checkpoint.mark
    }

    pub(crate) fn is_full(&self) -> bool {
        self.overlay.bytes() >= OVERLAY_BYTES_MAX
    }

    /// Applies the operations of a record.
    pub(crate) fn apply(
        &mut self,
        record: &Record<'_>,
        ops: &[Stored<'_>],
        chunks: Chunks,
    ) -> Result<(), Trouble> {
        for Stored { op, .. } in ops {
            match op {
                StoredOp::Erased => {}
                StoredOp::PutChunk { doc, chunk } if chunks == Chunks::New => {
                    self.put_new_chunk(doc, extent(record, chunk))?;
                }
                StoredOp::PutChunk { doc, chunk } => self.put_chunk(doc, extent(record, chunk))?,
                StoredOp::Replace {
                    doc,
                    covered,
                    snapshot,
                } => {
                    self.drop_covered(doc, covered)?;
                    self.put_chunk(doc, extent(record, snapshot))?;
                }
                StoredOp::Purge { doc } => self.drop_chunks(doc, |_| false)?,
                StoredOp::Delete { table, key } => self.overlay.set_row(*table, key, None),
                StoredOp::Put {
                    table,
                    key,
                    value,
                    value_at,
                } => {
                    let value = if value.len() <= ROW_INLINE_BYTES_MAX {
                        RowValue::Inline(value.to_vec())
                    } else {
                        RowValue::InJournal(Place::of(
                            record.segment,
                            record.at + *value_at as u64,
                            value,
                        ))
                    };
                    self.overlay.set_row(*table, key, Some(value));
                }
            }
        }
        Ok(())
    }

    /// Whether a chunk is kept.
    pub(crate) fn knows(&mut self, doc: &DocKey, hash: &ChunkHash) -> Result<bool, Trouble> {
        self.check_whole()?;
        self.knows_now(doc, hash)
    }

    fn knows_now(&mut self, doc: &DocKey, hash: &ChunkHash) -> Result<bool, Trouble> {
        self.bring(doc)?;
        match self
            .overlay
            .document(doc)
            .map_or(Known::No, |extents| extents.knows(hash))
        {
            Known::Yes => Ok(true),
            Known::No => Ok(false),
            Known::IfStored => Ok(self
                .stored_extents(doc)?
                .0
                .iter()
                .any(|extent| extent.hash == *hash)),
        }
    }

    /// Where a document's chunks lie, in the order of their commits.
    pub(crate) fn extents(&self, doc: &DocKey) -> Result<Vec<Extent>, Trouble> {
        self.check_whole()?;
        self.extents_now(doc)
    }

    fn extents_now(&self, doc: &DocKey) -> Result<Vec<Extent>, Trouble> {
        match self.overlay.document(doc) {
            None => Ok(self.stored_extents(doc)?.0),
            Some(Extents {
                base: Base::Dropped { .. },
                newer,
                ..
            }) => Ok(newer.clone()),
            Some(Extents {
                base: Base::Stored(_),
                newer,
                ..
            }) => {
                let mut list = self.stored_extents(doc)?.0;
                list.extend_from_slice(newer);
                Ok(list)
            }
        }
    }

    /// All documents with a chunk, ascending.
    pub(crate) fn documents(&self) -> Result<BTreeSet<DocKey>, Trouble> {
        self.check_whole()?;
        let mut documents = BTreeSet::new();
        let mut bad = false;
        self.rows()?.scan(&[DOCUMENT], None, usize::MAX, |key, _| {
            match key.get(1..18).and_then(|doc| doc.try_into().ok()) {
                Some(doc) => {
                    documents.insert(DocKey::from_bytes(doc));
                }
                None => bad = true,
            }
        })?;
        for (doc, extents) in self.overlay.documents() {
            if extents.is_empty() {
                documents.remove(doc)
            } else {
                documents.insert(*doc)
            };
        }
        if bad { Err(bad_row()) } else { Ok(documents) }
    }

    pub(crate) fn row(&self, table: u8, key: &[u8]) -> Result<Option<RowValue>, Trouble> {
        self.check_whole()?;
        if let Some(value) = self.overlay.row(table, key) {
            return Ok(value.clone());
        }
        let stored = self.rows()?.get(&row_key(table, key))?;
        stored
            .map(|value| decode_row(&value).ok_or_else(bad_row))
            .transpose()
    }

    /// About `limit` rows whose key starts with `prefix`, beyond `after`.
    pub(crate) fn row_page(
        &self,
        table: u8,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<RowPage, Trouble> {
        self.check_whole()?;
        let mut rows = BTreeMap::new();
        let mut stored = 0;
        let stored_after = after.map(|key| row_key(table, key));
        self.rows()?.scan(
            &row_key(table, prefix),
            stored_after.as_deref(),
            limit,
            |key, value| {
                stored += 1;
                rows.insert(key.get(2..).unwrap_or_default().to_vec(), decode_row(value));
            },
        )?;
        let next = rows
            .last_key_value()
            .map(|(key, _)| key.clone())
            .filter(|_| stored == limit);
        let from = match after {
            Some(after) => Bound::Excluded((table, after.to_vec())),
            None => Bound::Included((table, prefix.to_vec())),
        };
        let newer = self
            .overlay
            .rows()
            .range((from, Bound::Unbounded))
            .take_while(|((of, key), _)| {
                *of == table
                    && key.starts_with(prefix)
                    && next.as_ref().is_none_or(|next| key <= next)
            });
        for ((_, key), value) in newer {
            match value {
                Some(value) => rows.insert(key.clone(), Some(value.clone())),
                None => rows.remove(key),
            };
        }
        let rows = rows
            .into_iter()
            .map(|(key, value)| Some((key, value?)))
            .collect::<Option<_>>();
        Ok(RowPage {
            rows: rows.ok_or_else(bad_row)?,
            next,
        })
    }

    /// Moves the overlay into sled, makes sled durable, and says so in the checkpoint: from now on the
    /// journal is replayed from `mark` only.
    pub(crate) fn rest(&mut self, mark: Mark) -> Result<(), Trouble> {
        self.spill()?;
        self.rows()?.sync()?;
        self.disk.sync_dir(&self.dir.join(INDEX))?;
        let rested = Checkpoint {
            state: State::AtRest,
            mark,
            ..self.checkpoint
        };
        rested.write(&self.dir, &self.disk)?;
        self.checkpoint = rested;
        self.remove_others();
        Ok(())
    }

    /// Removes the folders of earlier indexes. One that is being closed yet may stay until the next time.
    fn remove_others(&self) {
        let Ok(entries) = std::fs::read_dir(self.dir.join(INDEX)) else {
            return;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path != self.path() {
                let _later = Disk::default().remove(&path);
            }
        }
    }

    /// Moves the overlay into sled, and says before that sled is being written to.
    pub(crate) fn spill(&mut self) -> Result<(), Trouble> {
        self.move_on()?;
        let overlay = std::mem::take(&mut self.overlay);
        for (doc, extents) in overlay.documents() {
            self.spill_extents(doc, extents)?;
        }
        for ((table, key), value) in overlay.rows() {
            self.set_stored(&row_key(*table, key), value.as_ref().map(encode_row))?;
        }
        Ok(())
    }

    /// Says that sled is being written to, before it is.
    pub(crate) fn move_on(&mut self) -> Result<(), StoreError> {
        if self.checkpoint.state == State::AtRest {
            let moving = Checkpoint {
                state: State::Moving,
                ..self.checkpoint
            };
            moving.write(&self.dir, &self.disk)?;
            self.checkpoint = moving;
        }
        Ok(())
    }

    fn spill_extents(&mut self, doc: &DocKey, extents: &Extents) -> Result<(), Trouble> {
        let (first, mut list) = match &extents.base {
            Base::Stored(_) if extents.newer.is_empty() => return Ok(()),
            Base::Stored(stored) => self.last_row(doc, stored)?,
            Base::Dropped { rows } => {
                for page in extents.newer.len().div_ceil(EXTENTS_PER_ROW)..*rows {
                    self.set_stored(&page_key(doc, page), None)?;
                }
                (0, Vec::new())
            }
        };
        list.extend_from_slice(&extents.newer);
        for (page, row) in (first..).zip(list.chunks(EXTENTS_PER_ROW)) {
            self.set_stored(&page_key(doc, page), Some(encode_extents(row)))?;
        }
        Ok(())
    }

    /// The row that is to be filled up next, and what it holds already.
    fn last_row(
        &self,
        doc: &DocKey,
        stored: &StoredExtents,
    ) -> Result<(usize, Vec<Extent>), Trouble> {
        let page = stored.extents / EXTENTS_PER_ROW;
        let mut list = Vec::new();
        if let Some(row) = self.rows()?.get(&page_key(doc, page))? {
            decode_extents(&row, &mut list)?;
        }
        Ok((page, list))
    }

    fn set_stored(&mut self, key: &[u8], value: Option<Vec<u8>>) -> Result<(), Trouble> {
        let mut digest = self.checkpoint.digest;
        if let Some(renewal) = &mut self.renewal {
            renewal.mirror(key, value.as_deref())?;
        }
        let old = match value {
            Some(value) => {
                digest.add(key, &value);
                self.live_bytes += row_bytes(key, &value);
                self.rows()?.insert(key, value)?
            }
            None => self.rows()?.remove(key)?,
        };
        if let Some(old) = old {
            digest.remove(key, &old);
            self.live_bytes = self.live_bytes.saturating_sub(row_bytes(key, &old));
        }
        self.checkpoint.digest = digest;
        Ok(())
    }

    fn put_chunk(&mut self, doc: &DocKey, extent: Extent) -> Result<(), Trouble> {
        if self.knows_now(doc, &extent.hash)? {
            Ok(())
        } else {
            self.put_new_chunk(doc, extent)
        }
    }

    /// Puts a chunk that is not kept.
    fn put_new_chunk(&mut self, doc: &DocKey, extent: Extent) -> Result<(), Trouble> {
        self.live_bytes += live_bytes_of(&extent);
        if !self.overlay.put_chunk(doc, extent) {
            self.bring(doc)?;
            self.overlay.put_chunk(doc, extent);
        }
        Ok(())
    }

    /// Brings what sled holds of a document into the overlay.
    fn bring(&mut self, doc: &DocKey) -> Result<(), Trouble> {
        if self.overlay.document(doc).is_none() {
            let stored = Extents::stored(&self.stored_extents(doc)?.0);
            self.overlay.set_document(doc, stored);
        }
        Ok(())
    }

    fn drop_covered(&mut self, doc: &DocKey, covered: &[ChunkHash]) -> Result<(), Trouble> {
        let covered: BTreeSet<&ChunkHash> = covered.iter().collect();
        self.drop_chunks(doc, |extent| !covered.contains(&extent.hash))
    }

    fn drop_chunks(&mut self, doc: &DocKey, keep: impl Fn(&Extent) -> bool) -> Result<(), Trouble> {
        let mut list = self.extents_now(doc)?;
        let before = list.iter().map(live_bytes_of).sum::<u64>();
        list.retain(keep);
        let after = list.iter().map(live_bytes_of).sum::<u64>();
        self.live_bytes = self.live_bytes.saturating_sub(before - after);
        let rows = match self.overlay.document(doc).map(|extents| &extents.base) {
            Some(Base::Dropped { rows }) => *rows,
            Some(Base::Stored(stored)) => stored.extents.div_ceil(EXTENTS_PER_ROW),
            None => self.stored_extents(doc)?.1,
        };
        self.overlay
            .set_document(doc, Extents::replacing(rows, list));
        Ok(())
    }

    /// A document's extents in sled, and in how many rows.
    fn stored_extents(&self, doc: &DocKey) -> Result<(Vec<Extent>, usize), Trouble> {
        let mut list = Vec::new();
        let (mut rows, mut bad) = (0, false);
        self.rows()?
            .scan(&document_key(doc), None, usize::MAX, |key, value| {
                bad |= key != page_key(doc, rows);
                rows += 1;
                bad |= decode_extents(value, &mut list).is_err();
            })?;
        if bad {
            Err(bad_row())
        } else {
            Ok((list, rows))
        }
    }

    fn rows(&self) -> Result<&SledRows, Trouble> {
        self.rows
            .as_ref()
            .ok_or_else(|| Trouble::Engine("it is not open".into()))
    }

    fn path(&self) -> PathBuf {
        index_path(&self.dir, self.checkpoint.generation)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The folder of an index.
pub(crate) fn index_path(dir: &Path, generation: u32) -> PathBuf {
    dir.join(INDEX).join(format!("{generation:08}"))
}

/// What sled's rows in a folder are, whatever they should be.
pub(crate) fn digest_of(dir: &Path, cache_bytes: u64) -> Result<Digest, Trouble> {
    let mut digest = Digest::default();
    let rows = SledRows::open(dir, cache_bytes)?;
    rows.scan(&[], None, usize::MAX, |key, value| digest.add(key, value))?;
    Ok(digest)
}

/// How many rows are about so many bytes, when they are long.
fn page_rows(bytes: usize) -> usize {
    (bytes / ROW_INLINE_BYTES_MAX).max(1)
}

/// About how many bytes of the journal a chunk takes.
fn live_bytes_of(extent: &Extent) -> u64 {
    u64::from(extent.place.len) + CHUNK_OVERHEAD_BYTES
}

/// About how many bytes of the journal the chunks of a stored row take.
fn extents_bytes(key: &[u8], value: &[u8]) -> u64 {
    let mut list = Vec::new();
    match key.first() {
        Some(&DOCUMENT) if decode_extents(value, &mut list).is_ok() => {
            list.iter().map(live_bytes_of).sum()
        }
        _ => 0,
    }
}

/// About how many bytes of the journal a stored row of a table takes.
fn row_bytes(key: &[u8], value: &[u8]) -> u64 {
    if key.first() != Some(&ROW) {
        return 0;
    }
    let elsewhere = match decode_row(value) {
        Some(RowValue::InJournal(place)) => u64::from(place.len),
        Some(RowValue::Inline(_)) | None => 0,
    };
    key.len() as u64 + value.len() as u64 + elsewhere
}

fn extent(record: &Record<'_>, chunk: &StoredChunk<'_>) -> Extent {
    let place = Place::of(record.segment, record.at + chunk.at as u64, chunk.bytes);
    Extent {
        hash: chunk.hash,
        kind: chunk.kind,
        epoch: chunk.epoch,
        place,
    }
}

fn document_key(doc: &DocKey) -> Vec<u8> {
    [&[DOCUMENT][..], doc.as_bytes()].concat()
}

fn page_key(doc: &DocKey, page: usize) -> Vec<u8> {
    let page = u32::try_from(page).unwrap_or(u32::MAX);
    [&[DOCUMENT][..], doc.as_bytes(), &page.to_be_bytes()].concat()
}

fn row_key(table: u8, key: &[u8]) -> Vec<u8> {
    [&[ROW, table][..], key].concat()
}

fn encode_row(value: &RowValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    match value {
        RowValue::Inline(value) => {
            bytes.push(0);
            bytes.extend_from_slice(value);
        }
        RowValue::InJournal(place) => {
            bytes.push(1);
            place.encode(&mut bytes);
        }
    }
    bytes
}

fn decode_row(bytes: &[u8]) -> Option<RowValue> {
    match bytes.split_first()? {
        (0, value) => Some(RowValue::Inline(value.to_vec())),
        (1, place) => Some(RowValue::InJournal(Place::decode(&mut Reader {
            bytes: place,
            at: 0,
        })?)),
        _ => None,
    }
}

fn encode_extents(list: &[Extent]) -> Vec<u8> {
    let mut value = Vec::with_capacity(list.len() * EXTENT_BYTES);
    list.iter().for_each(|extent| extent.encode(&mut value));
    value
}

fn decode_extents(row: &[u8], list: &mut Vec<Extent>) -> Result<(), Trouble> {
    let mut reader = Reader { bytes: row, at: 0 };
    while reader.at < row.len() {
        list.push(Extent::decode(&mut reader).ok_or_else(bad_row)?);
    }
    Ok(())
}

fn bad_row() -> Trouble {
    Trouble::Engine("a row cannot be read".into())
}
