//! The payload of one packet, of every type that clients send and in every dialect. The first byte picks
//! the type among those in the catalogue.

use paltalkd::protocol::catalogue::{CATALOGUE, Direction};
use paltalkd::protocol::{ClientPacket, Dialect, PacketType};

pub fn run(data: &[u8]) {
    let Some((&pick, payload)) = data.split_first() else { return };
    let from_clients: Vec<PacketType> = CATALOGUE
        .iter()
        .filter(|row| row.direction != Direction::ToClient)
        .map(|row| row.packet_type)
        .collect();
    let packet_type = from_clients[usize::from(pick) % from_clients.len()];
    for dialect in Dialect::ALL {
        let parsed = ClientPacket::parse(packet_type, dialect, payload);
        let said = format!("{parsed:?}");
        // What is shown of a packet may be more than the packet, but not by much.
        assert!(said.len() < 1000 + payload.len() * 8, "{said}");
        if parsed.is_ok() && !payload.is_empty() {
            // Whoever sends more than there has to be is not refused for it.
            let mut longer = payload.to_vec();
            longer.push(0);
            let longer = ClientPacket::parse(packet_type, dialect, &longer);
            assert!(longer.is_ok(), "{packet_type}: {longer:?}");
        }
    }
}
