//! `cartback webhook`: where a shop's events are sent on, as signed webhooks; their log, and telling something again.

use std::fmt::Write;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, moment, table};
use crate::{
    domain::{
        id::{EventId, ShopId, SinkId},
        outbox::{self, Topic},
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{
        Core,
        sink::{self, Again, NotReplayed, Typed},
    },
    store::{
        self, Read,
        outbox::{Attempt, Forward, State, Which},
        sink::Sink,
    },
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Add an endpoint; its signing secret is shown only now
    #[command(
        after_help = "Example: cartback webhook add https://example.com/hooks/cartback --events order.recovered,credit.reversed"
    )]
    Add {
        /// Where events are posted to
        url: String,
        #[command(flatten)]
        shop: Of,
        /// What people call it; left out, the host
        #[arg(long)]
        name: Option<String>,
        /// Events it hears, with commas between them, or all
        #[arg(long, default_value = "all")]
        events: String,
        /// Tell phone and e-mail too; without it an event names ids only
        #[arg(long)]
        personal: bool,
        #[command(flatten)]
        form: Form,
    },
    /// All endpoints of a shop, with how they fare
    List {
        #[command(flatten)]
        shop: Of,
        #[command(flatten)]
        form: Form,
    },
    /// One endpoint: what it hears, whether it answers, what waits for it
    Show {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// Change an endpoint's address, name or events
    #[command(after_help = "Example: cartback webhook set sink_01… --events all --personal no")]
    Set {
        #[command(flatten)]
        one: One,
        /// A new address
        #[arg(long)]
        url: Option<String>,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Events it hears from now on, with commas between them, or all
        #[arg(long)]
        events: Option<String>,
        /// Whether phone and e-mail are told: yes or no
        #[arg(long, value_parser = yes_or_no)]
        personal: Option<bool>,
        #[command(flatten)]
        form: Form,
    },
    /// Make a new signing secret, shown only now; the one before signs too for 24 hours
    Rotate {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// Switch an endpoint on again; what it missed waits for a replay
    Enable {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// Switch an endpoint off; what happens meanwhile is kept for a replay
    Disable {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// Remove an endpoint with its log
    Remove {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// What was told, the newest first; with an event, every attempt at it
    #[command(after_help = "Example: cartback webhook log --state failed --json")]
    Log {
        /// Only this endpoint: sink_…
        id: Option<SinkId>,
        /// Every attempt at this event: evt_…
        #[arg(long, requires = "id")]
        event: Option<EventId>,
        #[command(flatten)]
        shop: Of,
        /// Only these: waiting, retrying, delivered, failed or missed
        #[arg(long, value_parser = state)]
        state: Option<State>,
        /// Only events of this type, as order.recovered
        #[arg(long, value_parser = topic)]
        topic: Option<Topic>,
        /// Only events before this one: evt_…
        #[arg(long)]
        before: Option<EventId>,
        /// At most so many: 1 to 1000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        most: u32,
        #[command(flatten)]
        form: Form,
    },
    /// Tell events again, under their own ids, so that a receiver can drop what it has
    #[command(
        after_help = "Examples:\n  cartback webhook replay sink_01… --since 2026-03-01T00:00:00Z\n  cartback webhook replay sink_01… --event evt_01…"
    )]
    Replay {
        #[command(flatten)]
        one: One,
        /// This event, whatever became of it
        #[arg(long, required_unless_present = "since", conflicts_with = "since")]
        event: Option<EventId>,
        /// Everything that failed or was missed and happened since this moment, as 2026-03-01T00:00:00Z
        #[arg(long, value_parser = moment)]
        since: Option<Time>,
        #[command(flatten)]
        form: Form,
    },
    /// Send a test event now and say what was answered; exit code 1 when it was not taken
    Test {
        #[command(flatten)]
        one: One,
        #[command(flatten)]
        form: Form,
    },
    /// The JSON Schema of every event
    Schema {
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct Of {
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

#[derive(clap::Args)]
pub struct One {
    /// As webhook list shows it: sink_…
    id: SinkId,
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
}

fn state(typed: &str) -> Result<State, String> {
    let known = || State::ALL.map(State::name).join(", ");
    State::ALL.into_iter().find(|state| state.name() == typed).ok_or_else(|| format!("must be one of {}", known()))
}

fn topic(typed: &str) -> Result<Topic, String> {
    let known = || Topic::ALL.map(Topic::name).join(", ");
    Topic::parse(typed).ok_or_else(|| format!("must be one of {}", known()))
}

fn yes_or_no(typed: &str) -> Result<bool, String> {
    match typed {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("must be yes or no".into()),
    }
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::Add { url, shop, name, events, personal, form } => {
            let shop = chosen_shop(core, shop.shop).await?;
            // Whoever has a shell here is the operator: addresses in private networks are theirs to choose.
            let typed = Typed {
                name: name.clone(),
                url: Some(url.clone()),
                topics: Some(events.clone()),
                personal: Some(*personal),
                private: true,
            };
            let made = sink::add(core, shop, &typed).await?;
            let words = format!(
                "Endpoint {} is added.\nIts signing secret, shown only now: {}\nTry it: cartback webhook test {}",
                made.id, made.secret, made.id
            );
            Ok((Said::new(words, json!({ "endpoint": made.id, "shop": shop, "secret": made.secret })), *form))
        }
        Command::List { shop, form } => Ok((list(core, chosen_shop(core, shop.shop).await?).await?, *form)),
        Command::Show { one, form } => Ok((show(core, one).await?, *form)),
        Command::Set { one, url, name, events, personal, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let typed = Typed {
                name: name.clone(),
                url: url.clone(),
                topics: events.clone(),
                personal: *personal,
                private: true,
            };
            if !sink::change(core, shop, one.id, &typed).await? {
                bail!(none(shop, one.id));
            }
            Ok((show(core, one).await?, *form))
        }
        Command::Rotate { one, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let Some(secret) = sink::rotate(core, shop, one.id).await? else { bail!(none(shop, one.id)) };
            let words = format!("{secret}\nShown only now. The secret before it signs too for 24 hours.");
            Ok((Said::new(words, json!({ "endpoint": one.id, "shop": shop, "secret": secret })), *form))
        }
        Command::Enable { one, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let known = sink::enable(core, shop, one.id).await?;
            changed(shop, one.id, known, "It is on.", "on", *form)
        }
        Command::Disable { one, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let known = sink::disable(core, shop, one.id).await?;
            changed(shop, one.id, known, "It is off. What happens meanwhile is kept for a replay.", "off", *form)
        }
        Command::Remove { one, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let known = sink::remove(core, shop, one.id).await?;
            changed(shop, one.id, known, "It is removed, with its log.", "removed", *form)
        }
        Command::Log { id, event: Some(event), shop, form, .. } => {
            let Some(id) = id else { bail!(Wrong("--event: name the endpoint too".into())) };
            Ok((attempts(core, chosen_shop(core, shop.shop).await?, *id, *event).await?, *form))
        }
        Command::Log { id, shop, state, topic, before, most, form, .. } => {
            let shop = chosen_shop(core, shop.shop).await?;
            let which = Which { sink: *id, state: *state, topic: *topic };
            Ok((log(core, shop, which, before.unwrap_or(EventId::new(i64::MAX)), *most).await?, *form))
        }
        Command::Replay { one, event, since, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let again = match (event, since) {
                (Some(event), _) => Again::One(*event),
                (None, since) => Again::Since(since.unwrap_or(Time::FIRST)),
            };
            let due = match sink::replay(core, shop, one.id, again).await {
                Ok(due) => due,
                Err(NotReplayed::Store(error)) => return Err(error.into()),
                Err(NotReplayed::Off) => bail!("{}", NotReplayed::Off),
                Err(missing) => bail!(Missing(missing.to_string())),
            };
            let words = format!("{due} due again; a running `cartback serve` tells them at once.");
            Ok((Said::new(words, json!({ "endpoint": one.id, "shop": shop, "due": due })), *form))
        }
        Command::Test { one, form } => {
            let shop = chosen_shop(core, one.shop).await?;
            let Some(attempt) = sink::test(core, shop, one.id).await? else { bail!(none(shop, one.id)) };
            let well = attempt.why.is_empty();
            let words = if well { "Taken.".to_owned() } else { format!("Not taken: {}.", attempt.why) };
            let words = format!("{words}\n{}", answer(&attempt));
            Ok((Said { well, ..Said::new(words, shown_attempt(&attempt)) }, *form))
        }
        Command::Schema { form } => {
            let schema = outbox::schema();
            Ok((Said::new(serde_json::to_string_pretty(&schema)?, schema), *form))
        }
    }
}

fn none(shop: ShopId, id: SinkId) -> Missing {
    Missing(format!("shop {shop} has no endpoint {id}; cartback webhook list shows them"))
}

fn changed(
    shop: ShopId,
    id: SinkId,
    known: bool,
    words: &str,
    state: &str,
    form: Form,
) -> anyhow::Result<(Said, Form)> {
    if !known {
        bail!(none(shop, id));
    }
    Ok((Said::new(words, json!({ "endpoint": id, "shop": shop, "state": state })), form))
}

async fn list(core: &Core, shop: ShopId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let sinks = store::sink::list(&mut read, &keys).await?;
    let mut lines = table(&["endpoint", "name", "state", "events", "delivered", "waiting", "failed", "missed"]);
    let mut all = Vec::new();
    for sink in &sinks {
        let json = shown(&mut read, &keys, sink).await?;
        let count = |name: &str| json["counts"][name].to_string();
        let waiting =
            json["counts"]["waiting"].as_u64().unwrap_or(0) + json["counts"]["retrying"].as_u64().unwrap_or(0);
        lines.add_row([
            sink.id.to_string(),
            sink.name.clone(),
            state_words(sink),
            sink.topics.len().to_string(),
            count("delivered"),
            waiting.to_string(),
            count("failed"),
            count("missed"),
        ]);
        all.push(json);
    }
    let words = if sinks.is_empty() {
        "There is no endpoint yet; add one with: cartback webhook add https://…".to_owned()
    } else {
        lines.to_string()
    };
    Ok(Said::new(words, all.into()))
}

fn state_words(sink: &Sink) -> String {
    match (sink.disabled_at, sink.failing_since) {
        (Some(at), _) => format!("off since {at}: {}", sink.disabled_why),
        (None, Some(since)) => format!("failing since {since}"),
        (None, None) => "on".to_owned(),
    }
}

async fn show(core: &Core, one: &One) -> anyhow::Result<Said> {
    let shop = chosen_shop(core, one.shop).await?;
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let Some(sink) = store::sink::get(&mut read, &keys, one.id).await? else { bail!(none(shop, one.id)) };
    let json = shown(&mut read, &keys, &sink).await?;
    let mut words = format!("{}  {}\nstate: {}\n", sink.id, sink.name, state_words(&sink));
    let _ = writeln!(words, "host: {}", json["host"].as_str().unwrap_or_default());
    let _ = writeln!(words, "events: {}", sink.topics);
    let _ = writeln!(words, "phone and e-mail: {}", if sink.personal { "told" } else { "not told" });
    for state in State::ALL {
        let _ = writeln!(words, "{}: {}", state.name(), json["counts"][state.name()]);
    }
    Ok(Said::new(words, json))
}

/// Without its URL, which may hide a password, and without its secret.
async fn shown(read: &mut Read, keys: &ShopKeys, sink: &Sink) -> anyhow::Result<Value> {
    let tally = store::outbox::tally(read, keys).await?;
    let count = |state: State| {
        let own = tally.iter().filter(|(id, of, _)| *id == sink.id && *of == state);
        (state.name().to_owned(), own.map(|(.., count)| count).sum::<u64>().into())
    };
    let counts: serde_json::Map<String, Value> = State::ALL.into_iter().map(count).collect();
    Ok(json!({
        "endpoint": sink.id,
        "shop": sink.shop,
        "kind": sink.kind,
        "name": sink.name,
        "host": if sink::is_webhook(sink) { sink::host(sink.settings.get("url")) } else { sink.kind.clone() },
        "events": sink.topics.iter().map(Topic::name).collect::<Vec<_>>(),
        "personal": sink.personal,
        "created_at": sink.created_at.to_string(),
        "rotated_at": sink.rotated_at.map(|at| at.to_string()),
        "failing_since": sink.failing_since.map(|at| at.to_string()),
        "disabled_at": sink.disabled_at.map(|at| at.to_string()),
        "disabled_why": sink.disabled_why,
        "counts": counts,
    }))
}

async fn log(core: &Core, shop: ShopId, which: Which, before: EventId, most: u32) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let found = store::outbox::list(&mut read, &keys, which, before, most).await?;
    let mut lines = table(&["event", "type", "happened", "endpoint", "state", "attempts", "next"]);
    for line in &found {
        lines.add_row([
            line.event.to_string(),
            line.topic.to_string(),
            line.at.to_string(),
            line.sink.to_string(),
            line.state().name().to_owned(),
            line.attempts.to_string(),
            line.due_at.map_or_else(String::new, |at| at.to_string()),
        ]);
    }
    let words = if found.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, found.iter().map(shown_forward).collect()))
}

fn shown_forward(line: &Forward) -> Value {
    json!({
        "event": line.event,
        "type": line.topic.name(),
        "at": line.at.to_string(),
        "endpoint": line.sink,
        "state": line.state().name(),
        "attempts": line.attempts,
        "due_at": line.due_at.map(|at| at.to_string()),
        "delivered_at": line.delivered_at.map(|at| at.to_string()),
        "given_up_at": line.given_up_at.map(|at| at.to_string()),
    })
}

async fn attempts(core: &Core, shop: ShopId, id: SinkId, event: EventId) -> anyhow::Result<Said> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    if store::outbox::forward(&mut read, &keys, id, event).await?.is_none() {
        bail!(Missing(NotReplayed::NoEvent.to_string()));
    }
    let found = store::outbox::attempts(&mut read, &keys, id, event).await?;
    let mut lines = table(&["attempt", "at", "took", "status", "why", "answer"]);
    for attempt in &found {
        lines.add_row([
            attempt.number.to_string(),
            attempt.at.to_string(),
            format!("{} ms", attempt.took_ms),
            attempt.status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
            attempt.why.clone(),
            attempt.answer.clone(),
        ]);
    }
    let words = if found.is_empty() { "Not tried yet.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, found.iter().map(shown_attempt).collect()))
}

fn answer(attempt: &Attempt) -> String {
    let status = attempt.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
    format!("{status} after {} ms {}", attempt.took_ms, attempt.answer).trim_end().to_owned()
}

fn shown_attempt(attempt: &Attempt) -> Value {
    json!({
        "attempt": attempt.number,
        "at": attempt.at.to_string(),
        "took_ms": attempt.took_ms,
        "status": attempt.status,
        "taken": attempt.why.is_empty(),
        "why": attempt.why,
        "answer": attempt.answer,
    })
}
