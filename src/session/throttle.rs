//! Token buckets, one for each address: how often somebody may try a password or register.

use std::collections::HashMap;
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
#[derive(Debug)]
pub struct Throttle {
    burst: f64,
    refill: Duration,
    capacity: usize,
    buckets: HashMap<IpAddr, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl Throttle {
    /// Networks remembered at once; past that, full buckets are forgotten first, then all others.
    const CAPACITY: usize = 65_536;

    /// A throttle that has seen nobody yet.
    pub fn new(burst: u32, refill: Duration) -> Throttle {
        Throttle { burst: f64::from(burst), refill, capacity: Self::CAPACITY, buckets: HashMap::new() }
    }

    /// Whether `address` may act at `now` (time since start), and if so, takes the token.
    pub fn take(&mut self, now: Duration, address: IpAddr) -> bool {
        let (burst, refill) = (self.burst, self.refill);
        let network = network_of(address);
        if !self.buckets.contains_key(&network) && self.buckets.len() >= self.capacity {
            self.buckets.retain(|_, bucket| bucket.at_time(now, burst, refill) < burst);
            // Unless that made real room, everybody is forgiven: looking through all of them again for
            // each newcomer would cost more than it saves.
            if self.buckets.len() >= self.capacity / 2 {
                self.buckets.clear();
            }
        }
        let bucket = self.buckets.entry(network).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = bucket.at_time(now, burst, refill);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }

    /// Gives back a token: the act turned out harmless.
    pub fn give_back(&mut self, address: IpAddr) {
        if let Some(bucket) = self.buckets.get_mut(&network_of(address)) {
            bucket.tokens = (bucket.tokens + 1.0).min(self.burst);
        }
    }
}

impl Bucket {
    fn at_time(&self, now: Duration, burst: f64, refill: Duration) -> f64 {
        let gained = now.saturating_sub(self.at).as_secs_f64() / refill.as_secs_f64().max(f64::EPSILON);
        (self.tokens + gained).min(burst)
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::new(2, Duration::from_secs(30));
        throttle.capacity = 100;
        for number in 0..10_000u32 {
            throttle.take(Duration::ZERO, IpAddr::V4(number.into()));
            assert!(throttle.buckets.len() <= 100);
        }
    }
}
