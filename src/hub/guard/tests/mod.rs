//! The guard with invented time.

mod clock;
mod ladder;
mod limits;
mod model;
mod order;
mod simulation;

use std::time::Duration;

use crate::config::Spam;
use crate::model::{Now, Obstacle, Roles, RoomId, SlowMode, Timestamp, Uid};
use crate::store::StrikeRecord;

use super::*;

/// A Thursday in 2004.
const BEGIN: u64 = 1_100_003_600_000;
const ALICE: Uid = Uid(1_000_002);
const BOB: Uid = Uid(1_000_003);

/// So many milliseconds after the start of the daemon.
fn at(millis: u64) -> Now {
    Now { wall: Timestamp(BEGIN + millis), uptime: Duration::from_millis(millis) }
}

fn guard() -> Guard {
    Guard::new(Spam::default(), (), ())
}

fn act(uid: Uid, text: &[u8]) -> Act<'_> {
    Act {
        uid,
        roles: Roles::default(),
        room: Some(RoomId(7)),
        spared_slowmode: false,
        text: Some(text),
        rating: None,
        no_links: None,
        automatic: false,
    }
}

/// Alice sends something that she has never sent before.
fn send(guard: &mut Guard, millis: u64) -> Option<Refusal> {
    let text = format!("line {millis}");
    refusal(guard.judge(at(millis), &act(ALICE, text.as_bytes()), None))
}

fn refusal(verdict: Verdict) -> Option<Refusal> {
    match verdict {
        Verdict::Accept { .. } => None,
        Verdict::Refuse(refusal) => Some(*refusal),
    }
}

fn obstacle(refusal: &Option<Refusal>) -> Option<Obstacle> {
    refusal.as_ref().map(|refusal| refusal.obstacle)
}

fn struck(refusal: Option<Refusal>) -> Struck {
    match refusal.expect("this was accepted").aftermath {
        Aftermath::Struck(struck) => struck,
        other => panic!("no strike: {other:?}"),
    }
}
