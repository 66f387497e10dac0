//! What changes something: the one place through which orders of console and command line pass.

mod backup;
mod refusals;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task;

use crate::hub::actor::{Query, WeakHubHandle};
use crate::hub::chronicle::{Act, Chronicle};
use crate::hub::lookup::{Finding, Question};
use crate::hub::renewal::Renewal;
use crate::hub::staff::{ActError, Action, Actor, BanWhom, Standing, Subject};
use crate::hub::{Event, EventKind};
use crate::model::{Author, Nickname, RoomKind, Timestamp, network, to_cp1252};
use crate::store::{MuteKind, Store};

use super::access::{Credentials, Peer};
use super::tables::store_refusal;
use super::wire::{Access, AccountOrder, BanTarget, Order, Refusal, RefusalCode, Reply, RoomChanges, Target};
use super::{accounts, rooms};
use refusals::Refusals;

/// Is told how far a long order has come: steps done, steps in all.
pub type ProgressSink = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// What became of a task, in words.
pub type Told = oneshot::Sender<Result<String, String>>;

/// What only the daemon as a whole can do.
#[derive(Debug)]
pub enum Task {
    /// Read the configuration again.
    Reload(Told),
    /// Do the housekeeping now.
    Housekeeping(Told),
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
    hub: WeakHubHandle,
    store: Store,
    chronicle: Chronicle,
    refusals: Refusals,
    tasks: mpsc::Sender<Task>,
    /// Held while an account is read, changed and renewed: the last one counts everywhere.
    accounts: Mutex<()>,
    /// Held while a room is made: each gets a number of its own.
    rooms: Mutex<()>,
    /// Whether somebody has ordered the daemon to stop.
    stopping: AtomicBool,
}

impl Orders {
    /// Orders go to the hub or work on the store, and are told in the chronicle; what concerns the whole
    /// daemon goes to the other end of `tasks`.
    pub fn new(hub: WeakHubHandle, store: Store, chronicle: Chronicle, tasks: mpsc::Sender<Task>) -> Orders {
        let (accounts, rooms, stopping) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Orders { hub, store, chronicle, refusals: Refusals::default(), tasks, accounts, rooms, stopping }
    }

    /// Records that somebody asked for what he may not: each thing once in a while, with how often he tried.
    pub async fn refused(&self, who: &Credentials, what: &'static str, about: &str) {
        let Some(untold) = self.refusals.admit(Instant::now(), who.uid, what) else { return };
        let pid = who.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
        let before = if untold > 0 { format!(", {untold} more since the last entry") } else { String::new() };
        let details = format!("{what} (user {}{pid}{before})", who.uid);
        let author = operator(&who.name, who.uid);
        let act = Act {
            kind: EventKind::Refused,
            action: "refused",
            author: &author,
            about,
            reason: "",
            details: &details,
        };
        self.chronicle.note(act).await;
    }

    /// Carries out an order of somebody who may give it. Returns after the effect, with what happened.
    ///
    /// # Errors
    ///
    /// Says why it was not done.
    pub async fn act(&self, order: Order, peer: &Peer, progress: ProgressSink) -> Result<Reply, Refusal> {
        let author = author(peer);
        let told = match order {
            Order::CreateRoom { name, kind, changes } => {
                return self.create_room(name, kind, *changes, peer).await;
            }
            Order::Backup { path, keep, reason } => {
                self.backup(PathBuf::from(path), keep, &reason, &author, progress).await
            }
            Order::Shutdown { grace, reason } => self.shutdown(grace, reason, &author).await,
            Order::Reload { reason } => {
                let told = self.ask(Task::Reload, RefusalCode::Invalid).await?;
                self.record(&author, EventKind::Reload, "reload", &reason, &told).await?;
                Ok(told)
            }
            Order::RunMaintenance { reason } => {
                let told = self.ask(Task::Housekeeping, RefusalCode::Failed).await?;
                let details = told.replace('\n', "; ");
                self.record(&author, EventKind::Maintenance, "housekeeping", &reason, &details).await?;
                Ok(told)
            }
            Order::Account(order) => self.account(order, author).await,
            order => {
                let action = self.action(order).await?;
                self.have_done(action, peer).await
            }
        };
        told.map(Reply::Done)
    }

    /// Has the hub do something.
    async fn have_done(&self, action: Action, peer: &Peer) -> Result<String, Refusal> {
        let actor = Actor { author: author(peer), standing: standing(peer.access)? };
        let hub = self.hub.upgrade().ok_or_else(ending)?;
        let done = hub.ask(|answer| Query::Act { actor, action, answer }).await;
        done.ok_or_else(ending)?.map_err(refused)
    }

    async fn create_room(
        &self,
        name: String,
        kind: RoomKind,
        changes: RoomChanges,
        peer: &Peer,
    ) -> Result<Reply, Refusal> {
        let _turn = self.rooms.lock().await;
        let now = Timestamp::now();
        let made = self.store.read(move |reader| rooms::new_room(reader, &name, kind, changes, now)).await;
        let rooms::NewRoom { record, owner } = made.map_err(store_refusal)??;
        let id = record.id;
        self.have_done(Action::CreateRoom { record: Box::new(record), owner }, peer).await?;
        Ok(Reply::RoomCreated(id))
    }

    /// What the hub is asked to do for an order, with everybody looked up whom it names.
    async fn action(&self, order: Order) -> Result<Action, Refusal> {
        let kind = |media| if media { MuteKind::Media } else { MuteKind::Text };
        Ok(match order {
            Order::Kick { user, reason } => Action::Kick { user: self.subject(user).await?, reason },
            Order::Ban { target, time, reason } => {
                Action::Ban { whom: self.whom(target).await?, time, reason }
            }
            Order::Unban { target, reason } => Action::Unban { whom: self.whom(target).await?, reason },
            Order::Mute { user, media, time, reason } => {
                Action::Mute { user: self.subject(user).await?, kind: kind(media), time, reason }
            }
            Order::Unmute { user, media, reason } => {
                Action::Unmute { user: self.subject(user).await?, kind: kind(media), reason }
            }
            Order::Warn { user, reason } => Action::Warn { user: self.subject(user).await?, reason },
            Order::ClearStrikes { user, reason } => {
                Action::ClearStrikes { user: self.subject(user).await?, reason }
            }
            Order::CloseRoom { room, reason } => Action::CloseRoom { room, reason },
            Order::DeleteRoom { room, reason } => Action::DeleteRoom { room, reason },
            Order::LockRoom { room, lockword, reason } => {
                let lockword = lockword.map(|word| to_cp1252(&word));
                Action::LockRoom { room, lockword, reason }
            }
            Order::SetRoom { room, changes } => {
                let settings = self.store.read(move |reader| rooms::settings(reader, *changes)).await;
                let settings = Box::new(settings.map_err(store_refusal)??);
                Action::SetRoom { room, settings }
            }
            Order::Slowmode { room, seconds, reason } => Action::Slowmode { room, seconds, reason },
            Order::Broadcast { room, text } => Action::Broadcast { room, text },
            Order::Maintenance { on, message } => Action::Maintenance { on, message },
            Order::RunMaintenance { .. }
            | Order::Reload { .. }
            | Order::CreateRoom { .. }
            | Order::Backup { .. }
            | Order::Shutdown { .. }
            | Order::Account(_) => {
                return Err(refusal(RefusalCode::Invalid, "this is not for the hub"));
            }
        })
    }

    async fn whom(&self, target: BanTarget) -> Result<BanWhom, Refusal> {
        match target {
            BanTarget::User(user) => Ok(BanWhom::User(self.subject(user).await?)),
            BanTarget::Network(text) => {
                let banned = network(&text).map(BanWhom::Network);
                let text = format!("{text} is neither an address nor a network");
                banned.ok_or_else(|| refusal(RefusalCode::Invalid, text))
            }
        }
    }

    async fn subject(&self, target: Target) -> Result<Subject, Refusal> {
        let (question, named) = match target {
            Target::Uid(uid) => (Question::Uid(uid), uid.to_string()),
            Target::Nickname(name) => match Nickname::from_text(&name) {
                Ok(nickname) => (Question::Account(nickname), name),
                Err(_) => return Err(refusal(RefusalCode::NotFound, format!("no such user: {name}"))),
            },
        };
        match self.store.read(move |reader| question.ask(reader)).await.map_err(store_refusal)? {
            Finding::Account(Some(known)) => Ok(known.subject),
            Finding::Account(None) => Err(refusal(RefusalCode::NotFound, format!("no such user: {named}"))),
            _ => Err(refusal(RefusalCode::Failed, "the store could not be asked")),
        }
    }

    /// Changes an account in the store, then brings that to who is signed in to it.
    async fn account(&self, order: AccountOrder, author: Author) -> Result<String, Refusal> {
        let _turn = self.accounts.lock().await;
        let kind = match &order {
            AccountOrder::Create { .. } => EventKind::Registration,
            _ => EventKind::Staff,
        };
        let mut renewals = Vec::new();
        match &order {
            AccountOrder::Set { age_verified: Some(verified), .. } => {
                renewals.push(Renewal::AgeVerified(*verified));
            }
            AccountOrder::Delete(_) | AccountOrder::Erase(_) => renewals.push(Renewal::Gone),
            _ => {}
        }
        let (by, now) = (author.clone(), Timestamp::now());
        let plan = self.store.read(move |reader| accounts::plan(reader, order, &by, now)).await;
        let plan = plan.map_err(store_refusal)??;
        renewals.extend(plan.roles.map(Renewal::Roles));
        let applied = self.store.commit(plan.change.clone()).await;
        let (uid, told) = plan.done(applied)?;
        if let Some(uid) = uid {
            for renewal in renewals {
                let hub = self.hub.upgrade().ok_or_else(ending)?;
                hub.ask(|to| Query::Renew(uid, renewal, to)).await.ok_or_else(ending)?;
            }
        }
        self.chronicle.tell(Event::new(kind).by(&author).saying(told.clone()));
        Ok(told)
    }

    /// Has the daemon as a whole do something, and waits for what became of it; what it complains of is
    /// refused with `code`.
    async fn ask(&self, task: impl FnOnce(Told) -> Task, code: RefusalCode) -> Result<String, Refusal> {
        let (told, answer) = oneshot::channel();
        self.tasks.send(task(told)).await.map_err(|_| ending())?;
        let answer = answer.await.map_err(|_| ending())?;
        answer.map_err(|text| refusal(code, text))
    }

    async fn backup(
        &self,
        path: PathBuf,
        keep: Option<u32>,
        reason: &str,
        author: &Author,
        progress: ProgressSink,
    ) -> Result<String, Refusal> {
        if !path.is_absolute() {
            return Err(refusal(RefusalCode::Invalid, "the path of a backup must begin with /"));
        }
        let (store, now) = (self.store.clone(), Timestamp::now());
        let made = task::spawn_blocking(move || backup::make(&store, &path, keep, now, progress)).await;
        let told = made.unwrap_or_else(|_| Err(refusal(RefusalCode::Failed, "the backup ended early")))?;
        self.record(author, EventKind::Backup, "backup", reason, &told).await?;
        Ok(told)
    }

    async fn shutdown(&self, grace: Duration, reason: String, author: &Author) -> Result<String, Refusal> {
        if self.stopping.swap(true, Ordering::Relaxed) {
            return Err(refusal(RefusalCode::Busy, "the daemon is stopping already"));
        }
        let seconds = format!("in {} s", grace.as_secs());
        if let Err(refusal) = self.record(author, EventKind::Stopping, "shutdown", &reason, &seconds).await {
            // It goes on, so it can be ordered again.
            self.stopping.store(false, Ordering::Relaxed);
            return Err(refusal);
        }
        self.tasks.send(Task::Shutdown { grace, reason }).await.map_err(|_| ending())?;
        Ok(if grace.is_zero() {
            "the daemon is stopping".to_owned()
        } else {
            format!("the daemon will stop {seconds}")
        })
    }

    /// Records what was done.
    async fn record(
        &self,
        author: &Author,
        kind: EventKind,
        action: &str,
        reason: &str,
        details: &str,
    ) -> Result<(), Refusal> {
        let act = Act { kind, action, author, about: "", reason, details };
        self.chronicle.record(act).await.map_err(store_refusal)
    }
}

/// How high an operator stands among staff.
fn standing(access: Access) -> Result<Standing, Refusal> {
    match access {
        Access::Observer => Err(refusal(RefusalCode::Forbidden, "observers only look")),
        Access::Moderator => Ok(Standing::Moderator),
        Access::Operator => Ok(Standing::Operator),
    }
}

fn refused(error: ActError) -> Refusal {
    match error {
        ActError::NotFound(text) => refusal(RefusalCode::NotFound, text),
        ActError::Forbidden(text) => refusal(RefusalCode::Forbidden, text),
        ActError::Invalid(text) => refusal(RefusalCode::Invalid, text),
        ActError::Failed(text) => refusal(RefusalCode::Failed, text),
        ActError::Busy(text) => refusal(RefusalCode::Busy, text),
    }
}

fn ending() -> Refusal {
    refusal(RefusalCode::Failed, "the daemon is stopping")
}

fn author(peer: &Peer) -> Author {
    operator(&peer.who.name, peer.who.uid)
}

fn operator(name: &str, uid: u32) -> Author {
    Author::Operator { name: name.chars().take(Author::NAME_MAX).collect(), uid, address: None }
}

fn refusal(code: RefusalCode, text: impl Into<String>) -> Refusal {
    Refusal { code, text: text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::actor::Hub;
    use crate::hub::{Feed, State};
    use crate::store::{Change, StoreOptions};

    #[tokio::test]
    async fn a_stop_that_could_not_be_recorded_can_be_ordered_again() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions { queue: 1, ..StoreOptions::new(dir.path()) }).unwrap();
        let (_hub, handle) = Hub::new(State::default(), store.clone(), Arc::default(), None);
        let (tasks, mut asked) = mpsc::channel(1);
        let chronicle = Chronicle::new(Feed::new(1), store.clone());
        let orders = Orders::new(handle.downgrade(), store.clone(), chronicle, tasks);
        let stop = || orders.shutdown(Duration::ZERO, String::new(), &Author::System);
        // The writer waits, and nothing more may.
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (seen, waiting) = std::sync::mpsc::channel();
        store.submit(Change::Barrier, move |_| {
            seen.send(()).unwrap();
            _ = wait.recv();
        });
        waiting.recv().unwrap();
        store.submit(Change::Barrier, |_| {});
        assert_eq!(stop().await.unwrap_err().code, RefusalCode::Busy);
        drop(go_on);
        while store.commit(Change::Barrier).await.is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(stop().await.unwrap(), "the daemon is stopping");
        assert!(matches!(asked.recv().await, Some(Task::Shutdown { .. })));
        assert!(stop().await.unwrap_err().text.contains("already"));
    }
}
