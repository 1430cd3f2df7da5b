//! Gateways: connected SMS accounts. A shop's own come first; the house's (shop 0) serve whoever has none.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, of, time,
};
use crate::domain::{
    connector::Settings,
    id::{GatewayId, ShopId},
    message::Cost,
    money::Currency,
    seal::{Place, ShopKeys},
    time::Time,
};

#[derive(Clone, Debug)]
pub struct Gateway {
    pub shop: ShopId,
    pub id: GatewayId,
    pub kind: String,
    pub name: String,
    pub settings: Settings,
    pub created_at: Time,
    /// The operator chose its address: it may lie in a private network.
    pub private: bool,
    pub paused_at: Option<Time>,
    pub pause_reason: String,
    /// What was left on it, and when it told.
    pub balance: Option<(Cost, Time)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    gateway_id: i64,
    kind: String,
    name: String,
    settings: Vec<u8>,
    created_at: i64,
    private_at: Option<i64>,
    paused_at: Option<i64>,
    pause_reason: String,
    balance_micros: Option<i64>,
    balance_currency: Option<String>,
    balance_at: Option<i64>,
}

fn place(id: GatewayId) -> Place {
    Place { table: "gateway", column: "settings", row: id.get() }
}

impl Row {
    fn into_gateway(self, keys: &ShopKeys) -> Result<Gateway, Error> {
        let id = GatewayId::new(self.gateway_id);
        let currency = self.balance_currency.as_deref().and_then(|code| Currency::parse(code).ok());
        let left = self.balance_micros.zip(currency).map(|(micros, currency)| Cost { micros, currency });
        Ok(Gateway {
            balance: left.zip(maybe(self.balance_at)),
            shop: keys.shop(),
            id,
            settings: keys.open_json(place(id), &self.settings)?,
            kind: self.kind,
            name: self.name,
            created_at: time(self.created_at),
            private: self.private_at.is_some(),
            paused_at: maybe(self.paused_at),
            pause_reason: self.pause_reason,
        })
    }
}

pub async fn create(tx: &mut Tx, keys: &ShopKeys, gateway: &Gateway) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO gateway (shop_id, gateway_id, kind, name, settings, created_at, private_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        gateway.id.get(),
        gateway.kind.as_str(),
        gateway.name.as_str(),
        keys.seal_json(place(gateway.id), &gateway.settings)?,
        gateway.created_at.millis(),
        millis(gateway.private.then_some(gateway.created_at))
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: GatewayId) -> Result<Option<Gateway>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT gateway_id, kind, name, settings, created_at, private_at, paused_at, pause_reason,
                balance_micros, balance_currency, balance_at FROM gateway
         WHERE shop_id = $1 AND gateway_id = $2",
        of(keys),
        id.get()
    )?;
    row.map(|row| row.into_gateway(keys)).transpose()
}

/// The gateways of one shop (or of the house), newest first: the newest is the one that sends.
pub async fn list(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Gateway>, Error> {
    let question = ("gateway", of(keys), 0);
    if let Some(list) = read.recall(question) {
        return Ok(list);
    }
    let rows = all!(
        read,
        Row,
        "SELECT gateway_id, kind, name, settings, created_at, private_at, paused_at, pause_reason,
                balance_micros, balance_currency, balance_at FROM gateway
         WHERE shop_id = $1 AND removed_at IS NULL ORDER BY gateway_id DESC",
        of(keys)
    )?;
    let list = rows.into_iter().map(|row| row.into_gateway(keys)).collect::<Result<Vec<_>, _>>()?;
    read.keep(question, &list);
    Ok(list)
}

/// The shops that have a gateway of their own. An operator read.
pub async fn shops_with_own(read: &mut Read) -> Result<Vec<ShopId>, Error> {
    let rows = all!(read, (i64,), "SELECT DISTINCT shop_id FROM gateway WHERE shop_id > 0 AND removed_at IS NULL")?;
    Ok(rows.into_iter().map(|(shop,)| ShopId::new(shop)).collect())
}

/// Keeps what is left on an account.
pub async fn note_balance(tx: &mut Tx, shop: ShopId, id: GatewayId, left: &Cost, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE gateway SET balance_micros = $3, balance_currency = $4, balance_at = $5
         WHERE shop_id = $1 AND gateway_id = $2",
        shop.get(),
        id.get(),
        left.micros,
        left.currency.to_string(),
        now.millis()
    )?;
    Ok(())
}

/// Stops a gateway from taking texts; answers whether it was running until now.
pub async fn pause(tx: &mut Tx, shop: ShopId, id: GatewayId, reason: &str, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE gateway SET paused_at = $3, pause_reason = $4
         WHERE shop_id = $1 AND gateway_id = $2 AND paused_at IS NULL",
        shop.get(),
        id.get(),
        now.millis(),
        reason
    )?;
    Ok(touched > 0)
}

pub async fn resume(tx: &mut Tx, shop: ShopId, id: GatewayId) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE gateway SET paused_at = NULL, pause_reason = ''
         WHERE shop_id = $1 AND gateway_id = $2 AND paused_at IS NOT NULL",
        shop.get(),
        id.get()
    )?;
    Ok(touched > 0)
}

pub async fn rename(tx: &mut Tx, shop: ShopId, id: GatewayId, name: &str) -> Result<(), Error> {
    run!(tx, "UPDATE gateway SET name = $3 WHERE shop_id = $1 AND gateway_id = $2", shop.get(), id.get(), name)?;
    Ok(())
}

/// Takes it out of use; answers whether it was in use until now. `get` goes on finding it: receipts of its texts come in
/// later, and lists of texts name it.
pub async fn remove(tx: &mut Tx, shop: ShopId, id: GatewayId, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE gateway SET removed_at = $3 WHERE shop_id = $1 AND gateway_id = $2 AND removed_at IS NULL",
        shop.get(),
        id.get(),
        now.millis()
    )?;
    Ok(touched > 0)
}

/// Forgets those that were removed before this: their keys and the ways in for their receipts.
pub async fn forget_removed(tx: &mut Tx, shop: ShopId, before: Time) -> Result<u64, Error> {
    run!(
        tx,
        "DELETE FROM connection WHERE shop_id = $1 AND gateway_id IN
             (SELECT gateway_id FROM gateway WHERE shop_id = $1 AND removed_at < $2)",
        shop.get(),
        before.millis()
    )?;
    run!(tx, "DELETE FROM gateway WHERE shop_id = $1 AND removed_at < $2", shop.get(), before.millis())
}

pub async fn save_settings(tx: &mut Tx, keys: &ShopKeys, id: GatewayId, settings: &Settings) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE gateway SET settings = $3 WHERE shop_id = $1 AND gateway_id = $2",
        of(keys),
        id.get(),
        keys.seal_json(place(id), settings)?
    )?;
    Ok(())
}
