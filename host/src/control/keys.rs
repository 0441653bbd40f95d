//! API keys from the command line.

use anyhow::{Context as _, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Answer;
use crate::app::App;
use crate::auth::KeyRequest;
use crate::domain::access::Right;
use crate::domain::api_key::{ApiKeyId, MAX_NAME_CHARS, RevokedKey, SourceScope};
use crate::domain::audit::{Action, Actor};
use crate::domain::page::{MAX_PAGE_SIZE, PageRequest};
use crate::domain::time::Timestamp;
use crate::http::keys::{KeyPage, KeyView, NewKeyView};

/// What can be asked about API keys.
#[derive(Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum KeyCommand {
    List {
        page: u32,
    },
    Create {
        name: String,
        /// Username of whose events come with it.
        owner: String,
        sources: Vec<String>,
        rate: Option<String>,
        /// How long it works.
        lives_ms: Option<u64>,
        expires_at: Option<Timestamp>,
    },
    Revoke {
        id: String,
    },
}

pub(super) async fn execute(app: &App, request: KeyCommand, by: &Actor) -> anyhow::Result<Answer> {
    match request {
        KeyCommand::List { page } => list(app, page).await,
        KeyCommand::Revoke { id } => revoke(app, &id, by).await,
        KeyCommand::Create {
            name,
            owner,
            sources,
            rate,
            lives_ms,
            expires_at,
        } => {
            ensure!(
                (1..=MAX_NAME_CHARS).contains(&name.chars().count()),
                "a key's name has 1 to {MAX_NAME_CHARS} characters"
            );
            ensure!(
                !name.chars().any(char::is_control),
                "a key's name has no control characters"
            );
            let found = app.store.user_by_name(&owner).await?;
            let (user, _) =
                found.ok_or_else(|| anyhow!("there is no user `{owner}`; `hookyard user list` shows all"))?;
            ensure!(
                user.may(Right::Send),
                "{owner} is a {} and may not send; name a sender, an operator or an admin",
                user.role
            );
            let lives = lives_ms.map(std::time::Duration::from_millis);
            let expires_at = lives.map(|lives| app.clock.now().plus(lives)).or(expires_at);
            if let Some(at) = expires_at.filter(|at| app.auth.keys.is_over(*at)) {
                bail!("the key would be over at once: {at} is not still to come");
            }
            let request = KeyRequest {
                name,
                owner: user,
                sources: SourceScope::new(&sources)?,
                rate: rate.map(|text| text.parse()).transpose()?,
                expires_at,
                by: by.name.clone(),
            };
            create(app, request, by).await
        }
    }
}

async fn list(app: &App, page: u32) -> anyhow::Result<Answer> {
    let page = PageRequest {
        page,
        size: MAX_PAGE_SIZE,
    };
    let found = app.auth.keys.page(page).await?;
    Answer::of(&KeyPage {
        count: found.total,
        next: None,
        previous: None,
        results: found.items.into_iter().map(KeyView::from).collect(),
    })
}

async fn create(app: &App, request: KeyRequest, by: &Actor) -> anyhow::Result<Answer> {
    let owner = request.owner.username.clone();
    let (key, text) = app.auth.keys.create(request).await?;
    let view = KeyView::from(key);
    let detail = json!({
        "name": view.name, "owner": owner, "sources": view.sources, "rate": view.rate,
        "expires_at": view.expires_at,
    });
    app.audit
        .record(by, Action::KeyCreate, &view.id, detail)
        .await
        .context("the key was made and cannot be noted; revoke it and make another")?;
    let key = text.expose().to_owned();
    Answer::of(&NewKeyView { view, key })
}

async fn revoke(app: &App, id: &str, by: &Actor) -> anyhow::Result<Answer> {
    let id: ApiKeyId = id.parse()?;
    match app.auth.keys.revoke(&id, &by.name).await? {
        RevokedKey::Already(key) => Answer::of(&KeyView::from(key)),
        RevokedKey::Revoked(key) => {
            let detail = json!({ "name": key.name });
            let noted = app.audit.record(by, Action::KeyRevoke, id.as_str(), detail).await;
            noted.context("it is revoked, and cannot be noted in the audit log")?;
            Answer::of(&KeyView::from(key))
        }
        RevokedKey::Missing => bail!("there is no key `{id}`; `hookyard keys list` shows all"),
    }
}
