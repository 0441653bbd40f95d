//! JSON as the values of expressions, and back.

use std::collections::HashMap;

use cel::Value;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use cel::objects::Key;
use serde_json::Value as Json;

/// A value as expressions see it. A number is an int where it fits, else a uint, else a double.
pub(super) fn from_json(json: &Json) -> Box<dyn Val> {
    match json {
        Json::Null => Box::new(CelNull),
        Json::Bool(flag) => Box::new(CelBool::from(*flag)),
        Json::Number(number) => number.as_i64().map_or_else(
            || match number.as_u64() {
                Some(large) => Box::new(CelUInt::from(large)) as Box<dyn Val>,
                None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
            },
            |int| Box::new(CelInt::from(int)),
        ),
        Json::String(text) => Box::new(CelString::from(text.clone())),
        Json::Array(items) => Box::new(CelList::from(items.iter().map(from_json).collect::<Vec<_>>())),
        Json::Object(members) => {
            let members = members.iter();
            let members = members.map(|(key, value)| (CelMapKey::from(key.clone()), from_json(value)));
            Box::new(CelMap::from(members.collect::<HashMap<_, _>>()))
        }
    }
}

/// A value as JSON. Members of maps come in order of their keys, which are texts there.
///
/// # Errors
/// JSON has nothing for it.
pub(super) fn to_json(value: &Value) -> Result<Json, String> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::from(*flag),
        Value::Int(int) => Json::from(*int),
        Value::UInt(uint) => Json::from(*uint),
        Value::Float(double) => {
            let number = serde_json::Number::from_f64(*double);
            Json::Number(number.ok_or("JSON has no number for infinity or what is none")?)
        }
        Value::String(text) => Json::from(text.as_str()),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Value::Map(map) => {
            let mut members: Vec<_> = map
                .map
                .iter()
                .map(|(key, value)| Ok((key_text(key), to_json(value)?)))
                .collect::<Result<_, String>>()?;
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members.into_iter().collect())
        }
        other => return Err(format!("JSON has nothing for a {}", kind(other))),
    })
}

fn key_text(key: &Key) -> String {
    match key {
        Key::Int(int) => int.to_string(),
        Key::Uint(uint) => uint.to_string(),
        Key::Bool(flag) => flag.to_string(),
        Key::String(text) => text.to_string(),
    }
}

/// What kind of value it is, for people.
pub(super) fn kind(value: &Value) -> String {
    value.type_of().to_string()
}

/// How many members the widest list or object has, this one or one in it.
pub(super) fn widest(json: &Json) -> usize {
    match json {
        Json::Array(items) => items.iter().map(widest).fold(items.len(), usize::max),
        Json::Object(members) => members.values().map(widest).fold(members.len(), usize::max),
        _ => 0,
    }
}
