//! What people text back: kept once, heeded at once, answered within five minutes or never; and what nobody understands
//! waits for a person of the shop.

use cartback::{
    domain::consent::{Meaning, heard::Rule},
    pipeline::{receive::Answer, reply},
    store::reply::How,
};
use serde_json::json;

use super::bodies::{MOBILE, with};
use crate::{
    app::{Account, App, Shopkeeper, hours, minutes, on_both},
    outside::Ends,
};

async fn open(app: &App) -> (Shopkeeper, Account) {
    let shop = app.with_shop("generic").await;
    let log = app.with_gateway(&shop, "log").await;
    (shop, log)
}

async fn leave(app: &App, shop: &Shopkeeper, token: &str) {
    let own = json!({ "cart_token": null, "started_at": app.iso() });
    app.generic(shop, "checkout.updated", app.checkout(token, with(&own, json!({})))).await;
    app.pass(minutes(30)).await;
}

#[tokio::test]
async fn every_way_to_say_stop_is_heard_and_kept() {
    use Rule::*;
    on_both(async |app| {
        let (shop, log) = open(app).await;
        let said = [
            ("Stop", false, Some((Exact, "stop", false))),
            ("STOP!!!", false, Some((Exact, "stop", false))),
            ("stop please", false, Some((Edge, "stop", false))),
            ("Stoþ", true, None),
            ("Arrêt", false, Some((Exact, "arrêt", false))),
            ("ARRÊTÉ", false, Some((Exact, "arrêté", false))),
            ("opt-out", false, Some((Exact, "opt-out", false))),
            ("OptOut", false, Some((Exact, "optout", false))),
            ("please unsubscribe me", false, Some((Phrase, "unsubscribe", false))),
            ("Don't stop sending", true, Some((Anywhere, "stop", true))),
            ("Don't stop sending", false, None),
            ("cancel my order", false, Some((Edge, "cancel", true))),
            ("no más", false, Some((Exact, "no más", false))),
            ("SAIR", false, Some((Exact, "sair", false))),
            ("ОСТАНОВИТЬ", false, Some((Exact, "остановить", false))),
        ];
        for (number, (text, us, expected)) in said.into_iter().enumerate() {
            let phone = if us { format!("+121255501{number:02}") } else { format!("+386405552{number:02}") };
            app.reply(&log, &phone, text).await;
            let (_, outs) = app.ledgers(&shop, &phone).await;
            let kept = app.replies(&shop).await.into_iter().next().unwrap();
            assert_eq!((kept.words.text.as_str(), kept.words.from.as_str()), (text, phone.as_str()));
            let Some((rule, word, doubtful)) = expected else {
                assert!(outs.is_empty(), "{text}");
                assert_eq!((kept.words.heard.meaning, kept.settled), (Meaning::Unclear, None), "{text}");
                continue;
            };
            let (out, proof) = outs.into_iter().next().unwrap_or_else(|| panic!("{text}"));
            let proof = proof.unwrap();
            assert_eq!((out.source.as_str(), out.at), ("reply", app.now()));
            assert_eq!(
                (proof.rule, proof.word.as_deref(), proof.text.as_deref()),
                (Some(rule), Some(word), Some(text))
            );
            assert_eq!((proof.reply, proof.applied_at), (Some(kept.id.get()), Some(app.now())));
            assert!(proof.answer.is_some() && !proof.gateway_answered);
            assert_eq!(kept.settled.is_none(), doubtful, "{text}");
        }
        assert_eq!(app.purposes(&shop).await, ["answer"; 13]);
        assert_eq!(app.alarms(shop.id).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_stop_is_confirmed_once_and_at_once() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        app.reply(&log, MOBILE, "STOP").await;
        app.reply(&log, MOBILE, "STOP").await;
        app.reply(&log, MOBILE, "stop stop stop").await;
        app.reply(&log, MOBILE, "help").await;
        app.pass(hours(1)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer"]);
        let answer = app.last_text(&shop).await;
        assert_eq!(answer.words, "Lumen & Oak: You are opted out and will get no more texts from us.");
        // The figures count what people were reminded of, not what they were answered.
        assert!(app.figures(&shop).await.contains("texts 1"));
        assert_eq!(app.replies(&shop).await.len(), 4);
    })
    .await;
}

#[tokio::test]
async fn too_late_is_never() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        // It arrives while nobody works.
        let body = json!({ "type": "reply", "from": MOBILE, "text": "STOP", "id": "late" });
        app.call_back(&log, "", &[], &body.to_string()).await;
        app.sleep(minutes(6));
        app.settle().await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
        let (out, proof) = app.ledgers(&shop, MOBILE).await.1.remove(0);
        let proof = proof.unwrap();
        assert_eq!((out.at + minutes(6), proof.applied_at), (app.now(), Some(app.now())));
        assert_eq!((proof.received_at, proof.answer), (Some(out.at), None));
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_cannot_leave_in_time_never_does() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let kannel = app.with_gateway(&shop, "kannel").await;
        leave(app, &shop, "c1").await;
        assert_eq!(app.outside.texts(), 1);
        app.outside.next([Ends::NotConnected, Ends::NotConnected, Ends::NotConnected, Ends::NotConnected]);
        app.reply(&kannel, MOBILE, "STOP").await;
        app.pass(hours(3)).await;
        let answer = app.messages(&shop).await.pop().unwrap();
        assert!(answer.1.expired_at.is_some_and(|at| at <= app.now()), "{:?}", answer.1);
        assert!(answer.1.accepted_at.is_none());
    })
    .await;
}

#[tokio::test]
async fn the_same_reply_twice_is_one() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        let body = json!({ "type": "reply", "from": MOBILE, "text": "STOP", "id": "once" });
        for _ in 0..2 {
            app.call_back(&log, "", &[], &body.to_string()).await;
            app.settle().await;
        }
        // Read again by hand, a day later.
        app.pass(hours(24)).await;
        for delivery in app.deliveries(&shop).await {
            cartback::pipeline::receive::replay(&app.core, shop.id, delivery.id).await.unwrap();
        }
        app.settle().await;
        assert_eq!(app.replies(&shop).await.len(), 1);
        assert_eq!(app.ledgers(&shop, MOBILE).await.1.len(), 1);
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer"]);
    })
    .await;
}

#[tokio::test]
async fn an_unclear_reply_holds_until_somebody_has_read_it() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        app.reply(&log, MOBILE, "who is this?").await;
        assert_eq!(app.alarms(shop.id).await.len(), 1);
        app.pass(hours(26)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
        let story = app.cart_story(&shop, "c1").await;
        assert!(story.contains("step 2: wait: held: a reply of 3 Mar 2026, 10:30"), "{story}");
        let waiting = app.replies(&shop).await.remove(0);
        assert_eq!((waiting.words.heard.meaning, waiting.settled.clone()), (Meaning::Unclear, None));
        assert!(reply::settle(&app.core, shop.id, waiting.id, How::CarryOn, "Maja").await.unwrap());
        app.pass(minutes(1)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "reminder"]);
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
        let settled = app.replies(&shop).await.remove(0).settled.unwrap();
        assert_eq!((settled.by.as_str(), settled.how), ("Maja", How::CarryOn));
        // Once is enough.
        assert!(!reply::settle(&app.core, shop.id, waiting.id, How::OptedOut, "Bor").await.unwrap());
        assert!(app.ledgers(&shop, MOBILE).await.1.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_person_reads_a_wish_to_be_left_alone() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        app.reply(&log, MOBILE, "please do not write to me again").await;
        let said_at = app.now();
        app.pass(hours(2)).await;
        let waiting = app.replies(&shop).await.remove(0);
        assert!(reply::settle(&app.core, shop.id, waiting.id, How::OptedOut, "Maja").await.unwrap());
        let (out, proof) = app.ledgers(&shop, MOBILE).await.1.remove(0);
        let proof = proof.unwrap();
        assert_eq!((out.at, out.source.as_str()), (said_at, "reply"));
        assert_eq!((proof.rule, proof.by.as_deref()), (Some(Rule::Human), Some("Maja")));
        app.pass(hours(100)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
        assert_eq!(app.alarms(shop.id).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn nobody_of_the_shop_can_opt_a_person_in() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        // Read as a stop at once, and shown: it may have been about the order.
        app.reply(&log, MOBILE, "cancel my order").await;
        let doubtful = app.replies(&shop).await.remove(0);
        assert_eq!((doubtful.words.heard.meaning, doubtful.settled.clone()), (Meaning::Stop, None));
        assert!(reply::settle(&app.core, shop.id, doubtful.id, How::CarryOn, "Maja").await.unwrap());
        app.pass(hours(100)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer"]);
        assert!(app.cart_story(&shop, "c1").await.contains("step 2: no: opted out"));
    })
    .await;
}

#[tokio::test]
async fn by_hand_there_is_only_out() {
    on_both(async |app| {
        let (shop, _) = open(app).await;
        leave(app, &shop, "c1").await;
        let phone = cartback::domain::phone::Phone::read(MOBILE, &[]).unwrap();
        assert!(reply::opt_out_by_hand(&app.core, shop.id, &phone, "asked by mail", "Maja").await.unwrap());
        let (out, proof) = app.ledgers(&shop, MOBILE).await.1.remove(0);
        let proof = proof.unwrap();
        assert_eq!((out.source.as_str(), proof.note.as_deref()), ("operator", Some("asked by mail")));
        app.pass(hours(100)).await;
        assert_eq!(app.purposes(&shop).await, ["reminder"]);
    })
    .await;
}

#[tokio::test]
async fn help_is_answered_but_two_machines_do_not_talk_for_ever() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("help_contact", "care@shop.example")]).await;
        let log = app.with_gateway(&shop, "log").await;
        leave(app, &shop, "c1").await;
        for _ in 0..10 {
            app.reply(&log, MOBILE, "HELP").await;
            app.pass(minutes(7)).await;
        }
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer", "answer", "answer"]);
        let words = app.last_text(&shop).await.words;
        for said in ["Lumen & Oak", "care@shop.example", "STOP"] {
            assert!(words.contains(said), "{said}: {words}");
        }
        // Asking for help holds nothing.
        app.pass(hours(100)).await;
        assert_eq!(app.purposes(&shop).await.last(), Some(&"reminder"));
    })
    .await;
}

#[tokio::test]
async fn what_is_said_to_the_house_is_told_to_whom_it_was_said() {
    on_both(async |app| {
        let house = app.with_house_gateway("log").await;
        let first = app.with_shop_like("generic", &[("name", "One")]).await;
        let second = app.with_shop_like("generic", &[("name", "Two")]).await;
        let never = app.with_shop_like("generic", &[("name", "Three")]).await;
        leave(app, &first, "c1").await;
        app.pass(hours(1)).await;
        leave(app, &second, "c1").await;
        app.reply(&house, MOBILE, "is the stool still there?").await;
        let kept = [app.replies(&first).await.len(), app.replies(&second).await.len(), app.replies(&never).await.len()];
        assert_eq!(kept, [0, 1, 0]);
        app.reply(&house, MOBILE, "STOP").await;
        let kept = [app.replies(&first).await.len(), app.replies(&second).await.len(), app.replies(&never).await.len()];
        assert_eq!(kept, [1, 2, 0]);
        // One confirmation, from the shop that texted last.
        assert_eq!(app.purposes(&first).await, ["reminder"]);
        assert_eq!(app.purposes(&second).await, ["reminder", "answer"]);
        app.reply(&house, MOBILE, "START").await;
        for shop in [&first, &second] {
            assert_eq!(app.ledgers(shop, MOBILE).await.0.len(), 2);
        }
        assert!(app.ledgers(&never, MOBILE).await.0.is_empty());
        app.leave_work();
    })
    .await;
}

#[tokio::test]
async fn what_the_gateway_knows_comes_into_the_same_ledger() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "twilio").await;
        app.outside.next([Ends::Refused(21610)]);
        leave(app, &shop, "c1").await;
        let (out, proof) = app.ledgers(&shop, MOBILE).await.1.remove(0);
        assert_eq!((out.source.as_str(), proof.unwrap().code.as_deref()), ("gateway", Some("21610")));
        app.pass(hours(100)).await;
        assert_eq!(app.outside.texts(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_opt_out_outlives_the_person_as_a_keyed_hash() {
    on_both(async |app| {
        let (shop, log) = open(app).await;
        leave(app, &shop, "c1").await;
        app.reply(&log, MOBILE, "stop, I am Maja Novak").await;
        app.generic(&shop, "customer.redacted", json!({ "phone": MOBILE })).await;
        let (consents, outs) = app.ledgers(&shop, MOBILE).await;
        assert_eq!((consents.len(), outs.len(), outs[0].1.clone()), (0, 1, None));
        assert_eq!(app.replies(&shop).await, []);
        // They come back with the box still ticked.
        leave(app, &shop, "c2").await;
        app.pass(hours(100)).await;
        assert!(app.cart_story(&shop, "c2").await.contains("step 1: no: opted out"));
        assert_eq!(app.purposes(&shop).await, ["reminder", "answer"]);
    })
    .await;
}

/// A part of a long text as Vonage hands it over.
async fn part(app: &App, vonage: &Account, (name, number, total): (u32, u32, u32), text: &str) {
    let (part, ours) = (number.to_string(), app.delivery_number());
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("msisdn", "38640555201")
        .append_pair("to", "12125550100")
        .append_pair("messageId", &format!("in-{ours}"))
        .append_pair("text", text)
        .append_pair("type", "text")
        .append_pair("concat", "true")
        .append_pair("concat-ref", &name.to_string())
        .append_pair("concat-part", &part)
        .append_pair("concat-total", &total.to_string())
        .finish();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = app.call_back(vonage, "", &form, &body).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    app.settle().await;
}

/// What was heard, oldest first.
async fn heard(app: &App, shop: &Shopkeeper) -> Vec<String> {
    let newest_first = app.replies(shop).await.into_iter().map(|reply| reply.words.text);
    newest_first.rev().collect()
}

#[tokio::test]
async fn a_long_text_in_parts_is_one_text() {
    on_both(async |app| {
        let shop = app.with_shop("generic").await;
        let vonage = app.with_gateway(&shop, "vonage").await;
        // In any order, and a word may be cut in two.
        part(app, &vonage, (7, 2, 2), "scribe me").await;
        part(app, &vonage, (8, 1, 2), "Another ").await;
        assert!(heard(app, &shop).await.is_empty());
        part(app, &vonage, (7, 1, 2), "I have asked often enough: please unsub").await;
        assert_eq!(heard(app, &shop).await, ["I have asked often enough: please unsubscribe me"]);
        assert_eq!(app.ledgers(&shop, "+38640555201").await.1.len(), 1);
        // A provider that repeats a part, and a person of ours who has it read again.
        part(app, &vonage, (7, 1, 2), "I have asked often enough: please unsub").await;
        assert_eq!(heard(app, &shop).await.len(), 1);
        // One that stays alone is read as it is, and what comes later too.
        app.pass(minutes(1)).await;
        assert_eq!(heard(app, &shop).await.len(), 1);
        app.pass(minutes(1)).await;
        assert_eq!(heard(app, &shop).await[1..], ["Another "]);
        part(app, &vonage, (8, 2, 2), "day").await;
        assert_eq!(heard(app, &shop).await[2..], ["day"]);
        // Providers use the same few names again.
        app.pass(minutes(20)).await;
        part(app, &vonage, (7, 1, 2), "Hello ").await;
        assert_eq!(heard(app, &shop).await.len(), 3);
        part(app, &vonage, (7, 2, 2), "again").await;
        assert_eq!(heard(app, &shop).await[3..], ["Hello again"]);
        // Those that waited find that all is said.
        app.pass(minutes(2)).await;
        assert_eq!(heard(app, &shop).await.len(), 4);
        for line in app.deliveries(&shop).await {
            assert!(line.done_at.is_some() && line.problem.is_empty(), "{line:?}");
        }
    })
    .await;
}
