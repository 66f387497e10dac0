//! Packets of a signed-in user.

use crate::hub::peers::{PeerCommand, TransferId};
use crate::hub::{Command, DirectoryCommand, RoomCommand};
use crate::model::{CategoryId, MessageText, Privacy, Status, TextError};
use crate::protocol::{ClientPacket, PacketType};

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
                let lockword = join.password.to_vec();
                self.room(
                    join.room,
                    RoomCommand::Join {
                        lockword,
                        invisible: join.invisible,
                        // More than a port number is nonsense; nothing is sent to port 0.
                        udp_port: u16::try_from(join.port).unwrap_or_default(),
                    },
                )
            }
            ClientPacket::RoomLeave(room) => self.room(room, RoomCommand::Leave),
            ClientPacket::RoomMembersRequest(Some(room)) => self.room(room, RoomCommand::Members),
            ClientPacket::RoomMessageOut(message) => {
                match self.text(PacketType::ROOM_MESSAGE_OUT, &message.text) {
                    Some(text) => self.room(message.room, RoomCommand::Message(text)),
                    None => Step::Continue,
                }
            }
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
