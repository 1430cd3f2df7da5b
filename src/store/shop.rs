//! Shops and their keys. Operator tables: read before a tenant is known.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{
    Error, Read, Tx,
    connection::{self, Connection},
    db::{all, first, run},
    json, maybe, time,
};
use crate::domain::{
    connector::Settings,
    id::ShopId,
    money::Currency,
    outbox::Topics,
    rules::Rules,
    seal::{OperatorKeys, Place, ShopKeys},
    time::Time,
};

/// A connected store.
#[derive(Clone, Debug)]
pub struct Shop {
    pub id: ShopId,
    pub kind: String,
    pub name: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    pub currency: Currency,
    /// IANA name.
    pub zone: String,
    pub settings: Settings,
    pub rules: Rules,
    /// 0 before the first change since versions are kept.
    pub rules_version: u64,
    pub created_at: Time,
    pub paused_at: Option<Time>,
    /// Paused since it was connected, because it is still being set up.
    pub setting_up_since: Option<Time>,
    pub uninstalled_at: Option<Time>,
    pub erased_at: Option<Time>,
    /// What any of its sinks hears; `store::sink` keeps it.
    pub forwards: Topics,
}

impl Shop {
    /// Why this shop sends nothing at the moment, if so.
    pub fn stopped(&self) -> Option<&'static str> {
        if self.erased_at.is_some() {
            Some("the shop was erased")
        } else if self.uninstalled_at.is_some() {
            Some("the shop removed Cartback")
        } else if self.waits_to_go_live() {
            Some("the shop is not live yet")
        } else if self.paused_at.is_some() {
            Some("the shop is paused")
        } else {
            None
        }
    }
}

impl Shop {
    /// It is being set up in the dashboard and has never been live.
    pub fn waits_to_go_live(&self) -> bool {
        self.setting_up_since.is_some()
    }
}

/// Opens shop keys with the operator's, and remembers them.
#[derive(Clone)]
pub struct Vault {
    operator: OperatorKeys,
    opened: Arc<Mutex<HashMap<ShopId, ShopKeys>>>,
    read: Arc<Mutex<HashMap<ShopId, Arc<Known>>>>,
}

/// What a shop's row said last, beside what it says: the same bytes need not be opened and read again.
struct Known {
    sealed: Vec<u8>,
    written: String,
    settings: Settings,
    rules: Rules,
}

/// Shops that are remembered: some megabytes. Whoever has more reads some of them anew now and then.
const KNOWN_MOST: usize = 256;

impl Vault {
    pub fn new(operator: OperatorKeys) -> Vault {
        Vault { operator, opened: Arc::default(), read: Arc::default() }
    }

    /// The keys of a shop (or of the house). Errors when the operator's key does not open them.
    ///
    /// What is remembered is compared with the database each time, by one look at an index: another process may have
    /// given the shop its next key, and what that key sealed must be readable here at once.
    pub async fn keys(&self, read: &mut Read, shop: ShopId) -> Result<ShopKeys, Error> {
        if let Some(keys) = read.recall(("shop_key", shop.get(), 0)) {
            return Ok(keys);
        }
        let newest =
            first!(read, (Option<i64>,), "SELECT MAX(generation) FROM shop_key WHERE shop_id = $1", shop.get())?;
        let keys = self.keys_up_to(read, shop, newest.and_then(|(newest,)| newest)).await?;
        read.keep(("shop_key", shop.get(), 0), &keys);
        Ok(keys)
    }

    /// As `keys`, where the newest generation was read already.
    async fn keys_up_to(&self, read: &mut Read, shop: ShopId, newest: Option<i64>) -> Result<ShopKeys, Error> {
        let known = self.opened.lock().unwrap_or_else(|broken| broken.into_inner()).get(&shop).cloned();
        if let Some(keys) = known
            && newest == Some(i64::from(keys.newest()))
        {
            return Ok(keys);
        }
        let rows = all!(
            read,
            (i64, Vec<u8>, Option<i64>),
            "SELECT generation, wrapped, links_revoked_at FROM shop_key WHERE shop_id = $1 ORDER BY generation",
            shop.get()
        )?;
        let (mut generations, mut links_from) = (Vec::new(), 1);
        for (generation, wrapped, revoked) in rows {
            let generation = u32::try_from(generation).map_err(|why| Error::damaged("key generation", why))?;
            generations.push((generation, self.operator.unwrap_key(shop, generation, &wrapped)?));
            if revoked.is_some() {
                links_from = generation.saturating_add(1);
            }
        }
        let keys = ShopKeys::with_links_from(shop, generations, links_from)?;
        self.opened.lock().unwrap_or_else(|broken| broken.into_inner()).insert(shop, keys.clone());
        Ok(keys)
    }

    /// Reads a row. What is short is taken from it each time; settings and rules only when they are others than before.
    fn shop(&self, row: Row, keys: &ShopKeys) -> Result<Shop, Error> {
        let id = ShopId::new(row.shop_id);
        let lock = || self.read.lock().unwrap_or_else(|broken| broken.into_inner());
        let known = lock().get(&id).filter(|known| known.sealed == row.settings && known.written == row.rules).cloned();
        if let Some(Known { settings, rules, .. }) = known.as_deref() {
            return row.into_shop(settings.clone(), rules.clone());
        }
        let settings: Settings = keys.open_json(place(id), &row.settings)?;
        let rules = Rules::restored(&row.rules).map_err(|why| Error::damaged("shop rules", why))?;
        let known = Known {
            sealed: row.settings.clone(),
            written: row.rules.clone(),
            settings: settings.clone(),
            rules: rules.clone(),
        };
        let mut read = lock();
        if read.len() >= KNOWN_MOST {
            read.clear();
        }
        read.insert(id, Arc::new(known));
        drop(read);
        row.into_shop(settings, rules)
    }

    /// Forgets what it opened, so that a new generation is seen.
    pub fn forget(&self, shop: ShopId) {
        self.opened.lock().unwrap_or_else(|broken| broken.into_inner()).remove(&shop);
        self.read.lock().unwrap_or_else(|broken| broken.into_inner()).remove(&shop);
    }

    /// Gives a shop (or the house) its next key generation.
    pub async fn add_key(&self, tx: &mut Tx, shop: ShopId, key: &[u8; 32], now: Time) -> Result<u32, Error> {
        let last = first!(
            tx,
            (i64,),
            "SELECT CAST(COALESCE(MAX(generation), 0) AS BIGINT) FROM shop_key WHERE shop_id = $1",
            shop.get()
        )?;
        let generation = last.map_or(0, |(last,)| last) + 1;
        let number = u32::try_from(generation).map_err(|why| Error::damaged("key generation", why))?;
        run!(
            tx,
            "INSERT INTO shop_key (shop_id, generation, wrapped, created_at) VALUES ($1, $2, $3, $4)",
            shop.get(),
            generation,
            self.operator.wrap(shop, number, key),
            now.millis()
        )?;
        self.forget(shop);
        Ok(number)
    }

    /// Revokes the links of all keys of a shop but its newest. Every process sees it with the generation that `add_key` made
    /// in the same transaction.
    pub async fn revoke_links(&self, tx: &mut Tx, shop: ShopId, now: Time) -> Result<(), Error> {
        run!(
            tx,
            "UPDATE shop_key SET links_revoked_at = $2
             WHERE shop_id = $1 AND links_revoked_at IS NULL
               AND generation < (SELECT MAX(newest.generation) FROM shop_key AS newest WHERE newest.shop_id = $1)",
            shop.get(),
            now.millis()
        )?;
        self.forget(shop);
        Ok(())
    }

    /// Wraps every shop key that an older operator key still holds with the newest one; answers how many.
    pub async fn rewrap(&self, tx: &mut Tx) -> Result<u64, Error> {
        let rows = all!(tx, (i64, i64, Vec<u8>), "SELECT shop_id, generation, wrapped FROM shop_key")?;
        let mut changed = 0;
        for (shop, generation, wrapped) in rows {
            if self.operator.wrapped_by_newest(&wrapped) {
                continue;
            }
            let number = u32::try_from(generation).map_err(|why| Error::damaged("key generation", why))?;
            let key = self.operator.unwrap_key(ShopId::new(shop), number, &wrapped)?;
            changed += run!(
                tx,
                "UPDATE shop_key SET wrapped = $3 WHERE shop_id = $1 AND generation = $2",
                shop,
                generation,
                self.operator.wrap(ShopId::new(shop), number, &key)
            )?;
        }
        Ok(changed)
    }
}

/// When the newest key of a shop was made.
pub async fn newest_key_at(read: &mut Read, shop: ShopId) -> Result<Option<Time>, Error> {
    let row = first!(read, (Option<i64>,), "SELECT MAX(created_at) FROM shop_key WHERE shop_id = $1", shop.get())?;
    Ok(row.and_then(|(at,)| maybe(at)))
}

/// Makes the house's keys on the first start. Idempotent; `key` is fresh random bytes.
pub async fn open_house(tx: &mut Tx, vault: &Vault, key: &[u8; 32], now: Time) -> Result<(), Error> {
    let house = ShopId::HOUSE.get();
    let made = run!(tx, "INSERT INTO turn (shop_id) VALUES ($1) ON CONFLICT (shop_id) DO NOTHING", house)?;
    if made > 0 {
        vault.add_key(tx, ShopId::HOUSE, key, now).await?;
    }
    Ok(())
}

/// Waits for the shop's turn and holds it until the transaction ends.
pub async fn take_turn(tx: &mut Tx, shop: ShopId) -> Result<(), Error> {
    // On SQLite the write transaction itself is everybody's turn.
    if !tx.is_alone() && tx.recall::<()>(("turn", shop.get(), 0)).is_none() {
        first!(tx, (i64,), "SELECT shop_id FROM turn WHERE shop_id = $1 FOR UPDATE", shop.get())?;
        tx.keep(("turn", shop.get(), 0), &());
    }
    Ok(())
}

const SETTINGS: &str = "settings";

fn place(id: ShopId) -> Place {
    Place { table: "shop", column: SETTINGS, row: id.get() }
}

/// A shop to be connected.
pub struct NewShop {
    pub kind: String,
    pub name: String,
    pub country: String,
    pub currency: Currency,
    pub zone: String,
    pub settings: Settings,
    pub rules: Rules,
    /// Fresh random bytes.
    pub key: [u8; 32],
}

/// Connects a shop and gives it the next number.
pub async fn create(tx: &mut Tx, vault: &Vault, new: &NewShop, now: Time) -> Result<ShopId, Error> {
    let last = first!(tx, (i64,), "SELECT CAST(COALESCE(MAX(shop_id), 0) AS BIGINT) FROM shop")?;
    let id = ShopId::new(last.map_or(0, |(last,)| last) + 1);
    run!(tx, "INSERT INTO turn (shop_id) VALUES ($1)", id.get())?;
    vault.add_key(tx, id, &new.key, now).await?;
    // Not through the vault: should this transaction fail, it must not remember keys that never were.
    let keys = ShopKeys::new(id, vec![(1, new.key)])?;
    run!(
        tx,
        "INSERT INTO shop (shop_id, kind, name, country, currency, zone, settings, rules, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id.get(),
        new.kind.as_str(),
        new.name.as_str(),
        new.country.as_str(),
        new.currency.code(),
        new.zone.as_str(),
        keys.seal_json(place(id), &new.settings)?,
        json(&new.rules)?,
        now.millis()
    )?;
    super::rules::save(tx, &keys, &new.rules, now).await?;
    Ok(id)
}

#[derive(sqlx::FromRow)]
struct Row {
    shop_id: i64,
    kind: String,
    name: String,
    country: String,
    currency: String,
    zone: String,
    settings: Vec<u8>,
    rules: String,
    rules_version: i64,
    created_at: i64,
    paused_at: Option<i64>,
    setting_up_since: Option<i64>,
    uninstalled_at: Option<i64>,
    erased_at: Option<i64>,
    forwards: String,
    key_generation: Option<i64>,
}

impl Row {
    fn into_shop(self, settings: Settings, rules: Rules) -> Result<Shop, Error> {
        Ok(Shop {
            id: ShopId::new(self.shop_id),
            settings,
            rules,
            rules_version: self.rules_version.unsigned_abs(),
            currency: Currency::parse(&self.currency).map_err(|why| Error::damaged("currency", why))?,
            kind: self.kind,
            name: self.name,
            country: self.country,
            zone: self.zone,
            created_at: time(self.created_at),
            paused_at: maybe(self.paused_at),
            setting_up_since: maybe(self.setting_up_since),
            uninstalled_at: maybe(self.uninstalled_at),
            erased_at: maybe(self.erased_at),
            forwards: Topics::restored(&self.forwards),
        })
    }
}

pub async fn get(read: &mut Read, vault: &Vault, id: ShopId) -> Result<Option<Shop>, Error> {
    Ok(open(read, vault, id).await?.map(|(shop, _)| shop))
}

/// A shop with its keys.
pub async fn open(read: &mut Read, vault: &Vault, id: ShopId) -> Result<Option<(Shop, ShopKeys)>, Error> {
    let question = ("shop", id.get(), 0);
    if let Some(opened) = read.recall::<(Shop, ShopKeys)>(question) {
        return Ok(Some(opened));
    }
    let row = first!(
        read,
        Row,
        "SELECT shop_id, kind, name, country, currency, zone, settings, rules, rules_version, created_at, paused_at,
                setting_up_since, uninstalled_at, erased_at, forwards,
                (SELECT MAX(generation) FROM shop_key WHERE shop_key.shop_id = $1) AS key_generation
         FROM shop WHERE shop_id = $1",
        id.get()
    )?;
    match row {
        Some(row) => {
            let keys = vault.keys_up_to(read, id, row.key_generation).await?;
            let opened = (vault.shop(row, &keys)?, keys);
            read.keep(question, &opened);
            Ok(Some(opened))
        }
        None => Ok(None),
    }
}

#[derive(sqlx::FromRow)]
struct Entered {
    #[sqlx(flatten)]
    connection: connection::Row,
    #[sqlx(flatten)]
    shop: Row,
}

/// The shop whose own webhooks come by this path, in one look: every webhook begins with it.
pub async fn behind(
    read: &mut Read,
    vault: &Vault,
    public_id: &str,
) -> Result<Option<(Connection, Shop, ShopKeys)>, Error> {
    let row = first!(
        read,
        Entered,
        "SELECT public_id, gateway_id, refused_at, refused_count, refused_why,
                shop.shop_id, kind, name, country, currency, zone, settings, rules, rules_version, shop.created_at,
                paused_at, setting_up_since, uninstalled_at, erased_at, forwards,
                (SELECT MAX(generation) FROM shop_key WHERE shop_key.shop_id = shop.shop_id) AS key_generation
         FROM connection JOIN shop ON shop.shop_id = connection.shop_id
         WHERE public_id = $1 AND gateway_id = 0",
        public_id
    )?;
    let Some(Entered { connection, shop }) = row else { return Ok(None) };
    let keys = vault.keys_up_to(read, ShopId::new(shop.shop_id), shop.key_generation).await?;
    Ok(Some((connection.into(), vault.shop(shop, &keys)?, keys)))
}

/// Every shop, oldest first. An operator read.
pub async fn list(read: &mut Read, vault: &Vault) -> Result<Vec<Shop>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT shop_id, kind, name, country, currency, zone, settings, rules, rules_version, created_at, paused_at,
                setting_up_since, uninstalled_at, erased_at, forwards,
                (SELECT MAX(generation) FROM shop_key WHERE shop_key.shop_id = shop.shop_id) AS key_generation
         FROM shop ORDER BY shop_id"
    )?;
    let mut shops = Vec::new();
    for row in rows {
        let keys = vault.keys_up_to(read, ShopId::new(row.shop_id), row.key_generation).await?;
        shops.push(vault.shop(row, &keys)?);
    }
    Ok(shops)
}

/// Their numbers only. An operator read.
pub async fn ids(read: &mut Read) -> Result<Vec<ShopId>, Error> {
    let rows = all!(read, (i64,), "SELECT shop_id FROM shop WHERE erased_at IS NULL ORDER BY shop_id")?;
    Ok(rows.into_iter().map(|(id,)| ShopId::new(id)).collect())
}

/// Pauses a shop that was just connected, until it is set up.
pub async fn set_up(tx: &mut Tx, id: ShopId, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE shop SET paused_at = $2, setting_up_since = $2 WHERE shop_id = $1", id.get(), now.millis())?;
    Ok(())
}

/// Saves what can be changed of a shop besides its rules, which have versions (`store::rules`).
pub async fn save(tx: &mut Tx, keys: &ShopKeys, shop: &Shop) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE shop SET name = $2, country = $3, currency = $4, zone = $5, settings = $6, paused_at = $7,
                uninstalled_at = $8, erased_at = $9, setting_up_since = $10
         WHERE shop_id = $1",
        shop.id.get(),
        shop.name.as_str(),
        shop.country.as_str(),
        shop.currency.code(),
        shop.zone.as_str(),
        keys.seal_json(place(shop.id), &shop.settings)?,
        super::millis(shop.paused_at),
        super::millis(shop.uninstalled_at),
        super::millis(shop.erased_at),
        super::millis(shop.setting_up_since)
    )?;
    Ok(())
}
