//! Sockets: who may connect, and bytes in and out.

pub mod calls;
mod connection;
pub mod http;
pub mod listener;
pub mod registry;
pub mod relays;
pub mod transfer;
