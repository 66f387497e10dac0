//! The state itself: who is signed in, who watches and shuns whom, and where everything else is kept.

mod invariants;

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::model::{CategoryId, Nickname, Now, Privacy, Roles, RoomId, Status, Uid};
use crate::protocol::Dialect;

use super::guard::{FilterSet, Guard, detect};
use super::idle::{IdleWatch, Quiet};
use super::peers::Peers;
use super::sanctions::Sanctions;
use super::staff::{Maintenance, Trier};
use super::upkeep::Upkeep;
use super::voice::VoiceAccess;
use super::{Command, ConnId, Effects, Member, Person, Room, command};

/// All shared live state. Changed only by [`State::apply`].
#[derive(Debug, Default)]
pub struct State {
    /// Signed-in sessions by the slot of their connection.
    pub(super) sessions: Vec<Option<Box<Session>>>,
    online: HashMap<Uid, ConnId>,
    /// Who of those signed in has a user on the pal list.
    watchers: HashMap<Uid, Vec<Uid>>,
    /// How many of those signed in block or ignore a user; absent if nobody does.
    shunned: HashMap<Uid, u32>,
    /// Since when, and how often, a user has typed wrong admin codes.
    pub(super) code_tries: HashMap<Uid, (Duration, u8)>,
    /// The number that the next temporary room is given, if it is free.
    pub(super) next_room: u32,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) categories: Vec<CategoryEntry>,
    /// Where clients find the voice service, if there is one.
    pub(super) voice: Option<VoiceAccess>,
    pub(super) peers: Peers,
    pub(super) idle: IdleWatch,
    /// What is imposed on accounts.
    pub sanctions: Sanctions,
    /// Whether only staff are let in.
    pub(super) maintenance: Option<Maintenance>,
    /// How many commands of a connection wait for the store.
    pub(super) asking: HashMap<ConnId, u32>,
    /// When it was last recorded that somebody tried what he may not.
    pub(super) refusals: HashMap<Trier, Duration>,
    /// Who may send what, how fast and how often.
    pub guard: Guard<detect::Detectors, FilterSet>,
    pub(super) upkeep: Upkeep,
    /// Whether rooms for adults take only those of whom it is known that they are.
    pub(super) adults_verified: bool,
    /// The most users who were signed in at once.
    pub(super) peak_users: usize,
    /// What became of accounts a moment ago.
    pub(super) renewals: super::renewal::Recent,
}

/// A signed-in user.
#[derive(Debug)]
pub struct Session {
    /// His connection.
    pub conn: ConnId,
    /// Who he is.
    pub person: Person,
    /// How his client speaks.
    pub dialect: Dialect,
    /// What he may do.
    pub roles: Roles,
    /// Who may contact him.
    pub privacy: Privacy,
    /// His status as he set it.
    pub status: Status,
    /// Uids on his pal list, ascending.
    pub pals: Vec<Uid>,
    /// Uids he blocks, ascending.
    pub blocks: Vec<Uid>,
    /// Whether privacy, pals and blocks were taken over from an older session: then the store may not have what
    /// they say, and who asks for it is answered when it has.
    pub inherited: bool,
    /// Whether staff have seen that he is of age.
    pub age_verified: bool,
    /// Uids whose words in rooms he does not want to see, ascending; until he signs out.
    pub ignores: Vec<Uid>,
    /// Why he is about to bounce somebody: from which room, whom, the reason.
    pub bounce_reason: Option<(RoomId, Uid, Vec<u8>)>,
    /// The rooms he is in.
    pub rooms: Vec<RoomId>,
    /// Where his client is.
    pub peer: IpAddr,
    /// The address by which his client reached the server.
    pub local: Ipv4Addr,
    /// Whether his client was probed for voice over UDP.
    pub probed: bool,
    /// The room that he was put out of, until his client says that it has left it.
    pub put_out: Option<RoomId>,
    /// Since when he has done nothing.
    pub quiet: Quiet,
    /// When he signed in, since the start of the daemon.
    pub since: Duration,
    /// How many messages of his were accepted.
    pub messages: u64,
}

/// A category of rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CategoryEntry {
    /// Its number on the wire.
    pub id: CategoryId,
    /// Its name, Windows-1252.
    pub name: Vec<u8>,
}

impl State {
    /// A state with these categories and rooms and nobody in it.
    pub fn new(categories: Vec<CategoryEntry>, rooms: impl IntoIterator<Item = Room>) -> State {
        let mut state = State {
            categories,
            rooms: rooms.into_iter().map(|room| (room.id, room)).collect(),
            ..State::default()
        };
        for id in state.rooms.keys().copied().collect::<Vec<_>>() {
            state.renew_slowmode(id);
        }
        state
    }

    /// Applies one command of connection `conn` at `now`.
    pub fn apply(&mut self, now: Now, conn: ConnId, command: Command, effects: &mut Effects) {
        self.tick(now, effects);
        match command {
            Command::SignIn(sign_in) => self.sign_in(now, conn, *sign_in, effects),
            Command::Disconnect => self.disconnect(conn, effects),
            Command::Directory(command) => self.apply_directory(now, conn, command, effects),
            Command::Peer(command) => self.apply_peer(now, conn, command, effects),
            Command::Found(typed, finding) => command::found(self, now, conn, &typed, &finding, effects),
            Command::Room(room, command) => self.apply_room(now, conn, room, command, effects),
        }
    }

    /// When, in time since the start, [`State::tick`] will have something to do.
    pub fn due(&self) -> Option<Duration> {
        [self.maintenance_due(), self.upkeep_due(), self.peers.due()].into_iter().flatten().min()
    }

    /// Does what has waited for its time.
    pub fn tick(&mut self, now: Now, effects: &mut Effects) {
        self.keep_maintenance(now, effects);
        self.keep_up(now, effects);
        self.end_overdue(now, effects);
    }

    /// The session of a connection, unless it has ended.
    pub fn session(&self, conn: ConnId) -> Option<&Session> {
        let session = self.sessions.get(conn.slot as usize)?.as_deref()?;
        (session.conn == conn).then_some(session)
    }

    pub(super) fn session_mut(&mut self, conn: ConnId) -> Option<&mut Session> {
        let session = self.sessions.get_mut(conn.slot as usize)?.as_deref_mut()?;
        (session.conn == conn).then_some(session)
    }

    /// The session of a signed-in user.
    pub fn session_of(&self, uid: Uid) -> Option<&Session> {
        self.session(*self.online.get(&uid)?)
    }

    /// A room.
    pub fn room(&self, id: RoomId) -> Option<&Room> {
        self.rooms.get(&id)
    }

    /// Lends out the members of a room; the caller gives them back with
    /// [`State::return_members`] before the next command.
    pub(super) fn take_members(&mut self, room: RoomId) -> Option<Vec<Member>> {
        Some(std::mem::take(&mut self.rooms.get_mut(&room)?.members))
    }

    pub(super) fn return_members(&mut self, room: RoomId, members: Vec<Member>) {
        if let Some(room) = self.rooms.get_mut(&room) {
            room.members = members;
        }
    }

    /// Everybody signed in.
    pub(super) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().flatten().map(|session| &**session)
    }

    /// How many users are signed in.
    pub fn users_online(&self) -> usize {
        self.online.len()
    }

    /// The signed-in users who have `uid` on their pal list.
    pub(super) fn watchers_of(&self, uid: Uid) -> impl Iterator<Item = &Session> {
        self.watchers.get(&uid).into_iter().flatten().filter_map(|watcher| self.session_of(*watcher))
    }

    pub(super) fn insert_session(&mut self, session: Session) {
        let slot = session.conn.slot as usize;
        if self.sessions.len() <= slot {
            self.sessions.resize_with(slot + 1, || None);
        }
        for pal in &session.pals {
            self.watchers.entry(*pal).or_default().push(session.person.uid);
        }
        for shunned in session.blocks.iter().chain(&session.ignores) {
            *self.shunned.entry(*shunned).or_default() += 1;
        }
        self.online.insert(session.person.uid, session.conn);
        self.peak_users = self.peak_users.max(self.online.len());
        if let Some(entry) = self.sessions.get_mut(slot) {
            *entry = Some(Box::new(session));
        }
    }

    pub(super) fn remove_session(&mut self, conn: ConnId) -> Option<Box<Session>> {
        self.session(conn)?;
        let session = self.sessions.get_mut(conn.slot as usize)?.take()?;
        self.online.remove(&session.person.uid);
        for pal in &session.pals {
            self.unwatch(*pal, session.person.uid);
        }
        for shunned in session.blocks.iter().chain(&session.ignores) {
            self.unshun(*shunned);
        }
        Some(session)
    }

    /// Blocks `uid` for the user of `conn`, or ends the block.
    pub(super) fn set_blocked(&mut self, conn: ConnId, uid: Uid, on: bool) {
        self.set_shunned(conn, uid, on, |session| &mut session.blocks);
    }

    /// Ignores `uid` in rooms for the user of `conn`, or ends that.
    pub(super) fn set_ignored(&mut self, conn: ConnId, uid: Uid, on: bool) {
        self.set_shunned(conn, uid, on, |session| &mut session.ignores);
    }

    fn set_shunned(&mut self, conn: ConnId, uid: Uid, on: bool, list: fn(&mut Session) -> &mut Vec<Uid>) {
        let Some(session) = self.session_mut(conn) else { return };
        let list = list(session);
        match (list.binary_search(&uid), on) {
            (Err(index), true) => {
                list.insert(index, uid);
                *self.shunned.entry(uid).or_default() += 1;
            }
            (Ok(index), false) => {
                list.remove(index);
                self.unshun(uid);
            }
            _ => {}
        }
    }

    fn unshun(&mut self, uid: Uid) {
        if let Some(count) = self.shunned.get_mut(&uid) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.shunned.remove(&uid);
            }
        }
    }

    /// Whether anybody signed in blocks or ignores `uid`: only then has a message to a room to be
    /// sent to its members one by one.
    pub(super) fn is_shunned(&self, uid: Uid) -> bool {
        self.shunned.contains_key(&uid)
    }

    pub(super) fn watch(&mut self, pal: Uid, watcher: Uid) {
        self.watchers.entry(pal).or_default().push(watcher);
    }

    pub(super) fn unwatch(&mut self, pal: Uid, watcher: Uid) {
        if let Some(watchers) = self.watchers.get_mut(&pal) {
            watchers.retain(|entry| *entry != watcher);
            if watchers.is_empty() {
                self.watchers.remove(&pal);
            }
        }
    }

    /// The signed-in user with this nickname among the members of `room`.
    pub(super) fn member_by_name(&self, room: RoomId, name: Nickname) -> Option<&Session> {
        let key = name.key();
        let members = &self.rooms.get(&room)?.members;
        members
            .iter()
            .filter_map(|member| self.session(member.conn))
            .find(|member| member.person.nickname.key() == key)
    }
}

impl Session {
    /// Whether `uid` is on the pal list.
    pub fn has_pal(&self, uid: Uid) -> bool {
        self.pals.binary_search(&uid).is_ok()
    }

    /// Whether he ignores `uid` in rooms.
    pub fn ignores_user(&self, uid: Uid) -> bool {
        self.ignores.binary_search(&uid).is_ok()
    }

    /// Whether he wants to see what `uid` says in rooms.
    pub fn hears(&self, uid: Uid) -> bool {
        !self.blocks_user(uid) && !self.ignores_user(uid)
    }

    /// Whether this user blocks `uid`.
    pub fn blocks_user(&self, uid: Uid) -> bool {
        self.blocks.binary_search(&uid).is_ok()
    }
}
