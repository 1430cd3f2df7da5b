//! What a merchant may write, what comes out of it, and what is refused before it can do harm.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const TAIL: &str = " {{ shop }} {{ link }} {{ opt_out }}";
const SENT_TAIL: &str = " Northwind https://go.example/r/AbC Reply STOP to opt out";

fn merge() -> Merge {
    Merge {
        first_name: Some("Anna".into()),
        shop: "Northwind".into(),
        link: "https://go.example/r/AbC".into(),
        opt_out: "Reply STOP to opt out".into(),
        total: Some("€1,234.50".into()),
        items: Some("Merino socks".into()),
        item_count: 3,
        ..Merge::default()
    }
}

/// What a template says before the link, for the shopper above.
#[track_caller]
fn says(template: &str, expected: &str) {
    says_to(&merge(), template, expected);
}

#[track_caller]
fn says_to(merge: &Merge, template: &str, expected: &str) {
    let text = render(&format!("{template}{TAIL}"), merge);
    assert_eq!(text.as_deref(), Ok(format!("{expected}{SENT_TAIL}").as_str()), "{template}");
}

/// The problems of a template that has its link and its opt-out words.
#[track_caller]
fn refused(template: &str, expected: &[Problem]) {
    let template = format!("{template}{TAIL}");
    assert_eq!(check(&template), Err(expected.to_vec()), "{template}");
    assert_eq!(render(&template, &merge()), Err(RenderProblem::Refused(expected.to_vec())), "{template}");
}

#[test]
fn names_are_filled_in() {
    says("{{ shop }}: Hi {{ first_name }},", "Northwind: Hi Anna,");
    says("{{ items|truncate(9) }} for {{ total }}", "Merino... for €1,234.50");
    says("{{ shop | upper }} {{ shop | lower }} {{ items | title }}", "NORTHWIND northwind Merino Socks");
    says("{{ item_count }}", "3");
    says("{% if item_count > 1 %}{{ item_count }} items{% else %}one item{% endif %}", "3 items");
    says("{% if item_count > 5 %}many{% elif item_count == 3 and not code %}three{% endif %}", "three");
    says("{% if code %}Use {{ code }}.{% endif %} Bye", "Bye");
    says("{{ code | upper | default('none') }}", "none");
    says("{# a note #}Hello", "Hello");
    says("“Hello” – it’s\u{a0}us…  \t ok", "\"Hello\" - it's us... ok");
    says("One \r\n  two", "One\ntwo");
    says("One \r two", "One\ntwo");
}

#[test]
fn liquid_is_understood() {
    says("Hi {{ customer.first_name | default: \"there\" }}, {{shop.name}}:", "Hi Anna, Northwind:");
    says("{% if checkout.total == '€1,234.50' %}yes{% elsif code %}no{% endif %}", "yes");
    says_to(&Merge { first_name: None, ..merge() }, "Hi {{ customer.first_name | default: \"there\" }},", "Hi there,");
}

#[test]
fn a_missing_name_takes_its_default_or_says_so() {
    let template = "Hi {{ first_name | default(\"there\") }},";
    for missing in [None, Some(""), Some("  "), Some("\u{200b}"), Some("."), Some("0123456789")] {
        let merge = Merge { first_name: missing.map(str::to_owned), ..merge() };
        says_to(&merge, template, "Hi there,");
        says_to(&merge, "{% if first_name %}Hi {{ first_name }}{% else %}Hello{% endif %}", "Hello");
        let bare = format!("Hi {{{{ first_name | upper }}}}{TAIL}");
        assert_eq!(render(&bare, &merge), Err(RenderProblem::Missing("first_name")));
    }
    for (name, empty) in [
        ("link", Merge { link: String::new(), ..merge() }),
        ("shop", Merge { shop: " ".into(), ..merge() }),
        ("opt_out", Merge { opt_out: "\u{200b}".into(), ..merge() }),
    ] {
        assert_eq!(render(TAIL, &empty), Err(RenderProblem::Missing(name)));
    }
}

#[test]
fn what_a_template_cannot_do_without_is_told() {
    assert_eq!(needs(&format!("Hi {{{{ first_name }}}} {{{{ code | upper }}}}{TAIL}")), vec!["first_name", "code"]);
    assert_eq!(needs(&format!("Hi {{{{ first_name | default('x') }}}}{TAIL}")), Vec::<&str>::new());
    assert_eq!(needs(&format!("{{% if total %}}{{{{ total }}}}{{% endif %}}{TAIL}")), Vec::<&str>::new());
    assert_eq!(needs("{% for"), Vec::<&str>::new());
}

#[test]
fn values_are_never_read_as_templates_or_links() {
    let hostile = Merge {
        first_name: Some("{{ link }}\r\n{% raw %}".into()),
        items: Some("WIN at evil.com/x https://evil.example".into()),
        ..merge()
    };
    says_to(&hostile, "{{ first_name }}|{{ items }}", "{{ link }} {% raw %}|WIN at evil com/x https /evil example");
    let long = Merge { first_name: Some("n".repeat(5_000)), ..merge() };
    says_to(&long, "{{ first_name }}", &"n".repeat(60));
    let shop = Merge { shop: "shoes.example".into(), ..merge() };
    let text = render("{{ shop }}: {{ link }} {{ opt_out }}", &shop);
    assert_eq!(text.as_deref(), Ok("shoes example: https://go.example/r/AbC Reply STOP to opt out"));
    let code = Merge { code: Some("SAVE.NOW".into()), ..merge() };
    says_to(&code, "{{ code | default('none') }}", "none");
    let long_link = Merge { link: format!("https://go.example/{}", "x".repeat(200)), ..merge() };
    assert_eq!(render(TAIL, &long_link), Err(RenderProblem::TooLong));
}

#[test]
fn the_brand_the_link_and_the_opt_out_words_are_required() {
    #[track_caller]
    fn lacks(template: &str, problems: &[Problem]) {
        let expected = if problems.is_empty() { Ok(()) } else { Err(problems.to_vec()) };
        assert_eq!(check(template), expected, "{template}");
    }
    lacks("Hello", &[Problem::NoBrand, Problem::NoLink, Problem::NoOptOut]);
    lacks("{{ shop }} {{ link }}", &[Problem::NoOptOut]);
    lacks("{{ shop }} {{ opt_out }}", &[Problem::NoLink]);
    lacks("{{ link }} {{ opt_out }}", &[Problem::NoBrand]);
    lacks("{{ shop }}{{ link }}{{ opt_out }}", &[]);
    lacks("{{ shop | upper | trim }}{{ link }}{{ opt_out }}", &[]);
    lacks("{{ shop | truncate(3) }}{{ link }}{{ opt_out }}", &[Problem::NoBrand]);
    lacks("{% if code %}{{ shop }}{% endif %}{{ link }}{{ opt_out }}", &[Problem::NoBrand]);
    lacks("{{ shop }}{% if code %}{{ link }}{% endif %}{{ opt_out }}", &[Problem::NoLink]);
    lacks(
        "{{ shop }}{% if code %}{{ code }} {{ link }}{% elif total %}a {{ link }}{% else %}{{ link }}{% endif %}{{ opt_out }}",
        &[],
    );
    lacks("{{ shop }}{% if code %}{{ link }}{% elif total %}{{ link }}{% endif %}{{ opt_out }}", &[Problem::NoLink]);
    lacks("{{ shop }} {{ link | upper }}{{ opt_out }}", &[Problem::Altered("link"), Problem::NoLink]);
    let quoted = check("{{ shop }}{{ 'link' }} {# {{ link }} #} {{ opt_out }}").unwrap_err();
    assert_eq!(quoted.last(), Some(&Problem::NoLink));
}

#[test]
fn no_other_link_may_be_typed() {
    let typed = |link: &str| vec![Problem::TypedLink(link.to_owned())];
    refused("See shoes.example/sale", &typed("shoes.example/sale"));
    refused("https://shoes.example", &typed("https://shoes.example"));
    refused("Sale now.Come in", &typed("now.Come"));
    refused("{{ first_name | default('you') }}.com", &typed("xx.com"));
    refused("{{ first_name | default('evil.com') }}", &typed("evil.com"));
    refused("{{ shop }}.{{ items }}", &typed("xx.xx"));
    refused("{% if code %}a.shop{% else %} b.shop{% endif %}", &[typed("a.shop"), typed("b.shop")].concat());
    refused("mail me@shop", &typed("me@shop"));
    refused("bit.ly/abc", &[Problem::Shortener("bit.ly/abc".into())]);
    refused("or tinyurl.com/x", &[Problem::Shortener("tinyurl.com/x".into())]);
    says("12.30, e.g. now. Bye", "12.30, e.g. now. Bye");
    // What only meets when it is filled in is caught when it is.
    let torn = format!("evi{{% if code %}}{{% else %}}l{{% endif %}}.{{% if total %}}co{{% endif %}}m{TAIL}");
    assert_eq!(check(&torn), Err(typed("evil.com")));
    let hidden = format!("a{{% if code %}} {{% endif %}}.{{% if code %}} {{% endif %}}co{TAIL}");
    assert_eq!(check(&hidden), Ok(()));
    assert_eq!(render(&hidden, &merge()), Err(RenderProblem::SecondLink("a.co".into())));
}

#[test]
fn our_link_stands_apart() {
    let text = render("{{ shop }}{{ link }}{{ opt_out }}Bye", &merge());
    assert_eq!(text.as_deref(), Ok("Northwind https://go.example/r/AbC Reply STOP to opt out Bye"));
    let text = render("{{ shop }} ({{ link }}). {{ opt_out }}.", &merge());
    assert_eq!(text.as_deref(), Ok("Northwind (https://go.example/r/AbC). Reply STOP to opt out."));
    let text = render("{{ shop }} {{ link }}/more?x {{ opt_out }}", &merge());
    assert_eq!(text.as_deref(), Ok("Northwind https://go.example/r/AbC /more?x Reply STOP to opt out"));
}

#[test]
fn a_text_over_the_limit_is_refused_with_its_parts() {
    use crate::domain::sms::Encoding;
    let cost = check_within(TAIL, &merge(), PARTS_MAX_DEFAULT).unwrap();
    assert_eq!((cost.count, cost.encoding), (1, Encoding::Gsm7));
    let long = format!("{}{TAIL}", "word ".repeat(90));
    assert_eq!(parts(&long, &merge()).unwrap().count, 4);
    assert_eq!(check_within(&long, &merge(), 3), Err(vec![Problem::TooManyParts { parts: 4, max: 3 }]));
    assert_eq!(check_within(&long, &merge(), 4).unwrap().count, 4);
    assert_eq!(check_within("Hi", &merge(), 3).unwrap_err().len(), 3);
    let bare = format!("{{{{ code }}}}{TAIL}");
    let problems = check_within(&bare, &merge(), 3).unwrap_err();
    assert_eq!(problems, [Problem::NoText(RenderProblem::Missing("code").to_string())]);
}

#[test]
fn unknown_words_are_named() {
    refused("{{ firstname }}", &[Problem::UnknownVariable("firstname".into())]);
    refused("{{ customer.email }}", &[Problem::UnknownVariable("customer.email".into())]);
    refused("{{ link.__class__ }}", &[Problem::UnknownVariable("link.__class__".into())]);
    refused("{% if phone %}{% endif %}", &[Problem::UnknownVariable("phone".into())]);
    refused("{{ config }}", &[Problem::UnknownVariable("config".into())]);
    refused("{{ shop | shout }}", &[Problem::UnknownFilter("shout".into())]);
    refused(
        "{{ a }}{{ b|c }}",
        &[
            Problem::UnknownVariable("a".into()),
            Problem::UnknownFilter("c".into()),
            Problem::UnknownVariable("b".into()),
        ],
    );
    refused("{{ shop | truncate }}", &[Problem::FilterArguments("truncate(20)")]);
    refused("{{ shop | truncate(0) }}", &[Problem::FilterArguments("truncate(20)")]);
    refused("{{ shop | truncate(item_count) }}", &[Problem::FilterArguments("truncate(20)")]);
    refused("{{ shop | default }}", &[Problem::FilterArguments("default(\"there\")")]);
    refused("{{ shop | default(first_name) }}", &[Problem::FilterArguments("default(\"there\")")]);
    refused("{{ shop | upper(1) }}", &[Problem::FilterArguments("upper")]);
    refused("{{ shop | default(*['a']) }}", &[Problem::FilterArguments("default(\"there\")")]);

    let words = check("{{ x }}").unwrap_err().iter().map(Problem::to_string).collect::<Vec<_>>();
    assert!(words[0].starts_with("there is no `x`; you can use first_name, shop, link"), "{words:?}");
    assert!(words[1].contains("{{ shop }}") && words[2].contains("{{ link }}"), "{words:?}");
    assert!(words[3].contains("{{ opt_out }}"), "{words:?}");
    let near = Problem::UnknownVariable("firstname".into()).to_string();
    assert!(near.starts_with("there is no `firstname`; did you mean `first_name`? you can use"), "{near}");
}

#[test]
fn what_is_not_on_the_list_is_refused() {
    let not = |what: &str| vec![Problem::NotAllowed(what.to_owned())];
    refused("{{ 7 * 7 }}", &not("a calculation"));
    refused("{{ shop ~ shop }}", &not("a calculation"));
    refused("{{ shop + shop }}", &not("a calculation"));
    refused("{{ -item_count }}", &not("a calculation"));
    refused("{{ 'x' }}", &not("a value by itself"));
    refused("{{ shop[0] }}", &not("square brackets"));
    refused("{{ shop[1:] }}", &not("square brackets"));
    refused("{{ range(10) }}", &not("a call"));
    refused("{{ [shop] }}", &not("a list"));
    refused("{{ shop if code }}", &not("`if` between double braces"));
    refused("{{ (shop ~ shop) | upper }}", &not("a calculation"));
    refused("{% if 'a' * 99000000 %}{% endif %}", &not("a calculation"));
    refused("{% if code is defined %}{% endif %}", &not("`is`"));
    refused("{% if 1 < item_count < 3 %}{% endif %}", &not("a chain of comparisons"));
    refused("{% if 'a' in shop %}{% endif %}", &not("`in`"));
    refused("{% if shop ~ shop %}{% endif %}", &not("a calculation"));
    refused("{% if item_count - 1 %}{% endif %}", &not("a calculation"));
    refused("{% if (shop | upper) == (shop ~ shop) %}{% endif %}", &not("a calculation"));
    refused("{{ first_name or shop }}", &not("a comparison between double braces"));
    refused("{{ not code }}", &not("`not` between double braces"));
    refused("{% raw %}{{ x }}{% endraw %}", &not("`raw`"));
    for broken in
        ["{{", "{{ }}", "{% if %}", "{% if code %}", "{% endif %}", "{{ shop | }}", "{{ shop | default: }}", "{%"]
    {
        let problems = check(&format!("{TAIL}{broken}"));
        assert!(problems.is_err(), "{broken}: {problems:?}");
    }
}

#[test]
fn f35_hostile_templates_are_refused_in_time() {
    let doubling = format!("{{% set x='x' %}}{}", "{% set x=x~x %}".repeat(40));
    let nested = format!("{}{}", "{% if code %}".repeat(50), "{% endif %}".repeat(50));
    let otherwise = format!("{{% if code %}}{}{{% endif %}}", "{% else %}{% if code %}".repeat(50));
    let hostile = [
        doubling,
        "{{ 'x'*99000000 }}".into(),
        "{% if 'x'*99000000 %}{% endif %}".into(),
        "{% for i in range(10**9) %}{% endfor %}".into(),
        "{{ \"x\"*10**9 }}".into(),
        "x".repeat(1 << 20),
        nested,
        otherwise,
        format!("{{{{ {}x }}}}", "-".repeat(1_900)),
        format!("{{{{ {}x }}}}", "-".repeat(290)),
        format!("{{% if {}code %}}{{% endif %}}", "not ".repeat(70)),
        format!("{{{{ {}x{} }}}}", "(".repeat(140), ")".repeat(140)),
        format!("{{{{ {}x{} }}}}", "[".repeat(140), "]".repeat(140)),
        format!("{{{{ shop{} }}}}", "|trim".repeat(50)),
        format!("{{{{ shop{} }}}}", ".a".repeat(140)),
        "{% include 'x' %}".into(),
        "{% macro x() %}{{ x() }}{% endmacro %}{{ x() }}".into(),
    ];
    for template in hostile {
        let started = std::time::Instant::now();
        let template = format!("{template}{TAIL}");
        let shown: String = template.chars().take(60).collect();
        assert!(check(&template).is_err(), "{shown}");
        assert!(matches!(render(&template, &merge()), Err(RenderProblem::Refused(_))), "{shown}");
        assert!(started.elapsed() < Duration::from_secs(5), "{shown}");
    }
}

#[test]
fn the_longest_template_stays_within_its_bounds() {
    let room = TEMPLATE_BYTES_MAX - TAIL.len();
    let many = format!("{}{TAIL}", "{{items}}".repeat(room / 9));
    assert_eq!(check(&many), Ok(()));
    assert_eq!(render(&many, &Merge { items: Some("socks ".repeat(20)), ..merge() }), Err(RenderProblem::TooLong));
    assert!(render(&many, &Merge { items: Some("x".into()), ..merge() }).is_ok());
    let branches = format!("{}{TAIL}", "{%if code==1%}a{%endif%}".repeat(room / 24));
    assert_eq!(render(&branches, &merge()), render(TAIL, &merge()));
    // Three dots for one: over the cap only after normalising.
    assert_eq!(render(&format!("{}{TAIL}", "…".repeat(600)), &merge()), Err(RenderProblem::TooLong));
}

#[test]
fn the_writer_takes_characters_up_to_the_cap_and_no_more() {
    use std::io::Write;
    let mut out = Capped::default();
    assert!(out.write_all("é".repeat(TEXT_CHARS_MAX).as_bytes()).is_ok());
    assert!(out.write_all(b"x").is_err() && out.full);
    assert_eq!(out.bytes.len(), 2 * TEXT_CHARS_MAX);
}

/// The rule once more in its plainest form: a letter or digit, a dot of any kind, two letters.
fn joins_a_host(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.windows(4).any(|four| {
        let dot = matches!(four[1], '.' | '．' | '｡' | '․' | '﹒');
        four[0].is_alphanumeric() && dot && four[2].is_alphabetic() && four[3].is_alphabetic()
    })
}

proptest! {
    #[test]
    fn any_text_is_checked_without_a_panic(template in "\\PC{0,200}") {
        let _ = check(&template);
    }

    #[test]
    fn anything_like_a_template_is_checked_and_rendered(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "{{", "}}", "{%", "%}", "{#", "#}", " ", "if", "else", "elsif", "endif", "first_name", "link", "opt_out", "|",
            ":", "default", "(", ")", "\"x\"", "'", "==", "not", "-", "~", ".", "é", "\n", "{{ link }}", "{{ opt_out }}",
            "{% if code %}", "{% endif %}", "evil", "com",
        ]), 0..10),
    ) {
        let template = pieces.concat() + TAIL;
        let rendered = render(&template, &merge());
        match check(&template) {
            Err(problems) => prop_assert_eq!(rendered, Err(RenderProblem::Refused(problems))),
            Ok(()) => {
                let text = match rendered {
                    Err(RenderProblem::SecondLink(_)) => return Ok(()),
                    told => told.unwrap(),
                };
                prop_assert!(text.contains("https://go.example/r/AbC"), "{}", text);
                prop_assert!(text.contains("Reply STOP to opt out"), "{}", text);
            }
        }
    }

    #[test]
    fn no_value_brings_a_second_link_or_a_line(
        name in "\\PC{0,80}|[a-z.:/@\r\n]{0,80}|[a-z0-9.。．․@: +()-]{0,40}|(https?://|www\\.|tel:)?[a-z]{1,9}[.。．]{1,2}[a-z]{2,4}(/[a-z]*)?",
        glue in prop::sample::select(vec![" ", "", ", ", ":", "-"]),
    ) {
        let merge = Merge {
            first_name: Some(name.clone()),
            items: Some(name.clone()),
            shop: if name.chars().any(char::is_alphanumeric) { name.clone() } else { "Northwind".into() },
            code: Some(name.clone()),
            code_value: Some(name.clone()),
            code_until: Some(name.clone()),
            total: Some(name),
            ..merge()
        };
        let all = ["first_name", "items", "code", "code_value", "code_until", "total"]
            .map(|name| format!("{{{{ {name} | default('x') }}}}"))
            .join(glue);
        // A shop's name may vanish in cleaning, and pieces without a space between them may meet as a link: then no text
        // leaves.
        let text = match render(&format!("{all}{TAIL}"), &merge) {
            Ok(text) => text,
            Err(RenderProblem::Missing("shop")) => return Ok(()),
            Err(RenderProblem::SecondLink(_)) if glue != " " => return Ok(()),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        prop_assert_eq!(text.matches("://").count(), 1);
        prop_assert!(!joins_a_host(&text.replace("https://go.example/r/AbC", "")), "{}", text);
        prop_assert!(!text.contains(['\n', '\r', '\u{200b}', '\u{202e}']), "{}", text);
    }
}
