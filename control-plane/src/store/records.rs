//! Stored forms: JSON with a schema version, one record a key. They are types of their own, joined to the domain's here and in
//! the submodules, so that the domain can change without the disk and the other way round.

mod a2a;
mod agent;
mod auth;
mod card;
mod client;
mod issuer;
mod lifecycle;
mod pace;
mod permission;
mod revocation;

use std::sync::Arc;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Change, SealingKey,
    seal::{Place, Unopened},
};
use crate::domain::{Registry, SigningKey};

/// Version of every stored form. A change that an older server could not read bumps it, and brings a migration.
/// 2: the text, versions and signatures of cards; `card` reads what 1 had instead. 3: agents' statuses; `lifecycle` does likewise.
pub(super) const SCHEMA: u32 = 3;
/// The oldest version that is read.
const OLDEST_SCHEMA: u32 = 1;

/// The kinds of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Agents,
    Permissions,
    Clients,
    Issuers,
    Revocations,
    SigningKeys,
    TaskKeys,
    CardKeys,
}

/// One record's place, and the key that seals its secrets.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) table: Table,
    pub(super) key: &'a str,
    pub(super) sealing: &'a SealingKey,
}

/// What stands around every record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<T> {
    schema: u32,
    record: T,
}

impl Table {
    pub(super) const ALL: [Self; 8] = [
        Self::Agents,
        Self::Permissions,
        Self::Clients,
        Self::Issuers,
        Self::Revocations,
        Self::SigningKeys,
        Self::TaskKeys,
        Self::CardKeys,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Permissions => "permissions",
            Self::Clients => "clients",
            Self::Issuers => "issuers",
            Self::Revocations => "revocations",
            Self::SigningKeys => "signing-keys",
            Self::TaskKeys => "task-keys",
            Self::CardKeys => "card-keys",
        }
    }

    pub(super) fn prefix(self) -> &'static [u8] {
        match self {
            Self::Agents => b"agents/",
            Self::Permissions => b"permissions/",
            Self::Clients => b"clients/",
            Self::Issuers => b"issuers/",
            Self::Revocations => b"revocations/",
            Self::SigningKeys => b"signing-keys/",
            Self::TaskKeys => b"task-keys/",
            Self::CardKeys => b"card-keys/",
        }
    }
}

/// What a change writes: for each record its new bytes, or `None` where it goes.
pub(super) fn written(change: &Change, sealing: &SealingKey) -> Vec<(Table, String, Option<Vec<u8>>)> {
    let record = |table, key| Record { table, key, sealing };
    let put = |table, key: &str, bytes| vec![(table, key.to_owned(), Some(bytes))];
    let gone = |table, key: &str| vec![(table, key.to_owned(), None)];
    match change {
        Change::PutAgent(agent) => {
            let key = agent.id.as_str();
            put(Table::Agents, key, encode(&agent::Stored::new(agent, record(Table::Agents, key))))
        }
        Change::DeleteAgent(id) => gone(Table::Agents, id.as_str()),
        Change::PutPermission(row) => {
            put(Table::Permissions, row.scope.as_str(), encode(&permission::Stored::from(row)))
        }
        Change::DeletePermission(scope) => gone(Table::Permissions, scope.as_str()),
        Change::PutClient(client) => put(Table::Clients, client.id.as_str(), encode(&client::Stored::from(client))),
        Change::DeleteClient(id) => gone(Table::Clients, id.as_str()),
        Change::PutIssuer(issuer) => put(Table::Issuers, &issuer.issuer, encode(&issuer::Stored::from(issuer))),
        Change::DeleteIssuer(issuer) => gone(Table::Issuers, issuer),
        Change::PutRevocation(it) => put(Table::Revocations, it.id.as_str(), encode(&revocation::Stored::from(it))),
        Change::DeleteRevocation(id) => gone(Table::Revocations, id.as_str()),
        Change::PutSigningKeys(keys) => key_ring(Table::SigningKeys, keys, sealing),
        Change::PutCardKeys(keys) => key_ring(Table::CardKeys, keys, sealing),
        Change::PutTaskKey(key) => {
            let id = key.id.as_str();
            put(Table::TaskKeys, id, encode(&a2a::StoredTaskKey::new(key, record(Table::TaskKeys, id))))
        }
        Change::DeleteTaskKey(id) => gone(Table::TaskKeys, id.as_str()),
    }
}

/// The table of which a change leaves nothing but what it writes.
pub(super) fn replaced(change: &Change) -> Option<Table> {
    match change {
        Change::PutSigningKeys(_) => Some(Table::SigningKeys),
        Change::PutCardKeys(_) => Some(Table::CardKeys),
        _ => None,
    }
}

fn key_ring(table: Table, keys: &[SigningKey], sealing: &SealingKey) -> Vec<(Table, String, Option<Vec<u8>>)> {
    let written = |key: &SigningKey| {
        let record = Record { table, key: &key.kid, sealing };
        (table, key.kid.clone(), Some(encode(&issuer::StoredKey::new(key, record))))
    };
    keys.iter().map(written).collect()
}

impl Record<'_> {
    /// Reads the record's bytes and puts it where it belongs; an error says what is wrong, without any secret.
    pub(super) fn read_into(self, bytes: &[u8], registry: &mut Registry) -> Result<(), String> {
        match self.table {
            Table::Agents => {
                let agent = decode::<agent::Stored>(bytes)?.into_domain(self)?;
                registry.agents.insert(agent.id.clone(), Arc::new(agent));
            }
            Table::Permissions => {
                let row = decode::<permission::Stored>(bytes)?.into_domain(self.key)?;
                registry.permissions.insert(row.scope.clone(), Arc::new(row));
            }
            Table::Clients => {
                let client = decode::<client::Stored>(bytes)?.into_domain(self.key)?;
                registry.clients.insert(client.id.clone(), Arc::new(client));
            }
            Table::Issuers => {
                let issuer = decode::<issuer::Stored>(bytes)?.into_domain(self.key)?;
                registry.issuers.insert(issuer.issuer.clone(), Arc::new(issuer));
            }
            Table::Revocations => {
                let revocation = decode::<revocation::Stored>(bytes)?.into_domain(self.key)?;
                registry.revocations.insert(revocation.id.clone(), Arc::new(revocation));
            }
            Table::SigningKeys => {
                let key = decode::<issuer::StoredKey>(bytes)?.into_domain(self)?;
                registry.signing_keys.push(Arc::new(key));
            }
            Table::TaskKeys => {
                let key = decode::<a2a::StoredTaskKey>(bytes)?.into_domain(self)?;
                registry.task_keys.insert(key.id.clone(), Arc::new(key));
            }
            Table::CardKeys => {
                let key = decode::<issuer::StoredKey>(bytes)?.into_domain(self)?;
                registry.card_keys.push(Arc::new(key));
            }
        }
        Ok(())
    }

    fn seal(self, field: &'static str, plain: &[u8]) -> String {
        self.sealing.seal(self.place(field), plain)
    }

    fn open(self, field: &'static str, sealed: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
        self.sealing
            .open(self.place(field), sealed)
            .map_err(|Unopened| format!("{field} does not open with this sealing key"))
    }

    fn place(&self, field: &'static str) -> Place<'_> {
        Place { table: self.table.name(), key: self.key, field }
    }
}

/// Whether records of that schema are read.
pub(super) fn is_readable(schema: u32) -> bool {
    (OLDEST_SCHEMA..=SCHEMA).contains(&schema)
}

fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(&Envelope { schema: SCHEMA, record }).expect("stored forms have string keys only")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let version: Version = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if !is_readable(version.schema) {
        return Err(format!("has schema {}, this server reads {OLDEST_SCHEMA} to {SCHEMA}", version.schema));
    }
    let envelope: Envelope<T> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    Ok(envelope.record)
}
