//! What those do who run the place, typed in the chat or ordered at the machine.

use super::ledger::network;
use super::orders::{Deed, Order, REPAIRS, standing};
use super::*;
use crate::hub::lookup::{Finding, Lookup};
use crate::hub::staff::{Action, Actor, Standing, Via, together};
use crate::model::Author;
use crate::store::BanTarget;

/// Who gives orders without being in the chat.
pub(super) const NOBODY: ConnId = ConnId { slot: u32::MAX, generation: 0 };

impl Evening {
    /// Something is ordered, mostly by somebody who may do it.
    pub(super) fn keep_order(&mut self) {
        let deed = self.some_deed();
        let whom = self.somebody_for(deed);
        if self.dice.percent(25) {
            return self.order_at_the_desk(deed, whom);
        }
        let staff: Vec<ConnId> =
            self.clients.values().filter(|client| is_staff(client.uid)).map(|client| client.conn).collect();
        let mut silent = staff.clone();
        silent.retain(|conn| deed.speaks() && self.ledger.silent(self.now, self.clients[conn].uid));
        let mut boss = self.dice.pick(&silent).copied().filter(|_| self.dice.percent(50));
        if boss.is_none() && self.dice.percent(85) {
            boss = self.dice.pick(&staff).copied();
        }
        let Some(conn) = boss.or_else(|| self.anybody()) else { return };
        let me = &self.clients[&conn];
        let windows: Vec<RoomId> = me.windows.keys().copied().collect();
        let mut room = self.dice.pick(&windows).copied().filter(|_| self.dice.percent(50));
        if let Deed::Notice(here) = deed {
            room = Some(here).filter(|here| windows.contains(here));
            if room.is_none() {
                return;
            }
        }
        let name = match self.dice.below(3) {
            0 => format!("#{}", person(whom).uid),
            1 => format!("\"{}\"", person(whom).nickname),
            _ => person(whom).nickname.to_string(),
        };
        let order = Order { by: Some(self.clients[&conn].uid), deed, whom };
        let (_, _, line) = deed.row(&name, whom);
        let text = message(&line);
        self.attempt(conn, order, false, |evening| {
            match room {
                Some(room) => evening.room(conn, room, RoomCommand::Message(text)),
                None => {
                    let im = DirectoryCommand::InstantMessage { to: Uid::SERVICE, text };
                    evening.apply(conn, Command::Directory(im))
                }
            };
        });
    }

    fn some_deed(&mut self) -> Deed {
        let time = [Some(30), Some(600), Some(7200), None][self.dice.below(4)];
        // Nobody is to be out for the whole evening, or hardly anybody would be there.
        let ban = [Some(60), Some(900), Some(3600), Some(7200)][self.dice.below(4)];
        let kind = if self.dice.percent(60) { MuteKind::Text } else { MuteKind::Media };
        let rooms: Vec<RoomId> = self.state.rooms.keys().copied().collect();
        let room = self.dice.pick(&rooms).copied().unwrap_or(RoomId(450));
        if self.ledger.maintenance.is_some() && self.dice.percent(60) {
            return Deed::Maintenance(None);
        }
        match self.dice.below(100) {
            0..20 => Deed::Mute(kind, time),
            20..34 => Deed::Unmute(kind),
            34..40 => Deed::Ban(if self.dice.percent(10) { None } else { ban }),
            40..46 => Deed::Unban,
            46..52 => Deed::Kick,
            52..64 => Deed::Warn,
            64..68 => Deed::ClearWarnings,
            68..78 => Deed::ClearStrikes,
            78..82 => Deed::BanNetwork(ban),
            82..85 => Deed::UnbanNetwork,
            85..88 => Deed::Broadcast,
            88..90 => Deed::Notice(room),
            90..92 => Deed::Close(room),
            92..94 => Deed::Slowmode([1, 60][self.dice.below(2)]),
            94..97 => Deed::Slowmode(0),
            _ if self.dice.percent(75) => Deed::Maintenance(Some([REPAIRS, ""][self.dice.below(2)])),
            _ => Deed::Maintenance(None),
        }
    }

    /// Somebody whom it could be about: who is to be let go has to be held.
    fn somebody_for(&mut self, deed: Deed) -> u32 {
        let accounts = |target: &BanTarget| match target {
            BanTarget::Account(uid) => Some(number_of(*uid)),
            BanTarget::Network(_) => None,
        };
        let networks = |number: &u32| self.ledger.bans.contains_key(&network(*number));
        let held: Vec<u32> = match deed {
            Deed::Unmute(kind) => {
                let mutes = self.ledger.mutes.keys().filter(|(_, other)| *other == kind);
                mutes.map(|(uid, _)| number_of(*uid)).collect()
            }
            Deed::Unban => self.ledger.bans.keys().filter_map(accounts).collect(),
            Deed::UnbanNetwork => (0..self.people).filter(networks).collect(),
            Deed::ClearWarnings | Deed::Warn => {
                self.ledger.warnings.keys().map(|uid| number_of(*uid)).collect()
            }
            _ => Vec::new(),
        };
        if let (true, Some(one)) = (self.dice.percent(70), self.dice.pick(&held)) {
            return *one;
        }
        match self.dice.below(10) {
            0 => self.dice.below(STAFF as usize) as u32,
            1..4 => self.dice.below(self.people as usize) as u32,
            _ => self.anybody().map_or(STAFF, |conn| number_of(self.clients[&conn].uid)),
        }
    }

    /// Whether it can be done, by what is known of who may do what to whom.
    fn would_work(&self, order: &Order) -> bool {
        let Order { by, deed, whom } = *order;
        let mine = standing(by);
        let below = |number: u32| by.is_none() || standing(Some(person(number).uid)) < mine;
        if mine < deed.row("", whom).0 || deed.is_about_somebody() && !below(whom) {
            return false;
        }
        let uid = person(whom).uid;
        let ban = |target| {
            let ban = self.ledger.bans.get(&target);
            ban.is_some_and(|until| until.is_none_or(|until| self.now.wall < until))
        };
        match deed {
            _ if self.is_gagged(order) => false,
            Deed::Unmute(kind) => self.ledger.muted(self.now, uid, kind),
            Deed::Unban => ban(BanTarget::Account(uid)),
            Deed::UnbanNetwork => ban(network(whom)),
            Deed::Kick => self.is_signed_in(uid),
            Deed::ClearWarnings => self.ledger.warnings.contains_key(&uid),
            Deed::BanNetwork(_) => {
                [whom & !1, whom | 1].into_iter().all(|one| below(one) || !self.is_signed_in(person(one).uid))
            }
            Deed::Notice(room) | Deed::Close(room) => self.state.room(room).is_some(),
            Deed::Maintenance(text) => text.is_some() || self.ledger.maintenance.is_some(),
            _ => true,
        }
    }

    /// Whether somebody who is muted would speak as the server.
    fn is_gagged(&self, order: &Order) -> bool {
        order.deed.speaks() && order.by.is_some_and(|by| self.ledger.silent(self.now, by))
    }

    /// Lets somebody in the chat try something, and writes down what has come of it once it is done. `failed`
    /// says that the store could not be asked about somebody: if he has signed in since, he is known all the
    /// same.
    fn attempt(&mut self, conn: ConnId, order: Order, failed: bool, run: impl FnOnce(&mut Evening)) {
        self.tick();
        let known = !failed || self.is_signed_in(person(order.whom).uid);
        if failed && known {
            self.note("signed in by then");
        }
        let expected = known && self.state.session(conn).is_some() && self.would_work(&order);
        if let Some(client) = self.clients.get_mut(&conn) {
            client.told.clear();
        }
        self.errands.forget_asked();
        run(self);
        if self.errands.defer(&order) {
            return;
        }
        let (_, words, line) = order.deed.row("", order.whom);
        if let Some(client) = self.clients.get(&conn) {
            let done = client.told.iter().any(|text| text.contains(words));
            assert_eq!(done, expected, "{line} by {:?}: {:?}", order.by, client.told);
            if !done {
                self.note(if self.is_gagged(&order) { "staff silenced" } else { "staff refused" });
            }
        }
        if expected {
            self.done(&order);
        }
    }

    /// A command goes on that has waited for the store.
    pub(super) fn resume(&mut self, lookup: Lookup, finding: Finding, order: Option<Order>) {
        let Lookup { conn, typed, .. } = lookup;
        let failed = finding == Finding::Failed;
        let found = Command::Found(typed, Box::new(finding));
        match order {
            Some(order) => self.attempt(conn, order, failed, |evening| _ = evening.apply(conn, found)),
            None => _ = self.apply(conn, found),
        }
    }

    fn order_at_the_desk(&mut self, deed: Deed, whom: u32) {
        self.tick();
        let whom = match deed {
            // Of the admins nobody else can take care.
            Deed::Mute(..) if self.dice.percent(30) => self.dice.below(STAFF as usize) as u32,
            _ => whom,
        };
        let order = Order { by: None, deed, whom };
        let expected = self.would_work(&order);
        let result = self.act(deed.action(whom));
        assert_eq!(result.is_ok(), expected, "{deed:?} {whom}: {result:?}");
        if expected {
            self.done(&order);
        }
    }

    /// An operator does something.
    pub(super) fn act(&mut self, action: Action) -> Result<String, crate::hub::staff::ActError> {
        let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        let actor = Actor { author, standing: Standing::Operator };
        let (mut changes, mut effects) = (Vec::new(), Effects::default());
        self.commands += 1;
        self.faults.trace(|| format!("at the desk: {action:?}"));
        let result = self.state.act(self.now, &actor, action, &mut Via::Desk(&mut changes), &mut effects);
        self.perform(effects);
        if let Some(change) = together(changes) {
            self.commit(NOBODY, change);
        }
        result
    }

    /// Writes down what was done, and looks whether it was.
    fn done(&mut self, order: &Order) {
        let Order { deed, whom, .. } = *order;
        let (now, uid) = (self.now, person(whom).uid);
        let until = |seconds: Option<u64>| seconds.map(|time| now.wall.after(Duration::from_secs(time)));
        let mut out = Vec::new();
        match deed {
            Deed::Mute(kind, secs) => _ = self.ledger.mutes.insert((uid, kind), until(secs)),
            Deed::Unmute(kind) => _ = self.ledger.mutes.remove(&(uid, kind)),
            Deed::Ban(secs) => {
                self.ledger.bans.insert(BanTarget::Account(uid), until(secs));
                out.push(uid);
            }
            Deed::Unban => _ = self.ledger.bans.remove(&BanTarget::Account(uid)),
            Deed::Kick => out.push(uid),
            Deed::Warn => {
                if self.ledger.warn(now, uid) {
                    self.note("warned too often");
                    out.push(uid);
                }
            }
            Deed::ClearWarnings => _ = self.ledger.warnings.remove(&uid),
            Deed::ClearStrikes => self.ledger.clear_strikes(uid),
            Deed::BanNetwork(secs) => {
                self.ledger.bans.insert(network(whom), until(secs));
                out.extend([whom & !1, whom | 1].map(|one| person(one).uid));
                self.note("network banned");
            }
            Deed::UnbanNetwork => _ = self.ledger.bans.remove(&network(whom)),
            Deed::Broadcast => {
                let deaf = self.clients.values().find(|client| client.announced != 1);
                assert!(deaf.is_none(), "{:?} has not heard the broadcast once", deaf.map(|it| it.uid));
            }
            Deed::Notice(_) => {}
            Deed::Close(room) => {
                let inside = self.clients.values().find(|client| client.windows.contains_key(&room));
                assert!(inside.is_none(), "{:?} is in {room}, which was closed", inside.map(|it| it.uid));
                self.note("closed by staff");
            }
            Deed::Slowmode(seconds) => {
                self.ledger.slowmode = seconds.into();
                self.note("server slowmode");
                self.last_said.clear();
            }
            Deed::Maintenance(text) => {
                let out = now.uptime + crate::hub::staff::MAINTENANCE_GRACE;
                self.ledger.maintenance = text.map(|_| Some(out));
            }
        }
        self.clients.values_mut().for_each(|client| client.announced = 0);
        let inside = self.clients.values().find(|client| out.contains(&client.uid));
        assert!(inside.is_none(), "{deed:?}, but {:?} is inside", inside.map(|client| client.uid));
    }
}
