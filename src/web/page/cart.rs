//! One cart, telling everything that happened to it and why: activity, every decision gate by gate, every text, every
//! opening of its link, consents, opt-outs, orders.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, id, show, story, story::Story, story::Text};
use crate::{
    domain::{
        attribution::Class,
        cart::Cart,
        decide::{Gate as Asked, Verdict},
        event::ConsentState,
        hand::{Act, HandFacts},
        id::CartId,
        message::{MessageState, Purpose},
        money::Money,
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{ingest, sequence},
    store::{self, Error, Read, act::OnCart, decision::Kept, message::Message, shop::Shop},
    web::{
        problem::Problem,
        session,
        view::{
            Page, Section, Tone,
            cart::{Acts, Cart as View, CartState, Entry, Gate, Item, Verdict as Mark},
            format::{self, Shown as _},
            words::{noted, say, t},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let id: CartId = id(&request)?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let cart = store::cart::get(&mut read, keys, id).await?.ok_or(Problem::NotFound)?;
    let story = Story::of(&mut read, keys, cart).await?;
    let mut timeline = activity(shop, &story.cart);
    timeline.extend(story.decisions.iter().map(|kept| decision(kept, &visit.page)));
    let gateways = super::gateways::names(&mut read, visit.core(), keys).await?;
    for text in &story.texts {
        let through = gateways.get(&text.message.gateway).map_or("", String::as_str);
        timeline.extend(self::text(text, through, &visit.core().public_url));
    }
    for message in store::message::about(&mut read, keys, story.cart.id.get()).await? {
        if message.purpose != Purpose::Reminder {
            timeline.extend(notice(&message, &visit.core().public_url));
        }
    }
    timeline.extend(permissions(&mut read, shop, keys, &story.cart).await?);
    timeline.extend(orders(&mut read, keys, &story.cart).await?);
    timeline.extend(experiments(&mut read, keys, story.cart.id).await?);
    let done = store::act::of_cart(&mut read, keys, story.cart.id).await?;
    timeline.extend(done.iter().map(by_hand));
    timeline.sort_by_key(|entry| entry.at);
    let left_at = story.cart.abandoned_at.unwrap_or(story.cart.active_at());
    let intent = match story.cart.erased_at {
        None => sequence::intent(&mut read, keys, &story.cart, left_at).await?,
        Some(_) => None,
    };
    let state = story.state(shop, visit.page.now);
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    show(&View {
        id: id.to_string(),
        value: story::value(shop, &story.cart),
        who: story::who(shop, &story.cart),
        country: story::country(&story.cart),
        state,
        items: items(&story.cart),
        abandoned_at: story.cart.abandoned_at,
        intent,
        next: stopped_by_hand(&done).unwrap_or_else(|| next(state, &story.why(shop, &visit.page))),
        timeline,
        erased: story.cart.erased_at.is_some(),
        acts: if may_change { acts(&story.cart, &done) } else { Acts::default() },
        page: visit.page.clone(),
    })
}

/// The ways its steps are said in, where that is being tried.
async fn experiments(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<Entry>, Problem> {
    let entries = store::experiment::of_cart(read, keys, cart).await?;
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let all = store::experiment::list(read, keys).await?;
    let told = entries.iter().filter_map(|entry| {
        let plan = &all.iter().find(|each| each.id == entry.experiment)?.plan;
        let arm = plan.arms.get(entry.arm)?;
        let what =
            say("entered the experiment “{name}” in the way “{arm}”", &[("name", &plan.name), ("arm", &arm.name)]);
        Some(Entry::new(entry.entered_at, Tone::Quiet, what))
    });
    Ok(told.collect())
}

/// What a person did, where that is why nothing is sent.
fn stopped_by_hand(done: &[OnCart]) -> Option<String> {
    let hand = HandFacts::of(done.iter().map(|done| (done.act, done.step, done.at)), 0);
    match (hand.dismissed_at, hand.held_since) {
        (Some(_), _) => Some(t("Dismissed by hand. Nothing more will be sent.").to_owned()),
        (None, Some(_)) => Some(t("Held by hand. Nothing is sent until it is released.").to_owned()),
        (None, None) => None,
    }
}

/// What may be done to it now.
fn acts(cart: &Cart, done: &[OnCart]) -> Acts {
    let hand = HandFacts::of(done.iter().map(|done| (done.act, done.step, done.at)), 0);
    if !cart.is_open() || hand.dismissed_at.is_some() {
        return Acts::default();
    }
    let held = hand.held_since.is_some();
    Acts { send_now: cart.abandoned_at.is_some() && !held, hold: !held, release: held, dismiss: true }
}

fn by_hand(done: &OnCart) -> Entry {
    let (tone, what) = match done.act {
        Act::Hold => (Tone::Live, t("held: nothing is sent until it is released").to_owned()),
        Act::Release => (Tone::Live, t("released").to_owned()),
        Act::Dismiss => (Tone::Quiet, t("dismissed: no further text of this cart").to_owned()),
        Act::SendNow => (Tone::Live, say("text {step} asked for at once", &[("step", &done.step)])),
    };
    Entry::new(done.at, tone, what).detail(by(&done.by))
}

/// Who did it.
pub fn by(name: &str) -> String {
    if name.is_empty() { t("By hand").to_owned() } else { say("By {source}", &[("source", &name)]) }
}

fn next(state: CartState, why: &str) -> String {
    match state {
        CartState::Open | CartState::Waiting => format!("{why}."),
        CartState::Recovered | CartState::Bought | CartState::Lost => {
            say("{why}. Nothing more will be sent.", &[("why", &why)])
        }
        CartState::NotTexted | CartState::Texted | CartState::Clicked => format!("{why}."),
    }
}

fn items(cart: &Cart) -> Vec<Item> {
    let total = |price: Money, quantity| Money::new(price.minor.saturating_mul(i64::from(quantity)), price.currency);
    let items = cart.latest.items.iter();
    items
        .map(|item| Item {
            name: item.title.clone(),
            quantity: u64::from(item.quantity),
            total: item.price.map(|price| total(price, item.quantity)),
        })
        .collect()
}

fn activity(shop: &Shop, cart: &Cart) -> Vec<Entry> {
    let mut entries =
        vec![Entry::new(cart.started_at, Tone::Quiet, t("checkout begun")).detail(story::value(shop, cart).shown())];
    if cart.active_at() > cart.started_at {
        entries.push(Entry::new(cart.active_at(), Tone::Quiet, t("last change by the shopper")));
    }
    if let Some(at) = cart.abandoned_at {
        let quiet = format::span(shop.rules.abandoned_after());
        let quiet = say("{span} without activity", &[("span", &quiet)]);
        entries.push(Entry::new(at, Tone::Live, t("counted as abandoned")).detail(quiet));
    }
    if let Some(at) = cart.bought_at {
        entries.push(Entry::new(at, Tone::Good, t("closed by an order")));
    }
    if let Some(at) = cart.deleted_at {
        entries.push(Entry::new(at, Tone::Quiet, t("checkout deleted")));
    }
    if let Some(at) = cart.erased_at {
        entries.push(Entry::new(at, Tone::Quiet, t("personal data erased")));
    }
    entries
}

fn decision(kept: &Kept, page: &Page) -> Entry {
    let step = kept.step;
    let (tone, what) = match kept.decision.verdict {
        Verdict::Pass => (Tone::Live, say("text {step}: every gate passed", &[("step", &step)])),
        Verdict::Wait(_) if kept.decision.confirm.is_some() => {
            (Tone::Live, say("text {step}: the person is asked to confirm first", &[("step", &step)]))
        }
        Verdict::Wait(until) => {
            let moment = format::moment(until, &page.zone);
            (Tone::Live, say("text {step}: waits until {moment}", &[("step", &step), ("moment", &moment)]))
        }
        Verdict::Stop => (Tone::Quiet, say("text {step}: not sent", &[("step", &step)])),
    };
    let why = kept.decision.reason().map_or(String::new(), |gate| format::sentence_case(&gate.why));
    let mut made_of: Vec<(String, String)> = kept
        .decision
        .gates
        .iter()
        .flat_map(|asked| {
            let gate = t(asked.gate.words());
            asked.inputs.iter().map(move |(name, value)| (format!("{gate}: {name}"), value.clone()))
        })
        .collect();
    if !kept.made_of.law.is_empty() {
        made_of.push((t("the law’s data").to_owned(), kept.made_of.law.clone()));
        made_of.push((
            t("the shop’s rules").to_owned(),
            say("version {number}", &[("number", &kept.made_of.rules_version)]),
        ));
    }
    let gates = kept.decision.gates.iter().map(gate).collect();
    Entry::new(kept.at, tone, what).detail(why).gates(gates).made_of(made_of)
}

/// The gates' names, for `t`.
const _: [&str; 9] = [
    noted("shop, sender and gateway ready"),
    noted("mobile number, country enabled"),
    noted("not opted out"),
    noted("consent for SMS"),
    noted("cart open and in time"),
    noted("not too many texts"),
    noted("open hours"),
    noted("words in order"),
    noted("asked again on leaving"),
];

pub fn gate(asked: &Asked) -> Gate {
    Gate {
        name: t(asked.gate.words()).to_owned(),
        verdict: match asked.verdict {
            Verdict::Pass => Mark::Pass,
            Verdict::Wait(_) => Mark::Wait,
            Verdict::Stop => Mark::Stop,
        },
        why: asked.why.clone(),
    }
}

fn text(text: &Text, through: &str, public_url: &str) -> Vec<Entry> {
    let (message, moments) = (&text.message, &text.message.moments);
    let step = message.step;
    let reason = |state: MessageState| {
        if text.state() == state { message.reason.clone() } else { String::new() }
    };
    let mut queued = Entry::new(message.created_at, Tone::Live, say("text {step} queued", &[("step", &step)]))
        .detail(say("To {number}", &[("number", &message.phone().masked())]))
        .anchor(message.id.to_string())
        .link(t("proof"), format!("/messages/{}/proof", message.id));
    if message.words.text.is_empty() {
        queued.detail = t("Its words were erased").to_owned();
    } else {
        queued = queued.quote(story::quoted(&message.words.text, public_url));
    }
    let mut entries = vec![queued];
    let mut note = |at: Option<Time>, tone, what: &str, detail: String| {
        if let Some(at) = at {
            entries.push(Entry::new(at, tone, say(what, &[("step", &step)])).detail(detail));
        }
    };
    let parts = format::number_of(u64::from(message.segments), "part", "parts");
    let cost = message.cost.map(|cost| cost.shown());
    let sent: Vec<String> =
        [through.to_owned(), parts].into_iter().chain(cost).filter(|part| !part.is_empty()).collect();
    note(moments.accepted_at, Tone::Live, noted("text {step} sent"), sent.join(" · "));
    let unknown = noted("text {step} of unknown outcome: not sent again by itself");
    note(moments.unknown_at, Tone::Bad, unknown, reason(MessageState::Unknown));
    note(moments.refused_at, Tone::Bad, noted("text {step} refused"), reason(MessageState::Refused));
    note(moments.delivered_at, Tone::Good, noted("text {step} delivered"), String::new());
    note(moments.undelivered_at, Tone::Bad, noted("text {step} not delivered"), reason(MessageState::Undelivered));
    note(moments.cancelled_at, Tone::Quiet, noted("text {step} cancelled"), reason(MessageState::Cancelled));
    note(moments.expired_at, Tone::Bad, noted("text {step} came too late"), reason(MessageState::Expired));
    entries.extend(text.clicks.iter().map(|click| {
        let (tone, what) = match click.is_human() {
            true => (Tone::Good, noted("link of text {step} tapped")),
            false => (Tone::Quiet, noted("link of text {step} opened, not counted")),
        };
        Entry::new(click.at, tone, say(what, &[("step", &step)])).detail(story::opening(click))
    }));
    entries
}

/// A text of the service itself, such as a request to confirm.
fn notice(message: &Message, public_url: &str) -> Vec<Entry> {
    let what = match message.purpose {
        Purpose::Confirmation => t("request to confirm"),
        Purpose::ConfirmationAgain => t("request to confirm, once more"),
        Purpose::Answer => t("answer"),
        Purpose::Reminder | Purpose::Test => t("text"),
    };
    let mut queued = Entry::new(message.created_at, Tone::Live, say("{what}: queued", &[("what", &what)]))
        .anchor(message.id.to_string());
    if message.words.text.is_empty() {
        queued.detail = t("Its words were erased").to_owned();
    } else {
        queued = queued.quote(story::quoted(&message.words.text, public_url));
    }
    let state = message.moments.state();
    let moments = &message.moments;
    let settled = [
        (moments.accepted_at, Tone::Live, noted("{what}: sent")),
        (moments.delivered_at, Tone::Good, noted("{what}: delivered")),
        (moments.refused_at, Tone::Bad, noted("{what}: refused")),
        (moments.cancelled_at, Tone::Quiet, noted("{what}: cancelled")),
        (moments.expired_at, Tone::Bad, noted("{what}: came too late")),
        (moments.unknown_at, Tone::Bad, noted("{what}: of unknown outcome")),
        (moments.undelivered_at, Tone::Bad, noted("{what}: not delivered")),
    ];
    let told = settled.into_iter().filter_map(|(at, tone, became)| {
        let why = if state == MessageState::Delivered { String::new() } else { message.reason.clone() };
        at.map(|at| Entry::new(at, tone, say(became, &[("what", &what)])).detail(why))
    });
    std::iter::once(queued).chain(told).collect()
}

/// What the phone's owner allowed and took back, for this shop.
async fn permissions(read: &mut Read, shop: &Shop, keys: &ShopKeys, cart: &Cart) -> Result<Vec<Entry>, Error> {
    let latest = &cart.latest;
    let Some(phone) = ingest::textable(shop, &latest.who, latest.country.as_deref()) else { return Ok(Vec::new()) };
    let index = store::consent::phone_index(keys, &phone);
    let (consents, outs) = store::consent::of_phone(read, keys, &index).await?;
    let consents = consents.into_iter().map(|consent| {
        let (tone, what) = match consent.state {
            ConsentState::Granted => (Tone::Good, t("consent for SMS given")),
            ConsentState::Pending => (Tone::Live, t("consent for SMS asked for")),
            ConsentState::Withdrawn => (Tone::Bad, t("consent for SMS taken back")),
            ConsentState::NotGiven => (Tone::Quiet, t("consent for SMS not given")),
            ConsentState::Restored => (Tone::Good, t("opt-out taken back by START")),
        };
        Entry::new(consent.at, tone, what).detail(say("By {source}", &[("source", &consent.proof.source)]))
    });
    let outs = outs.into_iter().map(|out| {
        let by = say("By {source}: no text follows", &[("source", &out.source)]);
        Entry::new(out.at, Tone::Bad, t("opted out")).detail(by)
    });
    Ok(consents.chain(outs).collect())
}

/// Orders of the same person or checkout, with what was credited.
async fn orders(read: &mut Read, keys: &ShopKeys, cart: &Cart) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for id in store::identity::orders_with(read, keys, cart.id).await? {
        let Some(order) = store::order::get(read, keys, id).await? else { continue };
        let Some(placed_at) = order.placed_at.filter(|&at| at >= cart.started_at) else { continue };
        let winner = store::credit::evidence(read, keys, id).await?.and_then(|verdict| verdict.winner);
        let said = match winner {
            Some(winner) => match winner.class {
                Class::Credited => say("Credited to text {step}", &[("step", &winner.step)]),
                Class::Assisted => say("Assisted to text {step}", &[("step", &winner.step)]),
            },
            None => t("Credited to no text").to_owned(),
        };
        let latest = &order.latest;
        let what = say("order {number} placed", &[("number", &latest.number)]);
        let entry = Entry::new(placed_at, Tone::Good, what).detail(format!("{} · {said}", latest.total.shown()));
        entries.push(entry.link(t("why"), format!("/orders/{id}")));
        for refund in store::order::refunds(read, keys, &latest.external_id).await? {
            let amount = refund.amount.shown();
            let what = say("{amount} of order {number} given back", &[("amount", &amount), ("number", &latest.number)]);
            entries.push(Entry::new(refund.at, Tone::Quiet, what));
        }
        if let Some(at) = order.cancelled_at {
            let what = say("order {number} cancelled", &[("number", &latest.number)]);
            entries.push(Entry::new(at, Tone::Quiet, what));
        }
    }
    Ok(entries)
}
