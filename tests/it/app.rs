//! The stage stories are played on: the real pipeline and worker over a fresh database, a clock that stands still until
//! told, and a world outside that answers as scripted. It starts no HTTP server; deliveries go in where the server would
//! put them.
//!
//! A story is written once and played on SQLite and, when it is there, on PostgreSQL (`on_both`). It ends by making sure
//! that no due work was left behind.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use cartback::{
    clock::{Clock, Ids, ManualClock},
    domain::{
        attribution::Class,
        click::{self, Opened},
        connector::Delivery,
        consent::{Consent, OptOut, OutProof},
        decide::Verdict,
        id::{CartId, DeliveryId, GatewayId, MessageId, ReplyId, ShopId},
        message::{MessageState, Moments},
        phone::Phone,
        report::Report,
        risk::limits::FOR_TRIALS,
        seal::{OperatorKeys, ShopKeys},
        time::Time,
    },
    http::Http,
    pipeline::{
        Core,
        connect::{self, Connected, ShopTyped},
        digest::Post,
        follow::{self, Way},
        receive::{self, Answer, Inbox, Side},
        recurring::Recurring,
        report, zone_of,
    },
    store::{
        self, Db, Read, cart, click as clicks, credit, decision, inbox, job, message, order,
        shop::{Shop, Vault},
    },
    transact,
    worker::Worker,
};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    outside::Outside,
    server::postgres::{Database, cluster},
};

/// 32 random bytes, the same in every run.
pub const OPERATOR_KEY: &str = "pV0mS7lq2cR4bXw9aT1uKzEJ6fYhGdO3nIxN8sQvC5U=";

/// Tuesday, 3 March 2026, 10:00 in Ljubljana.
pub const START: &str = "2026-03-03T09:00:00Z";

pub const ZONE: &str = "Europe/Ljubljana";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Lite,
    Pg,
}

/// Plays a story on SQLite and then, where there is one, on PostgreSQL.
pub async fn on_both(story: impl AsyncFn(&mut App)) {
    for engine in [Engine::Lite, Engine::Pg] {
        let Some(mut app) = App::start(engine).await else { continue };
        story(&mut app).await;
        app.end().await;
    }
}

/// What an `App` lives in; thrown away with it.
pub enum Home {
    Lite(tempfile::TempDir),
    Pg(Database<'static>),
}

/// The file of a story on SQLite, in its folder.
pub const LITE_FILE: &str = "cartback.db";

/// What every file of a story begins as: its schema is made once for all of them.
static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();

async fn migrated() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(LITE_FILE);
    let db = Db::open_lite(&file).await.unwrap();
    store::migration::run(&db).await.unwrap();
    db.close().await;
    assert!(!folder.path().join(format!("{LITE_FILE}-wal")).exists(), "what was written is not in the file itself");
    std::fs::read(&file).unwrap()
}

/// A fresh, migrated database; `None` where PostgreSQL is not installed.
pub async fn database(engine: Engine) -> Option<(Db, Home)> {
    match engine {
        Engine::Lite => {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join(LITE_FILE);
            std::fs::write(&file, TEMPLATE.get_or_init(migrated).await).unwrap();
            let db = Db::open_lite(&file).await.unwrap();
            // Nothing here has to outlive a power cut.
            db.wait_for_disk(false).await.unwrap();
            Some((db, Home::Lite(folder)))
        }
        Engine::Pg => {
            let template = cluster()?.template(|url| async move {
                let db = Db::open_pg(&url).await.unwrap();
                store::migration::run(&db).await.unwrap();
                db.close().await;
            });
            let database = template.database();
            let db = Db::open_pg(&database.url()).await.unwrap();
            Some((db, Home::Pg(database)))
        }
    }
}

pub struct App {
    pub core: Arc<Core>,
    pub clock: Arc<ManualClock>,
    pub outside: Arc<Outside>,
    pub inbox: Inbox,
    pub home: Home,
    worker: Mutex<Worker>,
    deliveries: AtomicI64,
    /// Texts a story has already looked at, so that it never acts on the same one twice by mistake.
    careless: bool,
}

/// A connected shop as a story holds it.
#[derive(Clone, Debug)]
pub struct Shopkeeper {
    pub id: ShopId,
    pub path: String,
}

/// A connected gateway as a story holds it.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: GatewayId,
    pub kind: String,
    pub path: String,
}

/// A text as the shopper's phone shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub shop: ShopId,
    pub id: MessageId,
    pub step: u32,
    pub to: String,
    pub words: String,
    pub state: MessageState,
}

impl Text {
    /// The token behind the first link of this kind (`r` leads back to the cart, `o` opts out).
    pub fn token(&self, kind: char) -> String {
        let start = format!("/{kind}/");
        let from = self.words.find(&start).unwrap_or_else(|| panic!("no /{kind}/ link in {:?}", self.words));
        self.words[from + start.len()..].split_whitespace().next().unwrap().to_owned()
    }
}

pub fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

pub fn hours(count: u64) -> Duration {
    minutes(count * 60)
}

/// As a telephone says who it is.
pub const PHONE_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";

impl App {
    pub async fn start(engine: Engine) -> Option<App> {
        let outside = Arc::new(Outside::default());
        App::start_with(engine, outside.clone(), outside).await
    }

    /// With another way out than the scripted one, for stories on real servers.
    pub async fn start_with(engine: Engine, outside: Arc<Outside>, http: Arc<dyn Http>) -> Option<App> {
        App::start_at(engine, "https://cb.example", outside, http).await
    }

    /// Reached at another address, for stories that a browser plays.
    pub async fn start_at(engine: Engine, public_url: &str, outside: Arc<Outside>, http: Arc<dyn Http>) -> Option<App> {
        App::start_whole(engine, public_url, outside, http, None).await
    }

    /// With a mail server, or expressly without.
    pub async fn start_posting(engine: Engine, post: Option<Post>) -> Option<App> {
        let outside = Arc::new(Outside::default());
        App::start_whole(engine, "https://cb.example", outside.clone(), outside, post).await
    }

    async fn start_whole(
        engine: Engine,
        public_url: &str,
        outside: Arc<Outside>,
        http: Arc<dyn Http>,
        post: Option<Post>,
    ) -> Option<App> {
        let (db, home) = database(engine).await?;
        let clock = Arc::new(ManualClock::at(Time::parse(START).unwrap()));
        let core = Arc::new(Core {
            db,
            vault: Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap()),
            clock: clock.clone(),
            ids: Ids::new(1),
            http,
            post,
            public_url: public_url.into(),
            holder: "story".into(),
            // As the settings say it for this machine's own address.
            plain_links: public_url.starts_with("http:"),
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
        });
        Some(App::over(core, home, clock, outside).await)
    }

    async fn over(core: Arc<Core>, home: Home, clock: Arc<ManualClock>, outside: Arc<Outside>) -> App {
        let now = clock.now();
        transact!(core.db, |tx| {
            store::shop::open_house(tx, &core.vault, &[7; 32], now).await?;
            store::law::keep(tx, cartback::domain::law::current(), now).await?;
        })
        .unwrap();
        let (inbox, _writer) = Inbox::start(core.clone());
        let worker = Mutex::new(Worker::new(core.clone(), Vec::new()));
        App { core, clock, outside, inbox, home, worker, deliveries: AtomicI64::new(1), careless: false }
    }

    /// Another house on a database that was brought in: the same world, the same clock, the same operator's key.
    pub async fn elsewhere(&self, db: Db, home: Home, node: i64) -> App {
        let mut core = self.another_process(node);
        Arc::get_mut(&mut core).unwrap().db = db;
        let there = App::over(core, home, self.clock.clone(), self.outside.clone()).await;
        // Shops go on numbering what they send.
        there.deliveries.store(self.deliveries.load(Ordering::Relaxed) + 1_000, Ordering::Relaxed);
        there
    }

    /// Another process on the same database: its own ids, its own opened keys, its own worker.
    pub fn another_process(&self, node: i64) -> Arc<Core> {
        Arc::new(Core {
            db: self.core.db.clone(),
            vault: Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap()),
            clock: self.clock.clone(),
            ids: Ids::new(node),
            http: self.outside.clone(),
            post: self.core.post.clone(),
            public_url: self.core.public_url.clone(),
            holder: format!("story {node}"),
            plain_links: false,
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
        })
    }

    /// This story leaves due work behind on purpose.
    pub fn leave_work(&mut self) {
        self.careless = true;
    }

    /// Makes sure that no due work is left, and closes the database.
    pub async fn end(self) {
        let mut read = self.core.db.read().await.unwrap();
        let due = job::next_due(&mut read).await.unwrap().filter(|due| *due <= self.now());
        let shops = job::shops_due(&mut read, self.now()).await.unwrap();
        drop(read);
        self.core.db.close().await;
        assert!(self.careless || due.is_none(), "work due at {due:?} was left behind in shops {shops:?}");
    }

    // Connecting.

    pub async fn with_shop(&self, kind: &str) -> Shopkeeper {
        self.with_shop_like(kind, &[]).await
    }

    /// A shop with some settings or rules changed by name.
    pub async fn with_shop_like(&self, kind: &str, changes: &[(&str, &str)]) -> Shopkeeper {
        let settings: &[(&str, &str)] = match kind {
            "shopify" => &[("domain", "lumen-and-oak.myshopify.com"), ("signing_key", SHOPIFY_KEY)],
            "woocommerce" => {
                &[("site", "shop.example"), ("webhook_secret", WOO_SECRET), ("plugin_secret", STANDARD_SECRET)]
            }
            _ => &[("secret", STANDARD_SECRET), ("site", "shop.example")],
        };
        let mut typed = ShopTyped {
            kind: kind.into(),
            name: "Lumen & Oak".into(),
            country: "SI".into(),
            currency: "EUR".into(),
            zone: ZONE.into(),
            ..ShopTyped::default()
        };
        for (key, value) in FOR_TRIALS.iter().chain(settings).chain(changes) {
            match *key {
                // With the limits a shop has that never set any.
                "guarded" => typed.settings.retain(|key, _| !key.starts_with("limits.")),
                "name" => typed.name = (*value).into(),
                "country" => typed.country = (*value).into(),
                "currency" => typed.currency = (*value).into(),
                "timezone" => typed.zone = (*value).into(),
                _ => drop(typed.settings.insert((*key).into(), (*value).into())),
            }
        }
        let made = connect::add_shop(&self.core, &typed).await.unwrap();
        Shopkeeper { id: made.shop, path: path_of(&made) }
    }

    /// The shop's own gateway.
    pub async fn with_gateway(&self, shop: &Shopkeeper, kind: &str) -> Account {
        self.add_gateway(shop.id, kind).await
    }

    /// The house's gateway, for every shop that has none.
    pub async fn with_house_gateway(&self, kind: &str) -> Account {
        self.add_gateway(ShopId::HOUSE, kind).await
    }

    async fn add_gateway(&self, tenant: ShopId, kind: &str) -> Account {
        let settings: &[(&str, &str)] = match kind {
            "twilio" => &[
                ("account_sid", "AC00000000000000000000000000000001"),
                ("auth_token", TWILIO_TOKEN),
                ("sender", "+12125550100"),
            ],
            "kannel" => &[
                ("url", "http://kannel.example:13013/cgi-bin/sendsms"),
                ("username", "cartback"),
                ("password", "a password of some length"),
                ("from", "+38640555000"),
            ],
            "vonage" => &[("api_key", "a1b2c3d4"), ("api_secret", "Sesame/0pen"), ("sender", "+12125550100")],
            _ => &[],
        };
        let settings: BTreeMap<String, String> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let made = connect::add_gateway(&self.core, tenant, kind, "", settings, false).await.unwrap();
        Account { id: made.gateway.unwrap(), kind: kind.into(), path: path_of(&made) }
    }

    /// Changes rules or settings of a shop by name.
    pub async fn change(&self, shop: &Shopkeeper, changes: &[(&str, &str)]) {
        let changes = changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        connect::change_shop(&self.core, shop.id, &changes).await.unwrap();
    }

    // Time and work.

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// The moment as shops write it.
    pub fn iso(&self) -> String {
        self.now().to_string()
    }

    /// The moment so long ago.
    pub fn ago(&self, span: Duration) -> String {
        (self.now() - span).to_string()
    }

    /// Does everything that is due now, and what falls due by it.
    pub async fn settle(&self) {
        let mut worker = self.worker.lock().await;
        for _ in 0..2_000 {
            if worker.tick().await.unwrap() == 0 {
                return;
            }
        }
        panic!("the work never ends");
    }

    /// One round of another worker of this process.
    pub async fn tick_another(&self) {
        Worker::new(self.core.clone(), Vec::new()).tick().await.unwrap();
    }

    /// A worker of this process with the recurring work on its default schedules.
    pub fn worker_with_recurring(core: &Arc<Core>) -> Worker {
        Worker::new(core.clone(), Recurring::defaults())
    }

    /// Lets time go by in the steps at which work falls due, so that nothing is done late.
    pub async fn pass(&self, span: Duration) {
        let until = self.now() + span;
        loop {
            self.settle().await;
            let mut read = self.core.db.read().await.unwrap();
            let next = job::next_due(&mut read).await.unwrap();
            drop(read);
            match next {
                Some(next) if next <= until => self.clock.set(next.max(self.now())),
                _ => break,
            }
        }
        self.clock.set(until);
        self.settle().await;
    }

    /// Lets time go by while nobody works.
    pub fn sleep(&self, span: Duration) {
        self.clock.advance(span);
    }

    // The shopper and the gateway.

    fn sealed_delivery(&self, path: &str, method: &str, headers: Vec<(String, String)>, body: &[u8]) -> Delivery {
        Delivery {
            method: method.into(),
            url: format!("https://cb.example{path}"),
            headers,
            body: body.to_vec(),
            received_at: self.now(),
        }
    }

    /// A number that no other delivery of this story has.
    pub fn delivery_number(&self) -> i64 {
        self.deliveries.fetch_add(1, Ordering::Relaxed)
    }

    /// Posts to a shop's webhook with these headers, whatever they are worth.
    pub async fn post(&self, shop: &Shopkeeper, headers: Vec<(String, String)>, body: &[u8]) -> Answer {
        let delivery = self.sealed_delivery(&format!("/hook/shop/{}", shop.path), "POST", headers, body);
        receive::receive(&self.core, &self.inbox, &shop.path, Side::Shop, delivery).await
    }

    /// A gateway calls back.
    pub async fn call_back(&self, account: &Account, query: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let delivery =
            self.sealed_delivery(&format!("/hook/sms/{}{query}", account.path), "POST", headers, body.as_bytes());
        receive::receive(&self.core, &self.inbox, &account.path, Side::Gateway, delivery).await
    }

    /// The shopper writes back.
    pub async fn reply(&self, account: &Account, from: &str, text: &str) {
        let answer = match account.kind.as_str() {
            "kannel" => {
                let query: String = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("id", &format!("in-{}", self.delivery_number()))
                    .append_pair("from", from)
                    .append_pair("to", "+38640555000")
                    .append_pair("text", text)
                    .finish();
                self.call_back(account, &format!("?{query}"), &[], "").await
            }
            _ => {
                let id = format!("in-{}", self.delivery_number());
                let body = serde_json::json!({ "type": "reply", "from": from, "text": text, "id": id });
                self.call_back(account, "", &[], &body.to_string()).await
            }
        };
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.settle().await;
    }

    /// The gateway reports on a text: `delivered`, `undelivered`, `expired`, `rejected`, `accepted`.
    pub async fn receipt(&self, account: &Account, text: &Text, status: &str) {
        let reference = format!("{}.{}", text.shop, text.id);
        let answer = match account.kind.as_str() {
            "kannel" => {
                let mask = match status {
                    "delivered" => 1,
                    "undelivered" => 2,
                    "accepted" => 8,
                    "rejected" => 16,
                    _ => 34,
                };
                self.call_back(account, &format!("?ref={reference}&type={mask}&fid=f1&answer=&ts=1"), &[], "").await
            }
            _ => {
                let body = serde_json::json!({ "type": "receipt", "reference": reference, "status": status });
                self.call_back(account, "", &[], &body.to_string()).await
            }
        };
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
        self.settle().await;
    }

    /// A person taps the recovery link; a moment later the tap has been judged.
    pub async fn tap(&self, text: &Text) -> Way {
        self.open(&text.token('r'), PHONE_AGENT).await
    }

    /// The same, and time stands still: the tap is judged when it goes on.
    pub async fn tap_now(&self, text: &Text) -> Way {
        let opened =
            Opened { method: click::Method::Get, agent: Some(PHONE_AGENT.into()), prefetch: false, at: self.now() };
        follow::follow(&self.core, &text.token('r'), opened).await.unwrap()
    }

    /// Something opens a recovery link.
    pub async fn open(&self, token: &str, agent: &str) -> Way {
        let opened = Opened { method: click::Method::Get, agent: Some(agent.into()), prefetch: false, at: self.now() };
        let way = follow::follow(&self.core, token, opened).await.unwrap();
        self.pass(Duration::from_secs(3)).await;
        way
    }

    // Looking.

    pub async fn read(&self) -> Read {
        self.core.db.read().await.unwrap()
    }

    pub async fn shop(&self, shop: ShopId) -> (Shop, ShopKeys) {
        let mut read = self.read().await;
        self.core.shop(&mut read, shop).await.unwrap().unwrap()
    }

    /// Every message of a shop that left or may have, oldest first.
    pub async fn texts(&self, shop: &Shopkeeper) -> Vec<Text> {
        self.messages(shop)
            .await
            .into_iter()
            .filter(|(_, moments)| moments.may_have_left())
            .map(|(text, _)| text)
            .collect()
    }

    /// What each of them was for.
    pub async fn purposes(&self, shop: &Shopkeeper) -> Vec<&'static str> {
        let (_, keys) = self.shop(shop.id).await;
        let mut read = self.read().await;
        let all = message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 1_000).await.unwrap();
        let left = all.into_iter().rev().filter(|message| message.moments.may_have_left());
        left.map(|message| message.purpose.name()).collect()
    }

    /// The ledgers of a phone in a shop, and its opt-outs with what stands behind them.
    pub async fn ledgers(&self, shop: &Shopkeeper, phone: &str) -> (Vec<Consent>, Vec<(OptOut, Option<OutProof>)>) {
        let (_, keys) = self.shop(shop.id).await;
        let index = store::consent::phone_index(&keys, &Phone::read(phone, &[]).unwrap());
        let mut read = self.read().await;
        let (consents, _) = store::consent::of_phone(&mut read, &keys, &index).await.unwrap();
        (consents, store::consent::opt_outs_of(&mut read, &keys, &index).await.unwrap())
    }

    /// Every reply of a shop, newest first.
    pub async fn replies(&self, shop: &Shopkeeper) -> Vec<store::reply::Reply> {
        let (_, keys) = self.shop(shop.id).await;
        store::reply::list(&mut self.read().await, &keys, ReplyId::new(i64::MAX), 1_000).await.unwrap()
    }

    /// The newest of them.
    pub async fn last_text(&self, shop: &Shopkeeper) -> Text {
        self.texts(shop).await.pop().expect("a text")
    }

    /// Every message of a shop, whatever became of it, oldest first.
    pub async fn messages(&self, shop: &Shopkeeper) -> Vec<(Text, Moments)> {
        let (_, keys) = self.shop(shop.id).await;
        let mut read = self.read().await;
        let all = message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 1_000).await.unwrap();
        let text = |message: message::Message| {
            let text = Text {
                shop: shop.id,
                id: message.id,
                step: message.step,
                to: message.words.phone.clone(),
                words: message.words.text.clone(),
                state: message.moments.state(),
            };
            (text, message.moments)
        };
        all.into_iter().rev().map(text).collect()
    }

    pub async fn report(&self, shop: &Shopkeeper) -> Report {
        report::report(&self.core, shop.id, 30, 0).await.unwrap().unwrap()
    }

    /// The figures of the last 30 days that are not zero, in one line.
    pub async fn figures(&self, shop: &Shopkeeper) -> String {
        let total = self.report(shop).await.total;
        let counts = total.counts;
        let named = [
            ("abandoned", counts.abandoned),
            ("reachable", counts.reachable),
            ("texted", counts.carts_texted),
            ("texts", counts.texts),
            ("delivered", counts.delivered),
            ("clicked", counts.clicked),
            ("recovered", counts.recovered_orders),
            ("assisted", counts.assisted_orders),
            ("opt-outs", counts.opt_outs),
            ("orders", counts.orders),
        ];
        let mut parts: Vec<String> =
            named.iter().filter(|(_, value)| *value != 0).map(|(name, value)| format!("{name} {value}")).collect();
        for (currency, sums) in &total.money {
            let money = [
                ("abandoned", sums.abandoned_minor),
                ("gross", sums.gross_minor),
                ("refunded", sums.refunded_minor),
                ("net", sums.net_minor),
                ("assisted", sums.assisted_net_minor),
            ];
            for (name, minor) in money.iter().filter(|(_, minor)| *minor != 0) {
                parts.push(format!("{currency} {name} {}.{:02}", minor / 100, minor % 100));
            }
        }
        parts.join(", ")
    }

    /// Deliveries that could not be read, newest first, with the reason.
    pub async fn problems(&self, shop: &Shopkeeper) -> Vec<(DeliveryId, String)> {
        let mut read = self.read().await;
        let lines =
            inbox::list(&mut read, shop.id, inbox::Filter::Unreadable, DeliveryId::new(i64::MAX), 100).await.unwrap();
        lines.into_iter().map(|line| (line.id, line.problem)).collect()
    }

    /// Every delivery that is kept, newest first.
    pub async fn deliveries(&self, shop: &Shopkeeper) -> Vec<inbox::Line> {
        let newest = DeliveryId::new(i64::MAX);
        inbox::list(&mut self.read().await, shop.id, inbox::Filter::All, newest, 1_000).await.unwrap()
    }

    /// What stands in the way, as the pages show it.
    pub async fn alarms(&self, shop: ShopId) -> Vec<String> {
        let mut read = self.read().await;
        let keys = self.core.vault.keys(&mut read, shop).await.unwrap();
        store::alarm::standing(&mut read, &keys).await.unwrap().into_iter().map(|alarm| alarm.words).collect()
    }

    pub async fn cart(&self, shop: &Shopkeeper, token: &str) -> cartback::domain::cart::Cart {
        let (_, keys) = self.shop(shop.id).await;
        cart::by_token(&mut self.read().await, &keys, token).await.unwrap().expect("a cart of this token")
    }

    pub async fn carts(&self, shop: &Shopkeeper) -> Vec<cartback::domain::cart::Cart> {
        let (_, keys) = self.shop(shop.id).await;
        let newest = CartId::new(i64::MAX);
        cart::list(&mut self.read().await, &keys, cart::Filter::All, (Time::FIRST, Time::LAST), newest, 1_000)
            .await
            .unwrap()
    }

    /// Everything that happened to a cart and why, a line each, in the shop's own time.
    pub async fn cart_story(&self, shop: &Shopkeeper, token: &str) -> String {
        let (shop, keys) = self.shop(shop.id).await;
        let mut read = self.read().await;
        let cart = cart::by_token(&mut read, &keys, token).await.unwrap().expect("a cart of this token");
        let mut lines: Vec<(Time, String)> = Vec::new();
        let moments = [
            ("begun", Some(cart.started_at)),
            ("abandoned", cart.abandoned_at),
            ("bought", cart.bought_at),
            ("deleted", cart.deleted_at),
            ("erased", cart.erased_at),
        ];
        lines.extend(moments.iter().filter_map(|(word, at)| Some((((*at)?), (*word).to_owned()))));
        for kept in decision::of_cart(&mut read, &keys, cart.id).await.unwrap() {
            let told = match kept.decision.verdict {
                Verdict::Pass => "yes".to_owned(),
                Verdict::Wait(_) => format!("wait: {}", kept.decision.reason().unwrap().why),
                Verdict::Stop => format!("no: {}", kept.decision.reason().unwrap().why),
            };
            lines.push((kept.at, format!("step {}: {told}", kept.step)));
        }
        let mut seen_orders = Vec::new();
        for text in message::of_cart(&mut read, &keys, cart.id).await.unwrap() {
            let moments = text.moments;
            let named = [
                ("accepted", moments.accepted_at),
                ("refused", moments.refused_at),
                ("unknown", moments.unknown_at),
                ("delivered", moments.delivered_at),
                ("undelivered", moments.undelivered_at),
                ("cancelled", moments.cancelled_at),
                ("expired", moments.expired_at),
            ];
            for (word, at) in named {
                let why = if matches!(word, "accepted" | "delivered") || text.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", text.reason)
                };
                lines.extend(at.map(|at| (at, format!("text {} {word}{why}", text.step))));
            }
            for click in clicks::of_message(&mut read, &keys, text.id).await.unwrap() {
                lines.push((click.at, format!("text {} opened: {}", text.step, click.verdict)));
            }
            for line in credit::of_message(&mut read, &keys, text.id).await.unwrap() {
                let order = order::get(&mut read, &keys, line.order).await.unwrap().unwrap();
                let number = &order.latest.number;
                let money = cartback::domain::money::Money::new(line.entry.amount_minor, line.currency).amount();
                lines.push((line.entry.at, format!("{} {} of {number}: {money}", line.class, line.entry.entry)));
                if !seen_orders.contains(&line.order) {
                    seen_orders.push(line.order);
                    let verdict = credit::evidence(&mut read, &keys, line.order).await.unwrap().unwrap();
                    let won = verdict.considered.iter().find(|each| each.won).unwrap();
                    assert_eq!(verdict.winner.map(|won| won.class == Class::Credited), Some(line.class == "credited"));
                    lines.push((line.entry.at, format!("because: {}", won.why)));
                }
            }
        }
        lines.sort_by_key(|(at, _)| *at);
        let zone = zone_of(&shop);
        let mut told = String::new();
        for (at, line) in lines {
            let at = at.to_timestamp().to_zoned(zone.clone()).strftime("%a %H:%M");
            writeln!(told, "{at} {line}").unwrap();
        }
        told
    }
}

fn path_of(made: &Connected) -> String {
    made.webhook_url.rsplit('/').next().unwrap().to_owned()
}

pub const SHOPIFY_KEY: &str = "4c1ab0d3e97f5526a8b1c0de33f7a911";
pub const WOO_SECRET: &str = "k3xPq9Zr7LmWt2VbNc5YhJ8s";
pub const STANDARD_SECRET: &str = "whsec_q0mS7lq2cR4bXw9aT1uKzEJ6fYhGdO3nIxN8sQvC5Uo=";
pub const TWILIO_TOKEN: &str = "0f3a9c2b7d5e4816a0c9b8e7d6f51423";
