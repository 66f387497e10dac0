//! The control socket: how console and command line talk to the running daemon.
//!
//! | module | what it is for |
//! |---|---|
//! | [`wire`] | messages, the contract between both ends |
//! | [`frame`] | how they stand on the socket |
//! | [`client`] | the end of the command line |
//! | [`socket`], [`access`] | the socket in the file system, and who may do what |
//! | [`server`], `connection`, `views` | serving those who come |
//! | [`service`], `tables` | what they are answered |
//! | [`orders`], [`accounts`], [`rooms`] | what they can change |
//! | [`audit`] | what was done |
//! | [`fields`], [`filter`], [`window`] | columns, filters, sorted windows |
//! | `round_trips` | how far away clients are, as the system knows it |
//! | [`monitor`], [`process`] | what is measured once a second, always |
//!
//! # What a slow reader costs
//!
//! Nothing but its own updates. Replies are made when they are asked for, at most a few at once; updates
//! are made when there is room to send one, as the difference between what is and what was sent last. A
//! client that leaves bytes unread for half a minute is disconnected.

pub mod access;
pub mod accounts;
pub mod audit;
pub mod client;
mod connection;
pub mod fields;
pub mod filter;
pub mod frame;
pub mod monitor;
pub mod orders;
pub mod process;
pub mod rooms;
mod round_trips;
pub mod server;
pub mod service;
pub mod socket;
mod tables;
mod views;
pub mod window;
pub mod wire;
