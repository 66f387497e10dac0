//! `paltalkd completions` and `man`, for packagers.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::failure::Failure;
use super::output::Output;

#[derive(Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

#[derive(Args)]
pub(super) struct Man {
    /// The directory to write to; it is made if it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Completions {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut super::Cli::command(), "paltalkd", &mut script);
        output.print(&String::from_utf8_lossy(&script))
    }
}

impl Man {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let shown = self.directory.display();
        let written = fs::create_dir_all(&self.directory)
            .and_then(|()| clap_mangen::generate_to(super::Cli::command(), &self.directory));
        written.map_err(|error| Failure::failed(format_args!("cannot write to {shown}: {error}")))?;
        output.told(&format!("wrote the manual pages to {shown}"))
    }
}
