//! The sync engine: events in, effects out.
//!
//! [`Engine`] knows peers, circles and documents, and nothing of sockets, disks or clocks. The
//! life of one keystroke: a frame arrives as [`Event::Frame`]; it is decoded within bounds,
//! passed through the gate and the rights of its *author*, and becomes [`Effect::Keep`]. Only
//! [`Event::Kept`] lets the engine acknowledge it and pass it on as [`Effect::Send`] (rule K1).
//!
//! What this crate must not know: what a Small Win is (that is `smallwin-model`), where bytes
//! are kept, what time it is (every call says), and any source of chance (nonces come with
//! events).

mod engine;
mod ids;
pub mod limits;
mod planted;
mod surface;
mod wire;

pub use engine::Engine;
pub use engine::work::{Done, Work};
pub use ids::{ConnId, DocKey, JobId, Millis, Request, Side, Space, Ticket};
#[cfg(feature = "planted")]
pub use planted::Planted;
pub use surface::boot::Boot;
pub use surface::config::Config;
pub use surface::effect::{Effect, Table, Write};
pub use surface::error::{BootError, LocalError};
pub use surface::event::{Event, Opened, StoredDocument, StoredRefusal};
pub use surface::local::Local;
pub use surface::notice::{Notice, WriteRefused};
pub use surface::views::{ConnView, ReachedView, RefusedView, Totals};
