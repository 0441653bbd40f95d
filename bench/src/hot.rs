//! The hot paths by themselves, a given number of times, for whoever counts instructions or draws a flame graph.
//!
//! One thread, apart from the database's own. What is made before the first time is the same whatever the number is, so
//! that the difference between two numbers is the path alone.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::HeaderMap;
use clap::{Args, ValueEnum};
use hookyard::auth::{Auth, AuthSettings, Keyring, NewAccount};
use hookyard::clock::{Clock as _, SystemClock};
use hookyard::domain::access::Role;
use hookyard::domain::api_key::SourceScope;
use hookyard::domain::attempt::{AttemptOutcome, FinishedAttempt};
use hookyard::domain::delivery::{Claim, Finish, Leased, Take, Verdict};
use hookyard::domain::id::{AttemptId, NodeId};
use hookyard::domain::plugin::{PluginName, PluginSpec};
use hookyard::domain::route::{Route, RouteTable, SharedRoutes};
use hookyard::intake::{Intake, SourceQuery, Unverified};
use hookyard::secret::Secret;
use hookyard::store::{self, SharedStore};
use hookyard::wake::Wake;
use hookyard::wasm::{Ends, RunEnd};

use crate::place;
use crate::size;
use crate::yard::{self, Yard};

/// Deliveries that wait before the first time, and how many go through the database together.
const WAITING: u32 = 2_000;
const TOGETHER: u32 = 4;

/// Most times of [`Path::Deliver`].
const MOST_DELIVERIES: u32 = WAITING / TOGETHER;

/// A lease that nothing here outlives.
const LEASE: Duration = Duration::from_mins(10);

/// Which path, and how often.
#[derive(Args, Clone, Debug)]
pub struct Subject {
    pub path: Path,
    /// How often
    #[arg(long, default_value_t = 1)]
    pub times: u32,
    /// Where compiled code is kept between two calls
    #[arg(long)]
    pub room: PathBuf,
}

/// A hot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Path {
    /// A token that is verified, and a webhook of 1 KiB with one delivery that is parsed, routed and committed
    Intake,
    /// Four deliveries that are claimed, marked as started and recorded
    Deliver,
    /// A run of a component with limits and record
    Run,
}

impl Path {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Intake, Self::Deliver, Self::Run];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Deliver => "deliver",
            Self::Run => "run",
        }
    }
}

/// Does it.
///
/// # Errors
/// When something fails: it would not be the path.
pub fn run(subject: &Subject) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match subject.path {
            Path::Intake => intake(subject.times).await,
            Path::Deliver => deliver(subject.times).await,
            Path::Run => component(subject).await,
        }
    })
}

/// A database of its own.
async fn database() -> anyhow::Result<(SharedStore, tempfile::TempDir)> {
    let room = tempfile::tempdir()?;
    let store = store::open(&format!("sqlite://{}", room.path().join("hot.db").display())).await?;
    Ok((store, room))
}

async fn intake(times: u32) -> anyhow::Result<()> {
    let (store, _room) = database().await?;
    let (auth, token) = account(&store).await?;
    let mut spec = PluginSpec::named("hot".parse()?, PathBuf::from("hot.wasm"));
    spec.routes = vec![Route::new("bench", "*")?];
    let routes = SharedRoutes::default();
    routes.store(Arc::new(RouteTable::new([&spec])));
    let intake = Intake::start(
        store.clone(),
        Arc::new(SystemClock),
        routes,
        Arc::new(Wake::default()),
    );
    let body: axum::body::Bytes = place::body(1).into();
    for _ in 0..times {
        let user = auth.authenticate(&token).await?;
        let request = Unverified {
            headers: HeaderMap::new(),
            query: SourceQuery {
                source: Some("bench".to_owned()),
                event_type: None,
            },
            content_type: "application/json".to_owned(),
            body: body.clone(),
        };
        intake
            .accept(request.sent_by(user, SourceScope::default()), None)
            .await?;
    }
    intake.close().await;
    store.close().await;
    Ok(())
}

/// A sender and its access token.
async fn account(store: &SharedStore) -> anyhow::Result<(Auth, String)> {
    let word = || Secret::new(format!("{}{}", uuid::Uuid::new_v4(), uuid::Uuid::new_v4()));
    let keyring = Keyring::from_secrets(&[word()])?;
    let settings = AuthSettings {
        access_ttl: LEASE,
        ..AuthSettings::default()
    };
    let auth = Auth::new(store.clone(), Arc::new(SystemClock), keyring, settings);
    let password = word();
    auth.create_user(NewAccount {
        username: "hot".to_owned(),
        email: "hot@example.org".to_owned(),
        password: password.clone(),
        first_name: String::new(),
        last_name: String::new(),
        role: Role::Sender,
    })
    .await?;
    let tokens = auth
        .sign_in("hot", &password, IpAddr::V4(Ipv4Addr::LOCALHOST))
        .await?;
    Ok((auth, tokens.access))
}

async fn deliver(times: u32) -> anyhow::Result<()> {
    ensure!(times <= MOST_DELIVERIES, "at most {MOST_DELIVERIES} times");
    let (store, _room) = database().await?;
    let plugin: PluginName = "hot".parse()?;
    let events: Vec<_> = (0..WAITING).map(|_| size::event(&plugin)).collect();
    store.accept_events(&events).await?;
    let node = NodeId::generate();
    for _ in 0..times {
        let claims = store
            .claim_deliveries(&plugin, Take::shared(TOGETHER, 0), node, LEASE)
            .await?;
        ensure!(claims.len() == TOGETHER as usize, "{} claims", claims.len());
        let leases: Vec<_> = claims.iter().map(Claim::lease).collect();
        all_done(&store.mark_started(&leases).await?)?;
        let finishes: Vec<_> = claims.iter().map(finish).collect();
        all_done(&store.finish_deliveries(&finishes).await?)?;
    }
    store.close().await;
    Ok(())
}

fn all_done(answers: &[Leased]) -> anyhow::Result<()> {
    ensure!(
        answers.iter().all(|answer| *answer == Leased::Done),
        "a lease was lost"
    );
    Ok(())
}

/// A success, as a run without logs and calls makes it.
fn finish(claim: &Claim) -> Finish {
    Finish {
        delivery: claim.delivery,
        token: claim.token,
        verdict: Verdict::Succeeded,
        attempt: FinishedAttempt {
            id: AttemptId::generate(),
            started_at: SystemClock.now(),
            duration_ms: 1,
            outcome: AttemptOutcome::Succeeded,
            summary: Some("done".to_owned()),
            output: None,
            error: None,
            logs: Vec::new(),
            calls: Vec::new(),
            generation: Some(1),
            digest: Some("0".repeat(64)),
            batch: None,
            mapped: false,
        },
    }
}

async fn component(subject: &Subject) -> anyhow::Result<()> {
    let yard = Yard::small(&subject.room).await?;
    let spec = PluginSpec::named("version".parse()?, yard::fixture("version-one")?);
    let statuses = yard.apply(vec![spec]).await;
    let plugin = yard.plugin("version").with_context(|| format!("{statuses:?}"))?;
    let text = String::from_utf8(place::body(1))?;
    for _ in 0..subject.times {
        let run = plugin.run(&[yard::job(&text)]).await;
        let done = matches!(&run.ends, Ends::Each(ends) if matches!(ends[..], [RunEnd::Succeeded { .. }]));
        ensure!(done, "{:?}", run.ends);
    }
    Ok(())
}
