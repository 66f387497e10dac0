//! The control socket: how console and command line talk to the running daemon.
//!
//! | module | what it is for |
//! |---|---|
//! | [`wire`] | frames and messages, the contract between both ends |

pub mod wire;
