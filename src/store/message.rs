//! Messages: one row per (purpose, cart or other occasion, step), ever. The words and the number lie sealed in `detail`.

mod ahead;
mod list;

use serde::{Deserialize, Serialize};

use self::ahead::Texted;
use super::{
    Error, Read, Tx,
    db::{Question, all, first, halves, later, run},
    maybe, millis, of, time,
};
use crate::domain::{
    id::{CartId, GatewayId, MessageId, ShopId},
    message::{Cost, MessageRef, MessageState, Moments, Purpose},
    money::Currency,
    phone::Phone,
    seal::{Place, ShopKeys},
    sms::Encoding,
    time::Time,
};

/// A message as stored.
#[derive(Clone, Debug)]
pub struct Message {
    pub shop: ShopId,
    pub id: MessageId,
    pub purpose: Purpose,
    /// What it is about: a cart for every purpose that is one's, else a row of its own kind. Unique with purpose and step.
    pub about: i64,
    /// The sequence a reminder belongs to, "" for other texts; its step, 0 for other texts.
    pub sequence: String,
    pub step: u32,
    /// The gateway it goes through: its tenant (the shop or the house) and its id.
    pub gateway_shop: ShopId,
    pub gateway: GatewayId,
    /// ISO 3166-1 alpha-2 of the number.
    pub country: String,
    pub words: Words,
    pub segments: u32,
    pub created_at: Time,
    /// It must not be delivered after this.
    pub expires_at: Time,
    pub attempt: u32,
    /// The claim under which it is being sent.
    pub sending_by: Option<String>,
    pub moments: Moments,
    /// Why it was refused, is unknown or was cancelled, for people.
    pub reason: String,
    pub gateway_ref: Option<String>,
    pub cost: Option<Cost>,
    /// The cost is that of the account's price list: the gateway told none.
    pub cost_listed: bool,
}

impl Message {
    pub fn reference(&self) -> MessageRef {
        MessageRef { shop: self.shop, message: self.id }
    }

    /// The cart it is about, if it is about one.
    pub fn cart(&self) -> Option<CartId> {
        self.purpose.is_of_cart().then(|| CartId::new(self.about))
    }

    pub fn phone(&self) -> Phone {
        Phone::restored(self.words.phone.clone())
    }
}

/// What is sealed of a message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// E.164; empty after erasure, as the text is.
    pub phone: String,
    pub text: String,
    pub encoding: Encoding,
    pub language: Option<String>,
    /// The discount code it names, if any.
    pub code: Option<String>,
    /// Set when no other text carries that code: only then does its use prove anything.
    #[serde(default)]
    pub own_code: bool,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({} characters)", self.text.chars().count())
    }
}

const LISTED: &str = "list";

pub(super) fn place(id: MessageId) -> Place {
    Place { table: "message", column: "detail", row: id.get() }
}

#[derive(sqlx::FromRow)]
struct Row {
    message_id: i64,
    purpose: String,
    cart_id: i64,
    sequence: String,
    step: i64,
    gateway_shop: i64,
    gateway_id: i64,
    country: String,
    detail: Vec<u8>,
    segments: i64,
    created_at: i64,
    expires_at: i64,
    attempt: i64,
    sending_at: Option<i64>,
    sending_by: Option<String>,
    accepted_at: Option<i64>,
    refused_at: Option<i64>,
    unknown_at: Option<i64>,
    delivered_at: Option<i64>,
    undelivered_at: Option<i64>,
    cancelled_at: Option<i64>,
    expired_at: Option<i64>,
    reason: String,
    gateway_ref: Option<String>,
    cost_micros: Option<i64>,
    cost_currency: Option<String>,
    cost_source: String,
}

impl Row {
    fn into_message(self, keys: &ShopKeys) -> Result<Message, Error> {
        let id = MessageId::new(self.message_id);
        let currency = self.cost_currency.as_deref().and_then(|code| Currency::parse(code).ok());
        Ok(Message {
            shop: keys.shop(),
            id,
            purpose: super::word("purpose", &Purpose::ALL, Purpose::name, &self.purpose)?,
            about: self.cart_id,
            sequence: self.sequence,
            step: u32::try_from(self.step).unwrap_or(0),
            gateway_shop: ShopId::new(self.gateway_shop),
            gateway: GatewayId::new(self.gateway_id),
            country: self.country,
            words: keys.open_json(place(id), &self.detail)?,
            segments: u32::try_from(self.segments).unwrap_or(0),
            created_at: time(self.created_at),
            expires_at: time(self.expires_at),
            attempt: u32::try_from(self.attempt).unwrap_or(u32::MAX),
            sending_by: self.sending_by,
            moments: Moments {
                sending_at: maybe(self.sending_at),
                accepted_at: maybe(self.accepted_at),
                refused_at: maybe(self.refused_at),
                unknown_at: maybe(self.unknown_at),
                delivered_at: maybe(self.delivered_at),
                undelivered_at: maybe(self.undelivered_at),
                cancelled_at: maybe(self.cancelled_at),
                expired_at: maybe(self.expired_at),
            },
            reason: self.reason,
            gateway_ref: self.gateway_ref,
            cost: self.cost_micros.zip(currency).map(|(micros, currency)| Cost { micros, currency }),
            cost_listed: self.cost_source == LISTED,
        })
    }
}

macro_rules! select {
    (also $more:literal, $($rest:expr),+) => {
        concat!(
            "SELECT ", $more, "message_id, purpose, cart_id, sequence, step, gateway_shop, gateway_id, country, detail, segments,
                    created_at, expires_at, attempt, sending_at, sending_by, accepted_at, refused_at, unknown_at, delivered_at,
                    undelivered_at, cancelled_at, expired_at, reason, gateway_ref, cost_micros, cost_currency, cost_source
             FROM message WHERE shop_id = $1 AND ",
            $($rest),+
        )
    };
    ($($rest:expr),+) => {
        $crate::store::message::select!(also "", $($rest),+)
    };
}

use select;

pub use ahead::{ahead, of_carts_ahead, to_phones_ahead};
pub use list::{Narrow, Sort, State, Told, cost, counted, leaf, list, of_carts, told_prices};

/// Writes a new message. `Error::Duplicate` when its (purpose, about, step) has one.
pub async fn create(tx: &mut Tx, keys: &ShopKeys, message: &Message) -> Result<(), Error> {
    let [id, cart, phone] = asked(keys, message);
    later!(
        tx,
        [id, cart, phone],
        "INSERT INTO message (shop_id, message_id, purpose, cart_id, sequence, step, gateway_shop, gateway_id, phone,
                              country, detail, segments, created_at, expires_at, listed_at, language)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $15)",
        of(keys),
        message.id.get(),
        message.purpose.name(),
        message.about,
        message.sequence.as_str(),
        i64::from(message.step),
        message.gateway_shop.get(),
        message.gateway.get(),
        keys.index("phone", &message.words.phone).to_vec(),
        message.country.as_str(),
        keys.seal_json(place(message.id), &message.words)?,
        i64::from(message.segments),
        message.created_at.millis(),
        message.expires_at.millis(),
        message.words.language.as_deref().unwrap_or("")
    )
}

/// What is asked about the row of a message, and changes with it. Whether its phone was heard of does not.
fn asked(keys: &ShopKeys, message: &Message) -> [Question; 3] {
    let (high, low) = halves(&keys.index("phone", &message.words.phone));
    let shop = of(keys);
    [("message", shop, message.id.get()), ("texts of cart", shop, message.about), ("texts to phone", high, low)]
}

/// Writes everything that can change of a message.
pub async fn save(tx: &mut Tx, keys: &ShopKeys, message: &Message) -> Result<(), Error> {
    let moments = &message.moments;
    let [id, cart, phone] = asked(keys, message);
    later!(
        tx,
        [id, cart, phone],
        "UPDATE message SET gateway_shop = $3, gateway_id = $4, detail = $5, segments = $6, expires_at = $7,
                attempt = $8, sending_at = $9, sending_by = $10, accepted_at = $11, refused_at = $12, unknown_at = $13,
                delivered_at = $14, undelivered_at = $15, cancelled_at = $16, expired_at = $17, reason = $18,
                gateway_ref = $19, cost_micros = $20, cost_currency = $21, state = $22, listed_at = $23,
                cost_source = $24
         WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        message.id.get(),
        message.gateway_shop.get(),
        message.gateway.get(),
        keys.seal_json(place(message.id), &message.words)?,
        i64::from(message.segments),
        message.expires_at.millis(),
        i64::from(message.attempt),
        millis(moments.sending_at),
        message.sending_by.as_deref(),
        millis(moments.accepted_at),
        millis(moments.refused_at),
        millis(moments.unknown_at),
        millis(moments.delivered_at),
        millis(moments.undelivered_at),
        millis(moments.cancelled_at),
        millis(moments.expired_at),
        message.reason.as_str(),
        message.gateway_ref.as_deref(),
        message.cost.map(|cost| cost.micros),
        message.cost.map(|cost| cost.currency.to_string()),
        moments.state().name(),
        moments.accepted_at.unwrap_or(message.created_at).millis(),
        if message.cost_listed { LISTED } else { "" }
    )?;
    if message.purpose == Purpose::Reminder && moments.accepted_at.is_some() {
        super::cart::restage(tx, of(keys), message.about).await?;
    }
    Ok(())
}

/// Looks again how far the cart of a reminder came.
pub(super) async fn restage_cart_of(tx: &mut Tx, shop: i64, message: i64) -> Result<(), Error> {
    let row = first!(
        tx,
        (i64,),
        "SELECT cart_id FROM message WHERE shop_id = $1 AND message_id = $2 AND purpose = 'reminder'",
        shop,
        message
    )?;
    match row {
        Some((cart,)) => super::cart::restage(tx, shop, cart).await,
        None => Ok(()),
    }
}

/// Takes the number's index from an erased message, so that nothing leads from a phone to it any more. Aside it stays, for
/// the message's own opt-out link ([`former_phone`]).
pub async fn forget_phone(tx: &mut Tx, keys: &ShopKeys, id: MessageId) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE message SET former_phone = CASE WHEN phone = $3 THEN former_phone ELSE phone END, phone = $3
         WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        id.get(),
        Vec::<u8>::new()
    )?;
    Ok(())
}

/// The index of the phone an erased message went to.
pub async fn former_phone(read: &mut Read, keys: &ShopKeys, id: MessageId) -> Result<Option<[u8; 16]>, Error> {
    let row = first!(
        read,
        (Option<Vec<u8>>,),
        "SELECT former_phone FROM message WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        id.get()
    )?;
    row.and_then(|(index,)| index).map(|index| super::digest("phone index", index)).transpose()
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: MessageId) -> Result<Option<Message>, Error> {
    if let Some(message) = read.recall(("message", of(keys), id.get())) {
        return Ok(message);
    }
    let row = first!(read, Row, select!("message_id = $2"), of(keys), id.get())?;
    row.map(|row| row.into_message(keys)).transpose()
}

/// The reminders of a cart, by step: the texts that may earn credit.
pub async fn of_cart(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<Message>, Error> {
    if let Some(messages) = read.recall(("texts of cart", of(keys), cart.get())) {
        return Ok(messages);
    }
    let rows = all!(read, Row, select!("cart_id = $2 AND purpose = 'reminder' ORDER BY step"), of(keys), cart.get())?;
    rows.into_iter().map(|row| row.into_message(keys)).collect()
}

/// Every text about a cart or another thing, whatever its purpose, in the order they were made.
pub async fn about(read: &mut Read, keys: &ShopKeys, about: i64) -> Result<Vec<Message>, Error> {
    let rows = all!(read, Row, select!("cart_id = $2 ORDER BY message_id"), of(keys), about)?;
    rows.into_iter().map(|row| row.into_message(keys)).collect()
}

pub async fn by_gateway_ref(read: &mut Read, keys: &ShopKeys, reference: &str) -> Result<Option<Message>, Error> {
    let row = first!(read, Row, select!("gateway_ref = $2"), of(keys), reference)?;
    row.map(|row| row.into_message(keys)).transpose()
}

/// Whose text it is that went through this account of the house and has this id there.
pub async fn shop_of(read: &mut Read, gateway: GatewayId, reference: &str) -> Result<Option<ShopId>, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT shop_id FROM message WHERE gateway_shop = 0 AND gateway_id = $1 AND gateway_ref = $2",
        gateway.get(),
        reference
    )?;
    Ok(row.map(|(shop,)| ShopId::new(shop)))
}

/// Messages to this phone made since a moment, newest first.
pub async fn to_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16], since: Time) -> Result<Vec<Message>, Error> {
    let (high, low) = halves(phone);
    if let Some(Texted { since: from, mut messages }) = read.recall(("texts to phone", high, low))
        && from <= since
    {
        messages.retain(|message| message.created_at >= since);
        return Ok(messages);
    }
    let rows = all!(
        read,
        Row,
        select!("phone = $2 AND created_at >= $3 ORDER BY created_at DESC"),
        of(keys),
        phone.to_vec(),
        since.millis()
    )?;
    rows.into_iter().map(|row| row.into_message(keys)).collect()
}

/// Reminders accepted in `[from, to)`, by that moment, from behind a cut on.
pub async fn accepted_between(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    after: Option<(Time, MessageId)>,
    most: u32,
) -> Result<Vec<Message>, Error> {
    let (cut, id) = after.unwrap_or((from, MessageId::new(0)));
    let rows = all!(
        read,
        Row,
        select!(
            "accepted_at >= $2 AND accepted_at < $3 AND (accepted_at > $2 OR message_id > $4) AND purpose = 'reminder'
             ORDER BY accepted_at, message_id LIMIT $5"
        ),
        of(keys),
        cut.millis(),
        to.millis(),
        id.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_message(keys)).collect()
}

/// The state as `Moments::state` derives it, for counting in the database; a test holds the two together.
macro_rules! state_sql {
    () => {
        "CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN undelivered_at IS NOT NULL THEN 'undelivered'
              WHEN accepted_at IS NOT NULL THEN 'accepted' WHEN refused_at IS NOT NULL THEN 'refused'
              WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN expired_at IS NOT NULL THEN 'expired'
              WHEN unknown_at IS NOT NULL THEN 'unknown' WHEN sending_at IS NOT NULL THEN 'sending'
              ELSE 'queued' END"
    };
}

/// Texts of unknown outcome, up to what lists are counted to.
pub async fn count_unknown(read: &mut Read, keys: &ShopKeys) -> Result<u64, Error> {
    let wanted = Narrow { state: Some(State::Of(MessageState::Unknown)), ..Narrow::default() };
    Ok(counted(read, keys, &wanted).await?.rows)
}

/// What went through one gateway for one shop, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    pub gateway: GatewayId,
    pub texts: u64,
    pub delivered: u64,
    pub unknown: u64,
    pub waiting: u64,
    pub cost: Option<Cost>,
    pub last_receipt_at: Option<Time>,
}

/// Per gateway: texts accepted and delivered since a moment and their cost; unknown and waiting ones among those made in
/// the last days; the last receipt. A text is listed under no moment before it was made, and that has an index.
pub async fn through(read: &mut Read, keys: &ShopKeys, since: Time, made_since: Time) -> Result<Vec<Through>, Error> {
    let rows = all!(
        read,
        (i64, Option<String>, i64, i64, i64, i64, Option<i64>, Option<i64>),
        "SELECT gateway_id, cost_currency,
                CAST(SUM(CASE WHEN accepted_at >= $2 THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN accepted_at >= $2 AND delivered_at IS NOT NULL THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN unknown_at IS NOT NULL AND accepted_at IS NULL AND undelivered_at IS NULL
                               AND refused_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL
                              THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN sending_at IS NULL AND accepted_at IS NULL AND refused_at IS NULL
                               AND unknown_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL
                              THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN accepted_at >= $2 THEN cost_micros END) AS BIGINT),
                CAST(MAX(COALESCE(delivered_at, undelivered_at)) AS BIGINT)
         FROM message WHERE shop_id = $1 AND created_at >= $3 AND listed_at >= $3 GROUP BY gateway_id, cost_currency",
        of(keys),
        since.millis(),
        made_since.millis()
    )?;
    Ok(rows
        .into_iter()
        .map(|(gateway, code, texts, delivered, unknown, waiting, micros, receipt)| Through {
            gateway: GatewayId::new(gateway),
            texts: texts.unsigned_abs(),
            delivered: delivered.unsigned_abs(),
            unknown: unknown.unsigned_abs(),
            waiting: waiting.unsigned_abs(),
            cost: micros
                .zip(code.as_deref().and_then(|code| Currency::parse(code).ok()))
                .map(|(micros, currency)| Cost { micros, currency }),
            last_receipt_at: maybe(receipt),
        })
        .collect())
}

/// Texts by state, over all shops, for the metrics page. An operator read.
pub async fn count_by_state(read: &mut Read) -> Result<Vec<(String, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        concat!("SELECT ", state_sql!(), ", CAST(COUNT(*) AS BIGINT) FROM message GROUP BY 1 ORDER BY 1")
    )?;
    Ok(rows.into_iter().map(|(state, count)| (state, count.unsigned_abs())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;

    #[tokio::test]
    async fn the_database_derives_the_state_that_we_derive() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open_lite(&folder.path().join("states.sqlite")).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for set in 0..1u32 << 8 {
            let at = |bit: u32| (set >> bit & 1 == 1).then_some(i64::from(bit) + 1);
            let moments = Moments {
                sending_at: maybe(at(0)),
                accepted_at: maybe(at(1)),
                refused_at: maybe(at(2)),
                unknown_at: maybe(at(3)),
                delivered_at: maybe(at(4)),
                undelivered_at: maybe(at(5)),
                cancelled_at: maybe(at(6)),
                expired_at: maybe(at(7)),
            };
            let row = first!(
                tx,
                (String,),
                concat!(
                    "SELECT ",
                    state_sql!(),
                    " FROM (SELECT $1 AS sending_at, $2 AS accepted_at, $3 AS refused_at, $4 AS unknown_at,
                            $5 AS delivered_at, $6 AS undelivered_at, $7 AS cancelled_at, $8 AS expired_at) AS moments"
                ),
                at(0),
                at(1),
                at(2),
                at(3),
                at(4),
                at(5),
                at(6),
                at(7)
            );
            assert_eq!(row.unwrap().unwrap().0, moments.state().name(), "{moments:?}");
        }
    }
}
