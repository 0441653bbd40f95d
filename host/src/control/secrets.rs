//! Commands about stored secrets. No answer has a value.

use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::Answer;
use crate::app::App;
use crate::domain::grant::StoredName;
use crate::secret::Secret;

/// What can be asked about stored secrets.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum SecretRequest {
    List,
    Set { name: String, value: Zeroizing<String> },
    Remove { name: String },
    Reseal,
}

pub(super) async fn execute(app: &App, request: SecretRequest) -> anyhow::Result<Answer> {
    match request {
        SecretRequest::List => list(app).await,
        SecretRequest::Set { name, value } => set(app, &name, Secret::from(value)).await,
        SecretRequest::Remove { name } => remove(app, &name).await,
        SecretRequest::Reseal => reseal(app).await,
    }
}

async fn list(app: &App) -> anyhow::Result<Answer> {
    Answer::of(&app.vault.list().await?)
}

async fn set(app: &App, name: &str, value: Secret) -> anyhow::Result<Answer> {
    let name: StoredName = name.parse()?;
    app.vault.set(&name, &value).await?;
    Answer::of(&json!({ "name": name }))
}

async fn remove(app: &App, name: &str) -> anyhow::Result<Answer> {
    let name: StoredName = name.parse()?;
    anyhow::ensure!(
        app.vault.remove(&name).await?,
        "no secret `{name}` is stored; `hookyard secrets list` shows all"
    );
    Answer::of(&json!({ "name": name }))
}

async fn reseal(app: &App) -> anyhow::Result<Answer> {
    Answer::of(&json!({ "resealed": app.vault.reseal().await? }))
}
