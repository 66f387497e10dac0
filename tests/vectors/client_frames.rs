use paltalkd::protocol::cipher::{Variant, decode};
use paltalkd::protocol::frame::{MAX_CLIENT_PAYLOAD, next_frame};
use paltalkd::protocol::{ClientPacket as P, Dialect, PacketType, markup};
use serde_json::Value;

use super::{latin, list, number, text, unhex, vectors};

#[test]
fn every_frame_of_a_client_is_parsed() {
    let vectors = vectors();
    let frames = list(&vectors["frames"]).iter().filter(|frame| frame["direction"] == "c2s");
    let mut count = 0;
    for frame in frames {
        let bytes = unhex(text(frame, "hex"));
        let (packet, used) = next_frame(&bytes, MAX_CLIENT_PAYLOAD).unwrap().unwrap();
        assert_eq!(used, bytes.len(), "{frame}");
        assert_eq!(packet.payload.len(), number::<usize>(frame, "payload_length"));
        let dialect = Dialect::from_version(packet.version);
        let parsed = P::parse(packet.packet_type, dialect, packet.payload);
        let parsed = parsed.unwrap_or_else(|error| panic!("{error}: {frame}"));
        let name = text(frame, "name");
        assert!(packet.packet_type.name().split(" / ").any(|known| known == name), "{frame}");
        let shown = format!("{parsed:?}");
        assert!(shown.starts_with(name) || parsed == P::MachineReport, "{shown}: {frame}");
        check(&parsed, &frame["fields"]);
        count += 1;
    }
    assert_eq!(count, 89);
}

fn plain(variant: Variant, challenge: u16, digits: &[u8]) -> Vec<u8> {
    decode(variant, challenge, digits).unwrap().to_vec()
}

/// The expected fields of one frame.
struct Fields<'a>(&'a Value);

impl Fields<'_> {
    fn bytes(&self, key: &str) -> Vec<u8> {
        latin(text(self.0, key))
    }

    fn given(&self, key: &str) -> Option<Vec<u8>> {
        self.0[key].as_str().map(latin)
    }

    fn long(&self, key: &str) -> u32 {
        number(self.0, key)
    }

    fn word(&self, key: &str) -> u16 {
        number(self.0, key)
    }

    fn on(&self, key: &str) -> bool {
        self.long(key) != 0
    }
}

fn check(packet: &P<'_>, fields: &Value) {
    let f = Fields(fields);
    match packet {
        P::IntroduceUid(uid) => assert_eq!(uid.unwrap().0, f.long("uid")),
        P::GetUid(nickname) => assert_eq!(*nickname, f.bytes("nickname")),
        P::InitialStatus(wish) => {
            assert_eq!(wish.uid.0, f.long("uid"));
            assert_eq!(wish.status.map(u64::from), fields["status"].as_u64());
        }
        P::Login(login) => {
            let challenge = f.word("challenge");
            assert_eq!(login.uid.0, f.long("uid"));
            assert_eq!(plain(Variant::One, challenge, &login.password_digits), f.bytes("password"));
            let address = login.address_digits.unwrap().0;
            assert_eq!(plain(Variant::Two, challenge, address), f.bytes("server_ip"));
            let answer = login.answer_digits.map(|digits| plain(Variant::One, challenge, &digits));
            assert_eq!(answer, f.given("answer"));
        }
        P::Ping(time) => assert_eq!(*time, f.long("time")),
        P::RegistrationPt5(form) => {
            assert_eq!(form.nickname, f.bytes("nickname"));
            assert_eq!(plain(Variant::One, 0, &form.password_digits), f.bytes("password"));
            assert_eq!(form.email.0, b"n@example.org");
        }
        P::PasswordHint(hint) => {
            assert_eq!(hint.question, f.word("question_id"));
            assert_eq!((hint.answer.to_vec(), hint.hint.to_vec()), (f.bytes("answer"), f.bytes("hint")));
        }
        P::NewPassword(change) => {
            assert_eq!(change.uid.0, f.long("uid"));
            assert_eq!(plain(Variant::One, f.word("old_challenge"), &change.old_digits), f.bytes("old"));
            assert_eq!(plain(Variant::One, 0, &change.new_digits), f.bytes("new"));
        }
        P::RegistrationChallengeAck(digits) => {
            assert_eq!(plain(Variant::One, f.word("challenge"), digits), f.bytes("value"));
        }
        P::RegistrationInfo(form) => {
            let decoded = |digits| plain(Variant::Two, f.word("challenge"), digits);
            assert_eq!(decoded(form.nickname_digits), f.bytes("nickname"));
            assert_eq!(decoded(&form.password_digits), f.bytes("password"));
            assert_eq!(decoded(&form.email_digits), f.bytes("email"));
        }
        P::ClientHello
        | P::MachineReport
        | P::Pt5Keepalive
        | P::BannerCounters
        | P::ClientDisconnect
        | P::StatusSetOnline
        | P::BlockedListRequest => {}
        other => check_people(other, &f),
    }
}

fn check_people(packet: &P<'_>, f: &Fields<'_>) {
    match packet {
        P::BuddyAdd(uid)
        | P::BuddyRemove(uid)
        | P::BuddyBlock(uid)
        | P::BuddyUnblock(uid)
        | P::UserInfoRequest(uid) => assert_eq!(uid.0, f.long("uid")),
        P::StatusChange(status, text) => assert_eq!((*status, text.len()), (f.long("status"), 0)),
        P::StatusSetAway(text) => assert_eq!(text.to_vec(), f.bytes("text")),
        P::RoomSearch(text) => assert_eq!(*text, f.bytes("text")),
        P::PrivacySet(letter) => assert_eq!(vec![*letter], f.bytes("privacy")),
        P::BuddyDisplayNameSet(uid, name) => {
            assert_eq!((uid.0, name.to_vec()), (f.long("uid"), f.bytes("display")));
        }
        P::ImOut(message) => {
            assert_eq!((message.recipient.0, message.text.to_vec()), (f.long("recipient"), f.bytes("text")));
            assert_eq!(*markup::strip(&message.text), *b"hello");
        }
        P::UserSearch(search) => {
            let prefix = f.given("nickname_prefix").unwrap_or_else(|| f.bytes("nickname"));
            assert_eq!((search.nickname, search.exnick), (&prefix[..], &b""[..]));
        }
        P::EmailInvite(address) => assert_eq!(address.to_vec(), f.bytes("email")),
        P::ProfileUpdate(form) => assert!(form.starts_with(format!("uid={}\n", f.long("uid")).as_bytes())),
        P::ServiceUrlRequest(page, argument) => {
            assert_eq!((*page, *argument), (f.long("number"), f.long("argument")));
        }
        P::DccXferInit(peer) => assert_eq!((peer.peer.0, peer.port), (f.long("target"), f.word("port"))),
        P::DccXferAccept(peer) => assert_eq!((peer.peer.0, peer.port), (f.long("sender"), f.word("port"))),
        P::DccXferReject(uid) => assert_eq!(uid.0, f.long("sender")),
        P::FileXferInit(uid, name) => {
            assert_eq!((uid.0, name.to_vec()), (f.long("target"), f.bytes("filename")));
        }
        P::FileXferAnswer(answer) => {
            assert_eq!((answer.sender.0, answer.transfer), (f.long("sender"), f.long("xfer")));
            assert_eq!(answer.accept, f.on("answer"));
        }
        P::VoiceCallAccept(peer) => assert_eq!((peer.peer.0, peer.port), (f.long("peer"), 0)),
        P::VoiceCallInit(peer) | P::VideoCallInit(peer) | P::VideoCallAccept(peer) => {
            assert_eq!((peer.peer.0, peer.port), (f.long("peer"), f.word("port")));
        }
        P::VoiceCallReject(uid)
        | P::VoiceCallHangup(uid)
        | P::VideoCallReject(uid)
        | P::VideoCallHangup(uid) => assert_eq!(uid.0, f.long("peer")),
        other => check_rooms(other, f),
    }
}

fn check_rooms(packet: &P<'_>, f: &Fields<'_>) {
    match packet {
        P::ListCategory(category) => assert_eq!(*category, f.long("category")),
        P::RoomCreate(create) => {
            assert_eq!((create.kind, create.category.0), (f.word("type"), f.word("category")));
            assert_eq!((create.port, vec![create.rating]), (f.long("port"), f.bytes("rating")));
            assert_eq!(create.name, f.bytes("name"));
            assert_eq!(create.lockword.to_vec(), f.given("password").unwrap_or_default());
        }
        P::RoomJoin(join) => {
            assert_eq!((join.room.0, join.port), (f.long("room"), f.long("port")));
            assert_eq!(join.invisible, f.on("invisible"));
            assert_eq!(join.lockword.to_vec(), f.given("password").unwrap_or_default());
        }
        P::RoomJoinAsAdmin(join) => {
            assert_eq!(
                (join.owner.0, join.code, join.port),
                (f.long("owner"), f.long("code"), f.long("port"))
            );
        }
        P::RoomJoinFavorite(join) => {
            assert_eq!((join.name, join.invisible), (&f.bytes("name")[..], f.on("invis")));
            assert_eq!((join.port, join.lockword.to_vec()), (f.long("port"), f.bytes("lock")));
        }
        P::RoomPrivateInvite(invite) => {
            assert_eq!(invite.port, f.long("port"));
            let expected: Vec<u64> = list(&f.0["uids"]).iter().map(|uid| uid.as_u64().unwrap()).collect();
            assert_eq!(invite.guests.iter().map(|uid| u64::from(uid.0)).collect::<Vec<_>>(), expected);
        }
        P::RoomMessageOut(message) => {
            assert_eq!((message.room.0, message.text.to_vec()), (f.long("room"), f.bytes("text")));
            let whisper = markup::parse_whisper(&message.text);
            let expected = f.given("whisper_to").map(|to| (to, f.bytes("whisper")));
            assert_eq!(whisper.map(|(to, words)| (to.to_vec(), words.to_vec())), expected);
        }
        P::RoomSetTopic(topic) => {
            assert_eq!((topic.room.0, topic.text.to_vec()), (f.long("room"), f.bytes("topic")));
        }
        P::RoomBanNick(ban) => {
            assert_eq!((ban.room.0, ban.text.to_vec()), (f.long("room"), f.bytes("nickname")));
        }
        P::RoomBounceReason(reason) => {
            assert_eq!((reason.room.0, reason.uid.0), (f.long("room"), f.long("uid")));
            assert_eq!(reason.text.to_vec(), f.bytes("reason"));
        }
        P::RoomReportUser(report) => {
            assert_eq!((report.room.0, report.uid.0), (f.long("room"), f.long("uid")));
            assert_eq!(report.text.to_vec(), f.bytes("text"));
        }
        P::RoomLeave(room)
        | P::RoomHandUp(room)
        | P::RoomHandDown(room)
        | P::RoomLowerAllHands(room)
        | P::RoomAdminInfoRequest(room)
        | P::RoomCloseRequest(room) => assert_eq!(room.0, f.long("room")),
        P::RoomSetAllMics(switch)
        | P::RoomNewUserMic(switch)
        | P::RoomReddotText(switch)
        | P::RoomReddotVideo(switch)
        | P::RoomMuteToggle(switch) => assert_eq!((switch.room.0, switch.on), (f.long("room"), f.on("on"))),
        P::RoomInviteOut(user)
        | P::RoomReddotUser(user)
        | P::RoomUnreddotUser(user)
        | P::RoomBounceUser(user)
        | P::RoomUnbounceUser(user)
        | P::RoomBanUser(user)
        | P::RoomUnbanUser(user)
        | P::RoomGrantAdmin(user) => {
            assert_eq!((user.room.0, user.uid.0), (f.long("room"), f.long("uid")));
        }
        P::RoomIgnoreUser(ignore) => {
            assert_eq!((ignore.room.0, ignore.uid.0), (f.long("room"), f.long("uid")));
            assert_eq!(ignore.on, f.on("on"));
        }
        other => panic!("nothing is checked of {other:?}"),
    }
}

#[test]
fn one_number_means_two_things() {
    let payload = [0, 0, 0xdc, 0x9c, 0, 0, 4, 0xd2, 0, 0, 8, 0x2a];
    let parse = |dialect| P::parse(PacketType::VOICE_CALL_REJECT, dialect, &payload).unwrap();
    assert!(matches!(parse(Dialect::V50), P::VoiceCallReject(uid) if uid.0 == 56476));
    assert!(matches!(parse(Dialect::V8), P::RoomJoinAsAdminById(join) if join.code == 1234));
}

#[test]
fn short_payloads_are_errors() {
    let vectors = vectors();
    for frame in list(&vectors["frames"]).iter().filter(|frame| frame["direction"] == "c2s") {
        let bytes = unhex(text(frame, "hex"));
        let (packet, _) = next_frame(&bytes, MAX_CLIENT_PAYLOAD).unwrap().unwrap();
        let dialect = Dialect::from_version(packet.version);
        for end in 0..packet.payload.len() {
            // Whatever the result, it must be one: optional tails parse, mandatory fields do not.
            let _ = P::parse(packet.packet_type, dialect, &packet.payload[..end]);
        }
    }
    for (packet_type, shortest) in [
        (PacketType::GET_UID, 4),
        (PacketType::INITIAL_STATUS, 10),
        (PacketType::LOGIN, 4),
        (PacketType::ROOM_JOIN, 4),
        (PacketType::ROOM_CREATE, 11),
        (PacketType::ROOM_JOIN_AS_ADMIN, 8),
        (PacketType::IM_OUT, 4),
        (PacketType::ROOM_SET_ALL_MICS, 6),
        (PacketType::ROOM_IGNORE_USER, 10),
    ] {
        let payload = vec![b'1'; shortest];
        assert!(P::parse(packet_type, Dialect::V50, &payload).is_ok(), "{packet_type}");
        assert!(P::parse(packet_type, Dialect::V50, &payload[1..]).is_err(), "{packet_type}");
    }
}

#[test]
fn debug_shows_no_secrets_and_no_words() {
    let secret = b"\0\x0f\x42\x42secret words\nsecret\nsecret\nadd";
    for packet_type in [
        PacketType::LOGIN,
        PacketType::NEW_PASSWORD,
        PacketType::PASSWORD_HINT,
        PacketType::IM_OUT,
        PacketType::ROOM_MESSAGE_OUT,
        PacketType::STATUS_SET_AWAY,
    ] {
        let shown = format!("{:?}", P::parse(packet_type, Dialect::V50, secret).unwrap());
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
    let form = b"nickname=x\npassword=secret\nemail=secret";
    let shown = format!("{:?}", P::parse(PacketType::REGISTRATION_PT5, Dialect::V50, form).unwrap());
    assert!(!shown.contains("secret"), "{shown}");
}
