//! Which gateways are reached without a proxy: the list of `NO_PROXY` and of the option.
//!
//! Entries are separated by commas or spaces. Each is `*`, for every host; a name, which covers the
//! names below it as well, whether it begins with `.` or `*.` or neither; an address, an IPv6 one
//! in brackets or without; or a network, as `10.0.0.0/8`. A name or an address may be followed by
//! `:PORT`, and is then about that port alone. This is the union of what curl and Go's library read.
//!
//! No name is resolved: an address in the list says nothing about a gateway that is given by name.

use std::net::IpAddr;

use url::{Host, Url};

/// One entry.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    All,
    Name(String, Option<u16>),
    Address(IpAddr, Option<u16>),
    Network(IpAddr, u8),
}

/// Whether `list` covers `gateway`. What is no entry covers nothing.
pub(crate) fn covers(list: &str, gateway: &Url) -> bool {
    entries(list).filter_map(Entry::parse).any(|entry| entry.covers(gateway))
}

/// The number, from 1, of the first entry that is none.
pub(crate) fn first_mistake(list: &str) -> Option<usize> {
    entries(list).position(|entry| Entry::parse(entry).is_none()).map(|index| index + 1)
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty())
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address: IpAddr = address.parse().ok()?;
            let bits = bits.parse().ok()?;
            return (bits <= width(address)).then_some(Self::Network(address, bits));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Address(address, None));
        }
        let (host, port) = match text.rsplit_once(':') {
            // The last colon of an address in brackets is inside of them.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (text, None),
        };
        let name = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
        match Host::parse(name).ok()? {
            Host::Domain(name) => {
                let name = name.trim_end_matches('.');
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                (!name.is_empty() && name.chars().all(plain))
                    .then(|| Self::Name(name.to_owned(), port))
            }
            Host::Ipv4(address) => Some(Self::Address(address.into(), port)),
            Host::Ipv6(address) => Some(Self::Address(address.into(), port)),
        }
    }

    fn covers(&self, gateway: &Url) -> bool {
        let same = |port: &Option<u16>| port.is_none() || *port == gateway.port_or_known_default();
        let address = match gateway.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        match self {
            Self::All => true,
            Self::Name(name, port) => {
                // A URL's name is in small letters and ASCII, as the entry's.
                let Some(Host::Domain(host)) = gateway.host() else { return false };
                let rest = host.trim_end_matches('.').strip_suffix(name.as_str());
                same(port) && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Address(listed, port) => same(port) && address == Some(*listed),
            Self::Network(network, bits) => {
                address.is_some_and(|address| prefix(address, *bits) == prefix(*network, *bits))
            }
        }
    }
}

/// Bits of an address.
fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The first bits of an address, and of which kind it is.
fn prefix(address: IpAddr, bits: u8) -> (u8, u128) {
    let all = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    };
    let width = width(address);
    (width, all.checked_shr(u32::from(width - bits.min(width))).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn covered(gateway: &str, list: &str) -> bool {
        covers(list, &Url::parse(gateway).unwrap())
    }

    #[test]
    fn a_name_covers_itself_and_what_is_below_it() {
        for list in ["g.example", ".g.example", "*.g.example", "G.Example.", "x y,g.example"] {
            for gateway in ["http://g.example", "https://a.b.g.example:8", "http://g.example./"] {
                assert!(covered(gateway, list), "{gateway} by {list}");
            }
            for gateway in ["http://notg.example", "http://example", "http://g.example.net"] {
                assert!(!covered(gateway, list), "{gateway} by {list}");
            }
        }
        assert!(covered("http://b\u{fc}cher.example", "B\u{dc}CHER.example"));
    }

    #[test]
    fn a_port_is_part_of_an_entry() {
        for (gateway, list, is) in [
            ("http://g:8080", "g:8080", true),
            ("http://g:8081", "g:8080", false),
            ("http://g", "g:80", true),
            ("https://g", "g:80", false),
            ("https://a.g", "*.g:443", true),
            ("http://10.0.0.1:8080", "10.0.0.1:8080", true),
            ("http://10.0.0.1", "10.0.0.1:8080", false),
            ("http://[::1]", "::1", true),
            ("http://[::1]:9", "[::1]", true),
            ("http://[::1]:9", "[::1]:9", true),
            ("http://[::1]:8", "[::1]:9", false),
        ] {
            assert_eq!(covered(gateway, list), is, "{gateway} by {list}");
        }
    }

    #[test]
    fn what_is_no_entry_covers_nothing_and_is_found() {
        for entry in
            ["g:x", "g:99999", ":80", "[::1", "10.0.0.0/33", "fd00::/129", "g/8", "..", "a*b"]
        {
            assert_eq!(first_mistake(&format!("a, {entry} b")), Some(2), "{entry}");
            for gateway in ["http://g", "http://[::1]", "http://10.0.0.1"] {
                assert!(!covered(gateway, entry), "{gateway} by {entry}");
            }
        }
        for list in ["", " , ", "*", "a.b:1,.c,*.d ::1\t[::1]:2 10.0.0.0/8,fd00::/8, a_b"] {
            assert_eq!(first_mistake(list), None, "{list}");
        }
    }

    fn any_address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<u32>().prop_map(|bits| Ipv4Addr::from_bits(bits).into()),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into()),
        ]
    }

    fn host_of(address: IpAddr) -> String {
        if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
    }

    proptest! {
        #[test]
        fn nothing_that_stands_in_a_list_is_a_panic_or_hides_an_entry(noise in ".{0,40}", after: bool) {
            let gateway = Url::parse("http://g.example:8080").unwrap();
            covers(&noise, &gateway);
            let (noise, entry) = (noise.as_str(), "g.example:8080");
            let list = if after { [noise, ",", entry] } else { [entry, " ", noise] }.concat();
            prop_assert!(covers(&list, &gateway), "{list}");
        }

        #[test]
        fn a_name_is_covered_by_every_way_to_write_it(
            name in "[a-z][a-z0-9-]{0,8}(\\.[a-z][a-z0-9]{0,8}){0,3}", below in "([a-z]{1,5}\\.){0,2}",
            form in 0..3_usize, port in 1..u16::MAX, other in 1..u16::MAX,
        ) {
            // Labels that are no punycode after all.
            prop_assume!(!name.contains("--"));
            let gateway = Url::parse(&format!("http://{below}{name}:{port}")).unwrap();
            let entry = [name.clone(), format!(".{name}"), format!("*.{name}")][form].clone();
            prop_assert!(covers(&entry.to_uppercase(), &gateway));
            let with_port = format!("{entry}:{port}");
            prop_assert!(covers(&with_port, &gateway));
            prop_assert_eq!(covers(&format!("{entry}:{other}"), &gateway), port == other);
            let longer = Url::parse(&format!("http://{below}x{name}:{port}")).unwrap();
            prop_assert!(!covers(&entry, &longer));
        }

        #[test]
        fn a_network_is_the_addresses_that_begin_alike(a in any_address(), b in any_address(), bits in 0..=128_u8) {
            let bits = bits.min(width(a));
            let gateway = Url::parse(&format!("http://{}:8", host_of(b))).unwrap();
            let alike = a.is_ipv4() == b.is_ipv4() && {
                let binary = |address: IpAddr| match address {
                    IpAddr::V4(address) => format!("{:032b}", address.to_bits()),
                    IpAddr::V6(address) => format!("{:0128b}", address.to_bits()),
                };
                binary(a)[..usize::from(bits)] == binary(b)[..usize::from(bits)]
            };
            prop_assert_eq!(covers(&format!("{a}/{bits}"), &gateway), alike);
            prop_assert_eq!(covers(&a.to_string(), &gateway), a == b);
            for entry in [b.to_string(), host_of(b), format!("{}:8", host_of(b)), format!("{b}/{bits}")] {
                if b.is_ipv4() && bits > 32 && entry.contains('/') {
                    continue;
                }
                prop_assert!(covers(&entry, &gateway), "{entry}");
            }
        }
    }
}
