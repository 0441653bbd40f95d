//! When it opens, what it lets through, how it closes.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> BreakerPolicy {
    BreakerPolicy {
        failures: 3,
        window: 10 * SECOND,
        open: 4 * SECOND,
        max_open: 10 * SECOND,
    }
}

fn fail(breaker: &mut Breaker, now: Instant) {
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Failed, now);
}

/// Open since `now`.
fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::new(Some(policy()));
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.permit(now), Permit::Nothing(Some(4 * SECOND)));
    breaker
}

#[test]
fn failures_in_a_row_within_the_window_open_it() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Some(policy()));
    fail(&mut breaker, now);
    fail(&mut breaker, now);
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Succeeded, now);
    fail(&mut breaker, now);
    fail(&mut breaker, now);
    assert_eq!(breaker.permit(now), Permit::All, "a success in between");
    let late = now + 11 * SECOND;
    fail(&mut breaker, late);
    assert_eq!(
        breaker.permit(late),
        Permit::All,
        "the first two are too long ago"
    );
    fail(&mut breaker, late);
    fail(&mut breaker, late);
    assert_eq!(breaker.state(late), BreakerState::Open);
}

#[test]
fn one_trial_decides() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let before = now + 7 * SECOND / 2;
    let then = now + 4 * SECOND;
    assert_eq!(breaker.permit(before), Permit::Nothing(Some(SECOND / 2)));
    assert_eq!(
        (breaker.permit(then), breaker.state(then)),
        (Permit::Trial, BreakerState::HalfOpen)
    );
    let pass = breaker.begin();
    assert_eq!(breaker.permit(then), Permit::Nothing(None));
    breaker.end(&pass, Ended::Neither, then);
    assert_eq!(
        breaker.permit(then),
        Permit::Trial,
        "it said nothing: another one"
    );
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Succeeded, then);
    assert_eq!(breaker.permit(then), Permit::All);
}

#[test]
fn a_refusal_of_all_closes_a_trial_and_counts_for_nothing_else() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Some(policy()));
    for ended in [Ended::Answered, Ended::Unasked] {
        fail(&mut breaker, now);
        let pass = breaker.begin();
        breaker.end(&pass, ended, now);
    }
    fail(&mut breaker, now);
    assert_eq!(
        breaker.state(now),
        BreakerState::Open,
        "it is no success in between"
    );
    let then = now + 4 * SECOND;
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Unasked, then);
    assert_eq!(
        breaker.permit(then),
        Permit::Trial,
        "nobody has asked whether it is over"
    );
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Answered, then);
    assert_eq!(breaker.permit(then), Permit::All);
    for (policy, ended) in [
        (None, Ended::Unasked),
        (None, Ended::Answered),
        (Some(policy()), Ended::Unasked),
        (Some(policy()), Ended::Answered),
    ] {
        let mut breaker = Breaker::new(policy);
        let pass = breaker.begin();
        breaker.end(&pass, Ended::AskedToWait(SECOND), now);
        let then = now + SECOND;
        assert_eq!(breaker.permit(then), Permit::Trial);
        let pass = breaker.begin();
        breaker.end(&pass, ended, then);
        assert_eq!(breaker.permit(then), Permit::All, "the wait is over: {ended:?}");
    }
}

#[test]
fn every_failed_trial_doubles_the_time_up_to_its_most() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    for seconds in [4, 8, 10, 10] {
        assert_eq!(breaker.permit(now), Permit::Nothing(Some(seconds * SECOND)));
        now += seconds * SECOND;
        fail(&mut breaker, now);
    }
    now += 10 * SECOND;
    let pass = breaker.begin();
    breaker.end(&pass, Ended::Succeeded, now);
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.permit(now), Permit::Nothing(Some(4 * SECOND)), "anew");
}

#[test]
fn calls_that_began_before_it_opened_change_nothing() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Some(policy()));
    let (early, other) = (breaker.begin(), breaker.begin());
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    breaker.end(&early, Ended::Succeeded, now);
    breaker.end(&other, Ended::Failed, now);
    assert_eq!(breaker.permit(now), Permit::Nothing(Some(4 * SECOND)));
}

#[test]
fn what_a_vendor_asks_is_done_in_full_and_counts_for_nothing_else() {
    let now = Instant::now();
    for policy in [Some(policy()), None] {
        let mut breaker = Breaker::new(policy);
        let (one, other) = (breaker.begin(), breaker.begin());
        breaker.end(&one, Ended::AskedToWait(3_600 * SECOND), now);
        breaker.end(&other, Ended::AskedToWait(SECOND), now);
        assert_eq!(breaker.permit(now), Permit::Nothing(Some(3_600 * SECOND)));
        let then = now + 3_600 * SECOND;
        let pass = breaker.begin();
        breaker.end(&pass, Ended::AskedToWait(7 * SECOND), then);
        assert_eq!(
            breaker.permit(then),
            Permit::Nothing(Some(7 * SECOND)),
            "not doubled"
        );
        let pass = breaker.begin();
        breaker.end(&pass, Ended::Succeeded, then + 7 * SECOND);
        assert_eq!(breaker.permit(then), Permit::All);
    }
}

#[test]
fn another_build_is_tried_at_once_but_not_before_a_vendor_wants_it() {
    let now = Instant::now();
    let mut breaker = opened(now);
    breaker.renewed(now);
    assert_eq!(breaker.permit(now), Permit::Trial);
    let mut breaker = opened(now);
    breaker.renewed(now);
    let pass = breaker.begin();
    breaker.end(&pass, Ended::AskedToWait(SECOND), now);
    breaker.renewed(now);
    assert_eq!(breaker.permit(now), Permit::Nothing(Some(SECOND)));
    breaker.follow(None);
    assert_eq!(breaker.permit(now), Permit::Nothing(Some(SECOND)));
}

#[test]
fn forgotten_it_is_closed_and_earlier_calls_are_no_trials() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let then = now + 4 * SECOND;
    let early = breaker.begin();
    breaker.forget();
    assert_eq!(breaker.permit(now), Permit::All, "what it was told is gone");
    breaker.follow(Some(policy()));
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    let trial = breaker.begin();
    breaker.end(&early, Ended::Succeeded, then);
    assert_eq!(
        breaker.permit(then),
        Permit::Nothing(None),
        "the trial still runs"
    );
    breaker.end(&trial, Ended::AskedToWait(9 * SECOND), then);
    breaker.forget();
    assert_eq!(breaker.permit(then), Permit::All, "a vendor's wait too");
}

#[test]
fn a_success_does_not_outdo_what_another_call_was_told() {
    let now = Instant::now();
    let mut breaker = Breaker::new(Some(policy()));
    let early = breaker.begin();
    for _ in 0..3 {
        fail(&mut breaker, now);
    }
    let then = now + 4 * SECOND;
    let trial = breaker.begin();
    breaker.end(&early, Ended::AskedToWait(9 * SECOND), then);
    breaker.end(&trial, Ended::Succeeded, then);
    assert_eq!(breaker.permit(then), Permit::Nothing(Some(9 * SECOND)));
}

#[test]
fn switched_off_it_counts_nothing_and_closes() {
    let now = Instant::now();
    let mut breaker = opened(now);
    breaker.follow(None);
    for _ in 0..100 {
        fail(&mut breaker, now);
    }
    assert_eq!(breaker.permit(now), Permit::All);
}

proptest! {
    /// Whatever calls do: no call before the time, one trial at a time, and without a vendor's wish
    /// never longer than the policy's most.
    #[test]
    fn it_holds_back_and_always_comes_back(
        steps in prop::collection::vec((0_u64..6_000, 0_u8..6, any::<bool>()), 1..300),
    ) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new(Some(policy()));
        let mut running: Vec<Pass> = Vec::new();
        let mut asked_until = now;
        for (millis, end, begins) in steps {
            now += Duration::from_millis(millis);
            if begins {
                match breaker.permit(now) {
                    Permit::All | Permit::Trial => running.push(breaker.begin()),
                    Permit::Nothing(Some(wait)) => {
                        prop_assert!(wait <= policy().max_open || now + wait <= asked_until);
                    }
                    Permit::Nothing(None) => prop_assert!(!running.is_empty(), "a trial runs"),
                }
                continue;
            }
            let Some(pass) = running.pop() else { continue };
            let ended = match end {
                0 => Ended::Succeeded,
                1 => Ended::Failed,
                2 => Ended::Neither,
                3 => Ended::Answered,
                4 => Ended::Unasked,
                _ => Ended::AskedToWait(20 * SECOND),
            };
            breaker.end(&pass, ended, now);
            if let Ended::AskedToWait(wait) = ended {
                asked_until = now + wait;
                prop_assert_eq!(breaker.state(now), BreakerState::Open);
            }
        }
        // However it stands: once everything has ended and time has passed, something may run.
        for pass in &running {
            breaker.end(pass, Ended::Neither, now);
        }
        let later = now + 20 * SECOND;
        prop_assert!(matches!(breaker.permit(later), Permit::All | Permit::Trial));
    }
}
