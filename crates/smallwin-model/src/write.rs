//! Writes texts from Markdown with few edits.

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjId, ObjType, ReadDoc, TextEncoding};
use dissimilar::Chunk;

use crate::rich_text::PARAGRAPH;
use crate::view::{find_text, read_spans};
use crate::{ModelError, RichText, parse_markdown};

/// Replaces a text by Markdown, touching only what differs, so that the edits of
/// others in the rest of the text stay (rule F2: the text starts with a block marker).
///
/// The changes are pending in `doc` until the caller commits them.
///
/// # Errors
/// [`ModelError::NoText`] when the document has no such text.
pub fn write(doc: &mut AutoCommit, text: &str, markdown: &str) -> Result<(), ModelError> {
    let id = text_id(doc, text)?;
    write_rich(doc, &id, &parse_markdown(markdown))
}

/// Puts Markdown behind a text as new paragraphs; in an empty text, as its first.
///
/// # Errors
/// [`ModelError::NoText`] when the document has no such text.
pub fn append(doc: &mut AutoCommit, text: &str, markdown: &str) -> Result<(), ModelError> {
    let id = text_id(doc, text)?;
    let mut rich = read_spans(doc, &id, None)?;
    if rich
        .blocks
        .last()
        .is_some_and(|block| block.spans.is_empty())
    {
        rich.blocks.pop();
    }
    rich.blocks.extend(parse_markdown(markdown).blocks);
    write_rich(doc, &id, &rich)
}

fn text_id(doc: &AutoCommit, text: &str) -> Result<ObjId, ModelError> {
    find_text(doc, text, None)?.ok_or_else(|| ModelError::NoText(text.to_owned()))
}

fn write_rich(doc: &mut AutoCommit, text: &ObjId, target: &RichText) -> Result<(), ModelError> {
    let new = units(target, Opening::Always);
    write_letters(doc, text, &new)?;
    write_marks(doc, text, &new)
}

/// One position of a text.
#[derive(Debug, Clone)]
struct Unit {
    element: Element,
    strong: bool,
    em: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Element {
    Block(String),
    Letter(char),
}

/// Whether the first block stands for a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// It gets one.
    Always,
    /// Only when the text starts with one.
    AsFound(bool),
}

fn units(text: &RichText, opening: Opening) -> Vec<Unit> {
    let mut units = Vec::new();
    for (number, block) in text.blocks.iter().enumerate() {
        if number > 0 || opening != Opening::AsFound(false) {
            units.push(Unit {
                element: Element::Block(block.kind.clone()),
                strong: false,
                em: false,
            });
        }
        for span in &block.spans {
            let letters = span.text.chars().map(Element::Letter);
            units.extend(letters.map(|element| Unit {
                element,
                strong: span.strong,
                em: span.em,
            }));
        }
    }
    units
}

fn current_units(doc: &AutoCommit, text: &ObjId) -> Result<Vec<Unit>, ModelError> {
    let starts_with_marker = doc.text(text)?.starts_with(MARKER);
    Ok(units(
        &read_spans(doc, text, None)?,
        Opening::AsFound(starts_with_marker),
    ))
}

/// Makes the letters and block markers those of `new`.
fn write_letters(doc: &mut AutoCommit, text: &ObjId, new: &[Unit]) -> Result<(), ModelError> {
    let old = current_units(doc, text)?;
    for edit in edits(&old, new) {
        let deleted = width(doc, edit.old)?;
        let at = width(doc, old.get(..edit.start).unwrap_or_default())?;
        if deleted > 0 {
            doc.splice_text(text, at, isize::try_from(deleted).unwrap_or(isize::MAX), "")?;
        }
        insert(doc, text, at, edit.new)?;
    }
    Ok(())
}

/// Units of the old text that give way to units of the new one.
#[derive(Debug)]
struct Edit<'a> {
    /// Position of the first in the old text.
    start: usize,
    old: &'a [Unit],
    new: &'a [Unit],
}

/// Finds edits, the last first, so that positions before each stay right.
fn edits<'a>(old: &'a [Unit], new: &'a [Unit]) -> Vec<Edit<'a>> {
    let letters = |units: &[Unit]| {
        units
            .iter()
            .map(|unit| letter(unit).unwrap_or(MARKER))
            .collect::<String>()
    };
    let (mut old_at, mut new_at) = (0, 0);
    let mut edits = Vec::new();
    for chunk in dissimilar::diff(&letters(old), &letters(new)) {
        let (start, new_start) = (old_at, new_at);
        match chunk {
            Chunk::Equal(same) => {
                let length = same.chars().count();
                (old_at, new_at) = (old_at + length, new_at + length);
                let (old, new) = (slice(old, start, old_at), slice(new, new_start, new_at));
                edits.extend(differing(start, old, new));
                continue;
            }
            Chunk::Delete(gone) => old_at += gone.chars().count(),
            Chunk::Insert(come) => new_at += come.chars().count(),
        }
        edits.push(Edit {
            start,
            old: slice(old, start, old_at),
            new: slice(new, new_start, new_at),
        });
    }
    edits.reverse();
    edits
}

/// Finds blocks of another kind in what compares as equal.
fn differing<'a>(start: usize, old: &'a [Unit], new: &'a [Unit]) -> impl Iterator<Item = Edit<'a>> {
    let pairs = old.chunks(1).zip(new.chunks(1)).enumerate();
    let is_other = |old: &[Unit], new: &[Unit]| {
        !old.iter()
            .map(|unit| &unit.element)
            .eq(new.iter().map(|unit| &unit.element))
    };
    pairs
        .filter(move |(_, (old, new))| is_other(old, new))
        .map(move |(at, (old, new))| Edit {
            start: start + at,
            old,
            new,
        })
}

fn slice(units: &[Unit], start: usize, end: usize) -> &[Unit] {
    units.get(start..end).unwrap_or_default()
}

/// Stands for a block marker where texts are compared, as in Automerge's plain text.
const MARKER: char = '\u{fffc}';

fn insert(
    doc: &mut AutoCommit,
    text: &ObjId,
    mut at: usize,
    units: &[Unit],
) -> Result<(), ModelError> {
    for piece in units.chunk_by(|left, right| is_letter(left) && is_letter(right)) {
        match piece {
            [
                Unit {
                    element: Element::Block(kind),
                    ..
                },
            ] => insert_block(doc, text, at, kind)?,
            letters => doc.splice_text(
                text,
                at,
                0,
                &letters.iter().filter_map(letter).collect::<String>(),
            )?,
        }
        at += width(doc, piece)?;
    }
    Ok(())
}

/// Inserts a block marker with the fields, and in the order, of JavaScript's `splitBlock`.
fn insert_block(
    doc: &mut AutoCommit,
    text: &ObjId,
    at: usize,
    kind: &str,
) -> Result<(), ModelError> {
    let block = doc.split_block(text, at)?;
    doc.put_object(&block, "attrs", ObjType::Map)?;
    doc.put(&block, "isEmbed", false)?;
    doc.put_object(&block, "parents", ObjType::List)?;
    doc.put(
        &block,
        "type",
        if kind.is_empty() { PARAGRAPH } else { kind },
    )?;
    Ok(())
}

/// Makes the marks those of `new`, whose letters the text already has.
fn write_marks(doc: &mut AutoCommit, text: &ObjId, new: &[Unit]) -> Result<(), ModelError> {
    let old = current_units(doc, text)?;
    let strong: fn(&Unit) -> bool = |unit| unit.strong;
    let em: fn(&Unit) -> bool = |unit| unit.em;
    for (name, is_on) in [("strong", strong), ("em", em)] {
        let mut at = 0;
        let pairs: Vec<_> = old.iter().zip(new).collect();
        let wish = |(old, new): &(&Unit, &Unit)| {
            (is_letter(new) && is_on(old) != is_on(new)).then(|| is_on(new))
        };
        for run in pairs.chunk_by(|left, right| wish(left) == wish(right)) {
            let end = at
                + run
                    .iter()
                    .map(|(_, new)| width(doc, std::slice::from_ref(*new)))
                    .sum::<Result<usize, _>>()?;
            match run.first().and_then(wish) {
                Some(true) => doc.mark(
                    text,
                    Mark::new(name.to_owned(), true, at, end),
                    ExpandMark::Both,
                )?,
                Some(false) => doc.unmark(text, name, at, end, ExpandMark::Both)?,
                None => {}
            }
            at = end;
        }
    }
    Ok(())
}

fn is_letter(unit: &Unit) -> bool {
    letter(unit).is_some()
}

fn letter(unit: &Unit) -> Option<char> {
    match unit.element {
        Element::Letter(letter) => Some(letter),
        Element::Block(_) => None,
    }
}

/// Positions that units take in the document's way of counting. A block marker takes one.
fn width(doc: &AutoCommit, units: &[Unit]) -> Result<usize, ModelError> {
    let of_letter: fn(char) -> usize = match doc.text_encoding() {
        TextEncoding::UnicodeCodePoint => |_| 1,
        TextEncoding::Utf8CodeUnit => char::len_utf8,
        TextEncoding::Utf16CodeUnit => char::len_utf16,
        TextEncoding::GraphemeCluster => return Err(ModelError::TextEncoding),
    };
    Ok(units
        .iter()
        .map(|unit| letter(unit).map_or(1, of_letter))
        .sum())
}
