//! Requests about developer metadata.

use serde_json::{Value, json};

use super::super::book::Spreadsheet;
use super::super::contract::Contract;
use super::super::metadata::{self, Metadata, Place};
use super::super::refusal::{Outcome, Refusal};

/// `createDeveloperMetadata`.
pub fn create(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let sent = &what["developerMetadata"];
    let key = sent["metadataKey"].as_str().unwrap_or_default();
    if key.is_empty() {
        return Err(Refusal::invalid(
            "developerMetadata.metadataKey must be specified.",
        ));
    }
    let visibility = sent["visibility"]
        .as_str()
        .unwrap_or("DEVELOPER_METADATA_VISIBILITY_UNSPECIFIED");
    if visibility.ends_with("UNSPECIFIED") {
        return Err(Refusal::invalid(
            "developerMetadata.visibility must be specified.",
        ));
    }
    let made = Metadata {
        id: metadata::id_of(book, &sent["metadataId"])?,
        key: key.to_owned(),
        value: sent["metadataValue"].as_str().map(str::to_owned),
        visibility: visibility.to_owned(),
        place: Place::read(book, &sent["location"])?,
    };
    let shown = made.json();
    book.metadata.insert(made.id, made);
    Ok(json!({ "createDeveloperMetadata": { "developerMetadata": shown } }))
}

fn selected(book: &Spreadsheet, filters: &[&Value]) -> Outcome<Vec<i64>> {
    if filters.is_empty() {
        return Err(Refusal::invalid("At least one data filter must be specified."));
    }
    let mut ids = Vec::new();
    for metadata in book.metadata.values() {
        for filter in filters {
            if metadata::selected(book, filter, metadata)? {
                ids.push(metadata.id);
                break;
            }
        }
    }
    Ok(ids)
}

/// `updateDeveloperMetadata`.
pub fn update(contract: &Contract, book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let mask = super::fields(contract, what, "DeveloperMetadata")?;
    let filters: Vec<&Value> = what["dataFilters"].as_array().into_iter().flatten().collect();
    let sent = &what["developerMetadata"];
    let mut updated = Vec::new();
    for id in selected(book, &filters)? {
        let Some(mut metadata) = book.metadata.get(&id).cloned() else {
            continue;
        };
        if mask.takes(&["metadataKey"]) {
            let key = sent["metadataKey"].as_str().filter(|key| !key.is_empty());
            key.ok_or_else(|| Refusal::invalid("developerMetadata.metadataKey must be specified."))?
                .clone_into(&mut metadata.key);
        }
        if mask.takes(&["metadataValue"]) {
            metadata.value = sent["metadataValue"].as_str().map(str::to_owned);
        }
        if let Some(visibility) = sent["visibility"]
            .as_str()
            .filter(|_| mask.takes(&["visibility"]))
        {
            visibility.clone_into(&mut metadata.visibility);
        }
        if mask.takes(&["location"]) && sent.get("location").is_some() {
            metadata.place = Place::read(book, &sent["location"])?;
        }
        updated.push(metadata.json());
        book.metadata.insert(id, metadata);
    }
    Ok(json!({ "updateDeveloperMetadata": { "developerMetadata": updated } }))
}

/// `deleteDeveloperMetadata`.
pub fn delete(book: &mut Spreadsheet, what: &Value) -> Outcome<Value> {
    let ids = selected(book, &[&what["dataFilter"]])?;
    let gone: Vec<Value> = ids
        .iter()
        .filter_map(|id| book.metadata.remove(id))
        .map(|metadata| metadata.json())
        .collect();
    Ok(json!({ "deleteDeveloperMetadata": { "deletedDeveloperMetadata": gone } }))
}
