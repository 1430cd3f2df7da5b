//! A shop's settings and rules as forms: each rule with what it is called, what it does, its unit and what it is where
//! nobody chose. The rules themselves and their bounds are the domain's; here they only get words.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use super::{
    Page,
    form::{Field, Kind},
    format,
    words::{filters, noted, say, t},
};
use crate::domain::{money::decimal, rules::Rules};

#[derive(Clone, Debug, Template)]
#[template(path = "page/shop_settings.html")]
pub struct SettingsPage {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub kind_name: String,
    pub fields: Vec<Field>,
    pub problems: Vec<String>,
}

impl SettingsPage {
    pub fn answer(&self) -> String {
        let all = format::number_of(self.fields.len() as u64, "setting", "settings");
        say("{name} has {all}.", &[("name", &self.name), ("all", &all)])
    }

    pub fn action(&self) -> String {
        self.page.href(&format!("/shops/{}/settings", self.id))
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/shop_rules.html")]
pub struct RulesPage {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub groups: Vec<Group>,
    pub problems: Vec<String>,
}

impl RulesPage {
    pub fn answer(&self) -> String {
        let all: usize = self.groups.iter().map(|group| group.fields.len()).sum();
        let changed: usize = self.groups.iter().map(|group| group.changed).sum();
        let all = format::out_of(changed as u64, all as u64);
        say("{all} rules of {name} differ from what a careful shop has.", &[("all", &all), ("name", &self.name)])
    }

    pub fn action(&self) -> String {
        self.page.href(&format!("/shops/{}/rules", self.id))
    }
}

#[derive(Clone, Debug)]
pub struct Group {
    pub id: &'static str,
    pub name: String,
    pub about: String,
    pub fields: Vec<Field>,
    /// How many are not what they are by default.
    pub changed: usize,
}

/// Asked before a shop is disconnected.
#[derive(Clone, Debug, Template)]
#[template(path = "page/shop_disconnect.html")]
pub struct Disconnect {
    pub page: Page,
    pub id: String,
    pub name: String,
    /// It is disconnected already.
    pub gone: bool,
    pub waiting: u64,
}

impl Disconnect {
    pub fn action(&self) -> String {
        self.page.href(&format!("/shops/{}/disconnect", self.id))
    }

    pub fn answer(&self) -> String {
        match self.gone {
            true => say("{name} is disconnected.", &[("name", &self.name)]),
            false => say(
                "Disconnecting {name} drops {texts} that wait.",
                &[("name", &self.name), ("texts", &format::number_of(self.waiting, "text", "texts"))],
            ),
        }
    }
}

/// How a rule is typed.
#[derive(Clone, Copy)]
enum Typed {
    Number,
    Text,
    /// Millionths of money, typed as money.
    Micros,
    YesNo,
    Consent,
}

/// Key, label, help, kind.
type Line = (&'static str, &'static str, &'static str, Typed);

const WHEN: &[Line] = &[
    (
        "abandoned_after_minutes",
        noted("Minutes until a cart counts as left"),
        noted("Without activity; 5 to 10,080. The law’s least wait holds too."),
        Typed::Number,
    ),
    (
        "give_up_after_hours",
        noted("Hours after which no text follows"),
        noted("1 to 720. The law’s 48 hours hold too."),
        Typed::Number,
    ),
    (
        "hours",
        noted("Hours in which texts may go"),
        noted("As in mon-sat 09:00-20:00, in the shopper’s own time; empty for each country’s usual ones."),
        Typed::Text,
    ),
    (
        "rest_hours",
        noted("Hours between two reminders to one phone"),
        noted("0 to 720. The law’s limits hold too."),
        Typed::Number,
    ),
];

const WHOM: &[Line] = &[
    (
        "countries",
        noted("Countries that are texted"),
        noted("Two letters each, with commas, as in SI,HR; empty for the shop’s own."),
        Typed::Text,
    ),
    (
        "consent",
        noted("Kind of consent"),
        noted("What is asked of a consent everywhere; never less than the law of the country asks."),
        Typed::Consent,
    ),
    (
        "consent_months",
        noted("Months until a silent consent must be confirmed again"),
        noted("1 to 60."),
        Typed::Number,
    ),
];

const TEXT: &[Line] = &[
    ("parts_most", noted("Parts a text may take"), noted("1 to 10; each part is paid for."), Typed::Number),
    (
        "opt_out_short_code",
        noted("Number that takes STOP"),
        noted("Where the law wants it named, as 36180 in France; empty for none."),
        Typed::Text,
    ),
    (
        "help_contact",
        noted("Where people get help"),
        noted("An address, a number or a page, told in the answer to HELP; empty for the shop’s front door."),
        Typed::Text,
    ),
    ("link_days", noted("Days a link works"), noted("1 to 90."), Typed::Number),
];

const CREDIT: &[Line] = &[
    ("click_window_hours", noted("Hours after a tap in which an order counts"), noted("1 to 2,160."), Typed::Number),
    (
        "delivered_window_hours",
        noted("Hours after a text in which an untapped order is “assisted”"),
        noted("0 to 720; never counted as brought back."),
        Typed::Number,
    ),
    ("utm_source", noted("utm_source of links"), noted("What other statistics call the source."), Typed::Text),
    ("utm_medium", noted("utm_medium of links"), noted("What other statistics call the medium."), Typed::Text),
    ("utm_campaign", noted("utm_campaign of links"), noted("What other statistics call the campaign."), Typed::Text),
];

const PROOF: &[Line] = &[(
    "holdout_percent",
    noted("Percent of people held out"),
    noted("Who could be texted and is not, by chance: 0 is off, else 5 to 20. Carts must be kept 29 days then."),
    Typed::Number,
)];

const LIMITS: &[Line] = &[
    (
        "limits.spend_per_day_micros",
        noted("Most to spend in a day"),
        noted("In the money your gateway charges in, as in 100.00."),
        Typed::Micros,
    ),
    (
        "limits.price_per_part_micros",
        noted("What a part is taken to cost"),
        noted("While the gateway has not told, as in 0.08; at most 10.00."),
        Typed::Micros,
    ),
    ("limits.texts_per_hour", noted("Texts an hour that are never unusual"), noted("1 to 100,000."), Typed::Number),
    (
        "limits.usual_factor",
        noted("Times the usual hour after which texts are held"),
        noted("1 to 100."),
        Typed::Number,
    ),
    ("limits.per_ip_hour", noted("Texts an hour to carts of one network"), noted("1 to 1,000."), Typed::Number),
    (
        "limits.per_prefix_hour",
        noted("Texts an hour to neighbouring numbers"),
        noted("Numbers that differ in their last four digits; 1 to 1,000."),
        Typed::Number,
    ),
    (
        "limits.per_phone_day",
        noted("Texts a day to one phone"),
        noted("From all shops of this house together; 1 to 10."),
        Typed::Number,
    ),
    (
        "limits.quiet_texts",
        noted("Texts nobody taps after which numbers are paused"),
        noted("In a row, to one block of numbers or one country; 10 to 100,000."),
        Typed::Number,
    ),
    (
        "limits.quantity_most",
        noted("Most pieces of one thing in a cart"),
        noted("A cart with more is held; 1 to 1,000,000."),
        Typed::Number,
    ),
    ("limits.least_seconds", noted("Seconds below which nobody typed a checkout"), noted("0 to 60."), Typed::Number),
    (
        "limits.allow_tests",
        noted("Text test numbers and addresses"),
        noted("Only for trying things out, with a gateway that charges nothing."),
        Typed::YesNo,
    ),
];

const KEPT: &[Line] = &[
    ("inbox_days", noted("Days raw webhooks are kept"), noted("7 to 30."), Typed::Number),
    (
        "cart_days",
        noted("Days carts without an order are kept"),
        noted("1 to 730; then whose they were is forgotten."),
        Typed::Number,
    ),
    (
        "retention.message_days",
        noted("Days the words of texts are kept"),
        noted("7 to 730; a fingerprint stays as proof."),
        Typed::Number,
    ),
    ("retention.click_days", noted("Days the browsers of taps are kept"), noted("1 to 730."), Typed::Number),
    (
        "retention.event_days",
        noted("Days visitors’ events are kept"),
        noted("30 to 730; their figures stay."),
        Typed::Number,
    ),
    ("retention.decision_months", noted("Months decisions are kept"), noted("3 to 120."), Typed::Number),
    ("retention.order_months", noted("Months it is known whose an order was"), noted("3 to 120."), Typed::Number),
    (
        "retention.consent_months",
        noted("Months consents are kept after the last text"),
        noted("24 to 240: they are your proof."),
        Typed::Number,
    ),
    ("retention.opt_out_years", noted("Years opt-outs are kept"), noted("10 to 100; 0 is for ever."), Typed::Number),
    ("retention.request_months", noted("Months requests of people are kept"), noted("12 to 120."), Typed::Number),
];

const GROUPS: &[(&str, &str, &str, &[Line])] = &[
    ("when", noted("When"), noted("The law of each country bounds these; a shop may be stricter, never laxer."), WHEN),
    ("whom", noted("Whom"), noted("Nobody is texted without a recorded consent."), WHOM),
    ("text", noted("Texts and links"), noted("The words themselves are under Texts."), TEXT),
    (
        "credit",
        noted("What counts as brought back"),
        noted("Changing these judges orders of the last days anew."),
        CREDIT,
    ),
    (
        "proof",
        noted("What texts really earn"),
        noted("People who are not texted show what would have happened anyway. Another share begins a new comparison."),
        PROOF,
    ),
    (
        "limits",
        noted("Limits against fake checkouts and runaway spend"),
        noted("What goes beyond them is held until somebody looks."),
        LIMITS,
    ),
    ("kept", noted("How long things are kept"), noted("Sums stay; who they were about is forgotten."), KEPT),
];

/// Every group with what stands in its fields: what was typed, else what is kept.
pub fn groups(rules: &Rules, shop_country: &str, typed: &BTreeMap<String, String>) -> Vec<Group> {
    let defaults = Rules::default();
    let field = |(key, label, help, kind): &Line| {
        let kept = value(rules, key).unwrap_or_default();
        let default = value(&defaults, key).unwrap_or_default();
        let help = match default.is_empty() {
            true => t(help).to_owned(),
            false => say("{help} Usually {default}.", &[("help", &t(help)), ("default", &default)]),
        };
        let shown = typed.get(*key).cloned().unwrap_or(kept);
        Field { kind: kind.field(), ..Field::text(key, t(label), &help, &shown) }
    };
    let mut groups: Vec<Group> = GROUPS
        .iter()
        .map(|(id, name, about, lines)| Group {
            id,
            name: t(name).to_owned(),
            about: t(about).to_owned(),
            fields: lines.iter().map(field).collect(),
            changed: lines.iter().filter(|(key, ..)| value(rules, key) != value(&defaults, key)).count(),
        })
        .collect();
    let of_countries = [
        ("when", "country_hours", "new_hours", noted("Hours in {country}"), noted("Empty for the hours above.")),
        (
            "whom",
            "consent",
            "new_consent",
            noted("Kind of consent in {country}"),
            noted("law, double_opt_in or soft_opt_in."),
        ),
    ];
    for (place, rule, new, label, help) in of_countries {
        let Some(group) = groups.iter_mut().find(|group| group.id == place) else { continue };
        for country in countries(rules, rule) {
            let key = format!("{rule}.{country}");
            let kept = value(rules, &key).unwrap_or_default();
            let shown = typed.get(&key).cloned().unwrap_or(kept);
            group.fields.push(Field::text(&key, &say(label, &[("country", &country)]), t(help), &shown));
            group.changed += 1;
        }
        let typed = |name: &str| typed.get(&format!("{new}.{name}")).cloned().unwrap_or_default();
        let country = t("Another country with a rule of its own");
        let example = say("Two letters, as in {country}; then the rule beside it.", &[("country", &shop_country)]);
        group.fields.push(Field::text(&format!("{new}.country"), country, &example, &typed("country")));
        group.fields.push(Field::text(&format!("{new}.value"), t("The rule there"), t(help), &typed("value")));
    }
    groups
}

impl Typed {
    fn field(self) -> Kind {
        let choice = |all: &[(&str, &str)]| {
            Kind::Choice(all.iter().map(|(value, words)| ((*value).to_owned(), t(words).to_owned())).collect())
        };
        match self {
            Typed::Number => Kind::Number,
            Typed::Text | Typed::Micros => Kind::Text,
            Typed::YesNo => choice(&[("no", noted("no")), ("yes", noted("yes"))]),
            Typed::Consent => choice(&[
                ("law", noted("what the law asks")),
                ("double_opt_in", noted("confirmed by text, everywhere")),
                ("soft_opt_in", noted("an earlier order, where the law takes it")),
            ]),
        }
    }
}

fn line(key: &str) -> Option<&'static Line> {
    GROUPS.iter().flat_map(|(.., lines)| lines.iter()).find(|(known, ..)| *known == key)
}

/// The countries that have a rule of their own.
fn countries(rules: &Rules, rule: &str) -> Vec<String> {
    match rule {
        "country_hours" => rules.country_hours.keys().cloned().collect(),
        _ => rules.consent.countries.keys().cloned().collect(),
    }
}

/// What stands in a rule's field; `None` for what is no rule of these forms.
pub fn value(rules: &Rules, key: &str) -> Option<String> {
    if key == "consent" {
        return Some(rules.consent.everywhere.name().to_owned());
    }
    if let Some(country) = key.strip_prefix("consent.") {
        return rules.consent.countries.get(country).map(|mode| mode.name().to_owned());
    }
    if let Some(country) = key.strip_prefix("country_hours.") {
        return rules.country_hours.get(country).map(ToString::to_string);
    }
    let (_, _, _, kind) = line(key)?;
    let all = serde_json::to_value(rules).ok()?;
    let found = key.split('.').try_fold(&all, |place, name| place.get(name))?;
    Some(match (kind, found) {
        (Typed::Micros, Value::Number(micros)) => money(micros.as_i64().unwrap_or(0)),
        (Typed::YesNo, Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        (_, found) => plain(found),
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

const MICROS_DIGITS: u32 = 6;

/// `100.00`, `0.08`, `0.0075`: at least two digits.
fn money(micros: i64) -> String {
    let (whole, rest) = (micros / 1_000_000, micros % 1_000_000);
    let mut digits = format!("{rest:06}");
    while digits.len() > 2 && digits.ends_with('0') {
        digits.pop();
    }
    format!("{whole}.{digits}")
}

/// A typed value as `Rules::set` takes it. An error ends the phrase "{key}: …".
pub fn as_set(key: &str, typed: &str) -> Result<String, String> {
    match line(key) {
        Some((.., Typed::Micros)) => decimal(typed, MICROS_DIGITS)
            .map(|micros| micros.to_string())
            .map_err(|_| t("must be an amount, as in 100.00").to_owned()),
        _ => Ok(typed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_field_and_every_field_is_a_rule() {
        let rules = Rules::default();
        let all = serde_json::to_value(&rules).unwrap();
        for (name, value) in all.as_object().unwrap() {
            // Sequences have pages of their own; hours and consents of countries come as they are set.
            if ["sequences", "country_hours", "consent"].contains(&name.as_str()) {
                continue;
            }
            match value {
                Value::Object(inner) => {
                    for field in inner.keys() {
                        assert!(line(&format!("{name}.{field}")).is_some(), "{name}.{field} has no field");
                    }
                }
                _ => assert!(line(name).is_some(), "{name} has no field"),
            }
        }
        for (.., lines) in GROUPS {
            for (key, ..) in *lines {
                let kept = value(&rules, key).unwrap_or_else(|| panic!("{key} is no rule"));
                let mut changed = rules.clone();
                changed.set(key, &as_set(key, &kept).unwrap()).unwrap_or_else(|why| panic!("{key}: {why}"));
                assert_eq!(changed, rules, "{key} typed as it is shown changes nothing");
            }
        }
    }

    #[test]
    fn money_is_typed_as_money() {
        let check = |micros: i64, shown: &str| {
            assert_eq!(money(micros), shown);
            assert_eq!(as_set("limits.spend_per_day_micros", shown), Ok(micros.to_string()));
        };
        check(100_000_000, "100.00");
        check(80_000, "0.08");
        check(7_500, "0.0075");
        check(0, "0.00");
        assert!(as_set("limits.spend_per_day_micros", "much").is_err());
    }
}
