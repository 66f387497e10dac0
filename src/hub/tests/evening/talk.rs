//! What people say in rooms, who hears it, and who must not be heard.

use super::doors::FORBIDDEN;
use super::orders::{HEAR, REPAIRS};
use super::*;
use crate::config::Spam;
use crate::hub::feed::Event;
use crate::store::FilterConsequence;

impl Evening {
    /// Somebody says something in a room; sometimes what the guard does not let pass.
    pub(super) fn talk(&mut self, conn: ConnId, room: RoomId) {
        let bad = self.guarded && self.dice.percent(8);
        let bad = bad.then(|| FORBIDDEN[self.dice.below(FORBIDDEN.len())]);
        let word = bad.map_or("hello", |(word, _)| word);
        let number = self.dice.roll();
        self.say(conn, room, &format!("{word} {number:x}"), bad.map(|(_, consequence)| consequence));
    }

    /// Pastes some lines at once.
    pub(super) fn rant(&mut self, conn: ConnId, room: RoomId) {
        for _ in 0..4 {
            if !self.clients.contains_key(&conn) {
                return;
            }
            self.talk(conn, room);
            self.pass(Duration::from_millis(200));
        }
    }

    /// All who are to hear a line hear it, or nobody does; `bad` is what comes of it if it may not be said.
    fn say(&mut self, conn: ConnId, room: RoomId, line: &str, bad: Option<FilterConsequence>) {
        self.tick();
        let Some(me) = self.clients.get_mut(&conn) else { return };
        me.told.clear();
        let (uid, inside) = (me.uid, me.windows.contains_key(&room));
        let admin = me.windows.get(&room).is_some_and(|window| window.admin);
        let dot = self.state.silenced(conn, room).is_some();
        let others = self.clients.values().filter(|other| other.conn != conn);
        let hearers = others.filter(|other| {
            let hears = !other.blocks.contains(&uid) && !other.ignores.contains(&uid);
            hears && other.windows.contains_key(&room)
        });
        let hearers: BTreeSet<ConnId> = hearers.map(|other| other.conn).collect();
        let (silent, early) = (self.ledger.silent(self.now, uid), self.too_early(uid));
        let bad = bad.filter(|_| !is_staff(uid));
        self.heard.clear();
        self.room(conn, room, RoomCommand::Message(message(line)));
        let heard = std::mem::take(&mut self.heard);
        if !inside || silent || dot || early || bad.is_some() {
            assert!(heard.is_empty(), "{uid} is heard in {room} and must not be: {line}");
            match (inside, silent, early) {
                (true, true, _) => self.note("silent in a room"),
                (true, false, true) => self.note("slowed down"),
                _ => {}
            }
            if let Some(consequence) = bad.filter(|_| inside && !silent && !dot) {
                self.punish(conn, uid, consequence);
            }
            return;
        }
        let refused = self.clients.get(&conn).is_none_or(|me| !me.told.is_empty());
        if refused {
            let slow = self.state.room(room).is_some_and(|room| !room.slowmode.is_off());
            let why = self.guarded || self.ledger.slowmode > 0 || slow && !admin;
            assert!(why && !is_staff(uid), "{uid} is refused for no reason: {line}");
            assert!(heard.is_empty(), "{line} was refused and is heard");
            return self.note("slowed down");
        }
        assert_eq!(heard, hearers, "who hears what {uid} says in {room}");
        self.last_said.insert(uid, self.now.uptime);
        if self.ledger.was_muted(self.now, uid) {
            self.note("mute ran out");
        }
    }

    /// Somebody has just said what may not be said, and has to bear this for it.
    fn punish(&mut self, conn: ConnId, uid: Uid, consequence: FilterConsequence) {
        let now = self.now;
        if self.ledger.silent(now, uid) {
            // He was too fast besides, which comes first.
            return;
        }
        let until = |seconds: u32| now.wall.after(Duration::from_secs(seconds.into()));
        let (what, out) = match consequence {
            FilterConsequence::Delete => ("word left out", false),
            FilterConsequence::Mute { seconds } => {
                self.ledger.mutes.insert((uid, MuteKind::Text), Some(until(seconds)));
                ("muted for a word", false)
            }
            FilterConsequence::Warn => ("warned for a word", self.ledger.warn(now, uid)),
            FilterConsequence::Ban { seconds } => {
                self.ledger.bans.insert(BanTarget::Account(uid), seconds.map(until));
                ("banned for a word", true)
            }
        };
        let told = self.clients.get(&conn).map(|me| !me.told.is_empty());
        assert_eq!(told, (!out).then_some(true), "{uid}: {what}; whether he is there and told");
        self.note(what);
    }

    /// Whether somebody has said something so short a time ago that he may say nothing now.
    pub(super) fn too_early(&self, uid: Uid) -> bool {
        let Some(last) = self.last_said.get(&uid).filter(|_| !is_staff(uid)) else { return false };
        let cooldown = Spam::default().cooldown.filter(|_| self.guarded).unwrap_or_default();
        self.now.uptime < *last + cooldown.max(Duration::from_secs(self.ledger.slowmode))
    }

    /// What is shown to `to` must not come from somebody who is muted; `acting` is who has just done something.
    pub(super) fn must_not_be_muted(&self, to: ConnId, packet: &ServerPacket) {
        let (author, media) = match packet {
            ServerPacket::Announcement(text) => return self.must_not_announce(to, text),
            ServerPacket::RoomMessageIn(_, Uid::SYSTEM, text) => {
                return self.must_not_announce(to, text.as_bytes());
            }
            ServerPacket::RoomMessageIn(_, sender, _) => (*sender, false),
            ServerPacket::ImIn { sender, stamp: None, .. } => (*sender, false),
            ServerPacket::RoomInviteIn(invite) => (invite.uid, false),
            ServerPacket::VoiceCallRequest(request) => (request.caller, true),
            ServerPacket::DccXferRequest(request) => (request.sender, true),
            ServerPacket::FileXferRequest(sender, ..) => (*sender, true),
            ServerPacket::RoomTopic(_, _, topic) => return self.must_not_write(to, topic),
            ServerPacket::RoomClosed(_, _, text) => {
                return self.must_not_write(to, if text.ends_with(b"rude") { text } else { b"" });
            }
            _ => return,
        };
        assert!(!self.ledger.silent(self.now, author), "{author} is muted and does this: {packet:?}");
        let kept = media && self.ledger.muted(self.now, author, MuteKind::Media);
        assert!(!kept, "{author} may not use voice and does this: {packet:?}");
    }

    /// Of what the server says, staff may have said it.
    fn must_not_announce(&self, to: ConnId, text: &[u8]) {
        let said = String::from_utf8_lossy(text);
        if said.contains(HEAR) || said.contains(REPAIRS) {
            self.must_not_write(to, text);
        }
    }

    fn must_not_write(&self, to: ConnId, text: &[u8]) {
        let Some((conn, uid)) = self.acting.filter(|(conn, _)| *conn != to && !text.is_empty()) else {
            return;
        };
        let muted = self.ledger.silent(self.now, uid);
        assert!(!muted, "{conn:?} of {uid} is muted and others read {:?}", String::from_utf8_lossy(text));
    }

    /// Somebody has broken a limit: he is muted for exactly as long as the rules say.
    pub(super) fn struck(&mut self, event: &Event) {
        let uid = event.actor.as_ref().and_then(|actor| actor.uid).unwrap();
        assert_eq!(self.acting.map(|(_, acting)| acting), Some(uid), "{uid} is struck and does nothing");
        let mute = self.ledger.strike(self.now, uid);
        let said = format!("mute={}s", mute.as_secs());
        assert!(event.text.ends_with(&said), "{uid} is to be muted for {mute:?}: {}", event.text);
        assert!(self.guarded, "{uid} is struck where nobody is");
    }
}
