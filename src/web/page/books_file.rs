//! Books, from a file: an export of the shop's orders is compared at once, as `cartback audit csv` does it, and put in when
//! asked. The file is not kept.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use super::{Visit, books, cart_acts::actor, show};
use crate::{
    domain::{audit::Finding, hours, money::Currency},
    pipeline::{
        audit::{self, NotCompared, sheet},
        table::{Days, Wish},
        zone_of,
    },
    web::{
        gate,
        problem::Problem,
        upload::{self, Upload},
        view::{
            Section,
            books::Last,
            books_file::{BooksFile, Compared, Filled, Typed, whole},
            words::{say, t},
        },
    },
};

/// Orders of about a hundred thousand lines; larger files are for the command line.
const FILE_BYTES_MAX: usize = 16 << 20;
/// Bad lines that are told; of more there is only the number.
const TOLD_MOST: usize = 50;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Books).await?;
    show(&page(&visit, Typed::default(), Vec::new(), None))
}

fn page(visit: &Visit, typed: Typed, problems: Vec<String>, compared: Option<Compared>) -> BooksFile {
    let megabytes_max = (FILE_BYTES_MAX >> 20) as u64;
    let fields = sheet::fields().map(str::to_owned).collect();
    BooksFile { page: visit.page.clone(), megabytes_max, compared, problems, typed, fields }
}

pub async fn post(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let (visit, id, _) = actor(&request, Section::Books).await?;
    let upload = upload::read(&request, payload, FILE_BYTES_MAX).await?;
    let typed = typed(&upload);
    let refused = |problems: Vec<String>| show(&page(&visit, Typed { fill: false, ..typed.clone() }, problems, None));
    let (name, bytes) = match upload.file {
        None => return refused(vec![t("choose a file first").to_owned()]),
        Some(upload::File { bytes: None, .. }) => {
            let megabytes = FILE_BYTES_MAX >> 20;
            let why = say(
                "it is larger than {count} MB: export a shorter span, or use cartback audit csv",
                &[("count", &megabytes)],
            );
            return refused(vec![why]);
        }
        Some(upload::File { bytes: Some(bytes), name }) => (name, bytes),
    };
    let wish = match wish(&typed) {
        Ok(wish) => wish,
        Err(problems) => return refused(problems),
    };
    let compared = match audit::compare_sheet(visit.core(), id, &bytes, &wish, (None, None)).await {
        Ok(compared) => compared,
        Err(why) => return refused(vec![not_compared(why)?]),
    };
    let filled = match typed.fill {
        true => match audit::file::fill(visit.core(), id, &compared).await {
            Ok(filled) => Some(filled),
            Err(why) => return refused(vec![not_compared(why)?]),
        },
        false => None,
    };
    match filled {
        Some(filled) => {
            gate::detail(&request, filled.orders.to_string());
            gate::done(&request);
        }
        None => gate::nothing(&request),
    }
    let told = told(&visit, name, &compared, filled)?;
    show(&page(&visit, Typed { fill: false, ..typed }, Vec::new(), Some(told)))
}

fn typed(upload: &Upload) -> Typed {
    let field = |name: &str| upload.fields.get(name).cloned().unwrap_or_default();
    Typed {
        columns: field("columns").replace("\r\n", "\n"),
        decimal: field("decimal"),
        days: field("days"),
        zone: field("zone"),
        currency: field("currency"),
        fill: field("fill") == "yes",
    }
}

/// What was typed, or every problem with it.
fn wish(typed: &Typed) -> Result<Wish, Vec<String>> {
    let mut problems = Vec::new();
    let mut columns = BTreeMap::new();
    for line in typed.columns.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('=') {
            Some((name, heading)) => {
                columns.insert(name.trim().to_owned(), heading.trim().to_owned());
            }
            None => problems.push(t("write each column as total=Gesamtsumme, a line each").to_owned()),
        }
    }
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let zone = given(&typed.zone).and_then(|name| {
        let zone = hours::zone(&name);
        if zone.is_none() {
            problems.push(t("there is no such time zone; write it as Europe/Berlin").to_owned());
        }
        zone
    });
    let currency = given(&typed.currency).and_then(|code| {
        let currency = Currency::parse(&code.to_ascii_uppercase()).ok();
        if currency.is_none() {
            problems.push(t("there is no such currency; write it as EUR").to_owned());
        }
        currency
    });
    let days = Days::asked(&typed.days);
    let decimal = typed.decimal.chars().next().filter(|sign| matches!(sign, '.' | ','));
    match problems.is_empty() {
        true => Ok(Wish { columns, zone, days, decimal, currency }),
        false => Err(problems),
    }
}

/// What is wrong with the file, where it is the file that is wrong.
fn not_compared(why: NotCompared) -> Result<String, Problem> {
    match why {
        NotCompared::NoShop => Err(Problem::NotFound),
        NotCompared::Wrong(why) => Ok(whole(&why)),
        NotCompared::Store(error) => Err(error.into()),
    }
}

fn told(
    visit: &Visit,
    name: String,
    compared: &audit::Compared,
    filled: Option<audit::file::Filled>,
) -> Result<Compared, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let zone = zone_of(shop);
    let (sheet, outcome) = (&compared.read, &compared.outcome);
    Ok(Compared {
        name,
        last: Last { at: visit.page.now, from: compared.from, to: compared.to, summary: outcome.summary() },
        orders: sheet.lines.len() as u64,
        further: sheet.further,
        columns: sheet.columns.iter().map(|(name, heading)| ((*name).to_owned(), heading.clone())).collect(),
        ignored: sheet.ignored.clone(),
        letters: sheet.letters.to_owned(),
        separator: sheet.separator,
        decimal: sheet.decimal,
        day_first: match sheet.days {
            Days::DayFirst => Some(true),
            Days::MonthFirst => Some(false),
            Days::Unsure => None,
        },
        bad: sheet.problems.iter().take(TOLD_MOST).cloned().collect(),
        bad_count: sheet.problems.len() as u64,
        unknown_states: sheet.unknown_states.clone(),
        groups: books::groups_of(visit, shop, &zone, &outcome.findings),
        fillable: outcome.findings.iter().filter(|finding| can_be_filled(finding)).count() as u64,
        filled: filled.map(|filled| Filled { orders: filled.orders, nameless: filled.nameless }),
    })
}

fn can_be_filled(finding: &Finding) -> bool {
    finding.kind.can_be_filled() && !finding.external_id.is_empty()
}
