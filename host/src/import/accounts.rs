//! Users.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::report::Became;
use super::since::{BOTH, Since, digest};
use super::{ImportError, Importer, convert};
use crate::domain::user::{CreatedUser, NewUser, UpdatedUser, User};
use crate::store::django::Row;

impl Importer<'_> {
    pub(super) async fn users(&mut self, page: &[Row]) -> Result<Vec<Became>, ImportError> {
        let users: Vec<_> = page.iter().map(convert::user).collect();
        let ids: Vec<_> = users
            .iter()
            .flatten()
            .map(|(new, _)| new.user.id.as_uuid())
            .collect();
        let noted = self.store.imported_digests(&ids).await?;
        let mut became = Vec::with_capacity(page.len());
        for user in users {
            became.push(match user {
                Err(why) => Became::Refused(why),
                Ok((new, locked)) => {
                    let what = self.account(&new, &noted).await?;
                    if locked && matches!(what, Became::Imported | Became::Updated) {
                        self.report.passwords_to_set.push(new.user.username);
                    }
                    what
                }
            });
        }
        Ok(became)
    }

    async fn account(&self, new: &NewUser, noted: &HashMap<Uuid, String>) -> Result<Became, ImportError> {
        let id = new.user.id;
        let noted = noted.get(&id.as_uuid()).map(String::as_str);
        let there = account_digest(&new.user, &new.password_hash);
        let here = match self.store.user(id).await? {
            Some(user) => self.store.user_by_name(&user.username).await?,
            None => None,
        };
        let became = match here {
            // Removed here, and nobody gets an account back that was taken away.
            None if noted.is_some() => Became::Known,
            None => self.new_account(new).await?,
            Some((user, hash)) => match Since::of(noted, &there, &account_digest(&user, &hash)) {
                Since::NotThere => Became::Known,
                Since::Both => Became::Refused(format!("{}: {BOTH}", user.username)),
                Since::ThereOnly => self.changed_account(new, &user, &hash).await?,
            },
        };
        let refused = matches!(became, Became::Refused(_));
        if !self.import.dry_run && !refused && noted != Some(&there) {
            self.store.note_imported(id.as_uuid(), &there).await?;
        }
        Ok(became)
    }

    async fn new_account(&self, new: &NewUser) -> Result<Became, ImportError> {
        if self.store.user_by_name(&new.user.username).await?.is_some() {
            return Ok(taken(new));
        }
        if self.import.dry_run {
            return Ok(Became::Imported);
        }
        Ok(match self.store.create_user(new).await? {
            CreatedUser::Created => Became::Imported,
            CreatedUser::UsernameTaken => taken(new),
        })
    }

    async fn changed_account(&self, new: &NewUser, user: &User, hash: &str) -> Result<Became, ImportError> {
        let holder = self.store.user_by_name(&new.user.username).await?;
        if holder.is_some_and(|(holder, _)| holder.id != user.id) {
            return Ok(taken(new));
        }
        if self.import.dry_run {
            return Ok(Became::Updated);
        }
        let last_login = user.last_login.max(new.user.last_login);
        let changed = User {
            last_login,
            ..new.user.clone()
        };
        match self.store.update_user(&changed).await? {
            UpdatedUser::Updated => {}
            UpdatedUser::UsernameTaken => return Ok(taken(new)),
            UpdatedUser::Missing => return Ok(Became::Known),
        }
        if hash != new.password_hash {
            self.store.set_password(user.id, &new.password_hash).await?;
        }
        Ok(Became::Updated)
    }
}

fn taken(new: &NewUser) -> Became {
    Became::Refused(format!(
        "the username {} is taken here by another account, which stays as it is",
        new.user.username
    ))
}

/// Of everything but the sign-ins.
fn account_digest(user: &User, password_hash: &str) -> String {
    digest(&json!([
        user.username,
        user.email,
        user.first_name,
        user.last_name,
        user.role,
        user.is_active,
        password_hash,
    ]))
}
