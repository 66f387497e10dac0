//! Golden frames: every pane, page and dialog at four sizes.

use std::time::Duration;

use super::super::model::{Event, LinkEvent};
use super::super::theme::UNICODE;
use super::fixture::{Stage, hello};
use crate::control::wire::Access;

const SIZES: [(u16, u16); 4] = [(200, 50), (120, 40), (80, 24), (40, 15)];

/// What is looked at: a name, and the keys that lead there.
const SCENES: [(&str, &str); 30] = [
    ("users", ""),
    ("rooms", "2"),
    ("activity", "3"),
    ("activity_scrolled", "3<up><up><up>"),
    ("strikes", "4"),
    ("metrics", "5"),
    ("metrics_day", "5<down><down>---"),
    ("user", "<down><down><down><enter>"),
    ("room", "2<enter>"),
    ("menu", "a"),
    ("kick", "<down>K"),
    ("ban", "<down>B<tab><tab>"),
    ("close_room", "2X"),
    ("palette", ":ki"),
    ("help", "?"),
    ("filter", "/guest1"),
    ("filter_wrong", "/(("),
    ("mute", "M"),
    ("warn", "W"),
    ("many", "mmmK"),
    ("broadcast", "!"),
    ("shutdown", ":shutdown<enter><tab><tab><tab>"),
    ("maintenance", ":maintenance on<enter>"),
    ("lock_room", "2L"),
    ("columns", "c"),
    ("kinds", "3t"),
    ("bans", "4b"),
    ("closed", ":closed<enter>"),
    ("connections", ":connections<enter>"),
    ("notices", "yTH"),
];

fn scene(name: &str) {
    let (_, keys) = SCENES.iter().find(|(known, _)| *known == name).unwrap();
    for size in SIZES {
        let mut stage = Stage::new(size);
        stage.keys(keys);
        insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), stage.screen());
    }
}

macro_rules! scenes {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            scene(stringify!($name));
        }
    )*};
}

scenes! {
    users rooms activity activity_scrolled strikes metrics metrics_day user room menu kick ban close_room palette
    help filter filter_wrong mute warn many broadcast shutdown maintenance lock_room columns kinds bans closed connections
    notices
}

/// What there is to see where there is nothing.
#[test]
fn empty() {
    for (name, keys) in [("users", ""), ("rooms", "2"), ("activity", "3"), ("strikes", "4")] {
        let mut stage = Stage::offline((80, 24), &UNICODE);
        (stage.empty, stage.users) = (true, 0);
        stage.connect(hello(Access::Operator));
        stage.keys(keys);
        insta::assert_snapshot!(format!("empty_{name}_80x24"), stage.screen());
    }
}

#[test]
fn alone() {
    for size in SIZES {
        let mut stage = Stage::offline(size, &UNICODE);
        let why = "no daemon at data/control.sock".to_owned();
        let lost = LinkEvent::Disconnected { why, retry_in: Some(Duration::from_secs(3)) };
        stage.event(Event::Link(lost.clone()));
        insta::assert_snapshot!(format!("alone_{}x{}", size.0, size.1), stage.screen());
        stage.connect(hello(Access::Operator));
        stage.wait(5.0);
        stage.event(Event::Link(lost));
        insta::assert_snapshot!(format!("lost_{}x{}", size.0, size.1), stage.screen());
    }
}
