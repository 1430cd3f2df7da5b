//! One text: its words, what happened to it, and, while nobody knows its outcome, what a person found out.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use serde::Deserialize;

use super::{Visit, cart::by, cart_acts, gateways, id, messages::row, show, story};
use crate::{
    domain::{attribution::Class, hand::Settled, id::MessageId, message::MessageState},
    pipeline::hand::{self, Done},
    store::{self, act::OnMessage, message::Message},
    web::{
        problem::Problem,
        session,
        view::{Section, Tone, cart::Entry, hand::Message as View, words::t},
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Messages).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let id: MessageId = id(&request)?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let message = store::message::get(&mut read, keys, id).await?.ok_or(Problem::NotFound)?;
    let names = gateways::names(&mut read, visit.core(), keys).await?;
    let mut timeline = moments(&message);
    timeline.extend(store::act::of_message(&mut read, keys, id).await?.iter().map(said));
    for click in store::click::of_message(&mut read, keys, id).await? {
        let (tone, what) = if click.is_human() {
            (Tone::Good, t("link tapped"))
        } else {
            (Tone::Quiet, t("link opened, not counted"))
        };
        timeline.push(Entry::new(click.at, tone, what).detail(story::opening(&click)));
    }
    for line in store::credit::of_message(&mut read, keys, id).await? {
        if line.entry.entry == "order" {
            let entry = Entry::new(line.entry.at, Tone::Good, credited(&line.class));
            timeline.push(entry.link(t("why"), format!("/orders/{}", line.order)));
        }
    }
    timeline.sort_by_key(|entry| entry.at);
    show(&View {
        words: story::quoted(&message.words.text, &visit.core().public_url),
        may_settle: message.moments.state() == MessageState::Unknown,
        may_change,
        row: row(&message, &names),
        timeline,
        page: visit.page.clone(),
    })
}

fn moments(message: &Message) -> Vec<Entry> {
    let moments = &message.moments;
    let state = moments.state();
    let told = [
        (Some(message.created_at), Tone::Live, t("queued"), None),
        (moments.sending_at, Tone::Live, t("handed to the gateway"), None),
        (moments.accepted_at, Tone::Live, t("sent"), Some(MessageState::Accepted)),
        (moments.unknown_at, Tone::Bad, t("of unknown outcome: not sent again by itself"), Some(MessageState::Unknown)),
        (moments.refused_at, Tone::Bad, t("refused"), Some(MessageState::Refused)),
        (moments.delivered_at, Tone::Good, t("delivered, as the carrier reports"), None),
        (
            moments.undelivered_at,
            Tone::Bad,
            t("not delivered, as the carrier reports"),
            Some(MessageState::Undelivered),
        ),
        (moments.cancelled_at, Tone::Quiet, t("cancelled"), Some(MessageState::Cancelled)),
        (moments.expired_at, Tone::Bad, t("came too late"), Some(MessageState::Expired)),
    ];
    let entry = |(at, tone, what, of): (Option<crate::domain::time::Time>, Tone, &str, Option<MessageState>)| {
        let why = if of == Some(state) { message.reason.clone() } else { String::new() };
        at.map(|at| Entry::new(at, tone, what).detail(why))
    };
    told.into_iter().filter_map(entry).collect()
}

fn credited(class: &str) -> &'static str {
    if class == Class::Credited.name() {
        t("an order was credited to it")
    } else {
        t("an order came after it, untapped")
    }
}

/// What a person said became of it.
pub fn said(done: &OnMessage) -> Entry {
    let what = match done.settled {
        Settled::Arrived => t("looked up: it arrived"),
        Settled::NeverLeft => t("looked up: it never left"),
        Settled::Again => t("looked up: it never left, and may go once more"),
    };
    Entry::new(done.at, Tone::Live, what).detail(by(&done.by))
}

#[derive(Deserialize)]
pub struct Found {
    how: String,
    #[serde(default)]
    sure: String,
}

pub async fn settle(request: HttpRequest, found: Form<Found>) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = cart_acts::actor(&request, Section::Messages).await?;
    let id: MessageId = id(&request)?;
    let word = Settled::ALL.into_iter().find(|word| word.name() == found.how).ok_or(Problem::NotFound)?;
    if word == Settled::Again && found.sure != "yes" {
        let why = t("say that you looked it up: if it did leave, this person gets the same text twice");
        return Err(Problem::Wrong(vec![why.to_owned()]));
    }
    match hand::settle(visit.core(), shop, id, word, &by).await? {
        Done::Done => Ok(cart_acts::led_to(&visit, &format!("/messages/{id}"), "settled")),
        Done::Unknown => Err(Problem::NotFound),
        Done::Refused(why) => Err(Problem::Wrong(vec![why])),
    }
}
