use paltalkd::protocol::cipher::{
    CHALLENGES, CipherError, Codebook, CodebookSeed, Variant, challenge_digits, challenge_from_digits,
    check_digits, decode, encode,
};
use serde_json::Value;

use super::{list, number, text, unhex, vectors};

fn variant(entry: &Value) -> Variant {
    match number::<u8>(entry, "variant") {
        1 => Variant::One,
        2 => Variant::Two,
        _ => Variant::Three,
    }
}

#[test]
fn every_text_encodes_and_decodes() {
    let vectors = vectors();
    for entry in list(&vectors["string_encoding"]["encode"]) {
        let (challenge, plain) = (number(entry, "challenge"), unhex(text(entry, "text_hex")));
        let digits = encode(variant(entry), challenge, &plain, number(entry, "seed")).unwrap();
        assert_eq!(digits, text(entry, "encoded").as_bytes(), "{entry}");
        assert_eq!(*decode(variant(entry), challenge, &digits).unwrap(), plain, "{entry}");
    }
    for entry in list(&vectors["string_encoding"]["decode"]) {
        let plain = decode(variant(entry), number(entry, "challenge"), text(entry, "encoded").as_bytes());
        assert_eq!(*plain.unwrap(), unhex(text(entry, "text_hex")), "{entry}");
    }
}

#[test]
fn what_cannot_be_encoded_is_an_error_and_not_garbage() {
    let vectors = vectors();
    for entry in list(&vectors["string_encoding"]["encode_out_of_range"]) {
        let plain = unhex(text(entry, "text_hex"));
        let result = |plain| encode(variant(entry), number(entry, "challenge"), plain, 0);
        assert_eq!(result(&plain), Err(CipherError::Sum), "{entry}");
        let first: usize = number(entry, "first_out_of_range_index");
        assert!(first == 0 || result(&plain[..first]).is_ok(), "{entry}");
        // Decoding what the reference printed must not fail hard either.
        let _ = decode(variant(entry), number(entry, "challenge"), text(entry, "encoded").as_bytes());
    }
}

#[test]
fn bad_input_is_rejected() {
    let vectors = vectors();
    for entry in list(&vectors["string_encoding"]["decode_reject"]) {
        let digits = text(entry, "encoded").as_bytes();
        assert!(decode(variant(entry), number(entry, "challenge"), digits).is_err(), "{entry}");
    }
}

#[test]
fn check_digits_look_like_the_original() {
    let vectors = vectors();
    for entry in list(&vectors["string_encoding"]["check_digits"]) {
        let expected = text(entry, "digits");
        let digits: String = check_digits(number(entry, "seed"))
            .take(expected.len())
            .map(|digit| char::from(b'0' + digit))
            .collect();
        assert_eq!(digits, expected);
    }
}

#[test]
fn challenges_are_read_as_the_clients_read_them() {
    let vectors = vectors();
    for entry in list(&vectors["challenge_payload"]) {
        let payload = unhex(text(entry, "payload_hex"));
        let at = if text(entry, "layout") == "8.2+" { 18 } else { 4 };
        let digits: [u8; 3] = payload[at..at + 3].try_into().unwrap();
        let challenge = number(entry, "challenge");
        assert_eq!(challenge_from_digits(digits), Some(challenge), "{entry}");
        assert_eq!(challenge_digits(challenge), digits);
        if entry["acceptable"] == true {
            assert!(CHALLENGES.contains(&challenge), "{entry}");
        }
    }
    assert_eq!(challenge_from_digits(*b"50x"), None);
    assert_eq!(challenge_from_digits(*b"508"), None);
}

fn seed(entry: &Value) -> CodebookSeed {
    CodebookSeed { cb1: number(entry, "cb1"), cb2: number(entry, "cb2"), cb3: number(entry, "cb3") }
}

#[test]
fn codebooks_are_mixed_right() {
    let vectors = vectors();
    for entry in list(&vectors["codebook"]["books"]) {
        let book = Codebook::new(seed(entry));
        assert_eq!(book.as_bytes().len(), number::<usize>(entry, "length"));
        assert!(book.as_bytes().starts_with(&unhex(text(entry, "first_64_hex"))), "{entry}");
        assert!(book.as_bytes().ends_with(&unhex(text(entry, "last_16_hex"))), "{entry}");
    }
}

#[test]
fn every_text_encodes_and_decodes_by_codebook() {
    let vectors = vectors();
    for entry in list(&vectors["codebook"]["strings"]) {
        let (book, challenge) = (Codebook::new(seed(entry)), number(entry, "challenge"));
        let plain = unhex(text(entry, "text_hex"));
        let mut random = list(&entry["pad_groups"])
            .iter()
            .flat_map(|group| group.as_str().unwrap().bytes().map(|digit| digit - b'0'))
            .chain(list(&entry["addends"]).iter().map(|addend| addend.as_u64().unwrap() as u8))
            .collect::<Vec<_>>()
            .into_iter();
        let digits = book.encode(challenge, number(entry, "s_pos"), &plain, || random.next().unwrap());
        let digits = digits.unwrap();
        assert_eq!(digits, text(entry, "encoded").as_bytes(), "{entry}");
        assert_eq!(*book.decode(challenge, &digits).unwrap(), plain, "{entry}");
    }
}
