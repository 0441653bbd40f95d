//! Secrets whose token the host mints: what the issuer gets, what the vendor gets, and that the
//! guest gets nothing.

mod github;
mod google;
mod issuer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hookyard::clock::FakeClock;
use hookyard::domain::grant::{SecretGrant, SecretSource};
use hookyard::domain::plugin::PluginSpec;
use hookyard::environment::Environment;
use serde_json::{Value, json};

use self::issuer::Issuer;
use crate::support::plugins::{One, Yard, http_fixture};

/// A vendor, and a Hookyard with the same clock.
struct Scene {
    clock: Arc<FakeClock>,
    issuer: Issuer,
    yard: Yard,
    spec: PluginSpec,
}

impl Scene {
    /// Both, with the secret's value in a file; nothing is applied yet.
    async fn new(secret: &str, value: impl Fn(&Issuer) -> String) -> Self {
        let clock = issuer::clock();
        let issuer = Issuer::start(&clock).await;
        let yard = Yard::at(clock.clone(), Environment::default()).await;
        let file = value_file(yard.dir.path());
        std::fs::write(&file, value(&issuer)).expect("written");
        let mut spec = http_fixture(&issuer.base, &[&format!("* {}/**", issuer.base)]);
        let grant = SecretGrant::of(SecretSource::File(file));
        spec.grants.secrets.insert(secret.to_owned(), grant);
        Self {
            clock,
            issuer,
            yard,
            spec,
        }
    }

    /// Puts the section in force.
    async fn apply(&self) {
        self.yard.apply_ready(vec![self.spec.clone()]).await;
    }

    /// Writes another value.
    fn write(&self, value: &str) {
        std::fs::write(value_file(self.yard.dir.path()), value).expect("written");
    }

    fn grant(&mut self, secret: &str) -> &mut SecretGrant {
        self.spec.grants.secrets.get_mut(secret).expect("a grant")
    }

    /// Runs one request that carries the secret.
    async fn get(&self, secret: &str, path: &str) -> (Value, One) {
        self.yard
            .output("http", &request(&self.issuer, secret, path))
            .await
    }

    /// What the guest is told in place of a reference.
    async fn refusal(&self, secret: &str) -> String {
        let (output, _) = self.get(secret, "/x").await;
        let told = output["answers"][0]["error"].as_str();
        let told = told.unwrap_or_else(|| panic!("not refused: {output}"));
        told.trim_start_matches("SecretError::").to_owned()
    }
}

fn value_file(dir: &Path) -> PathBuf {
    dir.join("value")
}

fn request(issuer: &Issuer, secret: &str, path: &str) -> Value {
    json!({
        "requests": [{
            "url": format!("{}{path}", issuer.base),
            "headers": {"authorization": format!("Bearer {{secret:{secret}}}")},
        }],
    })
}
