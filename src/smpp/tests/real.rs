//! The same against the message centre of the shared folder, which was written for Kannel and knows nothing of us.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command as Process, Stdio},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::{
    domain::{
        connector::{Accepted, Delivery, Settings},
        message::{GatewayEvent, Outgoing, ReceiptStatus, SendOutcome},
        phone::Phone,
        sms,
        time::Time,
    },
    gateway::{self, Dispatch, Gateway},
};

/// `CARTBACK_SHARED`, or `shared` beside the clone.
fn script() -> Option<PathBuf> {
    let folder = env::var_os("CARTBACK_SHARED")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    Some(folder.join("kannel/smsc.py")).filter(|script| script.is_file())
}

struct Real {
    child: Child,
    smpp: u16,
    http: u16,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    async fn open(script: &Path) -> Option<Real> {
        let (one, other) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let [smpp, http] = [&one, &other].map(|listener| listener.local_addr().unwrap().port());
        drop((one, other));
        let child = Process::new("python3")
            .arg(script)
            .args(["--smpp-port", &smpp.to_string(), "--http-port", &http.to_string(), "--delay", "0.01"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let real = Real { child, smpp, http };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", http)).await.is_ok() {
                return Some(real);
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the message centre did not start");
    }

    async fn ask(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

fn outgoing(to: &str, text: &str) -> Outgoing {
    Outgoing {
        reference: "7.msg_0000000000009".parse().unwrap(),
        to: Phone::restored(to.into()),
        text: text.into(),
        encoding: sms::segments(text).encoding,
        valid_for: Duration::from_secs(1800),
        callback_url: None,
        attempted_at: Time::from_seconds(1_790_259_200),
    }
}

/// What came in last, as the connector reads it.
async fn next(
    gateway: &dyn Gateway,
    settings: &Settings,
    bodies: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) -> GatewayEvent {
    let delivery = Delivery {
        method: "POST".into(),
        url: "https://shop.example.com/hook/sms/secret".into(),
        headers: vec![],
        body: timeout(LONG, bodies.recv()).await.expect("nothing was heard").unwrap(),
        received_at: Time::from_seconds(1_790_259_300),
    };
    let Accepted::Keep { topic, .. } = gateway.verify(settings, &delivery).unwrap() else { panic!("not kept") };
    gateway.read(settings, &topic, &delivery).unwrap().remove(0)
}

#[tokio::test]
async fn a_message_centre_that_others_use_takes_our_texts() {
    let Some(script) = script() else {
        println!("skipped: there is no kannel/smsc.py in ../shared or CARTBACK_SHARED");
        return;
    };
    let Some(real) = Real::open(&script).await else {
        println!("skipped: there is no python3");
        return;
    };
    let (told, mut bodies) = mpsc::unbounded_channel();
    let heed: Heed = Arc::new(move |_, body| {
        told.send(body).unwrap();
        Box::pin(async { true })
    });
    let sessions = Sessions::new(heed, Times { part_retry: SHORT, ..Times::default() }, "run");
    let gateway = gateway::by_kind("smpp").unwrap();
    let port = real.smpp.to_string();
    let typed = [
        ("host", "127.0.0.1"),
        ("port", &port),
        ("encryption", "none"),
        ("system_id", "lumen"),
        ("password", "hush"),
        ("sender", "+12125550100"),
    ];
    let typed = typed.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let settings = gateway.spec().settings(typed).unwrap();
    let send = async |to: &str, text: &str| {
        let Dispatch::Http(request) = gateway.dispatch(&settings, &outgoing(to, text)) else { panic!("kept") };
        gateway.outcome(&settings, &sessions.exchange(request).await.unwrap())
    };
    let named = |outcome: SendOutcome| match outcome {
        SendOutcome::Accepted { reference: Some(reference), segments, .. } => (reference, segments.unwrap()),
        other => panic!("{other:?}"),
    };

    // It is bound before anything is sent, and heard.
    sessions.keep_bound(vec![Bind::of(&gateway::smpp::account(&settings)).unwrap()]);
    let up = async {
        while real.ask("/up").await["bound"] != json!(true) {
            sleep(SHORT).await;
        }
    };
    timeout(LONG, up).await.expect("it is not bound");
    real.ask("/mo?from=12125550101&to=12125550100&text=Stop%20%E2%82%AC").await;
    match next(gateway, &settings, &mut bodies).await {
        GatewayEvent::Reply(reply) => {
            assert_eq!((reply.from.as_str(), reply.text.as_str()), ("+12125550101", "Stop €"))
        }
        other => panic!("{other:?}"),
    }

    let short = "Your cart: {€} čeká";
    let long = "Grüße @ £ ".repeat(40);
    for (to, text, parts, status) in [
        ("+12125550101", "Your cart: {€}", 1, ReceiptStatus::Delivered),
        ("+12125550101", short, 1, ReceiptStatus::Delivered),
        ("+12125550101", long.as_str(), 3, ReceiptStatus::Delivered),
        ("+12125550191", short, 1, ReceiptStatus::Undelivered),
        ("+12125550192", short, 1, ReceiptStatus::Expired),
        ("+12125550193", short, 1, ReceiptStatus::Rejected),
    ] {
        let (reference, segments) = named(send(to, text).await);
        assert_eq!(segments, parts);
        // This centre sends a receipt for each part, asked or not.
        loop {
            match next(gateway, &settings, &mut bodies).await {
                GatewayEvent::Receipt(receipt) if receipt.gateway_ref.as_deref() == Some(&reference) => {
                    assert_eq!(receipt.status, status);
                    break;
                }
                GatewayEvent::Receipt(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(matches!(send("+12125550190", "Hi").await, SendOutcome::Refused { .. }));
    assert!(matches!(send("+12125550195", "Hi").await, SendOutcome::Later { .. }));
    named(send("+12125550195", "Hi").await);

    let sent = real.ask("/sent").await;
    let sent: Vec<_> = sent.as_array().unwrap().iter().collect();
    assert_eq!(
        (&sent[0]["text"], &sent[0]["from"], &sent[0]["coding"]),
        (&json!("Your cart: {€}"), &json!("12125550100"), &json!(0))
    );
    assert_eq!((&sent[1]["text"], &sent[1]["coding"]), (&json!(short), &json!(8)));
    let joined: String = sent[2..5].iter().map(|part| part["text"].as_str().unwrap()).collect();
    assert_eq!(joined, long);
    assert!(sent[2..5].iter().all(|part| part["udh"].as_str().unwrap().starts_with("050003")));
}
