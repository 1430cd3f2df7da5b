//! AWS: requests as the API takes them, answers, and messages of a topic as SNS signs them. The signatures were made by
//! `openssl dgst -sign` with keys that are gone, over what the guide says is signed.

use std::time::Duration;

use super::{
    super::stage::{self, CALLBACK, NOW, answered, posted},
    *,
};
use crate::domain::{money::Currency, time::Time};

const TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:texts";
const CERTIFICATE_ADDRESS: &str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem";
const SUBSCRIBE: &str = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns:eu-west-1:111122223333:texts&Token=t0ken";
/// When SNS says it published; it is `NOW`.
const AT: &str = "2026-09-24T14:15:00.000Z";
const EVENT: &str =
    r#"{"eventType":"TEXT_DELIVERED","isFinal":true,"messageId":"m-1","context":{"reference":"7.msg_0000000000009"}}"#;
const REPLY: &str = r#"{"originationNumber":"+12125550101","destinationNumber":"+12125550100","messageBody":"Stop","inboundMessageId":"in-1"}"#;

fn settings(extra: &[(&str, &str)]) -> Settings {
    let base = [
        ("access_key_id", "AKIA0123456789ABCDEF"),
        ("secret_access_key", "s3cret/S3cret+1"),
        ("sender", "+12125550100"),
        ("configuration_set", "lamps"),
        ("topic_arn", TOPIC),
    ];
    stage::given(&SPEC, &base, extra).unwrap()
}

/// One message of the topic, some of its fields set otherwise; `Value::Null` takes one away.
fn note(message: &str, version: &str, signature: &str, other: &[(&str, Value)]) -> Delivery {
    let mut note = json!({
        "Type": "Notification",
        "MessageId": "n-1",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": AT,
        "SignatureVersion": version,
        "Signature": signature,
        "SigningCertURL": CERTIFICATE_ADDRESS,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    });
    for (name, value) in other {
        note[*name] = value.clone();
    }
    posted(CALLBACK, &note.to_string())
}

fn confirmation(signature: &str, address: &str) -> Delivery {
    let other =
        [("Type", json!("SubscriptionConfirmation")), ("SubscribeURL", json!(address)), ("Token", json!("t0ken"))];
    note("You have chosen to subscribe.", "2", signature, &other)
}

fn told(delivery: &Delivery) -> Result<Accepted, Refusal> {
    Aws.verify_by(&settings(&[]), &answered(200, CERTIFICATE), delivery)
}

fn kept(topic: &str, key: &str) -> Result<Accepted, Refusal> {
    Ok(Accepted::Keep { topic: topic.into(), key: key.into() })
}

fn read(topic: &str, message: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
    Aws.read(&settings(&[]), topic, &note(message, "2", "", &[]))
}

fn receipt_of(message: &str) -> Receipt {
    let GatewayEvent::Receipt(receipt) = read("receipt", message).unwrap().remove(0) else { panic!("no receipt") };
    receipt
}

#[test]
fn a_text_becomes_one_signed_request() {
    let settings = settings(&[("message_type", "PROMOTIONAL")]);
    let request = stage::sent(&Aws, &settings, &stage::outgoing("Your lamp – here"));
    assert_eq!((request.url.as_str(), request.private), ("https://sms-voice.eu-west-1.amazonaws.com/", false));
    assert_eq!(request.method, Method::Post);
    let expected = r#"{"ConfigurationSetName":"lamps","Context":{"reference":"7.msg_0000000000009"},"DestinationPhoneNumber":"+12125550101","MessageBody":"Your lamp – here","MessageType":"PROMOTIONAL","OriginationIdentity":"+12125550100","TimeToLive":1800}"#;
    assert_eq!(String::from_utf8_lossy(&request.body), expected);
    // As botocore signs the same request.
    let authorization = "AWS4-HMAC-SHA256 \
                         Credential=AKIA0123456789ABCDEF/20260924/eu-west-1/sms-voice/aws4_request, \
                         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
                         Signature=5b80fb832b97bc928b7199e1d3ee0403e93c337252115b8c4dd63c7d092ed90e";
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage"),
        ("x-amz-date", "20260924T141320Z"),
        ("authorization", authorization),
    ];
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(request.headers, headers);
}

#[test]
fn optional_parts_and_bounds() {
    let body = |valid_for| -> Value {
        let sms = Outgoing { valid_for: Duration::from_secs(valid_for), callback_url: None, ..stage::outgoing("x") };
        serde_json::from_slice(&stage::sent(&Aws, &settings(&[]), &sms).body).unwrap()
    };
    assert_eq!(body(1)["TimeToLive"], json!(5));
    assert_eq!(body(900_000)["TimeToLive"], json!(259_200));
    assert_eq!(body(60).get("MessageType"), None);
    assert_eq!(body(60)["Context"], json!({ "reference": stage::REFERENCE }));
    let elsewhere = stage::sent(&Aws, &settings(&[("region", "us-east-2")]), &stage::outgoing("x"));
    assert_eq!(elsewhere.url, "https://sms-voice.us-east-2.amazonaws.com/");
    let stand_in = stage::sent(&Aws, &settings(&[("api_base", "http://127.0.0.1:9/aws/")]), &stage::outgoing("x"));
    assert_eq!((stand_in.url.as_str(), stand_in.private), ("http://127.0.0.1:9/aws/", true));
}

#[test]
fn settings_as_people_type_them() {
    let wrong = |key: &str, value: &str| {
        stage::given(&SPEC, &[(key, value)], &[]).unwrap_err().join("\n").contains(&format!("{key}: must"))
    };
    for topic in [
        "texts",
        "arn:aws:sqs:eu-west-1:111122223333:texts",
        "arn:aws:sns:s3:111122223333:texts",
        "arn:aws:sns:eu-west-1:1:texts",
    ] {
        assert!(wrong("topic_arn", topic), "{topic}");
    }
    assert!(!wrong("topic_arn", &format!("{TOPIC}, arn:aws-us-gov:sns:us-gov-west-1:111122223333:replies_2")));
    for region in ["s3", "eu", "eu-west", "EU-WEST-1", "eu-west-1.example", "-west-1", "eu--1"] {
        assert!(wrong("region", region), "{region}");
    }
    for region in ["us-east-1", "ap-southeast-2", "us-gov-west-1", "il-central-1"] {
        assert!(!wrong("region", region), "{region}");
    }
    assert!(wrong("message_type", "promotional"));
    assert!(wrong("sender", "+1 212"));
    let name = |sender: &str| Aws.sender_name(&settings(&[("sender", sender)]));
    assert_eq!(name("+12125550100, pool-0123456789abcdef0123456789abcdef"), None);
    assert_eq!(name("+12125550100, LUMENOAK").as_deref(), Some("LUMENOAK"));
    assert_eq!(name("arn:aws:sms-voice:eu-west-1:111122223333:sender-id/LUMENOAK/GB").as_deref(), Some("LUMENOAK"));
    assert_eq!(name("arn:aws:sms-voice:eu-west-1:111122223333:phone-number/phone-0123"), None);
}

#[test]
fn answers() {
    use RefusalClass::{Account, Number, OptedOut, Other};
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Aws.outcome(&settings(&[]), &answered(status, body)), expected, "{status} {body}");
    }
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let later = |why: &str| SendOutcome::Later { why: why.into(), after: None };
    check(
        200,
        r#"{"MessageId":"m-1"}"#,
        SendOutcome::Accepted { reference: Some("m-1".into()), segments: None, cost: None },
    );
    check(200, "{}", unknown("an answer that names no message"));
    check(200, "<html>", unknown("an answer that names no message"));
    check(400, r#"{"__type":"ThrottlingException","Message":"Rate exceeded"}"#, later("ThrottlingException"));
    check(400, r#"{"__type":"com.amazonaws.pinpointsmsvoicev2#ThrottlingException"}"#, later("ThrottlingException"));
    check(429, "", later("too many requests"));
    check(500, r#"{"__type":"ThrottlingException"}"#, unknown("HTTP 500"));
    check(503, r#"{"__type":"InternalServerException"}"#, unknown("HTTP 503"));
    let opted_out =
        r#"{"__type":"ConflictException","Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT","ResourceId":"+12125550101"}"#;
    check(400, opted_out, refused(OptedOut, "DESTINATION_PHONE_NUMBER_OPTED_OUT"));
    let invalid = |field: &str| {
        format!(
            r#"{{"__type":"ValidationException","Reason":"FIELD_VALIDATION_FAILED","Fields":[{{"Name":"{field}","Message":"+12125550101"}}]}}"#
        )
    };
    check(400, &invalid("DestinationPhoneNumber"), refused(Number, "invalid DestinationPhoneNumber"));
    check(400, &invalid("OriginationIdentity"), refused(Account, "invalid OriginationIdentity"));
    check(400, &invalid("+12125550101"), refused(Other, "FIELD_VALIDATION_FAILED"));
    check(
        400,
        r#"{"__type":"ValidationException","Reason":"DESTINATION_COUNTRY_BLOCKED"}"#,
        refused(Other, "DESTINATION_COUNTRY_BLOCKED"),
    );
    let quota = r#"{"__type":"ServiceQuotaExceededException","Reason":"MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"}"#;
    check(400, quota, refused(Account, "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"));
    check(400, r#"{"__type":"UnrecognizedClientException"}"#, refused(Account, "UnrecognizedClientException"));
    check(403, r#"{"__type":"NewException"}"#, refused(Account, "NewException"));
    check(400, r#"{"__type":"Sorry, +12125550101"}"#, refused(Other, "HTTP 400"));
    check(404, "", refused(Account, "HTTP 404"));
    let told = Response {
        headers: vec![("x-amzn-errortype".into(), "ThrottlingException:http://internal/".into())],
        ..answered(400, "{}")
    };
    assert_eq!(Aws.outcome(&settings(&[]), &told), later("ThrottlingException"));
}

#[test]
fn the_certificate_is_asked_for_at_the_topics_own_host_alone() {
    let asked = |other: &[(&str, Value)]| Aws.ask_keys(&settings(&[]), &note(EVENT, "2", RECEIPT_SHA256, other));
    let request = asked(&[]).unwrap();
    assert_eq!((request.method, request.url.as_str(), request.private), (Method::Get, CERTIFICATE_ADDRESS, false));
    for address in [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123abcd.pem",
        "https://me@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem",
        "https://sns.eu-west-1.amazonaws.com/other.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-a/../b.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem?x=1",
        "https://example.com/SimpleNotificationService-0123abcd.pem",
        "",
    ] {
        assert_eq!(asked(&[("SigningCertURL", json!(address))]), None, "{address}");
        let delivery = note(EVENT, "2", RECEIPT_SHA256, &[("SigningCertURL", json!(address))]);
        assert_eq!(told(&delivery), Err(Refusal::WrongSignature), "{address}");
    }
    assert_eq!(asked(&[("SigningCertURL", Value::Null)]), None);
    assert_eq!(asked(&[("TopicArn", json!("arn:aws:sns:eu-west-1:444455556666:texts"))]), None);
    assert_eq!(Aws.ask_keys(&Settings::default(), &note(EVENT, "2", RECEIPT_SHA256, &[])), None);
    for body in ["", "[]", "null", "{}"] {
        assert_eq!(Aws.ask_keys(&settings(&[]), &posted(CALLBACK, body)), None, "{body}");
    }
}

#[test]
fn what_the_certificate_signed_is_believed() {
    assert_eq!(told(&note(EVENT, "2", RECEIPT_SHA256, &[])), kept("receipt", "m-1:TEXT_DELIVERED"));
    assert_eq!(told(&note(EVENT, "1", RECEIPT_SHA1, &[])), kept("receipt", "m-1:TEXT_DELIVERED"));
    assert_eq!(told(&note(REPLY, "2", REPLY_SHA256, &[("Subject", json!("A reply"))])), kept("reply", "in-1:reply"));
    let Ok(Accepted::Greeting(greeting)) = told(&confirmation(CONFIRMATION, SUBSCRIBE)) else { panic!("no greeting") };
    assert_eq!((greeting.call.as_deref(), greeting.body.as_str()), (Some(SUBSCRIBE), ""));
    assert!(greeting.learnt.is_empty());
}

#[test]
fn what_it_did_not_sign_is_not() {
    use Refusal::{NoKey, Unsigned, WrongSignature};
    let right = note(EVENT, "2", RECEIPT_SHA256, &[]);
    // Without the certificate nothing is.
    assert_eq!(Aws.verify(&settings(&[]), &right), Err(NoKey));
    for (status, pem) in [
        (404, CERTIFICATE),
        (200, ""),
        (200, "<html>"),
        (200, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        assert_eq!(Aws.verify_by(&settings(&[]), &answered(status, pem), &right), Err(NoKey), "{status} {pem}");
    }
    assert_eq!(Aws.verify_by(&Settings::default(), &answered(200, CERTIFICATE), &right), Err(NoKey));
    assert_eq!(told(&posted(CALLBACK, "[]")), Err(Unsigned));
    assert_eq!(told(&note(EVENT, "2", "", &[])), Err(Unsigned));
    for (version, signature) in [
        ("2", RECEIPT_SHA1),
        ("1", RECEIPT_SHA256),
        ("3", RECEIPT_SHA256),
        ("", RECEIPT_SHA256),
        ("2", RECEIPT_OTHER_KEY),
        ("2", REPLY_SHA256),
        ("2", &RECEIPT_SHA256[..340]),
        ("2", "not base64"),
        ("2", "AAAA"),
    ] {
        assert_eq!(told(&note(EVENT, version, signature, &[])), Err(WrongSignature), "{version} {signature}");
    }
    let altered = EVENT.replace("DELIVERED", "DELIVERES");
    assert_eq!(told(&note(&altered, "2", RECEIPT_SHA256, &[])), Err(WrongSignature));
    for (name, value) in [
        ("MessageId", json!("n-2")),
        ("Timestamp", json!("2026-09-24T14:15:01.000Z")),
        ("Timestamp", Value::Null),
        ("Subject", json!("")),
        ("Type", json!("SubscriptionConfirmation")),
        ("Type", json!("Other")),
        ("TopicArn", json!("arn:aws:sns:eu-west-1:444455556666:texts")),
    ] {
        assert_eq!(told(&note(EVENT, "2", RECEIPT_SHA256, &[(name, value)])), Err(WrongSignature), "{name}");
    }
    // Signed by SNS in truth, for a topic that is not ours.
    let foreign = [("TopicArn", json!("arn:aws:sns:eu-west-1:444455556666:texts"))];
    assert_eq!(told(&note(EVENT, "2", FOREIGN_TOPIC, &foreign)), Err(WrongSignature));
    // Signed, and still no address of SNS.
    let elsewhere = "https://sns.eu-west-1.amazonaws.com.example.com/?Action=ConfirmSubscription";
    assert_eq!(told(&confirmation(CONFIRMATION_ELSEWHERE, elsewhere)), Err(WrongSignature));
    assert_eq!(told(&confirmation(CONFIRMATION, elsewhere)), Err(WrongSignature));
}

#[test]
fn half_a_certificate_is_none() {
    let right = note(EVENT, "2", RECEIPT_SHA256, &[]);
    let told = |pem: &str| Aws.verify_by(&settings(&[]), &answered(200, pem), &right);
    let lines: String = CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    let der = data_encoding::BASE64.decode(lines.as_bytes()).unwrap();
    let pem = |der: &[u8]| {
        let text = data_encoding::BASE64.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    assert!(told(&pem(&der)).is_ok());
    for length in 0..der.len() {
        assert_eq!(told(&pem(&der[..length])), Err(Refusal::NoKey), "{length}");
        assert_eq!(told(&CERTIFICATE[..length]), Err(Refusal::NoKey), "{length}");
    }
}

#[test]
fn a_message_may_come_again_for_a_day() {
    let at = |away: i64| {
        let right = note(EVENT, "2", RECEIPT_SHA256, &[]);
        told(&Delivery { received_at: Time::from_seconds(NOW + away), ..right })
    };
    for away in [-300, 0, 86_400] {
        assert!(at(away).is_ok(), "{away}");
    }
    for away in [-301, 86_401] {
        assert_eq!(at(away), Err(Refusal::WrongTime(away)));
    }
}

#[test]
fn receipts() {
    use ReceiptStatus::{Accepted, Delivered, Expired, Rejected, Undelivered, Unknown};
    use RefusalClass::{Content, Number, Other};
    #[track_caller]
    fn check(kind: &str, status: ReceiptStatus, code: Option<&str>, class: Option<RefusalClass>) {
        let told = receipt_of(&json!({ "eventType": kind, "messageId": "m-1" }).to_string());
        assert_eq!((told.status, told.code.as_deref(), told.class), (status, code, class), "{kind}");
        assert_eq!((told.reference, told.gateway_ref.as_deref()), (None, Some("m-1")));
    }
    for kind in ["TEXT_QUEUED", "TEXT_PENDING", "TEXT_SENT", "TEXT_SUCCESSFUL"] {
        check(kind, Accepted, None, None);
    }
    check("TEXT_DELIVERED", Delivered, None, None);
    check("TEXT_INVALID", Undelivered, Some("INVALID"), Some(Number));
    check("TEXT_INVALID_MESSAGE", Rejected, Some("INVALID_MESSAGE"), Some(Content));
    check("TEXT_UNREACHABLE", Undelivered, Some("UNREACHABLE"), None);
    check("TEXT_CARRIER_UNREACHABLE", Undelivered, Some("CARRIER_UNREACHABLE"), None);
    check("TEXT_BLOCKED", Undelivered, Some("BLOCKED"), Some(Other));
    check("TEXT_CARRIER_BLOCKED", Undelivered, Some("CARRIER_BLOCKED"), Some(Content));
    check("TEXT_SPAM", Undelivered, Some("SPAM"), Some(Content));
    check("TEXT_TTL_EXPIRED", Expired, Some("TTL_EXPIRED"), None);
    check("TEXT_PROTECT_BLOCKED", Rejected, Some("PROTECT_BLOCKED"), Some(Other));
    check("TEXT_UNKNOWN", Unknown, Some("UNKNOWN"), None);
    check("TEXT_PAINTED", Unknown, Some("PAINTED"), None);
    assert!(read("receipt", r#"{"eventType":"TEXT_DELIVERED"}"#).is_err());
    assert!(read("receipt", "no JSON").is_err());
    assert_eq!(read("other", EVENT), Ok(vec![]));
}

#[test]
fn the_last_receipt_has_the_price() {
    let event = |last: bool, fee: &str| {
        receipt_of(&format!(
            r#"{{"eventType":"TEXT_DELIVERED","isFinal":{last},"messageId":"m-1","context":{{"reference":"{}"}},
                "totalMessageParts":2,"totalMessagePrice":0.00645{fee}}}"#,
            stage::REFERENCE
        ))
    };
    let usd = |micros| Some(Cost { micros, currency: Currency::parse("USD").unwrap() });
    let told = event(true, r#","totalCarrierFee":3.1E-3"#);
    assert_eq!((told.cost, told.segments), (usd(9_550), Some(2)));
    assert_eq!(told.reference, Some(stage::REFERENCE.parse().unwrap()));
    assert_eq!(event(true, "").cost, usd(6_450));
    assert_eq!(event(true, r#","totalCarrierFee":"dear""#).cost, None);
    assert_eq!(event(false, "").cost, None);
}

#[test]
fn replies() {
    let GatewayEvent::Reply(reply) = read("reply", REPLY).unwrap().remove(0) else { panic!("no reply") };
    assert_eq!((reply.from.as_str(), reply.to.as_str(), reply.text.as_str()), ("+12125550101", "+12125550100", "Stop"));
    assert_eq!((reply.gateway_ref.as_str(), reply.answered), ("in-1", false));
    assert!(read("reply", r#"{"messageBody":"Stop"}"#).is_err());
}

const RECEIPT_SHA256: &str = "\
    cC5eyx44zcLr5zlWGlkg6VPL4bepDf45PS023zxM7J926PIGbXnbcImU70aX3hSXwaboQ0dASKSOjDHf6oN7JmtCrPMPMpHcYrFq\
    MIAwYm0R+tKgzafwYXeRWmdbCuxcMTrXRo/hEUyNuY/bN3ZpSIjOweyLg0kCGjEaaK3JHGsb519eOYaK1LFoZBc0YhM4oU5ueeRx\
    IgIwvebNAoFyGrJQG2tA+uC7qpXPX4SblxHwqNeivk3jOEhh5TmUNt/2OYfI2vlLrD47EWZNGGg7qqnZGae1Ia6HjG8HUomj6bbb\
    0cDCFVutauD+UAMiTPiem7gyYCFcDvmpaCNa7MD8Cw==";
const RECEIPT_SHA1: &str = "\
    KS0L4JdVPUcTLb18ogkI+95IShYVVNiKky1k2seZrLexRQ196l3/T0Ata9ipD8R1Qm5mbTyFxjrXmFky5rNodCszBDnpANjI2qM2\
    T4w9eZxejw8sNUAOT5+ElzKtgxXjSwVbYDvkhnDz8fTazUKCizhnRDYYqjw/gv35BpkCMEpFFAukeURpg+Ex5xhuWyRRUGML0Ste\
    wYvRX2vhlCwlJWhYY1yc9HJM+R+mUvzl+HEQJJRoQ3IWNctxv8c66vZL9dxuK9jlsz5drzkZHjRSNc9GG//+F73MvqU8Md6NBLjE\
    +M+O1Xz7E+dzs5Nv53FfJHtMjAH0IGdSmcIf/L6Qaw==";
const RECEIPT_OTHER_KEY: &str = "\
    RWjlZMEQ2uH7NS25swYjX1nVcu3oAqQnGztTfzappP04ys1JkTG7PQI/+/60Yr5KwhDqvxmKDc4Eb+don8R2iYa8FdKmMPYOndTk\
    y74yR1hvVlsgZkWr8vHcxVPpbgxWG+xhVUZ2JGB6LsLbFJPa2+f3y5z07Y2v5FNfs53PI0rtYFOU3Avc+gQyuRxDHituD7+WYUg+\
    B/J2nwLeuHfOI1/e5rwn2kCkQr3kiSClzbY0a+q1/lBi1Gsdd9Erfo8DtYP1Qx08//LpUAnSZ8LvLkdO52/pTOkkhFClSglsB+4I\
    2F5R4v/zE+gi4g/4dvD/gicUURv3ak+cRA+qUR5Omg==";
const REPLY_SHA256: &str = "\
    NbRDlX1KYWzxisIYhWT7kweOyVN+0+4PfYz+IPlG3C2gUQ+qsjCaqSabb4igmArHvBwENbyNMyoeyDbyioHNYMt+XP9rWr5jZNGs\
    tgK8aiWJg9ac71pTjJPpTDsKjYtJx9pM+f0xW0VmBrsHyhrffzxwt1+djEoGBaH+DuyBt0lg/50mCM7HrzD6uZAHESGdKzQu/LDM\
    sR2ZLJ7fq9cy7Oxs7uc0i71TE5uSm5+e4XJZDZqlP1T3KmLwdendUAJ+a+rJMhRaW2UkEXH6+lngHxB5DMfuzs1dadew484wvZu0\
    m2Mde1OYPo1QLawLolDHYq5hiigG/kmq5TUNx58D5Q==";
const FOREIGN_TOPIC: &str = "\
    ap4aip4cItFCkDnpGZ4QNYBCzmd3oKRtL/Rq6LSGEzmlFsPFxtyy3CY3XmjdSAV2TjE4VlCS6uJkXK27YuuVYBeoSe2R/9qOm8A7\
    gMh1GGyHB6xE7wRLw8j1gYalw/PNfsl/Z3lGK3vGtEE/c8Z8pl/senKlKS1iuOHmqHuP2YATGwKn1IsVqIyqZ7Ny4i21AIei8H5c\
    sZOWYYpNCQ/z5xhvbf6pMShkSAEVoDICCPe4G0nWexDY8sx8q2t5uQ7oDA94HGEJ28RYrFf5YC+bL4zQ3JwrMdVeVjGXISDfKih/\
    Uf/1Q/AWRDqfHdeSa0RTW/nDtaMlElQeiBwF1ghAxQ==";
const CONFIRMATION: &str = "\
    r9LDMrjOg1T5cVxN4AmGbwu++GXIT9FA1JnR7PKLhpLb0AuOfsOFl/xZgi2Ds7DArrWnzceO23Lqy6nqEa4PviugmV2VLr0I+SI0\
    f4wXfIjjGEkdG15TLi4aWc2CHW83d1C81uvUC82s60aToWoqxaPKEx96OsxqkhUq6eJBp2aVAXUD+EbsAHFcaBcfRXqLCb4GQ2oN\
    BDctxRyJnGEHMoEzBLtkNOam3rfQ//m0Tn2qx3OPlHd7iuu2X+77BLWMFgb251ABvR3k9NZ1FCbJUXFJCqGsZ8hEkeDRc7n4RLMx\
    DjiUkRP7Zx2aOYJmxT5ERZB5fU9/R+NJPG+ZXUrUbw==";
const CONFIRMATION_ELSEWHERE: &str = "\
    bhS9W9sC3Er329EUSbsWSopPmECbM7aMgd59X8+kJyxoCif5gbrNNvigHYD2ICRoKpqqA0ESHBzKVCNmSlfkVYc4OSA1YtVfwWNu\
    9/53ItYCYhhQi9zeB3GLX9iS9jzu9e4k2EDQJmiicTIsJsIawnyPIYWXSPQzComayI/rxbEX1SjvUPgj3KfLF9HFYuC4aNRmi425\
    yNlNIKgsG20ApypFxTTJLqNpkDEdwIcPs/A8bP/yw9ZccCqPETEwxdcega9q3fT1SLM8JHIAAMBJ4ADbI6PuW+bU4O1QTx42offS\
    7bKFm5Uo8eL57iNl9GJkg4CJR6I6EtRJiTkGcCxiAg==";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n\
MIIDFTCCAf2gAwIBAgIUZ9O8JweC7daKSV27eLMJVtzlvAYwDQYJKoZIhvcNAQEL\n\
BQAwGjEYMBYGA1UEAwwPc25zLmV4YW1wbGUuY29tMB4XDTI2MTEyOTA5MzMzMVoX\n\
DTM2MTEyNjA5MzMzMVowGjEYMBYGA1UEAwwPc25zLmV4YW1wbGUuY29tMIIBIjAN\n\
BgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsmJ51yY1zPcjwpZqezLUIpU0VTB8\n\
QgptfDUV1lMa4424SKOMTUlgnKNAWZ67ENhCz85YiaUucesXv5cjoQreGGIeGjqG\n\
HeiHAiwicEBP4h5067xhwbqxzNa8HJCdl1SKm+nxxnpGkKjgF85JlASiZAx0H1MV\n\
SuknjZhCbu6e55cmLv8MK1EEj0IqhHvVjQsRJlL+MnQkQruMKI/iqGh/WdbT8E1k\n\
uV7kNfNvkU1HDg5AzpCgxQGN63/Chnj5YU/ktDzwn5AeecYy+OOwfKyH6tPRH0JE\n\
CuTzJwdv8j0pN+YfHzb47ViKaz+MMQWhtONS5z7eInxCR+MZNfcvmlQAMQIDAQAB\n\
o1MwUTAdBgNVHQ4EFgQU79zFGdE3uwqfWigxKPYlQa5Ap58wHwYDVR0jBBgwFoAU\n\
79zFGdE3uwqfWigxKPYlQa5Ap58wDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0B\n\
AQsFAAOCAQEATUHPfyWn//4RPXpZTTifCQGJz8sMWrbwio563sb1y/tGrtW6z8/F\n\
T4gJeuqyAh0Y+UgquXKHTq8+5ZR6pIw/gaGPS6+EIAKWQ1KzUNyNNrfXutE2k9wQ\n\
L9HrJGniDZo8xGE+YFf65tqI1Tg6If0HtHtkx0W8f4dUp3Y/jTgXknfqynmxiEOS\n\
KbyZJdNSVWVRlKOkvTr9yfOUq3cPLXi9HgKJtxDy7bDnSnWBlvZYBWQANfiM3VwC\n\
FOQA7913mM72OsOsK0I0O9ElsjpG7vjUZIwlfnCZpzcYC0g/XnINHdpxbCMCQQn0\n\
jSeemFwB295HIXfH1K3pqDoEO9i5cpFQXA==\n\
-----END CERTIFICATE-----\n";
