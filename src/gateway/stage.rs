//! What the tests of gateways share: a text on its way out, answers and callbacks, settings as a person types them.

use std::time::Duration;

use super::{Dispatch, Gateway};
use crate::{
    domain::{
        connector::{Delivery, Settings, Spec},
        message::Outgoing,
        phone::Phone,
        sms::Encoding,
        time::Time,
    },
    http::{Request, Response},
};

pub const REFERENCE: &str = "7.msg_0000000000009";
pub const HOOK: &str = "https://shop.example.com/hook/sms/secret";
/// The address of the hook as a text carries it.
pub const CALLBACK: &str = "https://shop.example.com/hook/sms/secret?ref=7.msg_0000000000009";

/// Thu, 24 Sep 2026 14:13:20 UTC.
pub const ATTEMPTED_AT: i64 = 1_790_259_200;
/// When callbacks come.
pub const NOW: i64 = 1_790_259_300;

/// What a person typed; of a setting given twice the later counts.
pub fn given(spec: &Spec, base: &[(&str, &str)], extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    spec.settings(base.iter().chain(extra).map(|&(key, value)| (key.to_owned(), value.to_owned())).collect())
}

pub fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        reference: REFERENCE.parse().unwrap(),
        to: Phone::restored("+12125550101".into()),
        text: text.into(),
        encoding: Encoding::Gsm7,
        valid_for: Duration::from_secs(1800),
        callback_url: Some(CALLBACK.into()),
        attempted_at: Time::from_seconds(ATTEMPTED_AT),
    }
}

pub fn sent(gateway: &dyn Gateway, settings: &Settings, sms: &Outgoing) -> Request {
    match gateway.dispatch(settings, sms) {
        Dispatch::Http(request) => request,
        Dispatch::Keep => panic!("kept"),
    }
}

pub fn answered(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.into() }
}

pub fn posted(url: &str, body: &str) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![],
        body: body.into(),
        received_at: Time::from_seconds(NOW),
    }
}
