//! The law: every country for the chosen shop, and one country or state with every rule and its source.

use actix_web::{HttpRequest, HttpResponse};

use super::{Visit, show};
use crate::{
    domain::{
        law::{self, Effective, Pack, Row},
        time::Time,
    },
    store::shop::Shop,
    web::{
        problem::Problem,
        view::{
            Section,
            law::{Law, LawRow, Laws, RowShown},
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Law).await?;
    let (pack, now) = (law::current(), visit.page.now);
    let shop = visit.shop().map(|(shop, _)| shop);
    let mut codes: Vec<String> = current(pack.countries(), now).map(|row| row.code.clone()).collect();
    // What the shop texts is shown also where nobody has looked it up.
    let named = shop.map(|shop| Pack::countries_of(&shop.rules, &shop.country)).unwrap_or_default();
    codes.extend(named.into_iter().filter(|code| pack.row(code, now).is_none_or(|row| row.code != *code)));
    let mut rows = rows(pack, codes, shop, now);
    rows.sort_by_key(|row| (!row.found.sends, row.found.name.clone()));
    show(&Laws { version: pack.version().to_owned(), rows, states: states(pack, shop, now), page: visit.page.clone() })
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Law).await?;
    let (pack, now) = (law::current(), visit.page.now);
    let shop = visit.shop().map(|(shop, _)| shop);
    let code = request.match_info().get("id").unwrap_or_default();
    let found = effective(pack, code, shop, now).ok_or(Problem::NotFound)?;
    let set =
        |shop: &Shop| format!("cartback shop set {} hours=\"{}\"", shop.id, found.own_hours.unwrap_or(found.usual));
    show(&Law {
        version: pack.version().to_owned(),
        rows: pack.rows(&found.code).into_iter().map(|row| RowShown::new(row, now)).collect(),
        states: if found.code == "US" { states(pack, shop, now) } else { Vec::new() },
        set_command: shop.map(set).unwrap_or_default(),
        found,
        page: visit.page.clone(),
    })
}

fn current(rows: Vec<&Row>, now: Time) -> impl Iterator<Item = &Row> {
    rows.into_iter().filter(move |row| row.is_current(now))
}

/// For the shop; while there is none, for one that has set nothing.
fn effective(pack: &Pack, code: &str, shop: Option<&Shop>, now: Time) -> Option<Effective> {
    match shop {
        Some(shop) => pack.effective(code, &shop.rules, &shop.country, now),
        None => pack.bare(code, now),
    }
}

fn rows(pack: &Pack, codes: Vec<String>, shop: Option<&Shop>, now: Time) -> Vec<LawRow> {
    let found = codes.iter().filter_map(|code| effective(pack, code, shop, now));
    found.map(|found| LawRow::new(pack, found, now)).collect()
}

fn states(pack: &Pack, shop: Option<&Shop>, now: Time) -> Vec<LawRow> {
    rows(pack, current(pack.states(), now).map(|row| row.code.clone()).collect(), shop, now)
}
