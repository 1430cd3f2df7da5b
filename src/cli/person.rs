//! `cartback person`: what is held about somebody, to hand it over or to forget it, and the proof of one text. What is
//! printed here is personal: it is for whoever has the key anyway.

use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt, path::Path, path::PathBuf};

use anyhow::{Context, bail};
use askama::Template;
use serde_json::json;

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, progress, table};
use crate::{
    domain::{
        event::{Identity, TypedPhone},
        id::{MessageId, RequestId, ShopId},
    },
    pipeline::{
        Core,
        erase::Erased,
        people::{self, export, proof},
    },
    store::{self, request},
    web::view::proof::ProofPage,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Everything held about a person, as JSON
    Export {
        #[command(flatten)]
        who: Who,
        /// Write it to this file, readable by you alone
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Forget a person: carts, orders, texts, consents, raw deliveries; figures and opt-outs stay
    Erase {
        #[command(flatten)]
        who: Who,
        /// Only say what would be forgotten
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Everything that led to one text, for a dispute: JSON, or a page to print
    Proof {
        /// As the pages show it: msg_…
        id: MessageId,
        /// Whose; left out, every shop is searched
        #[arg(long)]
        shop: Option<ShopId>,
        /// As a page instead of JSON
        #[arg(long)]
        page: bool,
        /// Write it to this file, readable by you alone
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// What people asked of their data
    Requests {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Note that a request for access was answered
    Answered {
        /// As person requests shows it: req_…
        id: RequestId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Who {
    /// Whose customer; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    /// Their number, with its + or as it is written in the shop's country
    #[arg(long, required_unless_present_any = ["email", "customer"])]
    phone: Option<String>,
    /// Their e-mail address
    #[arg(long)]
    email: Option<String>,
    /// Their customer id at the shop
    #[arg(long)]
    customer: Option<String>,
}

impl Who {
    fn identity(&self) -> Identity {
        let phones = self.phone.iter().map(|number| TypedPhone { number: number.clone(), country: None }).collect();
        Identity { customer: self.customer.clone(), email: self.email.clone(), phones }
    }

    /// A name that cannot be read finds nobody: better said than taken for "nothing is held".
    async fn read(&self, core: &Core) -> anyhow::Result<(ShopId, Identity)> {
        let shop = chosen_shop(core, self.shop).await?;
        let who = self.identity();
        match people::names_nobody(core, shop, &who).await? {
            None => Err(no_shop(shop)),
            Some(Some(problem)) => bail!(Wrong(problem)),
            Some(None) => Ok((shop, who)),
        }
    }
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Export { who, out } => Ok((export(core, who, out.as_deref()).await?, Form::default())),
        Command::Erase { who, dry_run, form } => Ok((erase(core, who, *dry_run).await?, *form)),
        Command::Proof { id, shop, page, out } => {
            Ok((proof(core, *id, *shop, *page, out.as_deref()).await?, Form::default()))
        }
        Command::Requests { shop, form } => Ok((requests(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Answered { id, shop, form } => {
            let shop = chosen_shop(core, *shop).await?;
            if !people::answered(core, shop, *id).await? {
                bail!(Missing(format!("shop {shop} has no request for access {id}")));
            }
            Ok((
                Said::new(format!("{id} is answered; whom it named is forgotten with it."), json!({ "answered": id })),
                *form,
            ))
        }
    }
}

/// Prints a file's text, or writes it.
pub fn handed_over(text: String, out: Option<&Path>, what: &str) -> anyhow::Result<Said> {
    let Some(path) = out else { return Ok(Said::new(text, json!(null))) };
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(Said::new(format!("{what} is in {}.", path.display()), json!({ "file": path.display().to_string() })))
}

async fn export(core: &Core, who: &Who, out: Option<&Path>) -> anyhow::Result<Said> {
    let (shop, who) = who.read(core).await?;
    let _looking = progress::spinner("Looking through everything");
    let Some(export) = export::export(core, shop, &who).await? else { return Err(no_shop(shop)) };
    handed_over(export.to_json()?, out, &format!("What is held ({})", export.words()))
}

async fn erase(core: &Core, who: &Who, dry_run: bool) -> anyhow::Result<Said> {
    let (shop, who) = who.read(core).await?;
    let _looking = progress::spinner("Looking through everything");
    let outcome = match dry_run {
        true => people::count(core, shop, &who).await?,
        false => people::forget(core, shop, &who, "command line").await?,
    };
    let Some(erased) = outcome else { return Err(no_shop(shop)) };
    core.wake.notify_one();
    let words = match dry_run {
        true => format!("Would be forgotten: {}. Nothing was changed.", erased.words()),
        false => format!("Forgotten: {}. The record of it is {}.", erased.words(), erased.request),
    };
    Ok(Said::new(words, counts(&erased, dry_run)))
}

fn counts(erased: &Erased, dry_run: bool) -> serde_json::Value {
    json!({
        "request": (!dry_run).then_some(erased.request),
        "dry_run": dry_run,
        "carts": erased.carts,
        "orders": erased.orders,
        "messages": erased.messages,
        "consents": erased.consents,
        "deliveries": erased.deliveries,
    })
}

async fn proof(
    core: &Core,
    id: MessageId,
    shop: Option<ShopId>,
    page: bool,
    out: Option<&Path>,
) -> anyhow::Result<Said> {
    let shops = match shop {
        Some(named) => vec![chosen_shop(core, Some(named)).await?],
        None => store::shop::ids(&mut core.db.read().await?).await?,
    };
    for shop in shops {
        let Some(found) = proof::proof(core, shop, id).await? else { continue };
        let text = if page { ProofPage::new(&found, core.now()).render()? } else { found.json };
        return handed_over(text, out, &format!("The proof of {id}"));
    }
    bail!(Missing(format!("there is no text {id}")))
}

/// Requests shown by one command.
const REQUESTS_MOST: u32 = 200;

async fn requests(core: &Core, shop: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let found = request::list(&mut read, &keys, REQUESTS_MOST).await?;
    let mut lines = table(&["request", "asked", "for", "through", "state", "outcome"]);
    for each in &found {
        let state = each.done_at.map_or_else(|| "open".to_owned(), |at| format!("done {at}"));
        lines.add_row([
            each.id.to_string(),
            each.at.to_string(),
            each.kind.name().to_owned(),
            each.source.clone(),
            state,
            each.outcome.clone(),
        ]);
    }
    let words = if found.is_empty() { "Nobody asked.".to_owned() } else { lines.to_string() };
    let json = found.iter().map(|each| {
        json!({
            "request": each.id,
            "kind": each.kind.name(),
            "source": each.source,
            "at": each.at.to_string(),
            "done_at": each.done_at.map(|at| at.to_string()),
            "outcome": each.outcome,
        })
    });
    Ok(Said::new(words, json.collect()))
}
