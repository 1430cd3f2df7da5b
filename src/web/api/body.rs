//! Every body a program may send, by the operation that takes it, read as far as its handler reads it without a look at the
//! shop. For whoever tries what reading makes of odd bytes; the handlers read for themselves.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Problem, acts, ad_consents, attribution, audit, call, calls, carts, events, experiments, gateways, goal_form,
    inbox, ledgers, net_ledger, offline, orders, people, replies, risk, sequence_form, sequences, shop, statements,
    texts, webhooks,
};

type Reading = fn(&[u8]) -> Result<(), Problem>;

/// The noun and the name of an operation that takes a body, and how that is read.
pub const ALL: &[(&str, &str, Reading)] = &[
    ("shop", "change", form::<shop::ShopChange>),
    ("rules", "change", form::<Value>),
    ("gateways", "add", form::<gateways::NewGateway>),
    ("gateways", "change", form::<gateways::GatewayChange>),
    ("acts", "settle", form::<acts::Finding>),
    ("orders", "credit", form::<orders::NewCredit>),
    ("events", "add", form::<events::NewEvents>),
    ("goals", "add", |json| call::parse::<goal_form::NewGoal>(json)?.plan().map(drop)),
    ("goals", "put", |json| call::parse::<goal_form::NewGoal>(json)?.plan().map(drop)),
    ("goals", "add_funnel", |json| call::parse::<goal_form::NewFunnel>(json).map(|typed| drop(typed.way()))),
    ("goals", "put_funnel", |json| call::parse::<goal_form::NewFunnel>(json).map(|typed| drop(typed.way()))),
    ("sequences", "add", form::<sequences::NewSequence>),
    ("sequences", "put", |json| {
        let typed: sequence_form::SequenceForm = call::parse(json)?;
        typed.read("tried").map(drop).map_err(Problem::Wrong)
    }),
    ("sequences", "shift", form::<sequences::Shift>),
    ("texts", "put", form::<texts::Words>),
    ("texts", "preview", form::<texts::Trying>),
    ("texts", "test", form::<texts::Test>),
    ("replies", "settle", form::<replies::Reading>),
    ("people", "export_by_body", form::<people::Person>),
    ("people", "exists", form::<people::Person>),
    ("people", "erase", form::<people::Erasure>),
    ("ledgers", "record_consents", form::<ledgers::Consents>),
    ("ledgers", "record_opt_outs", form::<ledgers::OptOuts>),
    ("experiments", "begin", form::<experiments::NewExperiment>),
    ("experiments", "take", form::<experiments::ArmToTake>),
    ("net_ledger", "set", form::<net_ledger::LedgerSetting>),
    ("net_ledger", "put_rates", form::<net_ledger::NewRates>),
    ("net_ledger", "put_spends", form::<net_ledger::NewSpend>),
    ("attribution", "windows", form::<attribution::NewWindows>),
    ("statements", "publish", form::<statements::NewStatement>),
    ("inbox", "fix", form::<inbox::MendedBody>),
    ("inbox", "begin", form::<inbox::NewReplay>),
    ("audit", "begin", form::<audit::NewAuditRun>),
    ("audit", "ignore", form::<audit::FindingReason>),
    ("audit", "set_limits", form::<audit::GapLimits>),
    ("offline", "add", form::<offline::NewSales>),
    ("calls", "add", form::<calls::NewCallNumber>),
    ("webhooks", "add", form::<webhooks::NewWebhook>),
    ("webhooks", "change", form::<webhooks::WebhookChange>),
    ("webhooks", "replay", form::<webhooks::EventsAgain>),
    ("ad_consents", "record", form::<ad_consents::NewAdConsents>),
    ("risk", "halt", form::<risk::Stop>),
    ("carts", "find", form::<carts::CartQuery>),
];

fn form<T: DeserializeOwned>(json: &[u8]) -> Result<(), Problem> {
    call::parse::<T>(json).map(drop)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::web::api::operations;

    #[test]
    fn every_operation_that_takes_a_body_is_here() {
        let takes = operations().iter().filter(|each| each.takes_body());
        let takes: BTreeSet<_> = takes.map(|each| (each.noun, each.name)).collect();
        let here: BTreeSet<_> = ALL.iter().map(|(noun, name, _)| (*noun, *name)).collect();
        assert_eq!(here, takes);
    }
}
