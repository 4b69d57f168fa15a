//! Dependencies point one way (ARCHITECTURE.md): which part may name which crate. Read from the source, so that a `use` that
//! compiles but turns an arrow round is seen.

/// Inside `part`, only files below one of `allowed` may name `krate`.
struct Rule {
    part: &'static str,
    krate: &'static str,
    allowed: &'static [&'static str],
}

const RULES: [Rule; 15] = [
    Rule { part: "control-plane/src/", krate: "sled", allowed: &["store"] },
    Rule {
        part: "control-plane/src/",
        krate: "axum",
        allowed: &["admin", "discovery", "app", "issuer/endpoint", "issuer/tests", "search/stand_in"],
    },
    Rule { part: "control-plane/src/", krate: "tonic", allowed: &["xds", "quota", "audit"] },
    Rule { part: "control-plane/src/", krate: "redis", allowed: &["quota/redis"] },
    Rule { part: "control-plane/src/", krate: "proxy_wasm", allowed: &[] },
    Rule { part: "control-plane/src/domain", krate: "reqwest", allowed: &[] },
    Rule { part: "control-plane/src/domain", krate: "envoy_types", allowed: &[] },
    Rule { part: "filter/policy/src/", krate: "proxy_wasm", allowed: &[] },
    Rule { part: "filter/policy/src/", krate: "std::time", allowed: &[] },
    Rule { part: "filter/a2a/src/", krate: "proxy_wasm", allowed: &[] },
    Rule { part: "filter/a2a/src/", krate: "std::time", allowed: &[] },
    Rule { part: "filter/shell/src/", krate: "hostcalls", allowed: &[] },
    Rule { part: "filter/shell/src/", krate: "proxy_wasm::hostcalls", allowed: &[] },
    Rule { part: "filter/translator/src/", krate: "hostcalls", allowed: &[] },
    Rule { part: "filter/translator/src/", krate: "proxy_wasm::hostcalls", allowed: &[] },
];

/// The names of crates in a file where they may not stand.
pub(super) fn check(file: &str, text: &str) -> Vec<String> {
    let broken = |rule: &&Rule| {
        file.strip_prefix(rule.part).is_some_and(|rest| !rule.allowed.iter().any(|module| is_in(rest, module)))
    };
    let rules: Vec<&Rule> = RULES.iter().filter(broken).collect();
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split("//").next().unwrap_or_default();
        for rule in rules.iter().filter(|rule| names(code, rule.krate)) {
            problems.push(format!("{file}:{number}: names {}, which only {} may", rule.krate, owners(rule)));
        }
    }
    problems
}

/// Whether `rest` (`store.rs`, `store/records.rs`) belongs to `module`.
fn is_in(rest: &str, module: &str) -> bool {
    rest.strip_prefix(module).is_some_and(|tail| tail == ".rs" || tail.starts_with('/'))
}

/// Whether `code` has `krate` as the first segment of a path.
fn names(code: &str, krate: &str) -> bool {
    code.match_indices(krate).any(|(start, _)| {
        let before = code[..start].chars().next_back();
        let after = &code[start + krate.len()..];
        let starts = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':' && c != '"');
        starts
            && (after.starts_with("::")
                || (code.trim_start().starts_with("use ") && after.starts_with([';', ',', ' '])))
    })
}

fn owners(rule: &Rule) -> String {
    match rule.allowed {
        [] => "other parts".to_owned(),
        modules => modules.join(", "),
    }
}

#[cfg(test)]
mod tests {
    #[track_caller]
    fn check(file: &str, text: &str, problems: usize) {
        assert_eq!(super::check(file, text).len(), problems, "{file}: {text}");
    }

    #[test]
    fn lets_each_crate_be_named_where_it_belongs() {
        check("control-plane/src/store.rs", "use sled::Db;", 0);
        check("control-plane/src/store/records.rs", "let db: sled::Db = open();", 0);
        check("control-plane/src/quota/redis.rs", "use redis::Client;", 0);
        check("filter/host/src/lib.rs", "use proxy_wasm::hostcalls::{self};\nhostcalls::log();", 0);
    }

    #[test]
    fn reports_a_crate_that_is_named_elsewhere() {
        check("control-plane/src/admin.rs", "use sled::Db;", 1);
        check("control-plane/src/quota/memory.rs", "use redis::Client;", 1);
        check("control-plane/src/stores.rs", "let db: sled::Db = open();", 1);
        check("control-plane/src/domain/agent.rs", "use axum::Json;\nuse tonic;\n", 2);
        check("filter/shell/src/request.rs", "let a = proxy_wasm::hostcalls::log();\nhostcalls::log();", 2);
        check("filter/policy/src/token.rs", "    std::time::SystemTime::now()", 1);
    }

    #[test]
    fn does_not_take_other_words_for_crates() {
        check("control-plane/src/admin.rs", "// as sled::Db does\nlet assled = my::sled::x(); let s = \"sled\";", 0);
    }
}
