//! What one connection watches. An update is made when there is room to send it, from what was sent
//! before: a client that reads slowly gets fewer and larger ones, and nothing is kept for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::hub::rows::{RoomRow, UserRow};
use crate::model::{RoomId, Uid};

use super::fields::{RoomNames, Row};
use super::service::{Service, query};
use super::tables::{FRESH, STRIKES_FRESH};
use super::window::{Cut, Query};
use super::wire::{Page, Refusal, RefusalCode, Rows, ServerMessage, StrikeRow, Target, Update, View};

/// Views of one connection at most.
const VIEWS_MAX: usize = 32;
/// The pause between two looks at the size of the store.
const COUNT: Duration = Duration::from_secs(15);
/// Events in one update at most.
const EVENTS_AT_ONCE: usize = 500;

/// The views of one connection.
#[derive(Default)]
pub(super) struct Views {
    views: BTreeMap<u32, Watched>,
    /// The view that was served last: the others come first.
    last: u32,
    /// The time that tables and details have taken since the last look at them.
    pub(super) looking: Duration,
}

struct Watched {
    kind: Kind,
    /// The number of the next update.
    seq: u64,
    /// There may be something new.
    due: bool,
}

enum Kind {
    Users(Table<UserRow>),
    Rooms(Table<RoomRow>),
    Strikes(Table<StrikeRow>),
    /// The number of the next event.
    Activity {
        next: u64,
    },
    Status,
    /// When the store was looked at last.
    Metrics {
        looked: Option<Instant>,
    },
    User {
        uid: Uid,
        gone: bool,
    },
    Room {
        room: RoomId,
        gone: bool,
    },
}

struct Table<R> {
    query: Query,
    sent: Option<Cut<R>>,
}

/// What has happened that views may want to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum News {
    /// Time has passed for tables and details.
    Tables,
    /// Something was measured.
    Measured,
    /// There are events.
    Events,
}

impl Kind {
    fn wants(&self) -> News {
        match self {
            Kind::Users(_) | Kind::Rooms(_) | Kind::Strikes(_) | Kind::User { .. } | Kind::Room { .. } => {
                News::Tables
            }
            Kind::Status | Kind::Metrics { .. } => News::Measured,
            Kind::Activity { .. } => News::Events,
        }
    }
}

impl Views {
    /// Begins to watch.
    pub(super) fn watch(&mut self, service: &Service, id: u32, what: View) -> Result<(), Refusal> {
        if self.views.len() >= VIEWS_MAX && !self.views.contains_key(&id) {
            let text = format!("{VIEWS_MAX} views are watched already");
            return Err(Refusal { code: RefusalCode::Invalid, text });
        }
        fn table<R: Row>(window: &super::wire::Window) -> Result<Table<R>, Refusal> {
            Ok(Table { query: query::<R>(window, true)?, sent: None })
        }
        let kind = match what {
            View::Users(window) => Kind::Users(table(&window)?),
            View::Rooms(window) => Kind::Rooms(table(&window)?),
            View::Strikes(window) => Kind::Strikes(table(&window)?),
            View::Activity(last) => {
                let first = service.parts.feed.oldest();
                Kind::Activity { next: service.parts.feed.next().saturating_sub(u64::from(last)).max(first) }
            }
            View::Status => Kind::Status,
            View::Metrics => Kind::Metrics { looked: None },
            View::User(uid) => Kind::User { uid, gone: false },
            View::Room(room) => Kind::Room { room, gone: false },
        };
        self.views.insert(id, Watched { kind, seq: 0, due: true });
        Ok(())
    }

    /// Stops watching; whether that was watched.
    pub(super) fn unwatch(&mut self, id: u32) -> bool {
        self.views.remove(&id).is_some()
    }

    /// Notes that something has happened.
    pub(super) fn note(&mut self, news: News) {
        for view in self.views.values_mut().filter(|view| view.kind.wants() == news) {
            view.due = true;
        }
    }

    /// Notes that something has happened, and that nothing else counts any more.
    pub(super) fn note_only(&mut self, news: News) {
        for view in self.views.values_mut() {
            view.due = view.kind.wants() == news;
        }
    }

    /// Whether anybody wants this kind of news.
    pub(super) fn want(&self, news: News) -> bool {
        self.views.values().any(|view| view.kind.wants() == news)
    }

    /// Whether an update may be due.
    pub(super) fn due(&self) -> bool {
        self.views.values().any(|view| view.due)
    }

    /// The next update that is due, each view in its turn; `None` if there is nothing new.
    pub(super) async fn next(&mut self, service: &Service) -> Option<ServerMessage> {
        for _ in 0..self.views.len() {
            let after = self.views.range(self.last.saturating_add(1)..).find(|(_, view)| view.due);
            let id = after.or_else(|| self.views.iter().find(|(_, view)| view.due)).map(|(id, _)| *id)?;
            self.last = id;
            let view = self.views.get_mut(&id)?;
            view.due = false;
            let began = Instant::now();
            let update = view.update(service).await;
            if view.kind.wants() == News::Tables {
                self.looking += began.elapsed();
            }
            if let Some(update) = update {
                let seq = view.seq;
                view.seq += 1;
                return Some(ServerMessage::Update { view: id, seq, update });
            }
        }
        None
    }
}

impl Watched {
    async fn update(&mut self, service: &Service) -> Option<Update> {
        match &mut self.kind {
            Kind::Users(table) => {
                let rooms = service.room_names(&table.query, FRESH).await.ok()?;
                let rows = service.tables.users(FRESH).await.ok()?;
                let cut = service.trips.cut(&table.query, rows, &rooms).await;
                table.update(cut, Rows::Users)
            }
            Kind::Rooms(table) => {
                let rows = service.tables.rooms(FRESH).await.ok()?;
                table.update(table.query.cut(&rows, &RoomNames::new()), Rows::Rooms)
            }
            Kind::Strikes(table) => {
                let rows = service.tables.strikes(STRIKES_FRESH).await.ok()?;
                table.update(table.query.cut(&rows, &RoomNames::new()), Rows::Strikes)
            }
            Kind::Activity { next } => {
                let slice = service.parts.feed.since(*next, EVENTS_AT_ONCE);
                *next = slice.next;
                if slice.entries.is_empty() && slice.missed == 0 && self.seq > 0 {
                    return None;
                }
                self.due = slice.entries.len() == EVENTS_AT_ONCE;
                let entries = slice.entries.iter().map(|entry| (**entry).clone()).collect();
                Some(Update::Activity { entries, missed: slice.missed })
            }
            Kind::Status => Some(Update::Status(Box::new(service.status()))),
            Kind::Metrics { .. } if self.seq == 0 => {
                let (seconds, minutes) = service.monitor.history();
                Some(Update::History { seconds, minutes })
            }
            Kind::Metrics { looked } => {
                let sample = service.monitor.last().sample;
                let performance = match *looked {
                    Some(at) if at.elapsed() < COUNT => service.performance_now(),
                    _ => {
                        *looked = Some(Instant::now());
                        service.performance().await
                    }
                };
                Some(Update::Metrics(sample, Box::new(performance)))
            }
            Kind::User { uid, gone } => {
                let found = service.user(Target::Uid(*uid), FRESH).await;
                let found = match found {
                    Ok(found) => Some(found),
                    Err(refusal) if refusal.code == RefusalCode::NotFound => None,
                    Err(_) => return None,
                };
                let here = found.filter(|user| user.row.is_some());
                if here.is_none() && std::mem::replace(gone, true) {
                    return None;
                }
                *gone = here.is_none();
                Some(Update::User(here.map(Box::new)))
            }
            Kind::Room { room, gone } => {
                let here = match service.room(*room).await {
                    Ok(found) => Some(found),
                    Err(refusal) if refusal.code == RefusalCode::NotFound => None,
                    Err(_) => return None,
                };
                if here.is_none() && std::mem::replace(gone, true) {
                    return None;
                }
                *gone = here.is_none();
                Some(Update::Room(here.map(Box::new)))
            }
        }
    }
}

impl<R: Row> Table<R> {
    fn update(&mut self, cut: Cut<R>, wrap: fn(Vec<R>) -> Rows) -> Option<Update> {
        let update = match &self.sent {
            Some(sent) => Update::Change(cut.change_since(sent, wrap)?),
            None => {
                let page: Page = cut.page(wrap);
                Update::Page(page)
            }
        };
        self.sent = Some(cut);
        Some(update)
    }
}
