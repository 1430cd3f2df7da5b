//! Magento's REST API: how a page of a list is asked for, and what an answer that holds none means.
//!
//! Beyond its last page a list of Magento's gives the last page again. So no pages are counted here: each request asks
//! for the entities whose number is above the last one seen, in the order of their numbers. What changes meanwhile can
//! then neither be passed over nor make us go round for ever.

use serde_json::Value;

use super::{hosts, json};
use crate::{
    domain::{connector::Settings, time::Time},
    http::{Request, Response},
    shop::pull::{ANSWER_BYTES_MAX, NotPulled, Page, Pulled, is_id, retry_after},
};

/// The integration's token has 32 characters; a JSON web token has more.
const TOKEN_CHARS_MAX: usize = 2_000;

/// It goes into a header as it is.
pub(in crate::shop) fn check_token(value: &str) -> Result<(), &'static str> {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && (16..=TOKEN_CHARS_MAX).contains(&value.len()) {
        Ok(())
    } else {
        Err("be the Access Token alone: letters, digits and signs without spaces, at least 16 of them")
    }
}

/// One condition of a search. Those of a group are joined by "or", the groups by "and".
pub(in crate::shop) type Condition = (&'static str, &'static str, String);

pub(in crate::shop) struct Api<'s> {
    host: String,
    token: &'s str,
}

impl Api<'_> {
    pub(in crate::shop) fn of(settings: &Settings) -> Option<Api<'_>> {
        let host = hosts::read(settings.get("site")).into_iter().next()?;
        Some(Api { host, token: settings.given("access_token")? })
    }

    /// A page of a list (`orders`, `carts/search`) that meets every group, after the entity of this number.
    pub(in crate::shop) fn list(
        &self,
        path: &str,
        mut groups: Vec<Vec<Condition>>,
        cursor: Option<&str>,
        size: usize,
    ) -> Request {
        if let Some(last) = cursor.filter(|cursor| is_id(cursor)) {
            groups.push(vec![("entity_id", "gt", last.to_owned())]);
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (group, conditions) in groups.iter().enumerate() {
            for (filter, (field, condition, value)) in conditions.iter().enumerate() {
                let name = |part| format!("searchCriteria[filter_groups][{group}][filters][{filter}][{part}]");
                query.append_pair(&name("field"), field);
                query.append_pair(&name("condition_type"), condition);
                query.append_pair(&name("value"), value);
            }
        }
        query.append_pair("searchCriteria[sortOrders][0][field]", "entity_id");
        query.append_pair("searchCriteria[sortOrders][0][direction]", "ASC");
        query.append_pair("searchCriteria[pageSize]", &size.to_string());
        query.append_pair("searchCriteria[currentPage]", "1");
        self.get(&format!("{path}?{}", query.finish()))
    }

    /// One entity by its path: `orders/15`.
    pub(in crate::shop) fn get(&self, path: &str) -> Request {
        let request = Request::get(format!("https://{}/rest/V1/{path}", self.host));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        Request { room: ANSWER_BYTES_MAX, ..request.header("accept", "application/json") }
    }
}

/// As Magento's database writes a moment: in UTC, without saying so.
pub(in crate::shop) fn moment(at: Time) -> String {
    format!("{:.0}", at.to_timestamp()).trim_end_matches('Z').replace('T', " ")
}

/// What came, or why nothing did.
pub(in crate::shop) fn read(answer: &Response) -> Result<Value, NotPulled> {
    match answer.status {
        200..300 => {}
        401 => {
            return Err(NotPulled::Refused(
                "Magento does not accept the Access Token: is the integration activated, and \"Allow OAuth Access \
                 Tokens to be used as standalone Bearer tokens\" set to Yes under Stores > Configuration > Services > \
                 OAuth?"
                    .into(),
            ));
        }
        403 => {
            return Err(NotPulled::Refused(
                "Magento does not let the integration read this: under API it needs Orders and Manage carts; or a \
                 firewall stands before the shop"
                    .into(),
            ));
        }
        404 => {
            return Err(NotPulled::Refused(
                "there is no Magento REST API at this address: name the host it answers on first under \"site\"".into(),
            ));
        }
        300..=308 => {
            return Err(NotPulled::Refused(
                "the shop sends us elsewhere: name the host it answers on first under \"site\"".into(),
            ));
        }
        429 | 503 => {
            return Err(NotPulled::Later { why: "the shop wants fewer calls".into(), wait: retry_after(answer) });
        }
        status => return Err(NotPulled::later(format!("the shop answered {status}"))),
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if value.is_object() => Ok(value),
        _ => Err(NotPulled::later("the shop's answer is not Magento's, or breaks off")),
    }
}

/// A page of a list whose entities have their number under this key.
pub(in crate::shop) fn page(
    answer: &Response,
    cursor: Option<&str>,
    size: usize,
    key: &str,
    pulled: impl Fn(&Value) -> Pulled,
) -> Result<Page, NotPulled> {
    let body = read(answer)?;
    // An empty list is `null` in some versions.
    if json::at(&body, "total_count").is_null() {
        return Err(NotPulled::later("the shop's answer is not a list of Magento's"));
    }
    let items = json::list(&body, "items");
    let numbers = items.iter().filter_map(|item| json::id(item, key)?.parse::<u64>().ok());
    let seen = cursor.and_then(|cursor| cursor.parse::<u64>().ok());
    // A shop that does not heed the last number seen would give the same page for ever.
    let last = numbers.max().filter(|last| seen.is_none_or(|seen| seen < *last));
    Ok(Page {
        orders: items.iter().map(pulled).collect(),
        next: last.filter(|_| items.len() >= size).map(|last| last.to_string()),
        wait: GENTLY,
        // Later it counts only what is left.
        total: cursor.is_none().then(|| json::text(&body, "total_count")?.parse().ok()).flatten(),
    })
}

/// One call a second: the shop is also serving shoppers.
const GENTLY: std::time::Duration = std::time::Duration::from_secs(1);
