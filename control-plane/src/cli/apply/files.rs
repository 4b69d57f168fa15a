//! What is to be applied, gathered from files: documents of three shapes, any number of them in a file. `agents:` and `permissions:` with
//! lists; one record with its `kind`; a list of such records. Each record remembers where it came from.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::yaml::{self, Content, Node};
use crate::cli::session::CliError;

/// What the files say, in the request's order.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// `None`: no file speaks of agents.
    agents: Option<Vec<Placed>>,
    /// Likewise.
    permissions: Option<Vec<Placed>>,
}

/// A record and where it came from.
#[derive(Debug)]
struct Placed {
    file: String,
    node: Node,
}

impl Gathered {
    /// Reads the files: a file, all `.yaml`, `.yml` and `.json` of a directory in the order of their names, or `-` for standard input.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, CliError> {
        let (mut gathered, mut faults) = (Self::default(), Vec::new());
        for path in paths {
            for (name, text) in texts(path)? {
                match yaml::read(&text) {
                    Ok(documents) => documents.into_iter().for_each(|it| gathered.take(&name, it, &mut faults)),
                    Err(fault) => faults.push(format!("{name}: {fault}")),
                }
            }
        }
        if faults.is_empty() { Ok(gathered) } else { Err(CliError::Usage(faults.join("\n  "))) }
    }

    /// The lists of the request.
    pub(super) fn lists(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let list = |placed: &Vec<Placed>| placed.iter().map(|it| it.node.to_json()).collect();
        let lists = [("agents", &self.agents), ("permissions", &self.permissions)];
        lists.into_iter().filter_map(move |(name, placed)| Some((name, placed.as_ref().map(list)?)))
    }

    /// The file and line of a field as the server names it, `agents[3].backendUrl` say; and the rest of its name within the record.
    pub(super) fn place<'f>(&self, field: &'f str) -> Option<(String, &'f str)> {
        let (list, rest) = field.split_once('[')?;
        let (index, rest) = rest.split_once(']')?;
        let placed = match list {
            "agents" => self.agents.as_ref(),
            "permissions" => self.permissions.as_ref(),
            _ => None,
        };
        let record = placed?.get(index.parse::<usize>().ok()?)?;
        Some((format!("{}:{}", record.file, record.node.line_of(rest)), rest.trim_start_matches('.')))
    }

    fn take(&mut self, file: &str, document: Node, faults: &mut Vec<String>) {
        if document.field("kind").is_some() {
            return self.take_record(file, document, faults);
        }
        match document.content {
            Content::List(items) => items.into_iter().for_each(|item| self.take_record(file, item, faults)),
            Content::Map(fields) => {
                for (name, line, value) in fields {
                    self.take_list(file, (&name, line), value, faults);
                }
            }
            Content::Scalar(_) => faults.push(format!("{file}:{}: must be agents and permissions", document.line)),
        }
    }

    fn take_list(&mut self, file: &str, (name, line): (&str, u64), value: Node, faults: &mut Vec<String>) {
        let Some(list) = self.list(name) else {
            return faults
                .push(format!("{file}:{line}: {name} is unknown: a document has agents, permissions, or a kind"));
        };
        match value.content {
            Content::List(items) => list.extend(items.into_iter().map(|node| Placed { file: file.to_owned(), node })),
            Content::Scalar(Value::Null) => {}
            _ => faults.push(format!("{file}:{line}: {name} must be a list")),
        }
    }

    /// A record that says its own kind.
    fn take_record(&mut self, file: &str, mut record: Node, faults: &mut Vec<String>) {
        let line = record.line;
        let kind = record.field("kind").and_then(|kind| Some(kind.to_json().as_str()?.to_ascii_lowercase()));
        let list = match kind.as_deref() {
            Some("agent") => self.list("agents"),
            Some("permission") => self.list("permissions"),
            _ => None,
        };
        let Some(list) = list else {
            return faults.push(format!("{file}:{line}: kind must be Agent or Permission"));
        };
        if let Content::Map(fields) = &mut record.content {
            fields.retain(|(name, ..)| name != "kind");
        }
        list.push(Placed { file: file.to_owned(), node: record });
    }

    fn list(&mut self, name: &str) -> Option<&mut Vec<Placed>> {
        match name {
            "agents" => Some(self.agents.get_or_insert_default()),
            "permissions" => Some(self.permissions.get_or_insert_default()),
            _ => None,
        }
    }
}

/// Names and texts of the files at a path.
fn texts(path: &Path) -> Result<Vec<(String, String)>, CliError> {
    let unreadable =
        |path: &Path, error: &std::io::Error| CliError::Usage(format!("{} cannot be read: {error}", path.display()));
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable(Path::new("standard input"), &error))?;
        return Ok(vec![("stdin".to_owned(), text)]);
    }
    let files = if path.is_dir() {
        in_directory(path).map_err(|error| unreadable(path, &error))?
    } else {
        vec![path.to_owned()]
    };
    if files.is_empty() {
        return Err(CliError::Usage(format!("{} has no .yaml, .yml or .json file", path.display())));
    }
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        Ok((file.display().to_string(), text))
    };
    files.into_iter().map(read).collect()
}

fn in_directory(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_ours = |file: &PathBuf| {
        let ending = file.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("yaml" | "yml" | "json")) && file.is_file()
    };
    let entries = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
    let mut files: Vec<PathBuf> = entries.collect::<std::io::Result<_>>()?;
    files.retain(is_ours);
    files.sort();
    Ok(files)
}
