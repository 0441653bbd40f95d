//! Every path of the document, asked by every role, against one table.

use std::collections::BTreeMap;

use hookyard::domain::access::Role;
use reqwest::Method;

use crate::http_api::document::operations;
use crate::support::api::{Api, send};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Anybody,
    SignedIn,
    /// These roles, by their first letters.
    Roles(&'static str),
}

const SENDERS: For = For::Roles("aos");
const READERS: For = For::Roles("aov");
const OPERATORS: For = For::Roles("ao");
const ADMINS: For = For::Roles("a");

/// The rule of every path. One that is missing here fails the test.
const RULES: &[(&str, For)] = &[
    ("delete /api/keys/{id}/", ADMINS),
    ("delete /api/plugins/{name}/rollback/", OPERATORS),
    ("delete /api/processes/{code}/", OPERATORS),
    ("get /api/audit/", ADMINS),
    ("get /api/auth/profile/", For::SignedIn),
    ("get /api/deliveries/", READERS),
    ("get /api/deliveries/counts/", READERS),
    ("get /api/deliveries/{id}/", READERS),
    ("get /api/events/{id}/routes/", READERS),
    ("get /api/keys/", ADMINS),
    ("get /api/nodes/", READERS),
    ("get /api/openapi.json", For::Anybody),
    ("get /api/plugins/", READERS),
    ("get /api/plugins/{name}/reloads/", READERS),
    ("get /api/processes/", READERS),
    ("get /api/processes/{code}/", READERS),
    ("get /api/processes/{code}/versions/", READERS),
    ("get /api/rejected/", READERS),
    ("get /api/rejected/{id}/", READERS),
    ("get /api/replays/", READERS),
    ("get /api/replays/{id}/", READERS),
    ("get /api/schedules/", READERS),
    ("get /api/schedules/{plugin}/{name}/runs/", READERS),
    ("get /api/users/", ADMINS),
    ("get /api/users/{id}/", ADMINS),
    // Senders see their own; `everybody_sees_what_their_role_lets_them_see` looks at what is in the answers.
    ("get /api/webhooks/list/", For::SignedIn),
    ("get /api/webhooks/{id}/", For::SignedIn),
    ("get /api/webhooks/{id}/raw/", For::SignedIn),
    ("get /healthz", For::Anybody),
    ("get /metrics", READERS),
    ("get /readyz", For::Anybody),
    // Senders that have no token prove themselves in their own way, and ask first whether they may send.
    ("options /api/webhooks/receive/{source}/", For::Anybody),
    ("patch /api/processes/{code}/", OPERATORS),
    ("patch /api/users/{id}/", ADMINS),
    ("post /api/auth/register/", For::Anybody),
    ("post /api/auth/token/", For::Anybody),
    ("post /api/auth/token/refresh/", For::Anybody),
    ("post /api/deliveries/{id}/discard/", OPERATORS),
    ("post /api/deliveries/{id}/replay/", OPERATORS),
    ("post /api/deliveries/{id}/resolve/", OPERATORS),
    ("post /api/events/{id}/replay/", OPERATORS),
    ("post /api/keys/", ADMINS),
    ("post /api/plugins/{name}/actions/{action}/", OPERATORS),
    ("post /api/plugins/{name}/disable/", OPERATORS),
    ("post /api/plugins/{name}/enable/", OPERATORS),
    ("post /api/plugins/{name}/rollback/", OPERATORS),
    ("post /api/processes/", OPERATORS),
    ("post /api/rejected/{id}/accept/", OPERATORS),
    ("post /api/rejected/{id}/verify/", READERS),
    ("post /api/replays/", OPERATORS),
    ("post /api/replays/{id}/cancel/", OPERATORS),
    ("post /api/schedules/{plugin}/{name}/pause/", OPERATORS),
    ("post /api/schedules/{plugin}/{name}/resume/", OPERATORS),
    ("post /api/schedules/{plugin}/{name}/run/", OPERATORS),
    ("post /api/users/", ADMINS),
    ("post /api/users/{id}/sign-out/", ADMINS),
    ("post /api/webhooks/receive/", SENDERS),
    ("post /api/webhooks/receive/{source}/", For::Anybody),
    ("put /api/processes/{code}/", OPERATORS),
    // Last: the tokens stop working.
    ("post /api/auth/sign-out/", For::SignedIn),
];

#[tokio::test]
async fn every_path_lets_in_whom_the_table_says() {
    let api = Api::start().await;
    let document = api.get("/api/openapi.json", "").await.expect(200).json();
    let mut described: Vec<String> = operations(&document).collect();
    described.sort();
    let mut ruled: Vec<&str> = RULES.iter().map(|(operation, _)| *operation).collect();
    ruled.sort_unstable();
    assert_eq!(described, ruled, "each path needs a rule");

    let mut tokens = BTreeMap::new();
    for role in Role::WORDS {
        let role: Role = role.parse().expect("its own word");
        tokens.insert(role.as_str(), api.token_for(role.as_str(), role).await);
    }
    let mut wrong = Vec::new();
    for (operation, rule) in RULES {
        let (method, path) = operation.split_once(' ').expect("an operation");
        let method: Method = method.to_uppercase().parse().expect("a method");
        // Ids that nothing has: whoever is let in gets another answer than 401 and 403.
        let path = path.replace(['{', '}'], "");
        let callers =
            std::iter::once(("nobody", "")).chain(tokens.iter().map(|(role, token)| (*role, token.as_str())));
        for (role, token) in callers {
            let request = api.request(method.clone(), &path).body("[]");
            let request = request.header("content-type", "application/json");
            let answer = if token.is_empty() {
                send(request).await
            } else {
                send(request.bearer_auth(token)).await
            };
            let let_in = match rule {
                For::Anybody => true,
                For::SignedIn => role != "nobody",
                For::Roles(letters) => role != "nobody" && letters.contains(&role[..1]),
            };
            let status = answer.status.as_u16();
            // A body that is no credential is refused with 401 or 400 at the paths that make tokens.
            let as_ruled = match (let_in, role) {
                (true, _) => *rule == For::Anybody || ![401, 403].contains(&status),
                (false, "nobody") => status == 401,
                (false, _) => status == 403 && answer.json()["role"] == role,
            };
            if !as_ruled {
                wrong.push(format!(
                    "{operation} by {role}: {status}, the table says {rule:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    api.stop().await;
}

#[tokio::test]
async fn everybody_sees_what_their_role_lets_them_see() {
    let api = Api::start().await;
    let sender = api.token_for("sender", Role::Sender).await;
    let other = api.token_for("other", Role::Sender).await;
    let mine = api.receive(&sender, "?source=mine", "{}").await;
    let theirs = api.receive(&other, "?source=theirs", "{}").await;
    let list = api.get("/api/webhooks/list/", &sender).await.expect(200).json();
    assert_eq!(
        (&list["count"], &list["results"][0]["id"]),
        (&1.into(), &mine.as_str().into())
    );
    let path = format!("/api/webhooks/{theirs}/");
    api.get(&path, &sender).await.problem(404);
    api.get(&format!("{path}raw/"), &sender).await.problem(404);
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let token = api.token_for(role.as_str(), role).await;
        let list = api.get("/api/webhooks/list/", &token).await.expect(200).json();
        assert_eq!(list["count"], 2, "{role}");
        api.get(&path, &token).await.expect(200);
        api.get(&format!("{path}raw/"), &token).await.expect(200);
        let profile = api.get("/api/auth/profile/", &token).await.expect(200).json();
        assert_eq!(
            (&profile["role"], &profile["is_staff"]),
            (&role.as_str().into(), &true.into())
        );
    }
    let profile = api.get("/api/auth/profile/", &sender).await.expect(200).json();
    assert_eq!(
        (&profile["role"], &profile["is_staff"]),
        (&"sender".into(), &false.into())
    );
    api.stop().await;
}
