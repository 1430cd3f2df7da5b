//! An owner's yes on Shopify's own page, for an app of another organisation: the browser comes back with a code, which is
//! exchanged for a token that lasts (Shopify docs, "Authorization code grant"). Decides where the owner is sent, and whether
//! what comes back is Shopify's; whether it was asked for, the state decides.
//!
//! Shopify signs what the browser brings: the hex HMAC-SHA256, under the client secret, of the query without `hmac`, its
//! pairs in the order of their names.

use std::collections::BTreeMap;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::{json, subscribe};
use crate::{
    domain::connector::{Delivery, Settings},
    http::{Request, Response},
    shop::{Approval, Exchange},
};

/// What webhooks, back-fill, discount codes and order pages need.
const SCOPES: &str = "read_orders,read_customers,write_discounts";
const VALUE_CHARS_MAX: usize = 1_000;

pub(super) fn url(settings: &Settings, approval: &Approval) -> Result<Option<String>, String> {
    let Some(client) = settings.given("client_id") else { return Ok(None) };
    let Some(domain) = subscribe::domain(settings) else {
        return Err("domain: must be the shop's myshopify.com address: it is where you say yes".into());
    };
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", client);
    query.append_pair("scope", SCOPES);
    query.append_pair("redirect_uri", approval.callback_url);
    query.append_pair("state", approval.state);
    Ok(Some(format!("https://{domain}/admin/oauth/authorize?{}", query.finish())))
}

pub(super) fn exchange(settings: &Settings, delivery: &Delivery) -> Result<Option<Exchange>, String> {
    let (Some(client), Some(domain)) = (settings.given("client_id"), subscribe::domain(settings)) else {
        return Ok(None);
    };
    let pairs = delivery.query_pairs();
    let one = |name: &str| {
        let mut found = pairs.iter().filter(|(known, _)| known == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) if !value.is_empty() && value.len() <= VALUE_CHARS_MAX => Ok(value.as_str()),
            _ => Err(format!("{name} is missing, or there twice")),
        }
    };
    let (code, state, shop, told) = (one("code")?, one("state")?, one("shop")?, one("hmac")?);
    if shop != domain {
        return Err("shop is another one than the one that was asked".into());
    }
    let mut signed: Vec<_> = pairs.iter().filter(|(name, _)| name != "hmac").collect();
    signed.sort();
    let signed: Vec<String> = signed.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let told = data_encoding::HEXLOWER.decode(told.as_bytes()).map_err(|_| "hmac is not hex")?;
    // While the client secret is replaced there are two.
    let secret = settings.list("signing_key").find(|key| {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok();
        mac.is_some_and(|mac| mac.chain_update(signed.join("&")).verify_slice(&told).is_ok())
    });
    let secret = secret.ok_or("hmac does not fit: is the signing key the app's client secret?")?;
    let body = [("client_id", client), ("client_secret", secret), ("code", code)];
    let request = Request::form(format!("https://{domain}/admin/oauth/access_token"), body);
    Ok(Some(Exchange { state: state.to_owned(), request: request.header("accept", "application/json") }))
}

pub(super) fn exchanged(answer: &Response) -> Result<BTreeMap<String, String>, String> {
    if !answer.is_success() {
        return Err(format!("Shopify answered {} instead of a token: begin again in Cartback", answer.status));
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let token = json::whole(&body, "access_token", VALUE_CHARS_MAX)
        .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or("Shopify's answer holds no token")?;
    Ok(BTreeMap::from([("token".to_owned(), token)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn settings(more: &[(&str, &str)]) -> Settings {
        let given = [("domain", "lumen-and-oak.myshopify.com"), ("signing_key", SECRET), ("client_id", "c0ffee")];
        Settings::restored(given.iter().chain(more).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn back(query: &str) -> Delivery {
        Delivery {
            method: "GET".into(),
            url: format!("https://cb.example.com/hook/approved/x?{query}"),
            headers: Vec::new(),
            body: Vec::new(),
            received_at: Time::from_seconds(1_790_000_000),
        }
    }

    /// `printf %s 'code=c1&shop=…&state=s1&timestamp=1' | openssl dgst -sha256 -hmac …`
    fn signed(pairs: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(pairs);
        format!("{pairs}&hmac={}", data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes()))
    }

    const GOOD: &str = "code=c1&shop=lumen-and-oak.myshopify.com&state=s1&timestamp=1790000000";

    #[test]
    fn an_owner_is_sent_to_their_own_shop() {
        let approval =
            Approval { state: "s-1", callback_url: "https://cb.example.com/hook/approved/x", return_url: "" };
        let address = url(&settings(&[]), &approval).unwrap().unwrap();
        assert!(address.starts_with("https://lumen-and-oak.myshopify.com/admin/oauth/authorize?client_id=c0ffee&"));
        assert!(
            address.contains("redirect_uri=https%3A%2F%2Fcb.example.com%2Fhook%2Fapproved%2Fx&state=s-1"),
            "{address}"
        );
        assert!(!address.contains(SECRET));
        assert!(url(&settings(&[("domain", "shop.example.com")]), &approval).is_err());
        assert_eq!(url(&settings(&[("client_id", "")]), &approval), Ok(None));
    }

    #[test]
    fn what_comes_back_is_believed_only_when_it_is_signed() {
        let exchange = |query: &str| exchange(&settings(&[]), &back(query));
        let found = exchange(&signed(GOOD)).unwrap().unwrap();
        assert_eq!(found.state, "s1");
        assert_eq!(found.request.url, "https://lumen-and-oak.myshopify.com/admin/oauth/access_token");
        let body = String::from_utf8(found.request.body).unwrap();
        assert_eq!(body, format!("client_id=c0ffee&client_secret={SECRET}&code=c1"));
        // In whatever order the browser brings them.
        let turned = signed(GOOD).split('&').rev().collect::<Vec<_>>().join("&");
        assert!(exchange(&turned).is_ok());
        let told = signed(GOOD);
        for wrong in [
            GOOD.to_owned(),
            told.replace("code=c1", "code=c2"),
            told.replace("state=s1", "state=s2"),
            told.replace("&hmac=", "&hmac=0"),
            format!("{told}&code=c1"),
            told[..told.len() - 2].to_owned(),
            signed(&GOOD.replace("lumen-and-oak.", "another.")),
            signed("shop=lumen-and-oak.myshopify.com&state=s1"),
        ] {
            assert!(exchange(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_read_or_its_lack_told() {
        let answer = |status, body: &str| Response { status, headers: Vec::new(), body: body.into() };
        let read = exchanged(&answer(200, r#"{"access_token":"shpat_1","scope":"read_orders"}"#)).unwrap();
        assert_eq!(read.get("token").map(String::as_str), Some("shpat_1"));
        for (status, body) in [(200, "{}"), (200, r#"{"access_token":"a b"}"#), (400, ""), (500, "<html>")] {
            assert!(exchanged(&answer(status, body)).is_err(), "{status} {body}");
        }
    }
}
