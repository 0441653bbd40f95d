//! The proof for schedules: each moment became one event, and none was left out.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::Value;

use crate::api::Api;
use crate::figures::Found;

/// Entries on one page: the most that the interface gives.
const PAGE: u32 = 100;

/// Seconds of a day.
const DAY: u32 = 24 * 3600;

/// Checks every moment of a schedule that comes each `every` seconds and makes no more: recorded once, made, its event
/// there and done, and the next one `every` seconds later. Notes the figures and what is wrong.
///
/// # Errors
/// When the server does not answer.
pub fn reckon(api: &Api, plugin: &str, schedule: &str, every: u32, found: &mut Found) -> anyhow::Result<()> {
    let runs = pages(api, &format!("/api/schedules/{plugin}/{schedule}/runs/?"))?;
    let events = pages(
        api,
        &format!("/api/webhooks/list/?source=schedule&type={schedule}&"),
    )?;
    let mut moments: BTreeMap<&str, u64> = BTreeMap::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for run in &runs {
        *moments
            .entry(run["planned_at"].as_str().unwrap_or("?"))
            .or_default() += 1;
        found.must(run["outcome"] == "made", || format!("not made: {run}"));
        found.must(run["status"] == "processed", || format!("not done: {run}"));
        let event = run["event"].as_str().unwrap_or("?");
        found.must(named.insert(event), || format!("two moments, one event: {run}"));
    }
    for event in &events {
        let id = event["id"].as_str().unwrap_or("?");
        found.must(named.contains(id), || format!("an event of no moment: {event}"));
    }
    found.must(events.len() == runs.len(), || {
        format!("{} moments became {} events", runs.len(), events.len())
    });
    let twice = moments.values().filter(|count| **count > 1).count();
    let left_out = left_out(moments.keys().copied(), every)?;
    found.note("ticks", runs.len());
    found.note("ticks-twice", twice);
    found.note("ticks-left-out", left_out.len());
    found.must(twice == 0, || format!("made twice: {moments:?}"));
    found.must(left_out.is_empty(), || format!("left out after {left_out:?}"));
    found.must(!runs.is_empty(), || "no tick was made".to_owned());
    Ok(())
}

/// Everything that all pages of a list hold.
fn pages(api: &Api, path: &str) -> anyhow::Result<Vec<Value>> {
    let mut all = Vec::new();
    for page in 1.. {
        let answer = api.get(&format!("{path}page_size={PAGE}&page={page}"))?;
        let mut list = answer.success("a list")?;
        all.append(list["results"].as_array_mut().context("no results")?);
        if list["next"].is_null() {
            break;
        }
    }
    Ok(all)
}

/// The moments, in order, that another than the next due one follows.
fn left_out<'m>(moments: impl Iterator<Item = &'m str>, every: u32) -> anyhow::Result<Vec<&'m str>> {
    let mut wrong = Vec::new();
    let mut last: Option<(&str, u32)> = None;
    for moment in moments {
        let second = second_of_day(moment).with_context(|| format!("`{moment}` is no moment"))?;
        if let Some((before, at)) = last
            && (second + DAY - at) % DAY != every
        {
            wrong.push(before);
        }
        last = Some((moment, second));
    }
    Ok(wrong)
}

/// The second of the day of an RFC 3339 moment in UTC.
fn second_of_day(moment: &str) -> Option<u32> {
    let time = moment.split_once('T')?.1.get(..8)?;
    let mut parts = time.split(':').map(|part| part.parse::<u32>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    Some(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_found_and_midnight_is_none() {
        let whole = [
            "2026-11-28T23:59:58Z",
            "2026-11-29T00:00:00Z",
            "2026-11-29T00:00:02Z",
        ];
        assert!(left_out(whole.into_iter(), 2).expect("moments").is_empty());
        let gap = ["2026-11-28T10:00:00Z", "2026-11-28T10:00:04Z"];
        assert_eq!(left_out(gap.into_iter(), 2).expect("moments"), [gap[0]]);
        assert!(left_out(["soon"].into_iter(), 2).is_err());
    }
}
