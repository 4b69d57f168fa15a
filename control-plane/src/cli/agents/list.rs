//! `tollgate agents list`: which of them.

use clap::Args;
use url::form_urlencoded::Serializer;

/// Which agents are listed.
#[derive(Debug, Args)]
pub struct List {
    /// In this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// With this tag; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// With this capability; may be repeated.
    #[arg(long = "capability", value_name = "NAME")]
    capabilities: Vec<String>,
    /// With this skill; may be repeated.
    #[arg(long = "skill", value_name = "NAME")]
    skills: Vec<String>,
}

impl List {
    pub(super) fn path(&self) -> String {
        let status: Vec<String> = self.status.iter().cloned().collect();
        let mut query = Serializer::new(String::new());
        for (name, values) in
            [("status", &status), ("tag", &self.tags), ("capability", &self.capabilities), ("skill", &self.skills)]
        {
            query.extend_pairs(values.iter().map(|value| (name, value)));
        }
        let query = query.finish();
        if query.is_empty() { "/admin/agents".to_owned() } else { format!("/admin/agents?{query}") }
    }
}
