//! Backups and what comes of them: a copy of either engine into either engine, what is refused and in which words, and a
//! restored house that says nothing to anybody until it is told, and never twice what may have been said before.

mod drill;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use cartback::{
    domain::{
        backup::{Manifest, differences},
        hand::Settled,
        message::MessageState,
        seal::OperatorKeys,
        time::Time,
    },
    pipeline::{guard, hand},
    store::{
        self, Db,
        backup::{self, About, Backup, Brought, Source},
        restored::Restored,
    },
};
use serde_json::json;

use crate::{
    app::{App, Engine, Home, LITE_FILE, OPERATOR_KEY, Shopkeeper, hours, minutes, on_both},
    crash::{self, Outbox, Place},
    outside::Ends,
    server::{
        self, eventually,
        postgres::{self, cluster},
    },
    sql,
};

fn keys() -> OperatorKeys {
    OperatorKeys::parse(OPERATOR_KEY).unwrap()
}

/// A backup of a story's house, as of its own clock.
async fn back_up(app: &App, file: &Path) -> Manifest {
    let source = match &app.home {
        Home::Lite(folder) => Source::Lite(folder.path().join(LITE_FILE)),
        Home::Pg(database) => Source::Pg(database.url()),
    };
    let about = About { now: app.now(), version: "0.0.1".into() };
    fs::File::create_new(file).unwrap();
    // On the heap: a story's own future is large enough for a test's stack.
    Box::pin(backup::make(&source, file, &about)).await.unwrap_or_else(|why| panic!("{why}"))
}

/// A house on what a backup holds, in another place; `None` where PostgreSQL is not installed.
async fn bring(app: &App, file: &Path, engine: Engine, silent: bool) -> Option<(App, Brought)> {
    let restored = Restored { id: app.core.fresh_id(), backup_at: app.now(), at: app.now(), silent };
    let (db, home, brought) = match engine {
        Engine::Lite => {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join(LITE_FILE);
            fs::copy(file, &target).unwrap();
            let brought = Box::pin(backup::into_lite(&target, &keys(), &restored)).await;
            let db = Db::open_lite(&target).await.unwrap();
            db.wait_for_disk(false).await.unwrap();
            (db, Home::Lite(folder), brought.unwrap_or_else(|why| panic!("{why}")))
        }
        Engine::Pg => {
            let database = cluster()?.database();
            let db = Db::open_pg(&database.url()).await.unwrap();
            let brought = Box::pin(backup::into_pg(file, &db, &keys(), &restored)).await;
            (db, Home::Pg(database), brought.unwrap_or_else(|why| panic!("{why}")))
        }
    };
    Some((Box::pin(app.elsewhere(db, home, 7)).await, brought))
}

/// The engine a story is played on.
fn same(app: &App) -> Engine {
    if app.core.db.is_lite() { Engine::Lite } else { Engine::Pg }
}

async fn open(app: &App, gateway: &str) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0,1440"), ("rest_hours", "0")]).await;
    app.with_gateway(&shop, gateway).await;
    shop
}

/// Somebody of their own leaves a cart now.
async fn leave(app: &App, shop: &Shopkeeper, number: u32) {
    leave_begun(app, shop, number, &app.ago(minutes(5))).await;
}

async fn leave_begun(app: &App, shop: &Shopkeeper, number: u32, began: &str) {
    let change = json!({
        "phone": format!("+386405552{number:02}"), "email": null, "customer_id": null, "cart_token": null,
        "started_at": began,
    });
    app.generic(shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
}

/// To whom texts went, as the gateway saw it.
fn texted(app: &App) -> Vec<String> {
    let to = |url: &str| {
        let query = url.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        pairs.into_iter().find(|(name, _)| name == "to").map(|(_, to)| to)
    };
    app.outside.requests().iter().filter_map(|request| to(&request.url)).collect()
}

#[tokio::test]
async fn f27_every_pair_of_engines_brings_back_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for from in [Engine::Lite, Engine::Pg] {
        let Some(mut app) = App::start(from).await else { continue };
        app.leave_work();
        let shop = open(&app, "kannel").await;
        for number in 1..6 {
            leave(&app, &shop, number).await;
            app.pass(minutes(20)).await;
        }
        app.pass(minutes(20)).await;
        app.generic(&shop, "order.upserted", app.order("1093", "c1", json!({ "phone": "+38640555201" }))).await;
        let file = folder.path().join(format!("{from:?}.sqlite"));
        let made = back_up(&app, &file).await;
        assert_eq!(made.made_at(), app.now());
        assert_eq!((made.in_use, made.keys.clone()), (false, keys().ids()));
        assert!(made.tables["message"].rows >= 5 && made.tables["shop"].rows == 1, "{:?}", made.tables);
        let mut read = Backup::open(&file).await.unwrap();
        read.verify(&keys()).await.unwrap();
        assert_eq!(read.manifest, made);
        for into in [Engine::Lite, Engine::Pg] {
            let Some((mut there, brought)) = bring(&app, &file, into, true).await else { continue };
            there.leave_work();
            assert_eq!(brought.manifest, made, "{from:?} into {into:?}");
            let again = back_up(&there, &folder.path().join(format!("{from:?}-{into:?}.sqlite"))).await;
            let differ: Vec<String> = differences(&made.tables, &again.tables);
            let differ: BTreeSet<&str> = differ.iter().filter_map(|line| line.split(' ').nth(1)).collect();
            // The pause and its record, and nothing else.
            assert_eq!(differ, BTreeSet::from(["halt", "restored"]), "{from:?} into {into:?}");
            let text = there.last_text(&shop).await;
            assert_eq!(text, app.last_text(&shop).await, "what was sealed opens");
            there.end().await;
        }
        app.end().await;
    }
}

#[tokio::test]
async fn f27_a_restored_house_says_nothing_until_told_and_nothing_twice() {
    on_both(async |app| {
        app.leave_work();
        let folder = tempfile::tempdir().unwrap();
        let shop = open(app, "kannel").await;
        let file = folder.path().join("backup.sqlite");
        let made = Box::pin(goes_on(app, &shop, &file)).await;
        let (mut there, brought) = Box::pin(bring(app, &file, same(app), false)).await.unwrap();
        there.leave_work();
        assert_eq!(brought.held.texts, 1, "c2's");
        let halt = store::halt::standing(&mut there.read().await).await.unwrap().unwrap();
        let why = format!("restored from a backup of {}: what was sent since is not known here", made.made_at());
        assert_eq!(halt.why, why);
        let waited = there.texts(&shop).await.into_iter().find(|text| text.to.ends_with("02")).unwrap();
        assert_eq!(waited.state, MessageState::Unknown);
        Box::pin(keeps_quiet(&there, &shop)).await;
        Box::pin(speaks_again(&there, &shop)).await;
        there.end().await;
    })
    .await;
}

/// A house is backed up in the middle of its work and goes on.
async fn goes_on(app: &App, shop: &Shopkeeper, file: &Path) -> Manifest {
    // c1 has its first text; c2's waits since the gateway asked for a pause; c3 is not abandoned yet.
    leave(app, shop, 1).await;
    app.pass(minutes(10)).await;
    leave(app, shop, 2).await;
    app.pass(minutes(21)).await;
    app.outside.next([Ends::Throttled(Some(900))]);
    leave(app, shop, 3).await;
    app.pass(minutes(12)).await;
    let states: Vec<&str> = app.messages(shop).await.iter().map(|(text, _)| text.state.name()).collect();
    assert_eq!(states, ["accepted", "queued"]);
    let made = back_up(app, file).await;
    // Every one of them is texted twice, and so is c4, which began since.
    leave(app, shop, 4).await;
    app.pass(hours(26)).await;
    let before = texted(app);
    // c2's first attempt was turned away.
    for (number, texts) in [(1, 2), (2, 3), (3, 2), (4, 2)] {
        let to = format!("+386405552{number:02}");
        assert_eq!(before.iter().filter(|one| **one == to).count(), texts, "{to} in {before:?}");
    }
    made
}

/// It takes everything in and sends nothing.
async fn keeps_quiet(there: &App, shop: &Shopkeeper) {
    let requests = there.outside.requests().len();
    let began = (there.now() - hours(26)).to_string();
    leave_begun(there, shop, 4, &began).await;
    leave_begun(there, shop, 5, &there.iso()).await;
    there.pass(hours(3)).await;
    assert_eq!(there.outside.requests().len(), requests, "nothing leaves a house at rest");
    // One that began a moment after.
    let began = there.now() - hours(3) + minutes(1);
    leave_begun(there, shop, 6, &began.to_string()).await;
    assert!(there.cart(shop, "c5").await.abandoned_at.is_some(), "but everything is taken in");
}

/// Once it may, it texts whom nobody can have texted before.
async fn speaks_again(there: &App, shop: &Shopkeeper) {
    let before = texted(there).len();
    assert!(guard::lift(&there.core).await.unwrap());
    leave_begun(there, shop, 7, &there.iso()).await;
    there.pass(hours(3)).await;
    let new = texted(there).split_off(before);
    for (number, texts) in [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 1), (7, 1)] {
        let to = format!("+386405552{number:02}");
        assert_eq!(new.iter().filter(|one| **one == to).count(), texts, "{to} in {new:?}");
    }
    for cart in ["c1", "c3", "c4", "c5"] {
        let story = there.cart_story(shop, cart).await;
        assert!(story.contains("it may have been texted between the backup of 3 Mar 2026"), "{cart}: {story}");
    }
}

#[tokio::test]
async fn f27_a_person_who_looked_may_have_it_sent_after_all() {
    on_both(async |app| {
        app.leave_work();
        let folder = tempfile::tempdir().unwrap();
        let shop = open(app, "kannel").await;
        app.outside.next([Ends::Throttled(Some(900))]);
        leave(app, &shop, 1).await;
        app.pass(minutes(31)).await;
        let file = folder.path().join("backup.sqlite");
        back_up(app, &file).await;
        let (mut there, _) = bring(app, &file, same(app), false).await.unwrap();
        there.leave_work();
        guard::lift(&there.core).await.unwrap();
        there.pass(minutes(20)).await;
        let text = there.last_text(&shop).await;
        assert_eq!((text.state, there.outside.texts()), (MessageState::Unknown, 1));
        hand::settle(&there.core, shop.id, text.id, Settled::Again, "Ana").await.unwrap();
        there.pass(minutes(5)).await;
        assert_eq!((there.last_text(&shop).await.state, there.outside.texts()), (MessageState::Accepted, 2));
        there.end().await;
    })
    .await;
}

#[tokio::test]
async fn f27_what_waited_is_looked_up_where_the_gateway_can_be_asked() {
    on_both(async |app| {
        app.leave_work();
        let folder = tempfile::tempdir().unwrap();
        let shop = open(app, "twilio").await;
        app.outside.next([Ends::Throttled(Some(900))]);
        leave(app, &shop, 1).await;
        app.pass(minutes(31)).await;
        let file = folder.path().join("backup.sqlite");
        back_up(app, &file).await;
        app.pass(minutes(20)).await;
        let sent = app.last_text(&shop).await;
        assert_eq!(sent.state, MessageState::Accepted);
        let (mut there, _) = bring(app, &file, same(app), false).await.unwrap();
        there.leave_work();
        let found = json!({ "messages": [{
            "sid": "SM00000000000000000000000000000077", "body": sent.words, "status": "delivered",
            "direction": "outbound-api", "date_created": "Tue, 03 Mar 2026 09:46:01 +0000", "num_segments": "1",
            "price": null, "price_unit": "USD", "error_code": null,
        }], "next_page_uri": null });
        there.outside.next([Ends::Answers(found.to_string())]);
        // Asked while it is at rest: asking sends nothing.
        there.pass(minutes(2)).await;
        assert_eq!(there.last_text(&shop).await.state, MessageState::Delivered);
        there.end().await;
    })
    .await;
}

#[tokio::test]
async fn f27_by_the_operators_word_a_move_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = App::start(Engine::Lite).await.unwrap();
    app.leave_work();
    let shop = open(&app, "kannel").await;
    app.outside.next([Ends::Throttled(Some(900))]);
    leave(&app, &shop, 1).await;
    app.pass(minutes(31)).await;
    let file = folder.path().join("backup.sqlite");
    back_up(&app, &file).await;
    let Some((mut there, brought)) = bring(&app, &file, Engine::Pg, true).await else { return };
    there.leave_work();
    assert_eq!(brought.held.texts, 0);
    there.pass(minutes(30)).await;
    assert_eq!(there.outside.texts(), 1, "at rest all the same");
    guard::lift(&there.core).await.unwrap();
    there.pass(minutes(1)).await;
    assert_eq!(there.outside.texts(), 2, "the one that waited");
    there.pass(hours(25)).await;
    let story = there.cart_story(&shop, "c1").await;
    assert_eq!(there.outside.texts(), 3, "the one that waited, and the next step: {story}");
    there.end().await;

    // Beside a running service nobody can say so.
    let now = app.now();
    cartback::transact!(app.core.db, |tx| store::node::lease(tx, "serving", 1024, now, now + minutes(10)).await?)
        .unwrap();
    let beside = folder.path().join("beside.sqlite");
    assert!(back_up(&app, &beside).await.in_use);
    let restored = Restored { id: 1, backup_at: now, at: now, silent: true };
    let why = backup::into_lite(&beside, &keys(), &restored).await.unwrap_err().to_string();
    assert!(why.contains("the service was at work when it was made"), "{why}");
    app.end().await;
}

#[tokio::test]
async fn f27_what_is_wrong_with_a_backup_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = App::start(Engine::Lite).await.unwrap();
    app.leave_work();
    let shop = open(&app, "kannel").await;
    for number in 1..4 {
        leave(&app, &shop, number).await;
    }
    app.pass(minutes(40)).await;
    let good = folder.path().join("good.sqlite");
    back_up(&app, &good).await;
    let whole = fs::read(&good).unwrap();
    let copy = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    async fn verdict(file: PathBuf, keys: &OperatorKeys) -> String {
        let checked = async { Backup::open(&file).await?.verify(keys).await };
        checked.await.err().map_or_else(String::new, |why| why.to_string())
    }
    assert_eq!(verdict(good.clone(), &keys()).await, "");

    // Bytes here and there: either it is told, or nothing that anybody reads has changed.
    let mut told = 0;
    for at in (100..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let file = copy("flipped.sqlite", &bytes);
        let said = verdict(file.clone(), &keys()).await;
        if said.is_empty() {
            let there = Backup::open(&file).await.unwrap().manifest;
            assert_eq!(there, Backup::open(&good).await.unwrap().manifest, "byte {at}");
        } else {
            told += 1;
            assert!(said.contains("it is damaged or cut off") || said.contains("no backup of Cartback"), "{said}");
        }
    }
    assert!(told > 8, "{told} told: most of a fresh file is empty");
    // One bit of a text's words: the pages are in order, the sum is not.
    let words = sql::blobs(&app.core.db, "SELECT detail FROM message").await.remove(0);
    let at = whole.windows(words.len()).position(|some| some == words).unwrap();
    let mut bytes = whole.clone();
    bytes[at + words.len() - 1] ^= 1;
    let said = verdict(copy("cell.sqlite", &bytes), &keys()).await;
    assert_eq!(said, "it is damaged or cut off: table message holds something else than it did");

    let cut = verdict(copy("cut.sqlite", &whole[..whole.len() / 2]), &keys()).await;
    assert!(cut.starts_with("it is damaged or cut off"), "{cut}");
    assert_eq!(
        verdict(copy("text.sqlite", b"not a database at all, but long enough"), &keys()).await,
        "it is no backup of Cartback"
    );
    let plain = folder.path().join("plain.sqlite");
    Db::open_lite(&plain).await.unwrap().close().await;
    assert_eq!(verdict(plain, &keys()).await, "it is no backup of Cartback");

    let other = OperatorKeys::parse(crash::KEY).unwrap();
    let shut = verdict(good.clone(), &other).await;
    let (needed, given) = (keys().ids().join(""), other.ids().join(""));
    assert!(shut.starts_with("the key at hand does not open it"), "{shut}");
    assert!(shut.ends_with(&format!("it needs {needed}, and {given} was given")), "{shut}");

    // A newer version's: its manifest tells a migration this one does not know.
    let newer = copy("newer.sqlite", &whole);
    let mut manifest = Backup::open(&newer).await.unwrap().manifest;
    manifest.migrations.push((9_999, "00".into()));
    manifest.cartback = "9.0.0".into();
    rewrite(&newer, &manifest).await;
    let said = verdict(newer.clone(), &keys()).await;
    assert_eq!(said, "it was made by a newer Cartback (9.0.0): use that version, or a later one");
    manifest.migrations.pop();
    manifest.migrations[0].1 = "00".into();
    rewrite(&newer, &manifest).await;
    assert!(verdict(newer, &keys()).await.starts_with("it was made by another Cartback"), "{said}");
    app.end().await;
}

/// Gives a backup another manifest, rightly summed.
async fn rewrite(file: &Path, manifest: &Manifest) {
    use sha2::Digest;
    let body = serde_json::to_string(manifest).unwrap();
    let sum = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(body.as_bytes()));
    let db = Db::open_lite(file).await.unwrap();
    let text = body.replace('\'', "''");
    sql::change(&db, &format!("UPDATE backup_manifest SET body = '{text}', sha256 = '{sum}'")).await.unwrap();
    db.close().await;
}

/// Takes back what came after version 27, the last before restores were recorded.
const NEWER: [&str; 17] = [
    "ALTER TABLE shop_key DROP COLUMN links_revoked_at",
    "ALTER TABLE node DROP COLUMN beat",
    "ALTER TABLE rollup_detail DROP COLUMN facts",
    "ALTER TABLE rollup_detail DROP COLUMN made_at",
    "DROP INDEX job_of_shop",
    "CREATE INDEX job_due_of_shop ON job (shop_id, kind, due_at)",
    "ALTER TABLE job DROP COLUMN fell_due_at",
    "DROP INDEX identity_by_subject",
    "CREATE INDEX identity_of ON identity (shop_id, subject, subject_id)",
    "ALTER TABLE job DROP COLUMN booked_at",
    "ALTER TABLE person DROP COLUMN second_reset_at",
    "ALTER TABLE session DROP COLUMN proved_at",
    "DROP TABLE half_sign_in",
    "DROP TABLE recovery_code",
    "DROP TABLE second_proof",
    "DROP TABLE restored",
    "DELETE FROM _sqlx_migrations WHERE version > 27",
];

#[tokio::test]
async fn an_older_backup_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("older.sqlite");
    for engine in [Engine::Lite, Engine::Pg] {
        let mut app = App::start(Engine::Lite).await.unwrap();
        app.leave_work();
        let shop = open(&app, "kannel").await;
        leave(&app, &shop, 1).await;
        app.pass(minutes(40)).await;
        for undone in NEWER {
            sql::run(&app, undone).await;
        }
        let _ = fs::remove_file(&file);
        let made = back_up(&app, &file).await;
        assert_eq!(made.schema(), 27);
        let Some((mut there, _)) = bring(&app, &file, engine, false).await else { continue };
        there.leave_work();
        assert!(store::restored::is_waiting(&mut there.read().await).await.unwrap());
        there.end().await;
        app.end().await;
    }
}

/// A command's exit code and what it said of its trouble.
fn says(place: &Place, words: &[&str]) -> (i32, String) {
    let output = place.command(words).stderr(Stdio::piped()).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn place(database_url: String) -> Place {
    Place { folder: tempfile::tempdir().unwrap(), database_url }
}

/// A service under load is backed up, and the backup is brought into the other kind of place and served at once: all in
/// two commands.
fn under_load(from: String, into: String) {
    let (house, other) = (place(from), place(into));
    let outbox = Arc::new(Outbox::default());
    let gateway = crash::start_gateway(outbox.clone(), 5);
    let [port, there] = server::free_ports().unwrap();
    let (path, secret) = crash::connect(&house, port, gateway);
    let mut child = house.serve(port);
    let stop = Arc::new(AtomicBool::new(false));
    let first = {
        let (path, secret, stop) = (path.clone(), secret.clone(), Arc::new(AtomicBool::new(false)));
        let told = stop.clone();
        let sender = thread::spawn(move || crash::shop(vec![port], path, secret, 0, told).acknowledged);
        thread::sleep(Duration::from_secs(5));
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap()
    };
    let sender = {
        let stop = stop.clone();
        thread::spawn(move || crash::shop(vec![port], path, secret, 1, stop).acknowledged)
    };
    thread::sleep(Duration::from_millis(300));
    let file = other.folder.path().join("backup.sqlite");
    let name = file.to_str().unwrap();
    let made = house.told(&["backup", name, "--verify", "--json"]);
    stop.store(true, Ordering::Relaxed);
    let during = sender.join().unwrap();
    assert!(first.len() > 3 && !during.is_empty(), "{} and {}", first.len(), during.len());
    assert_eq!((&made["verified"], &made["in_use"]), (&json!(true), &json!(true)));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(house.told(&["backup", "verify", name, "--json"])["tables"], made["tables"]);
    let parts = fs::read_dir(other.folder.path()).unwrap().count();
    assert_eq!(parts, 1, "nothing is left beside it");
    child.kill().unwrap();
    child.wait().unwrap();

    // Refused with their lines.
    let (code, said) = says(&house, &["backup", name]);
    assert!(code == 1 && said.contains("a backup overwrites nothing"), "{said}");
    let (code, said) = says(&house, &["restore", name]);
    assert!(code == 1 && said.contains("a restore overwrites nothing"), "{said}");
    let (code, said) = says(&other, &["restore", name, "--nothing-sent-since"]);
    assert!(code == 1 && said.contains("the service was at work when it was made"), "{said}");
    let (code, said) = says(&other, &["restore", "/nowhere/at/all"]);
    assert!(code == 3 && said.contains("there is no file"), "{said}");
    let mut cut = fs::read(&file).unwrap();
    cut.truncate(cut.len() / 2);
    let half = other.folder.path().join("half.sqlite");
    fs::write(&half, cut).unwrap();
    for words in [&["backup", "verify", half.to_str().unwrap()][..], &["restore", half.to_str().unwrap()]] {
        let (code, said) = says(&other, words);
        assert!(code == 1 && said.contains("it is damaged or cut off"), "{words:?}: {said}");
    }
    assert!(!other.folder.path().join("cartback.sqlite").exists(), "nothing of what was refused is there");

    // One command to a running instance.
    thread::sleep(Duration::from_secs(1));
    let texted: usize = outbox.texts.lock().unwrap().values().sum();
    let listen = format!("127.0.0.1:{there}");
    let mut child = other.command(&["restore", name, "--serve", "--listen", &listen]).spawn().unwrap();
    eventually("the restored service is ready", || {
        server::get(&format!("http://{listen}/readyz")).ok().filter(|(status, _)| *status == 200)
    });
    let risk = other.command(&["risk", "list", "--json"]).stdout(Stdio::piped()).output().unwrap();
    let risk: serde_json::Value = serde_json::from_slice(&risk.stdout).unwrap();
    assert!(risk["halted"]["why"].as_str().unwrap().starts_with("restored from a backup of "), "{risk}");
    crash::arrived(&other, &first);
    assert_eq!(outbox.texts.lock().unwrap().values().sum::<usize>(), texted, "nothing is sent before it is told");
    other.told(&["halt", "--off", "--json"]);
    thread::sleep(Duration::from_secs(3));
    let twice: Vec<String> =
        outbox.texts.lock().unwrap().iter().filter(|(_, texts)| **texts > 1).map(|(to, _)| to.clone()).collect();
    assert_eq!(twice, [""; 0], "sent twice");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn f27_a_backup_under_load_has_everything_acknowledged_on_sqlite() {
    under_load(String::new(), String::new());
}

#[test]
fn f27_a_backup_under_load_has_everything_acknowledged_on_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    let (from, into) = (cluster.database(), cluster.database());
    under_load(from.url(), into.url());
}

#[test]
fn f27_a_damaged_file_is_refused_at_the_start() {
    let house = place(String::new());
    house.told(&["shop", "list", "--json"]);
    let file = house.folder.path().join("cartback.sqlite");
    let whole = fs::read(&file).unwrap();
    // The root of some table in the middle becomes noise, and then the end is missing.
    let mut noise = whole.clone();
    let middle = whole.len() / 2 / 4096 * 4096;
    noise[middle..middle + 4096].fill(0xa5);
    for bytes in [noise, whole[..whole.len() / 2].to_vec(), b"something else".repeat(1_000)] {
        fs::write(&file, bytes).unwrap();
        let (code, said) = says(&house, &["serve", "--listen", "127.0.0.1:0"]);
        assert!(code == 1 && said.contains("damaged"), "{said}");
        assert!(said.contains("bring a backup in: cartback restore <file>"), "{said}");
    }
}

#[test]
fn f27_a_copy_put_in_place_by_other_means_is_put_to_rest() {
    let house = place(String::new());
    let outbox = Arc::new(Outbox::default());
    let gateway = crash::start_gateway(outbox, 5);
    let [port] = server::free_ports().unwrap();
    crash::connect(&house, port, gateway);
    let at = Time::from_seconds(crash::seconds_now() - 60).to_string();
    let done = house.told(&["restore", "--in-place", "--made-at", &at, "--json"]);
    assert_eq!((&done["made_at"], &done["held"]["texts_unknown"]), (&json!(at), &json!(0)));
    let mut child = house.serve(port);
    let (code, said) = says(&house, &["restore", "--in-place"]);
    assert!(code == 1 && said.contains("another cartback serves"), "{said}");
    child.kill().unwrap();
    child.wait().unwrap();
}
