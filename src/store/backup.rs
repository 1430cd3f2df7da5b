//! Backups: a whole database in one portable file, whichever engine it is of, and back into either.
//!
//! The file is an SQLite database with our own schema and one table more, the manifest (`domain::backup`). Cells are
//! copied as they are: what is sealed stays sealed, and the operator's key is nowhere in it. It is made online and as of
//! one moment: `VACUUM INTO` on SQLite, which blocks no writer, and one repeatable-read transaction on PostgreSQL.
//!
//! What must hold: a file is told damaged before anything of it is used; a database that is brought in appears whole, with
//! sending stopped, or not at all.

mod table;
mod make;
mod bring;

use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sqlx::{
    ConnectOptions, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous},
};

use super::{Error, migration};
use crate::domain::{
    backup::{Cell, FORM, Holdings, Manifest, Tally, differences},
    id::ShopId,
    seal::OperatorKeys,
};

pub use bring::{Brought, anything_in, into_lite, into_pg};
pub use make::{About, Source, make, size};

/// Why a backup cannot be used, in words that end "… cannot be used: ".
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("it is damaged or cut off: {0}")]
    Damaged(String),
    #[error("it is no backup of Cartback")]
    NotOurs,
    #[error("it was made by a newer Cartback ({0}): use that version, or a later one")]
    Newer(String),
    #[error("it was made by another Cartback ({0}) whose schema this one does not know")]
    Other(String),
    #[error("the key at hand does not open it: {0}")]
    Shut(String),
    #[error(
        "the service was at work when it was made, so nobody can say that nothing was sent since: stop it, wait ten minutes if it was killed, and make another backup"
    )]
    Unvouched,
    #[error("{0}")]
    Store(#[from] Error),
}

/// A backup file that is open and whose manifest was read.
pub struct Backup {
    conn: SqliteConnection,
    pub manifest: Manifest,
}

impl Backup {
    /// Opens one to read, whatever folder it lies in; writes nothing beside it. Tells a file that is none, or a newer one.
    pub async fn open(file: &Path) -> Result<Backup, Unusable> {
        let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
        let conn = options.connect().await.map_err(damaged)?;
        Backup::of(conn).await
    }

    /// One that is being brought in: it may be written, by nobody else.
    async fn open_own(file: &Path) -> Result<Backup, Unusable> {
        let conn = unshared(file).connect().await.map_err(damaged)?;
        Backup::of(conn).await
    }

    async fn of(mut conn: SqliteConnection) -> Result<Backup, Unusable> {
        let there: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sqlite_schema WHERE name = 'backup_manifest'")
            .fetch_optional(&mut conn)
            .await
            .map_err(damaged)?;
        there.ok_or(Unusable::NotOurs)?;
        let (body, sha256): (String, String) =
            sqlx::query_as("SELECT body, sha256 FROM backup_manifest").fetch_one(&mut conn).await.map_err(damaged)?;
        if digest(&body) != sha256 {
            return Err(Unusable::Damaged("its manifest is not what was written".to_owned()));
        }
        let manifest: Manifest =
            serde_json::from_str(&body).map_err(|_| Unusable::Newer("a form this one does not read".to_owned()))?;
        is_known(&manifest)?;
        Ok(Backup { conn, manifest })
    }

    /// Reads all of it: pages, indexes, every row of every table against its sum, and whether the keys open every shop's.
    pub async fn verify(&mut self, keys: &OperatorKeys) -> Result<(), Unusable> {
        self.is_whole().await?;
        if statements(&mut self.conn).await.map_err(of_rows)? != self.manifest.schema_sha256 {
            return Err(Unusable::Damaged("its tables are not the ones that were written".to_owned()));
        }
        let found = self.holdings().await?;
        if let [first, ..] = differences(&self.manifest.tables, &found).as_slice() {
            return Err(Unusable::Damaged(first.clone()));
        }
        self.opens(keys).await
    }

    async fn is_whole(&mut self) -> Result<(), Unusable> {
        let lines: Vec<(String,)> =
            sqlx::query_as("PRAGMA integrity_check(1)").fetch_all(&mut self.conn).await.map_err(damaged)?;
        match lines.first() {
            Some((line,)) if line != "ok" => Err(Unusable::Damaged(line.clone())),
            _ => Ok(()),
        }
    }

    async fn holdings(&mut self) -> Result<Holdings, Unusable> {
        holdings(&mut self.conn).await.map_err(of_rows)
    }

    /// Whether the keys at hand open every shop's.
    async fn opens(&mut self, keys: &OperatorKeys) -> Result<(), Unusable> {
        let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as("SELECT shop_id, generation, wrapped FROM shop_key")
            .fetch_all(&mut self.conn)
            .await
            .map_err(damaged)?;
        for (shop, generation, wrapped) in rows {
            let number = u32::try_from(generation).map_err(|why| Error::damaged("key generation", why))?;
            keys.unwrap_key(ShopId::new(shop), number, &wrapped).map_err(|why| {
                let (needed, given) = (self.manifest.keys.join(", "), keys.ids().join(", "));
                Unusable::Shut(format!("{why}; it needs {needed}, and {given} was given"))
            })?;
        }
        Ok(())
    }
}

/// Every migration of a backup is one of ours, with the same text.
fn is_known(manifest: &Manifest) -> Result<(), Unusable> {
    let newest = migration::ALL.last().map_or(0, |(version, ..)| *version);
    if manifest.form > FORM || manifest.schema() > newest {
        return Err(Unusable::Newer(manifest.cartback.clone()));
    }
    let known = migration::checksums();
    if manifest.form != FORM || !manifest.migrations.iter().all(|applied| known.contains(applied)) {
        return Err(Unusable::Other(manifest.cartback.clone()));
    }
    Ok(())
}

/// A file only this process has, which is worth nothing before it is whole: no log, no waiting for the disk.
fn unshared(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .locking_mode(SqliteLockingMode::Exclusive)
        .foreign_keys(false)
        // 256 MiB, in KiB.
        .pragma("cache_size", "-262144")
}

async fn holdings(conn: &mut SqliteConnection) -> Result<Holdings, Error> {
    let mut holdings = Holdings::new();
    for table in table::of_lite(conn).await? {
        let tally = table::tally(table::lite_rows(conn, &table)).await?;
        holdings.insert(table.name.clone(), tally.of(table.names()));
    }
    Ok(holdings)
}

/// The sum of the statements the file's tables and indexes were made with.
async fn statements(conn: &mut SqliteConnection) -> Result<String, Error> {
    let rows: Vec<(String, String, Option<String>)> = sqlx::query_as(
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE tbl_name NOT LIKE 'sqlite~_%' ESCAPE '~' AND tbl_name <> $1",
    )
    .bind(table::MANIFEST)
    .fetch_all(conn)
    .await?;
    let mut tally = Tally::default();
    for (name, table, sql) in rows {
        tally.add(&[Cell::Text(name), Cell::Text(table), sql.map_or(Cell::Null, Cell::Text)]);
    }
    Ok(tally.of(Vec::new()).sha256)
}

fn digest(body: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(body.as_bytes()))
}

/// What SQLite says of a file that is not what it should be.
fn damaged(error: sqlx::Error) -> Unusable {
    match Error::from(error) {
        Error::Sql(why) if why.contains("not a database") => Unusable::NotOurs,
        Error::Sql(why) => Unusable::Damaged(why),
        other => Unusable::Store(other),
    }
}

/// The same where rows were being read.
fn of_rows(error: Error) -> Unusable {
    match error {
        Error::Sql(why) => Unusable::Damaged(why),
        Error::Damaged { what, why } => Unusable::Damaged(format!("{what}: {why}")),
        other => Unusable::Store(other),
    }
}
