//! WooCommerce's own webhooks through its REST API, version 3: decides what is asked, and what each answer means for the
//! shopkeeper. Asking twice makes two, so those there are asked for first ([`crate::shop::Shop::doubles_subscriptions`]).

use serde_json::json;

use super::{coupon, coupon::Api, json as body};
use crate::{
    domain::connector::Settings,
    http::{Request, Response},
    shop::Subscription,
};

const TOPICS: [(&str, &str); 4] = [
    ("order.created", "Cartback: order created"),
    ("order.updated", "Cartback: order updated"),
    ("order.deleted", "Cartback: order deleted"),
    ("order.restored", "Cartback: order restored"),
];

pub(super) fn requests(settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
    let Some(api) = Api::of(settings) else { return Ok(Vec::new()) };
    let Some(secret) = settings.given("webhook_secret") else {
        return Err("webhook_secret: must be set first: WooCommerce signs what it sends with it".into());
    };
    let request = |topic: &str, name: &str| {
        let wanted = json!({
            "name": name, "topic": topic, "status": "active", "delivery_url": webhook_url, "secret": secret,
        });
        api.authorize(Request::json(api.webhooks(), &wanted))
    };
    Ok(TOPICS.map(|(topic, name)| Subscription { topic, request: request(topic, name) }).into())
}

pub(super) fn ask(settings: &Settings) -> Option<Request> {
    let api = Api::of(settings)?;
    Some(api.authorize(Request::get(format!("{}?per_page=100&status=active", api.webhooks()))))
}

/// The topics that go to this URL. WordPress writes an address anew, so they are compared without what it may change.
pub(super) fn told(answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
    let found = coupon::read(answer).map_err(|wrong| wrong.why)?;
    let Some(webhooks) = found.as_array() else { return Err("WooCommerce's answer is no list".into()) };
    let ours = webhooks.iter().filter(|webhook| {
        let goes_to = body::text(webhook, "delivery_url").unwrap_or_default();
        goes_to.trim_end_matches('/') == webhook_url.trim_end_matches('/')
    });
    Ok(ours.filter_map(|webhook| body::text(webhook, "topic")).collect())
}

pub(super) fn answer(answer: &Response) -> Result<(), String> {
    let made = coupon::read(answer).map_err(|wrong| wrong.why)?;
    let done = body::id_not_zero(&made, "id").is_some();
    done.then_some(()).ok_or_else(|| "WooCommerce's answer names no webhook".into())
}
