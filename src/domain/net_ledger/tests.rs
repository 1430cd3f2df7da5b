//! The formula, the rates, the spreading, and that no order of events and no way of adding them up changes the sums.

use proptest::prelude::*;

use super::*;
use crate::domain::time::Time;

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn figure(day: i64, line: Line, code: &str, amount: i64) -> Figure {
    Figure { day, line, currency: Some(currency(code)), rows: 1, amount }
}

fn made(figures: &[Figure], setting: Setting, rates: &[Rate]) -> Ledger {
    let to = setting.report_in.unwrap_or(currency("EUR"));
    ledger(figures, currency("EUR"), &setting, &Rates::into(to, rates))
}

fn rate(code: &str, to: &str, from_day: i64, value: &str) -> Rate {
    Rate { currency: currency(code), to: currency(to), from_day, value: Rate::value_of(value).unwrap() }
}

#[test]
fn the_formula_is_the_one_it_is_told_by() {
    let figures = [
        figure(1, Line::Placed, "EUR", 10_000),
        figure(1, Line::Discount, "EUR", 1_000),
        figure(1, Line::Edited, "EUR", -500),
        figure(2, Line::Refunded, "EUR", 2_000),
        figure(2, Line::ChargedBack, "EUR", 1_500),
        figure(1, Line::DiscountElsewhere, "EUR", 300),
        figure(1, Line::TextCost, "EUR", 2_005_000),
        figure(1, Line::GoodsBase, "EUR", 6_000),
        figure(1, Line::PaidLate, "EUR", 4_000),
    ];
    let found = made(&figures, Setting { goods_share: Some(2_500), ..Setting::default() }, &[]);
    let sheet = &found.sheets[0];
    assert_eq!((sheet.listed(), sheet.net()), (11_000, 6_000));
    assert_eq!((sheet.text_cost(), sheet.goods()), (201, Some(1_500)));
    assert_eq!(sheet.contribution(), 6_000 - 300 - 201 - 1_500);
    // 60.00 for 2.005 is 29.93 for each; what is left, 39.99, is 1,994.51 %.
    assert_eq!((sheet.roas(), sheet.roi()), (Some(2_993), Some(199_451)));
    assert_eq!(found.whole.lines, sheet.lines);
    let without = made(&figures[..7], Setting::default(), &[]);
    assert_eq!(without.sheets[0].goods(), None, "goods nobody tells of are left out");
    assert_eq!(made(&[], Setting::default(), &[]).sheets[0].roi(), None);
}

#[test]
fn an_amount_has_the_rate_of_its_own_day_and_a_missing_one_is_said() {
    let rates = [rate("USD", "EUR", 10, "0.90"), rate("USD", "EUR", 20, "0.80"), rate("EUR", "CHF", 0, "0.95")];
    let figures = [
        figure(12, Line::Placed, "USD", 10_000),
        figure(20, Line::Placed, "USD", 10_000),
        figure(25, Line::TextCost, "USD", 1_000_000),
        figure(9, Line::Placed, "USD", 5_500),
        figure(12, Line::Placed, "CHF", 7_000),
        figure(14, Line::Refunded, "CHF", 1_000),
        figure(12, Line::Placed, "EUR", 100),
    ];
    let found = made(&figures, Setting::default(), &rates);
    assert_eq!(found.whole.of(Line::Placed), Sum { rows: 3, amount: 9_000 + 8_000 + 100 });
    assert_eq!(found.whole.of(Line::TextCost).amount, 800_000);
    // CHF has a rate only the other way round, which is none.
    let gap = |code, first_day, last_day, days| Gap { currency: currency(code), first_day, last_day, days };
    assert_eq!(found.gaps, [gap("CHF", 12, 14, 2), gap("USD", 9, 9, 1)]);
    let codes: Vec<&str> = found.sheets.iter().map(|sheet| sheet.currency.code()).collect();
    assert_eq!(codes, ["EUR", "CHF", "USD"]);
    let yen = [rate("EUR", "JPY", 0, "162.5"), rate("KWD", "JPY", 0, "480")];
    let figures = [figure(1, Line::Placed, "EUR", 100), figure(1, Line::Placed, "KWD", 1_000)];
    let setting = Setting { report_in: Some(currency("JPY")), ..Setting::default() };
    assert_eq!(made(&figures, setting, &yen).whole.of(Line::Placed).amount, 163 + 480, "162.5 + 480, rounded once");
}

#[test]
fn rates_are_read_as_they_are_written() {
    #[track_caller]
    fn check(text: &str, shown: Option<&str>) {
        let value = Rate::value_of(text).ok();
        let read = value.map(|value| Rate { value, ..rate("USD", "EUR", 0, "1") }.shown());
        assert_eq!(read.as_deref(), shown, "{text}");
    }
    check("1.0823", Some("1.0823"));
    check("17000", Some("17000"));
    check("0.000058", Some("0.000058"));
    check("0", None);
    check("-1", None);
    check("1,08", None);
    check("99999999", None);
}

#[test]
fn spend_is_spread_over_its_days() {
    let spend = |channel: &str, from_day, to_day, amount_minor, revenue_minor| Spend {
        channel: channel.into(),
        from_day,
        to_day,
        currency: currency("EUR"),
        amount_minor,
        revenue_minor,
        orders: None,
    };
    let all = [
        spend("Ads", 1, 3, 100, Some(400)),
        spend("Ads", 4, 4, 50, Some(100)),
        spend("Post", 1, 30, 3_000, None),
        spend("Post", 31, 31, 9, Some(1)),
    ];
    let told: Vec<_> = channels(&all, 2, 4)
        .into_iter()
        .map(|each| (each.channel.clone(), each.spent_minor, each.revenue_minor, each.roas()))
        .collect();
    assert_eq!(told, [("Ads".into(), 67 + 50, Some(267 + 100), Some(314)), ("Post".into(), 300, None, None)]);
    assert_eq!(channels(&all, 40, 50), []);
    assert_eq!(spend("", 3, 1, -1, Some(-1)).problems().len(), 4);
}

proptest! {
    #[test]
    fn parts_of_a_spend_add_up_to_it(amount in 0_i64..1_000_000, days in 1_i64..60, cut in 0_i64..60) {
        let spend = Spend { channel: "a".into(), from_day: 5, to_day: 4 + days, currency: currency("EUR"),
                            amount_minor: amount, revenue_minor: None, orders: None };
        let cut = 5 + cut.min(days - 1);
        prop_assert_eq!(spend.within(amount, 0, cut) + spend.within(amount, cut + 1, 100), amount);
    }

    /// However an order is refunded, its goods cost what stands for what is left, and nothing once all went back.
    #[test]
    fn goods_of_what_went_back_cost_nothing(total in 1_i64..1_000_000, cost in 0_i64..1_000_000,
                                            backs in prop::collection::vec(1_i64..300_000, 0..6)) {
        let entry = |entry: &str, amount_minor| Entry { entry: entry.into(), amount_minor, at: Time::from_millis(0) };
        let mut entries = vec![entry("order", total)];
        let mut left = total;
        for back in backs {
            let back = back.min(left);
            left -= back;
            entries.push(entry("refund:x", -back));
        }
        let so_far: i64 = goods(&entries, total, cost).iter().sum();
        prop_assert_eq!(so_far, rounded(i128::from(cost) * i128::from(left), i128::from(total)));
        entries.push(entry("cancelled", -left));
        prop_assert_eq!(goods(&entries, total, cost).iter().sum::<i64>(), 0);
    }

    /// Adding up is the same in any order and in any number of pieces, and what was refunded whole leaves the cost alone.
    #[test]
    fn any_order_of_events_gives_one_ledger(
        orders in prop::collection::vec((1_i64..100_000, 0_i64..40, 0_i64..40, any::<bool>()), 1..20),
        texts in prop::collection::vec((1_i64..200_000, 0_i64..40), 0..20),
        seed in any::<u64>(),
        whole in any::<bool>(),
    ) {
        let mut figures = Vec::new();
        let mut expected_net = 0;
        for (amount, day, after, refunded) in &orders {
            figures.push(figure(*day, Line::Placed, "EUR", *amount));
            figures.push(figure(*day, Line::GoodsBase, "EUR", *amount));
            if *refunded || whole {
                let line = if amount % 3 == 0 { Line::Cancelled } else if amount % 3 == 1 { Line::Refunded } else { Line::ChargedBack };
                figures.push(figure(day + after, line, "EUR", *amount));
                figures.push(figure(day + after, Line::GoodsBase, "EUR", -amount));
            } else {
                expected_net += amount;
            }
        }
        figures.extend(texts.iter().map(|&(micros, day)| figure(day, Line::TextCost, "EUR", micros)));
        let setting = Setting { goods_share: Some(4_000), ..Setting::default() };
        let straight = made(&figures, setting, &[]);
        let mut shuffled = figures.clone();
        shuffled.sort_by_key(|figure| (figure.amount as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        prop_assert_eq!(&made(&shuffled, setting, &[]), &straight);
        // One after the other is the same as all at once.
        let mut grown = Sheet::new(currency("EUR"), &setting);
        for figure in &shuffled {
            grown.add(figure.line, figure.rows, figure.amount);
        }
        prop_assert_eq!(&grown, &straight.sheets[0]);
        prop_assert_eq!(grown.net(), expected_net);
        if whole {
            prop_assert_eq!(grown.goods(), Some(0));
            prop_assert_eq!(grown.contribution(), -grown.text_cost(), "net of cost only");
        }
    }
}
