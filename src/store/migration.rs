//! The schema, brought up to date. Migrations are files in `migrations/`, one set for both engines, never edited once
//! released; a new one is a new file and a line in `ALL`.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{Db, Error, Read, db::first};

/// Version, name, text. Expand first, contract a release later: two versions of the binary may share one database.
pub const ALL: &[(i64, &str, &str)] = &[
    (1, "foundation", include_str!("../../migrations/0001_foundation.sql")),
    (2, "whom and when", include_str!("../../migrations/0002_whom_and_when.sql")),
    (3, "consent", include_str!("../../migrations/0003_consent.sql")),
    (4, "risk", include_str!("../../migrations/0004_risk.sql")),
    (5, "discount", include_str!("../../migrations/0005_discount.sql")),
    (6, "people", include_str!("../../migrations/0006_people.sql")),
    (7, "team", include_str!("../../migrations/0007_team.sql")),
    (8, "connect", include_str!("../../migrations/0008_connect.sql")),
    (9, "lists", include_str!("../../migrations/0009_lists.sql")),
    (10, "report", include_str!("../../migrations/0010_report.sql")),
    (11, "api", include_str!("../../migrations/0011_api.sql")),
    (12, "webhook out", include_str!("../../migrations/0012_webhook_out.sql")),
    (13, "digest", include_str!("../../migrations/0013_digest.sql")),
    (14, "event", include_str!("../../migrations/0014_event.sql")),
    (15, "goal", include_str!("../../migrations/0015_goal.sql")),
    (16, "holdout", include_str!("../../migrations/0016_holdout.sql")),
    (17, "attribution", include_str!("../../migrations/0017_attribution.sql")),
    (18, "audit", include_str!("../../migrations/0018_audit.sql")),
    (19, "offline", include_str!("../../migrations/0019_offline.sql")),
    (20, "net ledger", include_str!("../../migrations/0020_net_ledger.sql")),
    (22, "experiment", include_str!("../../migrations/0022_experiment.sql")),
    (23, "ads", include_str!("../../migrations/0023_ads.sql")),
    (24, "call", include_str!("../../migrations/0024_call.sql")),
    (25, "reachable", include_str!("../../migrations/0025_reachable.sql")),
    (26, "sending", include_str!("../../migrations/0026_sending.sql")),
    (27, "reply part", include_str!("../../migrations/0027_reply_part.sql")),
    (28, "restored", include_str!("../../migrations/0028_restored.sql")),
    (29, "second proof", include_str!("../../migrations/0029_second_proof.sql")),
    (30, "line", include_str!("../../migrations/0030_line.sql")),
    (31, "identity", include_str!("../../migrations/0031_identity.sql")),
    (32, "first come", include_str!("../../migrations/0032_first_come.sql")),
    (33, "paced figures", include_str!("../../migrations/0033_paced_figures.sql")),
    (34, "share", include_str!("../../migrations/0034_share.sql")),
    (35, "revoked links", include_str!("../../migrations/0035_revoked_links.sql")),
];

/// Applies what is missing. Refuses a database whose applied migrations are not the ones we know.
pub async fn run(db: &Db) -> Result<(), Error> {
    db.migrate(&migrator()).await?;
    super::spread::keep_up(db).await
}

/// Every version with the checksum of its text, as databases remember them.
pub(super) fn checksums() -> Vec<(i64, String)> {
    migrator().iter().map(|each| (each.version, HEXLOWER.encode(&each.checksum))).collect()
}

pub(super) fn migrator() -> Migrator {
    let migrations = ALL
        .iter()
        .map(|&(version, name, text)| {
            let sql = AssertSqlSafe(text).into_sql_str();
            Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// Whether every migration we know has been applied; a newer version of the binary may have applied more.
pub async fn is_current(read: &mut Read) -> Result<bool, Error> {
    let row = first!(read, (Option<i64>,), "SELECT MAX(version) FROM _sqlx_migrations WHERE success")?;
    let applied = row.and_then(|(version,)| version);
    Ok(ALL.last().is_none_or(|&(newest, ..)| applied.is_some_and(|applied| applied >= newest)))
}
