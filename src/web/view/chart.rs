//! Bars for money per day, as geometry: the template only writes it down. Width is in percent of the drawing, height in
//! pixels, so that letters never scale. Floats serve the eye; no figure is computed here.

use super::{
    format::{self, Shown},
    takings::Takings,
    words::say,
};
use crate::domain::money::Money;

/// Height of the drawing without its labels, in pixels.
pub const HEIGHT: f64 = 200.0;

/// Share of a day's slot that its bar fills.
const FILL: f64 = 0.68;

/// At most this many dates beneath the line: what still fits on a phone.
const DATES_MAX: usize = 4;

pub struct Bars {
    pub bars: Vec<Bar>,
    pub ticks: Vec<Tick>,
    pub dates: Vec<DateLabel>,
    /// The period before, day for day, as pieces of a thin line.
    pub before: Vec<Segment>,
    pub zero_y: String,
}

pub struct Bar {
    pub x: String,
    pub width: String,
    pub net_y: String,
    pub net_height: String,
    pub refunded_height: String,
    pub title: String,
}

pub struct Tick {
    pub y: String,
    pub label: String,
    pub is_zero: bool,
}

pub struct DateLabel {
    pub x: String,
    /// SVG's `text-anchor`: the last date must not stand out over the edge.
    pub anchor: &'static str,
    pub text: String,
}

pub struct Segment {
    pub x1: String,
    pub y1: String,
    pub x2: String,
    pub y2: String,
}

/// Net above the line, refunds below it, on one scale.
pub fn bars(takings: &Takings) -> Bars {
    let days = &takings.days;
    let top = days.iter().flat_map(|day| [day.net(), day.net_before.unwrap_or(0)]).max().unwrap_or(0).max(0);
    let bottom = days.iter().map(|day| day.refunded).max().unwrap_or(0).max(0);
    let step = tick_step(top.max(bottom), takings.unit());
    let above = round_up(top, step).max(step);
    // Refunds get the room they need and no more: their bars carry no grid of their own below the last line.
    let below = bottom;
    let scale = HEIGHT / (above + below) as f64;
    let y = |minor: i64| (above - minor) as f64 * scale;
    let slot = 100.0 / days.len().max(1) as f64;
    let middle = |place: usize| (place as f64 + 0.5) * slot;
    let money = |minor| Money::new(minor, takings.net.currency);
    Bars {
        zero_y: px(y(0)),
        bars: days
            .iter()
            .enumerate()
            .map(|(place, day)| Bar {
                x: percent((place as f64 + (1.0 - FILL) / 2.0) * slot),
                width: percent(slot * FILL),
                net_y: px(y(day.net().max(0))),
                net_height: px(day.net().max(0) as f64 * scale),
                refunded_height: px(day.refunded.max(0) as f64 * scale),
                title: say(
                    "{day}: {money} net from {orders}",
                    &[
                        ("day", &format::date(day.date)),
                        ("money", &money(day.net()).shown()),
                        ("orders", &format::number_of(day.orders, "order", "orders")),
                    ],
                ),
            })
            .collect(),
        ticks: (-(below / step)..=above / step)
            .map(|place| place * step)
            .map(|minor| Tick { y: px(y(minor)), label: whole(money(minor), takings.unit()), is_zero: minor == 0 })
            .collect(),
        dates: dates(takings, middle),
        before: days
            .windows(2)
            .enumerate()
            .filter_map(|(place, pair)| match pair {
                [from, to] => Some(Segment {
                    x1: percent(middle(place)),
                    y1: px(y(from.net_before?.max(-below))),
                    x2: percent(middle(place + 1)),
                    y2: px(y(to.net_before?.max(-below))),
                }),
                _ => None,
            })
            .collect(),
    }
}

/// Dates at even distances, counted back from the last day, which is the one looked for.
fn dates(takings: &Takings, middle: impl Fn(usize) -> f64) -> Vec<DateLabel> {
    let every = takings.days.len().div_ceil(DATES_MAX).max(1);
    let last = takings.days.len().saturating_sub(1);
    takings
        .days
        .iter()
        .enumerate()
        .filter(|(place, _)| (last - place).is_multiple_of(every))
        .map(|(place, day)| match place == last {
            true => DateLabel { x: percent(100.0), anchor: "end", text: format::date(day.date) },
            false => DateLabel { x: percent(middle(place)), anchor: "middle", text: format::date(day.date) },
        })
        .collect()
}

/// The distance between two lines of the grid in minor units: 1, 2 or 5 times a power of ten major units, two to five
/// lines in all.
fn tick_step(highest: i64, unit: i64) -> i64 {
    let rough = (highest / 3).max(unit);
    let mut power = unit;
    while power.saturating_mul(10) <= rough {
        power = power.saturating_mul(10);
    }
    [1, 2, 5, 10].into_iter().map(|times| power.saturating_mul(times)).find(|&step| step >= rough).unwrap_or(rough)
}

fn round_up(minor: i64, step: i64) -> i64 {
    ((minor + step - 1) / step) * step
}

/// `€1,200`: a line of the grid is always whole.
fn whole(money: Money, unit: i64) -> String {
    if unit == 1 { money.shown() } else { format::whole(money) }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

fn percent(value: f64) -> String {
    format!("{value:.2}%")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::takings::Day;
    use jiff::civil::date;

    fn takings(days: &[(i64, i64)]) -> Takings {
        let mut day = date(2026, 11, 1);
        let mut all = Takings::none("EUR".parse().unwrap());
        for &(gross, refunded) in days {
            all.days.push(Day { date: day, orders: 1, gross, refunded, net_before: Some(gross) });
            day = day.tomorrow().unwrap();
        }
        all
    }

    #[test]
    fn lines_of_the_grid_are_round() {
        #[track_caller]
        fn check(highest: i64, expected: i64) {
            assert_eq!(tick_step(highest, 100), expected);
        }
        check(0, 100);
        check(299, 100);
        check(70_000, 50_000);
        check(128_000, 50_000);
        check(30_100, 20_000);
        check(999_999, 500_000);
    }

    #[test]
    fn refunds_hang_below_the_line() {
        let drawn = bars(&takings(&[(30_000, 0), (20_000, 10_000), (0, 5_000)]));
        let bar = |place: usize| &drawn.bars[place];
        assert_eq!(drawn.zero_y, "150.0");
        assert_eq!((bar(0).net_y.as_str(), bar(0).net_height.as_str()), ("0.0", "150.0"));
        assert_eq!((bar(1).net_height.as_str(), bar(1).refunded_height.as_str()), ("50.0", "50.0"));
        assert_eq!((bar(2).net_height.as_str(), bar(2).refunded_height.as_str()), ("0.0", "25.0"));
        assert_eq!(
            drawn.ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>(),
            ["−€100", "€0", "€100", "€200", "€300"]
        );
        assert_eq!(drawn.before.len(), 2);
    }

    #[test]
    fn dates_fit_and_end_with_the_last_day() {
        for length in [0, 1, 7, 30, 90] {
            let drawn = bars(&takings(&vec![(100, 0); length]));
            assert!(drawn.dates.len() <= DATES_MAX && drawn.dates.is_empty() == (length == 0), "{length}");
        }
        assert_eq!(bars(&takings(&[(1, 0); 30])).dates.last().unwrap().text, "30 Nov");
    }

    #[test]
    fn nothing_and_too_much_are_drawn_too() {
        bars(&takings(&[(0, 0)]));
        bars(&takings(&[(i64::MAX / 4, 0), (0, i64::MAX / 4)]));
    }
}
