//! A server that is always the same, and a console before it.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::super::model::{Command, Event, LinkEvent, Model, Settings};
use super::super::theme::{Depth, Glyphs, UNICODE};
use super::super::update::update;
use super::super::view::view;
use crate::control::wire::{
    Access, ClientMessage, Listen, Page, Percentiles, Performance, Reply, Request, RoomDetail, Rows, Sample,
    ServerHello, ServerMessage, Status as Health, StorePerformance, StrikeRow, Update, UserDetail, View,
};
use crate::hub::rows::{MemberRow, RoomRow, UserRow};
use crate::hub::{EventKind, FeedEntry};
use crate::model::{Now, Role, RoomId, Status, Timestamp, Uid};

/// 2026-11-21 03:00:00 UTC.
pub(super) const WALL: u64 = 1_795_230_000_000;

pub(super) fn at(seconds: f64) -> Now {
    Now { wall: Timestamp(WALL + (seconds * 1000.0) as u64), uptime: Duration::from_secs_f64(10.0 + seconds) }
}

const NAMES: [&str; 12] = [
    "alice",
    "Bob Marley",
    "Zoë",
    "dj_nightowl",
    "MamaBear",
    "중문中文名字",
    "x\x1b[31mred",
    "\u{202e}gnikcab",
    "party👍time",
    "a_name_of_26_characters_ok",
    "quietone",
    "Sam",
];

pub(in crate::tui) fn user(index: u32) -> UserRow {
    let name =
        NAMES.get(index as usize).map_or_else(|| format!("guest{index:03}"), |name| (*name).to_owned());
    UserRow {
        uid: Uid(1_000_002 + index),
        nickname: name,
        status: [Status::Online, Status::Online, Status::Away, Status::Dnd, Status::Invisible]
            [index as usize % 5],
        idle_seconds: u64::from(index * index * 7),
        address: if index % 6 == 5 {
            "2001:db8:85a3::8a2e:370:7334".parse().unwrap()
        } else {
            format!("192.0.2.{}", index % 250).parse().unwrap()
        },
        client: if index.is_multiple_of(3) { "5.0" } else { "5.1" }.to_owned(),
        connected_seconds: 60 + u64::from(index * 977),
        rooms: (0..index % 4).map(|room| RoomId(1 + room)).collect(),
        roles: if index == 0 { vec![Role::Admin] } else { Vec::new() },
        bytes_in: 1000 * u64::from(index),
        bytes_out: 90_000 * u64::from(index),
        pending_bytes: if index == 4 { 120_000 } else { 0 },
        messages: u64::from(index * 31),
        strikes: (index % 3) as u8 * u8::from(index % 4 == 1),
        stage: 0,
        muted_seconds: if index == 3 { 42 } else { 0 },
    }
}

fn room(index: u32) -> RoomRow {
    let rooms = [
        ("Lobby", "General", "Everybody is welcome"),
        ("Jazz Cellar", "Music", "Tonight: Coltrane, all of it"),
        ("Sala Español", "Friends", ""),
        ("The very long name of a room that goes on", "Business and Finance", "x\x1b]0;pwned\x07"),
        ("Poetry", "Arts", "bring your own"),
    ];
    let (name, category, topic) = rooms[index as usize % rooms.len()];
    RoomRow {
        id: RoomId(1 + index),
        name: name.to_owned(),
        category: category.to_owned(),
        rating: ['G', 'R', 'A'][index as usize % 3],
        voice: index != 4,
        private: index == 3,
        locked: index == 2,
        permanent: index < 2,
        members: [312, 48, 7, 1250, 0][index as usize % 5],
        speakers: u32::from(index == 1),
        hands_up: [4, 1, 0, 12, 0][index as usize % 5],
        topic: topic.to_owned(),
        owner: (index != 4).then(|| "alice".to_owned()),
        messages: u64::from(index) * 1234,
    }
}

fn strike(index: u32) -> StrikeRow {
    StrikeRow {
        uid: Uid(1_000_004 + index),
        nickname: ["Zoë", "dj_nightowl", "guest077"][index as usize % 3].to_owned(),
        strikes: (index % 3) as u8,
        stage: (index * 2) as u16,
        muted_seconds: u64::from(index) * 42,
        violations: 3 + index * 20,
        last_reason: ["COOLDOWN", "WINDOW", "caps"][index as usize % 3].to_owned(),
        last_detail: ["412 ms after the one before", "6 in 10 s", "92% capitals"][index as usize % 3]
            .to_owned(),
        last_at: Some("2026-11-21T02:58:07Z".to_owned()),
    }
}

pub(super) fn entry(seq: u64) -> FeedEntry {
    let kinds = [
        (EventKind::SignIn, Some("alice"), None, None, "from 192.0.2.1"),
        (EventKind::Join, Some("Bob Marley"), None, Some("Lobby"), ""),
        (EventKind::Strike, Some("dj_nightowl"), None, Some("Jazz Cellar"), "6 messages in 10 s"),
        (EventKind::Bounce, Some("alice"), Some("guest077"), Some("Lobby"), "too loud"),
        (EventKind::Report, Some("Zoë"), Some("x\x1b[31mred"), None, "he will not stop"),
        (EventKind::SignOut, Some("Sam"), None, None, "connection lost"),
        (EventKind::Kick, Some("operator"), Some("guest012"), None, "spam"),
    ];
    let (kind, actor, target, room, text) = kinds[seq as usize % kinds.len()];
    FeedEntry {
        seq,
        at: Timestamp(WALL - 600_000 + seq * 7000),
        kind,
        actor: actor.map(Into::into),
        actor_uid: actor.map(|_| Uid(1_000_002)),
        target: target.map(Into::into),
        target_uid: target.map(|_| Uid(1_000_079)),
        room: room.map(|_| RoomId(1)),
        room_name: room.map(Into::into),
        text: text.into(),
    }
}

fn sample(at: u64) -> Sample {
    let wave = ((at / 1000 % 10_000) as f32 / 17.0).sin().mul_add(0.5, 0.6);
    Sample {
        at,
        cpu_percent: 4.0 * wave,
        memory_bytes: 46 << 20,
        connections: 318,
        users: 312,
        messages: 42.0 * wave,
        deliveries: 4200.0 * wave,
        bytes_in: 3000.0 * wave,
        bytes_out: 380_000.0 * wave,
        hub_queue: (3.0 * wave) as u32,
        hub_busy_percent: 2.5 * wave,
        outbox_bytes: 18_000,
        slow_dropped: 0.0,
        voice_streams: 1,
        voice_in: 50.0,
        voice_out: 2400.0,
        queries: 12.0 * wave,
        commit_micros: 1800,
        delivery_p50: 420,
        delivery_p99: 2300,
    }
}

pub(super) fn status() -> Health {
    Health {
        version: "0.1.0".to_owned(),
        pid: 4711,
        uptime_seconds: 284_400,
        health: "ok".to_owned(),
        connections: 318,
        users_online: 312,
        users_away: 40,
        peak_users: 540,
        rooms_open: 34,
        messages_per_second: 42.3,
        voice_streams: 1,
        memory_bytes: 46 << 20,
        cpu_percent: 2.4,
        offline_messages_pending: 17,
        listen: Listen { chat_tcp: vec!["0.0.0.0:5001".to_owned()], ..Listen::default() },
        ..Health::default()
    }
}

fn performance() -> Performance {
    Performance {
        threads: 5,
        open_files: 341,
        store: StorePerformance {
            queries_total: 90_000,
            avg_query_micros: 38,
            p99_query_micros: 410,
            size_bytes: 300 << 20,
            ..StorePerformance::default()
        },
        delivery_micros: Percentiles { p50: 420, p90: 900, p99: 2300, max: 9100 },
        ..Performance::default()
    }
}

pub(super) fn hello(access: Access) -> ServerHello {
    ServerHello {
        protocol: crate::control::wire::PROTOCOL,
        version: "0.1.0".to_owned(),
        epoch: 7,
        access,
        server: "Paltalk".to_owned(),
    }
}

/// A console, and the server that answers it.
pub(super) struct Stage {
    pub(super) model: Model,
    pub(super) now: Now,
    /// How many users there are.
    pub(super) users: u32,
    /// What was asked for outside, but requests.
    pub(super) outside: Vec<Command>,
    /// Orders that came, with their numbers; they are answered by hand.
    pub(super) orders: Vec<(u32, crate::control::wire::Order)>,
    /// Whether the server has rooms, strikes and events too.
    pub(super) empty: bool,
}

impl Stage {
    /// A console that has just connected.
    pub(super) fn new(size: (u16, u16)) -> Stage {
        let mut stage = Stage::offline(size, &UNICODE);
        stage.connect(hello(Access::Operator));
        stage
    }

    /// A console without a daemon.
    pub(super) fn offline(size: (u16, u16), glyphs: &'static Glyphs) -> Stage {
        let settings = Settings { socket: "data/control.sock".to_owned(), read_only: false };
        let model = Model::new(settings, size, Depth::True, glyphs);
        Stage { model, now: at(0.0), users: 312, outside: Vec::new(), orders: Vec::new(), empty: false }
    }

    pub(super) fn connect(&mut self, hello: ServerHello) {
        self.event(Event::Link(LinkEvent::Connected(hello)));
    }

    /// An event, and the server's answers to what follows from it.
    pub(super) fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while !events.is_empty() {
            for event in std::mem::take(&mut events) {
                for command in update(&mut self.model, event, self.now) {
                    match command {
                        Command::Send(ClientMessage::Request { id, request }) => {
                            let answers = self.answer(id, request).into_iter();
                            events.extend(answers.map(|message| Event::Link(LinkEvent::Message(message))));
                        }
                        other => self.outside.push(other),
                    }
                }
            }
        }
    }

    fn answer(&mut self, id: u32, request: Request) -> Vec<ServerMessage> {
        let done = || ServerMessage::Reply { id, result: Ok(Reply::Done(String::new())) };
        match request {
            Request::Watch { view, what } => {
                let updates = match self.first(what) {
                    Ok(updates) => updates,
                    Err(text) => {
                        let code = crate::control::wire::RefusalCode::Invalid;
                        let result = Err(crate::control::wire::Refusal { code, text });
                        return vec![ServerMessage::Reply { id, result }];
                    }
                };
                let numbered = updates.into_iter().zip(0..);
                let updates = numbered.map(|(update, seq)| ServerMessage::Update { view, seq, update });
                std::iter::once(done()).chain(updates).collect()
            }
            Request::Act(order) => {
                self.orders.push((id, order));
                Vec::new()
            }
            Request::User(_) => {
                vec![ServerMessage::Reply { id, result: Ok(Reply::User(Box::new(user_detail(3)))) }]
            }
            Request::Users(_) => {
                let page = Page { total: 312, matched: 12, offset: 0, rows: Rows::Users(vec![user(0)]) };
                vec![ServerMessage::Reply { id, result: Ok(Reply::Page(page)) }]
            }
            Request::Bans => {
                let ban = crate::control::wire::BanRow {
                    target: "192.0.2.0/24".to_owned(),
                    scope: "address".to_owned(),
                    room: None,
                    until: Some("2026-11-22T00:00:00Z".to_owned()),
                    reason: "flood".to_owned(),
                    by: "operator".to_owned(),
                    at: "2026-11-21T00:00:00Z".to_owned(),
                };
                vec![ServerMessage::Reply { id, result: Ok(Reply::Bans(vec![ban])) }]
            }
            _ => vec![done()],
        }
    }

    fn first(&self, what: View) -> Result<Vec<Update>, String> {
        let window = match &what {
            View::Users(window) | View::Rooms(window) | View::Strikes(window) => window.clone(),
            _ => Default::default(),
        };
        if window.filter.contains('(') {
            return Err("at 1: a field or a word is expected".to_owned());
        }
        let rows = |all: u32, matched: Vec<u32>| {
            let mut matched = matched;
            if window.descending {
                matched.reverse();
            }
            let mut offset = window.offset;
            if let Some(at) =
                window.follow.and_then(|id| matched.iter().position(|index| 1_000_002 + index == id))
            {
                let at = at as u32;
                if at < offset || at >= offset + window.limit {
                    offset = at.saturating_sub(window.limit / 2);
                }
            }
            let end = (offset + window.limit).min(matched.len() as u32);
            let cut = matched.get(offset as usize..end.max(offset) as usize).unwrap_or_default().to_vec();
            (all, matched.len() as u32, offset, cut)
        };
        let none = self.empty;
        let page = |(total, matched, offset, _): (u32, u32, u32, Vec<u32>), rows: Rows| {
            vec![Update::Page(Page { total, matched, offset, rows })]
        };
        Ok(match what {
            View::Users(_) => {
                let matching = |index: &u32| user(*index).nickname.contains(&window.filter);
                let cut = rows(self.users, (0..self.users).filter(matching).collect());
                let users = cut.3.iter().map(|index| user(*index)).collect();
                page(cut, Rows::Users(users))
            }
            View::Rooms(_) => {
                let count = if none { 0 } else { 5 };
                let cut = rows(count, (0..count).collect());
                let list = cut.3.iter().map(|index| room(*index)).collect();
                page(cut, Rows::Rooms(list))
            }
            View::Strikes(_) => {
                let count = if none { 0 } else { 3 };
                let cut = rows(count, (0..count).collect());
                let list = cut.3.iter().map(|index| strike(*index)).collect();
                page(cut, Rows::Strikes(list))
            }
            View::Activity(_) => {
                let entries = if none { Vec::new() } else { (1..=80).map(entry).collect() };
                vec![Update::Activity { entries, missed: 0 }]
            }
            View::Status => vec![Update::Status(Box::new(status()))],
            View::Metrics => {
                let gap = |second: &u64| !(200..230).contains(second);
                let seconds =
                    (0..600).filter(gap).map(|second| sample(WALL - 600_000 + second * 1000)).collect();
                let minutes = (0..300).map(|minute| sample(WALL - 18_000_000 + minute * 60_000)).collect();
                vec![
                    Update::History { seconds, minutes },
                    Update::Metrics(sample(WALL), Box::new(performance())),
                ]
            }
            View::User(uid) => {
                vec![Update::User(Some(Box::new(user_detail(uid.0.saturating_sub(1_000_002)))))]
            }
            View::Room(id) => {
                let members = (0..4).map(|index| MemberRow {
                    uid: user(index).uid,
                    nickname: user(index).nickname,
                    mic: index != 2,
                    red_dot: index == 2,
                    hand: index == 1,
                    admin: index == 0,
                    invisible: false,
                });
                let detail = RoomDetail {
                    row: room(id.0.saturating_sub(1)),
                    members: members.collect(),
                    welcome: "Be kind.".to_owned(),
                    slowmode: 10,
                    kept_out: vec![("guest077".to_owned(), None, "spam".to_owned())],
                    listeners: (30, 12),
                    events: (1..6).map(entry).collect(),
                };
                vec![Update::Room(Some(Box::new(detail)))]
            }
        })
    }

    /// Keys, as people write them: letters, and `<enter>`, `<esc>`, `<tab>`, `<down>` and so on.
    pub(super) fn keys(&mut self, keys: &str) {
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let (code, modifiers, length) = match rest.strip_prefix('<').and_then(|name| name.split_once('>'))
            {
                Some((name, _)) if named(name).is_some() => {
                    let (code, modifiers) = named(name).unwrap();
                    (code, modifiers, name.len() + 2)
                }
                _ => (KeyCode::Char(c), KeyModifiers::NONE, c.len_utf8()),
            };
            self.event(Event::Terminal(Input::Key(KeyEvent::new(code, modifiers))));
            rest = &rest[length..];
        }
    }

    pub(super) fn wait(&mut self, seconds: f64) {
        let uptime = self.now.uptime + Duration::from_secs_f64(seconds);
        self.now = Now { wall: Timestamp(self.now.wall.0 + (seconds * 1000.0) as u64), uptime };
        self.event(Event::Tick);
    }

    pub(super) fn resize(&mut self, size: (u16, u16)) {
        self.event(Event::Terminal(Input::Resize(size.0, size.1)));
    }

    /// The screen with its styles.
    pub(super) fn buffer(&self) -> Buffer {
        let (width, height) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view(&self.model, frame, self.now)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as a text.
    pub(super) fn screen(&self) -> String {
        let buffer = self.buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                if skip == 0 {
                    line.push_str(symbol);
                    skip = super::super::format::width(symbol).saturating_sub(1);
                } else {
                    skip -= 1;
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

fn named(name: &str) -> Option<(KeyCode, KeyModifiers)> {
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pgdn" => KeyCode::PageDown,
        "pgup" => KeyCode::PageUp,
        "backspace" => KeyCode::Backspace,
        _ => {
            let letter = name.strip_prefix("c-")?.chars().next()?;
            return Some((KeyCode::Char(letter), KeyModifiers::CONTROL));
        }
    };
    Some((code, KeyModifiers::NONE))
}

pub(super) fn user_detail(index: u32) -> UserDetail {
    let row = user(index);
    UserDetail {
        uid: row.uid,
        nickname: row.nickname.clone(),
        roles: row.roles.clone(),
        rooms: row.rooms.iter().map(|id| (*id, room(id.0 - 1).name)).collect(),
        strikes: Some(strike(1)),
        warnings: vec![(Timestamp(WALL - 86_400_000), "alice".to_owned(), "mind your words".to_owned())],
        sanctions: vec!["muted for 42 s".to_owned()],
        created: Timestamp(1_100_003_600_000),
        address: Some(row.address),
        events: (1..12).map(entry).collect(),
        row: Some(row),
    }
}
