//! Sheet: offline sales as CSV, as tills, loyalty systems and advertising platforms write them. Decides what each line
//! tells. A cell that could mean two things is an error of its line, never a guess; a sign that cannot be used is not: the
//! sale was made all the same.

use jiff::tz::TimeZone;

use super::{ReadLine, TypedSigns, signs};
use crate::{
    domain::{
        audit::Placed,
        hours,
        money::{Currency, Money},
        offline::{Channel, Told},
    },
    pipeline::{
        table::{
            self, Days, Form, Row, Wish,
            cell::{self, plain},
        },
        zone_of,
    },
    store::shop::Shop,
};

/// What a column can be, with what other systems call it, in the form `plain` makes.
const COLUMNS: &[(&str, &[&str])] = &[
    (
        "reference",
        &[
            "orderid",
            "ordernumber",
            "ordername",
            "order",
            "receipt",
            "receiptnumber",
            "receiptno",
            "receiptid",
            "transactionid",
            "transactionnumber",
            "transaction",
            "invoice",
            "invoicenumber",
            "ticket",
            "ticketnumber",
            "id",
            "number",
            "belegnummer",
            "beleg",
            "bonnummer",
            "bon",
            "rechnungsnummer",
            "bestellnummer",
            "auftragsnummer",
            "recibo",
            "numeroderecibo",
            "factura",
            "numerodefactura",
            "pedido",
        ],
    ),
    (
        "sold_at",
        &[
            "datetime",
            "date",
            "saledate",
            "saletime",
            "orderdate",
            "transactiondate",
            "transactiontime",
            "purchasedate",
            "purchasetime",
            "conversiontime",
            "conversiondatetime",
            "eventtime",
            "createdat",
            "placedat",
            "soldon",
            "datum",
            "verkaufsdatum",
            "verkauftam",
            "bestelldatum",
            "zeitpunkt",
            "fecha",
            "fechadeventa",
            "fechahora",
        ],
    ),
    ("time", &["timeofday", "uhrzeit", "zeit", "hora"]),
    (
        "total",
        &[
            "amount",
            "value",
            "conversionvalue",
            "grandtotal",
            "ordertotal",
            "totalprice",
            "totalamount",
            "totalcollected",
            "summe",
            "betrag",
            "gesamt",
            "gesamtbetrag",
            "gesamtsumme",
            "umsatz",
            "importe",
            "importetotal",
            "valor",
        ],
    ),
    ("currency", &["currencycode", "conversioncurrency", "ordercurrency", "wahrung", "waehrung", "moneda", "divisa"]),
    (
        "refunded",
        &[
            "refund",
            "refunds",
            "refundamount",
            "refundedamount",
            "returned",
            "erstattet",
            "erstattung",
            "rueckgabe",
            "ruckgabe",
            "reembolsado",
            "reembolso",
            "devolucion",
        ],
    ),
    ("channel", &["source", "saleschannel", "madeat", "kanal", "verkaufskanal", "canal"]),
    (
        "phone",
        &[
            "phonenumber",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "customerphone",
            "customerphonenumber",
            "telephone",
            "telefon",
            "telefonnummer",
            "handy",
            "handynummer",
            "mobilnummer",
            "telefono",
            "movil",
        ],
    ),
    ("email", &["emailaddress", "customeremail", "mail", "emailadresse", "correo", "correoelectronico"]),
    ("phone_sha256", &["ph", "hashedphone", "hashedphonenumber", "phonehash", "phonenumberhash"]),
    ("email_sha256", &["em", "hashedemail", "hashedemailaddress", "emailhash"]),
    ("country", &["countrycode", "phonecountry", "customercountry", "land", "pais"]),
];

const FORM: Form = Form {
    columns: COLUMNS,
    needs: &[
        (&["total"], "what was paid"),
        (&["sold_at"], "when it was sold"),
        (&["phone", "email", "phone_sha256", "email_sha256"], "a phone number or an e-mail address of who bought"),
    ],
    amounts: &["total", "refunded"],
    days: &["sold_at"],
};

/// Every column that can be named.
pub fn fields() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, _)| *name)
}

/// A file, read, and how it was.
pub struct Sheet {
    /// Our name of each column, with its heading.
    pub columns: Vec<(&'static str, String)>,
    /// Headings nobody asked for.
    pub ignored: Vec<String>,
    pub letters: &'static str,
    pub separator: char,
    pub decimal: char,
    pub days: Days,
    pub lines: Vec<ReadLine>,
}

/// Reads a file. `channel` is of lines that tell none. An error is about the file as a whole, in words for whoever chose
/// it.
pub fn read(bytes: &[u8], wish: &Wish, shop: &Shop, channel: Channel) -> Result<Sheet, String> {
    let table = table::read(bytes, wish, &FORM)?;
    let way = Way {
        decimal: table.decimal,
        days: table.days,
        zone: wish.zone.clone().unwrap_or_else(|| zone_of(shop)),
        currency: wish.currency.unwrap_or(shop.currency),
        shop,
        channel,
    };
    let lines = table.rows.iter().map(|row| (row.line, way.line(row))).collect();
    Ok(Sheet {
        columns: table.columns,
        ignored: table.ignored,
        letters: table.letters,
        separator: table.separator,
        decimal: table.decimal,
        days: table.days,
        lines,
    })
}

/// How this file writes things.
struct Way<'s> {
    decimal: char,
    days: Days,
    zone: TimeZone,
    currency: Currency,
    shop: &'s Shop,
    channel: Channel,
}

impl Way<'_> {
    fn line(&self, row: &Row) -> Result<Told, String> {
        let currency = match row.get("currency") {
            Some(code) => Currency::parse(&code.to_ascii_uppercase())
                .map_err(|_| "currency: is not a code as EUR or USD".to_owned())?,
            None => self.currency,
        };
        let amount = |name: &str| -> Result<Option<i64>, String> {
            let Some(text) = row.get(name) else { return Ok(None) };
            cell::amount(text, self.decimal, currency).map(Some).map_err(|why| format!("{name}: {why}"))
        };
        let total = amount("total")?.ok_or("total: is missing")?;
        let date = row.get("sold_at").ok_or("sold_at: is missing")?;
        let when = |text: &str| cell::moment(text, self.days, &self.zone).map_err(|why| format!("sold_at: {why}"));
        let mut placed = when(date)?;
        if let (Placed::On(_), Some(clock)) = (placed, row.get("time")) {
            placed = when(&format!("{date} {clock}"))?;
        }
        let (at, whole_day) = match placed {
            Placed::At(at) => (at, false),
            Placed::On(day) => (hours::start_of_day(&self.zone, day), true),
        };
        let country = row.get("country").filter(|code| code.len() == 2).map(str::to_ascii_uppercase);
        let typed = TypedSigns {
            phone: row.get("phone"),
            phone_sha256: row.get("phone_sha256"),
            email: row.get("email"),
            email_sha256: row.get("email_sha256"),
            country: country.as_deref(),
        };
        let (signs, note) = signs(self.shop, &typed);
        Ok(Told {
            line: row.line,
            at,
            whole_day,
            total: Money::new(total, currency),
            reference: row.get("reference").unwrap_or_default().to_owned(),
            channel: row.get("channel").map_or(self.channel, channel),
            refund_minor: amount("refunded")?.map(i64::saturating_abs),
            signs,
            note,
        })
    }
}

/// Where it was sold, in whichever word a system has for it.
fn channel(word: &str) -> Channel {
    match plain(word).as_str() {
        "pos" | "pointofsale" | "store" | "instore" | "retail" | "till" | "shop" | "kasse" | "laden" | "filiale"
        | "ladengeschaft" | "tienda" | "caja" => Channel::Pos,
        "loyalty" | "loyaltycard" | "membercard" | "kundenkarte" | "treuekarte" | "fidelidad" | "fidelizacion" => {
            Channel::Loyalty
        }
        "phone" | "phoneorder" | "call" | "telephone" | "telefon" | "telefonisch" | "telefono" => Channel::Phone,
        _ => Channel::Other,
    }
}
