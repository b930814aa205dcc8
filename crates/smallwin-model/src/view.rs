//! Reads documents.

use std::collections::BTreeMap;

use automerge::hydrate::{Map, Value};
use automerge::iter::Span as AutomergeSpan;
use automerge::marks::MarkSet;
use automerge::{ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value as Found};
use smallwin_circle::Kind;

use crate::rich_text::PARAGRAPH;
use crate::{ModelError, RichText, text_names};

/// A document as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentView {
    /// Every text of the kind, by name; empty where the document lacks it.
    pub texts: BTreeMap<String, RichText>,
}

/// Reads all texts of a document as they are now.
///
/// # Errors
/// [`ModelError::UnknownKind`] when this version has no schema for the kind.
pub fn read(doc: &impl ReadDoc, kind: Kind) -> Result<DocumentView, ModelError> {
    read_at(doc, kind, None)
}

/// Reads all texts of a document as they were at these heads, or now without heads.
///
/// # Errors
/// [`ModelError::UnknownHead`] when the document lacks one of them.
pub fn read_at(
    doc: &impl ReadDoc,
    kind: Kind,
    heads: Option<&[ChangeHash]>,
) -> Result<DocumentView, ModelError> {
    let names = text_names(kind);
    if names.is_empty() {
        return Err(ModelError::UnknownKind(kind));
    }
    let is_unknown = |head: &&ChangeHash| doc.get_change_by_hash(head).is_none();
    if let Some(unknown) = heads.unwrap_or_default().iter().find(is_unknown) {
        return Err(ModelError::UnknownHead(unknown.to_string()));
    }
    let mut texts = BTreeMap::new();
    for name in names {
        texts.insert((*name).to_owned(), read_text(doc, name, heads)?);
    }
    Ok(DocumentView { texts })
}

/// Finds a text of a document.
pub(crate) fn find_text(
    doc: &impl ReadDoc,
    name: &str,
    heads: Option<&[ChangeHash]>,
) -> Result<Option<ObjId>, ModelError> {
    let found = match heads {
        Some(heads) => doc.get_at(ROOT, name, heads)?,
        None => doc.get(ROOT, name)?,
    };
    Ok(found.and_then(|(value, id)| matches!(value, Found::Object(ObjType::Text)).then_some(id)))
}

/// Reads one text; a text that is missing reads as empty, so that nobody can keep
/// a document from being read by deleting one.
fn read_text(
    doc: &impl ReadDoc,
    name: &str,
    heads: Option<&[ChangeHash]>,
) -> Result<RichText, ModelError> {
    match find_text(doc, name, heads)? {
        Some(text) => read_spans(doc, &text, heads),
        None => Ok(RichText::default()),
    }
}

pub(crate) fn read_spans(
    doc: &impl ReadDoc,
    text: &ObjId,
    heads: Option<&[ChangeHash]>,
) -> Result<RichText, ModelError> {
    let spans = match heads {
        Some(heads) => doc.spans_at(text, heads)?,
        None => doc.spans(text)?,
    };
    let mut rich = RichText::default();
    for span in spans {
        match span {
            AutomergeSpan::Block(map) => rich.open(&block_kind(&map)),
            AutomergeSpan::Text { text, marks } => {
                let marks = marks.as_deref();
                rich.push(&text, is_marked(marks, "strong"), is_marked(marks, "em"));
            }
        }
    }
    Ok(rich)
}

fn block_kind(map: &Map) -> String {
    match map.get("type") {
        Some(Value::Scalar(ScalarValue::Str(kind))) => kind.to_string(),
        Some(Value::Text(kind)) => kind.to_string(),
        _ => PARAGRAPH.to_owned(),
    }
}

fn is_marked(marks: Option<&MarkSet>, name: &str) -> bool {
    let is_on = |(found, value): (&str, &ScalarValue)| {
        found == name && *value == ScalarValue::Boolean(true)
    };
    marks.is_some_and(|marks| marks.iter().any(is_on))
}
