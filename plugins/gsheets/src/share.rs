//! What is remembered of a spreadsheet that is named by its title, and whom it is shared with.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_plugin_sdk::http::Request;
use hookyard_plugin_sdk::{Failure, clock, warn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::api::{Api, ApiError};
use crate::config::Config;
use crate::errors::Purpose;
use crate::stored::{Stored, millis};

/// What is remembered of a title.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Known {
    pub(crate) id: Option<String>,
    /// Addresses it was shared with.
    shared: Vec<String>,
    /// Addresses that Google refused, and when each is tried again, in milliseconds since 1970.
    #[serde(default)]
    refused: BTreeMap<String, u64>,
}

impl Known {
    /// Whether an address is to be shared with now.
    pub(crate) fn lacks(&self, address: &str) -> bool {
        let tried = self.refused.get(address);
        !self.shared.iter().any(|own| own == address) && tried.is_none_or(|until| *until <= now_ms())
    }
}

/// How long an address waits that Google refused: a person has to mend something first, and rows are not to wait
/// for it.
const REFUSED_FOR: Duration = Duration::from_hours(24);

fn now_ms() -> u64 {
    millis(clock::now())
}

/// Shares with every address that has not got it yet. Each is remembered at once, so that a run
/// that breaks off here is taken up where it stopped.
/// <https://developers.google.com/workspace/drive/api/reference/rest/v3/permissions/create>
pub(crate) fn share(api: &Api, config: &Config, id: &str, known: &mut Stored<Known>) -> Result<(), ApiError> {
    let mut value = known.value.clone();
    value.id = Some(id.to_owned());
    keep(known, &value)?;
    let lacking: Vec<String> = config
        .share_with
        .iter()
        .filter(|address| value.lacks(address))
        .cloned()
        .collect();
    for address in lacking {
        let shared: Result<Value, _> = api.drive(Purpose::Share, |base| {
            Request::post(format!("{base}/files/{id}/permissions"))
                .query("sendNotificationEmail", "false")
                .query("supportsAllDrives", "true")
                .query("fields", "id")
                .json(&json!({"type": "user", "role": "writer", "emailAddress": address}))
        });
        match shared {
            Ok(_) => value.shared.push(address),
            Err(ApiError::Refused(refusal)) if !refusal.failure.is_retryable() => {
                let until =
                    now_ms().saturating_add(u64::try_from(REFUSED_FOR.as_millis()).unwrap_or(u64::MAX));
                warn!("{} (tried again in a day)", refusal.failure.reason());
                value.refused.insert(address, until);
            }
            Err(error) => return Err(error),
        }
        keep(known, &value)?;
    }
    Ok(())
}

fn keep(known: &mut Stored<Known>, value: &Known) -> Result<(), Failure> {
    if known.keep(value.clone())? {
        return Ok(());
    }
    Err(Failure::retry(
        "another run changed what is remembered of the spreadsheet; it will be tried again",
    ))
}
