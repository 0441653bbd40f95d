//! What is shown of large, deep and long texts, and where the rest begins.

use super::*;

fn tree(json: &str) -> Tree {
    Tree::of(serde_json::from_str(json).expect("JSON"))
}

#[test]
fn what_was_sent_is_shown_as_it_was_sent() {
    let tree = tree(r#"{"b": 1.50, "a": [true, null, "<script>"], "b": {}}"#);
    let value = |label: &str, text: &str, kind| Line::Value {
        label: label.to_owned(),
        text: text.to_owned(),
        kind,
        rest: None,
    };
    let open = |label: &str, brace, count, is_open| Line::Open {
        label: label.to_owned(),
        brace,
        count,
        is_open,
    };
    assert_eq!(
        tree.lines,
        [
            open("", '{', 3, true),
            value("\"b\": ", "1.50", "number"),
            open("\"a\": ", '[', 3, true),
            value("", "true", "boolean"),
            value("", "null", "null"),
            value("", "\"<script>\"", "string"),
            Line::Close { brace: ']' },
            open("\"b\": ", '{', 0, true),
            Line::Close { brace: '}' },
            Line::Close { brace: '}' },
        ]
    );
    assert!(!tree.is_cut);
}

fn opened(tree: &Tree) -> usize {
    let opens = |line: &&Line| matches!(line, Line::Open { .. });
    tree.lines.iter().filter(opens).count()
}

fn assert_well_formed(tree: &Tree) {
    let closes = |line: &&Line| matches!(line, Line::Close { .. });
    assert_eq!(tree.lines.iter().filter(closes).count(), opened(tree));
}

#[test]
fn large_lists_are_shown_piece_by_piece() {
    let json = format!("{{\"a~/b\": [{}5000], \"z\": 1}}", "1,".repeat(5_000));
    let json: &RawValue = serde_json::from_str(&json).expect("JSON");
    let first = Tree::of(json);
    assert!(first.is_cut);
    assert_well_formed(&first);
    let (mut at, mut seen, mut pieces) = (first, 0, 0);
    loop {
        let values = |line: &&Line| matches!(line, Line::Value { label, .. } if label.is_empty());
        seen += at.lines.iter().filter(values).count();
        pieces += 1;
        let rest = at.lines.iter().find_map(|line| match line {
            Line::More { rest, .. } => rest.clone(),
            _ => None,
        });
        let Some(rest) = rest else { break };
        let pairs: Vec<_> = url::form_urlencoded::parse(&rest.as_bytes()[1..]).collect();
        assert_eq!(
            (&*pairs[0].0, &*pairs[0].1, &*pairs[1].0),
            ("at", "/a~0~1b", "from")
        );
        let from = pairs[1].1.parse().expect("a number");
        at = Tree::part(json, &pairs[0].1, from).expect("there");
        assert_well_formed(&at);
    }
    assert_eq!((seen, pieces), (5_001, 26));
    // What comes after a large part is shown all the same.
    assert!(
        Tree::of(json)
            .lines
            .iter()
            .any(|line| { matches!(line, Line::Value { label, .. } if label == "\"z\": ") })
    );
}

#[test]
fn large_deep_and_long_values_are_cut_and_stay_well_formed() {
    let many = tree(&format!(
        "[{}[]]",
        format!("[{}1],", "1,".repeat(100)).repeat(1_000)
    ));
    assert!(many.is_cut && many.lines.len() <= MAX_LINES + 2 * MAX_DEPTH);
    assert_well_formed(&many);
    let deep = tree(&format!("{}{}", "[".repeat(100), "]".repeat(100)));
    assert_well_formed(&deep);
    assert_eq!(opened(&deep), MAX_DEPTH);
    let long = format!("[\"{}\"]", "é".repeat(MAX_VALUE_CHARS));
    let long: &RawValue = serde_json::from_str(&long).expect("JSON");
    let cut = Tree::of(long);
    assert!(cut.is_cut);
    let rest = Some("?at=%2F0".to_owned());
    assert!(matches!(&cut.lines[1], Line::Value { rest: more, .. } if *more == rest));
    let alone = Tree::part(long, "/0", 0).expect("there");
    assert!(!alone.is_cut && alone.lines.len() == 1);
    assert_eq!(Tree::part(long, "/1", 0), None);
    assert_eq!(Tree::part(long, "/0/0", 0), None);
    let beyond = Tree::part(long, "", 9).expect("there");
    assert!(!beyond.is_cut && beyond.lines.len() == 2);
}

#[test]
fn what_is_too_deep_for_an_address_has_none() {
    let deep = format!("{}{}", "[".repeat(3_000), "]".repeat(3_000));
    let json: &RawValue = serde_json::from_str(&deep).expect("JSON");
    let (mut at, mut levels) = (String::new(), 0);
    loop {
        let tree = Tree::part(json, &at, 0).expect("there");
        assert!(tree.is_cut);
        levels += opened(&tree);
        let rest = tree.lines.iter().find_map(|line| match line {
            Line::Value { rest, .. } => rest.clone(),
            _ => None,
        });
        let Some(rest) = rest else { break };
        let pairs = url::form_urlencoded::parse(&rest.as_bytes()[1..]);
        at = pairs.into_owned().next().expect("a place").1;
    }
    assert_eq!(levels, 5 * MAX_DEPTH);
}
