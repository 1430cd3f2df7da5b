//! Single-use coupons of version 2: decides what is asked, and what each answer means. Our note is the coupon's name, which
//! BigCommerce keeps unique, as it does the code. Amounts are in the store's default currency.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    api::{Api, refusal},
    json,
};
use crate::{
    domain::{
        connector::Settings,
        discount::{NewCode, Off},
        time::Time,
    },
    http::{Method, Request, Response},
    shop::{Found, Made, Removed, pull::is_id},
};

pub(super) fn make(settings: &Settings, new: &NewCode) -> Option<Request> {
    let api = Api::of(settings)?;
    let plan = &new.plan;
    let (kind, amount) = match plan.off {
        Off::Percent(percent) => ("percentage_discount", percent.to_string()),
        Off::Amount(amount) => ("per_total_discount", amount.amount()),
        Off::FreeShipping => ("free_shipping", "0".to_owned()),
    };
    let mut coupon = json!({
        "name": new.note(),
        "code": new.code,
        "type": kind,
        "amount": amount,
        "enabled": true,
        "expires": mail_moment(new.expires_at),
        "max_uses": 1,
        "max_uses_per_customer": 1,
        // Category 0 is every one.
        "applies_to": { "entity": "categories", "ids": [0] },
    });
    if let (Some(minimum), Some(coupon)) = (plan.minimum, coupon.as_object_mut()) {
        coupon.insert("min_purchase".into(), minimum.amount().into());
    }
    Some(api.authorize(Request::json(api.url("v2/coupons"), &coupon)))
}

/// As mail writes it (RFC 2822).
pub(super) fn mail_moment(at: Time) -> String {
    let moment = at.to_timestamp().to_zoned(TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&moment).unwrap_or_default()
}

pub(super) fn made(answer: &Response) -> Made {
    match read(answer) {
        Ok(body) => match json::id_not_zero(&body, "id") {
            Some(id) => Made::Done { id },
            None => Made::Later("BigCommerce's answer names no coupon".into()),
        },
        Err(Wrong::Taken) => Made::Exists,
        Err(Wrong::Later(why)) => Made::Later(why),
        Err(Wrong::Gone) => Made::Refused("BigCommerce knows no store with this store hash".into()),
        Err(Wrong::Refused(why)) => Made::Refused(why),
    }
}

pub(super) fn find(settings: &Settings, code: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    Some(api.authorize(Request::get(api.url(&format!("v2/coupons?{query}")))))
}

pub(super) fn found(answer: &Response, note: &str) -> Found {
    // No coupon at all is answered without a body.
    if answer.status == 204 {
        return Found::Nothing;
    }
    let body = match read(answer) {
        Ok(body) => body,
        Err(Wrong::Gone) => return Found::Nothing,
        Err(Wrong::Later(why)) => return Found::Later(why),
        Err(Wrong::Taken) => return Found::Later("BigCommerce could not say just now".into()),
        Err(Wrong::Refused(why)) => return Found::Refused(why),
    };
    let Some(coupons) = body.as_array() else { return Found::Later("BigCommerce's answer is no list".into()) };
    let ours = coupons.iter().find(|coupon| json::text(coupon, "name").as_deref() == Some(note));
    match (ours.and_then(|coupon| json::id_not_zero(coupon, "id")), coupons.is_empty()) {
        (Some(id), _) => Found::Ours { id },
        (None, true) => Found::Nothing,
        (None, false) => Found::Foreign,
    }
}

pub(super) fn remove(settings: &Settings, id: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let request = Request { method: Method::Delete, ..Request::get(api.url(&format!("v2/coupons/{id}"))) };
    is_id(id).then(|| api.authorize(request))
}

pub(super) fn removed(answer: &Response) -> Removed {
    match answer.status {
        200..300 | 404 => Removed::Gone,
        _ => match read(answer) {
            Err(Wrong::Refused(why)) => Removed::Refused(why),
            Err(Wrong::Later(why)) => Removed::Later(why),
            _ => Removed::Later(format!("BigCommerce answered {}", answer.status)),
        },
    }
}

enum Wrong {
    /// The code or the name is there already.
    Taken,
    Gone,
    Later(String),
    Refused(String),
}

fn read(answer: &Response) -> Result<Value, Wrong> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.is_success() {
        return body.ok_or_else(|| Wrong::Later("BigCommerce's answer breaks off".into()));
    }
    if let Some(why) = refusal(answer.status) {
        return Err(Wrong::Refused(why.into()));
    }
    // Version 2 lists its errors.
    let first = body.as_ref().map(|body| body.as_array().and_then(|errors| errors.first()).unwrap_or(body));
    let words = first.and_then(|error| json::text(error, "message").or_else(|| json::text(error, "title")));
    Err(match (answer.status, words) {
        (409, _) => Wrong::Taken,
        (404, _) => Wrong::Gone,
        (408 | 425 | 429 | 500.., _) => Wrong::Later(format!("BigCommerce answered {}", answer.status)),
        (400 | 422, Some(words)) if is_taken(&words) => Wrong::Taken,
        (_, Some(words)) => Wrong::Refused(format!("BigCommerce: {words}")),
        (status, None) => Wrong::Refused(format!("BigCommerce answered {status}")),
    })
}

fn is_taken(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["already", "duplicate", "unique", "conflict"].iter().any(|word| words.contains(word))
}
