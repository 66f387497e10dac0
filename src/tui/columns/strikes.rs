//! The columns of strikes.

use super::super::format::{count, duration};
use super::super::row::Row;
use super::super::theme::Tone;
use super::{Column, alarm, cell, left, right};

/// In their order on the screen.
pub(super) const STRIKES: &[Column] = &[
    left(
        "nickname",
        "Name",
        14,
        14,
        0,
        cell!(Strike, row, line, glyphs => (row.nickname.clone(), Tone::Text)),
    ),
    right("uid", "Id", 8, 6, cell!(Strike, row, line, glyphs => (row.uid.to_string(), Tone::Dim))),
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
