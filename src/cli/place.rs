//! Where commands about accounts, rooms and the audit log work: on the store if nobody has it, else through the daemon that has it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::remote::{connect, unexpected};
use super::stopped;
use super::who::Who;
use crate::config::Config;
use crate::control::accounts::{self, Plan};
use crate::control::audit;
use crate::control::client::{Client, ClientError};
use crate::control::rooms;
use crate::control::wire::{
    AccountDetail, AccountOrder, AccountRow, AuditRow, AuditWindow, BanTarget, Order, Page, PermanentRoom,
    PermanentRoomDetail, Refusal, RefusalCode, Reply, Request, RoomChanges, Rows, Target, Window,
};
use crate::hub::rows::RoomRow;
use crate::model::{Author, RoomId, RoomKind, Timestamp, Uid};
use crate::store::{Change, Store, StoreError};

/// How long somebody who has the store may be silent.
const PATIENCE: Duration = Duration::from_secs(1);

/// One of the two ways to accounts and rooms. Who uses it need not know which.
pub(super) enum Place {
    /// No daemon runs.
    Stopped {
        /// Its store.
        store: Store,
        /// Whom the audit log names.
        author: Author,
    },
    /// A daemon runs.
    Live(Client),
}

impl Place {
    /// Opens the store, or connects to the daemon that has it, or to that of `--socket`. Without `make`
    /// there has to be a store already.
    pub(super) fn open(
        global: &Global,
        config: &Config,
        output: &Output,
        make: bool,
    ) -> Result<Place, Failure> {
        if global.socket.is_some() {
            return Ok(Place::Live(connect(global)?));
        }
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(store) = stopped::open(config, output, make)? {
                return Ok(Place::Stopped { store, author: operator() });
            }
            match connect(global) {
                Ok(client) => return Ok(Place::Live(client)),
                // Another command may have the store, or a daemon that does not answer yet.
                Err(Failure::NoDaemon(_)) if Instant::now() < patience => thread::sleep(PATIENCE / 50),
                Err(Failure::NoDaemon(text)) => {
                    let store = config.store_path();
                    let held = format!("a daemon has the store in {}, but is silent", store.display());
                    return Err(Failure::NoDaemon(format!("{held}: {text}")));
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Ends the work; `result` is what became of it.
    pub(super) fn close(self, result: Result<(), Failure>) -> Result<(), Failure> {
        match self {
            Place::Stopped { store, .. } => stopped::with_store(store, |_| result),
            Place::Live(_) => result,
        }
    }

    /// The account that is meant.
    pub(super) fn find(&mut self, who: &Who) -> Result<AccountDetail, Failure> {
        let (by_uid, by_name) = who.targets();
        let by_uid = by_uid.map(|target| self.look_up(target)).transpose()?.flatten();
        let by_name = by_name.map(|target| self.look_up(target)).transpose()?.flatten();
        match (by_uid, by_name) {
            (Some(a), Some(b)) if a.row.uid != b.row.uid => Err(Failure::Usage(format!(
                "{who} is the uid of {} and the nickname of {}; write uid:{who} or nick:{who}",
                a.row.nickname, b.row.uid
            ))),
            (Some(account), _) | (_, Some(account)) => Ok(account),
            (None, None) => Err(Failure::NotFound(format!("no such user: {who}"))),
        }
    }

    fn look_up(&mut self, target: Target) -> Result<Option<AccountDetail>, Failure> {
        match self {
            Place::Stopped { store, .. } => Ok(accounts::detail(&store.reader(), &target, Timestamp::now())?),
            Place::Live(client) => match ask(client, Request::Account(target)) {
                Ok(Reply::Account(account)) => Ok(Some(*account)),
                Err(ClientError::Refused(Refusal { code: RefusalCode::NotFound, .. })) => Ok(None),
                Ok(_) => Err(unexpected()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// All accounts.
    pub(super) fn all(&mut self) -> Result<Vec<AccountRow>, Failure> {
        let mut all: Vec<AccountRow> = Vec::new();
        loop {
            let after = all.last().map(|row| row.uid);
            let page = match self {
                Place::Stopped { store, .. } => accounts::rows(&store.reader(), after)?,
                Place::Live(client) => match ask(client, Request::Accounts { after })? {
                    Reply::Accounts(rows) => rows,
                    _ => return Err(unexpected()),
                },
            };
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Everything that is kept about an account.
    pub(super) fn export(&mut self, uid: Uid) -> Result<Value, Failure> {
        match self {
            Place::Stopped { store, .. } => accounts::export(&store.reader(), uid)?
                .ok_or_else(|| Failure::NotFound(format!("no such user: {uid}"))),
            Place::Live(client) => match ask(client, Request::Export(uid))? {
                Reply::Export(text) => Ok(serde_json::from_str(&text).map_err(anyhow::Error::new)?),
                _ => Err(unexpected()),
            },
        }
    }

    /// Changes an account, and says what happened.
    pub(super) fn act(&mut self, order: AccountOrder) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                let plan = accounts::plan(&store.reader(), order, author, Timestamp::now());
                commit(store, plan)
            }
            Place::Live(client) => give(client, Order::Account(order)),
        }
    }

    /// Keeps an account out, and says for how long.
    pub(super) fn ban(
        &mut self,
        uid: Uid,
        time: Option<Duration>,
        reason: String,
    ) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                let plan = accounts::plan_ban(&store.reader(), uid, time, &reason, author, Timestamp::now());
                commit(store, plan)
            }
            Place::Live(client) => {
                let target = BanTarget::User(Target::Uid(uid));
                give(client, Order::Ban { target, time, reason })
            }
        }
    }

    /// Lets a banned account in again.
    pub(super) fn unban(&mut self, uid: Uid, reason: String) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                commit(store, accounts::plan_unban(&store.reader(), uid, &reason, author, Timestamp::now()))
            }
            Place::Live(client) => {
                let target = BanTarget::User(Target::Uid(uid));
                give(client, Order::Unban { target, reason })
            }
        }
    }

    /// Entries of the audit log, newest first, as many as are wanted.
    pub(super) fn audit(&mut self, mut window: AuditWindow) -> Result<Vec<AuditRow>, Failure> {
        let most = window.limit;
        let mut all: Vec<AuditRow> = Vec::new();
        loop {
            let (rows, next) = match self {
                Place::Stopped { store, .. } => audit::page(&store.reader(), window.clone())?,
                Place::Live(client) => match ask(client, Request::Audit(window.clone()))? {
                    Reply::Audit { rows, next } => (rows, next),
                    _ => return Err(unexpected()),
                },
            };
            all.extend(rows);
            window.limit = most.saturating_sub(u32::try_from(all.len()).unwrap_or(u32::MAX));
            window.before = next;
            if next.is_none() || window.limit == 0 {
                return Ok(all);
            }
        }
    }

    /// All permanent rooms.
    pub(super) fn rooms(&mut self) -> Result<Vec<PermanentRoom>, Failure> {
        match self {
            Place::Stopped { store, .. } => Ok(rooms::rows(&store.reader())?),
            Place::Live(client) => match ask(client, Request::PermanentRooms)? {
                Reply::PermanentRooms(rooms) => Ok(rooms),
                _ => Err(unexpected()),
            },
        }
    }

    /// The rooms of people that are open now; none without a daemon.
    pub(super) fn open_rooms(&mut self) -> Result<Vec<RoomRow>, Failure> {
        let Place::Live(client) = self else { return Ok(Vec::new()) };
        match ask(client, Request::Rooms(Window::default()))? {
            Reply::Page(Page { rows: Rows::Rooms(rooms), .. }) => {
                Ok(rooms.into_iter().filter(|room| !room.permanent).collect())
            }
            _ => Err(unexpected()),
        }
    }

    /// All settings of a permanent room.
    pub(super) fn room(&mut self, id: RoomId) -> Result<PermanentRoomDetail, Failure> {
        match self {
            Place::Stopped { store, .. } => rooms::detail(&store.reader(), id)?
                .ok_or_else(|| Failure::NotFound(format!("there is no room {id}"))),
            Place::Live(client) => match ask(client, Request::PermanentRoom(id))? {
                Reply::PermanentRoom(room) => Ok(*room),
                _ => Err(unexpected()),
            },
        }
    }

    /// Makes a permanent room, and says its number.
    pub(super) fn create_room(
        &mut self,
        name: String,
        kind: RoomKind,
        changes: RoomChanges,
    ) -> Result<RoomId, Failure> {
        match self {
            Place::Stopped { store, author } => {
                let now = Timestamp::now();
                // Categories come with the first start; who prepares rooms before it needs them now.
                store.commit_blocking(Change::Seed { at: now })?;
                let reader = store.reader();
                let room = rooms::new_room(&reader, &name, kind, changes, now).map_err(refused)?;
                let id = room.record.id;
                commit_room(store, rooms::plan_create(&reader, room, author, now))?;
                Ok(id)
            }
            Place::Live(client) => {
                let order = Order::CreateRoom { name, kind, changes: Box::new(changes) };
                match ask(client, Request::Act(order))? {
                    Reply::RoomCreated(id) => Ok(id),
                    _ => Err(unexpected()),
                }
            }
        }
    }

    /// Changes a permanent room, and says what happened.
    pub(super) fn set_room(&mut self, room: RoomId, changes: RoomChanges) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                let plan = rooms::plan_set(&store.reader(), room, changes, author, Timestamp::now());
                commit_room(store, plan)
            }
            Place::Live(client) => give(client, Order::SetRoom { room, changes: Box::new(changes) }),
        }
    }

    /// Puts everybody out of a room, which is no more then, and says what happened.
    pub(super) fn close_room(
        &mut self,
        room: RoomId,
        permanent: bool,
        reason: String,
    ) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                let plan = rooms::plan_delete(&store.reader(), room, &reason, author, Timestamp::now());
                commit_room(store, plan)
            }
            Place::Live(client) if permanent => give(client, Order::DeleteRoom { room, reason }),
            Place::Live(client) => give(client, Order::CloseRoom { room, reason }),
        }
    }
}

fn commit_room(store: &Store, plan: Result<rooms::Plan, Refusal>) -> Result<String, Failure> {
    let plan = plan.map_err(refused)?;
    store.commit_blocking(plan.change)?;
    Ok(plan.told)
}

fn refused(refusal: Refusal) -> Failure {
    Failure::from(ClientError::Refused(refusal))
}

fn ask(client: &mut Client, request: Request) -> Result<Reply, ClientError> {
    client.ask(request, |_, _| {})
}

fn give(client: &mut Client, order: Order) -> Result<String, Failure> {
    match ask(client, Request::Act(order))? {
        Reply::Done(text) => Ok(text),
        _ => Err(unexpected()),
    }
}

fn commit(store: &Store, plan: Result<Plan, Refusal>) -> Result<String, Failure> {
    let plan = plan.map_err(refused)?;
    let applied: Result<_, StoreError> = store.commit_blocking(plan.change.clone());
    plan.done(applied).map(|(_, told)| told).map_err(refused)
}

/// The user who runs this program.
fn operator() -> Author {
    let uid = nix::unistd::Uid::current();
    let user = nix::unistd::User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| uid.to_string(), |user| user.name);
    Author::Operator { name: name.chars().take(Author::NAME_MAX).collect(), uid: uid.as_raw(), address: None }
}
