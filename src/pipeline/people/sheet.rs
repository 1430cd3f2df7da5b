//! Sheets: lists of consents and opt-outs as CSV. Reading is forgiving about separators, order and names of columns,
//! never about their content. Writing is careful: a cell that a spreadsheet would run as a formula is made text.

use super::import::{OptOutLine, TypedConsent, TypedOptOut};
use crate::{domain::sheet::cell, pipeline::table::COLUMNS_MOST};

/// What a sheet holds, each row with the number of its line, the heading being 1.
#[derive(Debug)]
pub struct Sheet<T> {
    pub rows: Vec<(u64, T)>,
    /// Columns nobody asked for.
    pub ignored: Vec<String>,
}

/// Our name of a column and what others call it, in the form `plain` makes.
type Columns = &'static [(&'static str, &'static [&'static str])];

const CONSENTS: Columns = &[
    (
        "phone",
        &["phonenumber", "mobile", "mobilephone", "mobilenumber", "number", "tel", "telephone", "msisdn", "smsnumber"],
    ),
    ("country", &["countrycode"]),
    ("state", &["status", "consent", "smsmarketing", "acceptssmsmarketing"]),
    ("given_at", &["at", "consentat", "consentedat", "optedinat", "optinat", "optindate", "date", "time", "timestamp"]),
    ("text", &["words", "wording", "consenttext", "optintext"]),
    ("version", &["textversion"]),
    ("url", &["page", "pageurl", "sourceurl", "optinurl"]),
    ("ip", &["ipaddress", "optinip"]),
    ("agent", &["useragent", "browser"]),
    ("box_state", &["box", "checkbox"]),
    ("language", &["lang", "locale"]),
    ("level", &["optinlevel"]),
    ("source", &["system", "origin"]),
];

const OPT_OUTS: Columns = &[
    (
        "phone",
        &["phonenumber", "mobile", "mobilephone", "mobilenumber", "number", "tel", "telephone", "msisdn", "smsnumber"],
    ),
    ("country", &["countrycode"]),
    ("at", &["optedoutat", "optoutat", "date", "time", "timestamp", "unsubscribedat"]),
    ("source", &["system", "origin", "reason"]),
];

/// A heading without case, spaces and punctuation.
fn plain(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn column(columns: Columns, heading: &str) -> Option<&'static str> {
    let heading = plain(heading);
    let known =
        |(name, others): &&(&'static str, &[&str])| plain(name) == heading || others.contains(&heading.as_str());
    columns.iter().find(known).map(|(name, _)| *name)
}

/// The sign between cells: the one the heading has most of.
fn separator(text: &str) -> u8 {
    let heading = text.lines().next().unwrap_or_default();
    let often = |sign: &u8| heading.bytes().filter(|byte| byte == sign).count();
    b",;\t".iter().rev().copied().max_by_key(often).unwrap_or(b',')
}

type Row = std::collections::BTreeMap<&'static str, String>;

fn rows(bytes: &[u8], columns: Columns, required: &[&str]) -> Result<Sheet<Row>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8: save it as CSV UTF-8")?;
    // One way to end a line, the last one too: lines are counted by it.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n") + "\n";
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(&text))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings = reader.headers().map_err(|_| "the heading cannot be read")?.clone();
    if headings.len() > COLUMNS_MOST {
        return Err(format!("the first line has more than {COLUMNS_MOST} headings: is each line of the file a line?"));
    }
    let (mut places, mut ignored) = (Vec::new(), Vec::new());
    for heading in &headings {
        let name = column(columns, heading);
        if name.is_none() {
            ignored.push(heading.to_owned());
        }
        if name.is_some_and(|name| places.contains(&Some(name))) {
            return Err(format!("two columns are both {}", name.unwrap_or_default()));
        }
        places.push(name);
    }
    for name in required {
        if !places.contains(&Some(*name)) {
            let named: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
            return Err(format!("there is no column {name}; the columns are {}", named.join(", ")));
        }
    }
    let mut found = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|_| "a line cannot be read: is a quotation mark missing?")? {
        // After a record the reader stands at the line behind it; a cell may hold lines of its own.
        let within = record.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
        let line = reader.position().line().saturating_sub(1 + within);
        let cells = places.iter().zip(&record).filter_map(|(name, cell)| Some(((*name)?, cell.to_owned())));
        let row: Row = cells.filter(|(_, cell)| !cell.is_empty()).collect();
        if !row.is_empty() {
            found.push((line, row));
        }
    }
    Ok(Sheet { rows: found, ignored })
}

/// Needs `phone` and `given_at`.
pub fn consents(bytes: &[u8]) -> Result<Sheet<TypedConsent>, String> {
    let sheet = rows(bytes, CONSENTS, &["phone", "given_at"])?;
    let typed = |(line, mut row): (u64, Row)| {
        let mut take = |name: &str| row.remove(name);
        let typed = TypedConsent {
            phone: take("phone").unwrap_or_default(),
            country: take("country"),
            state: take("state"),
            given_at: take("given_at").unwrap_or_default(),
            text: take("text"),
            version: take("version"),
            language: take("language"),
            url: take("url"),
            ip: take("ip"),
            agent: take("agent"),
            box_state: take("box_state"),
            level: take("level"),
            source: take("source"),
        };
        (line, typed)
    };
    Ok(Sheet { rows: sheet.rows.into_iter().map(typed).collect(), ignored: sheet.ignored })
}

/// Needs `phone`.
pub fn opt_outs(bytes: &[u8]) -> Result<Sheet<TypedOptOut>, String> {
    let sheet = rows(bytes, OPT_OUTS, &["phone"])?;
    let typed = |(line, mut row): (u64, Row)| {
        let mut take = |name: &str| row.remove(name);
        let phone = take("phone").unwrap_or_default();
        (line, TypedOptOut { phone, country: take("country"), at: take("at"), source: take("source") })
    };
    Ok(Sheet { rows: sheet.rows.into_iter().map(typed).collect(), ignored: sheet.ignored })
}

/// The opt-out list as CSV, one heading and a line each.
pub fn opt_out_sheet(lines: &[OptOutLine]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: [&str; 5]| {
        // Writing to memory cannot fail.
        let _ = writer.write_record(cells.map(cell));
    };
    write(["phone", "number_hash", "at", "source", "recorded_at"]);
    for line in lines {
        let (at, recorded_at) = (line.at.to_string(), line.recorded_at.to_string());
        write([&line.phone, &line.number_hash, &at, &line.source, &recorded_at]);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Time;

    #[track_caller]
    fn check(text: &str, expected: &[(u64, &str, &str, Option<&str>)]) {
        let sheet = consents(text.as_bytes()).unwrap();
        let found: Vec<_> = sheet
            .rows
            .iter()
            .map(|(line, row)| (*line, row.phone.as_str(), row.given_at.as_str(), row.text.as_deref()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn columns_are_known_by_many_names_and_in_any_order() {
        check(
            "phone,given_at,text\n+386 41 1,2026-03-01,\"Yes, text me\"\n",
            &[(2, "+386 41 1", "2026-03-01", Some("Yes, text me"))],
        );
        check(
            "\u{feff}Opted-in at;Mobile Phone\r\n2026-03-01;041\r\n\r\n;042\r\n",
            &[(2, "041", "2026-03-01", None), (4, "042", "", None)],
        );
        check("Phone Number\tTimestamp\tWords\n1\t2\t3\n", &[(2, "1", "2", Some("3"))]);
        // Short lines are short of their last cells, nothing else.
        check("phone,given_at,text\n1,2\n", &[(2, "1", "2", None)]);
        let sheet = consents(b"phone,given_at,shoe size\n1,2,43\n").unwrap();
        assert_eq!(sheet.ignored, ["shoe size"]);
    }

    #[test]
    fn what_is_no_such_sheet_is_refused() {
        assert!(consents(b"phone\n1\n").unwrap_err().contains("no column given_at"));
        assert!(consents(b"").unwrap_err().contains("no column phone"));
        assert!(consents(b"phone,mobile,at\n1,2,3\n").unwrap_err().contains("both phone"));
        assert!(consents(&[0xff, 0xfe, 0x41]).unwrap_err().contains("UTF-8"));
        assert!(consents("phone,".repeat(2_000).as_bytes()).unwrap_err().contains("more than 1000 headings"));
        assert!(opt_outs(b"number;when\n041;x\n").unwrap().rows.len() == 1);
    }

    #[test]
    fn no_cell_is_a_formula_and_what_is_written_is_read_again() {
        let line = |phone: &str, source: &str| OptOutLine {
            phone: phone.into(),
            number_hash: "00ff".into(),
            at: Time::from_seconds(1_772_550_000),
            source: source.into(),
            recorded_at: Time::from_seconds(1_772_550_000),
        };
        let text = opt_out_sheet(&[line("+38640555101", "=HYPERLINK(\"x\")"), line("", "@cmd"), line("", "-1,\"2\"")]);
        for row in text.lines().skip(1) {
            for cell in csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes()).records() {
                let cell = cell.unwrap();
                assert!(cell.iter().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "{row}");
            }
        }
        let again = opt_outs(text.as_bytes()).unwrap();
        assert_eq!(again.rows[0].1.phone, "'+38640555101");
        assert_eq!(again.ignored, ["number_hash", "recorded_at"]);
    }
}
