//! Runs: a comparison, a healing or a filling, page by page. A job is one call to the shop; between two of them the run
//! is at rest in the database, so that a restart goes on where it was and a person can stop it.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{SETTLED_AFTER, our_side, pulled};
use crate::{
    domain::{
        audit::{Frame, Grade, Kind, Outcome, compare},
        hours,
        id::{FindingId, ShopId},
        seal::ShopKeys,
        time::{DAY, Time},
    },
    pipeline::{Core, ask, fetch, zone_of},
    shop::{
        self,
        pull::{NotPulled, Page, WAIT_MOST, Wanted},
    },
    store::{
        self, Error, Tx,
        audit::{
            finding::{self, State},
            run::{self, Purpose, Run},
        },
        job::{self, Job},
        shop::Shop,
    },
    transact,
};

/// A night compares orders of so many days: refunds and cancellations come weeks after their order.
pub const NIGHT_DAYS: u32 = 30;
/// The shop's list is fetched from so long before the span: an order may be begun days before it is bought.
const BEFORE: Duration = DAY.saturating_mul(7);
/// Between two calls, at least.
const PACE: Duration = Duration::from_millis(500);
/// A run ends after so many pages: a hundred thousand orders and more are looked at in parts.
const PAGES_MOST: u64 = 5_000;
/// Calls that may fail one after the other before a run gives up.
const FAILURES_MOST: u64 = 12;
const AGAIN_FIRST: Duration = Duration::from_secs(5);
/// What is over is kept this long.
const KEPT_FOR: Duration = DAY.saturating_mul(400);
const ALARM: &str = "audit";

/// Why a run was not begun.
#[derive(Debug, thiserror::Error)]
pub enum NotBegun {
    #[error("there is no such shop")]
    NoShop,
    /// In words for the shopkeeper.
    #[error("{0}")]
    Cannot(String),
    #[error("one is running already")]
    Running(i64),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Whether a shop's orders can be fetched: a key is there and complete. The words say what is missing.
pub fn can_pull(shop: &Shop) -> Result<(), String> {
    let kind = shop::by_kind(&shop.kind).ok_or_else(|| format!("there is no connector {}", shop.kind))?;
    let wanted = Wanted::Changed { since: Time::FIRST };
    match kind.ask_orders(&shop.settings, &wanted, None)? {
        Some(_) => Ok(()),
        None => Err("there is no key that may read this shop's orders: set one, or compare a file".into()),
    }
}

/// Begins to compare the orders placed in `[from, to)`.
pub async fn begin(core: &Core, id: ShopId, span: (Time, Time), by: &str) -> Result<i64, NotBegun> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Err(NotBegun::NoShop) };
    can_pull(&shop).map_err(NotBegun::Cannot)?;
    if let Some(running) = running(&mut read, id, Purpose::Compare).await? {
        return Err(NotBegun::Running(running));
    }
    drop(read);
    let (from, to) = (span.0, span.1.min(now - SETTLED_AFTER));
    if from >= to {
        return Err(NotBegun::Cannot("the span is empty: it must begin before it ends, and lie in the past".into()));
    }
    let new = fresh(core, Purpose::Compare, (from, to), by);
    transact!(core.db, |tx| start(tx, id, &new).await?)?;
    core.wake.notify_one();
    Ok(new.id)
}

pub(super) fn fresh(core: &Core, purpose: Purpose, (from, to): (Time, Time), by: &str) -> Run {
    Run {
        id: core.fresh_id(),
        purpose,
        file: false,
        by: by.to_owned(),
        begun_at: core.now(),
        from,
        to,
        place: String::new(),
        pages: 0,
        done: 0,
        total: 0,
        failures: 0,
        ended_at: None,
        cancelled_at: None,
        problem: String::new(),
        outcome: String::new(),
    }
}

pub(super) async fn start(tx: &mut Tx, shop: ShopId, new: &Run) -> Result<(), Error> {
    run::begin(tx, shop, new).await?;
    job::schedule(tx, shop, job::Kind::Audit, new.id, new.begun_at).await
}

pub(super) async fn running(read: &mut store::Read, shop: ShopId, purpose: Purpose) -> Result<Option<i64>, Error> {
    Ok(run::newest(read, shop, purpose, 1).await?.first().filter(|run| !run.is_over()).map(|run| run.id))
}

/// Begins to fetch every order with an open finding that fetching can mend; answers the run and how many.
pub async fn fill(core: &Core, id: ShopId, by: &str) -> Result<(i64, u64), NotBegun> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Err(NotBegun::NoShop) };
    can_pull(&shop).map_err(NotBegun::Cannot)?;
    if let Some(running) = running(&mut read, id, Purpose::Fill).await? {
        return Err(NotBegun::Running(running));
    }
    let (mut after, mut total) = (FindingId::new(0), 0);
    let (mut first, mut last) = (Time::LAST, Time::FIRST);
    loop {
        let page = finding::list(&mut read, id, State::Open, after, PAGE).await?;
        let Some(newest) = page.last() else { break };
        after = newest.id;
        for kept in page.iter().filter(|kept| is_fillable(kept)) {
            total += 1;
            let at = kept.finding.placed_at.unwrap_or(kept.first_at);
            (first, last) = (first.min(at), last.max(at));
        }
    }
    drop(read);
    if total == 0 {
        return Err(NotBegun::Cannot("no open finding can be mended by fetching its order".into()));
    }
    let mut new = fresh(core, Purpose::Fill, (first, last + Duration::from_millis(1)), by);
    new.total = total;
    transact!(core.db, |tx| start(tx, id, &new).await?)?;
    core.wake.notify_one();
    Ok((new.id, total))
}

const PAGE: u32 = 200;

fn is_fillable(kept: &finding::Kept) -> bool {
    kept.finding.kind.can_be_filled() && !kept.finding.external_id.is_empty()
}

/// Stops a run; what it put into the inbox by then is still read. `false` when it was over.
pub async fn cancel(core: &Core, shop: ShopId, id: i64) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        job::cancel(tx, shop, job::Kind::Audit, id).await?;
        run::forget_lines(tx, shop, id).await?;
        run::cancel(tx, shop, id, now).await?
    })
}

/// The night's comparison; nothing where orders cannot be fetched or one is running.
pub async fn nightly(core: &Core, id: ShopId) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    let shop = core.shop(&mut read, id).await?.map(|(shop, _)| shop);
    drop(read);
    let Some(shop) = shop.filter(|shop| id != ShopId::HOUSE && shop.uninstalled_at.is_none()) else { return Ok(()) };
    if can_pull(&shop).is_err() || shop.erased_at.is_some() {
        return Ok(());
    }
    let zone = zone_of(&shop);
    let from = hours::start_of_day(&zone, hours::day_of(&zone, core.now() - DAY * NIGHT_DAYS));
    match begin(core, id, (from, core.now()), "the night").await {
        Err(NotBegun::Store(error)) => Err(error),
        _ => Ok(()),
    }
}

/// Forgets what is long over.
pub async fn forget(tx: &mut Tx, shop: ShopId, now: Time) -> Result<(), Error> {
    run::prune(tx, shop, now - KEPT_FOR).await?;
    finding::prune(tx, shop, now - KEPT_FOR).await
}

/// A run with all that a step needs.
struct Step {
    run: Run,
    shop: Shop,
    keys: ShopKeys,
}

/// The job of a run: one call to the shop, and what follows from its answer.
pub async fn step(core: &Core, job: &Job) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    let found = run::get(&mut read, job.shop, job.subject).await?.filter(|run| !run.is_over());
    let shop = core.shop(&mut read, job.shop).await?;
    let gone = |shop: &Shop| shop.uninstalled_at.is_some() || shop.erased_at.is_some();
    let (Some(run), Some((shop, keys))) = (found, shop.filter(|(shop, _)| !gone(shop))) else {
        drop(read);
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let step = Step { run, shop, keys };
    let finding = match step.run.purpose {
        Purpose::Fill => next_to_fill(&mut read, &step).await?,
        _ => None,
    };
    let asked = match step.run.purpose {
        Purpose::Compare => Some(Asked::Orders(Wanted::Placed { from: step.run.from - BEFORE, to: step.run.to + DAY })),
        Purpose::Heal => Some(Asked::Orders(Wanted::Changed { since: step.run.from })),
        Purpose::Carts => Some(Asked::Carts { since: step.run.from }),
        Purpose::Fill => {
            finding.as_ref().map(|kept| Asked::Orders(Wanted::One { external_id: kept.finding.external_id.clone() }))
        }
    };
    drop(read);
    let Some(asked) = asked else { return end(core, job, step, "").await };
    let cursor = match asked {
        Asked::Orders(Wanted::One { .. }) => None,
        _ => Some(step.run.place.as_str()).filter(|place| !place.is_empty()),
    };
    match next_page(core, &step.shop, &asked, cursor).await {
        Ok(page) => take(core, job, step, page, finding.map(|kept| kept.id)).await,
        Err(NotPulled::Refused(why)) => end(core, job, step, &why).await,
        Err(NotPulled::Later { why, wait }) => again(core, job, step, &why, wait, false).await,
        Err(NotPulled::Lost) => again(core, job, step, "the shop lost the place to go on from", PACE, true).await,
    }
}

/// The next finding a filling has to fetch the order of.
async fn next_to_fill(read: &mut store::Read, step: &Step) -> Result<Option<finding::Kept>, Error> {
    let mut after = FindingId::new(step.run.place.parse().unwrap_or(0));
    loop {
        let page = finding::list(read, step.shop.id, State::Open, after, PAGE).await?;
        let Some(last) = page.last().map(|kept| kept.id) else { return Ok(None) };
        // What was found after the filling began is the next one's.
        if let Some(next) = page.into_iter().find(|kept| is_fillable(kept) && kept.id.get() < step.run.id) {
            return Ok(Some(next));
        }
        after = last;
    }
}

/// What a run asks the shop for, page by page.
enum Asked {
    Orders(Wanted),
    Carts { since: Time },
}

async fn next_page(core: &Core, shop: &Shop, asked: &Asked, cursor: Option<&str>) -> Result<Page, NotPulled> {
    let kind = shop::by_kind(&shop.kind).ok_or_else(|| NotPulled::Refused(format!("no connector {}", shop.kind)))?;
    let answer = ask::shop(core, shop, |settings| match asked {
        Asked::Orders(wanted) => kind.ask_orders(settings, wanted, cursor),
        Asked::Carts { since } => kind.ask_carts(settings, *since, cursor),
    });
    match (answer.await?, asked) {
        (Some(answer), Asked::Orders(_)) => kind.orders(&answer, cursor),
        (Some(answer), Asked::Carts { .. }) => kind.carts(&shop.settings, &answer, cursor),
        (None, _) => Err(NotPulled::Refused("this shop's orders cannot be fetched".into())),
    }
}

/// Tries the same page again later, from the beginning where the place is lost; gives up after a while.
async fn again(
    core: &Core,
    job: &Job,
    mut step: Step,
    why: &str,
    wait: Duration,
    from_the_beginning: bool,
) -> Result<(), Error> {
    step.run.failures += 1;
    if step.run.failures >= FAILURES_MOST {
        return end(core, job, step, why).await;
    }
    if from_the_beginning {
        step.run.place.clear();
    }
    let doubled = AGAIN_FIRST * (1 << step.run.failures.min(7));
    let due = core.now() + wait.max(doubled).min(WAIT_MOST);
    transact!(core.db, |tx| {
        if job::holds(tx, job).await? {
            run::go_on(tx, job.shop, &step.run).await?;
            job::put_back(tx, job, due).await?;
        }
    })
}

/// Takes a page in; of a filling, the one that was asked for because of `filled`.
async fn take(core: &Core, job: &Job, mut step: Step, page: Page, filled: Option<FindingId>) -> Result<(), Error> {
    step.run.failures = 0;
    step.run.pages += 1;
    let orders: Vec<_> =
        page.orders.iter().filter_map(|pulled| Some((pulled, pulled::order(core, &step.shop, pulled)?))).collect();
    let mut news = Vec::new();
    match step.run.purpose {
        Purpose::Compare => step.run.total = step.run.total.max(page.total.unwrap_or(0)),
        Purpose::Heal => {
            let mut read = core.db.read().await?;
            for (pulled, order) in &orders {
                if pulled::is_news(&mut read, &step.keys, order).await? {
                    news.push((fetch::marked(pulled), pulled.body.clone()));
                }
            }
        }
        Purpose::Carts => news.extend(page.orders.iter().map(|pulled| (fetch::marked(pulled), pulled.body.clone()))),
        Purpose::Fill => news.extend(orders.iter().map(|(pulled, _)| (fetch::marked(pulled), pulled.body.clone()))),
    }
    let is_fill = step.run.purpose == Purpose::Fill;
    step.run.done += match step.run.purpose {
        Purpose::Fill => 1,
        Purpose::Carts => page.orders.len() as u64,
        Purpose::Compare | Purpose::Heal => orders.len() as u64,
    };
    let next = filled.map(|finding| finding.get().to_string()).or(page.next);
    let over = next.is_none() || step.run.pages >= PAGES_MOST && !is_fill;
    let lines: Vec<_> = match step.run.purpose {
        Purpose::Compare => {
            orders.iter().map(|(pulled, order)| pulled::theirs(&step.shop, &step.keys, pulled, order)).collect()
        }
        _ => Vec::new(),
    };
    let cut = over && next.is_some();
    step.run.place = next.unwrap_or_default();
    let due = core.now() + page.wait.clamp(PACE, WAIT_MOST);
    // A cart that did not change since it was last fetched is not kept again, whichever run fetches it.
    let asker = match step.run.purpose {
        Purpose::Carts => "carts".to_owned(),
        _ => step.run.id.to_string(),
    };
    let held = transact!(core.db, |tx| {
        let held = job::holds(tx, job).await?;
        if held {
            for line in &lines {
                run::put_line(tx, job.shop, step.run.id, line).await?;
            }
            for (topic, body) in &news {
                fetch::keep(core, tx, &step.keys, &asker, topic, body.clone()).await?;
            }
            run::go_on(tx, job.shop, &step.run).await?;
            if !over {
                job::put_back(tx, job, due).await?;
            }
        }
        held
    })?;
    core.wake.notify_one();
    match (held, over) {
        (true, true) => {
            let why = if cut { "there are too many orders for one run: compare a shorter span" } else { "" };
            end(core, job, step, why).await
        }
        _ => Ok(()),
    }
}

/// Ends a run: a comparison with what it found, a filling with a comparison of the same span. `why` is what cut it short.
async fn end(core: &Core, job: &Job, mut step: Step, why: &str) -> Result<(), Error> {
    let compared = match step.run.purpose {
        Purpose::Compare if why.is_empty() => Some(compared(core, &step).await?),
        _ => None,
    };
    step.run.problem = why.to_owned();
    let now = core.now();
    step.run.ended_at = Some(now);
    if let Some(outcome) = &compared {
        step.run.outcome =
            serde_json::to_string(&outcome.summary()).map_err(|why| Error::damaged("audit outcome", why))?;
    }
    let ids: Vec<FindingId> =
        compared.iter().flat_map(|outcome| outcome.findings.iter()).map(|_| FindingId::new(core.fresh_id())).collect();
    let check = match step.run.purpose {
        Purpose::Fill if step.run.done > 0 => {
            Some(fresh(core, Purpose::Compare, (step.run.from, step.run.to), &step.run.by))
        }
        _ => None,
    };
    transact!(core.db, |tx| {
        if job::holds(tx, job).await? {
            if let Some(outcome) = &compared {
                for (found, id) in outcome.findings.iter().zip(&ids) {
                    finding::see(tx, job.shop, *id, step.run.id, found, now).await?;
                }
                finding::mend_unseen(tx, job.shop, step.run.id, (step.run.from, step.run.to), now).await?;
            }
            note_alarm(tx, &step, compared.as_ref(), now).await?;
            run::go_on(tx, job.shop, &step.run).await?;
            run::forget_lines(tx, job.shop, step.run.id).await?;
            if let Some(check) = &check {
                run::begin(tx, job.shop, check).await?;
                // What was fetched is read by then.
                job::schedule(tx, job.shop, job::Kind::Audit, check.id, now + CHECK_AFTER).await?;
            }
            if step.run.purpose == Purpose::Heal {
                // Texts wait for what the shop knows of orders; they read what came of it first.
                job::hurry(tx, job.shop, job::Kind::Send, now + READ_WITHIN).await?;
            }
            job::finish(tx, job).await?;
        }
    })
}

/// What was fetched is in the books by then.
const READ_WITHIN: Duration = Duration::from_secs(1);
const CHECK_AFTER: Duration = Duration::from_secs(60);

async fn compared(core: &Core, step: &Step) -> Result<Outcome, Error> {
    let mut read = core.db.read().await?;
    let theirs = run::lines(&mut read, step.shop.id, step.run.id).await?;
    let span = (step.run.from, step.run.to);
    let (ours, credits) = our_side(&mut read, &step.shop, &step.keys, span, &theirs).await?;
    let limits = run::limits(&mut read, &step.keys).await?;
    let zone: TimeZone = zone_of(&step.shop);
    Ok(compare(&Frame { from: span.0, to: span.1, zone, limits }, &ours, &theirs, &credits))
}

/// A red flag is raised once and taken down by the next comparison that is well; so is a shop that lets nobody in.
async fn note_alarm(tx: &mut Tx, step: &Step, outcome: Option<&Outcome>, now: Time) -> Result<(), Error> {
    let shop = step.shop.id;
    match outcome {
        Some(outcome) if outcome.grade == Grade::Large => {
            let worst = worst(outcome);
            let words = format!(
                "Our books and the shop's are far apart: {} of {} orders differ, most of them: {}. {}",
                outcome.score.faulty,
                outcome.score.compared,
                worst.title().to_lowercase(),
                worst.mend()
            );
            store::alarm::clear(tx, shop, ALARM, "", now).await?;
            store::alarm::raise(tx, shop, ALARM, "", &words, now).await?;
        }
        Some(_) => store::alarm::clear(tx, shop, ALARM, "", now).await?,
        None => {}
    }
    match (step.run.problem.as_str(), step.run.purpose) {
        ("", Purpose::Compare) => store::alarm::clear(tx, shop, ALARM, "pull", now).await,
        ("", _) => Ok(()),
        (why, _) => {
            let words = format!("The shop's orders could not be fetched: {why}.");
            store::alarm::raise(tx, shop, ALARM, "pull", &words, now).await.map(|_| ())
        }
    }
}

fn worst(outcome: &Outcome) -> Kind {
    let kinds = outcome.summary().kinds;
    kinds.into_iter().max_by_key(|(_, count)| *count).map_or(Kind::MissingHere, |(kind, _)| kind)
}
