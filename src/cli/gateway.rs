//! `cartback gateway`: connect an SMS account, look at them, let a paused one send again.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    Form, Missing, Said, Wrong, chosen_shop,
    kind::{self, Kind},
    pair, pairs, shop, table,
};
use crate::{
    domain::id::{GatewayId, ShopId},
    gateway::{
        self,
        sending::{self, SENDING},
    },
    pipeline::{Core, connect, send},
    store::{self, gateway::Gateway},
    transact,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Connect an SMS account; gateway kinds lists the providers
    Add(Add),
    /// The providers there are, or one: its settings, what to paste where, what it cannot do
    Kinds {
        /// As the list names it: twilio
        kind: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// All gateways, or those of one shop; the newest of a shop is the one that sends
    List {
        /// Only this shop's; 0 for the house's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Keep a gateway from sending; texts wait for it
    Pause {
        /// As gateway list shows it: gw_…
        id: GatewayId,
        /// Whose it is; left out, the house's
        #[arg(long, default_value = "0")]
        shop: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Change settings of a gateway: a new password, another sender
    #[command(after_help = "Example: cartback gateway set gw_01… auth_token=… sender=+12125550100")]
    Set {
        /// As gateway list shows it: gw_…
        id: GatewayId,
        /// key=value, as often as needed; gateway list --json shows the keys
        #[arg(required = true, value_parser = pair, value_name = "KEY=VALUE")]
        changes: Vec<(String, String)>,
        /// Whose it is; left out, the house's
        #[arg(long, default_value = "0")]
        shop: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Let a gateway send again that was paused because it refused our account
    Resume {
        /// As gateway list shows it: gw_…
        id: GatewayId,
        /// Whose it is; left out, the house's
        #[arg(long, default_value = "0")]
        shop: ShopId,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Add {
    /// The provider, as gateway kinds lists it: twilio
    kind: String,
    /// The shop it is for; left out, every shop that has none of its own
    #[arg(long, default_value = "0")]
    shop: ShopId,
    /// What people call it
    #[arg(long, default_value = "")]
    name: String,
    /// A setting of the connector; may be repeated
    #[arg(long = "set", value_parser = pair, value_name = "KEY=VALUE")]
    set: Vec<(String, String)>,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Add(args) => Ok((add(core, args).await?, args.form)),
        Command::Kinds { kind, form } => Ok((kinds(kind.as_deref())?, *form)),
        Command::List { shop, form } => Ok((list(core, *shop).await?, *form)),
        Command::Pause { id, shop, form } => Ok((pause(core, *shop, *id).await?, *form)),
        Command::Set { id, changes, shop, form } => Ok((set(core, *shop, *id, pairs(changes)?).await?, *form)),
        Command::Resume { id, shop, form } => Ok((resume(core, *shop, *id).await?, *form)),
    }
}

async fn add(core: &Core, args: &Add) -> anyhow::Result<Said> {
    // Whoever has a shell here is the operator: addresses in private networks are theirs to choose.
    let connected = connect::add_gateway(core, args.shop, &args.kind, &args.name, pairs(&args.set)?, true).await?;
    let id = connected.gateway.map(|id| id.to_string()).unwrap_or_default();
    let words = format!("Gateway {id} is connected.\n\n{}", shop::steps(&connected));
    let json = json!({
        "gateway": id,
        "shop": connected.shop,
        "webhook_url": connected.webhook_url,
        "steps": connected.steps,
    });
    Ok(Said::new(words, json))
}

fn kinds(only: Option<&str>) -> anyhow::Result<Said> {
    kind::told("gateway", &all_kinds(), only)
}

pub(super) fn all_kinds() -> Vec<Kind> {
    let kind = |gateway: &&'static dyn gateway::Gateway| Kind {
        spec: gateway.spec(),
        also: SENDING.fields,
        can: gateway.can().said(),
    };
    gateway::ALL.iter().map(kind).collect()
}

async fn list(core: &Core, only: Option<ShopId>) -> anyhow::Result<Said> {
    let mut lines = table(&["gateway", "shop", "kind", "name", "state"]);
    let mut json = Vec::new();
    for found in all(core, only).await? {
        let state = match found.paused_at {
            Some(at) => format!("paused since {at}: {}", found.pause_reason),
            None => "ready".to_owned(),
        };
        let owner = if found.shop == ShopId::HOUSE { "every".to_owned() } else { found.shop.to_string() };
        lines.add_row([&found.id.to_string(), &owner, &found.kind, &found.name, &state]);
        json.push(shown(core, &found).await?);
    }
    let words = if json.is_empty() {
        "There is no gateway yet; add one with: cartback gateway add".to_owned()
    } else {
        lines.to_string()
    };
    Ok(Said::new(words, json.into()))
}

/// The gateways of one shop, or the house's and then every shop's own.
pub async fn all(core: &Core, only: Option<ShopId>) -> anyhow::Result<Vec<Gateway>> {
    let tenants = match only {
        Some(shop) => vec![chosen_shop(core, Some(shop)).await?],
        None => {
            let mut read = core.db.read().await?;
            let own = store::gateway::shops_with_own(&mut read).await?;
            std::iter::once(ShopId::HOUSE).chain(own).collect()
        }
    };
    let mut read = core.db.read().await?;
    let mut found = Vec::new();
    for tenant in tenants {
        let keys = core.vault.keys(&mut read, tenant).await?;
        found.extend(store::gateway::list(&mut read, &keys).await?);
    }
    Ok(found)
}

async fn shown(core: &Core, found: &Gateway) -> anyhow::Result<Value> {
    let connected = connect::shown(core, found.shop, Some((found.id, &found.kind))).await?;
    let settings = gateway::by_kind(&found.kind)
        .map(|kind| shop::shown_settings(|key| sending::field(kind, key), &found.settings));
    Ok(json!({
        "gateway": found.id,
        "shop": found.shop,
        "kind": found.kind,
        "name": found.name,
        "settings": settings.unwrap_or_default(),
        "webhook_url": connected.map(|connected| connected.webhook_url),
        "created_at": found.created_at.to_string(),
        "paused_at": found.paused_at.map(|at| at.to_string()),
        "pause_reason": found.pause_reason,
        "balance": found.balance.map(|(left, at)| json!({ "left": left.to_string(), "at": at.to_string() })),
    }))
}

async fn found(core: &Core, shop: ShopId, id: GatewayId) -> anyhow::Result<Gateway> {
    let shop = chosen_shop(core, Some(shop)).await?;
    let known = all(core, Some(shop)).await?.into_iter().find(|found| found.id == id);
    let missing = || Missing(format!("shop {shop} has no gateway {id}; cartback gateway list shows whose it is"));
    Ok(known.ok_or_else(missing)?)
}

async fn pause(core: &Core, shop: ShopId, id: GatewayId) -> anyhow::Result<Said> {
    let account = found(core, shop, id).await?;
    let now = core.now();
    let paused = transact!(core.db, |tx| store::gateway::pause(tx, account.shop, id, "paused by hand", now).await?)?;
    let words = if paused { "It is paused: texts wait for it." } else { "It was paused before." };
    Ok(Said::new(words, json!({ "gateway": id, "shop": account.shop, "paused": true })))
}

async fn set(core: &Core, shop: ShopId, id: GatewayId, changes: BTreeMap<String, String>) -> anyhow::Result<Said> {
    let account = found(core, shop, id).await?;
    let Some(kind) = gateway::by_kind(&account.kind) else { bail!("there is no connector of kind {}", account.kind) };
    let mut settings: BTreeMap<String, String> =
        account.settings.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    settings.extend(changes);
    let settings = gateway::sending::settings(kind, settings).map_err(|problems| Wrong(problems.join("\n")))?;
    connect::set_gateway(core, account.shop, id, &settings).await?;
    let json = shown(core, &found(core, shop, id).await?).await?;
    Ok(Said::new("Saved; the next text goes out by it.", json))
}

async fn resume(core: &Core, shop: ShopId, id: GatewayId) -> anyhow::Result<Said> {
    let shop = found(core, shop, id).await?.shop;
    let resumed = send::resume_gateway(core, shop, id).await?;
    let words = if resumed { "It sends again." } else { "It was not paused." };
    Ok(Said::new(words, json!({ "gateway": id, "shop": shop, "resumed": resumed })))
}
