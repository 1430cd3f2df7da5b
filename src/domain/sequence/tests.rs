//! Sequences: bounds, choosing, exits and presets, as tables of cases and as properties.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    discount::Off,
    money::{Currency, Money},
    time::HOUR,
};

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, Currency::parse(code).unwrap())
}

fn at(minutes: i64) -> Time {
    Time::from_millis(minutes * 60_000)
}

fn named(id: &str) -> Sequence {
    Sequence { id: id.into(), name: id.into(), steps: vec![Step::default()], ..Sequence::default() }
}

fn on(id: &str, since: i64) -> Sequence {
    Sequence { on_since: Some(at(since)), ..named(id) }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

/// A cart of which everything is known.
fn traits() -> CartTraits {
    CartTraits {
        country: Some("AT".into()),
        language: Some("de-AT".into()),
        total: Some(money(8_000, "EUR")),
        item_titles: words(&["Blue Shoe", "Größe M Hemd"]),
        tags: words(&["VIP", "newsletter"]),
        returning: false,
        source: Some("web".into()),
        intent: Some(40),
        abandoned_at: at(1_000),
    }
}

#[track_caller]
fn problems(of: impl FnOnce(&mut Sequence), expected: &[&str]) {
    let mut sequence = named("one");
    of(&mut sequence);
    assert_eq!(sequence.check(), expected);
}

#[test]
fn a_sequence_within_its_bounds_has_no_problem() {
    problems(|_| (), &[]);
    problems(|it| it.id = "a".repeat(32), &[]);
    problems(|it| it.steps = vec![after(0), after(1), after(2), after(3), after(MINUTES_MOST)], &[]);
    problems(|it| it.when.countries = words(&["SI"]), &[]);
    problems(|it| it.when.languages = words(&["de", "pt-br", "zh-hant-tw"]), &[]);
    problems(|it| it.steps[0].deadline_minutes = Some(1), &[]);
    problems(|it| it.when.total_least = Some(money(0, "EUR")), &[]);
}

fn after(minutes: u32) -> Step {
    Step { after_minutes: minutes, ..Step::default() }
}

const BAD_ID: &str = "id: must be 1 to 32 of a-z, 0-9 and -, beginning and ending with a letter or digit";

#[test]
fn what_is_out_of_bounds_is_told() {
    for id in ["", "A", "a_b", "-a", "a-", "é", "a b"] {
        problems(|it| it.id = id.into(), &[BAD_ID]);
    }
    problems(|it| it.id = "a".repeat(33), &[BAD_ID]);
    for name in ["", "  ", "two\nlines", &"x".repeat(65)] {
        problems(|it| it.name = name.into(), &["name: must be 1 to 64 characters"]);
    }
    problems(|it| it.rest_days = 366, &["rest_days: must be 0 to 365"]);
    problems(|it| it.steps.clear(), &["steps: must be 1 to 5"]);
    problems(|it| it.steps = (0..6).map(after).collect(), &["steps: must be 1 to 5"]);
    problems(|it| it.steps = vec![after(5), after(5)], &["steps: each must be later than the one before"]);
    problems(|it| it.steps = vec![after(MINUTES_MOST + 1)], &["step 1: after_minutes: must be 0 to 43200"]);
    problems(|it| it.steps[0].deadline_minutes = Some(0), &["step 1: deadline_minutes: must be 1 to 43200"]);
    let countries = "when.countries: must be two-letter codes in capitals, as in SI,HR";
    for code in ["si", "SVN", "", "S1"] {
        problems(|it| it.when.countries = words(&[code]), &[countries]);
    }
    let languages = "when.languages: must be language tags in lower case, as in de,pt-br";
    for tag in ["DE", "d", "de_at", "de-", "german", ""] {
        problems(|it| it.when.languages = words(&[tag]), &[languages]);
    }
    problems(
        |it| it.when.tags = words(&[" vip"]),
        &["when.tags: must be of 1 to 64 characters, without blanks around them"],
    );
    problems(|it| it.when.total_least = Some(money(-1, "EUR")), &["when.total_least: must not be negative"]);
}

#[test]
fn every_problem_is_told_at_once() {
    problems(
        |it| {
            it.id = "Not a slug".into();
            it.rest_days = 1_000;
            it.when.total_least = Some(money(2, "EUR"));
            it.when.total_most = Some(money(1, "EUR"));
            it.steps[0].texts.insert("EN".into(), "{{ shop }} {{ opt_out }}".into());
            it.steps[0].when.total_least = Some(money(2, "EUR"));
            it.steps[0].when.total_most = Some(money(3, "USD"));
        },
        &[
            BAD_ID,
            "rest_days: must be 0 to 365",
            "when.total_most: must not be less than total_least",
            "step 1: when.total_most: must be in the currency of total_least",
            "step 1: texts.EN: must be a language tag in lower case, as in de or pt-br",
            "step 1: texts.EN: the text needs {{ link }}, whatever its conditions say: without it there is no way back to the cart",
        ],
    );
}

#[track_caller]
fn discount(json: &str, expected: &[&str]) {
    let discount: Discount = serde_json::from_str(json).unwrap();
    assert_eq!(discount.check(), expected, "{json}");
}

#[test]
fn discounts_have_bounds() {
    discount(r#"{"fixed":{"code":"BACK10"}}"#, &[]);
    discount(r#"{"fixed":{"code":""}}"#, &["discount.code: must be 1 to 64 letters, digits or signs"]);
    discount(r#"{"fixed":{"code":"A B"}}"#, &["discount.code: must be 1 to 64 letters, digits or signs"]);
    discount(r#"{"unique":{"off":"free_shipping"}}"#, &[]);
    discount(r#"{"unique":{"off":{"percent":10}}}"#, &[]);
    discount(r#"{"unique":{"off":{"percent":0}}}"#, &["discount.off.percent: must be 1 to 90"]);
    discount(r#"{"unique":{"off":{"percent":91}}}"#, &["discount.off.percent: must be 1 to 90"]);
    discount(
        r#"{"unique":{"off":{"amount":{"minor":0,"currency":"EUR"}}}}"#,
        &["discount.off.amount: must be more than nothing"],
    );
    discount(
        r#"{"unique":{"off":{"amount":{"minor":500,"currency":"EUR"}},"minimum":{"minor":400,"currency":"USD"}}}"#,
        &[
            "discount.minimum: must be in the currency of the discount",
            "discount.minimum: must not be less than the discount",
        ],
    );
    discount(
        r#"{"unique":{"off":"free_shipping","expires_hours":0,"cool_down_days":366}}"#,
        &["discount.expires_hours: must be 1 to 2160", "discount.cool_down_days: must be 0 to 365"],
    );
}

#[test]
fn what_is_left_out_of_a_discount_has_a_careful_default() {
    let Discount::Unique(unique) = serde_json::from_str(r#"{"unique":{"off":{"percent":10}}}"#).unwrap() else {
        panic!("not unique");
    };
    assert_eq!((unique.expires_hours, unique.cool_down_days, unique.minimum), (72, 30, None));
}

#[test]
fn sequences_of_one_shop_are_checked_together() {
    let day = HOUR * 24;
    assert_eq!(check_all(&[named("a"), named("b")], day), Vec::<String>::new());
    assert_eq!(check_all(&[named("a"), named("a")], day), ["a: there are two sequences with this id"]);
    let late = Sequence { steps: vec![after(0), after(24 * 60)], ..named("late") };
    assert_eq!(check_all(&[late], day), ["late: step 2: must lie before give_up_after_hours"]);
    let many: Vec<_> = (0..=SEQUENCES_MOST).map(|place| named(&format!("s{place}"))).collect();
    assert_eq!(check_all(&many, day), ["sequences: there may be at most 20"]);
    assert_eq!(
        check_all(&[named("")], day),
        [format!("sequences: {BAD_ID}"), "sequences: name: must be 1 to 64 characters".into()]
    );
}

#[track_caller]
fn refused(json: &str, expected: Option<&str>) {
    let conditions: Conditions = serde_json::from_str(json).unwrap();
    assert_eq!(conditions.refusal(&traits()).as_deref(), expected, "{json}");
    // What a shop does not tell fulfils no condition, only exclusions and "new".
    if !matches!(json, "{}") && !json.contains("without_items") && !json.contains("new") {
        assert!(
            conditions.refusal(&CartTraits::default()).is_some(),
            "{json} held of a cart of which nothing is known"
        );
    }
}

#[test]
fn a_condition_holds_or_tells_why_not() {
    refused("{}", None);
    refused(r#"{"countries":["DE","AT"]}"#, None);
    refused(r#"{"countries":["DE","SI"]}"#, Some("for the countries DE, SI; the cart's is AT"));
    refused(r#"{"languages":["de"]}"#, None);
    refused(r#"{"languages":["de-at"]}"#, None);
    refused(r#"{"languages":["d"]}"#, Some("for the languages d; the cart's is de-AT"));
    refused(r#"{"languages":["de-ch"]}"#, Some("for the languages de-ch; the cart's is de-AT"));
    refused(r#"{"total_least":{"minor":8000,"currency":"EUR"}}"#, None);
    refused(
        r#"{"total_least":{"minor":8001,"currency":"EUR"}}"#,
        Some("for at least €80.01; the cart is worth €80.00"),
    );
    refused(r#"{"total_most":{"minor":8000,"currency":"EUR"}}"#, None);
    refused(r#"{"total_most":{"minor":7999,"currency":"EUR"}}"#, Some("for at most €79.99; the cart is worth €80.00"));
    refused(r#"{"total_least":{"minor":1,"currency":"USD"}}"#, Some("for totals in USD; the cart's is in EUR"));
    refused(r#"{"items":["hat","SHOE"]}"#, None);
    refused(r#"{"items":["GRÖSSE","größe"]}"#, None);
    refused(r#"{"items":["hat"]}"#, Some("for carts with hat"));
    refused(r#"{"without_items":["hat"]}"#, None);
    refused(r#"{"without_items":["hat","blue"]}"#, Some("not for carts with blue"));
    refused(r#"{"tags":["vip","b2b"]}"#, None);
    refused(r#"{"tags":["b2b"]}"#, Some("for the tags b2b"));
    refused(r#"{"tags":["vi"]}"#, Some("for the tags vi"));
    refused(r#"{"buyer":"new"}"#, None);
    refused(r#"{"buyer":"returning"}"#, Some("for returning buyers; no earlier order is known"));
    refused(r#"{"sources":["Web"]}"#, None);
    refused(r#"{"sources":["pos"]}"#, Some("for the sources pos; the cart's is web"));
    refused(r#"{"intent_least":40}"#, None);
    refused(r#"{"intent_least":41}"#, Some("for an intent of at least 41; this visitor's is 40"));
    refused(
        r#"{"countries":["A1","A2","A3","A4","A5","A6","A7","A8"],"tags":["b2b"]}"#,
        Some("for the countries A1, A2, A3, A4, A5, A6 and 2 more; the cart's is AT; for the tags b2b"),
    );
}

#[test]
fn a_returning_buyer_is_not_new() {
    let new = Conditions { buyer: Buyer::New, ..Conditions::default() };
    let back = CartTraits { returning: true, ..traits() };
    assert_eq!(new.refusal(&back).as_deref(), Some("for new buyers; this one has bought before"));
}

#[test]
fn conditions_read_as_words() {
    let all: Conditions = serde_json::from_str(
        r#"{"countries":["SI"],"tags":["vip"],"buyer":"returning","total_least":{"minor":5000,"currency":"EUR"}}"#,
    )
    .unwrap();
    assert_eq!(all.words(), ["from SI", "tagged vip", "worth €50.00 or more", "of people who bought here before"]);
    assert_eq!(Conditions::default().words(), Vec::<String>::new());
}

#[track_caller]
fn chosen(sequences: &[Sequence], expected: Result<&str, &[(&str, &str)]>) {
    let found = match choose(sequences, &traits()) {
        Choice::Chosen(sequence) => Ok(sequence.id.clone()),
        Choice::None { why } => Err(why),
    };
    let told = |why: &[(&str, &str)]| why.iter().map(|&(id, why)| (id.to_owned(), why.to_owned())).collect::<Vec<_>>();
    assert_eq!(found, expected.map(str::to_owned).map_err(told));
}

#[test]
fn the_first_that_fits_is_chosen() {
    let for_us = Sequence { when: Conditions { countries: words(&["US"]), ..Conditions::default() }, ..on("us", 0) };
    let late = on("late", 1_001);
    let just = on("just", 1_000);
    chosen(&[], Err(&[]));
    chosen(&[named("off"), on("a", 0), on("b", 0)], Ok("a"));
    chosen(&[on("b", 0), on("a", 0)], Ok("b"));
    chosen(&[for_us.clone(), late.clone(), just], Ok("just"));
    chosen(
        &[named("off"), for_us, late],
        Err(&[
            ("off", "switched off"),
            ("us", "for the countries US; the cart's is AT"),
            ("late", "switched on only after the cart was abandoned"),
        ]),
    );
}

#[test]
fn an_exit_is_taken_only_where_the_merchant_wants_it() {
    let everything =
        ExitFacts { clicked_at: Some(at(1)), replied_at: Some(at(1)), newer_cart_at: Some(at(1)), items: Some(0) };
    let check = |exits: &str, facts: &ExitFacts, expected: Option<&'static str>| {
        let sequence = Sequence { exits: serde_json::from_str(exits).unwrap(), ..named("a") };
        assert_eq!(exit(&sequence, facts), expected, "{exits}");
    };
    let none = r#"{"clicked":false,"replied":false,"superseded":false,"emptied":false}"#;
    check(none, &everything, None);
    for (name, why) in [
        ("clicked", "the shopper followed the link of an earlier text"),
        ("replied", "the shopper wrote back"),
        ("superseded", "the same person has begun a newer cart"),
        ("emptied", "the cart is empty by now"),
    ] {
        let only = none.replace(&format!("\"{name}\":false"), &format!("\"{name}\":true"));
        check(&only, &everything, Some(why));
        check(&only, &ExitFacts::default(), None);
        check(&only, &ExitFacts { items: Some(1), ..ExitFacts::default() }, None);
    }
    assert_eq!(Exits::NAMES.len(), serde_json::to_value(Exits::default()).unwrap().as_object().unwrap().len());
}

#[test]
fn presets_pass_their_own_checks_and_are_switched_off() {
    for (name, ..) in PRESETS {
        let sequence = preset(name).unwrap();
        assert_eq!(sequence.check(), Vec::<String>::new(), "{name}");
        assert_eq!(check_all(std::slice::from_ref(&sequence), HOUR * 48), Vec::<String>::new(), "{name}");
        assert_eq!((sequence.id.as_str(), sequence.on_since), (*name, None));
        for step in &sequence.steps {
            // Nothing leaves later than 48 hours after the cart was abandoned.
            assert!(step.after_minutes + step.deadline_minutes.unwrap() <= 48 * 60, "{name}");
        }
    }
    assert_eq!(preset("nothing"), None);
    let due = |name: &str| preset(name).unwrap().steps.iter().map(|step| step.after_minutes / 60).collect::<Vec<_>>();
    assert_eq!(
        (due("us"), due("eu"), due("gentle"), due("three-step")),
        (vec![0], vec![0, 24], vec![4], vec![0, 24, 44])
    );
}

#[test]
fn a_shop_that_never_chose_has_two_texts_for_every_cart() {
    let default = default_sequence();
    assert_eq!(default.check(), Vec::<String>::new());
    assert_eq!((default.step_after(1), default.step_after(2)), (Some(Duration::ZERO), Some(HOUR * 24)));
    assert_eq!((default.step_after(0), default.step_after(3)), (None, None));
    chosen(&[default], Ok("default"));
}

#[test]
fn steps_the_shops_rest_leaves_no_room_for_are_told() {
    let three = preset("three-step").unwrap();
    assert_eq!(
        three.clashes(HOUR * 24, HOUR * 48),
        ["Text 3 is due 20 hours after text 2 and dropped before the shop's rest of 24 hours between two texts is \
             over: it will not be sent to whoever got text 2"]
    );
    assert_eq!(three.clashes(HOUR * 20, HOUR * 48), Vec::<String>::new());
    assert_eq!(default_sequence().clashes(HOUR * 24, HOUR * 48), Vec::<String>::new());
    for name in ["us", "eu", "gentle"] {
        assert_eq!(preset(name).unwrap().clashes(HOUR * 24, HOUR * 48), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn own_words_are_found_by_language() {
    let texts = [("de", "de"), ("de-at", "de-at"), ("", "all")];
    let texts = texts.map(|(tag, text)| (tag.to_owned(), text.to_owned()));
    let mut step = Step { texts: BTreeMap::from(texts), ..Step::default() };
    let check = |step: &Step, language: Option<&str>, expected: Option<&str>| {
        assert_eq!(step.text(language), expected, "{language:?}");
    };
    check(&step, Some("de-AT"), Some("de-at"));
    check(&step, Some("de_CH"), Some("de"));
    check(&step, Some("fr"), Some("all"));
    check(&step, None, Some("all"));
    step.texts.remove("");
    check(&step, Some("fr"), None);
    check(&step, None, None);
}

#[test]
fn lengths_are_told_exactly() {
    let told = |minutes: u32| span(MINUTE * minutes);
    assert_eq!(
        [0, 1, 30, 60, 90, 240, 1_440, 2_880, 2_881].map(told),
        [
            "0 minutes",
            "1 minute",
            "30 minutes",
            "1 hour",
            "1 hour and 30 minutes",
            "4 hours",
            "24 hours",
            "2 days",
            "48 hours and 1 minute"
        ]
    );
}

#[test]
fn unknown_fields_are_refused_at_every_depth() {
    for json in [
        r#"{"idd":"a"}"#,
        r#"{"when":{"country":["SI"]}}"#,
        r#"{"steps":[{"after":1}]}"#,
        r#"{"exits":{"bought":true}}"#,
        r#"{"steps":[{"discount":{"fixed":{"code":"A","value":1}}}]}"#,
        r#"{"steps":[{"discount":{"unique":{"off":{"percent":1},"limit":1}}}]}"#,
        r#"{"steps":[{"discount":{"other":{}}}]}"#,
        r#"{"steps":[{"closed":"later"}]}"#,
        r#"{"when":{"buyer":"old"}}"#,
        r#"{"steps":[{"after_minutes":1.5}]}"#,
        r#"{"steps":[{"after_minutes":-1}]}"#,
    ] {
        assert!(serde_json::from_str::<Sequence>(json).is_err(), "{json}");
    }
    assert_eq!(serde_json::from_str::<Sequence>("{}").unwrap(), Sequence::default());
}

fn any_money() -> impl Strategy<Value = Money> {
    (0i64..20_000, prop::sample::select(vec!["EUR", "USD", "JPY"])).prop_map(|(minor, code)| money(minor, code))
}

fn some_of(words: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(words, 0..=2).prop_map(|picked| super::tests::words(&picked))
}

prop_compose! {
    fn any_conditions()(
        countries in some_of(&["AT", "DE", "US"]),
        languages in some_of(&["de", "en", "pt-br"]),
        total_least in prop::option::of(any_money()),
        total_most in prop::option::of(any_money()),
        items in some_of(&["shoe", "hat"]),
        without_items in some_of(&["coat", "gift"]),
        tags in some_of(&["vip", "b2b"]),
        buyer in prop::sample::select(vec![Buyer::Any, Buyer::New, Buyer::Returning]),
        sources in some_of(&["web", "facebook"]),
        intent_least in prop::option::of(1u8..=100),
    ) -> Conditions {
        Conditions {
            countries, languages, total_least, total_most, items, without_items, tags, buyer, sources, intent_least,
        }
    }
}

fn any_discount() -> impl Strategy<Value = Discount> {
    let off =
        prop_oneof![(0u32..200).prop_map(Off::Percent), any_money().prop_map(Off::Amount), Just(Off::FreeShipping),];
    prop_oneof![
        ("[A-Z ]{0,9}", 0u32..400)
            .prop_map(|(code, cool_down_days)| Discount::Fixed(FixedCode { code, cool_down_days })),
        (off, prop::option::of(any_money()), any::<u32>(), any::<u32>()).prop_map(
            |(off, minimum, expires_hours, cool_down_days)| {
                Discount::Unique(Plan { minimum, expires_hours, cool_down_days, ..Plan::new(off) })
            }
        ),
    ]
}

prop_compose! {
    fn any_step()(
        after_minutes in any::<u32>(),
        deadline_minutes in prop::option::of(any::<u32>()),
        when in any_conditions(),
        closed in prop::sample::select(vec![Closed::Wait, Closed::Skip]),
        texts in prop::collection::btree_map("[a-zA-Z-]{0,5}", ".{0,40}", 0..3),
        discount in prop::option::of(any_discount()),
    ) -> Step {
        Step { after_minutes, deadline_minutes, when, closed, texts, discount }
    }
}

prop_compose! {
    fn any_sequence()(
        id in "[a-z]{1,3}",
        name in ".{0,12}",
        on_since in prop::option::of(0i64..200),
        when in any_conditions(),
        steps in prop::collection::vec(any_step(), 0..4),
        exits in any::<[bool; 4]>(),
        rest_days in any::<u32>(),
    ) -> Sequence {
        let [clicked, replied, superseded, emptied] = exits;
        let exits = Exits { clicked, replied, superseded, emptied };
        Sequence { id, name, on_since: on_since.map(at), when, steps, exits, rest_days }
    }
}

prop_compose! {
    fn any_traits()(
        country in prop::option::of(prop::sample::select(vec!["AT", "DE", "US", "SI"])),
        language in prop::option::of(prop::sample::select(vec!["de-AT", "en", "pt_BR", "sl"])),
        total in prop::option::of(any_money()),
        item_titles in some_of(&["Blue shoe", "Hat", "Gift card", "Coat"]),
        tags in some_of(&["VIP", "b2b", "other"]),
        returning in any::<bool>(),
        source in prop::option::of(prop::sample::select(vec!["web", "Facebook", "pos"])),
        intent in prop::option::of(0u8..=100),
        minutes in 0i64..200,
    ) -> CartTraits {
        CartTraits {
            country: country.map(str::to_owned),
            language: language.map(str::to_owned),
            total,
            item_titles,
            tags,
            returning,
            source: source.map(str::to_owned),
            intent,
            abandoned_at: at(minutes),
        }
    }
}

/// Conditions drawn whole seldom hold of a cart drawn whole; half of them are empty so that something is chosen.
fn any_list() -> impl Strategy<Value = Vec<Sequence>> {
    let one = (any_sequence(), any::<bool>()).prop_map(|(mut sequence, open)| {
        if open {
            sequence.when = Conditions::default();
        }
        sequence
    });
    prop::collection::vec(one, 0..6)
}

proptest! {
    #[test]
    fn json_keeps_everything(sequence in any_sequence()) {
        let json = serde_json::to_string(&sequence).unwrap();
        prop_assert_eq!(serde_json::from_str::<Sequence>(&json).unwrap(), sequence);
    }

    #[test]
    fn the_choice_is_the_first_that_fits(list in any_list(), traits in any_traits()) {
        let first = list.iter().position(|sequence| sequence.refusal(&traits).is_none());
        match choose(&list, &traits) {
            Choice::Chosen(sequence) => {
                prop_assert_eq!(Some(sequence), first.and_then(|place| list.get(place)));
                prop_assert!(sequence.on_since.unwrap() <= traits.abandoned_at, "switched on after the abandonment");
            }
            Choice::None { why } => {
                prop_assert_eq!(first, None);
                let ids: Vec<_> = why.iter().map(|(id, _)| id.clone()).collect();
                prop_assert_eq!(ids, list.iter().map(|sequence| sequence.id.clone()).collect::<Vec<_>>());
                prop_assert!(why.iter().all(|(_, reason)| !reason.is_empty()));
            }
        }
        prop_assert_eq!(choose(&list, &traits), choose(&list, &traits));
    }

    #[test]
    fn what_stands_behind_the_chosen_one_never_matters(list in any_list(), behind in any_list(), traits in any_traits()) {
        if let Choice::Chosen(sequence) = choose(&list, &traits) {
            let longer: Vec<_> = list.iter().cloned().chain(behind).collect();
            prop_assert_eq!(choose(&longer, &traits), Choice::Chosen(sequence));
        }
    }

    #[test]
    fn switching_on_later_never_takes_older_carts(sequence in any_sequence(), traits in any_traits(), later in 1i64..100) {
        let switched = Sequence { on_since: Some(traits.abandoned_at + MINUTE * later as u32), ..sequence };
        let refused = matches!(choose(&[switched], &traits), Choice::None { .. });
        prop_assert!(refused);
    }

    #[test]
    fn no_bound_makes_a_check_panic(sequence in any_sequence(), rest in any::<u32>(), give_up in any::<u32>()) {
        let (rest, give_up) = (HOUR * rest, HOUR * give_up);
        let _ = sequence.clashes(rest, give_up);
        let problems = sequence.check();
        prop_assert_eq!(check_all(std::slice::from_ref(&sequence), Duration::MAX).len(), problems.len());
    }

    #[test]
    fn no_exit_is_taken_where_nothing_happened(sequence in any_sequence(), items in prop::option::of(1u32..)) {
        prop_assert_eq!(exit(&sequence, &ExitFacts { items, ..ExitFacts::default() }), None);
    }
}
