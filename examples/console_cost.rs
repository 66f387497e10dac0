//! What a console costs, and how fast it is: signs in many clients that come into rooms and leave them, puts
//! a console in a terminal beside them, presses keys, and prints what was measured.
//!
//! The tool makes a store of its own, starts the daemon on it, and reads CPU times from `/proc`. Run it with
//! `scripts/console-cost`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod common;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use hdrhistogram::Histogram;
use paltalkd::model::{RoomKind, Uid};
use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::task::LocalSet;

use common::{FIRST_ROOM, Program, cpu_of, frame, join, prepare, raise_descriptor_limit, sign_in};

/// What a console costs the daemon, and how fast it answers keys.
#[derive(Parser, Clone)]
struct Options {
    /// The daemon's program, which is the console's too.
    #[arg(long, default_value = "target/release/paltalkd")]
    daemon: PathBuf,
    /// Clients signed in.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Clients that share a room.
    #[arg(long, default_value_t = 20)]
    room: usize,
    /// Events per second: clients that come into a room or leave it.
    #[arg(long, default_value_t = 1000)]
    events: u64,
    /// Keys pressed.
    #[arg(long, default_value_t = 400)]
    keys: usize,
    /// Seconds of each measurement of CPU time. There are three with a console and three without.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    raise_descriptor_limit();
    let dir = tempfile::tempdir()?;
    let uids = prepare(dir.path(), options.clients, options.clients.div_ceil(options.room), RoomKind::Text)?;
    let daemon =
        Program::start(Command::new(&options.daemon), dir.path(), "listen_tcp = []\nlisten_udp = []")?;
    let crowd = options.clone();
    let (ready, is_ready) = std::sync::mpsc::channel();
    let chat = daemon.address;
    // The clients have a thread of their own, so that the terminal is read at once.
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, live(&crowd, chat, uids, ready)).unwrap();
    });
    is_ready.recv().context("the clients could not sign in")?;
    println!("clients signed in          {:>12}", options.clients);
    println!("events                     {:>12} /s", options.events);
    keys(&options, dir.path())?;
    cost(&options, dir.path(), &daemon)
}

/// Signs everybody in, says so, and has them come and go for ever.
async fn live(
    options: &Options,
    chat: std::net::SocketAddr,
    uids: Vec<Uid>,
    ready: std::sync::mpsc::Sender<()>,
) -> anyhow::Result<()> {
    let mut clients: Vec<OwnedWriteHalf> = Vec::with_capacity(uids.len());
    for chunk in uids.chunks(50) {
        let tasks: Vec<_> = chunk.iter().map(|uid| tokio::task::spawn_local(sign_in(chat, *uid))).collect();
        for task in tasks {
            let (mut reader, writer) = task.await??.into_split();
            tokio::task::spawn_local(async move {
                let mut bytes = [0; 2048];
                while reader.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
            });
            clients.push(writer);
        }
    }
    let room = |number: usize| FIRST_ROOM + (number / options.room) as u32;
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(&join(room(number), 2090)).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    ready.send(())?;
    let begin = Instant::now();
    let (mut done, mut ticks) = (0u64, tokio::time::interval(Duration::from_millis(5)));
    loop {
        ticks.tick().await;
        let due = (begin.elapsed().as_secs_f64() * options.events as f64) as u64;
        while done < due {
            // In the first round everybody leaves, in the next he comes back, and so on.
            let (round, number) = (done / clients.len() as u64, (done % clients.len() as u64) as usize);
            let packet = if round.is_multiple_of(2) {
                frame(0xfec0, &room(number).to_be_bytes())
            } else {
                join(room(number), 2090)
            };
            clients[number].write_all(&packet).await?;
            done += 1;
        }
    }
}

type Screen = Arc<(Mutex<vt100::Parser>, Condvar)>;

/// A console in a terminal.
struct Console {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    screen: Screen,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Console {
    fn start(options: &Options, dir: &Path) -> anyhow::Result<Console> {
        let (rows, cols) = (50, 200);
        let pair = native_pty_system().openpty(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 })?;
        let mut command = CommandBuilder::new(std::path::absolute(&options.daemon)?);
        command.args(["console", "--reset-ui", "--socket"]);
        command.arg(dir.join("control.sock"));
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("XDG_STATE_HOME", dir);
        let child = pair.slave.spawn_command(command)?;
        let mut output = pair.master.try_clone_reader()?;
        let mut parser = vt100::Parser::default();
        parser.set_size(rows.try_into()?, cols.try_into()?);
        let screen: Screen = Arc::new((Mutex::new(parser), Condvar::new()));
        let shared = Arc::clone(&screen);
        thread::spawn(move || {
            let mut bytes = [0; 65_536];
            while let Ok(count) = output.read(&mut bytes) {
                if count == 0 {
                    break;
                }
                shared.0.lock().unwrap().process(&bytes[..count]);
                shared.1.notify_all();
            }
        });
        Ok(Console { child, writer: pair.master.take_writer()?, screen, _master: pair.master })
    }

    fn press(&mut self, keys: &str) -> anyhow::Result<()> {
        self.writer.write_all(keys.as_bytes())?;
        Ok(self.writer.flush()?)
    }

    /// Waits until the screen shows `text`.
    fn wait(&self, text: &str) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        let mut parser = self.screen.0.lock().unwrap();
        loop {
            let contents = parser.screen().contents();
            if contents.contains(text) {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("never saw {text:?} on the screen:\n{contents}");
            }
            parser = self.screen.1.wait_timeout(parser, Duration::from_millis(100)).unwrap().0;
        }
    }

    fn cpu(&self) -> f64 {
        self.child.process_id().map_or(0.0, |id| cpu_of(&id.to_string()))
    }

    fn leave(mut self) -> anyhow::Result<()> {
        self.press("q")?;
        self.child.wait()?;
        Ok(())
    }
}

fn print(name: &str, times: &Histogram<u64>) {
    for (label, quantile) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        let millis = times.value_at_quantile(quantile) as f64 / 1000.0;
        println!("  {:<25}{millis:>11.1} ms", format!("{name} {label}"));
    }
}

/// From a key to the frame that shows what it did, and from the start to the first frame.
fn keys(options: &Options, dir: &Path) -> anyhow::Result<()> {
    let mut first = Histogram::<u64>::new(3)?;
    for _ in 0..10 {
        let begin = Instant::now();
        let console = Console::start(options, dir)?;
        console.wait("load10")?;
        first.record(begin.elapsed().as_micros() as u64)?;
        console.leave()?;
    }
    let mut console = Console::start(options, dir)?;
    console.wait("load10")?;
    let mut names: Vec<String> = (0..options.clients).map(|number| format!("load{number}")).collect();
    names.sort();
    let (mut moves, mut filters) = (Histogram::<u64>::new(3)?, Histogram::<u64>::new(3)?);
    for turn in 0..options.keys {
        // Not at the beat of the frames.
        thread::sleep(Duration::from_millis(41 + (turn as u64 * 7) % 60));
        let begin = Instant::now();
        console.press("j")?;
        console.wait(&format!("▌ {} ", names[turn + 1]))?;
        moves.record(begin.elapsed().as_micros() as u64)?;
    }
    for turn in 0..options.keys / 8 {
        thread::sleep(Duration::from_millis(41 + (turn as u64 * 7) % 60));
        let begin = Instant::now();
        let wanted = 1000 + turn;
        console.press(&format!("/\x15load{wanted}\r"))?;
        console.wait(&format!("▌ load{wanted} "))?;
        filters.record(begin.elapsed().as_micros() as u64)?;
    }
    println!("console of 200x50");
    print("start to first frame", &first);
    print("key to frame, moving", &moves);
    print("key to frame, filtering", &filters);
    console.leave()
}

/// The daemon's CPU time with a console and without, in turns, so that a busy machine tips neither scale.
fn cost(options: &Options, dir: &Path, daemon: &Program) -> anyhow::Result<()> {
    let time = Duration::from_secs(options.seconds);
    // Without a console the threads that serve its socket have nothing to do, so what they use is what one
    // costs, but for the rows that the hub makes for it.
    let control_cpu = || daemon.cpu_where(|thread| thread == "control");
    let (mut without, mut with, mut control, mut own) = (0.0, 0.0, 0.0, 0.0);
    for _ in 0..3 {
        let before = daemon.cpu();
        thread::sleep(time);
        without += daemon.cpu() - before;
        let console = Console::start(options, dir)?;
        console.wait("load10")?;
        let before = (daemon.cpu(), console.cpu(), control_cpu());
        thread::sleep(time);
        with += daemon.cpu() - before.0;
        own += console.cpu() - before.1;
        control += control_cpu() - before.2;
        console.leave()?;
    }
    let share = |seconds: f64| seconds / (3.0 * time.as_secs_f64()) * 100.0;
    println!("CPU of the daemon");
    println!("  without a console        {:>10.2} % of a core", share(without));
    println!("  with one                 {:>10.2} % of a core", share(with));
    println!("  the console's part       {:>10.2} % of a core", share(with - without));
    println!("  threads of the socket    {:>10.2} % of a core", share(control));
    println!("CPU of the console         {:>10.2} % of a core", share(own));
    Ok(())
}
