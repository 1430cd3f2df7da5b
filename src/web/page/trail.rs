//! The audit log: owners see all of it, managers what was done at the shops within their reach, one shop at a time.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Form};
use serde::Deserialize;

use super::{ROWS, Visit, back, show};
use crate::{
    domain::{
        id::{EntryId, ShopId, UserId},
        sheet,
        time::DAY,
    },
    pipeline::trail,
    store::{
        self,
        trail::{Door, Entry, Outcome as Stored, Wanted as Asked},
    },
    web::{
        gate,
        problem::Problem,
        route,
        view::{
            Pager, Section,
            trail::{EntryRow, Outcome, Pick, Trail, Wanted},
            words::{Language, say, t, written_in},
        },
    },
};

/// What the first line counts.
const LATELY_DAYS: u32 = 30;
/// Entries of one CSV file; the newest come first, and the file says when there are more.
const CSV_ROWS_MAX: usize = 50_000;

async fn begin(request: &HttpRequest) -> Result<Visit, Problem> {
    Visit::to_change(request, Section::Audit).await
}

/// What is asked for, within what may be seen. The house's own entries are those of shop 0, and the owners'.
fn asked(visit: &Visit) -> Result<Asked, Problem> {
    let of = visit.asked("of");
    let shop = match of {
        "" if visit.is_owner => None,
        "" => Some(visit.shop().ok_or(Problem::NotFound)?.0.id),
        number => Some(number.parse::<ShopId>().map_err(|_| Problem::NotFound)?),
    };
    let seen = match shop {
        None | Some(ShopId::HOUSE) => visit.is_owner,
        Some(shop) => visit.shops.iter().any(|known| known.id == shop),
    };
    if !seen {
        return Err(Problem::NotFound);
    }
    let person = visit.asked("person");
    let user = if person.is_empty() { None } else { Some(person.parse::<UserId>().map_err(|_| Problem::NotFound)?) };
    Ok(Asked { shop, user, act: visit.asked("act").to_owned() })
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    show(&page(&visit).await?)
}

async fn page(visit: &Visit) -> Result<Trail, Problem> {
    let asked = asked(visit)?;
    let after = visit.asked("after").parse::<EntryId>().ok();
    let mut read = visit.read().await?;
    let (lately, not_done) = store::trail::count(&mut read, &asked, visit.page.now - DAY * LATELY_DAYS).await?;
    let entries = store::trail::list(&mut read, &asked, after.unwrap_or(EntryId::new(i64::MAX)), ROWS).await?;
    let full = entries.len() == ROWS as usize;
    let people = store::trail::people(&mut read, asked.shop).await?;
    let acts = store::trail::acts(&mut read, asked.shop).await?;
    drop(read);
    let pick = |value: String, label: String, current: bool| Pick { value, label, current };
    Ok(Trail {
        lately,
        not_done,
        pager: Pager {
            has_first: after.is_some(),
            next: entries.last().filter(|_| full).map(|entry| entry.id.to_string()),
        },
        rows: entries.iter().map(|entry| row(visit, entry)).collect(),
        people: people
            .into_iter()
            .map(|(id, name)| pick(id.to_string(), called(&name).to_owned(), asked.user == Some(id)))
            .collect(),
        acts: acts.into_iter().map(|act| pick(act.clone(), said(&act), asked.act == act)).collect(),
        shops: shops(visit, &asked),
        wanted: Wanted {
            person: asked.user.map(|user| user.to_string()).unwrap_or_default(),
            act: asked.act,
            of: visit.asked("of").to_owned(),
        },
        days: trail::days(visit.core()).await?,
        days_min: trail::DAYS_MIN,
        days_max: trail::DAYS_MAX,
        may_keep: visit.is_owner,
        problem: String::new(),
        page: visit.page.clone(),
    })
}

fn shops(visit: &Visit, asked: &Asked) -> Vec<Pick> {
    let mut picks = Vec::new();
    if visit.is_owner {
        picks.push(Pick { value: String::new(), label: t("everywhere").to_owned(), current: asked.shop.is_none() });
        let current = asked.shop == Some(ShopId::HOUSE);
        picks.push(Pick { value: ShopId::HOUSE.to_string(), label: t("the house").to_owned(), current });
    }
    picks.extend(visit.shops.iter().map(|shop| Pick {
        value: shop.id.to_string(),
        label: shop.name.clone(),
        current: asked.shop == Some(shop.id),
    }));
    picks
}

fn row(visit: &Visit, entry: &Entry) -> EntryRow {
    let shop = visit.shops.iter().find(|shop| shop.id == entry.shop).map(|shop| shop.name.clone());
    let of = if entry.shop == ShopId::HOUSE { None } else { Some(entry.shop) };
    let href = match of {
        _ if entry.object.is_empty() => String::new(),
        Some(shop) if visit.shops.len() > 1 => format!("{}?shop={shop}", entry.object),
        _ => entry.object.clone(),
    };
    EntryRow {
        at: entry.at,
        who: who(entry),
        address: entry.address.clone(),
        shop: shop.unwrap_or_else(|| of.map(|shop| say("shop {number}", &[("number", &shop)])).unwrap_or_default()),
        said: said(&entry.act),
        href,
        detail: entry.detail.clone(),
        outcome: match entry.outcome {
            Stored::Done => Outcome::Done,
            Stored::Refused => Outcome::Refused,
            Stored::Failed => Outcome::Failed,
        },
    }
}

fn called(name: &str) -> &str {
    if name.is_empty() { t("somebody without a name") } else { name }
}

fn who(entry: &Entry) -> String {
    match (entry.door, entry.user) {
        (Door::Api, _) => say("API token “{name}”", &[("name", &entry.name)]),
        (Door::Command, _) => t("the command line").to_owned(),
        (Door::Page, Some(_)) => called(&entry.name).to_owned(),
        (Door::Page, None) => t("whoever the door was open to").to_owned(),
    }
}

/// What was done, as a sentence; a route without one, and a command, stand for themselves.
fn said(act: &str) -> String {
    match route::said(act) {
        Some(said) => t(said).to_owned(),
        None if act.contains('/') => act.to_owned(),
        None => say("Ran cartback {command}", &[("command", &act)]),
    }
}

#[derive(Deserialize)]
pub struct Keep {
    #[serde(default)]
    days: String,
}

pub async fn keep(request: HttpRequest, typed: Form<Keep>) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    if !visit.is_owner {
        return Err(Problem::Forbidden);
    }
    let days = typed.days.trim().parse::<u32>().ok();
    let kept = match days {
        Some(days) => trail::keep_for(visit.core(), days).await?,
        None => false,
    };
    if !kept {
        let problem =
            say("A number of days from {least} to {most}.", &[("least", &trail::DAYS_MIN), ("most", &trail::DAYS_MAX)]);
        return show(&Trail { problem, ..page(&visit).await? });
    }
    gate::detail(&request, format!("{} days", days.unwrap_or_default()));
    Ok(back("/audit", &request, "trail_kept"))
}

/// The same list as a file for a spreadsheet.
pub async fn csv(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = begin(&request).await?;
    let asked = asked(&visit)?;
    let mut file = csv::Writer::from_writer(Vec::new());
    let mut put = |cells: [&str; 9]| {
        file.write_record(cells.map(sheet::cell)).map_err(|error| Problem::Broken(error.to_string()))
    };
    put(["at", "who", "door", "from", "shop", "what", "detail", "object", "outcome"])?;
    let (mut before, mut count) = (EntryId::new(i64::MAX), 0);
    'pages: loop {
        let mut read = visit.read().await?;
        let entries = store::trail::list(&mut read, &asked, before, CSV_PAGE).await?;
        drop(read);
        for entry in &entries {
            if count == CSV_ROWS_MAX {
                put(["", "", "", "", "", "there are more: narrow the list", "", "", ""])?;
                break 'pages;
            }
            // A file is for machines: the same for everybody.
            let row = written_in(Language::English, || row(&visit, entry));
            put([
                &entry.at.to_string(),
                &row.who,
                entry.door.name(),
                &row.address,
                &row.shop,
                &row.said,
                &row.detail,
                &entry.object,
                entry.outcome.name(),
            ])?;
            count += 1;
        }
        match entries.last() {
            Some(last) if entries.len() == CSV_PAGE as usize => before = last.id,
            _ => break,
        }
    }
    let bytes = file.into_inner().map_err(|error| Problem::Broken(error.to_string()))?;
    Ok(HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""))
        .body(bytes))
}

const CSV_PAGE: u32 = 1_000;
