//! Follow: a recovery link is opened. A GET changes nothing but the click log; nothing personal is shown, and where the
//! link leads comes from our database only. Also the opt-out link, whose POST acts.

use super::{Core, judge::JUDGE_AFTER, settle};
use crate::{
    domain::{
        click::Opened,
        consent::{OptOut, OutProof},
        id::{ClickId, ShopId},
        link::{self, Purpose},
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
    let now = core.now();
    let click = Click {
        id: ClickId::new(core.fresh_id()),
        message: message.id,
        at: opened.at,
        opened: Opened { agent: opened.agent.is_some().then(|| opened.kept_agent()), ..opened },
        verdict: String::new(),
    };
    transact!(core.db, |tx| {
        store::click::record(tx, &keys, &click).await?;
        job::schedule(tx, shop.id, job::Kind::Judge, click.id.get(), now + JUDGE_AFTER).await?;
    })?;
    way(core, &shop, &keys, &message, token, now).await
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
    let hosts = kind.hosts(&shop.settings);
    let own;
    let hosts: Vec<&str> = if hosts.is_empty() {
        // The shop's signature vouched for the address; it still has to be one we would open.
        own = host_of(url).unwrap_or_default();
        vec![own.as_str()]
    } else {
        hosts.iter().map(String::as_str).collect()
    };
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

fn host_of(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).ok()?;
    let host = parsed.host_str()?;
    Some(parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The message a token names, when it is ours and for this purpose.
async fn find(core: &Core, token: &str, purpose: Purpose) -> Result<Option<(Shop, ShopKeys, Message)>, Error> {
    let Some(unverified) = link::parse(token) else { return Ok(None) };
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = known_shop(core, &mut read, unverified.shop()).await? else { return Ok(None) };
    let Some(MessageRef { message, .. }) = unverified.verify(&keys, purpose) else { return Ok(None) };
    let message = store::message::get(&mut read, &keys, message).await?;
    Ok(message.map(|message| (shop, keys, message)))
}

/// A token may name any number: only those of shops are looked up.
async fn known_shop(core: &Core, read: &mut store::Read, id: ShopId) -> Result<Option<(Shop, ShopKeys)>, Error> {
    if id.get() <= 0 { Ok(None) } else { core.shop(read, id).await }
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
