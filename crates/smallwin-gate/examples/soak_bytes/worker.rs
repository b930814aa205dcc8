//! Runs blocks of inputs in a process that may be killed by them, and says how far it came.
//!
//! Before each input its block and position go into the status file, so that whoever started the
//! process knows which input ended it. After each block one line goes to standard output:
//! `block N inputs … refused … passed … caught … panics … saves … promises … slowest_us … peak_kb …`,
//! before it a line `finding KIND BLOCK POSITION STORY` for everything that was broken. The main
//! thread watches: an input that takes more than two seconds of processor time ends the process
//! after the line `hang BLOCK POSITION`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Inputs of one block.
const INPUTS: u64 = 1_000;

/// Processor time that one input may take: the project's figure for a hang.
const HANG: Duration = Duration::from_secs(2);

/// Time on the clock that one input may take: nothing waits here, so this is for a machine whose
/// processor time cannot be read, and long enough for one that is very busy.
const STALL: Duration = Duration::from_secs(60);

/// Time between two looks at the worker.
const LOOK: Duration = Duration::from_millis(50);

/// What came of one input.
#[derive(Debug)]
pub enum Verdict {
    Refused,
    Passed,
    /// Passed, and something panicked where that is caught and allowed.
    Caught,
    Panic(String),
    Save(String),
    Promise(String),
}

/// What the worker was asked to do.
#[derive(Debug)]
pub struct Orders {
    pub target: String,
    first_block: u64,
    time: Duration,
    status: File,
}

impl Orders {
    /// Reads them from the arguments.
    pub fn read() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut next = |what: &str| {
            arguments
                .next()
                .unwrap_or_else(|| panic!("{what} is missing"))
        };
        Self {
            target: next("TARGET"),
            first_block: next("FIRST_BLOCK").parse().unwrap(),
            time: Duration::from_secs(next("SECONDS").parse().unwrap()),
            status: File::create(next("STATUS_FILE")).unwrap(),
        }
    }
}

/// Runs blocks until the time is over; at least one.
pub fn run<I, B>(orders: Orders, block: B) -> ExitCode
where
    B: Fn(u64) -> I + Send + 'static,
    I: FnMut() -> Verdict,
{
    let begun = Arc::new(AtomicU64::new(0));
    let (done, ended) = channel();
    let at = begun.clone();
    // A thread of its own has the stack that the node's threads have, and can be watched.
    let worker = thread::spawn(move || {
        let thread = std::fs::read_link("/proc/thread-self").ok();
        done.send(thread).unwrap();
        let end = Instant::now() + orders.time;
        let mut number = orders.first_block;
        loop {
            run_block(number, &block, &orders.status, &at);
            number += 1;
            if Instant::now() > end {
                return;
            }
        }
    });
    let thread = ended.recv().ok().flatten();
    let cpu = || {
        let path = format!("/proc/{}/schedstat", thread.as_ref()?.display());
        let text = std::fs::read_to_string(path).ok()?;
        let nanoseconds = text.split(' ').next()?.parse().ok()?;
        Some(Duration::from_nanos(nanoseconds))
    };
    let (mut seen, mut since, mut spent) = (u64::MAX, Instant::now(), cpu());
    while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
        let now = begun.load(Ordering::Acquire);
        if now != seen {
            (seen, since, spent) = (now, Instant::now(), cpu());
            continue;
        }
        let took = cpu().zip(spent).map(|(now, then)| now - then);
        if took.is_some_and(|took| took > HANG) || since.elapsed() > STALL {
            println!("hang");
            return ExitCode::from(3);
        }
    }
    match worker.join() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(4),
    }
}

fn run_block<I: FnMut() -> Verdict>(
    number: u64,
    block: &impl Fn(u64) -> I,
    status: &File,
    begun: &AtomicU64,
) {
    let mut one = block(number);
    let [mut refused, mut passed, mut caught] = [0; 3];
    let [mut panics, mut saves, mut promises] = [0; 3];
    let mut slowest = Duration::ZERO;
    for position in 0..INPUTS {
        begun.fetch_add(1, Ordering::Release);
        let place = [number.to_le_bytes(), position.to_le_bytes()].concat();
        status.write_all_at(&place, 0).unwrap();
        let start = Instant::now();
        let verdict = catch_unwind(AssertUnwindSafe(&mut one))
            .unwrap_or_else(|panic| Verdict::Panic(format!("escaped: {}", words(&*panic))));
        slowest = slowest.max(start.elapsed());
        let broken = |kind: &str, story: String| {
            let story = story.replace('\n', " ");
            println!("finding {kind} {number} {position} {story}");
        };
        match verdict {
            Verdict::Refused => refused += 1,
            Verdict::Passed => passed += 1,
            Verdict::Caught => {
                passed += 1;
                caught += 1;
            }
            Verdict::Panic(story) => {
                panics += 1;
                broken("panic", story);
            }
            Verdict::Save(story) => {
                saves += 1;
                broken("save", story);
            }
            Verdict::Promise(story) => {
                promises += 1;
                broken("promise", story);
            }
        }
    }
    println!(
        "block {number} inputs {INPUTS} refused {refused} passed {passed} caught {caught} \
         panics {panics} saves {saves} promises {promises} slowest_us {} peak_kb {}",
        slowest.as_micros(),
        peak_kb()
    );
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

/// The most memory that the process ever held, where the system tells.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
