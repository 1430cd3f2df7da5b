//! Sinks: where a shop's events are sent on, with their sealed settings. Every write here keeps the shop's own row in step
//! (`forwards`), from which writers of facts see at no cost whether anybody listens.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, of, time,
};
use crate::domain::{
    connector::Settings,
    id::{ShopId, SinkId},
    outbox::Topics,
    seal::{Place, ShopKeys},
    time::Time,
};

#[derive(Clone, Debug)]
pub struct Sink {
    pub shop: ShopId,
    pub id: SinkId,
    pub kind: String,
    pub name: String,
    pub topics: Topics,
    pub settings: Settings,
    pub created_at: Time,
    /// The operator chose its address: it may lie in a private network.
    pub private: bool,
    /// Phone and e-mail are told too.
    pub personal: bool,
    /// When the newest secret took the place of the one before.
    pub rotated_at: Option<Time>,
    /// Nothing was taken since.
    pub failing_since: Option<Time>,
    pub disabled_at: Option<Time>,
    pub disabled_why: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    sink_id: i64,
    kind: String,
    name: String,
    topics: String,
    settings: Vec<u8>,
    created_at: i64,
    private_at: Option<i64>,
    personal_at: Option<i64>,
    rotated_at: Option<i64>,
    failing_since: Option<i64>,
    disabled_at: Option<i64>,
    disabled_why: String,
}

fn place(id: SinkId) -> Place {
    Place { table: "sink", column: "settings", row: id.get() }
}

impl Row {
    fn into_sink(self, keys: &ShopKeys) -> Result<Sink, Error> {
        let id = SinkId::new(self.sink_id);
        Ok(Sink {
            shop: keys.shop(),
            id,
            settings: keys.open_json(place(id), &self.settings)?,
            kind: self.kind,
            name: self.name,
            topics: Topics::restored(&self.topics),
            created_at: time(self.created_at),
            private: self.private_at.is_some(),
            personal: self.personal_at.is_some(),
            rotated_at: maybe(self.rotated_at),
            failing_since: maybe(self.failing_since),
            disabled_at: maybe(self.disabled_at),
            disabled_why: self.disabled_why,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT sink_id, kind, name, topics, settings, created_at, private_at, personal_at, rotated_at,
                    failing_since, disabled_at, disabled_why
             FROM sink WHERE shop_id = $1 ",
            $rest
        )
    };
}

pub async fn create(tx: &mut Tx, keys: &ShopKeys, sink: &Sink) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO sink (shop_id, sink_id, kind, name, topics, settings, created_at, private_at, personal_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        of(keys),
        sink.id.get(),
        sink.kind.as_str(),
        sink.name.as_str(),
        sink.topics.to_string(),
        keys.seal_json(place(sink.id), &sink.settings)?,
        sink.created_at.millis(),
        millis(sink.private.then_some(sink.created_at)),
        millis(sink.personal.then_some(sink.created_at))
    )?;
    note_in_shop(tx, keys).await
}

/// Writes everything that can change of a sink.
pub async fn save(tx: &mut Tx, keys: &ShopKeys, sink: &Sink, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE sink SET name = $3, topics = $4, settings = $5,
                private_at = CASE WHEN $6 = 0 THEN NULL ELSE COALESCE(private_at, $8) END,
                personal_at = CASE WHEN $7 = 0 THEN NULL ELSE COALESCE(personal_at, $8) END,
                rotated_at = $9, failing_since = $10, disabled_at = $11, disabled_why = $12
         WHERE shop_id = $1 AND sink_id = $2",
        of(keys),
        sink.id.get(),
        sink.name.as_str(),
        sink.topics.to_string(),
        keys.seal_json(place(sink.id), &sink.settings)?,
        i64::from(sink.private),
        i64::from(sink.personal),
        now.millis(),
        millis(sink.rotated_at),
        millis(sink.failing_since),
        millis(sink.disabled_at),
        sink.disabled_why.as_str()
    )?;
    note_in_shop(tx, keys).await
}

/// Removes a sink with everything that was on its way to it; `false` when there is none.
pub async fn remove(tx: &mut Tx, keys: &ShopKeys, id: SinkId) -> Result<bool, Error> {
    run!(tx, "DELETE FROM forward_attempt WHERE shop_id = $1 AND sink_id = $2", of(keys), id.get())?;
    run!(tx, "DELETE FROM forward WHERE shop_id = $1 AND sink_id = $2", of(keys), id.get())?;
    run!(tx, "DELETE FROM ad_told WHERE shop_id = $1 AND sink_id = $2", of(keys), id.get())?;
    let removed = run!(tx, "DELETE FROM sink WHERE shop_id = $1 AND sink_id = $2", of(keys), id.get())?;
    run!(
        tx,
        "DELETE FROM outbox WHERE shop_id = $1
           AND NOT EXISTS (SELECT 1 FROM forward WHERE forward.shop_id = $1 AND forward.event_id = outbox.event_id)",
        of(keys)
    )?;
    note_in_shop(tx, keys).await?;
    Ok(removed > 0)
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: SinkId) -> Result<Option<Sink>, Error> {
    let row = first!(read, Row, select!("AND sink_id = $2"), of(keys), id.get())?;
    row.map(|row| row.into_sink(keys)).transpose()
}

/// Oldest first.
pub async fn list(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Sink>, Error> {
    let rows = all!(read, Row, select!("ORDER BY sink_id"), of(keys))?;
    rows.into_iter().map(|row| row.into_sink(keys)).collect()
}

/// Which sinks there are, what each hears, and whether it is on; nothing sealed is opened.
pub async fn listeners(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(SinkId, Topics, bool)>, Error> {
    let rows = all!(
        read,
        (i64, String, Option<i64>),
        "SELECT sink_id, topics, disabled_at FROM sink WHERE shop_id = $1 ORDER BY sink_id",
        of(keys)
    )?;
    Ok(rows.into_iter().map(|(id, topics, off)| (SinkId::new(id), Topics::restored(&topics), off.is_none())).collect())
}

async fn note_in_shop(tx: &mut Tx, keys: &ShopKeys) -> Result<(), Error> {
    let heard: Topics = listeners(tx, keys).await?.iter().flat_map(|(_, topics, _)| topics.iter()).collect();
    run!(tx, "UPDATE shop SET forwards = $2 WHERE shop_id = $1", of(keys), heard.to_string())?;
    Ok(())
}
