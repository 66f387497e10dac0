//! The console as a whole, without a terminal and without a daemon.

mod about;
mod acting;
mod behaviour;
mod docs;
pub(super) mod fixture;
mod frames;
mod looks;
mod random;
mod terminal;
