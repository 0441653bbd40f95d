//! The cookies: who one is, and how pages look.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use crate::auth::SessionToken;
use crate::config::PublicUrl;
use crate::domain::session::SESSION_AGE;
use crate::http::{ApiState, Problem};

/// The session's cookie where clients come by https: browsers take it from this very host alone, by https and for all
/// paths, so that no neighbour can plant one.
const SECURE_NAME: &str = "__Host-hookyard";
/// The same on plain http, where browsers refuse that name.
const PLAIN_NAME: &str = "hookyard";

/// The cookie of the choice between light and dark.
const THEME_NAME: &str = "hookyard-theme";
/// How long the choice is kept, in seconds: a year.
const THEME_SECONDS: u32 = 365 * 24 * 3600;

/// How pages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the browser is set.
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    /// The word in the cookie and in the form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The theme of a word; [`Theme::Auto`] for any other.
    #[must_use]
    pub fn named(word: &str) -> Self {
        match word {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }
}

/// The session's token that came with a request.
#[must_use]
pub fn token(state: &ApiState, headers: &HeaderMap) -> Option<SessionToken> {
    let wanted = name(state);
    pairs(headers)
        .filter(|(name, _)| *name == wanted)
        .find_map(|(_, value)| SessionToken::read(value))
}

/// Gives the browser a session's token.
pub fn give(state: &ApiState, token: &SessionToken) -> Result<HeaderValue, Problem> {
    let seconds = SESSION_AGE.as_secs();
    session(state, token.expose(), seconds)
}

/// Takes it back.
pub fn take(state: &ApiState) -> Result<HeaderValue, Problem> {
    session(state, "", 0)
}

fn session(state: &ApiState, value: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let secure = if is_https(state) { "; Secure" } else { "" };
    let name = name(state);
    let mut header = written(format!(
        "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    ))?;
    header.set_sensitive(true);
    Ok(header)
}

/// The theme that was chosen.
#[must_use]
pub fn theme(headers: &HeaderMap) -> Theme {
    let chosen = pairs(headers).find(|(name, _)| *name == THEME_NAME);
    chosen.map_or(Theme::Auto, |(_, word)| Theme::named(word))
}

/// Keeps the choice of a theme.
pub fn keep_theme(state: &ApiState, theme: Theme) -> Result<HeaderValue, Problem> {
    let secure = if is_https(state) { "; Secure" } else { "" };
    let word = theme.as_str();
    written(format!(
        "{THEME_NAME}={word}; Path=/; Max-Age={THEME_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    ))
}

fn written(text: String) -> Result<HeaderValue, Problem> {
    HeaderValue::try_from(text).map_err(|error| Problem::internal(error.to_string()))
}

fn name(state: &ApiState) -> &'static str {
    if is_https(state) { SECURE_NAME } else { PLAIN_NAME }
}

fn is_https(state: &ApiState) -> bool {
    state.public_url.as_ref().is_some_and(PublicUrl::is_https)
}

/// Names and values of all cookies, in the order they came.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_from_all_headers() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; hookyard-theme=dark"));
        headers.append(COOKIE, HeaderValue::from_static("b; c==2"));
        let read: Vec<_> = pairs(&headers).collect();
        assert_eq!(read, [("a", "1"), (THEME_NAME, "dark"), ("c", "=2")]);
        assert_eq!(theme(&headers), Theme::Dark);
        assert_eq!(theme(&HeaderMap::new()), Theme::Auto);
    }
}
