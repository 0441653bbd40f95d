//! A plugin's log and how often it fails, on its page.

use std::time::Duration;

use hookyard::clock::Clock as _;
use hookyard::domain::access::Role;
use hookyard::domain::attempt::{Batch, LogLevel, LogLine};
use hookyard::domain::delivery::{Finish, Verdict};
use hookyard::domain::id::BatchId;

use super::browser::Browser;
use super::escaping::{EVIL, assert_inert};
use crate::http_api::deliveries::put_in_force;
use crate::store::{LONG, claim, finish};
use crate::support::api::Api;

const PAGE: &str = "/admin/plugins/a/";

/// Two deliveries of `a` that end at the time of the test, each with these lines.
async fn ended(api: &Api, verdict: &Verdict, batch: Option<Batch>, lines: &[&str]) {
    let token = api
        .token_for(&format!("sending-{}", lines[0]), Role::Operator)
        .await;
    for _ in 0..2 {
        api.receive(&token, "?source=s&type=a", "{}").await;
    }
    let end = |number: u64, mut end: Finish| {
        end.attempt.started_at = api.clock.now().plus(Duration::from_millis(number));
        end.attempt.batch = batch;
        let lines = lines.iter().enumerate();
        let line = |(at, text): (usize, &&str)| LogLine {
            at_ms: at as u64 * 10,
            level: LogLevel::Warn,
            message: (*text).to_owned(),
        };
        end.attempt.logs = lines.map(line).collect();
        end
    };
    let claims = claim(&api.store, "a", LONG).await;
    let ends: Vec<_> = (0..)
        .zip(&claims)
        .map(|(number, claimed)| end(number, finish(claimed, verdict.clone())))
        .collect();
    api.store.finish_deliveries(&ends).await.expect("finished");
}

/// The text of the section of the log.
fn log_of(page: &str) -> &str {
    let (_, rest) = page.split_once("id=\"log\"").expect("a log");
    rest.split_once("</section>").expect("its end").0
}

#[tokio::test]
async fn the_newest_lines_come_first_and_those_of_a_batch_once() {
    let api = in_force().await;
    let browser = Browser::of(&api, Role::Viewer).await;
    assert!(log_of(&browser.page(PAGE).await).contains("It has logged nothing"));
    ended(&api, &Verdict::Succeeded, None, &["early", EVIL]).await;
    api.clock.advance(Duration::from_secs(5));
    let batch = Batch {
        id: BatchId::generate(),
        size: 2,
    };
    ended(&api, &Verdict::Dead, Some(batch), &["late"]).await;
    let page = browser.page(PAGE).await;
    assert_inert(&page, PAGE);
    let log = log_of(&page);
    assert_eq!(log.matches("early").count(), 2, "{log}");
    assert_eq!(log.matches("late").count(), 1, "a batch has one log: {log}");
    assert!(log.find("late") < log.find("early"), "{log}");
    assert!(log.contains("href=\"/admin/events/"), "{log}");
    assert!(log.contains("href=\"/admin/plugins/a/#log\""), "{log}");
    api.stop().await;
}

#[tokio::test]
async fn lines_are_bounded() {
    let api = in_force().await;
    let lines: Vec<String> = (0..150).map(|number| format!("line-{number}-")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    ended(&api, &Verdict::Succeeded, None, &lines).await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let page = browser.page(PAGE).await;
    let log = log_of(&page);
    assert_eq!(log.matches("<li>").count(), 200, "{log}");
    assert!(log.contains("line-149-"), "{log}");
    api.stop().await;
}

#[tokio::test]
async fn rates_are_those_of_an_hour_and_of_a_day() {
    let api = in_force().await;
    let browser = Browser::of(&api, Role::Viewer).await;
    let page = browser.page(PAGE).await;
    assert_eq!(page.matches("nothing was tried").count(), 2, "{page}");
    ended(&api, &Verdict::Dead, None, &["x"]).await;
    let both = browser.page(PAGE).await;
    assert_eq!(both.matches("100.0 % (2 of 2)").count(), 2, "{both}");
    api.clock.advance(Duration::from_hours(3));
    // The session of before is over by now.
    let browser = Browser::of(&api, Role::Operator).await;
    ended(&api, &Verdict::Succeeded, None, &["y"]).await;
    let page = browser.page(PAGE).await;
    for rate in ["0.0 % (0 of 2)", "50.0 % (2 of 4)"] {
        assert_eq!(page.matches(&format!(">{rate}<")).count(), 1, "{rate}: {page}");
    }
    let list = browser.page("/admin/plugins/").await;
    assert!(list.contains("50.0 % (2 of 4)"), "{list}");
    api.stop().await;
}

/// An interface whose plugin `a` takes events of type `a`.
async fn in_force() -> Api {
    let api = Api::start().await;
    api.set_plugins("[plugins.a]\ncomponent = \"a.wasm\"\n").await;
    put_in_force(&api);
    api
}
