//! Known browsers: a browser in which somebody signed in before. Its cookie proves nothing about who sits before it and
//! opens nothing; it only says whose wrong passwords are counted apart from everybody else's, so that nobody who guesses
//! at an account keeps its owner out. It is a number and a MAC of it under the house's keys; nothing is stored.

use std::time::Duration;

use actix_web::{HttpRequest, cookie::Cookie};
use data_encoding::BASE64URL_NOPAD;
use subtle::ConstantTimeEq;

use super::{State, session};
use crate::{
    clock,
    domain::{
        id::{ShopId, UserId},
        seal::ShopKeys,
        time::DAY,
    },
    store::Error,
};

const NAME: &str = "browser";
/// The longest a browser keeps any cookie.
const LASTS: Duration = Duration::from_secs(400 * DAY.as_secs());
const NUMBER_BYTES: usize = 16;
const PURPOSE: &str = "known browser";

fn signed(house: &ShopKeys, user: UserId, number: &[u8]) -> [u8; 32] {
    house.mac(PURPOSE, &[&user.get().to_be_bytes(), number].concat())
}

async fn house(state: &State) -> Result<ShopKeys, Error> {
    state.core.vault.keys(&mut state.core.db.read().await?, ShopId::HOUSE).await
}

/// Under which name this browser's attempts at this account are counted; `None` when nobody signed in to it here before.
pub async fn name(state: &State, request: &HttpRequest, user: UserId) -> Result<Option<String>, Error> {
    let Some(sent) = session::named_cookie(state, request, NAME) else { return Ok(None) };
    let Ok(bytes) = BASE64URL_NOPAD.decode(sent.value().as_bytes()) else { return Ok(None) };
    let Some((number, mac)) = bytes.split_at_checked(NUMBER_BYTES) else { return Ok(None) };
    let good = bool::from(signed(&house(state).await?, user, number).ct_eq(mac));
    Ok(good.then(|| format!("browser {}", BASE64URL_NOPAD.encode(number))))
}

/// Whether there is a cookie at all: only then is it worth asking whose account it is.
pub fn is_claimed(state: &State, request: &HttpRequest) -> bool {
    session::named_cookie(state, request, NAME).is_some()
}

/// What makes this browser known to an account, where it is not yet.
pub async fn cookie(state: &State, request: &HttpRequest, user: UserId) -> Result<Option<Cookie<'static>>, Error> {
    if name(state, request, user).await?.is_some() {
        return Ok(None);
    }
    let number: [u8; NUMBER_BYTES] = clock::random();
    let mac = signed(&house(state).await?, user, &number);
    let value = BASE64URL_NOPAD.encode(&[number.as_slice(), &mac].concat());
    Ok(Some(session::baked(state, NAME, value, Some(LASTS))))
}
