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
        attribution::{
            Attribution, Considered as Judged, Windows as Hours, Winner,
            grade::Grade,
            lens::{Facts, Lens},
        },
        id::OrderId,
        order::{Order as Stored, refunded},
    },
    pipeline::{self, hand::Done},
    store::{
        self,
        credit_act::{Act, To},
    },
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
    /// How sure the credit is, and by which rule; `null` without one.
    #[schema(required)]
    confidence: Option<Confidence>,
    /// The windows it was judged by; `null` for verdicts of an older version.
    #[schema(required)]
    windows: Option<Windows>,
    /// How it came about, where its cart had been abandoned before: `alone`, `after_text` or `through_link`.
    #[schema(required)]
    way: Option<String>,
    /// What other rules would have said: each text's part of what is left.
    other_rules: Vec<OtherRule>,
    /// What people said of its credit, oldest first; the newest holds.
    corrections: Vec<CreditCorrection>,
}

#[derive(Serialize, ToSchema)]
pub struct Confidence {
    /// `high`, `medium` or `low`.
    #[schema(example = "high")]
    grade: String,
    rule: String,
}

/// Hours within which an order is credited.
#[derive(Serialize, ToSchema)]
pub struct Windows {
    /// From a tap.
    click_hours: u32,
    /// From an untapped text; 0 is never.
    sent_hours: u32,
    /// The hours of a tap begin when its text was sent.
    click_from_sent: bool,
    /// A text's own code counts outside every window.
    code_always: bool,
}

impl From<Hours> for Windows {
    fn from(windows: Hours) -> Windows {
        Windows {
            click_hours: windows.click_hours,
            sent_hours: windows.sent_hours,
            click_from_sent: windows.click_from_sent,
            code_always: windows.code_always,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct OtherRule {
    /// `assisted`, `first`, `linear`, `position`, or the service it imitates.
    #[schema(example = "linear")]
    rule: String,
    parts: Vec<RulePart>,
}

#[derive(Serialize, ToSchema)]
pub struct RulePart {
    message: String,
    step: u32,
    net: Money,
}

#[derive(Serialize, ToSchema)]
pub struct CreditCorrection {
    /// A text, `none`, or `rules`.
    to: String,
    at: Moment,
    by: String,
    /// Empty once the person was forgotten.
    reason: String,
}

/// To what an order is to be credited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredit {
    /// A text that was considered for it, `none`, or `rules` for what the rules say.
    #[schema(example = "none")]
    to: String,
    /// Kept beside the credit: 1 to 500 characters, no names of shoppers.
    #[schema(min_length = 1, max_length = 500, example = "the customer phoned: it was the newsletter")]
    reason: String,
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
    /// When it provably left.
    #[schema(required)]
    sent_at: Option<Moment>,
    /// Openings of its link that were not a person's.
    openings_not_counted: u32,
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
        sent_at: judged.accepted_at.map(Moment),
        openings_not_counted: judged.bot_opens,
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
    let acts = store::credit_act::of_order(&mut read, &keys, id).await?;
    let story = OrderStory {
        confidence: verdict.as_ref().and_then(|verdict| verdict.winner).map(|won| {
            let grade = Grade::of(won.class, won.tie);
            Confidence { grade: grade.name().to_owned(), rule: grade.rule().to_owned() }
        }),
        windows: verdict.as_ref().and_then(|verdict| verdict.windows).map(Windows::from),
        way: verdict.as_ref().and_then(|verdict| verdict.way).map(|way| way.name().to_owned()),
        other_rules: other_rules(&stored, verdict.as_ref(), &refunds),
        corrections: acts.into_iter().map(correction).collect(),
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

fn other_rules(
    stored: &Stored,
    verdict: Option<&Attribution>,
    refunds: &[crate::domain::event::Refund],
) -> Vec<OtherRule> {
    let Some((verdict, windows)) = verdict.and_then(|verdict| Some((verdict, verdict.windows?))) else {
        return Vec::new();
    };
    let total = stored.latest.total;
    let (of, back) = ((total.minor, total.currency), refunds.to_vec());
    let facts = Facts::stored(stored.placed_at, stored.cancelled_at, of, back, verdict.clone());
    let lenses = Lens::all(windows).into_iter().skip(1);
    lenses
        .map(|lens| {
            let mut parts: Vec<RulePart> = Vec::new();
            let ledger = lens.ledger(&facts);
            for share in lens.shares(&facts) {
                let own = ledger.iter().filter(|part| part.message == share.message);
                let net = own.fold(0_i64, |sum, part| sum.saturating_add(part.amount_minor));
                let net = Money::minor(net, total.currency);
                parts.push(RulePart { message: share.message.to_string(), step: share.step, net });
            }
            OtherRule { rule: lens.id, parts }
        })
        .collect()
}

fn correction(act: Act) -> CreditCorrection {
    let to = match act.to {
        To::Text(message) => message.to_string(),
        To::Nothing => "none".to_owned(),
        To::Rules => "rules".to_owned(),
    };
    CreditCorrection { to, at: act.at.into(), by: act.by, reason: act.reason }
}

/// Set an order's credit right by hand
///
/// To another text that was considered, to none, or back to what the rules say. It wins over the rules until the next one,
/// and stands in the evidence with its reason. The credit follows within seconds.
#[utoipa::path(post, path = "/api/v1/orders/{id}/credit", params(("id" = String, Path, description = "The order", example = "ord_01jq0000000r1")), request_body = NewCredit, responses(
    (status = 200, description = "The order, with the correction; its credit follows.", body = OrderStory),
    (status = 409, description = "It stands so already, or the order cannot be credited to that text.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn credit(call: &Call) -> Result<Answer, Problem> {
    let id: OrderId = call.path("id")?;
    let NewCredit { to, reason } = call.body()?;
    call.open().await?;
    let to = pipeline::credit::target(&to)
        .ok_or_else(|| Problem::Wrong(vec!["to: must be a text, none or rules".to_owned()]))?;
    if reason.trim().is_empty() || reason.chars().count() > pipeline::credit::REASON_CHARS_MAX {
        return Err(Problem::Wrong(vec!["reason: must be 1 to 500 characters".to_owned()]));
    }
    match pipeline::credit::correct(call.core(), call.shop()?, id, to, &reason, &call.by()).await? {
        Done::Done => get(call).await,
        Done::Unknown => Err(Problem::NotFound),
        Done::Refused(why) => Err(Problem::Conflict(why)),
    }
}
