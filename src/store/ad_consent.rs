//! Consent to advertising: who may be told to advertising platforms. Apart from the consent to texts, which says nothing
//! of it.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    of, time, word,
};
use crate::domain::{seal::ShopKeys, time::Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Granted,
    Withdrawn,
}

impl State {
    pub const ALL: [State; 2] = [State::Granted, State::Withdrawn];

    pub fn name(self) -> &'static str {
        match self {
            State::Granted => "granted",
            State::Withdrawn => "withdrawn",
        }
    }
}

/// One statement of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdConsent {
    pub phone: [u8; 16],
    pub at: Time,
    pub state: State,
    /// Who says so.
    pub source: String,
}

/// Keeps a statement; `false` when it is known.
pub async fn record(tx: &mut Tx, keys: &ShopKeys, id: i64, said: &AdConsent, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "INSERT INTO ad_consent (shop_id, consent_id, phone, at, state, source, recorded_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (shop_id, phone, at, state) DO NOTHING",
        of(keys),
        id,
        said.phone.to_vec(),
        said.at.millis(),
        said.state.name(),
        said.source.as_str(),
        now.millis()
    )?;
    Ok(touched > 0)
}

/// What holds of a number by now; of two statements of one moment the withdrawal. `None`: nothing is on record.
pub async fn newest(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16], now: Time) -> Result<Option<State>, Error> {
    let row = first!(
        read,
        (String,),
        "SELECT state FROM ad_consent WHERE shop_id = $1 AND phone = $2 AND at <= $3
         ORDER BY at DESC, state DESC LIMIT 1",
        of(keys),
        phone.to_vec(),
        now.millis()
    )?;
    row.map(|(state,)| word("ad consent", &State::ALL, State::name, &state)).transpose()
}

/// Everything a number said, the newest first.
pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<Vec<AdConsent>, Error> {
    let rows = all!(
        read,
        (i64, String, String),
        "SELECT at, state, source FROM ad_consent WHERE shop_id = $1 AND phone = $2 ORDER BY at DESC, state DESC",
        of(keys),
        phone.to_vec()
    )?;
    rows.into_iter()
        .map(|(at, state, source)| {
            let state = word("ad consent", &State::ALL, State::name, &state)?;
            Ok(AdConsent { phone: *phone, at: time(at), state, source })
        })
        .collect()
}

pub async fn forget(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<(), Error> {
    run!(tx, "DELETE FROM ad_consent WHERE shop_id = $1 AND phone = $2", of(keys), phone.to_vec())?;
    Ok(())
}
