//! Every packet number that is known, with its name and direction (packets.csv).

use super::PacketType;

/// Who sends a packet type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Clients send it (`c2s`).
    ToServer,
    /// Servers send it (`s2c`).
    ToClient,
    /// Both do, usually with different meanings.
    Both,
}

/// What is known about one packet number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CatalogueRow {
    /// The number.
    pub packet_type: PacketType,
    /// The name, as packets.csv gives it; meanings that share a number are separated by ` / `.
    pub name: &'static str,
    /// Who sends it.
    pub direction: Direction,
    /// Whether the packet makes a client touch its user's machine outside the program
    /// (PROTOCOL 18). There is no way to build such a packet here.
    pub never_send: bool,
}

macro_rules! never_send {
    (never) => {
        true
    };
    (may) => {
        false
    };
}

macro_rules! rows {
    ($($number:literal $direction:ident $send:ident $name:literal [$($constant:ident)+];)+) => {
        /// All known packet numbers, in ascending order.
        pub static CATALOGUE: &[CatalogueRow] = &[$(CatalogueRow {
            packet_type: PacketType($number),
            name: $name,
            direction: Direction::$direction,
            never_send: never_send!($send),
        }),+];

        impl PacketType {
            $($(
                #[doc = concat!("The packet number ", stringify!($number), ", `", $name, "`.")]
                pub const $constant: PacketType = PacketType($number);
            )+)+
        }
    };
}

include!("catalogue_rows.rs");

/// The row of `packet_type`, if the number is known.
pub fn lookup(packet_type: PacketType) -> Option<&'static CatalogueRow> {
    let index = CATALOGUE.binary_search_by_key(&packet_type, |row| row.packet_type).ok()?;
    CATALOGUE.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_every_row_of_the_table() {
        let table = include_str!("../../tests/data/packets.csv");
        let mut rows = 0;
        for line in table.lines().skip(1) {
            let columns: Vec<&str> = line.splitn(5, ',').collect();
            let number = u16::from_str_radix(columns[0].trim_start_matches("0x"), 16).unwrap();
            let row = lookup(PacketType(number)).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(row.name, columns[2]);
            let direction = match columns[3] {
                "c2s" => Direction::ToServer,
                "s2c" => Direction::ToClient,
                _ => Direction::Both,
            };
            assert_eq!(row.direction, direction, "{line}");
            assert!(row.never_send || !line.contains("NEVER SEND"), "{line}");
            rows += 1;
        }
        assert_eq!(rows, CATALOGUE.len());
    }

    #[test]
    fn is_sorted() {
        assert!(CATALOGUE.windows(2).all(|pair| pair[0].packet_type < pair[1].packet_type));
    }

    #[test]
    fn marks_what_touches_the_users_machine() {
        let marked: Vec<u16> =
            CATALOGUE.iter().filter(|row| row.never_send).map(|row| row.packet_type.0).collect();
        assert_eq!(marked, [0x65, 0x4c9, 0x4ec, 0x4f6, 0x834, 0x837, 0x838, 0x839, 0x83a, 0x83c, 0x84a]);
    }

    #[test]
    fn names_and_numbers_are_shown_together() {
        assert_eq!(PacketType::ROOM_JOIN.to_string(), "RoomJoin 0xfeca");
        assert_eq!(format!("{:?}", PacketType(0x7123)), "unknown 0x7123");
        assert_eq!(PacketType::PT5_KEEPALIVE, PacketType::LOGIN_NOT_COMPLETE);
    }
}
