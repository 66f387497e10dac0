//! What a client shows, made from the packets it was sent and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use crate::hub::ConnId;
use crate::hub::contacts::Lists;
use crate::model::{CategoryId, Privacy, RoomId, Uid};
use crate::protocol::{Dialect, ServerPacket, UserRecord, markup};

/// A name in a client's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) admin: bool,
    /// The brick wall: he cannot speak.
    pub(super) wall: bool,
    pub(super) hand: bool,
    /// Whether he has switched the voice off for himself, where the client shows it.
    pub(super) muted: bool,
}

impl From<&UserRecord> for Shown {
    fn from(record: &UserRecord) -> Shown {
        Shown { admin: record.admin, wall: !record.mic, hand: record.hand, muted: record.away }
    }
}

/// A room window.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Window {
    pub(super) users: BTreeMap<Uid, Shown>,
    /// Whether the admin menu is there.
    pub(super) admin: bool,
    pub(super) topic: Vec<u8>,
    /// Whether the list after entering has come.
    pub(super) listed: bool,
}

/// What a client shows of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Phone {
    #[default]
    Quiet,
    /// It calls somebody.
    Calling(Uid),
    /// Somebody calls.
    Ringing(Uid),
    Talking(Uid),
}

impl Phone {
    /// Ends what is between him and `peer`.
    pub(super) fn end(&mut self, peer: Uid) {
        if [Phone::Calling(peer), Phone::Ringing(peer), Phone::Talking(peer)].contains(self) {
            *self = Phone::Quiet;
        }
    }
}

/// What one client shows, made from packets alone.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) conn: ConnId,
    pub(super) uid: Uid,
    pub(super) dialect: Dialect,
    pub(super) windows: BTreeMap<RoomId, Window>,
    pub(super) invited: BTreeSet<RoomId>,
    pub(super) blocks: BTreeSet<Uid>,
    pub(super) ignores: BTreeSet<Uid>,
    pub(super) phone: Phone,
    /// Who has offered a file, and its number if there was one. An offer that lapses is not taken back.
    pub(super) offers: BTreeMap<Uid, u32>,
    /// The last list of a category, or of nothing.
    pub(super) list: Option<(CategoryId, Vec<(RoomId, u32)>)>,
    pub(super) closed: bool,
    pub(super) pals: BTreeSet<Uid>,
    pub(super) privacy: Privacy,
    /// What others are shown as, and he himself.
    pub(super) shown: BTreeMap<Uid, u32>,
    /// What the server itself has told him since that was looked at last.
    pub(super) told: Vec<String>,
    /// How often he has heard what everybody is told.
    pub(super) announced: u32,
    /// The last of the messages that waited for him, until the server knows that he has them.
    pub(super) unheard: Option<u64>,
}

impl Client {
    pub(super) fn new(conn: ConnId, uid: Uid, dialect: Dialect, lists: Lists) -> Client {
        let Lists { privacy, pals, blocks } = lists;
        Client {
            conn,
            uid,
            dialect,
            windows: BTreeMap::new(),
            invited: BTreeSet::new(),
            blocks: blocks.into_iter().collect(),
            ignores: BTreeSet::new(),
            phone: Phone::default(),
            offers: BTreeMap::new(),
            list: None,
            closed: false,
            pals: pals.into_iter().collect(),
            privacy,
            shown: BTreeMap::new(),
            told: Vec::new(),
            announced: 0,
            unheard: None,
        }
    }

    /// What the server itself says.
    fn hear_server(&mut self, text: &[u8]) {
        self.told.push(String::from_utf8_lossy(&markup::strip(text)).into_owned());
    }

    pub(super) fn show(&mut self, packet: &ServerPacket) {
        if !packet.is_known_to(self.dialect) {
            return;
        }
        match packet {
            ServerPacket::RoomJoined(joined) => {
                let window = self.windows.entry(joined.room).or_default();
                (window.admin, window.listed) = (joined.admin, false);
                window.topic.clear();
            }
            ServerPacket::RoomUserList(room, users) => {
                let window = self.windows.get_mut(room).expect("a list without a window");
                if !window.listed {
                    window.users.clear();
                    window.listed = true;
                }
                for user in users {
                    if user.uid == self.uid {
                        window.admin = user.admin;
                    }
                    window.users.insert(user.uid, user.into());
                }
            }
            ServerPacket::RoomUserJoined(room, user) => {
                let window = self.windows.get_mut(room).expect("a newcomer without a window");
                assert!(window.listed, "a newcomer before the list");
                assert!(window.users.insert(user.uid, user.into()).is_none(), "came twice");
            }
            ServerPacket::RoomUserLeft(room, uid) => {
                let window = self.windows.get_mut(room).expect("a leaver without a window");
                assert!(window.users.remove(uid).is_some(), "{uid} left without being there");
            }
            ServerPacket::RoomClosed(room, ..) => {
                assert!(self.windows.remove(room).is_some(), "a closed room that was not open");
            }
            ServerPacket::RoomTopic(room, _, topic) => {
                self.windows.get_mut(room).expect("a topic without a window").topic.clone_from(topic);
            }
            ServerPacket::RoomUserHandUp(room, uid) => self.user(*room, *uid).hand = true,
            ServerPacket::RoomUserHandDown(room, Uid::EVERYBODY) => {
                self.users(*room).for_each(|user| user.hand = false);
            }
            ServerPacket::RoomUserHandDown(room, uid) => self.user(*room, *uid).hand = false,
            ServerPacket::RoomUserReddotOn(room, uid) => self.user(*room, *uid).wall = true,
            ServerPacket::RoomUserReddotOff(room, uid) => self.user(*room, *uid).wall = false,
            ServerPacket::RoomUserMute(room, uid, on) => self.user(*room, *uid).muted = !on,
            ServerPacket::RoomMicsChanged(room, on, _) => {
                self.users(*room).filter(|user| !user.admin).for_each(|user| user.wall = !on);
            }
            ServerPacket::RoomAdminGranted(room) => {
                self.windows.get_mut(room).expect("a grant without a window").admin = true;
            }
            ServerPacket::RoomAdminStatus(room, uid, on) => {
                self.user(*room, *uid).admin = *on;
                if *uid == self.uid {
                    self.windows.get_mut(room).unwrap().admin = *on;
                }
            }
            ServerPacket::RoomMessageIn(room, sender, text) => {
                assert!(self.windows.contains_key(room), "words without a window");
                if *sender == Uid::SYSTEM {
                    self.hear_server(text.as_bytes());
                }
                assert!(!self.blocks.contains(sender), "{} hears {sender}, whom he blocks", self.uid);
                assert!(!self.ignores.contains(sender), "{} hears {sender}, whom he ignores", self.uid);
            }
            ServerPacket::ImIn { sender: Uid::SERVICE, text, .. } => self.hear_server(text.as_bytes()),
            ServerPacket::ReturnCode { data, .. } => self.hear_server(data),
            ServerPacket::Announcement(_) => self.announced += 1,
            ServerPacket::BuddyStatusChange(uid, status) => {
                self.shown.insert(*uid, *status);
            }
            ServerPacket::VoiceCallRequest(request) => {
                self.hears_from(request.caller);
                assert_eq!(self.phone, Phone::Quiet, "two calls at once");
                self.phone = Phone::Ringing(request.caller);
            }
            ServerPacket::VoiceCallAccepted(address) => {
                assert_eq!(self.phone, Phone::Calling(address.peer), "nobody asked for this voice");
                self.phone = Phone::Talking(address.peer);
            }
            ServerPacket::VoiceCallRejected(peer) if self.phone == Phone::Calling(*peer) => {
                self.phone = Phone::Quiet;
            }
            ServerPacket::VoiceCallHungUp(peer) => self.phone.end(*peer),
            ServerPacket::DccXferRequest(request) => {
                self.hears_from(request.sender);
                self.offers.insert(request.sender, 0);
            }
            ServerPacket::FileXferRequest(sender, id, ..) => {
                self.hears_from(*sender);
                self.offers.insert(*sender, *id);
            }
            ServerPacket::RoomInviteIn(invite) => {
                assert!(!self.blocks.contains(&invite.uid), "an invitation of somebody blocked");
                self.invited.insert(invite.room);
            }
            ServerPacket::RoomList(category, rooms) => {
                self.list = Some((*category, rooms.iter().map(|room| (room.room, room.users)).collect()));
            }
            _ => {}
        }
    }

    fn hears_from(&self, peer: Uid) {
        assert!(!self.blocks.contains(&peer), "{} is rung by {peer}, whom he blocks", self.uid);
        assert!(!self.ignores.contains(&peer), "{} is rung by {peer}, whom he ignores", self.uid);
    }

    fn users(&mut self, room: RoomId) -> impl Iterator<Item = &mut Shown> {
        self.windows.get_mut(&room).expect("news without a window").users.values_mut()
    }

    fn user(&mut self, room: RoomId, uid: Uid) -> &mut Shown {
        let window = self.windows.get_mut(&room).expect("news without a window");
        window.users.get_mut(&uid).expect("news about somebody who is not there")
    }
}
