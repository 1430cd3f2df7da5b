//! The door for mail: every letter leaves through `Mail`. Decides how a mail server is reached and what its answer means;
//! what is written, to whom and when is the pipeline's.
//!
//! The outcome says what the caller must decide on: taken, "not now" (it provably did not leave: safe to repeat), refused
//! for good, or "unknown" (it may have been taken). Hence the conversation is led here command by command: up to the
//! letter itself nothing has left. No error names an address, and no secret is in any of them or in a `Debug`.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{ClientId, Extension, MailParameter},
    },
};
use secrecy::{ExposeSecret, SecretString};

use crate::domain::time::Time;

pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// Somebody who takes letters. Object-safe, so that stories can read them.
pub trait Mail: Send + Sync {
    fn send(&self, letter: Letter) -> Sending<'_>;
}

/// A letter to one reader, in two forms that say the same. `Debug` shows neither the address nor a word.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// An e-mail address.
    pub to: String,
    /// What the reader is called; "" when not known.
    pub name: String,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Names this letter among all: a mail server that sees it twice may keep one. Letters, digits, dots and dashes.
    pub id: String,
    /// Where a `POST` stops letters like this one (RFC 8058).
    pub stop_url: Option<String>,
    pub at: Time,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({}, {} bytes)", self.id, self.text.len() + self.html.len())
    }
}

/// Why a letter was not taken. The text is for people and names no address of the reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It did not leave. Worth another try.
    #[error("{0}")]
    Later(String),
    /// The mail server does not take it, now or later.
    #[error("{0}")]
    Refused(String),
    /// It may have been taken.
    #[error("{0}")]
    Unknown(String),
}

/// How the way to the mail server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    /// From the first byte (`smtps://`).
    Tls,
    /// By STARTTLS, or nothing is said at all (`smtp://`).
    StartTls,
    /// Not (`smtp://…?tls=none`): a relay on the same machine or network.
    None,
}

/// A mail server and what stands in `From`.
#[derive(Clone)]
pub struct Smtp {
    host: String,
    port: u16,
    secrecy: Secrecy,
    /// Name and password.
    account: Option<(String, SecretString)>,
    from: Mailbox,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({})", self.place())
    }
}

/// Connecting, greeting, signing in and saying for whom it is.
const PREPARE_WITHIN: Duration = Duration::from_secs(15);
/// The letter itself and the answer to it.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(15);
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);
/// Of a mail server's own words.
const SAID_CHARS_MAX: usize = 160;

impl Smtp {
    /// Reads `smtps://name:password@host:465`, `smtp://host:587` (STARTTLS, always) or `smtp://host:25?tls=none`, with
    /// whatever is special in name and password percent-encoded; and the sender's address, as in
    /// `Cartback <reports@example.com>`. An error ends the phrase "… must ".
    pub fn parse(url: &str, from: &str) -> Result<Smtp, String> {
        let from = parse_from(from)?;
        let shape = || "be smtps://name:password@host:465 or smtp://name:password@host:587".to_owned();
        let parsed = url::Url::parse(url).map_err(|_| shape())?;
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(shape)?;
        let tls = parsed.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let secrecy = match (parsed.scheme(), tls.as_deref()) {
            ("smtps", None | Some("required")) => Secrecy::Tls,
            ("smtp", None | Some("required")) => Secrecy::StartTls,
            ("smtp", Some("none")) => Secrecy::None,
            ("smtps", Some(_)) => return Err("leave tls= away: smtps:// is always protected".into()),
            ("smtp", Some(_)) => return Err("say tls=required or tls=none behind the question mark".into()),
            _ => return Err(shape()),
        };
        if parsed.query_pairs().any(|(name, _)| name != "tls") || !matches!(parsed.path(), "" | "/") {
            return Err("have nothing behind the host but tls=required or tls=none".into());
        }
        let port = parsed.port().unwrap_or(match secrecy {
            Secrecy::Tls => 465,
            Secrecy::StartTls => 587,
            Secrecy::None => 25,
        });
        let password = parsed.password().map(decoded).unwrap_or_default();
        let account = match decoded(parsed.username()) {
            name if name.is_empty() => None,
            _ if password.is_empty() => return Err("have a password beside the name".into()),
            name => Some((name, SecretString::from(password))),
        };
        if account.is_some() && secrecy == Secrecy::None && !is_here(host) {
            return Err("not send a password unprotected: leave tls=none away, or the name and password".into());
        }
        Ok(Smtp { host: host.to_owned(), port, secrecy, account, from })
    }

    /// Where it is, for people: without name and password.
    pub fn place(&self) -> String {
        let how = match self.secrecy {
            Secrecy::Tls => "TLS",
            Secrecy::StartTls => "STARTTLS",
            Secrecy::None => "unprotected",
        };
        format!("{}:{}, {how}, from {}", self.host, self.port, self.from.email)
    }

    async fn deliver(&self, letter: Letter) -> Result<(), NotSent> {
        let (to, bytes) = self.written(&letter)?;
        let mut line = within(PREPARE_WITHIN, self.prepare(&to))
            .await
            .unwrap_or_else(|| Err(NotSent::Later("The mail server did not answer in time.".to_owned())))?;
        let taken = match within(HAND_OVER_WITHIN, line.message(&bytes)).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(of_letter(&error)),
            None => Err(NotSent::Unknown("The mail server said nothing after it had the letter.".to_owned())),
        };
        let _ = within(GOODBYE_WITHIN, line.quit()).await;
        taken
    }

    /// Everything up to the letter: nothing has left when this fails.
    async fn prepare(&self, to: &Address) -> Result<AsyncSmtpConnection, NotSent> {
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        // An IPv6 address has brackets in a URL and nowhere else.
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let tls = || TlsParameters::new(host.to_owned()).map_err(|error| of_house(&error));
        let implicit = if self.secrecy == Secrecy::Tls { Some(tls()?) } else { None };
        let server = (host, self.port);
        let mut line = AsyncSmtpConnection::connect_tokio1(server, Some(PREPARE_WITHIN), &hello, implicit, None)
            .await
            .map_err(|error| of_house(&error))?;
        if self.secrecy == Secrecy::StartTls {
            if !line.can_starttls() {
                return Err(NotSent::Later("The mail server does not offer STARTTLS.".to_owned()));
            }
            line.starttls(tls()?, &hello).await.map_err(|error| of_house(&error))?;
        }
        if let Some((name, password)) = &self.account {
            let account = Credentials::new(name.clone(), password.expose_secret().to_owned());
            let signed_in = line.auth(DEFAULT_MECHANISMS, &account).await;
            signed_in.map_err(|error| NotSent::Later(format!("Signing in failed. {}", said(&error))))?;
        }
        let mut options = Vec::new();
        if !to.to_string().is_ascii() || !self.from.email.to_string().is_ascii() {
            if !line.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = "The mail server does not take addresses with letters outside ASCII.";
                return Err(NotSent::Refused(why.to_owned()));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        let asked = async {
            line.command(MailFrom::new(Some(self.from.email.clone()), options)).await?;
            line.command(Rcpt::new(to.clone(), Vec::new())).await?;
            line.command(Data).await
        };
        match asked.await {
            Ok(_) => Ok(line),
            Err(error) => {
                let _ = within(GOODBYE_WITHIN, line.quit()).await;
                Err(of_address(&error))
            }
        }
    }

    /// The letter as it goes over the wire.
    fn written(&self, letter: &Letter) -> Result<(Address, Vec<u8>), NotSent> {
        let wrong = |what: &str| NotSent::Refused(format!("The letter could not be written: {what}."));
        let to: Address = letter.to.parse().map_err(|_| wrong("this is no e-mail address"))?;
        let name = Some(letter.name.clone()).filter(|name| !name.is_empty());
        let at = SystemTime::checked_add(&UNIX_EPOCH, Duration::from_millis(letter.at.millis().unsigned_abs()));
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(name, to.clone()))
            .subject(&letter.subject)
            .date(at.unwrap_or(UNIX_EPOCH))
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            // Nobody on holiday need answer (RFC 3834).
            .raw_header(header("Auto-Submitted", "auto-generated"));
        if let Some(url) = &letter.stop_url {
            builder = builder
                .raw_header(header("List-Unsubscribe", &format!("<{url}>")))
                .raw_header(header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"));
        }
        let both = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        let message = builder.multipart(both).map_err(|_| wrong("an address is missing"))?;
        Ok((to, message.formatted()))
    }
}

impl Mail for Smtp {
    fn send(&self, letter: Letter) -> Sending<'_> {
        Box::pin(self.deliver(letter))
    }
}

/// The sender's address. An error ends the phrase "… must ".
pub fn parse_from(typed: &str) -> Result<Mailbox, String> {
    typed.parse().map_err(|_| "be an e-mail address, as in Cartback <reports@example.com>".to_owned())
}

/// Encoded as it is: folded, a link would be broken for programs that read it.
fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.to_owned(), value.to_owned())
}

async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, work).await.ok()
}

/// Before anything was said of a letter: whatever it is, somebody can mend it.
fn of_house(error: &Error) -> NotSent {
    NotSent::Later(match () {
        () if error.is_tls() => "The mail server’s certificate is not good for its name.".to_owned(),
        () if error.status().is_some() => said(error),
        () if error.is_timeout() => "The mail server did not answer in time.".to_owned(),
        () => "The mail server cannot be reached, or no safe connection with it came about.".to_owned(),
    })
}

fn of_address(error: &Error) -> NotSent {
    if error.is_permanent() { NotSent::Refused(said(error)) } else { NotSent::Later(said(error)) }
}

fn of_letter(error: &Error) -> NotSent {
    match () {
        () if error.is_permanent() => NotSent::Refused(said(error)),
        () if error.is_transient() => NotSent::Later(said(error)),
        () => NotSent::Unknown("The connection broke after the mail server had the letter.".to_owned()),
    }
}

/// What a mail server answered: its code and the first of its words, addresses taken out.
fn said(error: &Error) -> String {
    let Some(code) = error.status() else { return "The connection to the mail server broke.".to_owned() };
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let plain = words.split_whitespace().filter(|word| !word.contains('@')).collect::<Vec<_>>().join(" ");
    let short: String = plain.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect();
    format!("The mail server answered {code} {short}").trim_end().to_owned() + "."
}

/// Whether a host is this machine.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Percent-encoded text; the form decoder would take a plus for a space.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "Cartback <reports@shop.example>";

    #[test]
    fn servers_are_read_from_one_address() {
        #[track_caller]
        fn check(url: &str, place: &str, account: Option<(&str, &str)>) {
            let smtp = Smtp::parse(url, FROM).unwrap();
            assert_eq!(smtp.place(), format!("{place}, from reports@shop.example"));
            let read = smtp.account.as_ref().map(|(name, password)| (name.as_str(), password.expose_secret()));
            assert_eq!(read, account);
        }
        check("smtps://me:pass@mail.example", "mail.example:465, TLS", Some(("me", "pass")));
        check(
            "smtp://me%40shop.example:a+b%26%2F@mail.example:2525?tls=required",
            "mail.example:2525, STARTTLS",
            Some(("me@shop.example", "a+b&/")),
        );
        check("smtp://relay?tls=none", "relay:25, unprotected", None);
        check("smtp://me:pass@127.0.0.1:1025?tls=none", "127.0.0.1:1025, unprotected", Some(("me", "pass")));
        check("smtp://me:pass@[::1]:1025?tls=none", "[::1]:1025, unprotected", Some(("me", "pass")));
    }

    #[test]
    fn what_cannot_be_a_server_is_refused_with_the_reason() {
        #[track_caller]
        fn check(url: &str, reason: &str) {
            let why = Smtp::parse(url, FROM).unwrap_err();
            assert!(why.contains(reason) && !why.contains("hunter2"), "{url}: {why}");
        }
        check("https://mail.example", "smtps://");
        check("smtps://", "smtps://");
        check("smtp://mail.example?tls=maybe", "tls=required or tls=none");
        check("smtps://me:hunter2@mail.example?tls=none", "always protected");
        check("smtp://me@mail.example", "a password");
        check("smtp://me:hunter2@mail.example?tls=none", "unprotected");
        check("smtps://me:hunter2@mail.example/inbox", "nothing behind");
        assert!(Smtp::parse("smtps://mail.example", "nobody").unwrap_err().contains("e-mail address"));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let smtp = Smtp::parse("smtps://me:hunter2@mail.example", FROM).unwrap();
        assert!(!format!("{smtp:?}").contains("hunter2") && !format!("{smtp:?}").contains("me:"));
        let letter = Letter {
            to: "ana@shop.example".into(),
            name: "Ana".into(),
            subject: "Secret".into(),
            text: "Secret".into(),
            html: "Secret".into(),
            id: "digest-1".into(),
            stop_url: None,
            at: Time::from_millis(0),
        };
        assert_eq!(format!("{letter:?}"), "Letter(digest-1, 12 bytes)");
    }
}
