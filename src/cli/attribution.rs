//! `cartback attribution`: the same orders under every rule, and the windows of the headline.

use std::fmt::Write;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::{Form, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        attribution::{Windows, lens::Sums},
        hours,
        id::ShopId,
        money::Money,
        rules::Rules,
    },
    pipeline::{
        Core,
        compare::{self, Compared, Row},
        recredit::{self, Progress},
        report::DAYS_MAX,
        zone_of,
    },
    store::shop::Shop,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The orders of a period under every rule, side by side; the headline is `strict`
    #[command(after_help = "Example: cartback attribution compare --days 90 --click-hours 24 --sent-hours 0")]
    Compare {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// How many days up to and including the shop's today
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
        days: u32,
        /// The first day, YYYY-MM-DD, instead of so many days back
        #[arg(long, conflicts_with = "days")]
        from: Option<Date>,
        /// The last day, YYYY-MM-DD [default: the shop's today]
        #[arg(long, requires = "from")]
        to: Option<Date>,
        /// Try out other hours after a tap; nothing is changed
        #[arg(long, requires = "sent_hours")]
        click_hours: Option<u32>,
        /// Try out other hours after an untapped text; nothing is changed
        #[arg(long, requires = "click_hours")]
        sent_hours: Option<u32>,
        #[command(flatten)]
        form: Form,
    },
    /// Change the hours within which an order is credited; all history is judged again
    #[command(after_help = "Try them out first: cartback attribution compare --click-hours 72 --sent-hours 24")]
    Windows {
        /// Hours after a tap: 1 to 2160
        #[arg(long)]
        click_hours: u32,
        /// Hours after an untapped text, shown as assisted: 0 to 720
        #[arg(long)]
        sent_hours: u32,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// How far judging history again has come, and which changes it followed
    Progress {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Compare { shop, days, from, to, click_hours, sent_hours, form } => {
            let id = chosen_shop(core, *shop).await?;
            let tried = click_hours.zip(*sent_hours);
            Ok((compared(core, id, *days, (*from, *to), tried).await?, *form))
        }
        Command::Windows { click_hours, sent_hours, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            let changed = recredit::change_windows(core, id, (*click_hours, *sent_hours), "").await?;
            let words = if changed {
                "Changed. History is judged again by the running service; see: cartback attribution progress"
            } else {
                "That is what they are already."
            };
            Ok((Said::new(words, json!({ "changed": changed })), *form))
        }
        Command::Progress { shop, form } => Ok((progress(core, chosen_shop(core, *shop).await?).await?, *form)),
    }
}

fn windows_json(windows: &Windows) -> Value {
    json!({
        "click_hours": windows.click_hours,
        "sent_hours": windows.sent_hours,
        "click_from_sent": windows.click_from_sent,
        "code_always": windows.code_always,
    })
}

fn tried(shop: &Shop, hours: Option<(u32, u32)>) -> anyhow::Result<Option<Windows>> {
    let Some((click_window_hours, delivered_window_hours)) = hours else { return Ok(None) };
    let rules = Rules { click_window_hours, delivered_window_hours, ..shop.rules.clone() };
    rules.check().map_err(Wrong)?;
    Ok(Some(Windows::of(&rules)))
}

async fn compared(
    core: &Core,
    id: ShopId,
    days: u32,
    (from, to): (Option<Date>, Option<Date>),
    hours_tried: Option<(u32, u32)>,
) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let zone = zone_of(&shop);
    let today = hours::day_of(&zone, core.now());
    let last = to.unwrap_or(today);
    let back = jiff::Span::new().days(i64::from(days) - 1);
    let first = from.unwrap_or_else(|| last.checked_sub(back).unwrap_or(last));
    if first > last {
        return Err(Wrong(format!("--from {first} is after --to {last}")).into());
    }
    let span = (hours::start_of_day(&zone, first), hours::start_of_day(&zone, last.tomorrow().unwrap_or(last)));
    let proposed = tried(&shop, hours_tried)?;
    let found = compare::compare(&mut read, &keys, &shop.rules, span, proposed).await?;
    let (newest, _) = recredit::progress(&mut read, &keys).await?;
    let json = json!({
        "shop": shop.id.get(),
        "from": first.to_string(),
        "to": last.to_string(),
        "orders": found.orders,
        "stopped_at": found.stopped_at.map(|at| at.to_string()),
        "given_by_hand": found.corrected.0,
        "taken_by_hand": found.corrected.1,
        "would_change": found.would_change,
        "rules": found.rows.iter().map(row_json).collect::<Vec<_>>(),
    });
    Ok(Said::new(words(&shop, (first, last), &found, newest.as_ref()), json))
}

fn row_json(row: &Row) -> Value {
    let money = row.tally.money.iter().map(|(currency, sums)| {
        json!({
            "currency": currency.code(),
            "orders": sums.orders,
            "gross_minor": sums.gross_minor,
            "refunded_minor": sums.refunded_minor,
            "net_minor": sums.net_minor(),
        })
    });
    json!({
        "rule": row.lens.id,
        "imitates": row.lens.preset.map(|preset| json!({
            "name": preset.name, "source": preset.source, "on": preset.on, "note": preset.note,
        })),
        "windows": windows_json(&row.lens.windows),
        "money": money.collect::<Vec<_>>(),
        "texts": row.tally.texts(),
        "differs": row.tally.differs,
    })
}

fn words(shop: &Shop, (first, last): (Date, Date), found: &Compared, newest: Option<&Progress>) -> String {
    let mut words = format!(
        "{} (shop {}), {first} to {last}, days of {}: {} orders after a text. The headline is strict; the others are \
         shown to compare.\n\n",
        shop.name, shop.id, shop.zone, found.orders
    );
    let mut lines = table(&["rule", "orders", "gross", "refunded", "net", "texts", "differs"]);
    for row in &found.rows {
        let list = |of: &dyn Fn(&Sums) -> i64| {
            let all = row.tally.money.iter().map(|(&currency, sums)| Money::new(of(sums), currency).to_string());
            all.collect::<Vec<_>>().join(", ")
        };
        let orders: u64 = row.tally.money.values().map(|sums| sums.orders).sum();
        lines.add_row([
            row.lens.id.clone(),
            orders.to_string(),
            list(&|sums| sums.gross_minor),
            list(&|sums| sums.refunded_minor),
            list(&Sums::net_minor),
            row.tally.texts().to_string(),
            row.tally.differs.to_string(),
        ]);
    }
    let _ = writeln!(words, "{lines}");
    for preset in found.rows.iter().filter_map(|row| row.lens.preset) {
        let _ =
            writeln!(words, "\n{} imitates {} as documented on {}: {}", preset.id, preset.name, preset.on, preset.note);
    }
    if let Some(at) = found.stopped_at {
        let _ = writeln!(words, "\nThere are more orders than are looked at: those placed after {at} are not in it.");
    }
    if let Some(newest) = newest.filter(|newest| !newest.is_over()) {
        let _ =
            writeln!(words, "\nHistory is being judged again: {} of {} orders.", newest.judged(), newest.run.orders);
    }
    words
}

async fn progress(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((_, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let (newest, runs) = recredit::progress(&mut read, &keys).await?;
    let json = json!({
        "judged": newest.as_ref().map(Progress::judged),
        "orders": newest.as_ref().map(|newest| newest.run.orders),
        "is_over": newest.as_ref().is_none_or(Progress::is_over),
        "runs": runs.iter().map(|run| json!({
            "why": run.why.name(),
            "begun_at": run.begun_at.to_string(),
            "ended_at": run.ended_at.map(|at| at.to_string()),
            "by": run.by,
            "before": windows_json(&run.before),
            "after": windows_json(&run.after),
            "orders": run.orders,
            "done": run.done,
        })).collect::<Vec<_>>(),
    });
    let mut words = match &newest {
        None => "History was never judged again.".to_owned(),
        Some(newest) if newest.is_over() => "Every order is judged by the windows there are.".to_owned(),
        Some(newest) => format!("{} of {} orders are judged again.", newest.judged(), newest.run.orders),
    };
    for run in &runs {
        let _ = write!(
            words,
            "\n{}  {}: {} h → {} h after a tap, {} h → {} h after an untapped text, {} orders",
            run.begun_at,
            run.why.name(),
            run.before.click_hours,
            run.after.click_hours,
            run.before.sent_hours,
            run.after.sent_hours,
            run.orders
        );
    }
    Ok(Said::new(words, json))
}
