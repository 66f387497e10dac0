//! The keys of sanctions, of what the guard goes by, and of the audit log.

use std::net::IpAddr;

use ipnet::IpNet;
use sled::IVec;

use super::super::types::{BanTarget, LinkKind, MuteKind};
use super::{
    ACCOUNT_BANS, AUDIT, EXPIRIES, FILTERS, LINKS, MUTES, NETWORK_BANS, SETTINGS, account_uid, of_number,
};
use crate::model::{Timestamp, Uid};

const V4: u8 = 4;
const V6: u8 = 6;

/// The key of a ban, whose target is in the form that the store keeps.
pub(in super::super) fn ban_key(target: BanTarget) -> IVec {
    match target {
        BanTarget::Account(uid) => of_number(ACCOUNT_BANS, uid.0),
        BanTarget::Network(net) => {
            let mut bytes = vec![NETWORK_BANS];
            match net.network() {
                IpAddr::V4(address) => {
                    bytes.push(V4);
                    bytes.extend_from_slice(&address.octets());
                }
                IpAddr::V6(address) => {
                    bytes.push(V6);
                    bytes.extend_from_slice(&address.octets());
                }
            }
            bytes.push(net.prefix_len());
            IVec::from(bytes)
        }
    }
}

/// The target in the key of a ban; `None` also if it is not in the form that the store keeps.
pub(in super::super) fn ban_target(key: &[u8]) -> Option<BanTarget> {
    let target = match key {
        [ACCOUNT_BANS, ..] => BanTarget::Account(account_uid(key)?),
        [NETWORK_BANS, V4, address @ .., bits] => {
            let address: [u8; 4] = address.try_into().ok()?;
            BanTarget::Network(IpNet::new(IpAddr::from(address), *bits).ok()?)
        }
        [NETWORK_BANS, V6, address @ .., bits] => {
            let address: [u8; 16] = address.try_into().ok()?;
            BanTarget::Network(IpNet::new(IpAddr::from(address), *bits).ok()?)
        }
        _ => return None,
    };
    (target.canonical() == target).then_some(target)
}

fn mute_kind_number(kind: MuteKind) -> u8 {
    match kind {
        MuteKind::Text => 0,
        MuteKind::Media => 1,
    }
}

pub(in super::super) fn mute_key(uid: Uid, kind: MuteKind) -> IVec {
    let mut bytes = of_number(MUTES, uid.0).to_vec();
    bytes.push(mute_kind_number(kind));
    IVec::from(bytes)
}

/// The account and the kind in the key of a mute.
pub(in super::super) fn mute_place(key: &[u8]) -> Option<(Uid, MuteKind)> {
    let (number, rest) = key.split_last()?;
    let kind = MuteKind::ALL.into_iter().find(|kind| mute_kind_number(*kind) == *number)?;
    Some((account_uid(rest)?, kind))
}

/// The key of what one account has in a table that has one entry for each.
pub(in super::super) fn personal_key(table: u8, uid: Uid) -> IVec {
    of_number(table, uid.0)
}

/// The key that says when the ban or mute with `key` runs out.
pub(in super::super) fn expiry_key(until: Timestamp, key: &[u8]) -> IVec {
    let mut bytes = vec![EXPIRIES];
    bytes.extend_from_slice(&until.0.to_be_bytes());
    bytes.extend_from_slice(key);
    IVec::from(bytes)
}

/// The moment in an expiry key, and the key of what runs out.
pub(in super::super) fn expiry_parts(key: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (until, rest) = key.get(1..)?.split_first_chunk::<8>()?;
    Some((Timestamp(u64::from_be_bytes(*until)), rest))
}

pub(in super::super) fn setting_key(name: &str) -> IVec {
    let mut bytes = vec![SETTINGS];
    bytes.extend_from_slice(name.as_bytes());
    IVec::from(bytes)
}

/// The name in the key of a setting.
pub(in super::super) fn setting_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(1..)?).ok()
}

pub(in super::super) fn filter_key(id: u32) -> IVec {
    of_number(FILTERS, id)
}

/// The number in the key of a filter.
pub(in super::super) fn filter_id(key: &[u8]) -> Option<u32> {
    account_uid(key).map(|number| number.0)
}

fn link_kind_number(kind: LinkKind) -> u8 {
    match kind {
        LinkKind::Domain => 0,
        LinkKind::Url => 1,
        LinkKind::Regex => 2,
    }
}

pub(in super::super) fn link_key(kind: LinkKind, text: &str) -> IVec {
    let mut bytes = vec![LINKS, link_kind_number(kind)];
    bytes.extend_from_slice(text.as_bytes());
    IVec::from(bytes)
}

/// The kind and the text in the key of an allowed link.
pub(in super::super) fn link_parts(key: &[u8]) -> Option<(LinkKind, &str)> {
    let (number, text) = key.get(1..)?.split_first()?;
    let kinds = [LinkKind::Domain, LinkKind::Url, LinkKind::Regex];
    let kind = kinds.into_iter().find(|kind| link_kind_number(*kind) == *number)?;
    Some((kind, std::str::from_utf8(text).ok()?))
}

pub(in super::super) fn audit_key(seq: u64) -> IVec {
    let mut bytes = vec![AUDIT];
    bytes.extend_from_slice(&seq.to_be_bytes());
    IVec::from(bytes)
}

/// The number in the key of an entry of the audit log.
pub(in super::super) fn audit_seq(key: &[u8]) -> Option<u64> {
    key.get(1..)?.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_they_were_made_of() {
        for text in ["192.0.2.7/32", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::/64", "::/0", "2001:db8::7/128"]
        {
            let target = BanTarget::Network(text.parse().unwrap());
            assert_eq!(ban_target(&ban_key(target)), Some(target), "{text}");
        }
        let target = BanTarget::Account(Uid(0x0102_0304));
        let key = ban_key(target);
        assert_eq!((key.as_ref(), ban_target(&key)), (&[13, 1, 2, 3, 4][..], Some(target)));
        for kind in MuteKind::ALL {
            assert_eq!(mute_place(&mute_key(Uid(7), kind)), Some((Uid(7), kind)));
        }
        assert_eq!(expiry_parts(&expiry_key(Timestamp(300), &key)), Some((Timestamp(300), key.as_ref())));
        assert!(expiry_key(Timestamp(255), &[9]) < expiry_key(Timestamp(256), &[1]));
        assert_eq!(setting_name(&setting_key("spam.cooldown")), Some("spam.cooldown"));
        assert_eq!(filter_id(&filter_key(70_000)), Some(70_000));
        let link = link_key(LinkKind::Url, "http://x/é");
        assert_eq!(link_parts(&link), Some((LinkKind::Url, "http://x/é")));
        assert_eq!(audit_seq(&audit_key(1 << 40)), Some(1 << 40));
    }

    #[test]
    fn strange_keys_say_nothing() {
        for key in [
            &[13, 1, 2, 3][..],
            &[14, 4, 192, 0, 2, 7, 24],
            &[14, 4, 192, 0, 2, 7, 33],
            &[14, 4, 192, 0, 2, 32],
            &[14, 5, 192, 0, 2, 7, 32],
            &[14, 6, 192, 0, 2, 7, 32],
            &[14],
            &[],
        ] {
            assert_eq!(ban_target(key), None, "{key:?}");
        }
        assert_eq!(mute_place(&[15, 0, 0, 0, 7, 2]), None);
        assert_eq!(mute_place(&[15, 0, 0, 7, 1]), None);
        assert_eq!(expiry_parts(&[19, 0, 0]), None);
        assert_eq!(setting_name(&[20, 0xff]), None);
        assert_eq!(filter_id(&[21, 0]), None);
        assert_eq!(link_parts(&[22]), None);
        assert_eq!(link_parts(&[22, 3, b'x']), None);
        assert_eq!(audit_seq(&[23, 1]), None);
    }
}
