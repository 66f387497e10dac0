//! The columns of users.

use super::super::format::{count, duration, round_trip, short_bytes};
use super::super::row::Row;
use super::super::theme::Tone;
use super::{Column, alarm, cell, left, per_second, quiet, right, status};

/// A time to the client and back, in microseconds, with which one would not like to talk.
const FAR: u32 = 400_000;

/// In their order on the screen.
pub(super) const USERS: &[Column] = &[
    left(
        "nickname",
        "Name",
        14,
        12,
        0,
        cell!(User, row, line, glyphs => {
            let staff = !row.roles.is_empty();
            (row.nickname.clone(), if staff { Tone::Accent } else { Tone::Text })
        }),
    ),
    right("uid", "Id", 8, 5, cell!(User, row, line, glyphs => (row.uid.to_string(), Tone::Dim))),
    left("status", "State", 8, 0, 1, cell!(User, row, line, glyphs => status(row.status, glyphs))),
    left("client", "Ver", 3, 0, 8, cell!(User, row, line, glyphs => (row.client.clone(), Tone::Dim))),
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
        "rtt_micros",
        "RTT",
        5,
        11,
        cell!(User, row, line, glyphs => {
            let tone = if row.rtt_micros < Some(FAR) { Tone::Dim } else { Tone::Warn };
            (row.rtt_micros.map_or_else(String::new, |time| round_trip(time.into())), tone)
        }),
    ),
    right(
        "pending_bytes",
        "Queue",
        5,
        12,
        cell!(User, row, line, glyphs => {
            let tone = if row.pending_bytes < 64 << 10 { Tone::Dim } else { Tone::Warn };
            (short_bytes(row.pending_bytes), tone)
        }),
    ),
    right(
        "messages",
        "Msgs",
        5,
        13,
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
