//! What the screen looks like: a function of what is known, and of nothing else.

use std::time::Duration;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::model::Now;

use super::format::{bytes, count, duration, percent, rate};
use super::keys::{Action, available};
use super::layout::Regions;
use super::metrics::METRICS;
use super::model::{Link, Model, Pane, PromptKind};
use super::paint::{Hit, Painter};
use super::{gauges, overlays, panes, tables};

/// Draws everything.
pub(super) fn view(model: &Model, frame: &mut Frame<'_>, now: Now) {
    draw(model, frame.buffer_mut(), now);
}

/// Draws everything into `buffer`, and says what a click means where.
pub(super) fn draw(model: &Model, buffer: &mut Buffer, now: Now) -> Vec<(Rect, Hit)> {
    // The terminal may have another size already than the last event said.
    let (width, height) = (buffer.area.width.min(model.size.0), buffer.area.height.min(model.size.1));
    let mut painter = Painter { buffer, theme: model.theme(), glyphs: model.glyphs, hits: Vec::new() };
    let regions = model.regions();
    if regions == Regions::default() || width < model.size.0 || height < model.size.1 {
        let text = format!("too small: {}x{} needed", super::layout::LEAST.0, super::layout::LEAST.1);
        let style = painter.theme.text;
        painter.text(0, 0, width, &text, style);
        return painter.hits;
    }
    header(&mut painter, model, regions.header, now);
    tabs(&mut painter, model, regions.tabs);
    body(&mut painter, model, &regions);
    footer(&mut painter, model, regions.footer, now);
    overlays::toasts(&mut painter, model, &regions, now);
    overlays::draw(&mut painter, model);
    painter.hits
}

fn body(painter: &mut Painter<'_>, model: &Model, regions: &Regions) {
    if let Some(detail) = model.details.last() {
        panes::detail(painter, model, detail, regions.body);
    } else {
        match (model.table(model.pane), model.pane) {
            (Some(table), _) => tables::draw(painter, model, table, regions.body),
            (None, Pane::Metrics) => gauges::metrics(painter, model, regions.body),
            (None, _) => panes::activity(painter, model, regions.body),
        }
        if regions.side.width > 0 {
            panes::side(painter, model, regions.side);
        }
        if regions.strip.height > 0 {
            panes::strip(painter, model, regions.strip);
        }
    }
    if !model.connected() && model.hello.is_some() {
        // What is old looks old.
        let style = painter.theme.stale;
        let totals = Rect { y: regions.header.y + 1, height: regions.header.height - 1, ..regions.header };
        for area in [totals, regions.body, regions.side, regions.strip] {
            painter.style(area, style);
        }
    }
}

/// The state of the connection in words, and how it looks.
fn connection(painter: &Painter<'_>, model: &Model, now: Now) -> (String, Style) {
    let (glyphs, theme) = (painter.glyphs, painter.theme);
    match &model.link {
        Link::Connected => (format!("{} connected", glyphs.dot), theme.good),
        Link::Connecting => (format!("{} connecting…", glyphs.ring), theme.warn),
        // Why stands at the end, where it may be cut off; the footer knows the key.
        Link::Waiting { retry_at, .. } => {
            let retry = match retry_at {
                Some(at) => {
                    let left = at.saturating_sub(now.uptime) + Duration::from_millis(999);
                    format!(", again in {}s", left.as_secs())
                }
                None => String::new(),
            };
            (format!("{} offline{retry}", glyphs.failed), theme.bad)
        }
    }
}

fn header(painter: &mut Painter<'_>, model: &Model, area: Rect, now: Now) {
    let theme = painter.theme;
    let mut badges: Vec<String> = Vec::new();
    // How a daemon is that does not answer, nobody knows.
    let status = model.status.as_ref().filter(|_| model.connected());
    if let Some(status) = status.filter(|status| !matches!(status.health.as_str(), "ok" | "")) {
        badges.push(format!(" {} {} ", painter.glyphs.warning, status.health.to_uppercase()));
    }
    if let Some(skipped) = model.paused {
        let skipped = skipped + model.feed.waiting() as u64;
        badges.push(if skipped == 0 {
            " PAUSED ".to_owned()
        } else {
            format!(" PAUSED +{} ", count(skipped))
        });
    }
    if model.hello.is_some() && model.access() == crate::control::wire::Access::Observer {
        badges.push(" READ-ONLY ".to_owned());
    }
    let mut right = area.right();
    for badge in &badges {
        let columns = painter.columns(badge);
        right = right.saturating_sub(columns).max(area.x);
        painter.text(right, area.y, columns, badge, theme.badge);
        right = right.saturating_sub(1).max(area.x);
    }
    let room = right.saturating_sub(area.x);
    let name = model.hello.as_ref().map_or("paltalkd", |hello| hello.server.as_str());
    let (state, state_style) = connection(painter, model, now);
    let mut pieces = vec![(name.to_owned(), theme.accent)];
    if let Some(hello) = &model.hello {
        pieces.push((format!("  {}", hello.version), theme.dim));
    }
    if let Some(status) = &model.status {
        pieces.push((format!("  up {}", duration(status.uptime_seconds)), theme.dim));
    }
    pieces.push((format!("  {state}"), state_style));
    if !model.connected() && model.hello.is_some() {
        let age = now.uptime.saturating_sub(model.heard).as_secs();
        pieces.push((format!("  data {} old", duration(age)), theme.warn));
    }
    if let Link::Waiting { why, .. } = &model.link {
        pieces.push((format!("  {why}"), theme.dim));
    }
    if model.feed.missed > 0 {
        pieces.push((format!("  {} events missed", count(model.feed.missed)), theme.warn));
    }
    if let Some((first, others)) = status.and_then(|status| status.health_reasons.split_first()) {
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        pieces.push((format!("  {} {first}{more}", painter.glyphs.warning), theme.warn));
    }
    // Where it is narrow, the version and the uptime go first, and then the name: one knows where one is, but
    // not how long the daemon has been away.
    let needed = |pieces: &[(String, Style)]| -> u16 {
        pieces.iter().fold(0, |sum, (text, _)| sum.saturating_add(painter.columns(text)))
    };
    let is_state = |piece: &(String, Style)| piece.0.contains(&state);
    while !pieces.get(1).is_none_or(is_state) && needed(&pieces) > room {
        pieces.remove(1);
    }
    let told = if model.connected() { 2 } else { 3 };
    if pieces.get(..told).is_some_and(|first| needed(first) > room) {
        pieces.remove(0);
        if let Some((first, _)) = pieces.first_mut() {
            *first = first.trim_start().to_owned();
        }
    }
    let pieces: Vec<(&str, Style)> = pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect();
    painter.line(area.x, area.y, room, &pieces);
    if area.height > 1 {
        totals(painter, model, Rect { y: area.y + 1, height: 1, ..area });
    }
}

fn totals(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let Some(status) = &model.status else { return };
    let theme = painter.theme;
    let facts = [
        (count(status.users_online), "users"),
        (format!("{}/{}", count(status.rooms_open), count(status.rooms_total)), "rooms"),
        (rate(status.messages_per_second), "msg/s"),
        (count(status.voice_streams), "speaking"),
        (percent(status.cpu_percent), "cpu"),
        (bytes(status.memory_bytes), "memory"),
        (count(status.connections), "connections"),
        (count(status.peak_users), "peak"),
        (count(status.users_away), "away"),
        (count(status.offline_messages_pending), "messages waiting"),
    ];
    let mut x = area.x;
    for (value, name) in &facts {
        let width = painter.columns(value).max(4) + 1 + painter.columns(name);
        if x + width > area.right() {
            break;
        }
        // Each number has its own place: nothing moves when it gets longer.
        let columns = painter.columns(value).max(4);
        let lead = if x == area.x { painter.columns(value) } else { columns };
        painter.right(x, area.y, lead, value, theme.strong);
        x += lead + 1;
        x += painter.text(x, area.y, area.right() - x, name, theme.dim) + 2;
    }
    // What is left breathes with the server.
    let left = area.right().saturating_sub(x + 1).min(40);
    if left >= 8
        && let Some(metric) = METRICS.first()
    {
        let series = model.metrics.series(metric, 60, left);
        let style = theme.accent.remove_modifier(Modifier::BOLD);
        painter.sparkline(Rect { x: area.right() - left, width: left, ..area }, &series, style);
    }
}

fn tabs(painter: &mut Painter<'_>, model: &Model, area: Rect) {
    let theme = painter.theme;
    let alarms = model.feed.warnings_since(model.seen);
    let full = area.width >= 52;
    let mut x = area.x;
    for (number, pane) in (1..).zip(Pane::ALL) {
        let here = model.pane == pane;
        let title = if full || here { format!("{number} {}", pane.title()) } else { number.to_string() };
        let style = if here { theme.accent.add_modifier(Modifier::UNDERLINED) } else { theme.dim };
        let start = x;
        x += painter.text(x, area.y, area.right().saturating_sub(x), &title, style);
        if pane == Pane::Activity && alarms > 0 && !here {
            let text = format!(" {}{}", painter.glyphs.warning, count(alarms as u64));
            x += painter.text(x, area.y, area.right().saturating_sub(x), &text, theme.warn);
        }
        painter.hit(Rect { x: start, y: area.y, width: x - start, height: 1 }, Hit::Tab(pane));
        x += 3;
    }
    if model.zoom && full {
        painter.right(x, area.y, area.right().saturating_sub(x), "zoom", theme.dim);
    }
}

fn footer(painter: &mut Painter<'_>, model: &Model, area: Rect, now: Now) {
    let theme = painter.theme;
    if let Some(prompt) = &model.prompt {
        let sign = match prompt.kind {
            PromptKind::Filter => "filter ",
            PromptKind::Search => "find ",
        };
        let start = painter.line(area.x, area.y, area.width, &[(sign, theme.accent)]);
        let error = match model.table(model.pane) {
            _ if prompt.kind == PromptKind::Search => None,
            Some(table) => table.filter_error.clone(),
            None => model.feed.filter_error.clone(),
        };
        let help = match (&error, prompt.kind, model.pane) {
            (Some(error), ..) => format!("{} {error}", painter.glyphs.warning),
            (None, PromptKind::Search, _) => "Enter finds, n and N go on".to_owned(),
            (None, _, Pane::Activity) => "kind:kick or kind:ban user:bob room:lobby !word".to_owned(),
            (None, _, Pane::Rooms) => "lobby members>5 locked:yes !private:yes".to_owned(),
            (None, ..) => "bob room:lobby strikes>1 idle>10m ip:10.0.0.0/8 !word".to_owned(),
        };
        let room = area.right().saturating_sub(start);
        let typed = painter.columns(prompt.input.text()) + 1;
        overlays::input(painter, &prompt.input, start, area.y, room, "");
        let left = room.saturating_sub(typed + 2);
        if left >= 12 || error.is_some() {
            let style = if error.is_some() { theme.bad } else { theme.dim };
            painter.right(start + typed.min(room) + 2, area.y, left, &help, style);
        }
        return;
    }
    if model.busy() {
        let text = overlays::under_way(painter, model, now);
        if !text.is_empty() {
            painter.text(area.x, area.y, area.width, &text, theme.warn);
            return;
        }
    }
    let mut x = area.x;
    let mut hints: Vec<(String, &str, Action)> = Vec::new();
    let connected = model.connected();
    if let Link::Waiting { retry_at: Some(_), .. } = model.link {
        hints.push(("r".to_owned(), "connect now", Action::Retry));
    }
    // What cannot be done is not offered.
    let possible = |action: Action| connected || !matches!(action, Action::Act(_) | Action::Menu);
    for entry in available(model.context(), model.access())
        .filter(|entry| !entry.hint.is_empty() && possible(entry.action))
    {
        if let Some(key) = model.settings.keys.of(entry).first() {
            hints.push((key.name(), entry.hint, entry.action));
        }
    }
    // Help is promised whatever room there is.
    let help = hints.iter().position(|(.., action)| *action == Action::Help).map(|at| hints.remove(at));
    let columns = |painter: &Painter<'_>, (key, hint, _): &(String, &str, Action)| {
        painter.columns(key) + painter.columns(hint) + 3
    };
    let mut room = area.width.saturating_sub(help.as_ref().map_or(0, |help| columns(painter, help)));
    let mut shown: Vec<_> = Vec::new();
    for hint in hints {
        let wide = columns(painter, &hint);
        if wide > room {
            break;
        }
        room -= wide;
        shown.push(hint);
    }
    for (key, hint, action) in shown.into_iter().chain(help) {
        let start = x;
        x += painter.text(x, area.y, area.right().saturating_sub(x), &key, theme.accent) + 1;
        x += painter.text(x, area.y, area.right().saturating_sub(x), hint, theme.dim);
        painter.hit(Rect { x: start, y: area.y, width: x - start, height: 1 }, Hit::Action(action));
        x += 2;
    }
}
