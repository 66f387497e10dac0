use super::super::reader::Reader;
use super::super::{Dialect, Hidden, PacketType, ParseError, record};
use super::{ClientPacket, pals, rooms, session};

impl<'a> ClientPacket<'a> {
    /// Takes apart the payload of a packet from a client of `dialect`. An error means that the
    /// payload is shorter than any form of its type; the packet should be passed over.
    pub fn parse(
        packet_type: PacketType,
        dialect: Dialect,
        payload: &'a [u8],
    ) -> Result<ClientPacket<'a>, ParseError> {
        use ClientPacket as P;
        use PacketType as T;
        let mut reader = Reader::new(packet_type, payload);
        let r = &mut reader;
        Ok(match packet_type {
            T::CLIENT_HELLO => P::ClientHello,
            T::INTRODUCE_UID => P::IntroduceUid(r.uid().ok()),
            T::GET_UID => {
                r.u32()?;
                P::GetUid(r.rest())
            }
            T::INITIAL_STATUS => P::InitialStatus(session::initial_status(r)?),
            T::INITIAL_STATUS2 => P::InitialStatus2(session::initial_status_2(r)?),
            T::LOGIN => P::Login(session::login(r)?),
            T::CLIENT_VERSIONS
            | T::CLIENT_FINGERPRINT
            | T::CHECKSUMS_PT5
            | T::CHECKSUMS
            | T::CHECKSUMS_NEW
            | T::VERSION_INFO
            | T::INCOMPATIBLE_APP_REPORT
            | T::ADJACENT_EXES_REPLY
            | T::REGISTRY_INT_VALUE
            | T::C_DRIVE_SERIAL
            | T::ABUSE_STATUS => P::MachineReport,
            T::COMMENCING_AUTOJOIN => P::CommencingAutojoin,
            T::PT5_KEEPALIVE => P::Pt5Keepalive,
            T::PING => P::Ping(r.u32()?),
            T::BANNER_COUNTERS => P::BannerCounters,
            T::CLIENT_DISCONNECT => P::ClientDisconnect,
            T::REGISTRATION_PT5 => P::RegistrationPt5(session::registration_pt5(r)?),
            T::PASSWORD_HINT => P::PasswordHint(session::password_hint(r)?),
            T::PASSWORD_RESET_REQUEST => P::PasswordResetRequest(r.uid()?),
            T::NEW_PASSWORD => P::NewPassword(session::new_password(r)?),
            T::LOGIN_ISSUE => P::LoginIssue(r.uid()?),
            T::EMAIL_VERIFY_CODE => {
                r.u16()?;
                P::EmailVerifyCode(Hidden(r.rest()))
            }
            T::REGISTRATION_START => P::RegistrationStart,
            T::REGISTRATION_CHALLENGE_ACK => P::RegistrationChallengeAck(r.rest()),
            T::REGISTRATION_INFO => P::RegistrationInfo(session::registration_info(r)?),
            T::REGISTRATION_AD_INFO => P::RegistrationAdInfo(session::registration_ends(payload)),
            T::GLOBAL_NUMBERS_REQUEST => P::GlobalNumbersRequest,

            T::BUDDY_ADD => P::BuddyAdd(r.uid()?),
            T::BUDDY_REMOVE => P::BuddyRemove(r.uid()?),
            T::BUDDY_BLOCK => P::BuddyBlock(r.uid()?),
            T::BUDDY_UNBLOCK => P::BuddyUnblock(r.uid()?),
            T::BUDDY_DISPLAY_NAME_SET => P::BuddyDisplayNameSet(r.uid()?, r.rest()),
            T::STATUS_SET_AWAY => P::StatusSetAway(Hidden(r.rest())),
            T::STATUS_SET_ONLINE => P::StatusSetOnline,
            T::STATUS_CHANGE => P::StatusChange(r.u32()?, Hidden(r.rest())),
            T::PRIVACY_SET => P::PrivacySet(r.u8()?),
            T::BLOCKED_LIST_REQUEST => P::BlockedListRequest,
            T::USER_INFO_REQUEST => P::UserInfoRequest(r.uid()?),
            T::IM_OUT => P::ImOut(pals::im_out(r)?),
            T::PERSONALS_MESSAGE_OUT => P::PersonalsMessageOut(pals::personals_message(r)?),
            T::NUDGE_OUT => P::NudgeOut(pals::nudge(r)?),
            T::TYPING_OUT => P::TypingOut(r.uid()?, r.switch()?),
            T::USER_SEARCH => P::UserSearch(pals::user_search(r)),
            T::EMAIL_INVITE => {
                P::EmailInvite(Hidden(record::value(r.rest(), "email").ok_or_else(|| r.missing("email"))?))
            }
            T::PROFILE_UPDATE => P::ProfileUpdate(Hidden(r.rest())),
            T::ROOM_SEARCH => P::RoomSearch(r.rest()),
            T::SERVICE_URL_REQUEST => P::ServiceUrlRequest(r.u32()?, r.u32().unwrap_or_default()),

            T::LIST_CATEGORY => {
                r.u32()?;
                r.u32()?;
                P::ListCategory(r.u32()?)
            }
            T::LIST_CATEGORY_NEW => P::ListCategoryNew(r.u32()?),
            T::LIST_SUBCATEGORY => P::ListSubcategory(r.u32()?, r.u32()?),
            T::GET_MY_ROOM_INFO => P::GetMyRoomInfo,
            T::ROOM_CREATE => P::RoomCreate(rooms::room_create(r)?),
            T::ROOM_JOIN => P::RoomJoin(rooms::room_join(r)?),
            T::ROOM_JOIN_AS_ADMIN => P::RoomJoinAsAdmin(rooms::room_join_as_admin(r)?),
            T::ROOM_JOIN_AS_ADMIN_BY_ID if dialect >= Dialect::V7 => {
                P::RoomJoinAsAdminById(rooms::room_join_as_admin_by_id(r)?)
            }
            T::ROOM_JOIN_FAVORITE => P::RoomJoinFavorite(rooms::favorite(r)?),
            T::ROOM_JOIN_MINE => P::RoomJoinMine(r.u32().unwrap_or_default()),
            T::ROOM_PRIVATE_INVITE => P::RoomPrivateInvite(rooms::private_invite(r)?),
            T::ROOM_LEAVE => P::RoomLeave(r.room()?),
            T::ROOM_MESSAGE_OUT => P::RoomMessageOut(rooms::room_text(r)?),
            T::ROOM_SET_TOPIC => P::RoomSetTopic(rooms::room_text(r)?),
            T::ROOM_INVITE_OUT => P::RoomInviteOut(rooms::room_user(r)?),
            T::ROOM_HAND_UP => P::RoomHandUp(r.room()?),
            T::ROOM_HAND_DOWN => P::RoomHandDown(r.room()?),
            T::ROOM_LOWER_ALL_HANDS => P::RoomLowerAllHands(r.room()?),
            T::ROOM_SET_ALL_MICS => P::RoomSetAllMics(rooms::room_switch(r)?),
            T::ROOM_NEW_USER_MIC => P::RoomNewUserMic(rooms::room_switch(r)?),
            T::ROOM_REDDOT_TEXT => P::RoomReddotText(rooms::room_switch(r)?),
            T::ROOM_REDDOT_VIDEO => P::RoomReddotVideo(rooms::room_switch(r)?),
            T::ROOM_REDDOT_USER => P::RoomReddotUser(rooms::room_user(r)?),
            T::ROOM_UNREDDOT_USER => P::RoomUnreddotUser(rooms::room_user(r)?),
            T::ROOM_BOUNCE_USER => P::RoomBounceUser(rooms::room_user(r)?),
            T::ROOM_BOUNCE_REASON => P::RoomBounceReason(rooms::bounce_reason(r)?),
            T::ROOM_UNBOUNCE_USER => P::RoomUnbounceUser(rooms::room_user(r)?),
            T::ROOM_BAN_USER => P::RoomBanUser(rooms::room_user(r)?),
            T::ROOM_UNBAN_USER => P::RoomUnbanUser(rooms::room_user(r)?),
            T::ROOM_BAN_NICK => P::RoomBanNick(rooms::room_text(r)?),
            T::ROOM_REPORT_USER => P::RoomReportUser(rooms::room_user_text(r)?),
            T::ROOM_CLOSE_REQUEST => P::RoomCloseRequest(r.room()?),
            T::ROOM_ADMIN_INFO_REQUEST => P::RoomAdminInfoRequest(r.room()?),
            T::ROOM_GRANT_ADMIN => P::RoomGrantAdmin(rooms::room_user(r)?),
            T::ROOM_MUTE_TOGGLE => P::RoomMuteToggle(rooms::room_switch(r)?),
            T::ROOM_IGNORE_USER => P::RoomIgnoreUser(rooms::room_user_switch(r)?),
            T::ROOM_MEMBERS_REQUEST => P::RoomMembersRequest(r.room().ok()),
            T::ROOM_GAME_REQUEST => P::RoomGameRequest(r.room()?, r.u16()?, r.u16()?),
            T::JOIN_TIMER_NOTICE => P::JoinTimerNotice,
            T::VIDEO_START_PUBLISH_TO_GROUP => P::VideoStartPublishToGroup(r.room().ok()),
            T::VIDEO_STOP_PUBLISH_TO_GROUP => P::VideoStopPublishToGroup(r.room().ok()),

            T::DCC_XFER_INIT => P::DccXferInit(rooms::peer_port(r)?),
            T::DCC_XFER_ACCEPT => P::DccXferAccept(rooms::peer_port(r)?),
            T::DCC_XFER_REJECT => P::DccXferReject(r.uid()?),
            T::FILE_XFER_INIT => P::FileXferInit(r.uid()?, r.rest()),
            T::FILE_XFER_ANSWER => P::FileXferAnswer(rooms::file_answer(r)?),
            T::VOICE_CALL_INIT => P::VoiceCallInit(rooms::peer_port(r)?),
            T::VOICE_CALL_ACCEPT => P::VoiceCallAccept(rooms::peer_port(r)?),
            T::VOICE_CALL_REFUSE => P::VoiceCallRefuse(r.uid()?),
            T::VOICE_CALL_REJECT => P::VoiceCallReject(r.uid()?),
            T::VOICE_CALL_HANGUP => P::VoiceCallHangup(r.uid()?),
            T::VIDEO_CALL_INIT => P::VideoCallInit(rooms::peer_port(r)?),
            T::VIDEO_CALL_ACCEPT => P::VideoCallAccept(rooms::peer_port(r)?),
            T::VIDEO_CALL_REJECT => P::VideoCallReject(r.uid()?),
            T::VIDEO_CALL_HANGUP => P::VideoCallHangup(r.uid()?),
            _ => P::Unknown { packet_type, len: payload.len() },
        })
    }
}
