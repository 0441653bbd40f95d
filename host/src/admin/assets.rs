//! What pages load: compiled in, and named by content, so that a browser keeps it for as long as it fits.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use crate::http::Problem;

/// Where they lie.
const PLACE: &str = "/admin/assets/";

/// Kept for a year and never asked for again: other content has another name.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

/// Hexadecimal digits of the content's SHA-256 in a name: enough to tell a few versions apart.
const DIGITS: usize = 16;

/// A file that pages load.
struct Asset {
    /// As templates call it.
    plain: &'static str,
    /// With its content's digest in front.
    name: String,
    media: &'static str,
    bytes: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let css = "text/css; charset=utf-8";
    let js = "text/javascript; charset=utf-8";
    vec![
        asset(
            "hookyard.css",
            css,
            include_bytes!("../../admin/assets/hookyard.css"),
        ),
        asset(
            "hookyard.js",
            js,
            include_bytes!("../../admin/assets/hookyard.js"),
        ),
        asset("editor.js", js, include_bytes!("../../admin/assets/editor.js")),
        asset(
            "htmx.min.js",
            js,
            include_bytes!("../../admin/vendor/htmx/htmx.min.js"),
        ),
        asset(
            "icon.svg",
            "image/svg+xml",
            include_bytes!("../../admin/assets/icon.svg"),
        ),
    ]
});

fn asset(plain: &'static str, media: &'static str, bytes: &'static [u8]) -> Asset {
    let digest = hex::encode(Sha256::digest(bytes));
    Asset {
        plain,
        name: format!("{}-{plain}", &digest[..DIGITS]),
        media,
        bytes,
    }
}

/// The path of a file that templates load; the place itself, where nothing is, for one that is not there.
#[must_use]
pub fn path(plain: &str) -> String {
    let found = ASSETS.iter().find(|asset| asset.plain == plain);
    format!("{PLACE}{}", found.map_or("", |asset| asset.name.as_str()))
}

/// One of the files, under its name of now.
pub async fn serve(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Problem::no_such("file"))?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (CACHE_CONTROL, HeaderValue::from_static(FOR_GOOD)),
    ];
    Ok((StatusCode::OK, headers, asset.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_template_names_is_there() {
        let pages = [
            include_str!("../../admin/pages/base.html"),
            include_str!("../../admin/pages/process.html"),
            include_str!("../../admin/pages/new_process.html"),
        ];
        let named: Vec<_> = pages
            .iter()
            .flat_map(|page| page.split("layout.asset(\"").skip(1))
            .filter_map(|rest| rest.split_once('"'))
            .map(|(name, _)| name)
            .collect();
        assert!(named.len() >= 6, "{named:?}");
        for name in named {
            assert!(path(name).ends_with(name), "{name}");
        }
        assert_eq!(path("none"), PLACE);
    }
}
