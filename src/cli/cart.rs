//! `cartback explain` and `cartback cart show`: everything that happened to a cart and why, in time's order. Names no person and no number.

use std::{collections::BTreeSet, fmt::Write};

use anyhow::bail;
use serde_json::{Value, json};

use super::{Form, Missing, Said, chosen_shop, table};
use crate::{
    domain::{
        attribution::Attribution,
        cart::Cart,
        decide::{Decision, Verdict},
        id::{CartId, MessageId, OrderId, ShopId},
        message::{Moments, Purpose},
        money::Money,
        order::Order,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    pipeline::{
        Core,
        replay::{self, Again},
    },
    store::{self, Read, cart::Filter, click::Click, decision, message::Message},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The newest carts, or those in one state
    #[command(after_help = "Example: cartback cart list --state held --days 7 --json")]
    List(List),
    /// The timeline of one cart: decisions gate by gate, texts, taps, orders, credits
    Show {
        /// As the pages and reports show it: cart_…
        id: CartId,
        /// Whose; left out, every shop is searched
        #[arg(long)]
        shop: Option<ShopId>,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
pub struct List {
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    /// Only these: open, abandoned, unreachable, reachable, held, texted, delivered, clicked or recovered
    #[arg(long, value_parser = filter, default_value = "all")]
    state: Filter,
    /// Abandoned, or begun, within so many days: 1 to 366
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// Only carts before this one: cart_…
    #[arg(long)]
    before: Option<CartId>,
    /// At most so many: 1 to 1000
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    most: u32,
    #[command(flatten)]
    form: Form,
}

const STATES: [(&str, Filter); 10] = [
    ("all", Filter::All),
    ("open", Filter::Open),
    ("abandoned", Filter::Abandoned),
    ("unreachable", Filter::Unreachable),
    ("reachable", Filter::Reachable),
    ("held", Filter::Held),
    ("texted", Filter::Texted),
    ("delivered", Filter::Delivered),
    ("clicked", Filter::Clicked),
    ("recovered", Filter::Recovered),
];

fn filter(typed: &str) -> Result<Filter, String> {
    let known = || STATES.map(|(name, _)| name).join(", ");
    let found = STATES.into_iter().find(|(name, _)| *name == typed);
    found.map(|(_, filter)| filter).ok_or_else(|| format!("must be one of {}", known()))
}

async fn list(core: &Core, args: &List) -> anyhow::Result<Said> {
    let shop = chosen_shop(core, args.shop).await?;
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let now = core.now();
    let span = (now - DAY * args.days, now + DAY);
    let before = args.before.unwrap_or(CartId::new(i64::MAX));
    let found = store::cart::list(&mut read, &keys, args.state, span, before, args.most).await?;
    let mut lines = table(&["cart", "begun", "abandoned", "bought", "total", "sequence"]);
    let shown = |at: Option<Time>| at.map(|at| at.to_string());
    for cart in &found {
        lines.add_row([
            cart.id.to_string(),
            cart.started_at.to_string(),
            shown(cart.abandoned_at).unwrap_or_default(),
            shown(cart.bought_at).unwrap_or_default(),
            cart.latest.total.map_or_else(String::new, |total| total.to_string()),
            cart.sequence.clone(),
        ]);
    }
    let words = if found.is_empty() { "Nothing.".to_owned() } else { lines.to_string() };
    let json = found.iter().map(|cart| {
        json!({
            "cart": cart.id,
            "shop": shop,
            "started_at": cart.started_at.to_string(),
            "abandoned_at": shown(cart.abandoned_at),
            "bought_at": shown(cart.bought_at),
            "deleted_at": shown(cart.deleted_at),
            "erased_at": shown(cart.erased_at),
            "total_minor": cart.latest.total.map(|total| total.minor),
            "currency": cart.latest.total.map(|total| total.currency),
            "country": cart.latest.country,
            "sequence": cart.sequence,
        })
    });
    Ok(Said::new(words, json.collect()))
}

/// One thing that happened.
struct Entry {
    at: Time,
    /// A stable word for scripts.
    event: &'static str,
    words: String,
    detail: Value,
}

impl Entry {
    fn new(at: Time, event: &'static str, words: impl Into<String>, detail: Value) -> Entry {
        Entry { at, event, words: words.into(), detail }
    }
}

/// `cartback explain cart_…`: the same story by the shorter name.
#[derive(clap::Args)]
pub struct Explain {
    /// As the pages and reports show it: cart_…
    id: CartId,
    /// Whose; left out, every shop is searched
    #[arg(long)]
    shop: Option<ShopId>,
    /// Make every decision again from its kept facts, under the rules and the law of its day, and say whether it is the same
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List(args) => Ok((list(core, args).await?, args.form)),
        Command::Show { id, shop, form } => find(core, id, shop, false, *form).await,
    }
}

pub async fn explain(core: &Core, args: &Explain) -> anyhow::Result<(Said, Form)> {
    find(core, &args.id, &args.shop, args.again, args.form).await
}

async fn find(
    core: &Core,
    id: &CartId,
    shop: &Option<ShopId>,
    again: bool,
    form: Form,
) -> anyhow::Result<(Said, Form)> {
    let mut read = core.db.read().await?;
    let shops = match shop {
        Some(named) => vec![chosen_shop(core, Some(*named)).await?],
        None => store::shop::ids(&mut read).await?,
    };
    for shop in shops {
        let keys = core.vault.keys(&mut read, shop).await?;
        if let Some(cart) = store::cart::get(&mut read, &keys, *id).await? {
            return Ok((show(&mut read, &keys, &cart, again).await?, form));
        }
    }
    bail!(Missing(format!("there is no cart {id}")))
}

async fn show(read: &mut Read, keys: &ShopKeys, cart: &Cart, again: bool) -> anyhow::Result<Said> {
    let mut timeline = of_cart(cart);
    let mut well = true;
    for kept in store::decision::of_cart(read, keys, cart.id).await? {
        let mut entry = decided(&kept);
        if again {
            let outcome = replay::again(read, keys, &kept).await?;
            well &= !matches!(outcome, Again::Differs(_));
            entry.words.push_str(&made_again(&outcome));
        }
        timeline.push(entry);
    }
    timeline.extend(experiments(read, keys, cart).await?);
    let messages = store::message::about(read, keys, cart.id.get()).await?;
    let mut orders = BTreeSet::new();
    for message in &messages {
        timeline.extend(of_message(message));
        for click in store::click::of_message(read, keys, message.id).await? {
            timeline.push(opened(message.step, &click));
        }
        orders.extend(store::credit::of_message(read, keys, message.id).await?.into_iter().map(|line| line.order));
    }
    orders.extend(store::identity::orders_with(read, keys, cart.id).await?);
    let texts: Vec<MessageId> = messages.iter().map(|message| message.id).collect();
    for order in orders {
        timeline.extend(of_order(read, keys, cart, order, &texts).await?);
    }
    // Stable: what happened in one millisecond stays in the order it was told.
    timeline.sort_by_key(|entry| entry.at);
    let said = Said::new(words(keys.shop(), cart, &timeline), as_json(keys.shop(), cart, &timeline));
    Ok(Said { well, ..said })
}

async fn experiments(read: &mut Read, keys: &ShopKeys, cart: &Cart) -> anyhow::Result<Vec<Entry>> {
    let entries = store::experiment::of_cart(read, keys, cart.id).await?;
    let all = if entries.is_empty() { Vec::new() } else { store::experiment::list(read, keys).await? };
    let told = entries.iter().filter_map(|entry| {
        let each = all.iter().find(|each| each.id == entry.experiment)?;
        let arm = &each.plan.arms.get(entry.arm)?.name;
        let words = format!("entered the experiment “{}” in the way “{arm}”", each.plan.name);
        let told = json!({ "experiment": each.id.to_string(), "arm": arm });
        Some(Entry::new(entry.entered_at, "experiment", &words, told))
    });
    Ok(told.collect())
}

fn made_again(outcome: &Again) -> String {
    match outcome {
        Again::Same => "\n= made again from what was kept: the same".to_owned(),
        Again::Differs(now) => format!("\n! made again from what was kept: {}", verdict(now)),
        Again::NotKept(why) => format!("\n? cannot be made again: {why}"),
    }
}

fn of_cart(cart: &Cart) -> Vec<Entry> {
    let mut entries = vec![Entry::new(cart.started_at, "started", "the checkout was begun", json!({}))];
    if cart.active_at() > cart.started_at {
        entries.push(Entry::new(cart.active_at(), "activity", "the shopper was last active", json!({})));
    }
    for (at, event, words) in [
        (cart.abandoned_at, "abandoned", "it counted as abandoned"),
        (cart.bought_at, "bought", "it was bought"),
        (cart.deleted_at, "deleted", "the checkout was deleted"),
        (cart.erased_at, "erased", "its personal data was erased"),
    ] {
        entries.extend(at.map(|at| Entry::new(at, event, words, json!({}))));
    }
    entries
}

fn decided(kept: &decision::Kept) -> Entry {
    let mut words = format!("text {}: {}", kept.step, verdict(&kept.decision));
    for gate in &kept.decision.gates {
        let mark = match gate.verdict {
            Verdict::Pass => "✓",
            Verdict::Wait(_) => "…",
            Verdict::Stop => "✗",
        };
        let _ = write!(words, "\n{mark} {}: {}", gate.gate.words(), gate.why);
        for (name, value) in &gate.inputs {
            let _ = write!(words, "\n    {name}: {value}");
        }
    }
    if !kept.made_of.law.is_empty() {
        let _ = write!(words, "\nby the law's data {} and rules {}", kept.made_of.law, kept.made_of.rules_version);
    }
    Entry::new(
        kept.at,
        "decision",
        words,
        json!({
            "step": kept.step,
            "decision": kept.decision,
            "law": kept.made_of.law,
            "rules_version": kept.made_of.rules_version,
            "facts": kept.made_of.facts,
        }),
    )
}

fn verdict(decision: &Decision) -> String {
    let why = decision.reason().map(|gate| format!(" ({})", gate.why)).unwrap_or_default();
    match decision.verdict {
        Verdict::Pass => "may go".to_owned(),
        Verdict::Wait(until) => format!("waits until {until}{why}"),
        Verdict::Stop => format!("will not go{why}"),
    }
}

fn of_message(message: &Message) -> Vec<Entry> {
    let step = match message.purpose {
        Purpose::Reminder => message.step.to_string(),
        other => format!("({})", other.name().replace('_', " ")),
    };
    let moments: &Moments = &message.moments;
    let why = if message.reason.is_empty() { String::new() } else { format!(": {}", message.reason) };
    let detail = |event: &str| {
        json!({
            "message": message.id,
            "purpose": message.purpose.name(),
            "step": message.step,
            "event": event,
            "state": moments.state().name(),
            "segments": message.segments,
            "reason": message.reason,
        })
    };
    let queued = format!("text {step} was written ({} parts); it is {} now", message.segments, moments.state().name());
    let mut entries = vec![Entry::new(message.created_at, "message", queued, detail("queued"))];
    for (at, event, words) in [
        (moments.sending_at, "sending", format!("text {step} was handed to the gateway")),
        (moments.accepted_at, "accepted", format!("text {step} was accepted by the gateway")),
        (moments.refused_at, "refused", format!("text {step} was refused{why}")),
        (moments.unknown_at, "unknown", format!("nobody can say whether text {step} left{why}")),
        (moments.delivered_at, "delivered", format!("text {step} was delivered")),
        (moments.undelivered_at, "undelivered", format!("text {step} could not be delivered{why}")),
        (moments.cancelled_at, "cancelled", format!("text {step} was called off{why}")),
        (moments.expired_at, "expired", format!("text {step} ran out of time{why}")),
    ] {
        entries.extend(at.map(|at| Entry::new(at, "message", words, detail(event))));
    }
    entries
}

fn opened(step: u32, click: &Click) -> Entry {
    let verdict = match click.verdict.as_str() {
        "" => "not judged yet".to_owned(),
        _ if click.is_human() => "a person".to_owned(),
        other => format!("does not count: {other}"),
    };
    let detail = json!({ "click": click.id, "message": click.message, "step": step, "verdict": click.verdict });
    Entry::new(click.at, "click", format!("the link of text {step} was opened ({verdict})"), detail)
}

/// An order of the same person or checkout, what it earned, and why; nothing when it lies before the cart.
async fn of_order(
    read: &mut Read,
    keys: &ShopKeys,
    cart: &Cart,
    id: OrderId,
    texts: &[MessageId],
) -> anyhow::Result<Vec<Entry>> {
    let Some(order) = store::order::get(read, keys, id).await? else { return Ok(Vec::new()) };
    let placed_at = order.placed_at.unwrap_or(order.revision.at);
    if placed_at < cart.started_at {
        return Ok(Vec::new());
    }
    let (number, total) = (&order.latest.number, order.latest.total);
    let what = if order.placed_at.is_some() { "was placed" } else { "waits for its payment" };
    let detail = json!({ "order": id, "number": number, "total_minor": total.minor, "currency": total.currency });
    let mut entries = vec![Entry::new(placed_at, "order", format!("order {number} over {total} {what}"), detail)];
    if let Some(verdict) = store::credit::evidence(read, keys, id).await? {
        entries.extend(judged(&order, &verdict, placed_at, texts));
    }
    for line in store::credit::of_order(read, keys, id).await? {
        let whose = if texts.contains(&line.message) { "a text of this cart" } else { "a text of another cart" };
        let amount = Money::new(line.entry.amount_minor, line.currency);
        let words = format!("{whose} is {} with {amount} ({})", line.class, line.entry.entry);
        let detail = json!({
            "order": id,
            "message": line.message,
            "class": line.class,
            "entry": line.entry.entry,
            "amount_minor": line.entry.amount_minor,
            "currency": line.currency,
        });
        entries.push(Entry::new(line.entry.at, "credit", words, detail));
    }
    Ok(entries)
}

fn judged(order: &Order, verdict: &Attribution, at: Time, texts: &[MessageId]) -> Vec<Entry> {
    let number = &order.latest.number;
    let mut entries = Vec::new();
    if let Some(why) = &verdict.excluded {
        let detail = json!({ "order": order.id, "won": false, "why": why });
        entries.push(Entry::new(at, "evidence", format!("order {number} can earn nothing: {why}"), detail));
    }
    for each in verdict.considered.iter().filter(|each| texts.contains(&each.message)) {
        let outcome = if each.won { "earned" } else { "did not earn" };
        let words = format!("text {} {outcome} order {number}: {}; {}", each.step, each.tie.words(), each.why);
        let mut detail = json!(each);
        if let Value::Object(all) = &mut detail {
            all.insert("order".into(), json!(order.id));
        }
        entries.push(Entry::new(at, "evidence", words, detail));
    }
    entries
}

fn state(cart: &Cart) -> &'static str {
    if cart.bought_at.is_some() {
        "bought"
    } else if cart.erased_at.is_some() {
        "erased"
    } else if cart.deleted_at.is_some() {
        "deleted"
    } else if cart.abandoned_at.is_some() {
        "abandoned"
    } else {
        "open"
    }
}

fn words(shop: ShopId, cart: &Cart, timeline: &[Entry]) -> String {
    let total = cart.latest.total.map_or_else(|| "no total".to_owned(), |total| total.to_string());
    let mut words =
        format!("{} of shop {shop}: {}, {total}, {} items\n", cart.id, state(cart), cart.latest.items.len());
    for entry in timeline {
        let mut lines = entry.words.lines();
        let _ = write!(words, "\n{}  {}", entry.at, lines.next().unwrap_or_default());
        for line in lines {
            let _ = write!(words, "\n                            {line}");
        }
    }
    words
}

fn as_json(shop: ShopId, cart: &Cart, timeline: &[Entry]) -> Value {
    let entries: Vec<Value> = timeline
        .iter()
        .map(|entry| json!({ "at": entry.at.to_string(), "event": entry.event, "words": entry.words, "detail": entry.detail }))
        .collect();
    json!({
        "cart": cart.id,
        "shop": shop,
        "state": state(cart),
        "total_minor": cart.latest.total.map(|total| total.minor),
        "currency": cart.latest.total.map(|total| total.currency),
        "items": cart.latest.items.len(),
        "timeline": entries,
    })
}
