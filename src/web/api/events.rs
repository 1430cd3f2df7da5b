//! Events: what visitors do on the shop's site or in its app. Servers and apps tell theirs here; the pixel has a door of
//! its own.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment, TypedMoney},
    shop::answered,
};
use crate::{
    domain::{
        event::Identity,
        id::SiteEventId,
        phone::Phone,
        seal::ShopKeys,
        site_event::{Kind, SiteEvent, Told, ToldBy, Visit, channel},
    },
    pipeline::track::Batch,
    store::{
        self,
        identity::{self, Name},
        shop::Shop,
    },
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// Only this kind, as in `cart_added`.
    kind: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// Something a visitor did.
#[derive(Serialize, ToSchema)]
pub struct VisitorEvent {
    #[schema(example = "ev_01jq0000000n1")]
    id: String,
    /// One of the known kinds, or `custom`.
    #[schema(example = "cart_added")]
    kind: String,
    at: Moment,
    /// A keyed hash: the same for every event of one visitor.
    visitor: String,
    /// What it was done to; the name of a custom event.
    target: String,
    product: String,
    /// The path, without what may name somebody.
    page: String,
    source: String,
    medium: String,
    campaign: String,
    /// In one word: `sms`, `email`, `paid search`, `direct` …
    channel: String,
    device: String,
    /// ISO 3166-1 alpha-2, as the browser's language says; empty where it does not.
    country: String,
    /// Per cent, seconds or milliseconds, as the kind has it; 0 for none.
    number: i64,
    #[schema(required)]
    value: Option<form::Money>,
    /// The shop's own id or number of the order.
    order: String,
    payment: String,
    /// `pixel` or `server`.
    told_by: String,
}

/// Events to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvents {
    /// 1 to 500 of them. Either all are taken or none.
    #[schema(min_items = 1, max_items = 500)]
    events: Vec<NewEvent>,
}

/// An event to keep. It says who it is about by at least one of `visitor`, `checkout`, `customer`, `email`, `phone` and
/// their hashes; addresses and numbers are hashed with the shop's key at once, and not kept.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewEvent {
    /// A known kind, or a name of your own: 1 to 60 letters, digits, spaces, dots, dashes or underscores.
    #[schema(required, example = "cart_added")]
    name: String,
    /// Your own id of it: the same told again is the same event. Up to 64 characters.
    id: Option<String>,
    /// When it happened: not more than 30 days ago; now without one.
    occurred_at: Option<String>,
    /// The anonymous id the pixel uses, or your app's own: 8 to 64 characters.
    visitor: Option<String>,
    /// The token of the checkout it belongs to, as the shop's webhooks name it.
    checkout: Option<String>,
    /// The shop's own customer id.
    customer: Option<String>,
    #[schema(example = "mara@shopper.example")]
    email: Option<String>,
    /// With its country code.
    #[schema(example = "+12125550142")]
    phone: Option<String>,
    /// SHA-256 in hex of the lower-case address, as ad platforms want it: tells visitors apart, finds no cart.
    email_sha256: Option<String>,
    /// SHA-256 in hex of the number in E.164.
    phone_sha256: Option<String>,
    target: Option<String>,
    product: Option<String>,
    /// A path or a whole address.
    page: Option<String>,
    /// Of the visit: `utm_source` and its kin.
    source: Option<String>,
    medium: Option<String>,
    campaign: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Per cent, seconds or milliseconds, as the kind has it.
    number: Option<i64>,
    value: Option<TypedMoney>,
    /// The shop's own id or number of the order.
    order: Option<String>,
    payment: Option<String>,
}

/// What became of them.
#[derive(Serialize, ToSchema)]
pub struct EventsTaken {
    /// In the order they came in.
    ids: Vec<String>,
    /// How many were not known before. What was known stays as it was first told.
    new: u64,
}

const EVENTS_MOST: usize = 500;

fn told(event: &SiteEvent) -> VisitorEvent {
    VisitorEvent {
        id: event.id.to_string(),
        kind: event.kind.name().to_owned(),
        at: event.at.into(),
        visitor: data_encoding::HEXLOWER.encode(&event.visitor),
        target: event.target.clone(),
        product: event.product.clone(),
        page: event.page.clone(),
        source: event.visit.source.clone(),
        medium: event.visit.medium.clone(),
        campaign: event.visit.campaign.clone(),
        channel: channel(&event.visit.source, &event.visit.medium).to_owned(),
        device: event.device.clone(),
        country: event.country.clone(),
        number: event.number,
        value: event.value.map(form::Money::from),
        order: event.order.clone(),
        payment: event.payment.clone(),
        told_by: event.told_by.name().to_owned(),
    }
}

/// Events, newest first
#[utoipa::path(get, path = "/api/v1/events", params(EventQuery), responses((status = 200, description = "Events.", body = form::List<VisitorEvent>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: EventQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<SiteEventId>()?.unwrap_or(SiteEventId::new(i64::MAX));
    let unknown = || Problem::Wrong(vec!["kind: is none of the known kinds".to_owned()]);
    let kind = asked.kind.as_deref().map(|kind| Kind::parse(kind).ok_or_else(unknown)).transpose()?;
    let (mut read, _, keys) = call.open().await?;
    let mut events = store::site_event::list(&mut read, &keys, kind, before, window.most()).await?;
    let next = window.cut(&mut events, |event| event.id.to_string());
    answered(call, events.iter().map(told).collect(), next)
}

/// Tell events
///
/// Up to 500 at once, from a server or an app. What is answered is kept; telling the same event again, under the same
/// `id`, changes nothing.
#[utoipa::path(post, path = "/api/v1/events", request_body = NewEvents, responses((status = 201, description = "They are kept.", body = EventsTaken)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewEvents = call.body()?;
    if typed.events.is_empty() || typed.events.len() > EVENTS_MOST {
        return Err(Problem::Wrong(vec![format!("events: must be 1 to {EVENTS_MOST}")]));
    }
    let (read, shop, keys) = call.open().await?;
    drop(read);
    let tracker = &call.state.tracker;
    let (mut batch, mut problems) = (Batch::default(), Vec::new());
    // Who earlier events of the same request are about: nothing of them is kept yet.
    let mut met: HashMap<[u8; 16], [u8; 16]> = HashMap::new();
    for (at, typed) in typed.events.iter().enumerate() {
        match read_one(typed, &shop, &keys) {
            Ok((mut told, names, group)) => {
                if told.visitor.is_empty() {
                    told.known = match (names.iter().find_map(|(_, name)| met.get(name)), group) {
                        (Some(met), _) => Some(*met),
                        (None, group) => match (tracker.visitor_named(&keys, &names).await?, group) {
                            (Some(known), _) => Some(known),
                            (None, Some(group)) => Some(keys.index("visitor", &group)),
                            (None, None) => None,
                        },
                    };
                }
                let who = told.known.unwrap_or_else(|| keys.index("visitor", &told.visitor));
                for (_, name) in &names {
                    met.entry(*name).or_insert(who);
                }
                batch.names.extend(names.into_iter().map(|name| (at, name)));
                batch.told.push(told);
            }
            Err(wrong) => problems.extend(wrong.into_iter().map(|problem| format!("events[{at}].{problem}"))),
        }
    }
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    match tracker.keep(&shop, &keys, ToldBy::Server, &batch).await? {
        Ok(kept) => {
            let taken = EventsTaken { ids: kept.ids.iter().map(ToString::to_string).collect(), new: kept.new };
            Answer::created(&taken, "/api/v1/events".to_owned())
        }
        Err(unusable) => {
            let said = unusable.iter().map(|(at, why)| format!("events[{at}].{why}"));
            Err(Problem::Wrong(said.collect()))
        }
    }
}

type Read = (Told, Vec<Name>, Option<String>);

/// What was typed, the names it gives its visitor, and what groups the events of one whose names are hashes.
fn read_one(typed: &NewEvent, shop: &Shop, keys: &ShopKeys) -> Result<Read, Vec<String>> {
    let mut problems = Vec::new();
    let text = |given: &Option<String>| given.clone().unwrap_or_default().trim().to_owned();
    let mut checked = |field: &str, result: Result<(), String>| {
        if let Err(why) = result {
            problems.push(format!("{field}: {why}"));
        }
    };
    let mut names = Vec::new();
    let mut add = |kind: identity::Kind, text: &str| names.push((kind, identity::value(keys, kind, text)));
    if let Some(checkout) = typed.checkout.as_deref().filter(|token| !token.is_empty()) {
        add(identity::Kind::Checkout, checkout);
    }
    if let Some(customer) = typed.customer.as_deref().filter(|customer| !customer.is_empty()) {
        add(identity::Kind::Customer, customer);
    }
    if typed.email.is_some() {
        match (Identity { email: typed.email.clone(), ..Identity::default() }).email_key() {
            Some(email) => add(identity::Kind::Email, &email),
            None => checked("email", Err("is no address".to_owned())),
        }
    }
    if let Some(phone) = &typed.phone {
        match Phone::read(phone, &[shop.country.as_str()]) {
            Ok(phone) => add(identity::Kind::Phone, phone.e164()),
            Err(_) => checked("phone", Err("is no number that can be texted".to_owned())),
        }
    }
    let mut group = None;
    for (field, hash) in [("email_sha256", &typed.email_sha256), ("phone_sha256", &typed.phone_sha256)] {
        let Some(hash) = hash else { continue };
        let hash = hash.trim().to_ascii_lowercase();
        if hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            group.get_or_insert(format!("{field} {hash}"));
        } else {
            checked(field, Err("must be 64 hex digits".to_owned()));
        }
    }
    let mut told = Told {
        id: text(&typed.id),
        name: text(&typed.name.clone().into()),
        visitor: text(&typed.visitor),
        target: text(&typed.target),
        product: text(&typed.product),
        page: text(&typed.page),
        visit: Visit::told(&text(&typed.source), &text(&typed.medium), &text(&typed.campaign)),
        country: text(&typed.country).to_ascii_uppercase(),
        number: typed.number.unwrap_or(0),
        order: text(&typed.order),
        payment: text(&typed.payment),
        ..Told::default()
    };
    let someone = !told.visitor.is_empty() || !names.is_empty() || group.is_some();
    if let Some(typed) = &typed.occurred_at {
        match form::moment("occurred_at", typed) {
            Ok(at) => told.at = Some(at),
            Err(why) => problems.push(why),
        }
    }
    match typed.value.as_ref().map(|value| value.read("value")).transpose() {
        Ok(value) => told.value = value,
        Err(why) => problems.push(why),
    }
    if !someone && problems.is_empty() {
        problems.push("visitor: say who it is about: visitor, checkout, customer, email, phone or a hash".to_owned());
    }
    if problems.is_empty() { Ok((told, names, group)) } else { Err(problems) }
}
