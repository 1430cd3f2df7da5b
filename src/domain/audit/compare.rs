//! The comparison itself: pairs the orders of the two books and asks of each pair, and of what is left over, in what way
//! they differ. One difference is told once, under the kind that explains it best.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use super::{
    Credited, Finding, Frame, Grade, Kind, Ours, Outcome, Placed, Score, State, Sum, Theirs, Told, WHOLE, Weight,
};
use crate::domain::{
    hours,
    id::OrderId,
    money::{Currency, Money},
    time::{DAY, MINUTE, Time},
};

/// Moments this close are the same: two clocks.
const SAME_MOMENT: Duration = MINUTE.saturating_mul(10);
/// A shift by whole half hours up to this is a zone, not a mistake of a clock.
const ZONE_MOST: Duration = Duration::from_secs(14 * 60 * 60);
const HALF_HOUR_MS: i64 = 30 * 60 * 1000;
/// How far from a whole half hour a shift may be and still be one.
const ZONE_SLACK_MS: i64 = 60 * 1000;
/// Fewer faulty orders than this are no red flag by their share, however few orders there are.
const RED_LEAST: u64 = 3;

/// Compares the two books. `ours` holds every order of ours that `theirs` may name and all that were bought in the span;
/// `theirs` may reach beyond the span on both sides, so that a day's shift finds its pair.
pub fn compare(frame: &Frame, ours: &[Ours], theirs: &[Theirs], credits: &[Credited]) -> Outcome {
    let mut found = Comparison { frame, findings: Vec::new(), faulty: BTreeSet::new(), sums: BTreeMap::new() };
    let pairs = Pairs::of(ours, theirs);
    let credits = Ledger::of(credits);
    for place in &pairs.repeated {
        if let Some(order) = theirs.get(*place) {
            found.their_duplicate(order);
        }
    }
    for (theirs, ours) in &pairs.both {
        found.pair(ours, theirs, &credits);
    }
    for order in &pairs.only_theirs {
        found.only_theirs(order);
    }
    for order in &pairs.only_ours {
        found.only_ours(order, &pairs, &credits);
    }
    let known: BTreeSet<OrderId> = ours.iter().map(|order| order.id).collect();
    for (order, texts) in credits.0.iter().filter(|(order, _)| !known.contains(order)) {
        found.orphan(*order, texts);
    }
    let within = |placed: Option<Placed>| placed.is_some_and(|placed| frame.holds(placed));
    let ours_bought = ours.iter().filter(|order| within(order.placed_at.map(Placed::At))).count() as u64;
    let theirs_bought = pairs.single.iter().filter(|order| within(order.placed)).count() as u64;
    found.close(ours_bought, theirs_bought)
}

impl Frame {
    fn holds(&self, placed: Placed) -> bool {
        match placed {
            Placed::At(at) => self.from <= at && at < self.to,
            // Of a day the whole must lie inside: the rest of it was not asked for.
            Placed::On(day) => {
                let begins = hours::start_of_day(&self.zone, day);
                let ends = day.tomorrow().map_or(begins + DAY, |next| hours::start_of_day(&self.zone, next));
                self.from <= begins && ends <= self.to
            }
        }
    }

    fn start(&self, placed: Placed) -> Time {
        match placed {
            Placed::At(at) => at,
            Placed::On(day) => hours::start_of_day(&self.zone, day),
        }
    }

    fn same(&self, a: i64, b: i64) -> bool {
        a.abs_diff(b) <= self.limits.rounding_minor.unsigned_abs()
    }
}

/// A number as both books write it: without its sign, spaces and case.
fn plain(number: &str) -> String {
    number.trim().trim_start_matches('#').trim().to_lowercase()
}

/// Which order of theirs is which of ours.
struct Pairs<'a> {
    both: Vec<(&'a Theirs, &'a Ours)>,
    only_theirs: Vec<&'a Theirs>,
    only_ours: Vec<&'a Ours>,
    /// Every order of theirs once.
    single: Vec<&'a Theirs>,
    /// Places in their list of what it names again.
    repeated: Vec<usize>,
    /// Numbers that have a pair.
    numbers: BTreeSet<String>,
}

impl<'a> Pairs<'a> {
    fn of(ours: &'a [Ours], theirs: &'a [Theirs]) -> Pairs<'a> {
        let mut pairs = Pairs {
            both: Vec::new(),
            only_theirs: Vec::new(),
            only_ours: Vec::new(),
            single: Vec::new(),
            repeated: Vec::new(),
            numbers: BTreeSet::new(),
        };
        let by_id: HashMap<&str, &Ours> = ours.iter().map(|order| (order.external_id.as_str(), order)).collect();
        let mut taken: BTreeSet<OrderId> = BTreeSet::new();
        let mut left = Vec::new();
        let mut seen = BTreeSet::new();
        for (place, order) in theirs.iter().enumerate() {
            let name = match order.external_id.is_empty() {
                true => format!("#{}", plain(&order.number)),
                false => order.external_id.clone(),
            };
            if !seen.insert(name) {
                pairs.repeated.push(place);
                continue;
            }
            pairs.single.push(order);
            match by_id.get(order.external_id.as_str()).filter(|_| !order.external_id.is_empty()) {
                Some(known) => {
                    taken.insert(known.id);
                    pairs.both.push((order, known));
                }
                None => left.push(order),
            }
        }
        let mut by_number: HashMap<String, &Ours> = HashMap::new();
        for order in ours.iter().filter(|order| !taken.contains(&order.id)) {
            by_number.entry(plain(&order.number)).or_insert(order);
        }
        for order in left {
            match by_number.remove(&plain(&order.number)) {
                Some(known) => {
                    taken.insert(known.id);
                    pairs.both.push((order, known));
                }
                None => pairs.only_theirs.push(order),
            }
        }
        pairs.only_ours = ours.iter().filter(|order| !taken.contains(&order.id)).collect();
        pairs.numbers = pairs.both.iter().map(|(_, order)| plain(&order.number)).collect();
        pairs
    }
}

/// Credits by order, then by text.
struct Ledger(BTreeMap<OrderId, Vec<Credited>>);

impl Ledger {
    fn of(credits: &[Credited]) -> Ledger {
        let mut by_order: BTreeMap<OrderId, Vec<Credited>> = BTreeMap::new();
        for credit in credits {
            by_order.entry(credit.order).or_default().push(*credit);
        }
        Ledger(by_order)
    }

    fn texts(&self, order: OrderId) -> &[Credited] {
        self.0.get(&order).map_or(&[], Vec::as_slice)
    }
}

fn gross(texts: &[Credited]) -> i64 {
    texts.iter().fold(0, |sum, credit| sum.saturating_add(credit.gross_minor))
}

fn net(texts: &[Credited]) -> i64 {
    texts.iter().fold(0, |sum, credit| sum.saturating_add(credit.net_minor))
}

struct Comparison<'f> {
    frame: &'f Frame,
    findings: Vec<Finding>,
    /// Orders with a difference that counts, by their key.
    faulty: BTreeSet<String>,
    sums: BTreeMap<Currency, Sum>,
}

impl Comparison<'_> {
    fn sum(&mut self, currency: Currency) -> &mut Sum {
        let empty = Sum { currency, orders: 0, ours_minor: 0, theirs_minor: 0, gap_minor: 0 };
        self.sums.entry(currency).or_insert(empty)
    }

    fn note(&mut self, finding: Finding) {
        if finding.kind.weight() != Weight::Mild {
            self.faulty.insert(finding.key().to_owned());
            if let Some(gap) = finding.gap {
                let sum = self.sum(gap.currency);
                sum.gap_minor = sum.gap_minor.saturating_add(gap.minor);
            }
        }
        self.findings.push(finding);
    }

    fn their_duplicate(&mut self, theirs: &Theirs) {
        if theirs.placed.is_some_and(|placed| self.frame.holds(placed)) {
            self.note(Finding {
                kind: Kind::DuplicateThere,
                external_id: theirs.external_id.clone(),
                number: theirs.number.clone(),
                order: None,
                ours: Told::Times(1),
                theirs: Told::Times(2),
                gap: Some(theirs.total),
                placed_at: theirs.placed.map(|placed| self.frame.start(placed)),
            });
        }
    }

    fn only_theirs(&mut self, theirs: &Theirs) {
        let Some(placed) = theirs.placed.filter(|placed| self.frame.holds(*placed)) else { return };
        if theirs.test {
            return;
        }
        let sum = self.sum(theirs.total.currency);
        sum.orders += 1;
        sum.theirs_minor = sum.theirs_minor.saturating_add(theirs.total.minor);
        let told = match placed {
            Placed::At(at) => Told::At(at),
            Placed::On(day) => Told::On(day),
        };
        self.note(Finding {
            kind: Kind::MissingHere,
            external_id: theirs.external_id.clone(),
            number: theirs.number.clone(),
            order: None,
            ours: Told::Nothing,
            theirs: told,
            gap: Some(theirs.total),
            placed_at: Some(self.frame.start(placed)),
        });
    }

    fn only_ours(&mut self, ours: &Ours, pairs: &Pairs<'_>, credits: &Ledger) {
        let Some(at) = ours.placed_at.filter(|&at| self.frame.holds(Placed::At(at))) else { return };
        if ours.test {
            return;
        }
        let sum = self.sum(ours.total.currency);
        sum.orders += 1;
        sum.ours_minor = sum.ours_minor.saturating_add(ours.total.minor);
        let texts = credits.texts(ours.id);
        let (kind, theirs) = if !texts.is_empty() {
            (Kind::CreditWithoutOrder, Told::Nothing)
        } else if pairs.numbers.contains(&plain(&ours.number)) {
            (Kind::DuplicateHere, Told::Times(1))
        } else {
            (Kind::MissingThere, Told::Nothing)
        };
        let told = match kind {
            Kind::DuplicateHere => Told::Times(2),
            Kind::CreditWithoutOrder => Told::Money(Money::new(gross(texts), ours.total.currency)),
            _ => Told::At(at),
        };
        self.found(kind, ours, told, theirs, Some(ours.total));
    }

    /// Credit for an order that neither book has.
    fn orphan(&mut self, order: OrderId, texts: &[Credited]) {
        self.note(Finding {
            kind: Kind::CreditWithoutOrder,
            external_id: order.to_string(),
            number: order.to_string(),
            order: Some(order),
            ours: Told::Times(u32::try_from(texts.len()).unwrap_or(u32::MAX)),
            theirs: Told::Nothing,
            gap: None,
            // Nobody knows; of this span it is.
            placed_at: Some(Time::from_millis(self.frame.to.millis().saturating_sub(1))),
        });
    }

    fn found(&mut self, kind: Kind, ours: &Ours, told: Told, theirs: Told, gap: Option<Money>) {
        self.note(Finding {
            kind,
            external_id: ours.external_id.clone(),
            number: ours.number.clone(),
            order: Some(ours.id),
            ours: told,
            theirs,
            gap,
            placed_at: ours.placed_at,
        });
    }

    /// An order that both have.
    fn pair(&mut self, ours: &Ours, theirs: &Theirs, credits: &Ledger) {
        let within = |placed: Option<Placed>| placed.is_some_and(|placed| self.frame.holds(placed));
        if !within(theirs.placed) && !within(ours.placed_at.map(Placed::At)) {
            return;
        }
        if self.tests(ours, theirs) {
            return;
        }
        let texts = credits.texts(ours.id);
        self.ledger(ours, texts);
        let bought = self.bought(ours, theirs);
        let sum = self.sum(theirs.total.currency);
        sum.orders += 1;
        sum.theirs_minor = sum.theirs_minor.saturating_add(theirs.total.minor);
        let sum = self.sum(ours.total.currency);
        sum.ours_minor = sum.ours_minor.saturating_add(ours.total.minor);
        if !bought {
            return;
        }
        let same_currency = self.amounts(ours, theirs);
        if let Some(cancelled) = theirs.cancelled.filter(|&cancelled| cancelled != ours.cancelled) {
            let (kind, here, there) = match cancelled {
                true => (Kind::CancelledThere, State::NotCancelled, State::Cancelled),
                false => (Kind::CancelledHere, State::Cancelled, State::NotCancelled),
            };
            self.found(kind, ours, Told::State(here), Told::State(there), Some(theirs.total));
        }
        if same_currency {
            self.refunds(ours, theirs);
        }
        self.moments(ours, theirs);
        if (theirs.token || ours.token) && !ours.explained && texts.is_empty() && !ours.cancelled {
            let (here, there) = (Told::State(State::Uncredited), Told::State(State::WithToken));
            self.found(Kind::TokenWithoutCredit, ours, here, there, None);
        }
    }

    /// Whether it is a test by either book's word: then nothing else about it counts.
    fn tests(&mut self, ours: &Ours, theirs: &Theirs) -> bool {
        if ours.test != theirs.test {
            let told = |test| Told::State(if test { State::Test } else { State::NoTest });
            self.found(Kind::Test, ours, told(ours.test), told(theirs.test), Some(theirs.total));
        }
        ours.test || theirs.test
    }

    /// Our own credits against our own order: whatever the shop says, these must hold.
    fn ledger(&mut self, ours: &Ours, texts: &[Credited]) {
        let credited = texts.iter().filter(|credit| credit.gross_minor != 0).count();
        if credited > 1 {
            let times = u32::try_from(credited).unwrap_or(u32::MAX);
            self.found(Kind::CreditedTwice, ours, Told::Times(times), Told::Times(1), None);
            return;
        }
        let total = ours.total.minor;
        let kept = if ours.cancelled { 0 } else { total.saturating_sub(ours.refunded_minor) };
        let over = gross(texts).saturating_sub(total).max(net(texts).saturating_sub(kept));
        if over > self.frame.limits.rounding_minor {
            let money = |minor| Money::new(minor, ours.total.currency);
            let (here, there) = match gross(texts) > total {
                true => (gross(texts), total),
                false => (net(texts), kept),
            };
            let (here, there) = (Told::Money(money(here)), Told::Money(money(there)));
            self.found(Kind::CreditTooLarge, ours, here, there, Some(money(over)));
        }
    }

    fn bought(&mut self, ours: &Ours, theirs: &Theirs) -> bool {
        let (here, there) = (ours.placed_at.is_some(), theirs.placed.is_some());
        if here != there {
            let told = |bought| Told::State(if bought { State::Bought } else { State::NotBought });
            let kind = if there { Kind::BoughtThere } else { Kind::BoughtHere };
            self.found(kind, ours, told(here), told(there), Some(theirs.total));
        }
        here && there
    }

    /// Whether the two are in one currency.
    fn amounts(&mut self, ours: &Ours, theirs: &Theirs) -> bool {
        let (here, there) = (Told::Money(ours.total), Told::Money(theirs.total));
        if ours.total.currency != theirs.total.currency {
            self.found(Kind::Currency, ours, here, there, Some(theirs.total));
            return false;
        }
        if self.frame.same(ours.total.minor, theirs.total.minor) {
            return true;
        }
        let apart = ours.total.minor.saturating_sub(theirs.total.minor).saturating_abs();
        let parts = [theirs.tax_minor, theirs.shipping_minor];
        let both = parts[0].unwrap_or(0).saturating_add(parts[1].unwrap_or(0));
        let basis = parts.into_iter().flatten().chain([both]).any(|part| part > 0 && self.frame.same(part, apart));
        let kind = if basis { Kind::Basis } else { Kind::Value };
        self.found(kind, ours, here, there, Some(Money::new(apart, theirs.total.currency)));
        true
    }

    fn refunds(&mut self, ours: &Ours, theirs: &Theirs) {
        let Some(there) = theirs.refunded_minor else { return };
        if self.frame.same(ours.refunded_minor, there) {
            return;
        }
        let money = |minor: i64| Money::new(minor, theirs.total.currency);
        let apart = ours.refunded_minor.saturating_sub(there).saturating_abs();
        let (here, there) = (Told::Money(money(ours.refunded_minor)), Told::Money(money(there)));
        self.found(Kind::Refund, ours, here, there, Some(money(apart)));
    }

    fn moments(&mut self, ours: &Ours, theirs: &Theirs) {
        let (Some(here), Some(there)) = (ours.placed_at, theirs.placed) else { return };
        match there {
            Placed::On(day) => {
                let our_day = hours::day_of(&self.frame.zone, here);
                let begun = theirs.begun_at.map_or(day, |at| hours::day_of(&self.frame.zone, at));
                if (begun.min(day)..=day).contains(&our_day) {
                    return;
                }
                let beside = day.tomorrow().ok() == Some(our_day) || our_day.tomorrow().ok() == Some(day);
                let kind = if beside { Kind::DayShift } else { Kind::PlacedAt };
                self.found(kind, ours, Told::At(here), Told::On(day), None);
            }
            Placed::At(at) => {
                let earliest = theirs.begun_at.map_or(at, |begun| begun.min(at));
                if earliest - SAME_MOMENT <= here && here <= at + SAME_MOMENT {
                    return;
                }
                let apart = here.millis().saturating_sub(at.millis());
                let off = apart.rem_euclid(HALF_HOUR_MS);
                let whole = off.min(HALF_HOUR_MS - off) <= ZONE_SLACK_MS;
                let zone = whole && apart.unsigned_abs() <= ZONE_MOST.as_millis() as u64;
                let kind = if zone { Kind::DayShift } else { Kind::PlacedAt };
                self.found(kind, ours, Told::At(here), Told::At(at), None);
            }
        }
    }

    fn close(self, ours: u64, theirs: u64) -> Outcome {
        let compared = self.sums.values().map(|sum| sum.orders).sum::<u64>();
        let faulty = self.faulty.len() as u64;
        let share = |part: u64, of: u64| match of {
            0 => u32::from(part > 0) * WHOLE,
            of => u32::try_from((u128::from(part) * u128::from(WHOLE)).div_ceil(u128::from(of)))
                .map_or(WHOLE, |share| share.min(WHOLE)),
        };
        // A currency weighs as many orders as it has: one odd order in yen is not all of the books.
        let weighed = self.sums.values().fold(0u64, |sum, each| {
            let most = each.ours_minor.max(each.theirs_minor).max(0);
            let apart = share(each.gap_minor.max(0).unsigned_abs(), most.unsigned_abs());
            sum.saturating_add(u64::from(apart).saturating_mul(each.orders.max(1)))
        });
        let by_value = u32::try_from(weighed.div_ceil(compared.max(1))).unwrap_or(WHOLE).min(WHOLE);
        let score = Score { compared, faulty, by_orders: share(faulty, compared), by_value };
        let grave = self.findings.iter().any(|finding| finding.kind.weight() == Weight::Grave);
        let limits = self.frame.limits;
        let grade = match score.drift() {
            _ if grave => Grade::Large,
            0 => Grade::Agree,
            drift if drift >= limits.large && faulty >= RED_LEAST => Grade::Large,
            drift if drift > limits.small => Grade::Notable,
            _ => Grade::Small,
        };
        Outcome { findings: self.findings, score, grade, sums: self.sums.into_values().collect(), ours, theirs }
    }
}
