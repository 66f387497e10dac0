use super::super::cipher::challenge_digits;
use super::super::frame::write_frame;
use super::super::reader::Writer;
use super::super::record::RecordWriter;
use super::super::{Dialect, PacketType};
use super::{ServerPacket, lists, session};

impl ServerPacket {
    /// Appends the packet to `out` as clients of `dialect` want it: header and payload, several
    /// packets if a list is too long for one, nothing if they do not know it.
    pub fn encode(&self, dialect: Dialect, out: &mut Vec<u8>) {
        if !self.is_known_to(dialect) {
            return;
        }
        match self {
            ServerPacket::BuddyList(pals) | ServerPacket::BlockedList(pals) => {
                lists::write_pals(self.packet_type(), pals, out);
            }
            ServerPacket::SearchResultsAlt(users) if dialect == Dialect::V50 => {
                lists::write_found(PacketType::SEARCH_RESULTS, users, out);
            }
            ServerPacket::SearchResults(users) | ServerPacket::SearchResultsAlt(users) => {
                lists::write_found(self.packet_type(), users, out);
            }
            ServerPacket::CategoryList(categories) => lists::write_categories(categories, dialect, out),
            ServerPacket::CategoryCounts(counts) => lists::write_counts(counts, out),
            ServerPacket::RoomList(category, rooms) => lists::write_rooms(*category, rooms, dialect, out),
            ServerPacket::RoomSearchResults(rooms) => lists::write_found_rooms(rooms, out),
            ServerPacket::RoomUserList(room, users) => lists::write_users(*room, users, dialect, out),
            ServerPacket::RoomUserJoined(room, user) => lists::write_user_joined(*room, user, dialect, out),
            single => write_frame(out, self.packet_type(), |out| single.write_payload(dialect, out)),
        }
    }

    fn write_payload(&self, dialect: Dialect, out: &mut Vec<u8>) {
        match self {
            ServerPacket::LoginSuccess | ServerPacket::SearchNoResults => {}
            ServerPacket::Hello => out.extend_from_slice(session::HELLO),
            ServerPacket::HelloNegative => out.extend_from_slice(session::HELLO_NEGATIVE),
            ServerPacket::UidResponse(uid, nickname) => {
                session::write_uid_response(*uid, nickname, dialect, out);
            }
            ServerPacket::Challenge(challenge) => challenge.write(dialect, out),
            ServerPacket::SendLogin(challenge) => challenge.write(dialect, out),
            ServerPacket::ResetPassword(challenge) => {
                out.bytes(&challenge_digits(*challenge));
            }
            ServerPacket::ReturnCode { request, code, data } => {
                out.word(request.0).word(*code).bytes(data);
            }
            ServerPacket::UserData(data) => data.write(dialect, out),
            ServerPacket::BannerInterval(target, interval) => {
                out.word(*interval).push(target.wire());
            }
            ServerPacket::Redirect(ip, port) => {
                out.address(*ip).word(*port);
            }
            ServerPacket::DoRegistration(challenge) => challenge.write_for_registration(dialect, out),
            ServerPacket::RegistrationNameInUse(nickname) => {
                out.bytes(nickname.as_bytes());
            }
            ServerPacket::GlobalNumbers(users, rooms) => {
                out.long(*users).long(*rooms);
            }
            ServerPacket::RegistrationFailed(text)
            | ServerPacket::Announcement(text)
            | ServerPacket::AnnouncementNegative(text)
            | ServerPacket::KickUser(text)
            | ServerPacket::ServerDisconnect(text)
            | ServerPacket::PopupUrl(text) => {
                out.bytes(text);
            }
            ServerPacket::ServiceUrl(key, url) => {
                out.bytes(&[0; 10]).long(*key).bytes(url);
            }
            ServerPacket::BuddyStatusChange(uid, status) => {
                out.long(uid.0).long(*status);
            }
            ServerPacket::BlockResponse(uid, blocked, failure) => {
                let text = failure.as_deref().unwrap_or(b"Success");
                out.long(uid.0).word((*blocked).into()).bytes(text);
            }
            ServerPacket::Pong(value) | ServerPacket::OwnStatus(value) => {
                out.long(*value);
            }
            ServerPacket::PrivacyVerify(privacy) => out.push(privacy.wire()),
            ServerPacket::BuddyDisplayNameIn(uid, name) => {
                out.long(uid.0).bytes(name);
            }
            ServerPacket::ImIn { sender, stamp, text } => {
                out.long(sender.0);
                if let Some(stamp) = stamp {
                    out.bytes(b"<<(").bytes(stamp.as_bytes()).bytes(b")>>");
                }
                out.bytes(text.as_bytes());
            }
            ServerPacket::ForcedIm(uid, nickname, text) => {
                RecordWriter::new(out)
                    .text("nickname", nickname.as_bytes())
                    .text("msg", text.as_bytes())
                    .number("uid", uid.0);
            }
            ServerPacket::RoomJoined(joined) => joined.write(dialect, out),
            ServerPacket::RoomMessageIn(room, sender, text) => {
                out.long(room.0).long(sender.0).bytes(text.as_bytes());
            }
            ServerPacket::RoomTopic(room, uid, text) | ServerPacket::RoomClosed(room, uid, text) => {
                out.long(room.0).long(uid.0).bytes(text);
            }
            ServerPacket::RoomBannerUrl(room, url) => {
                out.long(room.0).bytes(url);
            }
            ServerPacket::RoomUserLeft(room, uid)
            | ServerPacket::RoomUserHandUp(room, uid)
            | ServerPacket::RoomUserHandDown(room, uid)
            | ServerPacket::RoomUserReddotOn(room, uid)
            | ServerPacket::RoomUserReddotOff(room, uid) => {
                out.long(room.0).long(uid.0);
            }
            ServerPacket::RoomInviteIn(invite) => invite.write(dialect, out),
            ServerPacket::RoomMicsChanged(room, on, uid) => {
                out.long(room.0).word((*on).into()).long(uid.0);
            }
            ServerPacket::RoomAdminInfo(info) => info.write(dialect, out),
            ServerPacket::RoomAdminGranted(room) => {
                out.long(room.0);
            }
            ServerPacket::RoomAdminStatus(room, uid, on)
            | ServerPacket::RoomUserMute(room, uid, on)
            | ServerPacket::RoomIgnoreAck(room, uid, on) => {
                out.long(room.0).long(uid.0).word((*on).into());
            }
            ServerPacket::RoomUserVideo(room, uid, state) => {
                out.long(room.0).long(uid.0).word(*state);
            }
            ServerPacket::RoomVoiceConnInfo(voice) => voice.write(out),
            ServerPacket::VoiceReconnect(room, port) => {
                out.long(room.0).word(0).word(*port);
            }
            ServerPacket::DccXferRequest(request) => request.write(out),
            ServerPacket::VoiceCallRequest(request) | ServerPacket::VideoCallRequest(request) => {
                request.write(out);
            }
            ServerPacket::DccXferAccepted(address)
            | ServerPacket::VoiceCallAccepted(address)
            | ServerPacket::VideoCallAccepted(address) => address.write(out),
            ServerPacket::RegistrationSuccess(uid)
            | ServerPacket::BuddyRemoved(uid)
            | ServerPacket::DccXferRejected(uid)
            | ServerPacket::VoiceCallRejected(uid)
            | ServerPacket::VoiceCallHungUp(uid)
            | ServerPacket::VideoCallRejected(uid)
            | ServerPacket::VideoCallHungUp(uid) => {
                out.long(uid.0);
            }
            ServerPacket::FileXferRequest(sender, transfer, name, nickname) => {
                out.long(sender.0).long(*transfer).bytes(name).bytes(b"\n").bytes(nickname.as_bytes());
            }
            ServerPacket::FileXferAccepted(transfer, sending, address) => {
                out.long(address.peer.0)
                    .long(*transfer)
                    .word((*sending).into())
                    .address(address.ip)
                    .word(address.port);
            }
            ServerPacket::FileXferRejected(peer, transfer) => {
                out.long(peer.0).long(*transfer);
            }
            ServerPacket::FileXferError(peer, transfer, text) => {
                out.long(peer.0).long(*transfer).bytes(text);
            }
            // Written by `encode` as lists of records.
            ServerPacket::BuddyList(_)
            | ServerPacket::BlockedList(_)
            | ServerPacket::SearchResults(_)
            | ServerPacket::SearchResultsAlt(_)
            | ServerPacket::CategoryList(_)
            | ServerPacket::CategoryCounts(_)
            | ServerPacket::RoomList(..)
            | ServerPacket::RoomSearchResults(_)
            | ServerPacket::RoomUserList(..)
            | ServerPacket::RoomUserJoined(..) => {}
        }
    }
}
