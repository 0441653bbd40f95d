//! The OpenAPI document and the page that shows it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::support::api::{Api, send};

#[tokio::test]
async fn the_document_describes_what_is_served() {
    let api = Api::start().await;
    // A source of the name that the paths below have.
    api.set_sources("[sources.x]\nverify = \"none\"\nformat = \"cloudevents\"\n");
    let document = api.get("/api/openapi.json", "").await.expect(200).json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{document}"
    );
    let described: BTreeSet<String> = operations(&document).collect();
    let wanted: BTreeSet<String> = [
        "delete /api/keys/{id}/",
        "delete /api/processes/{code}/",
        "get /api/audit/",
        "get /api/auth/profile/",
        "get /api/deliveries/",
        "get /api/deliveries/counts/",
        "get /api/deliveries/{id}/",
        "get /api/events/{id}/routes/",
        "get /api/keys/",
        "get /api/openapi.json",
        "get /api/nodes/",
        "get /api/plugins/",
        "get /api/plugins/{name}/reloads/",
        "get /api/processes/",
        "get /api/processes/{code}/",
        "get /api/processes/{code}/versions/",
        "get /api/replays/",
        "get /api/replays/{id}/",
        "get /api/rejected/",
        "get /api/rejected/{id}/",
        "get /api/schedules/",
        "get /api/schedules/{plugin}/{name}/runs/",
        "get /api/users/",
        "get /api/users/{id}/",
        "get /api/webhooks/list/",
        "get /api/webhooks/{id}/",
        "get /api/webhooks/{id}/raw/",
        "get /healthz",
        "get /metrics",
        "get /readyz",
        "patch /api/users/{id}/",
        "post /api/auth/register/",
        "post /api/auth/sign-out/",
        "post /api/keys/",
        "post /api/users/",
        "post /api/users/{id}/sign-out/",
        "post /api/auth/token/",
        "options /api/webhooks/receive/{source}/",
        "patch /api/processes/{code}/",
        "post /api/rejected/{id}/accept/",
        "post /api/rejected/{id}/verify/",
        "post /api/auth/token/refresh/",
        "post /api/deliveries/{id}/discard/",
        "post /api/deliveries/{id}/replay/",
        "post /api/deliveries/{id}/resolve/",
        "post /api/events/{id}/replay/",
        "post /api/replays/",
        "post /api/replays/{id}/cancel/",
        "post /api/plugins/{name}/actions/{action}/",
        "post /api/plugins/{name}/disable/",
        "post /api/plugins/{name}/enable/",
        "post /api/plugins/{name}/rollback/",
        "delete /api/plugins/{name}/rollback/",
        "post /api/processes/",
        "post /api/schedules/{plugin}/{name}/pause/",
        "post /api/schedules/{plugin}/{name}/resume/",
        "post /api/schedules/{plugin}/{name}/run/",
        "post /api/webhooks/receive/",
        "post /api/webhooks/receive/{source}/",
        "put /api/processes/{code}/",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(described, wanted);
    for operation in &described {
        let (method, path) = operation.split_once(' ').expect("an operation");
        let method: Method = method.to_uppercase().parse().expect("a method");
        let path = path.replace("{id}", "x").replace("{source}", "x");
        let answer = send(api.request(method, &path)).await;
        assert!(
            ![404, 405].contains(&answer.status.as_u16()),
            "{operation} is not served: {answer:?}"
        );
    }
    api.stop().await;
}

#[tokio::test]
async fn operations_have_ids_of_their_own_and_the_answers_they_have_in_common() {
    let api = Api::start().await;
    let document = api.get("/api/openapi.json", "").await.expect(200).json();
    let ids: Vec<&str> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| item.as_object().expect("an item").values())
        .map(|operation| operation["operationId"].as_str().expect("an id"))
        .collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    let receive = &document["paths"]["/api/webhooks/receive/"]["post"]["responses"];
    for status in ["200", "400", "401", "403", "408", "413", "415", "429", "503"] {
        assert!(receive[status]["description"].is_string(), "{status}: {receive}");
    }
    let list = &document["paths"]["/api/plugins/"]["get"]["responses"];
    assert!(list["401"].is_object() && list["413"].is_null(), "{list}");
    let probe = &document["paths"]["/healthz"]["get"]["responses"];
    assert!(
        list["429"].is_object() && probe["429"].is_null(),
        "probes are not counted: {probe}"
    );
    for reference in references(&document) {
        let pointer = reference
            .strip_prefix('#')
            .expect("a reference within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    api.stop().await;
}

pub fn operations(document: &Value) -> impl Iterator<Item = String> {
    let paths = document["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("an item").keys();
        methods.map(move |method| format!("{method} {path}"))
    })
}

/// Every `$ref` in the document.
fn references(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str);
            own.into_iter()
                .chain(members.values().flat_map(references))
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_outside() {
    let api = Api::start().await;
    let page = api.get("/api/docs/", "").await.expect(200);
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';"),
        "{policy}"
    );
    assert!(!policy.contains("http") && !policy.contains("unsafe"), "{policy}");
    let mut loaded = vec!["./swagger-initializer.js"];
    for attribute in ["src=\"", "href=\""] {
        loaded.extend(
            page.text
                .split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next()),
        );
    }
    assert!(loaded.len() > 4, "{loaded:?}");
    for address in loaded {
        assert!(!address.contains("//"), "{address} is loaded from outside");
        let path = format!("/api/docs/{}", address.trim_start_matches("./"));
        api.get(&path, "").await.expect(200);
    }
    assert!(
        !page.text.contains("<script>"),
        "inline scripts are against the policy"
    );
    let settings = api
        .get("/api/docs/swagger-initializer.js", "")
        .await
        .expect(200)
        .text;
    assert!(
        settings.contains("\"/api/openapi.json\"") && settings.contains("\"validatorUrl\": \"none\""),
        "{settings}"
    );
    let redirect = api.get("/api/docs", "").await.expect(303);
    assert_eq!(redirect.header("location"), "/api/docs/");
    api.stop().await;
}
