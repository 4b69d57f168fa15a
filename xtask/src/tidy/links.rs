//! Relative links in Markdown pages lead somewhere.

use std::path::Path;

/// Links of the page `name` (its path from `root`) whose file does not exist.
pub(super) fn check(root: &Path, name: &str, text: &str) -> Vec<String> {
    let directory = root.join(name).parent().unwrap_or(root).to_path_buf();
    let broken = targets(text).into_iter().filter(|(_, target)| !directory.join(target).exists());
    broken.map(|(line, target)| format!("{name}:{line}: links to {target}, which does not exist")).collect()
}

/// The files a page links to, with line numbers; code blocks and links to elsewhere are left out.
fn targets(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (start, _) in line.match_indices("](") {
            let rest = &line[start + 2..];
            let target = rest.split([')', ' ', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                found.push((number, target));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::targets;

    #[track_caller]
    fn check(text: &str, expected: &[(usize, &str)]) {
        assert_eq!(targets(text), expected, "{text}");
    }

    #[test]
    fn finds_relative_links_without_their_anchors() {
        check("see [a](docs/a.md#part) and\n![b](b.png \"title\")", &[(1, "docs/a.md"), (2, "b.png")]);
    }

    #[test]
    fn leaves_out_addresses_anchors_and_code() {
        check("[a](https://example.com/x) [b](#part) [c](mailto:x@example.com)\n```\n[d](e.md)\n```\n", &[]);
    }
}
