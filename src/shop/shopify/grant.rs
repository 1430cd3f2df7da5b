//! The token an app of the Dev Dashboard gets for a day: decides what Shopify is asked, and what its answer means. It
//! sends nothing itself and keeps nothing.
//!
//! The grant "client credentials" knows no page and no owner's yes: the app's own id and secret are enough, and only for
//! shops of the organisation that the app belongs to (Shopify docs, "Using the client credentials grant"). The secret is
//! the one that signs the webhooks; of two, the first. Refusals come as JSON or as a page of HTML that names them.

use std::time::Duration;

use serde_json::Value;

use super::{json, subscribe};
use crate::{
    domain::connector::Settings,
    http::{Request, Response},
    shop::{
        Token,
        pull::{NotPulled, retry_after},
    },
};

/// Nothing to ask for where a token was typed: it does not end.
pub(super) fn ask(settings: &Settings) -> Option<Request> {
    if settings.given("token").is_some() {
        return None;
    }
    let (client, secret) = (settings.given("client_id")?, settings.list("signing_key").next()?);
    let url = format!("https://{}/admin/oauth/access_token", subscribe::domain(settings)?);
    let pairs = [("client_id", client), ("client_secret", secret), ("grant_type", "client_credentials")];
    Some(Request::form(url, pairs).header("accept", "application/json"))
}

pub(super) fn token(answer: &Response) -> Result<Token, NotPulled> {
    match answer.status {
        200..300 => {}
        429 => return Err(NotPulled::Later { why: "Shopify wants fewer calls".into(), wait: retry_after(answer) }),
        500.. => return Err(NotPulled::later(format!("Shopify answered {}", answer.status))),
        _ => return Err(NotPulled::Refused(refusal(answer))),
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let value = json::whole(&body, "access_token", TOKEN_CHARS_MAX)
        .filter(|value| value.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| NotPulled::later("Shopify's answer holds no token"))?;
    let told = json::whole(&body, "expires_in", 10).and_then(|seconds| seconds.parse().ok());
    Ok(Token { value, lasts: told.map_or(UNTOLD, Duration::from_secs) })
}

const TOKEN_CHARS_MAX: usize = 1_000;
/// A day is usual. Where it is not told, it is asked for again sooner than needed.
const UNTOLD: Duration = Duration::from_secs(60 * 60);

/// Words by the names Shopify gives its refusals; never a piece of its answer, which may quote what was sent.
fn refusal(answer: &Response) -> String {
    let said = answer.text();
    let known = REFUSALS.iter().find(|(names, _)| names.iter().any(|name| said.contains(name)));
    let words = known.map(|(_, words)| (*words).to_owned());
    let by_status = || match answer.status {
        300..400 => "Shopify sends us elsewhere: is the domain the shop's own myshopify.com address?".to_owned(),
        status => match subscribe::refusal(status) {
            Some(_) if status == 401 || status == 403 => WRONG_APP.to_owned(),
            Some(words) => words.to_owned(),
            None => {
                format!("Shopify gives no token (it answered {status}): are Client ID and client secret the app's?")
            }
        },
    };
    words.unwrap_or_else(by_status)
}

const WRONG_APP: &str = "Shopify does not know this app: Client ID and client secret (the first signing key) must both be \
                         from the app's Settings in the Dev Dashboard";

const REFUSALS: [(&[&str], &str); 3] = [
    (
        &["shop_not_permitted"],
        "Shopify gives this app no token for this shop: app and shop must belong to the same organisation in the Dev \
         Dashboard; an app of another one needs an access token typed here",
    ),
    (
        &["app_not_installed", "application_not_installed"],
        "the app is not installed in this shop: install it from the Dev Dashboard, with its scopes",
    ),
    (&["application_cannot_be_found", "invalid_client"], WRONG_APP),
];

#[cfg(test)]
mod tests {
    use super::{
        super::{Shopify, tests::settings_of as settings},
        *,
    };
    use crate::{
        domain::{
            discount::{NewCode, Off, Plan},
            id::DiscountId,
            time::Time,
        },
        http::Method,
        shop::{Shop, TOKEN, pull::Wanted},
    };

    const APP: [(&str, &str); 3] = [
        ("domain", "lumen-and-oak.myshopify.com"),
        ("signing_key", "0f1e2d3c4b5a69788796a5b4c3d2e1f0, the-next-secret-of-it"),
        ("client_id", "a1b2c3d4e5f60718293a4b5c6d7e8f90"),
    ];

    #[test]
    fn an_app_asks_for_its_token_with_its_first_secret() {
        let asked = Shopify.ask_token(&settings(&APP)).unwrap();
        let to = "https://lumen-and-oak.myshopify.com/admin/oauth/access_token";
        assert_eq!((asked.method, asked.url.as_str(), asked.private), (Method::Post, to, false));
        let body = "client_id=a1b2c3d4e5f60718293a4b5c6d7e8f90&client_secret=0f1e2d3c4b5a69788796a5b4c3d2e1f0\
                    &grant_type=client_credentials";
        assert_eq!(String::from_utf8(asked.body).unwrap(), body);
    }

    #[test]
    fn the_secret_goes_to_shopify_and_only_where_it_is_needed() {
        let with = |more: (&str, &str)| {
            let mut pairs = APP.to_vec();
            pairs.push(more);
            settings(&pairs)
        };
        assert_eq!(Shopify.ask_token(&with(("token", "shpat_0f1e2d3c4b5a"))), None);
        for domain in ["lumen-and-oak.example", "lumen-and-oak.myshopify.com.example", "notmyshopify.com", ""] {
            assert_eq!(Shopify.ask_token(&with(("domain", domain))), None, "{domain}");
        }
        assert_eq!(Shopify.ask_token(&with(("client_id", ""))), None);
        assert_eq!(Shopify.ask_token(&with(("signing_key", " , "))), None);
        let words = Shopify.ask_subscriptions(&with(("signing_key", ""))).unwrap_err();
        assert!(words.starts_with("signing_key: "), "{words}");
    }

    /// What the service asks first, to see whether there is anything to get a token for.
    #[test]
    fn without_the_token_yet_every_request_is_made_all_the_same() {
        let of = |settings: &Settings| {
            let plan = Plan::new(Off::Percent(10));
            let at = Time::from_seconds(1_772_359_200);
            let new = NewCode { id: DiscountId::new(7), code: "BACK7".into(), plan, starts_at: at, expires_at: at };
            let mut all: Vec<_> = [
                Shopify.ask_orders(settings, &Wanted::Changed { since: at }, None).unwrap(),
                Shopify.ask_carts(settings, at, None).unwrap(),
                Shopify.ask_subscriptions(settings).unwrap(),
                Shopify.make_code(settings, &new).unwrap(),
                Shopify.find_code(settings, "BACK7"),
                Shopify.remove_code(settings, "gid://shopify/DiscountCodeNode/7"),
            ]
            .into_iter()
            .flatten()
            .collect();
            all.extend(
                Shopify
                    .subscribe(settings, "https://cb.example/hook/shop/abc")
                    .unwrap()
                    .into_iter()
                    .map(|it| it.request),
            );
            all
        };
        let sent = |request: &Request| {
            request.headers.iter().find(|(name, _)| name == "x-shopify-access-token").map(|(_, value)| value.clone())
        };
        let (yet, then) = (of(&settings(&APP)), of(&settings(&APP).with(TOKEN, "the-token-of-a-day")));
        assert_eq!((yet.len(), then.len()), (16, 16));
        assert!(yet.iter().all(|request| sent(request).is_none()));
        assert!(then.iter().all(|request| sent(request).as_deref() == Some("the-token-of-a-day")));
        assert!(of(&settings(&APP[..2])).is_empty());
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: Result<(&str, u64), &str>) {
            let answer = Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() };
            match (Shopify.token(&answer), expected) {
                (Ok(token), Ok((value, lasts))) => {
                    assert_eq!((token.value.as_str(), token.lasts.as_secs()), (value, lasts))
                }
                (Err(NotPulled::Refused(words)), Err(part)) => assert!(words.contains(part), "{words}"),
                (Err(NotPulled::Later { why, .. }), Err(part)) => {
                    assert!(format!("later: {why}").contains(part), "{why}")
                }
                (found, _) => panic!("{status} {body}: {:?}", found.map(|token| token.lasts)),
            }
        }
        check(200, r#"{"access_token":"f8a1","scope":"read_orders","expires_in":86399}"#, Ok(("f8a1", 86_399)));
        check(200, r#"{"access_token":"f8a1","expires_in":"300"}"#, Ok(("f8a1", 300)));
        check(200, r#"{"access_token":"f8a1"}"#, Ok(("f8a1", 3_600)));
        check(200, r#"{"access_token":"f8a1","expires_in":-1}"#, Ok(("f8a1", 3_600)));
        for odd in ["", "<html>", "[]", r#"{"access_token":null}"#, r#"{"access_token":"a b"}"#] {
            check(200, odd, Err("later: Shopify's answer holds no token"));
        }
        let page = "<html><body>Oauth error shop_not_permitted: Client credentials cannot be performed</body></html>";
        check(400, page, Err("same organisation"));
        check(400, r#"{"error":"app_not_installed"}"#, Err("install it from the Dev Dashboard"));
        check(
            400,
            r#"{"error":"invalid_client","error_description":"secret s3cret"}"#,
            Err("Client ID and client secret"),
        );
        check(400, "Oauth error application_cannot_be_found", Err("does not know this app"));
        check(400, "", Err("answered 400"));
        check(401, "", Err("does not know this app"));
        check(404, "", Err("no shop at this domain"));
        check(302, "", Err("elsewhere"));
        check(429, "", Err("later: Shopify wants fewer calls"));
        check(503, "", Err("later: Shopify answered 503"));
    }
}
