//! Tollgate's own wire types. What they mean stands in the `.proto` files; nothing of Envoy's is here.
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
