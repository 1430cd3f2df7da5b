//! Orders through WooCommerce's REST API, version 3: decides what is asked, and what each answer holds. An order there is
//! the very body its webhook has.
//!
//! Pages are numbered, so what changes while they are read moves between them: an order may come twice, and one may be
//! passed over, which the next run finds. `X-WP-TotalPages` says where the end is; without it (a cache before the site),
//! the first page that is not full.

use std::time::Duration;

use serde_json::Value;

use super::{coupon::Api, json};
use crate::{
    domain::{connector::Settings, time::Time},
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, Wanted, is_id, retry_after},
};

/// Of an order with twenty items that is about 300 kB.
const PAGE: usize = 25;
/// One call a second: the site is also serving shoppers.
const GENTLY: Duration = Duration::from_secs(1);

/// In UTC without an offset, as `dates_are_gmt` reads it.
fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp()).trim_end_matches('Z').to_owned()
}

pub(super) fn ask(settings: &Settings, wanted: &Wanted, cursor: Option<&str>) -> Result<Option<Request>, String> {
    let Some(api) = Api::of(settings) else {
        return match (settings.given("key"), settings.given("secret")) {
            (None, None) => Ok(None),
            _ => Err("key, secret: both are needed to fetch orders".into()),
        };
    };
    let page = cursor.and_then(|page| page.parse::<u32>().ok()).unwrap_or(1).to_string();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let size = PAGE.to_string();
    query.extend_pairs([("per_page", size.as_str()), ("page", &page), ("dates_are_gmt", "true"), ("order", "asc")]);
    match wanted {
        Wanted::Placed { from, to } => {
            query.append_pair("orderby", "date");
            query.append_pair("after", &moment(*from)).append_pair("before", &moment(*to));
        }
        Wanted::Changed { since } => {
            query.append_pair("orderby", "modified").append_pair("modified_after", &moment(*since));
        }
        Wanted::One { external_id } => {
            if !is_id(external_id) {
                return Err("the order's id is none of WooCommerce's".into());
            }
            query.append_pair("include", external_id);
        }
    }
    let request = Request::get(format!("{}?{}", api.orders(), query.finish()));
    Ok(Some(Request { room: ANSWER_BYTES_MAX, ..api.authorize(request) }))
}

pub(super) fn told(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    match answer.status {
        200..300 => {}
        401 | 403 => {
            return Err(NotPulled::Refused(
                "WooCommerce does not accept the REST API key: it needs the permission Read, and the site has to let \
                 the Authorization header through"
                    .into(),
            ));
        }
        404 => {
            return Err(NotPulled::Refused(
                "the site has no WooCommerce REST API at this address: are its permalinks set to \"Plain\"?".into(),
            ));
        }
        300..=308 => {
            return Err(NotPulled::Refused(
                "the site sends us elsewhere: name the host it answers on first under \"site\"".into(),
            ));
        }
        // A page beyond the last one: the list got shorter meanwhile.
        400 if cursor.is_some() => return Err(NotPulled::Lost),
        429 | 503 => {
            return Err(NotPulled::Later { why: "the site wants fewer calls".into(), wait: retry_after(answer) });
        }
        status => return Err(NotPulled::later(format!("the site answered {status}"))),
    }
    let Ok(Value::Array(orders)) = serde_json::from_slice::<Value>(&answer.body) else {
        return Err(NotPulled::later("the site's answer is not WooCommerce's, or breaks off"));
    };
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let page = cursor.and_then(|page| page.parse::<u64>().ok()).unwrap_or(1);
    let more = match number("x-wp-totalpages") {
        Some(pages) => page < pages,
        None => orders.len() >= PAGE,
    };
    Ok(Page {
        next: more.then(|| page.saturating_add(1).to_string()),
        orders: orders.iter().map(pulled).collect(),
        wait: GENTLY,
        total: number("x-wp-total"),
    })
}

fn pulled(order: &Value) -> Pulled {
    Pulled {
        topic: "order.updated",
        body: order.to_string().into_bytes(),
        begun_at: json::time(order, "date_created_gmt"),
        tax: json::text(order, "total_tax"),
        shipping: json::text(order, "shipping_total"),
    }
}
