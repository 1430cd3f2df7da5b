//! Receive: a raw delivery in, an answer out, and nothing understood in between. What is answered 2xx is on disk.
//!
//! Deliveries that arrive together share one commit (group commit), so that the disk's sync rate is not our limit.

use std::{sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::Core;
use crate::{
    domain::{
        connector::{Accepted, Delivery, Refusal},
        id::{DeliveryId, GatewayId, ShopId},
        seal::ShopKeys,
    },
    gateway, shop,
    store::{self, Error, connection::Connection, inbox::Arrival, job},
    transact,
};

/// What a delivery is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Kept, or the same one was kept before.
    Taken { content_type: &'static str, body: &'static str },
    /// There is no such connection.
    UnknownConnection,
    /// Not from whom it should be from.
    Refused(Refusal),
    /// The database is away, full or busy: come back later.
    ComeBack,
}

/// Which kind of connection a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Shop,
    Gateway,
}

/// Deliveries that wait for the next commit; beyond it senders are asked to come back.
const QUEUE_MAX: usize = 4096;
/// Deliveries in one commit.
const COMMIT_MAX: usize = 200;

struct Entry {
    keys: ShopKeys,
    arrival: Arrival,
    done: oneshot::Sender<Result<bool, Error>>,
}

/// The group-commit writer of the inbox.
#[derive(Clone)]
pub struct Inbox {
    queue: mpsc::Sender<Entry>,
}

impl Inbox {
    /// Starts the writer; it ends when the last `Inbox` is dropped and its queue is written.
    pub fn start(core: Arc<Core>) -> (Inbox, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        (Inbox { queue }, tokio::spawn(write_all(core, waiting)))
    }

    async fn keep(&self, keys: ShopKeys, arrival: Arrival) -> Result<bool, Error> {
        let (done, outcome) = oneshot::channel();
        self.queue.try_send(Entry { keys, arrival, done }).map_err(|_| Error::Busy)?;
        outcome.await.unwrap_or(Err(Error::Busy))
    }
}

async fn write_all(core: Arc<Core>, mut waiting: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(COMMIT_MAX);
    while waiting.recv_many(&mut batch, COMMIT_MAX).await > 0 {
        if core.db.commits_span_shops() {
            commit(&core, std::mem::take(&mut batch)).await;
        } else {
            batch.sort_by_key(|entry| entry.keys.shop());
            while let Some(first) = batch.first() {
                let shop = first.keys.shop();
                let rest = batch.split_off(batch.partition_point(|entry| entry.keys.shop() == shop));
                commit(&core, std::mem::replace(&mut batch, rest)).await;
            }
        }
        core.wake.notify_one();
    }
}

async fn commit(core: &Core, batch: Vec<Entry>) {
    let outcome: Result<Vec<bool>, Error> = transact!(core.db, |tx| {
        let mut kept = Vec::with_capacity(batch.len());
        for entry in &batch {
            let new = store::inbox::keep(tx, &entry.keys, &entry.arrival).await?;
            if new {
                let id = entry.arrival.id.get();
                job::schedule(tx, entry.keys.shop(), job::Kind::Ingest, id, entry.arrival.delivery.received_at).await?;
            }
            kept.push(new);
        }
        kept
    });
    match outcome {
        Ok(kept) => {
            for (entry, new) in batch.into_iter().zip(kept) {
                let _ = entry.done.send(Ok(new));
            }
        }
        Err(error) => {
            tracing::error!(%error, deliveries = batch.len(), "deliveries could not be kept");
            for entry in batch {
                let _ = entry.done.send(Err(Error::Busy));
            }
        }
    }
}

/// How long a sender is asked to wait when the database is away.
pub const COME_BACK_AFTER: Duration = Duration::from_secs(30);

/// Shops wait five seconds for an answer and the way here takes some of it. A database that is locked or hangs keeps its
/// callers for longer than that. What is kept after its sender was told to come back is known again when it does.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Verifies a delivery and keeps it; answers within `ANSWER_WITHIN`, whatever the database does.
pub async fn receive(core: &Core, inbox: &Inbox, public_id: &str, side: Side, delivery: Delivery) -> Answer {
    let receiving = try_receive(core, inbox, public_id, side, delivery);
    match tokio::time::timeout(ANSWER_WITHIN, receiving).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::error!(%error, "a delivery is turned away");
            Answer::ComeBack
        }
        Err(_) => {
            tracing::error!("a delivery is turned away: the database took too long");
            Answer::ComeBack
        }
    }
}

async fn try_receive(
    core: &Core,
    inbox: &Inbox,
    public_id: &str,
    side: Side,
    delivery: Delivery,
) -> Result<Answer, Error> {
    let mut read = core.db.read().await?;
    let connection = store::connection::find(&mut read, public_id).await?;
    let Some(connection) = connection.filter(|found| found.gateway.is_some() == (side == Side::Gateway)) else {
        return Ok(Answer::UnknownConnection);
    };
    let keys = core.vault.keys(&mut read, connection.shop).await?;
    let Some((verdict, content_type, body)) = verify(core, &mut read, &keys, &connection, &delivery).await? else {
        return Ok(Answer::UnknownConnection);
    };
    drop(read);
    let (topic, key) = match verdict {
        Ok(Accepted::Keep { topic, key }) => (topic, key),
        Ok(Accepted::Ping) => return Ok(Answer::Taken { content_type, body }),
        Err(refusal) => {
            note_refused(core, &connection, &refusal).await;
            return Ok(Answer::Refused(refusal));
        }
    };
    let arrival = Arrival {
        id: DeliveryId::new(core.fresh_id()),
        gateway: connection.gateway,
        dedup: dedup(&keys, &connection, &topic, &key, &delivery),
        topic,
        delivery,
    };
    inbox.keep(keys, arrival).await?;
    Ok(Answer::Taken { content_type, body })
}

type Verified = (Result<Accepted, Refusal>, &'static str, &'static str);

async fn verify(
    core: &Core,
    read: &mut store::Read,
    keys: &ShopKeys,
    connection: &Connection,
    delivery: &Delivery,
) -> Result<Option<Verified>, Error> {
    match connection.gateway {
        None => {
            let shop = store::shop::get(read, &core.vault, connection.shop).await?;
            Ok(shop.and_then(|shop| {
                let kind = shop::by_kind(&shop.kind)?;
                Some((kind.verify(&shop.settings, delivery), "text/plain", ""))
            }))
        }
        Some(id) => {
            let account = store::gateway::get(read, keys, id).await?;
            Ok(account.and_then(|account| {
                let kind = gateway::by_kind(&account.kind)?;
                let answer = kind.callback_answer();
                Some((kind.verify(&account.settings, delivery), answer.content_type, answer.body))
            }))
        }
    }
}

/// The sender's own delivery id is part of the key but never all of it: WooCommerce gives two deliveries of one second
/// the same id (shops.md section 2).
fn dedup(keys: &ShopKeys, connection: &Connection, topic: &str, key: &str, delivery: &Delivery) -> [u8; 16] {
    let body = data_encoding::HEXLOWER.encode(&Sha256::digest(&delivery.body));
    let parts = [connection.public_id.as_str(), topic, key, &body];
    keys.index("delivery", &parts.join("\0"))
}

/// A refused delivery writes at most once in this span per connection: strangers must not be able to make us write.
const REFUSAL_NOTE_EVERY: Duration = Duration::from_secs(10);

async fn note_refused(core: &Core, connection: &Connection, refusal: &Refusal) {
    let now = core.now();
    if connection.refused_at.is_some_and(|last| now.since(last) < REFUSAL_NOTE_EVERY) {
        return;
    }
    let why = refusal.to_string();
    let noted: Result<(), Error> = transact!(core.db, |tx| {
        store::connection::note_refused(tx, &connection.public_id, 1, &why, now).await?;
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "a refused delivery could not be noted");
    }
}

/// Makes a kept delivery due again, as if it had just arrived; `false` when there is none of this id.
pub async fn replay(core: &Core, shop: ShopId, id: DeliveryId) -> Result<bool, Error> {
    let now = core.now();
    let found = transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, shop).await?;
        let found = store::inbox::get(tx, &keys, id).await?.is_some();
        if found {
            job::schedule(tx, shop, job::Kind::Ingest, id.get(), now).await?;
        }
        found
    })?;
    core.wake.notify_one();
    Ok(found)
}

/// The gateway a delivery came through, as the inbox names it.
pub fn source(gateway: Option<GatewayId>) -> String {
    gateway.map_or_else(|| "shop".to_owned(), |id| id.to_string())
}
