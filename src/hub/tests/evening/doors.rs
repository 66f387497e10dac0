//! How an evening begins, who comes in and who does not, and how it goes on after the power was cut.

use super::client::Phone;
use super::errands::Errands;
use super::ledger::{Ledger, address};
use super::*;
use crate::config::{Moderation, Spam};
use crate::hub::GuardRecords;
use crate::hub::contacts::Lists;
use crate::hub::guard::FilterSet;
use crate::hub::rules::Rules;
use crate::hub::staff::MAINTENANCE_SETTING;
use crate::store::{Filter, FilterConsequence, FilterKind, FilterRecord};

/// What may not be said where there is a guard, and what comes of it.
pub(super) const FORBIDDEN: [(&str, FilterConsequence); 4] = [
    ("forbidden", FilterConsequence::Delete),
    ("rudeword", FilterConsequence::Mute { seconds: 120 }),
    ("badword", FilterConsequence::Warn),
    ("worstword", FilterConsequence::Ban { seconds: Some(1800) }),
];

/// What somebody may do besides what everybody may.
pub(super) fn roles(number: u32) -> Roles {
    match number {
        ..ADMINS => Roles::default().with(Role::Admin),
        ADMINS..STAFF => Roles::default().with(Role::Moderator),
        _ => Roles::default(),
    }
}

pub(super) fn is_staff(uid: Uid) -> bool {
    uid < person(STAFF).uid
}

pub(super) fn number_of(uid: Uid) -> u32 {
    uid.0 - person(0).uid.0
}

/// The permanent rooms of a new server.
pub(super) fn rooms() -> impl Iterator<Item = Room> {
    (0..PERMANENT).map(|number| {
        let name = RoomName::new(format!("Permanent {number}").as_bytes()).unwrap();
        let kinds = [RoomKind::Voice, RoomKind::Text, RoomKind::Voice, RoomKind::PrivateVoice];
        let kind = kinds[number as usize % 4];
        let category = CategoryId(CATEGORIES[number as usize % 3]);
        Room {
            permanent: true,
            owner: (number % 2 == 0).then(|| person(STAFF + number)),
            lockword: (number % 5 == 4).then(|| b"sesame".to_vec()),
            admin_code: (number % 3 == 0).then_some(CODE),
            ..Room::new(RoomId(450 + number), name, kind, category, Rating::General)
        }
    })
}

impl Evening {
    /// What the accounts say of each other when the evening begins.
    pub(super) fn lists(&mut self, number: u32) -> Lists {
        let mut some = |most: usize, lowest: u32| -> Vec<Uid> {
            let count = self.dice.below(most);
            let others: BTreeSet<u32> =
                (0..count).map(|_| self.dice.below(self.people as usize) as u32).collect();
            let others = others.into_iter().filter(|other| *other >= lowest && *other != number);
            others.map(|other| person(other).uid).collect()
        };
        let (pals, blocks) = (some(6, 0), some(3, STAFF));
        let privacy = if self.dice.percent(10) { Privacy::Pals } else { Privacy::All };
        Lists { privacy, pals, blocks }
    }

    /// The daemon starts with what the store has.
    pub(super) fn begin(&mut self) {
        let categories = CATEGORIES.map(|id| CategoryEntry { id: CategoryId(id), name: b"Some".to_vec() });
        let disk = &self.disk;
        let settings = disk.settings();
        let maintenance = settings.iter().find(|(name, _)| name == MAINTENANCE_SETTING);
        let mut state = State::new(categories.into(), disk.all_rooms(self.now.wall))
            .with_maintenance(maintenance.map(|(_, message)| message.clone()));
        let of_all = || disk.accounts.iter();
        state.sanctions.load(
            of_all().flat_map(|(uid, held)| held.mutes.iter().map(move |mute| (*uid, mute.clone()))),
            of_all().filter_map(|(_, held)| held.ban.clone()).chain(disk.networks.values().cloned()),
            of_all().map(|(uid, held)| (*uid, held.warnings.len())).filter(|(_, count)| *count > 0),
        );
        state.sanctions.set_rules(Moderation::default());
        let filters: Vec<FilterRecord> = (1..)
            .zip(FORBIDDEN)
            .map(|(id, (word, consequence))| {
                let filter = Filter { consequence, ..Filter::new(FilterKind::Keyword, word) };
                FilterRecord { id, filter, hits: 0 }
            })
            .collect();
        let filters = if self.guarded { filters } else { Vec::new() };
        let records = GuardRecords {
            strikes: of_all().filter_map(|(uid, held)| Some((*uid, held.strikes.clone()?))).collect(),
            offences: of_all().filter_map(|(uid, held)| Some((*uid, held.offences?))).collect(),
            settings,
            rules: Rules { filters: FilterSet::compile(&filters).unwrap(), ..Rules::default() },
        };
        let limits = if self.guarded { Spam::default() } else { Spam::off() };
        assert!(state.guard_with(self.now, limits, records).is_empty());
        state.set_voice(VoiceAccess { advertise: None, udp_port: 2090, tcp_port: 12718, probe: true });
        self.ledger = Ledger::of(self.now, disk);
        self.state = state;
        self.set_rules(!self.relayed);
    }

    /// The power is cut, and the daemon starts again. Of what was on its way to the store some is done.
    pub(super) fn restart(&mut self) {
        for _ in 0..self.dice.below(8) {
            self.work();
        }
        self.faults.trace(|| "the power is cut".to_owned());
        self.errands = Errands::default();
        self.clients.clear();
        self.faults.ghosts.clear();
        self.voice.clear();
        self.told_voice.clear();
        self.carried = Carried::default();
        self.free = (0..self.people + 5).rev().collect();
        self.now.uptime = Duration::ZERO;
        self.last_said.clear();
        self.begin();
        self.note("restart");
    }

    /// Somebody has proved who he is, and these are his lists. He is let in unless something is against it.
    pub(super) fn sign_in(&mut self, number: u32, lists: Lists) {
        let Some(slot) = self.free.pop() else { return };
        self.tick();
        self.generation += 1;
        let conn = ConnId { slot, generation: self.generation };
        let Person { uid, .. } = person(number);
        let ban = self.ledger.ban(self.now.wall, number);
        let why_not = match ban {
            Some(_) => Some("kept out by a ban"),
            None if self.ledger.maintenance.is_some() && !is_staff(uid) => Some("kept out by maintenance"),
            None => None,
        };
        if ban.is_none() && self.ledger.bans.contains_key(&BanTarget::Account(uid)) {
            self.note("ban ran out");
        }
        // Whoever signs in a second time has the lists that he had a moment before.
        let mine = self.state.session_of(uid).map_or_else(
            || lists.clone(),
            |older| Lists { privacy: older.privacy, pals: older.pals.clone(), blocks: older.blocks.clone() },
        );
        let dialect = Dialect::ALL[[0, 0, 0, 1, 2, 3][self.dice.below(6)]];
        let status = if self.dice.percent(15) { Status::Invisible } else { Status::Online };
        self.clients.insert(conn, Client::new(conn, uid, dialect, mine));
        let named = |uids: &[Uid]| uids.iter().map(|uid| person(number_of(*uid))).collect();
        let sign_in = SignIn {
            person: person(number),
            dialect,
            roles: roles(number),
            privacy: lists.privacy,
            status,
            pals: named(&lists.pals),
            blocks: named(&lists.blocks),
            age_verified: false,
            nothing_as_of: None,
            peer: address(number).into(),
            local: [127, 0, 0, 1].into(),
            greeting: vec![ServerPacket::LoginSuccess],
        };
        self.apply(conn, Command::SignIn(Box::new(sign_in)));
        assert_eq!(self.clients.contains_key(&conn), why_not.is_none(), "{uid}: {why_not:?}");
        if let Some(why) = why_not {
            self.note(why);
        }
    }

    /// Nobody is inside who must not be.
    pub(super) fn check_doors(&self) {
        // Who was let in when it was later may be inside now that the clock was put back.
        let at = self.faults.latest.max(self.now.wall);
        for client in self.clients.values() {
            let ban = self.ledger.ban(at, number_of(client.uid));
            assert_eq!(ban, None, "{} is banned and inside", client.uid);
            let out = self.ledger.is_closed(self.now) && !is_staff(client.uid);
            assert!(!out, "{} is inside during maintenance", client.uid);
            let talks = matches!(client.phone, Phone::Talking(_));
            let restricted = self.ledger.muted(self.now, client.uid, MuteKind::Media);
            assert!(!(talks && restricted), "{} has no voice and is in a call", client.uid);
        }
        for (id, table) in &self.voice {
            for heard in table.members.iter().filter(|heard| heard.may_speak) {
                let muted = self.ledger.muted(self.now, heard.uid, MuteKind::Media);
                assert!(!muted, "{} has no voice and is heard in {id}", heard.uid);
            }
        }
    }
}
