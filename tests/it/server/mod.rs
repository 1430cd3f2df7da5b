//! The real servers a story can stand on. Decides how they are found, started and, above all, ended: each is kept by a
//! `Watchdog`, so that nothing outlives the test process, however it ends. It never ends a process it did not start and
//! never uses a server that was running already.

pub mod kannel;
pub mod postgres;
pub mod smsc;
pub mod smtp;

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// A shell that outlives us by a moment. The kernel closes its standard input when this process ends, be it by
/// returning, a panic, Ctrl-C or a kill; the shell's script takes that as the word to stop its server and tidy up.
/// Statics are not dropped at the end of a process, which is why a `Drop` alone would not do.
pub struct Watchdog {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Watchdog {
    /// Runs `script` with `arguments` as `$1`, `$2` …; `shape` may set the user and the environment.
    ///
    /// Its own process group keeps Ctrl-C from reaching the shell and its server before the script has tidied up. What
    /// the script starts must not keep our output open: a pipe behind `cargo test` would wait for it.
    pub fn start(script: &str, arguments: &[&Path], shape: impl FnOnce(&mut Command)) -> io::Result<Watchdog> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg("watchdog").args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        shape(&mut command);
        let mut child = command.spawn()?;
        let orders = child.stdin.take();
        let answers = child.stdout.take().ok_or_else(|| io::Error::other("the watchdog has no output"))?;
        Ok(Watchdog { child, orders, answers: BufReader::new(answers) })
    }

    /// Gives the script one line and waits for its one-line answer.
    pub fn order(&mut self, line: &str) -> io::Result<String> {
        if let Some(orders) = &mut self.orders {
            writeln!(orders, "{line}")?;
        }
        self.answer()
    }

    pub fn answer(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}

/// Says that something is missing and what is skipped for it, or panics where the environment requires it.
pub fn missing(what: &str, switch: &str) {
    assert!(env::var_os(switch).is_none_or(|value| value != "1"), "{what}, and {switch}=1 requires it");
    say(&format!("skipped: {what} ({switch}=1 makes this an error)"));
}

/// One line past the test runner's capture, which hides what a passing test prints.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// The folder of shared test material: `CARTBACK_SHARED`, or `shared` beside the clone. `None` when it is not there.
pub fn shared() -> Option<PathBuf> {
    let folder = env::var_os("CARTBACK_SHARED")
        .filter(|named| !named.is_empty())
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    fs::canonicalize(folder).ok()
}

/// Ports nobody listens on now. Somebody else may take one before it is used, so starting a server is tried again.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A plain GET to a server on this machine: status and body.
pub fn get(url: &str) -> io::Result<(u16, String)> {
    let url = url::Url::parse(url).map_err(io::Error::other)?;
    let [host, port] = [url.host_str().unwrap_or_default().to_owned(), url.port().unwrap_or(80).to_string()];
    let mut stream = TcpStream::connect(format!("{host}:{port}"))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    write!(stream, "GET {}{query} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n", url.path())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("an answer without an end"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(|| io::Error::other("an answer without a status"))?, body.to_owned()))
}

/// What a server on this machine answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// Of the body as it came over the wire.
    pub bytes: usize,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Any request to a server on this machine, with the headers given and no others but what HTTP/1.1 needs.
pub fn call(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let url = url::Url::parse(url).map_err(io::Error::other)?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port().unwrap_or(80));
    let mut stream = TcpStream::connect((host, port))?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut head = format!("{method} {}{query} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n", url.path());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    write!(stream, "{head}content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("an answer without an end"))?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = &answer[end + 4..];
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("an answer without a status"))?;
    Ok(Answer { status, head, body: String::from_utf8_lossy(body).into_owned(), bytes: body.len() })
}

/// Asks a foreign process again and again, a few milliseconds apart, until it has something to say; panics after 10 s.
/// Only for what runs on its own clock: stories about our own code move time by hand.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(ANSWER_WITHIN, what, look)
}

/// As [`eventually`], for what takes longer on a busy machine.
pub fn eventually_within<T>(within: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + within;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "still waiting after {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
