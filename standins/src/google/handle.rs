//! What a test does with a running stand-in.

use std::time::Duration;

use super::files::{Mime, Permission};
use super::state::Token;
use super::token::EXPIRES_IN_S;
use super::{File, Google, Quota, Role, Sheet, Spreadsheet};
use crate::fault::{Fault, FaultError};
use crate::journal::RequestSeen;

impl Google {
    /// Its origin, `http://127.0.0.1:port`, without a slash at the end; the pages are there.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.shared.base_url.clone()
    }

    /// What takes the place of `https://sheets.googleapis.com/v4`.
    #[must_use]
    pub fn api_base(&self) -> String {
        format!("{}/v4", self.shared.base_url)
    }

    /// What takes the place of `https://www.googleapis.com/drive/v3`.
    #[must_use]
    pub fn drive_base(&self) -> String {
        format!("{}/drive/v3", self.shared.base_url)
    }

    /// What takes the place of `https://oauth2.googleapis.com/token`.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/token", self.shared.base_url)
    }

    /// The key file of the service account, as JSON text. Its `token_uri` is this stand-in's.
    #[must_use]
    pub fn service_account_json(&self) -> String {
        self.shared
            .state()
            .account
            .key_file(&self.shared.base_url)
            .to_string()
    }

    /// The address of the service account.
    #[must_use]
    pub fn service_account_email(&self) -> String {
        self.shared.state().account.email.clone()
    }

    /// A spreadsheet as it is now.
    #[must_use]
    pub fn spreadsheet(&self, id: &str) -> Option<Spreadsheet> {
        self.shared.state().books.get(id).cloned()
    }

    /// A sheet of a spreadsheet as it is now, by its title.
    #[must_use]
    pub fn grid(&self, id: &str, title: &str) -> Option<Sheet> {
        self.shared.state().books.get(id)?.sheet(title).cloned()
    }

    /// A file as it is now.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<File> {
        self.shared.state().files.by_id.get(id).cloned()
    }

    /// The ids of the spreadsheets with that title, oldest first.
    #[must_use]
    pub fn spreadsheets_titled(&self, title: &str) -> Vec<String> {
        let state = self.shared.state();
        let files = state.files.by_id.values();
        let mut found: Vec<_> = files
            .filter(|file| file.name == title && file.mime == Mime::SPREADSHEET)
            .collect();
        found.sort_by_key(|file| file.number);
        found.iter().map(|file| file.id.clone()).collect()
    }

    /// The requests seen, oldest first, with their verdicts.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestSeen> {
        self.shared.journal.requests()
    }

    /// Waits until `count` requests were answered; false when `timeout` passed first.
    pub async fn wait_for_requests(&self, count: u64, timeout: Duration) -> bool {
        self.shared.journal.wait_for(count, timeout).await
    }

    /// Forgets the requests seen.
    pub fn clear_requests(&self) {
        self.shared.journal.clear();
    }

    /// Lets a fault meet the next requests of its target: `token`, a method's id such as
    /// `sheets.spreadsheets.batchUpdate`, or `*`.
    pub fn inject(&self, fault: Fault) -> Result<(), FaultError> {
        self.shared.inject(fault)
    }

    /// Drops the faults still waiting.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Forgets spreadsheets, files, tokens, requests and faults; the account, people and shared drives stay.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Adds a spreadsheet that someone owns and gives its id. Nobody else may see it until it is shared.
    #[must_use]
    pub fn add_spreadsheet(&self, title: &str, owner: &str) -> String {
        self.shared.state().add_book(title, owner, Vec::new())
    }

    /// Adds a spreadsheet in a folder or shared drive and gives its id.
    #[must_use]
    pub fn add_spreadsheet_in(&self, title: &str, owner: &str, folder: &str) -> String {
        self.shared
            .state()
            .add_book(title, owner, vec![folder.to_owned()])
    }

    /// Adds a folder, in another or in a shared drive when one is named, and gives its id.
    #[must_use]
    pub fn add_folder(&self, name: &str, owner: &str, parent: Option<&str>) -> String {
        let mut state = self.shared.state();
        let now = state.now_micros();
        let parents = parent.map(str::to_owned).into_iter().collect();
        state.files.add(name, Mime::FOLDER, owner, parents, now)
    }

    /// Adds a shared drive with the service account as content manager, and gives its id.
    #[must_use]
    pub fn add_shared_drive(&self, name: &str) -> String {
        self.shared.state().add_shared_drive(name)
    }

    /// Shares a file, folder or shared drive with an address, as editor. False when it is not there.
    #[expect(
        clippy::must_use_candidate,
        reason = "sharing is what matters; what is not there shows in the test itself"
    )]
    pub fn share(&self, id: &str, email: &str) -> bool {
        self.share_as(id, email, Role::Writer)
    }

    /// Shares with a role of choice; one shared before is replaced. False when it is not there.
    #[expect(
        clippy::must_use_candidate,
        reason = "sharing is what matters; what is not there shows in the test itself"
    )]
    pub fn share_as(&self, id: &str, email: &str, role: Role) -> bool {
        let mut state = self.shared.state();
        let files = &mut state.files;
        let held = match files.drives.get_mut(id) {
            Some(drive) => Some(&mut drive.members),
            None => files.by_id.get_mut(id).map(|file| &mut file.permissions),
        };
        let Some(held) = held else {
            return false;
        };
        held.retain(|known| !known.who.eq_ignore_ascii_case(email));
        held.push(Permission::new("user", role, email));
        true
    }

    /// Takes away what was shared with an address. False when there was nothing.
    #[expect(
        clippy::must_use_candidate,
        reason = "taking away is what matters; what is left shows in the test itself"
    )]
    pub fn unshare(&self, id: &str, email: &str) -> bool {
        let mut state = self.shared.state();
        state.files.by_id.get_mut(id).is_some_and(|file| {
            let before = file.permissions.len();
            file.permissions
                .retain(|known| !known.who.eq_ignore_ascii_case(email));
            file.permissions.len() < before
        })
    }

    /// Deletes the account's key at Google: assertions are refused from now on; tokens already out live on.
    pub fn revoke_key(&self) {
        self.shared.state().account.revoked = true;
    }

    /// Brings a deleted key back.
    pub fn restore_key(&self) {
        self.shared.state().account.revoked = false;
    }

    /// Lets every access token handed out so far expire.
    pub fn expire_tokens(&self) {
        self.shared.state().tokens.clear();
    }

    /// Hands out an access token without an assertion, for clients that are not under test.
    #[must_use]
    pub fn issue_token(&self, email: &str, scopes: &[&str]) -> String {
        let mut state = self.shared.state();
        let token = Token {
            delegated: email != state.account.email,
            email: email.to_owned(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            expires_s: state.now_s() + EXPIRES_IN_S,
        };
        state.issue(token)
    }

    /// Sets Google's clock that many seconds ahead of ours (negative: behind).
    pub fn set_clock_skew(&self, seconds: i64) {
        self.shared.state().skew_s = seconds;
    }

    /// Sets the quotas and forgets what was used of them.
    pub fn set_quota(&self, quota: Quota) {
        self.shared.state().meter.set(quota);
    }

    /// Lets service accounts own files, as before 2025, or no longer.
    pub fn set_accounts_own_files(&self, owns: bool) {
        self.shared.state().accounts_own_files = owns;
    }
}
