//! Table: a CSV file of any system as rows of named cells. Decides which column is which by its heading, how cells are
//! separated, and how numbers, days and letters are written; what a row means is for whoever asked.

pub(super) mod cell;

pub use cell::Days;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::domain::{audit::Placed, hours, money::Currency, time::Time};

/// What a kind of file consists of.
pub(crate) struct Form {
    /// What a column can be, with what other systems call it, in the form `plain` makes.
    pub columns: &'static [(&'static str, &'static [&'static str])],
    /// One of these columns must be there, and what it tells.
    pub needs: &'static [(&'static [&'static str], &'static str)],
    /// Whose cells tell the decimal sign, and whose how days are written.
    pub amounts: &'static [&'static str],
    pub days: &'static [&'static str],
}

/// What a person says about a sheet, where the guess would be wrong.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// Our name of a column and the heading it has in the file; an empty heading means there is none.
    pub columns: BTreeMap<String, String>,
    /// The zone of moments without an offset; the shop's own without it.
    pub zone: Option<TimeZone>,
    pub days: Option<Days>,
    /// `.` or `,`.
    pub decimal: Option<char>,
    /// The currency of lines that name none; the shop's own without it.
    pub currency: Option<Currency>,
}

/// A file, read, and how it was.
pub(crate) struct Table {
    /// Our name of each column, with its heading.
    pub columns: Vec<(&'static str, String)>,
    /// Headings nobody asked for.
    pub ignored: Vec<String>,
    pub letters: &'static str,
    pub separator: char,
    pub decimal: char,
    pub days: Days,
    pub rows: Vec<Row>,
}

pub(crate) struct Row {
    /// In the file, the heading being 1.
    pub line: u64,
    cells: BTreeMap<&'static str, String>,
}

impl Row {
    /// A cell that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.cells.get(name).map(String::as_str)
    }
}

/// More lines than this are taken in parts.
pub const LINES_MOST: usize = 500_000;

/// No system writes more columns: each is compared with every name we know.
pub const COLUMNS_MOST: usize = 1_000;

/// Reads a file. An error is about the file as a whole, in words for whoever chose it.
pub(crate) fn read(bytes: &[u8], wish: &Wish, form: &Form) -> Result<Table, String> {
    let (text, letters) = cell::letters(bytes);
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n") + "\n";
    let separator = separator(&text);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|_| "the heading cannot be read")?.clone();
    if headings.len() > COLUMNS_MOST {
        return Err(format!("the first line has more than {COLUMNS_MOST} headings: is each line of the file a line?"));
    }
    let (places, ignored) = places(&headings, wish, form)?;
    for (columns, what) in form.needs {
        if !places.iter().flatten().any(|place| columns.contains(place)) {
            return Err(format!("there is no column with {what}; name one of the headings: {}", all(&headings)));
        }
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|_| "a line cannot be read: is a quotation mark missing?")? {
        let within = record.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
        let line = reader.position().line().saturating_sub(1 + within);
        let cells: BTreeMap<_, _> = places
            .iter()
            .zip(&record)
            .filter_map(|(name, cell)| Some(((*name)?, cell.to_owned())))
            .filter(|(_, cell)| !cell.is_empty())
            .collect();
        if !cells.is_empty() {
            rows.push(Row { line, cells });
        }
        if rows.len() > LINES_MOST {
            return Err(format!("the file has more than {LINES_MOST} lines: take it in parts"));
        }
    }
    let cells =
        |names: &'static [&'static str]| rows.iter().flat_map(move |row| names.iter().filter_map(|name| row.get(name)));
    let decimal = wish.decimal.unwrap_or_else(|| cell::decimal_sign(cells(form.amounts)));
    let days = wish.days.unwrap_or_else(|| cell::days(cells(form.days)));
    let columns =
        headings.iter().zip(&places).filter_map(|(heading, place)| Some(((*place)?, heading.to_owned()))).collect();
    Ok(Table { columns, ignored, letters, separator: char::from(separator), decimal, days, rows })
}

/// A moment, or the beginning of a day, as a cell tells it.
pub(crate) fn start(text: &str, days: Days, zone: &TimeZone) -> Result<Time, String> {
    Ok(match cell::moment(text, days, zone)? {
        Placed::At(at) => at,
        Placed::On(day) => hours::start_of_day(zone, day),
    })
}

/// As many headings as a person may read.
fn all(headings: &csv::StringRecord) -> String {
    const SHOWN_CHARS_MAX: usize = 1_000;
    headings.iter().collect::<Vec<_>>().join(", ").chars().take(SHOWN_CHARS_MAX).collect()
}

/// The sign between cells: the one the heading has most of.
fn separator(text: &str) -> u8 {
    let heading = text.lines().next().unwrap_or_default();
    let often = |sign: &u8| heading.bytes().filter(|byte| byte == sign).count();
    b",;\t|".iter().rev().copied().max_by_key(often).unwrap_or(b',')
}

type Places = (Vec<Option<&'static str>>, Vec<String>);

/// Which column is what: first what a person said, then what is known by its heading, the first of several.
fn places(headings: &csv::StringRecord, wish: &Wish, form: &Form) -> Result<Places, String> {
    let mut places: Vec<Option<&'static str>> = vec![None; headings.len()];
    let mut settled: Vec<&str> = Vec::new();
    for (name, heading) in &wish.columns {
        let Some((known, _)) = form.columns.iter().find(|(known, _)| known == name) else {
            let names: Vec<&str> = form.columns.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no column {name}; there are {}", names.join(", ")));
        };
        settled.push(known);
        if heading.is_empty() {
            continue;
        }
        let place = headings.iter().position(|each| cell::plain(each) == cell::plain(heading));
        match place.and_then(|place| places.get_mut(place)) {
            Some(place) => *place = Some(known),
            None => return Err(format!("the file has no heading {heading}; it has {}", all(headings))),
        }
    }
    for (name, others) in form.columns.iter().filter(|(name, _)| !settled.contains(name)) {
        let names = std::iter::once(cell::plain(name)).chain(others.iter().map(|other| (*other).to_owned()));
        for wanted in names {
            let free =
                headings.iter().zip(&places).position(|(each, taken)| taken.is_none() && cell::plain(each) == wanted);
            if let Some(place) = free.and_then(|place| places.get_mut(place)) {
                *place = Some(name);
                break;
            }
        }
    }
    let ignored = headings.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(each, _)| each.to_owned());
    let ignored = ignored.filter(|heading| !heading.is_empty()).collect();
    Ok((places, ignored))
}
