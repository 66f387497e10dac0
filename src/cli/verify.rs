//! `paltalkd verify`: a backup, or the stopped store.

use std::path::PathBuf;

use clap::Args;

use super::backup::{in_use, told};
use super::failure::Failure;
use super::output::Output;
use super::progress::Bar;
use crate::config::Config;
use crate::store::{OpenError, StoreOptions, backup, check};

#[derive(Args)]
pub(super) struct Verify {
    /// The backup; without it the store is read
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let bar = Bar::new();
        match &self.file {
            Some(file) => {
                let found = backup::verify(file, &mut |progress| bar.show(progress));
                bar.clear();
                let found = found?;
                output.print(&told(&found))?;
                let rows = found.manifest.counts();
                output.table(&["TABLE", "RECORDS"], rows_of(&rows))
            }
            None => store(config, &bar, output),
        }
    }
}

fn store(config: &Config, bar: &Bar, output: &Output) -> Result<(), Failure> {
    let path = config.store_path();
    if !path.exists() {
        return Err(Failure::failed(format_args!("there is no store in {} yet", path.display())));
    }
    let options = StoreOptions { cache_bytes: config.store.cache, ..StoreOptions::new(&path) };
    let checked = check(&options, &mut |progress| bar.show(progress));
    bar.clear();
    let checked = checked.map_err(|error| match error {
        OpenError::Locked { .. } => in_use(&path, "reading it"),
        error => Failure::failed(error),
    })?;
    for note in &checked.notes {
        output.note(&format!("note: {note}"));
    }
    for problem in &checked.problems {
        output.note(&format!("damaged: {problem}"));
    }
    output.table(&["TABLE", "RECORDS"], rows_of(&checked.counts))?;
    if checked.problems.is_empty() {
        let (shown, records, sequence) = (path.display(), checked.records, checked.sequence);
        return output.print(&format!("{shown}: {records} records up to change {sequence}; all good\n"));
    }
    Err(Failure::failed(format_args!(
        "the store in {} has {} faults; start the daemon, which repairs what can be repaired, or restore \
         a backup",
        path.display(),
        checked.problems.len()
    )))
}

fn rows_of(counts: &[(&'static str, u64)]) -> Vec<Vec<String>> {
    counts.iter().map(|(table, count)| vec![(*table).to_owned(), count.to_string()]).collect()
}
