//! Commands on the store of a daemon that does not run.

use super::failure::Failure;
use super::output::Output;
use crate::config::Config;
use crate::store::{Store, StoreOptions};

/// Opens the store, has `work` done on it and closes it. Without `make` there has to be a store
/// already.
pub(super) fn with_store(
    config: &Config,
    output: &Output,
    make: bool,
    work: impl FnOnce(&Store) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let path = config.store_path();
    if !make && !path.exists() {
        return Err(Failure::failed(format_args!(
            "there is no store in {} yet; `serve` and `account add` make one",
            path.display()
        )));
    }
    let options = StoreOptions { cache_bytes: config.store.cache, ..StoreOptions::new(path) };
    let (store, report) = Store::open(options)?;
    for repair in &report.repairs {
        output.note(&format!("the store was repaired: {repair}"));
    }
    let result = work(&store);
    // Also after a failure, for its own sake; but the failure is what counts then.
    let closed = store.close().map_err(Failure::from);
    result.and(closed)
}
