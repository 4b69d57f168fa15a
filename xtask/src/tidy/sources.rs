//! Each Rust file says at its top what it is for, and stays readable in one sitting.

/// Lines past which a file is refused.
const MOST_LINES: usize = 500;

/// What is wrong with a Rust file.
pub(super) fn check(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if !text.starts_with("//! ") {
        problems.push(format!("{name}: does not open with `//!` (what it is for, what it leaves to others)"));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        problems.push(format!("{name}: {lines} lines, over {MOST_LINES}: split it by what it is about"));
    }
    if name.ends_with("/mod.rs") {
        problems.push(format!("{name}: modules are `foo.rs` and `foo/`"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn wants_a_header_and_few_lines() {
        assert_eq!(check("a.rs", "//! What it is for.\n"), Vec::<String>::new());
        assert_eq!(check("a.rs", "use std::fs;\n").len(), 1);
        assert_eq!(check("a/mod.rs", &format!("//! Long.\n{}", "\n".repeat(500))).len(), 2);
    }
}
