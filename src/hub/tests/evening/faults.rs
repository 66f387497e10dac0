//! What goes wrong in an evening: the store takes its time, refuses changes or cannot do them; connections
//! are gone before the hub hears of it; the clock is put forward and back.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::*;
use crate::hub::contacts::Lists;
use crate::hub::doubt::{Doubt, Truth, doubts};

/// Where what was done is written down.
pub(super) type Trace = Rc<RefCell<Vec<String>>>;

/// Something the store has still to do.
enum Job {
    Write(ConnId, Change),
    /// Somebody has these lists now: what the next sign-in finds.
    Lists(Uid, Lists),
    /// What is in doubt is read, after everything before.
    Read(BTreeSet<Doubt>),
}

/// What the hub has still to hear from the store.
enum Word {
    Refused(ConnId, BTreeSet<Doubt>),
    Read(Vec<Truth>),
}

/// What may go wrong, and what has.
#[derive(Default)]
pub(super) struct Faults {
    on: bool,
    jobs: VecDeque<Job>,
    words: VecDeque<Word>,
    open: BTreeSet<Doubt>,
    asked: BTreeSet<Doubt>,
    /// Connections that are gone without the hub knowing.
    pub(super) ghosts: BTreeSet<ConnId>,
    /// The latest that the clock has shown before it was put back.
    pub(super) latest: Timestamp,
    trace: Option<Trace>,
}

impl Faults {
    /// Nothing goes wrong.
    pub(super) fn none() -> Faults {
        Faults::default()
    }

    /// Everything may; `trace` gets every command.
    pub(super) fn all(trace: Option<Trace>) -> Faults {
        Faults { on: true, trace, ..Faults::default() }
    }

    pub(super) fn are_on(&self) -> bool {
        self.on
    }

    pub(super) fn is_ghost(&self, conn: ConnId) -> bool {
        self.ghosts.contains(&conn)
    }

    pub(super) fn trace(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            trace.borrow_mut().push(what());
        }
    }

    /// Has the store read what is in doubt, unless it does so already.
    fn read_back(&mut self) {
        if self.asked.is_empty() && !self.open.is_empty() {
            self.asked.append(&mut self.open);
            self.jobs.push_back(Job::Read(self.asked.clone()));
        }
    }
}

impl Evening {
    /// A change is on its way to the store.
    pub(super) fn commit(&mut self, conn: ConnId, change: Change) {
        if !self.faults.on {
            return assert!(self.disk.commit(&change), "the store would not do this: {change:?}");
        }
        let about = doubts(&change);
        // What is being read may be older than this change.
        let stale: Vec<Doubt> = about.intersection(&self.faults.asked).copied().collect();
        self.faults.open.extend(stale);
        if self.dice.percent(8) {
            self.faults.trace(|| format!("busy: {change:?}"));
            self.note("busy");
            self.faults.words.push_back(Word::Refused(conn, about));
        } else {
            self.faults.jobs.push_back(Job::Write(conn, change));
        }
    }

    /// The store does the next thing that it has to do.
    fn work(&mut self) {
        match self.faults.jobs.pop_front() {
            Some(Job::Write(conn, change)) => {
                let taken = self.disk.commit(&change);
                self.faults.trace(|| format!("{}: {change:?}", if taken { "stored" } else { "not stored" }));
                if !taken {
                    self.note("not stored");
                    self.faults.words.push_back(Word::Refused(conn, doubts(&change)));
                }
            }
            Some(Job::Lists(uid, lists)) => {
                self.disk.lists.insert(uid, lists);
            }
            Some(Job::Read(questions)) => {
                let answers = questions.into_iter().map(|doubt| self.disk.read(doubt, self.now.wall));
                self.faults.words.push_back(Word::Read(answers.collect()));
            }
            None => {}
        }
    }

    /// The hub hears the next thing that the store has to say.
    fn hear(&mut self) {
        match self.faults.words.pop_front() {
            Some(Word::Refused(conn, about)) => {
                if self.clients.contains_key(&conn) {
                    self.vanish(conn);
                }
                self.faults.open.extend(about);
            }
            Some(Word::Read(truths)) => {
                self.faults.asked.clear();
                for truth in truths {
                    if !self.faults.open.contains(&truth.about()) {
                        self.faults.trace(|| format!("believed: {:?}", truth.about()));
                        self.note("taken back");
                        let mut effects = Effects::default();
                        let about = truth.about();
                        self.state.believe(self.now, truth, &mut effects);
                        self.perform(effects);
                        if let Doubt::Lists(uid) = about {
                            self.show_blocks(uid);
                        }
                    }
                }
            }
            None => return,
        }
        self.faults.read_back();
    }

    /// Somebody is about to sign in who has these lists in the store, after all that was asked before.
    pub(super) fn keep_lists(&mut self, uid: Uid, lists: Lists) {
        if self.faults.on {
            self.faults.jobs.push_back(Job::Lists(uid, lists));
        } else {
            self.disk.lists.insert(uid, lists);
        }
    }

    /// What somebody blocks is what his client was shown as he signed in: what the store has.
    fn show_blocks(&mut self, uid: Uid) {
        let Some(session) = self.state.session_of(uid) else { return };
        if let Some(client) = self.clients.get_mut(&session.conn) {
            client.blocks = session.blocks.iter().copied().collect();
        }
    }

    /// A connection is gone, and the hub does not know.
    fn vanish(&mut self, conn: ConnId) {
        self.faults.trace(|| format!("{}#{} is gone", conn.slot, conn.generation));
        self.clients.remove(&conn);
        self.faults.ghosts.insert(conn);
    }

    /// A connection is gone; the hub hears of it now or later.
    pub(super) fn lose(&mut self, conn: ConnId) {
        if self.faults.on && self.dice.percent(50) { self.vanish(conn) } else { self.hang_up(conn) }
    }

    /// Something that is not in anybody's hand. Returns whether that was all for now.
    pub(super) fn trouble(&mut self) -> bool {
        for _ in 0..self.dice.below(3) {
            self.work();
        }
        for _ in 0..self.dice.below(3) {
            self.hear();
        }
        let ghosts: Vec<ConnId> = self.faults.ghosts.iter().copied().collect();
        let what = self.dice.below(100);
        match (what, self.dice.pick(&ghosts).copied()) {
            (0, _) => self.shift_clock(),
            (1, _) => self.come_to_rest(),
            (2..5, _) => {
                let Some(conn) = self.anybody() else { return false };
                self.vanish(conn);
                self.note("vanished");
            }
            (5..10, Some(ghost)) => self.haunt(ghost),
            (10..20, Some(ghost)) => self.hang_up(ghost),
            // More of what the store has to keep.
            (20..30, _) => {
                let Some(conn) = self.anybody() else { return false };
                self.change_room(conn);
            }
            _ => return false,
        }
        true
    }

    /// The clock on the wall is corrected, by seconds or days.
    fn shift_clock(&mut self) {
        let most = [5, 3600, 5 * 86_400][self.dice.below(3)];
        let by = self.dice.below(most) as u64 * 1000;
        let wall = self.now.wall.0;
        self.faults.latest = self.faults.latest.max(self.now.wall);
        self.now.wall = Timestamp(if self.dice.percent(50) { wall + by } else { wall - by });
        self.faults.trace(|| format!("the clock says {:?}", self.now.wall));
        self.note("clock");
    }

    /// What somebody had asked before he was gone is done after that.
    fn haunt(&mut self, ghost: ConnId) {
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        let Some(room) = self.dice.pick(&rooms).copied() else { return };
        let command = match self.dice.below(6) {
            0 => RoomCommand::Leave,
            1 => RoomCommand::Hand(true),
            2 => RoomCommand::Message(message("hello")),
            3 => RoomCommand::SetTopic(b"Gone".to_vec()),
            4 => RoomCommand::SetAllMics(false),
            _ => RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 },
        };
        self.room(ghost, room, command);
        self.note("haunted");
    }

    /// The store gets everything done, and the hub hears of it: then both have the same.
    pub(super) fn come_to_rest(&mut self) {
        while !self.faults.jobs.is_empty() || !self.faults.words.is_empty() {
            self.work();
            self.hear();
        }
        assert!(self.faults.open.is_empty() && self.faults.asked.is_empty(), "a doubt that nobody sees to");
        self.check_disk();
        for session in self.state.connections().filter_map(|conn| self.state.session(conn)) {
            assert_eq!(session.blocks, self.disk.lists[&session.person.uid].blocks, "{:?}", session.person);
        }
    }
}
