//! Which texts each kind of document has.

use smallwin_circle::Kind;

/// Gives the names of a document's texts in the order in which they are shown and
/// rendered; none when this version only knows the kind by name.
#[must_use]
pub fn text_names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Case => &["title", "body", "practice"],
        Kind::CheckIn | Kind::Draft | Kind::Voice => {
            &["q1", "q2", "q3", "q4", "q5", "q6", "q7", "q8"]
        }
        Kind::Step => &["weUsedTo", "nowWePractise", "recognisable", "effect"],
        _ => &[],
    }
}
