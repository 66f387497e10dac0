//! The values from which the server frames of the vectors are built.

use std::net::Ipv4Addr;

use paltalkd::model::{CategoryId, Nickname, Privacy, Rating, RoomId, RoomKind, RoomName, Uid};
use paltalkd::protocol::cipher::{CodebookSeed, Variant, encode};
use paltalkd::protocol::{
    AdminEntry, BannerTarget, Body, CallRequest, Category, CategoryCount, Challenge, Dialect, FileRequest,
    FoundRoom, PacketType, PalRecord, PeerAddress, RoomAdminInfo, RoomInvite, RoomJoined, RoomRecord,
    SearchRecord, ServerPacket as S, UserData, UserRecord, VoiceServer,
};

pub(crate) const ROOM: RoomId = RoomId(56476);
pub(crate) const TESTER: Uid = Uid(1_000_002);
pub(crate) const ALICE: Uid = Uid(1_000_003);
pub(crate) const BOB: Uid = Uid(1_000_004);
pub(crate) const IP: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);
const HELLO: &str = "<pfont color=\"#0\"><pfont-size=\"10\">hello</pfont></pfont>";

pub(crate) fn nick(name: &str) -> Nickname {
    Nickname::built_in(name.as_bytes()).unwrap()
}

pub(crate) fn room_name(name: &str) -> RoomName {
    RoomName::new(name.as_bytes()).unwrap()
}

pub(crate) fn challenge(filler: &[u8; 4], challenge: u16) -> Challenge {
    Challenge { filler: *filler, challenge, codebook: CodebookSeed { cb1: 3, cb2: 7, cb3: 5 } }
}

pub(crate) fn user(uid: Uid, name: &str, admin: bool) -> UserRecord {
    UserRecord {
        uid,
        nickname: nick(name),
        admin,
        color: *b"000000128",
        mic: true,
        video: false,
        away: false,
        hand: false,
        host: false,
    }
}

fn pal(uid: Uid, name: &str) -> PalRecord {
    PalRecord { uid, nickname: nick(name) }
}

fn found(first: &str, hidden: &str) -> Vec<SearchRecord> {
    vec![SearchRecord {
        uid: ALICE,
        nickname: nick("Alice"),
        first: first.into(),
        last: hidden.into(),
        email: hidden.into(),
    }]
}

fn refusal(request: PacketType, code: u16, data: &[u8]) -> S {
    S::ReturnCode { request, code, data: data.to_vec() }
}

pub(crate) fn user_data() -> UserData {
    let smtp = encode(Variant::Two, 25, b"192.168.0.10:25:user:pass", 305_419_896).unwrap();
    UserData {
        uid: TESTER,
        nickname: nick("NetTester"),
        first: b"Net".to_vec(),
        last: b"Tester".to_vec(),
        email: b"net@example.org".to_vec(),
        staff: false,
        privacy: Privacy::All,
        random: true,
        offers: false,
        verified: true,
        paid: true,
        ei_digits: encode(Variant::One, 10, b"3232235530", 0).unwrap(),
        smtp_digits: smtp,
        ip: None,
    }
}

pub(crate) fn joined() -> RoomJoined {
    RoomJoined {
        room: ROOM,
        kind: RoomKind::Voice,
        admin: false,
        locked: false,
        invisible: false,
        category: CategoryId(30001),
        rating: Rating::General,
        name: room_name("Music Room"),
        size: 500,
        owner: nick("Alice"),
    }
}

pub(crate) fn admin_info() -> RoomAdminInfo {
    RoomAdminInfo {
        room: ROOM,
        mike: true,
        text: false,
        video: false,
        bounced: vec![AdminEntry { uid: BOB, nickname: nick("Bob") }],
        banned: vec![AdminEntry { uid: Uid(1_000_005), nickname: nick("Carol") }],
    }
}

pub(crate) fn rooms() -> Vec<RoomRecord> {
    vec![RoomRecord {
        room: ROOM,
        name: room_name("Music Room"),
        users: 12,
        voice: true,
        locked: false,
        rating: Rating::General,
        color: *b"000000000",
    }]
}

pub(crate) fn categories() -> Vec<Category> {
    ["Top Rooms", "Featured Rooms"]
        .into_iter()
        .zip(30001..)
        .map(|(name, code)| Category { code: CategoryId(code), name: name.into() })
        .collect()
}

pub(crate) fn invite() -> RoomInvite {
    RoomInvite {
        uid: TESTER,
        nickname: nick("NetTester"),
        room: ROOM,
        name: room_name("Music Room"),
        kind: RoomKind::Voice,
        locked: false,
    }
}

/// The packets of session, pals and search: id of the vector, oldest dialect that gets these
/// bytes, packet.
pub(crate) fn session() -> Vec<(&'static str, Dialect, S)> {
    use Dialect::{V7, V8, V50, V51};
    use PacketType as T;
    let text = |text: &str| text.as_bytes().to_vec();
    let im = |stamp| S::ImIn { sender: TESTER, stamp, text: HELLO.into() };
    vec![
        ("Hello", V50, S::Hello),
        ("HelloNegative", V50, S::HelloNegative),
        ("UidResponse", V51, S::UidResponse(Some(TESTER), text("NetTester"))),
        ("UidResponse.unknown", V51, S::UidResponse(None, text("NoSuchName"))),
        ("UidResponse.newuser", V51, S::UidResponse(Some(Uid::NEW_USER), text("newuser"))),
        ("Challenge", V50, S::Challenge(challenge(b"1234", 10))),
        ("Challenge.8_2", V8, S::Challenge(challenge(b"1234", 10))),
        ("ReturnCode.login_failed", V50, refusal(T::LOGIN, 0x63, b"The password is not correct.")),
        ("LoginSuccess", V50, S::LoginSuccess),
        ("BannerInterval.im", V50, S::BannerInterval(BannerTarget::Im, 0x7fff)),
        ("BannerInterval.room", V50, S::BannerInterval(BannerTarget::Room, 0x7fff)),
        ("CategoryList", V50, S::CategoryList(categories())),
        ("BuddyList", V50, S::BuddyList(vec![pal(ALICE, "Alice"), pal(BOB, "Bob")])),
        ("BlockedList", V50, S::BlockedList(vec![pal(BOB, "Bob")])),
        ("BuddyStatusChange", V50, S::BuddyStatusChange(ALICE, 30)),
        ("BuddyStatusChange.away", V50, S::BuddyStatusChange(ALICE, 70)),
        ("BuddyStatusChange.offline", V50, S::BuddyStatusChange(ALICE, 0)),
        ("BuddyStatusChange.blocked", V50, S::BuddyStatusChange(ALICE, u32::MAX)),
        ("OwnStatus", V51, S::OwnStatus(30)),
        ("Redirect", V50, S::Redirect(IP, 5001)),
        ("Pong", V8, S::Pong(1_100_000_000)),
        ("ServerDisconnect", V50, S::ServerDisconnect(text("You signed in from another place."))),
        ("KickUser", V50, S::KickUser(text("The server is closing for maintenance."))),
        ("Announcement", V50, S::Announcement(text("Welcome to the test server."))),
        ("AnnouncementNegative", V50, S::AnnouncementNegative(text("Welcome to the test server."))),
        ("ReturnCode.open_registration", V50, refusal(T::REGISTRATION_PT5, 1, b"Press OK to register.")),
        ("ReturnCode.registered", V50, refusal(T::REGISTRATION_PT5, 0, &1_000_050u32.to_be_bytes())),
        ("ReturnCode.name_in_use", V50, refusal(T::REGISTRATION_PT5, 0x63, b"NewNick42")),
        ("SendLogin", V50, S::SendLogin(challenge(b"4321", 22))),
        ("ResetPassword", V50, S::ResetPassword(10)),
        ("ReturnCode.password_ok", V50, refusal(T::NEW_PASSWORD, 0, b"")),
        ("DoRegistration", V7, S::DoRegistration(challenge(b"0000", 10))),
        ("RegistrationSuccess", V7, S::RegistrationSuccess(Uid(1_000_050))),
        ("RegistrationFailed", V7, S::RegistrationFailed(text("Registration is closed."))),
        ("RegistrationNameInUse", V7, S::RegistrationNameInUse(nick("NewNick42"))),
        ("BuddyRemoved", V51, S::BuddyRemoved(ALICE)),
        ("BlockResponse", V51, S::BlockResponse(ALICE, true, None)),
        ("BlockResponse.unblocked", V51, S::BlockResponse(ALICE, false, None)),
        ("PrivacyVerify", V51, S::PrivacyVerify(Privacy::Pals)),
        ("SearchResultsAlt", V51, S::SearchResultsAlt(found("", ""))),
        ("ImIn", V50, im(None)),
        ("ImIn.offline", V50, im(Some("2004-11-09 12:33:20 PM UTC".to_owned()))),
        ("ForcedIm", V50, S::ForcedIm(Uid::SYSTEM, nick("Paltalk"), "Server notice".into())),
        ("SearchResults", V50, S::SearchResults(found("Alice", "*"))),
        ("SearchNoResults", V50, S::SearchNoResults),
        ("ServiceUrl", V51, S::ServiceUrl(424_242, text("http://www.example.org/page?x=1"))),
        ("UserData", V50, S::UserData(Box::new(user_data()))),
    ]
}

/// The packets of rooms, transfers and calls.
pub(crate) fn rooms_and_calls() -> Vec<(&'static str, Dialect, S)> {
    use Dialect::{V7, V50, V51};
    use PacketType as T;
    let text = |text: &str| text.as_bytes().to_vec();
    let say = |uid, text: &str| S::RoomMessageIn(ROOM, uid, Body::from(text));
    let at = |peer, port| PeerAddress { peer, ip: IP, port };
    let voice = |room, ip, udp_port, tcp_port| {
        S::RoomVoiceConnInfo(VoiceServer { room: RoomId(room), ip, udp_port, tcp_port })
    };
    let counts = [(30001, 3), (30002, 1)];
    let counts = counts.map(|(id, rooms)| CategoryCount { category: CategoryId(id), rooms });
    let search = FoundRoom {
        room: ROOM,
        name: room_name("Music Room"),
        voice: true,
        locked: false,
        rating: Rating::General,
    };
    let users = vec![user(TESTER, "NetTester", false), user(ALICE, "Alice", true)];
    let private: Vec<u8> = [&59862u32.to_be_bytes()[..], &[0, 1], b"Private 59846"].concat();
    let whisper = "<pb><pi>***** Start Whisper</pi></pb>\npsst\n<pi><pb>***** End Whisper</pb></pi>";
    let file = || text("C:\\song.mp3");
    let call = CallRequest { caller: TESTER, nickname: nick("NetTester"), ip: IP, port: 0 };
    vec![
        ("RoomSearchResults", V7, S::RoomSearchResults(vec![search])),
        ("CategoryCounts", V50, S::CategoryCounts(counts.to_vec())),
        ("RoomList", V51, S::RoomList(CategoryId(30001), rooms())),
        ("RoomJoined.5_0", V50, S::RoomJoined(Box::new(joined()))),
        ("RoomJoined", V51, S::RoomJoined(Box::new(joined()))),
        ("RoomMessageIn.greeting", V50, say(Uid::SYSTEM, "This room is rated G.")),
        ("RoomMessageIn", V50, say(TESTER, HELLO)),
        ("RoomMessageIn.whisper", V50, say(TESTER, whisper)),
        ("RoomTopic", V50, S::RoomTopic(ROOM, TESTER, text("Tonight: jazz"))),
        ("RoomBannerUrl", V50, S::RoomBannerUrl(ROOM, text("http://ads.example/x.html"))),
        ("RoomUserList", V51, S::RoomUserList(ROOM, users)),
        ("RoomUserJoined", V51, S::RoomUserJoined(ROOM, user(BOB, "Bob", false))),
        ("RoomUserLeft", V50, S::RoomUserLeft(ROOM, BOB)),
        ("RoomInviteIn", V51, S::RoomInviteIn(Box::new(invite()))),
        ("RoomUserHandUp", V50, S::RoomUserHandUp(ROOM, TESTER)),
        ("RoomUserHandDown", V50, S::RoomUserHandDown(ROOM, TESTER)),
        ("RoomUserHandDown.all", V50, S::RoomUserHandDown(ROOM, Uid::EVERYBODY)),
        ("RoomMicsChanged", V50, S::RoomMicsChanged(ROOM, false, ALICE)),
        ("RoomUserReddotOn", V50, S::RoomUserReddotOn(ROOM, BOB)),
        ("RoomUserReddotOff", V50, S::RoomUserReddotOff(ROOM, BOB)),
        ("RoomAdminInfo", V51, S::RoomAdminInfo(Box::new(admin_info()))),
        ("RoomClosed", V50, S::RoomClosed(ROOM, ALICE, text("You have been removed."))),
        ("RoomUserMute", V7, S::RoomUserMute(ROOM, TESTER, true)),
        ("RoomIgnoreAck", V50, S::RoomIgnoreAck(ROOM, BOB, true)),
        ("RoomAdminGranted", V50, S::RoomAdminGranted(ROOM)),
        ("RoomAdminStatus", V50, S::RoomAdminStatus(ROOM, BOB, true)),
        ("RoomUserVideo", V50, S::RoomUserVideo(ROOM, BOB, 1)),
        ("ReturnCode.private_room", V50, refusal(T::ROOM_PRIVATE_INVITE, 0, &private)),
        ("ReturnCode.join_failed", V50, refusal(T::ROOM_JOIN, 1, b"You are banned from this room.")),
        (
            "DccXferRequest",
            V50,
            S::DccXferRequest(Box::new(FileRequest { sender: TESTER, nickname: nick("NetTester") })),
        ),
        ("DccXferAccepted", V50, S::DccXferAccepted(at(ALICE, 5003))),
        ("DccXferRejected", V50, S::DccXferRejected(ALICE)),
        ("FileXferRequest", V7, S::FileXferRequest(TESTER, 7, file(), nick("NetTester"))),
        ("FileXferAccepted.receiver", V7, S::FileXferAccepted(7, false, at(TESTER, 5004))),
        ("FileXferAccepted.sender", V7, S::FileXferAccepted(7, true, at(ALICE, 5003))),
        ("FileXferRejected", V7, S::FileXferRejected(ALICE, 7)),
        ("FileXferError", V7, S::FileXferError(ALICE, 7, text("Sender is gone."))),
        ("VoiceCallRequest", V50, S::VoiceCallRequest(Box::new(call))),
        ("VoiceCallAccepted", V50, S::VoiceCallAccepted(at(ALICE, 2090))),
        ("VoiceCallRejected", V50, S::VoiceCallRejected(ALICE)),
        ("VoiceCallHungUp", V50, S::VoiceCallHungUp(TESTER)),
        ("VideoCallAccepted", V50, S::VideoCallAccepted(at(ALICE, 2090))),
        ("RoomVoiceConnInfo", V50, voice(56476, IP, 0, 5002)),
        ("RoomVoiceConnInfo.capture", V50, voice(59846, Ipv4Addr::new(63, 240, 82, 230), 0x869f, 12718)),
        ("VoiceReconnect", V51, S::VoiceReconnect(ROOM, 5002)),
    ]
}

/// The packets of which there is no vector.
pub(crate) fn others() -> Vec<(&'static str, Dialect, S)> {
    use Dialect::{V7, V50};
    let call = CallRequest { caller: TESTER, nickname: nick("NetTester"), ip: IP, port: 0 };
    vec![
        ("GlobalNumbers", V7, S::GlobalNumbers(12, 3)),
        ("PopupUrl", Dialect::V51, S::PopupUrl(b"http://www.example.org/".to_vec())),
        ("BuddyDisplayNameIn", V7, S::BuddyDisplayNameIn(ALICE, b"Ally".to_vec())),
        ("VideoCallRequest", V50, S::VideoCallRequest(Box::new(call))),
        ("VideoCallRejected", V50, S::VideoCallRejected(ALICE)),
        ("VideoCallHungUp", V50, S::VideoCallHungUp(ALICE)),
    ]
}
