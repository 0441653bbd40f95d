//! Posts a message about an event to a Slack channel or, as a direct message, to a person.
//!
//! Slack knows no key that makes `chat.postMessage` idempotent. When an answer is lost the message
//! may be there already and the retry posts it again; the delivery's id is in the metadata of both
//! (`hookyard_delivery`), so that duplicates can be told.

use hookyard_plugin_sdk::{
    Call, Context, Delivery, Event, Failure, Manifest, Outcome, Plugin, Tick, Trigger, register,
};
use serde::Deserialize;
use serde_json::{Value, json};
use slack_message::Message;

mod api;
mod config;
mod errors;

use api::Api;
pub use config::Config;

/// The plugin.
pub struct SlackSdk;

impl Plugin for SlackSdk {
    type Config = Config;

    fn manifest() -> Manifest {
        config::manifest()
    }

    fn webhook(ctx: &Context<Config>, event: &Event) -> Result<Outcome, Failure> {
        notify(ctx, &Trigger::Webhook(event.clone()))
    }

    fn schedule(ctx: &Context<Config>, tick: &Tick) -> Result<Outcome, Failure> {
        notify(ctx, &Trigger::Schedule(tick.clone()))
    }

    fn action(ctx: &Context<Config>, call: &Call) -> Result<Outcome, Failure> {
        match &*call.action {
            "send-message" => send_message(ctx, &call.input()?),
            "auth-test" => auth_test(ctx),
            other => Err(Failure::reject(format!("slack-sdk has no action `{other}`"))),
        }
    }
}

/// Where a message goes.
enum Destination<'a> {
    Channel(&'a str),
    User(&'a str),
}

impl<'a> Destination<'a> {
    fn of(channel: Option<&'a str>, user: Option<&'a str>) -> Result<Option<Self>, Failure> {
        match (channel, user) {
            (Some(channel), None) => Ok(Some(Self::Channel(channel))),
            (None, Some(user)) => Ok(Some(Self::User(user))),
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(Failure::reject(
                "`channel` and `user` are both set; leave one of them out",
            )),
        }
    }

    fn configured(config: &'a Config) -> Result<Self, Failure> {
        Self::of(config.channel.as_deref(), config.user.as_deref())?.ok_or_else(|| {
            Failure::reject(
                "nowhere to send to; set `channel` or `user` under this plugin's config in plugins.toml",
            )
        })
    }

    /// The id of the channel or direct conversation. A person's e-mail becomes an id first.
    fn resolve(&self, api: &Api) -> Result<String, Failure> {
        match *self {
            Self::Channel(channel) => Ok(channel.to_owned()),
            Self::User(email) if email.contains('@') => api.open_dm(&api.user_by_email(email)?),
            Self::User(id) => api.open_dm(id),
        }
    }
}

#[derive(Deserialize)]
struct SendMessage {
    text: String,
    channel: Option<String>,
    user: Option<String>,
}

fn notify(ctx: &Context<Config>, trigger: &Trigger) -> Result<Outcome, Failure> {
    let config = &ctx.config;
    let destination = Destination::configured(config)?;
    let message = Message::render(
        config.message.as_deref(),
        config.blocks.as_ref(),
        trigger,
        &ctx.delivery,
    )?;
    post(config, &destination, &message, &ctx.delivery)
}

fn send_message(ctx: &Context<Config>, input: &SendMessage) -> Result<Outcome, Failure> {
    let destination = match Destination::of(input.channel.as_deref(), input.user.as_deref())? {
        Some(destination) => destination,
        None => Destination::configured(&ctx.config)?,
    };
    post(
        &ctx.config,
        &destination,
        &Message::plain(&input.text),
        &ctx.delivery,
    )
}

fn post(
    config: &Config,
    destination: &Destination,
    message: &Message,
    delivery: &Delivery,
) -> Result<Outcome, Failure> {
    let api = Api::new(&config.api_base)?;
    let channel = destination.resolve(&api)?;
    let mut body = message.fields();
    body["channel"] = channel.clone().into();
    body["metadata"] = json!({
        "event_type": "hookyard_delivery",
        "event_payload": {"delivery": delivery.id},
    });
    let answer = api.post(&body)?;
    let summary = match destination {
        Destination::Channel(_) => format!("posted to {channel}"),
        Destination::User(user) => format!("sent a direct message to {user}"),
    };
    Outcome::new(summary).with_output(&json!({"channel": answer["channel"], "ts": answer["ts"]}))
}

fn auth_test(ctx: &Context<Config>) -> Result<Outcome, Failure> {
    let answer = Api::new(&ctx.config.api_base)?.auth_test()?;
    let text = |key: &str| answer[key].as_str().unwrap_or("?").to_owned();
    let kept: Value = ["url", "team", "team_id", "user", "user_id", "bot_id"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), answer.get(key)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    Outcome::new(format!("the token is {} in {}", text("user"), text("team"))).with_output(&kept)
}

register!(SlackSdk);

#[cfg(test)]
mod tests;
