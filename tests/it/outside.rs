//! The world behind `Http`, as scripted by a story: it takes texts as Twilio and Kannel do, refuses, throttles, times out
//! after it has taken them, or hangs up. Every request is recorded.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use cartback::http::{Exchange, Http, HttpError, Method, Request, Response};
use tokio::sync::{Notify, watch};

/// How the next request ends.
#[derive(Clone, Debug)]
pub enum Ends {
    /// Refused with the provider's code (Twilio) or status (Kannel).
    Refused(u32),
    /// Too many requests; asks to come back after so many seconds.
    Throttled(Option<u64>),
    /// Taken, but the answer never came.
    TimedOut,
    /// The connection broke.
    HungUp,
    /// Nothing listens there.
    NotConnected,
    /// A broken gateway: this status and nothing else.
    Broken(u16),
    /// This answer, word for word.
    Answers(String),
    /// Accepted, but not answered until `let_go`.
    Late,
}

pub struct Outside {
    script: Mutex<VecDeque<Ends>>,
    /// How the next posts to this host end, apart from all others; then it answers 200.
    receivers: Mutex<HashMap<String, VecDeque<Ends>>>,
    requests: Mutex<Vec<Request>>,
    arrived: Notify,
    open: watch::Sender<bool>,
    late: watch::Sender<bool>,
}

impl Default for Outside {
    fn default() -> Outside {
        Outside {
            script: Mutex::default(),
            receivers: Mutex::default(),
            requests: Mutex::default(),
            arrived: Notify::new(),
            open: watch::Sender::new(true),
            late: watch::Sender::new(false),
        }
    }
}

impl Outside {
    /// The next requests end so, in this order; all others are accepted.
    pub fn next(&self, ends: impl IntoIterator<Item = Ends>) {
        self.script.lock().unwrap().extend(ends);
    }

    /// What was scripted and has not happened is forgotten.
    pub fn forget(&self) {
        self.script.lock().unwrap().clear();
    }

    /// The next posts to this host, which receives webhooks, end so; all others are taken.
    pub fn receiver(&self, host: &str, ends: impl IntoIterator<Item = Ends>) {
        self.receivers.lock().unwrap().entry(host.to_owned()).or_default().extend(ends);
    }

    /// This host takes everything from now on.
    pub fn forgive(&self, host: &str) {
        self.receivers.lock().unwrap().entry(host.to_owned()).or_default().clear();
    }

    /// From now on requests arrive, but are not answered until `let_go`.
    pub fn hold(&self) {
        self.open.send_replace(false);
    }

    pub fn let_go(&self) {
        self.open.send_replace(true);
        self.late.send_replace(true);
    }

    /// Waits for a request to arrive.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Texts that reached a gateway, whether or not it answered: to whom.
    pub fn texts(&self) -> usize {
        self.requests().iter().filter(|request| is_text(request)).count()
    }

    async fn answer(&self, request: Request) -> Result<Response, HttpError> {
        let number = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request.clone());
            requests.len()
        };
        self.arrived.notify_one();
        let mut open = self.open.subscribe();
        open.wait_for(|open| *open).await.unwrap();
        let host = request.url.split('/').nth(2).unwrap_or_default().to_owned();
        if let Some(receiver) = self.receivers.lock().unwrap().get_mut(&host) {
            let ends = receiver.pop_front();
            return match ends {
                None => Ok(Response { status: 200, headers: Vec::new(), body: b"thank you".to_vec() }),
                Some(Ends::Throttled(after)) => {
                    let headers = after.map(|seconds| ("retry-after".to_owned(), seconds.to_string()));
                    Ok(Response { status: 429, headers: headers.into_iter().collect(), body: Vec::new() })
                }
                Some(Ends::Broken(status)) => {
                    Ok(Response { status, headers: Vec::new(), body: b"<html>no</html>".to_vec() })
                }
                Some(Ends::Answers(body)) => Ok(Response { status: 500, headers: Vec::new(), body: body.into_bytes() }),
                Some(Ends::NotConnected) => Err(HttpError::NotSent("no connection".into())),
                Some(_) => Err(HttpError::Unknown("no answer in time".into())),
            };
        }
        let mut scripted = self.script.lock().unwrap().pop_front();
        if matches!(scripted, Some(Ends::Late)) {
            let mut late = self.late.subscribe();
            late.wait_for(|late| *late).await.unwrap();
            scripted = None;
        }
        let twilio = request.url.contains("/Messages.json");
        let answer = |status: u16, body: String| Ok(Response { status, headers: Vec::new(), body: body.into_bytes() });
        match scripted {
            None if !is_text(&request) => answer(200, r#"{"messages":[],"next_page_uri":null}"#.into()),
            None if twilio => answer(
                201,
                format!(
                    r#"{{"sid":"SM{number:032}","status":"queued","num_segments":"1","price":null,"price_unit":"USD"}}"#
                ),
            ),
            None => answer(202, "0: Accepted for delivery".into()),
            Some(Ends::Refused(code)) if twilio => answer(
                if code == 20003 { 401 } else { 400 },
                format!(r#"{{"code":{code},"message":"no","status":400}}"#),
            ),
            Some(Ends::Refused(code)) => {
                answer(u16::try_from(code).unwrap(), "Authorization failed for sendsms".into())
            }
            Some(Ends::Throttled(after)) => {
                let headers =
                    after.map(|seconds| ("retry-after".to_owned(), seconds.to_string())).into_iter().collect();
                Ok(Response { status: 429, headers, body: br#"{"code":20429}"#.to_vec() })
            }
            Some(Ends::TimedOut) => Err(HttpError::Unknown("no answer in time".into())),
            Some(Ends::HungUp) => Err(HttpError::Unknown("the connection broke".into())),
            Some(Ends::NotConnected) => Err(HttpError::NotSent("no connection".into())),
            Some(Ends::Broken(status)) => answer(status, "<html>Bad Gateway</html>".into()),
            Some(Ends::Answers(body)) => answer(200, body),
            Some(Ends::Late) => unreachable!("waited for above"),
        }
    }
}

fn is_text(request: &Request) -> bool {
    let webhook = request.headers.iter().any(|(name, _)| name == "webhook-id");
    (request.method == Method::Post && !webhook) || request.url.contains("/sendsms")
}

impl Http for Outside {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(self.answer(request))
    }
}
