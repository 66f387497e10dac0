/// Which family of clients a connection belongs to, by the version word of its packets
/// (PROTOCOL 1.3). It decides which packets a client knows and how some of them look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dialect {
    /// 5.0 and older: version below 0x4b, or 29.
    V50,
    /// 5.1: version 0x4b to 0x4e.
    V51,
    /// 7.0 to 8.1, and gaim-pt: version 0x4f to 0x55.
    V7,
    /// 8.2 and later, with the codebook encoding: version 0x56 and up.
    V8,
}

/// The version word in the header of everything the server sends: that of the original servers
/// (PROTOCOL 1.3).
pub const SERVER_VERSION: u16 = 29;

impl Dialect {
    /// All dialects, oldest first.
    pub const ALL: [Dialect; 4] = [Dialect::V50, Dialect::V51, Dialect::V7, Dialect::V8];

    /// The dialect of a client that sends `version` in its headers.
    pub fn from_version(version: u16) -> Dialect {
        match version {
            ..0x4b => Dialect::V50,
            0x4b..=0x4e => Dialect::V51,
            0x4f..=0x55 => Dialect::V7,
            0x56.. => Dialect::V8,
        }
    }

    /// The place in [`Dialect::ALL`], for tables with one entry per dialect.
    pub fn index(self) -> usize {
        match self {
            Dialect::V50 => 0,
            Dialect::V51 => 1,
            Dialect::V7 => 2,
            Dialect::V8 => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fall_into_their_families() {
        let cases = [
            (29, Dialect::V50),
            (0x47, Dialect::V50),
            (0x4b, Dialect::V51),
            (0x4f, Dialect::V7),
            (0x53, Dialect::V7),
            (0x56, Dialect::V8),
            (0xffff, Dialect::V8),
        ];
        for (version, dialect) in cases {
            assert_eq!(Dialect::from_version(version), dialect, "{version:#x}");
        }
        for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
            assert_eq!(dialect.index(), index);
        }
    }
}
