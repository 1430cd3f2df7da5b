//! The door to message centres: SMPP 3.4 sessions that stay bound, behind the same `Http` as everything else.
//!
//! A request names an account (`smpps://host:port` and headers, see [`Bind`]) and describes one text; the answer is what the
//! centre said, as HTTP would say it: 200 with the ids, 429 when it was too busy, 401 when it refused to bind, 400 with its
//! command_status, 502 when it took only some parts. A text whose submit_sm was written and not answered is unknown, and
//! never anything else; "not sent" is said only when not an octet of it was written.
//!
//! What a centre sends, receipts and replies, is handed to one function, and acknowledged to the centre only when that has
//! kept it. A session is made when a text needs it or [`Sessions::keep_bound`] wants it, kept alive, and made again after it
//! was lost, each time later while the centre will not have it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use rusmpp::pdus::SubmitSm;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::http::{Exchange, Http, HttpError, Request, Response};

mod bind;
mod dial;
pub mod ear;
pub mod pdu;
mod session;

pub use bind::{Bind, SessionKey};

use ear::Ear;
use pdu::Submission;
use session::{Account, Live, NotBound, Session, Told};

/// Keeps what a session heard, the body of a delivery: whether it is on disk.
pub type Heed = Arc<dyn Fn(SessionKey, Vec<u8>) -> BoxFuture<'static, bool> + Send + Sync>;

/// How long things may take.
#[derive(Clone, Debug)]
pub struct Times {
    /// Until a connection is made, TLS and all.
    pub connect: Duration,
    /// Until the centre answers, takes what we write, or what it sent is kept.
    pub answer: Duration,
    /// Until there is room in the window.
    pub turn: Duration,
    /// Of silence, before the centre is asked whether it is there.
    pub keep_alive: Duration,
    /// Before binding again after the first failure; twice that after the second, and so on.
    pub retry: Duration,
    pub retry_max: Duration,
    /// A session that ended sooner counts as a failure to bind.
    pub settled: Duration,
    /// Before a part is offered again to a centre that took the ones before it and is too busy.
    pub part_retry: Duration,
    /// That the parts of a text are waited for.
    pub join: Duration,
}

impl Default for Times {
    fn default() -> Times {
        let seconds = Duration::from_secs;
        Times {
            connect: seconds(5),
            answer: seconds(15),
            turn: seconds(10),
            keep_alive: seconds(30),
            retry: seconds(1),
            retry_max: seconds(60),
            settled: seconds(10),
            part_retry: seconds(1),
            join: seconds(300),
        }
    }
}

/// All sessions of the process.
#[derive(Clone)]
pub struct Sessions(Arc<Shared>);

struct Shared {
    accounts: Mutex<HashMap<SessionKey, Arc<Slot>>>,
    heed: Heed,
    times: Times,
    /// Different at each start, so that no two things heard have one id.
    run: String,
    count: AtomicU64,
}

/// One account and the session it has, if any.
struct Slot {
    account: Arc<Account>,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Option<Live>,
    failures: u32,
    /// Until then nothing is tried, and this is why.
    pause: Option<(Instant, NoSession)>,
}

#[derive(Clone)]
enum NoSession {
    /// The credentials are wrong: the centre's command_status.
    Refused(u32),
    None(HttpError),
}

impl Sessions {
    /// `run` is different at each start of the process.
    pub fn new(heed: Heed, times: Times, run: impl Into<String>) -> Sessions {
        let (accounts, count) = (Mutex::default(), AtomicU64::new(0));
        Sessions(Arc::new(Shared { accounts, heed, times, run: run.into(), count }))
    }

    /// Binds what is wanted and not bound, and unbinds what is not wanted. To be called again and again; it does not wait.
    pub fn keep_bound(&self, wanted: Vec<Bind>) {
        let keys: Vec<SessionKey> = wanted.iter().map(Bind::key).collect();
        // A slot that is let go takes its session along once nobody uses it.
        self.accounts(|accounts| accounts.retain(|key, _| keys.contains(key)));
        for bind in wanted {
            let (slot, shared) = (self.slot(bind), self.0.clone());
            tokio::spawn(async move { drop(slot.live(&shared).await) });
        }
    }

    /// Whether a session of this account is bound now.
    pub async fn is_bound(&self, key: &SessionKey) -> bool {
        let Some(slot) = self.accounts(|accounts| accounts.get(key).cloned()) else { return false };
        let state = slot.state.lock().await;
        state.live.as_ref().is_some_and(|live| live.ended().is_none())
    }

    fn slot(&self, bind: Bind) -> Arc<Slot> {
        let key = bind.key();
        let new = || {
            let (heed, times) = (self.0.heed.clone(), self.0.times.clone());
            let account = Account { bind, key: key.clone(), ear: Arc::new(Mutex::new(Ear::default())), heed, times };
            Arc::new(Slot { account: Arc::new(account), state: tokio::sync::Mutex::default() })
        };
        self.accounts(|accounts| accounts.entry(key.clone()).or_insert_with(new).clone())
    }

    fn accounts<T>(&self, act: impl FnOnce(&mut HashMap<SessionKey, Arc<Slot>>) -> T) -> T {
        act(&mut self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let bind = Bind::of(&request)?;
        let submission: Option<Submission> = serde_json::from_slice(&request.body).ok();
        let parts = submission.as_ref().and_then(Submission::parts);
        let (Some(submission), Some(parts)) = (submission, parts) else {
            return Err(HttpError::NotAllowed("the text does not fit into submit_sm".to_owned()));
        };
        match self.slot(bind).live(&self.0).await {
            Ok(live) => submit(&live, parts, submission.payload, &self.0.times).await,
            Err(NoSession::Refused(status)) => Ok(answer(401, status, &[], false)),
            Err(NoSession::None(error)) => Err(error),
        }
    }
}

impl Http for Sessions {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(self.send(request))
    }
}

impl Slot {
    /// The session, made now if there is none. Whoever comes meanwhile waits for the same attempt.
    async fn live(&self, shared: &Shared) -> Result<Live, NoSession> {
        let mut state = self.state.lock().await;
        let times = &shared.times;
        if let Some(live) = state.live.clone() {
            let Some(ended) = live.ended() else { return Ok(live) };
            state.live = None;
            if ended.saturating_duration_since(live.since) < times.settled {
                state.failed(ended, NoSession::None(not_sent("the message centre ended the session")), times);
            } else {
                state.failures = 0;
            }
        }
        if let Some((until, why)) = &state.pause
            && Instant::now() < *until
        {
            return Err(why.clone());
        }
        match self.bind(shared).await {
            Ok(live) => {
                state.pause = None;
                state.live = Some(live.clone());
                Ok(live)
            }
            Err(why) => {
                state.failed(Instant::now(), why.clone(), times);
                Err(why)
            }
        }
    }

    async fn bind(&self, shared: &Shared) -> Result<Live, NoSession> {
        let dialled = timeout(shared.times.connect, dial::dial(&self.account.bind)).await;
        let line = dialled.unwrap_or_else(|_| Err(not_sent("no connection in time"))).map_err(NoSession::None)?;
        let name = format!("{}-{}", shared.run, shared.count.fetch_add(1, Ordering::Relaxed));
        match Session::bind(self.account.clone(), line, name).await {
            Ok(session) => Ok(session.start()),
            Err(NotBound::Refused(status @ (pdu::BIND_FAILED | pdu::INVALID_PASSWORD | pdu::INVALID_SYSTEM_ID))) => {
                Err(NoSession::Refused(status))
            }
            // Another session of ours may not have been given up there yet.
            Err(NotBound::Refused(status)) => {
                Err(NoSession::None(not_sent(&format!("the message centre does not bind now: 0x{status:08x}"))))
            }
            Err(NotBound::NoAnswer) => Err(NoSession::None(not_sent("the message centre does not answer a bind"))),
        }
    }
}

impl State {
    fn failed(&mut self, at: Instant, why: NoSession, times: &Times) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        self.pause = Some((at + times.retry.saturating_mul(factor).min(times.retry_max), why));
    }
}

fn not_sent(why: &str) -> HttpError {
    HttpError::NotSent(why.to_owned())
}

/// How often a part is offered to a centre that is too busy for it.
const OFFERS_MAX: usize = 4;

/// One part after the other: until the first is taken, nothing of the text has left.
async fn submit(live: &Live, parts: Vec<SubmitSm>, payload: bool, times: &Times) -> Result<Response, HttpError> {
    let mut taken: Vec<String> = Vec::new();
    for part in parts {
        let mut offers = 1;
        let told = loop {
            let told = live.submit(part.clone(), times).await;
            let busy = matches!(told, Told::Answered { status: pdu::THROTTLED | pdu::QUEUE_FULL, .. });
            if !busy || taken.is_empty() || offers >= OFFERS_MAX {
                break told;
            }
            offers += 1;
            sleep(times.part_retry).await;
        };
        match told {
            Told::Answered { status: pdu::OK, message_id } => taken.push(message_id),
            Told::Answered { status, .. } if !taken.is_empty() => return Ok(answer(502, status, &taken, payload)),
            Told::Answered { status: status @ (pdu::THROTTLED | pdu::QUEUE_FULL), .. } => {
                return Ok(answer(429, status, &[], payload));
            }
            Told::Answered { status, .. } => return Ok(answer(400, status, &[], payload)),
            Told::NotWritten(why) if taken.is_empty() => return Err(not_sent(why)),
            Told::NotWritten(why) | Told::NoAnswer(why) => return Err(HttpError::Unknown(why.to_owned())),
        }
    }
    Ok(answer(200, pdu::OK, &taken, payload))
}

fn answer(status: u16, command_status: u32, message_ids: &[String], payload: bool) -> Response {
    let command_status = format!("0x{command_status:08x}");
    let body = json!({ "command_status": command_status, "message_ids": message_ids, "payload": payload });
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests;
