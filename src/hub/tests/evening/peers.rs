//! Calls and files in an evening.

use super::*;
use crate::config::{CallMode, FileMode};
use crate::hub::peers::{PeerCommand, PeerRules, RelayOrder, RelayReport, TransferId};
use client::Phone;

/// What would be carried by the orders so far.
#[derive(Default)]
pub(super) struct Carried {
    calls: BTreeSet<[Uid; 2]>,
    /// With the connection in whose name reports are made, and whether the way is open.
    files: BTreeMap<TransferId, (ConnId, bool)>,
}

impl Carried {
    pub(super) fn follow(&mut self, order: RelayOrder) {
        match order {
            RelayOrder::OpenCall([(a, _), (b, _)]) => {
                let free = self.calls.iter().flatten().all(|party| ![a, b].contains(party));
                assert!(free && self.calls.insert([a, b]), "{a} or {b} is in another call");
            }
            RelayOrder::CloseCall(call) => assert!(self.calls.remove(&call), "{call:?} was not carried"),
            RelayOrder::OpenFile(route) => {
                assert!(self.files.insert(route.transfer, (route.conn, false)).is_none());
            }
            RelayOrder::CloseFile(id) => assert!(self.files.remove(&id).is_some(), "{id:?} was not carried"),
        }
    }
}

impl Evening {
    /// Calls and files go through the server or from one to the other.
    pub(super) fn set_rules(&mut self, direct: bool) {
        let rules = PeerRules {
            calls: if direct { CallMode::Direct } else { CallMode::Relay },
            files: if direct { FileMode::Direct } else { FileMode::Relay },
            advertise: None,
        };
        self.relayed = !direct;
        self.state = std::mem::take(&mut self.state).with_peer_rules(rules);
    }

    /// Somebody does something about calls or files.
    pub(super) fn ring(&mut self) {
        if self.guarded {
            // What is done within a moment breaks limits.
            self.pass(Duration::from_secs(3));
            self.tick();
        }
        let Some(mut conn) = self.anybody() else { return };
        let busy = |it: &&Client| it.phone != Phone::Quiet || !it.offers.is_empty();
        let busy: Vec<ConnId> = self.clients.values().filter(busy).map(|it| it.conn).collect();
        if self.dice.percent(65) {
            conn = self.dice.pick(&busy).copied().unwrap_or(conn);
        }
        let Some(other) = self.anybody().map(|conn| self.clients[&conn].uid) else { return };
        let other = if self.dice.percent(95) { other } else { person(self.people + 7).uid };
        let me = &self.clients[&conn];
        // Newer programs know no such calls.
        let calls = me.dialect <= Dialect::V51;
        // It rings for a minute, and few look at their telephones at the right moment.
        let what = match me.phone {
            Phone::Ringing(_) if self.dice.percent(30) => 3,
            Phone::Talking(_) if self.dice.percent(15) => 5,
            _ => self.dice.below(15),
        };
        match (what, me.phone) {
            (0..3, phone) if calls => {
                if matches!(phone, Phone::Quiet | Phone::Calling(_)) {
                    self.clients.get_mut(&conn).unwrap().phone = Phone::Calling(other);
                }
                self.peer(conn, PeerCommand::Call { to: other, port: 2090 });
            }
            (3 | 4, Phone::Ringing(from)) => {
                self.clients.get_mut(&conn).unwrap().phone = Phone::Talking(from);
                self.peer(conn, PeerCommand::AcceptCall { from, port: 2090 });
                self.note("call taken");
            }
            (5, Phone::Calling(peer) | Phone::Ringing(peer) | Phone::Talking(peer)) => {
                self.clients.get_mut(&conn).unwrap().phone.end(peer);
                let decline = self.dice.percent(50);
                let command =
                    if decline { PeerCommand::DeclineCall(peer) } else { PeerCommand::HangUp(peer) };
                self.peer(conn, command);
                self.note("call ended");
            }
            // About calls that there are not.
            (3..6, phone) if calls && phone == Phone::Quiet => {
                self.peer(conn, PeerCommand::AcceptCall { from: other, port: 1 });
                self.peer(conn, PeerCommand::HangUp(other));
            }
            (6 | 7, _) => {
                let name = (me.dialect > Dialect::V51).then(|| b"a.txt".to_vec());
                let from = me.uid;
                self.peer(conn, PeerCommand::OfferFile { to: other, name });
                // Most answer at once or never.
                let receiver = self.clients.values().find(|client| client.uid == other);
                if let (true, Some(receiver)) = (self.dice.percent(30), receiver.map(|it| it.conn)) {
                    self.answer_offer(receiver, Some(from));
                }
            }
            (8 | 9, _) => self.answer_offer(conn, None),
            // A file takes a moment, not an evening.
            _ => (0..4).for_each(|_| self.carry()),
        }
    }

    /// Answers what `from` has offered, or whoever has.
    fn answer_offer(&mut self, conn: ConnId, from: Option<Uid>) {
        let client = self.clients.get_mut(&conn).unwrap();
        let from = from.or_else(|| client.offers.keys().next().copied());
        let Some((from, id)) = from.and_then(|from| client.offers.remove_entry(&from)) else { return };
        let newer = client.dialect > Dialect::V51;
        let accept = self.dice.percent(70);
        let command = match (newer, accept) {
            (true, accept) => PeerCommand::AnswerFile { from, transfer: TransferId(id), accept },
            (false, true) => PeerCommand::AcceptFile { from, port: 2090 },
            (false, false) => PeerCommand::RejectFile(from),
        };
        self.peer(conn, command);
        if !newer && accept && self.dice.percent(50) {
            // He has it, or has had enough.
            self.peer(conn, PeerCommand::RejectFile(from));
        }
    }

    /// Something happens to a file on its way.
    fn carry(&mut self) {
        let files: Vec<TransferId> = self.carried.files.keys().copied().collect();
        let Some(id) = self.dice.pick(&files).copied() else { return };
        let (conn, open) = self.carried.files[&id];
        let report = match (open, self.dice.below(4)) {
            (false, 1..) => {
                self.carried.files.insert(id, (conn, true));
                RelayReport::Ready { sender: 4000, receiver: Some(4001) }
            }
            (true, 1..) => {
                self.carried.files.remove(&id);
                self.note("file carried");
                RelayReport::Complete
            }
            _ => {
                self.carried.files.remove(&id);
                RelayReport::Failed
            }
        };
        self.peer(conn, PeerCommand::Relay(id, report));
    }

    fn peer(&mut self, conn: ConnId, command: PeerCommand) {
        self.apply(conn, Command::Peer(command));
    }

    /// What every client shows of its call is so, and what is carried is what there is.
    pub(super) fn check_peers(&self) {
        let mut taken = 0;
        for client in self.clients.values() {
            let there = match self.state.peers.call_of(client.uid) {
                None => Phone::Quiet,
                Some((peer, _, true)) => Phone::Talking(peer),
                Some((peer, true, false)) => Phone::Calling(peer),
                Some((peer, false, false)) => Phone::Ringing(peer),
            };
            assert_eq!(client.phone, there, "{} sees the call wrongly", client.uid);
            let session = self.state.session(client.conn).unwrap();
            match there {
                Phone::Ringing(peer) => assert!(session.hears(peer), "{} is rung by {peer}", client.uid),
                Phone::Talking(peer) => {
                    assert!(!session.blocks_user(peer), "{} talks with {peer}", client.uid);
                    taken += 1;
                    let parties = [client.uid, peer];
                    let carried = |call: &[Uid; 2]| parties.iter().all(|party| call.contains(party));
                    assert_eq!(self.carried.calls.iter().any(carried), self.relayed);
                }
                Phone::Quiet | Phone::Calling(_) => {}
            }
        }
        // Calls of those who are gone without anybody knowing go on.
        for ghost in self.faults.ghosts.iter().filter_map(|ghost| self.state.session(*ghost)) {
            let call = self.state.peers.call_of(ghost.person.uid);
            taken += usize::from(matches!(call, Some((_, _, true))));
        }
        assert_eq!(2 * self.carried.calls.len(), if self.relayed { taken } else { 0 });
        for id in self.carried.files.keys() {
            assert!(self.state.peers.has_transfer(*id), "{id:?} is carried and belongs to nobody");
        }
    }

    /// By the tables of the voice service nobody is heard who may not be.
    pub(super) fn check_speech(&self) {
        for (id, table) in &self.voice {
            for heard in &table.members {
                let room = self.state.room(*id).expect("a table of no room");
                let member = room.member(heard.conn).expect("a voice from outside");
                assert_eq!((member.uid, heard.uid), (heard.uid, member.uid));
                let shown_as = member.mic && !member.red_dot;
                let restricted = self.ledger.muted(self.now, heard.uid, MuteKind::Media);
                let entitled = shown_as && !restricted;
                assert_eq!(heard.may_speak, entitled, "{} is heard in {id}, or is not", member.uid);
                if self.faults.is_ghost(heard.conn) {
                    continue;
                }
                let shown = &self.clients[&heard.conn].windows[id].users[&heard.uid];
                assert_eq!(shown.wall, !shown_as, "the client of {} says otherwise", heard.uid);
            }
        }
    }
}
