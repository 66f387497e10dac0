//! Records: `key=value` lines (PROTOCOL 2.2).
//!
//! What a client sends is read leniently and in bounds. What a client is sent is built so that no
//! value can break out of its line or its record.

use super::reader::Writer;

/// The longest key taken from a client, in bytes.
pub const MAX_KEY: usize = 64;
/// The longest line taken from a client, in bytes.
pub const MAX_LINE: usize = 1024;
/// The longest value put into a record, in bytes.
pub const MAX_VALUE: usize = 4096;
/// The byte that closes a record of a list.
pub const SEPARATOR: u8 = 0xc8;

/// The fields of `bytes` in order: lines split at their first `=`. Lines without one and overlong
/// lines and keys are passed over.
pub fn fields(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes.split(|&byte| byte == b'\n').filter(|line| line.len() <= MAX_LINE).filter_map(|line| {
        let mut parts = line.splitn(2, |&byte| byte == b'=');
        let key = parts.next().filter(|key| !key.is_empty() && key.len() <= MAX_KEY)?;
        Some((key, parts.next()?))
    })
}

/// The value of `key`: the last one if it comes several times.
pub fn value<'a>(bytes: &'a [u8], key: &str) -> Option<&'a [u8]> {
    fields(bytes).filter(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value).last()
}

/// The decimal number at `key`.
pub fn number(bytes: &[u8], key: &str) -> Option<u32> {
    std::str::from_utf8(value(bytes, key)?).ok()?.parse().ok()
}

/// Builds one record, LF between its fields and none at its end.
pub struct RecordWriter<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
}

impl<'a> RecordWriter<'a> {
    /// Starts a record at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> RecordWriter<'a> {
        RecordWriter { out, first: true }
    }

    /// Appends a field. Bytes that a record cannot hold become blanks (LF, CR, NUL) or `E` (0xc8);
    /// an overlong value is cut at [`MAX_VALUE`].
    pub fn text(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.key(key);
        self.out.extend(value.iter().take(MAX_VALUE).map(|&byte| match byte {
            b'\n' | b'\r' | 0 => b' ',
            SEPARATOR => b'E',
            other => other,
        }));
        self
    }

    /// As [`RecordWriter::text`], but an empty value leaves the field out.
    pub fn text_unless_empty(&mut self, key: &str, value: &[u8]) -> &mut Self {
        if value.is_empty() { self } else { self.text(key, value) }
    }

    /// Appends a decimal field.
    pub fn number(&mut self, key: &str, value: u32) -> &mut Self {
        self.key(key);
        self.out.number(value);
        self
    }

    /// Appends a field that is 1 or 0.
    pub fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.number(key, value.into())
    }

    /// Appends a field that is `Y` or `N`.
    pub fn letter(&mut self, key: &str, value: bool) -> &mut Self {
        self.text(key, if value { b"Y" } else { b"N" })
    }

    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(b'\n');
        }
        self.first = false;
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_clients_send() {
        let form = b"uid=3\nfirst=\n\nnoise\n=x\nexnick=Eve\nnickname=a=b\nuid=4";
        assert_eq!(value(form, "first"), Some(&b""[..]));
        assert_eq!(value(form, "nickname"), Some(&b"a=b"[..]));
        assert_eq!(number(form, "uid"), Some(4));
        assert_eq!(value(form, "noise"), None);
        assert_eq!(fields(form).count(), 5);
    }

    #[test]
    fn passes_over_what_is_too_long() {
        let mut form = vec![b'k'; MAX_KEY + 1];
        form.extend_from_slice(b"=1\nb=");
        form.extend(std::iter::repeat_n(b'v', MAX_LINE));
        form.extend_from_slice(b"\nc=3");
        assert_eq!(fields(&form).collect::<Vec<_>>(), [(&b"c"[..], &b"3"[..])]);
    }

    proptest! {
        #[test]
        fn a_built_record_reads_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 1..6)) {
            let mut out = Vec::new();
            let mut record = RecordWriter::new(&mut out);
            for (index, value) in values.iter().enumerate() {
                record.text(&format!("k{index}"), value);
            }
            prop_assert!(!out.contains(&SEPARATOR));
            prop_assert_eq!(fields(&out).count(), values.len());
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(super::value(&out, &format!("k{index}")).unwrap().len(), value.len());
            }
        }

        #[test]
        fn reading_takes_anything(bytes: Vec<u8>) {
            for (key, value) in fields(&bytes) {
                prop_assert!(key.len() <= MAX_KEY && value.len() <= MAX_LINE);
            }
            number(&bytes, "uid");
        }
    }
}
