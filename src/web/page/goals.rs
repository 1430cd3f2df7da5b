//! Goals: all of them with their figures, one broken down, adding, changing and removing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use actix_web::{HttpRequest, HttpResponse, web::Bytes};

use super::{Visit, back, events::short, id, show};
use crate::{
    domain::{
        goal::{Class, Count, Field as Where, Goal, How, Only, Plan, Worth, presets},
        id::GoalId,
        money::Money,
        seal::ShopKeys,
        site_event::{Kind, SiteEvent, Visitor},
        tally::Tally,
        time::DAY,
    },
    pipeline::{connect::NotConnected, goal, rollup, track},
    store::{self, Read},
    web::{
        problem::Problem,
        view::{
            Section,
            event::label,
            form::{Field, Kind as Input, place_problems},
            goal::{CloseRow, GoalPage, GoalRemove, GoalRow, Goals},
            words::t,
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Goals).await?;
    all(&visit, Vec::new()).await
}

async fn all(visit: &Visit, problems: Vec<String>) -> Result<HttpResponse, Problem> {
    let mut page = Goals {
        page: visit.page.clone(),
        rows: Vec::new(),
        visitors: 0,
        bought: None,
        close: Vec::new(),
        problems,
        may_change: visit.visitor.may_change && visit.shop().is_some(),
    };
    if let Some((_, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let goals = store::goal::list(&mut read, keys).await?;
        let (period, month) = counted(visit, &mut read, keys).await?;
        let before = before(visit, &mut read, keys).await?;
        page.visitors = period.visitors();
        page.rows = goals.iter().map(|goal| row(goal, &period, &before, &month)).collect();
        let orders = goals.iter().find(|goal| goal.plan.kind == Kind::Ordered && goal.plan.only.is_none());
        page.bought =
            orders.map(|goal| [&period, &before].map(|tally| (tally.goal(goal.id).whole.count, tally.visitors())));
        page.close = close(visit, &mut read, keys, &goals).await?;
    }
    show(&page)
}

/// The tallies of the period and of this month.
async fn counted(visit: &Visit, read: &mut Read, keys: &ShopKeys) -> Result<(Tally, Tally), Problem> {
    let (from, to) = visit.page.span();
    let period = track::counted(read, keys, rollup::number_of(from), rollup::number_of(to)).await?;
    let today = crate::domain::hours::day_of(&visit.page.zone, visit.page.now);
    let month = track::counted(read, keys, rollup::number_of(today.first_of_month()), rollup::number_of(today)).await?;
    Ok((period, month))
}

/// The tally of as many days before the period.
async fn before(visit: &Visit, read: &mut Read, keys: &ShopKeys) -> Result<Tally, Problem> {
    let (from, to) = visit.page.span();
    let (from, to) = (rollup::number_of(from), rollup::number_of(to));
    Ok(track::counted(read, keys, from - (to - from) - 1, from - 1).await?)
}

fn row(goal: &Goal, period: &Tally, before: &Tally, month: &Tally) -> GoalRow {
    let sheet = period.goal(goal.id);
    GoalRow {
        id: goal.id.to_string(),
        plan: goal.plan.clone(),
        count: sheet.whole.count,
        before: before.goal(goal.id).whole.count,
        worth: sheet.whole.worth(),
        this_month: month.goal(goal.id).whole.count,
    }
}

/// Days back in which somebody came close.
const CLOSE_DAYS: u32 = 7;
const CLOSE_ROWS: usize = 20;
/// Of each kind of event a micro-goal counts.
const CLOSE_EVENTS: u32 = 500;
/// Seen by everybody: no sign of wanting anything.
const TOO_COMMON: [Kind; 4] = [Kind::PageViewed, Kind::Scrolled, Kind::Stayed, Kind::PageSpeed];

/// Visitors who reached a micro-goal lately and placed no order.
async fn close(visit: &Visit, read: &mut Read, keys: &ShopKeys, goals: &[Goal]) -> Result<Vec<CloseRow>, Problem> {
    let span = (visit.page.now - DAY * CLOSE_DAYS, visit.page.now + DAY);
    let micro: Vec<&Goal> =
        goals.iter().filter(|goal| goal.plan.class == Class::Micro && !TOO_COMMON.contains(&goal.plan.kind)).collect();
    let kinds: BTreeSet<Kind> = micro.iter().map(|goal| goal.plan.kind).collect();
    let mut reached: HashMap<Visitor, (SiteEvent, String, u64)> = HashMap::new();
    for kind in kinds {
        for event in store::site_event::of_kind(read, keys, kind, span, CLOSE_EVENTS).await? {
            let Some(goal) = micro.iter().find(|goal| goal.plan.matches(&event)) else { continue };
            let name = goal.plan.name.clone();
            let known = reached.entry(event.visitor).or_insert_with(|| (event.clone(), name.clone(), 0));
            known.2 += 1;
            if event.at > known.0.at {
                (known.0, known.1) = (event, name);
            }
        }
    }
    let mut reached: Vec<_> = reached.into_iter().collect();
    reached.sort_by_key(|(visitor, (event, ..))| (std::cmp::Reverse(event.at), *visitor));
    let mut rows = Vec::new();
    for (visitor, (event, goal, times)) in reached {
        if rows.len() == CLOSE_ROWS {
            break;
        }
        if store::site_event::has_ordered(read, keys, &visitor, span.0).await? {
            continue;
        }
        rows.push(CloseRow {
            visitor: short(&visitor),
            goal,
            times,
            at: event.at,
            source: event.visit.source,
            medium: event.visit.medium,
            product: event.product,
        });
    }
    Ok(rows)
}

pub async fn get_add(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Goals).await?;
    visit.shop().ok_or(Problem::NotFound)?;
    one(&visit, None, fields(&visit, &BTreeMap::new()), Vec::new()).await
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Goals).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let goal = found(&mut visit.read().await?, keys, id(&request)?).await?;
    let typed = typed_of(&goal.plan);
    let fields = fields(&visit, &typed);
    one(&visit, Some(goal), fields, Vec::new()).await
}

async fn found(read: &mut Read, keys: &ShopKeys, id: GoalId) -> Result<Goal, Problem> {
    let goals = store::goal::list(read, keys).await?;
    goals.into_iter().find(|goal| goal.id == id).ok_or(Problem::NotFound)
}

async fn one(
    visit: &Visit,
    goal: Option<Goal>,
    mut fields: Vec<Field>,
    problems: Vec<String>,
) -> Result<HttpResponse, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let problems = place_problems(&mut fields, &problems);
    let mut read = visit.read().await?;
    let (period, month) = counted(visit, &mut read, keys).await?;
    let before = before(visit, &mut read, keys).await?;
    drop(read);
    show(&GoalPage {
        page: visit.page.clone(),
        sheet: goal.as_ref().map(|goal| period.goal(goal.id)).unwrap_or_default(),
        row: goal.as_ref().map(|goal| row(goal, &period, &before, &month)),
        visitors: period.visitors(),
        fields,
        problems,
        may_change: visit.visitor.may_change,
    })
}

/// Adds the goals of a kind of business, or one of the shop's own.
pub async fn add(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Goals).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let typed = typed(&body);
    if let Some(preset) = typed.get("preset") {
        let business = presets().iter().find(|business| business.id == *preset).ok_or(Problem::NotFound)?;
        let known = store::goal::list(&mut visit.read().await?, keys).await?;
        let is_new = |plan: &&Plan| known.iter().all(|goal| goal.plan.kind != plan.kind || goal.plan.only != plan.only);
        let named = |plan: &Plan| Plan { name: t(&plan.name).to_owned(), ..plan.clone() };
        let plans: Vec<Plan> = business.goals.iter().filter(is_new).map(named).collect();
        return match goal::keep(visit.core(), shop.id, None, &plans).await {
            Ok(_) => Ok(back("/goals", &request, "goals_added")),
            Err(NotConnected::Wrong(problems)) => all(&visit, problems).await,
            Err(NotConnected::Store(error)) => Err(error.into()),
        };
    }
    save(&visit, &request, None, &typed).await
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Goals).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let goal = found(&mut visit.read().await?, keys, id(&request)?).await?;
    save(&visit, &request, Some(goal), &typed(&body)).await
}

async fn save(
    visit: &Visit,
    request: &HttpRequest,
    goal: Option<Goal>,
    typed: &BTreeMap<String, String>,
) -> Result<HttpResponse, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let kept = match plan(typed, shop.currency) {
        Ok(plan) => goal::keep(visit.core(), shop.id, goal.as_ref().map(|goal| goal.id), &[plan]).await,
        Err(problems) => Err(NotConnected::Wrong(problems)),
    };
    match kept {
        Ok(Some(ids)) => {
            let path = ids.first().map_or_else(|| "/goals".to_owned(), |id| format!("/goals/{id}"));
            Ok(back(&path, request, "goal_saved"))
        }
        Ok(None) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => one(visit, goal, fields(visit, typed), problems).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

pub async fn ask_remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Goals).await?;
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let goal = found(&mut visit.read().await?, keys, id(&request)?).await?;
    let path = format!("/goals/{}", goal.id);
    show(&GoalRemove { page: visit.page.clone(), path, name: goal.plan.name, is_funnel: false })
}

pub async fn remove(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Goals).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    if goal::remove(visit.core(), shop.id, id(&request)?).await? {
        Ok(back("/goals", &request, "goal_removed"))
    } else {
        Err(Problem::NotFound)
    }
}

pub(super) fn typed(body: &Bytes) -> BTreeMap<String, String> {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    pairs.map(|(name, value)| (name, value.trim().to_owned())).collect()
}

/// Every kind with its name, for a choice.
pub(super) fn kinds() -> Vec<(String, String)> {
    let mut kinds: Vec<(String, String)> =
        Kind::ALL.into_iter().map(|kind| (kind.name().to_owned(), label(kind).to_owned())).collect();
    kinds.sort_by(|one, other| one.1.cmp(&other.1));
    kinds
}

fn fields(visit: &Visit, typed: &BTreeMap<String, String>) -> Vec<Field> {
    let given = |name: &str, default: &str| typed.get(name).cloned().unwrap_or_else(|| default.to_owned());
    let choice = |name: &str, label: &str, help: &str, default: &str, all: Vec<(String, String)>| Field {
        kind: Input::Choice(all),
        ..Field::text(name, label, help, &given(name, default))
    };
    let pairs = |all: &[(&str, &str)]| all.iter().map(|(value, words)| ((*value).into(), (*words).into())).collect();
    let number = |name: &str, label: &str, help: &str| Field {
        kind: Input::Number,
        ..Field::text(name, label, help, &given(name, ""))
    };
    let currency = visit.shop().map(|(shop, _)| shop.currency.to_string()).unwrap_or_default();
    vec![
        Field::text("name", t("Name"), t("As lists and reports call it."), &given("name", "")).required(),
        choice(
            "class",
            t("Class"),
            t("Macro: what the shop lives from. Micro: a step that shows interest."),
            "micro",
            pairs(&[("micro", t("Micro")), ("macro", t("Macro"))]),
        ),
        choice("kind", t("Event"), t("What a visitor does."), Kind::CartAdded.name(), kinds()),
        choice(
            "field",
            t("Only where"),
            t("Which part of the event is looked at."),
            "",
            pairs(&[
                ("", t("every one counts")),
                ("target", t("the target (a file, a form, a search, your own event’s name)")),
                ("product", t("the product")),
                ("page", t("the page’s path")),
            ]),
        ),
        choice(
            "how",
            t("Compared"),
            t("Without regard to upper and lower case."),
            "contains",
            pairs(&[("contains", t("contains")), ("equals", t("is exactly"))]),
        ),
        Field::text("text", t("Text"), t("What is looked for, as in guide.pdf or /pricing."), &given("text", "")),
        choice(
            "worth",
            t("Worth"),
            t("What one is worth to you."),
            "nothing",
            pairs(&[
                ("nothing", t("nothing that can be counted")),
                ("as_told", t("what the order or the event says")),
                ("fixed", t("always the same")),
            ]),
        ),
        Field::text("amount", t("Amount"), &currency, &given("amount", "")),
        choice(
            "count",
            t("How often"),
            t("Once a day keeps one eager visitor from counting as ten."),
            "once_a_day",
            pairs(&[("once_a_day", t("once a day per visitor")), ("every", t("every time"))]),
        ),
        number("target", t("Wanted a month"), t("Empty: nothing in particular.")),
    ]
}

fn typed_of(plan: &Plan) -> BTreeMap<String, String> {
    let mut typed = BTreeMap::new();
    let mut put = |name: &str, value: &str| drop(typed.insert(name.to_owned(), value.to_owned()));
    put("name", &plan.name);
    put("class", if plan.class == Class::Macro { "macro" } else { "micro" });
    put("kind", plan.kind.name());
    if let Some(only) = &plan.only {
        put(
            "field",
            match only.field {
                Where::Target => "target",
                Where::Product => "product",
                Where::Page => "page",
            },
        );
        put("how", if only.how == How::Equals { "equals" } else { "contains" });
        put("text", &only.text);
    }
    match &plan.worth {
        Worth::Nothing => put("worth", "nothing"),
        Worth::AsTold => put("worth", "as_told"),
        Worth::Fixed(minor, currency) => {
            put("worth", "fixed");
            if let Ok(currency) = currency.parse() {
                put("amount", &Money::new(*minor, currency).amount());
            }
        }
    }
    put("count", if plan.count == Count::Every { "every" } else { "once_a_day" });
    if let Some(target) = plan.target {
        put("target", &target.to_string());
    }
    typed
}

/// What was typed as a plan. Amounts are in the shop's currency.
fn plan(typed: &BTreeMap<String, String>, currency: crate::domain::money::Currency) -> Result<Plan, Vec<String>> {
    let mut problems = Vec::new();
    let given = |name: &str| typed.get(name).map_or("", String::as_str);
    let kind = Kind::parse(given("kind")).unwrap_or(Kind::CartAdded);
    let field = match given("field") {
        "target" => Some(Where::Target),
        "product" => Some(Where::Product),
        "page" => Some(Where::Page),
        _ => None,
    };
    let how = if given("how") == "equals" { How::Equals } else { How::Contains };
    let worth = match given("worth") {
        "as_told" => Worth::AsTold,
        "fixed" => match currency.minor(given("amount")) {
            Ok(minor) => Worth::Fixed(minor, currency.to_string()),
            Err(_) => {
                problems.push(format!("amount: {}", t("must be an amount, as in 12.50")));
                Worth::Nothing
            }
        },
        _ => Worth::Nothing,
    };
    let target = match given("target") {
        "" => None,
        text => text.parse().map(Some).unwrap_or_else(|_| {
            problems.push(format!("target: {}", t("must be a whole number")));
            None
        }),
    };
    let plan = Plan {
        name: given("name").to_owned(),
        class: if given("class") == "macro" { Class::Macro } else { Class::Micro },
        kind,
        only: field.map(|field| Only { field, how, text: given("text").to_owned() }),
        worth,
        count: if given("count") == "every" { Count::Every } else { Count::OnceADay },
        target,
    };
    if let Err(more) = plan.check() {
        problems.extend(more);
    }
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}
