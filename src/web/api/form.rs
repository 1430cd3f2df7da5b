//! Forms that every noun shares: money, moments, lists, the problem. What a program reads stays as it is when a row in the
//! store changes.

use serde::{Deserialize, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema, SchemaFormat,
        schema::{KnownFormat, ObjectBuilder, Type},
    },
};

use crate::{
    domain::{
        message::Cost as StoredCost,
        money::{Currency, Money as StoredMoney},
        time::Time,
    },
    web::problem,
};

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Money {
    /// Whole minor units of the currency.
    #[schema(example = 1280)]
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The same as people write it, without symbol or grouping.
    #[schema(example = "12.80")]
    pub amount: String,
}

impl Money {
    pub fn minor(minor: i64, currency: Currency) -> Money {
        StoredMoney::new(minor, currency).into()
    }
}

impl From<StoredMoney> for Money {
    fn from(money: StoredMoney) -> Money {
        Money { amount_minor: money.minor, currency: money.currency.to_string(), amount: money.amount() }
    }
}

/// An amount of money that can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TypedMoney {
    /// Whole minor units of the currency.
    #[schema(example = 1280, minimum = 0, maximum = 10_000_000_000_000_000_i64)]
    pub amount_minor: i64,
    /// ISO 4217.
    #[schema(example = "EUR", pattern = "^[A-Z]{3}$")]
    pub currency: String,
    /// As an answer has it; `amount_minor` is what counts.
    #[serde(default)]
    #[schema(example = "12.80")]
    pub amount: Option<String>,
}

impl From<StoredMoney> for TypedMoney {
    fn from(money: StoredMoney) -> TypedMoney {
        TypedMoney { amount_minor: money.minor, currency: money.currency.to_string(), amount: Some(money.amount()) }
    }
}

impl TypedMoney {
    /// `Err` names the field.
    pub fn read(&self, field: &str) -> Result<StoredMoney, String> {
        let currency =
            Currency::parse(&self.currency).map_err(|_| format!("{field}.currency: must be an ISO 4217 code"))?;
        if self.amount_minor.unsigned_abs() > crate::domain::money::MINOR_MOST || self.amount_minor < 0 {
            return Err(format!("{field}.amount_minor: must be 0 to {}", crate::domain::money::MINOR_MOST));
        }
        let money = StoredMoney::new(self.amount_minor, currency);
        match &self.amount {
            Some(amount) if *amount != money.amount() => {
                Err(format!("{field}.amount: is not the same as amount_minor"))
            }
            _ => Ok(money),
        }
    }
}

/// What a gateway charged; parts of a cent count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Cost {
    /// Millionths of the currency.
    #[schema(example = 41000)]
    pub amount_micros: i64,
    /// ISO 4217.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The same as people write it, with six places.
    #[schema(example = "0.041000")]
    pub amount: String,
}

impl From<StoredCost> for Cost {
    fn from(cost: StoredCost) -> Cost {
        let (whole, rest) = (cost.micros.unsigned_abs() / MICROS, cost.micros.unsigned_abs() % MICROS);
        let sign = if cost.micros < 0 { "-" } else { "" };
        Cost {
            amount_micros: cost.micros,
            currency: cost.currency.to_string(),
            amount: format!("{sign}{whole}.{rest:06}"),
        }
    }
}

const MICROS: u64 = 1_000_000;

/// A moment: RFC 3339, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub Time);

impl From<Time> for Moment {
    fn from(at: Time) -> Moment {
        Moment(at)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let moment = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC."))
            .examples(["2026-03-03T09:00:00Z"]);
        moment.into()
    }
}

impl ToSchema for Moment {}

/// A moment as a program typed it: RFC 3339 with any offset.
pub fn moment(field: &str, typed: &str) -> Result<Time, String> {
    Time::parse(typed)
        .ok_or_else(|| format!("{field}: must be a moment as RFC 3339 has it, as in 2026-03-03T09:00:00Z"))
}

/// One page of a list. `next` is the `after` of the page that follows; `null` on the last.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub data: Vec<T>,
    #[schema(required)]
    pub next: Option<String>,
}

impl<T> List<T> {
    pub fn new(data: Vec<T>, next: Option<String>) -> List<T> {
        List { data, next }
    }
}

/// What went wrong, as RFC 9457 has it (`application/problem+json`).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Which problem: stable, to be compared.
    #[serde(rename = "type")]
    #[schema(example = "urn:cartback:problem:invalid")]
    kind: String,
    /// The same for people, always in the same words.
    #[schema(example = "Not taken as it stands")]
    title: String,
    #[schema(example = 400)]
    status: u16,
    /// What is wrong with this request.
    #[schema(example = "not taken, and nothing was changed")]
    detail: String,
    /// Of `urn:cartback:problem:invalid`: every reason.
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

/// One thing that is wrong with a request.
#[derive(Serialize, ToSchema)]
pub struct FieldError {
    /// Where, as in `steps[0].after_minutes`; left out for what is about no field.
    #[schema(required = false, nullable = false, value_type = String, example = "rest_hours")]
    field: Option<String>,
    #[schema(example = "must be 0 to 720")]
    detail: String,
}

/// The `type` of every problem, with its status and when there is one: the table of the description.
pub fn kinds() -> String {
    let mut table = "| `type` | status | when |\n|---|---|---|\n".to_owned();
    for (kind, status, title, when) in problem::KINDS {
        table.push_str(&format!("| `{}{kind}` | {status} | {title}. {when} |\n", problem::KIND));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_as_it_is_written() {
        let euro = Currency::parse("EUR").unwrap();
        let shown = Money::from(StoredMoney::new(1280, euro));
        assert_eq!(
            serde_json::to_string(&shown).unwrap(),
            r#"{"amount_minor":1280,"currency":"EUR","amount":"12.80"}"#
        );
        let typed: TypedMoney = serde_json::from_str(&serde_json::to_string(&shown).unwrap()).unwrap();
        assert_eq!(typed.read("total"), Ok(StoredMoney::new(1280, euro)));
        let odd = TypedMoney { amount: Some("12.81".to_owned()), ..typed };
        assert_eq!(odd.read("total").unwrap_err(), "total.amount: is not the same as amount_minor");
        let cost = Cost::from(StoredCost { micros: -1_041_000, currency: euro });
        assert_eq!(cost.amount, "-1.041000");
    }
}
