//! Spread over several machines. Citus itself is not here: what it refuses and asks for stands in a few functions, so that
//! the order, the doing-it-again and the keys of every table are tried on the real catalogue of PostgreSQL.

use std::time::Duration;

use cartback::{
    domain::id::ShopId,
    store::{
        Db, job, migration,
        spread::{self, EVERYWHERE, NotSpread},
    },
    transact,
    worker::Worker,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    app::{App, Engine, Shopkeeper, database, minutes},
    sql,
};

/// What Citus 12 does when a table is spread, as far as it can refuse: see its reference of `create_distributed_table` and
/// "Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column".
const CITUS: [&str; 3] = [
    "CREATE TABLE pg_dist_partition (logicalrel REGCLASS PRIMARY KEY, partmethod TEXT NOT NULL, beside TEXT)",
    "CREATE FUNCTION create_reference_table(relation REGCLASS) RETURNS VOID LANGUAGE sql AS $$
         INSERT INTO pg_dist_partition VALUES (relation, 'n', NULL)
     $$",
    "CREATE FUNCTION create_distributed_table(relation REGCLASS, by TEXT, colocate_with TEXT DEFAULT 'default')
     RETURNS VOID LANGUAGE plpgsql AS $$
     DECLARE
         place SMALLINT := (SELECT attnum FROM pg_attribute WHERE attrelid = relation AND attname = by AND attnotnull);
         wrong TEXT;
     BEGIN
         IF place IS NULL THEN RAISE EXCEPTION '% has no % that is never empty', relation, by; END IF;
         SELECT indexrelid::REGCLASS::TEXT INTO wrong FROM pg_index
             WHERE indrelid = relation AND indisunique AND NOT place = ANY (indkey::SMALLINT[]) LIMIT 1;
         IF wrong IS NOT NULL THEN RAISE EXCEPTION 'the unique index % does not include %', wrong, by; END IF;
         SELECT conname INTO wrong FROM pg_constraint
             WHERE conrelid = relation AND contype = 'f' AND NOT place = ANY (conkey) LIMIT 1;
         IF wrong IS NOT NULL THEN RAISE EXCEPTION 'the foreign key % does not include %', wrong, by; END IF;
         IF colocate_with <> 'none' AND NOT EXISTS (
             SELECT 1 FROM pg_dist_partition WHERE logicalrel = colocate_with::REGCLASS AND partmethod = 'h') THEN
             RAISE EXCEPTION '% is not spread yet', colocate_with;
         END IF;
         INSERT INTO pg_dist_partition VALUES (relation, 'h', colocate_with);
     END $$",
];

#[tokio::test]
async fn every_table_lies_with_its_shop_or_everywhere() {
    let Some((db, _home)) = database(Engine::Pg).await else { return };
    let why = spread::spread(&db).await.unwrap_err().to_string();
    assert!(why.contains("CREATE EXTENSION citus"), "{why}");
    for part in CITUS {
        sql::change(&db, part).await.unwrap();
    }
    let done = spread::spread(&db).await.unwrap();
    assert_eq!(done.spread[0], "turn", "the others lie beside it");
    assert!(done.spread.len() > 70 && done.known == 0, "{done:?}");
    let mut copied: Vec<&str> = done.copied.iter().map(String::as_str).collect();
    let mut everywhere = EVERYWHERE.to_vec();
    copied.sort_unstable();
    everywhere.sort_unstable();
    assert_eq!(copied, everywhere);
    let all = done.spread.len() + done.copied.len();
    let again = spread::spread(&db).await.unwrap();
    assert_eq!((again.spread.len(), again.copied.len(), again.known), (0, 0, all));
    let beside = "SELECT COALESCE(beside, '-') || ' ' || CAST(COUNT(*) AS TEXT) FROM pg_dist_partition GROUP BY beside";
    let mut found = sql::rows(&db, beside).await.concat();
    found.sort();
    assert_eq!(found, [format!("- {}", everywhere.len()), "none 1".into(), format!("turn {}", done.spread.len() - 1)]);
}

#[tokio::test]
async fn cut_off_in_the_middle_it_goes_on_and_a_newer_table_follows_by_itself() {
    let Some((db, _home)) = database(Engine::Pg).await else { return };
    for part in CITUS {
        sql::change(&db, part).await.unwrap();
    }
    sql::change(&db, "CREATE TABLE zz (shop_id BIGINT NOT NULL, id BIGINT PRIMARY KEY)").await.unwrap();
    let refused = spread::spread(&db).await.unwrap_err().to_string();
    assert!(refused.contains("zz_pkey does not include shop_id"), "{refused}");
    sql::change(&db, "DROP TABLE zz").await.unwrap();
    let rest = spread::spread(&db).await.unwrap();
    assert!(rest.known > 70 && rest.spread.is_empty(), "all others were spread before it: {rest:?}");
    sql::change(&db, "CREATE TABLE newer (shop_id BIGINT PRIMARY KEY)").await.unwrap();
    migration::run(&db).await.unwrap();
    let newer = "SELECT beside FROM pg_dist_partition WHERE logicalrel = CAST('newer' AS REGCLASS)";
    assert_eq!(sql::rows(&db, newer).await.concat(), ["turn"]);
}

#[tokio::test]
async fn a_file_cannot_be_spread() {
    let Some((db, _home)): Option<(Db, _)> = database(Engine::Lite).await else { return };
    assert!(matches!(spread::spread(&db).await, Err(NotSpread::OneFile)));
}

/// What a cluster says of rows that lie on a machine that is away: whoever touches one of them gets an error, whoever does
/// not is not bothered. Shop 2 lies there.
const AWAY: [&str; 3] = [
    "CREATE FUNCTION reached(shop BIGINT) RETURNS BOOLEAN LANGUAGE plpgsql AS $$
     BEGIN
         IF shop = 2 THEN RAISE EXCEPTION 'connection to the remote node failed' USING ERRCODE = '08006'; END IF;
         RETURN TRUE;
     END $$",
    "ALTER TABLE job RENAME TO job_there",
    "CREATE VIEW job AS SELECT * FROM job_there WHERE reached(shop_id)",
];

/// A machine of the cluster is away: only the shops that lie on it wait, and they go on when it is back.
#[tokio::test]
async fn a_machine_that_is_away_stops_its_own_shops() {
    let Some(app) = App::start(Engine::Pg).await else { return };
    let (first, second, third) = (open(&app).await, open(&app).await, open(&app).await);
    assert_eq!(second.id, ShopId::new(2));
    for shop in [&first, &second, &third] {
        app.with_gateway(shop, "kannel").await;
        leave(&app, shop, 1).await;
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(Worker::new(app.core.clone(), Vec::new()).run(stop.clone()));
    let texts = async |shop: &Shopkeeper| app.texts(shop).await.len();
    until("their carts were read", async || waiting(&app).await == [1, 1, 1]).await;
    // A worker that never saw the whole database knows of no shop: this one has.
    let now = app.now();
    transact!(app.core.db, |tx| job::schedule(tx, first.id, job::Kind::Decide, 7, now).await?).unwrap();
    until("it has looked at all of them", async || {
        let waiting = job::waiting(&mut app.read().await, first.id).await.unwrap();
        waiting.iter().all(|(kind, _)| *kind != job::Kind::Decide)
    })
    .await;
    for part in AWAY {
        sql::change(&app.core.db, part).await.unwrap();
    }
    app.sleep(minutes(31));
    until("the others go on", async || texts(&first).await + texts(&third).await == 2).await;
    assert_eq!(texts(&second).await, 0);
    sql::change(
        &app.core.db,
        "CREATE OR REPLACE FUNCTION reached(shop BIGINT) RETURNS BOOLEAN LANGUAGE sql AS 'SELECT TRUE'",
    )
    .await
    .unwrap();
    until("it goes on when it is back", async || texts(&second).await == 1).await;
    stop.cancel();
    worker.await.unwrap();
    app.settle().await;
    app.end().await;
}

async fn open(app: &App) -> Shopkeeper {
    app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await
}

async fn leave(app: &App, shop: &Shopkeeper, number: u32) {
    let change = json!({
        "phone": format!("+386405550{number:02}"), "email": null, "customer_id": null, "cart_token": null,
    });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
}

/// How many jobs each of three shops has, as long as all of them can be asked.
async fn waiting(app: &App) -> Vec<u64> {
    let mut counts = Vec::new();
    for shop in 1..=3 {
        let jobs = job::waiting(&mut app.read().await, ShopId::new(shop)).await.unwrap();
        counts.push(jobs.iter().filter(|(kind, _)| *kind == job::Kind::Detect).map(|(_, count)| count).sum());
    }
    counts
}

/// A worker that runs by itself has its own pace.
async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !done().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: it never comes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
