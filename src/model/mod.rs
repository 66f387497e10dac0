//! Ids and validated values that every other module speaks in.
//!
//! A value of one of these types is valid by construction: what came from a socket, a file or the
//! command line is checked once, here, and never again further in. Nothing in this module does
//! I/O or looks at a clock.

mod account;
mod author;
mod close;
mod display;
pub mod fold;
mod ids;
mod imitation;
mod name;
mod network;
mod obstacle;
mod room;
mod room_name;
pub mod sanitise;
mod text;
mod time;

pub use account::{Privacy, Role, Roles, Status};
pub use author::Author;
pub use close::CloseReason;
pub use display::{display_safe, json_safe};
pub use ids::{CategoryId, RoomId, Uid};
pub use imitation::imitates_service;
pub use name::{NameError, Nickname, NicknameKey};
pub use network::network;
pub use obstacle::Obstacle;
pub use room::{
    LOCKWORD_MAX, LinkRight, Rating, RoomKind, SlowMode, Speakers, TOPIC_MAX, WELCOME_MAX, is_lockword,
    topic_line,
};
pub use room_name::{RoomName, RoomNameError};
pub use text::{EMAIL_MAX, MessageText, TextError, from_cp1252, is_email, sentence, to_cp1252};
pub use time::{Now, Timestamp};
