//! Scripts: what somebody will do, drawn once when they come. The odds are those of a calm small shop: most carts that
//! are left stay left.

use super::{cast::Number, chance::Chance};

/// What a reader does about a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Nothing,
    Tap,
    TapAndBuy {
        within_minutes: u64,
    },
    /// Without a tap, on another device, soon.
    BuyElsewhere,
    /// Without a tap, days later: nobody's merit.
    ComeBackLater,
    BuyAtTheTill,
    Stop,
    /// Takes the consent back in the shop.
    Withdraw,
}

#[derive(Clone, Debug)]
pub struct Script {
    pub number: Number,
    /// Whether the consent box is ticked.
    pub ticks: bool,
    /// Whether the order is placed without any text.
    pub finishes: bool,
    /// To each text in turn.
    answers: [Answer; 2],
    /// Whoever watches: does nothing by itself.
    pub is_you: bool,
}

/// Out of a thousand texts.
const FIRST: [(Answer, u64); 9] = [
    (Answer::Tap, 120),
    (Answer::TapAndBuy { within_minutes: 25 }, 85),
    (Answer::TapAndBuy { within_minutes: 36 * 60 }, 15),
    (Answer::BuyElsewhere, 34),
    (Answer::ComeBackLater, 24),
    (Answer::BuyAtTheTill, 8),
    (Answer::Stop, 26),
    (Answer::Withdraw, 8),
    (Answer::Nothing, 680),
];
const SECOND: [(Answer, u64); 5] = [
    (Answer::Tap, 85),
    (Answer::TapAndBuy { within_minutes: 40 }, 62),
    (Answer::BuyElsewhere, 16),
    (Answer::Stop, 22),
    (Answer::Nothing, 815),
];
const NUMBERS: [(Number, u64); 4] =
    [(Number::Mobile, 84), (Number::Landline, 6), (Number::Nonsense, 2), (Number::None, 8)];

fn drawn<T: Copy>(of: &[(T, u64)], otherwise: T, chance: &mut Chance) -> T {
    let place = chance.weighed(of.iter().map(|(_, weight)| *weight));
    of.get(place).map_or(otherwise, |(value, _)| *value)
}

impl Script {
    pub fn drawn(chance: &mut Chance) -> Script {
        Script {
            number: drawn(&NUMBERS, Number::Mobile, chance),
            ticks: chance.happens(660),
            finishes: chance.happens(310),
            answers: [drawn(&FIRST, Answer::Nothing, chance), drawn(&SECOND, Answer::Nothing, chance)],
            is_you: false,
        }
    }

    /// Leaves a cart and does this about the first text.
    pub fn leaves_and(answer: Answer) -> Script {
        let answers = [answer, Answer::Nothing];
        Script { number: Number::Mobile, ticks: true, finishes: false, answers, is_you: false }
    }

    pub fn finishes() -> Script {
        Script { finishes: true, ..Script::leaves_and(Answer::Nothing) }
    }

    pub fn yours() -> Script {
        Script { is_you: true, ..Script::leaves_and(Answer::Nothing) }
    }

    /// The answer to this text, counted from 1.
    pub fn answer(&self, step: u32) -> Answer {
        let place = usize::try_from(step.saturating_sub(1)).unwrap_or(usize::MAX);
        self.answers.get(place).copied().unwrap_or(Answer::Nothing)
    }
}
