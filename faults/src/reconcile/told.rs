//! Effects, and the attempts that tell of them.

use std::collections::HashMap;

use serde_json::Value;

use super::Broken;
use crate::effects::Effect;

/// The outcomes by which an attempt tells that it may have had an effect. None of the scenarios makes another one after an
/// effect: a vendor that refuses has none, one that hangs is still waited for (30 s) when a stop interrupts the run (after
/// 25 s), and the plugin that takes memory asks no vendor.
const TELLING: [&str; 3] = ["succeeded", "unknown", "interrupted"];

/// The vendor's effects, counted down as attempts account for them.
#[derive(Default)]
pub(super) struct Told {
    left: HashMap<(String, u64), u64>,
    per_delivery: HashMap<String, u64>,
    pub effects: u64,
    /// Deliveries with more than one.
    pub repeated: u64,
}

impl Told {
    /// Only what was answered with a 2xx took place.
    pub(super) fn note(&mut self, effect: &Effect) {
        if effect.status < 300 {
            let key = (effect.delivery.clone(), effect.attempt);
            *self.left.entry(key).or_default() += 1;
            *self.per_delivery.entry(effect.delivery.clone()).or_default() += 1;
            self.effects += 1;
        }
    }

    /// Holds the attempts of a delivery against its effects; how many succeeded.
    pub(super) fn hold(&mut self, event: &str, delivery: &Value, broken: &mut Broken) -> u64 {
        let name = delivery["id"].as_str().unwrap_or("?");
        if self.per_delivery.get(name).is_some_and(|count| *count > 1) {
            self.repeated += 1;
        }
        let mut succeeded = 0;
        for attempt in delivery["attempts"].as_array().into_iter().flatten() {
            let outcome = attempt["outcome"].as_str().unwrap_or("?");
            if !TELLING.contains(&outcome) {
                continue;
            }
            let had_effect = self.account(name, attempt["number"].as_u64().unwrap_or(0));
            if outcome != "succeeded" {
                continue;
            }
            succeeded += 1;
            if !had_effect {
                broken.note(
                    "unproved",
                    &format!("{event}: {attempt} succeeded, and the vendor saw nothing"),
                );
            }
        }
        if succeeded > 1 {
            broken.note(
                "doubled",
                &format!("{event}: delivery {name} succeeded {succeeded} times"),
            );
        }
        succeeded
    }

    /// One attempt accounts for one effect at most.
    fn account(&mut self, delivery: &str, number: u64) -> bool {
        match self.left.get_mut(&(delivery.to_owned(), number)) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    /// Effects that no attempt tells of.
    pub(super) fn unexplained(&self, broken: &mut Broken) {
        for ((delivery, attempt), left) in self.left.iter().filter(|(_, left)| **left > 0) {
            broken.note(
                "doubled",
                &format!(
                    "{left} effect(s) of delivery {delivery}, attempt {attempt}, which is not one that succeeded, is \
                     unknown or was interrupted"
                ),
            );
        }
    }
}
