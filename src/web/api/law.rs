//! The law: what it and the shop's rules come to in each country, and the rows of data that stand behind it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form,
    shop::answered,
};
use crate::{
    domain::law::{self, Effective, Level, Pack, Row as Stored},
    web::problem::Problem,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LawQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// What law and rules come to in one country or state of the United States.
#[derive(Serialize, ToSchema)]
pub struct Law {
    #[schema(example = "SI")]
    code: String,
    name: String,
    /// The version of the law's data.
    version: String,
    /// Whether somebody has looked the country up; else the shop is held to what is strict anywhere.
    listed: bool,
    /// Whether the shop texts there.
    sends: bool,
    /// Why not, and what to do, where it does not.
    #[schema(required)]
    held: Option<String>,
    /// When texts go.
    #[schema(example = "mon-sat 09:00-20:00")]
    hours: String,
    /// The bound of the law; `null` where none names hours.
    #[schema(required)]
    legal_hours: Option<String>,
    /// `single` or `double`.
    #[schema(example = "single")]
    consent: String,
    /// Whether an earlier order may do instead.
    soft_opt_in: bool,
    first_after_minutes: u64,
    give_up_after_hours: u64,
    #[schema(required)]
    texts_per_cart: Option<u32>,
    cart_texts_per_day: u32,
    all_texts_per_day: u32,
    cart_texts_per_30_days: u32,
    two_way_required: bool,
    /// Whether a sender of letters is allowed.
    alphanumeric: bool,
    /// What every text must say.
    required: Vec<String>,
}

/// The same with every rule and where it is from.
#[derive(Serialize, ToSchema)]
pub struct LawStory {
    law: Law,
    rules: Vec<LawRule>,
}

#[derive(Serialize, ToSchema)]
pub struct LawRule {
    about: String,
    rule: String,
    source: String,
    /// How sure that is.
    confidence: String,
}

fn told(pack: &Pack, found: &Effective) -> Law {
    Law {
        code: found.code.clone(),
        name: found.name.clone(),
        version: pack.version().to_owned(),
        listed: found.listed,
        sends: found.sends,
        held: found.held.clone(),
        hours: found.hours.to_string(),
        legal_hours: found.legal.map(|hours| hours.to_string()),
        consent: match found.consent {
            Level::Double => "double",
            _ => "single",
        }
        .to_owned(),
        soft_opt_in: found.soft_opt_in,
        first_after_minutes: found.first_after_minutes,
        give_up_after_hours: found.give_up_after_hours,
        texts_per_cart: found.per_cart,
        cart_texts_per_day: found.cart_texts_per_day,
        all_texts_per_day: found.all_texts_per_day,
        cart_texts_per_30_days: found.cart_texts_per_30_days,
        two_way_required: found.two_way_required,
        alphanumeric: found.alphanumeric,
        required: found.required.clone(),
    }
}

/// Every country, and every state with rules of its own
#[utoipa::path(get, path = "/api/v1/law", params(LawQuery), responses((status = 200, description = "Countries and states, by code.", body = form::List<Law>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: LawQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let (pack, now) = (law::current(), call.core().now());
    let rows = pack.countries().into_iter().chain(pack.states());
    let mut codes: Vec<String> = rows.filter(|row| row.is_current(now)).map(|row| row.code.clone()).collect();
    codes.extend(Pack::countries_of(&shop.rules, &shop.country));
    codes.sort_unstable();
    codes.dedup();
    codes.retain(|code| window.after.as_ref().is_none_or(|after| code > after));
    let next = window.cut(&mut codes, Clone::clone);
    let found = codes.iter().filter_map(|code| pack.effective(code, &shop.rules, &shop.country, now));
    answered(call, found.map(|found| told(pack, &found)).collect(), next)
}

/// One country or state, with every rule and its source
#[utoipa::path(get, path = "/api/v1/law/{code}", params(("code" = String, Path, description = "ISO 3166-1 alpha-2, or a state as in US-FL", example = "SI")), responses((status = 200, description = "The law.", body = LawStory)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let code: String = call.path("code")?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let (pack, now) = (law::current(), call.core().now());
    let found = pack.effective(&code, &shop.rules, &shop.country, now).ok_or(Problem::NotFound)?;
    let row = pack.row(&found.code, now);
    let rules = row.map(Stored::rules).unwrap_or_default().into_iter().map(|rule| LawRule {
        about: rule.about.to_owned(),
        rule: rule.says,
        source: rule.source,
        confidence: rule.confidence.words().to_owned(),
    });
    let rules = rules.collect();
    Answer::ok(&LawStory { law: told(pack, &found), rules })
}
