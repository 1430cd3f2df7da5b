//! `cartback event`, `goal` and `funnel`: what visitors did, what of it counts, and how far they came.

use std::fmt::Write;

use serde_json::json;

use super::{Form, Said, chosen_shop, no_shop, table};
use crate::{
    domain::{
        goal::Class,
        hours,
        id::{ShopId, SiteEventId},
        site_event::channel,
        tally::By,
    },
    pipeline::{Core, goal, rollup, track, zone_of},
    store,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// What visitors did, the newest first
    #[command(after_help = "Example: cartback event list --most 20 --json")]
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// At most so many: 1 to 10000
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
}

/// Goals.
#[derive(clap::Subcommand)]
pub enum Goal {
    /// Goals with what they came to, by channel
    #[command(after_help = "Example: cartback goal list --days 7 --json")]
    List(Asked),
}

/// Funnels.
#[derive(clap::Subcommand)]
pub enum Funnel {
    /// Saved funnels with how many visitors came how far
    #[command(after_help = "Example: cartback funnel list --days 7 --json")]
    List(Asked),
}

#[derive(clap::Args)]
pub struct Asked {
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    /// Of so many of the shop's own days, today included: 1 to 366
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    let Command::List { shop, most, form } = command;
    let id = chosen_shop(core, *shop).await?;
    let mut read = core.db.read().await?;
    let Some((_, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let events = store::site_event::list(&mut read, &keys, None, SiteEventId::new(i64::MAX), *most).await?;
    let mut lines = table(&["event", "at", "kind", "what", "page", "channel", "visitor"]);
    let short = |visitor: &[u8; 16]| data_encoding::HEXLOWER.encode(visitor.get(..4).unwrap_or_default());
    for event in &events {
        let what = if event.product.is_empty() { &event.target } else { &event.product };
        lines.add_row([
            event.id.to_string(),
            event.at.to_string(),
            event.kind.name().to_owned(),
            what.clone(),
            event.page.clone(),
            channel(&event.visit.source, &event.visit.medium).to_owned(),
            short(&event.visitor),
        ]);
    }
    let words = if events.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    let json = events.iter().map(|event| {
        json!({
            "event": event.id,
            "at": event.at.to_string(),
            "kind": event.kind.name(),
            "target": event.target,
            "product": event.product,
            "page": event.page,
            "source": event.visit.source,
            "medium": event.visit.medium,
            "campaign": event.visit.campaign,
            "device": event.device,
            "number": event.number,
            "value_minor": event.value.map(|value| value.minor),
            "currency": event.value.map(|value| value.currency.to_string()),
            "order": event.order,
            "visitor": data_encoding::HEXLOWER.encode(&event.visitor),
            "told_by": event.told_by.name(),
        })
    });
    Ok((Said::new(words, json.collect()), *form))
}

pub async fn goals(core: &Core, command: &Goal) -> anyhow::Result<(Said, Form)> {
    let Goal::List(asked) = command;
    let id = chosen_shop(core, asked.shop).await?;
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let today = rollup::number_of(hours::day_of(&zone_of(&shop), core.now()));
    let tally = track::counted(&mut read, &keys, today - i64::from(asked.days - 1), today).await?;
    let goals = store::goal::list(&mut read, &keys).await?;
    let mut lines = table(&["goal", "name", "class", "counts", "times", "worth"]);
    let mut all = Vec::new();
    for goal in &goals {
        let sheet = tally.goal(goal.id);
        let class = if goal.plan.class == Class::Macro { "macro" } else { "micro" };
        let worth: Vec<String> = sheet.whole.worth().iter().map(ToString::to_string).collect();
        lines.add_row([
            goal.id.to_string(),
            goal.plan.name.clone(),
            class.to_owned(),
            goal.plan.kind.name().to_owned(),
            sheet.whole.count.to_string(),
            worth.join(", "),
        ]);
        all.push(json!({
            "goal": goal.id,
            "name": goal.plan.name,
            "class": class,
            "kind": goal.plan.kind.name(),
            "count": sheet.whole.count,
            "worth": sheet.whole.worth().iter().map(|money| json!({
                "amount_minor": money.minor, "currency": money.currency.to_string(),
            })).collect::<Vec<_>>(),
            "channels": sheet.by(By::Channel).iter().map(|(channel, sum)| json!({
                "channel": channel, "count": sum.count,
            })).collect::<Vec<_>>(),
        }));
    }
    let words = if goals.is_empty() { "No goal is counted.".to_owned() } else { lines.to_string() };
    Ok((Said::new(words, all.into()), asked.form))
}

pub async fn funnels(core: &Core, command: &Funnel) -> anyhow::Result<(Said, Form)> {
    let Funnel::List(asked) = command;
    let id = chosen_shop(core, asked.shop).await?;
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let today = rollup::number_of(hours::day_of(&zone_of(&shop), core.now()));
    let days = (today - i64::from(asked.days - 1), today);
    let (mut words, mut all) = (String::new(), Vec::new());
    for funnel in store::goal::funnels(&mut read, &keys).await? {
        let walked = goal::walk(&mut read, &shop, &keys, &funnel.way, days).await?;
        let _ = writeln!(words, "{}  {}", funnel.id, funnel.way.name);
        let mut steps = Vec::new();
        for (step, visitors) in funnel.way.steps.iter().zip(&walked.walk.reached) {
            let _ = writeln!(words, "{visitors:>10}  {}", step.kind.name());
            steps.push(json!({ "kind": step.kind.name(), "visitors": visitors }));
        }
        all.push(json!({
            "funnel": funnel.id,
            "name": funnel.way.name,
            "strict": funnel.way.strict,
            "window_minutes": funnel.way.window_minutes,
            "steps": steps,
            "cut": walked.cut,
        }));
    }
    if all.is_empty() {
        words.push_str("No funnel is saved.");
    }
    Ok((Said::new(words, all.into()), asked.form))
}
