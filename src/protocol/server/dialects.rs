use super::super::{Dialect, PacketType};
use super::ServerPacket;

impl ServerPacket {
    /// The type under which most dialects get this packet; a few lists go to some dialects under
    /// another one.
    pub fn packet_type(&self) -> PacketType {
        use PacketType as T;
        match self {
            ServerPacket::Hello => T::HELLO,
            ServerPacket::HelloNegative => T::HELLO_NEGATIVE,
            ServerPacket::UidResponse(..) => T::UID_RESPONSE,
            ServerPacket::Challenge(_) => T::CHALLENGE,
            ServerPacket::SendLogin(_) => T::SEND_LOGIN,
            ServerPacket::ResetPassword(_) => T::RESET_PASSWORD,
            ServerPacket::LoginSuccess => T::LOGIN_SUCCESS,
            ServerPacket::ReturnCode { .. } => T::RETURN_CODE,
            ServerPacket::UserData(_) => T::USER_DATA,
            ServerPacket::BannerInterval(..) => T::BANNER_INTERVAL,
            ServerPacket::Redirect(..) => T::REDIRECT,
            ServerPacket::Pong(_) => T::PONG,
            ServerPacket::DoRegistration(_) => T::DO_REGISTRATION,
            ServerPacket::RegistrationSuccess(_) => T::REGISTRATION_SUCCESS,
            ServerPacket::RegistrationFailed(_) => T::REGISTRATION_FAILED,
            ServerPacket::RegistrationNameInUse(_) => T::REGISTRATION_NAME_IN_USE,
            ServerPacket::GlobalNumbers(..) => T::GLOBAL_NUMBERS,
            ServerPacket::Announcement(_) => T::ANNOUNCEMENT,
            ServerPacket::AnnouncementNegative(_) => T::ANNOUNCEMENT_NEGATIVE,
            ServerPacket::KickUser(_) => T::KICK_USER,
            ServerPacket::ServerDisconnect(_) => T::SERVER_DISCONNECT,
            ServerPacket::ServiceUrl(..) => T::SERVICE_URL,
            ServerPacket::PopupUrl(_) => T::POPUP_URL,
            ServerPacket::BuddyList(_) => T::BUDDY_LIST,
            ServerPacket::BlockedList(_) => T::BLOCKED_LIST,
            ServerPacket::BuddyStatusChange(..) => T::BUDDY_STATUS_CHANGE,
            ServerPacket::BuddyRemoved(_) => T::BUDDY_REMOVED,
            ServerPacket::BlockResponse(..) => T::BLOCK_RESPONSE,
            ServerPacket::OwnStatus(_) => T::OWN_STATUS,
            ServerPacket::PrivacyVerify(_) => T::PRIVACY_VERIFY,
            ServerPacket::BuddyDisplayNameIn(..) => T::BUDDY_DISPLAY_NAME_IN,
            ServerPacket::ImIn { .. } => T::IM_IN,
            ServerPacket::ForcedIm(..) => T::FORCED_IM,
            ServerPacket::SearchResults(_) => T::SEARCH_RESULTS,
            ServerPacket::SearchResultsAlt(_) => T::SEARCH_RESULTS_ALT,
            ServerPacket::SearchNoResults => T::SEARCH_NO_RESULTS,
            ServerPacket::CategoryList(_) => T::CATEGORY_LIST,
            ServerPacket::CategoryCounts(_) => T::CATEGORY_COUNTS,
            ServerPacket::RoomList(..) => T::ROOM_LIST,
            ServerPacket::RoomSearchResults(_) => T::ROOM_SEARCH_RESULTS,
            ServerPacket::RoomJoined(_) => T::ROOM_JOINED,
            ServerPacket::RoomMessageIn(..) => T::ROOM_MESSAGE_IN,
            ServerPacket::RoomTopic(..) => T::ROOM_TOPIC,
            ServerPacket::RoomBannerUrl(..) => T::ROOM_BANNER_URL,
            ServerPacket::RoomUserList(..) => T::ROOM_USER_LIST,
            ServerPacket::RoomUserJoined(..) => T::ROOM_USER_JOINED,
            ServerPacket::RoomUserLeft(..) => T::ROOM_USER_LEFT,
            ServerPacket::RoomClosed(..) => T::ROOM_CLOSED,
            ServerPacket::RoomInviteIn(_) => T::ROOM_INVITE_IN,
            ServerPacket::RoomUserHandUp(..) => T::ROOM_USER_HAND_UP,
            ServerPacket::RoomUserHandDown(..) => T::ROOM_USER_HAND_DOWN,
            ServerPacket::RoomMicsChanged(..) => T::ROOM_MICS_CHANGED,
            ServerPacket::RoomUserReddotOn(..) => T::ROOM_USER_REDDOT_ON,
            ServerPacket::RoomUserReddotOff(..) => T::ROOM_USER_REDDOT_OFF,
            ServerPacket::RoomAdminInfo(_) => T::ROOM_ADMIN_INFO,
            ServerPacket::RoomAdminGranted(_) => T::ROOM_ADMIN_GRANTED,
            ServerPacket::RoomAdminStatus(..) => T::ROOM_ADMIN_STATUS,
            ServerPacket::RoomUserMute(..) => T::ROOM_USER_MUTE,
            ServerPacket::RoomIgnoreAck(..) => T::ROOM_IGNORE_ACK,
            ServerPacket::RoomUserVideo(..) => T::ROOM_USER_VIDEO,
            ServerPacket::RoomVoiceConnInfo(_) => T::ROOM_VOICE_CONN_INFO,
            ServerPacket::VoiceReconnect(..) => T::VOICE_RECONNECT,
            ServerPacket::DccXferRequest(_) => T::DCC_XFER_REQUEST,
            ServerPacket::DccXferAccepted(_) => T::DCC_XFER_ACCEPTED,
            ServerPacket::DccXferRejected(_) => T::DCC_XFER_REJECTED,
            ServerPacket::FileXferRequest(..) => T::FILE_XFER_REQUEST,
            ServerPacket::FileXferAccepted(..) => T::FILE_XFER_ACCEPTED,
            ServerPacket::FileXferRejected(..) => T::FILE_XFER_REJECTED,
            ServerPacket::FileXferError(..) => T::FILE_XFER_ERROR,
            ServerPacket::VoiceCallRequest(_) => T::VOICE_CALL_REQUEST,
            ServerPacket::VoiceCallAccepted(_) => T::VOICE_CALL_ACCEPTED,
            ServerPacket::VoiceCallRejected(_) => T::VOICE_CALL_REJECTED,
            ServerPacket::VoiceCallHungUp(_) => T::VOICE_CALL_HUNG_UP,
            ServerPacket::VideoCallRequest(_) => T::VIDEO_CALL_REQUEST,
            ServerPacket::VideoCallAccepted(_) => T::VIDEO_CALL_ACCEPTED,
            ServerPacket::VideoCallRejected(_) => T::VIDEO_CALL_REJECTED,
            ServerPacket::VideoCallHungUp(_) => T::VIDEO_CALL_HUNG_UP,
        }
    }

    /// Whether clients of `dialect` know this packet. Clients skip unknown types, so sending one
    /// would do no harm but no good either; [`ServerPacket::encode`] writes nothing for them. The
    /// types of 5.0 are those its dispatcher handles (recordings' notes).
    pub fn is_known_to(&self, dialect: Dialect) -> bool {
        match self {
            ServerPacket::BlockResponse(_, _, failure) => dialect != Dialect::V50 || failure.is_some(),
            ServerPacket::BuddyRemoved(_)
            | ServerPacket::OwnStatus(_)
            | ServerPacket::PrivacyVerify(_)
            | ServerPacket::ServiceUrl(..)
            | ServerPacket::VoiceReconnect(..) => dialect != Dialect::V50,
            ServerPacket::DoRegistration(_)
            | ServerPacket::RegistrationSuccess(_)
            | ServerPacket::RegistrationFailed(_)
            | ServerPacket::RegistrationNameInUse(_)
            | ServerPacket::GlobalNumbers(..)
            | ServerPacket::BuddyDisplayNameIn(..)
            | ServerPacket::RoomSearchResults(_)
            | ServerPacket::RoomUserMute(..)
            | ServerPacket::FileXferRequest(..)
            | ServerPacket::FileXferAccepted(..)
            | ServerPacket::FileXferRejected(..)
            | ServerPacket::FileXferError(..) => dialect >= Dialect::V7,
            ServerPacket::Pong(_) => dialect == Dialect::V8,
            ServerPacket::SendLogin(_)
            | ServerPacket::RoomAdminGranted(_)
            | ServerPacket::RoomAdminStatus(..)
            | ServerPacket::DccXferRequest(_)
            | ServerPacket::DccXferAccepted(_)
            | ServerPacket::DccXferRejected(_)
            | ServerPacket::VoiceCallRequest(_)
            | ServerPacket::VoiceCallAccepted(_)
            | ServerPacket::VoiceCallRejected(_)
            | ServerPacket::VoiceCallHungUp(_) => dialect <= Dialect::V51,
            _ => true,
        }
    }

    /// Whether every dialect gets the same bytes, so that a packet for many needs to be encoded
    /// only once.
    pub fn same_for_all_dialects(&self) -> bool {
        let same_layout = !matches!(
            self,
            ServerPacket::UidResponse(..)
                | ServerPacket::Challenge(_)
                | ServerPacket::UserData(_)
                | ServerPacket::SearchResultsAlt(_)
                | ServerPacket::CategoryList(_)
                | ServerPacket::RoomList(..)
                | ServerPacket::RoomJoined(_)
                | ServerPacket::RoomUserList(..)
                | ServerPacket::RoomUserJoined(..)
                | ServerPacket::RoomInviteIn(_)
                | ServerPacket::RoomAdminInfo(_)
        );
        same_layout && Dialect::ALL.into_iter().all(|dialect| self.is_known_to(dialect))
    }
}
