//! Backup files. The first byte says how much of the input is taken as it is: the whole file; or what
//! stands between checksums, which are made to fit; or records, for which everything around is made.
//! Hardly anything would get past the checksums by chance.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use paltalkd::store::backup;

const MAGIC: &[u8] = b"PTBK";
const END: &[u8] = b"PTBE";
/// The id of the store in files that are made here.
const STORE: [u8; 16] = [7; 16];

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    // Where there is one, a file system without a disk.
    let memory = PathBuf::from("/dev/shm");
    let directory = if memory.is_dir() { memory } else { std::env::temp_dir() };
    directory.join(format!("paltalkd-fuzz-{}.backup", std::process::id()))
});

pub fn run(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let file = match kind % 4 {
        0 => rest.to_vec(),
        1 => {
            let (length, rest) = rest
                .split_first_chunk::<2>()
                .map_or((0, rest), |(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest));
            let (manifest, body) = rest.split_at(length.min(rest.len()));
            whole(manifest, body)
        }
        2 => {
            let (length, rest) =
                rest.split_first().map_or((0, rest), |(length, rest)| ((*length).into(), rest));
            let (manifest, body) = rest.split_at(rest.len().min(length));
            whole(manifest, &packed(body))
        }
        _ => {
            let (records, counts) = records(rest);
            whole(&manifest(&counts), &packed(&records))
        }
    };
    fs::write(&*FILE, &file).expect("a small file can be written");
    let mut last = 0;
    let found = backup::verify(&FILE, &mut |progress| {
        assert!(progress.done >= last);
        last = progress.done;
    });
    _ = fs::remove_file(&*FILE);
    match found {
        Ok(summary) => {
            assert_eq!(summary.bytes, file.len() as u64);
            let counted: u64 = summary.manifest.counts().iter().map(|(_, count)| count).sum();
            assert_eq!(summary.manifest.records(), counted);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file with this manifest and body whose checksums hold.
fn whole(manifest: &[u8], body: &[u8]) -> Vec<u8> {
    let mut file = [MAGIC, &1u32.to_le_bytes(), &(manifest.len() as u32).to_le_bytes()].concat();
    let mut crc = crc32fast::Hasher::new();
    crc.update(&file);
    crc.update(manifest);
    file.extend(crc.finalize().to_le_bytes());
    file.extend_from_slice(manifest);
    file.extend_from_slice(body);
    file.extend_from_slice(END);
    let hash = blake3::hash(&file);
    file.extend_from_slice(hash.as_bytes());
    file
}

fn packed(body: &[u8]) -> Vec<u8> {
    zstd::encode_all(body, 1).expect("memory can be packed")
}

/// A manifest of the schema 3 that speaks of so many records in each table.
fn manifest(counts: &[u64; 24]) -> Vec<u8> {
    let mut bytes = STORE.to_vec();
    // Schema, sequence, time, an empty name of the program, the number of tables.
    bytes.extend([3, 9, 0, 0, 24]);
    for count in counts {
        // Two numbers, the second of which, the hash, will not fit.
        bytes.extend([(*count).min(250) as u8, 0]);
    }
    bytes
}

/// One frame for each group of records in `bytes`, with checksums that hold, and how many there are of each
/// table. A record is: length of its key, length of its value, both.
fn records(bytes: &[u8]) -> (Vec<u8>, [u64; 24]) {
    let (mut out, mut counts, mut rest) = (Vec::new(), [0; 24], bytes);
    for frame in 1..=8u64 {
        let mut entries = Vec::new();
        while let [key, value, tail @ ..] = rest {
            let key = usize::from(key % 64).min(tail.len());
            let (key, tail) = tail.split_at(key);
            let (value, tail) = tail.split_at(usize::from(value % 128).min(tail.len()));
            rest = tail;
            if let Some(count) = key.first().and_then(|table| counts.get_mut(usize::from(*table))) {
                *count += 1;
            }
            let sealed = [value, &crc32fast::hash(value).to_le_bytes()].concat();
            entries.push((key.to_vec(), sealed));
            if entries.len() == 8 {
                break;
            }
        }
        if entries.is_empty() {
            break;
        }
        let mut body = vec![entries.len() as u8];
        for (key, value) in &entries {
            body.push(key.len() as u8);
            body.extend(key);
            body.extend([1, value.len() as u8]);
            body.extend(value);
        }
        let mut crc = crc32fast::Hasher::new();
        crc.update(&STORE);
        crc.update(&frame.to_le_bytes());
        crc.update(&body);
        out.extend((body.len() as u32).to_le_bytes());
        out.extend(crc.finalize().to_le_bytes());
        out.extend(body);
    }
    (out, counts)
}
