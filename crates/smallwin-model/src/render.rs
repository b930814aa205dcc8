//! The canonical rendering: the text that snapshots name by its hash.

use automerge::{ChangeHash, ReadDoc};
use smallwin_circle::Kind;

use crate::{Block, ModelError, RichText, Span, read_at, text_names};

/// Renders a document as Markdown, the same bytes on every device with the same changes.
///
/// For each text in schema order a heading with its name, a blank line and the
/// text; texts are one blank line apart. With heads, the document as it was then.
///
/// # Errors
/// As [`read_at`].
pub fn render(
    doc: &impl ReadDoc,
    kind: Kind,
    heads: Option<&[ChangeHash]>,
) -> Result<String, ModelError> {
    let view = read_at(doc, kind, heads)?;
    let sections = text_names(kind).iter().map(|name| {
        let text = view.texts.get(*name).map(render_text).unwrap_or_default();
        format!("## {name}\n\n{text}\n")
    });
    Ok(sections.collect::<Vec<_>>().join("\n"))
}

/// Renders one text: blocks one blank line apart, `**strong**`, `*em*`, `***both***`.
///
/// Control characters, block markers and white space at line ends are left out;
/// everything else stays as it was typed.
#[must_use]
pub fn render_text(text: &RichText) -> String {
    let blocks: Vec<_> = text.blocks.iter().map(render_block).collect();
    let lines: Vec<_> = blocks
        .join("\n\n")
        .split('\n')
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n").trim_end().to_owned()
}

fn render_block(block: &Block) -> String {
    block.spans.iter().map(render_span).collect()
}

fn render_span(span: &Span) -> String {
    let text: String = span
        .text
        .chars()
        .filter(|letter| is_shown(*letter))
        .collect();
    let mark = match (span.strong, span.em) {
        _ if text.is_empty() => "",
        (true, true) => "***",
        (true, false) => "**",
        (false, true) => "*",
        (false, false) => "",
    };
    format!("{mark}{text}{mark}")
}

/// Says whether a character is part of the text: U+FFFC stands for an embedded
/// object, and of the control characters only the line feed means anything.
pub(crate) fn is_shown(letter: char) -> bool {
    letter == '\n' || (letter != '\u{fffc}' && !letter.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(blocks: &[&[(&str, bool, bool)]]) -> RichText {
        let mut text = RichText::default();
        for block in blocks {
            text.open("paragraph");
            for (piece, strong, em) in *block {
                text.push(piece, *strong, *em);
            }
        }
        text
    }

    #[test]
    fn renders_blocks_and_marks() {
        let check = |blocks: &[&[(&str, bool, bool)]], expected| {
            assert_eq!(render_text(&text(blocks)), expected)
        };
        check(&[], "");
        check(&[&[]], "");
        check(&[&[("a", false, false)], &[("b", false, false)]], "a\n\nb");
        check(
            &[&[
                ("a ", false, false),
                ("b", true, false),
                ("c", true, true),
                ("d", false, true),
            ]],
            "a **b*****c****d*",
        );
        check(
            &[&[("a\u{fffc}\u{7}\r\u{85}b  \nc\u{a0}", false, false)]],
            "ab\nc",
        );
        check(&[&[("\u{fffc}", true, false), ("a", false, false)]], "a");
        check(&[&[("a ", true, false)], &[], &[]], "**a **");
        check(&[&[], &[("a", false, false)]], "\n\na");
        check(
            &[&[("a", false, false)], &[], &[("b", false, false)]],
            "a\n\n\n\nb",
        );
    }
}
