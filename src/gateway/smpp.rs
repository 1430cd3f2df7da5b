//! SMPP 3.4, the protocol of message centres: any provider that gives a host, a port, a system id and a password.
//!
//! What leaves here is one description of a text, addressed `smpps://host:port`; the door out hands such addresses to the
//! session, which keeps the connection, speaks the protocol and answers as HTTP would: 200 with the ids of the parts, 429
//! when the centre is too busy, 400 with the command_status it refused by, 502 when only some of the parts were taken.
//! Receipts and replies come over the same session, which writes them down for [`heard`] and proves by a MAC that it did.
//!
//! A centre knows no reference of ours and cannot look a text up. Of a text in several parts only the last asks for a
//! receipt: it is by that id that the text is known.

use hmac::Hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Can, Dispatch, Gateway, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, Outgoing, SendOutcome},
    },
    http::{Request, Response},
};

mod alphabet;
mod heard;
mod status;

pub struct Smpp;

const TLS: &str = "tls";
const TRANSCEIVER: &str = "transceiver";
const IN_PARTS: &str = "parts";
const WINDOW: &str = "10";

/// Octets of a C-string without its end (SMPP 3.4, 4.1.1).
const SYSTEM_ID_MAX: usize = 15;
const PASSWORD_MAX: usize = 8;
const SYSTEM_TYPE_MAX: usize = 12;

/// As accounts are kept: who keeps their sessions knows them by it.
pub const KIND: &str = "smpp";

static SPEC: Spec = Spec {
    kind: KIND,
    name: "SMPP 3.4",
    fields: &[
        Field {
            key: "host",
            label: "Host",
            help: "of the provider's SMPP server, without a port",
            required: true,
            check: check_host,
            ..Field::TEXT
        },
        Field {
            key: "port",
            label: "Port",
            help: "usually 3550 with TLS and 2775 without",
            default: Some("3550"),
            check: check_port,
            ..Field::TEXT
        },
        Field {
            key: "encryption",
            label: "Encryption",
            help: "tls, or none: then the password and every text cross the network readable, which only a private network \
                   or a VPN makes good",
            default: Some(TLS),
            check: |text| one_of(text, &[TLS, "none"], "be tls or none"),
            ..Field::TEXT
        },
        Field {
            key: "system_id",
            label: "System ID",
            help: "the user name of the SMPP account, at most 15 characters",
            required: true,
            check: |text| plain(text, SYSTEM_ID_MAX, "have at most 15 plain characters"),
            ..Field::TEXT
        },
        Field {
            key: "password",
            label: "Password",
            help: "of the same account, at most 8 characters",
            secret: true,
            required: true,
            check: |text| plain(text, PASSWORD_MAX, "have at most 8 plain characters"),
            ..Field::TEXT
        },
        Field {
            key: "system_type",
            label: "System type",
            help: "only when the provider names one",
            check: |text| plain(text, SYSTEM_TYPE_MAX, "have at most 12 plain characters"),
            ..Field::TEXT
        },
        Field {
            key: "bind",
            label: "Bind as",
            help: "transceiver, or transmitter where the provider offers no transceiver: then no receipt and no reply comes",
            default: Some(TRANSCEIVER),
            check: |text| one_of(text, &[TRANSCEIVER, "transmitter"], "be transceiver or transmitter"),
            ..Field::TEXT
        },
        Field {
            help: "a number of yours with its country code, a short code, or a name of up to 11 letters; several with \
                   commas, and each person always hears from the same one",
            ..wire::SENDER
        },
        Field {
            key: "source_ton_npi",
            label: "Source TON/NPI",
            help: "only when the provider asks for others than 1/1 for numbers, 3/0 for short codes and 5/0 for names, as 0/1",
            check: |text| ton_npi(text).map(drop).ok_or("be two numbers with a slash, as 5/0"),
            ..Field::TEXT
        },
        Field {
            key: "long_texts",
            label: "Long texts",
            help: "parts: cut here and joined on the phone (UDH); payload: handed over whole (message_payload) where the \
                   provider cuts them",
            default: Some(IN_PARTS),
            check: |text| one_of(text, &[IN_PARTS, "payload"], "be parts or payload"),
            ..Field::TEXT
        },
        Field {
            key: "message_ids",
            label: "Message ids",
            help: "same, or how the ids of answers and of receipts are written when they differ: hex-decimal or decimal-hex",
            default: Some("same"),
            check: |text| one_of(text, &["same", "hex-decimal", "decimal-hex"], "be same, hex-decimal or decimal-hex"),
            ..Field::TEXT
        },
        Field {
            key: "window",
            label: "Window",
            help: "texts that may wait for their answer at once, 1 to 100; the provider names its most",
            default: Some(WINDOW),
            check: check_window,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Ask the provider for an SMPP 3.4 account that may bind as a transceiver, and to let our address in.",
        "Cartback binds by itself and stays bound: receipts and replies come over the session, and nothing is pasted there.",
        "They are kept as if they had been posted to {url}",
    ],
    topics: &[],
    limits: &[
        "Without TLS everything crosses the network readable, the password too.",
        "The centre's default alphabet must be GSM 03.38, one septet an octet; other alphabets are not written.",
        "Of a text in several parts the receipt is about the last part.",
        "When the centre takes some parts of a text and refuses another, the outcome is unknown and it is not sent again.",
        "SMPP knows no reference of ours: a text whose answer was lost stays unknown, because its receipt cannot be matched.",
        "A reply that comes twice because our answer was lost is read twice.",
        "A centre that needs a receiver beside a transmitter cannot send us receipts and replies.",
    ],
};

static CAN: Can = Can { replies: true, validity: true, ..Can::SEND };

impl Gateway for Smpp {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let sender = wire::sender(settings, &sms.to);
        let (ton, npi) = source_ton_npi(settings, sender);
        let written = alphabet::written(&sms.text, sms.encoding);
        let (parts, payload) = in_parts(settings, &written, &sms.reference.to_string());
        let body = json!({
            "reference": sms.reference.to_string(),
            "source": { "address": wire::bare(sender), "ton": ton, "npi": npi },
            "destination": { "address": wire::bare(sms.to.e164()), "ton": 1, "npi": 1 },
            "validity_period": validity_period(sms.valid_for.as_secs()),
            "receipt": hears(settings),
            "data_coding": written.data_coding,
            "payload": payload,
            "parts": parts,
        });
        Dispatch::Http(Request { body: body.to_string().into_bytes(), ..account(settings) })
    }

    fn outcome(&self, settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, |answer| taken(settings, answer), status::refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let password = settings.given("password").ok_or(Refusal::NoKey)?;
        let (said, mac) = heard::envelope(delivery).ok_or(Refusal::Unsigned)?;
        let pieces = [MAC_OF, settings.get("system_id"), "\n", &said].map(str::as_bytes);
        if !signed::made_by::<Hmac<Sha256>>(password, &pieces, &mac) {
            return Err(Refusal::WrongSignature);
        }
        Ok(heard::kept(delivery, &said))
    }

    fn read(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let receipt_id = |id: &str| same_id(id, settings.get("message_ids") == "decimal-hex");
        heard::read(topic, delivery, &receipt_id)
    }

    fn hears_replies(&self, settings: &Settings) -> bool {
        hears(settings) && self.sender_name(settings).is_none()
    }
}

/// What a MAC of the session begins with, so that it means nothing elsewhere; `smpp::MAC_OF` is the same.
const MAC_OF: &str = "cartback smpp\n";

/// The account without a text: what the session needs to bind and to hear receipts while nothing is sent.
pub fn account(settings: &Settings) -> Request {
    let scheme = if settings.get("encryption") == "none" { "smpp" } else { "smpps" };
    let port = settings.given("port").unwrap_or("3550");
    let request = Request::json(format!("{scheme}://{}:{port}", settings.get("host")), &Value::Null);
    // The operator gave the address; many centres stand behind a VPN.
    Request { private: true, body: Vec::new(), ..request }
        .header("smpp-system-id", settings.get("system_id"))
        .header("smpp-password", settings.get("password"))
        .header("smpp-system-type", settings.get("system_type"))
        .header("smpp-bind", settings.given("bind").unwrap_or(TRANSCEIVER))
        .header("smpp-window", settings.given("window").unwrap_or(WINDOW))
}

fn hears(settings: &Settings) -> bool {
    settings.given("bind").unwrap_or(TRANSCEIVER) == TRANSCEIVER
}

/// The parts as hexadecimal octets with their headers, or the whole as one payload.
fn in_parts(settings: &Settings, written: &alphabet::Written, reference: &str) -> (Vec<Value>, bool) {
    use data_encoding::HEXLOWER;
    let parts = written.parts();
    let count = match u8::try_from(parts.len()) {
        Ok(1) => return (vec![json!({ "octets": HEXLOWER.encode(&written.whole()) })], false),
        Ok(count) if settings.get("long_texts") != "payload" => count,
        _ => return (vec![json!({ "octets": HEXLOWER.encode(&written.whole()) })], true),
    };
    // The same for all parts of a text, and seldom the same for two texts to one person.
    let name = Sha256::digest(reference).first().copied().unwrap_or_default();
    let part = |(number, octets): (u8, Vec<u8>)| {
        let header = [5, 0, 3, name, count, number];
        json!({ "udh": HEXLOWER.encode(&header), "octets": HEXLOWER.encode(&octets) })
    };
    ((1..=count).zip(parts).map(part).collect(), false)
}

/// Relative time, `YYMMDDhhmmss000R` (SMPP 3.4, 7.1.1.2), at most 30 days: a month has no fixed length.
fn validity_period(seconds: u64) -> String {
    let seconds = seconds.clamp(1, 30 * 24 * 60 * 60);
    let [days, hours, minutes] = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60];
    format!("0000{days:02}{hours:02}{minutes:02}{:02}000R", seconds % 60)
}

/// Type of number and numbering plan of a sender (SMPP 3.4, 5.2.5 and 5.2.6), unless the provider wants others.
fn source_ton_npi(settings: &Settings, sender: &str) -> (u8, u8) {
    let name = sender.contains(|character: char| !character.is_ascii_digit() && character != '+');
    let own = if name {
        (5, 0)
    } else if wire::bare(sender).len() < 7 {
        (3, 0)
    } else {
        (1, 1)
    };
    settings.given("source_ton_npi").and_then(ton_npi).unwrap_or(own)
}

fn ton_npi(text: &str) -> Option<(u8, u8)> {
    let (ton, npi) = text.split_once('/')?;
    let number = |text: &str| text.trim().parse::<u8>().ok();
    Some((number(ton)?, number(npi)?))
}

fn taken(settings: &Settings, answer: &Response) -> SendOutcome {
    let body = wire::json(answer).unwrap_or_default();
    let ids = body.get("message_ids").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let last = ids.last().and_then(wire::scalar).filter(|id| !id.trim().is_empty());
    let Some(last) = last else { return wire::names_nothing() };
    // Of a payload nobody here knows into how many parts it is cut.
    let whole = body.get("payload").and_then(Value::as_bool) == Some(true);
    SendOutcome::Accepted {
        reference: Some(wire::short(&same_id(&last, settings.get("message_ids") == "hex-decimal"))),
        segments: if whole { None } else { u32::try_from(ids.len()).ok() },
        cost: None,
    }
}

/// An id as both sides of it are compared: of two ways to write a number the decimal one.
fn same_id(id: &str, hexadecimal: bool) -> String {
    let id = id.trim();
    let number = if hexadecimal { u128::from_str_radix(id, 16).ok() } else { None };
    number.map_or_else(|| id.to_owned(), |number| number.to_string())
}

fn check_host(text: &str) -> Result<(), &'static str> {
    const WANTED: &str = "be a host name or an address, without smpp:// and without a port";
    let of_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    // An IPv6 address stands in brackets, as in every URL.
    let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let good = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !text.is_empty() && text.bytes().all(of_host),
    };
    if good { Ok(()) } else { Err(WANTED) }
}

fn check_port(text: &str) -> Result<(), &'static str> {
    text.parse::<u16>().ok().filter(|&port| port > 0).map(drop).ok_or("be a number from 1 to 65535")
}

fn check_window(text: &str) -> Result<(), &'static str> {
    text.parse::<u8>().ok().filter(|window| (1..=100).contains(window)).map(drop).ok_or("be a number from 1 to 100")
}

fn plain(text: &str, most: usize, wanted: &'static str) -> Result<(), &'static str> {
    let fits = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(()) } else { Err(wanted) }
}

fn one_of(text: &str, known: &[&str], wanted: &'static str) -> Result<(), &'static str> {
    if known.contains(&text) { Ok(()) } else { Err(wanted) }
}

#[cfg(test)]
mod tests;
