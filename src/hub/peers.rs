//! Files and calls between two users: who may, what rings, what is under way, and how it ends.
//!
//! The rules are here; the bytes go elsewhere. Where the server carries them itself, the rules say
//! so with [`RelayOrder`]s, and whoever carries them answers with [`RelayReport`]s.

mod calls;
mod files;
mod name;
pub(crate) mod orders;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::config::{CallMode, FileMode, Voice};
use crate::model::{Now, Status, Uid};
use crate::protocol::{PacketType, ServerPacket};

use super::{ConnId, Effects, Session, State};
use calls::Call;
use files::Transfer;
pub use name::{LONGEST_NAME, plain_name};
pub use orders::{FileEnd, FileRoute, Order, Orders, RelayOrder, RelayReport, orders};

/// The port on which clients expect voice and files (REAL-CLIENT, Voice, Port Settings). Control of
/// a call goes to the next one.
pub const CLIENT_PORT: u16 = 2090;
/// The code of refusals to somebody who is signed in (PROTOCOL 6.12).
const REFUSED: u16 = 0x78;

/// Calls, offers and invitations that one user may make in a row. Each opens a window on somebody's screen.
const RINGS: u32 = 10;
/// How long each of them counts.
const RING_COUNTS: Duration = Duration::from_secs(3);

/// The number of a file transfer, unique for the life of the daemon.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TransferId(pub u32);

/// Requests about calls and files.
#[derive(Debug)]
pub enum PeerCommand {
    /// Call somebody.
    Call {
        /// Whom.
        to: Uid,
        /// The port on which the caller hears.
        port: u16,
    },
    /// Take a call.
    AcceptCall {
        /// Who calls.
        from: Uid,
        /// The port on which the callee hears.
        port: u16,
    },
    /// Decline somebody's call.
    DeclineCall(Uid),
    /// End the call with somebody.
    HangUp(Uid),
    /// Offer somebody a file.
    OfferFile {
        /// Whom.
        to: Uid,
        /// Its name, as far as the client has told it: 5.x tells it only to the receiver.
        name: Option<Vec<u8>>,
    },
    /// Take a file.
    AcceptFile {
        /// Who offers it.
        from: Uid,
        /// The port on which the receiver listens.
        port: u16,
    },
    /// Refuse somebody's file, or be done with it.
    RejectFile(Uid),
    /// Take or refuse a file, 7 and later.
    AnswerFile {
        /// Who offers it.
        from: Uid,
        /// Which.
        transfer: TransferId,
        /// Whether it is taken.
        accept: bool,
    },
    /// Word from whoever carries a file.
    Relay(TransferId, RelayReport),
}

/// The calls and transfers there are.
#[derive(Debug, Default)]
pub struct Peers {
    rules: PeerRules,
    /// By caller.
    calls: HashMap<Uid, Call>,
    /// Who is in the call of which caller.
    in_call: HashMap<Uid, Uid>,
    transfers: BTreeMap<TransferId, Transfer>,
    last_transfer: u32,
    timers: BTreeSet<(Duration, Timer)>,
    /// Until when what users have rung for is paid; see [`Peers::may_ring`].
    paid: HashMap<Uid, Duration>,
}

/// Something that ends by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Timer {
    /// A call rings no longer; of this caller.
    Call(Uid),
    File(TransferId),
}

/// Why a call or file does not come about: the text for the user, or `None` if it must look as if
/// the other had declined.
type Refusal = Option<String>;

/// How calls and files go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PeerRules {
    /// How voice goes between the two sides of a call.
    pub calls: CallMode,
    /// How a file goes from one user to another.
    pub files: FileMode,
    /// The address of this server that clients are told; `None`: the one by which each reached it.
    pub advertise: Option<Ipv4Addr>,
}

impl PeerRules {
    /// The rules of a configuration.
    pub fn new(config: &Voice) -> PeerRules {
        PeerRules { calls: config.calls, files: config.files, advertise: config.advertise }
    }

    /// The address of this server for a client.
    fn told(&self, session: &Session) -> Ipv4Addr {
        self.advertise.unwrap_or(session.local)
    }
}

impl State {
    /// Sets how calls and files go. To be done before anybody signs in.
    #[must_use]
    pub fn with_peer_rules(mut self, rules: PeerRules) -> State {
        self.peers.rules = rules;
        self
    }

    /// Ends what has waited long enough.
    pub(super) fn end_overdue(&mut self, now: Now, effects: &mut Effects) {
        while let Some((due, timer)) = self.peers.timers.first().copied() {
            if due > now.uptime {
                return;
            }
            self.peers.timers.pop_first();
            match timer {
                Timer::Call(caller) => self.call_unanswered(caller, effects),
                Timer::File(transfer) => self.fail_transfer(transfer, effects),
            }
        }
    }

    pub(super) fn apply_peer(&mut self, now: Now, conn: ConnId, command: PeerCommand, effects: &mut Effects) {
        if let PeerCommand::Relay(transfer, report) = command {
            return self.file_report(now, transfer, report, effects);
        }
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        match command {
            PeerCommand::Call { to, port } => self.call(now, conn, to, port, effects),
            PeerCommand::AcceptCall { from, port } => self.accept_call(now, conn, from, port, effects),
            PeerCommand::DeclineCall(peer) | PeerCommand::HangUp(peer) => {
                self.leave_call(uid, peer, effects);
            }
            PeerCommand::OfferFile { to, name } => self.offer_file(now, conn, to, name, effects),
            PeerCommand::AcceptFile { from, port } => self.accept_file(now, conn, from, port, effects),
            PeerCommand::RejectFile(from) => self.reject_file(now, uid, from, effects),
            PeerCommand::AnswerFile { from, transfer, accept } => {
                self.answer_file(now, conn, from, transfer, accept, effects);
            }
            PeerCommand::Relay(..) => {}
        }
    }

    /// Ends what an order was for that nobody can follow: both sides are told, as if it had broken.
    pub(super) fn order_refused(&mut self, now: Now, order: RelayOrder, effects: &mut Effects) {
        match order {
            RelayOrder::OpenFile(route) => {
                self.file_report(now, route.transfer, RelayReport::Failed, effects);
            }
            RelayOrder::OpenCall([(a, _), (b, _)]) => self.call_failed(a, b, effects),
            RelayOrder::CloseFile(_) | RelayOrder::CloseCall(_) => {}
        }
    }

    /// Ends the calls and transfers of somebody who goes.
    pub(super) fn leave_peers(&mut self, conn: ConnId, effects: &mut Effects) {
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        if let Some(peer) = self.peers.peer_in_call(uid) {
            self.leave_call(uid, peer, effects);
        }
        self.drop_transfers(uid, None, effects);
    }

    /// Ends the calls and transfers of somebody who may have none now.
    pub(super) fn end_media(&mut self, uid: Uid, effects: &mut Effects) {
        if let Some(peer) = self.peers.peer_in_call(uid) {
            self.part(uid, peer, effects);
        }
        self.drop_transfers(uid, None, effects);
    }

    /// Ends what is between two users because one of them has blocked or ignores the other.
    pub(super) fn part(&mut self, uid: Uid, blocked: Uid, effects: &mut Effects) {
        if self.peers.peer_in_call(uid) == Some(blocked) {
            self.leave_call(uid, blocked, effects);
            // Nothing else would tell his own client that it is over.
            if let Some(session) = self.session_of(uid) {
                effects.send(session.conn, ServerPacket::VoiceCallHungUp(blocked));
            }
        }
        self.drop_transfers(uid, Some(blocked), effects);
    }

    /// The session of `to`, if `from` may know that it is there. Whoever is invisible or blocks
    /// `from` is shown to him as offline, so he cannot be told apart from those who are. Nor does
    /// anybody learn that he is ignored: calls and files of his are simply not taken.
    fn reachable(&self, from: &Session, to: Uid) -> Result<&Session, Refusal> {
        if to == from.person.uid {
            return Err(Some("This is yourself.".to_owned()));
        }
        if from.blocks_user(to) {
            return Err(Some("You have blocked this user. Unblock the user first.".to_owned()));
        }
        let there = self
            .session_of(to)
            .filter(|session| session.status != Status::Invisible && session.hears(from.person.uid));
        there.ok_or(None)
    }
}

impl Peers {
    /// When, in time since the start, the next of them has waited long enough.
    pub(super) fn due(&self) -> Option<Duration> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Who calls, is called, or has a file on its way.
    pub(super) fn busy(&self) -> HashSet<Uid> {
        let files = self.transfers.values().flat_map(|file| [file.sender, file.receiver]);
        self.in_call.keys().copied().chain(files).collect()
    }

    /// The other side of the call in which `uid` is.
    fn peer_in_call(&self, uid: Uid) -> Option<Uid> {
        let call = self.calls.get(self.in_call.get(&uid)?)?;
        Some(if call.caller == uid { call.callee } else { call.caller })
    }

    /// The call of `uid`: with whom, whether he is the caller, whether it was taken.
    #[cfg(test)]
    pub(super) fn call_of(&self, uid: Uid) -> Option<(Uid, bool, bool)> {
        let call = self.calls.get(self.in_call.get(&uid)?)?;
        Some((self.peer_in_call(uid)?, call.caller == uid, call.due.is_none()))
    }

    /// Whether there is such a transfer.
    #[cfg(test)]
    pub(super) fn has_transfer(&self, id: TransferId) -> bool {
        self.transfers.contains_key(&id)
    }

    /// Whether `uid` may open one more window on somebody's screen, or call for those who run the place,
    /// which counts if he may.
    pub(super) fn may_ring(&mut self, now: Now, uid: Uid) -> Result<(), Refusal> {
        // Not at the sign-out: whoever signs in again would ring for nothing.
        self.paid.retain(|_, paid| *paid > now.uptime);
        let paid = self.paid.entry(uid).or_default();
        let from = now.uptime.max(*paid);
        if from.saturating_sub(now.uptime) > RING_COUNTS * (RINGS - 1) {
            return Err(Some("You are asking too often. Wait a moment.".to_owned()));
        }
        *paid = from + RING_COUNTS;
        Ok(())
    }

    /// What must hold between commands. Returns the first thing that does not.
    pub(super) fn check_invariants(&self, online: impl Fn(Uid) -> bool) -> Result<(), String> {
        for call in self.calls.values() {
            for uid in [call.caller, call.callee] {
                if self.in_call.get(&uid) != Some(&call.caller) || !online(uid) {
                    return Err(format!("the call between {} and {} is not whole", call.caller, call.callee));
                }
            }
        }
        if self.in_call.len() != 2 * self.calls.len() {
            return Err("somebody is in no call and yet in one".to_owned());
        }
        for transfer in self.transfers.values() {
            if !online(transfer.sender) || !online(transfer.receiver) {
                return Err(format!("{} sends {} a file without both", transfer.sender, transfer.receiver));
            }
        }
        let calls = self.calls.iter().filter_map(|(caller, call)| Some((call.due?, Timer::Call(*caller))));
        let files = self.transfers.iter().filter_map(|(id, it)| Some((it.due?, Timer::File(*id))));
        if calls.chain(files).collect::<BTreeSet<_>>() != self.timers {
            return Err("calls and transfers do not end when they should".to_owned());
        }
        Ok(())
    }
}

/// The IPv4 address of a client, the only kind that 5.x can be told.
fn ipv4(address: IpAddr) -> Option<Ipv4Addr> {
    match address.to_canonical() {
        IpAddr::V4(address) if !address.is_unspecified() => Some(address),
        _ => None,
    }
}

/// Tells why not, if that may be told. The packet that ends the matter in the client follows.
fn explain(conn: ConnId, request: PacketType, why: Refusal, effects: &mut Effects) {
    if let Some(text) = why {
        effects.refuse(conn, request, REFUSED, &text);
    }
}
