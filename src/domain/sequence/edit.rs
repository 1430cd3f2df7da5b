//! Changing a sequence by name, as the command line and the page do. What is typed is read forgivingly; whether the result
//! may be saved is asked of `check`.

use std::time::Duration;

use super::{Buyer, Closed, Conditions, Discount, Exits, FixedCode, MINUTES_MOST, STEPS_MOST, Sequence, Step};
use crate::domain::{
    discount::{Off, Plan, cool_down_days},
    money::{Currency, Money},
    time::{MINUTE, Time},
};

/// What `Sequence::set` takes, with how it is typed.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "what you call it"),
    ("rest_days", "least days between a text of another cart's sequence and this one's first"),
    ("when.countries", "SI,HR"),
    ("when.languages", "de,pt-br"),
    ("when.total_least", "50.00 EUR"),
    ("when.total_most", "500.00 EUR"),
    ("when.items", "words with commas between them, of which one stands in an item's title"),
    ("when.without_items", "words of which none does"),
    ("when.tags", "vip,b2b"),
    ("when.buyer", "any, new or returning"),
    ("when.sources", "web,newsletter"),
    ("when.intent_least", "1 to 100: how eagerly the visitor went about buying, where the pixel saw it"),
    ("exits", "clicked,replied,superseded,emptied: those that end it"),
    ("steps", "when each text is due after the cart was abandoned: 0,24h,44h"),
    ("step.1.after", "30m, 24h or 2d; a bare number is minutes"),
    ("step.1.deadline", "how long after its due moment it may still go; empty for the shop's own limit"),
    ("step.1.closed", "outside the hours: wait or skip"),
    ("step.1.when.…", "as when.…, asked again when the step is due"),
    ("step.1.text.de", "your own words; step.1.text for every other language; empty for the ready-made ones"),
    (
        "step.1.discount",
        "a code of your shop, or percent:10, amount:5.00 EUR, free_shipping for a fresh single-use one",
    ),
    ("step.1.discount.minimum", "40.00 EUR: the least total a fresh code is taken from"),
    ("step.1.discount.expires_hours", "how long a fresh code is valid"),
    ("step.1.discount.cool_down_days", "least days between two discounts to one person"),
    ("step.1.discount.alone", "whether a fresh code goes with no other code of the shop: yes or no"),
];

impl Sequence {
    /// Changes several fields by name, all or none, in this order. Every problem is told, also those of the result.
    pub fn set_all<'t>(&mut self, changes: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<(), Vec<String>> {
        let mut changed = self.clone();
        let mut problems = Vec::new();
        for (key, value) in changes {
            if let Err(why) = changed.set(key, value.trim()) {
                problems.push(format!("{key}: {why}"));
            }
        }
        problems.extend(changed.check());
        if problems.is_empty() {
            *self = changed;
            return Ok(());
        }
        Err(problems)
    }

    /// Every field besides the words, as `set_all` reads it back.
    pub fn typed(&self) -> Vec<(String, String)> {
        let mut typed = vec![
            ("name".to_owned(), self.name.clone()),
            ("rest_days".to_owned(), self.rest_days.to_string()),
            ("exits".to_owned(), self.exits.typed()),
        ];
        self.when.typed("when", &mut typed);
        for (number, step) in (1..).zip(&self.steps) {
            step.typed(&format!("step.{number}"), &mut typed);
        }
        typed
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(key) = key.strip_prefix("when.") {
            return self.when.set(key, value);
        }
        if let Some(rest) = key.strip_prefix("step.") {
            let (number, key) = rest.split_once('.').ok_or_else(unknown)?;
            let count = self.steps.len();
            let place = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let step = place.and_then(|place| self.steps.get_mut(place));
            return step.ok_or_else(|| format!("there is no such step; there are {count}"))?.set(key, value);
        }
        match key {
            "name" => self.name = value.to_owned(),
            "rest_days" => self.rest_days = number(value)?,
            "exits" => {
                let mut exits = Exits { clicked: false, replied: false, superseded: false, emptied: false };
                for name in list(value) {
                    *exits.slot(&name).ok_or_else(|| format!("there is no exit {name}"))? = true;
                }
                self.exits = exits;
            }
            "steps" => {
                let after = list(value).iter().map(|part| read_span(part)).collect::<Result<Vec<_>, _>>()?;
                if !(1..=STEPS_MOST).contains(&after.len()) {
                    return Err(format!("must be 1 to {STEPS_MOST} times"));
                }
                self.steps.resize_with(after.len(), Step::default);
                for (step, after_minutes) in self.steps.iter_mut().zip(after) {
                    step.after_minutes = after_minutes;
                }
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Switches it on as of now; one that is on stays on since when it was.
    pub fn switch_on(&mut self, now: Time) {
        self.on_since.get_or_insert(now);
    }
}

impl Exits {
    fn slot(&mut self, name: &str) -> Option<&mut bool> {
        match name {
            "clicked" => Some(&mut self.clicked),
            "replied" => Some(&mut self.replied),
            "superseded" => Some(&mut self.superseded),
            "emptied" => Some(&mut self.emptied),
            _ => None,
        }
    }

    /// Whether the exit of this name is chosen.
    pub fn has(&self, name: &str) -> bool {
        let mut exits = *self;
        exits.slot(name).is_some_and(|chosen| *chosen)
    }

    /// Those that are chosen, as `set` takes them.
    pub fn typed(&self) -> String {
        let chosen = Exits::NAMES.iter().filter(|(name, _)| self.has(name)).map(|(name, _)| *name);
        chosen.collect::<Vec<_>>().join(",")
    }
}

impl Conditions {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "countries" => self.countries = list(&value.to_uppercase()),
            "languages" => self.languages = list(&value.to_lowercase().replace('_', "-")),
            "total_least" => self.total_least = read_money(value)?,
            "total_most" => self.total_most = read_money(value)?,
            "items" => self.items = list(value),
            "without_items" => self.without_items = list(value),
            "tags" => self.tags = list(value),
            "sources" => self.sources = list(value),
            "intent_least" if value.is_empty() => self.intent_least = None,
            "intent_least" => {
                let read = value.parse().map_err(|_| "must be a whole number from 1 to 100".to_owned())?;
                self.intent_least = Some(read);
            }
            "buyer" => {
                self.buyer = match value {
                    "any" | "" => Buyer::Any,
                    "new" => Buyer::New,
                    "returning" => Buyer::Returning,
                    _ => return Err("must be any, new or returning".into()),
                }
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

impl Conditions {
    fn typed(&self, place: &str, typed: &mut Vec<(String, String)>) {
        let money = |bound: &Option<Money>| bound.as_ref().map(typed_money).unwrap_or_default();
        let buyer = match self.buyer {
            Buyer::Any => "any",
            Buyer::New => "new",
            Buyer::Returning => "returning",
        };
        for (name, value) in [
            ("countries", self.countries.join(", ")),
            ("languages", self.languages.join(", ")),
            ("total_least", money(&self.total_least)),
            ("total_most", money(&self.total_most)),
            ("items", self.items.join(", ")),
            ("without_items", self.without_items.join(", ")),
            ("tags", self.tags.join(", ")),
            ("buyer", buyer.to_owned()),
            ("sources", self.sources.join(", ")),
            ("intent_least", self.intent_least.map(|least| least.to_string()).unwrap_or_default()),
        ] {
            typed.push((format!("{place}.{name}"), value));
        }
    }
}

impl Step {
    fn typed(&self, place: &str, typed: &mut Vec<(String, String)>) {
        let closed = match self.closed {
            Closed::Wait => "wait",
            Closed::Skip => "skip",
        };
        for (name, value) in [
            ("after", typed_span(MINUTE * self.after_minutes)),
            ("deadline", self.deadline().map(typed_span).unwrap_or_default()),
            ("closed", closed.to_owned()),
            ("discount", self.discount.as_ref().map(Discount::typed).unwrap_or_default()),
        ] {
            typed.push((format!("{place}.{name}"), value));
        }
        if let Some(discount) = &self.discount {
            typed.push((format!("{place}.discount.cool_down_days"), discount.cool_down_days().to_string()));
        }
        if let Some(Discount::Unique(unique)) = &self.discount {
            let minimum = unique.minimum.as_ref().map(typed_money).unwrap_or_default();
            typed.push((format!("{place}.discount.minimum"), minimum));
            typed.push((format!("{place}.discount.expires_hours"), unique.expires_hours.to_string()));
        }
        self.when.typed(&format!("{place}.when"), typed);
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        if let Some(key) = key.strip_prefix("when.") {
            return self.when.set(key, value);
        }
        if let Some(key) = key.strip_prefix("discount.") {
            return self.discount.as_mut().ok_or("this step gives no discount")?.set(key, value);
        }
        let text = key.strip_prefix("text.").or_else(|| (key == "text").then_some(""));
        if let Some(language) = text {
            let language = language.to_lowercase().replace('_', "-");
            if value.is_empty() {
                self.texts.remove(&language);
            } else {
                self.texts.insert(language, value.to_owned());
            }
            return Ok(());
        }
        match key {
            "after" => self.after_minutes = read_span(value)?,
            "deadline" if value.is_empty() => self.deadline_minutes = None,
            "deadline" => self.deadline_minutes = Some(read_span(value)?),
            "closed" => {
                self.closed = match value {
                    "wait" => Closed::Wait,
                    "skip" => Closed::Skip,
                    _ => return Err("must be wait or skip".into()),
                }
            }
            "discount" => self.discount = Discount::read(value, self.discount.as_ref())?,
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

impl Discount {
    /// As it is typed: a code of the shop, or what a fresh one takes off. What else was chosen before stays.
    fn read(value: &str, before: Option<&Discount>) -> Result<Option<Discount>, String> {
        let off = match value.split_once(':') {
            None if value.is_empty() => return Ok(None),
            None if value == "free_shipping" => Off::FreeShipping,
            None => {
                let cool_down_days = before.map_or_else(cool_down_days, Discount::cool_down_days);
                return Ok(Some(Discount::Fixed(FixedCode { code: value.to_owned(), cool_down_days })));
            }
            Some(("percent", percent)) => Off::Percent(number(percent.trim().trim_end_matches('%').trim())?),
            Some(("amount", amount)) => Off::Amount(read_money(amount)?.ok_or("must be an amount: 5.00 EUR")?),
            Some(_) => return Err("must be a code, percent:10, amount:5.00 EUR or free_shipping".into()),
        };
        let plain = Plan::new(off);
        let plan = match before {
            Some(Discount::Unique(unique)) => Plan { off, ..unique.clone() },
            Some(fixed) => Plan { cool_down_days: fixed.cool_down_days(), ..plain },
            None => plain,
        };
        Ok(Some(Discount::Unique(plan)))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, self) {
            ("cool_down_days", Discount::Fixed(fixed)) => fixed.cool_down_days = number(value)?,
            ("cool_down_days", Discount::Unique(unique)) => unique.cool_down_days = number(value)?,
            ("expires_hours", Discount::Unique(unique)) => unique.expires_hours = number(value)?,
            ("minimum", Discount::Unique(unique)) => unique.minimum = read_money(value)?,
            ("alone", Discount::Unique(unique)) => {
                unique.alone = match value {
                    "yes" => true,
                    "no" => false,
                    _ => return Err("must be yes or no".into()),
                }
            }
            ("expires_hours" | "minimum" | "alone", Discount::Fixed(_)) => {
                return Err("a code of the shop has its own, set in the shop".into());
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// What `read` reads back.
    pub fn typed(&self) -> String {
        match self {
            Discount::Fixed(fixed) => fixed.code.clone(),
            Discount::Unique(Plan { off: Off::FreeShipping, .. }) => "free_shipping".to_owned(),
            Discount::Unique(Plan { off: Off::Percent(percent), .. }) => format!("percent:{percent}"),
            Discount::Unique(Plan { off: Off::Amount(amount), .. }) => format!("amount:{}", typed_money(amount)),
        }
    }

    /// For people: `10 % off`, `€5.00 off`, `free shipping`, `the code BACK10`.
    pub fn words(&self) -> String {
        match self {
            Discount::Fixed(fixed) => format!("the code {}", fixed.code),
            Discount::Unique(unique) => {
                let off = match unique.off {
                    Off::FreeShipping => "free shipping".to_owned(),
                    Off::Percent(percent) => format!("{percent} % off"),
                    Off::Amount(amount) => format!("{amount} off"),
                };
                let from = unique.minimum.map_or(String::new(), |minimum| format!(" from {minimum}"));
                format!("{off}{from}, a fresh code")
            }
        }
    }
}

fn unknown() -> String {
    let keys: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
    format!("there is no such field; there are {}", keys.join(", "))
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn number(value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| "must be a whole number".to_owned())
}

/// `50.00 EUR` or `EUR 50.00`; nothing for an empty text.
fn read_money(value: &str) -> Result<Option<Money>, String> {
    let parts: Vec<&str> = value.split_whitespace().collect();
    let as_in = || "must be an amount with its currency, as in 50.00 EUR".to_owned();
    let read = |amount: &str, code: &str| {
        let currency = Currency::parse(code).map_err(|_| as_in())?;
        currency.minor(amount).map(|minor| Some(Money::new(minor, currency))).map_err(|_| as_in())
    };
    match parts.as_slice() {
        [] => Ok(None),
        [a, b] if a.bytes().all(|byte| byte.is_ascii_alphabetic()) => read(b, a),
        [a, b] => read(a, b),
        _ => Err(as_in()),
    }
}

/// What `50.00 EUR` is read from.
pub fn typed_money(money: &Money) -> String {
    format!("{} {}", money.amount(), money.currency)
}

/// Minutes from `90`, `90m`, `1h30m`, `24 hours`, `2d`.
pub fn read_span(value: &str) -> Result<u32, String> {
    let as_in = || "must be a length of time, as in 30m, 24h or 2d".to_owned();
    let bare: String = value.to_lowercase().replace("and", " ").chars().filter(|sign| !sign.is_whitespace()).collect();
    let mut rest = bare.as_str();
    let mut minutes: u64 = 0;
    if rest.is_empty() {
        return Err(as_in());
    }
    while !rest.is_empty() {
        let end = rest.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let count: u64 = digits.parse().map_err(|_| as_in())?;
        let end = after.find(|sign: char| sign.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let each = match unit {
            "" | "m" | "min" | "mins" | "minute" | "minutes" => 1,
            "h" | "hour" | "hours" => 60,
            "d" | "day" | "days" => 24 * 60,
            _ => return Err(as_in()),
        };
        minutes = minutes.saturating_add(count.saturating_mul(each));
        rest = next;
    }
    u32::try_from(minutes)
        .ok()
        .filter(|&minutes| minutes <= MINUTES_MOST)
        .ok_or_else(|| "must be at most 30 days".into())
}

/// What `read_span` reads back: `30m`, `24h`, `2d`.
pub fn typed_span(length: Duration) -> String {
    let minutes = length.as_secs() / 60;
    match minutes {
        0 => "0".to_owned(),
        _ if minutes.is_multiple_of(60) => format!("{}h", minutes / 60),
        _ => format!("{minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{default_sequence, preset};
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(key: &str, value: &str, expected: Result<fn(&Sequence) -> bool, &str>) {
        let mut sequence = default_sequence();
        let before = sequence.clone();
        match (sequence.set_all([(key, value)]), expected) {
            (Ok(()), Ok(holds)) => assert!(holds(&sequence), "{key}={value}: {sequence:?}"),
            (Err(told), Err(says)) => {
                assert!(told.iter().any(|told| told.contains(says)), "{key}={value}: {told:?}");
                assert_eq!(sequence, before);
            }
            (found, _) => panic!("{key}={value}: {found:?}"),
        }
    }

    #[test]
    fn a_field_is_changed_by_name_or_refused() {
        check("name", " Everyone ", Ok(|it| it.name == "Everyone"));
        check("rest_days", "7", Ok(|it| it.rest_days == 7));
        check("rest_days", "-1", Err("whole number"));
        check("rest_days", "400", Err("0 to 365"));
        check("when.countries", "si, hr", Ok(|it| it.when.countries == ["SI", "HR"]));
        check("when.languages", "pt_BR", Ok(|it| it.when.languages == ["pt-br"]));
        check("when.total_least", "50 EUR", Ok(|it| it.when.total_least.is_some_and(|total| total.minor == 5_000)));
        check("when.total_least", "EUR 50.5", Ok(|it| it.when.total_least.is_some_and(|total| total.minor == 5_050)));
        check("when.total_least", "50", Err("as in 50.00 EUR"));
        check("when.buyer", "returning", Ok(|it| it.when.buyer == Buyer::Returning));
        check("when.buyer", "old", Err("any, new or returning"));
        check("exits", "clicked, emptied", Ok(|it| it.exits.typed() == "clicked,emptied"));
        check("exits", "", Ok(|it| it.exits.typed().is_empty()));
        check("exits", "bought", Err("no exit bought"));
        check("steps", "0, 24h,44h", Ok(|it| it.steps.len() == 3 && it.steps[2].after_minutes == 44 * 60));
        check("steps", "", Err("1 to 5 times"));
        check("steps", "1h,1h", Err("later than the one before"));
        check("step.2.after", "2d", Ok(|it| it.steps[1].after_minutes == 2 * 1_440));
        check("step.3.after", "2d", Err("there are 2"));
        check("step.0.after", "2d", Err("there are 2"));
        check("step.1.deadline", "1h30m", Ok(|it| it.steps[0].deadline_minutes == Some(90)));
        check("step.1.deadline", "", Ok(|it| it.steps[0].deadline_minutes.is_none()));
        check("step.1.closed", "skip", Ok(|it| it.steps[0].closed == Closed::Skip));
        check("step.1.when.tags", "vip", Ok(|it| it.steps[0].when.tags == ["vip"]));
        check("step.1.text.DE", "{{ shop }} {{ link }} {{ opt_out }}", Ok(|it| it.steps[0].text(Some("de")).is_some()));
        check("step.1.text", "no link", Err("needs {{ link }}"));
        check(
            "step.2.discount",
            "BACK10",
            Ok(|it| it.steps[1].discount.as_ref().is_some_and(|d| d.typed() == "BACK10")),
        );
        check(
            "step.2.discount",
            "percent:10",
            Ok(|it| it.steps[1].discount.as_ref().is_some_and(|d| d.words() == "10 % off, a fresh code")),
        );
        check(
            "step.2.discount",
            "amount:5 EUR",
            Ok(|it| it.steps[1].discount.as_ref().is_some_and(|d| d.typed() == "amount:5.00 EUR")),
        );
        check("step.2.discount", "percent:95", Err("1 to 90"));
        check("step.2.discount", "gift:1", Err("must be a code"));
        check("step.2.discount.minimum", "40 EUR", Err("gives no discount"));
        check("id", "other", Err("no such field"));
        check("on_since", "0", Err("no such field"));
        check("when.weather", "rain", Err("no such field"));
    }

    #[test]
    fn a_discount_keeps_what_else_was_chosen() {
        let mut sequence = preset("eu").unwrap();
        sequence
            .set_all([
                ("step.2.discount", "percent:10"),
                ("step.2.discount.minimum", "40.00 EUR"),
                ("step.2.discount.expires_hours", "24"),
                ("step.2.discount.cool_down_days", "60"),
                ("step.2.discount.alone", "no"),
                ("step.2.discount", "free_shipping"),
            ])
            .unwrap();
        let discount = sequence.steps[1].discount.clone().unwrap();
        assert_eq!(discount.words(), "free shipping from €40.00, a fresh code");
        assert_eq!(discount.cool_down_days(), 60);
        assert!(matches!(&discount, Discount::Unique(plan) if !plan.alone && plan.expires_hours == 24));
        assert!(sequence.set_all([("step.2.discount.alone", "maybe")]).is_err());
        sequence.set_all([("step.2.discount", "BACK10")]).unwrap();
        assert_eq!(sequence.steps[1].discount.as_ref().unwrap().words(), "the code BACK10");
        let told = sequence.set_all([("step.2.discount.minimum", "40.00 EUR")]).unwrap_err();
        assert!(told[0].contains("set in the shop"), "{told:?}");
    }

    #[test]
    fn switched_on_it_stays_on_since_then() {
        let mut sequence = preset("us").unwrap();
        sequence.switch_on(Time::from_seconds(10));
        sequence.switch_on(Time::from_seconds(20));
        assert_eq!(sequence.on_since, Some(Time::from_seconds(10)));
    }

    #[test]
    fn every_field_is_read_back_as_it_is_shown() {
        let mut whole = preset("three-step").unwrap();
        whole
            .set_all([
                ("name", "Everything"),
                ("when.countries", "SI,HR"),
                ("when.languages", "sl"),
                ("when.total_least", "50 EUR"),
                ("when.total_most", "500 EUR"),
                ("when.items", "oak stool, lamp"),
                ("when.without_items", "gift"),
                ("when.tags", "vip"),
                ("when.buyer", "new"),
                ("when.sources", "web"),
                ("when.intent_least", "40"),
                ("step.1.closed", "skip"),
                ("step.2.discount", "amount:5 EUR"),
                ("step.2.discount.minimum", "40 EUR"),
                ("step.2.discount.expires_hours", "24"),
                ("step.2.when.tags", "b2b"),
                ("step.3.discount", "BACK10"),
                ("step.3.discount.cool_down_days", "9"),
                ("step.3.deadline", ""),
            ])
            .unwrap();
        for sequence in [whole, preset("us").unwrap(), preset("eu").unwrap(), default_sequence()] {
            let typed = sequence.typed();
            let mut read = Sequence { steps: vec![Step::default(); sequence.steps.len()], ..Sequence::default() };
            read.id.clone_from(&sequence.id);
            read.on_since = sequence.on_since;
            read.set_all(typed.iter().map(|(key, value)| (key.as_str(), value.as_str()))).unwrap();
            assert_eq!(read, sequence);
        }
    }

    proptest! {
        #[test]
        fn what_is_typed_is_read_again(minutes in 0..=MINUTES_MOST) {
            prop_assert_eq!(read_span(&typed_span(MINUTE * minutes)), Ok(minutes));
            prop_assert_eq!(read_span(&super::super::span(MINUTE * minutes)), Ok(minutes));
        }

        #[test]
        fn text_never_panics(key in "(step\\.[0-9]\\.)?(when\\.)?[a-z_.]{0,20}", value in ".{0,30}") {
            let _ = default_sequence().set_all([(key.as_str(), value.as_str())]);
            let _ = read_span(&value);
            let _ = read_money(&value);
        }
    }
}
