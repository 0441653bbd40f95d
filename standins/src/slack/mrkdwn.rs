//! Slack's mrkdwn as HTML: bold, italic, strike, code, links, quotes. Everything else is escaped text.

use std::fmt::Write;

use crate::html::escape;

/// Turns mrkdwn into HTML that holds no markup but this module's own.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for (at, part) in text.split("```").enumerate() {
        if at % 2 == 1 {
            let _ = write!(out, "<pre>{}</pre>", escape(&entities(part.trim_matches('\n'))));
        } else {
            prose(part, &mut out);
        }
    }
    out
}

fn prose(text: &str, out: &mut String) {
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if let Some(quoted) = line.strip_prefix("&gt;").or_else(|| line.strip_prefix('>')) {
            let _ = write!(out, "<blockquote>{}</blockquote>", spans(quoted.trim_start()));
            continue;
        }
        out.push_str(&spans(line));
        if lines.peek().is_some() {
            out.push_str("<br>");
        }
    }
}

/// The spans of one line.
fn spans(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let span = match first {
            '`' => enclosed(rest, '`')
                .map(|(inner, after)| (format!("<code>{}</code>", escape(&entities(inner))), after)),
            '<' => link(rest),
            '*' | '_' | '~' if !before.is_alphanumeric() => enclosed(rest, first).map(|(inner, after)| {
                let tag = match first {
                    '*' => "strong",
                    '_' => "em",
                    _ => "s",
                };
                (format!("<{tag}>{}</{tag}>", spans(inner)), after)
            }),
            _ => None,
        };
        if let Some((html, after)) = span {
            out.push_str(&html);
            rest = after;
            before = ' ';
        } else {
            let end = rest[first.len_utf8()..]
                .find(['`', '<', '*', '_', '~'])
                .map_or(rest.len(), |at| at + first.len_utf8());
            let plain = &rest[..end];
            out.push_str(&escape(&entities(plain)));
            before = plain.chars().next_back().unwrap_or(' ');
            rest = &rest[end..];
        }
    }
    out
}

/// What stands between two marks with no blank inside the marks, and what follows.
fn enclosed(text: &str, mark: char) -> Option<(&str, &str)> {
    let inner = text.strip_prefix(mark)?;
    let end = inner.find(mark)?;
    let (inside, after) = (&inner[..end], &inner[end + mark.len_utf8()..]);
    let tight = !inside.is_empty() && !inside.starts_with(' ') && !inside.ends_with(' ');
    let ends_word = !after.starts_with(char::is_alphanumeric);
    (tight && ends_word).then_some((inside, after))
}

/// `<url|label>`, `<@U…>`, `<#C…|name>`, `<!here>`.
fn link(text: &str) -> Option<(String, &str)> {
    let end = text.find('>')?;
    let (inside, after) = (&text[1..end], &text[end + 1..]);
    let (target, label) = inside.split_once('|').unwrap_or((inside, inside));
    let html =
        if target.starts_with("https://") || target.starts_with("http://") || target.starts_with("mailto:") {
            let href = escape(&entities(target));
            format!(
                "<a href=\"{href}\" rel=\"noreferrer noopener\">{}</a>",
                escape(&entities(label))
            )
        } else if let Some(mention) = label.strip_prefix(['@', '#', '!']) {
            let sign = if target.starts_with('#') { '#' } else { '@' };
            format!("<span class=\"mention\">{sign}{}</span>", escape(mention))
        } else if target.starts_with(['@', '#', '!']) {
            format!("<span class=\"mention\">{}</span>", escape(label))
        } else {
            return None;
        };
    Some((html, after))
}

/// The three entities Slack's senders must write.
fn entities(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn renders_the_marks_and_escapes_the_rest() {
        for (mrkdwn, expected) in [
            (
                "*bold* and _it_ ~no~",
                "<strong>bold</strong> and <em>it</em> <s>no</s>",
            ),
            ("`a<b`", "<code>a&lt;b</code>"),
            ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
            (
                "<https://e.example/?a=1&amp;b|x>",
                "<a href=\"https://e.example/?a=1&amp;b\" rel=\"noreferrer noopener\">x</a>",
            ),
            (
                "<script>alert(1)</script>",
                "&lt;script&gt;alert(1)&lt;/script&gt;",
            ),
            ("<javascript:alert(1)|x>", "&lt;javascript:alert(1)|x&gt;"),
            (
                "<https://e.example/\" onclick=\"x|y>",
                "<a href=\"https://e.example/&quot; onclick=&quot;x\" rel=\"noreferrer noopener\">y</a>",
            ),
            ("&gt; said\nthen", "<blockquote>said</blockquote>then"),
            ("a &lt;b&gt; &amp;lt;", "a &lt;b&gt; &amp;lt;"),
            ("```\n*raw* <b>\n```", "<pre>*raw* &lt;b&gt;</pre>"),
            ("é*ü*", "é*ü*"),
        ] {
            assert_eq!(html(mrkdwn), expected, "{mrkdwn}");
        }
    }
}
