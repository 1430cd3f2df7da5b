//! How many rows a statement reads. PostgreSQL without statistics (a new database, or one that grew since they were made) takes
//! the index that has most of a statement's columns; one that goes by the wrong one reads the whole shop for every cart:
//! nothing is wrong, and in the busiest hour everything stands still. So the plan of every statement that the way of a cart
//! runs is looked at, on tables with rows in them and without statistics. And how many statements it takes: each is a way to
//! the database and back, and an answer is the same when what was read for a handful is read once more by each of them.

use std::collections::{BTreeMap, BTreeSet};

use cartback::{pipeline::receive::Answer, store::Db};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use crate::{
    app::{App, Engine, PHONE_AGENT, minutes},
    crash::Place,
    server::{postgres, say},
};

/// Tables with more rows than this in the filled database are looked at; of those with fewer (consents, replies, places on
/// phones) every index looks alike.
const ROWS: i64 = 400;

/// One cart of eleven has an order; each of these is three more.
const MORE_ORDERS: &str = "INSERT INTO shop_order SELECT (jsonb_populate_record(old, jsonb_build_object(
    'order_id', old.order_id + again * 1000000, 'external_id', old.external_id || '-' || again))).*
    FROM shop_order AS old, generate_series(1, 3) AS again";

/// Statements that are about a span of a shop's days, or of all shops, by their nature, told by how they begin.
const SPANS: [&str; 13] = [
    // A day's figures.
    "INSERT INTO rollup ",
    "INSERT INTO ledger_day ",
    "SELECT CAST(message.purpose AS TEXT) AS mark",
    "SELECT CAST('' AS TEXT) AS mark",
    "SELECT CAST(credit.class ||",
    "SELECT line.order_id, line.entry, line.amount_minor",
    "SELECT CAST(CASE WHEN EXISTS (SELECT 1 FROM message JOIN credit",
    // By an index of those that are not filed yet, which are few.
    "SELECT CAST(1 AS BIGINT) WHERE EXISTS (SELECT 1 FROM shop_order WHERE shop_id = $1 AND payment IS NULL)",
    // What is due, and a list's page: each with its LIMIT.
    "SELECT MIN(due_at) FROM job",
    "SELECT shop_id FROM job WHERE due_at <= $1 ORDER BY due_at LIMIT",
    // What falls due within minutes, by when it does.
    "UPDATE job SET due_at = $3 WHERE shop_id = $1 AND kind = $2 AND claimed_by IS NULL AND due_at > $3 AND due_at <= $4",
    "WITH told AS MATERIALIZED",
    "SELECT message_id, message_id FROM message WHERE shop_id = $1 AND message_id <= $2",
];

/// Were these not among the statements, the way would have been another.
const KNOWN: [&str; 2] = ["UPDATE cart SET abandoned_at", "SELECT identity.value, cart.started_at"];

/// Each statement, with the types of its values.
type Statements = BTreeMap<String, String>;

fn is_known(statements: &Statements, begins: &str) -> bool {
    statements.keys().any(|statement| statement.trim_start().starts_with(begins))
}

/// The statements that a cart's way runs on PostgreSQL, from its webhook to the credit of its order. A connection that is
/// closed or in use when it is asked takes its own with it: then the way is gone once more.
async fn statements() -> Option<Statements> {
    let mut all = Statements::new();
    for _ in 0..4 {
        gather(&mut all).await?;
        if KNOWN.iter().all(|known| is_known(&all, known)) {
            break;
        }
    }
    Some(all)
}

async fn gather(all: &mut Statements) -> Option<()> {
    let app = App::start(Engine::Pg).await?;
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    app.with_gateway(&shop, "kannel").await;
    for number in 0..3 {
        let change = json!({ "phone": format!("+386405550{number:02}"), "cart_token": null });
        app.generic(&shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
    }
    prepared(&app, all).await;
    app.pass(minutes(40)).await;
    prepared(&app, all).await;
    let text = app.texts(&shop).await.remove(0);
    app.open(&text.token('r'), PHONE_AGENT).await;
    app.pass(minutes(5)).await;
    app.generic(&shop, "order.upserted", app.order("1001", "c0", json!({}))).await;
    app.pass(minutes(5)).await;
    prepared(&app, all).await;
    app.end().await;
    Some(())
}

/// What every connection has prepared so far.
async fn prepared(app: &App, all: &mut Statements) {
    let Db::Pg(pool) = &app.core.db else { unreachable!() };
    let mut connections = Vec::new();
    for _ in 0..pool.size() {
        connections.push(pool.acquire().await.unwrap());
    }
    for connection in &mut connections {
        let told = "SELECT statement, array_to_string(parameter_types, ', ') FROM pg_prepared_statements";
        let rows = connection.fetch_all(told).await.unwrap();
        all.extend(rows.iter().map(|row| (row.get::<String, _>(0), row.get::<String, _>(1))));
    }
}

/// The scans of a plan: table, index ("" for none), and how many columns of it are known.
fn scans(plan: &Value, found: &mut Vec<(String, String, usize)>) {
    let word = |plan: &Value, name: &str| plan[name].as_str().unwrap_or("").to_owned();
    let inner = plan["Plans"].as_array().map_or(&[][..], Vec::as_slice);
    let node = word(plan, "Node Type");
    // A bitmap's index stands below its table.
    let by = if node == "Bitmap Heap Scan" { inner.first().unwrap_or(plan) } else { plan };
    let table = word(plan, "Relation Name");
    if node.ends_with("Scan") && !table.is_empty() {
        found.push((table, word(by, "Index Name"), word(by, "Index Cond").matches(" = ").count()));
    }
    for plan in inner {
        scans(plan, found);
    }
}

#[tokio::test]
async fn a_cart_is_looked_up_never_searched_for() {
    let Some(statements) = statements().await else { return };
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database();
    let place = Place { folder: tempfile::tempdir().unwrap(), database_url: database.url() };
    place.told(&["bench", "fill", "--carts", "2500", "--messages", "2500", "--due", "600", "--json"]);
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    connection.execute("SET plan_cache_mode = force_generic_plan").await.unwrap();
    connection.execute(MORE_ORDERS).await.unwrap();
    let names = connection.fetch_all("SELECT relname FROM pg_stat_user_tables").await.unwrap();
    let mut large = BTreeSet::new();
    for row in names {
        let name: String = row.get(0);
        let count = AssertSqlSafe(format!("SELECT COUNT(*) FROM {name}"));
        if connection.fetch_one(sqlx::query(count)).await.unwrap().get::<i64, _>(0) > ROWS {
            large.insert(name);
        }
    }
    assert!(large.contains("cart") && large.contains("message") && large.contains("identity"), "{large:?}");
    let (mut looked_at, mut problems) = (0, Vec::new());
    for (number, (statement, types)) in statements.iter().enumerate() {
        let words = statement.trim_start();
        let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        if !verbs.iter().any(|verb| words.starts_with(verb)) || words.contains("pg_") {
            continue;
        }
        let numbers = words.split('$').skip(1).filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<usize>().ok()
        });
        let binds = numbers.max().unwrap_or(0);
        let nulls = vec!["NULL"; binds].join(", ");
        let values = if binds == 0 { String::new() } else { format!("({nulls})") };
        let typed = if types.is_empty() { String::new() } else { format!("({types})") };
        connection.execute(AssertSqlSafe(format!("PREPARE q{number}{typed} AS {statement}"))).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN (FORMAT JSON) EXECUTE q{number}{values}"));
        let told = connection.fetch_one(sqlx::raw_sql(explain)).await.unwrap();
        let plan: Value = serde_json::from_str(told.try_get_raw(0).unwrap().as_str().unwrap()).unwrap();
        let mut found = Vec::new();
        scans(&plan[0]["Plan"], &mut found);
        looked_at += 1;
        let plain = words.split_whitespace().collect::<Vec<_>>().join(" ");
        // A page of a list looks for a hundred at once.
        if SPANS.iter().any(|span| plain.starts_with(span)) || plain.contains("_id IN ($") {
            continue;
        }
        for (table, index, known) in found {
            if large.contains(&table) && known < 2 {
                problems.push(format!("{table} by {index:?}: {}", plain.chars().take(900).collect::<String>()));
            }
        }
    }
    say(&format!("{looked_at} statements, tables with rows: {large:?}"));
    for known in KNOWN {
        assert!(is_known(&statements, known), "{known}");
    }
    assert!(looked_at > 60, "{looked_at}");
    assert!(problems.is_empty(), "{} statements read a whole shop:\n{}", problems.len(), problems.join("\n"));
}

/// How many statements each connection of this app has run so far, by its process. None is forgotten: they keep more
/// prepared ones than there are.
type Runs = BTreeMap<i32, i64>;

/// Adds what was run since; answers how much that is in all. It waits until nobody uses a connection: what was run on it would
/// be counted with what comes next.
async fn run_so_far(app: &App, runs: &mut Runs) -> i64 {
    let Db::Pg(pool) = &app.core.db else { unreachable!() };
    while pool.num_idle() < pool.size() as usize {
        tokio::task::yield_now().await;
    }
    let mut connections = Vec::new();
    for _ in 0..pool.size() {
        connections.push(pool.acquire().await.unwrap());
    }
    for connection in &mut connections {
        let told = "SELECT pg_backend_pid(), CAST(COALESCE(SUM(generic_plans + custom_plans), 0) AS BIGINT)
            FROM pg_prepared_statements";
        let row = connection.fetch_one(told).await.unwrap();
        runs.insert(row.get(0), row.get(1));
    }
    runs.values().sum()
}

/// A text's are all from detecting its cart to noting what the gateway said, figures of the day among them. The bounds are
/// today's numbers (1.2 and 7.1) with some room: whoever needs more says so here. That nothing is counted fails too.
#[tokio::test]
async fn what_comes_in_crowds_takes_few_statements_each() {
    const CROWD: i64 = 64;
    let Some(app) = App::start(Engine::Pg).await else { return };
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    app.with_gateway(&shop, "kannel").await;
    for number in 0..CROWD {
        let change = json!({ "phone": format!("+386405550{number:02}"), "cart_token": null });
        let data = app.checkout(&format!("c{number}"), change);
        let body = json!({ "type": "checkout.updated", "timestamp": app.iso(), "data": data });
        let answer = app.standard(&shop, &body.to_string()).await;
        assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    }
    let mut runs = Runs::new();
    let taken = run_so_far(&app, &mut runs).await;
    app.settle().await;
    let read = run_so_far(&app, &mut runs).await;
    app.pass(minutes(40)).await;
    let sent = run_so_far(&app, &mut runs).await;
    assert_eq!(i64::try_from(app.texts(&shop).await.len()), Ok(CROWD));
    let each = |from: i64, to: i64| (to - from) as f64 / CROWD as f64;
    let (webhook, text) = (each(taken, read), each(read, sent));
    say(&format!("{webhook:.1} statements to read a webhook, {text:.1} to decide and send a text"));
    assert!((0.5..=2.0).contains(&webhook), "{webhook} statements to read a webhook");
    assert!((4.0..=9.0).contains(&text), "{text} statements to decide and send a text");
    app.end().await;
}
