//! Everything inside payloads that has a grammar of its own: records, markup, whispers, and the
//! string encodings. What decodes must encode to the same sums again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use paltalkd::protocol::cipher::{Codebook, CodebookSeed, Variant, decode, decode_without_key_text, encode};
use paltalkd::protocol::{markup, record};

fuzz_target!(|data: &[u8]| {
    for (key, value) in record::fields(data) {
        assert!(key.len() <= record::MAX_KEY && value.len() <= record::MAX_LINE);
    }
    let _ = record::number(data, "uid");
    let mut built = Vec::new();
    record::RecordWriter::new(&mut built).text("a", data).number("b", 7);
    assert!(!built.contains(&record::SEPARATOR));
    assert_eq!(record::number(&built, "b"), Some(7));

    assert!(data.ends_with(markup::plain_start(data)));
    assert!(markup::strip(data).len() <= data.len());
    if let Some((nickname, message)) = markup::parse_whisper(data) {
        assert!(!nickname.is_empty() && message.len() < data.len());
    }
    assert!(markup::wrap_im(data).len() >= data.len());

    // The first byte picks the challenge, so that the rest may be digits throughout.
    let Some((&first, digits)) = data.split_first() else { return };
    let challenge = u16::from(first) * 6;
    for variant in [Variant::One, Variant::Two, Variant::Three] {
        if let Ok(plain) = decode(variant, challenge, digits)
            && let Ok(again) = encode(variant, challenge, &plain, 0)
        {
            assert_eq!(*decode(variant, challenge, &again).unwrap(), *plain);
        }
    }
    let _ = decode_without_key_text(digits);
    let seed = CodebookSeed { cb1: first.into(), cb2: 7, cb3: 5 };
    let _ = Codebook::new(seed).decode(challenge, digits);
});
