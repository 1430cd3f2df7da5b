//! Scale: one, two and four processes on one PostgreSQL share the texts of twenty shops. On one machine they share its cores
//! too: a gateway that takes its time shows what they do beside each other.

use std::time::{Duration, Instant};

use super::{House, load::tell, number, send::Gateway};

const SHOPS: u64 = 20;
/// A gateway's usual answer takes a while.
const ANSWERS_AFTER: Duration = Duration::from_millis(100);
/// By then the processes have heard of each other, and each has its shops.
const SETTLE: Duration = Duration::from_secs(6);

pub fn scale(engine: &'static str) {
    // Enough to go on for a while after they have settled.
    let (rounds, due) = (number("ROUNDS", 5), number("DUE", 2_000) * 4);
    if engine == "sqlite" {
        return;
    }
    println!("{engine} scale, {rounds} rounds of {due} carts that are due in {SHOPS} shops");
    let mut alone = Vec::new();
    for processes in [1, 2, 4] {
        let (mut per_second, mut ratios, mut twice) = (Vec::new(), Vec::new(), 0);
        for round in 0..rounds as usize {
            let gateway = Gateway::start(ANSWERS_AFTER);
            let Some(figure) = share(engine, processes, due, &gateway) else { return };
            if processes == 1 {
                alone.push(figure);
            }
            ratios.push(figure / alone[round]);
            per_second.push(figure);
            twice += gateway.twice();
        }
        tell(&format!("{processes} processes, per second"), per_second);
        tell("  of one", ratios);
        println!("  {:24} {twice:12}", "  texts that left twice");
    }
}

/// Texts a second, from when the processes have shared the shops to the last.
fn share(engine: &'static str, processes: usize, due: u64, gateway: &Gateway) -> Option<f64> {
    let (due_words, shops, url) = (due.to_string(), SHOPS.to_string(), format!("url={}", gateway.url()));
    let fill = ["bench", "fill", "--carts", "2000", "--messages", "2000", "--due", &due_words, "--shops", &shops];
    let add = ["gateway", "add", "kannel", "--shop", "0", "--set", &url, "--set", "username=u"];
    let add = [&add[..], &["--set", "password=p", "--set", "from=12125550100"]].concat();
    let mut house = House::filled(engine, &[&fill, &add])?;
    for _ in 1..processes {
        house.hire();
    }
    std::thread::sleep(SETTLE);
    let (begun, first) = (Instant::now(), gateway.taken());
    gateway.until(due);
    Some((due - first) as f64 / begun.elapsed().as_secs_f64())
}
