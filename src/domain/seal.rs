//! Keys, and what is sealed with them. The operator's key wraps one key per shop; from a shop's key come, by purpose, the
//! keys that seal its cells, index its phones and e-mails, and sign its links. Nothing here is a constant that opens
//! anything: without the operator's key there is no key at all.
//!
//! What must hold:
//! - A sealed value opens only in the cell it was sealed for: shop, table, column and row are authenticated with it.
//! - New values use the newest generation of the shop's key; older generations still open theirs.
//! - No key and no plaintext is ever in a `Debug`, an error or a log; keys are wiped when dropped.
//!
//! The cipher is XChaCha20-Poly1305. Its nonce is not random but a MAC, under a key of its own, of the cell and the
//! plaintext: this file stays pure, and no failing generator can repeat a nonce over two texts. The price is that the
//! same plaintext written twice to the same cell looks the same twice; a reader of the database learns "unchanged",
//! and nothing about two different cells.

use std::{cmp::Reverse, fmt, sync::Arc};

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::id::ShopId;

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
/// First byte of every wrapped key and every sealed value.
const VERSION: u8 = 1;
/// A key of 32 random bytes has about 30 different ones; fewer than this is a pattern, not a key.
const DISTINCT_BYTES_MIN: usize = 12;

type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Why a sealed value stays shut. Says nothing about what is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("not a sealed value of a form we know")]
    Malformed,
    #[error("sealed with operator key {0}, which is not among the keys given")]
    UnknownOperatorKey(String),
    #[error("sealed with generation {0} of the shop's key, which is not loaded")]
    UnknownGeneration(u32),
    #[error("altered, moved from another place, or sealed with another key")]
    Refused,
    #[error("opened, but it does not hold what this place should hold")]
    WrongContent,
    #[error("a shop's keys are numbered 1, 2, 3 …, each once, and the first is always there")]
    WrongGenerations,
}

/// Why the operator's key was not taken. `number` counts the keys from 1 as they were given; the key itself is not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    #[error("no key is given; make one with `openssl rand -base64 32`")]
    Missing,
    #[error("key {number} is neither base64 nor 64 hex digits")]
    Unreadable { number: usize },
    #[error("key {number} has {bytes} bytes; a key has 32")]
    WrongLength { number: usize, bytes: usize },
    #[error("key {number} is not random; make one with `openssl rand -base64 32`")]
    NotRandom { number: usize },
    #[error("key {number} is given twice")]
    Duplicate { number: usize },
}

/// The operator's keys, newest first: the first wraps, all of them unwrap. `Debug` shows key ids only.
#[derive(Clone)]
pub struct OperatorKeys(Arc<Ring<OperatorKey>>);

/// One key that writes and those before it that still read.
struct Ring<K> {
    newest: K,
    older: Vec<K>,
}

struct OperatorKey {
    id: [u8; KEY_ID_BYTES],
    lock: Lock,
}

impl OperatorKeys {
    /// From text as in `CARTBACK_KEY`: keys of 32 bytes in base64 (either alphabet, padded or not) or as 64 hex digits,
    /// newest first, separated by commas or white space.
    pub fn parse(text: &str) -> Result<OperatorKeys, KeyProblem> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let mut keys: Vec<OperatorKey> = Vec::new();
        for (at, word) in words.enumerate() {
            let key = OperatorKey::new(&*read_key(word, at + 1)?);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyProblem::Duplicate { number: at + 1 });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(KeyProblem::Missing)?;
        Ok(OperatorKeys(Arc::new(Ring { newest, older: keys.collect() })))
    }

    /// Eight hex digits per key, newest first; enough to tell keys apart, nothing to guess them by.
    pub fn ids(&self) -> Vec<String> {
        self.0.all().map(|key| HEXLOWER.encode(&key.id)).collect()
    }

    /// The shop's key, wrapped with the newest operator key for this shop and generation only.
    pub fn wrap(&self, shop: ShopId, generation: u32, shop_key: &[u8; KEY_BYTES]) -> Vec<u8> {
        let key = &self.0.newest;
        let mut wrapped = vec![VERSION];
        wrapped.extend(key.id);
        let aad = wrap_context(&wrapped, shop, generation);
        key.lock.seal(wrapped, &aad, shop_key)
    }

    /// The shop's key from what `wrap` made, with whichever operator key it names.
    pub fn unwrap_key(&self, shop: ShopId, generation: u32, wrapped: &[u8]) -> Result<[u8; KEY_BYTES], SealError> {
        let (header, rest) = wrapped.split_at_checked(1 + KEY_ID_BYTES).ok_or(SealError::Malformed)?;
        let id = key_id(header).ok_or(SealError::Malformed)?;
        let key = self.0.all().find(|key| key.id == id);
        let key = key.ok_or_else(|| SealError::UnknownOperatorKey(HEXLOWER.encode(id)))?;
        let opened = Zeroizing::new(key.lock.open(rest, &wrap_context(header, shop, generation))?);
        opened.as_slice().try_into().map_err(|_| SealError::WrongContent)
    }

    /// The id of the operator key that a wrapped key names; `None` for what is none.
    pub fn wrapped_by(wrapped: &[u8]) -> Option<String> {
        key_id(wrapped).map(|id| HEXLOWER.encode(id))
    }

    /// Whether a wrapped key names the newest operator key; if not, unwrap and wrap it again.
    pub fn wrapped_by_newest(&self, wrapped: &[u8]) -> bool {
        key_id(wrapped) == Some(&self.0.newest.id[..])
    }
}

impl fmt::Debug for OperatorKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OperatorKeys({})", self.ids().join(", "))
    }
}

impl OperatorKey {
    fn new(key: &[u8; KEY_BYTES]) -> OperatorKey {
        OperatorKey { id: leading(&*mac(key, &[b"id"])), lock: Lock::new(&root(b"cartback operator key", key), "wrap") }
    }
}

impl<K> Ring<K> {
    fn all(&self) -> impl Iterator<Item = &K> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

fn key_id(wrapped: &[u8]) -> Option<&[u8]> {
    let (version, rest) = wrapped.split_first()?;
    (*version == VERSION).then(|| rest.get(..KEY_ID_BYTES)).flatten()
}

fn wrap_context(header: &[u8], shop: ShopId, generation: u32) -> Vec<u8> {
    [header, &shop.get().to_be_bytes(), &generation.to_be_bytes()].concat()
}

fn read_key(word: &str, number: usize) -> Result<Key, KeyProblem> {
    let is_hex = word.len() == 2 * KEY_BYTES && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let decoded = if is_hex {
        HEXLOWER_PERMISSIVE.decode(word.as_bytes())
    } else {
        let bare = word.trim_end_matches('=').as_bytes();
        BASE64_NOPAD.decode(bare).or_else(|_| BASE64URL_NOPAD.decode(bare))
    };
    let mut bytes = decoded.map_err(|_| KeyProblem::Unreadable { number })?;
    let key = <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    let length = bytes.len();
    bytes.zeroize();
    let key = key.map_err(|_| KeyProblem::WrongLength { number, bytes: length })?;
    if looks_random(&key) { Ok(key) } else { Err(KeyProblem::NotRandom { number }) }
}

/// Refuses what people paste to get past the check: zeros, repeated words, counting, a typed phrase. Each would happen to
/// 32 random bytes less than once in 10^13.
fn looks_random(key: &[u8; KEY_BYTES]) -> bool {
    let mut sorted = Zeroizing::new(*key);
    sorted.sort_unstable();
    let distinct = 1 + sorted.iter().zip(sorted.iter().skip(1)).filter(|(a, b)| a != b).count();
    let mut steps = key.iter().zip(key.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a));
    let first = steps.next();
    let counts = steps.all(|step| Some(step) == first);
    let repeats = key.iter().take(KEY_BYTES / 2).eq(key.iter().skip(KEY_BYTES / 2));
    let typed = key.iter().all(|byte| (0x20..0x7f).contains(byte));
    distinct >= DISTINCT_BYTES_MIN && !counts && !repeats && !typed
}

/// The cell a value is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub table: &'static str,
    pub column: &'static str,
    pub row: i64,
}

/// One shop's keys, ready to use; cheap to clone. `Debug` shows the shop and its generations only.
#[derive(Clone)]
pub struct ShopKeys(Arc<Shop>);

struct Shop {
    shop: ShopId,
    generations: Ring<Generation>,
    /// Links signed by generations before this one lead nowhere any more.
    links_from: u32,
    index: Key,
}

struct Generation {
    number: u32,
    root: Key,
    data: Lock,
}

impl ShopKeys {
    /// From every generation of the shop's key, in any order. Generations are numbered from 1, and the first must be
    /// among them: the blind index hangs on it.
    pub fn new(shop: ShopId, keys: Vec<(u32, [u8; KEY_BYTES])>) -> Result<ShopKeys, SealError> {
        ShopKeys::with_links_from(shop, keys, 1)
    }

    /// As `new`, where the links of generations before `links_from` were revoked. What those sealed is read all the same.
    pub fn with_links_from(
        shop: ShopId,
        keys: Vec<(u32, [u8; KEY_BYTES])>,
        links_from: u32,
    ) -> Result<ShopKeys, SealError> {
        let mut keys = Zeroizing::new(keys);
        keys.sort_unstable_by_key(|(number, _)| Reverse(*number));
        let twice = keys.iter().zip(keys.iter().skip(1)).any(|(a, b)| a.0 == b.0);
        let mut generations: Vec<_> = keys.iter().map(|(number, key)| Generation::new(shop, *number, key)).collect();
        match generations.last() {
            Some(first) if first.number == 1 && !twice => {
                let index = derived(&first.root, "index");
                let newest = generations.remove(0);
                let generations = Ring { newest, older: generations };
                Ok(ShopKeys(Arc::new(Shop { shop, generations, links_from, index })))
            }
            _ => Err(SealError::WrongGenerations),
        }
    }

    pub fn shop(&self) -> ShopId {
        self.0.shop
    }

    pub fn newest(&self) -> u32 {
        self.0.generations.newest.number
    }

    /// The oldest generation whose links still lead to a cart.
    pub fn links_from(&self) -> u32 {
        self.0.links_from
    }

    /// Newest first.
    pub fn generations(&self) -> impl Iterator<Item = u32> {
        self.0.generations.all().map(|generation| generation.number)
    }

    /// The plaintext, readable only with this shop's keys and only in this place. 42 to 46 bytes longer.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Vec<u8> {
        let generation = &self.0.generations.newest;
        let mut sealed = vec![VERSION];
        put_varint(&mut sealed, generation.number.into());
        let aad = place.context(&sealed, self.0.shop);
        generation.data.seal(sealed, &aad, plain)
    }

    /// What `seal` was given, if nothing about value or place has changed since.
    pub fn open(&self, place: Place, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (number, rest) = generation_of(sealed).ok_or(SealError::Malformed)?;
        let generation = self.find(number).ok_or(SealError::UnknownGeneration(number))?;
        let (header, _) = sealed.split_at(sealed.len() - rest.len());
        generation.data.open(rest, &place.context(header, self.0.shop))
    }

    /// Whether a sealed value uses the newest generation; if not, open and seal it again.
    pub fn sealed_by_newest(&self, sealed: &[u8]) -> bool {
        generation_of(sealed).is_some_and(|(number, _)| number == self.newest())
    }

    pub fn seal_json<T: Serialize>(&self, place: Place, value: &T) -> Result<Vec<u8>, SealError> {
        let plain = Zeroizing::new(serde_json::to_vec(value).map_err(|_| SealError::WrongContent)?);
        Ok(self.seal(place, &plain))
    }

    /// The parser's own error is dropped: it quotes what it read.
    pub fn open_json<T: DeserializeOwned>(&self, place: Place, sealed: &[u8]) -> Result<T, SealError> {
        let plain = Zeroizing::new(self.open(place, sealed)?);
        serde_json::from_slice(&plain).map_err(|_| SealError::WrongContent)
    }

    /// A keyed name for a value, to find it again without storing it: equal for equal values of one kind in one shop,
    /// and useless without the shop's key (there are only 10^10 phone numbers; an unkeyed hash is the number itself).
    /// `kind` is a word of ours without NUL: "phone", "email". 128 bits of HMAC-SHA256.
    ///
    /// Always keyed by the first generation. A name stored years ago must still be found after the shop's key was
    /// renewed, above all an opt-out whose number we no longer have; changing this key means naming every row again.
    pub fn index(&self, kind: &str, value: &str) -> [u8; 16] {
        leading(&*mac(&self.0.index, &[kind.as_bytes(), b"\0", value.as_bytes()]))
    }

    /// HMAC-SHA256 of `data` under this shop's key for this purpose, in the newest generation. Compare in constant time.
    pub fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        self.0.generations.newest.mac(purpose, data)
    }

    /// The same in an older generation; `None` when it is not loaded.
    pub fn mac_of(&self, generation: u32, purpose: &str, data: &[u8]) -> Option<[u8; 32]> {
        Some(self.find(generation)?.mac(purpose, data))
    }

    fn find(&self, number: u32) -> Option<&Generation> {
        self.0.generations.all().find(|generation| generation.number == number)
    }
}

impl fmt::Debug for ShopKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generations: Vec<_> = self.generations().collect();
        write!(f, "ShopKeys(shop {}, generations {generations:?})", self.0.shop)
    }
}

impl Generation {
    fn new(shop: ShopId, number: u32, key: &[u8; KEY_BYTES]) -> Generation {
        let salt = [b"cartback shop key".as_slice(), &shop.get().to_be_bytes(), &number.to_be_bytes()].concat();
        let root = root(&salt, key);
        Generation { number, data: Lock::new(&root, "data"), root }
    }

    fn mac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        *mac(&derived(&self.root, &format!("mac/{purpose}")), &[data])
    }
}

impl Place {
    /// Everything that must be the same when the value is opened. Lengths first, so that no two places read alike.
    fn context(&self, header: &[u8], shop: ShopId) -> Vec<u8> {
        let mut context = Vec::with_capacity(128);
        for part in [header, &shop.get().to_be_bytes(), self.table.as_bytes(), self.column.as_bytes()] {
            context.extend((part.len() as u64).to_be_bytes());
            context.extend(part);
        }
        context.extend(self.row.to_be_bytes());
        context
    }
}

fn generation_of(sealed: &[u8]) -> Option<(u32, &[u8])> {
    let (version, rest) = sealed.split_first()?;
    let (number, rest) = take_varint(rest).filter(|_| *version == VERSION)?;
    Some((u32::try_from(number).ok()?, rest))
}

/// A cipher key and the key its nonces are made with.
struct Lock {
    cipher: Key,
    nonce: Key,
}

impl Lock {
    fn new(root: &Key, purpose: &str) -> Lock {
        Lock { cipher: derived(root, purpose), nonce: derived(root, &format!("{purpose}/nonce")) }
    }

    /// header ‖ nonce ‖ ciphertext ‖ tag. `aad` ends where the plaintext begins: its own parts carry their lengths.
    fn seal(&self, header: Vec<u8>, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let code = mac(&self.nonce, &[&(aad.len() as u64).to_be_bytes(), aad, plain]);
        let nonce = XNonce::from(leading::<NONCE_BYTES>(&*code));
        let cipher = XChaCha20Poly1305::new((&*self.cipher).into());
        // The only error is a plaintext over 256 GiB. Should it ever come, the value does not open; it never leaks.
        let sealed = cipher.encrypt(&nonce, Payload { msg: plain, aad }).unwrap_or_default();
        [header.as_slice(), &nonce, &sealed].concat()
    }

    fn open(&self, sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::Malformed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Malformed)?;
        let cipher = XChaCha20Poly1305::new((&*self.cipher).into());
        cipher.decrypt(&nonce, Payload { msg: sealed, aad }).map_err(|_| SealError::Refused)
    }
}

/// HKDF-SHA256, first half (RFC 5869 section 2.2).
fn root(salt: &[u8], key: &[u8; KEY_BYTES]) -> Key {
    Zeroizing::new(Hkdf::<Sha256>::extract(Some(salt), key).0.into())
}

/// HKDF-SHA256, second half (RFC 5869 section 2.3), for the one block a key takes. Written out because one block cannot
/// fail, and a key that silently stayed zero must be impossible; a test holds it against the `hkdf` crate.
fn derived(root: &Key, purpose: &str) -> Key {
    mac(root, &[b"cartback/1/", purpose.as_bytes(), &[1]])
}

fn mac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> Key {
    // RFC 2104 pads the key with zeros to the hash's block of 64 bytes; given that block, making the MAC cannot fail.
    let block = Zeroizing::new(leading::<64>(key));
    let mut code = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| code.update(part));
    Zeroizing::new(code.finalize().into_bytes().into())
}

/// The first `N` bytes, with zeros after the last.
fn leading<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// Seven bits a byte, least first; the shortest form only.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The number and what follows it. A form that is not the shortest, or does not fit, is no number.
pub(super) fn take_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let end = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (digits, rest) = bytes.split_at_checked(end)?;
    let number = digits.iter().rev().fold(0u128, |sum, byte| sum << 7 | u128::from(byte & 0x7f));
    let padded = digits.len() > 1 && digits.last() == Some(&0);
    u64::try_from(number).ok().filter(|_| !padded).map(|number| (number, rest))
}

#[cfg(test)]
mod tests;
