//! Does the time of a refused sign-in tell whether the user exists?

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard::auth::{Auth, AuthSettings, Keyring, NewAccount};
use hookyard::clock::SystemClock;
use hookyard::domain::access::Role;
use hookyard::secret::Secret;
use hookyard::store;

use crate::options::Options;
use crate::results::Results;
use crate::row::{Row, median};

/// Sign-ins of each kind; taken in turns, so that noise falls on both alike.
const ROUNDS: u8 = 40;

/// A sign-in as nobody, over a sign-in as somebody with a wrong password: medians.
///
/// # Errors
/// When the store does not answer, or a random password fits.
pub async fn measure(_: &Options, results: &mut Results) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let store = store::open(&format!("sqlite://{}", dir.path().join("bench.db").display())).await?;
    let keyring = Keyring::from_secrets(&[random()])?;
    let auth = Auth::new(store, Arc::new(SystemClock), keyring, AuthSettings::default());
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // A fresh account and address each time: the lock-out must not answer instead.
        let username = format!("user{round}");
        let account = NewAccount {
            username: username.clone(),
            email: format!("{username}@example.org"),
            password: random(),
            first_name: String::new(),
            last_name: String::new(),
            role: Role::Sender,
        };
        auth.create_user(account).await?;
        known.push(refused(&auth, &username, round).await?);
        unknown.push(refused(&auth, &format!("nobody{round}"), round).await?);
    }
    let (known, unknown) = (median(known), median(unknown));
    results.push(
        Row::times(
            "signin-unknown-user",
            "sign-in refused, unknown user",
            unknown,
            "sign-in refused, wrong password",
            known,
        )
        .how(format!(
            "medians of {ROUNDS} each, in turns: {unknown:.1?} and {known:.1?}"
        )),
    );
    Ok(())
}

fn random() -> Secret {
    Secret::new(format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4()))
}

async fn refused(auth: &Auth, username: &str, round: u8) -> anyhow::Result<Duration> {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, round, 1));
    let password = random();
    let began = Instant::now();
    let answer = auth.sign_in(username, &password, address).await;
    let took = began.elapsed();
    anyhow::ensure!(answer.is_err(), "a random password fits");
    Ok(took)
}
