//! The settings of a shop that change what is done: when a cart counts as abandoned, which sequences follow, in which hours
//! and countries, on whose consent, within which windows an order is credited. Every one has a default a careful shop would
//! choose (product.md section 0). The law's data (`domain::law`) bounds them: a shop may be stricter, never laxer.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    consent::{
        Demand, Level, Modes, Terms,
        mode::{STALE_MONTHS, STALE_MONTHS_MOST},
    },
    holdout,
    hours::Hours,
    law::{self, Binding},
    retention::Retention,
    risk::Limits,
    sequence::{self, Discount, FixedCode, Sequence},
    time::{HOUR, MINUTE},
    wording,
};

/// All rules of one shop. Stored as JSON, each change as a version of its own; a missing field has its default, an unknown
/// one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Minutes without activity after which a cart counts as abandoned: 5 to 10,080. The law's least waiting time holds too.
    pub abandoned_after_minutes: u32,
    /// What is said to which carts, in the order they are tried: 1 to 20, ids unique.
    pub sequences: Vec<Sequence>,
    /// Hours after abandonment after which no text is sent any more: 1 to 720; the law's 48 hours hold too.
    pub give_up_after_hours: u32,
    /// When texts may be sent, in the recipient's time; `None` for each country's usual hours.
    pub hours: Option<Hours>,
    /// The same for single countries (ISO 3166-1 alpha-2).
    pub country_hours: BTreeMap<String, Hours>,
    /// Least hours between two reminders to one phone: 0 to 720. The law's caps hold too.
    pub rest_hours: u32,
    /// Countries (ISO 3166-1 alpha-2) whose numbers may be texted; empty means the shop's own.
    pub countries: Vec<String>,
    /// What a consent must be like, by country.
    pub consent: Modes,
    /// Months of silence after which a consent must be confirmed again: 1 to 60.
    pub consent_months: u32,
    /// Guards against fake checkouts and runaway spend.
    pub limits: Limits,
    /// Most parts a text may take: 1 to 10.
    pub parts_most: u32,
    /// The number that takes STOP where the law wants it named (`36180` in France); empty for none.
    pub opt_out_short_code: String,
    /// Where people get help, told in the answer to HELP: an address, a number or a page; empty for the shop's front door.
    pub help_contact: String,
    /// Hours after a tap within which an order is credited: 1 to 2,160.
    pub click_window_hours: u32,
    /// Hours after acceptance within which an untapped text is shown as "assisted": 0 to 720.
    pub delivered_window_hours: u32,
    /// Days a recovery link works: 1 to 90.
    pub link_days: u32,
    /// Added to recovery links: utm_source, utm_medium, utm_campaign.
    pub utm_source: String,
    pub utm_medium: String,
    pub utm_campaign: String,
    /// Days raw deliveries are kept (1 to 365) and carts without an order (1 to 730).
    pub inbox_days: u32,
    pub cart_days: u32,
    /// How long every other kind of data about people is kept.
    pub retention: Retention,
    /// Percent of people who could be texted and deliberately are not, so that what texts earn can be told: 0 (off) or 5
    /// to 20. Carts must be kept 29 days then.
    pub holdout_percent: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            abandoned_after_minutes: 30,
            sequences: vec![sequence::default_sequence()],
            give_up_after_hours: 48,
            hours: None,
            country_hours: BTreeMap::new(),
            rest_hours: 24,
            countries: Vec::new(),
            consent: Modes::default(),
            consent_months: STALE_MONTHS,
            limits: Limits::default(),
            parts_most: 3,
            opt_out_short_code: String::new(),
            help_contact: String::new(),
            click_window_hours: 5 * 24,
            delivered_window_hours: 24,
            link_days: 14,
            utm_source: "cartback".into(),
            utm_medium: "sms".into(),
            utm_campaign: "abandoned-cart".into(),
            inbox_days: 30,
            cart_days: 90,
            retention: Retention::default(),
            holdout_percent: 0,
        }
    }
}

/// What hours were when every shop's rules spelled them out, whether chosen or not.
const HOURS_OF_OLD: &str = "mon-sat 09:00-20:00";

impl Rules {
    /// What law and shop demand together of a consent.
    pub fn terms(&self, binding: &Binding) -> Terms {
        let countries: Vec<&str> = binding.countries.iter().map(String::as_str).collect();
        let level = match binding.consent {
            law::Level::Single => Level::Single,
            law::Level::Double => Level::Double,
        };
        let demand = Demand { level, soft_opt_in: binding.soft_opt_in };
        self.consent.terms(&countries, demand, self.consent_months)
    }

    /// Rules as they were stored, also by a version from before there were sequences.
    pub fn restored(text: &str) -> Result<Rules, serde_json::Error> {
        let mut all: Value = serde_json::from_str(text)?;
        let Some(fields) = all.as_object_mut() else { return serde_json::from_value(all) };
        let steps = fields.remove("steps_after_minutes");
        let texts = fields.remove("texts");
        let code = fields.remove("discount_code");
        if steps.is_some() && fields.get("hours").is_some_and(|hours| hours == HOURS_OF_OLD) {
            fields.remove("hours");
        }
        let mut rules: Rules = serde_json::from_value(all)?;
        if let Some(first) = rules.sequences.first_mut() {
            if let Some(steps) = steps {
                set_steps(first, serde_json::from_value(steps)?);
            }
            let texts: BTreeMap<String, String> = texts.map_or(Ok(BTreeMap::new()), serde_json::from_value)?;
            for (name, text) in &texts {
                set_text(first, name, text);
            }
            if let Some(code) = code.as_ref().and_then(Value::as_str) {
                set_code(first, code);
            }
        }
        Ok(rules)
    }

    pub fn abandoned_after(&self) -> Duration {
        MINUTE * self.abandoned_after_minutes
    }

    pub fn give_up_after(&self) -> Duration {
        HOUR * self.give_up_after_hours
    }

    pub fn rest(&self) -> Duration {
        HOUR * self.rest_hours
    }

    /// The shop's own hours for a country, if it chose any.
    pub fn hours_in(&self, country: &str) -> Option<&Hours> {
        self.country_hours.get(country).or(self.hours.as_ref())
    }

    /// The sequence with this id; "" is the first, as carts from before there were sequences have it.
    pub fn sequence(&self, id: &str) -> Option<&Sequence> {
        if id.is_empty() {
            return self.sequences.first();
        }
        self.sequences.iter().find(|sequence| sequence.id == id)
    }

    /// The template of a step in a language (BCP 47): the shop's own, else the ready-made one.
    pub fn text<'r>(&'r self, sequence: &'r Sequence, step: u32, language: Option<&str>) -> &'r str {
        sequence.step(step).and_then(|step| step.text(language)).unwrap_or_else(|| wording::text(language, step))
    }

    /// Changes one setting by name, as `cartback shop set` does. Lists are typed with commas. `steps_after_minutes`,
    /// `discount_code` and `texts.1.en=…` are those of the first sequence; the others have commands of their own.
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
        let mut changed = self.clone();
        let list = || value.split(',').map(str::trim).filter(|part| !part.is_empty());
        if let Some(first) = changed.sequences.first_mut() {
            match key {
                "steps_after_minutes" => {
                    let minutes = list().map(|part| part.parse::<u32>().map_err(|_| "must be minutes, as in 0,1440"));
                    set_steps(first, minutes.collect::<Result<Vec<_>, _>>().map_err(|why| format!("{key}: {why}"))?);
                    return Ok(changed);
                }
                "discount_code" => {
                    set_code(first, value.trim());
                    return Ok(changed);
                }
                _ => {}
            }
            if let Some(text) = key.strip_prefix("texts.") {
                if !set_text(first, text, value) {
                    return Err(format!("{key}: the first sequence has {} steps", first.steps.len()));
                }
                return Ok(changed);
            }
        }
        // A dot leads into a group: `limits.per_ip_hour`, `consent.GB`, `country_hours.SI`.
        let (name, inner) = key.split_once('.').map_or((key, None), |(name, inner)| (name, Some(inner)));
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let unknown = || format!("{key}: there is no such rule; there are {}", Rules::names().join(", "));
        let slot = all.get_mut(name).ok_or_else(unknown)?;
        if let ("country_hours", Some(country), "") = (name, inner, value.trim()) {
            changed.country_hours.remove(&country.to_uppercase());
            return Ok(changed);
        }
        let given: Value = match (name, inner) {
            ("sequences", _) => return Err(format!("{key}: sequences are changed with `cartback sequence`")),
            ("countries", None) => list().map(str::to_uppercase).collect::<Vec<_>>().into(),
            ("hours", None) if value.trim().is_empty() => Value::Null,
            ("hours" | "opt_out_short_code" | "help_contact" | "utm_source" | "utm_medium" | "utm_campaign", None) => {
                value.trim().into()
            }
            ("consent", _) | ("country_hours", Some(_)) => value.trim().into(),
            ("limits", Some("allow_tests")) => match value.trim() {
                "yes" => true.into(),
                "no" => false.into(),
                _ => return Err(format!("{key}: must be yes or no")),
            },
            (_, _) => value.trim().parse::<u64>().map_err(|_| format!("{key}: must be a whole number"))?.into(),
        };
        let country = inner.unwrap_or_default().to_uppercase();
        let slot = match (name, inner) {
            ("consent", None) => slot.get_mut("everywhere"),
            ("consent", Some(_)) => slot.get_mut("countries").map(|modes| entry(modes, &country)).unwrap_or_default(),
            ("country_hours", Some(_)) => entry(slot, &country),
            ("limits" | "retention", Some(field)) => slot.get_mut(field),
            (_, Some(_)) => None,
            (_, None) => Some(slot),
        };
        *slot.ok_or_else(unknown)? = given;
        serde_json::from_value(all).map_err(|error| format!("{key}: {error}"))
    }

    /// The names `set` takes, without those that lead into a group.
    pub fn names() -> Vec<String> {
        let mut names = match serde_json::to_value(Rules::default()) {
            Ok(Value::Object(all)) => all.keys().cloned().collect(),
            _ => Vec::new(),
        };
        names.retain(|name| name != "sequences");
        names.extend(["steps_after_minutes", "discount_code"].map(str::to_owned));
        names.sort_unstable();
        names
    }

    /// Whether a name, also one that leads into a group, is a rule's.
    pub fn is_rule(key: &str) -> bool {
        let name = key.split_once('.').map_or(key, |(name, _)| name);
        name == "texts" || Rules::names().iter().any(|known| known == name)
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
        within("consent_months", self.consent_months, 1, STALE_MONTHS_MOST);
        within("parts_most", self.parts_most, 1, 10);
        within("click_window_hours", self.click_window_hours, 1, 2_160);
        within("delivered_window_hours", self.delivered_window_hours, 0, 720);
        within("link_days", self.link_days, 1, 90);
        // A platform tells again what it told days ago: forgotten sooner, that would be new. Kept longer, bodies are only a risk.
        within("inbox_days", self.inbox_days, 7, 30);
        within("cart_days", self.cart_days, 1, 730);
        if self.holdout_percent != 0 {
            within("holdout_percent", self.holdout_percent, holdout::PERCENT_LEAST, holdout::PERCENT_MOST);
            if self.cart_days < holdout::CART_DAYS_LEAST {
                let (least, most) = (holdout::CART_DAYS_LEAST, holdout::HORIZON_MOST);
                problems.push(format!(
                    "cart_days: must be at least {least} while people are held out, whose orders of {most} days are counted"
                ));
            }
        }
        problems.extend(sequence::check_all(&self.sequences, self.give_up_after()));
        problems.extend(self.consent.check());
        problems.extend(self.limits.problems());
        problems.extend(self.retention.check().err().unwrap_or_default());
        let two_letters = |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        if !self.countries.iter().all(two_letters) {
            problems.push("countries: must be two-letter codes, as in SI,HR".into());
        }
        if !self.country_hours.keys().all(two_letters) {
            problems.push("country_hours: must be of two-letter codes, as in country_hours.SI".into());
        }
        if self.opt_out_short_code.len() > 8 || !self.opt_out_short_code.bytes().all(|byte| byte.is_ascii_digit()) {
            problems.push("opt_out_short_code: must be at most 8 digits".into());
        }
        if self.help_contact.chars().count() > 60 {
            problems.push("help_contact: must be at most 60 characters; it stands in a text".into());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }
}

/// A place for this name in a JSON object.
fn entry<'v>(object: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    object.as_object_mut().map(|fields| fields.entry(name).or_insert(Value::Null))
}

/// Gives a sequence these steps; those that stay keep their words and conditions.
fn set_steps(sequence: &mut Sequence, minutes: Vec<u32>) {
    sequence.steps.resize_with(minutes.len(), Default::default);
    for (step, minutes) in sequence.steps.iter_mut().zip(minutes) {
        step.after_minutes = minutes;
    }
}

/// `1.en`, or `1` for every language. `false` when there is no such step.
fn set_text(sequence: &mut Sequence, name: &str, text: &str) -> bool {
    let (step, language) = name.split_once('.').unwrap_or((name, ""));
    let place = step.parse::<usize>().ok().and_then(|step| step.checked_sub(1));
    let Some(step) = place.and_then(|place| sequence.steps.get_mut(place)) else { return false };
    let language = language.to_ascii_lowercase();
    if text.is_empty() {
        step.texts.remove(&language);
    } else {
        step.texts.insert(language, text.to_owned());
    }
    true
}

/// One code on every step, or none.
fn set_code(sequence: &mut Sequence, code: &str) {
    for step in &mut sequence.steps {
        step.discount =
            (!code.is_empty()).then(|| Discount::Fixed(FixedCode { code: code.to_owned(), cool_down_days: 0 }));
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
        assert_eq!((rules.give_up_after_hours, rules.sequences[0].step_after(2)), (8, None));
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
        rules.set("consent", "double_opt_in").unwrap();
        rules.set("consent.gb", "soft_opt_in").unwrap();
        rules.set("country_hours.hr", "mon-fri 10:00-18:00").unwrap();
        rules.set("limits.per_ip_hour", "7").unwrap();
        assert_eq!(rules.sequences[0].step_after(2), Some(HOUR));
        assert_eq!(rules.hours_in("HR").map(Hours::to_string).as_deref(), Some("mon-fri 10:00-18:00"));
        assert_eq!(rules.limits.per_ip_hour, 7);
        assert_eq!(rules.consent.countries["GB"].name(), "soft_opt_in");
        rules.set("country_hours.hr", "").unwrap();
        assert_eq!(rules.country_hours.len(), 0);
        for (key, value, says) in [
            ("abandoned_after_minutes", "4", "5 to 10080"),
            ("steps_after_minutes", "60,60", "step"),
            ("steps_after_minutes", "9999999", "step"),
            ("limits.per_ip_hour", "many", "whole number"),
            ("limits.colour", "1", "no such rule"),
            ("consent", "none", "consent"),
            ("sequences", "[]", "cartback sequence"),
            ("colour", "1", "no such rule"),
            ("hours", "always", "hours"),
            ("texts.1.en", "{{ 1/0", "step 1: texts.en"),
        ] {
            let before = rules.clone();
            let problem = rules.set(key, value).unwrap_err();
            assert!(problem.contains(says), "{problem}");
            assert_eq!(rules, before);
        }
    }

    #[test]
    fn rules_from_before_there_were_sequences_mean_the_same() {
        let old = r#"{"abandoned_after_minutes":45,"steps_after_minutes":[0,60],"give_up_after_hours":24,
            "hours":"mon-sat 09:00-20:00","rest_hours":24,"countries":["SI"],"discount_code":"BACK10",
            "texts":{"1.en":"{{ shop }} {{ link }} {{ opt_out }}","2":"{{ shop }}: {{ link }} {{ opt_out }}"}}"#;
        let rules = Rules::restored(old).unwrap();
        let first = &rules.sequences[0];
        assert_eq!((rules.abandoned_after_minutes, rules.give_up_after_hours), (45, 24));
        assert_eq!((first.step_after(2), first.step_after(3)), (Some(HOUR), None));
        assert_eq!(first.step(1).unwrap().text(Some("en")), Some("{{ shop }} {{ link }} {{ opt_out }}"));
        assert_eq!(first.step(1).unwrap().text(Some("sl")), None);
        assert_eq!(first.step(2).unwrap().text(Some("sl")), Some("{{ shop }}: {{ link }} {{ opt_out }}"));
        assert!(
            first.steps.iter().all(|step| matches!(&step.discount, Some(Discount::Fixed(it)) if it.code == "BACK10"))
        );
        // Nobody had chosen the hours everybody had; others were chosen.
        assert_eq!(rules.hours, None);
        let chosen = old.replace("mon-sat 09:00-20:00", "mon-fri 09:00-20:00");
        assert_eq!(Rules::restored(&chosen).unwrap().hours.unwrap().to_string(), "mon-fri 09:00-20:00");
        let now = serde_json::to_string(&rules).unwrap();
        assert_eq!(Rules::restored(&now).unwrap(), rules);
        assert!(Rules::restored(r#"{"colour":1}"#).is_err());
    }
}
