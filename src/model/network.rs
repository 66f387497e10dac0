//! Networks as people type them.

use std::net::IpAddr;

use ipnet::IpNet;

/// The network that `text` names: `192.0.2.0/24`, or an address such as `::1`, which is a network of its own.
pub fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_network_of_its_own() {
        let shown = |text| network(text).map(|network| network.to_string());
        assert_eq!(shown("192.0.2.0/24").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(shown("192.0.2.7").as_deref(), Some("192.0.2.7/32"));
        assert_eq!(shown("::1").as_deref(), Some("::1/128"));
        for text in ["", "bob", "192.0.2", "192.0.2.0/33", "192.0.2.7 "] {
            assert_eq!(shown(text), None, "{text}");
        }
    }
}
