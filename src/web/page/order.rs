//! One order's credit, from the stored verdict: which text, on what evidence, and why the others lost.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, id, show};
use crate::{
    domain::{
        attribution::{Attribution, Class, Considered, Tie},
        id::OrderId,
        money::Money,
        order::Order as Stored,
        seal::ShopKeys,
    },
    store::{
        self, Error, Read,
        identity::{self, Subject},
        message::Message,
    },
    web::{
        problem::Problem,
        view::{
            Section, Tone,
            cart::Entry,
            format::{self, Shown as _},
            order::{Candidate, Credit, Order, Refund},
            words::{noted, say, t},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let id: OrderId = id(&request)?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let order = store::order::get(&mut read, keys, id).await?.ok_or(Problem::NotFound)?;
    let verdict = store::credit::evidence(&mut read, keys, id).await?;
    let considered = considered(&mut read, keys, verdict.as_ref()).await?;
    let latest = &order.latest;
    show(&Order {
        id: id.to_string(),
        number: latest.number.clone(),
        placed_at: order.placed_at.unwrap_or(latest.updated_at),
        value: latest.total,
        refunds: refunds(&mut read, keys, &order).await?,
        cart_id: cart_id(&mut read, keys, id, &considered).await?,
        credit: verdict.as_ref().and_then(|verdict| credit(&order, verdict, &considered)),
        candidates: considered.iter().map(|(each, message)| candidate(each, message)).collect(),
        other_rules: Vec::new(),
        evidence: evidence(&order, verdict.as_ref()),
        page: visit.page.clone(),
    })
}

/// The candidates with their texts, as the verdict ranks them: the winner first.
async fn considered<'v>(
    read: &mut Read,
    keys: &ShopKeys,
    verdict: Option<&'v Attribution>,
) -> Result<Vec<(&'v Considered, Message)>, Error> {
    let mut found = Vec::new();
    for each in verdict.into_iter().flat_map(|verdict| &verdict.considered) {
        if let Some(message) = store::message::get(read, keys, each.message).await? {
            found.push((each, message));
        }
    }
    Ok(found)
}

fn href(message: &Message) -> String {
    message.cart().map_or_else(String::new, |cart| format!("/carts/{cart}#{}", message.id))
}

fn candidate(each: &Considered, message: &Message) -> Candidate {
    let touch = if each.tapped_at.is_some() { noted("Tap on text {step}") } else { noted("Text {step}") };
    let touch = say(touch, &[("step", &each.step)]);
    Candidate {
        touch,
        at: each.tapped_at.or(message.moments.accepted_at).unwrap_or(message.created_at),
        won: each.won,
        why: each.why.clone(),
        href: Some(href(message)),
    }
}

fn credit(order: &Stored, verdict: &Attribution, considered: &[(&Considered, Message)]) -> Option<Credit> {
    let winner = verdict.winner?;
    let (each, message) = considered.iter().find(|(each, _)| each.won)?;
    let net = verdict.entries.iter().fold(0i64, |sum, entry| sum.saturating_add(entry.amount_minor));
    let to = match winner.class {
        Class::Credited => say("text {step}", &[("step", &winner.step)]),
        Class::Assisted => say("text {step} as assisted, apart from the headline", &[("step", &winner.step)]),
    };
    Some(Credit {
        net: Money::new(net, order.latest.total.currency),
        to,
        href: href(message),
        why: each.why.clone(),
        confidence: confidence(winner.tie).to_owned(),
    })
}

/// How sure we are that text and order are of one person.
fn confidence(tie: Tie) -> &'static str {
    match tie {
        Tie::Token | Tie::Code | Tie::CartToken => t("certain"),
        Tie::Phone => t("very likely"),
        Tie::Customer | Tie::Email => t("likely"),
    }
}

/// What went back: the shop's refunds, and the cancellation for what they left.
async fn refunds(read: &mut Read, keys: &ShopKeys, order: &Stored) -> Result<Vec<Refund>, Error> {
    let refunds = store::order::refunds(read, keys, &order.latest.external_id).await?;
    let total = order.latest.total;
    let back = crate::domain::order::refunded(total.minor, total.currency, &refunds);
    let mut shown: Vec<Refund> = refunds
        .into_iter()
        .map(|refund| Refund { at: refund.at, amount: refund.amount, what: t("Refund").to_owned() })
        .collect();
    if let Some(at) = order.cancelled_at
        && back < total.minor
    {
        let amount = Money::new(total.minor - back, total.currency);
        shown.push(Refund { at, amount, what: t("Cancellation").to_owned() });
    }
    Ok(shown)
}

async fn cart_id(
    read: &mut Read,
    keys: &ShopKeys,
    order: OrderId,
    considered: &[(&Considered, Message)],
) -> Result<Option<String>, Error> {
    if let Some((_, message)) = considered.iter().find(|(each, _)| each.won).or(considered.first()) {
        return Ok(message.cart().map(|cart| cart.to_string()));
    }
    for (_, value) in identity::names(read, keys, Subject::Order(order)).await? {
        if let Some(cart) = identity::carts(read, keys, &value).await?.last() {
            return Ok(Some(cart.to_string()));
        }
    }
    Ok(None)
}

/// What ties an order to a text, for `t`.
const _: [&str; 6] = [
    noted("the order came in through this text's own link"),
    noted("the order used this text's own code"),
    noted("same checkout"),
    noted("same phone"),
    noted("same customer"),
    noted("same e-mail"),
];

fn evidence(order: &Stored, verdict: Option<&Attribution>) -> Vec<Entry> {
    let currency = order.latest.total.currency;
    let mut entries = Vec::new();
    if let Some(at) = order.placed_at {
        entries.push(Entry::new(at, Tone::Good, t("order placed")).detail(order.latest.total.shown()));
    }
    let Some(verdict) = verdict else { return entries };
    if let (Some(why), Some(first)) = (&verdict.excluded, entries.first_mut()) {
        first.detail = say("{value} · earns no credit: {why}", &[("value", &first.detail), ("why", why)]);
    }
    for entry in &verdict.entries {
        let (tone, what) = match entry.entry.split_once(':') {
            Some((kind, id)) => (Tone::Quiet, say("credit corrected by {kind} {id}", &[("kind", &kind), ("id", &id)])),
            None if entry.entry == "order" => (Tone::Good, t("credit written").to_owned()),
            None => (Tone::Quiet, say("credit corrected: {entry}", &[("entry", &entry.entry)])),
        };
        entries.push(Entry::new(entry.at, tone, what).detail(Money::new(entry.amount_minor, currency).shown()));
    }
    entries.extend(verdict.considered.iter().filter_map(|each| {
        let at = each.tapped_at?;
        let tie = format::sentence_case(t(each.tie.words()));
        Some(Entry::new(at, Tone::Live, say("text {step} tapped", &[("step", &each.step)])).detail(tie))
    }));
    entries.sort_by_key(|entry| entry.at);
    entries
}
