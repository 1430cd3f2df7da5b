//! Sheet: a shop's orders as CSV, from any system's export. Decides which column is which, how numbers, days and letters
//! are written, and what each line says; what it decided is told beside what was read, so that a person can say otherwise.
//!
//! It never guesses about a single cell: a cell that could mean two things is an error of its line.

use jiff::{
    civil::{Date, Time as Clock},
    tz::TimeZone,
};

use crate::{
    domain::{
        audit::{Placed, Theirs},
        money::{Currency, Money},
        time::Time,
    },
    pipeline::table::{self, Days, Form, Row, Table, Wish, cell},
};

/// What a column can be, with what other systems call it, in the form `plain` makes.
const COLUMNS: &[(&str, &[&str])] = &[
    ("id", &["orderid", "shopid", "externalid", "bestellid", "auftragsid", "iddepedido", "pedidoid"]),
    (
        "number",
        &[
            "name",
            "ordernumber",
            "order",
            "ordername",
            "orderno",
            "bestellnummer",
            "bestellung",
            "auftragsnummer",
            "numerodepedido",
            "pedido",
        ],
    ),
    (
        "total",
        &[
            "ordertotal",
            "totalprice",
            "grandtotal",
            "amount",
            "ordertotalamount",
            "totalsales",
            "summe",
            "gesamtsumme",
            "gesamtbetrag",
            "gesamt",
            "bestellsumme",
            "importetotal",
            "totaldelpedido",
            "importe",
        ],
    ),
    ("currency", &["ordercurrency", "currencycode", "wahrung", "waehrung", "moneda", "divisa"]),
    ("tax", &["taxes", "totaltax", "ordertax", "taxamount", "vat", "steuer", "steuern", "mwst", "impuestos", "iva"]),
    (
        "shipping",
        &["shippingtotal", "ordershipping", "shippingamount", "totalshipping", "versand", "versandkosten", "envio"],
    ),
    (
        "placed_at",
        &[
            "createdat",
            "orderdate",
            "date",
            "datecreated",
            "ordereddate",
            "processedat",
            "placed",
            "bestelldatum",
            "datum",
            "fecha",
            "fechadelpedido",
        ],
    ),
    ("paid_at", &["datepaid", "paiddate", "paymentdate", "bezahltam", "pagadoel"]),
    ("cancelled_at", &["canceledat", "datecancelled", "storniertam", "canceladoel"]),
    ("status", &["orderstatus", "state", "bestellstatus", "estado", "estadodelpedido"]),
    ("payment_status", &["financialstatus"]),
    (
        "refunded",
        &[
            "refundedamount",
            "refundamount",
            "refund",
            "refunds",
            "totalrefunded",
            "orderrefundamount",
            "erstattet",
            "reembolsado",
        ],
    ),
    ("email", &["emailaddress", "customeremail", "billingemail", "mail", "correo", "correoelectronico"]),
    ("phone", &["phonenumber", "billingphone", "customerphone", "mobile", "telefon", "telefono"]),
    ("country", &["billingcountry", "billingcountrycode", "countrycode", "shippingcountry", "land", "pais"]),
    ("code", &["discountcode", "coupon", "couponcode", "coupons", "gutscheincode", "cupon"]),
    ("payment", &["paymentmethod", "paymentmethodtitle", "zahlungsart", "metododepago"]),
    ("channel", &["source", "createdvia", "saleschannel", "kanal", "canal"]),
    ("test", &["testorder", "istest"]),
];

const FORM: Form = Form {
    columns: COLUMNS,
    needs: &[
        (&["id", "number"], "the order's id or number"),
        (&["total"], "the order's total"),
        (&["placed_at", "paid_at"], "the order's date"),
    ],
    amounts: &["total", "tax", "shipping", "refunded"],
    days: &["placed_at", "paid_at", "cancelled_at"],
};

/// Every column that can be named.
pub fn fields() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, _)| *name)
}

/// One order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In the file, the heading being 1.
    pub line: u64,
    pub theirs: Theirs,
    pub who: Who,
    pub cancelled_at: Option<Time>,
    pub codes: Vec<String>,
    pub payment: Option<String>,
    pub channel: Option<&'static str>,
}

/// Who bought, where the file tells.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Who {
    pub email: Option<String>,
    pub phone: Option<String>,
    pub country: Option<String>,
}

impl std::fmt::Debug for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Who(email {}, phone {})", self.email.is_some(), self.phone.is_some())
    }
}

/// A file, read, and how it was.
#[derive(Debug)]
pub struct Read {
    /// Our name of each column, with its heading.
    pub columns: Vec<(&'static str, String)>,
    /// Headings nobody asked for.
    pub ignored: Vec<String>,
    pub letters: &'static str,
    pub separator: char,
    pub decimal: char,
    pub days: Days,
    pub lines: Vec<Line>,
    /// Lines that go on with the order before them: one for each further item.
    pub further: u64,
    /// What is wrong with which line. Never quotes a cell that may name somebody.
    pub problems: Vec<(u64, String)>,
    /// Words of the status column that nobody knows; their orders count as bought.
    pub unknown_states: Vec<String>,
}

/// Reads a file. An error is about the file as a whole, in words for whoever chose it.
pub fn read(bytes: &[u8], wish: &Wish, shop: (Currency, &TimeZone)) -> Result<Read, String> {
    let Table { columns, ignored, letters, separator, decimal, days, rows } = table::read(bytes, wish, &FORM)?;
    let mut read = Read {
        columns,
        ignored,
        letters,
        separator,
        decimal,
        days,
        lines: Vec::new(),
        further: 0,
        problems: Vec::new(),
        unknown_states: Vec::new(),
    };
    let zone = wish.zone.clone().unwrap_or_else(|| shop.1.clone());
    let way = Way { decimal, days, zone, currency: wish.currency.unwrap_or(shop.0) };
    for row in &rows {
        if goes_on(row, read.lines.last()) {
            read.further += 1;
            continue;
        }
        match way.line(row, &mut read.unknown_states) {
            Ok(line) => read.lines.push(line),
            Err(why) => read.problems.push((row.line, why)),
        }
    }
    Ok(read)
}

/// Exports with a line for each item repeat the order's name and leave its total out.
fn goes_on(row: &Row, before: Option<&Line>) -> bool {
    let Some(before) = before else { return false };
    let same = |name: &str, known: &str| row.get(name).is_none_or(|told| told == known);
    row.get("total").is_none()
        && (row.get("id").is_some() || row.get("number").is_some())
        && same("number", &before.theirs.number)
        && same("id", &before.theirs.external_id)
}

/// How this file writes things.
struct Way {
    decimal: char,
    days: Days,
    zone: TimeZone,
    currency: Currency,
}

/// What a status says about buying.
enum Stage {
    Bought,
    NotBought,
    Cancelled,
    Refunded,
}

impl Way {
    fn line(&self, row: &Row, unknown: &mut Vec<String>) -> Result<Line, String> {
        let currency = match row.get("currency") {
            Some(code) => Currency::parse(code).map_err(|_| "currency: is not a code as EUR or USD".to_owned())?,
            None => self.currency,
        };
        let amount = |name: &str| -> Result<Option<i64>, String> {
            let Some(text) = row.get(name) else { return Ok(None) };
            cell::amount(text, self.decimal, currency).map(Some).map_err(|why| format!("{name}: {why}"))
        };
        let total = amount("total")?.ok_or("total: is missing")?;
        if total < 0 {
            return Err("total: is below zero".into());
        }
        let when = |name: &str| -> Result<Option<Placed>, String> {
            let Some(text) = row.get(name) else { return Ok(None) };
            cell::moment(text, self.days, &self.zone).map(Some).map_err(|why| format!("{name}: {why}"))
        };
        let (created, paid, cancelled_at) = (when("placed_at")?, when("paid_at")?, when("cancelled_at")?);
        let stage = row.get("status").map(|word| stage(word, unknown));
        let settled = row.get("payment_status").map(cell::plain);
        let cancelled = match (&stage, cancelled_at) {
            (_, Some(_)) | (Some(Stage::Cancelled), _) => Some(true),
            (Some(_), None) => Some(false),
            // A file with a column for it and none in this line says that it was not.
            (None, None) => None,
        };
        let told = amount("refunded")?.map(i64::saturating_abs);
        let all_back = matches!(stage, Some(Stage::Refunded)) || settled.as_deref() == Some("refunded");
        let refunded = told.filter(|&back| back > 0 || !all_back).or(all_back.then_some(total));
        let number = row.get("number").or(row.get("id")).unwrap_or_default().to_owned();
        let placed = created.or(paid);
        let not_bought = matches!(stage, Some(Stage::NotBought));
        if !not_bought && placed.is_none() {
            return Err("placed_at: is missing".into());
        }
        let truth = |word: &str| matches!(cell::plain(word).as_str(), "1" | "true" | "yes" | "ja" | "si" | "test");
        let theirs = Theirs {
            external_id: row.get("id").unwrap_or_default().to_owned(),
            number,
            total: Money::new(total, currency),
            tax_minor: amount("tax")?,
            shipping_minor: amount("shipping")?,
            placed: placed.filter(|_| !not_bought),
            begun_at: match created {
                Some(Placed::At(at)) => Some(at),
                _ => None,
            },
            cancelled,
            refunded_minor: refunded.map(|back| back.min(total)),
            test: row.get("test").is_some_and(truth),
            token: false,
        };
        let text = |name: &str| row.get(name).map(str::to_owned);
        Ok(Line {
            line: row.line,
            theirs,
            who: Who {
                email: text("email"),
                phone: text("phone").map(|number| number.trim_start_matches('\'').to_owned()),
                country: text("country").filter(|code| code.len() == 2).map(|code| code.to_ascii_uppercase()),
            },
            cancelled_at: cancelled_at.map(|at| self.start(at)),
            codes: text("code").map_or(Vec::new(), |codes| {
                codes.split([',', ' ']).map(str::trim).filter(|code| !code.is_empty()).map(str::to_owned).collect()
            }),
            payment: text("payment"),
            channel: row.get("channel").and_then(channel),
        })
    }

    /// A day without hours begins at its noon: far from both its neighbours.
    fn start(&self, placed: Placed) -> Time {
        match placed {
            Placed::At(at) => at,
            Placed::On(day) => noon(day, &self.zone),
        }
    }
}

/// Noon of a day in a zone.
pub fn noon(day: Date, zone: &TimeZone) -> Time {
    let noon = day.to_datetime(Clock::constant(12, 0, 0, 0)).to_zoned(zone.clone());
    noon.map_or(Time::FIRST, |at| Time::from_millis(at.timestamp().as_millisecond()))
}

fn stage(word: &str, unknown: &mut Vec<String>) -> Stage {
    let plain = cell::plain(word);
    match plain.strip_prefix("wc").unwrap_or(&plain) {
        "pending" | "pendingpayment" | "failed" | "draft" | "checkoutdraft" | "unpaid" | "expired" | "incomplete"
        | "declined" | "awaitingpayment" | "zahlungausstehend" | "ausstehend" | "fehlgeschlagen" | "pendiente"
        | "pendientedepago" | "fallido" => Stage::NotBought,
        "cancelled" | "canceled" | "voided" | "trash" | "storniert" | "abgebrochen" | "cancelado" => Stage::Cancelled,
        "refunded" | "erstattet" | "ruckerstattet" | "reembolsado" => Stage::Refunded,
        "paid" | "placed" | "processing" | "completed" | "complete" | "onhold" | "open" | "closed" | "shipped"
        | "delivered" | "fulfilled" | "unfulfilled" | "authorized" | "partiallypaid" | "partiallyrefunded"
        | "archived" | "bezahlt" | "inbearbeitung" | "wartend" | "abgeschlossen" | "versendet" | "pagado"
        | "procesando" | "enespera" | "completado" | "enviado" => Stage::Bought,
        _ => {
            if unknown.len() < 20 && !unknown.iter().any(|known| known == word) {
                unknown.push(word.chars().take(40).collect());
            }
            Stage::Bought
        }
    }
}

fn channel(word: &str) -> Option<&'static str> {
    match cell::plain(word).as_str() {
        "pos" | "pointofsale" | "retail" | "kasse" => Some("pos"),
        "shopifydraftorder" | "draft" | "admin" | "staff" | "manual" | "restapi" => Some("staff"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
