//! Which addresses a plugin may reach. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How far a request may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wasm) enum Reach {
    /// Addresses of the public internet only.
    Public,
    /// Loopback and private addresses too. Never link-local ones: cloud metadata lives there.
    Private,
}

/// Why a host was not dialled.
#[derive(Debug, thiserror::Error)]
pub(in crate::wasm) enum DialError {
    /// An address of the host may not be reached.
    #[error("{host} has the {class} address {address}")]
    Prohibited {
        host: String,
        address: IpAddr,
        class: &'static str,
        /// Whether a grant of private addresses would let it through.
        grantable: bool,
    },
    /// The name has no address.
    #[error("the name {host} could not be resolved: {why}")]
    Unresolved { host: String, why: String },
    /// The name server took too long.
    #[error("the name {0} was not resolved within 5 s")]
    LookupTimeout(String),
}

/// Checks one address of `host`.
pub(super) fn check(host: &str, address: IpAddr, reach: Reach) -> Result<(), DialError> {
    let class = class(address);
    let fits = match class {
        Class::Public => true,
        Class::Private(_) => reach == Reach::Private,
        Class::Never(_) => false,
    };
    if fits {
        return Ok(());
    }
    let (Class::Never(name) | Class::Private(name)) = class else {
        return Ok(());
    };
    Err(DialError::Prohibited {
        host: host.to_owned(),
        address,
        class: name,
        grantable: matches!(class, Class::Private(_)),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Public,
    Private(&'static str),
    Never(&'static str),
}

fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => class_v4(v4),
        IpAddr::V6(v6) => class_v6(v6),
    }
}

/// By the IANA registry of special-purpose addresses (RFC 6890 and its successors).
fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [0, ..] => Class::Never("unspecified"),
        [127, ..] => Class::Private("loopback"),
        [10, ..] | [192, 168, ..] => Class::Private("private"),
        [172, second, ..] if (16..32).contains(&second) => Class::Private("private"),
        // https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
        // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
        [100, 100, 100, 200] | [168, 63, 129, 16] => Class::Never("cloud metadata"),
        [100, second, ..] if (64..128).contains(&second) => Class::Private("carrier-grade NAT"),
        [169, 254, ..] => Class::Never("link-local"),
        [192, 0, 0, _] => Class::Never("protocol assignment"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Never("documentation"),
        [192, 88, 99, _] => Class::Never("6to4 relay"),
        [198, 18 | 19, ..] => Class::Private("benchmarking"),
        [224..=239, ..] => Class::Never("multicast"),
        [240..=255, ..] => Class::Never("reserved"),
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    if let Some(v4) = embedded_v4(address) {
        return match class_v4(v4) {
            Class::Public => Class::Never("IPv4-carrying"),
            other => other,
        };
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Never("unspecified"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Private("loopback"),
        // Instance metadata and credentials of EC2 and EKS, and metadata of Google's machines:
        // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
        // https://docs.cloud.google.com/compute/docs/metadata/querying-metadata
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] => Class::Never("cloud metadata"),
        [first, ..] if first & 0xfe00 == 0xfc00 => Class::Private("private (unique local)"),
        [first, ..] if first & 0xffc0 == 0xfe80 => Class::Never("link-local"),
        [first, ..] if first & 0xffc0 == 0xfec0 => Class::Never("site-local"),
        [first, ..] if first & 0xff00 == 0xff00 => Class::Never("multicast"),
        [0x2001, second, ..] if second < 0x0200 => Class::Never("protocol assignment"),
        [0x2001, 0x0db8, ..] => Class::Never("documentation"),
        [0x3fff, second, ..] if second < 0x1000 => Class::Never("documentation"),
        [first, ..] if (0x2000..0x4000).contains(&first) => Class::Public,
        _ => Class::Never("reserved"),
    }
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, translated, NAT64 and 6to4 forms. The
/// prefix of local NAT64 (RFC 8215, `64:ff9b:1::/48`) is not among them: where the address stands in
/// it is the network's choice, so it is reserved below, as is Teredo (`2001::/32`).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// All the addresses of a name, when every one is within reach. These are dialled: nobody asks again.
pub(super) fn checked(
    host: &str,
    addresses: Vec<IpAddr>,
    reach: Reach,
) -> Result<Vec<SocketAddr>, DialError> {
    if addresses.is_empty() {
        return Err(DialError::Unresolved {
            host: host.to_owned(),
            why: "it has no address".to_owned(),
        });
    }
    for address in &addresses {
        check(host, *address, reach)?;
    }
    // The URL has the port.
    Ok(addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, 0))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(address: &str) -> (bool, bool) {
        let address = address.parse().expect("an address");
        (
            check("h", address, Reach::Public).is_ok(),
            check("h", address, Reach::Private).is_ok(),
        )
    }

    #[test]
    fn a_name_with_any_address_out_of_reach_is_not_dialled() {
        let at = |address: &str| -> IpAddr { address.parse().expect("an address") };
        let dialled = |address: &IpAddr| SocketAddr::new(*address, 0);
        let mixed = vec![at("8.8.8.8"), at("127.0.0.1")];
        assert!(checked("h", mixed.clone(), Reach::Public).is_err());
        assert_eq!(
            checked("h", mixed.clone(), Reach::Private).expect("reached"),
            mixed.iter().map(dialled).collect::<Vec<_>>()
        );
        let metadata = vec![at("8.8.8.8"), at("169.254.169.254")];
        assert!(checked("h", metadata, Reach::Private).is_err());
        assert!(checked("h", Vec::new(), Reach::Private).is_err());
    }

    #[test]
    fn public_addresses_are_reached_either_way() {
        for address in [
            "8.8.8.8",
            "1.1.1.1",
            "2606:4700::1111",
            "2a00::1",
            "172.32.0.1",
            "100.128.0.1",
        ] {
            assert_eq!(verdicts(address), (true, true), "{address}");
        }
    }

    #[test]
    fn private_addresses_need_the_grant() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert_eq!(verdicts(address), (false, true), "{address}");
        }
    }

    #[test]
    fn some_addresses_are_never_reached() {
        for address in [
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "2001:db8::1",
            "::ffff:8.8.8.8",
            "2001:0::1",
            "fec0::1",
            "::7f00:2:1",
            "64:ff9b:1::7f00:1",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "64:ff9b:0:1::7f00:1",
        ] {
            assert_eq!(verdicts(address), (false, false), "{address}");
        }
    }

    #[test]
    fn no_ipv6_form_of_a_prohibited_ipv4_address_is_reached() {
        for v4 in ["169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.1"] {
            let [a, b, c, d] = v4.parse::<Ipv4Addr>().expect("an address").octets();
            let (high, low) = (format!("{a:02x}{b:02x}"), format!("{c:02x}{d:02x}"));
            let (inverse_high, inverse_low) =
                (format!("{:02x}{:02x}", !a, !b), format!("{:02x}{:02x}", !c, !d));
            for form in [
                format!("::ffff:{high}:{low}"),
                format!("::{high}:{low}"),
                format!("::ffff:0:{high}:{low}"),
                format!("64:ff9b::{high}:{low}"),
                format!("64:ff9b:1::{high}:{low}"),
                format!("64:ff9b:1:{high}:{low}::"),
                format!("2002:{high}:{low}::1"),
                format!("2001:0:{high}:{low}::1"),
                format!("2001:0:808:808:0:0:{inverse_high}:{inverse_low}"),
            ] {
                assert_eq!(verdicts(&form), (false, false), "{v4} as {form}");
            }
        }
    }
}
