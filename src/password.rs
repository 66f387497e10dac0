//! Passwords: what a new one must look like, and how one is kept.
//!
//! Only a salted Argon2id hash is ever stored. Every function here that hashes takes some 40 ms of
//! a core by design: call them on a blocking thread, a bounded number at a time.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// The fewest bytes of a new password.
pub const MIN: usize = 5;
/// The most bytes of a password: beyond it the client's encoding of passwords breaks (PROTOCOL 3.10).
pub const MAX: usize = 21;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password cannot be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`MIN`] bytes.
    #[error("a password has at least {MIN} characters")]
    TooShort,
    /// More than [`MAX`] bytes.
    #[error("a password has at most {MAX} characters")]
    TooLong,
    /// A control character, or one that the client cannot type.
    #[error("the password holds a character that the client cannot type")]
    Character,
}

/// The hash could not be made: memory ran out, or the system gave no random numbers for the salt.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot hash a password: {0}")]
pub struct HashError(String);

/// Checks the Windows-1252 bytes of a password that somebody wants to have.
pub fn check_new(password: &[u8]) -> Result<(), PasswordError> {
    if password.len() < MIN {
        return Err(PasswordError::TooShort);
    }
    if password.len() > MAX {
        return Err(PasswordError::TooLong);
    }
    // An LF or NUL inside would cut the password short in the packets that carry it.
    if password.iter().any(|&byte| byte < 0x20 || byte == 0x7f) {
        return Err(PasswordError::Character);
    }
    Ok(())
}

/// The hash of `password` with a fresh salt, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$…`).
pub fn hash(password: &[u8]) -> Result<String, HashError> {
    let hash = hasher()?.hash_password(password).map_err(|error| HashError(error.to_string()))?;
    Ok(hash.to_string())
}

/// Whether `password` is the one that `phc` was made of. The comparison takes the same time
/// wherever the two differ. A string that is no hash matches nothing, at the same cost.
pub fn verify(password: &[u8], phc: &str) -> bool {
    let Ok(expected) = PasswordHash::new(phc) else {
        dummy_verify(password);
        return false;
    };
    hasher().is_ok_and(|hasher| hasher.verify_password(password, &expected).is_ok())
}

/// Works as long as [`verify`], for a user who does not exist, so that the time of an answer does
/// not tell which nicknames are taken.
pub fn dummy_verify(password: &[u8]) {
    let mut output = [0u8; 32];
    if let Ok(hasher) = hasher() {
        let done = hasher.hash_password_into(password, b"nobody has this salt", &mut output);
        // Without a use of the result the compiler might drop the work.
        std::hint::black_box((done.is_ok(), output));
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| HashError(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_hash_names_its_cost_and_fits_its_password_only() {
        let phc = hash(b"rosebud").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, hash(b"rosebud").unwrap(), "salts differ");
        assert!(verify(b"rosebud", &phc));
        assert!(!verify(b"rosebuD", &phc));
        assert!(!verify(b"", &phc));
        assert!(!verify(b"rosebud", "rosebud"));
        assert!(!verify(b"rosebud", ""));
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let phc = hash(b"rosebud").unwrap();
        let time = |work: &dyn Fn()| {
            let start = Instant::now();
            work();
            start.elapsed()
        };
        // The fastest of several in turn: a busy machine makes single ones slow.
        let pairs = (0..5)
            .map(|_| (time(&|| assert!(!verify(b"wrong", &phc))), time(&|| dummy_verify(b"wrong"))))
            .reduce(|best, pair| (best.0.min(pair.0), best.1.min(pair.1)));
        let (known, unknown) = pairs.unwrap();
        assert!(unknown > known / 4, "{known:?} against {unknown:?}");
    }

    #[test]
    fn new_passwords_have_bounds() {
        assert_eq!(check_new(b"four"), Err(PasswordError::TooShort));
        assert_eq!(check_new(b"fives"), Ok(()));
        assert_eq!(check_new(&[b'x'; 21]), Ok(()));
        assert_eq!(check_new(&[b'x'; 22]), Err(PasswordError::TooLong));
        assert_eq!(check_new(b"line\nfeed"), Err(PasswordError::Character));
        assert_eq!(check_new(b"caf\xe9s"), Ok(()));
    }
}
