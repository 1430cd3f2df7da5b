//! What a template may say. It walks the parsed template and lets only known nodes through, so that a construct the
//! engine learns tomorrow is refused until we have thought about it.

use minijinja::{
    machinery::{
        ast::{BinOpKind, CallArg, Expr, Filter, Stmt, UnaryOpKind},
        parse,
    },
    value::ValueKind,
};

use super::{FILTERS, Problem, VARIABLES, links};

const EXPRESSION_DEPTH_MAX: usize = 20;

/// Checks a rewritten template. Finds all problems at once.
pub fn check(source: &str) -> Result<(), Vec<Problem>> {
    let parsed = parse(source, "template", Default::default()).map_err(|error| {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        vec![Problem::Syntax(format!("{line}{}", error.detail().unwrap_or("something is missing")))]
    })?;
    let mut found = Found::default();
    let body = std::slice::from_ref(&parsed);
    found.body(body);
    let mut words = String::new();
    typed(body, &mut words);
    while let Some(link) = links::first(&words).map(str::to_owned) {
        let shown: String = link.chars().take(60).collect();
        found.add(if links::is_shortened(&link) { Problem::Shortener(shown) } else { Problem::TypedLink(shown) });
        words = words.replace(&link, " ");
    }
    if !always_prints(body, &is_brand) {
        found.add(Problem::NoBrand);
    }
    if !always_prints(body, &|expr| is_name(expr, "link")) {
        found.add(Problem::NoLink);
    }
    if !always_prints(body, &|expr| is_name(expr, "opt_out")) {
        found.add(Problem::NoOptOut);
    }
    if found.0.is_empty() { Ok(()) } else { Err(found.0) }
}

/// Whether something is printed whichever way the conditions fall.
fn always_prints(body: &[Stmt<'_>], wanted: &impl Fn(&Expr<'_>) -> bool) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Template(template) => always_prints(&template.children, wanted),
        Stmt::EmitExpr(print) => wanted(&print.expr),
        Stmt::IfCond(cond) => always_prints(&cond.true_body, wanted) && always_prints(&cond.false_body, wanted),
        _ => false,
    })
}

fn is_name(expr: &Expr<'_>, name: &str) -> bool {
    matches!(expr, Expr::Var(var) if var.id == name)
}

/// The shop's name, however it is capitalised; cut short it would name nobody.
fn is_brand(expr: &Expr<'_>) -> bool {
    match expr {
        Expr::Filter(filter) => filter.name != "truncate" && filter.expr.as_ref().is_some_and(is_brand),
        other => is_name(other, "shop"),
    }
}

/// The words as the shopkeeper typed them, with `xx` for what is filled in, so that `{{ first_name }}.com` shows for what
/// it is. Our own link stands apart and is left out.
fn typed(body: &[Stmt<'_>], words: &mut String) {
    for statement in body {
        match statement {
            Stmt::Template(template) => typed(&template.children, words),
            Stmt::EmitRaw(raw) => words.push_str(raw.raw),
            Stmt::EmitExpr(print) if is_name(&print.expr, "link") || is_name(&print.expr, "opt_out") => words.push(' '),
            Stmt::EmitExpr(print) => {
                words.push_str("xx");
                fallbacks(&print.expr, words);
            }
            Stmt::IfCond(cond) => {
                typed(&cond.true_body, words);
                typed(&cond.false_body, words);
            }
            _ => {}
        }
    }
}

/// What `default` would print instead, each a word of its own.
fn fallbacks(expr: &Expr<'_>, words: &mut String) {
    let Expr::Filter(filter) = expr else { return };
    for arg in &filter.args {
        if let CallArg::Pos(Expr::Const(literal)) = arg
            && let Some(text) = literal.value.as_str()
        {
            words.push_str(&format!(" {text} xx"));
        }
    }
    if let Some(inner) = &filter.expr {
        fallbacks(inner, words);
    }
}

#[derive(Default)]
struct Found(Vec<Problem>);

impl Found {
    fn add(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    fn refuse(&mut self, what: &str) {
        self.add(Problem::NotAllowed(what.to_owned()));
    }

    fn body(&mut self, body: &[Stmt<'_>]) {
        for statement in body {
            match statement {
                Stmt::Template(template) => self.body(&template.children),
                Stmt::EmitRaw(_) => {}
                Stmt::EmitExpr(print) => self.printed(&print.expr, 0),
                Stmt::IfCond(cond) => {
                    self.condition(&cond.expr, 0);
                    self.body(&cond.true_body);
                    self.body(&cond.false_body);
                }
                _ => self.refuse("this statement"),
            }
        }
    }

    /// A name, with filters.
    fn printed(&mut self, expr: &Expr<'_>, depth: usize) {
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) => self.name(expr),
            Expr::Filter(filter) => self.filter(filter, depth),
            Expr::Const(_) => self.refuse("a value by itself"),
            other => self.refuse(kind(other)),
        }
    }

    fn condition(&mut self, expr: &Expr<'_>, depth: usize) {
        if depth > EXPRESSION_DEPTH_MAX {
            return self.add(Problem::TooDeep);
        }
        match expr {
            Expr::Var(_) | Expr::GetAttr(_) => self.name(expr),
            Expr::Const(_) => {}
            Expr::Filter(filter) => self.filter(filter, depth),
            Expr::UnaryOp(op) if matches!(op.op, UnaryOpKind::Not) => self.condition(&op.expr, depth + 1),
            Expr::BinOp(op) if compares(op.op) => {
                self.condition(&op.left, depth + 1);
                self.condition(&op.right, depth + 1);
            }
            other => self.refuse(kind(other)),
        }
    }

    fn name(&mut self, expr: &Expr<'_>) {
        let name = path(expr);
        if !VARIABLES.iter().any(|(known, _)| *known == name) {
            self.add(Problem::UnknownVariable(name));
        }
    }

    fn filter(&mut self, filter: &Filter<'_>, depth: usize) {
        if depth > EXPRESSION_DEPTH_MAX {
            return self.add(Problem::TooDeep);
        }
        match FILTERS.iter().find(|(known, _)| *known == filter.name) {
            Some((name, written)) => {
                if !arguments_fit(name, &filter.args) {
                    self.add(Problem::FilterArguments(written));
                }
            }
            None => self.add(Problem::UnknownFilter(filter.name.chars().take(40).collect())),
        }
        match &filter.expr {
            Some(Expr::Var(var)) if var.id == "link" => self.add(Problem::Altered("link")),
            Some(Expr::Var(var)) if var.id == "opt_out" => self.add(Problem::Altered("opt_out")),
            Some(expr) => self.printed(expr, depth + 1),
            None => self.refuse("a filter by itself"),
        }
    }
}

fn arguments_fit(filter: &str, args: &[CallArg<'_>]) -> bool {
    let literals: Option<Vec<_>> = args
        .iter()
        .map(|arg| match arg {
            CallArg::Pos(Expr::Const(literal)) => Some(&literal.value),
            _ => None,
        })
        .collect();
    match (filter, literals.as_deref()) {
        ("default", Some([fallback])) => matches!(fallback.kind(), ValueKind::String | ValueKind::Number),
        ("truncate", Some([chars])) => chars.as_usize().is_some_and(|chars| chars > 0) && chars.is_integer(),
        ("default" | "truncate", _) => false,
        (_, arguments) => arguments.is_some_and(<[_]>::is_empty),
    }
}

fn compares(op: BinOpKind) -> bool {
    use BinOpKind::{Eq, Gt, Gte, Lt, Lte, Ne, ScAnd, ScOr};
    matches!(op, Eq | Ne | Lt | Lte | Gt | Gte | ScAnd | ScOr)
}

/// A dotted name as it was written, cut where it gets long.
fn path(expr: &Expr<'_>) -> String {
    let mut names = Vec::new();
    let mut at = expr;
    while let Expr::GetAttr(attribute) = at {
        names.push(attribute.name);
        at = &attribute.expr;
    }
    names.push(match at {
        Expr::Var(var) => var.id,
        _ => "...",
    });
    names.reverse();
    names.join(".").chars().take(40).collect()
}

fn kind(expr: &Expr<'_>) -> &'static str {
    match expr {
        Expr::Slice(_) | Expr::GetItem(_) => "square brackets",
        Expr::BinOp(op) if matches!(op.op, BinOpKind::In) => "`in`",
        Expr::BinOp(op) if compares(op.op) => "a comparison between double braces",
        Expr::UnaryOp(op) if matches!(op.op, UnaryOpKind::Not) => "`not` between double braces",
        Expr::UnaryOp(_) | Expr::BinOp(_) => "a calculation",
        Expr::Compare(_) => "a chain of comparisons",
        Expr::IfExpr(_) => "`if` between double braces",
        Expr::Test(_) => "`is`",
        Expr::Call(_) => "a call",
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => "a list",
        Expr::Var(_) | Expr::Const(_) | Expr::Filter(_) | Expr::GetAttr(_) => "this",
    }
}
