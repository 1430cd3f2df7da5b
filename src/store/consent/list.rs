//! The latest entries of both ledgers, as the page of people shows them: the phone is its keyed hash, which leads to the
//! ledger of that phone and to nothing else.

use super::{out_place, place};
use crate::{
    domain::{
        consent::{Consent, OptOut, OutProof},
        seal::ShopKeys,
        time::Time,
    },
    store::{
        Error, Read, digest,
        listing::{Bind, Cond, Counted, Cut, Leaf, Open, Plan, Select, selected},
        of, time,
    },
};

/// What a list is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// `[from, to)` of when the person said so.
    pub from: Option<Time>,
    pub to: Option<Time>,
}

/// An entry of the opt-out ledger with what stands behind it.
#[derive(Clone, Debug)]
pub struct Out {
    pub phone: [u8; 16],
    pub entry: OptOut,
    pub proof: Option<OutProof>,
    pub recorded_at: Time,
}

/// An entry of the consent ledger.
#[derive(Clone, Debug)]
pub struct Given {
    pub phone: [u8; 16],
    pub entry: Consent,
    pub recorded_at: Time,
}

fn plan(keys: &ShopKeys, table: &'static str, wanted: &Narrow) -> Plan {
    let mut drive = Vec::new();
    drive.extend(wanted.from.map(|from| Cond::int("at >= ?", from.millis())));
    drive.extend(wanted.to.map(|to| Cond::int("at < ?", to.millis())));
    Plan { shop: of(keys), table, columns: "at", key: "at", id: "recorded_at", drive, narrow: Vec::new() }
}

/// Entries have no id of their own: within a moment they are in the order of their phones, and half of a hash names one.
fn page(keys: &ShopKeys, start: &'static str, wanted: &Narrow, open: Open) -> Select {
    let plan = plan(keys, "", wanted);
    let mut select = Select::new(of(keys), start);
    for cond in &plan.drive {
        select.push(" AND ").cond(cond);
    }
    if let Some((_, Cut { key, id })) = open.from {
        select.push(" AND at <= ").int(key).push(" AND (at < ").int(key).push(" OR phone < ");
        select.bind(Bind::Bytes(id.to_be_bytes().to_vec())).push(")");
    }
    select.push(" ORDER BY at DESC, phone DESC, source LIMIT ").int(i64::from(open.most) + 1);
    select
}

fn half(phone: &[u8; 16]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *phone;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

fn leaf<T>(mut rows: Vec<T>, open: Open, cut: impl Fn(&T) -> Cut) -> Leaf<T> {
    let more = rows.len() > open.most as usize;
    rows.truncate(open.most as usize);
    let on = if more { rows.last().map(&cut) } else { None };
    Leaf { rows, on, back: None }
}

/// One page of opt-outs, newest first.
pub async fn outs(read: &mut Read, keys: &ShopKeys, wanted: &Narrow, open: Open) -> Result<Leaf<Out>, Error> {
    let select =
        page(keys, "SELECT phone, at, source, recorded_at, detail FROM opt_out WHERE shop_id = $1", wanted, open);
    let rows = selected!(read, (Vec<u8>, i64, String, i64, Option<Vec<u8>>), select)?;
    let mut outs = Vec::with_capacity(rows.len());
    for (phone, at, source, recorded_at, detail) in rows {
        let phone = digest("phone index", phone)?;
        let proof = detail.map(|detail| keys.open_json(out_place(&phone), &detail)).transpose()?;
        let entry = OptOut { at: time(at), source };
        outs.push(Out { phone, entry, proof, recorded_at: time(recorded_at) });
    }
    Ok(leaf(outs, open, |out| Cut { key: out.entry.at.millis(), id: half(&out.phone) }))
}

/// One page of consents, newest first.
pub async fn given(read: &mut Read, keys: &ShopKeys, wanted: &Narrow, open: Open) -> Result<Leaf<Given>, Error> {
    let select = page(keys, "SELECT phone, at, recorded_at, detail FROM consent WHERE shop_id = $1", wanted, open);
    let rows = selected!(read, (Vec<u8>, i64, i64, Vec<u8>), select)?;
    let mut given = Vec::with_capacity(rows.len());
    for (phone, at, recorded_at, detail) in rows {
        let phone = digest("phone index", phone)?;
        let entry: Consent = keys.open_json(place(&phone), &detail)?;
        given.push(Given { phone, entry: Consent { at: time(at), ..entry }, recorded_at: time(recorded_at) });
    }
    Ok(leaf(given, open, |given| Cut { key: given.entry.at.millis(), id: half(&given.phone) }))
}

pub async fn count_outs(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Counted, Error> {
    plan(keys, "opt_out", wanted).count(read).await
}

pub async fn count_given(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Counted, Error> {
    plan(keys, "consent", wanted).count(read).await
}
