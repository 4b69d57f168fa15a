//! What a platform engineer does: register agents, say who may reach them, make a client.

use anyhow::{Context, Result};

use super::{Outcome, Tour};
use crate::demo::call::Call;

const WEATHER: &str = concat!(
    r#"{"agentId":"weather","backendUrl":"$WEATHER_URL","tags":["demo"],"authConfig":{"type":"oauth2_client_credentials","#,
    r#""tokenUrl":"$WEATHER_URL/oauth/token","clientId":"$WEATHER_CLIENT_ID","clientSecret":"$WEATHER_CLIENT_SECRET","#,
    r#""scopes":["weather.read"]}}"#
);
const CALCULATOR: &str = concat!(
    r#"{"agentId":"calculator","backendUrl":"$CALCULATOR_URL","tags":["demo"],"#,
    r#""authConfig":{"type":"api_key","headerName":"X-API-Key","apiKey":"$CALCULATOR_API_KEY"}}"#
);
const PERMISSION: &str = r#"{"agents":["weather","calculator"],"operations":["read","write"]}"#;
const CLIENT: &str = r#"{"clientId":"demo","scopes":["demo:all","agents:weather:read"]}"#;

pub(super) fn steps(tour: &mut Tour) -> Result<()> {
    tour.step("the operator gets a token", |tour| {
        tour.token(&Call::token("$ADMIN_CLIENT_ID:$ADMIN_CLIENT_SECRET", &[]), "ADMIN_TOKEN")
    })?;
    for (title, body) in [("Weather is registered", WEATHER), ("Calculator is registered", CALCULATOR)] {
        tour.step(title, |tour| {
            let call = as_operator(Call::json("POST", "$GATEWAY_URL/admin/agents/register?wait=applied", body));
            let reply = tour.send(&call, &[200, 201])?;
            let finding = format!("callable at once, generation {}", reply.json()["generation"]);
            Ok(Outcome { reply, finding, command: call.curl() })
        })?;
    }
    tour.step("scope demo:all may use both", |tour| {
        let call = as_operator(Call::json("PUT", "$GATEWAY_URL/admin/permissions/demo:all?wait=applied", PERMISSION));
        let reply = tour.send(&call, &[200, 201])?;
        Ok(Outcome { reply, finding: "read and write".to_owned(), command: call.curl() })
    })?;
    tour.step("a client is made", make_client)
}

fn make_client(tour: &mut Tour) -> Result<Outcome> {
    let call = as_operator(Call::json("POST", "$GATEWAY_URL/admin/clients", CLIENT));
    // With --keep the client may be there already; then so is its secret.
    let reply = tour.send(&call, &[200, 201, 409])?;
    if reply.status == 409 {
        tour.variables
            .require("CLIENT_SECRET")
            .context("the client exists, and its secret is not in target/demo/env")?;
        return Ok(Outcome { reply, finding: "kept from the last run".to_owned(), command: call.curl() });
    }
    let body = reply.json();
    let secret = body["clientSecret"].as_str().context("the answer holds no clientSecret")?;
    tour.variables.set("CLIENT_ID", body["clientId"].as_str().unwrap_or("demo").to_owned());
    tour.variables.set("CLIENT_SECRET", secret.to_owned());
    Ok(Outcome { reply, finding: "its secret is shown once".to_owned(), command: call.curl() })
}

fn as_operator(call: Call) -> Call {
    call.header("Authorization", "Bearer $ADMIN_TOKEN")
}
