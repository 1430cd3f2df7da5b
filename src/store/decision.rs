//! Decisions: every verdict on every step of every cart, gate by gate, kept as it was made.

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{all, later},
    from_json, json,
    listing::{Select, selected},
    of, time,
};
use crate::domain::{
    decide::{Decision, Facts, Verdict},
    id::{CartId, DecisionId},
    seal::ShopKeys,
    time::Time,
};

/// A decision with where and when it was made.
#[derive(Clone, Debug)]
pub struct Kept {
    pub cart: CartId,
    pub step: u32,
    pub at: Time,
    pub decision: Decision,
    pub made_of: MadeOf,
}

/// What a decision was made of, so that it can be made again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MadeOf {
    /// `None` for decisions made before facts were kept.
    pub facts: Option<Facts>,
    pub rules_version: u64,
    /// The version of the law's data; "" before it was kept.
    pub law: String,
}

pub async fn record(tx: &mut Tx, keys: &ShopKeys, id: DecisionId, kept: &Kept) -> Result<(), Error> {
    let (verdict, until) = match kept.decision.verdict {
        Verdict::Pass => ("pass", None),
        Verdict::Wait(until) => ("wait", Some(until.millis())),
        Verdict::Stop => ("stop", None),
    };
    later!(
        tx,
        [("decisions", of(keys), kept.cart.get())],
        "INSERT INTO decision (shop_id, decision_id, cart_id, step, at, verdict, until, gates, facts, rules_version, law)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        of(keys),
        id.get(),
        kept.cart.get(),
        i64::from(kept.step),
        kept.at.millis(),
        verdict,
        until,
        json(&kept.decision)?,
        kept.made_of.facts.as_ref().map_or(Ok(String::new()), json)?,
        i64::try_from(kept.made_of.rules_version).unwrap_or(i64::MAX),
        kept.made_of.law.as_str()
    )
}

/// The newest of each of these carts, without what it was made of: for lists.
pub async fn newest_of(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<Vec<Kept>, Error> {
    if carts.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(
        of(keys),
        "SELECT cart_id, step, at, gates FROM decision WHERE shop_id = $1 AND decision_id IN (
             SELECT MAX(decision_id) FROM decision WHERE shop_id = $1 AND cart_id",
    );
    select.any_of(carts, carts.len().next_power_of_two()).push(" GROUP BY cart_id)");
    let rows = selected!(read, (i64, i64, i64, String), select)?;
    rows.into_iter()
        .map(|(cart, step, at, gates)| {
            Ok(Kept {
                cart: CartId::new(cart),
                step: u32::try_from(step).unwrap_or(0),
                at: time(at),
                decision: from_json("decision", &gates)?,
                made_of: MadeOf::default(),
            })
        })
        .collect()
}

/// All of a cart, oldest first.
pub async fn of_cart(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<Kept>, Error> {
    let rows = match read.recall::<Vec<Row>>(("decisions", of(keys), cart.get())) {
        Some(rows) => rows,
        None => all!(
            read,
            Row,
            "SELECT step, at, gates, facts, rules_version, law FROM decision
             WHERE shop_id = $1 AND cart_id = $2 ORDER BY decision_id",
            of(keys),
            cart.get()
        )?,
    };
    rows.into_iter().map(|row| kept(cart, row)).collect()
}

type Row = (i64, i64, String, String, i64, String);

fn kept(cart: CartId, (step, at, gates, facts, rules_version, law): Row) -> Result<Kept, Error> {
    Ok(Kept {
        cart,
        step: u32::try_from(step).unwrap_or(0),
        at: time(at),
        decision: from_json("decision", &gates)?,
        made_of: MadeOf {
            facts: if facts.is_empty() { None } else { Some(from_json("facts", &facts)?) },
            rules_version: rules_version.unsigned_abs(),
            law,
        },
    })
}

/// Reads what a handful is about to ask of `of_cart`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        let text = each!(
            "SELECT decision_id, cart_id, step, at, gates, facts, rules_version, law FROM decision
             WHERE shop_id = $1 AND cart_id = $2"
        );
        type Numbered = (i64, i64, i64, i64, String, String, i64, String);
        let mut rows = selected!(read, Numbered, ahead::numbers(of(keys), text, some))?;
        rows.sort_unstable_by_key(|row| row.0);
        let row = |(_, cart, step, at, gates, facts, version, law)| (cart, (step, at, gates, facts, version, law));
        let mut found = ahead::grouped(rows.into_iter().map(row));
        for cart in some {
            let rows: Vec<Row> = found.remove(cart).unwrap_or_default();
            read.keep(("decisions", of(keys), *cart), &rows);
        }
    }
    Ok(())
}
