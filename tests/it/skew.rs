//! The machine's clock is set while the real program runs: hours back, hours and weeks ahead, and back again (F29). What is
//! due is done whatever the clock says, nobody is texted twice, and a shop whose clock is another is told so.
//!
//! The program's own clock is set by libfaketime, from Debian; its monotonic clock goes on, as a machine's does.

use std::{fs, path::PathBuf, process::Child, sync::Arc, time::Duration};

use crate::{
    crash::{self, Outbox, Place},
    server::{self, eventually, eventually_within, say},
};

fn library() -> Option<PathBuf> {
    let folders =
        fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path().join("faketime/libfaketimeMT.so.1"));
    folders.into_iter().find(|file| file.exists())
}

struct Skewed {
    place: Place,
    child: Child,
    url: String,
    secret: String,
    outbox: Arc<Outbox>,
    /// Seconds by which the program's clock is ahead.
    ahead: i64,
}

impl Drop for Skewed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;
/// Carts at each of the clock's settings.
const CARTS: usize = 5;

impl Skewed {
    fn start() -> Option<Skewed> {
        let Some(library) = library() else {
            assert!(std::env::var_os("CARTBACK_REQUIRE_FAKETIME").is_none(), "libfaketime is not installed");
            say("libfaketime is not installed: a clock that is set is not tried on the real program");
            return None;
        };
        let place = Place { folder: tempfile::tempdir().unwrap(), database_url: String::new() };
        let outbox = Arc::new(Outbox::default());
        let gateway = crash::start_gateway(outbox.clone(), 29);
        let [port] = server::free_ports().unwrap();
        let (path, secret) = crash::connect(&place, port, gateway);
        let offset = place.folder.path().join("offset");
        fs::write(&offset, "+0\n").unwrap();
        let here = format!("http://127.0.0.1:{port}");
        let mut command = place.command(&["serve", "--listen", &format!("127.0.0.1:{port}")]);
        command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &offset);
        command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let child = command.spawn().unwrap();
        let skewed = Skewed { place, child, url: format!("{here}{path}"), secret, outbox, ahead: 0 };
        eventually("the service is ready", || {
            server::get(&format!("{here}/readyz")).ok().filter(|(status, _)| *status == 200)
        });
        Some(skewed)
    }

    fn set(&mut self, ahead: i64) {
        // Whole at any moment: the program reads it whenever it asks for the time.
        let (file, next) = (self.place.folder.path().join("offset"), self.place.folder.path().join("next"));
        fs::write(&next, format!("{ahead:+}\n")).unwrap();
        fs::rename(next, file).unwrap();
        self.ahead = ahead;
    }

    /// By the program's clock.
    fn now(&self) -> i64 {
        crash::seconds_now() + self.ahead
    }

    /// A cart that was left so many seconds ago, told by a shop whose clock is so far ahead of the real one.
    fn leave(&self, n: usize, phone: &str, ago: i64, shop_ahead: i64) -> u16 {
        let told_at = crash::seconds_now() + shop_ahead;
        let at = crash::rfc3339(told_at - ago);
        crash::tell(&self.url, &self.secret, told_at, n, &crash::checkout(n, phone, &at))
    }

    /// The program has its own pace, and other tests run beside it.
    fn until_texted(&self, phone: &str, what: &str) {
        eventually_within(Duration::from_secs(60), what, || (self.texts(phone) > 0).then_some(()));
    }

    fn texts(&self, phone: &str) -> usize {
        self.outbox.texts.lock().unwrap().get(phone).copied().unwrap_or(0)
    }
}

#[test]
fn f29_the_programs_clock_is_set_while_it_runs() {
    let Some(mut skewed) = Skewed::start() else { return };
    let mut phones = Vec::new();
    // It leaves when the clock is two hours ahead.
    let early = crash::number_at(90, skewed.now() + 2 * HOUR);
    assert_eq!(skewed.leave(90, &early, 0, 0), 200);
    for (round, ahead) in [0, -3 * HOUR, 2 * HOUR, 40 * 24 * HOUR, 0, -40 * 24 * HOUR].into_iter().enumerate() {
        skewed.set(ahead);
        // What was just left is not due while its half hour has not gone by on any clock.
        if ahead <= 0 {
            assert_eq!(skewed.texts(&early), usize::from(round > 2), "at {ahead}");
        }
        if ahead != 0 {
            let refused = skewed.leave(80 + round, &crash::number_at(80 + round, skewed.now()), 31 * MINUTE, 0);
            assert_eq!(refused, 401, "a shop whose clock is {ahead} s behind is believed");
        }
        let now: Vec<(usize, String)> =
            (0..CARTS).map(|n| round * 10 + n).map(|n| (n, crash::number_at(n, skewed.now()))).collect();
        for (n, phone) in &now {
            assert_eq!(skewed.leave(*n, phone, 31 * MINUTE, ahead), 200, "cart {n} at {ahead}");
        }
        for (n, phone) in &now {
            skewed.until_texted(phone, &format!("the text of cart {n} at {ahead}"));
        }
        phones.extend(now);
        if round == 2 {
            skewed.until_texted(&early, "its half hour has gone by on the program's clock");
        }
        assert!(skewed.child.try_wait().unwrap().is_none(), "it ended at {ahead}");
    }
    // Whatever the clock made due again has had its time.
    std::thread::sleep(Duration::from_secs(2));
    phones.push((90, early));
    for (n, phone) in phones {
        assert_eq!(skewed.texts(&phone), 1, "cart {n}");
    }
}
