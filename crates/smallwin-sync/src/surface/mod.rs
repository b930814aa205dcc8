//! What callers hand in and get back.

pub(crate) mod boot;
pub(crate) mod config;
pub(crate) mod effect;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod local;
pub(crate) mod notice;
pub(crate) mod views;
