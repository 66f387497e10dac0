//! What one client may do, and how often: small rules that take the time as an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::model::Uid;
use crate::session::throttle::network_of;

/// Time between two requests to one client to bring its voice connection back (PROTOCOL 12.6).
const RECONNECT_EVERY: Duration = Duration::from_secs(5);
/// How long a lost connection is left alone first: a client that leaves the room closes its voice
/// connection just before or after it says so.
const RECONNECT_AFTER: Duration = Duration::from_millis(500);
/// Users remembered at most before those whose time has passed are forgotten.
const RECONNECTS_KEPT: usize = 4096;
/// Time between two complaints in the log.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Lets `burst` things happen at once and `per_second` in the long run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    burst: f64,
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Rate {
    /// The packets of one speaker. Clients send 12.5 a second, and what a stuttering network held
    /// back comes at once.
    pub(super) fn of_speech(now: Instant) -> Rate {
        Rate::new(now, 100.0, 50.0)
    }

    /// The mistakes of one connection.
    pub(super) fn of_violations(now: Instant) -> Rate {
        Rate::new(now, 50.0, 1.0)
    }

    fn new(now: Instant, burst: f64, per_second: f64) -> Rate {
        Rate { burst, per_second, tokens: burst, at: now }
    }

    /// Whether one more may happen at `now`.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
}

/// When clients are asked to bring back their voice connections.
#[derive(Default, Debug)]
pub(super) struct Reconnects {
    last: HashMap<Uid, Instant>,
}

impl Reconnects {
    /// When to ask the client of `uid`, whose connection was lost at `now`.
    pub(super) fn due(&mut self, now: Instant, uid: Uid) -> Instant {
        if self.last.len() >= RECONNECTS_KEPT {
            self.last.retain(|_, last| *last + RECONNECT_EVERY > now);
        }
        let soonest = now + RECONNECT_AFTER;
        let due = self.last.get(&uid).map_or(soonest, |last| soonest.max(*last + RECONNECT_EVERY));
        self.last.insert(uid, due);
        due
    }
}

/// How many voice connections each address has; an IPv6 /64 is one address.
#[derive(Debug)]
pub(super) struct Connections {
    per_address: Option<usize>,
    in_all: Option<usize>,
    count: usize,
    by_address: HashMap<IpAddr, usize>,
}

impl Connections {
    pub(super) fn new(per_address: Option<usize>, in_all: Option<usize>) -> Connections {
        Connections { per_address, in_all, count: 0, by_address: HashMap::new() }
    }

    /// Has other limits count from now on.
    pub(super) fn set_limits(&mut self, per_address: Option<usize>, in_all: Option<usize>) {
        (self.per_address, self.in_all) = (per_address, in_all);
    }

    /// Takes a place for a connection from `address`, if there is one. The limit of one address does
    /// not hold for those that are `exempt`.
    pub(super) fn enter(&mut self, address: IpAddr, exempt: bool) -> bool {
        let address = network_of(address);
        let here = self.by_address.get(&address).copied().unwrap_or(0);
        let full = self.in_all.is_some_and(|max| self.count >= max)
            || (!exempt && self.per_address.is_some_and(|max| here >= max));
        if !full {
            self.count += 1;
            self.by_address.insert(address, here + 1);
        }
        !full
    }

    /// Gives a place back.
    pub(super) fn leave(&mut self, address: IpAddr) {
        let address = network_of(address);
        if let Some(here) = self.by_address.get_mut(&address) {
            self.count = self.count.saturating_sub(1);
            *here -= 1;
            if *here == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

/// Keeps strangers from filling the log.
#[derive(Default, Debug)]
pub(super) struct Complaints {
    next: Option<Instant>,
    untold: u64,
}

impl Complaints {
    /// Whether to log something at `now`; if so, how many were not logged since the last time.
    pub(super) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.untold += 1;
            return None;
        }
        self.next = Some(now + COMPLAIN_EVERY);
        Some(std::mem::take(&mut self.untold))
    }
}

/// How far behind the newest packet one may be to count as repeated or late. Speech that is further
/// behind begins anew: a client may number its packets from any number on.
const LATE: u16 = 128;

/// Whether the packets of one speaker come in the order of their numbers.
#[derive(Default, Clone, Copy, Debug)]
pub(super) struct Order {
    last: Option<u16>,
}

impl Order {
    /// Whether the number `sequence` is neither repeated nor late.
    pub(super) fn advances(&mut self, sequence: u16) -> bool {
        let ahead = self.last.is_none_or(|last| last.wrapping_sub(sequence) > LATE);
        if ahead {
            self.last = Some(sequence);
        }
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_allows_bursts_and_holds_in_the_long_run() {
        let start = Instant::now();
        let mut rate = Rate::new(start, 10.0, 5.0);
        assert_eq!((0..20).filter(|_| rate.take(start)).count(), 10);
        let later = start + Duration::from_secs(1);
        assert_eq!((0..20).filter(|_| rate.take(later)).count(), 5);
        assert!(!rate.take(start), "time that goes back brings nothing");
        assert_eq!((0..20).filter(|_| rate.take(later + Duration::from_secs(60))).count(), 10);
        let mut speech = Rate::of_speech(start);
        for packet in 0..1000u32 {
            assert!(speech.take(start + Duration::from_millis(80) * packet));
        }
    }

    #[test]
    fn a_client_is_asked_to_come_back_every_five_seconds_at_most() {
        let start = Instant::now();
        let mut reconnects = Reconnects::default();
        let (alice, bob) = (Uid(1), Uid(2));
        assert_eq!(reconnects.due(start, alice), start + RECONNECT_AFTER);
        assert_eq!(reconnects.due(start, bob), start + RECONNECT_AFTER);
        let second = reconnects.due(start + Duration::from_secs(1), alice);
        assert_eq!(second, start + RECONNECT_AFTER + RECONNECT_EVERY);
        assert_eq!(reconnects.due(second, alice), second + RECONNECT_EVERY);
        let late = start + Duration::from_secs(60);
        assert_eq!(reconnects.due(late, bob), late + RECONNECT_AFTER);
    }

    #[test]
    fn users_who_lost_nothing_lately_are_forgotten() {
        let start = Instant::now();
        let mut reconnects = Reconnects::default();
        for uid in 0..RECONNECTS_KEPT as u32 {
            reconnects.due(start, Uid(uid));
        }
        reconnects.due(start + Duration::from_secs(60), Uid(1));
        assert_eq!(reconnects.last.len(), 1);
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let mut connections = Connections::new(Some(2), Some(4));
        let (here, there): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        assert!(connections.enter(here, false) && connections.enter(here, false));
        assert!(!connections.enter(here, false));
        assert!(connections.enter(here, true) && connections.enter(there, false));
        assert!(!connections.enter(there, false), "there are four in all");
        for address in [here, here, here, there] {
            connections.leave(address);
        }
        assert!(connections.by_address.is_empty() && connections.count == 0);
        connections.leave(there);
        assert!(connections.enter(here, false));
        let mut connections = Connections::new(Some(1), None);
        let [one, neighbour, far] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|address| address.parse().unwrap());
        assert!(connections.enter(one, false) && connections.enter(far, false));
        assert!(!connections.enter(neighbour, false), "a network is one customer");
        connections.leave(one);
        assert!(connections.enter(neighbour, false));
        connections.leave(neighbour);
        connections.leave(far);
        connections.leave(far);
        assert!(connections.by_address.is_empty() && connections.count == 0, "nothing is kept");
    }

    #[test]
    fn complaints_are_counted_and_told_now_and_then() {
        let start = Instant::now();
        let mut complaints = Complaints::default();
        assert_eq!(complaints.admit(start), Some(0));
        assert!((1..1000).all(|millis| complaints.admit(start + Duration::from_millis(millis)).is_none()));
        assert_eq!(complaints.admit(start + COMPLAIN_EVERY), Some(999));
    }

    #[test]
    fn numbers_run_on_and_around() {
        let mut order = Order::default();
        let ahead = [7u16, 8, 8, 7, 10, 9, 11].map(|sequence| order.advances(sequence));
        assert_eq!(ahead, [true, true, false, false, true, false, true]);
        let mut order = Order::default();
        assert!(order.advances(0xfffe) && order.advances(1) && !order.advances(0xffff));
        // Numbers may begin anew.
        let mut order = Order::default();
        assert!(order.advances(1000) && !order.advances(1000 - LATE) && order.advances(999 - LATE));
        assert!(order.advances(1000));
    }
}
