//! The inbox: the chosen shop's deliveries and those of the gateways that serve it, newest first; reading one again.

use actix_web::{HttpRequest, HttpResponse};

use super::{ROWS, Visit, back, gateways, id, show};
use crate::{
    domain::{
        id::{DeliveryId, ShopId},
        time::DAY,
    },
    pipeline::receive,
    store::{self, inbox::Filter as Which, inbox::Line},
    web::{
        gate,
        problem::Problem,
        view::{
            Pager, Section,
            inbox::{DeliveryRow, Filter, Inbox, Verdict},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Inbox).await?;
    let filter = Filter::parse(visit.asked("verdict"));
    let after = visit.asked("after").parse::<DeliveryId>().ok();
    let mut page = Inbox {
        filter,
        today: 0,
        unreadable_today: 0,
        is_new: true,
        rows: Vec::new(),
        pager: Pager { has_first: after.is_some(), next: None },
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let names = gateways::names(&mut read, visit.core(), keys).await?;
        let (since, before) = (visit.page.now - DAY, after.unwrap_or(DeliveryId::new(i64::MAX)));
        let mut lines: Vec<Line> = Vec::new();
        // Callbacks of the house's gateways are the house's; ids rise with time in both.
        let tenants = std::iter::once(shop.id).chain(visit.sees_house().then_some(ShopId::HOUSE));
        for tenant in tenants {
            page.today += store::inbox::count(&mut read, tenant, which(filter), since).await?;
            page.unreadable_today += store::inbox::count(&mut read, tenant, Which::Unreadable, since).await?;
            page.is_new &=
                store::inbox::list(&mut read, tenant, Which::All, DeliveryId::new(i64::MAX), 1).await?.is_empty();
            lines.extend(store::inbox::list(&mut read, tenant, which(filter), before, ROWS).await?);
        }
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.id));
        if lines.len() >= ROWS as usize {
            lines.truncate(ROWS as usize);
            page.pager.next = lines.last().map(|line| line.id.to_string());
        }
        page.rows = lines
            .iter()
            .map(|line| {
                let gateway = line.gateway.and_then(|id| names.get(&id));
                row(line, gateway.unwrap_or(&shop.name))
            })
            .collect();
    }
    show(&page)
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

fn row(line: &Line, from: &str) -> DeliveryRow {
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
