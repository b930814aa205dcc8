//! Every rule of the specification is carried by a test that names it.

use super::{Files, source::test_part};

/// Where the rules stand.
const SPEC: &str = "docs/spec.md";

/// Reports each rule without a test, and a specification without rules.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let Some(spec) = files.get(SPEC) else {
        return vec![format!("{SPEC}: is missing")];
    };
    let rules = rule_ids(spec);
    if rules.is_empty() {
        return vec![format!(
            "{SPEC}: has no table of rules with the heads `id` and `rule`"
        )];
    }
    let tests: Vec<&str> = files
        .iter()
        .map(|(path, text)| test_text(path, text))
        .collect();
    rules
        .iter()
        .filter(|rule| !tests.iter().any(|text| names(text, rule)))
        .map(|rule| format!("{SPEC}: no test names rule {rule}, in its name or in a comment"))
        .collect()
}

/// The ids in the first column of the table whose head is `| id | rule |`.
fn rule_ids(spec: &str) -> Vec<String> {
    spec.lines()
        .skip_while(|line| line.replace(' ', "") != "|id|rule|")
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .map(|id| id.trim().to_owned())
        .collect()
}

/// The part of a file that is tests: all of it, what follows `#[cfg(test)]`, or nothing.
fn test_text<'a>(path: &str, text: &'a str) -> &'a str {
    // This crate talks about rules and carries none.
    if path.starts_with("crates/xtask/") {
        return "";
    }
    let is_script = path.ends_with(".ts") || path.ends_with(".mjs");
    if path.ends_with(".rs") {
        let whole =
            path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs");
        // The simulation's and the conformance suite's checks are tests that live in source files.
        let suite =
            path.starts_with("crates/smallwin-sim/src/") || path.ends_with("/conformance.rs");
        if whole || suite {
            text
        } else {
            test_part(text)
        }
    } else if is_script
        && (path.contains(".test.") || path.contains(".spec.") || path.starts_with("tests/"))
    {
        text
    } else {
        ""
    }
}

/// Whether the text has the id as a word (`K1`), or as a part of a test's name (`k1_…`).
fn names(text: &str, rule: &str) -> bool {
    let part_of_name = |letter: char| letter.is_alphanumeric();
    let lower = rule.to_lowercase();
    [rule, lower.as_str()].iter().any(|id| {
        text.match_indices(id).any(|(at, _)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text
                .get(at + id.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(part_of_name)
                && !after.is_some_and(part_of_name)
                // The lower-case form counts only in a name: `k1` alone may be any variable.
                && (*id == rule || after == Some('_') || before == Some('_'))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    const TABLE: &str =
        "# S\n| id | rule |\n|---|---|\n| Q1 | one |\n| Q2 | two |\n\ntext | Q9 |\n";

    #[test]
    fn a_rule_without_a_test_is_found() {
        let files = files_of(&[
            (SPEC, TABLE),
            (
                "crates/a/tests/q.rs",
                "#[test]\nfn q1_holds() {}\nlet q2 = 1;",
            ),
        ]);
        assert_eq!(
            check(&files),
            ["docs/spec.md: no test names rule Q2, in its name or in a comment"]
        );
    }

    #[test]
    fn comments_in_tests_count_and_those_in_code_do_not() {
        let source = "// Q1\nfn f() {}\n#[cfg(test)]\nmod tests { /* Q2 */ }";
        let files = files_of(&[(SPEC, TABLE), ("crates/a/src/a.rs", source)]);
        assert_eq!(check(&files).len(), 1);
        let files = files_of(&[(SPEC, TABLE), ("web/src/a.test.ts", "// Q1, Q2")]);
        assert!(check(&files).is_empty());
    }

    #[test]
    fn a_longer_word_is_not_the_rule() {
        assert!(!names("XQ1 Q12 q1x", "Q1"));
        assert!(names("(Q1)", "Q1"));
    }

    #[test]
    fn a_lost_table_is_found() {
        assert_eq!(check(&files_of(&[(SPEC, "nothing")])).len(), 1);
        assert_eq!(check(&Files::new()).len(), 1);
    }
}
