//! What people and scripts get to see.

use std::env;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use serde::Serialize;

use super::failure::Failure;
use crate::model::{display_safe, json_safe};

const RED: &str = "\x1b[1;31m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// When to use colors.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum ColorChoice {
    // On a terminal, unless NO_COLOR is set. No docstrings here: they would triple every help text.
    Auto,
    // Into pipes and files too.
    Always,
    Never,
}

/// The two streams and whether they are colored.
pub(super) struct Output {
    stdout_color: bool,
    stderr_color: bool,
}

impl Output {
    pub(super) fn new(choice: ColorChoice) -> Output {
        let colored = |terminal: bool| match choice {
            ColorChoice::Auto => terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Output {
            stdout_color: colored(io::stdout().is_terminal()),
            stderr_color: colored(io::stderr().is_terminal()),
        }
    }

    pub(super) fn stderr_color(&self) -> bool {
        self.stderr_color
    }

    /// Prints a result. A reader that went away (`| head`) is no failure.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_on(text).map(|_| ())
    }

    /// Prints what an order has done, in the words of whoever has done it.
    pub(super) fn told(&self, text: &str) -> Result<(), Failure> {
        let lines: Vec<String> = text.lines().map(|line| display_safe(line) + "\n").collect();
        self.print(&lines.concat())
    }

    /// Prints a part of a result; whether anybody still reads.
    pub(super) fn print_on(&self, text: &str) -> Result<bool, Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(anyhow::Error::new(error).context("cannot write the result").into()),
        }
    }

    /// Prints a result as one JSON document.
    pub(super) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::new)?;
        self.print(&format!("{}\n", json_safe(&text)))
    }

    /// Prints a part of a result as JSON on a line of its own; whether anybody still reads.
    pub(super) fn json_line(&self, value: &impl Serialize) -> Result<bool, Failure> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::new)?;
        self.print_on(&format!("{}\n", json_safe(&text)))
    }

    /// Prints rows under a heading each.
    pub(super) fn table(&self, headings: &[&str], rows: Vec<Vec<String>>) -> Result<(), Failure> {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        if self.stdout_color {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
        for row in rows {
            table.add_row(row.iter().map(|cell| display_safe(cell)));
        }
        let lines: Vec<String> = table.lines().map(|line| line.trim().to_owned() + "\n").collect();
        self.print(&lines.concat())
    }

    /// Prints names with their values, one to a line.
    pub(super) fn fields(&self, fields: &[(&str, String)]) -> Result<(), Failure> {
        let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let (on, off) = if self.stdout_color { (BOLD, PLAIN) } else { ("", "") };
        let lines: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{on}{name:width$}{off}  {}\n", display_safe(value)))
            .collect();
        self.print(&lines.concat())
    }

    /// Tells something by the way.
    pub(super) fn note(&self, message: &str) {
        // If even stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "{}", display_safe(message));
    }

    /// Tells why the command failed.
    pub(super) fn failure(&self, failure: &Failure) {
        if matches!(failure, Failure::Logged(_)) {
            return;
        }
        let (on, off) = if self.stderr_color { (RED, PLAIN) } else { ("", "") };
        // Mistakes in a configuration are a list of its own.
        let prefix = match failure {
            Failure::Config(_) => String::new(),
            _ => format!("{on}error:{off} "),
        };
        for (index, line) in failure.to_string().lines().enumerate() {
            let prefix = if index == 0 { prefix.as_str() } else { "" };
            let _ = writeln!(io::stderr(), "{prefix}{}", display_safe(line));
        }
    }
}
