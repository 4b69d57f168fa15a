//! Agent cards: fetched, validated against A2A v0.3 and v1.0, and rewritten so that callers see the gateway only. Everything
//! but fetching is pure and works on JSON values, so that fields nobody here knows survive.

mod at;
mod fetch;
mod interfaces;
mod rewrite;
mod security;
mod shelf;
mod validate;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod samples;

pub use fetch::{CardError, CardFetcher, CredentialSource, MAX_CARD, Refetched};
pub use interfaces::{Binding, card_paths};
pub use rewrite::{BackendCard, CardGateway, Offer};
pub use security::GatewaySecurity;
pub use shelf::{CardShelf, ServedCard};
pub use validate::{CardFault, validate};
