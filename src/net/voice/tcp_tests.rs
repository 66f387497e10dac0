//! Times and ends of voice connections; the clock is set forward, nobody waits.

use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant as Clock;

use super::*;
use crate::config::Limits;
use crate::hub::ConnId;
use crate::hub::State;
use crate::hub::actor::Hub;
use crate::hub::voice::{VoiceMember, VoicePlane as _, VoiceRoom};
use crate::model::RoomId;
use crate::store::{Store, StoreOptions};

const ROOM: RoomId = RoomId(50_001);
const ALICE: Uid = Uid(1_000_002);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A voice service with Alice in a room, and what has to be kept while it is used.
struct World {
    voice: Arc<Voice>,
    _hub: Hub,
    _dir: tempfile::TempDir,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
    let (hub, handle) = Hub::new(State::default(), store, Arc::default(), None);
    let limits = Limits { exempt: Vec::new(), connections_per_address: Some(1), ..Limits::default() };
    let voice = Voice::new(Vec::new(), handle.downgrade(), &limits, None);
    let alice = VoiceMember {
        uid: ALICE,
        conn: ConnId { slot: 1, generation: 1 },
        address: HERE,
        udp_port: 0,
        may_speak: true,
        listens: true,
        probed: false,
    };
    let members = Box::new([alice]);
    voice.publish(vec![Arc::new(VoiceRoom { id: ROOM, members, speakers: 1 })]);
    World { voice, _hub: hub, _dir: dir }
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener.accept().await.unwrap().0, client)
}

fn opening() -> Vec<u8> {
    [ROOM.0.to_be_bytes(), ALICE.0.to_be_bytes()].concat()
}

#[tokio::test(start_paused = true)]
async fn whoever_says_half_of_it_is_not_waited_for() {
    let World { voice, .. } = &world();
    for said in 0..8 {
        let (stream, mut client) = pair().await;
        client.write_all(&opening()[..said]).await.unwrap();
        let start = Clock::now();
        voice.connection(stream, HERE).await;
        assert_eq!(start.elapsed().as_secs(), OPENING_TIMEOUT.as_secs(), "{said}");
        assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0, "it is closed");
    }
    assert_eq!(voice.connections.silent.get(), 8);
    // The longer form, of which the last byte is missing.
    let (stream, mut client) = pair().await;
    let long = [ROOM.0, ALICE.0].map(|word| word.wrapping_neg().to_be_bytes()).concat();
    client.write_all(&[&long[..], &[0, 2, 0]].concat()).await.unwrap();
    voice.connection(stream, HERE).await;
    assert_eq!(voice.connections.silent.get(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_takes_nothing_for_long_is_closed() {
    let World { voice, .. } = &world();
    let room = voice.room(ROOM).unwrap();
    let (stream, mut client) = pair().await;
    SockRef::from(&client).set_recv_buffer_size(4096).unwrap();
    client.write_all(&opening()).await.unwrap();
    let served = tokio::spawn({
        let voice = Arc::clone(voice);
        async move { voice.connection(stream, HERE).await }
    });
    while room.activity(Instant::now()).tcp_listeners == 0 {
        tokio::task::yield_now().await;
    }
    let own = room.link_of(ALICE).unwrap();
    // Until there is speech that the socket has not taken, time means nothing.
    tokio::time::sleep(10 * STALL).await;
    assert!(!served.is_finished());
    let mut speech = [7; PACKET_LEN];
    for number in 0..5000u32 {
        speech[..4].copy_from_slice(&number.to_be_bytes());
        own.offer(&speech, &mut None);
    }
    let start = Clock::now();
    served.await.unwrap();
    assert_eq!(start.elapsed().as_secs(), STALL.as_secs());
    assert_eq!(voice.connections.stalled.get(), 1);
    assert_eq!(room.activity(Instant::now()).tcp_listeners, 0);
    let mut rest = Vec::new();
    _ = client.read_to_end(&mut rest).await;
    assert!(rest.len() < 5000 * PACKET_LEN, "what was written before may still come");
}

#[tokio::test]
async fn a_task_that_panics_gives_its_place_back_and_ends_its_connection() {
    let World { voice, .. } = &world();
    let room = voice.room(ROOM).unwrap();
    let (stream, mut client) = pair().await;
    assert!(lock(&voice.links).enter(HERE, false));
    let link = Link::new(stream);
    assert_eq!(room.admit(ALICE, HERE, &link), Admission::Admitted);
    let place = Place { voice: Arc::clone(voice), peer: HERE };
    let task = tokio::spawn({
        let room = Arc::clone(&room);
        async move {
            let _place = place;
            let _seat = Seated { room: &room, uid: ALICE, link: &link };
            panic!("as intended by the test");
        }
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(room.activity(Instant::now()).tcp_listeners, 0);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "the client is told");
    let all = |voice: &Voice| (0..9).take_while(|_| lock(&voice.links).enter(HERE, false)).count();
    assert_eq!(all(voice), super::super::LINKS_PER_CONNECTION, "every place is free again");
}
