//! Where account commands work: on the store if nobody has it, else through the daemon that has it.

use std::time::Duration;

use serde_json::Value;

use super::Global;
use super::failure::Failure;
use super::output::Output;
use super::remote::{connect, unexpected};
use super::stopped;
use super::who::Who;
use crate::config::Config;
use crate::control::accounts::{self, Plan};
use crate::control::client::{Client, ClientError};
use crate::control::wire::{
    AccountDetail, AccountOrder, AccountRow, BanTarget, Order, Refusal, RefusalCode, Reply, Request, Target,
};
use crate::model::{Author, Timestamp, Uid};
use crate::store::{Store, StoreError};

/// One of the two ways to the accounts. Who uses it need not know which.
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
        if let Some(store) = stopped::open(config, output, make)? {
            return Ok(Place::Stopped { store, author: operator() });
        }
        match connect(global) {
            Ok(client) => Ok(Place::Live(client)),
            // Somebody has the store, but nobody answers.
            Err(Failure::NoDaemon(text)) => {
                let store = config.store_path();
                let held = format!("a daemon has the store in {}, but is silent", store.display());
                Err(Failure::NoDaemon(format!("{held}: {text}")))
            }
            Err(failure) => Err(failure),
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
    pub(super) fn unban(&mut self, uid: Uid) -> Result<String, Failure> {
        match self {
            Place::Stopped { store, author } => {
                commit(store, accounts::plan_unban(&store.reader(), uid, author, Timestamp::now()))
            }
            Place::Live(client) => give(client, Order::Unban(BanTarget::User(Target::Uid(uid)))),
        }
    }
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
    let refused = |refusal| Failure::from(ClientError::Refused(refusal));
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
