//! What a message may contain: the same rules for the Web API and the webhooks.

use serde_json::{Value, json};

use super::blocks;
use super::outcome::Refusal;
use super::workspace::Content;

/// Characters of a text; Slack's page for `chat.postMessage` names 40,000.
pub const TEXT_MAX: usize = 40_000;

/// Attachments of a message.
const ATTACHMENTS_MAX: usize = 100;

/// Makes the content of a message from what was sent, or says why Slack would not.
///
/// `Some(Err(()))` stands for a field whose text is not JSON.
pub fn content(
    text: Option<&str>,
    blocks: Option<Result<Value, ()>>,
    attachments: Option<Result<Value, ()>>,
    text_max: usize,
) -> Result<Content, Refusal> {
    let blocks = list(blocks, "invalid_blocks_format")?;
    let attachments = list(attachments, "invalid_attachments")?;
    let text = text.unwrap_or_default();
    if text.trim().is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err(Refusal::new("no_text"));
    }
    if text.chars().count() > text_max {
        return Err(Refusal::new("msg_too_long"));
    }
    if attachments.len() > ATTACHMENTS_MAX {
        return Err(Refusal::new("too_many_attachments"));
    }
    if attachments.iter().any(|attachment| !attachment.is_object()) {
        return Err(Refusal::new("invalid_attachments"));
    }
    let wrong = blocks::check(&blocks);
    if !wrong.is_empty() {
        return Err(Refusal::detailed("invalid_blocks", wrong));
    }
    Ok(Content {
        text: text.to_owned(),
        blocks: with_ids(blocks),
        attachments,
        ..Content::default()
    })
}

/// Checks an app's own data: a type and an object.
pub fn metadata(sent: Option<Result<Value, ()>>) -> Result<Option<Value>, Refusal> {
    let Some(sent) = sent else { return Ok(None) };
    let metadata = sent.map_err(|()| Refusal::new("invalid_metadata_format"))?;
    let right = metadata["event_type"]
        .as_str()
        .is_some_and(|kind| !kind.is_empty())
        && metadata["event_payload"].is_object();
    if right {
        Ok(Some(metadata))
    } else {
        Err(Refusal::new("invalid_metadata_schema"))
    }
}

fn list(sent: Option<Result<Value, ()>>, error: &str) -> Result<Vec<Value>, Refusal> {
    match sent {
        None | Some(Ok(Value::Null)) => Ok(Vec::new()),
        Some(Ok(Value::Array(items))) => Ok(items),
        Some(_) => Err(Refusal::new(error)),
    }
}

/// Slack names every block that came without an id.
fn with_ids(mut blocks: Vec<Value>) -> Vec<Value> {
    for (at, block) in blocks.iter_mut().enumerate() {
        if let Some(fields) = block.as_object_mut() {
            fields
                .entry("block_id")
                .or_insert_with(|| json!(format!("b{at}")));
        }
    }
    blocks
}
