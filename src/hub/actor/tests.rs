//! What the task does by itself.

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
        let mut state = world_of(&[1, 2]);
        state.rooms.get_mut(&ROOM).unwrap().owner = Some(person(1));
        let category = Category { id: CategoryId(30_018), name: b"Young".to_vec(), position: 0 };
        // As it is in these tests.
        let flood = Change::SetSetting { name: "antispam.flood".to_owned(), value: "off".to_owned() };
        let room = Change::PutRoom(state.rooms[&ROOM].record());
        for change in [Change::PutCategory(category), room, flood] {
            store.commit(change).await.unwrap();
        }
        let (hub, _) = Hub::new(state, store.clone(), Arc::default(), None);
        Halted { hub, store, _dir: dir }
    }

    /// Has an operator do something.
    fn order(&mut self, action: Action) -> oneshot::Receiver<Result<String, ActError>> {
        let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        let actor = Actor { author, standing: Standing::Operator };
        let (answer, answered) = oneshot::channel();
        self.hub.answer(Query::Act { actor, action, answer });
        answered
    }

    /// The same, and waits until it is durable.
    async fn act(&mut self, action: Action) -> String {
        self.order(action).await.unwrap().unwrap()
    }

    /// Keeps the store so busy that it takes nothing, until what is returned is dropped.
    async fn jam(&self) -> mpsc::Sender<()> {
        let (jam, released) = mpsc::channel();
        let (entered, began) = oneshot::channel();
        self.store.submit(Change::Barrier, move |_| {
            _ = entered.send(());
            // Ends when the sender is dropped.
            _ = released.recv();
        });
        began.await.unwrap();
        let full = Arc::new(std::sync::atomic::AtomicBool::new(false));
        while !full.load(std::sync::atomic::Ordering::Relaxed) {
            let full = Arc::clone(&full);
            self.store.submit(Change::Barrier, move |result| {
                full.fetch_or(result.is_err(), std::sync::atomic::Ordering::Relaxed);
            });
        }
        jam
    }

    /// Lets the hub hear what has become of one change, or what was read back.
    async fn hear(&mut self) {
        let word = self.hub.doubts.words.recv().await.unwrap();
        self.hub.hear(word);
    }

    /// What the guard goes by, what is held against user 1 and what the room is like, for comparison.
    fn standing(&self) -> String {
        let state = &self.hub.state;
        let (now, uid) = (Now { wall: Timestamp::now(), uptime: Duration::ZERO }, person(1).uid);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            state.sanctions.of(now.wall, uid),
            state.sanctions.bans().all(now.wall),
            state.guard.record(now, uid),
            state.guard.detectors.offences.record(uid),
            state.guard.detectors.settings,
            state.guard.slowmode(None),
            state.guard.slowmode(Some(ROOM)),
            state.maintenance(),
            state.room(ROOM).map(|room| (room.permanent, room.record(), room.bans.clone())),
        )
    }

    /// The same, and waits until what was compiled is in force.
    async fn rule(&mut self, action: Action) {
        self.act(action).await;
        let compiled = self.hub.rules_done.recv().await.unwrap();
        self.hub.rules_compiled(compiled);
    }

    /// Which obstacle refuses an instant message of user 1, if one does.
    fn refusal(&mut self, text: &str) -> Option<Obstacle> {
        let metrics = Arc::clone(&self.hub.metrics);
        let counts = || Obstacle::ALL.map(|obstacle| metrics.refused_by(obstacle));
        let before = counts();
        let conn = self.hub.state.session_of(person(1).uid).unwrap().conn;
        let text = MessageText::new(text.as_bytes()).unwrap();
        let command = Command::Directory(DirectoryCommand::InstantMessage { to: person(2).uid, text });
        self.hub.aside(|state, now, effects| state.apply(now, conn, command, effects));
        let refused = before.iter().zip(counts()).position(|(before, after)| *before != after);
        refused.map(|index| Obstacle::ALL[index])
    }
}

fn no_casino(consequence: FilterConsequence) -> Filter {
    Filter { consequence, ..Filter::new(FilterKind::Keyword, "casino") }
}

#[tokio::test]
async fn what_staff_say_about_the_guard_is_in_force_and_in_the_store() {
    let mut halted = Halted::new().await;
    let mut filter = no_casino(FilterConsequence::Delete);
    assert_eq!(halted.refusal("my casino"), None);
    halted.rule(Action::PutFilter { id: None, filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
    let kept = halted.store.reader().filters().unwrap();
    let id = kept[0].id;
    assert!(kept.len() == 1 && kept[0].filter.active);
    filter.active = false;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), None);
    filter.active = true;
    halted.rule(Action::PutFilter { id: Some(id), filter: Box::new(filter.clone()) }).await;
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
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
    assert_eq!(halted.refusal("see www.example.com"), Some(Obstacle::Detector));
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
    assert_eq!(halted.refusal("two"), Some(Obstacle::Slowmode));
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
    assert_eq!(halted.refusal("my casino"), Some(Obstacle::Filter));
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

#[tokio::test]
async fn what_the_store_does_not_take_is_taken_back_before_the_desk_is_answered() {
    let mut halted = Halted::new().await;
    let user = Subject { person: person(1), roles: Roles::default() };
    let network = BanWhom::Network("192.0.2.0/24".parse().unwrap());
    let why = || "why".to_owned();
    let mute = |kind| Action::Mute { user, kind, time: None, reason: why() };
    let ban = |whom| Action::Ban { whom, time: None, reason: why() };
    let antispam = |value: &str| Action::Antispam {
        name: "links.per_message".to_owned(),
        value: Some(value.to_owned()),
    };
    let slow = |room, seconds| Action::Slowmode { room, seconds, reason: why() };
    let lock = |word: Option<&str>| Action::LockRoom {
        room: ROOM,
        lockword: word.map(|word| word.as_bytes().to_vec()),
        reason: why(),
    };
    let maintenance = |on| Action::Maintenance { on, message: String::new() };
    // Each against nothing, and against what the one before it has brought.
    for (action, then) in [
        (antispam("7"), antispam("9")),
        (slow(None, 7), slow(None, 0)),
        (slow(Some(ROOM), 7), slow(Some(ROOM), 9)),
        (lock(Some("sesame")), lock(None)),
        (maintenance(true), maintenance(false)),
        (Action::Exempt { user, on: true }, Action::ClearStrikes { user, reason: why() }),
        (Action::Warn { user, reason: why() }, Action::ClearWarnings(user)),
        (mute(MuteKind::Text), Action::Unmute { user, kind: MuteKind::Text, reason: why() }),
        (mute(MuteKind::Media), Action::Unmute { user, kind: MuteKind::Media, reason: why() }),
        (ban(network.clone()), Action::Unban { whom: network, reason: why() }),
        (ban(BanWhom::User(user)), Action::Unban { whom: BanWhom::User(user), reason: why() }),
        (Action::DeleteRoom { room: ROOM, reason: why() }, slow(None, 0)),
    ] {
        for action in [action, then] {
            let before = halted.standing();
            let jam = halted.jam().await;
            let mut answered = halted.order(action.clone());
            halted.hear().await;
            assert!(answered.try_recv().is_err(), "not before it is taken back: {action:?}");
            drop(jam);
            halted.hear().await;
            let busy = "The server is busy. Please try again in a moment.".to_owned();
            assert_eq!(answered.await.unwrap(), Err(ActError::Busy(busy)), "{action:?}");
            assert_eq!(halted.standing(), before, "{action:?}");
            halted.hub.state.check_invariants().unwrap();
            if !matches!(action, Action::DeleteRoom { .. }) {
                halted.act(action.clone()).await;
            }
        }
    }
    assert!(halted.hub.state.session_of(person(1).uid).is_none(), "who was put off stays so");
    assert!(halted.hub.state.session_of(person(2).uid).is_some());
}

#[tokio::test]
async fn what_is_read_back_never_takes_the_place_of_what_was_done_since() {
    let mut halted = Halted::new().await;
    let slow = |seconds| Action::Slowmode { room: None, seconds, reason: String::new() };
    let jam = halted.jam().await;
    let mut answered = halted.order(slow(5));
    halted.hear().await;
    drop(jam);
    // The old value is being read, perhaps has been, while a new one is set.
    let read = halted.hub.doubts.words.recv().await.unwrap();
    halted.act(slow(7)).await;
    halted.hub.hear(read);
    assert!(answered.try_recv().is_err(), "it is read once more");
    halted.hear().await;
    assert!(answered.await.unwrap().is_err());
    assert_eq!(halted.hub.state.guard.slowmode(None).seconds(), 7);
}

#[tokio::test]
async fn what_an_owner_changes_and_the_store_does_not_take_is_taken_back() {
    let mut halted = Halted::new().await;
    let conn = halted.hub.state.session_of(person(1).uid).unwrap().conn;
    let outbox = Outbox::new(1000);
    let last_sent = (0, Duration::ZERO);
    halted.hub.attach(Link { conn, dialect: Dialect::V50, outbox: Arc::clone(&outbox), last_sent });
    let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 };
    let slow = RoomCommand::Message(MessageText::new(b"/slowmode 30").unwrap());
    let topic = RoomCommand::SetTopic(b"Nobody reads this for long".to_vec());
    halted.hub.aside(|state, now, effects| state.apply(now, conn, Command::Room(ROOM, join), effects));
    let before = halted.standing();
    let jam = halted.jam().await;
    for command in [slow, topic] {
        halted.hub.aside(|state, now, effects| state.apply(now, conn, Command::Room(ROOM, command), effects));
        halted.hear().await;
    }
    assert_ne!(halted.standing(), before);
    assert_eq!(outbox.closing(), Some(CloseReason::StoreBusy));
    drop(jam);
    // The second change came when the room was being read already.
    halted.hear().await;
    halted.hear().await;
    assert_eq!(halted.standing(), before);
    halted.hub.state.check_invariants().unwrap();
}

#[tokio::test]
async fn a_newer_session_does_not_keep_what_the_store_refused_the_older() {
    let mut halted = Halted::new().await;
    let (uid, other) = (person(1).uid, person(2).uid);
    let older = halted.hub.state.session_of(uid).unwrap().conn;
    let add = DirectoryCommand::AddPal { pal: person(2), current: Vec::new() };
    halted.hub.aside(|state, now, effects| state.apply(now, older, Command::Directory(add), effects));
    halted.store.commit(Change::Barrier).await.unwrap();
    let jam = halted.jam().await;
    for command in [
        DirectoryCommand::RemovePal(other),
        DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() },
        DirectoryCommand::SetPrivacy(Privacy::Pals),
    ] {
        halted.hub.aside(|state, now, effects| state.apply(now, older, Command::Directory(command), effects));
        halted.hear().await;
    }
    // He comes back before the older session is gone; what he is shown is what the store has.
    let newer = ConnId { slot: 7, generation: 7 };
    let back = sign_in(1, &[2]);
    halted.hub.aside(|state, now, effects| state.apply(now, newer, Command::SignIn(Box::new(back)), effects));
    let taken_over = halted.hub.state.session(newer).unwrap();
    assert!(taken_over.blocks_user(other) && !taken_over.has_pal(other));
    drop(jam);
    // The later changes came when the lists were being read already.
    halted.hear().await;
    halted.hear().await;
    let session = halted.hub.state.session(newer).unwrap();
    assert_eq!(
        (&session.blocks[..], &session.pals[..], session.privacy),
        (&[][..], &[other][..], Privacy::All)
    );
    halted.hub.state.check_invariants().unwrap();
    // What it changes itself, and the store takes, stays.
    let block = DirectoryCommand::Block { target: person(2), staff: false, current: Vec::new() };
    halted.hub.aside(|state, now, effects| state.apply(now, newer, Command::Directory(block), effects));
    halted.store.commit(Change::Barrier).await.unwrap();
    assert!(halted.hub.state.session(newer).unwrap().blocks_user(other));
    assert_eq!(Lists::read(&halted.store.reader(), uid).unwrap().unwrap().blocks, [other]);
}

#[tokio::test]
async fn what_is_kept_while_somebody_signs_in_reaches_him() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    let account = |number| NewAccount {
        nickname: person(number).nickname,
        password: PasswordHash::new("$argon2id$"),
        email: None,
        roles: Roles::default(),
        created: Timestamp(0),
    };
    let Ok(Applied::Created(uid)) = store.commit(Change::CreateAccount(account(1))).await else { panic!() };
    let nothing_waits = store.reader().sign_in(uid).unwrap().unwrap().as_of;
    assert!(nothing_waits.is_some_and(|as_of| store.is_as_of(as_of)));
    let text = MessageText::new(b"are you there?").unwrap();
    let kept = Change::StoreOffline { from: uid, to: uid, at: Timestamp(1), text };
    assert!(store.commit(kept).await.is_ok());

    let (hub, handle) = Hub::new(world_of(&[]), store, Arc::default(), None);
    let running = tokio::spawn(hub.run());
    let outbox = Outbox::new(10_000);
    let conn = ConnId { slot: 1, generation: 1 };
    let sign_in = SignIn { person: Person { uid, ..person(1) }, nothing_waits, ..sign_in(1, &[]) };
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
