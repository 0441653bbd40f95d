//! Accounts from the command line.

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Answer, Request};
use crate::app::App;
use crate::auth::{NewAccount, UserChange};
use crate::domain::user::User;
use crate::secret::Secret;

/// Does one command about accounts.
pub(super) async fn execute(app: &App, request: Request) -> anyhow::Result<Answer> {
    match request {
        Request::UserList => {
            let users: Vec<Value> = app.store.users().await?.iter().map(view).collect();
            Answer::of(&users)
        }
        Request::UserCreate {
            username,
            email,
            password,
            role,
        } => {
            let account = NewAccount {
                username,
                email,
                password: Secret::new(password),
                first_name: String::new(),
                last_name: String::new(),
                role,
            };
            Answer::of(&view(&app.auth.create_user(account).await?))
        }
        Request::UserPassword { username, password } => {
            let changed = app.auth.set_password(&username, &Secret::new(password)).await?;
            Answer::of(&view(&changed.ok_or_else(|| no_user(&username))?))
        }
        Request::UserSet {
            username,
            active,
            role,
        } => {
            let change = UserChange {
                role,
                is_active: active,
                password: None,
            };
            let user = named(app, &username).await?;
            Answer::of(&view(&app.auth.change_user(user.id, change).await?))
        }
        Request::UserSignOut { username } => {
            let user = named(app, &username).await?;
            app.auth.sign_out(user.id).await?;
            Answer::of(&view(&user))
        }
        _ => bail!("this is no command about users"),
    }
}

async fn named(app: &App, username: &str) -> anyhow::Result<User> {
    let found = app.store.user_by_name(username).await?;
    found.map(|(user, _)| user).ok_or_else(|| no_user(username))
}

fn no_user(username: &str) -> anyhow::Error {
    anyhow!("there is no user `{username}`; `hookyard user list` shows all")
}

fn view(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "username": user.username,
        "email": user.email,
        "role": user.role,
        "is_active": user.is_active,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
    })
}
