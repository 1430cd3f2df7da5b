//! Whatever opens something by what is written in it: links, digests' ends, approvals, sealed cells, keys, tokens of the
//! API. Nothing made up opens anything; what we made does, for whom it was made and for nobody else.
#![no_main]

use arbitrary::Arbitrary;
use cartback::{
    domain::{
        approval,
        connector::Settings,
        digest,
        id::{CartId, MessageId, UserId},
        link::{self, Purpose},
        message::MessageRef,
        seal::{OperatorKeys, Place},
        time::HOUR,
    },
    pipeline::people::token,
};
use cartback_fuzz::{keys, now};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Drawn<'d> {
    number: u64,
    shop: u32,
    place: u16,
    bit: u8,
    text: &'d str,
    bytes: &'d [u8],
}

fuzz_target!(|drawn: Drawn| {
    let shop = i64::from(drawn.shop) + 1;
    let (ours, theirs) = (keys(shop, 7), keys(shop, 9));
    let message = MessageRef { shop: ours.shop(), message: MessageId::new((drawn.number >> 1).cast_signed()) };
    // Our own link, and what becomes of it when a bit of it is another.
    let purpose = Purpose::ALL[usize::from(drawn.bit) % 4];
    let token = link::sign(&ours, purpose, message);
    let read = link::parse(&token).expect("our own link");
    assert_eq!(read.verify(&ours, purpose), Some(message));
    assert_eq!(read.verify(&theirs, purpose), None);
    for other in Purpose::ALL.into_iter().filter(|other| *other != purpose) {
        assert_eq!(read.verify(&ours, other), None);
    }
    let mut changed = token.clone().into_bytes();
    let at = usize::from(drawn.place) % changed.len();
    changed[at] ^= 1 << (drawn.bit % 7);
    if let Some(changed) = std::str::from_utf8(&changed).ok().and_then(link::parse) {
        assert_eq!(changed.verify(&ours, purpose), None);
    }
    if let Some(made_up) = link::parse(drawn.text) {
        let whose = keys(made_up.shop().get(), 7);
        assert!(Purpose::ALL.into_iter().all(|purpose| made_up.verify(&whose, purpose).is_none()), "a forgery");
    }
    assert!(drawn.text.parse::<MessageRef>().is_err() || drawn.text.contains('.'));
    assert_eq!(message.to_string().parse(), Ok(message));
    if let Ok(id) = drawn.text.parse::<CartId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    let reader = UserId::new((drawn.number >> 1).cast_signed());
    let stop = digest::stop_token(&ours, reader);
    let (of, stop) = digest::stop_token_of(&stop).expect("our own end");
    assert_eq!((of, digest::reader(&stop, &ours), digest::reader(&stop, &theirs)), (ours.shop(), Some(reader), None));
    let _ = digest::stop_token_of(drawn.text);

    let settings = Settings::restored([("key".to_owned(), drawn.text.to_owned())].into());
    let state = approval::sign(&ours, &settings, now(), drawn.number.to_be_bytes());
    assert!(approval::verify(&ours, &settings, now(), &state).is_ok());
    assert!(approval::verify(&theirs, &settings, now(), &state).is_err());
    assert!(approval::verify(&ours, &settings, now() + HOUR * 24 * 365, &state).is_err());
    assert!(approval::verify(&ours, &settings.with("key", "other\u{1}"), now(), &state).is_err());
    assert!(approval::verify(&ours, &settings, now(), drawn.text).is_err());

    let place = Place { table: "cart", column: "phone", row: (drawn.number >> 1).cast_signed() };
    let mut sealed = ours.seal(place, drawn.bytes);
    assert!(sealed.len() <= drawn.bytes.len() + 46);
    assert_eq!(ours.open(place, &sealed).as_deref(), Ok(drawn.bytes));
    assert!(theirs.open(place, &sealed).is_err());
    assert!(ours.open(Place { column: "email", ..place }, &sealed).is_err());
    let at = usize::from(drawn.place) % sealed.len();
    sealed[at] ^= 1 << (drawn.bit % 8);
    assert!(ours.open(place, &sealed).is_err());
    assert!(ours.open(place, drawn.bytes).is_err());

    if let Ok(keys) = OperatorKeys::parse(drawn.text) {
        let wrapped = keys.wrap(ours.shop(), 1, &[3; 32]);
        assert_eq!(keys.unwrap_key(ours.shop(), 1, &wrapped), Ok([3; 32]));
        assert!(keys.unwrap_key(ours.shop(), 2, &wrapped).is_err());
        assert!(keys.unwrap_key(ours.shop(), 1, drawn.bytes).is_err());
    }
    let _ = token::is_whole(drawn.text);
});
