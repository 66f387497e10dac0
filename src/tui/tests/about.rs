//! Panes, help, columns, filters of events, and what is remembered.

use ratatui::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::super::keys::{Action, Bindings, TABLE};
use super::super::memory::Memory;
use super::super::model::{Event, LinkEvent, Pane, Slot};
use super::super::theme::{ThemeName, UNICODE};
use super::super::toasts::Kind;
use super::fixture::{Stage, hello};
use crate::control::wire::{Access, ServerMessage, Update};

#[test]
fn every_pane_has_a_number_and_its_neighbours() {
    let mut stage = Stage::new((120, 40));
    for (key, pane) in ["1", "2", "3", "4", "5"].into_iter().zip(Pane::ALL) {
        stage.keys(key);
        assert_eq!(stage.model.pane, pane);
    }
    stage.keys("<tab>");
    assert_eq!(stage.model.pane, Pane::Users, "round and round");
    stage.keys("<backtab>");
    assert_eq!(stage.model.pane, Pane::Metrics);
    stage.keys("1");
    assert!(stage.screen().contains("─ Activity ─"));
    stage.keys("z");
    assert!(stage.model.zoom && !stage.screen().contains("─ Activity ─"), "the pane alone");
}

#[test]
fn help_is_made_of_the_table_of_actions() {
    let mut stage = Stage::new((200, 50));
    stage.keys("?");
    let help = super::super::pages::help(&stage.model, 190).to_text();
    for entry in TABLE {
        assert!(help.contains(entry.help), "{}", entry.name);
    }
    stage.keys("/freeze<enter>");
    assert!(stage.screen().contains("freeze what is shown"), "it can be searched");
    stage.keys("<esc>");
    let hints = |stage: &Stage| stage.screen().lines().last().unwrap_or_default().to_owned();
    let wide = hints(&stage);
    stage.resize((60, 24));
    let narrow = hints(&stage);
    assert!(narrow.len() < wide.len() && narrow.ends_with("? help"), "{narrow}");
    stage.keys("3");
    assert_ne!(hints(&stage), narrow, "and is of the place one is at");
}

#[test]
fn columns_are_chosen_and_everything_is_remembered() {
    let mut stage = Stage::new((200, 50));
    assert!(stage.screen().contains("Rooms  Address"));
    stage.keys("c<down><down><down><enter>");
    assert!(stage.screen().contains("[ ] Rooms"), "the menu stays");
    stage.keys("<esc>");
    assert!(!stage.screen().contains("Rooms  Address"));
    stage.keys("/room:lobby<enter>>I3/kind:kick or kind:ban<enter>:theme light<enter>:top-talkers<enter>z2");
    let remembered = Memory::of(&stage.model);
    let text = toml::to_string(&remembered).unwrap();
    let mut other = Stage::offline((200, 50), &UNICODE);
    toml::from_str::<Memory>(&text).unwrap().apply(&mut other.model);
    other.connect(hello(Access::Operator));
    let (model, was) = (&other.model, &stage.model);
    assert_eq!((model.pane, model.zoom, model.theme_name), (Pane::Rooms, true, ThemeName::Light));
    assert_eq!((model.users.sort, model.users.descending), ("messages", true));
    assert_eq!((&model.users.filter, &model.users.hidden), (&was.users.filter, &was.users.hidden));
    assert_eq!(model.feed.filter, "kind:kick or kind:ban");
    assert_eq!(model.history, was.history);
    // What somebody has written into the file breaks nothing.
    for strange in
        ["pane = \"cellar\"", "activity = \"((\"", "[tables.users]\nhidden = [\"nickname\", \"x\"]"]
    {
        let mut other = Stage::offline((80, 24), &UNICODE);
        toml::from_str::<Memory>(strange).unwrap_or_default().apply(&mut other.model);
        other.connect(hello(Access::Operator));
        assert!(other.screen().contains("alice"), "{strange}");
    }
}

#[test]
fn a_filter_of_events_that_is_wrong_is_said_and_the_last_good_one_stays() {
    let mut stage = Stage::new((120, 40));
    stage.keys("3/kind:kick or kind:bounce");
    let kinds = |stage: &Stage| stage.model.feed.shown().map(|entry| entry.kind.name()).collect::<Vec<_>>();
    let good = kinds(&stage);
    assert!(good.contains(&"kick") && good.contains(&"bounce") && !good.contains(&"join"));
    stage.keys(" (");
    assert!(stage.screen().contains("filter, character"), "{}", stage.screen());
    assert_eq!(kinds(&stage), good);
    stage.keys("<esc>");
    assert_eq!(kinds(&stage).len(), 80, "Escape takes it back");
}

#[test]
fn who_has_signed_out_lately_is_listed() {
    let mut stage = Stage::new((120, 40));
    stage.keys(":closed<enter>");
    let screen = stage.screen();
    for told in [
        "Closed lately: 15, 14 without signing out",
        "connection lost",
        "kicked",
        "x␛[31mred",
        "did not read",
    ] {
        assert!(screen.contains(told), "{told}: {screen}");
    }
    stage.keys("<down><enter>");
    assert_eq!(stage.model.details.last().map(|detail| detail.name.as_str()), Some("Bob Marley"));
    stage.keys("<esc>");
    stage.event(Event::Link(LinkEvent::Disconnected { why: "gone".to_owned(), retry_in: None }));
    stage.keys(":closed<enter>");
    assert!(stage.screen().contains("not connected"));
}

#[test]
fn from_an_event_to_whom_it_is_about() {
    let mut stage = Stage::new((120, 40));
    stage.keys("3<up>");
    stage.keys("<enter>");
    assert!(stage.screen().contains("─ Event ─"), "{}", stage.screen());
    stage.keys("J");
    let screen = stage.screen();
    assert!(screen.contains("Go to") || !stage.model.details.is_empty(), "{screen}");
}

#[test]
fn events_that_were_left_out_are_counted_at_the_top() {
    let mut stage = Stage::new((120, 40));
    let view = stage.model.views.iter().find(|(_, watched)| watched.slot == Slot::Activity).unwrap();
    let (view, seq) = (*view.0, 1);
    let update = Update::Activity { entries: vec![super::fixture::entry(90)], missed: 9 };
    stage.event(Event::Link(LinkEvent::Message(ServerMessage::Update { view, seq, update })));
    assert!(stage.screen().contains("9 events missed"), "{}", stage.screen());
}

#[test]
fn everything_can_be_done_by_name() {
    let stage = Stage::new((120, 40));
    for entry in TABLE.iter().filter(|entry| matches!(entry.action, Action::Act(_))) {
        let mut stage =
            Stage { model: stage.model.clone(), outside: Vec::new(), orders: Vec::new(), ..stage };
        stage.keys(&format!(":{}<enter>", entry.name));
        let told = stage.model.toasts.history.back().is_some_and(|toast| toast.kind == Kind::Failed);
        let done = stage.model.overlay.is_some() || !stage.orders.is_empty();
        assert!(done || told, "{}", entry.name);
    }
}

#[test]
fn other_keys_do_it_where_somebody_wants_them() {
    let mut stage = Stage::new((120, 40));
    stage.model.settings.keys =
        Bindings::read("[keys.user]\nkick = \"F5\"\nmute = []\n[keys.strikes]\nbans = \"Ctrl-B\"\n[keys.everywhere]\npage-up = \"PgUp\"\n[keys.activity]\njump = \"F6\"\n").unwrap();
    stage.keys("K");
    assert!(stage.model.overlay.is_none(), "the usual key is free");
    stage.event(Event::Terminal(Input::Key(KeyEvent::from(KeyCode::F(5)))));
    assert!(stage.screen().contains("Kick alice?"));
    stage.keys("<esc>");
    let screen = stage.screen();
    assert!(screen.contains("F5 kick") && !screen.contains("M mute"), "the footer knows: {screen}");
    stage.keys("?");
    assert!(stage.screen().contains("F5") && stage.screen().contains(":mute"), "so does the help");
    stage.keys("<esc>4");
    stage.event(Event::Terminal(Input::Key(KeyEvent::new(KeyCode::Char('b'), KeyModifiers::CONTROL))));
    assert!(stage.screen().contains("192.0.2.0/24"));
    stage.keys("<esc>3<up><enter>J");
    assert!(stage.screen().contains("─ Event ─"), "{}", stage.screen());
    stage.event(Event::Terminal(Input::Key(KeyEvent::from(KeyCode::F(6)))));
    assert!(!stage.screen().contains("─ Event ─"), "{}", stage.screen());
}

#[test]
fn connections_are_counted_by_how_good_they_are() {
    let mut stage = Stage::new((120, 40));
    stage.keys("3:connections<enter>");
    let screen = stage.screen();
    assert!(screen.contains("Round trip, of 268") && screen.contains("1000 ms and more"), "{screen}");
    stage.keys("<down><down><enter>");
    assert_eq!((stage.model.pane, stage.model.users.filter.as_str()), (Pane::Users, "rtt>=5ms rtt<20ms"));
}

#[test]
fn charts_show_more_time_or_less_and_begin_again() {
    let mut stage = Stage::new((120, 40));
    for (keys, span) in
        [("5", "5 minutes"), ("+", "1 minute"), ("++", "1 minute"), ("-----", "24 hours"), ("0", "5 minutes")]
    {
        stage.keys(keys);
        assert!(stage.screen().contains(&format!("last {span}")), "{keys}: {}", stage.screen());
    }
    stage.keys("<down>");
    assert!(stage.screen().contains("Deliveries  "), "{}", stage.screen());
}

#[test]
fn names_are_completed_and_menus_are_chosen_from() {
    let mut stage = Stage::new((80, 24));
    stage.keys(":ki<tab>bo<tab>");
    assert!(stage.screen().contains(": kick Bob Marley"), "{}", stage.screen());
    stage.keys("<esc>:maint<tab>");
    assert!(stage.screen().contains(": maintenance on"), "{}", stage.screen());
    stage.keys("<esc>:theme hi<tab><enter>");
    assert_eq!(stage.model.theme_name, ThemeName::HighContrast);
    // By the cursor, and by the key that stands at the right.
    for keys in ["a<down><enter>", "aB"] {
        stage.keys(keys);
        assert!(stage.screen().contains("Ban alice?"), "{keys}: {}", stage.screen());
        stage.keys("<esc>");
    }
}
