//! Texts on their way out, and the session they need.

use super::*;

#[tokio::test]
async fn a_text_binds_leaves_and_is_named() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 1));
    let mut peer = centre.visitor().await;
    let bind = peer.octets().await;
    // bind_transceiver, sequence 1, system_id, password, no system_type, version 3.4.
    assert_eq!(bind[4..], *b"\0\0\0\x09\0\0\0\0\0\0\0\x01lumen\0hush\0\0\x34\0\0\0");
    peer.say(0, 1, rusmpp::pdus::BindTransceiverResp::default()).await;
    let octets = peer.octets().await;
    let body = [
        b"\0\x05\0CornerShop\0\x01\x0112125550101\0".as_slice(),
        b"\0\0\0\0",
        b"000000003000000R\0",
        b"\x01\0\0\0\x02Hi",
    ];
    assert_eq!(octets[4..16], *b"\0\0\0\x04\0\0\0\0\0\0\0\x02");
    assert_eq!(octets[16..], body.concat());
    peer.takes(&centre::decoded(&octets), "a1").await;
    let (status, answer) = said(&sent.await.unwrap().unwrap());
    assert_eq!(status, 200);
    assert_eq!(answer, json!({ "command_status": "0x00000000", "message_ids": ["a1"], "payload": false }));

    // The next one needs no bind.
    let sent = stage.send(text(centre.port, 1));
    let command = peer.next().await;
    peer.takes(&command, "a2").await;
    assert_eq!(said(&sent.await.unwrap().unwrap()).1["message_ids"], json!(["a2"]));
}

#[tokio::test]
async fn what_the_centre_says_is_what_is_answered() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let mut sent = stage.send(text(centre.port, 1));
    let mut peer = centre.bound().await;
    for (command_status, status) in [(0x58, 429), (0x14, 429), (0x0b, 400), (0x08, 400), (0x411, 400)] {
        let command = peer.next().await;
        peer.refuses(&command, command_status).await;
        let (told, answer) = said(&sent.await.unwrap().unwrap());
        assert_eq!((told, &answer["command_status"]), (status, &json!(format!("0x{command_status:08x}"))));
        sent = stage.send(text(centre.port, 1));
    }
    let command = peer.next().await;
    peer.say(0x0b, command.sequence_number(), Pdu::GenericNack).await;
    assert_eq!(sent.await.unwrap().unwrap().status, 400);
}

#[tokio::test]
async fn wrong_credentials_are_the_accounts_and_are_not_tried_again_at_once() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 1));
    let mut peer = centre.visitor().await;
    let bind = peer.next().await;
    peer.say(0x0e, bind.sequence_number(), rusmpp::pdus::BindTransceiverResp::default()).await;
    let (status, answer) = said(&sent.await.unwrap().unwrap());
    assert_eq!((status, &answer["command_status"]), (401, &json!("0x0000000e")));
    // Nobody is at the door: this answer comes from memory.
    assert_eq!(stage.send(text(centre.port, 1)).await.unwrap().unwrap().status, 401);
}

#[tokio::test]
async fn a_centre_that_does_not_bind_now_has_nothing_of_the_text() {
    let (stage, centre) = (stage(Times { retry: SHORT, retry_max: SHORT, ..patient() }), Centre::open().await);
    let sent = stage.send(text(centre.port, 1));
    let mut peer = centre.visitor().await;
    let bind = peer.next().await;
    peer.say(0x05, bind.sequence_number(), rusmpp::pdus::BindTransceiverResp::default()).await;
    assert!(matches!(sent.await.unwrap(), Err(HttpError::NotSent(_))));
    // After its pause it is tried again.
    let again = async {
        loop {
            match stage.sessions.exchange(text(centre.port, 1)).await {
                Err(HttpError::NotSent(_)) => sleep(SHORT).await,
                other => break other,
            }
        }
    };
    let takes = async {
        let mut peer = centre.bound().await;
        let command = peer.next().await;
        peer.takes(&command, "a1").await;
        peer
    };
    let (told, _peer) = tokio::join!(again, takes);
    assert_eq!(told.unwrap().status, 200);
}

#[tokio::test]
async fn nobody_there_means_not_sent() {
    let port = Centre::open().await.port;
    let stage = stage(patient());
    assert!(matches!(stage.sessions.exchange(text(port, 1)).await, Err(HttpError::NotSent(_))));
    let silent = Centre::open().await;
    let stage = super::stage(Times { answer: SHORT, ..patient() });
    let sent = stage.send(text(silent.port, 1));
    let peer = silent.visitor().await;
    assert!(matches!(sent.await.unwrap(), Err(HttpError::NotSent(_))), "a bind that is not answered");
    drop(peer);
    // One that does not speak TLS.
    let sent = stage.send(Request { url: format!("smpps://localhost:{}", silent.port), ..text(silent.port, 1) });
    drop(silent.visitor().await);
    assert!(matches!(sent.await.unwrap(), Err(HttpError::NotSent(_))));
}

#[tokio::test]
async fn a_link_cut_after_a_text_was_written_leaves_it_unknown() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 1));
    let mut peer = centre.bound().await;
    peer.next().await;
    drop(peer);
    assert!(matches!(sent.await.unwrap(), Err(HttpError::Unknown(_))));
}

#[tokio::test]
async fn a_link_cut_before_means_not_sent() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let first = stage.send(Request::header(text(centre.port, 1), "smpp-window", "1"));
    let mut peer = centre.bound().await;
    peer.next().await;
    // This one waits for the window, and so was not written.
    let second = stage.send(Request::header(text(centre.port, 1), "smpp-window", "1"));
    tokio::task::yield_now().await;
    drop(peer);
    assert!(matches!(first.await.unwrap(), Err(HttpError::Unknown(_))));
    let mut second = second;
    tokio::select! {
        told = &mut second => assert!(matches!(told.unwrap(), Err(HttpError::NotSent(_)))),
        // It came so late that it found no session, and made one.
        mut peer = centre.bound() => {
            let command = peer.next().await;
            peer.takes(&command, "a1").await;
            assert_eq!(second.await.unwrap().unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_unknown_and_frees_its_place() {
    let (stage, centre) = (stage(Times { answer: SHORT * 30, ..patient() }), Centre::open().await);
    let one = |port| Request::header(text(port, 1), "smpp-window", "1");
    let sent = stage.send(one(centre.port));
    let mut peer = centre.bound().await;
    let late = peer.next().await;
    assert_eq!(sent.await.unwrap(), Err(HttpError::Unknown("no answer in time".into())));
    let sent = stage.send(one(centre.port));
    let command = peer.next().await;
    // The late answer is nobody's.
    peer.takes(&late, "late").await;
    peer.takes(&command, "a2").await;
    match sent.await.unwrap() {
        Ok(answer) => assert_eq!(said(&answer).1["message_ids"], json!(["a2"])),
        // This machine was slower than the answer may take.
        Err(error) => assert!(matches!(error, HttpError::Unknown(_))),
    }
}

#[tokio::test]
async fn a_full_window_makes_texts_wait_and_then_says_not_sent() {
    let (stage, centre) = (stage(Times { turn: SHORT, ..patient() }), Centre::open().await);
    let two = |port| Request::header(text(port, 1), "smpp-window", "2");
    let (first, second) = (stage.send(two(centre.port)), stage.send(two(centre.port)));
    let mut peer = centre.bound().await;
    let (one, other) = (peer.next().await, peer.next().await);
    let third = stage.send(two(centre.port)).await.unwrap();
    assert!(matches!(third, Err(HttpError::NotSent(_))), "{third:?}");
    peer.takes(&other, "b").await;
    peer.takes(&one, "a").await;
    assert_eq!(first.await.unwrap().unwrap().status, 200);
    assert_eq!(second.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn parts_leave_one_after_the_other_and_the_last_asks_for_the_receipt() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 2));
    let mut peer = centre.bound().await;
    for (number, receipt) in [(1, 0), (2, 1)] {
        let command = peer.next().await;
        let part = submitted(&command);
        assert_eq!(part.short_message().to_vec(), [5, 0, 3, 7, 2, number, b'H', b'i']);
        assert_eq!(u8::from(part.esm_class), 0x40);
        assert_eq!(u8::from(part.registered_delivery), receipt);
        peer.takes(&command, &format!("a{number}")).await;
    }
    assert_eq!(said(&sent.await.unwrap().unwrap()).1["message_ids"], json!(["a1", "a2"]));
}

#[tokio::test]
async fn a_busy_centre_is_offered_a_later_part_again() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 2));
    let mut peer = centre.bound().await;
    let command = peer.next().await;
    peer.takes(&command, "a1").await;
    let command = peer.next().await;
    peer.refuses(&command, 0x58).await;
    let command = peer.next().await;
    peer.takes(&command, "a2").await;
    assert_eq!(sent.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_text_of_which_some_was_taken_is_never_sent_again() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let sent = stage.send(text(centre.port, 2));
    let mut peer = centre.bound().await;
    let command = peer.next().await;
    peer.takes(&command, "a1").await;
    let command = peer.next().await;
    peer.refuses(&command, 0x45).await;
    let (status, answer) = said(&sent.await.unwrap().unwrap());
    assert_eq!((status, &answer["message_ids"]), (502, &json!(["a1"])));
    // Refused from the start, it is as if there were one part.
    let sent = stage.send(text(centre.port, 2));
    let command = peer.next().await;
    peer.refuses(&command, 0x58).await;
    assert_eq!(sent.await.unwrap().unwrap().status, 429);
    // Cut between two parts.
    let sent = stage.send(text(centre.port, 2));
    let command = peer.next().await;
    peer.takes(&command, "a1").await;
    peer.next().await;
    drop(peer);
    assert!(matches!(sent.await.unwrap(), Err(HttpError::Unknown(_))));
}

#[tokio::test]
async fn a_long_text_can_be_handed_over_whole() {
    let (stage, centre) = (stage(patient()), Centre::open().await);
    let whole = text(centre.port, 1);
    let mut body: Value = serde_json::from_slice(&whole.body).unwrap();
    body["payload"] = json!(true);
    body["parts"] = json!([{ "octets": "61".repeat(300) }]);
    let sent = stage.send(Request { body: body.to_string().into_bytes(), ..whole });
    let mut peer = centre.bound().await;
    let octets = peer.octets().await;
    let field = [b"\x04\x24\x01\x2c".to_vec(), vec![b'a'; 300]].concat();
    assert!(octets.ends_with(&[vec![0], field].concat()), "no text beside message_payload");
    peer.takes(&centre::decoded(&octets), "a1").await;
    assert_eq!(said(&sent.await.unwrap().unwrap()).1["payload"], json!(true));
}

#[tokio::test]
async fn what_cannot_be_said_in_smpp_is_not_allowed() {
    let stage = stage(patient());
    let not_allowed = async |request: Request| {
        let told = stage.sessions.exchange(request).await;
        assert!(matches!(told, Err(HttpError::NotAllowed(_))), "{told:?}");
    };
    not_allowed(Request { body: b"{}".to_vec(), ..text(9, 1) }).await;
    not_allowed(Request { url: "smpp://127.0.0.1".into(), ..text(9, 1) }).await;
    not_allowed(Request { url: "smpp://me@127.0.0.1:9".into(), ..text(9, 1) }).await;
    not_allowed(Request { private: false, ..text(9, 1) }).await;
    not_allowed(Request { private: false, url: "smpps://127.0.0.1:9".into(), ..text(9, 1) }).await;
    not_allowed(Request { private: false, url: "smpps://[::1]:9".into(), ..text(9, 1) }).await;
    let headers = vec![("smpp-password".to_owned(), "longer than eight".to_owned())];
    not_allowed(Request { headers, ..text(9, 1) }).await;
    let long = String::from_utf8(text(9, 1).body).unwrap().replace("12125550101", &"1".repeat(21));
    not_allowed(Request { body: long.into_bytes(), ..text(9, 1) }).await;
}

#[test]
fn an_account_shows_nothing_of_itself() {
    let bind = Bind::of(&account(2775)).unwrap();
    assert_eq!(format!("{bind:?}"), "Bind(127.0.0.1)");
    assert!(!format!("{:?}", bind.key()).contains("hush"));
    let other = Bind { password: "hushed".into(), ..bind.clone() };
    assert_ne!(bind.key(), other.key());
    assert_ne!(bind.key(), Bind { system_id: "lume".into(), password: "nhush".into(), ..bind.clone() }.key());
    assert_eq!(bind.window, 10);
}

#[test]
fn each_failure_makes_the_next_pause_longer() {
    let (mut state, now) = (State::default(), Instant::now());
    let times = Times::default();
    let pauses: Vec<u64> = (0..9)
        .map(|_| {
            state.failed(now, NoSession::Refused(0x0e), &times);
            (state.pause.as_ref().unwrap().0 - now).as_secs()
        })
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    state.failures = u32::MAX;
    state.failed(now, NoSession::Refused(0x0e), &times);
}
