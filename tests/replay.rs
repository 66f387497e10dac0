//! Replays the recordings of a real 5.0 client, `tests/data/captures`, over real sockets: what the
//! recorded client sent goes to this server, and what this server answers is compared, packet by
//! packet and field by field, with what the recorded server sent. Every difference is in the table of
//! `replay/differences.rs` with its reason; one that is not there fails, and so does an entry for a
//! difference that is not there any more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "replay/compare.rs"]
mod compare;
#[path = "replay/differences.rs"]
mod differences;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use compare::compare;
use differences::DIFFERENCES;
use paltalkd::config::{Config, FileMode};
use paltalkd::model::{Roles, RoomId, RoomKind, Timestamp, Uid};
use paltalkd::protocol::cipher::{Variant, decode, encode};
use paltalkd::store::{Change, Exclusion, ExclusionKind, Store, StoreOptions};
use serde_json::Value;
use support::*;

const NETSTORM: Uid = Uid(1_000_002);
const MEDIANOCHE: Uid = Uid(1_000_003);
const DAN: Uid = Uid(1_000_004);
const EVE: Uid = Uid(1_000_005);
const FRANK: Uid = Uid(1_000_006);
/// The room that NetStorm opened while he was recorded, and the number it gets here.
const OPENED: (u32, u32) = (60_001, 1_000_000);
/// The code of NetStorm's rooms; Medianoche was an admin, too.
const ADMIN_CODE: u16 = 1234;
/// The challenge of every recorded sign-in.
const RECORDED_CHALLENGE: u16 = 42;
/// Lists the rooms of a category that has none: the answer marks the end of all answers before.
const MARK: [u32; 3] = [1, 1, 30_016];

/// Recordings whose connection 1 belongs to Medianoche's client; all others are NetStorm's.
const MEDIANOCHES: [&str; 9] = [
    "call-accepted",
    "call-declined",
    "call-no-ip",
    "call-ports",
    "file-direct",
    "file-reject",
    "file-through-server",
    "password-change",
    "profile-and-password-dialog",
];

/// Recordings in which NetStorm was admin of the room 50001.
const NETSTORMS: [&str; 4] =
    ["room-admin-console", "room-admin-info-empty", "room-close-request", "room-join-as-admin"];

/// Recordings of two clients, which had machines of their own: 10.77.0.1 and 10.77.0.2. The server
/// was on the first.
const BETWEEN_TWO: [&str; 7] = [
    "call-accepted",
    "call-declined",
    "call-no-ip",
    "call-ports",
    "file-direct",
    "file-reject",
    "file-through-server",
];
/// The first two bytes of their addresses, recorded and here.
const NETWORK: ([u8; 2], [u8; 2]) = ([10, 77], [127, 77]);

enum Event {
    Opened,
    Closed,
    Sent(Packet),
    Answer(Packet),
}

/// The chat connections of a recording, line by line.
fn read(path: &Path) -> Vec<(u64, Event)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let chat = lines.filter(|line| line["conn"].is_number());
    chat.map(|line| {
        let text = |key: &str| line[key].as_str().unwrap();
        let hex = text("hex");
        let payload = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        let payload: Vec<u8> = payload.collect();
        let event = match (text("type"), text("dir")) {
            ("", _) if text("note").ends_with("opened") => Event::Opened,
            ("", _) => Event::Closed,
            (kind, direction) => {
                let kind = u16::from_str_radix(kind.trim_start_matches("0x"), 16).unwrap();
                let packet = Packet { kind, payload };
                if direction == "c2s" { Event::Sent(packet) } else { Event::Answer(packet) }
            }
        };
        (line["conn"].as_u64().unwrap(), event)
    })
    .collect()
}

/// Where a recorded client was.
fn machine(file: &str, uid: Uid) -> Ipv4Addr {
    let [a, b] = NETWORK.1;
    match BETWEEN_TWO.contains(&file) {
        true if uid == MEDIANOCHE => Ipv4Addr::new(a, b, 0, 2),
        true => Ipv4Addr::new(a, b, 0, 1),
        false => Ipv4Addr::LOCALHOST,
    }
}

/// A server with the recorded world and the recorded services.
fn start(file: &str) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.data_dir = dir.path().to_owned();
    let (store, _) = Store::open(StoreOptions::new(config.store_path())).unwrap();
    store.commit_blocking(Change::Seed { at: Timestamp::now() }).unwrap();
    world(&store, file);
    store.close().unwrap();
    drop(store);
    Server::start_in(dir, |config| {
        config.chat.listen = vec![(machine(file, NETSTORM), 0).into()];
        config.voice.listen_tcp = vec![(Ipv4Addr::LOCALHOST, 0).into()];
        config.voice.listen_udp = vec![(Ipv4Addr::LOCALHOST, 0).into()];
        config.voice.probe_udp = false;
        if file == "file-direct" {
            config.voice.files = FileMode::Direct;
        }
    })
}

/// What the recorded world held: users, their pals, rooms and who was kept out of them.
fn world(store: &Store, file: &str) {
    let commit = |change| store.commit_blocking(change).unwrap();
    let names =
        ["NetStorm", "Medianoche", "Dan", "Eve", "Frank", "LabUser1", "A8", "A9", "A10", "A11", "A12"];
    for name in names.into_iter().chain(["A13", "A14"]) {
        make_account(store, name, Roles::default());
    }
    if file == "login-wrong-password" {
        commit(Change::SetPassword { uid: NETSTORM, hash: cheap_hash("other1") });
    }
    for uid in [NETSTORM, MEDIANOCHE, Uid(1_000_006)] {
        for pal in [NETSTORM, MEDIANOCHE, DAN].into_iter().filter(|pal| *pal != uid && *pal != NETSTORM) {
            commit(Change::AddPal { uid, pal, at: Timestamp::now() });
        }
    }
    for old in store.reader().rooms().unwrap() {
        commit(Change::DeleteRoom(RoomId(old.id.0)));
    }
    let rooms = [
        (50_001, RoomKind::Voice, 30_018, "*** The Royal Oak ***", None),
        (50_002, RoomKind::Voice, 30_018, "*** The White Horse ***", None),
        (50_008, RoomKind::Text, 30_003, "--- Support Locked ---", Some("support")),
        (50_011, RoomKind::Voice, 30_027, "Music", None),
    ];
    for (id, kind, category, name, lockword) in rooms {
        let mut room = room(id, kind, category, name, lockword);
        room.topic = b"Topic: lab".to_vec();
        room.owner = Some(MEDIANOCHE);
        if id == 50_001 && NETSTORMS.contains(&file) {
            room.owner = Some(NETSTORM);
            room.admin_code = Some(ADMIN_CODE);
        }
        commit(Change::PutRoom(room));
    }
    if file == "room-admin-menu" {
        let mut room = room(OPENED.0, RoomKind::Voice, 30_002, "Lab Room", Some("sesame"));
        room.owner = Some(NETSTORM);
        commit(Change::PutRoom(room));
    }
    let kept_out: &[_] = match file {
        "room-admin-console" => &[
            (50_001, ExclusionKind::Bounce, EVE),
            (50_001, ExclusionKind::Bounce, Uid::SERVICE),
            (50_001, ExclusionKind::Ban, FRANK),
        ],
        "room-admin-menu" => &[(OPENED.0, ExclusionKind::Bounce, EVE), (OPENED.0, ExclusionKind::Ban, FRANK)],
        _ => &[],
    };
    for (room, kind, uid) in kept_out {
        let nickname = store.reader().account(*uid).unwrap().unwrap().nickname;
        let (at, reason) = (Timestamp::now(), Vec::new());
        let entry = Exclusion { uid: *uid, nickname, until: None, by: NETSTORM, at, reason };
        commit(Change::Exclude { room: RoomId(*room), kind: *kind, entry });
    }
}

/// A replayed connection.
struct Replayed {
    client: Client,
    online: bool,
    /// The challenge that this server has given it.
    challenge: Option<u16>,
}

impl Replayed {
    fn new(client: Client, online: bool) -> Replayed {
        Replayed { client, online, challenge: None }
    }

    /// Sends a recorded packet. A password goes under the challenge that holds here.
    fn send(&mut self, packet: &Packet) {
        let mut payload = packet.payload.clone();
        if packet.kind == 0xfb84 {
            let password = decode(Variant::One, RECORDED_CHALLENGE, &payload[4..]).unwrap();
            payload.truncate(4);
            payload.extend(encode(Variant::One, self.challenge.unwrap(), &password, 7).unwrap());
        }
        self.client.send(packet.kind, &payload);
        if packet.kind == 0xfb84 {
            // Whether it is online now decides how to ask for the mark.
            self.client.send_u32(0xfb95, &[1]);
            self.client.send_u32(0xfeb6, &MARK);
        }
    }

    /// Everything that has come; the end of it is found by a question whose answer is known.
    fn answers(&mut self, after_login: bool) -> Vec<Packet> {
        let mut packets = Vec::new();
        if !after_login {
            if self.online {
                self.client.send_u32(0xfeb6, &MARK);
            } else {
                self.client.send_u32(0xfb95, &[1]);
            }
        }
        loop {
            let Some(packet) = self.client.next() else { return packets };
            match (packet.kind, packet.payload.as_slice()) {
                (0x046b, b"uid=-1\nnickname=\n") => return packets,
                (0x014c, b"catg=30016\n\xc8") => {
                    self.online = true;
                    return packets;
                }
                _ => {}
            }
            if matches!(packet.kind, 0x0474 | 0xffb1) {
                self.challenge = Some(challenge_of(&packet.payload[4..7]));
            }
            packets.push(as_recorded(packet));
        }
    }
}

/// An answer with the numbers that things had when it was recorded.
fn as_recorded(mut packet: Packet) -> Packet {
    let (there, here) = OPENED;
    let in_room = matches!(packet.kind, 0x0136 | 0x015e | 0x015f | 0x013b);
    if in_room && packet.payload.starts_with(&here.to_be_bytes()) {
        packet.payload[..4].copy_from_slice(&there.to_be_bytes());
    }
    if matches!(packet.kind, 0x01c1 | 0x01bc) && packet.payload[4..6] == NETWORK.1 {
        packet.payload[4..6].copy_from_slice(&NETWORK.0);
    }
    if matches!(packet.kind, 0x0154 | 0x01c2) {
        let mut text = packet.text(0).replace(&format!("group_id={here}\n"), &format!("group_id={there}\n"));
        for last in [1, 2] {
            let ip = |[a, b]: [u8; 2]| format!("ip={}\n", u32::from_be_bytes([a, b, 0, last]));
            text = text.replace(&ip(NETWORK.1), &ip(NETWORK.0));
        }
        packet.payload = paltalkd::model::to_cp1252(&text);
    }
    packet
}

/// Who did what in the room before the server said `packet`, if somebody did.
fn cause(file: &str, packet: &Packet) -> Option<(Uid, u16, Vec<u8>)> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let by = |uid: Uid, kind, payload| Some((uid, kind, payload));
    match (file, packet.kind) {
        ("mic-permission" | "room-users", 0x017d) => by(MEDIANOCHE, 0xfe83, packet.payload.clone()),
        ("mic-permission" | "room-users", 0x018d) => by(MEDIANOCHE, 0xfe73, packet.payload.clone()),
        ("mic-permission", 0x0163) => by(MEDIANOCHE, 0xfe9d, packet.payload[..6].to_vec()),
        ("room-users", 0x0137) => {
            let uid = value(&records(&packet.payload)[0], "uid").parse().unwrap();
            by(Uid(uid), 0xfeca, words(&[50_001, 0, 0x082a_0000])[..10].to_vec())
        }
        ("room-users", 0x018e) => by(EVE, 0xfe72, words(&[50_001])),
        ("room-users", 0x018f) => by(EVE, 0xfe71, words(&[50_001])),
        ("room-users", 0x0140) => by(FRANK, 0xfec0, words(&[50_001])),
        ("room-closed", 0x017c) => by(MEDIANOCHE, 0xfe84, words(&[50_002, NETSTORM.0])),
        ("room-invite", 0x0168) => by(MEDIANOCHE, 0xfe98, words(&[50_002, NETSTORM.0])),
        ("room-message", 0x015e) => {
            let speaker = Uid(packet.u32(4));
            let payload = [&packet.payload[..4], &packet.payload[8..]].concat();
            [MEDIANOCHE, DAN].contains(&speaker).then_some((speaker, 0xfea2, payload))
        }
        _ => None,
    }
}

/// The rooms that a connection is in when its recording begins: it talks there without entering.
fn room_before(file: &str, events: &[(u64, Event)], conn: u64) -> Option<u32> {
    if matches!(file, "mic-permission" | "room-users") {
        return Some(50_001);
    }
    events.iter().find_map(|(number, event)| match event {
        Event::Sent(packet) if *number == conn => match packet.kind {
            0xfeca => Some(None),
            0xfea2 | 0xfec0 | 0xfe72 | 0xfc7c | 0xfe74 | 0xfc54 | 0xfe98 | 0xfe82 => {
                Some(Some(packet.u32(0)))
            }
            _ => None,
        },
        _ => None,
    })?
}

/// All differences between a recording and what happens here.
fn replay(file: &str, events: &[(u64, Event)]) -> BTreeSet<String> {
    let server = start(file);
    let owner = |conn: u64| if conn == 1 && MEDIANOCHES.contains(&file) { MEDIANOCHE } else { NETSTORM };
    let first: BTreeMap<u64, &Event> = events.iter().rev().map(|(conn, event)| (*conn, event)).collect();
    let owners: Vec<Uid> = first.keys().map(|conn| owner(*conn)).collect();

    // Those who were there already. Dan was in the rooms, but nobody was told that he was online. Eve
    // and Frank come later.
    let enters = |packet: &Packet| matches!(packet.kind, 0xfeca | 0xfeb6);
    let in_rooms = events.iter().any(|(_, event)| matches!(event, Event::Sent(packet) if enters(packet)));
    let in_rooms = in_rooms || matches!(file, "room-admin-console" | "room-admin-menu" | "room-message");
    let mut company = BTreeMap::new();
    for uid in [MEDIANOCHE, DAN, EVE, FRANK] {
        let there = match uid {
            MEDIANOCHE => true,
            DAN => in_rooms || file == "room-users",
            _ => file == "room-users",
        };
        if !owners.contains(&uid) && there {
            let mut client = server.sign_in(uid);
            if uid == MEDIANOCHE && NETSTORMS.contains(&file) {
                client.send_u32(0xfec4, &[NETSTORM.0, ADMIN_CODE.into(), 0x082a]);
                client.until(0x0154);
            } else if [MEDIANOCHE, DAN].contains(&uid) && !(uid == MEDIANOCHE && file == "room-invite") {
                client.join(50_001);
            }
            if [MEDIANOCHE, DAN].contains(&uid) {
                client.join(50_002);
                client.ask_to_join(50_008, "support");
                client.ask_to_join(OPENED.0, "sesame");
            }
            client.sync();
            company.insert(uid, client);
        }
    }
    let mut connections: BTreeMap<u64, Replayed> = BTreeMap::new();
    for (conn, event) in &first {
        if !matches!(event, Event::Opened) {
            let uid = owner(*conn);
            let mut client = server.sign_in_from(uid, machine(file, uid));
            if let Some(room) = room_before(file, events, *conn) {
                client.ask_to_join(room, "support");
            }
            client.sync();
            connections.insert(*conn, Replayed::new(client, true));
        }
    }
    for replayed in connections.values_mut() {
        replayed.answers(false);
    }

    let mut differences = Vec::new();
    let mut recorded: BTreeMap<u64, Vec<Packet>> = BTreeMap::new();
    let mut ours: BTreeMap<u64, Vec<Packet>> = BTreeMap::new();
    let mut settle = |recorded: &mut BTreeMap<u64, Vec<Packet>>, ours: &mut BTreeMap<u64, Vec<Packet>>| {
        for conn in first.keys() {
            let recorded = recorded.remove(conn).unwrap_or_default();
            differences.extend(compare(&recorded, &ours.remove(conn).unwrap_or_default()));
        }
    };
    for (conn, event) in events {
        match event {
            Event::Answer(packet) => {
                recorded.entry(*conn).or_default().push(packet.clone());
                if let Some((uid, kind, payload)) = cause(file, packet) {
                    let client = company.get_mut(&uid).unwrap();
                    client.send(kind, &payload);
                    client.sync();
                    for (conn, replayed) in &mut connections {
                        ours.entry(*conn).or_default().extend(replayed.answers(false));
                    }
                }
            }
            Event::Opened => {
                settle(&mut recorded, &mut ours);
                connections.insert(*conn, Replayed::new(server.connect(), false));
            }
            Event::Closed => {
                settle(&mut recorded, &mut ours);
                if let Some(replayed) = connections.remove(conn) {
                    replayed.client.close();
                }
            }
            Event::Sent(packet) => {
                // Timers of the client; they want no answer and so divide nothing.
                if !matches!(packet.kind, 0xff60 | 0xe7fa) {
                    settle(&mut recorded, &mut ours);
                }
                let is_login = packet.kind == 0xfb84;
                connections.get_mut(conn).unwrap().send(packet);
                // The sender first: when it has its answers, the others have the effects.
                let answers = connections.get_mut(conn).unwrap().answers(is_login);
                ours.entry(*conn).or_default().extend(answers);
                for (other, replayed) in connections.iter_mut().filter(|(other, _)| *other != conn) {
                    ours.entry(*other).or_default().extend(replayed.answers(false));
                }
            }
        }
    }
    settle(&mut recorded, &mut ours);
    counted(differences)
}

/// The differences, with how often a packet was missing or too many if that was more than once.
fn counted(differences: Vec<String>) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for difference in differences {
        *counts.entry(difference).or_default() += 1;
    }
    let packets = |text: &str| text.starts_with("with ") || text.starts_with("without ");
    let text = |(text, count): (String, usize)| match count {
        2.. if packets(&text) => format!("{text}, {count} times"),
        _ => text,
    };
    counts.into_iter().map(text).collect()
}

#[test]
fn recordings_are_answered_as_they_were_but_for_known_differences() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 56);
    let found: BTreeMap<String, BTreeSet<String>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let files = files.iter().skip(worker).step_by(4);
                scope.spawn(move || {
                    let replayed = files.map(|path| {
                        let file = path.file_stem().unwrap().to_string_lossy().into_owned();
                        let differences = replay(&file, &read(path));
                        (file, differences)
                    });
                    replayed.collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut problems = Vec::new();
    for (file, differences) in &found {
        for difference in differences {
            let known = DIFFERENCES.iter().any(|(files, known, _)| {
                files.contains(&file.as_str()) && known.contains(&difference.as_str())
            });
            if !known {
                problems.push(format!("{file}: {difference}"));
            }
        }
    }
    for (files, known, reason) in DIFFERENCES {
        assert!(!reason.is_empty());
        for file in *files {
            for difference in *known {
                if !found.get(*file).is_some_and(|found| found.contains(*difference)) {
                    problems.push(format!("{file}: not there any more: {difference}"));
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}
