//! `cartback goal` and `funnel`: what of visitors' doings counts, and how far they come.

use std::fmt::Write;

use anyhow::bail;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        funnel::{Step, Way},
        goal::{Class, Count, How, Only, Plan, Worth, presets},
        hours,
        id::{FunnelId, GoalId, ShopId},
        money::Currency,
        site_event::Kind,
        tally::By,
    },
    pipeline::{Core, goal, rollup, track, zone_of},
    store,
};

/// Goals.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Goals with what they came to, by channel
    #[command(after_help = "Example: cartback goal list --days 7 --json")]
    List(Asked),
    /// Ready-made goals by kind of business, and how to find one's own
    Presets {
        #[command(flatten)]
        form: Form,
    },
    /// Add the ready-made goals of a kind of business
    #[command(after_help = "Example: cartback goal preset shop")]
    Preset {
        /// As `goal presets` names it
        business: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Add a goal, or change one; days whose events are still there are counted for it, too
    #[command(
        after_help = "Example: cartback goal set 'Price list' downloaded --only target~price-list --every --target 40"
    )]
    Set(Box<NewGoal>),
    /// Remove one, and what was counted for it
    Remove {
        /// As `goal list` names it: goal_…
        id: GoalId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct NewGoal {
    /// What it is called, 1 to 60 characters
    name: String,
    /// The kind of event it counts: cart_added, downloaded, ordered …
    kind: String,
    /// macro: what the shop lives from; micro: a step on the way
    #[arg(long, default_value = "micro")]
    class: String,
    /// Only events whose target, product or page contains (~) or is (=) this: target~price-list
    #[arg(long)]
    only: Option<String>,
    /// What one is worth: an amount and its currency, as in "12.50 EUR", or told, what its event or order says
    #[arg(long)]
    worth: Option<String>,
    /// Count every time, not once a day per visitor
    #[arg(long)]
    every: bool,
    /// How many a month are wanted
    #[arg(long)]
    target: Option<u64>,
    /// Change this one instead of adding one: goal_…
    #[arg(long)]
    id: Option<GoalId>,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    form: Form,
}

/// Funnels.
#[derive(clap::Subcommand)]
pub enum Funnel {
    /// Saved funnels with how many visitors came how far
    #[command(after_help = "Example: cartback funnel list --days 7 --json")]
    List(Asked),
    /// Add a funnel, or change one
    #[command(
        after_help = "Example: cartback funnel set 'To a price list' page_viewed:page=/prices downloaded:target~price-list --days 7"
    )]
    Set {
        /// What it is called, 1 to 60 characters
        name: String,
        /// 2 to 10 kinds of event in their order; each may look closer: downloaded:target~price-list
        #[arg(required = true, num_args = 2..=10)]
        steps: Vec<String>,
        /// No other step of the funnel may happen in between
        #[arg(long)]
        strict: bool,
        /// From the first step to the last one: 1 to 90 days
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=90))]
        days: u32,
        /// Change this one instead of adding one: fun_…
        #[arg(long)]
        id: Option<FunnelId>,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Remove one
    Remove {
        /// As `funnel list` names it: fun_…
        id: FunnelId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
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
    match command {
        Command::List(asked) => list(core, asked).await,
        Command::Presets { form } => Ok((ready_made(), *form)),
        Command::Preset { business, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let Some(business) = presets().iter().find(|known| known.id == *business) else {
                bail!(Missing(format!("there are no ready-made goals for {business}: see `goal presets`")));
            };
            let known = all(core, shop).await?;
            let is_new =
                |plan: &&Plan| known.iter().all(|goal| goal.plan.kind != plan.kind || goal.plan.only != plan.only);
            let plans: Vec<Plan> = business.goals.iter().filter(is_new).cloned().collect();
            let added = goal::keep(core, shop, None, &plans).await?.unwrap_or_default();
            let words = format!("Added {} of {}; the others were there.", added.len(), business.goals.len());
            Ok((Said::new(words, json!({ "goals": added })), *form))
        }
        Command::Set(typed) => {
            let shop = chosen_shop(core, typed.shop).await?;
            let Some(kept) = goal::keep(core, shop, typed.id, &[typed.plan()?]).await? else {
                bail!(Missing("there is no such goal".to_owned()));
            };
            let id = kept.first().map(ToString::to_string).unwrap_or_default();
            Ok((Said::new(format!("Kept: {id}."), json!({ "goal": id })), typed.form))
        }
        Command::Remove { id, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            if !goal::remove(core, shop, *id).await? {
                bail!(Missing(format!("there is no goal {id}")));
            }
            Ok((Said::new("Removed.", json!({ "removed": true })), *form))
        }
    }
}

async fn all(core: &Core, shop: ShopId) -> anyhow::Result<Vec<crate::domain::goal::Goal>> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    Ok(store::goal::list(&mut read, &keys).await?)
}

fn ready_made() -> Said {
    let mut words = String::new();
    for business in presets() {
        let _ = writeln!(words, "{}: {}\n  {}", business.id, business.name, business.guide);
        for plan in &business.goals {
            let _ = writeln!(words, "  {} {} ({})", class(plan), plan.name, plan.kind.name());
        }
    }
    let told = presets().iter().map(|business| {
        json!({
            "business": business.id,
            "name": business.name,
            "guide": business.guide,
            "goals": business.goals,
        })
    });
    Said::new(words.trim_end(), told.collect())
}

fn class(plan: &Plan) -> &'static str {
    if plan.class == Class::Macro { "macro" } else { "micro" }
}

/// A word as the domain spells it.
fn word<T: DeserializeOwned>(what: &str, typed: &str) -> anyhow::Result<T> {
    serde_json::from_value(Value::from(typed)).map_err(|_| Wrong(format!("{what}: {typed} is none")).into())
}

/// `target~price-list`, `page=/prices`.
fn only(typed: &str) -> anyhow::Result<Only> {
    let found = typed.find(['~', '=']).map(|at| (typed.get(..at), typed.get(at..at + 1), typed.get(at + 1..)));
    let Some((Some(field), Some(how), Some(text))) = found else {
        bail!(Wrong(format!("{typed}: must be a part, ~ or =, and a text, as in target~price-list")));
    };
    let how = if how == "=" { How::Equals } else { How::Contains };
    Ok(Only { field: word("the part", field)?, how, text: text.to_owned() })
}

/// `downloaded`, `downloaded:target~price-list`.
fn step(typed: &str) -> anyhow::Result<Step> {
    let (kind, closer) = typed.split_once(':').map_or((typed, None), |(kind, closer)| (kind, Some(closer)));
    Ok(Step { kind: word("the kind of event", kind)?, only: closer.map(only).transpose()? })
}

impl NewGoal {
    fn plan(&self) -> anyhow::Result<Plan> {
        let worth = match self.worth.as_deref().map(str::trim) {
            None => Worth::Nothing,
            Some("told") => Worth::AsTold,
            Some(typed) => {
                let said =
                    || Wrong(format!("--worth {typed}: must be an amount and its currency, as in \"12.50 EUR\""));
                let (amount, code) = typed.split_once(' ').ok_or_else(said)?;
                let currency = Currency::parse(code.trim()).map_err(|_| said())?;
                Worth::Fixed(currency.minor(amount).map_err(|_| said())?, currency.to_string())
            }
        };
        Ok(Plan {
            name: self.name.clone(),
            class: word("--class", &self.class)?,
            kind: word::<Kind>("the kind of event", &self.kind)?,
            only: self.only.as_deref().map(only).transpose()?,
            worth,
            count: if self.every { Count::Every } else { Count::OnceADay },
            target: self.target,
        })
    }
}

async fn list(core: &Core, asked: &Asked) -> anyhow::Result<(Said, Form)> {
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
        let class = class(&goal.plan);
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

pub async fn run_funnel(core: &Core, command: &Funnel) -> anyhow::Result<(Said, Form)> {
    match command {
        Funnel::List(asked) => funnels(core, asked).await,
        Funnel::Set { name, steps, strict, days, id, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let steps = steps.iter().map(|typed| step(typed)).collect::<Result<_, _>>()?;
            let way = Way { name: name.trim().to_owned(), steps, strict: *strict, window_minutes: days * 24 * 60 };
            let Some(kept) = goal::keep_funnel(core, shop, *id, &way).await? else {
                bail!(Missing("there is no such funnel".to_owned()));
            };
            Ok((Said::new(format!("Kept: {kept}."), json!({ "funnel": kept })), *form))
        }
        Funnel::Remove { id, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            if !goal::remove_funnel(core, shop, *id).await? {
                bail!(Missing(format!("there is no funnel {id}")));
            }
            Ok((Said::new("Removed.", json!({ "removed": true })), *form))
        }
    }
}

async fn funnels(core: &Core, asked: &Asked) -> anyhow::Result<(Said, Form)> {
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
