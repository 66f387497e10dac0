use zeroize::Zeroizing;

use super::{CipherError, MAX_TEXT, groups, three};

/// The text that both sides know, 354 bytes (ENCODING 2). Its misspelling and the carriage return
/// at its end belong to it.
const KEY_TEXT: &[u8; 354] = b"Ginger was a big fat horse, a big fat horse was she. But don\
't tell that to MaryLou becuase in love with her is she.I te\
ll you this in private, because I thought that you should kn\
ow.But never say to MaryLou or both our heads will go.I've s\
aid it once, I've said it twice, I'll say it once again.Not \
a word of this to you know who or it will be our end!\r";

/// How the position of a character enters its sum (ENCODING 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Variant {
    /// Passwords.
    One,
    /// Addresses, the `smtp` key, registration of 7 and later.
    Two,
    /// Not known to be used by any packet.
    Three,
}

impl Variant {
    fn bias(self, challenge: u16, index: usize) -> Option<i32> {
        let i = i32::try_from(index).ok()?;
        let from_challenge = || KEY_TEXT.get(usize::from(challenge) + index).copied().map(i32::from);
        let bias = match self {
            Variant::One => i * (13 - i) + from_challenge()?,
            Variant::Two => i + from_challenge()?,
            Variant::Three => i * (i32::from(challenge) - i) + i32::from(*KEY_TEXT.get(index)?),
        };
        Some(122 + bias)
    }
}

/// Encodes `text`; `seed` starts the check digits, which no receiver looks at (ENCODING 4.1).
pub fn encode(variant: Variant, challenge: u16, text: &[u8], seed: u32) -> Result<Vec<u8>, CipherError> {
    if text.is_empty() {
        return Err(CipherError::Empty);
    }
    if text.len() > MAX_TEXT {
        return Err(CipherError::TooLong);
    }
    let mut out = Vec::with_capacity(text.len() * 4);
    for ((index, &byte), check) in text.iter().enumerate().zip(check_digits(seed)) {
        let bias = variant.bias(challenge, index).ok_or(CipherError::Challenge)?;
        // The clients are C programs in which a character is signed.
        let sum = bias + i32::from(byte.cast_signed());
        if !(0..=999).contains(&sum) {
            return Err(CipherError::Sum);
        }
        out.extend([sum / 100, sum / 10 % 10, sum % 10].map(|digit| b'0' + digit as u8));
        out.push(b'0' + check);
    }
    Ok(out)
}

/// Decodes what a client encoded. The result wipes itself.
pub fn decode(variant: Variant, challenge: u16, digits: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    decode_with(digits, |index| variant.bias(challenge, index))
}

/// Decodes the old password of a 5.0 password change: variant 1 without the key text, so that no
/// challenge has a part in it (capture password-change).
pub fn decode_without_key_text(digits: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    decode_with(digits, |index| {
        let i = i32::try_from(index).ok()?;
        Some(122 + i * (13 - i))
    })
}

fn decode_with(
    digits: &[u8],
    bias: impl Fn(usize) -> Option<i32>,
) -> Result<Zeroizing<Vec<u8>>, CipherError> {
    let groups = groups(digits, MAX_TEXT)?;
    let mut text = Zeroizing::new(Vec::with_capacity(digits.len() / 4));
    for (index, [hundreds, tens, ones, _check]) in groups.enumerate() {
        let bias = bias(index).ok_or(CipherError::Challenge)?;
        // Modulo 256, so that senders with signed and with unsigned characters read alike.
        text.push((three(hundreds, tens, ones) - bias).rem_euclid(256) as u8);
    }
    Ok(text)
}

/// The fourth digits of a text whose generator starts at `seed`: a generator close to that of the
/// Microsoft C library (ENCODING 4.1).
pub fn check_digits(seed: u32) -> impl Iterator<Item = u8> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(214_013).wrapping_add(2_530_876);
        let random = (state >> 16) & 0x7fff;
        ((random * 10 / 32_678) & 7) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_worked_example() {
        let digits = encode(Variant::One, 10, b"secret", 1).unwrap();
        assert_eq!(digits, b"269033252751364136453811");
        assert_eq!(decode(Variant::One, 10, &digits).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn an_old_password_of_5_0() {
        assert_eq!(decode_without_key_text(b"2268184225102517266225922741").unwrap().as_slice(), b"h2kclan");
    }

    fn variants() -> impl Strategy<Value = Variant> {
        prop_oneof![Just(Variant::One), Just(Variant::Two), Just(Variant::Three)]
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            variant in variants(), challenge in 0u16..=226, text in prop::collection::vec(any::<u8>(), 1..=128), seed: u32
        ) {
            if let Ok(digits) = encode(variant, challenge, &text, seed) {
                let decoded = decode(variant, challenge, &digits).unwrap();
                prop_assert_eq!(decoded.as_slice(), text.as_slice());
            }
        }

        #[test]
        fn passwords_of_21_characters_always_encode(challenge in 1u16..=226, text in "[ -~]{1,21}") {
            prop_assert!(encode(Variant::One, challenge, text.as_bytes(), 0).is_ok());
        }

        #[test]
        fn decoding_takes_anything(variant in variants(), challenge: u16, digits: Vec<u8>) {
            let _ = decode(variant, challenge, &digits);
            let _ = decode_without_key_text(&digits);
        }

        #[test]
        fn decoding_takes_any_digits(variant in variants(), challenge: u16, digits in "[0-9]{0,600}") {
            let _ = decode(variant, challenge, digits.as_bytes());
            let _ = decode_without_key_text(digits.as_bytes());
        }
    }
}
