//! The encodings of passwords and other texts: what decodes must encode to the same sums again. The
//! first byte picks the challenge, so that the rest may be digits throughout.

use paltalkd::protocol::cipher::{
    CHALLENGES, Codebook, CodebookSeed, MAX_TEXT, Variant, challenge_digits, challenge_from_digits,
    check_digits, decode, decode_without_key_text, encode,
};

pub fn run(data: &[u8]) {
    let Some((&first, digits)) = data.split_first() else { return };
    let challenge = u16::from(first) * 6;
    for variant in [Variant::One, Variant::Two, Variant::Three] {
        if let Ok(plain) = decode(variant, challenge, digits) {
            assert!(plain.len() <= MAX_TEXT);
            if let Ok(again) = encode(variant, challenge, &plain, 0) {
                assert_eq!(*decode(variant, challenge, &again).unwrap(), *plain);
            }
        }
        if CHALLENGES.contains(&challenge)
            && let Ok(encoded) = encode(variant, challenge, digits, first.into())
        {
            assert_eq!(*decode(variant, challenge, &encoded).unwrap(), *digits);
        }
    }
    let _ = decode_without_key_text(digits);
    let seed = CodebookSeed { cb1: first.into(), cb2: 7, cb3: 5 };
    let book = Codebook::new(seed);
    let _ = book.decode(challenge, digits);
    let mut random = check_digits(first.into());
    let position = 1001 + u16::from(first);
    if let Ok(encoded) = book.encode(challenge, position, digits, || random.next().unwrap_or_default()) {
        assert_eq!(*book.decode(challenge, &encoded).unwrap(), *digits);
    }
    if let Some(&three) = digits.first_chunk::<3>()
        && let Some(challenge) = challenge_from_digits(three)
    {
        assert_eq!(challenge_digits(challenge), three);
    }
}
