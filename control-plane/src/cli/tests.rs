//! The commands against a real admin API on a loopback port.

use clap::Parser;
use serde_json::{Value, json};

use super::{CliError, ClientCommand, execute};
use crate::{
    admin::scene::Scene,
    cards::samples,
    fake_backend::{FakeBackend, Reply},
    quota::{
        Counts, Micros, Report,
        simulation::{bucket, limit, report},
    },
};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: ClientCommand,
}

/// A scene whose API listens.
struct Served {
    scene: Scene,
    url: String,
}

impl Served {
    async fn start() -> Self {
        let scene = Scene::new().await;
        let url = scene.listen().await;
        Self { scene, url }
    }

    async fn run(&self, arguments: &str) -> Result<String, CliError> {
        run(&format!("{arguments} --admin-url {} --token admin", self.url)).await
    }

    async fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.run(&format!("{arguments} --json")).await.unwrap()).unwrap()
    }
}

async fn run(arguments: &str) -> Result<String, CliError> {
    let line = Line::try_parse_from(std::iter::once("tollgate").chain(arguments.split_whitespace())).unwrap();
    let mut out = Vec::new();
    execute(line.command, &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

fn check(error: Result<String, CliError>, code: u8, part: &str) {
    let error = error.unwrap_err();
    assert_eq!(error.exit_code(), code, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[tokio::test]
async fn agents_are_registered_listed_and_removed() {
    let served = Served::start().await;
    let backend = served.scene.backend.url("/");
    let said = served.run(&format!("agents register weather --backend-url {backend} --tag a --wait")).await.unwrap();
    assert_eq!(said, "registered at https://gw.example/agents/weather/ (generation 1, in force on 0 Envoys)\n");
    let table = served.run("agents list").await.unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..2], ["ID", "STATUS"]);
    assert_eq!(lines[1][..4], ["weather", "active", "Weather", backend.as_str()]);
    assert_eq!(served.run("agents disable weather").await.unwrap(), "weather is inactive (generation 2)\n");
    assert_eq!(served.json("agents get weather").await["status"], "inactive");
    assert!(served.run("agents get weather").await.unwrap().contains("status: inactive\n"));
    assert_eq!(served.run("agents sync weather").await.unwrap(), "the card of weather is up to date (generation 3)\n");
    let retire = "agents status weather --to retired --reason gone --wait";
    assert_eq!(served.run(retire).await.unwrap(), "weather is retired (generation 4, in force on 0 Envoys)\n");
    assert_eq!(served.json("agents get weather").await["statusChange"]["reason"], "gone");
    assert_eq!(served.run("agents delete weather").await.unwrap(), "weather is deleted (generation 5)\n");
}

#[tokio::test]
async fn what_changed_in_a_card_is_said_line_by_line() {
    let served = Served::start().await;
    let backend = served.scene.backend.url("/");
    served.run(&format!("agents register weather --backend-url {backend}")).await.unwrap();
    assert_eq!(served.run("agents diff weather").await.unwrap(), "card of weather, version 1 to 1: the same\n");
    let mut card = samples::hybrid(backend.as_str().trim_end_matches('/'));
    card["name"] = json!("Storm");
    card["skills"] = json!([]);
    served.scene.backend.answer("/.well-known/agent-card.json", Reply::ok(&card.to_string()));
    served.run("agents sync weather").await.unwrap();
    let said = served.run("agents diff weather").await.unwrap();
    let expect = "card of weather, version 1 to 2: changed\n- /name: \"Weather\"\n+ /name: \"Storm\"\n- /skills/0: {";
    assert!(said.starts_with(expect), "{said}");
    assert_eq!(served.json("agents diff weather --from 2 --to 1").await["changes"][0]["after"], "Weather");
    let table = served.run("agents versions weather").await.unwrap();
    assert!(table.lines().nth(1).is_some_and(|line| line.starts_with('2') && line.contains("ignored")), "{table}");
    check(served.run("agents diff weather --from 7").await, 1, "CARD_VERSION_NOT_FOUND, 404");
}

#[tokio::test]
async fn a_cards_signatures_can_be_asked_for() {
    let served = Served::start().await;
    let backend = served.scene.backend.url("/");
    let register = format!("agents register weather --backend-url {backend} --card-signatures");
    let wanted = r#"{"policy":"require","jwks":{"keys":[]}}"#;
    check(served.run(&format!("{register} {wanted}")).await, 1, "INVALID_AGENT_CARD_SIGNATURE, 422");
    check(served.run(&format!("{register} {{")).await, 2, "--card-signatures is not JSON");
}

#[tokio::test]
async fn a_record_is_registered_from_a_file() {
    let served = Served::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), served.scene.record("weather", json!({"tags": ["from-file"]})).to_string()).unwrap();
    served.run(&format!("agents register --file {}", file.path().display())).await.unwrap();
    assert_eq!(served.json("agents list").await["agents"][0]["tags"], json!(["from-file"]));
}

#[tokio::test]
async fn permissions_are_set_and_shown() {
    let served = Served::start().await;
    let set = "permissions set api://x/read --agent a --agent b-* --operation read --requests-per-minute 5";
    assert_eq!(served.run(set).await.unwrap(), "api://x/read grants a, b-* (generation 1)\n");
    let row = served.json("permissions get api://x/read").await;
    assert_eq!((&row["agents"], &row["limit"]["requestsPerMinute"]), (&json!(["a", "b-*"]), &json!(5)));
    assert!(served.run("permissions list").await.unwrap().contains("api://x/read"));
    served.run("permissions delete api://x/read").await.unwrap();
    check(served.run("permissions get api://x/read").await, 1, "PERMISSION_NOT_FOUND, 404");
}

#[tokio::test]
async fn a_client_is_revoked_and_let_in_again() {
    let served = Served::start().await;
    let said = served
        .run("revoke --client ci --issuer https://i --until 2999-01-01T00:00:00Z --reason stolen --wait")
        .await
        .unwrap();
    assert!(said.starts_with("revoked (") && said.ends_with("(generation 1, in force on 0 Envoys)\n"), "{said}");
    let entry = served.json("revocations list").await["revocations"][0].clone();
    assert_eq!(
        (&entry["client"], &entry["issuer"], &entry["until"]),
        (&json!("ci"), &json!("https://i"), &json!("2999-01-01T00:00:00Z"))
    );
    let id = entry["revocationId"].as_str().unwrap();
    assert!(served.run("revocations list").await.unwrap().contains("stolen"));
    let said = served.run(&format!("revocations delete {id}")).await.unwrap();
    assert_eq!(said, format!("{id} cuts off nobody any more (generation 2)\n"));
    check(served.run("revoke --client tester").await, 1, "WOULD_REVOKE_YOURSELF, 409");
    check(served.run("revoke --client ci --until yesterday").await, 1, "until must be a time");
    served.run("revoke --client ci --for 30m").await.unwrap();
    let ends = served.json("revocations list").await["revocations"][0]["until"].clone();
    assert!(ends.as_str().is_some_and(|until| until.starts_with("20") && until.ends_with('Z')), "{ends}");
}

#[tokio::test]
async fn clients_and_issuers_have_their_commands() {
    let served = Served::start().await;
    let said = served.run("clients create ci --scope agents:a:read").await.unwrap();
    assert!(said.starts_with("CLIENT_ID=ci\nCLIENT_SECRET="), "{said}");
    assert!(served.json("clients rotate ci --overlap-seconds 0").await["clientSecret"].is_string());
    assert!(served.run("clients list").await.unwrap().contains("agents:a:read"));
    served.run("clients delete ci").await.unwrap();
    served.scene.backend.answer("/jwks", Reply::ok(r#"{"keys":[]}"#));
    let keys = served.scene.backend.url("/jwks");
    let set = format!("issuers set https://idp.example --audience a --jwks-url {keys}");
    served.run(&set).await.unwrap();
    assert_eq!(served.json("issuers get https://idp.example").await["audiences"], json!(["a"]));
    assert!(served.run("nodes").await.unwrap().starts_with("NODE"));
}

#[tokio::test]
async fn failures_say_what_is_wrong_and_have_their_exit_codes() {
    let served = Served::start().await;
    let refused = served.run("agents register Weather --backend-url nowhere").await;
    check(refused, 1, "agentId must match");
    let refused = served.run("agents register Weather --backend-url nowhere").await;
    check(refused, 1, "\n  backendUrl is not an absolute URL");
    let nobody = FakeBackend::closed_url().await;
    check(run(&format!("agents list --token t --admin-url {nobody}")).await, 69, "cannot be reached: no connection");
    check(run("agents list --admin-url nothing --token t").await, 2, "is no URL");
    check(run(&format!("agents list --token bad --admin-url {}", served.url)).await, 1, "(UNAUTHENTICATED, 401)");
    check(run("agents list --credentials /does/not/exist").await, 2, "cannot be read");
}

#[tokio::test]
async fn a_token_is_asked_for_by_basic_credentials_and_scopes() {
    let issuer = FakeBackend::start(Reply::ok(r#"{"access_token":"jwt","expires_in":900}"#)).await;
    let url = issuer.url("");
    let said =
        run(&format!("token --admin-url {url} --client-id a:b --client-secret s --scope x --scope y")).await.unwrap();
    assert_eq!(said, "jwt\n");
    let request = issuer.requests().remove(0).to_lowercase();
    assert!(request.starts_with("post /oauth2/token ") && request.ends_with("grant_type=client_credentials&scope=x+y"));
    // "a%3Ab:s"
    assert!(request.contains("authorization: basic ysuzqwi6cw=="), "{request}");
}

#[tokio::test]
async fn a_refused_login_repeats_the_issuers_words() {
    let issuer = FakeBackend::start(Reply::status(401)).await;
    let call = format!("agents list --admin-url {} --client-id a --client-secret planted", issuer.url(""));
    check(run(&call).await, 1, "the server answered 401");
}

#[test]
fn a_command_never_prints_its_secrets() {
    let line = ["tollgate", "nodes", "--client-secret", "planted", "--token", "planted"];
    let command = Line::try_parse_from(line).unwrap().command;
    assert!(!format!("{command:?}").contains("planted"));
}

#[tokio::test]
async fn usage_is_shown_busiest_first_and_narrowed() {
    let served = Served::start().await;
    let requests = |client: &str, admitted| {
        let counts = Counts { admitted, ..Counts::default() };
        Report { key: bucket(client), counts, ..report(limit(600, 60), 0, 0, 0) }
    };
    let now = Micros::from_seconds(crate::admin::scene::NOW);
    served.scene.state.usage.count(&[requests("few", 3), requests("many", 30)], now);
    let table = served.run("usage").await.unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1], ["many", "a", "-", "30", "600", "0", "0", "30", "2026-01-01T00:00:00Z"]);
    assert_eq!((lines.len(), lines[2][0]), (3, "few"));
    let answer = served.json("usage --client few --agent a --issuer i").await;
    assert_eq!((answer["usage"].as_array().unwrap().len(), &answer["usage"][0]["clientId"]), (1, &json!("few")));
}

fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn files_are_applied_exported_and_applied_again() {
    let served = Served::start().await;
    let dir = tempfile::tempdir().unwrap();
    let backend = served.scene.backend.url("/");
    let text = format!(
        "agents:\n  - agentId: weather\n    backendUrl: {backend}\n    tags: [a]\n---\nkind: Permission\nscope: s\nagents: [weather]\n"
    );
    let path = file(&dir, "agents.yaml", &text);
    let planned = served.run(&format!("apply -f {path} --dry-run")).await.unwrap();
    assert!(planned.starts_with("created agent weather\n  agentId: \"weather\"\n"), "{planned}");
    assert!(
        planned.ends_with("nothing is written: 2 created, 0 updated, 0 deleted, 0 unchanged (generation 0)\n"),
        "{planned}"
    );
    let made = served.run(&format!("apply -f {path} --wait")).await.unwrap();
    let sentence = "2 created, 0 updated, 0 deleted, 0 unchanged (generation 1, in force on 0 Envoys)";
    assert_eq!(made, format!("created agent weather\ncreated permission s\n{sentence}\n"));
    let exported = dir.path().join("exported.yaml").display().to_string();
    served.run(&format!("export -o {exported}")).await.unwrap();
    let again = served.run(&format!("apply -f {exported} --prune-all")).await.unwrap();
    assert_eq!(again, "0 created, 0 updated, 0 deleted, 2 unchanged (generation 1)\n");
    file(&dir, "agents.yaml", &text.replace("[a]", "[b]"));
    std::fs::remove_file(&exported).unwrap();
    let changed = served.run(&format!("apply -f {}", dir.path().display())).await.unwrap();
    assert!(changed.starts_with("updated agent weather\n  tags: [\"a\"] -> [\"b\"]\n"), "{changed}");
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_named_by_file_line_and_field() {
    let served = Served::start().await;
    let dir = tempfile::tempdir().unwrap();
    let backend = served.scene.backend.url("/");
    let good = format!("- kind: Agent\n  agentId: a\n  backendUrl: {backend}\n");
    let cases = [
        ("agents: [\n", 2, "agents.yaml: "),
        ("agents:\n  a: b\n", 2, "agents.yaml:1: agents must be a list"),
        ("clients: []\n", 2, "agents.yaml:1: clients is unknown"),
        ("- agentId: a\n", 2, "agents.yaml:1: kind must be Agent or Permission"),
        (&format!("{good}  maxConcurrent: 0\n"), 1, "agents.yaml:4: maxConcurrent must be"),
        (&format!("{good}  timeouts:\n    requestSeconds: x\n"), 1, "agents.yaml:5: timeouts.requestSeconds must be"),
        (&format!("{good}- kind: Agent\n  agentId: b\n"), 1, "agents.yaml:4: backendUrl is required"),
    ];
    for (text, code, part) in cases {
        let path = file(&dir, "agents.yaml", text);
        check(served.run(&format!("apply -f {path}")).await, code, part);
    }
    assert_eq!(served.scene.state.store.registry().generation.get(), 0);
    check(served.run("apply -f /absent.yaml").await, 2, "/absent.yaml cannot be read");
}

#[tokio::test]
async fn a_backup_is_written_once_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let served = Served::start().await;
    served.scene.register("weather", json!({})).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("backup");
    let command = format!("backup -o {}", path.display());
    let said = served.run(&command).await.unwrap();
    assert_eq!(said, format!("1 records of generation 1 are in {}\n", path.display()));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    check(served.run(&command).await, 2, "a backup overwrites nothing");
}
