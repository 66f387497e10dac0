//! The console as a whole, without a terminal and without a daemon.

mod acting;
mod behaviour;
mod docs;
mod fixture;
mod frames;
mod looks;
mod random;
mod terminal;
