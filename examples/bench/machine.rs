//! What was measured, and on what.

use std::fmt;
use std::fs;
use std::process::Command;

use serde::Serialize;

use crate::servers::Launcher;

/// The machine and the program.
#[derive(Serialize)]
pub(crate) struct Machine {
    /// As the daemon names itself.
    program: String,
    /// The state of the sources, as `git describe` names it.
    sources: Option<String>,
    processor: Option<String>,
    cores: usize,
    kernel: String,
    /// KiB of memory.
    memory: Option<String>,
}

impl Machine {
    pub(crate) fn look(launcher: &Launcher) -> anyhow::Result<Machine> {
        let lines = |file, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let said = |command: &mut Command| {
            let output = command.output().ok().filter(|output| output.status.success())?;
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        Ok(Machine {
            program: said(Command::new(&launcher.daemon).arg("--version"))
                .ok_or_else(|| anyhow::anyhow!("{} does not run", launcher.daemon.display()))?,
            sources: said(Command::new("git").args(["describe", "--always", "--dirty"])),
            processor: lines("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            memory: lines("/proc/meminfo", "MemTotal"),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
        write!(
            f,
            "{} ({}) on {} cores of {}, {} of memory, Linux {}",
            self.program,
            known(&self.sources),
            self.cores,
            known(&self.processor),
            known(&self.memory),
            self.kernel
        )
    }
}
