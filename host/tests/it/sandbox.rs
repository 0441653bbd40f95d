//! What a plugin sees and what it cannot do.

mod memories;

use std::time::Duration;

use hookyard::domain::attempt::LogLevel;
use hookyard::domain::event::EventKind;
use hookyard::environment::Environment;
use hookyard::wasm::{Pool, RunEnd};
use serde_json::json;

use crate::support::plugins::{Yard, fixture, job, name, run_one, webhook};

fn limit(end: &RunEnd) -> &str {
    match end {
        RunEnd::Limit(text) => text,
        other => panic!("no limit: {other:?}"),
    }
}

fn trap(end: &RunEnd) -> &str {
    match end {
        RunEnd::Trapped(text) => text,
        other => panic!("no trap: {other:?}"),
    }
}

#[tokio::test]
async fn a_webhook_reaches_the_plugin_byte_for_byte() {
    let mut spec = fixture("echo");
    spec.config = json!({"greeting": "hello"});
    let yard = Yard::with(spec).await;
    let payload = json!({"n": 12_345_678_901_234_567_890_u64, "text": "höök"});
    let (output, run) = yard.output("echo", &payload).await;
    assert_eq!(output["config"], json!({"greeting": "hello"}));
    assert_eq!(output["trigger"]["body"], payload.to_string());
    assert_eq!(output["trigger"]["received-at"], 1_700_000_000_000_u64);
    assert_eq!(run.logs[0].level, LogLevel::Info);
}

#[tokio::test]
async fn a_tick_and_an_action_reach_it_as_such() {
    let yard = Yard::with(fixture("echo")).await;
    let plugin = yard.registry.plugin(&name("echo")).expect("loaded");
    let tick = json!({"cron": "0 3 * * *", "planned_at": 1_700_000_000_000_u64, "input": {"a": 1}});
    let run = run_one(&plugin, job(EventKind::Schedule, "tick", &tick)).await;
    assert!(
        matches!(&run.end, RunEnd::Succeeded { summary, .. } if summary == "tick of 0 3 * * *"),
        "{run:?}"
    );
    let run = run_one(&plugin, job(EventKind::Action, "echo", &json!({"b": 2}))).await;
    assert!(
        matches!(&run.end, RunEnd::Succeeded { summary, .. } if summary == "action echo"),
        "{run:?}"
    );
    plugin
        .check_action("echo", &json!({}))
        .expect("an offered action");
    let refused = plugin
        .check_action("ech", &json!({}))
        .expect_err("no such action");
    assert!(refused.contains("echo"), "{refused}");
    let wrong = plugin.check_action("echo", &json!(7)).expect_err("no object");
    assert!(wrong.contains("object"), "{wrong}");
}

#[tokio::test]
async fn a_failure_says_retry_defer_or_reject() {
    let yard = Yard::with(fixture("fail")).await;
    let run = yard
        .run(
            "fail",
            &json!({"do": "retry-after", "reason": "busy", "after-ms": 2000}),
        )
        .await;
    let after = Some(Duration::from_secs(2));
    assert_eq!(
        run.end,
        RunEnd::Retry {
            reason: "busy".into(),
            after
        }
    );
    let run = yard
        .run(
            "fail",
            &json!({"do": "defer", "reason": "later", "after-ms": 3000}),
        )
        .await;
    let after = Duration::from_secs(3);
    assert_eq!(
        run.end,
        RunEnd::Defer {
            reason: "later".into(),
            after
        }
    );
    let run = yard
        .run("fail", &json!({"do": "reject", "reason": "never"}))
        .await;
    assert_eq!(run.end, RunEnd::Rejected("never".into()));
}

#[tokio::test]
async fn an_endless_loop_ends_at_its_cpu_limit() {
    let mut spec = fixture("misbehave");
    spec.limits.cpu = Duration::from_millis(200);
    let yard = Yard::with(spec).await;
    let run = yard.run("misbehave", &json!({"do": "loop"})).await;
    let text = limit(&run.end);
    assert!(
        text.starts_with("cpu: ") && text.contains("200ms") && text.contains("limits.cpu"),
        "{text}"
    );
}

#[tokio::test]
async fn a_long_wait_ends_at_its_timeout_and_costs_no_cpu() {
    let mut spec = fixture("misbehave");
    spec.limits.timeout = Duration::from_secs(1);
    spec.limits.cpu = Duration::from_millis(500);
    let yard = Yard::with(spec).await;
    let run = yard.run("misbehave", &json!({"do": "sleep"})).await;
    let text = limit(&run.end);
    assert!(text.starts_with("timeout: ") && text.contains("1s"), "{text}");
}

#[tokio::test]
async fn an_allocation_bomb_ends_at_its_memory_limit() {
    let mut spec = fixture("misbehave");
    spec.limits.memory = 16 << 20;
    let yard = Yard::with(spec).await;
    let run = yard.run("misbehave", &json!({"do": "alloc"})).await;
    let text = limit(&run.end);
    assert!(
        text.starts_with("memory: ") && text.contains("of 16 MiB"),
        "{text}"
    );
    let next = yard.run("misbehave", &json!({"do": "stdio"})).await;
    assert!(
        matches!(next.end, RunEnd::Succeeded { .. }),
        "the next run has a memory of its own: {next:?}"
    );
}

#[tokio::test]
async fn a_failure_after_refused_memory_keeps_its_own_reason() {
    let mut spec = fixture("misbehave");
    spec.limits.memory = 16 << 20;
    let yard = Yard::with(spec).await;
    let run = yard.run("misbehave", &json!({"do": "alloc"})).await;
    let text = limit(&run.end);
    assert!(text.contains("memory allocation of"), "{text}");
    assert!(
        text.contains("unreachable") && text.contains("wasm backtrace"),
        "{text}"
    );

    let run = yard.run("misbehave", &json!({"do": "alloc-then-panic"})).await;
    let text = limit(&run.end);
    assert!(
        text.contains("of 16 MiB (limits.memory)") && text.contains("the refusal was survived"),
        "{text}"
    );
    let run = yard.run("misbehave", &json!({"do": "alloc-then-ok"})).await;
    assert!(matches!(run.end, RunEnd::Succeeded { .. }), "{run:?}");
}

#[tokio::test]
async fn a_panic_keeps_its_words_and_a_trap_its_reason() {
    let yard = Yard::with(fixture("misbehave")).await;
    let run = yard.run("misbehave", &json!({"do": "panic"})).await;
    let text = trap(&run.end);
    assert!(text.contains("misbehave panics as it was told"), "{text}");
    assert!(text.contains("unreachable"), "{text}");
    assert!(run.logs.iter().any(|line| line.level == LogLevel::Stderr));
    let run = yard.run("misbehave", &json!({"do": "trap"})).await;
    assert!(trap(&run.end).contains("unreachable"), "{run:?}");
    assert!(trap(&run.end).contains("wasm backtrace"), "{run:?}");
    let run = yard.run("misbehave", &json!({"do": "stack"})).await;
    // Rust's own stack lies at the foot of the memory, and runs out before the engine's does.
    assert!(trap(&run.end).contains("wasm trap: "), "{run:?}");
}

#[tokio::test]
async fn logs_are_bounded_and_say_what_was_dropped() {
    let mut spec = fixture("misbehave");
    spec.limits.log_bytes = 8 << 10;
    spec.limits.cpu = Duration::from_secs(20);
    let yard = Yard::with(spec).await;
    let run = yard
        .run("misbehave", &json!({"do": "huge-log", "bytes": 1_000_000}))
        .await;
    assert!(matches!(run.end, RunEnd::Succeeded { .. }), "{:?}", run.end);
    let kept: usize = run.logs.iter().map(|line| line.message.len()).sum();
    assert!(kept < 9 << 10, "{kept}");
    let last = &run.logs.last().expect("a mark").message;
    assert!(last.starts_with("dropped 992 lines"), "{last}");
}

#[tokio::test]
async fn what_is_printed_and_logged_is_kept_in_order() {
    let yard = Yard::with(fixture("misbehave")).await;
    let run = yard.run("misbehave", &json!({"do": "stdio"})).await;
    let lines: Vec<_> = run
        .logs
        .iter()
        .map(|line| (line.level, line.message.as_str()))
        .collect();
    assert_eq!(
        lines,
        [
            (LogLevel::Stdout, "a line on stdout"),
            (LogLevel::Stderr, "a line on stderr"),
            (LogLevel::Debug, "a debug line"),
            (LogLevel::Info, "an info line"),
            (LogLevel::Warn, "a warn line"),
            (LogLevel::Error, "an error line"),
            (LogLevel::Stdout, "an unfinished line on stdout"),
        ]
    );
}

#[tokio::test]
async fn output_that_breaks_the_contract_does_not_undo_a_success() {
    let mut spec = fixture("misbehave");
    spec.limits.cpu = Duration::from_secs(20);
    let yard = Yard::with(spec).await;
    for (what, note) in [("bad-output", "not JSON"), ("huge-output", "over 64 KiB")] {
        let run = yard
            .run("misbehave", &json!({"do": what, "bytes": 100_000}))
            .await;
        let RunEnd::Succeeded {
            summary,
            output: None,
        } = &run.end
        else {
            panic!("{run:?}");
        };
        assert!(summary.contains(note), "{summary}");
    }
    let run = yard.run("misbehave", &json!({"do": "too-few"})).await;
    assert!(
        matches!(&run.end, RunEnd::Rejected(text) if text.contains("one result per job")),
        "{run:?}"
    );
}

#[tokio::test]
async fn state_has_versions_and_one_winner_per_swap() {
    let yard = Yard::with(fixture("state")).await;
    let steps = json!({"steps": [
        {"op": "get", "key": "a"},
        {"op": "set", "key": "a", "value": "one"},
        {"op": "cas", "key": "a", "version": 1, "value": "two"},
        {"op": "cas", "key": "a", "version": 1, "value": "late"},
        {"op": "cas", "key": "a", "value": "not absent"},
        {"op": "get", "key": "a"},
        {"op": "list", "prefix": ""},
        {"op": "set", "key": "big", "value": 70_000},
        {"op": "delete", "key": "a"},
        {"op": "processes"},
    ]});
    let (output, _) = yard.output("state", &steps).await;
    assert_eq!(output[0], json!(null));
    assert_eq!(output[1], 1);
    assert_eq!(output[2], 2);
    assert_eq!(output[3], json!(null));
    assert_eq!(output[4], json!(null));
    assert_eq!(output[5], json!({"value": "two", "version": 2}));
    assert_eq!(output[6], json!(["a"]));
    assert!(
        output[7]["error"].to_string().contains("at most 65536"),
        "{output}"
    );
    assert_eq!(output[8], true);
    assert!(
        output[9]["error"].to_string().contains("permissions = "),
        "{output}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_served_while_some_spin() {
    let mut spinner = fixture("misbehave");
    spinner.limits.cpu = Duration::from_mins(10);
    spinner.limits.timeout = Duration::from_mins(10);
    let yard = Yard::new(Environment::default()).await;
    yard.apply_ready(vec![spinner, fixture("echo")]).await;
    let plugin = yard.registry.plugin(&name("misbehave")).expect("loaded");
    let spinning: Vec<_> = (0..3)
        .map(|_| {
            let plugin = plugin.clone();
            tokio::spawn(async move { run_one(&plugin, webhook(&json!({"do": "loop"}))).await })
        })
        .collect();
    for _ in 0..20 {
        yard.output("echo", &json!({})).await;
    }
    assert!(spinning.iter().all(|run| !run.is_finished()), "they still spin");
    spinning.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_run_that_meets_a_full_pool_waits_and_costs_no_attempt() {
    /// Room for a few components of Rust, which have about four core instances each.
    const POOL: Pool = Pool {
        runs: 64,
        core_instances: 12,
    };
    let mut yard = Yard::new(Environment::default()).await;
    yard.restart_with(POOL);
    let mut sleeper = fixture("misbehave");
    sleeper.limits.timeout = Duration::from_mins(10);
    yard.apply_ready(vec![sleeper]).await;
    let plugin = yard.registry.plugin(&name("misbehave")).expect("loaded");
    let mut sleeping: tokio::task::JoinSet<_> = (0..=POOL.core_instances)
        .map(|_| {
            let plugin = plugin.clone();
            async move { run_one(&plugin, webhook(&json!({"do": "sleep"}))).await.end }
        })
        .collect();
    let first = tokio::time::timeout(Duration::from_mins(1), sleeping.join_next()).await;
    let end = first.expect("an end in time").expect("a run").expect("no panic");
    assert!(
        matches!(&end, RunEnd::Defer { reason, .. } if reason.contains("the pool of instances is full")),
        "{end:?}"
    );
}
