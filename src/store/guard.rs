//! What is counted against fake checkouts and runaway spend, and what is paused for it. Nothing here decides: limits and
//! their words are `domain::risk`, what is counted when is `pipeline::guard`.

mod book;

pub use book::ahead;

use std::collections::HashMap;

use super::{
    Error, Read, Tx,
    ahead::{among, numbers, sets},
    db::{Question, all, first, halves, later, run, run_of},
    digest,
    listing::selected,
    of, time,
};
use crate::domain::{
    id::{MessageId, ShopId},
    seal::{Place, ShopKeys},
    time::Time,
};

/// The names under which one text is counted: keyed hashes, without the shop's key useless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// The network its cart came from; `None` where the shop did not tell.
    pub ip: Option<[u8; 16]>,
    pub prefix: [u8; 16],
    pub country: [u8; 16],
    /// The gateway's price in that country.
    pub price: [u8; 16],
}

/// The buckets of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    pub quarter: Time,
    pub hour: Time,
    /// The shop's own day.
    pub day: Time,
}

/// From when on, and up to when, each kind is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spans {
    /// Buckets from here on are of the last hour.
    pub hour_from: Time,
    /// Usual hours lie in `[usual_from, usual_to)`.
    pub usual_from: Time,
    pub usual_to: Time,
    /// Texts up to here had time to be tapped.
    pub tappable_to: Time,
    pub day: Time,
}

/// One kind of counter, summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub texts: u64,
    pub micros: i64,
    pub rows: u64,
    pub oldest: Option<Time>,
}

/// Every sum a decision needs, and what is paused of what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub ip: Sum,
    pub prefix: Sum,
    pub breaker: Sum,
    /// `rows` are the hours in which anything was sent.
    pub usual: Sum,
    pub prefix_untapped: Sum,
    pub country_untapped: Sum,
    pub spent: Sum,
    pub price: Sum,
    pub paused: Vec<Paused>,
}

/// What was read: which sum, texts, millionths, rows, the oldest bucket.
type Row = (String, Option<i64>, Option<i64>, i64, Option<i64>);

fn sum((_, texts, micros, rows, oldest): &Row) -> Sum {
    Sum {
        texts: texts.unwrap_or(0).max(0).unsigned_abs(),
        micros: micros.unwrap_or(0),
        rows: rows.unsigned_abs(),
        oldest: oldest.map(time),
    }
}

/// Reads a [`Row`] of this name, of the counters that are so.
macro_rules! summed {
    ($name:literal, $which:literal) => {
        concat!(
            "SELECT '",
            $name,
            "', CAST(SUM(texts) AS BIGINT), CAST(SUM(micros) AS BIGINT), CAST(COUNT(*) AS BIGINT),
                CAST(MIN(bucket) AS BIGINT)
             FROM guard WHERE shop_id = $1 AND ",
            $which
        )
    };
}

use summed;

/// The key of what is counted for the whole shop.
const WHOLE: &[u8] = &[];

/// One look for all of them: a decision asks nine questions. One text of many shares what it can with the others.
pub async fn sums(read: &mut Read, keys: &ShopKeys, names: &Names, spans: &Spans) -> Result<Sums, Error> {
    if read.is_of_many() {
        return book::sums(read, keys, names, spans).await;
    }
    let rows = all!(
        read,
        Row,
        concat!(
            summed!("ip", "kind = 'ip' AND key = $2 AND bucket >= $6 AND texts > 0"),
            " UNION ALL ",
            summed!("prefix", "kind = 'prefix' AND key = $3 AND bucket >= $6 AND texts > 0"),
            " UNION ALL ",
            summed!("breaker", "kind = 'breaker' AND bucket >= $6 AND texts > 0"),
            " UNION ALL ",
            summed!("usual", "kind = 'texts' AND bucket >= $7 AND bucket < $8 AND texts > 0"),
            " UNION ALL ",
            summed!("prefix_untapped", "kind = 'quiet_prefix' AND key = $3 AND bucket <= $9"),
            " UNION ALL ",
            summed!("country_untapped", "kind = 'quiet_country' AND key = $4 AND bucket <= $9"),
            " UNION ALL ",
            summed!("spent", "kind = 'spend' AND bucket = $10"),
            " UNION ALL ",
            summed!("price", "kind = 'price' AND key = $5"),
            " UNION ALL
         SELECT 'paused ' || kind, NULL, NULL, CAST(1 AS BIGINT), NULL
         FROM pause WHERE shop_id = $1 AND resumed_at IS NULL
           AND (kind = 'prefix' AND key = $3 OR kind = 'country' AND key = $4 OR kind = 'breaker')"
        ),
        of(keys),
        names.ip.map_or_else(Vec::new, |key| key.to_vec()),
        names.prefix.to_vec(),
        names.country.to_vec(),
        names.price.to_vec(),
        spans.hour_from.millis(),
        spans.usual_from.millis(),
        spans.usual_to.millis(),
        spans.tappable_to.millis(),
        spans.day.millis()
    )?;
    let mut sums = Sums::default();
    for row in &rows {
        let sum = sum(row);
        match row.0.as_str() {
            "ip" if names.ip.is_some() => sums.ip = sum,
            "prefix" => sums.prefix = sum,
            "breaker" => sums.breaker = sum,
            "usual" => sums.usual = sum,
            "prefix_untapped" => sums.prefix_untapped = sum,
            "country_untapped" => sums.country_untapped = sum,
            "spent" => sums.spent = sum,
            "price" => sums.price = sum,
            kind => {
                if let Some(kind) = kind.strip_prefix("paused ") {
                    sums.paused.push(super::word("pause", &Paused::ALL, Paused::name, kind)?);
                }
            }
        }
    }
    Ok(sums)
}

/// What a part is taken to cost by this name, in millionths, where a gateway has told it.
pub async fn price(read: &mut Read, keys: &ShopKeys, name: &[u8; 16]) -> Result<Option<i64>, Error> {
    let (high, low) = halves(name);
    if let Some(price) = read.recall(("price", high, low)) {
        return Ok(price);
    }
    let row = first!(
        read,
        (Option<i64>, i64),
        "SELECT CAST(SUM(micros) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM guard
         WHERE shop_id = $1 AND kind = 'price' AND key = $2",
        of(keys),
        name.to_vec()
    )?;
    let price = row.filter(|(_, rows)| *rows > 0).map(|(micros, _)| micros.unwrap_or(0));
    read.keep(("price", high, low), &price);
    Ok(price)
}

/// Counts `by` texts (1, or -1 to take one back) under all their names. `tappable` says whether they carry a link.
pub async fn count(
    tx: &mut Tx,
    keys: &ShopKeys,
    names: &Names,
    buckets: &Buckets,
    tappable: bool,
    by: i64,
) -> Result<(), Error> {
    let untapped = if tappable { by } else { 0 };
    let counted = [
        ("prefix", &names.prefix[..], buckets.quarter, by),
        ("breaker", WHOLE, buckets.quarter, by),
        ("texts", WHOLE, buckets.hour, by),
        ("quiet_prefix", &names.prefix[..], buckets.quarter, untapped),
        ("quiet_country", &names.country[..], buckets.quarter, untapped),
    ];
    let network = names.ip.as_ref().map(|ip| ("ip", &ip[..], buckets.quarter, by));
    for (kind, key, bucket, texts) in network.into_iter().chain(counted).filter(|(.., texts)| *texts != 0) {
        add(tx, keys, (kind, key, bucket), (texts, 0)).await?;
    }
    if by == 1 {
        book::count_one(tx, keys, names, buckets);
    } else {
        book::forget(tx);
    }
    Ok(())
}

/// Counters say nothing of prices.
async fn add(
    tx: &mut Tx,
    keys: &ShopKeys,
    (kind, key, bucket): (&str, &[u8], Time),
    (texts, micros): (i64, i64),
) -> Result<(), Error> {
    later!(
        tx,
        [],
        "INSERT INTO guard (shop_id, kind, key, bucket, texts, micros) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (shop_id, kind, key, bucket)
         DO UPDATE SET texts = guard.texts + excluded.texts, micros = guard.micros + excluded.micros",
        of(keys),
        kind,
        key.to_vec(),
        bucket.millis(),
        texts,
        micros
    )
}

/// What a text costs, or is taken to: the day's sum changes by the difference to what it was taken to cost before. The day
/// is that of the first word.
pub async fn spend(tx: &mut Tx, keys: &ShopKeys, text: MessageId, day: Time, micros: i64) -> Result<(), Error> {
    let (before, day) = spent_on(tx, keys, text).await?.unwrap_or((0, day));
    later!(
        tx,
        [spent_question(keys, text)],
        "INSERT INTO spend (shop_id, message_id, day, micros) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, message_id) DO UPDATE SET micros = excluded.micros",
        of(keys),
        text.get(),
        day.millis(),
        micros
    )?;
    tx.keep(spent_question(keys, text), &Some((micros, day)));
    add_to_day(tx, keys, day, micros.saturating_sub(before)).await
}

/// A text that did not go costs nothing.
pub async fn unspend(tx: &mut Tx, keys: &ShopKeys, text: MessageId) -> Result<(), Error> {
    let Some((before, day)) = spent_on(tx, keys, text).await? else { return Ok(()) };
    run!(tx, "DELETE FROM spend WHERE shop_id = $1 AND message_id = $2", of(keys), text.get())?;
    add_to_day(tx, keys, day, before.saturating_neg()).await
}

fn spent_question(keys: &ShopKeys, text: MessageId) -> Question {
    ("spent", of(keys), text.get())
}

/// Reads ahead what `spent_on` is asked about these texts.
pub async fn spent_ahead(read: &mut Read, keys: &ShopKeys, texts: &[i64]) -> Result<(), Error> {
    const TEXT: &str =
        concat!("SELECT message_id, micros, day FROM spend WHERE shop_id = $1 AND message_id ", among!());
    for some in &sets(texts) {
        let rows = selected!(read, (i64, i64, i64), numbers(of(keys), TEXT, some))?;
        let found: HashMap<i64, (i64, Time)> =
            rows.into_iter().map(|(text, micros, day)| (text, (micros, time(day)))).collect();
        for text in some {
            read.keep(spent_question(keys, MessageId::new(*text)), &found.get(text).copied());
        }
    }
    Ok(())
}

/// What a text was taken to cost, and on which day.
pub async fn spent_on(read: &mut Read, keys: &ShopKeys, text: MessageId) -> Result<Option<(i64, Time)>, Error> {
    if let Some(kept) = read.recall(spent_question(keys, text)) {
        return Ok(kept);
    }
    let row = first!(
        read,
        (i64, i64),
        "SELECT micros, day FROM spend WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        text.get()
    )?;
    Ok(row.map(|(micros, day)| (micros, time(day))))
}

/// What one of the shop's days has cost so far, in millionths.
pub async fn spent(read: &mut Read, keys: &ShopKeys, day: Time) -> Result<i64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT micros FROM guard WHERE shop_id = $1 AND kind = 'spend' AND key = $2 AND bucket = $3",
        of(keys),
        WHOLE.to_vec(),
        day.millis()
    )?;
    Ok(row.map_or(0, |(micros,)| micros))
}

async fn add_to_day(tx: &mut Tx, keys: &ShopKeys, day: Time, micros: i64) -> Result<(), Error> {
    book::spend(tx, keys, day, micros);
    add(tx, keys, ("spend", WHOLE, day), (0, micros)).await
}

/// Remembers what a part costs through a gateway to a country, until it tells another price.
pub async fn learn_price(tx: &mut Tx, keys: &ShopKeys, name: &[u8; 16], micros_per_part: i64) -> Result<(), Error> {
    let (high, low) = halves(name);
    run_of!(
        tx,
        [("price", high, low)],
        "INSERT INTO guard (shop_id, kind, key, bucket, texts, micros) VALUES ($1, 'price', $2, 0, 0, $3)
         ON CONFLICT (shop_id, kind, key, bucket) DO UPDATE SET micros = excluded.micros",
        of(keys),
        name.to_vec(),
        micros_per_part
    )?;
    Ok(())
}

/// Somebody tapped: the texts to this block and this country before are forgiven.
pub async fn tapped(tx: &mut Tx, keys: &ShopKeys, prefix: &[u8; 16], country: &[u8; 16]) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM guard WHERE shop_id = $1
           AND (kind = 'quiet_prefix' AND key = $2 OR kind = 'quiet_country' AND key = $3)",
        of(keys),
        prefix.to_vec(),
        country.to_vec()
    )?;
    Ok(())
}

/// Forgets counters and prices of texts from before a moment; what a part costs stays.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM spend WHERE shop_id = $1 AND day < $2", shop.get(), before.millis())?;
    run!(tx, "DELETE FROM guard WHERE shop_id = $1 AND kind <> 'price' AND bucket < $2", shop.get(), before.millis())
}

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Paused {
    /// A block of neighbouring numbers.
    Prefix,
    Country,
    /// The whole shop, by the breaker.
    Breaker,
}

impl Paused {
    pub const ALL: [Paused; 3] = [Paused::Prefix, Paused::Country, Paused::Breaker];

    pub fn name(self) -> &'static str {
        match self {
            Paused::Prefix => "prefix",
            Paused::Country => "country",
            Paused::Breaker => "breaker",
        }
    }
}

/// Something paused, as people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub kind: Paused,
    pub key: Vec<u8>,
    pub at: Time,
    pub why: String,
    /// Which numbers: `+38640555…`, `SI`, or "" for the whole shop.
    pub label: String,
}

impl Pause {
    /// As it is named in addresses and commands.
    pub fn name(&self) -> String {
        name(self.kind, &self.key)
    }
}

pub fn name(kind: Paused, key: &[u8]) -> String {
    let key = data_encoding::HEXLOWER.encode(key);
    if key.is_empty() { kind.name().to_owned() } else { format!("{}-{key}", kind.name()) }
}

/// The same key's label is sealed in the same place however often it is paused.
fn place(key: &[u8]) -> Place {
    let row = key.iter().take(8).fold(0u64, |row, byte| row << 8 | u64::from(*byte));
    Place { table: "pause", column: "label", row: i64::from_be_bytes(row.to_be_bytes()) }
}

/// Pauses; `false` when it is paused already.
pub async fn pause(
    tx: &mut Tx,
    keys: &ShopKeys,
    kind: Paused,
    key: &[u8],
    (why, label): (&str, &str),
    now: Time,
) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "INSERT INTO pause (shop_id, kind, key, at, why, label) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (shop_id, kind, key) DO UPDATE SET
             at = excluded.at, why = excluded.why, label = excluded.label, resumed_at = NULL
         WHERE pause.resumed_at IS NOT NULL",
        of(keys),
        kind.name(),
        key.to_vec(),
        now.millis(),
        why,
        keys.seal(place(key), label.as_bytes())
    )?;
    Ok(touched > 0)
}

/// Everything that is paused, oldest first.
pub async fn pauses(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Pause>, Error> {
    let rows = all!(
        read,
        (String, Vec<u8>, i64, String, Vec<u8>),
        "SELECT kind, key, at, why, label FROM pause WHERE shop_id = $1 AND resumed_at IS NULL ORDER BY at, kind, key",
        of(keys)
    )?;
    rows.into_iter()
        .map(|(kind, key, at, why, label)| {
            let label = String::from_utf8_lossy(&keys.open(place(&key), &label)?).into_owned();
            let kind = super::word("pause", &Paused::ALL, Paused::name, &kind)?;
            Ok(Pause { kind, key, at: time(at), why, label })
        })
        .collect()
}

/// Resumes, and counts anew what it was paused for; `false` when it is not paused.
pub async fn resume(tx: &mut Tx, keys: &ShopKeys, kind: Paused, key: &[u8], now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE pause SET resumed_at = $4 WHERE shop_id = $1 AND kind = $2 AND key = $3 AND resumed_at IS NULL",
        of(keys),
        kind.name(),
        key.to_vec(),
        now.millis()
    )?;
    let counted: &[&str] = match kind {
        Paused::Prefix => &["prefix", "quiet_prefix"],
        Paused::Country => &["quiet_country"],
        Paused::Breaker => &["breaker"],
    };
    for counter in counted {
        run!(tx, "DELETE FROM guard WHERE shop_id = $1 AND kind = $2 AND key = $3", of(keys), *counter, key.to_vec())?;
    }
    Ok(touched > 0)
}

/// How many things are paused, over all shops, for the metrics page. An operator read.
pub async fn count_paused(read: &mut Read) -> Result<Vec<(String, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT kind, CAST(COUNT(*) AS BIGINT) FROM pause WHERE resumed_at IS NULL GROUP BY kind ORDER BY kind"
    )?;
    Ok(rows.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect())
}

/// The key a pause of the whole shop has; others are given back by `digest`.
pub fn whole() -> Vec<u8> {
    WHOLE.to_vec()
}

/// Reads `Pause::name` back.
pub fn named(name: &str) -> Option<(Paused, Vec<u8>)> {
    let (word, key) = name.split_once('-').unwrap_or((name, ""));
    let kind = Paused::ALL.into_iter().find(|kind| kind.name() == word)?;
    let key = data_encoding::HEXLOWER.decode(key.as_bytes()).ok()?;
    match kind {
        Paused::Breaker => key.is_empty().then_some((kind, key)),
        Paused::Prefix | Paused::Country => digest("pause", key).ok().map(|key| (kind, key.to_vec())),
    }
}

/// Queued texts made since a moment (as a message id) that wait for a reason, by that reason.
pub async fn held_texts(read: &mut Read, keys: &ShopKeys, since: MessageId) -> Result<Vec<(String, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT reason, CAST(COUNT(*) AS BIGINT) FROM message
         WHERE shop_id = $1 AND message_id >= $2 AND reason <> '' AND sending_at IS NULL AND accepted_at IS NULL
           AND refused_at IS NULL AND unknown_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL
         GROUP BY reason ORDER BY 2 DESC, 1",
        of(keys),
        since.get()
    )?;
    Ok(rows.into_iter().map(|(reason, count)| (reason, count.unsigned_abs())).collect())
}

/// Carts whose newest decision since a moment is to wait, as that decision was kept (JSON); at most `most`.
pub async fn waiting_carts(read: &mut Read, keys: &ShopKeys, since: Time, most: u32) -> Result<Vec<String>, Error> {
    let rows = all!(
        read,
        (String,),
        "SELECT gates FROM decision AS newest WHERE shop_id = $1 AND at >= $2 AND verdict = 'wait'
           AND NOT EXISTS (SELECT 1 FROM decision AS later WHERE later.shop_id = $1 AND later.cart_id = newest.cart_id
                             AND later.decision_id > newest.decision_id)
         ORDER BY decision_id DESC LIMIT $3",
        of(keys),
        since.millis(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(gates,)| gates).collect())
}
