//! Single-use discount coupons through Ecwid's REST API: decides what is asked, and what each answer means. It sends
//! nothing itself and never decides who gets one.
//!
//! A coupon has no field for notes: its name carries ours, which the shopper sees beside the code. One order takes one
//! coupon, so ours never adds to another.

use serde_json::{Number, Value, json};

use super::{json, pull::Api};
use crate::{
    domain::{
        connector::Settings,
        discount::{NewCode, Off},
        time::Time,
    },
    http::{Method, Request, Response},
    shop::{Found, Made, Removed},
};

pub(super) fn make(settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings) else { return Ok(None) };
    let (kind, amount) = match new.plan.off {
        Off::Percent(percent) => ("PERCENT", Some(percent.to_string())),
        Off::Amount(amount) => ("ABS", Some(amount.amount())),
        Off::FreeShipping => ("SHIPPING", None),
    };
    let mut coupon = json!({
        "name": new.note(),
        "code": new.code,
        "discountType": kind,
        "status": "ACTIVE",
        "launchDate": moment(new.starts_at),
        "expirationDate": moment(new.expires_at),
        "usesLimit": "SINGLE",
        "applicationLimit": "UNLIMITED",
    });
    let numbers = [("discount", amount), ("totalLimit", new.plan.minimum.map(|minimum| minimum.amount()))];
    for (key, amount) in numbers {
        if let (Some(number), Some(coupon)) =
            (amount.and_then(|text| text.parse::<Number>().ok()), coupon.as_object_mut())
        {
            coupon.insert(key.into(), number.into());
        }
    }
    Ok(Some(api.authorize(Request::json(api.url("discount_coupons"), &coupon))))
}

/// `2026-03-01 10:00:00 +0000`, as Ecwid writes it.
fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp()).replace('T', " ").replace('Z', " +0000")
}

pub(super) fn made(answer: &Response) -> Made {
    match read(answer) {
        Ok(body) => match json::id_not_zero(&body, "id") {
            Some(id) => Made::Done { id },
            None => Made::Later("Ecwid's answer names no coupon".into()),
        },
        Err(Wrong::Taken) => Made::Exists,
        Err(Wrong::Later(why)) => Made::Later(why),
        Err(Wrong::Gone) => Made::Refused("Ecwid knows no store of this number".into()),
        Err(Wrong::Refused(why)) => Made::Refused(why),
    }
}

pub(super) fn find(settings: &Settings, code: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    Some(api.get(&format!("discount_coupons?{query}")))
}

pub(super) fn found(answer: &Response, note: &str) -> Found {
    let body = match read(answer) {
        Ok(body) => body,
        Err(Wrong::Later(why)) => return Found::Later(why),
        Err(Wrong::Refused(why)) => return Found::Refused(why),
        Err(Wrong::Taken | Wrong::Gone) => return Found::Refused("Ecwid knows no store of this number".into()),
    };
    let Some(coupons) = json::at(&body, "items").as_array() else {
        return Found::Later("Ecwid's answer holds no list".into());
    };
    let ours = coupons.iter().find(|coupon| json::text(coupon, "name").as_deref() == Some(note));
    match (ours.and_then(|coupon| json::id_not_zero(coupon, "id")), coupons.is_empty()) {
        (Some(id), _) => Found::Ours { id },
        (None, true) => Found::Nothing,
        (None, false) => Found::Foreign,
    }
}

pub(super) fn remove(settings: &Settings, id: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let request = Request { method: Method::Delete, ..Request::get(api.url(&format!("discount_coupons/{id}"))) };
    super::is_number(id).then(|| api.authorize(request))
}

pub(super) fn removed(answer: &Response) -> Removed {
    match read(answer) {
        Ok(_) | Err(Wrong::Gone) => Removed::Gone,
        Err(Wrong::Taken) => Removed::Later("Ecwid answered 409".into()),
        Err(Wrong::Later(why)) => Removed::Later(why),
        Err(Wrong::Refused(why)) => Removed::Refused(why),
    }
}

/// An answer that is not what was asked for.
enum Wrong {
    /// A coupon of this code is there already.
    Taken,
    Gone,
    Later(String),
    Refused(String),
}

fn read(answer: &Response) -> Result<Value, Wrong> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.is_success() {
        return body.filter(Value::is_object).ok_or_else(|| Wrong::Later("Ecwid's answer is not JSON".into()));
    }
    let words = body.and_then(|body| json::text(&body, "errorMessage"));
    Err(match answer.status {
        409 => Wrong::Taken,
        400 if words.as_ref().is_some_and(|words| words.to_lowercase().contains("exist")) => Wrong::Taken,
        404 => Wrong::Gone,
        401 | 403 => Wrong::Refused(
            "Ecwid does not accept the secret token for coupons: the app needs the scopes create_discount_coupons, \
             read_discount_coupons and update_discount_coupons"
                .into(),
        ),
        402 => Wrong::Refused("the store's plan at Ecwid does not allow coupons by its API".into()),
        408 | 425 | 429 | 500.. => Wrong::Later(format!("Ecwid answered {}", answer.status)),
        status => {
            Wrong::Refused(words.map_or_else(|| format!("Ecwid answered {status}"), |words| format!("Ecwid: {words}")))
        }
    })
}
