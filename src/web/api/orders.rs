//! Orders, and the evidence of one: which text it is credited to, which others were considered, and why.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment, Money},
    shop::answered,
};
use crate::{
    domain::{
        attribution::{Attribution, Considered as Judged, Winner},
        id::OrderId,
        order::{Order as Stored, refunded},
    },
    store,
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderQuery {
    /// Only the order people call so, as in `#1093`.
    number: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// An order of the shop, whether a text had a part in it or not.
#[derive(Serialize, ToSchema)]
pub struct Order {
    #[schema(example = "ord_01jq0000000r1")]
    id: String,
    /// The shop's own id of it.
    external_id: String,
    /// What people call it.
    #[schema(example = "#1093")]
    number: String,
    total: Money,
    /// What went back, as far as it concerns credit.
    refunded: Money,
    /// `null` while it does not count as bought.
    #[schema(required)]
    placed_at: Option<Moment>,
    #[schema(required)]
    cancelled_at: Option<Moment>,
    test: bool,
    /// To which text, and how sure; `null` when to none.
    #[schema(required)]
    credit: Option<Credit>,
}

#[derive(Serialize, ToSchema)]
pub struct Credit {
    message: String,
    step: u32,
    /// `credited`, or `assisted`, which is never part of the headline.
    #[schema(example = "credited")]
    class: String,
    /// How text and order are known to be one person's.
    tie: TieName,
    /// After what went back.
    net: Money,
}

/// Strongest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TieName {
    /// The order carried our own recovery token back.
    Token,
    Code,
    CartToken,
    Phone,
    Customer,
    Email,
}

/// An order with the evidence of its credit.
#[derive(Serialize, ToSchema)]
pub struct OrderStory {
    order: Order,
    refunds: Vec<Refund>,
    /// Every text that may have brought it, the winner first.
    considered: Vec<Considered>,
    /// Why it can be credited to no text at all, when that is so.
    #[schema(required)]
    excluded: Option<String>,
    /// The entries of its credit: positive for the order, negative for what went back.
    entries: Vec<Entry>,
}

#[derive(Serialize, ToSchema)]
pub struct Refund {
    external_id: String,
    amount: Money,
    at: Moment,
}

#[derive(Serialize, ToSchema)]
pub struct Considered {
    message: String,
    step: u32,
    tie: TieName,
    #[schema(required)]
    tapped_at: Option<Moment>,
    /// What it could have earned.
    #[schema(required)]
    class: Option<String>,
    won: bool,
    why: String,
}

#[derive(Serialize, ToSchema)]
pub struct Entry {
    /// `order`, `refund:…` or `cancelled`.
    entry: String,
    amount: Money,
    at: Moment,
}

fn tie(tie: crate::domain::attribution::Tie) -> TieName {
    use crate::domain::attribution::Tie;
    match tie {
        Tie::Token => TieName::Token,
        Tie::Code => TieName::Code,
        Tie::CartToken => TieName::CartToken,
        Tie::Phone => TieName::Phone,
        Tie::Customer => TieName::Customer,
        Tie::Email => TieName::Email,
    }
}

fn order(stored: &Stored, refunds: &[crate::domain::event::Refund], verdict: Option<&Attribution>) -> Order {
    let latest = &stored.latest;
    let currency = latest.total.currency;
    let credit = verdict.and_then(|verdict| {
        let Winner { message, step, class, tie: sure } = verdict.winner?;
        let net = verdict.entries.iter().fold(0_i64, |sum, entry| sum.saturating_add(entry.amount_minor));
        Some(Credit {
            message: message.to_string(),
            step,
            class: class.name().to_owned(),
            tie: tie(sure),
            net: Money::minor(net, currency),
        })
    });
    Order {
        id: stored.id.to_string(),
        external_id: latest.external_id.clone(),
        number: latest.number.clone(),
        total: latest.total.into(),
        refunded: Money::minor(refunded(latest.total.minor, currency, refunds), currency),
        placed_at: stored.placed_at.map(Moment),
        cancelled_at: stored.cancelled_at.map(Moment),
        test: latest.test,
        credit,
    }
}

fn considered(judged: &Judged) -> Considered {
    Considered {
        message: judged.message.to_string(),
        step: judged.step,
        tie: tie(judged.tie),
        tapped_at: judged.tapped_at.map(Moment),
        class: judged.class.map(|class| class.name().to_owned()),
        won: judged.won,
        why: judged.why.clone(),
    }
}

/// Orders, newest first
#[utoipa::path(get, path = "/api/v1/orders", params(OrderQuery), responses((status = 200, description = "Orders, newest first.", body = form::List<Order>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: OrderQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<OrderId>()?.unwrap_or(OrderId::new(i64::MAX));
    let (mut read, _, keys) = call.open().await?;
    let mut found = match &asked.number {
        None => store::order::list(&mut read, &keys, before, window.most()).await?,
        Some(number) => {
            let found = store::order::by_number(&mut read, &keys, number).await?;
            found.into_iter().filter(|order| order.id < before).collect()
        }
    };
    let next = window.cut(&mut found, |order| order.id.to_string());
    let mut data = Vec::new();
    for stored in &found {
        let refunds = store::order::refunds(&mut read, &keys, &stored.latest.external_id).await?;
        let verdict = store::credit::evidence(&mut read, &keys, stored.id).await?;
        data.push(order(stored, &refunds, verdict.as_ref()));
    }
    answered(call, data, next)
}

/// One order, with the evidence of its credit
#[utoipa::path(get, path = "/api/v1/orders/{id}", params(("id" = String, Path, description = "The order", example = "ord_01jq0000000r1")), responses((status = 200, description = "The order.", body = OrderStory)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: OrderId = call.path("id")?;
    let (mut read, _, keys) = call.open().await?;
    let stored = store::order::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    let refunds = store::order::refunds(&mut read, &keys, &stored.latest.external_id).await?;
    let verdict = store::credit::evidence(&mut read, &keys, id).await?;
    let currency = stored.latest.total.currency;
    let entries = verdict.iter().flat_map(|verdict| &verdict.entries).map(|entry| Entry {
        entry: entry.entry.clone(),
        amount: Money::minor(entry.amount_minor, currency),
        at: entry.at.into(),
    });
    let story = OrderStory {
        order: order(&stored, &refunds, verdict.as_ref()),
        considered: verdict.iter().flat_map(|verdict| &verdict.considered).map(considered).collect(),
        excluded: verdict.as_ref().and_then(|verdict| verdict.excluded.clone()),
        entries: entries.collect(),
        refunds: refunds
            .into_iter()
            .map(|refund| Refund {
                external_id: refund.external_id,
                amount: refund.amount.into(),
                at: refund.at.into(),
            })
            .collect(),
    };
    Answer::ok(&story)
}
