//! Whatever is pressed, clicked and told, at whatever size: nothing breaks.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::crossterm::event::{Event as Input, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::super::model::{Event, LinkEvent, Pane, Slot};
use super::fixture::{Stage, entry, hello, user};
use crate::control::wire::{Access, Page, PageChange, Rows, ServerMessage, Update};

#[derive(Clone, Debug)]
enum Step {
    Keys(String),
    Resize(u16, u16),
    Click(u16, u16),
    Wheel(bool),
    Users(u32),
    Page(u32, u32, u32),
    Change(Vec<u32>, u32),
    Events(u64),
    Lose,
    Connect(u64, u8),
    Wait(u16),
    Answer,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let named = prop::sample::select(vec![
        "<enter>",
        "<esc>",
        "<tab>",
        "<backtab>",
        "<up>",
        "<down>",
        "<left>",
        "<right>",
        "<pgdn>",
        "<pgup>",
        "<backspace>",
        "<c-l>",
        "<c-z>",
        "<c-f>",
        "<c-u>",
        "G",
        "g",
        " ",
        "K",
        "B",
        "a",
        "J",
        ":",
        "/",
        "?",
        "m",
        "X",
        "L",
        "!",
    ]);
    let step = prop_oneof![
        4 => named.prop_map(|key| Step::Keys(key.to_owned())),
        3 => "[ -;=-~]{1,6}|中|\u{301}".prop_map(Step::Keys),
        1 => (0u16..250, 0u16..60).prop_map(|(width, height)| Step::Resize(width, height)),
        1 => (0u16..250, 0u16..60).prop_map(|(x, y)| Step::Click(x, y)),
        1 => any::<bool>().prop_map(Step::Wheel),
        1 => (0u32..400).prop_map(Step::Users),
        1 => (0u32..40, 0u32..400, 0u32..400).prop_map(|(rows, offset, matched)| Step::Page(rows, offset, matched)),
        1 => (prop::collection::vec(0u32..40, 0..40), 0u32..60).prop_map(|(order, matched)| Step::Change(order, matched)),
        1 => (0u64..200).prop_map(Step::Events),
        1 => Just(Step::Lose),
        1 => (6u64..9, 0u8..3).prop_map(|(epoch, access)| Step::Connect(epoch, access)),
        1 => any::<u16>().prop_map(Step::Wait),
        1 => Just(Step::Answer),
    ];
    prop::collection::vec(step, 1..40)
}

fn tell(stage: &mut Stage, slot: Slot, update: Update) {
    let view = stage.model.views.iter().find(|(_, watched)| watched.slot == slot).map(|(view, _)| *view);
    if let Some(view) = view {
        stage.event(Event::Link(LinkEvent::Message(ServerMessage::Update { view, seq: 9, update })));
    }
}

fn take(stage: &mut Stage, step: Step) {
    match step {
        Step::Keys(keys) => stage.keys(&keys),
        Step::Resize(width, height) => stage.resize((width, height)),
        Step::Click(column, row) => {
            let kind = MouseEventKind::Down(MouseButton::Left);
            let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
            stage.event(Event::Terminal(Input::Mouse(event)));
        }
        Step::Wheel(down) => {
            let kind = if down { MouseEventKind::ScrollDown } else { MouseEventKind::ScrollUp };
            let event = MouseEvent { kind, column: 3, row: 8, modifiers: KeyModifiers::NONE };
            stage.event(Event::Terminal(Input::Mouse(event)));
        }
        Step::Users(users) => stage.users = users,
        Step::Page(rows, offset, matched) => {
            // Figures that do not fit each other are no reason to break.
            let rows = Rows::Users((offset..offset + rows).map(user).collect());
            let page = Page { total: matched, matched, offset, rows };
            tell(stage, Slot::Table(Pane::Users), Update::Page(page));
        }
        Step::Change(order, matched) => {
            let rows = Rows::Users(order.iter().map(|index| user(*index)).collect());
            let order = order.iter().map(|index| user(*index).uid.0).collect();
            let change = PageChange { total: matched, matched, offset: 0, order, rows };
            tell(stage, Slot::Table(Pane::Users), Update::Change(change));
        }
        Step::Events(from) => {
            let entries = (from..from + 5).map(entry).collect();
            tell(stage, Slot::Activity, Update::Activity { entries, missed: 2 });
        }
        Step::Lose => {
            let lost =
                LinkEvent::Disconnected { why: "x".to_owned(), retry_in: Some(Duration::from_secs(2)) };
            stage.event(Event::Link(lost));
        }
        Step::Connect(epoch, access) => {
            let access = [Access::Observer, Access::Moderator, Access::Operator][usize::from(access)];
            let mut hello = hello(access);
            hello.epoch = epoch;
            stage.connect(hello);
        }
        Step::Wait(millis) => stage.wait(f64::from(millis) / 1000.0),
        Step::Answer => {
            if let Some((id, _)) = stage.orders.pop() {
                let result = Ok(crate::control::wire::Reply::Done("done".to_owned()));
                stage.event(Event::Link(LinkEvent::Message(ServerMessage::Reply { id, result })));
            }
        }
    }
}

fn consistent(stage: &Stage) -> Result<(), TestCaseError> {
    for pane in [Pane::Users, Pane::Rooms, Pane::Strikes] {
        let Some(table) = stage.model.table(pane) else { continue };
        if let Some(id) = table.selected
            && let Some(at) = table.lines.iter().position(|line| line.row.id() == id)
            && let Some(current) = table.current()
        {
            prop_assert_eq!(current.id(), id);
            prop_assert_eq!(
                table.cursor,
                table.offset + at as u32,
                "the cursor is where the selected row is"
            );
        }
    }
    if stage.model.size.0 > 0 && stage.model.size.1 > 0 {
        prop_assert_eq!(stage.buffer(), stage.buffer());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_it(steps in steps()) {
        let mut stage = Stage::new((80, 24));
        for step in steps {
            take(&mut stage, step);
            consistent(&stage)?;
        }
    }
}
