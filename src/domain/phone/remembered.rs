//! The last answers about numbers: whoever looks at a cart on its way from the webhook to the text reads its number anew, some
//! dozen times, and the patterns of a numbering plan are slow (of +1 they are asked country by country).
//!
//! Each thread has its own few, in memory only, and forgets all of them when there are too many.

use std::{cell::RefCell, collections::HashMap};

/// Answers that are remembered: about as many as the carts that are worked on at the same time have numbers.
const MOST: usize = 128;

pub(super) struct Remembered<T>(RefCell<HashMap<String, T>>);

impl<T: Clone> Remembered<T> {
    pub fn new() -> Remembered<T> {
        Remembered(RefCell::new(HashMap::with_capacity(MOST)))
    }

    /// The answer to this question, which `answer` finds and always finds the same.
    pub fn or(&self, question: &str, answer: impl FnOnce() -> T) -> T {
        if let Some(known) = self.0.borrow().get(question) {
            return known.clone();
        }
        let found = answer();
        let mut all = self.0.borrow_mut();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(question.to_owned(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_asked_once_and_few_are_kept() {
        let known = Remembered::new();
        let asked = RefCell::new(Vec::new());
        let ask = |number: usize| {
            known.or(&number.to_string(), || {
                asked.borrow_mut().push(number);
                number
            })
        };
        assert_eq!([ask(1), ask(2), ask(1), ask(2)], [1, 2, 1, 2]);
        assert_eq!(*asked.borrow(), [1, 2]);
        for number in 0..10 * MOST {
            assert_eq!(ask(number), number);
            assert!(known.0.borrow().len() <= MOST);
        }
    }

    /// One answer may need another.
    #[test]
    fn an_answer_may_ask() {
        let known = Remembered::new();
        assert_eq!(known.or("a", || known.or("b", || 1) + 1), 2);
        assert_eq!(known.or("b", || unreachable!()), 1);
    }
}
