use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::model::{MessageText, to_cp1252};

/// Bytes of a payload that no log may show, a password or somebody's words: `Debug` tells their
/// number only.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Hidden<'a>(pub &'a [u8]);

impl Deref for Hidden<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}

/// Words on their way to a client, somebody's or the server's own, in Windows-1252. Cloning shares
/// the bytes; `Debug` tells their number only.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Arc<[u8]>);

impl Body {
    /// The bytes for the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Body {
        Body(bytes.into())
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body(bytes.into())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Body {
        Body(to_cp1252(text).into())
    }
}

impl From<&MessageText> for Body {
    fn from(text: &MessageText) -> Body {
        Body(text.as_bytes().into())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} bytes)", self.0.len())
    }
}
