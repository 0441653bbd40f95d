//! `JSONTestSuite` (`contracts/json`) against intake: what must be JSON is stored byte for byte, what must not is
//! refused, and what either may be is one of the two.

use std::path::Path;

use reqwest::Method;

use super::RECEIVE;
use crate::support::api::{Api, send};

/// Files of the suite: fewer would mean that they are not where we look.
const FILES: usize = 318;

#[tokio::test]
async fn every_text_of_the_suite_is_stored_as_it_is_or_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/json/test_parsing");
    let api = Api::start().await;
    let token = api.token_of("ada", false).await;
    let (mut stored, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder).expect("the suite") {
        let file = entry.expect("a file").path();
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let body = std::fs::read(&file).expect("a text");
        let request = api.request(Method::POST, RECEIVE).bearer_auth(&token);
        let answer = send(request.body(body.clone())).await;
        match (name.as_bytes()[0], answer.status.as_u16()) {
            (b'y' | b'i', 200) => {
                let id = answer.json()["id"].as_str().expect("an id").to_owned();
                let kept = api.store.event(id.parse().expect("an id")).await;
                let kept = kept.expect("a store").expect("the event").body;
                assert!(kept == body, "{name} was changed");
                let detail = api.get(&format!("/api/webhooks/{id}/"), &token).await;
                assert_eq!(detail.status, 200, "{name}: {detail:?}");
                stored += 1;
            }
            (b'n' | b'i', 400) => {
                answer.problem(400);
                refused += 1;
            }
            _ => panic!("{name}: {answer:?}"),
        }
    }
    assert_eq!(stored + refused, FILES);
    assert!(
        stored >= 95 && refused >= 188,
        "{stored} stored, {refused} refused"
    );
    api.stop().await;
}
