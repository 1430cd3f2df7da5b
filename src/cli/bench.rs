//! `cartback bench fill`: a database as it is after eighteen busy months, to measure on. Rows are written straight through
//! the store, sealed and indexed as the service writes them; nothing is sent, and nobody in them exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use anyhow::bail;
use serde_json::json;

use super::{Form, Said, Wrong};
use crate::{
    demo::Chance,
    domain::{
        attribution::{Attribution, Class, Entry, Tie, Winner},
        cart::{Cart, Revision},
        click::{Method, Opened},
        consent::OptOut,
        event::{
            CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, OrderUpdate, TypedPhone,
        },
        id::{CartId, ClickId, GatewayId, MessageId, OrderId, ShopId},
        message::{Cost, Moments, Purpose},
        money::{Currency, Money},
        order::Order,
        phone::Phone,
        risk::limits::FOR_TRIALS,
        seal::ShopKeys,
        sms::Encoding,
        time::{DAY, MINUTE, Time},
    },
    pipeline::{Core, connect, connect::ShopTyped, rollup, zone_of},
    shop::standard_webhooks,
    store::{
        self, Error, Tx,
        click::Click,
        identity::{self, Kind, Subject},
        job,
        message::{Message, Words},
        shop::Shop,
    },
    transact,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Write carts and texts of the last eighteen months into an empty database
    Fill {
        /// Carts, over all shops
        #[arg(long, default_value_t = 100_000)]
        carts: u64,
        /// Texts, over all shops; at most three for one cart
        #[arg(long, default_value_t = 100_000)]
        messages: u64,
        /// Shops they are spread over
        #[arg(long, default_value_t = 1)]
        shops: u64,
        /// Further carts, over all shops, that are abandoned just now and may be texted at once
        #[arg(long, default_value_t = 0)]
        due: u64,
        /// Still more of these, of the first shop alone
        #[arg(long, default_value_t = 0)]
        busy: u64,
        #[command(flatten)]
        form: Form,
    },
}

/// Carts written in one transaction.
const BATCH: u64 = 1_000;
/// Carts that leave days empty.
const FEW: u64 = 500;
/// By then everything has come of a cart that will.
const TOLD: Duration = Duration::from_secs(7 * DAY.as_secs());
/// How far back the first cart lies.
const PAST: Duration = Duration::from_secs(548 * DAY.as_secs());
/// Countries with the numbers of their phones, the more common ones more than once.
const PLACES: &[(&str, &str, &str)] = &[
    ("SI", "+38640", "sl"),
    ("SI", "+38640", "sl"),
    ("DE", "+49151", "de"),
    ("DE", "+49151", "de"),
    ("DE", "+49151", "de"),
    ("AT", "+43660", "de-AT"),
    ("FR", "+33612", "fr"),
    ("ES", "+34612", "es"),
    ("HR", "+38591", "hr"),
];
/// One cart in so many is of a country that hardly ever occurs.
const RARE_EVERY: u64 = 5_000;

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    let Command::Fill { carts, messages, shops, due, busy, form } = command;
    if *shops == 0 || *carts < *shops || *messages > carts.saturating_mul(3) {
        bail!(Wrong("--shops: at least one, with a cart each and at most three texts for a cart".to_owned()));
    }
    if !store::shop::ids(&mut core.db.read().await?).await?.is_empty() {
        bail!(Wrong("this database has shops: fill an empty one (--data another-folder)".to_owned()));
    }
    connect::add_gateway(core, ShopId::HOUSE, "log", "Bench", BTreeMap::new(), false).await?;
    core.db.wait_for_disk(false).await?;
    let mut left = 0_u64;
    for number in 0..*shops {
        let share = |of: u64| of / shops + u64::from(number < of % shops);
        let shop = open(core, number).await?;
        fill(core, shop, share(*carts), share(*messages), number).await?;
        let leaves = if number == 0 { share(*due).saturating_add(*busy) } else { share(*due) };
        let from = left;
        left = left.saturating_add(leaves);
        leave(core, shop, from..left).await?;
    }
    core.db.wait_for_disk(true).await?;
    let due = due.saturating_add(*busy);
    let words = format!(
        "{carts} carts, {messages} texts and {due} carts that are due, in {shops} shops. Its figures are added up by: \
         cartback serve"
    );
    Ok((Said::new(words, json!({ "carts": carts, "messages": messages, "shops": shops, "due": due })), *form))
}

async fn open(core: &Core, number: u64) -> anyhow::Result<ShopId> {
    let secret = standard_webhooks::secret(crate::clock::random::<32>());
    let typed = ShopTyped {
        kind: "generic".into(),
        name: format!("Bench {}", number + 1),
        country: "SI".into(),
        currency: "EUR".into(),
        zone: "Europe/Ljubljana".into(),
        settings: [("secret", secret.as_str()), ("site", "shop.example")].map(|(k, v)| (k.into(), v.into())).into(),
        // Nothing that is due is held back by the hour, or for being so much at once.
        rules: [("hours", "mon-sun 00:00-24:00"), ("countries", "SI,GB")]
            .into_iter()
            .chain(FOR_TRIALS)
            .map(|(k, v)| (k.into(), v.into()))
            .collect(),
    };
    Ok(connect::add_shop(core, &typed).await?.shop)
}

async fn fill(core: &Core, id: ShopId, carts: u64, messages: u64, seed: u64) -> anyhow::Result<()> {
    let (shop, keys) = {
        let mut read = core.db.read().await?;
        core.shop(&mut read, id).await?.ok_or_else(|| super::no_shop(id))?
    };
    let gateway = {
        let mut read = core.db.read().await?;
        let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
        store::gateway::list(&mut read, &house).await?.first().map_or(GatewayId::new(0), |gateway| gateway.id)
    };
    let mut chance = Chance::new(seed + 1);
    let now = core.now();
    let every = PAST / u32::try_from(carts.max(1)).unwrap_or(u32::MAX);
    let (mut written, mut texts) = (0, 0);
    while written < carts {
        let (from, to) = (written, (written + BATCH).min(carts));
        // A transaction may be repeated: each try begins with the same chance.
        let before = (chance.clone(), texts);
        let (after, made) = transact!(core.db, |tx| {
            let (mut chance, mut texts) = before.clone();
            for number in from..to {
                let at = now - PAST + every * u32::try_from(number).unwrap_or(u32::MAX);
                // So that the whole comes out: what is left is spread over the carts that are left.
                let due = messages * (number + 1) / carts;
                let visit = Visit { core, shop: &shop, keys: &keys, gateway, number, at };
                texts += visit.write(tx, &mut chance, due - texts).await?;
            }
            (chance, texts)
        })?;
        (chance, texts, written) = (after, made, to);
        if written % (BATCH * 20) == 0 {
            tracing::warn!(shop = %id, written, texts, "filling");
        }
    }
    let day = |at| rollup::day_number(&zone_of(&shop), at);
    // What came of a cart lies on the days after it; of a shop with few carts most days stay empty.
    let of = |number: u64| now - PAST + every * u32::try_from(number).unwrap_or(u32::MAX);
    let days: BTreeSet<i64> = match carts {
        0..FEW => (0..carts).flat_map(|number| day(of(number))..=day((of(number) + TOLD).min(now))).collect(),
        _ => (day(now - PAST)..=day(now)).collect(),
    };
    transact!(core.db, |tx| {
        for day in &days {
            job::ensure(tx, id, job::Kind::Rollup, *day, now).await?;
        }
    })?;
    Ok(())
}

/// Carts that were left half an hour ago, by shoppers who agreed to be texted: whoever works next finds all of them due. Their
/// numbers are of the whole house: one phone is not texted by every shop.
async fn leave(core: &Core, id: ShopId, carts: Range<u64>) -> anyhow::Result<()> {
    let (shop, keys) = {
        let mut read = core.db.read().await?;
        core.shop(&mut read, id).await?.ok_or_else(|| super::no_shop(id))?
    };
    let left_at = core.now() - MINUTE * 40;
    let mut written = carts.start;
    while written < carts.end {
        let to = (written + BATCH).min(carts.end);
        transact!(core.db, |tx| {
            for number in written..to {
                let at = left_at + Duration::from_millis((number - carts.start) / 10);
                Visit { core, shop: &shop, keys: &keys, gateway: GatewayId::new(0), number, at }.leave(tx).await?;
            }
        })?;
        written = to;
    }
    Ok(())
}

/// One shopper's visit.
struct Visit<'v> {
    core: &'v Core,
    shop: &'v Shop,
    keys: &'v ShopKeys,
    gateway: GatewayId,
    number: u64,
    at: Time,
}

impl Visit<'_> {
    /// Writes it, with so many texts; answers how many there were.
    async fn write(&self, tx: &mut Tx, chance: &mut Chance, texts: u64) -> Result<u64, Error> {
        let Visit { core, keys, at, number, .. } = *self;
        let rare = number % RARE_EVERY == RARE_EVERY / 2;
        let place = if rare { &("IS", "+35461", "is") } else { chance.one(PLACES).unwrap_or(&("SI", "+38640", "sl")) };
        let phone = Phone::restored(format!("{}{:07}", place.1, chance.up_to(9_999_999)));
        let has_phone = texts > 0 || chance.happens(700);
        let value = Money::new(500 + i64::try_from(chance.up_to(40_000)).unwrap_or(0), self.shop.currency);
        let id = CartId::new(core.ids.next(at));
        let update = self.update(place, has_phone.then(|| phone.clone()), value);
        let mut cart = Cart::new(id, update, Revision { at, digest: keys.index("bench", &number.to_string()) });
        cart.abandoned_at = Some(at + MINUTE * 30);
        "default".clone_into(&mut cart.sequence);
        let bought = chance.happens(90);
        cart.bought_at = bought.then(|| at + MINUTE * 90);
        store::cart::put(tx, keys, &cart, has_phone.then_some(&phone)).await?;
        if has_phone {
            let name = (Kind::Phone, identity::value(keys, Kind::Phone, phone.e164()));
            identity::add(tx, keys, Subject::Cart(id), &[name]).await?;
        }
        if texts > 0 || has_phone && chance.happens(300) {
            store::cart::abandon(tx, keys, &cart, true).await?;
        }
        let mut newest = None;
        for step in 1..=texts {
            newest = Some(self.text(tx, chance, id, u32::try_from(step).unwrap_or(1), &phone, place.0).await?);
        }
        if has_phone && chance.happens(8) {
            let index = store::consent::phone_index(keys, &phone);
            let out = OptOut { at: at + MINUTE * 50, source: "reply".into() };
            store::consent::opt_out(tx, keys, &index, &out, at + MINUTE * 50).await?;
        }
        if bought {
            self.order(tx, &cart, value, newest).await?;
        }
        Ok(texts)
    }

    /// A cart that is due.
    async fn leave(&self, tx: &mut Tx) -> Result<(), Error> {
        let Visit { core, keys, at, number, .. } = *self;
        let phone = phone_in_daylight(number, core.now());
        let country = phone.country().unwrap_or_default();
        let value = Money::new(4_200, self.shop.currency);
        let id = CartId::new(core.ids.next(at));
        let mut update = self.update(&(country.as_str(), "", "en"), Some(phone.clone()), value);
        update.token = format!("due-{number}");
        update.consent =
            Some(ConsentGiven { phone: None, state: ConsentState::Granted, proof: ConsentProof::default() });
        let digest = keys.index("bench", &update.token);
        let cart = Cart::new(id, update, Revision { at, digest });
        store::cart::put(tx, keys, &cart, Some(&phone)).await?;
        let name = (Kind::Phone, identity::value(keys, Kind::Phone, phone.e164()));
        identity::add(tx, keys, Subject::Cart(id), &[name]).await?;
        job::schedule(tx, keys.shop(), job::Kind::Detect, id.get(), at + MINUTE * 30).await
    }

    fn update(&self, place: &(&str, &str, &str), phone: Option<Phone>, value: Money) -> CartUpdate {
        let number = self.number;
        CartUpdate {
            token: format!("bench-{number}"),
            cart_token: None,
            who: Identity {
                customer: None,
                email: Some(format!("shopper{number}@shopper.example")),
                phones: phone
                    .into_iter()
                    .map(|phone| TypedPhone { number: phone.e164().into(), country: None })
                    .collect(),
            },
            first_name: Some("Maja".into()),
            country: Some(place.0.into()),
            region: None,
            zone: None,
            language: Some(place.2.into()),
            total: Some(value),
            items: vec![Item { title: "Oak stool".into(), quantity: 1, price: Some(value) }],
            recovery_url: Some(format!("https://shop.example/restore/{number}")),
            consent: None,
            started_at: Some(self.at),
            updated_at: self.at,
            completed_at: None,
            channel: Channel::Web,
            browser_ip: None,
            written_at_once: false,
            tags: Vec::new(),
            source: None,
            test: false,
        }
    }

    /// A text and what became of it: most are delivered, some tapped.
    async fn text(
        &self,
        tx: &mut Tx,
        chance: &mut Chance,
        cart: CartId,
        step: u32,
        phone: &Phone,
        country: &str,
    ) -> Result<(MessageId, bool), Error> {
        let Visit { core, keys, .. } = *self;
        let at = self.at + MINUTE * (30 + 60 * 26 * (step - 1));
        let id = MessageId::new(core.ids.next(self.at));
        let refused = chance.happens(15);
        let unknown = !refused && chance.happens(1);
        let accepted_at = (!refused && !unknown).then_some(at);
        let mut message = Message {
            shop: keys.shop(),
            id,
            purpose: Purpose::Reminder,
            about: cart.get(),
            sequence: "default".into(),
            step,
            gateway_shop: ShopId::HOUSE,
            gateway: self.gateway,
            country: country.into(),
            words: Words {
                phone: phone.e164().into(),
                text: format!("Bench: Maja, your cart is still here: {}/r/AQEx9fK2", core.public_url),
                encoding: Encoding::Gsm7,
                language: None,
                code: None,
                own_code: false,
            },
            segments: 1,
            created_at: at,
            expires_at: at + MINUTE * 240,
            attempt: 1,
            sending_by: None,
            moments: Moments::default(),
            reason: if refused { "number: 21614".into() } else { String::new() },
            gateway_ref: None,
            cost: Currency::parse("EUR").ok().map(|currency| Cost { micros: 41_000, currency }),
            cost_listed: false,
        };
        store::message::create(tx, keys, &message).await?;
        let delivered = accepted_at.is_some() && chance.happens(950);
        message.moments = Moments {
            sending_at: Some(at),
            accepted_at,
            refused_at: refused.then_some(at),
            unknown_at: unknown.then_some(at),
            delivered_at: delivered.then(|| at + MINUTE),
            undelivered_at: (accepted_at.is_some() && !delivered && chance.happens(600)).then(|| at + MINUTE),
            ..Moments::default()
        };
        store::message::save(tx, keys, &message).await?;
        let tapped = delivered && chance.happens(140);
        if tapped {
            let opened = Opened { method: Method::Get, agent: None, prefetch: false, at: at + MINUTE * 5 };
            let verdict = String::new();
            let click =
                Click { id: ClickId::new(core.ids.next(self.at)), message: id, at: at + MINUTE * 5, opened, verdict };
            store::click::record(tx, keys, &click).await?;
            store::click::judge(tx, keys, click.message, &[(click.id, store::click::HUMAN)]).await?;
        }
        Ok((id, tapped))
    }

    /// Its order, credited where its newest text was tapped.
    async fn order(
        &self,
        tx: &mut Tx,
        cart: &Cart,
        value: Money,
        text: Option<(MessageId, bool)>,
    ) -> Result<(), Error> {
        let Visit { core, keys, .. } = *self;
        let placed_at = cart.bought_at.unwrap_or(self.at);
        let update = OrderUpdate {
            external_id: format!("bench-{}", self.number),
            number: format!("#{}", self.number),
            who: cart.latest.who.clone(),
            cart_tokens: vec![cart.latest.token.clone()],
            recovery_tokens: Vec::new(),
            codes: Vec::new(),
            discounts: Vec::new(),
            total: value,
            placed_at: Some(placed_at),
            updated_at: placed_at,
            cancelled_at: None,
            refunds: Vec::new(),
            channel: Channel::Web,
            payment: None,
            cost: None,
            test: false,
        };
        let id = OrderId::new(core.ids.next(self.at));
        let order =
            Order::new(id, update, Revision { at: placed_at, digest: keys.index("bench", &self.number.to_string()) });
        store::order::put(tx, keys, &order).await?;
        let winner = text.map(|(message, tapped)| Winner {
            message,
            step: 1,
            class: if tapped { Class::Credited } else { Class::Assisted },
            tie: Tie::CartToken,
        });
        let entries = vec![Entry { entry: "order".into(), amount_minor: value.minor, at: placed_at }];
        let verdict = Attribution { winner, entries, ..Attribution::default() };
        store::credit::replace(tx, keys, id, value.currency, &verdict).await
    }
}

/// A number of its own for each cart, where it is not about midnight, when nothing is sent: Slovenia's, or for a few hours
/// Britain's. Neighbours are few in it, as among shoppers.
fn phone_in_daylight(number: u64, now: Time) -> Phone {
    let late = now.seconds().rem_euclid(24 * 3_600) >= 20 * 3_600;
    let prefixes = if late { PREFIXES_GB } else { PREFIXES_SI };
    let block = number / 50;
    let prefix = prefixes.get((block % 4) as usize).unwrap_or(&"+38640");
    Phone::restored(format!("{prefix}{:06}", 200_000 + number % 50 * 10_000 + block / 4 % 10_000))
}

const PREFIXES_SI: &[&str; 4] = &["+38640", "+38641", "+38631", "+38651"];
const PREFIXES_GB: &[&str; 4] = &["+447400", "+447401", "+447402", "+447403"];
