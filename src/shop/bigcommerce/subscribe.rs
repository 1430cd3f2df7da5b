//! Webhooks of version 3: decides what is asked, and what each answer means. Our secret goes with each as a header that
//! BigCommerce sends along. Ten webhooks of one scope are the most, and asking twice may make two.

use serde_json::{Value, json};

use super::{
    SECRET_HEADER, SPEC,
    api::{Api, refusal},
    json,
};
use crate::{
    domain::connector::Settings,
    http::{Request, Response},
    shop::{Subscription, pull::ANSWER_BYTES_MAX},
};

pub(super) fn requests(settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
    let Some(api) = Api::of(settings) else { return Ok(Vec::new()) };
    let Some(secret) = settings.list("hook_secret").next() else {
        return Err("hook_secret: must be set first: BigCommerce sends it along with every webhook".into());
    };
    let request = |topic: &str| {
        let wanted = json!({
            "scope": topic, "destination": webhook_url, "is_active": true, "headers": { SECRET_HEADER: secret },
        });
        api.authorize(Request::json(api.url("v3/hooks"), &wanted))
    };
    Ok(SPEC.topics.iter().map(|topic| Subscription { topic: topic.name, request: request(topic.name) }).collect())
}

pub(super) fn ask(settings: &Settings) -> Option<Request> {
    let api = Api::of(settings)?;
    let request = api.authorize(Request::get(api.url("v3/hooks?limit=250&is_active=true")));
    Some(Request { room: ANSWER_BYTES_MAX, ..request })
}

pub(super) fn told(answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
    let body = body_of(answer)?;
    let Some(hooks) = json::at(&body, "data").as_array() else {
        return Err("BigCommerce's answer holds no webhooks".into());
    };
    let ours = hooks.iter().filter(|hook| {
        json::text(hook, "destination").as_deref() == Some(webhook_url) && json::flag(hook, "is_active") != Some(false)
    });
    Ok(ours.filter_map(|hook| json::text(hook, "scope")).collect())
}

pub(super) fn answer(answer: &Response) -> Result<(), String> {
    let body = body_of(answer)?;
    let done = json::id_not_zero(&body, "data.id").is_some();
    done.then_some(()).ok_or_else(|| "BigCommerce's answer names no webhook".into())
}

fn body_of(answer: &Response) -> Result<Value, String> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if answer.is_success() {
        return Ok(body);
    }
    if let Some(why) = refusal(answer.status) {
        return Err(why.into());
    }
    Err(match (answer.status, json::text(&body, "title")) {
        (429 | 500.., _) | (_, None) => format!("BigCommerce answered {}; try again later", answer.status),
        (_, Some(words)) => format!("BigCommerce: {words}"),
    })
}
