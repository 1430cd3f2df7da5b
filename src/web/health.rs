//! Whether this process lives, and whether it can work. Alive means only that it answers: a database that is away must
//! not get the process killed, it must keep traffic from it.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web::Data};

use super::State;
use crate::store::{self, Error};

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

async fn look(state: &State) -> Result<bool, Error> {
    let mut read = state.core.db.read().await?;
    store::migration::is_current(&mut read).await
}

fn said(mut answer: actix_web::HttpResponseBuilder, body: &'static str) -> HttpResponse {
    answer.content_type("text/plain; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store")).body(body)
}
