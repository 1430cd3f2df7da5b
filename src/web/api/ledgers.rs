//! The ledgers of consents and opt-outs: lists come in whole or not at all, and are read page by page. A number stands
//! beside its keyed hash where a text to it still names it.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment},
    shop::answered,
};
use crate::{
    domain::{seal::ShopKeys, time::Time},
    pipeline::people::import::{self, Statement, TypedConsent, TypedOptOut},
    store::{self, Error, Read, consent::Mark, shop::Shop},
    web::problem::Problem,
};

/// Entries of one list.
const ENTRIES_MAX: usize = 500;
/// Problems told of one list.
const PROBLEMS_MAX: usize = 100;
const SOURCE: &str = "api";

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Consents {
    #[schema(min_items = 1, max_items = 500)]
    consents: Vec<NewConsent>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OptOuts {
    #[schema(min_items = 1, max_items = 500)]
    opt_outs: Vec<NewOptOut>,
}

/// A consent as somebody wrote it down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConsent {
    #[schema(example = "+38640555123")]
    phone: String,
    /// ISO 3166-1 alpha-2, for a number without its `+`; the shop's own country without it.
    #[serde(default)]
    country: Option<String>,
    /// `granted` (also when nothing is said), `pending` or `withdrawn`.
    #[serde(default)]
    #[schema(example = "granted")]
    state: Option<String>,
    /// When the person said so; RFC 3339.
    #[schema(example = "2026-03-03T09:00:00Z")]
    given_at: String,
    /// The words next to the box, which version of them, and in which language (BCP 47).
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    language: Option<String>,
    /// Where it was asked.
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    agent: Option<String>,
    /// How the box stood before the person touched it: `unticked`, `ticked`.
    #[serde(default)]
    box_state: Option<String>,
    /// `single_opt_in` or `confirmed_opt_in`.
    #[serde(default)]
    level: Option<String>,
    /// Which system says so.
    #[serde(default)]
    source: Option<String>,
}

/// An opt-out as somebody wrote it down.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOptOut {
    #[schema(example = "+38640555123")]
    phone: String,
    /// ISO 3166-1 alpha-2, for a number without its `+`.
    #[serde(default)]
    country: Option<String>,
    /// When the person said so; now without it.
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

impl From<NewConsent> for TypedConsent {
    fn from(new: NewConsent) -> TypedConsent {
        TypedConsent {
            phone: new.phone,
            country: new.country,
            state: new.state,
            given_at: new.given_at,
            text: new.text,
            version: new.version,
            language: new.language,
            url: new.url,
            ip: new.ip,
            agent: new.agent,
            box_state: new.box_state,
            level: new.level,
            source: new.source,
        }
    }
}

impl From<NewOptOut> for TypedOptOut {
    fn from(new: NewOptOut) -> TypedOptOut {
        TypedOptOut { phone: new.phone, country: new.country, at: new.at, source: new.source }
    }
}

/// What came of a list.
#[derive(Serialize, ToSchema)]
pub struct Taken {
    /// New entries.
    recorded: usize,
    /// Entries that were known already.
    known: usize,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LedgerQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// An entry of the consent ledger.
#[derive(Serialize, ToSchema)]
pub struct Consent {
    /// The number's keyed hash: the same in every entry of one phone.
    phone_hash: String,
    /// E.164; `null` where nothing names it any more.
    #[schema(required)]
    phone: Option<String>,
    /// `granted`, `pending`, `withdrawn`, `not_given`, or `restored` by START.
    #[schema(example = "granted")]
    state: String,
    /// How well it is proven: `unproven`, `single`, `double`.
    #[schema(example = "double")]
    level: String,
    at: Moment,
    recorded_at: Moment,
    source: String,
    /// The words next to the box.
    #[schema(required)]
    text: Option<String>,
    #[schema(required)]
    url: Option<String>,
}

/// An entry of the opt-out ledger.
#[derive(Serialize, ToSchema)]
pub struct OptOut {
    /// The number's keyed hash: the same in every entry of one phone.
    phone_hash: String,
    /// E.164; `null` where nothing names it any more.
    #[schema(required)]
    phone: Option<String>,
    at: Moment,
    recorded_at: Moment,
    /// `reply`, `link`, `gateway`, `shop`, `operator` or another system's name.
    #[schema(example = "reply")]
    source: String,
}

async fn number(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<Option<String>, Error> {
    let texts = store::message::to_phone(read, keys, phone, Time::FIRST).await?;
    Ok(texts.into_iter().map(|text| text.words.phone).find(|phone| !phone.is_empty()))
}

/// Where a page of a ledger begins: the entry before it. Opaque to programs, and signed by nobody: whoever makes one up
/// reads the same list from another place.
fn cursor(mark: &Mark) -> String {
    BASE64URL_NOPAD.encode(&[&mark.at.millis().to_be_bytes(), mark.phone.as_slice(), mark.rest.as_bytes()].concat())
}

fn mark(after: Option<&String>) -> Result<Mark, Problem> {
    let Some(after) = after else { return Ok(Mark::default()) };
    let read = |bytes: Vec<u8>| {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (phone, rest) = rest.split_first_chunk::<16>()?;
        let rest = String::from_utf8(rest.to_vec()).ok().filter(|rest| !rest.contains('\0'))?;
        Some(Mark { at: Time::from_millis(i64::from_be_bytes(*at)), phone: phone.to_vec(), rest })
    };
    let wrong = || Problem::Wrong(vec!["after: must be the `next` of an earlier answer".to_owned()]);
    BASE64URL_NOPAD.decode(after.as_bytes()).ok().and_then(read).ok_or_else(wrong)
}

/// The consent ledger, oldest first
#[utoipa::path(get, path = "/api/v1/consents", params(LedgerQuery), responses((status = 200, description = "Entries, in the order they were recorded.", body = form::List<Consent>)))]
pub async fn consents(call: &Call) -> Result<Answer, Problem> {
    let asked: LedgerQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let from = mark(window.after.as_ref())?;
    let (mut read, _, keys) = call.open().await?;
    let mut lines = store::consent::consents(&mut read, &keys, &from, window.most()).await?;
    let next = window.cut(&mut lines, |line| cursor(&line.mark()));
    let mut data = Vec::new();
    for line in lines {
        let proof = &line.entry.proof;
        data.push(Consent {
            phone_hash: HEXLOWER.encode(&line.phone),
            phone: number(&mut read, &keys, &line.phone).await?,
            state: store::consent::state_name(line.entry.state).to_owned(),
            level: line.entry.level().name().to_owned(),
            at: line.entry.at.into(),
            recorded_at: line.recorded_at.into(),
            source: proof.source.clone(),
            text: proof.text.clone(),
            url: proof.url.clone(),
        });
    }
    answered(call, data, next)
}

/// The opt-out ledger, oldest first
#[utoipa::path(get, path = "/api/v1/opt-outs", params(LedgerQuery), responses((status = 200, description = "Entries, oldest first.", body = form::List<OptOut>)))]
pub async fn opt_outs(call: &Call) -> Result<Answer, Problem> {
    let asked: LedgerQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let from = mark(window.after.as_ref())?;
    let (mut read, _, keys) = call.open().await?;
    let place = (from.at, from.phone.as_slice(), from.rest.as_str());
    let mut lines = store::consent::opt_outs(&mut read, &keys, place, window.most()).await?;
    let next = window.cut(&mut lines, |line| {
        cursor(&Mark { at: line.entry.at, phone: line.phone.to_vec(), rest: line.entry.source.clone() })
    });
    let mut data = Vec::new();
    for line in lines {
        data.push(OptOut {
            phone_hash: HEXLOWER.encode(&line.phone),
            phone: number(&mut read, &keys, &line.phone).await?,
            at: line.entry.at.into(),
            recorded_at: line.recorded_at.into(),
            source: line.entry.source,
        });
    }
    answered(call, data, next)
}

/// Record consents
///
/// All entries or none; the same entry again changes nothing.
#[utoipa::path(post, path = "/api/v1/consents", request_body = Consents, responses((status = 200, description = "Taken.", body = Taken)))]
pub async fn record_consents(call: &Call) -> Result<Answer, Problem> {
    let Consents { consents } = call.body()?;
    let now = call.core().now();
    take(call, "consents", consents, |shop, new| TypedConsent::from(new).read(shop, SOURCE, now)).await
}

/// Opt numbers out
///
/// All entries or none; acts at once: what waits to go to these numbers is called off in the same transaction.
#[utoipa::path(post, path = "/api/v1/opt-outs", request_body = OptOuts, responses((status = 200, description = "Taken.", body = Taken)))]
pub async fn record_opt_outs(call: &Call) -> Result<Answer, Problem> {
    let OptOuts { opt_outs } = call.body()?;
    let now = call.core().now();
    take(call, "opt_outs", opt_outs, |shop, new| TypedOptOut::from(new).read(shop, SOURCE, now)).await
}

/// All entries or none.
async fn take<T>(
    call: &Call,
    name: &str,
    entries: Vec<T>,
    read: impl Fn(&Shop, T) -> Result<Statement, String>,
) -> Result<Answer, Problem> {
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(Problem::Wrong(vec![format!("{name}: must have 1 to {ENTRIES_MAX} entries")]));
    }
    let (connection, shop, _) = call.open().await?;
    drop(connection);
    let (mut good, mut problems) = (Vec::new(), Vec::new());
    for (place, entry) in entries.into_iter().enumerate() {
        match read(&shop, entry) {
            Ok(statement) => good.push(statement),
            Err(problem) => problems.push(named(&format!("{name}[{place}]"), &problem)),
        }
    }
    if !problems.is_empty() {
        problems.truncate(PROBLEMS_MAX);
        return Err(Problem::Wrong(problems));
    }
    let taken = import::take(call.core(), shop.id, &good).await?.ok_or(Problem::NotFound)?;
    Answer::ok(&Taken { recorded: taken.recorded, known: taken.known })
}

/// `phone: …` of an entry is `consents[1].phone: …`.
fn named(entry: &str, problem: &str) -> String {
    match problem.split_once(": ") {
        Some((field, _)) if field.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            format!("{entry}.{problem}")
        }
        _ => format!("{entry}: {problem}"),
    }
}
