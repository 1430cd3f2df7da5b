//! Who may ask for what: every route of ours in one table, with what an act is called in the audit log and where the
//! thing it was done to is shown. `gate` holds requests to it before any handler runs.
//!
//! # How to add a route
//! Add its line here beside its handler. A route that is not listed is treated as the strictest sensible kind (look:
//! somebody signed in; change: nobody who may only look) and is recorded under its own path; the matrix in
//! `tests/it/web/roles.rs` fails until it has its line, and one there.

use actix_web::http::Method;

use super::{
    api::{Operation, operations},
    view::words::noted,
};

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Nobody has to be signed in: the route proves who asks in its own way, or shows nothing.
    Anyone,
    /// Whoever is signed in, for themselves or only to look.
    SignedIn,
    /// Owners and managers, at their own shops.
    Change,
    /// Owners: the whole house.
    House,
}

#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET` stands for `HEAD` too.
    pub method: &'static str,
    /// As it is registered.
    pub path: &'static str,
    pub may: May,
    /// What was done, as the audit log says it; "" for what changes nothing.
    pub said: &'static str,
    /// The page of what it was done to, by the names in `path`; "" for none.
    pub shown_at: &'static str,
    /// Dangerous: who proved themselves too long ago is asked again (`again`).
    pub fresh: bool,
}

impl Route {
    const fn fresh(self) -> Route {
        Route { fresh: true, ..self }
    }
}

const fn open(method: &'static str, path: &'static str) -> Route {
    Route { method, path, may: May::Anyone, said: "", shown_at: "", fresh: false }
}

const fn look(path: &'static str) -> Route {
    Route { method: "GET", path, may: May::SignedIn, said: "", shown_at: "", fresh: false }
}

const fn look_to_change(path: &'static str) -> Route {
    Route { method: "GET", path, may: May::Change, said: "", shown_at: "", fresh: false }
}

/// A sheet that names people: that it was taken is recorded.
const fn take(path: &'static str, said: &'static str, shown_at: &'static str) -> Route {
    Route { method: "GET", path, may: May::Change, said, shown_at, fresh: true }
}

const fn look_as_owner(path: &'static str) -> Route {
    Route { method: "GET", path, may: May::House, said: "", shown_at: "", fresh: false }
}

const fn act(path: &'static str, may: May, said: &'static str, shown_at: &'static str) -> Route {
    Route { method: "POST", path, may, said, shown_at, fresh: false }
}

use May::{Anyone, Change, House, SignedIn};

/// Every route but the demo's, whose door is open, and the API's, which has its own table (`api::operations`).
pub const ROUTES: &[Route] = &[
    open("POST", "/hook/shop/{connection}"),
    // Platforms introduce themselves so, and fetch an app's manifest.
    open("GET", "/hook/shop/{connection}"),
    act("/hook/approved/{connection}", Anyone, "Handed a shop’s keys over", "/shops"),
    open("GET", "/hook/approved/{connection}"),
    open("POST", "/hook/sms/{connection}"),
    open("GET", "/hook/sms/{connection}"),
    open("POST", "/hook/call/{connection}"),
    open("GET", "/r/{token}"),
    open("GET", "/o/{token}"),
    open("POST", "/o/{token}"),
    open("GET", "/digest/stop/{token}"),
    open("POST", "/digest/stop/{token}"),
    open("GET", "/p/{connection}.js"),
    open("POST", "/e/{connection}"),
    open("GET", "/healthz"),
    open("GET", "/readyz"),
    open("GET", "/watchz"),
    open("GET", "/metrics"),
    open("GET", "/assets/{path:.*}"),
    open("GET", "/sign-in"),
    act("/sign-in", Anyone, "Signed in", ""),
    open("GET", "/sign-in/second"),
    act("/sign-in/second", Anyone, "Signed in with a second proof", ""),
    open("GET", "/sign-in/{token}"),
    act("/sign-in/{token}", Anyone, "Signed in with a one-time link", ""),
    act("/sign-out", Anyone, "Signed out", ""),
    look("/"),
    look("/carts"),
    look("/carts.csv"),
    act("/carts/find", SignedIn, "", ""),
    look("/carts/{id}"),
    look_to_change("/carts/{id}/send-now"),
    act("/carts/{id}/send-now", Change, "Asked for a cart’s next text now", "/carts/{id}"),
    look_to_change("/carts/{id}/dismiss"),
    act("/carts/{id}/dismiss", Change, "Dismissed a cart", "/carts/{id}"),
    act("/carts/{id}/hold", Change, "Held a cart", "/carts/{id}"),
    act("/carts/{id}/release", Change, "Released a cart", "/carts/{id}"),
    look("/messages"),
    look("/messages.csv"),
    look("/messages/{id}"),
    act("/messages/{id}/settle", Change, "Settled a text", "/messages/{id}"),
    look_to_change("/messages/{id}/proof"),
    look_to_change("/messages/{id}/proof.json"),
    look("/person"),
    act("/person/find", SignedIn, "", ""),
    act("/person/export", Change, "Exported a person’s data", "").fresh(),
    act("/person/erase", Change, "Forgot a person", ""),
    act("/person/{id}/answered", Change, "Answered a person’s request", "/person"),
    look("/sequences"),
    act("/sequences", Change, "Added a sequence", "/sequences"),
    look("/sequences/{id}"),
    act("/sequences/{id}", Change, "Changed a sequence", "/sequences/{id}"),
    act("/sequences/{id}/on", Change, "Switched a sequence on", "/sequences/{id}"),
    act("/sequences/{id}/off", Change, "Switched a sequence off", "/sequences/{id}"),
    act("/sequences/{id}/move", Change, "Moved a sequence", "/sequences/{id}"),
    act("/sequences/{id}/remove", Change, "Removed a sequence", "/sequences"),
    look("/dry-run"),
    look("/texts"),
    look("/texts/{sequence}/{step}"),
    act("/texts/{sequence}/{step}", Change, "Changed a text", "/texts/{sequence}/{step}"),
    act("/texts/{sequence}/{step}/preview", SignedIn, "", ""),
    look("/replies"),
    act("/replies/{id}/settle", Change, "Settled a reply", "/replies"),
    look("/phones/{phone}"),
    act("/phones/{phone}/opt-out", Change, "Opted a phone out", ""),
    look("/people"),
    take("/people.csv", noted("Took a list of people"), "/people"),
    act("/people/load", Change, "Loaded a list of people", "/people"),
    look("/orders"),
    look("/orders.csv"),
    look("/orders/{id}"),
    act("/orders/{id}/credit", Change, "Set an order’s credit right", "/orders/{id}"),
    look("/attribution"),
    act("/attribution/windows", Change, "Changed the windows of attribution", "/attribution"),
    look("/events"),
    look("/goals"),
    act("/goals", Change, "Added goals", "/goals"),
    look_to_change("/goals/add"),
    look("/goals/{id}"),
    act("/goals/{id}", Change, "Changed a goal", "/goals/{id}"),
    look_to_change("/goals/{id}/remove"),
    act("/goals/{id}/remove", Change, "Removed a goal", "/goals"),
    look("/funnels"),
    act("/funnels", Change, "Added a funnel", "/funnels"),
    look_to_change("/funnels/add"),
    look("/funnels/{id}"),
    act("/funnels/{id}", Change, "Changed a funnel", "/funnels/{id}"),
    look_to_change("/funnels/{id}/remove"),
    act("/funnels/{id}/remove", Change, "Removed a funnel", "/funnels"),
    look("/report"),
    look("/report/{table}.csv"),
    look("/earned"),
    act("/earned", Change, "Chose how many people are held out", "/earned"),
    look("/experiments"),
    act("/experiments", Change, "Began an experiment", "/experiments"),
    act("/experiments/{id}/stop", Change, "Stopped an experiment", "/experiments"),
    act("/experiments/{id}/use", Change, "Took a way of an experiment over", "/experiments"),
    look("/ledger"),
    look("/ledger.csv"),
    look("/ledger/{line}"),
    act("/ledger/settings", Change, "Chose how the ledger is told", "/ledger"),
    act("/ledger/rates", Change, "Entered rates", "/ledger"),
    act("/ledger/rates/remove", Change, "Removed a rate", "/ledger"),
    act("/ledger/spend", Change, "Entered what a channel cost", "/ledger"),
    act("/ledger/spend/remove", Change, "Removed what a channel cost", "/ledger"),
    look("/statement"),
    act("/statement/publish", Change, "Published a month", "/statement"),
    look("/shops"),
    look("/shops/{id}"),
    look("/shops/{id}/arrivals"),
    look_to_change("/shops/{id}/approve"),
    look_to_change("/shops/{id}/set-up"),
    act("/shops/{id}/set-up", Change, "Set a shop up", "/shops/{id}").fresh(),
    look_to_change("/shops/{id}/settings"),
    act("/shops/{id}/settings", Change, "Changed a shop’s settings", "/shops/{id}").fresh(),
    look_to_change("/shops/{id}/rules"),
    act("/shops/{id}/rules", Change, "Changed a shop’s rules", "/shops/{id}").fresh(),
    act("/shops/{id}/pause", Change, "Paused a shop", "/shops/{id}"),
    act("/shops/{id}/resume", Change, "Let a shop text again", "/shops/{id}"),
    act("/shops/{id}/self-test", Change, "Had the self-test played", "/shops/{id}"),
    look_as_owner("/shops/{id}/disconnect"),
    act("/shops/{id}/disconnect", House, "Disconnected a shop", "/shops/{id}").fresh(),
    look("/connect"),
    look_as_owner("/connect/new"),
    act("/connect/new", House, "Connected a shop", "/shops").fresh(),
    look("/law"),
    look("/law/{id}"),
    look("/gateways"),
    look_to_change("/gateways/add"),
    act("/gateways/add", Change, "Connected a gateway", "/gateways").fresh(),
    look_to_change("/gateways/{id}"),
    act("/gateways/{id}", Change, "Changed a gateway", "/gateways/{id}").fresh(),
    act("/gateways/{id}/test", Change, "Sent a test through a gateway", "/gateways/{id}"),
    look_to_change("/gateways/{id}/remove"),
    act("/gateways/{id}/remove", Change, "Removed a gateway", "/gateways").fresh(),
    act("/gateways/{id}/pause", Change, "Paused a gateway", "/gateways"),
    act("/gateways/{id}/resume", Change, "Let a gateway send again", "/gateways"),
    look("/risk"),
    act("/risk/halt", House, "Stopped all sending", "/risk"),
    act("/risk/lift", House, "Let sending go on", "/risk").fresh(),
    act("/risk/{id}/resume", Change, "Let paused texts go on", "/risk"),
    look("/inbox"),
    look("/inbox.csv"),
    look("/inbox/{id}"),
    act("/inbox/{id}/fix", Change, "Mended a delivery", "/inbox/{id}"),
    act("/inbox/replay", Change, "Had deliveries read again", "/inbox"),
    act("/inbox/replays/{id}/stop", Change, "Stopped reading deliveries again", "/inbox"),
    look("/books"),
    look_to_change("/books/file"),
    act("/books/file", Change, "Put a file’s orders into the books", "/books"),
    act("/books/run", Change, "Had the books compared", "/books"),
    act("/books/fill", Change, "Had missing orders fetched", "/books"),
    act("/books/limits", Change, "Changed what counts as a gap", "/books"),
    act("/books/{id}/stop", Change, "Stopped a comparison", "/books"),
    act("/books/findings/{id}/ignore", Change, "Let a difference stand", "/books"),
    act("/books/findings/{id}/open", Change, "Opened a difference again", "/books"),
    look("/offline"),
    look("/offline/{id}.csv"),
    act("/offline/upload", Change, "Uploaded offline sales", "/offline"),
    act("/offline/{id}/undo", Change, "Took offline sales back", "/offline"),
    look("/calls"),
    look("/calls.csv"),
    act("/calls/numbers", Change, "Added a number for calls", "/calls"),
    act("/calls/numbers/{id}/remove", Change, "Removed a number for calls", "/calls"),
    act("/calls/settings", Change, "Chose which calls count", "/calls"),
    look_to_change("/webhooks"),
    act("/webhooks", Change, "Added a webhook endpoint", "/webhooks").fresh(),
    look("/webhooks/schema.json"),
    look_to_change("/webhooks/{id}"),
    act("/webhooks/{id}", Change, "Changed a webhook endpoint", "/webhooks/{id}").fresh(),
    act("/webhooks/{id}/rotate", Change, "Gave a webhook endpoint a new secret", "/webhooks/{id}").fresh(),
    act("/webhooks/{id}/enable", Change, "Switched a webhook endpoint on", "/webhooks/{id}"),
    act("/webhooks/{id}/disable", Change, "Switched a webhook endpoint off", "/webhooks/{id}"),
    act("/webhooks/{id}/test", Change, "Sent a test event", "/webhooks/{id}"),
    act("/webhooks/{id}/replay", Change, "Told events again", "/webhooks/{id}"),
    act("/webhooks/{id}/remove", Change, "Removed a webhook endpoint", "/webhooks"),
    look_to_change("/platforms/add"),
    act("/platforms/add", Change, "Connected an advertising platform", "/webhooks").fresh(),
    look_to_change("/platforms/{id}"),
    act("/platforms/{id}", Change, "Changed an advertising platform", "/webhooks/{id}").fresh(),
    act("/inbox/{id}/replay", Change, "Had a delivery read again", "/inbox"),
    look("/tokens"),
    act("/tokens", Change, "Made an API token", "/tokens").fresh(),
    act("/tokens/revoke", Change, "Revoked an API token", "/tokens"),
    look("/api"),
    look_as_owner("/team"),
    act("/team", House, "Invited somebody", "/team").fresh(),
    act("/team/second", House, "Chose whether owners need a second proof", "/team").fresh(),
    look_as_owner("/team/{id}"),
    act("/team/{id}", House, "Changed what somebody may do", "/team/{id}").fresh(),
    act("/team/{id}/link", House, "Made a one-time link", "/team/{id}").fresh(),
    act("/team/{id}/reset-second", House, "Took somebody’s second proof away", "/team/{id}").fresh(),
    look_as_owner("/team/{id}/remove"),
    act("/team/{id}/remove", House, "Removed somebody from the team", "/team").fresh(),
    look("/again"),
    act("/again", SignedIn, "Showed that it was still them", ""),
    look("/account"),
    act("/account", SignedIn, "Changed their name or language", ""),
    act("/account/password", SignedIn, "Changed their password", ""),
    act("/account/sessions/end", SignedIn, "Ended a session of theirs", ""),
    look("/account/second").fresh(),
    act("/account/second/begin", SignedIn, "Began to set up a second proof", "").fresh(),
    act("/account/second", SignedIn, "Switched a second proof on", "").fresh(),
    act("/account/second/codes", SignedIn, "Made new recovery codes", "").fresh(),
    act("/account/second/off", SignedIn, "Switched their second proof off", ""),
    look("/digest"),
    act("/digest", SignedIn, "Changed their digest", ""),
    act("/digest/send", SignedIn, "Sent themselves a digest", ""),
    look("/welcome"),
    act("/welcome", SignedIn, "Chose a name and a password", ""),
    look_to_change("/audit"),
    look_to_change("/audit.csv"),
    act("/audit", House, "Changed how long the audit log is kept", "/audit"),
];

/// Paths whose routes need nobody to be signed in even where the table does not know them: the demo's, and those that
/// prove who asks by a token of their own.
const OPEN: [&str; 2] = [API, "/demo"];
const API: &str = "/api/";

/// The line of a route. One that is not listed has the strictest sensible kind.
pub fn of(method: &Method, pattern: &str) -> Route {
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    let listed = ROUTES.iter().find(|route| route.method == method.as_str() && route.path == pattern);
    listed.copied().unwrap_or_else(|| {
        let may = match () {
            () if OPEN.iter().any(|open| pattern.starts_with(open)) => May::Anyone,
            () if *method == Method::GET => May::SignedIn,
            () => May::Change,
        };
        Route { method: "", path: "", may, said: "", shown_at: "", fresh: false }
    })
}

/// What an act is called, by the form in which the log keeps it (`POST /gateways/{id}/pause`).
pub fn said(act: &str) -> Option<&'static str> {
    let (method, path) = act.split_once(' ')?;
    if path.starts_with(API) {
        return said_by_api(method, path);
    }
    let route = ROUTES.iter().find(|route| route.method == method && route.path == path)?;
    (!route.said.is_empty()).then_some(route.said)
}

/// The API calls its operations by their summaries.
fn said_by_api(method: &str, path: &str) -> Option<&'static str> {
    let asked = |operation: &&Operation| operation.method.eq_ignore_ascii_case(method) && operation.path == path;
    operations().iter().find(asked)?.described.summary.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_shut() {
        #[track_caller]
        fn check(method: Method, pattern: &str, expected: May) {
            assert_eq!(of(&method, pattern).may, expected, "{method} {pattern}");
        }
        check(Method::GET, "/nowhere", May::SignedIn);
        check(Method::POST, "/nowhere", May::Change);
        check(Method::DELETE, "/carts", May::Change);
        check(Method::HEAD, "/team", May::House);
        check(Method::POST, "/demo/skip", May::Anyone);
    }

    #[test]
    fn each_route_is_listed_once() {
        for (at, route) in ROUTES.iter().enumerate() {
            let again = ROUTES[at + 1..].iter().any(|other| (other.method, other.path) == (route.method, route.path));
            assert!(!again, "{} {} is listed twice", route.method, route.path);
        }
    }
}
