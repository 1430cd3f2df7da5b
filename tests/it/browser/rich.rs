//! A house where everything has happened, for pages that have something to show: carts in every state, texts that
//! arrived, failed and vanished, replies, requests, broken deliveries, a paused gateway and a paused block of numbers.

use cartback::{
    domain::{
        experiment::{Arm, Change, Goal, Plan},
        funnel::Way,
        goal::presets,
        link::{self, Purpose},
        message::MessageRef,
        offline::Channel,
        site_event::{Told, ToldBy, Visit},
    },
    pipeline::{
        experiment, goal,
        offline::{self, Brought, sheet},
        receive::Answer,
        sink::{self, Typed},
        table::Wish,
        track::{Batch, Tracker},
    },
    store::offline::Source,
};
use serde_json::{Value, json};

use crate::{
    app::{Account, App, Shopkeeper, Text, hours, minutes},
    outside::Ends,
};

/// A title that has nowhere to break, and one that is written from the right.
const LONG: &str = "Hand-thrown_stoneware_salad_bowl_with_reactive_glaze_and_a_very_long_article_number_7730018844120";
const HEBREW: &str = "קערת סלט מקרמיקה";

/// Shoppers by number; the phone is theirs alone.
fn shopper(n: usize, name: &str, change: Value) -> Value {
    let carrier = ["30", "31", "40", "41", "51", "64", "70", "71"][n % 8];
    let own = json!({
        "phone": format!("+386{carrier}{:02}{:04}", n % 100, 2468 + n), "phone_country": "SI", "first_name": name,
        "email": format!("{}.{n}@shopper.example", name.to_lowercase()), "customer_id": format!("c-{n}"),
        "total": format!("{}.50", 40 + n * 17),
    });
    crate::story::bodies::with(&own, change)
}

/// Some days in the lives of two shops; answers the text that brought an order back.
pub async fn fill(app: &App) -> Text {
    // A long story: on the heap, lest it be too much for the stack of a test's thread.
    Box::pin(live(app)).await
}

async fn live(app: &App) -> Text {
    let shop = app.with_shop("generic").await;
    let kannel = app.with_gateway(&shop, "kannel").await;
    app.outside.receiver("crm.example", []);
    let (url, topics) = ("https://crm.example/in", "all");
    let typed = Typed { url: Some(url.into()), topics: Some(topics.into()), ..Typed::default() };
    sink::add(&app.core, shop.id, &typed).await.unwrap();
    let keys = [("measurement_id", "G-ABC1234567"), ("api_secret", "s")];
    let keys = keys.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    sink::add_kind(&app.core, shop.id, "ga4", "Analytics", &keys).await.unwrap();
    goal::keep(&app.core, shop.id, None, &presets()[0].goals).await.unwrap();
    goal::keep_funnel(&app.core, shop.id, None, &Way::usual()).await.unwrap();
    browses(app, &shop).await;
    tries(app, &shop).await;
    let text = recovers(app, &shop, &kannel).await;
    fails(app, &shop, &kannel).await;
    stays_unsent(app, &shop).await;
    answers(app, &shop, &kannel).await;
    sells_at_the_till(app, &shop).await;
    other_shop(app).await;
    let fresh = shopper(30, "Zala", json!({ "items": [{ "title": HEBREW, "quantity": 1, "price": "550.50" }] }));
    app.generic(&shop, "checkout.updated", app.checkout("fresh", fresh)).await;
    text
}

/// Other words against the step as it is.
async fn tries(app: &App, shop: &Shopkeeper) {
    let arm = |name: &str, change| Arm { name: name.to_owned(), weight: 1, change };
    let words = "{{ shop }}: your cart is still here. {{ link }} {{ opt_out }}";
    let plan = Plan {
        name: "Calmer words".into(),
        sequence: "default".into(),
        step: 1,
        goal: Goal::Order,
        arms: vec![arm("as it is", Change::Nothing), arm("calmer", Change::Words(words.into()))],
    };
    experiment::begin(&app.core, shop.id, &plan, "test").await.unwrap();
}

/// One who was texted, one who was not, and a line that cannot be read.
async fn sells_at_the_till(app: &App, shop: &Shopkeeper) {
    let (shop_now, _) = app.shop(shop.id).await;
    let file = format!(
        "receipt,date,total,phone\nB-20417,{now},48.90,040 555 101\n{LONG},{now},12.00,040 999 999\nB-3,soon,1.00,\n",
        now = app.iso()
    );
    let read = sheet::read(file.as_bytes(), &Wish::default(), &shop_now, Channel::Pos).unwrap();
    let brought = Brought { name: "till.csv", source: Source::Page, by: "test" };
    offline::begin(&app.core, shop.id, read.lines, brought).await.unwrap().unwrap();
    app.pass(minutes(2)).await;
}

/// Visitors look around, and one of them comes close.
async fn browses(app: &App, shop: &Shopkeeper) {
    let tracker = Tracker::new(app.core.clone());
    let known = tracker.shop_of(&shop.path).await.unwrap().unwrap();
    let told = |visitor: &str, name: &str, target: &str| Told {
        name: name.into(),
        visitor: format!("visitor-{visitor}"),
        target: target.into(),
        product: LONG.into(),
        page: "/products/oak-stool".into(),
        visit: Visit::told("google", "organic", ""),
        device: "iphone".into(),
        ..Told::default()
    };
    let all = vec![
        told("one", "product_viewed", ""),
        told("one", "cart_added", ""),
        told("two", "searched", HEBREW),
        told("two", "size guide", ""),
    ];
    let batch = Batch { told: all, ..Batch::default() };
    tracker.keep(&known.shop, &known.keys, ToldBy::Pixel, &batch).await.unwrap().unwrap();
    app.pass(minutes(1)).await;
}

/// Where a text says one can opt out, when its sender cannot be answered.
pub async fn opt_out_path(app: &App, text: &Text) -> String {
    let (_, keys) = app.shop(text.shop).await;
    let reference = MessageRef { shop: text.shop, message: text.id };
    format!("/o/{}", link::sign(&keys, Purpose::OptOut, reference))
}

/// Left, texted, delivered, tapped, bought, and a part of it sent back; and one bought without a tap.
async fn recovers(app: &App, shop: &Shopkeeper, kannel: &Account) -> Text {
    let items = json!({ "items": [{ "title": "Oak stool", "quantity": 2, "price": "32.00" },
                                  { "title": LONG, "quantity": 1, "price": "64.00" }] });
    app.generic(shop, "checkout.updated", app.checkout("c1", items)).await;
    app.pass(minutes(30)).await;
    let text = app.last_text(shop).await;
    app.receipt(kannel, &text, "accepted").await;
    app.receipt(kannel, &text, "delivered").await;
    app.pass(minutes(4)).await;
    app.open(&text.token('r'), "facebookexternalhit/1.1").await;
    app.pass(minutes(5)).await;
    app.tap(&text).await;
    app.pass(minutes(5)).await;
    let landed = json!({ "recovery_tokens": [text.token('r')] });
    app.generic(shop, "order.upserted", app.order("1093", "c1", landed)).await;
    let bought = shopper(2, "Luka", json!({}));
    app.generic(shop, "checkout.updated", app.checkout("c2", bought)).await;
    app.pass(minutes(31)).await;
    app.receipt(kannel, &app.last_text(shop).await, "delivered").await;
    app.pass(minutes(20)).await;
    let untouched = json!({ "email": "luka.2@shopper.example", "phone": null, "total": "74.50" });
    app.generic(shop, "order.upserted", app.order("1094", "c2", untouched)).await;
    let refund = json!({ "placed_at": app.ago(minutes(51)), "recovery_tokens": [text.token('r')],
                         "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
    app.generic(shop, "order.upserted", app.order("1093", "c1", refund)).await;
    text
}

/// One that the network did not deliver, one of which nobody knows.
async fn fails(app: &App, shop: &Shopkeeper, kannel: &Account) {
    app.generic(shop, "checkout.updated", app.checkout("c3", shopper(3, "Eva", json!({})))).await;
    app.pass(minutes(31)).await;
    app.receipt(kannel, &app.last_text(shop).await, "undelivered").await;
    app.outside.next([Ends::TimedOut]);
    app.generic(shop, "checkout.updated", app.checkout("c4", shopper(4, "Nejc", json!({})))).await;
    app.pass(minutes(31)).await;
    app.standard(shop, r#"{"type":"checkout.updated","data":{"phone":"#).await;
    let unsigned = app.post(shop, vec![("webhook-id".into(), "x".into())], b"{}").await;
    assert!(!matches!(unsigned, Answer::Taken { .. }), "{unsigned:?}");
    app.settle().await;
}

/// Nobody may write to these.
async fn stays_unsent(app: &App, shop: &Shopkeeper) {
    let silent = json!({ "phone": null });
    app.generic(shop, "checkout.updated", app.checkout("c5", shopper(5, "Ana", silent))).await;
    let unasked = json!({ "consent": null });
    app.generic(shop, "checkout.updated", app.checkout("c6", shopper(6, "Tina", unasked))).await;
    app.pass(minutes(31)).await;
}

/// What shoppers wrote back, and what they asked the shop for.
async fn answers(app: &App, shop: &Shopkeeper, kannel: &Account) {
    for (token, n, name, words) in
        [("c7", 7, "Jan", "STOP"), ("c8", 8, "Maximiliana-Theodora", "who is this, and where did you get my number?")]
    {
        app.generic(shop, "checkout.updated", app.checkout(token, shopper(n, name, json!({})))).await;
        app.pass(minutes(31)).await;
        let text = app.last_text(shop).await;
        app.receipt(kannel, &text, "delivered").await;
        app.reply(kannel, &text.to, words).await;
    }
    let asked = json!({ "email": "luka.2@shopper.example", "customer_id": "c-2" });
    app.generic(shop, "customer.data_requested", asked).await;
    app.pass(hours(1)).await;
}

/// A shop that somebody tried to make texts for many neighbours with, and whose gateway refuses our account.
async fn other_shop(app: &App) {
    let changes = [("name", "Tea & Tide"), ("guarded", ""), ("steps_after_minutes", "0"), ("site", "tea.example")];
    let shop = app.with_shop_like("generic", &changes).await;
    app.with_gateway(&shop, "twilio").await;
    for n in 0..14 {
        let neighbour = json!({
            "phone": format!("+3864055{n:04}"), "email": format!("kupec{n}@posta.si"), "customer_id": null,
            "cart_token": null,
        });
        app.generic(&shop, "checkout.updated", app.checkout(&format!("t{n}"), neighbour)).await;
    }
    app.pass(minutes(31)).await;
    app.outside.next([Ends::Refused(20003)]);
    app.generic(&shop, "checkout.updated", app.checkout("t90", shopper(90, "Rok", json!({})))).await;
    app.pass(minutes(31)).await;
}
