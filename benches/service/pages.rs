//! Pages: what a person waits for, on a database of `CARTS` (100,000) carts and as many texts; and the start of the program.

use std::{
    io::Write,
    net::TcpStream,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use super::{
    House,
    load::{answered, percentile, tell},
    number,
};

const PAGES: [&str; 6] = ["/", "/report", "/carts", "/texts", "/orders", "/attribution"];
const TIMES: usize = 200;

pub fn pages(engine: &'static str) {
    let carts = number("CARTS", 100_000).to_string();
    let Some(house) = House::filled(engine, &[&["bench", "fill", "--carts", &carts, "--messages", &carts]]) else {
        return;
    };
    // Its figures are added up first.
    house.rest(Duration::from_secs(3600));
    let cookie = house.sign_in();
    println!("{engine} pages with {carts} carts and texts, {TIMES} times each, one after the other");
    for page in PAGES {
        let mut took = house.opens(page, &cookie);
        println!(
            "  {page:24} {:12.2} ms (half), {:.2} ms (95 of 100)",
            percentile(&mut took, 50),
            percentile(&mut took, 95)
        );
    }
    let mut house = house;
    tell("start to first 200, ms", house.starts());
}

impl House {
    /// Milliseconds from the start of the program to its first good answer; the one at work is ended before.
    pub fn starts(&mut self) -> Vec<f64> {
        let mut took = Vec::new();
        for _ in 0..number("ROUNDS", 5) {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let begun = Instant::now();
            let listen = format!("127.0.0.1:{}", self.port);
            let mut command = super::program(self.folder.path(), &self.database_url, &["serve", "--listen", &listen]);
            self.child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            loop {
                let answer = TcpStream::connect(("127.0.0.1", self.port)).ok().and_then(|mut stream| {
                    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").ok()?;
                    answered(&mut stream, &mut vec![0; 16 * 1024])
                });
                if answer == Some(200) {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        took
    }

    /// How long a page took, one time after the other.
    pub fn opens(&self, page: &str, cookie: &str) -> Vec<Duration> {
        let request = format!("GET {page} HTTP/1.1\r\nhost: 127.0.0.1\r\ncookie: {cookie}\r\n\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut buffer = vec![0; 4 * 1024 * 1024];
        let mut open = || {
            let begun = Instant::now();
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(answered(&mut stream, &mut buffer), Some(200), "{page}");
            begun.elapsed()
        };
        (0..TIMES).map(|_| open()).collect()
    }

    /// The cookie of the owner.
    pub fn sign_in(&self) -> String {
        let output = super::program(self.folder.path(), &self.database_url, &["user", "link"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let link = said.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_else(|| panic!("{said}"));
        let (_, path) = link.split_once("//").and_then(|(_, rest)| rest.split_once('/')).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let ours = "host: 127.0.0.1\r\nsec-fetch-site: same-origin\r\ncontent-length: 0";
        write!(stream, "POST /{path} HTTP/1.1\r\n{ours}\r\n\r\n").unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let read = std::io::Read::read(&mut stream, &mut buffer).unwrap();
        let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let cookie = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("set-cookie").then(|| value.split(';').next().unwrap_or_default().to_owned())
        });
        cookie.unwrap_or_else(|| panic!("no cookie: {answer}"))
    }
}
