//! Digests: figures by mail, how often and of which days. Decides the rhythm's schedule, the days an issue tells of and
//! those it is compared with; always whole days of the shop's own, never the day it is sent on.

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{
    hours,
    id::{MessageId, ShopId, UserId},
    link::{self, Purpose, Unverified},
    message::MessageRef,
    schedule::{Occurrence, Schedule},
    seal::ShopKeys,
    time::Time,
};

/// The longest span an issue tells of, in days: as long as a report may be.
const DAYS_MAX: i64 = 731;
/// Of an expression somebody typed.
const TYPED_CHARS_MAX: usize = 100;

/// How often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Every morning at eight.
    Daily,
    /// Mondays at eight.
    Weekly,
    /// On the first of the month at eight.
    Monthly,
    /// As somebody wrote it: a cron expression of five fields, once a day at the most.
    Own(String),
}

/// Why a rhythm was not taken; a sentence for whoever typed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARhythm {
    #[error("Choose daily, weekly, monthly or a schedule of your own.")]
    Unknown,
    #[error("Write five fields: minute, hour, day of the month, month, day of the week, as in 30 7 * * Mon-Fri.")]
    NotFive,
    #[error("Write minute and hour as plain numbers, as in 30 7: a digest comes once a day at the most.")]
    NotOnce,
    #[error("Write the day of the week by its name, as in Mon or Mon-Fri: programs number the days differently.")]
    DayByNumber,
    #[error("This schedule cannot be read; write it as in 30 7 * * Mon-Fri.")]
    Unreadable,
    #[error("This day never comes.")]
    Never,
}

impl Rhythm {
    /// The words of the three ready-made ones and of one's own.
    pub const NAMES: [&str; 4] = ["daily", "weekly", "monthly", "own"];

    /// By its word; `own` needs the expression.
    pub fn parse(word: &str, typed: &str) -> Result<Rhythm, NotARhythm> {
        match word {
            "daily" => Ok(Rhythm::Daily),
            "weekly" => Ok(Rhythm::Weekly),
            "monthly" => Ok(Rhythm::Monthly),
            "own" => own(typed),
            _ => Err(NotARhythm::Unknown),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Rhythm::Daily => "daily",
            Rhythm::Weekly => "weekly",
            Rhythm::Monthly => "monthly",
            Rhythm::Own(_) => "own",
        }
    }

    /// What was typed; "" for the ready-made ones.
    pub fn typed(&self) -> &str {
        match self {
            Rhythm::Own(typed) => typed,
            _ => "",
        }
    }

    /// `None` only for an expression that `parse` would refuse.
    pub fn schedule(&self) -> Option<Schedule> {
        match self {
            // An hour that exists on every day in nearly every zone, after the night's figures are made.
            Rhythm::Daily => Schedule::parse("0 0 8 * * *"),
            Rhythm::Weekly => Schedule::parse("0 0 8 * * Mon"),
            Rhythm::Monthly => Schedule::parse("0 0 8 1 * *"),
            Rhythm::Own(typed) => Schedule::parse(&format!("0 {typed}")),
        }
    }

    /// The first occurrence after a moment.
    pub fn next(&self, zone: &TimeZone, after: Time) -> Option<Occurrence> {
        self.schedule()?.next(zone, after)
    }

    /// The last occurrence up to a moment.
    pub fn newest(&self, zone: &TimeZone, now: Time) -> Option<Occurrence> {
        self.schedule()?.newest(zone, now)
    }

    /// What an issue sent at this moment tells of.
    pub fn span(&self, zone: &TimeZone, at: Time) -> Span {
        let today = hours::day_of(zone, at);
        match self {
            Rhythm::Daily => Span::of_days(today, 1),
            Rhythm::Weekly => Span::of_days(today, 7),
            Rhythm::Monthly => {
                let this = today.first_of_month();
                let month = this.checked_sub(1.month()).unwrap_or(this);
                let before = month.checked_sub(1.month()).unwrap_or(month);
                Span { from: month, to: yesterday(this), before: (before, yesterday(month)) }
            }
            Rhythm::Own(_) => {
                let moment = std::time::Duration::from_millis(1);
                let last = self.newest(zone, at - moment).map(|last| hours::day_of(zone, last.at));
                let days = last.and_then(|last| last.until(today).ok()).map_or(1, |span| i64::from(span.get_days()));
                Span::of_days(today, days.clamp(1, DAYS_MAX))
            }
        }
    }
}

fn own(typed: &str) -> Result<Rhythm, NotARhythm> {
    let fields: Vec<&str> = typed.split_whitespace().collect();
    let &[minute, hour, _, _, weekday] = fields.as_slice() else { return Err(NotARhythm::NotFive) };
    let is_number = |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(minute) || !is_number(hour) {
        return Err(NotARhythm::NotOnce);
    }
    if weekday.bytes().any(|byte| byte.is_ascii_digit()) {
        return Err(NotARhythm::DayByNumber);
    }
    let typed = fields.join(" ");
    if typed.len() > TYPED_CHARS_MAX {
        return Err(NotARhythm::Unreadable);
    }
    let rhythm = Rhythm::Own(typed);
    let schedule = rhythm.schedule().ok_or(NotARhythm::Unreadable)?;
    // 29 February comes at least every eight years.
    match schedule.next(&TimeZone::UTC, Time::from_millis(0)) {
        Some(_) => Ok(rhythm),
        None => Err(NotARhythm::Never),
    }
}

/// The days of an issue, all of them counted, and as many before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Date,
    pub to: Date,
    pub before: (Date, Date),
}

impl Span {
    /// The last so many days before this one.
    fn of_days(today: Date, days: i64) -> Span {
        let back = |from: Date, days: i64| from.checked_sub(days.days()).unwrap_or(from);
        let from = back(today, days);
        Span { from, to: yesterday(today), before: (back(from, days), yesterday(from)) }
    }
}

fn yesterday(of: Date) -> Date {
    of.yesterday().unwrap_or(of)
}

/// The token of the link that ends a digest: it names shop and reader, says nothing else, and cannot be guessed.
pub fn stop_token(keys: &ShopKeys, reader: UserId) -> String {
    link::sign(keys, Purpose::Digest, MessageRef { shop: keys.shop(), message: MessageId::new(reader.get()) })
}

/// Whose keys a token is to be looked at with. Not yet true.
pub fn stop_token_of(token: &str) -> Option<(ShopId, Unverified)> {
    let unverified = link::parse(token)?;
    Some((unverified.shop(), unverified))
}

/// The reader a token names, when this shop signed it for this purpose.
pub fn reader(unverified: &Unverified, keys: &ShopKeys) -> Option<UserId> {
    unverified.verify(keys, Purpose::Digest).map(|found| UserId::new(found.message.get()))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn zone() -> TimeZone {
        hours::zone("Europe/Ljubljana").unwrap()
    }

    #[test]
    fn a_rhythm_of_ones_own_is_read_strictly() {
        #[track_caller]
        fn check(typed: &str, expected: Result<&str, NotARhythm>) {
            let read = Rhythm::parse("own", typed);
            assert_eq!(read.as_ref().map(Rhythm::typed).map_err(|why| *why), expected, "{typed:?}");
        }
        check(" 30  7 * * Mon-Fri ", Ok("30 7 * * Mon-Fri"));
        check("0 18 1,15 * *", Ok("0 18 1,15 * *"));
        check("0 9 * * Fri", Ok("0 9 * * Fri"));
        check("", Err(NotARhythm::NotFive));
        check("0 0 8 * * *", Err(NotARhythm::NotFive));
        check("*/5 8 * * *", Err(NotARhythm::NotOnce));
        check("0 8,20 * * *", Err(NotARhythm::NotOnce));
        check("0 8 * * 1", Err(NotARhythm::DayByNumber));
        check("0 25 * * *", Err(NotARhythm::Unreadable));
        check("0 8 30 2 *", Err(NotARhythm::Never));
        assert_eq!(Rhythm::parse("hourly", ""), Err(NotARhythm::Unknown));
        for word in Rhythm::NAMES {
            assert_eq!(Rhythm::parse(word, "0 8 * * Fri").unwrap().name(), word);
        }
    }

    #[test]
    fn an_issue_tells_of_whole_days_before_its_own() {
        #[track_caller]
        fn check(rhythm: &Rhythm, at: &str, days: (Date, Date), before: (Date, Date)) {
            let span = rhythm.span(&zone(), Time::parse(at).unwrap());
            assert_eq!(((span.from, span.to), span.before), (days, before), "{rhythm:?} at {at}");
        }
        let day = |month, day| date(2026, month, day);
        check(&Rhythm::Daily, "2026-03-10T07:00:00Z", (day(3, 9), day(3, 9)), (day(3, 8), day(3, 8)));
        // Already the 11th where the shop is.
        check(&Rhythm::Daily, "2026-03-10T23:30:00Z", (day(3, 10), day(3, 10)), (day(3, 9), day(3, 9)));
        check(&Rhythm::Weekly, "2026-03-09T07:00:00Z", (day(3, 2), day(3, 8)), (day(2, 23), day(3, 1)));
        check(&Rhythm::Monthly, "2026-03-01T07:00:00Z", (day(2, 1), day(2, 28)), (day(1, 1), day(1, 31)));
        // Asked for in the middle of a month.
        check(&Rhythm::Monthly, "2026-03-20T07:00:00Z", (day(2, 1), day(2, 28)), (day(1, 1), day(1, 31)));
        let weekdays = Rhythm::Own("0 8 * * Mon-Fri".into());
        check(&weekdays, "2026-03-09T07:00:00Z", (day(3, 6), day(3, 8)), (day(3, 3), day(3, 5)));
        check(&weekdays, "2026-03-10T07:00:00Z", (day(3, 9), day(3, 9)), (day(3, 8), day(3, 8)));
    }

    #[test]
    fn days_of_a_daily_one_follow_each_other_over_the_night_the_clocks_change() {
        for (rhythm, from) in [
            (Rhythm::Daily, "2026-03-27T12:00:00Z"),
            (Rhythm::Daily, "2026-10-23T12:00:00Z"),
            // Half past two comes twice in the one night and not at all in the other.
            (Rhythm::Own("30 2 * * *".into()), "2026-03-27T12:00:00Z"),
            (Rhythm::Own("30 2 * * *".into()), "2026-10-23T12:00:00Z"),
        ] {
            let mut at = Time::parse(from).unwrap();
            let mut told: Option<Span> = None;
            let mut walls = std::collections::BTreeSet::new();
            for _ in 0..5 {
                let next = rhythm.next(&zone(), at).unwrap();
                at = next.at;
                if !walls.insert(next.wall) {
                    continue;
                }
                let span = rhythm.span(&zone(), at);
                if let Some(told) = told {
                    assert_eq!(told.to.tomorrow().unwrap(), span.from, "{rhythm:?} at {at}");
                }
                told = Some(span);
            }
        }
    }

    #[test]
    fn a_stop_link_names_its_reader_and_no_other() {
        let keys = ShopKeys::new(ShopId::new(3), vec![(1, [7; 32])]).unwrap();
        let token = stop_token(&keys, UserId::new(42));
        let (shop, unverified) = stop_token_of(&token).unwrap();
        assert_eq!((shop, reader(&unverified, &keys)), (keys.shop(), Some(UserId::new(42))));
        // A link of a text is not one.
        let other = MessageRef { shop: keys.shop(), message: MessageId::new(42) };
        let text = link::sign(&keys, Purpose::OptOut, other);
        assert_eq!(reader(&stop_token_of(&text).unwrap().1, &keys), None);
        assert!(stop_token_of("nothing").is_none());
    }
}
