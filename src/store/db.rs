//! The seam between SQLite and PostgreSQL: the only file that knows there are two.
//!
//! One SQL text serves both. Three things differ, all here: how we connect, how a write transaction begins, and the
//! row-lock clause of a claim. Queries run on a `Read`, commands on a `Tx`; a `Tx` is also a `Read`. A command about one row
//! that nobody asks the outcome of may wait for others like it (`later!`).

pub mod beside;
mod bind;
pub mod fate;
mod held;
mod memo;
mod plan;

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Notify;

pub(crate) use self::bind::bound;
pub(super) use self::{
    bind::Bind,
    held::Single,
    memo::{Question, halves},
};
use self::{
    fate::{Fate, Step},
    held::{Held, Later},
    memo::Memo,
};
use super::Error;

/// A database: embedded SQLite (one writer connection, some readers) or PostgreSQL.
#[derive(Clone)]
pub enum Db {
    Lite {
        writer: SqlitePool,
        readers: SqlitePool,
        fate: Option<Arc<dyn Fate>>,
        /// Rung when the disk did not confirm a commit.
        doubt: Arc<Notify>,
    },
    Pg(PgPool),
}

/// Readers of the SQLite file, and connections to PostgreSQL.
const LITE_READERS: u32 = 4;
const PG_CONNECTIONS: u32 = 16;
/// Statements a connection keeps prepared. More than the service has: were it fewer, a round of work that uses them all
/// would prepare each of them anew.
const STATEMENTS: usize = 1024;
/// How long a caller waits for a connection or a lock before it is told that the database is busy.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

impl Db {
    /// Opens or creates the SQLite file. `synchronous=FULL`: an acknowledged webhook survives a power cut.
    pub async fn open_lite(file: &Path) -> Result<Db, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            // Erased rows leave no bytes behind in freed pages.
            .pragma("secure_delete", "ON");
        let pool = || SqlitePoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT).test_before_acquire(false);
        let writer = pool().max_connections(1).connect_with(options.clone()).await?;
        let readers = pool().max_connections(LITE_READERS).connect_with(options.read_only(true)).await?;
        Ok(Db::Lite { writer, readers, fate: None, doubt: Arc::default() })
    }

    pub async fn open_pg(url: &str) -> Result<Db, Error> {
        let options =
            PgConnectOptions::from_str(url)?.application_name("cartback").statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(PG_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await?;
        Ok(Db::Pg(pool))
    }

    /// Whether a commit waits until it is on the disk, as it does from the start. Only what can be made again (the demo's
    /// past) may be written without; `true` again writes everything down before it answers. PostgreSQL always waits.
    pub async fn wait_for_disk(&self, wait: bool) -> Result<(), Error> {
        if let Db::Lite { writer, .. } = self {
            let mut conn = writer.acquire().await?;
            let pragma = if wait { "PRAGMA synchronous = FULL" } else { "PRAGMA synchronous = OFF" };
            sqlx::query(pragma).execute(&mut *conn).await?;
            if wait {
                sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut *conn).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that what was erased is nowhere any more: freed pages are overwritten as they are freed
    /// (`secure_delete`), and here the write-ahead log, which still holds them as they were, is written down and cut to
    /// nothing. `false` when a reader was in the way; then it is tried again later.
    ///
    /// PostgreSQL: nothing to do from here. An old row's bytes, ciphertext like all that is personal, stay in their page
    /// until VACUUM and new rows overwrite them; `VACUUM FULL` gets rid of them at once, at the price of a locked table.
    pub async fn cut_log(&self) -> Result<bool, Error> {
        let Db::Lite { writer, .. } = self else { return Ok(true) };
        let mut conn = writer.acquire().await?;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *conn).await?;
        Ok(busy == 0)
    }

    /// Whether one commit may carry rows of several shops: on SQLite it saves syncs, on a distributed PostgreSQL it would
    /// tie two shards together.
    pub fn commits_span_shops(&self) -> bool {
        matches!(self, Db::Lite { .. })
    }

    pub fn is_lite(&self) -> bool {
        matches!(self, Db::Lite { .. })
    }

    pub async fn read(&self) -> Result<Read, Error> {
        self.meet(Step::Read).await;
        Ok(match self {
            Db::Lite { readers, .. } => Read::of(Inner::Lite(readers.acquire().await?)),
            Db::Pg(pool) => Read::of(Inner::Pg(pool.acquire().await?)),
        })
    }

    /// Begins a write transaction. Prefer `transact!`, which repeats it when the database asks for that.
    pub async fn begin(&self) -> Result<Tx, Error> {
        self.meet(Step::Begin).await;
        let (fate, doubt, inner) = match self {
            Db::Lite { writer, fate, doubt, .. } => {
                (fate.clone(), Some(doubt.clone()), Inner::LiteTx(begin_lite(writer).await?))
            }
            Db::Pg(pool) => {
                let pool = pool.clone();
                // A `begin` whose future is dropped half-way leaves its transaction open in the pool (sqlx 0.9.0), so it
                // runs to its end in a task of its own.
                let begun = tokio::spawn(async move { pool.begin().await }).await;
                (None, None, Inner::PgTx(begun.map_err(|_| Error::Busy)??))
            }
        };
        Ok(Tx { read: Read::of(inner), fate, doubt })
    }

    /// Waits until the disk fails to confirm a commit: Linux may then have thrown away what it could not write and say
    /// yes the next time, so whoever goes on builds on sand. PostgreSQL sees to that itself.
    pub async fn until_in_doubt(&self) {
        match self {
            Db::Lite { doubt, .. } => doubt.notified().await,
            Db::Pg(_) => std::future::pending().await,
        }
    }

    pub async fn close(&self) {
        match self {
            Db::Lite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Db::Pg(pool) => pool.close().await,
        }
    }

    pub(super) async fn migrate(&self, migrator: &sqlx::migrate::Migrator) -> Result<(), Error> {
        match self {
            Db::Lite { writer, .. } => {
                migrator.run(writer).await?;
                plan::teach(writer).await?;
            }
            Db::Pg(pool) => migrator.run(pool).await?,
        }
        Ok(())
    }
}

/// A deferred BEGIN would fail on its first write whenever another writer came between.
///
/// When the disk is full or broken SQLite ends the transaction by itself; sqlx (0.9.0) goes on counting it as open and
/// refuses every later one on that connection, for as long as the process lives. Such a connection is thrown away.
async fn begin_lite(writer: &SqlitePool) -> Result<Transaction<'static, Sqlite>, Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match writer.begin_with(BEGIN).await {
        Err(sqlx::Error::InvalidSavePointStatement) => {
            writer.acquire().await?.close().await?;
            Ok(writer.begin_with(BEGIN).await?)
        }
        begun => Ok(begun?),
    }
}

enum Inner {
    Lite(PoolConnection<Sqlite>),
    Pg(PoolConnection<Postgres>),
    LiteTx(Transaction<'static, Sqlite>),
    PgTx(Transaction<'static, Postgres>),
}

/// A connection to read with.
pub struct Read {
    inner: Inner,
    /// Where it is about many pieces.
    memo: Option<Memo>,
    /// Rows that a transaction has still to write.
    later: Later,
    /// Rows that waited could not be written: whoever was told of it first may not have known that they were others'.
    spoilt: bool,
}

/// A write transaction; dropped without `commit`, it never happened.
pub struct Tx {
    read: Read,
    fate: Option<Arc<dyn Fate>>,
    doubt: Option<Arc<Notify>>,
}

pub(super) enum Conn<'c> {
    Lite(&'c mut SqliteConnection),
    Pg(&'c mut PgConnection),
}

impl Read {
    fn of(inner: Inner) -> Read {
        Read { inner, memo: None, later: Later::default(), spoilt: false }
    }

    /// From now on it is about many pieces: what all of them ask is read once.
    pub fn of_many(&mut self) {
        self.memo = Some(Memo::default());
    }

    pub(super) fn is_of_many(&self) -> bool {
        self.memo.is_some()
    }

    /// The answer to a question that was asked before here, if this is about many pieces.
    pub(super) fn recall<T: Clone + 'static>(&self, question: Question) -> Option<T> {
        self.memo.as_ref()?.recall(question)
    }

    pub(super) fn keep<T: Clone + Send + Sync + 'static>(&mut self, question: Question, answer: &T) {
        if let Some(memo) = &mut self.memo {
            memo.keep(question, answer);
        }
    }

    /// Told by `run!` of every statement that writes.
    pub(super) fn wrote(&mut self, sql: &str) {
        if let Some(memo) = &mut self.memo {
            memo.wrote(sql);
        }
    }

    /// Told by `run_of!` of every statement that changes the answer to these questions alone.
    pub(super) fn forget(&mut self, questions: &[Question]) {
        if let Some(memo) = &mut self.memo {
            memo.forget(questions);
        }
    }

    /// Told by `run_of!` of every statement that may change the answer to all questions of these names.
    pub(super) fn forget_all(&mut self, names: &[&str]) {
        if let Some(memo) = &mut self.memo {
            memo.forget_all(names);
        }
    }

    /// Writes the rows that wait and that this statement would have to see.
    pub(super) async fn settle(&mut self, sql: &str) -> Result<(), Error> {
        while let Some(held) = self.later.next(Some(sql)) {
            self.write(held).await?;
        }
        Ok(())
    }

    async fn write(&mut self, held: Held) -> Result<(), Error> {
        let mut waiting = vec![held];
        while let Some(held) = waiting.pop() {
            // What it looks at itself goes first.
            if let Some(first) = self.later.next(Some(held.text())) {
                waiting.extend([held, first]);
                continue;
            }
            for (text, binds) in held.statements() {
                // Made of our own text only; what was typed is bound.
                let written = self.execute(sqlx::AssertSqlSafe(text), binds).await;
                self.spoilt |= written.is_err();
                written?;
            }
        }
        Ok(())
    }

    async fn execute(&mut self, text: impl sqlx::SqlSafeStr, binds: Vec<Bind>) -> Result<u64, Error> {
        on_either!(self, |conn: Engine| {
            bound!(sqlx::query::<Engine>(text), binds).execute(conn).await.map(|done| done.rows_affected())
        })
        .map_err(Error::from)
    }

    /// For the macros below: whoever takes it by hand sees none of the rows that wait (`Tx::bare`).
    pub(super) fn conn(&mut self) -> Conn<'_> {
        match &mut self.inner {
            Inner::Lite(conn) => Conn::Lite(conn),
            Inner::Pg(conn) => Conn::Pg(conn),
            Inner::LiteTx(conn) => Conn::Lite(conn),
            Inner::PgTx(conn) => Conn::Pg(conn),
        }
    }
}

impl Tx {
    /// Whether no other write transaction runs meanwhile, whatever it is about.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self.read.inner, Inner::LiteTx(_))
    }

    /// Writes a row, together with others like it (`later!`).
    pub(super) async fn write_later(&mut self, single: &'static Single, row: Vec<Bind>) -> Result<(), Error> {
        match self.later.hold(single, row) {
            Ok(ready) => {
                for held in ready {
                    self.write(held).await?;
                }
                Ok(())
            }
            Err(row) => {
                self.settle(single.text).await?;
                self.execute(single.text, row).await.map(|_| ())
            }
        }
    }

    /// As `run!`, of a text that was put together: how many rows it touched.
    pub(super) async fn run(&mut self, text: String, binds: Vec<Bind>) -> Result<u64, Error> {
        self.wrote(&text);
        self.settle(&text).await?;
        // Made of our own text only; what was typed is bound.
        self.execute(sqlx::AssertSqlSafe(text), binds).await
    }

    /// The connection itself, with everything that waited written.
    pub(super) async fn bare(&mut self) -> Result<Conn<'_>, Error> {
        self.write_all().await?;
        Ok(self.read.conn())
    }

    async fn write_all(&mut self) -> Result<(), Error> {
        while let Some(held) = self.read.later.next(None) {
            self.read.write(held).await?;
        }
        Ok(())
    }
}

impl Read {
    /// The one place a statement may have two texts: a claim's row-lock clause.
    pub(super) fn either(&self, lite: &'static str, pg: &'static str) -> &'static str {
        match self.inner {
            Inner::Lite(_) | Inner::LiteTx(_) => lite,
            Inner::Pg(_) | Inner::PgTx(_) => pg,
        }
    }
}

impl Tx {
    pub async fn commit(mut self) -> Result<(), Error> {
        self.write_all().await?;
        if self.read.spoilt {
            return Err(Error::Sql("rows of this transaction could not be written".to_owned()));
        }
        if let Some(fate) = &self.fate {
            fate.at(Step::Commit).await;
        }
        match self.read.inner {
            Inner::LiteTx(tx) => tx.commit().await.map_err(|error| {
                let error = Error::from(error);
                if let (Error::Unsure(_), Some(doubt)) = (&error, &self.doubt) {
                    doubt.notify_one();
                }
                error
            })?,
            Inner::PgTx(tx) => tx.commit().await?,
            Inner::Lite(_) | Inner::Pg(_) => {}
        }
        if let Some(fate) = &self.fate {
            fate.at(Step::Committed).await;
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Read;
    fn deref(&self) -> &Read {
        &self.read
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Read {
        &mut self.read
    }
}

/// Binds and runs one SQL text on whichever engine the connection is of.
macro_rules! on_either {
    ($read:expr, |$conn:ident: $Engine:ident| $body:expr) => {
        match $read.conn() {
            $crate::store::db::Conn::Lite($conn) => {
                type $Engine = sqlx::Sqlite;
                $body
            }
            $crate::store::db::Conn::Pg($conn) => {
                type $Engine = sqlx::Postgres;
                $body
            }
        }
    };
}

/// `all!(read, Row, "SELECT …", bind, …)`: every row.
macro_rules! all {
    ($read:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $read.settle($sql).await {
            Err(error) => Err(error),
            Ok(()) => $crate::store::db::on_either!($read, |conn: Engine| {
                sqlx::query_as::<Engine, $row>($sql)$(.bind($bind))*.fetch_all(conn).await
            })
            .map_err($crate::store::Error::from),
        }
    };
}

/// `first!(read, Row, "SELECT …", bind, …)`: the first row, if there is one.
macro_rules! first {
    ($read:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $read.settle($sql).await {
            Err(error) => Err(error),
            Ok(()) => $crate::store::db::on_either!($read, |conn: Engine| {
                sqlx::query_as::<Engine, $row>($sql)$(.bind($bind))*.fetch_optional(conn).await
            })
            .map_err($crate::store::Error::from),
        }
    };
}

/// `run!(tx, "UPDATE …", bind, …)`: how many rows it touched.
macro_rules! run {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {{
        $tx.wrote($sql);
        $crate::store::db::told!($tx, $sql $(, $bind)*)
    }};
}

/// `run_of!(tx, [question, …], "UPDATE …", bind, …)`: as `run!`, by a writer who knows what it changes the answer to. Of
/// what was read ahead for other rows, nothing is forgotten.
macro_rules! run_of {
    ($tx:expr, [$($question:expr),* $(,)?], $sql:expr $(, $bind:expr)* $(,)?) => {{
        $tx.forget(&[$($question),*]);
        $crate::store::db::told!($tx, $sql $(, $bind)*)
    }};
}

macro_rules! told {
    ($tx:expr, $sql:expr $(, $bind:expr)*) => {
        match $tx.settle($sql).await {
            Err(error) => Err(error),
            Ok(()) => $crate::store::db::on_either!($tx, |conn: Engine| {
                sqlx::query::<Engine>($sql)$(.bind($bind))*.execute(conn).await.map(|done| done.rows_affected())
            })
            .map_err($crate::store::Error::from),
        }
    };
}

/// `later!(tx, [question, …], "INSERT … VALUES ($1, …) …" or "UPDATE … WHERE …", bind, …)`: as `run_of!`, about one row,
/// written together with others like it before anybody asks for it. What is wrong with it, whoever writes it is told.
macro_rules! later {
    ($tx:expr, [$($question:expr),* $(,)?], $sql:expr $(, $bind:expr)* $(,)?) => {{
        static SINGLE: std::sync::LazyLock<$crate::store::db::Single> =
            std::sync::LazyLock::new(|| $crate::store::db::Single::of($sql));
        $tx.forget(&[$($question),*]);
        $tx.write_later(&SINGLE, vec![$($crate::store::db::Bind::from($bind)),*]).await
    }};
}

pub(crate) use {all, first, later, on_either, run, run_of, told};

/// How often a transaction is repeated when the database lost a race for it.
pub const TRANSACTION_TRIES_MAX: u32 = 5;

/// Runs a block in a write transaction and commits it; repeats the whole block on serialization failures, deadlocks and
/// busy locks. The block therefore has no effect outside the database, and owns nothing it cannot use twice.
///
/// `transact!(db, |tx| { store::cart::put(tx, …).await?; value })`
#[macro_export]
macro_rules! transact {
    ($db:expr, |$tx:ident| $body:expr) => {{
        let mut tries = 0;
        loop {
            let outcome: Result<_, $crate::store::Error> = async {
                let mut begun = $db.begin().await?;
                let value = {
                    let $tx = &mut begun;
                    $body
                };
                begun.commit().await?;
                Ok(value)
            }
            .await;
            tries += 1;
            match outcome {
                Err(error) if error.is_transient() && tries < $crate::store::db::TRANSACTION_TRIES_MAX => {
                    $crate::store::db::back_off(tries).await;
                }
                settled => break settled,
            }
        }
    }};
}

/// A short wait that grows with the tries.
pub async fn back_off(tries: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(tries * tries) * 5)).await;
}
