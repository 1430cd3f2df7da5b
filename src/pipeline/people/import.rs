//! Import: consents and opt-outs that come as lists, from a file or through the API. Decides whether a line can be taken
//! as it stands; a list is taken as a whole or not at all, and taking it again changes nothing.

use serde::Deserialize;

use crate::{
    domain::{
        consent::{Consent, Ledger, OptOut, OutProof},
        event::{ConsentProof, ConsentState, TypedPhone},
        id::ShopId,
        phone::Phone,
        time::{HOUR, Time},
    },
    pipeline::{Core, ingest, settle},
    store::{self, Error, shop::Shop},
    transact,
};

/// A consent as somebody wrote it down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypedConsent {
    pub phone: String,
    /// ISO 3166-1 alpha-2, for a number without its `+`; the shop's own country without it.
    pub country: Option<String>,
    /// `granted` (also when nothing is said), `pending` or `withdrawn`.
    pub state: Option<String>,
    /// When the person said so; RFC 3339.
    pub given_at: String,
    /// The words next to the box, which version of them, and in which language (BCP 47).
    pub text: Option<String>,
    pub version: Option<String>,
    pub language: Option<String>,
    /// Where it was asked.
    pub url: Option<String>,
    pub ip: Option<String>,
    pub agent: Option<String>,
    /// How the box stood before the person touched it: `unticked`, `ticked`.
    pub box_state: Option<String>,
    /// `single_opt_in` or `confirmed_opt_in`.
    pub level: Option<String>,
    /// Which system says so.
    pub source: Option<String>,
}

/// An opt-out as somebody wrote it down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TypedOptOut {
    pub phone: String,
    pub country: Option<String>,
    /// When the person said so; now without it.
    pub at: Option<String>,
    pub source: Option<String>,
}

/// A statement about a number, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    Consent(Phone, Box<Consent>),
    OptOut(Phone, Option<Time>, String),
}

/// What became of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    pub recorded: usize,
    /// Known before.
    pub known: usize,
}

/// The most a field may hold, in characters.
const SHORT_MAX: usize = 64;
const LONG_MAX: usize = 4_000;

pub const CONSENT_SOURCE: &str = "import";
pub const OPT_OUT_SOURCE: &str = "operator";

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}

fn within(name: &str, value: &Option<String>, most: usize) -> Result<Option<String>, String> {
    match given(value) {
        Some(value) if value.chars().nth(most).is_some() => Err(format!("{name}: at most {most} characters")),
        value => Ok(value.map(str::to_owned)),
    }
}

/// The door a line came through stands before what it says of itself: a list must not pass for a shop's own record, whose
/// word weighs more (`Consent::level`).
fn named(door: &str, source: &Option<String>) -> Result<String, String> {
    let told = within("source", source, SHORT_MAX)?;
    // It stands in the open, also after the person was erased.
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if told
        .as_deref()
        .is_some_and(|told| !told.chars().all(is_name) || told.chars().filter(char::is_ascii_digit).count() > 6)
    {
        return Err("source: must be a short name of letters, digits, dots and dashes".into());
    }
    Ok(told.map_or_else(|| door.to_owned(), |told| format!("{door}:{told}")))
}

/// Problems never quote what was typed: they are shown in places where a number must not be.
fn phone(shop: &Shop, number: &str, country: &Option<String>) -> Result<Phone, String> {
    // Spreadsheets are told by an apostrophe that a `+` is no formula.
    let number = number.trim().trim_start_matches('\'').to_owned();
    if number.is_empty() {
        return Err("phone: is missing".into());
    }
    let country = given(country).map(str::to_ascii_uppercase);
    let typed = TypedPhone { number, country };
    ingest::read_phone(shop, &typed, None).map_err(|problem| format!("phone: {problem}"))
}

/// A moment that has been; a clock may run an hour ahead of ours.
fn moment(name: &str, text: &str, now: Time) -> Result<Time, String> {
    let at = Time::parse(text).ok_or_else(|| format!("{name}: must be a moment, as in 2026-03-01T12:00:00Z"))?;
    if at > now + HOUR { Err(format!("{name}: lies in the future")) } else { Ok(at.min(now)) }
}

fn level(typed: &Option<String>) -> Result<Option<String>, String> {
    let Some(typed) = given(typed) else { return Ok(None) };
    match typed.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
        "single" | "single_opt_in" | "soi" => Ok(Some("single_opt_in".into())),
        "double" | "double_opt_in" | "confirmed" | "confirmed_opt_in" | "doi" => Ok(Some("confirmed_opt_in".into())),
        "unknown" => Ok(None),
        _ => Err("level: must be single_opt_in or confirmed_opt_in".into()),
    }
}

impl TypedConsent {
    /// The entry it makes in the ledger, or what is wrong with it.
    pub fn read(&self, shop: &Shop, source: &str, now: Time) -> Result<Statement, String> {
        let phone = phone(shop, &self.phone, &self.country)?;
        let state = match given(&self.state).unwrap_or("granted").to_ascii_lowercase().as_str() {
            "granted" | "subscribed" | "yes" => ConsentState::Granted,
            "pending" => ConsentState::Pending,
            "withdrawn" | "unsubscribed" | "no" => ConsentState::Withdrawn,
            _ => return Err("state: must be granted, pending or withdrawn".into()),
        };
        if self.given_at.trim().is_empty() {
            return Err("given_at: is missing".into());
        }
        let at = moment("given_at", &self.given_at, now)?;
        let ip = within("ip", &self.ip, SHORT_MAX)?;
        if ip.as_deref().is_some_and(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
            return Err("ip: is not an IP address".into());
        }
        let proof = ConsentProof {
            source: named(source, &self.source)?,
            level: level(&self.level)?,
            text: within("text", &self.text, LONG_MAX)?,
            version: within("version", &self.version, SHORT_MAX)?,
            given_at: Some(at),
            url: within("url", &self.url, LONG_MAX)?,
            language: within("language", &self.language, SHORT_MAX)?,
            ip,
            agent: within("agent", &self.agent, LONG_MAX)?,
            box_state: within("box_state", &self.box_state, SHORT_MAX)?,
            reply: None,
        };
        Ok(Statement::Consent(phone, Box::new(Consent { state, at, proof })))
    }
}

impl TypedOptOut {
    pub fn read(&self, shop: &Shop, source: &str, now: Time) -> Result<Statement, String> {
        let phone = phone(shop, &self.phone, &self.country)?;
        let at = given(&self.at).map(|at| moment("at", at, now)).transpose()?;
        Ok(Statement::OptOut(phone, at, named(source, &self.source)?))
    }
}

/// Statements written in one transaction: long enough to be quick, short enough to let others in between.
const BATCH: usize = 500;

/// Takes a list. `None` when there is no such shop. A list longer than `BATCH` is written in several transactions; should
/// one fail, taking the list again goes on where it ended, since what is known changes nothing.
pub async fn take(core: &Core, shop: ShopId, statements: &[Statement]) -> Result<Option<Taken>, Error> {
    take_watched(core, shop, statements, |_| {}).await
}

/// As `take`; `watch` hears after each transaction how many statements it was.
pub async fn take_watched(
    core: &Core,
    shop: ShopId,
    statements: &[Statement],
    watch: impl Fn(u64),
) -> Result<Option<Taken>, Error> {
    let mut taken = Taken::default();
    for batch in statements.chunks(BATCH) {
        match take_batch(core, shop, batch).await? {
            Some(part) => {
                taken.recorded += part.recorded;
                taken.known += part.known;
            }
            None => return Ok(None),
        }
        watch(batch.len() as u64);
    }
    core.wake.notify_one();
    Ok(Some(taken))
}

async fn take_batch(core: &Core, id: ShopId, batch: &[Statement]) -> Result<Option<Taken>, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            Some((shop, keys)) => {
                let mut taken = Taken::default();
                for statement in batch {
                    let new = match statement {
                        Statement::Consent(phone, entry) => {
                            let index = store::consent::phone_index(&keys, phone);
                            let new = store::consent::record(tx, &keys, &index, entry, now).await?;
                            if entry.state == ConsentState::Withdrawn {
                                settle::silence(tx, &keys, &index, "consent withdrawn", now).await?;
                            }
                            new
                        }
                        Statement::OptOut(phone, at, source) => {
                            let index = store::consent::phone_index(&keys, phone);
                            let (consents, outs) = store::consent::of_phone(tx, &keys, &index).await?;
                            let told = outs.iter().any(|out| Some(out.at) == *at && out.source == *source);
                            let is_out = Ledger::of(consents, outs).opted_out().is_some();
                            let new = if at.is_none() { !is_out } else { !told };
                            if new {
                                let entry = OptOut { at: at.unwrap_or(now), source: source.clone() };
                                let proof = OutProof { applied_at: Some(now), ..OutProof::default() };
                                settle::opt_out_with(core, tx, &keys, &index, entry, &proof, &shop).await?;
                            }
                            new
                        }
                    };
                    if new {
                        taken.recorded += 1;
                    } else {
                        taken.known += 1;
                    }
                }
                Some(taken)
            }
            None => None,
        }
    })
}

/// A line of the opt-out list for whoever takes it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOutLine {
    /// E.164; "" where only the keyed hash is known any more.
    pub phone: String,
    pub number_hash: String,
    pub at: Time,
    pub source: String,
    pub recorded_at: Time,
}

/// Lines read at a time.
const PAGE: u32 = 500;

/// The whole opt-out list, oldest first. The ledger holds keyed hashes; a number stands beside its hash where a text to
/// it still names it. `None` when there is no such shop.
pub async fn opt_outs(core: &Core, shop: ShopId) -> Result<Option<Vec<OptOutLine>>, Error> {
    let mut read = core.db.read().await?;
    let Some((_, keys)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    let mut lines: Vec<OptOutLine> = Vec::new();
    let mut after = (Time::FIRST, Vec::new(), String::new());
    loop {
        let (at, phone, source) = &after;
        let page = store::consent::opt_outs(&mut read, &keys, (*at, phone, source), PAGE).await?;
        let Some(last) = page.last() else { return Ok(Some(lines)) };
        after = (last.entry.at, last.phone.to_vec(), last.entry.source.clone());
        for line in page {
            let texts = store::message::to_phone(&mut read, &keys, &line.phone, Time::FIRST).await?;
            let phone = texts.into_iter().map(|text| text.words.phone).find(|phone| !phone.is_empty());
            lines.push(OptOutLine {
                phone: phone.unwrap_or_default(),
                number_hash: data_encoding::HEXLOWER.encode(&line.phone),
                at: line.entry.at,
                source: line.entry.source,
                recorded_at: line.recorded_at,
            });
        }
    }
}
