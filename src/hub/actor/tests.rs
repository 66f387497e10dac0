//! What the task does by itself.

use std::future::poll_fn;
use std::time::Duration;

use super::*;
use crate::config::Moderation;
use crate::hub::peers::{PeerCommand, PeerRules, orders};
use crate::hub::staff::{Standing, Subject};
use crate::hub::tests::{person, world_of};
use crate::link::Taken;
use crate::model::{Author, Roles};
use crate::store::{AuditQuery, StoreOptions};

#[tokio::test]
async fn what_is_due_happens_without_a_command() {
    let mut state = world_of(&[1, 2]).with_peer_rules(PeerRules::default());
    let caller = state.session_of(person(1).uid).unwrap().conn;
    let call = Command::Peer(PeerCommand::Call { to: person(2).uid, port: 2090 });
    let now = Now { wall: Timestamp(0), uptime: Duration::ZERO };
    state.apply(now, caller, call, &mut Effects::default());
    let due = state.due().unwrap();

    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    let (mut hub, handle) = Hub::new(state, store, Arc::default(), None);
    let outbox = Outbox::new(1000);
    let last_sent = (0, Duration::ZERO);
    hub.attach(Link { conn: caller, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
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
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    let (relays, _queue) = orders::tests::queue(0);
    let (hub, handle) = Hub::new(state, store, Arc::default(), None);
    let mut hub = hub.with_relays(relays);
    let outbox = Outbox::new(1000);
    let last_sent = (0, Duration::ZERO);
    hub.attach(Link { conn: sender, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
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
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    state.sanctions.set_rules(Moderation { warnings_before_ban: Some(1), warning_ban: None });
    let (mut hub, handle) = Hub::new(state, store.clone(), Arc::default(), None);
    let outbox = Outbox::new(1000);
    let last_sent = (0, std::time::Duration::ZERO);
    hub.attach(Link { conn: gone, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
    let running = tokio::spawn(hub.run());
    let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
    let actor = Actor { author, standing: Standing::Operator };
    let act = |action: Action| {
        let (handle, actor) = (handle.clone(), actor.clone());
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
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
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
