//! What the task does by itself.

mod halted;
mod in_force;
mod taken_back;

use std::future::poll_fn;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::config::Moderation;
use crate::hub::contacts::Lists;
use crate::hub::peers::{PeerCommand, PeerRules, orders};
use crate::hub::staff::{ActError, Action, Actor, BanWhom, Standing, Subject};
use crate::hub::tests::{ROOM, person, sign_in, world_of};
use crate::hub::{DirectoryCommand, Person, RoomCommand, SignIn};
use crate::link::Taken;
use crate::model::{Author, CategoryId, CloseReason, MessageText, Obstacle, Privacy, Roles};
use crate::store::{
    Applied, AuditQuery, Ban, BanTarget, Category, Change, Filter, FilterConsequence, FilterKind, LinkKind,
    MuteKind, NewAccount, PasswordHash, StoreOptions,
};

use halted::Halted;

/// A store that has nothing in it yet.
fn empty_store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    (dir, store)
}

/// Gives a connection an outbox, as a sign-in does.
fn attach(hub: &mut Hub, conn: ConnId) -> Arc<Outbox> {
    let outbox = Outbox::new(1000);
    let last_sent = (0, Duration::ZERO);
    hub.attach(Link { conn, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
    outbox
}

fn operator() -> Actor {
    let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
    Actor { author, standing: Standing::Operator }
}

fn account(number: u32) -> NewAccount {
    NewAccount {
        nickname: person(number).nickname,
        password: PasswordHash::new("no hash"),
        email: None,
        roles: Roles::default(),
        created: Timestamp(0),
    }
}

#[tokio::test]
async fn what_is_due_happens_without_a_command() {
    let mut state = world_of(&[1, 2]).with_peer_rules(PeerRules::default());
    let caller = state.session_of(person(1).uid).unwrap().conn;
    let call = Command::Peer(PeerCommand::Call { to: person(2).uid, port: 2090 });
    let now = Now { wall: Timestamp(0), uptime: Duration::ZERO };
    state.apply(now, caller, call, &mut Effects::default());
    let due = state.due().unwrap();

    let (_dir, store) = empty_store();
    let (mut hub, handle) = Hub::new(state, store, Arc::default(), None);
    let outbox = attach(&mut hub, caller);
    // A moment is left.
    hub.started = Instant::now().checked_sub(due.saturating_sub(Duration::from_millis(20))).unwrap();
    let running = tokio::spawn(hub.run());
    let Taken::Bytes(bytes) = poll_fn(|context| outbox.poll_take(context)).await else { panic!() };
    assert_eq!(bytes.first_chunk(), Some(&[0x01, 0xc0]), "the call was not taken");
    drop(handle);
    running.await.unwrap();
}

#[tokio::test]
async fn a_file_for_which_there_is_no_place_is_refused_at_once() {
    let state = world_of(&[1, 2]);
    let [sender, receiver] = [1, 2].map(|number| state.session_of(person(number).uid).unwrap().conn);
    let (_dir, store) = empty_store();
    let (relays, _queue) = orders::tests::queue(0);
    let (hub, handle) = Hub::new(state, store, Arc::default(), None);
    let mut hub = hub.with_relays(relays);
    let outbox = attach(&mut hub, sender);
    let running = tokio::spawn(hub.run());
    let offer = PeerCommand::OfferFile { to: person(2).uid, name: None };
    let accept = PeerCommand::AcceptFile { from: person(1).uid, port: 2090 };
    for (conn, command) in [(sender, offer), (receiver, accept)] {
        handle.send(Envelope { conn, command: Command::Peer(command), outbox: None }).await;
    }
    let Taken::Bytes(bytes) = poll_fn(|context| outbox.poll_take(context)).await else { panic!() };
    assert_eq!(bytes.first_chunk(), Some(&[0x01, 0xbb]), "the file was not taken");
    drop(handle);
    running.await.unwrap();
}

#[tokio::test]
async fn the_desk_is_answered_when_what_it_asked_for_is_durable() {
    let mut state = world_of(&[1, 2]);
    let target = Subject { person: person(1), roles: Roles::default() };
    let gone = state.session_of(person(1).uid).unwrap().conn;
    let (_dir, store) = empty_store();
    state.sanctions.set_rules(Moderation { warnings_before_ban: Some(1), warning_ban: None });
    let (mut hub, handle) = Hub::new(state, store.clone(), Arc::default(), None);
    let outbox = attach(&mut hub, gone);
    let running = tokio::spawn(hub.run());
    let act = |action: Action| {
        let (handle, actor) = (handle.clone(), operator());
        async move { handle.ask(|answer| Query::Act { actor, action, answer }).await.unwrap() }
    };
    let actions = || {
        let page = store.reader().audit(&AuditQuery::default()).unwrap();
        page.records.into_iter().map(|record| record.entry.action).collect::<Vec<_>>()
    };
    let done = act(Action::Kick { user: target, reason: "loud".to_owned() }).await.unwrap();
    assert!(done.starts_with("kicked User1"), "{done}");
    assert_eq!(actions(), ["kick"]);
    assert_eq!(outbox.closing(), Some(CloseReason::Kicked));
    let again = act(Action::Kick { user: target, reason: String::new() }).await;
    assert!(matches!(again, Err(ActError::NotFound(_))));
    // The account is not in this store: neither the warning nor the ban that it brings is done.
    let warned = act(Action::Warn { user: target, reason: "x".to_owned() }).await;
    assert_eq!(warned, Err(ActError::Busy("There is no such user.".to_owned())));
    assert_eq!(actions(), ["kick"]);
    drop(handle);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_runs_the_place_is_answered_while_the_inbox_is_full() {
    let (_dir, store) = empty_store();
    let (hub, handle) = Hub::new(world_of(&[1, 2]), store, Arc::default(), None);
    let conn = ConnId { slot: 9, generation: 9 };
    let envelope = move || Envelope { conn, command: Command::Disconnect, outbox: None };
    while handle.try_send(envelope()).is_ok() {}
    assert_eq!(handle.queue_len(), INBOX);
    // They go on until the answers have come, and would go on for ever.
    let flood = Vec::from([(); 4].map(|()| {
        let handle = handle.clone();
        tokio::spawn(async move {
            loop {
                handle.send(envelope()).await;
            }
        })
    }));
    let running = tokio::spawn(hub.run());
    for _ in 0..20 {
        assert_eq!(handle.ask(Query::Population).await.unwrap().online, 2);
        assert_eq!(handle.ask(Query::Rooms).await.unwrap().len(), world_of(&[1, 2]).room_rows().len());
    }
    assert!(flood.iter().all(|task| !task.is_finished()));
    flood.iter().for_each(|task| task.abort());
    drop(handle);
    for task in flood {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    running.await.unwrap();
}

#[tokio::test]
async fn what_has_run_out_is_forgotten_on_demand() {
    let mut halted = Halted::new().await;
    let now = Timestamp::now();
    let ban = |number: u32, until| Ban {
        target: BanTarget::Account(person(number).uid),
        nickname: None,
        until: Some(until),
        reason: String::new(),
        by: Author::System,
        at: Timestamp(1),
    };
    let bans = [ban(1, Timestamp(2)), ban(2, now.after(Duration::from_secs(3600)))];
    halted.hub.state.sanctions.load([], bans, []);
    // As of then the first held.
    assert_eq!(halted.hub.state.sanctions.bans().all(Timestamp(1)).len(), 2);
    let (done, answered) = oneshot::channel();
    halted.hub.answer(Query::ForgetExpired(done));
    answered.await.unwrap();
    assert_eq!(halted.hub.state.sanctions.bans().all(Timestamp(1)).len(), 1);
}

#[tokio::test]
async fn what_is_kept_while_somebody_signs_in_reaches_him() {
    let (_dir, store) = empty_store();
    let Ok(Applied::Created(uid)) = store.commit(Change::CreateAccount(account(1))).await else { panic!() };
    let nothing_as_of = store.reader().sign_in(uid).unwrap().unwrap().as_of;
    assert!(nothing_as_of.is_some_and(|as_of| store.is_as_of(as_of)));
    let text = MessageText::new(b"are you there?").unwrap();
    let kept = Change::StoreOffline { from: uid, to: uid, at: Timestamp(1), text };
    assert!(store.commit(kept).await.is_ok());

    let (hub, handle) = Hub::new(world_of(&[]), store, Arc::default(), None);
    let running = tokio::spawn(hub.run());
    let outbox = Outbox::new(10_000);
    let conn = ConnId { slot: 1, generation: 1 };
    let sign_in = SignIn { person: Person { uid, ..person(1) }, nothing_as_of, ..sign_in(1, &[]) };
    let command = Command::SignIn(Box::new(sign_in));
    handle.send(Envelope { conn, command, outbox: Some(Arc::clone(&outbox)) }).await;
    let mut told = Vec::new();
    while !told.windows(14).any(|bytes| bytes == b"are you there?") {
        let Taken::Bytes(bytes) = poll_fn(|context| outbox.poll_take(context)).await else { panic!() };
        told.extend(bytes);
    }
    drop(handle);
    running.await.unwrap();
}
