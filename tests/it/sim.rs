//! Simulation: the whole pipeline in worlds whose every step is drawn from a seed. Two processes on one database take
//! webhooks, replies, receipts and taps that come late, twice and out of order, send by a gateway that loses answers, are
//! killed at any step and paused for longer than their claims last. After each step, and at the end of each world, the six
//! promises are checked (`src/lib.rs`). A seed is always the same life: `CARTBACK_WORLD=seed` plays it alone and tells it.
//!
//! `CARTBACK_WORLDS` sets how many worlds are played, `CARTBACK_WORLDS_FROM` the first seed. A release is tried with 100,000.
//!
//! The defects that were planted to see that each check can fail are in `sim/planted.txt`.

mod ends;
mod life;
mod world;

use crate::app::{App, Engine};

const WORLDS: u64 = 60;
/// Worlds that share a database file, one after the other: a fresh one costs more than a world does.
const IN_ONE_FILE: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|typed| typed.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[tokio::test]
async fn the_promises_hold_in_every_world() {
    if let Some(seed) = number("CARTBACK_WORLD") {
        let app = App::start(Engine::Lite).await.unwrap();
        life::live(&app, seed, 0, true).await.unwrap_or_else(|broken| panic!("world {seed}: {broken}"));
        return;
    }
    let (first, count) = (number("CARTBACK_WORLDS_FROM").unwrap_or(1), number("CARTBACK_WORLDS").unwrap_or(WORLDS));
    let mut met = life::Met::default();
    let mut app = None;
    for seed in first..first + count {
        if (seed - first) % IN_ONE_FILE == 0 {
            app = Some(App::start(Engine::Lite).await.unwrap());
        }
        let Some(app) = &app else { unreachable!() };
        match life::live(app, seed, (seed - first) % IN_ONE_FILE, false).await {
            Ok(lived) => met += lived,
            Err(broken) => panic!("world {seed} (CARTBACK_WORLD={seed} tells it): {broken}"),
        }
    }
    println!("{count} worlds from {first}: {met}");
    met.is_enough();
}

/// A seed is the same life twice, also after other lives in the same file.
#[tokio::test]
async fn a_seed_is_one_life() {
    let app = App::start(Engine::Lite).await.unwrap();
    let mut lives = Vec::new();
    for (round, seed) in [11, 12, 11, 12].into_iter().enumerate() {
        lives.push(life::live(&app, seed, round as u64, false).await.unwrap().told);
    }
    assert!(lives[0].len() > 100);
    assert_eq!((&lives[0], &lives[1]), (&lives[2], &lives[3]));
    assert_ne!(lives[0], lives[1]);
}
