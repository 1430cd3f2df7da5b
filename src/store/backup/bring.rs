//! Bringing a backup in: verified, as it was, brought up to date and put to rest (`store::restored`) before anybody else
//! can see it. On SQLite that is a file of another name, on PostgreSQL one transaction.

use std::path::Path;

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};

use super::{Backup, Unusable, table};
use crate::{
    domain::{
        backup::{Cell, Holdings, Manifest, Tally, differences},
        seal::OperatorKeys,
    },
    store::{
        Db, Error,
        db::Conn,
        migration,
        restored::{self, HeldBack, Restored},
    },
};

/// What was brought in.
#[derive(Clone, Debug)]
pub struct Brought {
    pub manifest: Manifest,
    pub held: HeldBack,
}

/// Makes a database of `part`, a copy of the backup that nobody else has. The caller gives it its name.
pub async fn into_lite(part: &Path, keys: &OperatorKeys, restored: &Restored) -> Result<Brought, Unusable> {
    let mut backup = Backup::open_own(part).await?;
    backup.verify(keys).await?;
    let Backup { mut conn, manifest } = backup;
    let restored = &as_of(&manifest, restored)?;
    let plain = async {
        sqlx::query("DROP TABLE backup_manifest").execute(&mut conn).await?;
        conn.close().await
    };
    plain.await.map_err(Error::from)?;
    let db = Db::open_lite(part).await?;
    migration::run(&db).await?;
    let mut tx = db.begin().await?;
    let held = restored::begin(&mut tx, restored).await?;
    tx.commit().await?;
    // All of it in the one file: a log under the temporary name would stay behind.
    if !db.cut_log().await? {
        return Err(Error::Busy.into());
    }
    db.close().await;
    Ok(Brought { manifest, held })
}

/// Fills an empty PostgreSQL database, in one transaction: schema, rows, whatever newer versions change, the pause.
pub async fn into_pg(file: &Path, db: &Db, keys: &OperatorKeys, restored: &Restored) -> Result<Brought, Unusable> {
    let mut backup = Backup::open(file).await?;
    // Its sums are made while it is read.
    backup.is_whole().await?;
    backup.opens(keys).await?;
    let restored = &as_of(&backup.manifest, restored)?;
    let Backup { mut conn, manifest } = backup;
    let mut tx = db.begin().await?;
    let Conn::Pg(into) = tx.bare().await? else {
        return Err(Error::Unavailable("the target is not PostgreSQL".to_owned()).into());
    };
    fill(&mut conn, into, &manifest).await?;
    migration::migrator().run_direct(None, &mut *into, false).await.map_err(Error::from)?;
    let held = restored::begin(&mut tx, restored).await?;
    tx.commit().await?;
    if let Db::Pg(pool) = db {
        // So that the first questions are planned by what is there.
        sqlx::query("ANALYZE").execute(pool).await.map_err(Error::from)?;
    }
    Ok(Brought { manifest, held })
}

/// The restore with the moment the backup tells. Nobody can vouch that nothing was sent since a backup that was made beside
/// a running service.
fn as_of(manifest: &Manifest, restored: &Restored) -> Result<Restored, Unusable> {
    if restored.silent && manifest.in_use {
        return Err(Unusable::Unvouched);
    }
    Ok(Restored { backup_at: manifest.made_at(), ..*restored })
}

async fn fill(from: &mut SqliteConnection, into: &mut PgConnection, manifest: &Manifest) -> Result<(), Unusable> {
    migration::migrator().run_direct(Some(manifest.schema()), &mut *into, false).await.map_err(Error::from)?;
    let indexes = drop_indexes(into).await?;
    let tables = table::of_lite(from).await.map_err(super::of_rows)?;
    let mut read = Holdings::new();
    for table in &tables {
        let tally = copy(from, into, table).await.map_err(super::of_rows)?;
        read.insert(table.name.clone(), tally.of(table.names()));
    }
    if let [first, ..] = differences(&manifest.tables, &read).as_slice() {
        return Err(Unusable::Damaged(first.clone()));
    }
    for index in indexes {
        sqlx::query(AssertSqlSafe(index)).execute(&mut *into).await.map_err(Error::from)?;
    }
    let mut written = Holdings::new();
    for table in &tables {
        let tally = table::tally(table::pg_rows(into, table)).await?;
        written.insert(table.name.clone(), tally.of(table.names()));
    }
    match differences(&manifest.tables, &written).as_slice() {
        [first, ..] => Err(Error::damaged("what was written", first).into()),
        [] => Ok(()),
    }
}

/// As in `make`: made again once the rows are there.
async fn drop_indexes(conn: &mut PgConnection) -> Result<Vec<String>, Error> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT CAST(c.relname AS TEXT), pg_get_indexdef(c.oid) FROM pg_index AS i
         JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = c.oid)
         ORDER BY c.relname",
    )
    .fetch_all(&mut *conn)
    .await?;
    for (name, _) in &indexes {
        sqlx::query(AssertSqlSafe(format!("DROP INDEX \"{name}\""))).execute(&mut *conn).await?;
    }
    Ok(indexes.into_iter().map(|(_, sql)| sql).collect())
}

/// Bytes handed over at a time.
const BYTES_AT_ONCE: usize = 1 << 20;
/// The head of PostgreSQL's binary rows (its manual, COPY, "Binary Format"): signature, flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const END: [u8; 2] = (-1_i16).to_be_bytes();

async fn copy(from: &mut SqliteConnection, into: &mut PgConnection, table: &table::Table) -> Result<Tally, Error> {
    let sql = format!("COPY \"{}\" ({}) FROM STDIN (FORMAT binary)", table.name, table.listed());
    let mut rows = table::lite_rows(from, table);
    let mut tally = Tally::default();
    let mut copying = into.copy_in_raw(&sql).await?;
    let mut waiting = HEAD.to_vec();
    let outcome: Result<(), Error> = async {
        while let Some(row) = rows.try_next().await? {
            tally.add(&row);
            put(&mut waiting, table, &row)?;
            if waiting.len() >= BYTES_AT_ONCE {
                copying.send(waiting.as_slice()).await?;
                waiting.clear();
            }
        }
        waiting.extend(END);
        copying.send(waiting.as_slice()).await?;
        Ok(())
    }
    .await;
    match outcome {
        Ok(()) => {
            copying.finish().await?;
            Ok(tally)
        }
        Err(why) => {
            copying.abort("the backup could not be read").await?;
            Err(why)
        }
    }
}

/// One row: how many cells, then each with its length, -1 for none.
fn put(out: &mut Vec<u8>, table: &table::Table, row: &[Cell]) -> Result<(), Error> {
    let length = |bytes: usize| {
        let fits = i32::try_from(bytes).map_err(|why| Error::damaged("row", why))?;
        Ok::<_, Error>(fits.to_be_bytes())
    };
    let cells = i16::try_from(row.len()).map_err(|why| Error::damaged("row", why))?;
    out.extend(cells.to_be_bytes());
    for (cell, column) in row.iter().zip(&table.columns) {
        match (cell, column.kind) {
            (Cell::Null, _) => out.extend((-1_i32).to_be_bytes()),
            (Cell::Int(number), table::Kind::Int) => {
                out.extend(length(8)?);
                out.extend(number.to_be_bytes());
            }
            (Cell::Text(text), table::Kind::Text) => {
                if text.contains('\0') {
                    let why = format!("{}.{} has a NUL, which PostgreSQL cannot keep", table.name, column.name);
                    return Err(Error::damaged("text", why));
                }
                out.extend(length(text.len())?);
                out.extend(text.as_bytes());
            }
            (Cell::Bytes(bytes), table::Kind::Bytes) => {
                out.extend(length(bytes.len())?);
                out.extend(bytes);
            }
            (_, kind) => {
                let why = format!("{}.{} is not of its kind, {kind:?}", table.name, column.name);
                return Err(Error::damaged("row", why));
            }
        }
    }
    Ok(())
}

/// Whether a PostgreSQL database holds any table already; if so, one of them. An operator read.
pub async fn anything_in(url: &str) -> Result<Option<String>, Error> {
    let options: sqlx::postgres::PgConnectOptions = url.parse()?;
    let mut conn = options.connect().await?;
    let row: Option<(String,)> = sqlx::query_as(
        "SELECT CAST(c.relname AS TEXT) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p') ORDER BY c.relname LIMIT 1",
    )
    .fetch_optional(&mut conn)
    .await?;
    conn.close().await?;
    Ok(row.map(|(name,)| name))
}
