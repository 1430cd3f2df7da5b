//! Clicks: every opening of a recovery link, raw, and the verdict on whether a person did it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Error, Read, Tx,
    db::{all, first, later, run},
    from_json, json,
    listing::{Select, selected},
    of, time,
};
use crate::domain::{
    click::Opened,
    facet,
    id::{ClickId, MessageId, ShopId},
    seal::ShopKeys,
    time::Time,
};

/// An opening as stored. `verdict`: "" not judged yet, `human`, or the reason why it does not count.
#[derive(Clone, Debug)]
pub struct Click {
    pub id: ClickId,
    pub message: MessageId,
    pub at: Time,
    pub opened: Opened,
    pub verdict: String,
}

pub const HUMAN: &str = "human";

impl Click {
    pub fn is_human(&self) -> bool {
        self.verdict == HUMAN
    }
}

/// Openings of one link that are kept. A person opens theirs a few times; a program that opens one for hours must not make
/// work that grows with the square of it. Whoever opens it is led on all the same.
pub const KEPT_OF_ONE: i64 = 500;

/// Writes an opening down, unless its link has its `KEPT_OF_ONE`; answers whether it was written.
pub async fn record(tx: &mut Tx, keys: &ShopKeys, click: &Click) -> Result<bool, Error> {
    Ok(record_all(tx, keys.shop(), &[click]).await?.contains(&true))
}

/// As `record`, of many openings of one shop's links: answers for each, in their order. A few statements for all of them.
pub async fn record_all(tx: &mut Tx, shop: ShopId, clicks: &[&Click]) -> Result<Vec<bool>, Error> {
    let messages: BTreeSet<i64> = clicks.iter().map(|click| click.message.get()).collect();
    let mut kept = kept_of(tx, shop.get(), &messages.into_iter().collect::<Vec<_>>()).await?;
    let mut written = Vec::with_capacity(clicks.len());
    for click in clicks {
        let count = kept.entry(click.message.get()).or_default();
        written.push(*count < KEPT_OF_ONE);
        if *count >= KEPT_OF_ONE {
            continue;
        }
        *count += 1;
        later!(
            tx,
            [],
            "INSERT INTO click (shop_id, click_id, message_id, at, opened, device) VALUES ($1, $2, $3, $4, $5, $6)",
            shop.get(),
            click.id.get(),
            click.message.get(),
            click.at.millis(),
            json(&click.opened)?,
            facet::device(click.opened.agent.as_deref().unwrap_or_default())
        )?;
    }
    Ok(written)
}

/// How many openings of each link are kept; those of none are left out.
async fn kept_of(tx: &mut Tx, shop: i64, messages: &[i64]) -> Result<BTreeMap<i64, i64>, Error> {
    let mut kept = BTreeMap::new();
    for some in messages.chunks(LINKS_TOGETHER) {
        let mut select = Select::new(shop, "SELECT message_id, COUNT(*) FROM click WHERE shop_id = $1 AND message_id");
        select.any_of(some, if some.len() == 1 { 1 } else { LINKS_TOGETHER }).push(" GROUP BY message_id");
        kept.extend(selected!(tx, (i64, i64), select)?);
    }
    Ok(kept)
}

/// Links that are asked about together.
const LINKS_TOGETHER: usize = 16;

/// Gives openings of a message their verdicts: statements for them together, for a program may open a link a thousand times.
pub async fn judge(
    tx: &mut Tx,
    keys: &ShopKeys,
    message: MessageId,
    verdicts: &[(ClickId, &str)],
) -> Result<(), Error> {
    let mut by_verdict: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (id, verdict) in verdicts {
        by_verdict.entry(verdict).or_default().push(id.get());
    }
    for (verdict, ids) in by_verdict {
        for some in ids.chunks(8) {
            // The last one stands in for those there are not.
            let id = |at: usize| some.get(at).or(some.last()).copied();
            run!(
                tx,
                "UPDATE click SET verdict = $2 WHERE shop_id = $1 AND click_id IN ($3, $4, $5, $6, $7, $8, $9, $10)",
                of(keys),
                verdict,
                id(0),
                id(1),
                id(2),
                id(3),
                id(4),
                id(5),
                id(6),
                id(7)
            )?;
        }
    }
    run!(
        tx,
        "UPDATE message SET tapped_at = (SELECT MIN(click.at) FROM click WHERE click.shop_id = $1
                                           AND click.message_id = $2 AND click.verdict = 'human')
         WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        message.get()
    )?;
    super::message::restage_cart_of(tx, of(keys), message.get()).await
}

/// Every opening of the links of these texts, oldest first.
pub async fn of_messages(read: &mut Read, keys: &ShopKeys, messages: &[i64]) -> Result<Vec<Click>, Error> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(
        of(keys),
        "SELECT click_id, message_id, at, opened, verdict FROM click WHERE shop_id = $1 AND message_id",
    );
    select.any_of(messages, messages.len().next_power_of_two()).push(" ORDER BY click_id");
    selected!(read, Row, select)?.into_iter().map(Row::into_click).collect()
}

#[derive(sqlx::FromRow)]
struct Row {
    click_id: i64,
    message_id: i64,
    at: i64,
    opened: String,
    verdict: String,
}

impl Row {
    fn into_click(self) -> Result<Click, Error> {
        Ok(Click {
            id: ClickId::new(self.click_id),
            message: MessageId::new(self.message_id),
            at: time(self.at),
            opened: from_json("click", &self.opened)?,
            verdict: self.verdict,
        })
    }
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: ClickId) -> Result<Option<Click>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT click_id, message_id, at, opened, verdict FROM click WHERE shop_id = $1 AND click_id = $2",
        of(keys),
        id.get()
    )?;
    row.map(Row::into_click).transpose()
}

/// All of a message, oldest first.
pub async fn of_message(read: &mut Read, keys: &ShopKeys, message: MessageId) -> Result<Vec<Click>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT click_id, message_id, at, opened, verdict FROM click WHERE shop_id = $1 AND message_id = $2
         ORDER BY click_id",
        of(keys),
        message.get()
    )?;
    rows.into_iter().map(Row::into_click).collect()
}

/// A shop's openings in `[from, to)` by verdict, without those not judged yet.
pub async fn counted(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Vec<(String, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT verdict, CAST(COUNT(*) AS BIGINT) FROM click
         WHERE shop_id = $1 AND at >= $2 AND at < $3 AND verdict <> '' GROUP BY verdict ORDER BY verdict",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    Ok(rows.into_iter().map(|(verdict, count)| (verdict, count.unsigned_abs())).collect())
}

/// Openings by verdict, over all shops, for the metrics page. An operator read.
pub async fn count_by_verdict(read: &mut Read) -> Result<Vec<(String, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT verdict, CAST(COUNT(*) AS BIGINT) FROM click GROUP BY verdict ORDER BY verdict"
    )?;
    Ok(rows.into_iter().map(|(verdict, count)| (verdict, count.unsigned_abs())).collect())
}

/// Takes the browser's name from an opening; the rest is needed for the figures and names nobody.
pub async fn forget_agent(tx: &mut Tx, keys: &ShopKeys, id: ClickId) -> Result<(), Error> {
    let Some(mut click) = get(tx, keys, id).await? else { return Ok(()) };
    if click.opened.agent.take().is_none() {
        return Ok(());
    }
    run!(
        tx,
        "UPDATE click SET opened = $3 WHERE shop_id = $1 AND click_id = $2",
        of(keys),
        id.get(),
        json(&click.opened)?
    )?;
    Ok(())
}
