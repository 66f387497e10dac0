//! Those who keep order in rooms: the owner of a permanent one, and one of the staff who makes rooms of his
//! own permanent.

use paltalkd::model::{Role, Roles, RoomKind, Timestamp, Uid};
use paltalkd::store::{Change, RoomRecord, Store};

use super::client::RawClient;
use super::found::{self, imposed};
use super::ledger::{Act, Fact, Facts, Ledger};
use super::program::Chance;
use super::rounds::{Actor, Place};
use super::support::{make_account, room, with_text};

const DAY: u64 = 24 * 3600 * 1000;
/// How many requests are under way at most.
const BURST: usize = 6;

/// What is asked, as a packet, and what it does.
type Request = (Act, u16, Vec<u8>);

/// Sends requests and waits until they are done.
fn ask(client: &mut RawClient, place: &Place<'_>, ledger: &mut Ledger, requests: Vec<Request>) -> Option<()> {
    let count = requests.len();
    let packets: Vec<_> = requests.into_iter().map(|(_, kind, payload)| (kind, payload)).collect();
    client.ask(&packets)?;
    for _ in 0..count {
        client.done()?;
        place.answered(ledger);
    }
    Some(())
}

pub(super) struct Owner {
    name: String,
    uid: Uid,
    /// The room.
    room: u32,
    hall: String,
    /// Is signed in, and not in the room.
    visitor: (Uid, String),
    /// Is in the room.
    linker: (Uid, String),
    /// Never sign in.
    guests: Vec<(Uid, String)>,
    ledger: Ledger,
    chance: Chance,
    step: usize,
}

impl Owner {
    pub(super) fn new(store: &Store, number: u32) -> Owner {
        let name = format!("Owner{number}");
        let make = |word: &str| {
            let nickname = format!("{name}{word}");
            (make_account(store, &nickname, Roles::default().with(Role::Trusted)), nickname)
        };
        let ((uid, _), hall) = (make(""), format!("{name} Hall"));
        let record = room(50_300 + number, RoomKind::Voice, 30_003, &hall, None);
        store.commit_blocking(Change::PutRoom(RoomRecord { owner: Some(uid), ..record })).unwrap();
        Owner {
            uid,
            room: 50_300 + number,
            hall,
            visitor: make("Visitor"),
            linker: make("Linker"),
            guests: ["Guest0", "Guest1", "Guest2"].map(make).to_vec(),
            ledger: Ledger::default(),
            chance: Chance(number.into()),
            step: 0,
            name,
        }
    }

    /// A command, with the setting that it changes and what is kept of it then.
    fn setting(&mut self) -> (String, &'static str, String) {
        let (step, on) = (self.step, self.chance.below(2) == 0);
        let shown = |command: &str, text: &str| format!("/{command} {text}");
        let number = 2 + self.chance.below(7);
        match self.chance.below(8) {
            0 => (shown("t", &format!("topic {step}")), "topic", format!("topic {step}")),
            1 if on => (shown("welcome", &format!("come in {step}")), "welcome", format!("come in {step}")),
            1 => (shown("welcome", "off"), "welcome", String::new()),
            2 if on => (shown("lock", &format!("word{step}")), "lockword", format!("word{step}")),
            2 => ("/unlock".to_owned(), "lockword", String::new()),
            3 if on => (shown("rating", "R"), "rating", "Restricted".to_owned()),
            3 => (shown("rating", "G"), "rating", String::new()),
            4 => (shown("speakers", &number.to_string()), "speakers", number.to_string()),
            5 if on => (shown("slowmode", &number.to_string()), "slowmode", number.to_string()),
            5 => (shown("slowmode", "off"), "slowmode", String::new()),
            6 if on => (shown("links", "members"), "links", "Members".to_owned()),
            6 => (shown("links", "everybody"), "links", String::new()),
            _ if on => (shown("c", &number.to_string()), "admin code", number.to_string()),
            _ => (shown("c", "0"), "admin code", String::new()),
        }
    }

    fn next(&mut self) -> Vec<Request> {
        self.step += 1;
        let (hall, room, act) = (self.hall.clone(), self.room, Act::default());
        match self.chance.below(12) {
            0 => {
                let kinds = [(0xfc5c, "new user mic"), (0xfc5d, "reddot video"), (0xfc5e, "reddot text")];
                let (kind, what) = self.chance.one(&kinds);
                let on = self.chance.below(2) == 0;
                let kept = match (what, on) {
                    ("new user mic", true) | ("reddot video" | "reddot text", false) => "",
                    ("new user mic", false) => "no",
                    _ => "yes",
                };
                vec![(act.set(&hall, what, kept), kind, with_text(&[room], &[0, u8::from(on)]))]
            }
            1 => {
                let on = !self.ledger.has(&hall, "linkers");
                let act = act.set(&hall, "linkers", if on { &self.linker.1 } else { "" });
                let line = format!("/link {} {}", self.linker.1, if on { "on" } else { "off" });
                vec![(act, 0xfea2, with_text(&[room], line.as_bytes()))]
            }
            2..=4 => {
                let (uid, nickname) = self.chance.one(&self.guests);
                let what = format!("room ban {nickname}");
                if self.ledger.has(&hall, &what) {
                    return vec![(act.remove(&hall, &what), 0xfc67, with_text(&[room, uid.0], b""))];
                }
                let act = act.put_now(&hall, &what, imposed(None, &self.name, ""));
                vec![(act, 0xfc68, with_text(&[room, uid.0], b""))]
            }
            5 => {
                let bans = self.ledger.about(&hall, "room ban ").map(|(key, _)| key.1.clone());
                let act = bans.collect::<Vec<_>>().iter().fold(act, |act, what| act.remove(&hall, what));
                vec![(act, 0xfc67, with_text(&[room, Uid::EVERYBODY.0], b""))]
            }
            6 | 7 => {
                let (uid, nickname) = self.visitor.clone();
                let (what, payload) = (format!("bounce {nickname}"), with_text(&[room, uid.0], b""));
                if self.ledger.has(&hall, &what) {
                    return vec![(act.remove(&hall, &what), 0xfc71, payload)];
                }
                let reason = format!("{} {}", self.name, self.step);
                let bounced = act.clone().put_now(&hall, &what, imposed(Some(DAY), &self.name, &reason));
                // The client sends the reason in front.
                let reason = with_text(&[room, uid.0], reason.as_bytes());
                vec![(act, 0xfe7a, reason), (bounced, 0xfe84, payload)]
            }
            _ => {
                let (line, what, kept) = self.setting();
                vec![(act.set(&hall, what, &kept), 0xfea2, with_text(&[room], line.as_bytes()))]
            }
        }
    }

    fn work(&mut self, place: &Place<'_>) -> Option<()> {
        let _visitor = RawClient::sign_in(place.chat, self.visitor.0)?;
        let mut linker = RawClient::sign_in(place.chat, self.linker.0)?;
        let mut client = RawClient::sign_in(place.chat, self.uid)?;
        let lockword = self.ledger.text(&self.hall, "lockword").unwrap_or_default().to_owned();
        linker.join(self.room, &lockword)?;
        client.join(self.room, &lockword)?;
        while place.goes_on() {
            let mut requests = Vec::new();
            for _ in 0..=self.chance.below(BURST) {
                for request in self.next() {
                    self.ledger.begin(request.0.clone());
                    requests.push(request);
                }
            }
            ask(&mut client, place, &mut self.ledger, requests)?;
        }
        Some(())
    }
}

impl Actor for Owner {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        _ = Owner::work(self, place);
    }

    fn check(&mut self, found: Facts, log: Vec<Fact>, _: &Store) {
        self.ledger.settle(&self.name, found, log);
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}

/// One of the staff who opens rooms and makes them permanent, with those who are kept out of them.
pub(super) struct Host {
    name: String,
    uid: Uid,
    guests: Vec<(Uid, String)>,
    ledger: Ledger,
    tents: usize,
}

impl Host {
    pub(super) fn new(store: &Store, number: usize) -> Host {
        let name = format!("Host{number}");
        let guests = (0..3).map(|guest| format!("{name}Guest{guest}"));
        let guests = guests.map(|nickname| (make_account(store, &nickname, Roles::default()), nickname));
        Host {
            guests: guests.collect(),
            uid: make_account(store, &name, Roles::default().with(Role::Moderator)),
            ledger: Ledger::default(),
            tents: 0,
            name,
        }
    }

    fn tent(&mut self, client: &mut RawClient, place: &Place<'_>) -> Option<()> {
        self.tents += 1;
        let (tent, since) = (format!("{} Tent {}", self.name, self.tents), Timestamp::now());
        let form = [&b"\x00\x03\x00\x00\x75\x32\x00\x00\x08\x2aG"[..], tent.as_bytes(), b"\n"].concat();
        client.send(0xfed4, &form)?;
        let room = client.expect(0x0136)?.u32(0);
        for (guest, _) in &self.guests {
            client.act(0xfc68, &with_text(&[room, guest.0], b""))?;
        }
        let me = found::staff(&self.name, self.uid);
        let entry = |word: &str| found::detailed("set_room", &tent, &me, "", word);
        // The room and its lists are too much for one write: first the room is kept, then who is kept out.
        let mut requests: Vec<Act> = vec![
            Act::default()
                .put_since(since, &tent, "room", "Voice")
                .put(&tent, "category", "30002")
                .put(&tent, "owner", self.name.clone())
                .logged(entry("permanent")),
        ];
        for (_, nickname) in &self.guests {
            let text = imposed(None, &self.name, "");
            requests.push(Act::default().put_since(since, &tent, &format!("room ban {nickname}"), text));
        }
        let count = requests.len();
        requests.into_iter().for_each(|act| self.ledger.begin(act));
        client.say(room, "/permanent on")?;
        (0..count).for_each(|_| place.answered(&mut self.ledger));
        let topic = format!("topic {}", self.tents);
        self.ledger.begin(Act::default().put(&tent, "topic", &*topic));
        client.say(room, &format!("/t {topic}"))?;
        place.answered(&mut self.ledger);
        if self.tents.is_multiple_of(3) {
            self.ledger.begin(Act::default().clear(&tent).logged(entry("temporary")));
            client.say(room, "/permanent off")?;
            place.answered(&mut self.ledger);
        }
        client.act(0xfec0, &room.to_be_bytes())
    }
}

impl Actor for Host {
    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }

    fn work(&mut self, place: &Place<'_>) {
        let Some(mut client) = RawClient::sign_in(place.chat, self.uid) else { return };
        while place.goes_on() && self.tent(&mut client, place).is_some() {}
    }

    fn check(&mut self, found: Facts, log: Vec<Fact>, store: &Store) {
        self.ledger.settle(&self.name, found, log);
        let start = format!("{} Tent", self.name);
        for room in store.reader().rooms().unwrap() {
            let name = room.name.to_string();
            if name.starts_with(&start) {
                store.commit_blocking(Change::DeleteRoom(room.id)).unwrap();
                self.ledger.learn(&Act::default().clear(&name));
            }
        }
    }

    fn answers(&self) -> usize {
        self.ledger.answers()
    }
}
