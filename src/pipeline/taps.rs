//! Taps: each night the last whole day's openings are held against the days before it, and a jump in the share that is by
//! people becomes an alarm with what may be behind it. Nothing is counted otherwise because of it.

use jiff::{ToSpan, civil::Date};

use super::{Core, rollup, zone_of};
use crate::{
    domain::{
        click::explain,
        hours,
        id::ShopId,
        seal::ShopKeys,
        taps::{Day, Jump, jump},
    },
    store::{self, Error, Read, click::HUMAN, shop::Shop},
    transact,
};

/// The alarm's kind and subject.
pub const ALARM: &str = "taps";
const SUBJECT: &str = "share";
/// Days a day is held against.
pub const DAYS: u32 = 28;

/// A day's openings by verdict.
#[derive(Clone, Debug)]
pub struct Opened {
    pub date: Date,
    pub day: Day,
    /// Openings that were not a person's, by why.
    pub others: Vec<(String, u64)>,
}

/// The shop's last so many days, today included, the newest first.
pub async fn days(core: &Core, read: &mut Read, shop: &Shop, keys: &ShopKeys, most: u32) -> Result<Vec<Opened>, Error> {
    let today = hours::day_of(&zone_of(shop), core.now());
    before(read, shop, keys, today, most).await
}

/// So many days up to and including this one, the newest first.
async fn before(read: &mut Read, shop: &Shop, keys: &ShopKeys, last: Date, most: u32) -> Result<Vec<Opened>, Error> {
    let zone = zone_of(shop);
    let last = rollup::number_of(last);
    let mut found = Vec::new();
    for day in (0..i64::from(most)).map(|back| last - back) {
        let (date, next) = (rollup::date_of(day), rollup::date_of(day + 1));
        let (from, to) = (hours::start_of_day(&zone, date), hours::start_of_day(&zone, next));
        let (mut day, mut others) = (Day::default(), Vec::new());
        for (verdict, count) in store::click::counted(read, keys, from, to).await? {
            day.raw += count;
            if verdict == HUMAN {
                day.human = count;
            } else {
                others.push((verdict, count));
            }
        }
        found.push(Opened { date, day, others });
    }
    Ok(found)
}

/// Looks at yesterday, and raises or clears the alarm.
pub async fn watch(core: &Core, id: ShopId) -> Result<(), Error> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, id).await? else { return Ok(()) };
    let today = hours::day_of(&zone_of(&shop), now);
    let yesterday = today.checked_sub(1.day()).unwrap_or(today);
    let found = before(&mut read, &shop, &keys, yesterday, DAYS + 1).await?;
    drop(read);
    let Some((last, earlier)) = found.split_first() else { return Ok(()) };
    let held: Vec<Day> = earlier.iter().map(|opened| opened.day).collect();
    let words = jump(last.day, &held).map(|jump| words(&jump, last, earlier));
    transact!(core.db, |tx| {
        match &words {
            Some(words) => drop(store::alarm::raise(tx, id, ALARM, SUBJECT, words, now).await?),
            // A quiet day says nothing about whether it is over.
            None if last.day.raw > 0 => store::alarm::clear(tx, id, ALARM, SUBJECT, now).await?,
            None => {}
        }
    })
}

fn words(jump: &Jump, last: &Opened, earlier: &[Opened]) -> String {
    let Day { raw, human } = jump.day;
    let usual = (jump.usual * 100.0).round();
    let began = format!("On {} people made {human} of {raw} link openings; usually they make {usual} %.", last.date);
    if !jump.is_fall() {
        return format!(
            "{began} Perhaps something that opens links by itself is no longer recognised: see whether orders rose too \
             before you trust the taps."
        );
    }
    // What rose most, a day.
    let usually = |why: &str| {
        let all: u64 =
            earlier.iter().flat_map(|day| &day.others).filter(|(of, _)| of == why).map(|(_, count)| count).sum();
        all / (earlier.len() as u64).max(1)
    };
    let risen = last.others.iter().max_by_key(|(why, count)| count.saturating_sub(usually(why)));
    let most = risen.map_or_else(String::new, |(why, count)| {
        let usual = usually(why);
        format!(" What rose most: {} ({count}, usually {usual} a day).", explain(why).to_lowercase())
    });
    format!(
        "{began}{most} A messenger, a carrier or a scanner may have begun to open links; they are not counted, so credits \
         stand. If people really tap less, look at the link's domain and at the words of the texts."
    )
}
