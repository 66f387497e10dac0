//! The columns of rooms.

use super::super::format::{count, rate};
use super::super::row::Row;
use super::super::theme::Tone;
use super::{Column, cell, left, quiet, right};

/// In their order on the screen.
pub(super) const ROOMS: &[Column] = &[
    left("name", "Room", 18, 22, 0, cell!(Room, row, line, glyphs => (row.name.clone(), Tone::Text))),
    right("id", "Id", 6, 6, cell!(Room, row, line, glyphs => (row.id.to_string(), Tone::Dim))),
    left(
        "category",
        "Category",
        13,
        10,
        7,
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
        8,
        5,
        cell!(Room, row, line, glyphs => {
            let words = [(row.locked, "locked"), (row.private, "private"), (!row.voice, "text"), (row.permanent, "fixed")];
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
