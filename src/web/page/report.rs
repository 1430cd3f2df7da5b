//! The report page and its tables as CSV: the same figures as `cartback report`.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};

use super::{
    Visit,
    figures::{self, Figures, count},
    offline, show,
};
use crate::{
    domain::{
        message::Cost,
        money::{Currency, Money},
        offline::WITHIN_DAYS,
        report::{self, Line, Slice},
    },
    pipeline,
    store::{offline::sale::Sums, shop::Shop},
    web::{
        problem::Problem,
        view::{
            Section,
            format::{self, Shown as _},
            funnel::Funnel,
            report::{Cut, CutRow, Delay, DelayRow, Heat, HeatOf, Rate, Report},
            words::{noted, t},
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Report).await?;
    let mut page = Report {
        takings: Vec::new(),
        rates: Vec::new(),
        funnel: Funnel::default(),
        cuts: Vec::new(),
        delay: Delay::default(),
        heat: Heat::default(),
        texts: 0,
        parts: 0,
        cost: Vec::new(),
        opt_outs: 0,
        codes: 0,
        codes_used: 0,
        discount: Vec::new(),
        offline: Vec::new(),
        as_of: None,
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let figures = figures::of(&visit, shop).await?;
        let sums = offline::sums(&visit, (shop, keys), WITHIN_DAYS).await?;
        let net = |sum: &Sums| (sum.after, Money::new(sum.after_net_minor, sum.currency));
        page.offline = sums.iter().filter(|sum| sum.after > 0).map(net).collect();
        let total = &figures.report.total;
        page.takings = figures.takings(shop);
        page.rates = rates(&figures, shop);
        page.texts = count(total.counts.texts);
        page.parts = count(total.counts.segments);
        page.cost = figures::cost(total);
        page.opt_outs = count(total.counts.opt_outs);
        page.codes = count(total.counts.discounts);
        page.codes_used = count(total.counts.discounts_used);
        let taken = total.money.iter().filter(|(_, sums)| sums.discount_minor != 0);
        page.discount = taken.map(|(&currency, sums)| Money::new(sums.discount_minor, currency)).collect();
        page.as_of = Some(figures.report.at);
        let parts = &figures.report.parts;
        page.cuts = parts
            .breakdowns
            .iter()
            .map(|cut| Cut { by: cut.by, rows: cut.lines.iter().map(row).filter(tells).collect() })
            .collect();
        page.delay = delay(&parts.delay);
        page.heat = heat(&parts.hours, HeatOf::parse(visit.asked("heat")));
        page.funnel = figures.funnel;
    }
    show(&page)
}

/// `/report/{table}.csv`: a table of the report, named as `cartback report --by` names it.
pub async fn csv(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Report).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let (from, to) = visit.page.span();
    let mut read = visit.read().await?;
    let whole = pipeline::report::between(visit.core(), &mut read, shop, from, to).await?;
    let table = request.match_info().get("table").unwrap_or_default();
    let sheets = report::sheets(&whole);
    let sheet = sheets.iter().find(|sheet| sheet.name == table).ok_or(Problem::NotFound)?;
    let name = format!("attachment; filename=\"cartback-{table}-{from}-{to}.csv\"");
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/csv; charset=utf-8"))
        .insert_header((CONTENT_DISPOSITION, name))
        .body(pipeline::report::csv(sheet)))
}

fn money(slice: &Slice, of: impl Fn(&report::Sums) -> i64) -> Vec<Money> {
    let each = slice.money.iter().map(|(&currency, sums)| Money::new(of(sums), currency));
    each.filter(|money| money.minor != 0).collect()
}

fn per(money: &[Money], texts: i64) -> Vec<Money> {
    let share = |money: &Money| Money::new(money.minor / texts.max(1), money.currency);
    if texts > 0 { money.iter().map(share).collect() } else { Vec::new() }
}

fn row(line: &Line) -> CutRow {
    let counts = &line.slice.counts;
    let net = money(&line.slice, |sums| sums.net_minor);
    CutRow {
        value: line.value.clone(),
        name: line.name.clone(),
        carts: count(counts.abandoned),
        texts: count(counts.texts),
        delivered: count(counts.delivered),
        clicked: count(counts.clicked),
        orders: count(counts.recovered_orders),
        all_orders: count(counts.orders),
        assisted: count(counts.assisted_orders),
        per_text: per(&net, counts.texts),
        net,
        cost: figures::cost(&line.slice),
    }
}

/// A value may be known by requests to confirm alone, which no column counts: its line would say nothing.
fn tells(row: &CutRow) -> bool {
    let counts = [row.carts, row.texts, row.delivered, row.clicked, row.orders, row.all_orders, row.assisted];
    counts.iter().any(|&count| count > 0) || !row.net.is_empty() || !row.cost.is_empty()
}

fn rates(figures: &Figures, shop: &Shop) -> Vec<Rate> {
    let total = &figures.report.total;
    let counts = &total.counts;
    let share = |name, part: i64, whole: i64, many: &str, definition| {
        let (part, whole) = (count(part), count(whole));
        let beside = format!("{} {}", format::out_of(part, whole), t(many));
        Rate { name, shown: format::rate(part, whole), beside, definition }
    };
    let own = |money: Vec<Money>| -> Vec<Money> {
        let mut money = money;
        money.sort_by_key(|each| each.currency != shop.currency);
        money
    };
    let net = own(money(total, |sums| sums.net_minor));
    let costs = figures::cost(total);
    let returns: Vec<String> = net.iter().filter_map(|net| return_on(net, &costs)).collect();
    vec![
        share(
            noted("Recovery rate"),
            counts.recovered_orders,
            counts.abandoned,
            noted("carts"),
            noted("Recovered orders for every cart abandoned in the period."),
        ),
        share(
            noted("Click rate"),
            counts.clicked,
            counts.delivered.max(counts.clicked),
            noted("delivered"),
            noted("Texts whose link a person opened, of those reported delivered."),
        ),
        share(
            noted("Conversion rate"),
            counts.recovered_orders,
            counts.texts,
            noted("texts"),
            noted("Recovered orders for every text sent."),
        ),
        Rate {
            name: noted("Revenue per text"),
            shown: per(&net, counts.texts).shown(),
            beside: t("net").to_owned(),
            definition: noted("Net divided by the texts sent, in each currency by itself."),
        },
        Rate {
            name: noted("Return on cost"),
            shown: if returns.is_empty() { "–".to_owned() } else { returns.join(", ") },
            beside: t("net for each unit of cost").to_owned(),
            definition: noted("Net divided by what the texts cost, where both are of one currency."),
        },
    ]
}

/// `204×`: how often the net pays for the texts.
fn return_on(net: &Money, costs: &[Cost]) -> Option<String> {
    let cost = costs.iter().find(|cost| cost.currency == net.currency && cost.micros > 0)?;
    let unit = 10_i128.pow(net.currency.digits());
    let tenths = i128::from(net.minor) * 10_000_000 / unit / i128::from(cost.micros);
    let whole = u64::try_from(tenths / 10).ok()?;
    Some(if whole >= 10 {
        format!("{}×", format::count(whole))
    } else {
        format!("{}×", format::decimal(&whole.to_string(), &(tenths % 10).to_string()))
    })
}

fn delay(found: &report::Delay) -> Delay {
    let most = found.groups.iter().map(|group| group.orders).max().unwrap_or(0).max(1);
    let rows = found.groups.iter().map(|group| DelayRow {
        within_minutes: group.within_minutes,
        orders: count(group.orders),
        gross: group.gross.iter().map(|(&currency, &minor): (&Currency, &i64)| Money::new(minor, currency)).collect(),
        width: format!("{:.2}%", group.orders as f64 / most as f64 * 100.0),
    });
    Delay { orders: count(found.orders), half_within_minutes: found.half_within_minutes, rows: rows.collect() }
}

fn heat(hours: &[report::Hour], what: HeatOf) -> Heat {
    let of = |hour: &report::Hour| match what {
        HeatOf::Taps => hour.clicked,
        HeatOf::Texts => hour.texts,
        HeatOf::Orders => hour.orders,
    };
    Heat { what, rows: hours.chunks(24).map(|day| day.iter().map(|hour| count(of(hour))).collect()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_is_of_one_currency() {
        let euro: Currency = "EUR".parse().unwrap();
        let cost = |micros, code: &str| Cost { micros, currency: code.parse().unwrap() };
        #[track_caller]
        fn check(net: Money, costs: &[Cost], expected: Option<&str>) {
            assert_eq!(return_on(&net, costs).as_deref(), expected);
        }
        check(Money::new(1_248_000, euro), &[cost(61_200_000, "EUR")], Some("203×"));
        check(Money::new(150, euro), &[cost(1_000_000, "EUR")], Some("1.5×"));
        check(Money::new(150, euro), &[cost(1_000_000, "USD")], None);
        check(Money::new(150, euro), &[cost(0, "EUR")], None);
        check(Money::new(-150, euro), &[cost(1_000_000, "EUR")], None);
    }
}
