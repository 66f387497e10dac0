//! A server that is always the same, and a console before it.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::super::keys::Bindings;
use super::super::model::{Command, Event, LinkEvent, Model, Settings};
use super::super::theme::{Depth, Glyphs, UNICODE};
use super::super::update::update;
use super::super::view::view;
use super::rows::{closed, performance, room, sample, strike, user_detail};
pub(super) use super::rows::{entry, status, user};
use crate::control::wire::{
    Access, ClientMessage, Page, Quality, Reply, Request, RoomDetail, Rows, ServerHello, ServerMessage,
    Update, View,
};
use crate::hub::rows::MemberRow;
use crate::model::{Now, Timestamp};

/// 2026-11-21 03:00:00 UTC.
pub(super) const WALL: u64 = 1_795_230_000_000;

pub(super) fn at(seconds: f64) -> Now {
    Now { wall: Timestamp(WALL + (seconds * 1000.0) as u64), uptime: Duration::from_secs_f64(10.0 + seconds) }
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
        let settings =
            Settings { socket: "data/control.sock".to_owned(), read_only: false, keys: Bindings::default() };
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
            Request::Quality => {
                let mut quality = Quality::default();
                (0..312).map(user).for_each(|row| quality.count(row.rtt_micros, row.pending_bytes));
                vec![ServerMessage::Reply { id, result: Ok(Reply::Quality(Box::new(quality))) }]
            }
            Request::Closed => {
                vec![ServerMessage::Reply { id, result: Ok(Reply::Closed(closed())) }]
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
