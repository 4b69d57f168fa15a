//! Outside of Envoy there is no Envoy: everything is nothing, and says so.

use super::*;

#[test]
fn what_this_process_does_not_have_is_named() {
    let missing = check().unwrap_err().to_string();
    assert!(missing.contains("envoy_dynamic_module_callback_log"), "{missing}");
}

#[test]
fn outside_of_a_hook_nothing_is_read_and_nothing_is_done() {
    assert_eq!(with_request_headers(|map| map.iter().count()), 0);
    set_request_header("a", b"b");
    respond(503, &[], b"");
    respond_grpc(14, &[], "");
    assert_eq!((request_body_size(), request_body(10)), (0, Vec::new()));
    assert_eq!((response_status(), response_code_details()), (0, Vec::new()));
    Counter::define("a").add(1);
    assert_eq!(post("cluster", "/", b"", std::time::Duration::from_secs(1)), None);
}

#[test]
fn a_grpc_message_is_ascii() {
    assert_eq!(grpc_message("100 % of é\r\n"), "100 %25 of %C3%A9%0D%0A");
}
