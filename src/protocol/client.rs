//! Packets from clients.

mod pals;
mod parse;
mod rooms;
mod session;

pub use pals::{ImOut, Nudge, PersonalsMessage, UserSearch};
pub use rooms::{
    Favorite, FileAnswer, PeerPort, PrivateInvite, RoomCreate, RoomJoin, RoomJoinAsAdmin,
    RoomJoinAsAdminById, RoomSwitch, RoomText, RoomUser, RoomUserSwitch, RoomUserText,
};
pub use session::{InitialStatus, Login, NewPassword, PasswordHint, RegistrationInfo, RegistrationPt5};

use super::{Hidden, PacketType};
use crate::model::{RoomId, Uid};

/// A packet from a client, its fields taken apart but not yet judged: ids may name nobody, names
/// may be impossible, texts may hold any byte. Bytes beyond the known fields are ignored.
/// `Debug` shows neither passwords nor anybody's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientPacket<'a> {
    /// Greeting, content ignored (PROTOCOL 6.2).
    ClientHello,
    /// First packet of 5.0: its uid, 0 or absent if it has none (PROTOCOL 6.3).
    IntroduceUid(Option<Uid>),
    /// The nickname whose uid the client asks for (PROTOCOL 6.4).
    GetUid(&'a [u8]),
    /// Wants to sign in (PROTOCOL 6.6).
    InitialStatus(InitialStatus),
    /// Wants to sign in, 7 and later, when it already has a challenge (PROTOCOL 6.7).
    InitialStatus2(InitialStatus),
    /// The password (PROTOCOL 6.10).
    Login(Login<'a>),
    /// Identity of machine and program: serials, checksums, versions, marks of bans. Read by
    /// nobody and never kept (PROTOCOL 6.13 to 6.15, 18).
    MachineReport,
    /// Will now enter favourite rooms, 7 and later (PROTOCOL 6.15).
    CommencingAutojoin,
    /// Once a minute while a room window of 5.x is open (PROTOCOL 5.9).
    Pt5Keepalive,
    /// Wants a pong, 9.1 and later: the client's time (PROTOCOL 5.9).
    Ping(u32),
    /// How many banners were shown (PROTOCOL 6.20).
    BannerCounters,
    /// Goodbye (PROTOCOL 6.21).
    ClientDisconnect,
    /// Registration form of 5.x (PROTOCOL 6.22).
    RegistrationPt5(RegistrationPt5<'a>),
    /// Secret question and password hint (PROTOCOL 6.24).
    PasswordHint(PasswordHint<'a>),
    /// Wants to change the password; its uid (capture profile-and-password-dialog).
    PasswordResetRequest(Uid),
    /// Old and new password (PROTOCOL 6.25).
    NewPassword(NewPassword<'a>),
    /// Trouble with signing in, 8 and later; its uid (PROTOCOL 6.27).
    LoginIssue(Uid),
    /// Code that proves an e-mail address, 5.x (PROTOCOL 6.27).
    EmailVerifyCode(Hidden<'a>),
    /// Wants to register, 7 and later (PROTOCOL 5.6).
    RegistrationStart,
    /// Challenge less one, encoded by variant 1 (PROTOCOL 6.26).
    RegistrationChallengeAck(&'a [u8]),
    /// Registration form of 7 and later (PROTOCOL 6.26).
    RegistrationInfo(RegistrationInfo<'a>),
    /// Advertising data after registration; whether it ends the registration (PROTOCOL 5.6).
    RegistrationAdInfo(bool),
    /// Wants the numbers of users and rooms, 7 and later (PROTOCOL 6.27).
    GlobalNumbersRequest,

    /// Puts a pal on the list (PROTOCOL 7.1).
    BuddyAdd(Uid),
    /// Takes a pal off the list (PROTOCOL 7.1).
    BuddyRemove(Uid),
    /// Blocks a user (PROTOCOL 7.1).
    BuddyBlock(Uid),
    /// Lifts a block (PROTOCOL 7.1).
    BuddyUnblock(Uid),
    /// Own name for a pal, 7 and later: uid, name (PROTOCOL 7.8).
    BuddyDisplayNameSet(Uid, &'a [u8]),
    /// Away, with the text for the client's own answers, 5.0 (PROTOCOL 7.6).
    StatusSetAway(Hidden<'a>),
    /// Back again, 5.0 (PROTOCOL 7.6).
    StatusSetOnline,
    /// Wanted status, 5.1 and later, and 8.2's away text (PROTOCOL 7.6).
    StatusChange(u32, Hidden<'a>),
    /// Privacy letter (PROTOCOL 7.9).
    PrivacySet(u8),
    /// Wants the list of blocked users (PROTOCOL 7.10).
    BlockedListRequest,
    /// Who is the user with this uid (PROTOCOL 8.3)?
    UserInfoRequest(Uid),
    /// Instant message (PROTOCOL 8.1).
    ImOut(ImOut<'a>),
    /// Message by way of a personals page, 5.x (PROTOCOL 8.5).
    PersonalsMessageOut(PersonalsMessage<'a>),
    /// Horn, 8 to 9.0 (PROTOCOL 8.6).
    NudgeOut(Nudge),
    /// Is typing to a user, 9 and later (PROTOCOL 8.6).
    TypingOut(Uid, bool),
    /// Search for users (PROTOCOL 9.1).
    UserSearch(UserSearch<'a>),
    /// E-mail invitation; the address (PROTOCOL 9.4).
    EmailInvite(Hidden<'a>),
    /// Profile form of 5.x: the record (PROTOCOL 9.5).
    ProfileUpdate(Hidden<'a>),
    /// Search for rooms, 7 and later (PROTOCOL 9.6).
    RoomSearch(&'a [u8]),
    /// Wants a page of the service: number and argument (PROTOCOL 16.1).
    ServiceUrlRequest(u32, u32),

    /// Wants the rooms of a category; 0 or 0xffff_ffff: the counts of all (PROTOCOL 10.2).
    ListCategory(u32),
    /// Wants the rooms of a category, 8.2 and later (PROTOCOL 10.5).
    ListCategoryNew(u32),
    /// Wants the rooms of a category's subcategory, 8.2 and later (PROTOCOL 10.5).
    ListSubcategory(u32, u32),
    /// Wants the settings of its own room, 9.1 and later (PROTOCOL 10.5).
    GetMyRoomInfo,
    /// Opens a room (PROTOCOL 11.2).
    RoomCreate(RoomCreate<'a>),
    /// Enters a room (PROTOCOL 11.3).
    RoomJoin(RoomJoin<'a>),
    /// Enters the room of an owner with an admin code (PROTOCOL 11.4).
    RoomJoinAsAdmin(RoomJoinAsAdmin),
    /// Enters a room by its id with an admin code, 8 and later (PROTOCOL 11.4).
    RoomJoinAsAdminById(RoomJoinAsAdminById),
    /// Enters a room by its name (PROTOCOL 11.4).
    RoomJoinFavorite(Favorite<'a>),
    /// Enters the own room, 8 and later; the UDP port on which the client hears (PROTOCOL 11.4).
    RoomJoinMine(u32),
    /// Opens a private voice room and invites users to it, 7 and later (PROTOCOL 11.4).
    RoomPrivateInvite(PrivateInvite),
    /// Leaves a room (PROTOCOL 11.7).
    RoomLeave(RoomId),
    /// Says something in a room (PROTOCOL 11.8).
    RoomMessageOut(RoomText<'a>),
    /// Sets a room's topic (PROTOCOL 11.10).
    RoomSetTopic(RoomText<'a>),
    /// Invites a user to a room (PROTOCOL 11.11).
    RoomInviteOut(RoomUser),
    /// Raises the hand (PROTOCOL 11.12).
    RoomHandUp(RoomId),
    /// Lowers the hand (PROTOCOL 11.12).
    RoomHandDown(RoomId),
    /// Lowers everybody's hand (PROTOCOL 11.12).
    RoomLowerAllHands(RoomId),
    /// Allows or takes everybody's microphone (PROTOCOL 11.12).
    RoomSetAllMics(RoomSwitch),
    /// Whether newcomers may speak (PROTOCOL 11.12).
    RoomNewUserMic(RoomSwitch),
    /// Whether a red dot takes away text too (PROTOCOL 11.13).
    RoomReddotText(RoomSwitch),
    /// Whether a red dot takes away video too (PROTOCOL 11.13).
    RoomReddotVideo(RoomSwitch),
    /// Puts a red dot on a user (PROTOCOL 11.13).
    RoomReddotUser(RoomUser),
    /// Takes the red dot off a user (PROTOCOL 11.13).
    RoomUnreddotUser(RoomUser),
    /// Throws a user out (PROTOCOL 11.14).
    RoomBounceUser(RoomUser),
    /// Why the user is thrown out, without the `BR: ` in front; 5.0 sends it before the bounce
    /// itself (capture room-admin-menu).
    RoomBounceReason(RoomUserText<'a>),
    /// Lets a bounced user in again (PROTOCOL 11.14).
    RoomUnbounceUser(RoomUser),
    /// Bans a user from a room (PROTOCOL 11.14).
    RoomBanUser(RoomUser),
    /// Lifts the ban of a user (PROTOCOL 11.14).
    RoomUnbanUser(RoomUser),
    /// Bans a user by nickname (PROTOCOL 11.14).
    RoomBanNick(RoomText<'a>),
    /// Complains about a user (PROTOCOL 11.14).
    RoomReportUser(RoomUserText<'a>),
    /// Closes a room (PROTOCOL 11.15).
    RoomCloseRequest(RoomId),
    /// Wants what the admin console shows (PROTOCOL 11.16).
    RoomAdminInfoRequest(RoomId),
    /// Makes a user admin (PROTOCOL 11.17).
    RoomGrantAdmin(RoomUser),
    /// Does not or does listen to a room, 7 and later (PROTOCOL 11.18).
    RoomMuteToggle(RoomSwitch),
    /// Ignores a user in a room (PROTOCOL 11.18).
    RoomIgnoreUser(RoomUserSwitch),
    /// Wants a room's users (PROTOCOL 11.19).
    RoomMembersRequest(Option<RoomId>),
    /// Wants to play in a room, 5.x: room, game, action (PROTOCOL 11.19).
    RoomGameRequest(RoomId, u16, u16),
    /// Has been in a room for ten minutes, 5.x (PROTOCOL 11.19).
    JoinTimerNotice,
    /// Starts its camera in a room (PROTOCOL 15.2).
    VideoStartPublishToGroup(Option<RoomId>),
    /// Stops its camera in a room (PROTOCOL 15.2).
    VideoStopPublishToGroup(Option<RoomId>),

    /// Wants to send a file, 5.x (PROTOCOL 13.1).
    DccXferInit(PeerPort),
    /// Takes a file and listens for it, 5.x (PROTOCOL 13.1).
    DccXferAccept(PeerPort),
    /// Refuses a file; 5.0 sends it after a complete transfer too (capture file-direct).
    DccXferReject(Uid),
    /// Wants to send a file, 7 and later: peer, file name (PROTOCOL 13.2).
    FileXferInit(Uid, &'a [u8]),
    /// Takes or refuses a file, 7 and later (PROTOCOL 13.2).
    FileXferAnswer(FileAnswer),
    /// Calls a user, 5.x (PROTOCOL 14).
    VoiceCallInit(PeerPort),
    /// Takes a call, 5.x (PROTOCOL 14).
    VoiceCallAccept(PeerPort),
    /// Declines a call, as 5.0 does it (capture call-declined).
    VoiceCallRefuse(Uid),
    /// Declines a call, 5.x (PROTOCOL 14); later clients use the number for
    /// [`ClientPacket::RoomJoinAsAdminById`].
    VoiceCallReject(Uid),
    /// Ends a call, 5.x (PROTOCOL 14).
    VoiceCallHangup(Uid),
    /// Calls a user with video (PROTOCOL 15.1).
    VideoCallInit(PeerPort),
    /// Takes a video call (PROTOCOL 15.1).
    VideoCallAccept(PeerPort),
    /// Declines a video call (PROTOCOL 15.1).
    VideoCallReject(Uid),
    /// Ends a video call (PROTOCOL 15.1).
    VideoCallHangup(Uid),

    /// Any other packet, known by name or not: no layout is known. To be passed over.
    Unknown {
        /// Its type.
        packet_type: PacketType,
        /// The length of its payload in bytes.
        len: usize,
    },
}
