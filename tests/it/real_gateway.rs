//! The main job against a real SMS gateway: Shopify's webhooks over HTTP, half an hour on the test clock, a text through
//! Kannel, or by SMPP straight to the message centre behind it, its receipt, the tap on the link in that text, the order, a partial refund, and a STOP.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use cartback::{
    app::{App, Running, Serve, lines::Lines},
    clock::{Clock, ManualClock},
    config::{Config, Database},
    domain::{
        consent::Ledger,
        id::{GatewayId, ShopId},
        message::{MessageState, Purpose},
        money::Currency,
        phone::Phone,
        risk::limits::FOR_TRIALS,
        time::{HOUR, MINUTE, Time},
    },
    http::GuardedHttp,
    pipeline::{
        Core,
        connect::{self, ShopTyped},
        report,
    },
    shop::standard_webhooks,
    store::{self, message::Message},
    transact,
};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::server::{
    self, Answer,
    kannel::{Kannel, Sent},
    postgres,
    smsc::Smsc,
};

const SIGNING_KEY: &str = "5e1f00d5e1f00d5e1f00d5e1f00d5e1f";
const SHOPPER: &str = "+12125550101";
const BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                       Version/18.5 Mobile/15E148 Safari/604.1";

/// Whoever takes our texts.
enum Centre {
    Kannel(Kannel),
    Smpp(Smsc),
}

impl Centre {
    fn sent(&self) -> Vec<Sent> {
        match self {
            Centre::Kannel(kannel) => kannel.sent(),
            Centre::Smpp(centre) => centre.sent(),
        }
    }

    fn sent_at_least(&self, count: usize) -> Vec<Sent> {
        match self {
            Centre::Kannel(kannel) => kannel.sent_at_least(count),
            Centre::Smpp(centre) => centre.sent_at_least(count),
        }
    }

    /// It stops answering, as a machine does that swaps, and goes on later where it was.
    fn freeze(&self, signal: &str) {
        match self {
            Centre::Kannel(kannel) => kannel.signal("bearerbox", signal),
            Centre::Smpp(centre) => centre.signal(signal),
        }
    }

    fn inbound(&self, from: &str, to: &str, text: &str) {
        match self {
            Centre::Kannel(kannel) => kannel.inbound(from, to, text),
            Centre::Smpp(centre) => centre.inbound(from, to, text),
        }
    }
}

struct Story {
    clock: Arc<ManualClock>,
    running: Running,
    hook: String,
    centre: Centre,
    /// Webhooks sent so far: each has an id of its own.
    told: u32,
}

/// A Tuesday, ten o'clock in New York.
fn morning() -> Time {
    Time::parse("2026-03-10T10:00:00-04:00").unwrap()
}

impl Story {
    async fn begin(config: &Config, by: By) -> Option<Story> {
        let clock = Arc::new(ManualClock::at(morning()));
        cartback::app::install_tls();
        let lines = Lines::default();
        let http = Arc::new(GuardedHttp::new().unwrap().with_smpp(lines.door()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let public_url = format!("http://{}", listener.local_addr().unwrap());
        let config = Config { given_public_url: Some(public_url), ..config.clone() };
        let app = App::open(&config, clock.clone(), http).await.unwrap().with_lines(lines);
        let running = app.serve(Serve { workers: 2, ..Serve::of(&config, listener, false) }).unwrap();
        let core = running.core().clone();
        let typed = ShopTyped {
            kind: "shopify".into(),
            name: "Northwind".into(),
            country: "US".into(),
            currency: "USD".into(),
            zone: "America/New_York".into(),
            settings: pairs(&[("domain", "northwind-goods.myshopify.com"), ("signing_key", SIGNING_KEY)]),
            rules: pairs(&FOR_TRIALS),
        };
        let shop = connect::add_shop(&core, &typed).await.unwrap();
        let centre = match by {
            By::Kannel => Centre::Kannel(Self::by_kannel(&core).await?),
            By::Smpp => Centre::Smpp(Self::by_smpp(&core).await?),
        };
        Some(Story { clock, running, hook: shop.webhook_url, centre, told: 0 })
    }

    async fn by_smpp(core: &Arc<Core>) -> Option<Smsc> {
        let centre = tokio::task::block_in_place(Smsc::start)?;
        let port = centre.port.to_string();
        let account = pairs(&[
            ("host", "127.0.0.1"),
            ("port", &port),
            ("encryption", "none"),
            ("system_id", "cartback"),
            ("password", "hush"),
            ("sender", "+12125550100"),
        ]);
        connect::add_gateway(core, ShopId::HOUSE, "smpp", "", account, true).await.unwrap();
        Some(centre)
    }

    async fn by_kannel(core: &Arc<Core>) -> Option<Kannel> {
        let account = |url: &str| {
            pairs(&[("url", url), ("username", Kannel::USER), ("password", Kannel::PASSWORD), ("from", "12125550100")])
        };
        // Kannel must know where inbound texts go before it starts, and we where Kannel is: so it is told twice.
        let placeholder = account("http://127.0.0.1:9/cgi-bin/sendsms");
        let gateway = connect::add_gateway(core, ShopId::HOUSE, "kannel", "", placeholder, true).await.unwrap();
        let kannel = Kannel::start(&format!("{}?id=%I&from=%p&to=%P&ts=%T&charset=%C&text=%b", gateway.webhook_url))?;
        readdress(core, gateway.gateway.unwrap(), account(&kannel.sendsms_url())).await;
        Some(kannel)
    }

    fn core(&self) -> &Arc<Core> {
        self.running.core()
    }

    fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.core().wake.notify_one();
    }

    fn rfc3339(&self) -> String {
        self.clock.now().to_string()
    }

    /// Shopify's webhook, signed, over HTTP.
    fn shopify(&mut self, topic: &str, body: &Value) {
        self.told += 1;
        let body = body.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes()).unwrap();
        mac.update(body.as_bytes());
        let signature = BASE64.encode(&mac.finalize().into_bytes());
        let id = format!("0b6e6b2e-0000-4000-8000-{:012}", self.told);
        let at = self.rfc3339();
        let headers = [
            ("content-type", "application/json"),
            ("x-shopify-topic", topic),
            ("x-shopify-hmac-sha256", &signature),
            ("x-shopify-shop-domain", "northwind-goods.myshopify.com"),
            ("x-shopify-api-version", "2026-07"),
            ("x-shopify-webhook-id", &id),
            ("x-shopify-triggered-at", &at),
        ];
        let answer = server::call("POST", &self.hook, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{topic}: {}", answer.body);
    }

    fn checkout(&self, token: &str, phone: Option<&str>) -> Value {
        let at = self.rfc3339();
        let address = phone.map(|phone| {
            json!({ "first_name": "Ana", "phone": phone, "country_code": "US", "province_code": "NY", "zip": "10001" })
        });
        json!({
            "id": 35_550_298_931_777_i64, "token": token, "cart_token": format!("c1-{token}"), "email": null,
            "created_at": at, "updated_at": at, "completed_at": null, "currency": "USD",
            "presentment_currency": "USD", "total_price": "128.00", "subtotal_price": "120.00", "total_discounts": "0.00",
            "customer_locale": "en-US", "buyer_accepts_sms_marketing": phone.is_some(), "sms_marketing_phone": phone,
            "shipping_address": address.unwrap_or_else(|| json!([])), "shipping_lines": [], "discount_codes": [],
            "abandoned_checkout_url":
                format!("https://northwind-goods.myshopify.com/590/checkouts/ac/c1-{token}/recover?key=9d1c&locale=en-US"),
            "line_items": [{ "title": "Wool blanket", "quantity": 2, "price": "60.00", "line_price": "120.00",
                             "properties": null, "variant_id": 41_327_143_059_001_i64 }],
            "source_name": "web",
        })
    }

    fn order(&self, token: &str, landing: &str) -> Value {
        let at = self.rfc3339();
        json!({
            "id": 5_812_093_771_201_337_i64, "name": "#1093", "checkout_token": token, "cart_token": format!("c1-{token}"),
            "email": "ana@example.com", "phone": SHOPPER, "created_at": at, "processed_at": at, "updated_at": at,
            "currency": "USD", "total_price": "128.00", "financial_status": "paid", "cancelled_at": null,
            "test": false, "source_name": "web", "landing_site": landing, "discount_codes": [], "note_attributes": [],
            "refunds": [], "line_items": [],
        })
    }

    async fn messages(&self) -> Vec<Message> {
        let core = self.core();
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, ShopId::new(1)).await.unwrap();
        let last = cartback::domain::id::MessageId::new(i64::MAX);
        store::message::list(&mut read, &keys, None, last, 100).await.unwrap()
    }

    /// Waits for the service and Kannel, which live on their own time.
    async fn until<T, F: Future<Output = Option<T>>>(&self, what: &str, look: impl Fn() -> F) -> T {
        for _ in 0..6_000 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still waiting: {what}")
    }

    async fn net(&self) -> Option<(i64, i64, i64)> {
        let usd = Currency::parse("USD").unwrap();
        let report = report::report(self.core(), ShopId::new(1), 7, 0).await.unwrap().unwrap();
        let sums = report.total.money.get(&usd)?.clone();
        Some((report.total.counts.recovered_orders, sums.gross_minor, sums.net_minor))
    }

    async fn opted_out(&self) -> Option<()> {
        let core = self.core();
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, ShopId::new(1)).await.unwrap();
        let phone = Phone::read(SHOPPER, &[]).unwrap();
        let index = store::consent::phone_index(&keys, &phone);
        let (consents, outs) = store::consent::of_phone(&mut read, &keys, &index).await.unwrap();
        Ledger::of(consents, outs).opted_out().map(|_| ())
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
}

/// What the texts leave by.
#[derive(Clone, Copy)]
enum By {
    Kannel,
    Smpp,
}

async fn readdress(core: &Core, id: GatewayId, account: BTreeMap<String, String>) {
    let spec = cartback::gateway::by_kind("kannel").unwrap().spec();
    let settings = spec.settings(account).unwrap();
    let keys = {
        let mut read = core.db.read().await.unwrap();
        core.vault.keys(&mut read, ShopId::HOUSE).await.unwrap()
    };
    transact!(core.db, |tx| store::gateway::save_settings(tx, &keys, id, &settings).await?).unwrap();
}

fn link_in(text: &str) -> String {
    let start = text.find("http").unwrap_or_else(|| panic!("no link in {text:?}"));
    text[start..].split_whitespace().next().unwrap().to_owned()
}

fn tap(link: &str) -> Answer {
    server::call("GET", link, &[("user-agent", BROWSER), ("accept", "text/html")], b"").unwrap()
}

async fn the_whole_way(config: Config, by: By) {
    let Some(mut story) = Story::begin(&config, by).await else { return };

    // A checkout begins without anybody to text, and gets its number and consent a minute later.
    let begun = story.checkout("84ad78572dae52a8cbea7d55371afe89", None);
    story.shopify("checkouts/create", &begun);
    story.pass(MINUTE);
    let known = story.checkout("84ad78572dae52a8cbea7d55371afe89", Some(SHOPPER));
    story.shopify("checkouts/update", &known);

    // Half an hour of silence. A box ticked is not enough in the United States: the phone is asked first, through Kannel.
    story.pass(MINUTE * 30);
    let asked = tokio::task::block_in_place(|| story.centre.sent_at_least(1));
    let request: String = asked.iter().map(|part| part.text.as_str()).collect();
    assert!(request.starts_with("Northwind:") && request.contains("cart reminder"), "{request}");
    assert!(!request.contains("/r/"), "nothing but the question before a yes: {request}");
    let reminders = || async { story.messages().await.into_iter().find(|text| text.purpose == Purpose::Reminder) };
    assert!(reminders().await.is_none());
    tokio::task::block_in_place(|| story.centre.inbound("12125550101", "12125550100", "Yes please!"));

    // The yes is on record, and one text goes out.
    let reminder = story.until("the reminder", reminders).await;
    let reminder = reminder.words.text;
    let parts: Vec<_> = tokio::task::block_in_place(|| {
        server::eventually("the reminder at the message centre", || {
            let parts: Vec<_> = story.centre.sent().into_iter().filter(|part| part.text == reminder).collect();
            (!parts.is_empty()).then_some(parts)
        })
    });
    let text: String = parts.iter().map(|part| part.text.as_str()).collect();
    assert_eq!(parts[0].to.trim_start_matches('+'), "12125550101");
    assert!(text.starts_with("Northwind:") && text.contains("STOP"), "{text}");
    let delivered = story
        .until("the delivery receipt", || async {
            let messages = story.messages().await;
            messages.into_iter().find(|message| {
                message.purpose == Purpose::Reminder && message.moments.state() == MessageState::Delivered
            })
        })
        .await;
    assert_eq!((delivered.step, delivered.segments, parts.len()), (1, 1, 1), "{text}");

    // The tap leads to the shop's own checkout, and shows nothing on the way.
    story.pass(MINUTE * 41);
    let link = link_in(&text);
    let answer = tap(&link);
    let target = answer.header("location").unwrap_or_default().to_owned();
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(target.starts_with("https://northwind-goods.myshopify.com/590/checkouts/ac/c1-84ad"), "{target}");
    assert!(target.contains("key=9d1c") && target.contains("utm_source=cartback"), "{target}");
    assert!(!answer.body.contains("Ana") && !answer.head.contains("555"), "{} {}", answer.head, answer.body);

    // The order that follows is credited to that text.
    story.pass(MINUTE * 7);
    let landing = target.trim_start_matches("https://northwind-goods.myshopify.com").to_owned();
    let order = story.order("84ad78572dae52a8cbea7d55371afe89", &landing);
    story.shopify("orders/create", &order);
    story.shopify("orders/paid", &order);
    story.pass(MINUTE);
    story.until("the credit", || async { story.net().await.filter(|net| *net == (1, 12_800, 12_800)) }).await;

    // With evidence.
    let core = story.core().clone();
    let (tie, why) = {
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, ShopId::new(1)).await.unwrap();
        let found =
            store::order::by_external_id(&mut read, &keys, "5812093771201337").await.unwrap().expect("the order");
        let evidence = store::credit::evidence(&mut read, &keys, found.id).await.unwrap().expect("evidence");
        let won = evidence.considered.into_iter().find(|each| each.won).expect("a winner");
        assert_eq!(won.message, delivered.id);
        (won.tie, won.why)
    };
    assert_eq!(tie, cartback::domain::attribution::Tie::Token);
    assert!(why.contains("tapped 7 min before the order"), "{why}");

    // A part of it goes back.
    story.pass(HOUR * 3);
    let at = story.rfc3339();
    story.shopify(
        "refunds/create",
        &json!({
            "id": 9_001_337_i64, "order_id": 5_812_093_771_201_337_i64, "created_at": at, "processed_at": at,
            "refund_line_items": [], "order_adjustments": [],
            "transactions": [{ "id": 1, "kind": "refund", "status": "success", "amount": "20.00", "currency": "USD" }],
        }),
    );
    story.pass(MINUTE);
    story.until("the refund", || async { story.net().await.filter(|net| *net == (1, 12_800, 10_800)) }).await;

    // STOP, and the next cart of this person is not texted.
    let sent = story.centre.sent().len();
    tokio::task::block_in_place(|| story.centre.inbound("12125550101", "12125550100", "Stop."));
    story.until("the opt-out", || story.opted_out()).await;
    // Which is confirmed once, and that is the last text. The clock stands until then: a day later it would not be sent.
    let all = tokio::task::block_in_place(|| story.centre.sent_at_least(sent + 1));
    let (before, last) = all.split_at(sent);
    assert!(last.iter().any(|part| part.text.contains("You are opted out")), "{before:?} and then {last:?}");
    story.pass(HOUR * 24);
    let again = story.checkout("0d5c2f0f6f5c4bd1b4e1f7a6c2d3e4f5", Some(SHOPPER));
    story.shopify("checkouts/update", &again);
    story.pass(MINUTE * 31);
    story
        .until("the decision about the second cart", || async {
            let mut read = core.db.read().await.unwrap();
            let keys = core.vault.keys(&mut read, ShopId::new(1)).await.unwrap();
            let token = "0d5c2f0f6f5c4bd1b4e1f7a6c2d3e4f5";
            let cart = store::cart::by_token(&mut read, &keys, token).await.unwrap()?;
            let decided = store::decision::of_cart(&mut read, &keys, cart.id).await.unwrap();
            let reason = decided.first()?.decision.reason()?.gate;
            (reason == cartback::domain::decide::GateName::OptOut).then_some(())
        })
        .await;
    let later = story.centre.sent();
    assert_eq!(later.len(), all.len(), "somebody who said stop was texted: {later:?}");
    story.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_recovered_through_kannel_on_sqlite() {
    on_sqlite(By::Kannel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_recovered_through_kannel_on_postgresql() {
    on_postgresql(By::Kannel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_recovered_by_smpp_on_sqlite() {
    on_sqlite(By::Smpp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_is_recovered_by_smpp_on_postgresql() {
    on_postgresql(By::Smpp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_of_kannel_is_told_as_it_was() {
    a_bad_day(By::Kannel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_of_a_message_centre_is_told_as_it_was() {
    a_bad_day(By::Smpp).await;
}

/// A second shop of the house, where a ticked box is enough.
struct Second {
    shop: ShopId,
    hook: String,
}

const SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

impl Second {
    async fn open(story: &Story) -> Second {
        let typed = ShopTyped {
            kind: "generic".into(),
            name: "Lipa".into(),
            country: "SI".into(),
            currency: "EUR".into(),
            zone: "Europe/Ljubljana".into(),
            settings: pairs(&[("secret", SECRET), ("site", "shop.example.com")]),
            rules: pairs(&FOR_TRIALS).into_iter().chain(pairs(&[("steps_after_minutes", "0")])).collect(),
        };
        let made = connect::add_shop(story.core(), &typed).await.unwrap();
        Second { shop: made.shop, hook: made.webhook_url }
    }

    /// Somebody leaves a cart; the last two digits choose what becomes of the text.
    fn leave(&self, story: &Story, fate: &str) {
        let at = story.rfc3339();
        let data = json!({
            "token": format!("c{fate}"), "phone": format!("+386405551{fate}"), "country": "SI", "language": "en",
            "currency": "EUR", "total": "128.00", "items": [{ "title": "Oak stool", "quantity": 1, "price": "128.00" }],
            "recovery_url": format!("https://shop.example.com/restore/{fate}"),
            "consent": { "state": "granted", "source": "shop.example.com" }, "started_at": at, "updated_at": at,
        });
        let body = json!({ "type": "checkout.updated", "timestamp": at, "data": data }).to_string();
        let seconds = story.clock.now().seconds();
        let signature = standard_webhooks::sign(SECRET, fate, seconds, body.as_bytes());
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", fate),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
        ];
        let answer = server::call("POST", &self.hook, &headers, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn state(&self, story: &Story, fate: &str) -> Option<MessageState> {
        let core = story.core();
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, self.shop).await.unwrap();
        let newest = cartback::domain::id::MessageId::new(i64::MAX);
        let all = store::message::list(&mut read, &keys, None, newest, 100).await.unwrap();
        let of = |message: &&Message| message.words.phone.ends_with(fate);
        all.iter().find(of).map(|message| message.moments.state())
    }
}

fn to(sent: &[Sent], fate: &str) -> usize {
    sent.iter().filter(|part| part.to.ends_with(&format!("405551{fate}"))).count()
}

/// Refused at once, expired, throttled, never reported on, and a centre that stops in the middle of it.
async fn a_bad_day(by: By) {
    let folder = tempfile::tempdir().unwrap();
    let Some(story) = Story::begin(&Config::in_folder(folder.path()), by).await else { return };
    let second = Second::open(&story).await;
    for fate in ["01", "90", "91", "92", "95", "96"] {
        second.leave(&story, fate);
    }
    story.pass(MINUTE * 31);
    let is = |fate: &'static str, wanted: &'static [MessageState]| {
        let (story, second) = (&story, &second);
        async move {
            let what = format!("…{fate} to be one of {wanted:?}");
            let look = || async { second.state(story, fate).await.filter(|state| wanted.contains(state)) };
            story.until(&what, look).await
        }
    };
    is("01", &[MessageState::Delivered]).await;
    is("90", &[MessageState::Refused, MessageState::Undelivered]).await;
    is("91", &[MessageState::Undelivered]).await;
    is("92", &[MessageState::Undelivered, MessageState::Expired]).await;
    is("96", &[MessageState::Accepted]).await;
    // A centre that is too busy is asked again, by Kannel or by us.
    for _ in 0..20 {
        if second.state(&story, "95").await == Some(MessageState::Delivered) {
            break;
        }
        story.pass(MINUTE);
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    is("95", &[MessageState::Delivered]).await;

    // It takes the text and says nothing.
    story.centre.freeze("STOP");
    second.leave(&story, "02");
    story.pass(MINUTE * 31);
    tokio::time::sleep(Duration::from_secs(17)).await;
    is("02", &[MessageState::Unknown]).await;
    story.centre.freeze("CONT");
    for _ in 0..6 {
        story.pass(HOUR);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let sent = story.centre.sent();
    for fate in ["01", "91", "92", "95", "96"] {
        assert_eq!(to(&sent, fate), 1, "{fate}: {sent:?}");
    }
    assert!(to(&sent, "02") <= 1, "{sent:?}");
    story.running.stop().await;
}

async fn on_sqlite(by: By) {
    let folder = tempfile::tempdir().unwrap();
    the_whole_way(Config::in_folder(folder.path()), by).await;
}

async fn on_postgresql(by: By) {
    let Some(cluster) = tokio::task::block_in_place(postgres::cluster) else { return };
    let database = tokio::task::block_in_place(|| cluster.database());
    let folder = tempfile::tempdir().unwrap();
    let config = Config { database: Database::Postgres(database.url().into()), ..Config::in_folder(folder.path()) };
    the_whole_way(config, by).await;
}
