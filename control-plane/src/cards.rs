//! Agent cards: fetched, their signatures verified, validated against A2A v0.3 and v1.0, and rewritten so that callers see the
//! gateway only, and signed by it. All but fetching is pure and works on JSON values, so that fields nobody here knows survive.

mod at;
pub mod canonical;
mod difference;
mod fetch;
mod interfaces;
mod rewrite;
mod security;
mod shelf;
mod signer;
mod skills;
mod validate;
mod verifier;

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod samples;

pub use difference::{Change, ChangeKind, difference};
pub use fetch::{CardError, CardFetcher, CardPlace, CredentialSource, FoundCard, MAX_CARD, Refetched, Validators};
pub use interfaces::{Binding, card_paths, first_backend};
pub use rewrite::{BackendCard, CardGateway, Offer};
pub use security::GatewaySecurity;
pub use shelf::{CardShelf, ServedCard};
pub use signer::{CARD_KEYS_PATH, CardSigner, card_key_set};
pub use skills::{SKILLS_EXTENSION, add_skills};
pub use validate::{CardFault, validate};
pub use verifier::{CardVerifier, SignatureError, key_set};
