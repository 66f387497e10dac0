//! The `paltalkd` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    paltalkd::cli::run(std::env::args_os())
}
