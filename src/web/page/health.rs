//! Health: what is looked at to tell whether a shop's connection is well, worst first to mend: its address and keys, what
//! arrives, what is turned away, how usual its pace is, what can be used of its carts, and the last self-test.

use super::{Visit, gateways, shops};
use crate::{
    domain::{
        id::DeliveryId,
        message::MessageState,
        self_test::Verdict,
        time::{DAY, Time},
    },
    pipeline::{connect, self_test},
    shop,
    store::{
        self, Read, inbox,
        message::{Narrow, State},
        self_test::Run as Stored,
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::{
            Tone,
            connect::Arrivals,
            format,
            health::{Check, Run, RunState},
            shop::Connection,
            words::{say, t},
        },
    },
};

/// Over which past the share of carts that can be used is taken.
const COVERAGE_DAYS: u32 = 30;
/// Fewer carts than this say nothing about a share.
const CARTS_LEAST: u64 = 20;
/// A share below one in this many wants a look.
const SHARE_LEAST: u64 = 4;

pub async fn of(
    visit: &Visit,
    shop: &Shop,
    connection: &Connection,
    arrivals: &Arrivals,
    run: Option<&Run>,
) -> Result<Vec<Check>, Problem> {
    let mut checks = vec![address(visit), keys(visit, shop)];
    checks.extend(subscribed(visit, shop).await);
    checks.push(webhooks(visit, shop, connection, arrivals));
    checks.extend(signatures(visit, shop, connection));
    let mut read = visit.read().await?;
    checks.extend(unreadable(visit, &mut read, shop).await?);
    checks.extend(coverage(visit, &mut read).await?);
    checks.push(gateway(visit, &mut read).await?);
    checks.extend(run.map(tested));
    Ok(checks)
}

fn address(visit: &Visit) -> Check {
    let core = visit.core();
    let what = t("Address");
    if core.plain_links || shops::is_reachable(&core.public_url) {
        let words = say("Cartback is at {address}.", &[("address", &core.public_url)]);
        return Check::new(what, Tone::Good, words);
    }
    let words = say(
        "{address} is not an address the shop can reach: set --public-url to one that starts with https:// and leads here from the internet.",
        &[("address", &core.public_url)],
    );
    Check::new(what, Tone::Bad, words)
}

fn at(visit: &Visit, shop: &Shop, place: &str) -> String {
    visit.page.href(&format!("/shops/{}/{place}", shop.id))
}

fn keys(visit: &Visit, shop: &Shop) -> Check {
    let what = t("Keys");
    let missing = shop::by_kind(&shop.kind).map(|kind| kind.spec().missing(&shop.settings)).unwrap_or_default();
    if missing.is_empty() {
        return Check::new(what, Tone::Good, t("Everything it needs is set.").to_owned());
    }
    let words = say("Not set, so no webhook can be checked: {keys}.", &[("keys", &missing.join(", "))]);
    Check::new(what, Tone::Bad, words).go(t("Set it"), at(visit, shop, "set-up?step=shop"))
}

/// Whether the webhooks are still there: asked of the platform only when somebody presses.
async fn subscribed(visit: &Visit, shop: &Shop) -> Option<Check> {
    let what = t("Subscriptions");
    let kind = shop::by_kind(&shop.kind)?;
    let can = kind.ask_subscriptions(&shop.settings).ok().flatten().is_some();
    if !can {
        return None;
    }
    if visit.asked("look") != "subscriptions" {
        let words = t("The platform can be asked which webhooks it sends here.").to_owned();
        return Some(
            Check::new(what, Tone::Quiet, words).go(t("Ask it now"), at_shop(visit, shop, "?look=subscriptions")),
        );
    }
    let check = match connect::subscriptions(visit.core(), shop.id).await {
        Ok(None) => return None,
        Ok(Some(all)) => {
            let gone: Vec<String> = all.iter().filter(|(_, there)| !there).map(|(topic, _)| topic.clone()).collect();
            match gone.is_empty() {
                true => Check::new(what, Tone::Good, say("All {count} are there.", &[("count", &all.len())])),
                false => {
                    let words = say("Gone at the platform: {topics}.", &[("topics", &gone.join(", "))]);
                    Check::new(what, Tone::Bad, words)
                        .act(t("Make them again"), at(visit, shop, "set-up?step=shop&act=subscribe"))
                }
            }
        }
        Err(problem) => {
            let words = say("The platform did not tell: {why}", &[("why", &problem)]);
            Check::new(what, Tone::Bad, words).go(t("Check the token"), at(visit, shop, "settings"))
        }
    };
    Some(check)
}

fn at_shop(visit: &Visit, shop: &Shop, query: &str) -> String {
    visit.page.href(&format!("/shops/{}{query}", shop.id))
}

fn webhooks(visit: &Visit, shop: &Shop, connection: &Connection, arrivals: &Arrivals) -> Check {
    let what = t("Webhooks");
    let now = visit.page.now;
    let steps = || at(visit, shop, "set-up?step=shop");
    let Some(last) = connection.last_webhook_at else {
        let words = t(
            "None has arrived. Either the shop was not given the exact URL, or something stands before Cartback, or it signs with another key.",
        );
        return Check::new(what, Tone::Bad, words.to_owned()).go(t("How to tell which"), steps());
    };
    if connection.is_quiet(&now) {
        let words = say(
            "Quiet for {span}, though {usual} an hour are usual. Was the webhook removed, or did the platform switch it off after errors?",
            &[
                ("span", &format::span(now.since(last))),
                ("usual", &format::count(connection.usual_per_hour.unwrap_or_default())),
            ],
        );
        return Check::new(what, Tone::Bad, words).go(t("Check it there"), steps());
    }
    let missing: Vec<String> =
        arrivals.rows.iter().filter(|row| row.needed && row.last_at.is_none()).map(|row| row.label.clone()).collect();
    if !missing.is_empty() {
        let words = say(
            "Never seen so far: {topics}. Without them carts, orders or refunds are missed.",
            &[("topics", &missing.join(", "))],
        );
        return Check::new(what, Tone::Live, words).go(t("How to add them"), steps());
    }
    let words = say(
        "{today} today, the last {ago}.",
        &[
            ("today", &format::number_of(connection.webhooks_today, "webhook", "webhooks")),
            ("ago", &format::ago(last, now)),
        ],
    );
    Check::new(what, Tone::Good, words)
}

fn signatures(visit: &Visit, shop: &Shop, connection: &Connection) -> Option<Check> {
    let failure = connection.last_failure.as_ref()?;
    let tone = if connection.is_failing() { Tone::Bad } else { Tone::Quiet };
    let words = say(
        "{count} turned away in the last 24 h, the last {ago}: {why}.",
        &[
            ("count", &format::number_of(connection.signature_failures, "webhook", "webhooks")),
            ("ago", &format::ago(failure.at, visit.page.now)),
            ("why", &failure.why),
        ],
    );
    Some(Check::new(t("Signatures"), tone, words).go(t("Copy the key again"), at(visit, shop, "settings")))
}

async fn unreadable(visit: &Visit, read: &mut Read, shop: &Shop) -> Result<Option<Check>, Problem> {
    let newest = DeliveryId::new(i64::MAX);
    let found = store::inbox::list(read, shop.id, inbox::Filter::Unreadable, newest, 1).await?;
    Ok(found.first().map(|line| {
        let words = say(
            "The last that could not be read, {ago}: {why}",
            &[("ago", &format::ago(line.received_at, visit.page.now)), ("why", &line.problem)],
        );
        Check::new(t("Reading"), Tone::Bad, words).go(t("See them"), visit.page.href("/inbox?verdict=unreadable"))
    }))
}

async fn coverage(visit: &Visit, read: &mut Read) -> Result<Option<Check>, Problem> {
    let Some((_, keys)) = visit.shop() else { return Ok(None) };
    let now = visit.page.now;
    let found = store::coverage::carts(read, keys, now - DAY * COVERAGE_DAYS, now).await?;
    if found.carts == 0 {
        return Ok(None);
    }
    let told = say(
        "Of {carts} in 30 days, {phones} had a number that can be texted and {consents} a consent.",
        &[
            ("carts", &format::number_of(found.carts, "cart", "carts")),
            ("phones", &format::count(found.with_phone)),
            ("consents", &format::count(found.with_consent)),
        ],
    );
    let few = |part: u64| found.carts >= CARTS_LEAST && part.saturating_mul(SHARE_LEAST) < found.carts;
    let (tone, why) = if few(found.with_phone) {
        (Tone::Bad, t("Does the checkout ask for a phone number, and may the app see it?"))
    } else if few(found.with_consent) {
        (Tone::Bad, t("Is the box for texts shown at the checkout, and does it come with the webhook?"))
    } else {
        (Tone::Good, "")
    };
    Ok(Some(Check::new(t("Carts"), tone, format!("{told} {why}").trim().to_owned())))
}

async fn gateway(visit: &Visit, read: &mut Read) -> Result<Check, Problem> {
    let Some((_, keys)) = visit.shop() else { return Err(Problem::NotFound) };
    let what = t("Gateway");
    let accounts = gateways::all(read, visit.core(), keys).await?;
    let Some(account) = accounts.first() else {
        let words = t("None is connected, so no text can leave.").to_owned();
        return Ok(Check::new(what, Tone::Bad, words).go(t("Connect one"), visit.page.href("/gateways/add")));
    };
    let href = visit.page.href(&format!("/gateways/{}", account.id));
    if account.paused_at.is_some() {
        let words = say("{name} is paused: {why}", &[("name", &account.name), ("why", &account.pause_reason)]);
        return Ok(Check::new(what, Tone::Bad, words).go(t("See how to resume"), href));
    }
    let of_unknown = Narrow { state: Some(State::Of(MessageState::Unknown)), ..Narrow::default() };
    let unknown = store::message::counted(read, keys, &of_unknown).await?.rows;
    if unknown > 0 {
        let words = say(
            "{name} did not say what became of {texts}.",
            &[("name", &account.name), ("texts", &format::number_of(unknown, "text", "texts"))],
        );
        return Ok(Check::new(what, Tone::Live, words).go(t("See which"), visit.page.href("/messages?state=unknown")));
    }
    let words = say("{name} sends for this shop.", &[("name", &account.name)]);
    Ok(Check::new(what, Tone::Good, words).go(t("How it is"), href))
}

fn tested(run: &Run) -> Check {
    Check::new(t("Self-test"), run.tone(), format::sentence_case(run.label()) + ".")
}

/// The newest run, as the page shows it.
pub async fn newest_run(read: &mut Read, shop: &Shop, now: Time) -> Result<Option<Run>, Problem> {
    let found = store::self_test::list(read, shop.id, 1).await?;
    Ok(found.into_iter().next().map(|run| shown(run, now)))
}

fn shown(run: Stored, now: Time) -> Run {
    let lost = now.since(run.started_at.unwrap_or(run.asked_at)) > self_test::LOST_AFTER;
    let state = match (run.ended_at, run.verdict) {
        (Some(_), verdict) => RunState::Ended(verdict.unwrap_or(Verdict::Failed)),
        (None, _) if lost => RunState::Lost,
        (None, _) => RunState::UnderWay,
    };
    Run { asked_at: run.asked_at, nightly: run.nightly, state, lines: run.lines }
}
