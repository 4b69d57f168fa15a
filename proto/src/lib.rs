//! Tollgate's own wire types, and the few of OpenTelemetry's that Envoys tell health in. What they mean stands in the `.proto` files;
//! nothing of Envoy's is here.
#![allow(missing_docs, clippy::all, unreachable_pub, reason = "generated; the .proto files carry the documentation")]

/// Rate limits that hold across a fleet of Envoys.
pub mod quota {
    /// `tollgate.quota.v1`.
    pub mod v1 {
        /// The path of `QuotaService.Sync` (gRPC over HTTP/2: `/{package}.{service}/{method}`).
        pub const SYNC_PATH: &str = "/tollgate.quota.v1.QuotaService/Sync";

        include!(concat!(env!("OUT_DIR"), "/tollgate.quota.v1.rs"));
    }
}

/// How Envoys see backends.
pub mod otlp {
    /// `opentelemetry.proto.collector.metrics.v1`, as far as it is read.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/opentelemetry.proto.collector.metrics.v1.rs"));
    }
}
