use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::failure::Failure;
use super::output::{ColorChoice, Output};
use crate::tui::{self, Bindings, Ended, Options, ThemeName};

#[derive(Args)]
pub(super) struct Console {
    /// Look only: nothing can be changed from this console
    #[arg(long)]
    read_only: bool,
    /// Print one look at everything and end; needs no terminal
    #[arg(long)]
    once: bool,
    /// With --once: as JSON
    #[arg(long, requires = "once")]
    json: bool,
    /// The looks [default: those of the last time, else dark]
    #[arg(long, value_enum)]
    theme: Option<Theme>,
    /// Borders and glyphs in ASCII; so it is too where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
    /// End when the connection is lost or cannot be made
    #[arg(long)]
    no_reconnect: bool,
    /// End when no daemon has answered for so long
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    retry_for: Option<Duration>,
    /// Forget how the console was left the last time
    #[arg(long)]
    reset_ui: bool,
    /// Print all keys as the file in which they can be changed, and end
    #[arg(long)]
    print_keys: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Theme {
    Dark,
    Light,
    Mono,
    HighContrast,
    ColorBlind,
}

impl Console {
    pub(super) fn run(self, socket: PathBuf, color: ColorChoice, output: &Output) -> Result<(), Failure> {
        let keys = Bindings::load().map_err(Failure::Usage);
        if self.print_keys {
            let file = Bindings::file().map_or_else(String::new, |file| format!("# {}\n\n", file.display()));
            return output.print(&format!("{file}{}", keys?.to_text()));
        }
        if self.once {
            let snapshot = tui::once(&socket)?.map_err(Failure::NoDaemon)?;
            return if self.json { output.json(&snapshot) } else { output.print(&snapshot.to_text()) };
        }
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "the console needs a terminal; for scripts there are `paltalkd console --once [--json]`, \
                 `paltalkd status`, `paltalkd users`, `paltalkd rooms` and `paltalkd activity`"
                    .to_owned(),
            ));
        }
        tui::terminal_fits().map_err(Failure::Usage)?;
        let keys = keys?;
        let options = Options {
            socket,
            read_only: self.read_only,
            mouse: !self.no_mouse,
            ascii: self.ascii,
            theme: self.theme.map(|theme| match theme {
                Theme::Dark => ThemeName::Dark,
                Theme::Light => ThemeName::Light,
                Theme::Mono => ThemeName::Mono,
                Theme::HighContrast => ThemeName::HighContrast,
                Theme::ColorBlind => ThemeName::ColorBlind,
            }),
            color: match color {
                ColorChoice::Auto => None,
                ColorChoice::Always => Some(true),
                ColorChoice::Never => Some(false),
            },
            reconnect: !self.no_reconnect,
            retry_for: self.retry_for,
            reset: self.reset_ui,
            keys,
        };
        match tui::run(options)? {
            Ended::Quit => Ok(()),
            Ended::NoDaemon(why) => Err(Failure::NoDaemon(why)),
        }
    }
}
