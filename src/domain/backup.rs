//! Backups: what one says of itself, and how what it holds is summed up. A table's sum is the same in whatever order its
//! rows are read and whichever engine they lie in, so that a copy can be held against what it was made of.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::time::Time;

/// The form of backups this version writes and reads.
pub const FORM: u32 = 1;

/// One value of one row, as both engines hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    /// Kind, length and bytes: no two rows read alike.
    fn put(&self, hash: &mut Sha256) {
        match self {
            Cell::Null => hash.update([0]),
            Cell::Int(number) => {
                hash.update([1]);
                hash.update(number.to_be_bytes());
            }
            Cell::Text(text) => put(hash, 2, text.as_bytes()),
            Cell::Bytes(bytes) => put(hash, 3, bytes),
        }
    }
}

fn put(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

const LIMBS: usize = 4;

/// Rows counted and summed: the SHA-256 of each, added up as numbers of 256 bits. Tells damage from none; it is no proof
/// against somebody who means to deceive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    rows: u64,
    sum: [u64; LIMBS],
}

impl Tally {
    /// Takes a row in, its cells in the order of their columns' names.
    pub fn add(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        row.iter().for_each(|cell| cell.put(&mut hash));
        let digest = hash.finalize();
        let mut carry = false;
        for (limb, part) in self.sum.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            let (sum, over) = limb.overflowing_add(part);
            let (sum, carried) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || carried);
        }
        self.rows += 1;
    }

    pub fn of(self, columns: Vec<String>) -> Held {
        let bytes: Vec<u8> = self.sum.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        Held { columns, rows: self.rows, sha256: HEXLOWER.encode(&bytes) }
    }
}

/// What one table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By name.
    pub columns: Vec<String>,
    pub rows: u64,
    pub sha256: String,
}

/// Tables by name.
pub type Holdings = BTreeMap<String, Held>;

/// What a backup says of itself; it lies in the backup, beside the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub form: u32,
    /// The moment it is as of, in milliseconds.
    pub made_at_ms: i64,
    /// The version of Cartback that made it.
    pub cartback: String,
    /// Of the database it was made of, in words.
    pub engine: String,
    /// Processes had the database open when it was made: something may have been sent since.
    pub in_use: bool,
    /// Version and checksum of every migration that had been applied.
    pub migrations: Vec<(i64, String)>,
    /// The sum of the statements that made the tables of the file.
    pub schema_sha256: String,
    pub tables: Holdings,
    /// Operator keys it cannot be read without, by their ids.
    pub keys: Vec<String>,
}

impl Manifest {
    pub fn made_at(&self) -> Time {
        Time::from_millis(self.made_at_ms)
    }

    pub fn rows(&self) -> u64 {
        self.tables.values().map(|held| held.rows).sum()
    }

    /// The newest migration it has.
    pub fn schema(&self) -> i64 {
        self.migrations.iter().map(|(version, _)| *version).max().unwrap_or_default()
    }
}

/// Where two holdings differ, a line for each table; empty when they are the same.
pub fn differences(wanted: &Holdings, found: &Holdings) -> Vec<String> {
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    names.into_iter().filter_map(|name| difference(name, wanted.get(name), found.get(name))).collect()
}

fn difference(name: &str, wanted: Option<&Held>, found: Option<&Held>) -> Option<String> {
    match (wanted, found) {
        (Some(wanted), Some(found)) if wanted == found => None,
        (Some(_), None) => Some(format!("table {name} is missing")),
        (None, _) => Some(format!("table {name} does not belong there")),
        (Some(wanted), Some(found)) if wanted.rows != found.rows => {
            Some(format!("table {name} has {} rows, not {}", found.rows, wanted.rows))
        }
        (Some(_), Some(_)) => Some(format!("table {name} holds something else than it did")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[Vec<Cell>]) -> Held {
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(row));
        tally.of(vec!["a".into(), "b".into()])
    }

    #[test]
    fn a_sum_depends_on_every_row_and_on_no_order() {
        let text = |text: &str| Cell::Text(text.into());
        let rows: Vec<Vec<Cell>> = (0..200).map(|n| vec![Cell::Int(n), text(&n.to_string())]).collect();
        let mut turned = rows.clone();
        turned.reverse();
        assert_eq!(tally(&rows), tally(&turned));
        for change in 0..rows.len() {
            let mut changed = rows.clone();
            changed[change][0] = Cell::Int(-1);
            assert_ne!(tally(&rows).sha256, tally(&changed).sha256);
        }
        // The same row twice does not cancel out.
        let twice = [rows.clone(), vec![rows[0].clone(), rows[0].clone()]].concat();
        assert_ne!(tally(&rows).sha256, tally(&twice).sha256);
    }

    #[test]
    fn no_two_rows_read_alike() {
        let (a, b, ab, none) = ("a", "b", "ab", "");
        let text = |text: &str| Cell::Text(text.into());
        let rows = [
            vec![text(ab), text(none)],
            vec![text(a), text(b)],
            vec![text(none), text(ab)],
            vec![Cell::Bytes(b"ab".to_vec()), text(none)],
            vec![Cell::Null, text(ab)],
            vec![Cell::Int(0), text(ab)],
        ];
        let sums: BTreeSet<String> = rows.iter().map(|row| tally(std::slice::from_ref(row)).sha256).collect();
        assert_eq!(sums.len(), rows.len());
    }

    #[test]
    fn differences_are_named() {
        let one = tally(&[vec![Cell::Int(1), Cell::Null]]);
        let other = tally(&[vec![Cell::Int(2), Cell::Null]]);
        let more = tally(&[vec![Cell::Int(1), Cell::Null], vec![Cell::Int(2), Cell::Null]]);
        let of = |tables: &[(&str, &Held)]| -> Holdings {
            tables.iter().map(|(name, held)| ((*name).to_owned(), (*held).clone())).collect()
        };
        let wanted = of(&[("cart", &one), ("shop", &one), ("turn", &one)]);
        assert_eq!(differences(&wanted, &wanted), [""; 0]);
        assert_eq!(
            differences(&wanted, &of(&[("cart", &other), ("else", &one), ("shop", &more)])),
            [
                "table cart holds something else than it did",
                "table else does not belong there",
                "table shop has 2 rows, not 1",
                "table turn is missing",
            ]
        );
    }
}
