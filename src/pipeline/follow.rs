//! Follow: a recovery link is opened. A GET changes nothing but the click log; nothing personal is shown, and where the
//! link leads comes from our database only. Also the opt-out link, whose POST acts.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    Core,
    group::{self, Group},
    judge::JUDGE_AFTER,
    look::Looks,
    settle,
};
use crate::{
    domain::{
        click::Opened,
        consent::{OptOut, OutProof},
        id::{ClickId, ShopId},
        link::{self, BadDestination, Purpose, Unverified},
        message::MessageRef,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    shop,
    store::{self, Error, click::Click, job, message::Message, shop::Shop},
    transact,
};

/// Where an opened link leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Way {
    /// To the checkout. A bearer secret: never logged.
    Checkout(String),
    /// There is nothing to recover any more; the shop's own front door.
    Home { shop: String, url: String },
    /// Not a link of ours.
    Nowhere,
}

/// Counts the opening and says where it leads.
pub async fn follow(core: &Core, token: &str, opened: Opened) -> Result<Way, Error> {
    let Some((shop, keys, message)) = find(core, token, Purpose::Restore).await? else { return Ok(Way::Nowhere) };
    let tap = Tap { click: click(core, &message, opened), shop: shop.id };
    let kept = group::Entry::commit(core, &[tap]).await;
    counted(kept.map(drop));
    way(core, &shop, &keys, &message, token, core.now()).await
}

/// The group-commit writer of openings. It starts with the first one and ends when the last `Taps` is dropped and its queue
/// is written.
#[derive(Clone)]
pub struct Taps {
    core: Arc<Core>,
    group: Arc<OnceLock<Group<Tap>>>,
    shops: Looks<ShopId, Option<Arc<(Shop, ShopKeys)>>>,
}

impl Taps {
    pub fn new(core: Arc<Core>) -> Taps {
        Taps { core, group: Arc::default(), shops: Looks::default() }
    }

    /// As `follow`; openings that arrive together share a commit.
    pub async fn follow(&self, token: &str, opened: Opened) -> Result<Way, Error> {
        let core = &self.core;
        let Some(unverified) = parsed(token) else { return Ok(Way::Nowhere) };
        let look = async || {
            let mut read = core.db.read().await?;
            Ok(core.shop(&mut read, unverified.shop()).await?.map(Arc::new))
        };
        let Some(known) = self.shops.ask(unverified.shop(), look).await? else { return Ok(Way::Nowhere) };
        let (shop, keys) = &*known;
        let message = named(&mut core.db.read().await?, keys, &unverified, Purpose::Restore).await?;
        let Some(message) = message else { return Ok(Way::Nowhere) };
        let tap = Tap { click: click(core, &message, opened), shop: shop.id };
        let group = self.group.get_or_init(|| Group::start(core.clone()).0);
        // Where it leads is read while it is written: a shopper waits for the longer of the two.
        let kept = tokio::time::timeout(KEEP_WITHIN, group.write(tap));
        let (kept, way) = tokio::join!(kept, way(core, shop, keys, &message, token, core.now()));
        counted(kept.unwrap_or(Err(Error::Busy)));
        way
    }
}

/// A shopper is not kept waiting for a disk that is slow: the opening is written meanwhile, or soon.
const KEEP_WITHIN: Duration = Duration::from_millis(500);

/// Whoever tapped is led on all the same: an opening that could not be counted is our loss, not the shopper's.
fn counted(kept: Result<(), Error>) {
    if let Err(error) = kept {
        tracing::error!(%error, "an opening was not counted, or not yet");
    }
}

fn click(core: &Core, message: &Message, opened: Opened) -> Click {
    Click {
        id: ClickId::new(core.fresh_id()),
        message: message.id,
        at: opened.at,
        opened: Opened { agent: opened.agent.is_some().then(|| opened.kept_agent()), ..opened },
        verdict: String::new(),
    }
}

/// An opening on its way to the disk.
struct Tap {
    click: Click,
    shop: ShopId,
}

impl group::Entry for Tap {
    type Kept = ();

    fn shop(&self) -> ShopId {
        self.shop
    }

    async fn commit(core: &Core, batch: &[Tap]) -> Result<Vec<()>, Error> {
        let due = core.now() + JUDGE_AFTER;
        let mut by_shop: BTreeMap<ShopId, Vec<&Click>> = BTreeMap::new();
        for tap in batch {
            by_shop.entry(tap.shop).or_default().push(&tap.click);
        }
        transact!(core.db, |tx| {
            for (shop, clicks) in &by_shop {
                let written = store::click::record_all(tx, *shop, clicks).await?;
                for (click, _) in clicks.iter().zip(written).filter(|(_, is_written)| *is_written) {
                    job::schedule(tx, *shop, job::Kind::Judge, click.id.get(), due).await?;
                }
            }
            vec![(); batch.len()]
        })
    }
}

async fn way(
    core: &Core,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    token: &str,
    now: Time,
) -> Result<Way, Error> {
    let Some(kind) = shop::by_kind(&shop.kind) else { return Ok(Way::Nowhere) };
    let scheme = if core.plain_links { "http" } else { "https" };
    let home = || match kind.home(&shop.settings) {
        Some(host) => Way::Home { shop: shop.name.clone(), url: format!("{scheme}://{host}/") },
        None => Way::Nowhere,
    };
    let expired = now.since(message.created_at) > DAY * shop.rules.link_days;
    if expired || shop.stopped().is_some() {
        return Ok(home());
    }
    let mut read = core.db.read().await?;
    let Some(id) = message.cart() else { return Ok(home()) };
    let cart = store::cart::get(&mut read, keys, id).await?;
    let Some(cart) = cart.filter(|cart| cart.is_open()) else { return Ok(home()) };
    let Some(url) = cart.latest.recovery_url.as_deref() else { return Ok(home()) };
    let hosts = hosts(kind, shop, url);
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let code = super::discount::applied(&mut read, keys, message, now).await?;
    let discount = code.as_deref().and_then(|code| kind.discount_query(code));
    let content = format!("step-{}", message.step);
    let tags = [
        ("utm_source", shop.rules.utm_source.as_str()),
        ("utm_medium", shop.rules.utm_medium.as_str()),
        ("utm_campaign", shop.rules.utm_campaign.as_str()),
        ("utm_content", content.as_str()),
        // Comes back with the order's landing page: the strongest tie there is.
        ("cartback", token),
    ];
    let discount = discount.as_ref().map(|(name, code)| (*name, code.as_str()));
    match link::destination(url, &hosts, core.plain_links, discount, &tags) {
        Ok(url) => Ok(Way::Checkout(url)),
        Err(problem) => {
            tracing::warn!(shop = %shop.id, message = %message.id, %problem, "a recovery address is not one we may open");
            Ok(home())
        }
    }
}

/// Hosts that this recovery address may be at.
fn hosts(kind: &dyn shop::Shop, shop: &Shop, url: &str) -> Vec<String> {
    let named = kind.hosts(&shop.settings);
    // The shop's signature vouched for the address; it still has to be one we would open.
    if named.is_empty() { host_of(url).into_iter().collect() } else { named }
}

/// Why nobody would be sent to a recovery address, in words that name its host at most. `None` where people are, and
/// for a shop of no kind there is.
pub(crate) fn astray(core: &Core, shop: &Shop, url: &str) -> Option<String> {
    let hosts = hosts(shop::by_kind(&shop.kind)?, shop, url);
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let problem = link::check_destination(url, &hosts, core.plain_links).err()?;
    let host = host_of(url).filter(|_| problem == BadDestination::ForeignHost);
    Some(host.map_or_else(|| problem.to_string(), |host| format!("{problem}: {host:.80}")))
}

fn host_of(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).ok()?;
    let host = parsed.host_str()?;
    Some(parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The message a token names, when it is ours and for this purpose.
async fn find(core: &Core, token: &str, purpose: Purpose) -> Result<Option<(Shop, ShopKeys, Message)>, Error> {
    let Some(unverified) = parsed(token) else { return Ok(None) };
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, unverified.shop()).await? else { return Ok(None) };
    let message = named(&mut read, &keys, &unverified, purpose).await?;
    Ok(message.map(|message| (shop, keys, message)))
}

async fn named(
    read: &mut store::Read,
    keys: &ShopKeys,
    unverified: &Unverified,
    purpose: Purpose,
) -> Result<Option<Message>, Error> {
    match unverified.verify(keys, purpose) {
        Some(MessageRef { message, .. }) => store::message::get(read, keys, message).await,
        None => Ok(None),
    }
}

/// A token may name any number: only those of shops are looked up.
fn parsed(token: &str) -> Option<Unverified> {
    link::parse(token).filter(|link| link.shop().get() > 0)
}

/// The shop an opt-out link is about, for its page. `None` when it is not a link of ours.
pub async fn opt_out_page(core: &Core, token: &str) -> Result<Option<String>, Error> {
    Ok(find(core, token, Purpose::OptOut).await?.map(|(shop, ..)| shop.name))
}

/// Opts the phone of that text out. `None` when it is not a link of ours.
pub async fn opt_out(core: &Core, token: &str) -> Result<Option<String>, Error> {
    let Some((shop, keys, message)) = find(core, token, Purpose::OptOut).await? else { return Ok(None) };
    let now = core.now();
    let index = if message.words.phone.is_empty() {
        // The text was erased; its link goes on working.
        store::message::former_phone(&mut core.db.read().await?, &keys, message.id).await?
    } else {
        Some(store::consent::phone_index(&keys, &message.phone()))
    };
    if let Some(index) = index {
        transact!(core.db, |tx| {
            store::shop::take_turn(tx, shop.id).await?;
            let proof = OutProof {
                received_at: Some(now),
                applied_at: Some(now),
                message: Some(message.id.get()),
                ..OutProof::default()
            };
            let entry = OptOut { at: now, source: "link".into() };
            settle::opt_out_with(core, tx, &keys, &index, entry, &proof, &shop).await?;
        })?;
    }
    Ok(Some(shop.name))
}
