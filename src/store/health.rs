//! Whether the database itself is well. An operator read.

use super::{
    Error, Read,
    db::{all, first},
};

/// What SQLite finds wrong with its file, at most a handful of lines; empty when it is whole. PostgreSQL checks its own
/// pages as it reads them, so there is nothing to ask.
///
/// It reads the whole file: about a second per GiB that lies in memory, longer from a disk.
pub async fn quick_check(read: &mut Read) -> Result<Vec<String>, Error> {
    let sql = read.either("PRAGMA quick_check(5)", "SELECT 'ok'");
    let rows = all!(read, (String,), sql)?;
    Ok(rows.into_iter().map(|(line,)| line).filter(|line| line != "ok").collect())
}

/// Asks nothing of any table: an error says that the database itself is away.
pub async fn answers(read: &mut Read) -> Result<(), Error> {
    first!(read, (i64,), "SELECT CAST(1 AS BIGINT)").map(|_| ())
}
