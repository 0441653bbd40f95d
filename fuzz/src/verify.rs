//! Proofs of senders.

use std::sync::OnceLock;

use hookyard::domain::source::SourceSpec;
use hookyard::intake::verify::{self as verifier, Terms};
use hookyard::secret::Secret;

use crate::keys::{Kind, secret};
use crate::senders::{presented, section, source, words};

/// Sections for every algorithm that is not a verifier's usual one, and for what a signature may cover.
const MORE: &[(&str, Kind)] = &[
    (
        "verify = \"hmac\"\nheader = \"x-proof\"\nprefix = \"v1=\"\nalgorithm = \"sha512\"\nencoding = \"base64\"\n\
         signed = \"{method}|{url}|{header:x-id}|{timestamp}.{body}\"\ntimestamp-header = \"x-at\"\n\
         timestamp-format = \"rfc3339\"\n",
        Kind::Shared,
    ),
    (
        "verify = \"hmac\"\nheader = \"x-proof\"\nalgorithm = \"sha1\"\nsigned = \"{timestamp}{body}\"\n\
         timestamp-header = \"x-at\"\ntimestamp-format = \"unix-ms\"\n",
        Kind::Shared,
    ),
    (
        "verify = \"http-signature\"\nalgorithm = \"ed25519\"\n",
        Kind::Ed25519,
    ),
    (
        "verify = \"http-signature\"\nalgorithm = \"ecdsa-p256-sha256\"\n",
        Kind::P256,
    ),
    (
        "verify = \"http-signature\"\nalgorithm = \"ecdsa-p384-sha384\"\n",
        Kind::P384,
    ),
    (
        "verify = \"http-signature\"\nalgorithm = \"rsa-pss-sha512\"\n",
        Kind::Rsa,
    ),
    (
        "verify = \"http-signature\"\nalgorithm = \"rsa-v1_5-sha256\"\n",
        Kind::Rsa,
    ),
    ("verify = \"standard-webhooks\"\n", Kind::StandardWebhooks),
    (
        "verify = \"http-signature\"\ncomponents = [\"@method\", \"@path\"]\ntag = \"t\"\n",
        Kind::Shared,
    ),
];

struct Sender {
    spec: SourceSpec,
    secret: String,
}

/// Each verifier that asks for a proof, by its word, and then [`MORE`].
fn senders() -> &'static [Sender] {
    static SENDERS: OnceLock<Vec<Sender>> = OnceLock::new();
    SENDERS.get_or_init(|| {
        let words = words().into_iter().filter(|word| *word != "none");
        let usual = words.map(|word| (section(word), Kind::Shared));
        let more = MORE
            .iter()
            .map(|(section, kind)| (format!("{section}secret = \"env:S\"\n"), *kind));
        let all = usual.chain(more).map(|(section, kind)| Sender {
            spec: source(&section),
            secret: secret(kind),
        });
        all.collect()
    })
}

/// A request to a source, as the number of a sender and the rest of it: refused with a reason, since nobody here
/// can sign. No header makes a parser panic.
pub fn verify(input: &[u8]) {
    let Some((number, request)) = input.split_first() else {
        return;
    };
    let senders = senders();
    let Sender { spec, secret } = &senders[usize::from(*number) % senders.len()];
    let request = presented(request);
    let terms = Terms {
        now: request.received_at,
        tolerance: spec.tolerance,
        public_url: None,
    };
    let secrets = [Secret::new(secret.clone())];
    verifier::try_key(&spec.scheme, &secrets[0]).expect("a key of its kind");
    let judged = verifier::prepare(&spec.scheme, &request, terms).and_then(|claim| claim.check(&secrets));
    let rejection = judged.expect_err("nobody can sign");
    assert!(!rejection.why.is_empty() && !rejection.why.contains(secret.as_str()));
}
