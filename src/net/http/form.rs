//! The fields of a submitted form.
//!
//! The page is in Windows-1252, and so is what browsers send back from it; old ones know nothing
//! else. Decoding works on bytes, because guessing UTF-8 would garble an umlaut in a password.

use zeroize::Zeroizing;

use crate::model::from_cp1252;

const MAX_FIELDS: usize = 16;

/// The fields of a form, wiped from memory when dropped.
pub(super) struct Form {
    fields: Vec<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    utf8: bool,
}

impl Form {
    /// Splits and decodes the body of a request; `content_type` may name the character set.
    pub(super) fn parse(body: &[u8], content_type: &str) -> Form {
        let fields = body
            .split(|&byte| byte == b'&')
            .take(MAX_FIELDS)
            .filter_map(|pair| {
                let equals = pair.iter().position(|&byte| byte == b'=')?;
                let (name, value) = pair.split_at(equals);
                Some((decode(name).to_vec(), decode(value.get(1..)?)))
            })
            .collect();
        Form { fields, utf8: content_type.to_ascii_lowercase().contains("charset=utf-8") }
    }

    /// The text of a field; empty if there is none of that name.
    pub(super) fn text(&self, name: &str) -> Zeroizing<String> {
        let field = self.fields.iter().find(|(key, _)| key == name.as_bytes());
        let bytes = field.map(|(_, value)| value.as_slice()).unwrap_or_default();
        Zeroizing::new(if self.utf8 {
            String::from_utf8_lossy(bytes).into_owned()
        } else {
            from_cp1252(bytes)
        })
    }
}

fn decode(text: &[u8]) -> Zeroizing<Vec<u8>> {
    // Never longer than the input: no growth leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        if let Some(((high, low), after)) = escaped {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(if first == b'+' { b' ' } else { first });
            rest = tail;
        }
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let form = Form::parse(b"nickname=Zo%EB+B&password=a%26b%3d%&x=&=y&flag&p=1&p=2", "");
        assert_eq!(form.text("nickname").as_str(), "Zoë B");
        assert_eq!(form.text("password").as_str(), "a&b=%");
        assert_eq!(form.text("p").as_str(), "1");
        for name in ["x", "flag", "absent"] {
            assert_eq!(form.text(name).as_str(), "", "{name}");
        }
        let form = Form::parse(b"n=Zo%C3%AB", "application/x-www-form-urlencoded; charset=UTF-8");
        assert_eq!(form.text("n").as_str(), "Zoë");
    }
}
