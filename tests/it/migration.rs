//! The migrations: applied to both engines, twice, and never edited after the fact.

use std::collections::BTreeMap;

use cartback::store::{Db, Error, migration};

use serde_json::json;

use crate::{
    app::{Engine, Home, database, minutes, on_both},
    sql,
};

async fn both() -> Vec<(Engine, Db, Home)> {
    let mut found = Vec::new();
    for engine in [Engine::Lite, Engine::Pg] {
        found.extend(database(engine).await.map(|(db, home)| (engine, db, home)));
    }
    found
}

#[tokio::test]
async fn applying_them_again_changes_nothing() {
    for (engine, db, _home) in both().await {
        let before = columns(&db).await;
        migration::run(&db).await.unwrap();
        migration::run(&db).await.unwrap();
        assert_eq!(before, columns(&db).await, "{engine:?}");
        assert!(migration::is_current(&mut db.read().await.unwrap()).await.unwrap(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_database_of_other_migrations_is_refused() {
    for (engine, db, _home) in both().await {
        let edited = match engine {
            Engine::Lite => "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
            Engine::Pg => "UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 1",
        };
        sql::change(&db, edited).await.unwrap();
        assert!(matches!(migration::run(&db).await, Err(Error::Schema(_))), "{engine:?}");
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    for (engine, db, _home) in both().await {
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1";
        sql::change(&db, newer).await.unwrap();
        assert!(matches!(migration::run(&db).await, Err(Error::Schema(_))), "{engine:?}");
    }
}

/// Every column with its type and whether it may be NULL, by table.
async fn columns(db: &Db) -> BTreeMap<String, Vec<String>> {
    let text = match db {
        Db::Lite { .. } => {
            "SELECT t.name, c.name, c.type, CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 'NO' ELSE 'YES' END
             FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name <> '_sqlx_migrations' ORDER BY t.name, c.name"
        }
        Db::Pg(_) => {
            "SELECT table_name::TEXT, column_name::TEXT, UPPER(data_type)::TEXT, is_nullable::TEXT
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
             ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\""
        }
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in sql::rows(db, text).await {
        let [table, column, kind, null] = row.try_into().unwrap();
        tables.entry(table).or_default().push(format!("{column} {kind} {null}"));
    }
    tables
}

/// Every index with its columns.
async fn indexes(db: &Db) -> Vec<Vec<String>> {
    let text = match db {
        Db::Lite { .. } => {
            "SELECT i.name, (SELECT GROUP_CONCAT(name) FROM pragma_index_info(i.name)) FROM sqlite_master AS i
             WHERE i.type = 'index' AND i.name NOT LIKE 'sqlite_%' ORDER BY i.name"
        }
        Db::Pg(_) => {
            "SELECT c.relname::TEXT, STRING_AGG(a.attname::TEXT, ',' ORDER BY k.place)
             FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
             CROSS JOIN UNNEST(i.indkey) WITH ORDINALITY AS k (column_number, place)
             JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.column_number
             WHERE n.nspname = 'public' AND NOT i.indisprimary GROUP BY c.relname ORDER BY c.relname COLLATE \"C\""
        }
    };
    sql::rows(db, text).await
}

#[tokio::test]
async fn both_engines_have_the_same_tables() {
    let both = both().await;
    let [(_, lite, _), (_, pg, _)] = both.as_slice() else { return };
    assert_eq!(columns(lite).await, columns(pg).await);
    assert_eq!(indexes(lite).await, indexes(pg).await);
    assert!(columns(lite).await.len() > 20);
}

/// A process ends while it applies them, at any moment; the next one goes on.
#[test]
fn f28_migrations_that_were_cut_off_are_taken_up_again() {
    let key = "q83vEjRWeJCrze8BI0VniavN7xI0VniQq83v6hWqLzA=";
    let mut urls = vec![String::new()];
    let database = crate::server::postgres::cluster().map(|cluster| cluster.database());
    urls.extend(database.as_ref().map(|database| database.url()));
    for url in urls {
        let folder = tempfile::tempdir().unwrap();
        let migrate = || {
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_cartback"));
            command.arg("migrate").env("CARTBACK_DATA", folder.path()).env("CARTBACK_KEY", key);
            if !url.is_empty() {
                command.env("CARTBACK_DATABASE_URL", &url);
            }
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        };
        let mut cut_off = 0;
        for kill in 0..12u64 {
            let mut child = migrate();
            std::thread::sleep(std::time::Duration::from_millis(8 + kill * kill));
            cut_off += u32::from(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(cut_off > 0, "every one was done before it could be ended");
        let done = migrate().wait_with_output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

/// An upgrade rolls: the newer version has added to the schema, and processes of this one go on beside it until they are
/// replaced. (They may not be started again: that is refused, above.)
#[tokio::test]
async fn f28_a_process_goes_on_while_a_newer_one_has_added_to_the_schema() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        app.with_gateway(&shop, "log").await;
        // What is asked once is asked again with the same prepared statements.
        app.generic(&shop, "checkout.updated", app.checkout("before", json!({}))).await;
        app.pass(minutes(31)).await;
        app.tap(&app.last_text(&shop).await).await;
        for table in ["cart", "message", "shop", "job", "inbox", "shop_order", "credit", "click", "gateway"] {
            sql::run(app, &format!("ALTER TABLE {table} ADD COLUMN newer TEXT NOT NULL DEFAULT 'x'")).await;
            sql::run(app, &format!("CREATE INDEX newer_{table} ON {table} (newer)")).await;
        }
        sql::run(app, "CREATE TABLE newer (shop_id BIGINT PRIMARY KEY)").await;
        sql::run(
            app,
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             SELECT 9999, description, success, checksum, execution_time FROM _sqlx_migrations WHERE version = 1",
        )
        .await;
        assert!(migration::is_current(&mut app.read().await).await.unwrap(), "it is ready all along");
        app.generic(&shop, "order.upserted", app.order("1", "before", json!({}))).await;
        let other = json!({ "phone": "+38640555199", "email": "other@shopper.example", "customer_id": "other" });
        app.generic(&shop, "checkout.updated", app.checkout("after", other)).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), 2, "the newer cart is texted");
        assert_eq!(app.report(&shop).await.total.counts.texts, 2);
        let sums = app.report(&shop).await.total;
        assert_eq!(sums.money.values().map(|sums| sums.net_minor).sum::<i64>(), 12_800, "the older one is credited");
        let another = app.another_process(2);
        assert!(another.db.read().await.is_ok());
    })
    .await;
}

/// The last version that may take away or tighten at once: it was applied before anybody ran two versions beside each other.
const EXPAND_AFTER: u32 = 26;

/// What an older version that still runs would trip over.
fn tightens(sql: &str) -> Option<&'static str> {
    let sql: String = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join(" ");
    let sql = sql.to_uppercase();
    for word in ["DROP TABLE", "DROP COLUMN", "RENAME", "ALTER COLUMN", "SET NOT NULL"] {
        if sql.contains(word) {
            return Some(word);
        }
    }
    let added = sql.split("ADD COLUMN").skip(1).map(|rest| rest.split([';', ',']).next().unwrap_or(""));
    added.into_iter().any(|column| column.contains("NOT NULL") && !column.contains("DEFAULT")).then_some("NOT NULL")
}

#[test]
fn migrations_only_add_until_nobody_needs_the_old() {
    assert_eq!(tightens("ALTER TABLE a ADD COLUMN b BIGINT NOT NULL;"), Some("NOT NULL"));
    assert_eq!(tightens("ALTER TABLE a ADD COLUMN b BIGINT NOT NULL DEFAULT 0;"), None);
    assert_eq!(tightens("-- drop table a\nALTER TABLE a DROP COLUMN b;"), Some("DROP COLUMN"));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        let version: u32 = name.split('_').next().unwrap().parse().unwrap();
        if version <= EXPAND_AFTER {
            continue;
        }
        seen += 1;
        let sql = std::fs::read_to_string(file.path()).unwrap();
        // A later version takes away what this one stopped using, and says which version must be everywhere by then.
        if !sql.starts_with("-- Contract, after ") {
            assert_eq!(tightens(&sql), None, "{name}");
        }
    }
    assert!(seen >= 3, "{seen}");
}
