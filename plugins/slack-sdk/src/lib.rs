//! Posts a message about an event to a Slack channel or, as a direct message, to a person: by itself, into a
//! thread, or in the place of an earlier one.

use hookyard_plugin_sdk::template::Renderer;
use hookyard_plugin_sdk::{
    Call, Context, Event, Failure, Manifest, Outcome, Plugin, Tick, Trigger, register,
};
use serde::Deserialize;
use serde_json::Value;
use slack_message::Message;

mod api;
mod config;
mod errors;
mod memory;
mod post;
mod target;

use api::Api;
pub use config::Config;
use post::{Follow, Post};
use target::Target;

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
            "send-message" => send_message(ctx, call.input()?),
            "auth-test" => auth_test(ctx),
            other => Err(Failure::reject(format!("slack-sdk has no action `{other}`"))),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SendMessage {
    text: String,
    channel: Option<String>,
    user: Option<String>,
    thread: Option<String>,
    #[serde(default)]
    reply_broadcast: bool,
    update: Option<String>,
}

fn notify(ctx: &Context<Config>, trigger: &Trigger) -> Result<Outcome, Failure> {
    let config = &ctx.config;
    // Where a message goes and what it follows are no markup: nothing is escaped there.
    let plain = Renderer::new(trigger, &ctx.delivery, str::to_owned);
    let target = Target::configured(config, Some(&plain))?;
    let follow = Follow::of(
        rendered(&plain, "thread", config.thread.as_deref())?,
        config.reply_broadcast,
        rendered(&plain, "update", config.update.as_deref())?,
    )?;
    let message = Message::render(
        config.message.as_deref(),
        config.blocks.as_ref(),
        trigger,
        &ctx.delivery,
    )?;
    post(ctx, &target, &message, &follow)
}

fn rendered(
    renderer: &Renderer,
    key: &'static str,
    template: Option<&str>,
) -> Result<Option<String>, Failure> {
    let made = template
        .map(|template| renderer.render_raw(key, template))
        .transpose()?;
    Ok(made)
}

fn send_message(ctx: &Context<Config>, input: SendMessage) -> Result<Outcome, Failure> {
    let target = match Target::of(input.channel, input.user)? {
        Some(target) => target,
        None => Target::configured(&ctx.config, None)?,
    };
    let follow = Follow::of(input.thread, input.reply_broadcast, input.update)?;
    post(ctx, &target, &Message::plain(&input.text), &follow)
}

fn post(
    ctx: &Context<Config>,
    target: &Target,
    message: &Message,
    follow: &Follow,
) -> Result<Outcome, Failure> {
    let post = Post {
        api: &Api::new(&ctx.config.api_base)?,
        target,
        message,
        delivery: &ctx.delivery,
    };
    post.send(follow)
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
