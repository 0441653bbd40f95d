//! What this process serves, and how.

use std::path::PathBuf;

use clap::Args;

use super::{Name, Reader};
use crate::domain::node::NodeRole;
use crate::secret::Secret;

/// The settings, as flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ServingArgs {
    /// Which of the work this node does: all, intake, worker or scheduler [env: `HOOKYARD_ROLE`] [default: all].
    /// Others than all need `PostgreSQL`
    #[arg(long, global = true, value_name = "ROLE")]
    pub role: Option<String>,
    /// PEM file of the certificate and its chain, to serve TLS with; read again when it changes
    /// [env: `HOOKYARD_TLS_CERT`] [default: none, no TLS]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// PEM file of the certificate's key [env: `HOOKYARD_TLS_KEY`]
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_key: Option<String>,
}

/// What this process serves, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    pub role: NodeRole,
    /// With what it serves TLS; without, it speaks HTTP in clear.
    pub tls: Option<TlsFiles>,
}

/// Where a certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and the chain up to, and without, its root.
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl Serving {
    /// The scheme of this process's own address.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    pub(super) fn read(read: &mut Reader<'_>, args: &ServingArgs) -> Self {
        let role = read.parsed(
            Name::of("--role", "HOOKYARD_ROLE"),
            args.role.as_ref(),
            "all",
            "all, intake, worker or scheduler",
            |text| text.parse().ok(),
        );
        let cert = read.text(args.tls_cert.as_ref(), "HOOKYARD_TLS_CERT", "");
        let key = read.text(args.tls_key.as_ref(), "HOOKYARD_TLS_KEY", "");
        let tls = match (cert.as_str(), key.as_str()) {
            ("", "") => None,
            ("", _) | (_, "") => {
                read.wrong.push(
                    "--tls-cert (HOOKYARD_TLS_CERT) and --tls-key (HOOKYARD_TLS_KEY): one is set and the other is \
                     not; set both, or neither"
                        .to_owned(),
                );
                None
            }
            (cert, key) => Some(TlsFiles {
                cert: cert.into(),
                key: key.into(),
            }),
        };
        Self { role, tls }
    }

    /// Refuses a role that nobody could complement.
    pub(super) fn check(&self, database_url: &Secret, wrong: &mut Vec<String>) {
        if self.role != NodeRole::All && database_url.expose().starts_with("sqlite:") {
            wrong.push(format!(
                "--role (HOOKYARD_ROLE): `{}` needs a PostgreSQL database, since a SQLite file serves one process, \
                 which has to do all; leave it out, or set DATABASE_URL to postgres://…",
                self.role
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Settings, SettingsArgs};
    use crate::domain::node::NodeRole;
    use crate::environment::Environment;

    fn resolve(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let env = Environment::of(pairs.iter().copied());
        Settings::resolve(&SettingsArgs::default(), &env).map_err(|error| error.to_string())
    }

    #[test]
    fn a_role_needs_a_database_that_others_share() {
        let shared = ("DATABASE_URL", "postgres://localhost/hooks");
        let settings = resolve(&[("HOOKYARD_ROLE", "worker"), shared]).expect("settings");
        assert_eq!(settings.serving.role, NodeRole::Worker);
        let error = resolve(&[("HOOKYARD_ROLE", "worker")]).expect_err("no database for it");
        assert!(error.contains("needs a PostgreSQL database"), "{error}");
        let error = resolve(&[("HOOKYARD_ROLE", "boss")]).expect_err("no role");
        assert!(
            error.contains("`boss` is not all, intake, worker or scheduler"),
            "{error}"
        );
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = resolve(&[("HOOKYARD_TLS_CERT", "c.pem")]).expect_err("half");
        assert!(error.contains("set both, or neither"), "{error}");
        let both = [("HOOKYARD_TLS_CERT", "c.pem"), ("HOOKYARD_TLS_KEY", "k.pem")];
        assert!(resolve(&both).expect("settings").serving.tls.is_some());
    }
}
