//! Every signature that a connector checks, held against an implementation of the scheme that is not ours: in most cases
//! the platform's own SDK. `tests/oracle/vectors.mjs` prints webhooks that those took, and ones tampered with that they
//! refused; our connectors must judge each of them alike. Where no SDK exists, the comment at the scheme says what stands
//! in for it, and what the two may differ in is left out there by name.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use cartback::{
    domain::{
        connector::{Accepted, Delivery, Settings},
        time::Time,
    },
    gateway,
    http::Response,
    shop,
};
use data_encoding::BASE64;
use serde_json::Value;

use crate::server::say;

/// What must have been judged: the side, the kind of connector, the scheme. A new connector that checks signatures gets a
/// block in `tests/oracle` and its lines here.
const SCHEMES: &[[&str; 3]] = &[
    ["gateway", "aws", "SNS version 1"],
    ["gateway", "aws", "SNS version 2"],
    ["gateway", "bird", "HMAC"],
    ["gateway", "messagebird", "JWT"],
    ["gateway", "plivo", "V3"],
    ["gateway", "sinch", "HMAC"],
    ["gateway", "telnyx", "Ed25519"],
    ["gateway", "twilio", "HMAC_SHA1"],
    ["gateway", "twilio", "HMAC_SHA256"],
    ["gateway", "vonage", "HMAC sha256"],
    ["gateway", "vonage", "HMAC sha512"],
    ["gateway", "vonagemessages", "JWT HS256"],
    ["shop", "bigcommerce", "Standard Webhooks"],
    ["shop", "cashfree", "HMAC"],
    ["shop", "ecwid", "HMAC"],
    ["shop", "generic", "Standard Webhooks"],
    ["shop", "mapped", "HMAC base64"],
    ["shop", "mapped", "HMAC hex"],
    ["shop", "mapped", "Standard Webhooks"],
    ["shop", "razorpay", "HMAC"],
    ["shop", "saleor", "detached JWS"],
    ["shop", "shopify", "HMAC"],
    ["shop", "squarespace", "HMAC"],
    ["shop", "wix", "JWT RS256"],
    ["shop", "woocommerce", "HMAC"],
    ["shop", "woocommerce", "Standard Webhooks"],
];

const REQUIRED: &str = "CARTBACK_REQUIRE_ORACLES";
const NOT_INSTALLED: &str = "the vendors' SDKs are not installed (npm ci in tests/oracle)";

#[test]
fn every_signature_is_judged_as_the_vendors_own_sdks_judge_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle");
    if !folder.join("node_modules").is_dir() {
        assert!(
            env::var_os(REQUIRED).is_none_or(|value| value != "1"),
            "{NOT_INSTALLED}, and {REQUIRED}=1 requires them"
        );
        return say(&format!("skipped: {NOT_INSTALLED}"));
    }
    let mut counts: BTreeMap<[String; 3], Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases(folder) {
        let count = counts.entry(case.scheme()).or_default();
        count.by = case.text("by");
        *if case.genuine() { &mut count.genuine } else { &mut count.tampered } += 1;
        wrong.extend(case.judged().err());
    }
    assert!(wrong.is_empty(), "{} judged otherwise than by the SDK:\n{}", wrong.len(), wrong.join("\n"));
    for ([side, kind, scheme], Count { genuine, tampered, by }) in &counts {
        say(&format!("{side} {kind}, {scheme}: {genuine} genuine, {tampered} tampered with; {by}"));
    }
    let judged: Vec<[&str; 3]> = counts.keys().map(|scheme| scheme.each_ref().map(String::as_str)).collect();
    assert_eq!(judged, SCHEMES, "the schemes that were judged");
    for (scheme, count) in &counts {
        assert!(count.genuine > 0 && count.tampered > 0, "{scheme:?}: {} and {}", count.genuine, count.tampered);
    }
}

#[derive(Default)]
struct Count {
    genuine: usize,
    tampered: usize,
    by: String,
}

fn cases(folder: PathBuf) -> Vec<Case> {
    let mut node = Command::new("node");
    // Another machine's settings for Node say nothing of ours.
    node.arg("vectors.mjs").current_dir(folder).env_remove("NODE_OPTIONS").stdin(Stdio::null());
    let ran = node.output().expect("node is needed to ask the vendors' SDKs");
    let (told, failed) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "vectors.mjs: {}\n{failed}", ran.status);
    told.lines().map(|line| Case(serde_json::from_str(line).expect(line))).collect()
}

/// A line of what was printed.
struct Case(Value);

impl Case {
    fn text(&self, name: &str) -> String {
        self.0[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.0)).to_owned()
    }

    fn scheme(&self) -> [String; 3] {
        ["side", "kind", "scheme"].map(|name| self.text(name))
    }

    fn genuine(&self) -> bool {
        self.0["genuine"].as_bool().expect("genuine")
    }

    /// An error where the connector says otherwise than the SDK said.
    fn judged(&self) -> Result<(), String> {
        let said = self.verified();
        let alike = match &said {
            // A ping is believed in nothing, so no signature is tried by it.
            Ok(Accepted::Ping) => false,
            Ok(_) => self.genuine(),
            Err(_) => !self.genuine(),
        };
        if alike { Ok(()) } else { Err(format!("{:?}, {}: {said:?}", self.scheme(), self.text("what"))) }
    }

    fn verified(&self) -> Result<Accepted, String> {
        let [side, kind, _] = self.scheme();
        let (settings, delivery, keys) = (self.settings(), self.delivery(), self.keys());
        let said = if side == "gateway" {
            let kind = gateway::by_kind(&kind).expect("a gateway of this kind");
            match kind.ask_keys(&settings, &delivery) {
                Some(_) => kind.verify_by(&settings, &keys, &delivery),
                None => kind.verify(&settings, &delivery),
            }
        } else {
            let kind = shop::by_kind(&kind).expect("a shop of this kind");
            match kind.ask_keys(&settings, &delivery) {
                Some(_) => kind.verify_by(&settings, &keys, &delivery),
                None => kind.verify(&settings, &delivery),
            }
        };
        said.map_err(|refusal| format!("{refusal:?}"))
    }

    fn settings(&self) -> Settings {
        let given = self.0["settings"].as_object().expect("settings");
        let text = |value: &Value| value.as_str().expect("a setting is text").to_owned();
        Settings::restored(given.iter().map(|(name, value)| (name.clone(), text(value))).collect())
    }

    fn delivery(&self) -> Delivery {
        let headers = self.0["headers"].as_array().expect("headers").iter();
        let text = |value: &Value| value.as_str().expect("a header is text").to_owned();
        Delivery {
            method: self.text("method"),
            url: self.text("url"),
            headers: headers.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
            body: self.bytes("body"),
            received_at: Time::from_seconds(self.0["received_at"].as_i64().expect("received_at")),
        }
    }

    /// What the platform publishes at the address that the connector asked for.
    fn keys(&self) -> Response {
        let body = if self.0["keys"].is_null() { Vec::new() } else { self.bytes("keys") };
        Response { status: 200, headers: Vec::new(), body }
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        BASE64.decode(self.text(name).as_bytes()).expect("base64")
    }
}
