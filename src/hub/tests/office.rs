//! The club with staff who type commands, and what becomes of them.

use super::club::*;
use super::*;
use crate::hub::lookup::{Finding, Known, Lookup};
use crate::hub::staff::{ActError, Action, Actor, Standing, Subject, Via};
use crate::model::{Author, Role, from_cp1252};
use crate::store::{AuditEntry, Sanctions};

pub(super) const ADMIN_STAFF: u32 = 5;
pub(super) const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn admin_roles() -> Roles {
    Roles::default().with(Role::Admin)
}

/// The club with an admin of the whole server outside.
pub(super) struct Office {
    pub(super) club: Club,
    pub(super) boss: ConnId,
}

impl Office {
    pub(super) fn new() -> Office {
        let mut club = Club::new();
        let boss = club.world.sign_in_with(ADMIN_STAFF, &[], |sign_in| sign_in.roles = admin_roles()).0;
        Office { club, boss }
    }

    pub(super) fn world(&mut self) -> &mut World {
        &mut self.club.world
    }

    /// Sends the service user a line.
    pub(super) fn type_as(&mut self, conn: ConnId, line: &str) -> Vec<Effect> {
        let command = DirectoryCommand::InstantMessage { to: Uid::SERVICE, text: message(line) };
        self.world().directory(conn, command)
    }

    pub(super) fn answer(&mut self, conn: ConnId, line: &str) -> String {
        let effects = self.type_as(conn, line);
        answers(&effects, conn)
    }

    /// Gives the command that waits for it what the store would say.
    pub(super) fn find(&mut self, effects: &[Effect], finding: Finding) -> Vec<Effect> {
        let Lookup { conn, typed, .. } = lookup(effects).clone();
        self.world().apply(conn, Command::Found(typed, Box::new(finding)))
    }

    pub(super) fn act(
        &mut self,
        standing: Standing,
        action: Action,
    ) -> (Result<String, ActError>, Vec<Effect>, Vec<Change>) {
        let author = Author::Operator { name: "root".to_owned(), uid: 0, address: None };
        let actor = Actor { author, standing };
        let (mut changes, mut effects) = (Vec::new(), Effects::default());
        let world = self.world();
        let result = world.state.act(world.now, &actor, action, &mut Via::Desk(&mut changes), &mut effects);
        world.state.check_invariants().unwrap();
        (result, effects.drain().collect(), changes)
    }

    pub(super) fn later(&mut self, time: Duration) {
        let now = &mut self.world().now;
        now.wall = now.wall.after(time);
        now.uptime += time;
    }
}

pub(super) fn lookup(effects: &[Effect]) -> &Lookup {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Lookup(lookup) => Some(&**lookup),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing was asked: {effects:?}"))
}

/// What the service user says, without markup.
pub(super) fn answers(effects: &[Effect], conn: ConnId) -> String {
    let lines = sent_to(effects, conn).into_iter().filter_map(|packet| match packet {
        ServerPacket::ImIn { sender: Uid::SERVICE, text, .. } => {
            Some(from_cp1252(&crate::protocol::markup::strip(text.as_bytes())).trim().to_owned())
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The entries for the audit log among some changes.
pub(super) fn entries<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<&'a AuditEntry> {
    let mut found = Vec::new();
    for change in changes {
        match change {
            Change::Audit(entry) => found.push(entry),
            Change::WithAudit { changes, entries: direct } => {
                found.extend(direct);
                found.extend(entries(changes));
            }
            _ => {}
        }
    }
    found
}

pub(super) fn actions(effects: &[Effect]) -> Vec<&str> {
    entries(commits(effects)).into_iter().map(|entry| entry.action.as_str()).collect()
}

pub(super) fn closed(effects: &[Effect]) -> Vec<(ConnId, CloseReason, String)> {
    let closed = effects.iter().filter_map(|effect| match effect {
        Effect::Close { conn, reason, last } => {
            let text = match last {
                ServerPacket::ServerDisconnect(text) => from_cp1252(text),
                ServerPacket::ReturnCode { request: PacketType::LOGIN, code: 0x63, data } => {
                    from_cp1252(data)
                }
                other => panic!("{other:?}"),
            };
            Some((*conn, *reason, text))
        }
        _ => None,
    });
    closed.collect()
}

pub(super) fn subject(number: u32, roles: Roles) -> Subject {
    Subject { person: person(number), roles }
}

pub(super) fn account(number: u32, roles: Roles) -> Finding {
    let (subject, sanctions) = (subject(number, roles), Sanctions::default());
    Finding::Account(Some(Box::new(Known { subject, created: Timestamp(0), sanctions })))
}
