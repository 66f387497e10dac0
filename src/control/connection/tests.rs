use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::control::access::Credentials;
use crate::control::frame;
use crate::control::orders::Orders;
use crate::control::service::Parts;
use crate::control::wire::{ClientHello, ClientMessage, REPLY_MAX, REQUEST_MAX};
use crate::hub::actor::{Hub, HubHandle};
use crate::hub::chronicle::Chronicle;
use crate::hub::{Event, EventKind, Feed, State};
use crate::metrics::Metrics;
use crate::model::Timestamp;
use crate::store::{Store, StoreOptions};

/// A daemon that does nothing but answer, in the time of the test: nobody really waits.
struct Bench {
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    _hub: HubHandle,
    _dir: tempfile::TempDir,
}

/// The end of a client.
struct Console {
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    served: JoinHandle<End>,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(StoreOptions::new(dir.path())).unwrap();
        let metrics = Arc::new(Metrics::default());
        let state = State::new(Vec::new(), Vec::new());
        let (_, hub) = Hub::new(state, store.clone(), Arc::clone(&metrics), None);
        let feed = Feed::new(1);
        let orders = Orders::new(
            hub.downgrade(),
            store.clone(),
            Chronicle::new(Arc::clone(&feed), store.clone()),
            mpsc::channel(1).0,
        );
        let service = Service::new(Parts {
            server: "bench".to_owned(),
            epoch: 1,
            hub: hub.downgrade(),
            store,
            store_path: dir.path().to_owned(),
            metrics,
            voice: None,
            feed,
            listen: Default::default(),
            health: Arc::new(|| ("ok".to_owned(), Vec::new())),
            orders,
        });
        Bench { service, stop: watch::channel(false).0, _hub: hub, _dir: dir }
    }

    /// A client whose socket takes `room` bytes that it does not read.
    fn connect(&self, room: usize) -> Console {
        let who = Credentials { uid: 0, name: "root".to_owned(), pid: None };
        let peer = Peer { who, access: Access::Operator };
        let (ours, theirs) = duplex(room);
        let (reader, writer) = split(theirs);
        let served =
            tokio::spawn(serve(Arc::clone(&self.service), peer, reader, writer, self.stop.subscribe()));
        let (reader, writer) = split(ours);
        Console { reader, writer, served }
    }
}

impl Console {
    async fn hear(&mut self) -> ServerMessage {
        frame::read(&mut self.reader, REPLY_MAX).await.unwrap().unwrap()
    }

    async fn say(&mut self, message: &ClientMessage) {
        self.writer.write_all(&frame::encode(message, REQUEST_MAX).unwrap()).await.unwrap();
    }

    async fn greet(&mut self) {
        assert!(matches!(self.hear().await, ServerMessage::Hello(_)));
        let hello = ClientHello { protocol: PROTOCOL, version: String::new(), read_only: false };
        self.say(&ClientMessage::Hello(hello)).await;
    }

    async fn status(&mut self) {
        self.say(&ClientMessage::Request { id: 9, request: Request::Status }).await;
        assert!(matches!(self.hear().await, ServerMessage::Reply { id: 9, result: Ok(_) }));
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_no_hello_has_five_seconds() {
    let bench = Bench::new();
    let mut other = bench.connect(1 << 20);
    other.greet().await;
    let began = Instant::now();
    let mut silent = bench.connect(1 << 20);
    assert!(matches!(silent.hear().await, ServerMessage::Hello(_)));
    // Half of a hello is none.
    silent.writer.write_all(&[20, 0, 0]).await.unwrap();
    assert!(matches!(silent.hear().await, ServerMessage::Goodbye(text) if text == "no hello came"));
    assert_eq!(silent.served.await.unwrap(), End::Stalled);
    let took = began.elapsed();
    assert!(took >= HANDSHAKE && took < HANDSHAKE + Duration::from_secs(1), "{took:?}");
    other.status().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_for_half_a_minute_is_dropped() {
    let bench = Bench::new();
    for number in 0..2000 {
        let event = Event::new(EventKind::Broadcast).saying(format!("something to read, number {number}"));
        bench.service.parts.feed.push(Timestamp(number), event);
    }
    let mut other = bench.connect(1 << 20);
    other.greet().await;
    let mut deaf = bench.connect(512);
    deaf.greet().await;
    let began = Instant::now();
    let request = Request::Activity { from: None, limit: 2000 };
    deaf.say(&ClientMessage::Request { id: 1, request }).await;
    assert_eq!(deaf.served.await.unwrap(), End::Stalled);
    let took = began.elapsed();
    assert!(took >= STALL && took < STALL + Duration::from_secs(2), "{took:?}");
    let mut rest = Vec::new();
    deaf.reader.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() <= 512, "the answer was cut off");
    other.status().await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_but_reads_keeps_his_place() {
    let bench = Bench::new();
    for number in 0..40 {
        bench
            .service
            .parts
            .feed
            .push(Timestamp(number), Event::new(EventKind::Broadcast).saying("x".repeat(100)));
    }
    let mut slow = bench.connect(512);
    slow.greet().await;
    slow.say(&ClientMessage::Request { id: 1, request: Request::Activity { from: None, limit: 40 } }).await;
    let mut header = [0; frame::HEADER];
    slow.reader.read_exact(&mut header).await.unwrap();
    let mut body = vec![0; frame::length(header, REPLY_MAX).unwrap()];
    for piece in body.chunks_mut(1024) {
        tokio::time::sleep(Duration::from_secs(5)).await;
        slow.reader.read_exact(piece).await.unwrap();
    }
    let reply: ServerMessage = frame::decode(&body, REPLY_MAX).unwrap();
    let ServerMessage::Reply { id: 1, result: Ok(Reply::Activity { entries, .. }) } = reply else { panic!() };
    assert_eq!(entries.len(), 40);
    slow.status().await;
}
