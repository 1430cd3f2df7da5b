//! Whether this process lives, and whether it can work. Alive means only that it answers: a database that is away must
//! not get the process killed, it must keep traffic from it.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web::Data};

use super::State;
use crate::{
    domain::silence::Silence,
    store::{self, Error},
};

pub async fn alive() -> HttpResponse {
    said(HttpResponse::Ok(), "alive\n")
}

/// The database has to answer a read within this.
const READ_TIME_MAX: Duration = Duration::from_secs(1);

pub async fn ready(state: Data<State>) -> HttpResponse {
    let not_ready = match tokio::time::timeout(READ_TIME_MAX, look(&state)).await {
        Ok(Ok(true)) => return said(HttpResponse::Ok(), "ready\n"),
        Ok(Ok(false)) => "the schema is older than this version\n",
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            "the database does not answer\n"
        }
        Err(_) => "the database is slow\n",
    };
    said(HttpResponse::ServiceUnavailable(), not_ready)
}

/// Whether what should happen happens: 200, or 503 with a line for each silence. Kinds only, no shop: whoever watches from
/// another machine has nobody signed in. 503 too when whoever looks for silence has fallen silent.
pub async fn watch(state: Data<State>) -> HttpResponse {
    match state.core.board.read() {
        None => said(HttpResponse::ServiceUnavailable(), "nobody looks for silence\n"),
        Some(silent) if silent.is_empty() => said(HttpResponse::Ok(), "nothing is silent\n"),
        Some(silent) => {
            let mut kinds: Vec<Silence> = silent.iter().map(|each| each.silence).collect();
            kinds.sort();
            kinds.dedup();
            let lines = kinds.iter().map(|kind| format!("{}: {}\n", kind.name(), kind.says()));
            said(HttpResponse::ServiceUnavailable(), lines.collect::<String>())
        }
    }
}

async fn look(state: &State) -> Result<bool, Error> {
    let mut read = state.core.db.read().await?;
    store::migration::is_current(&mut read).await
}

fn said(mut answer: actix_web::HttpResponseBuilder, body: impl Into<String>) -> HttpResponse {
    answer
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body.into())
}
