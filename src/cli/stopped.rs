//! The store of a daemon that does not run.

use super::failure::Failure;
use super::output::Output;
use crate::config::Config;
use crate::store::{OpenError, Store, StoreOptions};

/// Opens the store; `None` if a daemon has it. Without `make` there has to be a store already.
pub(super) fn open(config: &Config, output: &Output, make: bool) -> Result<Option<Store>, Failure> {
    let path = config.store_path();
    if !make && !path.exists() {
        return Err(Failure::failed(format_args!(
            "there is no store in {} yet; `serve` and `account add` make one",
            path.display()
        )));
    }
    let options = StoreOptions { cache_bytes: config.store.cache, ..StoreOptions::new(path) };
    match Store::open(options) {
        Ok((store, report)) => {
            for repair in &report.repairs {
                output.note(&format!("the store was repaired: {repair}"));
            }
            Ok(Some(store))
        }
        Err(OpenError::Locked { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Has `work` done on a store and closes it.
pub(super) fn with_store(
    store: Store,
    work: impl FnOnce(&Store) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let result = work(&store);
    // Also after a failure, for its own sake; but the failure is what counts then.
    let closed = store.close().map_err(Failure::from);
    result.and(closed)
}
