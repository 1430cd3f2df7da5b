//! The self-test's findings: which step of a visit went how. A failed step says what should have been and what was; it is
//! evidence and stays as it was written.

use serde::{Deserialize, Serialize};

/// The steps of a visit through the whole service, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A database of its own, with a twin of the shop and a gateway that sends nothing.
    Stage,
    /// A checkout comes in by the shop's door, signed as the platform signs.
    Door,
    /// The same, with one byte changed, is turned away.
    Forged,
    /// The same once more changes nothing.
    Twice,
    /// It is read: one cart, with its total.
    Cart,
    /// It counts as abandoned when the shop's rules say so.
    Abandoned,
    /// The person is asked to confirm, and confirms.
    Confirmed,
    /// Every gate says yes, and one text is sent, by the gateway that sends nothing.
    Text,
    /// The gateway reports that it arrived.
    Receipt,
    /// A link preview opens the link and is not counted.
    Preview,
    /// A person taps, is counted and led to the checkout.
    Tap,
    /// The order closes the cart.
    Order,
    /// The order is credited to the text, to the cent.
    Credit,
    /// A refund takes its part of the credit back.
    Refund,
    /// Every figure of the report is what was played.
    Report,
    /// Days later nobody was texted again.
    Quiet,
}

impl Step {
    pub const ALL: [Step; 16] = [
        Step::Stage,
        Step::Door,
        Step::Forged,
        Step::Twice,
        Step::Cart,
        Step::Abandoned,
        Step::Confirmed,
        Step::Text,
        Step::Receipt,
        Step::Preview,
        Step::Tap,
        Step::Order,
        Step::Credit,
        Step::Refund,
        Step::Report,
        Step::Quiet,
    ];
}

/// How one step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Went {
    Well,
    /// There was nothing to do in this shop's case.
    Skipped,
    Wrong,
}

/// One step as it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub step: Step,
    pub went: Went,
    /// What was found; for a wrong one what should have been, too.
    pub words: String,
    /// How long it took of the wall's time, in milliseconds.
    pub took_ms: u64,
}

/// How a whole run went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    /// Nothing can be played here: the words say why, and nothing is wrong with the service.
    NotPlayed,
}

impl Verdict {
    pub const ALL: [Verdict; 3] = [Verdict::Passed, Verdict::Failed, Verdict::NotPlayed];

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::NotPlayed => "not_played",
        }
    }

    pub fn of(lines: &[Line]) -> Verdict {
        if lines.iter().any(|line| line.went == Went::Wrong) {
            Verdict::Failed
        } else if lines.iter().any(|line| line.step == Step::Quiet) {
            Verdict::Passed
        } else {
            Verdict::NotPlayed
        }
    }
}

/// The first step that went wrong, as a sentence for an alarm; `None` when none did.
pub fn problem(lines: &[Line]) -> Option<String> {
    let wrong: Vec<&Line> = lines.iter().filter(|line| line.went == Went::Wrong).collect();
    let first = wrong.first()?;
    let name = serde_json::to_value(first.step).ok().and_then(|name| name.as_str().map(str::to_owned));
    let more = match wrong.len() {
        1 => String::new(),
        many => format!(" ({} more went wrong after it)", many - 1),
    };
    Some(format!("The self-test failed at the step {}: {}{more}.", name.unwrap_or_default(), first.words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_passes_only_when_it_came_to_its_end() {
        let line = |step, went| Line { step, went, words: "3, not 2".into(), took_ms: 1 };
        let whole: Vec<Line> = Step::ALL.map(|step| line(step, Went::Well)).into();
        assert_eq!((Verdict::of(&whole), problem(&whole)), (Verdict::Passed, None));
        assert_eq!(Verdict::of(&whole[..5]), Verdict::NotPlayed);
        let mut broken = whole;
        broken[12].went = Went::Wrong;
        broken[13].went = Went::Wrong;
        assert_eq!(Verdict::of(&broken), Verdict::Failed);
        let told = "The self-test failed at the step credit: 3, not 2 (1 more went wrong after it).";
        assert_eq!(problem(&broken).as_deref(), Some(told));
    }
}
