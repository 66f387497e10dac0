//! What the daemon says, and what it changes.

use crate::control::wire::{Refusal, Reply, ServerHello, ServerMessage, Status, Target, Update, View};
use crate::model::{Now, RoomId, Uid};

use super::detail::Data;
use super::keys::DetailKind;
use super::lists;
use super::model::{Link, LinkEvent, Model, Overlay, Pane, Pending, Slot};
use super::table::Need;
use super::toasts::Kind;

/// Events that are asked for at the beginning.
const EVENTS: u32 = 1000;

/// Takes in what the connection tells.
pub(super) fn link(model: &mut Model, event: LinkEvent, now: Now) {
    match event {
        LinkEvent::Connecting => model.link = Link::Connecting,
        LinkEvent::Connected(hello) => connected(model, hello, now),
        LinkEvent::Disconnected { why, retry_in } => {
            // What was under way may have been done or not; nobody will tell any more.
            for pending in std::mem::take(&mut model.pending).into_values() {
                if let Pending::Order { text, .. } = pending {
                    let text = format!("{text}: the connection was lost before the answer came");
                    model.toasts.push(Kind::Failed, text, now);
                }
            }
            model.forget_requests();
            model.link = Link::Waiting { why, retry_at: retry_in.map(|wait| now.uptime + wait) };
        }
        LinkEvent::Message(message) => {
            model.heard = now.uptime;
            self::message(model, message, now);
        }
    }
}

fn connected(model: &mut Model, hello: ServerHello, now: Now) {
    model.forget_requests();
    model.link = Link::Connected;
    model.heard = now.uptime;
    if let Some(before) = model.hello.take() {
        if before.epoch != hello.epoch {
            let versions = if before.version == hello.version {
                hello.version.clone()
            } else {
                format!("{} → {}", before.version, hello.version)
            };
            model.feed.clear();
            model.seen = 0;
            model.toasts.push(Kind::Notice, format!("daemon restarted ({versions})"), now);
        } else {
            model.toasts.push(Kind::Notice, "connected again", now);
        }
    }
    model.hello = Some(hello);
    model.watch(Slot::Status, View::Status, None);
    model.watch(Slot::Metrics, View::Metrics, None);
    model.watch(Slot::Activity, View::Activity(EVENTS), None);
    watch_table(model, None);
    watch_detail(model);
}

/// Watches the table of the pane one is in, and no other one.
pub(super) fn watch_table(model: &mut Model, filter: Option<String>) {
    for pane in Pane::ALL {
        if pane != model.pane {
            model.unwatch(Slot::Table(pane));
        }
    }
    let rows = model.regions().rows();
    let (pane, connected) = (model.pane, model.connected());
    let Some(table) = model.table_mut(pane) else { return };
    table.resize(rows.into());
    if connected {
        let view = table.view(filter.as_deref());
        model.watch(Slot::Table(pane), view, filter);
    }
}

/// Watches the user or room of the page one is on.
pub(super) fn watch_detail(model: &mut Model) {
    model.unwatch(Slot::Detail);
    model.detail_gone = false;
    if !model.connected() {
        return;
    }
    let view = model.details.last().map(|detail| match detail.kind {
        DetailKind::User => View::User(Uid(detail.id)),
        DetailKind::Room => View::Room(RoomId(detail.id)),
    });
    if let Some(view) = view {
        model.watch(Slot::Detail, view, None);
    }
}

/// Asks for another window if the table needs one.
pub(super) fn satisfy(model: &mut Model, pane: Pane, need: Need) {
    let waits = !model.connected() || model.paused.is_some() || model.awaits(Slot::Table(pane));
    let Some(table) = model.table_mut(pane) else { return };
    match need {
        Need::Nothing => table.asked = 0,
        Need::Window if waits || table.asked > 3 => {}
        Need::Window => {
            table.asked += 1;
            let view = table.view(None);
            model.watch(Slot::Table(pane), view, None);
        }
    }
}

fn message(model: &mut Model, message: ServerMessage, now: Now) {
    match message {
        // The connection has read that one itself.
        ServerMessage::Hello(_) => {}
        ServerMessage::Reply { id, result } => {
            if let Some(pending) = model.pending.remove(&id) {
                reply(model, pending, result, now);
            }
        }
        ServerMessage::Progress { id, done: steps, of: all } => {
            if let Some(Pending::Order { done, of, .. }) = model.pending.get_mut(&id) {
                (*done, *of) = (steps, all);
            }
        }
        ServerMessage::Update { view, update, .. } => {
            let Some(watched) = model.views.get(&view).cloned() else { return };
            if !watched.live {
                first_update(model, view);
            }
            self::update(model, watched.slot, update, now);
            next_filter(model, watched.slot);
        }
        ServerMessage::Goodbye(why) => model.toasts.push(Kind::Notice, format!("the daemon: {why}"), now),
    }
}

/// Asks for the filter that was typed meanwhile.
fn next_filter(model: &mut Model, slot: Slot) {
    let Slot::Table(pane) = slot else { return };
    if pane == model.pane
        && !model.tries_filter(pane)
        && let Some(filter) = model.table_mut(pane).and_then(|table| table.next_filter.take())
    {
        watch_table(model, Some(filter));
    }
}

/// The first update of a view puts it in the place of the one before.
fn first_update(model: &mut Model, view: u32) {
    let Some(watched) = model.views.get_mut(&view) else { return };
    watched.live = true;
    let (slot, filter) = (watched.slot, watched.filter.take());
    if let (Slot::Table(pane), Some(filter)) = (slot, filter)
        && let Some(table) = model.table_mut(pane)
    {
        table.filter = filter;
        table.filter_error = None;
    }
    // A newer one may already be on its way; that one stays.
    let older: Vec<u32> =
        model.views.iter().filter(|(_, of)| of.slot == slot && of.live).map(|(view, _)| *view).collect();
    for old in older.into_iter().filter(|old| *old != view) {
        model.drop_view(old);
    }
}

fn update(model: &mut Model, slot: Slot, update: Update, now: Now) {
    let frozen = model.paused.is_some() && matches!(slot, Slot::Table(_) | Slot::Detail);
    if frozen {
        model.paused = model.paused.map(|skipped| skipped + 1);
        return;
    }
    let live = model.paused.is_none();
    match (slot, update) {
        (Slot::Table(pane), Update::Page(page)) => {
            if let Some(table) = model.table_mut(pane) {
                let need = table.replace(page, now);
                satisfy(model, pane, need);
            }
        }
        (Slot::Table(pane), Update::Change(change)) => {
            if let Some(table) = model.table_mut(pane) {
                let need = table.change(change, now);
                satisfy(model, pane, need);
            }
        }
        (_, Update::Activity { entries, missed }) => {
            model.feed.push(entries, missed);
            if model.seen == 0 || model.pane == Pane::Activity {
                model.seen = model.feed.newest();
            }
        }
        (_, Update::Status(status)) => {
            alert(model, &status, now);
            model.status = Some(*status);
            let pane = model.pane;
            if let Some(table) = model.table_mut(pane).filter(|_| live) {
                table.look(now);
            }
        }
        (_, Update::History { seconds, minutes }) => model.metrics.replace(seconds, minutes),
        (_, Update::Metrics(sample, performance)) => model.metrics.push(sample, *performance),
        (Slot::Detail, Update::User(user)) => show_user(model, user),
        (Slot::Detail, Update::Room(room)) => {
            model.detail_gone = room.is_none();
            if let (Some(room), Some(detail)) = (room, model.details.last_mut())
                && detail.kind == DetailKind::Room
                && detail.id == room.row.id.0
            {
                detail.name = room.row.name.clone();
                detail.data = Data::Room(room);
            }
        }
        _ => {}
    }
}

fn show_user(model: &mut Model, user: Option<Box<crate::control::wire::UserDetail>>) {
    let Some(detail) = model.details.last_mut().filter(|detail| detail.kind == DetailKind::User) else {
        return;
    };
    match user {
        Some(user) if user.uid.0 == detail.id => {
            detail.name = user.nickname.clone();
            model.detail_gone = false;
            detail.data = Data::User(user);
        }
        Some(_) => {}
        None if matches!(detail.data, Data::Awaited) => {
            // Not signed in, but the account is there.
            let uid = detail.id;
            model
                .request(crate::control::wire::Request::User(Target::Uid(Uid(uid))), Pending::Absent { uid });
        }
        None => model.detail_gone = true,
    }
}

fn reply(model: &mut Model, pending: Pending, result: Result<Reply, Refusal>, now: Now) {
    match (pending, result) {
        (Pending::Watch { .. }, Ok(_)) => {}
        (Pending::Watch { view }, Err(refusal)) => {
            let Some(watched) = model.views.remove(&view) else { return };
            match (watched.slot, watched.filter) {
                (Slot::Table(pane), Some(_)) => {
                    if let Some(table) = model.table_mut(pane) {
                        table.filter_error = Some(refusal.text);
                    }
                    next_filter(model, watched.slot);
                }
                (Slot::Detail, _) => model.detail_gone = true,
                _ => model.toasts.push(Kind::Failed, refusal.text, now),
            }
        }
        (Pending::Order { text, wish, undo, .. }, Ok(Reply::Done(what))) => {
            let mut told = if what.is_empty() { format!("{text}: done") } else { what };
            if let Some(order) = undo {
                told += "; u takes it back";
                if model.undo.0 != wish {
                    model.undo = (wish, Vec::new());
                }
                model.undo.1.push((text, *order));
            }
            model.toasts.push(Kind::Done, told, now);
        }
        (Pending::Reach { network }, Ok(Reply::Page(page))) => {
            if let Some(Overlay::Dialog(dialog)) = &mut model.overlay
                && dialog.network() == Some(network)
            {
                dialog.reach = Some(page.matched);
            }
        }
        // It was a help; without it the dialog works as well.
        (Pending::Reach { .. }, _) => {}
        (Pending::Order { text, .. }, Ok(_)) => model.toasts.push(Kind::Done, format!("{text}: done"), now),
        (Pending::Order { text, .. }, Err(refusal)) => {
            model.toasts.push(Kind::Failed, format!("{text}: {}", refusal.text), now);
        }
        (Pending::Lookup { act, said }, Ok(Reply::User(user))) => {
            super::acting::found(model, act, &user, &said, now);
        }
        (Pending::Absent { uid }, Ok(Reply::User(user))) => {
            if let Some(detail) = model.details.last_mut().filter(|detail| detail.id == uid) {
                detail.name = user.nickname.clone();
                detail.data = Data::User(user);
            }
        }
        // Whoever does something else by now is not to be disturbed.
        (Pending::Bans | Pending::Quality | Pending::Closed, Ok(_)) if model.overlay.is_some() => {}
        (Pending::Bans, Ok(Reply::Bans(bans))) => {
            model.overlay = Some(Overlay::Menu(lists::bans(model, bans)));
        }
        (Pending::Quality, Ok(Reply::Quality(quality))) => {
            model.overlay = Some(Overlay::Menu(lists::connections(model, &quality)));
        }
        (Pending::Closed, Ok(Reply::Closed(closed))) => {
            model.overlay = Some(Overlay::Menu(lists::closed(model, &closed)));
        }
        (_, Ok(_)) => {}
        (_, Err(refusal)) => model.toasts.push(Kind::Failed, refusal.text, now),
    }
}

/// Tells when the server's state has got worse, or well again. How much of something is left changes all
/// the time: not each new figure is news.
fn alert(model: &mut Model, status: &Status, now: Now) {
    let before = model.status.as_ref().map_or(("ok", 0), |it| (it.health.as_str(), it.health_reasons.len()));
    let after = (status.health.as_str(), status.health_reasons.len());
    if before == after {
        return;
    }
    let why = status.health_reasons.join("; ");
    let (kind, text) = match status.health.as_str() {
        "ok" if why.is_empty() => (Kind::Notice, "the server is well again".to_owned()),
        "ok" => (Kind::Notice, why),
        "maintenance" => (Kind::Notice, why),
        // Somebody wanted that.
        _ if why.starts_with("stopping") => (Kind::Notice, why),
        health => (Kind::Failed, format!("{health}: {why}")),
    };
    model.toasts.push(kind, text, now);
}
