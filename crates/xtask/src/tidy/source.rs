//! Reads Rust source as words, apart from comments, texts and tests.

/// One word, or one sign, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// The words and signs of Rust source, without comments, string and character literals.
pub(crate) fn words(source: &str) -> Vec<Word<'_>> {
    let mut reader = Reader {
        source,
        at: 0,
        line: 1,
    };
    let mut words = Vec::new();
    while let Some(word) = reader.next() {
        words.push(word);
    }
    words
}

/// The words of the source without the items that stand under `#[cfg(test)]`.
pub(crate) fn words_without_tests(source: &str) -> Vec<Word<'_>> {
    let all = words(source);
    let mut kept = Vec::with_capacity(all.len());
    let mut at = 0;
    while at < all.len() {
        match end_of_test_item(&all, at) {
            Some(end) => at = end,
            None => {
                kept.extend(all.get(at).cloned());
                at += 1;
            }
        }
    }
    kept
}

/// The part of a source file from its first `#[cfg(test)]` on, comments included; empty when there is none.
pub(crate) fn test_part(source: &str) -> &str {
    source
        .find("#[cfg(test)]")
        .and_then(|at| source.get(at..))
        .unwrap_or("")
}

/// Whether the words at `at` read like this sequence.
pub(crate) fn reads(words: &[Word<'_>], at: usize, sequence: &[&str]) -> bool {
    sequence.iter().enumerate().all(|(offset, text)| {
        words
            .get(at + offset)
            .is_some_and(|word| word.text == *text)
    })
}

/// When an item under `#[cfg(test)]` begins at `at`: the index behind its end.
fn end_of_test_item(words: &[Word<'_>], at: usize) -> Option<usize> {
    if !reads(words, at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
        return None;
    }
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at + 7) {
        match word.text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            ";" if depth == 0 => return Some(index + 1),
            _ => {}
        }
    }
    Some(words.len())
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        loop {
            let rest = self.rest();
            let first = rest.chars().next()?;
            if rest.starts_with("//") {
                self.skip(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.skip(rest.find("*/").map_or(rest.len(), |end| end + 2));
            } else if let Some(length) = literal_length(rest) {
                self.skip(length);
            } else if first.is_alphanumeric() || first == '_' {
                let length = rest
                    .find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
                    .unwrap_or(rest.len());
                return Some(self.take(length));
            } else if first.is_whitespace() {
                self.skip(first.len_utf8());
            } else {
                return Some(self.take(first.len_utf8()));
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, length: usize) -> Word<'a> {
        let word = Word {
            text: self.rest().get(..length).unwrap_or(""),
            line: self.line,
        };
        self.skip(length);
        word
    }

    fn skip(&mut self, length: usize) {
        let skipped = self.rest().get(..length).unwrap_or("");
        self.line += skipped.matches('\n').count();
        self.at += length.max(1);
    }
}

/// The length of the string or character literal that the text begins with, if it does.
fn literal_length(rest: &str) -> Option<usize> {
    let quoted = rest.strip_prefix('b').unwrap_or(rest);
    let prefix = rest.len() - quoted.len();
    if let Some(raw) = quoted.strip_prefix('r') {
        let fence = raw.len() - raw.trim_start_matches('#').len();
        if raw.get(fence..)?.starts_with('"') {
            let end = format!("\"{}", "#".repeat(fence));
            let body = raw.get(fence + 1..)?;
            let length = body.find(&end).map_or(body.len(), |at| at + end.len());
            return Some(prefix + 1 + fence + 1 + length);
        }
    }
    if quoted.starts_with('"') {
        return Some(prefix + closing(quoted, '"'));
    }
    // A quote with a letter and no closing quote behind it is a lifetime.
    if quoted.starts_with('\'') {
        let mut letters = quoted.chars().skip(1);
        let (second, third) = (letters.next()?, letters.next());
        if second == '\\' || third == Some('\'') {
            return Some(prefix + closing(quoted, '\''));
        }
    }
    None
}

fn closing(quoted: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in quoted.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return at + letter.len_utf8();
        }
    }
    quoted.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word<'_>]) -> String {
        words
            .iter()
            .map(|word| word.text)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_and_literals_are_no_words() {
        let source = "let a = \"HashMap \\\" b\"; // HashSet\nlet c = r#\"x \" HashMap\"#; /* y */ let d = '\"'; fn e<'f>() {}";
        assert_eq!(
            texts(&words(source)),
            "let a = ; let c = ; let d = ; fn e < ' f > ( ) { }"
        );
    }

    #[test]
    fn tests_are_cut_out_and_what_follows_stays() {
        let source =
            "use a;\n#[cfg(test)]\nmod tests { fn b() { c(); } }\n#[cfg(test)]\nmod d;\nfn e() {}";
        let kept = words_without_tests(source);
        assert_eq!(texts(&kept), "use a ; fn e ( ) { }");
        assert_eq!(kept.last().map(|word| word.line), Some(6));
    }
}
