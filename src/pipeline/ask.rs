//! Ask: calls of a shop's own API, its token first where it needs one, and keys that a platform publishes. Tokens and keys
//! are remembered for as long as they last, in memory only: after a restart they are asked for again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};

use super::Core;
use crate::{
    domain::{
        connector::Settings,
        id::ShopId,
        time::{HOUR, MINUTE, Time},
    },
    http::{HttpError, Request, Response},
    shop::{self, TOKEN, Token, pull::NotPulled},
    store::shop::Shop,
};

/// What was told to this process and still holds.
#[derive(Default)]
pub struct Answers {
    tokens: Mutex<HashMap<ShopId, Held>>,
    published: Mutex<HashMap<String, Published>>,
}

struct Held {
    /// Of the settings it was given for: others need another one.
    given_for: [u8; 32],
    value: String,
    until: Time,
}

#[derive(Clone)]
struct Published {
    at: Time,
    /// `None`: there was no usable answer.
    answer: Option<Arc<Response>>,
}

/// A token is not used any more so long before its end: a call takes its time.
const BEFORE_ITS_END: Duration = MINUTE;
/// A platform's token is renewed at least this often.
const TOKEN_MOST: Duration = HOUR.saturating_mul(24);

/// Sends the request that is made of these settings, with a token among them where the platform wants one; one that is
/// refused is renewed once. `None` where there is no such request. Repeating it must be safe.
pub(crate) async fn shop(
    core: &Core,
    shop: &Shop,
    make: impl Fn(&Settings) -> Result<Option<Request>, String>,
) -> Result<Option<Response>, NotPulled> {
    let (settings, held) = with_token(core, shop, false).await?;
    let Some(request) = make(&settings).map_err(NotPulled::Refused)? else { return Ok(None) };
    let answer = exchange(core, request).await?;
    if answer.status != 401 || !held {
        return Ok(Some(answer));
    }
    let (settings, _) = with_token(core, shop, true).await?;
    match make(&settings).map_err(NotPulled::Refused)? {
        Some(request) => exchange(core, request).await.map(Some),
        None => Ok(None),
    }
}

async fn exchange(core: &Core, request: Request) -> Result<Response, NotPulled> {
    core.http.exchange(request).await.map_err(|error| match error {
        HttpError::NotAllowed(why) => NotPulled::Refused(why),
        why => NotPulled::later(why.to_string()),
    })
}

/// The shop's settings, and whether a token of the platform's is among them. `renewed`: the one there was is refused.
pub(crate) async fn with_token(core: &Core, shop: &Shop, renewed: bool) -> Result<(Settings, bool), NotPulled> {
    let Some(kind) = shop::by_kind(&shop.kind) else {
        return Err(NotPulled::Refused(format!("no connector {}", shop.kind)));
    };
    let Some(request) = kind.ask_token(&shop.settings) else { return Ok((shop.settings.clone(), false)) };
    let given_for = fingerprint(&shop.settings);
    let now = core.now();
    if !renewed {
        let tokens = core.answers.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = tokens.get(&shop.id).filter(|held| held.given_for == given_for && now < held.until) {
            return Ok((shop.settings.with(TOKEN, held.value.as_str()), true));
        }
    }
    let Token { value, lasts } = kind.token(&exchange(core, request).await?)?;
    let settings = shop.settings.with(TOKEN, value.as_str());
    let until = now + lasts.min(TOKEN_MOST).saturating_sub(BEFORE_ITS_END);
    let held = Held { given_for, value, until };
    core.answers.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(shop.id, held);
    Ok((settings, true))
}

fn fingerprint(settings: &Settings) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (key, value) in settings.pairs() {
        hash.update((key.len() as u64).to_be_bytes());
        hash.update(key);
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
    }
    hash.finalize().into()
}

/// Published keys are asked for again after this long.
const KEYS_KEPT: Duration = HOUR.saturating_mul(6);
/// At most so often for one address, however many forged deliveries come.
const KEYS_AGAIN: Duration = MINUTE;
/// Addresses remembered at once: who makes up more of them is asked to come back.
const ADDRESSES_MOST: usize = 64;

/// What is published at this address; `None` when it cannot be had now. `renewed`: what was there did not do.
pub(crate) async fn published(core: &Core, request: Request, renewed: bool) -> Option<Arc<Response>> {
    let now = core.now();
    let url = request.url.clone();
    {
        let mut known = core.answers.published.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = known.get(&url) {
            let good = last.answer.is_some() && !renewed && now.since(last.at) < KEYS_KEPT;
            if good || now.since(last.at) < KEYS_AGAIN {
                return last.answer.clone();
            }
        }
        known.retain(|_, entry| {
            now.since(entry.at) < KEYS_KEPT && (entry.answer.is_some() || now.since(entry.at) < KEYS_AGAIN)
        });
        if known.len() >= ADDRESSES_MOST {
            return None;
        }
        // Claimed before it is asked for: of many deliveries at once, one asks.
        let before = known.get(&url).and_then(|entry| entry.answer.clone());
        known.insert(url.clone(), Published { at: now, answer: before });
    }
    let answer = core.http.exchange(request).await.ok().filter(Response::is_success).map(Arc::new);
    if let Some(answer) = &answer {
        let mut known = core.answers.published.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(url, Published { at: now, answer: Some(answer.clone()) });
    }
    answer
}
