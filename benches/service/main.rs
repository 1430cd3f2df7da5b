//! The whole service under load, beside the plainest answer it can give: the real program, real HTTP on this
//! machine, real files. Every figure is a ratio of two things measured in turns in one run, for machines differ and so do
//! minutes; the median of all rounds is told, with the lowest and the highest.
//!
//! `cargo bench --bench service`, or with what is to be measured: `… -- ingest redirect hour memory send apart scale fair
//! pages grow`.
//! `ROUNDS` (5) and `SECONDS` (3) set how often and how long, `DUE` (2,000) how many texts, `CARTS` (100,000) how large a
//! database pages are read from and `grow` ends with; `TMPDIR` says on which disk. PostgreSQL is measured where `BENCH_DATABASE_URL` names a
//! server that lets us make databases; `BARE_REDIRECT` an address of another server that links are held against. A small part
//! of the machine goes to the senders, on both sides of each ratio.

mod fair;
mod grow;
mod hour;
mod load;
mod pages;
mod scale;
mod send;

use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use cartback::{
    clock::{Clock, SystemClock},
    shop::standard_webhooks,
};
use serde_json::json;

use self::load::{Reference, answered};

const KEY: &str = "q83vEjRWeJCrze8BI0VniavN7xI0VniQq83v6hWqLzA=";
const CONNECTIONS: usize = 64;
/// Of a webhook's body: what shops send for a cart with a handful of lines.
const BODY_BYTES: usize = 4096;

/// Stands in a command for the gateway that was named last.
const GATEWAY: &str = "the gateway";

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
        if wanted("memory") {
            println!(
                "{engine} memory: {} MiB resident now, {} MiB at most",
                house.memory("VmRSS:"),
                house.memory("VmHWM:")
            );
        }
        drop(house);
        if wanted("hour") {
            hour::hour(engine);
        }
        if wanted("send") {
            send::send(engine);
        }
        if wanted("apart") {
            send::apart(engine);
        }
        if wanted("scale") {
            scale::scale(engine);
        }
        if wanted("fair") {
            fair::fair(engine);
        }
        if wanted("pages") {
            pages::pages(engine);
        }
        if wanted("grow") {
            grow::grow(engine);
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
    /// Further processes on the same database.
    hands: Vec<Child>,
    /// Its gateway, if a command named one.
    gateway: String,
}

impl Drop for House {
    fn drop(&mut self) {
        for child in self.hands.iter_mut().chain([&mut self.child]) {
            let _ = child.kill();
            let _ = child.wait();
        }
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

fn ask_database(server: &str, sql: &str) -> i64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pool = sqlx::PgPool::connect(server).await.unwrap();
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap()
    })
}

/// Seconds of CPU, of the program and of its database.
struct Cpu {
    program: f64,
    database: f64,
}

impl Cpu {
    fn since(&self, before: &Cpu) -> f64 {
        self.program - before.program + self.database - before.database
    }
}

/// User and system time of a process, in the hundredths Linux tells them in.
fn seconds_of(process: u32) -> f64 {
    let line = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let (_, rest) = line.rsplit_once(')').unwrap_or_default();
    let times = rest.split_whitespace().skip(11).take(2);
    times.filter_map(|time| time.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn is_postgres(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "postgres")
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
        let mut gateway = String::new();
        for words in commands {
            let words: Vec<&str> = words.iter().map(|word| if *word == GATEWAY { &gateway } else { *word }).collect();
            let said = String::from_utf8_lossy(&told(&words)).into_owned();
            let named =
                said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').find(|word| word.starts_with("gw_"));
            gateway = named.map_or(gateway, str::to_owned);
        }
        told(&["shop", "set", "1", &format!("secret={secret}")]);
        let said: serde_json::Value =
            serde_json::from_slice(&told(&["shop", "show", "1", "--public-url", &public, "--json"])).unwrap();
        let hook = said["webhook_url"].as_str().unwrap().strip_prefix(&public).unwrap().to_owned();
        let child = command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
        let house = House { engine, folder, database_url, port, hook, secret, child, hands: Vec::new(), gateway };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(5));
        }
        Some(house)
    }

    /// One more process on the same database, that only works.
    fn hire(&mut self) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = program(self.folder.path(), &self.database_url, &["serve"]);
        command.args(["--listen", &format!("127.0.0.1:{port}")]).env("CARTBACK_PROCESS_ROLE", "worker");
        self.hands.push(command.spawn().unwrap());
    }

    /// Seconds of CPU so far: of the program, and of every PostgreSQL on this machine where there is one behind it.
    fn cpu(&self) -> Cpu {
        let mut cpu = Cpu { program: seconds_of(self.child.id()), database: 0.0 };
        if self.engine == "postgresql" {
            let processes = fs::read_dir("/proc").unwrap().flatten();
            let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
            cpu.database = ids.filter(|id| is_postgres(*id)).map(seconds_of).sum();
        }
        cpu
    }

    /// Bytes on the disk.
    fn disk(&self) -> f64 {
        if self.engine == "postgresql" {
            let (server, name) = self.database_url.rsplit_once('/').unwrap();
            return ask_database(&format!("{server}/postgres"), &format!("SELECT pg_database_size('{name}')")) as f64;
        }
        let files = fs::read_dir(self.folder.path()).unwrap().flatten();
        files.filter_map(|file| file.metadata().ok()).map(|file| file.len() as f64).sum()
    }

    /// Pieces of work that are due and not done.
    fn due(&self) -> i64 {
        const COUNT: &str = "SELECT COUNT(*) FROM job WHERE due_at <= ";
        self.ask(&format!("{COUNT}{}", SystemClock.now().millis()))
    }

    /// A number of the database.
    fn ask(&self, sql: &str) -> i64 {
        if self.engine == "postgresql" {
            return ask_database(&self.database_url, sql);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let file = self.folder.path().join("cartback.sqlite");
            let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&pool).await.unwrap()
        })
    }

    /// Numbers of the database.
    fn all(&self, sql: &'static str) -> Vec<i64> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            if self.engine == "postgresql" {
                let pool = sqlx::PgPool::connect(&self.database_url).await.unwrap();
                return sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap();
            }
            let file = self.folder.path().join("cartback.sqlite");
            let pool = sqlx::SqlitePool::connect(file.to_str().unwrap()).await.unwrap();
            sqlx::query_scalar(sql).fetch_all(&pool).await.unwrap()
        })
    }

    /// Waits until nothing is due. Seldom asked: a count of what is due is work too.
    fn rest(&self, most: Duration) {
        let begun = Instant::now();
        while self.due() > 0 {
            assert!(begun.elapsed() < most, "{} pieces of work wait", self.due());
            thread::sleep(Duration::from_millis(500));
        }
    }

    /// Makes the signed request of the cart with this number.
    fn webhooks(&self) -> impl Fn(u64) -> String + Send + Sync + use<> {
        let seed = SystemClock.now().seconds();
        let (hook, secret, sent) = (self.hook.clone(), self.secret.clone(), AtomicU64::new(0));
        move |cart| {
            let n = sent.fetch_add(1, Ordering::Relaxed);
            let (id, at, body) = (format!("evt_{seed}_{n}"), SystemClock.now().seconds(), body(cart));
            let signature = standard_webhooks::sign(&secret, &id, at, body.as_bytes());
            format!(
                "POST {hook} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\n\
                 webhook-timestamp: {at}\r\nwebhook-signature: {signature}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    }

    /// A line of /proc/…/status, in MiB.
    fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let found = status.lines().find_map(|found| found.strip_prefix(line)).unwrap_or("0");
        found.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024
    }

    /// Webhooks verified, kept and answered, beside the plainest answer the server has.
    fn ingest(&self) {
        let (webhook, sent) = (self.webhooks(), AtomicU64::new(0));
        let request = move || webhook(sent.fetch_add(1, Ordering::Relaxed));
        self.in_turns("ingest", 200, &request, &Reference::alive(self.port));
        let (waiting, begun) = (self.due() as f64, Instant::now());
        self.rest(Duration::from_secs(600));
        println!(
            "  read afterwards          {:12.1} a second, {waiting} of them",
            waiting / begun.elapsed().as_secs_f64()
        );
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
        let reference = Reference::named("BARE_REDIRECT", 302).unwrap_or_else(|| Reference::alive(self.port));
        self.in_turns("redirect", 303, &request, &reference);
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
        let ids = self.all(LINKED);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let db = match self.database_url.is_empty() {
                true => Db::open_lite(&self.folder.path().join("cartback.sqlite")).await.unwrap(),
                false => Db::open_pg(&self.database_url).await.unwrap(),
            };
            let vault = Vault::new(OperatorKeys::parse(KEY).unwrap());
            let keys = vault.keys(&mut db.read().await.unwrap(), ShopId::new(1)).await.unwrap();
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
