//! How an agent is found, as a registration says it and as the record shows it.

use serde_json::{Map, Value};

use crate::{
    admin::fields::Fields,
    domain::{AgentDiscovery, Listed},
};

/// Takes the fields of a registration. Where an agent was found is not for it to say.
pub(super) fn take(fields: &mut Fields<'_>) -> Listed {
    let named = |text: &str| {
        let found = Listed::ALL.into_iter().find(|listed| listed.as_str() == text);
        found.ok_or("must be \"private\" or \"public\"")
    };
    fields.parsed("listed", named).unwrap_or_default()
}

/// Adds the field to a record.
pub(super) fn show(discovery: &AgentDiscovery, record: &mut Map<String, Value>) {
    record.insert("listed".into(), discovery.listed.as_str().into());
}
