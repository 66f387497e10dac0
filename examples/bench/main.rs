//! What the server costs and how fast it answers, profile by profile, beside bare loops that do nothing
//! but move the same bytes. Run it with `scripts/bench`.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod chat;
#[path = "../common/mod.rs"]
mod common;
mod crowd;
#[path = "../../tests/support/dice.rs"]
mod dice;
mod evening;
mod floor;
mod irc;
mod kept;
mod life;
mod lines;
mod machine;
mod report;
mod servers;
mod storms;
mod voice;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::{Context as _, ensure};
use clap::Parser;
use paltalkd::model::RoomKind;
use tokio::task::LocalSet;

use chat::Pace;
use floor::Floor;
use machine::Machine;
use report::{Figures, Report, Series};
use servers::{Launcher, Server, Stage};
use voice::Transport;

/// What the server costs and how fast it answers, beside bare loops that move the same bytes.
#[derive(Parser)]
struct Options {
    /// The profiles to run, by the beginning of their names; without any, all but the evening.
    profiles: Vec<String>,
    /// Prints the names of the profiles.
    #[arg(long)]
    list: bool,
    /// The daemon's program.
    #[arg(long, default_value = "target/release/paltalkd")]
    daemon: PathBuf,
    /// Rounds of each profile; medians are printed.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in each round that are measured.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Seconds that the evening lasts.
    #[arg(long, default_value_t = 600)]
    evening: u64,
    /// Divides the numbers of connections, for a look at a small machine.
    #[arg(long, default_value_t = 1)]
    shrink: usize,
    /// Runs the profiles of rooms against InspIRCd as well, all servers pinned to one core.
    #[arg(long)]
    peer: bool,
    /// Writes the figures to this file, too, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Be a floor; the tool calls itself with this.
    #[arg(long, hide = true)]
    be_floor: Option<Floor>,
}

/// What a profile does in one round at one server.
#[derive(Clone, Copy)]
enum Load {
    Idle,
    Rooms { size: usize, pace: Pace },
    SignIns,
    Presence,
    Joins,
    Messages(Pace),
    Offline,
    Durable,
    Backups,
    Voice { transport: Transport, listeners: usize },
    Evening { voice_rooms: usize },
    Starts,
}

struct Profile {
    name: String,
    /// Accounts in the store, which in most profiles are all signed in.
    people: usize,
    rooms: usize,
    load: Load,
}

fn profiles(shrink: usize) -> Vec<Profile> {
    use Pace::{Rate, Window};
    let mut all = Vec::new();
    let mut add = |name: &str, people: usize, rooms: usize, load: Load| {
        all.push(Profile { name: name.to_owned(), people, rooms, load });
    };
    for people in [1_000, 5_000, 10_000, 20_000] {
        // Each end of a connection takes a descriptor; the daemon keeps so many for other things.
        let people = (people / shrink).min(descriptors().saturating_sub(1000));
        add(&format!("idle-{people}"), people, 0, Load::Idle);
    }
    let people = (1_000 / shrink).max(100);
    let busy = |size, pace| Load::Rooms { size, pace };
    // Everybody always has a message under way.
    add("rooms-100-saturated", people, people / 100, busy(100, Window(people as u64)));
    add("rooms-1000-saturated", people, 1, busy(people, Window(20)));
    // Messages a second in rooms of 100 that make so many deliveries a second.
    for thousands in [1, 10, 50, 100, 200] {
        let rate = f64::from(thousands) * 1000.0 / 99.0;
        add(&format!("rooms-100-{thousands}k"), people, people / 100, busy(100, Rate(rate)));
    }
    let people = 10_000 / shrink;
    add("rooms-human", people, people / 50, busy(50, Rate(people as f64 / 30.0)));
    add("sign-ins", 5_000 / shrink, 0, Load::SignIns);
    add("presence", people, 0, Load::Presence);
    add("joins", 1_000 / shrink, 1, Load::Joins);
    // They write to each other in pairs.
    let pairs = 1_000 / shrink;
    add("messages-saturated", 2 * pairs, 0, Load::Messages(Window(2_000)));
    add("messages-20k", 2 * pairs, 0, Load::Messages(Rate(20_000.0)));
    add("offline", 400 / shrink, 0, Load::Offline);
    add("durable", 100 / shrink, 0, Load::Durable);
    add("backups", 200_000 / shrink, 10, Load::Backups);
    for (transport, name) in [(Transport::Udp, "udp"), (Transport::Tcp, "tcp")] {
        for (listeners, rooms) in [(10, 1), (10, 100), (250, 1), (250, 4), (250, 100)] {
            // Two descriptors for each, here and in the daemon.
            let rooms = rooms.min(descriptors().saturating_sub(1000) / 2 / (listeners + 1));
            let load = Load::Voice { transport, listeners };
            add(&format!("voice-{name}-{listeners}x{rooms}"), (listeners + 1) * rooms, rooms, load);
        }
    }
    add("starts", 1_000_000 / shrink, 0, Load::Starts);
    let voice_rooms = (50 / shrink).max(2);
    let speaking = voice_rooms * evening::VOICE_ROOM;
    // The daemon keeps one half of the descriptors for voice.
    let people = people.min((descriptors().saturating_sub(1000) / 2).saturating_sub(speaking));
    let rooms = people / evening::ROOM + voice_rooms;
    add("evening", people + speaking, rooms, Load::Evening { voice_rooms });
    all
}

impl Profile {
    /// Ours first, then what it is compared with.
    fn servers(&self, peer: bool) -> Vec<Server> {
        let floors = [Server::Floor(Floor::Each), Server::Floor(Floor::Batch)];
        let mut servers = vec![Server::Ours];
        match self.load {
            Load::Rooms { .. } if peer => servers.push(Server::Peer),
            Load::Rooms { .. } | Load::Presence | Load::Joins | Load::Messages(_) => servers.extend(floors),
            Load::Idle | Load::SignIns => servers.push(Server::Floor(Floor::Each)),
            Load::Voice { transport: Transport::Udp, .. } => servers.push(Server::Floor(Floor::Udp)),
            Load::Voice { transport: Transport::Tcp, .. } => servers.push(Server::Floor(Floor::Tcp)),
            Load::Offline | Load::Durable => servers.push(Server::Floor(Floor::Kept)),
            // The parts of an evening have floors in profiles of their own.
            Load::Backups | Load::Evening { .. } | Load::Starts => {}
        }
        servers
    }

    async fn round(
        &self,
        launcher: &Launcher,
        server: Server,
        stage: &Stage,
        options: &Options,
    ) -> anyhow::Result<Figures> {
        let seconds = options.seconds;
        let round: Pin<Box<dyn Future<Output = anyhow::Result<Figures>>>> = match self.load {
            Load::Idle => Box::pin(chat::idle(launcher, server, stage)),
            Load::Rooms { size, pace } => Box::pin(chat::rooms(launcher, server, stage, size, pace, seconds)),
            Load::SignIns => Box::pin(storms::sign_ins(launcher, server, stage)),
            Load::Presence => Box::pin(storms::presence(launcher, server, stage)),
            Load::Joins => Box::pin(storms::joins(launcher, server, stage)),
            Load::Messages(pace) => Box::pin(chat::messages(launcher, server, stage, pace, seconds)),
            Load::Offline => Box::pin(kept::offline(launcher, server, stage)),
            Load::Durable => Box::pin(kept::durable(launcher, server, stage, seconds)),
            Load::Backups => Box::pin(chat::backups(launcher, stage, seconds)),
            Load::Voice { transport, listeners } => {
                Box::pin(voice::speech(launcher, server, stage, transport, listeners, seconds))
            }
            Load::Evening { voice_rooms } => {
                Box::pin(evening::evening(launcher, server, stage, voice_rooms, options.evening))
            }
            Load::Starts => Box::pin(life::starts(launcher, stage)),
        };
        round.await
    }

    fn run(&self, launcher: &Launcher, options: &Options) -> anyhow::Result<Report> {
        let speech = matches!(self.load, Load::Voice { .. } | Load::Evening { .. });
        let kind = if speech { RoomKind::Voice } else { RoomKind::Text };
        let stage = Stage::new(self.people, self.rooms, kind)?;
        if matches!(self.load, Load::Presence) {
            storms::befriend(&stage)?;
        }
        let mut series: Vec<Series> = Vec::new();
        for server in self.servers(options.peer) {
            series.push(Series { server: server.name().to_owned(), rounds: Vec::new() });
        }
        let rounds = if matches!(self.load, Load::Evening { .. }) { 1 } else { options.rounds };
        for _ in 0..rounds {
            for (server, series) in self.servers(options.peer).into_iter().zip(&mut series) {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let round = self.round(launcher, server, &stage, options);
                let figures = LocalSet::new()
                    .block_on(&runtime, round)
                    .with_context(|| format!("{} at {}", self.name, server.name()))?;
                series.rounds.push(figures);
            }
        }
        Ok(Report { profile: format!("{}, {} people", self.name, self.people), series })
    }
}

/// Descriptors that a process may have here.
fn descriptors() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.maximum.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    common::raise_descriptor_limit();
    if let Some(floor) = options.be_floor {
        return floor::run(floor);
    }
    ensure!(options.shrink > 0 && options.rounds > 0, "--shrink and --rounds begin with 1");
    let mut profiles = profiles(options.shrink);
    if options.list {
        profiles.iter().for_each(|profile| println!("{}", profile.name));
        return Ok(());
    }
    profiles.retain(|profile| {
        let named = options.profiles.iter().any(|name| profile.name.starts_with(name.as_str()));
        let usual = options.profiles.is_empty() && !matches!(profile.load, Load::Evening { .. });
        (named || usual) && (!options.peer || matches!(profile.load, Load::Rooms { .. }))
    });
    ensure!(!profiles.is_empty(), "there is no such profile; --list names them");
    let launcher = Launcher { daemon: options.daemon.clone(), core: options.peer.then_some(0) };
    let machine = Machine::look(&launcher)?;
    println!("{machine}");
    let mut reports = Vec::new();
    for profile in &profiles {
        let report = profile.run(&launcher, &options)?;
        report.print();
        reports.push(report.json());
        if let Some(path) = &options.json {
            let all = serde_json::json!({ "machine": machine, "profiles": reports });
            std::fs::write(path, serde_json::to_vec_pretty(&all)?)?;
        }
    }
    Ok(())
}
