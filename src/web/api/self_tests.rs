//! Self-tests: having a made-up shopper played through the whole pipeline, and how it went.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Answer,
    call::Call,
    form::{self, Moment},
};
use crate::{
    domain::self_test::{Line, Step, Went},
    pipeline::self_test,
    store::{self, self_test::Run},
    web::problem::Problem,
};

/// A run of the self-test.
#[derive(Serialize, ToSchema)]
pub struct SelfTest {
    asked_at: Moment,
    /// Nobody asked: it is the night's.
    nightly: bool,
    #[schema(required)]
    ended_at: Option<Moment>,
    /// `passed`, `failed` or `not_played`; `null` until it ended.
    #[schema(required)]
    verdict: Option<String>,
    steps: Vec<SelfTestStep>,
}

#[derive(Serialize, ToSchema)]
pub struct SelfTestStep {
    #[schema(value_type = String, example = "credit")]
    step: Step,
    /// `well`, `skipped` or `wrong`.
    #[schema(value_type = String, example = "well")]
    went: Went,
    /// What was found; for a wrong one what should have been, too.
    found: String,
    took_ms: u64,
}

const RUNS: u32 = 30;

fn told(run: Run) -> SelfTest {
    let step = |line: Line| SelfTestStep { step: line.step, went: line.went, found: line.words, took_ms: line.took_ms };
    SelfTest {
        asked_at: run.asked_at.into(),
        nightly: run.nightly,
        ended_at: run.ended_at.map(Moment),
        verdict: run.verdict.map(|verdict| verdict.name().to_owned()),
        steps: run.lines.into_iter().map(step).collect(),
    }
}

/// Self-tests, newest first
///
/// The last thirty.
#[utoipa::path(get, path = "/api/v1/self-tests", responses((status = 200, description = "Runs.", body = form::List<SelfTest>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let (mut read, shop, _) = call.open().await?;
    let runs = store::self_test::list(&mut read, shop.id, RUNS).await?;
    Answer::ok(&form::List::new(runs.into_iter().map(told).collect(), None))
}

/// Have the self-test played
///
/// On a stage of its own: nothing of it is in a report, and no text leaves. Its outcome is the newest of the list, soon.
#[utoipa::path(post, path = "/api/v1/self-tests", responses((status = 202, description = "It will be played.", body = SelfTest)))]
pub async fn ask(call: &Call) -> Result<Answer, Problem> {
    let (read, shop, _) = call.open().await?;
    drop(read);
    let id = self_test::ask(call.core(), shop.id, false).await?;
    let mut read = call.core().db.read().await?;
    let asked = store::self_test::list(&mut read, shop.id, RUNS).await?.into_iter().find(|run| run.id == id);
    Answer::accepted(&told(asked.ok_or(Problem::NotFound)?))
}
