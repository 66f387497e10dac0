//! The packet table: what each type of packet needs before anybody looks into it.
//!
//! One row for every type that a client can send. Checks that hold for a whole type live here and
//! nowhere else, so that a new packet cannot forget them.

use crate::protocol::PacketType as T;

/// How far a connection has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Not signed in.
    SigningIn,
    /// Signed in.
    Online,
}

/// When a type is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Before sign-in only.
    SigningIn,
    /// After sign-in only.
    Online,
    /// Always.
    Always,
}

/// What is done with a packet of a type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It has a handler.
    Handle,
    /// Nothing: it needs no answer, or asks for something whose refusal the client cannot show.
    Ignore,
    /// A video call is answered as declined (PROTOCOL 15.1).
    DeclineCall,
}

/// The row of one packet type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// When it is accepted; at other times it is counted and passed over.
    pub when: When,
    /// What is done with it.
    pub answer: Answer,
    /// Whether what it asks for passes the guard of messages ([`crate::hub::guard`]); commands that come as
    /// messages do not.
    pub guarded: bool,
}

impl Row {
    /// Whether a connection at `stage` may send the type.
    pub fn accepts(&self, stage: Stage) -> bool {
        match self.when {
            When::Always => true,
            When::SigningIn => stage == Stage::SigningIn,
            When::Online => stage == Stage::Online,
        }
    }
}

/// The row of `packet`. Types that only later clients send, and types without a known layout, are
/// ignored once the client is signed in.
pub fn row(packet: T) -> Row {
    use Answer::*;
    use When::*;
    let (when, answer) = match packet {
        T::CLIENT_HELLO
        | T::INTRODUCE_UID
        | T::GET_UID
        | T::INITIAL_STATUS
        | T::INITIAL_STATUS2
        | T::LOGIN => (SigningIn, Handle),
        T::REGISTRATION_PT5 => (SigningIn, Handle),
        T::PASSWORD_HINT | T::CLIENT_DISCONNECT => (Always, Handle),
        T::PT5_KEEPALIVE | T::LOGIN_ISSUE | T::PING => (Always, Ignore),
        // Registration of 7 and later has another flow, which is not offered.
        T::REGISTRATION_START
        | T::REGISTRATION_CHALLENGE_ACK
        | T::REGISTRATION_INFO
        | T::REGISTRATION_AD_INFO => (SigningIn, Ignore),

        T::PASSWORD_RESET_REQUEST | T::NEW_PASSWORD => (Online, Handle),
        T::BUDDY_ADD | T::BUDDY_REMOVE | T::BUDDY_BLOCK | T::BUDDY_UNBLOCK | T::BLOCKED_LIST_REQUEST => {
            (Online, Handle)
        }
        T::STATUS_SET_AWAY | T::STATUS_SET_ONLINE | T::STATUS_CHANGE | T::PRIVACY_SET => (Online, Handle),
        T::USER_INFO_REQUEST | T::USER_SEARCH | T::IM_OUT => (Online, Handle),
        T::LIST_CATEGORY | T::ROOM_JOIN | T::ROOM_LEAVE | T::ROOM_MESSAGE_OUT | T::ROOM_MEMBERS_REQUEST => {
            (Online, Handle)
        }

        T::ROOM_CREATE
        | T::ROOM_CLOSE_REQUEST
        | T::ROOM_JOIN_AS_ADMIN
        | T::ROOM_JOIN_FAVORITE
        | T::ROOM_INVITE_OUT
        | T::ROOM_SET_TOPIC => (Online, Handle),
        T::ROOM_HAND_UP | T::ROOM_HAND_DOWN | T::ROOM_LOWER_ALL_HANDS => (Online, Handle),
        T::ROOM_SET_ALL_MICS | T::ROOM_NEW_USER_MIC => (Online, Handle),
        T::ROOM_REDDOT_USER | T::ROOM_UNREDDOT_USER | T::ROOM_REDDOT_TEXT | T::ROOM_REDDOT_VIDEO => {
            (Online, Handle)
        }
        T::ROOM_BOUNCE_REASON | T::ROOM_BOUNCE_USER | T::ROOM_UNBOUNCE_USER => (Online, Handle),
        T::ROOM_BAN_USER | T::ROOM_BAN_NICK | T::ROOM_UNBAN_USER => (Online, Handle),
        T::ROOM_ADMIN_INFO_REQUEST | T::ROOM_GRANT_ADMIN => (Online, Handle),
        T::ROOM_REPORT_USER | T::ROOM_IGNORE_USER => (Online, Handle),
        // 7 and later.
        T::ROOM_JOIN_MINE | T::ROOM_PRIVATE_INVITE | T::ROOM_MUTE_TOGGLE => (Online, Handle),
        // The same number is what 5.x declines calls with; the parser tells them apart.
        T::ROOM_JOIN_AS_ADMIN_BY_ID => (Online, Handle),

        T::VIDEO_CALL_INIT => (Online, DeclineCall),
        T::VOICE_CALL_INIT | T::VOICE_CALL_ACCEPT | T::VOICE_CALL_REFUSE | T::VOICE_CALL_HANGUP => {
            (Online, Handle)
        }
        T::DCC_XFER_INIT | T::DCC_XFER_ACCEPT | T::DCC_XFER_REJECT => (Online, Handle),
        T::FILE_XFER_INIT | T::FILE_XFER_ANSWER => (Online, Handle),
        _ => (Online, Ignore),
    };
    let guarded = matches!(
        packet,
        T::ROOM_MESSAGE_OUT
            | T::IM_OUT
            | T::ROOM_INVITE_OUT
            | T::ROOM_PRIVATE_INVITE
            | T::DCC_XFER_INIT
            | T::FILE_XFER_INIT
            | T::VOICE_CALL_INIT
    );
    Row { when, answer, guarded }
}

/// What a packet counts against `limits.packets_per_second`: requests that are answered with lists,
/// for which the store has to look around, or that tell everybody in a room something about
/// everybody, count as several.
pub fn cost(packet: T) -> u8 {
    match packet {
        T::ROOM_PRIVATE_INVITE => 10,
        T::ROOM_JOIN | T::ROOM_JOIN_MINE | T::ROOM_MEMBERS_REQUEST | T::USER_SEARCH | T::REGISTRATION_PT5 => {
            5
        }
        T::ROOM_JOIN_AS_ADMIN | T::ROOM_JOIN_AS_ADMIN_BY_ID | T::ROOM_JOIN_FAVORITE | T::ROOM_CREATE => 5,
        T::ROOM_REDDOT_USER | T::ROOM_UNREDDOT_USER | T::ROOM_SET_ALL_MICS => 5,
        T::BUDDY_ADD | T::BUDDY_BLOCK | T::BUDDY_UNBLOCK | T::BLOCKED_LIST_REQUEST | T::LIST_CATEGORY => 3,
        T::ROOM_BAN_USER | T::ROOM_BAN_NICK => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use crate::hub::guard::ActKind;
    use crate::protocol::catalogue::{self, Direction};

    use super::*;

    #[test]
    fn nothing_but_signing_in_is_accepted_before_sign_in() {
        let allowed = catalogue::CATALOGUE
            .iter()
            .filter(|entry| entry.direction != Direction::ToClient)
            .filter(|entry| row(entry.packet_type).accepts(Stage::SigningIn))
            .count();
        assert_eq!(allowed, 16, "a row was added: is it needed before the user is known?");
    }

    #[test]
    fn nobody_signs_in_twice_on_one_connection() {
        for packet in [T::LOGIN, T::INITIAL_STATUS, T::REGISTRATION_PT5, T::GET_UID] {
            assert!(!row(packet).accepts(Stage::Online), "{packet}");
        }
    }

    #[test]
    fn every_way_into_a_room_costs_the_same() {
        for packet in [
            T::ROOM_JOIN_MINE,
            T::ROOM_JOIN_FAVORITE,
            T::ROOM_JOIN_AS_ADMIN,
            T::ROOM_JOIN_AS_ADMIN_BY_ID,
            T::ROOM_CREATE,
        ] {
            assert_eq!(cost(packet), cost(T::ROOM_JOIN), "{packet}");
        }
    }

    #[test]
    fn the_guard_judges_what_the_table_says() {
        for entry in catalogue::CATALOGUE.iter().filter(|entry| entry.direction != Direction::ToClient) {
            let judged = ActKind::ALL.iter().any(|kind| kind.packets().contains(&entry.packet_type));
            let row = row(entry.packet_type);
            assert_eq!(row.guarded, judged, "{}", entry.packet_type);
            assert!(!judged || row.when == When::Online, "{}", entry.packet_type);
        }
    }

    #[test]
    fn what_is_not_built_is_never_pretended() {
        assert!(!matches!(row(T::VIDEO_CALL_INIT).answer, Answer::Handle | Answer::Ignore));
    }
}
