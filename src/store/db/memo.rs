//! Memo: what a transaction (or a look) at many pieces asks once. It answers for tables of which every piece asks the same (the
//! shop, its gateways, the kill switch); writing to one of them forgets all of it. Of a table of the pieces' own it answers
//! for what one piece asks twice; writing to it forgets what was asked of it. A transaction lasts for some tens of
//! milliseconds: what another one writes meanwhile is seen by the next.

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
/// Those of the pieces' own; such a question begins with its table.
const OWN: [&str; 3] = ["cart", "inbox", "phone_use"];

/// A question: a table, or what else is asked about, and up to two numbers.
pub type Question = (&'static str, i64, i64);

#[derive(Default)]
pub struct Memo(HashMap<Question, Box<dyn Any + Send + Sync>>);

impl Memo {
    pub fn recall<T: Clone + 'static>(&self, question: Question) -> Option<T> {
        self.0.get(&question)?.downcast_ref::<T>().cloned()
    }

    pub fn keep<T: Clone + Send + Sync + 'static>(&mut self, question: Question, answer: &T) {
        self.0.insert(question, Box::new(answer.clone()));
    }

    /// A statement is about to write.
    pub fn wrote(&mut self, sql: &str) {
        match written(sql) {
            Some(table) if OWN.contains(&table) => self.0.retain(|(of, ..), _| *of != table),
            Some(table) if !SHARED.contains(&table) => {}
            _ => self.0.clear(),
        }
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
        memo.keep(("shop", 1, 0), &7_u8);
        assert_eq!(memo.recall::<String>(("shop", 1, 0)), None, "an answer of another kind is none");
        assert_eq!(memo.recall::<u8>(("shop", 2, 0)), None);
    }
}
