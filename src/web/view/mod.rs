//! Pages as values: one struct per page, filled by a handler from the store, rendered by the template of the same name.
//! A view decides wording and order; it never reads the database, the clock or a request, and never sums.
//!
//! # Where things live
//!
//! | path | page | also accepts |
//! |---|---|---|
//! | `/` | [`overview`] | |
//! | `/carts` | [`cart::Carts`] | a list; `state` = a [`cart::Filter`], `q` = sealed (`POST /carts/find` of a whole phone, e-mail, order number, customer or checkout id), `country`, `language`, `worth_from`, `worth_to`, `currency`, `sequence`, `step`, `phone`, `consent`; `sort` = `worth` |
//! | `/carts/{cart_…}` | [`cart::Cart`] | `#msg_…` jumps to a text |
//! | `/carts/{cart_…}/send-now`, `…/dismiss` | [`hand::CartAsk`] | `POST` does it; `POST …/hold`, `…/release` |
//! | `/messages` | [`message::Messages`] | a list; `state` = a [`message::Filter`], `purpose`, `step`, `gateway`, `country`, `currency`; `sort` = `cost` |
//! | `/messages/{msg_…}` | [`hand::Message`] | `POST …/settle` with `how`, `sure` |
//! | `/orders` | [`orders::Orders`] | a list; `state` = an [`orders::Filter`], `worth_from`, `worth_to`, `currency`, `step`; `sort` = `worth` |
//! | `/people` | [`people::People`] | a list; `show` = `consents`; `POST /people/load` with `what`, `sheet` |
//! | `/messages/{msg_…}/proof` | [`proof::ProofPage`], `…/proof.json` the same as JSON | |
//! | `/person` | [`person::Person`] | `who` = sealed (`POST /person/find` of `phone`, `email`, `customer`), `request` = a `req_…`, `cart`; `POST /person/export`, `…/erase`, `…/{req_…}/answered` |
//! | `/sequences` | [`sequences::Sequences`] | `POST` with `preset` adds one; `POST /sequences/{id}/on`, `…/off`, `…/remove`, `…/move` with `to` |
//! | `/sequences/{id}` | [`sequences::Sequence`] | `POST` saves every field |
//! | `/texts` | [`texts::Texts`] | |
//! | `/texts/{sequence}/{step}` | [`texts::Editor`] | `language` = a BCP 47 tag, "" for every other; `POST` with `act` = `save`, `preview`, `plain`, `ready`, `test`; `POST …/preview` answers the preview alone |
//! | `/replies` | [`replies::Replies`] | `after`; `POST /replies/{rep_…}/settle` with `how` |
//! | `/phones/{hash}` | [`ledger::Ledger`] | `POST …/opt-out` with `why` |
//! | `/orders/{ord_…}` | [`order::Order`] | `POST …/credit` with `to` = a `msg_…`, `none` or `rules`, and `reason` |
//! | `/report` | [`report::Report`] | `days` = 1, 7, 30, 90 or `from` and `to`; `compare=no`; `heat` = taps, texts, orders; `/report/{table}.csv` the same as CSV |
//! | `/earned` | [`earned::Earned`] | `run` = an earlier comparison; `POST` with `percent` |
//! | `/ledger`, `/ledger/{line}` | [`net_ledger::NetLedger`], [`net_ledger::NetLedgerRows`] | `days` or `from` and `to`; `currency`; `/ledger.csv` the same as CSV; `POST /ledger/settings` with `report_in`, `goods`; `POST /ledger/rates`, `/ledger/spend` with one or with `sheet`, `…/remove` |
//! | `/calls` | [`call::Calls`] | `POST /calls/numbers` with `number`, `answers`, `sequence`; `…/{tel_…}/remove`; `POST /calls/settings` |
//! | `/dry-run` | [`dry_run::DryRun`] | `history` days, `delays`, `sequence` |
//! | `/experiments` | [`experiment::Experiments`] | `POST` with `name`, `step`, `goal`, `kind`, `value` begins one; `POST /experiments/{exp_…}/stop`, `…/use` with `arm` |
//! | `/events` | [`event::Events`] | `kind` = a kind of event, `after` |
//! | `/goals`, `/goals/add`, `/goals/{goal_…}`, `…/remove` | [`goal::Goals`], [`goal::GoalPage`], [`goal::GoalRemove`] | `POST /goals` with `preset` adds those of a kind of business, without it one; `POST` saves, removes |
//! | `/funnels`, `/funnels/add`, `/funnels/{fun_…}`, `…/remove` | [`path::Funnels`], [`path::FunnelPage`], [`goal::GoalRemove`] | `POST` adds, saves, removes |
//! | `/attribution` | [`attribution::Attribution`] | `days` or `from` and `to`; `click`, `sent` = hours to try out; `POST /attribution/windows` with both |
//! | `/statement` | [`statement::Statement`] | `month` = `2026-10`, the one before this without; `POST /statement/publish` with `month` |
//! | `/shops`, `/shops/{n}` | [`shop::Shops`], [`shop::Shop`] | `look=subscriptions` asks the platform; `POST /shops/{n}/pause`, `…/resume`, `…/self-test` |
//! | `/connect`, `/connect/new` | [`connect::Platforms`], [`connect::NewShop`] | `kind`, `country`; `POST /connect/new` adds a shop |
//! | `/shops/{n}/set-up` | [`connect::SetUp`] | `step` = a [`connect::Step`]; `POST` with `act` = `keys`, `subscribe`, `gateway`, `preset`, `test`, `live` |
//! | `/shops/{n}/settings`, `…/rules`, `…/disconnect` | [`rules::SettingsPage`], [`rules::RulesPage`], [`rules::Disconnect`] | `POST` saves, disconnects |
//! | `/law`, `/law/{FR or US-FL}` | [`law::Laws`], [`law::Law`] | |
//! | `/gateways`, `/gateways/add`, `/gateways/{gw_…}`, `…/remove` | [`gateway::Gateways`], [`gateway::Add`], [`gateway::Gateway`], [`gateway::Remove`] | `POST` adds, saves, removes; `POST …/pause`, `…/resume`, `…/test` |
//! | `/risk` | [`risk::Risk`] | `POST /risk/{pause}/resume`, `/risk/halt`, `/risk/lift` |
//! | `/inbox` | [`inbox::Inbox`] | a list; `verdict` = an [`inbox::Filter`], `topic`, `from_whom`; `POST /inbox/{dlv_…}/replay`, `POST /inbox/replay` (all of the list), `POST /inbox/replays/{n}/stop` |
//! | `/inbox/{dlv_…}` | [`delivery::Delivery`] | `POST …/fix` with `body` |
//! | `/books/file` | [`books_file::BooksFile`] | `POST` (`multipart/form-data`) with `file`, `fill`, `decimal`, `days`, `zone`, `currency`, `columns` |
//! | `/books` | [`books::Books`] | `POST /books/run`, `/books/fill`, `/books/{n}/stop`, `/books/limits` with `small`, `large`; `POST /books/findings/{find_…}/ignore` with `why`, `…/open` |
//! | `/offline` | [`offline::Offline`] | `within` = 7, 14, 30; `POST /offline/upload` with `file`, `channel`, `order`, `decimal`; `POST /offline/{upl_…}/undo`; `/offline/{upl_…}.csv` its lines |
//! | `/webhooks` | [`webhook::Webhooks`], `/webhooks/schema.json` the shape of every event | `POST` adds an endpoint |
//! | `/webhooks/{sink_…}` | [`webhook::Webhook`] | `state` = a [`webhook::Filter`], `after`; `POST` saves; `POST …/rotate`, `…/enable`, `…/disable`, `…/remove`, `…/test`, `…/replay` with `event` or `since` (hours) |
//! | `/platforms/add`, `/platforms/{sink_…}` | [`platform::Platform`] | `kind`; `POST` connects or changes one |
//! | `/tokens` | [`tokens::Tokens`] | `POST` makes one, which stands in the answer and nowhere else; `POST /tokens/revoke` with `name` |
//! | `/api` | [`reference::Reference`] | `about` = a noun of the API |
//! | `/sign-in`, `/sign-in/{token}` | [`sign_in::SignIn`] | `POST /sign-in` with `email`, `password`, `code`; `POST /sign-in/{token}`, `POST /sign-out` |
//! | `/sign-in/second` | [`sign_in::SignInSecond`] | `POST` with `code` |
//! | `/again` | [`again::Again`] | `to` = where it leads; `POST` with `again_password` or `again_code` |
//! | `/welcome` | [`welcome::Welcome`] | `POST` with `name`, `email`, `password` |
//! | `/account` | [`account::Account`] | `POST` with `name`, `language`; `POST /account/password` with `old`, `new`; `POST /account/sessions/end` with `session` |
//! | `/account/second` | [`second::SetUp`] | `POST /account/second/begin`; `POST` with `code` answers [`second::Codes`], as does `POST …/codes`; `POST …/off` with `password`, `code` |
//! | `/digest` | [`digest::Digest`] | `POST` with `rhythm`, `schedule`; `POST /digest/send` sends one at once |
//! | `/digest/stop/{token}` | [`digest::Stop`] | `POST` ends it |
//! | `/team` | [`team::Team`] | `POST` with `email`, `name`, `role`, `reach`, `shop` (repeated) invites |
//! | `/team/{usr_…}` | [`team::Member`] | `POST` with `role`, `reach`, `shop`; `POST …/link`, `…/reset-second`; `POST /team/second` with `need`; [`team::Remove`] at `…/remove`, whose `POST` removes |
//! | `/audit` | [`trail::Trail`] | `person` = a `usr_…`, `act`, `of` = a shop, `after`; `POST` with `days`; `/audit.csv` the same as CSV |
//! | `/o/{token}` | [`public::OptOut`] | `POST` opts out |
//! | `/r/{token}` | [`public::LinkGone`], when the link no longer leads anywhere | |
//! | `/demo/phone` | [`demo::Phone`] | `phone`; `POST /demo/phone` with `phone`, `text` replies |
//! | `/demo/checkout/{token}` | [`demo::Checkout`] | `POST` places the order |
//! | `/demo/skip` | | `POST` with `minutes` moves the demo's clock |
//! | `/assets/…` | css, js, icon | |
//!
//! A list ([`listing`]) also accepts `from`, `to` or `day` (the shop's own days), `after` and `before` (cursors); with `.csv`
//! at its path it is a sheet.
//!
//! Every signed-in page accepts `shop` (a number) and `days` (7, 30 or 90). A form that changes anything carries `csrf`.
//!
//! # How to add a page
//! Write `view/x.rs` with the struct and its `answer()`, `templates/page/x.html` extending `layout.html`, rich and empty
//! samples in `sample.rs`. The first line of a page answers its question in one sentence with a number.

pub mod words;
mod section;
pub mod format;
mod counted;
mod locale;
mod hours;
mod figure;
pub mod chart;
pub mod takings;
pub mod funnel;
pub mod need;
pub mod overview;
pub mod listing;
pub mod cart;
pub mod hand;
pub mod message;
pub mod person;
pub mod proof;
pub mod sequences;
pub mod texts;
pub mod order;
pub mod orders;
pub mod people;
pub mod delivery;
pub mod report;
pub mod earned;
pub mod net_ledger;
pub mod experiment;
pub mod dry_run;
pub mod attribution;
pub mod event;
pub mod goal;
pub mod path;
pub mod statement;
pub mod law;
pub mod shop;
pub mod connect;
pub mod form;
pub mod health;
pub mod rules;
pub mod gateway;
pub mod risk;
pub mod inbox;
pub mod books;
pub mod books_file;
pub mod offline;
pub mod call;
pub mod webhook;
pub mod platform;
pub mod tokens;
pub mod reference;
pub mod replies;
pub mod ledger;
pub mod sign_in;
pub mod second;
pub mod again;
pub mod welcome;
pub mod account;
pub mod digest;
pub mod letter;
pub mod notice;
pub mod silence;
pub mod team;
pub mod trail;
pub mod public;
pub mod demo;
pub mod error;
#[cfg(test)]
mod sample;

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::{civil::Date, tz::TimeZone};

use crate::domain::time::Time;
pub use section::{Group, Section};
use words::{say, t};

/// What frames every signed-in page.
#[derive(Clone, Debug)]
pub struct Page {
    pub section: Section,
    /// Every shop this person may see, by name.
    pub shops: Vec<ShopChoice>,
    /// The chosen one; `None` only while there is none.
    pub shop: Option<ShopChoice>,
    pub days: Days,
    /// Whether the period before stands beside it.
    pub compare: bool,
    pub now: Time,
    /// The chosen shop's zone, UTC without one.
    pub zone: TimeZone,
    /// Goes into every form; empty when another defence stands in for it.
    pub csrf: String,
    pub signed_in_as: String,
    /// What the last `POST` did, in a sentence, shown once.
    pub notice: Option<String>,
    pub demo: Option<demo::Bar>,
    /// Whether the visitor may change what is their shops'.
    pub may_manage: bool,
    /// Whether the house is theirs to run.
    pub may_run_house: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopChoice {
    pub id: String,
    pub name: String,
}

/// The period a page's figures are of: the last so many of the shop's own days, today included, or a free range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Days {
    Today,
    Week,
    #[default]
    Month,
    Quarter,
    /// From the first to the last of these days, both counted; never the other way round.
    Between(Date, Date),
}

/// The longest free range, in days: as long as a report may be.
const RANGE_DAYS_MAX: i32 = 731;

impl Days {
    pub const ALL: [Days; 4] = [Days::Today, Days::Week, Days::Month, Days::Quarter];

    /// Anything but 1, 7, 30 and 90 is 30.
    pub fn parse(text: &str) -> Days {
        Days::ALL.into_iter().find(|days| days.number().to_string() == text).unwrap_or_default()
    }

    /// As the query names it. A range that cannot be read is none, one typed backwards is turned round, one too long
    /// ends where it was asked to.
    pub fn asked(days: &str, from: &str, to: &str) -> Days {
        let (Ok(from), Ok(to)) = (from.parse::<Date>(), to.parse::<Date>()) else { return Days::parse(days) };
        let (from, to) = (from.min(to), from.max(to));
        let longest = to.checked_sub(jiff::Span::new().days(RANGE_DAYS_MAX - 1)).unwrap_or(to);
        Days::Between(from.max(longest), to)
    }

    pub fn number(&self) -> u16 {
        match self {
            Days::Today => 1,
            Days::Week => 7,
            Days::Month => 30,
            Days::Quarter => 90,
            Days::Between(from, to) => {
                from.until(*to).ok().and_then(|span| u16::try_from(span.get_days()).ok()).unwrap_or(0) + 1
            }
        }
    }

    /// As a choice: `30 days`.
    pub fn label(&self) -> String {
        match self {
            Days::Today => t("Today").to_owned(),
            days => say("{count} days", &[("count", &days.number())]),
        }
    }

    /// As the end of a sentence: `in the last 30 days`.
    pub fn phrase(&self) -> String {
        match self {
            Days::Today => t("today").to_owned(),
            Days::Between(from, to) if from == to => say("on {day}", &[("day", &format::date_year(*from))]),
            Days::Between(from, to) => {
                say("from {from} to {to}", &[("from", &format::date_year(*from)), ("to", &format::date_year(*to))])
            }
            days => say("in the last {count} days", &[("count", &days.number())]),
        }
    }
}

impl Page {
    /// A path of ours that stays with the chosen shop and period.
    pub fn href(&self, path: &str) -> String {
        self.href_for(path, self.shop.as_ref(), self.days)
    }

    /// The page of one object: `page.object("carts", row.id)`.
    pub fn object(&self, kind: &str, id: &str) -> String {
        self.href(&format!("/{kind}/{id}"))
    }

    /// This section for another shop.
    pub fn href_shop(&self, shop: &ShopChoice) -> String {
        self.href_for(self.section.path(), Some(shop), self.days)
    }

    /// This section for another period.
    pub fn href_days(&self, days: &Days) -> String {
        self.href_for(self.section.path(), self.shop.as_ref(), *days)
    }

    fn href_for(&self, path: &str, shop: Option<&ShopChoice>, days: Days) -> String {
        let (path, fragment) = path.split_once('#').map_or((path, None), |(path, fragment)| (path, Some(fragment)));
        let mut href = path.to_owned();
        let mut add = |name: &str, value: &str| {
            href.push(if href.contains('?') { '&' } else { '?' });
            href.push_str(&url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish());
        };
        if let Some(shop) = shop.filter(|_| self.shops.len() > 1) {
            add("shop", &shop.id);
        }
        match days {
            Days::Between(from, to) => {
                add("from", &from.to_string());
                add("to", &to.to_string());
            }
            days if days != Days::default() => add("days", &days.number().to_string()),
            _ => {}
        }
        if !self.compare {
            add("compare", "no");
        }
        if let Some(fragment) = fragment {
            href.push('#');
            href.push_str(fragment);
        }
        href
    }

    /// The first and the last day of the period.
    pub fn span(&self) -> (Date, Date) {
        match self.days {
            Days::Between(from, to) => (from, to),
            days => {
                let today = format::day_of(self.now, &self.zone);
                let back = jiff::Span::new().days(i32::from(days.number()) - 1);
                (today.checked_sub(back).unwrap_or(today), today)
            }
        }
    }

    pub fn first_day(&self) -> String {
        self.span().0.to_string()
    }

    pub fn last_day(&self) -> String {
        self.span().1.to_string()
    }

    /// A list of what a figure of this period counts: the days are named, so that it shows the same ones tomorrow.
    pub fn list(&self, path: &str) -> String {
        let (from, to) = self.span();
        Page { compare: true, ..self.clone() }.href_for(path, self.shop.as_ref(), Days::Between(from, to))
    }

    /// This section with the period before beside it, or without.
    pub fn href_compare(&self) -> String {
        let other = Page { compare: !self.compare, ..self.clone() };
        other.href_for(self.section.path(), self.shop.as_ref(), self.days)
    }

    /// The shop, where a form must name it.
    pub fn shop_field(&self) -> Option<&str> {
        self.shop.as_ref().filter(|_| self.shops.len() > 1).map(|shop| shop.id.as_str())
    }

    pub fn is_range(&self) -> bool {
        matches!(self.days, Days::Between(..))
    }

    pub fn daily(&self) -> &'static [Section] {
        Section::DAILY
    }

    /// Whether a place of the menu is this visitor's to see.
    pub fn leads_to(&self, section: &Section) -> bool {
        match section {
            Section::Team => self.may_run_house,
            Section::Audit => self.may_manage,
            _ => true,
        }
    }

    pub fn groups(&self) -> &'static [Group] {
        Section::GROUPS
    }

    /// Whether the place we are at is in the menu behind the daily ones.
    pub fn is_in_menu(&self) -> bool {
        !Section::DAILY.contains(&self.section)
    }

    /// Words of the frame, in the reader's language.
    pub fn said(&self, text: &str) -> String {
        t(text).to_owned()
    }

    pub fn signed_in(&self) -> String {
        say("Signed in as {name}.", &[("name", &self.signed_in_as)])
    }

    /// The reader's language, for `lang`.
    pub fn language(&self) -> &'static str {
        words::language().tag()
    }

    pub fn periods(&self) -> &'static [Days] {
        if self.section.has_period() { &Days::ALL } else { &[] }
    }

    pub fn is_chosen(&self, shop: &ShopChoice) -> bool {
        self.shop.as_ref() == Some(shop)
    }

    pub fn shop_name(&self) -> &str {
        self.shop.as_ref().map_or_else(|| t("No shop yet"), |shop| &shop.name)
    }

    /// Said once at the foot of a page, so that every time on it may stay short.
    pub fn zone_note(&self) -> String {
        match (&self.shop, self.zone.iana_name()) {
            (Some(shop), Some(zone)) => {
                say("Times are {shop}’s own ({zone}).", &[("shop", &shop.name), ("zone", &zone)])
            }
            _ => t("Times are UTC.").to_owned(),
        }
    }

    pub fn clock(&self, at: &Time) -> TimeTag {
        self.tag(*at, format::clock(*at, &self.zone))
    }

    pub fn ago(&self, at: &Time) -> TimeTag {
        self.tag(*at, format::ago(*at, self.now))
    }

    pub fn moment(&self, at: &Time) -> TimeTag {
        self.tag(*at, format::moment(*at, &self.zone))
    }

    /// `Yesterday, 14:05`
    pub fn day_and_clock(&self, at: &Time) -> TimeTag {
        self.tag(*at, format!("{}, {}", format::day(*at, self.now, &self.zone), format::clock(*at, &self.zone)))
    }

    fn tag(&self, at: Time, shown: String) -> TimeTag {
        TimeTag { at, exact: say("{moment}, shop time", &[("moment", &format::moment(at, &self.zone))]), shown }
    }
}

/// A moment as HTML: short to read, exact on hover and for machines. Made of digits and our own words only, hence safe.
pub struct TimeTag {
    at: Time,
    exact: String,
    shown: String,
}

impl fmt::Display for TimeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}" title="{}">{}</time>"#, self.at, self.exact, self.shown)
    }
}

impl HtmlSafe for TimeTag {}

/// How a state is marked, beside its word: colour alone never says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// What we are here for: bought, delivered, paid.
    Good,
    /// Under way.
    Live,
    /// Nothing to do, nothing lost.
    Quiet,
    /// Somebody should look.
    Bad,
}

impl Tone {
    pub fn class(&self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Live => "live",
            Tone::Quiet => "quiet",
            Tone::Bad => "bad",
        }
    }
}

/// One way to narrow a list, as a link.
#[derive(Clone, Debug)]
pub struct Choice {
    pub label: &'static str,
    pub href: String,
    pub current: bool,
    /// How many rows it shows, where that is cheap to know.
    pub count: Option<u64>,
}

/// The rest of a list: a cursor, not a page number, so that new rows never shift what was read.
#[derive(Clone, Debug, Default)]
pub struct Pager {
    /// True on any page but the first.
    pub has_first: bool,
    /// The cursor of the following page (`after=…`).
    pub next: Option<String>,
}

/// `path?name=value&…` with every value escaped; empty values are left out.
fn query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut serializer = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        serializer.append_pair(name, value);
    }
    match serializer.finish() {
        none if none.is_empty() => path.to_owned(),
        some => format!("{path}?{some}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_with_the_shop_and_the_period() {
        #[track_caller]
        fn check(shops: usize, days: Days, path: &str, expected: &str) {
            let all: Vec<_> =
                (1..=shops).map(|id| ShopChoice { id: id.to_string(), name: format!("Shop {id}") }).collect();
            let page = Page { shop: all.last().cloned(), shops: all, days, ..sample::page(Section::Overview) };
            assert_eq!(page.href(path), expected);
        }
        check(1, Days::Month, "/carts", "/carts");
        check(2, Days::Month, "/carts", "/carts?shop=2");
        check(2, Days::Week, "/carts?state=texted", "/carts?state=texted&shop=2&days=7");
        check(0, Days::Quarter, "/carts/cart_1#msg_2", "/carts/cart_1?days=90#msg_2");
    }

    #[test]
    fn periods_are_read_forgivingly() {
        assert_eq!(Days::parse("7"), Days::Week);
        assert_eq!(Days::parse("90"), Days::Quarter);
        assert_eq!(Days::parse("<script>"), Days::Month);
        let date = jiff::civil::date;
        assert_eq!(Days::asked("7", "2026-11-05", "2026-11-01"), Days::Between(date(2026, 11, 1), date(2026, 11, 5)));
        assert_eq!(Days::asked("7", "2026-11-05", ""), Days::Week);
        assert_eq!(Days::asked("", "0001-01-01", "2026-11-01").number(), 731);
        assert_eq!(Days::asked("", "2026-02-27", "2026-03-01").number(), 3);
    }

    #[test]
    fn what_is_typed_stays_in_its_value() {
        assert_eq!(query("/carts", &[("q", "a&b=c #"), ("state", "")]), "/carts?q=a%26b%3Dc+%23");
        assert_eq!(query("/carts", &[]), "/carts");
    }
}
