//! Health: whether a connection is well, check by check, each with its cause in plain words and what mends it.

use super::{
    Tone,
    words::{noted, t},
};
use crate::domain::{
    self_test::{Line, Step, Verdict, Went},
    time::Time,
};

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Check {
    pub what: String,
    pub tone: Tone,
    /// How it is, and why.
    pub words: String,
    pub mend: Option<Mend>,
}

/// What mends it: a place to go to, or something done by a press.
#[derive(Clone, Debug)]
pub struct Mend {
    pub label: String,
    pub href: String,
    pub is_act: bool,
}

impl Check {
    pub fn new(what: &str, tone: Tone, words: String) -> Check {
        Check { what: what.to_owned(), tone, words, mend: None }
    }

    pub fn go(self, label: &str, href: String) -> Check {
        Check { mend: Some(Mend { label: label.to_owned(), href, is_act: false }), ..self }
    }

    pub fn act(self, label: &str, href: String) -> Check {
        Check { mend: Some(Mend { label: label.to_owned(), href, is_act: true }), ..self }
    }
}

/// How many of them want somebody to look.
pub fn bad(checks: &[Check]) -> u64 {
    checks.iter().filter(|check| check.tone == Tone::Bad).count() as u64
}

/// A run of the self-test as the page shows it.
#[derive(Clone, Debug)]
pub struct Run {
    pub asked_at: Time,
    pub nightly: bool,
    pub state: RunState,
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Asked for or being played.
    UnderWay,
    /// It was begun and never ended: the process did.
    Lost,
    Ended(Verdict),
}

impl Run {
    pub fn label(&self) -> &'static str {
        t(match self.state {
            RunState::UnderWay => noted("under way"),
            RunState::Lost => noted("did not end: Cartback was restarted meanwhile"),
            RunState::Ended(Verdict::Passed) => noted("passed"),
            RunState::Ended(Verdict::Failed) => noted("failed"),
            RunState::Ended(Verdict::NotPlayed) => noted("could not be played"),
        })
    }

    pub fn tone(&self) -> Tone {
        match self.state {
            RunState::UnderWay => Tone::Live,
            RunState::Ended(Verdict::Passed) => Tone::Good,
            RunState::Ended(Verdict::NotPlayed) => Tone::Quiet,
            RunState::Lost | RunState::Ended(Verdict::Failed) => Tone::Bad,
        }
    }

    pub fn is_under_way(&self) -> bool {
        self.state == RunState::UnderWay
    }

    /// Milliseconds of the machine, in all.
    pub fn took(&self) -> String {
        let all: u64 = self.lines.iter().map(|line| line.took_ms).sum();
        took(&all)
    }

    pub fn name(&self, line: &Line) -> &'static str {
        t(match line.step {
            Step::Stage => noted("A stage of its own is built"),
            Step::Door => noted("A checkout comes in, signed as the shop signs"),
            Step::Forged => noted("The same with one letter changed is turned away"),
            Step::Twice => noted("The same once more changes nothing"),
            Step::Cart => noted("It is read: one cart with its total"),
            Step::Abandoned => noted("It counts as left when the rules say so"),
            Step::Confirmed => noted("The shopper confirms, where the law asks for it"),
            Step::Text => noted("One text is sent, by a gateway that sends nothing"),
            Step::Receipt => noted("Its receipt comes in"),
            Step::Preview => noted("A link preview is not counted"),
            Step::Tap => noted("A tap is counted and leads to the checkout"),
            Step::Order => noted("The order closes the cart"),
            Step::Credit => noted("The order is credited to the text, to the cent"),
            Step::Refund => noted("A refund takes its part back"),
            Step::Report => noted("Every figure of the report is as played"),
            Step::Quiet => noted("Days later nobody was texted again"),
        })
    }

    pub fn mark(&self, line: &Line) -> &'static str {
        t(match line.went {
            Went::Well => noted("well"),
            Went::Skipped => noted("skipped"),
            Went::Wrong => noted("wrong"),
        })
    }

    pub fn class(&self, line: &Line) -> &'static str {
        match line.went {
            Went::Well => Tone::Good.class(),
            Went::Skipped => Tone::Quiet.class(),
            Went::Wrong => Tone::Bad.class(),
        }
    }

    pub fn line_took(&self, line: &Line) -> String {
        took(&line.took_ms)
    }
}

fn took(millis: &u64) -> String {
    match millis {
        0..1_000 => format!("{millis}\u{a0}ms"),
        _ => format!("{}.{}\u{a0}s", millis / 1_000, millis % 1_000 / 100),
    }
}
