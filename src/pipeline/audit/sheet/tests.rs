//! Exports as shops write them, and cells that could mean two things.

use super::*;
use crate::domain::hours;

fn zone() -> TimeZone {
    hours::zone("Europe/Berlin").unwrap()
}

fn read_with(text: &[u8], wish: &Wish) -> Result<Read, String> {
    read(text, wish, (Currency::parse("EUR").unwrap(), &zone()))
}

fn good(text: &str) -> Read {
    let read = read_with(text.as_bytes(), &Wish::default()).unwrap();
    assert_eq!(read.problems, [], "{text}");
    read
}

#[test]
fn an_export_of_shopifys_has_a_line_for_each_item() {
    let read = good(
        "Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Lineitem name,Created at,Cancelled at,Refunded Amount,Id,Source\n\
         #1001,a@shopper.example,paid,2026-03-01 10:05:00 +0100,EUR,80.00,4.90,13.56,84.90,Mug,2026-03-01 10:00:00 +0100,,0.00,5001,web\n\
         #1001,a@shopper.example,,,,,,,,Spoon,2026-03-01 10:00:00 +0100,,,,\n\
         #1002,b@shopper.example,partially_refunded,,EUR,10.00,0.00,1.60,10.00,Mug,2026-03-02 09:00:00 +0100,,2.50,5002,pos\n\
         #1003,,voided,,EUR,10.00,0.00,1.60,10.00,Mug,2026-03-02 09:00:00 +0100,2026-03-03 09:00:00 +0100,,5003,web\n",
    );
    assert_eq!((read.lines.len(), read.further), (3, 1));
    let first = &read.lines[0].theirs;
    assert_eq!((first.external_id.as_str(), first.number.as_str(), first.total.minor), ("5001", "#1001", 8_490));
    assert_eq!((first.tax_minor, first.shipping_minor), (Some(1_356), Some(490)));
    assert_eq!(first.placed, Some(Placed::At(Time::parse("2026-03-01T09:00:00Z").unwrap())));
    assert_eq!((first.refunded_minor, first.cancelled), (Some(0), None));
    assert_eq!(read.lines[1].theirs.refunded_minor, Some(250));
    assert_eq!((read.lines[1].channel, read.lines[2].theirs.cancelled), (Some("pos"), Some(true)));
    assert!(read.ignored.contains(&"Lineitem name".to_owned()));
}

#[test]
fn a_german_sheet_of_windows_is_read() {
    let text = "Bestellnummer;Bestelldatum;Bestellstatus;Gesamtsumme;Währung\n\
                1001;01.03.2026 23:30;Abgeschlossen;1.284,50 €;EUR\n\
                1002;02.03.2026;Storniert;12,00 €;EUR\n\
                1003;02.03.2026;Ausstehend;7,5;EUR\n";
    let (bytes, _, _) = encoding_rs::WINDOWS_1252.encode(text);
    let read = read_with(&bytes, &Wish::default()).unwrap();
    assert_eq!(
        (read.problems.as_slice(), read.letters, read.decimal, read.separator),
        (&[][..], "windows-1252", ',', ';')
    );
    let totals: Vec<i64> = read.lines.iter().map(|line| line.theirs.total.minor).collect();
    assert_eq!(totals, [128_450, 1_200, 750]);
    let placed: Vec<_> = read.lines.iter().map(|line| line.theirs.placed).collect();
    // Half an hour before midnight in Berlin, a day without hours, and one that is not bought.
    assert_eq!(placed[0], Some(Placed::At(Time::parse("2026-03-01T22:30:00Z").unwrap())));
    assert_eq!(placed[1..], [Some(Placed::On(Date::constant(2026, 3, 2))), None]);
    assert_eq!(read.lines[1].theirs.cancelled, Some(true));
}

#[test]
fn utf_16_and_tabs_are_read() {
    let text = "Order ID\tOrder Date\tOrder Total\n7\t2026-03-01\t5.00\n";
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let read = read_with(&bytes, &Wish::default()).unwrap();
    assert_eq!((read.letters, read.separator, read.lines[0].theirs.external_id.as_str()), ("UTF-16LE", '\t', "7"));
}

#[test]
fn a_person_may_say_what_a_column_is() {
    let text = "ref,brutto,netto,wann\n7,11.90,10.00,2026-03-01\n";
    assert!(read_with(text.as_bytes(), &Wish::default()).unwrap_err().contains("id or number"));
    let columns = [("id", "ref"), ("total", "Brutto"), ("placed_at", "wann")];
    let columns = columns.map(|(name, heading)| (name.to_owned(), heading.to_owned())).into();
    let wish = Wish { columns, ..Wish::default() };
    assert_eq!(read_with(text.as_bytes(), &wish).unwrap().lines[0].theirs.total.minor, 1_190);
    let wish = Wish { columns: [("total".to_owned(), "nowhere".to_owned())].into(), ..Wish::default() };
    assert!(read_with(text.as_bytes(), &wish).unwrap_err().contains("no heading nowhere"));
    let wish = Wish { columns: [("colour".to_owned(), "ref".to_owned())].into(), ..Wish::default() };
    assert!(read_with(text.as_bytes(), &wish).unwrap_err().contains("no column colour"));
}

#[test]
fn every_bad_line_is_named_and_the_others_are_read() {
    let read = read_with(
        b"id,total,date\n1,5.00,2026-03-01\n2,five,2026-03-01\n3,5.00,yesterday\n4,,2026-03-01\n5,5.00,\n\"6\n\",5.00,2026-03-01\n7,-1,2026-03-01\n",
        &Wish::default(),
    )
    .unwrap();
    let lines: Vec<u64> = read.problems.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 9]);
    assert_eq!(read.lines.len(), 2);
    assert!(read.problems[0].1.starts_with("total: ") && read.problems[1].1.starts_with("placed_at: "));
}

#[test]
fn days_with_slashes_are_told_by_the_whole_file() {
    let moments = |text: &str| read_with(text.as_bytes(), &Wish::default()).unwrap();
    let day_first = moments("id,total,date\n1,5,03/02/2026\n2,5,28/02/2026\n");
    assert_eq!((day_first.days, day_first.problems.len()), (Days::DayFirst, 0));
    assert_eq!(day_first.lines[0].theirs.placed, Some(Placed::On(Date::constant(2026, 2, 3))));
    let month_first = moments("id,total,date\n1,5,03/02/2026 2:05 PM\n2,5,02/28/2026 12:00 AM\n");
    assert_eq!((month_first.days, month_first.problems.len()), (Days::MonthFirst, 0));
    assert_eq!(month_first.lines[0].theirs.placed, Some(Placed::At(Time::parse("2026-03-02T13:05:00Z").unwrap())));
    let unsure = moments("id,total,date\n1,5,03/02/2026\n");
    assert!(unsure.problems[0].1.contains("day first or month first"));
}

#[test]
fn amounts_of_the_world() {
    #[track_caller]
    fn check(cell: &str, decimal: char, expected: Option<i64>) {
        assert_eq!(cell::amount(cell, decimal, Currency::parse("EUR").unwrap()).ok(), expected, "{cell}");
    }
    check("1.234,56 €", ',', Some(123_456));
    check("$1,234.56", '.', Some(123_456));
    check("1 234,5", ',', Some(123_450));
    check("CHF 1'234.50", '.', Some(123_450));
    check("(12.00)", '.', Some(-1_200));
    check("-3,00", ',', Some(-300));
    check("1,234", '.', Some(123_400));
    check("12", ',', Some(1_200));
    // Thousands or decimals?
    check("1.234", '.', None);
    check("1.234,5", '.', None);
    check("1.2.3", '.', None);
    check("12,34", '.', None);
    check("12 pieces", '.', None);
    check("", '.', None);
    assert_eq!(cell::decimal_sign(["1.234,56", "12", "3,5"].into_iter()), ',');
    assert_eq!(cell::decimal_sign(["1,234.56", "7.50"].into_iter()), '.');
}

#[test]
fn states_nobody_knows_are_told() {
    let read = good("id,total,date,status\n1,5,2026-03-01,Ready to pick\n2,5,2026-03-01,wc-completed\n");
    assert_eq!(read.unknown_states, ["Ready to pick"]);
    assert!(read.lines.iter().all(|line| line.theirs.placed.is_some()));
}

proptest::proptest! {
    #[test]
    fn no_file_panics(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), cell in "\\PC{0,20}") {
        let _ = read_with(&bytes, &Wish::default());
        let _ = read_with(format!("id,total,date,paid at\n1,{cell},{cell},{cell}\n").as_bytes(), &Wish::default());
        let _ = cell::moment(&cell, Days::Unsure, &zone());
        let _ = cell::amount(&cell, ',', Currency::parse("JPY").unwrap());
    }
}

#[test]
fn a_file_that_is_one_long_line_is_told_and_not_searched() {
    let refused = |text: &str| read_with(text.as_bytes(), &Wish::default()).err().unwrap();
    assert!(refused(&"a,".repeat(2_000)).contains("more than 1000 headings"));
    let long = refused(&"a heading that says much,".repeat(900));
    assert!(long.contains("a heading") && long.chars().count() < 1_200, "{long}");
}
