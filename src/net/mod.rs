//! The sockets that clients reach.

pub mod http;
