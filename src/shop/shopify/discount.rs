//! Single-use discount codes through the Admin API: decides what is asked of Shopify, and what its answers mean. It sends
//! nothing itself and never decides who gets a code.
//!
//! Shopify answers 200 to nearly everything. What went wrong stands in `userErrors` (of our input; with a code of
//! `DiscountErrorCode`) or in `errors` (of the call itself: no scope, too many at once); only what is in neither was
//! done. (Shopify docs, Admin GraphQL 2026-07: `discountCodeBasicCreate`, `discountCodeFreeShippingCreate`,
//! `codeDiscountNodeByCode`, `discountCodeDelete`.)

use serde_json::{Value, json};

use super::{
    json,
    subscribe::{Api, refusal},
};
use crate::{
    domain::{
        connector::Settings,
        discount::{NewCode, Off},
        time::Time,
    },
    http::{Request, Response},
    shop::{Found, Made, Removed},
};

const MAKE: &str = "mutation($discount: DiscountCodeBasicInput!) {\n  \
    made: discountCodeBasicCreate(basicCodeDiscount: $discount) {\n    \
    codeDiscountNode { id }\n    userErrors { field code message }\n  }\n}";

const MAKE_FREE_SHIPPING: &str = "mutation($discount: DiscountCodeFreeShippingInput!) {\n  \
    made: discountCodeFreeShippingCreate(freeShippingCodeDiscount: $discount) {\n    \
    codeDiscountNode { id }\n    userErrors { field code message }\n  }\n}";

const FIND: &str = "query($code: String!) {\n  found: codeDiscountNodeByCode(code: $code) {\n    id\n    codeDiscount {\n      \
    ... on DiscountCodeBasic { title }\n      ... on DiscountCodeFreeShipping { title }\n    }\n  }\n}";

const REMOVE: &str = "mutation($id: ID!) {\n  removed: discountCodeDelete(id: $id) {\n    \
    deletedCodeDiscountId\n    userErrors { field code message }\n  }\n}";

pub(super) fn make(settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings)? else { return Ok(None) };
    let plan = &new.plan;
    let shipping = matches!(plan.off, Off::FreeShipping);
    // Of its own class Shopify never takes two on the same goods anyway.
    let beside = !plan.alone;
    let mut discount = json!({
        "title": new.note(),
        "code": new.code,
        "startsAt": moment(new.starts_at),
        "endsAt": moment(new.expires_at),
        "usageLimit": 1,
        "appliesOncePerCustomer": true,
        "context": { "all": "ALL" },
        "combinesWith": {
            "orderDiscounts": beside,
            "productDiscounts": beside,
            "shippingDiscounts": beside && !shipping,
        },
    });
    if let Some(input) = discount.as_object_mut() {
        match plan.off {
            Off::Percent(percent) => {
                input.insert("customerGets".into(), gets(json!({ "percentage": fraction(percent)? })));
            }
            Off::Amount(amount) => {
                // Once for the order, not for each of its items.
                let off = json!({ "amount": amount.amount(), "appliesOnEachItem": false });
                input.insert("customerGets".into(), gets(json!({ "discountAmount": off })));
            }
            Off::FreeShipping => {
                input.insert("destination".into(), json!({ "all": true }));
            }
        }
        if let Some(minimum) = plan.minimum {
            let subtotal = json!({ "greaterThanOrEqualToSubtotal": minimum.amount() });
            input.insert("minimumRequirement".into(), json!({ "subtotal": subtotal }));
        }
    }
    let query = if shipping { MAKE_FREE_SHIPPING } else { MAKE };
    Ok(Some(api.call(query, &json!({ "discount": discount }))))
}

fn gets(value: Value) -> Value {
    json!({ "items": { "all": true }, "value": value })
}

/// Shopify takes a share of one (0.1 for 10 %), as a JSON number; written digit by digit it never was a float.
fn fraction(percent: u32) -> Result<Value, String> {
    let text = match percent {
        1..=99 => format!("0.{percent:02}"),
        100 => "1".to_owned(),
        _ => return Err("percent: must be a whole number from 1 to 100".into()),
    };
    serde_json::from_str(&text).map_err(|_| "percent: must be a whole number from 1 to 100".into())
}

/// To the second, in UTC.
fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp())
}

pub(super) fn made(answer: &Response) -> Made {
    let body = match read(answer, "made") {
        Ok(body) => body,
        Err(Wrong::Refused(why)) => return Made::Refused(why),
        Err(Wrong::Later(why)) => return Made::Later(why),
        Err(Wrong::Told(problems)) if problems.iter().any(Problem::is_taken) => return Made::Exists,
        Err(Wrong::Told(problems)) => return Made::Refused(said(&problems)),
    };
    match json::id(&body, "codeDiscountNode.id") {
        Some(id) => Made::Done { id },
        None => Made::Later("Shopify's answer does not say whether it was done".into()),
    }
}

pub(super) fn find(settings: &Settings, code: &str) -> Option<Request> {
    let api = Api::of(settings).ok().flatten()?;
    Some(api.call(FIND, &json!({ "code": code })))
}

pub(super) fn found(answer: &Response, note: &str) -> Found {
    let body = match read(answer, "found") {
        Ok(body) => body,
        Err(Wrong::Refused(why)) => return Found::Refused(why),
        Err(Wrong::Later(why)) => return Found::Later(why),
        Err(Wrong::Told(problems)) => return Found::Refused(said(&problems)),
    };
    match json::id(&body, "id") {
        None => Found::Nothing,
        Some(id) if json::text(&body, "codeDiscount.title").as_deref() == Some(note) => Found::Ours { id },
        Some(_) => Found::Foreign,
    }
}

pub(super) fn remove(settings: &Settings, id: &str) -> Option<Request> {
    let api = Api::of(settings).ok().flatten()?;
    Some(api.call(REMOVE, &json!({ "id": id })))
}

pub(super) fn removed(answer: &Response) -> Removed {
    match read(answer, "removed") {
        Ok(body) if json::id(&body, "deletedCodeDiscountId").is_some() => Removed::Gone,
        Ok(_) => Removed::Later("Shopify's answer does not say whether it was done".into()),
        Err(Wrong::Refused(why)) => Removed::Refused(why),
        Err(Wrong::Later(why)) => Removed::Later(why),
        Err(Wrong::Told(problems)) if problems.iter().all(Problem::is_absent) => Removed::Gone,
        Err(Wrong::Told(problems)) => Removed::Refused(said(&problems)),
    }
}

/// Why an answer is not what was asked for.
enum Wrong {
    /// Shopify read what we asked and did not like it.
    Told(Vec<Problem>),
    Refused(String),
    Later(String),
}

/// One of `userErrors`.
struct Problem {
    code: String,
    message: String,
}

impl Problem {
    fn is_taken(&self) -> bool {
        self.code == "TAKEN" || self.message.contains("must be unique")
    }

    /// Shopify has no code for it: a discount that is gone does not exist, and that is said in words.
    fn is_absent(&self) -> bool {
        self.message.contains("does not exist") || self.message.contains("not found")
    }
}

fn said(problems: &[Problem]) -> String {
    let words: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    format!("Shopify: {}", words.join("; "))
}

/// What stands under this name in `data`; null is an answer too.
fn read(answer: &Response, name: &str) -> Result<Value, Wrong> {
    match answer.status {
        200..300 => {}
        status => {
            let later = || Wrong::Later(format!("Shopify answered {status}"));
            return Err(refusal(status).map_or_else(later, |why| Wrong::Refused(why.into())));
        }
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(Wrong::Later("Shopify's answer is not JSON".into()));
    };
    if let Some(error) = json::list(&body, "errors").first() {
        return Err(match json::text(error, "extensions.code").as_deref() {
            Some("ACCESS_DENIED") => Wrong::Refused(
                "the token may not do this: the app needs the scope write_discounts, and has to be installed again \
                 after it got it"
                    .into(),
            ),
            Some("THROTTLED") => Wrong::Later("Shopify wants fewer calls at a time".into()),
            // A call Shopify cannot read will not be read the next time either.
            Some("GRAPHQL_VALIDATION_FAILED" | "undefinedField" | "argumentNotAccepted" | "INVALID_VARIABLE") => {
                Wrong::Refused(format!("Shopify: {}", json::text(error, "message").unwrap_or_default()))
            }
            _ => Wrong::Later("Shopify could not do it just now".into()),
        });
    }
    let told: Vec<_> = json::list(&body, &format!("data.{name}.userErrors"))
        .iter()
        .map(|problem| Problem {
            code: json::text(problem, "code").unwrap_or_default(),
            message: json::text(problem, "message").unwrap_or_else(|| "it did not say why".into()),
        })
        .collect();
    if told.iter().any(|problem| problem.code == "INTERNAL_ERROR") {
        return Err(Wrong::Later("Shopify had an error of its own".into()));
    }
    if !told.is_empty() {
        return Err(Wrong::Told(told));
    }
    let unsaid = || Wrong::Later("Shopify's answer does not say whether it was done".into());
    body.get("data").and_then(|data| data.get(name)).cloned().ok_or_else(unsaid)
}

#[cfg(test)]
mod tests;
