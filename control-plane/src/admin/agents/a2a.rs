//! How an agent's traffic is treated, as a registration says it and as the record shows it.

use serde_json::{Map, Value, json};
use tollgate_policy::{
    a2a::webhook::is_host_pattern,
    document::{TaskIsolation, WebhookMode, WebhooksDocument},
};

use crate::{
    admin::fields::Fields,
    domain::{A2aSettings, BackendUrl, Translation},
};

/// Takes the fields of a registration.
pub(super) fn take(fields: &mut Fields<'_>) -> A2aSettings {
    A2aSettings {
        translation: fields.parsed("translation", translation).unwrap_or_default(),
        task_isolation: fields.parsed("taskIsolation", task_isolation).unwrap_or_default(),
        webhooks: fields.object("webhooks").map(take_webhooks).unwrap_or_default(),
        grpc: fields.parsed("grpcUrl", grpc_url),
    }
}

fn take_webhooks(mut fields: Fields<'_>) -> WebhooksDocument {
    let webhooks = WebhooksDocument {
        mode: fields.parsed("mode", webhook_mode).unwrap_or_default(),
        allow_http: fields.truth("allowHttp").unwrap_or(false),
        hosts: fields.each("hosts", host_pattern),
    };
    fields.end();
    webhooks
}

/// Adds the fields to a record.
pub(super) fn show(settings: &A2aSettings, record: &mut Map<String, Value>) {
    let isolation = match settings.task_isolation {
        TaskIsolation::None => "none",
        TaskIsolation::Caller => "caller",
    };
    let mode = match settings.webhooks.mode {
        WebhookMode::Checked => "checked",
        WebhookMode::Off => "off",
    };
    record.insert("translation".into(), settings.translation.as_str().into());
    record.insert("taskIsolation".into(), isolation.into());
    record.insert(
        "webhooks".into(),
        json!({"mode": mode, "allowHttp": settings.webhooks.allow_http, "hosts": settings.webhooks.hosts}),
    );
    record.insert("grpcUrl".into(), settings.grpc.as_ref().map(|url| url.url().as_str()).into());
}

fn translation(text: &str) -> Result<Translation, &'static str> {
    match text {
        "auto" => Ok(Translation::Auto),
        "off" => Ok(Translation::Off),
        _ => Err("must be auto or off"),
    }
}

fn task_isolation(text: &str) -> Result<TaskIsolation, &'static str> {
    match text {
        "none" => Ok(TaskIsolation::None),
        "caller" => Ok(TaskIsolation::Caller),
        _ => Err("must be none or caller"),
    }
}

fn webhook_mode(text: &str) -> Result<WebhookMode, &'static str> {
    match text {
        "checked" => Ok(WebhookMode::Checked),
        "off" => Ok(WebhookMode::Off),
        _ => Err("must be checked or off"),
    }
}

fn host_pattern(text: &str) -> Result<String, &'static str> {
    let text = text.to_ascii_lowercase();
    if is_host_pattern(&text) { Ok(text) } else { Err("must be a host name, an address, or a glob over them") }
}

/// gRPC has no path of its own to stand below.
fn grpc_url(text: &str) -> Result<BackendUrl, String> {
    let url = BackendUrl::parse(text).map_err(|error| error.to_string())?;
    if url.base_path().is_empty() { Ok(url) } else { Err("must not have a path: gRPC's is fixed".to_owned()) }
}
