//! Cells of sheets for other programs: what a shopper typed must not become a formula of whoever opens the file.

/// A cell no spreadsheet runs: what begins like a formula, also in full width, or like something that hides one, is told to
/// be text by an apostrophe before it (OWASP ASVS 5.0, 1.2.10). A negative number is none.
pub fn cell(text: &str) -> String {
    let number = text.strip_prefix('-').is_some_and(|rest| {
        rest.bytes().any(|c| c.is_ascii_digit()) && rest.bytes().all(|c| c.is_ascii_digit() || c == b'.')
    });
    if text.starts_with(RUNS) && !number { format!("'{text}") } else { text.to_owned() }
}

/// What a formula, or what hides one, begins with.
const RUNS: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_no_formulas() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(cell(text), expected);
        }
        check("=1+1", "'=1+1");
        check("+386 40 555 102", "'+386 40 555 102");
        check("-12.50", "-12.50");
        check("-", "'-");
        check("-.", "'-.");
        check("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0");
        check("@SUM(A1)", "'@SUM(A1)");
        for hides in ["\t=1", "\r=1", "\n=1", "\0=1", "＝1+1", "＋1", "－1", "＠SUM(A1)"] {
            check(hides, &format!("'{hides}"));
        }
        check("Ana", "Ana");
        check("2026-03-03T09:00:00Z", "2026-03-03T09:00:00Z");
        check("", "");
    }
}
