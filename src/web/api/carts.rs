//! Carts: the list by state, moment and person; one cart with everything that happened to it and why; its decisions made
//! again. Nobody's number stands in an answer: `people/export` hands those over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Cost, Moment, Money},
    shop::answered,
};
use crate::{
    domain::{
        cart::Cart as Stored,
        decide::{Decision as Decided, Verdict},
        event::{Identity, TypedPhone},
        id::{CartId, OrderId},
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{
        ingest,
        replay::{self, Again},
        sequence,
    },
    store::{self, Error, Read, cart::Filter, click::Click, identity, message::Message, shop::Shop},
    web::{
        page::story::{self, Story},
        problem::Problem,
        view::cart::CartState,
    },
};

/// How far a cart came. One that came further also counts for the stages before.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartFilter {
    Open,
    Abandoned,
    /// Abandoned without number or consent.
    Unreachable,
    Reachable,
    /// Reachable, and not texted.
    Held,
    Texted,
    Delivered,
    Clicked,
    /// Bought, credited to a text.
    Recovered,
    /// Bought without credit to a text.
    Bought,
    OptedOut,
}

impl CartFilter {
    fn which(self) -> Filter {
        match self {
            CartFilter::Open => Filter::Open,
            CartFilter::Abandoned => Filter::Abandoned,
            CartFilter::Unreachable => Filter::Unreachable,
            CartFilter::Reachable => Filter::Reachable,
            CartFilter::Held => Filter::Held,
            CartFilter::Texted => Filter::Texted,
            CartFilter::Delivered => Filter::Delivered,
            CartFilter::Clicked => Filter::Clicked,
            CartFilter::Recovered => Filter::Recovered,
            CartFilter::Bought => Filter::Bought,
            CartFilter::OptedOut => Filter::OptedOut,
        }
    }
}

#[derive(Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CartQuery {
    /// Only carts that came so far.
    #[param(inline)]
    stage: Option<CartFilter>,
    /// Abandoned (begun, while they are not) at or after this moment; RFC 3339.
    #[param(example = "2026-03-01T00:00:00Z")]
    from: Option<String>,
    /// Before this moment.
    #[param(example = "2026-04-01T00:00:00Z")]
    to: Option<String>,
    /// Only of who has this number; with `+`, or as dialled in the shop's country.
    phone: Option<String>,
    /// Only of who has this address.
    email: Option<String>,
    /// Only of the customer the shop calls so.
    customer: Option<String>,
    /// Only the checkout the shop calls so.
    token: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// A checkout somebody began.
#[derive(Serialize, ToSchema)]
pub struct Cart {
    #[schema(example = "cart_01jq0000000c1")]
    id: String,
    state: CartStateName,
    /// The shop's own name for the checkout; empty once it was erased.
    token: String,
    #[schema(required)]
    total: Option<Money>,
    items: Vec<Item>,
    /// Whose, as far as it may be shown: a name, the end of a number.
    #[schema(example = "Ana, …4455")]
    who: String,
    /// ISO 3166-1 alpha-2, of the address.
    #[schema(required)]
    country: Option<String>,
    /// BCP 47.
    #[schema(required)]
    language: Option<String>,
    /// The sequence it follows; `null` before it was abandoned, or when none fits.
    #[schema(required)]
    sequence: Option<String>,
    started_at: Moment,
    /// When the shopper last did something with it.
    active_at: Moment,
    #[schema(required)]
    abandoned_at: Option<Moment>,
    #[schema(required)]
    bought_at: Option<Moment>,
    #[schema(required)]
    deleted_at: Option<Moment>,
    #[schema(required)]
    erased_at: Option<Moment>,
}

/// What a cart amounts to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CartStateName {
    /// Still being filled.
    Open,
    /// Abandoned; a text is planned.
    Waiting,
    /// Abandoned; no text will be sent.
    NotTexted,
    Texted,
    Clicked,
    /// Bought, credited to a text.
    Recovered,
    /// Bought, not because of a text.
    Bought,
    /// Texted, and nothing came of it.
    Lost,
}

impl From<CartState> for CartStateName {
    fn from(state: CartState) -> CartStateName {
        match state {
            CartState::Open => CartStateName::Open,
            CartState::Waiting => CartStateName::Waiting,
            CartState::NotTexted => CartStateName::NotTexted,
            CartState::Texted => CartStateName::Texted,
            CartState::Clicked => CartStateName::Clicked,
            CartState::Recovered => CartStateName::Recovered,
            CartState::Bought => CartStateName::Bought,
            CartState::Lost => CartStateName::Lost,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct Item {
    title: String,
    quantity: u32,
    /// Of one.
    #[schema(required)]
    price: Option<Money>,
}

/// A cart with everything that happened to it.
#[derive(Serialize, ToSchema)]
pub struct CartStory {
    cart: Cart,
    /// How eagerly its visitor went about buying within a week before it was left, 0 to 100; `null` where nothing is known.
    #[schema(required, maximum = 100)]
    intent: Option<u8>,
    /// Oldest first.
    timeline: Vec<Event>,
    /// Every decision about a text of it, gate by gate, oldest first.
    decisions: Vec<Decision>,
}

/// One thing that happened.
#[derive(Serialize, ToSchema)]
pub struct Event {
    at: Moment,
    /// `started`, `activity`, `abandoned`, `bought`, `deleted`, `erased`; `decision`; `message_queued`, `message_sending`,
    /// `message_accepted`, `message_refused`, `message_unknown`, `message_delivered`, `message_undelivered`,
    /// `message_cancelled`, `message_expired`; `clicked` (by a person), `opened` (not counted); `order`, `credit`.
    #[schema(example = "message_accepted")]
    event: String,
    /// What there is to say about it, for people; empty when nothing is.
    words: String,
    /// The text it is about: its step, 0 for one of the service itself.
    #[schema(required)]
    step: Option<u32>,
    #[schema(required)]
    message: Option<String>,
    #[schema(required)]
    order: Option<String>,
    #[schema(required)]
    amount: Option<Money>,
    #[schema(required)]
    cost: Option<Cost>,
}

impl Event {
    fn new(at: Time, event: &str) -> Event {
        Event {
            at: at.into(),
            event: event.to_owned(),
            words: String::new(),
            step: None,
            message: None,
            order: None,
            amount: None,
            cost: None,
        }
    }

    fn of(message: &Message, at: Time, event: &str) -> Event {
        Event { step: Some(message.step), message: Some(message.id.to_string()), ..Event::new(at, event) }
    }
}

/// Whether a step could be texted, and why.
#[derive(Serialize, ToSchema)]
pub struct Decision {
    at: Moment,
    step: u32,
    verdict: VerdictName,
    /// When it is asked again, where it waits.
    #[schema(required)]
    until: Option<Moment>,
    gates: Vec<Gate>,
    /// Versions of the law's data and of the shop's rules it was made under.
    law: String,
    rules_version: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictName {
    Pass,
    Wait,
    Stop,
}

/// One gate's verdict.
#[derive(Serialize, ToSchema)]
pub struct Gate {
    #[schema(example = "consent for SMS")]
    gate: String,
    verdict: VerdictName,
    /// Why, for people.
    why: String,
    /// What it looked at.
    inputs: Vec<Input>,
}

#[derive(Serialize, ToSchema)]
pub struct Input {
    name: String,
    value: String,
}

/// A decision made again from what was kept, under the rules and the law of its day.
#[derive(Serialize, ToSchema)]
pub struct Explained {
    decision: Decision,
    again: AgainName,
    /// What comes out now, where that is something else.
    #[schema(required)]
    now: Option<Decision>,
    /// Why it could not be made again, where it could not.
    #[schema(required)]
    why: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgainName {
    Same,
    Differs,
    NotKept,
}

fn verdict(verdict: Verdict) -> (VerdictName, Option<Moment>) {
    match verdict {
        Verdict::Pass => (VerdictName::Pass, None),
        Verdict::Wait(until) => (VerdictName::Wait, Some(until.into())),
        Verdict::Stop => (VerdictName::Stop, None),
    }
}

fn decision(kept: &store::decision::Kept, decided: &Decided) -> Decision {
    let (name, until) = verdict(decided.verdict);
    let gates = decided.gates.iter().map(|gate| Gate {
        gate: gate.gate.words().to_owned(),
        verdict: verdict(gate.verdict).0,
        why: gate.why.clone(),
        inputs: gate.inputs.iter().map(|(name, value)| Input { name: name.clone(), value: value.clone() }).collect(),
    });
    Decision {
        at: kept.at.into(),
        step: kept.step,
        verdict: name,
        until,
        gates: gates.collect(),
        law: kept.made_of.law.clone(),
        rules_version: kept.made_of.rules_version,
    }
}

fn cart(shop: &Shop, story: &Story, now: Time) -> Cart {
    let stored = &story.cart;
    let latest = &stored.latest;
    let items = latest.items.iter().map(|item| Item {
        title: item.title.clone(),
        quantity: item.quantity,
        price: item.price.map(Money::from),
    });
    Cart {
        id: stored.id.to_string(),
        state: story.state(shop, now).into(),
        token: latest.token.clone(),
        total: latest.total.map(Money::from),
        items: items.collect(),
        who: story::who(shop, stored),
        country: story::country(stored),
        language: latest.language.clone(),
        sequence: Some(stored.sequence.clone()).filter(|sequence| !sequence.is_empty()),
        started_at: stored.started_at.into(),
        active_at: stored.active_at().into(),
        abandoned_at: stored.abandoned_at.map(Moment),
        bought_at: stored.bought_at.map(Moment),
        deleted_at: stored.deleted_at.map(Moment),
        erased_at: stored.erased_at.map(Moment),
    }
}

/// Carts, newest first
///
/// The filters narrow each other. By person or token at most the 200 newest are found.
#[utoipa::path(get, path = "/api/v1/carts", params(CartQuery), responses((status = 200, description = "Carts, newest first.", body = form::List<Cart>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (carts, next) = listed(call, call.query()?).await?;
    answered(call, carts, next)
}

/// Carts, asked for in the body
///
/// As the list; addresses and numbers in a URL end up in other people's logs.
#[utoipa::path(post, path = "/api/v1/carts/find", request_body = CartQuery, responses((status = 200, description = "Carts, newest first.", body = form::List<Cart>)))]
pub async fn find(call: &Call) -> Result<Answer, Problem> {
    let (carts, next) = listed(call, call.body()?).await?;
    Answer::ok(&form::List::new(carts, next))
}

/// A page of them, and what asks for the next one.
async fn listed(call: &Call, asked: CartQuery) -> Result<(Vec<Cart>, Option<String>), Problem> {
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<CartId>()?.unwrap_or(CartId::new(i64::MAX));
    let edge = |field, typed: &Option<String>, without| match typed {
        Some(typed) => form::moment(field, typed).map_err(|why| Problem::Wrong(vec![why])),
        None => Ok(without),
    };
    let span = (edge("from", &asked.from, Time::FIRST)?, edge("to", &asked.to, Time::LAST)?);
    let filter = asked.stage.map_or(Filter::All, CartFilter::which);
    let (mut read, shop, keys) = call.open().await?;
    let mut carts = match whose(&asked, &shop, &keys) {
        None => store::cart::list(&mut read, &keys, filter, span, before, window.most()).await?,
        Some(names) => {
            let mut found = of_person(&mut read, &keys, &names).await?;
            found.retain(|id| *id < before);
            let mut carts = Vec::new();
            for id in found {
                // As the list would show it: one row of it, or none.
                let next = CartId::new(id.get().saturating_add(1));
                let shown = store::cart::list(&mut read, &keys, filter, span, next, 1).await?;
                carts.extend(shown.into_iter().filter(|cart| cart.id == id));
                if carts.len() >= window.most() as usize {
                    break;
                }
            }
            carts
        }
    };
    let next = window.cut(&mut carts, |cart| cart.id.to_string());
    let mut data = Vec::new();
    for stored in carts {
        let story = Story::of(&mut read, &keys, stored).await?;
        data.push(cart(&shop, &story, call.core().now()));
    }
    Ok((data, next))
}

const FOUND_MAX: usize = 200;

/// Each name asked by, as the values it may lie under; `None` when nobody is asked for.
fn whose(asked: &CartQuery, shop: &Shop, keys: &ShopKeys) -> Option<Vec<Vec<[u8; 16]>>> {
    let values = |who: Identity, token: Option<&str>| -> Vec<[u8; 16]> {
        ingest::names(shop, keys, &who, None, token).into_iter().map(|(_, value)| value).collect()
    };
    let phone = |number: &String| TypedPhone { number: number.clone(), country: None };
    let one = |customer: Option<&String>, email: Option<&String>, number: Option<&String>| Identity {
        customer: customer.cloned(),
        email: email.cloned(),
        phones: number.map(phone).into_iter().collect(),
    };
    let mut all = Vec::new();
    all.extend(asked.phone.as_ref().map(|number| values(one(None, None, Some(number)), None)));
    all.extend(asked.email.as_ref().map(|email| values(one(None, Some(email), None), None)));
    all.extend(asked.customer.as_ref().map(|customer| values(one(Some(customer), None, None), None)));
    all.extend(asked.token.as_ref().map(|token| values(one(None, None, None), Some(token))));
    (!all.is_empty()).then_some(all)
}

/// The carts that every name leads to, newest first.
async fn of_person(read: &mut Read, keys: &ShopKeys, names: &[Vec<[u8; 16]>]) -> Result<Vec<CartId>, Error> {
    let mut common: Option<BTreeSet<CartId>> = None;
    for values in names {
        let mut found = BTreeSet::new();
        for value in values {
            found.extend(identity::carts(read, keys, value).await?);
        }
        common = Some(match common {
            None => found,
            Some(known) => known.intersection(&found).copied().collect(),
        });
    }
    Ok(common.unwrap_or_default().into_iter().rev().take(FOUND_MAX).collect())
}

/// One cart, with everything that happened to it
#[utoipa::path(get, path = "/api/v1/carts/{id}", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses((status = 200, description = "The cart.", body = CartStory)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: CartId = call.path("id")?;
    let (mut read, shop, keys) = call.open().await?;
    let stored = store::cart::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    let story = Story::of(&mut read, &keys, stored).await?;
    let mut timeline = of_cart(&story.cart);
    let url = &call.core().public_url;
    let mut orders = BTreeSet::new();
    for message in store::message::about(&mut read, &keys, id.get()).await? {
        timeline.extend(of_message(&message, url));
        for click in store::click::of_message(&mut read, &keys, message.id).await? {
            timeline.push(opened(&message, &click));
        }
        let credits = store::credit::of_message(&mut read, &keys, message.id).await?;
        orders.extend(credits.into_iter().map(|line| line.order));
    }
    orders.extend(identity::orders_with(&mut read, &keys, id).await?);
    for order in orders {
        timeline.extend(of_order(&mut read, &keys, &story.cart, order).await?);
    }
    timeline.extend(story.decisions.iter().map(decided));
    // Stable: what happened in one millisecond stays in the order it was told.
    timeline.sort_by_key(|event| event.at.0);
    let decisions = story.decisions.iter().map(|kept| decision(kept, &kept.decision)).collect();
    let left_at = story.cart.abandoned_at.unwrap_or(story.cart.active_at());
    let intent = sequence::intent(&mut read, &keys, &story.cart, left_at).await?.map(|intent| intent.score);
    Answer::ok(&CartStory { cart: cart(&shop, &story, call.core().now()), intent, timeline, decisions })
}

fn of_cart(cart: &Stored) -> Vec<Event> {
    let mut events = vec![Event::new(cart.started_at, "started")];
    if cart.active_at() > cart.started_at {
        events.push(Event::new(cart.active_at(), "activity"));
    }
    for (at, event) in [
        (cart.abandoned_at, "abandoned"),
        (cart.bought_at, "bought"),
        (cart.deleted_at, "deleted"),
        (cart.erased_at, "erased"),
    ] {
        events.extend(at.map(|at| Event::new(at, event)));
    }
    events
}

fn decided(kept: &store::decision::Kept) -> Event {
    let words = kept.decision.reason().map_or(String::new(), |gate| gate.why.clone());
    Event { words, step: Some(kept.step), ..Event::new(kept.at, "decision") }
}

fn of_message(message: &Message, public_url: &str) -> Vec<Event> {
    let moments = &message.moments;
    let queued = Event {
        words: story::quoted(&message.words.text, public_url),
        ..Event::of(message, message.created_at, "message_queued")
    };
    let after = [
        (moments.sending_at, "message_sending"),
        (moments.accepted_at, "message_accepted"),
        (moments.refused_at, "message_refused"),
        (moments.unknown_at, "message_unknown"),
        (moments.delivered_at, "message_delivered"),
        (moments.undelivered_at, "message_undelivered"),
        (moments.cancelled_at, "message_cancelled"),
        (moments.expired_at, "message_expired"),
    ];
    let state = format!("message_{}", moments.state().name());
    let after = after.into_iter().filter_map(|(at, event)| {
        let words = if event == state { message.reason.clone() } else { String::new() };
        let cost = message.cost.map(Cost::from).filter(|_| event == "message_accepted");
        Some(Event { words, cost, ..Event::of(message, at?, event) })
    });
    std::iter::once(queued).chain(after).collect()
}

fn opened(message: &Message, click: &Click) -> Event {
    let event = if click.is_human() { "clicked" } else { "opened" };
    Event { words: story::opening(click).to_owned(), ..Event::of(message, click.at, event) }
}

/// An order of the same person or checkout with its credit; nothing when it lies before the cart.
async fn of_order(read: &mut Read, keys: &ShopKeys, cart: &Stored, id: OrderId) -> Result<Vec<Event>, Error> {
    let Some(order) = store::order::get(read, keys, id).await? else { return Ok(Vec::new()) };
    let at = order.placed_at.unwrap_or(order.revision.at);
    if at < cart.started_at {
        return Ok(Vec::new());
    }
    let named =
        |at, event, amount| Event { order: Some(id.to_string()), amount: Some(amount), ..Event::new(at, event) };
    let number = format!("order {}", order.latest.number);
    let mut events = vec![Event { words: number, ..named(at, "order", order.latest.total.into()) }];
    for line in store::credit::of_order(read, keys, id).await? {
        let amount = Money::minor(line.entry.amount_minor, line.currency);
        let words = format!("{}: {}", line.class, line.entry.entry);
        let message = Some(line.message.to_string());
        events.push(Event { words, message, ..named(line.entry.at, "credit", amount) });
    }
    Ok(events)
}

/// Every decision about a cart, made again
///
/// From the facts that were kept, under the rules and the law of that day: whether the same comes out.
#[utoipa::path(get, path = "/api/v1/carts/{id}/explain", params(("id" = String, Path, description = "The cart", example = "cart_01jq0000000c1")), responses((status = 200, description = "Decisions, oldest first.", body = form::List<Explained>)))]
pub async fn explain(call: &Call) -> Result<Answer, Problem> {
    let id: CartId = call.path("id")?;
    let (mut read, _, keys) = call.open().await?;
    store::cart::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    let mut data = Vec::new();
    for kept in store::decision::of_cart(&mut read, &keys, id).await? {
        let (again, now, why) = match replay::again(&mut read, &keys, &kept).await? {
            Again::Same => (AgainName::Same, None, None),
            Again::Differs(now) => (AgainName::Differs, Some(decision(&kept, &now)), None),
            Again::NotKept(why) => (AgainName::NotKept, None, Some(why.to_owned())),
        };
        data.push(Explained { decision: decision(&kept, &kept.decision), again, now, why });
    }
    Answer::ok(&form::List::new(data, None))
}
