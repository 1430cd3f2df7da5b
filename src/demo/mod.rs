//! The demo: the real service on embedded SQLite, with a simulated shop that speaks to it only through HTTP.
//!
//! `cast` is who there is, `script` what somebody will do, `play` what happens when, `webhook` how a shop writes
//! of it, `stall` how it is connected. `history` lives through sixty days without a network, by the same pipeline;
//! `stage` is the present, over real HTTP to our own address, on a clock that runs faster than the wall's; `page` is
//! the phone and the checkout; `folder` is what the next run goes on with.

mod cast;
mod chance;
mod script;
mod webhook;
mod play;
mod stall;
mod folder;
mod history;
mod stage;
mod page;

pub use chance::Chance;

use std::{net::TcpListener, sync::Arc, time::Instant};

use actix_web::web::Data;
use anyhow::Context;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use cast::SHOPS;
use folder::{Folder, Kept};
use history::{Length, Past};
use play::Play;
use script::{Answer, Script};
use stage::Stage;
use stall::{Phones, Stall};

use crate::{
    app::{self, App, Serve},
    clock::{Clock, FastClock, SystemClock},
    config::Config,
    domain::{
        holidays::Holidays,
        hours::{self, Hours, Opening},
        time::{HOUR, MINUTE, Time},
    },
    http::GuardedHttp,
};

const PAST: Length = Length { days: 60, bustle: 1 };
/// The order numbers the shops begin with.
const FIRST_NUMBERS: [u64; SHOPS.len()] = [1_000, 300];
/// A run that was killed may have made orders and ids after it last noted where it was.
const MARGIN: (std::time::Duration, u64) = (MINUTE.saturating_mul(20), 20);

/// Runs the demo until Ctrl-C. `config` says where it listens (a loopback address) and which folder is its own.
pub async fn run(mut config: Config) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .with_context(|| format!("cannot listen on {}; give another address with --listen", config.listen))?;
    config.listen = listener.local_addr().context("the listening address")?;
    let (folder, kept) = Folder::open(&config.data, &config.public_url())?;
    let open_at = working_hour(kept.as_ref());
    let begins_at = if kept.is_some() { open_at } else { history::start(open_at, PAST) };
    let clock = Arc::new(FastClock::standing(begins_at));
    app::install_tls();
    let http = Arc::new(GuardedHttp::new()?);
    let app = App::open(&config, clock.clone(), http.clone()).await?;
    println!("Cartback demo: the real service and a simulated shop. Nothing leaves this machine.");
    let numbers = kept.as_ref().map_or(FIRST_NUMBERS, |kept| kept.numbers.map(|number| number + MARGIN.1));
    let mut play = Play::new(history::seed(kept.map_or(Time::default(), |_| open_at)), &config.public_url(), numbers);
    let mut phones = Phones::default();
    let stalls = if begins_at == open_at {
        let stalls = stall::find(&app.core).await?;
        phones.fresh(&app.core, &stalls).await?;
        println!("  It goes on from where it was; remove {} to begin again.", config.data.display());
        stalls
    } else {
        let lived = tokio::select! {
            lived = live_through(&app, &clock, &mut play, &mut phones, open_at) => Some(lived?),
            told = app::told_to_stop() => told.map(|()| None)?,
        };
        let Some(stalls) = lived else {
            println!("Stopped. The next start begins again.");
            app.close().await;
            return Ok(());
        };
        folder.keep(&Kept {
            public_url: config.public_url(),
            complete: true,
            clock: open_at,
            numbers: play.numbers,
        })?;
        stalls
    };
    play.keep_coming(open_at, opening_scripts());
    clock.run(stage::FASTER);
    let stage = Data::new(Stage::new(app.core.clone(), clock, http, stalls, folder, play));
    let shown = stage.clone();
    let serve = Serve::of(&config, listener, true);
    let running = app.serve_with(serve, Some(Box::new(move || page::bar(&shown))), page::routes(stage.clone()))?;
    say_where(&config);
    let stop = CancellationToken::new();
    let playing = tokio::spawn({
        let (stage, stop) = (stage.clone(), stop.clone());
        async move { stage.run(phones, stop).await }
    });
    // The world falls silent before the service does.
    let told = stop.clone();
    tokio::spawn(async move {
        let _ = app::told_to_stop().await;
        told.cancel();
    });
    let outcome = running.until_told().await;
    stop.cancel();
    let _ = playing.await;
    println!("Stopped. The demo is kept in {} and goes on from here.", config.data.display());
    outcome
}

/// The history's end and the live part's beginning: ten in the morning of today, or the next moment at which shops may
/// text. A demo that goes on does so from where it was, should that be later.
fn working_hour(kept: Option<&Kept>) -> Time {
    let zone_name = SHOPS.first().map_or("UTC", |shop| shop.zone);
    let zone = hours::zone(zone_name).unwrap_or(TimeZone::UTC);
    let today = hours::start_of_day(&zone, hours::day_of(&zone, SystemClock.now())) + HOUR * 10;
    let at = kept.map_or(today, |kept| today.max(kept.clock + MARGIN.0));
    match hours::opening(&[zone_name], &Hours::DEFAULT, &Holidays::none(), at) {
        Opening::Opens(opens) => opens,
        Opening::Open { .. } | Opening::Never => at,
    }
}

/// Connects the shops and lives through their past.
async fn live_through(
    app: &App,
    clock: &FastClock,
    play: &mut Play,
    phones: &mut Phones,
    until: Time,
) -> anyhow::Result<Vec<Stall>> {
    let begun = Instant::now();
    println!("  Living through {} days first, once …", PAST.days);
    // What is made here can be made again, so no commit waits for the disk.
    app.core.db.wait_for_disk(false).await?;
    stall::connect(&app.core).await?;
    let stalls = stall::find(&app.core).await?;
    history::plan(play, &stalls, until, PAST);
    let past = Past { core: &app.core, clock, inbox: &app.inbox, stalls: &stalls };
    let mut days = 0;
    let lived = past
        .live(play, phones, until, |_, lived| {
            days += 1;
            if days % 15 == 0 {
                println!("    day {days}: {} webhooks, {} texts so far", lived.webhooks, lived.texts);
            }
        })
        .await?;
    app.core.db.wait_for_disk(true).await?;
    println!(
        "    done in {} s: {} webhooks, {} texts, {} links opened",
        begun.elapsed().as_secs(),
        lived.webhooks,
        lived.texts,
        lived.taps
    );
    Ok(stalls)
}

/// Who comes first, so that a minute of watching shows the main things.
fn opening_scripts() -> Vec<Script> {
    let buys = || Script::leaves_and(Answer::TapAndBuy { within_minutes: 8 });
    vec![
        buys(),
        Script::finishes(),
        Script::leaves_and(Answer::Stop),
        buys(),
        Script::leaves_and(Answer::Tap),
        Script::leaves_and(Answer::BuyElsewhere),
    ]
}

fn say_where(config: &Config) {
    let here = config.public_url();
    println!();
    println!("  Dashboard  {here}/");
    println!("  Report     {here}/report");
    println!(
        "  Phone      {here}/demo/phone   (the texts that arrived, one with your name on it once you leave a cart)"
    );
    println!("  Shop       {here}/demo/checkout/new   (begin a checkout, leave it, and skip 30 minutes)");
    println!("  Data       {}", config.data.display());
    println!();
    println!(
        "  The clock runs {} times as fast: half an hour passes in {} seconds. Nights and Sundays are skipped.",
        stage::FASTER,
        30 * 60 / stage::FASTER
    );
    println!("  Ctrl-C ends it.");
    println!();
}
