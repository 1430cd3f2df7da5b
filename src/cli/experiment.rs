//! `cartback experiment`: ways of saying a step against each other, what they come to, and taking the winner over.

use std::fmt::Write;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, table};
use crate::{
    domain::{
        experiment::{Arm, Change, Goal, Plan, Report},
        id::{ExperimentId, ShopId},
        money::Money,
    },
    pipeline::{Core, experiment},
    store::{self, experiment::Experiment},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Every experiment
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// What its arms come to
    Show {
        /// As `experiment list` names it: exp_…
        id: ExperimentId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Begin one, on carts left from now on. The step as it stands is the first arm
    #[command(after_help = "Example: cartback experiment start Later eu 1 --arm later=after:180 --goal order")]
    Start {
        /// What it is called, 1 to 64 characters
        name: String,
        /// The id of the sequence
        sequence: String,
        /// 1 is the first
        step: u32,
        /// NAME=CHANGE, again for each arm; a change is after:MINUTES, words:TEXT, discount:PERCENT or no-discount
        #[arg(long, required = true)]
        arm: Vec<String>,
        /// What it is judged by: tap or order
        #[arg(long, default_value = "order")]
        goal: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// End one without taking anything over
    Stop {
        /// As `experiment list` names it: exp_…
        id: ExperimentId,
        /// Why, for those who look later
        #[arg(long, default_value = "")]
        why: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Take an arm's way over for carts left from now on, and end it
    Use {
        /// As `experiment list` names it: exp_…
        id: ExperimentId,
        /// Its name
        arm: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            let mut read = core.db.read().await?;
            let keys = core.vault.keys(&mut read, id).await?;
            let all = store::experiment::list(&mut read, &keys).await?;
            let mut lines = table(&["experiment", "name", "step", "goal", "arms", "begun", "ended"]);
            for each in &all {
                lines.add_row([
                    each.id.to_string(),
                    each.plan.name.clone(),
                    format!("{} {}", each.plan.sequence, each.plan.step),
                    each.plan.goal.name().to_owned(),
                    each.plan.arms.len().to_string(),
                    each.started_at.to_string(),
                    each.ended_at.map(|at| at.to_string()).unwrap_or_default(),
                ]);
            }
            let words = if all.is_empty() { "There is no experiment.".to_owned() } else { lines.to_string() };
            Ok((Said::new(words, all.iter().map(head).collect()), *form))
        }
        Command::Show { id, shop, form } => {
            let (experiment, report) = found(core, *id, *shop).await?;
            let mut told = head(&experiment);
            if let Some(map) = told.as_object_mut() {
                map.insert("report".to_owned(), serde_json::to_value(&report)?);
            }
            Ok((Said::new(words(&experiment, &report), told), *form))
        }
        Command::Start { name, sequence, step, arm, goal, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            let Some(goal) = Goal::ALL.into_iter().find(|known| known.name() == goal) else {
                bail!(Wrong(format!("--goal {goal}: it is tap or order")));
            };
            let mut arms = vec![Arm { name: "as it is".to_owned(), weight: 1, change: Change::Nothing }];
            for typed in arm {
                let Some((name, change)) = typed.split_once('=') else {
                    bail!(Wrong(format!("--arm {typed}: must be NAME=CHANGE")));
                };
                let (kind, value) = change.split_once(':').unwrap_or((change, ""));
                let change = Change::typed(kind, value).map_err(|why| Wrong(format!("--arm {typed}: {why}")))?;
                arms.push(Arm { name: name.trim().to_owned(), weight: 1, change });
            }
            let plan = Plan { name: name.clone(), sequence: sequence.clone(), step: *step, goal, arms };
            let begun = experiment::begin(core, id, &plan, "").await?;
            Ok((Said::new(format!("Begun: {begun}."), json!({ "experiment": begun.to_string() })), *form))
        }
        Command::Stop { id, why, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            if !experiment::stop(core, shop, *id, why).await? {
                bail!(Missing(format!("no experiment {id} is running")));
            }
            Ok((Said::new("Stopped.", json!({ "stopped": true })), *form))
        }
        Command::Use { id, arm, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            let (experiment, _) = found(core, *id, Some(shop)).await?;
            let Some(place) = experiment.plan.arms.iter().position(|known| known.name == *arm) else {
                bail!(Missing(format!("{id} has no arm {arm}")));
            };
            if !experiment::use_arm(core, shop, *id, place).await? {
                bail!(Missing(format!("no experiment {id} is running")));
            }
            Ok((Said::new(format!("“{arm}” is taken over."), json!({ "used": arm })), *form))
        }
    }
}

async fn found(core: &Core, id: ExperimentId, shop: Option<ShopId>) -> anyhow::Result<(Experiment, Report)> {
    let shop = chosen_shop(core, shop).await?;
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let all = store::experiment::list(&mut read, &keys).await?;
    let Some(experiment) = all.into_iter().find(|each| each.id == id) else {
        bail!(Missing(format!("there is no experiment {id}")));
    };
    let report = experiment::report(&mut read, &keys, &experiment, core.now()).await?;
    Ok((experiment, report))
}

fn head(each: &Experiment) -> Value {
    json!({
        "experiment": each.id.to_string(), "plan": each.plan, "started_at": each.started_at.to_string(),
        "ended_at": each.ended_at.map(|at| at.to_string()), "why": each.why, "winner": each.winner,
    })
}

fn words(each: &Experiment, report: &Report) -> String {
    let plan = &each.plan;
    let mut words = format!(
        "{}: text {} of {}, judged by {} within {} days\n",
        plan.name,
        plan.step,
        plan.sequence,
        plan.goal.name(),
        plan.goal.days()
    );
    if report.is_broken() {
        let _ =
            writeln!(words, "The split is not the one that was drawn (p = {:.6}): believe no figure.", report.split);
    }
    let mut lines = table(&["arm", "people", "reached", "difference", "holds at every look", "opted out", "it shows"]);
    for arm in &report.arms {
        let points = |rate: f64| format!("{:+.2}", rate * 100.0);
        lines.add_row([
            arm.name.clone(),
            arm.people.to_string(),
            format!("{} of {}", arm.rate.hits, arm.rate.of),
            arm.difference.map(|(found, _)| points(found)).unwrap_or_default(),
            arm.difference
                .filter(|(_, safe)| safe.low.is_finite())
                .map(|(_, safe)| format!("{} to {}", points(safe.low), points(safe.high)))
                .unwrap_or_default(),
            arm.opted_out.to_string(),
            match (arm.stopped, arm.call) {
                (true, _) => "stopped".to_owned(),
                (false, Some(call)) => call.name().replace('_', " "),
                (false, None) => "what others are compared with".to_owned(),
            },
        ]);
    }
    let _ = write!(words, "\n{lines}\n");
    for arm in &report.arms {
        for margin in &arm.margins {
            let money = |minor: i64| Money::new(minor, margin.currency).to_string();
            let within = margin.interval.map_or_else(
                || "too few buyers for an interval".to_owned(),
                |(low, high)| format!("{} to {}", money(low), money(high)),
            );
            let _ = writeln!(
                words,
                "{}: leaves {} more for every 100 people ({within}); its codes took off {}.",
                arm.name,
                money(margin.per_hundred),
                money(margin.discount)
            );
        }
    }
    if let Some(more) = report.more {
        let _ = writeln!(words, "Not enough data yet: about {more} more carts.");
    }
    words.push_str("\nDifferences are in points of the rate; people are counted when their days are over.");
    words
}
