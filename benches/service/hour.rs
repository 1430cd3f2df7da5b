//! A million carts an hour: webhooks at that rate, two of each cart, and what they cost.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use super::{
    House,
    load::{paced, percentile},
    number,
};

/// Each cart is told of when it is begun and when it changes.
const WEBHOOKS_A_CART: u64 = 2;

/// `CARTS_AN_HOUR` (1,000,000) for `HOUR_SECONDS` (60): what of it is answered and when, how long after the last one all is
/// read into carts, and what a cart costs.
pub fn hour(engine: &'static str) {
    let Some(house) = House::open(engine) else { return };
    house.rest(Duration::from_secs(600));
    let (seconds, carts) = (number("HOUR_SECONDS", 60), number("CARTS_AN_HOUR", 1_000_000));
    let rate = (carts * WEBHOOKS_A_CART) as f64 / 3600.0;
    let sent = AtomicU64::new(0);
    let webhook = house.webhooks();
    let request = move || webhook(sent.fetch_add(1, Ordering::Relaxed) / WEBHOOKS_A_CART);
    let (before, grown) = (house.cpu(), house.disk());
    let begun = Instant::now();
    let (mut took, bad) = paced(house.port, rate, Duration::from_secs(seconds), &request);
    let answered_for = begun.elapsed().as_secs_f64();
    house.rest(Duration::from_secs(seconds * 10));
    let read_for = begun.elapsed().as_secs_f64();
    let count = took.len() as f64;
    let carts = count / WEBHOOKS_A_CART as f64;
    println!(
        "{} hour: {rate:.0} webhooks a second for {seconds} s, as of {:.0} carts an hour",
        house.engine,
        rate * 1800.0
    );
    println!("  answered                 {:12.1} a second, {bad} not", count / answered_for);
    println!(
        "  ms until the answer      {:12.1} (half), {:.1} (99 of 100), {:.1} (all)",
        percentile(&mut took, 50),
        percentile(&mut took, 99),
        percentile(&mut took, 100)
    );
    println!("  all read after           {:12.1} s more", read_for - answered_for);
    println!(
        "  CPU ms a webhook         {:12.3}, {:.2} cores at this rate",
        house.cpu().since(&before) * 1e3 / count,
        house.cpu().since(&before) / read_for
    );
    println!("  disk a cart              {:12.1} KiB", (house.disk() - grown) / carts / 1024.0);
}
