//! What is told, and when: each function is called by whoever wrote the fact, in its transaction and the shop's turn, with
//! what stood there before. A shop whose sinks do not hear the topic pays nothing: its own row, read already, says so.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use crate::{
    domain::{
        attribution::{Attribution, Class},
        cart::Cart,
        consent::OptOut,
        id::EventId,
        message::{Moments, Purpose},
        order::Order,
        outbox::{Event, Topic},
        time::Time,
    },
    pipeline::Core,
    store::{
        self, Error, Tx,
        click::Click,
        credit,
        job::{self, Kind},
        message::Message,
        shop::Shop,
    },
};

/// A fact to be told.
struct Fact {
    topic: Topic,
    at: Time,
    about: i64,
    phone: Option<[u8; 16]>,
    data: Value,
}

async fn note(core: &Core, tx: &mut Tx, shop: &Shop, fact: Fact) -> Result<(), Error> {
    let now = core.now();
    let keys = core.vault.keys(tx, shop.id).await?;
    let data = match fact.data {
        Value::Object(data) => data,
        _ => Map::new(),
    };
    let Fact { topic, at, about, phone, .. } = fact;
    let event = Event { id: EventId::new(core.fresh_id()), topic, at, about, phone, data };
    let heard = store::sink::listeners(tx, &keys).await?.into_iter().filter(|(_, topics, _)| topics.has(topic));
    let mut written = false;
    for (sink, _, on) in heard {
        if !written {
            store::outbox::write(tx, &keys, &event).await?;
            written = true;
        }
        store::outbox::address(tx, &keys, sink, event.id, on.then_some(now), now).await?;
        if on {
            job::nudge(tx, shop.id, Kind::Forward, sink.get(), now).await?;
        }
    }
    Ok(())
}

/// A cart is abandoned.
pub(crate) async fn abandoned(core: &Core, tx: &mut Tx, shop: &Shop, cart: &Cart, at: Time) -> Result<(), Error> {
    if !shop.forwards.has(Topic::CartAbandoned) {
        return Ok(());
    }
    let data = json!({
        "cart": cart.id,
        "total_minor": cart.latest.total.map(|total| total.minor),
        "currency": cart.latest.total.map(|total| total.currency.to_string()),
        "country": cart.latest.country,
    });
    note(core, tx, shop, Fact { topic: Topic::CartAbandoned, at, about: cart.id.get(), phone: None, data }).await
}

/// A text went a step further: what is new since `before` is told. The shopkeeper's own tests are not, nor is what becomes
/// of the text of somebody who is forgotten.
pub(crate) async fn moved(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    before: &Moments,
    message: &Message,
) -> Result<(), Error> {
    if shop.forwards.is_empty() || message.purpose == Purpose::Test || message.words.phone.is_empty() {
        return Ok(());
    }
    let now = &message.moments;
    // A receipt may be the first to tell that it left.
    let left = |moments: &Moments| moments.accepted_at.or(moments.delivered_at);
    let failed = |moments: &Moments| moments.refused_at.or(moments.undelivered_at);
    let steps = [
        (Topic::MessageSent, left(before), left(now)),
        (Topic::MessageDelivered, before.delivered_at, now.delivered_at),
        (Topic::MessageFailed, failed(before), failed(now)),
    ];
    for (topic, was, is) in steps {
        let (None, Some(at), true) = (was, is, shop.forwards.has(topic)) else { continue };
        let mut data = of_text(message);
        data.insert("purpose".into(), message.purpose.name().into());
        data.insert("country".into(), message.country.clone().into());
        match topic {
            Topic::MessageSent => drop(data.insert("segments".into(), message.segments.into())),
            Topic::MessageFailed => {
                let how = if now.refused_at.is_some() { "refused" } else { "undelivered" };
                data.insert("failure".into(), how.into());
            }
            _ => {}
        }
        note(core, tx, shop, Fact { topic, at, about: message.id.get(), phone: None, data: data.into() }).await?;
    }
    Ok(())
}

fn of_text(message: &Message) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("message".into(), message.id.to_string().into());
    data.insert("cart".into(), message.cart().map(|cart| cart.to_string()).into());
    data.insert("sequence".into(), message.sequence.clone().into());
    data.insert("step".into(), message.step.into());
    data
}

/// An opening of a link was found to be a person's.
pub(crate) async fn clicked(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    click: &Click,
    message: &Message,
) -> Result<(), Error> {
    if !shop.forwards.has(Topic::LinkClicked) || message.words.phone.is_empty() {
        return Ok(());
    }
    let mut data = of_text(message);
    data.insert("click".into(), click.id.to_string().into());
    let about = message.id.get();
    note(core, tx, shop, Fact { topic: Topic::LinkClicked, at: click.at, about, phone: None, data: data.into() }).await
}

/// An order was judged: what its headline credit was before, what it is now. What is only assisted is told to nobody.
pub(crate) async fn credited(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    order: &Order,
    before: &[credit::Line],
    verdict: &Attribution,
) -> Result<(), Error> {
    if !shop.forwards.has(Topic::OrderRecovered) && !shop.forwards.has(Topic::CreditReversed) {
        return Ok(());
    }
    let earned = before.iter().filter(|line| line.class == Class::Credited.name());
    let (was, was_of) = (
        earned.clone().map(|line| line.entry.amount_minor).sum::<i64>(),
        earned.clone().map(|line| (line.message, None)).next(),
    );
    let winner = verdict.winner.filter(|winner| winner.class == Class::Credited);
    let is = winner.map_or(0, |_| verdict.entries.iter().map(|entry| entry.amount_minor).sum::<i64>());
    let is_of = winner.map(|winner| (winner.message, Some(winner.step)));
    let (Some((text, step)), true) = (is_of.or(was_of), was != is || was_of.map(|of| of.0) != is_of.map(|of| of.0))
    else {
        return Ok(());
    };
    let topic = if is < was { Topic::CreditReversed } else { Topic::OrderRecovered };
    let keys = core.vault.keys(tx, shop.id).await?;
    if !shop.forwards.has(topic) || store::order::is_erased(tx, &keys, order.id).await? {
        return Ok(());
    }
    let step = match step {
        Some(step) => step,
        None => store::message::get(tx, &keys, text).await?.map_or(0, |message| message.step),
    };
    let known = |name: &str| earned.clone().any(|line| line.entry.entry == name);
    let newest = verdict.entries.iter().rfind(|entry| entry.amount_minor < 0 && !known(&entry.entry));
    let mut data = json!({
        "order": order.id,
        "order_external_id": order.latest.external_id,
        "message": text,
        "step": step,
        "credit_minor": is,
        "currency": order.latest.total.currency.code(),
    });
    let at = match topic {
        Topic::CreditReversed => {
            data["reversed_minor"] = was.saturating_sub(is).into();
            data["because"] = match newest {
                Some(entry) if winner.is_some() && entry.entry == "cancelled" => "cancelled",
                Some(_) if winner.is_some() => "refund",
                _ => "corrected",
            }
            .into();
            newest.filter(|_| winner.is_some()).map(|entry| entry.at)
        }
        _ => {
            data["total_minor"] = order.latest.total.minor.into();
            order.placed_at.filter(|_| was_of.is_none())
        }
    };
    let at = at.unwrap_or_else(|| core.now());
    note(core, tx, shop, Fact { topic, at, about: order.id.get(), phone: None, data }).await
}

/// A number was opted out.
pub(crate) async fn opted_out(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    phone: &[u8; 16],
    entry: &OptOut,
) -> Result<(), Error> {
    if !shop.forwards.has(Topic::PersonOptedOut) {
        return Ok(());
    }
    let data = json!({ "phone_hash": HEXLOWER.encode(phone), "source": entry.source });
    let topic = Topic::PersonOptedOut;
    note(core, tx, shop, Fact { topic, at: entry.at, about: 0, phone: Some(*phone), data }).await
}
