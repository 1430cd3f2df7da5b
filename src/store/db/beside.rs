//! A database beside the real one, for a rehearsal: of the same engine and on the same disk, so that what is true there is
//! true here, and thrown away afterwards. On SQLite it is a file of its own next to the database, on PostgreSQL a schema of
//! its own in the same database.

use std::{os::unix::fs::OpenOptionsExt, path::PathBuf, time::Duration};

use sqlx::{AssertSqlSafe, postgres::PgPoolOptions};

use super::{ACQUIRE_TIMEOUT, Db, Error};
use crate::domain::time::Time;

/// What its name begins with, before the moment it was made.
const NAME: &str = "cartback_rehearsal_";
/// Older ones were left behind by a process that ended in the middle.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(60 * 60);
const PG_CONNECTIONS: u32 = 4;

/// A database that is gone after `remove`.
pub struct Beside {
    pub db: Db,
    place: Place,
}

enum Place {
    File(PathBuf),
    /// The real database, and the schema's name in it.
    Schema(Db, String),
}

impl Beside {
    /// Makes one, empty. `token` keeps two of the same moment apart: letters and digits only.
    pub async fn make(real: &Db, now: Time, token: &str) -> Result<Beside, Error> {
        let name = format!("{NAME}{}_{}", now.millis(), token.to_lowercase());
        match real {
            Db::Lite { writer, .. } => {
                let options = writer.connect_options();
                let folder = options.get_filename().parent().map(PathBuf::from).unwrap_or_default();
                sweep_files(&folder, now);
                let file = folder.join(name);
                // Nobody else's to read, and neither are its side files, which take after it.
                let made = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&file);
                made.map_err(|why| Error::Unavailable(why.to_string()))?;
                let db = Db::open_lite(&file).await?;
                // It need not outlive a power cut.
                db.wait_for_disk(false).await?;
                Ok(Beside { db, place: Place::File(file) })
            }
            Db::Pg(pool) => {
                sweep_schemas(pool, now).await?;
                sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {name}"))).execute(pool).await?;
                let options = pool.connect_options().as_ref().clone().options([("search_path", name.as_str())]);
                let db = PgPoolOptions::new()
                    .max_connections(PG_CONNECTIONS)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_with(options)
                    .await?;
                Ok(Beside { db: Db::Pg(db), place: Place::Schema(real.clone(), name) })
            }
        }
    }

    /// Removes it and everything in it.
    pub async fn remove(self) -> Result<(), Error> {
        self.db.close().await;
        match self.place {
            Place::File(file) => remove_file(&file),
            Place::Schema(Db::Pg(pool), name) => {
                sqlx::query(AssertSqlSafe(format!("DROP SCHEMA {name} CASCADE"))).execute(&pool).await?;
            }
            Place::Schema(Db::Lite { .. }, _) => {}
        }
        Ok(())
    }
}

/// When the one of this name was made; `None` for what is none of ours.
fn made_at(name: &str) -> Option<Time> {
    let (millis, _) = name.strip_prefix(NAME)?.split_once('_')?;
    millis.parse().ok().map(Time::from_millis)
}

fn is_left_behind(name: &str, now: Time) -> bool {
    made_at(name).is_some_and(|at| now.since(at) > LEFT_BEHIND_AFTER)
}

fn sweep_files(folder: &std::path::Path, now: Time) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| is_left_behind(name, now)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

async fn sweep_schemas(pool: &sqlx::PgPool, now: Time) -> Result<(), Error> {
    let names: Vec<(String,)> =
        sqlx::query_as("SELECT CAST(nspname AS TEXT) FROM pg_namespace WHERE nspname LIKE 'cartback_rehearsal_%'")
            .fetch_all(pool)
            .await?;
    for (name,) in names.iter().filter(|(name,)| is_left_behind(name, now)) {
        sqlx::query(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"))).execute(pool).await?;
    }
    Ok(())
}

/// The file, its log and its index of the log.
fn remove_file(file: &std::path::Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        let _ = std::fs::remove_file(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR;

    #[test]
    fn only_old_ones_of_ours_are_swept() {
        let now = Time::from_seconds(1_790_000_000);
        let name = |at: Time| format!("{NAME}{}_abc", at.millis());
        assert!(is_left_behind(&name(now - HOUR * 2), now));
        assert!(!is_left_behind(&name(now - HOUR), now));
        assert!(is_left_behind(&format!("{}-wal", name(now - HOUR * 2)), now));
        for other in ["cartback.db", "cartback_rehearsal_", "cartback_rehearsal_x_y", "public"] {
            assert!(!is_left_behind(other, now), "{other}");
        }
    }
}
