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
    /// It refused all deliveries as they are. It lives, but whether it works nobody has seen: that closes a trial and
    /// counts for nothing else.
    Answered,
    /// All deliveries were refused before anything was asked. That says nothing of an outage, but a wait that is over
    /// needs no more proof.
    Unasked,
    /// Nothing: the call ended by a fault or a limit of our own.
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
            Ended::Answered if is_trial => self.close(now),
            Ended::Unasked if is_trial && self.opened == 0 => self.close(now),
            Ended::AskedToWait(wait) => {
                let until = now.checked_add(wait).unwrap_or(now + FOREVER);
                self.asked = self.asked.max(Some(until));
                self.until = self.until.max(Some(until));
            }
            Ended::Failed if is_trial => self.open_for_failures(now),
            Ended::Failed if self.until.is_none() => self.count(now),
            // A call that began before the breaker opened does not say how things are since.
            Ended::Neither | Ended::Answered | Ended::Unasked | Ended::Succeeded | Ended::Failed => {}
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
mod tests;
