//! A house to knock at: one shop of the generic kind, one gateway that sends nothing, time that stands still.

use std::{collections::BTreeMap, pin::Pin, rc::Rc, sync::Arc, time::Duration};

use actix_web::{
    body::{BoxBody, MessageBody},
    dev::ServiceResponse,
    http::StatusCode,
    test::{self, TestRequest},
};
use cartback::{
    app::App,
    clock::{Clock, Ids, ManualClock},
    config::{Config, Database},
    domain::{
        id::{GatewayId, ShopId},
        risk::limits::FOR_TRIALS,
        seal::OperatorKeys,
        time::{MINUTE, Time},
    },
    http::{Exchange, Http, HttpError, Request},
    mail::Smtp,
    pipeline::{
        Core,
        connect::{self, ShopTyped},
        receive::Inbox,
    },
    shop::standard_webhooks,
    store::{self, message::Message, shop::Vault},
    web::{self, State},
    worker::Worker,
};
use serde_json::{Value, json};

struct NoHttp;

impl Http for NoHttp {
    fn exchange(&self, _: Request) -> Exchange<'_> {
        Box::pin(async { Err(HttpError::NotSent("there is no network".into())) })
    }
}

pub struct House {
    pub app: App,
    pub clock: Arc<ManualClock>,
    pub shop: ShopId,
    pub gateway: GatewayId,
    /// Paths of the two connections.
    pub shop_hook: String,
    pub sms_hook: String,
    pub secret: String,
    _folder: tempfile::TempDir,
}

pub const PUBLIC_URL: &str = "https://sms.example.com";
pub const PHONE: &str = "+12125550142";
pub const BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                           Version/18.5 Mobile/15E148 Safari/604.1";

/// A Tuesday, ten o'clock in New York.
fn morning() -> Time {
    Time::parse("2026-03-10T10:00:00-04:00").unwrap()
}

impl House {
    pub async fn open() -> House {
        House::open_at(PUBLIC_URL).await
    }

    pub async fn open_at(public_url: &str) -> House {
        House::open_in(public_url, Database::Lite).await
    }

    pub async fn open_in(public_url: &str, database: Database) -> House {
        House::open_whole(public_url, database, None).await
    }

    /// A house that mails.
    pub async fn open_mailing(smtp: Smtp) -> House {
        House::open_whole(PUBLIC_URL, Database::Lite, Some(smtp)).await
    }

    async fn open_whole(public_url: &str, database: Database, smtp: Option<Smtp>) -> House {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(morning()));
        let given_public_url = Some(public_url.to_owned());
        let config = Config { given_public_url, database, smtp, ..Config::in_folder(folder.path()) };
        let app = App::open(&config, clock.clone(), Arc::new(NoHttp)).await.unwrap();
        let secret = standard_webhooks::secret([7; 32]);
        let typed = ShopTyped {
            kind: "generic".into(),
            name: "Acme".into(),
            country: "US".into(),
            currency: "USD".into(),
            zone: "America/New_York".into(),
            settings: [("secret", secret.as_str()), ("site", "shop.example")].map(|(k, v)| (k.into(), v.into())).into(),
            rules: FOR_TRIALS.map(|(key, value)| (key.into(), value.into())).into(),
        };
        let shop = connect::add_shop(&app.core, &typed).await.unwrap();
        let gateway =
            connect::add_gateway(&app.core, ShopId::HOUSE, "log", "Phone", BTreeMap::new(), false).await.unwrap();
        let path = |url: &str| url.strip_prefix(public_url).unwrap().to_owned();
        House {
            clock,
            shop: shop.shop,
            gateway: gateway.gateway.unwrap(),
            shop_hook: path(&shop.webhook_url),
            sms_hook: path(&gateway.webhook_url),
            secret,
            app,
            _folder: folder,
        }
    }

    pub fn core(&self) -> &Core {
        &self.app.core
    }

    /// Where the operator's key lies.
    pub fn key_file(&self) -> std::path::PathBuf {
        self._folder.path().join("key")
    }

    pub fn state(&self) -> State {
        State::new(self.app.core.clone(), self.app.inbox.clone())
    }

    /// Another process on the same database: its own keys, its own ids, its own memory.
    pub fn another_process(&self) -> State {
        let core = self.core();
        let key = std::fs::read_to_string(self.key_file()).unwrap();
        let core = Arc::new(Core {
            db: core.db.clone(),
            vault: Vault::new(OperatorKeys::parse(key.trim()).unwrap()),
            clock: self.clock.clone() as Arc<dyn Clock>,
            ids: Ids::new(77),
            http: Arc::new(NoHttp),
            post: None,
            public_url: core.public_url.clone(),
            holder: "another".into(),
            plain_links: false,
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
        });
        let (inbox, _) = Inbox::start(core.clone());
        State::new(core, inbox)
    }

    /// The folder of data and key.
    pub fn folder(&self) -> &std::path::Path {
        self._folder.path()
    }

    /// As the demo is shown: nobody signs in.
    pub fn open_state(&self) -> State {
        let mut state = self.state();
        state.open_door = true;
        state
    }

    /// A signed delivery of the shop.
    pub fn told(&self, id: &str, body: &Value) -> TestRequest {
        let body = body.to_string();
        let now = self.core().now().seconds();
        TestRequest::post()
            .uri(&self.shop_hook)
            .insert_header(("host", "127.0.0.1"))
            .insert_header(("webhook-id", id))
            .insert_header(("webhook-timestamp", now.to_string()))
            .insert_header(("webhook-signature", standard_webhooks::sign(&self.secret, id, now, body.as_bytes())))
            .set_payload(body)
    }

    /// Does everything that is due.
    pub async fn work(&self) {
        let mut worker = Worker::new(self.app.core.clone(), Vec::new());
        while worker.tick().await.unwrap() > 0 {}
    }

    pub async fn later(&self, span: Duration) {
        self.clock.advance(span);
        self.work().await;
    }

    /// A cart that was left behind and texted about; its text.
    pub async fn texted(&self, site: &Site) -> Message {
        let now = self.core().now().to_string();
        let cart = json!({ "type": "checkout.updated", "data": {
            "token": "chk_7f3a91", "first_name": "Mara", "email": "mara@shopper.example", "phone": PHONE,
            "country": "US", "region": "NY", "time_zone": "America/New_York", "currency": "USD", "total": "128.50",
            "items": [{ "title": "Oak <table>", "quantity": 1, "price": "128.50" }],
            "recovery_url": "https://shop.example/checkout/resume?key=6d0c",
            "consent": { "state": "granted", "level": "double_opt_in", "source": "shop.example", "text": "Text me" },
            "started_at": now, "updated_at": now,
        }});
        assert_eq!(ask(site, self.told("e1", &cart)).await.status(), StatusCode::OK);
        self.work().await;
        self.later(MINUTE * 31).await;
        let messages = self.messages().await;
        assert_eq!(messages.len(), 1, "one text is there");
        messages.into_iter().next().unwrap()
    }

    /// Its order, after a tap of a person.
    pub async fn recovered(&self, site: &Site) -> Message {
        let message = self.texted(site).await;
        self.later(MINUTE * 5).await;
        let tap = TestRequest::get().uri(&link_in(&message)).insert_header(("host", "127.0.0.1"));
        let tap = tap.insert_header(("user-agent", BROWSER));
        assert_eq!(ask(site, tap).await.status(), StatusCode::SEE_OTHER);
        self.later(MINUTE * 7).await;
        let now = self.core().now().to_string();
        let order = json!({ "type": "order.upserted", "data": {
            "id": "9001", "number": "#1093", "person": { "phone": PHONE }, "phone": PHONE, "checkout_token": "chk_7f3a91",
            "currency": "USD", "total": "128.50", "status": "paid", "placed_at": now, "updated_at": now,
        }});
        assert_eq!(ask(site, self.told("e2", &order)).await.status(), StatusCode::OK);
        self.work().await;
        message
    }

    pub async fn messages(&self) -> Vec<Message> {
        let mut read = self.core().db.read().await.unwrap();
        let keys = self.core().vault.keys(&mut read, self.shop).await.unwrap();
        let newest = cartback::domain::id::MessageId::new(i64::MAX);
        store::message::list(&mut read, &keys, None, newest, 100).await.unwrap()
    }
}

/// The path of the recovery link in a text.
pub fn link_in(message: &Message) -> String {
    let (_, rest) = message.words.text.split_once(PUBLIC_URL).expect("a link");
    rest.split_whitespace().next().unwrap().to_owned()
}

type Answering = Pin<Box<dyn Future<Output = Response>>>;

/// A site that answers, with what it is made of left out.
pub struct Site(Box<dyn Fn(TestRequest) -> Answering>);

pub type Response = ServiceResponse<BoxBody>;

pub async fn site(state: State) -> Site {
    let service = Rc::new(test::init_service(actix_web::App::new().configure(web::configure(state))).await);
    Site(Box::new(move |request| {
        let service = service.clone();
        Box::pin(async move { test::call_service(&*service, request.to_request()).await })
    }))
}

pub async fn ask(site: &Site, request: TestRequest) -> Response {
    (site.0)(request).await
}

/// A page as a browser of somebody at an open door gets it.
pub async fn page(site: &Site, path: &str) -> (StatusCode, String) {
    let request = TestRequest::get().uri(path).insert_header(("host", "127.0.0.1:8080"));
    let response = ask(site, request.insert_header(("accept", "text/html"))).await;
    (response.status(), text(response).await)
}

/// The page that a search leads to. What was typed stands in no address on the way.
pub async fn found(site: &Site, path: &str, name: &str, typed: &str) -> String {
    let body = url::form_urlencoded::Serializer::new(String::new()).append_pair(name, typed).finish();
    let form = from_our_page(path).insert_header(("content-type", "application/x-www-form-urlencoded"));
    let response = ask(site, form.set_payload(body)).await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
    let place = response.headers().get("location").unwrap().to_str().unwrap().to_owned();
    let (status, shown) = page(site, &place).await;
    assert_eq!(status, StatusCode::OK, "{place}");
    let core: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    let is_personal =
        typed.contains('@') || core.bytes().filter(u8::is_ascii_digit).count() > 6 && !typed.starts_with("cart");
    let links = shown.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for address in links.chain([&*place]) {
        let bare: String = address.chars().filter(char::is_ascii_alphanumeric).collect();
        assert!(!is_personal || !bare.contains(&core), "{typed} stands in {address}");
    }
    shown
}

pub async fn text(response: ServiceResponse<impl MessageBody>) -> String {
    String::from_utf8(test::read_body(response).await.to_vec()).unwrap()
}

/// A request as our own page makes it.
pub fn from_our_page(path: &str) -> TestRequest {
    TestRequest::post().uri(path).insert_header(("sec-fetch-site", "same-origin")).insert_header(("host", "127.0.0.1"))
}
