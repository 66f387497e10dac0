//! What happens beside the hub: told in the activity feed, and kept in the audit log if somebody, or the
//! server of itself, has done something.

use std::sync::Arc;

use tracing::warn;

use crate::model::{Author, Timestamp};
use crate::store::{AuditEntry, AuditTarget, Change, REASON_MAX, Store, StoreError};

use super::feed::{Event, EventKind, Feed};
use super::sanctions::because;

/// The feed and the audit log for those who do something beside the hub.
#[derive(Clone)]
pub struct Chronicle {
    feed: Arc<Feed>,
    store: Store,
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// What kind of thing, for the feed.
    pub kind: EventKind,
    /// What, in `snake_case`, for the audit log.
    pub action: &'a str,
    /// By whom.
    pub author: &'a Author,
    /// Whom or what it was about, as it was named; may be empty.
    pub about: &'a str,
    /// Why; may be empty. Shortened to what the audit log takes.
    pub reason: &'a str,
    /// What came of it; may be empty. Shortened to what the audit log takes.
    pub details: &'a str,
}

impl<'a> Act<'a> {
    /// Something that the server has done of itself.
    pub fn of_itself(kind: EventKind, action: &'a str, details: &'a str) -> Act<'a> {
        Act { kind, action, author: &Author::System, about: "", reason: "", details }
    }
}

impl Chronicle {
    /// A chronicle of this feed and this store.
    pub fn new(feed: Arc<Feed>, store: Store) -> Chronicle {
        Chronicle { feed, store }
    }

    /// The feed.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// Tells what nobody has done.
    pub fn tell(&self, event: Event) {
        self.feed.push(Timestamp::now(), event);
    }

    /// Writes something into the audit log, and tells of it when that is durable.
    ///
    /// # Errors
    ///
    /// The store did not take it; then nothing is told.
    pub async fn record(&self, act: Act<'_>) -> Result<(), StoreError> {
        self.keep(&act).await?;
        self.tell(event(&act));
        Ok(())
    }

    /// The same where nobody can be told that the store did not take it; told in any case.
    pub async fn note(&self, act: Act<'_>) {
        if let Err(error) = self.keep(&act).await {
            warn!(%error, action = act.action, "something is missing in the audit log");
        }
        self.tell(event(&act));
    }

    async fn keep(&self, act: &Act<'_>) -> Result<(), StoreError> {
        let about = shortened(act.about, AuditTarget::TEXT_MAX);
        let entry = AuditEntry {
            at: Timestamp::now(),
            actor: act.author.clone(),
            action: act.action.to_owned(),
            target: (!about.is_empty()).then_some(AuditTarget::Other(about)),
            reason: shortened(act.reason, REASON_MAX),
            details: shortened(act.details, AuditEntry::DETAILS_MAX),
        };
        self.store.commit(Change::Audit(entry)).await.map(drop)
    }
}

fn event(act: &Act<'_>) -> Event {
    let what: Vec<&str> = [act.details, act.about].into_iter().filter(|text| !text.is_empty()).collect();
    let what = what.join(" ");
    let text = if what.is_empty() { act.reason.to_owned() } else { because(&what, act.reason) };
    Event::new(act.kind).by(act.author).saying(text)
}

fn shortened(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
