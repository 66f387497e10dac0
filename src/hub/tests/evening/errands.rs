//! What goes to the store and comes back from it, each in its time.

use std::collections::VecDeque;

use super::orders::Order;
use super::*;
use crate::hub::contacts::Lists;
use crate::hub::doubt::{Doubt, Truth, doubts};
use crate::hub::lookup::{Finding, Known, Lookup, Question};
use crate::store::OfflineMessage;

/// Something the store has still to do.
enum Job {
    Write(ConnId, Change),
    /// A change for which nobody waits.
    Keep(Change),
    /// Somebody wants to sign in: what he has is read, after everything before.
    Arrive(u32),
    /// What waits for somebody who has signed in.
    Mail(ConnId, Uid),
    /// What is in doubt is read, after everything before.
    Read(BTreeSet<Doubt>),
    /// A command needs this.
    Ask(Lookup, Option<Order>),
}

/// What the hub has still to hear from the store, or a client.
enum Word {
    Refused(ConnId, BTreeSet<Doubt>),
    /// A message is not kept.
    NotKept(ConnId),
    Arrive(u32, Lists),
    Mail(ConnId, Vec<OfflineMessage>),
    Read(Vec<Truth>),
    Found(Lookup, Finding, Option<Order>),
}

/// All that is on its way.
#[derive(Default)]
pub(super) struct Errands {
    jobs: VecDeque<Job>,
    words: VecDeque<Word>,
    open: BTreeSet<Doubt>,
    asked: BTreeSet<Doubt>,
    /// Questions of commands, of which one is asked at a time, with what was ordered.
    questions: VecDeque<(Lookup, Option<Order>)>,
    looking: bool,
    /// Whether a command is run again whose question was answered, and whether it has asked once more.
    resuming: bool,
    asked_again: bool,
}

impl Errands {
    /// Whether the last command waits for the store now; then `order` waits with it.
    pub(super) fn defer(&mut self, order: &Order) -> bool {
        if std::mem::take(&mut self.asked_again) {
            let waiting = if self.resuming { self.questions.front_mut() } else { self.questions.back_mut() };
            waiting.unwrap().1 = Some(order.clone());
            return true;
        }
        false
    }

    pub(super) fn forget_asked(&mut self) {
        self.asked_again = false;
    }

    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.words.is_empty()
    }

    /// Has the store read what is in doubt, unless it does so already.
    fn read_back(&mut self) {
        if self.asked.is_empty() && !self.open.is_empty() {
            self.asked.append(&mut self.open);
            self.jobs.push_back(Job::Read(self.asked.clone()));
        }
    }

    fn look_up(&mut self) {
        if !self.looking
            && let Some((lookup, order)) = self.questions.pop_front()
        {
            self.looking = true;
            self.jobs.push_back(Job::Ask(lookup, order));
        }
    }
}

impl Evening {
    /// A change is on its way to the store.
    pub(super) fn commit(&mut self, conn: ConnId, change: Change) {
        if let Change::StoreOffline { from, to, text, .. } = &change {
            self.letters.posted(*from, *to, text.as_bytes());
        }
        let about = doubts(&change);
        // What is being read may be older than this change.
        let stale: Vec<Doubt> = about.intersection(&self.errands.asked).copied().collect();
        self.errands.open.extend(stale);
        if self.faults.are_on() && self.dice.percent(8) {
            self.faults.trace(|| format!("busy: {change:?}"));
            self.note("busy");
            self.errands.words.push_back(refusal(conn, &change));
        } else {
            self.errands.jobs.push_back(Job::Write(conn, change));
        }
    }

    pub(super) fn keep(&mut self, change: Change) {
        self.errands.jobs.push_back(Job::Keep(change));
    }

    pub(super) fn arrive(&mut self, number: u32) {
        self.errands.jobs.push_back(Job::Arrive(number));
    }

    pub(super) fn fetch_mail(&mut self, conn: ConnId, uid: Uid) {
        self.errands.jobs.push_back(Job::Mail(conn, uid));
    }

    pub(super) fn question(&mut self, lookup: Lookup) {
        self.note("looked up");
        let errands = &mut self.errands;
        errands.asked_again = true;
        match errands.resuming {
            true => errands.questions.push_front((lookup, None)),
            false => errands.questions.push_back((lookup, None)),
        }
    }

    /// The store does the next thing that it has to do.
    pub(super) fn work(&mut self) {
        self.errands.look_up();
        let word = match self.errands.jobs.pop_front() {
            Some(Job::Write(conn, change)) => {
                let taken = self.disk.commit(&change);
                self.faults.trace(|| format!("{}: {change:?}", if taken { "stored" } else { "not stored" }));
                if taken {
                    return;
                }
                let mail = matches!(change, Change::StoreOffline { .. });
                assert!(mail || self.faults.are_on(), "the store would not do this: {change:?}");
                self.note("not stored");
                refusal(conn, &change)
            }
            Some(Job::Keep(change)) => return assert!(self.disk.commit(&change)),
            Some(Job::Arrive(number)) => Word::Arrive(number, self.disk.lists[&person(number).uid].clone()),
            Some(Job::Mail(conn, uid)) => {
                Word::Mail(conn, self.disk.mail.get(&uid).cloned().unwrap_or_default())
            }
            Some(Job::Read(questions)) => {
                let answers = questions.into_iter().map(|doubt| self.disk.read(doubt, self.now.wall));
                Word::Read(answers.collect())
            }
            Some(Job::Ask(lookup, order)) => {
                let failed = self.faults.are_on() && self.dice.percent(5);
                let finding = match &lookup.question {
                    Question::Turn => Finding::Turn,
                    _ if failed => Finding::Failed,
                    Question::Uid(uid) => Finding::Account(self.known(*uid)),
                    Question::Account(name) => {
                        let mut everybody = (0..self.people).map(person);
                        let found = everybody.find(|person| person.nickname.key() == name.key());
                        Finding::Account(found.and_then(|person| self.known(person.uid)))
                    }
                    other => panic!("nobody asks {other:?}"),
                };
                Word::Found(lookup, finding, order)
            }
            None => return,
        };
        self.errands.words.push_back(word);
    }

    fn known(&self, uid: Uid) -> Option<Box<Known>> {
        let number = uid.0.checked_sub(person(0).uid.0).filter(|number| *number < self.people)?;
        let sanctions = self.disk.accounts.get(&uid).cloned().unwrap_or_default();
        Some(Box::new(Known { subject: subject(number), created: Timestamp(0), sanctions }))
    }

    /// The next thing is heard that was to be.
    pub(super) fn hear(&mut self) {
        match self.errands.words.pop_front() {
            Some(Word::Refused(conn, about)) => {
                if self.clients.contains_key(&conn) {
                    self.vanish(conn);
                }
                self.errands.open.extend(about);
            }
            Some(Word::NotKept(conn)) => {
                if let Some(client) = self.clients.get_mut(&conn) {
                    client.told.push("This user's mailbox is full.".to_owned());
                    self.note("letter not kept");
                }
            }
            Some(Word::Arrive(number, lists)) => self.sign_in(number, lists),
            Some(Word::Mail(conn, messages)) => self.deliver(conn, &messages),
            Some(Word::Found(lookup, finding, order)) => {
                self.errands.looking = false;
                self.errands.resuming = true;
                self.resume(lookup, finding, order);
                self.errands.resuming = false;
            }
            Some(Word::Read(truths)) => {
                self.errands.asked.clear();
                for truth in truths {
                    if !self.errands.open.contains(&truth.about()) {
                        self.believe(truth);
                    }
                }
            }
            None => return,
        }
        self.errands.read_back();
    }

    fn believe(&mut self, truth: Truth) {
        self.faults.trace(|| format!("believed: {truth:?}"));
        self.note("taken back");
        let about = truth.about();
        let before = (self.ledger.mutes.len(), self.ledger.bans.len());
        self.ledger.believe(self.now, &truth);
        if self.ledger.mutes.len() < before.0 {
            self.note("mute taken back");
        }
        if self.ledger.bans.len() < before.1 {
            self.note("ban taken back");
        }
        let mut effects = Effects::default();
        self.state.believe(self.now, truth, &mut effects);
        self.perform(effects);
        if let Doubt::Lists(uid) = about {
            self.show_lists(uid);
        }
    }

    /// Everything gets done that was asked for, and the hub hears of it.
    pub(super) fn settle(&mut self) {
        loop {
            self.errands.look_up();
            if self.errands.is_idle() {
                return;
            }
            self.work();
            self.hear();
        }
    }

    /// The store gets everything done, and the hub hears of it: then both have the same.
    pub(super) fn come_to_rest(&mut self) {
        self.settle();
        let Errands { open, asked, questions, .. } = &self.errands;
        assert!(open.is_empty() && asked.is_empty(), "a doubt that nobody sees to");
        assert!(questions.is_empty(), "a question that nobody has asked");
        self.check_disk();
        self.ledger.must_be(&Ledger::of(self.now, &self.disk));
        for session in self.state.sessions() {
            let lists = &self.disk.lists[&session.person.uid];
            let Lists { privacy, pals, blocks } = lists;
            assert_eq!((&session.blocks, &session.pals), (blocks, pals), "{:?}", session.person);
            assert_eq!(session.privacy, *privacy, "{:?}", session.person);
        }
        self.check_mail();
    }
}

fn refusal(conn: ConnId, change: &Change) -> Word {
    match change {
        Change::StoreOffline { .. } => Word::NotKept(conn),
        change => Word::Refused(conn, doubts(change)),
    }
}
