//! Lists, tokens, exports, erasures and proofs from the command line.

use super::*;

async fn with_shop() -> House {
    let house = House::new();
    house.types(&SHOP).await.unwrap();
    house
}

fn file(house: &House, name: &str, text: &str) -> String {
    let path = house.config.data.join(name);
    std::fs::create_dir_all(&house.config.data).unwrap();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_list_of_consents_is_taken_whole_or_without_its_bad_lines() {
    let house = with_shop().await;
    let list = file(
        &house,
        "list.csv",
        "Mobile;Opted in at;Words;Shoe size\n040 555 101;2026-03-01;Text me;43\nnone;2026-03-01;;\n040 555 102;;;\n",
    );
    let (code, problem) = house.types(&["consent", "import", &list]).await.unwrap_err();
    assert_eq!(code, 2);
    for part in ["line 3: phone: not a phone number", "line 4: given_at: is missing", "2 of 3 lines", "Shoe size"] {
        assert!(problem.contains(part), "{part} is not in {problem}");
    }
    let dry = house.types(&["consent", "import", &list, "--skip-bad", "--dry-run"]).await.unwrap();
    assert_eq!((&dry.json["good"], &dry.json["recorded"]), (&json!(1), &json!(null)));
    for (recorded, known) in [(1, 0), (0, 1)] {
        let said = house.types(&["consent", "import", &list, "--skip-bad"]).await.unwrap();
        assert_eq!((&said.json["recorded"], &said.json["known"]), (&json!(recorded), &json!(known)), "{}", said.words);
        assert!(!said.well);
    }
    let missing = house.types(&["consent", "import", "/nowhere.csv"]).await.unwrap_err();
    assert!(missing.1.contains("cannot be read"), "{missing:?}");
    let held = house.types(&["person", "export", "--phone", "+386 40 555 101"]).await.unwrap();
    assert!(held.words.contains("\"Text me\"") && held.words.contains("\"import\""), "{}", held.words);
}

#[tokio::test]
async fn opt_outs_come_and_go_as_lists() {
    let house = with_shop().await;
    let added = house.types(&["opt-out", "add", "040 555 101"]).await.unwrap();
    assert_eq!(added.json["recorded"], 1);
    assert_eq!(house.types(&["opt-out", "add", "+38640555101"]).await.unwrap().json["known"], 1);
    let formula = file(&house, "bad.csv", "phone,at,source\n040 555 102,2026-03-01T10:00:00Z,=cmd\n");
    assert!(house.types(&["opt-out", "import", &formula]).await.unwrap_err().1.contains("source: must be"));
    let list = file(&house, "out.csv", "phone,at,source\n040 555 102,2026-03-01T10:00:00Z,till-2\n");
    assert_eq!(house.types(&["opt-out", "import", &list]).await.unwrap().json["recorded"], 1);
    let sheet = house.types(&["opt-out", "export"]).await.unwrap().words;
    assert_eq!(sheet.lines().count(), 3, "{sheet}");
    assert!(sheet.contains("till-2") && !sheet.contains("555"), "{sheet}");
    assert!(house.types(&["opt-out", "add", "nobody"]).await.unwrap_err().1.contains("not a phone number"));
    let out = house.config.data.join("sheet.csv");
    house.types(&["opt-out", "export", "--out", out.to_str().unwrap()]).await.unwrap();
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_to_string(out).unwrap(), sheet);
}

#[tokio::test]
async fn a_token_is_shown_once_listed_and_revoked() {
    let house = with_shop().await;
    let made = house.types(&["token", "create", "--name", "till", "--scope", "people"]).await.unwrap();
    let token = made.json["token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("cb_") && token.len() == 62 && made.words.contains(&token), "{}", made.words);
    assert!(house.types(&["token", "create", "--name", "till", "--scope", "read"]).await.is_err());
    let listed = house.types(&["token", "list"]).await.unwrap();
    assert!(!listed.words.contains(&token) && !listed.json.to_string().contains(&token));
    assert_eq!((&listed.json[0]["name"], &listed.json[0]["used_at"]), (&json!("till"), &json!(null)));
    house.types(&["token", "revoke", "till"]).await.unwrap();
    assert!(house.types(&["token", "revoke", "till"]).await.is_err());
    assert!(Cli::try_parse_from(["cartback", "token", "create", "--name", "x", "--scope", "all"]).is_err());
}

#[tokio::test]
async fn a_person_is_told_proved_and_forgotten() {
    let house = House::new();
    let added = house.types(&SHOP).await.unwrap().json;
    house.types(&["shop", "set", "1", "countries=SI,US", "limits.allow_tests=yes"]).await.unwrap();
    house.types(&["gateway", "add", "log"]).await.unwrap();
    let now = house.clock.now();
    let checkout = json!({ "type": "checkout.updated", "timestamp": now.to_string(), "data": {
        "token": "chk_1", "phone": "+1 212 525 0142", "country": "US", "region": "NY", "first_name": "Ines",
        "email": "ines@shopper.example", "currency": "EUR", "total": "80.00",
        "recovery_url": "https://northwind.example/back/1",
        "consent": {
                "state": "granted", "level": "confirmed_opt_in", "phone": "+1 212 525 0142", "source": "checkout",
            },
        "started_at": (now - Duration::from_secs(600)).to_string(), "updated_at": now.to_string(),
    }});
    house.hears(&added, "msg_1", &checkout.to_string()).await;
    house.clock.advance(Duration::from_secs(31 * 60));
    house.works().await;
    house.clock.advance(Duration::from_secs(60));
    house.works().await;
    let held = house.types(&["person", "export", "--email", "INES@shopper.example"]).await.unwrap().words;
    let held: Value = serde_json::from_str(&held).unwrap();
    let id = held["messages"][0]["id"].as_str().unwrap();
    let proof = house.types(&["person", "proof", id]).await.unwrap().words;
    assert!(proof.contains("\"cartback.proof\"") && proof.contains("+12125250142"), "{proof}");
    let page = house.config.data.join("proof.html");
    house.types(&["person", "proof", id, "--page", "--out", page.to_str().unwrap()]).await.unwrap();
    let page = std::fs::read_to_string(page).unwrap();
    let file = proof.clone() + if proof.ends_with('\n') { "" } else { "\n" };
    use sha2::Digest;
    assert!(page.contains(&data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(file.as_bytes()))), "{page}");
    let dry = house.types(&["person", "erase", "--email", "ines@shopper.example", "--dry-run"]).await.unwrap();
    assert_eq!((&dry.json["carts"], &dry.json["messages"]), (&json!(1), &json!(1)));
    let done = house.types(&["person", "erase", "--email", "ines@shopper.example"]).await.unwrap();
    assert_eq!(done.json["carts"], 1, "{}", done.words);
    let asked = house.types(&["person", "requests"]).await.unwrap();
    assert_eq!((&asked.json[0]["kind"], &asked.json[0]["source"]), (&json!("erasure"), &json!("command line")));
    let held = house.types(&["person", "export", "--phone", "+12125250142"]).await.unwrap().words;
    assert!(!held.contains("Ines") && held.contains("\"carts\": []"), "{held}");
    for wrong in [&["person", "export", "--phone", "none"][..], &["person", "erase", "--email", "none"]] {
        assert!(matches!(house.types(wrong).await, Err((2, _))), "{wrong:?}");
    }
    assert!(Cli::try_parse_from(["cartback", "person", "export"]).is_err());
    assert!(matches!(house.types(&["person", "answered", "req_0000000000001"]).await, Err((3, _))));
}
