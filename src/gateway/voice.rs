//! Twilio Programmable Voice, as far as a call is passed on (docs, "TwiML for Programmable Voice", `<Dial>` and `<Reject>`;
//! "Voice webhooks"): what an inbound call's webhook says, and the TwiML it is answered with. Pure.
//!
//! The same address hears the call come in, and its end: the `action` of `<Dial>` with `DialCallStatus`, or a number's
//! status callback with a final `CallStatus`.

use askama::filters::{Escaper, Html};

use super::{
    twilio::signature,
    wire::{self, Fields},
};
use crate::domain::connector::{Delivery, Refusal};

/// No such number: the caller hears that it is not in service, and the shop pays nothing.
pub const REJECT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Reject/></Response>";
/// Nothing more to do.
pub const DONE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";
pub const CONTENT_TYPE: &str = "text/xml";

/// What callers who hide their number come as: words, and the letters of those words on a keypad.
const HIDDEN: &[&str] = &["+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"];

/// What a webhook says of a call.
#[derive(Clone, PartialEq, Eq)]
pub struct Told {
    /// Twilio's name of the call.
    pub sid: String,
    /// E.164; `None` where the caller hides.
    pub from: Option<String>,
    /// The number that was called, E.164.
    pub to: String,
    pub what: What,
}

/// A caller's number is in no log line.
impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Told({}, {:?})", self.sid, self.what)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It rings, and waits for what to do.
    Rings,
    /// The shop was dialled: whether somebody answered, and for how many seconds they talked.
    Dialled { answered: bool, seconds: u32 },
    /// The caller has hung up.
    Over,
}

/// Is it from Twilio? Any of these tokens may have signed it.
pub fn verify<'a>(tokens: impl Iterator<Item = &'a str>, delivery: &Delivery) -> Result<(), Refusal> {
    signature::verify(tokens, delivery)
}

/// `None` for what tells of no call.
pub fn read(delivery: &Delivery) -> Option<Told> {
    let fields = Fields::new(match signature::carrier(delivery) {
        signature::Carrier::Form => delivery.form_pairs(),
        signature::Carrier::Query | signature::Carrier::Json => delivery.query_pairs(),
    });
    let sid = fields.get("CallSid").filter(|sid| sid.len() <= SID_BYTES_MAX)?.to_owned();
    let to = wire::with_plus(fields.get("To")?);
    let what = match (fields.get("DialCallStatus"), fields.get("CallStatus")) {
        (Some(status), _) => What::Dialled {
            answered: matches!(status, "completed" | "answered"),
            seconds: fields.get("DialCallDuration").and_then(|seconds| seconds.parse().ok()).unwrap_or(0),
        },
        (None, Some("completed" | "busy" | "no-answer" | "failed" | "canceled")) => What::Over,
        (None, _) => What::Rings,
    };
    Some(Told { sid, from: fields.get("From").and_then(caller), to, what })
}

const SID_BYTES_MAX: usize = 64;

/// A number that can be called back.
fn caller(from: &str) -> Option<String> {
    let number = wire::with_plus(from);
    let digits = number.strip_prefix('+')?;
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (good && !HIDDEN.contains(&number.as_str())).then_some(number)
}

/// Passes the call on to the shop, and has its end told to `action`.
pub fn dial(answers: &str, action: &str) -> String {
    let (answers, action) = (escaped(answers), escaped(action));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial action=\"{action}\" method=\"POST\">{answers}</Dial></Response>"
    )
}

/// What XML needs escaped is what HTML does.
fn escaped(text: &str) -> String {
    let mut written = String::new();
    let _ = Html.write_escaped_str(&mut written, text);
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    fn told(form: &[(&str, &str)]) -> Option<Told> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        read(&Delivery {
            method: "POST".into(),
            url: "https://sms.example.com/hook/call/abc".into(),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: body.into_bytes(),
            received_at: Time::FIRST,
        })
    }

    #[test]
    fn a_call_and_its_end_are_told_apart() {
        let rings = [("CallSid", "CA1"), ("From", "+38640555101"), ("To", "+38615550001"), ("CallStatus", "ringing")];
        let call = told(&rings).unwrap();
        assert_eq!(
            (call.from.as_deref(), call.to.as_str(), call.what),
            (Some("+38640555101"), "+38615550001", What::Rings)
        );
        let mut end = rings.to_vec();
        end.extend([("DialCallStatus", "completed"), ("DialCallDuration", "42")]);
        assert_eq!(told(&end).unwrap().what, What::Dialled { answered: true, seconds: 42 });
        end.truncate(4);
        end.push(("DialCallStatus", "no-answer"));
        assert_eq!(told(&end).unwrap().what, What::Dialled { answered: false, seconds: 0 });
        let over = [("CallSid", "CA1"), ("To", "+38615550001"), ("CallStatus", "completed")];
        assert_eq!(told(&over).unwrap().what, What::Over);
        assert!(told(&[("From", "+38640555101")]).is_none());
    }

    #[test]
    fn hidden_callers_have_no_number() {
        for from in ["anonymous", "+266696687", "266696687", "Restricted", "+7378742833", "", "sip:ana@shop.example"] {
            let call = told(&[("CallSid", "CA1"), ("From", from), ("To", "+38615550001")]).unwrap();
            assert_eq!(call.from, None, "{from}");
        }
    }

    #[test]
    fn what_is_dialled_is_escaped() {
        let xml = dial("+38615559999", "https://sms.example.com/hook/call/a?b=1&c=\"2\"");
        assert!(xml.contains(">+38615559999</Dial>"), "{xml}");
        assert!(!xml.contains("&c") && !xml.contains("\"2\""), "{xml}");
        assert!(dial("<Hangup/>", "").contains("&#60;Hangup/&#62;"));
    }
}
