//! Block Kit's rules, as <https://docs.slack.dev/reference/block-kit/blocks> gives them, with the sentences
//! Slack answers.

use serde_json::{Map, Value};

/// Blocks in a message.
const BLOCKS_MAX: usize = 50;
/// Characters of a section's text.
const SECTION_TEXT_MAX: usize = 3_000;
/// Characters of a section's field.
const FIELD_TEXT_MAX: usize = 2_000;
/// Fields of a section.
const FIELDS_MAX: usize = 10;
/// Characters of a header.
const HEADER_TEXT_MAX: usize = 150;
/// Elements of a context block.
const CONTEXT_ELEMENTS_MAX: usize = 10;
/// Elements of an actions block.
const ACTION_ELEMENTS_MAX: usize = 25;
/// Characters of a block's id.
const BLOCK_ID_MAX: usize = 255;
/// Characters of an image's alternative text and title.
const IMAGE_TEXT_MAX: usize = 2_000;
/// Characters of an image's address.
const IMAGE_URL_MAX: usize = 3_000;
/// Characters of a markdown block.
const MARKDOWN_MAX: usize = 12_000;

/// All that is wrong with `blocks`, in Slack's words; empty when they are right.
pub fn check(blocks: &[Value]) -> Vec<String> {
    let mut wrong = Wrong::default();
    if blocks.len() > BLOCKS_MAX {
        wrong.say(&format!("no more than {BLOCKS_MAX} items allowed"), "/blocks");
    }
    for (at, block) in blocks.iter().enumerate() {
        wrong.block(block, &format!("/blocks/{at}"));
    }
    wrong.0
}

#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn say(&mut self, what: &str, at: &str) {
        self.0.push(format!("{what} [json-pointer:{at}]"));
    }

    fn block(&mut self, block: &Value, at: &str) {
        let Some(fields) = block.as_object() else {
            return self.say("must provide an object", at);
        };
        let Some(kind) = fields.get("type").and_then(Value::as_str) else {
            return self.say("missing required field: type", at);
        };
        if let Some(id) = fields.get("block_id") {
            self.string(id, BLOCK_ID_MAX, &format!("{at}/block_id"));
        }
        match kind {
            "section" => self.section(fields, at),
            "header" => {
                self.known(fields, &["text", "level"], at);
                self.text_object(fields, "text", HEADER_TEXT_MAX, &["plain_text"], at);
            }
            "divider" => self.known(fields, &[], at),
            "context" => self.context(fields, at),
            "actions" => self.elements(fields, ACTION_ELEMENTS_MAX, at),
            "image" => self.image(fields, at),
            "markdown" => match fields.get("text") {
                Some(text) => self.string(text, MARKDOWN_MAX, &format!("{at}/text")),
                None => self.say("missing required field: text", at),
            },
            "rich_text" => self.elements(fields, usize::MAX, at),
            "video" | "file" | "input" | "table" => {}
            other => self.say(&format!("unsupported type: {other}"), &format!("{at}/type")),
        }
    }

    fn section(&mut self, section: &Map<String, Value>, at: &str) {
        self.known(section, &["text", "fields", "accessory", "expand"], at);
        if !section.contains_key("text") && !section.contains_key("fields") {
            self.say("must define either `text` or `fields`", at);
        }
        if section.contains_key("text") {
            self.text_object(section, "text", SECTION_TEXT_MAX, &["mrkdwn", "plain_text"], at);
        }
        let Some(fields) = section.get("fields") else {
            return;
        };
        let Some(fields) = fields.as_array() else {
            return self.say("must provide an array", &format!("{at}/fields"));
        };
        if fields.is_empty() || fields.len() > FIELDS_MAX {
            let what = if fields.is_empty() {
                "at least 1 items required".to_owned()
            } else {
                too_many(FIELDS_MAX)
            };
            self.say(&what, &format!("{at}/fields"));
        }
        for (n, field) in fields.iter().enumerate() {
            self.text(
                field,
                FIELD_TEXT_MAX,
                &["mrkdwn", "plain_text"],
                &format!("{at}/fields/{n}"),
            );
        }
    }

    fn context(&mut self, context: &Map<String, Value>, at: &str) {
        self.known(context, &["elements"], at);
        self.elements(context, CONTEXT_ELEMENTS_MAX, at);
        let elements = context.get("elements").and_then(Value::as_array);
        for (n, element) in elements.into_iter().flatten().enumerate() {
            let at = format!("{at}/elements/{n}");
            match element["type"].as_str() {
                Some("mrkdwn" | "plain_text") => {
                    self.text(element, SECTION_TEXT_MAX, &["mrkdwn", "plain_text"], &at);
                }
                Some("image") => {
                    if let Some(image) = element.as_object() {
                        self.image(image, &at);
                    }
                }
                Some(other) => self.say(&format!("unsupported type: {other}"), &format!("{at}/type")),
                // Said once already, by `elements`.
                None => {}
            }
        }
    }

    fn elements(&mut self, block: &Map<String, Value>, most: usize, at: &str) {
        let Some(elements) = block.get("elements") else {
            return self.say("missing required field: elements", at);
        };
        let Some(elements) = elements.as_array() else {
            return self.say("must provide an array", &format!("{at}/elements"));
        };
        if elements.is_empty() {
            self.say("at least 1 items required", &format!("{at}/elements"));
        }
        if elements.len() > most {
            self.say(&too_many(most), &format!("{at}/elements"));
        }
        for (n, element) in elements.iter().enumerate() {
            if element["type"].as_str().is_none() {
                self.say("missing required field: type", &format!("{at}/elements/{n}"));
            }
        }
    }

    fn image(&mut self, image: &Map<String, Value>, at: &str) {
        self.known(image, &["image_url", "alt_text", "title", "slack_file"], at);
        match image.get("alt_text") {
            Some(text) => self.string(text, IMAGE_TEXT_MAX, &format!("{at}/alt_text")),
            None => self.say("missing required field: alt_text", at),
        }
        match image.get("image_url") {
            Some(url) => self.string(url, IMAGE_URL_MAX, &format!("{at}/image_url")),
            None if image.contains_key("slack_file") => {}
            None => self.say("missing required field: image_url", at),
        }
        if image.contains_key("title") {
            self.text_object(image, "title", IMAGE_TEXT_MAX, &["plain_text"], at);
        }
    }

    fn text_object(
        &mut self,
        block: &Map<String, Value>,
        field: &str,
        most: usize,
        kinds: &[&str],
        at: &str,
    ) {
        match block.get(field) {
            Some(text) => self.text(text, most, kinds, &format!("{at}/{field}")),
            None => self.say(&format!("missing required field: {field}"), at),
        }
    }

    fn text(&mut self, text: &Value, most: usize, kinds: &[&str], at: &str) {
        let Some(fields) = text.as_object() else {
            return self.say("must provide an object", at);
        };
        match fields.get("type").and_then(Value::as_str) {
            None => self.say("missing required field: type", at),
            Some(kind) if !kinds.contains(&kind) => {
                self.say(&format!("unsupported type: {kind}"), &format!("{at}/type"));
            }
            Some(_) => {}
        }
        match fields.get("text") {
            Some(text) => self.string(text, most, &format!("{at}/text")),
            None => self.say("missing required field: text", at),
        }
        for name in fields.keys() {
            if !["type", "text", "emoji", "verbatim"].contains(&name.as_str()) {
                self.say(&format!("invalid additional property: {name}"), at);
            }
        }
    }

    fn string(&mut self, value: &Value, most: usize, at: &str) {
        match value.as_str() {
            None => self.say("must provide a string", at),
            Some("") => self.say("must be more than 0 characters", at),
            Some(text) if text.chars().count() > most => {
                self.say(&format!("must be less than {} characters", most + 1), at);
            }
            Some(_) => {}
        }
    }

    fn known(&mut self, block: &Map<String, Value>, names: &[&str], at: &str) {
        for name in block.keys().map(String::as_str) {
            if name != "type" && name != "block_id" && !names.contains(&name) {
                self.say(&format!("invalid additional property: {name}"), at);
            }
        }
    }
}

fn too_many(most: usize) -> String {
    format!("no more than {most} items allowed")
}
