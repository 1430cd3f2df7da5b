//! Consents to advertising: whom an advertising platform may be told of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{answer::Answer, call::Call, form};
use crate::{
    pipeline::{people::ads, sink},
    web::problem::Problem,
};

/// What people said to advertising.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdConsents {
    /// 1 to 1,000 of them. Either all are taken or none.
    #[schema(min_items = 1, max_items = 1000)]
    consents: Vec<NewAdConsent>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAdConsent {
    #[schema(example = "+12125550142")]
    phone: String,
    /// `granted` or `withdrawn`.
    #[schema(example = "granted")]
    state: String,
    /// When it was said; now without one.
    #[serde(default)]
    at: Option<String>,
    /// Where it was said, in a few words.
    #[serde(default)]
    #[schema(example = "cookie banner")]
    source: Option<String>,
}

/// What became of them.
#[derive(Serialize, ToSchema)]
pub struct AdConsentsTaken {
    recorded: u64,
    /// Known before; they changed nothing.
    known: u64,
}

const CONSENTS_MOST: usize = 1_000;

/// Record consents to advertising
///
/// Without one on record nobody is told to an advertising platform; the newest of a number holds.
#[utoipa::path(post, path = "/api/v1/ad-consents", request_body = NewAdConsents, responses((status = 200, description = "They are on record.", body = AdConsentsTaken)))]
pub async fn record(call: &Call) -> Result<Answer, Problem> {
    let typed: NewAdConsents = call.body()?;
    if typed.consents.is_empty() || typed.consents.len() > CONSENTS_MOST {
        return Err(Problem::Wrong(vec![format!("consents: must be 1 to {CONSENTS_MOST}")]));
    }
    let (read, shop, keys) = call.open().await?;
    drop(read);
    let now = call.core().now();
    let (mut said, mut problems) = (Vec::new(), Vec::new());
    for (place, each) in typed.consents.iter().enumerate() {
        let at = each.at.as_deref().map(|typed| form::moment("at", typed)).transpose();
        let source = each.source.as_deref().unwrap_or("api");
        match at.and_then(|at| ads::said(&shop, &keys, (&each.phone, &each.state), (at, now), source)) {
            Ok(one) => said.push(one),
            Err(why) => problems.push(format!("consents[{place}].{why}")),
        }
    }
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    let recorded = sink::record_ad_consents(call.core(), shop.id, &said).await?;
    Answer::ok(&AdConsentsTaken { recorded, known: said.len() as u64 - recorded })
}
