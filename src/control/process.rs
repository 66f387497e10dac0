//! What the system knows about this process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the process has open.
const OPEN: &str = "/proc/self/fd";
/// For how many looks a count of open files counts, where the system does not say how many there are.
const LOOKS: u32 = 60;

/// One look at the process.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Process {
    /// Processor time since the look before, in percent of one core.
    pub cpu_percent: f64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open files, sockets included.
    pub open_files: u64,
}

/// Looks at the process, again and again.
#[derive(Debug, Default)]
pub struct Watcher {
    /// When the last look was, and the processor time used until then.
    before: Option<(Instant, Duration)>,
    /// How many files were open when they were counted one by one, and for how many looks that still counts.
    counted: (u64, u32),
}

impl Watcher {
    /// Looks. Reads a little of `/proc`; `None` if that is not there.
    pub fn look(&mut self) -> Option<Process> {
        let text = fs::read_to_string("/proc/self/stat").ok()?;
        let (used, threads, pages) = parse(&text, rustix::param::clock_ticks_per_second())?;
        let now = Instant::now();
        let before = self.before.replace((now, used));
        let cpu_percent = before.map_or(0.0, |(then, used_then)| {
            let passed = now.saturating_duration_since(then).as_secs_f64();
            if passed > 0.0 { used.saturating_sub(used_then).as_secs_f64() / passed * 100.0 } else { 0.0 }
        });
        let page = rustix::param::page_size() as u64;
        let open_files = self.open_files();
        Some(Process { cpu_percent, memory_bytes: pages.saturating_mul(page), threads, open_files })
    }

    /// How many files are open. Linux says so since 6.2 (proc_pid_fd(5)); before, they have to be listed,
    /// which takes milliseconds where there are thousands, and is done now and then only.
    fn open_files(&mut self) -> u64 {
        let told = fs::metadata(OPEN).map_or(0, |known| known.len());
        if told > 0 {
            return told;
        }
        let (count, looks) = &mut self.counted;
        if *looks == 0 {
            (*count, *looks) = (listed(), LOOKS);
        }
        *looks -= 1;
        *count
    }
}

/// Processor time, threads and resident pages, from proc(5), `/proc/<pid>/stat`.
fn parse(text: &str, ticks_per_second: u64) -> Option<(Duration, u64, u64)> {
    // The second field is the name, in brackets, and may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    // The first of these is the third of the whole line.
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)?.saturating_add(number(15)?);
    let used = Duration::from_millis(ticks.saturating_mul(1000).checked_div(ticks_per_second)?);
    Some((used, number(20)?, number(24)?))
}

/// How many files, sockets included, the process has open. Blocks for as long as it takes to list them.
fn listed() -> u64 {
    fs::read_dir(OPEN).map_or(0, |entries| entries.count() as u64)
}

/// The bytes of all files below a directory. Blocks.
pub fn directory_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(found) if found.is_dir() => directory_bytes(&entry.path()),
        Ok(found) => found.len(),
        // Gone in between.
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_system_is_read() {
        let line = "4242 (pal (talk) d) S 1 4242 4242 0 -1 4194304 3092 0 0 0 250 150 0 0 20 0 7 0 \
                    5531 178000000 3456 18446744073709551615";
        assert_eq!(parse(line, 100), Some((Duration::from_secs(4), 7, 3456)));
        for end in 0..line.len() - 20 {
            _ = parse(&line[..end], 100);
        }
        assert_eq!(parse(line, 0), None);
    }

    #[test]
    fn this_process_is_seen() {
        let mut watcher = Watcher::default();
        let first = watcher.look().unwrap();
        assert_eq!(first.cpu_percent, 0.0, "there is nothing to compare with");
        assert!(first.memory_bytes > 1 << 20 && first.threads > 0 && first.open_files > 2);
        // Other tests open and close files meanwhile.
        let known = first.open_files.abs_diff(listed());
        assert!(known < 200, "{known}");
        let mut counting = Watcher { counted: (4711, 2), ..Watcher::default() };
        if fs::metadata(OPEN).is_ok_and(|known| known.len() == 0) {
            assert_eq!(counting.open_files(), 4711);
        } else {
            assert_ne!(counting.open_files(), 4711);
        }
        assert!(watcher.look().unwrap().cpu_percent >= 0.0);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("below")).unwrap();
        fs::write(dir.path().join("below/a"), [0; 700]).unwrap();
        fs::write(dir.path().join("b"), [0; 50]).unwrap();
        assert_eq!(directory_bytes(dir.path()), 750);
    }
}
