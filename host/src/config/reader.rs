//! Where settings are read from, and what each turned out to be.

use std::time::Duration;

use super::JwtSettings;
use super::setting::{SetBy, Setting, shown};
use crate::environment::Environment;
use crate::secret::{RegistryLogins, Secret};

/// Least and most time a token may live.
const TTL_BOUNDS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(8784));

const JWT_SECRET: &str = "HOOKYARD_JWT_SECRET";
const JWT_KEY_FILE: &str = "HOOKYARD_JWT_KEY_FILE";

/// A setting's two names. One that no flag sets has an empty one.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) flag: &'static str,
    pub(super) variable: &'static str,
}

impl Name {
    pub(super) const fn of(flag: &'static str, variable: &'static str) -> Self {
        Self { flag, variable }
    }
}

/// Reads settings, and notes what each is and what is wrong.
pub(super) struct Reader<'a> {
    env: &'a Environment,
    pub(super) wrong: Vec<String>,
    pub(super) told: Vec<Setting>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(env: &'a Environment) -> Self {
        Self {
            env,
            wrong: Vec::new(),
            told: Vec::new(),
        }
    }

    /// What was given, or the default.
    pub(super) fn text(&mut self, name: Name, arg: Option<&String>, default: &str) -> String {
        let given = arg.map(String::as_str).or_else(|| self.env.get(name.variable));
        let text = given.unwrap_or(default).to_owned();
        self.tell(name, arg.is_some(), &text);
        text
    }

    /// Notes what a setting is, and who said so.
    fn tell(&mut self, name: Name, by_flag: bool, text: &str) {
        let Name { flag, variable } = name;
        let set_by = match self.env.get(variable) {
            _ if by_flag => SetBy::Flag,
            None => SetBy::Default,
            Some(_) if self.env.is_of_file(variable) => SetBy::DotEnv,
            Some(_) => SetBy::Environment,
        };
        self.told.push(Setting {
            flag,
            variable,
            value: shown(variable, text),
            set_by,
        });
    }

    /// Parses what was given, or the default. On an error the default stands in: the caller stops
    /// when `wrong` is not empty.
    pub(super) fn parsed<T>(
        &mut self,
        name: Name,
        arg: Option<&String>,
        default: &str,
        takes: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let text = self.text(name, arg, default);
        parse(&text).unwrap_or_else(|| {
            let Name { flag, variable } = name;
            self.wrong
                .push(format!("{flag} ({variable}): `{text}` is not {takes}"));
            parse(default).expect("a default is well-formed: a test resolves them all")
        })
    }

    /// Only from the environment: what stands on a command line, others can read.
    pub(super) fn secret(&mut self, variable: &'static str) -> Option<Secret> {
        let text = self.env.get(variable).unwrap_or_default();
        self.tell(Name::of("", variable), false, text);
        self.env.get(variable).map(|text| Secret::new(text.to_owned()))
    }

    /// Checks the sign-ins for registries, which are read where components are fetched.
    pub(super) fn registry_logins(&mut self) {
        let text = self.env.get(RegistryLogins::VARIABLE).unwrap_or_default();
        self.tell(Name::of("", RegistryLogins::VARIABLE), false, text);
        if let Err(error) = RegistryLogins::parse(text) {
            self.wrong.push(format!("{}: {error}", RegistryLogins::VARIABLE));
        }
    }

    pub(super) fn ttl(&mut self, name: Name, arg: Option<&String>, default: &str) -> Duration {
        self.parsed(name, arg, default, "a time from 1s to 366d, such as 5m", |text| {
            let time = humantime::parse_duration(text).ok()?;
            (TTL_BOUNDS.0..=TTL_BOUNDS.1).contains(&time).then_some(time)
        })
    }

    pub(super) fn jwt(&mut self, arg: Option<&String>) -> JwtSettings {
        let secrets = self.env.get(JWT_SECRET).unwrap_or_default();
        self.tell(Name::of("", JWT_SECRET), false, secrets);
        let files = arg.map(String::as_str).or_else(|| self.env.get(JWT_KEY_FILE));
        self.tell(
            Name::of("--jwt-key-file", JWT_KEY_FILE),
            arg.is_some(),
            files.unwrap_or_default(),
        );
        match (self.env.get(JWT_SECRET), files) {
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
