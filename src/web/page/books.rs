//! Books: our orders against the chosen shop's own; comparing, fetching what is missing, letting a difference stand.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Form};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Visit,
    cart_acts::{actor, led_to},
    id, show,
};
use crate::{
    domain::{
        audit::{Finding, Kind, Limits},
        hours,
        id::FindingId,
        time::DAY,
    },
    pipeline::{
        audit::{self, NotBegun},
        zone_of,
    },
    shop,
    store::{
        self, Read,
        audit::{
            finding::{self, Kept, State},
            run::{self, Purpose, Run},
        },
        shop::Shop,
    },
    transact,
    web::{
        gate,
        problem::Problem,
        session,
        view::{
            Section,
            books::{Books, FindingRow, Group, Last, RunRow, RunState, What, share, told},
            words::t,
        },
    },
};

/// Rows of one kind; the rest is for the command line and the API.
const ROWS_OF_A_KIND: usize = 50;
const RUNS: u32 = 30;
const PAGE: u32 = 500;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Books).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let limits = Limits::default();
    let mut page = Books {
        cannot: None,
        last: None,
        running: None,
        runs: Vec::new(),
        groups: Vec::new(),
        ignored: Vec::new(),
        fillable: 0,
        small: typed(limits.small),
        large: typed(limits.large),
        may_change,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let zone = zone_of(shop);
        page.cannot = audit::can_pull(shop).err();
        let limits = run::limits(&mut read, keys).await?;
        (page.small, page.large) = (typed(limits.small), typed(limits.large));
        let mut runs: Vec<Run> = Vec::new();
        for purpose in [Purpose::Compare, Purpose::Fill, Purpose::Heal, Purpose::Carts] {
            runs.extend(run::newest(&mut read, shop.id, purpose, RUNS).await?);
        }
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        runs.truncate(RUNS as usize);
        page.running = runs.iter().find(|run| !run.is_over()).map(row);
        page.last = runs.iter().find_map(last);
        page.runs = runs.iter().map(row).collect();
        let open = all(&mut read, shop, State::Open).await?;
        page.fillable = open
            .iter()
            .filter(|kept| kept.finding.kind.can_be_filled() && !kept.finding.external_id.is_empty())
            .count() as u64;
        page.groups = groups(&visit, shop, &zone, &open);
        let ignored = all(&mut read, shop, State::Ignored).await?;
        page.ignored =
            ignored.iter().rev().take(ROWS_OF_A_KIND).map(|kept| finding_row(&visit, shop, &zone, kept)).collect();
    }
    show(&page)
}

/// Per cent as a form field holds it.
fn typed(hundredths: u32) -> String {
    share(hundredths).trim_end_matches(" %").to_owned()
}

async fn all(read: &mut Read, shop: &Shop, state: State) -> Result<Vec<Kept>, Problem> {
    let (mut found, mut after) = (Vec::new(), FindingId::new(0));
    loop {
        let page = finding::list(read, shop.id, state, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.id;
        found.extend(page);
    }
}

fn groups(visit: &Visit, shop: &Shop, zone: &TimeZone, open: &[Kept]) -> Vec<Group> {
    by_kind(open.iter().map(|kept| (kept.finding.kind, kept)), |kept| finding_row(visit, shop, zone, kept))
}

/// Findings that nobody keeps, by kind.
pub fn groups_of(visit: &Visit, shop: &Shop, zone: &TimeZone, findings: &[Finding]) -> Vec<Group> {
    let found = findings.iter().map(|finding| (finding.kind, finding));
    by_kind(found, |finding| fresh_row(visit, shop, zone, finding))
}

fn by_kind<T>(all: impl Iterator<Item = (Kind, T)>, row: impl Fn(&T) -> FindingRow) -> Vec<Group> {
    let mut by_kind: BTreeMap<Kind, Vec<T>> = BTreeMap::new();
    for (kind, each) in all {
        by_kind.entry(kind).or_default().push(each);
    }
    let group = |(kind, all): (Kind, Vec<T>)| Group {
        title: t(kind.title()).to_owned(),
        cause: t(kind.cause()).to_owned(),
        mend: t(kind.mend()).to_owned(),
        count: all.len() as u64,
        rows: all.iter().take(ROWS_OF_A_KIND).map(&row).collect(),
    };
    by_kind.into_iter().map(group).collect()
}

fn finding_row(visit: &Visit, shop: &Shop, zone: &TimeZone, kept: &Kept) -> FindingRow {
    FindingRow {
        id: kept.id.to_string(),
        since: kept.first_at,
        reason: kept.reason.clone(),
        by: kept.by.clone(),
        ..fresh_row(visit, shop, zone, &kept.finding)
    }
}

fn fresh_row(visit: &Visit, shop: &Shop, zone: &TimeZone, found: &Finding) -> FindingRow {
    let there = Some(found.external_id.as_str()).filter(|id| !id.is_empty() && found.kind != Kind::CreditWithoutOrder);
    let kind = shop::by_kind(&shop.kind);
    FindingRow {
        id: String::new(),
        number: found.number.clone(),
        ours_href: found.order.map(|order| visit.page.object("orders", &order.to_string())),
        theirs_href: there.and_then(|id| kind?.order_page(&shop.settings, id)),
        kind: t(found.kind.title()).to_owned(),
        ours: told(&found.ours, zone),
        theirs: told(&found.theirs, zone),
        since: visit.page.now,
        reason: String::new(),
        by: String::new(),
    }
}

fn row(run: &Run) -> RunRow {
    RunRow {
        id: run.id.to_string(),
        what: match run.purpose {
            Purpose::Compare => What::Compare,
            Purpose::Heal => What::Heal,
            Purpose::Carts => What::Carts,
            Purpose::Fill => What::Fill,
        },
        begun_at: run.begun_at,
        by: run.by.clone(),
        done: run.done,
        total: run.total,
        state: match (run.cancelled_at, run.ended_at) {
            (Some(_), _) => RunState::Stopped,
            (None, None) => RunState::Running,
            (None, Some(_)) if run.problem.is_empty() => RunState::Done,
            (None, Some(_)) => RunState::CutShort { why: run.problem.clone() },
        },
        found: serde_json::from_str(&run.outcome).ok(),
    }
}

fn last(run: &Run) -> Option<Last> {
    let summary = serde_json::from_str(&run.outcome).ok()?;
    Some(Last { at: run.ended_at?, from: run.from, to: run.to, summary })
}

/// What a person is told when a run cannot begin.
fn problem(why: NotBegun) -> Problem {
    match why {
        NotBegun::NoShop => Problem::NotFound,
        NotBegun::Cannot(why) => Problem::Wrong(vec![why]),
        NotBegun::Running(_) => Problem::Wrong(vec![t("One is under way already.").to_owned()]),
        NotBegun::Store(error) => error.into(),
    }
}

pub async fn begin(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, id, by) = actor(&request, Section::Books).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let (zone, now) = (zone_of(shop), visit.page.now);
    let from = hours::start_of_day(&zone, hours::day_of(&zone, now - DAY * audit::NIGHT_DAYS));
    audit::begin(visit.core(), id, (from, now), &by).await.map_err(problem)?;
    Ok(led_to(&visit, "/books", "comparing"))
}

pub async fn fill(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, id, by) = actor(&request, Section::Books).await?;
    audit::fill(visit.core(), id, &by).await.map_err(problem)?;
    Ok(led_to(&visit, "/books", "filling"))
}

pub async fn stop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Books).await?;
    let run: i64 = id(&request)?;
    match audit::cancel(visit.core(), shop, run).await? {
        true => Ok(led_to(&visit, "/books", "books_stopped")),
        false => Err(Problem::NotFound),
    }
}

#[derive(Deserialize)]
pub struct Why {
    #[serde(default)]
    why: String,
}

/// A reason is a sentence, not an essay.
const WHY_CHARS_MAX: usize = 500;

pub async fn ignore(request: HttpRequest, typed: Form<Why>) -> Result<HttpResponse, Problem> {
    let why = typed.why.trim().to_owned();
    if why.is_empty() || why.chars().count() > WHY_CHARS_MAX {
        return Err(Problem::Wrong(vec![t("Say why it may stand, in 1 to 500 characters.").to_owned()]));
    }
    set(request, State::Ignored, &why, "finding_ignored").await
}

pub async fn open(request: HttpRequest) -> Result<HttpResponse, Problem> {
    set(request, State::Open, "", "finding_opened").await
}

async fn set(request: HttpRequest, state: State, why: &str, done: &str) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = actor(&request, Section::Books).await?;
    let id: FindingId = id(&request)?;
    let now = visit.page.now;
    let set = transact!(visit.core().db, |tx| finding::set(tx, shop, id, state, (why, &by), now).await?)?;
    if !set {
        return Err(Problem::NotFound);
    }
    gate::detail(&request, id.to_string());
    Ok(led_to(&visit, "/books", done))
}

#[derive(Deserialize)]
pub struct TypedLimits {
    small: String,
    large: String,
}

/// Per cent with two decimals, as people write them, in hundredths.
fn hundredths(text: &str) -> Option<u32> {
    let text = text.trim().trim_end_matches('%').trim().replace(',', ".");
    crate::domain::money::decimal(&text, 2).ok().and_then(|number| u32::try_from(number).ok())
}

pub async fn limits(request: HttpRequest, typed: Form<TypedLimits>) -> Result<HttpResponse, Problem> {
    let (visit, _, _) = actor(&request, Section::Books).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let before = store::audit::run::limits(&mut visit.read().await?, keys).await?;
    let (Some(small), Some(large)) = (hundredths(&typed.small), hundredths(&typed.large)) else {
        return Err(Problem::Wrong(vec![t("Both must be a number of per cent, as 1 or 2.5.").to_owned()]));
    };
    let after = Limits { small, large, ..before };
    if after.problem().is_some() {
        let why = t("The small gap must be below the red flag, and that at most 100 %.");
        return Err(Problem::Wrong(vec![why.to_owned()]));
    }
    transact!(visit.core().db, |tx| run::set_limits(tx, keys, &after).await?)?;
    Ok(led_to(&visit, "/books", "limits_saved"))
}
