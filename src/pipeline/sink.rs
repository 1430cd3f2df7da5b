//! Sinks as people handle them: adding, changing, replacing a secret, switching off and on, replaying, trying one out.

use std::collections::BTreeMap;

use serde_json::Map;

use super::{
    Core,
    connect::{NotConnected, kept_secrets},
    forward,
    people::ads::Said,
};
use crate::{
    clock,
    domain::{
        connector::{Settings, Spec},
        id::{EventId, ShopId, SinkId},
        outbox::{Event, OLD_SECRET_SIGNS, Topic, Topics},
        seal::ShopKeys,
        standard_webhooks,
        time::Time,
    },
    sink,
    store::{
        self, Error, Tx,
        job::{self, Kind},
        outbox::Attempt,
        sink::Sink,
    },
    transact,
};

/// The alarm of an endpoint that was switched off by itself.
pub const ALARM: &str = "webhook_off";

const WEBHOOK: &str = "webhook";
const SECRET: &str = "secret";
const URL: &str = "url";
const NAME_CHARS_MAX: usize = 60;
/// Sinks of one shop: each event is told to each of them.
const SINKS_MAX: usize = 20;

/// What a person says of an endpoint; `None` leaves as it is.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    pub name: Option<String>,
    pub url: Option<String>,
    /// Names of topics with commas or spaces between them, or `all`.
    pub topics: Option<String>,
    pub personal: Option<bool>,
    /// The operator types it: private networks and plain http are theirs to choose.
    pub private: bool,
}

/// An endpoint that was made, with the secret nobody is shown again.
#[derive(Clone, Debug)]
pub struct Made {
    pub id: SinkId,
    pub secret: String,
}

/// Adds a webhook endpoint. Every problem is told at once.
pub async fn add(core: &Core, shop: ShopId, typed: &Typed) -> Result<Made, NotConnected> {
    let mut problems = Vec::new();
    let secret = standard_webhooks::secret(clock::random());
    let url = typed.url.clone().unwrap_or_default();
    let settings = settings(&url, &secret, typed.private, &mut problems);
    let topics = checked_topics(typed.topics.as_deref().unwrap_or("all"), &mut problems);
    let named = typed.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = named.map_or_else(|| host(&url), str::to_owned);
    check_name(&name, &mut problems);
    let (Some(settings), true) = (settings, problems.is_empty()) else { return Err(NotConnected::Wrong(problems)) };
    let now = core.now();
    let id = SinkId::new(core.fresh_id());
    let done: Result<(), String> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => Err(format!("shop: there is no shop {shop}")),
            Some((_, keys)) if store::sink::list(tx, &keys).await?.len() >= SINKS_MAX => {
                Err(format!("endpoint: a shop has at most {SINKS_MAX}"))
            }
            Some((_, keys)) => {
                let sink = Sink {
                    shop,
                    id,
                    kind: WEBHOOK.into(),
                    name: name.clone(),
                    topics,
                    settings: settings.clone(),
                    created_at: now,
                    private: typed.private,
                    personal: typed.personal.unwrap_or(false),
                    rotated_at: None,
                    failing_since: None,
                    disabled_at: None,
                    disabled_why: String::new(),
                };
                Ok(store::sink::create(tx, &keys, &sink).await?)
            }
        }
    })?;
    done.map_err(|problem| NotConnected::Wrong(vec![problem]))?;
    Ok(Made { id, secret })
}

/// Adds a destination of another kind than a webhook, from what a person typed. Every problem is told at once.
pub async fn add_kind(
    core: &Core,
    shop: ShopId,
    kind: &str,
    name: &str,
    given: &BTreeMap<String, String>,
) -> Result<SinkId, NotConnected> {
    let mut problems = Vec::new();
    let Some(found) = sink::by_kind(kind).filter(|found| found.spec().kind != WEBHOOK) else {
        let known: Vec<&str> = kinds().map(|spec| spec.kind).collect();
        return Err(NotConnected::Wrong(vec![format!("kind: there is no {kind}; there are {}", known.join(", "))]));
    };
    let settings = found.spec().settings(given.clone()).map_err(|found| problems.extend(found)).ok();
    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or(found.spec().name);
    check_name(name, &mut problems);
    let (Some(settings), true) = (settings, problems.is_empty()) else { return Err(NotConnected::Wrong(problems)) };
    let now = core.now();
    let sink = Sink {
        shop,
        id: SinkId::new(core.fresh_id()),
        kind: kind.to_owned(),
        name: name.to_owned(),
        topics: found.topics(),
        settings,
        created_at: now,
        private: false,
        personal: false,
        rotated_at: None,
        failing_since: None,
        disabled_at: None,
        disabled_why: String::new(),
    };
    let done: Result<(), String> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            None => Err(format!("shop: there is no shop {shop}")),
            Some((_, keys)) if store::sink::list(tx, &keys).await?.len() >= SINKS_MAX => {
                Err(format!("endpoint: a shop has at most {SINKS_MAX}"))
            }
            Some((_, keys)) => Ok(store::sink::create(tx, &keys, &sink).await?),
        }
    })?;
    done.map_err(|problem| NotConnected::Wrong(vec![problem]))?;
    Ok(sink.id)
}

/// Changes how an advertising platform is set; a secret that is left empty stays as it is. What it was told stays known, so
/// that a new key loses no refund. `false` when there is none.
pub async fn change_kind(
    core: &Core,
    shop: ShopId,
    id: SinkId,
    given: &BTreeMap<String, String>,
) -> Result<bool, NotConnected> {
    let now = core.now();
    let done: Result<bool, Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        let found = store::sink::get(tx, &keys, id).await?.filter(|sink| !is_webhook(sink));
        match found.and_then(|sink| sink::by_kind(&sink.kind).map(|kind| (sink, kind.spec()))) {
            None => Ok(false),
            Some((mut sink, spec)) => match spec.settings(kept_secrets(spec, &sink.settings, given)) {
                Err(problems) => Err(problems),
                Ok(settings) => {
                    sink.settings = settings;
                    // It has not failed with these yet.
                    sink.failing_since = None;
                    store::sink::save(tx, &keys, &sink, now).await?;
                    Ok(true)
                }
            },
        }
    })?;
    done.map_err(NotConnected::Wrong)
}

/// Every kind that is no webhook, as it describes itself.
pub fn kinds() -> impl Iterator<Item = &'static Spec> {
    sink::ALL.iter().map(|sink| sink.spec()).filter(|spec| spec.kind != WEBHOOK)
}

/// Whether a sink is a webhook endpoint, with an address and secrets of its own to change.
pub fn is_webhook(sink: &Sink) -> bool {
    sink.kind == WEBHOOK
}

/// What people said to advertising, as it was told; all of it or nothing. How many were not known before.
pub async fn record_ad_consents(core: &Core, shop: ShopId, said: &[Said]) -> Result<u64, Error> {
    let now = core.now();
    let mut fresh = 0;
    for some in said.chunks(CONSENTS_AT_ONCE) {
        fresh += transact!(core.db, |tx| {
            let keys = core.vault.keys(tx, shop).await?;
            let mut fresh = 0;
            for each in some {
                let consent = &each.consent;
                let holds = store::ad_consent::newest(tx, &keys, &consent.phone, now).await?;
                if each.dated || holds != Some(consent.state) {
                    fresh += u64::from(store::ad_consent::record(tx, &keys, core.fresh_id(), consent, now).await?);
                }
            }
            fresh
        })?;
    }
    Ok(fresh)
}

const CONSENTS_AT_ONCE: usize = 500;

/// Changes an endpoint; `false` when there is none.
pub async fn change(core: &Core, shop: ShopId, id: SinkId, typed: &Typed) -> Result<bool, NotConnected> {
    let mut problems = Vec::new();
    let topics = typed.topics.as_deref().map(|topics| checked_topics(topics, &mut problems));
    if let Some(name) = &typed.name {
        check_name(name.trim(), &mut problems);
    }
    if let Some(url) = &typed.url {
        settings(url, &standard_webhooks::secret([0; 32]), typed.private, &mut problems);
    }
    if !problems.is_empty() {
        return Err(NotConnected::Wrong(problems));
    }
    if !of_webhook(core, shop, id).await? {
        return Ok(false);
    }
    let changed = edit(core, shop, id, |sink, _| {
        if let Some(name) = &typed.name {
            name.trim().clone_into(&mut sink.name);
        }
        if let Some(url) = &typed.url {
            sink.settings = with(&sink.settings, URL, url.trim());
            sink.private = typed.private;
            // A new address has not failed yet.
            sink.failing_since = None;
        }
        sink.topics = topics.unwrap_or(sink.topics);
        sink.personal = typed.personal.unwrap_or(sink.personal);
    });
    Ok(changed.await?)
}

/// Gives an endpoint a new secret; the one before signs too for a day. `None` when there is no such endpoint.
pub async fn rotate(core: &Core, shop: ShopId, id: SinkId) -> Result<Option<String>, Error> {
    if !of_webhook(core, shop, id).await? {
        return Ok(None);
    }
    let secret = standard_webhooks::secret(clock::random());
    let changed = edit(core, shop, id, |sink, now| {
        let before = current(sink, now).list(SECRET).next().map(str::to_owned);
        let both: Vec<&str> = std::iter::once(secret.as_str()).chain(before.as_deref()).collect();
        sink.settings = with(&sink.settings, SECRET, &both.join(", "));
        sink.rotated_at = Some(now);
    });
    Ok(changed.await?.then_some(secret))
}

/// Switches an endpoint off: what waits for it is kept for a replay. `false` when there is none.
pub async fn disable(core: &Core, shop: ShopId, id: SinkId) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        match store::sink::get(tx, &keys, id).await? {
            None => false,
            Some(mut sink) => {
                if sink.disabled_at.is_none() {
                    (sink.disabled_at, sink.disabled_why) = (Some(now), "by hand".to_owned());
                    store::sink::save(tx, &keys, &sink, now).await?;
                    store::outbox::give_up_all(tx, &keys, id, now).await?;
                }
                true
            }
        }
    })
}

/// Switches an endpoint on again, with a clean slate; what it missed waits for a replay. `false` when there is none.
pub async fn enable(core: &Core, shop: ShopId, id: SinkId) -> Result<bool, Error> {
    let now = core.now();
    let changed = edit(core, shop, id, |sink, _| {
        (sink.disabled_at, sink.failing_since) = (None, None);
        sink.disabled_why.clear();
    });
    let changed = changed.await?;
    transact!(core.db, |tx| store::alarm::clear(tx, shop, ALARM, &id.to_string(), now).await?)?;
    Ok(changed)
}

/// Removes an endpoint with its log; `false` when there is none.
pub async fn remove(core: &Core, shop: ShopId, id: SinkId) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        job::cancel(tx, shop, Kind::Forward, id.get()).await?;
        store::alarm::clear(tx, shop, ALARM, &id.to_string(), now).await?;
        store::sink::remove(tx, &keys, id).await?
    })
}

/// What is told again.
#[derive(Clone, Copy, Debug)]
pub enum Again {
    One(EventId),
    /// Everything given up or missed that happened since.
    Since(Time),
}

/// Why nothing is told again.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    #[error("there is no such endpoint")]
    NoEndpoint,
    #[error("this endpoint was never told of this event, or it is forgotten by now")]
    NoEvent,
    #[error("the endpoint is off: switch it on first")]
    Off,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Makes events due again, under their own ids; answers how many.
pub async fn replay(core: &Core, shop: ShopId, id: SinkId, again: Again) -> Result<u64, NotReplayed> {
    let now = core.now();
    let done: Result<u64, NotReplayed> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        match store::sink::get(tx, &keys, id).await? {
            None => Err(NotReplayed::NoEndpoint),
            Some(sink) if sink.disabled_at.is_some() => Err(NotReplayed::Off),
            Some(_) => {
                let count = match again {
                    Again::One(event) => u64::from(store::outbox::replay(tx, &keys, id, event, now).await?),
                    Again::Since(since) => store::outbox::replay_since(tx, &keys, id, since, now).await?,
                };
                if count > 0 {
                    job::nudge(tx, shop, Kind::Forward, id.get(), now).await?;
                }
                match again {
                    Again::One(_) if count == 0 => Err(NotReplayed::NoEvent),
                    _ => Ok(count),
                }
            }
        }
    })?;
    core.wake.notify_one();
    done
}

/// Tells an endpoint a test event now, also one that is off, and answers what came of it. `None` when there is none.
pub async fn test(core: &Core, shop: ShopId, id: SinkId) -> Result<Option<Attempt>, Error> {
    let now = core.now();
    let event = EventId::new(core.fresh_id());
    let known = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        let known = store::sink::get(tx, &keys, id).await?.is_some();
        if known {
            let test = Event { id: event, topic: Topic::Test, at: now, about: 0, phone: None, data: Map::new() };
            store::outbox::write(tx, &keys, &test).await?;
            store::outbox::address(tx, &keys, id, event, Some(now), now).await?;
        }
        known
    })?;
    if known { forward::tell(core, shop, id, event, true).await } else { Ok(None) }
}

/// The settings to sign with at this moment: a replaced secret is left out when its day is over.
pub(crate) fn current(sink: &Sink, now: Time) -> Settings {
    let over = sink.rotated_at.is_none_or(|at| now.since(at) >= OLD_SECRET_SIGNS);
    match sink.settings.list(SECRET).next() {
        Some(newest) if over => with(&sink.settings, SECRET, newest),
        _ => sink.settings.clone(),
    }
}

/// Replaced secrets whose day is over go for good.
pub(crate) async fn forget_old_secrets(tx: &mut Tx, keys: &ShopKeys, now: Time) -> Result<(), Error> {
    for mut sink in store::sink::list(tx, keys).await? {
        let settings = current(&sink, now);
        if settings != sink.settings {
            sink.settings = settings;
            sink.rotated_at = None;
            store::sink::save(tx, keys, &sink, now).await?;
        }
    }
    Ok(())
}

async fn of_webhook(core: &Core, shop: ShopId, id: SinkId) -> Result<bool, Error> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    Ok(store::sink::get(&mut read, &keys, id).await?.is_some_and(|sink| is_webhook(&sink)))
}

async fn edit(core: &Core, shop: ShopId, id: SinkId, change: impl Fn(&mut Sink, Time)) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        match store::sink::get(tx, &keys, id).await? {
            None => false,
            Some(mut sink) => {
                change(&mut sink, now);
                store::sink::save(tx, &keys, &sink, now).await?;
                true
            }
        }
    })
}

fn with(settings: &Settings, key: &str, value: &str) -> Settings {
    let mut all: BTreeMap<String, String> =
        settings.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    all.insert(key.to_owned(), value.to_owned());
    Settings::restored(all)
}

fn settings(url: &str, secret: &str, private: bool, problems: &mut Vec<String>) -> Option<Settings> {
    let spec = sink::Sink::spec(&sink::Webhook);
    let given = [(URL, url.trim()), (SECRET, secret)].map(|(key, value)| (key.to_owned(), value.to_owned()));
    if !private && url.trim_start().to_ascii_lowercase().starts_with("http://") {
        problems.push("url: must begin with https://; only the operator, on the server, may choose http://".into());
    }
    spec.settings(given.into()).map_err(|found| problems.extend(found)).ok()
}

fn checked_topics(typed: &str, problems: &mut Vec<String>) -> Topics {
    let topics = if typed.trim() == "all" { Ok(Topics::all()) } else { Topics::parse(typed) };
    match topics {
        Ok(topics) if !topics.is_empty() => topics,
        Ok(_) => {
            problems.push("events: choose at least one".into());
            Topics::default()
        }
        Err(unknown) => {
            let known: Vec<_> = Topic::choices().map(Topic::name).collect();
            problems.push(format!("events: there is no {unknown}; there are {}, or all", known.join(", ")));
            Topics::default()
        }
    }
}

fn check_name(name: &str, problems: &mut Vec<String>) {
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        problems.push(format!("name: must be 1 to {NAME_CHARS_MAX} characters"));
    }
}

/// What people call it when they do not say: the host. The rest of a URL may be a secret.
pub fn host(url: &str) -> String {
    let host = url::Url::parse(url.trim()).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.map_or_else(|| "endpoint".to_owned(), |host| host.chars().take(NAME_CHARS_MAX).collect())
}
