//! The eight questions of the light check-in (lichte check-in).

/// A question of the check-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Name of the text that holds its answer.
    pub id: &'static str,
    /// The question as the workbook asks it.
    pub dutch: &'static str,
    /// The question in English.
    pub english: &'static str,
}

/// The questions in the order of the workbook.
pub const QUESTIONS: [Question; 8] = [
    Question {
        id: "q1",
        dutch: "Wat zou deze Small Win betekenen voor de praktijk?",
        english: "What would this Small Win mean for practice?",
    },
    Question {
        id: "q2",
        dutch: "Hoe wordt de doelgroep of de zorg er beter van?",
        english: "How do the people concerned, or the care, get better from it?",
    },
    Question {
        id: "q3",
        dutch: "Worden we er blij van als we dit gaan doen?",
        english: "Will doing this make us happy?",
    },
    Question {
        id: "q4",
        dutch: "Is er de bereidheid in de praktijk om diepgaand te veranderen/aanpassingen te doen?",
        english: "Is practice willing to change or adapt deeply?",
    },
    Question {
        id: "q5",
        dutch: "Lijkt het vraagstuk/de casus exemplarisch voor hoe het kan wringen in de praktijk?",
        english: "Does the issue or case seem exemplary of how practice can chafe?",
    },
    Question {
        id: "q6",
        dutch: "Welke relatie heeft de Small Win met onze hoofdthema’s; netwerkzorg, eigen regie en sociale kwaliteit?",
        english: "How does the Small Win relate to our main themes: network care, own control and social quality?",
    },
    Question {
        id: "q7",
        dutch: "Welke kennis of materialen zijn er al over het thema o.b.v. eerdere inzet, onderzoek, evaluatie of activiteiten (bijv. op andere plekken of een leercoalitie)?",
        english: "Which knowledge or materials on the theme exist already from earlier work, research, evaluation or activities (elsewhere or in a learning coalition, say)?",
    },
    Question {
        id: "q8",
        dutch: "Bij welke (gebruikelijke) overlegsetting kunnen we aansluiten als we aan de slag willen gaan?",
        english: "Which (usual) meeting can we join when we want to start?",
    },
];
