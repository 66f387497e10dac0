//! What changes something: the one place through which orders of console and command line pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task;

use crate::hub::feed::Named;
use crate::hub::{Event, EventKind, Feed};
use crate::model::{Author, Timestamp};
use crate::store::backup::{Generation, generations, surplus};
use crate::store::{AuditEntry, AuditTarget, Change, Progress, REASON_MAX, Store, Summary};

use super::access::Peer;
use super::tables::store_refusal;
use super::wire::{Order, Refusal, RefusalCode};

/// Is told how far a long order has come: steps done, steps in all.
pub type ProgressSink = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// What only the daemon as a whole can do.
#[derive(Debug)]
pub enum Task {
    /// Stop, after users have had so long to say goodbye.
    Shutdown {
        /// How long.
        grace: Duration,
        /// Why; they read it. May be empty.
        reason: String,
    },
}

/// Carries out orders.
pub struct Orders {
    store: Store,
    feed: Arc<Feed>,
    tasks: mpsc::Sender<Task>,
}

impl Orders {
    /// Orders work on the store and are told in the feed; what concerns the whole daemon goes to the other
    /// end of `tasks`.
    pub fn new(store: Store, feed: Arc<Feed>, tasks: mpsc::Sender<Task>) -> Orders {
        Orders { store, feed, tasks }
    }

    /// Carries out an order of somebody who may give it. Returns after the effect, with what happened.
    ///
    /// # Errors
    ///
    /// Says why it was not done.
    pub async fn act(&self, order: Order, peer: &Peer, progress: ProgressSink) -> Result<String, Refusal> {
        let author = author(peer);
        match order {
            Order::Backup { path, keep } => self.backup(PathBuf::from(path), keep, &author, progress).await,
            Order::Shutdown { grace, reason } => self.shutdown(grace, reason, &author).await,
            _ => Err(refusal(RefusalCode::Invalid, "this daemon does not take such an order")),
        }
    }

    async fn backup(
        &self,
        path: PathBuf,
        keep: Option<u32>,
        author: &Author,
        progress: ProgressSink,
    ) -> Result<String, Refusal> {
        if !path.is_absolute() {
            return Err(refusal(RefusalCode::Invalid, "the path of a backup must begin with /"));
        }
        let (store, now) = (self.store.clone(), Timestamp::now());
        let made = task::spawn_blocking(move || backup(&store, &path, keep, now, progress)).await;
        let told = made.unwrap_or_else(|_| Err(refusal(RefusalCode::Failed, "the backup ended early")))?;
        self.record(author, EventKind::Backup, "backup", None, "", &told).await?;
        Ok(told)
    }

    async fn shutdown(&self, grace: Duration, reason: String, author: &Author) -> Result<String, Refusal> {
        let place = self.tasks.try_reserve();
        let Ok(place) = place else {
            return Err(refusal(RefusalCode::Busy, "the daemon is stopping already"));
        };
        let seconds = format!("in {} s", grace.as_secs());
        self.record(author, EventKind::Stopping, "shutdown", None, &reason, &seconds).await?;
        place.send(Task::Shutdown { grace, reason });
        Ok(if grace.is_zero() {
            "the daemon is stopping".to_owned()
        } else {
            format!("the daemon will stop {seconds}")
        })
    }

    /// Writes what was done into the audit log, then into the feed.
    async fn record(
        &self,
        author: &Author,
        kind: EventKind,
        action: &str,
        target: Option<AuditTarget>,
        reason: &str,
        details: &str,
    ) -> Result<(), Refusal> {
        let entry = AuditEntry {
            at: Timestamp::now(),
            actor: author.clone(),
            action: action.to_owned(),
            target,
            reason: shortened(reason, REASON_MAX),
            details: shortened(details, AuditEntry::DETAILS_MAX),
        };
        self.store.commit(Change::Audit(entry)).await.map_err(store_refusal)?;
        let text = match (details, reason) {
            (details, "") => details.to_owned(),
            ("", reason) => reason.to_owned(),
            (details, reason) => format!("{details}: {reason}"),
        };
        let operator = Named { uid: None, name: author.name().into() };
        self.feed.push(Timestamp::now(), Event::new(kind).by(operator).saying(text));
        Ok(())
    }
}

fn author(peer: &Peer) -> Author {
    Author::Operator { name: shortened(&peer.name, Author::NAME_MAX), uid: peer.uid, address: None }
}

fn backup(
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

fn refusal(code: RefusalCode, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into() }
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
