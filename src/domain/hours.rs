//! Opening hours for texts: when sending is open in every zone a shopper can be in, and when it next will be.
//!
//! Hours are a week: one window a day, or none, and whether public holidays are open. Several sets of hours (a country's
//! law, a state's, the shop's own) are intersected, never joined, so what comes out is within each of them.
//!
//! The wall clock decides: at a change of the clocks a window opens and closes by what the shopper's own clock shows. The
//! zones are the bundled ones, never the machine's, because a machine that missed an update texts an hour late. It does
//! not read the clock, and which days are holidays it is told.

use std::{array, fmt, str::FromStr, sync::LazyLock, time::Duration};

use jiff::{
    Timestamp,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Serialize};

use super::{
    holidays::Holidays,
    time::{MINUTE, Time},
};

/// Sending stops this long before closing: a gateway and a carrier may take their time. Days that meet at midnight do not
/// close there.
pub const LAST_CALL: Duration = Duration::from_secs(10 * 60);

/// A week of windows on the shopper's wall clock. Written `mon-sat 09:00-20:00; sun 12:00-20:00; no holidays`: days that
/// are not named are closed, and public holidays are open unless it says otherwise. `never` has no window at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hours {
    /// Monday first; `None` is closed.
    days: [Option<Window>; 7],
    /// Whether public holidays are like any other day. Always false where no day is open.
    holidays: bool,
}

/// `[from, to)` in minutes of the day, `from + LAST_CALL < to <= 24 * 60`: a window that the last call would swallow
/// whole is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    from: u16,
    to: u16,
}

const LAST_CALL_MINUTES: u16 = (LAST_CALL.as_secs() / 60) as u16;
const DAY_MINUTES: u16 = 24 * 60;

impl Window {
    fn new(from: u16, to: u16) -> Option<Window> {
        (to > from + LAST_CALL_MINUTES).then_some(Window { from, to })
    }

    fn intersect(self, other: Window) -> Option<Window> {
        Window::new(self.from.max(other.from), self.to.min(other.to))
    }
}

impl Hours {
    /// Monday to Saturday, 09:00 to 20:00: what ships. A country's or a state's law may be narrower still.
    pub const DEFAULT: Hours = {
        let day = Some(Window { from: 9 * 60, to: 20 * 60 });
        Hours { days: [day, day, day, day, day, day, None], holidays: true }
    };
    /// No bound at all: what intersects with it stays as it is.
    pub const ALWAYS: Hours = Hours { days: [Some(Window { from: 0, to: 24 * 60 }); 7], holidays: true };
    /// Closed on every day.
    pub const NEVER: Hours = Hours { days: [None; 7], holidays: false };

    /// What is open in both. What is left of a window is dropped when it is no longer than the last call: nothing could
    /// be sent in it. May be `NEVER`.
    #[must_use]
    pub fn intersect(&self, other: &Hours) -> Hours {
        let mut pairs = self.days.iter().zip(&other.days);
        let days = array::from_fn(|_| pairs.next().and_then(|(&ours, &theirs)| ours?.intersect(theirs?)));
        Hours { days, holidays: self.holidays && other.holidays }.plain()
    }

    /// Whether these hours are open only when `outer` is.
    pub fn is_within(&self, outer: &Hours) -> bool {
        self.intersect(outer) == *self
    }

    pub fn is_never(&self) -> bool {
        *self == Hours::NEVER
    }

    /// Whether public holidays are open like any other day.
    pub fn open_on_holidays(&self) -> bool {
        self.holidays
    }

    /// The one way to write hours that are never open, so that equal hours are equal values.
    fn plain(self) -> Hours {
        if self.days.iter().any(Option::is_some) { self } else { Hours::NEVER }
    }
}

impl Default for Hours {
    fn default() -> Hours {
        Hours::DEFAULT
    }
}

/// Whether a text may leave at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Now, and up to (not including) `until`.
    Open { until: Time },
    /// Not now; this is the first moment at which it is.
    Opens(Time),
    /// Not within 14 days, or nobody knows the zone.
    Never,
}

const SEARCH_DAYS: i64 = 14;
const SEARCH: Duration = Duration::from_secs(SEARCH_DAYS as u64 * 24 * 60 * 60);

/// When texting is open in every one of these zones (IANA names). Whether it is a holiday is asked of each zone's own
/// calendar day. No zone at all, or one the database does not know, is `Never`: a text held is better than a text at night.
pub fn opening(zones: &[impl AsRef<str>], hours: &Hours, holidays: &Holidays, now: Time) -> Opening {
    let Some(zones) = zones.iter().map(|name| zone(name.as_ref())).collect::<Option<Vec<_>>>() else {
        return Opening::Never;
    };
    if zones.is_empty() || hours.is_never() {
        return Opening::Never;
    }
    let week = Week { hours, holidays };
    let last = now + SEARCH;
    let mut at = now;
    // Each zone in turn moves the moment on to its own next opening; when none does, they have met.
    loop {
        let mut moved = at;
        for zone in &zones {
            match next(zone, &week, moved, true, last) {
                Some(opens) => moved = opens,
                None => return Opening::Never,
            }
        }
        if moved == at {
            break;
        }
        at = moved;
    }
    if at > now {
        return Opening::Opens(at);
    }
    let closes = zones.iter().filter_map(|zone| next(zone, &week, now, false, last)).min();
    Opening::Open { until: closes.unwrap_or(last) }
}

/// A zone of the bundled database, by its IANA name in any case.
pub fn zone(name: &str) -> Option<TimeZone> {
    static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
    DATABASE.get(name).ok().filter(|zone| !zone.is_unknown())
}

/// The calendar day on the wall of this zone.
pub fn day_of(zone: &TimeZone, at: Time) -> Date {
    zone.to_datetime(at.to_timestamp()).date()
}

/// The first moment of a day in this zone; where the clocks skip midnight, the first that exists.
pub fn start_of_day(zone: &TimeZone, date: Date) -> Time {
    let midnight = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible();
    Time::from_millis(midnight.map_or(0, Timestamp::as_millisecond))
}

/// A span `[from, to)` cut where this zone's clocks are changed, each piece with the milliseconds they are ahead of UTC.
pub fn pieces(zone: &TimeZone, from: Time, to: Time) -> Vec<(Time, Time, i64)> {
    let mut pieces = Vec::new();
    let mut begins = from;
    let changes =
        zone.following(from.to_timestamp()).map(|change| Time::from_millis(change.timestamp().as_millisecond()));
    for ends in changes.take_while(|&change| change < to).chain([to]) {
        if begins < ends {
            let ahead = zone.to_offset(begins.to_timestamp()).seconds();
            pieces.push((begins, ends, i64::from(ahead) * 1_000));
        }
        begins = ends;
    }
    pieces
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const MINUTE_MS: i64 = MINUTE.as_millis() as i64;

/// The first moment from `at` on (up to `last`) at which this zone's wall clock is inside the hours (`open`) or outside.
/// The time between two changes of the clocks has one offset, so each such stretch is plain arithmetic.
fn next(zone: &TimeZone, week: &Week<'_>, mut at: Time, open: bool, last: Time) -> Option<Time> {
    while at <= last {
        let offset = i64::from(zone.to_offset(at.to_timestamp()).seconds()) * 1000;
        let change = zone.following(at.to_timestamp()).next().map(|change| change.timestamp().as_millisecond());
        let wall = if open { week.wall_opening(at.millis() + offset) } else { week.wall_closing(at.millis() + offset) };
        match (wall.map(|wall| wall - offset), change) {
            (Some(moment), Some(change)) if moment >= change && change <= last.millis() => {
                at = Time::from_millis(change)
            }
            (Some(moment), _) => return (moment <= last.millis()).then(|| Time::from_millis(moment)),
            (None, _) => return None,
        }
    }
    None
}

/// Hours with the holidays they are to be read with.
struct Week<'w> {
    hours: &'w Hours,
    holidays: &'w Holidays,
}

impl Week<'_> {
    /// When the day that begins at this wall time is open, less the last call if it closes.
    fn window(&self, midnight: i64) -> Option<(i64, i64)> {
        let window = self.day(midnight)?;
        let closes = window.to < DAY_MINUTES || self.day(midnight + DAY_MS).is_none_or(|next| next.from > 0);
        let to = if closes { window.to - LAST_CALL_MINUTES } else { window.to };
        Some((midnight + i64::from(window.from) * MINUTE_MS, midnight + i64::from(to) * MINUTE_MS))
    }

    fn day(&self, midnight: i64) -> Option<Window> {
        let day = midnight.div_euclid(DAY_MS);
        // Day 0 was a Thursday.
        let weekday = usize::try_from((day + 3).rem_euclid(7)).ok()?;
        let window = self.hours.days.get(weekday).copied().flatten()?;
        (self.hours.holidays || self.holidays.on_day(day).is_none()).then_some(window)
    }

    /// One day more than is searched, since a zone may be a day ahead.
    fn windows_from(&self, wall: i64) -> impl Iterator<Item = (i64, i64)> {
        let today = wall - wall.rem_euclid(DAY_MS);
        (0..=SEARCH_DAYS + 1).filter_map(move |day| self.window(today + day * DAY_MS))
    }

    fn wall_opening(&self, wall: i64) -> Option<i64> {
        self.windows_from(wall).find(|(_, closing)| *closing > wall).map(|(opening, _)| opening.max(wall))
    }

    fn wall_closing(&self, wall: i64) -> Option<i64> {
        let mut windows = self.windows_from(wall);
        let now = windows.next().filter(|(opening, closing)| (*opening..*closing).contains(&wall));
        let mut open_to = now.map_or(wall, |(_, closing)| closing);
        for (opening, closing) in windows {
            if opening > open_to {
                break;
            }
            open_to = closing;
        }
        Some(open_to)
    }
}

/// Why a text is no opening hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHours {
    #[error("write opening hours as in \"mon-sat 09:00-20:00; sun 12:00-20:00; no holidays\"")]
    Shape,
    #[error("\"{0}\" is no day of the week; they are mon, tue, wed, thu, fri, sat, sun")]
    Day(String),
    #[error("\"{0}\" is no time of day; write it as in 09:00")]
    Clock(String),
    #[error("opening hours must end after they begin, on the same day, and last more than ten minutes")]
    Empty,
    #[error("{0} is named twice: a day has one window")]
    Twice(&'static str),
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl FromStr for Hours {
    type Err = NotHours;

    /// Parts separated by `;`: days as a list of days and ranges (`mon-fri,sun`, also `sat-mon`) with their window, and
    /// `no holidays`. `24:00` is the end of the day. `never` alone is closed on every day.
    fn from_str(text: &str) -> Result<Hours, NotHours> {
        if text.trim().eq_ignore_ascii_case("never") {
            return Ok(Hours::NEVER);
        }
        let mut hours = Hours { holidays: true, ..Hours::NEVER };
        for part in text.split(';').map(str::trim) {
            let (days, window) = part.split_once(char::is_whitespace).ok_or(NotHours::Shape)?;
            if days.eq_ignore_ascii_case("no") && window.trim().eq_ignore_ascii_case("holidays") {
                hours.holidays = false;
                continue;
            }
            let (from, to) = window.split_once('-').ok_or(NotHours::Shape)?;
            let days = weekdays(days)?;
            let window = Window::new(clock(from)?, clock(to)?).ok_or(NotHours::Empty)?;
            for ((slot, _), name) in hours.days.iter_mut().zip(days).zip(DAYS).filter(|((_, named), _)| *named) {
                if slot.replace(window).is_some() {
                    return Err(NotHours::Twice(name));
                }
            }
        }
        // Only "no holidays" was said.
        if hours.days == Hours::NEVER.days { Err(NotHours::Shape) } else { Ok(hours) }
    }
}

fn weekdays(text: &str) -> Result<[bool; 7], NotHours> {
    let named = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().position(|day| *day == name).ok_or(NotHours::Day(name))
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (named(first)?, named(last)?);
        let length = (last + 7 - first) % 7;
        for (day, open) in days.iter_mut().enumerate() {
            *open |= (day + 7 - first) % 7 <= length;
        }
    }
    Ok(days)
}

/// Minutes of the day.
fn clock(text: &str) -> Result<u16, NotHours> {
    let wrong = || NotHours::Clock(text.trim().to_owned());
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let number = |digits: &str| {
        let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| plain).ok_or_else(wrong)
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    if minute > 59 || hour * 60 + minute > 24 * 60 {
        return Err(wrong());
    }
    Ok(hour * 60 + minute)
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_never() {
            return f.write_str("never");
        }
        let mut windows: Vec<Window> = Vec::new();
        for window in self.days.iter().flatten() {
            if !windows.contains(window) {
                windows.push(*window);
            }
        }
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        let mut parts: Vec<String> = windows
            .iter()
            .map(|window| format!("{} {}-{}", self.days_with(*window), clock(window.from), clock(window.to)))
            .collect();
        if !self.holidays {
            parts.push("no holidays".to_owned());
        }
        f.write_str(&parts.join("; "))
    }
}

impl Hours {
    /// For people: `Mon–Sat 09:00–20:00, Sun 12:00–20:00, not on public holidays`.
    pub fn words(&self) -> String {
        if self.is_never() {
            return "never".to_owned();
        }
        if *self == Hours::ALWAYS {
            return "at any time".to_owned();
        }
        let written = self.to_string();
        let capital = |day: &str| {
            let mut letters = day.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
        };
        let part = |part: &str| match part.split_once(' ') {
            Some(("no", _)) | None => "not on public holidays".to_owned(),
            Some((days, window)) => {
                let days: Vec<String> =
                    days.split(',').map(|range| range.split('-').map(capital).collect::<Vec<_>>().join("–")).collect();
                format!("{} {}", days.join(" and "), window.replace('-', "–"))
            }
        };
        written.split("; ").map(part).collect::<Vec<_>>().join(", ")
    }

    /// The days that have this window: `mon-fri,sun`.
    fn days_with(&self, window: Window) -> String {
        let mut ranges: Vec<(usize, usize)> = Vec::new();
        for day in (0..7).filter(|&day| self.days.get(day) == Some(&Some(window))) {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                _ => ranges.push((day, day)),
            }
        }
        let name = |day: usize| DAYS.get(day).copied().unwrap_or("");
        let ranges = ranges.iter().map(|&(first, last)| match last - first {
            0 => name(first).to_owned(),
            _ => format!("{}-{}", name(first), name(last)),
        });
        ranges.collect::<Vec<_>>().join(",")
    }
}

impl TryFrom<String> for Hours {
    type Error = NotHours;
    fn try_from(text: String) -> Result<Hours, NotHours> {
        text.parse()
    }
}

impl From<Hours> for String {
    fn from(hours: Hours) -> String {
        hours.to_string()
    }
}

#[cfg(test)]
mod tests;
