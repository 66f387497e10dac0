//! The line at the bottom and the palette: what is typed there, and what it does.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::model::Now;

use super::columns::columns;
use super::input::Input;
use super::keys::Action;
use super::model::{Model, Overlay, Pane, Prompt, PromptKind};
use super::palette::{Argument, HISTORY, Palette, What, argument, theme};
use super::theme::ThemeName;
use super::toasts::Kind;
use super::{acting, heard, moving, named, update};

/// Opens the line for the filter of the pane.
pub(super) fn open_filter(model: &mut Model) {
    let before = match model.table(model.pane) {
        Some(table) => table.filter.clone(),
        None => model.feed.filter.clone(),
    };
    model.prompt = Some(Prompt { kind: PromptKind::Filter, input: Input::new(&before), before });
}

/// A key for the line at the bottom.
pub(super) fn prompt_key(model: &mut Model, key: KeyEvent, now: Now) {
    match key.code {
        KeyCode::Esc => {
            let Some(prompt) = model.prompt.take() else { return };
            if prompt.kind == PromptKind::Filter {
                filter(model, &prompt.before);
                model.feed.filter_error = None;
            }
        }
        KeyCode::Enter => {
            let Some(prompt) = model.prompt.take() else { return };
            if prompt.kind == PromptKind::Search {
                let text = prompt.input.text().to_owned();
                match model.details.last_mut() {
                    Some(detail) => detail.scroll.find = text,
                    None => model.feed.find = text,
                }
                moving::find(model, false, now);
            }
            model.feed.filter_error = None;
        }
        _ => {
            let changed = model.prompt.as_mut().is_some_and(|prompt| prompt.input.key(key));
            if changed {
                prompt_changed(model);
            }
        }
    }
}

/// What is typed into a filter counts at once.
pub(super) fn prompt_changed(model: &mut Model) {
    let text = match &model.prompt {
        Some(Prompt { kind: PromptKind::Filter, input, .. }) => input.text().to_owned(),
        _ => return,
    };
    filter(model, &text);
}

/// Filters the pane one is in.
pub(super) fn filter(model: &mut Model, text: &str) {
    let text = text.trim();
    if model.pane == Pane::Activity {
        model.feed.set_filter(text);
        return;
    }
    let connected = model.connected();
    let pane = model.pane;
    let Some(table) = model.table_mut(pane) else { return };
    table.filter_error = None;
    if !connected {
        // It will be asked for as soon as somebody answers.
        table.filter = text.to_owned();
        return;
    }
    if model.paused.is_some() {
        update::pause(model, false);
    }
    if model.tries_filter(pane) {
        // Whoever types fast is answered for the last letter, not for each of them.
        if let Some(table) = model.table_mut(pane) {
            table.next_filter = Some(text.to_owned());
        }
        return;
    }
    heard::watch_table(model, Some(text.to_owned()));
}

/// A key for the palette.
pub(super) fn palette_key(model: &mut Model, mut palette: Palette, key: KeyEvent, now: Now) {
    match key.code {
        KeyCode::Esc => return,
        KeyCode::Enter => return run(model, &palette, now),
        KeyCode::Tab => complete(model, &mut palette),
        KeyCode::Up if palette.input.text().is_empty() || palette.recalled.is_some() => {
            recall(model, &mut palette, true)
        }
        KeyCode::Down if palette.recalled.is_some() => recall(model, &mut palette, false),
        KeyCode::Up | KeyCode::BackTab => palette.selected = palette.selected.saturating_sub(1),
        KeyCode::Down => {
            let last = suggestions(model, &palette).len().saturating_sub(1);
            palette.selected = (palette.selected + 1).min(last);
        }
        _ => {
            if palette.input.key(key) {
                (palette.selected, palette.recalled) = (0, None);
            }
        }
    }
    model.overlay = Some(Overlay::Palette(palette));
}

fn recall(model: &Model, palette: &mut Palette, older: bool) {
    let at = match (palette.recalled, older) {
        (None, true) => Some(0),
        (Some(at), true) => Some((at + 1).min(model.history.len().saturating_sub(1))),
        (Some(at), false) => at.checked_sub(1),
        (None, false) => None,
    };
    let line = at.and_then(|at| model.history.iter().rev().nth(at));
    palette.recalled = at.filter(|_| line.is_some());
    palette.input.set(line.map_or("", String::as_str));
}

/// What fits what was typed: commands, or what may follow the command. Each with an explanation.
pub(super) fn suggestions(model: &Model, palette: &Palette) -> Vec<(String, &'static str)> {
    let (context, access) = (model.context(), model.access());
    let (_, rest) = palette.parts();
    let Some(rest) = rest else {
        let matches = palette.matches(context, access);
        return matches.into_iter().map(|command| (command.name.to_owned(), command.help)).collect();
    };
    let Some(command) = palette.command(context, access) else { return Vec::new() };
    let names = match argument(command.what) {
        Argument::User => named::known_users(model),
        Argument::Room => named::known_rooms(model),
        Argument::Theme => ThemeName::ALL.map(|theme| theme.name().to_owned()).into(),
        Argument::Column => columns(model.pane).iter().map(|column| column.key.to_owned()).collect(),
        Argument::None | Argument::Free => return vec![(command.name.to_owned(), command.help)],
    };
    let rest = rest.to_lowercase();
    let mut names: Vec<String> =
        names.into_iter().filter(|name| name.to_lowercase().starts_with(&rest)).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|name| (name, command.help)).collect()
}

fn complete(model: &Model, palette: &mut Palette) {
    let found = suggestions(model, palette);
    let Some((text, _)) = found.get(palette.selected).or_else(|| found.first()) else { return };
    let name = palette.command(model.context(), model.access()).map(|command| command.name);
    let line = match (palette.parts().1, name) {
        (None, _) => format!("{text} "),
        (Some(_), Some(name)) if argument_has_names(model, palette) => format!("{name} {text}"),
        _ => return,
    };
    palette.input.set(&line);
    palette.selected = 0;
}

fn argument_has_names(model: &Model, palette: &Palette) -> bool {
    let command = palette.command(model.context(), model.access());
    command.is_some_and(|command| !matches!(argument(command.what), Argument::None | Argument::Free))
}

/// Does what stands in the palette.
pub(super) fn run(model: &mut Model, palette: &Palette, now: Now) {
    let line = palette.input.text().trim().to_owned();
    let Some(command) = palette.command(model.context(), model.access()) else {
        if !line.is_empty() {
            model.toasts.push(Kind::Failed, format!("there is no command \"{line}\" here; ? lists all"), now);
        }
        return;
    };
    if !line.is_empty() {
        model.history.retain(|known| *known != line);
        model.history.push(line);
        if model.history.len() > HISTORY {
            model.history.remove(0);
        }
    }
    let rest = palette.parts().1.unwrap_or_default().trim();
    match command.what {
        What::Action(Action::Act(act)) => acting::begin_named(model, act, rest, now),
        What::Action(action) => update::act(model, action, now),
        What::Filter => filter(model, rest),
        What::Theme => match theme(rest) {
            Some(name) => model.theme_name = name,
            None => update::act(model, Action::Theme, now),
        },
        What::Sort => {
            let column = columns(model.pane)
                .iter()
                .find(|column| column.key == rest || column.title.eq_ignore_ascii_case(rest));
            let pane = model.pane;
            match (column, model.table_mut(pane)) {
                (Some(column), Some(table)) => {
                    table.sort_by(column.key);
                    update::resort(model);
                }
                _ => model.toasts.push(Kind::Failed, format!("there is no column \"{rest}\" here"), now),
            }
        }
    }
}
