//! Memo: what a transaction (or a look) at many pieces asks once. It answers for tables of which every piece asks the same (the
//! shop, its gateways, the kill switch); writing to one of them forgets all of it. Of the pieces' own rows it answers for
//! what one piece asks twice, or what was read ahead for all of them by one statement; writing to a table that an answer is
//! made of forgets every answer of that kind, unless the writer names the questions it changes the answer to (`run_of!`).
//! A transaction lasts for some tens of milliseconds: what another one writes meanwhile is seen by the next.

use std::{any::Any, collections::HashMap};

/// The tables it may answer for, of which every piece asks the same.
const SHARED: [&str; 10] = [
    "shop",
    "shop_key",
    "turn",
    "gateway",
    "gateway_circuit",
    "connection",
    "halt",
    "restored",
    "holdout_run",
    "experiment",
];
/// What is asked about the pieces' own rows, and the tables the answer is made of.
const OWN: [(&str, &[&str]); 28] = [
    ("cart", &["cart"]),
    ("cart of token", &["cart"]),
    ("deleted", &["cart_deletion"]),
    ("known carts", &["identity"]),
    ("known orders", &["identity"]),
    ("abandoned", &["cart"]),
    ("newer carts", &["cart", "identity"]),
    ("bought", &["identity", "shop_order"]),
    ("names", &["identity"]),
    ("decisions", &["decision"]),
    ("acts", &["cart_act"]),
    ("message", &["message"]),
    ("texts of cart", &["message"]),
    ("texts to phone", &["message"]),
    ("consents", &["consent", "opt_out"]),
    ("last heard", &["click", "message", "reply", "identity"]),
    ("phone_use", &["phone_use"]),
    ("phone locked", &[]),
    ("inbox", &["inbox"]),
    ("reading", &["inbox"]),
    ("held", &["job"]),
    ("price", &["guard"]),
    ("spent", &["spend"]),
    ("guard whole", &["guard", "pause"]),
    ("guard ip", &["guard"]),
    ("guard prefix", &["guard"]),
    ("guard country", &["guard"]),
    // That it was made due: whoever does it meanwhile has lost its claim by that.
    ("rollup", &[]),
];

/// A question: what is asked about, and up to two numbers.
pub type Question = (&'static str, i64, i64);

/// The numbers of a keyed hash.
pub fn halves(index: &[u8; 16]) -> (i64, i64) {
    let half = |from: usize| index[from..from + 8].iter().fold(0, |row, byte| row << 8 | i64::from(*byte));
    (half(0), half(8))
}

#[derive(Default)]
pub struct Memo(HashMap<Question, Box<dyn Any + Send + Sync>>);

impl Memo {
    pub fn recall<T: Clone + 'static>(&self, question: Question) -> Option<T> {
        self.0.get(&question)?.downcast_ref::<T>().cloned()
    }

    pub fn keep<T: Clone + Send + Sync + 'static>(&mut self, question: Question, answer: &T) {
        debug_assert!(
            SHARED.contains(&question.0) || OWN.iter().any(|(name, _)| *name == question.0),
            "nobody would forget {question:?}"
        );
        self.0.insert(question, Box::new(answer.clone()));
    }

    /// A statement is about to write.
    pub fn wrote(&mut self, sql: &str) {
        match written(sql) {
            Some(table) if !SHARED.contains(&table) => {
                let made_of = |name: &str| OWN.iter().any(|(own, of)| *own == name && of.contains(&table));
                self.0.retain(|(name, ..), _| !made_of(name));
            }
            _ => self.0.clear(),
        }
    }

    /// Something is about to be written that changes the answer to these, and to no other question.
    pub fn forget(&mut self, questions: &[Question]) {
        for question in questions {
            self.0.remove(question);
        }
    }

    /// As `forget`, of every question of these names.
    pub fn forget_all(&mut self, names: &[&str]) {
        self.0.retain(|(name, ..), _| !names.contains(name));
    }
}

/// The table a statement writes to; `None` where that is not plain to see.
fn written(sql: &str) -> Option<&str> {
    let sql = sql.trim_start();
    let rest = ["INSERT INTO ", "UPDATE ", "DELETE FROM "].into_iter().find_map(|verb| sql.strip_prefix(verb))?;
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_forgets_what_it_may_have_changed() {
        let mut memo = Memo::default();
        for (sql, stays) in [
            ("\n  UPDATE job SET due_at = $1 WHERE shop_id = $2", true),
            ("INSERT INTO shop_order (shop_id) VALUES ($1)", true),
            ("UPDATE shop SET paused_at = $2 WHERE shop_id = $1", false),
            ("INSERT INTO halt(halt_id) VALUES ($1)", false),
            ("DELETE FROM gateway WHERE shop_id = $1", false),
            ("WITH x AS (SELECT 1) UPDATE shop SET name = ''", false),
        ] {
            memo.keep(("shop", 1, 0), &"Nova".to_owned());
            memo.wrote(sql);
            assert_eq!(memo.recall::<String>(("shop", 1, 0)).is_some(), stays, "{sql}");
        }
        memo.keep(("shop", 1, 0), &"Nova".to_owned());
        memo.keep(("phone_use", 3, 4), &1_u8);
        memo.wrote("INSERT INTO phone_use (shop_id) VALUES ($1)");
        assert_eq!(memo.recall::<u8>(("phone_use", 3, 4)), None);
        assert!(memo.recall::<String>(("shop", 1, 0)).is_some(), "a piece's own row says nothing of the shop");
        memo.keep(("last heard", 3, 4), &1_u8);
        memo.keep(("texts of cart", 1, 7), &1_u8);
        memo.keep(("texts of cart", 1, 8), &1_u8);
        memo.forget(&[("texts of cart", 1, 7)]);
        assert_eq!(memo.recall::<u8>(("texts of cart", 1, 7)), None);
        assert!(
            memo.recall::<u8>(("texts of cart", 1, 8)).is_some() && memo.recall::<u8>(("last heard", 3, 4)).is_some()
        );
        memo.wrote("UPDATE message SET reason = '' WHERE shop_id = $1 AND message_id = $2");
        assert_eq!(memo.recall::<u8>(("texts of cart", 1, 8)), None);
        assert_eq!(memo.recall::<u8>(("last heard", 3, 4)), None, "an answer is made of every table it was asked of");
        memo.keep(("shop", 1, 0), &7_u8);
        assert_eq!(memo.recall::<String>(("shop", 1, 0)), None, "an answer of another kind is none");
        assert_eq!(memo.recall::<u8>(("shop", 2, 0)), None);
    }
}
