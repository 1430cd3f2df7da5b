//! Shopware's Admin API: its short-lived token, and what an answer that holds nothing means.

use std::time::Duration;

use serde_json::{Value, json};

use super::{TOKEN, Token, json};
use crate::{
    domain::connector::Settings,
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, retry_after},
};

/// Where nothing is said of it: Shopware's own default.
const LASTS_SECONDS: u64 = 600;

pub(super) fn ask_token(settings: &Settings) -> Option<Request> {
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": settings.given("api_key")?,
        "client_secret": settings.given("api_secret")?,
    });
    Some(Request::json(format!("{}/api/oauth/token", shop(settings)?), &body))
}

pub(super) fn token(answer: &Response) -> Result<Token, NotPulled> {
    // Shopware says 400 or 401 of a key it does not know.
    if answer.status == 400 {
        return Err(NotPulled::Refused(NO_KEY.into()));
    }
    let body = read(answer)?;
    let value = json::whole(&body, "access_token", TOKEN_CHARS_MAX)
        .filter(|token| token.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| NotPulled::later("the shop's answer holds no token"))?;
    let lasts = json::text(&body, "expires_in").and_then(|text| text.parse().ok()).unwrap_or(LASTS_SECONDS);
    Ok(Token { value, lasts: Duration::from_secs(lasts) })
}

const TOKEN_CHARS_MAX: usize = 8_000;
const NO_KEY: &str = "Shopware does not accept the app's API key: is the app still installed and active? If it was \
                      removed, empty the field Shop secret and install it again";

/// A search, where the app is installed.
pub(super) fn search(settings: &Settings, entity: &str, criteria: &Value) -> Option<Request> {
    settings.given("api_key")?;
    let request = Request::json(format!("{}/api/search/{entity}", shop(settings)?), criteria);
    // Without this Shopware answers in the form of JSON:API.
    let request = request.header("accept", "application/json");
    let request = match settings.given(TOKEN) {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    Some(Request { room: ANSWER_BYTES_MAX, ..request })
}

fn shop(settings: &Settings) -> Option<&str> {
    settings.given("shop_url").map(|url| url.trim_end_matches('/'))
}

/// What came, or why nothing did.
pub(super) fn read(answer: &Response) -> Result<Value, NotPulled> {
    match answer.status {
        200..300 => {}
        401 => return Err(NotPulled::Refused(NO_KEY.into())),
        403 => {
            return Err(NotPulled::Refused(
                "Shopware does not let the app read this: allow it to read orders under Extensions > My extensions"
                    .into(),
            ));
        }
        404 => return Err(NotPulled::Refused("there is no Shopware Admin API at the shop's APP_URL".into())),
        300..=308 => return Err(NotPulled::Refused("the shop sends us elsewhere: its APP_URL has moved".into())),
        429 | 503 => {
            return Err(NotPulled::Later { why: "the shop wants fewer calls".into(), wait: retry_after(answer) });
        }
        status => return Err(NotPulled::later(format!("the shop answered {status}"))),
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if value.is_object() => Ok(value),
        _ => Err(NotPulled::later("the shop's answer is not Shopware's, or breaks off")),
    }
}
