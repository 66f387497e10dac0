//! Passwords: what a new one must look like, and how one is kept.
//!
//! Only a salted Argon2id hash is ever stored. Every function here that hashes takes some 40 ms of
//! a core by design: call them on a blocking thread, a bounded number at a time.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

/// The fewest bytes of a new password.
pub const MIN: usize = 5;
/// The most bytes of a password: beyond it the client's encoding of passwords breaks (PROTOCOL 3.10).
pub const MAX: usize = 21;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Bytes of a salt and of a hash.
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// Room for this many blocks of 1 KiB is asked for, of which only those needed are ever touched.
/// Above 32 MiB the C library maps memory and gives it back when it is freed; below, it learns to
/// keep such pieces, and one sign-in on each thread would cost 19 MiB for good.
const MAPPED_BLOCKS: usize = 33 * 1024;

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

/// Makes and checks hashes. Keeps the memory that they take, so that many one after the other need not ask
/// the system for it each time.
#[derive(Default)]
pub struct Hasher {
    memory: Vec<Block>,
}

impl Hasher {
    /// The hash of `password` with a fresh salt, as a PHC string (`$argon2id$v=19$m=19456,t=2,p=1$…`).
    ///
    /// # Errors
    ///
    /// No memory, or no random numbers.
    pub fn hash(&mut self, password: &[u8]) -> Result<String, HashError> {
        let mut salt = [0u8; SALT];
        getrandom::fill(&mut salt).map_err(HashError::new)?;
        let params = params()?;
        let mut output = [0u8; OUTPUT];
        self.fill(&params, Version::V0x13, password, &salt, &mut output)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(HashError::new)?,
            salt: Some(Salt::new(&salt).map_err(HashError::new)?),
            hash: Some(Output::new(&output).map_err(HashError::new)?),
        };
        Ok(hash.to_string())
    }

    /// Whether `password` is the one that `phc` was made of. The comparison takes the same time
    /// wherever the two differ. A string that is no hash matches nothing, at the same cost.
    ///
    /// # Errors
    ///
    /// If that cannot be found out for want of memory: the password may be right.
    pub fn verify(&mut self, password: &[u8], phc: &str) -> Result<bool, HashError> {
        match self.check(password, phc) {
            Some(checked) => checked,
            None => self.dummy_verify(password).map(|()| false),
        }
    }

    /// Works as long as [`Hasher::verify`], for a user who does not exist, so that neither the time of an
    /// answer nor its failure tells which nicknames are taken.
    ///
    /// # Errors
    ///
    /// As with [`Hasher::verify`].
    pub fn dummy_verify(&mut self, password: &[u8]) -> Result<(), HashError> {
        let mut output = [0u8; OUTPUT];
        let done = self.fill(&params()?, Version::V0x13, password, b"nobody has this salt", &mut output);
        // Without a use of the result the compiler might drop the work.
        std::hint::black_box(output);
        done
    }

    /// `None` if `phc` is not an Argon2id hash.
    fn check(&mut self, password: &[u8], phc: &str) -> Option<Result<bool, HashError>> {
        let expected = PasswordHash::new(phc).ok()?;
        if expected.algorithm != Algorithm::Argon2id.ident() {
            return None;
        }
        let params = Params::try_from(&expected).ok()?;
        let version = Version::try_from(expected.version?).ok()?;
        let (salt, known) = (expected.salt?, expected.hash?);
        let mut output = vec![0; known.as_bytes().len()];
        let done = self.fill(&params, version, password, &salt, &mut output);
        Some(done.map(|()| output.as_slice().ct_eq(known.as_bytes()).into()))
    }

    fn fill(
        &mut self,
        params: &Params,
        version: Version,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), HashError> {
        #[cfg(test)]
        WORK.set(WORK.get() + u64::from(params.m_cost() * params.t_cost()));
        let blocks = params.block_count();
        if self.memory.len() < blocks {
            let wanted = blocks.max(MAPPED_BLOCKS).saturating_sub(self.memory.len());
            self.memory.try_reserve_exact(wanted).map_err(HashError::new)?;
            self.memory.resize(blocks, Block::default());
        }
        Argon2::new(Algorithm::Argon2id, version, params.clone())
            .hash_password_into_with_memory(password, salt, output, &mut self.memory)
            .map_err(HashError::new)
    }
}

/// Whether a string is a hash of the kind that [`Hasher::hash`] makes, of a cost that can be paid at sign-ins.
pub fn is_hash(phc: &str) -> bool {
    let parsed = || {
        let hash = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let most = self::params().ok()?;
        let cheap = params.m_cost() <= most.m_cost() && params.t_cost() <= most.t_cost();
        let whole = hash.version.is_some() && hash.salt.is_some() && hash.hash.is_some();
        Some(hash.algorithm == Algorithm::Argon2id.ident() && cheap && whole)
    };
    parsed().unwrap_or(false)
}

fn params() -> Result<Params, HashError> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT)).map_err(HashError::new)
}

impl HashError {
    fn new(error: impl std::fmt::Display) -> HashError {
        HashError(error.to_string())
    }
}

#[cfg(test)]
std::thread_local! {
    /// Blocks filled by this thread, to compare the cost of two ways.
    static WORK: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_names_its_cost_and_fits_its_password_only() {
        let phc = Hasher::default().hash(b"rosebud").unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, Hasher::default().hash(b"rosebud").unwrap(), "salts differ");
        assert_eq!(Hasher::default().verify(b"rosebud", &phc), Ok(true));
        assert_eq!(Hasher::default().verify(b"rosebuD", &phc), Ok(false));
        assert_eq!(Hasher::default().verify(b"", &phc), Ok(false));
        assert_eq!(Hasher::default().verify(b"rosebud", "rosebud"), Ok(false));
        assert_eq!(Hasher::default().verify(b"rosebud", ""), Ok(false));
        // What an earlier hash has left in the memory makes no difference.
        let mut hasher = Hasher::default();
        for (password, right) in [("rosebud", true), ("rosebuD", false), ("rosebud", true)] {
            assert_eq!(hasher.verify(password.as_bytes(), &phc), Ok(right));
        }
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let phc = Hasher::default().hash(b"rosebud").unwrap();
        let work = |attempt: &dyn Fn()| {
            WORK.set(0);
            attempt();
            WORK.get()
        };
        let known = work(&|| assert_eq!(Hasher::default().verify(b"wrong", &phc), Ok(false)));
        assert_eq!(known, u64::from(MEMORY_KIB * PASSES));
        assert_eq!(work(&|| Hasher::default().dummy_verify(b"wrong").unwrap()), known);
        assert_eq!(work(&|| assert_eq!(Hasher::default().verify(b"wrong", "no hash"), Ok(false))), known);
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
