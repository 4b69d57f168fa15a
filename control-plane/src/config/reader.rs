//! Takes single settings out of the file and the environment, and remembers what was wrong and what nobody asked for. Which
//! settings there are is `blocks`' business.

use std::{collections::BTreeMap, collections::BTreeSet, fmt::Display, str::FromStr};

use toml::{Table, Value};

use super::{ConfigFaults, Fault};

/// The settings, as they are taken out.
pub(super) struct Reader<'a> {
    table: Table,
    env: &'a BTreeMap<String, String>,
    blocks: BTreeSet<String>,
    taken: BTreeSet<String>,
    faults: Vec<Fault>,
}

/// One block's settings.
pub(super) struct Block<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &str, env: &'a BTreeMap<String, String>) -> Result<Self, ConfigFaults> {
        let table = text.parse::<Table>().map_err(|error| {
            ConfigFaults(vec![Fault { key: "file".to_owned(), message: error.message().to_owned() }])
        })?;
        Ok(Self { table, env, blocks: BTreeSet::new(), taken: BTreeSet::new(), faults: Vec::new() })
    }

    /// A block by its dotted name; `""` is the top level.
    pub(super) fn block(&mut self, name: &'static str) -> Block<'_, 'a> {
        self.blocks.insert(name.to_owned());
        Block { reader: self, name }
    }

    pub(super) fn fault(&mut self, key: String, message: impl Display) {
        self.faults.push(Fault { key, message: message.to_string() });
    }

    /// The value, if nothing was wrong and nothing was left over.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ConfigFaults> {
        let left: Vec<String> = leaves("", &self.table).filter(|key| !self.asked_for(key)).collect();
        for key in left {
            self.fault(key, "is not a setting");
        }
        for name in self.stray_variables() {
            self.fault(name, "is not a setting's variable");
        }
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(ConfigFaults(self.faults)),
        }
    }

    /// Whether the key is a setting, or a block that stands there empty.
    fn asked_for(&self, key: &str) -> bool {
        self.taken.contains(key) || (self.blocks.contains(key) && self.lookup(key).is_some_and(Value::is_table))
    }

    /// Variables that begin like a block's and name none of its keys: most likely a misspelt setting.
    fn stray_variables(&self) -> Vec<String> {
        let known: BTreeSet<String> = self.taken.iter().map(|key| variable(key)).collect();
        let prefixes: Vec<String> =
            self.blocks.iter().filter(|name| !name.is_empty()).map(|name| format!("{}_", variable(name))).collect();
        let stray = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
        self.env.keys().filter(stray).filter(|name| !known.contains(*name)).cloned().collect()
    }

    /// Settings that were asked for and do not stand in the file.
    #[cfg(test)]
    pub(super) fn absent(&self) -> Vec<String> {
        self.taken.iter().filter(|key| self.lookup(key).is_none()).cloned().collect()
    }

    fn lookup(&self, key: &str) -> Option<&Value> {
        let mut parts = key.split('.');
        let first = self.table.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.as_table()?.get(part))
    }
}

impl Block<'_, '_> {
    fn key(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub(super) fn fault(&mut self, key: &str, message: impl Display) {
        let key = self.key(key);
        self.reader.fault(key, message);
    }

    /// The setting as text: the environment's, else the file's string, number or boolean.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let full = self.key(key);
        self.reader.taken.insert(full.clone());
        if let Some(text) = self.reader.env.get(&variable(&full)).filter(|text| !text.is_empty()) {
            return Some(text.clone());
        }
        match self.reader.lookup(&full)? {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(flag) => Some(flag.to_string()),
            _ => {
                self.reader.fault(full, "must be a single value");
                None
            }
        }
    }

    /// The setting, parsed; `None` when absent or wrong (then the fault is noted).
    pub(super) fn optional<T: FromStr<Err: Display>>(&mut self, key: &str) -> Option<T> {
        let text = self.text(key)?;
        text.parse().map_err(|error| self.fault(key, error)).ok()
    }

    /// The setting, or what it is when absent.
    pub(super) fn or<T: FromStr<Err: Display>>(&mut self, key: &str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// One of several words.
    pub(super) fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)) {
            return *value;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.fault(key, format!("must be one of: {}", known.join(", ")));
        default
    }

    /// A list: an array of strings in the file, comma-separated in the environment.
    pub(super) fn list<T: FromStr<Err: Display>>(&mut self, key: &str) -> Vec<T> {
        let texts = self.texts(key);
        texts
            .into_iter()
            .filter_map(|text| text.parse().map_err(|error| self.fault(key, format!("{text:?}: {error}"))).ok())
            .collect()
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let full = self.key(key);
        self.reader.taken.insert(full.clone());
        if let Some(text) = self.reader.env.get(&variable(&full)) {
            return text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
        }
        let Some(value) = self.reader.lookup(&full) else { return Vec::new() };
        let strings = value.as_array().and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        strings.unwrap_or_else(|| {
            self.reader.fault(full, "must be a list of strings");
            Vec::new()
        })
    }
}

/// The variable of a dotted key.
fn variable(key: &str) -> String {
    format!("TOLLGATE_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// Every dotted key that holds something other than a table.
fn leaves<'t>(prefix: &str, table: &'t Table) -> Box<dyn Iterator<Item = String> + 't> {
    let prefix = prefix.to_owned();
    Box::new(table.iter().flat_map(move |(name, value)| {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) if !inner.is_empty() => leaves(&key, inner),
            _ => Box::new(std::iter::once(key)),
        }
    }))
}
