//! One bound session: a task that owns the connection. It writes texts as its window allows, answers the centre, keeps the
//! connection alive, and ends when the centre does. Whatever was written and not answered by then is told to be unknown.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rusmpp::{
    Pdu,
    pdus::{DeliverSmResp, SubmitSm},
};
use tokio::{
    io::{AsyncWriteExt, ReadHalf, WriteHalf},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use super::{
    Bind, Heed, SessionKey, Times,
    dial::Line,
    ear::{Ear, Name, Task, sealed},
    pdu::{self, Frame, Heard},
};

/// No PDU of a text is longer: message_payload holds 64 KiB.
const PDU_OCTETS_MAX: usize = 70 * 1024;

/// Deliveries that are being kept at once; while there are so many, nothing more is read.
const KEEPING_MAX: usize = 64;

/// What became of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Answered {
        status: u32,
        message_id: String,
    },
    /// Not an octet of it was written.
    NotWritten(&'static str),
    /// It was written, or some of it.
    NoAnswer(&'static str),
}

const ENDED: &str = "the session ended";

/// Why binding did not succeed; no text was written.
pub enum NotBound {
    Refused(u32),
    NoAnswer,
}

/// A hold on a running session. It unbinds when the last is let go and every text is answered.
#[derive(Clone)]
pub struct Live {
    orders: mpsc::Sender<Order>,
    window: Arc<Semaphore>,
    pub since: Instant,
    ended: Arc<OnceLock<Instant>>,
}

struct Order {
    submit: SubmitSm,
    written: Arc<AtomicBool>,
    answer: oneshot::Sender<Told>,
    turn: OwnedSemaphorePermit,
}

impl Live {
    /// Writes one part and waits for its answer.
    pub async fn submit(&self, submit: SubmitSm, times: &Times) -> Told {
        let Ok(Ok(turn)) = timeout(times.turn, self.window.clone().acquire_owned()).await else {
            return Told::NotWritten("as many texts as the window allows wait for their answers");
        };
        let written = Arc::new(AtomicBool::new(false));
        let (answer, told) = oneshot::channel();
        if self.orders.send(Order { submit, written: written.clone(), answer, turn }).await.is_err() {
            return Told::NotWritten(ENDED);
        }
        match told.await {
            Ok(told) => told,
            Err(_) if written.load(Ordering::SeqCst) => Told::NoAnswer(ENDED),
            Err(_) => Told::NotWritten(ENDED),
        }
    }

    /// When it ended, if it did.
    pub fn ended(&self) -> Option<Instant> {
        self.ended.get().copied().or_else(|| self.orders.is_closed().then_some(self.since))
    }
}

/// What sessions of one account share.
pub struct Account {
    pub bind: Bind,
    pub key: SessionKey,
    pub ear: Arc<Mutex<Ear>>,
    pub heed: Heed,
    pub times: Times,
}

pub struct Session {
    account: Arc<Account>,
    /// What ids of this session's deliveries begin with.
    name: String,
    reader: FramedRead<ReadHalf<Box<dyn Line>>, LengthDelimitedCodec>,
    writer: WriteHalf<Box<dyn Line>>,
    sequence: u32,
    waiting: HashMap<u32, Waiting>,
    keeping: FuturesUnordered<BoxFuture<'static, Kept>>,
    heard_at: Instant,
    /// By when the centre has to answer our enquire_link.
    enquired: Option<Instant>,
    leaving: Leaving,
}

struct Waiting {
    answer: oneshot::Sender<Told>,
    until: Instant,
    _turn: OwnedSemaphorePermit,
}

struct Kept {
    /// Of the deliver_sm to answer; what was overdue answers none.
    sequence: Option<u32>,
    whole: Option<Name>,
    kept: bool,
}

enum Leaving {
    No,
    /// Nobody holds on to it: it unbinds when every text is answered.
    Soon,
    /// Until the answer to unbind is there, or this moment.
    Unbinding(Instant),
}

/// Why a session ended.
struct Ended(&'static str);

/// A write that did not succeed; whether anything may have left.
struct Broken {
    began: bool,
}

impl Session {
    /// Binds over a new connection.
    pub async fn bind(account: Arc<Account>, line: Box<dyn Line>, name: String) -> Result<Session, NotBound> {
        let (reader, writer) = tokio::io::split(line);
        let codec = LengthDelimitedCodec::builder()
            .length_field_length(4)
            // The length counts itself, and the frame keeps it.
            .num_skip(0)
            .max_frame_length(PDU_OCTETS_MAX)
            .new_codec();
        let mut session = Session {
            account,
            name,
            reader: FramedRead::new(reader, codec),
            writer,
            sequence: 0,
            waiting: HashMap::new(),
            keeping: FuturesUnordered::new(),
            heard_at: Instant::now(),
            enquired: None,
            leaving: Leaving::No,
        };
        let pdu = session.account.bind.pdu().ok_or(NotBound::Refused(pdu::BIND_FAILED))?;
        let sequence = session.next();
        session.write(&pdu::octets(pdu::OK, sequence, pdu)).await.map_err(|_| NotBound::NoAnswer)?;
        let answered = timeout(session.account.times.answer, session.bound(sequence)).await;
        match answered.unwrap_or(None).ok_or(NotBound::NoAnswer)? {
            pdu::OK => Ok(session),
            status => Err(NotBound::Refused(status)),
        }
    }

    /// The status the centre answers our bind with.
    async fn bound(&mut self, sequence: u32) -> Option<u32> {
        loop {
            let frame = Frame::of(&self.reader.next().await?.ok()?)?;
            let ours = matches!(frame.id, pdu::BIND_TRANSCEIVER_RESP | pdu::BIND_TRANSMITTER_RESP | pdu::GENERIC_NACK);
            match (ours && frame.sequence == sequence, frame.id) {
                (true, pdu::GENERIC_NACK) if frame.status == pdu::OK => return Some(pdu::BIND_FAILED),
                (true, _) => return Some(frame.status),
                (false, pdu::ENQUIRE_LINK) => {
                    self.say(pdu::OK, frame.sequence, Pdu::EnquireLinkResp).await.ok()?;
                }
                _ => {}
            }
        }
    }

    /// Lets it run by itself.
    pub fn start(self) -> Live {
        let window = self.account.bind.window;
        let (orders, taken) = mpsc::channel(window);
        let ended = Arc::new(OnceLock::new());
        let live =
            Live { orders, window: Arc::new(Semaphore::new(window)), since: Instant::now(), ended: ended.clone() };
        tokio::spawn(self.run(taken, ended));
        live
    }

    async fn run(mut self, mut orders: mpsc::Receiver<Order>, ended_at: Arc<OnceLock<Instant>>) {
        let Ended(why) = loop {
            if let Err(ended) = self.step(&mut orders).await {
                break ended;
            }
        };
        let _ = ended_at.set(Instant::now());
        tracing::info!(account = ?self.account.key, why, "a session with a message centre ended");
        for (_, waiting) in self.waiting.drain() {
            let _ = waiting.answer.send(Told::NoAnswer(why));
        }
    }

    /// The next thing to happen. What the centre says comes first: an end is seen before another text is written.
    async fn step(&mut self, orders: &mut mpsc::Receiver<Order>) -> Result<(), Ended> {
        if matches!(self.leaving, Leaving::Soon) && self.waiting.is_empty() && self.keeping.is_empty() {
            let sequence = self.next();
            self.say(pdu::OK, sequence, Pdu::Unbind).await?;
            self.leaving = Leaving::Unbinding(Instant::now() + self.account.times.answer);
        }
        let moment = self.next_moment();
        tokio::select! {
            biased;
            frame = self.reader.next(), if self.keeping.len() < KEEPING_MAX => match frame {
                Some(Ok(octets)) => self.take(Frame::of(&octets).ok_or(Ended("the centre sent no SMPP"))?).await,
                Some(Err(_)) => Err(Ended("the connection broke")),
                None => Err(Ended("the centre closed the connection")),
            },
            Some(kept) = self.keeping.next() => self.answer(kept).await,
            order = orders.recv(), if matches!(self.leaving, Leaving::No) => match order {
                Some(order) => self.submit(order).await,
                None => {
                    self.leaving = Leaving::Soon;
                    Ok(())
                }
            },
            () = tokio::time::sleep_until(moment) => self.tick(Instant::now()).await,
        }
    }

    fn next_moment(&self) -> Instant {
        let times = &self.account.times;
        let alive = self.enquired.unwrap_or(self.heard_at + times.keep_alive);
        let leaving = match self.leaving {
            Leaving::Unbinding(until) => Some(until),
            _ => None,
        };
        let answers = self.waiting.values().map(|waiting| waiting.until).min();
        [answers, leaving, self.ear(|ear| ear.next())].into_iter().flatten().fold(alive, Instant::min)
    }

    async fn tick(&mut self, now: Instant) -> Result<(), Ended> {
        let late: Vec<u32> =
            self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(&sequence, _)| sequence).collect();
        for waiting in late.into_iter().filter_map(|sequence| self.waiting.remove(&sequence)) {
            let _ = waiting.answer.send(Told::NoAnswer("no answer in time"));
        }
        let again = self.account.times.join;
        for (name, said) in self.ear(|ear| ear.overdue(now, again)) {
            self.keep(None, said, Some(name));
        }
        if matches!(self.leaving, Leaving::Unbinding(until) if until <= now) {
            return Err(Ended("unbound"));
        }
        match self.enquired {
            Some(until) if until <= now => Err(Ended("the centre fell silent")),
            None if self.heard_at + self.account.times.keep_alive <= now => {
                self.enquired = Some(now + self.account.times.answer);
                let sequence = self.next();
                self.say(pdu::OK, sequence, Pdu::EnquireLink).await
            }
            _ => Ok(()),
        }
    }

    /// What the centre sent.
    async fn take(&mut self, frame: Frame) -> Result<(), Ended> {
        self.heard_at = Instant::now();
        self.enquired = None;
        match frame.id {
            pdu::SUBMIT_SM_RESP | pdu::GENERIC_NACK => {
                let Some(waiting) = self.waiting.remove(&frame.sequence) else { return Ok(()) };
                let told = match (frame.id, frame.status) {
                    (pdu::GENERIC_NACK, pdu::OK) => Told::NoAnswer("an answer that says nothing"),
                    (_, status) => Told::Answered { status, message_id: frame.name() },
                };
                let _ = waiting.answer.send(told);
                Ok(())
            }
            pdu::DELIVER_SM => self.hear(frame).await,
            pdu::ENQUIRE_LINK => self.say(pdu::OK, frame.sequence, Pdu::EnquireLinkResp).await,
            pdu::UNBIND => {
                self.say(pdu::OK, frame.sequence, Pdu::UnbindResp).await?;
                Err(Ended("the centre unbound"))
            }
            pdu::UNBIND_RESP => Err(Ended("unbound")),
            // It wants no answer, and other answers are to nothing we asked.
            pdu::ALERT_NOTIFICATION => Ok(()),
            id if id & pdu::ANSWER != 0 => Ok(()),
            _ => self.say(pdu::INVALID_COMMAND, frame.sequence, Pdu::GenericNack).await,
        }
    }

    async fn hear(&mut self, frame: Frame) -> Result<(), Ended> {
        let Some(heard) = Heard::of(&frame.body) else {
            return self.say(pdu::NEVER, frame.sequence, DeliverSmResp::default()).await;
        };
        let id = format!("{}-{}", self.name, frame.sequence);
        let until = self.heard_at + self.account.times.join;
        match self.ear(|ear| ear.hear(&id, heard, until)) {
            Task::Acknowledge => self.say(pdu::OK, frame.sequence, DeliverSmResp::default()).await,
            Task::Keep { said, whole } => {
                self.keep(Some(frame.sequence), said, whole);
                Ok(())
            }
        }
    }

    fn keep(&mut self, sequence: Option<u32>, said: String, whole: Option<Name>) {
        let account = self.account.clone();
        self.keeping.push(Box::pin(async move {
            let kept = (account.heed)(account.key.clone(), sealed(&account.bind, &said));
            let kept = timeout(account.times.answer, kept).await.unwrap_or(false);
            Kept { sequence, whole, kept }
        }));
    }

    async fn answer(&mut self, done: Kept) -> Result<(), Ended> {
        if let Some(name) = &done.whole {
            let until = Instant::now() + self.account.times.join;
            self.ear(|ear| ear.settled(name, done.kept, until));
        }
        let status = if done.kept { pdu::OK } else { pdu::NOT_NOW };
        match done.sequence {
            Some(sequence) => self.say(status, sequence, DeliverSmResp::default()).await,
            None => Ok(()),
        }
    }

    async fn submit(&mut self, order: Order) -> Result<(), Ended> {
        // Nobody waits for it any more, and nobody would learn what became of it.
        if order.answer.is_closed() {
            return Ok(());
        }
        let sequence = self.next();
        let octets = pdu::octets(pdu::OK, sequence, order.submit);
        order.written.store(true, Ordering::SeqCst);
        match self.write(&octets).await {
            Ok(()) => {
                let until = Instant::now() + self.account.times.answer;
                self.waiting.insert(sequence, Waiting { answer: order.answer, until, _turn: order.turn });
                Ok(())
            }
            Err(Broken { began }) => {
                let why = "the connection broke";
                let _ = order.answer.send(if began { Told::NoAnswer(why) } else { Told::NotWritten(why) });
                Err(Ended(why))
            }
        }
    }

    async fn say(&mut self, status: u32, sequence: u32, pdu: impl Into<Pdu>) -> Result<(), Ended> {
        self.write(&pdu::octets(status, sequence, pdu)).await.map_err(|_| Ended("the connection broke"))
    }

    /// Through TLS nobody can tell how much of what was written has left.
    async fn write(&mut self, octets: &[u8]) -> Result<(), Broken> {
        let mut began = self.account.bind.tls;
        let writing = async {
            let mut rest = octets;
            while !rest.is_empty() {
                let count = self.writer.write(rest).await.ok().filter(|&count| count > 0)?;
                began = true;
                rest = rest.get(count..)?;
            }
            self.writer.flush().await.ok()
        };
        let written = timeout(self.account.times.answer, writing).await.ok().flatten();
        written.ok_or(Broken { began })
    }

    fn next(&mut self) -> u32 {
        self.sequence = if self.sequence >= 0x7fff_ffff { 1 } else { self.sequence + 1 };
        self.sequence
    }

    fn ear<T>(&self, act: impl FnOnce(&mut Ear) -> T) -> T {
        act(&mut self.account.ear.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
