//! The keys that sign tokens.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hookyard::auth::{Auth, AuthSettings, KeyError, KeySource, Keyring};
use hookyard::secret::Secret;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

use crate::support::api::Api;

#[test]
fn short_secrets_are_refused_and_never_shown() {
    let secret = Secret::new("x".repeat(31));
    let error = Keyring::from_secrets(&[secret]).expect_err("too short");
    assert!(error.to_string().contains("has 31 bytes and needs 32"), "{error}");
    let key = "k".repeat(32);
    let ring = Keyring::from_secrets(&[Secret::new(key.clone())]).expect("keys");
    assert!(!format!("{ring:?}").contains(&key));
}

#[test]
fn kept_keys_are_private_survive_and_rotate() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = Keyring::open_directory(dir.path()).expect("keys");
    let again = Keyring::open_directory(dir.path()).expect("keys");
    assert_eq!(ids(&first), ids(&again), "the key is kept");
    let rotated = Keyring::rotate(dir.path()).expect("keys");
    assert_eq!(ids(&rotated)[1..], ids(&first), "the old key still verifies");
    let reloaded = Keyring::load(&KeySource::Directory(dir.path().to_owned())).expect("keys");
    assert_eq!(ids(&reloaded), ids(&rotated), "and the new one signs");
    for entry in std::fs::read_dir(dir.path()).expect("a directory") {
        use std::os::unix::fs::PermissionsExt;
        let meta = entry.expect("an entry").metadata().expect("a file");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    }
    let damaged = dir.path().join("zzz.key");
    std::fs::write(&damaged, "half").expect("a file");
    let error = Keyring::open_directory(dir.path()).expect_err("a damaged key");
    assert!(
        matches!(&error, KeyError::Damaged { path, length: 4 } if *path == damaged),
        "{error}"
    );
}

fn ids(ring: &Keyring) -> Vec<String> {
    ring.ids().map(str::to_owned).collect()
}

/// Tokens of one key pair, with the other kinds of keys in the ring: each is used with its own
/// algorithm only.
#[tokio::test]
async fn key_files_of_both_kinds_sign_and_verify() {
    let dir = tempfile::tempdir().expect("a directory");
    let ed = make_key(dir.path(), "ed.pem", &["-algorithm", "ed25519"]);
    let rsa = make_key(
        dir.path(),
        "rsa.pem",
        &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
    );
    let api = Api::start().await;
    let account = api.account("ada", false).await;
    let password = Secret::new(account.password.clone());
    let from = "127.0.0.1".parse().expect("an address");
    let auth = |files: &[&PathBuf]| {
        let files: Vec<_> = files.iter().map(|path| (*path).clone()).collect();
        let ring = Keyring::from_pem_files(&files).expect("keys");
        Auth::new(
            api.store.clone(),
            api.clock.clone(),
            ring,
            AuthSettings::default(),
        )
    };
    let (by_ed, by_rsa, by_both) = (auth(&[&ed]), auth(&[&rsa]), auth(&[&rsa, &ed]));
    for (signer, stranger, algorithm) in [(&by_ed, &by_rsa, "EdDSA"), (&by_rsa, &by_ed, "RS256")] {
        let token = signer
            .sign_in("ada", &password, from)
            .await
            .expect("tokens")
            .access;
        assert_eq!(header(&token)["alg"], algorithm);
        assert_eq!(
            signer.authenticate(&token).await.expect("a user").id,
            account.user.id
        );
        assert_eq!(
            by_both.authenticate(&token).await.expect("a user").id,
            account.user.id
        );
        assert!(stranger.authenticate(&token).await.is_err());
        for public in [public_key(&ed), public_key(&rsa)] {
            let confused = signed_with_public_key(&token, &public);
            assert!(by_both.authenticate(&confused).await.is_err());
        }
    }
    let small = make_key(
        dir.path(),
        "small.pem",
        &["-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024"],
    );
    let error = Keyring::from_pem_files(&[small]).expect_err("too small");
    assert!(error.to_string().contains("1024 bits and needs 2048"), "{error}");
    api.stop().await;
}

fn header(token: &str) -> Value {
    let part = token.split('.').next().expect("a header");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

/// The classic confusion: the same claims and key id, signed with HMAC by the public key's text. The
/// key decides which algorithm is used, not the token.
fn signed_with_public_key(token: &str, public: &[u8]) -> String {
    let claims = token.split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let mut header_hs = Header::new(Algorithm::HS256);
    header_hs.kid = header(token)["kid"].as_str().map(str::to_owned);
    encode(&header_hs, &claims, &EncodingKey::from_secret(public)).expect("a token")
}

fn public_key(private: &Path) -> Vec<u8> {
    let output = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(private)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success());
    output.stdout
}

/// Makes a private key at run time, with the tool that our own error message names.
fn make_key(dir: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let path = dir.join(name);
    let made = Command::new("openssl")
        .arg("genpkey")
        .args(arguments)
        .arg("-out")
        .arg(&path)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    path
}
