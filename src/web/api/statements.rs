//! Statements: months as they were published, bound to each other by hashes, and what changed since.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment, Money},
};
use crate::{
    domain::{money::Currency, statement::Sums},
    pipeline::statement::{self, NotPublished},
    store::statement::Published,
    web::problem::Problem,
};

/// The months a shop published.
#[derive(Serialize, ToSchema)]
pub struct Statements {
    /// Oldest first.
    data: Vec<StatementHead>,
    /// Whether every one is what was published, in its order.
    intact: bool,
    /// What is not, in sentences.
    problems: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct StatementHead {
    /// 1 is the first one published.
    number: i64,
    #[schema(example = "2026-10")]
    month: String,
    published_at: Moment,
    by: String,
    /// SHA-256 over the hash before it, a line feed and the body.
    hash: String,
    /// Empty for the first.
    hash_before: String,
}

/// One published month.
#[derive(Serialize, ToSchema)]
pub struct Statement {
    statement: StatementHead,
    /// The very text that was hashed: JSON.
    body: String,
    /// What is added to the published figures by now; one per currency that changed.
    since: Vec<Difference>,
    /// Orders credited since, no longer credited, and credited otherwise.
    added: Vec<String>,
    gone: Vec<String>,
    changed: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Difference {
    #[schema(example = "EUR")]
    currency: String,
    orders: i64,
    gross: Money,
    refunded: Money,
    net: Money,
}

/// Which month is published.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStatement {
    #[schema(example = "2026-10")]
    month: String,
}

fn head(published: &Published) -> StatementHead {
    StatementHead {
        number: published.number,
        month: published.month.clone(),
        published_at: published.published_at.into(),
        by: published.by.clone(),
        hash: published.hash.clone(),
        hash_before: published.hash_before.clone(),
    }
}

fn difference(currency: Currency, sums: &Sums) -> Difference {
    Difference {
        currency: currency.to_string(),
        orders: sums.orders,
        gross: Money::minor(sums.gross_minor, currency),
        refunded: Money::minor(sums.refunded_minor, currency),
        net: Money::minor(sums.net_minor, currency),
    }
}

/// Published months, and whether they are intact
#[utoipa::path(get, path = "/api/v1/statements", responses((status = 200, description = "Every published month.", body = Statements)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (mut read, _, keys) = call.open().await?;
    let (all, problems) = statement::chain(&mut read, &keys).await?;
    Answer::ok(&Statements { data: all.iter().map(head).collect(), intact: problems.is_empty(), problems })
}

async fn of_month(call: &Call, month: &str) -> Result<Statement, Problem> {
    let (mut read, shop, keys) = call.open().await?;
    let shown = statement::shown(call.core(), &mut read, &shop, &keys, month).await?.ok_or(Problem::NotFound)?;
    let since = &shown.since;
    Ok(Statement {
        statement: head(&shown.published),
        body: shown.published.body.clone(),
        since: since.money.iter().map(|(&currency, sums)| difference(currency, sums)).collect(),
        added: since.added.iter().map(|line| line.order.to_string()).collect(),
        gone: since.gone.iter().map(|line| line.order.to_string()).collect(),
        changed: since.changed.iter().map(|(line, _)| line.order.to_string()).collect(),
    })
}

/// One published month, with what changed since
#[utoipa::path(get, path = "/api/v1/statements/{month}", params(("month" = String, Path, description = "The month", example = "2026-10")), responses((status = 200, description = "As published, and what changed since.", body = Statement)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let month: String = call.path("month")?;
    Answer::ok(&of_month(call, &month).await?)
}

/// Publish a month
///
/// Its figures are kept as they are now, for good; what changes later is told as a difference.
#[utoipa::path(post, path = "/api/v1/statements", request_body = NewStatement, responses(
    (status = 200, description = "The month as published.", body = Statement),
    (status = 409, description = "It is not over, published already, or still being computed.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn publish(call: &Call) -> Result<Answer, Problem> {
    let NewStatement { month } = call.body()?;
    call.open().await?;
    if statement::days(&month).is_none() {
        return Err(Problem::Wrong(vec!["month: must be a month, as in 2026-10".to_owned()]));
    }
    match statement::publish(call.core(), call.shop()?, &month, &call.by()).await {
        Ok(published) => Answer::ok(&of_month(call, &published.month).await?),
        Err(NotPublished::NoShop) => Err(Problem::NotFound),
        Err(NotPublished::Refused(why)) => Err(Problem::Conflict(why)),
        Err(NotPublished::Store(error)) => Err(error.into()),
    }
}
