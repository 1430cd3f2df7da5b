//! Every command there is, taken from the tree itself: a new one fails here until it says what it does, answers as JSON,
//! and has a line below that tries it.

use clap::CommandFactory;

use super::*;

/// What prints a document or a script of its own, or never ends.
const NO_JSON: [&str; 7] = ["serve", "demo", "completions", "man", "person export", "person proof", "opt-out export"];

/// A line for every command, in an order in which each finds what it needs. `{…}` is taken from what was said before by
/// the command that named it. The number is the exit code; `None` where it does not open a house.
const LINES: &[(&str, Option<u8>)] = &[
    ("serve", None),
    ("demo", None),
    ("migrate", Some(0)),
    ("backup {copy}", Some(0)),
    ("backup {copy}", Some(1)),
    ("backup {copy}.2 --verify", Some(0)),
    ("backup verify {copy}", Some(0)),
    ("backup verify {list}", Some(1)),
    ("backup verify {copy}.3", Some(3)),
    ("restore {copy}", Some(1)),
    ("restore {copy}.3", Some(3)),
    ("report", Some(0)),
    ("lift", Some(0)),
    ("dry-run", Some(0)),
    ("dry-run --days 7 --delays 10,60", Some(0)),
    ("dry-run --days 6", Some(2)),
    ("dry-run --sequence none", Some(3)),
    ("lift --run 99", Some(3)),
    ("experiment list", Some(0)),
    ("experiment start Later nothing 1 --arm later=after:180", Some(2)),
    ("experiment start Later nothing 1 --arm later", Some(2)),
    ("experiment show exp_0000000000001", Some(3)),
    ("experiment stop exp_0000000000001", Some(3)),
    ("experiment use exp_0000000000001 later", Some(3)),
    ("ledger show", Some(0)),
    ("ledger show --from 2026-03-02 --to 2026-03-01", Some(2)),
    ("ledger set --report-in CHF --goods 42.5", Some(0)),
    ("ledger set --goods 142", Some(2)),
    ("ledger set --report-in francs", Some(2)),
    ("rate set EUR 0.94 --from 2026-03-01", Some(0)),
    ("rate set CHF 1 --from 2026-03-01", Some(2)),
    ("rate set USD 0.9 --from 2026-03-01 --to EUR", Some(0)),
    ("rate import {rates}", Some(0)),
    ("rate import {list}", Some(2)),
    ("rate list", Some(0)),
    ("rate remove USD --to EUR --from 2026-03-01", Some(0)),
    ("rate remove USD --to EUR --from 2026-03-01", Some(3)),
    ("spend add Ads 120.50 --from 2026-02-01 --to 2026-02-28 --revenue 410", Some(0)),
    ("spend add Ads much --from 2026-02-01", Some(2)),
    ("spend import {spend}", Some(0)),
    ("spend import {list}", Some(2)),
    ("spend list", Some(0)),
    ("spend remove Ads --from 2026-02-01 --to 2026-02-28", Some(0)),
    ("spend remove Ads --from 2026-02-01 --to 2026-02-28", Some(3)),
    ("doctor", Some(1)),
    ("health http://127.0.0.1:1", None),
    ("key new", None),
    ("key renew", Some(0)),
    ("key rewrap", Some(0)),
    ("law SI", None),
    ("completions bash", None),
    ("man", None),
    ("shop kinds", Some(0)),
    ("shop kinds bigcommerce", Some(0)),
    ("shop kinds magneto", Some(3)),
    ("shop list", Some(0)),
    ("shop show 1", Some(0)),
    ("shop show 7", Some(3)),
    ("shop set 1 rest_hours=12", Some(0)),
    ("shop set 1 rest_hours=many", Some(2)),
    ("shop pause 1", Some(0)),
    ("shop resume 1", Some(0)),
    ("shop pause 7", Some(3)),
    ("shop subscribe 1", Some(2)),
    ("gateway add log", Some(0)),
    ("gateway kinds", Some(0)),
    ("gateway kinds twilio", Some(0)),
    ("gateway kinds pigeon", Some(3)),
    ("gateway list", Some(0)),
    ("gateway pause {gateway}", Some(0)),
    ("gateway resume {gateway}", Some(0)),
    ("gateway set {gateway} colour=red", Some(2)),
    ("gateway set gw_0000000000001 x=y", Some(3)),
    ("sequence list", Some(0)),
    ("sequence preset", Some(0)),
    ("sequence add eu", Some(0)),
    ("sequence show eu", Some(0)),
    ("sequence on eu", Some(0)),
    ("sequence off eu", Some(0)),
    ("sequence set eu name=Europe", Some(0)),
    ("sequence move eu 1", Some(0)),
    ("text list", Some(0)),
    ("text show eu 1", Some(0)),
    ("text show eu 9", Some(3)),
    ("text show eu 1 --language xx", Some(2)),
    ("text set eu 1 {{shop}}:{{link}}{{opt_out}}", Some(0)),
    ("text set eu 1 nothing", Some(2)),
    ("text preview eu 1", Some(0)),
    ("text unset eu 1", Some(0)),
    ("text test eu 1 +38640555101", Some(0)),
    ("sequence remove eu", Some(0)),
    ("message list", Some(0)),
    ("message show {message}", Some(0)),
    ("message show msg_0000000000001", Some(3)),
    ("cart list", Some(0)),
    ("event list", Some(0)),
    ("goal list", Some(0)),
    ("goal presets", Some(0)),
    ("goal preset shop", Some(0)),
    ("goal preset circus", Some(3)),
    ("goal set Lists downloaded --only target~price-list --worth told --every --target 40", Some(0)),
    ("goal set Lists downloaded --only price-list", Some(2)),
    ("goal set Lists flown", Some(2)),
    ("goal set Lists downloaded --id goal_0000000000001", Some(3)),
    ("goal remove goal_0000000000001", Some(3)),
    ("funnel list", Some(0)),
    ("funnel set Lists page_viewed:page=/prices downloaded:target~price-list --strict", Some(0)),
    ("funnel set Lists page_viewed flown", Some(2)),
    ("funnel set Lists page_viewed downloaded --id fun_0000000000001", Some(3)),
    ("funnel remove fun_0000000000001", Some(3)),
    ("cart show cart_0000000000001", Some(3)),
    ("explain cart_0000000000001", Some(3)),
    ("order list", Some(0)),
    ("order show #1093", Some(3)),
    ("audit csv {orders}", Some(0)),
    // A shop of one's own making cannot be asked for its orders.
    ("audit run", Some(2)),
    ("audit fill", Some(2)),
    ("audit list", Some(0)),
    ("audit show --state ignored", Some(0)),
    ("audit cancel 7", Some(3)),
    ("audit ignore find_0000000000001 --why gone", Some(3)),
    ("audit ignore find_0000000000001", Some(2)),
    ("audit limits --small 200", Some(0)),
    ("audit limits --small 9000", Some(2)),
    ("audit csv {orders} --fill", Some(0)),
    ("audit csv {orders} --decimal x", Some(2)),
    ("audit csv {list}", Some(2)),
    ("offline import {till}", Some(0)),
    ("offline import {till} --dry-run", Some(0)),
    ("offline import {list}", Some(2)),
    ("offline import {till} --channel web", None),
    ("call numbers", Some(0)),
    ("call add +38615550001 +38615559999", Some(0)),
    ("call add +38615550001 +38615559999", Some(2)),
    ("call add 5550001 +38615559999", Some(2)),
    ("call set --least-seconds 20", Some(0)),
    ("call set --least-seconds 3601", Some(2)),
    ("call list", Some(0)),
    ("call remove tel_0000000000001", Some(3)),
    ("offline list", Some(0)),
    ("offline list --within 9", None),
    ("offline show upl_0000000000001", Some(3)),
    ("offline undo upl_0000000000001", Some(3)),
    ("order credit #1093 --to none --why phoned", Some(3)),
    ("order credit #1093 --to somewhere --why phoned", Some(2)),
    ("attribution compare", Some(0)),
    ("attribution compare --days 90 --click-hours 24 --sent-hours 0", Some(0)),
    ("attribution compare --click-hours 0 --sent-hours 0", Some(2)),
    ("attribution windows --click-hours 72 --sent-hours 0", Some(0)),
    ("attribution windows --click-hours 9999 --sent-hours 0", Some(2)),
    ("attribution progress", Some(0)),
    ("statement publish 2026", Some(2)),
    ("statement publish 9998-01", Some(1)),
    ("statement list", Some(0)),
    ("statement show 2020-01", Some(3)),
    ("statement show someday", Some(2)),
    ("statement check", Some(0)),
    ("reply list", Some(0)),
    ("reply settle rep_0000000000001 answered", Some(3)),
    ("phone show +38640555101", Some(0)),
    ("phone opt-out +38640555101", Some(0)),
    ("phone replies", Some(0)),
    ("phone settle rep_0000000000001 answered", Some(3)),
    // Fills a whole database; it is looked at where it is used.
    ("bench fill", None),
    ("risk list", Some(0)),
    ("risk resume breaker", Some(1)),
    ("halt --why test", Some(0)),
    ("halt --off", Some(0)),
    ("inbox list", Some(0)),
    ("inbox show dlv_0000000000001", Some(3)),
    ("inbox replay --problems", Some(0)),
    ("inbox replay --since 2026-03-01", Some(0)),
    ("inbox replay --since soon", None),
    ("person export --phone +38640555101", Some(0)),
    ("person erase --phone +38640555101 --dry-run", Some(0)),
    ("person proof msg_0000000000001", Some(3)),
    ("person requests", Some(0)),
    ("person answered req_0000000000001", Some(3)),
    ("consent import {list}", Some(0)),
    ("opt-out add +38640555102", Some(0)),
    ("opt-out import {list}", Some(0)),
    ("opt-out export", Some(0)),
    ("token create --name x --scope read", Some(0)),
    ("token list", Some(0)),
    ("token revoke x", Some(0)),
    ("token revoke y", Some(3)),
    ("user link", Some(0)),
    ("user list", Some(0)),
    ("user invite b@shop.example --role owner", Some(0)),
    ("user role nobody@shop.example --role owner", Some(2)),
    ("user reset-second nobody@shop.example", Some(2)),
    ("user sign-out nobody@shop.example", Some(2)),
    ("user sign-out --all", Some(0)),
    ("user remove nobody@shop.example", Some(2)),
    ("webhook add https://crm.example/in", Some(0)),
    ("webhook add ftp://crm.example", Some(2)),
    ("webhook add https://crm.example --events cart.left", Some(2)),
    ("webhook list", Some(0)),
    ("webhook show {endpoint}", Some(0)),
    ("webhook show sink_0000000000001", Some(3)),
    ("webhook set {endpoint} --events message.sent --personal yes", Some(0)),
    ("webhook rotate {endpoint}", Some(0)),
    ("webhook test {endpoint}", Some(1)),
    ("webhook log", Some(0)),
    ("webhook log --state failed", Some(0)),
    ("webhook replay {endpoint} --since 2026-03-01", Some(0)),
    ("webhook replay {endpoint} --event evt_0000000000001", Some(3)),
    ("webhook disable {endpoint}", Some(0)),
    ("webhook enable {endpoint}", Some(0)),
    ("webhook remove {endpoint}", Some(0)),
    ("webhook schema", Some(0)),
    ("sink kinds", Some(0)),
    ("sink add ga4 --set measurement_id=G-ABC1234567 --set api_secret=s", Some(0)),
    ("sink add ga4 --set measurement_id=UA-1", Some(2)),
    ("sink add webhook", Some(2)),
    ("sink set {sink} --set api_secret=t", Some(0)),
    ("sink set {sink} --set measurement_id=UA-1", Some(2)),
    ("sink set {endpoint} --set api_secret=t", Some(3)),
    ("sink list", Some(0)),
    ("sink consents {agreed}", Some(0)),
    ("sink consents {orders}", Some(2)),
    ("digest list", Some(0)),
    ("digest set b@shop.example weekly", Some(2)),
    ("digest set nobody@shop.example weekly", Some(3)),
    ("digest set b@shop.example own --schedule often", Some(2)),
    ("digest stop b@shop.example", Some(3)),
    ("digest send b@shop.example", Some(2)),
    ("shop add generic --name B --country SI --currency EUR --timezone UTC --set site=b.example", Some(0)),
    ("restore --in-place --made-at 2026-03-01", Some(0)),
    ("restore --in-place --made-at yesterday", None),
];

/// Every command that does something, by the words that name it.
fn leaves() -> Vec<(String, clap::Command)> {
    fn walk(path: &str, command: &clap::Command, all: &mut Vec<(String, clap::Command)>) {
        let mut below = command.get_subcommands().filter(|below| below.get_name() != "help").peekable();
        if below.peek().is_none() || !command.is_subcommand_required_set() && !path.is_empty() {
            all.push((path.to_owned(), command.clone()));
        }
        for next in below {
            walk(format!("{path} {}", next.get_name()).trim(), next, all);
        }
    }
    let mut all = Vec::new();
    walk("", &Cli::command(), &mut all);
    all
}

#[test]
fn every_command_says_what_it_does_and_answers_as_json() {
    for (path, command) in leaves() {
        // As one line, whatever else in this build would have it wrapped.
        let help = command.clone().term_width(0).render_long_help().to_string();
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(about.split(' ').count() >= 2 && help.contains(&about), "{path}: says nothing of itself");
        assert!(about.starts_with(char::is_uppercase), "{path}: {about}");
        let json = command.get_arguments().any(|argument| argument.get_id() == "json");
        assert_eq!(json, !NO_JSON.contains(&path.as_str()), "{path}: --json");
        let words: Vec<&str> = path.split(' ').collect();
        let tried = LINES.iter().any(|(line, _)| line.split(' ').take(words.len()).eq(words.iter().copied()));
        assert!(tried, "{path}: no line tries it");
        // An example that would be refused teaches the wrong thing.
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for example in after.lines().filter_map(|line| Some(line.split_once("cartback ")?.1)) {
            let plain = example.split(['\'', '>', '|']).next().unwrap_or_default().replace("01…", "0000000000001");
            let words = plain.split_whitespace().filter(|word| !word.contains('…'));
            let cut = example.contains('\'');
            let read = Cli::try_parse_from(std::iter::once("cartback").chain(words));
            assert!(
                read.is_ok() || cut,
                "{path}: {example}: {}",
                read.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }
}

#[tokio::test]
async fn every_command_answers_one_json_document_and_its_exit_code() {
    let house = House::new();
    house.types(&SHOP).await.unwrap();
    std::fs::create_dir_all(&house.config.data).unwrap();
    let list = house.config.data.join("list.csv");
    std::fs::write(&list, "phone,given_at\n+38640555109,2026-03-01T00:00:00Z\n").unwrap();
    let orders = house.config.data.join("orders.csv");
    std::fs::write(&orders, "id,total,date\n7,12.00,2026-02-27\n").unwrap();
    let rates = house.config.data.join("rates.csv");
    std::fs::write(&rates, "from,currency,to,rate\n2026-02-01,USD,EUR,0.91\n").unwrap();
    let spend = house.config.data.join("spend.csv");
    std::fs::write(&spend, "channel,day,amount\nPost,2026-02-01,12.00\n").unwrap();
    let till = house.config.data.join("till.csv");
    std::fs::write(&till, "receipt,total,date,phone\n7,12.00,2026-02-27 10:00,+38640555101\n").unwrap();
    let agreed = house.config.data.join("agreed.csv");
    std::fs::write(&agreed, "phone,state\n+38640555101,granted\n").unwrap();
    let copy = house.config.data.join("copy.sqlite");
    let files = [
        ("list", list),
        ("orders", orders),
        ("rates", rates),
        ("spend", spend),
        ("till", till),
        ("agreed", agreed),
        ("copy", copy),
    ];
    let mut known: BTreeMap<&str, String> = files.map(|(name, file)| (name, file.display().to_string())).into();
    for (line, expected) in LINES {
        let Some(expected) = *expected else { continue };
        // Ids are made from the clock: no two commands in one millisecond.
        house.clock.advance(Duration::from_secs(1));
        let line =
            known.iter().fold((*line).to_owned(), |line, (name, value)| line.replace(&format!("{{{name}}}"), value));
        let takes_json = !NO_JSON.iter().any(|path| line.starts_with(path));
        let words: Vec<&str> = line.split(' ').chain(takes_json.then_some("--json")).collect();
        match house.types(&words).await {
            Ok(said) => {
                let code = if said.well { 0 } else { FAILED };
                assert_eq!(code, expected, "{line}: {}", said.words);
                if takes_json {
                    let printed = said.printed(Form { json: true });
                    let read: Value = serde_json::from_str(&printed).unwrap();
                    assert!(read.is_array() || read.is_object(), "{line}: {printed}");
                    assert!(!printed.contains('\n'), "{line}: more than one line");
                    for name in ["gateway", "endpoint", "sink"] {
                        if let Some(id) = read[name].as_str() {
                            known.insert(name, id.to_owned());
                        }
                    }
                    if let Some(id) = read[0]["message"].as_str() {
                        known.insert("message", id.to_owned());
                    }
                }
            }
            Err((code, told)) => assert_eq!(code, expected, "{line}: {told}"),
        }
    }
}

#[test]
fn completions_and_manual_know_every_command() {
    for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "cartback", &mut script);
        let script = String::from_utf8(script).unwrap();
        for (path, _) in leaves() {
            let last = path.rsplit(' ').next().unwrap();
            assert!(script.contains(last), "{shell}: {path}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    shell::man(&shell::Man { to: Some(folder.path().to_owned()) }).unwrap();
    let pages = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(pages > leaves().len(), "{pages} pages");
}
