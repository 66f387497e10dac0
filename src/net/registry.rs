//! Which connections there are, and whether one more may come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use slab::Slab;

use crate::config::Limits;
use crate::hub::ConnId;
use crate::hub::staff::BanList;
use crate::link::Outbox;
use crate::model::{CloseReason, Timestamp};
use crate::session::throttle::network_of;

/// The connections of the chat service. A connection holds a [`Ticket`] for as long as it lives.
pub struct Registry {
    bans: Arc<BanList>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    max_connections: Option<usize>,
    per_address: Option<usize>,
    exempt: Vec<IpNet>,
    connections: Slab<Arc<Outbox>>,
    by_network: HashMap<IpAddr, usize>,
    generation: u32,
}

/// A connection's entry; dropping it makes room for another.
pub struct Ticket {
    registry: Arc<Registry>,
    id: ConnId,
    counted: Option<IpAddr>,
}

impl Registry {
    /// A registry that admits `max_connections` in all and `per_address` from one IPv4 address or
    /// IPv6 /64 outside the `exempt` networks; `None` is no limit. From a network in `bans` it admits
    /// nobody.
    pub fn new(
        max_connections: Option<usize>,
        per_address: Option<usize>,
        exempt: Vec<IpNet>,
        bans: Arc<BanList>,
    ) -> Arc<Registry> {
        let inner = Inner { max_connections, per_address, exempt, ..Inner::default() };
        Arc::new(Registry { bans, inner: Mutex::new(inner) })
    }

    /// Has other limits count from now on; see [`Registry::new`]. Who is connected stays.
    pub fn set_limits(&self, limits: &Limits) {
        let mut inner = self.lock();
        inner.max_connections = limits.max_connections;
        inner.per_address = limits.connections_per_address;
        inner.exempt.clone_from(&limits.exempt);
    }

    /// Whether there is no room for another connection.
    pub fn is_full(&self) -> bool {
        let inner = self.lock();
        inner.max_connections.is_some_and(|max| inner.connections.len() >= max)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection from `address` at `now`, or says which limit or ban forbids it.
    pub fn admit(
        self: &Arc<Self>,
        now: Timestamp,
        address: IpAddr,
        outbox: &Arc<Outbox>,
    ) -> Result<Ticket, CloseReason> {
        if self.bans.address(now, address).is_some() {
            return Err(CloseReason::Banned);
        }
        let mut inner = self.lock();
        let canonical = address.to_canonical();
        let exempt = inner.exempt.iter().any(|network| network.contains(&canonical));
        let counted = (!exempt).then(|| network_of(address));
        if inner.max_connections.is_some_and(|max| inner.connections.len() >= max) {
            return Err(CloseReason::ServerFull);
        }
        if let Some(network) = counted {
            let count = inner.by_network.get(&network).copied().unwrap_or(0);
            if inner.per_address.is_some_and(|max| count >= max) {
                return Err(CloseReason::AddressFull);
            }
            inner.by_network.insert(network, count + 1);
        }
        // Slots are used again; the generation tells their holders apart.
        inner.generation = inner.generation.wrapping_add(1);
        let generation = inner.generation;
        let slot = inner.connections.insert(Arc::clone(outbox));
        let id = ConnId { slot: u32::try_from(slot).unwrap_or(u32::MAX), generation };
        Ok(Ticket { registry: Arc::clone(self), id, counted })
    }

    /// Connections open now.
    pub fn len(&self) -> usize {
        self.lock().connections.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes every connection with `last` as its last words.
    pub fn close_all(&self, reason: CloseReason, last: &[u8]) {
        self.outboxes().iter().for_each(|outbox| outbox.close(reason, last));
    }

    fn outboxes(&self) -> Vec<Arc<Outbox>> {
        let inner = self.lock();
        inner.connections.iter().map(|(_, outbox)| Arc::clone(outbox)).collect()
    }
}

impl Ticket {
    /// The connection's id, unique for the life of the daemon.
    pub fn id(&self) -> ConnId {
        self.id
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut inner = self.registry.lock();
        inner.connections.try_remove(self.id.slot as usize);
        if let Some(network) = self.counted
            && let Some(count) = inner.by_network.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                inner.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Author;
    use crate::store::{Ban, BanTarget};

    #[test]
    fn limits_hold_and_places_come_back() {
        let registry = Registry::new(Some(3), Some(2), vec!["127.0.0.0/8".parse().unwrap()], Arc::default());
        let outbox = Outbox::new(10);
        let admit = |address: &str| registry.admit(Timestamp(0), address.parse().unwrap(), &outbox);
        let first = admit("2001:db8::1").ok().unwrap();
        let second = admit("2001:db8::2").ok().unwrap();
        assert_ne!(first.id(), second.id());
        assert_eq!(admit("2001:db8::3").err(), Some(CloseReason::AddressFull));
        let third = admit("127.0.0.1").ok().unwrap();
        assert_eq!(admit("127.0.0.1").err(), Some(CloseReason::ServerFull));
        registry.set_limits(&Limits { max_connections: Some(4), exempt: Vec::new(), ..Limits::default() });
        let fourth = admit("127.0.0.1").ok().unwrap();
        assert!(registry.is_full());
        assert_eq!(admit("127.0.0.1").err(), Some(CloseReason::ServerFull));
        drop((fourth, first));
        let again = admit("2001:db8::4").ok().unwrap();
        assert_eq!(again.id().slot, 0);
        assert_ne!(again.id().generation, 1);
        drop((second, third, again));
        assert!(registry.is_empty());
        assert!(registry.inner.lock().unwrap().by_network.is_empty());
    }

    #[test]
    fn a_banned_network_stays_outside_until_its_time() {
        let bans = Arc::new(BanList::default());
        let ban = Ban {
            target: BanTarget::Network("127.1.0.0/16".parse().unwrap()),
            nickname: None,
            until: Some(Timestamp(10)),
            reason: String::new(),
            by: Author::System,
            at: Timestamp(1),
        };
        bans.put(Timestamp(1), ban);
        let registry = Registry::new(None, None, vec!["127.0.0.0/8".parse().unwrap()], bans);
        let outbox = Outbox::new(10);
        let admit =
            |now, address: &str| registry.admit(Timestamp(now), address.parse().unwrap(), &outbox).err();
        assert_eq!(admit(9, "127.1.2.3"), Some(CloseReason::Banned), "exempt from limits, not from bans");
        assert_eq!(admit(9, "127.2.2.3"), None);
        assert_eq!(admit(10, "127.1.2.3"), None);
    }
}
