//! Figures, money and moments in words. Decides how a value reads, never which value it is: nothing here adds, rounds
//! away a difference that matters, or asks for the time. Everything reads as the reader's language writes it; outside a
//! page (sheets, the API, the command line) that is English.

use std::{borrow::Cow, time::Duration};

use jiff::{
    civil::{Date, Weekday},
    tz::TimeZone,
};

pub use super::counted::agree;
use super::{
    locale::Locale,
    words::{noted, say, t},
};
use crate::domain::{
    message::Cost,
    money::{Currency, Money},
    time::Time,
};

/// A share of fewer cases than this says more than it knows: counts are shown instead.
pub const RATE_CASES_MIN: u64 = 30;

/// From this many major units on a headline leaves out the cents.
const BRIEF_FROM_MAJOR: u64 = 100;

/// A number never parts from its unit at the end of a line.
const TOGETHER: char = '\u{a0}';

const MICROS: i64 = 1_000_000;

const DAY_SECONDS: u64 = 86_400;

/// From here on a span is told in days.
const SPAN_DAYS_FROM: u64 = 2 * DAY_SECONDS;

/// What four digits after the point can still show.
const PRICE_BELOW_MICROS: u64 = 999_950;

/// What templates call on values: `{{ row.value.shown() }}`.
pub trait Shown {
    /// Exact, as a table shows it.
    fn shown(&self) -> String;
    /// As a headline says it.
    fn brief(&self) -> String {
        self.shown()
    }
}

impl Shown for Money {
    fn shown(&self) -> String {
        let amount = self.amount();
        let bare = amount.trim_start_matches('-');
        let (whole, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        priced(self.minor < 0, &decimal(whole, fraction), self.currency)
    }

    /// Without cents from 100 on, rounded half away from zero: `€12,480`, but `€28.40`.
    fn brief(&self) -> String {
        let unit = 10_u64.saturating_pow(self.currency.digits());
        let minor = self.minor.unsigned_abs();
        if minor / unit < BRIEF_FROM_MAJOR || self.currency.digits() == 0 {
            return self.shown();
        }
        let whole = (minor + unit / 2) / unit;
        priced(self.minor < 0, &count(whole), self.currency)
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        count(*self)
    }
}

impl Shown for Cost {
    /// Prices of texts need the third and fourth digit (`€0.041`); sums do not (`€61.20`).
    fn shown(&self) -> String {
        let micros = self.micros.unsigned_abs();
        if micros >= PRICE_BELOW_MICROS {
            let unit = 10_i64.saturating_pow(self.currency.digits());
            let minor = (i128::from(self.micros) * i128::from(unit) * 2
                + i128::from(MICROS) * i128::from(self.micros.signum()))
                / i128::from(MICROS * 2);
            return Money::new(i64::try_from(minor).unwrap_or(i64::MAX), self.currency).shown();
        }
        // Four digits, of which zeros at the end are dropped down to the currency's own.
        let mut digits = format!("{:04}", (micros + 50) / 100);
        while digits.len() > self.currency.digits().max(2) as usize && digits.ends_with('0') {
            digits.pop();
        }
        priced(self.micros < 0, &decimal("0", &digits), self.currency)
    }
}

impl Shown for Vec<Money> {
    fn shown(&self) -> String {
        list(self.iter().map(Shown::shown))
    }
    fn brief(&self) -> String {
        list(self.iter().map(Shown::brief))
    }
}

impl Shown for Vec<Cost> {
    fn shown(&self) -> String {
        list(self.iter().map(Shown::shown))
    }
}

/// An amount with its currency: `−€1,204.50`, `CHF 1,204.50`, `1.204,50 €`.
fn priced(is_negative: bool, amount: &str, currency: Currency) -> String {
    let sign = if is_negative { "−" } else { "" };
    // `€`, `CHF ` – what `Money` puts before an amount.
    let zero = Money::new(0, currency).to_string();
    let symbol = zero.trim_end_matches(['0', '.']);
    match Locale::here().currency_first {
        true => format!("{sign}{symbol}{amount}"),
        false => format!("{sign}{amount}{TOGETHER}{}", symbol.trim_end()),
    }
}

/// A line of a grid, without its fraction: `€1,200`.
pub fn whole(money: Money) -> String {
    let unit = 10_u64.saturating_pow(money.currency.digits());
    priced(money.minor < 0, &count(money.minor.unsigned_abs() / unit), money.currency)
}

/// `1,204.50` of the digits before and behind the point.
pub fn decimal(whole: &str, fraction: &str) -> String {
    let here = Locale::here();
    let grouped = here.grouped(whole);
    if fraction.is_empty() { grouped } else { format!("{grouped}{}{fraction}", here.point) }
}

/// `a`, `a and b`, `a, b and c`; nothing at all is a dash.
pub fn list(parts: impl Iterator<Item = String>) -> String {
    joined(parts, "{before} and {last}")
}

/// `a`, `a or b`, `a, b or c`; nothing at all is a dash.
pub fn either(parts: impl Iterator<Item = String>) -> String {
    joined(parts, "{before} or {last}")
}

fn joined(parts: impl Iterator<Item = String>, with: &str) -> String {
    let mut parts: Vec<String> = parts.collect();
    match parts.pop() {
        None => "–".to_owned(),
        Some(last) if parts.is_empty() => last,
        Some(last) => say(with, &[("before", &parts.join(", ")), ("last", &last)]),
    }
}

/// What joins the last two of a list.
const _: [&str; 2] = [noted("{before} and {last}"), noted("{before} or {last}")];

/// `1,204`
pub fn count(number: u64) -> String {
    Locale::here().grouped(&number.to_string())
}

/// `1 order`, `96 orders`, `no orders`, in the reader's language.
pub fn number_of(number: u64, one: &str, many: &str) -> String {
    match number {
        0 => say("no {things}", &[("things", &t(many))]),
        1 => format!("1 {}", t(one)),
        _ => format!("{} {}", count(number), t(many)),
    }
}

/// `31 of 412`
pub fn out_of(part: u64, whole: u64) -> String {
    say("{part} of {whole}", &[("part", &count(part)), ("whole", &count(whole))])
}

/// A share that is honest about how much it rests on: `3 of 12`, `7.5 %`, `64 %`; `–` of nothing.
pub fn rate(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    if whole < RATE_CASES_MIN {
        return out_of(part, whole);
    }
    let tenths = (u128::from(part) * 2000 + u128::from(whole)) / (u128::from(whole) * 2);
    if tenths < 100 {
        format!("{}{TOGETHER}%", decimal(&(tenths / 10).to_string(), &(tenths % 10).to_string()))
    } else {
        format!("{}{TOGETHER}%", (tenths + 5) / 10)
    }
}

/// `0.7 % of texts`, `1 of 12 texts`
pub fn share_of(part: u64, whole: u64, many: &str) -> String {
    let (share, things) = (rate(part, whole), t(many));
    match whole {
        1..RATE_CASES_MIN => format!("{share} {things}"),
        _ => say("{share} of {things}", &[("share", &share), ("things", &things)]),
    }
}

/// What became of a figure since the period before: `▲ 8 %`, `▼ 3 %`, `same as before`. On fewer than 30 cases in
/// either period there is no percentage: `None`, and the caller says what it was.
pub fn change(now: i64, before: i64, cases: u64, cases_before: u64) -> Option<String> {
    if cases.min(cases_before) < RATE_CASES_MIN || before <= 0 {
        return None;
    }
    let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before);
    Some(match percent {
        0 => t("same as before").to_owned(),
        up if up > 0 => format!("▲ {up}{TOGETHER}%"),
        down => format!("▼ {}{TOGETHER}%", down.unsigned_abs()),
    })
}

/// `14:05`
pub fn clock(at: Time, zone: &TimeZone) -> String {
    at.to_timestamp().to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// `18 Nov 2026, 14:05`
pub fn moment(at: Time, zone: &TimeZone) -> String {
    format!("{}, {}", date_year(day_of(at, zone)), clock(at, zone))
}

/// The day a moment falls on where the shop is.
pub fn day_of(at: Time, zone: &TimeZone) -> Date {
    at.to_timestamp().to_zoned(zone.clone()).date()
}

/// `Today`, `Yesterday`, `Wed 18 Nov`, and with its year when that is another one.
pub fn day(at: Time, now: Time, zone: &TimeZone) -> Cow<'static, str> {
    let (that, today) = (day_of(at, zone), day_of(now, zone));
    match today.since(that).map(|span| span.get_days()) {
        Ok(0) => t("Today").into(),
        Ok(1) => t("Yesterday").into(),
        _ if that.year() == today.year() => weekday_date(that).into(),
        _ => Locale::here().with_weekday(that, &date_year(that)).into(),
    }
}

/// `18 Nov`
pub fn date(date: Date) -> String {
    Locale::here().day(date)
}

/// `November 2026`
pub fn month(date: Date) -> String {
    Locale::here().month(date)
}

/// `Wed 18 Nov`
pub fn weekday_date(date: Date) -> String {
    Locale::here().with_weekday(date, &self::date(date))
}

/// `Wed`
pub fn weekday(day: Weekday) -> &'static str {
    Locale::here().weekday(day)
}

/// `18 Nov 2026`
pub fn date_year(date: Date) -> String {
    Locale::here().date(date)
}

/// `21 h ago`, `in 3 h`, `just now`; two days and more in days.
pub fn ago(at: Time, now: Time) -> String {
    let (length, is_ahead) = if at > now { (at.since(now), true) } else { (now.since(at), false) };
    // Days have a case of their own beside “ago” in some languages.
    let days = count(length.as_secs() / DAY_SECONDS);
    let long = span(length);
    match (is_ahead, length.as_secs()) {
        (false, 0..10) => t("just now").to_owned(),
        (false, 0..SPAN_DAYS_FROM) => say("{span} ago", &[("span", &long)]),
        (false, _) => say("{days} days ago", &[("days", &days)]),
        (true, 0..SPAN_DAYS_FROM) => say("in {span}", &[("span", &long)]),
        (true, _) => say("in {days} days", &[("days", &days)]),
    }
}

/// The largest unit that still says it: `4 s`, `7 min`, `21 h`, `3 days`.
pub fn span(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..60 => format!("{seconds}{TOGETHER}s"),
        seconds @ 60..5_400 => format!("{}{TOGETHER}min", seconds / 60),
        seconds @ 5_400..SPAN_DAYS_FROM => format!("{}{TOGETHER}h", (seconds + 1_800) / 3_600),
        seconds => format!("{}{TOGETHER}{}", count(seconds / DAY_SECONDS), t("days")),
    }
}

/// `812 B`, `14 kB`
pub fn size(bytes: u64) -> String {
    if bytes < 1_000 { format!("{bytes} B") } else { format!("{} kB", count((bytes + 500) / 1_000)) }
}

/// A word that opens a sentence: `no orders` → `No orders`.
pub fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::time::{DAY, HOUR, MINUTE},
        web::view::words::{Language, written_in},
    };
    use proptest::prelude::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    #[test]
    fn money_is_exact_in_tables_and_short_in_headlines() {
        #[track_caller]
        fn check(minor: i64, code: &str, shown: &str, brief: &str) {
            assert_eq!((money(minor, code).shown().as_str(), money(minor, code).brief().as_str()), (shown, brief));
        }
        check(1_248_049, "EUR", "€12,480.49", "€12,480");
        check(1_248_050, "EUR", "€12,480.50", "€12,481");
        check(9_999, "EUR", "€99.99", "€99.99");
        check(-2_000, "EUR", "−€20.00", "−€20.00");
        check(-200_000, "USD", "−$2,000.00", "−$2,000");
        check(1_234_567, "JPY", "¥1,234,567", "¥1,234,567");
        check(120_000, "CHF", "CHF 1,200.00", "CHF 1,200");
        check(i64::MIN, "EUR", "−€92,233,720,368,547,758.08", "−€92,233,720,368,547,758");
    }

    #[test]
    fn prices_keep_the_digits_that_matter() {
        #[track_caller]
        fn check(micros: i64, code: &str, shown: &str) {
            assert_eq!(Cost { micros, currency: Currency::parse(code).unwrap() }.shown(), shown);
        }
        check(41_000, "EUR", "€0.041");
        check(80_000, "EUR", "€0.08");
        check(7_549, "USD", "$0.0075");
        check(0, "EUR", "€0.00");
        check(999_990, "EUR", "€1.00");
        check(61_199_999, "EUR", "€61.20");
        check(-1_500_000, "CHF", "−CHF 1.50");
        check(12_000_000, "JPY", "¥12");
    }

    #[test]
    fn currencies_stay_apart() {
        assert_eq!(vec![money(421_000, "EUR"), money(120_000, "CHF")].brief(), "€4,210 and CHF 1,200");
        assert_eq!(Vec::<Money>::new().shown(), "–");
    }

    #[test]
    fn small_numbers_are_no_percentages() {
        #[track_caller]
        fn check(part: u64, whole: u64, expected: &str) {
            assert_eq!(rate(part, whole), expected, "{part} of {whole}");
        }
        check(0, 0, "–");
        check(3, 12, "3 of 12");
        check(29, 29, "29 of 29");
        check(15, 30, "50\u{a0}%");
        check(31, 412, "7.5\u{a0}%");
        check(9, 1_204, "0.7\u{a0}%");
        check(0, 1_204, "0.0\u{a0}%");
        check(1_204, 1_204, "100\u{a0}%");
        check(999, 10_000, "10\u{a0}%");
        assert_eq!(share_of(9, 1_204, "texts"), "0.7\u{a0}% of texts");
        assert_eq!(share_of(1, 12, "texts"), "1 of 12 texts");
    }

    #[test]
    fn changes_need_cases_too() {
        assert_eq!(change(108, 100, 96, 88).as_deref(), Some("▲ 8\u{a0}%"));
        assert_eq!(change(97, 100, 96, 88).as_deref(), Some("▼ 3\u{a0}%"));
        assert_eq!(change(100, 100, 96, 88).as_deref(), Some("same as before"));
        assert_eq!(change(108, 100, 29, 88), None);
        assert_eq!(change(108, 0, 96, 88), None);
    }

    #[test]
    fn moments_are_told_where_the_shop_is() {
        let ljubljana = TimeZone::get("Europe/Ljubljana").unwrap();
        let now = Time::parse("2026-11-20T23:30:00Z").unwrap();
        let at = |text: &str| Time::parse(text).unwrap();
        assert_eq!(clock(now, &ljubljana), "00:30");
        assert_eq!(moment(now, &ljubljana), "21 Nov 2026, 00:30");
        assert_eq!(day(at("2026-11-20T23:00:00Z"), now, &ljubljana), "Today");
        assert_eq!(day(at("2026-11-20T22:59:00Z"), now, &ljubljana), "Yesterday");
        assert_eq!(day(at("2026-11-18T12:00:00Z"), now, &ljubljana), "Wed 18 Nov");
        assert_eq!(day(at("2025-11-18T12:00:00Z"), now, &ljubljana), "Tue 18 Nov 2025");
        assert_eq!(day(at("2026-11-21T12:00:00Z"), now, &TimeZone::UTC), "Sat 21 Nov");
    }

    #[test]
    fn distances_are_told_in_one_unit() {
        #[track_caller]
        fn check(length: Duration, expected: &str) {
            assert_eq!(span(length), expected);
        }
        check(Duration::from_secs(4), "4\u{a0}s");
        check(MINUTE * 7, "7\u{a0}min");
        check(MINUTE * 89, "89\u{a0}min");
        check(MINUTE * 90, "2\u{a0}h");
        check(HOUR * 47, "47\u{a0}h");
        check(DAY * 3, "3\u{a0}days");
        let now = Time::from_seconds(1_000_000);
        assert_eq!(ago(now - HOUR * 21, now), "21\u{a0}h ago");
        assert_eq!(ago(now + HOUR * 3, now), "in 3\u{a0}h");
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(now - DAY * 3, now), "3 days ago");
        assert_eq!(ago(now + DAY * 3, now), "in 3 days");
    }

    #[test]
    fn each_language_has_its_own_signs() {
        #[track_caller]
        fn check(language: Language, expected: [&str; 19]) {
            let said = written_in(language, || {
                let now = Time::parse("2026-11-20T12:00:00Z").unwrap();
                let micros = |micros| Cost { micros, currency: "EUR".parse().unwrap() };
                let three = || ["a", "b", "c"].map(str::to_owned).into_iter();
                [
                    money(120_450, "EUR").shown(),
                    money(-120_450, "CHF").shown(),
                    money(1_234_567, "JPY").shown(),
                    money(1_248_050, "EUR").brief(),
                    whole(money(-120_099, "EUR")),
                    micros(41_000).shown(),
                    count(1_204),
                    rate(31, 412),
                    share_of(1, 12, "orders"),
                    share_of(31, 412, "orders"),
                    moment(now, &TimeZone::UTC),
                    day(now, now, &TimeZone::UTC).into_owned(),
                    day(now - DAY * 2, now, &TimeZone::UTC).into_owned(),
                    day(now - DAY * 366, now, &TimeZone::UTC).into_owned(),
                    ago(now - DAY * 3, now),
                    ago(now + HOUR * 3, now),
                    list(three()),
                    either(three()),
                    number_of(0, "order", "orders"),
                ]
            });
            assert_eq!(said.map(|said| said.replace(TOGETHER, "_")), expected);
        }
        check(
            Language::English,
            [
                "€1,204.50",
                "−CHF 1,204.50",
                "¥1,234,567",
                "€12,481",
                "−€1,200",
                "€0.041",
                "1,204",
                "7.5_%",
                "1 of 12 orders",
                "7.5_% of orders",
                "20 Nov 2026, 12:00",
                "Today",
                "Wed 18 Nov",
                "Wed 19 Nov 2025",
                "3 days ago",
                "in 3_h",
                "a, b and c",
                "a, b or c",
                "no orders",
            ],
        );
        check(
            Language::German,
            [
                "1.204,50_€",
                "−1.204,50_CHF",
                "1.234.567_¥",
                "12.481_€",
                "−1.200_€",
                "0,041_€",
                "1.204",
                "7,5_%",
                "1 von 12 Bestellungen",
                "7,5_% der Bestellungen",
                "20. Nov. 2026, 12:00",
                "Heute",
                "Mi, 18. Nov.",
                "Mi, 19. Nov. 2025",
                "vor 3 Tagen",
                "in 3_h",
                "a, b und c",
                "a, b oder c",
                "keine Bestellungen",
            ],
        );
        check(
            Language::Spanish,
            [
                "1.204,50_€",
                "−1.204,50_CHF",
                "1.234.567_¥",
                "12.481_€",
                "−1.200_€",
                "0,041_€",
                "1.204",
                "7,5_%",
                "1 de 12 pedidos",
                "7,5_% de pedidos",
                "20 nov 2026, 12:00",
                "Hoy",
                "mié, 18 nov",
                "mié, 19 nov 2025",
                "hace 3 días",
                "en 3_h",
                "a, b y c",
                "a, b o c",
                "0 pedidos",
            ],
        );
    }

    #[test]
    fn counts_agree_with_their_nouns() {
        assert_eq!(number_of(0, "order", "orders"), "no orders");
        assert_eq!(number_of(1, "order", "orders"), "1 order");
        assert_eq!(number_of(1_204, "text", "texts"), "1,204 texts");
        assert_eq!(sentence_case("no orders"), "No orders");
        assert_eq!(size(14_400), "14 kB");
    }

    proptest! {
        #[test]
        fn nothing_overflows(minor in any::<i64>(), part in any::<u64>(), whole in any::<u64>(), ms in any::<i64>()) {
            for code in ["EUR", "JPY", "KWD"] {
                let currency = Currency::parse(code).unwrap();
                let _ = (Money::new(minor, currency).brief(), Cost { micros: minor, currency }.shown());
            }
            let _ = (rate(part, whole), change(minor, ms, part, whole));
            let _ = (ago(Time::from_millis(ms), Time::from_millis(minor)), day(Time::from_millis(ms), Time::from_millis(minor), &TimeZone::UTC));
        }
    }
}
