//! Texts that people give on the command line.

use anyhow::bail;

/// Letters in a title or name: what fits one line of a page.
const LETTERS_MAX: usize = 200;

/// A title of one line.
pub(crate) fn title(given: &str) -> anyhow::Result<String> {
    one_line(given, "the title")
}

/// A name of one line.
pub(crate) fn name(given: &str) -> anyhow::Result<String> {
    one_line(given, "the name")
}

fn one_line(given: &str, what: &str) -> anyhow::Result<String> {
    let text = given.trim();
    if text.is_empty() {
        bail!("{what} is empty; give at least one letter");
    }
    if text.chars().count() > LETTERS_MAX || text.chars().any(char::is_control) {
        bail!("{what} must be one line of at most {LETTERS_MAX} letters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_each() {
        let check = |given: &str, expect: Option<&str>| {
            assert_eq!(title(given).ok().as_deref(), expect, "{given:?}");
        };
        check(" Thuiskomen ", Some("Thuiskomen"));
        check("", None);
        check(" \n ", None);
        check("two\nlines", None);
        check(&"x".repeat(LETTERS_MAX + 1), None);
    }
}
