//! Erasure: the bytes of purged documents leave the closed segments.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom};
use std::ops::{ControlFlow, Range};
use std::path::Path;

use super::ops::{self, StoredOp};
use super::segment::{self, Header};
use super::{FRAME_BYTES, Framer, HEADER_BYTES, Journal, damaged};
use crate::{DocKey, Seq, StoreError};

/// Zeros shorter than this are written, longer ones left out, so that the file system frees their blocks.
const HOLE_BYTES: usize = 4096;

/// For each purged document where its last purge stands: (commit, operation within it). What was kept
/// before that goes, what came later stays.
pub(crate) type Purges = BTreeMap<DocKey, (Seq, usize)>;

impl Journal {
    /// Overwrites the purged documents' operations in all segments but the active one. Each segment that
    /// holds some is written anew beside the old one and takes its name. Nothing moves within a segment, so
    /// no extent changes; doing it twice changes nothing, so a crash in between is healed by doing it again.
    pub(crate) fn erase(&mut self, purges: &Purges) -> Result<(), StoreError> {
        self.writable()?;
        for number in self.closed() {
            let result = self.erase_in(number, purges);
            self.breaking(result)?;
        }
        Ok(())
    }

    fn erase_in(&self, number: u32, purges: &Purges) -> Result<(), StoreError> {
        let path = self.path_of(number);
        let mut bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
        let header =
            Header::decode(&bytes).map_err(|_| damaged(&path, 0, "the header is not sound"))?;
        let framer = Framer::new(&header.salt);
        let mut blanks: Vec<(Seq, Range<usize>, Vec<Range<usize>>)> = Vec::new();
        segment::walk(&bytes, header.first, &framer, |seq, payload, at| {
            let ops = purged_ops(seq, payload, purges)
                .ok_or_else(|| damaged(&path, at as u64, "an unknown operation"))?;
            if !ops.is_empty() {
                blanks.push((seq, at - FRAME_BYTES..at + payload.len(), ops));
            }
            Ok::<_, StoreError>(ControlFlow::Continue(()))
        })?;
        if blanks.is_empty() {
            return Ok(());
        }
        for (seq, record, ops) in blanks {
            let Some(record) = bytes.get_mut(record) else {
                continue;
            };
            for op in ops {
                let at = op.start + FRAME_BYTES..op.end + FRAME_BYTES;
                record.get_mut(at).into_iter().for_each(ops::blank);
            }
            framer.close(seq, record);
        }
        self.readers.borrow_mut().remove(&number);
        self.rewrite(&path, &bytes)
    }

    pub(super) fn rewrite(&self, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let new = path.with_extension("new");
        let mut file = self.disk.create(&new)?;
        self.disk.set_len(&file, &new, bytes.len() as u64)?;
        for run in runs(bytes) {
            file.seek(SeekFrom::Start(run.start as u64))
                .map_err(StoreError::io("write to", &new))?;
            self.disk
                .write(&mut file, &new, bytes.get(run).unwrap_or_default())?;
        }
        self.disk.sync(&file, &new)?;
        self.disk.rename(&new, path)?;
        self.disk.sync_dir(&self.dir)
    }
}

/// Where in a payload the operations lie that a purge takes.
fn purged_ops(seq: Seq, payload: &[u8], purges: &Purges) -> Option<Vec<Range<usize>>> {
    let taken =
        ops::decode(payload)?
            .into_iter()
            .enumerate()
            .filter(|(at, stored)| match &stored.op {
                StoredOp::PutChunk { doc, .. } | StoredOp::Replace { doc, .. } => {
                    purges.get(doc).is_some_and(|purge| (seq, *at) < *purge)
                }
                StoredOp::Erased
                | StoredOp::Put { .. }
                | StoredOp::Delete { .. }
                | StoredOp::Purge { .. } => false,
            });
    Some(taken.map(|(_, stored)| stored.range).collect())
}

/// The parts of a file that are not long stretches of zeros, in whole blocks.
fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (block, at) in bytes.chunks(HOLE_BYTES).zip((0..).step_by(HOLE_BYTES)) {
        if at >= HEADER_BYTES && block.iter().all(|byte| *byte == 0) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + block.len(),
            _ => runs.push(at..at + block.len()),
        }
    }
    runs
}
