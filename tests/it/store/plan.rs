//! How SQLite finds what a statement asks for: never by reading a whole shop, besides the few that are about all of it.
//! The statements are read from the source, as they stand there, and explained on an empty database.

use std::{fs, path::Path};

use cartback::store::{Db, rollup};
use sqlx::{AssertSqlSafe, Row};

use crate::app::{Engine, database};

/// Tables that grow with what shoppers do.
const GROWS: &[&str] = &[
    "cart",
    "cart_act",
    "click",
    "consent",
    "credit",
    "decision",
    "discount",
    "discount_use",
    "holdout",
    "identity",
    "inbox",
    "message",
    "opt_out",
    "order_first",
    "outbox",
    "phone_use",
    "reply",
    "shop_order",
    "site_event",
];

/// Statements about a whole shop, by file and how they begin. Erasing a shop is not listed: all of it goes.
const WHOLE: &[(&str, &str)] = &[
    // Rows that lack something wait under an index that holds nothing else.
    ("facet.rs", "SELECT"),
    // Once a day, in the background.
    ("retention.rs", ""),
    ("reply.rs", "DELETE FROM reply WHERE shop_id = $1 AND at < $2"),
    ("sink.rs", "DELETE FROM outbox"),
    // Once a night, by the audit: in the order it groups by.
    ("audit.rs", "SELECT shop_order.order_id, CAST(SUM(refund.amount_minor)"),
    // From the newest on, until the first that fits.
    ("inbox.rs", "SELECT received_at FROM inbox"),
    ("order.rs", "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order"),
    // All taps, for the metrics page.
    ("click.rs", "SELECT verdict, CAST(COUNT(*)"),
];

#[tokio::test]
async fn no_statement_reads_a_whole_shop() {
    let (db, _home) = database(Engine::Lite).await.unwrap();
    let Db::Lite { readers, .. } = &db else { unreachable!() };
    let mut conn = readers.acquire().await.unwrap();
    let (mut explained, mut wrong) = (0, Vec::new());
    let mut all = statements(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/store")));
    // It is put together from parts, none of which is a statement.
    all.push(("rollup.rs".to_owned(), rollup::RECOMPUTE.to_owned()));
    for (file, sql) in all {
        let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut *conn).await;
        // Part of a longer statement.
        let Ok(plan) = plan else { continue };
        explained += 1;
        let steps = plan.iter().map(|row| row.get::<String, _>("detail"));
        let bad: Vec<String> = steps.filter(|step| is_whole(step)).collect();
        let meant = WHOLE.iter().any(|(name, begins)| file.ends_with(name) && sql.starts_with(begins));
        if !bad.is_empty() && !meant && !file.ends_with("erase.rs") {
            wrong.push(format!("{file}: {sql}\n    {}", bad.join("; ")));
        }
    }
    assert!(explained > 300, "only {explained} statements were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A step that reads every row of a shop, or of all shops.
fn is_whole(step: &str) -> bool {
    let mut words = step.split(' ');
    let (verb, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let searched = verb == "SEARCH" && step.ends_with("(shop_id=?)");
    (verb == "SCAN" || searched) && GROWS.contains(&table)
}

/// Every text in the store that reads like a statement and does not end in the middle, with its file.
fn statements(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(statements(&path));
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        for text in source.split('"').skip(1).step_by(2) {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let begins =
                ["SELECT ", "UPDATE ", "DELETE ", "INSERT ", "WITH "].iter().any(|verb| text.starts_with(verb));
            if begins && !ends_early(&text) {
                found.push((path.display().to_string(), text));
            }
        }
    }
    found
}

/// `… AND cart_id` is followed by a comparison that a macro puts there, `… WHERE shop_id = $1` perhaps by a condition.
fn ends_early(text: &str) -> bool {
    let mut last = text.rsplit(' ');
    let (end, before) = (last.next().unwrap_or_default(), last.next().unwrap_or_default());
    before == "AND" || end == "$1" && text.starts_with("SELECT")
}
