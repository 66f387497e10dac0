//! What the voice service has to know: who is in which voice room, and who may speak there.
//!
//! The hub publishes a [`VoiceRoom`] whenever something in it has changed, once per turn. Speech
//! itself never passes through the hub: the voice service forwards it by these tables.
//!
//! Speech over UDP does not say for which room it is; it is taken for the newest of those rooms in
//! which the speaker has no voice connection. Who may not speak there is not heard in older ones
//! either: what was meant for one room must not turn up in another.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::model::{RoomId, Speakers, Timestamp, Uid};
use crate::protocol::{Dialect, ServerPacket, VoiceServer};
use crate::store::MuteKind;

use super::{ConnId, Effect, Effects, Room, Session, State};

/// One room as the voice service sees it. Never changed once it is published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoiceRoom {
    /// The room.
    pub id: RoomId,
    /// Who is inside, by ascending uid; nobody once the room has no voice any more.
    pub members: Box<[VoiceMember]>,
    /// How many may speak at once, as the room is set; 5.x plays one voice at a time.
    pub speakers: u16,
}

/// Somebody in a voice room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceMember {
    /// Who.
    pub uid: Uid,
    /// His chat connection.
    pub conn: ConnId,
    /// Where his client is, as his chat connection shows it.
    pub address: IpAddr,
    /// The UDP port on which his client hears voice; nothing is sent to port 0.
    pub udp_port: u16,
    /// Whether his voice is passed on.
    pub may_speak: bool,
    /// Whether the room's voice is sent to him: he has not switched it off.
    pub listens: bool,
    /// Whether his client was led to UDP by the probe, if the probe reached it.
    pub probed: bool,
}

/// Where clients find the voice service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceAccess {
    /// The address they are told; `None`: the one by which they reached the chat service.
    pub advertise: Option<Ipv4Addr>,
    /// The port for voice over UDP; 0 if there is none.
    pub udp_port: u16,
    /// The port for voice over TCP; 0 if there is none.
    pub tcp_port: u16,
    /// Whether clients are probed for UDP.
    pub probe: bool,
}

/// The voice service as the hub sees it. Both calls return at once.
pub trait VoicePlane: Send + Sync {
    /// These rooms have changed.
    fn publish(&self, rooms: Vec<Arc<VoiceRoom>>);

    /// Lead the client at this address to UDP, if it can be reached. A signed-in user in no room
    /// stands behind the address.
    fn probe(&self, address: IpAddr);
}

impl State {
    /// Switches voice on: clients are told of `access`.
    pub fn set_voice(&mut self, access: VoiceAccess) {
        self.voice = Some(access);
    }

    /// The room as it is published at `now`.
    pub(super) fn voice_room(&self, now: Timestamp, id: RoomId) -> VoiceRoom {
        let room = self.rooms.get(&id).filter(|room| room.kind.has_voice());
        let inside = room.map(|room| room.members.as_slice()).unwrap_or_default();
        let mut members: Box<[VoiceMember]> = inside
            .iter()
            .filter_map(|member| {
                let silenced = self.sanctions.mute(now, member.uid, MuteKind::Media).is_some();
                let session = self.session(member.conn)?;
                Some(VoiceMember {
                    uid: session.person.uid,
                    conn: member.conn,
                    address: session.peer.to_canonical(),
                    udp_port: member.udp_port,
                    may_speak: member.may_speak() && !silenced,
                    listens: !member.muted,
                    probed: session.probed,
                })
            })
            .collect();
        members.sort_unstable_by_key(|member| member.uid);
        let speakers = room.map_or(Speakers::ONE, |room| room.speakers).get();
        VoiceRoom { id, members, speakers }
    }

    /// Where the voice of a room is, for a user who has entered it; nothing for a text room.
    pub(super) fn voice_server(&self, session: &Session, room: &Room) -> Option<ServerPacket> {
        let access = self.voice.filter(|_| room.kind.has_voice())?;
        Some(ServerPacket::RoomVoiceConnInfo(VoiceServer {
            room: room.id,
            ip: access.advertise.unwrap_or(session.local),
            udp_port: access.udp_port,
            tcp_port: access.tcp_port,
        }))
    }

    /// Has the client of a user who is in no room probed for UDP: it takes what it heard into
    /// account when it enters the next room.
    pub(super) fn probe_voice(&mut self, conn: ConnId, effects: &mut Effects) {
        if !self.voice.is_some_and(|access| access.probe) {
            return;
        }
        if let Some(session) = self.session_mut(conn).filter(|session| session.rooms.is_empty()) {
            session.probed = true;
            effects.push(Effect::ProbeVoice(session.peer));
        }
    }

    /// The same for a user who was put out of a room: his client is out of it when it says so itself.
    pub(super) fn probe_put_out(&mut self, conn: ConnId, room: RoomId, effects: &mut Effects) {
        if let Some(session) = self.session_mut(conn) {
            session.put_out = Some(room);
        }
        self.probe_voice(conn, effects);
    }

    /// A client says that it has left a room in which its user is not: once it is right, if he was
    /// put out of it.
    pub(super) fn probe_late_leaver(&mut self, conn: ConnId, room: RoomId, effects: &mut Effects) {
        if self.session_mut(conn).is_some_and(|session| session.put_out.take_if(|it| *it == room).is_some()) {
            self.probe_voice(conn, effects);
        }
    }

    /// The voice connection of somebody who is in the room has ended: has his client open another.
    pub(super) fn voice_lost(&self, conn: ConnId, id: RoomId, effects: &mut Effects) {
        let (Some(room), Some(session)) = (self.rooms.get(&id), self.session(conn)) else { return };
        let Some(access) = self.voice.filter(|_| room.is_member(conn) && room.kind.has_voice()) else {
            return;
        };
        // 5.0 does not know VoiceReconnect; it comes back when it is told the place again.
        let packet = match session.dialect {
            Dialect::V50 => self.voice_server(session, room),
            _ => Some(ServerPacket::VoiceReconnect(id, access.tcp_port)),
        };
        if let Some(packet) = packet {
            effects.send(conn, packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hub::{Command, Person, RoomCommand, SignIn};
    use crate::model::{CategoryId, Nickname, Now, Privacy, Rating, Roles, RoomKind, RoomName, Status};

    const VOICE: RoomId = RoomId(50_001);
    const TEXT: RoomId = RoomId(50_002);

    fn room(id: RoomId, kind: RoomKind) -> Room {
        let room =
            Room::new(id, RoomName::new(b"A Room").unwrap(), kind, CategoryId(30_018), Rating::General);
        Room { permanent: true, ..room }
    }

    fn state(advertise: Option<Ipv4Addr>) -> State {
        let rooms = [room(VOICE, RoomKind::Voice), room(TEXT, RoomKind::Text)];
        let mut state = State::new(Vec::new(), rooms);
        state.set_voice(VoiceAccess { advertise, udp_port: 2090, tcp_port: 12718, probe: true });
        state
    }

    fn apply(state: &mut State, slot: u32, command: Command) -> Vec<Effect> {
        let now = Now { wall: Timestamp(0), uptime: Duration::ZERO };
        let mut effects = Effects::default();
        state.apply(now, conn(slot), command, &mut effects);
        state.check_invariants().unwrap();
        effects.drain().collect()
    }

    fn conn(slot: u32) -> ConnId {
        ConnId { slot, generation: 1 }
    }

    fn sign_in(state: &mut State, slot: u32, dialect: Dialect) -> Vec<Effect> {
        let nickname = Nickname::built_in(format!("User{slot}").as_bytes()).unwrap();
        let sign_in = SignIn {
            person: Person { uid: Uid(1_000_002 - slot), nickname },
            dialect,
            roles: Roles::default(),
            privacy: Privacy::All,
            status: Status::Online,
            pals: Vec::new(),
            blocks: Vec::new(),
            age_verified: false,
            nothing_as_of: None,
            peer: "::ffff:192.0.2.7".parse().unwrap(),
            local: [198, 51, 100, 1].into(),
            greeting: Vec::new(),
        };
        apply(state, slot, Command::SignIn(Box::new(sign_in)))
    }

    fn join(state: &mut State, slot: u32, room: RoomId) -> Vec<Effect> {
        let join = RoomCommand::Join { lockword: Vec::new(), invisible: false, udp_port: 2090 };
        apply(state, slot, Command::Room(room, join))
    }

    /// Where the effects say the voice is, if they do.
    fn told(effects: &[Effect]) -> Option<VoiceServer> {
        effects.iter().find_map(|effect| match effect {
            Effect::Send { packet: ServerPacket::RoomVoiceConnInfo(server), .. } => Some(*server),
            _ => None,
        })
    }

    fn probes(effects: &[Effect]) -> usize {
        effects.iter().filter(|effect| matches!(effect, Effect::ProbeVoice(_))).count()
    }

    #[test]
    fn who_enters_a_voice_room_is_told_where_the_voice_is() {
        for (advertise, ip) in [(None, [198, 51, 100, 1]), (Some([203, 0, 113, 5]), [203, 0, 113, 5])] {
            let mut state = state(advertise.map(Into::into));
            sign_in(&mut state, 1, Dialect::V50);
            let server = VoiceServer { room: VOICE, ip: ip.into(), udp_port: 2090, tcp_port: 12718 };
            assert_eq!(told(&join(&mut state, 1, VOICE)), Some(server));
            assert_eq!(told(&join(&mut state, 1, TEXT)), None);
        }
        let mut silent = State::new(Vec::new(), [room(VOICE, RoomKind::Voice)]);
        assert_eq!(probes(&sign_in(&mut silent, 1, Dialect::V50)), 0);
        assert_eq!(told(&join(&mut silent, 1, VOICE)), None);
    }

    #[test]
    fn what_is_published_is_who_may_speak_and_where_he_is() {
        let mut state = state(None);
        for slot in [1, 2] {
            sign_in(&mut state, slot, Dialect::V50);
            assert!(join(&mut state, slot, VOICE).iter().any(|it| matches!(it, Effect::VoiceChanged(VOICE))));
            join(&mut state, slot, TEXT);
        }
        let members = &mut state.rooms.get_mut(&VOICE).unwrap().members;
        members[0].mic = false;
        members[1].red_dot = true;
        let silenced = state.voice_room(Timestamp(0), VOICE);
        assert!(silenced.members.iter().all(|member| !member.may_speak));
        state.rooms.get_mut(&VOICE).unwrap().members[0].mic = true;
        let room = state.voice_room(Timestamp(0), VOICE);
        let expected = |slot: u32, may_speak| VoiceMember {
            uid: Uid(1_000_002 - slot),
            conn: conn(slot),
            address: [192, 0, 2, 7].into(),
            udp_port: 2090,
            may_speak,
            listens: true,
            probed: true,
        };
        assert_eq!(*room.members, [expected(2, false), expected(1, true)], "by uid");
        assert_eq!(state.voice_room(Timestamp(0), TEXT).members.len(), 0, "text has no voice");
        apply(&mut state, 1, Command::Disconnect);
        assert_eq!(*state.voice_room(Timestamp(0), VOICE).members, [expected(2, false)]);
    }

    #[test]
    fn a_client_is_probed_when_it_is_in_no_room() {
        let mut state = state(None);
        assert_eq!(probes(&sign_in(&mut state, 1, Dialect::V50)), 1);
        join(&mut state, 1, VOICE);
        join(&mut state, 1, TEXT);
        assert_eq!(probes(&apply(&mut state, 1, Command::Room(VOICE, RoomCommand::Leave))), 0);
        assert_eq!(probes(&apply(&mut state, 1, Command::Room(TEXT, RoomCommand::Leave))), 1);
        for room in [VOICE, TEXT, RoomId(7)] {
            assert_eq!(probes(&apply(&mut state, 1, Command::Room(room, RoomCommand::Leave))), 0);
        }
        join(&mut state, 1, VOICE);
        assert_eq!(probes(&apply(&mut state, 1, Command::Disconnect)), 0);
    }

    #[test]
    fn a_client_that_was_put_out_is_probed_again() {
        let mut state = state(None);
        for slot in [1, 2, 3] {
            sign_in(&mut state, slot, Dialect::V50);
        }
        let owner = state.session(conn(1)).unwrap().person;
        state.rooms.get_mut(&VOICE).unwrap().owner = Some(owner);
        for slot in [1, 2, 3] {
            join(&mut state, slot, VOICE);
        }
        join(&mut state, 3, TEXT);
        let person = |state: &State, slot| state.session(conn(slot)).unwrap().person;
        let bounce = RoomCommand::Bounce(person(&state, 2).uid);
        assert_eq!(probes(&apply(&mut state, 1, Command::Room(VOICE, bounce))), 1);
        // Its client is really out when it answers.
        assert_eq!(probes(&apply(&mut state, 2, Command::Room(TEXT, RoomCommand::Leave))), 0);
        assert_eq!(probes(&apply(&mut state, 2, Command::Room(VOICE, RoomCommand::Leave))), 1);
        assert_eq!(probes(&apply(&mut state, 2, Command::Room(VOICE, RoomCommand::Leave))), 0, "once");
        let ban = RoomCommand::Ban { target: person(&state, 3), staff: false };
        let effects = apply(&mut state, 1, Command::Room(VOICE, ban));
        assert_eq!(probes(&effects), 0, "he is in another room still");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(VOICE))));
        let effects = apply(&mut state, 1, Command::Room(VOICE, RoomCommand::Close));
        assert_eq!(probes(&effects), 1);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::VoiceChanged(VOICE))));
    }

    #[test]
    fn a_lost_voice_connection_is_asked_for_in_the_way_of_each_client() {
        let mut state = state(None);
        let lost = || Command::Room(VOICE, RoomCommand::VoiceLost);
        sign_in(&mut state, 1, Dialect::V50);
        sign_in(&mut state, 2, Dialect::V51);
        assert_eq!(apply(&mut state, 1, lost()).len(), 0, "he is not inside");
        join(&mut state, 1, VOICE);
        join(&mut state, 2, VOICE);
        assert!(told(&apply(&mut state, 1, lost())).is_some());
        let effects = apply(&mut state, 2, lost());
        let [Effect::Send { to, packet: ServerPacket::VoiceReconnect(VOICE, 12718) }] = effects.as_slice()
        else {
            panic!("{effects:?}");
        };
        assert_eq!(*to, conn(2));
    }
}
