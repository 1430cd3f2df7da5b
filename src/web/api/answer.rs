//! An answer of the API as a value: what a handler returns, what is kept for the same key, and what goes out.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::web::problem::Problem;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    kind: String,
    /// What a page among the answers may do.
    policy: Option<String>,
    /// With its quotes.
    etag: Option<String>,
    location: Option<String>,
    /// The query of the next page, in `Link`.
    next: Option<String>,
    body: String,
}

impl Answer {
    fn new(status: u16, body: String) -> Answer {
        let kind = "application/json".to_owned();
        Answer { status, kind, policy: None, etag: None, location: None, next: None, body }
    }

    pub fn ok(body: &impl Serialize) -> Result<Answer, Problem> {
        Ok(Answer::new(200, written(body)?))
    }

    /// JSON that is written already.
    pub fn json(body: String) -> Answer {
        Answer::new(200, body)
    }

    /// A page that brings its own style, and may do nothing else.
    pub fn html(body: String, policy: String) -> Answer {
        Answer { kind: "text/html; charset=utf-8".to_owned(), policy: Some(policy), ..Answer::new(200, body) }
    }

    /// 201, with where it is from now on.
    pub fn created(body: &impl Serialize, location: String) -> Result<Answer, Problem> {
        Ok(Answer { location: Some(location), ..Answer::new(201, written(body)?) })
    }

    /// 202: it will be done.
    pub fn accepted(body: &impl Serialize) -> Result<Answer, Problem> {
        Ok(Answer::new(202, written(body)?))
    }

    pub fn nothing() -> Answer {
        Answer::new(204, String::new())
    }

    pub fn etag(self, etag: String) -> Answer {
        Answer { etag: Some(etag), ..self }
    }

    pub fn next(self, query: Option<String>) -> Answer {
        Answer { next: query, ..self }
    }

    pub fn to_kept(&self) -> Result<Vec<u8>, Problem> {
        serde_json::to_vec(self).map_err(|error| Problem::Broken(error.to_string()))
    }

    pub fn from_kept(kept: &[u8]) -> Result<Answer, Problem> {
        serde_json::from_slice(kept).map_err(|_| Problem::Broken("a kept answer cannot be read".to_owned()))
    }

    /// Nobody in between may keep it: most answers name somebody.
    pub fn into_response(self, path: &str) -> HttpResponse {
        let mut answer = HttpResponse::build(StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK));
        answer.insert_header((header::CACHE_CONTROL, "no-store"));
        answer.insert_header((HeaderName::from_static("x-robots-tag"), "noindex"));
        if let Some(policy) = self.policy {
            answer.insert_header((header::CONTENT_SECURITY_POLICY, policy));
        }
        if let Some(etag) = self.etag {
            answer.insert_header((header::ETAG, etag));
        }
        if let Some(location) = self.location {
            answer.insert_header((header::LOCATION, location));
        }
        if let Some(next) = self.next {
            answer.insert_header((header::LINK, format!("<{path}?{next}>; rel=\"next\"")));
        }
        if self.status == 204 {
            return answer.finish();
        }
        answer.content_type(self.kind).body(self.body)
    }
}

fn written(body: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|error| Problem::Broken(error.to_string()))
}

const ETAG_BYTES: usize = 12;

/// The entity tag of a state: equal for equal states.
pub fn etag_of(state: &impl Serialize) -> Result<String, Problem> {
    let digest: [u8; 32] = Sha256::digest(written(state)?.as_bytes()).into();
    Ok(format!("\"{}\"", HEXLOWER.encode(digest.get(..ETAG_BYTES).unwrap_or_default())))
}
