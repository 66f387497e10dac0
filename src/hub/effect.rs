use std::net::IpAddr;

use crate::model::{CloseReason, Obstacle, RoomId, Uid, to_cp1252};
use crate::protocol::{PacketType, ServerPacket};
use crate::store::{AsOf, Change};

use super::ConnId;
use super::closed::Ended;
use super::feed::Event;
use super::lookup::Lookup;
use super::peers::RelayOrder;

/// Something that has to happen outside the state, in the order of the list.
#[derive(Debug)]
pub enum Effect {
    /// A packet to one connection.
    Send {
        /// To whom.
        to: ConnId,
        /// What.
        packet: ServerPacket,
    },
    /// A packet to everybody in a room, encoded once.
    ToRoom {
        /// Which room.
        room: RoomId,
        /// Who is left out.
        except: Option<ConnId>,
        /// What.
        packet: ServerPacket,
    },
    /// A packet to several connections, encoded once.
    ToMany {
        /// To whom.
        to: Vec<ConnId>,
        /// What.
        packet: ServerPacket,
    },
    /// A change that has to become durable. Whatever is sent to `conn` after this waits until it
    /// is, so that every acknowledgement follows its commit.
    Commit {
        /// The connection that asked.
        conn: ConnId,
        /// The request, for the return code if the store refuses.
        request: PacketType,
        /// The change.
        change: Change,
    },
    /// Deliver what was kept for the user while he was away, in this place of his outbox.
    LoadOffline {
        /// His connection.
        conn: ConnId,
        /// The user.
        uid: Uid,
        /// When nothing was kept for him.
        nothing_as_of: Option<AsOf>,
    },
    /// End a connection.
    Close {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
        /// What the client is told.
        last: ServerPacket,
    },
    /// Who may hear or speak in a voice room has changed.
    VoiceChanged(RoomId),
    /// Lead the client at this address to voice over UDP, if it can be reached.
    ProbeVoice(IpAddr),
    /// Something for those who carry files and calls.
    Relay(RelayOrder),
    /// Something that a command needs from the store before it can be run.
    Lookup(Box<Lookup>),
    /// A change that is to become durable and for which nobody waits.
    Keep(Change),
    /// A message was accepted, for the counters.
    Accepted,
    /// The guard has refused something, for the counters.
    Refused(Obstacle),
    /// What the guard goes by has been changed in the store and is to be put in force.
    RenewRules,
    /// A session is over.
    Ended {
        /// Its connection.
        conn: ConnId,
        /// What is known of it.
        ended: Box<Ended>,
    },
    /// Something that those who run the place may want to know.
    Event(Box<Event>),
}

/// The effects of one command, in order.
#[derive(Debug, Default)]
pub struct Effects(Vec<Effect>);

impl Effects {
    /// Adds an effect.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    /// Adds a packet to one connection.
    pub fn send(&mut self, to: ConnId, packet: ServerPacket) {
        self.push(Effect::Send { to, packet });
    }

    /// Adds a line for those who run the place.
    pub fn event(&mut self, event: Event) {
        self.push(Effect::Event(Box::new(event)));
    }

    /// Adds a refusal that the user reads: ReturnCode with `text` (PROTOCOL 6.12).
    pub fn refuse(&mut self, to: ConnId, request: PacketType, code: u16, text: &str) {
        self.send(to, ServerPacket::ReturnCode { request, code, data: to_cp1252(text) });
    }

    /// Takes all effects out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> + '_ {
        self.0.drain(..)
    }
}
