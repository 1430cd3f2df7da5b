//! The simulated world: processes whose every step at the database and at the gateway waits until the seed lets it happen,
//! and a gateway that loses answers. One step is taken at a time, so a seed is always the same life.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use cartback::{
    clock::{Clock, Ids},
    domain::{click, connector::Delivery, message::MessageRef, seal::OperatorKeys, time::Time},
    http::{Exchange, Http, HttpError, Request, Response},
    pipeline::{
        Core, follow,
        receive::{self, Answer, Inbox, Side},
    },
    store::{
        self,
        db::fate::{Fate, Step},
        shop::Vault,
    },
    worker::Worker,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    app::{App, OPERATOR_KEY, PHONE_AGENT},
    story::shuffle::Dice,
};

/// A real wait of this length means that the world stands still: a defect of the simulation.
const STANDSTILL: Duration = Duration::from_secs(20);

/// Where a process waits for its fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    At(Step),
    /// A request is about to leave.
    Leaves,
    /// The other side has done what it does; its answer is on the way.
    Answers,
}

/// What a process tells the world.
enum Event {
    Waits { process: usize, point: Point, go: oneshot::Sender<()> },
    Ticked { process: usize, worker: Box<Worker>, done: Result<usize, store::Error> },
    Answered { process: usize, answer: Answer },
    Tapped { process: usize },
}

/// What came of a step.
pub enum Came {
    /// Somebody waits for the next one.
    Waiting,
    /// A round of work is over; so many jobs that was.
    Ticked(usize),
    /// Who told this process something learns what became of it.
    Answered(usize, Answer),
    Tapped,
}

type Events = mpsc::UnboundedSender<Event>;

struct ProcessFate {
    process: usize,
    events: Events,
}

impl ProcessFate {
    async fn wait(&self, point: Point) {
        let (go, gone) = oneshot::channel();
        let _ = self.events.send(Event::Waits { process: self.process, point, go });
        if gone.await.is_err() {
            // It ended here.
            std::future::pending().await
        }
    }
}

impl Fate for ProcessFate {
    fn at(&self, step: Step) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            // To end before a commit is to end before the transaction began.
            if step != Step::Commit {
                self.wait(Point::At(step)).await;
            }
        })
    }
}

/// The gateway: what it took, and how its next answers end.
pub struct Carrier {
    dice: Mutex<Dice>,
    pub calm: std::sync::atomic::AtomicBool,
    taken: Mutex<Vec<(MessageRef, Time)>>,
    clock: Arc<dyn Clock>,
}

impl Carrier {
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Carrier {
        Carrier { dice: Mutex::new(Dice::new(seed ^ 0xca11)), calm: false.into(), taken: Mutex::default(), clock }
    }

    /// Every text it took, in order.
    pub fn taken(&self) -> Vec<(MessageRef, Time)> {
        self.taken.lock().unwrap().clone()
    }

    fn take(&self, request: &Request) {
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        let back = url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "dlr-url").unwrap().1;
        let (_, reference) = back.split_once("ref=").unwrap();
        let reference = reference.split('&').next().unwrap().parse().unwrap();
        self.taken.lock().unwrap().push((reference, self.clock.now()));
    }

    fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        let answer = |status, body: &str| Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() });
        let drawn = match self.calm.load(std::sync::atomic::Ordering::Relaxed) {
            true => 0,
            false => self.dice.lock().unwrap().below(100),
        };
        if drawn < 68 {
            self.take(request);
        }
        match drawn {
            0..=54 => answer(202, "0: Accepted for delivery"),
            55..=61 => Err(HttpError::Unknown("no answer in time".into())),
            62..=67 => answer(502, "<html>Bad Gateway</html>"),
            68..=73 => Err(HttpError::Unknown("the connection broke".into())),
            74..=85 => Err(HttpError::NotSent("no connection".into())),
            86..=93 => answer(503, "3: Queued for later delivery? no"),
            _ => answer(400, "Invalid receiver"),
        }
    }
}

struct Door {
    fate: ProcessFate,
    carrier: Arc<Carrier>,
}

impl Http for Door {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        Box::pin(async move {
            self.fate.wait(Point::Leaves).await;
            let answer = self.carrier.answer(&request);
            self.fate.wait(Point::Answers).await;
            answer
        })
    }
}

/// A process: what it does at this moment, and what it would do next.
struct Process {
    core: Arc<Core>,
    inbox: Inbox,
    writer: JoinHandle<()>,
    worker: Option<Worker>,
    ticking: Option<JoinHandle<()>>,
    hearing: Option<JoinHandle<()>>,
}

/// Somebody who waits for the seed to let the next thing happen.
pub struct Waiting {
    pub process: usize,
    pub point: Point,
    go: oneshot::Sender<()>,
}

pub struct World<'a> {
    app: &'a App,
    pub carrier: Arc<Carrier>,
    events: (Events, mpsc::UnboundedReceiver<Event>),
    /// Heard while something else was looked at.
    heard: VecDeque<Event>,
    processes: Vec<Process>,
    pub waiting: Vec<Waiting>,
    nodes: i64,
    pub seen: BTreeMap<&'static str, u64>,
}

/// Delivered to a connection of this path.
#[derive(Clone)]
pub struct Telling {
    pub side: Side,
    pub path: String,
    pub delivery: Delivery,
}

impl<'a> World<'a> {
    pub fn new(app: &'a App, carrier: Carrier, processes: usize, first_node: i64) -> World<'a> {
        let carrier = Arc::new(carrier);
        let mut world = World {
            app,
            carrier,
            events: mpsc::unbounded_channel(),
            heard: VecDeque::new(),
            processes: Vec::new(),
            waiting: Vec::new(),
            nodes: first_node,
            seen: BTreeMap::new(),
        };
        for process in 0..processes {
            let begun = world.begin(process);
            world.processes.push(begun);
        }
        world
    }

    fn begin(&mut self, process: usize) -> Process {
        self.nodes = self.nodes % 1000 + 1;
        let fate = || ProcessFate { process, events: self.events.0.clone() };
        let core = Arc::new(Core {
            db: self.app.core.db.fated(Arc::new(fate())),
            vault: Vault::new(OperatorKeys::parse(OPERATOR_KEY).unwrap()),
            clock: self.app.clock.clone(),
            ids: Ids::new(self.nodes),
            http: Arc::new(Door { fate: fate(), carrier: self.carrier.clone() }),
            post: None,
            public_url: self.app.core.public_url.clone(),
            holder: format!("process {}", self.nodes),
            plain_links: false,
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
        });
        let (inbox, writer) = Inbox::start(core.clone());
        let worker = Some(Worker::new(core.clone(), Vec::new()).one_by_one());
        Process { core, inbox, writer, worker, ticking: None, hearing: None }
    }

    pub fn count_of(&self, what: &'static str) -> u64 {
        self.seen.get(what).copied().unwrap_or(0)
    }

    fn count(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// The process ends where it stands, and another takes its place.
    pub async fn kill(&mut self, process: usize) {
        self.count("kills");
        let fresh = self.begin(process);
        let old = std::mem::replace(&mut self.processes[process], fresh);
        for task in [old.ticking, old.hearing, Some(old.writer)].into_iter().flatten() {
            task.abort();
            let _ = task.await;
        }
        self.waiting.retain(|waiting| waiting.process != process);
        // What it said before it ended reaches nobody any more.
        while let Ok(event) = self.events.1.try_recv() {
            let (Event::Waits { process: of, .. }
            | Event::Ticked { process: of, .. }
            | Event::Answered { process: of, .. }
            | Event::Tapped { process: of }) = event;
            if of != process {
                self.heard.push_back(event);
            }
        }
    }

    /// A process that may begin a round of work.
    pub fn idle(&self) -> Vec<usize> {
        (0..self.processes.len()).filter(|process| self.processes[*process].worker.is_some()).collect()
    }

    /// A process that may take a delivery.
    pub fn all_ears(&self) -> Vec<usize> {
        (0..self.processes.len()).filter(|process| self.processes[*process].hearing.is_none()).collect()
    }

    pub async fn tick(&mut self, process: usize) -> Came {
        let mut worker = self.processes[process].worker.take().unwrap();
        let events = self.events.0.clone();
        self.processes[process].ticking = Some(tokio::spawn(async move {
            let done = worker.tick().await;
            let _ = events.send(Event::Ticked { process, worker: Box::new(worker), done });
        }));
        self.next().await
    }

    pub async fn tell(&mut self, process: usize, what: Telling) -> Came {
        self.count("deliveries");
        let (core, inbox) = (self.processes[process].core.clone(), self.processes[process].inbox.clone());
        let events = self.events.0.clone();
        self.processes[process].hearing = Some(tokio::spawn(async move {
            let answer = receive::receive(&core, &inbox, &what.path, what.side, what.delivery).await;
            let _ = events.send(Event::Answered { process, answer });
        }));
        self.next().await
    }

    /// A person taps the link of a text.
    pub async fn tap(&mut self, process: usize, token: String) -> Came {
        self.count("taps");
        let core = self.processes[process].core.clone();
        let events = self.events.0.clone();
        let at = self.app.now();
        self.processes[process].hearing = Some(tokio::spawn(async move {
            let opened =
                click::Opened { method: click::Method::Get, agent: Some(PHONE_AGENT.into()), prefetch: false, at };
            let _ = follow::follow(&core, &token, opened).await;
            let _ = events.send(Event::Tapped { process });
        }));
        self.next().await
    }

    /// Lets one of those who wait take its step, and sees what comes of it.
    pub async fn go_on(&mut self, place: usize) -> (Point, Came) {
        let waiting = self.waiting.swap_remove(place);
        waiting.go.send(()).unwrap();
        (waiting.point, self.next().await)
    }

    async fn next(&mut self) -> Came {
        let event = match self.heard.pop_front() {
            Some(event) => event,
            None => {
                let event = tokio::time::timeout(STANDSTILL, self.events.1.recv()).await;
                event.unwrap_or_else(|_| panic!("the world stands still")).unwrap()
            }
        };
        match event {
            Event::Waits { process, point, go } => {
                self.waiting.push(Waiting { process, point, go });
                Came::Waiting
            }
            Event::Ticked { process, worker, done } => {
                self.processes[process].ticking = None;
                self.processes[process].worker = Some(*worker);
                Came::Ticked(done.unwrap_or_else(|error| panic!("{error}")))
            }
            Event::Answered { process, answer } => {
                self.processes[process].hearing = None;
                Came::Answered(process, answer)
            }
            Event::Tapped { process } => {
                self.processes[process].hearing = None;
                Came::Tapped
            }
        }
    }
}
