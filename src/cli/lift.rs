//! `cartback lift`: what the texts really earned, from the people deliberately not texted. The figures are worked out when
//! asked for, of everybody whose days are over; `--json` answers `domain::lift::Report` with its run.

use std::fmt::Write;

use serde_json::json;

use super::{Form, Missing, Said, chosen_shop, table};
use crate::{
    domain::{
        holdout::Run,
        id::ShopId,
        lift::{Call, Lift, Report},
        money::{Currency, Money},
        report::micros,
        stats::Interval,
    },
    pipeline::{Core, holdout},
    store,
};

#[derive(clap::Args)]
pub struct Args {
    /// Which shop; left out, the only one there is
    #[arg(long)]
    shop: Option<ShopId>,
    /// An earlier comparison, by its number [default: the newest]
    #[arg(long)]
    run: Option<u64>,
    #[command(flatten)]
    pub form: Form,
}

pub async fn run(core: &Core, args: &Args) -> anyhow::Result<Said> {
    let id = chosen_shop(core, args.shop).await?;
    let mut read = core.db.read().await?;
    let runs = store::holdout::runs(&mut read, id).await?;
    let found = match args.run {
        Some(wanted) => {
            let found = runs.iter().find(|run| run.id == wanted).copied();
            Some(found.ok_or_else(|| Missing(format!("there is no comparison {wanted}")))?)
        }
        None => runs.first().copied(),
    };
    let Some(found) = found else {
        let words = "Nobody is held out, so what texts earn on top cannot be told. Hold out a share of people with\n\
                     cartback shop set SHOP holdout_percent=10";
        return Ok(Said::new(words.to_owned(), json!({ "runs": [] })));
    };
    let report = holdout::report(&mut read, id, found.id).await?;
    let report = report.ok_or_else(|| Missing(format!("there is no comparison {}", found.id)))?;
    let told = |run: &Run| {
        json!({
            "run": run.id, "percent": run.percent, "started_at": run.started_at.to_string(),
            "ended_at": run.ended_at.map(|at| at.to_string()),
        })
    };
    let runs: Vec<_> = runs.iter().map(told).collect();
    Ok(Said::new(words(&found, &report), json!({ "runs": runs, "report": report })))
}

fn words(run: &Run, report: &Report) -> String {
    let until = run.ended_at.map_or_else(|| "now".to_owned(), |at| at.to_string());
    let mut words = format!(
        "Comparison {}: {} % held out, {} to {until}. {} people may be texted, {} are held out.\n",
        run.id, run.percent, run.started_at, report.texted, report.held
    );
    if report.is_broken() {
        let _ =
            writeln!(words, "The split is not the one that was drawn (p = {:.6}): believe no figure.", report.split);
    }
    let mut lines = table(&["within", "texted who ordered", "held out who ordered", "orders on top", "it shows"]);
    for lift in &report.lifts {
        let orders = lift.orders.filter(|_| lift.texted.of > 0).map_or_else(String::new, |orders| {
            let Interval { low, high } = orders.interval;
            format!("{:+.0} ({low:+.0} to {high:+.0})", orders.extra)
        });
        lines.add_row([
            format!("{} days", lift.days),
            format!("{} of {}", lift.texted.hits, lift.texted.of),
            format!("{} of {}", lift.held.hits, lift.held.of),
            orders,
            shows(lift),
        ]);
    }
    let _ = write!(words, "\n{lines}\n");
    let mut lines = table(&["within", "money", "net on top", "95 %", "texts cost", "left after texts"]);
    for lift in &report.lifts {
        for money in &lift.money {
            let shown = |minor: i64| Money::new(minor, money.currency).amount();
            let range = |range: Option<(i64, i64)>| {
                range.map_or_else(
                    || "too few buyers".to_owned(),
                    |(low, high)| format!("{} to {}", shown(low), shown(high)),
                )
            };
            lines.add_row([
                format!("{} days", lift.days),
                money.currency.code().to_owned(),
                shown(money.extra),
                range(money.interval),
                costs(lift, money.currency),
                shown(money.gain().0),
            ]);
        }
    }
    if report.lifts.iter().any(|lift| !lift.money.is_empty()) {
        let _ = write!(words, "\n{lines}\n");
    }
    words.push_str(
        "\nIn brackets the 95 % interval of a single look. What it shows is said by a wider one that stays true however\n\
         often you look.",
    );
    words
}

fn costs(lift: &Lift, currency: Currency) -> String {
    let of = lift.costs.iter().find(|(code, _)| *code == currency);
    of.map_or_else(|| "0".to_owned(), |(_, cost)| micros(*cost))
}

fn shows(lift: &Lift) -> String {
    let more = lift.more.map_or_else(String::new, |more| format!(", about {more} more carts"));
    match lift.call {
        Call::Broken => "nothing: the split is broken".to_owned(),
        Call::TooFew => format!("not enough data yet{more}"),
        Call::NotShown => format!("no difference yet{more}"),
        Call::Earns => "texts bring orders".to_owned(),
        Call::Loses => "texts cost orders".to_owned(),
    }
}
