//! Records, the lists of `key=value` lines inside payloads: what is read keeps to the limits, and what
//! is written reads back.

use paltalkd::protocol::record::{self, MAX_KEY, MAX_LINE, RecordWriter, SEPARATOR};

pub fn run(data: &[u8]) {
    for (key, value) in record::fields(data) {
        assert!(!key.is_empty() && key.len() <= MAX_KEY && value.len() <= MAX_LINE);
        let name = std::str::from_utf8(key).ok();
        assert!(name.is_none_or(|name| record::value(data, name).is_some()));
    }
    for key in ["uid", "nickname", "email", "password", "paltalk", ""] {
        let number = record::number(data, key);
        assert!(number.is_none() || record::value(data, key).is_some());
    }
    let mut built = Vec::new();
    RecordWriter::new(&mut built)
        .text("a", data)
        .number("b", 7)
        .text_unless_empty("c", data)
        .letter("d", true);
    assert!(!built.contains(&SEPARATOR));
    assert_eq!(record::number(&built, "b"), Some(7));
    assert_eq!(record::value(&built, "d"), Some(&b"Y"[..]));
    // Longer ones are for clients, which read longer lines than they write.
    if data.len() < MAX_LINE - 2 {
        assert_eq!(record::fields(&built).count(), if data.is_empty() { 3 } else { 4 });
    }
}
