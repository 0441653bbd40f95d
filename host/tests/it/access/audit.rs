//! Every path that changes something leaves a row in the audit log, and what is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use hookyard::domain::audit::{Action, AuditFilter};
use hookyard::domain::delivery::Verdict;
use hookyard::domain::id::{DeliveryId, EventId};
use hookyard::store;
use reqwest::Method;
use serde_json::{Value, json};

use crate::http_api::document::operations;
use crate::store::{end_all, event, hold_all};
use crate::support::api::{Answer, send};
use crate::support::pipeline::Pipeline;
use crate::support::plugins::component;

/// Paths that note nothing, each with the reason.
const SILENT: &[(&str, &str)] = &[
    (
        "post /api/webhooks/receive/",
        "an event is its own record: it has an owner and a time",
    ),
    (
        "post /api/webhooks/receive/{source}/",
        "the same: it has its source and a time",
    ),
    (
        "options /api/webhooks/receive/{source}/",
        "a sender asks whether it may send",
    ),
    (
        "post /api/rejected/{id}/verify/",
        "it only says what would become of a request",
    ),
    (
        "post /api/auth/token/",
        "signing in changes nothing but the last sign-in, which the account shows",
    ),
    (
        "post /api/auth/token/refresh/",
        "programs do it every few minutes, and the store notes each token",
    ),
];

/// One successful call of each other path, and what it is noted as.
struct Call {
    operation: &'static str,
    path: String,
    body: Value,
    action: Action,
    target: String,
}

async fn call(pipeline: &Pipeline, method: Method, path: &str, body: &Value) -> Answer {
    let request = pipeline
        .client
        .request(method, format!("http://{}{path}", pipeline.address));
    let request = request
        .header("content-type", "application/json")
        .body(body.to_string());
    send(request.bearer_auth(&pipeline.token)).await
}

async fn log(pipeline: &Pipeline, query: &str) -> Value {
    let path = format!("/api/audit/?page_size=100{query}");
    call(pipeline, Method::GET, &path, &json!({}))
        .await
        .expect(200)
        .json()
}

/// Three dead letters and a delivery whose outcome nobody knows, to a plugin that is gone: each with its event.
async fn settled(dir: &Path) -> Vec<(EventId, DeliveryId)> {
    let data = dir.join("data");
    fs::create_dir(&data).expect("made");
    let url = format!("sqlite://{}", data.join("hookyard.db").display());
    let store = store::open(&url).await.expect("opened");
    let sent: Vec<_> = (0..4).map(|_| event(&["gone"])).collect();
    store.accept_events(&sent[..3]).await.expect("accepted");
    assert_eq!(end_all(&store, "gone", &Verdict::Dead).await.len(), 3);
    store.accept_events(&sent[3..]).await.expect("accepted");
    assert_eq!(hold_all(&store, "gone").await.len(), 1);
    store.close().await;
    sent.iter()
        .map(|event| (event.id, event.deliveries[0].id))
        .collect()
}

/// A plugin that has an action, a schedule and an earlier build; and deliveries that people act on.
async fn start() -> (tempfile::TempDir, Pipeline, Vec<(EventId, DeliveryId)>) {
    let dir = tempfile::tempdir().expect("a directory");
    let settled = settled(dir.path()).await;
    fs::write(dir.path().join("shop.txt"), "mistyped").expect("written");
    let version = dir.path().join("version.wasm");
    fs::copy(component("version_one"), &version).expect("copied");
    let plugins = format!(
        "[plugins.echo]\ncomponent = \"{}\"\n[[plugins.echo.schedules]]\nname = \"nightly\"\ncron = \"0 3 * * *\"\n\
         [plugins.version]\ncomponent = \"{}\"\n\
         [sources.shop]\nverify = \"bearer\"\nsecret = \"file:shop.txt\"\n",
        component("echo").display(),
        version.display()
    );
    let pipeline = Pipeline::start_in(
        dir.path(),
        &plugins,
        hookyard::environment::Environment::default(),
    )
    .await;
    pipeline.wait_plugin("version", "ready").await;
    let newer = dir.path().join("newer.wasm");
    fs::copy(component("version_two"), &newer).expect("copied");
    fs::rename(newer, &version).expect("renamed");
    let name = "version".parse().expect("a name");
    pipeline.registry.refresh(&name).await.expect("known");
    (dir, pipeline, settled)
}

fn step(operation: &'static str, path: &str, body: Value, action: Action, target: &str) -> Call {
    Call {
        operation,
        path: path.to_owned(),
        body,
        action,
        target: target.to_owned(),
    }
}

/// Calls about accounts and keys.
async fn account_calls(pipeline: &Pipeline, secret: &str) -> Vec<Call> {
    let form = |name: &str| json!({"username": name, "email": "a@example.test", "password": secret});
    let made = call(pipeline, Method::POST, "/api/users/", &form("grace")).await;
    let user = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let made = call(pipeline, Method::POST, "/api/keys/", &json!({"name": "old"})).await;
    let key = made.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let change = json!({"role": "viewer", "password": format!("{secret}-2")});
    let (account, sign_out) = (
        format!("/api/users/{user}/"),
        format!("/api/users/{user}/sign-out/"),
    );
    let (register, users, keys) = ("/api/auth/register/", "/api/users/", "/api/keys/");
    let revoked = format!("/api/keys/{key}/");
    vec![
        step(
            "post /api/auth/register/",
            register,
            form("ada"),
            Action::UserRegister,
            "ada",
        ),
        step(
            "post /api/users/",
            users,
            form("linus"),
            Action::UserCreate,
            "linus",
        ),
        step(
            "patch /api/users/{id}/",
            &account,
            change,
            Action::UserChange,
            "grace",
        ),
        step(
            "post /api/users/{id}/sign-out/",
            &sign_out,
            json!({}),
            Action::UserSignOut,
            "grace",
        ),
        step(
            "post /api/keys/",
            keys,
            json!({"name": "new"}),
            Action::KeyCreate,
            "",
        ),
        step(
            "delete /api/keys/{id}/",
            &revoked,
            json!({}),
            Action::KeyRevoke,
            &key,
        ),
    ]
}

/// Calls about what runs.
fn running_calls(secret: &str) -> Vec<Call> {
    let (none, secret) = (json!({}), json!({"secret": secret}));
    let (echo, nightly) = (
        "/api/plugins/echo/actions/echo/",
        "/api/schedules/echo/nightly/run/",
    );
    let (rollback, enable, disable) = (
        "/api/plugins/version/rollback/",
        "/api/plugins/version/enable/",
        "/api/plugins/version/disable/",
    );
    let act = "post /api/plugins/{name}/actions/{action}/";
    let run = "post /api/schedules/{plugin}/{name}/run/";
    let (pause, resume) = (
        "post /api/schedules/{plugin}/{name}/pause/",
        "post /api/schedules/{plugin}/{name}/resume/",
    );
    let (paused, resumed) = (
        "/api/schedules/echo/nightly/pause/",
        "/api/schedules/echo/nightly/resume/",
    );
    let (back, undo) = (
        "post /api/plugins/{name}/rollback/",
        "delete /api/plugins/{name}/rollback/",
    );
    let (off, on) = (
        "post /api/plugins/{name}/disable/",
        "post /api/plugins/{name}/enable/",
    );
    vec![
        step(act, echo, secret, Action::PluginAction, "echo/echo"),
        step(run, nightly, none.clone(), Action::ScheduleRun, "echo/nightly"),
        step(pause, paused, none.clone(), Action::SchedulePause, "echo/nightly"),
        step(
            resume,
            resumed,
            none.clone(),
            Action::ScheduleResume,
            "echo/nightly",
        ),
        step(back, rollback, none.clone(), Action::PluginRollback, "version"),
        step(undo, rollback, none.clone(), Action::PluginTakeBack, "version"),
        step(off, disable, none.clone(), Action::PluginDisable, "version"),
        step(on, enable, none, Action::PluginEnable, "version"),
    ]
}

/// Calls about deliveries, one by one and by orders.
async fn delivery_calls(pipeline: &Pipeline, settled: &[(EventId, DeliveryId)], secret: &str) -> Vec<Call> {
    let order = json!({"filter": {"source": "nobody"}, "note": secret});
    let given = call(pipeline, Method::POST, "/api/replays/", &order).await;
    let order_id = given.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let path = |at: usize, act: &str| format!("/api/deliveries/{}/{act}/", settled[at].1);
    let id = |at: usize| settled[at].1.to_string();
    let event = settled[1].0;
    let cancel = format!("/api/replays/{order_id}/cancel/");
    vec![
        step(
            "post /api/deliveries/{id}/replay/",
            &path(0, "replay"),
            json!({"to": "echo", "note": secret}),
            Action::DeliveryReplay,
            &id(0),
        ),
        step(
            "post /api/events/{id}/replay/",
            &format!("/api/events/{event}/replay/"),
            json!({"plugins": ["echo"], "payload": {"secret": secret}}),
            Action::EventReplay,
            &event.to_string(),
        ),
        step(
            "post /api/deliveries/{id}/discard/",
            &path(2, "discard"),
            json!({"reason": secret}),
            Action::DeliveryDiscard,
            &id(2),
        ),
        step(
            "post /api/deliveries/{id}/resolve/",
            &path(3, "resolve"),
            json!({"as": "dead", "note": secret}),
            Action::DeliveryResolve,
            &id(3),
        ),
        step(
            "post /api/replays/",
            "/api/replays/",
            order,
            Action::ReplayStart,
            "",
        ),
        step(
            "post /api/replays/{id}/cancel/",
            &cancel,
            json!({}),
            Action::ReplayCancel,
            &order_id,
        ),
    ]
}

/// A call about a request that was refused since its source's secret was mistyped, which is right by now.
async fn rejected_call(pipeline: &Pipeline, dir: &Path) -> Call {
    let url = format!("http://{}/api/webhooks/receive/shop/", pipeline.address);
    let request = pipeline.client.post(url).bearer_auth("right");
    let request = request.header("content-type", "application/json");
    send(request.body("{}")).await.problem(401);
    fs::write(dir.join("shop.txt"), "right").expect("written");
    let kept = async {
        loop {
            let list = call(pipeline, Method::GET, "/api/rejected/", &json!({})).await;
            if let Some(id) = list.expect(200).json()["results"][0]["id"].as_str() {
                return id.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let id = tokio::time::timeout(Duration::from_secs(20), kept).await;
    let id = id.expect("it is kept soon");
    step(
        "post /api/rejected/{id}/accept/",
        &format!("/api/rejected/{id}/accept/"),
        json!({}),
        Action::RejectedAccept,
        &id,
    )
}

/// Calls about processes, and the end of the session: the token stops working.
fn process_calls(secret: &str) -> Vec<Call> {
    let process = json!({"code": "hello", "name": "Hello", "script": secret});
    let (all, one, own) = ("/api/processes/", "/api/processes/hello/", "/api/auth/sign-out/");
    let name = json!({"name": "Hi"});
    vec![
        step(
            "post /api/processes/",
            all,
            process.clone(),
            Action::ProcessCreate,
            "hello",
        ),
        step(
            "put /api/processes/{code}/",
            one,
            process,
            Action::ProcessChange,
            "hello",
        ),
        step(
            "patch /api/processes/{code}/",
            one,
            name,
            Action::ProcessChange,
            "hello",
        ),
        step(
            "delete /api/processes/{code}/",
            one,
            json!({}),
            Action::ProcessRemove,
            "hello",
        ),
        step(
            "post /api/auth/sign-out/",
            own,
            json!({}),
            Action::UserSignOut,
            "",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_that_changes_something_is_noted() {
    let (dir, pipeline, settled) = start().await;
    let secret = uuid::Uuid::new_v4().to_string();
    let document = call(&pipeline, Method::GET, "/api/openapi.json", &json!({}))
        .await
        .expect(200)
        .json();
    let mut calls = account_calls(&pipeline, &secret).await;
    calls.extend(running_calls(&secret));
    calls.extend(delivery_calls(&pipeline, &settled, &secret).await);
    calls.push(rejected_call(&pipeline, dir.path()).await);
    calls.extend(process_calls(&secret));
    let changing: BTreeSet<String> = operations(&document)
        .filter(|one| !one.starts_with("get "))
        .collect();
    let known: BTreeSet<String> = calls
        .iter()
        .map(|call| call.operation)
        .chain(SILENT.iter().map(|(operation, _)| *operation))
        .map(str::to_owned)
        .collect();
    assert_eq!(
        changing, known,
        "each path needs a call here, or a reason to note nothing"
    );
    for step in &calls {
        let (method, _) = step.operation.split_once(' ').expect("an operation");
        let method: Method = method.to_uppercase().parse().expect("a method");
        let before = pipeline
            .store
            .audit_page(&AuditFilter::default(), one())
            .await
            .expect("readable")
            .total;
        let answer = call(&pipeline, method, &step.path, &step.body).await;
        assert!(answer.status.is_success(), "{}: {answer:?}", step.operation);
        let log = pipeline
            .store
            .audit_page(&AuditFilter::default(), one())
            .await
            .expect("readable");
        let newest = &log.items[0];
        assert_eq!(log.total, before + 1, "{} noted nothing", step.operation);
        assert_eq!(newest.action, step.action.as_str(), "{}", step.operation);
        assert!(
            step.target.is_empty() || newest.target == step.target,
            "{newest:?}"
        );
        assert_eq!(newest.actor.address.as_deref(), Some("127.0.0.1"));
        assert_eq!(
            newest.actor.request_id.as_deref(),
            Some(answer.header("x-request-id"))
        );
        assert!(!newest.detail.to_string().contains(&secret), "{newest:?}");
    }
    pipeline.stop().await;
}

const fn one() -> hookyard::domain::page::PageRequest {
    hookyard::domain::page::PageRequest { page: 1, size: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_by_admins_and_filtered() {
    let pipeline = Pipeline::start("").await;
    let process = |code: &str| json!({"code": code, "name": code, "script": ""});
    for code in ["a", "b"] {
        call(&pipeline, Method::POST, "/api/processes/", &process(code))
            .await
            .expect(201);
    }
    // What failed changed nothing.
    call(&pipeline, Method::POST, "/api/processes/", &process("a"))
        .await
        .problem(400);
    let all = log(&pipeline, "").await;
    assert_eq!(all["count"], 2, "{all}");
    let newest = &all["results"][0];
    assert_eq!(
        (
            &newest["action"],
            &newest["target"],
            &newest["role"],
            &newest["via"]
        ),
        (
            &json!("process.create"),
            &json!("b"),
            &json!("admin"),
            &json!("http")
        )
    );
    assert!(
        newest["actor"]
            .as_str()
            .is_some_and(|actor| actor.starts_with("staff-")),
        "{newest}"
    );
    assert_eq!(log(&pipeline, "&target=a").await["count"], 1);
    assert_eq!(log(&pipeline, "&action=process.remove").await["count"], 0);
    assert_eq!(log(&pipeline, "&actor=nobody").await["count"], 0);
    assert_eq!(log(&pipeline, "&since=2100-01-01T00:00:00Z").await["count"], 0);
    assert_eq!(log(&pipeline, "&until=2100-01-01T00:00:00Z").await["count"], 2);
    let problem = call(&pipeline, Method::GET, "/api/audit/?since=soon", &json!({}))
        .await
        .problem(400);
    assert_eq!(problem["parameter"], "since");
    pipeline.stop().await;
}
