//! Hours against the wall clock, week by week, holiday by holiday and at every change of the clocks.

use super::*;
use proptest::prelude::*;

const AUSTRALIA: &[&str] = &[
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Eucla",
    "Australia/Lord_Howe",
    "Australia/Perth",
    "Australia/Sydney",
    "Indian/Christmas",
    "Indian/Cocos",
];

fn time(text: &str) -> Time {
    Time::parse(text).unwrap_or_else(|| panic!("{text}"))
}

#[track_caller]
fn check(zones: &[&str], hours: &str, now: &str, expected: &str) {
    let said = match opening(zones, &hours.parse().unwrap(), &Holidays::none(), time(now)) {
        Opening::Open { until } => format!("open until {}", until.to_timestamp()),
        Opening::Opens(at) => format!("opens {}", at.to_timestamp()),
        Opening::Never => "never".to_owned(),
    };
    assert_eq!(said, expected, "{zones:?} {hours} at {now}");
}

const USUAL: &str = "mon-sat 09:00-20:00";

#[test]
fn an_ordinary_week_in_ljubljana() {
    let here = &["Europe/Ljubljana"];
    // Wednesday 2026-06-10, UTC+2.
    check(here, USUAL, "2026-06-10T06:59:59.999Z", "opens 2026-06-10T07:00:00Z");
    check(here, USUAL, "2026-06-10T07:00:00Z", "open until 2026-06-10T17:50:00Z");
    check(here, USUAL, "2026-06-10T12:00:00Z", "open until 2026-06-10T17:50:00Z");
    // 19:50 is the last call, though the shop closes at 20:00.
    check(here, USUAL, "2026-06-10T17:49:59.999Z", "open until 2026-06-10T17:50:00Z");
    check(here, USUAL, "2026-06-10T17:50:00Z", "opens 2026-06-11T07:00:00Z");
    check(here, USUAL, "2026-06-10T18:30:00Z", "opens 2026-06-11T07:00:00Z");
    // Saturday evening and all Sunday wait for Monday.
    check(here, USUAL, "2026-06-13T17:55:00Z", "opens 2026-06-15T07:00:00Z");
    check(here, USUAL, "2026-06-14T10:00:00Z", "opens 2026-06-15T07:00:00Z");
    // Already Sunday in Ljubljana, still Saturday in UTC.
    check(here, "sun 00:00-12:00", "2026-06-13T22:30:00Z", "open until 2026-06-14T09:50:00Z");
    // Days that meet at midnight do not close there; Sunday does, before a Monday that is closed or begins later.
    check(here, "mon-sun 00:00-24:00", "2026-06-14T21:55:00Z", "open until 2026-06-28T21:55:00Z");
    check(here, "sat-sun 00:00-24:00", "2026-06-13T21:55:00Z", "open until 2026-06-14T21:50:00Z");
    check(here, "sat-sun 00:00-24:00", "2026-06-14T21:55:00Z", "opens 2026-06-19T22:00:00Z");
    check(here, "sun 12:00-24:00; mon 00:01-24:00", "2026-06-14T21:55:00Z", "opens 2026-06-14T22:01:00Z");
    check(here, "wed 09:00-20:00", "2026-06-10T18:00:00Z", "opens 2026-06-17T07:00:00Z");
}

#[test]
fn f30_nights_on_which_the_clocks_change_in_ljubljana() {
    let here = &["Europe/Ljubljana"];
    // 2026-03-29: 02:00 becomes 03:00, UTC+1 becomes UTC+2.
    check(here, USUAL, "2026-03-28T19:00:00Z", "opens 2026-03-30T07:00:00Z");
    check(here, "mon-sun 09:00-20:00", "2026-03-28T19:00:00Z", "opens 2026-03-29T07:00:00Z");
    // An opening inside the hour that does not exist is where the clock jumps past it.
    check(here, "mon-sun 02:30-12:00", "2026-03-29T00:30:00Z", "opens 2026-03-29T01:00:00Z");
    // A window wholly inside it does not open that day.
    check(here, "mon-sun 02:10-02:50", "2026-03-29T00:30:00Z", "opens 2026-03-30T00:10:00Z");
    check(here, "mon-sun 01:00-02:30", "2026-03-29T00:00:00Z", "open until 2026-03-29T01:00:00Z");
    // 2026-10-25: 03:00 becomes 02:00 again, UTC+2 becomes UTC+1.
    check(here, "mon-sun 09:00-20:00", "2026-10-24T19:00:00Z", "opens 2026-10-25T08:00:00Z");
    check(here, "mon-sun 02:10-02:50", "2026-10-25T00:10:00Z", "open until 2026-10-25T00:40:00Z");
    check(here, "mon-sun 02:10-02:50", "2026-10-25T00:45:00Z", "opens 2026-10-25T01:10:00Z");
    check(here, "mon-sun 02:30-12:00", "2026-10-25T00:45:00Z", "open until 2026-10-25T01:00:00Z");
}

#[test]
fn new_york_and_its_clock_changes() {
    let here = &["America/New_York"];
    check(here, USUAL, "2026-07-01T12:59:00Z", "opens 2026-07-01T13:00:00Z");
    check(here, USUAL, "2026-12-15T13:59:00Z", "opens 2026-12-15T14:00:00Z");
    // 2026-03-08 and 2026-11-01.
    check(here, "mon-sun 09:00-20:00", "2026-03-08T01:00:00Z", "opens 2026-03-08T13:00:00Z");
    check(here, "mon-sun 02:30-06:00", "2026-03-08T06:00:00Z", "opens 2026-03-08T07:00:00Z");
    check(here, "mon-sun 09:00-20:00", "2026-11-01T01:00:00Z", "opens 2026-11-01T14:00:00Z");
    check(here, "mon-sun 01:30-20:00", "2026-11-01T05:45:00Z", "open until 2026-11-01T06:00:00Z");
    check(here, "mon-sun 01:30-20:00", "2026-11-01T06:00:00Z", "opens 2026-11-01T06:30:00Z");
}

/// British Columbia, Alberta and Manitoba stay on daylight time from 2026 on (tzdata 2026e).
#[test]
fn western_canada_keeps_its_summer_time_in_winter() {
    check(&["America/Vancouver"], USUAL, "2026-12-15T15:59:00Z", "opens 2026-12-15T16:00:00Z");
    check(&["America/Vancouver"], USUAL, "2026-12-16T02:49:00Z", "open until 2026-12-16T02:50:00Z");
    check(&["America/Vancouver"], USUAL, "2026-12-16T02:50:00Z", "opens 2026-12-16T16:00:00Z");
    check(&["America/Los_Angeles"], USUAL, "2026-12-15T15:59:00Z", "opens 2026-12-15T17:00:00Z");
    check(&["America/Edmonton"], USUAL, "2026-12-15T14:00:00Z", "opens 2026-12-15T15:00:00Z");
    check(&["America/Winnipeg"], USUAL, "2026-12-15T13:00:00Z", "opens 2026-12-15T14:00:00Z");
}

#[test]
fn open_only_where_it_is_open_everywhere() {
    // 12:30 to 19:30 on a clock in Sydney in July, 13:30 to 20:00 in December.
    check(AUSTRALIA, USUAL, "2026-07-15T00:00:00Z", "opens 2026-07-15T02:30:00Z");
    check(AUSTRALIA, USUAL, "2026-07-15T02:30:00Z", "open until 2026-07-15T09:20:00Z");
    check(AUSTRALIA, USUAL, "2026-07-15T09:20:00Z", "opens 2026-07-16T02:30:00Z");
    check(AUSTRALIA, USUAL, "2026-12-15T00:00:00Z", "opens 2026-12-15T02:30:00Z");
    check(AUSTRALIA, USUAL, "2026-12-15T03:00:00Z", "open until 2026-12-15T08:50:00Z");
    check(&["Europe/Madrid", "Atlantic/Canary"], USUAL, "2026-06-10T07:30:00Z", "opens 2026-06-10T08:00:00Z");
    // Saturday has not ended in the west, Monday has not begun in the east.
    check(&["Pacific/Auckland", "America/New_York"], USUAL, "2026-07-13T12:00:00Z", "opens 2026-07-13T21:00:00Z");
    check(&["Asia/Tokyo", "America/Sao_Paulo"], USUAL, "2026-07-15T12:00:00Z", "never");
}

#[test]
fn f30_nobody_knows_the_zone() {
    check(&[], USUAL, "2026-06-10T12:00:00Z", "never");
    check(&["Europe/Ljubljana", "Mars/Olympus"], USUAL, "2026-06-10T12:00:00Z", "never");
    check(&["Etc/Unknown"], USUAL, "2026-06-10T12:00:00Z", "never");
    check(&["europe/ljubljana"], USUAL, "2026-06-10T12:00:00Z", "open until 2026-06-10T17:50:00Z");
    assert!(matches!(
        opening(&["UTC"], &Hours::DEFAULT, &Holidays::none(), Time::from_millis(i64::MAX)),
        Opening::Never
    ));
}

#[test]
fn days_have_beginnings() {
    let start = |name: &str, at: &str| {
        let zone = zone(name).unwrap();
        let day = day_of(&zone, time(at));
        format!("{day} {}", start_of_day(&zone, day).to_timestamp())
    };
    assert_eq!(start("Europe/Ljubljana", "2026-06-10T22:30:00Z"), "2026-06-11 2026-06-10T22:00:00Z");
    assert_eq!(start("America/New_York", "2026-11-01T12:00:00Z"), "2026-11-01 2026-11-01T04:00:00Z");
    // Beirut skips midnight, Havana has it twice.
    assert_eq!(start("Asia/Beirut", "2026-03-29T12:00:00Z"), "2026-03-29 2026-03-28T22:00:00Z");
    assert_eq!(start("America/Havana", "2026-11-01T12:00:00Z"), "2026-11-01 2026-11-01T04:00:00Z");
}

#[test]
fn hours_as_people_write_them() {
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let read = text.parse::<Hours>().map(|hours| hours.to_string()).map_err(|problem| problem.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text:?}");
    }
    check("mon-sat 09:00-20:00", Ok("mon-sat 09:00-20:00"));
    check(" Mon-Fri,SUN  9:00 - 21:30 ", Ok("mon-fri,sun 09:00-21:30"));
    check("sat-mon 00:00-24:00", Ok("mon,sat-sun 00:00-24:00"));
    check("sun,mon,tue 10:00-10:11", Ok("mon-tue,sun 10:00-10:11"));
    check("mon-sun 10:00-10:10", Err(NotHours::Empty.to_string().as_str()));
    check("mon-sun 20:00-09:00", Err(NotHours::Empty.to_string().as_str()));
    check("mon 9-17", Err("\"9\" is no time of day; write it as in 09:00"));
    check("mon 09:60-17:00", Err("\"09:60\" is no time of day; write it as in 09:00"));
    check("mon 09:00-24:01", Err("\"24:01\" is no time of day; write it as in 09:00"));
    check("mon +9:00-17:00", Err("\"+9:00\" is no time of day; write it as in 09:00"));
    check("monday 09:00-17:00", Err("\"monday\" is no day of the week; they are mon, tue, wed, thu, fri, sat, sun"));
    check("mon, 09:00-17:00", Err("\"\" is no day of the week; they are mon, tue, wed, thu, fri, sat, sun"));
    check("", Err(NotHours::Shape.to_string().as_str()));
    check("always", Err(NotHours::Shape.to_string().as_str()));
    assert_eq!(Hours::default().to_string(), USUAL);
    assert_eq!(serde_json::to_string(&Hours::DEFAULT).unwrap(), format!("\"{USUAL}\""));
    assert!(serde_json::from_str::<Hours>("\"mon 9-17\"").is_err());
}

/// The rule by itself: what a clock and a calendar on the wall show, nothing else.
fn open_by_the_wall(zones: &[&str], hours: &Hours, holidays: &Holidays, at: Time) -> bool {
    zones.iter().all(|name| {
        let wall = zone(name).unwrap().to_datetime(at.to_timestamp());
        let minute = wall.hour() as u16 * 60 + wall.minute() as u16;
        let window_of = |date: Date| {
            let closed = !hours.holidays && holidays.on(date).is_some();
            hours.days[date.weekday().to_monday_zero_offset() as usize].filter(|_| !closed)
        };
        let goes_on = window_of(wall.date().tomorrow().unwrap()).is_some_and(|window| window.from == 0);
        window_of(wall.date()).is_some_and(|window| {
            let last = if window.to == 24 * 60 && goes_on { window.to } else { window.to - 10 };
            minute >= window.from && minute < last
        })
    })
}

fn any_window() -> impl Strategy<Value = Option<Window>> {
    let window =
        (0..24 * 60u16, 0..24 * 60u16).prop_map(|(from, length)| Window::new(from, (from + length).min(24 * 60)));
    prop_oneof![1 => Just(None), 1 => Just(Window::new(0, 24 * 60)), 4 => window]
}

/// Weeks of seven different days, weeks of two sorts of day, and `never`.
fn any_hours() -> impl Strategy<Value = Hours> {
    let two = (any_window(), any_window(), any::<[bool; 7]>())
        .prop_map(|(one, other, which)| which.map(|first| if first { one } else { other }));
    let seven = prop::array::uniform7(any_window());
    (prop_oneof![two, seven], any::<bool>()).prop_map(|(days, holidays)| Hours { days, holidays }.plain())
}

fn some_zones() -> impl Strategy<Value = Vec<&'static str>> {
    let known = vec![
        "Europe/Ljubljana",
        "America/New_York",
        "America/Vancouver",
        "Australia/Lord_Howe",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
    ];
    prop::sample::subsequence(known, 1..=3)
}

#[test]
fn weeks_as_people_write_them() {
    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let read = text.parse::<Hours>().map(|hours| hours.to_string()).map_err(|problem| problem.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{text:?}");
    }
    let week = "mon-sat 09:00-20:00; sun 12:00-20:00; no holidays";
    check(week, Ok(week));
    check("No Holidays ; SUN 12:00-20:00;mon-sat 9:00-20:00", Ok(week));
    check("mon-sat 09:00-20:00; no holidays", Ok("mon-sat 09:00-20:00; no holidays"));
    // The same window in two parts is one part.
    check("mon 09:00-20:00; wed 09:00-20:00; tue 10:00-20:00", Ok("mon,wed 09:00-20:00; tue 10:00-20:00"));
    check("Never", Ok("never"));
    check("mon-sat 09:00-20:00; sat-sun 12:00-20:00", Err("sat is named twice: a day has one window"));
    check("mon 09:00-12:00; mon 14:00-18:00", Err("mon is named twice: a day has one window"));
    check("mon-sat 09:00-20:00; sun 12:00-12:10", Err(NotHours::Empty.to_string().as_str()));
    for nothing in ["no holidays", "no holidays; no holidays", "mon-sat 09:00-20:00;", ";", "never; no holidays"] {
        check(nothing, Err(NotHours::Shape.to_string().as_str()));
    }
    check("mon-sat 09:00-20:00; never on sundays", Err(NotHours::Shape.to_string().as_str()));
    assert_eq!(serde_json::from_str::<Hours>("\"never\"").unwrap(), Hours::NEVER);
    assert_eq!(serde_json::to_string(&Hours::NEVER).unwrap(), "\"never\"");
}

#[test]
fn hours_in_words() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Hours>().unwrap().words(), expected);
    }
    check(USUAL, "Mon–Sat 09:00–20:00");
    check(
        "mon-sat 09:00-20:00; sun 12:00-20:00; no holidays",
        "Mon–Sat 09:00–20:00, Sun 12:00–20:00, not on public holidays",
    );
    check("mon-tue,thu 10:00-12:00", "Mon–Tue and Thu 10:00–12:00");
    check("never", "never");
    check("mon-sun 00:00-24:00", "at any time");
    check("mon-sun 00:00-24:00; no holidays", "Mon–Sun 00:00–24:00, not on public holidays");
}

#[test]
fn hours_are_intersected() {
    #[track_caller]
    fn check(one: &str, other: &str, expected: &str) {
        let hours = |text: &str| text.parse::<Hours>().unwrap();
        assert_eq!(hours(one).intersect(&hours(other)).to_string(), expected, "{one} and {other}");
    }
    check("mon-sun 08:00-21:00", "mon-sat 09:00-20:00; sun 12:00-20:00", "mon-sat 09:00-20:00; sun 12:00-20:00");
    check("mon-sat 08:00-22:00; no holidays", "mon-sun 09:00-23:00", "mon-sat 09:00-22:00; no holidays");
    check("mon-fri 09:00-17:00", "sat-sun 09:00-17:00; no holidays", "never");
    // Ten minutes are left, and the last call takes them.
    check("mon 09:00-17:00", "mon-tue 16:50-20:00", "never");
    check("mon 09:00-17:00", "mon-tue 16:49-20:00", "mon 16:49-17:00");
}

/// One zone, with the holidays of some countries.
#[track_caller]
fn check_holidays(zone: &str, countries: &[&str], hours: &str, now: &str, expected: &str) {
    let said = match opening(&[zone], &hours.parse().unwrap(), &Holidays::of(countries), time(now)) {
        Opening::Open { until } => format!("open until {}", until.to_timestamp()),
        Opening::Opens(at) => format!("opens {}", at.to_timestamp()),
        Opening::Never => "never".to_owned(),
    };
    assert_eq!(said, expected, "{zone} {countries:?} {hours} at {now}");
}

#[test]
fn holidays_are_closed_where_the_hours_say_so() {
    let french = "mon-sat 08:00-20:00; no holidays";
    // 14 July 2026 is a Tuesday; in Paris it begins at 22:00 UTC the evening before.
    check_holidays("Europe/Paris", &["FR"], french, "2026-07-14T10:00:00Z", "opens 2026-07-15T06:00:00Z");
    check_holidays("Europe/Paris", &["FR"], french, "2026-07-13T19:00:00Z", "opens 2026-07-15T06:00:00Z");
    check_holidays("Europe/Paris", &["FR"], french, "2026-07-13T10:00:00Z", "open until 2026-07-13T17:50:00Z");
    check_holidays("Europe/Paris", &["SI"], french, "2026-07-14T10:00:00Z", "open until 2026-07-14T17:50:00Z");
    let on_holidays_too = "mon-sat 08:00-20:00";
    check_holidays("Europe/Paris", &["FR"], on_holidays_too, "2026-07-14T10:00:00Z", "open until 2026-07-14T17:50:00Z");
    // The union of two countries: 25 June is a holiday in Slovenia and a Thursday in France.
    check_holidays("Europe/Paris", &["FR", "SI"], french, "2026-06-25T10:00:00Z", "opens 2026-06-26T06:00:00Z");
    // The calendar day of the zone decides, not that of UTC: in Auckland the 26th has begun.
    let daily = "mon-sun 09:00-20:00; no holidays";
    check_holidays("Pacific/Auckland", &["NZ"], daily, "2026-12-25T21:00:00Z", "opens 2026-12-26T20:00:00Z");
    // And it is a Saturday: the Monday after is kept as well.
    check_holidays("Pacific/Auckland", &["NZ"], daily, "2026-12-27T12:00:00Z", "opens 2026-12-28T20:00:00Z");
    check_holidays("America/New_York", &["US"], daily, "2026-12-26T01:00:00Z", "opens 2026-12-26T14:00:00Z");
    check_holidays("Europe/Paris", &["FR"], "never", "2026-07-14T10:00:00Z", "never");
    check_holidays(
        "Europe/Paris",
        &["FR"],
        "thu 09:00-20:00; no holidays",
        "2026-12-24T19:00:00Z",
        "opens 2026-12-31T08:00:00Z",
    );
}

/// Any minute of 2026 and 2027, half of them within two days of a change of the clocks in one of these zones.
fn some_moment() -> impl Strategy<Value = Time> {
    let changes = vec![
        "2026-03-08T07:00:00Z",
        "2026-03-08T10:00:00Z",
        "2026-03-29T01:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
    ];
    let near = (prop::sample::select(changes), -2_880..2_880_i64)
        .prop_map(|(change, minutes)| time(change).seconds() / 60 + minutes);
    prop_oneof![near, 29_453_760..30_504_960_i64].prop_map(|minute| Time::from_seconds(minute * 60))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn opens_at_the_first_open_minute(
        zones in some_zones(),
        hours in any_hours(),
        countries in prop::sample::subsequence(vec!["FR", "US", "SI"], 0..=2),
        now in some_moment(),
    ) {
        let holidays = Holidays::of(&countries);
        let open_at = |at| open_by_the_wall(&zones, &hours, &holidays, at);
        let (expect_open, end) = match opening(&zones, &hours, &holidays, now) {
            Opening::Open { until } => (true, until),
            Opening::Opens(at) => (false, at),
            Opening::Never => (false, now + SEARCH),
        };
        let mut at = now;
        while at < end {
            prop_assert_eq!(open_at(at), expect_open, "at {}", at);
            at = at + MINUTE;
        }
        if end < now + SEARCH {
            prop_assert_eq!(open_at(end), !expect_open, "at the end, {}", end);
        }
    }

    #[test]
    fn printed_hours_are_read_again(hours in any_hours()) {
        prop_assert_eq!(hours.to_string().parse(), Ok(hours));
    }

    #[test]
    fn intersecting_is_a_meet(a in any_hours(), b in any_hours(), c in any_hours()) {
        prop_assert_eq!(a.intersect(&b), b.intersect(&a));
        prop_assert_eq!(a.intersect(&b).intersect(&c), a.intersect(&b.intersect(&c)));
        prop_assert_eq!(a.intersect(&a), a);
        prop_assert_eq!(a.intersect(&Hours::ALWAYS), a);
        prop_assert_eq!(a.intersect(&Hours::NEVER), Hours::NEVER);
        prop_assert!(a.intersect(&b).is_within(&a) && a.intersect(&b).is_within(&b));
        prop_assert!(a.is_within(&Hours::ALWAYS) && Hours::NEVER.is_within(&a));
        prop_assert_eq!(a.is_within(&b) && b.is_within(&a), a == b);
        prop_assert_eq!(a.intersect(&b).to_string().parse(), Ok(a.intersect(&b)));
    }

    /// Open in both is open in the intersection, at every moment.
    #[test]
    fn the_intersection_is_open_when_both_are(
        a in any_hours(), b in any_hours(), zones in some_zones(), at in some_moment(),
    ) {
        let holidays = Holidays::of(&["FR", "US"]);
        let open = |hours: &Hours| matches!(opening(&zones, hours, &holidays, at), Opening::Open { .. });
        prop_assert_eq!(open(&a.intersect(&b)), open(&a) && open(&b));
    }

    #[test]
    fn text_never_panics(text in ".*", zone_name in ".*", now in any::<i64>()) {
        let _ = text.parse::<Hours>();
        let _ = opening(&[zone_name], &Hours::DEFAULT, &Holidays::none(), Time::from_millis(now));
        let _ = opening(&["America/New_York", "Asia/Tokyo"], &Hours::DEFAULT, &Holidays::none(), Time::from_millis(now));
    }
}

#[test]
fn a_span_is_cut_where_clocks_change() {
    let zone = super::zone("Europe/Ljubljana").unwrap();
    let at = |text: &str| Time::parse(text).unwrap();
    let cut = pieces(&zone, at("2026-03-01T00:00:00Z"), at("2026-11-01T00:00:00Z"));
    let hour = 3_600_000;
    let (spring, autumn) = (at("2026-03-29T01:00:00Z"), at("2026-10-25T01:00:00Z"));
    assert_eq!(
        cut,
        [
            (at("2026-03-01T00:00:00Z"), spring, hour),
            (spring, autumn, 2 * hour),
            (autumn, at("2026-11-01T00:00:00Z"), hour),
        ]
    );
    assert_eq!(pieces(&TimeZone::UTC, spring, autumn), [(spring, autumn, 0)]);
    assert_eq!(pieces(&zone, autumn, spring), []);
}
