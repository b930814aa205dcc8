//! Every test runs, and none waits for time to pass instead of for what it expects.

use super::{
    Files,
    source::{Word, reads, test_part, words},
};

/// The two places that may pause between two looks at a condition with a deadline.
const WAITERS: &[&str] = &["tests/src/wait.rs", "tests/browser/lib/wait.mjs"];

/// What switches a TypeScript or JavaScript test off, or all others; each begins after a dot or stands alone.
const SWITCHES: &[&str] = &[
    ".only(",
    ".skip(",
    ".todo(",
    ".fixme(",
    "xit(",
    "xdescribe(",
    "xtest(",
];

/// What sleeps in TypeScript or JavaScript.
const SLEEPS: &[&str] = &["waitForTimeout(", "timers/promises"];

/// Reports tests that are switched off and tests that sleep.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for (path, text) in files {
        if path.ends_with(".rs") {
            findings.extend(rust(path, text));
        } else if is_script_test(path) {
            findings.extend(script(path, text));
        }
    }
    findings
}

fn rust(path: &str, text: &str) -> Vec<String> {
    let all = words(text);
    let mut findings: Vec<String> = (0..all.len())
        .filter(|at| reads(&all, *at, &["#", "[", "ignore"]))
        .filter_map(|at| all.get(at))
        .map(|word| {
            format!(
                "{path}:{}: a test that is ignored carries nothing",
                word.line
            )
        })
        .collect();
    if WAITERS.contains(&path) {
        return findings;
    }
    let (tests, first_line) = if is_rust_test(path) {
        (text, 0)
    } else {
        let part = test_part(text);
        (
            part,
            text.lines().count().saturating_sub(part.lines().count()),
        )
    };
    let part = words(tests);
    findings.extend(
        part.iter()
            .enumerate()
            .filter(|(at, word)| is_sleep(&part, *at, word))
            .map(|(_, word)| {
                format!(
                    "{path}:{}: a test waits for a condition with a deadline, it does not sleep",
                    first_line + word.line
                )
            }),
    );
    findings
}

fn is_sleep(words: &[Word<'_>], at: usize, word: &Word<'_>) -> bool {
    word.text == "sleep" && words.get(at + 1).is_some_and(|next| next.text == "(")
}

fn script(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if SWITCHES.iter().any(|switch| stands_alone(line, switch)) {
            findings.push(format!(
                "{path}:{number}: a test that is switched off carries nothing"
            ));
        }
        if !WAITERS.contains(&path) && SLEEPS.iter().any(|sleep| line.contains(sleep)) {
            findings.push(format!(
                "{path}:{number}: a test waits for a condition with a deadline, it does not sleep"
            ));
        }
    }
    findings
}

/// Whether the switch stands in the line as a call of its own, not as the end of a longer word.
fn stands_alone(line: &str, switch: &str) -> bool {
    line.match_indices(switch).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let caller = line.get(..at).unwrap_or("");
        if switch.starts_with('.') {
            ["test", "it", "describe", "suite", "fuzz", "each"]
                .iter()
                .any(|name| caller.ends_with(name))
        } else {
            !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.')
        }
    })
}

fn is_rust_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

fn is_script_test(path: &str) -> bool {
    [".test.ts", ".spec.ts", ".test.mjs", ".spec.mjs"]
        .iter()
        .any(|ending| path.ends_with(ending))
        || (path.starts_with("tests/") && path.ends_with(".mjs"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    fn of(path: &str, text: &str) -> Vec<String> {
        check(&files_of(&[(path, text)]))
    }

    #[test]
    fn an_ignored_test_is_found_with_and_without_a_reason() {
        let text = "#[test]\n#[ignore]\nfn a() {}\n#[test]\n#[ignore = \"slow\"]\nfn b() {}";
        let found = of("crates/smallwin-sim/tests/runs.rs", text);
        assert_eq!(found.len(), 2);
        assert!(
            found
                .first()
                .is_some_and(|finding| finding.starts_with("crates/smallwin-sim/tests/runs.rs:2:"))
        );
    }

    #[test]
    fn a_sleep_counts_in_tests_only_and_with_its_line() {
        let text = "fn idle() { thread::sleep(d); }\n#[cfg(test)]\nmod tests {\n fn t() { thread::sleep(d); }\n}";
        let found = of("crates/smallwin-node/src/disk.rs", text);
        assert_eq!(found.len(), 1);
        assert!(
            found
                .first()
                .is_some_and(|finding| finding.starts_with("crates/smallwin-node/src/disk.rs:4:"))
        );
        assert!(of("tests/src/wait.rs", "fn until() { thread::sleep(d); }").is_empty());
    }

    #[test]
    fn switched_off_scripts_are_found_and_like_words_are_not() {
        for off in [
            "test.only('a', f)",
            "  it.skip('a')",
            "describe.todo('x')",
            "xit('a')",
        ] {
            assert_eq!(of("web/src/a.test.ts", off).len(), 1, "{off}");
        }
        for fine in [
            "reader.skip(2)",
            "exit(1)",
            "commit('x')",
            "test('only.skip', f)",
        ] {
            assert!(of("web/src/a.test.ts", fine).is_empty(), "{fine}");
        }
        assert!(of("web/src/a.ts", "test.only('a')").is_empty());
    }
}
