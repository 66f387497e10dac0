//! Sockets: who may connect, and bytes in and out.

mod connection;
pub mod http;
pub mod listener;
mod output;
mod rate;
pub mod registry;
pub mod voice;
