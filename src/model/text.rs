use std::fmt;
use std::sync::Arc;

use encoding_rs::WINDOWS_1252;

use super::sanitise;

/// Why a text is not acceptable.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TextError {
    /// Nothing to say.
    #[error("the text is empty")]
    Empty,
    /// More bytes than allowed.
    #[error("the text is longer than {max} bytes")]
    TooLong {
        /// The most bytes allowed.
        max: usize,
    },
    /// A NUL byte, which would end the text in the reading client.
    #[error("the text holds a NUL byte")]
    Nul,
}

/// The text of a message for other clients: Windows-1252 with Paltalk markup and nothing that would
/// do harm there ([`sanitise::text`]); what clients send by themselves is left as it is.
/// 1 to [`MessageText::MAX`] bytes. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MessageText(Arc<[u8]>);

impl MessageText {
    /// The longest message, in bytes with markup.
    pub const MAX: usize = 4096;

    /// Checks and cleans what a client sent.
    pub fn new(bytes: &[u8]) -> Result<MessageText, TextError> {
        if bytes.is_empty() {
            return Err(TextError::Empty);
        }
        if bytes.len() > Self::MAX {
            return Err(TextError::TooLong { max: Self::MAX });
        }
        if bytes.contains(&0) {
            return Err(TextError::Nul);
        }
        let clean = sanitise::text(bytes);
        if clean.is_empty() {
            return Err(TextError::Empty);
        }
        Ok(MessageText(clean.into()))
    }

    /// The bytes for the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MessageText {
    // A message body must not reach a log by way of a derived Debug of something around it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageText({} bytes)", self.0.len())
    }
}

/// Windows-1252 bytes as text; every byte has a character.
pub fn from_cp1252(bytes: &[u8]) -> String {
    WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
}

/// Text as Windows-1252 bytes; a character that does not exist there becomes `?`.
pub fn to_cp1252(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0u8; 4];
    for character in text.chars() {
        let (encoded, _, unmappable) = WINDOWS_1252.encode(character.encode_utf8(&mut buffer));
        if unmappable {
            bytes.push(b'?');
        } else {
            bytes.extend_from_slice(&encoded);
        }
    }
    bytes
}

/// An error's text as a sentence of its own, for a user to read.
pub fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let end = if error.is_empty() || error.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{end}", first.chain(letters).collect::<String>())
}

/// The longest email address, in bytes.
pub const EMAIL_MAX: usize = 254;

/// Whether this can be an email address: printable ASCII with something on both sides of an `@`, at
/// most [`EMAIL_MAX`] bytes.
pub fn is_email(text: &str) -> bool {
    let plain = text.len() <= EMAIL_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    plain && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_is_total_both_ways() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(to_cp1252(&from_cp1252(&all)), all);
        assert_eq!(to_cp1252("Zoë €5 \u{4e2d}"), b"Zo\xeb \x805 ?");
    }

    #[test]
    fn errors_become_sentences() {
        assert_eq!(sentence("this nickname is taken; A1 is free"), "This nickname is taken; A1 is free.");
        assert_eq!(sentence("How about \"A1\"?"), "How about \"A1\"?");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn a_message_has_bounds_and_hides_its_body() {
        assert_eq!(MessageText::new(b""), Err(TextError::Empty));
        assert_eq!(MessageText::new(b"a\0b"), Err(TextError::Nul));
        assert!(MessageText::new(&[b'x'; MessageText::MAX]).is_ok());
        assert!(MessageText::new(&[b'x'; MessageText::MAX + 1]).is_err());
        assert_eq!(MessageText::new(b"\x01\x7f"), Err(TextError::Empty));
        assert_eq!(MessageText::new(b"a\x1bb").map(|text| text.as_bytes().to_vec()), Ok(b"ab".to_vec()));
        let text = MessageText::new(b"secret").map(|text| format!("{text:?}"));
        assert_eq!(text.as_deref(), Ok("MessageText(6 bytes)"));
    }
}
