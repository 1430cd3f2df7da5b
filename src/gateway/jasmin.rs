//! Jasmin's HTTP interface, version 0.11: one form per text, one call back per receipt or inbound text.
//!
//! Jasmin knows no client reference, no price of a text, no idempotency key and no look-up, so our reference travels in
//! `dlr-url`. It has its receipts come by POST, because for GET it would add a second `?` to that address. Nothing it calls
//! is signed: the secret path proves it. Every call must be answered 200 with exactly `ACK/Jasmin`, or it comes again.
//!
//! Sources: jookies/jasmin, `misc/doc/sources/apis/http`, `jasmin/protocols/http/endpoints/send.py` and `errors.py`,
//! `jasmin/routing/throwers.py`, `jasmin/managers/listeners.py`.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::{CallbackAnswer, Can, Dispatch, Gateway, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        money::Currency,
        sms::Encoding,
    },
    http::{Request, Response},
};

pub struct Jasmin;

static SPEC: Spec = Spec {
    kind: "jasmin",
    name: "Jasmin",
    fields: &[
        Field {
            key: "url",
            label: "Address of /send",
            help: "http://host:1401/send; host and port stand under [http-api] in jasmin.cfg",
            required: true,
            check: wire::check_address,
            ..Field::TEXT
        },
        Field {
            key: "username",
            label: "Username",
            help: "username of a Jasmin user, as \"user -l\" shows it in jcli",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "password",
            label: "Password",
            help: "of the same user",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "number, short code or name of up to 11 characters the texts come from; several with commas, and each \
                   person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "currency",
            label: "Currency of balances",
            help: "EUR, …, if the balances of your Jasmin users are money; with it, what is left to this user is shown",
            check: |code| Currency::parse(code).map(drop).map_err(|_| "be a currency code like EUR or USD"),
            ..Field::TEXT
        },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "The user may need the authorizations dlr_level, http_dlr_method, src_addr, validity_period and hex_content, \
         which Jasmin gives by default.",
        "For replies open jcli and type httpccm -a, then cid cartback, method POST, url {url} and ok.",
        "Then type morouter -a, type DefaultRoute, connector http(cartback), ok and persist.",
    ],
    topics: &[],
    limits: &[
        "A text longer than long_content_max_parts in jasmin.cfg, 5 by default, is cut off without a word.",
        "It writes a text's validity in the time of its host as if that were UTC: let the host run in UTC.",
        "When a centre is busy Jasmin tries again by itself, but tells no more of that text.",
        "What is left to the user is asked for only where the address of /send ends in /send and its balance has a limit.",
        "Answers are trusted by the secret in their address: let Jasmin reach us over a private network or TLS.",
    ],
};

/// Both what the centre answered (1) and what became of the text (2).
const DLR_LEVEL: &str = "3";

/// Jasmin documents no bound; no text of ours waits longer than a week.
const VALID_MINUTES_MAX: u64 = 7 * 24 * 60;

static CAN: Can = Can { replies: true, validity: true, ..Can::SEND };

impl Gateway for Jasmin {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Jasmin turns `content` into GSM 03.38 only for coding 0 and forwards the bytes of any other as they are, so UCS-2
    /// goes as hexadecimal UTF-16.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let minutes = (sms.valid_for.as_secs() / 60).clamp(1, VALID_MINUTES_MAX).to_string();
        let hex = HEXLOWER.encode(&sms.text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>());
        let mut form = vec![
            ("username", settings.get("username")),
            ("password", settings.get("password")),
            ("from", wire::sender(settings, &sms.to)),
            ("to", sms.to.e164()),
            ("validity-period", &minutes),
        ];
        match sms.encoding {
            Encoding::Gsm7 => form.extend([("coding", "0"), ("content", sms.text.as_str())]),
            Encoding::Ucs2 => form.extend([("coding", "8"), ("hex-content", hex.as_str())]),
        }
        match &sms.callback_url {
            Some(callback) => form.extend([
                ("dlr", "yes"),
                ("dlr-url", callback.as_str()),
                ("dlr-level", DLR_LEVEL),
                ("dlr-method", "POST"),
            ]),
            None => form.push(("dlr", "no")),
        }
        let request = Request::form(settings.get("url"), form);
        // A Jasmin stands beside us, on plain HTTP, in the operator's own network.
        Dispatch::Http(Request { private: true, ..request })
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = fields(delivery);
        let topic = if fields.has("message_status") {
            "receipt"
        } else if fields.has("from") && (fields.has("content") || fields.has("binary")) {
            "reply"
        } else {
            "other"
        };
        Ok(wire::kept(delivery, topic, fields.get("id"), fields.get("message_status")))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to, text) = (fields.get("from"), fields.get("to"), words(&fields));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, Some(&text), fields.get("id"))?)])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn callback_answer(&self) -> CallbackAnswer {
        CallbackAnswer { content_type: "text/plain", body: "ACK/Jasmin" }
    }

    /// `/balance` stands beside `/send` and takes a query alone. Without a currency there is nothing to learn.
    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        settings.given("currency")?;
        let base = settings.get("url").strip_suffix("/send")?;
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("username", settings.get("username"))
            .append_pair("password", settings.get("password"))
            .finish();
        Some(Request { private: true, ..Request::get(format!("{base}/balance?{query}")) })
    }

    /// A user without a limit is told `ND`, which is no amount.
    fn balance(&self, settings: &Settings, answer: &Response) -> Option<Cost> {
        wire::left(&wire::text(&wire::json(answer)?, "balance")?, settings.given("currency")?)
    }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let name = (1..=11).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if number || name { Ok(()) } else { Err("be a number, a short code or a name of up to 11 characters") }
}

/// What an error of Jasmin's means.
enum Said {
    Refused(RefusalClass, &'static str),
    Later(&'static str),
}

/// Status, how the text begins after `Error "`, a word further on (`send.py`, `errors.py`, `validation.py`). The texts
/// repeat parts of the request, so each is known by its beginning. All of them are raised before the text is handed to a
/// message centre's queue.
const CODES: &[(u16, &str, &str, Said)] = &[
    (400, "Argument [username]", "", Said::Refused(RefusalClass::Account, "username")),
    (400, "Argument [password]", "", Said::Refused(RefusalClass::Account, "password")),
    (400, "Authorization failed", "", Said::Refused(RefusalClass::Account, "user lacks an authorization")),
    (400, "Value filter failed", "(source_address", Said::Refused(RefusalClass::Account, "sender filter")),
    (400, "Value filter failed", "(content", Said::Refused(RefusalClass::Content, "content filter")),
    (400, "Value filter failed", "", Said::Refused(RefusalClass::Other, "user's value filter")),
    (403, "User throughput exceeded", "", Said::Later("the user's throughput at Jasmin is exceeded")),
    (403, "Authentication failure", "", Said::Refused(RefusalClass::Account, "not authenticated")),
    (403, "Cannot charge", "", Said::Refused(RefusalClass::Account, "no balance or quota left")),
    (412, "Failover route has no bound", "", Said::Later("no connector of Jasmin's route is bound")),
    // Whether one country has no route or none is set up at all is not told.
    (412, "No route found", "", Said::Refused(RefusalClass::Other, "no route")),
];

fn taken(answer: &Response) -> SendOutcome {
    match (answer.status, message_id(&answer.text())) {
        (200, Some(id)) => SendOutcome::Accepted { reference: Some(id), segments: None, cost: None },
        (200, None) => wire::names_nothing(),
        (status, _) => wire::unknown(&format!("HTTP {status}")),
    }
}

/// What is not one of Jasmin's own words may come from something in between.
fn refused(answer: &Response) -> SendOutcome {
    let refused = |class, code: &str| SendOutcome::Refused { class, code: format!("{} {code}", answer.status) };
    match complaint(answer.status, &answer.text()) {
        Some(Said::Later(why)) => wire::later(answer, why),
        Some(Said::Refused(class, code)) => refused(*class, code),
        None => refused(wire::class(answer.status), "refused"),
    }
}

/// `Success "07033084-5cfd-4812-90a4-e4d24ffb6e3d"`.
fn message_id(text: &str) -> Option<String> {
    let id = text.trim().strip_prefix("Success \"")?.strip_suffix('"')?;
    let plain = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte == b'-' || byte.is_ascii_alphanumeric());
    plain.then(|| id.to_owned())
}

fn complaint(status: u16, text: &str) -> Option<&'static Said> {
    let said = text.trim_start().strip_prefix("Error \"")?;
    // Some messages are bytes, which Python writes as b'…'.
    let said = said.strip_prefix("b'").unwrap_or(said);
    let known = |(at, begins, has, _): &&(u16, &str, &str, Said)| {
        *at == status && said.starts_with(begins) && said.contains(has)
    };
    CODES.iter().find(known).map(|(.., said)| said)
}

/// What a callback says: a form, or the query when the operator chose GET.
fn fields(delivery: &Delivery) -> wire::Fields {
    wire::Fields::new(delivery.form_pairs().into_iter().chain(delivery.query_pairs()))
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let receipt = wire::about(wire::reference(delivery), fields.get("id"))?;
    let word = fields.get("message_status").unwrap_or_default();
    let (status, class) = told(word);
    // `text` repeats the beginning of the message and is never kept.
    let error = fields.get("err").filter(|error| error.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let code = match (status, error) {
        (ReceiptStatus::Accepted, _) => None,
        (_, Some(error)) => Some(wire::short(&format!("{word} {error}"))),
        (_, None) => Some(wire::short(word)).filter(|word| !word.is_empty()),
    };
    Ok(Receipt { status, code, class, ..receipt })
}

/// Of level 1 the name of an SMPP status (SMPP 3.4, 5.1.3), of level 2 the state in the centre's receipt (appendix B).
fn told(word: &str) -> (ReceiptStatus, Option<RefusalClass>) {
    match word {
        "ESME_ROK" | "ACCEPTD" | "ENROUTE" => (ReceiptStatus::Accepted, None),
        "DELIVRD" => (ReceiptStatus::Delivered, None),
        "UNDELIV" | "DELETED" => (ReceiptStatus::Undelivered, None),
        "EXPIRED" => (ReceiptStatus::Expired, None),
        "REJECTD" => (ReceiptStatus::Rejected, None),
        // Jasmin tells of these and, by its default `submit_error_retrial`, sends again: nothing is decided.
        "ESME_RSYSERR" | "ESME_RTHROTTLED" | "ESME_RMSGQFUL" | "ESME_RINVSCHED" => (ReceiptStatus::Unknown, None),
        "ESME_RINVDSTADR" => (ReceiptStatus::Rejected, Some(RefusalClass::Number)),
        "ESME_RINVSRCADR" => (ReceiptStatus::Rejected, Some(RefusalClass::Account)),
        _ if word.starts_with("ESME_R") => (ReceiptStatus::Rejected, Some(RefusalClass::Other)),
        _ => (ReceiptStatus::Unknown, None),
    }
}

/// The words of an inbound text. `content` is the centre's bytes as they came, which a form cannot carry when they are
/// no UTF-8, so `binary`, the same in hexadecimal, is read where it is given.
fn words(fields: &wire::Fields) -> String {
    let binary = fields.get("binary").and_then(|hex| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
    match (binary, fields.get("coding")) {
        (Some(bytes), Some("8")) => utf16(&bytes),
        (Some(bytes), Some("3")) => bytes.iter().copied().map(char::from).collect(),
        (Some(bytes), _) => default_alphabet(bytes),
        (None, _) => fields.raw("content").unwrap_or_default().to_owned(),
    }
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks(2).map(|pair| pair.iter().fold(0, |unit, &byte| unit << 8 | u16::from(byte)));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// What GSM 03.38 has where ASCII has control characters.
const GSM_LOW: [char; 32] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É',
];

/// Coding 0 is whatever the centre takes for its default: mostly GSM 03.38, else ASCII, Latin-1 or UTF-8. Where they
/// differ in printable characters, which one it is cannot be told, and ASCII is read.
fn default_alphabet(bytes: Vec<u8>) -> String {
    let text =
        String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    text.chars().map(|c| GSM_LOW.get(c as usize).copied().unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests;
