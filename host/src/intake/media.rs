//! What a media type says of a body.

/// Whether it is a form as browsers send them.
#[must_use]
pub fn is_form(content_type: &str) -> bool {
    content_type
        .parse::<mime::Mime>()
        .is_ok_and(|media| media.essence_str() == mime::APPLICATION_WWW_FORM_URLENCODED.essence_str())
}

/// Whether it is JSON: `application/json` or anything with `+json`.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    content_type.parse::<mime::Mime>().is_ok_and(|media| {
        media.type_() == mime::APPLICATION
            && (media.subtype() == mime::JSON || media.suffix() == Some(mime::JSON))
    })
}

/// What a body is taken for whose sender does not say.
#[must_use]
pub fn assumed(body: &[u8]) -> &'static str {
    if super::body::check(body).is_ok() {
        "application/json"
    } else {
        "application/octet-stream"
    }
}
