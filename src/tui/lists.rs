//! Lists that the daemon was asked for, as menus: who is banned, who has signed out lately, how many have
//! good connections.

use crate::control::wire::{BanRow, BanTarget, QUEUE_CLASSES, Quality, TRIP_CLASSES, Target};
use crate::hub::closed::ClosedRow;
use crate::model::{CloseReason, display_safe};

use super::format::{bytes, clip, clock, count as number, duration, width};
use super::keys::{Act, DetailKind};
use super::model::Model;
use super::picker::{Choice, Item, Picker};

/// An end, as people read it.
fn until(rfc3339: &str) -> String {
    match (rfc3339.get(..10), rfc3339.get(11..16)) {
        (Some(day), Some(time)) => format!("until {day} {time} UTC"),
        _ => format!("until {rfc3339}"),
    }
}

/// The bans in force; taking one asks whether to lift it.
pub(super) fn bans(model: &Model, bans: Vec<BanRow>) -> Picker {
    let may = Act::Unban.access() <= model.access();
    // Where it is narrow, whom it concerns is of more interest than the hour of its end.
    let narrow = model.size.0 < 60;
    let end = |at: &str| if narrow { at.get(..10).unwrap_or(at).to_owned() } else { until(at) };
    let items = bans.into_iter().map(|ban| {
        let until = ban.until.as_deref().map_or("for good".to_owned(), end);
        let place = ban.room.map(|room| format!(" from room {room}")).unwrap_or_default();
        let choice = match ban.scope.as_str() {
            "account" if may => {
                Choice::Unban(BanTarget::User(Target::Nickname(ban.target.clone())), ban.target.clone())
            }
            "address" if may => Choice::Unban(BanTarget::Network(ban.target.clone()), ban.target.clone()),
            _ => Choice::Nothing,
        };
        let label = format!("{}{place}  {}", ban.target, ban.reason);
        Item { label, hint: until, choice }
    });
    let mut items: Vec<Item> = items.collect();
    if items.is_empty() {
        items.push(Item {
            label: "nobody is banned".to_owned(),
            hint: String::new(),
            choice: Choice::Nothing,
        });
    }
    Picker::new("Bans", items)
}

/// Who has signed out lately, and why; taking one shows the account.
pub(super) fn closed(model: &Model, rows: &[ClosedRow]) -> Picker {
    // The reason is what one looks for: where it is narrow, the rest goes first.
    let wide = model.size.0;
    let more = model.glyphs.more;
    let item = |row: &ClosedRow| {
        let (at, reason) = (clock(row.at), row.reason.words());
        let mut label = if wide >= 60 {
            format!("{at}  {}  {}", padded(&row.nickname, 20, more), padded(reason, 20, more))
        } else {
            format!("{} {} {reason}", at.get(..5).unwrap_or_default(), padded(&row.nickname, 10, more))
        };
        if wide >= 78 {
            label += &format!("  after {:>6}", duration(row.connected_seconds));
        }
        if wide >= 110 {
            label += &format!("  {}  {}", padded(&row.address.to_string(), 22, more), row.client);
        }
        let choice = Choice::Go(DetailKind::User, row.uid.0, row.nickname.clone());
        Item { label, hint: String::new(), choice }
    };
    let mut items: Vec<Item> = rows.iter().map(item).collect();
    if items.is_empty() {
        items.push(Item {
            label: "nobody has signed out since the server was started".to_owned(),
            hint: String::new(),
            choice: Choice::Nothing,
        });
    }
    let lost = rows.iter().filter(|row| row.reason != CloseReason::ClientLeft).count();
    let title = match rows.len() {
        0 => "Closed lately".to_owned(),
        all if wide < 60 => format!("Closed lately: {all}"),
        all => format!("Closed lately: {all}, {lost} without signing out"),
    };
    Picker::new(title, items)
}

/// How many have connections of which kind; taking one shows them.
pub(super) fn connections(model: &Model, quality: &Quality) -> Picker {
    let all: u32 = quality.queues.iter().sum();
    let known = all - quality.unknown.min(all);
    // Names and numbers need so much.
    let room = usize::from(model.size.0.saturating_sub(34)).min(50);
    let item = |name: String, count: u32, choice| {
        let part = (u64::from(count) * room as u64).div_ceil(u64::from(all.max(1))) as usize;
        let full = model.glyphs.levels.last().copied().unwrap_or("#");
        let bar = format!("{}{}", full.repeat(part), " ".repeat(room - part.min(room)));
        let label = format!("{} {:>5} {bar}", padded(&name, 16, model.glyphs.more), number(count.into()));
        Item { label, hint: String::new(), choice }
    };
    let line = |label: String| Item { label, hint: String::new(), choice: Choice::Nothing };
    let mut items = vec![line(format!("Round trip, of {}", number(known.into())))];
    let ends = TRIP_CLASSES.map(|end| (u64::from(end), format!("{end} ms")));
    items.extend(
        classes(&ends, "rtt", "ms")
            .zip(quality.trips)
            .map(|((name, filter), count)| item(name, count, Choice::Users(filter))),
    );
    items.extend([line(String::new()), line(format!("Waiting for the client, of {}", number(all.into())))]);
    let ends = QUEUE_CLASSES.map(|end| (end, if end == 1 { "nothing".to_owned() } else { bytes(end) }));
    items.extend(
        classes(&ends, "pending", "")
            .zip(quality.queues)
            .map(|((name, filter), count)| item(name, count, Choice::Users(filter))),
    );
    Picker { selected: 1, ..Picker::new("Connections", items) }
}

/// The names of classes with these ends, and the filters that show who is in them.
fn classes<'a>(
    ends: &'a [(u64, String)],
    field: &'a str,
    unit: &'a str,
) -> impl Iterator<Item = (String, String)> + 'a {
    (0..=ends.len()).map(move |at| {
        let (from, to) = (at.checked_sub(1).and_then(|at| ends.get(at)), ends.get(at));
        let name = match (from, to) {
            (_, Some((1, nothing))) if unit.is_empty() => nothing.clone(),
            (None | Some((1, _)), Some((_, to))) if from.is_none() || unit.is_empty() => {
                format!("below {to}")
            }
            (Some((_, from)), Some(_)) => format!("from {from}"),
            (Some((_, from)), None) => format!("{from} and more"),
            (None, _) => String::new(),
        };
        let from = from.map(|(from, _)| format!("{field}>={from}{unit}"));
        let to = to.map(|(to, _)| format!("{field}<{to}{unit}"));
        (name, from.into_iter().chain(to).collect::<Vec<_>>().join(" "))
    })
}

/// `text` in exactly so many columns.
fn padded(text: &str, columns: usize, more: &str) -> String {
    let text = clip(&display_safe(text), columns, more);
    let air = columns.saturating_sub(width(&text));
    text + &" ".repeat(air)
}
