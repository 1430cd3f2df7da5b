//! The web: everything a browser, a shop or a gateway can ask of us. Pages are values first (`view`), filled by `page`,
//! answered here. Nothing in here decides what a webhook, a tap or an order means: that is the pipeline's.
//!
//! | path | who asks | file |
//! |---|---|---|
//! | `/hook/shop/{connection}`, `/hook/approved/{connection}`, `/hook/sms/{connection}`, `/hook/call/{connection}` | shops and gateways | [`hook`] |
//! | `/r/{token}`, `/o/{token}` | shoppers | [`follow`] |
//! | `/p/{connection}.js`, `/e/{connection}` | visitors of a shop | [`event`] |
//! | `/healthz`, `/readyz`, `/watchz`, `/metrics` | the operator's machines; no personal data in any of them | [`health`], [`metric`] |
//! | `/api/v1/…` | other systems of the shop, with a token | [`api`] |
//! | `/assets/…` | browsers | [`asset`] |
//! | `/digest/stop/{token}` | readers of a digest and their mail programs | [`page::digest`] |
//! | everything else | people who are signed in | [`page`], [`session`] |
//!
//! Every answer passes [`shield`]: it adds the security headers, refuses changes asked for by other sites, turns
//! problems into pages and a panic into an answer. What goes out is compressed: no other site can make a signed-in
//! browser ask (the session's cookie is `SameSite`), so nobody can learn a page's secrets from its size.
//! Behind the shield [`gate`] holds people to what they may do, by the table of [`route`], and records what they changed.

pub mod view;
pub mod problem;
pub mod shield;
pub mod body;
mod upload;
pub mod hook;
pub mod stranger;
pub mod attempt;
pub mod known;
pub mod again;
pub mod follow;
pub mod event;
mod squeeze;
pub mod health;
pub mod metric;
pub mod asset;
pub mod session;
pub mod route;
pub mod gate;
pub mod page;
pub mod letter;
pub mod api;

use std::{sync::Arc, time::Duration};

use actix_web::{
    Route, guard,
    http::Method,
    middleware::{Compress, from_fn},
    web::{self, Data, ServiceConfig},
};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::pipeline::{Core, follow::Taps, receive::Inbox, track::Tracker};
use problem::Problem;

/// What every handler works with. One per process.
pub struct State {
    pub core: Arc<Core>,
    pub inbox: Inbox,
    pub tracker: Tracker,
    pub taps: Taps,
    /// Nobody needs to sign in: the demo, on loopback only. `shield` then answers only to names of this machine.
    pub open_door: bool,
    /// Nothing is answered but how this process is: its role is to work.
    pub only_health: bool,
    /// The counters of this process; `metric::install` makes it.
    pub metrics: Option<PrometheusHandle>,
    pub limits: Limits,
    /// What stands above every page of a demo.
    pub bar: Option<Bar>,
    /// Whose word on where a request came from is taken.
    pub proxies: Vec<ipnet::IpNet>,
    strangers: stranger::Strangers,
    flood: event::Flood,
    attempts: attempt::Attempts,
    /// Wrong proofs from each address on the network.
    knocks: attempt::Attempts,
    pub pace: api::Pace,
    counted: metric::Counted,
}

/// Makes the demo's bar anew for each page: its clock runs.
pub type Bar = Box<dyn Fn() -> view::demo::Bar + Send + Sync>;

/// What a client may take of us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub body_bytes_max: usize,
    /// For the whole body, however its bytes trickle in.
    pub body_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { body_bytes_max: 1 << 20, body_time_max: Duration::from_secs(10) }
    }
}

impl State {
    pub fn new(core: Arc<Core>, inbox: Inbox) -> State {
        State {
            tracker: Tracker::new(core.clone()),
            taps: Taps::new(core.clone()),
            core,
            inbox,
            open_door: false,
            only_health: false,
            metrics: None,
            limits: Limits::default(),
            bar: None,
            proxies: crate::config::proxies::on_this_machine(),
            strangers: stranger::Strangers::default(),
            flood: event::Flood::default(),
            attempts: attempt::Attempts::at(attempt::OF_ACCOUNT),
            knocks: attempt::Attempts::at(attempt::OF_ADDRESS),
            pace: api::Pace::default(),
            counted: metric::Counted::default(),
        }
    }
}

/// Everything, for `App::new().configure(…)`.
pub fn configure(state: State) -> impl Fn(&mut ServiceConfig) + Clone {
    configure_with(state, |_| {})
}

/// Everything, and before it the routes of `more`, behind the same shield: the demo's.
pub fn configure_with(
    state: State,
    more: impl Fn(&mut ServiceConfig) + Clone + 'static,
) -> impl Fn(&mut ServiceConfig) + Clone {
    let ours = if state.only_health { health_routes } else { routes };
    let state = Data::new(state);
    move |config| {
        config.app_data(state.clone()).service(
            web::scope("")
                .wrap(from_fn(gate::gate))
                // The last one is the outermost.
                .wrap(from_fn(shield::shield))
                .wrap(Compress::default())
                .configure(more.clone())
                .configure(ours)
                .default_service(web::to(async || Problem::NotFound)),
        );
    }
}

fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/hook/approved/{connection}")
                .route(web::post().to(hook::approved))
                .route(web::get().to(hook::came_back))
                .default_service(only("GET, POST")),
        )
        .service(
            web::resource("/hook/shop/{connection}")
                .route(web::post().to(hook::shop))
                .route(web::get().to(hook::shop))
                .default_service(only("GET, POST")),
        )
        .service(
            web::resource("/hook/call/{connection}").route(web::post().to(hook::call)).default_service(only("POST")),
        )
        .service(
            web::resource("/hook/sms/{connection}")
                .route(web::post().to(hook::sms))
                .route(web::get().to(hook::sms))
                .default_service(only("GET, POST")),
        )
        .service(web::resource("/r/{token}").route(get().to(follow::follow)).default_service(only("GET, HEAD")))
        .service(
            web::resource("/o/{token}")
                .route(get().to(follow::ask_opt_out))
                .route(web::post().to(follow::opt_out))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(
            web::resource("/digest/stop/{token}")
                .route(get().to(page::digest::ask_stop))
                .route(web::post().to(page::digest::stop))
                .default_service(only("GET, HEAD, POST")),
        )
        .service(web::resource("/p/{connection}.js").route(get().to(event::pixel)).default_service(only("GET, HEAD")))
        .service(web::resource("/e/{connection}").route(web::post().to(event::take)).default_service(only("POST")))
        .service(web::resource("/assets/{path:.*}").route(get().to(asset::show)).default_service(only("GET, HEAD")));
    health_routes(config);
    api::routes(config);
    page::routes(config);
}

fn health_routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/healthz").route(get().to(health::alive)).default_service(only("GET, HEAD")))
        .service(web::resource("/readyz").route(get().to(health::ready)).default_service(only("GET, HEAD")))
        .service(web::resource("/watchz").route(get().to(health::watch)).default_service(only("GET, HEAD")))
        .service(web::resource("/metrics").route(get().to(metric::show)).default_service(only("GET, HEAD")));
}

/// GET, and HEAD, which is a GET without its body.
pub fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Method(Method::HEAD)))
}

/// What a resource answers to any other method than these.
pub fn only(allowed: &'static str) -> Route {
    web::to(move || std::future::ready(Problem::Method(allowed)))
}
