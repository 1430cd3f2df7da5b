//! Carts: the list, and the search. What is personal lies sealed, so a search finds whole phone numbers, e-mail addresses,
//! customer ids and tokens through the blind index, and orders by what people call them.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Form};
use serde::Deserialize;

use super::{
    ROWS, Visit, facets,
    listing::{self, amount, cursor, given, span, told, yes_or_no},
    search, show, story,
    story::Story,
};
use crate::{
    domain::{
        cart::Cart,
        event::{Identity, TypedPhone},
        id::{CartId, OrderId},
        rules::Rules,
        seal::ShopKeys,
    },
    pipeline::ingest,
    store::{
        self, Error, Read,
        cart::{Filter as Which, Narrow, Sort as Order},
        identity::{self, Kind, Subject},
        listing::Leaf,
        shop::Shop,
    },
    web::{
        problem::Problem,
        view::{
            Page, Section,
            cart::{CartRow, Carts, Filter},
            listing::{Control, Count, Field, Listing, Sort},
            words::{say, t},
        },
    },
};

/// What a figure may narrow carts to, beside what everybody may.
const FACETS: &[&str] = &["product", "source"];

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let filter = Filter::parse(visit.asked("state"));
    let q = visit.shop().and_then(|(_, keys)| search::opened(keys, visit.asked("q"))).unwrap_or_default();
    let mut page = Carts {
        filter,
        is_new: true,
        rows: Vec::new(),
        list: Listing { path: "/carts".to_owned(), ..Listing::default() },
        q,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        let (narrow, order) = asked(&visit, shop);
        page.list.fields = fields(&visit, &shop.rules);
        page.list.fields.extend(facets::fields(&visit, shop, FACETS, |_| None));
        page.list.sorts = sorts(order, shop);
        page.list.sheet = true;
        let leaf = if page.q.is_empty() {
            page.list.count = store::cart::counted(&mut read, keys, &narrow).await?.into();
            store::cart::leaf(&mut read, keys, &narrow, order, listing::open(&visit)).await?
        } else {
            let rows = carts_of(&mut read, shop, keys, &page.q).await?;
            page.list.count = Count::from(rows.len() as u64);
            Leaf { rows, on: None, back: None }
        };
        page.list.on = leaf.on.map(cursor);
        page.list.back = leaf.back.map(cursor);
        page.is_new =
            leaf.rows.is_empty() && store::cart::counted(&mut read, keys, &Narrow::default()).await?.rows == 0;
        let stories = Story::of_all(&mut read, keys, leaf.rows).await?;
        page.rows = stories.iter().map(|story| row(shop, story, &visit.page)).collect();
    }
    show(&page)
}

/// What somebody looks for.
#[derive(Deserialize)]
pub struct Sought {
    #[serde(default)]
    q: String,
}

/// Leads to what is found.
pub async fn find(request: HttpRequest, sought: Form<Sought>) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Carts).await?;
    let place = match (visit.shop(), sought.q.trim()) {
        (None, _) | (_, "") => "/carts".to_owned(),
        (Some((_, keys)), typed) => format!("/carts?q={}", search::sealed(keys, &typed)?),
    };
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, visit.page.href(&place))).finish())
}

/// The same list as a sheet.
pub async fn sheet(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] = &[
        "cart",
        "begun",
        "abandoned",
        "last_activity",
        "shopper",
        "country",
        "language",
        "value",
        "currency",
        "state",
        "why",
    ];
    let visit = Visit::begin(&request, Section::Carts).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let (narrow, order) = asked(&visit, shop);
    let (state, page) = (visit.state.clone(), visit.page.clone());
    let (own, keys) = (shop.clone(), keys.clone());
    Ok(listing::sheet(&visit, shop, "carts", HEADING, move |open| {
        let (state, page, shop, keys, narrow) =
            (state.clone(), page.clone(), own.clone(), keys.clone(), narrow.clone());
        Box::pin(async move {
            let mut read = state.core.db.read().await?;
            let leaf = store::cart::leaf(&mut read, &keys, &narrow, order, open).await?;
            let stories = Story::of_all(&mut read, &keys, leaf.rows).await?;
            Ok((stories.iter().map(|story| line(&shop, story, &page)).collect(), leaf.on))
        })
    }))
}

fn line(shop: &Shop, story: &Story, page: &Page) -> Vec<String> {
    let cart = &story.cart;
    let [value, currency] = listing::money(cart.latest.total);
    vec![
        cart.id.to_string(),
        listing::moment(shop, Some(cart.started_at)),
        listing::moment(shop, cart.abandoned_at),
        listing::moment(shop, Some(cart.active_at())),
        story::who(shop, cart),
        story::country(cart).unwrap_or_default(),
        cart.latest.language.clone().unwrap_or_default(),
        value,
        currency,
        story.state(shop, page.now).label().to_owned(),
        story.why(shop, page),
    ]
}

/// What the address narrows the list to, and its order.
fn asked(visit: &Visit, shop: &Shop) -> (Narrow, Order) {
    let order = if visit.asked("sort") == "worth" { Order::Worth } else { Order::Time };
    let currency = listing::currency(visit, shop);
    let worth = (amount(visit, "worth_from", currency), amount(visit, "worth_to", currency));
    let (from, to) = span(visit, shop);
    let in_money = order == Order::Worth || worth != (None, None) || given(visit, "currency").is_some();
    let narrow = Narrow {
        state: which(Filter::parse(visit.asked("state"))),
        from,
        to,
        country: told(visit, "country").map(|country| country.to_ascii_uppercase()),
        language: given(visit, "language"),
        currency: in_money.then(|| currency.code().to_owned()),
        worth,
        sequence: given(visit, "sequence"),
        step: visit.asked("step").parse().ok(),
        phone: yes_or_no(visit, "phone"),
        consent: yes_or_no(visit, "consent"),
        facets: facets::asked(visit, shop, FACETS),
    };
    (narrow, order)
}

fn fields(visit: &Visit, rules: &Rules) -> Vec<Field> {
    let field = |name, label: &str, control| Field::new(name, label, visit.asked(name).trim(), control);
    let (from, to) = listing::days(visit);
    let day = |name, label: &str, day: Option<jiff::civil::Date>| {
        Field::new(name, label, day.map_or(String::new(), |day| day.to_string()), Control::Day)
    };
    let yes_no = || Control::Choice(vec![("yes".into(), t("yes").into()), ("no".into(), t("no").into())]);
    let steps = (0..=5).map(|step| {
        (step.to_string(), if step == 0 { t("none").into() } else { say("text {step}", &[("step", &step)]) })
    });
    let sequences = rules.sequences.iter().map(|sequence| (sequence.id.clone(), sequence.name.clone())).collect();
    vec![
        Field::new("state", t("State"), Filter::parse(visit.asked("state")).name(), Control::Tab),
        field("q", t("Search"), Control::Tab),
        day("from", t("From"), from),
        day("to", t("To"), to),
        field("country", t("Country"), Control::Text),
        field("language", t("Language"), Control::Text),
        field("worth_from", t("Worth at least"), Control::Amount),
        field("worth_to", t("Worth at most"), Control::Amount),
        field("currency", t("Currency"), Control::Text),
        field("sequence", t("Sequence"), Control::Choice(sequences)),
        field("step", t("Last text"), Control::Choice(steps.collect())),
        field("phone", t("Has a phone"), yes_no()),
        field("consent", t("Has a consent"), yes_no()),
    ]
}

fn sorts(order: Order, shop: &Shop) -> Vec<Sort> {
    vec![
        Sort { name: "", label: t("Newest first").to_owned(), current: order == Order::Time },
        Sort {
            name: "worth",
            label: say("Most valuable first ({currency})", &[("currency", &shop.currency.code())]),
            current: order == Order::Worth,
        },
    ]
}

fn row(shop: &Shop, story: &Story, page: &Page) -> CartRow {
    let cart = &story.cart;
    CartRow {
        id: cart.id.to_string(),
        value: story::value(shop, cart),
        who: story::who(shop, cart),
        country: story::country(cart),
        state: story.state(shop, page.now),
        why: story.why(shop, page),
        last_activity_at: cart.active_at(),
    }
}

fn which(filter: Filter) -> Which {
    match filter {
        Filter::All => Which::All,
        Filter::Open => Which::Open,
        Filter::Abandoned => Which::Abandoned,
        Filter::Phone => Which::Phone,
        Filter::Mobile => Which::Mobile,
        Filter::Consented => Which::Consented,
        Filter::Allowed => Which::Allowed,
        Filter::Unreachable => Which::Unreachable,
        Filter::Reachable => Which::Reachable,
        Filter::Held => Which::Held,
        Filter::Texted => Which::Texted,
        Filter::Undelivered => Which::Undelivered,
        Filter::Delivered => Which::Delivered,
        Filter::Untapped => Which::Untapped,
        Filter::Clicked => Which::Clicked,
        Filter::Unbought => Which::Unbought,
        Filter::Recovered => Which::Recovered,
        Filter::Bought => Which::Bought,
        Filter::OptedOut => Which::OptedOut,
    }
}

/// The carts of whoever or whatever was typed, newest first.
async fn carts_of(read: &mut Read, shop: &Shop, keys: &ShopKeys, typed: &str) -> Result<Vec<Cart>, Error> {
    let mut found: Vec<CartId> = typed.parse().into_iter().collect();
    for value in names(shop, keys, typed) {
        found.extend(identity::carts(read, keys, &value).await?);
    }
    let order = match typed.parse::<OrderId>() {
        Ok(id) => store::order::get(read, keys, id).await?,
        Err(_) => store::order::by_number(read, keys, typed).await?,
    };
    if let Some(order) = order {
        for (_, value) in identity::names(read, keys, Subject::Order(order.id)).await? {
            found.extend(identity::carts(read, keys, &value).await?);
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.dedup();
    let mut carts = Vec::new();
    for id in found.into_iter().take(ROWS as usize) {
        carts.extend(store::cart::get(read, keys, id).await?);
    }
    Ok(carts)
}

/// Everything the typed text could be the name of.
fn names(shop: &Shop, keys: &ShopKeys, typed: &str) -> Vec<[u8; 16]> {
    let who = Identity {
        customer: Some(typed.to_owned()),
        email: Some(typed.to_owned()),
        phones: vec![TypedPhone { number: typed.to_owned(), country: None }],
    };
    let mut values: Vec<_> =
        ingest::names(shop, keys, &who, None, [typed]).into_iter().map(|(_, value)| value).collect();
    values.push(identity::value(keys, Kind::Checkout, typed));
    values.dedup();
    values
}
