//! Values that are addresses.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use ipnet::IpNet;

use super::Location;
use super::values::{Codec, Problems, Value, list, quote, show_list};
use crate::model::network;

/// A list of `"ip:port"`.
pub(super) struct Addresses {
    /// The fewest addresses that make sense.
    pub(super) at_least: usize,
}

impl Codec<Vec<SocketAddr>> for Addresses {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Vec<SocketAddr>> {
        let addresses = list(value, problems, "an address", |text| {
            text.parse::<SocketAddr>().map_err(|_| {
                format!("{} is not an address like \"0.0.0.0:5001\" or \"[::]:5001\"", quote(text))
            })
        })?;
        if addresses.len() < self.at_least {
            problems.note(value, "must name at least one address");
            return None;
        }
        let addresses: Vec<_> = addresses.into_iter().collect();
        problems.addresses.extend(addresses.iter().cloned());
        Some(addresses.into_iter().map(|(_, address)| address).collect())
    }

    fn show(&self, value: &Vec<SocketAddr>) -> String {
        show_list(value.iter().map(SocketAddr::to_string))
    }
}

/// A list of addresses and networks.
pub(super) struct Networks;

impl Codec<Vec<IpNet>> for Networks {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Vec<IpNet>> {
        let networks = list(value, problems, "an address or network", |text| {
            network(text).ok_or_else(|| {
                format!("{} is not an address or network like \"192.0.2.0/24\" or \"::1\"", quote(text))
            })
        })?;
        Some(networks.into_iter().map(|(_, network)| network).collect())
    }

    fn show(&self, value: &Vec<IpNet>) -> String {
        show_list(value.iter().map(|network| {
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().to_string()
            } else {
                network.to_string()
            }
        }))
    }
}

/// `"auto"` or an IPv4 address with a port.
pub(super) struct LocationText;

impl Codec<Location> for LocationText {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Location> {
        let text = problems.text(value, "\"auto\" or an address")?;
        if text == "auto" {
            return Some(Location::Auto);
        }
        match text.parse::<SocketAddrV4>() {
            Ok(address) if address.port() != 0 && !address.ip().is_unspecified() => {
                Some(Location::Fixed(address))
            }
            _ => {
                problems.note(
                    value,
                    format!("{} is neither \"auto\" nor an IPv4 address that clients can reach, like \"192.0.2.10:5001\"", quote(text)),
                );
                None
            }
        }
    }

    fn show(&self, value: &Location) -> String {
        match value {
            Location::Auto => quote("auto"),
            Location::Fixed(address) => quote(&address.to_string()),
        }
    }
}

/// `"auto"` or an IPv4 address.
pub(super) struct AddressText;

impl Codec<Option<Ipv4Addr>> for AddressText {
    fn read(&self, value: &Value<'_>, problems: &mut Problems) -> Option<Option<Ipv4Addr>> {
        let text = problems.text(value, "\"auto\" or an address")?;
        if text == "auto" {
            return Some(None);
        }
        match text.parse::<Ipv4Addr>() {
            Ok(address) if !address.is_unspecified() => Some(Some(address)),
            _ => {
                problems.note(
                    value,
                    format!(
                        "{} is neither \"auto\" nor an IPv4 address that clients can reach, like \"192.0.2.10\"",
                        quote(text)
                    ),
                );
                None
            }
        }
    }

    fn show(&self, value: &Option<Ipv4Addr>) -> String {
        value.map_or_else(|| quote("auto"), |address| quote(&address.to_string()))
    }
}
