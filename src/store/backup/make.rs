//! Making a backup: of an SQLite file by `VACUUM INTO`, of PostgreSQL table by table, each as of one moment and beside
//! whoever writes. What it is made into is a temporary file of the caller's, which nobody else has.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use futures_util::TryStreamExt;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection,
    postgres::PgConnectOptions,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions},
};

use super::{Unusable, digest, holdings, is_known, statements, table, unshared};
use crate::{
    domain::{
        backup::{Cell, FORM, Holdings, Manifest, Tally, differences},
        seal::OperatorKeys,
        time::Time,
    },
    store::{Error, db::ACQUIRE_TIMEOUT, migration},
};

/// A database as somebody from outside finds it. It is neither created, migrated nor written to.
#[derive(Clone)]
pub enum Source {
    Lite(PathBuf),
    /// With its password: never shown.
    Pg(String),
}

/// What the maker knows of itself.
pub struct About {
    pub now: Time,
    pub version: String,
}

/// About how many bytes a backup may have. `Unavailable` where the database cannot be reached.
pub async fn size(source: &Source) -> Result<u64, Error> {
    let bytes: i64 = match source {
        Source::Lite(file) => {
            let mut conn = open_lite(file).await?;
            let (bytes,): (i64,) =
                sqlx::query_as("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
                    .fetch_one(&mut conn)
                    .await?;
            bytes
        }
        Source::Pg(url) => {
            let mut conn = open_pg(url).await?;
            let (bytes,): (i64,) = sqlx::query_as(
                "SELECT CAST(COALESCE(SUM(pg_total_relation_size(c.oid)), 0) AS BIGINT) FROM pg_class AS c
                 JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'",
            )
            .fetch_one(&mut conn)
            .await?;
            bytes
        }
    };
    Ok(bytes.unsigned_abs())
}

/// Writes a backup into `part`, an empty file nobody else has. It is whole when this answers, and may still be in the
/// memory of the machine only.
pub async fn make(source: &Source, part: &Path, about: &About) -> Result<Manifest, Unusable> {
    let (engine, read) = match source {
        Source::Lite(file) => ("SQLite", of_lite(file, part).await?),
        Source::Pg(url) => ("PostgreSQL", of_pg(url, part).await?),
    };
    let mut conn = unshared(part).connect().await.map_err(Error::from)?;
    let written = holdings(&mut conn).await?;
    // Of PostgreSQL, what was read is known too: nothing may have been lost on the way.
    if let Some(read) = read
        && let [first, ..] = differences(&read, &written).as_slice()
    {
        return Err(Unusable::Damaged(first.clone()));
    }
    let manifest = Manifest {
        form: FORM,
        made_at_ms: about.now.millis(),
        cartback: about.version.clone(),
        engine: engine.to_owned(),
        in_use: in_use(&mut conn, about.now).await?,
        migrations: applied_lite(&mut conn).await?,
        schema_sha256: statements(&mut conn).await?,
        tables: written,
        keys: keys(&mut conn).await?,
    };
    is_known(&manifest)?;
    let body = crate::store::json(&manifest)?;
    let write = async {
        sqlx::query("CREATE TABLE backup_manifest (body TEXT NOT NULL, sha256 TEXT NOT NULL)")
            .execute(&mut conn)
            .await?;
        sqlx::query("INSERT INTO backup_manifest (body, sha256) VALUES ($1, $2)")
            .bind(&body)
            .bind(digest(&body))
            .execute(&mut conn)
            .await?;
        conn.close().await
    };
    write.await.map_err(Error::from)?;
    Ok(manifest)
}

async fn open_lite(file: &Path) -> Result<SqliteConnection, Error> {
    if !file.is_file() {
        return Err(Error::Unavailable("there is no such file".to_owned()));
    }
    // Never shared with the service's own connections: it may wait for nobody and holds up nobody.
    let options = SqliteConnectOptions::new().filename(file).read_only(true).busy_timeout(ACQUIRE_TIMEOUT);
    Ok(options.connect().await?)
}

async fn open_pg(url: &str) -> Result<PgConnection, Error> {
    let options: PgConnectOptions = url.parse()?;
    Ok(options.application_name("cartback backup").connect().await?)
}

/// One read transaction, so as of one moment; in write-ahead mode readers block no writer. Every table and index is
/// written anew, without what was freed.
async fn of_lite(file: &Path, part: &Path) -> Result<Option<Holdings>, Error> {
    let mut conn = open_lite(file).await?;
    let part = part.to_str().ok_or_else(|| Error::Unavailable("the name of the file is not UTF-8".to_owned()))?;
    sqlx::query("VACUUM INTO $1").bind(part).execute(&mut conn).await?;
    conn.close().await?;
    Ok(None)
}

/// Every table in one transaction that sees the database as it is at its beginning, into the same schema on SQLite.
async fn of_pg(url: &str, part: &Path) -> Result<Option<Holdings>, Unusable> {
    let mut from = open_pg(url).await?;
    sqlx::raw_sql("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut from)
        .await
        .map_err(Error::from)?;
    let applied = applied_pg(&mut from).await?;
    let Some(newest) = applied.iter().map(|(version, _)| *version).max() else {
        return Err(Error::Unavailable("it holds no Cartback".to_owned()).into());
    };
    let known = migration::checksums();
    if let Some((version, _)) = applied.iter().find(|each| !known.contains(each)) {
        return Err(Error::Schema(format!("migration {version} is not one this version knows")).into());
    }
    let mut into = unshared(part).connect().await.map_err(Error::from)?;
    migration::migrator().run_direct(Some(newest), &mut into, false).await.map_err(Error::from)?;
    if applied_lite(&mut into).await? != applied {
        return Err(Error::Schema("not every migration before the newest was applied".to_owned()).into());
    }
    let indexes = drop_indexes(&mut into).await?;
    let mut read = Holdings::new();
    for table in table::of_lite(&mut into).await? {
        let tally = copy(&mut from, &mut into, &table).await?;
        read.insert(table.name.clone(), tally.of(table.names()));
    }
    for index in indexes {
        sqlx::query(AssertSqlSafe(index)).execute(&mut into).await.map_err(Error::from)?;
    }
    into.close().await.map_err(Error::from)?;
    from.close().await.map_err(Error::from)?;
    Ok(Some(read))
}

/// Rows of one statement, as far as its variables go.
const ROWS_AT_ONCE: usize = 64;
const VARIABLES_MOST: usize = 4_096;
/// Rows that share a transaction: without one, each statement would be written down by itself.
const ROWS_OF_A_TRANSACTION: u64 = 200_000;

async fn copy(from: &mut PgConnection, into: &mut SqliteConnection, table: &table::Table) -> Result<Tally, Error> {
    let at_once = (VARIABLES_MOST / table.columns.len().max(1)).clamp(1, ROWS_AT_ONCE);
    let (mut tally, mut waiting) = (Tally::default(), Vec::with_capacity(at_once));
    let mut rows = table::pg_rows(from, table);
    let mut open = 0;
    while let Some(row) = rows.try_next().await? {
        tally.add(&row);
        waiting.push(row);
        if waiting.len() == at_once {
            if open == 0 {
                sqlx::raw_sql("BEGIN").execute(&mut *into).await?;
            }
            open += waiting.len() as u64;
            insert(into, table, std::mem::take(&mut waiting)).await?;
            if open >= ROWS_OF_A_TRANSACTION {
                sqlx::raw_sql("COMMIT").execute(&mut *into).await?;
                open = 0;
            }
        }
    }
    if open > 0 {
        sqlx::raw_sql("COMMIT").execute(&mut *into).await?;
    }
    if !waiting.is_empty() {
        insert(into, table, waiting).await?;
    }
    Ok(tally)
}

async fn insert(into: &mut SqliteConnection, table: &table::Table, rows: Vec<Vec<Cell>>) -> Result<(), Error> {
    let places = vec!["?"; table.columns.len()].join(", ");
    let places = vec![format!("({places})"); rows.len()].join(", ");
    let sql = format!("INSERT INTO \"{}\" ({}) VALUES {places}", table.name, table.listed());
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for cell in rows.into_iter().flatten() {
        query = bind(query, cell);
    }
    query.execute(into).await?;
    Ok(())
}

type LiteQuery<'q> = Query<'q, sqlx::Sqlite, SqliteArguments>;

fn bind(query: LiteQuery<'_>, cell: Cell) -> LiteQuery<'_> {
    match cell {
        Cell::Null => query.bind(None::<i64>),
        Cell::Int(number) => query.bind(number),
        Cell::Text(text) => query.bind(text),
        Cell::Bytes(bytes) => query.bind(bytes),
    }
}

/// Takes every index away that is no table's own key, and answers the statements that make them again: sorted once they
/// are made in a fraction of the time.
async fn drop_indexes(conn: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let indexes: Vec<(String, String)> =
        sqlx::query_as("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name")
            .fetch_all(&mut *conn)
            .await?;
    for (name, _) in &indexes {
        sqlx::query(AssertSqlSafe(format!("DROP INDEX \"{name}\""))).execute(&mut *conn).await?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

async fn applied_lite(conn: &mut SqliteConnection) -> Result<Vec<(i64, String)>, Error> {
    let there: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations'")
        .fetch_optional(&mut *conn)
        .await?;
    if there.is_none() {
        return Err(Error::Unavailable("it holds no Cartback".to_owned()));
    }
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(conn)
            .await?;
    Ok(told(rows))
}

async fn applied_pg(conn: &mut PgConnection) -> Result<Vec<(i64, String)>, Error> {
    let (there,): (Option<String>,) =
        sqlx::query_as("SELECT CAST(to_regclass('_sqlx_migrations') AS TEXT)").fetch_one(&mut *conn).await?;
    if there.is_none() {
        return Ok(Vec::new());
    }
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version")
            .fetch_all(conn)
            .await?;
    Ok(told(rows))
}

fn told(rows: Vec<(i64, Vec<u8>)>) -> Vec<(i64, String)> {
    rows.into_iter().map(|(version, checksum)| (version, HEXLOWER.encode(&checksum))).collect()
}

/// Whether any process held a node number at this moment.
async fn in_use(conn: &mut SqliteConnection, now: Time) -> Result<bool, Error> {
    let held: Option<(i64,)> = sqlx::query_as("SELECT node_id FROM node WHERE leased_until > $1 LIMIT 1")
        .bind(now.millis())
        .fetch_optional(conn)
        .await?;
    Ok(held.is_some())
}

/// The operator keys its shops' keys are wrapped with.
async fn keys(conn: &mut SqliteConnection) -> Result<Vec<String>, Error> {
    let rows: Vec<(Vec<u8>,)> = sqlx::query_as("SELECT wrapped FROM shop_key").fetch_all(conn).await?;
    let mut ids: Vec<String> = rows.iter().filter_map(|(wrapped,)| OperatorKeys::wrapped_by(wrapped)).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}
