//! The cards of what is wanted, fetched side by side. A new agent, or one that moved, needs a good card, as in a registration. For one that
//! stays where it is the card is asked for again with its `ETag`, so that a changed card is noticed; if it cannot be had, the last good one
//! stays, and there is a warning.

use futures::{StreamExt, stream};

use super::wanted::WantedAgent;
use crate::{
    admin::{AdminState, ApiError, agents, fields::Faults},
    domain::{Agent, AgentStatus, Card, Registry},
};

/// Cards that are fetched at once.
const AT_ONCE: usize = 32;

/// What became of an agent's card.
#[derive(Clone)]
pub(super) enum Fetched {
    /// This is it.
    Card(Box<Card>),
    /// It was not asked for, or could not be had: why.
    Kept(Option<String>),
}

/// The cards, one for each of `wanted`.
///
/// # Errors
/// A card that is needed cannot be had: names all of these.
pub(super) async fn fetch(
    state: &AdminState,
    wanted: &[WantedAgent],
    registry: &Registry,
) -> Result<Vec<Fetched>, ApiError> {
    // Owned by the futures, so that they are no stranger to threads than any other.
    let asked: Vec<_> = wanted
        .iter()
        .map(|it| {
            let (state, draft) = (state.clone(), it.draft.clone());
            let before = registry.agents.get(&draft.id).filter(|agent| draft.is_where(agent)).cloned();
            async move {
                match before {
                    None => agents::checked_card(&state, &draft).await.map(|card| Fetched::Card(Box::new(card))),
                    Some(agent) => Ok(again(&state, &agent).await),
                }
            }
        })
        .collect();
    let outcomes: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let faults = Faults::default();
    let mut fetched = Vec::with_capacity(outcomes.len());
    for (outcome, wanted) in outcomes.into_iter().zip(wanted) {
        match outcome {
            Ok(it) => fetched.push(it),
            Err(refusal) => refusal.push_into(&faults, &wanted.place),
        }
    }
    faults.finish(Some(fetched))
}

async fn again(state: &AdminState, agent: &Agent) -> Fetched {
    // Nobody calls it: it need not be up.
    if matches!(agent.status, AgentStatus::Inactive | AgentStatus::Retired) {
        return Fetched::Kept(None);
    }
    match state.cards.refetch(agent, (state.clock)()).await {
        Ok(card) => Fetched::Card(Box::new(card)),
        Err(error) => Fetched::Kept(Some(error.to_string())),
    }
}
