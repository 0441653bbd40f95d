//! The settings in effect: what each is, who set it, and no secret.

use hookyard::domain::access::Role;

use super::browser::Browser;
use crate::support::api::Api;

#[tokio::test]
async fn settings_are_shown_with_who_set_them_and_without_secrets() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    let page = admin.page("/admin/settings/").await;
    for shown in [
        "HOOKYARD_LISTEN",
        "--listen",
        "127.0.0.1:8080",
        "2MiB",
        "<span class=\"state\">environment</span>",
        "<span class=\"state\">default</span>",
        "<code>***</code>",
        "plugins.toml",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("hush"), "{page}");
    // It is read only.
    assert_eq!(page.matches("<form").count(), 3, "the frame's own: {page}");
    admin.submit("/admin/settings/", &[]).await.expect(405);
    api.stop().await;
}

#[tokio::test]
async fn a_wrong_file_is_told() {
    let api = Api::start().await;
    let admin = Browser::of(&api, Role::Admin).await;
    api.set_plugins("[plugins.a]\ncomponent = \"a.wasm\"\n").await;
    api.spoil_plugins("[plugins.a]\nno-such-key = 1\n").await;
    for path in ["/admin/settings/", "/admin/plugins/"] {
        let page = admin.page(path).await;
        assert!(
            page.contains("what was in force stays so") && page.contains("no-such-key"),
            "{page}"
        );
    }
    api.stop().await;
}
