//! Everybody works, the program is killed, and what is left is compared with what everybody was told;
//! again and again.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use paltalkd::model::Timestamp;
use paltalkd::store::{AuditRecord, Store, StoreOptions};
use tempfile::TempDir;

use super::found;
use super::ledger::{Fact, Facts, Ledger};
use super::program::{Chance, Program, damage};
use super::support::{DEADLINE, rounds, torture};

/// Somebody who asks for things and knows what he was told.
pub(super) trait Actor: Send {
    /// With what the names begin of all whom or what only he has to do with.
    fn names(&self) -> Vec<String>;

    /// Asks until the connection breaks.
    fn work(&mut self, place: &Place<'_>);

    /// Compares with everything that the store has about what he has to do with, and with the entries of
    /// the audit log since the last time. May change the store afterwards.
    fn check(&mut self, found: Facts, log: Vec<Fact>, store: &Store);

    /// How much he was told is done.
    fn answers(&self) -> usize;
}

/// Where one works, in one round.
pub(super) struct Place<'a> {
    pub(super) chat: SocketAddr,
    /// The control socket.
    pub(super) socket: PathBuf,
    stop: &'a AtomicBool,
    begun: &'a AtomicUsize,
    counted: Cell<bool>,
}

impl Place<'_> {
    pub(super) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Notes that something was answered.
    pub(super) fn answered(&self, ledger: &mut Ledger) {
        ledger.answered();
        self.begin();
    }

    /// Notes that work has begun though nothing was answered in this round, of somebody who was answered
    /// in an earlier one: what he asks for takes so long that the kill has to come in the middle, too.
    pub(super) fn begin_again(&self, ledger: &Ledger) {
        if ledger.answers() > 0 {
            self.begin();
        }
    }

    /// Notes that work has begun: the program is not killed before everybody's has.
    fn begin(&self) {
        if !self.counted.replace(true) {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Who has to do with an entry of the audit log: who made it, whom it is about, or who gave the reason.
fn concerned(actors: &[Box<dyn Actor>], record: &AuditRecord) -> Option<usize> {
    let entry = &record.entry;
    let target = entry.target.as_ref().map(|target| target.name());
    let names =
        [target.as_deref(), Some(&entry.reason), Some(&found::by(&entry.actor)), Some(&entry.details)]
            .map(|name| name.unwrap_or_default().to_owned());
    names.iter().find_map(|name| owner(actors, name))
}

fn owner(actors: &[Box<dyn Actor>], name: &str) -> Option<usize> {
    actors.iter().position(|actor| actor.names().iter().any(|start| name.starts_with(start.as_str())))
}

/// Compares all that is in the store with what everybody knows.
fn check(actors: &mut [Box<dyn Actor>], store: &Store, seen: &mut u64, beside: &mut Option<Facts>) {
    let mut facts: Vec<Facts> = actors.iter().map(|_| Facts::new()).collect();
    let mut logs: Vec<Vec<Fact>> = actors.iter().map(|_| Vec::new()).collect();
    let mut others = Facts::new();
    for (key, fact) in found::read(store) {
        match owner(actors, &key.0) {
            Some(actor) => facts[actor].insert(key, fact),
            None => others.insert(key, fact),
        };
    }
    let before = beside.get_or_insert_with(|| others.clone());
    assert_eq!(*before, others, "nobody has to do with this, and it has changed");
    for record in found::records(store, *seen) {
        *seen = record.seq;
        let actor = concerned(actors, &record).unwrap_or_else(|| panic!("nobody did this: {record:?}"));
        logs[actor].push(Fact::at(record.entry.at, found::entry(&record.entry)));
    }
    for (actor, (facts, log)) in actors.iter_mut().zip(facts.into_iter().zip(logs)) {
        actor.check(facts, log, store);
    }
}

/// Where a test is, for whoever reads why it has failed.
struct Context {
    seed: u64,
    /// How many rounds are over.
    done: usize,
    /// What was done last to the index.
    harm: Option<String>,
}

impl Drop for Context {
    fn drop(&mut self) {
        if thread::panicking() {
            let Context { seed, done, harm } = self;
            let harm = harm.as_deref().unwrap_or("none");
            eprintln!("this was with seed {seed:#x}, round {done}; the last damage: {harm}");
        }
    }
}

/// Has everybody work on the store in `dir`, kills the program at any moment, and compares; `kills` times,
/// or as long as asked, and longer if somebody was never answered yet. The index is damaged before each
/// comparison if `damaging`.
pub(super) fn kill_and_check(
    dir: &TempDir,
    mut actors: Vec<Box<dyn Actor>>,
    store: Store,
    kills: usize,
    damaging: bool,
) -> String {
    let seed = torture().map_or(0x5eed, |_| Timestamp::now().0);
    let mut context = Context { seed, done: 0, harm: None };
    let mut chance = Chance(seed);
    let (mut seen, mut beside) = (0, None);
    check(&mut actors, &store, &mut seen, &mut beside);
    store.close().unwrap();
    drop(store);
    let (mut due, mut over) = (rounds(kills), None);
    loop {
        if due.next().is_none() {
            // On a slow machine it may take some more until everybody was answered.
            let late = over.get_or_insert_with(Instant::now).elapsed();
            if late >= DEADLINE || actors.iter().all(|actor| actor.answers() > 0) {
                break;
            }
        }
        let mut program = Program::start(dir.path()).unwrap_or_else(|said| panic!("{said}"));
        let (stop, begun) = (AtomicBool::new(false), AtomicUsize::new(0));
        let run = Duration::from_millis(chance.below(250) as u64);
        let crowd = actors.len();
        thread::scope(|scope| {
            for actor in &mut actors {
                let place = Place {
                    chat: program.chat,
                    socket: dir.path().join("data/control.sock"),
                    stop: &stop,
                    begun: &begun,
                    counted: Cell::new(false),
                };
                scope.spawn(move || {
                    actor.work(&place);
                    place.begin();
                });
            }
            // The moment of the kill is meant to be any moment, once everybody has begun.
            let began = Instant::now();
            while begun.load(Ordering::Relaxed) < crowd && began.elapsed() < DEADLINE {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(run);
            program.kill();
            stop.store(true, Ordering::Relaxed);
        });
        context.harm = damaging.then(|| damage(&dir.path().join("data/store"), &mut chance));
        // Every second time the program is the first that sees what is left, and is killed again.
        if context.done % 2 == 1 {
            Program::start(dir.path()).unwrap_or_else(|said| panic!("{said}")).kill();
        }
        let (store, report) = Store::open(StoreOptions::new(dir.path().join("data/store"))).unwrap();
        assert!(!report.fresh, "{report:?}");
        check(&mut actors, &store, &mut seen, &mut beside);
        store.close().unwrap();
        context.done += 1;
    }
    for actor in &actors {
        assert!(actor.answers() > 0, "{:?} did nothing", actor.names());
    }
    let answers: usize = actors.iter().map(|actor| actor.answers()).sum();
    format!(
        "{} kills of a program that {crowd} work with: {answers} answers, {seen} entries in the log",
        context.done,
        crowd = actors.len()
    )
}
