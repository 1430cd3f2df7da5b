//! Single-use coupons through WooCommerce's REST API, version 3: decides what is asked, and what each answer means. It
//! sends nothing itself and never decides who gets one.
//!
//! The key goes as basic auth over https only. A coupon's end is `date_expires`, with a `Z` that says UTC: the field
//! `date_expires_gmt` is shown but cannot be set (WooCommerce 10, `WC_REST_Coupons_V2_Controller`: every field is handed
//! to the coupon's setter of that name, and there is none). Codes are kept in small letters.

use serde_json::{Value, json};

use super::{hosts, json};
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
    let Some(api) = Api::of(settings) else {
        return match (settings.given("key"), settings.given("secret")) {
            (None, None) => Ok(None),
            _ => Err("key, secret: both are needed for single-use coupons, with the permission Read/Write".into()),
        };
    };
    let plan = &new.plan;
    let (kind, amount) = match plan.off {
        Off::Percent(percent) => ("percent", percent.to_string()),
        Off::Amount(amount) => ("fixed_cart", amount.amount()),
        Off::FreeShipping => ("fixed_cart", "0".to_owned()),
    };
    let mut coupon = json!({
        "code": new.code,
        "description": new.note(),
        "discount_type": kind,
        "amount": amount,
        "date_expires": moment(new.expires_at),
        "usage_limit": 1,
        "usage_limit_per_user": 1,
        "individual_use": plan.alone,
        "free_shipping": plan.off == Off::FreeShipping,
    });
    if let (Some(minimum), Some(coupon)) = (plan.minimum, coupon.as_object_mut()) {
        coupon.insert("minimum_amount".into(), minimum.amount().into());
    }
    Ok(Some(api.authorize(Request::json(api.url(""), &coupon))))
}

/// WooCommerce reads an offset only in exactly this form; anything else is the site's own time.
fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp())
}

pub(super) fn made(answer: &Response) -> Made {
    match read(answer) {
        Ok(body) => match json::id_not_zero(&body, "id") {
            Some(id) => Made::Done { id },
            None => Made::Later("WooCommerce's answer names no coupon".into()),
        },
        Err(Wrong { code: Some("woocommerce_rest_coupon_code_already_exists"), .. }) => Made::Exists,
        Err(Wrong { again: true, why, .. }) => Made::Later(why),
        Err(Wrong { why, .. }) => Made::Refused(why),
    }
}

pub(super) fn find(settings: &Settings, code: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    Some(api.authorize(Request::get(api.url(&format!("?{query}")))))
}

pub(super) fn found(answer: &Response, note: &str) -> Found {
    let body = match read(answer) {
        Ok(body) => body,
        Err(Wrong { again: true, why, .. }) => return Found::Later(why),
        Err(Wrong { why, .. }) => return Found::Refused(why),
    };
    let Some(coupons) = body.as_array() else { return Found::Later("WooCommerce's answer is no list".into()) };
    let ours = coupons.iter().find(|coupon| json::text(coupon, "description").as_deref() == Some(note));
    match (ours.and_then(|coupon| json::id_not_zero(coupon, "id")), coupons.is_empty()) {
        (Some(id), _) => Found::Ours { id },
        (None, true) => Found::Nothing,
        (None, false) => Found::Foreign,
    }
}

pub(super) fn remove(settings: &Settings, id: &str) -> Option<Request> {
    let api = Api::of(settings)?;
    let whole = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
    // Without `force` it lies in the site's bin, where its code still is taken.
    let request = Request { method: Method::Delete, ..Request::get(api.url(&format!("/{id}?force=true"))) };
    whole.then(|| api.authorize(request))
}

pub(super) fn removed(answer: &Response) -> Removed {
    match read(answer) {
        Ok(_) => Removed::Gone,
        Err(Wrong { code: Some("woocommerce_rest_shop_coupon_invalid_id"), .. }) => Removed::Gone,
        Err(Wrong { again: true, why, .. }) => Removed::Later(why),
        Err(Wrong { why, .. }) => Removed::Refused(why),
    }
}

/// Where and with what a site's API is called.
pub(super) struct Api<'s> {
    host: String,
    key: &'s str,
    secret: &'s str,
}

impl Api<'_> {
    pub(super) fn of(settings: &Settings) -> Option<Api<'_>> {
        let host = hosts::read(settings.get("site")).into_iter().next()?;
        Some(Api { host, key: settings.given("key")?, secret: settings.given("secret")? })
    }

    fn url(&self, rest: &str) -> String {
        format!("https://{}/wp-json/wc/v3/coupons{rest}", self.host)
    }

    pub(super) fn orders(&self) -> String {
        format!("https://{}/wp-json/wc/v3/orders", self.host)
    }

    pub(super) fn webhooks(&self) -> String {
        format!("https://{}/wp-json/wc/v3/webhooks", self.host)
    }

    pub(super) fn authorize(&self, request: Request) -> Request {
        request.basic_auth(self.key, self.secret)
    }
}

/// An answer that is not what was asked for.
pub(super) struct Wrong {
    /// WordPress's own name for it, where it is one that means something here.
    code: Option<&'static str>,
    /// Asking again may help.
    again: bool,
    pub(super) why: String,
}

/// Names of errors that are no refusal.
const HARMLESS: [&str; 2] = ["woocommerce_rest_coupon_code_already_exists", "woocommerce_rest_shop_coupon_invalid_id"];

/// What WooCommerce answered, whatever it was asked.
pub(super) fn read(answer: &Response) -> Result<Value, Wrong> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let wrong = |again, why: String| Wrong { code: None, again, why };
    if answer.is_success() {
        // A page of the site's own under a 200: some other plugin, or a site that is being mended.
        return body.ok_or_else(|| wrong(true, "the site's answer is not WooCommerce's".into()));
    }
    let named = body.as_ref().and_then(|body| json::text(body, "code")).unwrap_or_default();
    if let Some(&known) = HARMLESS.iter().find(|known| **known == named) {
        return Err(Wrong { code: Some(known), again: false, why: String::new() });
    }
    Err(match answer.status {
        401 | 403 => wrong(
            false,
            "WooCommerce does not accept the REST API key for this: it needs the permission Read/Write, and the site \
             has to let the Authorization header through"
                .into(),
        ),
        404 => wrong(
            false,
            "the site has no WooCommerce REST API at this address: are its permalinks set to \"Plain\"?".into(),
        ),
        408 | 425 | 429 | 500.. => wrong(true, format!("the site answered {}", answer.status)),
        301..=308 => {
            wrong(false, "the site sends us elsewhere: name the host it answers on first under \"site\"".into())
        }
        status => {
            let words = body.as_ref().and_then(|body| json::text(body, "message"));
            wrong(
                false,
                words.map_or_else(|| format!("the site answered {status}"), |words| format!("WooCommerce: {words}")),
            )
        }
    })
}

#[cfg(test)]
mod tests;
