//! All encoding of the store: bincode settings, the envelope around values, checksums and hashes.
//!
//! A stored value is a version byte, a bincode body (varint integers, little-endian, no trailing
//! bytes) and the CRC-32 of both, little-endian. bincode knows no schema, so a record type whose
//! fields change gets a new version byte and a type of its own; enum variants are only appended.

use bincode::Options;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sled::IVec;

use super::error::Corrupt;

/// The most bytes one stored value may decode to.
const VALUE_LIMIT: u64 = 256 * 1024;
/// The most bytes the body of one journal record may decode to. An account that is in everybody's
/// pal list makes the largest: some twelve bytes per entry that goes with it.
pub(super) const BODY_LIMIT: u64 = 256 * 1024 * 1024;

fn options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new().with_limit(limit)
}

/// The bincode form of `value`, at most `limit` bytes.
pub(super) fn encode_plain<T: Serialize>(value: &T, limit: u64) -> Result<Vec<u8>, Corrupt> {
    options(limit).serialize(value).map_err(|_| Corrupt("a record is larger than its limit"))
}

/// Reads what [`encode_plain`] wrote; rejects trailing bytes.
pub(super) fn decode_plain<T: DeserializeOwned>(bytes: &[u8], limit: u64) -> Result<T, Corrupt> {
    options(limit).deserialize(bytes).map_err(|_| Corrupt("a record does not have its expected form"))
}

/// Wraps `value` as version `version` of its record type.
pub(super) fn encode_value<T: Serialize>(version: u8, value: &T) -> Result<IVec, Corrupt> {
    let mut bytes = vec![version];
    options(VALUE_LIMIT)
        .serialize_into(&mut bytes, value)
        .map_err(|_| Corrupt("a record is larger than its limit"))?;
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    Ok(IVec::from(bytes))
}

/// Checks the envelope of a stored value and returns its version and body.
pub(super) fn open_value(bytes: &[u8]) -> Result<(u8, &[u8]), Corrupt> {
    let (sealed, crc) = bytes.split_last_chunk::<4>().ok_or(Corrupt("a record is too short"))?;
    if crc32fast::hash(sealed) != u32::from_le_bytes(*crc) {
        return Err(Corrupt("a record fails its checksum"));
    }
    let (version, body) = sealed.split_first().ok_or(Corrupt("a record is empty"))?;
    Ok((*version, body))
}

/// Reads the body of a value that [`open_value`] has checked.
pub(super) fn decode_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Corrupt> {
    decode_plain(body, VALUE_LIMIT)
}

/// A 64-bit hash of one entry, from which the tallies of the tables are built. Its results are on
/// disk: it may never change. Not for anything that faces an attacker.
pub(super) fn entry_hash(key: &[u8], value: &[u8]) -> u64 {
    mix(mix(0x9e37_79b9_7f4a_7c15, key), value)
}

fn mix(mut state: u64, bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0u8; 8];
    for (target, byte) in last.iter_mut().zip(rest) {
        *target = *byte;
    }
    let tail = [u64::from_le_bytes(last), bytes.len() as u64];
    for word in words.iter().map(|word| u64::from_le_bytes(*word)).chain(tail) {
        state = (state ^ word).wrapping_mul(FACTOR);
        state ^= state >> 29;
    }
    state
}

/// One change of one key, absolute, so that doing it twice is doing it once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Op {
    pub(super) key: IVec,
    /// `None` deletes the key.
    pub(super) value: Option<IVec>,
}

// Whole byte strings instead of bincode's element by element, which is several times slower.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

struct OwnedBytes(IVec);

impl<'de> Deserialize<'de> for OwnedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OwnedBytes, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = OwnedBytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(IVec::from(bytes)))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(IVec::from(bytes)))
            }
        }
        deserializer.deserialize_byte_buf(Reader)
    }
}

impl Serialize for Op {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (Bytes(&self.key), self.value.as_deref().map(Bytes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Op, D::Error> {
        let (key, value) = <(OwnedBytes, Option<OwnedBytes>)>::deserialize(deserializer)?;
        Ok(Op { key: key.0, value: value.map(|value| value.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_and_any_flipped_bit_is_seen() {
        let value = encode_value(3, &("text".to_owned(), 7u32)).unwrap();
        let (version, body) = open_value(&value).unwrap();
        assert_eq!((version, decode_body(body)), (3, Ok(("text".to_owned(), 7u32))));
        for bit in 0..value.len() * 8 {
            let mut bad = value.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open_value(&bad).is_err(), "bit {bit}");
        }
        for end in 0..value.len() {
            assert!(open_value(&value[..end]).is_err(), "{end} bytes");
        }
    }

    #[test]
    fn a_length_that_lies_costs_no_memory() {
        // A byte string that claims 2^62 bytes.
        let lie = [253, 0, 0, 0, 0, 0, 0, 0, 0x40];
        assert!(decode_body::<Vec<u8>>(&lie).is_err());
        assert!(decode_plain::<Vec<Op>>(&lie, BODY_LIMIT).is_err());
    }

    #[test]
    fn the_entry_hash_is_what_it_always_was() {
        let seen = [entry_hash(b"", b""), entry_hash(b"key", b"a value of some length")];
        assert_eq!(seen, [15689508450777742739, 3481547426479576910]);
        assert_ne!(entry_hash(b"ab", b"c"), entry_hash(b"a", b"bc"));
    }

    #[test]
    fn the_bytes_of_an_operation_are_what_they_always_were() {
        let ops = vec![
            Op { key: IVec::from(&[2, 7]), value: Some(IVec::from(&[1, 2, 3])) },
            Op { key: IVec::from(&[3]), value: None },
        ];
        let bytes = encode_plain(&ops, BODY_LIMIT).unwrap();
        assert_eq!(bytes, [2, 2, 2, 7, 1, 3, 1, 2, 3, 1, 3, 0]);
        assert_eq!(decode_plain::<Vec<Op>>(&bytes, BODY_LIMIT), Ok(ops));
    }
}
