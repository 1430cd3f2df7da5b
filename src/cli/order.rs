//! `cartback order`: what texts earned, order by order, and why one was credited or not.

use std::fmt::Write;

use anyhow::bail;
use serde_json::json;

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        attribution::grade::Grade,
        hours,
        id::{OrderId, ShopId},
        money::Money,
        order::Order,
        seal::ShopKeys,
        time::DAY,
    },
    pipeline::{Core, credit, hand::Done, zone_of},
    store::{self, Read, credit_act::To},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Orders that texts brought back or helped, the newest first
    #[command(after_help = "Example: cartback order list --days 7 --json")]
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// Placed within so many of the shop's own days, today included: 1 to 366
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// At most so many: 1 to 10000
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
    /// One order: its credit, on what evidence, why the other texts lost
    #[command(visible_alias = "explain")]
    Show {
        /// ord_…, or what people call it, as #1093
        id: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Set an order's credit right by hand; it wins over the rules, and stands beside the evidence with its reason
    #[command(after_help = "Example: cartback order credit ord_01… --to none --why phoned")]
    Credit {
        /// ord_…, or what people call it, as #1093
        id: String,
        /// A text that was considered for it (msg_…), `none`, or `rules` for what the rules say
        #[arg(long)]
        to: String,
        /// Why: no names of shoppers
        #[arg(long)]
        why: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { shop, days, most, form } => {
            Ok((list(core, chosen_shop(core, *shop).await?, *days, *most).await?, *form))
        }
        Command::Show { id, shop, form } => Ok((show(core, chosen_shop(core, *shop).await?, id).await?, *form)),
        Command::Credit { id, to, why, shop, form } => {
            Ok((set_right(core, chosen_shop(core, *shop).await?, id, to, why).await?, *form))
        }
    }
}

async fn list(core: &Core, id: ShopId, days: u32, most: u32) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let now = core.now();
    let zone = zone_of(&shop);
    let from = hours::start_of_day(&zone, hours::day_of(&zone, now - DAY * (days - 1)));
    let found = store::credit::list(&mut read, &keys, from, now + DAY, most).await?;
    let mut lines = table(&["order", "number", "placed", "class", "text", "credit", "after refunds"]);
    for line in &found {
        lines.add_row([
            line.order.to_string(),
            line.number.clone(),
            line.placed_at.to_string(),
            line.class.clone(),
            line.step.to_string(),
            line.gross.to_string(),
            line.net.to_string(),
        ]);
    }
    let words = if found.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    let json = found.iter().map(|line| {
        json!({
            "order": line.order,
            "number": line.number,
            "placed_at": line.placed_at.to_string(),
            "class": line.class,
            "step": line.step,
            "gross_minor": line.gross.minor,
            "net_minor": line.net.minor,
            "currency": line.gross.currency.code(),
        })
    });
    Ok(Said::new(words, json.collect()))
}

async fn find(read: &mut Read, keys: &ShopKeys, typed: &str) -> anyhow::Result<Order> {
    let found = match typed.parse::<OrderId>() {
        Ok(id) => store::order::get(read, keys, id).await?,
        Err(_) => store::order::by_number(read, keys, typed).await?,
    };
    match found {
        Some(order) => Ok(order),
        None => bail!(Missing(format!("shop {} has no order {typed}", keys.shop()))),
    }
}

fn target_name(to: To) -> String {
    match to {
        To::Text(message) => message.to_string(),
        To::Nothing => "none".to_owned(),
        To::Rules => "rules".to_owned(),
    }
}

fn by(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" by {name}") }
}

async fn set_right(core: &Core, shop: ShopId, typed: &str, to: &str, why: &str) -> anyhow::Result<Said> {
    let Some(target) = credit::target(to) else {
        bail!(Wrong(format!("--to {to}: must be msg_…, none or rules")));
    };
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let order = find(&mut read, &keys, typed).await?.id;
    drop(read);
    match credit::correct(core, shop, order, target, why, "").await? {
        Done::Done => {}
        Done::Unknown => bail!(Missing(format!("shop {shop} has no order {typed}"))),
        Done::Refused(why) => bail!("{why}"),
    }
    let words = "Taken; the credit follows within seconds where the service runs.";
    Ok(Said::new(words, json!({ "order": order, "to": to })))
}

async fn show(core: &Core, shop: ShopId, typed: &str) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let order = find(&mut read, &keys, typed).await?;
    let refunds = store::order::refunds(&mut read, &keys, &order.latest.external_id).await?;
    let verdict = store::credit::evidence(&mut read, &keys, order.id).await?;
    let credits = store::credit::of_order(&mut read, &keys, order.id).await?;
    let latest = &order.latest;
    let mut words = format!("{}  {}  {}\n", order.id, latest.number, latest.total);
    if let Some(at) = order.placed_at {
        let _ = writeln!(words, "placed {at}");
    }
    if let Some(at) = order.cancelled_at {
        let _ = writeln!(words, "cancelled {at}");
    }
    for refund in &refunds {
        let _ = writeln!(words, "refunded {} {}", refund.amount, refund.at);
    }
    match &verdict {
        None => words.push_str("not judged yet\n"),
        Some(verdict) => {
            match (&verdict.winner, &verdict.excluded) {
                (Some(won), _) => {
                    let net = credits.iter().fold(0_i64, |sum, line| sum.saturating_add(line.entry.amount_minor));
                    let net = Money::new(net, latest.total.currency);
                    let _ = writeln!(words, "{}: {net} to text {} ({})", won.class.name(), won.step, won.message);
                }
                (None, Some(why)) => drop(writeln!(words, "earns no credit: {why}")),
                (None, None) => words.push_str("earns no credit: no text is tied to it\n"),
            }
            for each in &verdict.considered {
                let mark = if each.won { "won " } else { "lost" };
                let _ =
                    writeln!(words, "{mark} text {} ({}): {}; {}", each.step, each.message, each.tie.words(), each.why);
            }
        }
    }
    let acts = store::credit_act::of_order(&mut read, &keys, order.id).await?;
    for act in &acts {
        let to = target_name(act.to);
        let _ = writeln!(words, "by hand {} to {to}{}: {}", act.at, by(&act.by), act.reason);
    }
    let grade = verdict.as_ref().and_then(|verdict| verdict.winner).map(|won| Grade::of(won.class, won.tie));
    if let Some(grade) = grade {
        let _ = writeln!(words, "confidence {}: {}", grade.name(), grade.rule());
    }
    let json = json!({
        "corrections": acts.iter().map(|act| json!({
            "to": target_name(act.to),
            "at": act.at.to_string(),
            "by": act.by,
            "reason": act.reason,
        })).collect::<Vec<_>>(),
        "confidence": grade.map(|grade| json!({ "grade": grade.name(), "rule": grade.rule() })),
        "order": order.id,
        "shop": shop,
        "number": latest.number,
        "external_id": latest.external_id,
        "total_minor": latest.total.minor,
        "currency": latest.total.currency.code(),
        "placed_at": order.placed_at.map(|at| at.to_string()),
        "cancelled_at": order.cancelled_at.map(|at| at.to_string()),
        "refunds": refunds.iter().map(|refund| json!({
            "external_id": refund.external_id,
            "amount_minor": refund.amount.minor,
            "currency": refund.amount.currency.code(),
            "at": refund.at.to_string(),
        })).collect::<Vec<_>>(),
        "credits": credits.iter().map(|line| json!({
            "message": line.message,
            "class": line.class,
            "entry": line.entry.entry,
            "amount_minor": line.entry.amount_minor,
            "at": line.entry.at.to_string(),
        })).collect::<Vec<_>>(),
        "verdict": verdict,
    });
    Ok(Said::new(words, json))
}
