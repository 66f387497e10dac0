//! From the wish to do something to the order that is sent.

use ratatui::crossterm::event::{KeyCode, KeyEvent};

use crate::control::wire::{BanTarget, Order, Request, UserDetail, Window};
use crate::model::{Now, Uid, network};

use super::detail::Data;
use super::dialog::{Dialog, Person, Subject, Value};
use super::keys::{Act, Concerns, Danger, DetailKind, of_act};
use super::model::{Model, Overlay, Pane, Pending};
use super::named;
use super::row::Row;
use super::said::{MEDIA, ROOM, Said, bare};
use super::toasts::Kind;

/// Whom an act without a name concerns: the page one is on, those who are marked, or the selected row.
pub(super) fn subject(model: &Model) -> Option<Subject> {
    if let Some(detail) = model.details.last() {
        return Some(match detail.kind {
            DetailKind::Room => {
                Subject::Room { id: crate::model::RoomId(detail.id), name: detail.name.clone() }
            }
            DetailKind::User => {
                let address = match &detail.data {
                    Data::User(user) => user.address,
                    _ => None,
                };
                Subject::Persons(vec![Person { uid: Uid(detail.id), name: detail.name.clone(), address }])
            }
        });
    }
    let table = model.table(model.pane)?;
    if !table.marked.is_empty() && model.pane == Pane::Users {
        let address = |id: u32| {
            table.lines.iter().find_map(|line| match &line.row {
                Row::User(row) if row.uid.0 == id => Some(row.address),
                _ => None,
            })
        };
        let persons = table.marked.iter();
        let persons =
            persons.map(|(id, name)| Person { uid: Uid(*id), name: name.clone(), address: address(*id) });
        return Some(Subject::Persons(persons.collect()));
    }
    Some(match table.current()? {
        Row::User(row) => Subject::Persons(vec![Person {
            uid: row.uid,
            name: row.nickname.clone(),
            address: Some(row.address),
        }]),
        Row::Strike(row) => {
            Subject::Persons(vec![Person { uid: row.uid, name: row.nickname.clone(), address: None }])
        }
        Row::Room(row) => Subject::Room { id: row.id, name: row.name.clone() },
    })
}

/// Begins an act on what is selected.
pub(super) fn begin(model: &mut Model, act: Act, now: Now) {
    begin_here(model, act, &Said::default(), now);
}

fn begin_here(model: &mut Model, act: Act, said: &Said, now: Now) {
    let subject = match act.concerns() {
        Concerns::Server => Some(Subject::Server),
        Concerns::Anything => Some(
            model
                .subject()
                .filter(|subject| matches!(subject, Subject::Room { .. }))
                .unwrap_or(Subject::Server),
        ),
        Concerns::User => model.subject().filter(|subject| matches!(subject, Subject::Persons(_))),
        Concerns::Room => model.subject().filter(|subject| matches!(subject, Subject::Room { .. })),
        Concerns::Ban => None,
    };
    match subject {
        Some(subject) => open(model, act, subject, said, now),
        None => {
            let name = of_act(act).map_or("", |entry| entry.name);
            let what = match act.concerns() {
                Concerns::Room => "ROOM",
                Concerns::Ban => "NAME or ADDRESS",
                _ => "NAME",
            };
            fail(model, format!("select one first, or name one: :{name} {what}"), now);
        }
    }
}

/// Begins an act on what is named in `text`; the rest of it is the reason or whatever the act wants.
pub(super) fn begin_named(model: &mut Model, act: Act, text: &str, now: Now) {
    let said = match Said::read(act, text) {
        Ok(said) => said,
        Err(error) => return fail(model, error, now),
    };
    let act = match (act, said.option(MEDIA)) {
        (Act::Mute, Some(_)) => Act::MuteMedia,
        (Act::Unmute, Some(_)) => Act::UnmuteMedia,
        _ => act,
    };
    // The name of somebody stands before the rest.
    let split = |known: &[String]| {
        let (name, rest) = named::split_name(&said.words, known);
        (name.to_owned(), Said { words: bare(rest).to_owned(), options: said.options.clone() })
    };
    match act.concerns() {
        Concerns::User | Concerns::Room | Concerns::Ban if said.words.is_empty() => {
            begin_here(model, act, &said, now);
        }
        Concerns::Server | Concerns::Anything => {
            // As in the shell: without a room that is named, the whole server is meant.
            let subject = match said.option(ROOM).map(|name| (name, named::room(model, name))) {
                Some((_, Some(room))) => room,
                Some((name, None)) => return no_room(model, name, now),
                None => Subject::Server,
            };
            let said = Said { words: bare(&said.words).to_owned(), ..said };
            open(model, act, subject, &said, now);
        }
        Concerns::Ban => {
            let (name, said) = split(&[]);
            let target = if network(&name).is_some() {
                BanTarget::Network(name.clone())
            } else {
                BanTarget::User(named::user(&name))
            };
            open(model, act, Subject::Banned { target, name }, &said, now);
        }
        Concerns::Room => {
            let (name, said) = split(&named::known_rooms(model));
            match named::room(model, &name) {
                Some(room) => open(model, act, room, &said, now),
                None => no_room(model, &name, now),
            }
        }
        Concerns::User => {
            if !ready(model, act, now) {
                return;
            }
            let (name, said) = split(&named::known_users(model));
            if act == Act::Ban && network(&name).is_some() {
                return open(model, act, Subject::Network(name), &said, now);
            }
            // The daemon knows who that is; the dialog then shows it.
            model.request(Request::User(named::user(&name)), Pending::Lookup { act, said });
        }
    }
}

fn no_room(model: &mut Model, name: &str, now: Now) {
    fail(model, format!("no room \"{name}\" on the screen; its number would do"), now);
}

/// Goes on with an act once it is known who was meant.
pub(super) fn found(model: &mut Model, act: Act, user: &UserDetail, said: &Said, now: Now) {
    if model.overlay.is_some() {
        // What is pressed next is meant for what lies there; another question must not come between.
        let name = of_act(act).map_or("", |entry| entry.name);
        let text = format!("{name} {}: something else was opened meanwhile; nothing was done", user.nickname);
        return fail(model, text, now);
    }
    let person = Person { uid: user.uid, name: user.nickname.clone(), address: user.address };
    open(model, act, Subject::Persons(vec![person]), said, now);
}

/// Whether acts are possible at all now; says why not.
fn ready(model: &mut Model, act: Act, now: Now) -> bool {
    if !model.connected() {
        fail(model, "not connected: nothing was done".to_owned(), now);
    } else if act.access() > model.access() {
        fail(model, "this console may not do that".to_owned(), now);
    } else {
        return true;
    }
    false
}

/// Asks what has to be asked, or does at once what is harmless.
pub(super) fn open(model: &mut Model, act: Act, subject: Subject, said: &Said, now: Now) {
    if !ready(model, act, now) {
        return;
    }
    let mut dialog = Dialog::new(act, subject, &said.words);
    if let Err(error) = dialog.fill_in(said) {
        return fail(model, error, now);
    }
    if let Some(network) = dialog.network() {
        // It is seen whom else a ban would hit before it is given.
        let window = Window { filter: format!("ip:{network}"), limit: 1, ..Window::default() };
        model.request(Request::Users(window), Pending::Reach { network });
    }
    if dialog.danger() == Danger::Mild {
        confirm(model, &dialog, now);
    } else {
        model.overlay = Some(Overlay::Dialog(dialog));
    }
}

/// Sends what a dialog asks for; what is wrong with it, if something is.
fn confirm(model: &mut Model, dialog: &Dialog, now: Now) -> Option<String> {
    if !ready(model, dialog.act, now) {
        return Some("not possible now".to_owned());
    }
    match dialog.orders() {
        Err(error) => return Some(error),
        Ok(orders) => {
            let wish = model.number();
            for order in orders {
                let text = format!("{}{}", dialog.title(), detail_of(&order));
                send(model, text, wish, order, now);
            }
        }
    }
    if matches!(&dialog.subject, Subject::Persons(persons) if persons.len() > 1) {
        model.users.marked.clear();
    }
    None
}

fn send(model: &mut Model, text: String, wish: u32, order: Order, now: Now) {
    let undo = inverse(&order).map(Box::new);
    let pending = Pending::Order { text, since: now.uptime, done: 0, of: 0, wish, undo };
    model.request(Request::Act(order), pending);
}

/// What takes an order back, if anything does.
fn inverse(order: &Order) -> Option<Order> {
    let reason = "taken back".to_owned();
    match order {
        Order::Ban { target, .. } => Some(Order::Unban { target: target.clone(), reason }),
        Order::Mute { user, media, .. } => Some(Order::Unmute { user: user.clone(), media: *media, reason }),
        Order::LockRoom { room, lockword: Some(_), .. } => {
            Some(Order::LockRoom { room: *room, lockword: None, reason })
        }
        Order::Maintenance { on: true, .. } => Some(Order::Maintenance { on: false, message: reason }),
        _ => None,
    }
}

/// Takes back what was done last, all of it.
pub(super) fn undo(model: &mut Model, now: Now) {
    if !model.connected() {
        return fail(model, "not connected: nothing was done".to_owned(), now);
    }
    let (_, orders) = std::mem::take(&mut model.undo);
    if orders.is_empty() {
        model.toasts.push(Kind::Notice, "there is nothing to take back", now);
    }
    let wish = model.number();
    for (text, order) in orders.into_iter().rev() {
        if order.needs() > model.access() {
            fail(model, "this console may not do that".to_owned(), now);
        } else {
            send(model, format!("Take back: {text}"), wish, order, now);
        }
    }
}

/// What tells an order from others of the same dialog.
fn detail_of(order: &Order) -> String {
    match order {
        Order::Ban { target: BanTarget::Network(network), .. } => format!(" (address {network})"),
        _ => String::new(),
    }
}

fn fail(model: &mut Model, text: String, now: Now) {
    model.toasts.push(Kind::Failed, text, now);
}

/// A key for a dialog.
pub(super) fn dialog_key(model: &mut Model, mut dialog: Dialog, key: KeyEvent, now: Now) {
    let places = dialog.places();
    let cancel = dialog.cancel();
    dialog.error = None;
    match key.code {
        KeyCode::Esc => return,
        KeyCode::Tab | KeyCode::Down => dialog.focus = (dialog.focus + 1) % places,
        KeyCode::BackTab | KeyCode::Up => dialog.focus = (dialog.focus + places - 1) % places,
        KeyCode::Left | KeyCode::Right if dialog.focus >= cancel => {
            dialog.focus = if dialog.focus == cancel { cancel + 1 } else { cancel };
        }
        KeyCode::Enter => return press(model, dialog, now),
        _ => {
            let focus = dialog.focus;
            match dialog.fields.get_mut(focus).map(|field| &mut field.value) {
                Some(Value::Text(input)) => {
                    input.key(key);
                }
                Some(Value::Choice { options, at }) => match key.code {
                    KeyCode::Left => *at = at.saturating_sub(1),
                    KeyCode::Right | KeyCode::Char(' ') => *at = (*at + 1) % options.len().max(1),
                    _ => {}
                },
                // On a button a letter does nothing: it was meant for something else.
                None => {}
            }
        }
    }
    model.overlay = Some(Overlay::Dialog(dialog));
}

/// Enter in a dialog: on Cancel it ends, on the other button it does, in a field it goes on.
pub(super) fn press(model: &mut Model, mut dialog: Dialog, now: Now) {
    let cancel = dialog.cancel();
    if dialog.focus == cancel {
        return;
    }
    if dialog.focus < cancel {
        // From the last field to the button that does it: Cancel has been left on purpose.
        dialog.focus += if dialog.focus + 1 == cancel { 2 } else { 1 };
        model.overlay = Some(Overlay::Dialog(dialog));
        return;
    }
    dialog.error = confirm(model, &dialog, now);
    if dialog.error.is_some() {
        model.overlay = Some(Overlay::Dialog(dialog));
    }
}
