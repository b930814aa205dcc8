//! What a Small Win is: the schema and typed view over Automerge documents, and their canonical rendering.
//!
//! Every document starts from the constant [`first_change`] of its kind, which
//! makes its texts. [`read`] gives them as [`RichText`], [`render`] as one
//! Markdown text that is the same on every device, [`write()`] and [`append`]
//! change them from Markdown. The browser does the same in `web/src/model`;
//! `tests/vectors` hold both to the same bytes.
//!
//! The model knows nothing of sync, storage or rights: callers ask the circle first.

mod error;
pub mod example;
mod first_change;
mod label;
mod markdown;
pub mod questions;
mod render;
mod rich_text;
mod schema;
mod view;
mod write;

pub use error::ModelError;
pub use first_change::{RESERVED_ACTOR, first_change, first_changes};
pub use label::label;
pub use markdown::parse_markdown;
pub use render::{render, render_text};
pub use rich_text::{Block, RichText, Span};
pub use schema::text_names;
pub use view::{DocumentView, read, read_at};
pub use write::{append, write};
