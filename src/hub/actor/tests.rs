//! What the task does by itself.

use std::future::poll_fn;
use std::time::Duration;

use super::*;
use crate::config::Moderation;
use crate::hub::peers::{PeerCommand, PeerRules, orders};
use crate::hub::staff::{Standing, Subject};
use crate::hub::tests::{person, world_of};
use crate::link::Taken;
use crate::model::{self, Author, MessageText, Roles};
use crate::store::{
    AuditQuery, Ban, BanTarget, Filter, FilterAction, FilterConsequence, FilterKind, FilterList, LinkKind,
    MuteKind, NewAccount, PasswordHash, StoreOptions,
};

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

/// A hub between two turns, with a store that has the accounts of users 1 and 2, who are signed in.
struct Halted {
    hub: Hub,
    store: Store,
    _dir: tempfile::TempDir,
}

impl Halted {
    async fn new() -> Halted {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        // The first account has the number before theirs.
        for number in 0..=2 {
            let account = NewAccount {
                nickname: person(number).nickname,
                password: PasswordHash::new("no hash"),
                email: None,
                roles: Roles::default(),
                created: Timestamp(0),
            };
            let made = store.commit(Change::CreateAccount(account)).await;
            assert_eq!(made, Ok(Applied::Created(person(number).uid)));
        }
        let (hub, _) = Hub::new(world_of(&[1, 2]), store.clone(), Arc::default(), None);
        Halted { hub, store, _dir: dir }
    }

    /// Has an operator do something, and waits until it is durable.
    async fn act(&mut self, action: Action) -> String {
        let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        let actor = Actor { author, standing: Standing::Operator };
        let (answer, answered) = oneshot::channel();
        self.hub.answer(Query::Act { actor, action, answer });
        answered.await.unwrap().unwrap()
    }

    /// The same, and waits until what was compiled is in force.
    async fn rule(&mut self, action: Action) {
        self.act(action).await;
        let compiled = self.hub.rules_done.recv().await.unwrap();
        self.hub.rules_compiled(compiled);
    }

    /// Which link of the guard refuses an instant message of user 1, if one does.
    fn refusal(&mut self, text: &str) -> Option<model::Link> {
        let metrics = Arc::clone(&self.hub.metrics);
        let counts = || model::Link::ALL.map(|link| metrics.refused_by(link));
        let before = counts();
        let conn = self.hub.state.session_of(person(1).uid).unwrap().conn;
        let text = MessageText::new(text.as_bytes()).unwrap();
        let command = Command::Directory(DirectoryCommand::InstantMessage { to: person(2).uid, text });
        self.hub.aside(|state, now, effects| state.apply(now, conn, command, effects));
        let refused = before.iter().zip(counts()).position(|(before, after)| *before != after);
        refused.map(|index| model::Link::ALL[index])
    }
}

fn no_casino(consequence: FilterConsequence) -> Filter {
    Filter {
        kind: FilterKind::Keyword,
        text: "casino".to_owned(),
        action: FilterAction::Block,
        severity: 5,
        consequence,
        list: FilterList::Content,
        active: true,
        notes: String::new(),
        by: Author::System,
        at: Timestamp(0),
    }
}

#[tokio::test]
async fn what_staff_say_about_the_guard_is_in_force_and_in_the_store() {
    let mut halted = Halted::new().await;
    let mut filter = no_casino(FilterConsequence::Delete);
    assert_eq!(halted.refusal("my casino"), None);
    halted.rule(Action::PutFilter { id: None, filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(model::Link::Filter));
    let kept = halted.store.reader().filters().unwrap();
    let id = kept[0].id;
    assert!(kept.len() == 1 && kept[0].filter.active);
    filter.active = false;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), None);
    filter.active = true;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(model::Link::Filter));
    halted.rule(Action::DeleteFilter { id, text: filter.text.clone() }).await;
    assert_eq!(halted.refusal("my casino"), None);
    assert!(halted.store.reader().filters().unwrap().is_empty());

    // Two changes before the first is compiled: the newest of what was compiled counts.
    halted.act(Action::PutFilter { id: None, filter: Box::new(filter.clone()) }).await;
    let id = halted.store.reader().filters().unwrap()[0].id;
    halted.act(Action::DeleteFilter { id, text: filter.text }).await;
    for _ in 0..2 {
        let compiled = halted.hub.rules_done.recv().await.unwrap();
        halted.hub.rules_compiled(compiled);
    }
    assert_eq!(halted.refusal("my casino"), None);

    let set = |value: Option<&str>| Action::Antispam {
        name: "links.per_message".to_owned(),
        value: value.map(str::to_owned),
    };
    halted.act(set(Some("0"))).await;
    let link = |allow| Action::Link { kind: LinkKind::Domain, text: "example.com".to_owned(), allow };
    halted.rule(link(true)).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    assert_eq!(halted.store.reader().links().unwrap().len(), 1);
    halted.rule(link(false)).await;
    assert!(halted.store.reader().links().unwrap().is_empty());
    let user = Subject { person: person(1), roles: Roles::default() };
    halted.act(Action::Exempt { user, on: true }).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    // Cleared strikes do not end it, neither here nor in the store.
    halted.act(Action::ClearStrikes { user, reason: String::new() }).await;
    assert_eq!(halted.refusal("see www.example.com"), None);
    let exempt = |halted: &Halted| halted.store.reader().offences_after(None, 9).unwrap()[0].1.exempt;
    assert!(exempt(&halted));
    halted.act(Action::Exempt { user, on: false }).await;
    assert!(!exempt(&halted));
    assert_eq!(halted.refusal("see www.example.com"), Some(model::Link::Detector));
    halted.act(Action::Unmute { user, kind: MuteKind::Text, reason: String::new() }).await;
    halted.act(set(None)).await;
    assert_eq!(halted.refusal("see www.example.com"), None);

    let slowmode = |seconds| Action::Slowmode { room: None, seconds, reason: String::new() };
    let kept = |halted: &Halted| {
        let settings = halted.store.reader().settings().unwrap();
        settings.into_iter().find(|(name, _)| name == "slowmode").map(|(_, value)| value)
    };
    halted.act(slowmode(3600)).await;
    assert_eq!((halted.refusal("one"), kept(&halted).as_deref()), (None, Some("3600")));
    assert_eq!(halted.refusal("two"), Some(model::Link::Slowmode));
    halted.act(slowmode(0)).await;
    assert_eq!((halted.refusal("three"), kept(&halted)), (None, None));
}

#[tokio::test]
async fn a_filter_can_ban_and_the_session_ends() {
    let mut halted = Halted::new().await;
    let conn = halted.hub.state.session_of(person(1).uid).unwrap().conn;
    let outbox = Outbox::new(1000);
    let last_sent = (0, Duration::ZERO);
    halted.hub.attach(Link { conn, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
    let filter = no_casino(FilterConsequence::Ban { seconds: Some(60) });
    halted.rule(Action::PutFilter { id: None, filter: Box::new(filter) }).await;
    assert_eq!(halted.refusal("my casino"), Some(model::Link::Filter));
    assert!(halted.hub.state.session(conn).is_none());
    assert_eq!(outbox.closing(), Some(CloseReason::Banned));
    halted.store.commit(Change::Barrier).await.unwrap();
    let kept = halted.store.reader().sanctions(person(1).uid).unwrap();
    assert!(kept.ban.is_some_and(|ban| ban.by == Author::System && ban.until.is_some()));
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
