//! File transfers: of 5.x (REAL-CLIENT, File transfer), of 7 and later (PROTOCOL 13.2), and from
//! one to the other through the server.

mod table;

use std::time::Duration;

use crate::config::FileMode;
use crate::model::{Now, Privacy, Uid, to_cp1252};
use crate::protocol::{Dialect, FileRequest, PacketType, PeerAddress, ServerPacket};

use super::super::acts::Asked;
use super::super::guard::ActKind;
use super::super::{ConnId, Effect, Effects, Session, State};
use super::{
    CLIENT_PORT, FileEnd, FileRoute, Refusal, RelayOrder, RelayReport, TransferId, explain, ipv4, plain_name,
};
use table::Stage;
pub(super) use table::Transfer;

/// How long an offer stands.
pub(super) const OFFER: Duration = Duration::from_secs(2 * 60);
/// How long the way of a file may take to open.
const OPENING: Duration = Duration::from_secs(10);
/// How long the last bytes may take after the receiver is done.
pub(super) const CLOSING: Duration = Duration::from_secs(15);
/// How long a receiver may take to say that he is done with a file that he has. Between two clients
/// it is not known when he has it.
pub(super) const LAST_WORD: Duration = CLOSING;
const LAST_WORD_DIRECT: Duration = Duration::from_secs(2 * 60);
/// Files that one user may be sending, and that may be on their way to one user.
pub(super) const MAX_PER_USER: usize = 4;
/// Transfers in all.
const MAX_TRANSFERS: usize = 1000;
/// Below it are services of the system, not clients.
const FIRST_PORT: u16 = 1024;

impl State {
    pub(super) fn offer_file(
        &mut self,
        now: Now,
        conn: ConnId,
        to: Uid,
        name: Option<Vec<u8>>,
        effects: &mut Effects,
    ) {
        let Some(sender) = self.session(conn) else { return };
        let person = sender.person;
        // Before anything that depends on the receiver: a refusal must not tell whether he is there.
        let judged = self.judge(now, conn, Asked::new(ActKind::FileOffer), effects);
        let found = judged.map_err(Some).and_then(|()| self.may_send(conn, to));
        let found = found.and_then(|found| self.peers.may_ring(now, person.uid).map(|()| found));
        let receiver = match found {
            Ok(receiver) => receiver,
            Err(why) => {
                let Some(sender) = self.session(conn) else { return };
                return refuse_offer(sender, to, why, effects);
            }
        };
        // The answer names nobody but the sender, so of two offers the second is the one that counts.
        if let Some(earlier) = self.find_transfer(person.uid, to) {
            self.remove_transfer(earlier);
        }
        self.peers.last_transfer = self.peers.last_transfer.wrapping_add(1);
        let id = TransferId(self.peers.last_transfer);
        let transfer = Transfer { sender: person.uid, receiver: to, stage: Stage::Offered, due: None };
        self.peers.transfers.insert(id, transfer);
        self.set_stage(id, Stage::Offered, Some(now.uptime + OFFER));
        let Some(receiver) = self.session(receiver) else { return };
        let packet = if speaks_lines(receiver) {
            let name = plain_name(&name.unwrap_or_default());
            ServerPacket::FileXferRequest(person.uid, id.0, name, person.nickname)
        } else {
            let request = FileRequest { sender: person.uid, nickname: person.nickname };
            ServerPacket::DccXferRequest(Box::new(request))
        };
        effects.send(receiver.conn, packet);
    }

    fn may_send(&self, conn: ConnId, to: Uid) -> Result<ConnId, Refusal> {
        let sender = self.session(conn).ok_or(None)?;
        let uid = sender.person.uid;
        if self.peers.rules.files == FileMode::Off {
            return Err(Some("Files cannot be sent on this server.".to_owned()));
        }
        let receiver = self.reachable(sender, to)?;
        let name = receiver.person.nickname;
        if receiver.privacy != Privacy::All && !receiver.has_pal(uid) {
            return Err(Some(format!("{name} accepts files only from pals.")));
        }
        let comes = |session: &Session| ipv4(session.local.into()).is_some();
        let possible = match self.peers.rules.files {
            FileMode::Direct if speaks_lines(sender) || speaks_lines(receiver) => {
                return Err(Some(format!(
                    "Your program and that of {name} send files only through a server."
                )));
            }
            FileMode::Direct => ipv4(receiver.peer).is_some(),
            _ => comes(sender) && (!speaks_lines(receiver) || comes(receiver)),
        };
        if !possible {
            return Err(Some(format!("{name} or you have no address that files can use (IPv4).")));
        }
        let all = self.peers.transfers.values().filter(|it| it.stage != Stage::Carried);
        let pair = all.clone().find(|it| it.sender == uid && it.receiver == to);
        if pair.is_some_and(|transfer| transfer.stage != Stage::Offered) {
            return Err(Some(format!("Wait until {name} has your other file.")));
        }
        let sent = all.clone().filter(|it| it.sender == uid).count();
        let received = all.clone().filter(|it| it.receiver == to).count();
        if pair.is_none() && (sent >= MAX_PER_USER || received >= MAX_PER_USER) {
            return Err(Some("There are too many files on their way. Try again later.".to_owned()));
        }
        if all.count() >= MAX_TRANSFERS {
            return Err(Some("The server is carrying too many files. Try again later.".to_owned()));
        }
        Ok(receiver.conn)
    }

    pub(super) fn accept_file(
        &mut self,
        now: Now,
        conn: ConnId,
        from: Uid,
        port: u16,
        effects: &mut Effects,
    ) {
        let Some(uid) = self.session(conn).map(|receiver| receiver.person.uid) else { return };
        if let Some(why) = self.no_media(now, uid) {
            effects.refuse(conn, PacketType::DCC_XFER_ACCEPT, super::REFUSED, &why);
            return self.reject_file(now, uid, from, effects);
        }
        let Some(receiver) = self.session(conn) else { return };
        let offered = self.find_transfer(from, uid).filter(|id| self.stage(*id) == Some(Stage::Offered));
        let (Some(id), Some(sender)) = (offered, self.session_of(from)) else {
            let text = "This file is not offered any more.";
            return effects.refuse(conn, PacketType::DCC_XFER_ACCEPT, super::REFUSED, text);
        };
        let port = if port < FIRST_PORT { CLIENT_PORT } else { port };
        if self.peers.rules.files == FileMode::Direct {
            // From here on the clients are among themselves.
            if let Some(ip) = ipv4(receiver.peer) {
                let address = PeerAddress { peer: uid, ip, port };
                effects.send(sender.conn, ServerPacket::DccXferAccepted(address));
            }
            self.await_last_word(id, now.uptime + LAST_WORD_DIRECT);
            return;
        }
        effects.push(Effect::Relay(RelayOrder::OpenFile(FileRoute {
            transfer: id,
            conn: sender.conn,
            nickname: sender.person.nickname,
            sender: end(sender),
            receiver: end(receiver),
            port,
        })));
        self.set_stage(id, Stage::Opening, Some(now.uptime + OPENING));
    }

    pub(super) fn answer_file(
        &mut self,
        now: Now,
        conn: ConnId,
        from: Uid,
        transfer: TransferId,
        accept: bool,
        effects: &mut Effects,
    ) {
        let Some(uid) = self.session(conn).map(|session| session.person.uid) else { return };
        if self.find_transfer(from, uid) != Some(transfer) {
            let text = b"This file is not offered any more.".to_vec();
            return effects.send(conn, ServerPacket::FileXferError(from, transfer.0, text));
        }
        if accept {
            self.accept_file(now, conn, from, 0, effects);
        } else {
            self.reject_file(now, uid, from, effects);
        }
    }

    /// A receiver refuses, or has all of it: 5.0 says both in the same way.
    pub(super) fn reject_file(&mut self, now: Now, uid: Uid, from: Uid, effects: &mut Effects) {
        if let Some(done) = self.find_in(from, uid, |stage| stage == Stage::Carried) {
            self.remove_transfer(done);
            return;
        }
        let Some(id) = self.find_transfer(from, uid) else { return };
        match self.stage(id) {
            Some(Stage::Offered | Stage::Opening) => self.fail_transfer(id, effects),
            // Whether anything is missing, the one who carries it will say.
            Some(Stage::Running) => self.set_stage(id, Stage::Closing, Some(now.uptime + CLOSING)),
            Some(Stage::Closing | Stage::Carried) | None => {}
        }
    }

    pub(super) fn file_report(
        &mut self,
        now: Now,
        id: TransferId,
        report: RelayReport,
        effects: &mut Effects,
    ) {
        let Some(transfer) = self.peers.transfers.get(&id) else { return };
        match report {
            RelayReport::Ready { sender: port, receiver: receiver_port } => {
                let both = (self.session_of(transfer.sender), self.session_of(transfer.receiver));
                let (Stage::Opening, (Some(sender), Some(receiver))) = (transfer.stage, both) else { return };
                let address =
                    PeerAddress { peer: transfer.receiver, ip: self.peers.rules.told(sender), port };
                let packet = match speaks_lines(sender) {
                    true => ServerPacket::FileXferAccepted(id.0, true, address),
                    false => ServerPacket::DccXferAccepted(address),
                };
                effects.send(sender.conn, packet);
                if let Some(port) = receiver_port {
                    let address =
                        PeerAddress { peer: transfer.sender, ip: self.peers.rules.told(receiver), port };
                    effects.send(receiver.conn, ServerPacket::FileXferAccepted(id.0, false, address));
                }
                self.set_stage(id, Stage::Running, None);
            }
            RelayReport::Complete => {
                let spoken = transfer.stage == Stage::Closing;
                let speaks = self.session_of(transfer.receiver).is_some_and(|it| !speaks_lines(it));
                if spoken || !speaks {
                    self.remove_transfer(id);
                } else {
                    self.await_last_word(id, now.uptime + LAST_WORD);
                }
            }
            RelayReport::Failed => {
                if let Some(transfer) = self.remove_transfer(id) {
                    self.tell_failed(id, &transfer, effects);
                }
            }
        }
    }

    /// Ends the transfers of `uid`, all or those with `peer`.
    pub(super) fn drop_transfers(&mut self, uid: Uid, peer: Option<Uid>, effects: &mut Effects) {
        let concerns = |it: &Transfer| match peer {
            None => it.sender == uid || it.receiver == uid,
            Some(peer) => [(uid, peer), (peer, uid)].contains(&(it.sender, it.receiver)),
        };
        let found = self.peers.transfers.iter().filter(|(_, it)| concerns(it));
        let ids: Vec<TransferId> = found.map(|(id, _)| *id).collect();
        for id in ids {
            self.fail_transfer(id, effects);
        }
    }

    /// Ends a transfer that has not come to its end, and tells the sender. For a receiver with 5.x
    /// there is no such packet; his client notices by the connection.
    pub(super) fn fail_transfer(&mut self, id: TransferId, effects: &mut Effects) {
        let Some(transfer) = self.remove_transfer(id) else { return };
        match transfer.stage {
            Stage::Carried => return,
            Stage::Offered => {}
            Stage::Opening | Stage::Running | Stage::Closing => {
                effects.push(Effect::Relay(RelayOrder::CloseFile(id)));
            }
        }
        self.tell_failed(id, &transfer, effects);
    }

    fn tell_failed(&self, id: TransferId, transfer: &Transfer, effects: &mut Effects) {
        if let Some(sender) = self.session_of(transfer.sender) {
            let packet = match speaks_lines(sender) {
                true => ServerPacket::FileXferRejected(transfer.receiver, id.0),
                false => ServerPacket::DccXferRejected(transfer.receiver),
            };
            effects.send(sender.conn, packet);
        }
        if transfer.stage != Stage::Offered
            && let Some(receiver) = self.session_of(transfer.receiver).filter(|it| speaks_lines(it))
        {
            let text = b"The file did not come through.".to_vec();
            effects.send(receiver.conn, ServerPacket::FileXferError(transfer.sender, id.0, text));
        }
    }
}

/// Whether the client sends and receives files as 7 and later do.
fn speaks_lines(session: &Session) -> bool {
    session.dialect > Dialect::V51
}

fn end(session: &Session) -> FileEnd {
    FileEnd {
        uid: session.person.uid,
        at: session.peer.to_canonical(),
        listen: session.local,
        lines: speaks_lines(session),
    }
}

/// Ends an offer in the sender's client that nobody was told of.
fn refuse_offer(sender: &Session, to: Uid, why: Refusal, effects: &mut Effects) {
    let conn = sender.conn;
    match (speaks_lines(sender), why) {
        (true, Some(text)) => effects.send(conn, ServerPacket::FileXferError(to, 0, to_cp1252(&text))),
        (true, None) => effects.send(conn, ServerPacket::FileXferRejected(to, 0)),
        (false, why) => {
            explain(conn, PacketType::DCC_XFER_INIT, why, effects);
            effects.send(conn, ServerPacket::DccXferRejected(to));
        }
    }
}
