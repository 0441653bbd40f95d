//! What the stand-in knows: the account, people, tokens, spreadsheets, files, quotas.

use std::collections::BTreeMap;

use super::book::Spreadsheet;
use super::files::{Files, Mime, Permission, Role};
use super::key::ServiceAccount;
use super::quota::Meter;
use super::refusal::{Code, Outcome, Refusal};
use crate::wall;

/// Access tokens kept; the oldest are forgotten, as if expired.
const TOKENS_MAX: usize = 10_000;

/// An access token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whose it is.
    pub email: String,
    /// Whether the service account acts for a person.
    pub delegated: bool,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it expires, in seconds since 1970.
    pub expires_s: i64,
}

/// All of it.
#[derive(Debug)]
pub struct State {
    /// The service account.
    pub account: ServiceAccount,
    /// People, and whether the account may act for them.
    pub users: BTreeMap<String, bool>,
    /// Tokens handed out.
    pub tokens: BTreeMap<String, Token>,
    /// Spreadsheets by id.
    pub books: BTreeMap<String, Spreadsheet>,
    /// Files and shared drives.
    pub files: Files,
    /// What was used of the quotas.
    pub meter: Meter,
    /// How far Google's clock is ahead of ours, in seconds.
    pub skew_s: i64,
    /// Whether service accounts may own files, as they could before 2025.
    pub accounts_own_files: bool,
}

impl State {
    /// Google's clock in seconds since 1970.
    pub fn now_s(&self) -> i64 {
        i64::try_from(wall::now_micros() / 1_000_000).unwrap_or(i64::MAX) + self.skew_s
    }

    /// Google's clock in microseconds since 1970.
    pub fn now_micros(&self) -> i64 {
        i64::try_from(wall::now_micros()).unwrap_or(i64::MAX) + self.skew_s * 1_000_000
    }

    /// Hands out a token.
    pub fn issue(&mut self, token: Token) -> String {
        if self.tokens.len() >= TOKENS_MAX {
            self.tokens.pop_first();
        }
        let text = format!(
            "ya29.{:032x}{:032x}",
            rand::random::<u128>(),
            rand::random::<u128>()
        );
        self.tokens.insert(text.clone(), token);
        text
    }

    /// The token that a request carries.
    pub fn token(&self, sent: Option<&str>) -> Outcome<&Token> {
        let Some(sent) = sent else {
            return Err(Refusal::new(
                Code::PermissionDenied,
                "Method doesn't allow unregistered callers (callers without established identity). \
                 Please use API Key or other form of API consumer identity to call this API.",
            ));
        };
        let known = self
            .tokens
            .get(sent)
            .filter(|token| token.expires_s > self.now_s());
        known.ok_or_else(|| {
            Refusal::new(
                Code::Unauthenticated,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie \
                 or other valid authentication credential. See \
                 https://developers.google.com/identity/sign-in/web/devconsole-project.",
            )
            .at("header", "Authorization")
        })
    }

    /// Whether a service account may put a file there.
    pub fn check_storage(&self, token: &Token, drive: Option<&str>) -> Outcome<()> {
        if drive.is_some() || token.delegated || self.accounts_own_files {
            return Ok(());
        }
        Err(Refusal::new(
            Code::PermissionDenied,
            "Service Accounts do not have storage quota. Leverage shared drives \
             (https://developers.google.com/workspace/drive/api/guides/about-shareddrives), or use OAuth \
             delegation (http://support.google.com/a/answer/7281227) instead.",
        )
        .reason("storageQuotaExceeded"))
    }

    /// Adds a shared drive whose contents the service account manages.
    pub fn add_shared_drive(&mut self, name: &str) -> String {
        let id = self.files.add_drive(name, "admin@example.com");
        if let Some(drive) = self.files.drives.get_mut(&id) {
            let manager = Permission::new("user", Role::FileOrganizer, &self.account.email);
            drive.members.push(manager);
        }
        id
    }

    /// Adds a spreadsheet as a file and as a book.
    pub fn add_book(&mut self, title: &str, owner: &str, parents: Vec<String>) -> String {
        let now = self.now_micros();
        let id = self.files.add(title, Mime::SPREADSHEET, owner, parents, now);
        self.books.insert(id.clone(), Spreadsheet::new(id.clone(), title));
        id
    }
}
