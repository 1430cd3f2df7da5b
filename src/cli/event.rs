//! `cartback event`: what visitors did.

use serde_json::json;

use super::{Form, Said, chosen_shop, no_shop, table};
use crate::{
    domain::{
        id::{ShopId, SiteEventId},
        site_event::channel,
    },
    pipeline::Core,
    store,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// What visitors did, the newest first
    #[command(after_help = "Example: cartback event list --most 20 --json")]
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// At most so many: 1 to 10000
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    let Command::List { shop, most, form } = command;
    let id = chosen_shop(core, *shop).await?;
    let mut read = core.db.read().await?;
    let Some((_, keys)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    let events = store::site_event::list(&mut read, &keys, None, SiteEventId::new(i64::MAX), *most).await?;
    let mut lines = table(&["event", "at", "kind", "what", "page", "channel", "visitor"]);
    let short = |visitor: &[u8; 16]| data_encoding::HEXLOWER.encode(visitor.get(..4).unwrap_or_default());
    for event in &events {
        let what = if event.product.is_empty() { &event.target } else { &event.product };
        lines.add_row([
            event.id.to_string(),
            event.at.to_string(),
            event.kind.name().to_owned(),
            what.clone(),
            event.page.clone(),
            channel(&event.visit.source, &event.visit.medium).to_owned(),
            short(&event.visitor),
        ]);
    }
    let words = if events.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    let json = events.iter().map(|event| {
        json!({
            "event": event.id,
            "at": event.at.to_string(),
            "kind": event.kind.name(),
            "target": event.target,
            "product": event.product,
            "page": event.page,
            "source": event.visit.source,
            "medium": event.visit.medium,
            "campaign": event.visit.campaign,
            "device": event.device,
            "number": event.number,
            "value_minor": event.value.map(|value| value.minor),
            "currency": event.value.map(|value| value.currency.to_string()),
            "order": event.order,
            "visitor": data_encoding::HEXLOWER.encode(&event.visitor),
            "told_by": event.told_by.name(),
        })
    });
    Ok((Said::new(words, json.collect()), *form))
}
