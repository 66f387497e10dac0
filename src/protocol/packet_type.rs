use std::fmt;

use super::catalogue;

/// The number of a packet type, the first word of every header (PROTOCOL 1.2). Any number is
/// valid; the constants are the known ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketType(pub u16);

impl PacketType {
    /// The name in packets.csv, or `unknown`.
    pub fn name(self) -> &'static str {
        catalogue::lookup(self).map_or("unknown", |row| row.name)
    }

    /// Whether packets.csv knows the number.
    pub fn is_known(self) -> bool {
        catalogue::lookup(self).is_some()
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#06x}", self.name(), self.0)
    }
}

impl fmt::Debug for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
