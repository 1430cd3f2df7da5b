//! Past one PostgreSQL: on Citus every table of a shop is spread over the workers by the shop, so that all of a shop lies
//! together, and the operator's few are copied whole to each. Spreading again changes nothing; tables of a newer version are
//! spread when they are made.
//!
//! It rests on two things that tests hold: every key of a shop's table has the shop in it, and every statement names one
//! shop (`tests/it/tidy`), but for the operator reads listed there. Source: Citus 12, "Distributed Tables" and "Limitations".

use sqlx::PgPool;

use super::{Db, Error};

/// Tables of the operator: small, and read beside every shop's own.
pub const EVERYWHERE: [&str; 17] = [
    "shop",
    "shop_key",
    "node",
    "connection",
    "person",
    "sign_in_link",
    "session",
    "recurring",
    "law_pack",
    "api_token",
    "halt",
    "restored",
    "person_shop",
    "house_setting",
    "second_proof",
    "recovery_code",
    "half_sign_in",
];
/// What every other table lies beside.
const ANCHOR: &str = "turn";

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// By the shop.
    pub spread: Vec<String>,
    /// Whole, to each worker.
    pub copied: Vec<String>,
    /// They were before.
    pub known: usize,
}

/// Why nothing was spread, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum NotSpread {
    #[error("an embedded database is one file; only PostgreSQL with Citus can be spread")]
    OneFile,
    #[error("this PostgreSQL has no Citus: install it on every machine, and run CREATE EXTENSION citus")]
    NoCitus,
    #[error(transparent)]
    Store(#[from] Error),
}

/// Spreads what is not yet. A table with rows in it is locked while they move: nothing should be running then.
pub async fn spread(db: &Db) -> Result<Spread, NotSpread> {
    let Db::Pg(pool) = db else { return Err(NotSpread::OneFile) };
    if !has_citus(pool).await? {
        return Err(NotSpread::NoCitus);
    }
    Ok(spread_over(pool).await?)
}

async fn spread_over(pool: &PgPool) -> Result<Spread, Error> {
    let known = placed(pool).await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(tablename AS TEXT) FROM pg_tables
         WHERE schemaname = current_schema() AND tablename NOT IN ('_sqlx_migrations', 'pg_dist_partition')
         ORDER BY tablename",
    )
    .fetch_all(pool)
    .await?;
    let left = |everywhere: bool| {
        let of_kind = move |table: &&String| EVERYWHERE.contains(&table.as_str()) == everywhere;
        let known = &known;
        tables.iter().filter(of_kind).filter(move |table| !known.contains(table)).cloned().collect::<Vec<_>>()
    };
    let mut done = Spread { known: known.len(), ..Spread::default() };
    for table in left(true) {
        sqlx::query("SELECT create_reference_table(CAST($1 AS REGCLASS))").bind(&table).execute(pool).await?;
        done.copied.push(table);
    }
    // The anchor first: the others are told to lie beside it.
    let mut by_shop = left(false);
    by_shop.sort_by_key(|table| table != ANCHOR);
    for table in by_shop {
        let beside = if table == ANCHOR { "none" } else { ANCHOR };
        sqlx::query("SELECT create_distributed_table(CAST($1 AS REGCLASS), 'shop_id', colocate_with => $2)")
            .bind(&table)
            .bind(beside)
            .execute(pool)
            .await?;
        done.spread.push(table);
    }
    Ok(done)
}

/// Spreads what a migration has added, if the rest is.
pub(super) async fn keep_up(db: &Db) -> Result<(), Error> {
    let Db::Pg(pool) = db else { return Ok(()) };
    if has_citus(pool).await? && placed(pool).await?.iter().any(|table| table == ANCHOR) {
        let done = spread_over(pool).await?;
        if done != (Spread { known: done.known, ..Spread::default() }) {
            tracing::info!(spread = ?done.spread, copied = ?done.copied, "new tables are spread over the workers");
        }
    }
    Ok(())
}

async fn has_citus(pool: &PgPool) -> Result<bool, Error> {
    let found: bool = sqlx::query_scalar(
        "SELECT to_regclass('pg_dist_partition') IS NOT NULL
            AND EXISTS (SELECT 1 FROM pg_proc WHERE proname = 'create_distributed_table')",
    )
    .fetch_one(pool)
    .await?;
    Ok(found)
}

/// Tables that Citus knows.
async fn placed(pool: &PgPool) -> Result<Vec<String>, Error> {
    let found = sqlx::query_scalar("SELECT CAST(logicalrel AS TEXT) FROM pg_dist_partition").fetch_all(pool).await?;
    Ok(found)
}
