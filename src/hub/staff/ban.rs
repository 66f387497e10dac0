//! Bans of networks, and lifting bans.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::model::{Author, CloseReason, Now, Timestamp};
use crate::store::{AuditTarget, Ban, BanTarget, Change};

use super::super::feed::{Event, EventKind};
use super::super::sanctions::{banned_text, because, entry, for_how_long, user};
use super::super::{ConnId, Effects, State};
use super::act::with_entry;
use super::{ActError, Actor, BanWhom, Permission, Via};

/// The shortest prefixes of networks that can be banned: more would keep out half the world.
const SHORTEST_V4: u8 = 8;
const SHORTEST_V6: u8 = 16;

impl State {
    #[allow(clippy::too_many_arguments, reason = "who, when and where, beside what")]
    pub(super) fn ban_network(
        &mut self,
        now: Now,
        actor: &Actor,
        network: IpNet,
        time: Option<Duration>,
        reason: &str,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let target = BanTarget::Network(network).canonical();
        let BanTarget::Network(network) = target else {
            return Err(ActError::Invalid("That is no network.".to_owned()));
        };
        let shortest = if network.addr().is_ipv4() { SHORTEST_V4 } else { SHORTEST_V6 };
        if network.prefix_len() < shortest {
            let text = format!("{network} is too large: /{shortest} is the shortest prefix.");
            return Err(ActError::Invalid(text));
        }
        let inside = |address: IpAddr| network.contains(&address.to_canonical());
        let concerned: Vec<_> = self.sessions().filter(|session| inside(session.peer)).collect();
        let safe = concerned.iter().find(|session| !actor.standing.outranks(session.roles));
        if let Some(safe) = safe {
            let text =
                format!("{} is connected from there and does not stand below you.", safe.person.nickname);
            let target = Some(AuditTarget::Network(network));
            self.note_refused(now, &actor.author, Permission::BanNetwork.name(), target, via, effects);
            return Err(ActError::Forbidden(text));
        }
        let conns: Vec<ConnId> = concerned.iter().map(|session| session.conn).collect();
        self.room_for_ban(now.wall, target)?;
        let ban = Ban {
            target,
            nickname: None,
            until: time.map(|time| now.wall.after(time)),
            reason: reason.to_owned(),
            by: actor.author.clone(),
            at: now.wall,
        };
        self.sanctions.bans().put(now.wall, ban.clone());
        let name = AuditTarget::Network(network).name();
        let event = Event::new(EventKind::Ban).by(&actor.author);
        effects.event(event.saying(because(&format!("{name} {}", for_how_long(time)), reason)));
        let told = banned_text(now.wall, &ban);
        let audited = Some(AuditTarget::Network(network));
        let details = format!("{}; {} put out", for_how_long(time), conns.len());
        let made = entry(now, "ban", actor.author.clone(), audited, reason.to_owned(), details);
        via.commit(with_entry(vec![Change::PutBan(ban)], made), effects);
        for conn in &conns {
            self.put_off(*conn, CloseReason::Banned, &told, effects);
        }
        Ok(format!("banned {name} {}, put {} out", for_how_long(time), conns.len()))
    }

    /// Says that there are too many bans for a new one, if there are.
    pub(super) fn room_for_ban(&self, now: Timestamp, target: BanTarget) -> Result<(), ActError> {
        let bans = self.sanctions.bans();
        if bans.of(now, target).is_none() && bans.is_full(now) {
            return Err(ActError::Invalid("There are too many bans. Lift some first.".to_owned()));
        }
        Ok(())
    }

    pub(super) fn unban(
        &mut self,
        now: Now,
        author: &Author,
        whom: &BanWhom,
        reason: String,
        via: &mut Via<'_>,
        effects: &mut Effects,
    ) -> Result<String, ActError> {
        let target = whom.target();
        let (audited, name) = match whom {
            BanWhom::User(subject) => (user(subject.person), subject.to_string()),
            BanWhom::Network(network) => {
                let audited = AuditTarget::Network(*network);
                let name = audited.name();
                (audited, name)
            }
        };
        let Some(ban) = self.sanctions.bans().of(now.wall, target) else {
            return Err(ActError::NotFound(format!("{name} is not banned.")));
        };
        self.sanctions.bans().lift(target);
        let event = Event::new(EventKind::Unban).by(author);
        effects.event(match whom {
            BanWhom::User(subject) => event.about(subject.person).saying(reason.clone()),
            BanWhom::Network(_) => event.saying(because(&name, &reason)),
        });
        let details = because(&format!("was banned by {}", ban.by), &ban.reason);
        let made = entry(now, "unban", author.clone(), Some(audited), reason, details);
        via.commit(with_entry(vec![Change::LiftBan { target }], made), effects);
        Ok(format!("lifted the ban of {name}"))
    }
}
