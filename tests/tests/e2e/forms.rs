//! From one form of the filter to another, and to one that an Envoy does not have: no call fails meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tollgate_tests::{Backend, Gateway, binaries, gateway::Settings, is_native, wait};

const NATIVE_FILTER: &str = "TOLLGATE_GATEWAY_NATIVE_FILTER";
const NATIVE: &str = "envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const MISSING: &str = "/usr/lib/tollgate/not-there.so";

#[test]
fn an_envoy_takes_the_native_filter_over_once_it_has_the_file_and_gives_it_up_and_no_call_fails() {
    let gateway = Gateway::start(Settings::default());
    gateway.register("steady", &Backend::start());
    let token = gateway.token("agents:steady:read");
    let has_ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let mut calls = 0;
            while !has_ended.load(Ordering::Relaxed) {
                let response = gateway.rpc("steady", "GetTask").bearer(&token).send();
                assert_eq!(response.status, 200, "after {calls} calls: {}", response.text());
                calls += 1;
            }
            calls
        });
        let end = End(&has_ended);
        gateway.kill_control();
        gateway.restart_control_with(&[(NATIVE_FILTER, MISSING)]);
        wait::until("the Envoy says that it has no such file", || {
            let nodes = gateway.admin("GET", "/admin/nodes", None).text();
            nodes.contains(MISSING).then_some(())
        });
        gateway.admin_ok("PUT", "/admin/permissions/unused", Some(&row("read")));

        let in_force = |form: &'static str| {
            wait::until(form, || {
                let dump = gateway.envoy("/config_dump?resource=ecds_filters&name_regex=^tollgate$").text();
                dump.contains(form).then_some(())
            });
        };
        let file = binaries::native().display().to_string();
        gateway.kill_control();
        gateway.restart_control_with(&[(NATIVE_FILTER, &file)]);
        in_force(NATIVE);
        gateway.admin_ok("PUT", "/admin/permissions/unused?wait=applied", Some(&row("write")));

        gateway.kill_control();
        gateway.restart_control();
        in_force(if is_native() { NATIVE } else { WASM });
        gateway.admin_ok("DELETE", "/admin/permissions/unused?wait=applied", None);
        drop(end);
        let calls = caller.join().expect("no call failed");
        assert!(calls > 0);
    });
    gateway.assert_no_trap();
}

/// A permission row that concerns nobody.
fn row(operations: &str) -> Value {
    json!({"agents": ["steady"], "operations": [operations]})
}

/// Ends the calls however the work ends.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
