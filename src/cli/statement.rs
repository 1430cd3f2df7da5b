//! `cartback statement`: months published for good, what changed since, and whether they are intact.

use std::fmt::Write;

use anyhow::{anyhow, bail};
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{id::ShopId, money::Money},
    pipeline::{
        Core,
        statement::{self, NotPublished, Shown},
    },
    store::statement::Published,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Publish a month that is over: its figures are kept as they are now, for good
    #[command(after_help = "Example: cartback statement publish 2026-10")]
    Publish {
        /// As 2026-10
        month: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Every published month
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// One month as it was published, and what changed since
    Show {
        /// As 2026-10
        month: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Whether every published month is what was published; exit code 1 when one is not
    Check {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Publish { month, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            let published = statement::publish(core, id, month, "").await.map_err(|why| match why {
                NotPublished::Refused(why) if statement::days(month).is_none() => anyhow!(Wrong(why)),
                other => anyhow!(other),
            })?;
            let words = format!("{} is published.\nSHA-256 {}", published.month, published.hash);
            Ok((Said::new(words, head(&published)), *form))
        }
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Show { month, shop, form } => Ok((show(core, chosen_shop(core, *shop).await?, month).await?, *form)),
        Command::Check { shop, form } => Ok((check(core, chosen_shop(core, *shop).await?).await?, *form)),
    }
}

fn head(published: &Published) -> Value {
    json!({
        "number": published.number,
        "month": published.month,
        "published_at": published.published_at.to_string(),
        "by": published.by,
        "hash": published.hash,
        "hash_before": published.hash_before,
    })
}

async fn list(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, id).await?;
    let (all, _) = statement::chain(&mut read, &keys).await?;
    let mut lines = table(&["month", "published", "by", "SHA-256"]);
    for each in &all {
        lines.add_row([each.month.clone(), each.published_at.to_string(), each.by.clone(), each.hash.clone()]);
    }
    let words = if all.is_empty() { "No month is published.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, all.iter().map(head).collect()))
}

async fn check(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, id).await?;
    let (all, problems) = statement::chain(&mut read, &keys).await?;
    let newest = all.last().map(|each| each.hash.clone());
    let words = match (&newest, problems.is_empty()) {
        (None, true) => "No month is published.".to_owned(),
        (Some(hash), true) => format!(
            "{} published, each as it was. Keep the newest hash elsewhere; it stands for all of them:\n{hash}",
            if all.len() == 1 { "1 month".to_owned() } else { format!("{} months", all.len()) }
        ),
        (_, false) => problems.join("\n"),
    };
    let json =
        json!({ "months": all.len(), "intact": problems.is_empty(), "newest_hash": newest, "problems": problems });
    Ok(Said { words, json, well: problems.is_empty() })
}

async fn show(core: &Core, id: ShopId, month: &str) -> anyhow::Result<Said> {
    if statement::days(month).is_none() {
        bail!(Wrong(format!("{month}: a month is written as 2026-10")));
    }
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let shown = statement::shown(core, &mut read, &shop, &keys, month).await?;
    let Some(Shown { published, body, since }) = shown else {
        bail!(Missing(format!("{month} of shop {id} is not published")));
    };
    let mut words = format!(
        "{} (shop {id}), {month}, published {}{}\n{} h after a tap, {} h after an untapped text; rules version {}\n\n",
        body.name,
        published.published_at,
        if published.by.is_empty() { String::new() } else { format!(" by {}", published.by) },
        body.windows.click_hours,
        body.windows.sent_hours,
        body.rules_version
    );
    let mut lines = table(&["", "orders", "gross", "refunded", "net", "since: orders", "since: net"]);
    let currencies: std::collections::BTreeSet<_> = body.money.keys().chain(since.money.keys()).copied().collect();
    for currency in currencies {
        let was = body.money.get(&currency).copied().unwrap_or_default();
        let change = since.money.get(&currency).copied().unwrap_or_default();
        let money = |minor| Money::new(minor, currency).to_string();
        lines.add_row([
            currency.code().to_owned(),
            was.orders.to_string(),
            money(was.gross_minor),
            money(was.refunded_minor),
            money(was.net_minor),
            format!("{:+}", change.orders),
            format!("{}{}", if change.net_minor > 0 { "+" } else { "" }, money(change.net_minor)),
        ]);
    }
    let _ = writeln!(words, "{lines}\n\nSHA-256 {}", published.hash);
    let json = json!({
        "statement": head(&published),
        "body": body,
        "since": since.money.iter().map(|(currency, sums)| json!({
            "currency": currency.code(),
            "orders": sums.orders,
            "gross_minor": sums.gross_minor,
            "refunded_minor": sums.refunded_minor,
            "net_minor": sums.net_minor,
        })).collect::<Vec<_>>(),
        "added": since.added.iter().map(|line| line.order).collect::<Vec<_>>(),
        "gone": since.gone.iter().map(|line| line.order).collect::<Vec<_>>(),
        "changed": since.changed.iter().map(|(line, _)| line.order).collect::<Vec<_>>(),
    });
    Ok(Said::new(words, json))
}
