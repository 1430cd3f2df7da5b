//! WooCommerce's own way to give keys away: the owner approves us on a page of their site (`wc-auth`), which then posts
//! the keys to us. Decides where the owner is sent and what is a good answer; whether it was asked for, others decide.
//!
//! WooCommerce wants an https:// callback, cleans what it is given (letters, digits, `-` and `_` come back as they were),
//! and takes its keys back when we do not answer with 200.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{hosts, json};
use crate::{
    domain::connector::Settings,
    shop::{Approval, Approved},
};

/// What the owner reads on the page where they approve.
const APP: &str = "Cartback";

pub(super) fn url(settings: &Settings, approval: &Approval) -> Result<Option<String>, String> {
    let host = hosts::read(settings.get("site")).into_iter().next();
    let host = host.ok_or("site: must be known first: it is where you say yes")?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("app_name", APP);
    query.append_pair("scope", "read_write");
    query.append_pair("user_id", approval.state);
    query.append_pair("return_url", approval.return_url);
    query.append_pair("callback_url", approval.callback_url);
    Ok(Some(format!("https://{host}/wc-auth/v1/authorize?{}", query.finish())))
}

pub(super) fn read(settings: &Settings, body: &[u8], drawn: [u8; 32]) -> Result<Approved, String> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "the body is not JSON")?;
    let text = |name: &str| json::whole(&body, name, CHARS_MAX).filter(|text| !text.is_empty());
    let key = |name: &str, begins: &str| {
        let key = text(name).filter(|key| key.starts_with(begins) && key.bytes().all(|it| it.is_ascii_graphic()));
        key.ok_or_else(|| format!("{name} is missing or does not begin with {begins}"))
    };
    let state = text("user_id").ok_or("user_id is missing")?;
    if text("key_permissions").is_none_or(|may| may != "read_write") {
        return Err("key_permissions is not read_write".into());
    }
    let mut given = BTreeMap::from([
        ("key".to_owned(), key("consumer_key", "ck_")?),
        ("secret".to_owned(), key("consumer_secret", "cs_")?),
    ]);
    if settings.given("webhook_secret").is_none() {
        // Letters and digits, which WordPress leaves alone.
        given.insert("webhook_secret".to_owned(), data_encoding::HEXLOWER.encode(&drawn));
    }
    Ok(Approved { state, settings: given })
}

/// Of any value in the body.
const CHARS_MAX: usize = 200;
