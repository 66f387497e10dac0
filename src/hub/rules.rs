//! What the guard goes by that staff change: filters, and links that do not count.
//!
//! Compiling takes a while, so it is done off the hub: a change is first tried out together with all that
//! is in force ([`lookup`](super::lookup)), then made durable with its entry in the audit log, and then
//! everything is compiled anew and put in force.

use tracing::error;

use crate::store::{FilterRecord, LinkAllow, Reader, StoreError};

use super::guard::FilterSet;
use super::guard::detect::Whitelist;

/// Filters and links that do not count, ready for use.
#[derive(Debug, Default)]
pub struct Rules {
    /// The filters.
    pub filters: FilterSet,
    /// Links that do not count.
    pub whitelist: Whitelist,
}

impl Rules {
    /// Compiles what can be used, and returns with it what is wrong with the rest, for the log. Not for
    /// the hub.
    pub fn compile_usable(mut filters: Vec<FilterRecord>, links: &[LinkAllow]) -> (Rules, Vec<String>) {
        let (set, mut wrong) = usable(&mut filters);
        let fit = links.iter().filter(|link| {
            let error = Whitelist::compile([*link]).err();
            wrong.extend(error.clone());
            error.is_none()
        });
        let fit: Vec<&LinkAllow> = fit.collect();
        let whitelist = Whitelist::compile(fit).unwrap_or_default();
        (Rules { filters: set, whitelist }, wrong)
    }
}

/// Compiles what of `filters` can be used and leaves out the rest, of which it returns what is wrong.
pub(super) fn usable(filters: &mut Vec<FilterRecord>) -> (FilterSet, Vec<String>) {
    let mut wrong = Vec::new();
    loop {
        match FilterSet::compile(filters) {
            Ok(set) => return (set, wrong),
            Err(error) => {
                wrong.push(error.to_string());
                match error.id {
                    Some(id) => filters.retain(|filter| filter.id != id),
                    None => filters.clear(),
                }
            }
        }
    }
}

/// Compiles what the store has, and logs what cannot be used. Blocks.
///
/// # Errors
///
/// If the store cannot be read.
pub fn read(reader: &Reader) -> Result<Rules, StoreError> {
    let (rules, wrong) = Rules::compile_usable(reader.filters()?, &reader.links()?);
    for wrong in wrong {
        error!(?wrong, "a filter or allowed link cannot be used and is not in force");
    }
    Ok(rules)
}
