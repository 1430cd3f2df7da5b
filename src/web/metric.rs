//! Metrics in Prometheus' text form. What happens in this process is counted here and starts at zero with it; what the
//! database knows (texts, clicks, orders, work due) is read from it, so that it is right after a restart and the same
//! from every process. Counts only: no shop, no person.

use std::{
    fmt::Write,
    sync::{Mutex, OnceLock},
    time::Duration,
};

use actix_web::{HttpResponse, http::header, web::Data};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::Instant;

use super::{State, problem::Problem};
use crate::{
    domain::silence::Silence,
    pipeline::Core,
    store::{self, Error},
};

/// Starts counting, once per process; `None` when another recorder was first.
pub fn install() -> Option<PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder).ok()?;
            metrics::describe_counter!("cartback_webhooks_total", "Deliveries of shops and gateways, by outcome.");
            metrics::describe_counter!("cartback_guard_pauses_total", "Pauses by the guards, by what was paused.");
            metrics::describe_gauge!("cartback_workers", "Processes that share the shops, as this one knows.");
            metrics::describe_counter!(
                "cartback_links_unknown_total",
                "Opened links that were none of ours: very many are somebody's guesses."
            );
            metrics::describe_counter!("cartback_http_requests_total", "Requests answered, by route and status.");
            Some(handle)
        })
        .clone()
}

/// What was last read from the database, and when.
#[derive(Default)]
pub struct Counted(Mutex<Option<(Instant, String)>>);

/// However often it is scraped, the database is asked at most once in this span.
const COUNT_EVERY: Duration = Duration::from_secs(5);

pub async fn show(state: Data<State>) -> Result<HttpResponse, Problem> {
    let mut text = String::new();
    if let Some(handle) = &state.metrics {
        handle.run_upkeep();
        text = handle.render();
    }
    text.push_str(&silent(&state.core));
    text.push_str(&counted(&state).await?);
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text))
}

/// Whoever scrapes a process in which nobody looks sees no figure, not a 0.
fn silent(core: &Core) -> String {
    let mut text = String::new();
    let Some(silent) = core.board.read() else { return text };
    family(&mut text, "cartback_silent", "gauge", "What should have happened and did not, by what it is.");
    for kind in Silence::ALL {
        let number = silent.iter().filter(|each| each.silence == kind).count() as u64;
        line(&mut text, "cartback_silent", Some(("what", kind.name())), number);
    }
    text
}

async fn counted(state: &State) -> Result<String, Error> {
    let known = state.counted.0.lock().unwrap_or_else(|broken| broken.into_inner()).clone();
    if let Some((at, text)) = known
        && at.elapsed() < COUNT_EVERY
    {
        return Ok(text);
    }
    let text = count(&state.core).await?;
    *state.counted.0.lock().unwrap_or_else(|broken| broken.into_inner()) = Some((Instant::now(), text.clone()));
    Ok(text)
}

async fn count(core: &Core) -> Result<String, Error> {
    let mut read = core.db.read().await?;
    let messages = store::message::count_by_state(&mut read).await?;
    let clicks = store::click::count_by_verdict(&mut read).await?;
    let orders = store::rollup::recovered_orders(&mut read).await?;
    let due = store::job::count_due(&mut read, core.now()).await?;
    let paused = store::guard::count_paused(&mut read).await?;
    let halted = store::halt::standing(&mut read).await?.is_some();
    drop(read);
    let mut text = String::new();
    family(&mut text, "cartback_messages_total", "gauge", "Texts, by the state they are in.");
    for (state, number) in messages {
        line(&mut text, "cartback_messages_total", Some(("state", &state)), number);
    }
    family(&mut text, "cartback_clicks_total", "counter", "Openings of links, by who opened them.");
    for (verdict, number) in clicks {
        let verdict = if verdict.is_empty() { "waiting" } else { &verdict };
        line(&mut text, "cartback_clicks_total", Some(("verdict", verdict)), number);
    }
    family(&mut text, "cartback_recovered_orders_total", "counter", "Orders credited to a text.");
    line(&mut text, "cartback_recovered_orders_total", None, orders);
    family(&mut text, "cartback_jobs_due", "gauge", "Work that is due now.");
    line(&mut text, "cartback_jobs_due", None, due);
    family(&mut text, "cartback_halted", "gauge", "1 while the kill switch stops all sending.");
    line(&mut text, "cartback_halted", None, u64::from(halted));
    family(&mut text, "cartback_paused", "gauge", "What looks like fraud or runaway spend and waits for a person.");
    for (kind, number) in paused {
        line(&mut text, "cartback_paused", Some(("kind", &kind)), number);
    }
    Ok(text)
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Labels are words of ours: nothing in them needs escaping.
fn line(text: &mut String, name: &str, label: Option<(&str, &str)>, number: u64) {
    let _ = match label {
        Some((label, value)) => writeln!(text, "{name}{{{label}=\"{value}\"}} {number}"),
        None => writeln!(text, "{name} {number}"),
    };
}
