//! Offline: sales made at a till, with a loyalty card or by phone, told in a file or by a program and matched to people
//! who were texted. Decides nothing about a match; `domain::offline` does. No order, no credit and no figure of the site
//! is changed by any of it.
//!
//! - A file is put down sealed, in parts, and matched part by part in the background; what named somebody goes with its
//!   part. A sale keeps the keyed hash of a number only where a text went to it before.
//! - Told twice is told once: a sale is known by its reference, or by who, when and how much.
//! - An upload can be undone as a whole. What other uploads tell too stays, as theirs.

mod matching;
pub mod sheet;

use std::{collections::HashMap, time::Duration};

use super::{Core, ingest::Place};
use crate::{
    domain::{
        event::Identity,
        id::{SaleId, ShopId, UploadId},
        offline::{Digest, Outcome, Signs, Told, email_digests, phone_digests},
        phone::Phone,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    store::{
        self, Error, Tx,
        identity::{self, Kind},
        job::{self, Job},
        offline::{
            Counts, Part, Source, Upload,
            sale::{self, Line, Sale},
        },
        shop::Shop,
    },
    transact,
};
use matching::Judged;

/// Lines matched in one step.
const PART_LINES: usize = 500;
/// Lines of which nothing waits, written in one transaction; and parts.
const WRONG_AT_ONCE: usize = 1_000;
const PARTS_AT_ONCE: usize = 10;
/// Lines of an undone upload taken back in one step.
const BACK_AT_ONCE: u32 = 500;
/// Between two steps, so that what comes in meanwhile has its turn.
const PAUSE: Duration = Duration::from_millis(50);

/// A line as it was read: what it tells, or why it cannot be read, with its reference where that is known.
pub type ReadLine = (u64, Result<Told, String>);

/// Whose upload, under which name, and who brought it.
pub struct Brought<'b> {
    pub name: &'b str,
    pub source: Source,
    pub by: &'b str,
}

/// A file's name is shown, not opened.
const NAME_CHARS_MAX: usize = 120;

/// Puts lines down to be matched; `None` when there is no such shop.
pub async fn begin(
    core: &Core,
    shop: ShopId,
    lines: Vec<ReadLine>,
    brought: Brought<'_>,
) -> Result<Option<UploadId>, Error> {
    let Some((shop, keys)) = core.shop(&mut core.db.read().await?, shop).await? else { return Ok(None) };
    if shop.erased_at.is_some() || shop.id == ShopId::HOUSE {
        return Ok(None);
    }
    let now = core.now();
    let upload = Upload {
        id: UploadId::new(core.fresh_id()),
        name: brought.name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect(),
        source: brought.source,
        by: brought.by.to_owned(),
        begun_at: now,
        ready_at: None,
        ended_at: None,
        undone_at: None,
        total: 0,
        done: 0,
        counts: Counts::default(),
    };
    let total = lines.len() as u64;
    let (mut told, mut wrong) = (Vec::new(), Vec::new());
    for (line, read) in lines {
        match read.and_then(|told| told.problem(now).map_or(Ok(told), Err)) {
            Ok(mut read) => {
                // What no eye sees tells nothing apart, and one database keeps no NUL.
                read.reference.retain(|c| !c.is_control());
                told.push(read);
            }
            Err(why) => wrong.push(Line {
                upload: upload.id,
                line,
                reference: String::new(),
                outcome: Outcome::Wrong,
                why,
                sale: None,
                refund: None,
            }),
        }
    }
    // Neighbours in time are matched together: the texts before them are the same.
    told.sort_by_key(|told| (told.at, told.line));
    let parts: Vec<Part> = told
        .chunks(PART_LINES)
        .map(|told| Part { id: core.fresh_id(), upload: upload.id, told: told.to_vec() })
        .collect();
    transact!(core.db, |tx| store::offline::begin(tx, &keys, &upload).await?)?;
    for some in wrong.chunks(WRONG_AT_ONCE) {
        transact!(core.db, |tx| {
            let mut counts = Counts::default();
            for line in some {
                sale::put_line(tx, &keys, line).await?;
                counts.add(line.outcome);
            }
            store::offline::count(tx, &keys, upload.id, &counts).await?;
        })?;
    }
    for some in parts.chunks(PARTS_AT_ONCE) {
        transact!(core.db, |tx| {
            for part in some {
                store::offline::put_part(tx, &keys, part).await?;
            }
        })?;
    }
    transact!(core.db, |tx| {
        store::offline::ready(tx, &keys, upload.id, total, now).await?;
        job::schedule(tx, shop.id, job::Kind::Offline, upload.id.get(), now).await?;
    })?;
    core.wake.notify_one();
    Ok(Some(upload.id))
}

/// The job of an upload: its next step.
pub async fn step(core: &Core, job: &Job) -> Result<(), Error> {
    let more = go_on(core, job.shop, UploadId::new(job.subject)).await?;
    let due = core.now() + PAUSE;
    transact!(core.db, |tx| {
        match more {
            true => job::put_back(tx, job, due).await?,
            false => job::finish(tx, job).await.map(|_| ())?,
        }
    })
}

/// Does the next step of an upload; whether there is more. Two may do so at once: a part is taken by one of them.
pub async fn go_on(core: &Core, shop: ShopId, id: UploadId) -> Result<bool, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(false) };
    let Some(upload) = store::offline::get(&mut read, &keys, id).await? else { return Ok(false) };
    if upload.undone_at.is_some() {
        drop(read);
        return take_back(core, &keys, id).await;
    }
    if upload.is_over() || upload.ready_at.is_none() {
        return Ok(false);
    }
    let now = core.now();
    let Some(part) = store::offline::next_part(&mut read, &keys, id).await? else {
        drop(read);
        transact!(core.db, |tx| store::offline::end(tx, &keys, id, now).await?)?;
        return Ok(false);
    };
    let judged = matching::judge_part(&mut read, &keys, &part.told).await?;
    drop(read);
    transact!(core.db, |tx| {
        // An erasure may have changed the part since it was read; then it is judged anew.
        store::shop::take_turn(tx, shop.id).await?;
        let same = store::offline::part(tx, &keys, part.id, id).await?.is_some_and(|known| known.told == part.told);
        if same && store::offline::take_part(tx, &keys, part.id).await? {
            keep(core, tx, &keys, id, &judged, now).await?;
        }
    })?;
    Ok(true)
}

/// Writes what became of the lines of a part.
async fn keep(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    upload: UploadId,
    judged: &[Judged],
    now: Time,
) -> Result<(), Error> {
    let mut counts = Counts::default();
    for Judged { told, outcome, why, after } in judged {
        let back = told.refund_minor.filter(|&back| back > 0);
        let once = once(keys, told);
        let new = Sale {
            id: SaleId::new(core.fresh_id()),
            upload,
            once: once.clone(),
            reference: told.reference.clone(),
            channel: told.channel,
            sold_at: told.at,
            total: told.total,
            refund_minor: back.unwrap_or(0),
            refund_at: back.map(|_| now),
            outcome: *outcome,
            tie: after.as_ref().map(|after| after.tie),
            message: after.as_ref().map(|after| after.message),
            after_ms: after.as_ref().map_or(0, |after| i64::try_from(after.after.as_millis()).unwrap_or(i64::MAX)),
            tapped_at: after.as_ref().and_then(|after| after.tapped_at),
            phone: after.as_ref().map(|after| after.person),
            evidence: after.as_ref().map_or_else(Vec::new, |after| after.considered.clone()),
        };
        let mut line = Line {
            upload,
            line: told.line,
            reference: told.reference.clone(),
            outcome: *outcome,
            why: why.clone(),
            sale: Some(new.id),
            refund: back.map(|back| (back, now)),
        };
        if !sale::add(tx, keys, &new).await? {
            let known = sale::told(tx, keys, &once).await?;
            again(tx, keys, &mut line, known, told, now).await?;
        }
        counts.add(line.outcome);
        sale::put_line(tx, keys, &line).await?;
    }
    store::offline::count(tx, keys, upload, &counts).await
}

/// A sale that was told before.
async fn again(
    tx: &mut Tx,
    keys: &ShopKeys,
    line: &mut Line,
    known: Option<Sale>,
    told: &Told,
    now: Time,
) -> Result<(), Error> {
    let Some(known) = known else { return Err(Error::Busy) };
    line.why = String::new();
    line.sale = Some(known.id);
    let apart = known.sold_at.since(told.at).max(told.at.since(known.sold_at));
    if known.total != told.total || apart > DAY {
        line.outcome = Outcome::Differs;
        line.why = format!("stands as {} {} of {}", known.total.currency, known.total.amount(), known.sold_at);
        line.sale = None;
        line.refund = None;
    } else {
        let more = match line.refund {
            Some((back, _)) => sale::refund(tx, keys, known.id, back, now).await?,
            None => false,
        };
        line.outcome = if more { Outcome::Refund } else { Outcome::Known };
    }
    Ok(())
}

/// What makes it the same sale when it is told again.
fn once(keys: &ShopKeys, told: &Told) -> String {
    if !told.reference.is_empty() {
        return format!("r:{}", told.reference);
    }
    let Signs { phone, email, phone_sha256, email_sha256 } = &told.signs;
    let hash = |digest: &Option<Digest>| digest.as_ref().map(|digest| digest.hex().to_owned()).unwrap_or_default();
    let all = format!(
        "{}|{}|{}|{}|{}|{}|{}",
        told.at.millis(),
        told.total.minor,
        told.total.currency,
        phone.as_deref().unwrap_or_default(),
        email.as_deref().unwrap_or_default(),
        hash(phone_sha256),
        hash(email_sha256)
    );
    format!("k:{}", data_encoding::HEXLOWER.encode(&keys.index("offline sale", &all)))
}

/// Takes an upload back: at once out of the figures, then line by line. `None` when there is none, `false` when it was
/// undone before.
pub async fn undo(core: &Core, shop: ShopId, id: UploadId) -> Result<Option<bool>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    if store::offline::get(&mut read, &keys, id).await?.is_none() {
        return Ok(None);
    }
    drop(read);
    let now = core.now();
    let undone = transact!(core.db, |tx| {
        let undone = store::offline::undo(tx, &keys, id, now).await?;
        job::schedule(tx, shop.id, job::Kind::Offline, id.get(), now).await?;
        undone
    })?;
    core.wake.notify_one();
    Ok(Some(undone))
}

async fn take_back(core: &Core, keys: &ShopKeys, id: UploadId) -> Result<bool, Error> {
    transact!(core.db, |tx| {
        let lines = sale::lines(tx, keys, id, 0, false, BACK_AT_ONCE).await?;
        for line in &lines {
            sale::take_back(tx, keys, line).await?;
        }
        lines.len() == BACK_AT_ONCE as usize
    })
}

/// What is kept of somebody who is forgotten: the hash of their number in what they bought, and lines that still wait.
/// Asked before anything else of them is blanked.
pub(crate) async fn forget(
    tx: &mut Tx,
    place: &Place<'_>,
    who: &Identity,
    found: &super::people::Found,
) -> Result<(), Error> {
    for phone in found.trace.phones() {
        sale::forget_phone(tx, place.keys, phone).await?;
    }
    let waiting = store::offline::waiting(tx, place.keys).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let mut emails: Vec<String> = found.trace.emails().map(str::to_owned).collect();
    emails.extend(who.email_key());
    let mut phones: Vec<String> =
        super::ingest::phones(place.shop, who, None).iter().map(|phone| phone.e164().to_owned()).collect();
    for &message in &found.messages {
        let message = store::message::get(tx, place.keys, message).await?;
        phones.extend(message.map(|message| message.words.phone).filter(|phone| !phone.is_empty()));
    }
    let mut digests: Vec<Digest> = emails.iter().flat_map(|email| email_digests(email)).collect();
    digests.extend(phones.iter().flat_map(|phone| phone_digests(phone)));
    let named = |kind, text: &Option<String>| {
        text.as_ref().is_some_and(|text| found.trace.names.contains(&(kind, identity::value(place.keys, kind, text))))
    };
    let hashed = |digest: &Option<Digest>| digest.as_ref().is_some_and(|digest| digests.contains(digest));
    for (id, upload) in waiting {
        let Some(mut part) = store::offline::part(tx, place.keys, id, upload).await? else { continue };
        let mut changed = false;
        for told in &mut part.told {
            let signs = &told.signs;
            let theirs = named(Kind::Phone, &signs.phone)
                || named(Kind::Email, &signs.email)
                || hashed(&signs.phone_sha256)
                || hashed(&signs.email_sha256);
            if theirs {
                told.signs = Signs::default();
                changed = true;
            }
        }
        if changed {
            store::offline::rewrite_part(tx, place.keys, &part).await?;
        }
    }
    Ok(())
}

/// Reads who bought as somebody told it: what can be used, and why the rest cannot.
pub fn signs(shop: &Shop, typed: &TypedSigns<'_>) -> (Signs, String) {
    let (mut signs, mut notes) = (Signs::default(), Vec::new());
    let mut told = false;
    for (hash, text, name) in [(false, typed.phone, "phone"), (true, typed.phone_sha256, "phone_sha256")] {
        let Some(text) = text.map(|text| text.trim().trim_start_matches('\'')).filter(|text| !text.is_empty()) else {
            continue;
        };
        told = true;
        let countries: Vec<&str> = typed.country.into_iter().chain([shop.country.as_str()]).collect();
        match Digest::parse(text) {
            Some(digest) => signs.phone_sha256 = Some(digest),
            None if hash => notes.push(format!("{name}: must be 64 hex digits")),
            None => match Phone::read(text, &countries) {
                Ok(phone) => signs.phone = Some(phone.e164().to_owned()),
                Err(why) => notes.push(format!("{name}: {why}")),
            },
        }
    }
    for (hash, text, name) in [(false, typed.email, "email"), (true, typed.email_sha256, "email_sha256")] {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { continue };
        told = true;
        let email = Identity { email: Some(text.to_owned()), ..Identity::default() }.email_key();
        match (Digest::parse(text), email) {
            (Some(digest), _) => signs.email_sha256 = Some(digest),
            (None, _) if hash => notes.push(format!("{name}: must be 64 hex digits")),
            (None, Some(email)) => signs.email = Some(email),
            (None, None) => notes.push(format!("{name}: is no address")),
        }
    }
    if !told {
        notes.push("tells neither phone nor e-mail".to_owned());
    }
    (signs, notes.join("; "))
}

/// As it stands in a file or a call; either sign may be hashed where a plain one is asked for.
#[derive(Clone, Copy, Default)]
pub struct TypedSigns<'t> {
    pub phone: Option<&'t str>,
    pub phone_sha256: Option<&'t str>,
    pub email: Option<&'t str>,
    pub email_sha256: Option<&'t str>,
    /// Of the number, ISO 3166-1 alpha-2; the shop's own without it.
    pub country: Option<&'t str>,
}

/// Keyed hashes that found something, so that the next line with the same need not ask again.
type Met<T> = HashMap<[u8; 16], Vec<T>>;
