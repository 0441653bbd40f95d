//! Backups that do not.

use super::*;

/// What a backup makes of this answer to its first request.
fn failure(response: Response) -> Failure {
    let host = host(&[("a", "x")], &json!({}));
    host.expect(&in_repo("GET", "")).answer(response);
    backup(&host, &json!({})).unwrap_err()
}

#[test]
fn what_only_a_person_can_mend_is_rejected_with_the_mend() {
    let mut archived = repository();
    archived["archived"] = json!(true);
    for (response, words) in [
        (refusal(401, "Bad credentials"), "make a new one"),
        (
            refusal(403, "Resource not accessible by personal access token"),
            "Contents: read and write",
        ),
        (
            refusal(403, "Resource not accessible by integration")
                .with_header("x-accepted-github-permissions", "contents=write"),
            "`contents=write`",
        ),
        (
            refusal(403, "Must have admin rights to Repository.")
                .with_header("x-oauth-scopes", "gist, read:user"),
            "only `gist, read:user`: give it `repo`",
        ),
        (
            refusal(403, "Forbidden").with_header("x-oauth-scopes", ""),
            "no scope",
        ),
        (
            refusal(403, "Forbidden").with_header("x-oauth-scopes", "repo"),
            "lacks a permission",
        ),
        (
            refusal(403, "Repository was archived so is read-only."),
            "unarchive",
        ),
        (
            refusal(403, "Resource protected by organization SAML enforcement.")
                .with_header("x-github-sso", "required; url=https://github.test/sso"),
            "single sign-on",
        ),
        (answer(200, &archived), "unarchive"),
        (refusal(301, "Moved Permanently"), "renamed or moved"),
        (refusal(422, "Validation Failed"), "Validation Failed"),
        (testing::text(200, "<html>"), "api-base"),
        (answer(200, &json!({"hello": 1})), "api-base"),
    ] {
        let failure = failure(response.clone());
        assert!(!failure.is_retryable(), "{response:?}: {failure:?}");
        assert!(failure.reason().contains(words), "{words}: {failure:?}");
        assert!(
            failure.reason().starts_with("reading the repository: ") || response.status == 200,
            "{failure:?}"
        );
    }
}

#[test]
fn a_limit_defers_by_exactly_what_github_says() {
    let now = 1_767_225_600;
    let reset = (now + 754).to_string();
    for (response, wait) in [
        (
            refusal(403, "You have exceeded a secondary rate limit.").with_header("retry-after", "60"),
            60,
        ),
        (refusal(429, "Too many").with_header("retry-after", "7"), 7),
        (
            refusal(403, "API rate limit exceeded for user ID 1.")
                .with_header("x-ratelimit-remaining", "0")
                .with_header("x-ratelimit-reset", &reset),
            754,
        ),
        (
            refusal(403, "API rate limit exceeded for user ID 1.")
                .with_header("x-ratelimit-remaining", "0")
                .with_header("x-ratelimit-reset", "1"),
            1,
        ),
        (
            refusal(403, "You have triggered an abuse detection mechanism."),
            60,
        ),
        (refusal(429, ""), 60),
    ] {
        let failure = failure(response.clone());
        let Failure::Defer(failure) = failure else {
            panic!("{response:?}: {failure:?}")
        };
        assert_eq!(failure.after, wait * 1000, "{response:?}");
    }
}

#[test]
fn what_passes_by_itself_is_retried() {
    for response in [
        testing::text(502, "<html>"),
        refusal(500, "Server Error"),
        testing::text(200, "{\"id\": 1, \"na"),
        answer(200, &repository()).with_header("content-length", "99999"),
    ] {
        let failure = failure(response.clone());
        assert!(matches!(failure, Failure::Retry(_)), "{response:?}: {failure:?}");
    }
    let Failure::Retry(later) = failure(refusal(503, "").with_header("retry-after", "5")) else {
        panic!("a retry")
    };
    assert_eq!(later.after, Some(5000));
}

#[test]
fn no_answer_is_a_retry_and_a_refusal_of_the_host_is_not() {
    for (error, retry) in [
        (Error::Transport("reset".to_owned()), true),
        (Error::Denied("no grant".to_owned()), false),
    ] {
        let host = host(&[], &json!({}));
        host.expect(&in_repo("GET", "")).fail(error);
        let failure = backup(&host, &json!({})).unwrap_err();
        assert_eq!(failure.is_retryable(), retry, "{failure:?}");
        assert!(
            failure.reason().starts_with("reading the repository: "),
            "{failure:?}"
        );
    }
}

#[test]
fn a_branch_that_never_stands_still_is_left_to_the_next_attempt() {
    let host = host(&[("a", "x")], &json!({}));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    for _ in 0..5 {
        expect_branch(&host, "c1", "m", &[]);
        expect_commit(&host);
        host.expect(&in_repo("PATCH", "/git/refs/heads/main"))
            .answer(refusal(422, "Update is not a fast forward"));
    }
    let failure = backup(&host, &json!({})).unwrap_err();
    assert!(
        matches!(failure, Failure::Retry(_)) && failure.reason().contains("moved"),
        "{failure:?}"
    );
}

#[test]
fn a_protected_branch_is_no_moved_one() {
    for (status, message) in [
        (409, "Repository rule violations found"),
        (
            422,
            "Changes must be made through a pull request. Protected branch update failed",
        ),
    ] {
        let host = host(&[("a", "x")], &json!({}));
        expect_state(&host, "m", &[]);
        expect_commit(&host);
        host.expect(&in_repo("PATCH", "/git/refs/heads/main"))
            .answer(refusal(status, message));
        let failure = backup(&host, &json!({})).unwrap_err();
        assert!(
            !failure.is_retryable() && failure.reason().contains("rule protects"),
            "{failure:?}"
        );
    }
}

#[test]
fn a_repository_that_cannot_be_made_says_why() {
    let stranger = json!({"login": "grace", "type": "User"});
    let host = host(&[], &json!({"owner": "grace"}));
    host.expect(&line("GET", "/repos/grace/backup"))
        .answer(refusal(404, "Not Found"));
    host.expect(&line("GET", "/users/grace"))
        .answer(answer(200, &stranger));
    host.expect(&line("GET", "/user"))
        .answer(answer(200, &json!({"login": "ada", "type": "User"})));
    let failure = backup(&host, &json!({})).unwrap_err();
    assert!(
        failure.reason().contains("cannot make one for grace"),
        "{failure:?}"
    );
    host.expect(&line("GET", "/repos/grace/backup"))
        .answer(refusal(404, "Not Found"));
    host.expect(&line("GET", "/users/grace"))
        .answer(answer(200, &json!({"login": "grace", "type": "Organization"})));
    host.expect(&line("POST", "/orgs/grace/repos")).answer(answer(
        422,
        &json!({"message": "Repository creation failed.", "errors": [{"message": "name already exists on this account"}]}),
    ));
    let failure = backup(&host, &json!({})).unwrap_err();
    assert!(failure.reason().contains("may not see it"), "{failure:?}");
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let host = host(&[("a", "x"), ("taken", "y")], &json!({}));
    expect_state(&host, "m", &[("processes/taken.py", "tree", "1")]);
    expect_commit(&host);
    expect_move(&host);
    let outcome = backup(&host, &json!({})).unwrap();
    assert!(outcome.summary.contains("1 FAILED"), "{}", outcome.summary);
    assert_eq!(output(&outcome)["failed"][0]["code"], "taken");
    assert!(host.logs()[0].1.starts_with("taken: "));
}

#[test]
fn very_many_failures_fit_into_an_outcome() {
    let codes: Vec<String> = (0..3000).map(|n| format!("process-{n:04}")).collect();
    let processes: Vec<(&str, &str)> = codes.iter().map(|code| (&**code, "x")).collect();
    let host = host(&processes, &json!({}));
    let paths: Vec<String> = codes.iter().map(|code| format!("processes/{code}.py")).collect();
    let taken: Vec<_> = paths.iter().map(|path| (&**path, "tree", "1")).collect();
    expect_state(&host, "m", &taken);
    let outcome = backup(&host, &json!({})).unwrap();
    assert!(
        outcome
            .output
            .as_ref()
            .is_some_and(|output| output.len() < 64 * 1024)
    );
    let told = output(&outcome);
    let listed = told["failed"].as_array().unwrap().len();
    assert_eq!(told["failed_not_listed"], 3000 - listed);
}

#[test]
fn the_folder_may_not_be_a_file() {
    let host = host(&[("a", "x")], &json!({"folder": "a/b"}));
    expect_state(&host, "m", &[("a", "blob", "1")]);
    let failure = backup(&host, &json!({})).unwrap_err();
    assert!(
        !failure.is_retryable() && failure.reason().contains("no folder"),
        "{failure:?}"
    );
}

#[test]
fn the_contents_way_goes_in_portions() {
    let codes: Vec<String> = (0..81).map(|n| format!("p{n:02}")).collect();
    let processes: Vec<(&str, &str)> = codes.iter().map(|code| (&**code, "x")).collect();
    let host = host(&processes, &json!({"mode": "contents"}));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("GET", "/contents/processes?ref=main"))
        .answer(refusal(404, "Not Found"));
    let file = json!({"name": "x", "path": "x", "sha": "1", "size": 1, "url": "u", "type": "file",
        "_links": {"self": "https://github.test/s", "git": null, "html": null}});
    for code in &codes[..80] {
        host.expect(&in_repo("PUT", &format!("/contents/processes/{code}.py")))
            .answer(answer(201, &json!({"content": file, "commit": {"sha": "c"}})));
    }
    let Failure::Defer(later) = backup(&host, &json!({})).unwrap_err() else {
        panic!("a pause")
    };
    assert_eq!(Duration::from_millis(later.after), Duration::from_mins(10));
}

#[test]
fn a_file_that_somebody_else_changes_meanwhile_is_looked_at_again() {
    let host = host(&[("a", "x")], &json!({"mode": "contents"}));
    host.expect(&in_repo("GET", ""))
        .answer(answer(200, &repository()));
    host.expect(&in_repo("GET", "/contents/processes?ref=main"))
        .answer(refusal(404, "Not Found"));
    host.expect(&in_repo("PUT", "/contents/processes/a.py"))
        .answer(refusal(409, "processes/a.py does not match 1"));
    let failure = backup(&host, &json!({})).unwrap_err();
    assert!(
        matches!(failure, Failure::Retry(_)) && failure.reason().contains("does not match"),
        "{failure:?}"
    );
}

#[test]
fn settings_and_triggers_that_make_no_sense() {
    let host = host(&[], &json!({"folder": "../up"}));
    assert!(backup(&host, &json!({})).unwrap_err().reason().contains("folder"));
    assert!(
        backup(&host, &json!({"dry_run": true}))
            .unwrap_err()
            .reason()
            .contains("dry_run")
    );
    let webhook = host.webhook::<GithubBackup>(testing::event("github", "push", &json!({})));
    assert!(webhook.unwrap_err().reason().contains("schedule"));
    assert!(
        !host
            .action::<GithubBackup>("other", &json!({}))
            .unwrap_err()
            .is_retryable()
    );
}
