//! Schedules: a cron expression, read in a zone. Says which moments it names and nothing of what happens then.

use std::{str::FromStr, time::Duration};

use chrono::{DateTime, MappedLocalTime, NaiveDate, NaiveDateTime, Offset};
use jiff::{
    Timestamp, civil,
    tz::{AmbiguousOffset, TimeZone},
};

use super::time::Time;

/// When, again and again.
#[derive(Clone, Debug)]
pub struct Schedule(cron::Schedule);

impl Schedule {
    /// A cron expression of six or seven fields, seconds first. `None` when it is none.
    pub fn parse(text: &str) -> Option<Schedule> {
        cron::Schedule::from_str(text).ok().map(Schedule)
    }

    /// The first occurrence after a moment, in this zone.
    pub fn next(&self, zone: &TimeZone, after: Time) -> Option<Occurrence> {
        self.0.after(&moment(zone, after)?).next().map(occurrence)
    }

    /// The last occurrence up to and including a moment, in this zone.
    pub fn newest(&self, zone: &TimeZone, now: Time) -> Option<Occurrence> {
        let beyond = moment(zone, now + Duration::from_secs(1))?;
        self.0.after(&beyond).rev().map(occurrence).find(|found| found.at <= now)
    }
}

fn moment(zone: &TimeZone, at: Time) -> Option<DateTime<Zone>> {
    Some(DateTime::from_timestamp_millis(at.millis())?.with_timezone(&Zone(zone.clone())))
}

fn occurrence(found: DateTime<Zone>) -> Occurrence {
    Occurrence {
        at: Time::from_millis(found.timestamp_millis()),
        wall: Time::from_millis(found.naive_local().and_utc().timestamp_millis()),
    }
}

/// When, and what the clock on the wall says then: the wall's time names it, so that 02:30 in the night the clocks go
/// back is one occurrence and not two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub at: Time,
    pub wall: Time,
}

/// A zone of jiff's database for the `cron` crate, which speaks chrono.
#[derive(Clone)]
struct Zone(TimeZone);

/// An offset that remembers its zone, as chrono wants it.
#[derive(Clone)]
struct ZoneOffset {
    zone: Zone,
    seconds: i32,
}

impl std::fmt::Debug for ZoneOffset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} s", self.seconds)
    }
}

impl Offset for ZoneOffset {
    fn fix(&self) -> chrono::FixedOffset {
        chrono::FixedOffset::east_opt(self.seconds).unwrap_or(chrono::Utc.fix())
    }
}

impl Zone {
    fn offset(&self, seconds: i32) -> ZoneOffset {
        ZoneOffset { zone: self.clone(), seconds }
    }
}

fn civil_of(local: &NaiveDateTime) -> Option<civil::DateTime> {
    let at = Timestamp::from_second(local.and_utc().timestamp()).ok()?;
    Some(TimeZone::UTC.to_datetime(at))
}

impl chrono::TimeZone for Zone {
    type Offset = ZoneOffset;

    fn from_offset(offset: &ZoneOffset) -> Zone {
        offset.zone.clone()
    }

    fn offset_from_local_date(&self, local: &NaiveDate) -> MappedLocalTime<ZoneOffset> {
        local.and_hms_opt(0, 0, 0).map_or(MappedLocalTime::None, |noon| self.offset_from_local_datetime(&noon))
    }

    fn offset_from_local_datetime(&self, local: &NaiveDateTime) -> MappedLocalTime<ZoneOffset> {
        let Some(shown) = civil_of(local) else { return MappedLocalTime::None };
        match self.0.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => MappedLocalTime::Single(self.offset(offset.seconds())),
            AmbiguousOffset::Gap { .. } => MappedLocalTime::None,
            AmbiguousOffset::Fold { before, after } => {
                MappedLocalTime::Ambiguous(self.offset(before.seconds()), self.offset(after.seconds()))
            }
        }
    }

    fn offset_from_utc_date(&self, utc: &NaiveDate) -> ZoneOffset {
        self.offset_from_utc_datetime(&utc.and_hms_opt(0, 0, 0).unwrap_or_default())
    }

    fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> ZoneOffset {
        let at = Timestamp::from_second(utc.and_utc().timestamp()).unwrap_or(Timestamp::UNIX_EPOCH);
        self.offset(self.0.to_offset(at).seconds())
    }
}
