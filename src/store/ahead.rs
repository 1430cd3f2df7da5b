//! Ahead: what the pieces of a handful will each ask about their own rows, read by one statement for sixteen of them and
//! remembered by the transaction (`db::memo`). Whoever asks later cannot tell the difference.

use std::collections::{BTreeMap, BTreeSet};

use super::listing::{Bind, Select};

/// Rows that a statement takes: as many as a handful has pieces.
pub(super) const TOGETHER: usize = 16;

/// `IN` the sixteen values that follow the shop.
macro_rules! among {
    () => {
        "IN ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    };
}
pub(super) use among;

/// Each of these once, as many together as a statement takes.
pub(super) fn sets<T: Copy + Ord>(all: &[T]) -> Vec<Vec<T>> {
    let once: Vec<T> = all.iter().copied().collect::<BTreeSet<T>>().into_iter().collect();
    once.chunks(TOGETHER).map(<[T]>::to_vec).collect()
}

/// A statement with `among!` in it, about these numbers. Only by a key that holds one row for each: by any other one
/// PostgreSQL, where it has no statistics, would rather read the whole shop and leave out what was not asked for.
pub(super) fn numbers(shop: i64, text: &str, some: &[i64]) -> Select {
    about(shop, text, some.iter().map(|number| Bind::Int(*number)), Bind::Int(i64::MIN))
}

/// A statement of `each!`, about these keyed hashes.
pub(super) fn hashes(shop: i64, text: &str, some: &[[u8; 16]]) -> Select {
    about(shop, text, some.iter().map(|hash| Bind::Bytes(hash.to_vec())), Bind::Bytes(vec![0]))
}

/// What stands for nothing fills the places that are left: it is one statement whatever it is about.
fn about(shop: i64, text: &str, some: impl Iterator<Item = Bind>, nothing: Bind) -> Select {
    let mut select = Select { text: text.to_owned(), binds: vec![Bind::Int(shop)] };
    select.binds.extend(some.take(TOGETHER));
    select.binds.resize(1 + TOGETHER, nothing);
    select
}

/// The question that `one` asks about `$2`, asked about all sixteen at once, each in the way it would be alone; `tail` ends
/// the whole. Further values begin at `$18`.
pub(super) fn asked_of_each(one: &str, tail: &str) -> String {
    let all: Vec<String> = (2..2 + TOGETHER).map(|place| one.replace("$2", &format!("${place}"))).collect();
    format!("{} {tail}", all.join(" UNION ALL "))
}

/// The text of [`asked_of_each`], made once.
macro_rules! each {
    ($one:expr) => {
        $crate::store::ahead::each!($one, "")
    };
    ($one:expr, $tail:expr) => {{
        static TEXT: std::sync::LazyLock<String> =
            std::sync::LazyLock::new(|| $crate::store::ahead::asked_of_each($one, $tail));
        TEXT.as_str()
    }};
}
pub(super) use each;

/// Rows by what they are about, in the order they came.
pub(super) fn grouped<K: Ord, T>(rows: impl IntoIterator<Item = (K, T)>) -> BTreeMap<K, Vec<T>> {
    let mut groups: BTreeMap<K, Vec<T>> = BTreeMap::new();
    for (about, row) in rows {
        groups.entry(about).or_default().push(row);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_as_many_values_whatever_it_is_about() {
        for some in [&[7][..], &[1, 2, 3], &[9; TOGETHER], &[9; TOGETHER + 1]] {
            let select = numbers(5, among!(), some);
            assert_eq!(select.binds.len(), 1 + TOGETHER);
            let asked = select.binds.iter().filter(|bind| matches!(bind, Bind::Int(number) if *number > 0)).count();
            assert_eq!(asked, 1 + some.len().min(TOGETHER));
        }
        let all = asked_of_each("SELECT $2, $18", "LIMIT 3");
        assert!(all.starts_with("SELECT $2, $18 UNION ALL SELECT $3, $18 UNION") && all.ends_with("$17, $18 LIMIT 3"));
        assert_eq!(sets(&[3, 1, 3]), [[1, 3]]);
        assert_eq!(sets(&[0; 0]), [[0; 0]; 0]);
        assert_eq!(grouped([(2, 'a'), (1, 'b'), (2, 'c')])[&2], ['a', 'c']);
    }
}
