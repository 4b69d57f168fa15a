//! What a request to apply says, read whole, every fault named.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    admin::{
        ApiError,
        agents::{Draft, credentials::Stored},
        check,
        fields::{Faults, Fields},
        permissions,
    },
    domain::{Agent, AgentId, ApplySet, BackendAuth, Permission, Registry, Secret},
};

/// Most records of one kind.
const MAX_RECORDS: usize = 20_000;

/// What is wanted.
pub(super) struct Wanted {
    pub(super) agents: Vec<WantedAgent>,
    pub(super) permissions: Vec<Permission>,
    /// Kinds of which the request has a list, if an empty one: only these are pruned.
    pub(super) lists: Lists,
    pub(super) prune: Prune,
    pub(super) set: ApplySet,
    pub(super) run: Run,
}

/// One agent.
#[derive(Clone)]
pub(super) struct WantedAgent {
    pub(super) draft: Draft,
    /// Where it stands in the request.
    pub(super) place: String,
    /// The credential whose secret it keeps, if the request gives none.
    pub(super) keeps: Option<BackendAuth>,
}

/// Which kinds the request has a list of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lists {
    pub(super) agents: Named,
    pub(super) permissions: Named,
}

/// Whether the request has a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Yes,
    No,
}

/// What goes of what the request does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Prune {
    #[default]
    Nothing,
    /// What was made by applying this set.
    Set,
    /// Everything of the kinds that the request has a list of.
    All,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Dry,
    Wet,
}

impl Wanted {
    /// Reads a body. An agent's secret that it leaves out is the one in `registry`, as long as it goes to the same place.
    pub(super) fn read(body: Value, registry: &Registry) -> Result<Self, ApiError> {
        let faults = Faults::default();
        let mut fields = faults.body(body);
        let lists = Lists { agents: named(&mut fields, "agents"), permissions: named(&mut fields, "permissions") };
        let agents = fields.objects_up_to("agents", MAX_RECORDS).unwrap_or_default();
        let agents: Vec<WantedAgent> = agents.into_iter().filter_map(|it| agent(it, registry)).collect();
        let rows = fields.objects_up_to("permissions", MAX_RECORDS).unwrap_or_default();
        let rows: Vec<(String, Permission)> = rows.into_iter().filter_map(permission).collect();
        let prune = fields.parsed("prune", prune).unwrap_or_default();
        let set = fields.parsed("set", |text| ApplySet::try_from(text)).unwrap_or_default();
        let run = if fields.truth("dryRun").unwrap_or(false) { Run::Dry } else { Run::Wet };
        fields.end();
        once(&faults, "agentId", agents.iter().map(|it| (&*it.place, it.draft.id.as_str())));
        once(&faults, "scope", rows.iter().map(|(place, row)| (&**place, row.scope.as_str())));
        for (place, row) in &rows {
            if let Err(refusal) = check::permission(row) {
                refusal.push_into(&faults, place);
            }
        }
        let permissions = rows.into_iter().map(|(_, row)| row).collect();
        faults.finish(Some(Self { agents, permissions, lists, prune, set, run }))
    }
}

fn named(fields: &mut Fields<'_>, list: &str) -> Named {
    if fields.has(list) { Named::Yes } else { Named::No }
}

fn agent(mut fields: Fields<'_>, registry: &Registry) -> Option<WantedAgent> {
    let place = fields.path().to_owned();
    let before = |id: &AgentId| registry.agents.get(id).map(|agent| &**agent);
    let mut keeps = None;
    let stored = |draft: &Draft| match before(&draft.id) {
        None => Stored::Nothing,
        Some(agent) if goes_to_the_same_place(agent, draft) => Stored::Here(&agent.auth),
        Some(_) => Stored::Elsewhere,
    };
    let draft = Draft::take(&mut fields, None, stored, &mut keeps);
    fields.end();
    Some(WantedAgent { draft: draft?, place, keeps })
}

/// A secret goes where it was registered for and nowhere else: whoever may apply a file could otherwise have it sent to themselves.
fn goes_to_the_same_place(before: &Agent, draft: &Draft) -> bool {
    let origins = |agent: &Agent| -> Vec<_> {
        let urls = agent.backends.iter().map(|backend| &backend.url).chain(agent.a2a.grpc.as_ref());
        urls.map(|url| url.url().origin()).collect()
    };
    let known = origins(before);
    let wanted = draft.backends.iter().map(|backend| &backend.url).chain(draft.a2a.grpc.as_ref());
    wanted.map(|url| url.url().origin()).all(|origin| known.contains(&origin))
}

fn permission(mut fields: Fields<'_>) -> Option<(String, Permission)> {
    let place = fields.path().to_owned();
    let scope = permissions::take_scope(&mut fields);
    let row = permissions::take(&mut fields, scope);
    fields.end();
    Some((place, row?))
}

fn prune(text: &str) -> Result<Prune, &'static str> {
    match text {
        "none" => Ok(Prune::Nothing),
        "set" => Ok(Prune::Set),
        "all" => Ok(Prune::All),
        _ => Err("must be none, set or all"),
    }
}

/// Notes what is there twice.
fn once<'a>(faults: &Faults, field: &str, places: impl Iterator<Item = (&'a str, &'a str)>) {
    let mut seen = BTreeMap::new();
    for (place, name) in places {
        if let Some(first) = seen.insert(name, place) {
            faults.push("DUPLICATE_RECORD", format!("{place}.{field}"), format!("is that of {first} too: {name}"));
        }
    }
}

/// Whether a credential that a record keeps is still what the registry has.
pub(super) fn is_still(kept: &BackendAuth, current: &Agent) -> bool {
    let secret =
        |auth| crate::admin::agents::credentials::secret_of(auth).map(|(_, secret): (_, &Secret)| secret.clone());
    secret(kept) == secret(&current.auth)
}
