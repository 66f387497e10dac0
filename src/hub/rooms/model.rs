//! What a room is and who is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    CategoryId, LinkRight, Rating, RoomId, RoomKind, RoomName, SlowMode, Speakers, Timestamp, Uid,
};
use crate::store::{self, Exclusion, ExclusionKind};

use super::super::{ConnId, Person};

/// A room and who is in it.
#[derive(Debug)]
pub struct Room {
    /// Its number.
    pub id: RoomId,
    /// Its name.
    pub name: RoomName,
    /// Voice or text, listed or not.
    pub kind: RoomKind,
    /// Where it is listed.
    pub category: CategoryId,
    /// Whom it is for.
    pub rating: Rating,
    /// The line at the top of its window; empty for none.
    pub topic: Vec<u8>,
    /// What newcomers are told; empty for none.
    pub welcome: Vec<u8>,
    /// The word that opens a locked room.
    pub lockword: Option<Vec<u8>>,
    /// Whose it is.
    pub owner: Option<Person>,
    /// The number that makes whoever knows it an admin, 1 to 9999.
    pub admin_code: Option<u16>,
    /// Whether newcomers may speak.
    pub new_user_mic: bool,
    /// Whether a red dot takes away text, too.
    pub reddot_text: bool,
    /// Whether a red dot takes away video, too.
    pub reddot_video: bool,
    /// How many may speak at once.
    pub speakers: Speakers,
    /// How long people have to wait between two messages.
    pub slowmode: SlowMode,
    /// Who may post links.
    pub links: LinkRight,
    /// Whom admins gave the right to post links; at most [`LinkRight::LINKERS_MAX`].
    pub linkers: BTreeSet<Uid>,
    /// Whether it stays when the last member leaves, and survives restarts.
    pub permanent: bool,
    /// When it was made.
    pub created: Timestamp,
    /// Who was thrown out and may not come back yet. Entries that have run out may be among them.
    pub bounces: BTreeMap<Uid, Exclusion>,
    /// Who may not come in until somebody lets him.
    pub bans: BTreeMap<Uid, Exclusion>,
    /// Who was invited: lockword and privacy do not keep him out.
    pub invited: BTreeSet<Uid>,
    /// Who left with a red dot, and gets it back if he returns before the room empties.
    pub red_dots: BTreeSet<Uid>,
    /// Messages said in it since it was opened, or since the daemon started.
    pub messages: u64,
    /// Who is inside, in order of arrival.
    pub members: Vec<Member>,
}

/// Somebody in a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// His connection.
    pub conn: ConnId,
    /// Who he is.
    pub uid: Uid,
    /// The UDP port on which his client hears voice, as it announced when entering.
    pub udp_port: u16,
    /// Whether the room lets him use his microphone.
    pub mic: bool,
    /// Whether an admin has silenced him.
    pub red_dot: bool,
    /// Whether his hand is up.
    pub hand: bool,
    /// Whether he is an admin on this visit: by right, by code or by grant.
    pub admin: bool,
    /// Whether only admins see him.
    pub invisible: bool,
    /// Whether he has switched the room's voice off for himself, 7 and later.
    pub muted: bool,
}

impl Member {
    /// Somebody who has just come: with a microphone and nothing else.
    pub fn new(conn: ConnId, uid: Uid, udp_port: u16) -> Member {
        Member {
            conn,
            uid,
            udp_port,
            mic: true,
            red_dot: false,
            hand: false,
            admin: false,
            invisible: false,
            muted: false,
        }
    }

    /// Whether his voice is passed on.
    pub fn may_speak(&self) -> bool {
        self.mic && !self.red_dot
    }

    /// The uid under which what he does is shown: nobody's if he is not to be seen.
    pub(super) fn shown_uid(&self) -> Uid {
        if self.invisible { Uid::SYSTEM } else { self.uid }
    }
}

impl Room {
    /// An open, empty, temporary room.
    pub fn new(id: RoomId, name: RoomName, kind: RoomKind, category: CategoryId, rating: Rating) -> Room {
        Room {
            id,
            name,
            kind,
            category,
            rating,
            topic: Vec::new(),
            welcome: Vec::new(),
            lockword: None,
            owner: None,
            admin_code: None,
            new_user_mic: true,
            reddot_text: false,
            reddot_video: false,
            speakers: Speakers::ONE,
            slowmode: SlowMode::OFF,
            links: LinkRight::Everybody,
            linkers: BTreeSet::new(),
            permanent: false,
            created: Timestamp(0),
            bounces: BTreeMap::new(),
            bans: BTreeMap::new(),
            invited: BTreeSet::new(),
            red_dots: BTreeSet::new(),
            messages: 0,
            members: Vec::new(),
        }
    }

    /// A permanent room from the store. `owner` is who owns it, if he still has an account.
    pub fn permanent(record: store::RoomRecord, owner: Option<Person>) -> Room {
        let store::RoomRecord { id, name, kind, category, rating, topic, welcome, lockword, .. } = record;
        Room {
            topic,
            welcome,
            lockword,
            owner,
            admin_code: record.admin_code,
            new_user_mic: record.new_user_mic,
            reddot_text: record.reddot_text,
            reddot_video: record.reddot_video,
            speakers: record.speakers,
            slowmode: record.slowmode,
            links: record.links,
            linkers: record.linkers,
            permanent: true,
            created: record.created,
            ..Room::new(id, name, kind, category, rating)
        }
    }

    /// The room as the store keeps it.
    pub(in super::super) fn record(&self) -> store::RoomRecord {
        store::RoomRecord {
            id: self.id,
            name: self.name.clone(),
            kind: self.kind,
            category: self.category,
            rating: self.rating,
            topic: self.topic.clone(),
            welcome: self.welcome.clone(),
            lockword: self.lockword.clone(),
            owner: self.owner.map(|owner| owner.uid),
            admin_code: self.admin_code,
            new_user_mic: self.new_user_mic,
            reddot_text: self.reddot_text,
            reddot_video: self.reddot_video,
            speakers: self.speakers,
            slowmode: self.slowmode,
            links: self.links,
            linkers: self.linkers.clone(),
            created: self.created,
        }
    }

    /// Whether `conn` is inside.
    pub fn is_member(&self, conn: ConnId) -> bool {
        self.member(conn).is_some()
    }

    /// The member with this connection.
    pub fn member(&self, conn: ConnId) -> Option<&Member> {
        self.members.iter().find(|member| member.conn == conn)
    }

    /// The member who is this user.
    pub fn member_of(&self, uid: Uid) -> Option<&Member> {
        self.members.iter().find(|member| member.uid == uid)
    }

    pub(super) fn member_of_mut(&mut self, uid: Uid) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.uid == uid)
    }

    /// Whether the room is this user's own.
    pub fn is_owner(&self, uid: Uid) -> bool {
        self.owner.is_some_and(|owner| owner.uid == uid)
    }

    /// How many people the lists say are inside: those who may be seen.
    pub fn shown_members(&self) -> usize {
        self.members.iter().filter(|member| !member.invisible).count()
    }

    /// The bounces, or the bans.
    pub fn exclusions(&self, kind: ExclusionKind) -> &BTreeMap<Uid, Exclusion> {
        match kind {
            ExclusionKind::Bounce => &self.bounces,
            ExclusionKind::Ban => &self.bans,
        }
    }

    /// The bounces, or the bans, to be changed.
    pub fn exclusions_mut(&mut self, kind: ExclusionKind) -> &mut BTreeMap<Uid, Exclusion> {
        match kind {
            ExclusionKind::Bounce => &mut self.bounces,
            ExclusionKind::Ban => &mut self.bans,
        }
    }

    /// Why this user is kept out at `now`, if he is.
    pub(in super::super) fn exclusion(
        &self,
        uid: Uid,
        now: Timestamp,
    ) -> Option<(ExclusionKind, &Exclusion)> {
        [ExclusionKind::Ban, ExclusionKind::Bounce].into_iter().find_map(|kind| {
            let entry = self.exclusions(kind).get(&uid).filter(|entry| entry.holds(now))?;
            Some((kind, entry))
        })
    }
}
