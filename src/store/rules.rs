//! The versions of a shop's rules: each as it was saved, never changed, so that a cart can go on under the rules it began
//! with and a decision can be made again.

use super::{
    Error, Read, Tx,
    db::{first, run},
    json, of,
};
use crate::domain::{rules::Rules, seal::ShopKeys, time::Time};

/// Saves rules as the next version and makes them the shop's. Answers the version; 1 is the first. The caller holds the
/// shop's turn.
pub async fn save(tx: &mut Tx, keys: &ShopKeys, rules: &Rules, now: Time) -> Result<u64, Error> {
    let last = first!(
        tx,
        (i64,),
        "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) FROM rules_version WHERE shop_id = $1",
        of(keys)
    )?;
    let version = last.map_or(0, |(last,)| last) + 1;
    let text = json(rules)?;
    run!(
        tx,
        "INSERT INTO rules_version (shop_id, version, rules, at) VALUES ($1, $2, $3, $4)",
        of(keys),
        version,
        text.as_str(),
        now.millis()
    )?;
    run!(tx, "UPDATE shop SET rules = $2, rules_version = $3 WHERE shop_id = $1", of(keys), text.as_str(), version)?;
    super::holdout::ruled(tx, keys.shop(), rules.holdout_percent, version, now).await?;
    Ok(version.unsigned_abs())
}

/// The rules of one version; `None` for 0, which is what the shop had before versions were kept.
pub async fn get(read: &mut Read, keys: &ShopKeys, version: u64) -> Result<Option<Rules>, Error> {
    let row = first!(
        read,
        (String,),
        "SELECT rules FROM rules_version WHERE shop_id = $1 AND version = $2",
        of(keys),
        i64::try_from(version).unwrap_or(i64::MAX)
    )?;
    row.map(|(text,)| Rules::restored(&text).map_err(|why| Error::damaged("rules", why))).transpose()
}
