//! Opening hours as people read them, in the reader's language.

use jiff::civil::Weekday;

use super::{format, words::t};
use crate::domain::hours::Hours;

/// `Mon–Fri 09:00–20:00, Sat 10:00–18:00, not on public holidays`; `at any time`, `never`.
pub fn said(hours: &Hours) -> String {
    if hours.is_never() {
        return t("never").to_owned();
    }
    if *hours == Hours::ALWAYS {
        return t("at any time").to_owned();
    }
    hours.to_string().split("; ").map(part).collect::<Vec<_>>().join(", ")
}

/// `mon-fri,sun 09:00-20:00` or `no holidays`, as `Hours` writes its parts.
fn part(written: &str) -> String {
    match written.split_once(' ') {
        None | Some(("no", _)) => t("not on public holidays").to_owned(),
        Some((days, window)) => {
            let range = |range: &str| range.split('-').map(weekday).collect::<Vec<_>>().join("–");
            format!("{} {}", format::list(days.split(',').map(range)), window.replace('-', "–"))
        }
    }
}

fn weekday(name: &str) -> &str {
    const DAYS: [(&str, Weekday); 7] = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    DAYS.iter().find(|(known, _)| *known == name).map_or(name, |(_, day)| format::weekday(*day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::words::{Language, written_in};

    #[test]
    fn hours_are_said_in_each_language() {
        #[track_caller]
        fn check(written: &str, expected: [&str; 3]) {
            let hours: Hours = written.parse().unwrap();
            assert_eq!(Language::ALL.map(|language| written_in(language, || said(&hours))), expected);
            assert_eq!(said(&hours), hours.words());
        }
        check(
            "mon-sat 09:00-20:00; no holidays",
            [
                "Mon–Sat 09:00–20:00, not on public holidays",
                "Mo–Sa 09:00–20:00, nicht an Feiertagen",
                "lun–sáb 09:00–20:00, no en festivos",
            ],
        );
        check("mon,wed 09:00-18:00", ["Mon and Wed 09:00–18:00", "Mo und Mi 09:00–18:00", "lun y mié 09:00–18:00"]);
        check("never", ["never", "nie", "nunca"]);
    }
}
