//! What is ordered about the whole server: maintenance, slowmode, words to everybody, housekeeping.

use std::time::Duration;

use paltalkd::control::client::Client;
use paltalkd::control::wire::Order;
use paltalkd::model::{Author, MessageText, Roles, RoomId, Timestamp, Uid};
use paltalkd::store::{Ban, BanTarget, Change, Mute, MuteKind, Store};

use super::found;
use super::ledger::{Act, Fact, Facts, Ledger};
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
}

impl House {
    pub(super) fn new(store: &Store) -> House {
        let make = |name: &str| make_account(store, name, Roles::default());
        House {
            me: me(),
            tenant: (make("HouseTenant"), "HouseTenant".to_owned()),
            writer: make("HouseWriter"),
            ledger: Ledger::default(),
            chance: Chance(0),
            step: 0,
            kept: false,
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
                let act = act.set("slowmode", "setting", &kept).logged(logged("slowmode", "server", &reason));
                (act, Order::Slowmode { room: None, seconds, reason })
            }
            2 => {
                let entry = format!("{} ({reason})", logged("broadcast", "", ""));
                (act.logged(entry), Order::Broadcast { room: None, text: reason })
            }
            3 => {
                let act = act.logged(logged("close_room", "Welcome to Paltalk", &reason));
                (act, Order::CloseRoom { room: RoomId(450), reason })
            }
            4 => (act.logged(logged("reload", "", &reason)), Order::Reload { reason }),
            _ => (act.logged(logged("housekeeping", "", &reason)), Order::RunMaintenance { reason }),
        }
    }

    /// Puts what has run out into the store.
    fn leave_dust(&mut self, store: &Store) {
        let (at, until) = (Timestamp::now().before(OLD), Some(Timestamp::now().before(OLD / 2)));
        self.step += 1;
        let network = format!("{NETWORK}{}/32", self.step % 256).parse().unwrap();
        let (by, reason) = (Author::System, String::new());
        let ban = Ban {
            target: BanTarget::Network(network),
            nickname: None,
            until,
            reason: reason.clone(),
            by: by.clone(),
            at,
        };
        let text = MessageText::new(format!("old {}", self.step).as_bytes()).unwrap();
        let uid = self.tenant.0;
        for change in [
            Change::PutBan(ban),
            Change::PutMute { uid, mute: Mute { kind: MuteKind::Text, until, reason, by, at } },
            Change::StoreOffline { to: uid, from: self.writer, at, text },
        ] {
            store.commit_blocking(change).unwrap();
        }
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
        let dust: Vec<_> = found.keys().filter(|key| self.is_dust(key)).cloned().collect();
        assert!(!self.kept || dust.is_empty(), "house was kept, and yet there is {dust:?}");
        found.retain(|key, _| !dust.contains(key));
        // Each start keeps house, and says so if there was something to do.
        log.retain(|fact| fact.text() != found::logged("housekeeping", "", "system", ""));
        self.ledger.settle("House", found, log);
        self.leave_dust(store);
        self.kept = false;
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}
