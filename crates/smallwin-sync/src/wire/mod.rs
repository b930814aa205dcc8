//! The bytes of automerge-repo protocol "1" and of the `smallwin/*` frames.

pub(crate) mod base64;
mod decode;
pub(crate) mod document_id;
mod encode;
mod frame;
mod value;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use frame::{
    Address, BesideFrame, CircleItem, Frame, JoinHello, LogFrame, Message, PeerHello, Purpose,
    ReachedPerson,
};
