//! A file of the shop's orders against our books: what the two differ in, how the file was read, and what of it could not
//! be. The form stands below, so that the same file can be read otherwise or put in.

use askama::Template;

use super::{
    Page,
    books::{Group, Last},
    format,
    words::{filters, noted, say, t},
};
use crate::domain::audit::Grade;

#[derive(Clone, Debug, Template)]
#[template(path = "page/books_file.html")]
pub struct BooksFile {
    pub page: Page,
    /// Of a file, in MB.
    pub megabytes_max: u64,
    pub compared: Option<Compared>,
    /// Why the file as a whole was not taken.
    pub problems: Vec<String>,
    pub typed: Typed,
    /// Every column that can be named.
    pub fields: Vec<String>,
}

/// How a person says that the file is to be read; empty where it is to be found out.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// A line each: `total=Gesamtsumme`.
    pub columns: String,
    /// `.` or `,`.
    pub decimal: String,
    /// `day` or `month`: which comes first.
    pub days: String,
    pub zone: String,
    pub currency: String,
    /// Put what is missing or differs into our books.
    pub fill: bool,
}

#[derive(Clone, Debug)]
pub struct Compared {
    /// As the browser calls it.
    pub name: String,
    pub last: Last,
    /// Orders in the file.
    pub orders: u64,
    /// Lines that go on with the order before them.
    pub further: u64,
    /// Our name of a column and its heading in the file.
    pub columns: Vec<(String, String)>,
    /// Headings nobody asked for.
    pub ignored: Vec<String>,
    pub letters: String,
    pub separator: char,
    pub decimal: char,
    /// Which comes first in days with slashes; `None` where the file does not tell.
    pub day_first: Option<bool>,
    /// The first lines that could not be read, with the reason.
    pub bad: Vec<(u64, String)>,
    /// How many there are.
    pub bad_count: u64,
    /// Words of the status column that nobody knows.
    pub unknown_states: Vec<String>,
    pub groups: Vec<Group>,
    /// Differences that the file could mend.
    pub fillable: u64,
    pub filled: Option<Filled>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    pub orders: u64,
    /// Left out, as they have no id.
    pub nameless: u64,
}

impl BooksFile {
    pub fn answer(&self) -> String {
        let Some(compared) = &self.compared else {
            return match self.problems.is_empty() {
                true => t("No file compared yet: choose the shop's own export of its orders.").to_owned(),
                false => t("The file was not compared.").to_owned(),
            };
        };
        let score = &compared.last.summary.score;
        let orders = format::number_of(score.compared, "order", "orders");
        let part = format::out_of(score.faulty, score.compared);
        match compared.last.summary.grade {
            Grade::Agree => {
                say("The file and our books agree: {orders} compared, none differs.", &[("orders", &orders)])
            }
            Grade::Small => say(
                "{part} orders differ between the file and our books: a small gap, which is normal.",
                &[("part", &part)],
            ),
            Grade::Notable => {
                say("{part} orders differ between the file and our books: worth a look.", &[("part", &part)])
            }
            Grade::Large => {
                say("{part} orders differ between the file and our books: something is broken.", &[("part", &part)])
            }
        }
    }

    /// Whether anything was said about how to read it, so that it stays to be seen.
    pub fn has_wishes(&self) -> bool {
        let Typed { columns, decimal, days, zone, currency, fill: _ } = &self.typed;
        [columns, decimal, days, zone, currency].iter().any(|typed| !typed.is_empty())
    }

    pub fn names(&self) -> String {
        say(
            "Our names: {names}. Without a heading behind the sign there is none.",
            &[("names", &self.fields.join(", "))],
        )
    }

    pub fn limit(&self) -> String {
        say(
            "CSV as any shop exports it, with one line for each order and at least its number, total and date; up to {count} MB. Letters, separator and columns are found out and told.",
            &[("count", &self.megabytes_max)],
        )
    }
}

impl Compared {
    pub fn read(&self) -> String {
        let orders = format::number_of(self.orders, "order", "orders");
        match self.further {
            0 => orders,
            further => say(
                "{orders}, and {lines} that go on with the one before",
                &[("orders", &orders), ("lines", &format::number_of(further, "line", "lines"))],
            ),
        }
    }

    pub fn separated(&self) -> &'static str {
        match self.separator {
            ';' => t("semicolon"),
            '\t' => t("tab"),
            '|' => t("vertical bar"),
            _ => t("comma"),
        }
    }

    pub fn decimals(&self) -> &'static str {
        if self.decimal == ',' { t("comma") } else { t("point") }
    }

    pub fn days(&self) -> &'static str {
        match self.day_first {
            Some(true) => t("day first"),
            Some(false) => t("month first"),
            None => t("the file does not tell"),
        }
    }

    pub fn bad_title(&self) -> String {
        let lines = format::number_of(self.bad_count, "line", "lines");
        say("{lines} could not be read", &[("lines", &lines)])
    }

    pub fn more_bad(&self) -> Option<String> {
        let more = self.bad_count.saturating_sub(self.bad.len() as u64);
        (more > 0).then(|| say("and {count} more bad lines", &[("count", &format::count(more))]))
    }

    pub fn filled(&self) -> Option<String> {
        let filled = self.filled?;
        let orders = format::number_of(filled.orders, "order", "orders");
        Some(say("{orders} put into the inbox, where they are read within seconds.", &[("orders", &orders)]))
    }

    pub fn nameless(&self) -> Option<String> {
        let nameless = self.filled.filter(|filled| filled.nameless > 0)?.nameless;
        let orders = format::number_of(nameless, "order", "orders");
        Some(say(
            "{orders} left out: without an id, a later webhook would make a second order.",
            &[("orders", &orders)],
        ))
    }

    pub fn can_fill(&self) -> Option<String> {
        (self.filled.is_none() && self.fillable > 0).then(|| {
            let orders = format::number_of(self.fillable, "difference", "differences");
            say(
                "{differences} can be mended from the file: choose it once more below and tick the box.",
                &[("differences", &orders)],
            )
        })
    }
}

/// Why a line could not be read, in the reader's words: the column, and what is wrong with its cell.
pub fn why(problem: &str) -> (String, String) {
    let (column, words) = problem.split_once(": ").unwrap_or(("", problem));
    (column.to_owned(), t(words).to_owned())
}

/// Why a file was not taken, in the reader's words; what the file itself says stands at the end and stays.
pub fn whole(problem: &str) -> String {
    let known = OF_FILES.iter().find_map(|sentence| {
        let (before, _) = sentence.split_once("{headings}")?;
        Some((*sentence, problem.strip_prefix(before)?))
    });
    match known {
        Some((sentence, headings)) => say(sentence, &[("headings", &headings)]),
        None => t(problem).to_owned(),
    }
}

const OF_FILES: [&str; 3] = [
    noted("there is no column with the order's id or number; name one of the headings: {headings}"),
    noted("there is no column with the order's total; name one of the headings: {headings}"),
    noted("there is no column with the order's date; name one of the headings: {headings}"),
];

/// What the pipeline says of cells and files, for the catalogue: `t` is asked for it by value.
#[cfg(test)]
const OF_CELLS: &[&str] = &[
    noted("is missing"),
    noted("is below zero"),
    noted("is not a code as EUR or USD"),
    noted("is not an amount"),
    noted("has more than one decimal sign"),
    noted("has , where . was taken for the decimal sign"),
    noted("has . where , was taken for the decimal sign"),
    noted("could be thousands or decimals: say whether . is the decimal sign"),
    noted("could be thousands or decimals: say whether , is the decimal sign"),
    noted("has , where no thousands end: is . the decimal sign?"),
    noted("has . where no thousands end: is , the decimal sign?"),
    noted("could be read day first or month first: say which it is"),
    noted("is not a day as 2026-03-01 or 01.03.2026"),
    noted("lies outside the years we know"),
    noted("is not a time as 14:05 or 2:05 PM"),
    noted("not a decimal amount"),
    noted("an amount beyond what we can count"),
    noted("the heading cannot be read"),
    noted("a line cannot be read: is a quotation mark missing?"),
    noted("no line tells when its order was placed"),
    noted("the span is empty: it must begin before it ends, and lie in the past"),
];

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        domain::money::Currency,
        pipeline::{audit::sheet, table::Wish},
    };

    #[test]
    fn every_reason_a_line_can_be_refused_for_is_in_the_catalogue() {
        let read = |text: &str| {
            let euro = Currency::parse("EUR").unwrap();
            sheet::read(text.as_bytes(), &Wish::default(), (euro, &TimeZone::UTC))
        };
        let cells = [
            ("x", "2026-03-01", "EUR"),
            ("1.2.3", "2026-03-01", "EUR"),
            ("1.234", "2026-03-01", "EUR"),
            ("1,2.50", "2026-03-01", "EUR"),
            ("1.5,00", "2026-03-01", "EUR"),
            ("-5.00", "2026-03-01", "EUR"),
            ("5.00", "2026-03-01", "€"),
            ("5.00", "03/04/2026", "EUR"),
            ("5.00", "2026-13-01", "EUR"),
            ("5.00", "2026-03-01 25:99", "EUR"),
            ("5.00", "", "EUR"),
            ("99999999999999999999.00", "2026-03-01", "EUR"),
        ];
        let mut told = 0;
        for (total, day, currency) in cells {
            let file = format!("number,total,date,currency\n1,10.00,2026-03-01,EUR\n2,\"{total}\",{day},{currency}\n");
            let Ok(read) = read(&file) else { panic!("{file}") };
            for (_, problem) in &read.problems {
                let words = problem.split_once(": ").unwrap().1;
                assert!(OF_CELLS.contains(&words), "{problem}");
                told += 1;
            }
        }
        assert_eq!(told, cells.len());
        for (file, known) in [("total,date\n", OF_FILES[0]), ("id,date\n", OF_FILES[1]), ("id,total\n", OF_FILES[2])] {
            let why = read(file).unwrap_err();
            assert!(why.starts_with(known.trim_end_matches("{headings}")), "{why}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_column() {
        assert_eq!(why("total: is missing"), ("total".into(), "is missing".into()));
        assert_eq!(why("odd"), (String::new(), "odd".into()));
        let said = whole("there is no column with the order's total; name one of the headings: a, b");
        assert!(said.ends_with(": a, b"), "{said}");
        assert_eq!(whole("no line tells when its order was placed"), "no line tells when its order was placed");
    }
}
