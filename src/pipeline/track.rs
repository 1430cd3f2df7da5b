//! Track: what visitors did, told by the pixel or by a server, is kept. What is answered as taken is on disk: events that
//! arrive together share one commit, and telling the same one again changes nothing.
//!
//! Events do not go through the inbox. A delivery of a shop is a fact we act on, so its bytes are kept for another
//! reading; an event is only counted, there are a hundred times as many, and its bytes may hold what must not be kept.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use data_encoding::HEXLOWER;
use tokio::sync::{mpsc, oneshot};

use super::{Core, receive::COME_BACK_AFTER, rollup::day_number, zone_of};
use crate::{
    domain::{
        id::{ShopId, SiteEventId},
        link::{self, Purpose},
        message::MessageRef,
        seal::ShopKeys,
        site_event::{Dropped, SiteEvent, Told, ToldBy, Unusable, Visitor, settle},
        tally::Tally as DayTally,
        time::Time,
    },
    shop,
    store::{
        self, Error, Read, Tx,
        identity::{self, Kind, Name, Subject},
        job,
        shop::Shop,
    },
    transact,
};

/// A shop as the door needs it.
pub struct Known {
    pub shop: Shop,
    pub keys: ShopKeys,
    /// Its own hosts; empty where none is known.
    pub hosts: Vec<String>,
    /// The platform runs scripts in a frame that has no origin (`Shop::framed_pixel`).
    pub framed: bool,
}

/// What one sender tells at once.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub told: Vec<Told>,
    /// Names the visitor of the event at this place is known by.
    pub names: Vec<(usize, Name)>,
    /// A recovery token of ours; "" without one.
    pub token: String,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Kept now; the others were kept before.
    pub new: u64,
    /// One per event, in their order.
    pub ids: Vec<SiteEventId>,
}

/// Requests that wait for the next commit; beyond it senders are asked to come back.
const QUEUE_MAX: usize = 4096;
/// Requests in one commit.
const COMMIT_MAX: usize = 200;
/// A shop is opened anew after this long: a changed setting holds from then on.
const KNOWN_FOR: Duration = Duration::from_secs(10);
const KNOWN_MOST: usize = 10_000;
/// A day is counted again this long after its first new event: near enough to now, and seldom enough for a busy shop.
const TALLY_AFTER: Duration = Duration::from_secs(30);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

struct Entry {
    shop: ShopId,
    events: Vec<(SiteEvent, [u8; 16])>,
    names: Vec<(Visitor, [u8; 16])>,
    days: BTreeSet<i64>,
    done: oneshot::Sender<Result<u64, Error>>,
}

/// By public id, until when.
type Remembered = HashMap<String, (Time, Arc<Known>)>;
type Missed = HashMap<(ShopId, i64, Dropped), u64>;

/// The group-commit writer of events. It starts with the first event and ends when the last `Tracker` is dropped and its
/// queue is written.
#[derive(Clone)]
pub struct Tracker {
    core: Arc<Core>,
    queue: Arc<OnceLock<mpsc::Sender<Entry>>>,
    known: Arc<Mutex<Remembered>>,
    dropped: Arc<Mutex<Missed>>,
}

impl Tracker {
    pub fn new(core: Arc<Core>) -> Tracker {
        Tracker { core, queue: Arc::default(), known: Arc::default(), dropped: Arc::default() }
    }

    /// The shop this public id belongs to; `None` when there is none, or it is gone.
    pub async fn shop_of(&self, public_id: &str) -> Result<Option<Arc<Known>>, Error> {
        let now = self.core.now();
        let remembered =
            lock(&self.known).get(public_id).filter(|(until, _)| *until > now).map(|(_, known)| known.clone());
        if remembered.is_some() {
            return Ok(remembered);
        }
        let mut read = self.core.db.read().await?;
        let connection = store::connection::find(&mut read, public_id).await?;
        let Some(connection) = connection.filter(|found| found.gateway.is_none()) else { return Ok(None) };
        let Some((shop, keys)) = self.core.shop(&mut read, connection.shop).await? else { return Ok(None) };
        if shop.erased_at.is_some() || shop.uninstalled_at.is_some() {
            return Ok(None);
        }
        let kind = shop::by_kind(&shop.kind);
        let hosts = kind.map(|kind| kind.hosts(&shop.settings)).unwrap_or_default();
        let framed = kind.is_some_and(|kind| kind.framed_pixel().is_some());
        let known = Arc::new(Known { shop, keys, hosts, framed });
        let mut all = lock(&self.known);
        if all.len() >= KNOWN_MOST {
            all.clear();
        }
        all.insert(public_id.to_owned(), (now + KNOWN_FOR, known.clone()));
        Ok(Some(known))
    }

    /// Counts what is not kept; written down with the next event that is.
    pub fn drop_one(&self, shop: &Shop, why: Dropped) {
        metrics::counter!("cartback_events_total", "outcome" => why.name()).increment(1);
        let day = day_number(&zone_of(shop), self.core.now());
        *lock(&self.dropped).entry((shop.id, day, why)).or_default() += 1;
    }

    /// Keeps a batch. `Err(problems)` names each event that cannot be taken, and nothing of the batch is kept then;
    /// `Error::Busy` when the database is away.
    pub async fn keep(
        &self,
        shop: &Shop,
        keys: &ShopKeys,
        told_by: ToldBy,
        batch: &Batch,
    ) -> Result<Result<Kept, Vec<(usize, Unusable)>>, Error> {
        let now = self.core.now();
        let mut events = Vec::with_capacity(batch.told.len());
        let mut problems = Vec::new();
        for (at, told) in batch.told.iter().enumerate() {
            match settle(told, keys, told_by, SiteEventId::new(self.core.fresh_id()), now) {
                Ok(event) => events.push(event),
                Err(unusable) => problems.push((at, unusable)),
            }
        }
        // A page is not told what was wrong: what can be kept of its batch is.
        if !problems.is_empty() && (told_by == ToldBy::Server || events.is_empty()) {
            return Ok(Err(problems));
        }
        let visitor_at = |place: usize| events.get(place).map(|(event, _)| event.visitor);
        let named = batch.names.iter().map(|&(place, (_, name))| (place, name));
        let checkout = self.checkout_of(shop, keys, &batch.token).await?;
        let names = named.chain(checkout.map(|name| (0, name)));
        let names = names.filter_map(|(place, name)| Some((visitor_at(place)?, name))).collect();
        let zone = zone_of(shop);
        let days = events.iter().map(|(event, _)| day_number(&zone, event.at)).collect();
        let ids = events.iter().map(|(event, _)| event.id).collect();
        let new = self.write(Entry { shop: shop.id, events, names, days, done: oneshot::channel().0 }).await?;
        metrics::counter!("cartback_events_total", "outcome" => "kept").increment(new);
        Ok(Ok(Kept { new, ids }))
    }

    /// Who a server speaks of when it names no anonymous id: the visitor known by one of these names, else one made of the
    /// first of them. `None` without a name.
    pub async fn visitor_named(&self, keys: &ShopKeys, names: &[Name]) -> Result<Option<Visitor>, Error> {
        let Some((_, first)) = names.first() else { return Ok(None) };
        let mut read = self.core.db.read().await?;
        for (_, name) in names {
            if let Some(visitor) = store::site_event::named(&mut read, keys, name).await?.first() {
                return Ok(Some(*visitor));
            }
        }
        Ok(Some(visitor_of(keys, first)))
    }

    /// The checkout a recovery link leads back to, by its name.
    async fn checkout_of(&self, shop: &Shop, keys: &ShopKeys, token: &str) -> Result<Option<[u8; 16]>, Error> {
        let Some(unverified) = link::parse(token).filter(|unverified| unverified.shop() == shop.id) else {
            return Ok(None);
        };
        let Some(MessageRef { message, .. }) = unverified.verify(keys, Purpose::Restore) else { return Ok(None) };
        let mut read = self.core.db.read().await?;
        let message = store::message::get(&mut read, keys, message).await?;
        let Some(cart) = message.and_then(|message| message.cart()) else { return Ok(None) };
        let names = identity::names(&mut read, keys, Subject::Cart(cart)).await?;
        Ok(names.into_iter().find(|(kind, _)| *kind == Kind::Checkout).map(|(_, name)| name))
    }

    async fn write(&self, entry: Entry) -> Result<u64, Error> {
        let (done, outcome) = oneshot::channel();
        let queue = self.queue.get_or_init(|| {
            let (queue, waiting) = mpsc::channel(QUEUE_MAX);
            tokio::spawn(write_all(self.core.clone(), self.dropped.clone(), waiting));
            queue
        });
        queue.try_send(Entry { done, ..entry }).map_err(|_| Error::Busy)?;
        match tokio::time::timeout(ANSWER_WITHIN, outcome).await {
            Ok(outcome) => outcome.unwrap_or(Err(Error::Busy)),
            Err(_) => Err(Error::Busy),
        }
    }
}

/// How long a sender is asked to wait when the database is away, in seconds.
pub fn come_back_seconds() -> u64 {
    COME_BACK_AFTER.as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

async fn write_all(core: Arc<Core>, dropped: Arc<Mutex<Missed>>, mut waiting: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(COMMIT_MAX);
    while waiting.recv_many(&mut batch, COMMIT_MAX).await > 0 {
        let missed: Vec<_> = std::mem::take(&mut *lock(&dropped)).into_iter().collect();
        if core.db.commits_span_shops() {
            commit(&core, std::mem::take(&mut batch), &missed).await;
            continue;
        }
        batch.sort_by_key(|entry| entry.shop);
        while let Some(first) = batch.first() {
            let shop = first.shop;
            let rest = batch.split_off(batch.partition_point(|entry| entry.shop == shop));
            let own: Vec<_> = missed.iter().filter(|((of, ..), _)| *of == shop).copied().collect();
            commit(&core, std::mem::replace(&mut batch, rest), &own).await;
        }
    }
}

async fn commit(core: &Core, batch: Vec<Entry>, missed: &[((ShopId, i64, Dropped), u64)]) {
    let now = core.now();
    let outcome: Result<Vec<u64>, Error> = transact!(core.db, |tx| {
        let mut kept = Vec::with_capacity(batch.len());
        for entry in &batch {
            let mut new = 0;
            for (event, dedup) in &entry.events {
                new += u64::from(store::site_event::keep(tx, entry.shop, event, dedup).await?);
            }
            for (visitor, name) in &entry.names {
                store::site_event::name(tx, entry.shop, visitor, name, now).await?;
            }
            if new > 0 {
                for &day in &entry.days {
                    job::ensure(tx, entry.shop, job::Kind::Tally, day, now + TALLY_AFTER).await?;
                }
            }
            kept.push(new);
        }
        for &((shop, day, why), count) in missed {
            store::site_event::count_dropped(tx, shop, day, why, count).await?;
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
            tracing::error!(%error, requests = batch.len(), "events could not be kept");
            for entry in batch {
                let _ = entry.done.send(Err(Error::Busy));
            }
        }
    }
}

/// Keeps one event that the service itself knows of, within what made it happen. The visitor is whoever is known by
/// `name` (`identity::value`), else one made of it.
pub(crate) async fn note(
    core: &Core,
    tx: &mut Tx,
    (shop, keys): (&Shop, &ShopKeys),
    told: Told,
    name: &[u8; 16],
) -> Result<(), Error> {
    let now = core.now();
    let known = store::site_event::named(tx, keys, name).await?.first().copied();
    let visitor = known.unwrap_or_else(|| visitor_of(keys, name));
    let told = Told { known: Some(visitor), ..told };
    // What cannot be kept as an event is still what it is.
    let Ok((event, dedup)) = settle(&told, keys, ToldBy::Server, SiteEventId::new(core.fresh_id()), now) else {
        return Ok(());
    };
    if store::site_event::keep(tx, shop.id, &event, &dedup).await? {
        // By its name it is found when the person is to be forgotten.
        store::site_event::name(tx, shop.id, &event.visitor, name, now).await?;
        let day = day_number(&zone_of(shop), event.at);
        job::ensure(tx, shop.id, job::Kind::Tally, day, now + TALLY_AFTER).await?;
    }
    Ok(())
}

/// Somebody known by this name only.
fn visitor_of(keys: &ShopKeys, name: &[u8; 16]) -> Visitor {
    keys.index("visitor", &format!("named {}", HEXLOWER.encode(name)))
}

/// The tallies of the days `[from_day, to_day]`, added up.
pub async fn counted(read: &mut Read, keys: &ShopKeys, from_day: i64, to_day: i64) -> Result<DayTally, Error> {
    let mut whole = DayTally::default();
    for (_, body) in store::site_event::tallies(read, keys, from_day, to_day).await? {
        whole.merge(&store::from_json("tally", &body)?);
    }
    Ok(whole)
}
