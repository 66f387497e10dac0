//! The bar that shows how far a long command is; only if stderr is a terminal.

use std::cell::Cell;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::store::{Phase, Progress};

/// The bar of one command.
pub(super) struct Bar {
    bar: ProgressBar,
    phase: Cell<Option<Phase>>,
}

impl Bar {
    pub(super) fn new() -> Bar {
        // Draws nothing where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{msg:18} [{bar:40}] {percent:>3} % {eta}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Bar { bar, phase: Cell::new(None) }
    }

    pub(super) fn show(&self, progress: Progress) {
        if self.phase.replace(Some(progress.phase)) != Some(progress.phase) {
            self.bar.set_message(match progress.phase {
                Phase::Write => "writing",
                Phase::Verify => "reading",
                Phase::Build => "building the store",
                Phase::Check => "reading it back",
                Phase::Swap => "changing places",
            });
            self.bar.reset();
        }
        self.bar.set_length(progress.of);
        self.bar.set_position(progress.done);
    }

    /// For work of which only the steps are known.
    pub(super) fn show_steps(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
    }

    /// Takes the bar off the screen, so that what is told next stands alone.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
