use proptest::prelude::*;
use tokio::net::{TcpListener, TcpStream};

use super::*;

const ALICE: Uid = Uid(1);
const BOB: Uid = Uid(2);
const CARL: Uid = Uid(3);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn member(uid: Uid) -> VoiceMember {
    VoiceMember {
        uid,
        conn: ConnId { slot: uid.0, generation: 1 },
        address: HERE,
        udp_port: 2090 + uid.0 as u16,
        may_speak: true,
        listens: true,
        probed: false,
    }
}

fn publish(room: &Room, now: Instant, members: &[VoiceMember]) -> Changes {
    room.publish(now, &Arc::new(VoiceRoom { id: room.id, members: members.into(), speakers: 1 }))
}

fn room(now: Instant, members: &[VoiceMember]) -> Arc<Room> {
    let room = Room::new(RoomId(50_001));
    publish(&room, now, members);
    room
}

async fn link() -> Arc<Link> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    Link::new(stream)
}

fn from(port: u16) -> Source<'static> {
    Source::Udp(SocketAddr::new(HERE, port))
}

fn udp_uids(room: &Room, now: Instant) -> Vec<Uid> {
    let mut uids: Vec<Uid> = room.lock().fanout(now).udp.iter().map(|(uid, _)| *uid).collect();
    uids.sort_unstable();
    uids
}

#[tokio::test]
async fn tables_say_who_came_and_went_and_whose_connection_ends() {
    let now = Instant::now();
    let room = room(now, &[member(ALICE), member(BOB)]);
    let links = [link().await, link().await];
    assert_eq!(room.admit(ALICE, HERE, &links[0]), Admission::Admitted);
    assert_eq!(room.admit(BOB, HERE, &links[1]), Admission::Admitted);
    assert_eq!(room.admit(CARL, HERE, &link().await), Admission::Refused, "he is not here");
    assert_eq!(room.admit(BOB, [192, 0, 2, 2].into(), &link().await), Admission::Refused);
    let changes = publish(&room, now, &[member(BOB), member(CARL)]);
    assert_eq!((changes.came, changes.left), (vec![CARL], vec![ALICE]));
    assert_eq!(links[0].offer(&[0; 152], &mut None), super::super::link::Offer::Closed);
    assert_eq!(room.activity(now).tcp_listeners, 1);
    // Bob signs in anew and is here again before the table is published.
    let anew = VoiceMember { conn: ConnId { slot: 2, generation: 9 }, ..member(BOB) };
    let changes = publish(&room, now, &[anew, member(CARL)]);
    assert!(changes.came.is_empty() && changes.left.is_empty());
    assert_eq!(links[1].offer(&[0; 152], &mut None), super::super::link::Offer::Closed);
    assert_eq!(room.activity(now).tcp_listeners, 0);
}

#[tokio::test]
async fn who_has_no_microphone_or_a_red_dot_is_not_heard() {
    let now = Instant::now();
    let room = room(now, &[member(ALICE), member(BOB)]);
    let own = link().await;
    room.admit(ALICE, HERE, &own);
    assert!(room.speak(now, ALICE, Source::Tcp(&own), 1).is_ok());
    let silenced = VoiceMember { may_speak: false, ..member(ALICE) };
    publish(&room, now, &[silenced, member(BOB)]);
    assert_eq!(room.speak(now, ALICE, Source::Tcp(&own), 2).unwrap_err(), Dropped::Silenced);
    assert!(room.speak(now, BOB, from(5000), 1).is_ok(), "the floor is free at once");
    publish(&room, now, &[member(ALICE), member(BOB)]);
    assert_eq!(room.speak(now, ALICE, Source::Tcp(&own), 3).unwrap_err(), Dropped::FloorTaken);
}

#[tokio::test]
async fn speech_counts_from_the_right_place_only() {
    let now = Instant::now();
    let room = room(now, &[member(ALICE), member(BOB)]);
    let (older, newer) = (link().await, link().await);
    room.admit(ALICE, HERE, &older);
    assert_eq!(room.admit(ALICE, HERE, &newer), Admission::Replaced);
    let speak = |now, uid, source, sequence| room.speak(now, uid, source, sequence).map(drop);
    assert_eq!(speak(now, ALICE, Source::Tcp(&older), 1), Err(Dropped::NotInRoom));
    assert_eq!(speak(now, ALICE, Source::Tcp(&newer), 1), Ok(()));
    assert_eq!(speak(now, ALICE, Source::Tcp(&newer), 1), Err(Dropped::OutOfOrder), "said twice");
    assert_eq!(speak(now, ALICE, from(5000), 2), Err(Dropped::OtherSource), "she speaks over TCP");
    assert_eq!(speak(now, CARL, from(5000), 2), Err(Dropped::NotInRoom));
    let far = Source::Udp("192.0.2.2:5000".parse().unwrap());
    assert_eq!(speak(now, BOB, far, 1), Err(Dropped::Stranger));
    let later = now + super::super::floor::HOLD;
    assert_eq!(speak(later, BOB, from(5000), 1), Ok(()));
    assert_eq!(speak(later, BOB, from(5001), 2), Err(Dropped::OtherSource));
    assert_eq!(speak(later, BOB, from(5000), 7), Ok(()));
    assert_eq!(speak(later, BOB, from(5000), 6), Err(Dropped::OutOfOrder), "too late");
    assert_eq!(speak(later + PORT_HOLD, BOB, from(5001), 2), Ok(()), "his port may change in time");
    // A new connection may count from any number on.
    let third = link().await;
    room.admit(ALICE, HERE, &third);
    let later = later + PORT_HOLD + super::super::floor::HOLD;
    assert_eq!(speak(later, ALICE, Source::Tcp(&third), 1), Ok(()));
    // Dismissing an older connection leaves the newer one.
    room.dismiss(ALICE, &newer);
    assert_eq!(room.activity(now).tcp_listeners, 1);
    room.dismiss(ALICE, &third);
    assert_eq!(room.activity(now).tcp_listeners, 0);
}

#[tokio::test]
async fn a_probed_client_without_a_connection_is_served_over_udp_in_time() {
    let now = Instant::now();
    let probed = |uid| VoiceMember { probed: true, ..member(uid) };
    let room = room(now, &[probed(ALICE), probed(BOB), member(CARL)]);
    let own = link().await;
    room.admit(ALICE, HERE, &own);
    assert_eq!(udp_uids(&room, now), []);
    assert_eq!(udp_uids(&room, now + PROBE_WAIT), [BOB]);
    // Whoever had a connection and lost it does not use UDP.
    room.dismiss(ALICE, &own);
    let later = now + 2 * PROBE_WAIT;
    assert_eq!(udp_uids(&room, later), [BOB]);
    assert!(room.speak(later, CARL, from(5000), 1).is_ok());
    assert_eq!(udp_uids(&room, later), [BOB, CARL], "who speaks over UDP listens there");
    let carls = link().await;
    room.admit(CARL, HERE, &carls);
    assert_eq!(udp_uids(&room, later), [BOB]);
    let portless = VoiceMember { udp_port: 0, ..probed(BOB) };
    publish(&room, now, &[portless]);
    assert_eq!(udp_uids(&room, later), []);
}

#[tokio::test]
async fn who_does_not_listen_is_sent_nothing_and_may_speak() {
    let now = Instant::now();
    let probed = |uid| VoiceMember { probed: true, ..member(uid) };
    let room = room(now, &[member(ALICE), probed(BOB)]);
    room.admit(ALICE, HERE, &link().await);
    let later = now + PROBE_WAIT;
    let listeners = || (room.activity(later).tcp_listeners, udp_uids(&room, later));
    assert_eq!(listeners(), (1, vec![BOB]));
    let deaf = |member| VoiceMember { listens: false, ..member };
    publish(&room, now, &[deaf(member(ALICE)), deaf(probed(BOB))]);
    assert_eq!(listeners(), (0, vec![]));
    assert!(room.speak(later, BOB, from(5000), 1).is_ok());
    assert_eq!(listeners(), (0, vec![]));
    publish(&room, now, &[member(ALICE), probed(BOB)]);
    assert_eq!(listeners(), (1, vec![BOB]));
}

#[test]
fn behind_one_address_a_port_hears_everything_once() {
    let now = Instant::now();
    let same = |uid| VoiceMember { udp_port: 2090, ..member(uid) };
    let room = room(now, &[same(ALICE), same(BOB), member(CARL)]);
    for (uid, port) in [(ALICE, 5000), (BOB, 5001), (CARL, 5002)] {
        _ = room.speak(now, uid, from(port), 1);
    }
    let granted = room.speak(now, ALICE, from(5000), 2).unwrap();
    assert_eq!(granted.fanout.udp.len(), 2);
    assert_eq!(granted.own, Some(SocketAddr::new(HERE, 2090)), "nothing goes back there");
}

#[test]
fn a_member_is_asked_once_to_bring_back_his_connection() {
    let now = Instant::now();
    let room = room(now, &[member(ALICE)]);
    let conn = member(ALICE).conn;
    assert_eq!(room.begin_reconnect(ALICE), Some(conn));
    assert_eq!(room.begin_reconnect(ALICE), None, "it is under way");
    assert_eq!(room.begin_reconnect(BOB), None);
    assert!(room.finish_reconnect(ALICE, conn));
    assert_eq!(room.begin_reconnect(ALICE), Some(conn));
    publish(&room, now, &[]);
    assert!(!room.finish_reconnect(ALICE, conn), "she left");
}

#[test]
fn a_flood_is_cut_whatever_the_transport() {
    let now = Instant::now();
    let room = room(now, &[member(ALICE)]);
    let heard = (0..1000).filter(|sequence| room.speak(now, ALICE, from(5000), *sequence).is_ok()).count();
    assert_eq!(heard, 100);
    assert_eq!(room.speak(now, ALICE, from(5000), 0).unwrap_err(), Dropped::Flood);
}

#[test]
fn who_speaks_over_tcp_is_heard_by_a_neighbour_on_udp() {
    // Both announce the same port of the same address. The probe came to the one who uses UDP, or he
    // would not use it: the port is his, and the speaker does not hear himself.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let own = runtime.block_on(link());
    let now = Instant::now();
    let same = |uid| VoiceMember { udp_port: 2090, ..member(uid) };
    let room = room(now, &[same(ALICE), same(BOB)]);
    room.admit(ALICE, HERE, &own);
    assert!(room.speak(now, BOB, from(5000), 1).is_ok());
    let later = now + super::super::floor::HOLD;
    let granted = room.speak(later, ALICE, Source::Tcp(&own), 1).unwrap();
    assert_eq!(granted.own, None);
    assert_eq!(*granted.fanout.udp, [(BOB, SocketAddr::new(HERE, 2090))]);
    assert_eq!(granted.fanout.tcp.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [ALICE]);
}

#[derive(Debug, Clone)]
enum Step {
    /// Who is there, where each one's client is, on which port it hears, whether he may speak.
    Table(Vec<(u32, u8, u16, bool)>),
    /// Who claims to speak, from where, with which number.
    Datagram(u32, u8, u16, u16),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let member = (1..6u32, 0..3u8, 0..3u16, any::<bool>());
    prop_oneof![
        1 => prop::collection::vec(member, 0..5).prop_map(Step::Table),
        6 => (1..7u32, 0..4u8, 0..4u16, 0..40u16)
            .prop_map(|(uid, place, port, number)| Step::Datagram(uid, place, port, number)),
        2 => (0..3000u64).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Whatever comes from wherever: speech goes to places that the signed-in members of the room have
    /// announced and nowhere else, to each place once; and only who is in the room, at his own
    /// address, and may speak, is heard.
    #[test]
    fn nothing_goes_where_no_member_is(steps in prop::collection::vec(any_step(), 0..60)) {
        let place = |number: u8| IpAddr::from([192, 0, 2, number]);
        let mut now = Instant::now();
        let room = Room::new(RoomId(50_001));
        let mut table: Vec<VoiceMember> = Vec::new();
        for step in steps {
            match step {
                Step::Table(mut members) => {
                    members.sort_unstable_by_key(|member| member.0);
                    members.dedup_by_key(|member| member.0);
                    let described = members.into_iter().map(|(uid, at, port, may_speak)| VoiceMember {
                        address: place(at),
                        // Port 0 is none.
                        udp_port: port * 1045,
                        may_speak,
                        probed: uid % 2 == 0,
                        ..member(Uid(uid))
                    });
                    table = described.collect();
                    publish(&room, now, &table);
                }
                Step::Datagram(uid, at, port, number) => {
                    let source = Source::Udp(SocketAddr::new(place(at), 4000 + port));
                    let heard = room.speak(now, Uid(uid), source, number).is_ok();
                    let speaker = table.iter().find(|member| member.uid == Uid(uid));
                    let entitled = speaker.is_some_and(|it| it.may_speak && it.address == place(at));
                    prop_assert!(entitled || !heard);
                }
                Step::Wait(millis) => now += Duration::from_millis(millis),
            }
            let fanout = room.lock().fanout(now);
            let mut places = std::collections::HashSet::new();
            for (uid, to) in &fanout.udp {
                let announced = table.iter().any(|member| member.uid == *uid && udp_address(member) == *to);
                prop_assert!(announced && to.port() != 0, "{to} is nobody's");
                prop_assert!(places.insert(*to), "{to} would hear everything twice");
            }
        }
    }
}
