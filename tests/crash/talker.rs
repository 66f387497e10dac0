//! People who say what the guard does not let pass, which is held against them until an operator forgets it.

use paltalkd::control::client::Client;
use paltalkd::control::wire::{Order, Target};
use paltalkd::model::{Roles, Uid};
use paltalkd::store::Store;

use super::client::RawClient;
use super::found;
use super::ledger::{Act, Fact, Facts, Ledger};
use super::operator::{me, order};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::{make_account, with_text};

/// A room that every new store has.
const ROOM: u32 = 450;

/// What somebody does wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vice {
    /// Says too much in too short a time: that is a strike, and a mute of 15 seconds.
    Haste,
    /// Posts too many links: that is an offence, and a mute of 5 minutes.
    Links,
}

pub(super) struct Talker {
    name: String,
    uid: Uid,
    vice: Vice,
    me: String,
    ledger: Ledger,
    chance: Chance,
    step: usize,
    /// How long he had waited before his last message that came too soon, as the log has it.
    measured: Option<usize>,
}

/// What is in front of how long somebody had waited, which only the server measures.
const MEASURED: &str = "COOLDOWN delta=";
/// How long one has to wait, in milliseconds, as shipped.
const COOLDOWN: usize = 750;

/// Without how long he had waited.
fn unmeasured(fact: &Fact) -> Fact {
    match found::number_after(fact.text(), MEASURED) {
        Some(millis) => fact.reworded(fact.text().replace(&format!("{MEASURED}{millis}ms"), MEASURED)),
        None => fact.clone(),
    }
}

impl Talker {
    pub(super) fn new(store: &Store, vice: Vice) -> Talker {
        let name = format!("Talker{vice:?}");
        let uid = make_account(store, &name, Roles::default());
        let (ledger, chance) = (Ledger::default(), Chance(vice as u64));
        Talker { uid, vice, me: me(), ledger, chance, step: 0, measured: None, name }
    }

    fn held(&self) -> &'static str {
        match self.vice {
            Vice::Haste => "strikes",
            Vice::Links => "offences",
        }
    }

    /// What is held against him, and what he says for it.
    fn wrong(&mut self) -> (Act, Vec<String>) {
        // Unlike enough that nobody takes it for the same again.
        let mut words =
            || (0..24).map(|_| char::from(b'a' + self.chance.below(26) as u8)).collect::<String>();
        match self.vice {
            Vice::Haste => {
                let figures = format!("{MEASURED} min={COOLDOWN}ms");
                let held = format!("1 strikes, stage 0, 1 violations, {figures}, muted Some(15000) ms");
                let told = format!("rate-limit violation: {figures} strike=1/3 mute=15s");
                let entry = found::detailed("strike", &self.name, "system", "COOLDOWN", &told);
                let act = Act::default().put_now(&self.name, "strikes", held).logged(entry);
                (act, (0..4).map(|_| words()).collect())
            }
            Vice::Links => {
                let held = "1 offences, muted Some(300000) ms, passed over: false";
                let why = "links in message";
                let told = "for 5 minutes; There are 4 links in your message; 3 are allowed. You are muted \
                            for 5 minutes.";
                let act = Act::default()
                    .put_now(&self.name, "offences", held)
                    .put_now(&self.name, "mute", found::imposed(Some(300_000), "system", why))
                    .logged(found::detailed("mute", &self.name, "system", why, told));
                (act, vec![(0..4).map(|_| format!("http://{}.example ", words())).collect()])
            }
        }
    }

    fn forget(&mut self, operator: &mut Client, place: &Place<'_>) -> Option<()> {
        self.step += 1;
        let reason = format!("{} {}", self.name, self.step);
        let entry = found::logged("clear_strikes", &self.name, &self.me, &reason);
        self.ledger
            .begin(Act::default().remove(&self.name, self.held()).remove(&self.name, "mute").logged(entry));
        order(operator, Order::ClearStrikes { user: Target::Uid(self.uid), reason })?;
        place.answered(&mut self.ledger);
        Some(())
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        let mut client = RawClient::sign_in(place.chat, self.uid)?;
        let mut operator = Client::connect(&place.socket, false).ok()?;
        client.join(ROOM, "")?;
        while place.goes_on() {
            if self.ledger.has(&self.name, self.held()) {
                self.forget(&mut operator, place)?;
            }
            let (act, lines) = self.wrong();
            self.ledger.begin(act);
            let says = |line: &String| (0xfea2, with_text(&[ROOM], line.as_bytes()));
            client.ask(&lines.iter().map(says).collect::<Vec<_>>())?;
            for _ in lines {
                client.done()?;
            }
            place.answered(&mut self.ledger);
        }
        Some(())
    }
}

impl Actor for Talker {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        _ = Talker::work(self, place);
    }

    fn check(&mut self, mut found: Facts, mut log: Vec<Fact>, _: &Store) {
        for fact in &mut log {
            if let Some(millis) = found::number_after(fact.text(), MEASURED) {
                assert!(millis < COOLDOWN, "{fact:?}");
                self.measured = Some(millis);
            }
            *fact = unmeasured(fact);
        }
        for fact in found.values_mut() {
            // A strike and its entry in the log are one change.
            let kept = found::number_after(fact.text(), MEASURED);
            assert!(kept.is_none() || kept == self.measured, "{fact:?}, and the log has {:?}", self.measured);
            *fact = unmeasured(fact);
        }
        self.ledger.settle(&self.name, found, log);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}
