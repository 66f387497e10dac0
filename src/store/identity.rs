//! The side file that says which store this is.

use std::path::Path;

use super::error::OpenError;
use super::files;
use super::tables::SCHEMA;

/// Tells one store from every other: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StoreId(pub(super) [u8; 16]);

impl StoreId {
    pub(super) fn random() -> Result<StoreId, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(StoreId(bytes))
    }
}

impl std::fmt::Display for StoreId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What the side file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) id: StoreId,
    pub(super) schema: u32,
    /// Whether the store was completely made. A crash during creation leaves `false`, and then
    /// nothing can have been acknowledged.
    pub(super) ready: bool,
}

const TITLE: &str = "paltalkd store - keep this file; without it the store will not open";

impl Identity {
    pub(super) fn new(id: StoreId) -> Identity {
        Identity { id, schema: SCHEMA, ready: false }
    }

    fn text(&self) -> String {
        let state = if self.ready { "ready" } else { "creating" };
        let body = format!("{TITLE}\nid {}\nschema {}\nstate {state}\n", self.id, self.schema);
        let crc = crc32fast::hash(body.as_bytes());
        format!("{body}crc {crc:08x}\n")
    }

    fn parse(text: &[u8]) -> Option<Identity> {
        let text = std::str::from_utf8(text).ok()?;
        let (body, crc) = text.split_at(text.rfind("crc ")?);
        let crc = u32::from_str_radix(crc.strip_prefix("crc ")?.strip_suffix('\n')?, 16).ok()?;
        if crc != crc32fast::hash(body.as_bytes()) {
            return None;
        }
        let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name));
        let hex = field("id ")?;
        let mut id = [0; 16];
        if hex.len() != 32 {
            return None;
        }
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Identity {
            id: StoreId(id),
            schema: field("schema ")?.parse().ok()?,
            ready: field("state ")? == "ready",
        })
    }

    /// Reads the side file. `None` if there is none.
    pub(super) fn read(store: &Path) -> Result<Option<Identity>, OpenError> {
        let path = store.join("identity");
        let Some(bytes) = files::read_if_there(&path).map_err(OpenError::io("read", &path))? else {
            return Ok(None);
        };
        let identity = Identity::parse(&bytes)
            .ok_or_else(|| OpenError::refused(store, format!("the file {} is damaged", path.display())))?;
        if identity.schema > SCHEMA {
            let (found, known) = (identity.schema, SCHEMA);
            return Err(OpenError::NewerSchema { path: store.to_owned(), found, known });
        }
        Ok(Some(identity))
    }

    /// Writes the side file, durably.
    pub(super) fn write(&self, store: &Path) -> Result<(), OpenError> {
        let path = store.join("identity");
        files::replace(&path, self.text().as_bytes()).map_err(OpenError::io("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_no_identity() {
        let identity = Identity { id: StoreId([0xa7; 16]), schema: 1, ready: true };
        let text = identity.text().into_bytes();
        assert_eq!(Identity::parse(&text), Some(identity));
        for index in 0..text.len() {
            let mut bad = text.clone();
            bad[index] ^= 1;
            assert_ne!(Identity::parse(&bad), Some(Identity { ready: false, ..identity }));
            assert!(Identity::parse(&bad).is_none_or(|found| found == identity), "byte {index}");
            assert!(Identity::parse(&text[..index]).is_none(), "{index} bytes");
        }
    }
}
