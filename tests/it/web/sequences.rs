//! The pages of sequences: what they show, and that a form changes what it says and nothing else.

use actix_web::http::{StatusCode, header};
use cartback::{
    domain::sequence::{Sequence, default_sequence},
    pipeline::connect,
};

use super::house::{House, Site, ask, from_our_page, page, site, text};

async fn stored(house: &House) -> Vec<Sequence> {
    let mut read = house.core().db.read().await.unwrap();
    house.core().shop(&mut read, house.shop).await.unwrap().unwrap().0.rules.sequences
}

/// Posts a form; where it leads, or the page that says why not.
async fn submit(site: &Site, path: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let response = ask(site, from_our_page(path).set_form(fields)).await;
    match response.status() {
        StatusCode::SEE_OTHER => Ok(response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()),
        _ => Err(text(response).await),
    }
}

/// Every field of the form on a sequence's page, as a browser would send it back.
fn fields_of(html: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
        Some(rest.split('"').next()?.replace("&#38;", "&").replace("&#34;", "\""))
    };
    let form = html.split("class=\"sequence-form\"").nth(1).unwrap().split("</form>").next().unwrap();
    let mut fields = Vec::new();
    for tag in form.split('<').filter(|tag| tag.starts_with("input ") || tag.starts_with("select ")) {
        let name = attribute(tag, "name").unwrap();
        if tag.starts_with("select ") {
            let after = form.split(&format!("name=\"{name}\"")).nth(1).unwrap().split("</select>").next().unwrap();
            let options: Vec<&str> = after.split("<option").skip(1).collect();
            let chosen = options.iter().find(|option| option.contains(" selected")).unwrap_or(&options[0]);
            fields.push((name, attribute(chosen, "value").unwrap()));
        } else if !tag.contains("type=\"checkbox\"") || tag.contains(" checked") {
            fields.push((name, attribute(tag, "value").unwrap_or_default()));
        }
    }
    fields
}

#[actix_web::test]
async fn a_shop_begins_with_one_sequence_and_may_add_a_ready_made_one() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let (_, list) = page(&site, "/sequences").await;
    assert!(list.contains("1 sequence is on.") && list.contains("Reminder and second chance"), "{list}");
    assert_eq!(submit(&site, "/sequences", &[("preset", "eu")]).await.unwrap(), "/sequences/eu?done=sequence_added");
    let (_, eu) = page(&site, "/sequences/eu").await;
    assert!(eu.contains("Europe is off; it would send 2 texts to carts from AT, BE"), "{eu}");
    assert_eq!(submit(&site, "/sequences/eu/move", &[("to", "up")]).await.unwrap(), "/sequences?done=sequence_moved");
    assert_eq!(submit(&site, "/sequences/eu/on", &[]).await.unwrap(), "/sequences?done=sequence_on");
    let all = stored(&house).await;
    assert_eq!((all[0].id.as_str(), all[1].id.as_str()), ("eu", "default"));
    assert_eq!(all[0].on_since, Some(house.core().now()));
    submit(&site, "/sequences/eu/move", &[("to", "up")]).await.unwrap();
    submit(&site, "/sequences/default/move", &[("to", "down")]).await.unwrap();
    assert_eq!(stored(&house).await, all, "beyond either end there is no place");
    // A preset is there once.
    let again = submit(&site, "/sequences", &[("preset", "eu")]).await.unwrap_err();
    assert!(again.contains("there are two sequences with this id"), "{again}");
    assert!(submit(&site, "/sequences", &[("preset", "none")]).await.is_err());
    submit(&site, "/sequences/eu/off", &[]).await.unwrap();
    assert_eq!(stored(&house).await[0].on_since, None);
    submit(&site, "/sequences/eu/remove", &[]).await.unwrap();
    assert_eq!(stored(&house).await, [default_sequence()]);
    assert_eq!(page(&site, "/sequences/eu").await.0, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn a_form_sent_back_as_it_was_changes_nothing() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    for name in ["us", "eu", "gentle", "three-step"] {
        submit(&site, "/sequences", &[("preset", name)]).await.unwrap();
    }
    connect::change_rules(house.core(), house.shop, |rules, _| {
        let texts = "{{ shop }} {{ link }} {{ opt_out }}";
        let changes = [
            ("step.2.discount", "percent:10"),
            ("step.2.discount.minimum", "40 EUR"),
            ("step.1.discount", "BACK10"),
            ("step.1.text.de", texts),
            ("step.2.closed", "skip"),
            ("step.2.when.tags", "a&b, \"c\""),
            ("when.buyer", "new"),
            ("exits", "clicked"),
        ];
        rules.sequences[2].set_all(changes)
    })
    .await
    .unwrap();
    let before = stored(&house).await;
    for sequence in &before {
        let path = format!("/sequences/{}", sequence.id);
        let (_, html) = page(&site, &path).await;
        let fields = fields_of(&html);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let led = submit(&site, &path, &fields).await.unwrap();
        assert_eq!(led, format!("{path}?done=sequence_saved"));
    }
    assert_eq!(stored(&house).await, before);
}

#[actix_web::test]
async fn a_form_changes_adds_and_leaves_out_texts_or_says_what_is_wrong() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let path = "/sequences/default";
    let words = "{{ shop }} {{ link }} {{ opt_out }}";
    connect::change_rules(house.core(), house.shop, |rules, _| rules.sequences[0].set_all([("step.2.text.de", words)]))
        .await
        .unwrap();
    // The first goes, the second keeps its words, a third comes.
    let fields = [
        ("name", "Other"),
        ("step.1.after", ""),
        ("step.2.after", "20h"),
        ("step.3.after", "40h"),
        ("step.2.discount", "free_shipping"),
        ("step.2.discount.expires_hours", ""),
        ("exits", "clicked"),
        ("exits", "emptied"),
        ("rest_days", "3"),
    ];
    submit(&site, path, &fields).await.unwrap();
    let changed = stored(&house).await.remove(0);
    assert_eq!(changed.steps.iter().map(|step| step.after_minutes / 60).collect::<Vec<_>>(), [20, 40]);
    assert_eq!((changed.steps[0].text(Some("de")), changed.steps[1].text(Some("de"))), (Some(words), None));
    assert_eq!(changed.steps[0].discount.as_ref().unwrap().typed(), "free_shipping");
    assert_eq!(
        (changed.exits.typed().as_str(), changed.rest_days, changed.name.as_str()),
        ("clicked,emptied", 3, "Other")
    );
    // What was typed stays, with every problem beside it.
    let wrong = [("name", "Other"), ("step.1.after", "soon <b>"), ("step.2.after", "50h"), ("rest_days", "999")];
    let page = submit(&site, path, &wrong).await.unwrap_err();
    for says in ["must be a length of time", "rest_days: must be 0 to 365", "value=\"soon &#60;b&#62;\""] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let late = submit(&site, path, &[("name", "Other"), ("step.2.after", "50h")]).await.unwrap_err();
    assert!(late.contains("must lie before give_up_after_hours"), "{late}");
    assert_eq!(stored(&house).await, [changed]);
    for path in ["/sequences/nothing", "/sequences/nothing/on", "/sequences/nothing/remove"] {
        assert!(submit(&site, path, &[("name", "x")]).await.is_err(), "{path}");
    }
}
