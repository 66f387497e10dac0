//! The command line: one file per family of subcommands.
//!
//! Results go to stdout, everything else to stderr. The exit codes are a contract: 0 done, 1 failed,
//! 2 wrong usage or configuration, 3 no daemon is reachable, 4 no such user, room, ban or category,
//! 5 refused by the daemon, 6 the daemon's store failed.

mod account;
mod activity;
mod audit;
mod backup;
mod check_config;
mod console;
mod failure;
mod orders;
mod output;
mod packaging;
mod place;
mod progress;
mod query;
mod remote;
mod restore;
mod room;
mod secret;
mod serve;
mod stopped;
mod verify;
mod who;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::config::Config;
use crate::telemetry;
use failure::Failure;
use output::{ColorChoice, Output};

/// A chat server for the classic Paltalk 5.x clients
#[derive(Parser)]
#[command(name = "paltalkd", version, propagate_version = false, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The configuration file [default: $PALTALKD_CONFIG, else ./config.toml, else
    /// /etc/paltalkd/config.toml, else the built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The control socket of the daemon to talk to [default: that of the configuration]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Log more; twice: even more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Log less; twice: even less
    #[arg(short, long, global = true, action = ArgAction::Count)]
    quiet: u8,
    /// When to use colors; NO_COLOR in the environment counts as "never" for "auto"
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    Serve,
    /// Show how the running daemon is
    Status(query::Live),
    /// List who is signed in
    Users(query::Table),
    /// List the rooms, as they are now
    Rooms(query::Table),
    /// Show what has happened, and follow what does
    Activity(activity::Activity),
    /// List who has done what, newest first, whether or not the daemon is running
    Audit(audit::Audit),
    /// List whom the limits on sending have caught
    Strikes(query::Table),
    /// List the bans in force
    Bans(query::Plain),
    /// Show how fast the running daemon is
    Performance(query::Live),
    /// Stop the running daemon
    Shutdown(orders::Shutdown),
    #[command(flatten)]
    Moderation(orders::Moderation),
    /// Attach the terminal console to the running daemon
    Console(console::Console),
    /// Print the effective configuration, or every mistake in it
    CheckConfig,
    /// Create, show and change accounts, whether or not the daemon is running
    Account {
        #[command(subcommand)]
        command: account::Command,
    },
    /// Create, show and change permanent rooms, whether or not the daemon is running
    Room {
        #[command(subcommand)]
        command: room::Command,
    },
    /// Write everything in the store to one file, whether or not the daemon is running
    Backup(backup::Backup),
    /// Make the store anew from a backup; the daemon must be stopped
    Restore(restore::Restore),
    /// Check a backup, or the store of a stopped daemon, record by record
    Verify(verify::Verify),
    /// Print completions for a shell
    Completions(packaging::Completions),
    /// Write manual pages
    Man(packaging::Man),
}

impl Global {
    fn config(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref())?)
    }

    fn verbosity(&self) -> i8 {
        let steps = |count: u8| i8::try_from(count).unwrap_or(i8::MAX);
        steps(self.verbose).saturating_sub(steps(self.quiet))
    }
}

/// Runs the command line `args`, the program's name first, and says how it went.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come by this way too, with code 0. A closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    let output = Output::new(cli.global.color);
    match dispatch(cli, &output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.code())
        }
    }
}

fn dispatch(cli: Cli, output: &Output) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    match command {
        Command::CheckConfig => check_config::run(global.config.as_deref(), output),
        Command::Console(command) => {
            let socket = match &global.socket {
                Some(socket) => socket.clone(),
                None => global.config()?.control_socket(),
            };
            command.run(socket, global.color, output)
        }
        Command::Serve => {
            let config = global.config()?;
            let guard = telemetry::init(&config, global.verbosity(), output.stderr_color())?;
            serve::run(&config, global.config.as_deref(), guard)
        }
        Command::Account { command } => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            account::run(command, &global, &config, output)
        }
        Command::Room { command } => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            room::run(command, &global, &config, output)
        }
        Command::Backup(command) => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            command.run(&global, &config, output)
        }
        Command::Status(query) => query.status(&global, output),
        Command::Users(query) => query.users(&global, output),
        Command::Rooms(query) => query.rooms(&global, output),
        Command::Activity(query) => query.run(&global, output),
        Command::Audit(query) => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            query.run(&global, &config, output)
        }
        Command::Strikes(query) => query.strikes(&global, output),
        Command::Bans(query) => query.bans(&global, output),
        Command::Performance(query) => query.performance(&global, output),
        Command::Shutdown(order) => order.run(&global, output),
        Command::Moderation(order) => order.run(&global, output),
        Command::Completions(command) => command.run(output),
        Command::Man(command) => command.run(output),
        Command::Restore(command) => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            command.run(&config, output)
        }
        Command::Verify(command) => {
            let (config, _guard) = on_the_terminal(&global, output)?;
            command.run(&config, output)
        }
    }
}

/// The configuration for a command on a stopped store. Complaints of the store belong on the terminal
/// then, not into the daemon's log files.
fn on_the_terminal(global: &Global, output: &Output) -> Result<(Config, telemetry::Guard), Failure> {
    let config = global.config()?;
    let mut logged = config.clone();
    logged.log.directory = None;
    logged.log.level = "warn".to_owned();
    let guard = telemetry::init(&logged, global.verbosity(), output.stderr_color())?;
    Ok((config, guard))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The orders to the daemon, as they are typed, with their options.
    fn orders() -> Vec<(String, Vec<String>)> {
        let command = orders::Moderation::augment_subcommands(clap::Command::new("paltalkd"));
        let command = command.subcommand(orders::Shutdown::augment_args(clap::Command::new("shutdown")));
        let command = command.subcommand(backup::Backup::augment_args(clap::Command::new("backup")));
        let mut found = Vec::new();
        let mut add = |name: String, command: &clap::Command| {
            let options = command.get_arguments().filter_map(|argument| argument.get_long());
            let mut options: Vec<String> = options.map(str::to_owned).collect();
            options.sort();
            // The mute of voice is another act of the console.
            if options.iter().any(|option| option == "media") {
                found.push((format!("{name} --media"), options.clone()));
            }
            found.push((name, options));
        };
        for order in command.get_subcommands() {
            let name = order.get_name();
            if order.has_subcommands() {
                // A question is no order.
                for part in order.get_subcommands().filter(|part| part.get_name() != "status") {
                    add(format!("{name} {}", part.get_name()), part);
                }
            } else {
                add(name.to_owned(), order);
            }
        }
        found.sort();
        found
    }

    #[test]
    fn what_is_typed_in_the_shell_can_be_typed_in_the_console() {
        let sorted = |options: &[&str]| {
            let mut options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            options.sort();
            options
        };
        let console = crate::tui::orders().into_iter();
        let mut console: Vec<_> = console.map(|(name, options)| (name.to_owned(), sorted(options))).collect();
        console.sort();
        assert_eq!(console, orders());
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
