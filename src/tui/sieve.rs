//! Events as rows, so that the filter of the activity pane speaks the language of all other filters.

use std::borrow::Cow;

use crate::control::fields::{Field, Kind, RoomNames, Row, Value};
use crate::control::filter::Filter;
use crate::control::wire::Identified;
use crate::hub::FeedEntry;

use super::feed::{level_name, sentence};

/// Whether an event passes a filter.
pub(super) fn passes(filter: &Filter, entry: &FeedEntry) -> bool {
    let mut rooms = RoomNames::new();
    if let (true, Some(room), Some(name)) = (filter.needs_rooms(), entry.room, &entry.room_name) {
        rooms.insert(room, name.to_string());
    }
    filter.passes(entry, &rooms)
}

impl Identified for FeedEntry {
    fn id(&self) -> u32 {
        // Events are never sorted; the low half of the number is as good as any.
        (self.seq & u64::from(u32::MAX)) as u32
    }
}

const fn text(names: &'static [&'static str], searched: bool) -> Field {
    Field { names, kind: Kind::Text, searched }
}

impl Row for FeedEntry {
    const FIELDS: &'static [Field] = &[
        text(&["kind", "type"], true),
        text(&["level"], false),
        text(&["user", "name", "nick"], false),
        Field { names: &["room"], kind: Kind::Rooms, searched: false },
        text(&["text"], true),
    ];

    fn value(&self, field: usize) -> Value<'_> {
        let text = match field {
            0 => Cow::Borrowed(self.kind.name()),
            1 => Cow::Borrowed(level_name(self.kind.level())),
            2 => {
                let name = |name: &Option<Box<str>>| name.as_deref().unwrap_or_default().to_owned();
                Cow::Owned(format!("{}\n{}", name(&self.actor), name(&self.target)))
            }
            3 => return Value::Rooms(self.room.as_slice()),
            _ => Cow::Owned(sentence(self)),
        };
        Value::Text(text)
    }
}
