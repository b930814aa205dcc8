//! Cards: the names of people.

use smallwin_circle::{Card, CardFields, CircleId};
use smallwin_sync::Local;

use super::{Handle, HandleError};

impl Handle {
    /// The cards of a circle, in the order of their people.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn cards(&self, circle: CircleId) -> Result<Vec<Card>, HandleError> {
        self.look(move |engine| engine.cards(&circle).into_iter().cloned().collect())
            .await
    }

    /// Puts one's own card in place of the one before.
    ///
    /// # Errors
    /// When this device takes no part in the circle, or the card was refused or not kept.
    pub async fn set_card(
        &self,
        circle: CircleId,
        name: &str,
        organisation: Option<String>,
        perspective: Option<String>,
    ) -> Result<(), HandleError> {
        let person = self.me(circle).await?;
        let cards = self.cards(circle).await?;
        let before = cards
            .iter()
            .map(Card::fields)
            .find(|fields| fields.person == person);
        let fields = CardFields {
            author: self.device_key(),
            circle,
            name: name.to_owned(),
            organisation,
            perspective,
            person,
            rev: before.map_or(0, |before| before.rev + 1),
        };
        let card = Card::sign(&fields, &self.0.device)
            .map_err(|error| HandleError::Sign(error.to_string()))?;
        self.local(Local::Card {
            card: card.bytes().to_vec(),
        })
        .await
    }
}
