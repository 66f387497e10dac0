//! The recordings of a real 5.0 client, `tests/data/captures`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use paltalkd::model::{CategoryId, Nickname, Rating, RoomId, RoomKind, RoomName, Uid};
use paltalkd::protocol::catalogue::{Direction, lookup};
use paltalkd::protocol::cipher::{CodebookSeed, Variant, decode, decode_without_key_text};
use paltalkd::protocol::frame::HEADER_LEN;
use paltalkd::protocol::{
    AdminEntry, CallRequest, CategoryCount, Challenge, ClientPacket, Dialect, PacketType, PeerAddress,
    RoomAdminInfo, RoomJoined, RoomRecord, ServerPacket as S, UserRecord, VoiceServer, rtp,
};
use serde_json::Value;

/// One line of a recording.
struct Line {
    file: String,
    direction: String,
    connection: String,
    packet_type: Option<PacketType>,
    version: u16,
    payload: Vec<u8>,
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn word(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn lines() -> Vec<Line> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 56);
    files.iter().flat_map(|path| file_lines(path)).collect()
}

fn file_lines(path: &Path) -> Vec<Line> {
    let parse = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Line {
            file: path.file_stem().unwrap().to_string_lossy().into_owned(),
            direction: text("dir"),
            connection: value["conn"].to_string(),
            packet_type: word(&text("type")).map(PacketType),
            version: word(&text("ver")).unwrap_or_default(),
            payload: unhex(&text("hex")),
        }
    };
    fs::read_to_string(path).unwrap().lines().map(parse).collect()
}

#[test]
fn everything_the_client_said_is_understood() {
    let mut count = 0;
    for line in lines().iter().filter(|line| line.direction == "c2s") {
        let Some(packet_type) = line.packet_type else { continue };
        let dialect = Dialect::from_version(line.version);
        assert_eq!(dialect, Dialect::V50, "{}", line.file);
        let packet = ClientPacket::parse(packet_type, dialect, &line.payload)
            .unwrap_or_else(|error| panic!("{error} in {}", line.file));
        assert!(!matches!(packet, ClientPacket::Unknown { .. }), "{packet_type} in {}", line.file);
        assert_ne!(lookup(packet_type).unwrap().direction, Direction::ToClient);
        count += 1;
    }
    assert!(count > 150, "{count}");
}

#[test]
fn everything_the_server_said_is_in_the_catalogue() {
    // Sent on purpose to see what the client does with them.
    let experiments = [("unknown-packets", 0x7123), ("im", 0xffbc)];
    for line in lines().iter().filter(|line| line.direction == "s2c") {
        let Some(packet_type) = line.packet_type else { continue };
        if experiments.contains(&(line.file.as_str(), packet_type.0)) {
            continue;
        }
        let row = lookup(packet_type).unwrap_or_else(|| panic!("{packet_type} in {}", line.file));
        assert!(!row.never_send, "{packet_type} in {}", line.file);
        assert_ne!(row.direction, Direction::ToServer, "{packet_type} in {}", line.file);
    }
}

/// Whether a file holds `packet` as it goes to 5.0.
fn recorded(all: &[Line], file: &str, packet: &S) {
    let mut out = Vec::new();
    packet.encode(Dialect::V50, &mut out);
    let payload = &out[HEADER_LEN..];
    assert!(
        all.iter().any(|line| {
            line.file == file
                && line.direction == "s2c"
                && line.packet_type == Some(packet.packet_type())
                && line.payload == payload
        }),
        "{file} has no {packet:?}:\n{}",
        String::from_utf8_lossy(payload)
    );
}

fn nick(name: &str) -> Nickname {
    Nickname::built_in(name.as_bytes()).unwrap()
}

fn person(number: u32, name: &str, admin: bool) -> UserRecord {
    UserRecord {
        uid: Uid(1_000_000 + number),
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

#[test]
fn rooms_are_told_as_they_were_recorded() {
    let all = lines();
    let oak = RoomId(50001);
    let name = |name: &str| RoomName::new(name.as_bytes()).unwrap();
    let joined = RoomJoined {
        room: oak,
        kind: RoomKind::Voice,
        admin: false,
        locked: false,
        invisible: false,
        category: CategoryId(30018),
        rating: Rating::General,
        name: name("*** The Royal Oak ***"),
        size: 100,
        owner: nick("Paltalk"),
    };
    recorded(&all, "room-join", &S::RoomJoined(Box::new(joined)));
    recorded(
        &all,
        "room-join",
        &S::RoomMessageIn(oak, Uid::SYSTEM, "Welcome text from the lab server".into()),
    );
    recorded(&all, "room-join", &S::RoomTopic(oak, Uid::SYSTEM, b"Topic: lab".to_vec()));
    let users = [person(2, "NetStorm", false), person(3, "Medianoche", true), person(4, "Dan", false)];
    recorded(&all, "room-join", &S::RoomUserList(oak, users.to_vec()));
    let mut frank = person(6, "Frank", true);
    (frank.color, frank.mic, frank.video) = (*b"128000000", false, true);
    recorded(&all, "room-users", &S::RoomUserJoined(oak, frank));
    let voice = VoiceServer { room: oak, ip: Ipv4Addr::LOCALHOST, udp_port: 0x869f, tcp_port: 12718 };
    recorded(&all, "room-join", &S::RoomVoiceConnInfo(voice));
    let rooms = [(50001, "*** The Royal Oak ***"), (50002, "*** The White Horse ***")];
    let rooms = rooms.map(|(room, title)| RoomRecord {
        room: RoomId(room),
        name: name(title),
        users: 3,
        voice: true,
        locked: false,
        rating: Rating::General,
        color: *b"000000000",
    });
    recorded(&all, "room-list", &S::RoomList(CategoryId(30018), rooms.to_vec()));
    let counts = [(30018, 2), (30027, 1), (30003, 1)];
    let counts = counts.map(|(id, rooms)| CategoryCount { category: CategoryId(id), rooms });
    recorded(&all, "room-list", &S::CategoryCounts(counts.to_vec()));
    let entry = |uid, name| AdminEntry { uid: Uid(uid), nickname: nick(name) };
    let mut info = RoomAdminInfo {
        room: oak,
        mike: true,
        text: false,
        video: false,
        bounced: vec![entry(1_000_005, "Eve"), entry(1_000_001, "Paltalk")],
        banned: vec![entry(1_000_006, "Frank")],
    };
    recorded(&all, "room-admin-console", &S::RoomAdminInfo(Box::new(info.clone())));
    (info.bounced, info.banned) = (Vec::new(), Vec::new());
    recorded(&all, "room-admin-info-empty", &S::RoomAdminInfo(Box::new(info)));
    recorded(&all, "room-admin-granted", &S::RoomAdminGranted(oak));
    recorded(&all, "room-admin-console", &S::RoomUserHandDown(oak, Uid::EVERYBODY));
    recorded(&all, "mic-permission", &S::RoomMicsChanged(oak, true, Uid(1_000_003)));
    let bounced = b"You have been bounced from this group.".to_vec();
    recorded(&all, "room-closed", &S::RoomClosed(RoomId(50002), Uid(1_000_003), bounced));
}

#[test]
fn sessions_and_calls_are_told_as_they_were_recorded() {
    let all = lines();
    let frank = S::UidResponse(Some(Uid(1_000_006)), b"Frank".to_vec());
    recorded(&all, "login-new-nickname", &frank);
    let challenge =
        Challenge { filler: *b"1234", challenge: 42, codebook: CodebookSeed { cb1: 1, cb2: 1, cb3: 1 } };
    recorded(&all, "login", &S::Challenge(challenge));
    recorded(&all, "registration", &S::SendLogin(challenge));
    recorded(&all, "profile-and-password-dialog", &S::ResetPassword(42));
    recorded(&all, "login", &S::HelloNegative);
    recorded(&all, "login", &S::LoginSuccess);
    recorded(&all, "status", &S::BuddyStatusChange(Uid(1_000_003), 30));
    let created = 1_000_015u32.to_be_bytes().to_vec();
    let created = S::ReturnCode { request: PacketType::REGISTRATION_PT5, code: 0, data: created };
    recorded(&all, "registration", &created);
    let host = Ipv4Addr::new(10, 77, 0, 1);
    let call = CallRequest { caller: Uid(1_000_002), nickname: nick("NetStorm"), ip: host, port: 2090 };
    recorded(&all, "call-accepted", &S::VoiceCallRequest(Box::new(call)));
    let callee = PeerAddress { peer: Uid(1_000_003), ip: Ipv4Addr::new(10, 77, 0, 2), port: 2090 };
    recorded(&all, "call-accepted", &S::VoiceCallAccepted(callee));
    recorded(&all, "call-declined", &S::VoiceCallRejected(Uid(1_000_003)));
    recorded(&all, "file-direct", &S::DccXferAccepted(callee));
    recorded(&all, "announcement", &S::Announcement(b"Lab announcement 0x0027".to_vec()));
    recorded(&all, "kick", &S::KickUser(b"Lab kick 0x002a text".to_vec()));
}

#[test]
fn passwords_read_as_they_were_typed() {
    let all = lines();
    let mut logins = 0;
    for line in all.iter().filter(|line| line.direction == "c2s") {
        let Some(packet_type) = line.packet_type else { continue };
        match ClientPacket::parse(packet_type, Dialect::V50, &line.payload).unwrap() {
            ClientPacket::Login(login) if line.file.starts_with("login-m") || line.file == "login" => {
                let password = decode(Variant::One, 42, &login.password_digits).unwrap();
                assert_eq!(password.as_slice(), b"h2kclan", "{}", line.file);
                assert_eq!((login.address_digits, login.answer_digits), (None, None));
                logins += 1;
            }
            ClientPacket::NewPassword(change) => {
                assert_eq!(decode_without_key_text(&change.old_digits).unwrap().as_slice(), b"h2kclan");
                assert_eq!(decode(Variant::One, 0, &change.new_digits).unwrap().as_slice(), b"newpass1");
            }
            ClientPacket::RegistrationPt5(form) => {
                assert_eq!(decode(Variant::One, 0, &form.password_digits).unwrap().as_slice(), b"secret12");
            }
            _ => {}
        }
    }
    assert_eq!(logins, 2);
}

#[test]
fn voice_reads_as_it_was_spoken() {
    let speaker = Uid(1_000_002);
    let mut spoken = 0;
    let mut connections: BTreeMap<(String, String), Vec<u8>> = BTreeMap::new();
    for line in lines().into_iter().filter(|line| line.file.starts_with("voice-")) {
        if line.direction != "c2s" {
            continue;
        }
        if line.payload.len() == rtp::ROOM_PACKET_LEN {
            assert_eq!(rtp::check_room_speech(&line.payload, speaker), Ok(()), "{}", line.file);
            spoken += 1;
        }
        // Some recordings begin in the middle of a connection; the others note its start.
        let key = (line.file, line.connection);
        if key.1.starts_with("\"v") && line.payload.is_empty() {
            connections.entry(key).or_default();
        } else if let Some(bytes) = connections.get_mut(&key) {
            bytes.extend(line.payload);
        }
    }
    assert!(spoken > 100, "{spoken}");
    connections.retain(|_, bytes| !bytes.is_empty());
    assert!(!connections.is_empty());
    for (connection, bytes) in connections {
        let (opening, length) = rtp::opening(&bytes).unwrap();
        assert_eq!((opening.uid, length), (speaker, 8), "{connection:?}");
    }
}
