//! Posts a message about an event to a Slack incoming webhook.
//! <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>
//!
//! The webhook's URL is the secret; the plugin holds a stand-in for it. Slack decides the channel.

use hookyard_plugin_sdk::http::{Request, Response};
use hookyard_plugin_sdk::template::Renderer;
use hookyard_plugin_sdk::{
    Call, Context, Delivery, Event, Failure, Manifest, Outcome, Plugin, Tick, Trigger, register, secrets,
};
use serde::Deserialize;
use serde_json::{Value, json};
use slack_message::{Message, busy, schema, turn};

mod errors;

/// Bytes of an answer worth reading: Slack's is one word.
const MAX_ANSWER: usize = 16 * 1024;

/// `[plugins.NAME.config]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Template of the text; without it a readable line.
    message: Option<String>,
    /// Block Kit blocks; each string in them is a template.
    blocks: Option<Value>,
    /// Template of the `ts` of a message to reply to. The webhook's own answers tell none.
    thread: Option<String>,
}

/// The plugin.
pub struct SlackWebhook;

impl Plugin for SlackWebhook {
    type Config = Config;

    fn manifest() -> Manifest {
        let (message, blocks) = schema();
        let config = json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {"message": message, "blocks": blocks, "thread": {"type": "string", "minLength": 1,
                "description": "Template of the ts of a message to reply to"}},
        });
        let input = json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["text"],
            "properties": {"text": {"type": "string", "minLength": 1}},
        });
        Manifest::new(
            "slack-webhook",
            env!("CARGO_PKG_VERSION"),
            "Posts messages to a Slack incoming webhook",
        )
        .config(&config)
        .url_secret(
            "webhook-url",
            "URL of the incoming webhook: in the Slack app's settings under Incoming Webhooks",
        )
        .http("POST {secret:webhook-url}")
        .action("send-message", "Posts a text", &input)
    }

    fn webhook(ctx: &Context<Config>, event: &Event) -> Result<Outcome, Failure> {
        notify(&ctx.config, &Trigger::Webhook(event.clone()), &ctx.delivery)
    }

    fn schedule(ctx: &Context<Config>, tick: &Tick) -> Result<Outcome, Failure> {
        notify(&ctx.config, &Trigger::Schedule(tick.clone()), &ctx.delivery)
    }

    fn action(_: &Context<Config>, call: &Call) -> Result<Outcome, Failure> {
        if call.action != "send-message" {
            return Err(Failure::reject(format!(
                "slack-webhook has no action `{}`",
                call.action
            )));
        }
        let input: Input = call.input()?;
        post(&Message::plain(&input.text), None)
    }
}

#[derive(Deserialize)]
struct Input {
    text: String,
}

fn notify(config: &Config, trigger: &Trigger, delivery: &Delivery) -> Result<Outcome, Failure> {
    let message = Message::render(
        config.message.as_deref(),
        config.blocks.as_ref(),
        trigger,
        delivery,
    )?;
    // A stamp is no markup: nothing is escaped in it.
    let plain = Renderer::new(trigger, delivery, str::to_owned);
    let thread = config.thread.as_deref();
    let thread = thread
        .map(|template| plain.render_raw("thread", template))
        .transpose()?;
    post(
        &message,
        thread.as_deref().map(str::trim).filter(|ts| !ts.is_empty()),
    )
}

fn post(message: &Message, thread: Option<&str>) -> Result<Outcome, Failure> {
    let url = secrets::reference("webhook-url")?;
    // The plugin has one webhook, and the webhook one channel.
    turn("webhook")?;
    let mut body = message.fields();
    if let Some(ts) = thread {
        body["thread_ts"] = ts.into();
    }
    let response = Request::post(url).json(&body)?.max_body(MAX_ANSWER).send()?;
    settle(&response)
}

/// Slack answers a message that it took with 200 `ok`, any other with a word for what is wrong.
fn settle(response: &Response) -> Result<Outcome, Failure> {
    let text = response.text();
    let word = text.trim();
    match (response.status, word) {
        (200, "ok") => Ok(Outcome::new("posted to the incoming webhook")),
        (200, "") => Err(Failure::retry(
            "Slack's answer broke off: it is empty where `ok` was due",
        )),
        _ => Err(errors::settle(response.status, word)
            .or_else(|| busy(response))
            .unwrap_or_else(|| errors::unknown(response.status, word))),
    }
}

register!(SlackWebhook);

#[cfg(test)]
mod tests;
