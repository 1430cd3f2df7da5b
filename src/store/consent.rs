//! The consent and opt-out ledgers: append-only, by the phone's blind index. An opt-out survives the erasure of all else.

pub mod list;

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{all, halves, later, run, run_of},
    listing::selected,
    of, time,
};
use crate::domain::{
    consent::{Consent, OptOut, OutProof},
    event::ConsentState,
    phone::Phone,
    seal::{Place, ShopKeys},
    time::Time,
};

/// The blind index of a phone, as the ledgers and messages hold it.
pub fn phone_index(keys: &ShopKeys, phone: &Phone) -> [u8; 16] {
    keys.index("phone", phone.e164())
}

/// Entries have no number of their own; their place is the phone they are about.
fn place(phone: &[u8; 16]) -> Place {
    let [a, b, c, d, e, f, g, h, ..] = *phone;
    Place { table: "consent", column: "detail", row: i64::from_be_bytes([a, b, c, d, e, f, g, h]) }
}

fn out_place(phone: &[u8; 16]) -> Place {
    Place { table: "opt_out", ..place(phone) }
}

/// The word of a state, as scripts and the database know it.
pub fn state_name(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Granted => "granted",
        ConsentState::Pending => "pending",
        ConsentState::Withdrawn => "withdrawn",
        ConsentState::NotGiven => "not_given",
        ConsentState::Restored => "restored",
    }
}

macro_rules! entry {
    ($how:ident, $tx:expr, $keys:expr, $phone:expr, $entry:expr, $now:expr) => {{
        let (high, low) = halves($phone);
        $how!(
            $tx,
            [("consents", high, low)],
            "INSERT INTO consent (shop_id, phone, at, state, source, recorded_at, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (shop_id, phone, at, state, source) DO NOTHING",
            of($keys),
            $phone.to_vec(),
            $entry.at.millis(),
            state_name($entry.state),
            $entry.proof.source.as_str(),
            $now.millis(),
            $keys.seal_json(place($phone), $entry)?
        )
    }};
}

/// Appends an entry; the same statement again changes nothing. `false` when it was known.
pub async fn record(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], entry: &Consent, now: Time) -> Result<bool, Error> {
    Ok(entry!(run_of, tx, keys, phone, entry, now)? > 0)
}

/// As [`record`], for who does not ask whether it was known.
pub async fn append(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], entry: &Consent, now: Time) -> Result<(), Error> {
    entry!(later, tx, keys, phone, entry, now)
}

/// Appends an opt-out; the same one again changes nothing. `false` when it was known.
pub async fn opt_out(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16], entry: &OptOut, now: Time) -> Result<bool, Error> {
    let (high, low) = halves(phone);
    let added = run_of!(
        tx,
        [("consents", high, low)],
        "INSERT INTO opt_out (shop_id, phone, at, source, recorded_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (shop_id, phone, at, source) DO NOTHING",
        of(keys),
        phone.to_vec(),
        entry.at.millis(),
        entry.source.as_str(),
        now.millis()
    )?;
    Ok(added > 0)
}

/// As [`opt_out`], with what stands behind it.
pub async fn opt_out_with(
    tx: &mut Tx,
    keys: &ShopKeys,
    phone: &[u8; 16],
    entry: &OptOut,
    proof: &OutProof,
    now: Time,
) -> Result<bool, Error> {
    let added = opt_out(tx, keys, phone, entry, now).await?;
    if added {
        run!(
            tx,
            "UPDATE opt_out SET detail = $5 WHERE shop_id = $1 AND phone = $2 AND at = $3 AND source = $4",
            of(keys),
            phone.to_vec(),
            entry.at.millis(),
            entry.source.as_str(),
            keys.seal_json(out_place(phone), proof)?
        )?;
    }
    Ok(added)
}

/// The opt-outs of a phone with what stands behind each, oldest first. Erased and older ones have nothing.
pub async fn opt_outs_of(
    read: &mut Read,
    keys: &ShopKeys,
    phone: &[u8; 16],
) -> Result<Vec<(OptOut, Option<OutProof>)>, Error> {
    let rows = all!(
        read,
        (i64, String, Option<Vec<u8>>),
        "SELECT at, source, detail FROM opt_out WHERE shop_id = $1 AND phone = $2 ORDER BY at, source",
        of(keys),
        phone.to_vec()
    )?;
    rows.into_iter()
        .map(|(at, source, detail)| {
            let proof = detail.map(|detail| keys.open_json(out_place(phone), &detail)).transpose()?;
            Ok((OptOut { at: time(at), source }, proof))
        })
        .collect()
}

/// Everything both ledgers say about a phone, oldest first.
pub async fn of_phone(
    read: &mut Read,
    keys: &ShopKeys,
    phone: &[u8; 16],
) -> Result<(Vec<Consent>, Vec<OptOut>), Error> {
    let (high, low) = halves(phone);
    let mut rows = match read.recall::<Vec<Said>>(("consents", high, low)) {
        Some(rows) => rows,
        None => all!(
            read,
            Said,
            "SELECT at, state, source, detail FROM consent WHERE shop_id = $1 AND phone = $2
             UNION ALL
             SELECT at, '', source, NULL FROM opt_out WHERE shop_id = $1 AND phone = $2",
            of(keys),
            phone.to_vec()
        )?,
    };
    rows.sort();
    let (mut consents, mut outs) = (Vec::new(), Vec::new());
    for (at, _, source, detail) in rows {
        match detail {
            Some(detail) => consents.push(keys.open_json(place(phone), &detail)?),
            None => outs.push(OptOut { at: time(at), source }),
        }
    }
    Ok((consents, outs))
}

/// When, the state, the source and, of a consent, what is sealed of it.
type Said = (i64, String, String, Option<Vec<u8>>);

/// Reads what a handful is about to ask of `of_phone`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, phones: &[[u8; 16]]) -> Result<(), Error> {
    for some in &ahead::sets(phones) {
        let text = each!(
            "SELECT phone, at, state, source, detail FROM consent WHERE shop_id = $1 AND phone = $2
             UNION ALL
             SELECT phone, at, '', source, NULL FROM opt_out WHERE shop_id = $1 AND phone = $2"
        );
        type Row = (Vec<u8>, i64, String, String, Option<Vec<u8>>);
        let rows = selected!(read, Row, ahead::hashes(of(keys), text, some))?;
        let row = |(phone, at, state, source, detail)| (phone, (at, state, source, detail));
        let mut found = ahead::grouped(rows.into_iter().map(row));
        for phone in some {
            let said: Vec<Said> = found.remove(&phone[..]).unwrap_or_default();
            let (high, low) = halves(phone);
            read.keep(("consents", high, low), &said);
        }
    }
    Ok(())
}

/// Forgets the consents of a phone and what it replied; its opt-outs stay, as a keyed hash, so that it is never texted again by mistake.
pub async fn erase(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<(), Error> {
    run!(tx, "DELETE FROM consent WHERE shop_id = $1 AND phone = $2", of(keys), phone.to_vec())?;
    run!(tx, "UPDATE opt_out SET detail = NULL WHERE shop_id = $1 AND phone = $2", of(keys), phone.to_vec())?;
    super::reply::erase(tx, keys, phone).await?;
    Ok(())
}

/// An opt-out with the keyed hash of its number and when we learnt of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub phone: [u8; 16],
    pub entry: OptOut,
    pub recorded_at: Time,
}

/// The whole opt-out list, oldest first, from the one after `after`; at most `most`.
pub async fn opt_outs(
    read: &mut Read,
    keys: &ShopKeys,
    (at, phone, source): (Time, &[u8], &str),
    most: u32,
) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        (Vec<u8>, i64, String, i64),
        "SELECT phone, at, source, recorded_at FROM opt_out
         WHERE shop_id = $1 AND (at > $2 OR (at = $2 AND (phone > $3 OR (phone = $3 AND source > $4))))
         ORDER BY at, phone, source LIMIT $5",
        of(keys),
        at.millis(),
        phone.to_vec(),
        source,
        i64::from(most)
    )?;
    rows.into_iter()
        .map(|(phone, at, source, recorded_at)| {
            let entry = OptOut { at: time(at), source };
            Ok(Line { phone: super::digest("phone index", phone)?, entry, recorded_at: time(recorded_at) })
        })
        .collect()
}

/// A place in a ledger: the entry read last. The first one of all without anything in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub at: Time,
    pub phone: Vec<u8>,
    /// What tells entries of one moment and phone apart.
    pub rest: String,
}

/// An entry of the consent ledger with the keyed hash of its number and when we learnt of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub phone: [u8; 16],
    pub entry: Consent,
    pub recorded_at: Time,
    /// As the statement orders entries of one moment and phone.
    rest: String,
}

impl Recorded {
    pub fn mark(&self) -> Mark {
        Mark { at: self.recorded_at, phone: self.phone.to_vec(), rest: self.rest.clone() }
    }
}

/// The whole consent ledger in the order it was recorded, from the entry after `after`; at most `most`.
pub async fn consents(read: &mut Read, keys: &ShopKeys, after: &Mark, most: u32) -> Result<Vec<Recorded>, Error> {
    let rows = all!(
        read,
        (Vec<u8>, i64, String, Vec<u8>),
        "SELECT phone, recorded_at, CAST(at AS TEXT) || ' ' || state || ' ' || source, detail FROM consent
         WHERE shop_id = $1 AND recorded_at >= $2 AND (recorded_at > $2 OR phone > $3
             OR (phone = $3 AND CAST(at AS TEXT) || ' ' || state || ' ' || source > $4))
         ORDER BY recorded_at, phone, 3 LIMIT $5",
        of(keys),
        after.at.millis(),
        after.phone.clone(),
        after.rest.as_str(),
        i64::from(most)
    )?;
    rows.into_iter()
        .map(|(phone, recorded_at, rest, detail)| {
            let phone = super::digest("phone index", phone)?;
            let entry = keys.open_json(place(&phone), &detail)?;
            Ok(Recorded { phone, entry, recorded_at: time(recorded_at), rest })
        })
        .collect()
}
