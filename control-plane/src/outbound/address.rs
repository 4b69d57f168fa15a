//! Which addresses an operator-given URL may lead to. Pure; name resolution is the resolver's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Why an address is not connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Unspecified, multicast, broadcast or reserved: never a server.
    NotUnicast,
    /// Link-local: also where clouds keep instance metadata. No setting allows it.
    LinkLocal,
    /// A cloud's metadata address outside the link-local range. No setting allows it.
    Metadata,
    /// Loopback, and `allow_private` does not name it.
    Loopback,
    /// A private network, and `allow_private` does not name it.
    Private,
}

impl Refusal {
    /// For messages: "the address is …".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotUnicast => "not a unicast address",
            Self::LinkLocal => "link-local",
            Self::Metadata => "a cloud metadata address",
            Self::Loopback => "a loopback address that outbound.allow_private does not name",
            Self::Private => "a private address that outbound.allow_private does not name",
        }
    }
}

/// The rules: what is never allowed, and the private networks that are.
#[derive(Debug, Clone, Default)]
pub struct AddressRules {
    allow_private: Vec<IpNet>,
}

impl AddressRules {
    /// Rules that let the named private networks through.
    #[must_use]
    pub fn new(allow_private: Vec<IpNet>) -> Self {
        Self { allow_private }
    }

    /// Whether `address` may be connected to.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        let plain = address.to_canonical();
        let verdict = match plain {
            IpAddr::V4(v4) => refuse_v4(v4),
            // An IPv4 address in IPv6 clothes is judged as what it reaches.
            IpAddr::V6(v6) => match embedded_v4(v6) {
                Some(v4) => refuse_v4(v4),
                None => refuse_v6(v6),
            },
        };
        match verdict {
            None => Ok(()),
            Some(Refusal::Loopback | Refusal::Private) if self.allow_private.iter().any(|net| net.contains(&plain)) => {
                Ok(())
            }
            Some(refusal) => Err(refusal),
        }
    }
}

/// Alibaba's, Oracle's and Azure's metadata services stand outside 169.254.0.0/16.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];
/// AWS and Google over IPv6.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn refuse_v4(address: Ipv4Addr) -> Option<Refusal> {
    let [a, b, c, _] = address.octets();
    if METADATA_V4.contains(&address) {
        return Some(Refusal::Metadata);
    }
    match (a, b, c) {
        (0 | 224..=255, ..) => Some(Refusal::NotUnicast),
        (169, 254, _) => Some(Refusal::LinkLocal),
        (127, ..) => Some(Refusal::Loopback),
        // RFC 1918, RFC 6598 (carrier NAT), RFC 6890 (protocol assignments), RFC 2544 (benchmarks).
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _) => {
            Some(Refusal::Private)
        }
        _ => None,
    }
}

fn refuse_v6(address: Ipv6Addr) -> Option<Refusal> {
    if METADATA_V6.contains(&address) {
        return Some(Refusal::Metadata);
    }
    if address.is_unspecified() {
        return Some(Refusal::NotUnicast);
    }
    if address.is_loopback() {
        return Some(Refusal::Loopback);
    }
    let [first, ..] = address.segments();
    match first {
        0xff00..=0xffff => Some(Refusal::NotUnicast),
        0xfe80..=0xfebf => Some(Refusal::LinkLocal),
        // Unique local (RFC 4193), and the site-local range it replaced.
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Some(Refusal::Private),
        _ => None,
    }
}

/// The IPv4 address that NAT64 (RFC 6052), 6to4 (RFC 3056) or the deprecated compatible form would carry the packets to.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0x64, 0xff9b, _, _, _, _, high, low] => from(high, low),
        [0x2002, high, low, ..] => from(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => from(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(address: &str, allow: &[&str], expect: Result<(), Refusal>) {
        let rules = AddressRules::new(allow.iter().map(|net| net.parse().unwrap()).collect());
        assert_eq!(rules.check(address.parse().unwrap()), expect, "{address} with {allow:?}");
    }

    #[test]
    fn lets_public_addresses_through() {
        for address in ["93.184.216.34", "2606:2800:220:1::1", "172.32.0.1", "64:ff9b::5db8:d822"] {
            check(address, &[], Ok(()));
        }
    }

    #[test]
    fn refuses_metadata_and_link_local_whatever_is_allowed() {
        let everything = ["0.0.0.0/0", "::/0"];
        check("169.254.169.254", &everything, Err(Refusal::LinkLocal));
        check("::ffff:169.254.169.254", &everything, Err(Refusal::LinkLocal));
        check("64:ff9b::a9fe:a9fe", &everything, Err(Refusal::LinkLocal));
        check("2002:a9fe:a9fe::1", &everything, Err(Refusal::LinkLocal));
        check("fe80::1", &everything, Err(Refusal::LinkLocal));
        check("fd00:ec2::254", &everything, Err(Refusal::Metadata));
        check("100.100.100.200", &everything, Err(Refusal::Metadata));
        check("0.0.0.0", &everything, Err(Refusal::NotUnicast));
        check("::", &everything, Err(Refusal::NotUnicast));
        check("224.0.0.1", &everything, Err(Refusal::NotUnicast));
        check("255.255.255.255", &everything, Err(Refusal::NotUnicast));
        check("ff02::1", &everything, Err(Refusal::NotUnicast));
    }

    #[test]
    fn private_addresses_need_to_be_named() {
        check("127.0.0.1", &[], Err(Refusal::Loopback));
        check("127.0.0.1", &["127.0.0.0/8"], Ok(()));
        check("::ffff:127.0.0.1", &["127.0.0.0/8"], Ok(()));
        check("::1", &["127.0.0.0/8"], Err(Refusal::Loopback));
        check("10.1.2.3", &["10.1.0.0/16"], Ok(()));
        check("10.2.2.3", &["10.1.0.0/16"], Err(Refusal::Private));
        check("192.168.0.1", &[], Err(Refusal::Private));
        check("fc00::1", &[], Err(Refusal::Private));
        check("64:ff9b::a00:1", &[], Err(Refusal::Private));
    }

    proptest! {
        #[test]
        fn every_clothing_of_a_refused_v4_address_is_refused(bits: u32) {
            let v4 = Ipv4Addr::from(bits);
            let rules = AddressRules::default();
            let expect = rules.check(v4.into());
            prop_assert_eq!(rules.check(v4.to_ipv6_mapped().into()), expect);
            let [a, b, c, d] = v4.octets();
            let low = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
            let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, low[0], low[1]);
            prop_assert_eq!(rules.check(nat64.into()), expect);
        }

        #[test]
        fn no_v6_address_panics(bits: u128) {
            let _ = AddressRules::default().check(Ipv6Addr::from(bits).into());
        }
    }
}
