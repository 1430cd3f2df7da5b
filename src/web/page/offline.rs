//! Offline sales of the chosen shop: what was sold after texts, uploading a file, what became of its lines, taking it back.

use actix_web::{HttpRequest, HttpResponse, web::Payload};

use super::{
    Visit,
    cart_acts::{actor, led_to},
    id, listing, show,
};
use crate::{
    domain::{
        hours,
        id::UploadId,
        money::Money,
        offline::{Channel, Outcome, WITHIN_CHOICES, WITHIN_DAYS},
        seal::ShopKeys,
        time::{DAY, Time},
    },
    pipeline::{
        offline::{self, Brought, sheet},
        table::{Days, Wish},
        zone_of,
    },
    store::{
        self,
        listing::{Cut, Open},
        offline::{
            Source, Upload,
            sale::{self, Sums},
        },
        shop::Shop,
    },
    web::{
        gate,
        problem::Problem,
        session, upload,
        view::{
            Section,
            offline::{Offline, SaleRow, State, SumRow, UploadRow},
            words::{say, t},
        },
    },
};

const UPLOADS: u32 = 30;
const SALES: u32 = 50;

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Offline).await?;
    let may_change = session::visitor(&visit.state, &request).await?.may_change;
    let within = visit.asked("within").parse().ok().filter(|days| WITHIN_CHOICES.contains(days)).unwrap_or(WITHIN_DAYS);
    let mut page = Offline {
        within,
        sums: Vec::new(),
        uploads: Vec::new(),
        sales: Vec::new(),
        may_change: may_change && visit.shop().is_some(),
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let span = span(&visit, shop);
        let within_ms = i64::try_from((DAY * within).as_millis()).unwrap_or(i64::MAX);
        let mut read = visit.read().await?;
        let uploads = store::offline::list(&mut read, keys, UploadId::new(i64::MAX), UPLOADS).await?;
        page.uploads = uploads.iter().map(upload_row).collect();
        drop(read);
        page.sums = sums(&visit, (shop, keys), within)
            .await?
            .iter()
            .map(|sum| SumRow {
                sales: sum.sales,
                after: sum.after,
                tapped: sum.tapped,
                net_after: Money::new(sum.after_net_minor, sum.currency),
                refunded_after: Money::new(sum.after_refund_minor, sum.currency),
                net: Money::new(sum.net_minor, sum.currency),
            })
            .collect();
        let mut read = visit.read().await?;
        page.sales = sale::after_texts(&mut read, keys, span, within_ms, SALES)
            .await?
            .into_iter()
            .map(|sale| SaleRow {
                reference: sale.reference,
                channel: sale.channel,
                sold_at: sale.sold_at,
                total: sale.total,
                refunded: Money::new(sale.refund_minor, sale.total.currency),
                message: sale.message.map(|message| message.to_string()),
                tie: sale.tie,
                after_seconds: sale.after_ms.unsigned_abs() / 1_000,
                tapped: sale.tapped_at.is_some(),
            })
            .collect();
    }
    show(&page)
}

/// `[from, to)` of the page's period, where the shop is.
fn span(visit: &Visit, shop: &Shop) -> (Time, Time) {
    let zone = zone_of(shop);
    let (first, last) = visit.page.span();
    (hours::start_of_day(&zone, first), hours::start_of_day(&zone, last.tomorrow().unwrap_or(last)))
}

/// What was sold offline in the page's period, and within so many days of a text.
pub async fn sums(visit: &Visit, (shop, keys): (&Shop, &ShopKeys), within_days: u32) -> Result<Vec<Sums>, Problem> {
    let within_ms = i64::try_from((DAY * within_days).as_millis()).unwrap_or(i64::MAX);
    Ok(sale::sums(&mut visit.read().await?, keys, span(visit, shop), within_ms).await?)
}

fn upload_row(upload: &Upload) -> UploadRow {
    let counts = Outcome::ALL.into_iter().map(|outcome| (outcome, upload.counts.of(outcome)));
    UploadRow {
        id: upload.id.to_string(),
        name: upload.name.clone(),
        by: upload.by.clone(),
        begun_at: upload.begun_at,
        state: match (upload.undone_at, upload.ready_at, upload.ended_at) {
            (Some(_), ..) => State::Undone,
            (None, None, _) => State::CutOff,
            (None, Some(_), None) => State::Running,
            (None, Some(_), Some(_)) => State::Done,
        },
        lines: upload.total.max(upload.done),
        done: upload.done,
        counts: counts.filter(|(_, count)| *count > 0).collect(),
    }
}

/// Sales of about a hundred thousand lines; larger files are for the command line.
const FILE_BYTES_MAX: usize = 16 << 20;

pub async fn upload(request: HttpRequest, payload: Payload) -> Result<HttpResponse, Problem> {
    let (visit, shop_id, by) = actor(&request, Section::Offline).await?;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let form = upload::read(&request, payload, FILE_BYTES_MAX).await?;
    let wrong = |why: String| Problem::Wrong(vec![why]);
    let (name, bytes) = match form.file {
        None => return Err(wrong(t("Choose a file first.").to_owned())),
        Some(upload::File { bytes: None, .. }) => {
            let megabytes = FILE_BYTES_MAX >> 20;
            let why = say(
                "The file is larger than {count} MB: upload it in parts, or use the command line.",
                &[("count", &megabytes)],
            );
            return Err(wrong(why));
        }
        Some(upload::File { bytes: Some(bytes), name }) => (name, bytes),
    };
    let typed = |name: &str| form.fields.get(name).map_or("", String::as_str);
    let wish = Wish {
        days: Days::asked(typed("order")),
        decimal: typed("decimal").chars().next().filter(|sign| matches!(sign, '.' | ',')),
        ..Wish::default()
    };
    let channel = Channel::parse(typed("channel")).unwrap_or_default();
    let read = sheet::read(&bytes, &wish, shop, channel).map_err(wrong)?;
    if read.lines.is_empty() {
        return Err(wrong(t("The file has no line below its heading.").to_owned()));
    }
    let brought = Brought { name: &name, source: Source::Page, by: &by };
    let id = offline::begin(visit.core(), shop_id, read.lines, brought).await?.ok_or(Problem::NotFound)?;
    gate::detail(&request, id.to_string());
    Ok(led_to(&visit, "/offline", "offline_taken"))
}

pub async fn undo(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (visit, shop, _) = actor(&request, Section::Offline).await?;
    let id: UploadId = id(&request)?;
    offline::undo(visit.core(), shop, id).await?.ok_or(Problem::NotFound)?;
    gate::detail(&request, id.to_string());
    Ok(led_to(&visit, "/offline", "offline_undone"))
}

/// Lines of an upload that have something to say, as a sheet.
pub async fn lines(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const HEADING: &[&str] = &["line", "reference", "outcome", "why"];
    let visit = Visit::begin(&request, Section::Offline).await?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let id: UploadId = id(&request)?;
    store::offline::get(&mut visit.read().await?, keys, id).await?.ok_or(Problem::NotFound)?;
    let (state, keys) = (visit.state.clone(), keys.clone());
    Ok(listing::sheet(&visit, shop, "offline", HEADING, move |open: Open| {
        let (state, keys) = (state.clone(), keys.clone());
        Box::pin(async move {
            let after = open.from.map_or(0, |(_, cut)| cut.key.unsigned_abs());
            let mut read = state.core.db.read().await?;
            let found = sale::lines(&mut read, &keys, id, after, true, open.most).await?;
            let whole = found.len() == open.most as usize;
            let last = found.last().map(|line| Cut { key: i64::try_from(line.line).unwrap_or(i64::MAX), id: 0 });
            let rows = found
                .into_iter()
                .map(|line| vec![line.line.to_string(), line.reference, line.outcome.words().to_owned(), line.why]);
            Ok((rows.collect(), last.filter(|_| whole)))
        })
    }))
}
