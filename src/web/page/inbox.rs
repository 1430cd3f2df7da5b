//! The inbox: the chosen shop's deliveries and those of the gateways that serve it, newest first; reading one again, or
//! every one of a list.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header};

use super::{
    Visit, back,
    cart::by,
    cart_acts, gateways, id,
    listing::{self, cursor, given, span},
    show,
};
use crate::{
    domain::{
        id::{DeliveryId, GatewayId, ShopId},
        time::DAY,
    },
    pipeline::{receive, reread},
    store::{
        self, Error, Read,
        inbox::{Filter as Which, Line, Narrow},
        listing::{Cut, Leaf, Open, Toward},
        replay_run::Run as Kept,
        shop::Shop,
    },
    web::{
        gate,
        problem::Problem,
        session,
        view::{
            Section,
            inbox::{DeliveryRow, Filter, Inbox, Run, RunState, Verdict},
            listing::{Control, Count, Field, Listing},
            words::t,
        },
    },
};

/// Replays of many that are shown.
const RUNS: u32 = 5;
/// In the address, the shop's own webhooks among the connections.
const OWN: &str = "shop";

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Inbox).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let mut page = Inbox {
        filter: Filter::parse(visit.asked("verdict")),
        today: 0,
        unreadable_today: 0,
        is_new: true,
        rows: Vec::new(),
        list: Listing { path: "/inbox".to_owned(), sheet: true, ..Listing::default() },
        runs: Vec::new(),
        may_change,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let names = gateways::names(&mut read, visit.core(), keys).await?;
        let narrow = asked(&visit, shop);
        page.list.fields = fields(&visit, &names, store::inbox::topics_of(&mut read, shop.id).await?);
        let since = Narrow { from: Some(visit.page.now - DAY), ..Narrow::default() };
        let mut count = Count::default();
        for tenant in tenants(visit.sees_house(), shop, &narrow) {
            let own = store::inbox::counted(&mut read, tenant, &narrow).await?;
            count.rows += own.rows;
            count.more |= own.more;
            count.looked_at = count.looked_at.or(own.looked_at);
        }
        for tenant in tenants(visit.sees_house(), shop, &Narrow::default()) {
            let unreadable = Narrow { verdict: Which::Unreadable, ..since.clone() };
            page.today += store::inbox::counted(&mut read, tenant, &since).await?.rows;
            page.unreadable_today += store::inbox::counted(&mut read, tenant, &unreadable).await?.rows;
            let any = store::inbox::leaf(&mut read, tenant, &Narrow::default(), Open::first(1)).await?;
            page.is_new &= any.rows.is_empty();
        }
        page.list.count = count;
        let leaf = leaf(&mut read, visit.sees_house(), shop, &narrow, listing::open(&visit)).await?;
        page.list.on = leaf.on.map(cursor);
        page.list.back = leaf.back.map(cursor);
        page.rows = leaf.rows.iter().map(|line| row(line, from(line, shop, &names))).collect();
        page.runs = store::replay_run::newest(&mut read, shop.id, RUNS).await?.into_iter().map(run).collect();
    }
    show(&page)
}

/// The same list as a sheet.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] = &["delivery", "received", "from", "topic", "verdict", "events", "problem", "bytes"];
    let visit = Visit::begin(&request, Section::Inbox).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let narrow = asked(&visit, shop);
    let names = gateways::names(&mut visit.read().await?, visit.core(), keys).await?;
    let (state, own, house) = (visit.state.clone(), shop.clone(), visit.sees_house());
    Ok(listing::sheet(&visit, shop, "inbox", HEADING, move |open| {
        let (state, shop, narrow, names) = (state.clone(), own.clone(), narrow.clone(), names.clone());
        Box::pin(async move {
            let mut read = state.core.db.read().await?;
            let leaf = leaf(&mut read, house, &shop, &narrow, open).await?;
            let line = |line: &Line| {
                let row = row(line, from(line, &shop, &names));
                vec![
                    row.id.clone(),
                    listing::moment(&shop, Some(line.received_at)),
                    row.from.clone(),
                    line.topic.clone(),
                    row.label().to_owned(),
                    line.events.to_string(),
                    line.problem.clone(),
                    line.bytes.to_string(),
                ]
            };
            Ok((leaf.rows.iter().map(line).collect(), leaf.on))
        })
    }))
}

/// Callbacks of the house's gateways are the house's, and not for who is bound to some shops; the shop's own webhooks never are.
fn tenants(house: bool, shop: &Shop, narrow: &Narrow) -> Vec<ShopId> {
    if narrow.gateway == Some(0) || !house { vec![shop.id] } else { vec![shop.id, ShopId::HOUSE] }
}

/// One page of both tenants', merged in the order of their arrival.
async fn leaf(read: &mut Read, house: bool, shop: &Shop, narrow: &Narrow, open: Open) -> Result<Leaf<Line>, Error> {
    let mut merged = Leaf { rows: Vec::new(), on: None, back: None };
    for tenant in tenants(house, shop, narrow) {
        let own = store::inbox::leaf(read, tenant, narrow, open).await?;
        merged.rows.extend(own.rows);
        merged.on = merged.on.max_by(own.on);
        merged.back = merged.back.max_by(own.back);
    }
    let place = |line: &Line| (line.received_at.millis(), line.id.get());
    merged.rows.sort_unstable_by_key(|line| std::cmp::Reverse(place(line)));
    let most = open.most as usize;
    let cut = |line: Option<&Line>| line.map(place).map(|(key, id)| Cut { key, id });
    if merged.rows.len() > most {
        if matches!(open.from, Some((Toward::Back, _))) {
            merged.rows = merged.rows.split_off(merged.rows.len() - most);
            merged.back = cut(merged.rows.first());
        } else {
            merged.rows.truncate(most);
            merged.on = cut(merged.rows.last());
        }
    } else if merged.on.is_some() {
        merged.on = cut(merged.rows.last()).or(merged.on);
    }
    if merged.back.is_some() {
        merged.back = cut(merged.rows.first()).or(merged.back);
    }
    Ok(merged)
}

trait Furthest {
    fn max_by(self, other: Self) -> Self;
}

impl Furthest for Option<Cut> {
    fn max_by(self, other: Option<Cut>) -> Option<Cut> {
        match (self, other) {
            (Some(one), Some(other)) if (one.key, one.id) < (other.key, other.id) => Some(other),
            (one, other) => one.or(other),
        }
    }
}

/// What the address narrows the list to.
fn asked(visit: &Visit, shop: &Shop) -> Narrow {
    let (from, to) = span(visit, shop);
    let gateway = match visit.asked("from_whom") {
        OWN => Some(0),
        typed => typed.parse::<GatewayId>().ok().map(GatewayId::get),
    };
    let verdict = which(Filter::parse(visit.asked("verdict")));
    Narrow { verdict, from, to, topic: given(visit, "topic"), gateway }
}

fn fields(visit: &Visit, names: &BTreeMap<GatewayId, String>, topics: Vec<String>) -> Vec<Field> {
    let field = |name, label: &str, control| Field::new(name, label, visit.asked(name).trim(), control);
    let (from, to) = listing::days(visit);
    let day = |name, label: &str, day: Option<jiff::civil::Date>| {
        Field::new(name, label, day.map_or(String::new(), |day| day.to_string()), Control::Day)
    };
    let gateways = names.iter().map(|(id, name)| (id.to_string(), name.clone()));
    let whom = std::iter::once((OWN.to_owned(), t("the shop").to_owned())).chain(gateways).collect();
    let topics = topics.into_iter().map(|topic| (topic.clone(), topic)).collect();
    vec![
        Field::new("verdict", t("Verdict"), Filter::parse(visit.asked("verdict")).name(), Control::Tab),
        day("from", t("From"), from),
        day("to", t("To"), to),
        field("topic", t("Topic"), Control::Choice(topics)),
        field("from_whom", t("Connection"), Control::Choice(whom)),
    ]
}

fn which(filter: Filter) -> Which {
    match filter {
        Filter::All => Which::All,
        Filter::Unreadable => Which::Unreadable,
        Filter::Waiting => Which::Waiting,
        Filter::Applied => Which::Applied,
        Filter::Ignored => Which::Ignored,
    }
}

fn run(kept: Kept) -> Run {
    let state = match (kept.ended_at, kept.cancelled_at) {
        (_, Some(_)) => RunState::Stopped,
        (Some(_), None) => RunState::Done,
        (None, None) => RunState::Running,
    };
    Run { id: kept.id.to_string(), begun_at: kept.begun_at, by: by(&kept.by), done: kept.done, state }
}

fn from<'n>(line: &Line, shop: &'n Shop, names: &'n BTreeMap<GatewayId, String>) -> &'n str {
    line.gateway.and_then(|id| names.get(&id)).map_or(shop.name.as_str(), String::as_str)
}

pub fn row(line: &Line, from: &str) -> DeliveryRow {
    DeliveryRow {
        id: line.id.to_string(),
        from: from.to_owned(),
        topic: line.topic.clone(),
        bytes: line.bytes,
        received_at: line.received_at,
        verdict: match line.done_at {
            None => Verdict::Waiting,
            Some(_) if !line.problem.is_empty() => Verdict::Unreadable { why: line.problem.clone() },
            Some(_) if line.events == 0 => Verdict::Ignored,
            Some(_) => Verdict::Applied { events: line.events },
        },
        replays: 0,
    }
}

pub async fn replay(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Inbox).await?;
    let id: DeliveryId = id(&request)?;
    // What the house's gateways told is of every shop.
    let house = visit.is_owner.then_some(ShopId::HOUSE);
    for tenant in visit.shops.iter().map(|shop| shop.id).chain(house) {
        if receive::replay(visit.core(), tenant, id).await? {
            gate::of_shop(&request, tenant);
            gate::detail(&request, id.to_string());
            return Ok(back("/inbox", &request, "replayed"));
        }
    }
    Err(Problem::NotFound)
}

/// Reads everything of the list in the address again, in the background: the shop's own, and of its own gateways.
pub async fn replay_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, by) = cart_acts::actor(&request, Section::Inbox).await?;
    let (own, _) = visit.shop().ok_or(Problem::NotFound)?;
    let narrow = asked(&visit, own);
    reread::begin(visit.core(), shop, &narrow, &by).await?;
    Ok(to_inbox(&visit, "replaying"))
}

pub async fn stop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = cart_acts::actor(&request, Section::Inbox).await?;
    let run: i64 = id(&request)?;
    if reread::cancel(visit.core(), shop, run).await? {
        Ok(to_inbox(&visit, "replay_stopped"))
    } else {
        Err(Problem::NotFound)
    }
}

fn to_inbox(visit: &Visit, done: &str) -> HttpResponse {
    let to = visit.page.href(&format!("/inbox?done={done}#runs"));
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}
