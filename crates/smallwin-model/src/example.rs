//! The worked example: an invented Small Win, for the demonstration and for tests.

use std::collections::BTreeMap;

use serde::Deserialize;
use smallwin_circle::Role;

use crate::ModelError;

/// The worked example, as far as this version's documents go.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// Everybody who takes part, the submitter first.
    pub people: Vec<Person>,
    /// The Small Win.
    pub small_win: SmallWin,
    /// The signal that started it.
    pub signal: Signal,
    /// Check-ins; the first is revision 1.
    pub check_ins: Vec<CheckIn>,
    meaningful_step: MeaningfulStep,
}

/// A person of the example.
#[derive(Debug, Clone, Deserialize)]
pub struct Person {
    /// Name of the person inside the example, such as `p-noor`.
    pub id: String,
    /// Name as people see it.
    pub name: String,
    /// Where they work.
    pub organisation: String,
    /// Which view they bring.
    pub perspective: String,
    circle: Circle,
    roles: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Circle {
    Inner,
    Outer,
}

/// The Small Win of the example.
#[derive(Debug, Clone, Deserialize)]
pub struct SmallWin {
    /// Its title.
    pub title: String,
}

/// The signal of the example.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Who brought it in.
    pub submitted_by: String,
    /// The case, as Markdown.
    pub case_text: String,
    /// The practice that carries it.
    pub supporting_practice: String,
}

/// One revision of the check-in.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckIn {
    /// Number from 1.
    pub revision: u32,
    /// Answers by question.
    pub answers: BTreeMap<String, Answer>,
}

/// The answers to one question.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// What everybody wrote together, as Markdown.
    pub shared: String,
    /// What each person wrote alone.
    pub voices: Vec<Voice>,
}

/// What one person answered.
#[derive(Debug, Clone, Deserialize)]
pub struct Voice {
    /// The person's id in the example.
    pub by: String,
    /// The answer, as Markdown.
    pub text: String,
}

#[derive(Debug, Clone, Deserialize)]
struct MeaningfulStep {
    live: BTreeMap<String, String>,
}

impl Example {
    /// Loads the example that is built into the program.
    ///
    /// # Errors
    /// [`ModelError::Example`] when the embedded file and this version do not fit.
    pub fn load() -> Result<Self, ModelError> {
        Ok(serde_json::from_str(include_str!(
            "../data/domain-example.json"
        ))?)
    }

    /// Gives a person by their id.
    #[must_use]
    pub fn person(&self, id: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    /// Gives the first facilitator, who starts the circle.
    #[must_use]
    pub fn facilitator(&self) -> Option<&Person> {
        self.people
            .iter()
            .find(|person| person.role() == Role::Facilitator)
    }

    /// Gives the texts of the case document, by name, as Markdown.
    #[must_use]
    pub fn case_texts(&self) -> BTreeMap<&'static str, &str> {
        BTreeMap::from([
            ("title", self.small_win.title.as_str()),
            ("body", self.signal.case_text.as_str()),
            ("practice", self.signal.supporting_practice.as_str()),
        ])
    }

    /// Gives the shared answers of the first check-in, by question, as Markdown.
    #[must_use]
    pub fn check_in_texts(&self) -> BTreeMap<&str, &str> {
        self.first_answers()
            .map(|(question, answer)| (question, answer.shared.as_str()))
            .collect()
    }

    /// Gives each person's own answers of the first check-in: person, then question, as Markdown.
    #[must_use]
    pub fn voices(&self) -> BTreeMap<&str, BTreeMap<&str, &str>> {
        let mut voices: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (question, answer) in self.first_answers() {
            for voice in &answer.voices {
                voices
                    .entry(voice.by.as_str())
                    .or_default()
                    .insert(question, voice.text.as_str());
            }
        }
        voices
    }

    /// Gives the texts of the step document, by name, as Markdown.
    #[must_use]
    pub fn step_texts(&self) -> BTreeMap<&str, &str> {
        self.meaningful_step
            .live
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect()
    }

    fn first_answers(&self) -> impl Iterator<Item = (&str, &Answer)> {
        let first = self
            .check_ins
            .iter()
            .filter(|check_in| check_in.revision == 1);
        first.flat_map(|check_in| {
            check_in
                .answers
                .iter()
                .map(|(question, answer)| (question.as_str(), answer))
        })
    }
}

impl Person {
    /// Gives the person's role in the circle.
    #[must_use]
    pub fn role(&self) -> Role {
        let has = |role: &str| self.roles.iter().any(|found| found == role);
        if has("learning-broker") || has("network-guide") {
            Role::Facilitator
        } else if has("task-lead") {
            Role::Owner
        } else if self.circle == Circle::Inner {
            Role::Inner
        } else {
            Role::Outer
        }
    }
}

#[cfg(test)]
mod tests {
    use smallwin_circle::Kind;

    use super::*;
    use crate::questions::QUESTIONS;
    use crate::text_names;

    #[test]
    fn the_example_fits_the_schema() {
        let example = Example::load().unwrap();
        assert_eq!(example.case_texts().len(), text_names(Kind::Case).len());
        let names =
            |texts: BTreeMap<&str, &str>| texts.into_keys().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names(example.check_in_texts()), text_names(Kind::CheckIn));
        let mut step = text_names(Kind::Step).to_vec();
        step.sort_unstable();
        assert_eq!(names(example.step_texts()), step);
        assert_eq!(example.voices().len(), 3);
        assert_eq!(
            example.facilitator().map(|person| person.id.as_str()),
            Some("p-teun")
        );
        assert_eq!(
            example.person("p-gerda").map(Person::role),
            Some(Role::Outer)
        );
        assert!(
            example
                .voices()
                .keys()
                .all(|person| example.person(person).is_some())
        );
    }

    /// The questions stand in the example word for word as in the workbook.
    #[test]
    fn the_questions_are_those_of_the_workbook() {
        let json: serde_json::Value =
            serde_json::from_str(include_str!("../data/domain-example.json")).unwrap();
        let asked = json["templates"]["checkIn"].as_array().unwrap();
        assert_eq!(asked.len(), QUESTIONS.len());
        for (question, asked) in QUESTIONS.iter().zip(asked) {
            assert_eq!(
                (question.id, question.dutch),
                (
                    asked["id"].as_str().unwrap(),
                    asked["text"].as_str().unwrap()
                )
            );
        }
    }
}
