//! Months as they were published: rows that are written once, each bound to the one before it by a hash.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    of, time,
};
use crate::domain::{seal::ShopKeys, time::Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// 1 is the shop's first.
    pub number: i64,
    /// `2026-10`
    pub month: String,
    pub published_at: Time,
    /// Who, as they are called; "" behind an open door.
    pub by: String,
    /// JSON; these very bytes are hashed.
    pub body: String,
    /// Of the one before; "" for the first.
    pub hash_before: String,
    pub hash: String,
}

type Row = (i64, String, i64, String, String, String, String);

fn published((number, month, at, by, body, hash_before, hash): Row) -> Published {
    Published { number, month, published_at: time(at), by, body, hash_before, hash }
}

/// `Error::Duplicate` when the month, or the number, is taken.
pub async fn publish(tx: &mut Tx, keys: &ShopKeys, statement: &Published) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO statement (shop_id, number, month, published_at, by_name, body, hash_before, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        of(keys),
        statement.number,
        statement.month.as_str(),
        statement.published_at.millis(),
        statement.by.as_str(),
        statement.body.as_str(),
        statement.hash_before.as_str(),
        statement.hash.as_str()
    )?;
    Ok(())
}

/// The last one published.
pub async fn newest(read: &mut Read, keys: &ShopKeys) -> Result<Option<Published>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT number, month, published_at, by_name, body, hash_before, hash FROM statement
         WHERE shop_id = $1 ORDER BY number DESC LIMIT 1",
        of(keys)
    )?;
    Ok(row.map(published))
}

pub async fn of_month(read: &mut Read, keys: &ShopKeys, month: &str) -> Result<Option<Published>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT number, month, published_at, by_name, body, hash_before, hash FROM statement
         WHERE shop_id = $1 AND month = $2",
        of(keys),
        month
    )?;
    Ok(row.map(published))
}

/// All of a shop, as they were published: one a month.
pub async fn all_of(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Published>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT number, month, published_at, by_name, body, hash_before, hash FROM statement
         WHERE shop_id = $1 ORDER BY number",
        of(keys)
    )?;
    Ok(rows.into_iter().map(published).collect())
}
