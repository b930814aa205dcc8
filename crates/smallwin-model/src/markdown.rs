//! Reads the little Markdown that people and the example use.

use crate::RichText;
use crate::render::is_shown;
use crate::rich_text::PARAGRAPH;

/// Reads Markdown: paragraphs between blank lines, `**strong**`, `*em*`, `***both***`.
///
/// A star opens before a letter and closes behind one, and only when it has a
/// partner in its paragraph; all other stars stay stars. Nothing else of Markdown
/// is known. A text without letters is one empty paragraph.
#[must_use]
pub fn parse_markdown(markdown: &str) -> RichText {
    let mut text = RichText::default();
    let shown: String = markdown
        .chars()
        .filter(|letter| is_shown(*letter))
        .collect();
    for paragraph in paragraphs(&shown) {
        text.open(PARAGRAPH);
        push_inline(&mut text, &paragraph, false, false);
    }
    if text.blocks.is_empty() {
        text.open(PARAGRAPH);
    }
    text
}

/// Splits at blank lines and trims line ends.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.split('\n').map(str::trim_end) {
        match paragraphs.last_mut() {
            Some(lines) if !line.is_empty() => lines.push(line),
            Some(lines) if lines.is_empty() => {}
            _ => paragraphs.push(Vec::new()),
        }
    }
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs.iter().map(|lines| lines.join("\n")).collect()
}

fn push_inline(text: &mut RichText, inline: &str, strong: bool, em: bool) {
    let Some((before, stars, inside, behind)) = find_marked(inline) else {
        text.push(inline, strong, em);
        return;
    };
    text.push(before, strong, em);
    push_inline(text, inside, strong || stars >= 2, em || stars != 2);
    push_inline(text, behind, strong, em);
}

/// Finds the first marked piece: what stands before it, its number of stars, itself, what stands behind it.
fn find_marked(inline: &str) -> Option<(&str, usize, &str, &str)> {
    let mut at = 0;
    while let Some(found) = inline.get(at..)?.find('*') {
        let start = at + found;
        let rest = inline.get(start..)?;
        let run = run_of_stars(rest);
        let stars = run.min(3);
        let inside = rest.get(stars..)?;
        let opens = run <= 3 && !inside.starts_with(char::is_whitespace) && !inside.is_empty();
        if let Some(end) = opens.then(|| closing(inside, stars)).flatten() {
            return Some((
                inline.get(..start)?,
                stars,
                inside.get(..end)?,
                inside.get(end + stars..)?,
            ));
        }
        at = start + run;
    }
    None
}

/// Finds where a run closes: the first run behind a letter with as many stars, else the first with more.
fn closing(inside: &str, stars: usize) -> Option<usize> {
    let mut longer = None;
    let mut at = 0;
    while let Some(found) = inside.get(at..)?.find('*') {
        let start = at + found;
        let run = run_of_stars(inside.get(start..)?);
        let is_behind_letter = inside
            .get(..start)?
            .chars()
            .next_back()
            .is_some_and(|letter| !letter.is_whitespace());
        if is_behind_letter && run == stars {
            return Some(start);
        }
        if is_behind_letter && run > stars && longer.is_none() {
            longer = Some(start);
        }
        at = start + run;
    }
    longer
}

fn run_of_stars(text: &str) -> usize {
    text.len() - text.trim_start_matches('*').len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render_text;

    #[test]
    fn reads_what_it_renders() {
        let check = |markdown: &str| assert_eq!(render_text(&parse_markdown(markdown)), markdown);
        check("");
        check("Een zin.");
        check("Een.\n\nTwee.\nNog twee.");
        check("**Wat er op tafel kwam.** Noor leest *voor*.");
        check("**a** *b* en ***d***");
        check("2 * 3 * 4 en a*");
        check("**a");
        check("👩‍⚕️ **é**");
    }

    #[test]
    fn reads_marks() {
        let text = parse_markdown("a **b** *c*");
        let spans: Vec<_> = text.blocks[0]
            .spans
            .iter()
            .map(|span| (span.text.as_str(), span.strong, span.em))
            .collect();
        assert_eq!(
            spans,
            [
                ("a ", false, false),
                ("b", true, false),
                (" ", false, false),
                ("c", false, true)
            ]
        );
        let nested = parse_markdown("*a **b** c*");
        assert_eq!(nested.blocks[0].spans.len(), 3);
        assert!(nested.blocks[0].spans.iter().all(|span| span.em));
    }

    #[test]
    fn blank_lines_of_any_number_separate() {
        assert_eq!(
            parse_markdown("\n\na\n \n\n\t\nb\n"),
            parse_markdown("a\n\nb")
        );
        assert_eq!(parse_markdown("a\r\n\r\nb"), parse_markdown("a\n\nb"));
    }
}
