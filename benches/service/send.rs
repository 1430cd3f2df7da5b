//! Send: carts that are due at once, and a gateway on this machine that takes whatever it is given.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{GATEWAY, House, load::tell, number};

/// Carts and texts of the past.
const FILLED: i64 = 2_000;

impl House {
    /// Carts that are due, and a gateway of the shop's own: so many a second are texted, from the program's first text to
    /// its last.
    fn leave(engine: &'static str, due: u64, gateway: &Gateway) -> Option<Left> {
        let house = House::with_due(engine, due, gateway, &[])?;
        gateway.until(1);
        let (begun, first, before) = (Instant::now(), gateway.taken(), house.cpu());
        gateway.until(due);
        let texts = (due - first) as f64;
        let cpu_ms = house.cpu().since(&before) * 1e3 / texts;
        Some(Left { per_second: texts / begun.elapsed().as_secs_f64(), cpu_ms })
    }

    /// So many carts that are due, the shop's gateway, and what else is to be done before the program begins.
    fn with_due(engine: &'static str, due: u64, gateway: &Gateway, more: &[&[&str]]) -> Option<House> {
        House::with_past(engine, FILLED, due, gateway, more)
    }

    /// The same with so many carts and texts of the past.
    pub fn with_past(engine: &'static str, past: i64, due: u64, gateway: &Gateway, more: &[&[&str]]) -> Option<House> {
        let due_words = due.to_string();
        let filled = past.to_string();
        let fill = ["bench", "fill", "--carts", &filled, "--messages", &filled, "--due", &due_words];
        let url = format!("url={}", gateway.url());
        let add = ["gateway", "add", "kannel", "--shop", "1", "--set", &url, "--set", "username=u"];
        let add = [&add[..], &["--set", "password=p", "--set", "from=12125550100"]].concat();
        House::filled(engine, &[&[&fill[..], &add[..]], more].concat())
    }

    /// Waits until all that are due are found and decided about while their gateway is paused; so many a second. Each is
    /// to wait, after every gate was asked.
    pub fn decides(&self) -> f64 {
        let (begun, first) = (Instant::now(), self.due());
        loop {
            let left = self.due();
            if left == 0 {
                return first as f64 / begun.elapsed().as_secs_f64();
            }
            assert!(begun.elapsed() < Duration::from_secs(600), "{left} wait");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has the program carry out a command beside the one at work.
    pub fn told(&self, words: &[&str]) {
        let output = super::program(self.folder.path(), &self.database_url, words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Carts that are due at once, decided, written to and handed to a gateway on this machine, beside a bare client that only
/// hands over as many. Each round is a house of its own: what was sent is not due again.
pub fn send(engine: &'static str) {
    let (rounds, due) = (number("ROUNDS", 5), number("DUE", 2_000));
    let (mut ours, mut ratios, mut plains, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let plain = Gateway::start(Duration::ZERO).bare(due);
        let Some(left) = House::leave(engine, due, &Gateway::start(Duration::ZERO)) else { return };
        ours.push(left.per_second);
        ratios.push(left.per_second / plain);
        plains.push(plain);
        cpu.push(left.cpu_ms);
    }
    println!("{engine} send, {rounds} rounds of {due} carts that are due");
    tell("per second", ours);
    tell("of a bare client", ratios);
    tell("bare client per second", plains);
    tell("CPU ms a text", cpu);
}

/// The same in two halves: carts found and decided about, to wait, while their gateway is paused; then, resumed, the sending,
/// with every gate asked again and each outcome recorded.
pub fn apart(engine: &'static str) {
    let (rounds, due) = (number("ROUNDS", 5), number("DUE", 2_000));
    let (mut decided, mut sent, mut ratios, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let plain = Gateway::start(Duration::ZERO).bare(due);
        let gateway = Gateway::start(Duration::ZERO);
        let Some(house) = House::with_due(engine, due, &gateway, &[&["gateway", "pause", GATEWAY, "--shop", "1"]])
        else {
            return;
        };
        decided.push(house.decides());
        house.told(&["gateway", "resume", &house.gateway, "--shop", "1"]);
        gateway.until(1);
        let (begun, first, before) = (Instant::now(), gateway.taken(), house.cpu());
        gateway.until(due);
        let texts = (due - first) as f64;
        sent.push(texts / begun.elapsed().as_secs_f64());
        ratios.push(texts / begun.elapsed().as_secs_f64() / plain);
        cpu.push(house.cpu().since(&before) * 1e3 / texts);
    }
    println!("{engine} in two halves, {rounds} rounds of {due} carts that are due");
    tell("decided a second", decided);
    tell("sent a second", sent);
    tell("sent, of a bare client", ratios);
    tell("CPU ms a text sent", cpu);
}

struct Left {
    per_second: f64,
    /// Of the program and the database.
    cpu_ms: f64,
}

/// A gateway in Kannel's words that accepts whatever it is given, at once.
pub struct Gateway {
    port: u16,
    taken: Arc<AtomicU64>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// Every different request.
    requests: HashSet<u64>,
    /// When each came, and of which shop.
    came: Vec<(Instant, u64)>,
}

impl Gateway {
    /// Answers each request after this long.
    pub fn start(delay: Duration) -> Gateway {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (taken, seen) = (Arc::new(AtomicU64::new(0)), Arc::<Mutex<Seen>>::default());
        let gateway = Gateway { port, taken: taken.clone(), seen: seen.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (taken, seen) = (taken.clone(), seen.clone());
                thread::spawn(move || accept(stream, delay, &taken, &seen));
            }
        });
        gateway
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/cgi-bin/sendsms", self.port)
    }

    pub fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Waits until so many were taken.
    pub fn until(&self, count: u64) {
        let begun = Instant::now();
        while self.taken() < count {
            assert!(begun.elapsed() < Duration::from_secs(600), "{} of {count} texts left", self.taken());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Requests that came more than once.
    pub fn twice(&self) -> u64 {
        self.taken() - self.seen.lock().unwrap().requests.len() as u64
    }

    /// When each request came, in that order, and of which shop.
    pub fn came(&self) -> Vec<(Instant, u64)> {
        self.seen.lock().unwrap().came.clone()
    }

    /// So many requests a second does a client make that does nothing else, sixteen at once.
    #[expect(clippy::disallowed_methods, reason = "the service's own client is what it is compared with")]
    fn bare(&self, count: u64) -> f64 {
        let url = format!("{}?to=%2B38640200000&text=bare", self.url());
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

fn accept(mut stream: TcpStream, delay: Duration, taken: &AtomicU64, seen: &Mutex<Seen>) {
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
            let mut hasher = DefaultHasher::new();
            buffer[..end].hash(&mut hasher);
            let shop = shop_of(&buffer[..end]);
            buffer.copy_within(end + 4..filled, 0);
            filled -= end + 4;
            let mut seen = seen.lock().unwrap();
            seen.requests.insert(hasher.finish());
            seen.came.push((Instant::now(), shop));
            drop(seen);
            taken.fetch_add(1, Ordering::Relaxed);
            thread::sleep(delay);
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

/// The shop of a text, by the reference in the address its receipts are to go to.
fn shop_of(request: &[u8]) -> u64 {
    let request = String::from_utf8_lossy(request);
    let reference = request.split_once("ref%3D").map_or("", |(_, rest)| rest);
    reference.split('.').next().and_then(|shop| shop.parse().ok()).unwrap_or(0)
}
