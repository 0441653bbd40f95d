//! What becomes of a delivery after a run.

use std::time::Duration;

use crate::domain::attempt::AttemptOutcome;
use crate::domain::delivery::{OnUnknown, Tried, UnknownVerdict, Verdict};
use crate::domain::retry::{GiveUp, RetryPolicy};
use crate::wasm::RunEnd;

/// The record's outcome, the failure in words, and the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    pub outcome: AttemptOutcome,
    pub error: Option<String>,
    pub verdict: Verdict,
}

/// Judges the end of a run by the plugin's policy. `chance` is a random number from 0 to 1.
pub fn judge(end: &RunEnd, tried: Tried, policy: &RetryPolicy, chance: f64) -> Judged {
    let again = |outcome, reason: &str, after| match policy.next(tried.attempt, tried.age, after, chance) {
        Ok(delay) => Judged {
            outcome,
            error: Some(reason.to_owned()),
            verdict: Verdict::Retry {
                delay_ms: millis(delay),
            },
        },
        Err(why) => Judged {
            outcome,
            error: Some(format!("{reason} ({})", given_up(why, tried, after, policy))),
            verdict: Verdict::Dead,
        },
    };
    match end {
        RunEnd::Succeeded { .. } => Judged {
            outcome: AttemptOutcome::Succeeded,
            error: None,
            verdict: Verdict::Succeeded,
        },
        RunEnd::Retry { reason, after } => again(AttemptOutcome::Retry, reason, *after),
        RunEnd::Trapped(reason) => again(AttemptOutcome::Trapped, reason, None),
        RunEnd::Limit(reason) => again(AttemptOutcome::Limit, reason, None),
        RunEnd::Host(reason) => again(AttemptOutcome::Host, reason, None),
        RunEnd::Rejected(reason) => Judged {
            outcome: AttemptOutcome::Rejected,
            error: Some(reason.clone()),
            verdict: Verdict::Dead,
        },
        RunEnd::Defer { reason, after } => defer(reason, *after, tried, policy),
    }
}

/// Why there is no further attempt, in words.
fn given_up(why: GiveUp, tried: Tried, asked: Option<Duration>, policy: &RetryPolicy) -> String {
    let after = format!("given up after attempt {}", tried.attempt);
    let GiveUp::Age { wait } = why else {
        return after;
    };
    let max_age = humantime::format_duration(policy.max_age);
    if asked == Some(wait) {
        let asked = humantime::format_duration(wait);
        format!(
            "{after}: the vendor asks to wait {asked}, and then it would be older than max-age, {max_age}"
        )
    } else {
        format!("{after}: at the next it would be older than max-age, {max_age}")
    }
}

/// Judges a call of several jobs that ended as a whole: a wait holds for each, and after a failure each runs
/// by itself, whatever the policy says, since nobody knows whose it was.
pub fn judge_shared(end: &RunEnd, jobs: u32, tried: Tried, policy: &RetryPolicy) -> Judged {
    let outcome = match end {
        RunEnd::Succeeded { .. } | RunEnd::Defer { .. } => return judge(end, tried, policy, 0.0),
        RunEnd::Retry { .. } => AttemptOutcome::Retry,
        RunEnd::Rejected(_) => AttemptOutcome::Rejected,
        RunEnd::Trapped(_) => AttemptOutcome::Trapped,
        RunEnd::Limit(_) => AttemptOutcome::Limit,
        RunEnd::Host(_) => AttemptOutcome::Host,
    };
    let reason = end.failure().unwrap_or_default();
    Judged {
        outcome,
        error: Some(format!(
            "{reason}\nthe call had {jobs} deliveries; each now runs by itself"
        )),
        verdict: Verdict::Alone,
    }
}

/// Shortest deferral: a plugin that asks for none must not keep the database busy.
const MIN_DEFER: Duration = Duration::from_secs(1);

/// A wait that costs no attempt, but the delivery still grows too old.
fn defer(reason: &str, after: Duration, tried: Tried, policy: &RetryPolicy) -> Judged {
    let after = after.max(MIN_DEFER);
    let too_old = tried.age.saturating_add(after) > policy.max_age;
    let (error, verdict) = if too_old {
        let age = humantime::format_duration(policy.max_age);
        (
            format!("{reason} (given up: it would be older than max-age, {age})"),
            Verdict::Dead,
        )
    } else {
        (
            reason.to_owned(),
            Verdict::Defer {
                delay_ms: millis(after),
            },
        )
    };
    Judged {
        outcome: AttemptOutcome::Deferred,
        error: Some(error),
        verdict,
    }
}

/// Judges a delivery whose outcome nobody knows: an attempt like any other, so that a delivery that
/// kills its process comes to an end. `chance` is a random number from 0 to 1.
pub fn judge_unknown(
    on_unknown: OnUnknown,
    tried: Tried,
    policy: &RetryPolicy,
    chance: f64,
) -> UnknownVerdict {
    if on_unknown == OnUnknown::Hold {
        return UnknownVerdict::Hold;
    }
    match policy.next(tried.attempt, tried.age, None, chance) {
        Ok(delay) => UnknownVerdict::Retry {
            delay_ms: millis(delay),
        },
        Err(_) => UnknownVerdict::Dead,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::retry::Backoff;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            backoff: Backoff::Schedule(vec![Duration::from_secs(5), Duration::from_mins(1)]),
            max_age: Duration::from_hours(1),
        }
    }

    fn tried(attempt: u32, age_s: u64) -> Tried {
        Tried {
            attempt,
            age: Duration::from_secs(age_s),
        }
    }

    #[test]
    fn a_retry_waits_as_long_as_the_vendor_asks() {
        let end = RunEnd::Retry {
            reason: "429".into(),
            after: Some(Duration::from_secs(7)),
        };
        let judged = judge(&end, tried(1, 0), &policy(), 0.5);
        assert_eq!(judged.verdict, Verdict::Retry { delay_ms: 7_000 });
        let judged = judge(&end, tried(2, 0), &policy(), 0.5);
        assert_eq!(judged.verdict, Verdict::Retry { delay_ms: 60_000 });
    }

    #[test]
    fn a_wait_past_the_greatest_age_is_told_as_such() {
        let end = RunEnd::Retry {
            reason: "429".into(),
            after: Some(Duration::from_hours(2)),
        };
        let judged = judge(&end, tried(1, 0), &policy(), 0.5);
        assert_eq!(judged.verdict, Verdict::Dead);
        assert_eq!(
            judged.error.as_deref(),
            Some(
                "429 (given up after attempt 1: the vendor asks to wait 2h, and then it would be older than \
                 max-age, 1h)"
            )
        );
        let judged = judge(&RunEnd::Limit("cpu".into()), tried(1, 3_599), &policy(), 0.5);
        assert_eq!(
            judged.error.as_deref(),
            Some("cpu (given up after attempt 1: at the next it would be older than max-age, 1h)")
        );
    }

    #[test]
    fn the_last_attempt_and_old_age_end_as_dead_letters() {
        let end = RunEnd::Trapped("unreachable".into());
        let judged = judge(&end, tried(3, 0), &policy(), 0.5);
        assert_eq!(judged.verdict, Verdict::Dead);
        assert_eq!(
            judged.error.as_deref(),
            Some("unreachable (given up after attempt 3)")
        );
        assert_eq!(
            judge(&end, tried(1, 3_599), &policy(), 0.5).verdict,
            Verdict::Dead
        );
        let wait = RunEnd::Defer {
            reason: "limit".into(),
            after: Duration::from_secs(2),
        };
        assert_eq!(
            judge(&wait, tried(9, 10), &policy(), 0.5).verdict,
            Verdict::Defer { delay_ms: 2_000 }
        );
        assert_eq!(
            judge(&wait, tried(1, 3_599), &policy(), 0.5).verdict,
            Verdict::Dead
        );
    }

    #[test]
    fn an_unknown_outcome_is_an_attempt_like_any_other() {
        let judge = |tried| judge_unknown(OnUnknown::Retry, tried, &policy(), 0.5);
        assert_eq!(judge(tried(1, 0)), UnknownVerdict::Retry { delay_ms: 5_000 });
        assert_eq!(judge(tried(2, 0)), UnknownVerdict::Retry { delay_ms: 60_000 });
        assert_eq!(judge(tried(3, 0)), UnknownVerdict::Dead);
        assert_eq!(judge(tried(1, 3_599)), UnknownVerdict::Dead);
        assert_eq!(
            judge_unknown(OnUnknown::Hold, tried(9, 9_999), &policy(), 0.5),
            UnknownVerdict::Hold
        );
    }
}
