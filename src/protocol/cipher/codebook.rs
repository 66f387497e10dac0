use std::fmt;

use zeroize::Zeroizing;

use super::{CipherError, MAX_TEXT, groups, three};

/// The first text a book is mixed from, 342 bytes (ENCODING 7.2).
const BASE_1: &[u8; 342] = b"WhEther it was me or wEather it was you, tis not the poinT I\
\x20say. The Point tHat be is nOt to SEe ThE difference betWEen\
\x20you and me.Four sconeS and some ten pEnce EonS ago I loSt m\
Y way. MaNy eOns have pAst since thEn but I still don'T have\
\x20much to sAY; THIRTENN AnD A HAlF DoLLARS FOR A HAMBURGER?  \
WHAT'S IN tHE SPECIAL SAUCE, GOLD NUGGETS!";

/// The second text a book is mixed from, 342 bytes (ENCODING 7.2).
const BASE_2: &[u8; 342] = b"95kjgr-t0GFGllbcbivvb;vmbl;kw-gmncFGDnxcvlkjt9^&*^$$)nfds0--\
rwefnfmcnfr90493jeGFDGsmkteotept;fdge;KL454954385rka8%^#)@gk\
fg0t3;l,0pejgfgkjgklfgkerBVB03b  mB bibBV3rtnjfyggo9geaogig9\
68959fk85jnfgsmCVbrkf,.er'wslr985BNVBVXCV-9=]dlfkgVCVCVrkdgd\
goB NJfgfx;ldffgjkDDGjkfdgkjreo-reFETUtogld0986bmUYUjTfhkgox\
iopggopflgkfdogdopgdlbdmgket0ettl;hglhmnll";

/// The length of a book in bytes.
const BOOK_LEN: usize = 1368;

/// Smallest value of the first group of an encoded text (ENCODING 7.4).
const FIRST_POSITION: u16 = 1001;

/// The three numbers from which client and server mix the same book (ENCODING 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodebookSeed {
    /// Start in the first text; servers draw it from 1 to 85.
    pub cb1: u16,
    /// Step through the second text; servers draw it from 1 to 16.
    pub cb2: u16,
    /// Step of the digits between; servers draw it from 1 to 16.
    pub cb3: u16,
}

impl Default for CodebookSeed {
    fn default() -> CodebookSeed {
        CodebookSeed { cb1: 1, cb2: 1, cb3: 1 }
    }
}

/// A mixed book, the key of the encoding that 8.2 and later clients use after the challenge
/// (ENCODING 7).
#[derive(Clone)]
pub struct Codebook(Box<[u8]>);

impl Codebook {
    /// Mixes the book of `seed`.
    pub fn new(seed: CodebookSeed) -> Codebook {
        let [cb1, cb2, cb3] = [seed.cb1, seed.cb2, seed.cb3].map(usize::from);
        let pick = |base: &[u8; 342], index: usize| base.get(index % 342).copied().unwrap_or_default();
        let mut book = Vec::with_capacity(BOOK_LEN);
        for h in 0..BOOK_LEN / 2 {
            let q = h / 2;
            book.push(if h % 2 == 1 { pick(BASE_2, (q + 1) * cb2) } else { pick(BASE_1, q + cb1) });
            book.push(b'0' + ((h + 1) * cb3 % 75) as u8);
        }
        Codebook(book.into())
    }

    /// The bytes of the book.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Encodes `text`, starting with the group `position` (1001 to 9999). `random_digit` gives
    /// digits 0 to 9: four for each padding group that the position asks for, then one for each
    /// character.
    pub fn encode(
        &self,
        challenge: u16,
        position: u16,
        text: &[u8],
        mut random_digit: impl FnMut() -> u8,
    ) -> Result<Vec<u8>, CipherError> {
        if text.is_empty() {
            return Err(CipherError::Empty);
        }
        if text.len() > MAX_TEXT {
            return Err(CipherError::TooLong);
        }
        if !(FIRST_POSITION..=9999).contains(&position) {
            return Err(CipherError::Groups);
        }
        let mut draw = || random_digit() % 10;
        let mut out = position.to_string().into_bytes();
        for _ in 0..padding_groups(position.into()) * 4 {
            out.push(b'0' + draw());
        }
        for (index, &byte) in text.iter().enumerate() {
            let key = self.key(challenge, index)?;
            let sum = 0x71 + index as i32 + i32::from(byte.cast_signed()) + key;
            if !(0..=999).contains(&sum) {
                return Err(CipherError::Sum);
            }
            let addend = draw();
            let mut group: Vec<u8> = [sum / 100, sum / 10 % 10, sum % 10]
                .iter()
                .map(|&digit| b'0' + (digit as u8 + addend) % 10)
                .collect();
            group.insert(addend_place(key, index, position.into()), b'0' + addend);
            out.append(&mut group);
        }
        Ok(out)
    }

    /// Decodes what a client encoded. The result wipes itself.
    pub fn decode(&self, challenge: u16, digits: &[u8]) -> Result<Zeroizing<Vec<u8>>, CipherError> {
        let mut groups = groups(digits, MAX_TEXT + 3)?;
        let [thousands, hundreds, tens, ones] = groups.next().ok_or(CipherError::Groups)?;
        let position = i32::from(thousands) * 1000 + three(hundreds, tens, ones);
        let mut text = Zeroizing::new(Vec::with_capacity(digits.len() / 4));
        for (index, group) in groups.skip(padding_groups(position)).enumerate() {
            if index >= MAX_TEXT {
                return Err(CipherError::TooLong);
            }
            let key = self.key(challenge, index)?;
            let place = addend_place(key, index, position);
            let addend = group.get(place).copied().unwrap_or_default();
            let sum = (0..4)
                .zip(group)
                .filter(|(at, _)| *at != place)
                .fold(0, |sum, (_, digit)| sum * 10 + (i32::from(digit) - i32::from(addend)).rem_euclid(10));
            text.push((sum - 0x71 - key - index as i32).rem_euclid(256) as u8);
        }
        if text.is_empty() {
            return Err(CipherError::Groups);
        }
        Ok(text)
    }

    fn key(&self, challenge: u16, index: usize) -> Result<i32, CipherError> {
        self.0.get(usize::from(challenge) + index).copied().map(i32::from).ok_or(CipherError::Challenge)
    }
}

impl fmt::Debug for Codebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codebook")
    }
}

fn padding_groups(position: i32) -> usize {
    usize::from(position % 3 == 0) + usize::from(position % 4 == 0)
}

fn addend_place(key: i32, index: usize, position: i32) -> usize {
    ((key + index as i32 + position) & 3) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            cb1: u16, cb2: u16, cb3: u16, challenge in 0u16..=1240, position in 1001u16..=9999,
            text in prop::collection::vec(any::<u8>(), 1..=128), random: u64
        ) {
            let book = Codebook::new(CodebookSeed { cb1, cb2, cb3 });
            let mut state = random;
            let digits = book.encode(challenge, position, &text, || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as u8
            }).unwrap();
            let decoded = book.decode(challenge, &digits).unwrap();
            prop_assert_eq!(decoded.as_slice(), text.as_slice());
        }

        #[test]
        fn decoding_takes_anything(challenge: u16, digits in "[0-9]{0,600}", bytes: Vec<u8>) {
            let book = Codebook::new(CodebookSeed::default());
            let _ = book.decode(challenge, digits.as_bytes());
            let _ = book.decode(challenge, &bytes);
        }
    }
}
