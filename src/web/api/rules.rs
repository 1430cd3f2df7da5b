//! Rules: the settings of a shop that change what is done. Read as a whole, changed by a merge patch (RFC 7396): what is
//! left out stays. The sequences among them have paths of their own.

use std::{cell::Cell, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    answer::{Answer, etag_of},
    call::{Call, parse},
    form,
    shop::refused,
};
use crate::{
    domain::{hours::Hours, rules::Rules as Stored},
    pipeline::connect,
    web::problem::Problem,
};

/// The rules of a shop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Minutes without activity after which a cart counts as abandoned.
    #[schema(minimum = 5, maximum = 10080)]
    abandoned_after_minutes: u32,
    /// Hours after abandonment after which no text is sent any more.
    #[schema(minimum = 1, maximum = 720)]
    give_up_after_hours: u32,
    /// When texts may be sent, in the recipient's time; `null` for each country's usual hours.
    #[schema(example = "mon-sat 09:00-20:00")]
    hours: Option<String>,
    /// The same for single countries (ISO 3166-1 alpha-2); `null` takes one out.
    country_hours: BTreeMap<String, Option<String>>,
    /// Least hours between two reminders to one phone.
    #[schema(minimum = 0, maximum = 720)]
    rest_hours: u32,
    /// Countries whose numbers may be texted; empty means the shop's own.
    countries: Vec<String>,
    consent: ConsentRules,
    /// Months of silence after which a consent must be confirmed again.
    #[schema(minimum = 1, maximum = 60)]
    consent_months: u32,
    limits: Limits,
    /// Most parts a text may take.
    #[schema(minimum = 1, maximum = 10)]
    parts_most: u32,
    /// The number that takes STOP where the law wants it named; empty for none.
    #[schema(max_length = 8)]
    opt_out_short_code: String,
    /// Where people get help, told in the answer to HELP.
    #[schema(max_length = 60)]
    help_contact: String,
    /// Hours after a tap within which an order is credited.
    #[schema(minimum = 1, maximum = 2160)]
    click_window_hours: u32,
    /// Hours after acceptance within which an untapped text is shown as assisted.
    #[schema(minimum = 0, maximum = 720)]
    delivered_window_hours: u32,
    /// Days a recovery link works.
    #[schema(minimum = 1, maximum = 90)]
    link_days: u32,
    /// Added to recovery links.
    utm_source: String,
    utm_medium: String,
    utm_campaign: String,
    /// Days raw deliveries are kept.
    #[schema(minimum = 1, maximum = 365)]
    inbox_days: u32,
    /// Days carts without an order are kept.
    #[schema(minimum = 1, maximum = 730)]
    cart_days: u32,
    /// Percent of people deliberately not texted, so that what texts earn can be told; 0 is off, else 5 to 20.
    #[schema(minimum = 0, maximum = 20)]
    holdout_percent: u32,
    retention: Retention,
}

/// What a consent must be like, on top of what the law asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsentRules {
    everywhere: ConsentMode,
    /// By country (ISO 3166-1 alpha-2), one of the same; `null` takes one out.
    #[schema(value_type = BTreeMap<String, Option<String>>)]
    countries: BTreeMap<String, Option<ConsentMode>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentMode {
    /// A recorded, explicit consent; a confirmed one where the law says so.
    Law,
    DoubleOptIn,
    /// An earlier order does instead, where the law allows it.
    SoftOptIn,
}

/// Guards against fake checkouts and runaway spend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    #[schema(minimum = 1, maximum = 1000)]
    per_ip_hour: u32,
    #[schema(minimum = 1, maximum = 1000)]
    per_prefix_hour: u32,
    #[schema(minimum = 1, maximum = 10)]
    per_phone_day: u32,
    #[schema(minimum = 1, maximum = 100000)]
    texts_per_hour: u32,
    #[schema(minimum = 1, maximum = 100)]
    usual_factor: u32,
    /// Millionths of the money the gateway charges in.
    #[schema(minimum = 0, maximum = 1_000_000_000_000_i64)]
    spend_per_day_micros: i64,
    #[schema(minimum = 0, maximum = 10_000_000)]
    price_per_part_micros: i64,
    #[schema(minimum = 10, maximum = 100000)]
    quiet_texts: u32,
    #[schema(minimum = 1, maximum = 1000000)]
    quantity_most: u32,
    #[schema(minimum = 0, maximum = 60)]
    least_seconds: u32,
    allow_tests: bool,
}

/// How long each kind of data about people is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    #[schema(minimum = 7, maximum = 730)]
    message_days: u32,
    #[schema(minimum = 1, maximum = 730)]
    click_days: u32,
    #[schema(minimum = 30, maximum = 730)]
    event_days: u32,
    #[schema(minimum = 3, maximum = 120)]
    decision_months: u32,
    #[schema(minimum = 3, maximum = 120)]
    order_months: u32,
    #[schema(minimum = 24, maximum = 240)]
    consent_months: u32,
    /// 0 for ever, else 10 to 100.
    #[schema(minimum = 0, maximum = 100)]
    opt_out_years: u32,
    #[schema(minimum = 12, maximum = 120)]
    request_months: u32,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules::of(&Stored::default())
    }
}

impl Default for ConsentRules {
    fn default() -> ConsentRules {
        Rules::default().consent
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Rules::default().limits
    }
}

impl Default for Retention {
    fn default() -> Retention {
        Rules::default().retention
    }
}

/// The rules of a shop, with the version they are.
#[derive(Serialize, ToSchema)]
pub struct RulesVersion {
    /// Each change is one more; 0 before the first.
    version: u64,
    rules: Rules,
}

impl Rules {
    pub fn of(stored: &Stored) -> Rules {
        use crate::domain::consent::Mode;
        let mode = |mode: Mode| match mode {
            Mode::Law => ConsentMode::Law,
            Mode::DoubleOptIn => ConsentMode::DoubleOptIn,
            Mode::SoftOptIn => ConsentMode::SoftOptIn,
        };
        let (limits, kept, modes) = (&stored.limits, &stored.retention, &stored.consent);
        Rules {
            abandoned_after_minutes: stored.abandoned_after_minutes,
            give_up_after_hours: stored.give_up_after_hours,
            hours: stored.hours.map(|hours| hours.to_string()),
            country_hours: stored
                .country_hours
                .iter()
                .map(|(code, hours)| (code.clone(), Some(hours.to_string())))
                .collect(),
            rest_hours: stored.rest_hours,
            countries: stored.countries.clone(),
            consent: ConsentRules {
                everywhere: mode(modes.everywhere),
                countries: modes.countries.iter().map(|(code, of)| (code.clone(), Some(mode(*of)))).collect(),
            },
            consent_months: stored.consent_months,
            limits: Limits {
                per_ip_hour: limits.per_ip_hour,
                per_prefix_hour: limits.per_prefix_hour,
                per_phone_day: limits.per_phone_day,
                texts_per_hour: limits.texts_per_hour,
                usual_factor: limits.usual_factor,
                spend_per_day_micros: limits.spend_per_day_micros,
                price_per_part_micros: limits.price_per_part_micros,
                quiet_texts: limits.quiet_texts,
                quantity_most: limits.quantity_most,
                least_seconds: limits.least_seconds,
                allow_tests: limits.allow_tests,
            },
            parts_most: stored.parts_most,
            opt_out_short_code: stored.opt_out_short_code.clone(),
            help_contact: stored.help_contact.clone(),
            click_window_hours: stored.click_window_hours,
            delivered_window_hours: stored.delivered_window_hours,
            link_days: stored.link_days,
            utm_source: stored.utm_source.clone(),
            utm_medium: stored.utm_medium.clone(),
            utm_campaign: stored.utm_campaign.clone(),
            inbox_days: stored.inbox_days,
            cart_days: stored.cart_days,
            holdout_percent: stored.holdout_percent,
            retention: Retention {
                message_days: kept.message_days,
                click_days: kept.click_days,
                event_days: kept.event_days,
                decision_months: kept.decision_months,
                order_months: kept.order_months,
                consent_months: kept.consent_months,
                opt_out_years: kept.opt_out_years,
                request_months: kept.request_months,
            },
        }
    }

    /// These, with the sequences of `stored`. Bounds are asked of the whole, elsewhere.
    fn read(&self, stored: &Stored) -> Result<Stored, Vec<String>> {
        use crate::domain::{consent::Mode, consent::Modes, retention::Retention as Kept, risk::Limits as Guards};
        let mode = |mode: ConsentMode| match mode {
            ConsentMode::Law => Mode::Law,
            ConsentMode::DoubleOptIn => Mode::DoubleOptIn,
            ConsentMode::SoftOptIn => Mode::SoftOptIn,
        };
        let mut problems = Vec::new();
        let mut hours = |field: String, typed: &str| {
            typed.parse::<Hours>().map_err(|why| problems.push(format!("{field}: {why}"))).ok()
        };
        let everywhere = self.hours.as_ref().and_then(|typed| hours("hours".to_owned(), typed));
        let mut country_hours = BTreeMap::new();
        for (code, typed) in &self.country_hours {
            let Some(typed) = typed else { continue };
            country_hours.extend(hours(format!("country_hours.{code}"), typed).map(|hours| (code.clone(), hours)));
        }
        let (limits, kept) = (&self.limits, &self.retention);
        let read = Stored {
            abandoned_after_minutes: self.abandoned_after_minutes,
            sequences: stored.sequences.clone(),
            give_up_after_hours: self.give_up_after_hours,
            hours: everywhere,
            country_hours,
            rest_hours: self.rest_hours,
            countries: self.countries.clone(),
            consent: Modes {
                everywhere: mode(self.consent.everywhere),
                countries: self
                    .consent
                    .countries
                    .iter()
                    .filter_map(|(code, of)| Some((code.clone(), mode((*of)?))))
                    .collect(),
            },
            consent_months: self.consent_months,
            limits: Guards {
                per_ip_hour: limits.per_ip_hour,
                per_prefix_hour: limits.per_prefix_hour,
                per_phone_day: limits.per_phone_day,
                texts_per_hour: limits.texts_per_hour,
                usual_factor: limits.usual_factor,
                spend_per_day_micros: limits.spend_per_day_micros,
                price_per_part_micros: limits.price_per_part_micros,
                quiet_texts: limits.quiet_texts,
                quantity_most: limits.quantity_most,
                least_seconds: limits.least_seconds,
                allow_tests: limits.allow_tests,
            },
            parts_most: self.parts_most,
            opt_out_short_code: self.opt_out_short_code.clone(),
            help_contact: self.help_contact.clone(),
            click_window_hours: self.click_window_hours,
            delivered_window_hours: self.delivered_window_hours,
            link_days: self.link_days,
            utm_source: self.utm_source.clone(),
            utm_medium: self.utm_medium.clone(),
            utm_campaign: self.utm_campaign.clone(),
            inbox_days: self.inbox_days,
            cart_days: self.cart_days,
            holdout_percent: self.holdout_percent,
            retention: Kept {
                message_days: kept.message_days,
                click_days: kept.click_days,
                event_days: kept.event_days,
                decision_months: kept.decision_months,
                order_months: kept.order_months,
                consent_months: kept.consent_months,
                opt_out_years: kept.opt_out_years,
                request_months: kept.request_months,
            },
        };
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    /// These, changed by a merge patch.
    fn patched(&self, patch: &Value) -> Result<Rules, Vec<String>> {
        let mut all = serde_json::to_value(self).map_err(|error| vec![error.to_string()])?;
        merge(&mut all, patch);
        serde_json::from_value(all).map_err(|_| vec!["null: is allowed where a rule may be left empty only".to_owned()])
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(fields) = target.as_object_mut() else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}

fn told(version: u64, stored: &Stored) -> Result<Answer, Problem> {
    let rules = Rules::of(stored);
    let etag = etag_of(&rules)?;
    Ok(Answer::ok(&RulesVersion { version, rules })?.etag(etag))
}

/// The rules of the shop
#[utoipa::path(get, path = "/api/v1/shop/rules", responses((status = 200, description = "The rules.", body = RulesVersion)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let (read, shop, _) = call.open().await?;
    drop(read);
    told(shop.rules_version, &shop.rules)
}

/// Change rules
///
/// A merge patch (RFC 7396): what is left out stays, `null` goes back to the default. All of it or none.
#[utoipa::path(patch, path = "/api/v1/shop/rules", request_body = Rules, responses(
    (status = 200, description = "The rules as they are now.", body = RulesVersion),
    (status = 412, description = "They were changed meanwhile.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn change(call: &Call) -> Result<Answer, Problem> {
    let patch: Value = call.body()?;
    without_nulls(&patch)?;
    let (read, ..) = call.open().await?;
    drop(read);
    let (if_match, stale) = (call.if_match(), Cell::new(false));
    let changed = connect::change_rules(call.core(), call.shop()?, |stored, _| {
        let now = Rules::of(stored);
        // What is wrong in itself is told first, whatever state it was meant for.
        let next = now.patched(&patch)?.read(stored)?;
        next.check().map_err(|problem| vec![problem])?;
        let tag = etag_of(&now).map_err(|problem| vec![problem.to_string()])?;
        stale.set(if_match.as_ref().is_some_and(|tags| !tags.hold(&tag)));
        if stale.get() {
            return Err(Vec::new());
        }
        *stored = next;
        Ok(())
    });
    let changed = changed.await;
    if stale.get() {
        return Err(Problem::Stale);
    }
    changed.map_err(refused)?;
    call.core().wake.notify_one();
    get(call).await
}

/// The patch without its `null`s is a part of the rules: whatever else stands in it is told with its place.
fn without_nulls(patch: &Value) -> Result<(), Problem> {
    if !patch.is_object() {
        return Err(Problem::Wrong(vec!["the body: must be an object".to_owned()]));
    }
    let mut plain = Value::Object(serde_json::Map::new());
    merge(&mut plain, patch);
    let names: Vec<String> = null_fields(patch);
    let known = serde_json::to_value(Rules::default()).unwrap_or_default();
    let unknown: Vec<String> = names
        .into_iter()
        .filter(|name| known.get(name).is_none())
        .map(|name| format!("{name}: there is no such rule"))
        .collect();
    if unknown.is_empty() {
        parse::<Rules>(plain.to_string().as_bytes()).map(drop)
    } else {
        Err(Problem::Wrong(unknown))
    }
}

fn null_fields(patch: &Value) -> Vec<String> {
    let fields = patch.as_object().into_iter().flatten();
    fields.filter(|(_, value)| value.is_null()).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rules_are_read_as_they_are_written() {
        let mut stored = Stored::default();
        stored
            .set_all([
                ("hours", "mon-fri 10:00-18:00"),
                ("country_hours.HR", "mon-fri 10:00-17:00"),
                ("consent.GB", "soft_opt_in"),
            ])
            .unwrap();
        let form = Rules::of(&stored);
        assert_eq!(form.read(&stored), Ok(stored.clone()));
        // Every rule is in the form, under its own name.
        let (shown, known) = (serde_json::to_value(&form).unwrap(), serde_json::to_value(&stored).unwrap());
        let names = |value: &Value| -> Vec<String> {
            value.as_object().unwrap().keys().filter(|name| *name != "sequences").cloned().collect()
        };
        assert_eq!(names(&shown), names(&known));
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let mut stored = Stored::default();
        stored.set("country_hours.HR", "mon-fri 10:00-17:00").unwrap();
        let form = Rules::of(&stored);
        let patch = json!({ "rest_hours": 48, "limits": { "per_ip_hour": 7 }, "country_hours": { "HR": null, "SI": "mon-fri 09:00-12:00" } });
        let read = form.patched(&patch).unwrap().read(&stored).unwrap();
        assert_eq!((read.rest_hours, read.limits.per_ip_hour, read.limits.quiet_texts), (48, 7, 300));
        assert_eq!(read.country_hours.keys().collect::<Vec<_>>(), ["SI"]);
        assert!(form.patched(&json!({ "limits": { "colour": 1 } })).is_err());
        let odd = form.patched(&json!({ "hours": "always" })).unwrap().read(&stored).unwrap_err();
        assert!(odd[0].starts_with("hours: "), "{odd:?}");
        // `null` is the default again.
        assert_eq!(form.patched(&json!({ "rest_hours": null })).unwrap().rest_hours, 24);
    }
}
