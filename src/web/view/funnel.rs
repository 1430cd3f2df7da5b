//! Where carts stop: a row per stage, all bars on the scale of the first.

use super::{
    format,
    words::{noted, say, t},
};
use crate::domain::money::Money;

/// How far a cart came. The figures of a funnel are carts, at every stage.
pub use crate::domain::breakdown::Reached as Stage;

impl Stage {
    pub fn label(&self) -> &'static str {
        match self {
            Stage::Abandoned => t("Abandoned"),
            Stage::Phone => t("With a number"),
            Stage::Mobile => t("Mobile"),
            Stage::Consent => t("Consented"),
            Stage::Allowed => t("Allowed"),
            Stage::Sent => t("Texted"),
            Stage::Delivered => t("Delivered"),
            Stage::Clicked => t("Tapped"),
            Stage::Bought => t("Recovered"),
        }
    }

    /// The carts this figure counts.
    pub fn href(&self) -> &'static str {
        match self {
            Stage::Abandoned => "/carts?state=abandoned",
            Stage::Phone => "/carts?state=phone",
            Stage::Mobile => "/carts?state=mobile",
            Stage::Consent => "/carts?state=consented",
            Stage::Allowed => "/carts?state=allowed",
            Stage::Sent => "/carts?state=texted",
            Stage::Delivered => "/carts?state=delivered",
            Stage::Clicked => "/carts?state=clicked",
            Stage::Bought => "/carts?state=recovered",
        }
    }

    /// The carts that came to the stage before and stopped there, where that is a list of its own.
    pub fn stopped_href(&self) -> Option<&'static str> {
        match self {
            Stage::Consent => Some("/carts?state=unreachable"),
            Stage::Allowed | Stage::Sent => Some("/carts?state=held"),
            Stage::Delivered => Some("/carts?state=undelivered"),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Step {
    pub stage: Stage,
    pub carts: u64,
    /// What the carts were worth that came to the stage before and not to this one, per currency.
    pub left: Vec<Money>,
}

#[derive(Clone, Debug, Default)]
pub struct Funnel(pub Vec<Step>);

/// A step with what can only be said beside the others.
pub struct Row<'a> {
    pub step: &'a Step,
    /// Of the bar of the first step.
    pub width: String,
    /// Of the step before; `None` for the first.
    pub share: Option<String>,
}

impl Funnel {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|step| step.carts == 0)
    }

    pub fn rows(&self) -> Vec<Row<'_>> {
        let first = self.0.first().map_or(0, |step| step.carts).max(1);
        let before = std::iter::once(None).chain(self.0.iter().map(Some));
        self.0
            .iter()
            .zip(before)
            .map(|(step, before)| Row {
                step,
                width: format!("{:.2}%", (step.carts as f64 / first as f64 * 100.0).min(100.0)),
                share: before.map(|before| match format::rate(step.carts, before.carts) {
                    counts if before.carts < format::RATE_CASES_MIN => counts,
                    share => say("{share} of “{stage}”", &[("share", &share), ("stage", &before.stage.label())]),
                }),
            })
            .collect()
    }

    pub fn carts(&self, stage: Stage) -> u64 {
        self.0.iter().find(|step| step.stage == stage).map_or(0, |step| step.carts)
    }

    /// The sentence above the bars: where most of what could be won stops.
    pub fn sentence(&self) -> String {
        let (abandoned, recovered) = (self.carts(Stage::Abandoned), self.carts(Stage::Bought));
        match abandoned {
            0 => t("No cart was abandoned in this period.").to_owned(),
            _ => say(
                "{part} abandoned carts were recovered; {count} could be texted.",
                &[
                    ("part", &format::out_of(recovered, abandoned)),
                    ("count", &format::count(self.carts(Stage::Consent))),
                ],
            ),
        }
    }
}

/// What the stages count, for `t`.
const _: [&str; 9] = [
    noted("Carts without activity for the shop’s waiting time, and without an order until then."),
    noted("Of those, carts with a number, of whatever kind."),
    noted("Of those, carts with a number that can be texted."),
    noted("Of those, carts with consent to texts on record and no opt-out."),
    noted("Of those, carts for which every gate said yes: hours, caps, rest days, spend."),
    noted("Of those, carts with a text the gateway accepted."),
    noted("Of those, carts with a text the carrier reported delivered, or whose link a person opened."),
    noted("Of those, carts whose link a person opened. Previews, scanners and bots are kept but not counted."),
    noted("Of those, carts that became an order credited to a text."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn funnel(carts: &[(Stage, u64)]) -> Funnel {
        Funnel(carts.iter().map(|&(stage, carts)| Step { stage, carts, left: Vec::new() }).collect())
    }

    #[test]
    fn shares_are_of_the_step_before() {
        let funnel = funnel(&[(Stage::Abandoned, 400), (Stage::Consent, 100), (Stage::Sent, 20), (Stage::Clicked, 3)]);
        let shares: Vec<_> = funnel.rows().into_iter().map(|row| (row.width, row.share.unwrap_or_default())).collect();
        let expected = [
            ("100.00%", ""),
            ("25.00%", "25\u{a0}% of “Abandoned”"),
            ("5.00%", "20\u{a0}% of “Consented”"),
            ("0.75%", "3 of 20"),
        ];
        assert_eq!(shares, expected.map(|(width, share)| (width.to_owned(), share.to_owned())));
    }

    #[test]
    fn an_empty_funnel_says_so() {
        assert!(funnel(&[(Stage::Abandoned, 0)]).is_empty());
        assert_eq!(Funnel::default().sentence(), "No cart was abandoned in this period.");
        assert_eq!(
            funnel(&[(Stage::Abandoned, 412), (Stage::Bought, 31)]).sentence(),
            "31 of 412 abandoned carts were recovered; 0 could be texted."
        );
    }
}
