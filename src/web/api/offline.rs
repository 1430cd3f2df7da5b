//! Sales made away from the site: telling them, what became of each, their sums, taking a call back.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::Answer,
    call::{Call, Window},
    form::{self, Moment, Money, TypedMoney},
    shop::answered,
};
use crate::{
    domain::{
        id::UploadId,
        offline::{Channel, Outcome, Told, WITHIN_CHOICES, WITHIN_DAYS},
        time::DAY,
    },
    pipeline::offline::{self, Brought, TypedSigns},
    store::{
        self,
        offline::{Source, Upload, sale},
        shop::Shop,
    },
    web::problem::Problem,
};

/// Sales to keep and match.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSales {
    /// 1 to 1,000 of them. Either all can be read or none is taken.
    #[schema(min_items = 1, max_items = 1000)]
    sales: Vec<NewSale>,
}

/// One sale. Who bought is told by a phone or an e-mail, plain or as SHA-256 in hex as advertising platforms want it; a
/// sale of nobody known is kept too, and counts as such.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewSale {
    /// The till's own number for it: told again under the same one, it is the same sale. Up to 100 characters. Without it,
    /// a sale is known by who, when and how much.
    #[schema(example = "B-20417")]
    reference: Option<String>,
    #[schema(required, example = "2026-03-03T09:00:00Z")]
    sold_at: String,
    #[schema(required)]
    total: Option<TypedMoney>,
    /// What went back of it so far, in whole minor units of the total's currency; a larger one told later is taken.
    #[schema(minimum = 0)]
    refunded_minor: Option<i64>,
    channel: SaleChannel,
    #[schema(example = "+12125550142")]
    phone: Option<String>,
    #[schema(example = "mara@shopper.example")]
    email: Option<String>,
    /// SHA-256 in hex of the number in E.164, with or without its plus.
    phone_sha256: Option<String>,
    /// SHA-256 in hex of the address, trimmed and in lower case.
    email_sha256: Option<String>,
    /// Of the number, where it is not in E.164: ISO 3166-1 alpha-2; the shop's own without it.
    country: Option<String>,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaleChannel {
    Pos,
    Loyalty,
    Phone,
    #[default]
    Other,
}

impl SaleChannel {
    fn of(channel: Channel) -> SaleChannel {
        match channel {
            Channel::Pos => SaleChannel::Pos,
            Channel::Loyalty => SaleChannel::Loyalty,
            Channel::Phone => SaleChannel::Phone,
            Channel::Other => SaleChannel::Other,
        }
    }

    fn stored(self) -> Channel {
        match self {
            SaleChannel::Pos => Channel::Pos,
            SaleChannel::Loyalty => Channel::Loyalty,
            SaleChannel::Phone => Channel::Phone,
            SaleChannel::Other => Channel::Other,
        }
    }
}

/// A file or a call with what became of its lines.
#[derive(Serialize, ToSchema)]
pub struct OfflineUpload {
    #[schema(example = "upl_01jq0000000u1")]
    id: String,
    /// What the file was called; empty for a call.
    name: String,
    by: String,
    begun_at: Moment,
    #[schema(required)]
    ended_at: Option<Moment>,
    #[schema(required)]
    undone_at: Option<Moment>,
    lines: u64,
    /// Matched so far.
    done: u64,
    counts: OfflineCounts,
}

/// How many lines had which outcome.
#[derive(Serialize, ToSchema)]
pub struct OfflineCounts {
    /// Sold after a text to whoever bought, within 30 days.
    after_text: u64,
    /// Nobody they name was texted before.
    nobody: u64,
    /// They name several people who were texted, and are nobody's.
    ambiguous: u64,
    /// Orders of the shop's own site, counted there.
    online: u64,
    /// Told before, nothing new.
    known: u64,
    /// Told before; more went back.
    refund: u64,
    /// Told before with another amount or day; the first stands.
    differs: u64,
    /// They cannot be read.
    wrong: u64,
}

/// An upload with its lines that have something to say.
#[derive(Serialize, ToSchema)]
pub struct OfflineUploadShown {
    upload: OfflineUpload,
    /// Lines that cannot be read, were told before or are nobody's, and those with a remark: the first 1,000.
    lines: Vec<OfflineLine>,
}

#[derive(Serialize, ToSchema)]
pub struct OfflineLine {
    /// In a file, the heading being 1; in a call, the place among the sales, from 1 on.
    line: u64,
    reference: String,
    #[schema(example = "ambiguous")]
    outcome: String,
    why: String,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OfflineFigureQuery {
    /// Sold from this moment on; 30 days ago without one.
    from: Option<String>,
    /// Sold before this moment; now without one.
    to: Option<String>,
    /// What was sold within so many days of a text: 7, 14 or 30.
    #[param(default = 7)]
    within_days: Option<u32>,
}

/// What was sold offline, beside the texts. None of it is in any figure of the site.
#[derive(Serialize, ToSchema)]
pub struct OfflineFigures {
    from: Moment,
    to: Moment,
    within_days: u32,
    /// One per currency.
    sums: Vec<OfflineSums>,
    /// The newest 200 sales after a text.
    sales: Vec<OfflineSale>,
}

#[derive(Serialize, ToSchema)]
pub struct OfflineSums {
    /// All that were told, but for orders of the site.
    sales: u64,
    net: Money,
    /// After a text within the span.
    after_text: u64,
    after_text_net: Money,
    after_text_refunded: Money,
    /// Of them, those where a text before was tapped.
    tapped: u64,
}

#[derive(Serialize, ToSchema)]
pub struct OfflineSale {
    #[schema(example = "sale_01jq000000000")]
    id: String,
    reference: String,
    channel: SaleChannel,
    sold_at: Moment,
    total: Money,
    refunded: Money,
    /// The newest text before it.
    #[schema(required, example = "msg_01jq000000000")]
    message: Option<String>,
    /// What ties the two: `phone`, `email`, `phone_sha256` or `email_sha256`.
    #[schema(example = "phone")]
    tie: String,
    /// From the text to the sale.
    after_seconds: i64,
    /// The last tap before it, of any text that counts.
    #[schema(required)]
    tapped_at: Option<Moment>,
}

const SALES_MOST: usize = 1_000;
const LINES_SHOWN: u32 = 1_000;
const SALES_SHOWN: u32 = 200;

fn told(upload: &Upload) -> OfflineUpload {
    let count = |outcome| upload.counts.of(outcome);
    OfflineUpload {
        id: upload.id.to_string(),
        name: upload.name.clone(),
        by: upload.by.clone(),
        begun_at: upload.begun_at.into(),
        ended_at: upload.ended_at.map(Moment),
        undone_at: upload.undone_at.map(Moment),
        lines: upload.total,
        done: upload.done,
        counts: OfflineCounts {
            after_text: count(Outcome::AfterText),
            nobody: count(Outcome::Nobody),
            ambiguous: count(Outcome::Ambiguous),
            online: count(Outcome::Online),
            known: count(Outcome::Known),
            refund: count(Outcome::Refund),
            differs: count(Outcome::Differs),
            wrong: count(Outcome::Wrong),
        },
    }
}

fn read_one(shop: &Shop, line: u64, typed: &NewSale) -> Result<Told, String> {
    let at = form::moment("sold_at", &typed.sold_at)?;
    let total = typed.total.as_ref().ok_or("total: is missing")?.read("total")?;
    let typed_signs = TypedSigns {
        phone: typed.phone.as_deref(),
        phone_sha256: typed.phone_sha256.as_deref(),
        email: typed.email.as_deref(),
        email_sha256: typed.email_sha256.as_deref(),
        country: typed.country.as_deref(),
    };
    let (signs, note) = offline::signs(shop, &typed_signs);
    Ok(Told {
        line,
        at,
        whole_day: false,
        total,
        reference: typed.reference.clone().unwrap_or_default().trim().to_owned(),
        channel: typed.channel.stored(),
        refund_minor: typed.refunded_minor,
        signs,
        note,
    })
}

/// Tell offline sales
///
/// Up to 1,000 at once. They are matched in the background; what is told again under the same reference is the same sale.
#[utoipa::path(post, path = "/api/v1/offline", request_body = NewSales, responses((status = 201, description = "They are kept, and being matched.", body = OfflineUpload)))]
pub async fn add(call: &Call) -> Result<Answer, Problem> {
    let typed: NewSales = call.body()?;
    if typed.sales.is_empty() || typed.sales.len() > SALES_MOST {
        return Err(Problem::Wrong(vec![format!("sales: must be 1 to {SALES_MOST}")]));
    }
    let (read, shop, keys) = call.open().await?;
    drop(read);
    let now = call.core().now();
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (at, typed) in typed.sales.iter().enumerate() {
        let line = at as u64 + 1;
        match read_one(&shop, line, typed).and_then(|told| told.problem(now).map_or(Ok(told), Err)) {
            Ok(told) => lines.push((line, Ok(told))),
            Err(why) => problems.push(format!("sales[{at}].{why}")),
        }
    }
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    let brought = Brought { name: "", source: Source::Api, by: &call.by() };
    let id = offline::begin(call.core(), shop.id, lines, brought).await?.ok_or(Problem::NotFound)?;
    let mut read = call.core().db.read().await?;
    let upload = store::offline::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    Answer::created(&told(&upload), format!("/api/v1/offline/{id}"))
}

/// Files and calls so far, newest first
#[utoipa::path(get, path = "/api/v1/offline", params(UploadQuery), responses((status = 200, description = "Uploads.", body = form::List<OfflineUpload>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: UploadQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let before = window.cursor::<UploadId>()?.unwrap_or(UploadId::new(i64::MAX));
    let (mut read, _, keys) = call.open().await?;
    let mut uploads = store::offline::list(&mut read, &keys, before, window.most()).await?;
    let next = window.cut(&mut uploads, |upload| upload.id.to_string());
    answered(call, uploads.iter().map(told).collect(), next)
}

/// One file or call, with its lines that have something to say
#[utoipa::path(get, path = "/api/v1/offline/{id}", params(("id" = String, Path, description = "The upload", example = "upl_01jq0000000u1")), responses((status = 200, description = "What became of it.", body = OfflineUploadShown)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let id: UploadId = call.path("id")?;
    let (mut read, _, keys) = call.open().await?;
    let upload = store::offline::get(&mut read, &keys, id).await?.ok_or(Problem::NotFound)?;
    let lines = sale::lines(&mut read, &keys, id, 0, true, LINES_SHOWN).await?;
    let lines = lines.into_iter().map(|line| OfflineLine {
        line: line.line,
        reference: line.reference,
        outcome: line.outcome.name().to_owned(),
        why: line.why,
    });
    Answer::ok(&OfflineUploadShown { upload: told(&upload), lines: lines.collect() })
}

/// Take a whole file or call back
///
/// Its sales leave the figures at once, but for those that other uploads tell too.
#[utoipa::path(delete, path = "/api/v1/offline/{id}", params(("id" = String, Path, description = "The upload", example = "upl_01jq0000000u1")), responses((status = 204, description = "It is taken back.")))]
pub async fn undo(call: &Call) -> Result<Answer, Problem> {
    let id: UploadId = call.path("id")?;
    call.open().await?;
    offline::undo(call.core(), call.shop()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(Answer::nothing())
}

/// What was sold offline after texts
#[utoipa::path(get, path = "/api/v1/offline/figures", params(OfflineFigureQuery), responses((status = 200, description = "Sums and sales.", body = OfflineFigures)))]
pub async fn figures(call: &Call) -> Result<Answer, Problem> {
    let asked: OfflineFigureQuery = call.query()?;
    let within = asked.within_days.unwrap_or(WITHIN_DAYS);
    let mut problems = Vec::new();
    if !WITHIN_CHOICES.contains(&within) {
        problems.push("within_days: must be 7, 14 or 30".to_owned());
    }
    let mut moment = |field: &str, typed: &Option<String>| {
        let read = typed.as_deref().map(|typed| form::moment(field, typed)).transpose();
        read.unwrap_or_else(|why| {
            problems.push(why);
            None
        })
    };
    let (from, to) = (moment("from", &asked.from), moment("to", &asked.to));
    if !problems.is_empty() {
        return Err(Problem::Wrong(problems));
    }
    let to = to.unwrap_or(call.core().now());
    let from = from.unwrap_or(to - DAY * 30);
    let (mut read, _, keys) = call.open().await?;
    let within_ms = i64::try_from((DAY * within).as_millis()).unwrap_or(i64::MAX);
    let sums = sale::sums(&mut read, &keys, (from, to), within_ms).await?;
    let sales = sale::after_texts(&mut read, &keys, (from, to), within_ms, SALES_SHOWN).await?;
    let sums = sums.iter().map(|sum| OfflineSums {
        sales: sum.sales,
        net: Money::minor(sum.net_minor, sum.currency),
        after_text: sum.after,
        after_text_net: Money::minor(sum.after_net_minor, sum.currency),
        after_text_refunded: Money::minor(sum.after_refund_minor, sum.currency),
        tapped: sum.tapped,
    });
    let sales = sales.iter().map(|sale| OfflineSale {
        id: sale.id.to_string(),
        reference: sale.reference.clone(),
        channel: SaleChannel::of(sale.channel),
        sold_at: sale.sold_at.into(),
        total: sale.total.into(),
        refunded: Money::minor(sale.refund_minor, sale.total.currency),
        message: sale.message.map(|message| message.to_string()),
        tie: sale.tie.map_or(String::new(), |tie| tie.name().to_owned()),
        after_seconds: sale.after_ms / 1_000,
        tapped_at: sale.tapped_at.map(Moment),
    });
    Answer::ok(&OfflineFigures {
        from: from.into(),
        to: to.into(),
        within_days: within,
        sums: sums.collect(),
        sales: sales.collect(),
    })
}
