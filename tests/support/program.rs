//! The program as a shell runs it.
#![allow(unreachable_pub)]

use std::path::Path;
use std::process::{Command, Stdio};

/// The program in a directory, where only the configuration there counts, with nothing to read.
pub fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paltalkd"));
    command.current_dir(directory).env_remove("PALTALKD_CONFIG").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}
