//! Lists as pages read them: cursors, days and amounts from the address, and the sheet of a list, sent in pieces.

use std::{future::Future, pin::Pin};

use actix_web::{HttpResponse, http::header, web::Bytes};
use futures_util::stream;
use jiff::civil::Date;

use super::{ROWS, Visit};
use crate::{
    domain::{
        hours,
        money::{Currency, Money},
        sheet,
        time::Time,
    },
    pipeline::zone_of,
    store::{
        listing::{Counted, Cut, Open, Toward},
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::listing::{Count, NOT_TOLD},
    },
};

/// Rows of a sheet in one piece: what is in memory at a time, and for how long one reading lasts.
const PIECE: u32 = 500;

impl From<Counted> for Count {
    fn from(counted: Counted) -> Count {
        Count { rows: counted.rows, more: counted.more, looked_at: counted.looked_at }
    }
}

/// `1772359200000.12345`: the order's value and the id of the row a page begins behind.
pub fn cursor(cut: Cut) -> String {
    format!("{}.{}", cut.key, cut.id)
}

fn cut(text: &str) -> Option<Cut> {
    let (key, id) = text.split_once('.')?;
    Some(Cut { key: key.parse().ok()?, id: id.parse().ok()? })
}

/// Which page is asked for; what cannot be read is the first.
pub fn open(visit: &Visit) -> Open {
    let on = cut(visit.asked("after")).map(|cut| (Toward::On, cut));
    let back = cut(visit.asked("before")).map(|cut| (Toward::Back, cut));
    Open { from: on.or(back), ..Open::first(ROWS) }
}

/// `[from, to)` of the days asked for, both included, where the shop is: `from` and `to`, or one `day`.
pub fn span(visit: &Visit, shop: &Shop) -> (Option<Time>, Option<Time>) {
    let zone = zone_of(shop);
    let (from, to) = days(visit);
    let start = |day: Date| hours::start_of_day(&zone, day);
    (from.map(start), to.map(|day| start(day.tomorrow().unwrap_or(day))))
}

/// The days asked for.
pub fn days(visit: &Visit) -> (Option<Date>, Option<Date>) {
    let day = |name: &str| visit.asked(name).trim().parse::<Date>().ok();
    (day("from").or_else(|| day("day")), day("to").or_else(|| day("day")))
}

/// An amount as people type it, `12.50` or `12,50`, in minor units.
pub fn amount(visit: &Visit, name: &str, currency: Currency) -> Option<i64> {
    let typed = visit.asked(name).trim().replace(',', ".");
    if typed.is_empty() {
        return None;
    }
    let (whole, part) = typed.split_once('.').unwrap_or((&typed, ""));
    let digits = currency.digits() as usize;
    let part: String = part.chars().chain(std::iter::repeat('0')).take(digits).collect();
    format!("{whole}{part}").parse().ok()
}

/// A currency asked for, the shop's own without one.
pub fn currency(visit: &Visit, shop: &Shop) -> Currency {
    Currency::parse(visit.asked("currency").trim()).unwrap_or(shop.currency)
}

/// `yes`, `no`, or neither.
pub fn yes_or_no(visit: &Visit, name: &str) -> Option<bool> {
    match visit.asked(name) {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A value that narrows where it is not empty. One with a NUL is none: no row has it, and PostgreSQL takes none in a text.
pub fn given(visit: &Visit, name: &str) -> Option<String> {
    Some(visit.asked(name).trim().to_owned()).filter(|value| !value.is_empty() && !value.contains('\0'))
}

/// The same of what may be not told at all, which is "".
pub fn told(visit: &Visit, name: &str) -> Option<String> {
    given(visit, name).map(|value| if value == NOT_TOLD { String::new() } else { value })
}

/// Some rows of a sheet and where the next begin.
pub type Piece = (Vec<Vec<String>>, Option<Cut>);

/// A list as CSV: read and sent a piece at a time, each with a connection of its own, so that neither memory nor the
/// database is held while a slow reader reads. `next` answers the rows behind a cut.
pub fn sheet<F>(visit: &Visit, shop: &Shop, what: &str, heading: &'static [&'static str], next: F) -> HttpResponse
where
    F: Fn(Open) -> Pin<Box<dyn Future<Output = Result<Piece, Problem>>>> + 'static,
{
    let rising = false;
    let begin = Open { rising, from: None, most: PIECE };
    let heading: Vec<String> = heading.iter().map(|&cell| cell.to_owned()).collect();
    // The mark at its beginning tells spreadsheets that it is UTF-8.
    let first = format!("\u{feff}{}", lines(&[heading]));
    let pieces = stream::unfold((Some(begin), Some(first), next), |(open, first, next)| async move {
        if let Some(first) = first {
            return Some((Ok::<Bytes, Problem>(Bytes::from(first)), (open, None, next)));
        }
        let open = open?;
        match next(open).await {
            Ok((rows, on)) => Some((Ok(Bytes::from(lines(&rows))), (on.map(|cut| open.after(cut)), None, next))),
            Err(problem) => Some((Err(problem), (None, None, next))),
        }
    });
    let day = hours::day_of(&zone_of(shop), visit.page.now);
    let name = format!("{}-{what}-{day}.csv", plain(&shop.name));
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        .streaming(pieces)
}

/// A shop's name as part of a file's.
fn plain(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let kept: Vec<&str> = kept.split('-').filter(|part| !part.is_empty()).collect();
    if kept.is_empty() { "shop".to_owned() } else { kept.join("-") }
}

fn lines(rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        // Writing to memory cannot fail.
        let _ = writer.write_record(row.iter().map(|text| sheet::cell(text)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A moment of the shop's own, as sheets read it: `2026-11-18 14:05:09`.
pub fn moment(shop: &Shop, at: Option<Time>) -> String {
    at.map_or(String::new(), |at| at.to_timestamp().to_zoned(zone_of(shop)).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// An amount and its currency, a column each.
pub fn money(amount: Option<Money>) -> [String; 2] {
    amount.map_or_else(Default::default, |money| [money.amount(), money.currency.code().to_owned()])
}
