//! What can be wrong with one operation.

use thiserror::Error;

use crate::GateError;

/// Why an operation is not admitted: Automerge would panic on it, or write a
/// save that it cannot read back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpFault {
    /// The columns are not in the one form that Automerge writes.
    #[error("columns are not as Automerge writes them: {0}")]
    Form(GateError),
    /// The other actors are not exactly those named, each once, in rising order.
    #[error("list of actors is not as Automerge writes it")]
    Actors,
    /// The object does not exist in the change's past.
    #[error("object does not exist before it")]
    Object,
    /// The object is a plain value.
    #[error("object is a value and holds nothing")]
    NotAnObject,
    /// A key of a map in a list or text, or an element in a map.
    #[error("key does not fit the kind of object")]
    Key,
    /// The element does not exist in this object in the change's past.
    #[error("element does not exist in its object before it")]
    Element,
    /// A predecessor does not exist in the change's past.
    #[error("predecessor does not exist before it")]
    Pred,
    /// A predecessor stands at another key, element or object, or holds no value.
    #[error("predecessor stands in another place")]
    PredPlace,
    /// Predecessors do not rise strictly.
    #[error("predecessors are out of order")]
    PredOrder,
    /// A deletion, increment or replacement of an element of nothing.
    #[error("replaces nothing")]
    PredMissing,
    /// Inserts into a map, deletes by inserting, or inserts over predecessors.
    #[error("insertion where none may be")]
    Insert,
    /// The value does not fit the action.
    #[error("value does not fit the action")]
    Value,
    /// A mark is not a beginning and an end behind it, one after the other, in one text.
    #[error("mark without a beginning and an end behind it")]
    Mark,
    /// Finding the order of marks takes too many steps.
    #[error("marks take more than {limit} steps")]
    MarkSteps {
        /// The limit, for all marks of the change.
        limit: u64,
    },
}

impl From<GateError> for OpFault {
    fn from(error: GateError) -> Self {
        Self::Form(error)
    }
}
