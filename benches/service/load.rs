//! Load: keeps connections busy, or asks at a given rate, and tells what it saw.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{CONNECTIONS, House, number};

/// What a figure is held against.
pub struct Reference {
    pub name: &'static str,
    pub port: u16,
    pub good: u16,
    pub path: String,
}

impl Reference {
    /// The plainest answer the program has.
    pub fn alive(port: u16) -> Reference {
        Reference { name: "alive", port, good: 200, path: "/healthz".to_owned() }
    }

    /// What `variable` names (`http://127.0.0.1:9090/path`), an address of another server on this machine.
    pub fn named(variable: &str, good: u16) -> Option<Reference> {
        let address = std::env::var(variable).ok()?;
        let (port, path) = address.strip_prefix("http://127.0.0.1:")?.split_once('/')?;
        Some(Reference { name: "another server", port: port.parse().ok()?, good, path: format!("/{path}") })
    }

    fn request(&self) -> String {
        format!("GET {} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n", self.path)
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
    pub fn in_turns(&self, name: &str, good: u16, request: &(dyn Fn() -> String + Sync), reference: &Reference) {
        let (rounds, seconds) = (number("ROUNDS", 5), number("SECONDS", 3));
        let mut seen: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        let mut bad = 0;
        for _ in 0..rounds {
            let ours = load(self.port, good, request, Duration::from_secs(seconds));
            let plain = load(reference.port, reference.good, &|| reference.request(), Duration::from_secs(seconds));
            bad += ours.bad + plain.bad;
            for (what, figure) in [
                ("per second", ours.per_second),
                ("p99 ms", ours.p99),
                ("of the reference", ours.per_second / plain.per_second),
                ("reference per second", plain.per_second),
            ] {
                seen.entry(what).or_default().push(figure);
            }
        }
        println!(
            "{} {name} (reference: {}), {rounds} rounds of {seconds} s, {CONNECTIONS} connections, {bad} failed",
            self.engine, reference.name
        );
        for (what, figures) in seen {
            tell(what, figures);
        }
    }
}

/// A connection that asks one thing after the other.
struct Line {
    port: u16,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Line {
    fn open(port: u16) -> Line {
        Line { port, stream: connect(port), buffer: vec![0; 16 * 1024] }
    }

    /// Whether it was answered well; after an answer that was not, the connection is another.
    fn asks(&mut self, text: &str, good: u16) -> bool {
        self.stream.write_all(text.as_bytes()).unwrap();
        let is_good = answered(&mut self.stream, &mut self.buffer) == Some(good);
        if !is_good {
            self.stream = connect(self.port);
        }
        is_good
    }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// On every connection at once: what each measured, together.
fn on_all(port: u16, sender: &(dyn Fn(Line) -> Vec<Duration> + Sync)) -> Vec<Duration> {
    thread::scope(|scope| {
        let senders: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(|| sender(Line::open(port)))).collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    })
}

/// Keeps every connection busy with one request after the other.
fn load(port: u16, good: u16, request: &(dyn Fn() -> String + Sync), span: Duration) -> Round {
    let (bad, begun) = (AtomicU64::new(0), Instant::now());
    let mut took = on_all(port, &|mut line| {
        let mut took = Vec::new();
        while begun.elapsed() < span {
            let text = request();
            let sent = Instant::now();
            if line.asks(&text, good) {
                took.push(sent.elapsed());
            } else {
                bad.fetch_add(1, Ordering::Relaxed);
            }
        }
        took
    });
    let per_second = took.len() as f64 / begun.elapsed().as_secs_f64();
    Round { per_second, p99: percentile(&mut took, 99), bad: bad.into_inner() }
}

/// Reads one answer to its end; its status.
pub fn answered(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<u16> {
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

/// The median of all rounds, the lowest and the highest.
pub fn tell(what: &str, mut figures: Vec<f64>) {
    figures.sort_by(f64::total_cmp);
    let (low, high) = (figures[0], figures[figures.len() - 1]);
    println!("  {what:24} {:12.3}  ({low:.3} to {high:.3})", figures[figures.len() / 2]);
}

/// Milliseconds within which so many of a hundred were answered.
pub fn percentile(took: &mut [Duration], hundredths: usize) -> f64 {
    took.sort();
    took.get((took.len() * hundredths / 100).min(took.len().saturating_sub(1)))
        .map_or(0.0, |took| took.as_secs_f64() * 1e3)
}

/// Asks so often a second, whether the last answer came or not: how long each took from the moment it was due, and how many
/// were not answered well.
pub fn paced(port: u16, rate: f64, span: Duration, request: &(dyn Fn() -> String + Sync)) -> (Vec<Duration>, u64) {
    let (next, bad, begun) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now());
    let took = on_all(port, &|mut line| {
        let mut took = Vec::new();
        loop {
            let due = begun + Duration::from_secs_f64(next.fetch_add(1, Ordering::Relaxed) as f64 / rate);
            if due > begun + span {
                return took;
            }
            let text = request();
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if line.asks(&text, 200) {
                took.push(due.elapsed());
            } else {
                bad.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (took, bad.into_inner())
}
