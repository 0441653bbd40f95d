//! Forms as browsers send them.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;

use crate::http::Problem;
use crate::http::body;
use crate::http::extract::Params;

/// The field that carries the session's token.
pub const CSRF_FIELD: &str = "csrf";

/// The fields of a form; of one that comes twice the first counts. Not to be shown: one may be a password.
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a request's body, at most so many bytes.
    pub async fn read(request: Request, limit: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let media = parts.headers.get(CONTENT_TYPE);
        let media = media.and_then(|media| media.to_str().ok()).unwrap_or_default();
        if !media.starts_with("application/x-www-form-urlencoded") {
            let detail = "A form is sent as application/x-www-form-urlencoded.";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                detail,
            ));
        }
        let bytes = body::read(body, limit).await?;
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// A form with these fields.
    #[cfg(test)]
    pub fn of(fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter();
        Self(
            fields
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    /// A field as it came; empty when it did not.
    #[must_use]
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// Whether the field came, as a box that is ticked does.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The text of a field of several lines as whoever made it wrote it: browsers send each line end as CR LF.
    #[must_use]
    pub fn lines(&self, name: &str) -> String {
        self.raw(name).replace("\r\n", "\n")
    }

    /// The fields as parameters of an address, for what forms and addresses both say.
    #[must_use]
    pub fn params(&self) -> Params {
        Params::of(self.0.iter().rev().cloned().collect())
    }

    /// A field with something in it, without the blanks around it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        Some(self.raw(name).trim()).filter(|value| !value.is_empty())
    }
}
