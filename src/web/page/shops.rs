//! Shops: whether each is connected, and one shop's page: what to paste where, what it sends, how it is set.

use actix_web::{HttpRequest, HttpResponse};
use url::{Host, Url};

use super::{Visit, health, show};
use crate::{
    domain::{
        hours,
        time::{DAY, Time},
    },
    pipeline::{connect, zone_of},
    shop,
    store::{self, Error, Read, shop::Shop as Stored},
    web::{
        problem::Problem,
        view::{
            Section,
            shop::{Connection, Failure, Sending, Setting, Shop, ShopRow, Shops},
            words::{noted, say, t},
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Shops).await?;
    let mut read = visit.read().await?;
    let mut rows = Vec::new();
    for shop in &visit.shops {
        rows.push(ShopRow {
            id: shop.id.to_string(),
            name: shop.name.clone(),
            kind: kind_name(shop),
            sending: sending(shop),
            connection: connection(&mut read, shop, visit.page.now).await?,
        });
    }
    let kinds = shop::ALL.iter().map(|kind| t(kind.spec().name).to_owned()).collect();
    show(&Shops { rows, kinds, page: visit.page.clone() })
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let connected = connect::shown(visit.core(), shop.id, None).await?.ok_or(Problem::NotFound)?;
    let arrivals = super::connect::arrivals(&visit, shop).await?;
    let mut read = visit.read().await?;
    let connection = connection(&mut read, shop, visit.page.now).await?;
    let self_test = health::newest_run(&mut read, shop, visit.page.now).await?;
    drop(read);
    show(&Shop {
        id: shop.id.to_string(),
        name: shop.name.clone(),
        kind: kind_name(shop),
        sending: sending(shop),
        health: health::of(&visit, shop, &connection, &arrivals, self_test.as_ref()).await?,
        connection,
        webhook_url: connected.webhook_url,
        arrivals,
        settings: settings(shop),
        self_test,
        page: visit.page.clone(),
    })
}

fn sending(shop: &Stored) -> Sending {
    if shop.uninstalled_at.is_some() {
        Sending::Disconnected
    } else if shop.waits_to_go_live() {
        Sending::SettingUp
    } else if shop.paused_at.is_some() {
        Sending::Paused
    } else {
        Sending::Live
    }
}

fn kind_name(shop: &Stored) -> String {
    t(shop::by_kind(&shop.kind).map_or(shop.kind.as_str(), |kind| kind.spec().name)).to_owned()
}

/// Over which past a shop's usual pace is taken.
const PACE_DAYS: u32 = 7;
const HOURS_A_DAY: u64 = 24;

/// What the inbox and the refusals say of a shop.
pub async fn connection(read: &mut Read, shop: &Stored, now: Time) -> Result<Connection, Error> {
    let arrivals = store::inbox::topics(read, shop.id, Time::FIRST).await?;
    let week = store::inbox::topics(read, shop.id, now - DAY * PACE_DAYS).await?;
    let today = store::inbox::topics(read, shop.id, start_of_today(shop, now)).await?;
    let count = |topics: &[(String, Time, u64)]| topics.iter().map(|(.., count)| count).sum::<u64>();
    let found = store::connection::of(read, shop.id, None).await?;
    let failing = found.filter(|found| found.refused_at.is_some_and(|at| now.since(at) < DAY));
    Ok(Connection {
        last_webhook_at: arrivals.iter().map(|&(_, at, _)| at).max(),
        webhooks_today: count(&today),
        usual_per_hour: Some(count(&week) / (u64::from(PACE_DAYS) * HOURS_A_DAY)).filter(|&usual| usual > 0),
        signature_failures: failing.as_ref().map_or(0, |found| found.refused_count),
        last_failure: failing
            .and_then(|found| found.refused_at.map(|at| Failure { at, why: found.refused_why.clone() })),
    })
}

fn start_of_today(shop: &Stored, now: Time) -> Time {
    let zone = zone_of(shop);
    hours::start_of_day(&zone, hours::day_of(&zone, now))
}

/// What a topic is for, as far as its name tells.
pub fn purpose(topic: &str) -> &'static str {
    const KNOWN: [(&str, &str); 8] = [
        ("redact", noted("erasing a person")),
        ("data_request", noted("a person’s questions")),
        ("consent", noted("consent")),
        ("refund", noted("refunds")),
        ("order", noted("orders")),
        ("checkout", noted("carts")),
        ("cart", noted("carts")),
        ("uninstalled", noted("the end of the connection")),
    ];
    KNOWN.iter().find(|(word, _)| topic.contains(word)).map_or(noted("nothing we use"), |(_, purpose)| purpose)
}

/// Secrets as `set` only.
fn settings(shop: &Stored) -> Vec<Setting> {
    let own = [
        (t("Name in texts"), shop.name.as_str()),
        (t("Country"), shop.country.as_str()),
        (t("Currency"), shop.currency.code()),
        (t("Time zone"), shop.zone.as_str()),
    ];
    let own = own.map(|(label, value)| Setting { label: label.to_owned(), value: value.to_owned(), missing: false });
    let state = shop.stopped().map(|why| Setting {
        label: t("Texts").to_owned(),
        value: say("none are sent: {why}", &[("why", &why)]),
        missing: false,
    });
    let fields = shop::by_kind(&shop.kind).map_or(&[][..], |kind| kind.spec().fields);
    let fields = fields.iter().map(|field| {
        let given = shop.settings.given(field.key);
        let shown = match given {
            Some(_) if field.secret => t("set"),
            Some(value) => value,
            None => t("not set"),
        };
        let label = t(field.label).to_owned();
        Setting { label, value: shown.to_owned(), missing: given.is_none() && field.required }
    });
    own.into_iter().chain(state).chain(fields).collect()
}

/// Whether a shop on the internet can call this address: HTTPS and not obviously of this machine or network.
pub fn is_reachable(public_url: &str) -> bool {
    let Ok(url) = Url::parse(public_url) else { return false };
    let public = match url.host() {
        Some(Host::Domain(name)) => name.contains('.') && !name.ends_with(".local") && !name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => !address.is_loopback() && !address.is_private() && !address.is_link_local(),
        Some(Host::Ipv6(address)) => !address.is_loopback() && !address.is_unique_local(),
        None => false,
    };
    url.scheme() == "https" && public
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_a_shop_can_call() {
        #[track_caller]
        fn check(url: &str, expected: bool) {
            assert_eq!(is_reachable(url), expected, "{url}");
        }
        check("https://sms.example.com", true);
        check("http://sms.example.com", false);
        check("https://localhost:8080", false);
        check("https://192.168.1.5", false);
        check("https://203.0.113.9", true);
        check("https://[::1]", false);
        check("https://box.local", false);
        check("nonsense", false);
    }

    #[test]
    fn topics_say_what_they_are_for() {
        assert_eq!(purpose("checkouts/update"), "carts");
        assert_eq!(purpose("customers/redact"), "erasing a person");
        assert_eq!(purpose("products/update"), "nothing we use");
    }
}
