//! Lists that the daemon was asked for, as menus: who is banned, and who has signed out lately.

use crate::control::wire::{BanRow, BanTarget, Target};
use crate::hub::closed::ClosedRow;
use crate::model::{CloseReason, display_safe};

use super::format::{clip, clock, duration, width};
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
    let items = bans.into_iter().map(|ban| {
        let until = ban.until.as_deref().map_or("for good".to_owned(), until);
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
        all => format!("Closed lately: {all}, {lost} without signing out"),
    };
    Picker::new(title, items)
}

/// `text` in exactly so many columns.
fn padded(text: &str, columns: usize, more: &str) -> String {
    let text = clip(&display_safe(text), columns, more);
    let air = columns.saturating_sub(width(&text));
    text + &" ".repeat(air)
}
