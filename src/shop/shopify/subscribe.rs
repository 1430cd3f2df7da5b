//! The webhooks an app's Admin API token can subscribe to: decides what is asked of Shopify, and what each answer means
//! for the shopkeeper. It sends nothing itself.
//!
//! Not among them: `customers/redact`, `customers/data_request` and `shop/redact`, which Shopify takes from an app's own
//! configuration and not from its API.

use serde_json::{Value, json};

use super::{hosts, json};
use crate::{
    domain::connector::Settings,
    http::{Request, Response},
    shop::Subscription,
};

/// Also the version of every body that comes by these subscriptions (Shopify docs, "About webhooks").
pub(super) const API_VERSION: &str = "2026-07";

/// The name Shopify's API has for a topic, and the one its deliveries come under.
const TOPICS: [(&str, &str); 10] = [
    ("CHECKOUTS_CREATE", "checkouts/create"),
    ("CHECKOUTS_UPDATE", "checkouts/update"),
    ("CHECKOUTS_DELETE", "checkouts/delete"),
    ("ORDERS_CREATE", "orders/create"),
    ("ORDERS_UPDATED", "orders/updated"),
    ("ORDERS_PAID", "orders/paid"),
    ("ORDERS_CANCELLED", "orders/cancelled"),
    ("REFUNDS_CREATE", "refunds/create"),
    ("CUSTOMERS_MARKETING_CONSENT_UPDATE", "customers_marketing_consent/update"),
    ("APP_UNINSTALLED", "app/uninstalled"),
];

const MUTATION: &str = "mutation($topic: WebhookSubscriptionTopic!, $webhookSubscription: WebhookSubscriptionInput!) {\n  \
    webhookSubscriptionCreate(topic: $topic, webhookSubscription: $webhookSubscription) {\n    \
    webhookSubscription { id }\n    userErrors { field message }\n  }\n}";

/// The token goes to an address of Shopify's and to no other: a shop's own domain may one day be somebody else's.
pub(super) fn requests(settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
    let Some(api) = Api::of(settings)? else { return Ok(Vec::new()) };
    let request = |name| api.call(MUTATION, &json!({ "topic": name, "webhookSubscription": { "uri": webhook_url } }));
    Ok(TOPICS.map(|(name, topic)| Subscription { topic, request: request(name) }).into())
}

const QUERY: &str = "query {\n  webhookSubscriptions(first: 100) { nodes { topic uri } }\n}";

/// Asks which webhooks this app has at the shop.
pub(super) fn ask(settings: &Settings) -> Result<Option<Request>, String> {
    Ok(Api::of(settings)?.map(|api| api.call(QUERY, &json!({}))))
}

/// The topics, by the names their deliveries have, that go to this URL.
pub(super) fn told(answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
    let body = body_of(answer)?;
    if let Some(problem) = json::list(&body, "errors").iter().find_map(|problem| json::text(problem, "message")) {
        return Err(cause(&problem).to_owned());
    }
    let nodes = json::list(&body, "data.webhookSubscriptions.nodes").iter();
    let ours = nodes.filter(|node| json::text(node, "uri").as_deref() == Some(webhook_url));
    let topics = ours.filter_map(|node| {
        let name = json::text(node, "topic")?;
        TOPICS.iter().find(|(known, _)| *known == name).map(|(_, topic)| (*topic).to_owned())
    });
    Ok(topics.collect())
}

/// What Shopify answered, when it answered at all.
fn body_of(answer: &Response) -> Result<Value, String> {
    match answer.status {
        200..300 => Ok(serde_json::from_slice(&answer.body).unwrap_or_default()),
        status => {
            let words = refusal(status).map(str::to_owned);
            Err(words.unwrap_or_else(|| format!("Shopify answered {status}; try again later")))
        }
    }
}

/// Where and with what a shop's Admin API is called.
pub(super) struct Api<'s> {
    url: String,
    /// None where it has to be asked for first ([`super::grant`]): such a call says only that there is one.
    token: Option<&'s str>,
}

impl<'s> Api<'s> {
    /// `None` with neither a token nor an app to get one for; an error is words for the shopkeeper.
    pub(super) fn of(settings: &'s Settings) -> Result<Option<Api<'s>>, String> {
        let token = settings.given("token");
        if token.is_none() && settings.given("client_id").is_none() {
            return Ok(None);
        }
        let Some(domain) = domain(settings) else {
            return Err("domain: must be the shop's myshopify.com address for its API to be used; list the domain \
                        shoppers see under storefront_hosts"
                .into());
        };
        if token.is_none() && settings.list("signing_key").next().is_none() {
            return Err("signing_key: must be the app's client secret for a token to be asked for".into());
        }
        Ok(Some(Api { url: format!("https://{domain}/admin/api/{API_VERSION}/graphql.json"), token }))
    }

    pub(super) fn call(&self, query: &str, variables: &Value) -> Request {
        let request = Request::json(&self.url, &json!({ "query": query, "variables": variables }));
        match self.token {
            Some(token) => request.header("x-shopify-access-token", token),
            None => request,
        }
    }
}

/// The address that is Shopify's own, whoever owns the domain that shoppers see.
pub(super) fn domain(settings: &Settings) -> Option<String> {
    hosts::read(settings.get("domain")).into_iter().find(|host| host.ends_with(".myshopify.com"))
}

/// Done when Shopify made the subscription, or has it already.
pub(super) fn answer(answer: &Response) -> Result<(), String> {
    let body = body_of(answer)?;
    let made = json::at(&body, "data.webhookSubscriptionCreate");
    let problems = json::list(&body, "errors").iter().chain(json::list(made, "userErrors"));
    let problems: Vec<String> = problems.filter_map(|problem| json::text(problem, "message")).collect();
    match problems.as_slice() {
        [] if json::text(made, "webhookSubscription.id").is_some() => Ok(()),
        [] => Err("Shopify's answer does not say whether it was done".into()),
        [one] if one.contains("for this topic has already been taken") => Ok(()),
        many => Err(many.iter().map(|problem| cause(problem)).collect::<Vec<_>>().join("; ")),
    }
}

/// Why Shopify turned the token away, where trying again will not help.
pub(super) fn refusal(status: u16) -> Option<&'static str> {
    match status {
        401 => Some("Shopify does not accept the token: is it this shop's, and not expired?"),
        402 | 423 => Some("Shopify has closed this shop's API: the shop is frozen or locked"),
        403 => Some("Shopify refuses the token: is the app installed, with its scopes?"),
        404 => Some("Shopify knows no shop at this domain"),
        _ => None,
    }
}

/// What a shopkeeper can do about a refusal, where Shopify's own words leave that open.
fn cause(problem: &str) -> &str {
    if problem.contains("protected customer data") {
        "Shopify does not let this app see protected customer data (names, phone numbers, e-mail addresses): a custom \
         app of the shop's own needs the plan Grow or a higher one, not Basic; any other app has to be granted access \
         to protected customer data first"
    } else if problem.contains("cannot create a webhook subscription with the specified topic") {
        "the token may not see this: the app needs the scopes read_orders and read_customers"
    } else {
        problem
    }
}
