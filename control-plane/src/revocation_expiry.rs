//! Takes revocations that have ended out of the registry, so that neither it nor the policy grows with the past.

use std::{convert::Infallible, time::Duration};

use crate::{
    domain::{Registry, UnixSeconds},
    store::{Change, Store},
};

/// How often the list is looked through.
const PERIOD: Duration = Duration::from_secs(30);

/// Looks through the list for ever.
pub async fn run(store: Store, clock: fn() -> UnixSeconds) {
    let mut tick = tokio::time::interval(PERIOD);
    loop {
        tick.tick().await;
        sweep(&store, clock()).await;
    }
}

async fn sweep(store: &Store, now: UnixSeconds) {
    if store.registry().revocations.values().all(|it| it.holds(now)) {
        return;
    }
    let decide = move |registry: &Registry| {
        let ended = registry.revocations.values().filter(|it| !it.holds(now));
        Ok::<_, Infallible>(ended.map(|it| Change::DeleteRevocation(it.id.clone())).collect())
    };
    if let Err(error) = store.write(decide).await {
        tracing::error!(error = &error as &dyn std::error::Error, "revocations that have ended were not taken out");
    }
}

#[cfg(test)]
mod tests {
    use tollgate_policy::document::RevocationDocument;

    use super::*;
    use crate::{
        domain::{Revocation, RevocationId},
        store::SealingKey,
    };

    fn revocation(id: &str, until: Option<u64>) -> Change {
        Change::PutRevocation(Revocation {
            id: RevocationId::try_from(id).unwrap(),
            cuts_off: RevocationDocument { client: Some("app".to_owned()), until, ..RevocationDocument::default() },
            reason: String::new(),
            created_by: String::new(),
            created_at: 0,
        })
    }

    #[tokio::test]
    async fn what_has_ended_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let key = SealingKey::load_or_create(&dir.path().join("key")).unwrap();
        let store = Store::open(&dir.path().join("registry"), &key).unwrap();
        let changes = vec![revocation("ends", Some(100)), revocation("later", Some(101)), revocation("stays", None)];
        store.write(move |_| Ok::<_, Infallible>(changes)).await.unwrap();
        sweep(&store, 99).await;
        assert_eq!(store.registry().revocations.len(), 3);
        sweep(&store, 100).await;
        let left: Vec<String> = store.registry().revocations.keys().map(ToString::to_string).collect();
        assert_eq!(left, ["later", "stays"]);
    }
}
