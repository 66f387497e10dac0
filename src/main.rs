//! The `paltalkd` program.

fn main() {}
