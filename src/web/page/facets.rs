//! What a figure of the report narrows a list to: read from the address, and told above the list. Nobody types these; a
//! figure leads here with them.

use super::{Visit, listing::told};
use crate::{
    domain::{hours, report::delay_span, time::Time},
    pipeline::zone_of,
    store::{
        facet::narrow::{Facets, HourOfWeek},
        shop::Shop,
    },
    web::view::{
        listing::{Control, Field},
        report,
        words::t,
    },
};

/// What the address says of these, by their names.
pub fn asked(visit: &Visit, shop: &Shop, names: &[&str]) -> Facets {
    let told = |name: &str| told(visit, name).filter(|_| names.contains(&name));
    Facets {
        language: told("language"),
        country: told("country"),
        gateway: told("gateway").and_then(|id| id.parse::<crate::domain::id::GatewayId>().ok()).map(|id| id.get()),
        sequence: told("sequence"),
        product: told("product"),
        source: told("source"),
        device: told("device"),
        payment: told("payment"),
        delay: told("took").and_then(|group| delay_span(group.parse().ok())),
        hour: told("hour").and_then(|hour| hour_of_week(visit, shop, &hour)),
    }
}

/// `1.14`: Mondays at two in the afternoon, within the days asked for; without both of those there is no such list.
fn hour_of_week(visit: &Visit, shop: &Shop, asked: &str) -> Option<HourOfWeek> {
    let (weekday, hour) = report::parse_hour(asked)?;
    let (Some(from), Some(to)): (Option<Time>, Option<Time>) = super::listing::span(visit, shop) else { return None };
    Some(HourOfWeek { weekday, hour, pieces: hours::pieces(&zone_of(shop), from, to) })
}

/// The same as the list tells them; `gateways` names accounts by their ids.
pub fn fields(
    visit: &Visit,
    shop: &Shop,
    names: &[&'static str],
    gateway: impl Fn(&str) -> Option<String>,
) -> Vec<Field> {
    let mut fields = Vec::new();
    for &name in names {
        let value = visit.asked(name).trim();
        if value.is_empty() {
            continue;
        }
        let (label, said) = match name {
            "language" => (t("Language"), None),
            "country" => (t("Country"), None),
            "gateway" => (t("Gateway"), gateway(value)),
            "sequence" => (t("Sequence"), shop.rules.sequence(value).map(|sequence| sequence.name.clone())),
            "product" => (t("Product"), None),
            "source" => (t("Source"), None),
            "device" => (t("Device"), Some(report::device(value))),
            "payment" => (t("Paid by"), None),
            "took" => (t("From abandoned to ordered"), Some(report::within(value.parse().ok()))),
            _ => (t("Hour"), report::parse_hour(value).map(|(weekday, hour)| report::hour(weekday, hour))),
        };
        fields.push(Field::new(name, label, value, Control::Led(said.unwrap_or_else(|| value.to_owned()))));
    }
    fields
}
