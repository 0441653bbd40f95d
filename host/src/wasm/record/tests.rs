use super::*;

#[test]
fn printed_bytes_become_lines_and_a_rest_is_kept() {
    let record = Recorder::new(1_000, 1);
    record.print(LogLevel::Stdout, b"one\ntw");
    record.print(LogLevel::Stdout, b"o\r\nrest");
    let (lines, _) = record.finish();
    let texts: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(texts, ["one", "two", "rest"]);
}

#[test]
fn past_the_bound_lines_are_counted_not_kept() {
    let record = Recorder::new(100, 1);
    for _ in 0..1_000 {
        record.line(LogLevel::Info, "");
    }
    let (lines, _) = record.finish();
    assert_eq!(lines.len(), 7);
    assert!(lines[6].message.starts_with("dropped 994 lines"));
}

#[test]
fn a_long_line_is_cut_and_the_next_is_whole() {
    let record = Recorder::new(1 << 20, 1);
    record.print(LogLevel::Stderr, &vec![b'x'; 3 * MAX_LINE_BYTES]);
    record.print(LogLevel::Stderr, b"\nnext\n");
    let (lines, _) = record.finish();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].message.len() <= MAX_LINE_BYTES);
    assert_eq!(lines[1].message, "next");
}

#[test]
fn an_unanswered_call_says_so() {
    let record = Recorder::new(100, 1);
    let call = || record.begin_call("GET", "http://a/");
    let begun = |call, allowed| Some(Begun { call, allowed });
    assert_eq!(call(), begun(0, true));
    assert_eq!(call(), begun(1, false));
    assert_eq!(call(), None);
    assert_eq!(call(), None);
    record.end_call(1, Some(200), None);
    let (lines, calls) = record.finish();
    assert_eq!(
        lines[0].message,
        "refused 2 more requests: a run may make 1 (limits.requests)"
    );
    assert!(calls[0].error.is_some());
    assert_eq!(calls[1].status, Some(200));
}

#[test]
fn what_we_refuse_is_no_failed_request() {
    let fails = |end: fn(&Recorder)| {
        let record = Recorder::new(100, 2);
        record.begin_call("GET", "http://a/");
        end(&record);
        let failed = record.request_failed();
        let (_, calls) = record.finish();
        assert_eq!(calls.len(), 1);
        failed
    };
    assert!(fails(|_| {}), "it was not answered");
    assert!(fails(|record| record.end_call(0, None, Some(String::new()))));
    assert!(fails(|record| record.end_call(0, Some(503), None)));
    assert!(!fails(|record| record.end_call(0, Some(404), None)));
    assert!(!fails(|record| record.refuse_call(0, String::new())));
    let broken_off = |record: &Recorder| {
        record.end_call(0, Some(200), None);
        record.end_call(0, None, Some("it broke off".to_owned()));
    };
    assert!(fails(broken_off));
    let too_large = |record: &Recorder| {
        record.end_call(0, Some(200), None);
        record.refuse_call(0, "it is too large".to_owned());
    };
    assert!(!fails(too_large));
    let blamed = |record: &Recorder| {
        record.end_call(0, Some(500), None);
        record.refuse_call(0, "it is too large".to_owned());
    };
    assert!(fails(blamed));
}

#[test]
fn the_hosts_own_calls_are_shown_bounded_and_cost_the_run_none() {
    let record = Recorder::new(100, 1);
    for call in 0..MAX_EXCHANGES {
        assert_eq!(record.begin_exchange("POST", "http://a/token"), Some(call));
    }
    assert_eq!(record.begin_exchange("POST", "http://a/token"), None);
    let begun = record.begin_call("GET", "http://a/");
    assert!(begun.is_some_and(|begun| begun.allowed), "{begun:?}");
    let (lines, calls) = record.finish();
    assert_eq!(calls.len(), MAX_EXCHANGES + 1);
    assert_eq!(
        lines[0].message,
        "refused 1 more requests for tokens: a run may cause 16"
    );
}
