//! Which text went before a sale, in cases and for any order of the facts; and hashes as the platforms make them.

use proptest::prelude::*;

use super::*;
use crate::domain::time::MINUTE;

fn at(hours: u64) -> Time {
    Time::parse("2026-03-01T00:00:00Z").unwrap() + HOUR * u32::try_from(hours).unwrap()
}

fn text(message: i64, person: u8, sent: u64, taps: &[u64]) -> Text {
    Text {
        message: MessageId::new(message),
        person: [person; 16],
        accepted_at: at(sent),
        taps: taps.iter().map(|&hours| at(hours)).collect(),
    }
}

fn only(tie: Tie, texts: &[Text]) -> impl Fn(Tie) -> Vec<Text> {
    move |asked| if asked == tie { texts.to_vec() } else { Vec::new() }
}

#[test]
fn the_newest_text_before_the_sale_is_the_one() {
    let texts = [text(1, 7, 0, &[2]), text(2, 7, 24, &[]), text(3, 7, 60, &[61])];
    let Verdict::After(after) = judge(at(48), only(Tie::Phone, &texts)) else { panic!("not credited") };
    assert_eq!((after.message, after.after, after.tapped_at), (MessageId::new(2), HOUR * 24, Some(at(2))));
    assert_eq!(after.considered.iter().map(|each| each.won).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_left_after_the_sale_or_long_before_it_counts_for_nothing() {
    #[track_caller]
    fn check(sent: u64, sold: u64, credited: bool) {
        let verdict = judge(at(sold), only(Tie::Email, &[text(1, 7, sent, &[])]));
        assert_eq!(matches!(verdict, Verdict::After(_)), credited, "{sent} {sold} {verdict:?}");
    }
    check(10, 9, false);
    check(10, 10, false);
    check(10, 11, true);
    check(0, 30 * 24, true);
    check(0, 30 * 24 + 1, false);
}

#[test]
fn the_surest_sign_that_leads_to_anybody_decides() {
    let by_mail = [text(1, 7, 0, &[])];
    let by_phone = [text(2, 8, 1, &[])];
    let both = |tie| match tie {
        Tie::Phone => by_phone.to_vec(),
        Tie::Email => by_mail.to_vec(),
        _ => Vec::new(),
    };
    assert!(matches!(judge(at(5), both), Verdict::After(After { tie: Tie::Phone, person, .. }) if person == [8; 16]));
    // A phone that was never texted leaves it to the address.
    assert!(matches!(judge(at(5), only(Tie::Email, &by_mail)), Verdict::After(After { tie: Tie::Email, .. })));
    // A sign of two people is nobody's, and a weaker one does not help it.
    let two = |tie| match tie {
        Tie::Email => vec![text(1, 7, 0, &[]), text(2, 8, 1, &[])],
        Tie::PhoneSha256 => by_phone.to_vec(),
        _ => Vec::new(),
    };
    assert_eq!(judge(at(5), two), Verdict::Ambiguous(2));
    // One of the two was texted too late: only the other counts.
    assert!(matches!(judge(at(1), two), Verdict::After(After { person, .. }) if person == [7; 16]));
}

#[test]
fn hashes_are_those_of_the_platforms() {
    // `printf %s … | sha256sum`
    let [plus, bare] = phone_digests("+38640555101");
    assert_eq!(plus.hex(), "ce8a5e3b66cf97a28a60cec90902f9c715a82961537eecee0104b12f378ba27a");
    assert_eq!(bare.hex(), "c2cbb838a41358d8a09ad915cc6562b7b6551adb904a3b0af28419637ead9f57");
    let [email] = email_digests("maja@shopper.example").try_into().unwrap();
    assert_eq!(email.hex(), "42c7482f3264edce4d7a077b4682eb489165658b09e48f1b9df9a919f5487174");
    assert_eq!(email_digests("ma.ja+till@gmail.com").last(), Some(&Digest::of("maja@gmail.com")));
    assert_eq!(Digest::parse(&plus.hex().to_uppercase()), Some(plus));
    assert_eq!(Digest::parse("c1e2"), None);
}

fn told(total: i64, sold: Time, whole_day: bool) -> Told {
    Told {
        line: 2,
        at: sold,
        whole_day,
        total: Money::new(total, "EUR".parse().unwrap()),
        reference: String::new(),
        channel: Channel::Pos,
        refund_minor: None,
        signs: Signs::default(),
        note: String::new(),
    }
}

#[test]
fn a_sale_is_an_order_of_the_site_by_amount_and_time() {
    #[track_caller]
    fn check(placed: Time, total: i64, whole_day: bool, same: bool) {
        let order =
            SiteOrder { id: OrderId::new(1), placed_at: placed, total: Money::new(total, "EUR".parse().unwrap()) };
        assert_eq!(same_as(&told(1280, at(24), whole_day), &[order]).is_some(), same, "{placed} {total} {whole_day}");
    }
    check(at(24) + MINUTE * 5, 1280, false, true);
    check(at(24), 1281, false, false);
    check(at(36), 1280, false, true);
    check(at(37), 1280, false, false);
    check(at(11), 1280, false, false);
    check(at(47), 1280, true, true);
    check(at(61), 1280, true, false);
}

#[test]
fn what_cannot_be_is_said() {
    let now = at(100);
    assert_eq!(told(1280, at(99), false).problem(now), None);
    assert!(told(1280, at(102), false).problem(now).unwrap().contains("future"));
    assert!(told(-1, at(99), false).problem(now).unwrap().contains("below zero"));
    for back in [-1, 1281] {
        assert!(Told { refund_minor: Some(back), ..told(1280, at(99), false) }.problem(now).is_some(), "{back}");
    }
}

proptest! {
    /// However the facts come in, the verdict is the same; a text that left later than the sale never wins.
    #[test]
    fn the_order_of_facts_does_not_matter(
        sent in prop::collection::vec((0u64..2000, 0u8..2), 0..8),
        sold in 0u64..2000,
        turn in 0usize..8,
    ) {
        let mut texts: Vec<Text> =
            sent.iter().enumerate().map(|(id, &(hours, person))| text(id as i64, person, hours, &[])).collect();
        let first = judge(at(sold), only(Tie::Phone, &texts));
        if !texts.is_empty() {
            let by = turn % texts.len();
            texts.rotate_left(by);
        }
        prop_assert_eq!(&judge(at(sold), only(Tie::Phone, &texts)), &first);
        if let Verdict::After(after) = first {
            let won = texts.iter().find(|text| text.message == after.message).unwrap();
            prop_assert!(won.accepted_at < at(sold) && after.after <= WITHIN_MOST);
        }
    }
}
