//! Pages: each file fills one view from the store and nothing else. All of them begin with a `Visit`: who looks, at which
//! shop, over which period. What is not the chosen shop's is not found, exactly as what does not exist.
//!
//! # How to add a page
//! Write `page/x.rs` with `pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem>`, begin with
//! `Visit::begin`, fill the view of the same name, end with `show`, and add its line to `routes`.

pub mod story;
pub mod figures;
pub mod overview;
pub mod carts;
pub mod cart;
pub mod messages;
pub mod replies;
pub mod phone;
pub mod person;
pub mod sequences;
pub mod texts;
pub mod order;
pub mod report;
pub mod statement;
pub mod shops;
pub mod law;
pub mod gateways;
pub mod risk;
pub mod inbox;
pub mod sign_in;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{self, Data, ServiceConfig},
};
use askama::Template;
use jiff::tz::TimeZone;

use super::{
    State, get, only,
    problem::Problem,
    session::{self, Visitor},
    view::{Days, Page, Section, ShopChoice},
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
    config
        .service(page("/", get().to(overview::get)))
        .service(page("/carts", get().to(carts::get)))
        .service(page("/carts/{id}", get().to(cart::get)))
        .service(page("/messages", get().to(messages::get)))
        .service(page("/messages/{id}/proof", get().to(person::proof)))
        .service(page("/messages/{id}/proof.json", get().to(person::proof_json)))
        .service(page("/person", get().to(person::get)))
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
        .service(page("/statement", get().to(statement::get)))
        .service(page("/shops", get().to(shops::get_all)))
        .service(page("/shops/{id}", get().to(shops::get)))
        .service(page("/law", get().to(law::get_all)))
        .service(page("/law/{id}", get().to(law::get)))
        .service(page("/gateways", get().to(gateways::get)))
        .service(act("/gateways/{id}/pause", web::post().to(gateways::pause)))
        .service(act("/gateways/{id}/resume", web::post().to(gateways::resume)))
        .service(page("/risk", get().to(risk::get)))
        .service(act("/risk/halt", web::post().to(risk::halt)))
        .service(act("/risk/lift", web::post().to(risk::lift)))
        .service(act("/risk/{id}/resume", web::post().to(risk::resume)))
        .service(page("/inbox", get().to(inbox::get)))
        .service(act("/inbox/{id}/replay", web::post().to(inbox::replay)))
        .service(page("/sign-in", get().to(sign_in::ask)))
        .service(
            web::resource("/sign-in/{token}")
                .route(get().to(sign_in::get))
                .route(web::post().to(sign_in::post))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(act("/sign-out", web::post().to(sign_in::out)));
}

/// Rows of a list.
pub const ROWS: u32 = 50;

/// One look at a page.
pub struct Visit {
    pub state: Data<State>,
    pub page: Page,
    /// Every shop that was not erased.
    pub shops: Vec<Shop>,
    /// The chosen one.
    shop: Option<(Shop, ShopKeys)>,
    query: Vec<(String, String)>,
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
        shops.retain(|shop| shop.erased_at.is_none());
        let chosen = choose(&shops, value(&query, "shop"))?;
        let shop = match chosen {
            Some(shop) => Some((shop.clone(), core.vault.keys(&mut read, shop.id).await?)),
            None => None,
        };
        drop(read);
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
        };
        Ok(Visit { state, page, shops, shop, query, is_owner: visitor.is_owner })
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

/// As `come_in`, for what changes something.
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
        "read" => "The reply is settled.",
        "opted_out" => "This phone gets no more texts.",
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
        "replayed" => "The delivery is being read again; its verdict follows within seconds.",
        _ => return None,
    };
    Some(said.to_owned())
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
