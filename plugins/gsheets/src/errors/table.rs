//! The table: status, Google's word, what it was for; the verdict, and what a person can do.

use super::Purpose;

/// Whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It passes by itself.
    Retry,
    /// There is room again soon, and the attempt is not to blame.
    Wait,
    /// It may pass with another token, once.
    RetryOnce,
    /// Somebody has to mend something first.
    Reject,
}

use Verdict::{Reject, Retry, RetryOnce, Wait};

/// One line of the table.
pub(crate) struct Entry {
    status: u16,
    /// One of Google's words, or empty for any.
    word: &'static str,
    purpose: Option<Purpose>,
    pub(crate) verdict: Verdict,
    pub(crate) mend: &'static str,
}

impl Entry {
    /// Whether it speaks of this refusal.
    pub(crate) fn fits(&self, status: u16, purpose: Purpose, words: &[String]) -> bool {
        self.status == status
            && (self.word.is_empty() || words.iter().any(|word| word == self.word))
            && self.purpose.is_none_or(|own| own == purpose)
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    #[cfg(test)]
    pub(super) fn word(&self) -> &'static str {
        self.word
    }
}

const fn any(status: u16, word: &'static str, verdict: Verdict, mend: &'static str) -> Entry {
    Entry {
        status,
        word,
        purpose: None,
        verdict,
        mend,
    }
}

const fn on(purpose: Purpose, status: u16, word: &'static str, mend: &'static str) -> Entry {
    Entry {
        status,
        word,
        purpose: Some(purpose),
        verdict: Reject,
        mend,
    }
}

const QUOTA: &str = "The quota is used up for the moment; it will be tried again.";
const DAY: &str =
    "The project's quota of the day is used up; ask Google for more in the Google Cloud console.";
const GOOGLE: &str = "Google has a problem of its own; see https://www.google.com/appsstatus/dashboard/";
const SHARE: &str = "Share the spreadsheet with the service account's address (`client_email` in its key file) as \
                     Editor, and check that `spreadsheet` in plugins.toml is right.";
const KEY: &str = "The key of the secret `service-account` is not accepted: make a new key in the Google Cloud \
                   console (IAM & Admin, Service Accounts, Keys) and check the server's clock.";
const SCOPES: &str = "The token lacks a scope: remove `scopes` from the grant of `service-account` in plugins.toml, \
                      or add the missing one there.";
const ENABLE: &str = "Enable the Google Sheets API and the Google Drive API for the service account's project: \
                      Google Cloud console, APIs & Services, Library.";
const FOLDER: &str = "Name a shared-drive folder in config.folder and make the service account a Content manager of \
                      that shared drive: a service account has no Drive storage of its own. Or make the spreadsheet \
                      yourself, share it with the account and name its id.";
const NO_FOLDER: &str = "There is no such folder, or the account may not see it: check config.folder and make the \
                         service account (`client_email` in its key file) a Content manager of the shared drive. Where \
                         `scopes` of the secret are given, https://www.googleapis.com/auth/drive must be among them.";
const ADDRESS: &str = "Check the addresses in `share-with` in plugins.toml: each must be a Google account, and the \
                       domain's administrator must allow sharing with it.";
const PROTECTED: &str = "Check what the message names: a protected range, or an Office file, which must be saved as a \
                         Google spreadsheet first (File, Save as Google Sheets).";

pub(crate) const TABLE: &[Entry] = &[
    // Passes by itself.
    any(429, "", Wait, QUOTA),
    any(403, "rateLimitExceeded", Wait, QUOTA),
    any(403, "userRateLimitExceeded", Wait, QUOTA),
    any(403, "sharingRateLimitExceeded", Wait, QUOTA),
    any(403, "dailyLimitExceeded", Retry, DAY),
    any(403, "RATE_LIMIT_EXCEEDED", Wait, QUOTA),
    any(408, "", Retry, "The request did not reach Google whole."),
    any(
        409,
        "",
        Retry,
        "Something else changed the spreadsheet at the same time.",
    ),
    any(500, "", Retry, GOOGLE),
    any(502, "", Retry, GOOGLE),
    any(503, "", Retry, GOOGLE),
    any(504, "", Retry, GOOGLE),
    // The account.
    any(401, "", RetryOnce, KEY),
    any(403, "SERVICE_DISABLED", Reject, ENABLE),
    any(403, "accessNotConfigured", Reject, ENABLE),
    any(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Reject, SCOPES),
    any(403, "insufficientPermissions", Reject, SCOPES),
    // Where the spreadsheet is.
    any(403, "storageQuotaExceeded", Reject, FOLDER),
    any(
        403,
        "teamDriveFileLimitExceeded",
        Reject,
        "The shared drive is full: delete files, or name another folder in config.folder.",
    ),
    on(Purpose::Create, 403, "", FOLDER),
    on(Purpose::Create, 404, "", NO_FOLDER),
    on(Purpose::Find, 404, "", NO_FOLDER),
    on(Purpose::Share, 400, "", ADDRESS),
    on(Purpose::Share, 403, "", ADDRESS),
    any(403, "", Reject, SHARE),
    any(404, "", Reject, SHARE),
    // What was sent.
    any(400, "", Reject, PROTECTED),
    any(
        413,
        "",
        Reject,
        "The table is too large for one request; write fewer rows.",
    ),
];
