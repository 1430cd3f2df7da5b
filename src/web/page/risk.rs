//! Risk: what is held against fake checkouts and runaway spend, resuming it, and the kill switch.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, back, come_in_as_owner, show};
use crate::{
    pipeline::{guard, held},
    store::{self, Error, Read, guard::Paused},
    web::{
        problem::Problem,
        view::{
            Section,
            risk::{HoldRow, PauseRow, Risk, Switch},
            words::{say, t},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Risk).await?;
    let mut read = visit.read().await?;
    let switch = switch(&mut read, &visit).await?;
    let mut page = Risk {
        page: visit.page.clone(),
        switch,
        pauses: Vec::new(),
        holds: Vec::new(),
        spent_micros: 0,
        most_micros: 0,
    };
    if let Some((shop, keys)) = visit.shop() {
        let held = held::held(&mut read, visit.core(), shop, keys).await?;
        page.spent_micros = held.spent_micros;
        page.most_micros = held.limits.spend_per_day_micros;
        page.pauses = held
            .pauses
            .iter()
            .map(|pause| PauseRow {
                id: pause.name(),
                what: match pause.kind {
                    Paused::Prefix => say("Numbers {prefix}", &[("prefix", &pause.label)]),
                    Paused::Country => say("Numbers of {country}", &[("country", &pause.label)]),
                    Paused::Breaker => t("Every text of this shop").to_owned(),
                },
                why: pause.why.clone(),
                at: pause.at,
            })
            .collect();
        page.holds = held
            .holds
            .into_iter()
            .map(|hold| HoldRow { why: hold.why, carts: hold.carts, texts: hold.texts })
            .collect();
    }
    show(&page)
}

/// The kill switch as this person sees it.
pub async fn switch(read: &mut Read, visit: &Visit) -> Result<Switch, Error> {
    let halt = store::halt::standing(read).await?;
    Ok(Switch { thrown: halt.map(|halt| (halt.at, halt.why)), may: visit.is_owner })
}

pub async fn resume(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Risk).await?;
    // A block of numbers is paused in one shop, which has to be named.
    if visit.asked("shop").is_empty() {
        return Err(Problem::NotFound);
    }
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let name = request.match_info().get("id").unwrap_or_default();
    let (kind, key) = store::guard::named(name).ok_or(Problem::NotFound)?;
    if !guard::resume(visit.core(), shop.id, kind, &key).await? {
        return Err(Problem::NotFound);
    }
    Ok(back("/risk", &request, "guard_resumed"))
}

pub async fn halt(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let state = come_in_as_owner(&request).await?;
    guard::halt(&state.core, "stopped in the dashboard").await?;
    Ok(back("/risk", &request, "halted"))
}

pub async fn lift(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let state = come_in_as_owner(&request).await?;
    guard::lift(&state.core).await?;
    Ok(back("/risk", &request, "lifted"))
}
