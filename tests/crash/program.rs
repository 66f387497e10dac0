//! The program as an operator runs it, and what is done to its files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use paltalkd::store::{Store, StoreOptions};

/// The running program.
pub(super) struct Program {
    pub(super) child: Child,
    pub(super) chat: SocketAddr,
}

impl Program {
    /// Starts on `dir`; `Err` is what it said before it ended.
    pub(super) fn start(dir: &Path) -> Result<Program, String> {
        let config = dir.join("test.toml");
        let data = dir.join("data");
        fs::write(
            &config,
            format!(
                "[server]\ndata_dir = {data:?}\n[chat]\nlisten = [\"127.0.0.1:0\"]\n\
                 [voice]\nlisten_tcp = []\nlisten_udp = []\n[http]\nlisten = []\n\
                 [store]\ncache = \"8MiB\"\n[limits]\npackets_per_second = 0\n[log]\ndirectory = \"\"\n"
            ),
        )
        .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_paltalkd"))
            .args(["serve", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        while let Some(Ok(line)) = lines.next() {
            if let Some(rest) = line.split("chat=[").nth(1) {
                let chat = rest.split(']').next().unwrap().parse().unwrap();
                // The pipe has to be read on, or the program would wait for it one day.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Program { child, chat });
            }
            said.push_str(&line);
            said.push('\n');
        }
        let status = child.wait().unwrap();
        Err(format!("{status}: {said}"))
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

pub(super) fn open(dir: &Path) -> Store {
    Store::open(StoreOptions::new(dir.join("data/store"))).unwrap().0
}

/// Numbers as if by chance, the same in each run that begins with the same one.
#[derive(Debug)]
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        // What is added must be large: what begins with a small number would yield 0 first.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit.max(1) as u64) as usize
    }

    pub(super) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// Damages one file of the index; says how.
pub(super) fn damage(store: &Path, chance: &mut Chance) -> String {
    let files = files_below(&store.join("sled"));
    let file = &chance.one(&files);
    let length = fs::metadata(file).unwrap().len();
    let at = chance.below(length as usize) as u64;
    let open = || fs::OpenOptions::new().write(true).open(file).unwrap();
    let how = match chance.below(4) {
        0 => {
            fs::remove_file(file).unwrap();
            "deleted"
        }
        1 => {
            open().set_len(at).unwrap();
            "cut short"
        }
        2 => {
            let mut bytes = fs::read(file).unwrap();
            if let Some(byte) = bytes.get_mut(at as usize) {
                *byte ^= 1 << chance.below(8);
            }
            fs::write(file, bytes).unwrap();
            "flipped a bit"
        }
        _ => {
            open().write_all_at(&[0; 512], at).unwrap();
            "zeroed"
        }
    };
    format!("{how} at {at} of {length}: {}", file.display())
}

pub(super) fn files_below(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect()
}
