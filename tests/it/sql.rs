//! Statements of the tests' own: to damage what the store would never damage, and to read what it has no question for.

use cartback::{
    domain::seal::ShopKeys,
    store::{
        Db, Error, Tx,
        inbox::{self, Arrival},
        job,
    },
};
use sqlx::{AssertSqlSafe, Row};

use crate::app::App;

pub async fn run(app: &App, sql: &str) {
    change(&app.core.db, sql).await.unwrap();
}

pub async fn change(db: &Db, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    match db {
        Db::Lite { writer, .. } => sqlx::query(sql).execute(writer).await.map(drop),
        Db::Pg(pool) => sqlx::query(sql).execute(pool).await.map(drop),
    }
}

/// Keeps a delivery and does not make it due.
pub async fn keep_aside(tx: &mut Tx, keys: &ShopKeys, arrival: &Arrival) -> Result<bool, Error> {
    let kept = inbox::keep_all(tx, &[arrival.seal(keys)?]).await?;
    job::cancel(tx, keys.shop(), job::Kind::Ingest, arrival.id.get()).await?;
    Ok(kept == [true])
}

/// Every row of a query whose columns are all text.
pub async fn rows(db: &Db, sql: &str) -> Vec<Vec<String>> {
    let sql = AssertSqlSafe(sql.to_owned());
    macro_rules! texts {
        ($rows:expr) => {
            $rows.iter().map(|row| (0..row.len()).map(|at| row.get::<String, _>(at)).collect()).collect()
        };
    }
    match db {
        Db::Lite { readers, .. } => texts!(sqlx::query(sql).fetch_all(readers).await.unwrap()),
        Db::Pg(pool) => texts!(sqlx::query(sql).fetch_all(pool).await.unwrap()),
    }
}

/// The bytes of every row of a query with one column of them; empty ones left out.
pub async fn blobs(db: &Db, sql: &str) -> Vec<Vec<u8>> {
    let sql = AssertSqlSafe(sql.to_owned());
    let all: Vec<Vec<u8>> = match db {
        Db::Lite { readers, .. } => sqlx::query_scalar(sql).fetch_all(readers).await.unwrap(),
        Db::Pg(pool) => sqlx::query_scalar(sql).fetch_all(pool).await.unwrap(),
    };
    all.into_iter().filter(|bytes| !bytes.is_empty()).collect()
}
