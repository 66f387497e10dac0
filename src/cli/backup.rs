//! `paltalkd backup`, by the running daemon or on a stopped store.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::progress::Bar;
use super::{remote, stopped};
use crate::config::Config;
use crate::control::wire::Order;
use crate::model::Timestamp;
use crate::store::Summary;
use crate::store::backup::{Generation, generations, surplus};

#[derive(Args)]
pub(super) struct Backup {
    /// The file to write, or a directory in which the file is named after the time
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Keep the newest N backups of the directory and delete the others
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Why; for the audit log, if the daemon runs
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Backup {
    pub(super) fn run(&self, global: &Global, config: &Config, output: &Output) -> Result<(), Failure> {
        let now = Timestamp::now();
        let generation = self.file.is_dir().then(|| Generation::at(now));
        if self.keep.is_some() && generation.is_none() {
            let shown = self.file.display();
            return Err(Failure::Usage(format!("--keep needs a directory, and {shown} is none")));
        }
        let target = match generation {
            Some(generation) => self.file.join(generation.file_name()),
            None => self.file.clone(),
        };
        // A socket that was named means the daemon behind it.
        let store = if global.socket.is_some() { None } else { stopped::open(config, output, false)? };
        let Some(store) = store else {
            return match self.ask(global, output) {
                // Somebody has the store, but nobody answers.
                Err(Failure::NoDaemon(_)) if global.socket.is_none() => {
                    Err(in_use(&config.store_path(), "and its control socket is silent; a backup"))
                }
                result => result,
            };
        };
        let bar = Bar::new();
        let made = store.backup(&target, now, &mut |progress| bar.show(progress));
        bar.clear();
        // Also after a failure, for its own sake; but the failure is what counts then.
        let closed = store.close();
        let made = made?;
        output.print(&told(&made))?;
        if let (Some(made), Some(keep)) = (generation, self.keep) {
            let keep = usize::try_from(keep).unwrap_or(usize::MAX);
            for path in prune(&self.file, made, keep)? {
                output.note(&format!("deleted {}", path.display()));
            }
        }
        Ok(closed?)
    }

    /// Has the daemon do it.
    fn ask(&self, global: &Global, output: &Output) -> Result<(), Failure> {
        let path = std::path::absolute(&self.file).map_err(Failure::failed)?;
        let Some(path) = path.to_str() else {
            return Err(Failure::Usage("the daemon needs a path in UTF-8".to_owned()));
        };
        let order = Order::Backup { path: path.to_owned(), keep: self.keep, reason: self.reason.clone() };
        remote::act(global, order, output)
    }
}

/// Says that a daemon has the store.
pub(super) fn in_use(store: &Path, what: &str) -> Failure {
    Failure::failed(format_args!(
        "the daemon is running on the store in {}; {what} needs it stopped: stop it, then try again",
        store.display()
    ))
}

fn prune(directory: &Path, made: Generation, keep: usize) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| {
        let error = anyhow::Error::new(error);
        Failure::Failed(error.context("the backup is made, but older ones cannot be deleted"))
    };
    let found = generations(directory).map_err(failed)?;
    let gone = surplus(&found, made, keep).into_iter().map(|it| directory.join(it.file_name()));
    gone.map(|path| fs::remove_file(&path).map(|()| path).map_err(failed)).collect()
}

/// What there is to say about a backup that was read to the end, in one line.
pub(super) fn told(backup: &Summary) -> String {
    let manifest = &backup.manifest;
    format!(
        "{}: {} records in {} bytes, as of {} (store {}, schema {}, change {}); read back and good\n",
        backup.path.display(),
        manifest.records(),
        backup.bytes,
        manifest.created.rfc3339(),
        manifest.store_id(),
        manifest.schema,
        manifest.sequence
    )
}
