//! Sealed values and keys: what opens them, what never does, and what leaks.

use super::*;
use proptest::prelude::*;

const PLACE: Place = Place { table: "cart", column: "phone", row: 41 };
const CANARY: &str = "canary +12125550147 lives here";

/// Bytes that look random and differ by seed.
fn key(seed: u8) -> [u8; 32] {
    *mac(&[seed; 32], &[b"a key for tests"])
}

fn operator(seeds: &[u8]) -> OperatorKeys {
    let words: Vec<_> = seeds.iter().map(|&seed| BASE64_NOPAD.encode(&key(seed))).collect();
    OperatorKeys::parse(&words.join(",")).unwrap()
}

fn shop(number: i64, generations: &[(u32, u8)]) -> ShopKeys {
    let keys = generations.iter().map(|&(number, seed)| (number, key(seed))).collect();
    ShopKeys::new(ShopId::new(number), keys).unwrap()
}

fn every_flip(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn operator_keys_are_read_in_every_form() {
    #[track_caller]
    fn check(text: &str, keys: Result<usize, KeyProblem>) {
        assert_eq!(OperatorKeys::parse(text).map(|keys| keys.ids().len()), keys, "{text}");
    }
    let [a, b] = [key(1), key(2)];
    let std = data_encoding::BASE64.encode(&a);
    check(&std, Ok(1));
    check(&data_encoding::BASE64URL.encode(&a), Ok(1));
    check(&BASE64URL_NOPAD.encode(&a), Ok(1));
    check(&HEXLOWER.encode(&a), Ok(1));
    check(&data_encoding::HEXUPPER.encode(&a), Ok(1));
    check(&format!("{std}\n"), Ok(1));
    check(&format!(" {std},\r\n {} ", HEXLOWER.encode(&b)), Ok(2));

    check("", Err(KeyProblem::Missing));
    check(" ,\n", Err(KeyProblem::Missing));
    check("not+base64!", Err(KeyProblem::Unreadable { number: 1 }));
    check("ключ", Err(KeyProblem::Unreadable { number: 1 }));
    check(&format!("{std},c2hvcnQ="), Err(KeyProblem::WrongLength { number: 2, bytes: 5 }));
    check(&HEXLOWER.encode(&a)[..62], Err(KeyProblem::Unreadable { number: 1 }));
    check(&HEXLOWER.encode(&a)[..60], Err(KeyProblem::WrongLength { number: 1, bytes: 45 }));
    check(&format!("{std},{}", HEXLOWER.encode(&a)), Err(KeyProblem::Duplicate { number: 2 }));
}

#[test]
fn what_is_not_random_is_no_key() {
    #[track_caller]
    fn check(key: [u8; 32]) {
        let text = HEXLOWER.encode(&key);
        assert_eq!(OperatorKeys::parse(&text).unwrap_err(), KeyProblem::NotRandom { number: 1 }, "{text}");
    }
    check([0; 32]);
    check([0xff; 32]);
    check(std::array::from_fn(|at| at as u8));
    check(std::array::from_fn(|at| 255 - 3 * at as u8));
    check(std::array::from_fn(|at| [0xde, 0xad, 0xbe, 0xef][at % 4]));
    check(std::array::from_fn(|at| key(1)[at % 16]));
    check(*b"please-change-me-before-launch!!");
}

#[test]
fn a_shop_key_unwraps_for_its_shop_and_generation_only() {
    let keys = operator(&[1]);
    let wrapped = keys.wrap(ShopId::new(7), 2, &key(9));
    assert_eq!(keys.unwrap_key(ShopId::new(7), 2, &wrapped), Ok(key(9)));
    assert_eq!(keys.unwrap_key(ShopId::new(8), 2, &wrapped), Err(SealError::Refused));
    assert_eq!(keys.unwrap_key(ShopId::new(7), 3, &wrapped), Err(SealError::Refused));
    assert!(every_flip(&wrapped).all(|flipped| keys.unwrap_key(ShopId::new(7), 2, &flipped).is_err()));
    assert!((0..wrapped.len()).all(|end| keys.unwrap_key(ShopId::new(7), 2, &wrapped[..end]).is_err()));
    let other = operator(&[2]).unwrap_key(ShopId::new(7), 2, &wrapped);
    assert_eq!(other, Err(SealError::UnknownOperatorKey(keys.ids()[0].clone())));
}

#[test]
fn an_operator_key_is_replaced_without_losing_a_shop() {
    let (old, both, new) = (operator(&[1]), operator(&[2, 1]), operator(&[2]));
    let wrapped = old.wrap(ShopId::new(1), 1, &key(9));
    assert!(old.wrapped_by_newest(&wrapped) && !both.wrapped_by_newest(&wrapped));
    let again = both.wrap(ShopId::new(1), 1, &both.unwrap_key(ShopId::new(1), 1, &wrapped).unwrap());
    assert!(both.wrapped_by_newest(&again));
    assert_eq!(new.unwrap_key(ShopId::new(1), 1, &again), Ok(key(9)));
    assert!(!new.wrapped_by_newest(b""));
}

#[test]
fn a_sealed_value_opens_where_it_belongs_and_nowhere_else() {
    let ours = shop(1, &[(1, 9)]);
    let sealed = ours.seal(PLACE, CANARY.as_bytes());
    assert_eq!(ours.open(PLACE, &sealed).unwrap(), CANARY.as_bytes());

    #[track_caller]
    fn check(keys: &ShopKeys, place: Place, sealed: &[u8]) {
        assert_eq!(keys.open(place, sealed), Err(SealError::Refused));
    }
    check(&ours, Place { row: 42, ..PLACE }, &sealed);
    check(&ours, Place { column: "email", ..PLACE }, &sealed);
    check(&ours, Place { table: "order", ..PLACE }, &sealed);
    // The border between table and column is part of the place.
    check(&ours, Place { table: "cartp", column: "hone", ..PLACE }, &sealed);
    // Another install, and another shop that by some accident holds the same key.
    check(&shop(1, &[(1, 8)]), PLACE, &sealed);
    check(&shop(2, &[(1, 9)]), PLACE, &sealed);
}

#[test]
fn no_bit_of_a_sealed_value_can_change() {
    let keys = shop(1, &[(1, 9), (2, 8), (3, 7)]);
    let sealed = keys.seal(PLACE, CANARY.as_bytes());
    assert!(every_flip(&sealed).all(|flipped| keys.open(PLACE, &flipped).is_err()));
    assert!((0..sealed.len()).all(|end| keys.open(PLACE, &sealed[..end]).is_err()));
    assert!(keys.open(PLACE, &[&sealed[..], b"0"].concat()).is_err());
}

#[test]
fn generations_come_and_the_old_ones_still_open() {
    let before = shop(1, &[(1, 9)]);
    let after = shop(1, &[(1, 9), (2, 8)]);
    let old = before.seal(PLACE, b"old");
    let new = after.seal(PLACE, b"new");
    assert_eq!(after.open(PLACE, &old).unwrap(), b"old");
    assert_eq!(after.open(PLACE, &new).unwrap(), b"new");
    assert!(!after.sealed_by_newest(&old) && after.sealed_by_newest(&new));
    assert_eq!(before.open(PLACE, &new), Err(SealError::UnknownGeneration(2)));
    assert_eq!(after.generations().collect::<Vec<_>>(), [2, 1]);
    assert_eq!(before.index("phone", "+12125550101"), after.index("phone", "+12125550101"));
}

#[test]
fn a_shop_without_its_first_key_or_with_one_twice_is_refused() {
    #[track_caller]
    fn check(keys: &[(u32, u8)]) {
        let keys = keys.iter().map(|&(number, seed)| (number, key(seed))).collect();
        assert_eq!(ShopKeys::new(ShopId::new(1), keys).unwrap_err(), SealError::WrongGenerations);
    }
    check(&[]);
    check(&[(2, 9)]);
    check(&[(0, 9), (1, 8)]);
    check(&[(1, 9), (1, 8)]);
    check(&[(1, 9), (2, 8), (2, 7)]);
}

#[test]
fn an_index_tells_shops_kinds_and_values_apart() {
    let keys = shop(1, &[(1, 9)]);
    let name = keys.index("phone", "+12125550101");
    assert_eq!(name, shop(1, &[(1, 9)]).index("phone", "+12125550101"));
    assert_ne!(name, keys.index("phone", "+12125550102"));
    assert_ne!(name, keys.index("email", "+12125550101"));
    assert_ne!(name, shop(2, &[(1, 9)]).index("phone", "+12125550101"));
    assert_ne!(name, shop(1, &[(1, 8)]).index("phone", "+12125550101"));
}

#[test]
fn json_is_sealed_and_its_errors_quote_nothing() {
    let keys = shop(1, &[(1, 9)]);
    let sealed = keys.seal_json(PLACE, &vec![CANARY]).unwrap();
    assert_eq!(keys.open_json::<Vec<String>>(PLACE, &sealed).unwrap(), [CANARY]);
    let wrong = keys.open_json::<u64>(PLACE, &sealed).unwrap_err();
    assert_eq!(wrong, SealError::WrongContent);
    assert!(!format!("{wrong} {wrong:?}").contains("canary"));
}

#[test]
fn nothing_prints_or_carries_a_secret() {
    let (operator, keys) = (operator(&[1, 2]), shop(3, &[(1, 9), (2, 8)]));
    assert_eq!(format!("{keys:?}"), "ShopKeys(shop 3, generations [2, 1])");
    assert_eq!(format!("{operator:?}"), format!("OperatorKeys({})", operator.ids().join(", ")));
    let typed = "hunter2-hunter2";
    assert!(!OperatorKeys::parse(typed).unwrap_err().to_string().contains("hunter2"));

    let sealed = keys.seal(PLACE, CANARY.as_bytes());
    let wrapped = operator.wrap(ShopId::new(3), 2, &key(8));
    let holds = |hay: &[u8], needle: &[u8]| hay.windows(needle.len()).any(|window| window == needle);
    assert!(!holds(&sealed, b"canary") && !holds(&sealed, b"2125550147"));
    assert!(!holds(&wrapped, &key(8)[..8]) && !holds(&wrapped, &key(1)[..8]));
}

#[test]
fn the_nonce_follows_cell_and_text() {
    let keys = shop(1, &[(1, 9)]);
    let nonce = |place, plain: &[u8]| keys.seal(place, plain)[2..2 + NONCE_BYTES].to_vec();
    assert_eq!(nonce(PLACE, b"a"), nonce(PLACE, b"a"));
    assert_ne!(nonce(PLACE, b"a"), nonce(PLACE, b"b"));
    assert_ne!(nonce(PLACE, b"a"), nonce(Place { row: 42, ..PLACE }, b"a"));
}

#[test]
fn keys_are_derived_as_the_standard_says() {
    let mut expected = [0; 32];
    let standard = Hkdf::<Sha256>::new(Some(b"salt"), &key(1));
    standard.expand(b"cartback/1/mac/restore", &mut expected).unwrap();
    assert_eq!(*derived(&root(b"salt", &key(1)), "mac/restore"), expected);
}

/// Stored values outlive releases: whoever changes the format must bring a new version byte, not these lines.
#[test]
fn yesterdays_values_still_open() {
    let keys = shop(1, &[(1, 9)]);
    assert_eq!(HEXLOWER.encode(&keys.index("phone", "+12125550101")), "167d6bbbcdb4937bf362ebd0e086336e");
    let sealed = concat!(
        "01016bd4ef146f6804a5fc9c27fa3c752c9eeff89861e62c3c95fa8e",
        "bfaeed3fc17a29663cec728ea598d7e7c08d573eab4b0164eaf9"
    );
    let sealed = HEXLOWER.decode(sealed.as_bytes()).unwrap();
    assert_eq!(keys.open(PLACE, &sealed).unwrap(), b"+12125550101");
    let wrapped = concat!(
        "01dec1282e3a73760a683b2f627fd0199c9924b30a8701ce3e5fbdaf66bad42c794cd28e3a",
        "2813ab15651d72c4ca528b771d7a25f464e59df7bc4857e6bc6acb1cbf99b77c3a974ddbbf1e8005"
    );
    let wrapped = HEXLOWER.decode(wrapped.as_bytes()).unwrap();
    assert_eq!(operator(&[1]).unwrap_key(ShopId::new(7), 2, &wrapped), Ok(key(9)));
}

proptest! {
    #[test]
    fn what_is_sealed_opens(plain in proptest::collection::vec(any::<u8>(), 0..300), row: i64, newest in 2u32..) {
        let keys = shop(5, &[(1, 9), (newest, 8)]);
        let place = Place { row, ..PLACE };
        let sealed = keys.seal(place, &plain);
        prop_assert_eq!(keys.open(place, &sealed), Ok(plain));
    }

    #[test]
    fn any_bytes_are_refused_calmly(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(shop(5, &[(1, 9)]).open(PLACE, &bytes).is_err());
        prop_assert!(operator(&[1]).unwrap_key(ShopId::new(1), 1, &bytes).is_err());
    }

    #[test]
    fn a_varint_has_one_form(number: u64, tail in proptest::collection::vec(any::<u8>(), 0..12)) {
        let mut bytes = Vec::new();
        put_varint(&mut bytes, number);
        bytes.extend(&tail);
        prop_assert_eq!(take_varint(&bytes), Some((number, &tail[..])));
        if let Some((number, rest)) = take_varint(&tail) {
            let mut again = Vec::new();
            put_varint(&mut again, number);
            again.extend(rest);
            prop_assert_eq!(again, tail);
        }
    }
}
