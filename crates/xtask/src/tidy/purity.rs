//! Pure crates take time, chance and identity as arguments and do no IO.

use super::{
    Files,
    arrows::PURE,
    source::{Word, reads, words_without_tests},
};

/// Words that no pure crate may use, wherever they stand.
const WORDS: &[(&str, &str)] = &[
    (
        "HashMap",
        "its order differs from run to run: take BTreeMap",
    ),
    (
        "HashSet",
        "its order differs from run to run: take BTreeSet",
    ),
    ("RandomState", "its order differs from run to run"),
    ("Instant", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("async", "the engine is driven from outside"),
    ("await", "the engine is driven from outside"),
    ("tokio", "the engine is driven from outside"),
    ("getrandom", "chance is an argument"),
    ("thread_rng", "chance is an argument"),
    ("OsRng", "chance is an argument"),
    ("TcpStream", "a pure crate has no sockets"),
    ("TcpListener", "a pure crate has no sockets"),
    ("UdpSocket", "a pure crate has no sockets"),
    ("AtomicU64", "a global counter makes two runs differ"),
    ("AtomicUsize", "a global counter makes two runs differ"),
    ("AtomicU32", "a global counter makes two runs differ"),
    ("thread_local", "a pure crate has no threads"),
];

/// Modules of the standard library that no pure crate may use.
const MODULES: &[&str] = &["env", "fs", "net", "process", "thread", "time"];

/// Reports each use of a clock, chance, a thread, async, a socket, a file or hash-map order outside tests.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| is_pure_source(path)) {
        let words = words_without_tests(text);
        for (at, word) in words.iter().enumerate() {
            if let Some((_, why)) = WORDS.iter().find(|(banned, _)| *banned == word.text) {
                findings.push(format!(
                    "{path}:{}: `{}` in a pure crate: {why}",
                    word.line, word.text
                ));
            }
            for module in modules_of_std(&words, at) {
                if MODULES.contains(&module.text) {
                    findings.push(format!(
                        "{path}:{}: `std::{}` in a pure crate",
                        module.line, module.text
                    ));
                }
            }
        }
    }
    findings
}

fn is_pure_source(path: &str) -> bool {
    let in_source = PURE.iter().any(|name| {
        path.strip_prefix("crates/")
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with("/src/"))
    });
    // A file `tests.rs` or a folder `tests` in the source is declared under `#[cfg(test)]`.
    in_source && path.ends_with(".rs") && !path.ends_with("/tests.rs") && !path.contains("/tests/")
}

/// The modules named by `std::a` or `std::{a, b::c}` when that begins at `at`.
fn modules_of_std<'a>(words: &'a [Word<'a>], at: usize) -> Vec<&'a Word<'a>> {
    if !reads(words, at, &["std", ":", ":"]) {
        return Vec::new();
    }
    let Some(next) = words.get(at + 3) else {
        return Vec::new();
    };
    if next.text != "{" {
        return vec![next];
    }
    let (mut depth, mut first, mut modules) = (1_usize, true, Vec::new());
    for word in words.iter().skip(at + 4) {
        match word.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            _ => {
                if first && depth == 1 {
                    modules.push(word);
                }
                first = false;
            }
        }
        if depth == 0 {
            break;
        }
    }
    modules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&files_of(&[(path, text)]))
    }

    #[test]
    fn clocks_maps_and_files_are_found_with_their_line() {
        let found = of(
            "crates/smallwin-sync/src/engine.rs",
            "use std::{\n  collections::HashMap,\n  fs::{self, File},\n};\n",
        );
        assert_eq!(
            found,
            [
                "crates/smallwin-sync/src/engine.rs:3: `std::fs` in a pure crate",
                "crates/smallwin-sync/src/engine.rs:2: `HashMap` in a pure crate: its order differs from run to run: take BTreeMap",
            ]
        );
        assert_eq!(
            of(
                "crates/smallwin-gate/src/lib.rs",
                "fn f() { std::thread::spawn(g); }"
            )
            .len(),
            1
        );
        assert_eq!(
            of("crates/smallwin-circle/src/lib.rs", "pub async fn f() {}").len(),
            1
        );
    }

    #[test]
    fn tests_comments_fields_and_other_crates_pass() {
        let text = "// Instant\nstruct S { time: u64 }\nuse std::{io::Read, collections::BTreeMap};\n#[cfg(test)]\nmod tests { use std::time::Instant; }";
        assert!(of("crates/smallwin-sync/src/s.rs", text).is_empty());
        assert!(
            of(
                "crates/smallwin-node/src/clock.rs",
                "use std::time::Instant;"
            )
            .is_empty()
        );
        assert!(
            of(
                "crates/smallwin-sync/tests/run.rs",
                "use std::time::Instant;"
            )
            .is_empty()
        );
    }
}
