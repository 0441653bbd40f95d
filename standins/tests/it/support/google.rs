//! A started stand-in of Google, an assertion as a client makes it, and calls.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use standins::google::{Google, Options};

use super::client;

/// All scopes a spreadsheet integration asks for.
pub const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/spreadsheets",
    "https://www.googleapis.com/auth/drive",
];

/// A stand-in with the ordinary set-up.
pub async fn google() -> Google {
    Google::start(Options::default())
        .await
        .expect("a free loopback port")
}

/// Seconds since 1970.
pub fn now() -> i64 {
    jsonwebtoken::get_current_timestamp()
        .try_into()
        .expect("far from the end of time")
}

/// The key file as a client reads it.
pub fn key_file(google: &Google) -> Value {
    serde_json::from_str(&google.service_account_json()).expect("JSON")
}

/// Good claims for the ordinary scopes.
pub fn claims(google: &Google) -> Value {
    let key = key_file(google);
    json!({
        "iss": key["client_email"],
        "scope": SCOPES.join(" "),
        "aud": key["token_uri"],
        "iat": now(),
        "exp": now() + 3600,
    })
}

/// The claims signed with the key of the key file.
pub fn signed(google: &Google, claims: &Value) -> String {
    let key = key_file(google);
    let pem = key["private_key"].as_str().expect("a key");
    let pem = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a private key");
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &pem).expect("signed")
}

/// A request for a token with that assertion.
pub fn exchange(google: &Google, assertion: &str) -> RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
    form.append_pair("assertion", assertion);
    client()
        .post(google.token_url())
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.finish())
}

/// Status and JSON of an answer; null when it has no body.
pub async fn told(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A stand-in, a token of its service account, and a spreadsheet shared with it.
pub struct Desk {
    pub google: Google,
    pub token: String,
    pub id: String,
}

impl Desk {
    pub async fn new() -> Self {
        let google = google().await;
        let token = google.issue_token(&google.service_account_email(), &SCOPES);
        let id = google.add_spreadsheet("Events", "ada@example.com");
        assert!(google.share(&id, &google.service_account_email()));
        Self { google, token, id }
    }

    /// A request below the spreadsheet: `suffix` such as `/values/A1:B2` or `:batchUpdate`.
    pub fn request(&self, verb: &str, suffix: &str) -> RequestBuilder {
        let verb = verb.parse().expect("an HTTP method");
        let url = format!("{}/spreadsheets/{}{suffix}", self.google.api_base(), self.id);
        client().request(verb, url).bearer_auth(&self.token)
    }

    /// A request with a JSON body.
    pub async fn send(&self, verb: &str, suffix: &str, body: &Value) -> (u16, Value) {
        let request = self
            .request(verb, suffix)
            .header("content-type", "application/json");
        told(request.body(body.to_string())).await
    }

    /// A GET.
    pub async fn get(&self, suffix: &str) -> Value {
        let (status, answer) = told(self.request("GET", suffix)).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// A batch update that must pass; its replies.
    pub async fn batch(&self, requests: Value) -> Value {
        let (status, mut answer) = self
            .send("POST", ":batchUpdate", &json!({ "requests": requests }))
            .await;
        assert_eq!(status, 200, "{answer}");
        answer["replies"].take()
    }

    /// A batch update that must be refused with 400; its message.
    pub async fn refused(&self, requests: Value) -> String {
        let (status, answer) = self
            .send("POST", ":batchUpdate", &json!({ "requests": requests }))
            .await;
        assert_eq!(
            (status, &answer["error"]["status"]),
            (400, &json!("INVALID_ARGUMENT")),
            "{answer}"
        );
        answer["error"]["message"].as_str().expect("a message").to_owned()
    }

    /// Writes rows at A1 of the first sheet, as they are.
    pub async fn fill(&self, rows: Value) {
        let (status, answer) = self
            .send(
                "PUT",
                "/values/A1?valueInputOption=RAW",
                &json!({ "values": rows }),
            )
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    /// A Drive call with a JSON body, or none.
    pub async fn drive(&self, verb: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}/{path}", self.google.drive_base());
        let mut request = client()
            .request(verb.parse().expect("an HTTP method"), url)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        told(request).await
    }
}
