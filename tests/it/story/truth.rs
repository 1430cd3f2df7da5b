//! A simulated shop whose truth is known, since we make it: people who buy anyway, robots that open links, links handed
//! on, tills, refunds, cancellations, two currencies. What is credited is that truth, to the cent and order by order.

use std::{collections::BTreeMap, env};

use cartback::{
    domain::attribution::Class,
    store::{credit, order},
};
use serde_json::{Value, json};

use super::{bodies::with, shuffle::Dice};
use crate::app::{App, Engine, PHONE_AGENT, Shopkeeper, Text, minutes};

/// What a shopper does once their cart is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nature {
    /// Never comes back.
    Gone,
    /// Buys before the text is due.
    BuysFirst,
    /// Buys after the text, which they never opened.
    BuysAnyway,
    Buys,
    BuysAndSendsPartBack,
    BuysAndSendsAllBack,
    BuysAndCancels,
    /// Only robots open the link; they buy all the same.
    Scanned,
    /// Hands the link on; the friend taps and buys a cart of their own.
    FriendBuysElse,
    /// Hands the link on; the friend taps and buys this very checkout, under their own name.
    FriendBuysThis,
    /// Taps, then buys at the till.
    Till,
    /// Taps, then begins an order that is never paid.
    Unpaid,
    /// Buys with the link, and buys again next day: the link brought one of the two.
    BuysTwice,
}

use Nature::*;

const NATURES: [Nature; 13] = [
    Gone,
    BuysFirst,
    BuysAnyway,
    Buys,
    BuysAndSendsPartBack,
    BuysAndSendsAllBack,
    BuysAndCancels,
    Scanned,
    FriendBuysElse,
    FriendBuysThis,
    Till,
    Unpaid,
    BuysTwice,
];

impl Nature {
    /// Whether the text brought the order.
    fn was_brought(self) -> bool {
        matches!(self, Buys | BuysAndSendsPartBack | BuysAndSendsAllBack | BuysAndCancels | FriendBuysThis | BuysTwice)
    }
}

struct Shopper {
    number: usize,
    nature: Nature,
    currency: &'static str,
    total: i64,
}

fn amount(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

impl Shopper {
    fn phone(&self) -> String {
        format!("+386405558{:02}", self.number)
    }

    fn token(&self) -> String {
        format!("t{}", self.number)
    }

    fn email(&self) -> String {
        format!("shopper{}@shopper.example", self.number)
    }

    async fn leaves(&self, app: &App, shop: &Shopkeeper) {
        let cart = json!({
            "email": self.email(), "phone": self.phone(), "customer_id": null, "currency": self.currency,
            "total": amount(self.total),
        });
        app.generic(shop, "checkout.updated", app.checkout(&self.token(), cart)).await;
    }

    fn order(&self, app: &App, change: Value) -> Value {
        let own = json!({
            "email": self.email(), "phone": self.phone(), "currency": self.currency, "total": amount(self.total),
        });
        with(&app.order(&self.number.to_string(), &self.token(), own), change)
    }

    async fn acts(&self, app: &App, shop: &Shopkeeper, text: &Text) {
        let placed = async |change: Value| app.generic(shop, "order.upserted", self.order(app, change)).await;
        let friend = json!({ "email": format!("friend{}@shopper.example", self.number), "phone": null });
        let went_back = |minor: i64| json!([{ "id": "r1", "amount": amount(minor), "at": app.iso() }]);
        match self.nature {
            Gone | BuysFirst => {}
            BuysAnyway => placed(json!({})).await,
            Scanned => {
                app.open(&text.token('r'), "facebookexternalhit/1.1").await;
                app.open(&text.token('r'), "Slackbot-LinkExpanding 1.0").await;
                placed(json!({})).await;
            }
            FriendBuysElse => {
                app.open(&text.token('r'), PHONE_AGENT).await;
                placed(with(&friend, json!({ "checkout_token": "friends-own" }))).await;
            }
            FriendBuysThis => {
                app.open(&text.token('r'), PHONE_AGENT).await;
                placed(friend).await;
            }
            Till => {
                app.tap(text).await;
                placed(json!({ "channel": "pos" })).await;
            }
            Unpaid => {
                app.tap(text).await;
                placed(json!({ "status": "pending" })).await;
            }
            Buys | BuysAndSendsPartBack | BuysAndSendsAllBack | BuysAndCancels | BuysTwice => {
                app.tap(text).await;
                app.pass(minutes(3)).await;
                let at = app.iso();
                placed(json!({})).await;
                app.pass(minutes(9)).await;
                let later = match self.nature {
                    BuysAndSendsPartBack => json!({ "refunds": went_back(self.total / 3) }),
                    BuysAndSendsAllBack => json!({ "refunds": went_back(self.total) }),
                    BuysAndCancels => json!({ "status": "cancelled", "cancelled_at": app.iso() }),
                    _ => json!({}),
                };
                placed(with(&json!({ "placed_at": at }), later)).await;
                if self.nature == BuysTwice {
                    app.pass(minutes(60 * 24)).await;
                    let again = json!({ "id": format!("again-{}", self.number), "checkout_token": "another" });
                    placed(again).await;
                }
            }
        }
    }

    /// What of it is credited, and what went back.
    fn truth(&self) -> (i64, i64) {
        let back = match self.nature {
            BuysAndSendsPartBack => self.total / 3,
            BuysAndSendsAllBack | BuysAndCancels => self.total,
            _ => 0,
        };
        if self.nature.was_brought() { (self.total, back) } else { (0, 0) }
    }
}

async fn on(engine: Engine, seed: u64) {
    let Some(mut app) = App::start(engine).await else { return };
    let mut dice = Dice::new(seed);
    // A tap counts for a day: the second order of the same person comes later than that.
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "60"), ("click_window_hours", "20")]).await;
    app.with_gateway(&shop, "log").await;
    let mut shoppers: Vec<Shopper> = (0..NATURES.len() * 3)
        .map(|number| Shopper {
            number,
            nature: NATURES[number % NATURES.len()],
            currency: ["EUR", "USD"][dice.below(2)],
            total: 1_000 + i64::try_from(dice.below(20_000)).unwrap(),
        })
        .collect();
    dice.shuffle(&mut shoppers);
    for shopper in &shoppers {
        shopper.leaves(&app, &shop).await;
    }
    app.pass(minutes(50)).await;
    for shopper in shoppers.iter().filter(|shopper| shopper.nature == BuysFirst) {
        app.generic(&shop, "order.upserted", shopper.order(&app, json!({}))).await;
    }
    app.pass(minutes(60)).await;
    let texts: BTreeMap<String, Text> =
        app.texts(&shop).await.into_iter().map(|text| (text.to.clone(), text)).collect();
    dice.shuffle(&mut shoppers);
    for shopper in &shoppers {
        let text = texts.get(&shopper.phone());
        assert_eq!(text.is_some(), shopper.nature != BuysFirst, "seed {seed}: {:?} was texted", shopper.nature);
        if let Some(text) = text {
            shopper.acts(&app, &shop, text).await;
        }
    }
    app.pass(minutes(5)).await;

    // Order by order.
    let (_, keys) = app.shop(shop.id).await;
    let mut read = app.read().await;
    let mut truth: BTreeMap<&str, (u64, i64, i64)> = BTreeMap::new();
    for shopper in shoppers.iter().filter(|shopper| shopper.nature != Gone) {
        let placed = order::by_external_id(&mut read, &keys, &shopper.number.to_string()).await.unwrap().unwrap();
        let verdict = credit::evidence(&mut read, &keys, placed.id).await.unwrap();
        let credited = verdict.and_then(|verdict| verdict.winner).is_some_and(|winner| winner.class == Class::Credited);
        assert_eq!(credited, shopper.nature.was_brought(), "seed {seed}: {:?}", shopper.nature);
        let (gross, back) = shopper.truth();
        let sums = truth.entry(shopper.currency).or_default();
        *sums = (sums.0 + u64::from(credited), sums.1 + gross, sums.2 + back);
    }
    drop(read);
    // And in sum.
    let total = app.report(&shop).await.total;
    let told: BTreeMap<String, (u64, i64, i64)> = total
        .money
        .iter()
        .map(|(currency, sums)| {
            let orders = u64::try_from(sums.recovered_orders).unwrap();
            (currency.to_string(), (orders, sums.gross_minor, sums.refunded_minor))
        })
        .collect();
    let truth: BTreeMap<String, (u64, i64, i64)> =
        truth.into_iter().map(|(currency, sums)| (currency.to_owned(), sums)).collect();
    assert_eq!(told, truth, "seed {seed}");
    app.leave_work();
    app.end().await;
}

/// A shop's days take half a minute on PostgreSQL.
const SEEDS_MOST: u64 = 4;

async fn shops(engine: Engine) {
    let seeds = env::var("CARTBACK_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2u64).min(SEEDS_MOST);
    for seed in 0..seeds {
        on(engine, seed).await;
    }
}

#[tokio::test]
async fn what_is_credited_is_the_truth_of_a_simulated_shop_on_sqlite() {
    shops(Engine::Lite).await;
}

#[tokio::test]
async fn what_is_credited_is_the_truth_of_a_simulated_shop_on_postgresql() {
    shops(Engine::Pg).await;
}
