//! Whether a plugin's deliveries may run, by how the last ones ended. Pure; the caller says what time
//! it is.
//!
//! Calls that fail one after the other open the breaker: nothing runs, what waits loses no attempt.
//! After a while one call is let through. When it succeeds, all may run again; when it fails, the
//! breaker opens for twice as long. A vendor that names a time at which it wants to be asked again
//! opens it until then, whatever the count.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::words::words;

/// When a plugin's breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Calls that fail one after the other within `window`.
    pub failures: u32,
    pub window: Duration,
    /// How long it stays open the first time; doubles up to `max_open`.
    pub open: Duration,
    pub max_open: Duration,
}

impl Default for BreakerPolicy {
    /// Ten failures in a row within a minute are no accident; half a minute later most restarts of a
    /// vendor are over; after ten minutes somebody wants to see that it works again.
    fn default() -> Self {
        Self {
            failures: 10,
            window: Duration::from_mins(1),
            open: Duration::from_secs(30),
            max_open: Duration::from_mins(10),
        }
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls run.
    Closed,
    /// One call is let through.
    HalfOpen,
    /// None is.
    Open,
}

words!(BreakerState, "state of a breaker" {
    Closed = "closed",
    HalfOpen = "half-open",
    Open = "open",
});

/// What a call says of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It took at least one delivery.
    Succeeded,
    /// It took none, for reasons that are not the deliveries' own.
    Failed,
    /// Nothing: the deliveries were refused as they are, or put off by a limit of our own.
    Neither,
    /// The vendor asks not to be asked again for so long. It lives, so it does not count as a failure.
    AskedToWait(Duration),
}

/// What may run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    All,
    /// One call, to see how the destination does.
    Trial,
    /// Nothing before so long; `None`: before the trial under way has ended.
    Nothing(Option<Duration>),
}

/// A call that was let through. To be given back with how it ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a trial that never ends keeps the breaker half-open"]
pub struct Pass {
    /// Which trial it is, by the breaker's count; 0 for none.
    trial: u64,
}

/// The breaker of one plugin on one node.
#[derive(Clone, Debug)]
pub struct Breaker {
    /// `None`: failures are not counted, but what a vendor asks is still done.
    policy: Option<BreakerPolicy>,
    /// Of the last failures with no success since, at most as many as it takes to open.
    failures: VecDeque<Instant>,
    /// How often it has opened for failures since the last success.
    opened: u32,
    /// It is not closed; before this moment nothing runs.
    until: Option<Instant>,
    /// Before this moment a vendor does not want to be asked.
    asked: Option<Instant>,
    /// Trials begun so far, and whether the last of them is under way.
    trials: u64,
    trial_runs: bool,
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub const fn new(policy: Option<BreakerPolicy>) -> Self {
        Self {
            policy,
            failures: VecDeque::new(),
            opened: 0,
            until: None,
            asked: None,
            trials: 0,
            trial_runs: false,
        }
    }

    /// As new. Calls under way still end here, and none of them is taken for a later trial.
    pub fn forget(&mut self) {
        *self = Self {
            trials: self.trials,
            ..Self::new(None)
        };
    }

    /// Takes another policy. One that counts no failures closes what failures have opened.
    pub fn follow(&mut self, policy: Option<BreakerPolicy>) {
        if self.policy == policy {
            return;
        }
        self.policy = policy;
        if policy.is_none() && self.opened > 0 {
            self.failures.clear();
            self.opened = 0;
            self.until = self.asked;
        }
    }

    /// The plugin has another build: one that failures have opened lets its trial through at once,
    /// since the fault may have been the old build's.
    pub fn renewed(&mut self, now: Instant) {
        if self.opened > 0 {
            let allowed = self.asked.map_or(now, |asked| asked.max(now));
            self.until = self.until.map(|until| until.min(allowed));
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.until {
            None => BreakerState::Closed,
            Some(until) if until > now => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// The moment at which it lets a trial through; `None` when it is closed.
    #[must_use]
    pub const fn opens_until(&self) -> Option<Instant> {
        self.until
    }

    /// What may run now.
    #[must_use]
    pub fn permit(&self, now: Instant) -> Permit {
        match self.until {
            None => Permit::All,
            Some(until) if until > now => Permit::Nothing(Some(until - now)),
            Some(_) if self.trial_runs => Permit::Nothing(None),
            Some(_) => Permit::Trial,
        }
    }

    /// Notes that a call begins which was permitted.
    pub fn begin(&mut self) -> Pass {
        if self.until.is_none() {
            return Pass { trial: 0 };
        }
        self.trials += 1;
        self.trial_runs = true;
        Pass { trial: self.trials }
    }

    /// Notes how a call ended. Once it is open, only the trial tells about failures: the others began
    /// before.
    pub fn end(&mut self, pass: &Pass, ended: Ended, now: Instant) {
        let is_trial = self.trial_runs && pass.trial == self.trials;
        if is_trial {
            self.trial_runs = false;
        }
        match ended {
            Ended::Succeeded if is_trial || self.until.is_none() => self.close(now),
            Ended::AskedToWait(wait) => {
                let until = now.checked_add(wait).unwrap_or(now + FOREVER);
                self.asked = self.asked.max(Some(until));
                self.until = self.until.max(Some(until));
            }
            Ended::Failed if is_trial => self.open_for_failures(now),
            Ended::Failed if self.until.is_none() => self.count(now),
            // A call that began before the breaker opened does not say how things are since.
            Ended::Neither | Ended::Succeeded | Ended::Failed => {}
        }
    }

    fn count(&mut self, now: Instant) {
        let Some(policy) = self.policy else { return };
        self.failures.push_back(now);
        while self
            .failures
            .front()
            .is_some_and(|first| now.saturating_duration_since(*first) > policy.window)
        {
            self.failures.pop_front();
        }
        if self.failures.len() >= usize::try_from(policy.failures).unwrap_or(usize::MAX) {
            self.open_for_failures(now);
        }
    }

    fn open_for_failures(&mut self, now: Instant) {
        self.failures.clear();
        let Some(policy) = self.policy else {
            // A trial after a wait that was asked for; failures are not counted.
            self.close(now);
            return;
        };
        let doubled = policy
            .open
            .saturating_mul(1_u32.checked_shl(self.opened).unwrap_or(u32::MAX));
        self.opened = self.opened.saturating_add(1);
        self.until = self.until.max(Some(now + doubled.min(policy.max_open)));
    }

    /// Closes it, unless a vendor wants to be left alone for longer.
    fn close(&mut self, now: Instant) {
        self.failures.clear();
        self.opened = 0;
        self.asked = self.asked.filter(|asked| *asked > now);
        self.until = self.asked;
    }
}

/// Stands for waits that no clock can hold: a hundred years.
const FOREVER: Duration = Duration::from_hours(24 * 365 * 100);

#[cfg(test)]
mod tests {
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
            steps in prop::collection::vec((0_u64..6_000, 0_u8..4, any::<bool>()), 1..300),
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
}
