//! The whole service under load, beside the plainest answer it can give: the real program, real HTTP on this
//! machine, real files. Every figure is a ratio of two things measured in turns in one run, for machines differ and so do
//! minutes; the median of all rounds is told, with the lowest and the highest.
//!
//! `cargo bench --bench service`, or with what is to be measured: `… -- ingest redirect`. `ROUNDS` (5) and `SECONDS` (3)
//! set how often and how long, `DUE` (2,000) how many texts; `TMPDIR` says on which disk. PostgreSQL is measured where
//! `BENCH_DATABASE_URL` names a server that lets us make databases. A small part of the machine goes to the senders, on both sides of each ratio.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use cartback::{
    clock::{Clock, SystemClock},
    shop::standard_webhooks,
};
use serde_json::json;

const KEY: &str = "q83vEjRWeJCrze8BI0VniavN7xI0VniQq83v6hWqLzA=";
const CONNECTIONS: usize = 64;
/// Of a webhook's body: what shops send for a cart with a handful of lines.
const BODY_BYTES: usize = 4096;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|typed| typed.parse().ok()).unwrap_or(usual)
}

fn main() {
    // What `cargo bench` adds, and `cargo test` too, which must not begin to measure.
    let typed: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let wanted = |name: &str| typed.is_empty() || typed.iter().any(|word| word == name);
    for engine in ["sqlite", "postgresql"] {
        let Some(house) = House::open(engine) else {
            println!("{engine}: BENCH_DATABASE_URL names no server");
            continue;
        };
        if wanted("ingest") {
            house.ingest();
        }
        if wanted("redirect") {
            house.redirect();
        }
        if wanted("send") {
            send(engine);
        }
        if wanted("memory") {
            println!(
                "{engine} memory: {} MiB resident now, {} MiB at most",
                house.memory("VmRSS:"),
                house.memory("VmHWM:")
            );
        }
    }
}

/// The program at work on one engine, in a folder of its own.
struct House {
    engine: &'static str,
    folder: tempfile::TempDir,
    database_url: String,
    port: u16,
    hook: String,
    secret: String,
    child: Child,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let (Ok(server), Some((_, name))) = (std::env::var("BENCH_DATABASE_URL"), self.database_url.rsplit_once('/'))
        {
            command_database(&server, &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}

/// A database of its own for one house; its address.
fn make_database(server: &str) -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let name = format!("cartback_bench_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    command_database(server, &format!("CREATE DATABASE {name}"));
    let (address, _) = server.rsplit_once('/').unwrap_or_else(|| panic!("BENCH_DATABASE_URL: no database in it"));
    format!("{address}/{name}")
}

fn command_database(server: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(server).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    });
}

impl House {
    /// `None` where PostgreSQL is wanted and `BENCH_DATABASE_URL` names none.
    fn open(engine: &'static str) -> Option<House> {
        House::filled(engine, &[&["bench", "fill", "--carts", "2000", "--messages", "2000"]])
    }

    /// As `open`, after these commands.
    fn filled(engine: &'static str, commands: &[&[&str]]) -> Option<House> {
        let database_url = match engine {
            "sqlite" => String::new(),
            _ => make_database(&std::env::var("BENCH_DATABASE_URL").ok()?),
        };
        // Where `TMPDIR` lies on a real disk every commit waits for it, as it does in use.
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let secret = standard_webhooks::secret([7; 32]);
        let command = |words: &[&str]| program(folder.path(), &database_url, words);
        let public = format!("http://127.0.0.1:{port}");
        let told = |words: &[&str]| {
            let output = command(words).output().unwrap();
            assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        for words in commands {
            told(words);
        }
        told(&["shop", "set", "1", &format!("secret={secret}")]);
        let said: serde_json::Value =
            serde_json::from_slice(&told(&["shop", "show", "1", "--public-url", &public, "--json"])).unwrap();
        let hook = said["webhook_url"].as_str().unwrap().strip_prefix(&public).unwrap().to_owned();
        let child = command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
        let house = House { engine, folder, database_url, port, hook, secret, child };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        Some(house)
    }

    /// Carts that are due, and a gateway of the shop's own: so many a second are texted, from the program's first text to
    /// its last.
    fn leave(engine: &'static str, due: u64, url: &str, gateway: &Gateway) -> Option<f64> {
        let due_words = due.to_string();
        let fill = ["bench", "fill", "--carts", "2000", "--messages", "2000", "--due", &due_words];
        let url = format!("url={url}");
        let add = ["gateway", "add", "kannel", "--shop", "1", "--set", &url, "--set", "username=u"];
        let add = [&add[..], &["--set", "password=p", "--set", "from=12125550100"]].concat();
        let before = gateway.taken.load(Ordering::Relaxed);
        let house = House::filled(engine, &[&fill, &add])?;
        let taken = || gateway.taken.load(Ordering::Relaxed) - before;
        while taken() == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let (begun, first) = (Instant::now(), taken());
        while taken() < due {
            assert!(begun.elapsed() < Duration::from_secs(600), "{} of {due} texts left", taken());
            thread::sleep(Duration::from_millis(1));
        }
        let span = begun.elapsed().as_secs_f64();
        drop(house);
        Some((due - first) as f64 / span)
    }

    /// A line of /proc/…/status, in MiB.
    fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let found = status.lines().find_map(|found| found.strip_prefix(line)).unwrap_or("0");
        found.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
    }

    /// Webhooks verified, kept and answered, beside the plainest answer the server has.
    fn ingest(&self) {
        let seed = SystemClock.now().seconds();
        let (hook, secret, sent) = (self.hook.clone(), self.secret.clone(), AtomicU64::new(0));
        let request = move || {
            let n = sent.fetch_add(1, Ordering::Relaxed);
            let (id, at, body) = (format!("evt_{seed}_{n}"), SystemClock.now().seconds(), body(n));
            let signature = standard_webhooks::sign(&secret, &id, at, body.as_bytes());
            format!(
                "POST {hook} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\n\
                 webhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        };
        self.in_turns("ingest", 200, &request, "alive", &|| {
            "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_owned()
        });
    }

    /// Recovery links opened by a phone, beside the plainest answer the server has.
    fn redirect(&self) {
        let open = |link: &String| {
            format!("GET /r/{link} HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Mozilla/5.0 (iPhone)\r\n\r\n")
        };
        // Only those that still lead to a cart: months lie behind most texts here.
        let mut links = self.links();
        let (mut stream, mut buffer) = (TcpStream::connect(("127.0.0.1", self.port)).unwrap(), vec![0; 16 * 1024]);
        links.retain(|link| {
            stream.write_all(open(link).as_bytes()).unwrap();
            answered(&mut stream, &mut buffer) == Some(303)
        });
        assert!(!links.is_empty(), "no link leads anywhere");
        let turn = AtomicU64::new(0);
        let request = move || open(&links[turn.fetch_add(1, Ordering::Relaxed) as usize % links.len()]);
        self.in_turns("redirect", 303, &request, "alive", &|| {
            "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_owned()
        });
    }

    fn links(&self) -> Vec<String> {
        use cartback::{
            domain::{
                id::{MessageId, ShopId},
                link::{self, Purpose},
                message::MessageRef,
                seal::OperatorKeys,
            },
            store::{Db, shop::Vault},
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (db, ids) = match self.database_url.is_empty() {
                true => {
                    let file = self.folder.path().join("cartback.sqlite");
                    let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
                    (Db::open_lite(&file).await.unwrap(), sqlx::query_scalar(LINKED).fetch_all(&pool).await.unwrap())
                }
                false => {
                    let pool = sqlx::PgPool::connect(&self.database_url).await.unwrap();
                    let ids = sqlx::query_scalar(LINKED).fetch_all(&pool).await.unwrap();
                    (Db::open_pg(&self.database_url).await.unwrap(), ids)
                }
            };
            let vault = Vault::new(OperatorKeys::parse(KEY).unwrap());
            let keys = vault.keys(&mut db.read().await.unwrap(), ShopId::new(1)).await.unwrap();
            let ids: Vec<i64> = ids;
            let sign = |id| {
                link::sign(&keys, Purpose::Restore, MessageRef { shop: ShopId::new(1), message: MessageId::new(id) })
            };
            ids.into_iter().map(sign).collect()
        })
    }
}

/// Texts whose links are opened.
const LINKED: &str = "SELECT message_id FROM message WHERE shop_id = 1 ORDER BY message_id DESC LIMIT 2000";

fn program(folder: &Path, database_url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartback"));
    command.args(words).env("CARTBACK_DATA", folder).env("CARTBACK_KEY", KEY).env("CARTBACK_LOG", "error");
    if !database_url.is_empty() {
        command.env("CARTBACK_DATABASE_URL", database_url);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A cart's webhook of the usual size; every one of another cart.
fn body(n: u64) -> String {
    let line =
        |at: u64| json!({ "sku": format!("sku-{at}"), "title": "Walnut desk lamp", "quantity": 1, "price": "42.00" });
    let mut data = json!({
        "token": format!("cart-{n}"), "phone": format!("+38640{:06}", n % 1_000_000), "total": "128.00",
        "currency": "EUR", "recovery_url": format!("https://shop.example/resume/{n}?key=9f3a"),
        "items": (0..6).map(line).collect::<Vec<_>>(),
        "consent": { "state": "granted", "source": "shop.example" },
    });
    let short = BODY_BYTES.saturating_sub(data.to_string().len() + 120);
    data["note"] = json!("n".repeat(short));
    let at = jiff::Timestamp::from_second(SystemClock.now().seconds()).unwrap().to_string();
    data["started_at"] = json!(at);
    data["updated_at"] = json!(at);
    json!({ "type": "checkout.updated", "timestamp": at, "data": data }).to_string()
}

/// Carts that are due at once, decided, written to and handed to a gateway on this machine, beside a bare client that only
/// hands over as many. Each round is a house of its own: what was sent is not due again.
fn send(engine: &'static str) {
    let (rounds, due) = (number("ROUNDS", 5), number("DUE", 2_000));
    let (mut ours, mut ratios) = (Vec::new(), Vec::new());
    let mut bare = Vec::new();
    for _ in 0..rounds {
        let gateway = Gateway::start();
        let url = format!("http://127.0.0.1:{}/cgi-bin/sendsms", gateway.port);
        let plain = gateway.bare(due);
        let Some(sent) = House::leave(engine, due, &url, &gateway) else { return };
        ours.push(sent);
        bare.push(plain);
        ratios.push(sent / plain);
    }
    println!("{engine} send, {rounds} rounds of {due} carts that are due");
    for (what, mut figures) in [("per second", ours), ("of a bare client", ratios), ("bare client per second", bare)] {
        figures.sort_by(f64::total_cmp);
        let (low, high) = (figures[0], figures[figures.len() - 1]);
        println!("  {what:22} {:12.3}  ({low:.3} to {high:.3})", figures[figures.len() / 2]);
    }
}

/// A gateway in Kannel's words that accepts whatever it is given, at once.
struct Gateway {
    port: u16,
    taken: Arc<AtomicU64>,
}

impl Gateway {
    fn start() -> Gateway {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, taken) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let counter = taken.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let taken = counter.clone();
                thread::spawn(move || accept(stream, &taken));
            }
        });
        Gateway { port, taken }
    }

    /// So many requests a second does a client make that does nothing else, sixteen at once.
    #[expect(clippy::disallowed_methods, reason = "the service's own client is what it is compared with")]
    fn bare(&self, count: u64) -> f64 {
        let url = format!("http://127.0.0.1:{}/cgi-bin/sendsms?to=%2B38640200000&text=bare", self.port);
        cartback::app::install_tls();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let begun = Instant::now();
        runtime.block_on(async {
            let client = reqwest::Client::new();
            let calls = (0..count).map(|_| async { client.get(&url).send().await.unwrap().bytes().await.unwrap() });
            futures_util::StreamExt::collect::<Vec<_>>(futures_util::StreamExt::buffer_unordered(
                futures_util::stream::iter(calls),
                16,
            ))
            .await;
        });
        count as f64 / begun.elapsed().as_secs_f64()
    }
}

fn accept(mut stream: TcpStream, taken: &AtomicU64) {
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    let body = "0: Accepted for delivery";
    let answer = format!("HTTP/1.1 202 Accepted\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(read) if read > 0 => filled += read,
            _ => return,
        }
        while let Some(end) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") {
            buffer.copy_within(end + 4..filled, 0);
            filled -= end + 4;
            taken.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// What one round saw.
struct Round {
    per_second: f64,
    /// Milliseconds of the slowest hundredth.
    p99: f64,
    bad: u64,
}

impl House {
    /// Two kinds of request in turns; tells both and the ratio of the first to the second.
    fn in_turns(
        &self,
        name: &str,
        good: u16,
        request: &(dyn Fn() -> String + Sync),
        other: &str,
        plain: &(dyn Fn() -> String + Sync),
    ) {
        let (rounds, seconds) = (number("ROUNDS", 5), number("SECONDS", 3));
        let mut seen: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut bad = 0;
        for _ in 0..rounds {
            let ours = load(self.port, good, request, Duration::from_secs(seconds));
            let reference = load(self.port, 200, plain, Duration::from_secs(seconds));
            bad += ours.bad + reference.bad;
            for (what, figure) in [
                ("per second", ours.per_second),
                ("p99 ms", ours.p99),
                ("of the reference", ours.per_second / reference.per_second),
                ("reference per second", reference.per_second),
            ] {
                seen.entry(what).or_default().push(figure);
            }
        }
        println!(
            "{} {name} (reference: {other}), {rounds} rounds of {seconds} s, {CONNECTIONS} connections, {bad} failed",
            self.engine
        );
        for (what, mut figures) in seen {
            figures.sort_by(f64::total_cmp);
            let (low, high) = (figures[0], figures[figures.len() - 1]);
            println!("  {what:22} {:12.3}  ({low:.3} to {high:.3})", figures[figures.len() / 2]);
        }
    }
}

/// Keeps every connection busy with one request after the other.
fn load(port: u16, good: u16, request: &(dyn Fn() -> String + Sync), span: Duration) -> Round {
    let (stop, bad) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let mut took: Vec<Duration> = thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let (mut took, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
                    while !stop.load(Ordering::Relaxed) {
                        let text = request();
                        let sent = Instant::now();
                        stream.write_all(text.as_bytes()).unwrap();
                        match answered(&mut stream, &mut buffer) {
                            Some(status) if status == good => took.push(sent.elapsed()),
                            _ => {
                                bad.fetch_add(1, Ordering::Relaxed);
                                stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                            }
                        }
                    }
                    took
                })
            })
            .collect();
        thread::sleep(span);
        stop.store(true, Ordering::Relaxed);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let elapsed = begun.elapsed().as_secs_f64();
    took.sort();
    let p99 = took.get(took.len() * 99 / 100).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    Round { per_second: took.len() as f64 / elapsed, p99, bad: bad.into_inner() }
}

/// Reads one answer to its end; its status.
fn answered(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).ok().filter(|read| *read > 0)?;
        filled += read;
        let text = &buffer[..filled];
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&text[..end]).ok()?;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if filled >= end + 4 + length.unwrap_or(0) {
            return head.split(' ').nth(1)?.parse().ok();
        }
    }
}
