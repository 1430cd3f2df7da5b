//! Sales away from the site: matched to whoever was texted before, counted once however often they are told, kept out of
//! the figures of the site, taken back as a whole, forgotten with the person.

use cartback::{
    domain::{
        event::{Identity, TypedPhone},
        id::UploadId,
        offline::{Channel, Digest, Outcome, Tie, email_digests, phone_digests},
        time::{DAY, Time},
    },
    pipeline::{
        offline::{self, Brought, sheet},
        people,
        table::Wish,
    },
    store::{
        self,
        offline::{
            Source, Upload,
            sale::{self, Line, Sale, Sums},
        },
    },
};
use serde_json::json;

use super::{bodies::with, credit::texted};
use crate::{
    app::{App, Shopkeeper, hours, minutes, on_both},
    sql,
};

const PHONE: &str = "+38640555101";
const EMAIL: &str = "maja.novak@shopper.example";
const HEADING: &str = "Receipt;Date;Total;Refunded;Phone;E-Mail";

/// A till's line: its receipt, when, how much, what went back, who.
fn line(receipt: &str, at: Time, total: &str, refunded: &str, phone: &str, email: &str) -> String {
    format!("{receipt};{at};{total};{refunded};{phone};{email}")
}

async fn put_down(app: &App, shop: &Shopkeeper, lines: &[String]) -> UploadId {
    let (opened, _) = app.shop(shop.id).await;
    let csv = format!("{HEADING}\n{}\n", lines.join("\n"));
    let read = sheet::read(csv.as_bytes(), &Wish::default(), &opened, Channel::Pos).unwrap();
    let brought = Brought { name: "till.csv", source: Source::Page, by: "Maja" };
    offline::begin(&app.core, shop.id, read.lines, brought).await.unwrap().unwrap()
}

async fn told(app: &App, shop: &Shopkeeper, id: UploadId) -> Upload {
    let (_, keys) = app.shop(shop.id).await;
    store::offline::get(&mut app.read().await, &keys, id).await.unwrap().unwrap()
}

/// Uploads lines and has them matched to the end: how many came to what.
async fn uploaded(app: &App, shop: &Shopkeeper, lines: &[String]) -> (UploadId, String) {
    let id = put_down(app, shop, lines).await;
    app.settle().await;
    app.pass(minutes(1)).await;
    let upload = told(app, shop, id).await;
    assert!(upload.ended_at.is_some() && upload.done == upload.total, "{upload:?}");
    let came = Outcome::ALL.into_iter().filter(|outcome| upload.counts.of(*outcome) > 0);
    let came: Vec<String> = came.map(|outcome| format!("{} {}", upload.counts.of(outcome), outcome.name())).collect();
    (id, came.join(", "))
}

async fn lines(app: &App, shop: &Shopkeeper, id: UploadId, odd: bool) -> Vec<Line> {
    let (_, keys) = app.shop(shop.id).await;
    sale::lines(&mut app.read().await, &keys, id, 0, odd, 100).await.unwrap()
}

async fn sums(app: &App, shop: &Shopkeeper, days: u32) -> Vec<Sums> {
    let (_, keys) = app.shop(shop.id).await;
    let within = i64::try_from((DAY * days).as_millis()).unwrap();
    sale::sums(&mut app.read().await, &keys, (Time::FIRST, app.now() + DAY), within).await.unwrap()
}

/// `2 of 3, 40.00`: sales after a text, all sales, net of the first.
async fn stands(app: &App, shop: &Shopkeeper) -> String {
    let sums = sums(app, shop, 7).await;
    let told = sums.iter().map(|sum| format!("{} of {}, {}", sum.after, sum.sales, sum.after_net_minor));
    told.collect::<Vec<_>>().join("; ")
}

async fn sales(app: &App, shop: &Shopkeeper) -> Vec<Sale> {
    let (_, keys) = app.shop(shop.id).await;
    let within = i64::try_from((DAY * 30).as_millis()).unwrap();
    let span = (Time::FIRST, app.now() + DAY);
    sale::after_texts(&mut app.read().await, &keys, span, within, 100).await.unwrap()
}

#[tokio::test]
async fn sales_are_matched_by_every_sign_and_kept_out_of_the_figures_of_the_site() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        let before_text = app.now() - minutes(60);
        app.tap(&text).await;
        app.pass(hours(48)).await;
        let figures = app.figures(&shop).await;
        let now = app.now() - minutes(5);
        let hash = |digest: &Digest| digest.hex().to_uppercase();
        let [plus, bare] = phone_digests(PHONE);
        let email = email_digests(EMAIL).remove(0);
        let file = [
            line("B-1", now, "10,00", "", "040 555 101", ""),
            line("B-2", now, "20,00", "5,00", "", " Maja.Novak@Shopper.example "),
            line("B-3", now, "30,00", "", &hash(&plus), ""),
            line("B-4", now, "40,00", "", &hash(&bare), ""),
            line("B-5", now, "50,00", "", "", &hash(&email)),
            line("B-6", now, "60,00", "", "+38640555102", "nobody@shopper.example"),
            line("B-7", now, "70,00", "", "", ""),
            line("B-8", now, "much", "", PHONE, ""),
            line("B-9", before_text, "80,00", "", PHONE, ""),
            line("B-10", now + hours(9), "80,00", "", PHONE, ""),
            line("B-1", now, "10,00", "", PHONE, ""),
        ];
        let (id, came) = uploaded(app, &shop, &file).await;
        assert_eq!(came, "5 after_text, 3 nobody, 1 known, 2 wrong");
        let odd = lines(app, &shop, id, true).await;
        let odd: Vec<(u64, &str, &str)> =
            odd.iter().map(|line| (line.line, line.outcome.name(), line.why.as_str())).collect();
        assert_eq!(
            odd,
            [
                (8, "nobody", "tells neither phone nor e-mail"),
                (9, "wrong", "total: is not an amount"),
                (11, "wrong", "sold_at: lies in the future"),
                (12, "known", ""),
            ]
        );
        let mut found: Vec<(String, Tie, bool)> = sales(app, &shop)
            .await
            .into_iter()
            .map(|sale| (sale.reference, sale.tie.unwrap(), sale.tapped_at.is_some()))
            .collect();
        found.sort();
        let expected = [
            ("B-1", Tie::Phone),
            ("B-2", Tie::Email),
            ("B-3", Tie::PhoneSha256),
            ("B-4", Tie::PhoneSha256),
            ("B-5", Tie::EmailSha256),
        ];
        assert_eq!(found, expected.map(|(reference, tie)| (reference.to_owned(), tie, true)));
        let [sum] = sums(app, &shop, 7).await.try_into().unwrap();
        assert_eq!((sum.after, sum.sales, sum.tapped), (5, 8, 5));
        assert_eq!((sum.after_net_minor, sum.after_refund_minor), (14_500, 500));
        assert_eq!(sum.net_minor, 14_500 + 6_000 + 7_000 + 8_000);
        // Two days after the text: within one day there is none.
        assert_eq!(sums(app, &shop, 1).await[0].after, 0);
        assert_eq!(app.figures(&shop).await, figures, "the site's own figures know of none of it");
        assert_eq!(sql::rows(&app.core.db, "SELECT CAST(part_id AS TEXT) FROM offline_part").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn told_twice_is_told_once() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.pass(hours(24)).await;
        let now = app.now() - minutes(5);
        let file = |refunded: &str, total: &str| {
            vec![line("B-1", now, total, refunded, PHONE, ""), line("", now, "15,00", "", PHONE, "")]
        };
        assert_eq!(uploaded(app, &shop, &file("", "20,00")).await.1, "2 after_text");
        assert_eq!(stands(app, &shop).await, "2 of 2, 3500");
        assert_eq!(uploaded(app, &shop, &file("", "20,00")).await.1, "2 known");
        assert_eq!(stands(app, &shop).await, "2 of 2, 3500");
        assert_eq!(uploaded(app, &shop, &file("5,00", "20,00")).await.1, "1 known, 1 refund");
        assert_eq!(stands(app, &shop).await, "2 of 2, 3000");
        // A smaller refund, told late, changes nothing; another amount is not believed.
        assert_eq!(uploaded(app, &shop, &file("2,00", "20,00")).await.1, "2 known");
        let (id, came) = uploaded(app, &shop, &file("", "25,00")).await;
        assert_eq!(came, "1 known, 1 differs");
        assert!(lines(app, &shop, id, true).await[0].why.starts_with("stands as EUR 20.00 of "));
        assert_eq!(stands(app, &shop).await, "2 of 2, 3000");
    })
    .await;
}

#[tokio::test]
async fn an_order_of_the_site_is_not_counted_again_one_of_its_till_is() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.pass(minutes(7)).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        let till = with(&app.order("2", "elsewhere", json!({})), json!({ "channel": "pos", "total": "44.00" }));
        app.generic(&shop, "order.upserted", till).await;
        app.settle().await;
        let placed = app.now();
        app.pass(hours(30)).await;
        let file = [
            line("T-1", placed + hours(2), "128,00", "", PHONE, ""),
            // Under the order's own number, of nobody.
            line("#1", placed, "128,00", "", "", ""),
            line("T-2", placed, "44,00", "", PHONE, ""),
            // The same amount, a day later: another sale.
            line("T-3", placed + hours(29), "128,00", "", PHONE, ""),
        ];
        let (id, came) = uploaded(app, &shop, &file).await;
        assert_eq!(came, "2 after_text, 2 online");
        assert!(lines(app, &shop, id, true).await.iter().all(|line| line.why.starts_with("ord_")));
        assert_eq!(stands(app, &shop).await, "2 of 2, 17200");
    })
    .await;
}

#[tokio::test]
async fn a_sign_of_several_people_is_nobodys() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        // A household: the same address, another phone, texted too.
        let other = json!({ "phone": "+38640555102", "customer_id": "c-9" });
        app.generic(&shop, "checkout.updated", app.checkout("c2", other)).await;
        app.pass(minutes(40)).await;
        assert_eq!(app.texts(&shop).await.len(), 2);
        app.pass(hours(3)).await;
        let now = app.now() - minutes(5);
        let hash = email_digests(EMAIL).remove(0);
        let file = [
            line("B-1", now, "10,00", "", "", EMAIL),
            line("B-2", now, "20,00", "", "", hash.hex()),
            line("B-3", now, "30,00", "", "+38640555102", EMAIL),
        ];
        let (id, came) = uploaded(app, &shop, &file).await;
        assert_eq!(came, "1 after_text, 2 ambiguous");
        assert!(lines(app, &shop, id, true).await.iter().all(|line| line.why == "2 people"));
        assert_eq!(stands(app, &shop).await, "1 of 3, 3000");
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_taken_back_as_a_whole_but_for_what_others_tell() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.pass(hours(24)).await;
        let now = app.now() - minutes(5);
        let shared = |refunded: &str| line("B-1", now, "10,00", refunded, PHONE, "");
        let (first, _) = uploaded(app, &shop, &[shared(""), line("B-2", now, "20,00", "", PHONE, "")]).await;
        let (second, _) = uploaded(app, &shop, &[shared("4,00"), line("B-3", now, "40,00", "", PHONE, "")]).await;
        assert_eq!(stands(app, &shop).await, "3 of 3, 6600");
        let undo = async |id| {
            let undone = offline::undo(&app.core, shop.id, id).await.unwrap();
            app.settle().await;
            undone
        };
        assert_eq!(undo(first).await, Some(true));
        assert_eq!(stands(app, &shop).await, "2 of 2, 4600");
        assert_eq!(undo(first).await, Some(false));
        assert_eq!(stands(app, &shop).await, "2 of 2, 4600");
        // Uploaded anew it counts again, and what went back by the other file is still known.
        let (third, came) = uploaded(app, &shop, &[shared(""), line("B-2", now, "20,00", "", PHONE, "")]).await;
        assert_eq!(came, "1 after_text, 1 known");
        assert_eq!(undo(second).await, Some(true));
        assert_eq!(stands(app, &shop).await, "2 of 2, 3000");
        assert_eq!(undo(third).await, Some(true));
        assert_eq!(stands(app, &shop).await, "");
        for table in ["offline_line", "offline_sale", "offline_part"] {
            let left = sql::rows(&app.core.db, &format!("SELECT CAST(shop_id AS TEXT) FROM {table}")).await;
            assert_eq!(left.len(), 0, "{table}");
        }
        assert_eq!(offline::undo(&app.core, shop.id, UploadId::new(7)).await.unwrap(), None);
        // One that was not matched yet.
        let waiting = put_down(app, &shop, &[shared("")]).await;
        assert_eq!(undo(waiting).await, Some(true));
        assert_eq!(stands(app, &shop).await, "");
    })
    .await;
}

#[tokio::test]
async fn a_long_file_is_matched_in_parts_by_whoever_comes_first() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.pass(hours(24)).await;
        let now = app.now() - hours(1);
        let file: Vec<String> = (0..1_234).map(|each| line(&format!("B-{each}"), now, "1,00", "", PHONE, "")).collect();
        let id = put_down(app, &shop, &file).await;
        assert_eq!((told(app, &shop, id).await.total, told(app, &shop, id).await.done), (1_234, 0));
        assert!(offline::go_on(&app.core, shop.id, id).await.unwrap());
        assert_eq!(told(app, &shop, id).await.done, 500);
        let other = app.another_process(9);
        let (one, two) = tokio::join!(offline::go_on(&app.core, shop.id, id), offline::go_on(&other, shop.id, id));
        assert!(one.unwrap() && two.unwrap());
        app.pass(minutes(1)).await;
        let upload = told(app, &shop, id).await;
        assert_eq!((upload.done, upload.counts.of(Outcome::AfterText)), (1_234, 1_234));
        assert!(upload.ended_at.is_some());
        assert_eq!(stands(app, &shop).await, "1234 of 1234, 123400");
    })
    .await;
}

#[tokio::test]
async fn who_is_forgotten_is_forgotten_here_too() {
    on_both(async |app| {
        let (shop, _) = texted(app).await;
        app.pass(hours(24)).await;
        let now = app.now() - minutes(5);
        uploaded(app, &shop, &[line("B-1", now, "10,00", "", PHONE, "")]).await;
        let (_, keys) = app.shop(shop.id).await;
        let index = store::identity::value(&keys, store::identity::Kind::Phone, PHONE);
        let theirs = async || sale::of_phone(&mut app.read().await, &keys, &index).await.unwrap().len();
        assert_eq!(theirs().await, 1);
        let phones = vec![TypedPhone { number: PHONE.into(), country: None }];
        let who = Identity { phones, ..Identity::default() };
        let export = people::export::export(&app.core, shop.id, &who).await.unwrap().unwrap();
        assert_eq!(export.offline_sales[0]["reference"], "B-1");
        // Lines that wait name them by each sign; one names somebody else.
        let [plus, _] = phone_digests(PHONE);
        let hashed = email_digests(EMAIL).remove(0);
        let waiting = [
            line("B-2", now, "20,00", "", PHONE, ""),
            line("B-3", now, "30,00", "", plus.hex(), ""),
            line("B-4", now, "40,00", "", "", EMAIL),
            line("B-5", now, "50,00", "", "", hashed.hex()),
            line("B-6", now, "60,00", "", "+38640555109", ""),
        ];
        let id = put_down(app, &shop, &waiting).await;
        people::forget(&app.core, shop.id, &who, "story").await.unwrap().unwrap();
        let part = store::offline::next_part(&mut app.read().await, &keys, id).await.unwrap().unwrap();
        let named: Vec<&str> =
            part.told.iter().filter(|told| !told.signs.is_empty()).map(|told| told.reference.as_str()).collect();
        assert_eq!(named, ["B-6"]);
        assert_eq!(theirs().await, 0);
        app.settle().await;
        app.pass(minutes(1)).await;
        assert_eq!(theirs().await, 0);
        // What was earned stays earned.
        assert_eq!(stands(app, &shop).await, "1 of 6, 1000");
        assert_eq!(uploaded(app, &shop, &[line("B-7", now, "70,00", "", PHONE, "")]).await.1, "1 nobody");
    })
    .await;
}
