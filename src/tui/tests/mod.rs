//! The console as a whole, without a terminal and without a daemon.

mod about;
mod acting;
mod behaviour;
mod docs;
mod fixture;
mod frames;
mod looks;
mod random;
pub(super) mod rows;
mod terminal;
