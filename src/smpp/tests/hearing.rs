//! What the centre sends: receipts and replies, questions whether we are there, good-byes.

use super::*;

async fn bound(stage: &Stage, centre: &Centre) -> Peer {
    stage.sessions.keep_bound(vec![Bind::of(&account(centre.port)).unwrap()]);
    centre.bound().await
}

#[tokio::test]
async fn a_receipt_is_acknowledged_only_when_it_was_kept() {
    let (mut stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    // receipted_message_id without its null octet, as some centres send it; message_state; network_error_code.
    let fields = b"\x00\x1e\x00\x02a1\x04\x27\x00\x01\x05\x04\x23\x00\x03\x03\x00\x17";
    stage.keeps(false);
    stage.keeps(true);
    peer.delivers(7, 4, b"id:a1 stat:UNDELIV err:001 text:", fields).await;
    assert_eq!(peer.acknowledged().await, (7, 0x64));
    peer.delivers(8, 4, b"id:a1 stat:UNDELIV err:001 text:", fields).await;
    assert_eq!(peer.acknowledged().await, (8, 0));
    let (first, heard) = (stage.heard.recv().await.unwrap(), stage.heard.recv().await.unwrap());
    assert_eq!(first["id"], "run-0-7");
    let text = data_encoding::HEXLOWER.encode(b"id:a1 stat:UNDELIV err:001 text:");
    let expected = json!({
        "id": "run-0-8",
        "part": false,
        "source": "12125550101",
        "destination": "CornerShop",
        "esm_class": 4,
        "parts": [{ "data_coding": 0, "octets": text }],
        "receipted_message_id": "a1",
        "message_state": 5,
        "network_error_code": "030017",
    });
    assert_eq!(heard, expected);
}

#[tokio::test]
async fn what_is_heard_is_read_by_the_connector_and_by_no_other_account() {
    use crate::domain::{connector::Delivery, connector::Settings, message::GatewayEvent, time::Time};
    let (told, mut bodies) = mpsc::unbounded_channel();
    let heed: Heed = Arc::new(move |key, body| {
        told.send((key, body)).unwrap();
        Box::pin(async { true })
    });
    let centre = Centre::open().await;
    let bind = Bind::of(&account(centre.port)).unwrap();
    let sessions = Sessions::new(heed, patient(), "run");
    sessions.keep_bound(vec![bind.clone()]);
    let mut peer = centre.bound().await;
    peer.delivers(1, 0, b"STOP", b"").await;
    let (key, body) = bodies.recv().await.unwrap();
    assert_eq!(key, bind.key());
    let delivery = Delivery {
        method: "POST".into(),
        url: "https://shop.example.com/hook/sms/secret".into(),
        headers: vec![],
        body,
        received_at: Time::from_seconds(1),
    };
    let gateway = crate::gateway::by_kind("smpp").unwrap();
    let settings = |password: &str| {
        Settings::restored(
            [("system_id".to_owned(), "lumen".to_owned()), ("password".to_owned(), password.to_owned())].into(),
        )
    };
    assert!(gateway.verify(&settings("hushed"), &delivery).is_err());
    gateway.verify(&settings("hush"), &delivery).unwrap();
    match gateway.read(&settings("hush"), "reply", &delivery).unwrap().as_slice() {
        [GatewayEvent::Reply(reply)] => {
            assert_eq!((reply.text.as_str(), reply.from.as_str()), ("STOP", "+12125550101"))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reply_in_parts_is_one_text_when_all_are_there() {
    let (mut stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    // The second comes first, with a 16-bit name.
    peer.delivers(1, 0x40, b"\x06\x08\x04\x01\x02\x02\x02OP", b"").await;
    assert_eq!(peer.acknowledged().await, (1, 0));
    let part = stage.heard.recv().await.unwrap();
    assert_eq!((&part["part"], &part["id"]), (&json!(true), &json!("run-0-1-2")));
    stage.keeps(false);
    peer.delivers(2, 0x40, b"\x06\x08\x04\x01\x02\x02\x01ST", b"").await;
    assert_eq!(peer.acknowledged().await, (2, 0x64));
    stage.heard.recv().await.unwrap();
    // The centre sends again what was not kept.
    peer.delivers(3, 0x40, b"\x06\x08\x04\x01\x02\x02\x01ST", b"").await;
    assert_eq!(peer.acknowledged().await, (3, 0));
    let whole = stage.heard.recv().await.unwrap();
    assert_eq!((&whole["part"], &whole["id"]), (&json!(false), &json!("run-0-1")));
    assert_eq!(whole["parts"], json!([{ "data_coding": 0, "octets": "5354" }, { "data_coding": 0, "octets": "4f50" }]));
    // And once more what was: it is not heard twice.
    peer.delivers(4, 0x40, b"\x06\x08\x04\x01\x02\x02\x01ST", b"").await;
    assert_eq!(peer.acknowledged().await, (4, 0));
    assert!(stage.heard.try_recv().is_err());
}

#[tokio::test]
async fn parts_by_fields_are_joined_too_and_over_two_sessions() {
    let (mut stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    let place = |number: u8| [b"\x02\x0c\0\x02\0\x09\x02\x0e\0\x01\x02\x02\x0f\0\x01".to_vec(), vec![number]].concat();
    peer.delivers(1, 0, b"ST", &place(1)).await;
    assert_eq!(peer.acknowledged().await, (1, 0));
    stage.heard.recv().await.unwrap();
    drop(peer);
    let key = Bind::of(&account(centre.port)).unwrap().key();
    while stage.sessions.is_bound(&key).await {
        tokio::task::yield_now().await;
    }
    let mut peer = bound(&stage, &centre).await;
    peer.delivers(1, 0, b"OP", &place(2)).await;
    assert_eq!(peer.acknowledged().await, (1, 0));
    assert_eq!(stage.heard.recv().await.unwrap()["parts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_reply_that_is_never_completed_is_heard_as_it_is() {
    let (mut stage, centre) = (stage(Times { join: SHORT, ..patient() }), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    stage.keeps(true);
    stage.keeps(false);
    peer.delivers(1, 0x40, b"\x05\0\x03\x07\x03\x01STOP", b"").await;
    assert_eq!(peer.acknowledged().await, (1, 0));
    assert_eq!(stage.heard.recv().await.unwrap()["part"], json!(true));
    // Not kept, it is told again, under the same id.
    let (first, second) = (stage.heard.recv().await.unwrap(), stage.heard.recv().await.unwrap());
    assert_eq!((&first["part"], &first["id"]), (&json!(false), &json!("run-0-1")));
    assert_eq!(first, second);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_asked_for_again_and_what_is_unknown_is_said_so() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    peer.say_octets(b"\0\0\0\x12\0\0\0\x05\0\0\0\0\0\0\0\x09\0\x01").await;
    assert_eq!(peer.acknowledged().await, (9, 0x65));
    peer.say_octets(b"\0\0\0\x10\0\0\x01\x03\0\0\0\0\0\0\0\x0a").await;
    let nack = peer.next().await;
    assert_eq!(
        (nack.id(), nack.sequence_number(), nack.status()),
        (CommandId::GenericNack, 10, CommandStatus::EsmeRinvcmdid)
    );
    peer.say(0, 11, Pdu::EnquireLink).await;
    let here = peer.next().await;
    assert_eq!((here.id(), here.sequence_number()), (CommandId::EnquireLinkResp, 11));
    // Nonsense ends the session.
    peer.say_octets(&[0xff; 16]).await;
    assert!(peer.hung_up().await);
}

#[tokio::test]
async fn a_quiet_centre_is_asked_whether_it_is_there_and_left_when_it_is_not() {
    let (stage, centre) = (stage(Times { keep_alive: SHORT, ..patient() }), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    for _ in 0..2 {
        let asked = peer.next().await;
        assert_eq!(asked.id(), CommandId::EnquireLink);
        peer.say(0, asked.sequence_number(), Pdu::EnquireLinkResp).await;
    }
    let (stage, centre) =
        (super::stage(Times { keep_alive: SHORT, answer: SHORT * 20, ..patient() }), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    assert_eq!(peer.next().await.id(), CommandId::EnquireLink);
    assert!(peer.hung_up().await);
}

#[tokio::test]
async fn what_is_wanted_is_bound_and_what_is_not_is_unbound_when_its_texts_are_answered() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    let sent = stage.send(text(centre.port, 1));
    let command = peer.next().await;
    stage.sessions.keep_bound(Vec::new());
    peer.takes(&command, "a1").await;
    assert_eq!(sent.await.unwrap().unwrap().status, 200);
    let unbind = peer.next().await;
    assert_eq!(unbind.id(), CommandId::Unbind);
    peer.say(0, unbind.sequence_number(), Pdu::UnbindResp).await;
    assert!(peer.hung_up().await);
    assert!(!stage.sessions.is_bound(&Bind::of(&account(centre.port)).unwrap().key()).await);
}

#[tokio::test]
async fn a_centre_that_says_good_bye_is_bound_to_again() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let mut peer = bound(&stage, &centre).await;
    peer.say(0, 3, Pdu::Unbind).await;
    assert_eq!(peer.next().await.id(), CommandId::UnbindResp);
    assert!(peer.hung_up().await);
    let sent = stage.send(text(centre.port, 1));
    let mut peer = centre.bound().await;
    let command = peer.next().await;
    peer.takes(&command, "a1").await;
    assert_eq!(sent.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_session_that_ends_at_once_makes_a_pause() {
    let (stage, centre) = (stage(Times { settled: LONG, ..patient() }), Centre::open().await);
    drop(bound(&stage, &centre).await);
    let key = Bind::of(&account(centre.port)).unwrap().key();
    while stage.sessions.is_bound(&key).await {
        tokio::task::yield_now().await;
    }
    assert!(matches!(stage.sessions.exchange(text(centre.port, 1)).await, Err(HttpError::NotSent(_))));
}

proptest::proptest! {
    #[test]
    fn no_octets_of_a_centre_panic(octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120)) {
        let _ = pdu::Frame::of(&octets).map(|frame| frame.name());
        if let Some(heard) = pdu::Heard::of(&octets) {
            let _ = Ear::default().hear("run-0-1", heard, Instant::now());
        }
        let strings = [b"\0\x01\x01a\0\x01\x01b\0\x40\0\0\0\0\0\0\0\0".as_slice(), &octets].concat();
        let _ = pdu::Heard::of(&strings);
    }
}
