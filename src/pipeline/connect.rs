//! Connect: a shop or a gateway is added by what a person typed. Every problem is told at once.

use std::collections::BTreeMap;

use super::{Core, ask, recredit, route};
use crate::{
    clock,
    domain::{
        connector::{Settings, Spec},
        hours,
        id::{GatewayId, ShopId},
        money::Currency,
        rules::Rules,
        seal::ShopKeys,
        time::Time,
    },
    gateway, shop,
    store::{
        self, Error, Tx, connection,
        gateway::Gateway,
        job,
        shop::{NewShop, Shop},
    },
    transact,
};

/// Why something could not be connected.
#[derive(Debug, thiserror::Error)]
pub enum NotConnected {
    /// What was typed, problem by problem.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    #[error(transparent)]
    Store(#[from] Error),
}

/// A connected shop or gateway: what to show for it.
#[derive(Clone, Debug)]
pub struct Connected {
    pub shop: ShopId,
    pub gateway: Option<GatewayId>,
    /// The URL to paste at the other side.
    pub webhook_url: String,
    /// Steps to take there, with the URL filled in.
    pub steps: Vec<String>,
}

/// What a person says of a shop.
#[derive(Clone, Debug, Default)]
pub struct ShopTyped {
    pub kind: String,
    pub name: String,
    pub country: String,
    pub currency: String,
    /// IANA name.
    pub zone: String,
    pub settings: BTreeMap<String, String>,
    /// Changes to the default rules.
    pub rules: BTreeMap<String, String>,
}

const NAME_CHARS_MAX: usize = 60;

/// Connects a shop that is set up step by step in the dashboard: it sends nothing before it goes live, and the secrets that
/// its platform shows only later may follow.
pub async fn prepare_shop(core: &Core, typed: &ShopTyped) -> Result<Connected, NotConnected> {
    new_shop(core, typed, true).await
}

/// Connects a shop: the typed `--set` values are settings of its connector or rules of the shop, by name.
pub async fn add_shop(core: &Core, typed: &ShopTyped) -> Result<Connected, NotConnected> {
    new_shop(core, typed, false).await
}

async fn new_shop(core: &Core, typed: &ShopTyped, step_by_step: bool) -> Result<Connected, NotConnected> {
    let mut problems = Vec::new();
    let kind = shop::by_kind(&typed.kind);
    let Some(kind) = kind else {
        let known: Vec<_> = shop::ALL.iter().map(|shop| shop.spec().kind).collect();
        return Err(NotConnected::Wrong(vec![format!("kind: must be one of {}", known.join(", "))]));
    };
    let (settings, mut rules) = sort_out(kind.spec(), &typed.settings);
    rules.extend(typed.rules.clone());
    let currency = checked_currency(&typed.currency, &mut problems);
    let name = checked_name(&typed.name, &mut problems);
    let country = checked_country(&typed.country, &mut problems);
    let zone = checked_zone(&typed.zone, &mut problems);
    let spec = kind.spec();
    let read = if step_by_step { spec.settings_so_far(settings) } else { spec.settings(settings) };
    let settings = read.unwrap_or_else(|found| {
        problems.extend(found);
        Settings::default()
    });
    let rules = changed_rules(&rules, &mut problems);
    let (Some(currency), true) = (currency, problems.is_empty()) else { return Err(NotConnected::Wrong(problems)) };
    let key = clock::random();
    let new = NewShop { kind: typed.kind.clone(), name, country, currency, zone, settings, rules, key };
    let (now, public_id) = (core.now(), opaque_id());
    let id = transact!(core.db, |tx| {
        let id = store::shop::create(tx, &core.vault, &new, now).await?;
        connection::create(tx, &public_id, id, None, now).await?;
        if step_by_step {
            store::shop::set_up(tx, id, now).await?;
        }
        id
    })?;
    Ok(connected(core, kind.spec(), id, None, &public_id))
}

/// Connects a gateway for one shop, or for the house. `private`: the operator chose its address by hand.
pub async fn add_gateway(
    core: &Core,
    tenant: ShopId,
    kind: &str,
    name: &str,
    settings: BTreeMap<String, String>,
    private: bool,
) -> Result<Connected, NotConnected> {
    let Some(kind) = gateway::by_kind(kind) else {
        let known: Vec<_> = gateway::ALL.iter().map(|gateway| gateway.spec().kind).collect();
        return Err(NotConnected::Wrong(vec![format!("kind: must be one of {}", known.join(", "))]));
    };
    let settings = gateway::sending::settings(kind, settings).map_err(NotConnected::Wrong)?;
    let mut read = core.db.read().await?;
    if tenant != ShopId::HOUSE && store::shop::get(&mut read, &core.vault, tenant).await?.is_none() {
        return Err(NotConnected::Wrong(vec![format!("shop: there is no shop {tenant}")]));
    }
    let keys = core.vault.keys(&mut read, tenant).await?;
    drop(read);
    let now = core.now();
    let account = Gateway {
        shop: tenant,
        id: GatewayId::new(core.fresh_id()),
        kind: kind.spec().kind.to_owned(),
        name: if name.trim().is_empty() { kind.spec().name.to_owned() } else { name.trim().to_owned() },
        settings,
        created_at: now,
        private,
        paused_at: None,
        pause_reason: String::new(),
        balance: None,
    };
    let public_id = opaque_id();
    transact!(core.db, |tx| {
        store::gateway::create(tx, &keys, &account).await?;
        connection::create(tx, &public_id, tenant, Some(account.id), now).await?;
    })?;
    route::ask_carts_again(core, tenant).await;
    Ok(connected(core, kind.spec(), tenant, Some(account.id), &public_id))
}

/// Changes a shop: rules by name, connector settings by name, and `name`, `country`, `currency`, `timezone`, `paused`.
pub async fn change_shop(core: &Core, id: ShopId, changes: &BTreeMap<String, String>) -> Result<(), NotConnected> {
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(vec![format!("shop: there is no shop {id}")]),
            Some((shop, keys)) => change(core, tx, shop, &keys, changes).await?,
        }
    })?;
    done.map_err(NotConnected::Wrong)
}

pub(super) async fn change(
    core: &Core,
    tx: &mut Tx,
    mut shop: Shop,
    keys: &ShopKeys,
    changes: &BTreeMap<String, String>,
) -> Result<Result<(), Vec<String>>, Error> {
    let Some(kind) = shop::by_kind(&shop.kind) else {
        return Ok(Err(vec![format!("kind: no connector {}", shop.kind)]));
    };
    let mut problems = Vec::new();
    let now = core.now();
    let before = asked_by_carts(&shop);
    let mut goes_live = false;
    let mut rest = BTreeMap::new();
    for (key, value) in changes {
        match key.as_str() {
            "name" => shop.name = checked_name(value, &mut problems),
            "country" => shop.country = checked_country(value, &mut problems),
            "currency" => shop.currency = checked_currency(value, &mut problems).unwrap_or(shop.currency),
            "timezone" => shop.zone = checked_zone(value, &mut problems),
            "paused" => match value.as_str() {
                "yes" => shop.paused_at = shop.paused_at.or(Some(now)),
                "no" if shop.waits_to_go_live() => goes_live = true,
                "no" => (shop.paused_at, shop.uninstalled_at) = (None, None),
                _ => problems.push("paused: must be yes or no".into()),
            },
            _ => {
                rest.insert(key.clone(), value.clone());
            }
        }
    }
    let (settings, changed) = sort_out(kind.spec(), &rest);
    let mut all: BTreeMap<String, String> =
        shop.settings.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    all.extend(settings);
    let spec = kind.spec();
    // What is being set up may still lack what its platform shows only later.
    let whole = goes_live || !shop.waits_to_go_live();
    match if whole { spec.settings(all) } else { spec.settings_so_far(all) } {
        Ok(settings) => shop.settings = settings,
        Err(found) => problems.extend(found),
    }
    let mut rules = shop.rules.clone();
    if let Err(found) = rules.set_all(pairs(&changed)) {
        problems.extend(found);
    }
    if goes_live {
        (shop.paused_at, shop.setting_up_since) = (None, None);
        // What is switched on reaches nobody who left before: that is how going live texts no cart from before it.
        for sequence in rules.sequences.iter_mut().filter(|sequence| sequence.on_since.is_some()) {
            sequence.on_since = Some(now);
        }
    }
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    store::shop::save(tx, keys, &shop).await?;
    if rules != shop.rules {
        save_rules(tx, keys, (&shop, &rules), now).await?;
        recredit::after_change(core, tx, keys, (&shop.rules, &rules), "").await?;
    } else if before != asked_by_carts(&shop) {
        ask_carts(tx, &shop, now).await?;
    }
    Ok(Ok(()))
}

/// What a cart that waits may have waited for: where its links may lead, whose night it is, whether the shop sends at all.
fn asked_by_carts(shop: &Shop) -> impl PartialEq + use<> {
    (shop.settings.clone(), shop.country.clone(), shop.currency, shop.zone.clone(), shop.stopped())
}

/// Has every cart that waits asked again: what held it may be gone. Asked while the shop sends nothing, they would end for
/// good; a shop that goes on soon has them still.
async fn ask_carts(tx: &mut Tx, shop: &Shop, now: Time) -> Result<(), Error> {
    match shop.stopped() {
        None => job::hurry(tx, shop.id, job::Kind::Decide, now).await,
        Some(_) => Ok(()),
    }
}

/// Saves rules as the shop's next version, and has its carts asked again. The caller holds the shop's turn and has checked
/// the rules.
pub(crate) async fn save_rules(
    tx: &mut Tx,
    keys: &ShopKeys,
    (shop, rules): (&Shop, &Rules),
    now: Time,
) -> Result<(), Error> {
    store::rules::save(tx, keys, rules, now).await?;
    ask_carts(tx, shop, now).await
}

/// Changes a shop's rules by this function, in its turn; every problem is told and nothing is saved then.
pub async fn change_rules(
    core: &Core,
    id: ShopId,
    change: impl Fn(&mut Rules, Time) -> Result<(), Vec<String>>,
) -> Result<(), NotConnected> {
    let now = core.now();
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(vec![format!("shop: there is no shop {id}")]),
            Some((shop, keys)) => {
                let mut rules = shop.rules.clone();
                let checked = change(&mut rules, now).and_then(|()| rules.check().map_err(|problem| vec![problem]));
                if checked.is_ok() && rules != shop.rules {
                    save_rules(tx, &keys, (&shop, &rules), now).await?;
                    recredit::after_change(core, tx, &keys, (&shop.rules, &rules), "").await?;
                }
                checked
            }
        }
    })?;
    done.map_err(NotConnected::Wrong)
}

/// Lets a shop that was set up in the dashboard send, from this moment on and for carts left from now on; one that was
/// paused goes on as it was.
pub async fn go_live(core: &Core, id: ShopId) -> Result<(), NotConnected> {
    change_shop(core, id, &BTreeMap::from([("paused".to_owned(), "no".to_owned())])).await?;
    core.wake.notify_one();
    Ok(())
}

/// Ends the connection as the platform itself would by removing the app: nothing is sent any more, what waits is dropped,
/// its webhooks are turned away. Its figures stay, and resuming connects it again.
pub async fn disconnect_shop(core: &Core, id: ShopId) -> Result<(), NotConnected> {
    let now = core.now();
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(vec![format!("shop: there is no shop {id}")]),
            Some((mut shop, keys)) => {
                shop.uninstalled_at.get_or_insert(now);
                store::shop::save(tx, &keys, &shop).await?;
                job::hurry(tx, id, job::Kind::Send, now).await?;
                Ok(())
            }
        }
    })?;
    core.wake.notify_one();
    done.map_err(NotConnected::Wrong)
}

/// Changes what a gateway is called and how it is set; a secret that is left empty stays as it is.
pub async fn change_gateway(
    core: &Core,
    tenant: ShopId,
    id: GatewayId,
    name: &str,
    typed: &BTreeMap<String, String>,
) -> Result<(), NotConnected> {
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, tenant).await?;
        match store::gateway::get(tx, &keys, id).await? {
            None => Err(vec!["gateway: there is no such gateway".to_owned()]),
            Some(account) => match resettled(&account, typed) {
                Err(problems) => Err(problems),
                Ok(settings) => {
                    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or(&account.name);
                    store::gateway::save_settings(tx, &keys, id, &settings).await?;
                    store::gateway::rename(tx, tenant, id, name).await?;
                    Ok(())
                }
            },
        }
    })?;
    done.map_err(NotConnected::Wrong)?;
    route::line_up_again(core, tenant, id).await?;
    Ok(())
}

/// As [`change_gateway`], for settings that were judged already.
pub async fn set_gateway(core: &Core, tenant: ShopId, id: GatewayId, settings: &Settings) -> Result<(), Error> {
    transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, tenant).await?;
        store::gateway::save_settings(tx, &keys, id, settings).await?;
    })?;
    route::line_up_again(core, tenant, id).await
}

fn resettled(account: &Gateway, typed: &BTreeMap<String, String>) -> Result<Settings, Vec<String>> {
    let kind = gateway::by_kind(&account.kind).ok_or_else(|| vec![format!("kind: no connector {}", account.kind)])?;
    gateway::sending::settings(kind, kept_secrets(kind.spec(), &account.settings, typed))
}

/// What was typed, with the secrets that stay: one that is left empty is not taken away.
pub fn kept_secrets(spec: &Spec, settings: &Settings, typed: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut all = typed.clone();
    for field in spec.fields.iter().filter(|field| field.secret) {
        let empty = all.get(field.key).is_none_or(|value| value.trim().is_empty());
        if let Some(known) = settings.given(field.key).filter(|_| empty) {
            all.insert(field.key.to_owned(), known.to_owned());
        }
    }
    all
}

/// Takes a gateway out of use. Receipts of what it sent are still heard for a while; then its keys are forgotten
/// ([`super::recurring`]).
pub async fn remove_gateway(core: &Core, tenant: ShopId, id: GatewayId) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        let removed = store::gateway::remove(tx, tenant, id, now).await?;
        store::alarm::clear(tx, tenant, "gateway_paused", &id.to_string(), now).await?;
        removed
    })
}

/// Which of its webhooks the platform still sends to us; `None` where it cannot be asked. An error is words for the
/// shopkeeper.
pub async fn subscriptions(core: &Core, id: ShopId) -> Result<Option<Vec<(String, bool)>>, NotConnected> {
    let mut read = core.db.read().await?;
    let found = core.shop(&mut read, id).await?;
    drop(read);
    let wrong = |problem: String| NotConnected::Wrong(vec![problem]);
    let Some((shop, _)) = found else { return Err(wrong(format!("shop: there is no shop {id}"))) };
    let (Some(kind), Some(connected)) = (shop::by_kind(&shop.kind), shown(core, id, None).await?) else {
        return Err(wrong(format!("kind: no connector {}", shop.kind)));
    };
    let answer = ask::shop(core, &shop, |settings| kind.ask_subscriptions(settings)).await;
    let Some(answer) = answer.map_err(|why| wrong(why.to_string()))? else { return Ok(None) };
    let there = kind.subscriptions(&answer, &connected.webhook_url).map_err(wrong)?;
    let wanted = kind.subscribe(&shop.settings, &connected.webhook_url).map_err(wrong)?;
    Ok(Some(wanted.iter().map(|one| (one.topic.to_owned(), there.iter().any(|topic| topic == one.topic))).collect()))
}

/// A shop's or a gateway's webhook URL and steps, as they were when it was connected.
pub async fn shown(core: &Core, shop: ShopId, gateway: Option<(GatewayId, &str)>) -> Result<Option<Connected>, Error> {
    let mut read = core.db.read().await?;
    let Some(found) = connection::of(&mut read, shop, gateway.map(|(id, _)| id)).await? else { return Ok(None) };
    let spec = match gateway {
        Some((_, kind)) => gateway::by_kind(kind).map(|kind| kind.spec()),
        None => store::shop::get(&mut read, &core.vault, shop)
            .await?
            .and_then(|shop| shop::by_kind(&shop.kind))
            .map(|kind| kind.spec()),
    };
    Ok(spec.map(|spec| connected(core, spec, shop, gateway.map(|(id, _)| id), &found.public_id)))
}

/// What came of asking for each topic, in the order asked: done, or why not, in words for the shopkeeper.
pub type Subscribed = Vec<(String, Result<(), String>)>;

/// The alarm that stands while a shop's webhooks could not be made by themselves ([`super::approve`]).
pub const NOT_SUBSCRIBED: &str = "subscribe";

/// Asks the shop's platform to send its webhooks to us, topic after topic; none where they are made by hand. Nothing is
/// kept but that they are there now: asking again changes nothing.
pub async fn subscribe(core: &Core, id: ShopId) -> Result<Subscribed, NotConnected> {
    make_webhooks(core, id, false).await.map(|(all, _)| all)
}

/// The same for those that are not there yet, and whether there were any.
pub(super) async fn subscribe_missing(core: &Core, id: ShopId) -> Result<(Subscribed, bool), NotConnected> {
    make_webhooks(core, id, true).await
}

async fn make_webhooks(core: &Core, id: ShopId, only_missing: bool) -> Result<(Subscribed, bool), NotConnected> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else {
        return Err(NotConnected::Wrong(vec![format!("shop: there is no shop {id}")]));
    };
    drop(read);
    let (Some(kind), Some(connected)) = (shop::by_kind(&shop.kind), shown(core, id, None).await?) else {
        return Err(NotConnected::Wrong(vec![format!("kind: no connector {}", shop.kind)]));
    };
    let wrong = |problem: String| NotConnected::Wrong(vec![problem]);
    let (settings, _) = ask::with_token(core, &shop, false).await.map_err(|why| wrong(why.to_string()))?;
    let wanted = kind.subscribe(&settings, &connected.webhook_url).map_err(wrong)?;
    if !wanted.is_empty() && !core.public_url.starts_with("https://") {
        let problem = "public_url: must be an https:// address, or no webhook can reach us";
        return Err(NotConnected::Wrong(vec![problem.into()]));
    }
    let there = match only_missing || kind.doubles_subscriptions() {
        true => already_there(core, kind, &shop, &connected).await?,
        false => Vec::new(),
    };
    let mut all = Vec::with_capacity(wanted.len());
    let mut missing = false;
    for one in wanted {
        if there.iter().any(|topic| topic == one.topic) {
            all.push((one.topic.to_owned(), Ok(())));
            continue;
        }
        missing = true;
        let outcome = match core.http.exchange(one.request).await {
            Ok(answer) => kind.subscribed(&answer),
            Err(error) => Err(error.to_string()),
        };
        all.push((one.topic.to_owned(), outcome));
    }
    if all.iter().all(|(_, outcome)| outcome.is_ok()) {
        let now = core.now();
        transact!(core.db, |tx| store::alarm::clear(tx, id, NOT_SUBSCRIBED, &id.to_string(), now).await?)?;
    }
    Ok((all, missing))
}

/// The topics that come to us already, after those the platform switched off by itself are switched on again; none where
/// it cannot be asked.
async fn already_there(
    core: &Core,
    kind: &dyn shop::Shop,
    shop: &Shop,
    connected: &Connected,
) -> Result<Vec<String>, NotConnected> {
    let wrong = |problem: String| NotConnected::Wrong(vec![problem]);
    let answer = ask::shop(core, shop, |settings| kind.ask_subscriptions(settings)).await;
    let Some(answer) = answer.map_err(|why| wrong(why.to_string()))? else { return Ok(Vec::new()) };
    let mut there = kind.subscriptions(&answer, &connected.webhook_url).map_err(wrong)?;
    let (settings, _) = ask::with_token(core, shop, false).await.map_err(|why| wrong(why.to_string()))?;
    for sleeping in kind.wake_subscriptions(&settings, &answer, &connected.webhook_url) {
        // One that cannot be woken is made anew like one that is gone.
        if core.http.exchange(sleeping.request).await.is_ok_and(|answer| kind.subscribed(&answer).is_ok()) {
            there.push(sleeping.topic.to_owned());
        }
    }
    Ok(there)
}

fn connected(core: &Core, spec: &Spec, shop: ShopId, gateway: Option<GatewayId>, public_id: &str) -> Connected {
    let side = if gateway.is_some() { "sms" } else { "shop" };
    let webhook_url = format!("{}/hook/{side}/{public_id}", core.public_url);
    let steps = spec.connect.iter().map(|step| step.replace("{url}", &webhook_url)).collect();
    Connected { shop, gateway, webhook_url, steps }
}

/// 128 random bits: whoever knows the path of an unsigned gateway may speak for it.
fn opaque_id() -> String {
    data_encoding::BASE64URL_NOPAD.encode(&clock::random::<16>())
}

/// What was typed belongs to the connector where it has a field of that name, else to the shop's rules.
fn sort_out(spec: &Spec, typed: &BTreeMap<String, String>) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    typed.clone().into_iter().partition(|(key, _)| spec.field(key).is_some() || !Rules::is_rule(key))
}

fn changed_rules(changes: &BTreeMap<String, String>, problems: &mut Vec<String>) -> Rules {
    let mut rules = Rules::default();
    if let Err(found) = rules.set_all(pairs(changes)) {
        problems.extend(found);
    }
    rules
}

fn pairs(typed: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    typed.iter().map(|(key, value)| (key.as_str(), value.as_str()))
}

fn checked_name(typed: &str, problems: &mut Vec<String>) -> String {
    let name = typed.trim().to_owned();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        problems.push(format!("name: must be 1 to {NAME_CHARS_MAX} characters; it stands at the head of every text"));
    }
    name
}

fn checked_country(typed: &str, problems: &mut Vec<String>) -> String {
    let code = typed.trim().to_ascii_uppercase();
    if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        problems.push("country: must be a two-letter code, as in SI".into());
    }
    code
}

fn checked_currency(typed: &str, problems: &mut Vec<String>) -> Option<Currency> {
    let currency = Currency::parse(typed).ok();
    if currency.is_none() {
        problems.push("currency: must be a three-letter code, as in EUR".into());
    }
    currency
}

fn checked_zone(typed: &str, problems: &mut Vec<String>) -> String {
    if hours::zone(typed.trim()).is_none() {
        problems.push("timezone: must be an IANA name, as in Europe/Ljubljana".into());
    }
    typed.trim().to_owned()
}
