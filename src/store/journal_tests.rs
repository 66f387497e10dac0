use proptest::prelude::*;
use sled::IVec;

use super::*;

const ID: StoreId = StoreId([0x5a; 16]);

fn ops(sequence: u64) -> Vec<Op> {
    (0..=sequence % 3)
        .map(|n| Op {
            key: IVec::from(&[2, sequence as u8, n as u8]),
            value: (n < 2).then(|| IVec::from(vec![n as u8; (sequence * 7 % 50) as usize])),
        })
        .collect()
}

fn write(dir: &Path, groups: &[u64], segment_bytes: u64) {
    let mut journal = Journal::start(dir, ID, 1, segment_bytes).unwrap();
    let mut next = 1;
    for count in groups {
        let mut bytes = Vec::new();
        let first = next;
        for _ in 0..*count {
            frame(&mut bytes, ID, next, &ops(next)).unwrap();
            next += 1;
        }
        journal.append(&bytes, first).unwrap();
    }
}

fn collect(scan: &Scan, first: u64, last: u64) -> Vec<(u64, Vec<Op>)> {
    let mut all = Vec::new();
    let result: Result<(), Box<dyn std::error::Error>> = scan.replay(first..=last, ID, |sequence, ops| {
        all.push((sequence, ops));
        Ok(())
    });
    result.unwrap();
    all
}

#[test]
fn what_was_written_comes_back_over_segments() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[1, 5, 2, 9, 3, 1, 1], 300);
    let scan = Scan::read(dir.path(), ID).unwrap();
    assert!(scan.segments.len() > 2 && scan.damage.is_empty());
    assert_eq!((scan.reach(0), scan.reach(7), scan.reach(22), scan.reach(30)), (22, 22, 22, 30));
    let wanted: Vec<_> = (4..=20).map(|sequence| (sequence, ops(sequence))).collect();
    assert_eq!(collect(&scan, 4, 20), wanted);
    prune(dir.path(), 10).unwrap();
    let scan = Scan::read(dir.path(), ID).unwrap();
    assert_eq!((scan.reach(0), scan.reach(10)), (0, 22));
    assert!(Scan::read(dir.path(), StoreId([1; 16])).unwrap().spans.is_empty());
}

#[test]
fn going_on_after_a_cut_leaves_no_trace_of_it() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[3], 1 << 20);
    let path = dir.path().join(format!("{:020}{SUFFIX}", 1));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let scan = Scan::read(dir.path(), ID).unwrap();
    assert_eq!((scan.reach(0), scan.damage.len()), (2, 1));
    let mut journal = Journal::resume(&path, ID, scan.spans[0].bytes.end as u64, 1 << 20).unwrap();
    let mut group = Vec::new();
    frame(&mut group, ID, 3, &ops(3)).unwrap();
    journal.append(&group, 3).unwrap();
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn the_bytes_of_a_segment_are_what_they_always_were() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[1], 1 << 20);
    let bytes = fs::read(dir.path().join(format!("{:020}{SUFFIX}", 1))).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN);
}

const GOLDEN: &str = "50544a4c010000005a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a0100000000000000769b4cc9\
                      1b000000b759e35b0100000000000000020302010001070000000000000003020101010701010101010101";

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever single stretch is damaged: records before it are all found, no record is ever
    /// wrong, and only records that the stretch touches are missing.
    #[test]
    fn damage_never_changes_a_record(
        count in 1u64..30,
        at in any::<prop::sample::Index>(),
        length in 1usize..40,
        pattern in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut whole = header(ID, 1);
        let mut places = Vec::new();
        for sequence in 1..=count {
            let start = whole.len();
            frame(&mut whole, ID, sequence, &ops(sequence)).unwrap();
            places.push(start..whole.len());
        }
        let mut bad = whole.clone();
        let at = at.index(whole.len());
        let hit = if cut {
            bad.truncate(at);
            at..whole.len()
        } else {
            let hit = at..(at + length).min(whole.len());
            bad[hit.clone()].fill(pattern);
            hit
        };
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{:020}{SUFFIX}", 1)), &bad).unwrap();
        let scan = Scan::read(dir.path(), ID).unwrap();
        let found = collect(&scan, 1, u64::MAX);
        for (sequence, found) in &found {
            prop_assert_eq!(found, &ops(*sequence));
        }
        let changed = |place: &Range<usize>| bad.get(place.clone()) != whole.get(place.clone());
        let wanted = places.iter().zip(1..).filter(|(place, _)| !changed(place)).map(|(_, sequence)| sequence);
        prop_assert_eq!(found.iter().map(|(sequence, _)| *sequence).collect::<Vec<u64>>(), wanted.collect::<Vec<u64>>());
        if bad != whole && (!cut || places.iter().all(|place| place.end != hit.start) && hit.start != HEADER) {
            prop_assert!(!scan.damage.is_empty());
        }
    }
}
