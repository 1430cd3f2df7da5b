//! Fair: what the other shops wait for their texts while one has a hundred times as many due.

use std::time::{Duration, Instant};

use super::{House, load::tell, number, send::Gateway};

const SHOPS: u64 = 11;
/// Texts of each.
const EACH: u64 = 10;
/// The shop that has more.
const BUSY: u64 = 1;
/// A gateway's usual answer takes a while.
const ANSWERS_AFTER: Duration = Duration::from_millis(100);

pub fn fair(engine: &'static str) {
    let rounds = number("ROUNDS", 5);
    println!(
        "{engine} fair, {rounds} rounds: {EACH} texts of each of {SHOPS} shops; then one of them has 100 times as many"
    );
    let (mut alone, mut beside, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (Some(before), Some(after)) = (wait(engine, 0), wait(engine, 99 * EACH)) else { return };
        alone.push(before);
        beside.push(after);
        ratios.push(after / before);
    }
    tell("wait of 99 of 100 alone, ms", alone);
    tell("beside the busy one, ms", beside);
    tell("  of alone", ratios);
}

/// How long, from the start of the program, 99 of 100 texts of the others wait, in milliseconds.
fn wait(engine: &'static str, more: u64) -> Option<f64> {
    let gateway = Gateway::start(ANSWERS_AFTER);
    let (due, shops, more) = ((EACH * SHOPS).to_string(), SHOPS.to_string(), more.to_string());
    // A past would have to be added up first, by every shop.
    let fill = ["bench", "fill", "--carts", &shops, "--messages", "0", "--due", &due, "--shops", &shops];
    let fill = [&fill[..], &["--busy", &more]].concat();
    let url = format!("url={}", gateway.url());
    let add = ["gateway", "add", "kannel", "--shop", "0", "--set", &url, "--set", "username=u"];
    let add = [&add[..], &["--set", "password=p", "--set", "from=12125550100"]].concat();
    let _house = House::filled(engine, &[&fill, &add])?;
    let others = EACH * (SHOPS - 1);
    let begun = Instant::now();
    loop {
        let came = gateway.came().into_iter().filter(|(_, shop)| *shop != BUSY);
        let waited: Vec<Duration> = came.map(|(at, _)| at.saturating_duration_since(begun)).collect();
        if waited.len() as u64 >= others {
            return Some(waited[waited.len() * 99 / 100 - 1].as_secs_f64() * 1e3);
        }
        assert!(begun.elapsed() < Duration::from_secs(300), "{} of {others} texts left", waited.len());
        std::thread::sleep(Duration::from_millis(5));
    }
}
