//! The seal: a sum over the files of the index as they were when the store was closed.
//!
//! Files that still have it hold exactly what was closed, so reading every record again, most of the
//! time of a start, can be left out; and damage is seen before sled is let near it. Files without a
//! seal, or with another sum, are simply checked record by record.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::identity::StoreId;
use super::{codec, files};

const BUFFER: usize = 1 << 20;

/// Writes the seal of the closed index in `sled`, durably.
pub(super) fn write(seal: &Path, sled: &Path, store: StoreId) -> io::Result<()> {
    files::replace(seal, &text(sum(sled)?, store))
}

/// Whether the index in `sled` is what was sealed.
pub(super) fn holds(seal: &Path, sled: &Path, store: StoreId) -> io::Result<bool> {
    match files::read_if_there(seal)? {
        Some(sealed) if sled.is_dir() => Ok(sealed == text(sum(sled)?, store)),
        _ => Ok(false),
    }
}

fn text(sum: u64, store: StoreId) -> Vec<u8> {
    format!("index of {store} as closed: {sum:016x}\n").into_bytes()
}

/// Names, lengths and checksums of all files, in one number.
fn sum(dir: &Path) -> io::Result<u64> {
    let mut found = Vec::new();
    files_below(dir, &mut found)?;
    let mut buffer = vec![0; BUFFER];
    let mut sum = 0;
    for path in found {
        let mut file = File::open(&path)?;
        let mut crc = crc32fast::Hasher::new();
        let mut length = 0u64;
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            crc.update(buffer.get(..read).unwrap_or_default());
            length += read as u64;
        }
        let name = path.strip_prefix(dir).unwrap_or(&path).as_os_str().as_encoded_bytes();
        let content = [length.to_le_bytes(), u64::from(crc.finalize()).to_le_bytes()].concat();
        sum ^= codec::entry_hash(name, &content);
    }
    Ok(sum)
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            files_below(&entry.path(), found)?;
        } else {
            found.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_breaks_with_any_change() {
        let dir = tempfile::tempdir().unwrap();
        let (seal, sled) = (dir.path().join("seal"), dir.path().join("sled"));
        let id = StoreId([3; 16]);
        fs::create_dir_all(sled.join("deep")).unwrap();
        fs::write(sled.join("a"), b"abc").unwrap();
        fs::write(sled.join("deep/b"), b"").unwrap();
        let holds = || holds(&seal, &sled, id).unwrap();
        assert!(!holds());
        write(&seal, &sled, id).unwrap();
        assert!(holds());
        for (name, content) in [("a", "abd"), ("a", "ab"), ("deep/b", "x"), ("c", "")] {
            let before = fs::read(sled.join(name)).ok();
            fs::write(sled.join(name), content).unwrap();
            assert!(!holds(), "{name}");
            match before {
                Some(before) => fs::write(sled.join(name), before).unwrap(),
                None => fs::remove_file(sled.join(name)).unwrap(),
            }
            assert!(holds());
        }
        fs::rename(sled.join("a"), sled.join("z")).unwrap();
        assert!(!holds());
        fs::remove_dir_all(&sled).unwrap();
        assert!(!holds());
    }
}
