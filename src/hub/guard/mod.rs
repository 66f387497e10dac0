//! What stands between what users do and those whom it reaches.

pub mod detect;
pub mod filter;
