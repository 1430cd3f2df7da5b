//! Forms made from a description: one field for each setting of a connector or rule of a shop, with its help, its default
//! and what is wrong with what was typed. A secret is never shown again: its field is empty and says that it is set.

use std::collections::BTreeMap;

use super::words::{noted, t};
use crate::domain::connector::{Field as Setting, Settings, Spec};

#[derive(Clone, Debug)]
pub struct Field {
    /// What it is set by; also its id on the page, as no page has it twice.
    pub name: String,
    pub label: String,
    pub help: String,
    pub value: String,
    pub kind: Kind,
    pub required: bool,
    /// What is wrong with what was typed, in a sentence that begins "must …" or names the lack.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    /// What stands in the field is what is typed now; `set`: one is kept already.
    Secret {
        set: bool,
    },
    /// Value and words.
    Choice(Vec<(String, String)>),
}

impl Field {
    pub fn text(name: &str, label: &str, help: &str, value: &str) -> Field {
        Field {
            name: name.to_owned(),
            label: label.to_owned(),
            help: help.to_owned(),
            value: value.to_owned(),
            kind: Kind::Text,
            required: false,
            problem: None,
        }
    }

    pub fn required(self) -> Field {
        Field { required: true, ..self }
    }

    /// A setting of a connector, with what is kept of it and what was typed instead.
    pub fn of(setting: &Setting, kept: &Settings, typed: Option<&str>) -> Field {
        let kept_value = if setting.secret { "" } else { kept.get(setting.key) };
        let default = if setting.secret { "" } else { setting.default.unwrap_or_default() };
        let shown = Some(kept_value).filter(|value| !value.is_empty()).unwrap_or(default);
        Field {
            kind: if setting.secret { Kind::Secret { set: kept.given(setting.key).is_some() } } else { Kind::Text },
            required: setting.required,
            ..Field::text(setting.key, t(setting.label), t(setting.help), typed.unwrap_or(shown))
        }
    }

    pub fn is_set(&self) -> bool {
        self.kind == (Kind::Secret { set: true })
    }

    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret { .. })
    }

    pub fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }

    pub fn choices(&self) -> &[(String, String)] {
        match &self.kind {
            Kind::Choice(all) => all,
            _ => &[],
        }
    }

    /// Which sentences explain it, for those who hear the page.
    pub fn described_by(&self) -> String {
        let help = format!("{}-help", self.name);
        match self.problem {
            Some(_) => format!("{}-problem {help}", self.name),
            None => help,
        }
    }
}

/// What connectors say of themselves, which is written where no reader's language is known: their fields' labels, what
/// their topics tell of, what gateways can. A test finds every one of them here.
pub const OF_CONNECTORS: &[&str] = &[
    noted("Signing secret"),
    noted("Measurement ID"),
    noted("API secret"),
    noted("Address"),
    noted("Event name"),
    noted("Dataset (pixel) ID"),
    noted("Access token"),
    noted("Test event code"),
    noted("Customer ID"),
    noted("Conversion action ID"),
    noted("Manager’s customer ID"),
    noted("OAuth client ID"),
    noted("OAuth client secret"),
    noted("Refresh token"),
    noted("Address for keys"),
    noted("Shop's host names"),
    noted("Shop domain"),
    noted("Signing key"),
    noted("Admin API access token"),
    noted("Further storefront domains"),
    noted("Webhook secret"),
    noted("Plugin secret"),
    noted("REST API key"),
    noted("REST API secret"),
    noted("Countries"),
    noted("Only numbers of these countries go through it: two-letter codes with commas, SI, AT. Empty for all."),
    noted("Turn"),
    noted(
        "1 to 99. Of several that serve a country the lowest sends; the next takes over when it is paused, does not answer or refuses our account. Of two equal ones the newest is first.",
    ),
    noted("Parts a minute, whole account"),
    noted(
        "More is never sent; a long text has several parts. What your provider allows: for US 10DLC the campaign's rate, from 75 to 4,500 at AT&T; a toll-free number about 180. Empty for no limit.",
    ),
    noted("Parts a minute, each sender"),
    noted(
        "The same for each number or name texts come from: a long code takes 60 a minute in most countries. Empty for no limit.",
    ),
    noted("Parts a day to US numbers"),
    noted(
        "T-Mobile's daily cap of the brand, 2,000 to 200,000. Its day ends at midnight Pacific; what is over waits for the next one, if it may leave so late. Empty for none.",
    ),
    noted("Prices of a part"),
    noted("By country, where the provider does not tell them: SI 0.045, AT 0.06, * 0.05. The star is for all others."),
    noted("Currency of the prices"),
    noted("Three letters: EUR"),
    noted("What should be left on the account at least, in its own money, where its provider tells the balance: 20."),
    noted("Warn below"),
    noted("carts and phone"),
    noted("carts and phone numbers"),
    noted("the end of the connection"),
    noted("people to be forgotten"),
    noted("payments"),
    noted("payments and cancellations"),
    noted("carts that were bought"),
    noted("orders never paid"),
    noted("consent to texts"),
    noted("erasure"),
    noted("the module was removed"),
    noted("Address of sendsms"),
    noted("User"),
    noted("Password"),
    noted("Message centre"),
    noted("Sender"),
    noted("Account SID"),
    noted("Auth token"),
    noted("API key SID"),
    noted("API key secret"),
    noted("API address"),
    noted("carts"),
    noted("carts, phone and consent"),
    noted("carts that are gone"),
    noted("orders"),
    noted("orders and refunds"),
    noted("orders that are gone"),
    noted("cancelled orders"),
    noted("refunds"),
    noted("consent"),
    noted("trying the connection"),
    noted("Any other shop"),
    noted("Log (sends nothing)"),
    noted("Receipts and replies are signed, and what is forged is turned away."),
    noted(
        "Receipts and replies are checked by their signature once its key is set here; until then the secret in their address is the proof.",
    ),
    noted("Receipts and replies are not signed: the secret in their address is the proof."),
    noted("Replies reach Cartback, a STOP among them."),
    noted("Replies do not reach Cartback, so every text needs its link to opt out."),
    noted("A text of unknown outcome is looked up there."),
    noted("A text of unknown outcome stays so until its receipt comes; it is not sent again."),
    noted("What a text costs is known when it is sent."),
    noted("What a text costs comes with its receipt."),
    noted("It tells no prices: what a text costs is estimated."),
    noted("A text that would come too late is dropped there."),
    noted("A text cannot be told to expire there: one that waits for a phone may come late."),
    noted("Who is opted out on its side is opted out here too."),
    noted("When a person is erased here, it is told to forget their texts too."),
    noted("What a text costs is asked for once it is delivered."),
];

/// The fields of a connector: all of them, or only those that are (or are not) secret.
pub fn settings(spec: &Spec, kept: &Settings, typed: &BTreeMap<String, String>, secret: Option<bool>) -> Vec<Field> {
    let wanted = spec.fields.iter().filter(|field| secret.is_none_or(|secret| secret == field.secret));
    wanted.map(|field| Field::of(field, kept, typed.get(field.key).map(String::as_str))).collect()
}

/// Puts each problem beside the field it begins with the name of; what is about no field is left over.
pub fn place_problems<'f>(fields: impl IntoIterator<Item = &'f mut Field>, problems: &[String]) -> Vec<String> {
    let mut left: Vec<String> = problems.iter().flat_map(|problem| problem.lines()).map(str::to_owned).collect();
    for field in fields {
        left.retain(|problem| match problem.strip_prefix(&format!("{}: ", field.name)) {
            Some(words) if field.problem.is_none() => {
                field.problem = Some(words.to_owned());
                false
            }
            _ => true,
        });
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connectors_say_can_be_said_in_every_language() {
        // The labels of a gateway or a shop are its provider's own words, as its console shows them, and what a topic of
        // its tells may be said in words of its own: those are shown as they are. What is no such word is here.
        let shops = crate::shop::ALL.iter().map(|kind| kind.spec()).filter(|spec| spec.kind == "generic");
        let sinks = crate::sink::ALL.iter().map(|kind| kind.spec()).filter(|spec| spec.kind != "webhook");
        for spec in shops.chain(sinks) {
            let labels = spec.fields.iter().map(|field| field.label);
            for said in labels.chain(spec.topics.iter().map(|topic| topic.purpose)) {
                assert!(OF_CONNECTORS.contains(&said), "{}: {said}", spec.kind);
            }
        }
        for said in crate::gateway::ALL.iter().flat_map(|kind| kind.can().said()) {
            assert!(OF_CONNECTORS.contains(&said), "{said}");
        }
    }

    #[test]
    fn a_problem_stands_beside_its_field_and_a_secret_is_not_shown() {
        static SPEC: Spec = Spec {
            kind: "x",
            name: "X",
            fields: &[
                Setting { key: "url", label: "Address", default: Some("https://x.example"), ..Setting::TEXT },
                Setting { key: "token", label: "Token", secret: true, required: true, ..Setting::TEXT },
            ],
            connect: &[],
            topics: &[],
            limits: &[],
        };
        let kept = Settings::restored(BTreeMap::from([("token".to_owned(), "s3cret".to_owned())]));
        let mut fields = settings(&SPEC, &kept, &BTreeMap::new(), None);
        assert_eq!((fields[0].value.as_str(), fields[1].value.as_str()), ("https://x.example", ""));
        assert!(fields[1].is_set() && !format!("{fields:?}").contains("s3cret"));
        let problems = ["url: must be an address".to_owned(), "url_two: odd\nelse".to_owned()];
        assert_eq!(place_problems(&mut fields, &problems), ["url_two: odd", "else"]);
        assert_eq!(fields[0].problem.as_deref(), Some("must be an address"));
        assert_eq!(fields[0].described_by(), "url-problem url-help");
        assert_eq!(settings(&SPEC, &kept, &BTreeMap::new(), Some(true)).len(), 1);
    }
}
