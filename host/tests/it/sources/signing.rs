//! `signed-by`: a build that the key has not signed neither loads nor goes on running.

use std::path::Path;

use hookyard::wasm::{RollbackError, RunEnd};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{EncodePublicKey as _, LineEnding};

use super::*;
use crate::support::pipeline::Pipeline;
use crate::support::plugins::{name, run_one, webhook};

fn signing_key() -> SigningKey {
    SigningKey::from_slice(&rand::random::<[u8; 32]>()).expect("a key")
}

fn write_key(path: &Path, key: &SigningKey) {
    let pem = key.verifying_key().to_public_key_pem(LineEnding::LF);
    fs::write(path, pem.expect("PEM")).expect("written");
}

fn public_key(yard: &Yard, key: &SigningKey) -> PathBuf {
    let path = yard.dir.path().join("cosign.pub");
    write_key(&path, key);
    path
}

fn sign(key: &SigningKey, bytes: &[u8]) -> String {
    let signature: Signature = key.sign(bytes);
    STANDARD.encode(signature.to_der())
}

/// Puts this component's file and its signature by `key` in place.
fn put_signed(file: &Path, fixture: &str, key: &SigningKey) {
    fs::write(file, version(fixture)).expect("written");
    fs::write(file.with_extension("wasm.sig"), sign(key, &version(fixture))).expect("written");
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
async fn a_new_key_stops_a_running_build_that_it_has_not_signed_over_restarts_too() {
    let mut yard = Yard::new(Environment::default()).await;
    let version_name = name("version");
    let file = yard.dir.path().join("version.wasm");
    fs::write(&file, version("version_one")).expect("written");
    yard.apply_ready(vec![spec("version", file.clone())]).await;
    let running = yard.registry.plugin(&version_name).expect("loaded");

    let key = signing_key();
    let mut signed = spec("version", file.clone());
    signed.signed_by = Some(public_key(&yard, &key));
    let status = expect_refused(&yard, signed.clone(), "there is no signature").await;
    assert_eq!((status.state, status.generation), (PluginState::Broken, None));
    let late = run_one(&running, webhook(&json!({}))).await;
    assert!(matches!(late.end, RunEnd::Defer { .. }), "{late:?}");
    yard.restart();
    let status = expect_refused(&yard, signed.clone(), "there is no signature").await;
    assert_eq!(
        status.state,
        PluginState::Broken,
        "the kept build is unsigned too"
    );

    put_signed(&file, "version_one", &key);
    yard.apply_ready(vec![signed.clone()]).await;
    // That the key signed it is remembered: the kept build serves while the file is broken.
    fs::write(&file, b"rubbish").expect("written");
    yard.restart();
    let status = expect_refused(&yard, signed.clone(), "does not fit").await;
    assert_eq!(status.state, PluginState::LastGood);

    // The key was revoked: another stands in its file. The section is as it was.
    public_key(&yard, &signing_key());
    let status = yard.registry.refresh(&version_name).await.expect("known");
    assert_eq!(
        (status.state, status.generation),
        (PluginState::Broken, None),
        "{status:?}"
    );
    yard.restart();
    assert_eq!(yard.apply(signed.clone()).await.state, PluginState::Broken);
    fs::remove_file(yard.dir.path().join("cosign.pub")).expect("removed");
    let status = expect_refused(&yard, signed.clone(), "cannot read the key").await;
    assert_eq!(status.state, PluginState::Broken);

    signed.signed_by = None;
    let status = yard.apply(signed).await;
    assert_eq!(status.state, PluginState::LastGood, "nobody need have signed it");
}

#[tokio::test]
async fn a_build_that_runs_is_vouched_for_by_a_second_key_without_a_new_generation() {
    let yard = Yard::new(Environment::default()).await;
    let file = yard.dir.path().join("version.wasm");
    let mut signed = spec("version", file.clone());
    for _ in 0..2 {
        let key = signing_key();
        put_signed(&file, "version_one", &key);
        signed.signed_by = Some(public_key(&yard, &key));
        let status = yard.apply(signed.clone()).await;
        assert_eq!((status.state, status.generation), (PluginState::Ready, Some(1)));
    }
}

#[tokio::test]
async fn a_rollback_goes_to_no_build_that_the_key_has_not_signed() {
    let yard = Yard::new(Environment::default()).await;
    let key = signing_key();
    let file = yard.dir.path().join("version.wasm");
    fs::write(&file, version("version_one")).expect("written");
    let mut section = spec("version", file.clone());
    yard.apply_ready(vec![section.clone()]).await;
    section.signed_by = Some(public_key(&yard, &key));
    put_signed(&file, "version_two", &key);
    yard.apply_ready(vec![section.clone()]).await;
    let error = yard
        .registry
        .roll_back(&name("version"), "ann", None)
        .await
        .expect_err("unsigned");
    assert!(matches!(error, RollbackError::Unsigned(_)), "{error}");
    section.signed_by = None;
    yard.apply_ready(vec![section]).await;
    let status = yard.registry.roll_back(&name("version"), "ann", None).await;
    assert_eq!(
        status.expect("rolled back").digest,
        Some(digest(&version("version_one")))
    );
}

/// What cosign stores of a signature: a claim, and the annotation of its layer.
fn cosigned(shop: &Shop, key: &SigningKey, artifact: &str) -> Value {
    let image = json!({"docker-manifest-digest": format!("sha256:{artifact}")});
    let claim =
        json!({"critical": {"identity": {}, "image": image, "type": "cosign container image signature"}})
            .to_string();
    let annotations = json!({"dev.cosignproject.cosign/signature": sign(key, claim.as_bytes())});
    shop.layer(
        "application/vnd.dev.cosign.simplesigning.v1+json",
        claim.as_bytes(),
        &annotations,
    )
}

#[tokio::test]
async fn an_artifact_must_be_signed_as_cosign_does() {
    let shop = Shop::open().await;
    let mut yard = Yard::new(Environment::default()).await;
    let key = signing_key();
    let mut signed = shop.component("version_one");
    let ComponentSource::Oci(artifact) = signed.component.clone() else {
        panic!("an artifact");
    };
    signed.signed_by = Some(public_key(&yard, &key));
    expect_refused(&yard, signed.clone(), "its signature").await;
    let tag = format!("sha256-{}.sig", artifact.digest);
    let wrong = cosigned(&shop, &key, &"0".repeat(64));
    shop.artifact(&tag, &[wrong]);
    // Nothing of the last try is in the way of the next.
    expect_refused(&yard, signed.clone(), "for another artifact").await;
    // Somebody else signed first; both signatures stand beside each other.
    let both = [&signing_key(), &key].map(|key| cosigned(&shop, key, &artifact.digest));
    shop.artifact(&tag, &both);
    yard.apply_ready(vec![signed.clone()]).await;
    shop.close();
    yard.restart();
    yard.apply_ready(vec![signed]).await;
}

#[tokio::test]
async fn a_signature_that_was_kept_and_no_longer_fits_is_fetched_again() {
    let shop = Shop::open().await;
    let mut yard = Yard::new(Environment::default()).await;
    let key = signing_key();
    let bytes = version("version_one");
    let mut signed = fetched(&format!("http://{}/version.wasm", shop.host));
    signed.sha256 = Some(digest(&bytes));
    signed.signed_by = Some(public_key(&yard, &key));
    shop.put("/version.wasm", bytes.clone());
    shop.put("/version.wasm.sig", sign(&signing_key(), &bytes).into_bytes());
    expect_refused(&yard, signed.clone(), "does not fit").await;
    shop.put("/version.wasm.sig", sign(&key, &bytes).into_bytes());
    let status = yard.registry.try_again(&name("version")).await.expect("known");
    assert_eq!(status.state, PluginState::Ready, "{status:?}");

    let kept = fs::read_dir(yard.dir.path().join("fetched")).expect("kept");
    let kept = kept.map(|entry| entry.expect("an entry").path());
    let signatures: Vec<PathBuf> = kept
        .filter(|file| file.extension().is_some_and(|e| e == "sig"))
        .collect();
    assert_eq!(signatures.len(), 1, "{signatures:?}");
    let good = fs::read(&signatures[0]).expect("read");
    fs::write(&signatures[0], b"{}").expect("altered");
    yard.restart();
    yard.apply_ready(vec![signed.clone()]).await;
    assert_eq!(fs::read(&signatures[0]).expect("read"), good);
    assert_eq!(
        shop.asked("/version.wasm"),
        2,
        "the component itself was kept after the good try"
    );

    let next = signing_key();
    public_key(&yard, &next);
    shop.put("/version.wasm.sig", sign(&next, &bytes).into_bytes());
    yard.apply_ready(vec![signed]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_or_a_key_that_is_put_there_later_is_noticed() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("version.wasm");
    let key = signing_key();
    write_key(&dir.path().join("cosign.pub"), &signing_key());
    fs::write(&file, version("version_one")).expect("written");
    let section = "[plugins.version]\ncomponent = \"version.wasm\"\nsigned-by = \"cosign.pub\"\n";
    let pipeline = Pipeline::start_in(dir.path(), section, Environment::default()).await;
    pipeline.wait_plugin("version", "broken").await;
    put_signed(&file, "version_one", &key);
    write_key(&dir.path().join("cosign.pub"), &key);
    pipeline.wait_plugin("version", "ready").await;
    write_key(&dir.path().join("cosign.pub"), &signing_key());
    pipeline.wait_plugin("version", "broken").await;
    let other = signing_key();
    write_key(&dir.path().join("cosign.pub"), &other);
    fs::write(
        dir.path().join("version.wasm.sig"),
        sign(&other, &version("version_one")),
    )
    .expect("written");
    pipeline.wait_plugin("version", "ready").await;
    pipeline.stop().await;
}
