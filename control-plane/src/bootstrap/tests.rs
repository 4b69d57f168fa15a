//! The rendered bootstrap, and the copy of it in `envoy/`.

use serde_json::Value;

use super::{BootstrapOptions, render};

fn options(xds: &str) -> BootstrapOptions {
    BootstrapOptions {
        node_id: "compose-envoy".to_owned(),
        cluster: "compose".to_owned(),
        xds: xds.to_owned(),
        admin_port: 9901,
        admin_address: "127.0.0.1".to_owned(),
        tls_ca: None,
        tls_cert: None,
        tls_key: None,
    }
}

fn rendered(options: &BootstrapOptions) -> Value {
    serde_json::from_str(&render(options).unwrap()).unwrap()
}

#[test]
fn the_compose_stacks_bootstrap_is_what_the_command_prints() {
    assert_eq!(render(&options("control-plane:18000")).unwrap(), include_str!("../../../envoy/compose.json"));
}

#[test]
fn tls_verifies_the_host_that_is_dialled() {
    for (xds, host, kind, sni) in
        [("cp.example:1", "cp.example", "DNS", "cp.example"), ("[::1]:1", "::1", "IP_ADDRESS", "")]
    {
        let options = BootstrapOptions {
            tls_ca: Some("ca.pem".to_owned()),
            tls_cert: Some("cert.pem".to_owned()),
            tls_key: Some("key.pem".to_owned()),
            ..options(xds)
        };
        let document = rendered(&options);
        let context = &document["static_resources"]["clusters"][0]["transport_socket"]["typed_config"];
        let tls = &context["common_tls_context"];
        let san = &tls["validation_context"]["match_typed_subject_alt_names"][0];
        assert_eq!(
            (&context["sni"], &san["san_type"], &san["matcher"]["exact"]),
            (&sni.into(), &kind.into(), &host.into())
        );
        assert_eq!(tls["tls_certificates"][0]["private_key"]["filename"], "key.pem");
    }
}

#[test]
fn an_address_without_a_port_is_refused() {
    for xds in ["control-plane", ":18000", "control-plane:", "control-plane:99999"] {
        assert!(render(&options(xds)).unwrap_err().to_string().contains("is not HOST:PORT"), "{xds}");
    }
}
