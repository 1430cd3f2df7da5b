//! Rust source as words, marks and literals: enough to tell code from comments and strings, and tests from the rest. It
//! never judges; the rules in `tidy` do.

use super::Problem;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// The inside of a string literal, escapes as written.
    Text,
    /// One character of punctuation.
    Mark,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub line: usize,
    pub kind: Kind,
    pub text: String,
}

/// One file of `src`, comments left out.
pub struct Source<'a> {
    path: &'a str,
    pub tokens: Vec<Token>,
}

impl<'a> Source<'a> {
    pub fn read(path: &'a str, text: &str) -> Source<'a> {
        Source { path, tokens: tokens(text) }
    }

    /// Without what `#[cfg(test)]` stands before; nothing is left of a file that is all tests.
    pub fn without_tests(self) -> Source<'a> {
        if self.path.ends_with("/tests.rs") {
            return Source { tokens: Vec::new(), ..self };
        }
        let mut kept = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            if self.reads(at, &["#", "[", "cfg", "(", "test", ")", "]"]) {
                at = self.item_end(at + 7);
            } else {
                kept.push(self.tokens[at].clone());
                at += 1;
            }
        }
        Source { tokens: kept, ..self }
    }

    /// The first folder or file below `src`, empty for the crate's root files.
    pub fn layer(&self) -> &'a str {
        self.module().first().copied().unwrap_or_default()
    }

    /// Every layer named by a path from the crate's root, outside tests: `crate::x`, `crate::{x, y}`, `super::x`.
    pub fn imports(&self) -> Vec<(usize, &str)> {
        let depth = self.module().len();
        let mut found = Vec::new();
        let mut blocks = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            match self.tokens[at].text.as_str() {
                _ if self.reads(at, &["#", "[", "cfg", "(", "test", ")", "]"]) => {
                    at = self.item_end(at + 7);
                    continue;
                }
                "{" => blocks.push(at >= 2 && self.reads(at - 2, &["mod"])),
                "}" => drop(blocks.pop()),
                "crate" => self.named(at + 1, &mut found),
                "super" if !(at > 0 && self.reads(at - 1, &[":"])) => {
                    let inside = depth + blocks.iter().filter(|is_module| **is_module).count();
                    let mut ups = 1;
                    while self.reads(at + 1, &[":", ":", "super"]) {
                        (at, ups) = (at + 3, ups + 1);
                    }
                    if ups >= inside {
                        self.named(at + 1, &mut found);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    /// A problem for each word the rule objects to, given the word and its place.
    pub fn words(&self, mut rule: impl FnMut(&str, usize) -> Option<String>) -> Vec<Problem> {
        let words = self.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word);
        words.filter_map(|(at, token)| Some(self.problem(token.line, rule(&token.text, at)?))).collect()
    }

    /// Whether the code goes on like this; literals never match.
    pub fn reads(&self, at: usize, expected: &[&str]) -> bool {
        let found = self.tokens.get(at..at + expected.len());
        found.is_some_and(|found| {
            found.iter().zip(expected).all(|(token, text)| token.kind != Kind::Text && token.text == *text)
        })
    }

    /// From `fn` to the body or the semicolon.
    pub fn signature(&self, at: usize) -> &[Token] {
        let mut depth = 0;
        for (length, token) in self.tokens[at..].iter().enumerate() {
            match token.text.as_str() {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "{" | ";" if depth == 0 => return &self.tokens[at..at + length],
                _ => {}
            }
        }
        &self.tokens[at..]
    }

    pub fn problem(&self, line: usize, what: String) -> Problem {
        Problem::at(self.path, line, what)
    }

    fn module(&self) -> Vec<&'a str> {
        let path = self.path.strip_prefix("src/").unwrap_or(self.path);
        let path = path.strip_suffix(".rs").unwrap_or(path);
        path.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main")).collect()
    }

    /// The layers after `crate` or the last `super` that leads out of the layer.
    fn named<'s>(&'s self, at: usize, found: &mut Vec<(usize, &'s str)>) {
        if !self.reads(at, &[":", ":"]) {
            return;
        }
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(at + 2) {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "self" => {}
                "*" if depth < 2 => found.push((token.line, "*")),
                name if token.kind == Kind::Word && (depth == 0 || depth == 1 && self.opens_entry(at)) => {
                    found.push((token.line, name));
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn opens_entry(&self, at: usize) -> bool {
        self.reads(at - 1, &["{"]) || self.reads(at - 1, &[","])
    }

    /// The place after the item that begins here, its further attributes included.
    fn item_end(&self, start: usize) -> usize {
        let mut at = start;
        while self.reads(at, &["#", "["]) {
            at = self.closed(at + 1);
        }
        while at < self.tokens.len() {
            match self.tokens[at].text.as_str() {
                _ if self.tokens[at].kind == Kind::Text => at += 1,
                ";" => return at + 1,
                "{" => return self.closed(at),
                "(" | "[" => at = self.closed(at),
                _ => at += 1,
            }
        }
        at
    }

    /// The place after the bracket that closes the one here.
    fn closed(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.text.as_str() {
                _ if token.kind == Kind::Text => {}
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at + 1;
            }
        }
        self.tokens.len()
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut scan = Scan { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    while scan.at < scan.chars.len() {
        scan.step();
    }
    scan.tokens
}

struct Scan {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Scan {
    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => drop(self.take_until(|scan| scan.peek(0) == '\n')),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', '\\') => {
                self.take(3);
                self.take_until(|scan| scan.peek(0) == '\'');
                self.take(1);
            }
            ('\'', _) if self.peek(2) == '\'' => drop(self.take(3)),
            // A lifetime: its name must not count as a word.
            ('\'', _) => {
                self.take(1);
                self.take_until(|scan| !is_word(scan.peek(0)));
            }
            (next, _) if is_word(next) => self.word(),
            (next, _) if next.is_whitespace() => drop(self.take(1)),
            (next, _) => {
                self.push(self.line, Kind::Mark, next.to_string());
                self.take(1);
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let word = self.take_until(|scan| !is_word(scan.peek(0)));
        let hashes = self.chars[self.at..].iter().take_while(|next| **next == '#').count();
        match word.as_str() {
            "b" | "c" if self.peek(0) == '"' => self.string(),
            "r" | "br" | "cr" if self.peek(hashes) == '"' => {
                self.take(hashes + 1);
                let line = self.line;
                let end = format!("\"{}", "#".repeat(hashes));
                let text =
                    self.take_until(|scan| end.chars().enumerate().all(|(ahead, next)| scan.peek(ahead) == next));
                self.take(end.len());
                self.push(line, Kind::Text, text);
            }
            "r" if hashes == 1 => {
                self.take(1);
                self.word();
            }
            _ => self.push(line, Kind::Word, word),
        }
    }

    fn string(&mut self) {
        self.take(1);
        let line = self.line;
        let mut text = String::new();
        while self.at < self.chars.len() && self.peek(0) != '"' {
            text += &self.take(if self.peek(0) == '\\' { 2 } else { 1 });
        }
        self.take(1);
        self.push(line, Kind::Text, text);
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ => {
                    self.take(1);
                    continue;
                }
            }
            self.take(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn push(&mut self, line: usize, kind: Kind, text: String) {
        self.tokens.push(Token { line, kind, text });
    }

    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn take(&mut self, count: usize) -> String {
        let end = (self.at + count).min(self.chars.len());
        let taken: String = self.chars[self.at..end].iter().collect();
        self.line += taken.matches('\n').count();
        self.at = end;
        taken
    }

    fn take_until(&mut self, stop: impl Fn(&Scan) -> bool) -> String {
        let mut taken = String::new();
        while self.at < self.chars.len() && !stop(self) {
            taken += &self.take(1);
        }
        taken
    }
}

fn is_word(next: char) -> bool {
    next.is_alphanumeric() || next == '_'
}
