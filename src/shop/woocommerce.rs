//! WooCommerce. Two senders share one connection: WooCommerce itself tells of orders, signed with the webhook's secret,
//! and our plugin (`assets/woocommerce`) tells of checkouts in our own event format, signed with the plugin's. Decides
//! who signed a delivery and what an order's status means; never trusts a header beyond choosing how to read the body.
//!
//! WooCommerce never retries and names deliveries carelessly (two in one second share an id), so the inbox tells them
//! apart by their bodies. Orders carry no checkout of their own: the plugin writes the checkout's token on them. Without
//! the plugin, an order that waits for its payment is the only unfinished checkout there is to see.

use serde_json::Value;

use super::{
    Approval, Approved, Found, Made, Rehearsed, Removed, Shop, Subscription, generic, hosts, json,
    pull::{NotPulled, Page, Wanted},
    standard_webhooks,
};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    discount::{NewCode, TakenOff},
    event::{CartUpdate, Channel, Identity, Item, OrderUpdate, Refund, ShopEvent, ShopFacts},
    facet,
    money::{Currency, Money},
    rehearsal::{Act, Visit},
    time::Time,
};
use crate::http::{Request, Response};

mod approval;
mod coupon;
mod link;
mod pull;
mod rehearsal;
mod signature;
mod subscribe;

pub struct WooCommerce;

static SPEC: Spec = Spec {
    kind: "woocommerce",
    name: "WooCommerce",
    fields: &[
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead: shop.example. With commas between them if there are several.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "webhook_secret",
            label: "Webhook secret",
            help: "What stands in the field Secret of the webhooks in WooCommerce. Letters and digits are safest: \
                   WordPress rewrites < > & and quotes.",
            secret: true,
            required: true,
            check: signature::check_secret,
            ..Field::TEXT
        },
        Field {
            key: "plugin_secret",
            label: "Plugin secret",
            help: "whsec_…, the same here and in the Cartback plugin. Without the plugin: leave empty.",
            secret: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "key",
            label: "REST API key",
            help: "ck_…, with the permission Read/Write. Lets us make the webhooks and single-use coupons, and fetch \
                   orders that no webhook told of.",
            secret: true,
            check: |value| if value.starts_with("ck_") { Ok(()) } else { Err("start with ck_") },
            ..Field::TEXT
        },
        Field {
            key: "secret",
            label: "REST API secret",
            help: "cs_…, shown once beside the key.",
            secret: true,
            check: |value| if value.starts_with("cs_") { Ok(()) } else { Err("start with cs_") },
            ..Field::TEXT
        },
    ],
    connect: &[
        "With keys, typed or given by approving, the next two steps are not needed: Cartback makes the webhooks itself.",
        "In WordPress, open WooCommerce > Settings > Advanced > Webhooks and add four: Order created, Order updated, \
         Order deleted, Order restored.",
        "Each with status Active, delivery URL {url}, the same secret as here, and API version WP REST API \
         Integration v3.",
        "For reminders of carts, copy the folder assets/woocommerce of Cartback's source to wp-content/plugins/cartback, \
         activate the plugin, open WooCommerce > Cartback and paste {url} and the plugin secret.",
        "Press \"Send a test to Cartback\" there: it appears here as a test that arrived.",
    ],
    topics: &[
        Topic { name: "order.created", label: "Order created", purpose: "orders", needed: true },
        Topic { name: "order.updated", label: "Order updated", purpose: "orders and refunds", needed: true },
        Topic { name: "order.deleted", label: "Order deleted", purpose: "orders that are gone", needed: false },
        Topic { name: "order.restored", label: "Order restored", purpose: "orders", needed: false },
        Topic {
            name: "checkout.updated",
            label: "Plugin Cartback for WooCommerce",
            purpose: "carts, phone and consent",
            needed: true,
        },
    ],
    limits: &[
        "Without the plugin only orders that wait for their payment are seen as carts; with it, carts whose shopper \
         ticked its box are.",
        "The plugin's box is there in the classic checkout, and in the Blocks checkout from WooCommerce 8.9 on.",
        "WooCommerce and the plugin send when the site is visited: on a quiet shop, let the system's cron call \
         wp-cron.php every minute.",
        "WooCommerce sends each webhook once: with a REST API key, orders that were missed are fetched.",
        "Inside your own network Cartback is reached by a name or an IPv4 address; without the plugin WordPress calls \
         no private address, and no port but 80, 443 and 8080.",
        "While the plugin is switched off, its restore links work from WooCommerce 10 on, and only with pretty \
         permalinks.",
        "Lines that other plugins extend (engravings, bundles) come back as the plain product.",
        "WooCommerce never sends a webhook twice, waits for visitors before it sends one, and switches webhooks off after a \
         few that were not taken; so orders are also fetched by the clock, which needs the REST API key.",
        "Without the plugin, only orders that wait for their payment can be reminded of, and their consent is not known.",
        "WooCommerce marks no test orders: what is bought with a payment method in test mode counts.",
    ],
};

impl Shop for WooCommerce {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        if signature::is_ping(delivery) {
            return Ok(Accepted::Ping);
        }
        match Sender::of(delivery) {
            Sender::Plugin => {
                let key = standard_webhooks::verify(settings.list("plugin_secret"), delivery)?;
                let body = json::object(delivery).unwrap_or_default();
                let topic = json::whole(&body, "type", TOPIC_CHARS_MAX).unwrap_or_else(|| "unreadable".into());
                Ok(Accepted::Keep { topic, key })
            }
            Sender::WooCommerce => {
                signature::verify(settings.get("webhook_secret"), delivery)?;
                let header =
                    |name| delivery.header(name).filter(|value| value.len() <= TOPIC_CHARS_MAX).unwrap_or_default();
                let (topic, key) = (header("x-wc-webhook-topic"), header("x-wc-webhook-delivery-id"));
                Ok(Accepted::Keep { topic: topic.to_owned(), key: key.to_owned() })
            }
        }
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        match (Sender::of(delivery), topic) {
            (Sender::Plugin, _) => generic::Generic.read(shop, topic, delivery),
            (Sender::WooCommerce, "order.created" | "order.updated" | "order.restored") => {
                let body = json::object(delivery)?;
                Ok(Order::of(&body, delivery.received_at)?.events())
            }
            (Sender::WooCommerce, "order.deleted") => {
                // Deleting tidies a list: it gives no money back, so the order and its credits stay. Nobody can pay it
                // any more, though.
                let token = waiting_token(&order_id(&json::object(delivery)?)?);
                Ok(vec![ShopEvent::CartDeleted { token, at: delivery.received_at }])
            }
            (Sender::WooCommerce, _) => Ok(Vec::new()),
        }
    }

    /// For the plugin's restore link and WooCommerce's checkout link; its payment page ignores it.
    fn discount_query(&self, code: &str) -> Option<(&'static str, String)> {
        Some(("coupon", code.to_owned()))
    }

    fn make_code(&self, settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
        coupon::make(settings, new)
    }

    fn made_code(&self, answer: &Response) -> Made {
        coupon::made(answer)
    }

    fn find_code(&self, settings: &Settings, code: &str) -> Option<Request> {
        coupon::find(settings, code)
    }

    fn found_code(&self, answer: &Response, note: &str) -> Found {
        coupon::found(answer, note)
    }

    fn remove_code(&self, settings: &Settings, id: &str) -> Option<Request> {
        coupon::remove(settings, id)
    }

    fn removed_code(&self, answer: &Response) -> Removed {
        coupon::removed(answer)
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        pull::ask(settings, wanted, cursor)
    }

    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let host = super::hosts::read(settings.get("site")).into_iter().next()?;
        // Also where orders have tables of their own: WordPress leads on from there.
        super::pull::is_id(external_id)
            .then(|| format!("https://{host}/wp-admin/post.php?post={external_id}&action=edit"))
    }

    fn orders(&self, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::told(answer, cursor)
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Posted(rehearsal::delivery(settings, visit, act, at))
    }

    fn approval_url(&self, settings: &Settings, approval: &Approval) -> Result<Option<String>, String> {
        approval::url(settings, approval)
    }

    fn approved(&self, settings: &Settings, body: &[u8], drawn: [u8; 32]) -> Result<Option<Approved>, String> {
        approval::read(settings, body, drawn).map(Some)
    }

    fn subscribe(&self, settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
        subscribe::requests(settings, webhook_url)
    }

    fn doubles_subscriptions(&self) -> bool {
        true
    }

    fn ask_subscriptions(&self, settings: &Settings) -> Result<Option<Request>, String> {
        Ok(subscribe::ask(settings))
    }

    fn subscriptions(&self, answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
        subscribe::told(answer, webhook_url)
    }

    fn wake_subscriptions(&self, settings: &Settings, answer: &Response, webhook_url: &str) -> Vec<Subscription> {
        subscribe::wake(settings, answer, webhook_url)
    }

    fn loses_webhooks(&self) -> bool {
        true
    }

    fn subscribed(&self, answer: &Response) -> Result<(), String> {
        subscribe::answer(answer)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        super::hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        super::hosts::read(settings.get("site")).into_iter().next()
    }
}

/// Longer than any topic, type or delivery id either sender makes.
const TOPIC_CHARS_MAX: usize = 100;

/// Who says to have sent a delivery. `verify` and `read` must agree, so both ask here.
enum Sender {
    WooCommerce,
    Plugin,
}

impl Sender {
    fn of(delivery: &Delivery) -> Sender {
        let sent = |wanted: &str| delivery.headers.iter().any(|(name, _)| name == wanted);
        if sent("webhook-signature") && !sent("x-wc-webhook-signature") { Sender::Plugin } else { Sender::WooCommerce }
    }
}

/// What an order's status says about buying.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The payment page is still open: `pending`, `failed`.
    Waiting,
    /// A checkout that never was an order.
    Draft,
    Bought,
    Cancelled,
}

impl Stage {
    fn of(status: &str) -> Stage {
        match status.strip_prefix("wc-").unwrap_or(status) {
            "pending" | "failed" => Stage::Waiting,
            "checkout-draft" | "auto-draft" | "draft" => Stage::Draft,
            "cancelled" | "trash" => Stage::Cancelled,
            // on-hold, processing, completed, refunded, and whatever a shop adds for its packing and posting.
            _ => Stage::Bought,
        }
    }
}

/// One order's body and what every event about it needs.
struct Order<'a> {
    body: &'a Value,
    id: String,
    currency: Currency,
    total: Money,
    stage: Stage,
    updated_at: Time,
}

impl<'a> Order<'a> {
    fn of(body: &'a Value, received_at: Time) -> Result<Order<'a>, Unreadable> {
        let id = order_id(body)?;
        let currency = json::currency(body, "currency")
            .ok_or_else(|| Unreadable::new("currency is missing or not an ISO 4217 code"))?;
        let total =
            json::money(body, "total", currency).ok_or_else(|| Unreadable::new("total is missing or not an amount"))?;
        let status = json::text(body, "status").ok_or_else(|| Unreadable::new("status is missing"))?;
        // `date_*` without `_gmt` is the site's own time in a zone nobody tells.
        let updated_at = json::time(body, "date_modified_gmt").unwrap_or(received_at);
        Ok(Order { body, id, currency, total, stage: Stage::of(&status), updated_at })
    }

    fn events(&self) -> Vec<ShopEvent> {
        let mut events = vec![ShopEvent::Order(Box::new(self.order()))];
        if self.made_at_checkout() && self.plugin_token().is_none() {
            match (self.stage, json::url(self.body, "payment_url").or_else(|| link::of(self.body))) {
                (Stage::Waiting, Some(url)) => events.push(ShopEvent::Cart(Box::new(self.waiting_cart(url)))),
                (Stage::Cancelled, _) => {
                    let token = waiting_token(&self.id);
                    events.push(ShopEvent::CartDeleted { token, at: self.updated_at });
                }
                _ => {}
            }
        }
        events
    }

    fn order(&self) -> OrderUpdate {
        let placed_at = self.placed_at();
        // Only once it is bought: an order must not close the cart that waits for its payment.
        let waiting = placed_at.map(|_| waiting_token(&self.id));
        OrderUpdate {
            external_id: self.id.clone(),
            number: json::text(self.body, "number").unwrap_or_else(|| self.id.clone()),
            who: self.who(),
            cart_tokens: self.plugin_token().into_iter().chain(waiting).collect(),
            recovery_tokens: self.recovery_tokens(),
            codes: json::list(self.body, "coupon_lines")
                .iter()
                .filter_map(|line| json::whole(line, "code", json::ID_CHARS_MAX))
                .collect(),
            discounts: json::list(self.body, "coupon_lines").iter().filter_map(|line| self.discount(line)).collect(),
            total: self.total,
            placed_at,
            updated_at: self.updated_at,
            cancelled_at: (self.stage == Stage::Cancelled).then_some(self.updated_at),
            refunds: self.refunds(),
            channel: self.channel(),
            // The title is what people call it; the id stays the same when the shop renames it, but says less.
            payment: ["payment_method_title", "payment_method"]
                .iter()
                .find_map(|key| json::text(self.body, key))
                .map(|title| facet::word(&title)),
            cost: self.cost(),
            test: false,
        }
    }

    /// What its goods cost, where the shop keeps that (WooCommerce's own feature, off unless it is switched on).
    fn cost(&self) -> Option<Money> {
        let told = json::at(self.body, "cost_of_goods_sold");
        json::money(told, "total_value", self.currency).filter(|cost| cost.minor >= 0)
    }

    /// What a coupon took off, its tax with it: WooCommerce tells the two apart however prices are shown.
    fn discount(&self, line: &Value) -> Option<TakenOff> {
        let money = |key| json::money(line, key, self.currency).filter(|money| money.minor >= 0);
        let (net, tax) = (money("discount")?, money("discount_tax").map_or(0, |tax| tax.minor));
        let amount = Money::new(net.minor.saturating_add(tax), self.currency);
        Some(TakenOff { code: json::whole(line, "code", json::ID_CHARS_MAX)?, amount })
    }

    /// When it was bought. Paying later than ordering is buying later, unless it is paid on delivery or by transfer:
    /// there the shop notes the payment days after the shopper decided.
    fn placed_at(&self) -> Option<Time> {
        let created_at = json::time(self.body, "date_created_gmt").unwrap_or(self.updated_at);
        let paid_at = json::time(self.body, "date_paid_gmt").map(|paid_at| paid_at.max(created_at));
        let by_hand = matches!(json::text(self.body, "payment_method").as_deref(), Some("cod" | "bacs" | "cheque"));
        match self.stage {
            Stage::Waiting | Stage::Draft => None,
            // A payment that never came is cancelled after an hour: that was never bought.
            Stage::Cancelled if paid_at.is_none() && !by_hand => None,
            Stage::Cancelled | Stage::Bought if by_hand => Some(created_at),
            Stage::Cancelled | Stage::Bought => paid_at.or(Some(created_at)),
        }
    }

    /// Negative in an order's body. It carries no dates, so a refund is as old as the news of it.
    fn refunds(&self) -> Vec<Refund> {
        let refunds = json::list(self.body, "refunds").iter();
        refunds
            .filter_map(|refund| {
                let minor =
                    json::money(refund, "total", self.currency)?.minor.checked_abs().filter(|&minor| minor > 0)?;
                let amount = Money::new(minor, self.currency);
                Some(Refund { external_id: json::id_not_zero(refund, "id")?, amount, at: self.updated_at })
            })
            .collect()
    }

    /// The shop's own unfinished checkout, when no plugin tells of a better one. Consent is not known from an order.
    fn waiting_cart(&self, recovery_url: String) -> CartUpdate {
        CartUpdate {
            token: waiting_token(&self.id),
            cart_token: None,
            who: self.who(),
            first_name: json::text(self.body, "billing.first_name"),
            country: json::country(self.body, "billing.country"),
            region: self.region(),
            zone: None,
            language: None,
            total: Some(self.total),
            items: json::list(self.body, "line_items").iter().filter_map(|line| self.item(line)).collect(),
            recovery_url: Some(recovery_url),
            consent: None,
            started_at: json::time(self.body, "date_created_gmt"),
            updated_at: self.updated_at,
            completed_at: None,
            browser_ip: json::text(self.body, "customer_ip_address"),
            // Made by the press of a button, and paid or not a second later.
            written_at_once: true,
            channel: Channel::Web,
            tags: Vec::new(),
            // Noted since 8.5: where the visit that led to the order began.
            source: self.note("_wc_order_attribution_utm_source"),
            test: false,
        }
    }

    fn item(&self, line: &Value) -> Option<Item> {
        Some(Item {
            title: json::text(line, "name")?,
            quantity: json::quantity(line, "quantity").unwrap_or(1),
            price: json::money(line, "price", self.currency),
        })
    }

    fn who(&self) -> Identity {
        let billing = json::country(self.body, "billing.country");
        let shipping = json::country(self.body, "shipping.country").or_else(|| billing.clone());
        Identity {
            customer: json::id_not_zero(self.body, "customer_id"),
            email: json::text(self.body, "billing.email"),
            phones: json::phones([
                json::phone(self.body, "billing.phone", billing),
                json::phone(self.body, "shipping.phone", shipping),
            ]),
        }
    }

    /// Some countries' states are written with the country before them (`JP13`).
    fn region(&self) -> Option<String> {
        let country = json::country(self.body, "billing.country")?;
        let state = json::text(self.body, "billing.state")?.to_uppercase();
        let bare = state.strip_prefix(&country).map_or(state.as_str(), |rest| rest.trim_start_matches('-'));
        let bare = if bare.is_empty() { state.as_str() } else { bare };
        (bare.len() <= 3 && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| bare.to_owned())
    }

    fn channel(&self) -> Channel {
        match json::text(self.body, "created_via").as_deref() {
            // A renewal nobody clicked for counts with what other systems type in.
            Some("admin" | "rest-api" | "subscription") => Channel::Staff,
            Some(via) if via.starts_with("pos") => Channel::PointOfSale,
            _ => Channel::Web,
        }
    }

    /// Somebody sat before WooCommerce's own checkout, so its payment page is theirs to finish.
    fn made_at_checkout(&self) -> bool {
        matches!(json::text(self.body, "created_via").as_deref(), Some("checkout" | "store-api"))
    }

    fn plugin_token(&self) -> Option<String> {
        self.note("_cartback_token")
    }

    /// As the plugin wrote it down, or from the page the visit began with, which WooCommerce notes since 8.5.
    fn recovery_tokens(&self) -> Vec<String> {
        let landing = self.note("_wc_order_attribution_session_entry").unwrap_or_default();
        let mut tokens: Vec<_> = self.note("_cartback_recovery").into_iter().collect();
        tokens.extend(json::query_values(&landing, "cartback"));
        tokens.dedup();
        tokens
    }

    /// The text that a plugin wrote on the order under this key.
    fn note(&self, key: &str) -> Option<String> {
        let notes = json::list(self.body, "meta_data").iter();
        notes
            .filter(|note| json::at(note, "key").as_str() == Some(key))
            .find_map(|note| json::whole(note, "value", json::URL_CHARS_MAX))
    }
}

/// The name of the cart that an order waiting for its payment is.
fn waiting_token(order: &str) -> String {
    format!("order-{order}")
}

fn order_id(body: &Value) -> Result<String, Unreadable> {
    if json::at(body, "order").is_object() {
        return Err(Unreadable::new(
            "the body is in WooCommerce's old format: re-create the webhook with API version wp_api_v3 (shown as \
             \"WP REST API Integration v3\")",
        ));
    }
    json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))
}

#[cfg(test)]
mod tests;
