//! The whole way through Twilio's words: texts leave over real HTTP to a stand-in for Twilio on this machine, and its
//! callbacks come to our real server, signed as Twilio signs. The work is done when a story says so, on a clock that
//! stands still.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use actix_web::HttpServer;
use cartback::{
    app::{self, App},
    clock::{Clock, ManualClock},
    config::Config,
    domain::{
        id::{GatewayId, MessageId, ShopId},
        message::MessageState,
        phone::Phone,
        risk::limits::FOR_TRIALS,
        time::{HOUR, MINUTE, Time},
    },
    http::GuardedHttp,
    pipeline::{
        connect::{self, ShopTyped},
        send,
    },
    shop::standard_webhooks,
    store::{self, message::Message},
    web,
    worker::Worker,
};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use crate::server::{Answer, call};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015";
const SENDER: &str = "+12125550100";

/// One request as the stand-in got it.
#[derive(Clone, Debug)]
struct Got {
    method: String,
    path: String,
    signed_in: String,
    /// Of a POST its form, of a GET its query.
    fields: BTreeMap<String, String>,
}

/// How the stand-in answers a text.
#[derive(Clone)]
enum Says {
    Answer(u16, &'static str, Value),
    /// It takes the text and hangs up.
    Nothing,
}

fn refused(status: u16, code: u32) -> Says {
    Says::Answer(status, "", json!({ "code": code, "message": "no", "status": status }))
}

/// Twilio's API, as far as we call it. Connections are kept, as Twilio keeps them.
#[derive(Default)]
struct Twilio {
    got: Mutex<Vec<Got>>,
    says: Mutex<VecDeque<Says>>,
    /// What its list of texts shows.
    list: Mutex<Vec<Value>>,
}

impl Twilio {
    fn start() -> (Arc<Twilio>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let twilio = Arc::new(Twilio::default());
        let here = twilio.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let twilio = here.clone();
                thread::spawn(move || while twilio.answer(&stream).is_some() {});
            }
        });
        (twilio, base)
    }

    /// `None` when the connection is over.
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let (line, headers, body) = read(stream)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let fields = if method == "POST" { body.as_slice() } else { query.as_bytes() };
        let fields = url::form_urlencoded::parse(fields).into_owned().collect();
        let signed_in = headers.get("authorization").cloned().unwrap_or_default();
        let number = {
            let mut got = self.got.lock().unwrap();
            got.push(Got { method: method.clone(), path: path.to_owned(), signed_in, fields });
            got.len()
        };
        let says = if method == "POST" {
            self.says.lock().unwrap().pop_front().unwrap_or_else(|| {
                let taken = json!({ "sid": sid(number), "status": "queued", "num_segments": "1", "price": null });
                Says::Answer(201, "", taken)
            })
        } else {
            let list = self.list.lock().unwrap().clone();
            Says::Answer(200, "", json!({ "messages": list, "next_page_uri": null }))
        };
        let Says::Answer(status, more, body) = says else { return None };
        let body = body.to_string();
        let length = body.len();
        write!(stream, "HTTP/1.1 {status} x\r\n{more}content-type: application/json\r\n").ok()?;
        write!(stream, "content-length: {length}\r\n\r\n{body}").ok()
    }

    fn next(&self, says: impl IntoIterator<Item = Says>) {
        self.says.lock().unwrap().extend(says);
    }

    /// Texts it was given.
    fn texts(&self) -> Vec<Got> {
        self.asked("POST")
    }

    fn asked(&self, method: &str) -> Vec<Got> {
        self.got.lock().unwrap().iter().filter(|got| got.method == method).cloned().collect()
    }
}

fn sid(number: usize) -> String {
    format!("SM{number:032x}")
}

fn read(stream: &TcpStream) -> Option<(String, BTreeMap<String, String>, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((line, headers, body))
}

struct Stage {
    app: App,
    clock: Arc<ManualClock>,
    twilio: Arc<Twilio>,
    shop: ShopId,
    shop_hook: String,
    gateway: GatewayId,
    sms_hook: String,
    secret: String,
    server: actix_web::dev::ServerHandle,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn open() -> Stage {
        app::install_tls();
        let (twilio, base) = Twilio::start();
        let folder = tempfile::tempdir().unwrap();
        // A Tuesday, ten o'clock in Ljubljana.
        let clock = Arc::new(ManualClock::at(Time::parse("2026-03-10T09:00:00Z").unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let config = Config { given_public_url: Some(here), ..Config::in_folder(folder.path()) };
        let app = App::open(&config, clock.clone(), Arc::new(GuardedHttp::new().unwrap())).await.unwrap();
        let routes = web::configure(web::State::new(app.core.clone(), app.inbox.clone()));
        let server = HttpServer::new(move || actix_web::App::new().configure(routes.clone()));
        let server = server.workers(1).disable_signals().listen(listener).unwrap().run();
        let handle = server.handle();
        tokio::spawn(server);
        let set = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
        };
        let secret = standard_webhooks::secret([7; 32]);
        let typed = ShopTyped {
            kind: "generic".into(),
            name: "Lumen".into(),
            country: "SI".into(),
            currency: "EUR".into(),
            zone: "Europe/Ljubljana".into(),
            settings: set(&[("secret", &secret), ("site", "shop.example"), ("steps_after_minutes", "0")]),
            rules: set(&FOR_TRIALS),
            ..ShopTyped::default()
        };
        let shop = connect::add_shop(&app.core, &typed).await.unwrap();
        let account = set(&[("account_sid", ACCOUNT), ("auth_token", TOKEN), ("sender", SENDER), ("api_base", &base)]);
        let gateway = connect::add_gateway(&app.core, shop.shop, "twilio", "", account, true).await.unwrap();
        Stage {
            app,
            clock,
            twilio,
            shop: shop.shop,
            shop_hook: shop.webhook_url,
            gateway: gateway.gateway.unwrap(),
            sms_hook: gateway.webhook_url,
            secret,
            server: handle,
            _folder: folder,
        }
    }

    async fn end(self) {
        self.server.stop(false).await;
        self.app.close().await;
    }

    async fn settle(&self) {
        let mut worker = Worker::new(self.app.core.clone(), Vec::new());
        while worker.tick().await.unwrap() > 0 {}
    }

    async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.settle().await;
    }

    /// A shopper leaves a checkout behind.
    async fn leaves(&self, phone: &str) {
        let at = self.clock.now();
        let token = format!("c-{phone}-{}", at.seconds());
        let data = json!({
            "token": token, "phone": phone, "country": "SI", "total": "42.00", "currency": "EUR",
            "recovery_url": "https://shop.example/resume", "started_at": at.to_string(), "updated_at": at.to_string(),
            "consent": { "state": "granted", "source": "shop.example" },
        });
        let body = json!({ "type": "checkout.updated", "timestamp": at.to_string(), "data": data }).to_string();
        let signature = standard_webhooks::sign(&self.secret, &token, at.seconds(), body.as_bytes());
        let at = at.seconds().to_string();
        let headers = [("webhook-id", token.as_str()), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
        assert_eq!(call("POST", &self.shop_hook, &headers, body.as_bytes()).unwrap().status, 200);
        self.settle().await;
    }

    /// The same, and half an hour goes by.
    async fn left(&self, phone: &str) {
        self.leaves(phone).await;
        self.pass(MINUTE * 31).await;
    }

    async fn messages(&self) -> Vec<Message> {
        let mut read = self.app.core.db.read().await.unwrap();
        let keys = self.app.core.vault.keys(&mut read, self.shop).await.unwrap();
        store::message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 100).await.unwrap()
    }

    /// The states of all texts, newest first.
    async fn states(&self) -> Vec<MessageState> {
        self.messages().await.iter().map(|message| message.moments.state()).collect()
    }

    /// Where the opt-outs of a phone came from.
    async fn opt_outs(&self, phone: &str) -> Vec<String> {
        let mut read = self.app.core.db.read().await.unwrap();
        let keys = self.app.core.vault.keys(&mut read, self.shop).await.unwrap();
        let index = store::consent::phone_index(&keys, &Phone::read(phone, &[]).unwrap());
        let (_, outs) = store::consent::of_phone(&mut read, &keys, &index).await.unwrap();
        outs.into_iter().map(|out| out.source).collect()
    }

    async fn alarms(&self) -> Vec<String> {
        let mut read = self.app.core.db.read().await.unwrap();
        let keys = self.app.core.vault.keys(&mut read, self.shop).await.unwrap();
        store::alarm::standing(&mut read, &keys).await.unwrap().into_iter().map(|alarm| alarm.words).collect()
    }

    /// Twilio's callback to this address, signed with this token.
    async fn calls_back(&self, url: &str, token: &str, form: &[(&str, &str)]) -> Answer {
        let answer = post(url, &signature(url, token, form), form);
        self.settle().await;
        answer
    }
}

/// As Twilio's page "Webhooks security" says.
fn signature(url: &str, token: &str, form: &[(&str, &str)]) -> String {
    let sorted: BTreeSet<_> = form.iter().collect();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

fn post(url: &str, signature: &str, form: &[(&str, &str)]) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers =
        [("content-type", "application/x-www-form-urlencoded; charset=UTF-8"), ("x-twilio-signature", signature)];
    call("POST", url, &headers, body.as_bytes()).unwrap()
}

/// Twilio sends every word of an answer to the shopper, so there must be none.
#[track_caller]
fn says_nothing(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, "<Response/>"), "{}", answer.head);
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/xml")), "{}", answer.head);
}

const ANA: &str = "+38640555101";
const BOR: &str = "+38640555102";
const EVA: &str = "+38640555103";

#[tokio::test(flavor = "multi_thread")]
async fn sent_reported_and_nobody_else_believed() {
    let stage = Stage::open().await;
    stage.left(ANA).await;
    let texts = stage.twilio.texts();
    let [text] = texts.as_slice() else { panic!("{texts:?}") };
    assert_eq!(text.path, format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    assert_eq!(text.signed_in, format!("Basic {}", BASE64.encode(format!("{ACCOUNT}:{TOKEN}").as_bytes())));
    let message = stage.messages().await.remove(0);
    assert_eq!((text.fields["To"].as_str(), text.fields["From"].as_str()), (ANA, SENDER));
    assert_eq!(text.fields["Body"], message.words.text);
    let callback = text.fields["StatusCallback"].as_str();
    assert_eq!(callback, format!("{}?ref={}", stage.sms_hook, message.reference()));
    assert_eq!(message.gateway_ref, Some(sid(1)));
    assert_eq!(message.moments.state(), MessageState::Accepted);

    let report = |status: &'static str| {
        [("AccountSid", ACCOUNT), ("From", SENDER), ("MessageSid", "SM1"), ("MessageStatus", status), ("To", ANA)]
    };
    // Forged, unsigned, signed for another text, or changed on the way.
    let elsewhere = callback.replace("ref=", "ref=1");
    let good = signature(callback, TOKEN, &report("delivered"));
    for answer in [
        stage.calls_back(callback, "ffffffffffffffffffffffffffffffff", &report("delivered")).await,
        post(callback, "", &report("delivered")),
        post(&elsewhere, &good, &report("delivered")),
        post(callback, &good, &report("undelivered")),
    ] {
        assert_eq!(answer.status, 401);
    }
    stage.settle().await;
    assert_eq!(stage.messages().await[0].moments, message.moments);

    says_nothing(&stage.calls_back(callback, TOKEN, &report("sent")).await);
    assert_eq!(stage.states().await, [MessageState::Accepted]);
    stage.clock.advance(Duration::from_secs(5));
    says_nothing(&stage.calls_back(callback, TOKEN, &report("delivered")).await);
    assert_eq!(stage.states().await, [MessageState::Delivered]);
    // Twilio's callbacks overtake each other.
    says_nothing(&stage.calls_back(callback, TOKEN, &report("queued")).await);
    assert_eq!(stage.states().await, [MessageState::Delivered]);
    assert_eq!(stage.twilio.texts().len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_told_twilio_to_stop_is_not_asked_again() {
    let stage = Stage::open().await;
    stage.twilio.next([refused(400, 21610)]);
    stage.left(ANA).await;
    assert_eq!(stage.states().await, [MessageState::Refused]);
    assert_eq!(stage.messages().await[0].reason, "opted_out: 21610");
    assert_eq!(stage.opt_outs(ANA).await, ["gateway"]);
    stage.pass(HOUR * 24).await;
    stage.left(ANA).await;
    assert_eq!(stage.twilio.texts().len(), 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_refused_is_one_alarm_and_a_pause() {
    let stage = Stage::open().await;
    stage.twilio.next(vec![refused(401, 20003); 3]);
    for phone in [ANA, BOR, EVA] {
        stage.leaves(phone).await;
    }
    stage.pass(MINUTE * 31).await;
    let tried = stage.twilio.texts().len();
    assert!((1..=3).contains(&tried), "{tried}");
    assert_eq!(stage.alarms().await, ["Gateway Twilio is paused: it refused our account (20003); mend it and resume."]);
    for _ in 0..6 {
        stage.pass(MINUTE * 15).await;
    }
    assert_eq!(stage.twilio.texts().len(), tried, "a paused gateway was asked");
    assert_eq!(stage.states().await, [MessageState::Queued; 3]);

    stage.twilio.says.lock().unwrap().clear();
    assert!(send::resume_gateway(&stage.app.core, stage.shop, stage.gateway).await.unwrap());
    assert_eq!(stage.alarms().await, [""; 0]);
    stage.pass(MINUTE * 16).await;
    assert_eq!(stage.states().await, [MessageState::Accepted; 3]);
    let to: BTreeSet<String> =
        stage.twilio.texts().split_off(tried).into_iter().map(|text| text.fields["To"].clone()).collect();
    assert_eq!(to, BTreeSet::from([ANA, BOR, EVA].map(str::to_owned)));
    assert_eq!(stage.twilio.texts().len(), tried + 3);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_it_goes_when_twilio_says() {
    let stage = Stage::open().await;
    stage.twilio.next([Says::Answer(429, "retry-after: 90\r\n", json!({ "code": 20429, "status": 429 }))]);
    stage.left(ANA).await;
    assert_eq!((stage.twilio.texts().len(), stage.states().await), (1, vec![MessageState::Queued]));
    stage.pass(Duration::from_secs(89)).await;
    assert_eq!(stage.twilio.texts().len(), 1);
    stage.pass(Duration::from_secs(1)).await;
    assert_eq!((stage.twilio.texts().len(), stage.states().await), (2, vec![MessageState::Accepted]));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_up_and_never_repeated() {
    let stage = Stage::open().await;
    // Over a connection that was good a moment ago: no library may quietly try again.
    stage.left(EVA).await;
    stage.twilio.next([Says::Nothing, Says::Nothing]);
    stage.leaves(ANA).await;
    stage.leaves(BOR).await;
    stage.pass(MINUTE * 31).await;
    assert_eq!(stage.states().await[..2], [MessageState::Unknown; 2]);
    assert_eq!(stage.twilio.texts().len(), 3);

    // Twilio lists the one to Ana. The one to Bor it never saw.
    let lost = stage.twilio.texts().into_iter().find(|text| text.fields["To"] == ANA).unwrap();
    let moment = jiff::Timestamp::from_second(stage.clock.now().seconds()).unwrap();
    let made = jiff::fmt::rfc2822::to_string(&moment.to_zoned(jiff::tz::TimeZone::UTC)).unwrap();
    stage.twilio.list.lock().unwrap().push(json!({
        "sid": sid(77), "to": ANA, "body": lost.fields["Body"], "status": "delivered", "direction": "outbound-api",
        "date_created": made, "num_segments": "2", "price": "-0.0790", "price_unit": "EUR", "error_code": null,
    }));
    stage.pass(Duration::from_secs(59)).await;
    assert_eq!(stage.twilio.asked("GET").len(), 0);
    for _ in 0..10 {
        stage.pass(MINUTE * 10).await;
    }
    let looked_for: BTreeSet<String> =
        stage.twilio.asked("GET").into_iter().map(|asked| asked.fields["To"].clone()).collect();
    assert_eq!(looked_for, BTreeSet::from([ANA, BOR].map(str::to_owned)));
    for message in stage.messages().await {
        match message.words.phone.as_str() {
            ANA => {
                assert_eq!(message.moments.state(), MessageState::Delivered);
                assert_eq!(message.gateway_ref, Some(sid(77)));
                assert_eq!((message.segments, message.cost.map(|cost| cost.micros)), (2, Some(79_000)));
            }
            BOR => assert_eq!(message.moments.state(), MessageState::Unknown),
            _ => assert_eq!(message.moments.state(), MessageState::Accepted),
        }
    }
    stage.pass(HOUR * 24 * 3).await;
    assert_eq!(stage.twilio.texts().len(), 3, "sent twice");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_heard_from_twilio_only() {
    let stage = Stage::open().await;
    stage.leaves(ANA).await;
    let inbound = [
        ("AccountSid", ACCOUNT),
        ("Body", " Stop. "),
        ("From", ANA),
        ("MessageSid", "SM5"),
        ("NumMedia", "0"),
        ("OptOutType", "STOP"),
        ("SmsStatus", "received"),
        ("To", SENDER),
    ];
    let forged = stage.calls_back(&stage.sms_hook, "ffffffffffffffffffffffffffffffff", &inbound).await;
    assert_eq!(forged.status, 401);
    assert_eq!(stage.opt_outs(ANA).await, [""; 0]);
    for _ in 0..2 {
        says_nothing(&stage.calls_back(&stage.sms_hook, TOKEN, &inbound).await);
        assert_eq!(stage.opt_outs(ANA).await, ["reply"]);
    }
    stage.pass(MINUTE * 31).await;
    stage.leaves(BOR).await;
    stage.pass(MINUTE * 31).await;
    let to: Vec<String> = stage.twilio.texts().into_iter().map(|text| text.fields["To"].clone()).collect();
    // Twilio has confirmed Ana's stop itself.
    assert_eq!(to, [BOR]);
    // Of a phrase it knows nothing: we confirm it.
    let phrase =
        [("Body", "stop please"), ("From", BOR), ("MessageSid", "SM6"), ("SmsStatus", "received"), ("To", SENDER)];
    says_nothing(&stage.calls_back(&stage.sms_hook, TOKEN, &phrase).await);
    stage.pass(MINUTE).await;
    let texts = stage.twilio.texts();
    let last = &texts.last().unwrap().fields;
    assert_eq!((texts.len(), last["To"].as_str()), (2, BOR));
    assert!(last["Body"].starts_with("Lumen: Odjavljeni ste"), "{last:?}");
    stage.pass(HOUR * 24 * 3).await;
    assert_eq!(stage.twilio.texts().len(), 2);
    stage.end().await;
}
