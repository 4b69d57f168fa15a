//! Compiles the `.proto` files in Rust: no `protoc` is needed on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["tollgate/quota/v1/quota.proto", "opentelemetry/health.proto"];
    println!("cargo::rerun-if-changed=tollgate");
    println!("cargo::rerun-if-changed=opentelemetry");
    let descriptors = protox::compile(files, ["."])?;
    let with_server = std::env::var_os("CARGO_FEATURE_SERVER").is_some();
    tonic_prost_build::configure().build_client(false).build_server(with_server).compile_fds(descriptors)?;
    Ok(())
}
