//! What the guard costs per accepted message: 10 000 users who chat, each in his turn, with the
//! default limits. Nothing but the guard is measured; the lines are made before.
//!
//!     cargo run --release --example guard
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use paltalkd::config::Spam;
use paltalkd::hub::guard::{Act, ActKind, Guard, Slowmode, Verdict};
use paltalkd::model::{Now, Rating, Roles, RoomId, Timestamp, Uid};

const USERS: u32 = 10_000;
/// Every user sends a line so often; a fifth of what the limits allow.
const GAP: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 100;
const TURNS: usize = 5;

fn main() {
    let lines: Vec<String> = (0..4096)
        .map(|number| format!("line {number}: has anybody here heard the new record of that band yet?"))
        .collect();
    let slow = Slowmode::new(Duration::from_secs(5)).expect("5 is a slowmode");
    println!("{USERS} users, {ROUNDS} messages each, {TURNS} turns; best and worst turn");
    for (name, text, slowmode) in [
        ("calls and invitations (no text)", false, None),
        ("messages of 70 bytes", true, None),
        ("messages, slowmode everywhere", true, Some(slow)),
    ] {
        let mut costs: Vec<f64> = (0..TURNS)
            .map(|_| {
                let mut guard = Guard::new(Spam::default(), (), ());
                guard.set_slowmode(None, slowmode);
                turn(&mut guard, &lines, text)
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        println!("{name:34} {:6.0} to {:6.0} ns per accepted message", costs[0], costs[TURNS - 1]);
    }
}

/// Nanoseconds per message of all users' messages, all of which must be accepted.
fn turn(guard: &mut Guard, lines: &[String], text: bool) -> f64 {
    let begin = Instant::now();
    let step = GAP / USERS;
    for round in 0..ROUNDS {
        for user in 0..USERS {
            let uptime = GAP * round + step * user;
            let millis = u64::try_from(uptime.as_millis()).unwrap();
            let now = Now { wall: Timestamp(1_100_003_600_000 + millis), uptime };
            // Neighbouring users are far apart in memory, as in life.
            let uid = Uid(1_000_002 + user.wrapping_mul(7919) % USERS);
            let line = &lines[(round + user) as usize % lines.len()];
            let act = Act {
                kind: if text { ActKind::RoomMessage } else { ActKind::Call },
                uid,
                roles: Roles::default(),
                room: text.then_some(RoomId(1 + user % 100)),
                spared_slowmode: false,
                text: text.then_some(line.as_bytes()),
                rating: text.then_some(Rating::General),
            };
            let verdict = guard.judge(now, black_box(&act), None);
            assert!(matches!(verdict, Verdict::Accept { .. }), "{verdict:?}");
        }
    }
    begin.elapsed().as_secs_f64() * 1e9 / f64::from(USERS * ROUNDS)
}
