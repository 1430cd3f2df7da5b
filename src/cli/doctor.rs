//! `cartback doctor`: what a person would check when something is odd, one line each. Changes nothing beyond what opening
//! the database does.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Form, Said, gateway};
use crate::{
    app::App,
    config::{Config, Database, key},
    domain::{
        id::{DeliveryId, ShopId},
        self_test::Verdict,
        time::{DAY, MINUTE, Time},
    },
    pipeline::{Core, self_test},
    store::{self, shop::Shop},
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Ok,
    Warn,
    Fail,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Mark::Ok => "ok",
            Mark::Warn => "warn",
            Mark::Fail => "fail",
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Mark::Ok => "✓",
            Mark::Warn => "!",
            Mark::Fail => "✗",
        }
    }
}

/// What was found, in order.
#[derive(Default)]
struct Findings(Vec<(Mark, String, String)>);

impl Findings {
    fn add(&mut self, mark: Mark, what: impl Into<String>, words: impl Into<String>) {
        self.0.push((mark, what.into(), words.into()));
    }

    fn said(self) -> Said {
        let lines: Vec<String> =
            self.0.iter().map(|(mark, what, words)| format!("{} {what}: {words}", mark.sign())).collect();
        let json: Vec<Value> = self
            .0
            .iter()
            .map(|(mark, what, words)| json!({ "check": what, "state": mark.name(), "words": words }))
            .collect();
        let well = self.0.iter().all(|(mark, _, _)| *mark != Mark::Fail);
        Said { well, ..Said::new(lines.join("\n"), json.into()) }
    }
}

/// Webhooks of the last days count as news; older ones are as good as none.
const LOOK_BACK: Duration = DAY.saturating_mul(30);
/// A clock this far behind what the database has seen is wrong.
const CLOCK_TOLERANCE: Duration = MINUTE.saturating_mul(5);
/// 2026-01-01: no clock that is earlier is right, for this program did not exist.
const NOT_BEFORE_SECONDS: i64 = 1_767_225_600;
/// Work that has been due for longer is stuck, or no `serve` is running.
const STUCK_AFTER: Duration = MINUTE.saturating_mul(10);

pub async fn run(config: &Config, opened: anyhow::Result<App>) -> Said {
    let mut found = Findings::default();
    for warning in &config.warnings {
        found.add(Mark::Warn, "settings", warning.as_str());
    }
    folder(config, &mut found);
    public_url(config, &mut found);
    if let Some(smtp) = &config.smtp {
        found.add(Mark::Ok, "mail", format!("{}; cartback digest send proves it", smtp.place()));
    }
    match opened {
        // Opening tries the key, brings the schema up to date and writes: all three are proven or named here.
        Err(why) => found.add(Mark::Fail, "database", format!("{why:#}")),
        Ok(app) => {
            found.add(Mark::Ok, "key", "opens this database");
            found.add(Mark::Ok, "database", format!("{}, writable, schema current", config.place()));
            if let Err(why) = look(&app.core, config, &mut found).await {
                found.add(Mark::Fail, "database", format!("{why:#}"));
            }
            app.close().await;
        }
    }
    found.said()
}

fn folder(config: &Config, found: &mut Findings) {
    if key::open_to_others(&config.data) {
        let words = format!("others may look into {0}: chmod 700 {0}", config.data.display());
        found.add(Mark::Warn, "data folder", words);
    }
}

fn public_url(config: &Config, found: &mut Findings) {
    let url = config.public_url();
    if config.given_public_url.is_none() {
        let words = format!("{url} is this machine only; shops and shoppers need --public-url https://…");
        found.add(Mark::Warn, "public address", words);
    } else if url.starts_with("https://") {
        found.add(Mark::Ok, "public address", url);
    } else {
        found.add(Mark::Warn, "public address", format!("{url} is not https: links and webhooks travel in the open"));
    }
}

async fn look(core: &Core, config: &Config, found: &mut Findings) -> anyhow::Result<()> {
    let now = core.now();
    let mut read = core.db.read().await?;
    if matches!(config.database, Database::Lite) {
        match store::health::quick_check(&mut read).await?.as_slice() {
            [] => found.add(Mark::Ok, "integrity", "the file is whole"),
            broken => found.add(Mark::Fail, "integrity", broken.join("; ")),
        }
    }
    if let Some(halt) = store::halt::standing(&mut read).await? {
        let words = format!("stopped since {}: {}. Then: cartback halt --off", halt.at, halt.why);
        found.add(Mark::Warn, "sending", words);
    }
    let shops = store::shop::list(&mut read, &core.vault).await?;
    drop(read);
    let mut newest = Time::default();
    gateways(core, None, found).await?;
    if shops.is_empty() {
        found.add(Mark::Warn, "shops", "none is connected yet: cartback shop add");
    }
    for shop in shops.iter().filter(|shop| shop.erased_at.is_none()) {
        newest = newest.max(one_shop(core, shop, now, found).await?);
    }
    if now < Time::from_seconds(NOT_BEFORE_SECONDS) || newest > now + CLOCK_TOLERANCE {
        found.add(Mark::Fail, "clock", format!("it says {now}; the newest webhook came at {newest}. Set it right"));
    } else {
        found.add(Mark::Ok, "clock", format!("it says {now}"));
    }
    Ok(())
}

/// Looks at one shop; answers when its newest webhook came.
async fn one_shop(core: &Core, shop: &Shop, now: Time, found: &mut Findings) -> anyhow::Result<Time> {
    let what = |about: &str| format!("shop {} ({}), {about}", shop.id, shop.name);
    match shop.stopped() {
        Some(why) => found.add(Mark::Warn, what("texts"), why),
        None => found.add(Mark::Ok, what("texts"), "it is running"),
    }
    let mut read = core.db.read().await?;
    let topics = store::inbox::topics(&mut read, shop.id, now - LOOK_BACK).await?;
    if topics.is_empty() {
        found.add(Mark::Warn, what("webhooks"), "none in 30 days; cartback shop show lists the steps to connect");
    }
    for (topic, last, count) in &topics {
        found.add(Mark::Ok, what("webhooks"), format!("{topic}: {count} in 30 days, last {last}"));
    }
    let refused = store::connection::of(&mut read, shop.id, None).await?;
    if let Some((refused, at)) = refused.as_ref().and_then(|refused| Some((refused, refused.refused_at?))) {
        let words = format!("{} were refused, last {at}: {}", refused.refused_count, refused.refused_why);
        let recent = topics.iter().all(|(_, last, _)| *last < at);
        found.add(if recent { Mark::Fail } else { Mark::Warn }, what("signatures"), words);
    }
    let unread =
        store::inbox::list(&mut read, shop.id, store::inbox::Filter::Unreadable, DeliveryId::new(i64::MAX), 100)
            .await?;
    if !unread.is_empty() {
        let words = format!("{} could not be read: cartback inbox list --shop {} --problems", unread.len(), shop.id);
        found.add(Mark::Warn, what("deliveries"), words);
    }
    let waiting = store::job::waiting(&mut read, shop.id).await?;
    let late = store::job::shops_due(&mut read, now - STUCK_AFTER).await?.contains(&shop.id);
    let counts: Vec<String> = waiting.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let words = if counts.is_empty() { "nothing waits".to_owned() } else { counts.join(", ") };
    if late {
        let words = format!("{words}; some has been due for more than 10 minutes: is cartback serve running?");
        found.add(Mark::Fail, what("work"), words);
    } else {
        found.add(Mark::Ok, what("work"), words);
    }
    match store::self_test::list(&mut read, shop.id, 1).await?.first() {
        None => found.add(Mark::Ok, what("self-test"), "none was played yet; it runs every night"),
        Some(run) => match run.verdict {
            Some(Verdict::Passed) => found.add(Mark::Ok, what("self-test"), format!("passed, {}", run.asked_at)),
            Some(Verdict::NotPlayed) => {
                let why = run.lines.last().map_or("", |line| line.words.as_str());
                found.add(Mark::Warn, what("self-test"), format!("could not be played: {why}"));
            }
            // Told by its alarm below.
            Some(Verdict::Failed) => {}
            None => found.add(Mark::Ok, what("self-test"), format!("asked for, {}", run.asked_at)),
        },
    }
    let keys = core.vault.keys(&mut read, shop.id).await?;
    for alarm in store::alarm::standing(&mut read, &keys).await? {
        let mark = if alarm.kind == self_test::ALARM { Mark::Fail } else { Mark::Warn };
        found.add(mark, what("alarm"), format!("{} (since {})", alarm.words, alarm.raised_at));
    }
    drop(read);
    gateways(core, Some(shop), found).await?;
    Ok(topics.iter().map(|(_, last, _)| *last).max().unwrap_or_default())
}

/// The house's gateways, or one shop's own; a shop with none of its own uses the house's.
async fn gateways(core: &Core, shop: Option<&Shop>, found: &mut Findings) -> anyhow::Result<()> {
    let tenant = shop.map_or(ShopId::HOUSE, |shop| shop.id);
    let own = gateway::all(core, Some(tenant)).await?;
    if own.is_empty()
        && let Some(shop) = shop
        && gateway::all(core, Some(ShopId::HOUSE)).await?.is_empty()
    {
        let words = "it has none, and the house has none: no text can leave. cartback gateway add";
        found.add(Mark::Fail, format!("shop {} ({}), gateway", shop.id, shop.name), words);
    }
    for gateway in own {
        let what = match shop {
            Some(shop) => format!("shop {} ({}), gateway {}", shop.id, shop.name, gateway.name),
            None => format!("gateway {}", gateway.name),
        };
        match gateway.paused_at {
            None => found.add(Mark::Ok, what, "ready"),
            Some(at) => {
                let resume = format!("cartback gateway resume {} --shop {tenant}", gateway.id);
                found.add(Mark::Fail, what, format!("paused since {at}: {}. Then: {resume}", gateway.pause_reason));
            }
        }
    }
    Ok(())
}
