//! Hints where a budget may be better spent: only what chance does not explain is said, and only as something to try.
//!
//! A channel's return is uncertain because its orders are few: their number varies by about its root (Poisson), and with it
//! what they brought. Two channels are told apart when even the better one's low end is above the worse one's high end.
//! What the next unit of money brings is not what the average one did: a hint is a question to ask with a tenth of a
//! budget, not a sum.

use super::Channel;

/// Of a channel's own count; with fewer nothing is said of it.
const ORDERS_LEAST: i64 = 30;
/// Two-sided 95 % of a normal distribution.
const Z: f64 = 1.96;

/// Something to try, or to look at.
#[derive(Clone, Debug, PartialEq)]
pub enum Hint<'c> {
    /// A unit spent on the better one brought more than one spent on the other, beyond chance.
    Move { to: &'c Channel, from: &'c Channel },
    /// Even at its high end it brought back less than it cost, by its own count.
    BelowCost(&'c Channel),
}

/// What it brought for one unit spent, with its low and its high end; `None` where too little is known.
pub fn returns(channel: &Channel) -> Option<(f64, f64, f64)> {
    let (revenue, orders) = (channel.revenue_minor?, channel.orders.filter(|orders| *orders >= ORDERS_LEAST)?);
    if channel.spent_minor <= 0 || revenue < 0 {
        return None;
    }
    let found = number(revenue) / number(channel.spent_minor);
    let share = Z / number(orders).sqrt();
    Some((found, found * (1.0 - share), found * (1.0 + share)))
}

/// Sums of money are far below 2^53 of their minor units.
#[expect(clippy::cast_precision_loss, reason = "a ratio of sums, shown in two digits")]
fn number(count: i64) -> f64 {
    count as f64
}

/// The hints of one currency's channels: at most one move, from the worst to the best, and every channel below its cost.
pub fn hints(channels: &[Channel]) -> Vec<Hint<'_>> {
    let mut known: Vec<(&Channel, (f64, f64, f64))> =
        channels.iter().filter_map(|channel| Some((channel, returns(channel)?))).collect();
    known.sort_by(|(one, a), (other, b)| a.0.total_cmp(&b.0).then_with(|| one.channel.cmp(&other.channel)));
    let mut hints = Vec::new();
    for (place, (worse, (.., high))) in known.iter().enumerate() {
        let mut same = known.iter().skip(place + 1).filter(|(other, _)| other.currency == worse.currency);
        if let Some((better, _)) = same.rfind(|(_, (_, low, _))| low > high) {
            hints.push(Hint::Move { to: better, from: worse });
            break;
        }
    }
    let below = known.iter().filter(|(_, (.., high))| *high < 1.0);
    hints.extend(below.map(|(channel, _)| Hint::BelowCost(channel)));
    hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn channel(name: &str, code: &str, spent: i64, revenue: Option<i64>, orders: Option<i64>) -> Channel {
        Channel {
            channel: name.into(),
            currency: Currency::parse(code).unwrap(),
            spent_minor: spent,
            revenue_minor: revenue,
            orders,
        }
    }

    #[track_caller]
    fn check(channels: &[Channel], expected: &[&str]) {
        let told: Vec<String> = hints(channels)
            .iter()
            .map(|hint| match hint {
                Hint::Move { to, from } => format!("{} to {}", from.channel, to.channel),
                Hint::BelowCost(channel) => format!("{} below", channel.channel),
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn only_what_chance_does_not_explain_is_said() {
        let search = channel("search", "EUR", 100_000, Some(400_000), Some(100));
        let social = channel("social", "EUR", 100_000, Some(60_000), Some(40));
        let mail = channel("mail", "EUR", 20_000, Some(76_000), Some(90));
        check(&[search.clone(), social.clone(), mail.clone()], &["social to search", "social below"]);
        // Alike within chance.
        check(&[search.clone(), mail], &[]);
        // Few orders, none told, nothing spent, another currency.
        check(&[search.clone(), Channel { orders: Some(12), ..social.clone() }], &[]);
        check(&[search.clone(), Channel { orders: None, ..social.clone() }], &[]);
        check(&[search.clone(), Channel { spent_minor: 0, ..social.clone() }], &[]);
        check(&[search, Channel { currency: Currency::parse("USD").unwrap(), ..social }], &["social below"]);
        check(&[], &[]);
    }

    #[test]
    fn the_interval_is_that_of_a_count() {
        let (found, low, high) = returns(&channel("x", "EUR", 100, Some(200), Some(100))).unwrap();
        assert!((found - 2.0).abs() < 1e-9 && (low - 1.608).abs() < 1e-9 && (high - 2.392).abs() < 1e-9);
    }
}
