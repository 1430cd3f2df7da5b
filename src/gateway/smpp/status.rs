//! What a message centre refuses a text by: its command_status (SMPP 3.4, table 5-2; which ones call for another attempt
//! as Kannel's smsc_smpp.c has it).

use super::wire;
use crate::{
    domain::message::{RefusalClass, SendOutcome},
    http::Response,
};

/// Of these only what every centre means alike. From 0x400 on each provider has its own.
const CODES: &[(u32, RefusalClass)] = &[
    (0x01, RefusalClass::Content),
    (0x04, RefusalClass::Account),
    (0x0a, RefusalClass::Account),
    (0x0b, RefusalClass::Number),
    (0x0d, RefusalClass::Account),
    (0x0e, RefusalClass::Account),
    (0x0f, RefusalClass::Account),
    (0x33, RefusalClass::Number),
    (0x34, RefusalClass::Number),
    (0x48, RefusalClass::Account),
    (0x49, RefusalClass::Account),
    (0x50, RefusalClass::Number),
    (0x51, RefusalClass::Number),
    (0x53, RefusalClass::Account),
    (0x66, RefusalClass::Other),
];

/// ESME_RSYSERR and ESME_RX_T_APPN: the centre broke off, and does not say how far it had come.
const BROKE_OFF: [u32; 2] = [0x08, 0x64];

pub fn refused(answer: &Response) -> SendOutcome {
    let Some(status) = command_status(answer) else { return wire::refused(answer) };
    let code = format!("0x{status:08x}");
    if BROKE_OFF.contains(&status) {
        return wire::unknown(&format!("the message centre broke off: {code}"));
    }
    let class = CODES.iter().find(|(known, _)| *known == status).map(|(_, class)| *class);
    SendOutcome::Refused { class: class.unwrap_or_else(|| wire::class(answer.status)), code }
}

fn command_status(answer: &Response) -> Option<u32> {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).ok()?;
    u32::from_str_radix(body.get("command_status")?.as_str()?.strip_prefix("0x")?, 16).ok()
}
