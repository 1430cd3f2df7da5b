//! Tables as a backup sees them: their columns by name, and their rows as cells, from either engine.

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{BoxStream, Stream},
};
use sqlx::{
    AssertSqlSafe, Decode, PgConnection, Row, Sqlite, SqliteConnection, TypeInfo, ValueRef, postgres::PgRow,
    sqlite::SqliteRow,
};

use crate::{
    domain::backup::{Cell, Tally},
    store::Error,
};

/// The table that holds the manifest.
pub const MANIFEST: &str = "backup_manifest";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub name: String,
    /// By name: the order in which sums are made.
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Int,
    Text,
    Bytes,
}

impl Kind {
    fn of(declared: &str) -> Result<Kind, Error> {
        match declared {
            "BIGINT" => Ok(Kind::Int),
            "TEXT" => Ok(Kind::Text),
            "BYTEA" => Ok(Kind::Bytes),
            other => Err(Error::damaged("schema", format!("a column of type {other}"))),
        }
    }
}

impl Table {
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }

    /// Its columns, as a statement lists them.
    pub fn listed(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        quoted.join(", ")
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM \"{}\"", self.listed(), self.name)
    }
}

/// Every table of ours in an SQLite file, by name; neither its engine's nor the manifest.
pub async fn of_lite(conn: &mut SqliteConnection) -> Result<Vec<Table>, Error> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT t.name, c.name, UPPER(c.type) FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND t.name NOT LIKE '~_sqlx%' ESCAPE '~'
           AND t.name <> $1
         ORDER BY t.name, c.name",
    )
    .bind(MANIFEST)
    .fetch_all(conn)
    .await?;
    let mut tables: Vec<Table> = Vec::new();
    for (table, name, declared) in rows {
        let column = Column { name, kind: Kind::of(&declared)? };
        match tables.last_mut().filter(|last| last.name == table) {
            Some(last) => last.columns.push(column),
            None => tables.push(Table { name: table, columns: vec![column] }),
        }
    }
    Ok(tables)
}

pub type Rows<'c> = BoxStream<'c, Result<Vec<Cell>, Error>>;

pub fn lite_rows<'c>(conn: &'c mut SqliteConnection, table: &Table) -> Rows<'c> {
    let columns = table.columns.len();
    let rows = sqlx::query(AssertSqlSafe(table.select())).fetch(conn);
    rows.map(move |row| {
        let row = row?;
        (0..columns).map(|at| lite_cell(&row, at)).collect()
    })
    .boxed()
}

/// By what is stored, not by what was declared: SQLite keeps whatever it was given.
fn lite_cell(row: &SqliteRow, at: usize) -> Result<Cell, Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Cell::Null);
    }
    let kind = value.type_info().into_owned();
    let unreadable = |why: sqlx::error::BoxDynError| Error::damaged("row", why);
    Ok(match kind.name() {
        "INTEGER" => Cell::Int(<i64 as Decode<Sqlite>>::decode(value).map_err(unreadable)?),
        "TEXT" => Cell::Text(<String as Decode<Sqlite>>::decode(value).map_err(unreadable)?),
        "BLOB" => Cell::Bytes(<Vec<u8> as Decode<Sqlite>>::decode(value).map_err(unreadable)?),
        other => return Err(Error::damaged("row", format!("a value of kind {other}"))),
    })
}

pub fn pg_rows<'c>(conn: &'c mut PgConnection, table: &Table) -> Rows<'c> {
    let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    let rows = sqlx::query(AssertSqlSafe(table.select())).fetch(conn);
    rows.map_err(Error::from)
        .and_then(move |row| {
            let cells: Result<Vec<Cell>, Error> =
                kinds.iter().enumerate().map(|(at, kind)| pg_cell(&row, at, *kind)).collect();
            std::future::ready(cells)
        })
        .boxed()
}

fn pg_cell(row: &PgRow, at: usize, kind: Kind) -> Result<Cell, Error> {
    Ok(match kind {
        Kind::Int => row.try_get::<Option<i64>, _>(at)?.map(Cell::Int),
        Kind::Text => row.try_get::<Option<String>, _>(at)?.map(Cell::Text),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(at)?.map(Cell::Bytes),
    }
    .unwrap_or(Cell::Null))
}

/// Sums rows up.
pub async fn tally(mut rows: impl Stream<Item = Result<Vec<Cell>, Error>> + Unpin) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    while let Some(row) = rows.try_next().await? {
        tally.add(&row);
    }
    Ok(tally)
}
