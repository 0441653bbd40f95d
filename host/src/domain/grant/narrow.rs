//! What two sets of grants have in common. Pure.
//!
//! An answer may be too narrow (two patterns that overlap in part count as having nothing in
//! common), never too wide.

use super::origin::HostPattern;
use super::{Grants, HttpPattern, Origin, PathPart, PrivateNetwork, SecretGrant};

impl Grants {
    /// What is left of these grants when only what `new` grants too may stay. Equal to `self` when
    /// `new` takes nothing away.
    #[must_use]
    pub fn narrowed_to(&self, new: &Self) -> Self {
        let secrets = self.secrets.iter().filter_map(|(name, old)| {
            let kept = old.narrowed_to(new.secrets.get(name)?)?;
            Some((name.clone(), kept))
        });
        Self {
            http: common(&self.http, &new.http, HttpPattern::covers),
            secrets: secrets.collect(),
            permissions: self.permissions.intersection(&new.permissions).copied().collect(),
            private_network: self.private_network.narrowed_to(&new.private_network),
        }
    }
}

impl SecretGrant {
    /// `None` when the value comes from elsewhere now, or when no scope is in both: which of the
    /// manifest's scopes and a list is wider is not known here.
    fn narrowed_to(&self, new: &Self) -> Option<Self> {
        let to = match (&self.to, &new.to) {
            (None, to) | (to, None) => to.clone(),
            (Some(old), Some(new)) => Some(common(old, new, Origin::covers)),
        };
        let scopes = match (&self.scopes, &new.scopes) {
            (None, None) => None,
            (Some(old), Some(new)) => Some(common(old, new, PartialEq::eq)).filter(|both| !both.is_empty()),
            _ => return None,
        };
        (self.source == new.source && self.scopes.is_some() == scopes.is_some()).then(|| Self {
            source: self.source.clone(),
            to,
            kind: self.kind,
            scopes,
        })
    }
}

impl PrivateNetwork {
    fn narrowed_to(&self, new: &Self) -> Self {
        match (self, new) {
            (Self::None, _) | (_, Self::None) => Self::None,
            (Self::All, other) | (other, Self::All) => other.clone(),
            (Self::Only(old), Self::Only(new)) => Self::Only(common(old, new, Origin::covers)),
        }
    }
}

/// The entries of each list that the other covers; `old` itself when `new` covers all of it.
fn common<T: Clone>(old: &[T], new: &[T], covers: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let within = |item: &T, list: &[T]| list.iter().any(|wide| covers(wide, item));
    let kept: Vec<T> = old.iter().filter(|item| within(item, new)).cloned().collect();
    if kept.len() == old.len() {
        return kept;
    }
    let narrower = new
        .iter()
        .filter(|item| within(item, old) && !within(item, &kept))
        .cloned();
    kept.iter().cloned().chain(narrower).collect()
}

impl Origin {
    /// Whether every host of `other` is one of these.
    fn covers(&self, other: &Self) -> bool {
        let below = |name: &str, domain: &str| {
            name.strip_suffix(domain)
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        let host = match (&self.host, &other.host) {
            (HostPattern::Exact(a), HostPattern::Exact(b)) => a == b,
            (HostPattern::Exact(_), HostPattern::Below(_)) => false,
            (HostPattern::Below(domain), HostPattern::Exact(name)) => below(name, domain),
            (HostPattern::Below(domain), HostPattern::Below(name)) => name == domain || below(name, domain),
        };
        self.scheme == other.scheme && self.port == other.port && host
    }
}

impl HttpPattern {
    /// Whether every request that `other` covers is covered by this.
    fn covers(&self, other: &Self) -> bool {
        (self.method.is_none() || self.method == other.method)
            && self.origin.covers(&other.origin)
            && path_covers(&self.path, &other.path)
    }
}

fn path_covers(wide: &[PathPart], narrow: &[PathPart]) -> bool {
    match (wide.split_first(), narrow.split_first()) {
        (Some((PathPart::Rest, _)), _) | (None, None) => true,
        (Some((PathPart::One, wide)), Some((PathPart::One, narrow))) => path_covers(wide, narrow),
        (Some((PathPart::One, wide)), Some((PathPart::Segment(text), narrow))) => {
            !text.is_empty() && path_covers(wide, narrow)
        }
        (Some((PathPart::Segment(a), wide)), Some((PathPart::Segment(b), narrow))) => {
            a == b && path_covers(wide, narrow)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::grant::{Grants, HttpPattern, Permission, PrivateNetwork, SecretGrant, SecretSource};

    fn grants(http: &[&str]) -> Grants {
        Grants {
            http: http.iter().map(|text| text.parse().expect("a pattern")).collect(),
            ..Grants::default()
        }
    }

    fn left(old: &[&str], new: &[&str]) -> Vec<String> {
        let left = grants(old).narrowed_to(&grants(new));
        left.http.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wider_pattern_keeps_the_old_one_and_a_narrower_one_replaces_it() {
        for (narrow, wide) in [
            ("GET https://a.com/x", "* https://a.com/x"),
            ("GET https://a.com/x", "GET https://a.com/*"),
            ("GET https://a.com/x/*/z", "GET https://a.com/x/**"),
            ("GET https://b.a.com/", "GET https://*.a.com/**"),
            ("GET https://*.b.a.com/", "GET https://*.a.com/"),
        ] {
            assert_eq!(left(&[narrow], &[wide]), [narrow], "{wide}");
            assert_eq!(left(&[wide], &[narrow]), [narrow], "{wide}");
        }
    }

    #[test]
    fn patterns_with_nothing_in_common_leave_nothing() {
        let none: [&str; 0] = [];
        for (old, new) in [
            ("GET https://a.com/x", "POST https://a.com/x"),
            ("GET https://a.com/x", "GET https://a.com:8443/x"),
            ("GET https://a.com/x", "GET http://a.com:443/x"),
            ("GET https://*.a.com/x", "GET https://a.com/x"),
            ("GET https://a.com/*", "GET https://a.com/"),
            ("GET https://a.com/*", "GET https://a.com/x/y"),
            ("GET https://nota.com/", "GET https://*.a.com/"),
        ] {
            assert_eq!(left(&[old], &[new]), none, "{old} and {new}");
        }
        assert_eq!(
            left(
                &["GET https://a.com/", "GET https://b.com/"],
                &["GET https://b.com/"]
            ),
            ["GET https://b.com/"]
        );
    }

    #[test]
    fn secrets_permissions_and_private_addresses_are_narrowed_too() {
        let origin = |text: &str| text.parse().expect("an origin");
        let secret = |variable: &str, to: Option<&str>| SecretGrant {
            source: SecretSource::Env(variable.to_owned()),
            to: to.map(|to| vec![origin(to)]),
            kind: None,
            scopes: None,
        };
        let old = Grants {
            http: Vec::<HttpPattern>::new(),
            secrets: [
                ("moved".to_owned(), secret("A", None)),
                ("bound".to_owned(), secret("B", None)),
                ("gone".to_owned(), secret("C", None)),
            ]
            .into(),
            permissions: [Permission::ReadProcesses].into(),
            private_network: PrivateNetwork::All,
        };
        let new = Grants {
            secrets: [
                ("moved".to_owned(), secret("Z", None)),
                ("bound".to_owned(), secret("B", Some("https://a.com"))),
                ("more".to_owned(), secret("D", None)),
            ]
            .into(),
            private_network: PrivateNetwork::Only(vec![origin("http://127.0.0.1:1")]),
            ..Grants::default()
        };
        let left = old.narrowed_to(&new);
        assert_eq!(
            left.secrets,
            [("bound".to_owned(), secret("B", Some("https://a.com")))].into()
        );
        assert!(left.permissions.is_empty());
        assert_eq!(left.private_network, new.private_network);
        assert_eq!(old.narrowed_to(&old), old);
    }

    #[test]
    fn a_change_of_scopes_leaves_those_in_both() {
        let scoped = |scopes: Option<&[&str]>| SecretGrant {
            scopes: scopes.map(|list| list.iter().map(|scope| (*scope).to_owned()).collect()),
            ..SecretGrant::of(SecretSource::Env("A".to_owned()))
        };
        let left = |old, new| scoped(old).narrowed_to(&scoped(new)).map(|grant| grant.scopes);
        assert_eq!(
            left(Some(&["a", "b"]), Some(&["b", "c"])),
            Some(Some(vec!["b".to_owned()]))
        );
        assert_eq!(left(Some(&["a"]), Some(&["b"])), None);
        assert_eq!(left(None, Some(&["b"])), None);
        assert_eq!(left(Some(&["a"]), None), None);
        assert_eq!(left(None, None), Some(None));
    }
}
