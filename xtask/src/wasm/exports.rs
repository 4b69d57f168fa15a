//! Finishes a linked module: unused callbacks are no longer exported, custom sections go.
//! The proxy-wasm SDK exports every callback there is, and Envoy calls each exported one for every request: 4 % of throughput.

use anyhow::{Result, ensure};
use wasm_encoder::{ExportKind, ExportSection, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload, Validator};

/// Callbacks the filter implements. A callback that is not here is not exported, and Envoy does its default: continue.
pub(super) const FILTER: [&str; 11] = [
    "proxy_on_context_create",     // a context per plugin and per request
    "proxy_on_memory_allocate",    // the host's way to hand over bytes
    "proxy_on_vm_start",           // asked of every VM; the SDK answers yes
    "proxy_on_configure",          // the policy document
    "proxy_on_tick",               // tells the host what was counted
    "proxy_on_http_call_response", // the end of a call of the module's own, which the SDK keeps a note of until then
    "proxy_on_request_headers",    // the decision
    "proxy_on_request_body",       // the decision, where it depends on the body
    "proxy_on_request_trailers",   // the end of such a body, when trailers follow it
    "proxy_on_response_headers",   // tells callers what is left of their limit
    "proxy_on_delete",             // frees the request's context
];

/// Callbacks the translation implements.
pub(super) const TRANSLATOR: [&str; 10] = [
    "proxy_on_context_create",   // a context per plugin and per request
    "proxy_on_memory_allocate",  // the host's way to hand over bytes
    "proxy_on_vm_start",         // asked of every VM; the SDK answers yes
    "proxy_on_configure",        // the settings
    "proxy_on_request_headers",  // what kind of request it is
    "proxy_on_request_body",     // the request, once it is whole
    "proxy_on_request_trailers", // the end of such a body, when trailers follow it
    "proxy_on_response_headers", // whether the answer is a stream
    "proxy_on_response_body",    // the answer, or each piece of a stream
    "proxy_on_delete",           // frees the request's context
];

/// The module that ships: `linked` without the exports nobody needs and without custom sections. The result is validated. A module
/// that lacks a callback the shell implements is refused: Envoy would take it, and let every request pass undecided.
pub(super) fn finish(linked: &[u8], callbacks: &[&str]) -> Result<Vec<u8>> {
    let mut missing = callbacks.to_vec();
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(linked) {
        let payload = payload?;
        if let Payload::ExportSection(reader) = payload {
            let mut kept = ExportSection::new();
            for export in reader {
                let export = export?;
                missing.retain(|callback| *callback != export.name);
                if is_needed(export.name, callbacks) {
                    kept.export(export.name, kind(export.kind)?, export.index);
                }
            }
            module.section(&kept);
        } else if !matches!(payload, Payload::CustomSection(_))
            && let Some((id, range)) = payload.as_section()
        {
            module.section(&RawSection { id, data: &linked[range] });
        }
    }
    ensure!(missing.is_empty(), "the module does not export {}", missing.join(", "));
    let finished = module.finish();
    Validator::new().validate_all(&finished)?;
    Ok(finished)
}

/// Whatever is no callback (memory, allocator, initialiser, ABI version) stays.
fn is_needed(name: &str, callbacks: &[&str]) -> bool {
    !name.starts_with("proxy_on_") || callbacks.contains(&name)
}

fn kind(kind: ExternalKind) -> Result<ExportKind> {
    let known = match kind {
        ExternalKind::Func => Some(ExportKind::Func),
        ExternalKind::Table => Some(ExportKind::Table),
        ExternalKind::Memory => Some(ExportKind::Memory),
        ExternalKind::Global => Some(ExportKind::Global),
        _ => None,
    };
    ensure!(known.is_some(), "the module exports a {kind:?}, which no proxy-wasm host knows");
    Ok(known.unwrap_or(ExportKind::Func))
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{CodeSection, CustomSection, Function, FunctionSection, MemorySection, MemoryType, TypeSection};

    use super::*;

    /// A module with one empty function under each of `names`, a memory and a custom section.
    fn linked(names: &[&str]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for name in names {
            exports.export(name, ExportKind::Func, 0);
        }
        let mut body = Function::new([]);
        body.instructions().end();
        let mut code = CodeSection::new();
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
        module.section(&CustomSection { name: "producers".into(), data: b"x".as_slice().into() });
        module.finish()
    }

    fn with(more: &[&'static str]) -> Vec<&'static str> {
        [&FILTER, more].concat()
    }

    #[track_caller]
    fn check(names: &[&str], kept: &[&str]) {
        let finished = finish(&linked(names), &FILTER).expect("a valid module stays valid");
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(&finished) {
            match payload.expect("readable") {
                Payload::ExportSection(reader) => found.extend(reader.into_iter().map(|e| e.expect("an export").name)),
                Payload::CustomSection(section) => panic!("custom section {} was kept", section.name()),
                _ => {}
            }
        }
        assert_eq!(found, [&["memory"], kept].concat());
    }

    #[test]
    fn drops_unused_callbacks() {
        check(&with(&["proxy_on_response_body", "proxy_on_log"]), &with(&[]));
    }

    #[test]
    fn keeps_what_is_not_a_callback() {
        let others = ["_initialize", "proxy_abi_version_0_2_1", "malloc"];
        check(&with(&others), &with(&others));
    }

    #[test]
    fn refuses_a_module_without_a_callback_it_needs() {
        for callback in FILTER {
            let names: Vec<_> = FILTER.into_iter().filter(|name| *name != callback).collect();
            let error = finish(&linked(&names), &FILTER).expect_err(callback);
            assert!(error.to_string().ends_with(callback), "{error}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_module() {
        assert!(finish(b"not a module", &FILTER).is_err());
        assert!(finish(&linked(&FILTER)[..20], &FILTER).is_err());
    }
}
