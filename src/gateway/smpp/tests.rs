//! SMPP as the connector sees it: what it asks the session to send, what its answers mean, what it hears.

use data_encoding::HEXLOWER;
use hmac::{KeyInit, Mac};
use proptest::prelude::*;

use super::{
    super::stage::{self, HOOK, REFERENCE, answered, posted},
    *,
};
use crate::domain::{
    message::{Receipt, ReceiptStatus, RefusalClass, Reply},
    sms::Encoding,
};

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("host", "smsc.example.com"), ("system_id", "lumen"), ("password", "hush"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn settings() -> Settings {
    given(&[]).unwrap()
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&Smpp, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_description() {
    let (request, body) = sent(&settings(), &stage::outgoing("Hi @ €"));
    assert_eq!(request.url, "smpps://smsc.example.com:3550");
    assert!(request.private);
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/json"),
            ("smpp-system-id", "lumen"),
            ("smpp-password", "hush"),
            ("smpp-system-type", ""),
            ("smpp-bind", "transceiver"),
            ("smpp-window", "10"),
        ]
    );
    let expected = json!({
        "reference": REFERENCE,
        "source": { "address": "12125550100", "ton": 1, "npi": 1 },
        "destination": { "address": "12125550101", "ton": 1, "npi": 1 },
        "validity_period": "000000003000000R",
        "receipt": true,
        "data_coding": 0,
        "payload": false,
        "parts": [{ "octets": "48692000201b65" }],
    });
    assert_eq!(body, expected);
}

#[test]
fn every_sender_has_its_type() {
    #[track_caller]
    fn check(extra: &[(&str, &str)], address: &str, ton: u8, npi: u8) {
        let (_, body) = sent(&given(extra).unwrap(), &stage::outgoing("Hi"));
        assert_eq!(body["source"], json!({ "address": address, "ton": ton, "npi": npi }));
    }
    check(&[("sender", "12125550100")], "12125550100", 1, 1);
    check(&[("sender", "38383")], "38383", 3, 0);
    check(&[("sender", "CornerShop")], "CornerShop", 5, 0);
    check(&[("sender", "38383"), ("source_ton_npi", "0/1")], "38383", 0, 1);
}

#[test]
fn long_texts_are_cut_or_handed_over_whole() {
    let long = stage::outgoing(&"a".repeat(161));
    let (_, body) = sent(&settings(), &long);
    let parts = body["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    let name = parts[0]["udh"].as_str().unwrap()[6..8].to_owned();
    assert_eq!(parts[0]["udh"], format!("050003{name}0201"));
    assert_eq!(parts[1]["udh"], format!("050003{name}0202"));
    assert_eq!(parts[0]["octets"], "61".repeat(153));
    assert_eq!(parts[1]["octets"], "61".repeat(8));
    assert_eq!(body["payload"], false);

    let (_, body) = sent(&given(&[("long_texts", "payload")]).unwrap(), &long);
    assert_eq!(body["parts"], json!([{ "octets": "61".repeat(161) }]));
    assert_eq!(body["payload"], true);

    let wide = Outgoing { encoding: Encoding::Ucs2, ..stage::outgoing(&"č".repeat(71)) };
    let (_, body) = sent(&settings(), &wide);
    assert_eq!(body["data_coding"], 8);
    assert_eq!(body["parts"][0]["octets"], "010d".repeat(67));
}

#[test]
fn a_text_expires_after_so_long() {
    #[track_caller]
    fn check(seconds: u64, written: &str) {
        assert_eq!(validity_period(seconds), written);
    }
    check(0, "000000000001000R");
    check(59, "000000000059000R");
    check(3600 * 26 + 61, "000001020101000R");
    check(u64::MAX, "000030000000000R");
}

#[test]
fn what_is_typed_wrong_is_said() {
    #[track_caller]
    fn check(key: &str, value: &str) {
        let problems = given(&[(key, value)]).unwrap_err();
        assert!(problems.len() == 1 && problems[0].starts_with(key), "{problems:?}");
    }
    for host in ["smpp://smsc.example.com", "smsc.example.com:2775", "a/b", "a b", "[::g]", "a@b"] {
        check("host", host);
    }
    for host in ["smsc.example.com", "10.0.0.7", "[::1]", "smsc_2"] {
        assert!(given(&[("host", host)]).is_ok(), "{host}");
    }
    check("port", "0");
    check("port", "65536");
    check("encryption", "ssl");
    check("system_id", "sixteen-letters-");
    check("password", "nineteen9");
    check("password", "hü");
    check("bind", "receiver");
    check("source_ton_npi", "5");
    check("source_ton_npi", "5/x");
    check("long_texts", "both");
    check("message_ids", "decimal");
    check("window", "0");
    check("window", "101");
}

#[test]
fn who_only_transmits_hears_nothing() {
    let (plain, quiet) = (settings(), given(&[("bind", "transmitter"), ("encryption", "none")]).unwrap());
    assert!(Smpp.hears_replies(&plain) && !Smpp.hears_replies(&quiet));
    assert!(!Smpp.hears_replies(&given(&[("sender", "CornerShop")]).unwrap()));
    let (request, body) = sent(&quiet, &stage::outgoing("Hi"));
    assert_eq!((request.url.as_str(), &body["receipt"]), ("smpp://smsc.example.com:3550", &json!(false)));
    assert!(account(&plain).body.is_empty());
}

#[test]
fn answers_mean_what_they_say() {
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Smpp.outcome(&settings(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |id: &str, segments| SendOutcome::Accepted { reference: Some(id.into()), segments, cost: None };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    check(200, r#"{"message_ids":["a1"]}"#, accepted("a1", Some(1)));
    check(200, r#"{"message_ids":["a1","b2"],"payload":false}"#, accepted("b2", Some(2)));
    check(200, r#"{"message_ids":["a1"],"payload":true}"#, accepted("a1", None));
    for nothing in ["", "{}", r#"{"message_ids":[]}"#, r#"{"message_ids":["a1",""]}"#, r#"{"message_ids":[{}]}"#] {
        check(200, nothing, wire::names_nothing());
    }
    check(
        429,
        r#"{"command_status":"0x00000058"}"#,
        SendOutcome::Later { why: "too many requests".into(), after: None },
    );
    check(400, r#"{"command_status":"0x0000000b"}"#, refused(RefusalClass::Number, "0x0000000b"));
    check(400, r#"{"command_status":"0x0000000a"}"#, refused(RefusalClass::Account, "0x0000000a"));
    check(400, r#"{"command_status":"0x00000045"}"#, refused(RefusalClass::Other, "0x00000045"));
    check(401, r#"{"command_status":"0x0000000e"}"#, refused(RefusalClass::Account, "0x0000000e"));
    check(400, "", refused(RefusalClass::Other, "HTTP 400"));
    for broke_off in ["0x00000008", "0x00000064"] {
        let outcome = Smpp.outcome(&settings(), &answered(400, &format!(r#"{{"command_status":"{broke_off}"}}"#)));
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{broke_off}: {outcome:?}");
    }
    let some = Smpp.outcome(&settings(), &answered(502, r#"{"command_status":"0x00000058","message_ids":["a1"]}"#));
    assert!(matches!(some, SendOutcome::Unknown { .. }));
}

/// What the session writes down, with its MAC made anew.
fn heard(said: &Value) -> Delivery {
    sealed(said, "hush", "lumen")
}

fn sealed(said: &Value, password: &str, system_id: &str) -> Delivery {
    let said = said.to_string();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(password.as_bytes()).unwrap();
    mac.update(format!("cartback smpp\n{system_id}\n{said}").as_bytes());
    let mac = HEXLOWER.encode(&mac.finalize().into_bytes());
    posted(HOOK, &json!({ "said": said, "mac": mac }).to_string())
}

fn with(mut said: Value, extra: Value) -> Value {
    said.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    said
}

fn receipt_of(text: &str) -> Value {
    json!({
        "id": "run-0-7",
        "part": false,
        "source": "12125550101",
        "destination": "12125550100",
        "esm_class": 4,
        "parts": [{ "data_coding": 0, "octets": HEXLOWER.encode(text.as_bytes()) }],
    })
}

fn read(settings: &Settings, said: &Value) -> (String, String, Vec<GatewayEvent>) {
    let delivery = heard(said);
    let Accepted::Keep { topic, key } = Smpp.verify(settings, &delivery).unwrap() else { panic!("not kept") };
    let events = Smpp.read(settings, &topic, &delivery).unwrap();
    (topic, key, events)
}

fn receipt(settings: &Settings, said: &Value) -> Receipt {
    match read(settings, said).2.as_slice() {
        [GatewayEvent::Receipt(receipt)] => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts_are_read_from_their_text() {
    #[track_caller]
    fn check(stat: &str, err: &str, status: ReceiptStatus, code: Option<&str>) {
        let text = format!(
            "id:00a1_b2 sub:001 dlvrd:001 submit date:2609241413 done date:2609241414 stat:{stat} err:{err} text:stat:DELIVRD"
        );
        let told = receipt(&settings(), &receipt_of(&text));
        let bad = [ReceiptStatus::Undelivered, ReceiptStatus::Expired, ReceiptStatus::Rejected].contains(&status);
        assert_eq!(told.gateway_ref.as_deref(), Some("00a1_b2"));
        assert_eq!((told.status, told.code.as_deref()), (status, code));
        assert_eq!(told.class, bad.then_some(RefusalClass::Other));
        assert_eq!((told.reference, told.cost, told.segments), (None, None, None));
    }
    check("DELIVRD", "000", ReceiptStatus::Delivered, None);
    check("delivrd", "000", ReceiptStatus::Delivered, None);
    check("ENROUTE", "000", ReceiptStatus::Accepted, None);
    check("ACCEPTD", "000", ReceiptStatus::Accepted, None);
    check("UNDELIV", "001", ReceiptStatus::Undelivered, Some("UNDELIV 001"));
    check("UNDELIV", "000", ReceiptStatus::Undelivered, Some("UNDELIV"));
    check("DELETED", "", ReceiptStatus::Undelivered, Some("DELETED"));
    check("EXPIRED", "0A2", ReceiptStatus::Expired, Some("EXPIRED 0A2"));
    check("REJECTD", "003", ReceiptStatus::Rejected, Some("REJECTD 003"));
    check("UNKNOWN", "000", ReceiptStatus::Unknown, Some("state UNKNOWN"));
    check("PIGEON", "000", ReceiptStatus::Unknown, Some("state PIGEON"));
}

#[test]
fn receipts_are_read_from_their_fields_first() {
    let text = "id:1 stat:DELIVRD err:000 text:";
    let fields = json!({ "receipted_message_id": "7f", "message_state": 5, "network_error_code": "030017" });
    let told = receipt(&settings(), &with(receipt_of(text), fields));
    assert_eq!(told.gateway_ref.as_deref(), Some("7f"));
    assert_eq!((told.status, told.code.as_deref()), (ReceiptStatus::Undelivered, Some("UNDELIV")));
    let fields =
        json!({ "receipted_message_id": "7f", "message_state": 8, "network_error_code": "030017", "esm_class": 0 });
    let told = receipt(&settings(), &with(receipt_of(""), fields));
    assert_eq!((told.status, told.code.as_deref()), (ReceiptStatus::Rejected, Some("REJECTD 23")));
    let told = receipt(&settings(), &with(receipt_of("id: 9 stat: EXPIRED"), json!({ "esm_class": 32 })));
    assert_eq!((told.gateway_ref.as_deref(), told.status), (Some("9"), ReceiptStatus::Expired));
    let nameless = heard(&receipt_of("stat:DELIVRD err:000"));
    assert!(Smpp.read(&settings(), "receipt", &nameless).is_err());
    assert!(Smpp.read(&settings(), "receipt", &posted(HOOK, "{}")).is_err());
}

#[test]
fn ids_meet_however_they_are_written() {
    #[track_caller]
    fn check(way: &str, answer: &str, in_receipt: &str) {
        let settings = given(&[("message_ids", way)]).unwrap();
        let answer = answered(200, &json!({ "message_ids": [answer] }).to_string());
        let SendOutcome::Accepted { reference, .. } = Smpp.outcome(&settings, &answer) else { panic!("not accepted") };
        let told = receipt(&settings, &receipt_of(&format!("id:{in_receipt} stat:DELIVRD")));
        assert_eq!(told.gateway_ref, reference, "{way}");
    }
    check("same", "0000001A", "0000001A");
    check("hex-decimal", "0000001A", "26");
    check("hex-decimal", "1a", "26");
    check("decimal-hex", "26", "0000001a");
    check("hex-decimal", "not-hex", "not-hex");
    check("same", &"9".repeat(64), &"9".repeat(64));
}

#[test]
fn replies_are_read_and_never_taken_for_receipts() {
    let said = json!({
        "id": "run-0-9",
        "part": false,
        "source": "12125550101",
        "destination": "12125550100",
        "esm_class": 0,
        "parts": [{ "data_coding": 0, "octets": "53544f50" }, { "data_coding": 8, "octets": "010d" }],
    });
    let (topic, key, events) = read(&settings(), &said);
    assert_eq!((topic.as_str(), key.as_str()), ("reply", "run-0-9:reply"));
    let reply = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: "STOPč".into(),
        gateway_ref: "run-0-9".into(),
        answered: false,
    };
    assert_eq!(events, [GatewayEvent::Reply(reply)]);
    let sly = with(receipt_of("id:1 stat:DELIVRD err:000"), json!({ "esm_class": 0 }));
    assert_eq!(read(&settings(), &sly).0, "reply");
}

#[test]
fn parts_and_acknowledgements_are_kept_and_mean_nothing() {
    let part = with(receipt_of("STO"), json!({ "esm_class": 64, "part": true, "id": "run-0-9-1" }));
    let (topic, key, events) = read(&settings(), &part);
    assert_eq!((topic.as_str(), key.as_str(), events.len()), ("other", "run-0-9-1:other", 0));
    let read_there = with(receipt_of("ok"), json!({ "esm_class": 8 }));
    assert_eq!(read(&settings(), &read_there).0, "other");
}

#[test]
fn two_states_of_a_text_are_two_deliveries_and_one_state_is_one() {
    let key = |stat: &str, id: &str| {
        let said = with(receipt_of(&format!("id:a1 stat:{stat}")), json!({ "id": id }));
        read(&settings(), &said).1
    };
    assert_eq!(key("DELIVRD", "run-0-7"), key("DELIVRD", "run-1-3"));
    assert_ne!(key("ACCEPTD", "run-0-7"), key("DELIVRD", "run-0-7"));
}

#[test]
fn only_the_session_is_believed() {
    let said = receipt_of("id:a1 stat:DELIVRD");
    let check = |settings: &Settings, delivery: &Delivery| Smpp.verify(settings, delivery).map(drop);
    let good = heard(&said);
    assert_eq!(check(&settings(), &good), Ok(()));
    assert_eq!(check(&Settings::default(), &good), Err(Refusal::NoKey));
    for body in ["", "{}", "[]", r#"{"said":"{}"}"#, r#"{"said":"{}","mac":null}"#, r#"{"said":"{}","mac":"zz"}"#] {
        assert_eq!(check(&settings(), &posted(HOOK, body)), Err(Refusal::Unsigned), "{body}");
    }
    let wrong = Err(Refusal::WrongSignature);
    assert_eq!(check(&settings(), &sealed(&said, "other", "lumen")), wrong);
    assert_eq!(check(&settings(), &sealed(&said, "hush", "other")), wrong);
    assert_eq!(check(&settings(), &posted(HOOK, r#"{"said":"{}","mac":""}"#)), wrong);
    let text = good.text().unwrap();
    assert_eq!(
        check(&settings(), &posted(HOOK, &text.replacen("run-0-7", "run-0-8", 1))),
        Err(Refusal::WrongSignature)
    );
    let mut cut: Value = serde_json::from_str(text).unwrap();
    cut["mac"] = json!(cut["mac"].as_str().unwrap()[..62]);
    assert_eq!(check(&settings(), &posted(HOOK, &cut.to_string())), Err(Refusal::WrongSignature));
}

proptest! {
    #[test]
    fn whatever_is_heard_panics_nowhere(
        esm_class in any::<u8>(),
        data_coding in any::<u8>(),
        octets in prop::collection::vec(any::<u8>(), 0..80),
        text in "\\PC*",
        way in prop::sample::select(vec!["same", "hex-decimal", "decimal-hex"]),
    ) {
        let settings = given(&[("message_ids", way)]).unwrap();
        let extra = json!({
            "esm_class": esm_class,
            "parts": [{ "data_coding": data_coding, "octets": HEXLOWER.encode(&octets) }],
            "receipted_message_id": text,
        });
        let delivery = heard(&with(receipt_of(""), extra));
        let Ok(Accepted::Keep { topic, .. }) = Smpp.verify(&settings, &delivery) else { panic!("refused") };
        let _ = Smpp.read(&settings, &topic, &delivery);
        let delivery = heard(&receipt_of(&text));
        let _ = Smpp.read(&settings, "receipt", &delivery);
        let _ = Smpp.outcome(&settings, &answered(400, &json!({ "command_status": text }).to_string()));
    }
}
