//! Consents to advertising in a list: who may be told to advertising platforms. A list is taken as a whole: one bad line
//! and nothing is.

use crate::{
    domain::{phone::Phone, seal::ShopKeys, time::Time},
    pipeline::{
        table::{self, Form, Wish},
        zone_of,
    },
    store::{
        ad_consent::{AdConsent, State},
        identity::{self, Kind},
        shop::Shop,
    },
};

const FORM: Form = Form {
    columns: &[
        ("phone", &["phonenumber", "mobile", "telefon", "telefono"]),
        ("state", &["consent", "status", "granted", "einwilligung", "consentimiento"]),
        ("at", &["date", "givenat", "timestamp", "datum", "fecha"]),
        ("source", &["from", "quelle", "fuente"]),
    ],
    needs: &[(&["phone"], "the phone number"), (&["state"], "what was said: granted or withdrawn")],
    amounts: &[],
    days: &["at"],
};

const SOURCE_CHARS_MAX: usize = 60;

/// What a person said, and whether it is told when.
#[derive(Clone, Debug)]
pub struct Said {
    pub consent: AdConsent,
    /// Without a moment it is of now, and says nothing new where the same holds already: a list may be read twice.
    pub dated: bool,
}

/// What a person said, typed by a program or in a sheet; `Err` says what is wrong with it.
pub fn said(
    shop: &Shop,
    keys: &ShopKeys,
    (phone, state): (&str, &str),
    (at, now): (Option<Time>, Time),
    source: &str,
) -> Result<Said, String> {
    let phone = Phone::read(phone, &[shop.country.as_str()]).map_err(|why| format!("phone: {why}"))?;
    let state = match state.trim().to_lowercase().as_str() {
        "granted" | "yes" | "true" | "1" | "ja" | "si" | "sí" => State::Granted,
        "withdrawn" | "no" | "false" | "0" | "nein" | "denied" => State::Withdrawn,
        _ => return Err("state: must be granted or withdrawn".to_owned()),
    };
    let source = source.chars().filter(|c| !c.is_control()).take(SOURCE_CHARS_MAX).collect();
    let phone = identity::value(keys, Kind::Phone, phone.e164());
    let consent = AdConsent { phone, at: at.unwrap_or(now).min(now), state, source };
    Ok(Said { consent, dated: at.is_some() })
}

/// Reads a list; a line without a moment is of now.
pub fn read(bytes: &[u8], wish: &Wish, shop: &Shop, keys: &ShopKeys, now: Time) -> Result<Vec<Said>, String> {
    let found = table::read(bytes, wish, &FORM)?;
    let zone = wish.zone.clone().unwrap_or_else(|| zone_of(shop));
    let mut all = Vec::with_capacity(found.rows.len());
    for row in &found.rows {
        let line = || -> Result<Said, String> {
            let at = row.get("at").map(|text| table::start(text, found.days, &zone)).transpose();
            let at = at.map_err(|why| format!("at: {why}"))?;
            let typed = (row.get("phone").unwrap_or_default(), row.get("state").unwrap_or_default());
            said(shop, keys, typed, (at, now), row.get("source").unwrap_or("import"))
        };
        all.push(line().map_err(|why| format!("line {}: {why}", row.line))?);
    }
    Ok(all)
}
