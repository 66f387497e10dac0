//! The rows of users, rooms and strikes, kept for a moment for all who look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::hub::actor::{HubHandle, Query, WeakHubHandle};
use crate::hub::rows::{RoomRow, UserRow, VoiceTraffic};
use crate::model::{RoomId, Timestamp, Uid};
use crate::net::voice::{Voice, VoiceCounters};
use crate::store::{Reader, Store, StoreError};

use super::wire::{Refusal, RefusalCode, StrikeRow};

/// How old the rows in an answer may be: what was done before it was asked for is in it.
pub(super) const NOW: Duration = Duration::ZERO;
/// How old rows of users and rooms may be in a view: several consoles cost the hub no more than one.
pub(super) const FRESH: Duration = Duration::from_millis(200);
/// How old rows of strikes may be in a view; they come from the store.
pub(super) const STRIKES_FRESH: Duration = Duration::from_secs(1);
/// How long the hub may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// See the module's text.
pub(super) struct Tables {
    hub: WeakHubHandle,
    store: Store,
    voice: Option<Arc<Voice>>,
    users: Kept<UserRow>,
    rooms: Kept<RoomRow>,
    strikes: Kept<StrikeRow>,
}

struct Kept<R>(Mutex<Option<(Instant, Arc<Vec<R>>)>>);

impl<R> Kept<R> {
    fn new() -> Kept<R> {
        Kept(Mutex::new(None))
    }

    fn fresh(&self, age: Duration) -> Option<Arc<Vec<R>>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| at.elapsed() < age).map(|(_, rows)| Arc::clone(rows))
    }

    fn keep(&self, rows: Vec<R>) -> Arc<Vec<R>> {
        let rows = Arc::new(rows);
        let kept = (Instant::now(), Arc::clone(&rows));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        rows
    }

    /// Gives the memory back when nobody has looked for a while.
    fn forget(&self, age: Duration) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_some_and(|(at, _)| at.elapsed() > age) {
            *kept = None;
        }
    }
}

impl Tables {
    pub(super) fn new(hub: WeakHubHandle, store: Store, voice: Option<Arc<Voice>>) -> Tables {
        Tables { hub, store, voice, users: Kept::new(), rooms: Kept::new(), strikes: Kept::new() }
    }

    pub(super) async fn users(&self, age: Duration) -> Result<Arc<Vec<UserRow>>, Refusal> {
        match self.users.fresh(age) {
            Some(rows) => Ok(rows),
            None => Ok(self.users.keep(ask(&self.hub, Query::Users).await?)),
        }
    }

    pub(super) async fn rooms(&self, age: Duration) -> Result<Arc<Vec<RoomRow>>, Refusal> {
        if let Some(rows) = self.rooms.fresh(age) {
            return Ok(rows);
        }
        let mut rows = ask(&self.hub, Query::Rooms).await?;
        for row in rows.iter_mut().filter(|row| row.voice && row.members > 0) {
            row.speakers = self.speakers(row.id);
            row.voice_traffic = self.voice_traffic(row.id);
        }
        Ok(self.rooms.keep(rows))
    }

    /// How many speak in a room.
    pub(super) fn speakers(&self, room: RoomId) -> u32 {
        let activity = self.voice.as_ref().and_then(|voice| voice.room_activity(room));
        activity.map_or(0, |activity| u32::try_from(activity.streams).unwrap_or(u32::MAX))
    }

    /// What went through the voice of a room.
    pub(super) fn voice_traffic(&self, room: RoomId) -> VoiceTraffic {
        let voice = self.voice.as_ref();
        voice.and_then(|voice| voice.room_counters(room, VoiceCounters::traffic)).unwrap_or_default()
    }

    pub(super) async fn strikes(&self, age: Duration) -> Result<Arc<Vec<StrikeRow>>, Refusal> {
        if let Some(rows) = self.strikes.fresh(age) {
            return Ok(rows);
        }
        let now = Timestamp::now();
        let rows = self.store.read(move |reader| all_strikes(reader, now)).await.flatten();
        Ok(self.strikes.keep(rows.map_err(store_refusal)?))
    }

    /// Gives back what nobody has looked at lately.
    pub(super) fn tidy(&self) {
        const LATELY: Duration = Duration::from_secs(10);
        self.users.forget(LATELY);
        self.rooms.forget(LATELY);
        self.strikes.forget(LATELY);
    }
}

/// Asks the hub, but not for ever.
pub(super) async fn ask<T>(
    hub: &WeakHubHandle,
    question: impl FnOnce(tokio::sync::oneshot::Sender<T>) -> Query,
) -> Result<T, Refusal> {
    let gone = || Refusal { code: RefusalCode::Failed, text: "the daemon is stopping".to_owned() };
    let hub: HubHandle = hub.upgrade().ok_or_else(gone)?;
    match timeout(PATIENCE, hub.ask(question)).await {
        Ok(answer) => answer.ok_or_else(gone),
        Err(_) => Err(Refusal {
            code: RefusalCode::Busy,
            text: "the daemon did not answer in five seconds; it has too much to do".to_owned(),
        }),
    }
}

pub(super) fn store_refusal(error: StoreError) -> Refusal {
    let code = match error {
        StoreError::Busy => RefusalCode::Busy,
        _ => RefusalCode::Failed,
    };
    Refusal { code, text: error.to_string() }
}

fn all_strikes(reader: &Reader, now: Timestamp) -> Result<Vec<StrikeRow>, StoreError> {
    const PAGE: usize = 1000;
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = reader.strikes_after(after, PAGE)?;
        let last = page.len() < PAGE;
        after = page.last().map(|(uid, _)| *uid);
        for (uid, record) in page {
            if let Some(account) = reader.account(uid)? {
                rows.push(strike_row(uid, account.nickname.to_string(), &record, now));
            }
        }
        if last {
            return Ok(rows);
        }
    }
}

/// What the limits hold against somebody.
pub(super) fn strike_row(
    uid: Uid,
    nickname: String,
    record: &crate::store::StrikeRecord,
    now: Timestamp,
) -> StrikeRow {
    let muted = record.muted_until.map_or(0, |until| until.0.saturating_sub(now.0));
    StrikeRow {
        uid,
        nickname,
        strikes: record.strikes,
        stage: record.stage,
        muted_seconds: muted.div_ceil(1000),
        violations: record.violations,
        last_reason: record.last_reason.clone(),
        last_detail: record.last_detail.clone(),
        last_at: Some(record.last_at.rfc3339()),
    }
}
