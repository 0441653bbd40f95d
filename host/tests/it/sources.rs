//! Components that are fetched: pinned by digest, kept for a start without a network, signed.

mod registries;
mod signing;
mod sweeping;
mod waiting;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookyard::domain::plugin::{ComponentSource, PluginSpec};
use hookyard::environment::Environment;
use hookyard::wasm::{PluginState, PluginStatus};
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::plugins::{Yard, component, spec};

const WASM: &str = "application/wasm";

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn version(fixture: &str) -> Vec<u8> {
    fs::read(component(fixture)).expect("read")
}

/// A server with these files, by path; as a registry it has the repository `acme/notes`.
struct Shop {
    host: String,
    shelves: Arc<Mutex<Shelves>>,
    /// Whether it answers; else it only listens.
    answers: watch::Sender<bool>,
    served: JoinHandle<()>,
}

#[derive(Default)]
struct Shelves {
    files: BTreeMap<String, Vec<u8>>,
    /// Requests for `/v2/` must carry a token of this service.
    realm: Option<String>,
    /// The paths that were asked for, with what signed the request in.
    asked: Vec<(String, Option<String>)>,
}

/// The user and password that the shop's token service takes, and the token it gives.
const LOGIN: &str = "bot:geheim";
const TOKEN: &str = "token-of-the-shop";

impl Shop {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let shelves: Arc<Mutex<Shelves>> = Arc::default();
        let answers = watch::Sender::new(true);
        let (shown, gate) = (shelves.clone(), answers.clone());
        let app = axum::Router::new().fallback(move |request: Request| {
            let answer = shown.lock().expect("no panic").answer(&request);
            let mut gate = gate.subscribe();
            async move {
                let _open = gate.wait_for(|answers| *answers).await;
                answer
            }
        });
        let served = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving");
        });
        Self {
            host,
            shelves,
            answers,
            served,
        }
    }

    fn shelves(&self) -> std::sync::MutexGuard<'_, Shelves> {
        self.shelves.lock().expect("no panic")
    }

    fn put(&self, path: &str, bytes: Vec<u8>) {
        self.shelves().files.insert(path.to_owned(), bytes);
    }

    /// How often this path was asked for.
    fn asked(&self, path: &str) -> usize {
        let shelves = self.shelves();
        shelves.asked.iter().filter(|(asked, _)| asked == path).count()
    }

    /// Puts a blob; its digest.
    fn blob(&self, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", digest(bytes));
        self.put(&format!("/v2/acme/notes/blobs/{digest}"), bytes.to_vec());
        digest
    }

    /// Puts a layer; its descriptor.
    fn layer(&self, media_type: &str, bytes: &[u8], annotations: &Value) -> Value {
        json!({"mediaType": media_type, "digest": self.blob(bytes), "size": bytes.len(), "annotations": annotations})
    }

    /// Puts a manifest with these layers, under its digest and this tag; its digest.
    fn artifact(&self, tag: &str, layers: &[Value]) -> String {
        let config = json!({"mediaType": "application/vnd.wasm.config.v0+json", "digest": self.blob(b"{}"), "size": 2});
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers});
        let manifest = manifest.to_string().into_bytes();
        let digest = digest(&manifest);
        for name in [tag.to_owned(), format!("sha256:{digest}")] {
            self.put(&format!("/v2/acme/notes/manifests/{name}"), manifest.clone());
        }
        digest
    }

    /// Puts a component as an artifact; the section that names it.
    fn component(&self, fixture: &str) -> PluginSpec {
        let layer = self.layer(WASM, &version(fixture), &json!({}));
        let digest = self.artifact("1.0", &[layer]);
        fetched(&format!("oci://{}/acme/notes@sha256:{digest}", self.host))
    }

    fn close(&self) {
        self.served.abort();
    }
}

impl Shelves {
    fn answer(&mut self, request: &Request) -> Response {
        let path = request.uri().path().to_owned();
        let authorization = request.headers().get("authorization");
        let authorization = authorization.map(|value| value.to_str().expect("text").to_owned());
        self.asked.push((path.clone(), authorization.clone()));
        let refused = |challenge: String| {
            let answer = Response::builder().status(401);
            answer.header("www-authenticate", challenge).body("no".into())
        };
        let answer = match (&self.realm, &*path) {
            (Some(_), "/token") if !self.files.contains_key("/token") => {
                let login = format!("Basic {}", STANDARD.encode(LOGIN));
                if authorization == Some(login) {
                    Response::builder().body(json!({"token": TOKEN}).to_string().into())
                } else {
                    refused("Basic realm=\"shop\"".to_owned())
                }
            }
            (Some(realm), path)
                if path.starts_with("/v2/") && authorization != Some(format!("Bearer {TOKEN}")) =>
            {
                refused(format!("Bearer realm=\"{realm}\",service=\"shop\""))
            }
            (_, path) => match self.files.get(path) {
                Some(bytes) => Response::builder().body(bytes.clone().into()),
                None => Response::builder().status(404).body(axum::body::Body::empty()),
            },
        };
        answer.expect("an answer")
    }
}

fn source(text: &str) -> ComponentSource {
    ComponentSource::parse(text, std::path::Path::new("/")).expect("a source")
}

fn fetched(text: &str) -> PluginSpec {
    let mut spec = spec("version", PathBuf::from("/none"));
    spec.component = source(text);
    spec
}

async fn expect_refused(yard: &Yard, spec: PluginSpec, why: &str) -> PluginStatus {
    let status = yard.apply(spec).await;
    let error = status.error.clone().expect("an error");
    assert!(
        !error.contains("geheim") && !status.component.contains("geheim"),
        "{status:?}"
    );
    assert!(error.contains(why), "{error}\nwanted: {why}");
    status
}

#[tokio::test]
async fn a_component_of_the_web_is_fetched_once_and_a_start_needs_no_network() {
    let shop = Shop::open().await;
    let bytes = version("version_one");
    let mut spec = fetched(&format!("http://{}/version.wasm?token=geheim", shop.host));
    spec.sha256 = Some(digest(&bytes));
    let mut yard = Yard::new(Environment::default()).await;
    expect_refused(&yard, spec.clone(), "404").await;
    let waiting = yard.registry.waiting();
    assert_eq!(waiting.len(), 1, "it is tried again");
    assert!(yard.registry.unfetched().is_empty(), "but not at once");
    shop.put("/version.wasm", version("version_two"));
    expect_refused(&yard, spec.clone(), "has the SHA-256").await;
    shop.put("/version.wasm", bytes);
    yard.apply_ready(vec![spec.clone()]).await;
    shop.close();
    yard.restart();
    yard.apply_ready(vec![spec.clone()]).await;
    let kept = yard
        .dir
        .path()
        .join(format!("fetched/{}.wasm", spec.sha256.clone().expect("a pin")));
    fs::write(&kept, b"altered").expect("altered");
    yard.restart();
    // The last good build is another copy: it serves.
    let status = expect_refused(&yard, spec, "cannot fetch").await;
    assert_eq!(status.state, PluginState::LastGood);
}

#[tokio::test]
async fn an_artifact_is_fetched_by_its_digest_and_kept() {
    let shop = Shop::open().await;
    let spec = shop.component("version_one");
    let mut yard = Yard::new(Environment::default()).await;
    yard.apply_ready(vec![spec.clone()]).await;
    let layer = shop.layer("application/octet-stream", b"x", &json!({}));
    let other = shop.artifact("2.0", &[layer]);
    let wrong = fetched(&format!("oci://{}/acme/notes@sha256:{other}", shop.host));
    // In another data directory: there nothing names the first any more, and it goes.
    let elsewhere = Yard::new(Environment::default()).await;
    expect_refused(&elsewhere, wrong, "and a component's is application/wasm").await;
    shop.put(
        &format!("/v2/acme/notes/manifests/sha256:{}", "0".repeat(64)),
        b"{}".to_vec(),
    );
    let forged = fetched(&format!(
        "oci://{}/acme/notes@sha256:{}",
        shop.host,
        "0".repeat(64)
    ));
    expect_refused(&elsewhere, forged, "digest").await;
    shop.close();
    yard.restart();
    yard.apply_ready(vec![spec]).await;
}

/// Against a real registry, started by `cargo xtask verify --only registry`.
#[tokio::test]
#[ignore = "needs docker-registry"]
async fn a_real_registry_serves_a_pushed_component() {
    let host = std::env::var_os("HOOKYARD_TEST_REGISTRY").expect("HOOKYARD_TEST_REGISTRY");
    let host = host.into_string().expect("host:port");
    hookyard::wasm::egress::install_crypto();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let image = format!("{host}/acme/notes:1.0").parse().expect("a reference");
    let layer = ImageLayer::new(version("version_one"), "application/wasm".to_owned(), None);
    let config = Config::new(
        b"{}".to_vec(),
        "application/vnd.wasm.config.v0+json".to_owned(),
        None,
    );
    let anonymous = RegistryAuth::Anonymous;
    client
        .push(&image, &[layer], config, &anonymous, None)
        .await
        .expect("pushed");
    let digest = client
        .fetch_manifest_digest(&image, &anonymous)
        .await
        .expect("a digest");
    let yard = Yard::new(Environment::default()).await;
    let spec = fetched(&format!("oci://{host}/acme/notes@{digest}"));
    yard.apply_ready(vec![spec]).await;
    let absent = fetched(&format!("oci://{host}/acme/notes@sha256:{}", "0".repeat(64)));
    expect_refused(&yard, absent, "cannot fetch oci://").await;
}
