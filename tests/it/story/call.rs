//! Calls: a text shows its number, its reader rings it, and the call counts for that text, once a day, when it was talked
//! for long enough; a hidden caller is nobody, and a forged call is nothing.

use cartback::{
    domain::{
        call::{State, Tie},
        connector::Delivery,
        event::{Identity, TypedPhone},
        id::{CallId, SiteEventId},
        site_event::Kind,
        time::Time,
    },
    pipeline::{
        call::{self, Answer, NotAdded},
        connect,
        people::{self, export},
    },
    store::{self, call::Call, identity},
};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;

use crate::app::{App, Shopkeeper, TWILIO_TOKEN, hours, minutes, on_both};

const RENTED: &str = "+38615550001";
const DESK: &str = "+38615559999";
const CALLER: &str = "+38640555101";

/// Twilio's own way of signing: the address, then every name and value in order.
fn signed(token: &str, url: &str, form: &[(&str, &str)]) -> String {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(token.as_bytes()).unwrap();
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64.encode(&mac.finalize().into_bytes())
}

async fn told(app: &App, shop: &Shopkeeper, token: &str, form: &[(&str, &str)]) -> Answer {
    let url = format!("{}/hook/call/{}", app.core.public_url, shop.path);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = vec![
        ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ("x-twilio-signature".to_owned(), signed(token, &url, form)),
    ];
    let delivery =
        Delivery { method: "POST".into(), url, headers, body: body.into_bytes(), received_at: app.core.now() };
    call::receive(&app.core, &shop.path, &delivery).await.unwrap()
}

async fn rings(app: &App, shop: &Shopkeeper, sid: &str, from: &str) -> String {
    let form = [("CallSid", sid), ("From", from), ("To", RENTED), ("CallStatus", "ringing")];
    match told(app, shop, TWILIO_TOKEN, &form).await {
        Answer::Twiml(said) => said,
        other => panic!("{other:?}"),
    }
}

async fn ends(app: &App, shop: &Shopkeeper, sid: &str, from: &str, status: &str, seconds: &str) {
    let form = [
        ("CallSid", sid),
        ("From", from),
        ("To", RENTED),
        ("CallStatus", "in-progress"),
        ("DialCallStatus", status),
        ("DialCallDuration", seconds),
    ];
    let said = told(app, shop, TWILIO_TOKEN, &form).await;
    assert!(matches!(&said, Answer::Twiml(said) if said.ends_with("<Response/>")), "{said:?}");
}

async fn calls(app: &App, shop: &Shopkeeper) -> Vec<Call> {
    let (_, keys) = app.shop(shop.id).await;
    let mut read = app.read().await;
    store::call::list(&mut read, &keys, Time::FIRST, (Time::LAST, CallId::new(0)), 99).await.unwrap()
}

async fn one(app: &App, shop: &Shopkeeper, sid: &str) -> Call {
    calls(app, shop).await.into_iter().find(|call| call.sid == sid).unwrap()
}

#[tokio::test]
async fn a_reader_of_a_text_rings_the_number_it_showed() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "twilio").await;
        let sequence = app.shop(shop.id).await.0.rules.sequences[0].id.clone();
        let id = call::add(&app.core, shop.id, "+386 1 555 00 01", DESK, &sequence).await.unwrap();
        for (number, answers, sequence) in [
            (RENTED, DESK, ""),
            ("0155512", DESK, ""),
            ("+38615550002", "+38615550002", ""),
            ("+38615550002", DESK, "none"),
        ] {
            let added = call::add(&app.core, shop.id, number, answers, sequence).await;
            assert!(matches!(added, Err(NotAdded::Wrong(_))), "{number} {answers} {sequence}");
        }
        let words = "{{ shop }}: {{ link }} or ring {{ call_number }}. {{ opt_out }}";
        let changed = connect::change_rules(&app.core, shop.id, |rules, _| {
            rules.sequences[0].steps[0].texts.insert(String::new(), words.into());
            Ok(())
        });
        changed.await.unwrap();
        let cart = json!({ "phone": CALLER, "started_at": app.iso(), "updated_at": app.iso() });
        app.generic(&shop, "checkout.updated", app.checkout("c1", cart)).await;
        app.pass(hours(1)).await;
        let text = app.last_text(&shop).await;
        assert!(text.words.contains(RENTED), "{}", text.words);

        let said = rings(app, &shop, "CA1", CALLER).await;
        assert!(said.contains(&format!(">{DESK}</Dial>")) && said.contains("/hook/call/"), "{said}");
        assert_eq!(one(app, &shop, "CA1").await.state, State::Ringing);
        ends(app, &shop, "CA1", CALLER, "completed", "42").await;
        let first = one(app, &shop, "CA1").await;
        assert_eq!((first.state, first.seconds, first.tie), (State::Answered, 42, Tie::Phone));
        assert_eq!((first.sequence.as_str(), first.number), (sequence.as_str(), id));
        assert!(first.message.is_some() && first.counted_day.is_some());
        // Told again, late, and as over: nothing changes.
        rings(app, &shop, "CA1", CALLER).await;
        ends(app, &shop, "CA1", CALLER, "no-answer", "0").await;
        assert_eq!(one(app, &shop, "CA1").await, first);

        app.pass(minutes(5)).await;
        rings(app, &shop, "CA2", CALLER).await;
        ends(app, &shop, "CA2", CALLER, "completed", "300").await;
        assert_eq!(one(app, &shop, "CA2").await.counted_day, None, "once a day");
        app.pass(hours(24)).await;
        rings(app, &shop, "CA3", CALLER).await;
        ends(app, &shop, "CA3", CALLER, "completed", "29").await;
        assert_eq!(one(app, &shop, "CA3").await.counted_day, None, "too short");
        rings(app, &shop, "CA4", CALLER).await;
        ends(app, &shop, "CA4", CALLER, "completed", "30").await;
        assert!(one(app, &shop, "CA4").await.counted_day.is_some());
        // Hidden, and of somebody nobody texted; the end may come first.
        ends(app, &shop, "CA5", "+266696687", "completed", "31").await;
        let hidden = one(app, &shop, "CA5").await;
        assert_eq!((hidden.phone, hidden.tie, hidden.message), (None, Tie::Sequence, None));
        rings(app, &shop, "CA6", "+38640555999").await;
        ends(app, &shop, "CA6", "+38640555999", "busy", "").await;
        assert_eq!(one(app, &shop, "CA6").await.state, State::Missed);

        let (_, keys) = app.shop(shop.id).await;
        let span = (Time::FIRST, Time::LAST);
        let sums = store::call::sums(&mut app.read().await, &keys, span).await.unwrap();
        assert_eq!(sums.len(), 1);
        assert_eq!((sums[0].calls, sums[0].answered, sums[0].counted, sums[0].by_phone), (6, 5, 3, 2));
        // Goals count what counted, and nothing else.
        let before = SiteEventId::new(i64::MAX);
        let events =
            store::site_event::list(&mut app.read().await, &keys, Some(Kind::Called), before, 10).await.unwrap();
        let told: Vec<_> = events.iter().map(|event| (event.target.as_str(), event.number)).collect();
        assert_eq!(told, [(&*sequence, 31), (&*sequence, 30), (&*sequence, 42)]);
        assert_eq!(events[1].visitor, events[2].visitor);
        assert_ne!(events[0].visitor, events[1].visitor);

        // Another week, and the text is too old.
        app.pass(hours(24 * 8)).await;
        rings(app, &shop, "CA7", CALLER).await;
        assert_eq!(one(app, &shop, "CA7").await.tie, Tie::Sequence);

        // Out of the pool: new calls are turned away, one under way still ends.
        assert!(call::remove(&app.core, shop.id, id).await.unwrap());
        assert!(!call::remove(&app.core, shop.id, id).await.unwrap());
        assert!(rings(app, &shop, "CA8", CALLER).await.contains("<Reject/>"));
        ends(app, &shop, "CA7", CALLER, "completed", "90").await;
        assert!(one(app, &shop, "CA7").await.counted_day.is_some());
        assert_eq!(calls(app, &shop).await.len(), 7);
    })
    .await;
}

#[tokio::test]
async fn a_forged_call_is_refused_and_counted() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[]).await;
        call::add(&app.core, shop.id, RENTED, DESK, "").await.unwrap();
        let form = [("CallSid", "CA1"), ("From", CALLER), ("To", RENTED), ("CallStatus", "ringing")];
        let answer = told(app, &shop, TWILIO_TOKEN, &form).await;
        assert!(matches!(answer, Answer::Refused(_)), "no key is known: {answer:?}");
        call::set(&app.core, shop.id, Some(10), Some(TWILIO_TOKEN)).await.unwrap();
        app.pass(minutes(1)).await;
        assert!(matches!(told(app, &shop, "another", &form).await, Answer::Refused(_)));
        assert!(matches!(told(app, &shop, TWILIO_TOKEN, &form).await, Answer::Twiml(_)));
        assert!(call::set(&app.core, shop.id, Some(3_601), None).await.is_err());
        let (_, keys) = app.shop(shop.id).await;
        let desk = store::call::desk(&mut app.read().await, &keys).await.unwrap();
        assert_eq!((desk.least_seconds, desk.refused_count, desk.token.as_deref()), (10, 2, Some(TWILIO_TOKEN)));
        call::set(&app.core, shop.id, None, Some("")).await.unwrap();
        let desk = store::call::desk(&mut app.read().await, &keys).await.unwrap();
        assert_eq!((desk.least_seconds, desk.token), (10, None));
        assert_eq!(calls(app, &shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn who_is_forgotten_called_as_nobody() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[]).await;
        call::set(&app.core, shop.id, None, Some(TWILIO_TOKEN)).await.unwrap();
        call::add(&app.core, shop.id, RENTED, DESK, "").await.unwrap();
        rings(app, &shop, "CA1", CALLER).await;
        ends(app, &shop, "CA1", CALLER, "completed", "60").await;
        let who = Identity { phones: vec![TypedPhone { number: CALLER.into(), country: None }], ..Identity::default() };
        let exported = export::export(&app.core, shop.id, &who).await.unwrap().unwrap();
        let told = serde_json::to_value(&exported).unwrap();
        assert_eq!(told["calls"][0]["seconds"], json!(60), "{told}");
        let (_, keys) = app.shop(shop.id).await;
        let name = identity::value(&keys, identity::Kind::Phone, CALLER);
        let known = async || store::site_event::named(&mut app.read().await, &keys, &name).await.unwrap().len();
        assert_eq!(known().await, 1);
        people::forget(&app.core, shop.id, &who, "page").await.unwrap();
        assert_eq!(known().await, 0);
        let call = one(app, &shop, "CA1").await;
        assert_eq!((call.phone, call.seconds), (None, 60));
        assert!(call.counted_day.is_some(), "that it counted stays");
        app.settle().await;
    })
    .await;
}
