//! Callbacks of a gateway that a form describes: receipts and replies in a query, a form or JSON, by the names a person
//! gave.

use serde_json::Value;

use super::wire;
use crate::domain::{
    connector::{Delivery, Settings, Unreadable},
    message::{GatewayEvent, MessageRef, Receipt, ReceiptStatus, RefusalClass},
};

/// An id longer than this is none.
const ID_CHARS_MAX: usize = 200;

/// The value at a dotted path; a name that has dots in itself comes first.
pub fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    value.get(path).or_else(|| {
        path.split('.').try_fold(value, |value, part| match value {
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => value.get(part),
        })
    })
}

/// An id as it is kept, the same from an answer and from a receipt.
pub fn id(text: &str) -> Option<String> {
    let text = text.trim();
    let plain = !text.is_empty() && text.chars().count() <= ID_CHARS_MAX && !text.contains(char::is_control);
    plain.then(|| text.to_owned())
}

/// Whether a person listed this word, in upper or lower case, in that setting.
pub fn lists(settings: &Settings, key: &str, word: &str) -> bool {
    settings.list(key).any(|known| known.to_lowercase() == word.to_lowercase())
}

/// One thing that a callback tells of.
pub struct Call {
    json: Option<Value>,
    /// The form, then the query; of JSON only the query.
    fields: wire::Fields,
    /// Our reference in the address that was called; of several things it may be about any.
    reference: Option<MessageRef>,
}

/// A JSON list tells of several things, anything else of one.
pub fn calls(delivery: &Delivery) -> Vec<Call> {
    let of_json =
        |json, reference| Call { json: Some(json), fields: wire::Fields::new(delivery.query_pairs()), reference };
    let reference = wire::reference(delivery);
    match serde_json::from_slice(&delivery.body) {
        Ok(Value::Array(list)) => {
            let reference = reference.filter(|_| list.len() == 1);
            list.into_iter().map(|json| of_json(json, reference)).collect()
        }
        Ok(json @ Value::Object(_)) => vec![of_json(json, reference)],
        _ => {
            let pairs = delivery.form_pairs().into_iter().chain(delivery.query_pairs());
            vec![Call { json: None, fields: wire::Fields::new(pairs), reference }]
        }
    }
}

/// Everything in a callback that means something; a list may have receipts and replies.
pub fn events(settings: &Settings, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
    let calls = calls(delivery);
    let several = calls.len() > 1;
    let events = calls.iter().enumerate().filter_map(|(place, call)| match call.topic(settings) {
        "receipt" => Some(call.receipt(settings).map(GatewayEvent::Receipt)),
        "reply" => Some(call.reply(settings, delivery, several.then_some(place))),
        _ => None,
    });
    events.collect()
}

impl Call {
    /// Some gateways repeat the text in receipts, and some give replies a status: a reference of ours or a word that a
    /// person listed makes it a receipt.
    pub fn topic(&self, settings: &Settings) -> &'static str {
        let reply = self.get(settings, "reply_from").is_some() && self.raw(settings, "reply_text").is_some();
        match self.get(settings, "receipt_status") {
            Some(word) if !reply || self.reference.is_some() || listed(settings, &word).is_some() => "receipt",
            _ if reply => "reply",
            _ => "other",
        }
    }

    /// What stands in the field that this setting names, also when it is empty.
    fn raw(&self, settings: &Settings, key: &str) -> Option<String> {
        let path = settings.given(key)?;
        let json = self.json.as_ref().and_then(|json| wire::scalar(at(json, path)?));
        json.or_else(|| self.fields.raw(path).map(str::to_owned))
    }

    fn get(&self, settings: &Settings, key: &str) -> Option<String> {
        self.raw(settings, key).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn receipt(&self, settings: &Settings) -> Result<Receipt, Unreadable> {
        let reference = self.reference.or_else(|| self.get(settings, "receipt_ref")?.parse().ok());
        let gateway_ref = self.get(settings, "receipt_id").and_then(|text| id(&text));
        let receipt = wire::about(reference, gateway_ref.as_deref())?;
        let word = self.get(settings, "receipt_status").unwrap_or_default();
        let (status, class) = listed(settings, &word).unwrap_or((ReceiptStatus::Unknown, None));
        let code = Some(wire::short(&word)).filter(|word| !word.is_empty() && status != ReceiptStatus::Delivered);
        Ok(Receipt { gateway_ref, status, code, class, ..receipt })
    }

    /// What the gateway answers by itself is not known, and a STOP must have an answer. Of several without ids each has
    /// its place in the call, or they would be one.
    fn reply(
        &self,
        settings: &Settings,
        delivery: &Delivery,
        place: Option<usize>,
    ) -> Result<GatewayEvent, Unreadable> {
        let of = |key| self.get(settings, key);
        let (from, to, text) = (of("reply_from"), of("reply_to"), self.raw(settings, "reply_text"));
        let own = || place.map(|place| format!("{}:{place}", wire::fingerprint(delivery)));
        let id = of("reply_id").and_then(|text| id(&text)).or_else(own);
        let reply = wire::reply(delivery, from.as_deref(), to.as_deref(), text.as_deref(), id.as_deref())?;
        Ok(GatewayEvent::Reply(reply))
    }
}

fn listed(settings: &Settings, word: &str) -> Option<(ReceiptStatus, Option<RefusalClass>)> {
    if lists(settings, "delivered", word) {
        Some((ReceiptStatus::Delivered, None))
    } else if lists(settings, "opted_out", word) {
        Some((ReceiptStatus::Undelivered, Some(RefusalClass::OptedOut)))
    } else if lists(settings, "failed", word) {
        let late = word.eq_ignore_ascii_case("expired");
        Some((if late { ReceiptStatus::Expired } else { ReceiptStatus::Undelivered }, None))
    } else {
        None
    }
}
