//! Sockets: who may connect, and bytes in and out.

pub mod calls;
mod connection;
pub mod http;
pub mod listener;
mod output;
mod rate;
pub mod registry;
pub mod relays;
pub mod transfer;
pub mod voice;
