//! The drill: a database of a gigabyte is backed up while the service works, and brought back to a running, verified
//! instance at rest in one command. Takes minutes; asked for by name:
//! `cargo test --profile drill --test it restores_a_gigabyte -- --ignored --nocapture`.

use std::{
    fs,
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::place;
use crate::{
    crash::{self, Outbox},
    server::{
        self,
        postgres::{self, Database},
        say,
    },
};

/// As many as make a gigabyte.
const CARTS: &str = "500000";
const WITHIN: Duration = Duration::from_secs(5 * 60);

/// Waits as long as it takes: a large file is read before it is served.
fn ready(child: &mut Child, port: u16) {
    let url = format!("http://127.0.0.1:{port}/readyz");
    while !server::get(&url).is_ok_and(|(status, _)| status == 200) {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        thread::sleep(Duration::from_millis(50));
    }
}

fn drill(name: &str, from: Option<Database<'_>>, into: Option<Database<'_>>) {
    let url = |database: &Option<Database<'_>>| database.as_ref().map(Database::url).unwrap_or_default();
    let (house, other) = (place(url(&from)), place(url(&into)));
    let started = Instant::now();
    house.told(&["bench", "fill", "--carts", CARTS, "--messages", CARTS, "--json"]);
    say(&format!("drill on {name}: filled in {:?}", started.elapsed()));
    let outbox = Arc::new(Outbox::default());
    let gateway = crash::start_gateway(outbox.clone(), 5);
    let [port, there] = server::free_ports().unwrap();
    let (path, secret) = crash::connect(&house, port, gateway);
    let mut child = house.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]).spawn().unwrap();
    ready(&mut child, port);
    let stop = Arc::new(AtomicBool::new(false));
    let sender = {
        let stop = stop.clone();
        thread::spawn(move || crash::shop(vec![port], path, secret, 0, stop).acknowledged)
    };
    thread::sleep(Duration::from_secs(2));
    let file = other.folder.path().join("backup.sqlite");
    let started = Instant::now();
    let made = house.told(&["backup", file.to_str().unwrap(), "--json"]);
    let backed_up = started.elapsed();
    stop.store(true, Ordering::Relaxed);
    let acknowledged = sender.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let bytes = fs::metadata(&file).unwrap().len();
    say(&format!(
        "drill on {name}: {} MiB, {} rows backed up in {backed_up:?} while {} carts were acknowledged",
        bytes >> 20,
        made["rows"],
        acknowledged.len()
    ));
    assert!(bytes > 1_000_000_000, "{bytes} bytes are no gigabyte");

    let texted: usize = outbox.texts.lock().unwrap().values().sum();
    let started = Instant::now();
    let words = ["restore", file.to_str().unwrap(), "--serve", "--listen", &format!("127.0.0.1:{there}")];
    let mut child = other.command(&words).stderr(Stdio::inherit()).spawn().unwrap();
    ready(&mut child, there);
    let restored = started.elapsed();
    say(&format!("drill on {name}: restored, verified and serving in {restored:?}"));
    thread::sleep(Duration::from_secs(5));
    assert_eq!(outbox.texts.lock().unwrap().values().sum::<usize>(), texted, "it is at rest");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(restored < WITHIN, "{restored:?}");
}

#[test]
#[ignore = "a gigabyte: minutes"]
fn restores_a_gigabyte_on_sqlite() {
    drill("sqlite", None, None);
}

#[test]
#[ignore = "a gigabyte: minutes"]
fn restores_a_gigabyte_on_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    drill("postgresql", Some(cluster.database()), Some(cluster.database()));
}

#[test]
#[ignore = "a gigabyte: minutes"]
fn restores_a_gigabyte_of_sqlite_into_postgresql() {
    let Some(cluster) = postgres::cluster() else { return };
    drill("sqlite into postgresql", None, Some(cluster.database()));
}
