use serde_json::json;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["user"],
        "properties": {
            "count": { "type": "integer", "default": 3 },
            "deep": { "type": "object", "properties": { "a": { "type": "object" } } },
            "dry": { "type": "boolean" },
            "kind": { "enum": ["a", "b", 7] },
            "more": { "anyOf": [{ "type": "string" }, { "type": "number" }] },
            "tags": { "type": "array", "items": { "type": "string" }, "default": ["x", "y"] },
            "to": { "type": "object", "properties": {
                "name": { "type": ["string", "null"], "description": "Who" },
                "age/years": { "type": "number" }
            } },
            "token": { "type": "string", "writeOnly": true, "default": "hush" },
            "user": { "type": "string" }
        }
    })
}

fn controls(form: &SchemaForm) -> Vec<(&str, &str)> {
    let fields = form.groups.iter().flat_map(|group| &group.fields);
    fields.map(|field| (field.name.as_str(), field.control)).collect()
}

#[test]
fn each_kind_has_its_control_and_defaults_stand_in_it() {
    let form = SchemaForm::of(&schema(), None, false);
    let mut found = controls(&form);
    assert_eq!(found[0], ("/user", "text"), "what is needed comes first");
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("/count", "number"),
            ("/deep/a", "json"),
            ("/dry", "choice"),
            ("/kind", "choice"),
            ("/more", "json"),
            ("/tags", "lines"),
            ("/to/age~1years", "number"),
            ("/to/name", "text"),
            ("/token", "password"),
            ("/user", "text"),
        ]
    );
    let of = |name: &str| {
        let mut fields = form.groups.iter().flat_map(|group| &group.fields);
        fields.find(|field| field.name == name).expect("a field")
    };
    assert_eq!(
        (of("/count").value.as_str(), of("/tags").value.as_str()),
        ("3", "x\ny")
    );
    assert_eq!(of("/token").value, "", "what is hidden is not shown");
    let labels: Vec<_> = of("/kind").choices.iter().map(|one| one.label.as_str()).collect();
    assert_eq!(labels, ["a", "b", "7"]);
    assert_eq!(of("/to/name").help, "Who");
}

#[test]
fn what_no_form_can_ask_for_is_json() {
    for schema in [
        json!(true),
        json!({}),
        json!({ "type": "array" }),
        json!({ "type": "object" }),
        json!({ "type": "object", "oneOf": [] }),
        json!({ "$ref": "#/x" }),
    ] {
        let form = SchemaForm::of(&schema, None, false);
        assert_eq!(form.whole.as_deref(), Some("{}"), "{schema}");
    }
    let none = json!({ "type": "object", "additionalProperties": false });
    let form = SchemaForm::of(&none, None, false);
    assert!(form.whole.is_none() && controls(&form).is_empty());
    assert!(SchemaForm::of(&schema(), None, true).whole.is_some());
}

#[test]
fn what_was_entered_becomes_json_and_what_was_not_is_left_out() {
    let read = |fields: &[(&str, &str)]| SchemaForm::read(&schema(), &Form::of(fields));
    assert_eq!(read(&[]), Ok(json!({ "user": "" })));
    let entered = [
        ("/count", " 4 "),
        ("/dry", "true"),
        ("/kind", "\"b\""),
        ("/more", "[1]"),
        ("/tags", "a\r\n\r\n b \r\n"),
        ("/to/age~1years", "1.5"),
        ("/user", "U\r\n1"),
        ("/none", "x"),
    ];
    assert_eq!(
        read(&entered),
        Ok(json!({
            "count": 4, "dry": true, "kind": "b", "more": [1], "tags": ["a", "b"],
            "to": { "age/years": 1.5 }, "user": "U\n1"
        }))
    );
    let wrong = read(&[("/count", "four")]).expect_err("no number");
    assert_eq!(wrong, "`count`: `four` is no number.");
    assert!(read(&[("/more", "{")]).is_err());
    assert_eq!(read(&[(WHOLE, "[1, 2]")]), Ok(json!([1, 2])));
    assert!(read(&[(WHOLE, "no")]).is_err());
}
