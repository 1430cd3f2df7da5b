//! How orders are credited: the same stored touches under every rule, other windows tried out before they are chosen, and
//! whether the taps behind it all can be believed.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{
    Visit,
    cart_acts::{actor, led_to},
    settings::Typed,
    show,
};
use crate::{
    domain::{
        attribution::{
            Way, Windows,
            lens::{Sums, Tally},
        },
        hours,
        money::{Currency, Money},
        rules::Rules,
        seal::ShopKeys,
    },
    pipeline::{
        compare::{self, Compared},
        connect::NotConnected,
        recredit, taps, zone_of,
    },
    store::{self, Read, recredit::Why, shop::Shop},
    web::{
        gate,
        problem::Problem,
        view::{
            Section,
            attribution::{
                Attribution, Came, Differing, Hours, Imitated, Progress, Proposed, Row, Run, Step, TapDay, Taps,
            },
            format,
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Attribution).await?;
    let typed = (visit.asked("click").to_owned(), visit.asked("sent").to_owned());
    page(&visit, &typed.0, &typed.1).await
}

async fn page(visit: &Visit, click: &str, sent: &str) -> Result<HttpResponse, Problem> {
    let mut page = Attribution {
        rows: Vec::new(),
        steps: Vec::new(),
        orders: 0,
        stopped_at: None,
        windows: Hours::default(),
        proposed: None,
        problems: Vec::new(),
        progress: None,
        runs: Vec::new(),
        corrected: (0, 0),
        ways: Vec::new(),
        taps: Taps::default(),
        page: visit.page.clone(),
    };
    let Some((shop, keys)) = visit.shop() else { return show(&page) };
    let tried = match tried(shop, click, sent) {
        Ok(tried) => tried,
        Err(problem) => {
            page.problems = vec![problem];
            None
        }
    };
    let (first, last) = visit.page.span();
    let zone = zone_of(shop);
    let (from, to) = (hours::start_of_day(&zone, first), hours::start_of_day(&zone, last.tomorrow().unwrap_or(last)));
    let mut read = visit.read().await?;
    let found = compare::compare(&mut read, keys, &shop.rules, (from, to), tried).await?;
    page.windows = hours_of(&Windows::of(&shop.rules));
    page.orders = found.orders;
    page.stopped_at = found.stopped_at;
    page.corrected = found.corrected;
    page.steps = steps(&found, shop.currency);
    page.proposed = tried.and_then(|windows| proposed(&found, shop.currency, &windows));
    let own = found.rows.iter().filter(|row| !row.lens.id.starts_with(compare::PROPOSED));
    page.rows = own.map(|row| line(row, shop.currency)).collect();
    let (newest, runs) = recredit::progress(&mut read, keys).await?;
    page.progress = newest
        .filter(|newest| newest.run.ended_at.is_none())
        .map(|newest| Progress { judged: newest.judged(), orders: newest.run.orders });
    let changes = runs.iter().filter(|run| run.why == Why::Windows);
    page.runs = changes
        .map(|run| Run {
            at: run.begun_at,
            by: run.by.clone(),
            before: hours_of(&run.before),
            after: hours_of(&run.after),
            orders: run.orders,
        })
        .collect();
    let counted: BTreeMap<&str, u64> = store::touch::ways(&mut read, keys, from, to)
        .await?
        .into_iter()
        .map(|(way, count)| (way.name(), count))
        .collect();
    let came = |way: Way| Came { way: way.name(), orders: counted.get(way.name()).copied().unwrap_or(0) };
    page.ways = Way::ALL.into_iter().map(came).collect();
    page.taps = opened(visit, &mut read, shop, keys).await?;
    show(&page)
}

const TAP_DAYS: u32 = 30;

async fn opened(visit: &Visit, read: &mut Read, shop: &Shop, keys: &ShopKeys) -> Result<Taps, Problem> {
    let days = taps::days(visit.core(), read, shop, keys, TAP_DAYS).await?;
    let alarms = store::alarm::standing(read, keys).await?;
    Ok(Taps {
        raw: days.iter().map(|day| day.day.raw).sum(),
        human: days.iter().map(|day| day.day.human).sum(),
        alarm: alarms.into_iter().find(|alarm| alarm.kind == taps::ALARM).map(|alarm| alarm.words),
        days: days
            .iter()
            .filter(|day| day.day.raw > 0)
            .map(|day| TapDay { day: format::weekday_date(day.date), raw: day.day.raw, human: day.day.human })
            .collect(),
    })
}

/// The windows typed, if any were, or why they cannot be.
fn tried(shop: &Shop, click: &str, sent: &str) -> Result<Option<Windows>, String> {
    if click.trim().is_empty() && sent.trim().is_empty() {
        return Ok(None);
    }
    let hours = |name: &str, typed: &str| {
        typed.trim().parse::<u32>().map_err(|_| format!("{name}: must be a whole number of hours"))
    };
    let rules = Rules {
        click_window_hours: hours("click_window_hours", click)?,
        delivered_window_hours: hours("delivered_window_hours", sent)?,
        ..shop.rules.clone()
    };
    rules.check()?;
    Ok(Some(Windows::of(&rules)))
}

fn hours_of(windows: &Windows) -> Hours {
    Hours { click: windows.click_hours, sent: windows.sent_hours }
}

/// The shop's own currency first.
fn money(tally: &Tally, own: Currency, of: impl Fn(&Sums) -> i64) -> Vec<Money> {
    let mut all: Vec<Money> = tally.money.iter().map(|(&currency, sums)| Money::new(of(sums), currency)).collect();
    all.sort_by_key(|money| money.currency != own);
    all
}

fn line(row: &compare::Row, own: Currency) -> Row {
    let (lens, tally) = (&row.lens, &row.tally);
    Row {
        id: lens.id.clone(),
        imitates: lens.preset.map(|preset| Imitated { name: &preset.name, source: &preset.source, on: &preset.on }),
        hours: hours_of(&lens.windows),
        from_sent: lens.windows.click_from_sent,
        orders: tally.money.values().map(|sums| sums.orders).sum(),
        gross: money(tally, own, |sums| sums.gross_minor),
        refunded: money(tally, own, |sums| sums.refunded_minor).into_iter().filter(|money| money.minor != 0).collect(),
        net: money(tally, own, Sums::net_minor),
        texts: tally.texts(),
        differs: tally.differs,
    }
}

/// Our own models stand first among the lenses, in the order of the table's columns.
const MODELS: usize = 5;

fn steps(found: &Compared, own: Currency) -> Vec<Step> {
    let models: Vec<_> = found.rows.iter().take(MODELS).collect();
    let steps: BTreeSet<u32> = models.iter().flat_map(|row| row.tally.steps.keys().map(|(step, _)| *step)).collect();
    let net = |row: &compare::Row, step: u32| {
        let of = row.tally.steps.iter().filter(|((known, _), _)| *known == step);
        let mut all: Vec<Money> = of.map(|((_, currency), minor)| Money::new(*minor, *currency)).collect();
        all.sort_by_key(|money| money.currency != own);
        all
    };
    steps.into_iter().map(|step| Step { step, net: models.iter().map(|row| net(row, step)).collect() }).collect()
}

fn proposed(found: &Compared, own: Currency, windows: &Windows) -> Option<Proposed> {
    let differing = found.differing.iter().map(|order| Differing {
        id: order.order.to_string(),
        number: order.number.clone(),
        at: order.placed_at,
        net: order.net,
        now: order.now,
        then: order.then,
    });
    Some(Proposed {
        hours: hours_of(windows),
        strict: line(found.row(compare::PROPOSED)?, own),
        assisted: line(found.row(compare::PROPOSED_ASSISTED)?, own),
        would_change: found.would_change,
        differing: differing.collect(),
    })
}

/// Changes the windows; all of history follows.
pub async fn change(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let (visit, id, by) = actor(&request, Section::Attribution).await?;
    let typed = Typed::of(&body).fields();
    let field = |name: &str| typed.get(name).map_or("", String::as_str);
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let (click, sent) = (field("click"), field("sent"));
    let Ok(Some(windows)) = tried(shop, click, sent) else { return page(&visit, click, sent).await };
    gate::detail(&request, detail(&Windows::of(&shop.rules), &windows));
    match recredit::change_windows(visit.core(), id, (windows.click_hours, windows.sent_hours), &by).await {
        Ok(_) => Ok(led_to(&visit, "/attribution", "windows_changed")),
        Err(NotConnected::Wrong(problems)) => Err(Problem::Wrong(problems)),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// Before and after, for the audit log.
pub fn detail(before: &Windows, after: &Windows) -> String {
    format!(
        "hours after a tap {} → {}, after an untapped text {} → {}",
        before.click_hours, after.click_hours, before.sent_hours, after.sent_hours
    )
}
