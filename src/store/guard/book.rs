//! Book: the sums that a handful of texts ask about, in parts, so that what all of them share is read once and what is of each
//! is read for all; and kept up with what the handful counts itself. Who holds the shop's turn is the only one who counts.

use std::sync::LazyLock;

use super::{Buckets, Names, Paused, Row, Spans, Sum, Sums, sum, summed};
use crate::{
    domain::{seal::ShopKeys, time::Time},
    store::{
        Error, Read, ahead,
        db::{Bind, Question, all, halves},
        listing::{Select, selected},
        of, word,
    },
};

/// What every text of the shop asks about.
#[derive(Clone)]
struct Whole {
    spans: Spans,
    breaker: Sum,
    usual: Sum,
    spent: Sum,
    paused: Vec<(Paused, Vec<u8>)>,
}

/// What is asked about a block of neighbouring numbers.
#[derive(Clone, Copy)]
struct Block {
    hour: Sum,
    untapped: Sum,
}

/// Of what is asked about one text.
const PARTS: [&str; 4] = ["guard whole", "guard ip", "guard prefix", "guard country"];

fn whole(keys: &ShopKeys) -> Question {
    (PARTS[0], of(keys), 0)
}

fn part(name: &'static str, key: &[u8; 16]) -> Question {
    let (high, low) = halves(key);
    (name, high, low)
}

/// The sums of one text among many: what is not known yet is read, and remembered for the next.
pub(super) async fn sums(read: &mut Read, keys: &ShopKeys, names: &Names, spans: &Spans) -> Result<Sums, Error> {
    let shared = shared(read, keys, spans).await?;
    if read.recall::<Block>(part("guard prefix", &names.prefix)).is_none()
        || names.ip.is_some_and(|ip| read.recall::<Sum>(part("guard ip", &ip)).is_none())
    {
        ahead(read, keys, std::slice::from_ref(names), spans).await?;
    }
    let block = read.recall::<Block>(part("guard prefix", &names.prefix));
    let ip = names.ip.and_then(|ip| read.recall::<Sum>(part("guard ip", &ip)));
    let known = super::price(read, keys, &names.price).await?;
    let is_ours = |(kind, key): &&(Paused, Vec<u8>)| match kind {
        Paused::Breaker => true,
        Paused::Prefix => key[..] == names.prefix,
        Paused::Country => key[..] == names.country,
    };
    Ok(Sums {
        ip: ip.unwrap_or_default(),
        prefix: block.map(|block| block.hour).unwrap_or_default(),
        prefix_untapped: block.map(|block| block.untapped).unwrap_or_default(),
        country_untapped: untapped(read, keys, &names.country, spans).await?,
        price: known.map(|micros| Sum { micros, rows: 1, ..Sum::default() }).unwrap_or_default(),
        paused: shared.paused.iter().filter(is_ours).map(|(kind, _)| *kind).collect(),
        breaker: shared.breaker,
        usual: shared.usual,
        spent: shared.spent,
    })
}

async fn shared(read: &mut Read, keys: &ShopKeys, spans: &Spans) -> Result<Whole, Error> {
    let same = |known: &Whole| {
        let of = |spans: &Spans| (spans.day, spans.hour_from, spans.usual_to);
        of(&known.spans) == of(spans)
    };
    if let Some(known) = read.recall::<Whole>(whole(keys)).filter(same) {
        return Ok(known);
    }
    // What is known may be of another hour.
    read.forget_all(&PARTS);
    let rows = all!(
        read,
        Row,
        concat!(
            summed!("breaker", "kind = 'breaker' AND bucket >= $2 AND texts > 0"),
            " UNION ALL ",
            summed!("usual", "kind = 'texts' AND bucket >= $3 AND bucket < $4 AND texts > 0"),
            " UNION ALL ",
            summed!("spent", "kind = 'spend' AND bucket = $5")
        ),
        of(keys),
        spans.hour_from.millis(),
        spans.usual_from.millis(),
        spans.usual_to.millis(),
        spans.day.millis()
    )?;
    let of_kind = |kind: &str| rows.iter().find(|row| row.0 == kind).map(sum).unwrap_or_default();
    let (breaker, usual, spent) = (of_kind("breaker"), of_kind("usual"), of_kind("spent"));
    let rows = all!(
        read,
        (String, Vec<u8>),
        "SELECT kind, key FROM pause WHERE shop_id = $1 AND resumed_at IS NULL",
        of(keys)
    )?;
    let paused = rows.into_iter().map(|(kind, key)| Ok((word("pause", &Paused::ALL, Paused::name, &kind)?, key)));
    let known = Whole { spans: *spans, breaker, usual, spent, paused: paused.collect::<Result<_, Error>>()? };
    read.keep(whole(keys), &known);
    Ok(known)
}

async fn untapped(read: &mut Read, keys: &ShopKeys, country: &[u8; 16], spans: &Spans) -> Result<Sum, Error> {
    if let Some(known) = read.recall(part("guard country", country)) {
        return Ok(known);
    }
    let rows = all!(
        read,
        Row,
        summed!("", "kind = 'quiet_country' AND key = $2 AND bucket <= $3"),
        of(keys),
        country.to_vec(),
        spans.tappable_to.millis()
    )?;
    let known = rows.first().map(sum).unwrap_or_default();
    read.keep(part("guard country", country), &known);
    Ok(known)
}

/// What is asked about sixteen networks and as many blocks of numbers, each in the way it would be alone.
static EACH: LazyLock<String> = LazyLock::new(|| {
    let (first, second) = (2, 2 + ahead::TOGETHER);
    let (hour, tappable) = (second + ahead::TOGETHER, second + ahead::TOGETHER + 1);
    let of_each = (0..ahead::TOGETHER).flat_map(|at| {
        let (ip, prefix) = (first + at, second + at);
        [
            format!(
                summed!("ip {at}", "kind = 'ip' AND key = ${ip} AND bucket >= ${hour} AND texts > 0"),
                at = at,
                ip = ip,
                hour = hour
            ),
            format!(
                summed!("hour {at}", "kind = 'prefix' AND key = ${prefix} AND bucket >= ${hour} AND texts > 0"),
                at = at,
                prefix = prefix,
                hour = hour
            ),
            format!(
                summed!("untapped {at}", "kind = 'quiet_prefix' AND key = ${prefix} AND bucket <= ${tappable}"),
                at = at,
                prefix = prefix,
                tappable = tappable
            ),
        ]
    });
    of_each.collect::<Vec<_>>().join(" UNION ALL ")
});

/// Reads what these texts will ask about their networks and blocks of numbers, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, texts: &[Names], spans: &Spans) -> Result<(), Error> {
    // First, for it forgets what was known of another hour.
    shared(read, keys, spans).await?;
    for some in texts.chunks(ahead::TOGETHER) {
        let mut binds = vec![Bind::Int(of(keys))];
        let nothing = || Bind::Bytes(vec![0]);
        binds.extend(some.iter().map(|names| names.ip.map_or_else(nothing, |ip| Bind::Bytes(ip.to_vec()))));
        binds.resize_with(1 + ahead::TOGETHER, nothing);
        binds.extend(some.iter().map(|names| Bind::Bytes(names.prefix.to_vec())));
        binds.resize_with(1 + 2 * ahead::TOGETHER, nothing);
        binds.extend([Bind::Int(spans.hour_from.millis()), Bind::Int(spans.tappable_to.millis())]);
        let rows = selected!(read, Row, Select { text: EACH.clone(), binds })?;
        for (at, names) in some.iter().enumerate() {
            let of_kind = |kind: &str| {
                let name = format!("{kind} {at}");
                rows.iter().find(|row| row.0 == name).map(sum).unwrap_or_default()
            };
            if let Some(ip) = &names.ip {
                read.keep(part("guard ip", ip), &of_kind("ip"));
            }
            read.keep(
                part("guard prefix", &names.prefix),
                &Block { hour: of_kind("hour"), untapped: of_kind("untapped") },
            );
        }
    }
    Ok(())
}

/// One more text was counted in these buckets: what is remembered of it goes on.
pub(super) fn count_one(read: &mut Read, keys: &ShopKeys, names: &Names, buckets: &Buckets) {
    fn one_more(sum: &mut Sum, bucket: Time) {
        sum.texts += 1;
        sum.oldest.get_or_insert(bucket);
    }
    if let Some(mut known) = read.recall::<Whole>(whole(keys)) {
        one_more(&mut known.breaker, buckets.quarter);
        read.keep(whole(keys), &known);
    }
    if let Some(question) = names.ip.map(|ip| part("guard ip", &ip))
        && let Some(mut known) = read.recall::<Sum>(question)
    {
        one_more(&mut known, buckets.quarter);
        read.keep(question, &known);
    }
    let question = part("guard prefix", &names.prefix);
    if let Some(mut known) = read.recall::<Block>(question) {
        // What left just now had no time to be tapped.
        one_more(&mut known.hour, buckets.quarter);
        read.keep(question, &known);
    }
}

/// The day has cost so much more.
pub(super) fn spend(read: &mut Read, keys: &ShopKeys, day: Time, micros: i64) {
    if let Some(mut known) = read.recall::<Whole>(whole(keys)).filter(|known| known.spans.day == day) {
        known.spent.micros = known.spent.micros.saturating_add(micros);
        read.keep(whole(keys), &known);
    }
}

/// Something was counted that is not one text more.
pub(super) fn forget(read: &mut Read) {
    read.forget_all(&PARTS);
}
