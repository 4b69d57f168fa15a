//! Which settings of remote embedders are taken, and what is said of the others.

use std::collections::BTreeMap;

use super::*;
use crate::config::Config;

fn read_settings(text: &str, env: &[(&str, &str)]) -> Result<Semantic, Vec<String>> {
    let env: BTreeMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let told = |fault: crate::config::Fault| format!("{}: {}", fault.key, fault.message);
    let faults = |faults: crate::config::ConfigFaults| faults.0.into_iter().map(told).collect();
    Config::parse(text, &env).map(|config| config.search.semantic).map_err(faults)
}

#[track_caller]
fn refused(text: &str, expect: &[&str]) {
    assert_eq!(read_settings(text, &[]).unwrap_err(), expect, "{text}");
}

#[test]
fn an_openai_compatible_api_needs_its_url_and_a_model() {
    let local = "[search]\nsemantic = \"openai\"\n[search.openai]\nbase_url = \"http://127.0.0.1:11434/v1/\"\nmodel = \"nomic-embed-text\"";
    let expect = OpenAiSettings {
        base_url: "http://127.0.0.1:11434/v1/".parse().unwrap(),
        model: "nomic-embed-text".to_owned(),
        dimensions: None,
        api_key: None,
        batch_size: 32,
    };
    assert_eq!(read_settings(local, &[]), Ok(Semantic::OpenAi(expect.clone())));
    let env = [
        ("TOLLGATE_SEARCH_OPENAI_API_KEY", "env:OPENAI_API_KEY"),
        ("TOLLGATE_SEARCH_OPENAI_DIMENSIONS", "512"),
        ("TOLLGATE_SEARCH_OPENAI_BATCH_SIZE", "8"),
    ];
    let api_key = Some(Secret::Env("OPENAI_API_KEY".to_owned()));
    let more = OpenAiSettings { dimensions: Some(512), batch_size: 8, api_key, ..expect };
    assert_eq!(read_settings(local, &env), Ok(Semantic::OpenAi(more)));
    refused(
        "[search]\nsemantic = \"openai\"",
        &[
            "search.openai.base_url: is missing beside search.semantic = \"openai\": such as \"https://api.openai.com/v1\"",
            "search.openai.model: is missing beside search.semantic = \"openai\": such as \"text-embedding-3-small\"",
        ],
    );
}

#[test]
fn bedrock_needs_a_region_and_has_defaults_for_the_rest() {
    let text = "[search]\nsemantic = \"bedrock\"\n[search.bedrock]\nregion = \"eu-central-1\"";
    let expect = BedrockSettings {
        region: "eu-central-1".to_owned(),
        model: "amazon.titan-embed-text-v2:0".to_owned(),
        dimensions: 1024,
        endpoint: "https://bedrock-runtime.eu-central-1.amazonaws.com".parse().unwrap(),
        credentials: None,
    };
    assert_eq!(read_settings(text, &[]), Ok(Semantic::Bedrock(expect.clone())));
    let keys = "dimensions = 256\nendpoint_url = \"https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com\"\naccess_key_id = \"AKID\"\nsecret_access_key = \"file:/run/secrets/key\"";
    let credentials = AwsCredentials {
        access_key_id: Secret::from_written("AKID".to_owned()),
        secret_access_key: Secret::File("/run/secrets/key".into()),
        session_token: None,
    };
    let endpoint = "https://vpce-1.bedrock-runtime.eu-central-1.vpce.amazonaws.com".parse().unwrap();
    let more = BedrockSettings { dimensions: 256, endpoint, credentials: Some(credentials), ..expect };
    assert_eq!(read_settings(&format!("{text}\n{keys}"), &[]), Ok(Semantic::Bedrock(more)));
    refused(
        "[search]\nsemantic = \"bedrock\"",
        &["search.bedrock.region: is missing beside search.semantic = \"bedrock\": such as \"eu-central-1\""],
    );
}

#[test]
fn what_is_wrong_is_named_whether_or_not_it_is_used() {
    refused("[search]\nsemantic = \"cohere\"", &["search.semantic: must be one of: auto, openai, bedrock, off"]);
    refused(
        "[search.openai]\nbase_url = \"https://u:p@a.example/v1?x\"\nmodel = \"a b\"\ndimensions = 0\nbatch_size = 257",
        &[
            "search.openai.base_url: must be an http or https URL without credentials, query and fragment",
            "search.openai.model: must be a model's name, without spaces, of at most 512 bytes",
            "search.openai.dimensions: must be a whole number from 1 to 8192",
            "search.openai.batch_size: must be a whole number from 1 to 256",
        ],
    );
    refused(
        "[search.bedrock]\nregion = \"eu/central\"\ndimensions = 300",
        &[
            "search.bedrock.region: must be the name of an AWS region, such as \"eu-central-1\"",
            "search.bedrock.dimensions: must be one of: 1024, 512, 256",
        ],
    );
}

#[test]
fn half_of_a_credential_is_none() {
    let go_together = "is missing: access_key_id and secret_access_key go together";
    refused(
        "[search.bedrock]\naccess_key_id = \"AKID\"",
        &[&format!("search.bedrock.secret_access_key: {go_together}")],
    );
    refused(
        "[search.bedrock]\nsession_token = \"env:T\"",
        &[
            &format!("search.bedrock.access_key_id: {go_together}"),
            &format!("search.bedrock.secret_access_key: {go_together}"),
        ],
    );
}

#[test]
fn secrets_in_the_file_are_refused_and_not_repeated() {
    refused("[search.openai]\napi_key = \"sk-hunter2\"", &["search.openai.api_key: must be env:NAME or file:PATH"]);
    refused(
        "[search.bedrock]\naccess_key_id = \"AKID\"\nsecret_access_key = \"hunter2\"\nsession_token = \"hunter3\"",
        &[
            "search.bedrock.secret_access_key: must be env:NAME or file:PATH",
            "search.bedrock.session_token: must be env:NAME or file:PATH",
        ],
    );
}
