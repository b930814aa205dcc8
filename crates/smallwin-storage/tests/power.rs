//! Cuts the power under a writing process and finds every acknowledged batch again (rule K1); and shows why
//! sled alone is not enough, so that nobody takes the journal away.
//!
//! The store lies on a file system of its own in a file. At a random moment the writer is stopped and the
//! file system shut down without writing out what it holds in memory, as a power cut does; then it is
//! mounted again. That takes Linux, root, loop mounts and python3 (for one call to the file system);
//! elsewhere these tests say that they were skipped. `SMALLWIN_POWER_ROUNDS` sets the rounds (6),
//! `SMALLWIN_POWER_SEED` the seed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, its child speaks through its output, and both are told what to do by variables"
)]

use std::fs;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use smallwin_storage::conformance::Model;
use smallwin_storage::{JournalStore, Options, Store};
use tempfile::TempDir;

mod common;
use common::process::{acknowledgement, child, kill, number, start};
use common::{Dice, batch, fast_dir};

const OURS: &str = "k1_every_acknowledged_batch_survives_a_power_cut";
const SLEDS: &str = "sled_alone_loses_acknowledged_batches_in_a_power_cut";

#[test]
fn k1_every_acknowledged_batch_survives_a_power_cut() {
    if let Some((dir, seed)) = child() {
        return write_until_killed(&dir, seed);
    }
    let seed = number("SMALLWIN_POWER_SEED", u64::from(std::process::id()));
    let rounds = number("SMALLWIN_POWER_ROUNDS", 6);
    let mut dice = Dice(seed);
    let mut image = None;
    let (mut model, mut store_seed, mut found, mut lost) = (Model::default(), seed, 0, 0);
    for round in 0..rounds {
        if round % 6 == 0 {
            // The old one is let go first.
            drop(image.take());
            image = match Image::mount() {
                Ok(image) => Some(image),
                Err(why) => {
                    println!("skipped: no power cut was tried, because {why}");
                    return;
                }
            };
            (store_seed, model, found) = (seed.wrapping_add(round), Model::default(), 0);
        }
        let Some(image) = &image else { return };
        let acknowledged = image
            .cut_power(OURS, store_seed, 1 + dice.below(40))
            .max(found);
        let store = open(&image.store());
        found = store.last().0;
        let context =
            format!("seed {seed}, round {round}: acknowledged {acknowledged}, found {found}");
        assert!(
            found == acknowledged || found == acknowledged + 1,
            "{context}"
        );
        lost += acknowledged.saturating_sub(found);
        for n in model.last().0 + 1..=found {
            model.commit(&batch(store_seed, n));
        }
        model.compare(&store, usize::try_from(round).unwrap());
    }
    println!("{rounds} power cuts, {lost} acknowledged batches lost, seed {seed}");
}

#[test]
fn sled_alone_loses_acknowledged_batches_in_a_power_cut() {
    const ROUNDS: u64 = 8;
    if let Some((dir, seed)) = child() {
        return write_to_sled_until_killed(&dir, seed);
    }
    let mut dice = Dice(number("SMALLWIN_POWER_SEED", u64::from(std::process::id())));
    for round in 0..ROUNDS {
        let image = match Image::mount() {
            Ok(image) => image,
            Err(why) => {
                println!("skipped: no power cut was tried, because {why}");
                return;
            }
        };
        let acknowledged = image.cut_power(SLEDS, round, 50 + dice.below(50));
        match last_in_sled(&image.store()) {
            Some(found) if found >= acknowledged => {}
            found => {
                println!("sled acknowledged {acknowledged} batches and came back with {found:?}");
                return;
            }
        }
    }
    panic!("sled kept all it acknowledged in {ROUNDS} power cuts: is the journal still needed?");
}

#[test]
fn sled_alone_loses_batches_silently_after_one_flipped_bit() {
    const BATCHES: u64 = 200;
    let dir = fast_dir();
    let whole = dir.path().join("whole");
    let db = sled::Config::new().path(&whole).open().unwrap();
    for n in 1..=BATCHES {
        put_in_sled(&db, n);
    }
    drop(db);
    assert_eq!(last_in_sled(&whole), Some(BATCHES));
    let bytes = fs::read(whole.join("db")).unwrap();
    let mut dice = Dice(5);
    let mut silent = 0;
    for round in 0..24 {
        let copy = dir.path().join(format!("copy{round}"));
        fs::create_dir_all(copy.join("blobs")).unwrap();
        fs::copy(whole.join("conf"), copy.join("conf")).unwrap();
        let mut flipped = bytes.clone();
        let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
        flipped[at] ^= 1 << dice.below(8);
        fs::write(copy.join("db"), flipped).unwrap();
        // It opens without a word, and what it gives back is less.
        silent += u64::from(last_in_sled(&copy).is_some_and(|last| last < BATCHES));
    }
    println!("{silent} of 24 flipped bits lost batches without an error");
    assert!(
        silent > 0,
        "sled noticed every flipped bit: is the journal still needed?"
    );
}

/// A file system in a file.
struct Image {
    dir: TempDir,
}

impl Image {
    fn mount() -> Result<Self, String> {
        if !cfg!(target_os = "linux") {
            return Err("this is not Linux".into());
        }
        let dir = tempfile::tempdir().unwrap();
        let image = Self { dir };
        fs::create_dir(image.mounted()).unwrap();
        fs::File::create(image.file())
            .and_then(|file| file.set_len(512 << 20))
            .unwrap();
        run(Command::new("mkfs.ext4").arg("-q").arg(image.file()))?;
        run(Command::new("python3").arg("--version"))?;
        image.mount_again()?;
        Ok(image)
    }

    fn mount_again(&self) -> Result<(), String> {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .args([self.file(), self.mounted()]))
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mounted(&self) -> PathBuf {
        self.dir.path().join("mounted")
    }

    fn store(&self) -> PathBuf {
        self.mounted().join("store")
    }

    /// Lets the child write until it acknowledged some batches, cuts the power, and mounts again. Returns
    /// the last batch that was acknowledged.
    fn cut_power(&self, test: &str, seed: u64, batches: u64) -> u64 {
        let (mut child, mut output) = start(test, &self.store(), seed);
        let mut acknowledged = 0;
        let mut line = String::new();
        for _ in 0..=batches {
            line.clear();
            if output.read_line(&mut line).unwrap() == 0 {
                panic!("the child ended by itself: {:?}", child.wait());
            }
            acknowledged = acknowledgement(&line).unwrap_or(acknowledged);
        }
        run(Command::new("kill").args(["-STOP", &child.id().to_string()])).unwrap();
        run(Command::new("python3")
            .args(["-c", SHUT_DOWN])
            .arg(self.mounted()))
        .unwrap();
        let acknowledged = kill(child, output).max(acknowledged);
        run(Command::new("umount").arg(self.mounted())).unwrap();
        self.mount_again().unwrap();
        acknowledged
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // Not mounted when mounting failed.
        let _unmounted = run(Command::new("umount").arg("-l").arg(self.mounted()));
    }
}

/// `EXT4_IOC_SHUTDOWN` without flushing the log.
const SHUT_DOWN: &str = "import fcntl, os, struct, sys; \
    fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{name} said: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("{name} does not start: {error}")),
    }
}

/// The child: opens the store and writes until it is killed, one acknowledgement per line.
fn write_until_killed(dir: &Path, seed: u64) {
    let mut store = open(dir);
    tell(store.last().0);
    for n in store.last().0 + 1.. {
        assert_eq!(store.commit(&batch(seed, n)).unwrap().0, n);
        tell(n);
        if n % 10 == 0 {
            store.begin_compaction().unwrap();
        }
        store.tend().unwrap();
    }
}

/// The same with sled alone, flushed after every batch as its manual says.
fn write_to_sled_until_killed(dir: &Path, _seed: u64) {
    let db = sled::Config::new()
        .path(dir)
        .flush_every_ms(None)
        .open()
        .unwrap();
    tell(0);
    for n in 1.. {
        put_in_sled(&db, n);
        db.flush().unwrap();
        tell(n);
    }
}

fn tell(n: u64) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ack {n}").unwrap();
    stdout.flush().unwrap();
}

fn put_in_sled(db: &sled::Db, n: u64) {
    db.insert(n.to_be_bytes(), vec![n.to_le_bytes()[0]; 200])
        .unwrap();
}

/// The last batch up to which all are there; `None` when sled says that something is wrong, in whatever way.
fn last_in_sled(dir: &Path) -> Option<u64> {
    let read = || {
        let db = sled::Config::new().path(dir).open().ok()?;
        let mut last = 0;
        for row in db.iter() {
            let (key, value) = row.ok()?;
            let n = u64::from_be_bytes(key.as_ref().try_into().ok()?);
            if n != last + 1 || *value != [n.to_le_bytes()[0]; 200] {
                break;
            }
            last = n;
        }
        Some(last)
    };
    catch_unwind(AssertUnwindSafe(read)).ok().flatten()
}

fn open(dir: &Path) -> JournalStore {
    JournalStore::open(
        dir,
        Options {
            segment_bytes: 60_000,
            step_bytes: 10_000,
            ..Options::default()
        },
    )
    .unwrap()
}
