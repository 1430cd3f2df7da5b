//! Messages: every text of a shop. Those of unknown outcome stand first on the first page.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};

use super::{
    ROWS, Visit, facets, gateways,
    listing::{self, cursor, given, span, told},
    show,
};
use crate::{
    domain::{
        id::GatewayId,
        message::{MessageState, Purpose},
    },
    store::{
        self,
        listing::Open,
        message::{Message, Narrow, Sort as Order, State},
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::{
            Section,
            listing::{Control, Field, Listing, Sort},
            message::{Filter, MessageRow, Messages, parse_state, state_label},
            words::{say, t},
        },
    },
};

/// What a figure may narrow texts to, beside what everybody may.
const FACETS: &[&str] = &["sequence", "language", "product", "source", "device", "hour"];

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Messages).await?;
    let filter = parse_state(visit.asked("state"));
    let mut page = Messages {
        filter,
        is_new: true,
        unknown: Vec::new(),
        unknown_total: 0,
        rows: Vec::new(),
        cost: Vec::new(),
        list: Listing { path: "/messages".to_owned(), sheet: true, ..Listing::default() },
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let names = gateways::names(&mut read, visit.core(), keys).await?;
        let (narrow, order) = asked(&visit, shop);
        page.list.fields = fields(&visit, &names);
        page.list.fields.extend(facets::fields(&visit, shop, FACETS, |_| None));
        page.list.sorts = sorts(order, &narrow);
        page.list.count = store::message::counted(&mut read, keys, &narrow).await?.into();
        page.unknown_total = store::message::count_unknown(&mut read, keys).await?;
        if page.list.exact().is_some_and(|rows| rows > 0) {
            page.cost = store::message::cost(&mut read, keys, &narrow).await?;
        }
        let open = listing::open(&visit);
        let first = open.from.is_none() && !page.list.is_narrowed();
        if first && page.unknown_total > 0 {
            let unknown = Narrow { state: Some(State::Of(MessageState::Unknown)), ..Narrow::default() };
            let unknown = store::message::leaf(&mut read, keys, &unknown, Order::Time, Open::first(ROWS)).await?;
            page.unknown = unknown.rows.iter().map(|message| row(message, &names)).collect();
        }
        let leaf = store::message::leaf(&mut read, keys, &narrow, order, open).await?;
        page.is_new =
            leaf.rows.is_empty() && store::message::counted(&mut read, keys, &Narrow::default()).await?.rows == 0;
        page.list.on = leaf.on.map(cursor);
        page.list.back = leaf.back.map(cursor);
        page.rows = leaf.rows.iter().map(|message| row(message, &names)).collect();
    }
    show(&page)
}

/// The same list as a sheet.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] = &[
        "message",
        "cart",
        "purpose",
        "sequence",
        "step",
        "to",
        "country",
        "gateway",
        "state",
        "why",
        "made",
        "sent",
        "delivered",
        "not_delivered",
        "parts",
        "cost",
        "currency",
    ];
    let visit = Visit::begin(&request, Section::Messages).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let (narrow, order) = asked(&visit, shop);
    let names = gateways::names(&mut visit.read().await?, visit.core(), keys).await?;
    let (state, own, keys) = (visit.state.clone(), shop.clone(), keys.clone());
    Ok(listing::sheet(&visit, shop, "messages", HEADING, move |open| {
        let (state, shop, keys) = (state.clone(), own.clone(), keys.clone());
        let (narrow, names) = (narrow.clone(), names.clone());
        Box::pin(async move {
            let mut read = state.core.db.read().await?;
            let leaf = store::message::leaf(&mut read, &keys, &narrow, order, open).await?;
            Ok((leaf.rows.iter().map(|message| line(&shop, message, &names)).collect(), leaf.on))
        })
    }))
}

fn line(shop: &Shop, message: &Message, names: &BTreeMap<GatewayId, String>) -> Vec<String> {
    let moments = &message.moments;
    let (cost, currency) = message.cost.map_or_else(Default::default, |cost| {
        let sign = if cost.micros < 0 { "-" } else { "" };
        let micros = cost.micros.unsigned_abs();
        (format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000), cost.currency.code().to_owned())
    });
    vec![
        message.id.to_string(),
        message.cart().map_or(String::new(), |cart| cart.to_string()),
        message.purpose.name().to_owned(),
        message.sequence.clone(),
        message.step.to_string(),
        masked(message),
        message.country.clone(),
        names.get(&message.gateway).cloned().unwrap_or_default(),
        state_label(moments.state()).to_owned(),
        message.reason.clone(),
        listing::moment(shop, Some(message.created_at)),
        listing::moment(shop, moments.accepted_at),
        listing::moment(shop, moments.delivered_at),
        listing::moment(shop, moments.undelivered_at),
        message.segments.to_string(),
        cost,
        currency,
    ]
}

/// What the address narrows the list to, and its order.
fn asked(visit: &Visit, shop: &Shop) -> (Narrow, Order) {
    let order = if visit.asked("sort") == "cost" { Order::Cost } else { Order::Time };
    let (from, to) = span(visit, shop);
    let currency = given(visit, "currency").map(|code| code.to_ascii_uppercase());
    let narrow = Narrow {
        state: parse_state(visit.asked("state")).map(|filter| match filter {
            Filter::State(state) => State::Of(state),
            Filter::Sent => State::Sent,
            Filter::Tapped => State::Tapped,
        }),
        from,
        to,
        purpose: Purpose::ALL.into_iter().find(|purpose| purpose.name() == visit.asked("purpose")),
        step: visit.asked("step").parse().ok(),
        gateway: visit.asked("gateway").parse().ok(),
        country: told(visit, "country").map(|country| country.to_ascii_uppercase()),
        currency: currency.or_else(|| (order == Order::Cost).then(|| shop.currency.code().to_owned())),
        facets: facets::asked(visit, shop, FACETS),
    };
    (narrow, order)
}

fn fields(visit: &Visit, names: &BTreeMap<GatewayId, String>) -> Vec<Field> {
    let field = |name, label: &str, control| Field::new(name, label, visit.asked(name).trim(), control);
    let (from, to) = listing::days(visit);
    let day = |name, label: &str, day: Option<jiff::civil::Date>| {
        Field::new(name, label, day.map_or(String::new(), |day| day.to_string()), Control::Day)
    };
    let purposes =
        Purpose::ALL.into_iter().map(|purpose| (purpose.name().to_owned(), purpose_label(purpose).to_owned()));
    let steps = (1..=5).map(|step| (step.to_string(), say("text {step}", &[("step", &step)])));
    let gateways = names.iter().map(|(id, name)| (id.to_string(), name.clone())).collect();
    let state = parse_state(visit.asked("state")).map_or("", Filter::name);
    vec![
        Field::new("state", t("State"), state, Control::Tab),
        day("from", t("From"), from),
        day("to", t("To"), to),
        field("purpose", t("For"), Control::Choice(purposes.collect())),
        field("step", t("Text"), Control::Choice(steps.collect())),
        field("gateway", t("Gateway"), Control::Choice(gateways)),
        field("country", t("Country"), Control::Text),
        field("currency", t("Currency of its cost"), Control::Text),
    ]
}

fn sorts(order: Order, narrow: &Narrow) -> Vec<Sort> {
    let code = narrow.currency.as_deref().map_or(String::new(), |code| format!(" ({code})"));
    vec![
        Sort { name: "", label: t("Newest first").to_owned(), current: order == Order::Time },
        Sort { name: "cost", label: format!("{}{code}", t("Dearest first")), current: order == Order::Cost },
    ]
}

fn masked(message: &Message) -> String {
    if message.words.phone.is_empty() { t("erased").to_owned() } else { message.phone().masked() }
}

pub fn row(message: &Message, names: &BTreeMap<GatewayId, String>) -> MessageRow {
    let masked = masked(message);
    let moments = &message.moments;
    MessageRow {
        id: message.id.to_string(),
        cart_id: message.cart().map(|cart| cart.to_string()),
        to: if message.country.is_empty() { masked } else { format!("{masked}, {}", message.country) },
        step: step(message),
        gateway: names.get(&message.gateway).cloned().unwrap_or_default(),
        state: moments.state(),
        why: message.reason.clone(),
        parts: (message.segments > 0).then_some(u64::from(message.segments)),
        cost: message.cost,
        cost_listed: message.cost_listed,
        at: message.created_at,
        receipt: moments.delivered_at.or(moments.undelivered_at),
    }
}

fn purpose_label(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reminder => t("Reminder"),
        Purpose::Confirmation => t("Request to confirm"),
        Purpose::ConfirmationAgain => t("Request, again"),
        Purpose::Answer => t("Answer"),
        Purpose::Test => t("Test"),
    }
}

/// What a text is for, in a word or two.
fn step(message: &Message) -> String {
    match message.purpose {
        Purpose::Reminder => say("Text {step}", &[("step", &message.step)]),
        purpose => purpose_label(purpose).to_owned(),
    }
}
