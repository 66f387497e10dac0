//! Finding, ordering, pausing, losing the daemon and finding it again.

use std::time::Duration;

use ratatui::crossterm::event::{Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::super::model::{Command, Event, LinkEvent, Pane, Slot};
use super::super::theme::UNICODE;
use super::fixture::{Stage, entry, hello, status, user};
use crate::control::wire::{Access, Page, PageChange, Rows, ServerMessage, Update};

fn view_of(stage: &Stage, slot: Slot) -> u32 {
    *stage.model.views.iter().find(|(_, watched)| watched.slot == slot && watched.live).unwrap().0
}

fn tell(stage: &mut Stage, slot: Slot, update: Update) {
    let view = view_of(stage, slot);
    stage.event(Event::Link(LinkEvent::Message(ServerMessage::Update { view, seq: 1, update })));
}

fn lose(stage: &mut Stage) {
    let why = "no daemon at data/control.sock".to_owned();
    stage.event(Event::Link(LinkEvent::Disconnected { why, retry_in: Some(Duration::from_secs(3)) }));
}

#[test]
fn the_selection_stays_on_its_user_when_the_order_changes() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down><down>");
    assert_eq!(stage.model.users.selected, Some(1_000_004));
    stage.keys("I");
    assert_eq!(stage.model.users.selected, Some(1_000_004));
    let table = &stage.model.users;
    assert_eq!(table.lines[(table.cursor - table.offset) as usize].row.id(), 1_000_004);
    assert!(stage.screen().contains("▌ Zoë"), "{}", stage.screen());
}

#[test]
fn when_the_selected_user_goes_his_neighbour_is_selected_and_that_is_said() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down><down>");
    let left: Vec<u32> = (0..12).filter(|index| *index != 2).map(|index| user(index).uid.0).collect();
    let change = PageChange { total: 11, matched: 11, offset: 0, order: left, rows: Rows::Users(Vec::new()) };
    tell(&mut stage, Slot::Table(Pane::Users), Update::Change(change));
    assert_eq!(stage.model.users.selected, Some(1_000_005));
    assert!(stage.screen().contains("▲ Zoë is gone"));
    stage.keys("<down>");
    assert!(!stage.screen().contains("is gone"));
}

#[test]
fn rows_far_away_are_asked_for() {
    let mut stage = Stage::new((80, 24));
    stage.keys("G");
    assert_eq!(stage.model.users.cursor, 311);
    assert!(stage.screen().contains("guest311"));
    stage.keys("<pgup>g");
    assert!(stage.screen().contains("▌ alice"));
    stage.users = 3;
    stage.keys("I");
    assert!(stage.model.users.matched == 3, "fewer than before");
}

#[test]
fn a_filter_counts_while_it_is_typed_and_a_bad_one_leaves_the_last() {
    let mut stage = Stage::new((80, 24));
    stage.keys("/guest01");
    assert_eq!((stage.model.users.matched, stage.model.users.filter.as_str()), (8, "guest01"));
    stage.keys("(");
    assert!(stage.screen().contains("a field or a word is expected"));
    assert_eq!((stage.model.users.matched, stage.model.users.filter.as_str()), (8, "guest01"));
    stage.keys("<backspace><enter>");
    assert!(stage.screen().contains("8 of 312 users  filter guest01"));
    stage.keys("/<c-u>zzzz<enter>");
    assert!(stage.screen().contains("Nothing matches zzzz"));
    stage.keys("/x<esc>");
    assert_eq!(stage.model.users.filter, "zzzz", "Escape takes it back");
}

#[test]
fn columns_sort_by_key_and_by_name() {
    let mut stage = Stage::new((120, 40));
    stage.keys(">");
    assert_eq!(stage.model.users.sort, "uid");
    stage.keys("<");
    assert_eq!(stage.model.users.sort, "nickname");
    stage.keys(":sort idle_seconds<enter>");
    assert_eq!((stage.model.users.sort, stage.model.users.descending), ("idle_seconds", true));
    assert!(stage.screen().contains("Idle▼"));
}

#[test]
fn a_pause_freezes_and_counts_and_the_header_goes_on() {
    let mut stage = Stage::new((120, 40));
    stage.keys(" ");
    let page = Page { total: 1, matched: 1, offset: 0, rows: Rows::Users(vec![user(5)]) };
    tell(&mut stage, Slot::Table(Pane::Users), Update::Page(page));
    tell(&mut stage, Slot::Activity, Update::Activity { entries: vec![entry(81)], missed: 0 });
    let mut status = super::fixture::status();
    status.users_online = 777;
    tell(&mut stage, Slot::Status, Update::Status(Box::new(status)));
    let screen = stage.screen();
    assert!(
        screen.contains("▌ alice") && screen.contains("PAUSED +2") && screen.contains("777 users"),
        "{screen}"
    );
    assert_eq!(stage.model.feed.current().map(|entry| entry.seq), Some(80));
    stage.keys(" ");
    assert!(!stage.screen().contains("PAUSED"));
    assert_eq!(stage.model.feed.current().map(|entry| entry.seq), Some(81), "nothing is lost");
}

#[test]
fn a_lost_daemon_is_counted_down_to_and_its_data_look_old() {
    let mut stage = Stage::new((120, 40));
    stage.keys("<down>/guest<enter>");
    stage.wait(5.0);
    lose(&mut stage);
    let screen = stage.screen();
    assert!(
        screen.contains("✗ offline, again in 3s  data 5s old  no daemon at data/control.sock"),
        "{screen}"
    );
    assert!(screen.contains("guest012"));
    stage.wait(2.0);
    assert!(stage.screen().contains("again in 1s") && stage.screen().contains("data 7s old"));
    stage.resize((40, 15));
    assert!(
        stage.screen().contains("✗ offline, again in 1s  data 7s old"),
        "there as well: {}",
        stage.screen()
    );
    stage.resize((120, 40));
    stage.keys("r");
    assert_eq!(stage.outside.last(), Some(&Command::Retry));
    stage.connect(hello(Access::Operator));
    assert!(stage.screen().contains("connected again"));
    assert_eq!(stage.model.users.filter, "guest", "where one was is kept");
}

#[test]
fn another_daemon_is_recognised() {
    let mut stage = Stage::new((120, 40));
    lose(&mut stage);
    stage.users = 3;
    let mut other = hello(Access::Operator);
    (other.epoch, other.version) = (8, "0.2.0".to_owned());
    stage.connect(other);
    let screen = stage.screen();
    assert!(screen.contains("daemon restarted (0.1.0 → 0.2.0)") && screen.contains("3 users"), "{screen}");
    assert_eq!(stage.model.feed.shown().count(), 80, "its events, not those of both");
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let mut stage = Stage::offline((80, 24), &UNICODE);
    lose(&mut stage);
    assert!(stage.screen().contains("Start it with: paltalkd serve"));
}

#[test]
fn from_a_row_to_its_details_to_a_room_and_back() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down><down><down><enter>");
    assert!(stage.screen().contains("Users → dj_nightowl"));
    stage.keys("J<down><enter>");
    assert!(stage.screen().contains("dj_nightowl → Jazz Cellar"), "{}", stage.screen());
    stage.keys("/guest077<enter>");
    assert!(stage.model.details.last().unwrap().scroll.hit.is_some());
    stage.keys("<esc><esc>");
    assert_eq!(stage.model.users.selected, Some(1_000_005));
    assert!(
        !stage.model.views.values().any(|watched| watched.slot == Slot::Detail),
        "nobody watches it any more"
    );
}

#[test]
fn what_nobody_looks_at_is_not_watched() {
    let mut stage = Stage::new((80, 24));
    stage.keys("2");
    let tables: Vec<Slot> = stage.model.views.values().map(|watched| watched.slot).collect();
    assert!(tables.contains(&Slot::Table(Pane::Rooms)) && !tables.contains(&Slot::Table(Pane::Users)));
}

fn mouse(stage: &mut Stage, kind: MouseEventKind, column: u16, row: u16) {
    let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    stage.event(Event::Terminal(Input::Mouse(event)));
}

fn find(stage: &Stage, text: &str) -> (u16, u16) {
    let screen = stage.screen();
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
    let before = &line[..line.find(text).unwrap()];
    (super::super::format::width(before) as u16, row as u16)
}

#[test]
fn the_mouse_selects_opens_sorts_scrolls_and_presses_buttons() {
    let mut stage = Stage::new((80, 24));
    let down = MouseEventKind::Down(MouseButton::Left);
    let (x, y) = find(&stage, "Zoë");
    mouse(&mut stage, down, x, y);
    assert_eq!(stage.model.users.selected, Some(1_000_004));
    stage.wait(0.1);
    mouse(&mut stage, down, x, y);
    assert!(stage.screen().contains("Users → Zoë"), "a double click opens");
    stage.keys("<esc>");
    let (x, y) = find(&stage, "Idle");
    mouse(&mut stage, down, x, y);
    assert_eq!(stage.model.users.sort, "idle_seconds");
    let before = stage.model.users.cursor;
    mouse(&mut stage, MouseEventKind::ScrollDown, 10, 10);
    assert_ne!(stage.model.users.cursor, before);
    let (x, y) = find(&stage, "2 Rooms");
    mouse(&mut stage, down, x, y);
    assert_eq!(stage.model.pane, Pane::Rooms);
    stage.keys("1K");
    let (x, y) = find(&stage, "Cancel");
    mouse(&mut stage, down, x, y);
    assert!(stage.model.overlay.is_none() && stage.orders.is_empty());
    stage.keys("K");
    let (x, y) = find(&stage, "  Kick   │");
    mouse(&mut stage, down, x + 3, y);
    assert_eq!(stage.orders.len(), 1);
    stage.model.dirty = false;
    mouse(&mut stage, MouseEventKind::Moved, 5, 5);
    assert!(!stage.model.dirty, "moving it costs no frame");
}

#[test]
fn small_screens_work_and_smaller_ones_say_so() {
    let mut stage = Stage::new((40, 15));
    stage.keys("<down>K<tab><enter>");
    assert_eq!(stage.orders.len(), 1);
    stage.resize((20, 5));
    assert!(stage.screen().starts_with("too small"));
    for size in [(1, 1), (0, 0), (200, 1), (1, 60)] {
        stage.resize(size);
        if size.0 > 0 && size.1 > 0 {
            stage.buffer();
        }
    }
    stage.resize((80, 24));
    assert!(stage.screen().contains("312 users"));
}

#[test]
fn the_ways_out_are_always_open() {
    for keys in ["q", "<c-c>", "K<c-c>", ":<c-c>", "/<c-c>", "?<c-c>"] {
        let mut stage = Stage::new((80, 24));
        stage.keys(keys);
        assert_eq!(stage.outside.last(), Some(&Command::Quit), "{keys}");
    }
    let mut stage = Stage::new((80, 24));
    stage.event(Event::Terminate);
    assert_eq!(stage.outside.last(), Some(&Command::Quit));
}

#[test]
fn what_is_shown_can_be_taken_along() {
    let mut stage = Stage::new((80, 24));
    stage.keys("<down>ys");
    assert!(stage.outside.contains(&Command::Copy("Bob Marley".to_owned())));
    let Some(Command::Dump(text)) = stage.outside.last() else { panic!("no file") };
    assert!(text.contains("Name\tId\tState") && text.contains("x␛[31mred"));
}

#[test]
fn who_types_fast_is_answered_for_the_last_letter() {
    use crate::control::wire::{ClientMessage, Request};

    let mut stage = Stage::new((80, 24));
    let mut asked = Vec::new();
    for c in "/guest01".chars() {
        let key = ratatui::crossterm::event::KeyCode::Char(c);
        let event = Event::Terminal(Input::Key(key.into()));
        // Nobody answers meanwhile.
        asked.extend(super::super::update::update(&mut stage.model, event, stage.now));
    }
    let watches = |commands: &[Command]| {
        let watch = |command: &&Command| {
            matches!(command, Command::Send(ClientMessage::Request { request: Request::Watch { .. }, .. }))
        };
        commands.iter().filter(watch).count()
    };
    assert_eq!(watches(&asked), 1, "the first letter was asked for");
    let (view, _) = stage.model.views.iter().find(|(_, watched)| watched.filter.is_some()).unwrap();
    let page = Page { total: 312, matched: 1, offset: 0, rows: Rows::Users(vec![user(12)]) };
    let update = ServerMessage::Update { view: *view, seq: 0, update: Update::Page(page) };
    stage.event(Event::Link(LinkEvent::Message(update)));
    assert_eq!((stage.model.users.filter.as_str(), stage.model.users.matched), ("guest01", 8));
}

#[test]
fn what_is_wrong_with_the_server_is_said() {
    let mut stage = Stage::new((120, 40));
    let mut say = |health: &str, reasons: &[&str]| {
        let mut status = status();
        status.health = health.to_owned();
        status.health_reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
        tell(&mut stage, Slot::Status, Update::Status(Box::new(status)));
        stage.screen()
    };
    let screen = say("degraded", &["the disk is full", "the backup failed"]);
    assert!(screen.contains("▲ the disk is full and 1 more") && screen.contains("▲ DEGRADED"), "{screen}");
    assert!(screen.contains("✗ degraded: the disk is full; the backup failed  x"), "it stays: {screen}");
    let screen = say("degraded", &["the disk is fuller", "the backup failed"]);
    assert_eq!(screen.matches("backup failed").count(), 1, "another figure is no news: {screen}");
    let screen = say("degraded", &["stopping: bye"]);
    assert!(screen.contains("· stopping: bye") && !screen.contains("✗ degraded: stopping"), "{screen}");
    let screen = say("ok", &[]);
    assert!(screen.contains("the server is well again") && !screen.contains("DEGRADED"), "{screen}");
}
