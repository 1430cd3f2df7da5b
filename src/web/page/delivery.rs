//! One delivery: headers without secrets, the body laid out, what was made of it; reading other words in its place.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{Visit, cart::by, cart_acts, gateways, id, inbox::row, show};
use crate::{
    domain::{
        event::{ShopEvent, TypedPhone},
        id::{DeliveryId, GatewayId},
        message::GatewayEvent,
        seal::ShopKeys,
    },
    gateway,
    pipeline::{ingest, reread},
    store::{self, Read, identity, inbox::Kept, shop::Shop},
    web::{
        problem::Problem,
        view::{
            Section,
            cart::Link,
            delivery::{Correction, Delivery, Effect},
            words::{say, t},
        },
    },
};

/// Headers shown as they came; of every other one only the name. What signs, names or lets in somebody is none of these.
const SHOWN: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "webhook-id",
    "webhook-timestamp",
    "x-shopify-api-version",
    "x-shopify-event-id",
    "x-shopify-test",
    "x-shopify-topic",
    "x-shopify-triggered-at",
    "x-shopify-webhook-id",
    "x-wc-webhook-delivery-id",
    "x-wc-webhook-event",
    "x-wc-webhook-id",
    "x-wc-webhook-resource",
    "x-wc-webhook-topic",
];
/// The longest body that is laid out; longer ones are cut where they are shown.
const BODY_MOST: usize = 256 * 1024;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Inbox).await?;
    let id: DeliveryId = id(&request)?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let house_keys = visit.house_keys(&mut read).await?;
    let mut found = None;
    for keys in std::iter::once(keys).chain(&house_keys) {
        if let Some(kept) = store::inbox::get(&mut read, keys, id).await? {
            found = Some((kept, keys));
            break;
        }
    }
    let (kept, tenant) = found.ok_or(Problem::NotFound)?;
    let line = store::inbox::line(&mut read, tenant.shop(), id).await?.ok_or(Problem::NotFound)?;
    let names = gateways::names(&mut read, visit.core(), keys).await?;
    let corrected = store::correction::newest(&mut read, tenant, id).await?;
    let corrections = store::correction::of_delivery(&mut read, tenant, id).await?;
    let mut as_read = kept.clone();
    if let Some(body) = &corrected {
        as_read.delivery.body.clone_from(body);
    }
    let effects = effects(&mut read, shop, keys, tenant, &as_read).await?;
    let may_change = visit.visitor.may_change;
    let from = kept.gateway.and_then(|id| names.get(&id)).map_or(shop.name.as_str(), String::as_str);
    show(&Delivery {
        row: row(&line, from),
        asked: format!("{} {}", kept.delivery.method, path(&kept.delivery.url)),
        headers: headers(&kept.delivery.headers),
        // Whole numbers, names, addresses, and with some platforms a key to the cart: not for who only looks.
        body: if may_change { laid_out(&kept.delivery.body) } else { String::new() },
        corrected: corrected.filter(|_| may_change).map(|body| String::from_utf8_lossy(&body).into_owned()),
        corrections: corrections.into_iter().map(|line| Correction { at: line.at, by: by(&line.by) }).collect(),
        effects,
        may_change,
        page: visit.page.clone(),
    })
}

/// The way it came by, without the connection's own name and what stood in its query: both let in.
fn path(url: &str) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    match path.rsplit_once('/') {
        Some((start, _)) => format!("/{start}/…"),
        None => "/…".to_owned(),
    }
}

fn headers(all: &[(String, String)]) -> Vec<(String, String)> {
    let shown = |name: &str| SHOWN.contains(&name.to_ascii_lowercase().as_str());
    all.iter()
        .map(|(name, value)| (name.clone(), if shown(name) { value.clone() } else { t("not shown").to_owned() }))
        .collect()
}

/// JSON and forms a line for each thing, anything else as it is.
fn laid_out(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let laid = match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_else(|_| text.into_owned()),
        Err(_) => text.into_owned(),
    };
    match laid.char_indices().nth(BODY_MOST) {
        Some((at, _)) => format!("{}…", laid.get(..at).unwrap_or_default()),
        None => laid,
    }
}

fn led(what: impl Into<String>, text: &str, href: Option<String>) -> Effect {
    Effect { what: what.into(), link: href.map(|href| Link { text: text.to_owned(), href }) }
}

/// What it tells, found again among what there is.
async fn effects(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    tenant: &ShopKeys,
    kept: &Kept,
) -> Result<Vec<Effect>, Problem> {
    match kept.gateway {
        None => of_shop(read, shop, keys, kept).await,
        Some(gateway) => of_gateway(read, keys, tenant, gateway, kept).await,
    }
}

async fn of_shop(read: &mut Read, shop: &Shop, keys: &ShopKeys, kept: &Kept) -> Result<Vec<Effect>, Problem> {
    let mut effects = Vec::new();
    for event in ingest::read(shop, kept).unwrap_or_default() {
        effects.push(match event {
            ShopEvent::Cart(cart) => {
                let found = store::cart::by_token(read, keys, &cart.token).await?;
                led(t("A checkout as it is now."), t("See the cart"), found.map(|cart| format!("/carts/{}", cart.id)))
            }
            ShopEvent::CartDeleted { token, .. } => {
                let name = identity::value(keys, identity::Kind::Checkout, &token);
                let found = identity::carts(read, keys, &name).await?;
                led(t("A checkout was deleted."), t("See the cart"), found.last().map(|cart| format!("/carts/{cart}")))
            }
            ShopEvent::Order(order) => {
                let found = store::order::by_external_id(read, keys, &order.external_id).await?;
                let what = say("Order {number}.", &[("number", &order.number)]);
                led(what, t("See the order"), found.map(|order| format!("/orders/{}", order.id)))
            }
            ShopEvent::Refunds { order, .. } => {
                let found = store::order::by_external_id(read, keys, &order).await?;
                led(
                    t("What went back of an order."),
                    t("See the order"),
                    found.map(|order| format!("/orders/{}", order.id)),
                )
            }
            ShopEvent::Consent(consent) => {
                let href = ledger(shop, keys, &consent.phone);
                led(t("What somebody says about being texted."), t("See the ledger"), href)
            }
            ShopEvent::Redact(_) => led(t("Somebody was forgotten."), t("See requests"), Some("/person".to_owned())),
            ShopEvent::DataRequest(_) => {
                led(t("Somebody asks what is held about them."), t("See requests"), Some("/person".to_owned()))
            }
            ShopEvent::Uninstalled { .. } => led(t("The shop has disconnected us."), "", None),
            ShopEvent::ShopRedact => led(t("The shop is to be forgotten."), "", None),
            ShopEvent::Test => led(t("A test of the shop’s; it changes nothing."), "", None),
        });
    }
    Ok(effects)
}

fn ledger(shop: &Shop, keys: &ShopKeys, typed: &TypedPhone) -> Option<String> {
    let phone = ingest::read_phone(shop, typed, None).ok()?;
    Some(super::phone::href(&store::consent::phone_index(keys, &phone)))
}

async fn of_gateway(
    read: &mut Read,
    keys: &ShopKeys,
    tenant: &ShopKeys,
    gateway: GatewayId,
    kept: &Kept,
) -> Result<Vec<Effect>, Problem> {
    let Some(account) = store::gateway::get(read, tenant, gateway).await? else { return Ok(Vec::new()) };
    let Some(kind) = gateway::by_kind(&account.kind) else { return Ok(Vec::new()) };
    let mut effects = Vec::new();
    for event in kind.read(&account.settings, &kept.topic, &kept.delivery).unwrap_or_default() {
        effects.push(match event {
            GatewayEvent::Receipt(receipt) => {
                let found = match (receipt.reference, &receipt.gateway_ref) {
                    (Some(reference), _) if reference.shop == keys.shop() => {
                        store::message::get(read, keys, reference.message).await?
                    }
                    (None, Some(theirs)) => store::message::by_gateway_ref(read, keys, theirs).await?,
                    _ => None,
                };
                led(t("A receipt."), t("See the text"), found.map(|message| format!("/messages/{}", message.id)))
            }
            GatewayEvent::Reply(_) | GatewayEvent::Part(_) => {
                led(t("A reply."), t("See replies"), Some("/replies".to_owned()))
            }
        });
    }
    Ok(effects)
}

#[derive(Deserialize)]
pub struct Mended {
    body: String,
}

pub async fn fix(request: HttpRequest, mended: Form<Mended>) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = cart_acts::actor(&request, Section::Inbox).await?;
    let id: DeliveryId = id(&request)?;
    let line = store::inbox::line(&mut visit.read().await?, shop, id).await?.ok_or(Problem::NotFound)?;
    if line.problem.is_empty() {
        return Err(Problem::Wrong(vec![t("only what could not be read can be mended").to_owned()]));
    }
    let body = mended.body.replace("\r\n", "\n");
    if body.trim().is_empty() || body.len() > BODY_MOST * 4 {
        return Err(Problem::Wrong(vec![t("body: must hold something, and at most 1 MiB").to_owned()]));
    }
    if !reread::correct(visit.core(), shop, id, body.as_bytes(), &by).await? {
        return Err(Problem::NotFound);
    }
    Ok(cart_acts::led_to(&visit, &format!("/inbox/{id}"), "corrected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_in_is_not_shown() {
        assert_eq!(path("https://cb.example/hook/shop/4fJabc?ref=1.msg_2"), "/hook/shop/…");
        assert_eq!(path(""), "/…");
        let all =
            [("X-Shopify-Hmac-Sha256", "abc="), ("Authorization", "Bearer x"), ("Content-Type", "application/json")];
        let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let shown: Vec<_> = headers(&all).into_iter().map(|(_, value)| value).collect();
        assert_eq!(shown, ["not shown", "not shown", "application/json"]);
    }

    #[test]
    fn json_is_laid_out_and_the_rest_left_alone() {
        assert_eq!(laid_out(b"{\"a\":1}"), "{\n  \"a\": 1\n}");
        assert_eq!(laid_out(b"a=1&b=2"), "a=1&b=2");
        assert_eq!(laid_out(b"\xff"), "\u{fffd}");
    }
}
