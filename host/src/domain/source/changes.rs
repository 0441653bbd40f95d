//! What an operator's edit changes about sources, in words for the log. Names of secrets show, no values:
//! the file has none.

use super::{SourceSpec, SourceTable};

/// The changes from `old` to `new`, one text for each source that differs; empty when none does.
#[must_use]
pub fn changes(old: &SourceTable, new: &SourceTable) -> Vec<String> {
    let mut told = Vec::new();
    for spec in new.iter() {
        match old.get(spec.name.as_str()) {
            None => told.push(format!("source {} added (verify = {})", spec.name, spec.verifier)),
            Some(old) if old == spec => {}
            Some(old) => told.push(format!("source {}: {}", spec.name, differences(old, spec))),
        }
    }
    let gone = old.iter().filter(|spec| new.get(spec.name.as_str()).is_none());
    told.extend(gone.map(|spec| format!("source {} removed", spec.name)));
    told
}

fn differences(old: &SourceSpec, new: &SourceSpec) -> String {
    let mut told = Vec::new();
    if old.verifier != new.verifier {
        told.push(format!("verify: {} → {}", old.verifier, new.verifier));
    }
    for (name, changed) in [
        ("secret", old.secrets != new.secrets),
        ("tolerance", old.tolerance != new.tolerance),
        ("dedupe", old.dedupe != new.dedupe),
        ("type", old.event_type != new.event_type),
        ("format", old.format != new.format),
        ("origins", old.origins != new.origins),
        (
            "how it signs",
            old.verifier == new.verifier && old.scheme != new.scheme,
        ),
    ] {
        if changed {
            told.push(format!("{name} changed"));
        }
    }
    told.join("; ")
}
