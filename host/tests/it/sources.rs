//! Components that are fetched: pinned by digest, kept for a start without a network, signed.

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
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::task::JoinHandle;

use crate::support::plugins::{Yard, component, spec};

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn version(fixture: &str) -> Vec<u8> {
    fs::read(component(fixture)).expect("read")
}

/// A server with these files, by path.
struct Shop {
    host: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    served: JoinHandle<()>,
}

impl Shop {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let shelves = files.clone();
        let app = axum::Router::new().fallback(move |request: Request| {
            let found = shelves
                .lock()
                .expect("no panic")
                .get(request.uri().path())
                .cloned();
            async move {
                let answer = match found {
                    Some(bytes) => Response::builder().body(bytes.into()),
                    None => Response::builder().status(404).body(axum::body::Body::empty()),
                };
                answer.expect("an answer")
            }
        });
        let served = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving");
        });
        Self { host, files, served }
    }

    fn put(&self, path: &str, bytes: Vec<u8>) {
        self.files
            .lock()
            .expect("no panic")
            .insert(path.to_owned(), bytes);
    }

    /// Puts a blob of a repository `acme/notes`; its digest.
    fn blob(&self, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", digest(bytes));
        self.put(&format!("/v2/acme/notes/blobs/{digest}"), bytes.to_vec());
        digest
    }

    /// Puts a manifest with one layer, under its digest and this tag; its digest.
    fn artifact(&self, tag: &str, media_type: &str, bytes: &[u8], annotations: &Value) -> String {
        let layer = json!({"mediaType": media_type, "digest": self.blob(bytes), "size": bytes.len(), "annotations": annotations});
        let config = json!({"mediaType": "application/vnd.wasm.config.v0+json", "digest": self.blob(b"{}"), "size": 2});
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": [layer]});
        let manifest = manifest.to_string().into_bytes();
        let digest = digest(&manifest);
        self.put("/v2/", Vec::new());
        for name in [tag.to_owned(), format!("sha256:{digest}")] {
            self.put(&format!("/v2/acme/notes/manifests/{name}"), manifest.clone());
        }
        digest
    }

    fn close(&self) {
        self.served.abort();
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
    assert!(error.contains(why), "{error}\nwanted: {why}");
    status
}

#[tokio::test]
async fn a_component_of_the_web_is_fetched_once_and_a_start_needs_no_network() {
    let shop = Shop::open().await;
    let bytes = version("version_one");
    let mut spec = fetched(&format!("http://{}/version.wasm", shop.host));
    spec.sha256 = Some(digest(&bytes));
    let mut yard = Yard::new(Environment::default()).await;
    expect_refused(&yard, spec.clone(), "404").await;
    let unfetched: Vec<String> = yard
        .registry
        .unfetched()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(unfetched, ["version"]);
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
    let digest = shop.artifact("1.0", "application/wasm", &version("version_one"), &json!({}));
    let spec = fetched(&format!("oci://{}/acme/notes@sha256:{digest}", shop.host));
    let mut yard = Yard::new(Environment::default()).await;
    yard.apply_ready(vec![spec.clone()]).await;
    let other = shop.artifact("2.0", "application/octet-stream", b"x", &json!({}));
    let wrong = fetched(&format!("oci://{}/acme/notes@sha256:{other}", shop.host));
    expect_refused(&yard, wrong, "and a component's is application/wasm").await;
    shop.put(
        &format!("/v2/acme/notes/manifests/sha256:{}", "0".repeat(64)),
        b"{}".to_vec(),
    );
    let forged = fetched(&format!(
        "oci://{}/acme/notes@sha256:{}",
        shop.host,
        "0".repeat(64)
    ));
    expect_refused(&yard, forged, "digest").await;
    shop.close();
    yard.restart();
    yard.apply_ready(vec![spec]).await;
}

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&rand::random::<[u8; 32]>()).expect("a key")
}

fn public_key(yard: &Yard, key: &SigningKey) -> PathBuf {
    let path = yard.dir.path().join("cosign.pub");
    let pem = key
        .verifying_key()
        .to_public_key_pem(LineEnding::LF)
        .expect("PEM");
    fs::write(&path, pem).expect("written");
    path
}

fn sign(key: &SigningKey, bytes: &[u8]) -> String {
    let signature: Signature = key.sign(bytes);
    STANDARD.encode(signature.to_der())
}

#[tokio::test]
async fn a_file_must_be_signed_by_the_key_that_the_section_names() {
    let yard = Yard::new(Environment::default()).await;
    let key = signing_key();
    let file = yard.dir.path().join("version.wasm");
    fs::write(&file, version("version_one")).expect("written");
    let mut signed = spec("version", file);
    signed.signed_by = Some(public_key(&yard, &key));
    expect_refused(&yard, signed.clone(), "there is no signature").await;
    let beside = yard.dir.path().join("version.wasm.sig");
    fs::write(&beside, sign(&signing_key(), &version("version_one"))).expect("written");
    expect_refused(&yard, signed.clone(), "does not fit").await;
    fs::write(&beside, sign(&key, &version("version_one"))).expect("written");
    yard.apply_ready(vec![signed]).await;
}

#[tokio::test]
async fn an_artifact_must_be_signed_as_cosign_does() {
    let shop = Shop::open().await;
    let mut yard = Yard::new(Environment::default()).await;
    let key = signing_key();
    let digest = shop.artifact("1.0", "application/wasm", &version("version_one"), &json!({}));
    let mut signed = fetched(&format!("oci://{}/acme/notes@sha256:{digest}", shop.host));
    signed.signed_by = Some(public_key(&yard, &key));
    expect_refused(&yard, signed.clone(), "its signature").await;
    let claim = |digest: &str| {
        let image = json!({"docker-manifest-digest": format!("sha256:{digest}")});
        json!({"critical": {"identity": {}, "image": image, "type": "cosign container image signature"}})
            .to_string()
    };
    let tag = format!("sha256-{digest}.sig");
    for (claimed, fits) in [("0".repeat(64), false), (digest.clone(), true)] {
        let claim = claim(&claimed);
        let annotations = json!({"dev.cosignproject.cosign/signature": sign(&key, claim.as_bytes())});
        shop.artifact(
            &tag,
            "application/vnd.dev.cosign.simplesigning.v1+json",
            claim.as_bytes(),
            &annotations,
        );
        if fits {
            fs::remove_dir_all(yard.dir.path().join("fetched")).expect("removed");
            yard.apply_ready(vec![signed.clone()]).await;
        } else {
            expect_refused(&yard, signed.clone(), "for another artifact").await;
        }
    }
    shop.close();
    yard.restart();
    yard.apply_ready(vec![signed]).await;
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
