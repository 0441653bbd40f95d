//! GitHub Apps: a signed claim for an installation access token, as
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>
//! and <https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app>
//! describe it.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use url::Url;

use super::key::SigningKey;
use super::refusal::{self, Clock};
use super::{Config, MintError, Minted, is_token, seconds};
use crate::domain::grant::{Grants, SecretGrant};
use crate::domain::time::Timestamp;
use crate::secret::Secret;
use crate::wasm::egress::{Answer, Question, exchange, goes_to};
use crate::wasm::host::RunContext;

/// How far back a claim is dated, in seconds: GitHub's advice against a clock that is ahead.
const BACKDATED_SECONDS: i64 = 60;

/// How long a claim is valid from now, in seconds. GitHub takes at most 10 minutes.
const CLAIM_SECONDS: i64 = 540;

/// The version of the API that the answer is read by.
const API_VERSION: &str = "2022-11-28";

/// What a token is asked for.
#[derive(Serialize)]
pub(super) struct Order {
    api_base: String,
    app_id: String,
    installation_id: String,
}

impl Order {
    /// An order by the plugin's configuration.
    pub(super) fn of(config: &Config<'_>) -> Result<Self, MintError> {
        let installation_id = config.required("installation-id")?;
        // It becomes a segment of a path.
        if !installation_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MintError::Refused(
                "`installation-id` of the configuration is not a number; it is the last part of the URL of the \
                 installation's settings page"
                    .to_owned(),
            ));
        }
        Ok(Self {
            api_base: config.required("api-base")?,
            app_id: config.required("app-id")?,
            installation_id,
        })
    }

    /// Where the claim goes. The claim is good at GitHub whoever brings it there, so it is sent only
    /// to an origin that the secret is bound to.
    fn url(&self, plugin: &str, grants: &Grants, grant: &SecretGrant) -> Result<Url, MintError> {
        let text = format!(
            "{}/app/installations/{}/access_tokens",
            self.api_base.trim_end_matches('/'),
            self.installation_id
        );
        let url = Url::parse(&text)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| {
                MintError::Refused(
                    "`api-base` of the configuration is not a URL with http or https".to_owned(),
                )
            })?;
        let bound = match &grant.to {
            Some(origins) => origins.iter().any(|origin| goes_to(&url, origin)),
            None => grants.http.iter().any(|pattern| goes_to(&url, pattern.origin())),
        };
        if bound {
            return Ok(url);
        }
        Err(MintError::Refused(format!(
            "it may not be used at {}, which `api-base` names; to allow it grant requests to it, and name it in `to` \
             of the secret in [plugins.{plugin}.grants.secrets] if that is given",
            url.origin().ascii_serialization()
        )))
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
}

/// Trades the key for an installation access token.
pub(super) async fn trade(
    run: &RunContext,
    order: &Order,
    grant: &SecretGrant,
    value: &Secret,
) -> Result<Minted, MintError> {
    let spec = run.standing.spec();
    let url = order.url(run.standing.name.as_str(), &spec.grants, grant)?;
    let key = SigningKey::from_pem(value).ok_or_else(|| {
        MintError::Refused(format!(
            "it is not a private RSA key in PEM form; {}",
            new_key(order)
        ))
    })?;
    let now = run.deps.clock.now();
    let claims = Claims {
        iss: &order.app_id,
        iat: seconds(now) - BACKDATED_SECONDS,
        exp: seconds(now) + CLAIM_SECONDS,
    };
    let claim = key.sign(None, &claims).map_err(MintError::Refused)?;
    let question = Question {
        url,
        headers: headers(&claim)?,
        body: String::new(),
        signed: claim.clone(),
    };
    let answer = exchange(run, question)
        .await
        .map_err(|none| MintError::unanswered("`api-base` of the configuration", &none))?;
    if answer.status.is_success() {
        return minted(&answer);
    }
    let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let said = refusal::said(&denied.message, &claim, &run.standing.carried);
    Err(refused(&answer, order, &denied, &said, now))
}

fn headers(claim: &str) -> Result<HeaderMap, MintError> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {claim}"))
        .map_err(|_| MintError::Refused("the signed claim does not fit a header".to_owned()))?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, bearer);
    let json = HeaderValue::from_static("application/vnd.github+json");
    headers.insert(header::ACCEPT, json);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("hookyard"));
    headers.insert(
        HeaderName::from_static("x-github-api-version"),
        HeaderValue::from_static(API_VERSION),
    );
    Ok(headers)
}

#[derive(Deserialize)]
struct Granted {
    token: String,
    /// RFC 3339.
    expires_at: String,
}

fn minted(answer: &Answer) -> Result<Minted, MintError> {
    let unusable = || {
        MintError::Unavailable(format!(
            "GitHub answered {} without a token",
            answer.status.as_u16()
        ))
    };
    let Ok(Granted { token, expires_at }) = serde_json::from_slice(&answer.body) else {
        return Err(unusable());
    };
    let token = Secret::new(token);
    if !is_token(token.expose()) {
        return Err(unusable());
    }
    let ends = Timestamp::parse(&expires_at).map_err(|_| unusable())?;
    Ok(Minted { token, ends })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    message: String,
}

fn refused(answer: &Answer, order: &Order, denied: &Denied, said: &str, now: Timestamp) -> MintError {
    let told = format!("GitHub answered {} {said}", answer.status.as_u16());
    let told = told.trim_end();
    if is_rate_limit(answer, &denied.message) {
        return MintError::Unavailable(told.to_owned());
    }
    let mend = match answer.status {
        StatusCode::UNAUTHORIZED => match refusal::clock(&answer.headers, now) {
            Clock::Wrong(clock) => clock,
            Clock::Unknown(clock) => format!(
                "the key may be revoked, or belong to another App than `app-id` {}: {}; or {clock}",
                order.app_id,
                new_key(order)
            ),
        },
        StatusCode::FORBIDDEN => {
            "the installation may be suspended or its permissions not accepted: look at it in the settings of its \
             account (GitHub Apps, Configure)"
                .to_owned()
        }
        StatusCode::NOT_FOUND => format!(
            "the App `app-id` {} has no installation `installation-id` {}: its number is the last part of the URL of \
             the installation's settings page",
            order.app_id, order.installation_id
        ),
        _ => return MintError::Unavailable(told.to_owned()),
    };
    MintError::Refused(format!("{told}; {mend}"))
}

/// 403 is also GitHub's answer to too many requests, by its words alone for some of the secondary limits:
/// <https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>.
fn is_rate_limit(answer: &Answer, message: &str) -> bool {
    let used_up = answer
        .headers
        .get("x-ratelimit-remaining")
        .is_some_and(|left| left == "0");
    let message = message.to_lowercase();
    let named = ["rate limit", "abuse detection"]
        .iter()
        .any(|words| message.contains(words));
    answer.status == StatusCode::FORBIDDEN
        && (used_up || named || answer.headers.contains_key(header::RETRY_AFTER))
}

fn new_key(order: &Order) -> String {
    format!(
        "make a new private key on the settings page of the App {} (Developer settings, GitHub Apps) and put the \
         file where the grant's `from` points",
        order.app_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm::egress::Carried;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], message: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect(),
            body: serde_json::json!({ "message": message })
                .to_string()
                .into_bytes()
                .into(),
        }
    }

    #[test]
    fn refusals_are_for_a_person_and_the_rest_passes() {
        let order = Order {
            api_base: "https://a.test".to_owned(),
            app_id: "7".to_owned(),
            installation_id: "9".to_owned(),
        };
        let now = Timestamp::from_millis(0);
        let told = |answer: &Answer| {
            let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
            let said = refusal::said(&denied.message, "aaa.bbb.ccc", &Carried::default());
            refused(answer, &order, &denied, &said, now)
        };
        for (status, part) in [
            (401, "make a new private key"),
            (403, "suspended"),
            (404, "`installation-id` 9"),
        ] {
            let error = told(&answer(status, &[], "No, aaa.bbb.ccc"));
            assert!(
                matches!(&error, MintError::Refused(text) if text.contains(part) && text.contains("No, ***********")),
                "{error:?}"
            );
        }
        for passing in [
            answer(403, &[("x-ratelimit-remaining", "0")], "API rate limit exceeded"),
            answer(403, &[("retry-after", "60")], "secondary rate limit"),
            answer(403, &[], "You have exceeded a secondary rate limit. Please wait."),
            answer(429, &[], ""),
            answer(502, &[], ""),
            answer(422, &[], ""),
        ] {
            assert!(matches!(told(&passing), MintError::Unavailable(_)));
        }
    }
}
