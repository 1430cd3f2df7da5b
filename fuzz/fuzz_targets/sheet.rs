//! Sheets of other systems: consents, opt-outs, consents to advertising, offline sales, orders, rates and spend. The first
//! byte says which.
#![no_main]

use cartback::{
    domain::{hours, offline::Channel},
    pipeline::{
        audit, net_ledger, offline,
        people::{ads, sheet},
        table::{Days, Wish},
    },
};
use cartback_fuzz::{always, bounded, dollars, keys, now, shop};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((which, file)) = bytes.split_first() else { return };
    let shop = shop();
    let wish = match which / 16 % 4 {
        0 => Wish::default(),
        1 => Wish { decimal: Some(','), days: Days::asked("day"), ..Wish::default() },
        2 => Wish { zone: hours::zone("Europe/Berlin"), currency: Some(dollars()), ..Wish::default() },
        _ => Wish { columns: [("total".to_owned(), "Sum".to_owned())].into(), ..Wish::default() },
    };
    match which % 8 {
        0 => {
            let Ok(read) = sheet::consents(file) else { return };
            for (_, typed) in &read.rows {
                let _ = typed.read(&shop, "import", now());
            }
            bounded(bytes, &read.ignored);
        }
        1 => {
            let Ok(read) = sheet::opt_outs(file) else { return };
            for (_, typed) in &read.rows {
                let _ = typed.read(&shop, "import", now());
            }
            bounded(bytes, &read.ignored);
        }
        2 => {
            for said in ads::read(file, &wish, &shop, &keys(1, 7), now()).into_iter().flatten() {
                assert!(said.consent.at <= now());
            }
        }
        3 | 4 => {
            let Ok(read) = offline::sheet::read(file, &wish, &shop, Channel::Pos) else { return };
            assert!(read.lines.len() <= file.len());
            for told in read.lines.iter().filter_map(|(_, line)| line.as_ref().ok()) {
                let _ = told.problem(now());
            }
            bounded(bytes, &(read.columns, read.ignored));
        }
        5 => {
            let zone = hours::zone("America/New_York").expect("a zone");
            let Ok(read) = audit::sheet::read(file, &wish, (dollars(), &zone)) else { return };
            assert!(read.lines.len() <= file.len());
            bounded(bytes, &(read.columns, read.ignored, read.problems, read.unknown_states));
        }
        6 => {
            let rates = always(bytes, || net_ledger::rates_of(file, dollars()));
            for rate in rates.into_iter().flatten() {
                assert!(rate.value > 0);
                assert_eq!(cartback::domain::net_ledger::Rate::value_of(&rate.shown()), Ok(rate.value));
            }
        }
        _ => {
            let spends = always(bytes, || net_ledger::spends_of(file, dollars()));
            for spend in spends.into_iter().flatten() {
                assert!(spend.problems().is_empty());
            }
        }
    }
});
