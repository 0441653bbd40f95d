//! JSON as the values of expressions, and back.

use std::collections::HashMap;

use cel::Value;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt,
};
use cel::common::value::Val;
use cel::objects::Key;
use serde_json::Value as Json;

use super::facts::MAX_PAYLOAD_BYTES;

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

/// A value as a JSON text. Members of maps come in order of their keys, which are texts there.
///
/// # Errors
/// JSON has nothing for it, or its text would be larger than the payloads that expressions look into: `map` makes a
/// payload of a payload, not a large one of a small one.
pub(super) fn to_text(value: &Value) -> Result<String, String> {
    let too_large = || {
        let most = MAX_PAYLOAD_BYTES >> 20;
        format!("what it makes is larger than {most} MiB")
    };
    let json = to_json(value, &mut Room(MAX_PAYLOAD_BYTES))?.ok_or_else(too_large)?;
    let text = json.to_string();
    if text.len() > MAX_PAYLOAD_BYTES {
        return Err(too_large());
    }
    Ok(text)
}

/// Bytes that are left for a text.
struct Room(usize);

impl Room {
    /// Takes the least that a value with so many bytes of text has in JSON; `None` when that is too much.
    fn take(&mut self, text: usize) -> Option<()> {
        self.0 = self.0.checked_sub(text.saturating_add(1))?;
        Some(())
    }
}

/// `None`: there is no room for it.
fn to_json(value: &Value, room: &mut Room) -> Result<Option<Json>, String> {
    let text = if let Value::String(text) = value {
        text.len()
    } else {
        0
    };
    if room.take(text).is_none() {
        return Ok(None);
    }
    Ok(Some(match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::from(*flag),
        Value::Int(int) => Json::from(*int),
        Value::UInt(uint) => Json::from(*uint),
        Value::Float(double) => {
            let number = serde_json::Number::from_f64(*double);
            Json::Number(number.ok_or("JSON has no number for infinity or what is none")?)
        }
        Value::String(text) => Json::from(text.as_str()),
        Value::List(items) => {
            let mut list = Vec::new();
            for item in items.as_slice() {
                let Some(item) = to_json(item, room)? else {
                    return Ok(None);
                };
                list.push(item);
            }
            Json::Array(list)
        }
        Value::Map(map) => {
            let from: &HashMap<Key, Value> = &map.map;
            let mut members = Vec::new();
            for (key, value) in from {
                let key = key_text(key);
                let taken = room.take(key.len());
                let (Some(()), Some(value)) = (taken, to_json(value, room)?) else {
                    return Ok(None);
                };
                members.push((key, value));
            }
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(members.into_iter().collect())
        }
        other => return Err(format!("JSON has nothing for a {}", kind(other))),
    }))
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

/// Bytes that a value takes, beside its texts: about what one costs in a list or an object.
const VALUE_BYTES: usize = 100;

/// About how many bytes a copy of this takes.
pub(super) fn weight(json: &Json) -> usize {
    let inside: usize = match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(weight).sum(),
        Json::Object(members) => {
            let members = members.iter();
            members
                .map(|(key, value)| VALUE_BYTES + key.len() + weight(value))
                .sum()
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => 0,
    };
    VALUE_BYTES + inside
}
