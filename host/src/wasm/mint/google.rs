//! Google service accounts: a signed assertion for an access token (RFC 7523), as
//! <https://developers.google.com/identity/protocols/oauth2/service-account> describes it.

use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;
use zeroize::Zeroizing;

use super::key::SigningKey;
use super::refusal::{self, Clock};
use super::{Config, MintError, Minted, end_after, is_token, seconds};
use crate::domain::time::Timestamp;
use crate::secret::Secret;
use crate::wasm::egress::{Answer, Question, exchange};
use crate::wasm::host::RunContext;

/// The grant type of an assertion (RFC 7523, section 2.1).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How long an assertion is valid, in seconds: Google's maximum.
const ASSERTION_SECONDS: i64 = 3_600;

/// A new key, in the words of Google's console.
const NEW_KEY: &str = "make a new key in the Google Cloud console (IAM & Admin, Service Accounts, Keys) and put it where \
                       the grant's `from` points";

/// What a token is asked for.
#[derive(Serialize)]
pub(super) struct Order {
    scopes: Vec<String>,
    subject: Option<String>,
    token_url: Option<String>,
}

impl Order {
    /// An order by the plugin's configuration.
    pub(super) fn of(config: &Config<'_>, scopes: &[String]) -> Self {
        Self {
            scopes: scopes.to_vec(),
            subject: config.text("subject"),
            token_url: config.text("token-url"),
        }
    }
}

/// What is needed of a key file.
struct KeyFile {
    email: String,
    key: SigningKey,
    key_id: String,
    token_uri: String,
}

/// The fields as they stand in the file: read one by one, so that an error names the field and
/// shows nothing of the value.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    client_email: Option<&'a RawValue>,
    #[serde(borrow)]
    private_key: Option<&'a RawValue>,
    #[serde(borrow)]
    private_key_id: Option<&'a RawValue>,
    #[serde(borrow)]
    token_uri: Option<&'a RawValue>,
}

impl KeyFile {
    fn read(value: &Secret) -> Result<Self, MintError> {
        let fields: Fields<'_> = serde_json::from_str(value.expose()).map_err(|e| {
            wrong(&format!(
                "it is not the JSON of a key file (line {}, column {})",
                e.line(),
                e.column()
            ))
        })?;
        if text("type", fields.kind)?.expose() != "service_account" {
            return Err(wrong(
                "`type` is not service_account: it is a key file of another kind",
            ));
        }
        let pem = text("private_key", fields.private_key)?;
        let key = SigningKey::from_pem(&pem)
            .ok_or_else(|| wrong("`private_key` is not a private RSA key in PEM form"))?;
        Ok(Self {
            email: text("client_email", fields.client_email)?.expose().to_owned(),
            key,
            key_id: text("private_key_id", fields.private_key_id)?.expose().to_owned(),
            token_uri: text("token_uri", fields.token_uri)?.expose().to_owned(),
        })
    }
}

fn text(field: &str, raw: Option<&RawValue>) -> Result<Secret, MintError> {
    let raw = raw.ok_or_else(|| wrong(&format!("`{field}` is missing")))?;
    let text: String =
        serde_json::from_str(raw.get()).map_err(|_| wrong(&format!("`{field}` is not a text")))?;
    if text.is_empty() {
        return Err(wrong(&format!("`{field}` is empty")));
    }
    Ok(Secret::new(text))
}

fn wrong(what: &str) -> MintError {
    MintError::Refused(format!(
        "the key file of the service account is not usable: {what}; {NEW_KEY}"
    ))
}

/// RFC 7523, section 3; `scope` and `sub` as Google's page says.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: String,
    aud: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
}

/// Where an assertion goes.
struct Endpoint {
    /// Which setting names it, for people.
    from: &'static str,
    /// As it is written: the assertion's audience.
    text: String,
    url: Url,
}

impl Endpoint {
    fn of(order: &Order, file: &KeyFile) -> Result<Self, MintError> {
        let (from, text) = match &order.token_url {
            Some(text) => ("`token-url` of the configuration", text),
            None => ("`token_uri` of the key file", &file.token_uri),
        };
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
            .ok_or_else(|| MintError::Refused(format!("{from} is not a URL with http or https")))?;
        Ok(Self {
            from,
            text: text.clone(),
            url,
        })
    }
}

/// Trades the key for an access token.
pub(super) async fn trade(run: &RunContext, order: &Order, value: &Secret) -> Result<Minted, MintError> {
    let file = KeyFile::read(value)?;
    let endpoint = Endpoint::of(order, &file)?;
    let now = run.deps.clock.now();
    let assertion = assertion(&file, order, &endpoint.text, now)?;
    let question = Question {
        url: endpoint.url,
        headers: headers(),
        body: url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", GRANT_TYPE)
            .append_pair("assertion", &assertion)
            .finish(),
        signed: assertion.clone(),
    };
    let answer = exchange(run, question)
        .await
        .map_err(|none| MintError::unanswered(endpoint.from, &none))?;
    if answer.status.is_success() {
        return minted(&answer, now);
    }
    let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let words = format!("{} {}", denied.error, denied.error_description);
    let said = refusal::said(&words, &assertion, &run.standing.carried);
    Err(refused(&answer, order, endpoint.from, &denied, said.trim(), now))
}

fn assertion(
    file: &KeyFile,
    order: &Order,
    audience: &str,
    now: Timestamp,
) -> Result<Zeroizing<String>, MintError> {
    let claims = Claims {
        iss: &file.email,
        scope: order.scopes.join(" "),
        aud: audience,
        iat: seconds(now),
        exp: seconds(now) + ASSERTION_SECONDS,
        sub: order.subject.as_deref(),
    };
    file.key
        .sign(Some(&file.key_id), &claims)
        .map_err(MintError::Refused)
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(header::CONTENT_TYPE, form);
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers
}

/// RFC 6749, section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds; without it the token serves one request.
    #[serde(default)]
    expires_in: u64,
}

fn minted(answer: &Answer, now: Timestamp) -> Result<Minted, MintError> {
    let Ok(Granted {
        access_token,
        expires_in,
    }) = serde_json::from_slice(&answer.body)
    else {
        return Err(MintError::Unavailable(format!(
            "the token endpoint answered {} without an access token",
            answer.status.as_u16()
        )));
    };
    let token = Secret::new(access_token);
    if !is_token(token.expose()) {
        return Err(MintError::Unavailable(
            "the token endpoint gave a token that no header can hold".to_owned(),
        ));
    }
    Ok(Minted {
        token,
        ends: end_after(now, expires_in),
    })
}

/// RFC 6749, section 5.2.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: String,
    error_description: String,
}

fn refused(
    answer: &Answer,
    order: &Order,
    from: &str,
    denied: &Denied,
    said: &str,
    now: Timestamp,
) -> MintError {
    let status = answer.status.as_u16();
    let told = format!("the token endpoint answered {status} {said}");
    let told = told.trim_end();
    if refusal::is_passing(answer.status) {
        return MintError::Unavailable(told.to_owned());
    }
    let mend = mend(&denied.error, order, from, &refusal::clock(&answer.headers, now));
    MintError::Refused(format!("{told}; {mend}"))
}

/// What to do about an error code of
/// <https://developers.google.com/identity/protocols/oauth2/service-account#jwt-error-codes>.
fn mend(error: &str, order: &Order, from: &str, clock: &Clock) -> String {
    match (error, clock) {
        ("invalid_grant", Clock::Wrong(clock)) => clock.clone(),
        ("invalid_grant", Clock::Unknown(clock)) => {
            let subject = order.subject.as_ref().map_or(
                "",
                |_| "; or `subject` of the configuration is not a user of the domain",
            );
            format!("the key may be revoked or its account deleted: {NEW_KEY}; or {clock}{subject}")
        }
        ("invalid_client" | "disabled_client", _) => {
            format!("the key or its account may be disabled or deleted: {NEW_KEY}")
        }
        ("unauthorized_client" | "access_denied", _) => format!(
            "allow the scope for domain-wide delegation: in the Admin console (Security, API controls, Domain-wide \
             delegation) add the account's client id with {}; or take `subject` out of the configuration",
            order.scopes.join(", ")
        ),
        ("invalid_scope", _) => format!(
            "check the scopes asked for ({}); `scopes` of the grant in plugins.toml replaces them",
            order.scopes.join(", ")
        ),
        ("admin_policy_enforced" | "org_internal", _) => {
            "a policy of the organisation forbids it; ask its administrator".to_owned()
        }
        _ => format!("check {from}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_key_file_names_the_field_and_shows_no_value() {
        let file = |json: serde_json::Value| KeyFile::read(&Secret::new(json.to_string()));
        for (json, field) in [
            (serde_json::json!({}), "`type` is missing"),
            (serde_json::json!({"type": "hush-user"}), "`type` is not"),
            (
                serde_json::json!({"type": "service_account"}),
                "`private_key` is missing",
            ),
            (
                serde_json::json!({"type": "service_account", "private_key": 7}),
                "`private_key` is not a text",
            ),
            (
                serde_json::json!({"type": "service_account", "private_key": "hush"}),
                "`private_key` is not a private RSA key",
            ),
        ] {
            let error = file(json).map(drop).expect_err(field).to_string();
            assert!(error.contains(field) && !error.contains("hush"), "{error}");
        }
        let error = KeyFile::read(&Secret::new("{\"type\": hush".to_owned()))
            .map(drop)
            .expect_err("no JSON")
            .to_string();
        assert!(error.contains("line 1") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn every_error_code_of_googles_page_has_a_mend() {
        let order = Order {
            scopes: vec!["https://scope.test/a".to_owned()],
            subject: None,
            token_url: None,
        };
        let unknown = Clock::Unknown("check this machine's clock".to_owned());
        for (code, part) in [
            ("invalid_grant", "make a new key"),
            ("invalid_grant", "check this machine's clock"),
            ("invalid_client", "make a new key"),
            ("disabled_client", "make a new key"),
            ("unauthorized_client", "domain-wide delegation"),
            ("access_denied", "https://scope.test/a"),
            ("invalid_scope", "`scopes` of the grant"),
            ("admin_policy_enforced", "administrator"),
            ("org_internal", "administrator"),
            ("other", "check `token_uri`"),
        ] {
            let mend = mend(code, &order, "`token_uri`", &unknown);
            assert!(mend.contains(part), "{code}: {mend}");
        }
    }
}
