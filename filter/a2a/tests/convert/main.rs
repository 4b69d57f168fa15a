//! The ways between the models of A2A, from outside: tables of literal JSON, and properties of what is generated.

use serde_json::Value;
use tollgate_a2a::convert::{
    Model, Refusal, event_from_hub, event_to_hub, params_from_hub, params_to_hub, result_from_hub, result_to_hub,
};
use tollgate_policy::Operation;

mod generate;
mod ids;
mod leniency;
mod properties;
mod refusals;
mod requests;
mod results;

/// The same parameters in the three models, both ways.
#[track_caller]
fn check_params(operation: Operation, hub: &Value, rpc: &Value, rest: &Value) {
    for (model, older) in [(Model::V1, hub), (Model::V03Rpc, rpc), (Model::V03Rest, rest)] {
        assert_eq!(params_from_hub(operation, model, hub.clone()).as_ref(), Ok(older), "to {model:?}");
        assert_eq!(params_to_hub(operation, model, older.clone()).as_ref(), Ok(hub), "from {model:?}");
    }
}

/// The same answer in the three models, both ways.
#[track_caller]
fn check_result(operation: Operation, hub: &Value, rpc: &Value, rest: &Value) {
    for (model, older) in [(Model::V1, hub), (Model::V03Rpc, rpc), (Model::V03Rest, rest)] {
        assert_eq!(result_from_hub(operation, model, hub.clone()).as_ref(), Ok(older), "to {model:?}");
        assert_eq!(result_to_hub(operation, model, older.clone()).as_ref(), Ok(hub), "from {model:?}");
    }
}

/// The same event in the three models, both ways.
#[track_caller]
fn check_event(hub: &Value, rpc: &Value, rest: &Value) {
    for (model, older) in [(Model::V1, hub), (Model::V03Rpc, rpc), (Model::V03Rest, rest)] {
        assert_eq!(event_from_hub(model, hub.clone()).as_ref(), Ok(older), "to {model:?}");
        assert_eq!(event_to_hub(model, older.clone()).as_ref(), Ok(hub), "from {model:?}");
    }
}

#[track_caller]
fn check_refused(result: Result<Value, Refusal>, code: i32, names: &str) {
    let refusal = result.expect_err("it should be refused");
    assert_eq!(refusal.code, code, "{refusal}");
    assert!(refusal.message.contains(names), "{refusal}");
}
