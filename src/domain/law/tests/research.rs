//! The pack against the research it was written from, field by field.

use super::{NOW, time};
use crate::domain::law::*;

/// The research data beside the project (`CARTBACK_SHARED` names its folder); says so where it is not there.
pub(in crate::domain) fn research() -> Option<serde_json::Value> {
    let shared =
        std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").into());
    let Ok(text) = std::fs::read_to_string(format!("{shared}/data/compliance_rules.json")) else {
        eprintln!("not compared: there is no research data in ../shared or CARTBACK_SHARED");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The research data, where it is there. What it has no field for is not compared.
#[test]
fn the_pack_says_what_the_research_says() {
    let Some(data) = research() else { return };
    let pack = current();
    let everywhere = pack.everywhere();
    let global = &data["global"];
    for (field, ours) in [
        ("first_send_min_after_abandon_min", everywhere.first_after_minutes),
        ("first_send_max_after_abandon_h", everywhere.give_up_after_hours),
        ("max_cart_sms_per_phone_shop_24h", everywhere.cart_texts_per_day),
        ("max_all_marketing_per_phone_shop_24h", everywhere.all_texts_per_day),
        ("max_cart_sms_per_phone_shop_30d", everywhere.cart_texts_per_30_days),
        ("optout_link_valid_days", everywhere.opt_out_link_days),
        ("suppression_retention_years", everywhere.opt_out_kept_years),
    ] {
        assert_eq!(global[field], ours, "{field}");
    }
    assert_eq!(global["confirmation_after_optout"]["within_seconds"], everywhere.answer_within_seconds);
    let countries = data["countries"].as_object().unwrap();
    assert_eq!(countries.len(), pack.countries().len());
    for (code, theirs) in countries {
        let ours = pack.row(code, time(NOW)).unwrap_or_else(|| panic!("{code}"));
        let legal = ours.legal.as_ref().map(|bound| bound.hours.to_string());
        assert_eq!(legal, hours_of(&theirs["legal"]), "{code} legal");
        assert_eq!(
            ours.usual.as_ref().map(|bound| bound.hours.to_string()),
            hours_of(&theirs["default"]),
            "{code} usual"
        );
        let consent = ours.consent.as_ref().unwrap();
        let double = theirs["consent"].as_str().unwrap().contains("double_opt_in");
        assert_eq!(consent.level == Level::Double, double, "{code} consent");
        assert_eq!(ours.on, theirs["enabled_by_default"] != false, "{code} on");
        let sender = ours.sender.as_ref();
        assert_eq!(
            sender.is_some_and(|sender| sender.two_way_required),
            theirs["two_way_required"] == true,
            "{code} two-way"
        );
        assert_eq!(sender.is_none_or(|sender| sender.alphanumeric), theirs["alphanumeric"] != false, "{code} letters");
        assert_eq!(
            sender.and_then(|sender| sender.prefix.as_deref()),
            theirs["sender_prefix"].as_str(),
            "{code} prefix"
        );
        assert_eq!(
            sender.is_some_and(|sender| sender.stop_short_code),
            theirs["required_text"] == "STOP 36xxx",
            "{code}"
        );
        let cap = ours.caps.as_ref().and_then(|caps| caps.all_texts_per_day);
        assert_eq!(cap.map(u64::from), theirs["cap_24h"].as_u64(), "{code} cap");
        let discount = ours.text.as_ref().is_some_and(|text| text.discount_needs_promo_consent);
        assert_eq!(discount, theirs["no_discount_without_marketing_consent"] == true, "{code} discount");
        let days = ours.opt_out.as_ref().and_then(|opt_out| opt_out.link_days);
        let valid = &theirs["optout_mechanism_valid_days"];
        assert_eq!(days.map(u64::from), valid.as_u64().or(theirs["contact_info_valid_days"].as_u64()), "{code} link");
    }
    for (code, theirs) in data["us_states"].as_object().unwrap() {
        let ours = pack.row(&format!("US-{code}"), time(NOW)).unwrap_or_else(|| panic!("{code}"));
        let legal = ours.legal.as_ref().unwrap();
        let mut parts = Vec::new();
        for (days, field) in [("mon-fri", "mon_fri"), ("sat", "sat"), ("sun", "sun")] {
            if let Some(window) = theirs[field].as_array() {
                parts.push(format!("{days} {}-{}", window[0].as_str().unwrap(), window[1].as_str().unwrap()));
            }
        }
        if theirs["no_holidays"] == true {
            parts.push("no holidays".to_owned());
        }
        assert_eq!(legal.hours, parts.join("; ").parse().unwrap(), "{code}");
        assert_eq!(format!("{:?}", legal.confidence), theirs["conf"], "{code}");
        let cap = ours.caps.as_ref().and_then(|caps| caps.all_texts_per_day);
        assert_eq!(cap.map(u64::from), theirs["cap_24h"].as_u64(), "{code} cap");
    }
}

/// A window list of the research data in our way of writing it.
fn hours_of(bound: &serde_json::Value) -> Option<String> {
    let windows = bound.get("windows")?.as_array()?;
    let mut parts: Vec<String> = windows
        .iter()
        .map(|window| {
            let days: Vec<&str> = window["days"].as_array().unwrap().iter().map(|day| day.as_str().unwrap()).collect();
            format!("{} {}-{}", days.join(","), window["from"].as_str().unwrap(), window["to"].as_str().unwrap())
        })
        .collect();
    if bound["no_public_holidays"] == true {
        parts.push("no holidays".to_owned());
    }
    Some(parts.join("; ").parse::<Hours>().unwrap().to_string())
}
