//! Connecting a shop: choose a platform, name the shop, and then the steps until it is live. Each step can be done, left
//! out and done again; which are done is read from what is there.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, http::header, web::Bytes};

use super::{Visit, come_in_as_owner, come_in_to_change, id, settings::Typed, shops, show};
use crate::{
    clock,
    domain::{
        connector::{Settings, Spec},
        home,
        hours::Hours,
        id::{MessageId, ShopId},
        law::{self, Whereabouts},
        message::{MessageState, Purpose},
        rules::Rules,
        sequence::{PRESETS, Sequence, preset, span},
        sms, template,
        time::{MINUTE, Time},
        wording,
    },
    gateway,
    pipeline::{
        approve,
        connect::{self, NotConnected, ShopTyped},
        trial::{self, NotSent, Trial},
    },
    shop::{self, Approval, standard_webhooks},
    store::{self, cart::Filter, shop::Shop as Stored},
    web::{
        problem::Problem,
        view::{
            Section,
            connect::{
                Arrival, Arrivals, Body, Fragment, GatewayStep, LiveStep, NewShop, Platform, Platforms, Progress,
                RulesStep, Said, SetUp, ShopStep, State, Step, TestStep, WordsStep,
            },
            form::{self, Field},
            shop::Failure,
            words::{say, t},
        },
    },
};

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Shops).await?;
    let platforms = shop::ALL.iter().map(|kind| {
        let spec = kind.spec();
        let mut topics: Vec<String> = Vec::new();
        for topic in spec.topics.iter().filter(|topic| topic.needed) {
            let told = t(topic.purpose);
            // "carts" says nothing beside "carts, phone and consent".
            if !topics.iter().any(|known| known.starts_with(told)) {
                topics.retain(|known| !told.starts_with(known.as_str()));
                topics.push(told.to_owned());
            }
        }
        Platform { kind: spec.kind.to_owned(), name: t(spec.name).to_owned(), topics }
    });
    show(&Platforms {
        platforms: platforms.collect(),
        countries: countries(),
        country: guess(&request),
        page: visit.page.clone(),
    })
}

/// Every country there is a suggestion or a law for, by name.
fn countries() -> Vec<(String, String)> {
    let rows = law::current().countries();
    let name = |code: &str| {
        let row = rows.iter().find(|row| row.is_of(code));
        row.map_or_else(|| code.to_owned(), |row| if row.code == code { row.name.clone() } else { code.to_owned() })
    };
    let mut codes: Vec<String> =
        rows.iter().map(|row| row.code.clone()).chain(home::countries().map(str::to_owned)).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut all: Vec<(String, String)> = codes.into_iter().map(|code| (code.clone(), name(&code))).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1));
    all
}

/// The country the reader's browser names, to begin with.
fn guess(request: &HttpRequest) -> String {
    let accepted = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let tags =
        accepted.unwrap_or_default().split(',').filter_map(|range| range.split(';').next()?.trim().split_once('-'));
    let found = tags.map(|(_, region)| region.to_ascii_uppercase()).find(|region| home::of(region).is_some());
    found.unwrap_or_else(|| "US".to_owned())
}

pub async fn get_new(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Shops).await?;
    let kind = shop::by_kind(visit.asked("kind")).ok_or(Problem::NotFound)?;
    let country = visit.asked("country").trim().to_ascii_uppercase();
    let (currency, zone) = home::of(&country).unwrap_or_default();
    let typed = [("country", country.as_str()), ("currency", currency), ("timezone", zone)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    show(&new_page(&visit, kind.spec(), &typed.into(), &[]))
}

fn new_page(visit: &Visit, spec: &Spec, typed: &BTreeMap<String, String>, problems: &[String]) -> NewShop {
    let mut fields = head_fields(typed);
    fields.extend(form::settings(spec, &Settings::default(), typed, Some(false)));
    let problems = form::place_problems(&mut fields, problems);
    let (kind, kind_name) = (spec.kind.to_owned(), t(spec.name).to_owned());
    NewShop { kind, kind_name, fields, problems, limits: spec.limits, page: visit.page.clone() }
}

/// What every shop has.
pub fn head_fields(typed: &BTreeMap<String, String>) -> Vec<Field> {
    let value = |key: &str| typed.get(key).map_or("", String::as_str);
    let field = |key: &str, label: &str, help: &str| Field::text(key, label, help, value(key)).required();
    vec![
        field("name", t("Name of the shop"), t("Stands at the head of every text; at most 60 characters.")),
        field("country", t("Country"), t("Two letters, as in SI.")),
        field("currency", t("Currency"), t("Three letters, as in EUR: in what its reports count.")),
        field("timezone", t("Time zone"), t("As in Europe/Ljubljana: when its day begins.")),
    ]
}

pub async fn post_new(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    come_in_as_owner(&request).await?;
    let visit = Visit::begin(&request, Section::Shops).await?;
    let mut typed = Typed::of(&body).fields();
    let kind = typed.remove("kind").unwrap_or_default();
    let spec = shop::by_kind(&kind).ok_or(Problem::NotFound)?.spec();
    let value = |key: &str| typed.get(key).cloned().unwrap_or_default();
    let settings = typed.iter().filter(|(key, _)| spec.field(key).is_some());
    let new = ShopTyped {
        kind,
        name: value("name"),
        country: value("country"),
        currency: value("currency"),
        zone: value("timezone"),
        settings: settings.map(|(key, value)| (key.clone(), value.clone())).collect(),
        rules: BTreeMap::new(),
    };
    match connect::prepare_shop(visit.core(), &new).await {
        Ok(made) => Ok(to(&format!("/shops/{}/set-up?shop={}&done=shop_added", made.shop, made.shop))),
        Err(NotConnected::Wrong(problems)) => show(&new_page(&visit, spec, &typed, &problems)),
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

fn to(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path.to_owned())).finish()
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let step = Step::parse(visit.asked("step"));
    set_up(&visit, step, &BTreeMap::new(), Vec::new(), Vec::new()).await
}

/// The arrivals alone.
pub async fn arrivals_only(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let arrivals = arrivals(&visit, shop).await?;
    show(&Fragment { page: visit.page.clone(), arrivals })
}

/// Leads the owner to the shop's own page where they let us in. It changes nothing: what it signs is stored nowhere.
pub async fn approve(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    if !visit.visitor.may_change {
        return Err(Problem::Forbidden);
    }
    let shop: ShopId = id(&request)?;
    match approve::ask(visit.core(), shop).await {
        Ok(Some(url)) => Ok(to(&url)),
        Ok(None) => Err(Problem::NotFound),
        Err(NotConnected::Wrong(problems)) => {
            set_up(&visit, Some(Step::Shop), &BTreeMap::new(), problems, Vec::new()).await
        }
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

type Outcomes = Vec<(String, Option<String>)>;

async fn set_up(
    visit: &Visit,
    step: Option<Step>,
    typed: &BTreeMap<String, String>,
    problems: Vec<String>,
    outcomes: Outcomes,
) -> Result<HttpResponse, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let spec = shop::by_kind(&shop.kind).ok_or(Problem::NotFound)?.spec();
    let progress = progress(visit, shop, spec).await?;
    let open = progress.iter().find(|each| each.state == State::Open).map_or(Step::Live, |each| each.step);
    let step = step.unwrap_or(open);
    let mut problems = problems;
    let body = match step {
        Step::Shop => Body::Shop(shop_step(visit, shop, spec, typed, &mut problems, outcomes).await?),
        Step::Gateway => Body::Gateway(gateway_step(visit, typed, &mut problems).await?),
        Step::Rules => Body::Rules(rules_step(shop)),
        Step::Words => Body::Words(words_step(visit).await?),
        Step::Test => Body::Test(test_step(visit, typed).await?),
        Step::Live => Body::Live(live_step(visit, &progress).await?),
    };
    show(&SetUp {
        id: shop.id.to_string(),
        name: shop.name.clone(),
        kind_name: t(spec.name).to_owned(),
        live: shop.stopped().is_none(),
        progress,
        step,
        body,
        problems,
        page: visit.page.clone(),
    })
}

/// What is done, by what is there.
async fn progress(visit: &Visit, shop: &Stored, spec: &Spec) -> Result<Vec<Progress>, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let arrived = !store::inbox::topics(&mut read, shop.id, Time::FIRST).await?.is_empty();
    let accounts = super::gateways::all(&mut read, visit.core(), keys).await?;
    let tests = tests(visit, &mut read).await?;
    let is_default = |sequence: &Sequence| sequence.id == crate::domain::sequence::default_sequence().id;
    let own_plan = !shop.rules.sequences.iter().any(is_default);
    let own_words = shop.rules.sequences.iter().flat_map(|sequence| &sequence.steps).any(|step| !step.texts.is_empty());
    let when = |done: bool, otherwise: State| if done { State::Done } else { otherwise };
    let state = |step: Step| match step {
        Step::Shop => when(arrived && spec.missing(&shop.settings).is_empty(), State::Open),
        Step::Gateway => when(!accounts.is_empty(), State::Open),
        Step::Rules => when(own_plan, State::Ready),
        Step::Words => when(own_words, State::Ready),
        Step::Test => when(
            tests.iter().any(|(_, state, _)| *state == MessageState::Delivered || *state == MessageState::Accepted),
            State::Open,
        ),
        Step::Live => when(shop.stopped().is_none(), State::Open),
    };
    Ok(Step::ALL.map(|step| Progress { step, state: state(step) }).into())
}

async fn shop_step(
    visit: &Visit,
    shop: &Stored,
    spec: &Spec,
    typed: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
    outcomes: Outcomes,
) -> Result<ShopStep, Problem> {
    let connected = connect::shown(visit.core(), shop.id, None).await?.ok_or(Problem::NotFound)?;
    let mut keys = form::settings(spec, &shop.settings, typed, Some(true));
    for field in &mut keys {
        let drawn = spec.field(&field.name).is_some_and(|setting| setting.drawn);
        if drawn && !field.is_set() && field.value.is_empty() {
            field.value = standard_webhooks::secret(clock::random());
        }
    }
    *problems = form::place_problems(&mut keys, problems);
    let kind = shop::by_kind(&shop.kind);
    let can_subscribe = kind
        .and_then(|kind| kind.subscribe(&shop.settings, &connected.webhook_url).ok())
        .is_some_and(|wanted| !wanted.is_empty());
    let nothing = Approval { state: "", callback_url: "", return_url: "" };
    let can_approve = kind.is_some_and(|kind| matches!(kind.approval_url(&shop.settings, &nothing), Ok(Some(_))));
    let approve_at = kind.filter(|_| can_approve).and_then(|kind| kind.home(&shop.settings));
    Ok(ShopStep {
        reachable: visit.core().plain_links || shops::is_reachable(&visit.core().public_url),
        webhook_url: connected.webhook_url,
        steps: connected.steps,
        keys,
        can_subscribe,
        approve_at,
        subscribed: outcomes,
        arrivals: arrivals(visit, shop).await?,
    })
}

/// Which webhooks came: those the platform names first, and whatever else it sent.
pub async fn arrivals(visit: &Visit, shop: &Stored) -> Result<Arrivals, Problem> {
    let mut read = visit.read().await?;
    let seen = store::inbox::topics(&mut read, shop.id, Time::FIRST).await?;
    let found = store::connection::of(&mut read, shop.id, None).await?;
    let spec = shop::by_kind(&shop.kind).map(|kind| kind.spec());
    let known = spec.map_or(&[][..], |spec| spec.topics);
    let of = |name: &str| seen.iter().find(|(topic, ..)| topic == name);
    let mut rows: Vec<Arrival> = known
        .iter()
        .map(|topic| Arrival {
            name: topic.name.to_owned(),
            label: topic.label.to_owned(),
            purpose: t(topic.purpose).to_owned(),
            needed: topic.needed,
            last_at: of(topic.name).map(|&(_, at, _)| at),
            count: of(topic.name).map_or(0, |&(.., count)| count),
        })
        .collect();
    let others = seen.iter().filter(|(topic, ..)| known.iter().all(|known| known.name != topic));
    rows.extend(others.map(|(topic, at, count)| Arrival {
        name: topic.clone(),
        label: topic.clone(),
        purpose: t(shops::purpose(topic)).to_owned(),
        needed: false,
        last_at: Some(*at),
        count: *count,
    }));
    let newest = seen.iter().map(|&(_, at, _)| at).max();
    let refused = found.as_ref().and_then(|found| {
        let at = found.refused_at.filter(|at| newest.is_none_or(|newest| *at > newest))?;
        Some(Failure { at, why: found.refused_why.clone() })
    });
    let missing = spec.map(|spec| spec.missing(&shop.settings)).unwrap_or_default();
    Ok(Arrivals {
        shop: shop.id.to_string(),
        rows,
        refused,
        refusals: found.map_or(0, |found| found.refused_count),
        missing: missing.into_iter().map(|label| t(label).to_owned()).collect(),
    })
}

async fn gateway_step(
    visit: &Visit,
    typed: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> Result<GatewayStep, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let accounts = super::gateways::all(&mut read, visit.core(), keys).await?;
    drop(read);
    let webhook = match accounts.first() {
        Some(account) => connect::shown(visit.core(), account.shop, Some((account.id, &account.kind))).await?,
        None => None,
    };
    let asked = typed.get("kind").map_or(visit.asked("kind"), String::as_str);
    let chosen = gateway::by_kind(asked).map(|kind| kind.spec());
    let mut fields = chosen.map_or(Vec::new(), |spec| form::settings(spec, &Settings::default(), typed, None));
    *problems = form::place_problems(&mut fields, problems);
    let kind_name = |kind: &str| gateway::by_kind(kind).map_or(kind.to_owned(), |kind| t(kind.spec().name).to_owned());
    let line = |account: &store::gateway::Gateway| {
        (account.name.clone(), kind_name(&account.kind), account.paused_at.is_some())
    };
    Ok(GatewayStep {
        accounts: accounts.iter().map(line).collect(),
        kinds: gateway::ALL.iter().map(|kind| (kind.spec().kind.to_owned(), t(kind.spec().name).to_owned())).collect(),
        chosen: chosen.map(|spec| (spec.kind.to_owned(), t(spec.name).to_owned())),
        fields,
        webhook: webhook.map(|webhook| (webhook.webhook_url, webhook.steps)),
    })
}

/// The plan that suits a country best.
pub fn suggested(country: &str) -> &'static str {
    let fits =
        |name: &str| preset(name).is_some_and(|sequence| sequence.when.countries.iter().any(|known| known == country));
    ["us", "eu"].into_iter().find(|name| fits(name)).unwrap_or("gentle")
}

fn rules_step(shop: &Stored) -> RulesStep {
    let rules = &shop.rules;
    let whereabouts = Whereabouts { phone_country: shop.country.clone(), ..Whereabouts::default() };
    let hours: Hours =
        law::current().binding(&whereabouts, shop.created_at).hours(rules.hours_in(&whereabouts.phone_country));
    let about = |sequence: &Sequence| {
        let texts: Vec<String> = sequence
            .steps
            .iter()
            .map(|step| match step.after_minutes {
                0 => t("at once").to_owned(),
                minutes => span(MINUTE * minutes),
            })
            .collect();
        say("{texts} after the cart was left", &[("texts", &texts.join(", "))])
    };
    let on = rules.sequences.iter().filter(|sequence| sequence.on_since.is_some());
    RulesStep {
        now: on.map(|sequence| (t(&sequence.name).to_owned(), about(sequence))).collect(),
        presets: PRESETS
            .iter()
            .map(|(id, name, about)| ((*id).to_owned(), t(name).to_owned(), t(about).to_owned()))
            .collect(),
        suggested: suggested(&shop.country).to_owned(),
        hours: hours.words(),
        abandoned_after: span(rules.abandoned_after()),
        countries: if rules.countries.is_empty() { shop.country.clone() } else { rules.countries.join(", ") },
    }
}

async fn words_step(visit: &Visit) -> Result<WordsStep, Problem> {
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let language = wording::choose(None, None, &shop.country);
    let mut read = visit.read().await?;
    let mut texts = Vec::new();
    for sequence in shop.rules.sequences.iter().filter(|sequence| sequence.on_since.is_some()) {
        for (number, step) in (1..).zip(&sequence.steps) {
            let own = step.text(Some(language));
            let ready = if step.discount.is_some() { wording::discounted } else { wording::text };
            let source = own.unwrap_or_else(|| ready(Some(language), number));
            let trial = Trial { language, discount: step.discount.as_ref(), cart: None };
            let filled = trial::fill(&mut read, visit.core(), (shop, keys), &trial).await?;
            let words = template::render(source, &filled.merge).unwrap_or_else(|_| source.to_owned());
            let path = format!("/texts/{}/{number}", sequence.id);
            texts.push(Said {
                after: match step.after_minutes {
                    0 => t("as soon as the cart counts as left").to_owned(),
                    minutes => say("{span} after that", &[("span", &span(MINUTE * minutes))]),
                },
                parts: u64::from(sms::segments(&words).count),
                own: own.is_some(),
                href: visit.page.href(&path),
                words,
            });
        }
    }
    Ok(WordsStep { language: wording::name(language).unwrap_or(language).to_owned(), texts })
}

/// The newest texts, of which tests are picked.
const LOOKED_AT: u32 = 50;
const TESTS_SHOWN: usize = 5;

/// Tests so far: when, what became of each, what it said.
async fn tests(visit: &Visit, read: &mut store::Read) -> Result<Vec<(Time, MessageState, String)>, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let all = store::message::list(read, keys, None, MessageId::new(i64::MAX), LOOKED_AT).await?;
    let tests = all.into_iter().filter(|message| message.purpose == Purpose::Test).take(TESTS_SHOWN);
    Ok(tests.map(|message| (message.created_at, message.moments.state(), message.words.text)).collect())
}

async fn test_step(visit: &Visit, typed: &BTreeMap<String, String>) -> Result<TestStep, Problem> {
    let (_, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let account = super::gateways::all(&mut read, visit.core(), keys).await?.into_iter().next();
    let sent = tests(visit, &mut read).await?;
    Ok(TestStep {
        phone: typed.get("phone").cloned().unwrap_or_default(),
        keeps: account.as_ref().is_some_and(|account| account.kind == "log"),
        gateway: account.map(|account| account.name),
        sent: sent.into_iter().map(|(at, state, words)| (at, t(state.name()).to_owned(), words)).collect(),
    })
}

async fn live_step(visit: &Visit, progress: &[Progress]) -> Result<LiveStep, Problem> {
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let spec = shop::by_kind(&shop.kind).ok_or(Problem::NotFound)?.spec();
    let open = |step: Step| progress.iter().any(|each| each.step == step && each.state == State::Open);
    let mut lacks = Vec::new();
    let missing = spec.missing(&shop.settings);
    if !missing.is_empty() {
        lacks.push((say("Not known yet: {keys}.", &[("keys", &missing.join(", "))]), Step::Shop));
    } else if open(Step::Shop) {
        lacks.push((t("No webhook has arrived yet, so no cart is seen.").to_owned(), Step::Shop));
    }
    if open(Step::Gateway) {
        lacks.push((t("No gateway is connected yet, so no text can leave.").to_owned(), Step::Gateway));
    }
    if shop.rules.sequences.iter().all(|sequence| sequence.on_since.is_none()) {
        lacks.push((t("No sequence is on, so no cart is texted.").to_owned(), Step::Rules));
    }
    let mut read = visit.read().await?;
    let waiting = store::cart::count(&mut read, keys, Filter::All, (Time::FIRST, Time::LAST)).await?;
    Ok(LiveStep { lacks, waiting })
}

pub async fn post(request: HttpRequest, body: Bytes) -> Result<HttpResponse, Problem> {
    come_in_to_change(&request).await?;
    let visit = Visit::at_shop(&request, Section::Shops).await?;
    let shop: ShopId = id(&request)?;
    let mut typed = Typed::of(&body).fields();
    let act = typed.remove("act").unwrap_or_else(|| visit.asked("act").to_owned());
    let step = Step::parse(visit.asked("step")).ok_or(Problem::NotFound)?;
    let done = match act.as_str() {
        "keys" => keys(&visit, shop, &typed).await.map(|()| (Step::Shop, "keys_saved")),
        "subscribe" => {
            // What was typed beside the button is saved first: the token is one of the keys.
            match keys(&visit, shop, &typed).await {
                Ok(()) => return subscribe(&request).await,
                Err(error) => Err(error),
            }
        }
        "gateway" => add_gateway(&visit, shop, typed.clone()).await.map(|()| (Step::Gateway, "gateway_added")),
        "preset" => plan(&visit, shop, typed.get("preset").map_or("", String::as_str))
            .await
            .map(|()| (Step::Rules, "plan_taken")),
        "test" => match send_test(&visit, typed.get("phone").map_or("", String::as_str)).await? {
            Ok(()) => Ok((Step::Test, "test_queued")),
            Err(why) => Err(NotConnected::Wrong(vec![why])),
        },
        "live" => connect::go_live(visit.core(), shop).await.map(|()| (Step::Live, "live")),
        _ => return Err(Problem::NotFound),
    };
    match done {
        Ok((step, done)) => {
            let href = visit.page.href(&format!("/shops/{shop}/set-up?step={}&done={done}", step.name()));
            Ok(to(&href))
        }
        Err(NotConnected::Wrong(problems)) => set_up(&visit, Some(step), &typed, problems, Vec::new()).await,
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

/// Keys that were typed; what is empty stays as it is.
async fn keys(visit: &Visit, shop: ShopId, typed: &BTreeMap<String, String>) -> Result<(), NotConnected> {
    let given = typed.iter().filter(|(_, value)| !value.trim().is_empty());
    let changes: BTreeMap<String, String> = given.map(|(key, value)| (key.clone(), value.clone())).collect();
    connect::change_shop(visit.core(), shop, &changes).await
}

/// Makes the webhooks at the platform and says what came of each.
async fn subscribe(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::at_shop(request, Section::Shops).await?;
    let shop: ShopId = id(request)?;
    match connect::subscribe(visit.core(), shop).await {
        Ok(subscribed) => {
            let outcomes = subscribed.into_iter().map(|(topic, outcome)| (topic, outcome.err())).collect();
            set_up(&visit, Some(Step::Shop), &BTreeMap::new(), Vec::new(), outcomes).await
        }
        Err(NotConnected::Wrong(problems)) => {
            set_up(&visit, Some(Step::Shop), &BTreeMap::new(), problems, Vec::new()).await
        }
        Err(NotConnected::Store(error)) => Err(error.into()),
    }
}

async fn add_gateway(visit: &Visit, shop: ShopId, mut typed: BTreeMap<String, String>) -> Result<(), NotConnected> {
    let kind = typed.remove("kind").unwrap_or_default();
    connect::add_gateway(visit.core(), shop, &kind, "", typed, visit.is_owner).await.map(|_| ())
}

/// Takes a ready-made plan instead of those there are while nobody follows them yet; beside them afterwards.
async fn plan(visit: &Visit, shop: ShopId, name: &str) -> Result<(), NotConnected> {
    let Some(made) = preset(name) else {
        return Err(NotConnected::Wrong(vec![t("There is no such plan.").to_owned()]));
    };
    let (fresh, country) = match visit.shop() {
        Some((shop, _)) => (shop.waits_to_go_live(), shop.country.clone()),
        None => (false, String::new()),
    };
    connect::change_rules(visit.core(), shop, |rules: &mut Rules, now| {
        let mut sequence = made.clone();
        sequence.on_since = Some(now);
        // It was chosen for this shop, so it is for its country too.
        if !sequence.when.countries.is_empty() && !sequence.when.countries.contains(&country) {
            sequence.when.countries.push(country.clone());
        }
        if fresh {
            rules.sequences = vec![sequence];
        } else {
            rules.sequences.retain(|known| known.id != sequence.id);
            rules.sequences.insert(0, sequence);
        }
        Ok(())
    })
    .await
}

/// A test of the first text that is on. `Err` says in words why it was not sent.
async fn send_test(visit: &Visit, phone: &str) -> Result<Result<(), String>, Problem> {
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let language = wording::choose(None, None, &shop.country);
    let first = shop.rules.sequences.iter().find(|sequence| sequence.on_since.is_some());
    let step = first.and_then(|sequence| sequence.steps.first());
    let discount = step.and_then(|step| step.discount.as_ref());
    let ready = if discount.is_some() { wording::discounted } else { wording::text };
    let source = step.and_then(|step| step.text(Some(language))).unwrap_or_else(|| ready(Some(language), 1)).to_owned();
    let trial = Trial { language, discount, cart: None };
    match trial::send(visit.core(), shop.id, &trial, &source, phone).await {
        Ok(()) => Ok(Ok(())),
        Err(NotSent::Refused(why)) => Ok(Err(why)),
        Err(NotSent::Store(error)) => Err(error.into()),
    }
}
