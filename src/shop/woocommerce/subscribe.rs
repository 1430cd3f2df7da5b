//! WooCommerce's own webhooks through its REST API, version 3: decides what is asked, and what each answer means for the
//! shopkeeper. Asking twice makes two, so those there are asked for first ([`crate::shop::Shop::doubles_subscriptions`]).
//! A delivery that is not taken is never sent again, and after more than five in a row the webhook is switched off.

use serde_json::json;

use super::{coupon, coupon::Api, json as body};
use crate::{
    domain::connector::Settings,
    http::{Method, Request, Response},
    shop::{Subscription, pull::is_id},
};

const TOPICS: [(&str, &str); 4] = [
    ("order.created", "Cartback: order created"),
    ("order.updated", "Cartback: order updated"),
    ("order.deleted", "Cartback: order deleted"),
    ("order.restored", "Cartback: order restored"),
];

pub(super) fn requests(settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
    let Some(api) = Api::of(settings) else { return Ok(Vec::new()) };
    let Some(secret) = settings.given("webhook_secret") else {
        return Err("webhook_secret: must be set first: WooCommerce signs what it sends with it".into());
    };
    let request = |topic: &str, name: &str| {
        let wanted = json!({
            "name": name, "topic": topic, "status": "active", "delivery_url": webhook_url, "secret": secret,
        });
        api.authorize(Request::json(api.webhooks(), &wanted))
    };
    Ok(TOPICS.map(|(topic, name)| Subscription { topic, request: request(topic, name) }).into())
}

/// Those that are switched off too: they are not counted, but can be woken.
pub(super) fn ask(settings: &Settings) -> Option<Request> {
    let api = Api::of(settings)?;
    let request = Request::get(format!("{}?per_page=100&status=all", api.webhooks()));
    Some(Request { room: LIST_BYTES_MAX, ..api.authorize(request) })
}

/// A webhook is under 1 kB; a shop has many of other plugins.
const LIST_BYTES_MAX: usize = 1 << 20;

/// The topics that go to this URL and are sent. After a few failures WooCommerce sends no more, and lists the webhook all
/// the same.
pub(super) fn told(answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
    let all = ours(answer, webhook_url)?;
    Ok(all.into_iter().filter(|it| it.status == "active").map(|it| it.topic).collect())
}

/// WooCommerce itself switches off by the status `disabled`; `paused` is somebody's wish. One for each topic that has no
/// active one: two would tell everything twice.
pub(super) fn wake(settings: &Settings, answer: &Response, webhook_url: &str) -> Vec<Subscription> {
    let (Some(api), Ok(all)) = (Api::of(settings), ours(answer, webhook_url)) else { return Vec::new() };
    let sent = |topic: &str| all.iter().any(|it| it.topic == topic && it.status == "active");
    let asleep = TOPICS.iter().filter(|(topic, _)| !sent(topic)).filter_map(|(topic, _)| {
        let one =
            all.iter().filter(|it| it.topic == *topic && it.status == "disabled").find_map(|it| it.id.as_ref())?;
        let request = Request::json(format!("{}/{}", api.webhooks(), one), &json!({ "status": "active" }));
        let request = Request { method: Method::Put, ..request };
        Some(Subscription { topic, request: api.authorize(request) })
    });
    asleep.collect()
}

struct Listed {
    /// Only needed to wake it.
    id: Option<String>,
    topic: String,
    status: String,
}

/// What goes to this URL. WordPress writes an address anew, so they are compared without what it may change.
fn ours(answer: &Response, webhook_url: &str) -> Result<Vec<Listed>, String> {
    let found = coupon::read(answer).map_err(|wrong| wrong.why)?;
    let Some(webhooks) = found.as_array() else { return Err("WooCommerce's answer is no list".into()) };
    let ours = webhooks.iter().filter(|webhook| {
        let goes_to = body::whole(webhook, "delivery_url", body::URL_CHARS_MAX).unwrap_or_default();
        goes_to.trim_end_matches('/') == webhook_url.trim_end_matches('/')
    });
    let listed = ours.filter_map(|webhook| {
        Some(Listed {
            id: body::id_not_zero(webhook, "id").filter(|id| is_id(id)),
            topic: body::text(webhook, "topic")?,
            // WooCommerce always tells it; one that is merely listed is not made a second time.
            status: body::text(webhook, "status").unwrap_or_else(|| "active".into()),
        })
    });
    Ok(listed.collect())
}

pub(super) fn answer(answer: &Response) -> Result<(), String> {
    let made = coupon::read(answer).map_err(|wrong| wrong.why)?;
    let done = body::id_not_zero(&made, "id").is_some();
    done.then_some(()).ok_or_else(|| "WooCommerce's answer names no webhook".into())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{super::WooCommerce, *};
    use crate::shop::Shop;

    const URL: &str = "https://cb.example/hook/shop/abc";

    fn settings() -> Settings {
        let given = [
            ("site", "shop.example"),
            ("webhook_secret", "k3yOfTheShopWithLetters"),
            ("key", "ck_1"),
            ("secret", "cs_1"),
        ];
        Settings::restored(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into())
    }

    fn listed(webhooks: &[(u64, &str, &str, &str)]) -> Response {
        let webhook = |&(id, topic, status, url): &(u64, &str, &str, &str)| json!({ "id": id, "topic": topic, "status": status, "delivery_url": url });
        let body = Value::from_iter(webhooks.iter().map(webhook)).to_string().into_bytes();
        Response { status: 200, headers: Vec::new(), body }
    }

    #[test]
    fn trap_10_what_woocommerce_switched_off_is_not_counted_and_woken() {
        let asked = WooCommerce.ask_subscriptions(&settings()).unwrap().unwrap();
        assert_eq!(asked.url, "https://shop.example/wp-json/wc/v3/webhooks?per_page=100&status=all");
        let answer = listed(&[
            (41, "order.created", "active", URL),
            (42, "order.updated", "disabled", "https://cb.example/hook/shop/abc/"),
            (43, "order.deleted", "paused", URL),
            (44, "order.created", "disabled", URL),
            (45, "order.restored", "disabled", "https://other.example/"),
            (46, "order.updated", "disabled", URL),
            (47, "product.updated", "disabled", URL),
        ]);
        let unsaid = json!([{ "topic": "order.restored", "delivery_url": URL }]).to_string().into_bytes();
        let unsaid = Response { status: 200, headers: Vec::new(), body: unsaid };
        assert_eq!(WooCommerce.subscriptions(&unsaid, URL), Ok(vec!["order.restored".to_owned()]));
        assert_eq!(WooCommerce.subscriptions(&answer, URL), Ok(vec!["order.created".to_owned()]));
        let woken = WooCommerce.wake_subscriptions(&settings(), &answer, URL);
        let [one] = woken.as_slice() else { panic!("{woken:?}") };
        assert_eq!((one.topic, one.request.method), ("order.updated", Method::Put));
        assert_eq!(one.request.url, "https://shop.example/wp-json/wc/v3/webhooks/42");
        assert_eq!(one.request.body, br#"{"status":"active"}"#);
        assert!(one.request.headers.iter().any(|(name, _)| name == "authorization"));
        let done = Response { status: 200, headers: Vec::new(), body: br#"{"id":42,"status":"active"}"#.to_vec() };
        assert_eq!(WooCommerce.subscribed(&done), Ok(()));
        // What was lost meanwhile comes by asking.
        assert!(WooCommerce.loses_webhooks());
    }

    #[test]
    fn nothing_is_woken_by_a_wrong_answer_or_without_keys() {
        let asleep = listed(&[(42, "order.updated", "disabled", URL)]);
        assert!(WooCommerce.wake_subscriptions(&Settings::default(), &asleep, URL).is_empty());
        let odd_id =
            json!([{ "id": "../1", "topic": "order.updated", "status": "disabled", "delivery_url": URL }]).to_string();
        for body in ["{}", "", "[null,7,{}]", &odd_id] {
            let answer = Response { status: 200, headers: Vec::new(), body: body.as_bytes().to_vec() };
            assert!(WooCommerce.wake_subscriptions(&settings(), &answer, URL).is_empty(), "{body}");
        }
        assert!(WooCommerce.subscriptions(&Response { status: 401, ..listed(&[]) }, URL).is_err());
    }
}
