//! The one list of what staff may do.

use serde::{Deserialize, Serialize};

use crate::model::{Role, Roles};

/// How high somebody stands. Each may do what those before may; staff act on nobody of their own standing
/// or above, operators on everybody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Keeps order.
    Moderator,
    /// Runs the chat.
    Admin,
    /// Runs the machine.
    Operator,
}

impl Standing {
    /// The standing of an account with these roles, if it belongs to the staff.
    pub fn of(roles: Roles) -> Option<Standing> {
        if roles.contains(Role::Admin) {
            Some(Standing::Admin)
        } else {
            roles.contains(Role::Moderator).then_some(Standing::Moderator)
        }
    }

    /// Whether somebody of this standing may act on an account with these roles.
    pub fn outranks(self, roles: Roles) -> bool {
        self == Standing::Operator || Standing::of(roles).is_none_or(|other| other < self)
    }

    /// The name in the plural, for refusals.
    pub fn plural(self) -> &'static str {
        match self {
            Standing::Moderator => "moderators",
            Standing::Admin => "admins",
            Standing::Operator => "operators",
        }
    }
}

/// Something for which one has to belong to those who run the place.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Permission {
    /// See who is here, from where, and what is held against people.
    Look,
    /// Disconnect people.
    Kick,
    /// Mute, and unmute.
    Mute,
    /// Warn, and forget warnings.
    Warn,
    /// Forget strikes and offences.
    Clear,
    /// Ban accounts, and lift that.
    Ban,
    /// Ban addresses and networks, and lift that.
    BanNetwork,
    /// Put everybody out of a room.
    CloseRoom,
    /// Give a room a password, or take it.
    LockRoom,
    /// Slow a room down.
    RoomSlowmode,
    /// Slow everybody down.
    ServerSlowmode,
    /// Say something to a room as the server.
    RoomBroadcast,
    /// Say something to everybody.
    Broadcast,
    /// Keep everybody but staff out.
    Maintenance,
    /// Change the detectors, and whom they pass over.
    Antispam,
    /// Change the filters.
    Filters,
    /// Say which links may always be posted.
    Links,
    /// Read the audit log.
    Audit,
    /// Make, change and delete permanent rooms.
    Rooms,
}

impl Permission {
    /// All permissions with their names and the lowest standing that has them.
    pub const ALL: [(Permission, &'static str, Standing); 19] = [
        (Permission::Look, "look", Standing::Moderator),
        (Permission::Kick, "kick", Standing::Moderator),
        (Permission::Mute, "mute", Standing::Moderator),
        (Permission::Warn, "warn", Standing::Moderator),
        (Permission::Clear, "clear", Standing::Moderator),
        (Permission::Ban, "ban", Standing::Admin),
        (Permission::BanNetwork, "ban_network", Standing::Admin),
        (Permission::CloseRoom, "close_room", Standing::Moderator),
        (Permission::LockRoom, "lock_room", Standing::Admin),
        (Permission::RoomSlowmode, "room_slowmode", Standing::Moderator),
        (Permission::ServerSlowmode, "server_slowmode", Standing::Admin),
        (Permission::RoomBroadcast, "room_broadcast", Standing::Moderator),
        (Permission::Broadcast, "broadcast", Standing::Admin),
        (Permission::Maintenance, "maintenance", Standing::Admin),
        (Permission::Antispam, "antispam", Standing::Admin),
        (Permission::Filters, "filters", Standing::Admin),
        (Permission::Links, "links", Standing::Admin),
        (Permission::Audit, "audit", Standing::Admin),
        (Permission::Rooms, "rooms", Standing::Operator),
    ];

    /// The lowest standing that has it.
    pub fn needs(self) -> Standing {
        let row = Permission::ALL.iter().find(|(permission, ..)| *permission == self);
        row.map_or(Standing::Operator, |(.., standing)| *standing)
    }

    /// The name in the audit log.
    pub fn name(self) -> &'static str {
        let row = Permission::ALL.iter().find(|(permission, ..)| *permission == self);
        row.map_or("", |(_, name, _)| name)
    }

    /// What somebody reads who does not have it.
    pub fn refusal(self) -> String {
        format!("Only {} can do that.", self.needs().plural())
    }
}

impl Standing {
    /// Whether somebody of this standing has `permission`.
    pub fn has(self, permission: Permission) -> bool {
        self >= permission.needs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_one_row_and_one_name() {
        for (index, (permission, name, standing)) in Permission::ALL.into_iter().enumerate() {
            assert_eq!(permission as usize, index, "the rows stand in the order of the type");
            assert_eq!((permission.name(), permission.needs()), (name, standing));
            assert!(Standing::Operator.has(permission));
        }
        let names: std::collections::HashSet<_> = Permission::ALL.iter().map(|row| row.1).collect();
        assert_eq!(names.len(), Permission::ALL.len());
    }

    #[test]
    fn who_may_do_what() {
        let of = |standing: Standing| {
            let rows = Permission::ALL.into_iter().filter(|(permission, ..)| standing.has(*permission));
            rows.map(|(_, name, _)| name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(Standing::Moderator),
            "look kick mute warn clear close_room room_slowmode room_broadcast"
        );
        assert_eq!(
            of(Standing::Admin),
            "look kick mute warn clear ban ban_network close_room lock_room room_slowmode \
             server_slowmode room_broadcast broadcast maintenance antispam filters links audit"
        );
        assert_eq!(of(Standing::Operator), of(Standing::Admin) + " rooms");
    }

    #[test]
    fn nobody_acts_on_his_own_standing_or_above_but_operators() {
        let roles = |roles: &[Role]| roles.iter().copied().collect::<Roles>();
        for (target, moderator, admin) in [
            (roles(&[]), true, true),
            (roles(&[Role::Trusted]), true, true),
            (roles(&[Role::Moderator]), false, true),
            (roles(&[Role::Admin]), false, false),
            (roles(&[Role::Moderator, Role::Admin, Role::Trusted]), false, false),
        ] {
            assert_eq!(Standing::Moderator.outranks(target), moderator, "{target:?}");
            assert_eq!(Standing::Admin.outranks(target), admin, "{target:?}");
            assert!(Standing::Operator.outranks(target));
        }
    }
}
