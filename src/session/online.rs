//! Packets of a signed-in user.

use crate::hub::peers::{PeerCommand, TransferId};
use crate::hub::{Command, DirectoryCommand, NewRoom, RoomCommand};
use crate::model::{CategoryId, MessageText, Privacy, Status, TextError, Uid};
use crate::protocol::{ClientPacket, PacketType, RoomUser};
use crate::store::ExclusionKind;

use super::{Session, Step, Work};

impl Session {
    pub(super) fn handle_online(&mut self, packet: ClientPacket<'_>) -> Step {
        match packet {
            ClientPacket::StatusSetAway(_) => self.directory(DirectoryCommand::SetStatus(Status::Away)),
            ClientPacket::StatusSetOnline => self.directory(DirectoryCommand::SetStatus(Status::Online)),
            ClientPacket::StatusChange(wanted, _) => match Status::from_wire(wanted) {
                Some(status) => self.directory(DirectoryCommand::SetStatus(status)),
                None => self.malformed(),
            },
            ClientPacket::PrivacySet(letter) => match Privacy::from_wire(letter) {
                Some(privacy) => self.directory(DirectoryCommand::SetPrivacy(privacy)),
                None => self.malformed(),
            },
            ClientPacket::BuddyAdd(uid) => Step::Work(Work::AddPal(uid)),
            ClientPacket::BuddyRemove(uid) => self.directory(DirectoryCommand::RemovePal(uid)),
            ClientPacket::BuddyBlock(uid) => Step::Work(Work::SetBlock(uid, true)),
            ClientPacket::BuddyUnblock(uid) => Step::Work(Work::SetBlock(uid, false)),
            ClientPacket::BlockedListRequest => Step::Work(Work::BlockList),
            ClientPacket::UserInfoRequest(uid) => Step::Work(Work::UserInfo(uid)),
            ClientPacket::UserSearch(search) => {
                // The form fills only one of the two (PROTOCOL 9.1).
                let exact = !search.exnick.is_empty();
                let name = if exact { search.exnick } else { search.nickname };
                Step::Work(Work::Search(name.to_vec(), exact))
            }
            ClientPacket::ImOut(message) => match self.text(PacketType::IM_OUT, &message.text) {
                Some(text) => {
                    self.directory(DirectoryCommand::InstantMessage { to: message.recipient, text })
                }
                None => Step::Continue,
            },
            // Zero and all ones both mean every category (PROTOCOL 10.2).
            ClientPacket::ListCategory(0 | 0xffff | 0xffff_ffff) => {
                self.directory(DirectoryCommand::CountCategories)
            }
            ClientPacket::ListCategory(category) => match u16::try_from(category) {
                Ok(category) => self.directory(DirectoryCommand::ListCategory(CategoryId(category))),
                Err(_) => self.malformed(),
            },
            ClientPacket::RoomJoin(join) => {
                let lockword = join.lockword.to_vec();
                let udp_port = port(join.port);
                self.room(join.room, RoomCommand::Join { lockword, invisible: join.invisible, udp_port })
            }
            ClientPacket::RoomJoinAsAdmin(join) => self.directory(DirectoryCommand::JoinRoomOf {
                owner: join.owner,
                code: join.code,
                udp_port: port(join.port),
            }),
            ClientPacket::RoomJoinAsAdminById(join) => {
                self.room(join.room, RoomCommand::JoinWithCode { code: join.code, udp_port: port(join.port) })
            }
            ClientPacket::RoomJoinFavorite(join) => self.directory(DirectoryCommand::JoinByName {
                name: join.name.to_vec(),
                lockword: join.lockword.to_vec(),
                invisible: join.invisible,
                udp_port: port(join.port),
            }),
            ClientPacket::RoomJoinMine(announced) => {
                self.directory(DirectoryCommand::JoinOwnRoom { udp_port: port(announced) })
            }
            ClientPacket::RoomPrivateInvite(invite) => self.directory(DirectoryCommand::OpenPrivateRoom {
                guests: invite.guests,
                udp_port: port(invite.port),
            }),
            ClientPacket::RoomCreate(wish) => {
                self.directory(DirectoryCommand::CreateRoom(Box::new(NewRoom {
                    kind: wish.kind,
                    category: wish.category,
                    rating: wish.rating,
                    name: wish.name.to_vec(),
                    lockword: wish.lockword.to_vec(),
                    udp_port: port(wish.port),
                })))
            }
            ClientPacket::RoomLeave(room) => self.room(room, RoomCommand::Leave),
            ClientPacket::RoomMembersRequest(Some(room)) => self.room(room, RoomCommand::Members),
            ClientPacket::RoomMessageOut(message) => {
                match self.text(PacketType::ROOM_MESSAGE_OUT, &message.text) {
                    Some(text) => self.room(message.room, RoomCommand::Message(text)),
                    None => Step::Continue,
                }
            }
            packet => self.handle_peers(packet),
        }
    }

    /// Calls and files.
    fn handle_peers(&mut self, packet: ClientPacket<'_>) -> Step {
        match packet {
            ClientPacket::VoiceCallInit(call) => {
                self.peer(PeerCommand::Call { to: call.peer, port: call.port })
            }
            ClientPacket::VoiceCallAccept(call) => {
                self.peer(PeerCommand::AcceptCall { from: call.peer, port: call.port })
            }
            ClientPacket::VoiceCallRefuse(peer) | ClientPacket::VoiceCallReject(peer) => {
                self.peer(PeerCommand::DeclineCall(peer))
            }
            ClientPacket::VoiceCallHangup(peer) => self.peer(PeerCommand::HangUp(peer)),
            ClientPacket::DccXferInit(offer) => {
                self.peer(PeerCommand::OfferFile { to: offer.peer, name: None })
            }
            ClientPacket::FileXferInit(to, name) => {
                self.peer(PeerCommand::OfferFile { to, name: Some(name.to_vec()) })
            }
            ClientPacket::FileXferAnswer(answer) => self.peer(PeerCommand::AnswerFile {
                from: answer.sender,
                transfer: TransferId(answer.transfer),
                accept: answer.accept,
            }),
            ClientPacket::DccXferAccept(answer) => {
                self.peer(PeerCommand::AcceptFile { from: answer.peer, port: answer.port })
            }
            ClientPacket::DccXferReject(peer) => self.peer(PeerCommand::RejectFile(peer)),
            packet => self.handle_floor(packet),
        }
    }

    /// Administration and floor of rooms, and the account.
    fn handle_floor(&mut self, packet: ClientPacket<'_>) -> Step {
        match packet {
            ClientPacket::RoomInviteOut(to) => self.room(to.room, RoomCommand::Invite(to.uid)),
            ClientPacket::RoomCloseRequest(room) => self.room(room, RoomCommand::Close),
            ClientPacket::RoomSetTopic(topic) => {
                self.room(topic.room, RoomCommand::SetTopic(topic.text.to_vec()))
            }
            ClientPacket::RoomHandUp(room) => self.room(room, RoomCommand::Hand(true)),
            ClientPacket::RoomHandDown(room) => self.room(room, RoomCommand::Hand(false)),
            ClientPacket::RoomLowerAllHands(room) => self.room(room, RoomCommand::LowerAllHands),
            ClientPacket::RoomSetAllMics(mics) => self.room(mics.room, RoomCommand::SetAllMics(mics.on)),
            ClientPacket::RoomNewUserMic(mic) => self.room(mic.room, RoomCommand::NewUserMic(mic.on)),
            ClientPacket::RoomReddotText(text) => self.room(text.room, RoomCommand::RedDotTakesText(text.on)),
            ClientPacket::RoomReddotVideo(video) => {
                self.room(video.room, RoomCommand::RedDotTakesVideo(video.on))
            }
            ClientPacket::RoomReddotUser(RoomUser { room, uid }) => {
                self.room(room, RoomCommand::RedDot { uid, on: true })
            }
            ClientPacket::RoomUnreddotUser(RoomUser { room, uid }) => {
                self.room(room, RoomCommand::RedDot { uid, on: false })
            }
            ClientPacket::RoomBounceReason(reason) => self.room(
                reason.room,
                RoomCommand::BounceReason { uid: reason.uid, reason: reason.text.to_vec() },
            ),
            ClientPacket::RoomBounceUser(RoomUser { room, uid }) => self.room(room, RoomCommand::Bounce(uid)),
            ClientPacket::RoomUnbounceUser(RoomUser { room, uid }) => {
                self.room(room, RoomCommand::LetIn { kind: ExclusionKind::Bounce, uid: one(uid) })
            }
            ClientPacket::RoomUnbanUser(RoomUser { room, uid }) => {
                self.room(room, RoomCommand::LetIn { kind: ExclusionKind::Ban, uid: one(uid) })
            }
            ClientPacket::RoomBanUser(RoomUser { room, uid }) => Step::Work(Work::BanUser(room, uid)),
            ClientPacket::RoomBanNick(ban) => Step::Work(Work::BanNick(ban.room, ban.text.to_vec())),
            ClientPacket::RoomAdminInfoRequest(room) => self.room(room, RoomCommand::AdminInfo),
            ClientPacket::RoomGrantAdmin(RoomUser { room, uid }) => {
                self.room(room, RoomCommand::SetAdmin { uid, on: true })
            }
            ClientPacket::RoomReportUser(report) => {
                match self.text(PacketType::ROOM_REPORT_USER, &report.text) {
                    Some(text) => self.room(report.room, RoomCommand::Report { uid: report.uid, text }),
                    None => Step::Continue,
                }
            }
            ClientPacket::RoomIgnoreUser(ignore) => {
                self.room(ignore.room, RoomCommand::Ignore { uid: ignore.uid, on: ignore.on })
            }
            ClientPacket::RoomMuteToggle(listen) => self.room(listen.room, RoomCommand::Listen(listen.on)),
            ClientPacket::PasswordResetRequest(_) => self.password_reset_request(),
            ClientPacket::NewPassword(packet) => self.new_password_packet(packet),
            _ => Step::Continue,
        }
    }

    fn peer(&self, command: PeerCommand) -> Step {
        self.to_hub(Command::Peer(command))
    }

    fn malformed(&self) -> Step {
        self.context.metrics.packets_malformed.increment();
        Step::Continue
    }

    /// A text that can be passed on, or a refusal that says why it cannot.
    fn text(&self, request: PacketType, bytes: &[u8]) -> Option<MessageText> {
        match MessageText::new(bytes) {
            Ok(text) => Some(text),
            Err(TextError::Empty) => None,
            Err(error) => {
                self.context.metrics.packets_malformed.increment();
                self.refuse(request, 1, &format!("Your message was not sent: {error}."));
                None
            }
        }
    }
}

/// The port on which a client hears voice; 0, to which nothing is sent, for what is no port, and for
/// those of system services: with a proxy in front, the address is not the client's own.
fn port(announced: u32) -> u16 {
    const FIRST_PORT: u16 = 1024;
    u16::try_from(announced).ok().filter(|port| *port >= FIRST_PORT).unwrap_or_default()
}

/// A single user, or `None` if all are meant.
fn one(uid: Uid) -> Option<Uid> {
    (uid != Uid::EVERYBODY).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_goes_to_no_service_of_a_system() {
        let heard = [0, 53, 1023, 1024, 2090, 65_535, 65_536, u32::MAX].map(port);
        assert_eq!(heard, [0, 0, 0, 1024, 2090, 65_535, 0, 0]);
    }
}
