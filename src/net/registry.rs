//! Which connections there are, and whether one more may come.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use slab::Slab;

use crate::hub::ConnId;
use crate::link::Outbox;
use crate::model::CloseReason;
use crate::session::throttle::network_of;

/// The connections of the chat service. A connection holds a [`Ticket`] for as long as it lives.
pub struct Registry {
    max_connections: Option<usize>,
    per_address: Option<usize>,
    exempt: Vec<IpNet>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
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
    /// IPv6 /64 outside the `exempt` networks; `None` is no limit.
    pub fn new(
        max_connections: Option<usize>,
        per_address: Option<usize>,
        exempt: Vec<IpNet>,
    ) -> Arc<Registry> {
        Arc::new(Registry { max_connections, per_address, exempt, inner: Mutex::default() })
    }

    /// Whether the limits by address do not hold for `address`.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.exempt.iter().any(|network| network.contains(&address))
    }

    /// Admits a connection from `address`, or says which limit forbids it.
    pub fn admit(self: &Arc<Self>, address: IpAddr, outbox: &Arc<Outbox>) -> Result<Ticket, CloseReason> {
        let counted = (!self.is_exempt(address)).then(|| network_of(address));
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if self.max_connections.is_some_and(|max| inner.connections.len() >= max) {
            return Err(CloseReason::ServerFull);
        }
        if let Some(network) = counted {
            let count = inner.by_network.get(&network).copied().unwrap_or(0);
            if self.per_address.is_some_and(|max| count >= max) {
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
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).connections.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends `frames` to every connection.
    pub fn send_all(&self, frames: &[u8]) {
        self.outboxes().iter().for_each(|outbox| outbox.send(frames));
    }

    /// Closes every connection with `last` as its last words.
    pub fn close_all(&self, reason: CloseReason, last: &[u8]) {
        self.outboxes().iter().for_each(|outbox| outbox.close(reason, last));
    }

    fn outboxes(&self) -> Vec<Arc<Outbox>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut inner = self.registry.inner.lock().unwrap_or_else(PoisonError::into_inner);
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

    #[test]
    fn limits_hold_and_places_come_back() {
        let registry = Registry::new(Some(3), Some(2), vec!["127.0.0.0/8".parse().unwrap()]);
        let outbox = Outbox::new(10);
        let admit = |address: &str| registry.admit(address.parse().unwrap(), &outbox);
        let first = admit("2001:db8::1").ok().unwrap();
        let second = admit("2001:db8::2").ok().unwrap();
        assert_ne!(first.id(), second.id());
        assert_eq!(admit("2001:db8::3").err(), Some(CloseReason::AddressFull));
        let third = admit("127.0.0.1").ok().unwrap();
        assert_eq!(admit("127.0.0.1").err(), Some(CloseReason::ServerFull));
        drop(first);
        let again = admit("2001:db8::4").ok().unwrap();
        assert_eq!(again.id().slot, 0);
        assert_ne!(again.id().generation, 1);
        drop((second, third, again));
        assert!(registry.is_empty());
        assert!(registry.inner.lock().unwrap().by_network.is_empty());
    }
}
