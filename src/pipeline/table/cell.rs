//! Cells of other people's sheets: letters, amounts, days and moments as the world writes them. Decides what a cell says,
//! or that it could say two things; how the whole file writes is decided by all of its cells together.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};
use unicode_normalization::UnicodeNormalization;

use crate::domain::{audit::Placed, money::Currency, time::Time};

/// A heading or a word without case, accents, spaces and punctuation.
pub fn plain(word: &str) -> String {
    word.nfkd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A file as text, and how it was written: what its first bytes say, else UTF-8, else what spreadsheets on Windows write.
pub fn letters(bytes: &[u8]) -> (String, &'static str) {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default());
        return (text.into_owned(), encoding.name());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), "UTF-8"),
        Err(_) => {
            let (text, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes);
            (text.into_owned(), encoding_rs::WINDOWS_1252.name())
        }
    }
}

/// How days with slashes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Days {
    /// 31/12/2026.
    DayFirst,
    /// 12/31/2026.
    MonthFirst,
    /// Nothing tells the two apart.
    Unsure,
}

impl Days {
    /// As forms say it; anything else is left to the file.
    pub fn asked(word: &str) -> Option<Days> {
        match word {
            "day" => Some(Days::DayFirst),
            "month" => Some(Days::MonthFirst),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Days::DayFirst => "day first",
            Days::MonthFirst => "month first",
            Days::Unsure => "not told",
        }
    }
}

/// What the days of a file say together: a part above twelve is a day.
pub fn days<'c>(cells: impl Iterator<Item = &'c str>) -> Days {
    let (mut day_first, mut month_first) = (0u64, 0u64);
    for cell in cells {
        let Some([first, second, _]) = parts(date_of(cell), '/') else { continue };
        day_first += u64::from(first > 12 && second <= 12);
        month_first += u64::from(second > 12 && first <= 12);
    }
    match (day_first, month_first) {
        (0, 0) => Days::Unsure,
        (day, month) if day >= month => Days::DayFirst,
        _ => Days::MonthFirst,
    }
}

fn date_of(cell: &str) -> &str {
    cell.trim().split([' ', 'T', ',']).next().unwrap_or_default()
}

fn parts(date: &str, sign: char) -> Option<[u32; 3]> {
    let mut numbers = date.split(sign).map(|part| part.parse::<u32>().ok());
    let three = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(three)
}

/// A moment, or a day where no hour stands beside it. What has no offset is of this zone.
pub fn moment(cell: &str, days: Days, zone: &TimeZone) -> Result<Placed, String> {
    let cell = cell.trim();
    if let Some(at) = with_offset(cell) {
        return Ok(Placed::At(at));
    }
    let date = date_of(cell);
    let rest = cell.get(date.len()..).unwrap_or_default().trim_start_matches([' ', 'T', ',']).trim();
    let day = day(date, days)?;
    if rest.is_empty() {
        return Ok(Placed::On(day));
    }
    let (hour, minute, second) = clock(rest).ok_or("is not a time as 14:05 or 2:05 PM")?;
    let local: DateTime = day.at(hour, minute, second, 0);
    let at = local.to_zoned(zone.clone()).map_err(|_| "lies outside the years we know")?;
    Ok(Placed::At(Time::from_millis(at.timestamp().as_millisecond())))
}

/// `2026-03-01T10:00:00+01:00`, `2026-03-01 10:00:00 +0100`, `… UTC`, `…Z`.
fn with_offset(cell: &str) -> Option<Time> {
    if let Ok(at) = cell.parse::<jiff::Timestamp>() {
        return (at.as_millisecond() >= 0).then(|| Time::from_millis(at.as_millisecond()));
    }
    let (local, offset) = cell.rsplit_once(' ')?;
    let local = local.trim().replacen(' ', "T", 1);
    let offset = match offset {
        "UTC" | "GMT" | "Z" => "Z".to_owned(),
        _ => {
            let (sign, digits) = (offset.get(..1)?, offset.get(1..)?.replace(':', ""));
            let whole =
                digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()) && matches!(sign, "+" | "-");
            whole.then(|| {
                format!("{sign}{}:{}", digits.get(..2).unwrap_or_default(), digits.get(2..).unwrap_or_default())
            })?
        }
    };
    let at = format!("{local}{offset}").parse::<jiff::Timestamp>().ok()?;
    (at.as_millisecond() >= 0).then(|| Time::from_millis(at.as_millisecond()))
}

fn day(date: &str, days: Days) -> Result<Date, String> {
    let unknown = "is not a day as 2026-03-01 or 01.03.2026";
    let (year, month, day) = if let Some([year, month, day]) = parts(date, '-') {
        // 2026-03-01, or 01-03-2026 as some write it.
        if year > 31 { (year, month, day) } else { (day, month, year) }
    } else if let Some([day, month, year]) = parts(date, '.') {
        if day > 31 { (day, month, year) } else { (year, month, day) }
    } else if let Some([first, second, third]) = parts(date, '/') {
        match days {
            _ if first > 31 => (first, second, third),
            Days::DayFirst => (third, second, first),
            Days::MonthFirst => (third, first, second),
            Days::Unsure if first > 12 => (third, second, first),
            Days::Unsure if second > 12 => (third, first, second),
            Days::Unsure if first == second => (third, first, second),
            Days::Unsure => return Err("could be read day first or month first: say which it is".into()),
        }
    } else {
        return Err(unknown.into());
    };
    let year = if year < 100 { year + 2_000 } else { year };
    let small = |number: u32| i8::try_from(number).map_err(|_| unknown.to_owned());
    let year = i16::try_from(year).ok().filter(|year| (1970..=9000).contains(year)).ok_or(unknown)?;
    Date::new(year, small(month)?, small(day)?).map_err(|_| unknown.to_owned())
}

/// `14:05`, `14:05:59`, `2:05 PM`.
fn clock(text: &str) -> Option<(i8, i8, i8)> {
    let upper = text.to_ascii_uppercase();
    let (digits, half) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(rest), _) => (rest.trim(), Some(0)),
        (_, Some(rest)) => (rest.trim(), Some(12)),
        _ => (upper.trim(), None),
    };
    let mut numbers = digits.split(':').map(|part| part.split('.').next().unwrap_or_default().parse::<i8>().ok());
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = match numbers.next() {
        Some(second) => second?,
        None => 0,
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    let good =
        numbers.next().is_none() && (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    good.then_some((hour, minute, second))
}

/// The decimal sign of a file: the one that stands before one or two last digits most often, or last where both stand.
pub fn decimal_sign<'c>(cells: impl Iterator<Item = &'c str>) -> char {
    let (mut points, mut commas) = (0u64, 0u64);
    for cell in cells {
        let last = cell.rfind(['.', ',']).and_then(|place| Some((cell.get(place..)?, cell)));
        let Some((tail, whole)) = last else { continue };
        let digits = tail.chars().skip(1).filter(char::is_ascii_digit).count();
        let both = whole.contains('.') && whole.contains(',');
        if digits == 1 || digits == 2 || both {
            points += u64::from(tail.starts_with('.'));
            commas += u64::from(tail.starts_with(','));
        }
    }
    if commas > points { ',' } else { '.' }
}

/// An amount in minor units: `1.234,56 €`, `$1,234.56`, `1 234,5`, `(12.00)` for one below zero.
pub fn amount(cell: &str, decimal: char, currency: Currency) -> Result<i64, String> {
    let wrong = || "is not an amount".to_owned();
    let cell = cell.trim();
    let below = cell.starts_with('(') && cell.ends_with(')') || cell.contains('-') || cell.contains('\u{2212}');
    let digits: String = cell.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    // Signs of currencies, their codes, and what groups thousands; anything else is no amount.
    let known = |c: char| {
        c.is_ascii_digit()
            || c.is_whitespace()
            || "().,-+'’\u{2212}$€£¥₹₽₺zł".contains(c)
            || c.is_ascii_uppercase()
            || c == 'r'
            || c == 'F'
            || c == 'K'
            || c == 't'
    };
    if digits.is_empty() || !cell.chars().all(known) || cell.chars().filter(char::is_ascii_alphabetic).count() > 3 {
        return Err(wrong());
    }
    let other = if decimal == '.' { ',' } else { '.' };
    let (whole, fraction) = match digits.rsplit_once(decimal) {
        None => (digits.as_str(), ""),
        Some((whole, _)) if whole.contains(decimal) => return Err("has more than one decimal sign".into()),
        Some((whole, fraction)) => (whole, fraction),
    };
    if fraction.contains(other) {
        return Err(format!("has {other} where {decimal} was taken for the decimal sign"));
    }
    if fraction.len() == 3 && currency.digits() != 3 && !whole.contains(other) {
        return Err(format!("could be thousands or decimals: say whether {decimal} is the decimal sign"));
    }
    let grouped = whole.split(other).skip(1).all(|group| group.len() == 3);
    if !grouped {
        return Err(format!("has {other} where no thousands end: is {decimal} the decimal sign?"));
    }
    let sign = if below { "-" } else { "" };
    let plain = format!("{sign}{}.{}", whole.replace(other, ""), if fraction.is_empty() { "0" } else { fraction });
    currency.minor(&plain).map_err(|why| why.to_string())
}
