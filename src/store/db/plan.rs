//! What SQLite's planner is told about how full the tables are.
//!
//! Without figures it takes an index's first column for selective: ten rows of a million. Ours is the shop, which is all
//! of them, and so it would rather read a whole shop in the wanted order than the three rows that a second column names
//! and sort those. It is told what a shop that fills the file looks like, always the same, from the first row on: measured
//! figures (`ANALYZE`) would only come once a table is large, and with them other plans on another day.
//! Source: SQLite, "The SQLite Query Optimizer Overview" and "ANALYZE", on figures written by hand.

use std::cmp::min;

use sqlx::{Connection, SqliteConnection, SqlitePool};

use crate::store::Error;

/// Rows in a table, all of one shop.
const ROWS: u64 = 1_000_000;
/// Values of a column with words (states, kinds, countries).
const WORDS: u64 = 5;
/// Rows that share a number, a moment or a keyed hash.
const ALIKE: u64 = 10;

/// Writes the figures, unless they are there already: then nothing is locked, since every command starts with this. Every
/// connection, of other processes too, sees them with its next statement.
pub async fn teach(writer: &SqlitePool) -> Result<(), Error> {
    let mut conn = writer.acquire().await?;
    let wanted = figures(&mut conn).await?;
    if known(&mut conn).await? == Some(wanted.clone()) {
        return Ok(());
    }
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    if known(&mut tx).await?.is_none() {
        // Nothing else may make the table they are kept in.
        sqlx::query("ANALYZE shop").execute(&mut *tx).await?;
    }
    sqlx::query("DELETE FROM sqlite_stat1").execute(&mut *tx).await?;
    for (table, index, figures) in wanted {
        sqlx::query("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)")
            .bind(table)
            .bind(index)
            .bind(figures)
            .execute(&mut *tx)
            .await?;
    }
    // A changed schema is what makes other connections read the figures; this one has to be told.
    sqlx::query("CREATE TABLE taught (at BIGINT)").execute(&mut *tx).await?;
    sqlx::query("DROP TABLE taught").execute(&mut *tx).await?;
    tx.commit().await?;
    sqlx::query("ANALYZE sqlite_schema").execute(&mut *conn).await?;
    Ok(())
}

/// The figures that are there; `None` where there is no table for them yet.
async fn known(conn: &mut SqliteConnection) -> Result<Option<Vec<Figures>>, Error> {
    let table: Option<(i64,)> =
        sqlx::query_as("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'").fetch_optional(&mut *conn).await?;
    if table.is_none() {
        return Ok(None);
    }
    let there = sqlx::query_as("SELECT tbl, COALESCE(idx, ''), stat FROM sqlite_stat1 ORDER BY tbl, idx");
    Ok(Some(there.fetch_all(conn).await?))
}

/// A table, its index and what is told of it.
type Figures = (String, String, String);

/// The figures of every index, by table and index.
async fn figures(conn: &mut SqliteConnection) -> Result<Vec<Figures>, Error> {
    let columns: Vec<(String, String, bool, String, String)> = sqlx::query_as(
        "SELECT t.name, i.name, i.\"unique\", k.name, c.type
         FROM sqlite_schema AS t JOIN pragma_index_list(t.name) AS i JOIN pragma_index_info(i.name) AS k
         JOIN pragma_table_info(t.name) AS c ON c.name = k.name
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~'
         ORDER BY t.name, i.name, k.seqno",
    )
    .fetch_all(conn)
    .await?;
    let indexes = columns.chunk_by(|one, next| (&one.0, &one.1) == (&next.0, &next.1));
    Ok(indexes
        .filter_map(|index| {
            let (table, name, unique, ..) = index.first()?;
            let kinds: Vec<(&str, &str)> =
                index.iter().map(|(.., column, kind)| (column.as_str(), kind.as_str())).collect();
            Some((table.clone(), name.clone(), told(*unique, &kinds)))
        })
        .collect())
}

/// The figures of an index: all rows, then for each column how many rows share it and those before it.
fn told(unique: bool, columns: &[(&str, &str)]) -> String {
    let mut left = ROWS;
    let mut told = vec![left.to_string()];
    for (place, (column, kind)) in columns.iter().enumerate() {
        left = match *kind {
            _ if unique && place + 1 == columns.len() => 1,
            _ if *column == "shop_id" => left,
            "TEXT" if !is_a_name(column) => (left / WORDS).max(1),
            _ => min(left, ALIKE),
        };
        told.push(left.to_string());
    }
    told.join(" ")
}

/// Text that somebody else calls a thing by, unlike a word for its kind or state.
fn is_a_name(column: &str) -> bool {
    column.ends_with("_id") || column.ends_with("_ref") || column == "code"
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn an_index_is_told_as_if_one_shop_filled_it() {
        let shop = ("shop_id", "BIGINT");
        assert_eq!(told(true, &[shop, ("order_id", "BIGINT"), ("entry", "TEXT")]), "1000000 1000000 10 1");
        assert_eq!(told(false, &[shop, ("subject", "TEXT"), ("subject_id", "BIGINT")]), "1000000 1000000 200000 10");
        assert_eq!(told(false, &[shop, ("at", "BIGINT")]), "1000000 1000000 10");
        assert_eq!(told(false, &[shop, ("order_ref", "TEXT")]), "1000000 1000000 10");
    }
}
