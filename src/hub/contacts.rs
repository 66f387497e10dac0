//! Pals and blocks.

use crate::model::{Now, Privacy, Status, Uid};
use crate::protocol::{Dialect, PacketType, ServerPacket};
use crate::store::{Change, Reader, StoreError};

use super::directory::{REFUSED, pal_record, service_user, status_packet};
use super::{ConnId, Effect, Effects, Person, Session, State};

/// The most pals, and the most blocked users, of one account.
pub(super) const MAX_PALS: usize = 500;

/// What an account says of others, as the store has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lists {
    /// Who may contact it.
    pub privacy: Privacy,
    /// Its pals, ascending.
    pub pals: Vec<Uid>,
    /// Whom it blocks, ascending.
    pub blocks: Vec<Uid>,
}

impl Lists {
    /// Reads them; `None` if there is no such account. Blocks: not for the hub.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn read(reader: &Reader, uid: Uid) -> Result<Option<Lists>, StoreError> {
        let uids = |list: Vec<(Uid, _)>| {
            let mut uids: Vec<Uid> = list.into_iter().map(|(uid, _)| uid).collect();
            uids.sort_unstable();
            uids
        };
        Ok(reader.sign_in(uid)?.map(|found| Lists {
            privacy: found.account.privacy,
            pals: uids(found.pals),
            blocks: uids(found.blocks),
        }))
    }
}

impl State {
    pub(super) fn add_pal(
        &mut self,
        now: Now,
        conn: ConnId,
        pal: Person,
        current: Vec<Person>,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        let (uid, dialect) = (session.person.uid, session.dialect);
        let request = PacketType::BUDDY_ADD;
        if pal.uid == uid {
            return effects.refuse(conn, request, REFUSED, "You cannot add yourself to your pal list.");
        }
        if session.blocks_user(pal.uid) {
            let text = format!("You have blocked {}. Unblock this user first.", pal.nickname);
            return effects.refuse(conn, request, REFUSED, &text);
        }
        let (is_new, inherited) = (!session.has_pal(pal.uid), session.inherited);
        if pal.uid != Uid::SERVICE && is_new {
            if session.pals.len() >= MAX_PALS {
                return effects.refuse(conn, request, REFUSED, "Your pal list is full.");
            }
            if let Some(session) = self.session_mut(conn) {
                insert_sorted(&mut session.pals, pal.uid);
            }
            self.watch(pal.uid, uid);
        }
        if pal.uid != Uid::SERVICE && (is_new || inherited) {
            let change = Change::AddPal { uid, pal: pal.uid, at: now.wall };
            effects.push(Effect::Commit { conn, request, change });
        }
        // A list adds in 5.0 and replaces in later clients (REAL-CLIENT, Pals and status).
        let mut list = Vec::new();
        if dialect != Dialect::V50
            && let Some(session) = self.session(conn)
        {
            list.push(pal_record(service_user()));
            let others = current.into_iter().filter(|person| person.uid != pal.uid);
            list.extend(others.filter(|person| session.has_pal(person.uid)).map(pal_record));
        }
        if pal.uid != Uid::SERVICE || dialect == Dialect::V50 {
            list.push(pal_record(pal));
        }
        effects.send(conn, ServerPacket::BuddyList(list));
        if let Some(session) = self.session(conn) {
            effects.send(conn, status_packet(pal.uid, self.shown_status(session, pal.uid)));
        }
    }

    pub(super) fn remove_pal(&mut self, conn: ConnId, pal: Uid, effects: &mut Effects) {
        let Some(session) = self.session_mut(conn) else { return };
        let (uid, inherited) = (session.person.uid, session.inherited);
        let index = session.pals.binary_search(&pal).ok();
        if let Some(index) = index {
            session.pals.remove(index);
            self.unwatch(pal, uid);
        }
        if index.is_some() || inherited {
            let change = Change::RemovePal { uid, pal };
            effects.push(Effect::Commit { conn, request: PacketType::BUDDY_REMOVE, change });
        }
        effects.send(conn, ServerPacket::BuddyRemoved(pal));
    }

    pub(super) fn block(
        &mut self,
        now: Now,
        conn: ConnId,
        target: Person,
        staff: bool,
        current: Vec<Person>,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        let uid = session.person.uid;
        let request = PacketType::BUDDY_BLOCK;
        if target.uid == uid || target.uid == Uid::SERVICE || staff {
            return effects.refuse(conn, request, REFUSED, "This user cannot be blocked.");
        }
        let (is_new, inherited) = (!session.blocks_user(target.uid), session.inherited);
        if is_new && session.blocks.len() >= MAX_PALS {
            return effects.refuse(conn, request, REFUSED, "Your block list is full.");
        }
        if is_new || inherited {
            self.set_blocked(conn, target.uid, true);
            let change = Change::Block { uid, blocked: target.uid, at: now.wall };
            effects.push(Effect::Commit { conn, request, change });
            self.part(uid, target.uid, effects);
        }
        let others = current.into_iter().filter(|person| person.uid != target.uid);
        self.confirm_block(conn, target.uid, true, others.chain([target]).collect(), effects);
    }

    pub(super) fn unblock(&mut self, conn: ConnId, target: Uid, current: Vec<Person>, effects: &mut Effects) {
        let Some(session) = self.session(conn) else { return };
        let uid = session.person.uid;
        if session.blocks_user(target) || session.inherited {
            self.set_blocked(conn, target, false);
            let change = Change::Unblock { uid, blocked: target };
            effects.push(Effect::Commit { conn, request: PacketType::BUDDY_UNBLOCK, change });
        }
        self.confirm_block(conn, target, false, current, effects);
    }

    /// Tells the client that a block is set or lifted, and both sides what they see of each other.
    fn confirm_block(
        &self,
        conn: ConnId,
        target: Uid,
        blocked: bool,
        named: Vec<Person>,
        effects: &mut Effects,
    ) {
        let Some(session) = self.session(conn) else { return };
        // 5.0 shows every BlockResponse as a failure, so on success it gets none (REAL-CLIENT).
        effects.send(conn, ServerPacket::BlockResponse(target, blocked, None));
        if session.dialect != Dialect::V50 {
            let list = named.into_iter().filter(|person| session.blocks_user(person.uid)).map(pal_record);
            effects.send(conn, ServerPacket::BlockedList(list.collect()));
        }
        self.show_each_other(session, target, effects);
    }

    /// Tells somebody and the one whom he has blocked, or no longer blocks, what they see of each other.
    fn show_each_other(&self, session: &Session, target: Uid, effects: &mut Effects) {
        if session.has_pal(target) {
            effects.send(session.conn, status_packet(target, self.shown_status(session, target)));
        }
        if session.status != Status::Invisible
            && let Some(other) = self.session_of(target)
            && other.has_pal(session.person.uid)
            && !other.blocks_user(session.person.uid)
        {
            let shown = self.shown_status(other, session.person.uid);
            effects.send(other.conn, status_packet(session.person.uid, shown));
        }
    }

    /// Puts the lists that the store has of an account in the place of those of its session, if there is
    /// one. Its client was shown what the store had when it signed in.
    pub(super) fn believe_lists(&mut self, uid: Uid, lists: Lists, effects: &mut Effects) {
        let Some(session) = self.session_of(uid) else { return };
        let conn = session.conn;
        let (pals, blocks) =
            (differing(&session.pals, &lists.pals), differing(&session.blocks, &lists.blocks));
        let Some(session) = self.session_mut(conn) else { return };
        session.privacy = lists.privacy;
        session.pals = lists.pals;
        for pal in pals {
            let added = self.session(conn).is_some_and(|session| session.has_pal(pal));
            if added {
                self.watch(pal, uid)
            } else {
                self.unwatch(pal, uid)
            }
            if let Some(session) = self.session(conn).filter(|_| added) {
                effects.send(conn, status_packet(pal, self.shown_status(session, pal)));
            }
        }
        for other in blocks {
            let on = lists.blocks.binary_search(&other).is_ok();
            self.set_blocked(conn, other, on);
            if on {
                self.part(uid, other, effects);
            }
            if let Some(session) = self.session(conn) {
                self.show_each_other(session, other, effects);
            }
        }
    }
}

fn insert_sorted(uids: &mut Vec<Uid>, uid: Uid) {
    if let Err(index) = uids.binary_search(&uid) {
        uids.insert(index, uid);
    }
}

/// Who is on one of two ascending lists, but not on both.
fn differing(one: &[Uid], other: &[Uid]) -> Vec<Uid> {
    let only = |of: &[Uid], not: &[Uid]| -> Vec<Uid> {
        of.iter().filter(|uid| not.binary_search(uid).is_err()).copied().collect()
    };
    [only(one, other), only(other, one)].concat()
}
