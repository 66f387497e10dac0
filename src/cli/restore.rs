//! `paltalkd restore`, on a stopped store.

use std::path::PathBuf;

use clap::Args;

use super::backup::{in_use, told};
use super::failure::Failure;
use super::output::Output;
use super::progress::Bar;
use crate::config::Config;
use crate::model::Timestamp;
use crate::store::backup::{RestoreError, restore};
use crate::store::{OpenError, StoreOptions};

#[derive(Args)]
pub(super) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Restore even if the store has changes that the backup lacks
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let path = config.store_path();
        let options = StoreOptions { cache_bytes: config.store.cache, ..StoreOptions::new(&path) };
        let bar = Bar::new();
        let done = restore(&options, &self.file, self.force, Timestamp::now(), &mut |progress| {
            bar.show(progress);
        });
        bar.clear();
        let restored = done.map_err(|error| match error {
            RestoreError::Open(OpenError::Locked { .. }) => in_use(&path, "restoring"),
            error => Failure::failed(error),
        })?;
        output.print(&told(&restored.backup))?;
        let id = &restored.id;
        output.print(&format!("restored into {}, which is store {id} from now on\n", path.display()))?;
        match restored.kept {
            Some(kept) => output.print(&format!("the old store is kept in {}\n", kept.display())),
            None => Ok(()),
        }
    }
}
