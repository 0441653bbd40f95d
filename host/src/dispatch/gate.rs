//! What a lane may run now: the plugin's breaker and its rate, followed through every change of
//! `plugins.toml`, and told to whoever looks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Parts;
use crate::domain::attempt::OutboundCall;
use crate::domain::breaker::{Breaker, BreakerState, Ended, Pass, Permit};
use crate::domain::plugin::{PluginName, PluginSpec};
use crate::domain::rate::Bucket;
use crate::domain::waiting::LaneState;
use crate::wasm::{Ends, Run, RunEnd};

/// Shared by a lane and its runs.
pub(super) struct Gate {
    name: PluginName,
    parts: Parts,
    inner: Mutex<Inner>,
}

struct Inner {
    breaker: Breaker,
    bucket: Option<Bucket>,
    generation: Option<u64>,
    /// The rate is used up until then.
    rate_until: Option<Instant>,
    full: bool,
    /// The breaker as it was told last.
    told: BreakerState,
}

impl Gate {
    pub(super) fn new(name: PluginName, parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            name,
            parts,
            inner: Mutex::new(Inner {
                breaker: Breaker::new(None),
                bucket: None,
                generation: None,
                rate_until: None,
                full: false,
                told: BreakerState::Closed,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows the plugin's section and build, and says what may run.
    pub(super) fn permit(&self, spec: &PluginSpec, generation: u64, now: Instant) -> Permit {
        let mut inner = self.lock();
        inner.breaker.follow(spec.breaker);
        if inner
            .generation
            .replace(generation)
            .is_some_and(|before| before != generation)
        {
            inner.breaker.renewed(now);
        }
        match (&mut inner.bucket, spec.limits.rate) {
            (Some(bucket), Some(rate)) => bucket.follow(rate, now),
            (bucket, rate) => *bucket = rate.map(|rate| Bucket::new(rate, now)),
        }
        self.tell(&mut inner, now);
        inner.breaker.permit(now)
    }

    /// How many deliveries the rate allows now.
    ///
    /// # Errors
    /// None: how long until there is one.
    pub(super) fn tokens(&self, now: Instant) -> Result<u32, Duration> {
        let mut inner = self.lock();
        let (tokens, wait) = match &mut inner.bucket {
            None => (u32::MAX, Duration::ZERO),
            Some(bucket) => (bucket.tokens(now), bucket.wait(now)),
        };
        inner.rate_until = (tokens == 0).then(|| now + wait);
        self.tell(&mut inner, now);
        if tokens == 0 { Err(wait) } else { Ok(tokens) }
    }

    /// These deliveries were claimed.
    pub(super) fn take(&self, deliveries: usize, now: Instant) {
        let deliveries = u32::try_from(deliveries).unwrap_or(u32::MAX);
        if let Some(bucket) = &mut self.lock().bucket {
            bucket.take(deliveries, now);
        }
    }

    /// Whether every slot is taken.
    pub(super) fn set_full(&self, full: bool, now: Instant) {
        let mut inner = self.lock();
        inner.full = full;
        self.tell(&mut inner, now);
    }

    /// Begins a call, if one may begin still: things may have changed while deliveries were claimed.
    pub(super) fn begin(self: &Arc<Self>, now: Instant) -> Option<Call> {
        let mut inner = self.lock();
        if let Permit::Nothing(_) = inner.breaker.permit(now) {
            return None;
        }
        Some(Call {
            pass: inner.breaker.begin(),
            gate: self.clone(),
            ended: Ended::Neither,
        })
    }

    /// The file has no such plugin any more, or it is disabled: what is known of its destination goes, a vendor's wait
    /// too. That is an operator's way out of one that is wrong.
    pub(super) fn forget(&self) {
        let mut inner = self.lock();
        if inner.told != BreakerState::Closed {
            tracing::info!(plugin = %self.name, "breaker forgotten: the plugin is disabled or removed");
        }
        inner.breaker.forget();
        inner.bucket = None;
        inner.generation = None;
        inner.rate_until = None;
        inner.full = false;
        inner.told = BreakerState::Closed;
        drop(inner);
        self.parts.lanes.forget(&self.name);
        self.parts.metrics.forget_breaker(&self.name);
    }

    fn tell(&self, inner: &mut Inner, now: Instant) {
        let at = |moment: Instant| self.parts.clock.now().plus(moment.saturating_duration_since(now));
        let state = inner.breaker.state(now);
        let until = inner.breaker.opens_until().filter(|until| *until > now);
        self.parts.lanes.tell(
            &self.name,
            LaneState {
                breaker: state,
                breaker_until: until.map(at),
                rate_until: inner.rate_until.filter(|until| *until > now).map(at),
                full: inner.full,
            },
        );
        self.parts.metrics.breaker(&self.name, state);
        if std::mem::replace(&mut inner.told, state) == state {
            return;
        }
        let plugin = &self.name;
        match state {
            BreakerState::Closed => tracing::info!(%plugin, "breaker closed: deliveries run again"),
            BreakerState::HalfOpen => tracing::info!(%plugin, "breaker half-open: one call is tried"),
            BreakerState::Open => {
                let until = until.map(at);
                tracing::warn!(%plugin, ?until, "breaker open: nothing runs until then; deliveries wait and lose no attempt");
            }
        }
    }
}

/// A call under way. Dropped, it has ended; unless [`Call::end`] says more, it said nothing.
pub(super) struct Call {
    gate: Arc<Gate>,
    pass: Pass,
    ended: Ended,
}

impl Call {
    /// It has ended, and said this of the destination.
    pub(super) fn end(mut self, ended: Ended) {
        self.ended = ended;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut inner = self.gate.lock();
        inner.breaker.end(&self.pass, self.ended, now);
        self.gate.tell(&mut inner, now);
    }
}

/// Answers that mean "too many": 429 (RFC 6585), 503 (RFC 9110), and 403, which GitHub gives
/// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>).
const LIMITED: [u16; 3] = [429, 503, 403];

/// What a run says of its destination.
///
/// A plugin that says `retry` says so of its destination. A trap, a limit or a fault of the host does when a request had
/// failed before: else it is the payload's or the build's own, and one payload that always traps must not hold up the
/// others.
///
/// A wait that the plugin asks for holds up the whole plugin only when a request of this run was
/// answered with "too many": else it is the one delivery's own.
pub(super) fn ended(run: &Run) -> Ended {
    let ends = match &run.ends {
        Ends::Each(ends) => ends.as_slice(),
        Ends::Whole(end) => std::slice::from_ref(end),
    };
    let asked = ends.iter().filter_map(|end| match end {
        RunEnd::Retry { after, .. } => *after,
        RunEnd::Defer { after, .. } => Some(*after),
        _ => None,
    });
    if let Some(wait) = asked.max().filter(|wait| !wait.is_zero() && limited(&run.calls)) {
        return Ended::AskedToWait(wait);
    }
    let any = |wanted: fn(&RunEnd) -> bool| ends.iter().any(wanted);
    let broke = |end: &RunEnd| matches!(end, RunEnd::Trapped(_) | RunEnd::Limit(_) | RunEnd::Host(_));
    if any(|end| matches!(end, RunEnd::Succeeded { .. })) {
        Ended::Succeeded
    } else if any(|end| matches!(end, RunEnd::Retry { .. })) || (run.request_failed && any(broke)) {
        Ended::Failed
    } else if run.request_failed || any(|end| !matches!(end, RunEnd::Rejected(_))) {
        Ended::Neither
    } else if run.calls.iter().any(|call| call.status.is_some()) {
        Ended::Answered
    } else {
        // What we refused asked nobody.
        Ended::Unasked
    }
}

fn limited(calls: &[OutboundCall]) -> bool {
    calls
        .iter()
        .any(|call| call.status.is_some_and(|status| LIMITED.contains(&status)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ends: Ends, statuses: &[u16]) -> Run {
        let call = |status: &u16| OutboundCall {
            at_ms: 0,
            method: "POST".to_owned(),
            url: "https://vendor.test/".to_owned(),
            status: Some(*status),
            duration_ms: 1,
            error: None,
        };
        Run {
            ends,
            duration: Duration::ZERO,
            cpu: Duration::ZERO,
            memory_peak: 0,
            logs: Vec::new(),
            calls: statuses.iter().map(call).collect(),
            request_failed: statuses.iter().any(|status| *status >= 500),
        }
    }

    fn retry(after: Option<u64>) -> RunEnd {
        RunEnd::Retry {
            reason: "no".to_owned(),
            after: after.map(Duration::from_secs),
        }
    }

    fn success() -> RunEnd {
        RunEnd::Succeeded {
            summary: String::new(),
            output: None,
        }
    }

    #[test]
    fn a_wait_is_the_vendors_only_with_its_answer() {
        let whole = |end| Ends::Whole(end);
        for status in LIMITED {
            let asked = ended(&run(whole(retry(Some(7))), &[200, status]));
            assert_eq!(asked, Ended::AskedToWait(Duration::from_secs(7)));
        }
        assert_eq!(ended(&run(whole(retry(Some(7))), &[409])), Ended::Failed);
        assert_eq!(ended(&run(whole(retry(Some(0))), &[429])), Ended::Failed);
        assert_eq!(ended(&run(whole(retry(None)), &[429])), Ended::Failed);
        let after = Duration::from_secs(9);
        let defer = RunEnd::Defer {
            reason: "quota".to_owned(),
            after,
        };
        assert_eq!(
            ended(&run(whole(defer.clone()), &[429])),
            Ended::AskedToWait(after)
        );
        assert_eq!(ended(&run(whole(defer), &[])), Ended::Neither);
    }

    #[test]
    fn one_delivery_that_goes_through_makes_a_call_a_success() {
        let rejected = || RunEnd::Rejected("no such channel".to_owned());
        assert_eq!(
            ended(&run(Ends::Each(vec![retry(None), success()]), &[])),
            Ended::Succeeded
        );
        assert_eq!(
            ended(&run(Ends::Each(vec![rejected(), retry(None)]), &[])),
            Ended::Failed
        );
        let batch = Ends::Each(vec![success(), retry(Some(3))]);
        assert_eq!(
            ended(&run(batch, &[200, 429])),
            Ended::AskedToWait(Duration::from_secs(3))
        );
    }

    #[test]
    fn a_refusal_of_all_is_an_answer_where_something_was_asked() {
        let rejected = || {
            Ends::Each(vec![
                RunEnd::Rejected(String::new()),
                RunEnd::Rejected(String::new()),
            ])
        };
        assert_eq!(ended(&run(rejected(), &[200, 404])), Ended::Answered);
        assert_eq!(ended(&run(rejected(), &[])), Ended::Unasked);
        assert_eq!(ended(&run(rejected(), &[404, 500])), Ended::Neither);
        let mut refused = run(rejected(), &[404]);
        refused.calls[0].status = None;
        refused.calls[0].error = Some("no grant covers it".to_owned());
        assert_eq!(ended(&refused), Ended::Unasked, "we did not let it ask");
    }

    #[test]
    fn what_breaks_is_the_destinations_fault_only_after_a_request_that_failed() {
        let ends: [fn(String) -> RunEnd; 3] = [RunEnd::Trapped, RunEnd::Limit, RunEnd::Host];
        for end in ends {
            let with = |statuses: &[u16]| run(Ends::Whole(end(String::new())), statuses);
            assert_eq!(ended(&with(&[])), Ended::Neither);
            assert_eq!(ended(&with(&[200, 404])), Ended::Neither);
            assert_eq!(ended(&with(&[200, 503])), Ended::Failed);
            let mut unanswered = with(&[200]);
            unanswered.calls[0].status = None;
            unanswered.calls[0].error = Some("not answered when the run ended".to_owned());
            unanswered.request_failed = true;
            assert_eq!(
                ended(&unanswered),
                Ended::Failed,
                "a limit of time, and a vendor that hangs"
            );
            let refused = Run {
                request_failed: false,
                ..unanswered
            };
            assert_eq!(ended(&refused), Ended::Neither, "we did not let it ask");
        }
    }
}
