//! Token buckets, one for each address: how often somebody may try a password or register.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// The part of an address that one customer of an access provider holds: all of an IPv4 address,
/// the /64 of an IPv6 address.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Allows each network `burst` acts at once and one more every `refill`.
///
/// What a network has done is kept as a debt: each act adds `refill` to the moment at which the network will
/// owe nothing more. The memory is bounded, and still acts of others wipe out no debt: where it is full, a
/// newcomer takes over the smallest debt there is along with its place. So who has used up his tries has
/// none the sooner for it, and to take a try from newcomers, everybody in the memory has to have used one up
/// at the same time. What a network is given back after it has lost its place is given to whoever has it
/// now, or to nobody.
#[derive(Debug)]
pub struct Throttle {
    burst: u32,
    refill: Duration,
    capacity: usize,
    /// When each network will owe nothing more, as time since start.
    debts: HashMap<IpAddr, Duration>,
    /// The same, the smallest debt first.
    order: BTreeSet<(Duration, IpAddr)>,
}

impl Throttle {
    /// Networks remembered at once.
    const CAPACITY: usize = 65_536;
    /// Networks that owe nothing any more and are forgotten at each act: more than one can come with it.
    const FORGOTTEN: usize = 2;

    /// A throttle that has seen nobody yet.
    pub fn new(burst: u32, refill: Duration) -> Throttle {
        Throttle { burst, refill, capacity: Self::CAPACITY, debts: HashMap::new(), order: BTreeSet::new() }
    }

    /// Whether `address` may act at `now` (time since start), and if so, takes the token.
    pub fn take(&mut self, now: Duration, address: IpAddr) -> bool {
        for _ in 0..Self::FORGOTTEN {
            if self.order.first().is_some_and(|(until, _)| *until <= now) {
                self.forget_first();
            }
        }
        let network = network_of(address);
        let until = match self.debts.get(&network) {
            Some(until) => *until,
            None if self.debts.len() >= self.capacity => self.forget_first().unwrap_or(now),
            None => now,
        };
        let allowed = until.saturating_sub(now) + self.refill <= self.refill * self.burst;
        self.owe(network, if allowed { until.max(now) + self.refill } else { until });
        allowed
    }

    /// Gives back a token: the act turned out harmless.
    pub fn give_back(&mut self, address: IpAddr) {
        let network = network_of(address);
        if let Some(until) = self.debts.get(&network) {
            self.owe(network, until.saturating_sub(self.refill));
        }
    }

    fn owe(&mut self, network: IpAddr, until: Duration) {
        if let Some(before) = self.debts.insert(network, until) {
            self.order.remove(&(before, network));
        }
        self.order.insert((until, network));
    }

    /// Forgets who owes least, and says until when he does.
    fn forget_first(&mut self) -> Option<Duration> {
        let (until, network) = self.order.pop_first()?;
        self.debts.remove(&network);
        Some(until)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn a_burst_then_one_at_a_time() {
        let mut throttle = Throttle::new(3, Duration::from_secs(30));
        let at = |seconds| Duration::from_secs(seconds);
        assert_eq!([0; 4].map(|_| throttle.take(at(0), A)), [true, true, true, false]);
        assert!(throttle.take(at(0), B), "others are not affected");
        assert!(!throttle.take(at(29), A));
        assert!(throttle.take(at(60), A));
        throttle.give_back(A);
        assert_eq!([0; 3].map(|_| throttle.take(at(60), A)), [true, true, false]);
    }

    #[test]
    fn one_ipv6_network_is_one_customer() {
        let mut throttle = Throttle::new(1, Duration::from_secs(30));
        let address = |text: &str| text.parse().unwrap();
        assert!(throttle.take(Duration::ZERO, address("2001:db8::1")));
        assert!(!throttle.take(Duration::ZERO, address("2001:db8::2")));
        assert!(throttle.take(Duration::ZERO, address("2001:db8:0:1::1")));
        assert!(throttle.take(Duration::ZERO, address("::ffff:192.0.2.1")));
        assert!(!throttle.take(Duration::ZERO, A), "a mapped address is the IPv4 address");
    }

    fn small(burst: u32, capacity: usize) -> Throttle {
        Throttle { capacity, ..Throttle::new(burst, Duration::from_secs(30)) }
    }

    fn number(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn no_crowd_makes_the_guesses_of_anybody_forgotten() {
        let mut throttle = small(3, 100);
        while throttle.take(Duration::ZERO, A) {}
        for other in 0..10_000 {
            assert!(other > 100 || throttle.take(Duration::ZERO, number(other)), "they are not there yet");
            throttle.take(Duration::ZERO, number(other));
            assert!(!throttle.take(Duration::ZERO, A), "after {other} others");
            assert!(throttle.debts.len() <= 100 && throttle.debts.len() == throttle.order.len());
        }
        // What they owe they owe no longer than each of them would: a newcomer is served again.
        assert!(throttle.take(Duration::from_secs(30), number(20_000)));
        assert!(throttle.take(Duration::from_secs(30), A) && !throttle.take(Duration::from_secs(30), A));
    }

    #[test]
    fn who_owes_nothing_is_forgotten_bit_by_bit() {
        let mut throttle = small(3, 1000);
        for other in 0..1000 {
            throttle.take(Duration::ZERO, number(other));
        }
        for later in 1..=999 {
            throttle.take(Duration::from_secs(60), A);
            assert_eq!(throttle.debts.len(), (1000 - 2 * later).max(0) as usize + 1, "{later}");
        }
        throttle.give_back(A);
        throttle.give_back(A);
        throttle.give_back(A);
        assert!(throttle.take(Duration::from_secs(60), B));
        assert_eq!(throttle.debts.keys().collect::<Vec<_>>(), [&B], "given back, nothing is left");
    }

    proptest! {
        /// Beside a throttle that forgets nothing: it never lets pass what that would not, and is the same as long
        /// as there is room.
        #[test]
        fn the_bound_of_the_memory_lets_nobody_pass(
            acts in vec((0..12u32, 0..40u64), 1..400),
            capacity in 1..16usize,
        ) {
            let (mut bounded, mut exact) = (small(4, capacity), small(4, usize::MAX));
            let mut now = Duration::ZERO;
            for (who, pause) in acts {
                // Mostly at once.
                now += Duration::from_secs(pause.saturating_sub(25));
                let allowed = bounded.take(now, number(who));
                prop_assert!(bounded.debts.len() <= capacity);
                prop_assert_eq!(bounded.debts.len(), bounded.order.len());
                if capacity >= 12 {
                    prop_assert_eq!(allowed, exact.take(now, number(who)));
                } else if allowed {
                    prop_assert!(exact.take(now, number(who)));
                }
            }
        }
    }
}
