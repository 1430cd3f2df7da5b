//! `cartback audit`: our books against the shop's.

mod file;

use std::{collections::BTreeMap, fmt::Write};

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, moment, no_shop, table};
use crate::{
    domain::{
        audit::{Finding, Kind, Limits, Outcome, Summary, Told},
        hours,
        id::{FindingId, ShopId},
        time::{DAY, Time},
    },
    pipeline::{
        Core,
        audit::{self, NotBegun},
        zone_of,
    },
    store::{
        self,
        audit::{
            finding::{Kept, State},
            run::{Purpose, Run},
        },
    },
    transact,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Fetch the shop's orders and compare them with ours, in the background while the service runs
    #[command(after_help = "Example: cartback audit run --days 90
It runs every night by itself, over 30 days; another time is set by CARTBACK_RECURRING_AUDIT, as 0 50 3 * * *.")]
    Run {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// Orders placed within so many of the shop's own days, today included: 1 to 366
        #[arg(long, default_value_t = audit::NIGHT_DAYS, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// Orders placed from this moment on, as 2026-03-01, instead of --days
        #[arg(long, value_parser = moment)]
        from: Option<Time>,
        /// Orders placed before this moment; left out, up to an hour ago
        #[arg(long, value_parser = moment)]
        to: Option<Time>,
        #[command(flatten)]
        form: Form,
    },
    /// The runs so far, the newest first, and how far the books were apart
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// What differs: each finding with its likely cause and how to mend it
    Show {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// open, mended or ignored
        #[arg(long, default_value = "open", value_parser = state)]
        state: State,
        /// Only findings of this kind, as missing_here
        #[arg(long, value_parser = kind)]
        kind: Option<Kind>,
        #[command(flatten)]
        form: Form,
    },
    /// Fetch the orders of open findings and read them in, in the background while the service runs
    Fill {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Stop a run where it is
    Cancel {
        /// As list shows it
        run: i64,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Let a finding stand, with the reason; or look at it again
    #[command(after_help = "Example: cartback audit ignore find_01… --why 'deleted in the shop on purpose'")]
    Ignore {
        /// find_…
        finding: FindingId,
        /// Why it may stand: 1 to 500 characters
        #[arg(long, default_value = "")]
        why: String,
        /// Open it again
        #[arg(long)]
        undo: bool,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// What counts as a small and as a large gap; shows or sets it
    #[command(after_help = "Example: cartback audit limits --small 100 --large 500")]
    Limits {
        /// Up to here the books agree well enough, in hundredths of a per cent
        #[arg(long)]
        small: Option<u32>,
        /// From here on it is a red flag, in hundredths of a per cent
        #[arg(long)]
        large: Option<u32>,
        /// Amounts this close are the same, in the currency's smallest unit: 0 to 1000
        #[arg(long)]
        rounding: Option<i64>,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Compare a file of the shop's orders, as any shop exports it, with our books
    #[command(after_help = "Examples:
  cartback audit csv orders_export.csv
  cartback audit csv orders_export.csv --fill
  cartback audit csv bestellungen.csv --column total=Gesamtsumme --decimal , --days day-first
Exit code 1 when the gap is a red flag.")]
    Csv(file::Csv),
}

fn state(typed: &str) -> Result<State, String> {
    State::ALL.into_iter().find(|state| state.name() == typed).ok_or_else(|| "must be open, mended or ignored".into())
}

fn kind(typed: &str) -> Result<Kind, String> {
    let all = || Kind::ALL.map(Kind::name).join(", ");
    Kind::parse(typed).ok_or_else(|| format!("must be one of {}", all()))
}

/// Findings told in full; of more there is only the number.
const TOLD_MOST: usize = 50;
const RUNS_MOST: u32 = 60;
const PAGE: u32 = 500;

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Run { shop, days, from, to, form } => {
            let id = chosen_shop(core, *shop).await?;
            Ok((begin(core, id, *days, (*from, *to)).await?, *form))
        }
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Show { shop, state, kind, form } => {
            Ok((show(core, chosen_shop(core, *shop).await?, *state, *kind).await?, *form))
        }
        Command::Fill { shop, form } => Ok((fill(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Cancel { run, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            if !audit::cancel(core, id, *run).await? {
                bail!(Missing(format!("no run {run} is under way")));
            }
            Ok((Said::new("Stopped. What was fetched by then is still read.", json!({ "run": run })), *form))
        }
        Command::Ignore { finding, why, undo, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            Ok((ignore(core, id, *finding, (why, *undo)).await?, *form))
        }
        Command::Limits { small, large, rounding, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            Ok((limits(core, id, (*small, *large, *rounding)).await?, *form))
        }
        Command::Csv(args) => Ok((file::compare(core, args).await?, args.form)),
    }
}

fn not_begun(id: ShopId, why: NotBegun) -> anyhow::Error {
    match why {
        NotBegun::NoShop => no_shop(id),
        NotBegun::Cannot(why) => anyhow!(Wrong(why)),
        NotBegun::Running(run) => anyhow!("one is running already: {run}; stop it with: cartback audit cancel {run}"),
        NotBegun::Store(error) => error.into(),
    }
}

async fn begin(core: &Core, id: ShopId, days: u32, span: (Option<Time>, Option<Time>)) -> anyhow::Result<Said> {
    let shop = core.shop(&mut core.db.read().await?, id).await?.map(|(shop, _)| shop).ok_or_else(|| no_shop(id))?;
    let zone = zone_of(&shop);
    let now = core.now();
    let from = span.0.unwrap_or_else(|| hours::start_of_day(&zone, hours::day_of(&zone, now - DAY * (days - 1))));
    let run = audit::begin(core, id, (from, span.1.unwrap_or(now)), BY).await.map_err(|why| not_begun(id, why))?;
    let words = format!("Run {run} has begun. It goes on while cartback serve runs; see: cartback audit list");
    Ok(Said::new(words, json!({ "run": run, "from": from.to_string() })))
}

/// Who it was, where no page was used.
const BY: &str = "command line";

fn summary(run: &Run) -> Option<Summary> {
    serde_json::from_str(&run.outcome).ok()
}

async fn list(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let mut runs = Vec::new();
    for purpose in [Purpose::Compare, Purpose::Fill, Purpose::Heal, Purpose::Carts] {
        runs.extend(store::audit::run::newest(&mut read, id, purpose, RUNS_MOST).await?);
    }
    runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
    let mut lines = table(&["run", "what", "begun", "by", "orders", "state", "drift", "gap"]);
    for run in &runs {
        let found = summary(run);
        lines.add_row([
            run.id.to_string(),
            run.purpose.name().to_owned(),
            run.begun_at.to_string(),
            run.by.clone(),
            match run.total {
                0 => run.done.to_string(),
                total => format!("{} of {total}", run.done),
            },
            state_of(run),
            found.as_ref().map_or(String::new(), |found| share(found.score.drift())),
            found.as_ref().map_or(String::new(), |found| found.grade.name().to_owned()),
        ]);
    }
    let words =
        if runs.is_empty() { "Nothing yet. Begin with: cartback audit run".to_owned() } else { lines.to_string() };
    let json = runs.iter().map(|run| {
        json!({
            "run": run.id,
            "purpose": run.purpose.name(),
            "by": run.by,
            "begun_at": run.begun_at.to_string(),
            "from": run.from.to_string(),
            "to": run.to.to_string(),
            "pages": run.pages,
            "orders": run.done,
            "of": run.total,
            "ended_at": run.ended_at.map(|at| at.to_string()),
            "cancelled_at": run.cancelled_at.map(|at| at.to_string()),
            "problem": run.problem,
            "outcome": summary(run),
        })
    });
    Ok(Said::new(words, json.collect()))
}

fn state_of(run: &Run) -> String {
    match (run.cancelled_at, run.ended_at) {
        (Some(_), _) => "stopped".to_owned(),
        (None, Some(_)) if run.problem.is_empty() => "done".to_owned(),
        (None, Some(_)) => run.problem.clone(),
        (None, None) => "running".to_owned(),
    }
}

async fn show(core: &Core, id: ShopId, state: State, kind: Option<Kind>) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let mut kept: Vec<Kept> = Vec::new();
    let mut after = FindingId::new(0);
    loop {
        let page = store::audit::finding::list(&mut read, id, state, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.id;
        kept.extend(page.into_iter().filter(|each| kind.is_none_or(|kind| kind == each.finding.kind)));
    }
    let mut words = format!("{} {}\n", kept.len(), state.name());
    let mut by_kind: BTreeMap<Kind, Vec<&Kept>> = BTreeMap::new();
    for each in &kept {
        by_kind.entry(each.finding.kind).or_default().push(each);
    }
    for (kind, findings) in by_kind {
        let _ = writeln!(words, "\n{}: {}\n  {}\n  {}", kind.title(), findings.len(), kind.cause(), kind.mend());
        let mut lines = table(&["finding", "order", "ours", "the shop's", "since", "why it stands"]);
        for each in findings.iter().take(TOLD_MOST) {
            lines.add_row([
                each.id.to_string(),
                each.finding.number.clone(),
                told(&each.finding.ours),
                told(&each.finding.theirs),
                each.first_at.to_string(),
                each.reason.clone(),
            ]);
        }
        let _ = writeln!(words, "{lines}");
        if findings.len() > TOLD_MOST {
            let _ = writeln!(words, "  and {} more", findings.len() - TOLD_MOST);
        }
    }
    let json = kept.iter().map(|each| {
        let mut one = finding_json(&each.finding);
        if let Some(fields) = one.as_object_mut() {
            fields.insert("finding".into(), json!(each.id));
            fields.insert("state".into(), json!(each.state.name()));
            fields.insert("first_at".into(), json!(each.first_at.to_string()));
            fields.insert("seen_at".into(), json!(each.seen_at.to_string()));
            fields.insert("reason".into(), json!(each.reason));
            fields.insert("by".into(), json!(each.by));
        }
        one
    });
    Ok(Said::new(words, json.collect()))
}

async fn fill(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let (run, total) = audit::fill(core, id, BY).await.map_err(|why| not_begun(id, why))?;
    let words = format!(
        "Run {run} fetches {total} orders while cartback serve runs, and compares again when it is done; see: cartback \
         audit list"
    );
    Ok(Said::new(words, json!({ "run": run, "orders": total })))
}

/// A reason is a sentence, not an essay.
const WHY_CHARS_MAX: usize = 500;

async fn ignore(core: &Core, id: ShopId, finding: FindingId, (why, undo): (&str, bool)) -> anyhow::Result<Said> {
    let why = why.trim();
    if !undo && (why.is_empty() || why.chars().count() > WHY_CHARS_MAX) {
        bail!(Wrong("--why: must be given, with 1 to 500 characters".into()));
    }
    let now = core.now();
    let (state, reason) = if undo { (State::Open, "") } else { (State::Ignored, why) };
    let kept = (reason, BY);
    let set = transact!(core.db, |tx| store::audit::finding::set(tx, id, finding, state, kept, now).await?)?;
    if !set {
        bail!(Missing(format!("there is no finding {finding}")));
    }
    let words = if undo { "Open again." } else { "It may stand; the next run leaves it alone." };
    Ok(Said::new(words, json!({ "finding": finding, "state": state.name() })))
}

async fn limits(
    core: &Core,
    id: ShopId,
    (small, large, rounding): (Option<u32>, Option<u32>, Option<i64>),
) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((_, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let before = store::audit::run::limits(&mut read, &keys).await?;
    drop(read);
    let after = Limits {
        rounding_minor: rounding.unwrap_or(before.rounding_minor),
        small: small.unwrap_or(before.small),
        large: large.unwrap_or(before.large),
    };
    if let Some(problem) = after.problem() {
        bail!(Wrong(format!("--{problem}")));
    }
    if after != before {
        transact!(core.db, |tx| store::audit::run::set_limits(tx, &keys, &after).await?)?;
    }
    let words = format!(
        "small gap up to {}, red flag from {}, amounts within {} are the same",
        share(after.small),
        share(after.large),
        after.rounding_minor
    );
    Ok(Said::new(words, json!(after)))
}

/// One side of a difference, as people read it.
fn told(told: &Told) -> String {
    match told {
        Told::Nothing => "-".to_owned(),
        Told::Money(money) => money.to_string(),
        Told::At(at) => at.to_string(),
        Told::On(day) => day.to_string(),
        Told::State(state) => state.words().to_owned(),
        Told::Times(times) => format!("{times}×"),
    }
}

/// Hundredths of a per cent as per cent.
fn share(hundredths: u32) -> String {
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn outcome_words(outcome: &Outcome) -> String {
    let score = &outcome.score;
    let mut words = format!(
        "{} of {} orders differ: drift {} of orders, {} of value ({})\n",
        score.faulty,
        score.compared,
        share(score.by_orders),
        share(score.by_value),
        outcome.grade.name()
    );
    let _ = writeln!(words, "bought in the span: {} in our books, {} in the shop's", outcome.ours, outcome.theirs);
    let mut by_kind: BTreeMap<_, Vec<&Finding>> = BTreeMap::new();
    for finding in &outcome.findings {
        by_kind.entry(finding.kind).or_default().push(finding);
    }
    for (kind, findings) in by_kind {
        let _ = writeln!(words, "\n{}: {}\n  {}\n  {}", kind.title(), findings.len(), kind.cause(), kind.mend());
        let mut lines = table(&["order", "ours", "the shop's"]);
        for finding in findings.iter().take(TOLD_MOST) {
            lines.add_row([finding.number.clone(), told(&finding.ours), told(&finding.theirs)]);
        }
        let _ = writeln!(words, "{lines}");
        if findings.len() > TOLD_MOST {
            let _ = writeln!(words, "  and {} more", findings.len() - TOLD_MOST);
        }
    }
    words
}

fn outcome_json(outcome: &Outcome) -> Value {
    json!({
        "grade": outcome.grade.name(),
        "drift_hundredths": outcome.score.drift(),
        "by_orders_hundredths": outcome.score.by_orders,
        "by_value_hundredths": outcome.score.by_value,
        "compared": outcome.score.compared,
        "faulty": outcome.score.faulty,
        "ours": outcome.ours,
        "theirs": outcome.theirs,
        "sums": outcome.sums,
        "findings": outcome.findings.iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.name(),
        "external_id": finding.external_id,
        "number": finding.number,
        "order": finding.order,
        "ours": finding.ours,
        "theirs": finding.theirs,
        "gap_minor": finding.gap.map(|gap| gap.minor),
        "gap_currency": finding.gap.map(|gap| gap.currency.code().to_owned()),
        "cause": finding.kind.cause(),
        "mend": finding.kind.mend(),
    })
}
