//! An advertising platform, while it is connected or changed: one field for each of its settings, and the steps to find
//! them.

use askama::Template;

use super::{
    Page,
    form::Field,
    format,
    words::{filters, noted, say},
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/platform.html")]
pub struct Platform {
    pub page: Page,
    /// Id and name of the one that is changed; `None` while one is connected.
    pub sink: Option<(String, String)>,
    pub kind: String,
    pub name: String,
    /// Kind and name of each one.
    pub kinds: Vec<(&'static str, &'static str)>,
    pub fields: Vec<Field>,
    /// How to find the settings, in the platform's own words.
    pub steps: Vec<&'static str>,
    /// What is about no single field.
    pub problems: Vec<String>,
}

impl Platform {
    pub fn answer(&self) -> String {
        match &self.sink {
            Some((_, name)) => {
                let settings = format::number_of(self.fields.len() as u64, "setting", "settings");
                say("How {name} is set: {settings}.", &[("name", name), ("settings", &settings)])
            }
            None => {
                let steps = format::number_of(self.steps.len() as u64, "step", "steps");
                let name = &self.name;
                say(
                    "{name} is told what texts brought, of those who agreed to it: {steps}.",
                    &[("name", name), ("steps", &steps)],
                )
            }
        }
    }

    pub fn choice(&self, kind: &str) -> String {
        self.page.href(&format!("/platforms/add?kind={kind}"))
    }

    /// Where the form goes.
    pub fn to(&self) -> String {
        match &self.sink {
            Some((id, _)) => self.page.href(&format!("/platforms/{id}")),
            None => self.page.href("/platforms/add"),
        }
    }
}

/// What platforms say of their settings and how to find them, which is written where no reader's language is known. A test
/// finds every one of them here.
pub const OF_PLATFORMS: &[&str] = &[
    noted("In Google Analytics: Admin → Data streams → your web stream → Measurement Protocol API secrets → Create."),
    noted("Copy the secret and the stream’s Measurement ID."),
    noted("To count it as a key event, mark sms_recovered_order as one once it has arrived."),
    noted("Only people whose consent to advertising is on record are told."),
    noted("In Events Manager: choose the dataset → Settings → Conversions API → Generate access token."),
    noted("Copy the token and the dataset’s ID."),
    noted("To count it, make a custom conversion of the event RecoveredOrder once it has arrived."),
    noted(
        "In Google Ads: Goals → Conversions → New → Import → from clicks; switch on enhanced conversions for leads and accept the customer data terms.",
    ),
    noted("Make it a secondary action where your site’s own tag counts orders already: else they are counted twice."),
    noted("Copy the action’s ID (ctId in its address) and the account’s customer ID."),
    noted(
        "In the Google Cloud console: switch on the Data Manager API, make an OAuth client, and get a refresh token of somebody who may use the account.",
    ),
    noted("of the web data stream, as G-XXXXXXXXXX"),
    noted("made under the data stream’s Measurement Protocol API secrets"),
    noted("purchase only where your site’s own tag tells no orders: else they are counted twice"),
    noted("another server of your own that takes the same, for server-side tagging"),
    noted("a number, as Events Manager shows it"),
    noted("made in Events Manager under the dataset’s settings, Conversions API"),
    noted("Purchase only where your site’s own pixel tells no orders: else they are counted twice"),
    noted("while it is tried out in Events Manager; empty for real"),
    noted("Graph API with its version"),
    noted("of the account that owns the conversion action, ten digits without dashes"),
    noted("a number; of an action of the kind Import from clicks"),
    noted("where the account is reached through a manager account"),
    noted("as ….apps.googleusercontent.com"),
    noted("of the same client"),
    noted("for the scope https://www.googleapis.com/auth/datamanager"),
    noted("of the Data Manager API with its version"),
    noted("where a refresh token is changed for a key"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_platforms_say_can_be_said_in_every_language() {
        for spec in crate::pipeline::sink::kinds() {
            for said in spec.connect.iter().copied().chain(spec.fields.iter().map(|field| field.help)) {
                assert!(OF_PLATFORMS.contains(&said), "{}: {said}", spec.kind);
            }
        }
    }
}
