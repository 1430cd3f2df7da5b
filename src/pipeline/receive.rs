//! Receive: a raw delivery in, an answer out, and nothing understood in between. What is answered 2xx is on disk.
//!
//! Deliveries that arrive together share one commit (group commit), so that the disk's sync rate is not our limit.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    Core, ask,
    connect::{self, NotConnected},
    group::{self, Group},
    look::Looks,
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Greeting, Refusal, Settings},
        id::{DeliveryId, GatewayId, ShopId},
        seal::ShopKeys,
    },
    gateway,
    http::{Request, Response},
    shop,
    store::{
        self, Error,
        connection::Connection,
        inbox::{Arrival, Sealed},
        job,
    },
    transact,
};
use sha2::{Digest, Sha256};

/// What a delivery is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// Kept, or the same one was kept before.
    Taken { content_type: &'static str, body: Cow<'static, str> },
    /// There is no such connection.
    UnknownConnection,
    /// Not from whom it should be from.
    Refused(Refusal),
    /// The database is away, full or busy: come back later.
    ComeBack,
}

/// Which kind of connection a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Shop,
    Gateway,
}

/// A delivery on its way to the disk.
impl group::Entry for Sealed {
    /// Whether it is new.
    type Kept = bool;

    fn shop(&self) -> ShopId {
        self.shop
    }

    async fn commit(core: &Core, batch: &[Sealed]) -> Result<Vec<bool>, Error> {
        transact!(core.db, |tx| store::inbox::keep_all(tx, batch).await?)
    }
}

/// The group-commit writer of the inbox, and the looks at who may write to it.
#[derive(Clone)]
pub struct Inbox {
    group: Group<Sealed>,
    doors: Looks<(Side, String), Arc<Found>>,
}

/// What stands behind a connection's public id, if anything does.
type Found = Option<(Connection, ShopKeys, Door)>;

impl Inbox {
    /// Starts the writer; it ends when the last `Inbox` is dropped and its queue is written.
    pub fn start(core: Arc<Core>) -> (Inbox, tokio::task::JoinHandle<()>) {
        let (group, writer) = Group::start(core);
        (Inbox { group, doors: Looks::default() }, writer)
    }

    async fn keep(&self, keys: &ShopKeys, arrival: &Arrival) -> Result<bool, Error> {
        self.group.write(arrival.seal(keys)?).await
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
    let look = async || {
        let mut read = core.db.read().await?;
        Ok(Arc::new(Door::find(core, &mut read, public_id, side).await?))
    };
    let found = inbox.doors.ask((side, public_id.to_owned()), look).await?;
    let Some((connection, keys, door)) = &*found else { return Ok(Answer::UnknownConnection) };
    let Some(verdict) = verify(core, door, &delivery).await else { return Ok(Answer::ComeBack) };
    let (content_type, body) = door.answer();
    let taken = |body: &'static str| Answer::Taken { content_type, body: body.into() };
    let (topic, key) = match verdict {
        Ok(Accepted::Keep { topic, key }) => (topic, key),
        Ok(Accepted::Ping) => return Ok(taken(body)),
        Ok(Accepted::Greeting(greeting)) => return greet(core, connection, *greeting).await,
        Err(refusal) => {
            note_refused(core, connection, &refusal).await;
            return Ok(Answer::Refused(refusal));
        }
    };
    let arrival = Arrival {
        id: DeliveryId::new(core.fresh_id()),
        gateway: connection.gateway,
        dedup: dedup(keys, connection, &topic, &key, &delivery),
        topic,
        delivery,
    };
    inbox.keep(keys, &arrival).await?;
    Ok(taken(body))
}

/// Who judges what comes through a connection, and by which settings.
enum Door {
    Shop(&'static dyn shop::Shop, Settings),
    Gateway(&'static dyn gateway::Gateway, Settings),
}

impl Door {
    /// `None` where no such connection is.
    async fn find(core: &Core, read: &mut store::Read, public_id: &str, side: Side) -> Result<Found, Error> {
        if side == Side::Shop {
            let found = store::shop::behind(read, &core.vault, public_id).await?;
            return Ok(found.and_then(|(connection, shop, keys)| {
                Some((connection, keys, Door::Shop(shop::by_kind(&shop.kind)?, shop.settings)))
            }));
        }
        let Some(connection) = store::connection::find(read, public_id).await? else { return Ok(None) };
        let Some(id) = connection.gateway else { return Ok(None) };
        let keys = core.vault.keys(read, connection.shop).await?;
        let account = store::gateway::get(read, &keys, id).await?;
        Ok(account.and_then(|account| {
            Some((connection, keys, Door::Gateway(gateway::by_kind(&account.kind)?, account.settings)))
        }))
    }

    fn answer(&self) -> (&'static str, &'static str) {
        match self {
            Door::Shop(..) => ("text/plain", ""),
            Door::Gateway(kind, _) => {
                let answer = kind.callback_answer();
                (answer.content_type, answer.body)
            }
        }
    }

    fn ask_keys(&self, delivery: &Delivery) -> Option<Request> {
        match self {
            Door::Shop(kind, settings) => kind.ask_keys(settings, delivery),
            Door::Gateway(kind, settings) => kind.ask_keys(settings, delivery),
        }
    }

    fn verify(&self, keys: Option<&Response>, delivery: &Delivery) -> Result<Accepted, Refusal> {
        match (self, keys) {
            (Door::Shop(kind, settings), None) => kind.verify(settings, delivery),
            (Door::Shop(kind, settings), Some(keys)) => kind.verify_by(settings, keys, delivery),
            (Door::Gateway(kind, settings), None) => kind.verify(settings, delivery),
            (Door::Gateway(kind, settings), Some(keys)) => kind.verify_by(settings, keys, delivery),
        }
    }
}

/// `None` when the keys that prove it cannot be had now. Keys that do not fit are asked for once more: they may have been
/// changed meanwhile.
async fn verify(core: &Core, door: &Door, delivery: &Delivery) -> Option<Result<Accepted, Refusal>> {
    let Some(request) = door.ask_keys(delivery) else { return Some(door.verify(None, delivery)) };
    let keys = ask::published(core, request.clone(), false).await?;
    let verdict = door.verify(Some(&keys), delivery);
    let verdict = match verdict {
        Err(Refusal::WrongSignature | Refusal::NoKey) => {
            let renewed = ask::published(core, request, true).await?;
            if Arc::ptr_eq(&keys, &renewed) { verdict } else { door.verify(Some(&renewed), delivery) }
        }
        verdict => verdict,
    };
    // What is published there holds no such key: that is nobody's forgery.
    (verdict != Err(Refusal::NoKey)).then_some(verdict)
}

/// A step of being connected: what it asks for is called, what it teaches is kept, and only then is it answered.
async fn greet(core: &Core, connection: &Connection, greeting: Greeting) -> Result<Answer, Error> {
    let Greeting { content_type, body, learnt, call } = greeting;
    if let Some(address) = call {
        let answer = core.http.exchange(Request::get(address)).await;
        if !answer.is_ok_and(|answer| answer.is_success()) {
            return Ok(Answer::ComeBack);
        }
    }
    if !learnt.is_empty() && connection.gateway.is_none() {
        match connect::change_shop(core, connection.shop, &learnt).await {
            Ok(()) => {}
            Err(NotConnected::Store(error)) => return Err(error),
            Err(NotConnected::Wrong(problems)) => {
                tracing::warn!(shop = %connection.shop, ?problems, "what a platform handed over is not usable");
                return Ok(Answer::Refused(Refusal::WrongSignature));
            }
        }
    }
    Ok(Answer::Taken {
        content_type: if content_type.is_empty() { "text/plain" } else { content_type },
        body: body.into(),
    })
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
