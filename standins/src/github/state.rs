//! Everything one stand-in knows: accounts, repositories, tokens, the app.

use std::collections::{BTreeMap, HashMap};

use super::Options;
use super::app::App;
use super::git::Person;
use super::limits::{Limits, Usage};
use super::repository::Repository;
use super::token::{Grant, Token, TokenText};

/// A user or an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: u64,
    /// Its name in addresses.
    pub login: String,
    /// Its name for people.
    pub name: String,
    /// Whether it is an organisation.
    pub organization: bool,
}

impl Account {
    /// Who commits in this account's name when the request names nobody; the address that GitHub makes up for
    /// people who keep theirs private.
    #[must_use]
    pub fn person(&self, now: i64) -> Person {
        Person {
            name: self.name.clone(),
            email: format!("{}+{}@users.noreply.github.com", self.id, self.login),
            seconds: now,
            offset_minutes: 0,
        }
    }
}

/// All state of one stand-in.
#[derive(Debug)]
pub struct State {
    /// The user, to whom personal tokens belong.
    pub user: Account,
    /// The organisation, whose member the user is and on which the app is installed.
    pub org: Account,
    /// Repositories by `owner/name` in lower case: GitHub's names have no case.
    pub repositories: BTreeMap<String, Repository>,
    /// Tokens by their text.
    pub tokens: HashMap<TokenText, Token>,
    /// The GitHub App.
    pub app: App,
    /// The bounds in force.
    pub limits: Limits,
    /// What was used of them.
    pub usage: Usage,
    next_id: u64,
}

impl State {
    /// The state at start.
    #[must_use]
    pub fn new(options: &Options, now: i64) -> Self {
        let account = |id, login: &str, name: &str, organization| Account {
            id,
            login: login.to_owned(),
            name: name.to_owned(),
            organization,
        };
        Self {
            user: account(1_001, &options.owner, &options.owner_name, false),
            org: account(2_001, &options.org, &options.org, true),
            repositories: BTreeMap::new(),
            tokens: HashMap::new(),
            app: App::new(now),
            limits: options.limits.clone(),
            usage: Usage::default(),
            next_id: 700_000,
        }
    }

    /// A number not used before.
    pub fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// The account of that login.
    #[must_use]
    pub fn account(&self, login: &str) -> Option<&Account> {
        [&self.user, &self.org]
            .into_iter()
            .find(|account| account.login.eq_ignore_ascii_case(login))
    }

    /// A repository.
    #[must_use]
    pub fn repository(&self, owner: &str, name: &str) -> Option<&Repository> {
        self.repositories.get(&key(owner, name))
    }

    /// A repository, to change it.
    pub fn repository_mut(&mut self, owner: &str, name: &str) -> Option<&mut Repository> {
        self.repositories.get_mut(&key(owner, name))
    }

    /// Adds an empty repository; one of the same name is replaced.
    pub fn add_repository(&mut self, owner: &str, name: &str, private: bool, now: i64) -> &mut Repository {
        let id = self.new_id();
        let repository = Repository {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            description: None,
            homepage: None,
            private,
            archived: false,
            default_branch: "main".to_owned(),
            created_at: now,
            updated_at: now,
            pushed_at: now,
            refs: BTreeMap::new(),
            objects: super::git::Objects::default(),
        };
        let key = key(owner, name);
        self.repositories.remove(&key);
        self.repositories.entry(key).or_insert(repository)
    }

    /// Gives a repository another name.
    pub fn rename_repository(&mut self, owner: &str, from: &str, to: &str) {
        if let Some(mut repository) = self.repositories.remove(&key(owner, from)) {
            to.clone_into(&mut repository.name);
            self.repositories.insert(key(owner, to), repository);
        }
    }

    /// Hands out a token.
    pub fn issue_token(&mut self, grant: Grant, expires_at: Option<i64>) -> TokenText {
        let prefix = match &grant {
            Grant::Classic { .. } => "ghp",
            Grant::FineGrained { .. } => "github_pat",
            Grant::Installation { .. } => "ghs",
        };
        let text = TokenText::random(prefix);
        let token = Token {
            grant,
            expires_at,
            revoked: false,
        };
        self.tokens.insert(text.clone(), token);
        text
    }
}

/// What a repository is found by.
#[must_use]
pub fn key(owner: &str, name: &str) -> String {
    format!("{owner}/{name}").to_ascii_lowercase()
}
