//! Texts that are made of what is known: help, what was told before, an event; and what is on the screen
//! as a text for a file.

use ratatui::layout::Rect;

use crate::control::wire::Access;
use crate::model::{Now, display_safe};

use super::columns::columns;
use super::detail::event_page;
use super::doc::Doc;
use super::feed::{kind_name, sentence};
use super::format::clock;
use super::keys::{Bindings, Entry, Scope, TABLE, may};
use super::model::Model;
use super::theme::Tone;
use super::toasts::Kind;

/// Where a text stands that lies over the panes, without its frame.
pub(super) fn window(model: &Model) -> Rect {
    let (width, height) = model.size;
    let (wide, high) =
        (width.saturating_sub(4).min(96), height.saturating_sub(if height >= 20 { 4 } else { 2 }));
    Rect {
        x: (width - wide) / 2 + 2,
        y: (height - high) / 2 + 1,
        width: wide.saturating_sub(4),
        height: high.saturating_sub(2),
    }
}

/// The help: every line of the table of actions that counts here, then the others.
pub(super) fn help(model: &Model, width: u16) -> Doc {
    let mut doc = Doc::new(width);
    let (context, access) = (model.context(), model.access());
    let mut scopes: Vec<Scope> = Vec::new();
    for entry in TABLE.iter().filter(|entry| may(entry.action, access)) {
        if !scopes.contains(&entry.scope) {
            scopes.push(entry.scope);
        }
    }
    // What counts where one is comes first; what counts everywhere after it.
    scopes.sort_by_key(|scope| (!context.has(*scope), *scope == Scope::Everywhere));
    for scope in scopes {
        let here = if context.has(scope) { "" } else { " (elsewhere)" };
        doc.heading(&format!("{}{here}", scope.title()));
        for entry in TABLE.iter().filter(|entry| entry.scope == scope && may(entry.action, access)) {
            line(&mut doc, entry, &model.settings.keys);
        }
    }
    doc.heading("Filters");
    for (example, meaning) in [
        ("bob", "rows that name bob"),
        ("!bob", "rows that do not"),
        ("room:lobby", "a field that holds a word"),
        ("strikes>1", "numbers; also < >= <= ="),
        ("idle>10m", "times"),
        ("ip:10.0.0.0/8", "addresses of a network"),
        ("away or idle>1h", "either; side by side means both"),
    ] {
        doc.field(example, meaning, Tone::Text);
    }
    doc.heading("You");
    let text = match access {
        Access::Observer => "You may look. Nothing here changes anything on the server.",
        Access::Moderator => "You may look and keep order.",
        Access::Operator => "You may do everything. All of it is written to the audit log with your name.",
    };
    doc.text(text, Tone::Text);
    doc
}

fn line(doc: &mut Doc, entry: &Entry, bindings: &Bindings) {
    let keys: Vec<String> = bindings.of(entry).iter().map(|key| key.name()).collect();
    let keys = if keys.is_empty() { format!(":{}", entry.name) } else { keys.join(" ") };
    doc.field(&keys, entry.help, Tone::Text);
}

/// What was told since the start, newest first.
pub(super) fn notices(model: &Model, width: u16) -> Doc {
    let mut doc = Doc::new(width);
    if model.toasts.history.is_empty() {
        doc.text("Nothing was told yet. What is done, and what fails, is kept here.", Tone::Dim);
    }
    for toast in model.toasts.history.iter().rev() {
        let (sign, tone) = match toast.kind {
            Kind::Done => ("done", Tone::Good),
            Kind::Notice => ("note", Tone::Text),
            Kind::Failed => ("failed", Tone::Bad),
        };
        let mut label = format!("{} {sign}", clock(toast.at));
        for line in toast.text.lines() {
            doc.field(&std::mem::take(&mut label), line, tone);
        }
    }
    doc
}

/// The selected event.
pub(super) fn event(model: &Model, width: u16) -> Doc {
    match model.feed.current() {
        Some(entry) => event_page(entry, width),
        None => Doc::new(width),
    }
}

/// What is shown, as a text: a page as it is, a table with tabs between its columns.
pub(super) fn dump(model: &Model, now: Now) -> String {
    let server = model.hello.as_ref().map_or("", |hello| hello.server.as_str());
    let mut text = format!("# {} · {} · {}\n", display_safe(server), model.pane.title(), now.wall.utc());
    if let Some(detail) = model.details.last() {
        text += &detail.doc(100, model.detail_gone).to_text();
    } else if let Some(table) = model.table(model.pane) {
        let columns = columns(model.pane);
        let heads: Vec<&str> = columns.iter().map(|column| column.title).collect();
        text += &(heads.join("\t") + "\n");
        for line in &table.lines {
            let cells: Vec<String> =
                columns.iter().map(|column| display_safe(&column.cell(line, model.glyphs).0)).collect();
            text += &(cells.join("\t") + "\n");
        }
    } else if model.pane == super::model::Pane::Activity {
        let shown: Vec<_> = model.feed.shown().collect();
        for entry in shown.into_iter().rev() {
            let line = [entry.at.rfc3339(), kind_name(entry.kind), sentence(entry)];
            text += &(display_safe(&line.join("  ")) + "\n");
        }
    } else if let Some(sample) = model.metrics.last() {
        for metric in super::metrics::METRICS {
            text += &format!("{}\t{}\n", metric.name, (metric.show)((metric.value)(sample)));
        }
    }
    text
}
