//! Sessions with a message centre in this process, on a loopback socket: who says what, in which order, and what a text
//! whose answer does not come is called.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use rusmpp::{Command, CommandId, CommandStatus, Pdu, pdus::SubmitSm};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;

mod centre;
mod hearing;
mod real;
mod sending;

use centre::{Centre, Peer};

/// So long that in a test which does not wait for it, it never comes.
const LONG: Duration = Duration::from_secs(60);
/// So short that a test can wait for it.
const SHORT: Duration = Duration::from_millis(30);

fn patient() -> Times {
    Times {
        connect: LONG,
        answer: LONG,
        turn: LONG,
        keep_alive: LONG,
        retry: LONG,
        retry_max: LONG,
        settled: Duration::ZERO,
        part_retry: SHORT,
        join: LONG,
    }
}

/// Sessions whose deliveries a test reads, and says of each in turn whether it was kept.
struct Stage {
    sessions: Sessions,
    heard: mpsc::UnboundedReceiver<Value>,
    answers: Arc<Mutex<VecDeque<bool>>>,
}

fn stage(times: Times) -> Stage {
    let (told, heard) = mpsc::unbounded_channel();
    let answers: Arc<Mutex<VecDeque<bool>>> = Arc::default();
    let kept = answers.clone();
    let heed: Heed = Arc::new(move |_, body| {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let said: Value = serde_json::from_str(body["said"].as_str().unwrap()).unwrap();
        told.send(said).unwrap();
        let kept = kept.lock().unwrap().pop_front().unwrap_or(true);
        Box::pin(async move { kept })
    });
    Stage { sessions: Sessions::new(heed, times, "run"), heard, answers }
}

fn account(port: u16) -> Request {
    Request { private: true, ..Request::get(format!("smpp://127.0.0.1:{port}")) }
        .header("smpp-system-id", "lumen")
        .header("smpp-password", "hush")
}

/// A text in so many parts.
fn text(port: u16, parts: u8) -> Request {
    let part = |number: u8| json!({ "udh": format!("050003070{parts}0{number}"), "octets": "4869" });
    let parts: Vec<Value> =
        if parts == 1 { vec![json!({ "octets": "4869" })] } else { (1..=parts).map(part).collect() };
    let body = json!({
        "source": { "address": "CornerShop", "ton": 5, "npi": 0 },
        "destination": { "address": "12125550101", "ton": 1, "npi": 1 },
        "validity_period": "000000003000000R",
        "receipt": true,
        "data_coding": 0,
        "payload": false,
        "parts": parts,
    });
    Request { body: body.to_string().into_bytes(), ..account(port) }
}

impl Stage {
    /// Sends in the background, so that a test can play the centre meanwhile.
    fn send(&self, request: Request) -> tokio::task::JoinHandle<Result<Response, HttpError>> {
        let sessions = self.sessions.clone();
        tokio::spawn(async move { sessions.exchange(request).await })
    }

    fn keeps(&self, kept: bool) {
        self.answers.lock().unwrap().push_back(kept);
    }
}

fn said(answer: &Response) -> (u16, Value) {
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn submitted(command: &Command) -> SubmitSm {
    match command.pdu() {
        Some(Pdu::SubmitSm(submit)) => submit.clone(),
        other => panic!("no text: {other:?}"),
    }
}
