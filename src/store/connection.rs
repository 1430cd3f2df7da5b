//! Connections: the opaque id in a webhook's path and what it leads to. An operator table.

use super::{
    Error, Read, Tx,
    db::{first, run},
    maybe,
};
use crate::domain::{
    id::{GatewayId, ShopId},
    time::Time,
};

/// What a webhook path leads to: a shop's own webhooks, or a gateway's callbacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    pub public_id: String,
    pub shop: ShopId,
    /// `None`: the shop's own webhooks.
    pub gateway: Option<GatewayId>,
    pub refused_at: Option<Time>,
    pub refused_count: u64,
    pub refused_why: String,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    public_id: String,
    shop_id: i64,
    gateway_id: i64,
    refused_at: Option<i64>,
    refused_count: i64,
    refused_why: String,
}

impl From<Row> for Connection {
    fn from(row: Row) -> Connection {
        Connection {
            public_id: row.public_id,
            shop: ShopId::new(row.shop_id),
            gateway: (row.gateway_id != 0).then(|| GatewayId::new(row.gateway_id)),
            refused_at: maybe(row.refused_at),
            refused_count: row.refused_count.unsigned_abs(),
            refused_why: row.refused_why,
        }
    }
}

fn number(gateway: Option<GatewayId>) -> i64 {
    gateway.map_or(0, GatewayId::get)
}

pub async fn create(
    tx: &mut Tx,
    public_id: &str,
    shop: ShopId,
    gateway: Option<GatewayId>,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO connection (public_id, shop_id, gateway_id, created_at) VALUES ($1, $2, $3, $4)",
        public_id,
        shop.get(),
        number(gateway),
        now.millis()
    )?;
    Ok(())
}

pub async fn find(read: &mut Read, public_id: &str) -> Result<Option<Connection>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT public_id, shop_id, gateway_id, refused_at, refused_count, refused_why FROM connection
         WHERE public_id = $1",
        public_id
    )?;
    Ok(row.map(Connection::from))
}

pub async fn of(read: &mut Read, shop: ShopId, gateway: Option<GatewayId>) -> Result<Option<Connection>, Error> {
    let question = ("connection", shop.get(), number(gateway));
    if let Some(connection) = read.recall(question) {
        return Ok(connection);
    }
    let row = first!(
        read,
        Row,
        "SELECT public_id, shop_id, gateway_id, refused_at, refused_count, refused_why FROM connection
         WHERE shop_id = $1 AND gateway_id = $2",
        shop.get(),
        number(gateway)
    )?;
    let connection = row.map(Connection::from);
    read.keep(question, &connection);
    Ok(connection)
}

/// Notes refused deliveries, so that the shop's page can say why nothing arrives.
pub async fn note_refused(tx: &mut Tx, public_id: &str, count: u64, why: &str, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE connection SET refused_at = $2, refused_count = refused_count + $3, refused_why = $4 WHERE public_id = $1",
        public_id,
        now.millis(),
        i64::try_from(count).unwrap_or(i64::MAX),
        why
    )?;
    Ok(())
}
