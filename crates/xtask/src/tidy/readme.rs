//! The commands that the documentation gives exist.

use super::Files;
use crate::TASKS;

/// Where commands are given to people.
const PAGES: &[&str] = &[
    "README.md",
    "docs/architecture.md",
    "docs/operations.md",
    "web/README.md",
];

/// Reports each `cargo xtask <task>` that is no task and each `npm run <script>` that no package has.
pub(crate) fn check(files: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    let scripts: String = files
        .iter()
        .filter(|(path, _)| path.ends_with("package.json"))
        .map(|(_, text)| text.as_str())
        .collect();
    for page in PAGES {
        let Some(text) = files.get(*page) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for task in named_after(line, "cargo xtask ") {
                if !TASKS.iter().any(|(name, ..)| *name == task) {
                    findings.push(format!(
                        "{page}:{}: there is no task `cargo xtask {task}`",
                        number + 1
                    ));
                }
            }
            for script in named_after(line, "npm run ") {
                if !scripts.contains(&format!("\"{script}\":")) {
                    findings.push(format!(
                        "{page}:{}: there is no script `npm run {script}`",
                        number + 1
                    ));
                }
            }
        }
    }
    if !files.contains_key("README.md") {
        findings.push("README.md: is missing".to_owned());
    }
    findings
}

/// The words that follow `before` in the line.
fn named_after<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(before).filter_map(move |(at, _)| {
        let rest = line.get(at + before.len()..)?;
        let end =
            rest.find(|letter: char| !(letter.is_alphanumeric() || letter == '-' || letter == ':'));
        rest.get(..end.unwrap_or(rest.len()))
            .filter(|word| !word.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    #[test]
    fn a_task_or_script_that_is_not_there_is_found() {
        let readme = "`cargo xtask test` and `cargo xtask fly`\nnpm run check; npm run land";
        let package = "{\"scripts\": {\"check\": \"x\"}}";
        let found = check(&files_of(&[
            ("README.md", readme),
            ("web/package.json", package),
        ]));
        assert_eq!(
            found,
            [
                "README.md:1: there is no task `cargo xtask fly`",
                "README.md:2: there is no script `npm run land`"
            ]
        );
    }
}
