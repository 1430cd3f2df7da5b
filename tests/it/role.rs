//! What a process does, of several on one database: the one that answers works on nothing, the one that works answers only for
//! its own health.

use std::{process::Child, sync::Arc, time::Duration};

use crate::{
    crash::{self, Outbox, Place},
    server::{self, eventually_within, postgres},
};

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn one_process_answers_and_another_works() {
    let Some(cluster) = postgres::cluster() else { return };
    let database = cluster.database();
    let place = Place { folder: tempfile::tempdir().unwrap(), database_url: database.url() };
    let outbox = Arc::new(Outbox::default());
    // Chance 7: a gateway that answers at once.
    let gateway = crash::start_gateway(outbox.clone(), 7);
    let [web, worker] = server::free_ports().unwrap();
    let (path, secret) = crash::connect(&place, web, gateway);
    let answers = Process(place.serve_as("web", web));
    let now = crash::seconds_now();
    let left_at = crash::rfc3339(now - 31 * 60);
    let phone = crash::number(1);
    let cart = crash::checkout(1, &phone, &left_at);
    let status = crash::tell(&format!("http://127.0.0.1:{web}{path}"), &secret, now, 1, &cart);
    assert_eq!(status, 200);
    // Were it to work, it would have looked four times by now.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(outbox.texts.lock().unwrap().len(), 0, "the process that answers has worked");
    drop(answers);

    let _works = Process(place.serve_as("worker", worker));
    let here = format!("http://127.0.0.1:{worker}");
    eventually_within(Duration::from_secs(60), "its text", || {
        (outbox.texts.lock().unwrap().get(&phone) == Some(&1)).then_some(())
    });
    assert_eq!(crash::tell(&format!("{here}{path}"), &secret, now, 2, &cart), 404, "it takes in no webhook");
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 200), ("/", 404), ("/sign-in", 404)] {
        assert_eq!(server::get(&format!("{here}{path}")).unwrap().0, status, "{path}");
    }
}
