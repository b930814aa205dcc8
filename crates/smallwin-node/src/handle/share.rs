//! Sharing: a person's own answers become readable for the circle.

use smallwin_circle::{Body, ChangeHash, CircleId, DocumentRef};

use super::{Handle, HandleError};

impl Handle {
    /// Shares one's own answers to a check-in: closes the draft and copies its text, without its
    /// history, into the voice that the circle reads.
    ///
    /// # Errors
    /// When the answers are empty or shared already, or the share was refused or not kept.
    pub async fn share(&self, circle: CircleId, revision: u32) -> Result<(), HandleError> {
        let person = self.me(circle).await?;
        let source = DocumentRef::draft_of(revision, &person);
        let target = DocumentRef::voice_of(revision, &person);
        if self.log(circle).await?.state().is_shared(&target) {
            return Err(HandleError::Document(String::from(
                "your answers are shared already; write in them directly",
            )));
        }
        let draft = self.document(circle, &source).await?;
        let view = smallwin_model::read(&draft, source.kind).map_err(document_error)?;
        let texts: Vec<(String, String)> = view
            .texts
            .iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name.clone(), smallwin_model::render_text(text)))
            .collect();
        if texts.is_empty() {
            return Err(HandleError::Document(String::from(
                "your own answers are still empty; write them first",
            )));
        }
        let mut heads: Vec<ChangeHash> = draft
            .get_heads()
            .iter()
            .map(|head| ChangeHash::from_bytes(head.0))
            .collect();
        heads.sort_unstable();
        self.append(
            circle,
            Body::Share {
                source,
                heads,
                target: target.clone(),
            },
        )
        .await?;
        let copy = |document: &mut automerge::AutoCommit| {
            texts
                .iter()
                .try_for_each(|(name, text)| smallwin_model::write(document, name, text))
        };
        self.write(circle, &target, copy)
            .await?
            .map_err(document_error)
    }

    /// Where this person's own answers stand: in the draft, or in the voice once it is shared.
    ///
    /// # Errors
    /// When this device takes no part in the circle.
    pub async fn own_answers(
        &self,
        circle: CircleId,
        revision: u32,
    ) -> Result<DocumentRef, HandleError> {
        let person = self.me(circle).await?;
        let voice = DocumentRef::voice_of(revision, &person);
        let is_shared = self.log(circle).await?.state().is_shared(&voice);
        Ok(if is_shared {
            voice
        } else {
            DocumentRef::draft_of(revision, &person)
        })
    }
}

fn document_error(error: smallwin_model::ModelError) -> HandleError {
    HandleError::Document(error.to_string())
}
