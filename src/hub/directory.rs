//! Users: sign-in, presence, privacy, instant messages, lists. Pals and blocks: `contacts`.

use crate::model::{CloseReason, MessageText, Nickname, Now, Privacy, Status, Uid, to_cp1252};
use crate::protocol::{Dialect, PacketType, PalRecord, SearchRecord, ServerPacket, markup};
use crate::store::Change;

use super::acts::Asked;
use super::feed::{Event, EventKind};
use super::guard::ActKind;
use super::idle::Quiet;
use super::rooms::Key;
use super::{ConnId, DirectoryCommand, Effect, Effects, Entry, Person, Session, SignIn, State, command};

/// The code of refusals to somebody who is signed in (PROTOCOL 6.12).
pub(super) const REFUSED: u16 = 0x78;
/// Why a message is refused by its recipient's privacy. The same words whether he is there or not:
/// others would tell who is there unseen.
pub(super) const PALS_ONLY: &str = "This user accepts messages only from pals.";

impl State {
    pub(super) fn sign_in(&mut self, now: Now, conn: ConnId, sign_in: SignIn, effects: &mut Effects) {
        if self.refuses_sign_in(now, conn, &sign_in, effects) {
            return;
        }
        let SignIn { person, dialect, roles, privacy, status, pals, blocks, greeting, peer, .. } = sign_in;
        let SignIn { local, age_verified, nothing_as_of, .. } = sign_in;
        let older = self.session_of(person.uid).map(|session| session.conn);
        let older = older.and_then(|older| self.replace_session(older, effects));
        let sorted = |people: &[Person]| {
            let mut uids: Vec<Uid> = people.iter().map(|person| person.uid).collect();
            uids.sort_unstable();
            uids.dedup();
            uids
        };
        self.insert_session(Session {
            conn,
            person,
            dialect,
            roles,
            // What the older session changed last may not have been in the store yet when the lists
            // were read.
            privacy: older.as_ref().map_or(privacy, |older| older.privacy),
            pals: older.as_ref().map_or_else(|| sorted(&pals), |older| older.pals.clone()),
            blocks: older.as_ref().map_or_else(|| sorted(&blocks), |older| older.blocks.clone()),
            inherited: older.is_some(),
            age_verified,
            status,
            ignores: Vec::new(),
            put_out: None,
            bounce_reason: None,
            rooms: Vec::new(),
            peer,
            local,
            probed: false,
            quiet: Quiet::default(),
            since: now.uptime,
            messages: 0,
        });

        for packet in greeting {
            effects.send(conn, packet);
        }
        let categories = self.categories.iter().map(|category| category.wire()).collect();
        effects.send(conn, ServerPacket::CategoryList(categories));
        // 5.x was never seen with an empty list, so the service user is always there (PROTOCOL 7.3).
        let list = std::iter::once(service_user()).chain(pals.iter().copied()).map(pal_record).collect();
        effects.send(conn, ServerPacket::BuddyList(list));
        if !blocks.is_empty() {
            let list = blocks.iter().copied().map(pal_record).collect();
            effects.send(conn, ServerPacket::BlockedList(list));
        }
        effects.send(conn, status_packet(Uid::SERVICE, Status::Online.wire()));
        if let Some(session) = self.session(conn) {
            for pal in &session.pals {
                let shown = self.shown_status(session, *pal);
                if shown != Status::OFFLINE_WIRE {
                    effects.send(conn, status_packet(*pal, shown));
                }
            }
        }
        effects.send(conn, ServerPacket::OwnStatus(status.wire()));
        effects.send(conn, status_packet(person.uid, status.wire()));
        effects.push(Effect::LoadOffline { conn, uid: person.uid, nothing_as_of });
        // Who comes unseen was offline before; hearing that again would give him away.
        if status != Status::Invisible
            && let Some(session) = self.session(conn)
        {
            self.announce_presence(person.uid, &session.blocks, effects);
        }
        effects.event(Event::new(EventKind::SignIn).by(person).saying(peer.to_string()));
        self.probe_voice(conn, effects);
        self.catch_up(now, person.uid, effects);
    }

    /// Ends the session that a new sign-in of the same user replaces.
    fn replace_session(&mut self, older: ConnId, effects: &mut Effects) -> Option<Box<Session>> {
        let ended = self.end_session(older, Some(CloseReason::Replaced), effects);
        effects.push(Effect::Close {
            conn: older,
            reason: CloseReason::Replaced,
            last: ServerPacket::ServerDisconnect("You signed in from another place.".into()),
        });
        ended
    }

    pub(super) fn disconnect(&mut self, conn: ConnId, effects: &mut Effects) {
        self.end_session(conn, None, effects);
    }

    /// Takes a session out of everything it was in and tells those who see it. Without a reason, its
    /// connection knows why.
    pub(super) fn end_session(
        &mut self,
        conn: ConnId,
        reason: Option<CloseReason>,
        effects: &mut Effects,
    ) -> Option<Box<Session>> {
        for room in self.session(conn)?.rooms.clone() {
            self.take_out(conn, room, effects);
        }
        self.leave_peers(conn, effects);
        let session = self.remove_session(conn)?;
        let ended = Box::new(session.ended(reason));
        effects.push(Effect::Ended { conn, ended });
        if session.status != Status::Invisible {
            self.announce_presence(session.person.uid, &session.blocks, effects);
        }
        Some(session)
    }

    /// The status of `uid` as `viewer` is shown it (PROTOCOL 7.5, 7.11).
    pub(super) fn shown_status(&self, viewer: &Session, uid: Uid) -> u32 {
        if viewer.blocks_user(uid) {
            // What 5.0 makes of "blocked" was never seen; offline is safe.
            return if viewer.dialect == Dialect::V50 { Status::OFFLINE_WIRE } else { Status::BLOCKED_WIRE };
        }
        if uid == Uid::SERVICE {
            return Status::Online.wire();
        }
        match self.session_of(uid) {
            Some(session)
                if session.status != Status::Invisible && !session.blocks_user(viewer.person.uid) =>
            {
                session.status.wire()
            }
            _ => Status::OFFLINE_WIRE,
        }
    }

    /// Tells everybody who has `uid` on the pal list what he is shown as now. Those whom he blocks
    /// see him offline all the time: even hearing that again would tell them that he did something.
    fn announce_presence(&self, uid: Uid, blocks: &[Uid], effects: &mut Effects) {
        let mut groups: Vec<(u32, Vec<ConnId>)> = Vec::new();
        for watcher in self.watchers_of(uid) {
            if watcher.blocks_user(uid) || blocks.binary_search(&watcher.person.uid).is_ok() {
                continue;
            }
            let shown = self.shown_status(watcher, uid);
            match groups.iter_mut().find(|(status, _)| *status == shown) {
                Some((_, conns)) => conns.push(watcher.conn),
                None => groups.push((shown, vec![watcher.conn])),
            }
        }
        for (status, to) in groups {
            effects.push(Effect::ToMany { to, packet: status_packet(uid, status) });
        }
    }

    pub(super) fn apply_directory(
        &mut self,
        now: Now,
        conn: ConnId,
        command: DirectoryCommand,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        let uid = session.person.uid;
        match command {
            DirectoryCommand::SetStatus(status) => self.set_status(conn, status, effects),
            DirectoryCommand::AddPal { pal, current } => self.add_pal(now, conn, pal, current, effects),
            DirectoryCommand::RemovePal(pal) => self.remove_pal(conn, pal, effects),
            DirectoryCommand::Block { target, staff, current } => {
                self.block(now, conn, target, staff, current, effects);
            }
            DirectoryCommand::Unblock { target, current } => self.unblock(conn, target, current, effects),
            DirectoryCommand::SetPrivacy(privacy) => {
                let Some(session) = self.session_mut(conn) else { return };
                if session.privacy != privacy || session.inherited {
                    session.privacy = privacy;
                    let change = Change::SetPrivacy { uid, privacy };
                    effects.push(Effect::Commit { conn, request: PacketType::PRIVACY_SET, change });
                }
                effects.send(conn, ServerPacket::PrivacyVerify(privacy));
            }
            DirectoryCommand::InstantMessage { to, text } => {
                self.instant_message(now, conn, to, text, effects)
            }
            DirectoryCommand::UserInfo(person) => {
                let shown = self.shown_status(session, person.uid);
                effects.send(conn, ServerPacket::SearchResultsAlt(vec![search_record(person)]));
                effects.send(conn, status_packet(person.uid, shown));
            }
            DirectoryCommand::CountCategories => effects.send(conn, self.category_counts()),
            DirectoryCommand::CreateRoom(room) => {
                self.open_room(now, conn, *room, PacketType::ROOM_CREATE, effects);
            }
            DirectoryCommand::OpenPrivateRoom { guests, udp_port } => {
                self.open_private_room(now, conn, guests, udp_port, effects);
            }
            DirectoryCommand::JoinOwnRoom { udp_port } => self.enter_own_room(now, conn, udp_port, effects),
            DirectoryCommand::JoinRoomOf { owner, code, udp_port } => {
                self.enter_room_of(now, conn, owner, Key { code, udp_port }, effects);
            }
            DirectoryCommand::JoinByName { name, lockword, invisible, udp_port } => {
                let entry = Entry { lockword: &lockword, invisible, udp_port, admin: false };
                self.enter_by_name(now, conn, &name, entry, effects);
            }
            DirectoryCommand::ListCategory(category) => effects.send(conn, self.room_list(category)),
        }
    }

    fn set_status(&mut self, conn: ConnId, status: Status, effects: &mut Effects) {
        let Some(session) = self.session_mut(conn) else { return };
        let uid = session.person.uid;
        let shown_before = (session.status != Status::Invisible).then_some(session.status);
        session.status = status;
        effects.send(conn, ServerPacket::OwnStatus(status.wire()));
        effects.send(conn, status_packet(uid, status.wire()));
        if shown_before != (status != Status::Invisible).then_some(status)
            && let Some(session) = self.session(conn)
        {
            self.announce_presence(uid, &session.blocks, effects);
        }
    }

    fn instant_message(&mut self, now: Now, conn: ConnId, to: Uid, text: MessageText, effects: &mut Effects) {
        let Some(sender) = self.session(conn) else { return };
        let request = PacketType::IM_OUT;
        if to == sender.person.uid {
            return;
        }
        if to == Uid::SERVICE {
            return command::service_message(self, now, conn, &text, effects);
        }
        if sender.blocks_user(to) {
            let text = "You have blocked this user. Unblock the user first.";
            return effects.refuse(conn, request, REFUSED, text);
        }
        let automatic = is_automatic(text.as_bytes());
        // Before anything that depends on the recipient: a refusal must not tell whether he is there.
        let asked = Asked { text: Some(text.as_bytes()), automatic, ..Asked::new(ActKind::Im) };
        if let Err(why) = self.judge(now, conn, asked, effects) {
            if !automatic {
                effects.send(conn, service_im(&why));
            }
            return;
        }
        let Some(sender) = self.session(conn) else { return };
        let Some(recipient) = self.session_of(to) else {
            // An automatic answer is worth nothing to somebody who is not there.
            if !automatic {
                let from = sender.person.uid;
                self.count_message(conn, effects);
                let change = Change::StoreOffline { to, from, at: now.wall, text };
                effects.push(Effect::Commit { conn, request, change });
            }
            return;
        };
        if recipient.blocks_user(sender.person.uid) {
            // Dropped without a word: a block is not to be noticed (PROTOCOL 7.11).
            return;
        }
        if recipient.privacy == Privacy::Pals && !recipient.has_pal(sender.person.uid) {
            return effects.refuse(conn, request, REFUSED, PALS_ONLY);
        }
        let packet = ServerPacket::ImIn { sender: sender.person.uid, stamp: None, text: (&text).into() };
        effects.send(recipient.conn, packet);
        self.count_message(conn, effects);
    }
}

/// The server's own words to one user.
pub(super) fn service_im(text: &str) -> ServerPacket {
    let text = markup::wrap_im(&to_cp1252(text)).into();
    ServerPacket::ImIn { sender: Uid::SERVICE, stamp: None, text }
}

/// The service user as a pal.
pub(super) fn service_user() -> Person {
    // The name is a constant that satisfies the rules of names; see the test.
    let nickname = Nickname::built_in(b"Paltalk").unwrap_or_else(|_| unreachable!());
    Person { uid: Uid::SERVICE, nickname }
}

pub(super) fn pal_record(person: Person) -> PalRecord {
    PalRecord { uid: person.uid, nickname: person.nickname }
}

fn search_record(person: Person) -> SearchRecord {
    let hidden = Vec::new;
    SearchRecord {
        uid: person.uid,
        nickname: person.nickname,
        first: hidden(),
        last: hidden(),
        email: hidden(),
    }
}

fn is_automatic(text: &[u8]) -> bool {
    const MARK: &[u8] = b"[Auto-Response]";
    text.windows(MARK.len()).any(|window| window == MARK)
}

pub(super) fn status_packet(uid: Uid, status: u32) -> ServerPacket {
    ServerPacket::BuddyStatusChange(uid, status)
}
