//! Voice calls of 5.x (REAL-CLIENT, Pal-to-pal voice call).

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::config::CallMode;
use crate::model::{Now, Privacy, Uid};
use crate::protocol::{CallRequest, Dialect, PacketType, PeerAddress, ServerPacket};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{ConnId, Effect, Effects, Session, State};
use super::{CLIENT_PORT, Refusal, RelayOrder, Timer, explain, ipv4};

/// How long a call rings.
pub(super) const RINGING: Duration = Duration::from_secs(60);
/// 5.0 takes ports as signed numbers and complains about larger ones.
const LAST_PORT: u16 = 32_767;

/// A call that rings or goes on. Everybody is in one at most, as the clients are.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Uid,
    pub(super) callee: Uid,
    /// When it stops ringing; `None` once it was taken.
    pub(super) due: Option<Duration>,
    /// Whether the server carries the voice.
    relayed: bool,
}

/// What the clients are told of each other's place.
struct Places {
    /// Where the caller sends.
    callee: Ipv4Addr,
    /// Where the callee sends.
    caller: Ipv4Addr,
}

impl State {
    pub(super) fn call(&mut self, now: Now, conn: ConnId, to: Uid, port: u16, effects: &mut Effects) {
        let Some(caller) = self.session(conn) else { return };
        let (uid, nickname) = (caller.person.uid, caller.person.nickname);
        let mine = self.peers.in_call.get(&uid).and_then(|caller| self.peers.calls.get(caller));
        if let Some(call) = mine.filter(|call| call.caller == uid && call.due.is_some()) {
            if call.callee == to {
                return;
            }
            // One who calls somebody else has given up on the first, whatever his client said.
            let first = call.callee;
            self.leave_call(uid, first, effects);
        }
        // Before anything that depends on the callee: a refusal must not tell whether he is there.
        let judged = self.judge(now, conn, Asked::new(ActKind::Call), effects);
        let found = judged.map_err(Some).and_then(|()| self.may_call(conn, to));
        let found = found.and_then(|found| self.peers.may_ring(now, uid).map(|()| found));
        let (callee, places) = match found {
            Ok(found) => found,
            Err(why) => {
                explain(conn, PacketType::VOICE_CALL_INIT, why, effects);
                return effects.send(conn, ServerPacket::VoiceCallRejected(to));
            }
        };
        let due = now.uptime + RINGING;
        let relayed = self.peers.rules.calls == CallMode::Relay;
        self.peers.calls.insert(uid, Call { caller: uid, callee: to, due: Some(due), relayed });
        self.peers.in_call.extend([(uid, uid), (to, uid)]);
        self.peers.timers.insert((due, Timer::Call(uid)));
        let request = CallRequest {
            caller: uid,
            nickname,
            ip: places.caller,
            port: if relayed { CLIENT_PORT } else { voice_port(port) },
        };
        effects.send(callee, ServerPacket::VoiceCallRequest(Box::new(request)));
    }

    fn may_call(&self, conn: ConnId, to: Uid) -> Result<(ConnId, Places), Refusal> {
        let caller = self.session(conn).ok_or(None)?;
        if self.peers.rules.calls == CallMode::Off {
            return Err(Some("There are no voice calls on this server.".to_owned()));
        }
        let callee = self.reachable(caller, to)?;
        let name = callee.person.nickname;
        if callee.dialect > Dialect::V51 {
            return Err(Some(format!("{name} has a newer program, which knows no such calls.")));
        }
        if callee.privacy == Privacy::Pals && !callee.has_pal(caller.person.uid) {
            return Err(Some(format!("{name} accepts calls only from pals.")));
        }
        match self.peers.peer_in_call(caller.person.uid) {
            Some(peer) if peer == to => return Err(Some(format!("You are in a call with {name} already."))),
            Some(_) => return Err(Some("You are in a call already. Hang up first.".to_owned())),
            None => {}
        }
        if self.peers.in_call.contains_key(&to) {
            return Err(Some(format!("{name} is in another call.")));
        }
        let places = self.places(caller, callee).ok_or_else(|| {
            let text = match self.peers.rules.calls {
                CallMode::Relay => "is at the same address as you, or one of you has none that calls can use",
                _ => "or you have no address that calls can use (IPv4)",
            };
            Some(format!("{name} {text}."))
        })?;
        Ok((callee.conn, places))
    }

    fn places(&self, caller: &Session, callee: &Session) -> Option<Places> {
        let (caller_at, callee_at) = (ipv4(caller.peer)?, ipv4(callee.peer)?);
        if self.peers.rules.calls != CallMode::Relay {
            return Some(Places { callee: callee_at, caller: caller_at });
        }
        // Both hear on the same fixed ports, so behind one address they could not be told apart.
        let known = |session: &Session| ipv4(self.peers.rules.told(session).into());
        (caller_at != callee_at).then_some(Places { callee: known(caller)?, caller: known(callee)? })
    }

    pub(super) fn accept_call(
        &mut self,
        now: Now,
        conn: ConnId,
        from: Uid,
        port: u16,
        effects: &mut Effects,
    ) {
        let Some(uid) = self.session(conn).map(|callee| callee.person.uid) else { return };
        if let Some(why) = self.no_media(now, uid) {
            effects.refuse(conn, PacketType::VOICE_CALL_ACCEPT, super::REFUSED, &why);
            effects.send(conn, ServerPacket::VoiceCallHungUp(from));
            return self.leave_call(uid, from, effects);
        }
        let Some(callee) = self.session(conn) else { return };
        let rings = |call: &Call| call.callee == uid && call.due.is_some();
        let found = self.peers.calls.get(&from).filter(|call| rings(call)).and_then(|call| {
            let caller = self.session_of(from)?;
            Some((caller, self.places(caller, callee)?, call.relayed))
        });
        let Some((caller, places, relayed)) = found else {
            if self.peers.peer_in_call(uid) != Some(from) {
                // Without this the client would wait for a voice that never comes.
                effects.refuse(conn, PacketType::VOICE_CALL_ACCEPT, super::REFUSED, "This call is over.");
                effects.send(conn, ServerPacket::VoiceCallHungUp(from));
            }
            return;
        };
        let address = PeerAddress {
            peer: uid,
            ip: places.callee,
            port: if relayed { CLIENT_PORT } else { voice_port(port) },
        };
        if relayed && let (Some(a), Some(b)) = (ipv4(caller.peer), ipv4(callee.peer)) {
            effects.push(Effect::Relay(RelayOrder::OpenCall([(from, a), (uid, b)])));
        }
        effects.send(caller.conn, ServerPacket::VoiceCallAccepted(address));
        if let Some(due) = self.peers.calls.get_mut(&from).and_then(|call| call.due.take()) {
            self.peers.timers.remove(&(due, Timer::Call(from)));
        }
    }

    /// `uid` wants no call with `peer`, or no longer; nothing if there is none between them.
    pub(super) fn leave_call(&mut self, uid: Uid, peer: Uid, effects: &mut Effects) {
        if self.peers.peer_in_call(uid) != Some(peer) {
            return;
        }
        let Some(call) = self.remove_call(uid, effects) else { return };
        let Some(other) = self.session_of(peer) else { return };
        // A caller whose call was never taken is told that it was declined.
        let declined = call.due.is_some() && call.caller == peer;
        effects.send(
            other.conn,
            if declined { ServerPacket::VoiceCallRejected(uid) } else { ServerPacket::VoiceCallHungUp(uid) },
        );
    }

    /// The call of `caller` has rung for long enough. Its timer is gone already.
    pub(super) fn call_unanswered(&mut self, caller: Uid, effects: &mut Effects) {
        let Some(call) = self.remove_call(caller, effects) else { return };
        if let Some(session) = self.session_of(caller) {
            effects.send(session.conn, ServerPacket::VoiceCallRejected(call.callee));
        }
        if let Some(session) = self.session_of(call.callee) {
            effects.send(session.conn, ServerPacket::VoiceCallHungUp(caller));
        }
    }

    /// The voice of a call that was taken cannot be carried.
    pub(super) fn call_failed(&mut self, a: Uid, b: Uid, effects: &mut Effects) {
        if self.peers.peer_in_call(a) != Some(b) {
            return;
        }
        if let Some(call) = self.peers.in_call.get(&a).and_then(|caller| self.peers.calls.get_mut(caller)) {
            // Nothing is carried, so nothing is to be closed.
            call.relayed = false;
        }
        self.remove_call(a, effects);
        for (uid, peer) in [(a, b), (b, a)] {
            let Some(session) = self.session_of(uid) else { continue };
            let text = "The server cannot carry this call now. Try again later.";
            effects.refuse(session.conn, PacketType::VOICE_CALL_INIT, super::REFUSED, text);
            effects.send(session.conn, ServerPacket::VoiceCallHungUp(peer));
        }
    }

    fn remove_call(&mut self, party: Uid, effects: &mut Effects) -> Option<Call> {
        let caller = *self.peers.in_call.get(&party)?;
        let call = self.peers.calls.remove(&caller)?;
        self.peers.in_call.remove(&call.caller);
        self.peers.in_call.remove(&call.callee);
        match call.due {
            Some(due) => _ = self.peers.timers.remove(&(due, Timer::Call(caller))),
            None if call.relayed => {
                effects.push(Effect::Relay(RelayOrder::CloseCall([call.caller, call.callee])));
            }
            None => {}
        }
        Some(call)
    }
}

/// The port that a client announced, or the usual one if no client could use it.
fn voice_port(announced: u16) -> u16 {
    if (1..LAST_PORT).contains(&announced) { announced } else { CLIENT_PORT }
}
