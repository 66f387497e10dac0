//! The console as a whole, without a terminal and without a daemon.

mod fixture;
mod frames;
