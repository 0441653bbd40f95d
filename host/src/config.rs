//! Settings: flag over environment over `.env` over default, read once at start and all checked.

mod public_url;
mod rates;
mod reader;
mod setting;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::environment::Environment;
use crate::secret::Secret;

pub use public_url::PublicUrl;
pub use rates::{RateArgs, RateLimits};
use reader::{Name, Reader};
pub use setting::{SetBy, Setting};

/// The settings every command takes. Each can also be set by the variable its help names.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings (flag over environment over .env over default)")]
pub struct SettingsArgs {
    /// Address to serve on; port 0 picks a free one [env: `HOOKYARD_LISTEN`] [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Base of the links in answers, such as <https://hooks.example.org>: set it behind a proxy
    /// [env: `HOOKYARD_PUBLIC_URL`] [default: http and the request's Host]
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// Database, keys, compiled-code cache, plugin store [env: `HOOKYARD_DATA_DIR`] [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// <sqlite://PATH> or postgres://… [env: `DATABASE_URL`] [default: <sqlite://DATA_DIR/hookyard.db>]
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// The operator's file [env: `HOOKYARD_PLUGINS_FILE`] [default: plugins.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub plugins_file: Option<String>,
    /// PEM private keys (RSA or Ed25519), comma-separated: the first signs tokens, all verify
    /// [env: `HOOKYARD_JWT_KEY_FILE`]. `HOOKYARD_JWT_SECRET` sets an HS256 secret instead; with
    /// neither, a key is made and kept in the data directory
    #[arg(long, global = true, value_name = "FILES")]
    pub jwt_key_file: Option<String>,
    /// How long an access token lives [env: `HOOKYARD_ACCESS_TTL`] [default: 5m]
    #[arg(long, global = true, value_name = "TIME")]
    pub access_ttl: Option<String>,
    /// How long a refresh token lives [env: `HOOKYARD_REFRESH_TTL`] [default: 1d]
    #[arg(long, global = true, value_name = "TIME")]
    pub refresh_ttl: Option<String>,
    /// Whether anybody may register: open or closed [env: `HOOKYARD_REGISTRATION`] [default: open]
    #[arg(long, global = true, value_name = "MODE")]
    pub registration: Option<String>,
    /// Largest webhook taken in [env: `HOOKYARD_MAX_BODY`] [default: 1MiB]
    #[arg(long, global = true, value_name = "SIZE")]
    pub max_body: Option<String>,
    #[command(flatten)]
    pub rates: RateArgs,
    /// Whether bodies and headers of events are sealed in the database, under the master key: on or off
    /// [env: `HOOKYARD_ENCRYPT_EVENTS`] [default: off]
    #[arg(long, global = true, value_name = "MODE")]
    pub encrypt_events: Option<String>,
    /// What is logged, as a tracing filter [env: `HOOKYARD_LOG`] [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// human or json [env: `HOOKYARD_LOG_FORMAT`] [default: human]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// Everything the application is told, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listen: SocketAddr,
    /// Base of the links in answers; without one they follow the request's `Host`.
    pub public_url: Option<PublicUrl>,
    pub data_dir: PathBuf,
    /// May hold a password.
    pub database_url: Secret,
    pub plugins_file: PathBuf,
    pub jwt: JwtSettings,
    /// Keys that seal stored secrets; without, one is made and kept in the data directory.
    pub master_key: Option<Secret>,
    /// Whether bodies and headers of new events are sealed in the database.
    pub encrypt_events: bool,
    /// Lets whoever knows it read `/metrics`.
    pub metrics_token: Option<Secret>,
    pub access_ttl: Duration,
    pub refresh_ttl: Duration,
    pub registration_open: bool,
    /// Bytes.
    pub max_body: usize,
    /// How often somebody may ask.
    pub rates: RateLimits,
    pub log: String,
    pub log_format: LogFormat,
    /// What each is and who said so, for people.
    pub told: Vec<Setting>,
}

/// Where the keys that sign tokens come from.
#[derive(Clone, Debug)]
pub enum JwtSettings {
    /// HS256 secrets; the first signs, all verify.
    Secrets(Vec<Secret>),
    /// PEM files; the first signs.
    Files(Vec<PathBuf>),
    /// Made and kept in the data directory.
    Kept,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// Every setting that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(Vec<String>);

/// Most bytes of a webhook: a body is held in memory while it is stored.
const MAX_MAX_BODY: u64 = 64 << 20;

impl Settings {
    /// Works the settings out.
    ///
    /// # Errors
    /// All that is wrong at once, each with its flag, its variable and what it takes.
    pub fn resolve(args: &SettingsArgs, env: &Environment) -> Result<Self, SettingsError> {
        let mut read = Reader::new(env);
        let data_dir = Name::of("--data-dir", "HOOKYARD_DATA_DIR");
        let data_dir = PathBuf::from(read.text(data_dir, args.data_dir.as_ref(), "data"));
        let default_url = sqlite_url(&data_dir.join("hookyard.db"));
        let mut settings = Self {
            told: Vec::new(),
            listen: read.parsed(
                Name::of("--listen", "HOOKYARD_LISTEN"),
                args.listen.as_ref(),
                "127.0.0.1:8080",
                "an address and port such as 127.0.0.1:8080",
                |text| SocketAddr::from_str(text).ok(),
            ),
            public_url: read.parsed(
                Name::of("--public-url", "HOOKYARD_PUBLIC_URL"),
                args.public_url.as_ref(),
                "",
                "an http or https address without user, query and fragment, such as https://hooks.example.org",
                |text| match text {
                    "" => Some(None),
                    text => text.parse().ok().map(Some),
                },
            ),
            database_url: Secret::new(read.text(
                Name::of("--database-url", "DATABASE_URL"),
                args.database_url.as_ref(),
                &default_url,
            )),
            plugins_file: PathBuf::from(read.text(
                Name::of("--plugins-file", "HOOKYARD_PLUGINS_FILE"),
                args.plugins_file.as_ref(),
                "plugins.toml",
            )),
            jwt: read.jwt(args.jwt_key_file.as_ref()),
            master_key: read.secret("HOOKYARD_MASTER_KEY"),
            encrypt_events: read.parsed(
                Name::of("--encrypt-events", "HOOKYARD_ENCRYPT_EVENTS"),
                args.encrypt_events.as_ref(),
                "off",
                "on or off",
                |text| match text {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                },
            ),
            metrics_token: read.secret("HOOKYARD_METRICS_TOKEN"),
            access_ttl: read.ttl(
                Name::of("--access-ttl", "HOOKYARD_ACCESS_TTL"),
                args.access_ttl.as_ref(),
                "5m",
            ),
            refresh_ttl: read.ttl(
                Name::of("--refresh-ttl", "HOOKYARD_REFRESH_TTL"),
                args.refresh_ttl.as_ref(),
                "1d",
            ),
            registration_open: read.parsed(
                Name::of("--registration", "HOOKYARD_REGISTRATION"),
                args.registration.as_ref(),
                "open",
                "open or closed",
                |text| match text {
                    "open" => Some(true),
                    "closed" => Some(false),
                    _ => None,
                },
            ),
            max_body: read.parsed(
                Name::of("--max-body", "HOOKYARD_MAX_BODY"),
                args.max_body.as_ref(),
                "1MiB",
                "a size from 1KiB to 64MiB",
                parse_body_size,
            ),
            rates: RateLimits::read(&mut read, &args.rates),
            log: read.text(Name::of("--log", "HOOKYARD_LOG"), args.log.as_ref(), "info"),
            log_format: read.parsed(
                Name::of("--log-format", "HOOKYARD_LOG_FORMAT"),
                args.log_format.as_ref(),
                "human",
                "human or json",
                |text| match text {
                    "human" => Some(LogFormat::Human),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                },
            ),
            data_dir,
        };
        read.registry_logins();
        settings.told = read.told;
        if read.wrong.is_empty() {
            Ok(settings)
        } else {
            Err(SettingsError(read.wrong))
        }
    }
}

/// The URL of a SQLite file; what would mean something else in a URL is escaped.
fn sqlite_url(path: &Path) -> String {
    const SPECIAL: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#');
    format!(
        "sqlite://{}",
        utf8_percent_encode(&path.display().to_string(), SPECIAL)
    )
}

fn parse_body_size(text: &str) -> Option<usize> {
    let size = text.parse::<bytesize::ByteSize>().ok()?.as_u64();
    if !(1024..=MAX_MAX_BODY).contains(&size) {
        return None;
    }
    usize::try_from(size).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_well_formed() {
        let settings =
            Settings::resolve(&SettingsArgs::default(), &Environment::default()).expect("defaults");
        assert_eq!(settings.listen.port(), 8080);
        assert_eq!(settings.database_url.expose(), "sqlite://data/hookyard.db");
        assert_eq!(
            (settings.access_ttl, settings.refresh_ttl),
            (Duration::from_mins(5), Duration::from_hours(24))
        );
        assert_eq!(settings.max_body, 1 << 20);
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let args = SettingsArgs {
            listen: Some("127.0.0.1:1".into()),
            ..SettingsArgs::default()
        };
        let env = Environment::of([("HOOKYARD_LISTEN", "127.0.0.1:2"), ("HOOKYARD_ACCESS_TTL", "7s")]);
        let settings = Settings::resolve(&args, &env).expect("settings");
        assert_eq!(settings.listen.port(), 1);
        assert_eq!(settings.access_ttl, Duration::from_secs(7));
    }

    #[test]
    fn who_set_what_is_told_and_secrets_are_not() {
        let args = SettingsArgs {
            listen: Some("127.0.0.1:1".into()),
            ..SettingsArgs::default()
        };
        let env = Environment::of([
            ("HOOKYARD_LISTEN", "127.0.0.1:2"),
            ("HOOKYARD_JWT_SECRET", "hush-hush"),
            ("HOOKYARD_METRICS_TOKEN", "hush"),
            ("DATABASE_URL", "postgres://ada:hush@db.example.org/yard"),
        ]);
        let settings = Settings::resolve(&args, &env).expect("settings");
        let of = |variable: &str| {
            let found = settings.told.iter().find(|told| told.variable == variable);
            found
                .map(|told| (told.value.as_str(), told.set_by))
                .expect("told")
        };
        assert_eq!(of("HOOKYARD_LISTEN"), ("127.0.0.1:1", SetBy::Flag));
        assert_eq!(of("HOOKYARD_MAX_BODY"), ("1MiB", SetBy::Default));
        assert_eq!(of("HOOKYARD_JWT_SECRET"), ("***", SetBy::Environment));
        assert_eq!(of("HOOKYARD_MASTER_KEY"), ("", SetBy::Default));
        let (url, _) = of("DATABASE_URL");
        assert_eq!(url, "postgres://ada:***@db.example.org/yard");
        assert!(settings.told.iter().all(|told| !told.value.contains("hush")));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let env = Environment::of([
            ("HOOKYARD_LISTEN", "nowhere"),
            ("HOOKYARD_MAX_BODY", "1TiB"),
            ("HOOKYARD_PUBLIC_URL", "hooks.example.org"),
            ("HOOKYARD_JWT_SECRET", "a"),
            ("HOOKYARD_JWT_KEY_FILE", "b"),
            ("HOOKYARD_REGISTRY_AUTH", "user:password"),
        ]);
        let error = Settings::resolve(&SettingsArgs::default(), &env)
            .expect_err("wrong")
            .to_string();
        assert_eq!(error.lines().count(), 5, "{error}");
        assert!(
            error.contains("--listen (HOOKYARD_LISTEN): `nowhere` is not an address"),
            "{error}"
        );
    }
}
