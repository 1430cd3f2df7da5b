//! Pages: each file fills one view from the store and nothing else. All of them begin with a `Visit`: who looks, at which
//! shop, over which period. What is not the chosen shop's is not found, exactly as what does not exist.
//!
//! A handler takes its shop from its `Visit` and from nowhere else: a `Visit` knows only the shops within its visitor's
//! reach. `tests/it/tidy.rs` looks for handlers that ask the store for other shops.
//!
//! # How to add a page
//! Write `page/x.rs` with `pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem>`, begin with
//! `Visit::begin` (`Visit::to_change` where it changes something), fill the view of the same name, end with `show`, add
//! its line to `routes` here and say in `web::route` who may ask for it.

pub mod story;
mod facets;
pub mod figures;
pub mod overview;
pub mod listing;
pub mod carts;
pub mod cart;
pub mod cart_acts;
pub mod messages;
pub mod message;
pub mod orders;
pub mod people;
pub mod delivery;
pub mod replies;
pub mod phone;
pub mod person;
pub mod sequences;
pub mod texts;
pub mod order;
pub mod report;
pub mod earned;
pub mod net_ledger;
pub mod experiments;
pub mod dry_run;
pub mod attribution;
pub mod statement;
pub mod events;
pub mod goals;
pub mod funnels;
pub mod shops;
pub mod connect;
pub mod settings;
pub mod health;
pub mod law;
pub mod gateways;
pub mod risk;
pub mod inbox;
pub mod books;
pub mod books_file;
pub mod offline;
pub mod calls;
pub mod webhooks;
pub mod platforms;
pub mod tokens;
pub mod reference;
pub mod sign_in;
pub mod welcome;
pub mod account;
pub mod second;
pub mod search;
pub mod again;
pub mod digest;
pub mod team;
pub mod trail;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, ServiceConfig},
};
use askama::Template;
use jiff::tz::TimeZone;

use super::{
    State, gate, get, only,
    problem::Problem,
    session::{self, Visitor},
    view::{Days, Page, Section, ShopChoice, words::t},
};
use crate::{
    domain::{id::ShopId, seal::ShopKeys},
    pipeline::{Core, zone_of},
    store::{self, Read, shop::Shop},
};

pub fn routes(config: &mut ServiceConfig) {
    let page =
        |path: &str, route: actix_web::Route| web::resource(path).route(route).default_service(only("GET, HEAD"));
    let act = |path: &str, route: actix_web::Route| web::resource(path).route(route).default_service(only("POST"));
    let both = |path: &str, get: actix_web::Route, post: actix_web::Route| {
        web::resource(path).route(get).route(post).default_service(only("GET, HEAD, POST"))
    };
    // A form that holds a list or a whole body.
    let long = |path: &str, route: actix_web::Route| {
        web::resource(path)
            .app_data(web::FormConfig::default().limit(FORM_BYTES_MAX))
            .route(route)
            .default_service(only("POST"))
    };
    let asked = |path: &str, ask: actix_web::Route, act: actix_web::Route| {
        web::resource(path).route(ask).route(act).default_service(only("GET, HEAD, POST"))
    };
    config
        .service(page("/", get().to(overview::get)))
        .service(page("/carts", get().to(carts::get)))
        .service(page("/carts.csv", get().to(carts::sheet)))
        .service(act("/carts/find", web::post().to(carts::find)))
        .service(page("/carts/{id}", get().to(cart::get)))
        .service(asked("/carts/{id}/send-now", get().to(cart_acts::ask_send_now), web::post().to(cart_acts::send_now)))
        .service(asked("/carts/{id}/dismiss", get().to(cart_acts::ask_dismiss), web::post().to(cart_acts::dismiss)))
        .service(act("/carts/{id}/hold", web::post().to(cart_acts::hold)))
        .service(act("/carts/{id}/release", web::post().to(cart_acts::release)))
        .service(page("/messages", get().to(messages::get)))
        .service(page("/messages.csv", get().to(messages::sheet)))
        .service(page("/messages/{id}", get().to(message::get)))
        .service(act("/messages/{id}/settle", web::post().to(message::settle)))
        .service(page("/orders", get().to(orders::get)))
        .service(page("/orders.csv", get().to(orders::sheet)))
        .service(page("/messages/{id}/proof", get().to(person::proof)))
        .service(page("/messages/{id}/proof.json", get().to(person::proof_json)))
        .service(page("/person", get().to(person::get)))
        .service(act("/person/find", web::post().to(person::find)))
        .service(act("/person/export", web::post().to(person::export)))
        .service(act("/person/erase", web::post().to(person::erase)))
        .service(act("/person/{id}/answered", web::post().to(person::answered)))
        .service(
            web::resource("/sequences")
                .route(get().to(sequences::get_all))
                .route(web::post().to(sequences::add))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/sequences/{id}")
                .route(get().to(sequences::get))
                .route(web::post().to(sequences::post))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(act("/sequences/{id}/on", web::post().to(sequences::on)))
        .service(act("/sequences/{id}/off", web::post().to(sequences::off)))
        .service(act("/sequences/{id}/move", web::post().to(sequences::shift)))
        .service(act("/sequences/{id}/remove", web::post().to(sequences::remove)))
        .service(page("/texts", get().to(texts::get_all)))
        .service(
            web::resource("/texts/{sequence}/{step}")
                .route(get().to(texts::get))
                .route(web::post().to(texts::post))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(act("/texts/{sequence}/{step}/preview", web::post().to(texts::preview)))
        .service(page("/replies", get().to(replies::get)))
        .service(act("/replies/{id}/settle", web::post().to(replies::settle)))
        .service(page("/phones/{phone}", get().to(phone::get)))
        .service(act("/phones/{phone}/opt-out", web::post().to(phone::opt_out)))
        .service(page("/orders/{id}", get().to(order::get)))
        .service(page("/report", get().to(report::get)))
        .service(page("/report/{table}.csv", get().to(report::csv)))
        .service(both("/earned", get().to(earned::get), web::post().to(earned::post)))
        .service(page("/dry-run", get().to(dry_run::get)))
        .service(both("/experiments", get().to(experiments::get), web::post().to(experiments::begin)))
        .service(act("/experiments/{id}/stop", web::post().to(experiments::stop)))
        .service(act("/experiments/{id}/use", web::post().to(experiments::take)))
        .service(page("/ledger", get().to(net_ledger::get)))
        .service(page("/ledger.csv", get().to(net_ledger::csv)))
        .service(act("/ledger/settings", web::post().to(net_ledger::set)))
        .service(long("/ledger/rates", web::post().to(net_ledger::rate)))
        .service(act("/ledger/rates/remove", web::post().to(net_ledger::remove_rate)))
        .service(long("/ledger/spend", web::post().to(net_ledger::spend)))
        .service(act("/ledger/spend/remove", web::post().to(net_ledger::remove_spend)))
        .service(page("/ledger/{line}", get().to(net_ledger::rows)))
        .service(act("/orders/{id}/credit", web::post().to(order::correct)))
        .service(page("/attribution", get().to(attribution::get)))
        .service(act("/attribution/windows", web::post().to(attribution::change)))
        .service(page("/events", get().to(events::get)))
        .service(both("/goals", get().to(goals::get_all), web::post().to(goals::add)))
        .service(page("/goals/add", get().to(goals::get_add)))
        .service(both("/goals/{id}", get().to(goals::get), web::post().to(goals::post)))
        .service(both("/goals/{id}/remove", get().to(goals::ask_remove), web::post().to(goals::remove)))
        .service(both("/funnels", get().to(funnels::get_all), web::post().to(funnels::add)))
        .service(page("/funnels/add", get().to(funnels::get_add)))
        .service(both("/funnels/{id}", get().to(funnels::get), web::post().to(funnels::post)))
        .service(both("/funnels/{id}/remove", get().to(funnels::ask_remove), web::post().to(funnels::remove)))
        .service(page("/statement", get().to(statement::get)))
        .service(act("/statement/publish", web::post().to(statement::publish)))
        .service(page("/shops", get().to(shops::get_all)))
        .service(page("/shops/{id}", get().to(shops::get)))
        .service(page("/connect", get().to(connect::get_all)))
        .service(both("/connect/new", get().to(connect::get_new), web::post().to(connect::post_new)))
        .service(both("/shops/{id}/set-up", get().to(connect::get), web::post().to(connect::post)))
        .service(page("/shops/{id}/approve", get().to(connect::approve)))
        .service(page("/shops/{id}/arrivals", get().to(connect::arrivals_only)))
        .service(both("/shops/{id}/settings", get().to(settings::get), web::post().to(settings::post)))
        .service(both("/shops/{id}/rules", get().to(settings::get_rules), web::post().to(settings::post_rules)))
        .service(act("/shops/{id}/pause", web::post().to(settings::pause)))
        .service(act("/shops/{id}/resume", web::post().to(settings::resume)))
        .service(act("/shops/{id}/self-test", web::post().to(settings::self_test)))
        .service(both(
            "/shops/{id}/disconnect",
            get().to(settings::ask_disconnect),
            web::post().to(settings::disconnect),
        ))
        .service(page("/law", get().to(law::get_all)))
        .service(page("/law/{id}", get().to(law::get)))
        .service(page("/gateways", get().to(gateways::get)))
        .service(both("/gateways/add", get().to(gateways::ask_add), web::post().to(gateways::add)))
        .service(both("/gateways/{id}", get().to(gateways::get_one), web::post().to(gateways::post)))
        .service(act("/gateways/{id}/test", web::post().to(gateways::test)))
        .service(both("/gateways/{id}/remove", get().to(gateways::ask_remove), web::post().to(gateways::remove)))
        .service(act("/gateways/{id}/pause", web::post().to(gateways::pause)))
        .service(act("/gateways/{id}/resume", web::post().to(gateways::resume)))
        .service(page("/risk", get().to(risk::get)))
        .service(act("/risk/halt", web::post().to(risk::halt)))
        .service(act("/risk/lift", web::post().to(risk::lift)))
        .service(act("/risk/{id}/resume", web::post().to(risk::resume)))
        .service(page("/people", get().to(people::get)))
        .service(page("/people.csv", get().to(people::sheet)))
        .service(long("/people/load", web::post().to(people::load)))
        .service(page("/inbox", get().to(inbox::get)))
        .service(page("/inbox.csv", get().to(inbox::sheet)))
        .service(act("/inbox/replay", web::post().to(inbox::replay_all)))
        .service(act("/inbox/replays/{id}/stop", web::post().to(inbox::stop)))
        .service(page("/inbox/{id}", get().to(delivery::get)))
        .service(page("/books", get().to(books::get)))
        .service(both("/books/file", get().to(books_file::get), web::post().to(books_file::post)))
        .service(act("/books/run", web::post().to(books::begin)))
        .service(act("/books/fill", web::post().to(books::fill)))
        .service(act("/books/limits", web::post().to(books::limits)))
        .service(act("/books/{id}/stop", web::post().to(books::stop)))
        .service(act("/books/findings/{id}/ignore", web::post().to(books::ignore)))
        .service(act("/books/findings/{id}/open", web::post().to(books::open)))
        .service(page("/calls", get().to(calls::get)))
        .service(page("/calls.csv", get().to(calls::sheet)))
        .service(act("/calls/numbers", web::post().to(calls::add)))
        .service(act("/calls/numbers/{id}/remove", web::post().to(calls::remove)))
        .service(act("/calls/settings", web::post().to(calls::set)))
        .service(page("/offline", get().to(offline::get)))
        .service(act("/offline/upload", web::post().to(offline::upload)))
        .service(page("/offline/{id}.csv", get().to(offline::lines)))
        .service(act("/offline/{id}/undo", web::post().to(offline::undo)))
        .service(long("/inbox/{id}/fix", web::post().to(delivery::fix)))
        .service(act("/inbox/{id}/replay", web::post().to(inbox::replay)))
        .service(
            web::resource("/webhooks")
                .route(get().to(webhooks::get_all))
                .route(web::post().to(webhooks::add))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(page("/webhooks/schema.json", get().to(webhooks::schema)))
        .service(
            web::resource("/webhooks/{id}")
                .route(get().to(webhooks::get))
                .route(web::post().to(webhooks::post))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(act("/webhooks/{id}/rotate", web::post().to(webhooks::rotate)))
        .service(act("/webhooks/{id}/enable", web::post().to(webhooks::enable)))
        .service(act("/webhooks/{id}/disable", web::post().to(webhooks::disable)))
        .service(act("/webhooks/{id}/remove", web::post().to(webhooks::remove)))
        .service(act("/webhooks/{id}/test", web::post().to(webhooks::test)))
        .service(act("/webhooks/{id}/replay", web::post().to(webhooks::replay)))
        .service(asked("/platforms/add", get().to(platforms::ask_add), web::post().to(platforms::add)))
        .service(asked("/platforms/{id}", get().to(platforms::ask), web::post().to(platforms::change)))
        .service(asked("/tokens", get().to(tokens::get), web::post().to(tokens::post)))
        .service(act("/tokens/revoke", web::post().to(tokens::revoke)))
        .service(page("/api", get().to(reference::get)))
        .service(both("/sign-in", get().to(sign_in::ask), web::post().to(sign_in::enter)))
        // Before any token, of which it is none.
        .service(both("/sign-in/second", get().to(sign_in::ask_second), web::post().to(sign_in::enter_second)))
        .service(both("/sign-in/{token}", get().to(sign_in::get), web::post().to(sign_in::post)))
        .service(act("/sign-out", web::post().to(sign_in::out)))
        .service(both("/welcome", get().to(welcome::get), web::post().to(welcome::post)))
        .service(both("/account", get().to(account::get), web::post().to(account::post)))
        .service(asked("/digest", get().to(digest::get), web::post().to(digest::post)))
        .service(act("/digest/send", web::post().to(digest::send)))
        .service(act("/account/password", web::post().to(account::password)))
        .service(act("/account/sessions/end", web::post().to(account::end_sessions)))
        .service(both("/account/second", get().to(second::get), web::post().to(second::confirm)))
        .service(act("/account/second/begin", web::post().to(second::begin)))
        .service(act("/account/second/codes", web::post().to(second::codes)))
        .service(act("/account/second/off", web::post().to(second::off)))
        .service(both("/again", get().to(again::get), web::post().to(again::post)))
        .service(both("/team", get().to(team::get_all), web::post().to(team::invite)))
        .service(act("/team/second", web::post().to(team::let_owners_need)))
        .service(act("/team/{id}/reset-second", web::post().to(team::reset_second)))
        .service(both("/team/{id}", get().to(team::get), web::post().to(team::change)))
        .service(act("/team/{id}/link", web::post().to(team::link)))
        .service(both("/team/{id}/remove", get().to(team::ask_remove), web::post().to(team::remove)))
        .service(both("/audit", get().to(trail::get), web::post().to(trail::keep)))
        .service(page("/audit.csv", get().to(trail::csv)));
}

/// Of a form that holds a list or a whole body.
const FORM_BYTES_MAX: usize = 4 << 20;

/// Rows of a list.
pub const ROWS: u32 = 50;

/// One look at a page.
pub struct Visit {
    pub state: Data<State>,
    pub page: Page,
    /// Every shop within the visitor's reach that was not erased.
    pub shops: Vec<Shop>,
    /// The chosen one.
    shop: Option<(Shop, ShopKeys)>,
    query: Vec<(String, String)>,
    pub visitor: Visitor,
    pub is_owner: bool,
}

impl Visit {
    /// Who looks, at what. `?shop=` chooses the shop, the first one without it.
    pub async fn begin(request: &HttpRequest, section: Section) -> Result<Visit, Problem> {
        let (state, visitor) = come_in(request).await?;
        let core = state.core.clone();
        let query = url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect::<Vec<_>>();
        let mut read = core.db.read().await?;
        let mut shops = store::shop::list(&mut read, &core.vault).await?;
        shops.retain(|shop| shop.erased_at.is_none() && visitor.reach.has(shop.id));
        let chosen = choose(&shops, value(&query, "shop"))?;
        let shop = match chosen {
            Some(shop) => Some((shop.clone(), core.vault.keys(&mut read, shop.id).await?)),
            None => None,
        };
        drop(read);
        if let Some((shop, _)) = &shop {
            gate::of_shop(request, shop.id);
        }
        let choice = |shop: &Shop| ShopChoice { id: shop.id.to_string(), name: shop.name.clone() };
        let page = Page {
            section,
            shops: shops.iter().map(choice).collect(),
            shop: shop.as_ref().map(|(shop, _)| choice(shop)),
            days: Days::asked(value(&query, "days"), value(&query, "from"), value(&query, "to")),
            compare: value(&query, "compare") != "no",
            now: core.now(),
            zone: shop.as_ref().map_or(TimeZone::UTC, |(shop, _)| zone_of(shop)),
            // `shield` asks the browser itself where a form comes from.
            csrf: String::new(),
            signed_in_as: visitor.name.clone(),
            notice: notice(value(&query, "done")),
            demo: state.bar.as_ref().map(|bar| bar()),
            may_manage: visitor.may_change,
            may_run_house: visitor.is_owner,
        };
        Ok(Visit { state, page, shops, shop, query, is_owner: visitor.is_owner, visitor })
    }

    /// As `begin`, for what changes something: `Problem::Forbidden` for who may only look.
    pub async fn to_change(request: &HttpRequest, section: Section) -> Result<Visit, Problem> {
        let visit = Visit::begin(request, section).await?;
        if visit.visitor.may_change { Ok(visit) } else { Err(Problem::Forbidden) }
    }

    /// Whether what belongs to the house and serves every shop may be looked at: not by who is bound to some.
    pub fn sees_house(&self) -> bool {
        self.visitor.reach.has(ShopId::HOUSE)
    }

    /// As `begin`, at the shop the path names, whichever was chosen before.
    pub async fn at_shop(request: &HttpRequest, section: Section) -> Result<Visit, Problem> {
        let mut visit = Visit::begin(request, section).await?;
        let id: ShopId = id(request)?;
        let shop = visit.shops.iter().find(|shop| shop.id == id).cloned().ok_or(Problem::NotFound)?;
        let mut read = visit.read().await?;
        let keys = visit.state.core.vault.keys(&mut read, id).await?;
        drop(read);
        visit.page.shop = Some(ShopChoice { id: id.to_string(), name: shop.name.clone() });
        visit.page.zone = zone_of(&shop);
        gate::of_shop(request, id);
        visit.shop = Some((shop, keys));
        Ok(visit)
    }

    /// The house's own keys, for whom all of the house's is to see: callbacks of its gateways may be about any shop.
    pub async fn house_keys(&self, read: &mut Read) -> Result<Option<ShopKeys>, Problem> {
        if !self.is_owner {
            return Ok(None);
        }
        Ok(Some(self.state.core.vault.keys(read, ShopId::HOUSE).await?))
    }

    pub fn core(&self) -> &Core {
        &self.state.core
    }

    pub async fn read(&self) -> Result<Read, Problem> {
        Ok(self.state.core.db.read().await?)
    }

    /// A value of the query; "" without one.
    pub fn asked(&self, name: &str) -> &str {
        value(&self.query, name)
    }

    /// The chosen shop; `None` while there is none at all.
    pub fn shop(&self) -> Option<(&Shop, &ShopKeys)> {
        self.shop.as_ref().map(|(shop, keys)| (shop, keys))
    }
}

/// Who asks, when somebody may look at all.
async fn come_in(request: &HttpRequest) -> Result<(Data<State>, Visitor), Problem> {
    let state = request.app_data::<Data<State>>().ok_or_else(|| Problem::Broken("no state".to_owned()))?.clone();
    let visitor = session::visitor(&state, request).await?;
    Ok((state, visitor))
}

/// As `come_in`, for what changes something. It answers no shop: that is the `Visit`'s to say.
pub async fn come_in_to_change(request: &HttpRequest) -> Result<Data<State>, Problem> {
    let (state, visitor) = come_in(request).await?;
    if visitor.may_change { Ok(state) } else { Err(Problem::Forbidden) }
}

/// As `come_in`, for what concerns the whole house.
pub async fn come_in_as_owner(request: &HttpRequest) -> Result<Data<State>, Problem> {
    let (state, visitor) = come_in(request).await?;
    if visitor.is_owner { Ok(state) } else { Err(Problem::Forbidden) }
}

fn value<'q>(query: &'q [(String, String)], name: &str) -> &'q str {
    query.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn choose<'s>(shops: &'s [Shop], asked: &str) -> Result<Option<&'s Shop>, Problem> {
    if asked.is_empty() {
        return Ok(shops.first());
    }
    let id: ShopId = asked.parse().map_err(|_| Problem::NotFound)?;
    shops.iter().find(|shop| shop.id == id).map(Some).ok_or(Problem::NotFound)
}

/// What a change did, said on the page it leads back to. Only our own sentences: the query is anybody's.
fn notice(done: &str) -> Option<String> {
    let said = match done {
        "resumed" => "The gateway sends again.",
        "sending_now" => "Its next text is asked for now; what every gate says follows within seconds.",
        "cart_held" => "Held. Nothing of this cart is sent until it is released.",
        "cart_released" => "Released. What waited is asked again now.",
        "cart_dismissed" => "Dismissed. No further text of this cart is sent.",
        "list_taken" => "The list is taken. What was known before changed nothing.",
        "settled" => "Settled, with your name beside it.",
        "corrected" => "Your correction is being read; its verdict follows within seconds.",
        "replaying" => "The deliveries are being read again, oldest first.",
        "comparing" => "The shop's orders are being fetched and compared; this page shows how far it is.",
        "filling" => "The orders are being fetched; afterwards the books are compared again.",
        "books_stopped" => "Stopped. What was fetched by then is still read.",
        "finding_ignored" => "It may stand; the next comparison leaves it alone.",
        "finding_opened" => "It stands open again.",
        "offline_taken" => "The sales are being matched to the texts before them; this page shows how far it is.",
        "offline_undone" => "Taken back. What other uploads tell too stays.",
        "call_number_added" => "The number is in the pool. Write it into your texts.",
        "call_number_removed" => "The number is removed; its calls stay.",
        "calls_set" => "Saved. Calls that end from now on follow it.",
        "limits_saved" => "Saved. The next comparison follows it.",
        "replay_stopped" => "Stopped. What was begun is still read.",
        "read" => "The reply is settled.",
        "opted_out" => "This phone gets no more texts.",
        "holdout_chosen" => "Saved. Carts left from now on count.",
        "guard_resumed" => "Texted again from now on; what waited is asked again now.",
        "halted" => "Nothing is sent any more, by any shop.",
        "lifted" => "Sending goes on; what waited is asked again now.",
        "paused" => "The gateway is paused: texts wait for it.",
        "erased" => "The person is forgotten: what named them is gone, the figures stay.",
        "answered" => "The request is answered; whom it named is forgotten with it.",
        "sequence_added" => "Added, switched off. Look through it, then switch it on.",
        "sequence_saved" => "Saved. Carts left from now on follow it; those under way go on as they began.",
        "sequence_on" => "Switched on, for carts left from now on.",
        "sequence_off" => "Switched off. Nobody gets a further text of it.",
        "sequence_moved" => "The order is changed: a cart gets the first that is on and fits.",
        "sequence_removed" => "Removed. Nobody gets a further text of it.",
        "text_saved" => "Saved. Carts left from now on get these words.",
        "text_ready" => "The ready-made words are back.",
        "test_queued" => "The test is on its way; it is in Messages too.",
        "invited" => "Invited.",
        "member_changed" => "Saved. It holds from their next sign-in on; every session of theirs has ended.",
        "second_off" => "Your second proof is off. From now on the password is enough.",
        "second_reset" => {
            "Their second proof is gone. From now on the password is enough, until they set up a new one."
        }
        "second_was_reset" => {
            "Your second proof was taken away by an owner. Set up a new one below; if nobody told you why, ask."
        }
        "second_owed" => "Owners of this house need a second proof. Set yours up below, then everything else opens.",
        "second_rule" => "Saved. Owners without a second proof are led to set one up.",
        "second_rule_off" => "Saved. Owners may sign in without a second proof.",
        "proved" => "It is you. For 15 minutes nothing is asked again: press it once more.",
        "member_removed" => "Removed. Every session of theirs has ended.",
        "introduced" => "Saved.",
        "password_changed" => "Your password is changed, and every other session of yours has ended.",
        "sessions_ended" => "Ended.",
        "digest_saved" => "Saved. The next one goes out as the page says.",
        "digest_ended" => "Ended. No more figures of this shop come by mail.",
        "welcome" => "Welcome. From now on you sign in with your e-mail address and password.",
        "trail_kept" => "Saved.",
        "shop_added" => "Added. Paste its address into the shop, and see the first webhook arrive.",
        "keys_saved" => "The keys are kept.",
        "gateway_added" => "The gateway is connected.",
        "gateway_saved" => "Saved.",
        "gateway_removed" => "Removed. Receipts of what it sent are heard for another week.",
        "plan_taken" => "This plan is on.",
        "live" => "Live: carts left from now on are texted.",
        "shop_saved" => "Saved.",
        "rules_saved" => "Saved. Carts that wait are asked again now.",
        "shop_paused" => "Paused: nobody is texted.",
        "shop_resumed" => "It texts again.",
        "shop_disconnected" => "Disconnected: nobody is texted any more.",
        "self_test_asked" => "The self-test is under way; it takes a few seconds.",
        "replayed" => "The delivery is being read again; its verdict follows within seconds.",
        "token_revoked" => "Revoked. It opens nothing any more.",
        "windows_changed" => "Changed. History is judged again under the new windows.",
        "credit_corrected" => "Taken. The credit follows within seconds.",
        "month_published" => "Published. Its figures stay as they are; what changes later is shown beside them.",
        "experiment_begun" => "Begun, on carts left from now on.",
        "experiment_stopped" => "Stopped. Carts left in it keep their way.",
        "experiment_used" => "Taken over for carts left from now on; the experiment is ended.",
        "ledger_set" => "Saved. Every period is told anew.",
        "rates_entered" => "The rates are taken.",
        "rate_removed" => "The rate is removed.",
        "spend_entered" => "What was spent is taken.",
        "spend_removed" => "The entry is removed.",
        "goals_added" => "Added. What happened before is counted within a minute.",
        "goal_saved" => "Saved. Its days are counted again within a minute.",
        "goal_removed" => "The goal is removed.",
        "funnel_saved" => "The funnel is saved.",
        "funnel_removed" => "The funnel is removed.",
        "platform_added" => "Connected. Orders credited from now on are told to it.",
        "webhook_saved" => "Saved. Events from now on follow it.",
        "webhook_on" => "Switched on. What it missed can be replayed below.",
        "webhook_off" => "Switched off. What happens meanwhile is kept for a replay.",
        "webhook_removed" => "Removed, with its log.",
        "webhook_replayed" => "Told again within seconds, under the same ids.",
        _ => return None,
    };
    Some(t(said).to_owned())
}

/// The id in a path; what is not one is not found.
pub fn id<T: std::str::FromStr>(request: &HttpRequest) -> Result<T, Problem> {
    request.match_info().get("id").and_then(|id| id.parse().ok()).ok_or(Problem::NotFound)
}

/// A page of somebody who is signed in: for this browser only.
pub fn show(page: &impl Template) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.render()?))
}

/// Back to a list after a change, with the same shop.
pub fn back(path: &str, request: &HttpRequest, done: &str) -> HttpResponse {
    let asked = url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect::<Vec<_>>();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("done", done);
    if !value(&asked, "shop").is_empty() {
        query.append_pair("shop", value(&asked, "shop"));
    }
    HttpResponse::SeeOther().insert_header((header::LOCATION, format!("{path}?{}", query.finish()))).finish()
}
