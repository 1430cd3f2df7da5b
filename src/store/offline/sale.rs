//! Sales made away from the site, the lines that told them, and their sums. No order and no credit is read here.

use crate::{
    domain::{
        id::{MessageId, SaleId, UploadId},
        money::{Currency, Money},
        offline::{Channel, Considered, Outcome, Tie},
        seal::ShopKeys,
        time::Time,
    },
    store::{
        Error, Read, Tx,
        db::{all, first, run},
        from_json, json, maybe, millis, of, time, word,
    },
};

/// One sale, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    pub id: SaleId,
    pub upload: UploadId,
    /// What makes it the same sale when it is told again.
    pub once: String,
    pub reference: String,
    pub channel: Channel,
    pub sold_at: Time,
    pub total: Money,
    /// What went back of it, and when that was told.
    pub refund_minor: i64,
    pub refund_at: Option<Time>,
    /// One of `AfterText`, `Nobody`, `Ambiguous`, `Online`.
    pub outcome: Outcome,
    pub tie: Option<Tie>,
    /// The newest text before it, and how many milliseconds before.
    pub message: Option<MessageId>,
    pub after_ms: i64,
    pub tapped_at: Option<Time>,
    /// The keyed hash of the texted number; `None` without one and once the person is forgotten.
    pub phone: Option<[u8; 16]>,
    pub evidence: Vec<Considered>,
}

#[derive(sqlx::FromRow)]
struct Row {
    sale_id: i64,
    upload_id: i64,
    once: String,
    reference: String,
    channel: String,
    sold_at: i64,
    currency: String,
    total_minor: i64,
    refund_minor: i64,
    refund_at: i64,
    outcome: String,
    tie: String,
    message_id: i64,
    after_ms: i64,
    tapped_at: Option<i64>,
    phone: Vec<u8>,
    evidence: String,
}

impl Row {
    fn into_sale(self) -> Result<Sale, Error> {
        let currency = Currency::parse(&self.currency).map_err(|why| Error::damaged("currency", why))?;
        let tie = match self.tie.as_str() {
            "" => None,
            name => Some(word("offline tie", &Tie::ALL, Tie::name, name)?),
        };
        let phone = match self.phone.is_empty() {
            true => None,
            false => Some(crate::store::digest("phone index", self.phone)?),
        };
        Ok(Sale {
            id: SaleId::new(self.sale_id),
            upload: UploadId::new(self.upload_id),
            once: self.once,
            reference: self.reference,
            channel: word("offline channel", &Channel::ALL, Channel::name, &self.channel)?,
            sold_at: time(self.sold_at),
            total: Money::new(self.total_minor, currency),
            refund_minor: self.refund_minor,
            refund_at: (self.refund_at > 0).then(|| time(self.refund_at)),
            outcome: word("offline outcome", &Outcome::ALL, Outcome::name, &self.outcome)?,
            tie,
            message: (self.message_id != 0).then(|| MessageId::new(self.message_id)),
            after_ms: self.after_ms,
            tapped_at: maybe(self.tapped_at),
            phone,
            evidence: from_json("offline evidence", &self.evidence)?,
        })
    }
}

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT sale_id, upload_id, once, reference, channel, sold_at, currency, total_minor, refund_minor, refund_at,
                    outcome, tie, message_id, after_ms, tapped_at, phone, evidence
             FROM offline_sale WHERE shop_id = $1 AND ",
            $rest
        )
    };
}

/// Keeps a sale unless it was told before; whether it is new.
pub async fn add(tx: &mut Tx, keys: &ShopKeys, sale: &Sale) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "INSERT INTO offline_sale (shop_id, sale_id, upload_id, once, reference, channel, sold_at, currency, total_minor,
                                   refund_minor, refund_at, outcome, tie, message_id, after_ms, tapped_at, phone, evidence)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (shop_id, once) DO NOTHING",
        of(keys),
        sale.id.get(),
        sale.upload.get(),
        sale.once.as_str(),
        sale.reference.as_str(),
        sale.channel.name(),
        sale.sold_at.millis(),
        sale.total.currency.code(),
        sale.total.minor,
        sale.refund_minor,
        millis(sale.refund_at).unwrap_or(0),
        sale.outcome.name(),
        sale.tie.map_or("", Tie::name),
        sale.message.map_or(0, MessageId::get),
        sale.after_ms,
        millis(sale.tapped_at),
        sale.phone.map_or(Vec::new(), |phone| phone.to_vec()),
        json(&sale.evidence)?
    )?;
    Ok(touched > 0)
}

/// The sale that was told under this before.
pub async fn told(read: &mut Read, keys: &ShopKeys, once: &str) -> Result<Option<Sale>, Error> {
    let row = first!(read, Row, select!("once = $2"), of(keys), once)?;
    row.map(Row::into_sale).transpose()
}

/// Sales to whom this number is, the newest first.
pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<Vec<Sale>, Error> {
    let rows = all!(read, Row, select!("phone = $2 ORDER BY sold_at DESC, sale_id DESC"), of(keys), phone.to_vec())?;
    rows.into_iter().map(Row::into_sale).collect()
}

/// Sales of a span `[from, to)` after a text at most so long before, the newest first.
pub async fn after_texts(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    within_ms: i64,
    most: u32,
) -> Result<Vec<Sale>, Error> {
    let rows = all!(
        read,
        Row,
        select!(
            "sold_at >= $2 AND sold_at < $3 AND outcome = 'after_text' AND after_ms <= $4
               AND upload_id NOT IN (SELECT upload_id FROM offline_upload WHERE offline_upload.shop_id = $1
                                     AND offline_upload.undone_at IS NOT NULL)
             ORDER BY sold_at DESC, sale_id DESC LIMIT $5"
        ),
        of(keys),
        from.millis(),
        to.millis(),
        within_ms,
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_sale).collect()
}

/// Notes that more of a sale went back. What was told larger before stays.
pub async fn refund(tx: &mut Tx, keys: &ShopKeys, id: SaleId, minor: i64, at: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE offline_sale SET refund_minor = $3, refund_at = $4
         WHERE shop_id = $1 AND sale_id = $2 AND refund_minor < $3",
        of(keys),
        id.get(),
        minor,
        at.millis()
    )?;
    Ok(touched > 0)
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub upload: UploadId,
    pub line: u64,
    pub reference: String,
    pub outcome: Outcome,
    pub why: String,
    /// The sale it tells, however many lines do.
    pub sale: Option<SaleId>,
    pub refund: Option<(i64, Time)>,
}

type LineRow = (i64, String, String, String, i64, i64, i64);

fn line_of(upload: UploadId, (line, reference, outcome, why, sale, refund, at): LineRow) -> Result<Line, Error> {
    Ok(Line {
        upload,
        line: line.unsigned_abs(),
        reference,
        outcome: word("offline outcome", &Outcome::ALL, Outcome::name, &outcome)?,
        why,
        sale: (sale != 0).then(|| SaleId::new(sale)),
        refund: (refund > 0).then(|| (refund, time(at))),
    })
}

pub async fn put_line(tx: &mut Tx, keys: &ShopKeys, line: &Line) -> Result<(), Error> {
    let (refund, at) = line.refund.map_or((0, 0), |(minor, at)| (minor, at.millis()));
    run!(
        tx,
        "INSERT INTO offline_line (shop_id, upload_id, line, reference, outcome, why, sale_id, refund_minor, refund_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (shop_id, upload_id, line) DO NOTHING",
        of(keys),
        line.upload.get(),
        i64::try_from(line.line).unwrap_or(i64::MAX),
        line.reference.as_str(),
        line.outcome.name(),
        line.why.as_str(),
        line.sale.map_or(0, SaleId::get),
        refund,
        at
    )?;
    Ok(())
}

/// Lines of an upload behind a line, in the file's order; only those with something to say when `odd`.
pub async fn lines(
    read: &mut Read,
    keys: &ShopKeys,
    upload: UploadId,
    after: u64,
    odd: bool,
    most: u32,
) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        LineRow,
        "SELECT line, reference, outcome, why, sale_id, refund_minor, refund_at FROM offline_line
         WHERE shop_id = $1 AND upload_id = $2 AND line > $3
           AND ($4 = 0 OR why <> '' OR outcome NOT IN ('after_text', 'nobody'))
         ORDER BY line LIMIT $5",
        of(keys),
        upload.get(),
        i64::try_from(after).unwrap_or(i64::MAX),
        i64::from(odd),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| line_of(upload, row)).collect()
}

/// Takes a line of an undone upload back. A sale that other uploads tell too is theirs from now on, with what they say
/// went back; one that nobody else tells goes.
pub async fn take_back(tx: &mut Tx, keys: &ShopKeys, line: &Line) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM offline_line WHERE shop_id = $1 AND upload_id = $2 AND line = $3",
        of(keys),
        line.upload.get(),
        i64::try_from(line.line).unwrap_or(i64::MAX)
    )?;
    let Some(sale) = line.sale else { return Ok(()) };
    let others = all!(
        tx,
        (i64, i64, i64),
        "SELECT offline_line.upload_id, offline_line.refund_minor, offline_line.refund_at
         FROM offline_line JOIN offline_upload
           ON offline_upload.shop_id = $1 AND offline_upload.upload_id = offline_line.upload_id
         WHERE offline_line.shop_id = $1 AND offline_line.sale_id = $2 AND offline_line.sale_id <> 0
           AND offline_upload.undone_at IS NULL
         ORDER BY offline_line.upload_id, offline_line.line LIMIT 1000",
        of(keys),
        sale.get()
    )?;
    let Some(&(owner, ..)) = others.first() else {
        run!(tx, "DELETE FROM offline_sale WHERE shop_id = $1 AND sale_id = $2", of(keys), sale.get())?;
        return Ok(());
    };
    let (back, at) = others.iter().map(|&(_, minor, at)| (minor, at)).max_by_key(|&(minor, _)| minor).unwrap_or((0, 0));
    run!(
        tx,
        "UPDATE offline_sale SET upload_id = $3, refund_minor = $4, refund_at = $5 WHERE shop_id = $1 AND sale_id = $2",
        of(keys),
        sale.get(),
        owner,
        back,
        at
    )?;
    Ok(())
}

/// What was sold offline in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    pub currency: Currency,
    /// Sales that are no order of the site.
    pub sales: u64,
    pub net_minor: i64,
    /// Those after a text at most so long before.
    pub after: u64,
    pub after_net_minor: i64,
    pub after_refund_minor: i64,
    /// Of them, those where a text before was tapped.
    pub tapped: u64,
}

/// The sums of a span `[from, to)`, by currency. Sales of uploads that are being undone are left out.
pub async fn sums(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    within_ms: i64,
) -> Result<Vec<Sums>, Error> {
    let rows = all!(
        read,
        (String, i64, i64, i64, i64, i64, i64),
        "SELECT currency, CAST(COUNT(*) AS BIGINT), CAST(SUM(total_minor - refund_minor) AS BIGINT),
                CAST(SUM(CASE WHEN outcome = 'after_text' AND after_ms <= $4 THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN outcome = 'after_text' AND after_ms <= $4 THEN total_minor - refund_minor ELSE 0 END)
                     AS BIGINT),
                CAST(SUM(CASE WHEN outcome = 'after_text' AND after_ms <= $4 THEN refund_minor ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN outcome = 'after_text' AND after_ms <= $4 AND tapped_at IS NOT NULL THEN 1 ELSE 0 END)
                     AS BIGINT)
         FROM offline_sale
         WHERE shop_id = $1 AND sold_at >= $2 AND sold_at < $3 AND outcome <> 'online'
           AND upload_id NOT IN (SELECT upload_id FROM offline_upload WHERE offline_upload.shop_id = $1
                                 AND offline_upload.undone_at IS NOT NULL)
         GROUP BY currency ORDER BY currency",
        of(keys),
        from.millis(),
        to.millis(),
        within_ms
    )?;
    rows.into_iter()
        .map(|(code, sales, net, after, after_net, after_refund, tapped)| {
            Ok(Sums {
                currency: Currency::parse(&code).map_err(|why| Error::damaged("currency", why))?,
                sales: sales.unsigned_abs(),
                net_minor: net,
                after: after.unsigned_abs(),
                after_net_minor: after_net,
                after_refund_minor: after_refund,
                tapped: tapped.unsigned_abs(),
            })
        })
        .collect()
}

/// Takes the number's hash from what somebody bought; what was earned stays earned.
pub async fn forget_phone(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE offline_sale SET phone = $3 WHERE shop_id = $1 AND phone = $2",
        of(keys),
        phone.to_vec(),
        Vec::<u8>::new()
    )?;
    Ok(())
}
