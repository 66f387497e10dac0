//! paltalkd: a chat server for the classic Paltalk 5.x clients.
//!
//! # The path of one message
//!
//! Alice types a line in a room. Her client sends one RoomMessageOut packet.
//!
//! 1. [`net`]: the task of her connection is woken because the socket is readable. It reads into the
//!    scratch buffer of its thread and cuts the packet out ([`protocol::frame`]).
//! 2. [`session`]: the packet table says that the type is accepted from somebody who is signed in;
//!    [`protocol::ClientPacket::parse`] takes the payload apart, and the text becomes a
//!    [`model::MessageText`], which cannot hold what must not be relayed. The result is a
//!    [`hub::Command`], sent to the hub. Were the hub's inbox full, the connection would wait here
//!    and read no further: TCP pushes back.
//! 3. [`hub`]: one task owns all shared state. [`hub::State::apply`] checks that Alice is in the room
//!    and answers with effects; here one: this packet to everybody in the room but her.
//! 4. The hub encodes the packet once and appends the bytes to the outbox of each member
//!    ([`link::Outbox`]). At the end of its turn, after up to some hundred commands, it wakes the
//!    connections concerned, each once.
//! 5. [`net`] again: each member's connection takes everything its outbox holds and writes it with one
//!    call.
//!
//! Had Alice asked for something that must survive, say a new pal, the hub would have held her
//! outbox at this point ([`link::Outbox::hold`]) and given the change to the [`store`]. Its writer
//! thread writes the changes of many connections to the journal, syncs once, brings the index up to
//! date, and only then releases the outboxes: no acknowledgement leaves before its change is durable.
//!
//! # The modules
//!
//! Each knows only those below it; a test reads the `use` lines.
//!
//! | module | what it is for |
//! |---|---|
//! | [`cli`] | the command line: subcommands, output, exit codes |
//! | [`daemon`] | puts everything together; start, signals, stop |
//! | [`tui`] | the console: model, update and view are pure; the connection is a task of its own |
//! | [`control`] | the control socket: how console and command line talk to the running daemon |
//! | [`net`] | sockets: chat connections, limits of connections, room voice, files and calls, the HTTP listener |
//! | [`session`] | one conversation: packet table, signing in, requests; the gate to accounts |
//! | [`hub`] | the state and its rules: presence, pals, rooms, messages, commands, sanctions, staff |
//! | [`store`] | what survives: journal, index, recovery, backups |
//! | [`link`] | outboxes |
//! | [`protocol`] | the wire: frames, packets, records, markup, string encodings |
//! | [`model`] | ids and validated values |
//! | [`config`], [`telemetry`], [`metrics`], [`password`] | used by all of them |
//!
//! # What holds everywhere
//!
//! - Only the hub changes shared state. No lock is held across an await.
//! - What comes from outside is checked once, at the edge, into types that cannot hold a bad value.
//! - Every queue has a bound and an answer to being full: a full outbox closes its connection, a
//!   full hub makes readers wait, a full store refuses with an error that the user sees.
//! - Outboxes copy frames instead of counting references to them. For packets of a few hundred bytes
//!   both cost the same; a copy leaves nothing behind in an idle outbox and needs one write call for
//!   any number of packets.
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
#[cfg(test)]
#[path = "../tests/support/dice.rs"]
mod dice;
pub mod hub;
pub mod link;
pub mod metrics;
pub mod model;
pub mod net;
pub mod password;
pub mod protocol;
pub mod session;
#[cfg(test)]
#[path = "../tests/support/skipped.rs"]
mod skipped;
pub mod store;
pub mod telemetry;
pub mod tui;
