//! The one door out: every call to a gateway or a shop's API goes through `Http`.
//!
//! The outcome says what the caller must decide on: an answer, "the request provably never left" (safe to repeat), or
//! "unknown" (it may have been acted on). The guarded client resolves names itself, refuses addresses inside private
//! networks unless the operator set the connection up for one, follows no redirects, and bounds time and size.

use std::{
    fmt,
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;

pub type Exchange<'a> = Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send + 'a>>;

/// A client for HTTP requests. Object-safe, so that stories can put a shopkeeper's worst day behind it.
pub trait Http: Send + Sync {
    fn exchange(&self, request: Request) -> Exchange<'_>;
}

/// One request. `Debug` shows the method and the host only: URLs of gateways carry passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: Method,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The operator chose this address: private networks are allowed.
    pub private: bool,
    /// The answer's body is cut at so many bytes.
    pub room: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Request {
    pub fn get(url: impl Into<String>) -> Request {
        Request {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            private: false,
            room: ANSWER_BYTES_MAX,
        }
    }

    /// A form body, percent-encoded.
    pub fn form<'a>(url: impl Into<String>, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Request {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Request { method: Method::Post, body: body.into_bytes(), ..Request::get(url) }
            .header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn json(url: impl Into<String>, body: &serde_json::Value) -> Request {
        Request { method: Method::Post, body: body.to_string().into_bytes(), ..Request::get(url) }
            .header("content-type", "application/json")
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn basic_auth(self, user: &str, password: &str) -> Request {
        let pair = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        self.header("authorization", format!("Basic {pair}"))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = url::Url::parse(&self.url).ok().and_then(|url| url.host_str().map(str::to_owned));
        write!(f, "{:?} {} ({} bytes)", self.method, host.as_deref().unwrap_or("?"), self.body.len())
    }
}

/// An answer, its body cut at the request's `room`.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer. The text names no URL and no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing reached the other side: name not found, connection refused, TLS refused. Safe to repeat.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The address is not one we may call. Never repeated.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// It may or may not have been acted on: timed out or cut after the request began to leave.
    #[error("unknown outcome: {0}")]
    Unknown(String),
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The real client.
pub struct GuardedHttp {
    public: reqwest::Client,
    private: reqwest::Client,
    /// Who speaks SMPP, to whom addresses of message centres are handed; it guards them by itself.
    smpp: Option<Arc<dyn Http>>,
}

/// Addresses of message centres: without TLS and with it.
pub const SMPP_SCHEMES: [&str; 2] = ["smpp", "smpps"];

impl GuardedHttp {
    /// Needs a rustls provider to have been installed (`main` does it once).
    pub fn new() -> Result<GuardedHttp, reqwest::Error> {
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(TOTAL_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .user_agent(concat!("cartback/", env!("CARGO_PKG_VERSION")))
        };
        let public = builder().dns_resolver(Arc::new(PublicOnly)).build()?;
        Ok(GuardedHttp { public, private: builder().build()?, smpp: None })
    }

    /// The same with a speaker of SMPP; without one addresses of message centres are not allowed.
    pub fn with_smpp(self, sessions: Arc<dyn Http>) -> GuardedHttp {
        GuardedHttp { smpp: Some(sessions), ..self }
    }

    async fn call(&self, request: Request) -> Result<Response, HttpError> {
        let url = url::Url::parse(&request.url).map_err(|_| HttpError::NotAllowed("not a URL".into()))?;
        if SMPP_SCHEMES.contains(&url.scheme()) {
            let Some(sessions) = &self.smpp else {
                return Err(HttpError::NotAllowed("message centres are not spoken to here".into()));
            };
            return sessions.exchange(request).await;
        }
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
            return Err(HttpError::NotAllowed("only plain http(s) addresses".into()));
        }
        if !request.private {
            check_public(&url)?;
        }
        let most = request.room;
        let client = if request.private { &self.private } else { &self.public };
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
        };
        let call = request
            .headers
            .iter()
            .fold(client.request(method, url), |call, (name, value)| call.header(name, value))
            .body(request.body);
        let mut answer = call.send().await.map_err(no_answer)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|_| HttpError::Unknown("the answer broke off".into()))? {
            let room = most.saturating_sub(body.len());
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() >= most {
                break;
            }
        }
        Ok(Response { status, headers, body })
    }
}

impl Http for GuardedHttp {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(self.call(request))
    }
}

/// reqwest's own texts print URLs, which hold passwords: only the kind of failure is kept.
fn no_answer(error: reqwest::Error) -> HttpError {
    if error.is_builder() {
        HttpError::NotAllowed("a header or the address has characters HTTP does not allow".into())
    } else if refused_by_guard(&error) {
        HttpError::NotAllowed("the name leads into a private network".into())
    } else if error.is_connect() {
        HttpError::NotSent("no connection".into())
    } else if error.is_timeout() {
        HttpError::Unknown("no answer in time".into())
    } else {
        HttpError::Unknown("the connection broke".into())
    }
}

fn refused_by_guard(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<PrivateAddress>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Whether an address may be called without the operator's word, as far as it tells by itself; where its name leads is asked
/// when it is resolved.
pub fn check_public(url: &url::Url) -> Result<(), HttpError> {
    let literal = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(url::Host::Domain(_)) => None,
        None => return Err(HttpError::NotAllowed("no host".into())),
    };
    if url.scheme() != "https" {
        return Err(HttpError::NotAllowed("only https outside private networks".into()));
    }
    if url.port().is_some_and(|port| port < PORT_LEAST) {
        return Err(HttpError::NotAllowed("that port is for another service than a web one".into()));
    }
    match literal {
        Some(ip) if !is_public(ip) => Err(HttpError::NotAllowed("the address is in a private network".into())),
        _ => Ok(()),
    }
}

/// Beside 443. Below are mail, names, shells and their like: a shop must not have us knock there. Gateways that people run
/// themselves are on all kinds of ports above.
const PORT_LEAST: u16 = 1024;

/// Networks that are not the public internet: IANA's special-purpose registries for IPv4 and IPv6.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/127",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Whether an address may be called without the operator's word. IPv4 inside IPv6 (mapped, compatible, NAT64) counts as
/// the IPv4 it carries.
pub fn is_public(ip: IpAddr) -> bool {
    let ip = match ip {
        IpAddr::V6(v6) => {
            let parts = v6.segments();
            let carried = || {
                let [a, b] = [parts[6].to_be_bytes(), parts[7].to_be_bytes()];
                IpAddr::from([a[0], a[1], b[0], b[1]])
            };
            match parts {
                [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => carried(),
                [0, 0, 0, 0, 0, 0, high, _] if high != 0 => carried(),
                _ => ip,
            }
        }
        IpAddr::V4(_) => ip,
    };
    !NOT_PUBLIC.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&ip))
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads into a private network")]
struct PrivateAddress;

/// Checks every address of a name at the moment of connecting: a name that changed since it was saved is caught here.
struct PublicOnly;

impl reqwest::dns::Resolve for PublicOnly {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let found = judged(tokio::net::lookup_host((name.as_str(), 0)).await?.collect())?;
            Ok(Box::new(found.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

/// One private address among several is enough: which one is connected to is not ours to choose.
fn judged(found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PrivateAddress> {
    if found.iter().any(|address| !is_public(address.ip())) { Err(PrivateAddress) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_seen_through_every_disguise() {
        for address in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:7f00:1",
            "64:ff9b::7f00:1",
            "::7f00:1",
            "fe80::1",
            "fd00::1",
            "255.255.255.255",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_we_may_not_call_are_refused_before_any_packet() {
        for address in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "http://example.com/",
            "https://127。0。0。1/",
            "https://mail.example.com:25/",
            "https://mail.example.com:993/",
            "https://web.example.com:80/",
        ] {
            let url = url::Url::parse(address).unwrap();
            assert!(check_public(&url).is_err(), "{address}");
        }
        for address in
            ["https://api.example.com/send", "https://api.example.com:443/", "https://sms.example.com:13013/"]
        {
            assert!(check_public(&url::Url::parse(address).unwrap()).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_request_never_prints_its_secrets() {
        let request = Request::get("https://sms.example.com/send?password=hunter2").basic_auth("me", "hunter2");
        assert_eq!(format!("{request:?}"), "Get sms.example.com (0 bytes)");
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads_when_it_is_called() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let door = GuardedHttp::new().unwrap();
        let inside = HttpError::NotAllowed("the name leads into a private network".into());
        assert_eq!(door.exchange(Request::get("https://localhost:9443/")).await, Err(inside));
        // Whom the operator opened it to is called, and nobody is there.
        let opened = Request { private: true, ..Request::get("https://localhost:9443/") };
        assert!(matches!(door.exchange(opened).await, Err(HttpError::NotSent(_))));
    }

    #[test]
    fn a_name_with_one_private_address_among_public_ones_is_private() {
        let read = |all: &[&str]| all.iter().map(|address| format!("{address}:0").parse().unwrap()).collect::<Vec<_>>();
        assert!(judged(read(&["1.1.1.1", "[2606:4700::1111]"])).is_ok());
        for inside in ["127.0.0.1", "[::ffff:10.0.0.1]", "[fd00::1]"] {
            assert!(judged(read(&["1.1.1.1", inside])).is_err(), "{inside}");
        }
    }

    /// Through the door itself: an address that needs no look-up never meets the resolver's judgement.
    #[tokio::test]
    async fn no_disguise_opens_the_door() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let door = GuardedHttp::new().unwrap();
        let hosts = [
            "127.0.0.1",
            "localhost",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fd00::1]",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "127。0。0。1",
            "a@127.0.0.1",
            "user:password@1.1.1.1",
        ];
        let own_way =
            ["http://1.1.1.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://1.1.1.1/", "//1.1.1.1/", ""];
        let all = hosts.iter().map(|host| format!("https://{host}:9443/")).chain(own_way.map(str::to_owned));
        for address in all {
            let answer = door.exchange(Request::get(address.clone())).await;
            assert!(matches!(answer, Err(HttpError::NotAllowed(_))), "{address}: {answer:?}");
        }
        // What stands behind the `#` is no host.
        let hidden = door.exchange(Request::get("https://localhost#@1.1.1.1/")).await;
        assert!(matches!(hidden, Err(HttpError::NotAllowed(_))), "{hidden:?}");
    }

    #[tokio::test]
    async fn redirects_are_told_and_answers_are_cut() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}/", listener.local_addr().unwrap());
        let (moved, long) = (format!("location: {here}elsewhere\r\ncontent-length: 0"), "x".repeat(200));
        let answers = [
            format!("HTTP/1.1 302 Found\r\n{moved}\r\n\r\n"),
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{long}", long.len()),
        ];
        let server = tokio::spawn(async move {
            let mut asked = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 1024];
                let read = stream.read(&mut head).await.unwrap();
                asked.push(String::from_utf8_lossy(&head[..read]).lines().next().unwrap_or_default().to_owned());
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            asked
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let door = GuardedHttp::new().unwrap();
        let ask = |room| door.exchange(Request { private: true, room, ..Request::get(here.clone()) });
        let moved = ask(64).await.unwrap();
        assert_eq!((moved.status, moved.header("location")), (302, Some(format!("{here}elsewhere").as_str())));
        assert_eq!(ask(64).await.unwrap().body, "x".repeat(64).into_bytes());
        assert_eq!(server.await.unwrap(), ["GET / HTTP/1.1"; 2]);
    }

    #[tokio::test]
    async fn addresses_of_message_centres_go_to_who_speaks_to_them() {
        struct Centre;
        impl Http for Centre {
            fn exchange(&self, request: Request) -> Exchange<'_> {
                Box::pin(async move { Ok(Response { status: 200, headers: vec![], body: request.body }) })
            }
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let door = GuardedHttp::new().unwrap();
        let request = || Request { body: b"a text".to_vec(), ..Request::get("smpp://sms.example.com:2775") };
        assert!(matches!(door.exchange(request()).await, Err(HttpError::NotAllowed(_))));
        let door = door.with_smpp(Arc::new(Centre));
        assert_eq!(door.exchange(request()).await.unwrap().body, b"a text");
    }
}
