//! What is spoken with an agent.

use tollgate_policy::document::{Dialect, Interface};

/// Which of the dialects an agent `speaks`, the one it prefers first, is spoken for a client that speaks `client`: the same if it can, else
/// the same version in the other binding, which loses nothing, else JSON-RPC, where 0.3 has every operation, else what there is. An agent
/// that says nothing of what it speaks is spoken to as the client speaks.
#[must_use]
pub fn nearest(speaks: &[Dialect], client: Dialect) -> Dialect {
    let first = |test: &dyn Fn(&Dialect) -> bool| speaks.iter().copied().find(|dialect| test(dialect));
    first(&|dialect| *dialect == client)
        .or_else(|| first(&|dialect| dialect.version() == client.version()))
        .or_else(|| first(&|dialect| dialect.interface() == Interface::Rpc))
        .or_else(|| speaks.first().copied())
        .unwrap_or(client)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Dialect::{HttpJson1, HttpJson03, JsonRpc1, JsonRpc03};

    #[test]
    fn is_the_clients_own_or_loses_least() {
        assert_eq!(nearest(&[JsonRpc1, HttpJson1], HttpJson1), HttpJson1);
        assert_eq!(nearest(&[HttpJson1, JsonRpc1], JsonRpc03), JsonRpc1);
        assert_eq!(nearest(&[HttpJson03, JsonRpc03], HttpJson1), JsonRpc03);
        assert_eq!(nearest(&[JsonRpc03, JsonRpc1], HttpJson1), JsonRpc1);
        assert_eq!(nearest(&[HttpJson03], JsonRpc1), HttpJson03);
        assert_eq!(nearest(&[], JsonRpc03), JsonRpc03);
    }
}
