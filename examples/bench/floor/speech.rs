//! Speech in rooms.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{SocketAddr, UdpSocket};

use super::{Members, serve, word};
use crate::voice::{PACKET, SPEECH};

/// Bytes that open a connection over TCP, and that enter a room over UDP.
const OPENING: usize = 8;

/// Eight bytes enter a room, speech goes to everybody in it.
pub(super) fn run_udp() -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket2::SockRef::from(&socket).set_recv_buffer_size(1 << 20)?;
    println!("{}", socket.local_addr()?);
    let mut rooms: HashMap<u32, Vec<SocketAddr>> = HashMap::new();
    let mut buffer = [0; 256];
    loop {
        let (count, from) = socket.recv_from(&mut buffer)?;
        if count == OPENING {
            rooms.entry(word(&buffer)).or_default().push(from);
        } else if count == SPEECH
            && let Some(listeners) = rooms.get(&word(&buffer[8..]))
        {
            for listener in listeners {
                _ = socket.send_to(&buffer[..count], listener);
            }
        }
    }
}

/// The first eight bytes name the room and whether somebody speaks; what he says then goes to the others.
pub(super) fn run_tcp() -> anyhow::Result<()> {
    let mut rooms: HashMap<u32, Vec<usize>> = HashMap::new();
    // The rooms of those who speak.
    let mut places: HashMap<usize, u32> = HashMap::new();
    let take = |members: &mut Members, index: usize, bytes: &[u8]| {
        let mut used = 0;
        if let Entry::Vacant(place) = places.entry(index) {
            let Some(opening) = bytes.get(..OPENING) else { return 0 };
            used = OPENING;
            if opening[7] == 0 {
                rooms.entry(word(opening)).or_default().push(index);
            } else {
                place.insert(word(opening));
            }
        }
        let listeners = places.get(&index).and_then(|room| rooms.get(room)).map_or(&[][..], Vec::as_slice);
        while let Some(packet) = bytes.get(used..used + PACKET) {
            for listener in listeners {
                members.send(*listener, packet);
            }
            used += PACKET;
        }
        used
    };
    serve(take, |_| Ok(()))
}
