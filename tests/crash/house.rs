//! What is ordered about the whole server: maintenance, slowmode, words to everybody, housekeeping.

use std::collections::BTreeSet;
use std::time::Duration;

use paltalkd::control::client::Client;
use paltalkd::control::wire::Order;
use paltalkd::model::{Author, MessageText, Roles, RoomId, Timestamp, Uid};
use paltalkd::store::{Ban, BanTarget, Change, Mute, MuteKind, Store};

use super::found;
use super::ledger::{Act, Fact, Facts, Key, Ledger};
use super::operator::{me, order};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::make_account;

/// The beginning of addresses whose bans have run out.
const NETWORK: &str = "198.51.100.";
/// Older than any message may become.
const OLD: Duration = Duration::from_secs(400 * 24 * 3600);

pub(super) struct House {
    me: String,
    /// Whose mutes have run out, and who has messages that are too old.
    tenant: (Uid, String),
    writer: Uid,
    ledger: Ledger,
    chance: Chance,
    step: usize,
    /// Whether somebody was told since the last check that house was kept.
    kept: bool,
    /// What had run out at the last check.
    dust: BTreeSet<Key>,
}

impl House {
    pub(super) fn new(store: &Store) -> House {
        let make = |name: &str| make_account(store, name, Roles::default());
        House {
            me: me(),
            tenant: (make("HouseTenant"), "HouseTenant".to_owned()),
            writer: make("HouseWriter"),
            ledger: Ledger::default(),
            chance: Chance(2),
            step: 0,
            kept: false,
            dust: BTreeSet::new(),
        }
    }

    fn next(&mut self) -> (Act, Order) {
        self.step += 1;
        let reason = format!("House {}", self.step);
        let act = Act::default();
        let logged =
            |action: &str, target: &str, reason: &str| found::logged(action, target, &self.me, reason);
        match self.chance.below(6) {
            0 if self.ledger.has("maintenance", "setting") => {
                let act = act.remove("maintenance", "setting").logged(logged("maintenance_off", "", &reason));
                (act, Order::Maintenance { on: false, message: reason })
            }
            0 => {
                let act = act.put("maintenance", "setting", &*reason);
                let act = act.logged(logged("maintenance_on", "", &reason));
                (act, Order::Maintenance { on: true, message: reason })
            }
            1 => {
                let seconds = self.chance.below(3) as u16;
                let kept = if seconds == 0 { String::new() } else { seconds.to_string() };
                let told = found::slowmode(seconds);
                let entry = found::detailed("slowmode", "server", &self.me, &reason, &told);
                let act = act.set("slowmode", "setting", &kept).logged(entry);
                (act, Order::Slowmode { room: None, seconds, reason })
            }
            2 => {
                let entry = found::detailed("broadcast", "", &self.me, "", &reason);
                (act.logged(entry), Order::Broadcast { room: None, text: reason })
            }
            3 => {
                let act = act.logged(logged("close_room", "Welcome to Paltalk", &reason));
                (act, Order::CloseRoom { room: RoomId(450), reason })
            }
            4 => {
                let entry = found::detailed("reload", "", &self.me, &reason, "nothing has changed");
                (act.logged(entry), Order::Reload { reason })
            }
            _ => (act.logged(logged("housekeeping", "", &reason)), Order::RunMaintenance { reason }),
        }
    }

    /// Puts what has run out into the store.
    fn leave_dust(&mut self, store: &Store) {
        let (at, until) = (Timestamp::now().before(OLD), Some(Timestamp::now().before(OLD / 2)));
        self.step += 1;
        let network = format!("{NETWORK}{}/32", self.step % 256);
        let letter = format!("old {}", self.step);
        let tenant = self.tenant.1.clone();
        self.dust.insert((network.clone(), "ban".to_owned()));
        self.dust.extend(["mute".to_owned(), format!("message {letter}")].map(|what| (tenant.clone(), what)));
        let (by, reason) = (Author::System, String::new());
        let ban = Ban {
            target: BanTarget::Network(network.parse().unwrap()),
            nickname: None,
            until,
            reason: reason.clone(),
            by: by.clone(),
            at,
        };
        let text = MessageText::new(letter.as_bytes()).unwrap();
        let uid = self.tenant.0;
        for change in [
            Change::PutBan(ban),
            Change::PutMute { uid, mute: Mute { kind: MuteKind::Text, until, reason, by, at } },
            Change::StoreOffline { to: uid, from: self.writer, at, text },
        ] {
            store.commit_blocking(change).unwrap();
        }
    }

    /// Compares what entries say that was deleted with what is gone. To delete and to say so are two writes.
    fn check_deleted(&self, dust: &BTreeSet<Key>, said: &[&str]) {
        let gone: Vec<_> = self.dust.difference(dust).collect();
        let letters = gone.iter().filter(|(_, what)| what.starts_with("message ")).count();
        let sum = |words| said.iter().map(|text| found::number_after(text, words).unwrap()).sum::<usize>();
        let (sanctions, mailboxes) = (sum("had run out: "), sum("waited too long: "));
        assert!(sanctions <= gone.len() - letters, "{said:?} is too much: only {gone:?} are gone");
        assert!(mailboxes <= letters.min(1), "{said:?} is too much: only {gone:?} are gone");
        assert!(said.iter().all(|text| !text.contains("Not done")), "{said:?}");
    }

    fn is_dust(&self, (of, what): &(String, String)) -> bool {
        of.starts_with(NETWORK) || *of == self.tenant.1 && (what == "mute" || what.starts_with("message "))
    }
}

impl Actor for House {
    fn names(&self) -> Vec<String> {
        ["House", "maintenance", "slowmode", "system", NETWORK].map(str::to_owned).to_vec()
    }

    fn work(&mut self, place: &Place<'_>) {
        let Ok(mut client) = Client::connect(&place.socket, false) else { return };
        while place.goes_on() {
            let (act, wish) = self.next();
            self.ledger.begin(act);
            let keeps = matches!(wish, Order::RunMaintenance { .. });
            if order(&mut client, wish).is_none() {
                return;
            }
            self.kept |= keeps;
            place.answered(&mut self.ledger);
        }
    }

    fn check(&mut self, mut found: Facts, mut log: Vec<Fact>, store: &Store) {
        let dust: BTreeSet<_> = found.keys().filter(|key| self.is_dust(key)).cloned().collect();
        assert!(!self.kept || dust.is_empty(), "house was kept, and yet there is {dust:?}");
        found.retain(|key, _| !dust.contains(key));
        let said = log.iter().map(Fact::text).filter(|text| text.starts_with("housekeeping "));
        self.check_deleted(&dust, &said.collect::<Vec<_>>());
        // Each start keeps house, and says so if there was something to do.
        let by_itself = found::logged("housekeeping", "", "system", "");
        let starts = log.iter().filter(|fact| fact.text().starts_with(&by_itself)).count();
        assert!(starts <= 2, "two starts have kept house {starts} times");
        log.retain(|fact| !fact.text().starts_with(&by_itself));
        for fact in &mut log {
            // How large the store was is known to nobody else.
            if let Some((text, _)) = fact.text().split_once(" (Bans and mutes that had run out: ") {
                *fact = fact.reworded(text);
            }
        }
        self.ledger.settle("House", found, log);
        self.dust = dust;
        self.leave_dust(store);
        self.kept = false;
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}
