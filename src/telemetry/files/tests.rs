use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

const DAY: u64 = 24 * 60 * 60 * 1000;

struct World {
    dir: tempfile::TempDir,
    clock: Arc<AtomicU64>,
}

impl World {
    fn new() -> World {
        World { dir: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicU64::new(20_778 * DAY)) }
    }

    fn files(&self, retention: Retention) -> Arc<LogFiles> {
        LogFiles::new(self.dir.path(), retention).unwrap()
    }

    fn open(&self, retention: Retention) -> RollingFile {
        let clock = Arc::clone(&self.clock);
        RollingFile::new(self.files(retention), move || Timestamp(clock.load(Ordering::Relaxed))).unwrap()
    }

    fn pass(&self, time: u64) {
        self.clock.fetch_add(time, Ordering::Relaxed);
    }

    /// What every file holds, uncompressed, in the order of writing.
    fn contents(&self) -> BTreeMap<Name, String> {
        let read = |entry: fs::DirEntry| {
            let name = Name::parse(entry.file_name().to_str().unwrap()).unwrap();
            let mut bytes = fs::read(entry.path()).unwrap();
            if name.compressed {
                bytes = zstd::stream::decode_all(bytes.as_slice()).unwrap();
            }
            (name, String::from_utf8(bytes).unwrap())
        };
        fs::read_dir(self.dir.path()).unwrap().map(|entry| read(entry.unwrap())).collect()
    }

    fn names(&self) -> Vec<String> {
        let contents = self.contents();
        let path = |name: &Name| name.path(Path::new("")).to_str().unwrap().to_owned();
        contents.keys().map(path).collect()
    }
}

#[test]
fn files_follow_each_other_by_day_and_by_size() {
    let world = World::new();
    let mut file = world.open(Retention { max_size: Some(20), ..Retention::default() });
    file.write_all(b"twelve bytes").unwrap();
    file.write_all(b"eight by").unwrap();
    file.write_all(b"more").unwrap();
    world.pass(DAY);
    file.write_all(b"a line may be longer than a file").unwrap();
    // A clock that is set back does not begin an older file.
    world.clock.fetch_sub(2 * DAY, Ordering::Relaxed);
    file.write_all(b"back").unwrap();
    drop(file);
    world.files(Retention::default()).tidy().unwrap();
    let contents: Vec<String> = world.contents().into_values().collect();
    assert_eq!(contents, ["twelve byteseight by", "more", "a line may be longer than a file", "back"]);
    let mut file = world.open(Retention::default());
    file.write_all(b" again").unwrap();
    drop(file);
    assert_eq!(world.contents().into_values().next_back().unwrap(), "back again");
    assert_eq!(
        world.names(),
        [
            "paltalkd.2026-11-21.log.zst",
            "paltalkd.2026-11-21.1.log.zst",
            "paltalkd.2026-11-22.log.zst",
            "paltalkd.2026-11-22.1.log"
        ]
    );
}

#[test]
fn a_crash_in_the_middle_of_a_compression_loses_nothing() {
    let world = World::new();
    let old = world.dir.path().join("paltalkd.2026-11-19.log");
    fs::write(&old, "all of it\n").unwrap();
    // Killed while it was written, and killed before the original was deleted.
    fs::write(world.dir.path().join("paltalkd.2026-11-19.log.zst.new"), "half").unwrap();
    fs::write(world.dir.path().join("paltalkd.2026-11-19.log.zst"), "not even good").unwrap();
    fs::write(world.dir.path().join("notes.zst.new"), "somebody else's").unwrap();
    drop(world.open(Retention::default()));
    fs::remove_file(world.dir.path().join("notes.zst.new")).unwrap();
    assert_eq!(world.contents().into_values().next().unwrap(), "all of it\n");
    assert_eq!(world.names(), ["paltalkd.2026-11-19.log.zst", "paltalkd.2026-11-21.log"]);
}

#[test]
fn old_files_go_by_day_and_by_size() {
    let world = World::new();
    for day in ["18", "19", "20"] {
        // Noise, so that it stays as large.
        let mut noise = vec![0; 1000];
        getrandom::fill(&mut noise).unwrap();
        let text: String = noise.iter().map(|byte| char::from(byte % 26 + 65)).collect();
        fs::write(world.dir.path().join(format!("paltalkd.2026-11-{day}.log")), text).unwrap();
    }
    let file = world.open(Retention { keep: Some(3), ..Retention::default() });
    drop(file);
    let stay = ["paltalkd.2026-11-19.log.zst", "paltalkd.2026-11-20.log.zst", "paltalkd.2026-11-21.log"];
    assert_eq!(world.names(), stay);
    let mut file = world.open(Retention { total: Some(1000), ..Retention::default() });
    file.write_all(b"now").unwrap();
    let tidied = file.files.tidy().unwrap();
    file.files.set_retention(Retention { total: Some(1), ..Retention::default() });
    let none = file.files.tidy().unwrap();
    drop(file);
    assert!(tidied.deleted <= 1, "the thread may have been first");
    assert_eq!(none.deleted, 1);
    assert_eq!(world.names(), ["paltalkd.2026-11-21.log"]);
}

#[test]
fn a_file_that_cannot_be_written_is_counted() {
    let world = World::new();
    let mut file = world.open(Retention::default());
    file.open.file = File::open("/dev/full").unwrap();
    assert!(file.write_all(b"gone").is_err());
    assert_eq!(file.files.lost(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_line_is_lost_or_out_of_order(
        steps in proptest::collection::vec((0u64..3, 1usize..60, any::<bool>()), 1..40),
        max_size in proptest::option::of(10usize..100),
    ) {
        let world = World::new();
        let retention = Retention { max_size, ..Retention::default() };
        let mut file = Some(world.open(retention));
        let mut expected = String::new();
        for (number, (hours, length, restart)) in steps.into_iter().enumerate() {
            world.pass(hours * DAY / 3);
            if restart {
                // The old one first: a file has one writer.
                drop(file.take());
                file = Some(world.open(retention));
            }
            let line = format!("{number}:{}\n", "x".repeat(length));
            file.as_mut().unwrap().write_all(line.as_bytes()).unwrap();
            expected.push_str(&line);
        }
        drop(file);
        let contents = world.contents();
        prop_assert_eq!(contents.values().map(String::as_str).collect::<String>(), expected);
        if let Some(max) = max_size {
            let fits = |text: &String| text.len() <= max || text.lines().count() == 1;
            prop_assert!(contents.values().all(fits), "{contents:?}");
        }
    }
}
