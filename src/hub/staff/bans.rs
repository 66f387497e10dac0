//! The bans in force, for all who have to look: the accept loop for every connection, the hub at every
//! sign-in.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ipnet::IpNet;

use crate::model::{Timestamp, Uid};
use crate::store::{BANS_MAX, Ban, BanTarget};

/// All bans from the whole server. The hub writes, everybody reads; a look costs one lookup by hash for
/// each length of prefix that any ban has. What has run out no longer holds, whether or not it was
/// taken out already.
#[derive(Debug, Default)]
pub struct BanList {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    accounts: HashMap<Uid, Ban>,
    networks: HashMap<IpNet, Ban>,
    /// How many networks there are of each length of prefix, of IPv4 and of IPv6.
    v4: BTreeMap<u8, usize>,
    v6: BTreeMap<u8, usize>,
}

impl BanList {
    /// The ban of this account.
    pub fn account(&self, now: Timestamp, uid: Uid) -> Option<Ban> {
        self.read().accounts.get(&uid).filter(|ban| ban.holds(now)).cloned()
    }

    /// The ban of a network that holds this address; the one of the smallest such network.
    pub fn address(&self, now: Timestamp, address: IpAddr) -> Option<Ban> {
        let address = address.to_canonical();
        let inner = self.read();
        let lengths = if address.is_ipv4() { &inner.v4 } else { &inner.v6 };
        let networks = lengths.keys().rev().filter_map(|length| IpNet::new(address, *length).ok());
        networks
            .filter_map(|network| inner.networks.get(&network.trunc()))
            .find(|ban| ban.holds(now))
            .cloned()
    }

    /// The ban of exactly this target.
    pub fn of(&self, now: Timestamp, target: BanTarget) -> Option<Ban> {
        match target.canonical() {
            BanTarget::Account(uid) => self.account(now, uid),
            BanTarget::Network(network) => {
                self.read().networks.get(&network).filter(|ban| ban.holds(now)).cloned()
            }
        }
    }

    /// All bans that hold, the newest first.
    pub fn all(&self, now: Timestamp) -> Vec<Ban> {
        let inner = self.read();
        let bans = inner.accounts.values().chain(inner.networks.values());
        let mut bans: Vec<Ban> = bans.filter(|ban| ban.holds(now)).cloned().collect();
        bans.sort_by_key(|ban| (std::cmp::Reverse(ban.at), ban.target));
        bans
    }

    /// Adds a ban, or replaces that of the same target. Returns whether there was room for it.
    pub fn put(&self, now: Timestamp, ban: Ban) -> bool {
        let mut inner = self.write();
        if inner.len() >= BANS_MAX {
            inner.retain(|ban| ban.holds(now));
        }
        let full = inner.len() >= BANS_MAX;
        match ban.target.canonical() {
            BanTarget::Account(uid) => {
                if full && !inner.accounts.contains_key(&uid) {
                    return false;
                }
                inner.accounts.insert(uid, ban);
            }
            BanTarget::Network(network) => {
                let known = inner.networks.contains_key(&network);
                if full && !known {
                    return false;
                }
                inner.networks.insert(network, ban);
                if !known {
                    *inner.lengths(&network).entry(network.prefix_len()).or_default() += 1;
                }
            }
        }
        true
    }

    /// Whether there is no room for another one.
    pub fn is_full(&self, now: Timestamp) -> bool {
        let inner = self.read();
        inner.len() >= BANS_MAX && {
            let bans = inner.accounts.values().chain(inner.networks.values());
            bans.filter(|ban| ban.holds(now)).count() >= BANS_MAX
        }
    }

    /// Takes the ban of exactly this target out.
    pub fn lift(&self, target: BanTarget) {
        let mut inner = self.write();
        match target.canonical() {
            BanTarget::Account(uid) => drop(inner.accounts.remove(&uid)),
            BanTarget::Network(network) => inner.remove(&network),
        }
    }

    /// Takes out what has run out.
    pub fn expire(&self, now: Timestamp) {
        self.write().retain(|ban| ban.holds(now));
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn len(&self) -> usize {
        self.accounts.len() + self.networks.len()
    }

    fn lengths(&mut self, network: &IpNet) -> &mut BTreeMap<u8, usize> {
        if network.addr().is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }

    fn remove(&mut self, network: &IpNet) {
        if self.networks.remove(network).is_none() {
            return;
        }
        let length = network.prefix_len();
        let lengths = self.lengths(network);
        if let Some(count) = lengths.get_mut(&length) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                lengths.remove(&length);
            }
        }
    }

    fn retain(&mut self, keep: impl Fn(&Ban) -> bool) {
        self.accounts.retain(|_, ban| keep(ban));
        let gone: Vec<IpNet> =
            self.networks.iter().filter(|(_, ban)| !keep(ban)).map(|(network, _)| *network).collect();
        gone.iter().for_each(|network| self.remove(network));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Author;

    fn ban(target: BanTarget, until: Option<u64>) -> Ban {
        Ban {
            target,
            nickname: None,
            until: until.map(Timestamp),
            reason: target_text(target),
            by: Author::System,
            at: Timestamp(1),
        }
    }

    fn target_text(target: BanTarget) -> String {
        format!("{target:?}")
    }

    fn network(text: &str) -> BanTarget {
        BanTarget::Network(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_found_in_its_networks_and_time_ends_bans() {
        let bans = BanList::default();
        let now = Timestamp(100);
        for (text, until) in
            [("192.0.2.0/24", None), ("192.0.2.7/32", Some(200)), ("2001:db8::/32", Some(150))]
        {
            assert!(bans.put(now, ban(network(text), until)));
        }
        let found =
            |now: u64, text: &str| bans.address(Timestamp(now), text.parse().unwrap()).map(|ban| ban.target);
        assert_eq!(found(100, "192.0.2.7"), Some(network("192.0.2.7/32")));
        assert_eq!(found(199, "::ffff:192.0.2.7"), Some(network("192.0.2.7/32")));
        assert_eq!(found(200, "192.0.2.7"), Some(network("192.0.2.0/24")));
        assert_eq!(found(100, "192.0.3.7"), None);
        assert_eq!(found(149, "2001:db8::9"), Some(network("2001:db8::/32")));
        assert_eq!(found(150, "2001:db8::9"), None);
        bans.lift(network("192.0.2.0/24"));
        assert_eq!(found(200, "192.0.2.7"), None);
        bans.expire(Timestamp(200));
        let inner = bans.read();
        assert!(inner.networks.is_empty() && inner.v4.is_empty() && inner.v6.is_empty());
    }

    #[test]
    fn accounts_are_banned_until_their_time() {
        let bans = BanList::default();
        bans.put(Timestamp(1), ban(BanTarget::Account(Uid(7)), Some(10)));
        assert!(bans.account(Timestamp(9), Uid(7)).is_some());
        assert!(bans.account(Timestamp(10), Uid(7)).is_none());
        assert!(bans.account(Timestamp(9), Uid(8)).is_none());
        assert_eq!(bans.all(Timestamp(9)).len(), 1);
        assert!(bans.all(Timestamp(10)).is_empty());
    }

    proptest! {
        #[test]
        fn an_address_is_banned_if_and_only_if_a_network_holds_it(
            networks in prop::collection::vec((any::<[u8; 2]>(), 0u8..=32), 0..8),
            lifted in 0usize..8,
            last in any::<[u8; 2]>(),
        ) {
            let bans = BanList::default();
            let mut nets: Vec<IpNet> = networks
                .iter()
                .map(|([a, b], length)| IpNet::new([10, 0, *a & 3, *b].into(), *length).unwrap().trunc())
                .collect();
            nets.iter().for_each(|net| {
                bans.put(Timestamp(0), ban(BanTarget::Network(*net), None));
            });
            if lifted < nets.len() {
                let gone = nets[lifted];
                bans.lift(BanTarget::Network(gone));
                nets.retain(|net| *net != gone);
            }
            let address = IpAddr::from([10, 0, last[0] & 3, last[1]]);
            let expected = nets.iter().any(|net| net.contains(&address));
            prop_assert_eq!(bans.address(Timestamp(0), address).is_some(), expected);
        }
    }
}
