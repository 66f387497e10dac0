//! paltalkd: a chat server for the classic Paltalk 5.x clients.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod cli;
pub mod config;
pub mod daemon;
pub mod hub;
pub mod link;
pub mod metrics;
pub mod model;
pub mod net;
pub mod password;
pub mod protocol;
pub mod session;
pub mod store;
pub mod telemetry;
