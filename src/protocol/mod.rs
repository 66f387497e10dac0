//! The wire protocol: packets to and from the clients, their text and their string encodings.
//! Nothing here does I/O; bytes come in, values go out, and the other way round.
//!
//! References such as `PROTOCOL 6.12` and `ENCODING 4` are to the specification that the project
//! follows; a "capture" is a recording of a real 5.0 client in `tests/data/captures`. Where the
//! two differ, the recordings win for 5.0.

pub mod catalogue;
pub mod cipher;
pub mod frame;
pub mod markup;
pub mod record;
pub mod rtp;

mod client;
mod dialect;
mod hidden;
mod packet_type;
mod reader;
mod server;

pub use client::*;
pub use dialect::{Dialect, SERVER_VERSION};
pub use hidden::{Body, Hidden};
pub use packet_type::PacketType;
pub use reader::ParseError;
pub use server::*;
