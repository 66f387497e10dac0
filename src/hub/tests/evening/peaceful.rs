//! Evenings in which nothing goes wrong.

use super::*;

pub(super) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The seed that was asked for, or always the same: chance is for scripts/simulate.
fn seed() -> u64 {
    number("PALTALKD_SEED", 1)
}

fn spend(mut evening: Evening, seed: u64, steps: u64) -> Evening {
    let mut dice = Dice(seed);
    for _ in 0..steps {
        evening.step(dice.roll());
        evening.check();
    }
    evening.check_disk();
    evening
}

#[test]
fn an_evening_with_hundreds_of_people() {
    let seed = seed();
    for guarded in [false, true] {
        let mut evening = Evening::new(seed, PEOPLE, Faults::none());
        evening.open(guarded);
        let evening = spend(evening, seed, number("PALTALKD_STEPS", 2000));
        println!("{} online, {:?}", evening.clients.len(), evening.did);
    }
}

#[test]
fn everything_happens_in_an_evening() {
    let seed = seed();
    // Few get into each other's way more often, and nothing is carried unless it goes through the server.
    let mut evening = Evening::new(seed, 60, Faults::none());
    evening.relayed = true;
    evening.open(true);
    let did = spend(evening, seed, number("PALTALKD_STEPS", 15_000)).did;
    println!("{did:?}");
    for what in [
        "room_opened",
        "room_closed",
        "bounce",
        "room_ban",
        "wrong_code",
        "report",
        "red dot on",
        "red dot off",
        "hand up",
        "admin granted",
        "admin taken",
        "invited",
        "console",
        "said",
        "all mics",
        "call taken",
        "call ended",
        "file carried",
        "file offered",
        "rang",
        "made permanent",
        "given away",
        "made temporary",
        "settings",
        "private room",
        "muted",
        "mute",
        "unmute",
        "ban",
        "unban",
        "kick",
        "warn",
        "warned too often",
        "clear",
        "broadcast",
        "maintenance",
        "strike",
        "filter",
        "staff refused",
        "staff silenced",
        "word left out",
        "muted for a word",
        "warned for a word",
        "banned for a word",
        "network banned",
        "closed by staff",
        "server slowmode",
        "locked",
        "unlocked",
        "deleted",
        "made",
        "looked up",
        "kept out by a ban",
        "kept out by maintenance",
        "ban ran out",
        "mute ran out",
        "silent in a room",
        "silent to one",
        "slowed down",
        "letter at once",
        "letter posted",
        "letter fetched",
        "privacy",
        "unwanted",
    ] {
        assert!(did.get(what).is_some_and(|times| *times > 1), "{what}: {did:?}");
    }
}
