//! What a text is called in what people read on paper.

use smallwin_circle::Kind;

use crate::questions::QUESTIONS;

/// The Dutch heading of a text: a question of the check-in in the workbook's words, a part of the
/// step, a part of the case. `None` for a name that the kind does not have.
#[must_use]
pub fn label(kind: Kind, name: &str) -> Option<&'static str> {
    match kind {
        Kind::CheckIn | Kind::Draft | Kind::Voice => QUESTIONS
            .iter()
            .find(|question| question.id == name)
            .map(|question| question.dutch),
        Kind::Case => Some(match name {
            "title" => "Titel",
            "body" => "De casus",
            "practice" => "Waar oefenen we?",
            _ => return None,
        }),
        Kind::Step => Some(match name {
            "weUsedTo" => "Wij deden het zo",
            "nowWePractise" => "In nieuwe situaties gaan we het zo doen en oefenen",
            "recognisable" => "Hieraan zie je het",
            "effect" => "Zo kijken we of het werkt",
            _ => return None,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_names;

    #[test]
    fn every_text_has_a_label() {
        for kind in [
            Kind::Case,
            Kind::CheckIn,
            Kind::Draft,
            Kind::Voice,
            Kind::Step,
        ] {
            for name in text_names(kind) {
                assert!(label(kind, name).is_some(), "{kind:?} {name}");
            }
            assert_eq!(label(kind, "nothing"), None);
        }
    }
}
