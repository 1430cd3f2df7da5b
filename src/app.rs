//! The wiring: settings in, a working process out, and a graceful stop. Decides the order in which things start and end;
//! never what any of them does.
//!
//! Started: keys → database → schema → the house's keys → a node number → the inbox's writer → server and worker.
//! Stopped: no new work and no new connections → what was begun is finished → the inbox is written → the node is given
//! back → the database is closed; all within `STOP_WITHIN`.

pub mod lines;
pub mod watch;

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, Once},
    time::Duration,
};

use actix_web::web::ServiceConfig;
use anyhow::{Context, anyhow, bail};
use data_encoding::HEXLOWER;
use secrecy::ExposeSecret;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::lines::Lines;
use crate::{
    clock::{self, Clock, Ids, NODES, SystemClock},
    config::{Config, Database, Role, key},
    domain::{id::ShopId, law, time::MINUTE},
    http::Http,
    pipeline::{Core, digest::Post, receive::Inbox, recurring::Recurring, team},
    store::{self, Db, shop::Vault},
    transact, web,
    worker::Worker,
};

/// A process that is ready to work: database open and current, keys tried, node leased. It does nothing by itself until
/// `serve`; a story or a command works on its `core`.
pub struct App {
    pub core: Arc<Core>,
    pub inbox: Inbox,
    pub recurring: Vec<Recurring>,
    writer: JoinHandle<()>,
    lease: Lease,
    /// Kept open while it serves; without them nothing is sent or heard by SMPP.
    lines: Option<Lines>,
}

/// How a node number is leased. Renewed every third of it, in the machine's own time: a story's clock may stand still.
const LEASE: Duration = Duration::from_secs(10 * 60);

struct Lease {
    holder: String,
    /// Cancelled when the number was lost: another process may now make the same ids, so this one must end.
    lost: CancellationToken,
    _renewing: DropGuard,
}

impl App {
    /// Opens everything. Errors say in plain words what to do: they are shown to the operator as they are.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>, http: Arc<dyn Http>) -> anyhow::Result<App> {
        install_tls();
        // With its key and its database elsewhere a process needs no folder at all.
        if matches!(config.database, Database::Lite) || config.key.is_none() {
            key::make_folder(&config.data)?;
        }
        let recurring = schedules(config)?;
        let keys = key::load(config)?;
        let key_ids = keys.ids().join(", ");
        let db = open_database(config).await?;
        store::migration::run(&db).await.map_err(|error| explain(config, error))?;
        let vault = Vault::new(keys);
        let (fresh, now) = (clock::random(), clock.now());
        transact!(db, |tx| {
            store::shop::open_house(tx, &vault, &fresh, now).await?;
            store::law::keep(tx, law::current(), now).await?;
        })
        .map_err(|error| explain(config, error))?;
        let mut read = db.read().await?;
        vault.keys(&mut read, ShopId::HOUSE).await.map_err(|error| match error {
            store::Error::Damaged { .. } => anyhow!(
                "the key does not open this database ({}): it was made with another one. Given: {key_ids}",
                config.place()
            ),
            error => explain(config, error),
        })?;
        drop(read);
        let (node, lease) = lease_node(&db).await?;
        let core = Arc::new(Core {
            vault,
            clock,
            ids: Ids::new(node),
            http,
            post: config.smtp.clone().map(|smtp| Post {
                place: smtp.place(),
                mail: Arc::new(smtp),
                write: web::letter::write,
                tell_reset: web::letter::tell_reset,
                tell_silence: web::letter::tell_silence,
            }),
            public_url: config.public_url(),
            holder: lease.holder.clone(),
            plain_links: config.plain_links,
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
            db,
        });
        let (inbox, writer) = Inbox::start(core.clone());
        Ok(App { core, inbox, recurring, writer, lease, lines: None })
    }

    /// The same with lines of its own, whose door `http` has.
    pub fn with_lines(self, lines: Lines) -> App {
        App { lines: Some(lines), ..self }
    }

    /// Gives everything back. A process that is killed instead loses nothing: its node is free again after the lease.
    pub async fn close(self) {
        let App { core, inbox, writer, lease, .. } = self;
        drop(inbox);
        if tokio::time::timeout(WRITE_WITHIN, writer).await.is_err() {
            tracing::warn!("the inbox was still being written");
        }
        let released: Result<(), store::Error> =
            transact!(core.db, |tx| store::node::release(tx, &lease.holder).await?);
        if let Err(error) = released {
            tracing::warn!(%error, "the node number could not be given back");
        }
        core.db.close().await;
    }

    /// Makes this the one process that works on an embedded database, and frees what a killed one had claimed. Shared
    /// databases need neither: their processes take turns, and a claim ends with its lease. The lock is the returned
    /// file's; keep it.
    pub async fn take_over(&self, config: &Config) -> anyhow::Result<Option<File>> {
        if !self.core.db.is_lite() {
            return Ok(None);
        }
        let lock = lock(config)?;
        let now = self.core.now();
        let freed = transact!(self.core.db, |tx| store::job::release_all(tx, now).await?)?;
        if freed > 0 {
            tracing::info!(freed, "work that an ended process had claimed is free again");
        }
        Ok(Some(lock))
    }

    /// Looks an embedded database's file through. `Err` says what is wrong and what to do.
    pub async fn check_file(core: &Core, place: &str) -> anyhow::Result<()> {
        let mut read = core.db.read().await?;
        let found = match store::health::quick_check(&mut read).await {
            Ok(found) => found,
            Err(store::Error::Sql(why)) => vec![why],
            Err(error) => return Err(error.into()),
        };
        match found.first() {
            None => Ok(()),
            Some(broken) => bail!("{place} is damaged: {broken}. {BACKUP_IN}"),
        }
    }

    /// Starts the server and the worker.
    pub fn serve(self, serve: Serve) -> anyhow::Result<Running> {
        self.serve_with(serve, None, |_| {})
    }

    /// The same, with a bar above every page and further routes before ours: the demo's.
    pub fn serve_with(
        self,
        serve: Serve,
        bar: Option<web::Bar>,
        more: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
    ) -> anyhow::Result<Running> {
        let address = serve.listener.local_addr().context("the listening address")?;
        let stop = CancellationToken::new();
        let figures = web::metric::install();
        let mut state = web::State::new(self.core.clone(), self.inbox.clone());
        (state.open_door, state.metrics, state.bar) = (serve.open_door, figures.clone(), bar);
        state.proxies = serve.trusted_proxies;
        state.only_health = serve.role == Role::Worker;
        if let Some(requests) = serve.api_requests {
            state.pace = web::api::Pace::of(requests);
        }
        let routes = web::configure_with(state, more);
        let server = actix_web::HttpServer::new(move || actix_web::App::new().configure(routes.clone()))
            .workers(serve.workers)
            .client_request_timeout(REQUEST_HEAD_WITHIN)
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .disable_signals()
            .listen(serve.listener)
            .context("the listening address")?
            .run();
        let handle = server.handle();
        let server = tokio::spawn(server);
        let (works, idle) = (serve.role != Role::Web, stop.clone());
        let worker = work(self.core.clone(), self.recurring.clone(), stop.clone());
        let (damaged, told) = (CancellationToken::new(), serve.check);
        let worker = tokio::spawn({
            let (core, damaged) = (self.core.clone(), damaged.clone());
            async move {
                if let Some(place) = told
                    && let Err(why) = App::check_file(&core, &place).await
                {
                    tracing::error!("{why:#}");
                    return damaged.cancel();
                }
                match works {
                    true => worker.await,
                    false => idle.cancelled().await,
                }
            }
        });
        // By a clock that runs faster, the demo's, everything would seem late.
        if self.core.clock.wall(MINUTE) == MINUTE {
            watch::start(self.core.clone(), self.recurring.clone(), serve.folder, stop.clone());
        }
        // Only who sends keeps lines to gateways.
        if let Some(lines) = self.lines.as_ref().filter(|_| works) {
            tokio::spawn(lines.clone().keep(self.core.clone(), self.inbox.clone(), stop.clone()));
        }
        if let Some(figures) = figures {
            let stop = stop.clone();
            tokio::spawn(async move {
                while stop.run_until_cancelled(tokio::time::sleep(UPKEEP_EVERY)).await.is_some() {
                    figures.run_upkeep();
                }
            });
        }
        Ok(Running { address, app: self, stop, handle, server, worker, damaged })
    }
}

/// What `App::serve` is told.
pub struct Serve {
    /// Bound already, so that a taken port is known before anything else happens.
    pub listener: TcpListener,
    /// Threads that answer requests.
    pub workers: usize,
    pub role: Role,
    /// Requests of one API token in one minute; `None`: the usual.
    pub api_requests: Option<u32>,
    /// The place of a database file that is looked through before anything is worked on or sent; webhooks are taken in and
    /// links followed meanwhile.
    pub check: Option<String>,
    /// Lies on the disk that must not fill up.
    pub folder: PathBuf,
    /// Whose word on where a request came from is taken.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether pages are shown without signing in: only for the demo on this machine.
    pub open_door: bool,
}

impl Serve {
    pub fn of(config: &Config, listener: TcpListener, open_door: bool) -> Serve {
        Serve {
            listener,
            workers: config.workers,
            role: config.role,
            api_requests: config.api_requests,
            check: None,
            folder: config.data.clone(),
            trusted_proxies: config.trusted_proxies.clone(),
            open_door,
        }
    }
}

/// A client that has not sent the head of its request by then is let go.
const REQUEST_HEAD_WITHIN: Duration = Duration::from_secs(5);
/// Requests that are being answered have this long when we stop.
const SHUTDOWN_SECONDS: u64 = 8;
/// Server and worker together.
const STOP_WITHIN: Duration = Duration::from_secs(10);
const WRITE_WITHIN: Duration = Duration::from_secs(2);
/// Figures kept as histograms grow until they are tidied.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// After a panic that the worker did not catch itself.
const WORKER_RESTART_AFTER: Duration = Duration::from_secs(1);

/// A server and a worker at work.
pub struct Running {
    pub address: SocketAddr,
    app: App,
    stop: CancellationToken,
    handle: actix_web::dev::ServerHandle,
    server: JoinHandle<std::io::Result<()>>,
    worker: JoinHandle<()>,
    /// The database file turned out to be broken; the log says how.
    damaged: CancellationToken,
}

impl Running {
    pub fn core(&self) -> &Arc<Core> {
        &self.app.core
    }

    /// Works until Ctrl-C, SIGTERM, or until it cannot go on; then stops.
    pub async fn until_told(mut self) -> anyhow::Result<()> {
        let (lost, damaged) = (self.app.lease.lost.clone(), self.damaged.clone());
        let db = self.app.core.db.clone();
        let outcome = tokio::select! {
            told = told_to_stop() => told,
            // As if it had crashed: nothing more is written on top of it.
            () = db.until_in_doubt() => {
                return Err(anyhow!(
                    "the disk did not confirm what was written; ended, so that the next start goes by what is really there"
                ));
            }
            () = lost.cancelled() => Err(anyhow!("the node number was lost: the database was away for too long")),
            () = damaged.cancelled() => Err(anyhow!("the database file is damaged: {BACKUP_IN}")),
            ended = &mut self.server => Err(match ended {
                Ok(Err(why)) => anyhow!("the server ended: {why}"),
                _ => anyhow!("the server ended"),
            }),
        };
        self.stop().await;
        outcome
    }

    /// Takes nothing new, finishes what was begun, writes the inbox, closes the database.
    pub async fn stop(self) {
        let Running { app, stop, handle, server, worker, .. } = self;
        stop.cancel();
        let ended = async {
            if !server.is_finished() {
                handle.stop(true).await;
                let _ = server.await;
            }
            let _ = worker.await;
        };
        if tokio::time::timeout(STOP_WITHIN, ended).await.is_err() {
            tracing::warn!("stopped with work unfinished; it is claimed again after its lease");
        }
        app.close().await;
    }
}

/// Keeps a worker running: a panic that escapes it ends one task, not the process's work.
async fn work(core: Arc<Core>, recurring: Vec<Recurring>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let worker = Worker::new(core.clone(), recurring.clone());
        if let Err(ended) = tokio::spawn(worker.run(stop.clone())).await {
            tracing::error!(panicked = ended.is_panic(), "the worker ended and is started again");
            tokio::time::sleep(WORKER_RESTART_AFTER).await;
        }
    }
}

/// Ctrl-C or SIGTERM.
pub async fn told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    tokio::select! {
        told = tokio::signal::ctrl_c() => told.context("signals"),
        _ = terminate.recv() => Ok(()),
    }
}

/// Chooses the one TLS provider of this process. Needed before the first HTTP client is built.
pub fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that one was chosen before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// Makes this the one process that works on an embedded database, as long as the returned file is kept.
pub fn lock(config: &Config) -> anyhow::Result<File> {
    let path = config.data.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    if lock.try_lock().is_err() {
        bail!("another cartback serves {} already; more than one process needs PostgreSQL", config.place());
    }
    Ok(lock)
}

/// The default schedules with the settings' changes.
fn schedules(config: &Config) -> anyhow::Result<Vec<Recurring>> {
    Recurring::defaults()
        .into_iter()
        .map(|recurring| match config.recurring.get(recurring.kind.name()) {
            Some(schedule) => Recurring::new(recurring.kind, schedule).map_err(anyhow::Error::msg),
            None => Ok(recurring),
        })
        .collect()
}

async fn open_database(config: &Config) -> anyhow::Result<Db> {
    let opened = match &config.database {
        Database::Lite => {
            let file = config.lite_file();
            // SQLite gives its side files the mode of the file itself.
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o600)
                .open(&file)
                .with_context(|| format!("the database file {} cannot be opened", file.display()))?;
            Db::open_lite(&file).await
        }
        Database::Postgres(url) => Db::open_pg(url.expose_secret()).await,
    };
    opened.map_err(|error| explain(config, error))
}

/// What to do about a file that is damaged.
const BACKUP_IN: &str =
    "Nothing is sent from it. Move it and its -wal file away and bring a backup in: cartback restore <file>";

/// What went wrong with the database at the start, with what to do about it.
fn explain(config: &Config, error: store::Error) -> anyhow::Error {
    let place = config.place();
    match (&config.database, error) {
        (Database::Lite, store::Error::Sql(why)) if why.contains("not a database") || why.contains("malformed") => {
            anyhow!("{place} is damaged or not a database: {why}. {BACKUP_IN}")
        }
        (Database::Lite, store::Error::Busy) => anyhow!("{place} is busy: another program holds it"),
        (_, store::Error::Schema(why)) => {
            anyhow!("{place} was written by another version of Cartback: {why}. Start the newer one")
        }
        (_, store::Error::Unavailable(why)) => anyhow!("{place} cannot be reached: {why}"),
        (_, error) => anyhow!("{place} cannot be used: {error}"),
    }
}

async fn lease_node(db: &Db) -> anyhow::Result<(i64, Lease)> {
    let holder = HEXLOWER.encode(&clock::random::<8>());
    let Some(node) = renew(db, &holder).await? else {
        bail!("{NODES} processes share this database already; wait ten minutes if most of them are gone");
    };
    let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
    tokio::spawn(keep_node(db.clone(), holder.clone(), node, stop.clone(), lost.clone()));
    Ok((node, Lease { holder, lost, _renewing: stop.drop_guard() }))
}

async fn renew(db: &Db, holder: &str) -> Result<Option<i64>, store::Error> {
    let now = SystemClock.now();
    transact!(db, |tx| store::node::lease(tx, holder, NODES, now, now + LEASE).await?)
}

async fn keep_node(db: Db, holder: String, node: i64, stop: CancellationToken, lost: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LEASE / 3)).await.is_some() {
        match renew(&db, &holder).await {
            Ok(Some(renewed)) if renewed == node => {}
            Ok(_) => {
                tracing::error!("this process's node number was given to another one: it stops");
                return lost.cancel();
            }
            Err(error) => tracing::warn!(%error, "the node number could not be renewed; trying again"),
        }
    }
}

/// A fresh one-time link to sign in as the owner, who is made if there is none yet. Only its hash is kept.
pub async fn sign_in_link(core: &Core) -> Result<String, store::Error> {
    team::owner_link(core).await
}

#[cfg(test)]
mod tests;
