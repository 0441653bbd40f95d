//! Renders the templates in Block Kit blocks.

use hookyard_plugin_sdk::Failure;
use hookyard_plugin_sdk::template::Renderer;
use serde_json::{Map, Value};

use crate::limits::{MAX_BLOCKS, MAX_BUTTON, MAX_FIELD, MAX_HEADER, MAX_SECTION, cut};

/// How deep blocks may nest. Slack's own stay below ten.
const MAX_DEPTH: usize = 32;

/// Stands where a template made an empty text, which Slack refuses.
const EMPTY: &str = "–";

/// The blocks with each string rendered and each text cut to its limit.
pub(crate) fn render(renderer: &Renderer, blocks: &Value) -> Result<Value, Failure> {
    let list = blocks
        .as_array()
        .filter(|list| !list.is_empty() && list.len() <= MAX_BLOCKS)
        .ok_or_else(|| wrong("blocks", &format!("is no array of 1 to {MAX_BLOCKS} blocks")))?;
    let one = |(index, block)| {
        Walk {
            renderer,
            block: kind(block),
        }
        .value(&format!("blocks[{index}]"), block, 0)
    };
    list.iter()
        .enumerate()
        .map(one)
        .collect::<Result<Vec<_>, _>>()
        .map(Value::Array)
}

fn kind(block: &Value) -> &str {
    block["type"].as_str().unwrap_or_default()
}

fn wrong(path: &str, what: &str) -> Failure {
    Failure::reject(format!("`{path}` {what}; correct it in plugins.toml"))
}

/// One block's walk.
struct Walk<'a> {
    renderer: &'a Renderer,
    /// The block's type: the limit of a text depends on it.
    block: &'a str,
}

impl Walk<'_> {
    fn value(&self, path: &str, value: &Value, depth: usize) -> Result<Value, Failure> {
        if depth > MAX_DEPTH {
            return Err(wrong(path, "nests too deep"));
        }
        match value {
            // Only a text object holds markup; escaping would break a URL or an id.
            Value::String(template) => Ok(Value::String(self.renderer.render_raw(path, template)?)),
            Value::Array(list) => {
                let one = |(index, item)| self.value(&format!("{path}[{index}]"), item, depth + 1);
                list.iter()
                    .enumerate()
                    .map(one)
                    .collect::<Result<_, _>>()
                    .map(Value::Array)
            }
            Value::Object(object) => self.object(path, object, depth),
            other => Ok(other.clone()),
        }
    }

    fn object(&self, path: &str, object: &Map<String, Value>, depth: usize) -> Result<Value, Failure> {
        let is_text = matches!(
            object.get("type").and_then(Value::as_str),
            Some("mrkdwn" | "plain_text")
        );
        let mut rendered = Map::new();
        for (key, value) in object {
            let inner = format!("{path}.{key}");
            let made = match value {
                Value::String(template) if is_text && key == "text" => self.text(&inner, template)?.into(),
                other => self.value(&inner, other, depth + 1)?,
            };
            rendered.insert(key.clone(), made);
        }
        Ok(Value::Object(rendered))
    }

    fn text(&self, path: &str, template: &str) -> Result<String, Failure> {
        let text = self.renderer.render(path, template)?;
        Ok(if text.trim().is_empty() {
            EMPTY.to_owned()
        } else {
            cut(&text, self.limit(path))
        })
    }

    fn limit(&self, path: &str) -> usize {
        match self.block {
            "header" => MAX_HEADER,
            "section" if path.contains(".fields[") => MAX_FIELD,
            "actions" => MAX_BUTTON,
            "section" if path.contains(".accessory") => MAX_BUTTON,
            _ => MAX_SECTION,
        }
    }
}
