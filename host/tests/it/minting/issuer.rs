//! A vendor on loopback: it issues tokens as Google and GitHub do, after it has verified the
//! signature with the public key, and has an API that takes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use hookyard::clock::{Clock, FakeClock};
use hookyard::domain::time::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

/// The account's address.
pub const EMAIL: &str = "robot@project.test";

/// The key of the account, made once for the test process.
fn key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key"))
}

/// The key as GitHub hands it out.
pub fn pkcs1_pem() -> String {
    key().to_pkcs1_pem(LineEnding::LF).expect("PEM").to_string()
}

/// A key file as Google hands it out.
pub fn key_file(key_id: &str, token_uri: &str) -> Value {
    let pem = key().to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string();
    json!({
        "type": "service_account",
        "client_email": EMAIL,
        "private_key": pem,
        "private_key_id": key_id,
        "token_uri": token_uri,
    })
}

/// One verified request for a token.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub key_id: Option<String>,
    pub claims: Value,
    pub headers: http::HeaderMap,
    pub path: String,
    /// What was given out, if something was.
    pub token: String,
}

/// What the API got.
#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    pub authorization: String,
}

/// The vendor.
pub struct Issuer {
    pub base: String,
    inner: Arc<Inner>,
}

struct Inner {
    base: String,
    clock: Arc<FakeClock>,
    exchanges: Mutex<Vec<Exchange>>,
    asked: watch::Sender<Vec<Asked>>,
    /// What the token endpoint says instead of a token.
    refusal: Mutex<Option<(u16, String)>>,
    gate: Semaphore,
}

/// Requests that pass an open gate: more than any test makes.
const OPEN: usize = 1_000;

impl Issuer {
    /// Starts one whose clock is this.
    pub async fn start(clock: &Arc<FakeClock>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let inner = Arc::new(Inner {
            base: base.clone(),
            clock: clock.clone(),
            exchanges: Mutex::default(),
            asked: watch::Sender::default(),
            refusal: Mutex::default(),
            gate: Semaphore::new(OPEN),
        });
        let served = inner.clone();
        let app = Router::new().fallback(move |request: Request| {
            let inner = served.clone();
            async move { inner.answer(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { base, inner }
    }

    /// Where Google's tokens come from.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.base)
    }

    /// The requests for tokens that were verified.
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.inner.exchanges).clone()
    }

    /// What the API got.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.borrow().clone()
    }

    /// Waits until the API has got so many requests.
    pub async fn wait_asked(&self, count: usize) {
        let mut asked = self.inner.asked.subscribe();
        asked
            .wait_for(|asked| asked.len() >= count)
            .await
            .expect("the issuer lives");
    }

    /// From now on the token endpoints say this.
    pub fn refuse(&self, status: u16, body: impl Into<String>) {
        *lock(&self.inner.refusal) = Some((status, body.into()));
    }

    /// From now on the token endpoints wait.
    pub fn hold(&self) {
        self.inner.gate.forget_permits(OPEN);
    }

    /// Lets the waiting go on.
    pub fn release(&self) {
        self.inner.gate.add_permits(OPEN);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic")
}

impl Inner {
    async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a body");
        let path = parts.uri.path().to_owned();
        if path == "/token" || path.starts_with("/app/") {
            let permit = self.gate.acquire().await.expect("an open gate");
            permit.forget();
            self.gate.add_permits(1);
            return self.token(&path, &parts.headers, &body);
        }
        let authorization = parts.headers.get("authorization");
        self.asked.send_modify(|asked| {
            asked.push(Asked {
                path: path.clone(),
                authorization: authorization
                    .and_then(|value| value.to_str().ok())
                    .unwrap_or_default()
                    .to_owned(),
            });
        });
        let status = if path == "/unauthorized" { 401 } else { 200 };
        self.reply(status, "{}".to_owned())
    }

    fn token(&self, path: &str, headers: &http::HeaderMap, body: &[u8]) -> Response {
        if let Some((status, body)) = lock(&self.refusal).clone() {
            return self.reply(status, body);
        }
        match self.verified(path, headers, body) {
            Ok(exchange) => {
                let reply = self.granted(&exchange);
                lock(&self.exchanges).push(exchange);
                reply
            }
            Err(description) => self.reply(
                400,
                json!({"error": "invalid_grant", "error_description": description}).to_string(),
            ),
        }
    }

    fn granted(&self, exchange: &Exchange) -> Response {
        if exchange.path == "/token" {
            let body = json!({"access_token": exchange.token, "expires_in": 3599, "token_type": "Bearer"});
            return self.reply(200, body.to_string());
        }
        let ends = self.clock.now().plus(std::time::Duration::from_hours(1));
        let body = json!({"token": exchange.token, "expires_at": ends.to_string()});
        self.reply(201, body.to_string())
    }

    fn verified(&self, path: &str, headers: &http::HeaderMap, body: &[u8]) -> Result<Exchange, String> {
        let google = path == "/token";
        let signed = if google {
            let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
            assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
            assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
            form["assertion"].clone()
        } else {
            let bearer = headers["authorization"].to_str().expect("ASCII");
            bearer.strip_prefix("Bearer ").expect("a bearer").to_owned()
        };
        let mut rules = Validation::new(Algorithm::RS256);
        rules.validate_exp = false;
        if google {
            rules.set_audience(&[format!("{}/token", self.base)]);
        } else {
            rules.validate_aud = false;
        }
        let public = key().to_public_key().to_pkcs1_der().expect("DER");
        let key = DecodingKey::from_rsa_der(public.as_bytes());
        let decoded = jsonwebtoken::decode::<Value>(&signed, &key, &rules)
            .map_err(|e| format!("Invalid JWT Signature. {e}"))?;
        let iat = decoded.claims["iat"].as_i64().expect("iat");
        if (iat - self.now()).abs() > 300 {
            return Err(
                "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.".into(),
            );
        }
        Ok(Exchange {
            key_id: decoded.header.kid,
            claims: decoded.claims,
            headers: headers.clone(),
            path: path.to_owned(),
            token: format!("minted-{}", uuid::Uuid::new_v4().simple()),
        })
    }

    fn now(&self) -> i64 {
        self.clock.now().as_millis() / 1_000
    }

    fn reply(&self, status: u16, body: String) -> Response {
        let now = jiff::Timestamp::from_second(self.now()).expect("a moment");
        Response::builder()
            .status(status)
            .header("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .header("location", "/elsewhere")
            .body(Body::from(body))
            .expect("an answer")
    }
}

/// A clock at a moment of no meaning.
pub fn clock() -> Arc<FakeClock> {
    Arc::new(FakeClock::new(Timestamp::from_millis(1_800_000_000_000)))
}
