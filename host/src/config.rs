//! Settings: flag over environment over `.env` over default, read once at start and all checked.

mod public_url;
mod rates;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::environment::Environment;
use crate::secret::{RegistryLogins, Secret};

pub use public_url::PublicUrl;
pub use rates::{RateArgs, RateLimits};

/// The settings every command takes. Each can also be set by the variable its help names.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings (flag over environment over .env over default)")]
pub struct SettingsArgs {
    #[arg(
        long,
        global = true,
        value_name = "ADDRESS",
        help = "Address to serve on; port 0 picks a free one [env: HOOKYARD_LISTEN] [default: \
                127.0.0.1:8080]"
    )]
    pub listen: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "Base of the links in answers, such as https://hooks.example.org: set it behind a proxy \
                [env: HOOKYARD_PUBLIC_URL] [default: http and the request's Host]"
    )]
    pub public_url: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help = "Database, keys, compiled-code cache, plugin store [env: HOOKYARD_DATA_DIR] [default: \
                data]"
    )]
    pub data_dir: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help = "sqlite://PATH or postgres://… [env: DATABASE_URL] [default: \
                sqlite://DATA_DIR/hookyard.db]"
    )]
    pub database_url: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "The operator's file [env: HOOKYARD_PLUGINS_FILE] [default: plugins.toml]"
    )]
    pub plugins_file: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILES",
        help = "PEM private keys (RSA or Ed25519), comma-separated: the first signs tokens, all verify \
                [env: HOOKYARD_JWT_KEY_FILE]. HOOKYARD_JWT_SECRET sets an HS256 secret instead; with \
                neither, a key is made and kept in the data directory"
    )]
    pub jwt_key_file: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        help = "How long an access token lives [env: HOOKYARD_ACCESS_TTL] [default: 5m]"
    )]
    pub access_ttl: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        help = "How long a refresh token lives [env: HOOKYARD_REFRESH_TTL] [default: 1d]"
    )]
    pub refresh_ttl: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "MODE",
        help = "Whether anybody may register: open or closed [env: HOOKYARD_REGISTRATION] [default: \
                open]"
    )]
    pub registration: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "SIZE",
        help = "Largest webhook taken in [env: HOOKYARD_MAX_BODY] [default: 1MiB]"
    )]
    pub max_body: Option<String>,
    #[command(flatten)]
    pub rates: RateArgs,
    #[arg(
        long,
        global = true,
        value_name = "MODE",
        help = "Whether bodies and headers of events are sealed in the database, under the master key: \
                on or off [env: HOOKYARD_ENCRYPT_EVENTS] [default: off]"
    )]
    pub encrypt_events: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        help = "What is logged, as a tracing filter [env: HOOKYARD_LOG] [default: info]"
    )]
    pub log: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        help = "human or json [env: HOOKYARD_LOG_FORMAT] [default: human]"
    )]
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

/// Least and most time a token may live.
const TTL_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(8784));
/// Most bytes of a webhook: a body is held in memory while it is stored.
const MAX_MAX_BODY: u64 = 64 << 20;

impl Settings {
    /// Works the settings out.
    ///
    /// # Errors
    /// All that is wrong at once, each with its flag, its variable and what it takes.
    pub fn resolve(args: &SettingsArgs, env: &Environment) -> Result<Self, SettingsError> {
        let mut read = Reader {
            env,
            wrong: Vec::new(),
        };
        let data_dir = PathBuf::from(read.text(args.data_dir.as_ref(), "HOOKYARD_DATA_DIR", "data"));
        let default_url = sqlite_url(&data_dir.join("hookyard.db"));
        let settings = Self {
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
            database_url: Secret::new(read.text(args.database_url.as_ref(), "DATABASE_URL", &default_url)),
            plugins_file: PathBuf::from(read.text(
                args.plugins_file.as_ref(),
                "HOOKYARD_PLUGINS_FILE",
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
            log: read.text(args.log.as_ref(), "HOOKYARD_LOG", "info"),
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

/// A setting's two names, for errors.
#[derive(Clone, Copy)]
struct Name {
    flag: &'static str,
    variable: &'static str,
}

impl Name {
    const fn of(flag: &'static str, variable: &'static str) -> Self {
        Self { flag, variable }
    }
}

struct Reader<'a> {
    env: &'a Environment,
    wrong: Vec<String>,
}

impl Reader<'_> {
    fn text(&self, arg: Option<&String>, variable: &str, default: &str) -> String {
        arg.map(String::as_str)
            .or_else(|| self.env.get(variable))
            .unwrap_or(default)
            .to_owned()
    }

    /// Parses what was given, or the default. On an error the default stands in: the caller stops
    /// when `wrong` is not empty.
    fn parsed<T>(
        &mut self,
        name: Name,
        arg: Option<&String>,
        default: &str,
        takes: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let text = self.text(arg, name.variable, default);
        parse(&text).unwrap_or_else(|| {
            let Name { flag, variable } = name;
            self.wrong
                .push(format!("{flag} ({variable}): `{text}` is not {takes}"));
            parse(default).expect("a default is well-formed: a test resolves them all")
        })
    }

    /// Only from the environment: what stands on a command line, others can read.
    fn secret(&self, variable: &str) -> Option<Secret> {
        self.env.get(variable).map(|text| Secret::new(text.to_owned()))
    }

    /// Checks the sign-ins for registries, which are read where components are fetched.
    fn registry_logins(&mut self) {
        let text = self.env.get(RegistryLogins::VARIABLE).unwrap_or_default();
        if let Err(error) = RegistryLogins::parse(text) {
            self.wrong.push(format!("{}: {error}", RegistryLogins::VARIABLE));
        }
    }

    fn ttl(&mut self, name: Name, arg: Option<&String>, default: &str) -> Duration {
        self.parsed(name, arg, default, "a time from 1s to 366d, such as 5m", |text| {
            let time = humantime::parse_duration(text).ok()?;
            (TTL_BOUNDS.0..=TTL_BOUNDS.1).contains(&time).then_some(time)
        })
    }

    fn jwt(&mut self, arg: Option<&String>) -> JwtSettings {
        let files = arg
            .map(String::as_str)
            .or_else(|| self.env.get("HOOKYARD_JWT_KEY_FILE"));
        match (self.env.get("HOOKYARD_JWT_SECRET"), files) {
            (Some(_), Some(_)) => {
                self.wrong.push(
                    "HOOKYARD_JWT_SECRET and HOOKYARD_JWT_KEY_FILE are both set; keep one of the two"
                        .to_owned(),
                );
                JwtSettings::Kept
            }
            (Some(secret), None) => JwtSettings::Secrets(
                secret
                    .split(',')
                    .map(|secret| Secret::new(secret.trim().to_owned()))
                    .collect(),
            ),
            (None, Some(files)) => {
                JwtSettings::Files(files.split(',').map(|file| file.trim().into()).collect())
            }
            (None, None) => JwtSettings::Kept,
        }
    }
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
