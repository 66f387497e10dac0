//! Packets to clients.
//!
//! A [`ServerPacket`] says what a client is to be told; [`ServerPacket::encode`] knows how each
//! dialect wants to hear it. The packets that make a client touch its user's machine outside the
//! program (PROTOCOL 18) do not exist here.

mod calls;
mod dialects;
mod encode;
mod lists;
mod rooms;
mod session;

pub use calls::{CallRequest, FileRequest, PeerAddress};
pub use lists::{Category, CategoryCount, FoundRoom, PalRecord, RoomRecord, SearchRecord, UserRecord};
pub use rooms::{AdminEntry, RoomAdminInfo, RoomInvite, RoomJoined, VoiceServer};
pub use session::{BannerTarget, Challenge, UserData};

use std::net::Ipv4Addr;

use super::{Body, PacketType};
use crate::model::{CategoryId, Nickname, Privacy, RoomId, Uid};

/// A packet to a client. All text is Windows-1252; `Debug` does not show messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerPacket {
    /// Greeting (PROTOCOL 6.1).
    Hello,
    /// Greeting that 5.0 and gaim-pt know too (PROTOCOL 6.1).
    HelloNegative,
    /// The uid of a nickname as it is spelled, or that nobody has the nickname asked for
    /// (PROTOCOL 6.5).
    UidResponse(Option<Uid>, Vec<u8>),
    /// Challenge for the password (PROTOCOL 6.9).
    Challenge(Challenge),
    /// Challenge that makes 5.x send the password of a new account (PROTOCOL 6.23).
    SendLogin(Challenge),
    /// Challenge for a password change; opens its dialog in 5.0 (PROTOCOL 6.25).
    ResetPassword(u16),
    /// Signed in; opens the main window (PROTOCOL 6.11).
    LoginSuccess,
    /// Answer to a request; clients show the data as text unless the request has its own form
    /// (PROTOCOL 6.12).
    ReturnCode {
        /// What is answered.
        request: PacketType,
        /// 0 for success, otherwise why not.
        code: u16,
        /// Text to be shown, or what the request asks for.
        data: Vec<u8>,
    },
    /// The user's own account (PROTOCOL 6.16).
    UserData(Box<UserData>),
    /// How often banners change, in units of about 1.5 s (PROTOCOL 6.17).
    BannerInterval(BannerTarget, u16),
    /// Connect to this address and port instead (PROTOCOL 6.18).
    Redirect(Ipv4Addr, u16),
    /// Answer to a ping: the Unix time (PROTOCOL 6.19).
    Pong(u32),
    /// Challenge for the registration of 7 and later (PROTOCOL 6.26).
    DoRegistration(Challenge),
    /// The uid of the new account, 7 and later (PROTOCOL 6.26).
    RegistrationSuccess(Uid),
    /// Why there is no new account, 7 and later (PROTOCOL 6.26).
    RegistrationFailed(Vec<u8>),
    /// The nickname is taken; a free one, 7 and later (PROTOCOL 6.26).
    RegistrationNameInUse(Nickname),
    /// The numbers of users and rooms, 7 and later (PROTOCOL 6.27).
    GlobalNumbers(u32, u32),
    /// Message box (PROTOCOL 17).
    Announcement(Vec<u8>),
    /// Message box, the number that gaim-pt knows (PROTOCOL 17).
    AnnouncementNegative(Vec<u8>),
    /// Message box, then the client exits (PROTOCOL 17).
    KickUser(Vec<u8>),
    /// As `KickUser`, stronger: the account signed in elsewhere (PROTOCOL 17).
    ServerDisconnect(Vec<u8>),
    /// Page of the service: login key, URL (PROTOCOL 16.2).
    ServiceUrl(u32, Vec<u8>),
    /// Opens a URL in the browser (PROTOCOL 16.3).
    PopupUrl(Vec<u8>),

    /// Pals; 5.0 adds them to what it has (PROTOCOL 7.3). Never sent empty.
    BuddyList(Vec<PalRecord>),
    /// Blocked users (PROTOCOL 7.3).
    BlockedList(Vec<PalRecord>),
    /// A user's status, a wire value (PROTOCOL 7.5). Always 8 bytes: more stalls 5.0.
    BuddyStatusChange(Uid, u32),
    /// A pal is off the list (PROTOCOL 7.2).
    BuddyRemoved(Uid),
    /// Answer to a block (`true`) or its lifting; the text of a failure (PROTOCOL 7.4). 5.0 shows
    /// each one as a failure and so gets none on success.
    BlockResponse(Uid, bool, Option<Vec<u8>>),
    /// The user's own status, a wire value (PROTOCOL 7.7).
    OwnStatus(u32),
    /// The user's privacy setting (PROTOCOL 7.9).
    PrivacyVerify(Privacy),
    /// A pal's name as the user set it, 7 and later (PROTOCOL 7.8).
    BuddyDisplayNameIn(Uid, Vec<u8>),
    /// Instant message (PROTOCOL 8.2).
    ImIn {
        /// Who wrote it.
        sender: Uid,
        /// When, for a stored message: four tokens, without brackets.
        stamp: Option<String>,
        /// What.
        text: Body,
    },
    /// Opens a message window from the user with this uid and nickname (PROTOCOL 8.4).
    ForcedIm(Uid, Nickname, Body),
    /// Users found. Also what 5.0 wants as the answer to a question about an unknown sender
    /// (PROTOCOL 9.2).
    SearchResults(Vec<SearchRecord>),
    /// Who the unknown sender is (PROTOCOL 8.3); goes to 5.0 as `SearchResults`, because nothing
    /// else opens its window (capture im-unknown-sender).
    SearchResultsAlt(Vec<SearchRecord>),
    /// Nobody found (PROTOCOL 9.3).
    SearchNoResults,

    /// All categories (PROTOCOL 10.1, 10.5).
    CategoryList(Vec<Category>),
    /// How many rooms the categories hold (PROTOCOL 10.3).
    CategoryCounts(Vec<CategoryCount>),
    /// The rooms of a category (PROTOCOL 10.4, 10.5).
    RoomList(CategoryId, Vec<RoomRecord>),
    /// Rooms found, 7 and later (PROTOCOL 9.6).
    RoomSearchResults(Vec<FoundRoom>),
    /// The user is in a room (PROTOCOL 11.5).
    RoomJoined(Box<RoomJoined>),
    /// Somebody says something in a room; [`Uid::SYSTEM`] is "Paltalk" (PROTOCOL 11.8).
    RoomMessageIn(RoomId, Uid, Body),
    /// A room's topic and who set it (PROTOCOL 11.10).
    RoomTopic(RoomId, Uid, Vec<u8>),
    /// URL of a room's banner (PROTOCOL 11.19).
    RoomBannerUrl(RoomId, Vec<u8>),
    /// Who is in a room (PROTOCOL 11.6).
    RoomUserList(RoomId, Vec<UserRecord>),
    /// Somebody came, or changed (PROTOCOL 11.6).
    RoomUserJoined(RoomId, UserRecord),
    /// Somebody left (PROTOCOL 11.7).
    RoomUserLeft(RoomId, Uid),
    /// The room is closed to the user: room, who did it, text (PROTOCOL 11.15).
    RoomClosed(RoomId, Uid, Vec<u8>),
    /// Invitation (PROTOCOL 11.11).
    RoomInviteIn(Box<RoomInvite>),
    /// A hand is up (PROTOCOL 11.12).
    RoomUserHandUp(RoomId, Uid),
    /// A hand is down, or everybody's (PROTOCOL 11.12).
    RoomUserHandDown(RoomId, Uid),
    /// All microphones are allowed or taken, and by whom (PROTOCOL 11.12).
    RoomMicsChanged(RoomId, bool, Uid),
    /// A user has a red dot (PROTOCOL 11.13).
    RoomUserReddotOn(RoomId, Uid),
    /// A user has none any more (PROTOCOL 11.13).
    RoomUserReddotOff(RoomId, Uid),
    /// What the admin console shows (PROTOCOL 11.16).
    RoomAdminInfo(Box<RoomAdminInfo>),
    /// The user is now admin, 5.x (PROTOCOL 11.17).
    RoomAdminGranted(RoomId),
    /// Somebody is or is no longer admin, 5.x (PROTOCOL 11.17).
    RoomAdminStatus(RoomId, Uid, bool),
    /// Somebody listens to the room or does not, 7 and later; the switch as his client sent it, on
    /// while he listens (PROTOCOL 11.18).
    RoomUserMute(RoomId, Uid, bool),
    /// Somebody is ignored or not (PROTOCOL 11.18).
    RoomIgnoreAck(RoomId, Uid, bool),
    /// The state of somebody's camera: 0 off, 1 on (PROTOCOL 15.2).
    RoomUserVideo(RoomId, Uid, u16),
    /// Where a room's voice is (PROTOCOL 12.1). A second one brings a lost connection back in 5.0.
    RoomVoiceConnInfo(VoiceServer),
    /// The voice connection is lost: room, TCP port (PROTOCOL 12.6).
    VoiceReconnect(RoomId, u16),

    /// A file is offered, 5.x (PROTOCOL 13.1).
    DccXferRequest(Box<FileRequest>),
    /// The file is taken; where the receiver listens, 5.x (PROTOCOL 13.1).
    DccXferAccepted(PeerAddress),
    /// The file is not taken, 5.x (PROTOCOL 13.1).
    DccXferRejected(Uid),
    /// A file is offered, 7 and later: sender, transfer, file name, sender's nickname
    /// (PROTOCOL 13.2).
    FileXferRequest(Uid, u32, Vec<u8>, Nickname),
    /// Where to take a file to (`true`) or from: transfer, the peer and the place (PROTOCOL 13.2).
    FileXferAccepted(u32, bool, PeerAddress),
    /// The file is not taken: peer, transfer (PROTOCOL 13.2).
    FileXferRejected(Uid, u32),
    /// The transfer failed: peer, transfer, text (PROTOCOL 13.2).
    FileXferError(Uid, u32, Vec<u8>),
    /// Somebody calls, 5.x (PROTOCOL 14, capture call-accepted).
    VoiceCallRequest(Box<CallRequest>),
    /// The call is taken; where the callee hears, 5.x (PROTOCOL 14). Exactly 10 bytes, and 5.0
    /// takes the port as a signed number: up to 32767.
    VoiceCallAccepted(PeerAddress),
    /// The call is not taken, 5.x (PROTOCOL 14).
    VoiceCallRejected(Uid),
    /// The call is over, 5.x (PROTOCOL 14).
    VoiceCallHungUp(Uid),
    /// Somebody calls with video; the layout is assumed (PROTOCOL 15.1).
    VideoCallRequest(Box<CallRequest>),
    /// The video call is taken (PROTOCOL 15.1).
    VideoCallAccepted(PeerAddress),
    /// The video call is not taken (PROTOCOL 15.1).
    VideoCallRejected(Uid),
    /// The video call is over (PROTOCOL 15.1).
    VideoCallHungUp(Uid),
}
