//! Every promise of `e2e.rs` once more, with the filter in native code (`gateway.native_filter`): the launcher knows by this binary's name.

#[path = "e2e.rs"]
mod e2e;

use tollgate_tests::{Gateway, is_native};

#[test]
fn the_filter_is_the_native_one() {
    assert!(is_native());
    let dump = Gateway::shared().envoy("/config_dump?resource=ecds_filters").text();
    assert!(dump.contains("envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter"), "{dump}");
}
