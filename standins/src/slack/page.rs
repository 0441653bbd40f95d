//! The page at `/`: channels, messages, and the requests with their verdicts. It loads nothing from outside and
//! runs no script; whatever a sender wrote arrives as text.

use std::fmt::Write;

use hyper::StatusCode;
use hyper::header::HeaderName;
use serde_json::Value;
use url::form_urlencoded;

use super::Shared;
use super::mrkdwn;
use super::state::State;
use super::workspace::{Channel, ChannelKind, Message};
use crate::html::escape;
use crate::journal::RequestSeen;
use crate::wall::time_of_day;
use crate::wire::{Received, Reply};

const STYLE: &str = include_str!("page.css");

/// Nothing may be loaded or run, whatever a message holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Messages shown of one channel, the newest.
const MESSAGES_SHOWN: usize = 50;

/// Requests shown, the newest first.
const REQUESTS_SHOWN: usize = 25;

/// Draws the page; `?channel=ID` picks the channel, else the one with the newest message is shown.
pub fn answer(shared: &Shared, received: &Received) -> Reply {
    let picked = form_urlencoded::parse(received.query.as_bytes())
        .find(|(name, _)| name == "channel")
        .map(|(_, id)| id.into_owned());
    let requests = shared.journal.requests();
    let state = shared.state();
    let newest = state
        .workspace
        .messages
        .back()
        .map(|message| message.channel.clone());
    let shown = picked
        .or(newest)
        .and_then(|id| state.workspace.channels.get(&id))
        .or_else(|| state.workspace.channels.values().next());
    let mut page = String::with_capacity(32 * 1024);
    page.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    page.push_str("<meta http-equiv=\"refresh\" content=\"2\"><title>Slack stand-in</title><style>");
    page.push_str(STYLE);
    page.push_str("</style></head><body>");
    page.push_str(&sidebar(&state, shown));
    page.push_str("<main>");
    if let Some(channel) = shown {
        page.push_str(&conversation(&state, channel));
    }
    page.push_str(&verdicts(&requests));
    page.push_str("</main></body></html>");
    Reply::new(StatusCode::OK, "text/html; charset=utf-8", page)
        .with(HeaderName::from_static("content-security-policy"), POLICY)
}

fn sidebar(state: &State, shown: Option<&Channel>) -> String {
    let mut out = String::from("<nav><h1>Slack stand-in</h1><p>Nothing here leaves this machine.</p>");
    for (title, direct) in [("Channels", false), ("Direct messages", true)] {
        let _ = write!(out, "<h2>{title}</h2><div class=\"rows\">");
        for channel in state
            .workspace
            .channels
            .values()
            .filter(|channel| channel.is_direct() == direct)
        {
            let here = shown.is_some_and(|shown| shown.id == channel.id);
            let count = state
                .workspace
                .messages
                .iter()
                .filter(|message| message.channel == channel.id)
                .count();
            let class = match (here, channel.joined && !channel.archived) {
                (true, _) => " class=\"here\" aria-current=\"page\"",
                (false, true) => "",
                (false, false) => " class=\"out\"",
            };
            let badge = if count == 0 {
                String::new()
            } else {
                format!("<b>{count}</b>")
            };
            let _ = write!(
                out,
                "<a href=\"/?channel={}\"{class}><span>{}</span>{badge}</a>",
                channel.id,
                title_of(channel)
            );
        }
        out.push_str("</div>");
    }
    out.push_str("</nav>");
    out
}

fn title_of(channel: &Channel) -> String {
    let name = escape(&channel.name);
    match channel.kind {
        ChannelKind::Public => format!("# {name}"),
        ChannelKind::Private => format!("◆ {name}"),
        ChannelKind::Direct(_) => format!("● {name}"),
    }
}

fn conversation(state: &State, channel: &Channel) -> String {
    let note = match (channel.archived, channel.joined) {
        (true, _) => " · archived",
        (false, false) => " · the app is not a member",
        (false, true) => "",
    };
    let mut out = format!(
        "<header><h2>{}</h2><small>{}{note}</small></header>",
        title_of(channel),
        channel.id
    );
    let messages: Vec<&Message> = state
        .workspace
        .messages
        .iter()
        .filter(|message| message.channel == channel.id)
        .collect();
    if messages.is_empty() {
        out.push_str(
            "<p class=\"empty\">No message yet. What is posted here appears within two seconds.</p>",
        );
    }
    out.push_str("<ol class=\"messages\">");
    for message in messages
        .iter()
        .skip(messages.len().saturating_sub(MESSAGES_SHOWN))
    {
        out.push_str(&row(message));
    }
    out.push_str("</ol>");
    out
}

fn row(message: &Message) -> String {
    let initial = message
        .username
        .chars()
        .next()
        .unwrap_or('?')
        .to_uppercase()
        .to_string();
    let body = if message.blocks.is_empty() {
        mrkdwn::html(&message.text)
    } else {
        blocks(&message.blocks)
    };
    let attachments: String = message.attachments.iter().map(attachment).collect();
    let mut meta = format!("{} · ts {}", message.via, message.ts);
    if let Some(thread) = &message.thread_ts {
        let _ = write!(meta, " · reply to {thread}");
    }
    if message.edited_ts.is_some() {
        meta.push_str(" · edited");
    }
    if let Some(metadata) = &message.metadata {
        let _ = write!(meta, " · metadata {metadata}");
    }
    format!(
        "<li><div class=\"face\" aria-hidden=\"true\">{}</div><div><span class=\"who\">{}</span>\
         <span class=\"app\">APP</span> <time>{} UTC</time></div>\
         <div><div class=\"text\">{body}{attachments}</div><div class=\"meta\">{}</div></div></li>",
        escape(&initial),
        escape(&message.username),
        time_of_day(message.at_micros),
        escape(&meta),
    )
}

fn blocks(blocks: &[Value]) -> String {
    let mut out = String::new();
    for block in blocks {
        match block["type"].as_str().unwrap_or_default() {
            "header" => {
                let _ = write!(out, "<h3>{}</h3>", text(&block["text"]));
            }
            "divider" => out.push_str("<hr>"),
            "section" => section(block, &mut out),
            "context" => {
                let parts: Vec<String> = items(&block["elements"]).map(text_or_alt).collect();
                let _ = write!(out, "<div class=\"context\">{}</div>", parts.join(" "));
            }
            "actions" => {
                for element in items(&block["elements"]) {
                    let _ = write!(out, "<span class=\"button\">{}</span>", text(&element["text"]));
                }
            }
            "markdown" => {
                let markdown = block["text"].as_str().unwrap_or_default();
                let _ = write!(out, "<pre>{}</pre>", escape(markdown));
            }
            kind => {
                let alt = block["alt_text"].as_str().unwrap_or_default();
                let _ = write!(
                    out,
                    "<div class=\"context\">[{} {}]</div>",
                    escape(kind),
                    escape(alt)
                );
            }
        }
    }
    out
}

fn section(block: &Value, out: &mut String) {
    if block["text"].is_object() {
        let _ = write!(out, "<div class=\"section\">{}</div>", text(&block["text"]));
    }
    if block["fields"].is_array() {
        out.push_str("<div class=\"fields\">");
        for field in items(&block["fields"]) {
            let _ = write!(out, "<div>{}</div>", text(field));
        }
        out.push_str("</div>");
    }
    if block["accessory"]["text"].is_object() {
        let _ = write!(
            out,
            "<span class=\"button\">{}</span>",
            text(&block["accessory"]["text"])
        );
    }
}

fn attachment(attachment: &Value) -> String {
    let of = |name: &str| attachment[name].as_str().map(mrkdwn::html).unwrap_or_default();
    let inner = attachment["blocks"]
        .as_array()
        .map(|inner| blocks(inner))
        .unwrap_or_default();
    format!(
        "<div class=\"attachment\"><strong>{}</strong><div>{}{inner}</div></div>",
        of("title"),
        of("text")
    )
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(object: &Value) -> String {
    let text = object["text"].as_str().unwrap_or_default();
    if object["type"] == "mrkdwn" {
        mrkdwn::html(text)
    } else {
        escape(text)
    }
}

fn text_or_alt(element: &Value) -> String {
    if element["type"] == "image" {
        return format!("[{}]", escape(element["alt_text"].as_str().unwrap_or("image")));
    }
    text(element)
}

fn verdicts(requests: &[RequestSeen]) -> String {
    let mut out = format!(
        "<section class=\"requests\"><h2>Requests ({})</h2>",
        requests.len()
    );
    if requests.is_empty() {
        out.push_str("<p class=\"meta\">None yet.</p></section>");
        return out;
    }
    out.push_str("<div class=\"scroll\"><table><tr><th>#<th>Time<th>Call<th>Answer<th>Verdict<th>Notes</tr>");
    for request in requests.iter().rev().take(REQUESTS_SHOWN) {
        let status = request
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let verdict = match &request.error {
            None => "<span class=\"ok\">accepted</span>".to_owned(),
            Some(error) => format!("<span class=\"no\">{}</span>", escape(error)),
        };
        let mut notes: Vec<String> = request.warnings.iter().map(|warning| escape(warning)).collect();
        notes.extend(
            request
                .fault
                .iter()
                .map(|fault| format!("fault: {}", escape(fault))),
        );
        let _ = write!(
            out,
            "<tr><td class=\"t\">{}<td class=\"t\">{}<td class=\"t\">{} {}<td class=\"t\">{status}<td>{verdict}<td>{}</tr>",
            request.number,
            time_of_day(request.at_micros),
            escape(&request.http_method),
            escape(&request.target),
            notes.join("<br>"),
        );
    }
    out.push_str("</table></div></section>");
    out
}
