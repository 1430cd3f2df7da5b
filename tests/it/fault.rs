//! What is under us goes away and comes back: PostgreSQL, the disk's space, SQLite's one writer. A sender is told to come
//! back, quickly and always; no text leaves while its intent cannot be written down; nothing needs a restart afterwards,
//! and what was acknowledged before is done. And the other way round: told to end, the process ends, whoever clings to it.
//!
//! The clock of these stories stands still, so a text is due when a story says so. What they wait for is a real server's
//! doing.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cartback::{
    app::{App, Running, Serve},
    clock::{Clock, ManualClock, SystemClock},
    config::{Config, Database},
    domain::{
        id::{MessageId, ShopId},
        message::MessageState,
        risk::limits::FOR_TRIALS,
        seal::OperatorKeys,
        time::{MINUTE, Time},
    },
    pipeline::{
        Core,
        connect::{self, ShopTyped},
    },
    shop::standard_webhooks,
    store::{self, Db, message::Message, shop::Vault},
    worker::Worker,
};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    outside::Outside,
    server::{
        self, Answer, Watchdog, call, eventually, get,
        postgres::{self, Cluster},
        say,
    },
};

/// A sender that is turned away learns it within this: shops give up after five seconds (Shopify, WooCommerce).
const TOLD_WITHIN: Duration = Duration::from_secs(4);
/// After what was away is back, a sender is taken again within this.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// The real server and worker in this process, with a gateway that only notes what it is given.
struct Stage {
    running: Running,
    clock: Arc<ManualClock>,
    outside: Arc<Outside>,
    shop: ShopId,
    hook: String,
    here: String,
    secret: String,
    told: AtomicU32,
}

impl Stage {
    async fn open(config: Config) -> Stage {
        // A Tuesday, ten o'clock in Ljubljana.
        let clock = Arc::new(ManualClock::at(Time::parse("2026-03-10T09:00:00Z").unwrap()));
        let outside = Arc::new(Outside::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let config = Config { given_public_url: Some(here.clone()), ..config };
        let app = App::open(&config, clock.clone(), outside.clone()).await.unwrap();
        let running = app.serve(Serve { workers: 2, ..Serve::of(&config, listener, false) }).unwrap();
        let core = running.core().clone();
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
        };
        let shop = connect::add_shop(&core, &typed).await.unwrap();
        let account = set(&[
            ("url", "http://127.0.0.1:9/sendsms"),
            ("username", "u"),
            ("password", "p"),
            ("from", "12125550100"),
        ]);
        connect::add_gateway(&core, ShopId::HOUSE, "kannel", "", account, true).await.unwrap();
        let (shop, hook) = (shop.shop, shop.webhook_url);
        Stage { running, clock, outside, shop, hook, here, secret, told: AtomicU32::new(0) }
    }

    fn core(&self) -> &Arc<Core> {
        self.running.core()
    }

    /// A checkout of this token, just left, with so many bytes of other things in it.
    fn left(&self, token: &str, bytes: usize) -> Told {
        let at = self.clock.now();
        let data = json!({
            "token": token, "phone": "+38640555101", "country": "SI", "total": "42.00", "currency": "EUR",
            "recovery_url": format!("https://shop.example/resume/{token}"), "started_at": at.to_string(),
            "updated_at": at.to_string(), "consent": { "state": "granted", "source": "shop.example" },
            "other": "x".repeat(bytes),
        });
        let body = json!({ "type": "checkout.updated", "timestamp": at.to_string(), "data": data }).to_string();
        let id = format!("evt_{}", self.told.fetch_add(1, Ordering::Relaxed));
        Told { hook: self.hook.clone(), secret: self.secret.clone(), id, at: at.seconds(), body }
    }

    fn checkout(&self, token: &str) -> Answer {
        self.left(token, 0).post()
    }

    /// Turned away, soon, and told to come back.
    #[track_caller]
    fn turned_away(&self, token: &str) {
        let begun = Instant::now();
        let answer = self.checkout(token);
        assert_eq!(answer.status, 503, "{token}: {}", answer.body);
        assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{}", answer.head);
        assert!(begun.elapsed() < TOLD_WITHIN, "{token}: it took {:?}", begun.elapsed());
    }

    /// Turned away while many come at once: nobody waits for the one before.
    fn all_turned_away(&self, senders: usize) {
        thread::scope(|scope| {
            for sender in 0..senders {
                scope.spawn(move || self.turned_away(&format!("crowd-{sender}")));
            }
        });
    }

    /// Time goes by, and whoever waits for it is told.
    fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.core().wake.notify_one();
    }

    fn texts(&self) -> usize {
        self.outside.texts()
    }

    async fn messages(&self) -> Vec<Message> {
        let Ok(mut read) = self.core().db.read().await else { return Vec::new() };
        let keys = self.core().vault.keys(&mut read, self.shop).await.unwrap();
        store::message::list(&mut read, &keys, None, MessageId::new(i64::MAX), 100).await.unwrap()
    }

    async fn until_cart(&self, token: &str) {
        until(&format!("the cart {token}"), async || {
            let mut read = self.core().db.read().await.ok()?;
            let keys = self.core().vault.keys(&mut read, self.shop).await.ok()?;
            store::cart::by_token(&mut read, &keys, token).await.ok()?
        })
        .await;
    }

    fn status(&self, path: &str) -> u16 {
        get(&format!("{}{path}", self.here)).unwrap().0
    }
}

/// A delivery, ready to go.
struct Told {
    hook: String,
    secret: String,
    id: String,
    at: i64,
    body: String,
}

impl Told {
    fn post(&self) -> Answer {
        self.try_post().unwrap()
    }

    fn try_post(&self) -> std::io::Result<Answer> {
        let signature = standard_webhooks::sign(&self.secret, &self.id, self.at, self.body.as_bytes());
        let at = self.at.to_string();
        let headers = [("webhook-id", self.id.as_str()), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
        call("POST", &self.hook, &headers, self.body.as_bytes())
    }
}

/// Looks until there is something; panics when that takes too long.
async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let end = Instant::now() + BACK_WITHIN;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "still waiting after {BACK_WITHIN:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_postgresql_gone_and_back() {
    let Some(cluster) = Cluster::start_private() else { return };
    let database = cluster.database();
    let folder = tempfile::tempdir().unwrap();
    let url = SecretString::from(database.url());
    let stage = Stage::open(Config { database: Database::Postgres(url), ..Config::in_folder(folder.path()) }).await;
    assert_eq!(stage.checkout("before").status, 200);
    stage.until_cart("before").await;
    assert_eq!(stage.checkout("just-before").status, 200);
    cluster.crash();

    stage.turned_away("meanwhile");
    stage.all_turned_away(8);
    assert_eq!((stage.status("/healthz"), stage.status("/readyz")), (200, 503));
    stage.pass(MINUTE * 31);
    let mut another = Worker::new(stage.core().clone(), Vec::new());
    assert!(another.tick().await.is_err_and(|error| error.is_outage()));
    stage.turned_away("later");
    assert_eq!(stage.texts(), 0, "a text went out while nothing could be written down");

    cluster.start_again();
    until("a webhook is taken again", async || (stage.checkout("after").status == 200).then_some(())).await;
    assert_eq!(stage.status("/readyz"), 200);
    stage.until_cart("just-before").await;
    stage.until_cart("after").await;
    // All carts are of one shopper, who is texted once: about the newest, when that has been left.
    stage.pass(MINUTE * 31);
    until("the text goes out", async || (stage.texts() == 1).then_some(())).await;

    a_text_on_its_way(&cluster, &stage).await;
    stage.running.stop().await;
}

/// The gateway has the text, and there is nowhere to write down that it took it: it is not sent again.
async fn a_text_on_its_way(cluster: &Cluster, stage: &Stage) {
    stage.pass(MINUTE * 60 * 24);
    stage.outside.hold();
    assert_eq!(stage.checkout("on-its-way").status, 200);
    stage.until_cart("on-its-way").await;
    stage.pass(MINUTE * 31);
    until("the gateway is asked", async || (stage.texts() == 2).then_some(())).await;
    cluster.crash();
    stage.outside.let_go();
    stage.turned_away("while-it-is-on-its-way");
    cluster.start_again();
    // The claim ends with its lease; whoever takes it up finds the intent without an outcome.
    stage.pass(MINUTE);
    until("its outcome is unknown", async || {
        let states: Vec<_> = stage.messages().await.iter().map(|message| message.moments.state()).collect();
        states.contains(&MessageState::Unknown).then_some(())
    })
    .await;
    stage.pass(MINUTE * 60);
    until("a webhook is taken again", async || (stage.checkout("in-the-end").status == 200).then_some(())).await;
    stage.until_cart("in-the-end").await;
    assert_eq!(stage.texts(), 2, "sent twice");
}

/// A network cable to PostgreSQL that can be cut without either end noticing.
struct Cable {
    port: u16,
    cut: Arc<AtomicBool>,
}

impl Cable {
    fn to(url: &url::Url) -> Cable {
        let to = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, cut) = (listener.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let held = cut.clone();
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect((to.0.as_str(), to.1)) else { continue };
                let ends = [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))];
                for (from, to) in ends {
                    let (Ok(from), Ok(to), held) = (from, to, held.clone()) else { continue };
                    thread::spawn(move || carry(from, to, &held));
                }
            }
        });
        Cable { port, cut }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut piece = [0; 1 << 14];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        while cut.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
        if to.write_all(&piece[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_postgresql_silent_and_back() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database();
    let mut url = url::Url::parse(&database.url()).unwrap();
    let cable = Cable::to(&url);
    url.set_port(Some(cable.port)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Postgres(SecretString::from(url.to_string()));
    let stage = Stage::open(Config { database, ..Config::in_folder(folder.path()) }).await;
    assert_eq!(stage.checkout("before").status, 200);
    stage.until_cart("before").await;

    cut_under_load(&stage, &cable);
    stage.turned_away("meanwhile");
    stage.all_turned_away(24);
    assert_eq!((stage.status("/healthz"), stage.status("/readyz")), (200, 503));
    stage.pass(MINUTE * 31);
    stage.turned_away("later");
    assert_eq!(stage.texts(), 0, "a text went out while nothing could be written down");

    cable.cut.store(false, Ordering::Relaxed);
    until("a webhook is taken again", async || (stage.checkout("after").status == 200).then_some(())).await;
    stage.until_cart("after").await;
    // All carts are of one shopper, who is texted once: about the newest, when that has been left.
    stage.pass(MINUTE * 31);
    until("the text goes out", async || (stage.texts() == 1).then_some(())).await;
    stage.running.stop().await;
}

/// Deliveries come in all the time, so that some are in the middle of a statement when the cable is cut.
fn cut_under_load(stage: &Stage, cable: &Cable) {
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        for sender in 0..8 {
            let taken = &taken;
            scope.spawn(move || {
                for n in 0.. {
                    let begun = Instant::now();
                    let answer = stage.checkout(&format!("load-{sender}-{n}"));
                    assert!(begun.elapsed() < TOLD_WITHIN, "it took {:?}", begun.elapsed());
                    match answer.status {
                        200 => taken.fetch_add(1, Ordering::Relaxed),
                        503 => return,
                        other => panic!("{other}: {}", answer.body),
                    };
                }
            });
        }
        eventually("the load is on", || (taken.load(Ordering::Relaxed) > 40).then_some(()));
        cable.cut.store(true, Ordering::Relaxed);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn f23_sqlite_locked_by_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::in_folder(folder.path());
    let stage = Stage::open(config.clone()).await;
    assert_eq!(stage.checkout("before").status, 200);
    stage.until_cart("before").await;
    let other = Db::open_lite(&config.lite_file()).await.unwrap();
    let lock = other.begin().await.unwrap();

    stage.turned_away("meanwhile");
    stage.all_turned_away(8);
    stage.pass(MINUTE * 31);
    let mut another = Worker::new(stage.core().clone(), Vec::new());
    assert!(another.tick().await.is_err_and(|error| error.is_outage()));
    assert_eq!(stage.texts(), 0, "a text went out while nothing could be written down");
    // It can be read all the while.
    assert_eq!((stage.status("/healthz"), stage.status("/readyz")), (200, 200));

    drop(lock);
    other.close().await;
    until("a webhook is taken again", async || (stage.checkout("after").status == 200).then_some(())).await;
    stage.until_cart("after").await;
    // All carts are of one shopper, who is texted once: about the newest, when that has been left.
    stage.pass(MINUTE * 31);
    until("the text goes out", async || (stage.texts() == 1).then_some(())).await;
    stage.running.stop().await;
}

/// A file system of its own, of so many megabytes; gone with its owner or with the process.
struct SmallDisk {
    folder: tempfile::TempDir,
    _mounted: Watchdog,
}

const SMALL_DISK: &str = r#"
trap : HUP INT TERM PIPE
if mount -t tmpfs -o size=8m,mode=700 cartback-test "$1" 2>/dev/null; then echo mounted; else echo refused; exit; fi
read -r _
umount "$1" || umount -l "$1"
"#;

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mut mounted = Watchdog::start(SMALL_DISK, &[folder.path()], |_| ()).ok()?;
        if mounted.answer().ok()? != "mounted" {
            say("skipped: a full disk (mounting a small file system is not allowed here; root may)");
            return None;
        }
        Some(SmallDisk { folder, _mounted: mounted })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut filler = fs::File::create(self.filler()).unwrap();
        for piece in [vec![0; 1 << 16], vec![0; 1 << 10], vec![0; 1]] {
            while filler.write_all(&piece).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> std::path::PathBuf {
        self.path().join("filler")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f25_sqlite_full() {
    let Some(disk) = SmallDisk::mount() else { return };
    let stage = Stage::open(Config::in_folder(disk.path())).await;
    assert_eq!(stage.checkout("before").status, 200);
    stage.until_cart("before").await;
    disk.fill();

    // What the log has room for it still takes; then nothing fits.
    let mut taken = Vec::new();
    let mut turned_away = 0;
    for n in 0..2_000 {
        let bytes = if turned_away == 0 { 200_000 } else { 0 };
        let answer = stage.left(&format!("full-{n}"), bytes).post();
        match answer.status {
            200 => {
                taken.push(n);
                turned_away = turned_away.min(1);
            }
            503 => turned_away += 1,
            other => panic!("{other}: {}", answer.body),
        }
        if turned_away == 10 {
            break;
        }
    }
    assert_eq!(turned_away, 10, "the disk never filled: {taken:?}");
    stage.turned_away("full");
    stage.all_turned_away(8);
    stage.pass(MINUTE * 31);
    // A few pages may still fit where a delivery does not; a text without an intent must not happen all the same.
    let mut another = Worker::new(stage.core().clone(), Vec::new());
    for _ in 0..3 {
        let _ = another.tick().await;
    }
    let intents = stage.messages().await.iter().filter(|message| message.moments.sending_at.is_some()).count();
    assert!(stage.texts() <= intents, "a text went out and its intent is not written down");
    assert_eq!(stage.status("/healthz"), 200);

    disk.make_room();
    until("a webhook is taken again", async || (stage.checkout("after").status == 200).then_some(())).await;
    stage.until_cart("after").await;
    for n in taken {
        stage.until_cart(&format!("full-{n}")).await;
    }
    // All carts are of one shopper, who is texted once: about the newest, when that has been left.
    stage.pass(MINUTE * 31);
    until("the text goes out", async || (stage.texts() == 1).then_some(())).await;
    stage.running.stop().await;
}

const KEY: &str = "q83vEjRWeJCrze8BI0VniavN7xI0VniQq83v6hWqLzA=";

/// The real program, as an operator starts it.
struct Program {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
    hook: String,
    secret: String,
}

impl Program {
    fn start() -> Program {
        let folder = tempfile::tempdir().unwrap();
        let [port] = server::free_ports().unwrap();
        let here = format!("http://127.0.0.1:{port}");
        let command = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_cartback"));
            command.args(arguments).env("CARTBACK_DATA", folder.path()).env("CARTBACK_KEY", KEY);
            command.env("CARTBACK_PUBLIC_URL", &here).stderr(Stdio::null());
            command
        };
        let secret = standard_webhooks::secret([7; 32]);
        let set = format!("secret={secret}");
        let shop = ["--name", "Lumen", "--country", "SI", "--currency", "EUR", "--timezone", "Europe/Ljubljana"];
        let open: Vec<String> = FOR_TRIALS.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let open: Vec<&str> = open.iter().flat_map(|rule| ["--set", rule.as_str()]).collect();
        let settings = ["--set", &set, "--set", "site=shop.example", "--json"];
        let said =
            command(&[&["shop", "add", "generic"], &shop[..], &open[..], &settings[..]].concat()).output().unwrap();
        let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
        let hook = said["webhook_url"].as_str().unwrap().to_owned();
        let serve = command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).stdout(Stdio::null()).spawn();
        let program = Program { port, child: serve.unwrap(), hook, secret, folder };
        eventually("the service is ready", || get(&format!("{here}/readyz")).ok().filter(|(status, _)| *status == 200));
        program
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Started once more on the same data, under whatever the caller puts around it.
    fn start_again(&mut self, around: impl FnOnce(Command) -> Command) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartback"));
        command.args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        let here = format!("http://127.0.0.1:{}", self.port);
        let mut command = around(command);
        command.env("CARTBACK_DATA", self.folder.path()).env("CARTBACK_KEY", KEY).env("CARTBACK_PUBLIC_URL", &here);
        self.child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("the service is ready", || get(&format!("{here}/readyz")).ok().filter(|(status, _)| *status == 200));
    }

    /// A client that has said this much and says no more.
    fn client(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        stream
    }

    fn head(&self, more: &str) -> String {
        let path = self.hook.split_once(&format!(":{}", self.port)).unwrap().1;
        format!("POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{more}\r\n")
    }

    fn test_event(&self, id: String) -> Told {
        let body = json!({ "type": "test" }).to_string();
        Told { hook: self.hook.clone(), secret: self.secret.clone(), id, at: SystemClock.now().seconds(), body }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said_to(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said);
    said
}

#[test]
fn f33_the_program_bounds_bodies_in_bytes_and_in_time() {
    let program = Program::start();
    let begun = Instant::now();
    let slow = program.client(&format!("{}{{", program.head("content-length: 100\r\n")));
    const MIB: usize = 1 << 20;
    let sized = |bytes: usize| call("POST", &program.hook, &[], &vec![b' '; bytes]);
    // At the bound it is read, and refused for want of a signature only.
    assert_eq!(sized(MIB).unwrap().status, 401);
    assert_eq!(sized(MIB + 1).unwrap().status, 413);
    // The answer is what is promised within ten seconds; the connection may take another to close.
    slow.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let arrived = slow.peek(&mut [0]).map(|_| begun.elapsed()).unwrap();
    let said = said_to(slow);
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    assert!(arrived < Duration::from_secs(11), "{arrived:?}");
}

#[test]
fn f38_told_to_end_the_program_ends_whoever_clings_to_it() {
    let mut program = Program::start();
    let stalled_body = program.client(&format!("{}{{", program.head("content-length: 100\r\n")));
    let stalled_head = program.client("POST /hook/shop/x HTTP/1.1\r\nhost:");
    let idle = program.client("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n");
    let stop = AtomicBool::new(false);
    let taken = AtomicU32::new(0);
    let (status, took) = thread::scope(|scope| {
        for sender in 0..3 {
            let (program, stop, taken) = (&program, &stop, &taken);
            let deliveries: Vec<Told> = (0..20_000).map(|n| program.test_event(format!("evt_{sender}_{n}"))).collect();
            scope.spawn(move || {
                for told in deliveries {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    match told.try_post() {
                        Ok(answer) if answer.status == 200 => _ = taken.fetch_add(1, Ordering::Relaxed),
                        Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.body),
                        Err(_) => thread::sleep(Duration::from_millis(5)),
                    }
                }
            });
        }
        eventually("the load is on", || (taken.load(Ordering::Relaxed) > 50).then_some(()));
        let begun = Instant::now();
        let killed = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let ended = loop {
            if let Some(ended) = program.child.try_wait().unwrap() {
                break Some(ended);
            }
            if begun.elapsed() > Duration::from_secs(15) {
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        stop.store(true, Ordering::Relaxed);
        (ended, begun.elapsed())
    });
    drop((stalled_body, stalled_head, idle));
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{status:?} after {took:?}");
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    let kept = kept(&program.folder);
    assert!(kept >= u64::from(taken.load(Ordering::Relaxed)), "{kept} of {taken:?} acknowledged webhooks are there");
}

/// The disk takes what is written and does not confirm it (`fsync` fails): whoever tells us something then hears no yes, the
/// program ends, and a fresh start has all that was acknowledged before. From Debian: fiu-utils.
#[test]
fn f26_when_the_disk_does_not_confirm_the_program_ends_and_the_next_start_has_all_that_was_acknowledged() {
    if !Path::new("/usr/bin/fiu-run").exists() {
        assert!(std::env::var_os("CARTBACK_REQUIRE_FIU").is_none(), "fiu-utils are not installed");
        return say("fiu-utils are not installed: a disk that does not confirm is not tried");
    }
    let mut program = Program::start();
    program.end();
    let control = program.folder.path().join("fiu");
    program.start_again(|command| {
        let mut under = Command::new("fiu-run");
        under.args(["-x", "-f"]).arg(&control).arg(command.get_program()).args(command.get_args());
        under
    });
    let mut taken = 0u64;
    while taken < 20 {
        let answer = program.test_event(format!("before_{taken}")).try_post().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        taken += 1;
    }
    for name in ["fsync", "fdatasync"] {
        let told = Command::new("fiu-ctrl")
            .arg("-c")
            .arg(format!("enable name=posix/io/sync/{name},failinfo=5"))
            .arg("-f")
            .arg(&control)
            .arg(program.child.id().to_string())
            .status()
            .unwrap();
        assert!(told.success());
    }
    let ended = eventually("the program ends", || {
        if let Ok(answer) = program.test_event(format!("after_{}", taken)).try_post() {
            assert_ne!(answer.status, 200, "acknowledged without being on the disk");
        }
        program.child.try_wait().unwrap()
    });
    assert_eq!(ended.code(), Some(1));
    program.start_again(|command| command);
    assert_eq!(program.test_event("again".into()).try_post().unwrap().status, 200);
    program.end();
    assert!(kept(&program.folder) > taken, "{} of {taken} are there", kept(&program.folder));
}

/// Deliveries in the inbox of a program that has ended.
fn kept(folder: &tempfile::TempDir) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open_lite(&folder.path().join("cartback.sqlite")).await.unwrap();
        let mut read = db.read().await.unwrap();
        Vault::new(OperatorKeys::parse(KEY).unwrap()).keys(&mut read, ShopId::new(1)).await.unwrap();
        store::inbox::count(&mut read, ShopId::new(1), store::inbox::Filter::All, Time::FIRST).await.unwrap()
    })
}

/// A kernel that gives the program few descriptors: strangers who cling to their connections take them all, for seconds.
/// From util-linux: prlimit.
#[test]
fn f39_without_descriptors_it_lives_and_takes_in_again_by_itself() {
    const DESCRIPTORS: usize = 128;
    let mut program = Program::start();
    program.end();
    program.start_again(|command| {
        let mut under = Command::new("prlimit");
        under.arg(format!("--nofile={DESCRIPTORS}")).arg(command.get_program()).args(command.get_args());
        under
    });
    assert_eq!(program.test_event("before".into()).try_post().unwrap().status, 200);
    let begun = Instant::now();
    let clinging: Vec<TcpStream> =
        (0..DESCRIPTORS * 2).map(|_| program.client("POST /hook/shop/x HTTP/1.1\r\nhost:")).collect();
    let mut turned_away = 0u64;
    let mut taken = 1u64;
    let answered = eventually("it takes in again", || match program.test_event(format!("full_{taken}")).try_post() {
        Ok(answer) if answer.status == 200 => Some(begun.elapsed()),
        Ok(answer) => {
            assert_eq!(answer.status, 503, "{}", answer.body);
            turned_away += 1;
            None
        }
        Err(_) => {
            turned_away += 1;
            None
        }
    });
    taken += 1;
    assert!(answered > Duration::from_secs(2) || turned_away > 0, "there were descriptors left: {answered:?}");
    assert!(program.child.try_wait().unwrap().is_none(), "it ended");
    for n in 0..20 {
        assert_eq!(program.test_event(format!("after_{n}")).try_post().unwrap().status, 200);
        taken += 1;
    }
    drop(clinging);
    assert_eq!(get(&format!("http://127.0.0.1:{}/readyz", program.port)).unwrap().0, 200);
    program.end();
    assert!(kept(&program.folder) >= taken, "{} of {taken} are there", kept(&program.folder));
}

/// Bodies as large as they may be, on many connections at once, again and again: what it takes does not grow. How many of
/// them meet in memory is chance, so the mark of one flood may lie above the last one's; what is kept of bodies that are
/// answered would raise it with every one.
#[test]
fn f39_large_bodies_on_many_connections_take_bounded_memory() {
    const AT_ONCE: usize = 64;
    const MIB: usize = 1 << 20;
    let program = Program::start();
    let most = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
    };
    let flood = |rounds: usize| {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    let body = vec![b' '; MIB];
                    for _ in 0..rounds {
                        if let Ok(answer) = call("POST", &program.hook, &[], &body) {
                            assert!([401, 503].contains(&answer.status), "{}", answer.status);
                        }
                    }
                });
            }
        });
        most()
    };
    let first = flood(5);
    assert!(first < 300, "{first} MiB for {AT_ONCE} bodies of 1 MiB");
    let mut marks = vec![first];
    while marks.len() < 5 {
        marks.push(flood(20));
        if marks[marks.len() - 1] < marks[marks.len() - 2] + 16 {
            return;
        }
    }
    panic!("it grows with every {} MiB: {marks:?}", AT_ONCE * 20);
}
