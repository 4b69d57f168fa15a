//! Every promise of the README against a real Envoy and a real control plane. One binary, so that one gateway serves all; the parts are
//! in `e2e/`.

#[path = "e2e/a2a.rs"]
mod a2a;
#[path = "e2e/admin.rs"]
mod admin;
#[path = "e2e/apply.rs"]
mod apply;
#[path = "e2e/backup.rs"]
mod backup;
#[path = "e2e/cards.rs"]
mod cards;
#[path = "e2e/conformance.rs"]
mod conformance;
#[path = "e2e/credentials.rs"]
mod credentials;
#[path = "e2e/deadlines.rs"]
mod deadlines;
#[path = "e2e/discovery.rs"]
mod discovery;
#[path = "e2e/forms.rs"]
mod forms;
#[path = "e2e/health.rs"]
mod health;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/isolation.rs"]
mod isolation;
#[path = "e2e/limits.rs"]
mod limits;
#[path = "e2e/outage.rs"]
mod outage;
#[path = "e2e/peers.rs"]
mod peers;
#[path = "e2e/revocations.rs"]
mod revocations;
#[path = "e2e/search.rs"]
mod search;
#[path = "e2e/secrets.rs"]
mod secrets;
#[path = "e2e/signatures.rs"]
mod signatures;
#[path = "e2e/tls.rs"]
mod tls;
#[path = "e2e/tokens.rs"]
mod tokens;
#[path = "e2e/translation.rs"]
mod translation;
