//! The proof of a request, judged where that holds nobody up: a large body is hashed, and a form sorted, on a thread of
//! its own and within the room for bodies that are looked into.

use super::LOOK_INSIDE_HERE;
use super::presented::{Digest, Presented};
use super::verify::{self, Claim, Terms};
use crate::domain::rejected::{Check, Rejection};
use crate::domain::source::scheme::Scheme;
use crate::looks::Looks;
use crate::secret::Secret;

/// A request whose proof is not refused yet, as [`verify::Claim`].
pub(super) enum Trial<'a> {
    Here(Claim<'a>),
    /// Each step begins anew with what it needs of its own; the costly work is the last step's alone.
    Aside(Aside<'a>),
}

/// A request with a large body.
pub(super) struct Aside<'a> {
    scheme: &'a Scheme,
    request: &'a Presented,
    terms: Terms<'a>,
    looks: &'a Looks,
}

impl<'a> Trial<'a> {
    /// Reads a request's proof.
    ///
    /// # Errors
    /// When it cannot be right whatever the secret is.
    pub async fn prepare(
        scheme: &'a Scheme,
        request: &'a Presented,
        terms: Terms<'a>,
        looks: &'a Looks,
    ) -> Result<Self, Rejection> {
        let covers_body = matches!(scheme, Scheme::Signed(_) | Scheme::Message(_));
        if !covers_body || request.body.len() <= LOOK_INSIDE_HERE {
            return verify::prepare(scheme, request, terms).map(Trial::Here);
        }
        let aside = Aside {
            scheme,
            request,
            terms,
            looks,
        };
        aside.judge(|_claim| Ok(None)).await?;
        Ok(Self::Aside(aside))
    }

    /// Whether secrets are needed at all.
    pub const fn needs_secrets(&self) -> bool {
        match self {
            Self::Here(claim) => claim.needs_secrets(),
            Self::Aside(_) => true,
        }
    }

    /// Whether one of the secrets proves it; see [`Claim::check`].
    ///
    /// # Errors
    /// When none does.
    pub async fn check(&self, secrets: &[Secret]) -> Result<Option<Digest>, Rejection> {
        match self {
            Self::Here(claim) => claim.check(secrets),
            Self::Aside(aside) => {
                let secrets = secrets.to_vec();
                aside.judge(move |claim| claim.check(&secrets)).await
            }
        }
    }
}

impl Aside<'_> {
    async fn judge(
        &self,
        judge: impl FnOnce(&Claim<'_>) -> Result<Option<Digest>, Rejection> + Send + 'static,
    ) -> Result<Option<Digest>, Rejection> {
        let (scheme, request) = (self.scheme.clone(), self.request.clone());
        let (now, tolerance) = (self.terms.now, self.terms.tolerance);
        let public_url = self.terms.public_url.map(str::to_owned);
        let judging = move || {
            let terms = Terms {
                now,
                tolerance,
                public_url: public_url.as_deref(),
            };
            judge(&verify::prepare(&scheme, &request, terms)?)
        };
        let judged = self.looks.look(self.request.body.len(), judging).await;
        // An answer with which the sender comes again.
        let stopping = || Rejection::new(Check::NoSecret, "the service is stopping");
        judged.unwrap_or_else(|| Err(stopping()))
    }
}
