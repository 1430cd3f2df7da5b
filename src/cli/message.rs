//! `cartback message`: every text of a shop, what became of it, and one of them whole.

use std::fmt::Write;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Missing, Said, chosen_shop, table};
use crate::{
    domain::{
        id::{MessageId, ShopId},
        message::{MessageState, Purpose},
        time::Time,
    },
    pipeline::Core,
    store::{self, message::Message},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The newest texts, or those in one state
    #[command(after_help = "Example: cartback message list --state unknown --json")]
    List {
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        /// Only these: queued, sending, accepted, delivered, undelivered, refused, unknown, cancelled or expired
        #[arg(long, value_parser = state)]
        state: Option<MessageState>,
        /// Only texts made before this one: msg_…
        #[arg(long)]
        before: Option<MessageId>,
        /// At most so many: 1 to 1000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
    /// One text: its words, its moments, who opened its link, what it earned
    Show {
        /// As message list shows it: msg_…
        id: MessageId,
        /// Whose; left out, the only shop's
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

fn state(typed: &str) -> Result<MessageState, String> {
    let known = || MessageState::ALL.map(MessageState::name).join(", ");
    MessageState::ALL
        .into_iter()
        .find(|state| state.name() == typed)
        .ok_or_else(|| format!("must be one of {}", known()))
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { shop, state, before, most, form } => {
            let shop = chosen_shop(core, *shop).await?;
            Ok((list(core, shop, *state, before.unwrap_or(MessageId::new(i64::MAX)), *most).await?, *form))
        }
        Command::Show { id, shop, form } => Ok((show(core, chosen_shop(core, *shop).await?, *id).await?, *form)),
    }
}

async fn list(
    core: &Core,
    shop: ShopId,
    state: Option<MessageState>,
    before: MessageId,
    most: u32,
) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let found = store::message::list(&mut read, &keys, state, before, most).await?;
    let mut lines = table(&["text", "made", "to", "what", "state", "parts", "cost", "why"]);
    for message in &found {
        lines.add_row([
            message.id.to_string(),
            message.created_at.to_string(),
            to(message),
            what(message),
            message.moments.state().name().to_owned(),
            message.segments.to_string(),
            cost(message),
            message.reason.clone(),
        ]);
    }
    let words = if found.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, found.iter().map(shown).collect()))
}

/// Covered: a list is read over shoulders.
fn to(message: &Message) -> String {
    if message.words.phone.is_empty() { "erased".to_owned() } else { message.phone().masked() }
}

fn what(message: &Message) -> String {
    match message.purpose {
        Purpose::Reminder => format!("{} {}", message.sequence, message.step).trim().to_owned(),
        other => other.name().to_owned(),
    }
}

fn cost(message: &Message) -> String {
    message.cost.map_or_else(String::new, |cost| format!("{:.4} {}", cost.micros as f64 / 1e6, cost.currency))
}

fn moments(message: &Message) -> [(&'static str, Option<Time>); 8] {
    let moments = &message.moments;
    [
        ("sending_at", moments.sending_at),
        ("accepted_at", moments.accepted_at),
        ("delivered_at", moments.delivered_at),
        ("undelivered_at", moments.undelivered_at),
        ("refused_at", moments.refused_at),
        ("unknown_at", moments.unknown_at),
        ("cancelled_at", moments.cancelled_at),
        ("expired_at", moments.expired_at),
    ]
}

fn shown(message: &Message) -> Value {
    let mut json = json!({
        "message": message.id,
        "shop": message.shop,
        "cart": message.cart(),
        "purpose": message.purpose.name(),
        "sequence": message.sequence,
        "step": message.step,
        "state": message.moments.state().name(),
        "why": message.reason,
        "to": to(message),
        "country": message.country,
        "gateway": message.gateway,
        "segments": message.segments,
        "cost_micros": message.cost.map(|cost| cost.micros),
        "cost_currency": message.cost.map(|cost| cost.currency.to_string()),
        "created_at": message.created_at.to_string(),
        "expires_at": message.expires_at.to_string(),
    });
    for (name, at) in moments(message) {
        json[name] = at.map(|at| at.to_string()).into();
    }
    json
}

async fn show(core: &Core, shop: ShopId, id: MessageId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let Some(message) = store::message::get(&mut read, &keys, id).await? else {
        bail!(Missing(format!("shop {shop} has no text {id}")));
    };
    let clicks = store::click::of_message(&mut read, &keys, id).await?;
    let credits = store::credit::of_message(&mut read, &keys, id).await?;
    let mut words = format!("{id}  {}  {}  {}\n", to(&message), what(&message), message.moments.state().name());
    if !message.words.text.is_empty() {
        let _ = writeln!(words, "\n{}\n", message.words.text);
    }
    let _ = writeln!(words, "made {}", message.created_at);
    for (name, at) in moments(&message).into_iter().filter_map(|(name, at)| Some((name, at?))) {
        let _ = writeln!(words, "{} {at}", name.trim_end_matches("_at"));
    }
    if !message.reason.is_empty() {
        let _ = writeln!(words, "why: {}", message.reason);
    }
    for click in &clicks {
        let verdict = if click.verdict.is_empty() { "not judged yet" } else { &click.verdict };
        let _ = writeln!(words, "opened {}: {verdict}", click.at);
    }
    for line in &credits {
        let amount = crate::domain::money::Money::new(line.entry.amount_minor, line.currency);
        let _ = writeln!(words, "{} {}: {amount} ({})", line.class, line.order, line.entry.entry);
    }
    let mut json = shown(&message);
    json["text"] = message.words.text.clone().into();
    json["language"] = message.words.language.clone().into();
    json["clicks"] = clicks
        .iter()
        .map(|click| json!({ "click": click.id, "at": click.at.to_string(), "verdict": click.verdict }))
        .collect();
    json["credits"] = credits
        .iter()
        .map(|line| {
            json!({
                "order": line.order,
                "class": line.class,
                "entry": line.entry.entry,
                "amount_minor": line.entry.amount_minor,
                "currency": line.currency.code(),
                "at": line.entry.at.to_string(),
            })
        })
        .collect();
    Ok(Said::new(words, json))
}
