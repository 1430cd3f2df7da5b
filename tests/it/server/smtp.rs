//! A mail server on this machine, as far as a story needs one: it takes letters, puts them off, refuses them, or hangs up
//! once it has one. It speaks plain SMTP (RFC 5321) on 127.0.0.1 and keeps what it took, word for word.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use cartback::{mail::Smtp, pipeline::digest::Post, web::letter};
use data_encoding::BASE64;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How the next letter ends; all others are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Put off when its reader is named.
    Later,
    /// Put off after it was handed over.
    LaterAtTheEnd,
    /// No such reader.
    Refused,
    /// The connection breaks after the letter was handed over.
    HungUp,
    /// The connection breaks before anything was said.
    Unreachable,
}

#[derive(Default)]
struct Kept {
    script: VecDeque<Ends>,
    letters: Vec<Letter>,
    calls: usize,
}

/// A letter as it came over the wire.
#[derive(Clone, Debug)]
pub struct Letter {
    pub to: String,
    pub raw: String,
}

pub struct Server {
    pub port: u16,
    kept: Arc<Mutex<Kept>>,
    listening: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let shared = kept.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let ends = {
                    let mut kept = shared.lock().unwrap();
                    kept.calls += 1;
                    kept.script.pop_front()
                };
                tokio::spawn(talk(stream, ends, shared.clone()));
            }
        });
        Server { port, kept, listening }
    }

    pub fn smtp(&self) -> Smtp {
        let url = format!("smtp://127.0.0.1:{}?tls=none", self.port);
        Smtp::parse(&url, "Cartback <reports@cb.example>").unwrap()
    }

    /// As `App::open` wires it.
    pub fn post(&self) -> Post {
        let smtp = self.smtp();
        Post {
            place: smtp.place(),
            mail: Arc::new(smtp),
            write: letter::write,
            tell_reset: letter::tell_reset,
            tell_silence: letter::tell_silence,
        }
    }

    /// The next conversations end so.
    pub fn next(&self, ends: impl IntoIterator<Item = Ends>) {
        self.kept.lock().unwrap().script.extend(ends);
    }

    /// What it took since this was last asked.
    pub fn letters(&self) -> Vec<Letter> {
        std::mem::take(&mut self.kept.lock().unwrap().letters)
    }

    /// How often it was called.
    pub fn calls(&self) -> usize {
        self.kept.lock().unwrap().calls
    }
}

async fn talk(stream: TcpStream, ends: Option<Ends>, kept: Arc<Mutex<Kept>>) {
    if ends == Some(Ends::Unreachable) {
        return;
    }
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let mut to = String::new();
    let mut answer = "220 mail.example ESMTP".to_owned();
    loop {
        if writer.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return;
        }
        let Ok(Some(line)) = lines.next_line().await else { return };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        answer = match (verb.as_str(), ends) {
            ("EHLO", _) => "250-mail.example\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            ("RCPT", Some(Ends::Later)) => "451 4.7.1 Greylisted, try again later".to_owned(),
            ("RCPT", Some(Ends::Refused)) => format!("550 5.1.1 No such reader {line}"),
            ("RCPT", _) => {
                to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                "250 OK".to_owned()
            }
            ("DATA", _) => {
                let _ = writer.write_all(b"354 Go on\r\n").await;
                let mut raw = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    raw.push_str("\r\n");
                }
                match ends {
                    Some(Ends::HungUp) => return,
                    Some(Ends::LaterAtTheEnd) => "452 4.3.1 The disk is full".to_owned(),
                    _ => {
                        kept.lock().unwrap().letters.push(Letter { to: to.clone(), raw });
                        "250 Taken".to_owned()
                    }
                }
            }
            ("QUIT", _) => "221 Bye".to_owned(),
            _ => "250 OK".to_owned(),
        };
    }
}

impl Letter {
    /// A header, unfolded, with its encoded words read; "" without one.
    pub fn header(&self, name: &str) -> String {
        let (head, _) = self.raw.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let found = head.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        });
        encoded_words(&found.unwrap_or_default())
    }

    /// The part of this type, decoded.
    pub fn part(&self, kind: &str) -> String {
        let (_, boundary) = self.raw.split_once("boundary=\"").expect("a boundary");
        let boundary = format!("--{}", boundary.split('"').next().unwrap());
        let part = self.raw.split(&boundary).find(|part| part.contains(&format!("Content-Type: {kind}")));
        let (head, body) = part.unwrap_or_else(|| panic!("no {kind} in {}", self.raw)).split_once("\r\n\r\n").unwrap();
        match () {
            () if head.contains("base64") => String::from_utf8(BASE64.decode(join(body).as_bytes()).unwrap()).unwrap(),
            () if head.contains("quoted-printable") => quoted(body),
            () => body.to_owned(),
        }
        .replace("\r\n", "\n")
    }
}

fn join(body: &str) -> String {
    body.split_whitespace().collect()
}

fn quoted(body: &str) -> String {
    let body = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first == b'=' && after.len() >= 2 {
            let hex = std::str::from_utf8(&after[..2]).unwrap();
            bytes.push(u8::from_str_radix(hex, 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// `=?utf-8?b?…?=` words, joined (RFC 2047).
fn encoded_words(value: &str) -> String {
    let mut said = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("=?utf-8?b?") {
        // What parts two encoded words is no part of either.
        said.push_str(if said.is_empty() || !before.trim().is_empty() { before } else { "" });
        let (word, behind) = after.split_once("?=").unwrap();
        said.push_str(&String::from_utf8_lossy(&BASE64.decode(word.as_bytes()).unwrap()));
        rest = behind;
    }
    said + rest
}
