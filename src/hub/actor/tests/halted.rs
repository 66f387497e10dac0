//! A hub that goes on when it is told to.

use super::*;

/// A hub between two turns, with a store that has the accounts of users 1 and 2, who are signed in.
pub(super) struct Halted {
    pub(super) hub: Hub,
    pub(super) store: Store,
    _dir: tempfile::TempDir,
}

impl Halted {
    pub(super) async fn new() -> Halted {
        let (dir, store) = empty_store();
        // The first account has the number before theirs.
        for number in 0..=2 {
            let made = store.commit(Change::CreateAccount(account(number))).await;
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

    /// The connection of user 1.
    pub(super) fn conn(&self) -> ConnId {
        self.hub.state.session_of(person(1).uid).unwrap().conn
    }

    /// Runs a command as if it had come in.
    pub(super) fn apply(&mut self, conn: ConnId, command: Command) {
        self.hub.aside(|state, now, effects| state.apply(now, conn, command, effects));
    }

    /// Has an operator do something.
    pub(super) fn order(&mut self, action: Action) -> oneshot::Receiver<Result<String, ActError>> {
        let (answer, answered) = oneshot::channel();
        self.hub.answer(Query::Act { actor: operator(), action, answer });
        answered
    }

    /// The same, and waits until it is durable.
    pub(super) async fn act(&mut self, action: Action) -> String {
        self.order(action).await.unwrap().unwrap()
    }

    /// Keeps the store so busy that it takes nothing, until what is returned is dropped.
    pub(super) async fn jam(&self) -> mpsc::Sender<()> {
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
    pub(super) async fn hear(&mut self) {
        let word = self.hub.doubts.words.recv().await.unwrap();
        self.hub.hear(word);
    }

    /// What the guard goes by, what is held against user 1 and what the room is like, for comparison.
    pub(super) fn standing(&self) -> String {
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
    pub(super) async fn rule(&mut self, action: Action) {
        self.act(action).await;
        let compiled = self.hub.rules_done.recv().await.unwrap();
        self.hub.rules_compiled(compiled);
    }

    /// Which obstacle refuses an instant message of user 1, if one does.
    pub(super) fn refusal(&mut self, text: &str) -> Option<Obstacle> {
        let metrics = Arc::clone(&self.hub.metrics);
        let counts = || Obstacle::ALL.map(|obstacle| metrics.refused_by(obstacle));
        let before = counts();
        let text = MessageText::new(text.as_bytes()).unwrap();
        let command = Command::Directory(DirectoryCommand::InstantMessage { to: person(2).uid, text });
        self.apply(self.conn(), command);
        let refused = before.iter().zip(counts()).position(|(before, after)| *before != after);
        refused.map(|index| Obstacle::ALL[index])
    }
}
