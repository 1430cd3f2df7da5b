//! `cartback sink`: advertising platforms that are told what texts brought, and the consents they need.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Value, json};

use super::{
    Form, Missing, Said, Wrong, chosen_shop,
    file::{self, HowRead},
    no_shop, pair, pairs, table,
};
use crate::{
    domain::id::{ShopId, SinkId},
    pipeline::{Core, people::ads, sink},
    store,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The platforms there are, with what each needs
    Kinds {
        #[command(flatten)]
        form: Form,
    },
    /// Connect one: orders credited from now on are told to it, of people who agreed to advertising
    #[command(after_help = "Example: cartback sink add ga4 --set measurement_id=G-ABC1234567 --set api_secret=S3cret
Its log, switching it off and on, replaying and removing are commands of webhook, with the id this answers.")]
    Add {
        /// ga4, meta or google_ads
        kind: String,
        /// A setting, as measurement_id=G-ABC1234567; may be given several times
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
        /// What people call it; left out, the platform's name
        #[arg(long, default_value = "")]
        name: String,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Change a setting of one, as a token that has run out; the others stay
    #[command(after_help = "Example: cartback sink set sink_01… --set access_token=EAAB1")]
    Set {
        /// sink_…
        sink: SinkId,
        /// A setting, as access_token=EAAB1; may be given several times
        #[arg(long = "set", value_name = "KEY=VALUE", value_parser = pair, required = true)]
        set: Vec<(String, String)>,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Platforms that are connected, and what became of what they were told
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
    /// Consents to advertising from a CSV file: phone, state (granted or withdrawn), at, source
    #[command(after_help = "Example: cartback sink consents consents.csv
Without a consent on record nobody is told to any platform.")]
    Consents(Consents),
}

#[derive(clap::Args)]
pub struct Consents {
    /// A CSV file with a heading; columns in any order
    file: PathBuf,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    how: HowRead,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Kinds { form } => Ok((kinds(), *form)),
        Command::Add { kind, set, name, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            let given: BTreeMap<String, String> = pairs(set)?;
            let sink = sink::add_kind(core, id, kind, name, &given).await?;
            let words = format!("Connected as {sink}. Its log: cartback webhook log {sink}");
            Ok((Said::new(words, json!({ "sink": sink })), *form))
        }
        Command::Set { sink, set, shop, form } => {
            let id = chosen_shop(core, *shop).await?;
            Ok((change(core, id, *sink, set).await?, *form))
        }
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, *shop).await?).await?, *form)),
        Command::Consents(args) => Ok((consents(core, args).await?, args.form)),
    }
}

fn kinds() -> Said {
    let mut words = String::new();
    let mut all: Vec<Value> = Vec::new();
    for spec in sink::kinds() {
        words.push_str(&format!("{}: {}\n", spec.kind, spec.name));
        for field in spec.fields {
            let must = if field.required { "" } else { ", may be left out" };
            words.push_str(&format!("  {:<18} {}{must}\n", field.key, field.help));
        }
        let fields =
            spec.fields.iter().map(|field| json!({ "key": field.key, "required": field.required, "help": field.help }));
        all.push(json!({ "kind": spec.kind, "name": spec.name, "fields": fields.collect::<Vec<_>>() }));
    }
    Said::new(words, all.into())
}

async fn change(core: &Core, id: ShopId, sink: SinkId, set: &[(String, String)]) -> anyhow::Result<Said> {
    let missing = || Missing(format!("there is no advertising platform {sink}"));
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, id).await?;
    let found = store::sink::get(&mut read, &keys, sink).await?.ok_or_else(missing)?;
    drop(read);
    let mut given: BTreeMap<String, String> =
        found.settings.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    given.extend(pairs(set)?);
    if !sink::change_kind(core, id, sink, &given).await? {
        return Err(missing().into());
    }
    Ok(Said::new(format!("{sink} is set anew."), json!({ "sink": sink, "changed": true })))
}

async fn list(core: &Core, id: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, id).await?;
    let tally = store::outbox::tally(&mut read, &keys).await?;
    let mut sinks = store::sink::list(&mut read, &keys).await?;
    sinks.retain(|sink| !crate::pipeline::sink::is_webhook(sink));
    let mut lines = table(&["sink", "kind", "name", "told", "kept back", "not taken", "state"]);
    let mut all: Vec<Value> = Vec::new();
    for sink in &sinks {
        let count = |state: store::outbox::State| {
            tally.iter().filter(|(of, each, _)| *of == sink.id && *each == state).map(|(.., count)| count).sum::<u64>()
        };
        let (told, kept) = (count(store::outbox::State::Delivered), count(store::outbox::State::Withheld));
        let failed = count(store::outbox::State::GivenUp);
        let state = if sink.disabled_at.is_some() { "off" } else { "on" };
        lines.add_row([
            sink.id.to_string(),
            sink.kind.clone(),
            sink.name.clone(),
            told.to_string(),
            kept.to_string(),
            failed.to_string(),
            state.to_owned(),
        ]);
        all.push(json!({ "sink": sink.id, "kind": sink.kind, "name": sink.name, "told": told, "withheld": kept,
                         "failed": failed, "off": sink.disabled_at.is_some() }));
    }
    let words = match sinks.is_empty() {
        true => "None yet. See what there is with: cartback sink kinds".to_owned(),
        false => lines.to_string(),
    };
    Ok(Said::new(words, all.into()))
}

async fn consents(core: &Core, args: &Consents) -> anyhow::Result<Said> {
    let id = chosen_shop(core, args.shop).await?;
    let (bytes, wish) = (file::bytes(&args.file)?, args.how.wish()?);
    let (shop, keys) = core.shop(&mut core.db.read().await?, id).await?.ok_or_else(|| no_shop(id))?;
    let said = ads::read(&bytes, &wish, &shop, &keys, core.now()).map_err(Wrong)?;
    let fresh = sink::record_ad_consents(core, id, &said).await?;
    let known = said.len() as u64 - fresh;
    Ok(Said::new(
        format!("{fresh} consents to advertising recorded, {known} known before."),
        json!({ "recorded": fresh, "known": known }),
    ))
}
