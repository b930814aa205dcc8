//! Opening the journal: find the segments, check their ends, cut what a crash left half written.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::Path;

use super::frame::{FRAME_BYTES, Framer};
use super::segment::{self, BadHeader, End, HEADER_BYTES, Header};
use super::{Active, Journal, Mark, begin_segment, damaged};
use crate::disk::{self, Disk};
use crate::{OpenError, Seq, StoreError};

impl Journal {
    /// Opens the journal in `dir`, or begins one. `kept` is what the checkpoint knows to be durable: a
    /// journal that ends before it has lost something.
    pub(crate) fn open(
        dir: &Path,
        disk: Disk,
        segment_bytes: u64,
        kept: Mark,
    ) -> Result<Self, OpenError> {
        disk.create_dir(dir)?;
        let numbers = list(dir, &disk)?;
        let last_number = numbers.last().copied().unwrap_or(0);
        let mut headers = BTreeMap::new();
        for number in numbers {
            let header = read_header(&segment::path(dir, number), number)?;
            headers.insert(number, header);
        }
        let mut segments: BTreeMap<u32, Seq> = headers
            .iter()
            .map(|(number, header)| (*number, header.first))
            .collect();
        if kept.segment > last_number {
            // What the last segment that is left holds, it holds; what came after it is gone.
            let found = segments.last_key_value().map_or(0, |(_, first)| first.0);
            return Err(OpenError::TailLost {
                expected: kept.seq.0,
                found,
            });
        }
        let Chain { sizes, outdated } = check_chain(dir, &headers)?;
        for number in outdated {
            disk.remove(&segment::path(dir, number))?;
            segments.remove(&number);
            headers.remove(&number);
        }
        let (active, last) = match headers.last_key_value().map(|(_, header)| header) {
            None => {
                let active = begin_segment(&disk, dir, 1, Seq(1))?;
                segments.insert(1, Seq(1));
                (active, Seq::ZERO)
            }
            Some(header) => open_last(dir, &disk, header, kept)?,
        };
        segments.insert(
            active.number,
            segments.get(&active.number).copied().unwrap_or(last.next()),
        );
        Ok(Self {
            dir: dir.to_owned(),
            disk,
            segment_bytes,
            segments,
            sizes,
            active,
            last,
            broken: None,
            readers: RefCell::default(),
            retired: BTreeMap::new(),
            sifted: Vec::new(),
            stop: Cell::new(None),
        })
    }
}

/// The numbers of all segments, ascending. Files that a crash left under their first name are removed.
fn list(dir: &Path, disk: &Disk) -> Result<Vec<u32>, StoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let path = entry.map_err(StoreError::io("list", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "new") {
            disk.remove(&path)?;
        }
        numbers.extend(
            path.file_name()
                .and_then(|name| segment::number(name.to_str()?)),
        );
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_header(path: &Path, number: u32) -> Result<Header, OpenError> {
    let file = File::open(path).map_err(StoreError::io("open", path))?;
    let bytes = disk::read_at(&file, 0, HEADER_BYTES)
        .map_err(|_| damaged(path, 0, "the header is cut short"))?;
    match Header::decode(&bytes) {
        Ok(header) if header.number == number => Ok(header),
        Ok(_) => Err(damaged(path, 0, "the header is that of another segment").into()),
        Err(BadHeader::TooNew(version)) => Err(OpenError::TooNew {
            file: path.to_owned(),
            version,
        }),
        Err(BadHeader::Damaged) => Err(damaged(path, 0, "the header is not sound").into()),
    }
}

/// What the segments' headers and seals say.
struct Chain {
    /// Bytes of every closed segment.
    sizes: BTreeMap<u32, u64>,
    /// Segments that an earlier one was written anew with: a crash came before they were removed.
    outdated: Vec<u32>,
}

/// Every segment but the last ends with its seal, and the next one goes on where it ended.
fn check_chain(dir: &Path, headers: &BTreeMap<u32, Header>) -> Result<Chain, StoreError> {
    let mut chain = Chain {
        sizes: BTreeMap::new(),
        outdated: Vec::new(),
    };
    let mut before = (0, Seq::ZERO);
    let active = headers.last_key_value().map_or(0, |(number, _)| *number);
    for (number, header) in headers {
        let (number_before, last) = before;
        if header.first <= last {
            if *number == active || read_seal(dir, header)?.1 > last {
                let path = segment::path(dir, *number);
                return Err(damaged(&path, 0, "it holds commits of another segment"));
            }
            chain.outdated.push(*number);
            continue;
        }
        if header.first != last.next() {
            return Err(if *number == number_before + 1 && number_before > 0 {
                let path = segment::path(dir, number_before);
                damaged(
                    &path,
                    0,
                    "the segment does not end where the next one begins",
                )
            } else {
                let path = segment::path(dir, number_before + 1);
                damaged(&path, 0, "the segment is missing")
            });
        }
        if *number != active {
            let (bytes, last) = read_seal(dir, header)?;
            chain.sizes.insert(*number, bytes);
            before = (*number, last);
        }
    }
    Ok(chain)
}

/// How many bytes a closed segment has, and its last commit.
fn read_seal(dir: &Path, header: &Header) -> Result<(u64, Seq), StoreError> {
    let path = segment::path(dir, header.number);
    let file = File::open(&path).map_err(StoreError::io("open", &path))?;
    let bytes = file
        .metadata()
        .map_err(StoreError::io("read", &path))?
        .len();
    let at = bytes.saturating_sub(FRAME_BYTES as u64);
    let seal = disk::read_at(&file, at, FRAME_BYTES)
        .map_err(|_| damaged(&path, at, "the segment is cut short"))?;
    match Framer::new(&header.salt).read(&seal, 0) {
        Some(seal) if seal.payload.is_empty() => Ok((bytes, seal.seq)),
        _ => Err(damaged(&path, at, "the segment does not end with its seal")),
    }
}

/// Reads the last segment whole, cuts a torn end, and readies it for writing.
fn open_last(
    dir: &Path,
    disk: &Disk,
    header: &Header,
    kept: Mark,
) -> Result<(Active, Seq), OpenError> {
    let path = segment::path(dir, header.number);
    let bytes = fs::read(&path).map_err(StoreError::io("read", &path))?;
    let framer = Framer::new(&header.salt);
    let mut last_at = HEADER_BYTES;
    let walked = segment::walk(&bytes, header.first, &framer, |_, _, at| {
        last_at = at - FRAME_BYTES;
        Ok::<_, Infallible>(ControlFlow::Continue(()))
    });
    let Ok(walked) = walked;
    if walked.how == End::Damaged && framer.find(&bytes, walked.end).is_some() {
        let what = "a record is not sound, but a later one is";
        return Err(damaged(&path, walked.end as u64, what).into());
    }
    if walked.last < kept.seq {
        let whole = kept.segment != header.number || bytes.len() as u64 >= kept.offset;
        return Err(if whole && walked.how == End::Damaged {
            damaged(
                &path,
                walked.end as u64,
                "a record that was kept is not sound",
            )
            .into()
        } else {
            OpenError::TailLost {
                expected: kept.seq.0,
                found: walked.last.0,
            }
        });
    }
    if walked.how == End::Sealed {
        // The crash came between the seal and the next segment.
        trim(disk, &path, walked.end as u64)?;
        return Ok((
            begin_segment(disk, dir, header.number + 1, walked.last.next())?,
            walked.last,
        ));
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    if walked.how == End::Damaged && !segment::is_blank(&bytes, walked.end) {
        let cut = bytes.len() - walked.end;
        tracing::warn!(file = %path.display(), bytes = cut, "cut a half-written record");
    }
    if walked.last > kept.seq || walked.how == End::Damaged {
        let last = bytes.get(last_at..walked.end).unwrap_or_default();
        settle(disk, &mut file, &path, last, last_at)?;
    }
    let end = walked.end as u64;
    file.seek(SeekFrom::Start(end))
        .map_err(StoreError::io("read", &path))?;
    Ok((
        Active {
            number: header.number,
            path,
            file,
            framer,
            bytes: end,
            reserved: end,
        },
        walked.last,
    ))
}

/// Cuts the room that was reserved behind a seal.
fn trim(disk: &Disk, path: &Path, bytes: u64) -> Result<(), StoreError> {
    let file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(StoreError::io("open", path))?;
    disk.set_len(&file, path, bytes)?;
    disk.sync(&file, path)
}

/// Cuts what follows the last record, and writes that record once more. After a failed sync the system may
/// hold it in memory and believe that it is on the disk; only bytes that are written again are synced.
fn settle(
    disk: &Disk,
    file: &mut File,
    path: &Path,
    last: &[u8],
    at: usize,
) -> Result<(), StoreError> {
    let end = at + last.len();
    let bytes = file.metadata().map_err(StoreError::io("read", path))?.len();
    if bytes > end as u64 {
        disk.set_len(file, path, end as u64)?;
    }
    file.seek(SeekFrom::Start(at as u64))
        .map_err(StoreError::io("read", path))?;
    disk.write(file, path, last)?;
    disk.sync(file, path)
}
