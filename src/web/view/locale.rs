//! How each language writes figures and dates: its signs, its months and days. The words around them are the catalogue's.

use jiff::civil::{Date, Weekday};

use super::words::{Language, language};

pub struct Locale {
    /// Between groups of three digits.
    pub group: char,
    /// Before the fraction.
    pub point: char,
    /// Whether the sign of a currency stands before the amount.
    pub currency_first: bool,
    months: [&'static str; 12],
    /// In full, as a heading has them.
    long_months: [&'static str; 12],
    /// Between a month and its year.
    before_year: &'static str,
    /// Monday first.
    days: [&'static str; 7],
    /// Behind the number of a day.
    after_day: &'static str,
    after_weekday: &'static str,
}

static ENGLISH: Locale = Locale {
    group: ',',
    point: '.',
    currency_first: true,
    months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    long_months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    before_year: " ",
    days: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    after_day: "",
    after_weekday: "",
};

static GERMAN: Locale = Locale {
    group: '.',
    point: ',',
    currency_first: false,
    months: ["Jan.", "Feb.", "März", "Apr.", "Mai", "Juni", "Juli", "Aug.", "Sept.", "Okt.", "Nov.", "Dez."],
    long_months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    before_year: " ",
    days: ["Mo", "Di", "Mi", "Do", "Fr", "Sa", "So"],
    after_day: ".",
    after_weekday: ",",
};

static SPANISH: Locale = Locale {
    group: '.',
    point: ',',
    currency_first: false,
    months: ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sept", "oct", "nov", "dic"],
    long_months: [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    before_year: " de ",
    days: ["lun", "mar", "mié", "jue", "vie", "sáb", "dom"],
    after_day: "",
    after_weekday: ",",
};

impl Locale {
    /// That of the reader.
    pub fn here() -> &'static Locale {
        match language() {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::Spanish => &SPANISH,
        }
    }

    /// `1204` → `1,204`; what is not a digit stays where it is.
    pub fn grouped(&self, digits: &str) -> String {
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(self.group);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// `Wed`
    pub fn weekday(&self, day: Weekday) -> &'static str {
        let place = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
        self.days.get(place).copied().unwrap_or_default()
    }

    /// `18 Nov`
    pub fn day(&self, date: Date) -> String {
        let month = usize::try_from(date.month() - 1).ok().and_then(|place| self.months.get(place));
        format!("{}{} {}", date.day(), self.after_day, month.copied().unwrap_or_default())
    }

    /// `November 2026`
    pub fn month(&self, date: Date) -> String {
        let month = usize::try_from(date.month() - 1).ok().and_then(|place| self.long_months.get(place));
        format!("{}{}{}", month.copied().unwrap_or_default(), self.before_year, date.year())
    }

    /// `18 Nov 2026`
    pub fn date(&self, date: Date) -> String {
        format!("{} {}", self.day(date), date.year())
    }

    /// A date, as written here, behind its day of the week: `Wed 18 Nov`.
    pub fn with_weekday(&self, date: Date, written: &str) -> String {
        format!("{}{} {written}", self.weekday(date.weekday()), self.after_weekday)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::web::view::words::written_in;

    #[test]
    fn every_month_and_day_has_its_name() {
        #[track_caller]
        fn check(language: Language, months: &str, days: &str) {
            written_in(language, || {
                let here = Locale::here();
                let named: Vec<String> = (1..=12).map(|month| here.day(date(2026, month, 3))).collect();
                assert_eq!(named.join(" "), months);
                // The 2nd of November 2026 is a Monday.
                let named: Vec<&str> = (2..=8).map(|day| here.weekday(date(2026, 11, day).weekday())).collect();
                assert_eq!(named.join(" "), days);
            });
        }
        check(
            Language::English,
            "3 Jan 3 Feb 3 Mar 3 Apr 3 May 3 Jun 3 Jul 3 Aug 3 Sep 3 Oct 3 Nov 3 Dec",
            "Mon Tue Wed Thu Fri Sat Sun",
        );
        check(
            Language::German,
            "3. Jan. 3. Feb. 3. März 3. Apr. 3. Mai 3. Juni 3. Juli 3. Aug. 3. Sept. 3. Okt. 3. Nov. 3. Dez.",
            "Mo Di Mi Do Fr Sa So",
        );
        check(
            Language::Spanish,
            "3 ene 3 feb 3 mar 3 abr 3 may 3 jun 3 jul 3 ago 3 sept 3 oct 3 nov 3 dic",
            "lun mar mié jue vie sáb dom",
        );
    }
}
