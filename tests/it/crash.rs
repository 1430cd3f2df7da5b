//! `kill -9` at random moments: a real process, real HTTP, a gateway that loses answers. No acknowledged webhook may be
//! lost, and nothing may be sent twice.
//!
//! On PostgreSQL several processes share the work, and some are stopped for longer than their claims last and go on then
//! (F19). `CARTBACK_KILLS` and `CARTBACK_INSTANCES` set how many, `CARTBACK_WEBHOOKS` how many webhooks are posted in a
//! second; a release is tried with 2,000 kills, four processes and 200 webhooks.
//!
//! The process keeps real time, so carts arrive with their last activity half an hour ago and the shop's hours are wide
//! open: what is due is due at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cartback::{
    clock::{Clock, SystemClock},
    domain::{id::ShopId, message::MessageState, phone::Phone, risk::limits::FOR_TRIALS, seal::OperatorKeys},
    shop::standard_webhooks,
    store::{self, Db, shop::Vault},
};

use crate::server::{self, postgres};

pub const KEY: &str = "q83vEjRWeJCrze8BI0VniavN7xI0VniQq83v6hWqLzA=";
const KILLS: usize = 16;
/// Processes on one PostgreSQL.
const INSTANCES: usize = 2;
/// Longer than a claim lasts (`worker::LEASE`).
const PAUSE: Duration = Duration::from_secs(50);
/// So many kills for one pause.
const KILLS_PER_PAUSE: usize = 400;
const SENDERS: usize = 8;
/// Webhooks a second, while somebody listens: what arrives is to be in the middle of its way when the kill comes, not to
/// fill the time after it.
const WEBHOOKS: usize = 30;
/// The service counts as stuck when for so long no cart at all comes to its end. A slow machine is not a stuck one.
const STUCK: Duration = Duration::from_secs(150);
/// Carts that are asked about in one round: asking is not to be the load.
const ASKED_AT_ONCE: usize = 500;

/// A gateway in Kannel's words that accepts what it gets, answers late now and then, and sometimes not at all.
#[derive(Default)]
pub struct Outbox {
    /// How often each number was texted.
    pub texts: Mutex<BTreeMap<String, usize>>,
}

pub fn start_gateway(outbox: Arc<Outbox>, seed: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let outbox = outbox.clone();
            thread::spawn(move || answer(stream, &outbox, mix(seed, n as u64)));
        }
    });
    port
}

fn answer(mut stream: TcpStream, outbox: &Outbox, chance: u64) {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut header = String::new();
    while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
        header.clear();
    }
    let Some(query) = line.split_once('?').map(|(_, rest)| rest.split(' ').next().unwrap_or("")) else { return };
    let to =
        url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "to").map(|(_, to)| to.into_owned());
    *outbox.texts.lock().unwrap().entry(to.unwrap_or_default()).or_default() += 1;
    match chance % 30 {
        // Rarely: three in a row, and it is left alone for half a minute.
        0 => return,
        1..=6 => thread::sleep(Duration::from_millis(chance % 400)),
        _ => {}
    }
    let body = "0: Accepted for delivery";
    let _ =
        write!(stream, "HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}

/// A small, well-mixed number from two (splitmix64).
pub fn mix(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

pub fn seconds_now() -> i64 {
    SystemClock.now().seconds()
}

/// A number of its own for each cart, in a country where it is not about midnight (nothing is sent in a day's last ten
/// minutes).
pub fn number(n: usize) -> String {
    number_at(n, seconds_now())
}

pub fn number_at(n: usize, seconds: i64) -> String {
    // Britain's day ends an hour after Slovenia's, summer and winter.
    let zone = jiff::tz::TimeZone::get("Europe/Ljubljana").unwrap();
    let hour = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(zone).hour();
    // Spread, since neighbours are texted a thousand times an hour at most.
    let (block, own) = (n / 50 % 4, 200_000 + n % 50 * 10_000 + n / 200);
    let british = hour >= 21;
    let prefixes =
        if british { ["447400", "447401", "447402", "447403"] } else { ["38640", "38641", "38631", "38651"] };
    format!("+{}{own:06}", prefixes[block])
}

/// The webhook of a cart that was left at that moment, in RFC 3339.
pub fn checkout(n: usize, phone: &str, at: &str) -> serde_json::Value {
    serde_json::json!({
        "type": "checkout.updated",
        "timestamp": at,
        "data": {
            "token": format!("cart-{n}"), "phone": phone, "total": "42.00", "currency": "EUR",
            "recovery_url": format!("https://shop.example/resume/{n}"), "started_at": at, "updated_at": at,
            "consent": { "state": "granted", "source": "shop.example" },
        },
    })
}

/// Posts it as the shop would at that moment, in seconds; the status of the answer.
pub fn tell(url: &str, secret: &str, told_at: i64, n: usize, body: &serde_json::Value) -> u16 {
    let (id, body) = (format!("evt_{n}"), body.to_string());
    let signature = standard_webhooks::sign(secret, &id, told_at, body.as_bytes());
    let told_at = told_at.to_string();
    let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &told_at), ("webhook-signature", &signature)];
    server::call("POST", url, &headers, body.as_bytes()).unwrap().status
}

pub struct Place {
    pub folder: tempfile::TempDir,
    pub database_url: String,
}

impl Place {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cartback"));
        command.args(arguments).env("CARTBACK_DATA", self.folder.path()).env("CARTBACK_KEY", KEY);
        if !self.database_url.is_empty() {
            command.env("CARTBACK_DATABASE_URL", &self.database_url);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub fn told(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    async fn open(&self) -> Db {
        if self.database_url.is_empty() {
            Db::open_lite(&self.folder.path().join("cartback.sqlite")).await.unwrap()
        } else {
            Db::open_pg(&self.database_url).await.unwrap()
        }
    }

    pub fn serve(&self, port: u16) -> Child {
        self.serve_as("all", port)
    }

    pub fn serve_as(&self, role: &str, port: u16) -> Child {
        let mut command = self.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
        // All of them are behind one address, as in front of a shop.
        command.env("CARTBACK_PUBLIC_URL", "https://cb.example").env("CARTBACK_PROCESS_ROLE", role);
        let child = command.spawn().unwrap();
        server::eventually("the service is ready", || {
            server::get(&format!("http://127.0.0.1:{port}/readyz")).ok().filter(|(status, _)| *status == 200)
        });
        child
    }
}

fn number_of(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().map_or(usual, |typed| typed.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// What one sender saw.
#[derive(Default)]
pub struct Told {
    pub acknowledged: Vec<usize>,
    /// How long each acknowledgement took.
    took: Vec<Duration>,
}

/// Posts carts until told to stop, whether or not anybody listens; remembers those that were acknowledged.
pub fn shop(ports: Vec<u16>, path: String, secret: String, first: usize, stop: Arc<AtomicBool>) -> Told {
    let between =
        Duration::from_secs(SENDERS as u64) / u32::try_from(number_of("CARTBACK_WEBHOOKS", WEBHOOKS)).unwrap();
    let mut told = Told::default();
    let mut n = first;
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        // Whoever fell behind does not catch up by a burst.
        next = (next + between).max(Instant::now() - between);
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let body = checkout(n, &number(n), &rfc3339(seconds_now() - 31 * 60));
        let port = ports[n / SENDERS % ports.len()];
        let begun = Instant::now();
        match post(port, &path, &secret, n, body.to_string().as_bytes()) {
            Some(200) => {
                told.took.push(begun.elapsed());
                told.acknowledged.push(n);
            }
            Some(_) => {}
            None => thread::sleep(Duration::from_millis(20)),
        }
        n += SENDERS;
    }
    told
}

/// A process that stands still for longer than its claims last, and then goes on as if nothing had been.
fn pause(child: &Child) {
    let signal = |name: &str| {
        let done = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(done.success());
    };
    signal("-STOP");
    thread::sleep(PAUSE);
    signal("-CONT");
}

pub fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).unwrap().to_string()
}

fn post(port: u16, path: &str, secret: &str, n: usize, body: &[u8]) -> Option<u16> {
    let (id, at) = (format!("evt_{n}"), seconds_now());
    let signature = standard_webhooks::sign(secret, &id, at, body);
    let at = at.to_string();
    let headers = [("webhook-id", id.as_str()), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
    server::call("POST", &format!("http://127.0.0.1:{port}{path}"), &headers, body).ok().map(|answer| answer.status)
}

/// Connects a shop whose hours are wide open and a gateway on this machine; answers the path of its webhooks and their
/// secret.
pub fn connect(place: &Place, port: u16, gateway: u16) -> (String, String) {
    let secret = standard_webhooks::secret([7; 32]);
    let public = format!("http://127.0.0.1:{port}");
    let open: Vec<String> = FOR_TRIALS.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let open: Vec<&str> = open.iter().flat_map(|rule| ["--set", rule.as_str()]).collect();
    let add = [
        "shop",
        "add",
        "generic",
        "--name",
        "Crash",
        "--country",
        "SI",
        "--currency",
        "EUR",
        "--timezone",
        "Europe/Ljubljana",
        "--set",
        &format!("secret={secret}"),
        "--set",
        "site=shop.example",
        "--set",
        "hours=mon-sun 00:00-24:00",
        "--set",
        "countries=SI,GB",
        "--public-url",
        &public,
        "--json",
    ];
    let added = place.told(&[&add[..], &open[..]].concat());
    let url = added["webhook_url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&public).unwrap().to_owned();
    add_gateway(place, gateway, "p");
    (path, secret)
}

/// The house's account at the gateway on this port.
pub fn add_gateway(place: &Place, port: u16, password: &str) {
    let url = format!("url=http://127.0.0.1:{port}/cgi-bin/sendsms");
    let password = format!("password={password}");
    let settings = ["--set", &url, "--set", "username=u", "--set", &password, "--set", "from=12125550100", "--json"];
    place.told(&[&["gateway", "add", "kannel"], &settings[..]].concat());
}

/// Kills the service `KILLS` times under load, then lets it finish, and compares what was promised with what is there.
fn survive(engine: &str, database_url: String) {
    let seed = seconds_now() as u64;
    server::say(&format!("crash on {engine}: seed {seed}"));
    let place = Place { folder: tempfile::tempdir().unwrap(), database_url };
    let outbox = Arc::new(Outbox::default());
    let gateway = start_gateway(outbox.clone(), seed);
    let kills = number_of("CARTBACK_KILLS", KILLS);
    let all: [u16; 8] = server::free_ports().unwrap();
    let instances = if place.database_url.is_empty() { 1 } else { number_of("CARTBACK_INSTANCES", INSTANCES) };
    let ports = all[..instances].to_vec();
    let (path, secret) = connect(&place, ports[0], gateway);

    let stop = Arc::new(AtomicBool::new(false));
    let senders: Vec<_> = (0..SENDERS)
        .map(|first| {
            let (ports, path, secret, stop) = (ports.clone(), path.clone(), secret.clone(), stop.clone());
            thread::spawn(move || shop(ports, path, secret, first, stop))
        })
        .collect();
    let mut children: Vec<Child> = ports.iter().map(|port| place.serve(*port)).collect();
    for kill in 0..kills {
        thread::sleep(Duration::from_millis(80 + mix(seed, kill as u64) % 500));
        let unlucky = usize::try_from(mix(seed ^ 0x51, kill as u64) % instances as u64).unwrap();
        if instances > 1 && kill % KILLS_PER_PAUSE == KILLS_PER_PAUSE - 1 {
            pause(&children[unlucky]);
            continue;
        }
        children[unlucky].kill().unwrap();
        children[unlucky].wait().unwrap();
        children[unlucky] = place.serve(ports[unlucky]);
    }
    stop.store(true, Ordering::Relaxed);
    let told: Vec<Told> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    let acknowledged: BTreeSet<usize> = told.iter().flat_map(|told| told.acknowledged.iter().copied()).collect();
    assert!(acknowledged.len() > kills, "too few webhooks were acknowledged to mean anything: {}", acknowledged.len());
    let mut took: Vec<Duration> = told.into_iter().flat_map(|told| told.took).collect();
    took.sort();

    let begun = Instant::now();
    let left = wait_until_done(&place, &acknowledged);
    let drained = begun.elapsed();
    let mut alive = true;
    for child in &mut children {
        alive &= child.try_wait().unwrap().is_none();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(
        left.is_empty(),
        "seed {seed}: {} of {} carts without an outcome: {left:?}; the service {}",
        left.len(),
        acknowledged.len(),
        if alive { "ran to the end" } else { "had ended" },
    );
    let texts = outbox.texts.lock().unwrap();
    let twice: Vec<_> = texts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "seed {seed}: sent twice: {twice:?}");
    server::say(&format!(
        "crash on {engine}: {kills} kills of {instances}, {} webhooks acknowledged, 0 lost, {} texts sent, 0 twice; \
         acknowledged within {:?} (p99), {:?} at most; all done {drained:.0?} after the last kill",
        acknowledged.len(),
        texts.len(),
        took[took.len() * 99 / 100],
        took[took.len() - 1],
    ));
}

/// Waits until every one of these carts is there, whatever becomes of it.
pub fn arrived(place: &Place, acknowledged: &[usize]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = place.open().await;
        let vault = Vault::new(OperatorKeys::parse(KEY).unwrap());
        let started = Instant::now();
        for &n in acknowledged {
            loop {
                let mut read = db.read().await.unwrap();
                let keys = vault.keys(&mut read, ShopId::new(1)).await.unwrap();
                if store::cart::by_token(&mut read, &keys, &format!("cart-{n}")).await.unwrap().is_some() {
                    break;
                }
                drop(read);
                assert!(started.elapsed() < STUCK, "cart {n} was acknowledged and is not there");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        db.close().await;
    });
}

/// Waits until every acknowledged cart has a message with an outcome; answers those that have none when nothing moves any
/// more.
fn wait_until_done(place: &Place, acknowledged: &BTreeSet<usize>) -> BTreeSet<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = place.open().await;
        let vault = Vault::new(OperatorKeys::parse(KEY).unwrap());
        let mut left = acknowledged.clone();
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        let mut moved = Instant::now();
        while !left.is_empty() && moved.elapsed() < STUCK {
            let mut read = db.read().await.unwrap();
            let keys = vault.keys(&mut read, ShopId::new(1)).await.unwrap();
            let mut done = Vec::new();
            for &n in left.iter().take(ASKED_AT_ONCE) {
                let Some(cart) = store::cart::by_token(&mut read, &keys, &format!("cart-{n}")).await.unwrap() else {
                    continue;
                };
                let messages = store::message::of_cart(&mut read, &keys, cart.id).await.unwrap();
                let settled = |state| !matches!(state, MessageState::Queued | MessageState::Sending);
                if let Some(text) = messages.iter().find(|message| settled(message.moments.state())) {
                    *ends.entry(format!("{} {}", text.moments.state().name(), text.reason)).or_default() += 1;
                    done.push(n);
                }
            }
            drop(read);
            if !done.is_empty() {
                moved = Instant::now();
            }
            for n in done {
                left.remove(&n);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        for (end, count) in ends {
            server::say(&format!("{count} texts: {end}"));
        }
        // Enough of them to see where they stopped.
        let mut read = db.read().await.unwrap();
        let keys = vault.keys(&mut read, ShopId::new(1)).await.unwrap();
        for n in left.iter().take(3) {
            let cart = store::cart::by_token(&mut read, &keys, &format!("cart-{n}")).await.unwrap();
            let Some(cart) = cart else {
                server::say(&format!("cart {n}: its webhook was not read"));
                continue;
            };
            let messages = store::message::of_cart(&mut read, &keys, cart.id).await.unwrap();
            let states: Vec<_> = messages.iter().map(|message| message.moments.state()).collect();
            let decisions = store::decision::of_cart(&mut read, &keys, cart.id).await.unwrap();
            let last = decisions.last().map(|kept| format!("{:?}", kept.decision));
            server::say(&format!(
                "cart {n}: abandoned {:?}, texts {states:?}, last decision {last:?}",
                cart.abandoned_at
            ));
        }
        drop(read);
        db.close().await;
        left
    })
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_sent_twice_on_sqlite() {
    survive("sqlite", String::new());
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_sent_twice_on_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database();
    survive("postgresql", database.url());
}

#[test]
fn the_numbers_of_this_test_can_be_texted() {
    for n in [0, 1, 51, 101, 151, 777, 4_000, 999_999] {
        assert!(Phone::read(&number(n), &[]).is_ok(), "{}", number(n));
    }
}
