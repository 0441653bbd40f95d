//! The OpenAPI document and a page to read it.

mod shared;

use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::ApiState;

pub(super) use shared::complete;

/// Where the document is.
pub const DOCUMENT_PATH: &str = "/api/openapi.json";

/// Where the page is.
pub const PAGE_PATH: &str = "/api/docs";

/// Everything the page needs comes from here, and nothing may come from elsewhere. Swagger UI has no
/// inline scripts and sets its styles by script, so only its icons, which are `data:` URLs, need leave.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The document before the handlers have added their paths.
pub(super) fn frame() -> Document {
    let mut document = Frame::openapi();
    let token = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("The `access` token of `POST /api/auth/token/`."))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(token));
    let key = ApiKeyValue::with_description(
        "X-API-Key",
        "An API key of `POST /api/keys/`; `Authorization: Bearer hk_…` works too.",
    );
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("api-key", SecurityScheme::ApiKey(ApiKey::Header(key)));
    document
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hookyard",
        description = "Takes webhooks in, makes each one durable before it answers, and delivers it to \
            sandboxed WebAssembly components.\n\nEvery path works with and without its trailing slash. \
            Errors are problem details (RFC 9457) with the media type `application/problem+json`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "accounts", description = "Accounts and tokens"),
        (name = "webhooks", description = "Events: sending them in, and seeing what became of them"),
        (name = "deliveries", description = "What became of events at each plugin, and what people do about it"),
        (name = "replays", description = "Orders to deliver many again"),
        (name = "rejected", description = "Requests to sources that were refused"),
        (name = "schedules", description = "Moments at which plugins run"),
        (name = "users", description = "Accounts and their roles; for admins"),
        (name = "keys", description = "API keys that programs send with; for admins"),
        (name = "audit", description = "What people changed; for admins"),
        (name = "nodes", description = "The nodes that share the database"),
        (name = "health", description = "For balancers and supervisors"),
        (name = "about", description = "This document"),
    ),
)]
struct Frame;

/// The document, as it is sent.
#[derive(Clone)]
pub struct DocumentText(Bytes);

impl DocumentText {
    /// The document of these routes.
    pub(super) fn of(document: &Document) -> Self {
        let text = serde_json::to_vec_pretty(document);
        Self(
            text.expect("the document is made of strings and maps of strings")
                .into(),
        )
    }
}

/// The page and what it loads; only below [`PAGE_PATH`].
pub(super) fn page() -> Router<ApiState> {
    let config = Config::from(DOCUMENT_PATH)
        // Without this the page sends the document's address to a validator on the internet.
        .validator_url("none")
        .query_config_enabled(false)
        .persist_authorization(false)
        // Without the bar on top, whose box loads other documents.
        .use_base_layout();
    Router::from(SwaggerUi::new(PAGE_PATH).config(config)).layer(from_fn(with_policy))
}

async fn with_policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(
        HeaderName::from_static("referrer-policy"),
        HeaderValue::from_static("no-referrer"),
    );
    response
}

/// This document
#[utoipa::path(get, path = "/api/openapi.json", tag = "about", responses(
    (status = 200, description = "The OpenAPI document", content_type = "application/json"),
))]
pub async fn openapi(Extension(text): Extension<DocumentText>) -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json)], text.0).into_response()
}
