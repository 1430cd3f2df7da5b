//! One order's credit, from the stored verdict: which text, on what evidence, and why the others lost.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use jiff::tz::TimeZone;

use super::{
    Visit,
    cart_acts::{actor, led_to},
    id,
    settings::Typed,
    show,
};
use crate::{
    domain::{
        attribution::{
            Attribution, Class, Considered, Windows,
            grade::Grade,
            lens::{Facts, Lens},
            may_be_given,
        },
        event,
        id::OrderId,
        money::Money,
        order::Order as Stored,
        rules::Rules,
        seal::ShopKeys,
    },
    pipeline::{self, hand::Done},
    store::{
        self, Error, Read,
        click::Click,
        credit_act::{Act, To},
        identity::{self, Subject},
        message::Message,
    },
    web::{
        gate,
        problem::Problem,
        view::{
            Section, Tone,
            attribution::{self, Hours},
            cart::Entry,
            format::{self, Shown as _},
            order::{Candidate, Credit, Order, OtherRule, Refund, Said},
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
    let texts: Vec<i64> = considered.iter().map(|(each, _)| each.message.get()).collect();
    let taps = store::click::of_messages(&mut read, keys, &texts).await?;
    let acts = store::credit_act::of_order(&mut read, keys, id).await?;
    let refunds = store::order::refunds(&mut read, keys, &order.latest.external_id).await?;
    let latest = &order.latest;
    show(&Order {
        id: id.to_string(),
        number: latest.number.clone(),
        placed_at: order.placed_at.unwrap_or(latest.updated_at),
        value: latest.total,
        refunds: shown_refunds(&order, &refunds),
        cart_id: cart_id(&mut read, keys, id, &considered).await?,
        credit: verdict.as_ref().and_then(|verdict| credit(&order, verdict, &considered)),
        candidates: considered
            .iter()
            .map(|(each, message)| candidate(each, message, &taps, &visit.page.zone))
            .collect(),
        other_rules: other_rules(&order, verdict.as_ref(), &refunds),
        windows: verdict.as_ref().and_then(|verdict| verdict.windows).map(hours),
        choices: choices(&order, verdict.as_ref(), &acts),
        said: acts.iter().map(|act| said(act, verdict.as_ref())).collect(),
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

fn candidate(each: &Considered, message: &Message, taps: &[Click], zone: &TimeZone) -> Candidate {
    let touch = if each.tapped_at.is_some() { noted("Tap on text {step}") } else { noted("Text {step}") };
    let touch = say(touch, &[("step", &each.step)]);
    Candidate {
        touch,
        at: each.tapped_at.or(message.moments.accepted_at).unwrap_or(message.created_at),
        won: each.won,
        why: each.why.clone(),
        facts: facts(each, message, taps, zone),
        href: Some(href(message)),
    }
}

/// When it left, how its link was opened, and what ties it to the order.
fn facts(each: &Considered, message: &Message, taps: &[Click], zone: &TimeZone) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(at) = message.moments.accepted_at {
        facts.push(say("Sent {moment}.", &[("moment", &format::moment(at, zone))]));
    }
    let own = taps.iter().filter(|click| click.message == message.id);
    let (human, other): (Vec<&Click>, Vec<&Click>) = own.partition(|click| click.is_human());
    if !human.is_empty() {
        let moments = human.iter().take(TAPS_SHOWN).map(|click| format::moment(click.at, zone));
        let moments = moments.collect::<Vec<_>>().join("; ");
        let count = format::number_of(human.len() as u64, "tap by a person", "taps by people");
        facts.push(say("{count}: {moments}.", &[("count", &format::sentence_case(&count)), ("moments", &moments)]));
    }
    if !other.is_empty() {
        let count = format::number_of(other.len() as u64, "opening not counted", "openings not counted");
        facts.push(say("{count}.", &[("count", &format::sentence_case(&count))]));
    }
    facts.push(say("Known by: {tie}.", &[("tie", &t(each.tie.words()))]));
    facts
}

/// Taps told one by one.
const TAPS_SHOWN: usize = 5;

fn hours(windows: Windows) -> Hours {
    Hours { click: windows.click_hours, sent: windows.sent_hours }
}

/// What each lens says of this order, beside the headline.
fn other_rules(order: &Stored, verdict: Option<&Attribution>, refunds: &[event::Refund]) -> Vec<OtherRule> {
    let Some(verdict) = verdict.filter(|verdict| verdict.excluded.is_none() && !verdict.considered.is_empty()) else {
        return Vec::new();
    };
    let total = order.latest.total;
    let placed = (order.placed_at, order.cancelled_at);
    let (of, back) = ((total.minor, total.currency), refunds.to_vec());
    let facts = Facts::stored(placed.0, placed.1, of, back, verdict.clone());
    let windows = verdict.windows.unwrap_or(Windows::of(&Rules::default()));
    let lenses = Lens::all(windows).into_iter().skip(1);
    lenses
        .map(|lens| {
            let mut held: BTreeMap<u32, i64> = BTreeMap::new();
            for part in lens.ledger(&facts) {
                *held.entry(part.step).or_default() += part.amount_minor;
            }
            let parts = held.iter().map(|(step, minor)| {
                let money = Money::new(*minor, total.currency).shown();
                say("text {step}: {amount}", &[("step", step), ("amount", &money)])
            });
            let said = parts.collect::<Vec<_>>().join(" · ");
            OtherRule {
                rule: attribution::label(&lens.id, lens.preset.map(|preset| preset.name.as_str())),
                verdict: if said.is_empty() { t("no text").to_owned() } else { said },
            }
        })
        .collect()
}

/// What a person may choose; nothing where no text can be credited anyway.
fn choices(order: &Stored, verdict: Option<&Attribution>, acts: &[Act]) -> Vec<(String, String)> {
    let Some((verdict, placed_at)) = verdict.filter(|verdict| verdict.excluded.is_none()).zip(order.placed_at) else {
        return Vec::new();
    };
    let standing = acts.last().map_or(To::Rules, |act| act.to);
    let mut choices = Vec::new();
    for each in verdict.considered.iter().filter(|each| may_be_given(each.accepted_at, placed_at)) {
        if standing != To::Text(each.message) {
            choices.push((each.message.to_string(), say("to text {step}", &[("step", &each.step)])));
        }
    }
    if standing != To::Nothing && !(choices.is_empty() && standing == To::Rules && verdict.winner.is_none()) {
        choices.push(("none".to_owned(), t("to no text").to_owned()));
    }
    if standing != To::Rules {
        choices.push(("rules".to_owned(), t("back to what the rules say").to_owned()));
    }
    choices
}

fn said(act: &Act, verdict: Option<&Attribution>) -> Said {
    let step = |text| verdict?.considered.iter().find(|each| each.message == text).map(|each| each.step);
    let to = match act.to {
        To::Text(text) => match step(text) {
            Some(step) => say("to text {step}", &[("step", &step)]),
            None => text.to_string(),
        },
        To::Nothing => t("to no text").to_owned(),
        To::Rules => t("back to what the rules say").to_owned(),
    };
    Said { at: act.at, by: act.by.clone(), to, reason: act.reason.clone() }
}

/// Sets a credit right by hand.
pub async fn correct(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Carts).await?;
    let id: OrderId = id(&request)?;
    let typed = Typed::of(&body).fields();
    let field = |name: &str| typed.get(name).map_or("", String::as_str);
    let to = pipeline::credit::target(field("to"))
        .ok_or_else(|| Problem::Wrong(vec!["to: must be a text of this order, none or rules".to_owned()]))?;
    gate::detail(&request, format!("credit of {id}: {}", field("to")));
    match pipeline::credit::correct(visit.core(), shop, id, to, field("reason"), &by).await? {
        Done::Done => Ok(led_to(&visit, &format!("/orders/{id}"), "credit_corrected")),
        Done::Unknown => Err(Problem::NotFound),
        Done::Refused(why) => Err(Problem::Wrong(vec![why])),
    }
}

fn credit(order: &Stored, verdict: &Attribution, considered: &[(&Considered, Message)]) -> Option<Credit> {
    let winner = verdict.winner?;
    let (each, message) = considered.iter().find(|(each, _)| each.won)?;
    let grade = Grade::of(winner.class, winner.tie);
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
        confidence: t(grade.name()).to_owned(),
        rule: t(grade.rule()).to_owned(),
        by_hand: verdict.corrected.is_some(),
    })
}

/// The grades and their rules, for `t`.
const _: [&str; 6] = [
    noted("high"),
    noted("medium"),
    noted("low"),
    noted("The link was tapped, and the order itself carries the link, the code or the checkout of the text."),
    noted("The link was tapped, and the order gives the phone number that was texted."),
    noted("The link was tapped but only the customer or the e-mail is the same; or nobody tapped it."),
];

/// What went back: the shop's refunds, and the cancellation for what they left.
fn shown_refunds(order: &Stored, refunds: &[event::Refund]) -> Vec<Refund> {
    let total = order.latest.total;
    let back = crate::domain::order::refunded(total.minor, total.currency, refunds);
    let mut shown: Vec<Refund> = refunds
        .iter()
        .map(|refund| Refund { at: refund.at, amount: refund.amount, what: t("Refund").to_owned() })
        .collect();
    if let Some(at) = order.cancelled_at
        && back < total.minor
    {
        let amount = Money::new(total.minor - back, total.currency);
        shown.push(Refund { at, amount, what: t("Cancellation").to_owned() });
    }
    shown
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
