//! Registries that ask for a sign-in, and those that answer more than they should.

use super::*;

fn logins(text: &str) -> Environment {
    Environment::of([("HOOKYARD_REGISTRY_AUTH", text)])
}

/// A registry whose token service is at `realm` of itself.
async fn guarded() -> Shop {
    let shop = Shop::open().await;
    shop.shelves().realm = Some(format!("http://{}/token", shop.host));
    shop
}

/// The sign-ins that reached a shop.
fn signed_in(shop: &Shop) -> Vec<String> {
    let shelves = shop.shelves();
    let asked = shelves.asked.iter();
    asked
        .filter_map(|(_, authorization)| authorization.clone())
        .collect()
}

#[tokio::test]
async fn a_sign_in_goes_to_the_registry_that_it_is_for_and_to_no_other() {
    let (ours, other) = (guarded().await, guarded().await);
    let yard = Yard::new(logins(&format!("{}={LOGIN}", ours.host))).await;
    yard.apply_ready(vec![ours.component("version_one")]).await;
    assert!(signed_in(&ours).contains(&format!("Basic {}", STANDARD.encode(LOGIN))));
    // Another build: what is kept of the first would do for it.
    let refused = other.component("version_two");
    let status = expect_refused(&yard, refused, "no token: the server answered 401").await;
    assert!(!status.error.expect("why").contains("geheim"));
    assert_eq!(signed_in(&other), Vec::<String>::new());
}

#[tokio::test]
async fn a_sign_in_goes_to_another_host_only_where_the_operator_named_it() {
    let (registry, service) = (Shop::open().await, guarded().await);
    registry.shelves().realm = Some(format!("http://{}/token", service.host));
    let section = registry.component("version_one");
    let yard = Yard::new(logins(&format!("{}={LOGIN}", registry.host))).await;
    let named = format!("{}+{}=USER:PASSWORD", registry.host, service.host);
    expect_refused(&yard, section.clone(), &named).await;
    assert_eq!(service.asked("/token"), 0);
    let yard = Yard::new(logins(&format!("{}+{}={LOGIN}", registry.host, service.host))).await;
    yard.apply_ready(vec![section]).await;
    assert_eq!(service.asked("/token"), 1);
}

#[tokio::test]
async fn a_token_service_without_tls_elsewhere_is_not_asked() {
    let registry = Shop::open().await;
    for realm in [
        "http://192.0.2.1/token",
        "http://bot:x@127.0.0.1/token",
        "ftp://127.0.0.1/token",
    ] {
        registry.shelves().realm = Some(realm.to_owned());
        let yard = Yard::new(logins(&format!("{}+192.0.2.1={LOGIN}", registry.host))).await;
        expect_refused(
            &yard,
            registry.component("version_one"),
            "a token service without TLS",
        )
        .await;
    }
}

#[tokio::test]
async fn a_registry_that_asks_for_a_sign_in_says_which_variable_to_set() {
    let shop = guarded().await;
    shop.put(
        "/token",
        json!({"access_token": "of-nobody"}).to_string().into_bytes(),
    );
    let yard = Yard::new(Environment::default()).await;
    let mend = format!("HOOKYARD_REGISTRY_AUTH={}=USER:PASSWORD", shop.host);
    expect_refused(&yard, shop.component("version_one"), &mend).await;
}

#[tokio::test]
async fn a_manifest_and_a_token_are_read_up_to_a_bound() {
    let shop = Shop::open().await;
    let yard = Yard::new(Environment::default()).await;
    let large = vec![b' '; 5 << 20];
    let section = fetched(&format!(
        "oci://{}/acme/notes@sha256:{}",
        shop.host,
        digest(&large)
    ));
    shop.put(
        &format!("/v2/acme/notes/manifests/sha256:{}", digest(&large)),
        large.clone(),
    );
    expect_refused(&yard, section.clone(), "larger than 4096 KiB").await;
    let shop_with_tokens = guarded().await;
    shop_with_tokens.put("/token", large);
    expect_refused(
        &yard,
        shop_with_tokens.component("version_one"),
        "no token: it is larger than 64 KiB",
    )
    .await;
}
