//! Talk in rooms.

use std::collections::HashMap;

use super::{Members, serve, split, word};
use crate::common::frame;
use crate::crowd::kind;

/// What enters a room without a word to the others.
pub(crate) const ENTER: u16 = 0;
/// What enters a room, with a record that those in it are sent, as theirs are sent to who enters.
pub(crate) const ARRIVE: u16 = 1;
/// What leaves a room, and is passed on.
pub(crate) const LEAVE: u16 = 2;

/// Records in one frame of a list.
const RECORDS: usize = 100;

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    /// The records of those who arrived.
    records: Vec<Vec<u8>>,
}

/// All frames but those above go to everybody else in the room of the sender, as many bytes longer as the
/// server's frames are longer than the clients'.
pub(super) fn run(batch: bool) -> anyhow::Result<()> {
    let mut rooms: HashMap<u32, Room> = HashMap::new();
    let mut places: HashMap<usize, u32> = HashMap::new();
    let send = |members: &mut Members, to: usize, bytes: &[u8]| {
        if batch {
            members.send_later(to, bytes);
        } else {
            members.send(to, bytes);
        }
    };
    let take = |members: &mut Members, index: usize, bytes: &[u8]| {
        split(bytes, |sort, payload| {
            if matches!(sort, ENTER | ARRIVE) {
                places.insert(index, word(payload));
            }
            let room = rooms.entry(places.get(&index).copied().unwrap_or_default()).or_default();
            let told = match sort {
                ENTER => {
                    room.members.push(index);
                    return;
                }
                ARRIVE => {
                    room.members.push(index);
                    room.records.push(payload[4..].to_vec());
                    for part in room.records.chunks(RECORDS) {
                        let list = [&payload[..4], &part.concat()].concat();
                        send(members, index, &frame(kind::ROOM_USER_LIST, &list));
                    }
                    frame(kind::ROOM_USER_JOINED, payload)
                }
                LEAVE => {
                    if let Some(place) = room.members.iter().position(|member| *member == index) {
                        room.members.swap_remove(place);
                    }
                    frame(kind::ROOM_USER_LEFT, payload)
                }
                _ => {
                    let sender = (index as u32).to_be_bytes();
                    frame(kind::ROOM_MESSAGE_IN, &[&payload[..4], &sender, &payload[4..]].concat())
                }
            };
            for other in room.members.iter().filter(|other| **other != index) {
                send(members, *other, &told);
            }
        })
    };
    serve(take, |_| Ok(()))
}
