//! The requests to Google, each paid for from the quota.
//!
//! Google counts reads and writes of the Sheets API apart, 60 a minute for each user of a project
//! and 300 for the project: <https://developers.google.com/workspace/sheets/api/limits>. One plugin
//! acts as one user, so the user's bucket is always the tighter one, and there is none for the
//! project. Drive's quota (12,000 a minute) is far off; its refusals are retried.

use std::cell::Cell;
use std::time::Duration;

use hookyard_plugin_sdk::bucket::Bucket;
use hookyard_plugin_sdk::http::{Error, Request};
use hookyard_plugin_sdk::{Failure, secrets};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::errors::{self, Purpose, Refusal};

/// Requests of each kind that one user has in a minute.
const USER_QUOTA: u32 = 60;
/// The span in which Google counts them.
const QUOTA_SPAN: Duration = Duration::from_mins(1);

/// Bytes of an answer that are read: a page of keys is the longest, at about 2 MB.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// How long Google may take for one step of a request. It says that it gives up after 180 s; the
/// operator's wall time for the run comes first.
const PATIENCE: Duration = Duration::from_mins(3);

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ApiError {
    /// Google said no.
    Refused(Refusal),
    /// It did not come to an answer.
    Failed(Failure),
}

impl ApiError {
    /// Whether Google answered with this status.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == status)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Refused(refusal) => refusal.failure,
            ApiError::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A way to Google: where it is, and the stand-in for the token.
pub(crate) struct Api {
    sheets: String,
    drive: String,
    bearer: String,
    attempt: u32,
    /// Requests of the run so far, and before the job that is done now.
    sent: Cell<u32>,
    sent_before: Cell<u32>,
}

/// How long a job waits for a run that has room for it.
const NEXT_RUN: Duration = Duration::from_secs(1);

impl Api {
    /// `attempt` is the earliest attempt among the jobs of the run.
    pub(crate) fn new(config: &Config, attempt: u32) -> Result<Self, Failure> {
        Ok(Self {
            sheets: config.api_base.trim_end_matches('/').to_owned(),
            drive: config.drive_base.trim_end_matches('/').to_owned(),
            bearer: format!("Bearer {}", secrets::reference("service-account")?),
            attempt,
            sent: Cell::new(0),
            sent_before: Cell::new(0),
        })
    }

    /// Another job begins.
    pub(crate) fn begin(&self) {
        self.sent_before.set(self.sent.get());
    }

    /// A limit of the run is reached. When other jobs have used it up, this one goes with another run; alone it would
    /// meet the limit again.
    fn spent(&self, error: Error) -> Failure {
        if self.sent_before.get() == 0 {
            return Failure::from(error);
        }
        Failure::defer(
            format!("other jobs of the same run came first: {error}"),
            NEXT_RUN,
        )
    }

    /// A read that [`reserve`] has paid for.
    pub(crate) fn get_reserved<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ApiError> {
        self.send(Purpose::Spreadsheet, request)
    }

    /// A further read.
    pub(crate) fn get<T: DeserializeOwned>(&self, request: &Request) -> Result<T, ApiError> {
        quota("read")?;
        self.send(Purpose::Spreadsheet, request)
    }

    /// The request for a spreadsheet with these fields and, if any, these ranges.
    /// <https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/get>
    pub(crate) fn spreadsheet(&self, id: &str, ranges: &[String], fields: &str) -> Request {
        let request = Request::get(format!("{}/spreadsheets/{id}", self.sheets)).query("fields", fields);
        let request = request.query("prettyPrint", "false");
        ranges
            .iter()
            .fold(request, |request, range| request.query("ranges", range))
    }

    /// Changes a spreadsheet; all of the requests or none are applied. The first of a run is paid
    /// for by [`reserve`].
    /// <https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/batchUpdate>
    pub(crate) fn batch_update<T: Serialize>(&self, id: &str, requests: &[T]) -> Result<(), ApiError> {
        #[derive(Serialize)]
        struct Body<'a, T> {
            requests: &'a [T],
        }
        let url = format!("{}/spreadsheets/{id}:batchUpdate", self.sheets);
        let request = Request::post(url)
            .query("fields", "spreadsheetId")
            .json(&Body { requests })?;
        self.send::<serde::de::IgnoredAny>(Purpose::Spreadsheet, &request)?;
        Ok(())
    }

    /// Makes a spreadsheet in the account's own space.
    /// <https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/create>
    pub(crate) fn create<T: DeserializeOwned>(
        &self,
        body: &serde_json::Value,
        fields: &str,
    ) -> Result<T, ApiError> {
        quota("write")?;
        let request = Request::post(format!("{}/spreadsheets", self.sheets))
            .query("fields", fields)
            .json(body)?;
        self.send(Purpose::Create, &request)
    }

    /// A request to Drive, `path` from its base.
    pub(crate) fn drive<T: DeserializeOwned>(
        &self,
        purpose: Purpose,
        build: impl FnOnce(&str) -> Result<Request, Failure>,
    ) -> Result<T, ApiError> {
        self.send(purpose, &build(&self.drive)?)
    }

    fn send<T: DeserializeOwned>(&self, purpose: Purpose, request: &Request) -> Result<T, ApiError> {
        let request = request
            .clone()
            .header("authorization", self.bearer.clone())
            .timeout(PATIENCE)
            .max_body(MAX_ANSWER);
        let response = request.send().map_err(|error| match error {
            Error::RunLimit(_) => self.spent(error),
            _ => Failure::from(error),
        })?;
        self.sent.set(self.sent.get().saturating_add(1));
        if response.is_success() {
            return Ok(response.json()?);
        }
        Err(ApiError::Refused(errors::read(purpose, &response, self.attempt)))
    }
}

/// Pays for what a run needs at least, one write and one read, so that a run that could not write
/// does not begin to read.
pub(crate) fn reserve() -> Result<(), Failure> {
    quota("write")?;
    quota("read")
}

/// Pays for another write of the same run.
pub(crate) fn pay_write() -> Result<(), Failure> {
    quota("write")
}

fn quota(kind: &str) -> Result<(), Failure> {
    Ok(Bucket::new(format!("quota/{kind}"), USER_QUOTA, QUOTA_SPAN).take(1)?)
}
