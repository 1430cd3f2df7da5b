//! Attribution: which text, if any, an order is credited to, and why. A pure function of stored facts; running it again
//! over the same facts gives the same answer, and changing a window only means running it again.
//!
//! - Headline credit needs a human tap on the text's link before the order, inside the click window, and a tie between
//!   the two people: the order carried our token back, used the text's own code, or is of the same checkout, phone,
//!   e-mail or customer.
//! - A text that was only accepted, not tapped, is shown apart as *assisted* within its shorter window.
//! - An order placed before the text was accepted earns nothing.
//! - The strongest tie wins; among equals the newest tap, then the newest text.
//! - Refunds and cancellations are entries of their own, negative, never below zero in sum.
//! - What a person of the shop said of an order wins over all of that, but for two things: an order that earns nothing at
//!   all, and a text that did not leave before it.
//!
//! Other rules over the same facts are lenses ([`lens`]): they show what would be credited, and credit nothing.

pub mod grade;
pub mod lens;

use serde::{Deserialize, Serialize};

use super::{
    event::{Channel, Refund},
    id::MessageId,
    money::Currency,
    rules::Rules,
    time::{HOUR, Time},
};

/// The order, as far as credit is concerned.
#[derive(Clone, Debug)]
pub struct OrderFacts {
    pub placed_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub total_minor: i64,
    pub currency: Currency,
    pub channel: Channel,
    pub test: bool,
    pub refunds: Vec<Refund>,
    /// A cart of the same person had been abandoned before it was placed.
    pub after_abandoned: bool,
    /// What a person of the shop said last, unless that was to leave it to the rules.
    pub corrected: Option<Correction>,
}

/// A text that may have brought the order, with how it is tied to it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub message: MessageId,
    pub step: u32,
    pub accepted_at: Option<Time>,
    /// Human taps only.
    pub taps: Vec<Time>,
    /// Opens that were not counted (previews, scanners).
    pub bot_opens: u32,
    /// The strongest tie between this text's cart and the order.
    pub tie: Tie,
}

/// How sure we are that the text and the order are of one person; stronger is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    Email,
    Customer,
    Phone,
    CartToken,
    Code,
    /// The order carried our own recovery token back.
    Token,
}

impl Tie {
    pub fn words(self) -> &'static str {
        match self {
            Tie::Token => "the order came in through this text's own link",
            Tie::Code => "the order used this text's own code",
            Tie::CartToken => "same checkout",
            Tie::Phone => "same phone",
            Tie::Customer => "same customer",
            Tie::Email => "same e-mail",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The headline: tapped, then bought.
    Credited,
    /// Delivered, not tapped; shown apart, never added to the headline.
    Assisted,
}

impl Class {
    pub fn name(self) -> &'static str {
        match self {
            Class::Credited => "credited",
            Class::Assisted => "assisted",
        }
    }
}

/// One candidate with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Considered {
    pub message: MessageId,
    pub step: u32,
    pub tie: Tie,
    /// The tap that counts, if any.
    pub tapped_at: Option<Time>,
    /// What it could have earned.
    pub class: Option<Class>,
    pub won: bool,
    pub why: String,
    /// When it provably left; also `None` in verdicts from before this was kept.
    #[serde(default)]
    pub accepted_at: Option<Time>,
    /// Opens that were not counted.
    #[serde(default)]
    pub bot_opens: u32,
}

impl Considered {
    /// The candidate again, with the one tap that any rule can still count: the last one before the order.
    fn candidate(&self) -> Candidate {
        Candidate {
            message: self.message,
            step: self.step,
            accepted_at: self.accepted_at,
            taps: self.tapped_at.into_iter().collect(),
            bot_opens: self.bot_opens,
            tie: self.tie,
        }
    }
}

/// Within what an order counts as brought by a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Hours from a tap to the order: 0 to 2,160.
    pub click_hours: u32,
    /// Hours from an untapped text to the order: 0 for never.
    pub sent_hours: u32,
    /// The hours of a tap begin when its text was sent.
    #[serde(default)]
    pub click_from_sent: bool,
    /// The text's own code counts without a tap and outside every window.
    #[serde(default)]
    pub code_always: bool,
}

impl Windows {
    pub fn of(rules: &Rules) -> Windows {
        Windows {
            click_hours: rules.click_window_hours,
            sent_hours: rules.delivered_window_hours,
            click_from_sent: false,
            code_always: false,
        }
    }
}

/// What a person of the shop said of an order's credit: to this text, or to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    pub to: Option<MessageId>,
}

/// How an order of an abandoned cart came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// No text had left for it.
    Alone,
    /// A text had left, nobody opened its link.
    AfterText,
    /// Somebody opened the link of a text before.
    ThroughLink,
}

impl Way {
    pub const ALL: [Way; 3] = [Way::Alone, Way::AfterText, Way::ThroughLink];

    pub fn name(self) -> &'static str {
        match self {
            Way::Alone => "alone",
            Way::AfterText => "after_text",
            Way::ThroughLink => "through_link",
        }
    }

    /// Of an order that was placed, of a cart that was abandoned before.
    fn of(placed_at: Time, candidates: &[Candidate]) -> Way {
        let left = |text: &&Candidate| text.accepted_at.is_some_and(|at| at < placed_at);
        let tapped = |text: &Candidate| text.taps.iter().any(|&tap| tap <= placed_at);
        let mut before = candidates.iter().filter(left).peekable();
        if before.peek().is_none() {
            return Way::Alone;
        }
        if before.any(tapped) { Way::ThroughLink } else { Way::AfterText }
    }
}

/// A line of the credit ledger: positive for the order, negative for what went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `order`, `refund:<id>` or `cancelled`: one of each, so that recomputing replaces it.
    pub entry: String,
    pub amount_minor: i64,
    pub at: Time,
}

/// The verdict on one order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    pub winner: Option<Winner>,
    pub considered: Vec<Considered>,
    /// Why nothing could be credited at all, when that is so.
    pub excluded: Option<String>,
    pub entries: Vec<Entry>,
    /// The windows it was judged by.
    #[serde(default)]
    pub windows: Option<Windows>,
    /// What a person said, where that made the verdict.
    #[serde(default)]
    pub corrected: Option<Correction>,
    /// How it came about, where its cart had been abandoned before.
    #[serde(default)]
    pub way: Option<Way>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Winner {
    pub message: MessageId,
    pub step: u32,
    pub class: Class,
    pub tie: Tie,
}

/// Judges one order against every text that may have brought it.
pub fn attribute(order: &OrderFacts, candidates: &[Candidate], rules: &Rules) -> Attribution {
    let mut verdict = judged(order, candidates, &Windows::of(rules));
    if order.after_abandoned {
        verdict.way = order.placed_at.map(|placed_at| Way::of(placed_at, candidates));
    }
    if let Some(said) = order.corrected {
        correct(&mut verdict, order, said);
    }
    verdict
}

fn judged(order: &OrderFacts, candidates: &[Candidate], windows: &Windows) -> Attribution {
    let excluded = exclusion(order);
    let mut considered: Vec<Considered> =
        candidates.iter().map(|candidate| consider(order, candidate, windows)).collect();
    considered.sort_by_key(|each| std::cmp::Reverse(rank(each)));
    let mut winner = None;
    if excluded.is_none()
        && let Some(best) = considered.first_mut()
        && let Some(class) = best.class
    {
        best.won = true;
        winner = Some(Winner { message: best.message, step: best.step, class, tie: best.tie });
    }
    if winner.is_some() {
        for loser in considered.iter_mut().skip(1).filter(|each| each.class.is_some()) {
            loser.why = format!("{}; another text was closer", loser.why);
        }
    }
    let entries = if winner.is_some() { entries(order) } else { Vec::new() };
    Attribution { winner, considered, excluded, entries, windows: Some(*windows), corrected: None, way: None }
}

/// Puts what a person said in the place of what the rules say. What cannot be is not done: an excluded order stays so, and
/// a text that is no candidate, or left after the order or never, gets nothing.
fn correct(verdict: &mut Attribution, order: &OrderFacts, said: Correction) {
    let Some(placed_at) = order.placed_at.filter(|_| verdict.excluded.is_none()) else { return };
    let chosen = match said.to {
        None => None,
        Some(message) => {
            let of = |each: &&mut Considered| each.message == message && may_be_given(each.accepted_at, placed_at);
            let Some(chosen) = verdict.considered.iter_mut().find(of) else { return };
            Some(Winner { message, step: chosen.step, class: Class::Credited, tie: chosen.tie })
        }
    };
    for each in &mut verdict.considered {
        each.won = chosen.is_some_and(|chosen| chosen.message == each.message);
        if each.won {
            each.why = format!("given by hand; by the rules: {}", each.why);
        } else if each.class.is_some() {
            each.why = format!("{}; set aside by hand", each.why);
        }
    }
    verdict.considered.sort_by_key(|each| !each.won);
    verdict.winner = chosen;
    verdict.entries = if chosen.is_some() { entries(order) } else { Vec::new() };
    verdict.corrected = Some(said);
}

/// Whether a person may credit an order to a text that left then.
pub fn may_be_given(accepted_at: Option<Time>, placed_at: Time) -> bool {
    accepted_at.is_some_and(|left| left < placed_at)
}

fn exclusion(order: &OrderFacts) -> Option<String> {
    let why = match (order.test, order.channel, order.placed_at) {
        (true, _, _) => "a test order",
        (_, Channel::PointOfSale, _) => "bought at a till",
        (_, Channel::Staff, _) => "typed in by the shop's staff",
        (_, _, None) => "not bought yet",
        _ => return None,
    };
    Some(why.to_owned())
}

/// Credited before assisted before nothing, then the tie, then the newest tap, then the newest text.
fn rank(each: &Considered) -> (u8, Tie, Option<Time>, MessageId) {
    let class = match each.class {
        Some(Class::Credited) => 2,
        Some(Class::Assisted) => 1,
        None => 0,
    };
    (class, each.tie, each.tapped_at, each.message)
}

fn consider(order: &OrderFacts, candidate: &Candidate, windows: &Windows) -> Considered {
    let (class, tapped_at, why) = judge(order, candidate, windows);
    Considered {
        message: candidate.message,
        step: candidate.step,
        tie: candidate.tie,
        tapped_at,
        class,
        won: false,
        why: match class {
            Some(_) => format!("{}, {why}", candidate.tie.words()),
            None => why,
        },
        accepted_at: candidate.accepted_at,
        bot_opens: candidate.bot_opens,
    }
}

fn judge(order: &OrderFacts, candidate: &Candidate, windows: &Windows) -> (Option<Class>, Option<Time>, String) {
    let Some(placed_at) = order.placed_at else {
        return (None, None, "the order is not bought yet".into());
    };
    let Some(accepted_at) = candidate.accepted_at else {
        return (None, None, "the text never provably left".into());
    };
    if placed_at <= accepted_at {
        return (None, None, "ordered before the text was sent".into());
    }
    let tap = candidate.taps.iter().copied().filter(|&tap| tap <= placed_at).max();
    let since = |tap| placed_at.since(if windows.click_from_sent { accepted_at } else { tap });
    match tap {
        Some(tap) if since(tap) <= HOUR * windows.click_hours => {
            (Some(Class::Credited), Some(tap), format!("tapped {} before the order", span(placed_at.since(tap))))
        }
        tap if windows.code_always && candidate.tie == Tie::Code => {
            (Some(Class::Credited), tap, "which counts outside every window".into())
        }
        Some(tap) => (None, Some(tap), format!("tapped, but more than {} h before the order", windows.click_hours)),
        None if placed_at.since(accepted_at) <= HOUR * windows.sent_hours => {
            (Some(Class::Assisted), None, "sent within the window before the order, not tapped".into())
        }
        None => (None, None, format!("not tapped, and sent more than {} h before", windows.sent_hours)),
    }
}

fn span(of: std::time::Duration) -> String {
    match of.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// The order as a positive entry, what went back as negative ones, in time's order, never below zero in sum.
fn entries(order: &OrderFacts) -> Vec<Entry> {
    let Some(placed_at) = order.placed_at else { return Vec::new() };
    let mut left = order.total_minor.max(0);
    let mut entries = vec![Entry { entry: "order".into(), amount_minor: left, at: placed_at }];
    let mut refunds: Vec<_> = order.refunds.iter().filter(|refund| refund.amount.currency == order.currency).collect();
    refunds.sort_by(|a, b| (a.at, &a.external_id).cmp(&(b.at, &b.external_id)));
    for refund in refunds {
        let back = refund.amount.minor.clamp(0, left);
        if back > 0 {
            left -= back;
            entries.push(Entry { entry: format!("refund:{}", refund.external_id), amount_minor: -back, at: refund.at });
        }
    }
    if let Some(at) = order.cancelled_at
        && left > 0
    {
        entries.push(Entry { entry: "cancelled".into(), amount_minor: -left, at });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Money;
    use proptest::prelude::*;

    fn at(minutes: i64) -> Time {
        Time::from_millis(minutes * 60_000)
    }

    fn euro() -> Currency {
        Currency::parse("EUR").unwrap()
    }

    fn order(placed: i64) -> OrderFacts {
        OrderFacts {
            placed_at: Some(at(placed)),
            cancelled_at: None,
            total_minor: 10_000,
            currency: euro(),
            channel: Channel::Web,
            test: false,
            refunds: Vec::new(),
            after_abandoned: true,
            corrected: None,
        }
    }

    fn text(id: i64, accepted: i64, taps: &[i64], tie: Tie) -> Candidate {
        Candidate {
            message: MessageId::new(id),
            step: 1,
            accepted_at: Some(at(accepted)),
            taps: taps.iter().map(|&minutes| at(minutes)).collect(),
            bot_opens: 0,
            tie,
        }
    }

    #[track_caller]
    fn check(order: &OrderFacts, texts: &[Candidate], expected: Option<(i64, Class)>) {
        let found = attribute(order, texts, &Rules::default());
        assert_eq!(found.winner.map(|won| (won.message.get(), won.class)), expected, "{:#?}", found.considered);
    }

    const DAY_MINUTES: i64 = 24 * 60;

    #[test]
    fn who_is_credited() {
        use Class::*;
        check(&order(100), &[], None);
        check(&order(100), &[text(1, 10, &[50], Tie::CartToken)], Some((1, Credited)));
        check(&order(100), &[text(1, 10, &[], Tie::CartToken)], Some((1, Assisted)));
        // Placed before the text left, or in the same moment.
        check(&order(10), &[text(1, 10, &[], Tie::Token)], None);
        check(&order(9), &[text(1, 10, &[9], Tie::Token)], None);
        // A tap after the order explains nothing.
        check(&order(100), &[text(1, 10, &[101], Tie::Token)], Some((1, Assisted)));
        // Windows: five days from the tap, one day from the text.
        check(&order(50 + 5 * DAY_MINUTES), &[text(1, 10, &[50], Tie::Phone)], Some((1, Credited)));
        check(&order(51 + 5 * DAY_MINUTES), &[text(1, 10, &[50], Tie::Phone)], None);
        check(&order(10 + DAY_MINUTES), &[text(1, 10, &[], Tie::Phone)], Some((1, Assisted)));
        check(&order(11 + DAY_MINUTES), &[text(1, 10, &[], Tie::Phone)], None);
        // Stronger tie first, then the newer tap; a tap beats any untapped text.
        check(&order(100), &[text(1, 10, &[20], Tie::Token), text(2, 10, &[90], Tie::Phone)], Some((1, Credited)));
        check(&order(100), &[text(1, 10, &[20], Tie::Phone), text(2, 10, &[90], Tie::Phone)], Some((2, Credited)));
        check(&order(100), &[text(1, 10, &[], Tie::Token), text(2, 10, &[90], Tie::Email)], Some((2, Credited)));
    }

    #[test]
    fn tills_staff_and_tests_earn_nothing() {
        let tapped = [text(1, 10, &[50], Tie::Token)];
        check(&OrderFacts { test: true, ..order(100) }, &tapped, None);
        check(&OrderFacts { channel: Channel::PointOfSale, ..order(100) }, &tapped, None);
        check(&OrderFacts { channel: Channel::Staff, ..order(100) }, &tapped, None);
        check(&OrderFacts { placed_at: None, ..order(100) }, &tapped, None);
    }

    #[test]
    fn a_person_has_the_last_word() {
        let texts = [text(1, 10, &[20], Tie::Token), text(2, 30, &[], Tie::Phone), text(3, 200, &[], Tie::Phone)];
        let said = |to: Option<i64>| {
            let to = to.map(MessageId::new);
            attribute(&OrderFacts { corrected: Some(Correction { to }), ..order(100) }, &texts, &Rules::default())
        };
        let given = said(Some(2));
        assert_eq!(given.winner.map(|won| (won.message.get(), won.class)), Some((2, Class::Credited)));
        assert_eq!(given.considered.iter().filter(|each| each.won).count(), 1);
        assert_eq!(
            given.considered[0].why,
            "given by hand; by the rules: same phone, sent within the window before the order, not tapped; another text was closer"
        );
        assert_eq!(given.entries.len(), 1);
        let none = said(None);
        assert_eq!((none.winner, none.entries.len(), none.corrected), (None, 0, Some(Correction { to: None })));
        // One that left after the order, or that is none of its texts, changes nothing.
        for impossible in [3, 9] {
            let verdict = said(Some(impossible));
            assert_eq!((verdict.winner.map(|won| won.message.get()), verdict.corrected), (Some(1), None));
        }
        let test = OrderFacts { test: true, corrected: Some(Correction { to: Some(MessageId::new(1)) }), ..order(100) };
        assert_eq!(attribute(&test, &texts, &Rules::default()).winner, None);
    }

    #[test]
    fn how_an_order_came_about() {
        let way = |texts: &[Candidate]| attribute(&order(100), texts, &Rules::default()).way;
        assert_eq!(way(&[]), Some(Way::Alone));
        assert_eq!(way(&[text(1, 100, &[], Tie::Phone)]), Some(Way::Alone));
        assert_eq!(way(&[text(1, 10, &[101], Tie::Phone)]), Some(Way::AfterText));
        assert_eq!(way(&[text(1, 10, &[], Tie::Phone), text(2, 20, &[50], Tie::Email)]), Some(Way::ThroughLink));
        let never_left = OrderFacts { after_abandoned: false, ..order(100) };
        assert_eq!(attribute(&never_left, &[], &Rules::default()).way, None);
    }

    fn refund(id: &str, minor: i64, minutes: i64) -> Refund {
        Refund { external_id: id.into(), amount: Money::new(minor, euro()), at: at(minutes) }
    }

    #[test]
    fn credit_follows_what_goes_back() {
        let tapped = [text(1, 10, &[50], Tie::Token)];
        let amounts = |order: &OrderFacts| -> Vec<i64> {
            attribute(order, &tapped, &Rules::default()).entries.iter().map(|entry| entry.amount_minor).collect()
        };
        assert_eq!(amounts(&order(100)), [10_000]);
        assert_eq!(amounts(&OrderFacts { refunds: vec![refund("r", 2_000, 200)], ..order(100) }), [10_000, -2_000]);
        let cancelled = OrderFacts {
            refunds: vec![refund("b", 2_000, 200), refund("a", 1_000, 150)],
            cancelled_at: Some(at(300)),
            ..order(100)
        };
        assert_eq!(amounts(&cancelled), [10_000, -1_000, -2_000, -7_000]);
        assert_eq!(amounts(&OrderFacts { refunds: vec![refund("r", 99_000, 200)], ..order(100) }), [10_000, -10_000]);
    }

    proptest! {
        #[test]
        fn credit_is_never_negative_nor_more_than_the_order(
            total in 0i64..1_000_000,
            refunds in prop::collection::vec((0i64..2_000_000, 0i64..500), 0..6),
            cancelled in prop::option::of(0i64..500),
        ) {
            let facts = OrderFacts {
                total_minor: total,
                cancelled_at: cancelled.map(at),
                refunds: refunds.iter().enumerate().map(|(n, &(minor, when))| refund(&n.to_string(), minor, when)).collect(),
                ..order(100)
            };
            let found = attribute(&facts, &[text(1, 10, &[50], Tie::Token)], &Rules::default());
            let sum: i64 = found.entries.iter().map(|entry| entry.amount_minor).sum();
            prop_assert!((0..=total).contains(&sum));
            prop_assert!(cancelled.is_none() || sum == 0);
        }

        #[test]
        fn the_order_candidates_are_found_in_does_not_matter(
            texts in prop::collection::vec((1i64..200, prop::collection::vec(1i64..200, 0..3), 0usize..6), 0..6),
        ) {
            let ties = [Tie::Email, Tie::Customer, Tie::Phone, Tie::CartToken, Tie::Code, Tie::Token];
            let mut candidates: Vec<_> = texts.iter().enumerate()
                .map(|(n, (accepted, taps, tie))| text(n as i64, *accepted, taps, ties[*tie])).collect();
            let forward = attribute(&order(150), &candidates, &Rules::default());
            candidates.reverse();
            prop_assert_eq!(forward, attribute(&order(150), &candidates, &Rules::default()));
        }
    }
}
