//! `cartback risk` and `cartback halt`: what is held against fake checkouts and runaway spend, resuming it, and the kill
//! switch.

use std::fmt::Write;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::id::ShopId,
    pipeline::{
        Core, guard,
        held::{self, Held},
    },
    store,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// What is held, why and how many; what was spent today
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        form: Form,
    },
    /// Let something paused be texted again
    Resume {
        /// As risk list shows it: breaker, prefix-…, country-…
        id: String,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Of {
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

#[derive(clap::Args)]
pub struct Halt {
    /// Why, for whoever asks later
    #[arg(long, default_value = "stopped by the operator")]
    why: String,
    /// Take it back: everything that waited is asked again at once
    #[arg(long, conflicts_with = "why")]
    off: bool,
    #[command(flatten)]
    pub form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { of, form } => Ok((list(core, chosen_shop(core, of.shop).await?).await?, *form)),
        Command::Resume { id, of, form } => Ok((resume(core, chosen_shop(core, of.shop).await?, id).await?, *form)),
    }
}

pub async fn halt(core: &Core, args: &Halt) -> anyhow::Result<Said> {
    if args.off {
        let lifted = guard::lift(core).await?;
        let words = if lifted { "Sending goes on: what waited is asked again now." } else { "Nothing was stopped." };
        return Ok(Said::new(words, json!({ "halted": false, "changed": lifted })));
    }
    let why = args.why.trim();
    if why.is_empty() {
        bail!(Wrong("--why: must say something".into()));
    }
    guard::halt(core, why).await?;
    let words = "Nothing is sent any more, by any shop, until: cartback halt --off";
    Ok(Said::new(words, json!({ "halted": true, "changed": true, "why": why })))
}

async fn list(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let held = held::held(&mut read, core, &shop, &keys).await?;
    Ok(Said { well: held.halt.is_none() && held.pauses.is_empty(), ..Said::new(words(&held), as_json(&held)) })
}

fn words(held: &Held) -> String {
    let mut text = String::new();
    if let Some(halt) = &held.halt {
        let _ = writeln!(text, "All sending is stopped since {}: {}", halt.at, halt.why);
    }
    let (spent, most) = (money(held.spent_micros), money(held.limits.spend_per_day_micros));
    let _ = writeln!(text, "Spent today: {spent} of at most {most}, in the money the gateway charges in.");
    if held.pauses.is_empty() {
        text.push_str("Nothing is paused.\n");
    } else {
        let mut paused = table(&["paused", "numbers", "since", "why"]);
        for pause in &held.pauses {
            paused.add_row([pause.name(), pause.label.clone(), pause.at.to_string(), pause.why.clone()]);
        }
        let _ = writeln!(text, "\n{paused}\nLet one be texted again with: cartback risk resume <paused>");
    }
    if !held.holds.is_empty() {
        let mut waiting = table(&["carts", "texts", "wait because"]);
        for hold in &held.holds {
            waiting.add_row([hold.carts.to_string(), hold.texts.to_string(), hold.why.clone()]);
        }
        let _ = writeln!(text, "\n{waiting}");
    }
    text
}

fn as_json(held: &Held) -> Value {
    let pauses: Vec<Value> = held
        .pauses
        .iter()
        .map(
            |pause| json!({ "id": pause.name(), "numbers": pause.label, "at": pause.at.to_string(), "why": pause.why }),
        )
        .collect();
    let holds: Vec<Value> =
        held.holds.iter().map(|hold| json!({ "why": hold.why, "carts": hold.carts, "texts": hold.texts })).collect();
    json!({
        "halted": held.halt.as_ref().map(|halt| json!({ "at": halt.at.to_string(), "why": halt.why })),
        "spent_today_micros": held.spent_micros,
        "spend_per_day_micros": held.limits.spend_per_day_micros,
        "paused": pauses,
        "held": holds,
    })
}

/// Millionths with two decimals, cut off: what is nearly spent is not shown as spent.
fn money(micros: i64) -> String {
    format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000)
}

async fn resume(core: &Core, shop: ShopId, id: &str) -> anyhow::Result<Said> {
    let Some((kind, key)) = store::guard::named(id) else {
        bail!(Wrong(format!("{id}: must be as `cartback risk list` shows it")));
    };
    if !guard::resume(core, shop, kind, &key).await? {
        bail!("{id} is not paused");
    }
    Ok(Said::new("Texted again from now on; what waited is asked again at once.", json!({ "resumed": id })))
}
