//! Proving and making accounts: password hashing off the hub, and the limits before it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use ipnet::IpNet;
use tracing::warn;
use zeroize::Zeroizing;

use crate::hub::{Event, EventKind, Feed, Person};
use crate::model::{NameError, Nickname, Roles, Timestamp, Uid};
use crate::password::{self, HashError, PasswordError};
use crate::store::{Applied, Change, NewAccount, PasswordHash, Reader, Rejection, SignIn, Store, StoreError};

use super::hashing::Hashing;
use super::throttle::Throttle;

pub use super::hashing::Busy;

/// Why a password was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum NotTried {
    /// Too many wrong ones came from the address.
    #[error("too many wrong passwords")]
    TooMany,
    /// Too much to do.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The nickname breaks a rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The password breaks a rule.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Somebody has the nickname.
    #[error("this nickname is taken; {suggestion} is free")]
    Taken {
        /// A similar nickname that is free.
        suggestion: Nickname,
    },
    /// Too many accounts came from this address.
    #[error("too many accounts were made from your address; please try again later")]
    TooMany,
    /// Too much to do.
    #[error("the server is busy; please try again in a minute")]
    Busy,
    /// The store refused or failed.
    #[error("the account could not be stored")]
    Store(#[source] StoreError),
}

/// The gate to accounts, shared by the chat service and the web form.
pub struct Accounts {
    store: Store,
    started: Instant,
    hashing: Arc<Hashing>,
    exempt: ArcSwap<Vec<IpNet>>,
    sign_ins: Mutex<Throttle>,
    registrations: Mutex<Throttle>,
    lookups: Mutex<Throttle>,
    feed: Arc<Feed>,
}

impl Accounts {
    /// Spares other networks from now on.
    pub fn set_exempt(&self, exempt: Vec<IpNet>) {
        self.exempt.store(Arc::new(exempt));
    }

    /// A gate to the accounts of `store`; the limits by address spare the `exempt` networks, and `feed`
    /// is told of new accounts.
    pub fn new(store: Store, exempt: Vec<IpNet>, feed: Arc<Feed>) -> Accounts {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Accounts {
            store,
            started: Instant::now(),
            hashing: Hashing::new(cores),
            exempt: ArcSwap::from_pointee(exempt),
            sign_ins: Mutex::new(Throttle::new(20, Duration::from_secs(30))),
            registrations: Mutex::new(Throttle::new(5, Duration::from_secs(10 * 60))),
            lookups: Mutex::new(Throttle::new(60, Duration::from_secs(1))),
            feed,
        }
    }

    /// Whether `peer` may ask now which uid a nickname has.
    pub fn may_look_up(&self, peer: IpAddr) -> bool {
        self.take(&self.lookups, peer)
    }

    /// Whether `password`, which came from `peer`, is that of the account `uid`. Takes as long for an account
    /// that is not there: a user who does not exist cannot be told from a wrong password.
    pub async fn verify(
        &self,
        peer: IpAddr,
        uid: Uid,
        password: Zeroizing<Vec<u8>>,
    ) -> Result<bool, NotTried> {
        Ok(self.prove(peer, Some(uid), password, |_, _| Ok(())).await?.is_some())
    }

    /// Everything that a session of `uid` begins with, if `password` is his; as [`Accounts::verify`], also for
    /// nobody at all. What an earlier session has asked for counts, even if it is still on its way into
    /// the store.
    pub async fn sign_in(
        &self,
        peer: IpAddr,
        uid: Option<Uid>,
        password: Zeroizing<Vec<u8>>,
    ) -> Result<Option<SignIn>, NotTried> {
        let proved = self.prove(peer, uid, password, |reader, uid| reader.sign_in(uid)).await?;
        // Mostly nothing is on its way: then one errand to another thread has done for all.
        match proved.flatten() {
            Some(found) if found.as_of.is_none() => {
                self.store.commit(Change::Barrier).await.map_err(|_| Busy)?;
                let uid = found.account.uid;
                let read = self.store.read(move |reader| reader.sign_in(uid)).await;
                Ok(read.and_then(|found| found).map_err(cannot_load)?)
            }
            found => Ok(found),
        }
    }

    /// As [`Accounts::check`], as long as not too many wrong passwords came from `peer`.
    async fn prove<R: Send + 'static>(
        &self,
        peer: IpAddr,
        uid: Option<Uid>,
        password: Zeroizing<Vec<u8>>,
        then: impl FnOnce(&Reader, Uid) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<Option<R>, NotTried> {
        if !self.take(&self.sign_ins, peer) {
            return Err(NotTried::TooMany);
        }
        let checked = self.check(uid, password, then).await;
        // A right one is no guess, so that people behind one address can sign in; nor is one that nobody has
        // looked at.
        if !matches!(checked, Ok(None)) {
            Self::give_back(&self.sign_ins, peer);
        }
        Ok(checked?)
    }

    /// What `then` reads if `password` is that of `uid`, on the thread that has found that out.
    async fn check<R: Send + 'static>(
        &self,
        uid: Option<Uid>,
        password: Zeroizing<Vec<u8>>,
        then: impl FnOnce(&Reader, Uid) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<Option<R>, Busy> {
        let reader = self.store.reader();
        let checked = self.hashing.run(move |hasher| {
            let account = uid.map(|uid| reader.account(uid)).transpose().map_err(cannot_load)?.flatten();
            let Some(account) = account else {
                return hasher.dummy_verify(&password).map(|()| None).map_err(cannot_tell);
            };
            if hasher.verify(&password, account.password.as_str()).map_err(cannot_tell)? {
                then(&reader, account.uid).map(Some).map_err(cannot_load)
            } else {
                Ok(None)
            }
        });
        checked.await?
    }

    /// Hashes a password that somebody wants to have.
    pub async fn hash(&self, password: Zeroizing<Vec<u8>>) -> Result<PasswordHash, RegisterError> {
        password::check_new(&password)?;
        let hash = self
            .hashing
            .run(move |hasher| hasher.hash(&password))
            .await
            .map_err(|Busy| RegisterError::Busy)?;
        hash.map(PasswordHash::new).map_err(|_| RegisterError::Busy)
    }

    /// Makes an account for somebody at `peer`. It is durable when this returns.
    pub async fn register(
        &self,
        nickname: &[u8],
        password: Zeroizing<Vec<u8>>,
        email: Option<String>,
        peer: IpAddr,
    ) -> Result<(Uid, Nickname), RegisterError> {
        let nickname = Nickname::chosen(nickname)?;
        password::check_new(&password)?;
        let taken = self.store.read(move |reader| reader.uid_by_name(&nickname.key())).await;
        let taken = matches!(taken, Ok(Ok(Some(_))));
        if !self.take(if taken { &self.lookups } else { &self.registrations }, peer) {
            return Err(RegisterError::TooMany);
        }
        // A taken name costs no hash: the store only has to find a free one that is similar. Should the
        // name have become free, the store refuses an account without a password.
        let hash = if taken {
            PasswordHash::new(String::new())
        } else {
            // What nobody had time for is no try.
            self.hash(password).await.inspect_err(|_| Self::give_back(&self.registrations, peer))?
        };
        let account = NewAccount {
            nickname,
            password: hash,
            email,
            roles: Roles::default(),
            created: Timestamp::now(),
        };
        match self.store.commit(Change::CreateAccount(account)).await {
            Ok(Applied::Created(uid)) => {
                let event = Event::new(EventKind::Registration).by(Person { uid, nickname });
                self.feed.push(Timestamp::now(), event.saying(peer.to_canonical().to_string()));
                Ok((uid, nickname))
            }
            Ok(_) => Err(RegisterError::Busy),
            Err(StoreError::Rejected(Rejection::NicknameTaken { suggestion })) => {
                Err(RegisterError::Taken { suggestion })
            }
            Err(StoreError::Busy | StoreError::Rejected(Rejection::NoPassword)) => Err(RegisterError::Busy),
            Err(error) => Err(RegisterError::Store(error)),
        }
    }

    fn give_back(throttle: &Mutex<Throttle>, peer: IpAddr) {
        throttle.lock().unwrap_or_else(PoisonError::into_inner).give_back(peer);
    }

    fn take(&self, throttle: &Mutex<Throttle>, peer: IpAddr) -> bool {
        let address = peer.to_canonical();
        self.exempt.load().iter().any(|network| network.contains(&address))
            || throttle.lock().unwrap_or_else(PoisonError::into_inner).take(self.started.elapsed(), peer)
    }
}

fn cannot_tell(error: HashError) -> Busy {
    warn!(%error, "a sign-in has to be tried again");
    Busy
}

fn cannot_load(error: StoreError) -> Busy {
    warn!(%error, "cannot load an account");
    Busy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[tokio::test]
    async fn a_password_that_nobody_has_looked_at_is_no_guess() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let account = NewAccount {
            nickname: Nickname::from_text("Alice").unwrap(),
            password: PasswordHash::new("no hash"),
            email: None,
            roles: Roles::default(),
            created: Timestamp(0),
        };
        let made = store.commit(Change::CreateAccount(account)).await;
        let Ok(Applied::Created(uid)) = made else { panic!("{made:?}") };
        let accounts = Accounts::new(store, Vec::new(), Feed::new(1));
        let peer = IpAddr::from([192, 0, 2, 7]);
        let guess = || accounts.verify(peer, uid, Zeroizing::new(b"guess".to_vec()));
        let crowd = accounts.hashing.crowd();
        for _ in 0..100 {
            assert!(matches!(guess().await, Err(NotTried::Busy(_))));
        }
        drop(crowd);
        for _ in 0..20 {
            assert!(matches!(guess().await, Ok(false)));
        }
        assert!(matches!(guess().await, Err(NotTried::TooMany)));
    }

    #[tokio::test]
    async fn a_registration_that_nobody_had_time_for_is_no_try() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let accounts = Accounts::new(store, Vec::new(), Feed::new(1));
        let peer = IpAddr::from([192, 0, 2, 7]);
        let register = || accounts.register(b"Alice", Zeroizing::new(b"correct horse".to_vec()), None, peer);
        let crowd = accounts.hashing.crowd();
        for _ in 0..100 {
            assert!(matches!(register().await, Err(RegisterError::Busy)));
        }
        drop(crowd);
        assert!(register().await.is_ok());
    }

    #[tokio::test]
    async fn a_new_account_is_in_the_feed_with_its_address() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let feed = Feed::new(1);
        let accounts = Accounts::new(store, Vec::new(), Arc::clone(&feed));
        let password = || Zeroizing::new(b"correct horse".to_vec());
        let peer = "::ffff:192.0.2.7".parse().unwrap();
        let (uid, _) = accounts.register(b"Alice", password(), None, peer).await.unwrap();
        let again = accounts.register(b"alice", password(), None, peer).await;
        assert!(matches!(again, Err(RegisterError::Taken { .. })), "{again:?}");
        let seen = feed.since(1, 9).entries;
        let [entry] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!((entry.kind, entry.actor_uid), (EventKind::Registration, Some(uid)));
        assert_eq!((entry.actor.as_deref(), &*entry.text), (Some("Alice"), "192.0.2.7"));
    }
}
