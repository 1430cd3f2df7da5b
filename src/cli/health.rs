//! `cartback health`: asks the running service how it is, from outside of it. For a container's health check, a cron job,
//! or whoever wonders; opens nothing of its own, so it also answers when the database is away.

use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use super::{Form, Said, Wrong};
use crate::{
    app,
    config::Config,
    http::{GuardedHttp, Http, HttpError, Request},
};

#[derive(clap::Args)]
pub struct Args {
    /// Where the service answers [default: the address it listens on, on this machine]
    pub url: Option<String>,
    /// Only whether it can work: a silence that a restart would not mend is said and forgiven
    #[arg(long)]
    pub ready: bool,
    #[command(flatten)]
    pub form: Form,
}

/// For each question: both fit into the time a container gives its health check.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asked in this order; the second says what is silent.
const ASKED: [&str; 2] = ["/readyz", "/watchz"];

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<Said> {
    app::install_tls();
    let http = GuardedHttp::new()?;
    let here = args.url.clone().unwrap_or_else(|| config.here());
    let mut lines = Vec::new();
    let (mut well, mut told) = (true, Vec::new());
    for path in ASKED {
        let request = Request { private: true, ..Request::get(format!("{}{path}", here.trim_end_matches('/'))) };
        let (good, words) = match tokio::time::timeout(ANSWER_WITHIN, http.exchange(request)).await {
            Ok(Ok(answer)) => (answer.is_success(), answer.text().trim().replace('\n', "; ")),
            Ok(Err(HttpError::NotAllowed(why))) => bail!(Wrong(format!("{here}: {why}"))),
            Ok(Err(why)) => (false, why.to_string()),
            Err(_) => (false, format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
        };
        well &= good || (args.ready && path != ASKED[0]);
        lines.push(format!("{} {path}: {words}", if good { "✓" } else { "✗" }));
        told.push(json!({ "path": path, "well": good, "words": words }));
    }
    Ok(Said { well, ..Said::new(lines.join("\n"), told.into()) })
}
