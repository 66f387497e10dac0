//! The columns of the tables: what stands in them, how wide they are, and which go first where it is
//! narrow. A column is as wide as the screen allows, never as its contents: nothing jumps.

use crate::model::Status;

use super::format::{count, duration, rate, short_bytes};
use super::model::Pane;
use super::table::{Line, Row};
use super::theme::{Glyphs, Tone};

/// One column.
#[derive(Debug)]
pub(super) struct Column {
    /// The daemon's name for it, for sorting.
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    /// Its least width.
    pub(super) width: u16,
    /// How much wider it may grow.
    pub(super) grows: u16,
    /// Whether it is a number and stands to the right.
    pub(super) right: bool,
    /// Columns with a higher number leave first where it is narrow.
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
}

impl Column {
    /// What stands in it for `line`.
    pub(super) fn cell(&self, line: &Line, glyphs: &Glyphs) -> (String, Tone) {
        (self.cell)(line, glyphs)
    }
}

const fn left(
    key: &'static str,
    title: &'static str,
    width: u16,
    grows: u16,
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
) -> Column {
    Column { key, title, width, grows, right: false, rank, cell }
}

const fn right(
    key: &'static str,
    title: &'static str,
    width: u16,
    rank: u8,
    cell: fn(&Line, &Glyphs) -> (String, Tone),
) -> Column {
    Column { key, title, width, grows: 0, right: true, rank, cell }
}

/// The columns of a pane, in their order on the screen.
pub(super) fn columns(pane: Pane) -> &'static [Column] {
    match pane {
        Pane::Users => USERS,
        Pane::Rooms => ROOMS,
        Pane::Strikes => STRIKES,
        Pane::Activity | Pane::Metrics => &[],
    }
}

/// Space between two columns.
const GAP: u16 = 2;

/// The columns of a pane that fit into `width`, with where each begins and how wide it is.
pub(super) fn fitting(pane: Pane, width: u16) -> Vec<(&'static Column, u16, u16)> {
    let all = columns(pane);
    let mut ranks: Vec<&Column> = all.iter().collect();
    ranks.sort_by_key(|column| column.rank);
    let mut used = 0;
    let mut worst = None;
    for column in ranks {
        let more = column.width + if used == 0 { 0 } else { GAP };
        if used > 0 && used + more > width {
            break;
        }
        used += more;
        worst = Some(column.rank);
    }
    let shown: Vec<&Column> = all.iter().filter(|column| Some(column.rank) <= worst).collect();
    let mut spare = width.saturating_sub(used);
    let mut x = 0;
    // The wish of the first is heard first, then that of the others.
    shown
        .into_iter()
        .map(|column| {
            let more = column.grows.min(spare);
            spare -= more;
            let wide = (column.width + more).min(width.saturating_sub(x));
            let place = (column, x, wide);
            x += wide + GAP;
            place
        })
        .collect()
}

macro_rules! cell {
    ($kind:ident, $row:ident, $line:ident, $glyphs:ident => $value:expr) => {
        |$line, $glyphs| {
            let _ = ($line, $glyphs);
            match &$line.row {
                Row::$kind($row) => {
                    let _ = $row;
                    $value
                }
                _ => (String::new(), Tone::Text),
            }
        }
    };
}

/// A number that is of interest only where it is not zero.
fn quiet(value: u64, text: String) -> (String, Tone) {
    (text, if value == 0 { Tone::Dim } else { Tone::Text })
}

fn per_second(rate: Option<f64>) -> (String, Tone) {
    match rate {
        Some(value) if value >= 1.0 => (short_bytes(value as u64), Tone::Text),
        Some(_) => ("0".to_owned(), Tone::Dim),
        None => (String::new(), Tone::Dim),
    }
}

/// A status by glyph and word.
pub(super) fn status(status: Status, glyphs: &Glyphs) -> (String, Tone) {
    match status {
        Status::Online => (format!("{} online", glyphs.dot), Tone::Good),
        Status::Away => (format!("{} away", glyphs.ring), Tone::Warn),
        Status::Dnd => (format!("{} dnd", glyphs.failed), Tone::Bad),
        Status::Invisible => (format!("{} hidden", glyphs.gap), Tone::Dim),
    }
}

/// Strikes and stage, from harmless to alarming.
fn alarm(value: u64, high: u64) -> Tone {
    match value {
        0 => Tone::Dim,
        _ if value < high => Tone::Warn,
        _ => Tone::Bad,
    }
}

const USERS: &[Column] = &[
    left(
        "nickname",
        "Name",
        14,
        14,
        0,
        cell!(User, row, line, glyphs => {
            let staff = !row.roles.is_empty();
            (row.nickname.clone(), if staff { Tone::Accent } else { Tone::Text })
        }),
    ),
    right("uid", "Id", 9, 5, cell!(User, row, line, glyphs => (row.uid.to_string(), Tone::Dim))),
    left("status", "State", 8, 0, 1, cell!(User, row, line, glyphs => status(row.status, glyphs))),
    left("client", "Client", 6, 0, 8, cell!(User, row, line, glyphs => (row.client.clone(), Tone::Dim))),
    right(
        "rooms",
        "Rooms",
        5,
        4,
        cell!(User, row, line, glyphs => {
            quiet(row.rooms.len() as u64, row.rooms.len().to_string())
        }),
    ),
    left(
        "address",
        "Address",
        15,
        12,
        6,
        cell!(User, row, line, glyphs => (row.address.to_string(), Tone::Text)),
    ),
    right(
        "connected_seconds",
        "Online",
        6,
        3,
        cell!(User, row, line, glyphs => {
            (duration(row.connected_seconds), Tone::Text)
        }),
    ),
    right(
        "idle_seconds",
        "Idle",
        6,
        2,
        cell!(User, row, line, glyphs => {
            (duration(row.idle_seconds), if row.idle_seconds < 60 { Tone::Dim } else { Tone::Text })
        }),
    ),
    right(
        "bytes_in",
        "In/s",
        5,
        9,
        cell!(User, row, line, glyphs => per_second(line.rates.map(|[first, _]| first))),
    ),
    right(
        "bytes_out",
        "Out/s",
        5,
        10,
        cell!(User, row, line, glyphs => per_second(line.rates.map(|[_, second]| second))),
    ),
    right(
        "pending_bytes",
        "Queue",
        5,
        11,
        cell!(User, row, line, glyphs => {
            let tone = if row.pending_bytes < 64 << 10 { Tone::Dim } else { Tone::Warn };
            (short_bytes(row.pending_bytes), tone)
        }),
    ),
    right(
        "messages",
        "Msgs",
        5,
        12,
        cell!(User, row, line, glyphs => quiet(row.messages, count(row.messages))),
    ),
    left(
        "strikes",
        "Strikes",
        7,
        4,
        7,
        cell!(User, row, line, glyphs => {
            if row.muted_seconds > 0 {
                (format!("{} muted", glyphs.warning), Tone::Bad)
            } else if row.strikes > 0 {
                (format!("{} {}", glyphs.warning, row.strikes), alarm(row.strikes.into(), 2))
            } else {
                (glyphs.gap.to_owned(), Tone::Dim)
            }
        }),
    ),
];

const ROOMS: &[Column] = &[
    left("name", "Room", 18, 22, 0, cell!(Room, row, line, glyphs => (row.name.clone(), Tone::Text))),
    right("id", "Id", 6, 6, cell!(Room, row, line, glyphs => (row.id.to_string(), Tone::Dim))),
    left(
        "category",
        "Category",
        12,
        8,
        5,
        cell!(Room, row, line, glyphs => (row.category.clone(), Tone::Text)),
    ),
    left("rating", "Rating", 6, 0, 8, cell!(Room, row, line, glyphs => (row.rating.to_string(), Tone::Dim))),
    right(
        "members",
        "Members",
        7,
        1,
        cell!(Room, row, line, glyphs => {
            quiet(row.members.into(), count(row.members.into()))
        }),
    ),
    right(
        "speakers",
        "Mic",
        3,
        3,
        cell!(Room, row, line, glyphs => {
            let tone = if row.speakers == 0 { Tone::Dim } else { Tone::Good };
            (row.speakers.to_string(), tone)
        }),
    ),
    right(
        "hands_up",
        "Hands",
        5,
        4,
        cell!(Room, row, line, glyphs => quiet(row.hands_up.into(), row.hands_up.to_string())),
    ),
    right(
        "messages",
        "Msg/s",
        5,
        2,
        cell!(Room, row, line, glyphs => match line.rates {
            Some([value, _]) => (rate(value), if value < 0.05 { Tone::Dim } else { Tone::Text }),
            None => (String::new(), Tone::Dim),
        }),
    ),
    left(
        "voice",
        "Kind",
        12,
        14,
        7,
        cell!(Room, row, line, glyphs => {
            let words = [(!row.voice, "text"), (row.permanent, "fixed"), (row.private, "private"), (row.locked, "locked")];
            let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            let tone = if row.locked || row.private { Tone::Warn } else { Tone::Dim };
            (words.join(" "), tone)
        }),
    ),
    left(
        "owner",
        "Owner",
        12,
        8,
        9,
        cell!(Room, row, line, glyphs => {
            (row.owner.clone().unwrap_or_default(), Tone::Dim)
        }),
    ),
    left("topic", "Topic", 20, 60, 10, cell!(Room, row, line, glyphs => (row.topic.clone(), Tone::Dim))),
];

const STRIKES: &[Column] = &[
    left(
        "nickname",
        "Name",
        14,
        14,
        0,
        cell!(Strike, row, line, glyphs => (row.nickname.clone(), Tone::Text)),
    ),
    right("uid", "Id", 9, 6, cell!(Strike, row, line, glyphs => (row.uid.to_string(), Tone::Dim))),
    right(
        "strikes",
        "Strikes",
        7,
        1,
        cell!(Strike, row, line, glyphs => {
            (row.strikes.to_string(), alarm(row.strikes.into(), 2))
        }),
    ),
    right(
        "stage",
        "Stage",
        5,
        2,
        cell!(Strike, row, line, glyphs => (row.stage.to_string(), alarm(row.stage.into(), 3))),
    ),
    left(
        "muted_seconds",
        "Muted",
        9,
        0,
        3,
        cell!(Strike, row, line, glyphs => match row.muted_seconds {
            0 => (glyphs.gap.to_owned(), Tone::Dim),
            left => (format!("{} {}", glyphs.warning, duration(left)), Tone::Bad),
        }),
    ),
    right(
        "violations",
        "Total",
        5,
        5,
        cell!(Strike, row, line, glyphs => (count(row.violations.into()), Tone::Text)),
    ),
    left(
        "last_reason",
        "Last limit",
        12,
        8,
        4,
        cell!(Strike, row, line, glyphs => (row.last_reason.clone(), Tone::Warn)),
    ),
    left(
        "last_at",
        "At",
        8,
        0,
        7,
        cell!(Strike, row, line, glyphs => {
            let clock = row.last_at.as_deref().and_then(|at| at.get(11..19)).unwrap_or_default();
            (clock.to_owned(), Tone::Dim)
        }),
    ),
    left(
        "last_detail",
        "Figures",
        18,
        50,
        8,
        cell!(Strike, row, line, glyphs => (row.last_detail.clone(), Tone::Dim)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_never_overlap_and_never_leave_the_screen() {
        for pane in [Pane::Users, Pane::Rooms, Pane::Strikes] {
            for width in 0..260 {
                let mut end = 0;
                for (index, (_, x, wide)) in fitting(pane, width).into_iter().enumerate() {
                    assert!(index == 0 || x >= end + GAP, "{pane:?} at {width}");
                    end = x + wide;
                }
                assert!(end <= width, "{pane:?} at {width}: {end}");
            }
        }
    }

    #[test]
    fn the_name_is_always_there() {
        for pane in [Pane::Users, Pane::Rooms, Pane::Strikes] {
            assert_eq!(fitting(pane, 5).first().map(|(column, ..)| column.rank), Some(0));
        }
    }
}
