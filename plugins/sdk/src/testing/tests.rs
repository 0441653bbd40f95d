use super::*;
use crate::{processes, secrets, state};

fn process(code: &str) -> Process {
    Process {
        code: code.to_owned(),
        name: "n".to_owned(),
        script: "s".to_owned(),
        created_at: 1,
        updated_at: 2,
    }
}

#[test]
fn state_keeps_versions_and_swaps_only_what_it_saw() {
    let _host = Host::new();
    assert_eq!(state::set("a/1", b"x"), Ok(1));
    assert_eq!(state::set("a/1", b"y"), Ok(2));
    assert_eq!(state::compare_and_swap("a/1", Some(1), b"z"), Ok(None));
    assert_eq!(state::compare_and_swap("a/1", Some(2), b"z"), Ok(Some(3)));
    assert_eq!(state::compare_and_swap("a/2", None, b"z"), Ok(Some(1)));
    assert_eq!(state::get("a/1").unwrap().unwrap().value, b"z");
    assert_eq!(
        state::list_keys("a/", Some("a/1"), 10),
        Ok(vec!["a/2".to_owned()])
    );
    assert_eq!(
        (state::delete("a/1"), state::delete("a/1")),
        (Ok(true), Ok(false))
    );
    assert!(!Failure::from(state::set("", b"x").unwrap_err()).is_retryable());
}

#[test]
fn processes_come_page_by_page() {
    let codes: Vec<String> = (0..250).map(|n| format!("{n:03}")).collect();
    let host = codes
        .iter()
        .fold(Host::new(), |host, code| host.process(process(code)));
    let all: Vec<String> = processes::all().map(|process| process.unwrap().code).collect();
    assert_eq!(all, codes);
    let _host = host.database_down();
    let failures: Vec<_> = processes::all()
        .map(|process| Failure::from(process.unwrap_err()))
        .collect();
    assert!(failures.len() == 1 && failures[0].is_retryable(), "{failures:?}");
}

#[test]
fn a_secret_that_has_no_value_now_is_a_retry_and_one_without_grant_is_not() {
    let _host = Host::new().secret_error("a", SecretError::Unavailable("no such file".to_owned()));
    assert!(Failure::from(secrets::reference("a").unwrap_err()).is_retryable());
    assert!(!Failure::from(secrets::reference("b").unwrap_err()).is_retryable());
}

#[test]
#[should_panic(expected = "expected and never sent")]
fn a_request_that_was_expected_and_not_sent_fails_the_test() {
    let host = Host::new();
    host.expect("GET https://x.test/").answer(text(200, ""));
}

#[test]
#[should_panic(expected = "no request is expected")]
fn a_request_that_was_not_expected_fails_the_test() {
    let _host = Host::new();
    let _answer = Request::get("https://x.test/").send();
}
