//! `cartback inbox`: raw deliveries as they came, and reading them again. `show` prints what a shop sent, personal data and
//! all: it is for whoever has the key anyway.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Missing, Said, chosen_shop, moment, progress, table};
use crate::{
    domain::{
        id::{DeliveryId, ShopId},
        time::Time,
    },
    pipeline::{Core, receive},
    store::{
        self,
        inbox::{Filter, Line},
    },
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The newest deliveries
    List {
        #[command(flatten)]
        of: Of,
        /// Only those that could not be read
        #[arg(long)]
        problems: bool,
        /// How many at most
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
    /// One delivery, with its headers and body
    Show {
        /// As inbox list shows it: dlv_…
        id: DeliveryId,
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        form: Form,
    },
    /// Read deliveries again, as if they had just arrived; what they say twice changes nothing
    #[command(
        after_help = "Examples:\n  cartback inbox replay --problems\n  cartback inbox replay --since 2026-03-01 --until 2026-03-02"
    )]
    Replay {
        /// As inbox list shows them: dlv_…
        #[arg(required_unless_present_any = ["problems", "since"])]
        ids: Vec<DeliveryId>,
        #[command(flatten)]
        of: Of,
        /// All that could not be read
        #[arg(long, conflicts_with = "ids")]
        problems: bool,
        /// All that arrived since this moment, as 2026-03-01 or 2026-03-01T09:00:00Z; with --problems, of those
        #[arg(long, conflicts_with = "ids", value_parser = moment)]
        since: Option<Time>,
        /// Only what arrived before this moment
        #[arg(long, requires = "since", value_parser = moment)]
        until: Option<Time>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Of {
    /// Whose; 0 for the house's gateways; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { of, problems, most, form } => {
            let shop = chosen_shop(core, of.shop).await?;
            Ok((list(core, shop, *problems, *most).await?, *form))
        }
        Command::Show { id, of, form } => Ok((show(core, chosen_shop(core, of.shop).await?, *id).await?, *form)),
        Command::Replay { ids, of, problems, since, until, form } => {
            let shop = chosen_shop(core, of.shop).await?;
            let span = (since.unwrap_or(Time::FIRST), until.unwrap_or(Time::LAST));
            let filter = if *problems { Filter::Unreadable } else { Filter::All };
            let ids = if ids.is_empty() { arrived(core, shop, filter, span).await? } else { ids.clone() };
            Ok((replay(core, shop, &ids).await?, *form))
        }
    }
}

async fn list(core: &Core, shop: ShopId, problems: bool, most: u32) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let filter = if problems { Filter::Unreadable } else { Filter::All };
    let found = store::inbox::list(&mut read, shop, filter, DeliveryId::new(i64::MAX), most).await?;
    let mut lines = table(&["delivery", "received", "from", "topic", "state"]);
    for line in &found {
        lines.add_row([
            line.id.to_string(),
            line.received_at.to_string(),
            receive::source(line.gateway),
            line.topic.clone(),
            state(line),
        ]);
    }
    let words = if found.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    let json = found.iter().map(|line| {
        json!({
            "delivery": line.id,
            "received_at": line.received_at.to_string(),
            "from": receive::source(line.gateway),
            "topic": line.topic,
            "done_at": line.done_at.map(|at| at.to_string()),
            "events": line.events,
            "problem": line.problem,
        })
    });
    Ok(Said::new(words, json.collect()))
}

fn state(line: &Line) -> String {
    if !line.problem.is_empty() {
        format!("unreadable: {}", line.problem)
    } else if line.done_at.is_none() {
        "waits".to_owned()
    } else {
        format!("read, {} events", line.events)
    }
}

async fn show(core: &Core, shop: ShopId, id: DeliveryId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let Some(kept) = store::inbox::get(&mut read, &keys, id).await? else {
        bail!(Missing(format!("shop {shop} has no delivery {id}, or it was forgotten by now")));
    };
    let delivery = &kept.delivery;
    let body = String::from_utf8_lossy(&delivery.body);
    let mut words = format!("{id}  {}  {}\n{} {}\n", delivery.received_at, kept.topic, delivery.method, delivery.url);
    if !kept.problem.is_empty() {
        let _ = writeln!(words, "could not be read: {}", kept.problem);
    }
    for (name, value) in &delivery.headers {
        let _ = writeln!(words, "{name}: {value}");
    }
    let _ = write!(words, "\n{body}");
    let headers: BTreeMap<&str, Vec<&str>> = delivery.headers.iter().fold(BTreeMap::new(), |mut all, (name, value)| {
        all.entry(name.as_str()).or_default().push(value.as_str());
        all
    });
    let json = json!({
        "delivery": id,
        "from": receive::source(kept.gateway),
        "topic": kept.topic,
        "received_at": delivery.received_at.to_string(),
        "done_at": kept.done_at.map(|at| at.to_string()),
        "problem": kept.problem,
        "method": delivery.method,
        "url": delivery.url,
        "headers": headers,
        "body": body,
        "body_base64": data_encoding::BASE64.encode(&delivery.body),
    });
    Ok(Said::new(words, json))
}

/// Read from the list at a time.
const PAGE: u32 = 1000;

/// Deliveries that arrived in `[from, to)`, oldest first.
async fn arrived(
    core: &Core,
    shop: ShopId,
    filter: Filter,
    (from, to): (Time, Time),
) -> anyhow::Result<Vec<DeliveryId>> {
    let mut read = core.db.read().await?;
    let (mut ids, mut before) = (Vec::new(), DeliveryId::new(i64::MAX));
    loop {
        let page = store::inbox::list(&mut read, shop, filter, before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id;
        let over = last.received_at < from;
        ids.extend(page.iter().filter(|line| (from..to).contains(&line.received_at)).map(|line| line.id));
        if over {
            break;
        }
    }
    ids.reverse();
    Ok(ids)
}

async fn replay(core: &Core, shop: ShopId, ids: &[DeliveryId]) -> anyhow::Result<Said> {
    let (mut due, mut missing) = (Vec::new(), Vec::new());
    let bar = progress::bar(ids.len() as u64, "Making due");
    for id in ids {
        bar.inc(1);
        let found = receive::replay(core, shop, *id).await?;
        if found {
            due.push(id.to_string())
        } else {
            missing.push(id.to_string())
        };
    }
    bar.finish_and_clear();
    if !missing.is_empty() && due.is_empty() {
        bail!(Missing(format!("shop {shop} has no delivery {}", missing.join(", "))));
    }
    let mut words = format!("{} due again; a running `cartback serve` reads them at once.", due.len());
    if !missing.is_empty() {
        let _ = write!(words, "\nNot found: {}", missing.join(", "));
    }
    let well = missing.is_empty();
    Ok(Said { well, ..Said::new(words, json!({ "due": due, "missing": Value::from(missing) })) })
}
