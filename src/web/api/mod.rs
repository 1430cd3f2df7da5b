//! The API, `/api/v1`: what the pages can do, for programs. Each request names its token; a token is bound to one shop (or
//! to the house) and to scopes. What is another shop's does not exist here.
//!
//! One table ([`operations`]) says which operations there are. Their routes, their description ([`describe`]), who may ask
//! for them ([`door`]) and what the same request again means ([`once`]) all follow from it.
//!
//! # How to add an operation
//! Write its handler in the file of its noun: `pub async fn x(call: &Call) -> Result<Answer, Problem>` under
//! `#[utoipa::path(…)]`, with structs of its own for what comes in (`deny_unknown_fields`) and goes out; add its line to
//! `operations!` with the scope it needs. The description is made from both, the reader page and the tests from that.

mod pace;
mod answer;
mod call;
mod door;
mod once;
pub mod describe;
pub mod form;
mod shop;
mod rules;
mod gateways;
mod carts;
mod messages;
mod acts;
mod orders;
mod events;
mod goals;
mod goal_form;
mod sequences;
mod sequence_form;
mod texts;
mod replies;
mod people;
mod ledgers;
mod reports;
mod net_ledger;
mod experiments;
mod dry_run;
mod attribution;
mod statements;
mod inbox;
mod audit;
mod offline;
mod calls;
mod webhooks;
mod ad_consents;
mod self_tests;
mod trail;
mod risk;
mod law;
pub mod body;

pub use pace::{Pace, REQUESTS_A_MINUTE};

use std::{collections::BTreeMap, pin::Pin, sync::LazyLock};

use actix_web::{
    Route,
    web::{self, ServiceConfig},
};
use utoipa::openapi::{
    HttpMethod, RefOr,
    path::{Operation as Described, Parameter, ParameterIn},
};

use super::{get, only, problem::Problem};
use crate::store::token::Scope;
use answer::Answer;
use call::Call;

type Running<'c> = Pin<Box<dyn Future<Output = Result<Answer, Problem>> + 'c>>;

/// One method of one path.
pub struct Operation {
    pub method: &'static str,
    pub path: String,
    /// The file it is in, and its name there.
    pub noun: &'static str,
    pub name: &'static str,
    /// `None`: anybody may ask.
    pub needs: Option<Scope>,
    /// Whether the same request again with the same Idempotency-Key is done once.
    pub once: bool,
    pub described: Described,
    run: for<'c> fn(&'c Call) -> Running<'c>,
}

impl Operation {
    pub fn takes_body(&self) -> bool {
        self.described.request_body.is_some()
    }

    fn takes_query(&self) -> bool {
        let of_query = |parameter: &RefOr<Parameter>| {
            matches!(parameter, RefOr::T(Parameter { parameter_in: ParameterIn::Query, .. }))
        };
        self.described.parameters.iter().flatten().any(of_query)
    }
}

/// `noun { handler its-description scope [once], … }`. `Nobody` for what anybody may ask.
macro_rules! operations {
    ($($noun:ident { $($name:ident $described:ident $needs:ident $($once:ident)?),+ $(,)? })+) => {
        fn list() -> Vec<Operation> {
            vec![$($(Operation {
                method: method(<$noun::$described as utoipa::Path>::methods().first()),
                path: <$noun::$described as utoipa::Path>::path(),
                noun: stringify!($noun),
                name: stringify!($name),
                needs: operations!(@needs $needs),
                once: operations!(@once $($once)?),
                described: <$noun::$described as utoipa::Path>::operation(),
                run: |call| Box::pin($noun::$name(call)),
            }),+),+]
        }

        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($noun::$name),+),+), components(schemas(form::Problem)))]
        struct Everything;
    };
    (@needs Nobody) => { None };
    (@needs $scope:ident) => { Some(Scope::$scope) };
    (@once) => { false };
    (@once once) => { true };
}

operations! {
    describe { describe __path_describe Nobody }
    shop {
        list __path_list Read,
        get __path_get Read,
        change __path_change Write,
        pause __path_pause Write once,
        resume __path_resume Write once,
    }
    rules { get __path_get Read, change __path_change Write }
    gateways {
        list __path_list Read,
        add __path_add Write once,
        get __path_get Read,
        change __path_change Write,
        remove __path_remove Write,
        pause __path_pause Write once,
        resume __path_resume Write once,
    }
    carts { list __path_list Read, find __path_find Read, get __path_get Read, explain __path_explain Read }
    messages { list __path_list Read, get __path_get Read, proof __path_proof Read }
    acts {
        send_now __path_send_now Send once,
        hold __path_hold Write,
        release __path_release Write,
        dismiss __path_dismiss Write,
        settle __path_settle Write,
    }
    orders { list __path_list Read, get __path_get Read, credit __path_credit Write once }
    events { list __path_list Read, add __path_add Write once }
    goals {
        list __path_list Read,
        get __path_get Read,
        add __path_add Write once,
        put __path_put Write,
        remove __path_remove Write,
        funnels __path_funnels Read,
        funnel __path_funnel Read,
        add_funnel __path_add_funnel Write once,
        put_funnel __path_put_funnel Write,
        remove_funnel __path_remove_funnel Write,
    }
    sequences {
        list __path_list Read,
        presets __path_presets Read,
        add __path_add Write once,
        get __path_get Read,
        put __path_put Write,
        remove __path_remove Write,
        on __path_on Write once,
        off __path_off Write once,
        shift __path_shift Write once,
    }
    texts {
        list __path_list Read,
        get __path_get Read,
        put __path_put Write,
        remove __path_remove Write,
        preview __path_preview Read,
        test __path_test Send once,
    }
    replies { list __path_list Read, settle __path_settle Write }
    people {
        export __path_export Read,
        export_by_body __path_export_by_body Read,
        exists __path_exists Read,
        erase __path_erase People once,
    }
    ledgers {
        consents __path_consents Read,
        record_consents __path_record_consents People once,
        opt_outs __path_opt_outs Read,
        record_opt_outs __path_record_opt_outs People once,
    }
    reports { get __path_get Read, funnel __path_funnel Read, credited __path_credited Read, lift __path_lift Read }
    dry_run { get __path_get Read }
    experiments {
        list __path_list Read,
        begin __path_begin Write once,
        get __path_get Read,
        stop __path_stop Write,
        take __path_take Write,
    }
    net_ledger {
        get __path_get Read,
        set __path_set Write,
        rates __path_rates Read,
        put_rates __path_put_rates Write,
        remove_rate __path_remove_rate Write,
        spends __path_spends Read,
        put_spends __path_put_spends Write,
        remove_spend __path_remove_spend Write,
    }
    attribution { compare __path_compare Read, windows __path_windows Write }
    statements { list __path_list Read, publish __path_publish Write once, get __path_get Read }
    inbox {
        list __path_list Read,
        get __path_get Read,
        replay __path_replay Write,
        fix __path_fix Write,
        begin __path_begin Write once,
        stop __path_stop Write,
    }
    audit {
        runs __path_runs Read,
        begin __path_begin Write once,
        stop __path_stop Write,
        fill __path_fill Write once,
        findings __path_findings Read,
        ignore __path_ignore Write,
        open __path_open Write,
        limits __path_limits Read,
        set_limits __path_set_limits Write,
    }
    offline {
        list __path_list Read,
        add __path_add Write once,
        figures __path_figures Read,
        get __path_get Read,
        undo __path_undo Write,
    }
    calls {
        list __path_list Read,
        numbers __path_numbers Read,
        add __path_add Write once,
        remove __path_remove Write,
    }
    trail { list __path_list People }
    webhooks {
        list __path_list Read,
        add __path_add Write once,
        get __path_get Read,
        change __path_change Write,
        remove __path_remove Write,
        enable __path_enable Write,
        disable __path_disable Write,
        rotate __path_rotate Write once,
        test __path_test Send once,
        replay __path_replay Write once,
    }
    ad_consents { record __path_record People once }
    self_tests { list __path_list Read, ask __path_ask Write once }
    risk {
        get __path_get Read,
        resume __path_resume Write once,
        halted __path_halted House,
        halt __path_halt House once,
        lift __path_lift House once,
    }
    law { list __path_list Read, get __path_get Read }
}

fn method(of: Option<&HttpMethod>) -> &'static str {
    match of {
        Some(HttpMethod::Post) => "post",
        Some(HttpMethod::Put) => "put",
        Some(HttpMethod::Patch) => "patch",
        Some(HttpMethod::Delete) => "delete",
        _ => "get",
    }
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(list);

/// Every operation, in the order of the table.
pub fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// What each path answers to, with the value of `Allow`.
static PATHS: LazyLock<BTreeMap<&'static str, (Vec<&'static Operation>, String)>> = LazyLock::new(|| {
    let mut paths: BTreeMap<&str, (Vec<&Operation>, String)> = BTreeMap::new();
    for operation in operations() {
        let (known, allowed) = paths.entry(operation.path.as_str()).or_default();
        known.push(operation);
        if !allowed.is_empty() {
            allowed.push_str(", ");
        }
        allowed.push_str(if operation.method == "get" { "GET, HEAD" } else { "" });
        if operation.method != "get" {
            allowed.push_str(&operation.method.to_ascii_uppercase());
        }
    }
    paths
});

/// A `{` sorts after every letter, so that `/sequences/presets` is asked before `/sequences/{id}`.
pub fn routes(config: &mut ServiceConfig) {
    for (path, (operations, allowed)) in PATHS.iter() {
        let resource = operations.iter().fold(web::resource(*path), |resource, operation| {
            resource.route(route(operation.method).to(|request, payload| door::serve(operation, request, payload)))
        });
        config.service(resource.default_service(only(allowed)));
    }
}

fn route(method: &str) -> Route {
    match method {
        "post" => web::post(),
        "put" => web::put(),
        "patch" => web::patch(),
        "delete" => web::delete(),
        _ => get(),
    }
}
