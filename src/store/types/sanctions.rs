//! What is held against people: bans, mutes, warnings, strikes, offences.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::super::error::Rejection;
use super::{REASON_MAX, check_author, short};
use crate::model::{Author, Nickname, Timestamp, Uid};

/// Whom a ban keeps out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BanTarget {
    /// An account.
    Account(Uid),
    /// All addresses of a network, which may be a single one. The store keeps networks in one form
    /// ([`BanTarget::canonical`]), whatever form it is given.
    Network(IpNet),
}

impl BanTarget {
    /// The target in the form that the store keeps: networks without host bits, and IPv4 networks that
    /// are written as IPv6 as what they are.
    #[must_use]
    pub fn canonical(self) -> BanTarget {
        match self {
            BanTarget::Account(_) => self,
            BanTarget::Network(net) => BanTarget::Network(canonical(net)),
        }
    }
}

fn canonical(net: IpNet) -> IpNet {
    /// Bits before the IPv4 address in an IPv6 address that stands for it.
    const MAPPED: u8 = 96;
    if let (IpAddr::V4(address), IpNet::V6(_)) = (net.addr().to_canonical(), net)
        && let Some(bits) = net.prefix_len().checked_sub(MAPPED)
        && let Ok(short) = Ipv4Net::new(address, bits)
    {
        return IpNet::V4(short.trunc());
    }
    net.trunc()
}

/// A ban from the whole server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ban {
    /// Whom it keeps out.
    pub target: BanTarget,
    /// The name of whom it was made for, if it was made for somebody.
    pub nickname: Option<Nickname>,
    /// When it ends; never if `None`.
    pub until: Option<Timestamp>,
    /// Why, at most [`REASON_MAX`] characters; may be empty.
    pub reason: String,
    /// Who made it.
    pub by: Author,
    /// When.
    pub at: Timestamp,
}

impl Ban {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        short("the reason", &self.reason, REASON_MAX)?;
        check_author(&self.by)
    }
}

/// What a mute takes away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MuteKind {
    /// Everything that is like a message.
    Text,
    /// Voice, files and calls.
    Media,
}

impl MuteKind {
    /// All kinds, by number.
    pub const ALL: [MuteKind; 2] = [MuteKind::Text, MuteKind::Media];
}

/// A mute of an account by staff.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mute {
    /// What it takes away; an account has at most one mute of each kind.
    pub kind: MuteKind,
    /// When it ends; never if `None`.
    pub until: Option<Timestamp>,
    /// Why, at most [`REASON_MAX`] characters; may be empty.
    pub reason: String,
    /// Who made it.
    pub by: Author,
    /// When.
    pub at: Timestamp,
}

impl Mute {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        short("the reason", &self.reason, REASON_MAX)?;
        check_author(&self.by)
    }
}

/// A warning of an account by staff.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    /// When.
    pub at: Timestamp,
    /// Who gave it.
    pub by: Author,
    /// Why, at most [`REASON_MAX`] characters; may be empty.
    pub reason: String,
}

impl Warning {
    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        short("the reason", &self.reason, REASON_MAX)?;
        check_author(&self.by)
    }
}

/// What the limits on sending hold against an account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct StrikeRecord {
    /// Strikes towards the first stage: 0 to 2; 0 in any stage.
    pub strikes: u8,
    /// The stage of escalation; 0 before the first.
    pub stage: u16,
    /// When the mute ends that the last violation brought.
    pub muted_until: Option<Timestamp>,
    /// Violations, ever.
    pub violations: u32,
    /// Which limit the last violation broke, at most [`StrikeRecord::REASON_MAX`] characters.
    pub last_reason: String,
    /// By how much, at most [`StrikeRecord::DETAIL_MAX`] characters.
    pub last_detail: String,
    /// When the last violation was; 1970 if there was none.
    pub last_at: Timestamp,
}

impl StrikeRecord {
    /// The longest name of a limit, in characters.
    pub const REASON_MAX: usize = 16;
    /// The longest detail, in characters.
    pub const DETAIL_MAX: usize = 120;

    pub(in super::super) fn check(&self) -> Result<(), Rejection> {
        short("the reason", &self.last_reason, Self::REASON_MAX)?;
        short("the detail", &self.last_detail, Self::DETAIL_MAX)
    }
}

/// What the detectors hold against an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OffenceRecord {
    /// Offences that count towards the length of the next mute.
    pub offences: u32,
    /// When the mute ends that the last offence brought.
    pub muted_until: Option<Timestamp>,
    /// When the last offence was; 1970 if there was none.
    pub last_at: Timestamp,
    /// Whether the detectors pass this account over.
    pub exempt: bool,
}

/// Everything that is held against one account. Bans and mutes that have run out may be among it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sanctions {
    /// The ban of the account; bans of its address are not looked at.
    pub ban: Option<Ban>,
    /// Mutes, at most one of each kind.
    pub mutes: Vec<Mute>,
    /// Warnings, oldest first.
    pub warnings: Vec<Warning>,
    /// What the limits hold against it.
    pub strikes: Option<StrikeRecord>,
    /// What the detectors hold against it.
    pub offences: Option<OffenceRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_one_form() {
        for (given, kept) in [
            ("192.0.2.7/32", "192.0.2.7/32"),
            ("192.0.2.7/24", "192.0.2.0/24"),
            ("::ffff:192.0.2.7/128", "192.0.2.7/32"),
            ("::ffff:192.0.2.7/120", "192.0.2.0/24"),
            ("::ffff:192.0.2.7/64", "::/64"),
            ("2001:db8::7/64", "2001:db8::/64"),
        ] {
            let target = BanTarget::Network(given.parse().unwrap()).canonical();
            assert_eq!(target, BanTarget::Network(kept.parse().unwrap()), "{given}");
            assert_eq!(target.canonical(), target);
        }
    }
}
