//! Spans as places in a trace. Without a collector nothing of this does anything.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::domain::trace::TraceParent;

/// The header that carries a place in a trace.
pub const TRACEPARENT: &str = "traceparent";

/// Makes a span that was not entered yet go on from there.
pub fn continue_from(span: &Span, parent: Option<&TraceParent>) {
    if let Some(parent) = parent {
        let context = Context::new().with_remote_span_context(remote(parent));
        // An error means that nobody traces.
        let _untraced = span.set_parent(context);
    }
}

/// Notes in a span that it does work of that trace too.
pub fn link(span: &Span, other: &TraceParent) {
    span.add_link(remote(other));
}

/// Where the current span stands; `None` where nobody traces.
#[must_use]
pub fn current() -> Option<TraceParent> {
    let context = Span::current().context();
    let span = context.span();
    let place = span.span_context();
    place.is_valid().then(|| TraceParent {
        trace: place.trace_id().to_bytes(),
        span: place.span_id().to_bytes(),
        flags: place.trace_flags().to_u8(),
    })
}

fn remote(parent: &TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from_bytes(parent.trace),
        SpanId::from_bytes(parent.span),
        TraceFlags::new(parent.flags),
        true,
        TraceState::default(),
    )
}
