//! What a message centre sends: frames, deliver_sm and the texts made of them, and what the connector reads of them.
#![no_main]

use std::time::Duration;

use cartback::{
    domain::connector::{Accepted, Delivery},
    gateway,
    http::Request,
    smpp::{
        Bind,
        ear::{Ear, Task, sealed},
        pdu::{Frame, Heard},
    },
};
use cartback_fuzz::{Whose, always, bounded, now, plausible};
use libfuzzer_sys::fuzz_target;

/// Frames one after another, each with its length before it as on the wire.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, _)) = bytes.split_first_chunk::<4>() {
        let length = (u32::from_be_bytes(*length) as usize).clamp(4, bytes.len());
        let (frame, rest) = bytes.split_at(length);
        frames.push(frame);
        bytes = rest;
    }
    frames
}

fuzz_target!(|bytes: &[u8]| {
    let smpp = gateway::by_kind("smpp").expect("the connector");
    let settings = plausible(smpp.spec(), Whose::Ours);
    let theirs = settings.with("password", "another");
    let request = Request::get("smpps://centre.example.com:2775")
        .header("smpp-system-id", settings.get("system_id"))
        .header("smpp-password", settings.get("password"));
    let bind = Bind::of(&request).expect("an account");
    let mut ear = Ear::default();
    // A real one: the ear only compares it.
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    for octets in frames(bytes) {
        let Some(frame) = Frame::of(octets) else { continue };
        assert!(frame.body.len() + 16 == octets.len() && frame.name().len() <= 2 * octets.len());
        let heard = always(bytes, || Heard::of(&frame.body));
        let Some(heard) = heard else { continue };
        assert!(heard.octets.len() <= octets.len() && heard.source.len() <= 2 * octets.len());
        if let Some(place) = heard.place {
            assert!(place.of > 1 && (1..=place.of).contains(&place.number), "{place:?}");
        }
        let Task::Keep { said, whole } = ear.hear("id", heard, until) else { continue };
        bounded(bytes, &said);
        let delivery = Delivery {
            method: "POST".into(),
            url: "https://cb.example.com/hook/x/secret".into(),
            headers: Vec::new(),
            body: sealed(&bind, &said),
            received_at: now(),
        };
        match smpp.verify(&settings, &delivery) {
            Ok(Accepted::Keep { topic, .. }) => bounded(bytes, &smpp.read(&settings, &topic, &delivery)),
            other => panic!("our own session is not believed: {other:?}"),
        }
        assert!(smpp.verify(&theirs, &delivery).is_err());
        if let Some(name) = whole {
            ear.settled(&name, bytes.len().is_multiple_of(2), until);
        }
    }
    for (_, said) in ear.overdue(until, Duration::from_secs(1)) {
        bounded(bytes, &said);
    }
});
