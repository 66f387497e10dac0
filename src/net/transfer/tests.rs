//! Transfers over real sockets, with short limits.

use tokio::net::TcpStream;

use super::*;
use crate::hub::ConnId;
use crate::hub::peers::{FileEnd, TransferId};
use crate::model::{Nickname, Uid};

const SENDER: Uid = Uid(1_000_002);
const RECEIVER: Uid = Uid(1_000_003);
const TRANSFER: u32 = 77;

/// A transfer with a connected sender.
struct Way {
    sender: TcpStream,
    /// Where the receiver listens.
    receiver: TcpListener,
    /// Where he comes to, if he speaks in lines.
    back: Option<u16>,
    task: tokio::task::JoinHandle<io::Result<u32>>,
}

/// The sender of `from` may be another than the one who is connected. Which of them speak in lines?
async fn way_of(from: &str, lines: [bool; 2], limits: Limits) -> Way {
    let (port, entrance) = open(Ipv4Addr::LOCALHOST).unwrap();
    let (receiver_port, receiver) = open(Ipv4Addr::LOCALHOST).unwrap();
    let (back_port, back) = open(Ipv4Addr::LOCALHOST).unwrap();
    let sender = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    let end = |uid, at: &str, lines| {
        let at = at.parse().unwrap();
        FileEnd { uid, at, listen: Ipv4Addr::LOCALHOST, lines }
    };
    let route = FileRoute {
        transfer: TransferId(TRANSFER),
        conn: ConnId { slot: 0, generation: 0 },
        nickname: Nickname::from_text("NetStorm").unwrap(),
        sender: end(SENDER, from, lines[0]),
        receiver: end(RECEIVER, "127.0.0.1", lines[1]),
        port: receiver_port,
    };
    let task = tokio::spawn(async move {
        let back = lines[1].then_some(back);
        transport(entrance, back, &route, &limits, &Metrics::default()).await
    });
    Way { sender, receiver, back: lines[1].then_some(back_port), task }
}

async fn way(from: &str, limits: Limits) -> Way {
    way_of(from, [false; 2], limits).await
}

async fn hear(stream: &mut TcpStream, expected: &str) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), expected);
}

async fn say(stream: &mut TcpStream, line: &str) {
    stream.write_all(line.as_bytes()).await.unwrap();
}

/// Says who it is, as 7 and later do.
async fn introduce(stream: &mut TcpStream, uid: Uid) {
    hear(stream, "CONNECT\tOK\n").await;
    say(stream, &format!("INTRO\t{uid}\t{TRANSFER}\n")).await;
    hear(stream, "AUTH\tOK\n").await;
}

fn header(name: &str, size: u32) -> Vec<u8> {
    [&(name.len() as u16).to_le_bytes()[..], name.as_bytes(), &size.to_le_bytes()].concat()
}

#[tokio::test]
async fn a_file_arrives_whole_and_with_a_plain_name() {
    let mut way = way("127.0.0.1", Limits::default()).await;
    let data: Vec<u8> = (0..300_000u32).map(|at| (at * 7 / 3) as u8).collect();
    // The header and the first data in one write.
    let sent = [header("C:\\x\\a.bin", 300_000), data.clone()].concat();
    let (mut receiver, _) = {
        let (accepted, written) = tokio::join!(way.receiver.accept(), way.sender.write_all(&sent));
        written.unwrap();
        accepted.unwrap()
    };
    let mut got = Vec::new();
    receiver.read_to_end(&mut got).await.unwrap();
    drop(receiver);
    assert!(got == [header("a.bin", 300_000), data].concat());
    assert_eq!(way.task.await.unwrap().unwrap(), 300_000);
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let mut way = way("127.0.0.1", Limits::default()).await;
    way.sender.write_all(&header("a", 0)).await.unwrap();
    let (mut receiver, _) = way.receiver.accept().await.unwrap();
    let mut got = Vec::new();
    receiver.read_to_end(&mut got).await.unwrap();
    drop(receiver);
    assert_eq!(got, header("a", 0));
    assert_eq!(way.task.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn what_is_too_much_ends_before_the_receiver_is_asked() {
    let mut too_large = way("127.0.0.1", Limits { size: 999, ..Limits::default() }).await;
    too_large.sender.write_all(&header("a", 1000)).await.unwrap();
    assert_eq!(too_large.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    let mut long_name = way("127.0.0.1", Limits::default()).await;
    long_name.sender.write_all(&header(&"x".repeat(256), 1)).await.unwrap();
    assert_eq!(long_name.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidFilename);
}

#[tokio::test]
async fn nobody_else_is_let_in_and_nobody_is_waited_for_too_long() {
    let limits = Limits { connect: Duration::from_millis(50), ..Limits::default() };
    let mut stranger = way("127.0.0.9", limits).await;
    assert_eq!(stranger.sender.read(&mut [0]).await.unwrap_or(0), 0, "closed");
    assert_eq!(stranger.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let silent = way("127.0.0.1", limits).await;
    assert_eq!(silent.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn either_side_ending_ends_both() {
    for receiver_ends in [true, false] {
        let mut way = way("127.0.0.1", Limits::default()).await;
        way.sender.write_all(&header("a", 1000)).await.unwrap();
        way.sender.write_all(b"the beginning").await.unwrap();
        let (mut receiver, _) = way.receiver.accept().await.unwrap();
        let mut got = vec![0; header("a", 0).len() + 13];
        receiver.read_exact(&mut got).await.unwrap();
        if receiver_ends {
            drop(receiver);
            assert_eq!(way.sender.read(&mut [0]).await.unwrap_or(0), 0);
        } else {
            drop(way.sender);
            assert_eq!(receiver.read(&mut [0]).await.unwrap_or(0), 0);
        }
        way.task.await.unwrap().unwrap_err();
    }
}

#[tokio::test]
async fn no_faster_than_allowed() {
    let rate = 100_000;
    let mut way = way("127.0.0.1", Limits { rate, ..Limits::default() }).await;
    let start = Instant::now();
    let sent = [header("a", rate * 3 / 2), vec![5; rate as usize * 3 / 2]].concat();
    way.sender.write_all(&sent).await.unwrap();
    let (mut receiver, _) = way.receiver.accept().await.unwrap();
    receiver.read_to_end(&mut Vec::new()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test]
async fn between_old_and_new_in_every_direction() {
    for lines in [[true, true], [true, false], [false, true]] {
        let mut way = way_of("127.0.0.1", lines, Limits::default()).await;
        let (back, listening) = (way.back, way.receiver);
        let receiving = tokio::spawn(async move {
            let mut stream = match back {
                Some(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap(),
                None => listening.accept().await.unwrap().0,
            };
            if back.is_some() {
                introduce(&mut stream, RECEIVER).await;
            }
            let mut got = Vec::new();
            stream.read_to_end(&mut got).await.unwrap();
            got
        });
        if lines[0] {
            introduce(&mut way.sender, SENDER).await;
            hear(&mut way.sender, "SEND\tOK\n").await;
            say(&mut way.sender, "SEND\t1000002\t1000003\tMedianoche\t5\tC:\\a b.txt\nhello").await;
        } else {
            way.sender.write_all(&[header("C:\\a b.txt", 5), b"hello".to_vec()].concat()).await.unwrap();
        }
        let heading = if lines[1] {
            b"SEND\t1000002\t1000003\tNetStorm\t5\ta b.txt\n".to_vec()
        } else {
            header("a b.txt", 5)
        };
        assert_eq!(receiving.await.unwrap(), [heading, b"hello".to_vec()].concat(), "{lines:?}");
        assert_eq!(way.task.await.unwrap().unwrap(), 5);
    }
}

#[tokio::test]
async fn whoever_names_himself_wrongly_is_sent_away() {
    for line in ["INTRO\t1000003\t77\n", "INTRO\t1000002\t78\n", "HELLO\n"] {
        let mut way = way_of("127.0.0.1", [true, false], Limits::default()).await;
        hear(&mut way.sender, "CONNECT\tOK\n").await;
        say(&mut way.sender, line).await;
        assert_eq!(way.task.await.unwrap().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
