//! Messages: every text of a shop. Those of unknown outcome stand first on the first page.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};

use super::{ROWS, Visit, gateways, show};
use crate::{
    domain::{
        id::{GatewayId, MessageId},
        message::{Cost, MessageState, Purpose},
    },
    store::{
        self,
        message::{Message, Tally},
    },
    web::{
        problem::Problem,
        view::{
            Pager, Section,
            message::{MessageRow, Messages, parse_state},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Messages).await?;
    let filter = parse_state(visit.asked("state"));
    let mut page = Messages {
        filter,
        total: 0,
        all: 0,
        unknown: Vec::new(),
        unknown_total: 0,
        rows: Vec::new(),
        cost: Vec::new(),
        pager: Pager::default(),
        page: visit.page.clone(),
    };
    if let Some((_, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let tally = store::message::tally(&mut read, keys).await?;
        page.all = count(&tally, |_| true);
        page.total = count(&tally, |state| filter.is_none_or(|wanted| wanted == state));
        page.unknown_total = count(&tally, |state| state == MessageState::Unknown);
        page.cost = cost(&tally, filter);
        let names = gateways::names(&mut read, visit.core(), keys).await?;
        let after = visit.asked("after").parse::<MessageId>().ok();
        if filter.is_none() && after.is_none() && page.unknown_total > 0 {
            let unknown = Some(MessageState::Unknown);
            let unknown = store::message::list(&mut read, keys, unknown, MessageId::new(i64::MAX), ROWS).await?;
            page.unknown = unknown.iter().map(|message| row(message, &names)).collect();
        }
        let before = after.unwrap_or(MessageId::new(i64::MAX));
        let messages = store::message::list(&mut read, keys, filter, before, ROWS).await?;
        page.pager.has_first = after.is_some();
        if messages.len() == ROWS as usize {
            page.pager.next = messages.last().map(|message| message.id.to_string());
        }
        page.rows = messages.iter().map(|message| row(message, &names)).collect();
    }
    show(&page)
}

fn count(tally: &[Tally], counts: impl Fn(MessageState) -> bool) -> u64 {
    tally.iter().filter(|each| counts(each.state)).map(|each| each.messages).sum()
}

fn cost(tally: &[Tally], filter: Option<MessageState>) -> Vec<Cost> {
    let mut sums = BTreeMap::new();
    for cost in
        tally.iter().filter(|each| filter.is_none_or(|wanted| wanted == each.state)).filter_map(|each| each.cost)
    {
        *sums.entry(cost.currency).or_insert(0) += cost.micros;
    }
    sums.into_iter().map(|(currency, micros)| Cost { micros, currency }).collect()
}

fn row(message: &Message, names: &BTreeMap<GatewayId, String>) -> MessageRow {
    let masked = if message.words.phone.is_empty() { "erased".to_owned() } else { message.phone().masked() };
    MessageRow {
        id: message.id.to_string(),
        cart_id: message.cart().map(|cart| cart.to_string()),
        to: if message.country.is_empty() { masked } else { format!("{masked}, {}", message.country) },
        step: step(message),
        gateway: names.get(&message.gateway).cloned().unwrap_or_default(),
        state: message.moments.state(),
        why: message.reason.clone(),
        parts: (message.segments > 0).then_some(u64::from(message.segments)),
        cost: message.cost,
        at: message.created_at,
    }
}

/// What a text is for, in a word or two.
fn step(message: &Message) -> String {
    match message.purpose {
        Purpose::Reminder => format!("Text {}", message.step),
        Purpose::Confirmation => "Request to confirm".to_owned(),
        Purpose::ConfirmationAgain => "Request, again".to_owned(),
        Purpose::Answer => "Answer".to_owned(),
        Purpose::Test => "Test".to_owned(),
    }
}
