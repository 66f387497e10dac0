use std::fmt;
use std::str::FromStr;

use super::super::failure::Failure;
use crate::control::wire::PermanentRoom;
use crate::hub::rows::RoomRow;
use crate::model::{RoomId, to_cp1252};

/// How a room is named on the command line: by name or number. `id:` or `name:` in front says which.
#[derive(Clone, Debug)]
pub(super) struct Which {
    text: String,
    id: Option<RoomId>,
    name: Option<Vec<u8>>,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Which, String> {
        let (id, name) = match text.split_once(':') {
            Some(("id", id)) => (Some(id), None),
            Some(("name", name)) => (None, Some(name)),
            _ => (Some(text), Some(text)),
        };
        let id = id.and_then(|id| id.parse().ok()).map(RoomId);
        let name = name.filter(|name| !name.is_empty()).map(to_cp1252);
        if id.is_none() && name.is_none() {
            return Err("neither a name nor a number of a room".to_owned());
        }
        Ok(Which { text: text.to_owned(), id, name })
    }
}

impl Which {
    /// The permanent room that is meant.
    pub(super) fn find(&self, rooms: Vec<PermanentRoom>) -> Result<PermanentRoom, Failure> {
        self.only(rooms, |room| room.id, |room| to_cp1252(&room.name))
    }

    /// The permanent or open room that is meant: its number, its name, and whether it is permanent.
    pub(super) fn find_any(
        &self,
        permanent: Vec<PermanentRoom>,
        open: Vec<RoomRow>,
    ) -> Result<(RoomId, String, bool), Failure> {
        let permanent = permanent.into_iter().map(|room| (room.id, room.name, true));
        let all = permanent.chain(open.into_iter().map(|room| (room.id, room.name, false)));
        self.only(all.collect(), |room| room.0, |room| to_cp1252(&room.1))
    }

    fn only<R>(
        &self,
        mut found: Vec<R>,
        id: impl Fn(&R) -> RoomId,
        name: impl Fn(&R) -> Vec<u8>,
    ) -> Result<R, Failure> {
        let named =
            |room: &R| self.name.as_ref().is_some_and(|wanted| name(room).eq_ignore_ascii_case(wanted));
        found.retain(|room| Some(id(room)) == self.id || named(room));
        if found.len() > 1 {
            let ids: Vec<String> = found.iter().map(|room| format!("id:{}", id(room))).collect();
            return Err(Failure::Usage(format!(
                "{self} could be more than one room; write {}",
                ids.join(" or ")
            )));
        }
        found.pop().ok_or_else(|| Failure::NotFound(format!("no such room: {self}")))
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
