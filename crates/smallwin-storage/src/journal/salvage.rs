//! Reading a journal that may be damaged, or that another process writes to, without changing it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::io::Read;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use super::frame::Framer;
use super::segment::{self, BadHeader, End, Header, Walked};
use super::sift::Sieve;
use super::{HEADER_BYTES, new_salt};
use crate::disk::Disk;
use crate::{OpenError, Progress, Seq, StoreError};

/// A place in the journal that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The damaged file.
    pub file: PathBuf,
    /// The bytes that hold no sound record.
    pub bytes: Range<u64>,
    /// The first and last commit that are lost with them; the first is larger when none is.
    pub commits: (Seq, Seq),
}

/// What was read of a journal and written elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Salvaged {
    pub(crate) last: Seq,
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
    pub(crate) damage: Vec<Damage>,
}

/// How a segment file looked when it was read.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    bytes: u64,
    modified: Option<std::time::SystemTime>,
    inode: u64,
}

/// Writes all sound records of the journal in `from` as a sound journal into the folder `to`, which must
/// not exist. What is damaged becomes a gap. The last segment's torn end is left out and is no damage.
pub(crate) fn salvage(from: &Path, to: &Path, progress: &Progress) -> Result<Salvaged, OpenError> {
    let disk = Disk::default();
    disk.create_dir(to)?;
    let mut numbers = list(from)?;
    // The first one always bears this number.
    if numbers.first().is_some_and(|first| *first != 1) {
        numbers.insert(0, 1);
    }
    let headers = headers(from, &numbers)?;
    let mut salvaged = Salvaged::default();
    for (number, done) in numbers.iter().zip(1..) {
        let header = headers.get(number);
        if header.is_some_and(|header| header.first <= salvaged.last) {
            // It was written anew in an earlier one, and a crash came before it was removed.
            continue;
        }
        let path = segment::path(from, *number);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(StoreError::io("read", &path))?,
        };
        let later = headers.range(number + 1..).map(|(_, header)| header.first);
        let later: Vec<Seq> = later.collect();
        let sound = read_segment(&path, &bytes, *number, header, &later, &mut salvaged)?;
        let target = segment::path(to, *number);
        let mut file = disk.create(&target)?;
        disk.write(&mut file, &target, &sound)?;
        disk.sync(&file, &target)?;
        salvaged.segments += 1;
        salvaged.bytes += sound.len() as u64;
        progress.tell("reading the journal", done, numbers.len() as u64);
    }
    disk.sync_dir(to)?;
    Ok(salvaged)
}

/// As [`salvage`], of a journal that must be sound and may be written to meanwhile: tries again while
/// segments change under its hands.
pub(crate) fn copy(from: &Path, to: &Path, progress: &Progress) -> Result<Salvaged, OpenError> {
    const TRIES: u32 = 5;
    let disk = Disk::default();
    let mut tries = 0;
    loop {
        tries += 1;
        let before = looks(from)?;
        let salvaged = salvage(from, to, progress)?;
        let after = looks(from)?;
        let steady = before
            .iter()
            .rev()
            .skip(1)
            .all(|(number, look)| after.get(number) == Some(look))
            && before.last_key_value().is_none_or(|(number, look)| {
                after.get(number).is_some_and(|now| now.inode == look.inode)
            });
        match salvaged.damage.first() {
            None if steady => return Ok(salvaged),
            Some(damage) if steady && tries >= TRIES => {
                disk.remove(to)?;
                return Err(OpenError::Corrupted {
                    file: damage.file.clone(),
                    offset: damage.bytes.start,
                    what: "a record is not sound",
                });
            }
            _ if tries >= TRIES => {
                disk.remove(to)?;
                return Err(OpenError::Index {
                    why: "the journal was written anew while it was read; try again".into(),
                });
            }
            _ => disk.remove(to)?,
        }
    }
}

/// The bytes of a sound segment file with all that can be read of this one. `later` are the first commits
/// of the segments behind it.
fn read_segment(
    path: &Path,
    bytes: &[u8],
    number: u32,
    header: Option<&Header>,
    later: &[Seq],
    salvaged: &mut Salvaged,
) -> Result<Vec<u8>, StoreError> {
    let before = salvaged.last;
    let until = |last: Seq| {
        let next = later.iter().find(|first| **first > last);
        next.map(|first| Seq(first.0 - 1))
    };
    let Some(header) = header.filter(|header| header.first == before.next()) else {
        // Without its salt nothing in it can be told from noise.
        let last = until(before).unwrap_or(before);
        salvaged.last = last;
        salvaged.damage.push(Damage {
            file: path.to_owned(),
            bytes: 0..bytes.len() as u64,
            commits: (before.next(), last),
        });
        return Ok(Sieve::begin(number, before.next(), new_salt(path)?).seal(last));
    };
    let framer = Framer::new(&header.salt);
    let mut sieve = Sieve::begin(number, header.first, new_salt(path)?);
    let mut walked = Walked::before(header.first);
    let mut damage = Vec::new();
    loop {
        let on = segment::walk_on(bytes, walked, &framer, |seq, payload, _| {
            sieve.record(seq, payload);
            Ok::<_, Infallible>(ControlFlow::Continue(()))
        });
        let Ok(on) = on;
        walked = on;
        if walked.how != End::Damaged {
            break;
        }
        let lost_from = walked.end;
        let Some(found) = framer.find(bytes, lost_from) else {
            break;
        };
        let Some(record) = framer.read(bytes, found) else {
            break;
        };
        // Goes on as if the record just before the one that was found had been read.
        let found_at = Seq(record
            .seq
            .0
            .saturating_sub(segment::commits(record.payload)));
        if found_at < walked.last || found == lost_from {
            break;
        }
        damage.push(Damage {
            file: path.to_owned(),
            bytes: lost_from as u64..found as u64,
            commits: (walked.last.next(), found_at),
        });
        walked.end = found;
        walked.last = found_at;
    }
    let whole = damage.is_empty();
    let until = until(walked.last);
    let last = until.unwrap_or(walked.last);
    let ends_well = match until {
        Some(until) => walked.how == End::Sealed && walked.last == until,
        // Its end may be torn.
        None => true,
    };
    if !ends_well {
        // When this one is whole, it is the next one that is missing.
        let (file, from, to) = match walked.how {
            End::Sealed => (path.with_file_name(segment::name(number + 1)), 0, 0),
            _ => (path.to_owned(), walked.end, bytes.len()),
        };
        damage.push(Damage {
            file,
            bytes: from as u64..to as u64,
            commits: (walked.last.next(), last),
        });
    }
    salvaged.last = last;
    salvaged.damage.append(&mut damage);
    if whole && ends_well {
        Ok(bytes.get(..walked.end).unwrap_or_default().to_vec())
    } else {
        Ok(sieve.seal(last))
    }
}

/// The headers that can be read.
fn headers(dir: &Path, numbers: &[u32]) -> Result<BTreeMap<u32, Header>, OpenError> {
    let mut headers = BTreeMap::new();
    for number in numbers {
        let path = segment::path(dir, *number);
        let mut bytes = Vec::new();
        let read = fs::File::open(&path)
            .and_then(|file| file.take(HEADER_BYTES as u64).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            read => read.map_err(StoreError::io("read", &path))?,
        };
        match Header::decode(&bytes) {
            Ok(header) if header.number == *number => {
                headers.insert(*number, header);
            }
            Err(BadHeader::TooNew(version)) => {
                return Err(OpenError::TooNew {
                    file: path,
                    version,
                });
            }
            Ok(_) | Err(BadHeader::Damaged) => {}
        }
    }
    Ok(headers)
}

fn list(dir: &Path) -> Result<Vec<u32>, StoreError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let name = entry.map_err(StoreError::io("list", dir))?.file_name();
        numbers.extend(name.to_str().and_then(segment::number));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn looks(dir: &Path) -> Result<BTreeMap<u32, Look>, StoreError> {
    let mut looks = BTreeMap::new();
    for number in list(dir)? {
        let path = segment::path(dir, number);
        let found = fs::metadata(&path).map_err(StoreError::io("read", &path))?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&found);
        #[cfg(not(unix))]
        let inode = 0;
        let look = Look {
            bytes: found.len(),
            modified: found.modified().ok(),
            inode,
        };
        looks.insert(number, look);
    }
    Ok(looks)
}
