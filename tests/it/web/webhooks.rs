//! The pages of outbound webhooks: adding one shows its secret once, wrong words come back with what was typed, and each
//! button does what it says.

use actix_web::http::{StatusCode, header};

use super::house::{House, Site, ask, from_our_page, page, site, text};

/// Posts a form; where it leads, or the page that answers.
async fn submit(site: &Site, path: &str, fields: &[(&str, &str)]) -> Result<String, String> {
    let response = ask(site, from_our_page(path).set_form(fields)).await;
    match response.status() {
        StatusCode::SEE_OTHER => Ok(response.headers().get(header::LOCATION).unwrap().to_str().unwrap().to_owned()),
        _ => Err(text(response).await),
    }
}

#[actix_web::test]
async fn an_endpoint_is_added_changed_tried_switched_off_and_removed() {
    let house = House::open().await;
    let site = site(house.open_state()).await;
    let (_, empty) = page(&site, "/webhooks").await;
    assert!(
        empty.contains("No other system is told what happens here.") && empty.contains("order.recovered"),
        "{empty}"
    );

    let wrong = submit(&site, "/webhooks", &[("url", "http://10.0.0.1/in"), ("name", "Our CRM")]).await.unwrap_err();
    for part in ["url: must begin with https://", "events: choose at least one", "value=\"Our CRM\""] {
        assert!(wrong.contains(part), "{part} is not in {wrong}");
    }
    let fields = [("url", "https://crm.example/in?key=hunter2"), ("name", "Our CRM"), ("events", "cart.abandoned")];
    let added = submit(&site, "/webhooks", &fields).await.unwrap_err();
    let secret = added.split("whsec_").nth(1).unwrap().split('"').next().unwrap().replace("&#43;", "+");
    assert!(added.contains("it is not shown again"), "{added}");
    let id = added.split("/webhooks/sink_").nth(1).unwrap().split(['/', '"', '?']).next().unwrap();
    let path = format!("/webhooks/sink_{id}");
    let (_, shown) = page(&site, &path).await;
    assert!(!shown.contains(&secret) && !shown.contains("whsec_"), "the secret is shown twice");
    let (_, list) = page(&site, "/webhooks").await;
    assert!(list.contains("Our CRM") && !list.contains("hunter2"), "{list}");

    let saved = submit(
        &site,
        &path,
        &[("url", "https://crm.example/in?key=hunter2"), ("name", "CRM"), ("events", "link.clicked")],
    );
    assert_eq!(saved.await.unwrap(), format!("{path}?done=webhook_saved"));
    let rotated = submit(&site, &format!("{path}/rotate"), &[]).await.unwrap_err();
    assert!(rotated.contains("whsec_") && rotated.contains("Two secrets sign until"), "{rotated}");
    // The house of these tests has no network.
    let tested = submit(&site, &format!("{path}/test"), &[]).await.unwrap_err();
    assert!(tested.contains("Not taken") && tested.contains("webhook.test"), "{tested}");
    assert_eq!(submit(&site, &format!("{path}/disable"), &[]).await.unwrap(), format!("{path}?done=webhook_off"));
    let (_, off) = page(&site, &path).await;
    assert!(off.contains("CRM is off: by hand."), "{off}");
    let refused = submit(&site, &format!("{path}/replay"), &[("since", "24")]).await.unwrap_err();
    assert!(refused.contains("switch it on first"), "{refused}");
    assert_eq!(submit(&site, &format!("{path}/enable"), &[]).await.unwrap(), format!("{path}?done=webhook_on"));
    let replayed = submit(&site, &format!("{path}/replay"), &[("since", "24")]).await.unwrap();
    assert_eq!(replayed, format!("{path}?done=webhook_replayed"));
    assert_eq!(submit(&site, &format!("{path}/remove"), &[]).await.unwrap(), "/webhooks?done=webhook_removed");
    let (status, _) = page(&site, &path).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, schema) = page(&site, "/webhooks/schema.json").await;
    assert_eq!(status, StatusCode::OK);
    assert!(serde_json::from_str::<serde_json::Value>(&schema).unwrap()["oneOf"].as_array().unwrap().len() > 8);
}
