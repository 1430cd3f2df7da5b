//! The settings of a shop that change what is done: when a cart counts as abandoned, which texts follow, in which hours,
//! within which windows an order is credited. Every one has a default a careful shop would choose (product.md section 0).

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    hours::Hours,
    template,
    time::{HOUR, MINUTE},
    wording,
};

/// All rules of one shop. Stored as JSON; a missing field has its default, an unknown one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Minutes without activity after which a cart counts as abandoned: 5 to 10,080.
    pub abandoned_after_minutes: u32,
    /// Minutes from abandonment to each text, in order: 1 to 5 texts.
    pub steps_after_minutes: Vec<u32>,
    /// Hours after abandonment after which no text is sent any more: 1 to 720.
    pub give_up_after_hours: u32,
    /// When texts may be sent, in the recipient's time.
    pub hours: Hours,
    /// Least hours between two texts to one phone: 0 to 720.
    pub rest_hours: u32,
    /// Countries (ISO 3166-1 alpha-2) whose numbers may be texted; empty means every one.
    pub countries: Vec<String>,
    /// Hours after a tap within which an order is credited: 1 to 2,160.
    pub click_window_hours: u32,
    /// Hours after acceptance within which an untapped text is shown as "assisted": 0 to 720.
    pub delivered_window_hours: u32,
    /// Days a recovery link works: 1 to 90.
    pub link_days: u32,
    /// A discount code added to recovery links; empty for none.
    pub discount_code: String,
    /// Added to recovery links: utm_source, utm_medium, utm_campaign.
    pub utm_source: String,
    pub utm_medium: String,
    pub utm_campaign: String,
    /// Days raw deliveries are kept (1 to 365) and carts without an order (1 to 730).
    pub inbox_days: u32,
    pub cart_days: u32,
    /// Own words by `step.language` (`1.en`) or `step` for every language; the ready-made text where none is given.
    pub texts: BTreeMap<String, String>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            abandoned_after_minutes: 30,
            steps_after_minutes: vec![0, 24 * 60],
            give_up_after_hours: 48,
            hours: Hours::DEFAULT,
            rest_hours: 24,
            countries: Vec::new(),
            click_window_hours: 5 * 24,
            delivered_window_hours: 24,
            link_days: 14,
            discount_code: String::new(),
            utm_source: "cartback".into(),
            utm_medium: "sms".into(),
            utm_campaign: "abandoned-cart".into(),
            inbox_days: 30,
            cart_days: 90,
            texts: BTreeMap::new(),
        }
    }
}

impl Rules {
    pub fn abandoned_after(&self) -> Duration {
        MINUTE * self.abandoned_after_minutes
    }

    pub fn give_up_after(&self) -> Duration {
        HOUR * self.give_up_after_hours
    }

    pub fn rest(&self) -> Duration {
        HOUR * self.rest_hours
    }

    /// From abandonment to this step (1 is the first); `None` beyond the last.
    pub fn step_after(&self, step: u32) -> Option<Duration> {
        let place = usize::try_from(step).ok()?.checked_sub(1)?;
        self.steps_after_minutes.get(place).map(|&minutes| MINUTE * minutes)
    }

    /// The template of a step in a language (BCP 47): the shop's own, else the ready-made one.
    pub fn text(&self, step: u32, language: Option<&str>) -> &str {
        let tag = language.unwrap_or("en").to_ascii_lowercase();
        let primary = tag.split(['-', '_']).next().unwrap_or("en");
        [format!("{step}.{tag}"), format!("{step}.{primary}"), step.to_string()]
            .iter()
            .find_map(|key| self.texts.get(key))
            .map_or_else(|| wording::text(language, step), String::as_str)
    }

    /// Changes one setting by name, as `cartback shop set` does. Lists are typed with commas; `texts.1.en=…` sets a text.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let changed = self.changed(key, value)?;
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Changes several at once, all or none: whether they go together is asked of the result, so that it does not matter
    /// in which order they were typed. Every problem is told.
    pub fn set_all<'t>(&mut self, changes: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<(), Vec<String>> {
        let mut changed = self.clone();
        let mut problems = Vec::new();
        for (key, value) in changes {
            match changed.changed(key, value) {
                Ok(next) => changed = next,
                Err(problem) => problems.push(problem),
            }
        }
        if let Err(problem) = changed.check() {
            problems.push(problem);
        }
        if problems.is_empty() {
            *self = changed;
            return Ok(());
        }
        Err(problems)
    }

    fn changed(&self, key: &str, value: &str) -> Result<Rules, String> {
        if let Some(text) = key.strip_prefix("texts.") {
            let mut changed = self.clone();
            if value.is_empty() {
                changed.texts.remove(text);
            } else {
                changed.texts.insert(text.to_owned(), value.to_owned());
            }
            return Ok(changed);
        }
        let list = || value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let given: serde_json::Value = match key {
            "steps_after_minutes" => list()
                .map(|part| part.parse::<u32>().map_err(|_| "must be minutes, as in 0,1440"))
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            "countries" => list().map(str::to_uppercase).collect::<Vec<_>>().into(),
            "hours" | "discount_code" | "utm_source" | "utm_medium" | "utm_campaign" => value.trim().into(),
            _ => value.trim().parse::<u32>().map_err(|_| format!("{key}: must be a whole number"))?.into(),
        };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        match all.get_mut(key) {
            Some(slot) => *slot = given,
            None => return Err(format!("{key}: there is no such rule; there are {}", Rules::names().join(", "))),
        }
        serde_json::from_value(all).map_err(|error| format!("{key}: {error}"))
    }

    /// The names `set` takes.
    pub fn names() -> Vec<String> {
        match serde_json::to_value(Rules::default()) {
            Ok(serde_json::Value::Object(all)) => all.keys().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// What is out of bounds, every problem in one text.
    pub fn check(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        let mut within = |name: &str, value: u32, least: u32, most: u32| {
            if !(least..=most).contains(&value) {
                problems.push(format!("{name}: must be {least} to {most}"));
            }
        };
        within("abandoned_after_minutes", self.abandoned_after_minutes, 5, 10_080);
        within("give_up_after_hours", self.give_up_after_hours, 1, 720);
        within("rest_hours", self.rest_hours, 0, 720);
        within("click_window_hours", self.click_window_hours, 1, 2_160);
        within("delivered_window_hours", self.delivered_window_hours, 0, 720);
        within("link_days", self.link_days, 1, 90);
        within("inbox_days", self.inbox_days, 1, 365);
        within("cart_days", self.cart_days, 1, 730);
        within("steps_after_minutes (how many)", self.steps_after_minutes.len() as u32, 1, 5);
        if self.steps_after_minutes.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
            problems.push("steps_after_minutes: each must be later than the one before".into());
        }
        if self.steps_after_minutes.iter().any(|&minutes| MINUTE * minutes >= self.give_up_after()) {
            problems.push("steps_after_minutes: must lie before give_up_after_hours".into());
        }
        if self.countries.iter().any(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase())) {
            problems.push("countries: must be two-letter codes, as in SI,HR".into());
        }
        for (name, text) in &self.texts {
            if let Err(found) = template::check(text) {
                problems.extend(found.iter().map(|problem| format!("texts.{name}: {problem}")));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_own_bounds() {
        assert_eq!(Rules::default().check(), Ok(()));
        assert_eq!(serde_json::from_str::<Rules>("{}").unwrap(), Rules::default());
    }

    #[test]
    fn settings_that_only_go_together_are_changed_together() {
        let mut rules = Rules::default();
        // In the order of their names the first alone would be refused.
        rules.set_all([("give_up_after_hours", "8"), ("steps_after_minutes", "0")]).unwrap();
        assert_eq!((rules.give_up_after_hours, rules.step_after(2)), (8, None));
        let before = rules.clone();
        let problems = rules.set_all([("rest_hours", "1"), ("colour", "1"), ("link_days", "91")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(rules, before);
    }

    #[test]
    fn a_setting_is_changed_by_name_or_refused_with_its_bounds() {
        let mut rules = Rules::default();
        rules.set("abandoned_after_minutes", "5").unwrap();
        rules.set("steps_after_minutes", "0, 60,1440").unwrap();
        rules.set("hours", "mon-fri 10:00-18:00").unwrap();
        assert_eq!(rules.step_after(2), Some(HOUR));
        assert_eq!(rules.step_after(4), None);
        assert_eq!(rules.step_after(0), None);
        for (key, value, says) in [
            ("abandoned_after_minutes", "4", "5 to 10080"),
            ("steps_after_minutes", "60,60", "later"),
            ("steps_after_minutes", "9999999", "give_up"),
            ("colour", "1", "no such rule"),
            ("hours", "always", "hours"),
            ("texts.1.en", "{{ 1/0", "texts.1.en"),
        ] {
            let before = rules.clone();
            let problem = rules.set(key, value).unwrap_err();
            assert!(problem.contains(says), "{problem}");
            assert_eq!(rules, before);
        }
    }
}
