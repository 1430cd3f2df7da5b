//! Erasing a person leaves no trace: canaries are planted in every door, a life is led, the person is forgotten by each
//! way, and then nothing of them is in any row, opened or sealed, in any file, export, log line or metric; the figures
//! are what they were. Before the erasure the same search finds them all, so that it cannot be blind.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, Mutex},
};

use actix_web::{body::to_bytes, web::Data};
use cartback::{
    domain::{
        event::{Identity, TypedPhone},
        id::ShopId,
        offline::{Channel, Outcome},
        seal::Place,
    },
    pipeline::{
        credit,
        hand::Done,
        offline,
        people::{self, export, import, proof, sheet},
        receive::Answer,
    },
    store::{self, credit_act::To},
    web::{State, metric},
};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;

use super::bodies::with;
use crate::{
    app::{Account, App, Home, PHONE_AGENT, Shopkeeper, TWILIO_TOKEN, minutes, on_both},
    outside::Ends,
    sql,
};

const PHONE: &str = "+38640777123";
const TYPED: &str = "040 777 123";
const EMAIL: &str = "zofia.kanarcek@shopper.example";
const CUSTOMER: i64 = 77_345_678_901_234_577;
const AGENT: &str = "CanaryPhone/7.7";

/// What is planted. Each is found before the erasure, in this form.
const CANARIES: [&str; 8] =
    [PHONE, EMAIL, "77345678901234577", "Zofijana", "Kanarska 77", "198.51.100.77", "yellow feathers", AGENT];

/// Every table that has rows of shops: how a person in it is erased, and where an export tells it. A new table fails the
/// test until somebody has thought about it.
const TABLES: &[(&str, &str, &str)] = &[
    ("ad_consent", "deleted", "ad_consents"),
    ("ad_told", "ids of orders and amounts, names nobody", "-"),
    ("alarm", "names nobody", "requests"),
    ("api_token", "names nobody", "-"),
    ("audit_finding", "ids and amounts of orders, names nobody", "-"),
    ("audit_limits", "names nobody", "-"),
    ("audit_line", "ids and amounts of orders, names nobody", "-"),
    ("audit_run", "names who of the shop, no shopper", "-"),
    ("call_desk", "names nobody", "-"),
    ("call_number", "numbers of the shop itself", "-"),
    ("cart", "blanked", "carts"),
    ("cart_act", "names who of the shop, no shopper", "-"),
    ("cart_deletion", "keyed hash, goes with its age", "-"),
    ("channel_spend", "names who of the shop, no shopper", "-"),
    ("click", "forgets the browser", "messages.clicks"),
    ("connection", "names nobody", "-"),
    ("consent", "deleted", "consents"),
    ("correction", "goes with its delivery", "-"),
    ("credit", "names nobody", "orders.credited_to"),
    ("credit_act", "forgets why", "-"),
    ("data_request", "forgets who", "requests"),
    ("decision", "facts name nobody", "carts.decisions"),
    ("digest", "names who of the shop, no shopper", "-"),
    ("digest_issue", "names who of the shop, no shopper", "-"),
    ("discount", "names nobody", "messages.discount"),
    ("discount_use", "names nobody", "-"),
    ("evidence", "names nobody", "-"),
    ("experiment", "names who of the shop, no shopper", "-"),
    ("experiment_entry", "keyed hash, emptied", "-"),
    ("experiment_stop", "names nobody", "-"),
    ("forward", "deleted", "-"),
    ("forward_attempt", "deleted", "-"),
    ("funnel", "names nobody", "-"),
    ("gateway", "names nobody", "-"),
    ("gateway_circuit", "names nobody", "-"),
    ("gateway_day", "names nobody", "-"),
    ("gateway_pace", "names nobody", "-"),
    ("goal", "names nobody", "-"),
    ("guard", "keyed hashes of networks and blocks of numbers", "-"),
    ("holdout", "keyed hash, emptied", "-"),
    ("holdout_outcome", "names nobody", "-"),
    ("holdout_result", "names nobody", "-"),
    ("holdout_run", "names nobody", "-"),
    ("idempotency", "goes within a day", "-"),
    ("identity", "deleted", "-"),
    ("inbox", "deliveries that name them are deleted", "deliveries"),
    ("job", "names nobody", "-"),
    ("ledger_day", "names nobody", "-"),
    ("ledger_setting", "names nobody", "-"),
    ("message", "words and number blanked", "messages"),
    ("message_act", "names who of the shop, no shopper", "-"),
    ("message_digest", "deleted", "messages.text_sha256"),
    ("offline_line", "references of the till, names nobody", "-"),
    ("offline_part", "lines that name them forget it, and go with the next step", "-"),
    ("offline_sale", "keyed hash, emptied", "offline_sales"),
    ("offline_upload", "names who of the shop, no shopper", "-"),
    ("opt_out", "stays as a keyed hash, its words go", "opt_outs"),
    ("order_first", "amounts of orders, names nobody", "-"),
    ("outbox", "deleted", "-"),
    ("pause", "a block of numbers, no person's own", "-"),
    ("person_shop", "names nobody", "-"),
    ("phone_use", "keyed hash, goes within a day", "-"),
    ("rate", "names who of the shop, no shopper", "-"),
    ("recredit_run", "names who of the shop, no shopper", "-"),
    ("recurring", "names nobody", "-"),
    ("refund", "names nobody", "orders.refunds"),
    ("replay_run", "names who of the shop, no shopper", "-"),
    ("reply", "deleted", "replies"),
    ("reply_part", "keyed hash, emptied with the deliveries", "-"),
    ("retention_mark", "names nobody", "-"),
    ("rollup", "names nobody", "-"),
    ("rollup_detail", "names nobody", "-"),
    ("rules_version", "names nobody", "-"),
    ("self_test", "a visit of nobody", "-"),
    ("shop", "names nobody", "shop"),
    ("shop_key", "names nobody", "-"),
    ("shop_order", "blanked", "orders"),
    ("sink", "names nobody", "-"),
    ("site_event", "a keyed hash of an anonymous id, replaced by nobody's", "-"),
    ("site_event_dropped", "names nobody", "-"),
    ("spend", "names nobody", "-"),
    ("statement", "names who of the shop, no shopper", "-"),
    ("tally", "names nobody", "-"),
    ("tracked_call", "keyed hash, emptied", "calls"),
    ("trail", "names who of the shop, no shopper", "-"),
    ("turn", "names nobody", "-"),
    ("visitor_name", "deleted", "-"),
];

/// Every sealed column with the column its row is named by; "phone" for those named by the number's keyed hash.
const SEALED: &[(&str, &str, &str)] = &[
    ("cart", "detail", "cart_id"),
    ("consent", "detail", "phone"),
    ("correction", "body", "correction_id"),
    ("credit_act", "reason", "act_id"),
    ("data_request", "who", "request_id"),
    ("forward_attempt", "answer", "event_id"),
    ("inbox", "body", "delivery_id"),
    ("inbox", "head", "delivery_id"),
    ("message", "detail", "message_id"),
    ("offline_part", "told", "part_id"),
    ("opt_out", "detail", "phone"),
    ("reply", "detail", "reply_id"),
    ("shop_order", "detail", "order_id"),
];

/// Every other column of bytes: keyed hashes, and what is sealed but no person's.
const OTHER_BYTES: &[(&str, &str)] = &[
    ("ad_consent", "phone"),
    ("api_token", "token_hash"),
    ("call_desk", "token"),
    ("cart", "phone"),
    ("cart", "revision"),
    ("cart", "token"),
    ("cart_deletion", "name"),
    ("consent", "phone"),
    ("experiment_entry", "person"),
    ("gateway", "settings"),
    ("guard", "key"),
    ("holdout", "person"),
    ("idempotency", "answer"),
    ("idempotency", "fingerprint"),
    ("idempotency", "name"),
    ("identity", "value"),
    ("inbox", "dedup"),
    ("message", "former_phone"),
    ("message", "phone"),
    ("message_digest", "digest"),
    ("offline_sale", "phone"),
    ("opt_out", "phone"),
    ("order_first", "bought_digest"),
    ("outbox", "phone"),
    ("pause", "key"),
    ("pause", "label"),
    ("phone_use", "phone"),
    ("reply", "once"),
    ("reply", "phone"),
    ("reply_part", "set_key"),
    ("shop", "settings"),
    ("shop_key", "wrapped"),
    ("shop_order", "revision"),
    ("sink", "settings"),
    ("site_event", "dedup"),
    ("site_event", "visitor"),
    ("tracked_call", "phone"),
    ("visitor_name", "name"),
    ("visitor_name", "visitor"),
];

/// (table, column, whether it is of bytes), of every table of ours.
async fn columns(app: &App) -> Vec<(String, String, bool)> {
    let text = match &app.home {
        Home::Lite(_) => {
            "SELECT t.name, c.name, UPPER(c.type) FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c
             WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '_sqlx%' ORDER BY 1, 2"
        }
        Home::Pg(_) => {
            "SELECT table_name::TEXT, column_name::TEXT, UPPER(data_type)::TEXT FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%' ORDER BY 1, 2"
        }
    };
    let rows = sql::rows(&app.core.db, text).await;
    rows.into_iter()
        .map(|row| {
            let [table, column, kind] = row.try_into().unwrap();
            (table, column, kind == "BYTEA")
        })
        .collect()
}

#[tokio::test]
async fn every_table_says_how_a_person_in_it_is_forgotten_and_told() {
    on_both(async |app| {
        let all = columns(app).await;
        let of_shops: BTreeSet<&str> =
            all.iter().filter(|(_, column, _)| column == "shop_id").map(|(table, ..)| table.as_str()).collect();
        let listed: BTreeSet<&str> = TABLES.iter().map(|(table, ..)| *table).collect();
        assert_eq!(of_shops, listed, "a table is new or gone: decide, erase, export and write it down here");
        let bytes: BTreeSet<(&str, &str)> = all
            .iter()
            .filter(|(table, _, bytes)| *bytes && of_shops.contains(table.as_str()))
            .map(|(table, column, _)| (table.as_str(), column.as_str()))
            .collect();
        let listed: BTreeSet<(&str, &str)> =
            SEALED.iter().map(|(table, column, _)| (*table, *column)).chain(OTHER_BYTES.iter().copied()).collect();
        assert_eq!(bytes, listed, "a column of bytes is new or gone");
        let empty = export::export(&app.core, app.with_shop("generic").await.id, &Identity::default()).await.unwrap();
        let told: Value = serde_json::from_str(&empty.unwrap().to_json().unwrap()).unwrap();
        for (table, _, place) in TABLES.iter().filter(|(.., place)| *place != "-") {
            let list = place.split('.').next().unwrap();
            assert!(told.get(list).is_some(), "{table} is said to be told in {place}");
        }
    })
    .await;
}

/// Every row of every table as text, bytes in hex; and every sealed cell, opened.
async fn rows(app: &App) -> String {
    let mut told = String::new();
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for (table, column, bytes) in columns(app).await {
        let shown = match (&app.home, bytes) {
            (Home::Lite(_), true) => format!("COALESCE(LOWER(HEX(\"{column}\")), '')"),
            (Home::Pg(_), true) => format!("COALESCE(ENCODE(\"{column}\", 'hex'), '')"),
            (_, false) => format!("COALESCE(CAST(\"{column}\" AS TEXT), '')"),
        };
        match tables.last_mut().filter(|(last, _)| *last == table) {
            Some((_, columns)) => columns.push(shown),
            None => tables.push((table, vec![shown])),
        }
    }
    for (table, columns) in tables {
        for row in sql::rows(&app.core.db, &format!("SELECT {} FROM {table}", columns.join(", "))).await {
            told.push_str(&format!("{table}: {}\n", row.join(" | ")));
        }
    }
    told + &opened(app).await
}

async fn opened(app: &App) -> String {
    let mut told = String::new();
    for &(table, column, row) in SEALED {
        let hex = |column: &str| match &app.home {
            Home::Lite(_) => format!("COALESCE(LOWER(HEX({column})), '')"),
            Home::Pg(_) => format!("COALESCE(ENCODE({column}, 'hex'), '')"),
        };
        let named = if row == "phone" { hex(row) } else { format!("CAST({row} AS TEXT)") };
        let text = format!("SELECT CAST(shop_id AS TEXT), {named}, {} FROM {table}", hex(column));
        for found in sql::rows(&app.core.db, &text).await {
            let [shop, named, sealed] = found.try_into().unwrap();
            let sealed = HEXLOWER.decode(sealed.as_bytes()).unwrap();
            if sealed.is_empty() {
                continue;
            }
            let number = match row {
                "phone" => {
                    let hash = HEXLOWER.decode(named.as_bytes()).unwrap();
                    i64::from_be_bytes(hash[..8].try_into().unwrap())
                }
                _ => named.parse().unwrap(),
            };
            let shop: ShopId = shop.parse().unwrap();
            let keys = app.core.vault.keys(&mut app.read().await, shop).await.unwrap();
            let open = keys.open(Place { table, column, row: number }, &sealed).unwrap_or_else(|why| {
                panic!("{table}.{column} of row {number} does not open ({why}): is its place another one?")
            });
            // A body is bytes in a list of numbers nowhere: all of them are JSON or a form.
            told.push_str(&format!("{table}.{column}: {}\n", String::from_utf8_lossy(&open)));
        }
    }
    told
}

/// Every file of an embedded database: the file itself, the write-ahead log and its index.
fn files(app: &App) -> Vec<u8> {
    let Home::Lite(folder) = &app.home else { return Vec::new() };
    let all = std::fs::read_dir(folder.path()).unwrap();
    all.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// A canary in every form it may have been copied in.
fn forms(canary: &str) -> BTreeSet<String> {
    let mut plain = BTreeSet::from([canary.to_lowercase()]);
    if canary == PHONE {
        // As it is dialled, typed and shortened; less than eight digits stand in any long number by chance.
        plain.extend(["38640777123", "0038640777123", TYPED, "040777123", "40777123", "40 777 123"].map(str::to_owned));
    }
    let mut all = plain.clone();
    for text in plain.into_iter().chain([canary.to_owned()]) {
        all.insert(url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().to_lowercase());
        all.insert(text.replace('+', "%2b").replace('@', "%40").replace(' ', "%20"));
        all.insert(HEXLOWER.encode(text.as_bytes()));
        all.insert(HEXUPPER.encode(text.as_bytes()).to_lowercase());
    }
    all
}

/// What base64 makes of it at each of the three places it may begin at; these keep their case.
fn folded(canary: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for skipped in 0..3 {
        let bytes = [vec![0; skipped], canary.as_bytes().to_vec()].concat();
        let whole = bytes.len() * 8 / 6;
        for text in [BASE64_NOPAD.encode(&bytes), BASE64URL_NOPAD.encode(&bytes)] {
            all.insert(text[(skipped * 8).div_ceil(6)..whole].to_owned());
        }
    }
    all
}

/// The canaries that stand in here, in whichever form.
fn found(place: &str, bytes: &[u8]) -> Vec<String> {
    let lower = bytes.to_ascii_lowercase();
    let holds = |text: &[u8], form: &str| memory_find(text, form.as_bytes());
    let mut all = Vec::new();
    for canary in CANARIES {
        let plain = forms(canary).into_iter().filter(|form| holds(&lower, form));
        let coded = folded(canary).into_iter().filter(|form| holds(bytes, form));
        all.extend(plain.chain(coded).map(|form| format!("{place}: {canary} as {form}")));
    }
    all
}

fn memory_find(text: &[u8], part: &[u8]) -> bool {
    let Some((&first, rest)) = part.split_first() else { return true };
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|&byte| byte == first) {
        let at = from + at;
        if text[at + 1..].starts_with(rest) {
            return true;
        }
        from = at + 1;
    }
    false
}

/// Log lines of this thread, all levels.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn metrics(app: &App) -> Vec<u8> {
    let mut state = State::new(app.core.clone(), app.inbox.clone());
    state.metrics = metric::install();
    let answer = metric::show(Data::new(state)).await.unwrap();
    to_bytes(answer.into_body()).await.unwrap().to_vec()
}

fn person() -> Identity {
    let phones = vec![TypedPhone { number: PHONE.into(), country: None }];
    Identity { customer: Some(CUSTOMER.to_string()), email: Some(EMAIL.into()), phones }
}

/// Another person of the same shops, who must stay.
const OTHER: &str = "+38640555199";

/// Twilio reports, naming the number, and signs as it does: the URL and the sorted fields.
async fn twilio_receipt(app: &App, account: &Account, reference: &str) {
    let query = format!("?ref={reference}");
    let signed = format!(
        "https://cb.example/hook/sms/{}{query}From+12125550100MessageSidSM1MessageStatusdeliveredTo{PHONE}",
        account.path
    );
    let mac = Hmac::<Sha1>::new_from_slice(TWILIO_TOKEN.as_bytes()).unwrap().chain_update(signed.as_bytes());
    let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
    let body = "From=%2B12125550100&MessageSid=SM1&MessageStatus=delivered&To=%2B38640777123";
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature.as_str())];
    let answer = app.call_back(account, &query, &headers, body).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    app.settle().await;
}

/// Shops of every kind with a person's life in each.
struct Street {
    generic: Shopkeeper,
    shopify: Shopkeeper,
    woo: Shopkeeper,
    house: Account,
    twilio: Account,
}

impl Street {
    fn shops(&self) -> [&Shopkeeper; 3] {
        [&self.generic, &self.shopify, &self.woo]
    }

    async fn lived(app: &App) -> Street {
        let house = app.with_house_gateway("kannel").await;
        let generic = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
        let shopify = app.with_shop_like("shopify", &[("steps_after_minutes", "0"), ("name", "Second")]).await;
        let woo = app.with_shop_like("woocommerce", &[("steps_after_minutes", "0"), ("name", "Third")]).await;
        let twilio = app.with_gateway(&shopify, "twilio").await;
        let street = Street { generic, shopify, woo, house, twilio };
        street.consents(app).await;
        street.carts(app).await;
        app.pass(minutes(35)).await;
        street.texts(app).await;
        street.orders(app).await;
        street.replies(app).await;
        street
    }

    /// Through the shop, a sheet and the API.
    async fn consents(&self, app: &App) {
        let told = json!({
            "phone": TYPED, "phone_country": "SI", "customer_id": CUSTOMER.to_string(), "state": "granted",
            "ip": "198.51.100.77", "user_agent": AGENT, "text": "Text me", "updated_at": app.ago(minutes(9)),
        });
        app.generic(&self.generic, "consent.updated", told).await;
        let csv = format!(
            "Mobile;Opted in at;Words;IP address;User agent\n{TYPED};{};yellow feathers;198.51.100.77;{AGENT}\n",
            app.ago(minutes(30))
        );
        for (shop, door) in self.shops().into_iter().zip(["import", "api", "import"]) {
            let (opened, _) = app.shop(shop.id).await;
            let sheet = sheet::consents(csv.as_bytes()).unwrap();
            let statement = sheet.rows[0].1.read(&opened, door, app.now()).unwrap();
            import::take(&app.core, shop.id, &[statement]).await.unwrap();
        }
    }

    async fn carts(&self, app: &App) {
        let person = json!({
            "customer_id": CUSTOMER.to_string(), "email": EMAIL.to_uppercase(), "phone": TYPED, "first_name": "Zofijana",
            "address": "Kanarska 77", "note": "yellow feathers",
            "consent": { "state": "granted", "source": "shop.example", "ip": "198.51.100.77", "user_agent": AGENT },
        });
        app.generic(&self.generic, "checkout.updated", app.checkout("c1", person.clone())).await;
        app.generic(&self.woo, "checkout.updated", app.checkout("w1", person)).await;
        let customer =
            json!({ "id": CUSTOMER, "email": EMAIL, "first_name": "Zofijana", "last_name": "K", "phone": null });
        let address =
            json!({ "first_name": "Zofijana", "address1": "Kanarska 77", "phone": TYPED, "country_code": "SI" });
        let checkout = app.shopify_checkout(
            "5c0ff",
            json!({
                "email": EMAIL, "sms_marketing_phone": PHONE, "customer": customer, "shipping_address": address,
                "note": "yellow feathers", "note_attributes": [{ "name": "ip", "value": "198.51.100.77" }],
            }),
        );
        app.shopify(&self.shopify, "checkouts/update", &checkout).await;
        let stays = json!({ "phone": OTHER, "email": "other@shopper.example", "customer_id": "c-8" });
        app.generic(&self.generic, "checkout.updated", app.checkout("c2", stays)).await;
    }

    async fn texts(&self, app: &App) {
        for (shop, account) in self.shops().into_iter().zip([&self.house, &self.twilio, &self.house]) {
            let texts = app.texts(shop).await;
            let text =
                texts.iter().find(|text| text.to == PHONE).unwrap_or_else(|| panic!("no text in shop {}", shop.id));
            match account.kind.as_str() {
                "twilio" => twilio_receipt(app, account, &format!("{}.{}", text.shop, text.id)).await,
                _ => app.receipt(account, text, "delivered").await,
            }
            app.open(&text.token('r'), &format!("{PHONE_AGENT} {AGENT}")).await;
        }
    }

    async fn orders(&self, app: &App) {
        let refunds = json!({ "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
        let person =
            json!({ "email": EMAIL, "phone": PHONE, "customer_id": CUSTOMER.to_string(), "note": "yellow feathers" });
        app.generic(&self.generic, "order.upserted", app.order("1", "c1", with(&person, refunds))).await;
        app.settle().await;
        let (_, keys) = app.shop(self.generic.id).await;
        let order = store::order::by_external_id(&mut app.read().await, &keys, "1").await.unwrap().unwrap().id;
        let verdict = store::credit::evidence(&mut app.read().await, &keys, order).await.unwrap().unwrap();
        let to = To::Text(verdict.winner.unwrap().message);
        let done = credit::correct(&app.core, self.generic.id, order, to, "Zofijana: yellow feathers", "").await;
        assert_eq!(done.unwrap(), Done::Done);
        let customer = json!({ "id": CUSTOMER, "email": EMAIL });
        let address = json!({ "phone": TYPED, "address1": "Kanarska 77", "country_code": "SI" });
        let order = json!({ "email": EMAIL, "contact_email": EMAIL, "customer": customer, "shipping_address": address,
                            "browser_ip": "198.51.100.77" });
        app.shopify(&self.shopify, "orders/create", &app.shopify_order(5_001, "5c0ff", order)).await;
        app.shopify(&self.shopify, "refunds/create", &app.shopify_refund(61, 5_001, "20.00")).await;
        let billing = json!({ "first_name": "Zofijana", "last_name": "K", "country": "SI", "email": EMAIL, "phone": TYPED,
                              "address_1": "Kanarska 77" });
        let meta = json!({ "billing": billing, "customer_ip_address": "198.51.100.77", "customer_note": "yellow feathers",
                           "customer_user_agent": AGENT });
        app.woo(&self.woo, "order.created", &app.woo_order(811, meta)).await;
        for shop in self.shops() {
            Box::pin(self.till(app, shop)).await;
        }
    }

    /// What they bought at the till, in a file.
    async fn till(&self, app: &App, shop: &Shopkeeper) {
        let (opened, keys) = app.shop(shop.id).await;
        let csv = format!("receipt,date,total,phone,email\nB-1,{},19.90,{TYPED},{EMAIL}\n", app.iso());
        let read = offline::sheet::read(csv.as_bytes(), &Default::default(), &opened, Channel::Pos).unwrap();
        let brought = offline::Brought { name: "till.csv", source: store::offline::Source::Page, by: "Maja" };
        let id = offline::begin(&app.core, shop.id, read.lines, brought).await.unwrap().unwrap();
        // By the worker, whose errands begin at the bottom of the stack.
        app.settle().await;
        let upload = store::offline::get(&mut app.read().await, &keys, id).await.unwrap().unwrap();
        assert_eq!(upload.counts.of(Outcome::AfterText), 1, "{upload:?}");
    }

    /// What nobody understands, what cannot be read, a question about their data, and STOP.
    async fn replies(&self, app: &App) {
        app.reply(&self.house, PHONE, "who is this? Zofijana, Kanarska 77, yellow feathers").await;
        app.standard(&self.generic, &format!(r#"{{"type":"checkout.updated","data":{{"phone":"{PHONE}","email":"#))
            .await;
        app.settle().await;
        app.generic(&self.generic, "customer.data_requested", json!({ "email": EMAIL, "phone": TYPED })).await;
        // A gateway that quotes the number in its refusal.
        app.outside.next([Ends::Answers(format!("403: {PHONE} is barred"))]);
        let again = json!({ "customer_id": CUSTOMER.to_string(), "email": EMAIL, "phone": TYPED, "first_name": "Zofijana",
                            "cart_token": null });
        app.pass(minutes(60 * 26)).await;
        app.generic(&self.generic, "checkout.updated", app.checkout("c9", again)).await;
        app.pass(minutes(31)).await;
        app.reply(&self.house, PHONE, "STOP, says Zofijana").await;
        let (opened, _) = app.shop(self.shopify.id).await;
        let out = import::TypedOptOut { phone: TYPED.into(), ..Default::default() };
        let statement = out.read(&opened, "api", app.now()).unwrap();
        import::take(&app.core, self.shopify.id, &[statement]).await.unwrap();
        app.settle().await;
    }
}

impl Street {
    /// What was on its way when they were forgotten.
    async fn late(&self, app: &App) {
        let person = json!({ "email": EMAIL, "phone": PHONE, "customer_id": CUSTOMER.to_string(), "first_name": "Zofijana",
                             "placed_at": app.ago(minutes(60 * 26 + 31)), "refunds": [{ "id": "r1", "amount": "28.00", "at": app.iso() }] });
        app.generic(&self.generic, "checkout.updated", app.checkout("c1", person.clone())).await;
        app.generic(&self.generic, "order.upserted", app.order("1", "c1", person)).await;
        let (_, keys) = app.shop(self.shopify.id).await;
        let newest = cartback::domain::id::MessageId::new(i64::MAX);
        let all = cartback::store::message::list(&mut app.read().await, &keys, None, newest, 9).await.unwrap();
        for text in all {
            twilio_receipt(app, &self.twilio, &format!("{}.{}", text.shop, text.id)).await;
        }
        app.settle().await;
    }
}

/// One way to ask for it, in every shop.
async fn forget(app: &App, street: &Street, way: &str) {
    let shopify = json!({
        "shop_id": 61, "shop_domain": "lumen-and-oak.myshopify.com", "orders_to_redact": [],
        "customer": { "id": CUSTOMER, "email": EMAIL, "phone": null },
    });
    match way {
        "the shop asks" => {
            app.generic(&street.generic, "customer.redacted", json!({ "phone": TYPED })).await;
            app.shopify(&street.shopify, "customers/redact", &shopify).await;
            // As WooCommerce's own eraser does. A guest's order there carries no customer's id.
            app.generic(&street.woo, "customer.redacted", json!({ "email": EMAIL })).await;
        }
        "by e-mail" | "by customer" => {
            let who = match way {
                "by e-mail" => Identity { email: Some(EMAIL.into()), ..Identity::default() },
                _ => Identity { customer: Some(CUSTOMER.to_string()), ..Identity::default() },
            };
            for shop in [&street.generic, &street.shopify] {
                people::forget(&app.core, shop.id, &who, "test").await.unwrap().unwrap();
            }
            people::forget(&app.core, street.woo.id, &person(), "test").await.unwrap().unwrap();
        }
        _ => {
            for shop in street.shops() {
                people::forget(&app.core, shop.id, &person(), "test").await.unwrap().unwrap();
            }
        }
    }
    app.settle().await;
}

async fn leaves_no_trace(way: &str) {
    on_both(async |app| {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        let logging = tracing::subscriber::set_default(subscriber);
        tracing::warn!("lines are caught");
        let street = Street::lived(app).await;
        let mut told = String::new();
        let mut figures = Vec::new();
        for shop in street.shops() {
            let export = export::export(&app.core, shop.id, &person()).await.unwrap().unwrap();
            told.push_str(&export.to_json().unwrap());
            figures.push(app.figures(shop).await);
        }
        // The search sees: everything planted is found, in the export and in what is stored.
        let before = rows(app).await;
        for canary in CANARIES {
            assert!(told.contains(canary), "{canary} was planted and is not in the export: {told}");
            assert!(before.contains(canary), "{canary} was planted and is not stored");
        }
        assert!(
            figures.iter().all(|figures| figures.contains("recovered 1") && figures.contains("gross 128.00")),
            "{figures:?}"
        );
        // What is stored is sealed: but for the names of browsers nothing of it stands in the files as it is, ever.
        let plain: Vec<String> = found("file", &files(app)).into_iter().filter(|line| !line.contains(AGENT)).collect();
        assert_eq!(plain, [""; 0]);

        let texts: Vec<_> = app.texts(&street.generic).await.into_iter().filter(|text| text.to == PHONE).collect();
        forget(app, &street, way).await;
        street.late(app).await;

        let mut left = found("row", rows(app).await.as_bytes());
        left.extend(found("file", &files(app)));
        for shop in street.shops() {
            // Who is asked for stands in what is answered.
            let mut export = export::export(&app.core, shop.id, &person()).await.unwrap().unwrap();
            export.asked = Value::Null;
            left.extend(found("export", export.to_json().unwrap().as_bytes()));
        }
        for text in &texts {
            let proof = proof::proof(&app.core, street.generic.id, text.id).await.unwrap().unwrap();
            left.extend(found("proof", proof.json.as_bytes()));
        }
        left.extend(found("metrics", &metrics(app).await));
        drop(logging);
        let logged = lines.0.lock().unwrap().clone();
        assert!(memory_find(&logged, b"lines are caught"));
        left.extend(found("log", &logged));
        assert!(left.is_empty(), "{way}: {left:#?}");

        for (shop, before) in street.shops().into_iter().zip(&figures) {
            assert_eq!(&app.figures(shop).await, before, "{way}");
        }
        // The other one is who they were, and whoever opted out stays out.
        let other =
            Identity { phones: vec![TypedPhone { number: OTHER.into(), country: None }], ..Identity::default() };
        let stays = export::export(&app.core, street.generic.id, &other).await.unwrap().unwrap();
        assert!(stays.to_json().unwrap().contains("other@shopper.example"), "{}", stays.words());
        let outs = import::opt_outs(&app.core, street.generic.id).await.unwrap().unwrap();
        assert!(outs.iter().any(|out| out.phone.is_empty() && out.source == "reply"), "{outs:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_when_the_shop_asks() {
    leaves_no_trace("the shop asks").await;
}

#[tokio::test]
async fn nothing_is_left_when_it_is_asked_by_e_mail() {
    leaves_no_trace("by e-mail").await;
}

#[tokio::test]
async fn nothing_is_left_when_it_is_asked_by_customer() {
    leaves_no_trace("by customer").await;
}

#[tokio::test]
async fn nothing_is_left_when_it_is_asked_by_every_name() {
    leaves_no_trace("by every name").await;
}

#[tokio::test]
async fn nothing_is_left_of_a_shop() {
    on_both(async |app| {
        let street = Street::lived(app).await;
        app.generic(&street.generic, "shop.redacted", json!({})).await;
        app.shopify(
            &street.shopify,
            "shop/redact",
            &json!({ "shop_id": 61, "shop_domain": "lumen-and-oak.myshopify.com" }),
        )
        .await;
        app.generic(&street.woo, "shop.redacted", json!({})).await;
        app.settle().await;
        let mut left = found("row", rows(app).await.as_bytes());
        left.extend(found("file", &files(app)));
        assert_eq!(left, [""; 0]);
    })
    .await;
}

/// The sealed bytes about anybody, as they are stored.
async fn sealed(app: &App) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for (table, column) in [("cart", "detail"), ("message", "detail"), ("shop_order", "detail"), ("inbox", "body")] {
        all.extend(sql::blobs(&app.core.db, &format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL")).await);
    }
    all
}

/// What a PostgreSQL database has on disk, without its log of changes, which turns over by itself.
async fn pg_files(app: &App) -> Vec<u8> {
    sql::run(app, "VACUUM FULL").await;
    sql::run(app, "CHECKPOINT").await;
    let text = "SELECT current_setting('data_directory') || '/base/' || CAST(oid AS TEXT) FROM pg_database
                WHERE datname = current_database()";
    let folder = sql::rows(&app.core.db, text).await.remove(0).remove(0);
    let all = std::fs::read_dir(folder).unwrap();
    all.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap_or_default()).collect()
}

#[tokio::test]
async fn vacuumed_postgresql_files_hold_no_sealed_byte_of_the_forgotten() {
    on_both(async |app| {
        if matches!(app.home, Home::Lite(_)) {
            return;
        }
        let street = Street::lived(app).await;
        let middle = |blob: &Vec<u8>| blob[blob.len() / 3..blob.len() / 3 + 24].to_vec();
        let blobs: Vec<Vec<u8>> = sealed(app).await.iter().map(middle).collect();
        let before = pg_files(app).await;
        assert!(blobs.iter().all(|blob| memory_find(&before, blob)), "the search finds what is there");
        forget(app, &street, "by every name").await;
        let stays: BTreeSet<Vec<u8>> = sealed(app).await.iter().map(middle).collect();
        // A vacuum spares what a transaction begun before may still see, autovacuum's too: asked again until it is over.
        let mut left = usize::MAX;
        for _ in 0..20 {
            let after = pg_files(app).await;
            left = blobs.iter().filter(|blob| !stays.contains(*blob) && memory_find(&after, blob)).count();
            if left == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        assert_eq!(left, 0);
        assert!(stays.len() < blobs.len());
    })
    .await;
}
