//! Google's own discovery documents of Sheets v4 and Drive v3: methods, parameters, schemas, scopes.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::mask::Mask;

const SHEETS: &str = include_str!("../../../contracts/google/sheets.v4.json");
const DRIVE: &str = include_str!("../../../contracts/google/drive.v3.json");

/// Which of the two interfaces a method belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Sheets v4.
    Sheets,
    /// Drive v3.
    Drive,
}

/// One method.
#[derive(Clone, Debug)]
pub struct Method {
    /// Its id, such as `sheets.spreadsheets.batchUpdate`.
    pub id: String,
    /// Its interface.
    pub family: Family,
    /// The HTTP method.
    pub verb: String,
    /// The path as a template without a leading slash.
    pub path: String,
    /// Parameters of path and query, by name, with those every method takes.
    pub parameters: BTreeMap<String, Value>,
    /// The schema of the body, if it takes one.
    pub request: Option<String>,
    /// The schema of the answer, if it has one.
    pub response: Option<String>,
    /// Scopes of which the token needs one.
    pub scopes: Vec<String>,
}

impl Method {
    /// Whether it only reads, for quotas.
    pub fn reads(&self) -> bool {
        self.verb == "GET" || self.id.ends_with(".search") || self.id.ends_with("etByDataFilter")
    }
}

/// Both interfaces.
#[derive(Debug)]
pub struct Contract {
    methods: Vec<Method>,
    schemas: [BTreeMap<String, Value>; 2],
    /// Every scope that either interface knows.
    pub scopes: BTreeSet<String>,
}

/// Why the descriptions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// One is not JSON.
    #[error("contracts/google/{0} is not JSON: {1}")]
    Json(&'static str, serde_json::Error),
    /// A part is missing.
    #[error("contracts/google/{0}: {1} is missing or of the wrong type")]
    Missing(&'static str, String),
}

impl Contract {
    /// Reads both documents.
    pub fn read() -> Result<Self, ContractError> {
        let mut contract = Self {
            methods: Vec::new(),
            schemas: [BTreeMap::new(), BTreeMap::new()],
            scopes: ["openid", "email", "profile"].map(str::to_owned).into(),
        };
        for (family, file, text) in [
            (Family::Sheets, "sheets.v4.json", SHEETS),
            (Family::Drive, "drive.v3.json", DRIVE),
        ] {
            let document: Value =
                serde_json::from_str(text).map_err(|error| ContractError::Json(file, error))?;
            let part = |name: &str| {
                document
                    .pointer(name)
                    .and_then(Value::as_object)
                    .ok_or_else(|| ContractError::Missing(file, name.to_owned()))
            };
            contract
                .scopes
                .extend(part("/auth/oauth2/scopes")?.keys().cloned());
            contract.schemas[family as usize] = part("/schemas")?.clone().into_iter().collect();
            for resource in part("/resources")?.values() {
                contract.add(family, &document, resource);
            }
        }
        Ok(contract)
    }

    fn add(&mut self, family: Family, document: &Value, resource: &Value) {
        for method in resource["methods"]
            .as_object()
            .into_iter()
            .flat_map(|m| m.values())
        {
            let text = |name: &str| method[name].as_str().unwrap_or_default().to_owned();
            let named = |name: &str| method[name]["$ref"].as_str().map(str::to_owned);
            let mut parameters: BTreeMap<String, Value> = BTreeMap::new();
            for part in [&document["parameters"], &method["parameters"]] {
                let part = part.as_object().into_iter().flatten();
                parameters.extend(part.map(|(name, value)| (name.clone(), value.clone())));
            }
            let front = document["servicePath"].as_str().unwrap_or_default();
            self.methods.push(Method {
                id: text("id"),
                family,
                verb: text("httpMethod"),
                path: format!("{front}{}", text("path")),
                parameters,
                request: named("request"),
                response: named("response"),
                scopes: method["scopes"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|scope| scope.as_str().map(str::to_owned))
                    .collect(),
            });
        }
        for below in resource["resources"]
            .as_object()
            .into_iter()
            .flat_map(|r| r.values())
        {
            self.add(family, document, below);
        }
    }

    /// All methods.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The schema of that name.
    pub fn schema(&self, family: Family, name: &str) -> Option<&Value> {
        self.schemas[family as usize].get(name)
    }

    /// The method that a request means, with what its path holds, decoded.
    pub fn route(&self, verb: &str, path: &str) -> Option<(&Method, BTreeMap<String, String>)> {
        let path = path.trim_start_matches('/');
        let mut found: Vec<_> = self
            .methods
            .iter()
            .filter(|method| method.verb == verb)
            .filter_map(|method| Some((method, fill(&method.path, path)?)))
            .collect();
        // `{range}:append` is meant before `{range}`, which takes anything.
        found.sort_by_key(|(method, _)| std::cmp::Reverse(method.path.len()));
        found.into_iter().next()
    }

    /// The first path of the mask that the schema does not have; none when all fit.
    pub fn unknown_in_mask(&self, family: Family, schema: &str, mask: &Mask) -> Option<String> {
        let root = serde_json::json!({ "$ref": schema });
        self.mask_below(family, &root, mask)
    }

    fn mask_below(&self, family: Family, schema: &Value, mask: &Mask) -> Option<String> {
        let schema = self.resolve(family, schema);
        if schema["type"] == "array" {
            return self.mask_below(family, &schema["items"], mask);
        }
        if schema.get("additionalProperties").is_some() {
            return None;
        }
        for (name, below) in &mask.0 {
            if name == "*" {
                continue;
            }
            let Some(field) = schema["properties"].get(name) else {
                return Some(name.clone());
            };
            if let Some(unknown) = self.mask_below(family, field, below) {
                return Some(format!("{name}.{unknown}"));
            }
        }
        None
    }

    /// Follows a reference to its schema.
    pub fn resolve<'a>(&'a self, family: Family, schema: &'a Value) -> &'a Value {
        schema["$ref"]
            .as_str()
            .and_then(|name| self.schema(family, name))
            .unwrap_or(schema)
    }
}

/// Matches a path against a template such as `v4/spreadsheets/{spreadsheetId}/values/{range}:append`.
fn fill(template: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    let mut filled = BTreeMap::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(filled),
            (Some(wanted), Some(given)) => segment(wanted, given, &mut filled)?,
            _ => return None,
        }
    }
}

fn segment(wanted: &str, given: &str, filled: &mut BTreeMap<String, String>) -> Option<()> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let Some((name, suffix)) = wanted.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
        return (decode(given) == wanted).then_some(());
    };
    let value = given
        .strip_suffix(suffix)
        .or_else(|| given.strip_suffix(&suffix.replace(':', "%3A")))?;
    // An id never holds a colon: `{spreadsheetId}:batchUpdat` is a path that is not there, not an id.
    if value.is_empty() || (name != "range" && value.contains(':')) {
        return None;
    }
    filled.insert(name.to_owned(), decode(value));
    Some(())
}
