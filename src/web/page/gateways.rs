//! Gateways: the chosen shop's own and those of the house, with what went through them for this shop today; pausing and
//! resuming one.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, back, id, show};
use crate::{
    domain::{
        hours,
        id::{GatewayId, ShopId},
        message::Cost,
        seal::ShopKeys,
        time::DAY,
    },
    gateway,
    pipeline::{Core, send, zone_of},
    store::{self, Error, Read, gateway::Gateway, message::Through},
    transact,
    web::{
        gate,
        problem::Problem,
        view::{
            Section,
            gateway::{GatewayRow, Gateways, Paused},
        },
    },
};

/// Texts older than this are settled or too old to wait for.
const OPEN_DAYS: u32 = 3;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Gateways).await?;
    let mut read = visit.read().await?;
    let mut rows = Vec::new();
    match visit.shop() {
        Some((shop, keys)) => {
            let today = hours::start_of_day(&zone_of(shop), hours::day_of(&zone_of(shop), visit.page.now));
            let recently = visit.page.now - DAY * OPEN_DAYS;
            let through = store::message::through(&mut read, keys, today, recently.min(today)).await?;
            for account in all(&mut read, visit.core(), keys).await? {
                let serves = if account.shop == ShopId::HOUSE { "every shop without its own" } else { &shop.name };
                rows.push(row(&account, serves, &through));
            }
        }
        None if visit.sees_house() => {
            let house = visit.core().vault.keys(&mut read, ShopId::HOUSE).await?;
            let accounts = store::gateway::list(&mut read, &house).await?;
            rows.extend(accounts.iter().map(|account| row(account, "every shop", &[])));
        }
        None => {}
    }
    show(&Gateways {
        rows,
        kinds: gateway::ALL.iter().map(|kind| kind.spec().name.to_owned()).collect(),
        add_command: "cartback gateway add twilio --name \"My texts\"".to_owned(),
        page: visit.page.clone(),
    })
}

/// The shop's own, then the house's.
pub async fn all(read: &mut Read, core: &Core, keys: &ShopKeys) -> Result<Vec<Gateway>, Error> {
    let mut accounts = store::gateway::list(read, keys).await?;
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    accounts.extend(store::gateway::list(read, &house).await?);
    Ok(accounts)
}

/// What each is called.
pub async fn names(read: &mut Read, core: &Core, keys: &ShopKeys) -> Result<BTreeMap<GatewayId, String>, Error> {
    Ok(all(read, core, keys).await?.into_iter().map(|account| (account.id, account.name)).collect())
}

fn row(account: &Gateway, serves: &str, through: &[Through]) -> GatewayRow {
    let own: Vec<&Through> = through.iter().filter(|each| each.gateway == account.id).collect();
    let sum = |of: fn(&Through) -> u64| own.iter().map(|each| of(each)).sum();
    let kind = gateway::by_kind(&account.kind).map_or(account.kind.as_str(), |kind| kind.spec().name);
    GatewayRow {
        id: account.id.to_string(),
        name: account.name.clone(),
        kind: kind.to_owned(),
        serves: serves.to_owned(),
        paused: account.paused_at.map(|at| Paused {
            at,
            why: account.pause_reason.clone(),
            remedy: "Check the account at the provider, then resume.".to_owned(),
        }),
        texts_today: sum(|each| each.texts),
        delivered_today: sum(|each| each.delivered),
        unknown: sum(|each| each.unknown),
        cost_today: own.iter().filter_map(|each| each.cost).collect::<Vec<Cost>>(),
        last_receipt_at: own.iter().filter_map(|each| each.last_receipt_at).max(),
        waiting: sum(|each| each.waiting),
    }
}

pub async fn resume(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let (shop, id) = named(&visit, &request).await?;
    send::resume_gateway(visit.core(), shop, id).await?;
    visit.core().wake.notify_one();
    Ok(back("/gateways", &request, "resumed"))
}

pub async fn pause(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Gateways).await?;
    let (shop, id) = named(&visit, &request).await?;
    let core = visit.core();
    let now = core.now();
    transact!(core.db, |tx| {
        store::gateway::pause(tx, shop, id, "paused by hand", now).await?;
    })?;
    Ok(back("/gateways", &request, "paused"))
}

/// The gateway in the path, and whose it is: that of a shop within reach, or the house's, which is the owner's to touch.
async fn named(visit: &Visit, request: &HttpRequest) -> Result<(ShopId, GatewayId), Problem> {
    let id: GatewayId = id(request)?;
    let core = visit.core();
    let mut read = visit.read().await?;
    for shop in visit.shops.iter().map(|shop| shop.id).chain([ShopId::HOUSE]) {
        let keys = core.vault.keys(&mut read, shop).await?;
        if let Some(account) = store::gateway::get(&mut read, &keys, id).await? {
            gate::of_shop(request, shop);
            gate::detail(request, account.name);
            return match shop {
                ShopId::HOUSE if !visit.is_owner => Err(Problem::Forbidden),
                shop => Ok((shop, id)),
            };
        }
    }
    Err(Problem::NotFound)
}
