//! `cartback shop`: connect a shop, look at it, change it. Secrets are shown once, when they are made here.

use std::{collections::BTreeMap, fmt::Write};

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    Form, Said, Wrong,
    kind::{self, Kind},
    no_shop, pair, pairs, table,
};
use crate::{
    clock,
    domain::{
        connector::{Field, Settings},
        id::ShopId,
    },
    pipeline::{
        Core,
        connect::{self, Connected, NotConnected, ShopTyped, Subscribed},
    },
    shop::{self, standard_webhooks},
    store::{self, shop::Shop},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Connect a shop; shop kinds lists the platforms
    Add(Add),
    /// The platforms there are, or one: its settings, what to paste where, what it cannot do
    Kinds {
        /// As the list names it: bigcommerce
        kind: Option<String>,
        #[command(flatten)]
        form: Form,
    },
    /// All shops
    List {
        #[command(flatten)]
        form: Form,
    },
    /// One shop: webhook URL, settings and rules
    Show {
        /// Its number
        id: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Make the shop's webhooks with its API token; again as often as you like
    Subscribe {
        /// Its number
        id: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Stop all texts of a shop; carts and orders go on being kept
    Pause {
        /// Its number
        id: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Let a paused shop, or one that removed Cartback, send again
    Resume {
        /// Its number
        id: ShopId,
        #[command(flatten)]
        form: Form,
    },
    /// Change rules, connector settings, name, country, currency, timezone, or paused=yes|no
    Set {
        /// Its number
        id: ShopId,
        /// key=value, as often as needed; shop show lists the keys
        #[arg(required = true, value_parser = pair, value_name = "KEY=VALUE")]
        changes: Vec<(String, String)>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Add {
    /// The platform, as shop kinds lists it: shopify
    kind: String,
    /// Stands at the head of every text, at most 60 characters
    #[arg(long)]
    name: String,
    /// Two letters, as in SI
    #[arg(long)]
    country: String,
    /// Three letters, as in EUR
    #[arg(long)]
    currency: String,
    /// IANA name, as in Europe/Ljubljana
    #[arg(long)]
    timezone: String,
    /// A setting of the connector or a rule of the shop; may be repeated
    #[arg(long = "set", value_parser = pair, value_name = "KEY=VALUE")]
    set: Vec<(String, String)>,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Add(args) => Ok((add(core, args).await?, args.form)),
        Command::Kinds { kind, form } => Ok((kinds(kind.as_deref())?, *form)),
        Command::List { form } => Ok((list(core).await?, *form)),
        Command::Show { id, form } => Ok((show(core, *id).await?, *form)),
        Command::Subscribe { id, form } => Ok((subscribe(core, *id).await?, *form)),
        Command::Pause { id, form } => Ok((paused(core, *id, "yes").await?, *form)),
        Command::Resume { id, form } => Ok((paused(core, *id, "no").await?, *form)),
        Command::Set { id, changes, form } => {
            connect::change_shop(core, *id, &pairs(changes)?).await?;
            core.wake.notify_one();
            Ok((show(core, *id).await?, *form))
        }
    }
}

fn kinds(only: Option<&str>) -> anyhow::Result<Said> {
    kind::told("shop", &all_kinds(), only)
}

pub(super) fn all_kinds() -> Vec<Kind> {
    crate::shop::ALL.iter().map(|shop| Kind { spec: shop.spec(), also: &[], can: Vec::new() }).collect()
}

async fn add(core: &Core, args: &Add) -> anyhow::Result<Said> {
    let mut settings = pairs(&args.set)?;
    let made = make_secrets(&args.kind, &mut settings);
    let typed = ShopTyped {
        kind: args.kind.clone(),
        name: args.name.clone(),
        country: args.country.clone(),
        currency: args.currency.clone(),
        zone: args.timezone.clone(),
        settings,
        rules: BTreeMap::new(),
    };
    let connected = connect::add_shop(core, &typed).await?;
    let mut words = format!("Shop {} is connected.\n\n", connected.shop);
    for (key, secret) in &made {
        let label = shop::by_kind(&args.kind).and_then(|kind| kind.spec().field(key)).map_or(*key, |field| field.label);
        let _ = writeln!(words, "{label}, shown only now: {secret}\n");
    }
    // The shop is connected whatever comes of this.
    let (subscribed, problem) = match connect::subscribe(core, connected.shop).await {
        Ok(subscribed) => (subscribed, None),
        Err(NotConnected::Wrong(problems)) => (Subscribed::new(), Some(problems.join("; "))),
        Err(error) => (Subscribed::new(), Some(error.to_string())),
    };
    if !subscribed.is_empty() {
        let _ = writeln!(words, "{}", topics(&subscribed));
    }
    if let Some(problem) = &problem {
        let _ = writeln!(words, "No webhook was made. {problem}");
    }
    if problem.is_some() || !all_done(&subscribed) {
        let _ = writeln!(words, "Once that is mended: cartback shop subscribe {}. Or by hand:\n", connected.shop);
    }
    if !subscribed.is_empty() && all_done(&subscribed) {
        let _ = writeln!(words, "Webhook URL: {}", connected.webhook_url);
    } else {
        words.push_str(&steps(&connected));
    }
    let json = json!({
        "shop": connected.shop,
        "webhook_url": connected.webhook_url,
        "steps": connected.steps,
        "made": made,
        "subscribed": told(&subscribed),
        "not_subscribed": problem,
    });
    Ok(Said::new(words, json))
}

async fn paused(core: &Core, id: ShopId, word: &str) -> anyhow::Result<Said> {
    if core.shop(&mut core.db.read().await?, id).await?.is_none() {
        return Err(no_shop(id));
    }
    connect::change_shop(core, id, &[("paused".to_owned(), word.to_owned())].into()).await?;
    core.wake.notify_one();
    let words = if word == "yes" { "It sends nothing until it is resumed." } else { "It sends again." };
    Ok(Said::new(words, json!({ "shop": id, "paused": word == "yes" })))
}

async fn subscribe(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let subscribed = connect::subscribe(core, id).await?;
    if subscribed.is_empty() {
        bail!(Wrong(format!("no API token is set: its webhooks are made by hand, as cartback shop show {id} says")));
    }
    let json = json!({ "shop": id, "subscribed": told(&subscribed) });
    Ok(Said { words: topics(&subscribed), json, well: all_done(&subscribed) })
}

fn all_done(subscribed: &Subscribed) -> bool {
    subscribed.iter().all(|(_, outcome)| outcome.is_ok())
}

/// Which webhooks will come and which will not. A cause that several topics share is told once.
fn topics(subscribed: &Subscribed) -> String {
    let mut words = String::new();
    let mut missing: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (topic, outcome) in subscribed {
        match outcome {
            Ok(()) => {
                let _ = writeln!(words, "✓ {topic}");
            }
            Err(cause) => missing.entry(cause).or_default().push(topic),
        }
    }
    for (cause, topics) in missing {
        let _ = writeln!(words, "✗ {}: {cause}", topics.join(", "));
    }
    words
}

fn told(subscribed: &Subscribed) -> Value {
    subscribed.iter().map(|(topic, outcome)| json!({ "topic": topic, "problem": outcome.as_ref().err() })).collect()
}

fn make_secrets(kind: &str, settings: &mut BTreeMap<String, String>) -> BTreeMap<&'static str, String> {
    let mut made = BTreeMap::new();
    let fields = shop::by_kind(kind).map_or(&[][..], |kind| kind.spec().fields);
    for field in fields.iter().filter(|field| field.drawn) {
        if settings.get(field.key).is_none_or(|given| given.trim().is_empty()) {
            let secret = standard_webhooks::secret(clock::random());
            settings.insert(field.key.to_owned(), secret.clone());
            made.insert(field.key, secret);
        }
    }
    made
}

/// The webhook URL and what to do with it.
pub fn steps(connected: &Connected) -> String {
    let mut words = format!("Webhook URL: {}\n", connected.webhook_url);
    for (place, step) in connected.steps.iter().enumerate() {
        let _ = writeln!(words, "{}. {step}", place + 1);
    }
    words
}

async fn list(core: &Core) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let shops = store::shop::list(&mut read, &core.vault).await?;
    let mut lines = table(&["shop", "name", "kind", "country", "currency", "timezone", ""]);
    for shop in &shops {
        lines.add_row([
            &shop.id.to_string(),
            &shop.name,
            &shop.kind,
            &shop.country,
            shop.currency.code(),
            &shop.zone,
            shop.stopped().unwrap_or(""),
        ]);
    }
    let words = if shops.is_empty() {
        "There is no shop yet; add one with: cartback shop add".to_owned()
    } else {
        lines.to_string()
    };
    Ok(Said::new(words, shops.iter().map(head).collect()))
}

fn head(shop: &Shop) -> Value {
    json!({
        "shop": shop.id,
        "kind": shop.kind,
        "name": shop.name,
        "country": shop.country,
        "currency": shop.currency,
        "timezone": shop.zone,
        "stopped": shop.stopped(),
        "created_at": shop.created_at.to_string(),
    })
}

async fn show(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Err(no_shop(id)) };
    drop(read);
    let connected = connect::shown(core, id, None).await?;
    let spec = shop::by_kind(&shop.kind).map(|kind| kind.spec());
    let settings = spec.map(|spec| shown_settings(|key| spec.field(key), &shop.settings)).unwrap_or_default();
    let rules = serde_json::to_value(&shop.rules)?;
    let mut json = head(&shop);
    if let Value::Object(all) = &mut json {
        all.insert("settings".into(), json!(settings));
        all.insert("rules".into(), rules.clone());
        if let Some(connected) = &connected {
            all.insert("webhook_url".into(), json!(connected.webhook_url));
            all.insert("steps".into(), json!(connected.steps));
        }
    }
    let mut words =
        format!("{} (shop {id}, {}), {} {} {}\n", shop.name, shop.kind, shop.country, shop.currency, shop.zone);
    if let Some(why) = shop.stopped() {
        let _ = writeln!(words, "Sends nothing: {why}");
    }
    words.push_str("\nSettings\n");
    for (key, value) in &settings {
        let _ = writeln!(words, "  {key} = {value}");
    }
    words.push_str("\nRules\n");
    for (key, value) in rules.as_object().into_iter().flatten() {
        match value {
            Value::Object(nested) => nested.iter().for_each(|(name, value)| {
                let _ = writeln!(words, "  {key}.{name} = {}", as_typed(value));
            }),
            value => {
                let _ = writeln!(words, "  {key} = {}", as_typed(value));
            }
        }
    }
    if let Some(connected) = &connected {
        let _ = write!(words, "\n{}", steps(connected));
    }
    Ok(Said::new(words, json))
}

/// Settings with their secrets covered.
pub fn shown_settings(field: impl Fn(&str) -> Option<&'static Field>, settings: &Settings) -> BTreeMap<String, String> {
    settings
        .pairs()
        .map(|(key, value)| {
            let secret = field(key).is_none_or(|field| field.secret);
            (key.to_owned(), if secret { "(set)".to_owned() } else { value.to_owned() })
        })
        .collect()
}

/// A rule as `shop set` takes it.
fn as_typed(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(as_typed).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
