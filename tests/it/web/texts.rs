//! The editor of texts: what it shows, what it refuses and why, what a saved word does to the next cart, and a test that
//! goes to one phone and nowhere else.

use std::collections::BTreeMap;

use actix_web::{
    http::{StatusCode, header},
    test::TestRequest,
};
use cartback::{
    domain::{
        consent::OptOut,
        message::{MessageState, Purpose},
        phone::Phone,
        time::MINUTE,
    },
    pipeline::{connect, trial::TESTS_PER_HOUR},
    store::{self, message::Message},
    transact,
};
use serde_json::json;

use super::house::{BROWSER, House, PUBLIC_URL, Site, ask, from_our_page, page, site, text};

const EDITOR: &str = "/texts/default/1";
const SHOPPER: &str = "+38640555123";
const MINE: &str = "040 555 199";
const OWN: &str = "{{ shop }}: Zdravo {{ first_name | default('vi') }}, kosarica: {{ link }} {{ opt_out }}";

/// A house whose shop is in Slovenia, where one consent is enough.
async fn house() -> House {
    let house = House::open().await;
    change(&house, &[("country", "SI"), ("timezone", "Europe/Ljubljana")]).await;
    house
}

async fn change(house: &House, changes: &[(&str, &str)]) {
    let changes: BTreeMap<String, String> = changes.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    connect::change_shop(house.core(), house.shop, &changes).await.unwrap();
}

/// A cart is left, and texted about half an hour later.
async fn left(house: &House, site: &Site, token: &str, name: &str) -> Option<Message> {
    let now = house.core().now().to_string();
    let cart = json!({ "type": "checkout.updated", "data": {
        "token": token, "first_name": name, "phone": SHOPPER, "country": "SI", "time_zone": "Europe/Ljubljana",
        "currency": "EUR", "total": "54.20", "recovery_url": format!("https://shop.example/checkout/{token}"),
        "items": [{ "title": "Cap from evil.example/x <b>", "quantity": 2, "price": "27.10" }],
        "consent": { "state": "granted", "source": "shop.example", "text": "Text me" },
        "started_at": now, "updated_at": now,
    }});
    assert_eq!(ask(site, house.told(token, &cart)).await.status(), StatusCode::OK);
    house.work().await;
    house.later(MINUTE * 31).await;
    house.messages().await.into_iter().find(|message| message.purpose == Purpose::Reminder)
}

/// What the editor answers to a press of one of its buttons.
async fn press(site: &Site, act: &str, source: &str, more: &[(&str, &str)]) -> (StatusCode, String, String) {
    let mut fields = vec![("act", act), ("language", "sl"), ("text", source)];
    fields.extend(more);
    let response = ask(site, from_our_page(EDITOR).set_form(fields)).await;
    let to = response.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default();
    (response.status(), to, text(response).await)
}

async fn look(site: &Site, source: &str) -> String {
    let fields = [("language", "sl"), ("text", source)];
    let response = ask(site, from_our_page(&format!("{EDITOR}/preview")).set_form(fields)).await;
    assert_eq!(response.status(), StatusCode::OK);
    text(response).await
}

#[actix_web::test]
async fn own_words_are_sent_to_the_next_cart() {
    let house = house().await;
    let site = site(house.open_state()).await;
    let (_, list) = page(&site, "/texts").await;
    assert!(list.contains("all in ready-made words") && list.contains("v kosarici"), "{list}");
    let (_, editor) = page(&site, &format!("{EDITOR}?language=sl")).await;
    assert!(editor.contains("Text 1 for Slovenian: the ready-made words."), "{editor}");
    assert!(editor.contains("{{ link }} {{ opt_out }}</textarea>") && editor.contains("a made-up cart"), "{editor}");

    let (status, to, _) = press(&site, "save", OWN, &[]).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/texts/default/1?language=sl&done=text_saved"));
    let (_, editor) = page(&site, &to).await;
    assert!(editor.contains("Saved.") && editor.contains("your own words.") && editor.contains("Zdravo"), "{editor}");
    assert!(page(&site, "/texts").await.1.contains("one of them in words of your own"));
    let sent = left(&house, &site, "c1", "Špela").await.expect("a text");
    assert!(sent.words.text.starts_with("Acme: Zdravo Špela, kosarica: "), "{}", sent.words.text);

    // Now the cart fills the preview, its hostile title made harmless.
    let shown = look(&site, &format!("{{{{ items }}}} {{{{ total }}}} {OWN}")).await;
    assert!(shown.contains("Filled in from Špela’s cart, €54.20"), "{shown}");
    assert!(shown.contains("Cap from evil example/x &#60;b&#62; €54.20 Acme: Zdravo Špela"), "{shown}");

    let (status, to, _) = press(&site, "ready", OWN, &[]).await;
    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/texts/default/1?language=sl&done=text_ready"));
    let (_, editor) = page(&site, &to).await;
    assert!(editor.contains("the ready-made words.") && !editor.contains("Zdravo"), "{editor}");
    house.app.close().await;
}

#[actix_web::test]
async fn what_cannot_be_sent_is_refused_with_its_reason() {
    let house = house().await;
    let site = site(house.open_state()).await;
    for (source, why) in [
        ("{{ shop }} {{ opt_out }}", "without it there is no way back to the cart"),
        ("{{ link }} {{ opt_out }}", "every text must say whom it is from"),
        ("{{ shop }} {{ link }}", "every text must say how to stop them"),
        ("{{ shop }} {{ firstname }} {{ link }} {{ opt_out }}", "did you mean `first_name`?"),
        ("{{ shop }} bit.ly/x {{ link }} {{ opt_out }}", "`bit.ly/x` is a public link shortener"),
        ("{{ shop }} acme.shop {{ link }} {{ opt_out }}", "`acme.shop` would be a second link"),
        (&format!("{} {OWN}", "Dolga beseda. ".repeat(40)), "3 are allowed"),
        ("{% for x in y %}", "`for` cannot be used here"),
    ] {
        let shown = look(&site, source).await;
        assert!(shown.contains(why), "{source}: {shown}");
        let (status, _, answer) = press(&site, "save", source, &[]).await;
        assert_eq!(status, StatusCode::OK, "{source}");
        assert!(answer.contains("That was not done") && answer.contains(why), "{source}: {answer}");
        // What was typed is still in the field.
        let kept = source.replace('<', "&#60;").replace('>', "&#62;").replace('\'', "&#39;");
        assert!(answer.contains(kept.trim()), "{source}: {answer}");
    }
    let (_, editor) = page(&site, &format!("{EDITOR}?language=sl")).await;
    assert!(editor.contains("the ready-made words."), "nothing was saved: {editor}");
    house.app.close().await;
}

#[actix_web::test]
async fn length_letters_and_hours_are_told() {
    let house = house().await;
    let site = site(house.open_state()).await;
    let shown = look(&site, OWN).await;
    assert!(shown.contains("1 part,") && shown.contains("plain letters, 160 a part"), "{shown}");
    assert!(shown.contains("in SI Mon–Sat 09:00–20:00"), "{shown}");
    let dear = OWN.replace("kosarica", "košarica še čaka");
    let shown = look(&site, &dear).await;
    assert!(shown.contains("2 parts,") && shown.contains("š č have no place among the plain letters"), "{shown}");
    assert!(shown.contains("without them the text takes 1 part"), "{shown}");
    let (status, _, plain) = press(&site, "plain", &dear, &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(plain.contains("kosarica se caka: {{ link }}") && plain.contains("1 part,"), "{plain}");
    // Letters of the cart's own cannot be helped.
    left(&house, &site, "c1", "Špela").await;
    let shown = look(&site, OWN).await;
    assert!(shown.contains("Š is left: from the cart’s own words") && !shown.contains("Write it in plain"), "{shown}");
    let shown = look(&site, &OWN.replace(" | default('vi')", "")).await;
    assert!(shown.contains("A shopper of whom {{ first_name }} is not known"), "{shown}");
    house.app.close().await;
}

#[actix_web::test]
async fn a_test_goes_to_one_phone_and_counts_nowhere() {
    let house = house().await;
    let site = site(house.open_state()).await;
    left(&house, &site, "c1", "Ana").await.expect("a text");
    let figures = async || (page(&site, "/report").await.1, page(&site, "/").await.1);
    let before = figures().await;
    let (status, _, answer) = press(&site, "test", OWN, &[("phone", MINE)]).await;
    assert!(status == StatusCode::OK && answer.contains("The test is on its way"), "{answer}");
    house.work().await;
    let tests = house.messages().await.into_iter().filter(|message| message.purpose == Purpose::Test);
    let tests: Vec<Message> = tests.collect();
    assert_eq!(tests.len(), 1);
    assert_eq!((tests[0].words.phone.as_str(), tests[0].moments.state()), ("+38640555199", MessageState::Accepted));
    assert!(tests[0].words.text.starts_with("Acme: Zdravo Ana, kosarica: "), "{}", tests[0].words.text);
    // Its link leads to the front door, and a tap on it changes no figure either.
    let (_, rest) = tests[0].words.text.split_once(PUBLIC_URL).unwrap();
    let link = rest.split_whitespace().next().unwrap();
    let tap = TestRequest::get().uri(link).insert_header(("host", "127.0.0.1")).insert_header(("user-agent", BROWSER));
    let home = ask(&site, tap).await;
    assert!(!home.headers().get(header::LOCATION).is_some_and(|to| to.to_str().unwrap().contains("/checkout/")));
    house.work().await;
    assert_eq!(figures().await, before);
    assert!(page(&site, "/messages").await.1.contains("Test"));

    for (phone, why) in [
        ("not a number", "cannot be texted"),
        ("+12125550142", "does not text numbers of US"),
        ("", "cannot be texted"),
    ] {
        let (_, _, answer) = press(&site, "test", OWN, &[("phone", phone)]).await;
        assert!(answer.contains("That was not done") && answer.contains(why), "{phone}: {answer}");
    }
    let (_, _, answer) = press(&site, "test", "{{ shop }} {{ opt_out }}", &[("phone", MINE)]).await;
    assert!(answer.contains("no way back to the cart"), "{answer}");
    change(&house, &[("paused", "yes")]).await;
    let (_, _, answer) = press(&site, "test", OWN, &[("phone", MINE)]).await;
    assert!(answer.contains("the shop is paused"), "{answer}");
    change(&house, &[("paused", "no")]).await;
    for _ in 1..TESTS_PER_HOUR {
        press(&site, "test", OWN, &[("phone", MINE)]).await;
    }
    let (_, _, answer) = press(&site, "test", OWN, &[("phone", MINE)]).await;
    assert!(answer.contains("tests an hour are enough"), "{answer}");
    house.app.close().await;
}

#[actix_web::test]
async fn a_phone_that_opted_out_gets_no_test() {
    let house = house().await;
    let site = site(house.open_state()).await;
    let opt_out = async || {
        let core = house.core();
        let mut read = core.db.read().await.unwrap();
        let keys = core.vault.keys(&mut read, house.shop).await.unwrap();
        drop(read);
        let index = store::consent::phone_index(&keys, &Phone::restored("+38640555199".to_owned()));
        let entry = OptOut { at: core.now(), source: "page".into() };
        let done: Result<(), store::Error> = transact!(core.db, |tx| {
            store::consent::opt_out(tx, &keys, &index, &entry, core.now()).await?;
        });
        done.unwrap();
    };
    // Queued before the word came: it does not leave.
    press(&site, "test", OWN, &[("phone", MINE)]).await;
    opt_out().await;
    house.work().await;
    let messages = house.messages().await;
    assert_eq!((messages.len(), messages[0].moments.state()), (1, MessageState::Cancelled));
    let (_, _, answer) = press(&site, "test", OWN, &[("phone", MINE)]).await;
    assert!(answer.contains("this phone opted out"), "{answer}");
    assert_eq!(house.messages().await.len(), 1);
    house.app.close().await;
}

#[actix_web::test]
async fn only_its_own_page_and_people_may_write() {
    let house = house().await;
    let site = site(house.open_state()).await;
    for path in [EDITOR.to_owned(), format!("{EDITOR}/preview")] {
        let foreign = TestRequest::post().uri(&path).insert_header(("sec-fetch-site", "cross-site"));
        let foreign = foreign.insert_header(("host", "127.0.0.1")).set_form([("act", "save"), ("text", OWN)]);
        assert_eq!(ask(&site, foreign).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    for path in [
        "/texts/none/1",
        "/texts/default/9",
        "/texts/default/x",
        "/texts/default/1?language=xx",
        "/texts/default/1?shop=2",
    ] {
        assert_eq!(page(&site, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    // Every language we have words in opens, also the one for all the others.
    for language in ["", "pt-br", "zh-hant", "ar", "en"] {
        let path = format!("{EDITOR}?language={language}");
        assert_eq!(page(&site, &path).await.0, StatusCode::OK, "{path}");
    }
    let closed = super::house::site(house.state()).await;
    for path in ["/texts", EDITOR] {
        let answer = ask(&closed, TestRequest::get().uri(path)).await;
        assert_eq!(answer.headers().get(header::LOCATION).unwrap(), "/sign-in", "{path}");
    }
    let answer = ask(&closed, from_our_page(EDITOR).set_form([("act", "save"), ("text", OWN)])).await;
    assert_eq!(answer.headers().get(header::LOCATION).unwrap(), "/sign-in");
    house.app.close().await;
}
