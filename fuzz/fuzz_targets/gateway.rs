//! Callbacks and answers of every SMS provider. The rule that matters most: nothing is promised that nobody knows.
#![no_main]

use std::time::Duration;

use cartback::{
    domain::{
        connector::{Accepted, Settings},
        message::{Outgoing, SendOutcome},
        phone::Phone,
        sms,
    },
    gateway::{self, Gateway, LookUp, Proof},
};
use cartback_fuzz::{Input, Whose, always, bounded, now, plausible};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let gateway = input.of_all(gateway::ALL, |gateway| gateway.spec().kind);
    let ours = plausible(gateway.spec(), Whose::Ours);
    hears(bytes, &input, gateway, &ours);
    is_answered(bytes, &input, gateway, &ours);
    if !input.word(3).is_empty() {
        let odd = input.odd_settings(gateway.spec());
        hears(bytes, &input, gateway, &odd);
        is_answered(bytes, &input, gateway, &odd);
        sends(&input, gateway, &odd);
    }
    sends(&input, gateway, &ours);
});

fn hears(bytes: &[u8], input: &Input, gateway: &dyn Gateway, settings: &Settings) {
    let (delivery, answer) = (input.delivery(), input.answer());
    let verdict = always(bytes, || gateway.verify(settings, &delivery));
    let _ = gateway.ask_keys(settings, &delivery);
    let _ = gateway.verify_by(settings, &answer, &delivery);
    if gateway.can().proof == Proof::Signed {
        let without_key = gateway.verify(&Settings::default(), &delivery);
        assert!(!matches!(without_key, Ok(Accepted::Keep { .. })), "taken without a key");
    }
    let kept = match verdict {
        Ok(Accepted::Keep { topic, key }) => {
            // Of another account's key it is not.
            if gateway.can().proof != Proof::Path && *settings == plausible(gateway.spec(), Whose::Ours) {
                let theirs = plausible(gateway.spec(), Whose::Theirs);
                assert!(gateway.verify(&theirs, &delivery).is_err(), "taken under two keys");
            }
            assert!(key.len() <= 4 * bytes.len() + 200);
            Some(topic)
        }
        _ => None,
    };
    for topic in kept.iter().map(String::as_str).chain(["receipt", "reply", "opt_out", input.word(1)]) {
        let events = always(bytes, || gateway.read(settings, topic, &delivery));
        bounded(bytes, &events);
    }
}

fn outgoing(text: &str) -> Outgoing {
    Outgoing {
        reference: "7.msg_0000000000009".parse().expect("a reference"),
        to: Phone::restored("+12125550101".into()),
        text: text.to_owned(),
        encoding: sms::segments(text).encoding,
        valid_for: Duration::from_secs(1800),
        callback_url: Some("https://cb.example.com/hook/x/secret?ref=7.msg_0000000000009".into()),
        attempted_at: now(),
    }
}

fn is_answered(bytes: &[u8], input: &Input, gateway: &dyn Gateway, settings: &Settings) {
    let (kind, answer) = (gateway.spec().kind, input.answer());
    let outcome = always(bytes, || gateway.outcome(settings, &answer));
    bounded(bytes, &outcome);
    let success = answer.is_success();
    assert!(success || !matches!(outcome, SendOutcome::Accepted { .. }), "{kind}: {outcome:?}");
    // Kannel says in words that it did not take it; Vonage answers 200 to everything.
    let says_so = kind == "kannel" || (kind == "vonage" && success);
    if !(400..500).contains(&answer.status) && !says_so {
        assert!(!matches!(outcome, SendOutcome::Later { .. }), "{kind}: {outcome:?}");
    }
    if answer.status >= 500 && !says_so {
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{kind}: {outcome:?}");
    }
    if let SendOutcome::Refused { code, .. } = &outcome {
        assert!(code.chars().count() <= 60, "{kind}: {code}");
    }
    let sms = outgoing("Hello");
    let told = gateway.looked_up(&sms, &sms.reference, &answer);
    assert!(success || !matches!(told, LookUp::Found(_)), "{kind}: {told:?}");
    bounded(bytes, &told);
    let (price, balance) = (gateway.price(settings, &answer), gateway.balance(settings, &answer));
    assert!(success || (price.is_none() && balance.is_none()), "{kind}: {price:?} {balance:?}");
    let _ = gateway.redacted(&answer);
}

fn sends(input: &Input, gateway: &dyn Gateway, settings: &Settings) {
    let text = String::from_utf8_lossy(&input.body);
    let sms = outgoing(&text.chars().take(1_600).collect::<String>());
    let _ = (gateway.dispatch(settings, &sms), gateway.look_up(settings, &sms), gateway.ask_balance(settings));
    let _ = (gateway.ask_price(settings, input.word(2)), gateway.redact(settings, input.word(2)));
    let _ = gateway.sender_name(settings);
    for field in gateway.spec().fields {
        let _ = (field.check)(input.word(3));
    }
}
