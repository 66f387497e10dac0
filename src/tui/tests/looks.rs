//! Styles, themes, ASCII, and what hostile texts may not do.

use ratatui::style::{Color, Modifier};

use super::super::model::Event;
use super::super::theme::{ASCII, Depth, ThemeName};
use super::fixture::{Stage, hello};
use crate::control::wire::Access;

#[test]
fn the_selection_is_seen_in_every_theme_and_depth() {
    for theme in ThemeName::ALL {
        for depth in [Depth::Mono, Depth::Sixteen, Depth::Indexed, Depth::True] {
            let mut stage = Stage::new((80, 24));
            (stage.model.theme_name, stage.model.depth) = (theme, depth);
            let buffer = stage.buffer();
            let (selected, other) = (&buffer[(10, 5)], &buffer[(10, 6)]);
            let seen = |cell: &ratatui::buffer::Cell| (cell.bg, cell.modifier.contains(Modifier::REVERSED));
            assert_ne!(seen(selected), seen(other), "{theme:?} {depth:?}");
            assert_eq!(buffer[(1, 5)].symbol(), "▌", "and by a sign");
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    for keys in ["", "2", "3", "4", "5", "K", "?", ":", "<enter>"] {
        let mut stage = Stage::new((120, 40));
        stage.model.depth = Depth::Mono;
        stage.keys(keys);
        let buffer = stage.buffer();
        assert!(
            buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset),
            "{keys}"
        );
    }
}

#[test]
fn in_ascii_everything_is_ascii() {
    for keys in ["", "2", "3", "4", "5", "5---", "K", "?", ":", "<enter>", "2<enter>", "/x"] {
        let mut stage = Stage::offline((120, 40), &ASCII);
        stage.connect(hello(Access::Operator));
        stage.keys(keys);
        assert!(stage.screen().is_ascii(), "{keys}: {}", stage.screen());
    }
    // A sign that is known stays one; "?" is for letters that cannot be shown.
    let mut stage = Stage::offline((80, 24), &ASCII);
    stage.connect(hello(Access::Operator));
    stage.keys("<down><down><down><enter>");
    assert!(stage.screen().contains("X do not disturb"), "{}", stage.screen());
}

#[test]
fn no_text_of_a_user_steers_the_terminal() {
    for keys in
        ["", "2", "3", "4", "<enter>", "2<enter>", "3<enter>", "<down><down><down><down><down><down>K"]
    {
        for size in [(200, 50), (80, 24), (40, 15)] {
            let mut stage = Stage::new(size);
            stage.keys(keys);
            for cell in stage.buffer().content() {
                let harmful = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
                assert!(!cell.symbol().chars().any(harmful), "{keys} {:?}", cell.symbol());
            }
        }
    }
}

#[test]
fn wide_names_leave_the_columns_in_line() {
    let mut stage = Stage::new((80, 24));
    let screen = stage.screen();
    let columns: Vec<usize> = screen
        .lines()
        .skip(6)
        .filter_map(|line| line.find("10000").map(|at| super::super::format::width(&line[..at])))
        .collect();
    assert!(columns.len() > 10 && columns.windows(2).all(|pair| pair[0] == pair[1]), "{columns:?}");
    stage.keys("K");
    for line in stage.screen().lines() {
        assert!(super::super::format::width(line) <= 80);
    }
}

#[test]
fn the_dangerous_button_looks_so_and_cancel_has_the_focus() {
    let mut stage = Stage::new((80, 24));
    stage.keys("K");
    let buffer = stage.buffer();
    let place = |text: &str| {
        let screen = stage.screen();
        let (y, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
        (super::super::format::width(&line[..line.find(text).unwrap()]) as u16, y as u16)
    };
    let (x, y) = place("[ Cancel ]");
    assert!(buffer[(x, y)].modifier.contains(Modifier::REVERSED));
    let theme = stage.model.theme();
    let kick = &buffer[(x + 15, y)];
    assert_eq!((kick.symbol(), Some(kick.fg)), ("i", theme.bad.fg));
}

#[test]
fn what_is_old_looks_old_and_names_have_room() {
    let mut stage = Stage::new((80, 24));
    let why = "gone".to_owned();
    stage.event(Event::Link(super::super::model::LinkEvent::Disconnected { why, retry_in: None }));
    let (stale, buffer) = (stage.model.theme().stale, stage.buffer());
    for y in [1, 5] {
        assert_eq!(Some(buffer[(2, y)].fg), stale.fg, "line {y}");
        assert!(buffer[(2, y)].modifier.contains(Modifier::DIM), "line {y}");
    }
    let stage = Stage::new((200, 50));
    assert!(stage.screen().contains("a_name_of_26_characters_ok"), "{}", stage.screen());
}

#[test]
fn what_has_not_changed_looks_the_same() {
    let mut stage = Stage::new((120, 40));
    let before = stage.buffer();
    stage.event(Event::Tick);
    assert_eq!(stage.buffer(), before);
    // Nothing that is awaited, counted down or told: nothing wakes it, and there is no frame to draw.
    stage.model.dirty = false;
    assert_eq!(stage.model.next_wake(stage.now), None);
    stage.event(Event::Terminal(ratatui::crossterm::event::Event::FocusGained));
    assert!(!stage.model.dirty);
}
