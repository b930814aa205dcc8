//! No source file grows past what a reader can hold.

use super::Files;

/// The most lines of one source file; a file that needs more is two files.
const LINES_MAX: usize = 800;

/// What counts as source.
const ENDINGS: &[&str] = &[".rs", ".ts", ".svelte", ".mjs", ".js", ".css"];

/// Reports each source file that is too long.
pub(crate) fn check(files: &Files) -> Vec<String> {
    files
        .iter()
        .filter(|(path, _)| ENDINGS.iter().any(|ending| path.ends_with(ending)))
        .filter_map(|(path, text)| {
            let lines = text.lines().count();
            (lines > LINES_MAX)
                .then(|| format!("{path}: {lines} lines, the most is {LINES_MAX}: split it"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::files_of;

    #[test]
    fn the_limit_is_the_last_length_that_passes() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let fits = "x\n".repeat(LINES_MAX);
        let files = files_of(&[("a.rs", &long), ("b.rs", &fits), ("c.json", &long)]);
        assert_eq!(
            check(&files),
            ["a.rs: 801 lines, the most is 800: split it"]
        );
    }
}
