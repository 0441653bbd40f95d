//! Sign-ins for OCI registries, each for the hosts that it names and for no other.

use super::Secret;

/// Who may sign in where: `HOST=USER:PASSWORD`, comma-separated.
#[derive(Clone, Debug, Default)]
pub struct RegistryLogins(Vec<RegistryLogin>);

/// One sign-in.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The registry's host first, then those of its token service.
    hosts: Vec<String>,
    user: String,
    password: Secret,
}

/// A text that holds no sign-ins. Does not repeat it: it holds passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "sign-in {0} is malformed; write HOST=USER:PASSWORD, comma-separated, such as ghcr.io=bot:TOKEN, and \
     HOST+OTHER=… where the registry's token service has another host"
)]
pub struct InvalidLogins(usize);

impl RegistryLogins {
    /// The variable that holds them.
    pub const VARIABLE: &str = "HOOKYARD_REGISTRY_AUTH";

    /// Reads sign-ins; an empty text has none.
    ///
    /// # Errors
    /// Which of them is malformed, counted from 1.
    pub fn parse(text: &str) -> Result<Self, InvalidLogins> {
        let entries = text.split(',').map(str::trim).enumerate();
        let entries = entries.filter(|(_, entry)| !entry.is_empty());
        entries
            .map(|(at, entry)| RegistryLogin::parse(entry).ok_or(InvalidLogins(at + 1)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The sign-in for a registry, by its host and port as `component` has them.
    #[must_use]
    pub fn of(&self, registry: &str) -> Option<&RegistryLogin> {
        let mut logins = self.0.iter();
        logins.find(|login| {
            login
                .hosts
                .first()
                .is_some_and(|host| host.eq_ignore_ascii_case(registry))
        })
    }
}

impl RegistryLogin {
    fn parse(entry: &str) -> Option<Self> {
        let (hosts, login) = entry.split_once('=')?;
        let (user, password) = login.split_once(':')?;
        let hosts: Vec<String> = hosts
            .split('+')
            .map(|host| host.trim().to_ascii_lowercase())
            .collect();
        let host = |host: &String| {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c))
        };
        let fits = hosts.iter().all(host) && !user.is_empty() && !password.is_empty();
        fits.then(|| Self {
            hosts,
            user: user.to_owned(),
            password: Secret::new(password.to_owned()),
        })
    }

    /// Whether it may be shown to this host and port.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|named| named.eq_ignore_ascii_case(host))
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password or token.
    #[must_use]
    pub fn password(&self) -> &Secret {
        &self.password
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_in_is_for_its_own_hosts() {
        let logins = "ghcr.io=bot:t:1, registry.gitlab.com+GitLab.com=ann:t=2,127.0.0.1:5000=x:y,";
        let logins = RegistryLogins::parse(logins).expect("sign-ins");
        let found = logins.of("ghcr.io").expect("one");
        assert_eq!((found.user(), found.password().expose()), ("bot", "t:1"));
        assert!(found.is_for("ghcr.io") && !found.is_for("gitlab.com"));
        let found = logins.of("registry.gitlab.com").expect("one");
        assert!(found.is_for("gitlab.com") && found.password().expose() == "t=2");
        assert!(logins.of("gitlab.com").is_none(), "it is no registry");
        assert!(logins.of("127.0.0.1:5000").is_some() && logins.of("127.0.0.1").is_none());
        assert!(!format!("{logins:?}").contains("t:1"));
    }

    #[test]
    fn what_is_malformed_is_told_without_its_password() {
        for text in [
            "user:password",
            "=u:p",
            "ghcr.io=u",
            "ghcr.io=:p",
            "https://ghcr.io=u:p",
        ] {
            let error = RegistryLogins::parse(&format!("a=b:c,{text}"))
                .expect_err(text)
                .to_string();
            assert!(error.starts_with("sign-in 2 is malformed"), "{error}");
            assert!(!error.contains("u:p,"), "{error}");
        }
    }
}
