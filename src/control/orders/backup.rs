//! A backup by order.

use std::fs;
use std::path::Path;

use crate::model::Timestamp;
use crate::store::backup::{Generation, generations, surplus};
use crate::store::{Progress, Store, Summary};

use super::super::wire::{Refusal, RefusalCode};
use super::{ProgressSink, refusal};

/// Makes one in a file or directory, and deletes what is too old there.
pub(super) fn make(
    store: &Store,
    path: &Path,
    keep: Option<u32>,
    now: Timestamp,
    progress: ProgressSink,
) -> Result<String, Refusal> {
    let generation = path.is_dir().then(|| Generation::at(now));
    if keep.is_some() && generation.is_none() {
        let text =
            format!("how many to keep can be said of a directory only, and {} is none", path.display());
        return Err(refusal(RefusalCode::Invalid, text));
    }
    let target = generation.map_or_else(|| path.to_owned(), |it| path.join(it.file_name()));
    let mut told = move |step: Progress| progress(step.done, step.of);
    let made = store.backup(&target, now, &mut told);
    let made: Summary = made.map_err(|error| refusal(RefusalCode::Failed, error.to_string()))?;
    let mut text = format!(
        "{}: {} records in {} bytes, read back and good",
        made.path.display(),
        made.manifest.records(),
        made.bytes
    );
    if let (Some(generation), Some(keep)) = (generation, keep) {
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        let gone = generations(path).and_then(|found| {
            let gone = surplus(&found, generation, keep);
            gone.iter().try_for_each(|it| fs::remove_file(path.join(it.file_name()))).map(|()| gone.len())
        });
        match gone {
            Ok(0) => {}
            Ok(count) => text.push_str(&format!("; {count} older deleted")),
            Err(error) => {
                let text = format!("{text}; but older ones cannot be deleted: {error}");
                return Err(refusal(RefusalCode::Failed, text));
            }
        }
    }
    Ok(text)
}
